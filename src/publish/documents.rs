//! The current snapshot and the documents rendered from it: on first demand, once per epoch,
//! encoded on first demand per encoding, in bounded memory.
//!
//! Threads of its own do the work: one renders, one renders what looks back and may wait for a
//! disk, one encodes; whoever asks never renders.
//! Everything is bounded: the queues (full = [`Lookup::Busy`], or no encoding for now), the bytes
//! kept, and how often the epoch changes ([`DocumentSettings::exchange_every`]): the first
//! change of a burst is visible at once, the rest together when the pause is over.
//!
//! Nothing here knows HTTP: no header, no status code (that is `server`).

mod cache;
mod stored;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::clock::monotonic;
use crate::model::snapshot::Snapshot;
use crate::publish::documents::cache::{Cache, Dropped};
pub use crate::publish::documents::stored::{ENCODED_MIN_BYTES, Encoding, Stored, THOROUGH_MAX_BYTES};
use crate::publish::events::{Events, FORGOTTEN_AFTER};
use crate::publish::{Rendered, Row, Target, is_kept, row};

/// Renders that wait; one more is refused.
const RENDERS_WAITING_MAX: usize = 1024;
/// Renders that wait for what lies long ago; one more is refused.
const ARCHIVE_WAITING_MAX: usize = 256;
/// Renders of data of long ago that wait, until no page of long ago does; one more is refused.
const ARCHIVE_DATA_WAITING_MAX: usize = 64;
/// Encodings that wait; one more is forgotten and asked for again by a later request.
const ENCODINGS_WAITING_MAX: usize = 256;
/// Renders of what is not kept ([`is_kept`]) that wait: no more, so that questions in endless
/// words never hold up what many read.
const PASSING_WAITING_MAX: usize = 32;
/// The same of what is not kept and asks the archive.
const PASSING_DATA_WAITING_MAX: usize = 16;
/// Old snapshots that wait for the renderer to free them; one more is freed by the publisher.
const RETIRED_MAX: usize = 16;

/// What turns a target into a document: `publish::render`, or a test's own.
pub type Render = Arc<dyn Fn(&Snapshot, &Target) -> Rendered + Send + Sync>;

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub struct DocumentSettings {
    /// Bytes of documents to keep, encoded variants included; 0 keeps none.
    pub cache_bytes: u64,
    /// Shortest time between two epochs.
    pub exchange_every: Duration,
}

impl Default for DocumentSettings {
    fn default() -> Self {
        Self { cache_bytes: 256 * 1024 * 1024, exchange_every: Duration::from_millis(500) }
    }
}

/// What became of a target.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A document.
    Document(Arc<Stored>),
    /// It has another address.
    Moved(String),
    /// It was here once.
    Gone,
    /// The request makes no sense; a sentence that says why.
    BadRequest(String),
    /// There is no such thing.
    NotFound,
    /// It cannot be read at the moment.
    Unavailable,
    /// Rendering it panicked: a defect of ours.
    Failed,
}

/// What there is for a target right now.
#[derive(Debug)]
pub enum Lookup {
    /// The document.
    Ready(Arc<Stored>),
    /// It is being rendered. A dropped sender means the same as [`Answer::Failed`].
    Wait(oneshot::Receiver<Answer>),
    /// Too much waits to be rendered.
    Busy,
    /// There is no snapshot yet.
    NotReady,
}

/// The key under which a target's document is kept: its path, followed by its parameters.
pub fn key(target: &Target) -> String {
    let mut key = target.path.clone();
    for (name, value) in &target.query {
        // NUL stands in no target, so keys cannot collide.
        key.extend(["\0", name, "\0", value]);
    }
    key
}

/// The documents. Dropping it ends its threads.
pub struct Documents {
    shared: Arc<Shared>,
    renders: SyncSender<Job>,
    /// Of targets that look back.
    archive: SyncSender<Job>,
    encodings: SyncSender<Encode>,
}

enum Job {
    Render {
        key: Arc<str>,
        target: Target,
        epoch: u64,
        row: Row,
    },
    /// Something waits elsewhere: to be exchanged or freed, or data of long ago.
    Wake,
}

struct Encode {
    key: Arc<str>,
    stored: Arc<Stored>,
    encoding: Encoding,
}

