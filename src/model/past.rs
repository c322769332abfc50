//! What is read back of long ago: single results and states, as the store kept them.

use std::time::Duration;

use crate::model::id::CheckId;
use crate::model::status::{Evidence, Status};
use crate::model::time::Timestamp;
use crate::model::verdict::{Reason, Verdict};

/// A single result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastResult {
    /// The check.
    pub check: CheckId,
    /// When the probe ended.
    pub at: Timestamp,
    /// What it came to.
    pub verdict: Verdict,
    /// Why not.
    pub reason: Option<Reason>,
    /// How long it took.
    pub duration: Duration,
}

/// Single results, with the instant from which on there are all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestResults {
    /// From here on nothing is left out.
    pub from: Timestamp,
    /// The results, oldest first.
    pub results: Vec<PastResult>,
}

/// A stretch of time in one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastInterval {
    /// When it began.
    pub from: Timestamp,
    /// When it ended; `None` while it lasts.
    pub until: Option<Timestamp>,
    /// The status.
    pub status: Status,
    /// Where the status came from.
    pub evidence: Evidence,
}
