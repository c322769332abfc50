//! The only place that reads a clock.
//!
//! Records carry wall time, durations are monotonic. [`Clock`] ties both together: its wall time
//! is an anchor plus the monotonic time since, so that a step of the system's clock moves nothing
//! until [`Clock::step`] has reported it and the caller has recorded it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::time::{Timestamp, millis};

/// A difference to the system's clock beyond this is a step, below it is drift.
pub const STEP_MIN: Duration = Duration::from_secs(2);

/// A monotonic reading.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// The system's wall clock.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub fn system_time() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_millis(since_epoch.map_or_else(|early| -millis(early.duration()), millis))
}

/// Wall time that runs with the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    anchor: Instant,
    anchored_at: Timestamp,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// A clock that agrees with the system's now.
    pub fn new() -> Self {
        Self { anchor: monotonic(), anchored_at: system_time() }
    }

    /// The wall time now.
    pub fn now(&self) -> Timestamp {
        self.at(monotonic())
    }

    /// The wall time at a monotonic instant.
    pub fn at(&self, instant: Instant) -> Timestamp {
        match instant.checked_duration_since(self.anchor) {
            Some(after) => self.anchored_at.plus(after),
            None => self.anchored_at.minus(self.anchor.duration_since(instant)),
        }
    }

    /// The monotonic instant of a wall time.
    pub fn instant(&self, at: Timestamp) -> Instant {
        if at >= self.anchored_at {
            self.anchor + at.since(self.anchored_at)
        } else {
            self.anchor.checked_sub(self.anchored_at.since(at)).unwrap_or(self.anchor)
        }
    }

    /// Agrees with the system's clock anew and returns by how many milliseconds it was set, if
    /// that was a step; smaller differences are drift and are followed silently, never backward.
    pub fn step(&mut self) -> Option<i64> {
        let (now, system) = (monotonic(), system_time());
        let mine = self.at(now);
        let by = system.as_millis() - mine.as_millis();
        if by.unsigned_abs() >= STEP_MIN.as_millis().try_into().unwrap_or(u64::MAX) {
            (self.anchor, self.anchored_at) = (now, system);
            return Some(by);
        }
        if by > 0 {
            (self.anchor, self.anchored_at) = (now, system);
        }
        None
    }
}
