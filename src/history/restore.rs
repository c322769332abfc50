//! Reading the log back: a checkpoint, the events after it, and what the latest results said.
//!
//! Nothing is decided here. Whatever cannot be read is told by its position; nothing panics.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use crate::history::chunk;
use crate::history::codec::{self, Row};
use crate::history::fold::FOLDED_AFTER;
use crate::history::log::{self, RowFault};
use crate::history::open::{Adopted, Store, fault, open_beside};
use crate::history::{StoreFault, packed, signed, unsigned};
use crate::model::catalogue::Catalogue;
use crate::model::event::{Event, Logged};
use crate::model::id::{CheckId, CheckKey, ComponentId};
use crate::model::time::Timestamp;
use crate::model::verdict::Verdict;

/// Evidence of checks that are asked rarely is looked for at least this far back.
const EVIDENCE_AGE_MIN: Duration = Duration::from_secs(600);

/// Most commits read for evidence: a day of them. What is older is asked anew.
const EVIDENCE_BATCHES_MAX: usize = 100_000;

/// What the store holds.
#[derive(Debug)]
pub struct Restored {
    /// The store's epoch.
    pub epoch: u64,
    /// The newest checkpoint that can be read.
    pub checkpoint: Option<Checkpoint>,
    /// The catalogue in force at the checkpoint.
    pub checkpoint_catalogue: Option<Arc<Catalogue>>,
    /// The events after the checkpoint, or all; without those that are to be passed over.
    pub events: Vec<Logged>,
    /// The newest counted result and the newest counted success per check, oldest first, as far
    /// as they are not in the checkpoint.
    pub evidence: Vec<Evidence>,
    /// The last position in the log; 0 if it is empty.
    pub position: u64,
    /// When that was recorded.
    pub last_at: Timestamp,
    /// The catalogue in force.
    pub last_catalogue: Option<Adopted>,
}

/// The engine's state at a position, in its own encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last position that is in it.
    pub position: u64,
    /// The encoding's version.
    pub format: u32,
    /// The catalogue in force.
    pub catalogue_version: u32,
    /// The state.
    pub body: Vec<u8>,
}

/// A counted result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The check, by its name of today.
    pub check: CheckKey,
    /// The planned instant.
    pub slot: Timestamp,
    /// When the probe began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The judgement.
    pub verdict: Verdict,
}

impl Store {
    /// Reads what is needed to go on: the newest sound checkpoint and what came after it.
    pub fn restore(&self) -> Result<Restored, StoreFault> {
        let last = log::last_position(&self.connection).map_err(self.reading())?;
        let found =
            self.checkpoints(last)?.into_iter().find_map(|(checkpoint, catalogue, tail)| {
                match packed::unpack(&checkpoint.body) {
                    Ok(body) => Some((Checkpoint { body, ..checkpoint }, catalogue, tail)),
                    Err(error) => {
                        let position = checkpoint.position;
                        tracing::warn!(position, %error, "the checkpoint at {position} is damaged, using an older one");
                        None
                    }
                }
            });
        match found {
            Some((checkpoint, catalogue, tail)) => self.restored(last, Some((checkpoint, catalogue)), tail),
            None => self.replay(),
        }
    }

    /// Reads the whole log, whatever checkpoints there are: for a release that cannot read them.
    pub fn replay(&self) -> Result<Restored, StoreFault> {
        let last = log::last_position(&self.connection).map_err(self.reading())?;
        self.restored(last, None, -1)
    }

    /// The catalogue in force in the store at `path`, beside whoever runs on it.
    pub fn last_catalogue(path: &Path) -> Result<Option<Adopted>, StoreFault> {
        catalogue_in_force(&open_beside(path)?, path)
    }

    /// The catalogue in force.
    pub(super) fn in_force(&self) -> Result<Option<Adopted>, StoreFault> {
        if let Some(known) = self.in_force.get() {
            return Ok(known.clone());
        }
        let read = catalogue_in_force(&self.connection, &self.path)?;
        Ok(self.in_force.get_or_init(|| read).clone())
    }

    fn reading(&self) -> impl Fn(rusqlite::Error) -> StoreFault {
        fault("read", &self.path)
    }

