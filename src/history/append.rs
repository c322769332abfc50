//! One transaction: a group of batches becomes a longer log.
//!
//! What is kept here between transactions (position, catalogue in force, uids) is what the
//! store says after the last commit; a failed one leaves nothing behind.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::history::codec::{self, Row};
use crate::history::entity::{self, Kind, Uids};
use crate::history::writer::{Batch, CheckpointBody};
use crate::history::{answer, audit, horizon, interval, log, packed, salvage, sentence, signed};
use crate::model::catalogue::Catalogue;
use crate::model::event::{EVENT_VERSION, Event, Logged, StoredResult};
use crate::model::time::Timestamp;

/// Most results in one blob: half a megabyte.
const RESULTS_PER_BLOB: usize = 65_536;

/// Most old blobs dropped per commit: each commit adds one or two, so this keeps up without
/// ever holding a commit for long.
const RETIRED_PER_COMMIT: u32 = 16;

/// Checkpoints kept: the newest, and one in case that cannot be read.
const CHECKPOINTS_KEPT: u32 = 2;

/// A batch whose events fit the log, with their bodies.
pub(super) struct Prepared {
    pub(super) batch: Batch,
    /// Whether its sender knows that it is not durable yet.
    pub(super) is_told: bool,
    bodies: Vec<String>,
    /// The packed catalogues of its adoptions, in their order.
    catalogues: Vec<Vec<u8>>,
}

/// Why nothing was appended.
#[derive(Debug)]
pub(super) enum AppendFault {
    Sqlite(rusqlite::Error),
    /// The log is not where we left it.
    Moved {
        expected: u64,
        found: u64,
    },
}

impl From<rusqlite::Error> for AppendFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl AppendFault {
    /// Whether the store is damaged.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Sqlite(error) if salvage::is_damage(error))
    }

    /// What it means and what to do.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Sqlite(error) => format!("the store cannot be written: {}", sentence(error)),
            Self::Moved { expected, found } => format!(
                "another program writes into the store: its log ends at {found} instead of {expected}; end that program and start turmwacht again"
            ),
        }
    }
}

/// Appends to the log.
pub(super) struct Appender {
    pub(super) position: u64,
    /// The number of the last blob of results.
    tail: i64,
    in_force: Option<Arc<Catalogue>>,
    uids: Uids,
    /// Uids of the checks in force by index, as far as they were asked for.
    checks: Vec<Option<i64>>,
    /// The first entry that the last attempt wanted to add to the audit log, while it is not
    /// known to have succeeded.
    attempted: Option<audit::Entry>,
    retain: Duration,
    /// When the newest result ended of the last group that had any.
    newest: Option<Timestamp>,
}

