//! Editors' tokens: made, listed, revoked, recognised; and what editors were answered before.
//!
//! A token reads `tw_<id>_<secret>`. The id is public: lists, logs and the audit log name it. The
//! secret is 256 random bits, leaves this module once, when the token is made, and is stored as
//! its SHA-256 only. With that many random bits nothing slower than SHA-256 is called for.
//!
//! [`Tokens`] has a connection of its own beside a running server and remembers nothing: what a
//! command revokes is refused by the server from the next request on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::history::open::{fault, open_shared};
use crate::history::{StoreFault, answer, audit};
use crate::model::access::{AuditRecord, Editor, Outcome, Role, StoredAnswer};
use crate::model::id::OrganisationId;
use crate::model::settings::Secret;
use crate::model::time::Timestamp;

/// What every token begins with, so that scanners for leaked secrets can find it.
const PREFIX: &str = "tw_";

/// 40 bits: enough that ids do not meet, short enough to be read out.
const ID_BYTES: usize = 5;

/// 256 bits.
const SECRET_BYTES: usize = 32;

/// Characters of an id: five bits each.
const ID_LENGTH: usize = 8;

/// Most tokens in force.
pub const TOKENS_MAX: u32 = 10_000;

/// Most revoked or expired tokens that are still listed. The audit log remembers all.
pub const ENDED_KEPT: u32 = 1_000;

/// Longest label, in characters.
pub const LABEL_LENGTH_MAX: usize = 200;

/// Most organisations of one token.
pub const ORGANISATIONS_MAX: usize = 1_000;

/// How exact the last use is: not every request is worth a write.
const LAST_USED_STEP: Duration = Duration::from_secs(60);

