//! The JSON of an incident and of a maintenance.

use serde::Serialize;

use crate::model::catalogue::Ends;
use crate::model::event::MaintenancePhase;
use crate::model::id::{ComponentId, IncidentId, MaintenanceId, OrganisationId};
use crate::model::incident::{Cause, Impact, IncidentStatus};
use crate::model::snapshot::{PublicIncident, PublicMaintenance};
use crate::model::status::Status;
use crate::model::text::Plain;
use crate::model::window::When;
use crate::publish::json::component::{AlternativeJson, ShownJson};
use crate::publish::json::{PAGE_ITEMS_MAX, Time, instant};
use crate::publish::scope::{Page, Scope};

/// An incident; within an organisation only what stands on its page.
#[derive(Serialize)]
pub(super) struct IncidentJson<'a> {
    id: &'a IncidentId,
    title: Plain,
    status: IncidentStatus,
    impact: Impact,
    cause: Option<Cause>,
    root: ShownJson<'a>,
    started_at: Time,
    resolved_at: Option<Time>,
    /// Nobody has promised an end: automatic incidents never do.
    expected_end: Option<()>,
    next_update_by: Option<Time>,
    overdue: bool,
    url: String,
    components: Vec<ConcernedJson<'a>>,
    organisations: Vec<&'a OrganisationId>,
    alternatives: Vec<AlternativeJson<'a>>,
    unaffected: [&'a ComponentId; 0],
    references: [&'a str; 0],
    updates: Vec<UpdateJson>,
}

/// A concerned component and its status.
#[derive(Serialize)]
struct ConcernedJson<'a> {
    id: &'a str,
    status: Status,
}

/// One update. No components or organisations: it concerns all of the incident's.
#[derive(Serialize)]
struct UpdateJson {
    id: String,
    at: Time,
    status: IncidentStatus,
    text: Plain,
    components: [(); 0],
    organisations: [(); 0],
}

impl<'a> IncidentJson<'a> {
    pub(super) fn new(scope: &Scope<'a>, incident: &'a PublicIncident, page: Option<&Page<'a>>) -> Self {
        let mut components = scope.components_of(incident);
        if let Some(page) = page {
            components.retain(|component| page.shows.contains(component));
        }
        let organisations = match page {
            Some(page) => vec![&page.organisation.id],
            None => scope.organisations_of(&components).into_iter().map(|organisation| &organisation.id).collect(),
        };
        // What is over needs no way around it.
        let alternatives =
            if incident.is_open() { scope.alternatives_of(&components, page, PAGE_ITEMS_MAX) } else { Vec::new() };
        let updates = incident.updates.iter().rev().map(|update| UpdateJson {
            id: format!("{}-{}", incident.id, update.number),
            at: Time(update.at),
            status: update.status,
            text: scope.body(&update.body),
            components: [],
            organisations: [],
        });
        Self {
            id: &incident.id,
            title: scope.body(&incident.title),
            status: incident.status,
            impact: incident.impact,
            cause: incident.cause,
            root: ShownJson::new(scope, &incident.root),
            started_at: Time(incident.started_at),
            resolved_at: incident.resolved_at.map(Time),
            expected_end: None,
            next_update_by: None,
            overdue: false,
            url: scope.address(&format!("/incidents/{}", incident.id)),
            components: scope
                .concerned(incident, page)
                .into_iter()
                .map(|(id, status)| ConcernedJson { id, status })
                .collect(),
            organisations,
            alternatives: alternatives
                .into_iter()
                .map(|alternative| AlternativeJson::new(scope, alternative))
                .collect(),
            unaffected: [],
            references: [],
            updates: updates.collect(),
        }
    }
}

/// A maintenance; within an organisation only what stands on its page.
#[derive(Serialize)]
pub(super) struct MaintenanceJson<'a> {
    id: &'a MaintenanceId,
    title: Plain,
    status: MaintenancePhase,
    from: Time,
    /// The first instant after it, also where an inclusive date was written.
    until: Time,
    date_only: bool,
    ends: Ends,
    components: Vec<&'a ComponentId>,
    unaffected: Vec<&'a ComponentId>,
    alternatives: Vec<AlternativeJson<'a>>,
    announced_at: Option<Time>,
    last_chance_before: Option<Time>,
    back_from: Option<Time>,
    updates: [(); 0],
    dates: Dates,
}

/// The local dates as written, ends inclusive; null where an instant was written.
#[derive(Serialize)]
struct Dates {
    from: Option<jiff::civil::Date>,
    until: Option<jiff::civil::Date>,
    last_chance_before: Option<jiff::civil::Date>,
    back_from: Option<jiff::civil::Date>,
}

impl<'a> MaintenanceJson<'a> {
    pub(super) fn new(scope: &Scope<'a>, maintenance: &'a PublicMaintenance, page: Option<&Page<'a>>) -> Self {
        let on_page = |ids: &[&'a ComponentId]| {
            let shown = |id: &&ComponentId| {
                page.is_none_or(|page| {
                    scope.component(id.as_str()).is_some_and(|component| page.shows.contains(&component))
                })
            };
            ids.iter().copied().filter(shown).collect::<Vec<_>>()
        };
        let at = scope.snapshot.at;
        let alternatives = maintenance.alternatives.iter().filter(|alternative| {
            alternative.valid_until.as_ref().is_none_or(|until| until.at > at)
                && page.is_none_or(|page| {
                    alternative.serves.is_empty()
                        || crate::model::local::specificity(&alternative.serves, page.organisation).is_some()
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
            components: on_page(&maintenance.components.iter().map(|covered| &covered.component).collect::<Vec<_>>()),
            unaffected: on_page(&maintenance.unaffected.iter().collect::<Vec<_>>()),
            alternatives: alternatives.map(|alternative| AlternativeJson::new(scope, alternative)).collect(),
            announced_at: instant(Some(&maintenance.announced_at)),
            last_chance_before: instant(maintenance.last_chance_before.as_ref()),
            back_from: instant(maintenance.back_from.as_ref()),
            updates: [],
            dates: Dates {
                from: maintenance.from.date,
                until: maintenance.until.date,
                last_chance_before: date(maintenance.last_chance_before.as_ref()),
                back_from: date(maintenance.back_from.as_ref()),
            },
        }
    }
}
