//! What is told to people and programs: what waits, what is on its way, what was sent.
//!
//! [`Outgoing`] has a connection of its own beside the writer's. A message and everything that says
//! why there is one are written in one transaction, so that after a crash it exists once or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use serde::de::DeserializeOwned;

use crate::history::log;
use crate::history::open::{fault, open_beside, open_shared};
use crate::history::{StoreFault, signed, unsigned};
use crate::model::event::Event;
use crate::model::notification::{Delivery, Edit, Memo, Memory, Notification, WINDOW};
use crate::model::notify::Channel;
use crate::model::time::Timestamp;

/// Most events of editors that are read in one go.
pub const EDITS_MAX: u32 = 500;

/// No attempt is ever put off for longer: what seems to wait longer was put off before the clock was set back.
const PUT_OFF_MAX: Duration = Duration::from_secs(8 * 3_600);

/// Most entries of the audit log in which an editor is looked for.
const AUDITS_MAX: i64 = 10_000;

/// How long a message is kept that was sent, and one that was given up.
const SENT_KEPT: Duration = Duration::from_secs(30 * 86_400);
const DEAD_KEPT: Duration = Duration::from_secs(365 * 86_400);

/// Most messages of each kind that are kept, beside those on their way.
const KEPT_MAX: u32 = 10_000;

/// Most places that editors sent citizens to; beyond it an old one may be called new again.
const SEEN_MAX: u32 = 20_000;

/// The schema that has these tables.
const SINCE_VERSION: u32 = 4;

/// Kinds of events that an editor may have brought about.
const EDITED: &str = "'incident_opened', 'incident_edited', 'update_retracted', 'update_corrected', 'overlay_set', \
    'maintenance_planned', 'maintenance_edited', 'local_began', 'local_ended', 'override_set'";

/// How an attempt to deliver a message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The message.
    pub id: String,
    /// Where it stands now.
    pub state: Delivery,
    /// When it is to be tried next.
    pub next_at: Timestamp,
    /// Why it was not accepted.
    pub fault: Option<String>,
    /// Whose messages are tried now, too, because a way works again.
    pub hurried: Option<Hurried>,
}

/// Whose messages are tried at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hurried {
    /// All mail's: it goes through one server.
    Mail,
    /// One recipient's.
    Recipient(String),
}

/// How many messages there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// On their way.
    pub pending: u64,
    /// Given up.
    pub dead: u64,
}

/// The store's part about messages.
#[derive(Debug)]
pub struct Outgoing {
    connection: Connection,
    path: PathBuf,
}

impl Outgoing {
    /// Opens the store beside its running server.
    pub fn open(path: &Path) -> Result<Self, StoreFault> {
        Ok(Self { connection: open_shared(path)?, path: path.to_owned() })
    }

