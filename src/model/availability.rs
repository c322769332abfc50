//! Availability from intervals: the truth is when a status began and ended, not how many samples
//! were counted.
//!
//! Each interval carries the sums of everything before it, so that any window is two look-ups,
//! however long it is and however often the component was probed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::past::PastInterval;
use crate::model::status::{Evidence, Status};
use crate::model::time::{Timestamp, millis};

/// How far back intervals are held in memory; the store keeps them for good.
pub const HELD_FOR: Duration = Duration::from_secs(92 * 86_400);

/// Most intervals held per component; older ones are dropped first.
pub const INTERVALS_MAX: usize = 8_192;

/// A stretch of time in one status. It lasts until the next one begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// When it began.
    pub from: Timestamp,
    /// The status.
    pub status: Status,
    /// Where the status came from.
    pub evidence: Evidence,
    /// Milliseconds spent in each class before `from`.
    before: Sums,
}

/// Milliseconds per class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sums {
    up: i64,
    degraded: i64,
    partial: i64,
    major: i64,
    maintenance: i64,
    unknown: i64,
}

impl Sums {
    /// Adds `ms` in `status`. What nothing checks is not measured, except an outage or a
    /// maintenance that somebody declared.
    fn add(&mut self, status: Status, evidence: Evidence, ms: i64) {
        let class = match (status, evidence) {
            (Status::Operational, Evidence::Declared) | (Status::Unknown, _) => &mut self.unknown,
            (Status::Operational, _) => &mut self.up,
            (Status::DegradedPerformance, _) => &mut self.degraded,
            (Status::PartialOutage, _) => &mut self.partial,
            (Status::MajorOutage, _) => &mut self.major,
            (Status::UnderMaintenance, _) => &mut self.maintenance,
        };
        *class += ms;
    }

    fn minus(self, other: Self) -> Self {
        Self {
            up: self.up - other.up,
            degraded: self.degraded - other.degraded,
            partial: self.partial - other.partial,
            major: self.major - other.major,
            maintenance: self.maintenance - other.maintenance,
            unknown: self.unknown - other.unknown,
        }
    }
}

/// The intervals of one component, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intervals(Vec<Interval>);

/// Availability in a window, with what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Availability {
    /// 1 − major / (measured − maintenance).
    pub ratio: f64,
    /// 1 − (major + maintenance) / measured.
    pub ratio_with_maintenance: f64,
    /// Seconds of which something is known, maintenance included.
    pub measured_s: u64,
    /// Seconds of which nothing is known.
    pub unknown_s: u64,
    /// Seconds under maintenance.
    pub maintenance_s: u64,
    /// Seconds degraded.
    pub degraded_s: u64,
    /// Seconds partially out.
    pub partial_s: u64,
    /// Seconds out.
    pub major_s: u64,
    /// Major outages that touch the window.
    pub outages: u64,
    /// The longest of them, within the window.
    pub longest_outage_s: u64,
}

impl Intervals {
    /// Intervals of any age, oldest first, and after them those that are held: nothing is dropped.
    /// Between two that do not follow each other nothing is known.
    pub fn joined(earlier: &[PastInterval], held: &Self) -> Self {
        let mut all = Self::default();
        let held_from = held.0.first().map(|first| first.from);
        let mut ended = None;
        for interval in earlier.iter().filter(|interval| held_from.is_none_or(|from| interval.from < from)) {
            if let Some(gap) = ended.filter(|ended| *ended < interval.from) {
                all.push(gap, Status::Unknown, Evidence::Declared);
            }
            all.push(interval.from, interval.status, interval.evidence);
            ended = interval.until;
        }
        if let Some(gap) = ended.filter(|ended| held_from.is_none_or(|from| *ended < from)) {
            all.push(gap, Status::Unknown, Evidence::Declared);
        }
        for interval in &held.0 {
            all.push(interval.from, interval.status, interval.evidence);
        }
        all
    }

    /// Adds an interval that begins after all others, unless it changes nothing.
    fn push(&mut self, from: Timestamp, status: Status, evidence: Evidence) {
        let before = match self.0.last() {
            Some(last) if last.from >= from || (last.status == status && last.evidence == evidence) => return,
            Some(last) => sums_at(last, from),
            None => Sums::default(),
        };
        self.0.push(Interval { from, status, evidence, before });
    }

    /// Begins a new interval. One that begins at or before the last one replaces it from there
    /// on; one that changes nothing is not recorded.
    pub fn begin(&mut self, from: Timestamp, status: Status, evidence: Evidence) {
        while self.0.len() > 1 && self.0.last().is_some_and(|last| last.from >= from) {
            self.0.pop();
        }
        if let Some(only) = self.0.first_mut().filter(|first| first.from >= from) {
            *only = Interval { from: only.from.min(from), status, evidence, before: only.before };
            self.0.truncate(1);
            return;
        }
        self.push(from, status, evidence);
        let horizon = from.minus(HELD_FOR);
        // The interval that reaches across the horizon stays.
        let old = self.0.iter().skip(1).take_while(|next| next.from <= horizon).count();
        let excess = self.0.len().saturating_sub(INTERVALS_MAX);
        self.0.drain(..old.max(excess));
    }

