//! The audit log: every change and every refusal, chained by hashes.
//!
//! An entry's hash covers all its columns and the hash of the entry before, so that an edited, an
//! inserted or a removed one is found. A missing end is found by SQLite's own count of the table.
//! The server and commands append beside each other: each reads the last entry inside its own
//! transaction.
//!
//! Whoever may write the file and knows all this can forge the whole chain. Against that helps
//! only what was taken elsewhere before: a backup, or the last hash that [`verify`] returns.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use sha2::{Digest, Sha256};

use crate::history::open::{fault, open_beside};
use crate::history::{StoreFault, signed};
use crate::model::access::{AuditRecord, bounded_detail, bounded_name};
use crate::model::time::Timestamp;

/// Begins what is hashed: another encoding would get another name.
const ENCODING: &[u8] = b"turmwacht audit 1";

/// What the first entry follows.
const BEGINNING: [u8; 32] = [0; 32];

/// Entries read in one go: at most 64 MiB, well below two seconds.
const ENTRIES_PER_READ: u32 = 1_000;

/// Most bytes of details in a page, unless a single entry has more.
const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// An audit log that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// The hash of the last one, in hexadecimal.
    pub last_hash: Option<String>,
}

/// Why an audit log proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum AuditFault {
    /// It is not as it was written.
    #[error("the audit log in {} is not as it was written, first at entry {seq}: {what}; compare it with a backup", path.display())]
    Broken {
        /// The store.
        path: PathBuf,
        /// The first entry that is wrong.
        seq: i64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Where an entry was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    seq: i64,
    hash: [u8; 32],
}

/// The columns of an entry that its hash covers, beside the hash before.
struct Columns<'a> {
    seq: i64,
    at_ms: i64,
    actor: &'a str,
    action: &'a str,
    subject: &'a str,
    outcome: &'a str,
    status: i64,
    detail: &'a str,
    position: Option<i64>,
}

impl Columns<'_> {
    /// Numbers have eight bytes, texts their length before them, so that no two entries read the
    /// same.
    fn hash(&self, previous: &[u8]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(ENCODING);
        let mut bytes = |field: &[u8]| {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field);
        };
        bytes(previous);
        for number in [self.seq, self.at_ms, self.status] {
            bytes(&number.to_be_bytes());
        }
        for text in [self.actor, self.action, self.subject, self.outcome, self.detail] {
            bytes(text.as_bytes());
        }
        match self.position {
            Some(position) => bytes(&position.to_be_bytes()),
            None => bytes(&[]),
        }
        hasher.finalize().into()
    }
}

/// Appends an entry. The transaction must have the write lock already, so that what is read here
/// is still the end when the entry is written.
pub(super) fn append(transaction: &Transaction<'_>, record: &AuditRecord) -> rusqlite::Result<Entry> {
    let last: Option<(i64, [u8; 32])> = transaction
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (last_seq, previous) = last.unwrap_or((0, BEGINNING));
    // Never again the number of an entry that was removed: the gap has to stay.
    let seq = last_seq.max(counted(transaction)?) + 1;
    let (actor, action, subject) =
        (bounded_name(&record.actor), bounded_name(&record.action), bounded_name(&record.subject));
    let detail = bounded_detail(&record.detail);
    let columns = Columns {
        seq,
        at_ms: record.at.as_millis(),
        actor: &actor,
        action: &action,
        subject: &subject,
        outcome: record.outcome.as_str(),
        status: i64::from(record.status),
        detail: &detail,
        position: record.position.map(signed),
    };
    let hash = columns.hash(&previous);
    transaction
        .prepare_cached(
            "INSERT INTO audit
                 (seq, at_ms, actor, action, subject, outcome, status, detail, position, previous, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            columns.seq,
            columns.at_ms,
            columns.actor,
            columns.action,
            columns.subject,
            columns.outcome,
            columns.status,
            columns.detail,
            columns.position,
            previous,
            hash
        ])?;
    Ok(Entry { seq, hash })
}

/// Whether an entry stands in the log as it was appended.
pub(super) fn holds(connection: &Connection, entry: &Entry) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT count(*) = 1 FROM audit WHERE seq = ?1 AND hash = ?2")?
        .query_row(params![entry.seq, entry.hash], |row| row.get(0))
}

/// The highest number that an entry ever had, by SQLite's count.
fn counted(connection: &Connection) -> rusqlite::Result<i64> {
    let seq: Option<i64> = connection
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'audit'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(seq.unwrap_or(0))
}

/// Checks the whole audit log of the store at `path`, beside whoever runs on it.
pub fn verify(path: &Path) -> Result<Verified, AuditFault> {
    let connection = open_beside(path)?;
    let sqlite = fault("read", path);
    if !has_audit(&connection).map_err(&sqlite)? {
        return Ok(Verified { entries: 0, last_hash: None });
    }
    let mut chain = Chain { path, last_seq: 0, last_hash: BEGINNING };
    loop {
        // The entries and their count as of one moment; a reader for no longer than one read.
        let transaction = connection.unchecked_transaction().map_err(&sqlite)?;
        let is_last = chain.follow(&transaction)?;
        if is_last {
            chain.ends_at(counted(&transaction).map_err(&sqlite)?)?;
            let entries = u64::try_from(chain.last_seq).unwrap_or(0);
            return Ok(Verified { entries, last_hash: (entries > 0).then(|| HEXLOWER.encode(&chain.last_hash)) });
        }
    }
}