    /// What is remembered of those who are told anything. The first time that is nothing but where the log ends
    /// now. What was remembered of others is forgotten, and what was on its way to them is given up: who comes
    /// back begins anew.
    pub fn recall(&mut self, recipients: &BTreeSet<String>, now: Timestamp) -> Result<Memory, StoreFault> {
        let writing = fault("write", &self.path);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&writing)?;
        let last = log::last_position(&transaction).map_err(&writing)?;
        transaction
            .execute(
                "INSERT OR IGNORE INTO notify_cursor (id, position, since_ms) VALUES (1, ?1, ?2)",
                params![signed(last), now.as_millis()],
            )
            .map_err(&writing)?;
        forget_others(&transaction, recipients).map_err(&writing)?;
        let memory = memory(&transaction, now).map_err(fault("read", &self.path))?;
        transaction.commit().map_err(&writing)?;
        Ok(memory)
    }

    /// What editors did after one position up to another one, at most [`EDITS_MAX`] of it, and how far
    /// that reaches.
    pub fn edits(&self, after: u64, through: u64) -> Result<(Vec<Edit>, u64), StoreFault> {
        edits(&self.connection, after, through).map_err(fault("read", &self.path))
    }

    /// Records what is remembered from now on, and the messages that come of it: all or nothing.
    pub fn record(&mut self, memos: &[Memo], messages: &[Notification], now: Timestamp) -> Result<(), StoreFault> {
        let writing = fault("write", &self.path);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&writing)?;
        for memo in memos {
            note(&transaction, memo).map_err(&writing)?;
        }
        for message in messages {
            insert(&transaction, message).map_err(&writing)?;
        }
        if !messages.is_empty() {
            forget(&transaction, now).map_err(&writing)?;
        }
        transaction.commit().map_err(&writing)
    }

    /// Records how attempts ended.
    pub fn settle(&mut self, attempts: &[Attempt]) -> Result<(), StoreFault> {
        let writing = fault("write", &self.path);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&writing)?;
        for attempt in attempts {
            transaction
                .prepare_cached(
                    "UPDATE notification SET attempts = attempts + 1, state = ?2, next_ms = ?3, fault = ?4
                     WHERE id = ?1 AND state = 'pending'",
                )
                .and_then(|mut statement| {
                    statement.execute(params![
                        attempt.id,
                        attempt.state.as_str(),
                        attempt.next_at.as_millis(),
                        attempt.fault
                    ])
                })
                .map_err(&writing)?;
            if let Some(hurried) = &attempt.hurried {
                hurry(&transaction, hurried, attempt.next_at).map_err(&writing)?;
            }
        }
        transaction.commit().map_err(&writing)
    }

    /// Gives up everything on its way to a recipient.
    pub fn give_up(&mut self, recipient: &str, why: &str) -> Result<(), StoreFault> {
        let giving_up = "UPDATE notification SET state = 'dead', fault = ?2 WHERE recipient = ?1 AND state = 'pending'";
        self.connection.execute(giving_up, [recipient, why]).map(drop).map_err(fault("write", &self.path))
    }

    /// Messages of a channel whose next attempt is due, one for each recipient but the `busy` ones, those that
    /// wait longest first.
    pub fn due(
        &self,
        channel: Channel,
        busy: &BTreeSet<&str>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Notification>, StoreFault> {
        // Of a group SQLite takes the row that has the least time.
        let query = format!(
            "SELECT {COLUMNS}, min(next_ms) FROM notification
             WHERE state = 'pending' AND recipient GLOB ?1 || ':*'
               AND (next_ms <= ?2 OR next_ms > ?3 OR attempts = 0)
               AND recipient NOT IN (SELECT value FROM json_each(?4))
             GROUP BY recipient ORDER BY next_ms, id LIMIT ?5"
        );
        let reading = fault("read", &self.path);
        let put_off = now.plus(PUT_OFF_MAX).as_millis();
        let busy = text(busy).map_err(&reading)?;
        let values =
            params![channel.as_str(), now.as_millis(), put_off, busy, i64::try_from(limit).unwrap_or(i64::MAX)];
        rows(&self.connection, &query, values).map_err(&reading)
    }

    /// When the next attempt falls due, of those that are not.
    pub fn next(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreFault> {
        let query = "SELECT min(next_ms) FROM notification WHERE state = 'pending' AND next_ms > ?1";
        let next: Option<i64> =
            self.connection.query_row(query, [now.as_millis()], |row| row.get(0)).map_err(fault("read", &self.path))?;
        Ok(next.map(Timestamp::from_millis))
    }

    /// How many messages are on their way, and how many were given up.
    pub fn count(&self) -> Result<Counted, StoreFault> {
        let count = |state: &str| {
            let query = "SELECT count(*) FROM notification WHERE state = ?1";
            self.connection.query_row(query, [state], |row| row.get(0)).map(unsigned).map_err(fault("read", &self.path))
        };
        Ok(Counted { pending: count("pending")?, dead: count("dead")? })
    }

    /// The newest messages that stand like this.
    pub fn newest(&self, state: Delivery, limit: u32) -> Result<Vec<Notification>, StoreFault> {
        let query =
            format!("SELECT {COLUMNS} FROM notification WHERE state = ?1 ORDER BY created_ms DESC, id LIMIT ?2");
        rows(&self.connection, &query, params![state.as_str(), limit]).map_err(fault("read", &self.path))
    }
}

/// The newest messages of a store, beside its running server: those on their way first.
pub fn list(path: &Path, limit: u32) -> Result<Vec<Notification>, StoreFault> {
    let connection = open_beside(path)?;
    let version: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fault("read", path))?;
    if version < SINCE_VERSION {
        return Ok(Vec::new());
    }
    let query =
        format!("SELECT {COLUMNS} FROM notification ORDER BY state = 'pending' DESC, created_ms DESC, id LIMIT ?1");
    rows(&connection, &query, params![limit]).map_err(fault("read", path))
}