    /// Forgets what was before an instant, as if the open interval had begun there.
    pub fn forget_before(&mut self, at: Timestamp) {
        if let Some(open) = self.0.pop() {
            self.0 = vec![Interval { from: open.from.max(at), before: Sums::default(), ..open }];
        }
    }

    /// The open interval.
    pub fn last(&self) -> Option<&Interval> {
        self.0.last()
    }

    /// All intervals held, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Interval> {
        self.0.iter()
    }

    /// When one of these intervals ended; `None` while it lasts.
    pub fn end_of(&self, interval: &Interval) -> Option<Timestamp> {
        let next = self.0.partition_point(|other| other.from <= interval.from);
        self.0.get(next).map(|next| next.from)
    }

    /// The intervals that touch `[from, until)`, oldest first.
    pub fn touching(&self, from: Timestamp, until: Timestamp) -> &[Interval] {
        let start = self.0.partition_point(|interval| interval.from <= from).saturating_sub(1);
        let end = self.0.partition_point(|interval| interval.from < until);
        self.0.get(start..end).unwrap_or_default()
    }

    /// Availability of the window `[until − length, until)`, from `not_before` on. `None` if
    /// nothing was measured in it.
    pub fn window(&self, until: Timestamp, length: Duration, not_before: Option<Timestamp>) -> Option<Availability> {
        let first = self.0.first()?.from;
        let from = until.minus(length).max(first).max(not_before.unwrap_or(first));
        if from >= until {
            return None;
        }
        let inside = self.touching(from, until);
        let sums = sums_at(inside.last()?, until).minus(sums_at(inside.first()?, from));
        let mut outages = 0;
        let mut longest = 0;
        let mut current = 0;
        for (index, interval) in inside.iter().enumerate() {
            if interval.status != Status::MajorOutage {
                current = 0;
                continue;
            }
            let began = interval.from.max(from);
            let ended = inside.get(index + 1).map_or(until, |next| next.from).min(until);
            outages += u64::from(current == 0);
            current += millis(ended.since(began));
            longest = longest.max(current);
        }
        let measured = sums.up + sums.degraded + sums.partial + sums.major + sums.maintenance;
        if measured <= 0 {
            return None;
        }
        Some(Availability {
            ratio: ratio(sums.major, measured - sums.maintenance),
            ratio_with_maintenance: ratio(sums.major + sums.maintenance, measured),
            measured_s: seconds(measured),
            unknown_s: seconds(sums.unknown),
            maintenance_s: seconds(sums.maintenance),
            degraded_s: seconds(sums.degraded),
            partial_s: seconds(sums.partial),
            major_s: seconds(sums.major),
            outages,
            longest_outage_s: seconds(longest),
        })
    }
}

/// The sums up to `at`, which lies in `interval`.
fn sums_at(interval: &Interval, at: Timestamp) -> Sums {
    let mut sums = interval.before;
    sums.add(interval.status, interval.evidence, millis(at.since(interval.from)));
    sums
}

/// `1 − bad / all`, 1 if there is nothing to divide by.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of centuries are exact in an f64")]
fn ratio(bad: i64, all: i64) -> f64 {
    if all <= 0 { 1.0 } else { 1.0 - bad as f64 / all as f64 }
}

fn seconds(ms: i64) -> u64 {
    u64::try_from(ms / 1000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    #[test]
    fn a_window_sums_what_happened_in_it() {
        let mut intervals = Intervals::default();
        intervals.begin(at(0), Status::Unknown, Evidence::Own);
        intervals.begin(at(100), Status::Operational, Evidence::Own);
        intervals.begin(at(200), Status::MajorOutage, Evidence::Own);
        intervals.begin(at(250), Status::UnderMaintenance, Evidence::Declared);
        intervals.begin(at(350), Status::Operational, Evidence::Own);
        let all = intervals.window(at(400), Duration::from_secs(1000), None).expect("measured");
        assert_eq!((all.measured_s, all.unknown_s, all.major_s, all.maintenance_s), (300, 100, 50, 100));
        assert_eq!((all.ratio, all.ratio_with_maintenance), (0.75, 0.5));
        assert_eq!((all.outages, all.longest_outage_s), (1, 50));
        let last = intervals.window(at(400), Duration::from_secs(50), None).expect("measured");
        assert_eq!((last.ratio, last.measured_s, last.outages), (1.0, 50, 0));
        let from_go_live = intervals.window(at(400), Duration::from_secs(1000), Some(at(240))).expect("measured");
        assert_eq!(from_go_live.major_s, 10);
        assert!(intervals.window(at(90), Duration::from_secs(60), None).is_none());
    }

    #[test]
    fn a_backdated_change_cuts_the_open_interval() {
        let mut intervals = Intervals::default();
        intervals.begin(at(0), Status::Operational, Evidence::Own);
        intervals.begin(at(60), Status::MajorOutage, Evidence::Own);
        let window = intervals.window(at(120), Duration::from_secs(120), None).expect("measured");
        assert_eq!(window.ratio, 0.5);
        // Declared operation measures nothing.
        let mut declared = Intervals::default();
        declared.begin(at(0), Status::Operational, Evidence::Declared);
        assert!(declared.window(at(60), Duration::from_secs(60), None).is_none());
    }
}
