//! The JSON of the past of a component: its single results, and its availability over a stretch of
//! time and by day.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use crate::model::availability::{Availability, Interval};
use crate::model::id::{CheckId, ComponentId};
use crate::model::past::PastResult;
use crate::model::status::{Evidence, Status};
use crate::model::time::Timestamp;
use crate::model::verdict::{Reason, Verdict};
use crate::model::window::{When, Window};
use crate::publish::archive::{Archive, NewestResults};
use crate::publish::json::{Time, single};
use crate::publish::past::{self, DAYS_MAX, Day};
use crate::publish::scope::Scope;
use crate::publish::wording::Words;
use crate::publish::{Fault, Parameters};

/// Most results in one answer. There is no answer for a range that holds more, and the newest of the
/// last day where no begin is named.
const RESULTS_MAX: usize = 10_000;

/// Most intervals in one answer; there is no answer for a range that holds more.
const INTERVALS_MAX: usize = 10_000;

const DAY: Duration = Duration::from_secs(86_400);

/// The longest range of results.
const RESULTS_DAYS_MAX: u32 = 31;

/// The single results of a component in a range, by check.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Results")]
pub(super) struct ResultsJson<'a> {
    /// The component.
    id: &'a ComponentId,
    /// The first instant of the range.
    from: Time,
    /// The first instant after it.
    to: Time,
    /// By id.
    checks: Vec<CheckJson<'a>>,
}

/// The results of a check, oldest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CheckResults")]
struct CheckJson<'a> {
    id: &'a CheckId,
    results: Vec<ResultJson>,
}

/// `/api/v1/components/{id}/results`
pub(in crate::publish) fn results(
    scope: &Scope<'_>,
    archive: &dyn Archive,
    component: u32,
    parameters: &Parameters<'_>,
) -> Result<Vec<u8>, Fault> {
    let id = &scope.snapshot.catalogue.components.get(component as usize).ok_or(Fault::NotFound)?.id;
    let range = range(scope, parameters, DAY, RESULTS_DAYS_MAX)?;
    let NewestResults { from, results: found } = match parameters.from {
        Some(_) => {
            let results = archive.results(id, range.from, range.until, RESULTS_MAX)?;
            NewestResults { from: range.from, results }
        }
        // Nobody named how far back: as far as one answer goes.
        None => archive.newest_results(id, range.from, range.until, RESULTS_MAX)?,
    };
    let mut checks: BTreeMap<&CheckId, Vec<ResultJson>> = BTreeMap::new();
    for result in &found {
        checks.entry(&result.check).or_default().push(ResultJson::new(result));
    }
    let checks = checks.into_iter().map(|(id, results)| CheckJson { id, results }).collect();
    Ok(single(scope, "results", &ResultsJson { id, from: Time(from), to: Time(range.until), checks }))
}

/// A single result.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Result")]
struct ResultJson {
    /// When the probe ended.
    at: Time,
    verdict: Verdict,
    reason: Option<Reason>,
    duration_ms: f64,
}

impl ResultJson {
    fn new(result: &PastResult) -> Self {
        // To a tenth of a millisecond.
        let tenths = (result.duration.as_secs_f64() * 10_000.0).round();
        Self { at: Time(result.at), verdict: result.verdict, reason: result.reason, duration_ms: tenths / 10.0 }
    }
}

/// The availability of a component in a range: its figures, its days, its intervals.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AvailabilityOfRange")]
pub(super) struct AvailabilityJson<'a> {
    /// The component.
    id: &'a ComponentId,
    /// The first instant of the range.
    from: Time,
    /// The first instant after it.
    to: Time,
    #[serde(flatten)]
    figures: Figures,
    /// That of the days.
    timezone: &'a str,
    /// The local days that the range touches, each one whole.
    days: Vec<DayJson>,
    /// Oldest first, not cut to the range.
    intervals: Vec<IntervalJson>,
}

/// `/api/v1/components/{id}/availability`
pub(in crate::publish) fn availability(
    scope: &Scope<'_>,
    archive: &dyn Archive,
    component: u32,
    parameters: &Parameters<'_>,
) -> Result<Vec<u8>, Fault> {
    let snapshot = scope.snapshot;
    let subject = snapshot.catalogue.components.get(component as usize).ok_or(Fault::NotFound)?;
    let days_max = u32::try_from(DAYS_MAX).unwrap_or(u32::MAX);
    let Window { from, until } = range(scope, parameters, 30 * DAY, days_max)?;
    let zone = zone(scope);
    let (first, last) = (local_date(from, &zone), local_date(until.shifted(-1), &zone));
    let begin = When::from_date(first, &zone).map_or(from, |begin| begin.at);
    let intervals = past::intervals(snapshot, archive, component, begin)?;
    let shown = intervals.touching(from, until);
    if shown.len() > INTERVALS_MAX {
        return Err(Fault::Unavailable);
    }
    let days = usize::try_from(last.since(first).map_or(0, |span| span.get_days()) + 1).unwrap_or(1);
    let in_service = subject.available_from.as_ref().map(|from| from.at);
    Ok(single(
        scope,
        "availability",
        &AvailabilityJson {
            id: &subject.id,
            from: Time(from),
            to: Time(until),
            figures: Figures::new(intervals.window(until, until.since(from), in_service)),
            timezone: zone.iana_name().unwrap_or("UTC"),
            days: past::days_of(snapshot, &intervals, component, first, days, &zone).iter().map(DayJson::new).collect(),
            intervals: shown.iter().map(|shown| IntervalJson::new(shown, intervals.end_of(shown))).collect(),
        },
    ))
}

