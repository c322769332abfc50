//! The writer: a thread of its own that appends what is decided, and says when it is durable.
//!
//! Everything queued at a wake-up goes into one transaction (group commit). If the store cannot
//! be written, the writer keeps what it has, says so once per batch, tries again by itself, and
//! says so again when it is durable after all. Single results are given up before decisions are.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::clock::monotonic;
use crate::history::append::{self, Appender, Prepared};
use crate::history::fold::{Folder, Left};
use crate::history::open::{Lock, Store, beside, fault};
use crate::history::{StoreFault, salvage, sentence};
use crate::model::access::{AuditRecord, StoredAnswer};
use crate::model::event::{Logged, StoredResult};
use crate::model::time::Timestamp;

/// Most batches that wait.
pub const QUEUE_BATCHES_MAX: usize = 4_096;

/// Most events that wait or are being written. One batch alone may have more: the first
/// catalogue's statuses are decided in one step.
pub const QUEUE_EVENTS_MAX: usize = 10_000;

/// Most single results that wait, 48 bytes each.
pub const QUEUE_RESULTS_MAX: usize = 200_000;

/// Most bytes of audit records and answers that wait. One batch alone may have more.
pub const QUEUE_EDIT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Most batches in one transaction.
const GROUP_BATCHES_MAX: usize = 1_024;

/// First and longest wait before a failed transaction is tried again.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Results arrive for so long before it is looked again whether any are to be folded.
const FOLD_LOOK_EVERY: Duration = Duration::from_secs(60);

/// The pause between two steps of folding.
const FOLD_PAUSE: Duration = Duration::from_millis(20);

/// A step is taken although something waits once folding has stood still for so long.
const FOLD_STARVED_AFTER: Duration = Duration::from_secs(1);

/// The pause after a step that failed.
const FOLD_RETRY: Duration = Duration::from_secs(60);

/// How long a failing store is tried at shutdown. The process has five seconds in all.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// A write-ahead log longer than this is folded although readers have to be waited for: SQLite itself folds it
/// only as far as nobody reads, so that readers who take turns would let it grow for ever.
pub const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// It grows by so much more until readers who did not end are waited for again, a second each time.
const WAL_BYTES_MORE: u64 = 16 * 1024 * 1024;

/// How the writer works.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// How long single results are kept.
    pub retain_results: Duration,
    /// A limit on the database's pages (16 KiB each), 0 = none. Beyond it the store is full, as
    /// if its disk were. Read before each transaction.
    pub pages_max: Option<Arc<AtomicU32>>,
}

/// What one step of the engine produced.
#[derive(Default)]
pub struct Batch {
    /// Decisions, continuing the log without a gap.
    pub events: Vec<Logged>,
    /// Results of checks by their index in the catalogue in force after `events`.
    pub results: Vec<StoredResult>,
    /// What editors did or were refused, as part of the same transaction.
    pub audits: Vec<AuditRecord>,
    /// What they were answered, in case they ask again.
    pub answers: Vec<StoredAnswer>,
    /// Makes a checkpoint of the state after `events`, on the writer's thread.
    pub checkpoint: Option<MakeCheckpoint>,
    /// Comes back in the acknowledgement.
    pub token: u64,
}

/// Makes a checkpoint.
pub type MakeCheckpoint = Box<dyn FnOnce() -> CheckpointBody + Send>;

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("events", &self.events)
            .field("results", &self.results)
            .field("audits", &self.audits.len())
            .field("answers", &self.answers.len())
            .field("checkpoint", &self.checkpoint.is_some())
            .field("token", &self.token)
            .finish()
    }
}

impl Batch {
    /// About how much memory its audit records and answers take.
    fn edit_bytes(&self) -> usize {
        let audits = self.audits.iter().map(|record| {
            record.actor.len() + record.action.len() + record.subject.len() + record.detail.len() + size_of_val(record)
        });
        let answers = self.answers.iter().map(|answer| {
            let headers: usize = answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            answer.key.len() + headers + answer.body.len() + size_of_val(answer)
        });
        audits.chain(answers).sum()
    }
}

/// The engine's state at a position, in its own encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointBody {
    /// The last position that is in it.
    pub position: u64,
    /// The encoding's version.
    pub format: u32,
    /// The catalogue in force; 0 before the first.
    pub catalogue_version: u32,
    /// The state.
    pub body: Vec<u8>,
}

/// Word of the writer about a batch. An `Err` means "not yet" and is followed by `Ok` once the
/// batch is durable, unless the batch is refused for good or the writer ends before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The batch's token.
    pub token: u64,
    /// The log is durable up to here.
    pub position: u64,
    /// Whether the batch is durable, else why not.
    pub result: Result<(), String>,
}

