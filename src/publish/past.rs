//! Looking back: the intervals of a component as far as anybody knows them, its days, and how long
//! its checks took to answer. Pure functions of a snapshot and what an archive says.
//!
//! A snapshot holds 92 days of intervals, which are asked first: they are those that the rest of
//! the document was written from. Only what lies before them is asked of the archive.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::model::availability::{Availability, Intervals};
use crate::model::past::PastResult;
use crate::model::snapshot::Snapshot;
use crate::model::status::Status;
use crate::model::time::{Timestamp, millis};
use crate::model::verdict::Verdict;
use crate::model::window::When;
use crate::publish::archive::{Archive, Unavailable};

/// Most days that are shown at once: a year and the month at hand.
pub const DAYS_MAX: usize = 400;

/// Most local days that a range of so many days touches: both ends may lie within one, and there
/// are days of 25 hours.
pub(super) const DAYS_TOUCHED_MAX: usize = DAYS_MAX + 2;

/// Most intervals that are asked of an archive for one component.
pub const INTERVALS_ASKED_MAX: usize = 10_000;

/// Most bins of response times.
pub const BINS_MAX: usize = 2_000;

/// A local day of a component.
#[derive(Debug, Clone, PartialEq)]
pub struct Day {
    /// The date.
    pub date: Date,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it; of the day at hand, the instant of the snapshot.
    pub until: Timestamp,
    /// The worst status on it; `unknown` only if nothing else was published on it. `None` if
    /// nothing was: before the component was watched or in service, or in the future.
    pub worst: Option<Status>,
    /// Its availability; `None` if nothing was measured.
    pub availability: Option<Availability>,
}

/// The intervals of a component from `from` on, as far back as the archive goes.
///
/// # Errors
/// If the archive had to be asked and cannot be read.
pub fn intervals(
    snapshot: &Snapshot,
    archive: &dyn Archive,
    component: u32,
    from: Timestamp,
) -> Result<Arc<Intervals>, Unavailable> {
    let known = snapshot.catalogue.components.get(component as usize).zip(snapshot.states.get(component as usize));
    let Some((component, state)) = known else { return Ok(Arc::default()) };
    let held_from = held_from(snapshot, &state.intervals);
    if held_from <= from {
        return Ok(Arc::clone(&state.intervals));
    }
    let earlier = archive.intervals(&component.id, from, held_from, INTERVALS_ASKED_MAX)?;
    if earlier.is_empty() {
        return Ok(Arc::clone(&state.intervals));
    }
    Ok(Arc::new(Intervals::joined(&earlier, &state.intervals)))
}

/// Whether a snapshot holds the past of all that an incident concerns, from its begin on.
pub(super) fn holds_incident(snapshot: &Snapshot, id: &str) -> bool {
    let Some(incident) = snapshot.incidents.iter().find(|incident| incident.id.as_str() == id) else { return true };
    incident.components.iter().all(|(id, ..)| {
        let index = snapshot.catalogue.component_index.get(id.as_str());
        let state = index.and_then(|index| snapshot.states.get(*index as usize));
        state.is_none_or(|state| held_from(snapshot, &state.intervals) <= incident.started_at)
    })
}

/// From when on a snapshot holds the past of a component.
fn held_from(snapshot: &Snapshot, intervals: &Intervals) -> Timestamp {
    intervals.iter().next().map_or(snapshot.at, |first| first.from)
}

/// A component's days from `first` on, `days` of them (at most [`DAYS_MAX`]), oldest first.
///
/// # Errors
/// If the archive had to be asked and cannot be read.
pub fn daily(
    snapshot: &Snapshot,
    archive: &dyn Archive,
    component: u32,
    first: Date,
    days: usize,
    zone: &TimeZone,
) -> Result<Vec<Day>, Unavailable> {
    let Some(begin) = When::from_date(first, zone) else { return Ok(Vec::new()) };
    let intervals = intervals(snapshot, archive, component, begin.at)?;
    Ok(days_of(snapshot, &intervals, component, first, days.min(DAYS_MAX), zone))
}