struct Shared {
    state: Mutex<State>,
    /// Changes whenever a document that somebody holds may be out of date or thrown out.
    version: AtomicU64,
    render: Render,
    exchange_every: Duration,
    /// What changes from epoch to epoch.
    events: Events,
}

struct State {
    epoch: u64,
    current: Option<Arc<Snapshot>>,
    exchanged_at: Option<Instant>,
    /// The newest snapshot that waits for the pause to be over.
    pending: Option<Arc<Snapshot>>,
    retired: Vec<Arc<Snapshot>>,
    sweep_due: bool,
    cache: Cache,
    flights: HashMap<(Arc<str>, u64), Vec<oneshot::Sender<Answer>>>,
    /// How many of them are not kept.
    passing: Passing,
    /// Data of long ago that wait.
    data: VecDeque<Job>,
}

/// How many renders of what is not kept are under way.
#[derive(Default)]
struct Passing {
    usual: usize,
    data: usize,
}

impl Passing {
    /// The count for a row, and its bound.
    const fn of(&mut self, row: Row) -> (&mut usize, usize) {
        match row {
            Row::Present | Row::Past => (&mut self.usual, PASSING_WAITING_MAX),
            Row::PastData => (&mut self.data, PASSING_DATA_WAITING_MAX),
        }
    }

    /// One fewer.
    fn done(&mut self, row: Row) {
        let (count, _) = self.of(row);
        *count = count.saturating_sub(1);
    }
}

impl Documents {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(settings: DocumentSettings, render: Render) -> io::Result<Arc<Self>> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                epoch: 0,
                current: None,
                exchanged_at: None,
                pending: None,
                retired: Vec::new(),
                sweep_due: false,
                cache: Cache::new(settings.cache_bytes),
                flights: HashMap::new(),
                passing: Passing::default(),
                data: VecDeque::new(),
            }),
            version: AtomicU64::new(0),
            render,
            exchange_every: settings.exchange_every,
            events: Events::start(FORGOTTEN_AFTER)?,
        });
        let (renders, jobs) = sync_channel(RENDERS_WAITING_MAX);
        let (archive, old_jobs) = sync_channel(ARCHIVE_WAITING_MAX);
        let (encodings, encodes) = sync_channel(ENCODINGS_WAITING_MAX);
        let renderer = Arc::clone(&shared);
        thread::Builder::new().name("render".to_owned()).spawn(move || render_all(&renderer, &jobs))?;
        let archivist = Arc::clone(&shared);
        thread::Builder::new().name("archive".to_owned()).spawn(move || look_back_all(&archivist, &old_jobs))?;
        let encoder = Arc::clone(&shared);
        thread::Builder::new().name("encode".to_owned()).spawn(move || encode_all(&encoder, &encodes))?;
        Ok(Arc::new(Self { shared, renders, archive, encodings }))
    }

    /// Makes a snapshot the current one, at once or when the pause since the last exchange is
    /// over. Never blocks on rendering and frees nothing large.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        let surplus = {
            let mut state = self.shared.lock();
            let now = monotonic();
            if state.due_in(now, self.shared.exchange_every).is_zero() {
                let outdated = state.pending.take();
                (self.shared.exchange(&mut state, snapshot, now), state.retire(outdated))
            } else {
                let outdated = state.pending.replace(snapshot);
                (None, state.retire(outdated))
            }
        };
        drop(surplus);
        // A full queue means that the renderer is awake and looks after this anyway.
        drop(self.renders.try_send(Job::Wake));
    }

    /// The current snapshot.
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.shared.lock().current.clone()
    }

    /// What changes from epoch to epoch, for those who follow along.
    pub fn events(&self) -> &Events {
        &self.shared.events
    }

    /// A number that changes whenever a document that somebody holds may no longer be the
    /// current one, or was thrown out.
    pub fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// The document under a [`key`], if it is rendered.
    pub fn ready(&self, key: &str) -> Option<Arc<Stored>> {
        let state = self.shared.lock();
        state.cache.fresh(key, state.epoch).map(Arc::clone)
    }

    /// The document for a target, or a place in the queue for it. However many ask at once, it
    /// is rendered once.
    pub fn get(&self, target: Target) -> Lookup {
        let key: Arc<str> = key(&target).into();
        let mut state = self.shared.lock();
        let Some(snapshot) = state.current.clone() else { return Lookup::NotReady };
        let epoch = state.epoch;
        if let Some(stored) = state.cache.fresh(&key, epoch) {
            return Lookup::Ready(Arc::clone(stored));
        }
        let (sender, receiver) = oneshot::channel();
        if let Some(waiting) = state.flights.get_mut(&(Arc::clone(&key), epoch)) {
            // Clients that left make room before the list grows.
            if waiting.len() == waiting.capacity() {
                waiting.retain(|waiter| !waiter.is_closed());
            }
            waiting.push(sender);
            return Lookup::Wait(receiver);
        }
        let (row, is_passing) = (row(&snapshot, &target), !is_kept(&target));
        let (passing, most) = state.passing.of(row);
        if is_passing && *passing >= most {
            return Lookup::Busy;
        }
        let job = Job::Render { key: Arc::clone(&key), target, epoch, row };
        if !self.queue(&mut state, job, row) {
            return Lookup::Busy;
        }
        state.flights.insert((key, epoch), vec![sender]);
        if is_passing {
            *state.passing.of(row).0 += 1;
        }
        Lookup::Wait(receiver)
    }

    /// Puts a job at the end of its row, if there is room.
    fn queue(&self, state: &mut State, job: Job, row: Row) -> bool {
        match row {
            Row::Present => self.renders.try_send(job).is_ok(),
            Row::Past => self.archive.try_send(job).is_ok(),
            Row::PastData if state.data.len() >= ARCHIVE_DATA_WAITING_MAX => false,
            Row::PastData => {
                state.data.push_back(job);
                // A full queue means that the archivist is awake and comes to this afterwards.
                drop(self.archive.try_send(Job::Wake));
                true
            }
        }
    }

    /// Asks for an encoded variant, which will be there for a later request.
    pub fn want(&self, key: &str, stored: &Arc<Stored>, encoding: Encoding) {
        if !stored.claim(encoding) {
            return;
        }
        let encode = Encode { key: key.into(), stored: Arc::clone(stored), encoding };
        if self.encodings.try_send(encode).is_err() {
            stored.unclaim(encoding);
        }
    }

    /// Bytes kept, and in how many documents.
    pub fn size(&self) -> (u64, usize) {
        let state = self.shared.lock();
        (state.cache.bytes(), state.cache.len())
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, documents) = self.size();
        f.debug_struct("Documents").field("bytes", &bytes).field("documents", &documents).finish_non_exhaustive()
    }
}