impl Appender {
    /// Goes on where the store ends.
    pub(super) fn new(
        connection: &Connection,
        in_force: Option<Arc<Catalogue>>,
        retain: Duration,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            position: log::last_position(connection)?,
            tail: last_batch(connection)?,
            in_force,
            uids: Uids::default(),
            checks: Vec::new(),
            attempted: None,
            retain,
            newest: None,
        })
    }

    /// Appends all batches, or none.
    pub(super) fn append(&mut self, connection: &mut Connection, group: &[Prepared]) -> Result<(), AppendFault> {
        let (position, tail, in_force) = (self.position, self.tail, self.in_force.clone());
        let appended = self.transact(connection, group);
        if appended.is_err() {
            (self.position, self.tail, self.in_force) = (position, tail, in_force);
            self.forget_uids();
        } else {
            self.attempted = None;
        }
        appended
    }

    fn transact(&mut self, connection: &mut Connection, group: &[Prepared]) -> Result<(), AppendFault> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = log::last_position(&transaction)?;
        let events = || group.iter().flat_map(|prepared| &prepared.batch.events);
        let last = events().last().map_or(self.position, |logged| logged.position);
        let has_audits = match &self.attempted {
            Some(entry) => audit::holds(&transaction, entry)?,
            None => false,
        };
        if found == last && (last > self.position || has_audits) {
            // An earlier attempt reported a failure but had reached the disk.
            self.tail = last_batch(&transaction)?;
            self.position = last;
            for logged in events() {
                self.follow(logged);
            }
            return Ok(());
        }
        if found != self.position {
            return Err(AppendFault::Moved { expected: self.position, found });
        }
        let mut results = Vec::new();
        for prepared in group {
            let mut catalogues = prepared.catalogues.iter();
            for (logged, body) in prepared.batch.events.iter().zip(&prepared.bodies) {
                self.event(&transaction, logged, body, &mut catalogues)?;
            }
            for result in &prepared.batch.results {
                results.extend(self.row(&transaction, result)?);
            }
        }
        self.results(&transaction, &results)?;
        self.edits(&transaction, group)?;
        transaction.commit()?;
        Ok(())
    }

    /// What editors asked for and were answered.
    fn edits(&mut self, transaction: &Transaction<'_>, group: &[Prepared]) -> rusqlite::Result<()> {
        self.attempted = None;
        for record in group.iter().flat_map(|prepared| &prepared.batch.audits) {
            let entry = audit::append(transaction, record)?;
            self.attempted.get_or_insert(entry);
        }
        for given in group.iter().flat_map(|prepared| &prepared.batch.answers) {
            answer::keep(transaction, given)?;
        }
        Ok(())
    }

    fn event<'a>(
        &mut self,
        connection: &Connection,
        logged: &Logged,
        body: &str,
        catalogues: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> rusqlite::Result<()> {
        let position = signed(logged.position);
        connection
            .prepare_cached(
                "INSERT INTO event (position, at_ms, kind, version, source, source_seq, body)
                 VALUES (?1, ?2, ?3, ?4, 0, ?1, ?5)",
            )?
            .execute(params![position, logged.at.as_millis(), log::kind(&logged.event), EVENT_VERSION, body])?;
        match &logged.event {
            Event::CatalogueAdopted { version, catalogue } => {
                connection
                    .prepare_cached(
                        "INSERT INTO catalogue (adopted_position, version, hash, body) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![position, version, catalogue.hash().cast_signed(), catalogues.next()])?;
                for (name, logo) in &catalogue.logos {
                    log::keep_logo(connection, name, &logo.content)?;
                }
                entity::adopt(connection, self.in_force.as_deref(), catalogue, logged.position, logged.at)?;
            }
            Event::StatusChanged(change) => {
                let subject = self.uids.get(connection, Kind::Component, change.component.as_str(), logged.position)?;
                interval::begin(connection, subject, change, logged.position)?;
            }
            Event::CheckCounted { .. }
            | Event::CheckTurned { .. }
            | Event::IncidentOpened(_)
            | Event::IncidentMoved { .. }
            | Event::IncidentEdited { .. }
            | Event::UpdateRetracted { .. }
            | Event::UpdateCorrected { .. }
            | Event::OverlaySet { .. }
            | Event::MaintenancePlanned(_)
            | Event::MaintenanceEdited { .. }
            | Event::MaintenanceMoved { .. }
            | Event::LocalBegan(_)
            | Event::LocalEnded { .. }
            | Event::OverrideSet { .. }
            | Event::PathTurned { .. }
            | Event::ClockStepped { .. }
            | Event::Skipped { .. } => {}
        }
        self.follow(logged);
        Ok(())
    }

    /// Moves on behind an event that is in the log.
    fn follow(&mut self, logged: &Logged) {
        self.position = logged.position;
        if let Event::CatalogueAdopted { catalogue, .. } = &logged.event {
            self.in_force = Some(Arc::clone(catalogue));
            self.forget_uids();
        }
    }

    fn forget_uids(&mut self) {
        self.uids.clear();
        self.checks.clear();
    }

    /// A result by its check's uid; none if the catalogue in force has no such check.
    fn row(&mut self, connection: &Connection, result: &StoredResult) -> rusqlite::Result<Option<Row>> {
        let Some(catalogue) = &self.in_force else { return Ok(None) };
        self.checks.resize(catalogue.checks.len(), None);
        let Some(slot) = self.checks.get_mut(result.check as usize) else { return Ok(None) };
        let uid = match *slot {
            Some(uid) => uid,
            None => {
                let Some(key) = catalogue.check_key(result.check) else { return Ok(None) };
                *slot.insert(self.uids.get(connection, Kind::Check, &key.to_string(), self.position)?)
            }
        };
        Ok(Some(Row {
            uid,
            slot: result.slot,
            ended_at: result.ended_at,
            verdict: result.verdict,
            reason: result.reason,
            duration_us: result.duration_us,
            counted: result.counted,
        }))
    }

    fn results(&mut self, connection: &Connection, rows: &[Row]) -> rusqlite::Result<()> {
        let Some(newest) = rows.iter().map(|row| row.ended_at).max() else { return Ok(()) };
        self.newest = Some(newest);
        retire(connection, horizon::advance(connection, newest, self.retain)?)?;
        for blob in rows.chunks(RESULTS_PER_BLOB) {
            self.tail += 1;
            connection
                .prepare_cached("INSERT INTO tail (batch, at_ms, body) VALUES (?1, ?2, ?3)")?
                .execute(params![self.tail, newest.as_millis(), codec::encode(blob)])?;
        }
        Ok(())
    }

    /// When the newest result ended of the last group that had any.
    pub(super) const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// The number of the last blob of results.
    pub(super) const fn tail(&self) -> i64 {
        self.tail
    }
}

