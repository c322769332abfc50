//! Reading single results and intervals of any age, beside the running writer.
//!
//! A reader has a connection of its own that cannot write, and holds it for two seconds at most. Of
//! results that are not folded yet it remembers which batches of the tail hold any of a check (each
//! batch is read once for that), so that a look at one component need not read them all.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};

use crate::clock::monotonic;
use crate::history::chunk;
use crate::history::codec::{self, CodecFault, Row};
use crate::history::fold::Progress;
use crate::history::open::{connect, fault};
use crate::history::{StoreFault, sentence};
use crate::model::id::{CheckId, ComponentId};
use crate::model::past::{NewestResults, PastInterval, PastResult};
use crate::model::status::{Evidence, Status};
use crate::model::time::{Timestamp, millis};

/// How long one question may take, and the store be held for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// SQLite asks after so many of its instructions whether to go on.
const INSTRUCTIONS_BETWEEN_LOOKS: i32 = 1_000;

/// The end of a result as it is kept is not further than this from its end: 0.8 % of 71 minutes, the
/// longest duration that fits.
const KEPT_WITHIN: Duration = Duration::from_secs(40);

/// Most (check, batch) pairs that are remembered, 4 bytes each: two hours of 60,000 checks a minute.
/// Batches beyond are read at each question that they may answer.
const REMEMBERED_MAX: usize = 8_000_000;

/// Most bytes of batches that are read for one question beside those that are remembered: about two
/// million results.
const READ_BESIDE_MAX: i64 = 16 * 1024 * 1024;

/// A batch holds nothing that ended so long before the end of its newest result: what waits to be
/// written waits no longer.
const WRITTEN_WITHIN: Duration = Duration::from_secs(3_600);

/// Removed batches are forgotten once there are so many.
const FORGOTTEN_AT_ONCE: i64 = 600;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveFault {
    /// There is more than was asked for at most.
    #[error("there is more than may be asked for at once")]
    TooMuch,
    /// It took too long.
    #[error("the store of results took longer than two seconds to answer; is the disk slow?")]
    Slow,
    /// Too much is not folded yet to look through it.
    #[error("too many results wait to be sorted by check; is the disk slow?")]
    Behind,
    /// Something in it is damaged.
    #[error("stored results are damaged: {0}; restore a backup")]
    Damaged(String),
    /// SQLite cannot read it.
    #[error("the store of results cannot be read: {}", sentence(.0))]
    Sqlite(rusqlite::Error),
    /// It cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl From<rusqlite::Error> for ArchiveFault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Self::Slow,
            _ => Self::Sqlite(error),
        }
    }
}

impl ArchiveFault {
    /// Whether the connection is as good as before.
    const fn is_harmless(&self) -> bool {
        matches!(self, Self::TooMuch | Self::Slow | Self::Behind | Self::Damaged(_))
    }
}

/// Answers questions about the past of a component.
#[derive(Debug)]
pub struct ArchiveReader {
    path: PathBuf,
    /// `None` after a fault of the connection: the next question opens another one.
    reader: Mutex<Option<Reader>>,
}

#[derive(Debug)]
struct Reader {
    connection: Connection,
    tail: Tail,
    limit: Arc<Limit>,
}

/// When a question has taken too long. The connection asks while it works.
#[derive(Debug)]
struct Limit {
    began: Instant,
    /// Milliseconds after `began`.
    until_ms: AtomicU64,
}