/// A page of the audit log of the store at `path`, beside whoever runs on it: `audit`, the newest
/// entries first, at most `limit` of them and only numbers below `before`; and `next`, the
/// `before` of the page after it, or null. Nothing is checked here: that is [`verify`].
pub fn page(path: &Path, before: Option<i64>, limit: u32) -> Result<serde_json::Value, StoreFault> {
    let connection = open_beside(path)?;
    let sqlite = fault("read", path);
    let mut entries = Vec::new();
    let mut next = None;
    if limit > 0 && has_audit(&connection).map_err(&sqlite)? {
        let mut statement = connection
            .prepare_cached(
                "SELECT seq, at_ms, actor, action, subject, outcome, status, detail, position, hash
                 FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
            )
            .map_err(&sqlite)?;
        // One more than is wanted tells whether there is another page.
        let mut rows = statement.query(params![before.unwrap_or(i64::MAX), i64::from(limit) + 1]).map_err(&sqlite)?;
        let (mut bytes, mut last) = (0, None);
        while let Some(row) = rows.next().map_err(&sqlite)? {
            let (seq, length, entry) = shown(row).map_err(&sqlite)?;
            bytes += length;
            let is_full = entries.len() >= limit as usize || bytes > PAGE_BYTES_MAX;
            if is_full && !entries.is_empty() {
                next = last;
                break;
            }
            last = Some(seq);
            entries.push(entry);
        }
    }
    Ok(serde_json::json!({ "audit": entries, "next": next }))
}

/// An entry as it is shown, with its number and the length of its detail.
fn shown(row: &Row<'_>) -> rusqlite::Result<(i64, usize, serde_json::Value)> {
    let (seq, at_ms, status): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(6)?);
    let texts: [String; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
    let [actor, action, subject, outcome] = texts;
    let (detail, position, hash): (String, Option<i64>, [u8; 32]) = (row.get(7)?, row.get(8)?, row.get(9)?);
    let length = detail.len();
    // A body that was refused may have been no JSON.
    let detail = serde_json::from_str(&detail).unwrap_or(serde_json::Value::String(detail));
    let entry = serde_json::json!({
        "number": seq,
        "at": Timestamp::from_millis(at_ms).to_string(),
        "actor": actor,
        "action": action,
        "subject": subject,
        "outcome": outcome,
        "status": status,
        "detail": detail,
        "position": position,
        "hash": HEXLOWER.encode(&hash),
    });
    Ok((seq, length, entry))
}

/// Stores of version 1 have no audit log; one of a later version that lacks it was robbed of it,
/// and reading from it fails.
fn has_audit(connection: &Connection) -> rusqlite::Result<bool> {
    connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).map(|version| version >= 2)
}

/// The chain as far as it was followed.
struct Chain<'a> {
    path: &'a Path,
    last_seq: i64,
    last_hash: [u8; 32],
}

impl Chain<'_> {
    /// Follows it for one read. Whether that reached its end.
    fn follow(&mut self, connection: &Connection) -> Result<bool, AuditFault> {
        let path = self.path;
        let sqlite = fault("read", path);
        let mut statement = connection
            .prepare_cached(
                "SELECT seq, at_ms, actor, action, subject, outcome, status, detail, position, previous, hash
                 FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )
            .map_err(&sqlite)?;
        // Numbers below the first are read as well, to be found wrong.
        let after = if self.last_seq == 0 { i64::MIN } else { self.last_seq };
        let mut rows = statement.query(params![after, ENTRIES_PER_READ]).map_err(&sqlite)?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(&sqlite)? {
            self.entry(row)?;
            count += 1;
        }
        Ok(count < ENTRIES_PER_READ)
    }

    fn entry(&mut self, row: &Row<'_>) -> Result<(), AuditFault> {
        let expected = self.last_seq + 1;
        let seq: i64 = row.get(0).map_err(fault("read", self.path))?;
        if seq > expected {
            return Err(self.broken(expected, "it is missing"));
        }
        if seq < expected {
            return Err(self.broken(seq, "it was inserted"));
        }
        // The row is in memory already: what cannot be read is not what was written.
        let (previous, hash, computed) =
            self.read(row).map_err(|_| self.broken(seq, "it holds what is never written there"))?;
        if previous != self.last_hash {
            return Err(self.broken(seq, "it does not follow from the entry before it"));
        }
        if hash != computed {
            return Err(self.broken(seq, "its hash does not match its content"));
        }
        (self.last_seq, self.last_hash) = (seq, computed);
        Ok(())
    }

    /// The hash before, the hash, and what the hash should be.
    fn read(&self, row: &Row<'_>) -> rusqlite::Result<([u8; 32], [u8; 32], [u8; 32])> {
        let texts: [String; 5] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(7)?];
        let [actor, action, subject, outcome, detail] = texts.each_ref().map(String::as_str);
        let columns = Columns {
            seq: row.get(0)?,
            at_ms: row.get(1)?,
            actor,
            action,
            subject,
            outcome,
            status: row.get(6)?,
            detail,
            position: row.get(8)?,
        };
        Ok((row.get(9)?, row.get(10)?, columns.hash(&self.last_hash)))
    }

    /// The end is where the count says.
    fn ends_at(&self, counted: i64) -> Result<(), AuditFault> {
        if counted > self.last_seq {
            return Err(self.broken(self.last_seq + 1, "it is missing"));
        }
        if counted < self.last_seq {
            return Err(self.broken(counted + 1, "it was never counted"));
        }
        Ok(())
    }

    fn broken(&self, seq: i64, what: &'static str) -> AuditFault {
        AuditFault::Broken { path: self.path.to_owned(), seq, what }
    }
}
