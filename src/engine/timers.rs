//! Timers by (deadline, what): one queue for everything that depends on time.
//!
//! A timer may fire early: whoever handles it looks at the state and sets it again. That keeps a
//! deadline that is put off at each probe from costing anything at each probe.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::engine::state::State;
use crate::model::id::IncidentId;
use crate::model::time::Timestamp;

/// What is due. The order decides among equal deadlines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A component enters or leaves service, or a maintenance begins or ends.
    Planned,
    /// A new root has waited long enough for word of what it depends on.
    Deferred(u32),
    /// A confirmation has waited long enough for a reference.
    Wait(u32),
    /// The evidence of a check may have expired.
    Evidence(u32),
    /// An incident may have been quiet for long enough.
    Quiet(IncidentId),
}

/// The queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Timestamp, Timer)>>);

impl Timers {
    /// Adds a timer.
    pub(super) fn set(&mut self, deadline: Timestamp, timer: Timer) {
        self.0.push(Reverse((deadline, timer)));
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Takes the earliest timer that is due at `at`.
    pub(super) fn pop_due(&mut self, at: Timestamp) -> Option<(Timestamp, Timer)> {
        if self.next()? > at {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}

impl State {
    /// How many timers are set.
    pub fn timers(&self) -> usize {
        self.timers.0.len()
    }
}