const COLUMNS: &str = "id, recipient, created_ms, attempts, next_ms, state, fault, body";

fn rows(connection: &Connection, query: &str, values: impl rusqlite::Params) -> rusqlite::Result<Vec<Notification>> {
    connection.prepare_cached(query)?.query_map(values, message)?.collect()
}

fn message(row: &Row<'_>) -> rusqlite::Result<Notification> {
    let state: String = row.get(5)?;
    Ok(Notification {
        id: row.get(0)?,
        recipient: row.get(1)?,
        created_at: Timestamp::from_millis(row.get(2)?),
        attempts: row.get(3)?,
        next_at: Timestamp::from_millis(row.get(4)?),
        state: Delivery::parse(&state).unwrap_or(Delivery::Dead),
        fault: row.get(6)?,
        letter: json(row, 7)?,
    })
}

/// A column of JSON that we wrote.
fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn text<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn memory(connection: &Connection, now: Timestamp) -> rusqlite::Result<Memory> {
    let (position, since) = connection.query_row("SELECT position, since_ms FROM notify_cursor", [], |row| {
        Ok((unsigned(row.get(0)?), Timestamp::from_millis(row.get(1)?)))
    })?;
    let mut memory = Memory { since, position, ..Memory::default() };
    let mut told = connection.prepare("SELECT recipient, subject, body FROM notify_told")?;
    memory.told =
        told.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), json(row, 2)?)))?.collect::<Result<_, _>>()?;
    let mut held = connection.prepare("SELECT recipient, subject, body FROM notify_held")?;
    memory.held =
        held.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), json(row, 2)?)))?.collect::<Result<_, _>>()?;
    // A test keeps nobody waiting.
    let mut last = connection.prepare(
        "SELECT recipient, created_ms FROM notification
         WHERE created_ms > ?1 AND created_ms <= ?2 AND id NOT LIKE 'test-%' ORDER BY created_ms",
    )?;
    let within = [now.minus(WINDOW).as_millis(), now.as_millis()];
    for row in last.query_map(within, |row| Ok((row.get(0)?, Timestamp::from_millis(row.get(1)?))))? {
        let (recipient, at) = row?;
        memory.last.entry(recipient).or_default().push(at);
    }
    memory.waiting = waiting(connection)?;
    let mut seen = connection.prepare("SELECT contact FROM notify_seen")?;
    memory.seen = seen.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut closed = connection.prepare("SELECT recipient, address FROM notify_closed")?;
    memory.closed = closed.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(memory)
}

fn waiting(connection: &Connection) -> rusqlite::Result<BTreeMap<String, usize>> {
    let query = "SELECT recipient, count(*) FROM notification
        WHERE state = 'pending' AND id NOT LIKE 'test-%' GROUP BY recipient";
    let count = |row: &Row<'_>| Ok((row.get(0)?, usize::try_from(row.get::<_, i64>(1)?).unwrap_or(usize::MAX)));
    connection.prepare(query)?.query_map([], count)?.collect()
}

