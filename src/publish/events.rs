//! What changed lately, for everybody who follows along: one bounded buffer of frames, and for
//! each reader no more than a place in it.
//!
//! A thread of its own writes the frames, each once, for those pages that somebody follows. How
//! readers are woken and served is the server's affair; nothing here knows HTTP.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use crate::clock::monotonic;
use crate::model::snapshot::Snapshot;
use crate::publish::sse::{self, Audience, Frames};

/// Changes that are kept for those who come back.
pub const KEPT_MAX: usize = 512;

/// Bytes of frames that are kept.
pub const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Pages in their languages that are written for. Beyond it, and beyond double of those that are
/// followed, pages that nobody follows any more are forgotten at once. How many are followed is
/// bounded by the seats that the server has.
pub const AUDIENCES_MAX: usize = 10_000;

/// A page that nobody follows any more is still written for so long, for readers who come back.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// Where a reader was when it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// Nowhere: it begins now.
    Nowhere,
    /// At this position of the log.
    At(u64),
    /// It says something that we never said.
    Unreadable,
}

/// The buffer. Dropping it ends its thread.
pub struct Events {
    shared: Arc<Shared>,
}

struct Shared {
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    ring: Mutex<Ring>,
    turned: watch::Sender<u64>,
    /// The position of the newest snapshot, perhaps not yet written of.
    shown: AtomicU64,
    forgotten_after: Duration,
}

#[derive(Default)]
struct Inbox {
    newest: Option<Arc<Snapshot>>,
    ended: bool,
}

/// One change.
struct Entry {
    /// From where it leads, and where to.
    from: u64,
    position: u64,
    /// It was written for audiences with a lower number only.
    audiences: u64,
    /// By number of the audience, ascending.
    frames: Vec<(u64, Bytes)>,
    bytes: usize,
}

struct Followed {
    number: u64,
    readers: usize,
    /// When the last of them left.
    left: Instant,
}

#[derive(Default)]
struct Ring {
    /// Number of the first entry.
    first: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The position before the first entry.
    floor: u64,
    /// The position of the newest snapshot; `None` before the first one.
    position: Option<u64>,
    alive: Bytes,
    turn: u64,
    audiences: HashMap<Audience, Followed>,
    /// With so many of them, one more makes that those without readers are forgotten.
    audiences_max: usize,
    /// Audiences so far.
    numbered: u64,
}

impl Events {
    /// Starts the thread. Pages that nobody follows are written for a while longer, usually
    /// [`FORGOTTEN_AFTER`].
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(forgotten_after: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            arrived: Condvar::new(),
            ring: Mutex::default(),
            turned: watch::Sender::new(0),
            shown: AtomicU64::new(0),
            forgotten_after,
        });
        let writing = Arc::clone(&shared);
        thread::Builder::new().name("events".to_owned()).spawn(move || writing.write())?;
        Ok(Self { shared })
    }

    /// Takes the newest snapshot. Never waits; if one is still waiting, what changed is told from
    /// the one before it at once.
    pub fn show(&self, snapshot: Arc<Snapshot>) {
        self.shared.shown.store(snapshot.position, Ordering::Release);
        let passed_over = self.shared.inbox().newest.replace(snapshot);
        self.shared.arrived.notify_one();
        drop(passed_over);
    }

    /// Changes whenever there is something new to read.
    pub fn turned(&self) -> watch::Receiver<u64> {
        self.shared.turned.subscribe()
    }

    /// A place in the buffer, after what its reader has seen; `None` before the first snapshot.
    pub fn follow(&self, audience: &Audience, last: Last) -> Option<Reader> {
        let mut ring = self.shared.ring();
        let position = ring.position?;
        let number = ring.number(audience);
        if let Some(followed) = ring.audiences.get_mut(audience) {
            followed.readers += 1;
        }
        let newest = position.max(self.shared.shown.load(Ordering::Acquire));
        let (next, seen, resync) = match last {
            Last::Nowhere => (ring.end(), None, false),
            // Perhaps it has read a page that is newer than what was written so far.
            Last::At(seen) if (ring.floor..=newest).contains(&seen) => (ring.after(seen), Some(seen), false),
            Last::At(_) | Last::Unreadable => (ring.end(), None, true),
        };
        let (shared, audience) = (Arc::clone(&self.shared), audience.clone());
        Some(Reader { shared, audience, number, next, seen, turn: None, resync })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.inbox().ended = true;
        self.shared.arrived.notify_one();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.shared.ring();
        f.debug_struct("Events").field("kept", &ring.entries.len()).field("bytes", &ring.bytes).finish_non_exhaustive()
    }
}

/// A place in the buffer.
pub struct Reader {
    shared: Arc<Shared>,
    audience: Audience,
    number: u64,
    next: u64,
    /// What it had seen when it came.
    seen: Option<u64>,
    /// The last turn whose `alive` was read.
    turn: Option<u64>,
    resync: bool,
}