/// The same from intervals that are at hand ([`intervals`]), for as many days as a range of
/// [`DAYS_MAX`] touches.
pub fn days_of(
    snapshot: &Snapshot,
    intervals: &Intervals,
    component: u32,
    first: Date,
    days: usize,
    zone: &TimeZone,
) -> Vec<Day> {
    let now = snapshot.at;
    let component = snapshot.catalogue.components.get(component as usize);
    let in_service = component.and_then(|component| component.available_from.as_ref()).map(|from| from.at);
    let mut found = Vec::with_capacity(days.min(DAYS_TOUCHED_MAX));
    let mut date = first;
    for _ in 0..days.min(DAYS_TOUCHED_MAX) {
        let Some((from, through)) = When::from_date(date, zone).zip(When::through_date(date, zone)) else { break };
        let (from, until) = (from.at, through.at.min(now).max(from.at));
        let counted_from = from.max(in_service.unwrap_or(from));
        found.push(Day {
            date,
            from,
            until,
            worst: worst(intervals, counted_from, until),
            availability: intervals.window(until, until.since(from), in_service),
        });
        let Ok(next) = date.tomorrow() else { break };
        date = next;
    }
    found
}

/// The worst status in `[from, until)`.
fn worst(intervals: &Intervals, from: Timestamp, until: Timestamp) -> Option<Status> {
    if from >= until {
        return None;
    }
    let touching = intervals.touching(from, until).iter().map(|interval| interval.status);
    touching.max_by_key(|status| (*status != Status::Unknown, *status))
}

/// What the checks said within a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bin {
    /// Its begin.
    pub from: Timestamp,
    /// Its end, not in it.
    pub until: Timestamp,
    /// How long answers took, if there were any.
    pub times: Option<Times>,
    /// How many answers there were, slow ones included.
    pub answered: usize,
    /// How many probes failed.
    pub failed: usize,
    /// How many say nothing: our own fault, or we were turned away.
    pub unknown: usize,
}

/// How long answers took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The quickest.
    pub min: Duration,
    /// The one in the middle; the quicker one of two.
    pub median: Duration,
    /// The slowest.
    pub max: Duration,
}

/// Sorts results into `bins` equal stretches of `[from, until)` (at most [`BINS_MAX`], and none
/// shorter than a millisecond).
pub fn response_times(results: &[PastResult], from: Timestamp, until: Timestamp, bins: usize) -> Vec<Bin> {
    let length = millis(until.since(from));
    let count = i64::try_from(bins.min(BINS_MAX)).unwrap_or_default().min(length);
    let border = |index: i64| {
        from.shifted(i64::try_from(i128::from(length) * i128::from(index) / i128::from(count)).unwrap_or(length))
    };
    let mut sorted: Vec<&PastResult> = results.iter().filter(|result| from <= result.at && result.at < until).collect();
    sorted.sort_by_key(|result| result.at);
    let mut rest = sorted.as_slice();
    (0..count)
        .map(|index| {
            let (from, until) = (border(index), border(index + 1));
            let (inside, after) = rest.split_at(rest.partition_point(|result| result.at < until));
            rest = after;
            bin(from, until, inside)
        })
        .collect()
}

fn bin(from: Timestamp, until: Timestamp, results: &[&PastResult]) -> Bin {
    let of = |verdicts: &[Verdict]| results.iter().filter(|result| verdicts.contains(&result.verdict)).count();
    let answered = results.iter().filter(|result| matches!(result.verdict, Verdict::Up | Verdict::Degraded));
    let mut durations: Vec<Duration> = answered.map(|result| result.duration).collect();
    durations.sort_unstable();
    let middle = durations.len().saturating_sub(1) / 2;
    let times = match (durations.first(), durations.get(middle), durations.last()) {
        (Some(&min), Some(&median), Some(&max)) => Some(Times { min, median, max }),
        _ => None,
    };
    Bin {
        from,
        until,
        times,
        answered: durations.len(),
        failed: of(&[Verdict::Down]),
        unknown: of(&[Verdict::Unknown]),
    }
}