impl Outgoing {
    /// How many messages are on their way to each recipient.
    pub fn waiting(&self) -> Result<BTreeMap<String, usize>, StoreFault> {
        waiting(&self.connection).map_err(fault("read", &self.path))
    }

    /// To whom a test is on its way.
    pub fn tested(&self) -> Result<BTreeSet<String>, StoreFault> {
        let query = "SELECT DISTINCT recipient FROM notification WHERE state = 'pending' AND id LIKE 'test-%'";
        let recipients = |connection: &Connection| -> rusqlite::Result<BTreeSet<String>> {
            connection.prepare(query)?.query_map([], |row| row.get(0))?.collect()
        };
        recipients(&self.connection).map_err(fault("read", &self.path))
    }
}

/// Forgets those who are not told anything any more.
fn forget_others(transaction: &Transaction<'_>, recipients: &BTreeSet<String>) -> rusqlite::Result<()> {
    let recipients = text(recipients)?;
    let others = "recipient NOT IN (SELECT value FROM json_each(?1))";
    for forgetting in ["DELETE FROM notify_told WHERE", "DELETE FROM notify_held WHERE"] {
        transaction.execute(&format!("{forgetting} {others}"), [&recipients])?;
    }
    let why = "nobody of this name is told anything any more";
    let giving_up = format!("UPDATE notification SET state = 'dead', fault = ?2 WHERE state = 'pending' AND {others}");
    transaction.execute(&giving_up, [&*recipients, why]).map(drop)
}

/// Has messages tried now that were put off.
fn hurry(transaction: &Transaction<'_>, hurried: &Hurried, now: Timestamp) -> rusqlite::Result<()> {
    let hurrying = "UPDATE notification SET next_ms = ?2 WHERE state = 'pending' AND next_ms > ?2 AND recipient";
    match hurried {
        Hurried::Mail => transaction
            .prepare_cached(&format!("{hurrying} GLOB ?1 || ':*'"))?
            .execute(params![Channel::Mail.as_str(), now.as_millis()]),
        Hurried::Recipient(recipient) => {
            transaction.prepare_cached(&format!("{hurrying} = ?1"))?.execute(params![recipient, now.as_millis()])
        }
    }
    .map(drop)
}

fn edits(connection: &Connection, after: u64, through: u64) -> rusqlite::Result<(Vec<Edit>, u64)> {
    let query = format!(
        "SELECT position, at_ms, kind, version, body FROM event
         WHERE position > ?1 AND position <= ?2 AND kind IN ({EDITED}) ORDER BY position LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query(params![signed(after), signed(through), EDITS_MAX])?;
    let (mut found, mut read, mut last) = (Vec::new(), 0, after);
    while let Some(row) = rows.next()? {
        let (position, at_ms) = (unsigned(row.get(0)?), row.get(1)?);
        let (kind, version, body): (String, i64, String) = (row.get(2)?, row.get(3)?, row.get(4)?);
        (read, last) = (read + 1, position);
        // What cannot be read stopped the start already, or is passed over by every reader.
        let Ok(event) = log::decode(&kind, version, &body) else { continue };
        if !is_declared(&event) {
            found.push((position, at_ms, event));
        }
    }
    let editors = editors(connection, &found)?;
    let by = |position: u64, at_ms: i64| {
        let deeds = editors.get(&at_ms)?;
        deeds.iter().rev().find(|(first, _)| *first <= position).map(|(_, by)| by.clone())
    };
    let edits = found.into_iter().filter_map(|(position, at_ms, event)| {
        Some(Edit { position, at: Timestamp::from_millis(at_ms), by: by(position, at_ms)?, event })
    });
    Ok((edits.collect(), if read == EDITS_MAX { last } else { through }))
}

/// Whether an event is a file's, not an editor's: with a new catalogue there may be thousands of them.
fn is_declared(event: &Event) -> bool {
    match event {
        Event::LocalBegan(local) => local.declared,
        Event::MaintenancePlanned(notice) => notice.declared.is_some(),
        _ => false,
    }
}

/// Who did something at the times of these events, in order, each with the step that it belongs to. An editor's
/// command and its events have the same time.
fn editors(
    connection: &Connection,
    events: &[(u64, i64, Event)],
) -> rusqlite::Result<BTreeMap<i64, Vec<(u64, String)>>> {
    let mut editors = BTreeMap::<i64, Vec<(u64, String)>>::new();
    let times: BTreeSet<i64> = events.iter().map(|(_, at_ms, _)| *at_ms).collect();
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(editors) };
    let mut statement = connection.prepare_cached(
        "SELECT at_ms, position, actor, coalesce((SELECT label FROM token WHERE id = actor), '') FROM audit
         WHERE seq > (SELECT max(seq) FROM audit) - ?3
           AND at_ms BETWEEN ?1 AND ?2 AND outcome = 'done' AND position IS NOT NULL ORDER BY seq",
    )?;
    let mut rows = statement.query(params![first, last, AUDITS_MAX])?;
    while let Some(row) = rows.next()? {
        let (at_ms, position): (i64, i64) = (row.get(0)?, row.get(1)?);
        if times.contains(&at_ms) {
            let (actor, label): (String, String) = (row.get(2)?, row.get(3)?);
            let by = if label.is_empty() { actor } else { format!("{label} ({actor})") };
            editors.entry(at_ms).or_default().push((unsigned(position), by));
        }
    }
    Ok(editors)
}