impl Limit {
    fn elapsed_ms(&self) -> u64 {
        u64::try_from(monotonic().saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    fn start(&self) {
        let patience_ms = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
        self.until_ms.store(self.elapsed_ms().saturating_add(patience_ms), Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.elapsed_ms() >= self.until_ms.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<(), ArchiveFault> {
        if self.is_over() { Err(ArchiveFault::Slow) } else { Ok(()) }
    }
}

impl ArchiveReader {
    /// Opens the store at `path` for reading. It has been opened as a store before.
    ///
    /// # Errors
    /// If SQLite cannot open it.
    pub fn open(path: &Path) -> Result<Self, StoreFault> {
        Ok(Self { path: path.to_owned(), reader: Mutex::new(Some(Reader::open(path)?)) })
    }

    /// The results of a component's checks that ended in `[from, until)`, oldest first; those of
    /// checks that it has no more as well. A duration of a success is exact to 0.8 %.
    ///
    /// # Errors
    /// If there are more than `most`, or if the store does not answer.
    pub fn results(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastResult>, ArchiveFault> {
        let found = self.ask(|reader| reader.results(component, from, until, most, Excess::Refused))?;
        Ok(found.results)
    }

    /// The newest of them, `most` at most, and from when on they are all.
    ///
    /// # Errors
    /// If the store does not answer.
    pub fn newest_results(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<NewestResults, ArchiveFault> {
        self.ask(|reader| reader.results(component, from, until, most, Excess::Dropped))
    }

    /// The intervals of a component that touch `[from, until)`, oldest first; not cut to it.
    ///
    /// # Errors
    /// If there are more than `most`, or if the store does not answer.
    pub fn intervals(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastInterval>, ArchiveFault> {
        self.ask(|reader| reader.intervals(component, from, until, most))
    }

    fn ask<T>(&self, question: impl FnOnce(&mut Reader) -> Result<T, ArchiveFault>) -> Result<T, ArchiveFault> {
        let mut slot = self.lock();
        // Taken out, so that whatever a panic leaves behind is not used again.
        let mut reader = match slot.take() {
            Some(reader) => reader,
            None => Reader::open(&self.path)?,
        };
        let answer = question(&mut reader);
        if answer.as_ref().err().is_none_or(ArchiveFault::is_harmless) {
            *slot = Some(reader);
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reader>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    fn open(path: &Path) -> Result<Self, StoreFault> {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let limit = Arc::new(Limit { began: monotonic(), until_ms: AtomicU64::new(u64::MAX) });
        let asked = Arc::clone(&limit);
        connection
            .progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, Some(move || asked.is_over()))
            .map_err(fault("open", path))?;
        Ok(Self { connection, tail: Tail::default(), limit })
    }

    fn results(
        &mut self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
        excess: Excess,
    ) -> Result<NewestResults, ArchiveFault> {
        self.limit.start();
        let transaction = self.connection.unchecked_transaction()?;
        let Some((component, public_from)) = component_uid(&transaction, component)? else {
            return Ok(NewestResults { from, results: Vec::new() });
        };
        let from = from.max(public_from);
        let mut found = Found { from, until, most, excess, results: Vec::new() };
        let checks = checks_of(&transaction, component)?;
        if from < until {
            for (uid, check) in &checks {
                self.limit.check()?;
                folded(&transaction, *uid, check, &mut found)?;
            }
            self.tail.follow(&transaction, &self.limit)?;
            self.tail.read(&transaction, &checks, &self.limit, &mut found)?;
        }
        if found.results.len() > most {
            found.drop_oldest();
        }
        let Found { from, mut results, .. } = found;
        results.sort_by(|a, b| (a.at, &a.check).cmp(&(b.at, &b.check)));
        Ok(NewestResults { from, results })
    }

    fn intervals(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastInterval>, ArchiveFault> {
        self.limit.start();
        let transaction = self.connection.unchecked_transaction()?;
        let Some((component, public_from)) = component_uid(&transaction, component)? else { return Ok(Vec::new()) };
        let from = from.max(public_from);
        let mut statement = transaction.prepare_cached(
            "SELECT from_ms, until_ms, state, evidence FROM interval
             WHERE subject_uid = ?1 AND organisation_uid IS NULL AND vantage_uid IS NULL AND from_ms < ?3
               AND from_ms >= coalesce((SELECT max(from_ms) FROM interval
                                        WHERE subject_uid = ?1 AND organisation_uid IS NULL AND vantage_uid IS NULL
                                          AND from_ms <= ?2), ?2)
             ORDER BY from_ms",
        )?;
        let mut rows = statement.query(params![component, from.as_millis(), until.as_millis()])?;
        let mut intervals = Vec::new();
        while let Some(row) = rows.next()? {
            let (state, evidence) = (row.get_ref(2)?, row.get_ref(3)?);
            let words =
                state.as_str().ok().and_then(Status::parse).zip(evidence.as_str().ok().and_then(Evidence::parse));
            let Some((status, evidence)) = words else {
                return Err(ArchiveFault::Damaged("a status is none of ours".to_owned()));
            };
            let until = row.get::<_, Option<i64>>(1)?.map(Timestamp::from_millis);
            if until.is_some_and(|until| until <= from) {
                continue;
            }
            if intervals.len() >= most {
                return Err(ArchiveFault::TooMuch);
            }
            let began = Timestamp::from_millis(row.get(0)?).max(public_from);
            intervals.push(PastInterval { from: began, until, status, evidence });
        }
        Ok(intervals)
    }
}

/// The uid of the component that bears a name, and since when the public may know of it.
fn component_uid(connection: &Connection, component: &ComponentId) -> rusqlite::Result<Option<(i64, Timestamp)>> {
    connection
        .prepare_cached(
            "SELECT uid, internal_until_ms FROM entity
             WHERE kind = 'component' AND id = ?1 AND retired_position IS NULL",
        )?
        .query_row([component.as_str()], |row| {
            let until: i64 = row.get(1)?;
            Ok((row.get(0)?, Timestamp::from_millis(if until == 0 { i64::MIN } else { until })))
        })
        .optional()
}

/// The checks that a component has or had, by uid.
fn checks_of(connection: &Connection, component: i64) -> rusqlite::Result<Vec<(i64, CheckId)>> {
    connection
        .prepare_cached("SELECT uid, id FROM entity WHERE component_uid = ?1 AND kind = 'check' ORDER BY uid")?
        .query_map([component], |row| {
            let name: String = row.get(1)?;
            Ok((row.get(0)?, CheckId::new(name.rsplit_once('/').map_or(&*name, |(_, check)| check))))
        })?
        .collect()
}

/// What becomes of results beyond the most that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excess {
    /// There is no answer.
    Refused,
    /// The oldest are left out.
    Dropped,
}

/// What was found so far.
struct Found {
    /// Nothing from here on was left out.
    from: Timestamp,
    until: Timestamp,
    most: usize,
    excess: Excess,
    results: Vec<PastResult>,
}

impl Found {
    fn add(&mut self, check: &CheckId, row: &Row) -> Result<(), ArchiveFault> {
        if row.ended_at < self.from || row.ended_at >= self.until {
            return Ok(());
        }
        match self.excess {
            Excess::Refused if self.results.len() >= self.most => return Err(ArchiveFault::TooMuch),
            // Seldom, so that it costs little for each.
            Excess::Dropped if self.results.len() >= self.most.saturating_mul(2) => self.drop_oldest(),
            Excess::Refused | Excess::Dropped => {}
        }
        self.results.push(PastResult {
            check: check.clone(),
            at: row.ended_at,
            verdict: row.verdict,
            reason: row.reason,
            duration: Duration::from_micros(u64::from(row.duration_us)),
        });
        Ok(())
    }
}

impl Found {
    /// Leaves out the oldest, and all that ended together with the last of these; a stable sort.
    fn drop_oldest(&mut self) {
        self.results.sort_by_key(|result| Reverse(result.at));
        if let Some(last) = self.results.get(self.most) {
            let from = last.at.shifted(1);
            self.from = from;
            self.results.retain(|result| result.at >= from);
        }
    }
}

/// Adds what stands in chunks.
fn folded(transaction: &Transaction<'_>, uid: i64, check: &CheckId, found: &mut Found) -> Result<(), ArchiveFault> {
    let ends = "SELECT (SELECT key FROM chunk ORDER BY key LIMIT 1), (SELECT key FROM chunk ORDER BY key DESC LIMIT 1)";
    let ends: (Option<i64>, Option<i64>) =
        transaction.prepare_cached(ends)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = ends else { return Ok(()) };
    let days =
        chunk::day(found.from).max(chunk::day_of_key(first))..=chunk::day(found.until).min(chunk::day_of_key(last));
    let mut statement = transaction.prepare_cached("SELECT body FROM chunk WHERE key = ?1")?;
    for key in days.filter_map(|day| chunk::key_of_day(uid, day)) {
        let body: Option<Vec<u8>> = statement.query_row([key], |row| row.get(0)).optional()?;
        let rows = body.map(|body| chunk::unpack(&body, uid)).transpose().map_err(damaged)?;
        for row in rows.iter().flatten() {
            found.add(check, row)?;
        }
    }
    Ok(())
}

fn damaged(fault: CodecFault) -> ArchiveFault {
    ArchiveFault::Damaged(fault.to_string())
}

/// Which batches of the tail hold results of which check.
#[derive(Debug, Default)]
struct Tail {
    /// What batches are counted from, so that four bytes are enough.
    base: i64,
    /// The last batch that was read.
    last: i64,
    /// The first batch that may still be there.
    first: i64,
    batches: HashMap<i64, Vec<u32>>,
    remembered: usize,
    bounds: Bounds,
}

/// How much is remembered and read.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    remembered: usize,
    read_beside: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { remembered: REMEMBERED_MAX, read_beside: READ_BESIDE_MAX }
    }
}

impl Tail {
    /// Knows nothing of the batches from `first` on.
    fn begin(&mut self, first: i64) {
        *self = Self { base: first, last: first - 1, first, bounds: self.bounds, ..Self::default() };
    }

    /// Takes up what was written since.
    fn follow(&mut self, transaction: &Transaction<'_>, limit: &Limit) -> Result<(), ArchiveFault> {
        let ends: (Option<i64>, Option<i64>) = transaction
            .prepare_cached("SELECT (SELECT min(batch) FROM tail), (SELECT max(batch) FROM tail)")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)) = ends else {
            self.begin(0);
            return Ok(());
        };
        if last < self.last || first < self.base || self.batches.is_empty() {
            self.begin(first);
        }
        if first - self.first >= FORGOTTEN_AT_ONCE {
            self.forget(first);
        }
        let mut statement =
            transaction.prepare_cached("SELECT batch, body FROM tail WHERE batch > ?1 ORDER BY batch")?;
        let mut rows = statement.query([self.last])?;
        while self.remembered < self.bounds.remembered
            && let Some(row) = rows.next()?
        {
            limit.check()?;
            let batch: i64 = row.get(0)?;
            let Ok(number) = u32::try_from(batch - self.base) else { break };
            // A damaged batch holds nothing that could be found.
            for result in row.get_ref(1)?.as_blob().ok().and_then(|body| codec::decode(body).ok()).unwrap_or_default() {
                let batches = self.batches.entry(result.uid).or_default();
                if batches.last() != Some(&number) {
                    batches.push(number);
                    self.remembered += 1;
                }
            }
            self.last = batch;
        }
        Ok(())
    }

    /// Forgets batches before `first`.
    fn forget(&mut self, first: i64) {
        let gone = u32::try_from(first - self.base).unwrap_or(u32::MAX);
        self.batches.retain(|_, batches| {
            batches.drain(..batches.partition_point(|batch| *batch < gone));
            batches.shrink_to(2 * batches.len());
            !batches.is_empty()
        });
        self.remembered = self.batches.values().map(Vec::len).sum();
        self.first = first;
    }

    /// Adds what stands in the tail and in no chunk yet.
    fn read(
        &self,
        transaction: &Transaction<'_>,
        checks: &[(i64, CheckId)],
        limit: &Limit,
        found: &mut Found,
    ) -> Result<(), ArchiveFault> {
        let progress = Progress::read(transaction)?;
        let mut numbers: Vec<u32> =
            checks.iter().filter_map(|(uid, _)| self.batches.get(uid)).flatten().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut one = transaction.prepare_cached("SELECT at_ms, body FROM tail WHERE batch = ?1")?;
        for batch in numbers.into_iter().map(|number| self.base + i64::from(number)) {
            limit.check()?;
            let mut rows = one.query([batch])?;
            // It may be folded and gone.
            if let Some(row) = rows.next()? {
                add_batch(batch, row, progress, checks, found)?;
            }
        }
        // What is not remembered, as far as it may have ended in time.
        let beside = params![
            self.last,
            found.from.minus(KEPT_WITHIN).as_millis(),
            found.until.shifted(millis(KEPT_WITHIN + WRITTEN_WITHIN)).as_millis(),
        ];
        let bytes: i64 = transaction
            .prepare_cached(
                "SELECT coalesce(sum(length(body)), 0) FROM tail WHERE batch > ?1 AND at_ms BETWEEN ?2 AND ?3",
            )?
            .query_row(beside, |row| row.get(0))?;
        if bytes > self.bounds.read_beside {
            return Err(ArchiveFault::Behind);
        }
        let mut rest = transaction.prepare_cached(
            "SELECT at_ms, body, batch FROM tail WHERE batch > ?1 AND at_ms BETWEEN ?2 AND ?3 ORDER BY batch",
        )?;
        let mut rows = rest.query(beside)?;
        while let Some(row) = rows.next()? {
            limit.check()?;
            add_batch(row.get(2)?, row, progress, checks, found)?;
        }
        Ok(())
    }
}

fn add_batch(
    batch: i64,
    row: &rusqlite::Row<'_>,
    progress: Option<Progress>,
    checks: &[(i64, CheckId)],
    found: &mut Found,
) -> Result<(), ArchiveFault> {
    // Nothing in it ended later than this.
    if Timestamp::from_millis(row.get(0)?).plus(KEPT_WITHIN) < found.from {
        return Ok(());
    }
    let body = row.get_ref(1)?.as_blob().map_err(|error| ArchiveFault::Damaged(error.to_string()))?;
    for result in codec::decode(body).map_err(damaged)? {
        let Some((_, check)) = checks.iter().find(|(uid, _)| *uid == result.uid) else { continue };
        let result = chunk::kept(result);
        let is_folded = chunk::key(result.uid, result.ended_at)
            .is_some_and(|key| progress.is_some_and(|progress| progress.has_done(batch, key)));
        if !is_folded {
            found.add(check, &result)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::open::Store;
    use crate::model::verdict::Verdict;

    #[test]
    fn a_long_tail_is_read_only_where_it_may_hold_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turmwacht.db");
        drop(Store::open(&path).unwrap());
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        connection
            .execute_batch(
                "INSERT INTO entity (uid, kind, id) VALUES (5, 'component', 'portal');
                 INSERT INTO entity (uid, kind, id, component_uid) VALUES (6, 'check', 'portal/main', 5);",
            )
            .unwrap();
        // One every six hours, none of them folded.
        let at = |number: i64| Timestamp::from_millis(number * 21_600_000);
        let mut length = 0;
        for number in 1..=100i64 {
            let row = Row {
                uid: 6,
                slot: at(number),
                ended_at: at(number),
                verdict: Verdict::Up,
                reason: None,
                duration_us: 0,
                counted: true,
            };
            let body = codec::encode(&[row]);
            length = i64::try_from(body.len()).unwrap();
            connection
                .execute(
                    "INSERT INTO tail (batch, at_ms, body) VALUES (?1, ?2, ?3)",
                    params![number, at(number).as_millis(), body],
                )
                .unwrap();
        }
        let archive = ArchiveReader::open(&path).unwrap();
        archive.lock().as_mut().unwrap().tail.bounds = Bounds { remembered: 40, read_beside: 3 * length };
        let portal = ComponentId::new("portal");
        let ask = |from: i64, until: i64| archive.results(&portal, at(from), at(until), 1_000);
        let numbers = |results: Vec<PastResult>| -> Vec<i64> {
            results.iter().map(|result| result.at.as_millis() / 21_600_000).collect()
        };
        assert_eq!(numbers(ask(1, 30).unwrap()), (1..30).collect::<Vec<_>>(), "they are remembered");
        // Another batch that is damaged is not looked at, neither before the range nor after it.
        connection.execute("UPDATE tail SET body = x'01ff' WHERE batch IN (59, 70)", []).unwrap();
        assert_eq!(numbers(ask(60, 62).unwrap()), [60, 61]);
        assert!(matches!(ask(60, 90), Err(ArchiveFault::Behind)));
        // Nothing is wrong with the reader.
        assert_eq!(numbers(ask(30, 41).unwrap()).len(), 11);
    }
}
