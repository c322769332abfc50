//! Whether the engine's loop still runs: it beats, and whoever asks sees how long ago.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::monotonic;
use crate::model::time::millis;

/// A loop that has not beaten for this long has stopped.
pub const STOPPED_AFTER: Duration = Duration::from_secs(10);

/// No beat yet.
const NEVER: i64 = i64::MIN;

/// The heartbeat of the engine's loop.
#[derive(Debug)]
pub struct Health {
    since: Instant,
    last_beat_ms: AtomicI64,
    stopped_after: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self::new(STOPPED_AFTER)
    }
}

impl Health {
    /// A heart that has not beaten yet and counts as stopped `stopped_after` its last beat.
    pub fn new(stopped_after: Duration) -> Self {
        Self { since: monotonic(), last_beat_ms: AtomicI64::new(NEVER), stopped_after }
    }

    /// The loop runs. Cheap; to be called at least every few seconds.
    pub fn beat(&self) {
        self.last_beat_ms.store(millis(self.since.elapsed()), Ordering::Relaxed);
    }

    /// When the loop last beat, in milliseconds since the start; `None` before its first beat. Two equal
    /// answers say that it has not beaten in between.
    pub fn last_beat(&self) -> Option<i64> {
        Some(self.last_beat_ms.load(Ordering::Relaxed)).filter(|&last| last != NEVER)
    }

    /// Whether the loop has beaten lately.
    pub fn is_alive(&self) -> bool {
        let since = |last| millis(self.since.elapsed()).saturating_sub(last);
        self.last_beat().is_some_and(|last| since(last) <= millis(self.stopped_after))
    }
}