/// What the operator may want to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Batches that wait.
    pub queue_depth: usize,
    /// Events that are not durable yet.
    pub undurable_transitions: usize,
    /// Length of the write-ahead log after the last transaction.
    pub wal_bytes: u64,
    /// Single results given up so far.
    pub dropped_results: u64,
    /// Why the store cannot be written, while that is so.
    pub last_error: Option<String>,
}

/// The queue to the writer's thread. Dropping it is [`Writer::shutdown`].
#[derive(Debug)]
pub struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Starts the writer. `on_ack` is called on its thread and must not block.
    pub fn into_writer(
        self,
        options: WriterOptions,
        on_ack: impl Fn(Ack) + Send + 'static,
    ) -> Result<Writer, StoreFault> {
        let in_force = self.in_force()?.map(|(_, catalogue)| catalogue);
        let appender =
            Appender::new(&self.connection, in_force, options.retain_results).map_err(fault("read", &self.path))?;
        let folder = Folder::new().map_err(|source| StoreFault::File {
            doing: "compress results of",
            path: self.path.clone(),
            source,
            help: "allow this process more memory",
        })?;
        let queue = Arc::new(Queue::default());
        let path = self.path.clone();
        let work = Work {
            queue: Arc::clone(&queue),
            appender,
            folding: Folding { folder, next: None, looked_at: None, is_failing: false },
            connection: self.connection,
            wal: beside(&self.path, "-wal"),
            path: self.path.clone(),
            wal_bytes_next: WAL_BYTES_MAX,
            pages_max: options.pages_max,
            on_ack: Box::new(on_ack),
            _lock: self.lock,
        };
        let thread = std::thread::Builder::new().name("history".to_owned()).spawn(|| work.run()).map_err(|source| {
            StoreFault::File { doing: "start the writer of", path, source, help: "allow this user more threads" }
        })?;
        Ok(Writer { queue, thread: Some(thread) })
    }
}

impl Writer {
    /// Queues a batch. Comes back if the queue is full, or the writer has ended. Beyond half,
    /// the batch goes without its results.
    pub fn try_send(&self, mut batch: Batch) -> Result<(), Batch> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(batch);
        }
        let mut state = self.queue.lock();
        let events = state.events_queued + state.events_held;
        let edit_bytes = batch.edit_bytes();
        let overflows = events > 0 && events + batch.events.len() > QUEUE_EVENTS_MAX
            || state.edit_bytes_queued > 0 && state.edit_bytes_queued + edit_bytes > QUEUE_EDIT_BYTES_MAX;
        if state.closing.is_some() || state.batches.len() >= QUEUE_BATCHES_MAX || overflows {
            return Err(batch);
        }
        let is_half_full = state.batches.len() >= QUEUE_BATCHES_MAX / 2
            || events >= QUEUE_EVENTS_MAX / 2
            || state.results_queued + batch.results.len() > QUEUE_RESULTS_MAX;
        if is_half_full {
            state.dropped_results += batch.results.len() as u64;
            batch.results = Vec::new();
        }
        state.events_queued += batch.events.len();
        state.results_queued += batch.results.len();
        state.edit_bytes_queued += edit_bytes;
        state.batches.push_back(Queued { batch, is_told: false });
        drop(state);
        self.queue.changed.notify_one();
        Ok(())
    }

    /// The writer's state.
    pub fn gauges(&self) -> Gauges {
        let state = self.queue.lock();
        Gauges {
            queue_depth: state.batches.len(),
            undurable_transitions: state.events_queued + state.events_held,
            wal_bytes: state.wal_bytes,
            dropped_results: state.dropped_results,
            last_error: state.failing.clone().or_else(|| state.refused.clone()),
        }
    }

    /// Writes what is queued, folds the write-ahead log and ends. A store that cannot be
    /// written is given up after three seconds.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.lock().closing.get_or_insert_with(monotonic);
        self.queue.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the store has panicked");
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Queued>,
    events_queued: usize,
    results_queued: usize,
    edit_bytes_queued: usize,
    /// Events of the transaction under way.
    events_held: usize,
    dropped_results: u64,
    wal_bytes: u64,
    /// Why transactions fail at the moment.
    failing: Option<String>,
    /// Why a batch was refused for good.
    refused: Option<String>,
    /// Since when no more is taken.
    closing: Option<Instant>,
}

#[derive(Debug)]
struct Queued {
    batch: Batch,
    /// Whether its sender knows that it is not durable yet.
    is_told: bool,
}

