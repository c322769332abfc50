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
    /// How far we are ahead of a system clock that was set back; worked off at half speed,
    /// because recorded times never decrease.
    ahead: Duration,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// A clock that agrees with the system's now.
    pub fn new() -> Self {
        Self::anchored(monotonic(), system_time())
    }

    /// A clock that agrees with the system's now, but begins no earlier than `recorded`: if the
    /// system's clock was set back while we were down, that is worked off at half speed.
    pub fn starting_at(recorded: Timestamp) -> Self {
        let (now, system) = (monotonic(), system_time());
        Self { ahead: recorded.since(system), ..Self::anchored(now, system.max(recorded)) }
    }

    /// A clock that reads `at` at `anchor`.
    pub const fn anchored(anchor: Instant, at: Timestamp) -> Self {
        Self { anchor, anchored_at: at, ahead: Duration::ZERO }
    }

    /// The wall time now.
    pub fn now(&self) -> Timestamp {
        self.at(monotonic())
    }

    /// The wall time at a monotonic instant.
    pub fn at(&self, instant: Instant) -> Timestamp {
        match instant.checked_duration_since(self.anchor) {
            Some(after) => self.anchored_at.plus(after - self.ahead.min(after / 2)),
            None => self.anchored_at.minus(self.anchor.duration_since(instant)),
        }
    }

    /// The monotonic instant of a wall time to come; at the latest right, never late by more
    /// than the clock is ahead.
    pub fn instant(&self, at: Timestamp) -> Instant {
        if at >= self.anchored_at {
            self.anchor + at.since(self.anchored_at)
        } else {
            self.anchor.checked_sub(self.anchored_at.since(at)).unwrap_or(self.anchor)
        }
    }

    /// Compares with the system's clock and returns by how many milliseconds that was set, if it
    /// was. A step forward is followed at once, a step backward at half speed; small differences
    /// are drift and are followed silently.
    pub fn step(&mut self) -> Option<i64> {
        self.compare(monotonic(), system_time())
    }

    /// [`Self::step`] with both readings given.
    pub fn compare(&mut self, now: Instant, system: Timestamp) -> Option<i64> {
        let mine = self.at(now);
        let elapsed = now.saturating_duration_since(self.anchor);
        let ahead = self.ahead.saturating_sub(elapsed / 2);
        let by = system.as_millis() + millis(ahead) - mine.as_millis();
        let step = by.unsigned_abs() >= u64::try_from(STEP_MIN.as_millis()).unwrap_or(u64::MAX);
        if by > 0 {
            // What we were ahead is caught up first.
            let forward = by - millis(ahead).min(by);
            *self = Self {
                anchor: now,
                anchored_at: mine.shifted(forward),
                ahead: ahead.saturating_sub(Duration::from_millis(by.unsigned_abs())),
            };
            return step.then_some(forward).filter(|&forward| forward > 0);
        }
        if step {
            *self = Self { anchor: now, anchored_at: mine, ahead: ahead + Duration::from_millis(by.unsigned_abs()) };
            return Some(by);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_forward_is_followed_and_a_step_back_is_worked_off() {
        let start = monotonic();
        let at = |second: u64| start + Duration::from_secs(second);
        let mut clock = Clock::anchored(start, Timestamp::from_millis(0));
        assert_eq!(clock.compare(at(10), Timestamp::from_millis(10_500)), None);
        assert_eq!(clock.at(at(10)).as_millis(), 10_500);
        assert_eq!(clock.compare(at(20), Timestamp::from_millis(3_620_500)), Some(3_600_000));
        assert_eq!(clock.at(at(20)).as_millis(), 3_620_500);
        assert_eq!(clock.compare(at(30), Timestamp::from_millis(30_500)), Some(-3_600_000));
        assert_eq!(clock.at(at(30)).as_millis(), 3_630_500, "recorded times never decrease");
        assert_eq!(clock.at(at(40)).as_millis(), 3_635_500);
        assert_eq!(clock.compare(at(40), Timestamp::from_millis(40_500)), None);
        assert_eq!(clock.at(at(30 + 7_200)).as_millis(), 7_230_500, "caught up after twice the step");
    }
}