fn note(transaction: &Transaction<'_>, memo: &Memo) -> rusqlite::Result<()> {
    let put = |table: &str, recipient: &str, subject: &str, body: Option<String>| match body {
        Some(body) => transaction
            .prepare_cached(&format!("INSERT OR REPLACE INTO {table} (recipient, subject, body) VALUES (?1, ?2, ?3)"))?
            .execute([recipient, subject, &body]),
        None => transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE recipient = ?1 AND subject = ?2"))?
            .execute([recipient, subject]),
    };
    match memo {
        Memo::Cursor(position) => {
            transaction.execute("UPDATE notify_cursor SET position = max(position, ?1)", [signed(*position)])
        }
        Memo::Told(recipient, subject, told) => {
            put("notify_told", recipient, subject, told.as_ref().map(text).transpose()?)
        }
        Memo::Held(recipient, subject, item) => {
            put("notify_held", recipient, subject, item.as_ref().map(text).transpose()?)
        }
        Memo::Seen(contact) => transaction.execute(
            "INSERT OR IGNORE INTO notify_seen (contact)
             SELECT ?1 WHERE (SELECT count(*) FROM notify_seen) < ?2",
            params![contact, SEEN_MAX],
        ),
        Memo::Closed(recipient, Some(address)) => transaction
            .execute("INSERT OR REPLACE INTO notify_closed (recipient, address) VALUES (?1, ?2)", [recipient, address]),
        Memo::Closed(recipient, None) => {
            transaction.execute("DELETE FROM notify_closed WHERE recipient = ?1", [recipient])
        }
    }
    .map(drop)
}

fn insert(transaction: &Transaction<'_>, message: &Notification) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO notification (id, recipient, created_ms, attempts, next_ms, state, fault, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            message.id,
            message.recipient,
            message.created_at.as_millis(),
            message.attempts,
            message.next_at.as_millis(),
            message.state.as_str(),
            message.fault,
            text(&message.letter)?,
        ])
        .map(drop)
}

/// Drops what is old. What is on its way stays.
fn forget(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    for (state, kept) in [("sent", SENT_KEPT), ("dead", DEAD_KEPT)] {
        transaction
            .prepare_cached(
                "DELETE FROM notification WHERE state = ?1 AND (created_ms < ?2 OR created_ms < (
                     SELECT created_ms FROM notification WHERE state = ?1 ORDER BY created_ms DESC LIMIT 1 OFFSET ?3))",
            )?
            .execute(params![state, now.minus(kept).as_millis(), KEPT_MAX])?;
    }
    Ok(())
}