    fn restored(
        &self,
        last: u64,
        checkpoint: Option<(Checkpoint, Arc<Catalogue>)>,
        tail: i64,
    ) -> Result<Restored, StoreFault> {
        let (checkpoint, checkpoint_catalogue) = checkpoint.unzip();
        let after = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.position);
        let last_catalogue = self.in_force()?;
        let events = self.events(after, last, last_catalogue.as_ref())?;
        let last_at = self
            .connection
            .query_row("SELECT at_ms FROM event WHERE position = ?1", [signed(last)], |row| row.get(0))
            .or_else(none_is_default)
            .map_err(self.reading())?;
        let catalogue = last_catalogue.as_ref().map(|(_, catalogue)| catalogue.as_ref());
        let evidence = evidence(&self.connection, catalogue, tail).map_err(self.reading())?;
        Ok(Restored {
            epoch: self.epoch,
            checkpoint,
            checkpoint_catalogue,
            events,
            evidence,
            position: last,
            last_at: Timestamp::from_millis(last_at),
            last_catalogue,
        })
    }

    /// Checkpoints with their catalogues, the newest first, and the last batch of results that
    /// each of them is sure to hold. One whose catalogue is gone is of no use.
    fn checkpoints(&self, last: u64) -> Result<Vec<(Checkpoint, Arc<Catalogue>, i64)>, StoreFault> {
        let mut statement = self
            .connection
            .prepare(
                "SELECT position, format, catalogue_version, body, tail_batch, (
                     SELECT max(adopted_position) FROM catalogue
                     WHERE version = catalogue_version AND adopted_position <= position)
                 FROM checkpoint WHERE position <= ?1 ORDER BY position DESC",
            )
            .map_err(self.reading())?;
        let rows = statement
            .query_map([signed(last)], |row| {
                let checkpoint = Checkpoint {
                    position: unsigned(row.get(0)?),
                    format: row.get(1)?,
                    catalogue_version: row.get(2)?,
                    body: row.get(3)?,
                };
                Ok((checkpoint, row.get::<_, i64>(4)?, row.get::<_, Option<i64>>(5)?))
            })
            .map_err(self.reading())?;
        let mut found = Vec::new();
        for row in rows {
            let (checkpoint, tail, adopted) = row.map_err(self.reading())?;
            let catalogue = match adopted {
                Some(at) => log::catalogue_at(&self.connection, at).map_err(self.reading())?.ok(),
                None => (checkpoint.catalogue_version == 0).then(Arc::default),
            };
            found.extend(catalogue.map(|catalogue| (checkpoint, catalogue, tail)));
        }
        Ok(found)
    }

    /// The events after a position, gapless but for those that are to be passed over.
    fn events(&self, after: u64, last: u64, in_force: Option<&Adopted>) -> Result<Vec<Logged>, StoreFault> {
        let skipped = skipped_after(&self.connection, after).map_err(self.reading())?;
        let mut statement = self
            .connection
            .prepare("SELECT position, at_ms, kind, version, body FROM event WHERE position > ?1 ORDER BY position")
            .map_err(self.reading())?;
        let mut rows = statement.query([signed(after)]).map_err(self.reading())?;
        let mut events = Vec::new();
        let mut expected = after;
        while let Some(row) = rows.next().map_err(self.reading())? {
            expected += 1;
            let position = unsigned(row.get(0).map_err(self.reading())?);
            if position != expected {
                return Err(self.unreadable(expected, "the event is missing".to_owned()));
            }
            if skipped.contains(&position) {
                continue;
            }
            let event = decode(row).map_err(|fault| match fault {
                RowFault::Newer(what) => StoreFault::Newer {
                    path: self.path.clone(),
                    what: format!("its log holds {what} at position {position}"),
                },
                RowFault::Damaged(what) => self.unreadable(position, what),
            })?;
            let at = Timestamp::from_millis(row.get(1).map_err(self.reading())?);
            let event = self.complete(position, event, in_force)?;
            events.push(Logged { position, at, event });
        }
        if expected != last.max(after) {
            return Err(self.unreadable(expected + 1, "the log ends too early".to_owned()));
        }
        Ok(events)
    }

    /// Puts the catalogue back into its adoption.
    fn complete(&self, position: u64, event: Event, in_force: Option<&Adopted>) -> Result<Event, StoreFault> {
        let Event::CatalogueAdopted { version, .. } = event else { return Ok(event) };
        let catalogue = match in_force {
            Some((last_version, catalogue)) if *last_version == version => Arc::clone(catalogue),
            Some(_) | None => log::catalogue_at(&self.connection, signed(position))
                .map_err(self.reading())?
                .map_err(|what| self.unreadable(position, what))?,
        };
        Ok(Event::CatalogueAdopted { version, catalogue })
    }

    fn unreadable(&self, position: u64, what: String) -> StoreFault {
        StoreFault::Event { path: self.path.clone(), position, what }
    }
}