impl State {
    /// How long an exchange must still wait.
    fn due_in(&self, now: Instant, exchange_every: Duration) -> Duration {
        self.exchanged_at.map_or(Duration::ZERO, |at| exchange_every.saturating_sub(now.duration_since(at)))
    }

    /// Leaves a snapshot for the renderer to free, or gives it back if too many wait there.
    fn retire(&mut self, snapshot: Option<Arc<Snapshot>>) -> Option<Arc<Snapshot>> {
        if self.retired.len() >= RETIRED_MAX {
            return snapshot;
        }
        self.retired.extend(snapshot);
        None
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of others runs under this lock, so its state is whole even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bump(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Begins a new epoch. Returns the old snapshot if the renderer has too many to free.
    fn exchange(&self, state: &mut State, snapshot: Arc<Snapshot>, now: Instant) -> Option<Arc<Snapshot>> {
        self.events.show(Arc::clone(&snapshot));
        let old = state.current.replace(snapshot);
        state.epoch += 1;
        state.exchanged_at = Some(now);
        state.sweep_due = true;
        self.bump();
        state.retire(old)
    }

    /// Exchanges what is due, throws out old epochs, frees old snapshots. Returns how long the
    /// next exchange must wait, if one waits.
    fn keep_house(&self) -> Option<Duration> {
        let mut state = self.lock();
        let now = monotonic();
        let due_in = state.due_in(now, self.exchange_every);
        let mut retired = std::mem::take(&mut state.retired);
        if due_in.is_zero()
            && let Some(snapshot) = state.pending.take()
        {
            retired.extend(self.exchange(&mut state, snapshot, now));
            retired.append(&mut state.retired);
        }
        let mut swept = Vec::new();
        if std::mem::take(&mut state.sweep_due) {
            let last = state.epoch.saturating_sub(1);
            swept = state.cache.sweep(last);
        }
        let wait = state.pending.is_some().then_some(due_in);
        drop(state);
        drop((retired, swept));
        wait
    }

    fn render(&self, key: &Arc<str>, target: &Target, asked_in: u64, row: Row) {
        let (flight, kept) = ((Arc::clone(key), asked_in), is_kept(target));
        let (epoch, snapshot, fresh, before) = {
            let mut state = self.lock();
            if state.flights.get(&flight).is_none_or(|waiting| waiting.iter().all(oneshot::Sender::is_closed)) {
                // Whoever asked has left.
                state.flights.remove(&flight);
                if !kept {
                    state.passing.done(row);
                }
                return;
            }
            let fresh = state.cache.fresh(key, state.epoch).map(Arc::clone);
            (state.epoch, state.current.clone(), fresh, state.cache.any(key).map(Arc::clone))
        };
        let answer = match (fresh, snapshot) {
            (Some(fresh), _) => Answer::Document(fresh),
            (None, Some(snapshot)) => self.render_from(&snapshot, target, before),
            (None, None) => Answer::Failed,
        };
        let mut state = self.lock();
        let dropped = match &answer {
            Answer::Document(_) if !kept => Dropped::default(),
            Answer::Document(stored) => state.cache.insert(key, stored, epoch),
            Answer::Moved(_)
            | Answer::Gone
            | Answer::BadRequest(_)
            | Answer::NotFound
            | Answer::Unavailable
            | Answer::Failed => Dropped { stored: state.cache.remove(key).into_iter().collect(), evicted: false },
        };
        if dropped.evicted {
            self.bump();
        }
        let waiting = state.flights.remove(&flight).unwrap_or_default();
        if !kept {
            state.passing.done(row);
        }
        drop(state);
        drop(dropped);
        for waiter in waiting {
            // A client that left needs no answer.
            drop(waiter.send(answer.clone()));
        }
    }

    fn render_from(&self, snapshot: &Snapshot, target: &Target, before: Option<Arc<Stored>>) -> Answer {
        let Ok(rendered) = catch_unwind(AssertUnwindSafe(|| (self.render)(snapshot, target))) else {
            tracing::error!("rendering a document panicked; the request was answered with 500");
            return Answer::Failed;
        };
        match rendered {
            Rendered::Document(document) => Answer::Document(match before {
                Some(before) if before.is(&document) => before,
                Some(_) | None => Arc::new(Stored::new(document)),
            }),
            Rendered::Moved(to) => Answer::Moved(to),
            Rendered::Gone => Answer::Gone,
            Rendered::BadRequest(why) => Answer::BadRequest(why),
            Rendered::NotFound => Answer::NotFound,
            Rendered::Unavailable => Answer::Unavailable,
        }
    }
}

fn render_all(shared: &Shared, jobs: &Receiver<Job>) {
    loop {
        let job = match shared.keep_house() {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => jobs.recv_timeout(wait),
        };
        match job {
            Ok(Job::Render { key, target, epoch, row }) => shared.render(&key, &target, epoch, row),
            Ok(Job::Wake) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What may take long holds up only its like. The house is kept by the other renderer.
/// Pages go before data, which programs ask for.
fn look_back_all(shared: &Shared, jobs: &Receiver<Job>) {
    loop {
        let job = match jobs.try_recv() {
            Ok(job) => job,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {
                let data = shared.lock().data.pop_front();
                match data.map_or_else(|| jobs.recv(), Ok) {
                    Ok(job) => job,
                    Err(_) => return,
                }
            }
        };
        match job {
            Job::Render { key, target, epoch, row } => shared.render(&key, &target, epoch, row),
            Job::Wake => {}
        }
    }
}

fn encode_all(shared: &Shared, encodes: &Receiver<Encode>) {
    while let Ok(Encode { key, stored, encoding }) = encodes.recv() {
        let added = stored.encode(encoding);
        let dropped = shared.lock().cache.grow(&key, &stored, added as u64);
        if dropped.evicted {
            shared.bump();
        }
    }
}
