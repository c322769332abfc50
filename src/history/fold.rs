//! Folding: results leave the tail, where all checks of a second stand together, for chunks of one
//! check and day each.
//!
//! It happens on the writer's thread, in steps of some milliseconds between its transactions. One
//! fold takes the oldest batches at once, so that a chunk is written anew a few times a day and not
//! at each result. How far it has come stands in the table `fold`, which changes in the transaction
//! of the chunks: what is in a chunk counts no longer where it still stands in the tail, so that a
//! fold may be interrupted between any two steps and nothing is lost or counted twice.
//!
//! Results that a start may still need stay in the tail: those of the last hour, and those that the
//! oldest checkpoint is not sure to hold.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::clock::monotonic;
use crate::history::chunk::{self, Packer};
use crate::history::codec::{self, Row};
use crate::history::horizon;
use crate::model::time::Timestamp;

/// Results stay in the tail for so long at least.
pub(super) const FOLDED_AFTER: Duration = Duration::from_secs(3_600);

/// A fold begins when its oldest results have waited for so long, or when it would be full.
const FOLD_EVERY: Duration = Duration::from_secs(1_800);

/// Most bytes of batches in one fold: about 250,000 results, for which 10 MiB are held meanwhile.
const FOLD_BYTES_MAX: i64 = 2 * 1024 * 1024;

/// A step reads batches until they were so many bytes: about 30,000 results.
const STEP_BYTES_MAX: usize = 256 * 1024;

/// Most batches that are looked at for one fold.
const FOLD_BATCHES_MAX: u32 = 8_192;

/// A step stores chunks until so much time has passed.
const STEP_BUDGET: Duration = Duration::from_millis(10);

/// Most chunks of a step, however quick they are.
const STEP_CHUNKS_MAX: usize = 512;

/// Most batches, and most expired chunks, that a step removes.
const STEP_REMOVED_MAX: u32 = 512;

/// How far a fold has come, as the store says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last batch that is folded.
    through: i64,
    /// The key of the last chunk that is done.
    after: i64,
}

impl Progress {
    /// What the store says; `None` while no fold is under way.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached("SELECT through_batch, after_key FROM fold")?
            .query_row([], |row| Ok(Self { through: row.get(0)?, after: row.get(1)? }))
            .optional()
    }

    /// Whether a result of a batch is in its chunk already.
    pub(super) const fn has_done(&self, batch: i64, key: i64) -> bool {
        batch <= self.through && key <= self.after
    }

    fn write(self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO fold (id, through_batch, after_key) VALUES (1, ?1, ?2)")?
            .execute(params![self.through, self.after])?;
        Ok(())
    }
}

/// What a step has left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// More of the same.
    More,
    /// Nothing for now.
    Nothing,
}

/// Folds, step by step.
pub(super) struct Folder {
    packer: Packer,
    bounds: Bounds,
    fold: Option<Fold>,
}

/// What a step does at most.
struct Bounds {
    chunks: usize,
    removed: u32,
    bytes: usize,
}

/// A fold under way, in memory.
struct Fold {
    /// How far it was when reading began.
    progress: Progress,
    /// What is still to be stored by chunk, the last chunk first.
    rows: Vec<(i64, Row)>,
    /// The last batch that was read for it; `None` when all are.
    read: Option<i64>,
}

impl Folder {
    pub(super) fn new() -> std::io::Result<Self> {
        let bounds = Bounds { chunks: STEP_CHUNKS_MAX, removed: STEP_REMOVED_MAX, bytes: STEP_BYTES_MAX };
        Ok(Self { packer: Packer::new()?, bounds, fold: None })
    }

    /// One step. After an error the next one begins from what the store says.
    pub(super) fn step(&mut self, connection: &mut Connection) -> rusqlite::Result<Left> {
        let mut fold = match self.fold.take() {
            Some(fold) => fold,
            None => match Progress::read(connection)? {
                Some(progress) => Fold::new(progress),
                None => match plan(connection)? {
                    Some(through) => Fold::new(Progress { through, after: i64::MIN }),
                    None => return self.retire(connection),
                },
            },
        };
        if let Some(read) = fold.read {
            fold.load(connection, read, self.bounds.bytes)?;
        }
        // What was read last is stored at once, so that each round that reads it all gets further.
        if fold.read.is_some() {
            self.fold = Some(fold);
        } else if fold.rows.is_empty() {
            remove(connection, fold.progress.through, self.bounds.removed)?;
        } else {
            self.fold = Some(self.store(connection, fold)?);
        }
        Ok(Left::More)
    }