/// A token that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What it is for.
    pub role: Role,
    /// Whom it is for. None means all to an admin, and is refused for an editor.
    pub organisations: Vec<OrganisationId>,
    /// What the operator calls it.
    pub label: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A token that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Its id.
    pub id: String,
    /// The whole token. This is the only copy.
    pub text: Secret,
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// Whom it is for.
    pub organisations: Vec<OrganisationId>,
    /// What the operator calls it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl Listed {
    /// Whether it opens anything.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Why a token is not made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    /// An editor of nobody.
    #[error("an editor's token is for certain organisations; name one with `--organisation ID`")]
    NoOrganisation,
    /// Metrics of somebody.
    #[error("the metrics are of all organisations; leave `--organisation` out")]
    NotForAll,
    /// Too many of them.
    #[error("a token is for at most {ORGANISATIONS_MAX} organisations; an admin's without any is for all")]
    TooManyOrganisations,
    /// The label is too long or holds control characters.
    #[error("a label is one line of at most {LABEL_LENGTH_MAX} characters")]
    Label,
    /// It would never have been valid.
    #[error("a token cannot end before it begins; give it more time")]
    Expired,
    /// Too many tokens.
    #[error("the store holds {TOKENS_MAX} tokens in force, which is the most; revoke some first")]
    TooMany,
    /// The text is no id.
    #[error("that is no token's id; `turmwacht token list` names them")]
    NoId,
    /// Nobody has this id.
    #[error("there is no token `{id}`; `turmwacht token list` names them")]
    Unknown {
        /// The id, of an id's form.
        id: String,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}; a token cannot be made without")]
    Random(getrandom::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl TokenFault {
    /// The HTTP status that such a refusal would have.
    const fn status(&self) -> u16 {
        match self {
            Self::NoOrganisation
            | Self::NotForAll
            | Self::TooManyOrganisations
            | Self::Label
            | Self::Expired
            | Self::NoId => 422,
            Self::TooMany => 409,
            Self::Unknown { .. } => 404,
            Self::Random(_) | Self::Store(_) => 503,
        }
    }
}

/// The tokens of a store, through a connection of their own.
#[derive(Debug)]
pub struct Tokens {
    connection: Connection,
    path: PathBuf,
}

impl Tokens {
    /// Opens the store beside its running server; makes it if it is missing.
    pub fn open(path: &Path) -> Result<Self, StoreFault> {
        Ok(Self { connection: open_shared(path)?, path: path.to_owned() })
    }

    /// Makes a token. This and a refusal are recorded in the audit log, as done by `actor`.
    pub fn issue(&mut self, order: &Order, actor: &str, now: Timestamp) -> Result<Issued, TokenFault> {
        let mut record = AuditRecord {
            at: now,
            actor: actor.to_owned(),
            action: "token new".to_owned(),
            subject: String::new(),
            outcome: Outcome::Done,
            status: 201,
            detail: detail(order),
            position: None,
        };
        let path = self.path.clone();
        self.recorded(&mut record, |transaction, record| {
            check(order, now)?;
            let organisations = organisations_json(&order.organisations);
            let (issued, hash) = loop {
                let (issued, hash) = generate().map_err(TokenFault::Random)?;
                if !exists(transaction, &issued.id).map_err(fault("read", &path))? {
                    break (issued, hash);
                }
            };
            record.subject.clone_from(&issued.id);
            make_room(transaction, now, &path)?;
            transaction
                .execute(
                    "INSERT INTO token (id, hash, role, organisations, label, created_ms, expires_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        issued.id,
                        hash,
                        order.role.as_str(),
                        organisations,
                        order.label,
                        now.as_millis(),
                        order.expires_at.map(Timestamp::as_millis)
                    ],
                )
                .map_err(fault("write", &path))?;
            Ok(issued)
        })
    }

    /// Revokes a token, for good. Returns its id and since when it is revoked, which may be
    /// earlier than now. Takes a whole token as well, in case that is all that was found.
    pub fn revoke(&mut self, token: &str, actor: &str, now: Timestamp) -> Result<(String, Timestamp), TokenFault> {
        let id = id_in(token);
        let mut record = AuditRecord {
            at: now,
            actor: actor.to_owned(),
            action: "token revoke".to_owned(),
            // Never a text that may hold a secret.
            subject: id.unwrap_or_default().to_owned(),
            outcome: Outcome::Done,
            status: 200,
            detail: "{}".to_owned(),
            position: None,
        };
        let path = self.path.clone();
        self.recorded(&mut record, |transaction, _| {
            let id = id.ok_or(TokenFault::NoId)?;
            let revoked: Option<i64> = transaction
                .query_row(
                    "UPDATE token SET revoked_ms = coalesce(revoked_ms, ?2) WHERE id = ?1 RETURNING revoked_ms",
                    params![id, now.as_millis()],
                    |row| row.get(0),
                )
                .optional()
                .map_err(fault("write", &path))?;
            let at = revoked.ok_or_else(|| TokenFault::Unknown { id: id.to_owned() })?;
            Ok((id.to_owned(), Timestamp::from_millis(at)))
        })
    }

    /// Does something and records it, or else records that it was refused. A store that fails
    /// records neither.
    fn recorded<T>(
        &mut self,
        record: &mut AuditRecord,
        action: impl FnOnce(&Transaction<'_>, &mut AuditRecord) -> Result<T, TokenFault>,
    ) -> Result<T, TokenFault> {
        let writing = fault("write", &self.path);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&writing)?;
        let result = action(&transaction, record);
        if let Err(refusal) = &result {
            if let TokenFault::Store(_) = refusal {
                return result;
            }
            (record.outcome, record.status) = (Outcome::Refused, refusal.status());
        }
        audit::append(&transaction, record).map_err(&writing)?;
        transaction.commit().map_err(&writing)?;
        result
    }

    /// Adds an entry to the audit log.
    pub fn record(&mut self, record: &AuditRecord) -> Result<(), StoreFault> {
        let writing = fault("write", &self.path);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&writing)?;
        audit::append(&transaction, record).map_err(&writing)?;
        transaction.commit().map_err(&writing)
    }

    /// All tokens, oldest first.
    pub fn list(&self) -> Result<Vec<Listed>, StoreFault> {
        let reading = fault("read", &self.path);
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, role, organisations, label, expires_ms, revoked_ms, created_ms, last_used_ms
                 FROM token ORDER BY created_ms, id",
            )
            .map_err(&reading)?;
        statement.query_map([], listed).and_then(Iterator::collect).map_err(&reading)
    }

    /// Whose token this is. `None` if it is none, or not in force: nobody is told which. Until the
    /// secret has proved right, the same is done for every text, known id or not, so that the
    /// time it takes tells nothing either.
    pub fn authenticate(&self, bearer: &str, now: Timestamp) -> Result<Option<Editor>, StoreFault> {
        let reading = fault("read", &self.path);
        let (id, secret) = split(bearer).unwrap_or_default();
        let hash: Option<[u8; 32]> = self
            .connection
            .prepare_cached("SELECT hash FROM token WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
            .map_err(&reading)?;
        // Nobody's secret has a hash of zeros.
        let is_right = bool::from(digest(secret).ct_eq(&hash.unwrap_or_default()));
        if !is_right {
            return Ok(None);
        }
        self.standing(id, now)
    }

    /// Whose the token with this id is; `None` if there is none, or it is not in force. That is no proof
    /// of anything: whoever asks has seen the secret before.
    pub fn standing(&self, id: &str, now: Timestamp) -> Result<Option<Editor>, StoreFault> {
        let token = self
            .connection
            .prepare_cached(
                "SELECT id, role, organisations, label, expires_ms, revoked_ms, created_ms, last_used_ms
                 FROM token WHERE id = ?1",
            )
            .and_then(|mut statement| statement.query_row([id], listed).optional())
            .map_err(fault("read", &self.path))?;
        let Some(token) = token.filter(|token| token.is_in_force(now)) else { return Ok(None) };
        self.used(&token, now);
        Ok(Some(Editor { token: token.id, label: token.label, role: token.role, organisations: token.organisations }))
    }

    /// Notes a use. Nobody is locked out because that cannot be written.
    fn used(&self, token: &Listed, now: Timestamp) {
        if token.last_used_at.is_some_and(|last| now < last.plus(LAST_USED_STEP)) {
            return;
        }
        let noted = self
            .connection
            .prepare_cached("UPDATE token SET last_used_ms = ?2 WHERE id = ?1")
            .and_then(|mut statement| statement.execute(params![token.id, now.as_millis()]));
        if let Err(error) = noted {
            tracing::warn!(token = token.id, %error, "cannot note that the token `{}` was used", token.id);
        }
    }

    /// What a token was answered under an idempotency key, within the last day.
    pub fn answer(&self, token: &str, key: &str, now: Timestamp) -> Result<Option<StoredAnswer>, StoreFault> {
        answer::find(&self.connection, token, key, now).map_err(fault("read", &self.path))
    }
}

