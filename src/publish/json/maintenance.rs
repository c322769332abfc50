//! The JSON of a maintenance.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::catalogue::Ends;
use crate::model::event::MaintenancePhase;
use crate::model::id::{ComponentId, MaintenanceId};
use crate::model::local::specificity;
use crate::model::snapshot::PublicMaintenance;
use crate::model::text::Plain;
use crate::model::time::format_duration;
use crate::model::window::When;
use crate::publish::json::component::AlternativeJson;
use crate::publish::json::{Time, instant};
use crate::publish::scope::{Page, Scope};

/// A maintenance; within an organisation only what stands on its page.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Maintenance")]
pub(super) struct MaintenanceJson<'a> {
    id: &'a MaintenanceId,
    title: Plain,
    status: MaintenancePhase,
    from: Time,
    /// The first instant after it, also where an inclusive date was written.
    until: Time,
    date_only: bool,
    ends: Ends,
    components: Vec<CoveredJson<'a>>,
    unaffected: Vec<&'a ComponentId>,
    alternatives: Vec<AlternativeJson<'a>>,
    announced_at: Option<Time>,
    last_chance_before: Option<Time>,
    back_from: Option<Time>,
    updates: Vec<UpdateJson<'a>>,
    dates: Dates,
    text: Option<Plain>,
    programme: Option<Plain>,
    /// Counts what calendars must take over.
    sequence: u32,
    recurs: bool,
    /// Of a recurring one: how.
    recurring: Option<RecurringJson<'a>>,
    /// Of a recurring one: its next occurrences after the one at hand.
    upcoming: Vec<OccurrenceJson>,
    ended_at: Option<Time>,
    /// Beyond its planned end without an end notice.
    overdue: bool,
    /// In which its dates are meant.
    timezone: &'a str,
}

/// A covered component with what is its own of the maintenance.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CoveredComponent")]
struct CoveredJson<'a> {
    id: &'a ComponentId,
    until: Option<Time>,
    ended_at: Option<Time>,
    /// The last day as written, where `until` was given as one.
    until_date: Option<jiff::civil::Date>,
}

/// One occurrence of a recurring maintenance.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Occurrence")]
struct OccurrenceJson {
    from: Time,
    until: Time,
}

/// How a maintenance recurs, by the clocks of its `timezone`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Recurring")]
struct RecurringJson<'a> {
    /// A rule of RFC 5545; it runs from the local date of `from` on.
    rrule: &'a str,
    /// The local time of day at which each occurrence begins.
    at: String,
    /// How long each lasts: 90m, 3h, 2d.
    #[serde(rename = "for")]
    lasts: String,
    /// When the whole series begins.
    from: Time,
    /// The first instant after it.
    until: Time,
}

/// One word on a maintenance.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MaintenanceUpdate")]
struct UpdateJson<'a> {
    id: String,
    at: Time,
    status: MaintenancePhase,
    text: Plain,
    components: Vec<EndedJson<'a>>,
}

/// A component that is back, and since when.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndedComponent")]
struct EndedJson<'a> {
    id: &'a ComponentId,
    ended_at: Time,
}

/// The local dates as written, ends inclusive; null where an instant was written.
#[derive(Serialize, JsonSchema)]
struct Dates {
    from: Option<jiff::civil::Date>,
    until: Option<jiff::civil::Date>,
    last_chance_before: Option<jiff::civil::Date>,
    back_from: Option<jiff::civil::Date>,
}

impl<'a> MaintenanceJson<'a> {
    pub(super) fn new(scope: &Scope<'a>, maintenance: &'a PublicMaintenance, page: Option<&Page<'a>>) -> Self {
        let on_page = |id: &ComponentId| {
            page.is_none_or(|page| {
                scope.component(id.as_str()).is_some_and(|component| page.shows.contains(&component))
            })
        };
        let at = scope.snapshot.at;
        let alternatives = maintenance.alternatives.iter().filter(|alternative| {
            alternative.valid_until.as_ref().is_none_or(|until| until.at > at)
                && page.is_none_or(|page| {
                    alternative.serves.is_empty() || specificity(&alternative.serves, page.organisation).is_some()
                })
        });
        let date = |when: Option<&When>| when.and_then(|when| when.date);
        Self {
            id: &maintenance.id,
            title: scope.text(&maintenance.title),
            status: maintenance.phase,
            from: Time(maintenance.from.at),
            until: Time(maintenance.until.at),
            date_only: maintenance.from.date.is_some() && maintenance.until.date.is_some(),
            ends: maintenance.ends,
            components: maintenance
                .components
                .iter()
                .filter(|covered| on_page(&covered.component))
                .map(|covered| CoveredJson {
                    id: &covered.component,
                    until: instant(covered.until.as_ref()),
                    ended_at: covered.ended_at.map(Time),
                    until_date: date(covered.until.as_ref()),
                })
                .collect(),
            unaffected: maintenance.unaffected.iter().filter(|id| on_page(id)).collect(),
            alternatives: alternatives.map(|alternative| AlternativeJson::new(scope, page, alternative)).collect(),
            announced_at: instant(Some(&maintenance.announced_at)),
            last_chance_before: instant(maintenance.last_chance_before.as_ref()),
            back_from: instant(maintenance.back_from.as_ref()),
            updates: maintenance
                .updates
                .iter()
                .rev()
                .map(|update| UpdateJson {
                    id: format!("{}-{}", maintenance.id, update.number),
                    at: Time(update.at),
                    status: update.phase,
                    text: scope.body(&update.body),
                    components: update
                        .ended
                        .iter()
                        .filter(|(id, _)| on_page(id))
                        .map(|(id, ended_at)| EndedJson { id, ended_at: Time(*ended_at) })
                        .collect(),
                })
                .collect(),
            dates: Dates {
                from: maintenance.from.date,
                until: maintenance.until.date,
                last_chance_before: date(maintenance.last_chance_before.as_ref()),
                back_from: date(maintenance.back_from.as_ref()),
            },
            text: maintenance.text.as_ref().map(|text| scope.text(text)),
            programme: maintenance.programme.as_deref().map(Plain::new),
            sequence: maintenance.sequence,
            recurs: maintenance.series.is_some(),
            recurring: maintenance.series.as_ref().map(|series| RecurringJson {
                rrule: &series.recurrence.rrule,
                at: series.recurrence.at_text(),
                lasts: format_duration(series.recurrence.lasts),
                from: Time(series.from.at),
                until: Time(series.until.at),
            }),
            upcoming: maintenance
                .upcoming
                .iter()
                .map(|&(from, until)| OccurrenceJson { from: Time(from), until: Time(until) })
                .collect(),
            ended_at: maintenance.ended_at.map(Time),
            overdue: maintenance.phase == MaintenancePhase::Overrunning,
            timezone: &maintenance.zone,
        }
    }
}