impl Queue {
    /// Whoever panicked while holding the lock left counters behind, never a broken batch.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is queued, as one group; waits for it, at most until an instant.
    fn next(&self, until: Option<Instant>) -> Next {
        let mut state = self.lock();
        while state.batches.is_empty() {
            if state.closing.is_some() {
                return Next::Closed;
            }
            state = match until.map(|until| until.saturating_duration_since(monotonic())) {
                Some(Duration::ZERO) => return Next::Idle,
                Some(wait) => self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        let count = state.batches.len().min(GROUP_BATCHES_MAX);
        let group: Vec<Queued> = state.batches.drain(..count).collect();
        let events: usize = group.iter().map(|queued| queued.batch.events.len()).sum();
        let results: usize = group.iter().map(|queued| queued.batch.results.len()).sum();
        state.events_queued = state.events_queued.saturating_sub(events);
        state.results_queued = state.results_queued.saturating_sub(results);
        let edit_bytes: usize = group.iter().map(|queued| queued.batch.edit_bytes()).sum();
        state.edit_bytes_queued = state.edit_bytes_queued.saturating_sub(edit_bytes);
        state.events_held = events;
        Next::Group(group)
    }
}

/// What is next to do.
enum Next {
    Group(Vec<Queued>),
    /// Nothing is queued, and the time is over.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

/// When results are folded.
struct Folding {
    folder: Folder,
    /// When the next step is due, while there is something to do.
    next: Option<Instant>,
    /// How far results had come when it was last looked whether any are to be folded.
    looked_at: Option<Timestamp>,
    is_failing: bool,
}

impl Folding {
    /// Looks whether there is something to fold, if results have gone on for long enough.
    fn look(&mut self, newest: Option<Timestamp>) {
        let is_due = |newest: &Timestamp| {
            self.looked_at.is_none_or(|before| *newest < before || newest.since(before) >= FOLD_LOOK_EVERY)
        };
        if self.next.is_none()
            && let Some(newest) = newest.filter(is_due)
        {
            self.looked_at = Some(newest);
            self.next = Some(monotonic());
        }
    }

    fn is_starved(&self) -> bool {
        self.next.is_some_and(|due| monotonic().saturating_duration_since(due) >= FOLD_STARVED_AFTER)
    }

    fn step(&mut self, connection: &mut Connection) {
        let result = self.folder.step(connection);
        self.next = match &result {
            Ok(Left::More) => Some(monotonic() + FOLD_PAUSE),
            Ok(Left::Nothing) => None,
            Err(_) => Some(monotonic() + FOLD_RETRY),
        };
        let was_failing = std::mem::replace(&mut self.is_failing, result.is_err());
        if let Err(error) = result
            && !was_failing
        {
            tracing::warn!("cannot fold stored results: {}; nothing is lost, trying again", sentence(&error));
        }
    }
}

/// What the thread owns. The connection is closed before the lock is given back.
struct Work {
    queue: Arc<Queue>,
    appender: Appender,
    folding: Folding,
    connection: Connection,
    path: PathBuf,
    wal: PathBuf,
    /// With so many bytes readers are waited for.
    wal_bytes_next: u64,
    pages_max: Option<Arc<AtomicU32>>,
    on_ack: Box<dyn Fn(Ack) + Send>,
    _lock: Option<Lock>,
}

impl Work {
    fn run(mut self) {
        loop {
            let group = match self.queue.next(self.folding.next) {
                Next::Group(group) => group,
                Next::Idle => {
                    self.folding.step(&mut self.connection);
                    continue;
                }
                Next::Closed => break,
            };
            let mut group = self.prepare(group);
            let tail_before = self.appender.tail();
            if let Err(sentence) = self.write(&group) {
                self.give_up(&group, &sentence);
                break;
            }
            self.tell(group.iter().map(|prepared| prepared.batch.token), &Ok(()));
            let newest = group.iter_mut().rev().find_map(|prepared| prepared.batch.checkpoint.take());
            if let Some(make) = newest {
                self.checkpoint(make, tail_before);
            }
            self.folding.look(self.appender.newest());
            if self.folding.is_starved() {
                self.folding.step(&mut self.connection);
            }
            self.shorten();
        }
        let folded = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(%error, "cannot fold the write-ahead log; the next start will");
        }
    }

    /// Folds a write-ahead log that has become too long, and begins it anew. Readers end within two seconds; one
    /// that was stopped in the middle does not, and is told of.
    fn shorten(&mut self) {
        let bytes = self.measure_wal();
        if bytes < WAL_BYTES_MAX {
            self.wal_bytes_next = WAL_BYTES_MAX;
        }
        if bytes < self.wal_bytes_next {
            return;
        }
        let why = match self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)) {
            Ok(false) => {
                self.measure_wal();
                return;
            }
            Ok(true) => "another program reads the store and does not end".to_owned(),
            Err(error) => sentence(&error),
        };
        if self.wal_bytes_next == WAL_BYTES_MAX {
            tracing::warn!("the write-ahead log has {bytes} bytes and cannot be folded: {why}");
        }
        self.wal_bytes_next = bytes + WAL_BYTES_MORE;
    }