    /// Stores some chunks.
    fn store(&mut self, connection: &mut Connection, mut fold: Fold) -> rusqlite::Result<Fold> {
        let began = monotonic();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut after = i64::MIN;
        for _ in 0..self.bounds.chunks {
            let Some(&(key, _)) = fold.rows.last() else { break };
            let first = fold.rows.partition_point(|(other, _)| *other > key);
            // They stand the last first, and so do those of one chunk.
            let fresh: Vec<Row> = fold.rows.drain(first..).rev().map(|(_, row)| row).collect();
            self.append(&transaction, key, fresh)?;
            after = key;
            if monotonic().duration_since(began) >= STEP_BUDGET {
                break;
            }
        }
        if fold.rows.is_empty() {
            after = i64::MAX;
        }
        Progress { through: fold.progress.through, after }.write(&transaction)?;
        transaction.commit()?;
        Ok(fold)
    }

    /// Adds results to a chunk.
    fn append(&mut self, transaction: &Transaction<'_>, key: i64, fresh: Vec<Row>) -> rusqlite::Result<()> {
        let Some(uid) = fresh.first().map(|row| row.uid) else { return Ok(()) };
        let stored: Option<Vec<u8>> = transaction
            .prepare_cached("SELECT body FROM chunk WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        let rows = match stored.map(|body| chunk::unpack(&body, uid)) {
            Some(Ok(mut rows)) => {
                rows.extend(fresh);
                rows
            }
            Some(Err(error)) => {
                tracing::warn!(key, %error, "the stored results of a day of a check are damaged and begin anew");
                fresh
            }
            None => fresh,
        };
        let body = self.packer.pack(&rows).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO chunk (key, body) VALUES (?1, ?2)")?
            .execute(params![key, body])?;
        Ok(())
    }

    /// Drops chunks of days that are over for longer than results are kept.
    fn retire(&self, connection: &mut Connection) -> rusqlite::Result<Left> {
        let Some(horizon) = horizon::read(connection)? else { return Ok(Left::Nothing) };
        let day = chunk::day(horizon);
        let Some(first_kept) = chunk::key_of_day(0, day) else { return Ok(Left::Nothing) };
        let removed = connection
            .prepare_cached(
                "DELETE FROM chunk WHERE key IN (SELECT key FROM chunk WHERE key < ?1 ORDER BY key LIMIT ?2)",
            )?
            .execute(params![first_kept, self.bounds.removed])?;
        Ok(if removed > 0 { Left::More } else { Left::Nothing })
    }
}

/// When the newest batch was written.
fn newest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT at_ms FROM tail ORDER BY batch DESC LIMIT 1")?
        .query_row([], |row| row.get(0).map(Timestamp::from_millis))
        .optional()
}

/// The last batch of the next fold, if it is time for one.
fn plan(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let Some(newest) = newest(connection)? else { return Ok(None) };
    let sure: i64 = connection
        .prepare_cached("SELECT coalesce(min(tail_batch), ?1) FROM checkpoint")?
        .query_row([i64::MAX], |row| row.get(0))?;
    let before = newest.minus(FOLDED_AFTER);
    let mut statement = connection
        .prepare_cached("SELECT batch, at_ms, length(body) FROM tail WHERE batch <= ?1 ORDER BY batch LIMIT ?2")?;
    let mut rows = statement.query(params![sure, FOLD_BATCHES_MAX])?;
    let (mut bytes, mut count, mut last) = (0i64, 0u32, None);
    let mut is_due = false;
    while let Some(row) = rows.next()? {
        let at = Timestamp::from_millis(row.get(1)?);
        if at >= before {
            break;
        }
        is_due |= at < before.minus(FOLD_EVERY);
        bytes += row.get::<_, i64>(2)?;
        count += 1;
        last = Some(row.get(0)?);
        if bytes >= FOLD_BYTES_MAX || count >= FOLD_BATCHES_MAX {
            return Ok(last);
        }
    }
    Ok(last.filter(|_| is_due))
}

impl Fold {
    /// A fold of which nothing is read yet.
    const fn new(progress: Progress) -> Self {
        let is_stored = progress.after == i64::MAX;
        Self { progress, rows: Vec::new(), read: if is_stored { None } else { Some(i64::MIN) } }
    }

    /// Reads on after a batch: some of what is still to be stored.
    fn load(&mut self, connection: &Connection, after: i64, most: usize) -> rusqlite::Result<()> {
        let mut statement = connection
            .prepare_cached("SELECT batch, body FROM tail WHERE batch > ?1 AND batch <= ?2 ORDER BY batch")?;
        let mut found = statement.query([after, self.progress.through])?;
        let (mut bytes, mut read) = (0, None);
        while bytes < most {
            let Some(row) = found.next()? else {
                read = None;
                break;
            };
            let batch: i64 = row.get(0)?;
            read = Some(batch);
            let Ok(body) = row.get_ref(1)?.as_blob() else { continue };
            bytes += body.len();
            match codec::decode(body) {
                Ok(results) => self.rows.extend(results.into_iter().map(chunk::kept).filter_map(|row| {
                    let key = chunk::key(row.uid, row.ended_at)?;
                    (!self.progress.has_done(batch, key)).then_some((key, row))
                })),
                Err(error) => tracing::warn!(batch, %error, "stored results {batch} are damaged and given up"),
            }
        }
        self.read = read;
        if read.is_none() {
            // Stable, so that the results of a chunk stay in order of arrival; turned round, so that
            // what is stored can be taken off the end.
            self.rows.sort_by_key(|(key, _)| *key);
            self.rows.reverse();
        }
        Ok(())
    }
}