/// Availability with all its keys, which are null where nothing was measured.
#[derive(Default, Serialize, JsonSchema)]
struct Figures {
    /// 1 − major / (measured − maintenance).
    ratio: Option<f64>,
    /// 1 − (major + maintenance) / measured.
    ratio_with_maintenance: Option<f64>,
    /// Seconds of which something is known, maintenance included.
    measured_s: Option<u64>,
    /// Seconds of which nothing is known.
    unknown_s: Option<u64>,
    /// Seconds under maintenance.
    maintenance_s: Option<u64>,
    /// Seconds degraded.
    degraded_s: Option<u64>,
    /// Seconds partially out.
    partial_s: Option<u64>,
    /// Seconds out.
    major_s: Option<u64>,
    /// Major outages that touch the stretch.
    outages: Option<u64>,
    /// The longest of them, within the stretch.
    longest_outage_s: Option<u64>,
}

impl Figures {
    fn new(measured: Option<Availability>) -> Self {
        let Some(found) = measured else { return Self::default() };
        Self {
            ratio: Some(found.ratio),
            ratio_with_maintenance: Some(found.ratio_with_maintenance),
            measured_s: Some(found.measured_s),
            unknown_s: Some(found.unknown_s),
            maintenance_s: Some(found.maintenance_s),
            degraded_s: Some(found.degraded_s),
            partial_s: Some(found.partial_s),
            major_s: Some(found.major_s),
            outages: Some(found.outages),
            longest_outage_s: Some(found.longest_outage_s),
        }
    }
}

/// A local day.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Day")]
struct DayJson {
    #[schemars(with = "String", extend("format" = "date"))]
    date: Date,
    from: Time,
    /// The begin of the next day.
    to: Time,
    /// The worst one; null if nothing was published.
    status: Option<Status>,
    #[serde(flatten)]
    figures: Figures,
}

impl DayJson {
    fn new(day: &Day) -> Self {
        let figures = Figures::new(day.availability);
        Self { date: day.date, from: Time(day.from), to: Time(day.until), status: day.worst, figures }
    }
}

/// A stretch of time in one status.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Interval")]
struct IntervalJson {
    from: Time,
    /// Null of the one that lasts.
    to: Option<Time>,
    status: Status,
    evidence: Evidence,
}

impl IntervalJson {
    fn new(interval: &Interval, until: Option<Timestamp>) -> Self {
        let (status, evidence) = (interval.status, interval.evidence);
        Self { from: Time(interval.from), to: until.map(Time), status, evidence }
    }
}

fn zone(scope: &Scope<'_>) -> TimeZone {
    TimeZone::get(&scope.snapshot.catalogue.site.timezone).unwrap_or(TimeZone::UTC)
}

fn local_date(at: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(at.to_jiff()).date()
}

/// The range that is asked for, up to the instant of the snapshot: `usual` long where no begin is
/// named.
fn range(scope: &Scope<'_>, parameters: &Parameters<'_>, usual: Duration, days_max: u32) -> Result<Window, Fault> {
    let words = Words::of(scope.language);
    let (now, zone) = (scope.snapshot.at, zone(scope));
    let to = match parameters.to {
        Some(text) => instant(text, |date| When::through_date(date, &zone)).ok_or_else(|| unreadable(words, "to"))?,
        None => now,
    };
    let from = match parameters.from {
        Some(text) => instant(text, |date| When::from_date(date, &zone)).ok_or_else(|| unreadable(words, "from"))?,
        None => to.min(now).minus(usual),
    };
    let fault =
        |german: &'static str, english: &'static str| Err(Fault::Parameter(words.pick(german, english).to_owned()));
    if from >= to {
        return fault("`from` liegt vor `to`.", "`from` comes before `to`.");
    }
    if from >= now {
        return fault("`from` liegt in der Vergangenheit.", "`from` lies in the past.");
    }
    let until = to.min(now);
    // Local days of 25 hours: one more at most counts as none.
    if until.since(from) > days_max * DAY + Duration::from_secs(3_600) {
        return Err(Fault::Parameter(match words {
            Words::German => format!("Der Zeitraum umfasst höchstens {days_max} Tage."),
            Words::English => format!("The range is {days_max} days at most."),
        }));
    }
    Ok(Window { from, until })
}

/// An instant (RFC 3339), or what a local date means.
fn instant(text: &str, of_date: impl Fn(Date) -> Option<When>) -> Option<Timestamp> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() == DATE_LENGTH
    {
        return of_date(date).map(|when| when.at);
    }
    // In a query, a plus sign that is not encoded reads as a space.
    let at: jiff::Timestamp = text.replace(' ', "+").parse().ok()?;
    Some(Timestamp::from_jiff(at))
}

/// `2023-10-30`
const DATE_LENGTH: usize = 10;

fn unreadable(words: Words, name: &str) -> Fault {
    Fault::Parameter(match words {
        Words::German => {
            format!("`{name}` ist ein Zeitpunkt mit Zeitzone (2023-10-30T07:04:00Z) oder ein Tag (2023-10-30).")
        }
        Words::English => format!("`{name}` is a time with its offset (2023-10-30T07:04:00Z) or a day (2023-10-30)."),
    })
}