fn none_is_default<T: Default>(error: rusqlite::Error) -> rusqlite::Result<T> {
    if error == rusqlite::Error::QueryReturnedNoRows { Ok(T::default()) } else { Err(error) }
}

/// A row of the wrong type is as damaged as one of the wrong content.
fn decode(row: &SqlRow<'_>) -> Result<Event, RowFault> {
    let damaged = |fault: rusqlite::Error| RowFault::Damaged(fault.to_string());
    let kind: String = row.get(2).map_err(damaged)?;
    let body: String = row.get(4).map_err(damaged)?;
    log::decode(&kind, row.get(3).map_err(damaged)?, &body)
}

/// Positions that a later event says are to be passed over.
fn skipped_after(connection: &Connection, after: u64) -> rusqlite::Result<BTreeSet<u64>> {
    connection
        .prepare("SELECT version, body FROM event WHERE position > ?1 AND kind = 'skipped'")?
        .query_map([signed(after)], |row| {
            let body: String = row.get(1)?;
            Ok(log::decode("skipped", row.get(0)?, &body).ok())
        })?
        .filter_map(|event| match event {
            Ok(Some(Event::Skipped { position })) => Some(Ok(position)),
            // One that cannot be read is found when its own turn comes.
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
        .collect()
}

/// The catalogue adopted last, unless that adoption is to be passed over.
fn catalogue_in_force(connection: &Connection, path: &Path) -> Result<Option<Adopted>, StoreFault> {
    let reading = fault("read", path);
    let skipped = skipped_after(connection, 0).map_err(&reading)?;
    let adoptions: Vec<(i64, u32)> = connection
        .prepare("SELECT adopted_position, version FROM catalogue ORDER BY adopted_position DESC")
        .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(&reading)?;
    let Some((position, version)) = adoptions.into_iter().find(|(at, _)| !skipped.contains(&unsigned(*at))) else {
        return Ok(None);
    };
    match log::catalogue_at(connection, position).map_err(&reading)? {
        Ok(catalogue) => Ok(Some((version, catalogue))),
        Err(what) => Err(StoreFault::Event { path: path.to_owned(), position: unsigned(position), what }),
    }
}

/// What the results after a batch say about the checks in force: from the newest backward, until
/// all is known or what comes is too old to matter.
fn evidence(connection: &Connection, catalogue: Option<&Catalogue>, after: i64) -> rusqlite::Result<Vec<Evidence>> {
    let Some(catalogue) = catalogue else { return Ok(Vec::new()) };
    let names = check_names(connection, catalogue)?;
    let age_max = catalogue
        .checks
        .iter()
        .map(|check| check.interval.saturating_mul(3).saturating_add(check.timeout))
        .max()
        .unwrap_or_default()
        .max(EVIDENCE_AGE_MIN);
    let (mut seen, mut good) = (HashSet::new(), HashSet::new());
    let mut found = Vec::new();
    let mut newest = None;
    let mut statement =
        connection.prepare("SELECT batch, at_ms, body FROM tail WHERE batch > ?1 ORDER BY batch DESC")?;
    let mut rows = statement.query(params![after])?;
    let mut batches = 0;
    while let Some(row) = rows.next()? {
        let at = Timestamp::from_millis(row.get(1)?);
        let is_old = *newest.get_or_insert(at) > at.plus(age_max);
        batches += 1;
        if is_old || good.len() >= names.len() || batches > EVIDENCE_BATCHES_MAX {
            break;
        }
        let batch: i64 = row.get(0)?;
        let results = match row.get_ref(2)?.as_blob().map(codec::decode) {
            Ok(Ok(results)) => results,
            Ok(Err(error)) => {
                tracing::warn!(batch, %error, "stored results {batch} are damaged and passed over");
                continue;
            }
            Err(_) => continue,
        };
        // Within a batch the order is that of arrival.
        for result in results.iter().rev().filter(|result| result.counted) {
            let Some(check) = names.get(&result.uid) else { continue };
            let is_good = matches!(result.verdict, Verdict::Up | Verdict::Degraded);
            let is_newest = seen.insert(result.uid);
            if (is_good && good.insert(result.uid)) || is_newest {
                found.push(of(check, result));
            }
        }
    }
    drop(rows);
    drop(statement);
    // A checkpoint is sure to hold all that is folded (fold.rs); without one, it is asked for.
    if let Some(newest) = newest.filter(|_| after < 0) {
        let missing = names.iter().filter(|(uid, _)| !good.contains(uid));
        for (&uid, check) in missing {
            let is_seen = seen.contains(&uid);
            found.extend(folded_evidence(connection, catalogue, uid, check, newest, is_seen)?);
        }
    }
    found.sort_by_key(|evidence| (evidence.ended_at, evidence.slot));
    Ok(found)
}

/// What the chunks of a check say that no success in the tail has made needless: its newest success,
/// and its newest result unless the tail had one.
fn folded_evidence(
    connection: &Connection,
    catalogue: &Catalogue,
    uid: i64,
    check: &CheckKey,
    newest: Timestamp,
    is_seen: bool,
) -> rusqlite::Result<Vec<Evidence>> {
    let asked = catalogue.check_index(check).and_then(|index| catalogue.checks.get(index as usize));
    let Some(asked) = asked else { return Ok(Vec::new()) };
    let age_max = asked.interval.saturating_mul(3).saturating_add(asked.timeout);
    if age_max <= FOLDED_AFTER {
        return Ok(Vec::new());
    }
    let horizon = newest.minus(age_max);
    let (mut found, mut is_seen) = (Vec::new(), is_seen);
    let mut statement = connection.prepare_cached("SELECT body FROM chunk WHERE key = ?1")?;
    for key in (chunk::day(horizon)..=chunk::day(newest)).rev().filter_map(|day| chunk::key_of_day(uid, day)) {
        let body: Option<Vec<u8>> = statement.query_row([key], |row| row.get(0)).optional()?;
        let rows = match body.map(|body| chunk::unpack(&body, uid)) {
            Some(Ok(rows)) => rows,
            Some(Err(error)) => {
                tracing::warn!(key, %error, "stored results of a day of {check} are damaged and passed over");
                continue;
            }
            None => continue,
        };
        for result in rows.iter().rev().filter(|result| result.counted && result.ended_at >= horizon) {
            let is_good = matches!(result.verdict, Verdict::Up | Verdict::Degraded);
            if is_good || !std::mem::replace(&mut is_seen, true) {
                found.push(of(check, result));
            }
            if is_good {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

fn of(check: &CheckKey, result: &Row) -> Evidence {
    Evidence {
        check: check.clone(),
        slot: result.slot,
        started_at: result.ended_at.minus(Duration::from_micros(u64::from(result.duration_us))),
        ended_at: result.ended_at,
        verdict: result.verdict,
    }
}

/// The checks in force by uid.
fn check_names(connection: &Connection, catalogue: &Catalogue) -> rusqlite::Result<HashMap<i64, CheckKey>> {
    let mut names = HashMap::new();
    let mut statement =
        connection.prepare("SELECT uid, id FROM entity WHERE kind = 'check' AND retired_position IS NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(1)?;
        let Some((component, check)) = id.split_once('/') else { continue };
        let key = CheckKey { component: ComponentId::new(component), check: CheckId::new(check) };
        if catalogue.check_index(&key).is_some() {
            names.insert(row.get(0)?, key);
        }
    }
    Ok(names)
}