/// Removes batches that are folded; the last of them together with the word that a fold is under way.
fn remove(connection: &mut Connection, through: i64, most: u32) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // None of their results was to be stored.
    Progress { through, after: i64::MAX }.write(&transaction)?;
    transaction
        .prepare_cached(
            "DELETE FROM tail WHERE batch IN (SELECT batch FROM tail WHERE batch <= ?1 ORDER BY batch LIMIT ?2)",
        )?
        .execute(params![through, most])?;
    let is_left: bool = transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM tail WHERE batch <= ?1)")?
        .query_row([through], |row| row.get(0))?;
    if !is_left {
        transaction.prepare_cached("DELETE FROM fold")?.execute([])?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use rusqlite::OpenFlags;

    use super::*;
    use crate::history::archive::ArchiveReader;
    use crate::history::open::{Store, beside, connect};
    use crate::model::id::ComponentId;
    use crate::model::past::PastResult;
    use crate::model::verdict::{Reason, Verdict};

    const CHECKS: i64 = 3;
    /// Ten seconds before a new UTC day.
    const FIRST: i64 = 19_676 * 86_400 - 10;

    fn open(path: &Path) -> Connection {
        connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
    }

    fn folder() -> Folder {
        let mut folder = Folder::new().unwrap();
        folder.bounds = Bounds { chunks: 1, removed: 7, bytes: usize::MAX };
        folder
    }

    fn batch(connection: &Connection, number: i64, second: i64) {
        let rows: Vec<Row> = (0..CHECKS)
            .map(|check| {
                let duration_us = 12_345 + u32::try_from(number * 777 + check).unwrap();
                let is_down = number % 4 == check;
                Row {
                    uid: 10 + check,
                    slot: Timestamp::from_millis(second * 1000 + check),
                    ended_at: Timestamp::from_millis(second * 1000 + check + i64::from(duration_us / 1000) + 3),
                    verdict: if is_down { Verdict::Down } else { Verdict::Up },
                    reason: is_down.then_some(Reason::Timeout),
                    duration_us,
                    counted: true,
                }
            })
            .collect();
        let newest = rows.iter().map(|row| row.ended_at).max().unwrap();
        connection
            .execute(
                "INSERT INTO tail (batch, at_ms, body) VALUES (?1, ?2, ?3)",
                params![number, newest.as_millis(), codec::encode(&rows)],
            )
            .unwrap();
    }

    /// A store with a component, its three checks, and twenty batches that can be folded.
    fn store(folder: &Path) -> PathBuf {
        let path = folder.join("turmwacht.db");
        drop(Store::open(&path).unwrap());
        let connection = open(&path);
        connection.execute("INSERT INTO entity (uid, kind, id) VALUES (5, 'component', 'portal')", []).unwrap();
        for check in 0..CHECKS {
            connection
                .execute(
                    "INSERT INTO entity (uid, kind, id, component_uid) VALUES (?1, 'check', 'portal/c' || ?1, 5)",
                    [10 + check],
                )
                .unwrap();
        }
        for number in 1..=20 {
            batch(&connection, number, FIRST + number);
        }
        batch(&connection, 21, FIRST + 6_000);
        path
    }

    fn all(archive: &ArchiveReader) -> Vec<PastResult> {
        let (from, until) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
        archive.results(&ComponentId::new("portal"), from, until, 10_000).unwrap()
    }

    fn count(connection: &Connection, table: &str) -> u32 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn killed_between_any_two_steps_nothing_is_lost_or_doubled() {
        let ground = tempfile::tempdir().unwrap();
        let path = store(ground.path());
        let mut connection = open(&path);
        let archive = ArchiveReader::open(&path).unwrap();
        let before = all(&archive);
        assert_eq!(before.len(), 63);
        let mut steady = folder();
        // Reading takes several steps, which a kill begins anew.
        steady.bounds.bytes = 100;
        let mut steps = 0;
        while steady.step(&mut connection).unwrap() == Left::More {
            steps += 1;
            assert_eq!(all(&archive), before, "after step {steps}");
            // What a kill leaves behind, with nothing in memory.
            let copy = tempfile::tempdir().unwrap();
            let killed = copy.path().join("turmwacht.db");
            for suffix in ["", "-wal"] {
                std::fs::copy(beside(&path, suffix), beside(&killed, suffix)).unwrap();
            }
            drop(Store::open(&killed).unwrap());
            assert_eq!(all(&ArchiveReader::open(&killed).unwrap()), before, "killed after step {steps}");
            let mut again = open(&killed);
            // A new folder at each step, as if it were killed each time.
            while folder().step(&mut again).unwrap() == Left::More {}
            assert_eq!((count(&again, "tail"), count(&again, "fold"), count(&again, "chunk")), (1, 0, 6));
            assert_eq!(all(&ArchiveReader::open(&killed).unwrap()), before, "folded after step {steps}");
        }
        assert!(steps >= 12, "reading in several steps, six chunks, three parts of the tail: {steps}");
        assert_eq!((count(&connection, "tail"), count(&connection, "fold"), count(&connection, "chunk")), (1, 0, 6));
        // It goes on: results come to the chunks that are there.
        batch(&connection, 22, FIRST + 12_000);
        let more = all(&archive);
        assert_eq!(more.len(), 66);
        while steady.step(&mut connection).unwrap() == Left::More {}
        assert_eq!((count(&connection, "tail"), count(&connection, "chunk")), (1, 6));
        assert_eq!(all(&archive), more);
        assert_eq!(all(&ArchiveReader::open(&path).unwrap()), more);
    }

    #[test]
    fn what_a_start_may_need_stays_in_the_tail() {
        let ground = tempfile::tempdir().unwrap();
        let mut connection = open(&store(ground.path()));
        connection
            .execute_batch(
                "INSERT INTO checkpoint VALUES (1, 1, 1, 5, x''); INSERT INTO checkpoint VALUES (2, 1, 1, 15, x'');",
            )
            .unwrap();
        while folder().step(&mut connection).unwrap() == Left::More {}
        let first: i64 = connection.query_row("SELECT min(batch) FROM tail", [], |row| row.get(0)).unwrap();
        assert_eq!(first, 6, "the older checkpoint is sure to hold the first five only");
        connection.execute("DELETE FROM checkpoint", []).unwrap();
        // Half an hour is not over yet since the last hour.
        connection.execute("UPDATE tail SET at_ms = ?1 WHERE batch = 21", [(FIRST + 4_000) * 1000]).unwrap();
        assert_eq!(folder().step(&mut connection).unwrap(), Left::Nothing);
        assert_eq!(count(&connection, "tail"), 16);
    }

    #[test]
    fn days_are_dropped_when_they_are_over_for_long_enough() {
        let ground = tempfile::tempdir().unwrap();
        let path = store(ground.path());
        let mut connection = open(&path);
        let keep_from = |connection: &Connection, second: i64| {
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('results_from_ms', ?1)", [second * 1000]).unwrap();
        };
        while folder().step(&mut connection).unwrap() == Left::More {}
        assert_eq!(count(&connection, "chunk"), 6);
        // All but the last of what ended on the first day is older.
        keep_from(&connection, FIRST + 9);
        while folder().step(&mut connection).unwrap() == Left::More {}
        assert_eq!(count(&connection, "chunk"), 6, "the first day is kept as long as any of it is");
        keep_from(&connection, FIRST + 11);
        while folder().step(&mut connection).unwrap() == Left::More {}
        assert_eq!(count(&connection, "chunk"), 3);
        assert!(
            all(&ArchiveReader::open(&path).unwrap()).iter().all(|result| result.at.as_millis() >= (FIRST + 10) * 1000)
        );
    }

    #[test]
    fn damage_costs_what_is_damaged() {
        let ground = tempfile::tempdir().unwrap();
        let path = store(ground.path());
        let mut connection = open(&path);
        connection.execute("UPDATE tail SET body = x'01ff' WHERE batch = 3", []).unwrap();
        while folder().step(&mut connection).unwrap() == Left::More {}
        assert_eq!(all(&ArchiveReader::open(&path).unwrap()).len(), 60);
        connection
            .execute("UPDATE chunk SET body = x'0201' WHERE check_uid = 11 AND from_ms > ?1", [FIRST * 1000])
            .unwrap();
        let archive = ArchiveReader::open(&path).unwrap();
        let (from, until) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
        let fault = archive.results(&ComponentId::new("portal"), from, until, 10_000).unwrap_err().to_string();
        assert!(fault.starts_with("stored results are damaged"), "{fault}");
        // The day before is as it was.
        let day = archive.results(&ComponentId::new("portal"), from, Timestamp::from_millis(FIRST * 1000), 10_000);
        assert_eq!(day.unwrap().len(), 0);
    }
}