impl Reader {
    /// The next frame, the oldest first, and that the epoch is alive at the end; `None` if
    /// everything was read. A reader that was left behind is told so once.
    pub fn take(&mut self) -> Option<Bytes> {
        let ring = self.shared.ring();
        let position = ring.position?;
        let lost = self.next < ring.first;
        while !lost && !self.resync && self.next < ring.end() {
            let entry = usize::try_from(self.next - ring.first).ok().and_then(|index| ring.entries.get(index))?;
            if entry.audiences <= self.number {
                self.resync = true;
                break;
            }
            self.next += 1;
            if self.seen.is_some_and(|seen| !entry.is_news(seen)) {
                continue;
            }
            if let Ok(index) = entry.frames.binary_search_by_key(&self.number, |(number, _)| *number) {
                return entry.frames.get(index).map(|(_, frame)| frame.clone());
            }
        }
        if std::mem::take(&mut self.resync) || lost {
            self.next = ring.end();
            return Some(sse::resync(position));
        }
        (self.turn.replace(ring.turn) != Some(ring.turn)).then(|| ring.alive.clone())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut ring = self.shared.ring();
        if let Some(followed) = ring.audiences.get_mut(&self.audience) {
            followed.readers = followed.readers.saturating_sub(1);
            followed.left = monotonic();
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("audience", &self.audience).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Entry {
    /// Whether it tells more than somebody at a position has seen.
    const fn is_news(&self, seen: u64) -> bool {
        self.position > seen || (self.position == seen && self.from == seen)
    }
}

impl Ring {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The first entry that tells more than somebody at a position has seen.
    fn after(&self, seen: u64) -> u64 {
        let behind = self.entries.iter().position(|entry| entry.is_news(seen)).unwrap_or(self.entries.len());
        self.first + behind as u64
    }

    /// The number of an audience, a new one if nobody has followed that page lately.
    fn number(&mut self, audience: &Audience) -> u64 {
        if let Some(followed) = self.audiences.get(audience) {
            return followed.number;
        }
        if self.audiences.len() >= self.audiences_max {
            self.audiences.retain(|audience, followed| audience.organisation.is_none() || followed.readers > 0);
            self.audiences_max = AUDIENCES_MAX.max(2 * self.audiences.len());
        }
        let number = self.numbered;
        self.numbered += 1;
        self.audiences.insert(audience.clone(), Followed { number, readers: 0, left: monotonic() });
        number
    }

    /// Whom to write for, by number: the whole site in each language, and whatever else is
    /// followed.
    fn audiences(&mut self, snapshot: &Snapshot, forgotten_after: Duration) -> Vec<(u64, Audience)> {
        for language in &snapshot.catalogue.site.languages {
            self.number(&Audience { organisation: None, language: Arc::clone(language) });
        }
        let now = monotonic();
        self.audiences.retain(|audience, followed| {
            audience.organisation.is_none()
                || followed.readers > 0
                || now.duration_since(followed.left) < forgotten_after
        });
        let mut audiences: Vec<_> =
            self.audiences.iter().map(|(audience, followed)| (followed.number, audience.clone())).collect();
        audiences.sort_unstable_by_key(|(number, _)| *number);
        audiences
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes;
        self.entries.push_back(entry);
        while self.entries.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.first += 1;
            self.bytes -= oldest.bytes;
            self.floor = oldest.position;
        }
    }
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // Nothing of others runs under these locks, so what they hold is whole even after a panic.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a snapshot; `None` at the end.
    fn next(&self) -> Option<Arc<Snapshot>> {
        let waiting = |inbox: &mut Inbox| inbox.newest.is_none() && !inbox.ended;
        let mut inbox = self.arrived.wait_while(self.inbox(), waiting).unwrap_or_else(PoisonError::into_inner);
        inbox.newest.take().filter(|_| !inbox.ended)
    }

    /// Writes the frames of each turn.
    fn write(&self) {
        let mut before: Option<Arc<Snapshot>> = None;
        while let Some(after) = self.next() {
            self.turn(before.as_deref(), &after);
            before = Some(after);
            self.turned.send_modify(|turn| *turn += 1);
        }
    }

    fn turn(&self, before: Option<&Snapshot>, after: &Snapshot) {
        let (audiences, numbered) = {
            let mut ring = self.ring();
            (ring.audiences(after, self.forgotten_after), ring.numbered)
        };
        let (numbers, audiences): (Vec<u64>, Vec<Audience>) = audiences.into_iter().unzip();
        let Some(before) = before else {
            let mut ring = self.ring();
            ring.turn += 1;
            (ring.floor, ring.position, ring.alive) = (after.position, Some(after.position), sse::alive(after));
            return;
        };
        let written = catch_unwind(AssertUnwindSafe(|| sse::diff(before, after, &audiences)));
        let Frames { changes, alive } = written.unwrap_or_else(|_| {
            tracing::error!("writing what changed panicked; readers are told to fetch everything anew");
            let again = sse::resync(after.position);
            Frames { changes: vec![Some(again); audiences.len()], alive: sse::alive(after) }
        });
        let frames: Vec<(u64, Bytes)> =
            numbers.into_iter().zip(changes).filter_map(|(number, frame)| Some((number, frame?))).collect();
        let mut ring = self.ring();
        ring.turn += 1;
        (ring.position, ring.alive) = (Some(after.position), alive);
        if !frames.is_empty() {
            let bytes = frames.iter().map(|(_, frame)| frame.len()).sum();
            let (from, position) = (before.position, after.position);
            ring.push(Entry { from, position, audiences: numbered, frames, bytes });
        }
    }
}