    /// Looks how long the write-ahead log is.
    fn measure_wal(&self) -> u64 {
        let bytes = std::fs::metadata(&self.wal).map_or(0, |wal| wal.len());
        self.queue.lock().wal_bytes = bytes;
        bytes
    }

    /// Refuses what does not continue the log: that is a fault of the program, and trying again
    /// would never end.
    fn prepare(&self, group: Vec<Queued>) -> Vec<Prepared> {
        let mut position = self.appender.position;
        let mut prepared = Vec::with_capacity(group.len());
        for queued in group {
            let last = queued.batch.events.last().map(|logged| logged.position);
            let token = queued.batch.token;
            match append::prepare(queued.batch, position) {
                Ok(mut ready) => {
                    ready.is_told = queued.is_told;
                    position = last.unwrap_or(position);
                    prepared.push(ready);
                }
                Err(what) => {
                    tracing::error!("the store refuses a batch: {what}");
                    self.queue.lock().refused = Some(what.clone());
                    self.tell([token], &Err(what));
                }
            }
        }
        prepared
    }

    /// Appends until it works. `Err` says why it never did before the end.
    fn write(&mut self, group: &[Prepared]) -> Result<(), String> {
        let mut wait = RETRY_FIRST;
        let mut is_told = false;
        loop {
            self.limit_pages();
            let appended = self.appender.append(&mut self.connection, group);
            self.measure_wal();
            let mut state = self.queue.lock();
            let Err(fault) = appended else {
                state.events_held = 0;
                if state.failing.take().is_some() {
                    tracing::info!("the store can be written again");
                }
                return Ok(());
            };
            let sentence = fault.sentence();
            let is_new = state.failing.replace(sentence.clone()).is_none();
            drop(state);
            if is_new {
                tracing::error!("{sentence}; nothing is lost yet, trying again");
                if fault.is_damage() {
                    salvage::suspect(&self.path);
                }
            }
            if !is_told {
                is_told = true;
                let untold = group.iter().filter(|prepared| !prepared.is_told);
                self.tell(untold.map(|prepared| prepared.batch.token), &Err(sentence.clone()));
            }
            if !self.wait(wait, &sentence) {
                return Err(sentence);
            }
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    /// Waits before another attempt, and meanwhile tells new senders that they have to wait too.
    /// `false` when there is no time left for another one.
    fn wait(&self, wait: Duration, sentence: &str) -> bool {
        let until = monotonic() + wait;
        loop {
            let mut state = self.queue.lock();
            let untold: Vec<u64> = state
                .batches
                .iter_mut()
                .filter_map(|queued| {
                    let was_told = std::mem::replace(&mut queued.is_told, true);
                    (!was_told).then_some(queued.batch.token)
                })
                .collect();
            let now = monotonic();
            let deadline = state.closing.map(|since| since + SHUTDOWN_GRACE);
            if untold.is_empty() && now < until && deadline.is_none_or(|deadline| now < deadline) {
                let end = deadline.map_or(until, |deadline| deadline.min(until));
                let waited = self.queue.changed.wait_timeout(state, end.saturating_duration_since(now));
                drop(waited);
                continue;
            }
            drop(state);
            if !untold.is_empty() {
                self.tell(untold, &Err(sentence.to_owned()));
                continue;
            }
            return deadline.is_none_or(|deadline| now < deadline);
        }
    }

    fn give_up(&self, group: &[Prepared], sentence: &str) {
        let mut state = self.queue.lock();
        let untold: Vec<u64> =
            state.batches.drain(..).filter(|queued| !queued.is_told).map(|queued| queued.batch.token).collect();
        let held: usize = group.iter().map(|prepared| prepared.batch.events.len()).sum();
        let lost = held + state.events_queued;
        drop(state);
        self.tell(untold, &Err(sentence.to_owned()));
        tracing::error!(events = lost, "{sentence}; ending with {lost} events that are not stored");
    }

    fn checkpoint(&mut self, make: MakeCheckpoint, tail: i64) {
        let state = make();
        let stored = if state.position > self.appender.position {
            Err(format!("it is of position {}, the log ends at {}", state.position, self.appender.position))
        } else {
            append::checkpoint(&mut self.connection, &state, tail)
        };
        if let Err(error) = stored {
            tracing::warn!(error, "cannot store a checkpoint; the next start reads more of the log");
        }
    }

    fn limit_pages(&self) {
        let Some(limit) = &self.pages_max else { return };
        let pages = match limit.load(Ordering::Relaxed) {
            0 => u32::MAX - 1,
            pages => pages,
        };
        let set = self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
        if let Err(error) = set {
            tracing::warn!(%error, "cannot limit the store's size");
        }
    }

    fn tell(&self, tokens: impl IntoIterator<Item = u64>, result: &Result<(), String>) {
        for token in tokens {
            (self.on_ack)(Ack { token, position: self.appender.position, result: result.clone() });
        }
    }
}