fn check(order: &Order, now: Timestamp) -> Result<(), TokenFault> {
    if order.role == Role::Editor && order.organisations.is_empty() {
        return Err(TokenFault::NoOrganisation);
    }
    if order.role == Role::Metrics && !order.organisations.is_empty() {
        return Err(TokenFault::NotForAll);
    }
    if order.organisations.len() > ORGANISATIONS_MAX {
        return Err(TokenFault::TooManyOrganisations);
    }
    if order.label.chars().count() > LABEL_LENGTH_MAX || order.label.chars().any(char::is_control) {
        return Err(TokenFault::Label);
    }
    if order.expires_at.is_some_and(|end| end <= now) {
        return Err(TokenFault::Expired);
    }
    Ok(())
}

/// What the audit log keeps of an order.
fn detail(order: &Order) -> String {
    serde_json::json!({
        "role": order.role,
        "organisations": order.organisations,
        "label": order.label,
        "expires_at": order.expires_at.map(|end| end.to_string()),
    })
    .to_string()
}

/// Forgets the oldest of those that ended; refuses one more than fit.
fn make_room(transaction: &Transaction<'_>, now: Timestamp, path: &Path) -> Result<(), TokenFault> {
    transaction
        .execute(
            "DELETE FROM token WHERE id IN (
                 SELECT id FROM token WHERE revoked_ms IS NOT NULL OR expires_ms <= ?1
                 ORDER BY created_ms DESC LIMIT -1 OFFSET ?2)",
            params![now.as_millis(), ENDED_KEPT],
        )
        .map_err(fault("write", path))?;
    let count: u32 = transaction
        .query_row(
            "SELECT count(*) FROM token WHERE revoked_ms IS NULL AND coalesce(expires_ms > ?1, TRUE)",
            [now.as_millis()],
            |row| row.get(0),
        )
        .map_err(fault("read", path))?;
    if count < TOKENS_MAX { Ok(()) } else { Err(TokenFault::TooMany) }
}

fn exists(connection: &Connection, id: &str) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) > 0 FROM token WHERE id = ?1", [id], |row| row.get(0))
}

/// A new token and the hash of its secret.
fn generate() -> Result<(Issued, [u8; 32]), getrandom::Error> {
    let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
    getrandom::fill(&mut id)?;
    getrandom::fill(&mut secret)?;
    let [id, secret] = [&id[..], &secret[..]].map(|bytes| BASE32_NOPAD.encode(bytes).to_ascii_lowercase());
    let hash = digest(&secret);
    Ok((Issued { text: Secret::new(format!("{PREFIX}{id}_{secret}")), id }, hash))
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// The id and the secret of a token's text.
fn split(token: &str) -> Option<(&str, &str)> {
    token.strip_prefix(PREFIX)?.split_once('_').filter(|(id, _)| is_id(id))
}

/// The id that a text is, or that is in it.
fn id_in(text: &str) -> Option<&str> {
    if is_id(text) { Some(text) } else { split(text).map(|(id, _)| id) }
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

fn organisations_json(organisations: &[OrganisationId]) -> String {
    let mut sorted: Vec<&str> = organisations.iter().map(OrganisationId::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    serde_json::json!(sorted).to_string()
}

/// The columns `id, role, organisations, label, expires_ms, revoked_ms, created_ms,
/// last_used_ms`. What cannot be read is an error, never a token for all.
fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    use rusqlite::types::Type;
    let (role, organisations): (String, String) = (row.get(1)?, row.get(2)?);
    let instant = |column| row.get::<_, Option<i64>>(column).map(|at| at.map(Timestamp::from_millis));
    Ok(Listed {
        id: row.get(0)?,
        role: Role::parse(&role).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(1, Type::Text, "an unknown role of a token".into())
        })?,
        organisations: serde_json::from_str(&organisations)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, Box::new(error)))?,
        label: row.get(3)?,
        created_at: Timestamp::from_millis(row.get(6)?),
        expires_at: instant(4)?,
        revoked_at: instant(5)?,
        last_used_at: instant(7)?,
    })
}