/// Checks that a batch continues the log after `position`, and writes its bodies.
pub(super) fn prepare(batch: Batch, position: u64) -> Result<Prepared, String> {
    let mut expected = position;
    let mut bodies = Vec::with_capacity(batch.events.len());
    let mut catalogues = Vec::new();
    for logged in &batch.events {
        expected += 1;
        if logged.position != expected {
            return Err(format!("the log continues at position {expected}, not at {}", logged.position));
        }
        let body = serde_json::to_string(&logged.event)
            .map_err(|fault| format!("the event at position {expected} cannot be written: {fault}"))?;
        bodies.push(body);
        if let Event::CatalogueAdopted { catalogue, .. } = &logged.event {
            let packed = log::pack_catalogue(catalogue);
            catalogues.push(packed.map_err(|fault| format!("the catalogue cannot be written: {fault}"))?);
        }
    }
    Ok(Prepared { batch, is_told: false, bodies, catalogues })
}

/// Stores a checkpoint and drops those that are not needed any more.
pub(super) fn checkpoint(connection: &mut Connection, state: &CheckpointBody, tail: i64) -> Result<(), String> {
    let body = packed::pack(&state.body).map_err(|error| error.to_string())?;
    let mut store = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO checkpoint (position, format, catalogue_version, tail_batch, body)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![signed(state.position), state.format, state.catalogue_version, tail, body])?;
        transaction
            .prepare_cached(
                "DELETE FROM checkpoint WHERE position NOT IN
                     (SELECT position FROM checkpoint ORDER BY position DESC LIMIT ?1)",
            )?
            .execute([CHECKPOINTS_KEPT])?;
        transaction.commit()
    };
    store().map_err(|error: rusqlite::Error| sentence(&error))
}

/// Drops the oldest blobs of results, if they are from before `before`, a few at a time.
fn retire(connection: &Connection, before: Timestamp) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("SELECT batch, at_ms FROM tail ORDER BY batch LIMIT ?1")?;
    let oldest: Vec<(i64, i64)> = statement
        .query_map([RETIRED_PER_COMMIT], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let expired = oldest.into_iter().take_while(|(_, at)| *at < before.as_millis()).last();
    if let Some((batch, _)) = expired {
        connection.prepare_cached("DELETE FROM tail WHERE batch <= ?1")?.execute([batch])?;
    }
    Ok(())
}

fn last_batch(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(batch), 0) FROM tail", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use rusqlite::OpenFlags;

    use super::*;
    use crate::history::audit::verify;
    use crate::history::open::{Store, connect};
    use crate::model::access::{AuditRecord, Outcome};

    #[test]
    fn an_audit_entry_that_reached_the_disk_in_a_failed_attempt_is_not_written_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turmwacht.db");
        drop(Store::open(&path).unwrap());
        let mut connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        let mut appender = Appender::new(&connection, None, Duration::MAX).unwrap();
        let record = AuditRecord {
            at: Timestamp::from_millis(1),
            actor: "cli:test".to_owned(),
            action: "token new".to_owned(),
            subject: String::new(),
            outcome: Outcome::Done,
            status: 200,
            detail: "{}".to_owned(),
            position: None,
        };
        let group = || [prepare(Batch { audits: vec![record.clone()], ..Batch::default() }, 0).unwrap()];
        // As if the disk had reported an error after it had written.
        appender.transact(&mut connection, &group()).unwrap();
        // Meanwhile a command goes on.
        let transaction = connection.transaction().unwrap();
        audit::append(&transaction, &record).unwrap();
        transaction.commit().unwrap();
        appender.append(&mut connection, &group()).unwrap();
        assert_eq!(verify(&path).unwrap().entries, 2);
        // The next one is another one, however alike.
        appender.append(&mut connection, &group()).unwrap();
        assert_eq!(verify(&path).unwrap().entries, 3);
    }
}
