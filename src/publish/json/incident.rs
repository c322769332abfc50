//! The JSON of an incident.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::alternative::Link;
use crate::model::id::{ComponentId, IncidentId, OrganisationId};
use crate::model::incident::{Cause, Ending, Expected, Impact, IncidentStatus, Overlay, Reference};
use crate::model::snapshot::{PublicIncident, PublicUpdate};
use crate::model::status::Status;
use crate::model::text::Plain;
use crate::publish::json::component::{AlternativeJson, ShownJson};
use crate::publish::json::{PAGE_ITEMS_MAX, Time};
use crate::publish::scope::{Page, Scope};

/// An incident; within an organisation only what stands on its page.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Incident")]
pub(super) struct IncidentJson<'a> {
    id: &'a IncidentId,
    title: Plain,
    status: IncidentStatus,
    impact: Impact,
    cause: Option<Cause>,
    root: ShownJson,
    started_at: Time,
    resolved_at: Option<Time>,
    /// Null unless somebody has named one; a resolved incident expects nothing.
    expected_end: Option<ExpectedJson>,
    next_update_by: Option<Time>,
    overdue: bool,
    url: String,
    components: Vec<ConcernedJson<'a>>,
    organisations: Vec<&'a OrganisationId>,
    alternatives: Vec<AlternativeJson<'a>>,
    unaffected: Vec<&'a ComponentId>,
    references: Vec<ReferenceJson<'a>>,
    updates: Vec<UpdateJson<'a>>,
    merged_into: Option<&'a IncidentId>,
    /// The organisation's own words; null where none is asked for.
    overlay: Option<OverlayJson<'a>>,
    /// Every organisation's own words; within an organisation its own only.
    overlays: Vec<OverlaidJson<'a>>,
}

/// A concerned component and its status.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ConcernedComponent")]
struct ConcernedJson<'a> {
    id: &'a str,
    status: Status,
}

/// A fuzzy end: what was said of it, and nothing else.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ExpectedEnd")]
struct ExpectedJson {
    earliest: Option<Time>,
    latest: Option<Time>,
    label: Option<Plain>,
}

impl ExpectedJson {
    fn new(scope: &Scope<'_>, expected: &Expected) -> Self {
        Self {
            earliest: expected.earliest.map(Time),
            latest: expected.latest.map(Time),
            label: expected.label.as_ref().map(|label| scope.text(label)),
        }
    }
}

/// What an update said about the end: null that it cannot be foreseen.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Ending")]
enum EndingJson {
    Unknown,
    Expected(ExpectedJson),
}

/// Where more can be read.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Reference")]
struct ReferenceJson<'a> {
    url: &'a Link,
    label: Option<Plain>,
}

impl<'a> ReferenceJson<'a> {
    fn new(scope: &Scope<'_>, reference: &'a Reference) -> Self {
        Self { url: &reference.url, label: reference.label.as_ref().map(|label| scope.text(label)) }
    }
}

/// One update. Without components or organisations it concerns all of the incident's.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "IncidentUpdate")]
struct UpdateJson<'a> {
    id: String,
    at: Time,
    status: IncidentStatus,
    text: Plain,
    components: Vec<ConcernedJson<'a>>,
    organisations: Vec<&'a OrganisationId>,
    /// Taken back: it says nothing any more, and only its place is left.
    retracted: bool,
    corrected_at: Option<Time>,
    /// Absent if it said nothing about the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_end: Option<EndingJson>,
}

impl<'a> UpdateJson<'a> {
    fn new(scope: &Scope<'a>, incident: &PublicIncident, update: &'a PublicUpdate, page: Option<&Page<'_>>) -> Self {
        let retracted = update.retracted_at.is_some();
        let components = update.components.iter().filter(|(id, _)| !retracted && is_on(scope, page, id));
        let organisations = update.organisations.iter().map(|id| scope.present(id));
        let ending = update.ending.as_ref().filter(|_| !retracted);
        Self {
            id: format!("{}-{}", incident.id, update.number),
            at: Time(update.at),
            status: update.status,
            text: if retracted { Plain::default() } else { scope.body(&update.body) },
            components: components.map(|(id, status)| ConcernedJson { id: id.as_str(), status: *status }).collect(),
            organisations: organisations.filter(|id| page.is_none_or(|page| **id == page.organisation.id)).collect(),
            retracted,
            corrected_at: update.corrected_at.map(Time),
            expected_end: ending.map(|ending| match ending {
                Ending::Unknown => EndingJson::Unknown,
                Ending::Expected(expected) => EndingJson::Expected(ExpectedJson::new(scope, expected)),
            }),
        }
    }
}

/// Whether a component stands on a page; everywhere, if none is asked for.
fn is_on(scope: &Scope<'_>, page: Option<&Page<'_>>, component: &ComponentId) -> bool {
    page.is_none_or(|page| scope.component(component.as_str()).is_some_and(|index| page.shows.contains(&index)))
}

/// A town's own words, on its own page.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Overlay")]
struct OverlayJson<'a> {
    text: Plain,
    alternatives: Vec<AlternativeJson<'a>>,
    updated_at: Time,
    version: u32,
    /// Whether the incident has moved on since.
    drifted: bool,
}

/// A town's own words beside those of others.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OverlayOf")]
struct OverlaidJson<'a> {
    organisation: &'a OrganisationId,
    text: Plain,
    updated_at: Time,
    drifted: bool,
}

impl<'a> OverlayJson<'a> {
    fn new<'s>(scope: &Scope<'s>, incident: &PublicIncident, page: &Page<'s>, overlay: &'a Overlay) -> Self {
        let ways = overlay.alternatives.iter();
        Self {
            text: scope.text(&overlay.text),
            alternatives: ways.map(|way| AlternativeJson::new(scope, Some(page), way)).collect(),
            updated_at: Time(overlay.at),
            version: overlay.version,
            drifted: incident.has_drifted(&page.organisation.id, overlay),
        }
    }
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
        // What is over needs no way around it, and nothing more is expected of it.
        let alternatives = if incident.is_open() {
            scope.alternatives_of(incident, &components, page, PAGE_ITEMS_MAX)
        } else {
            Vec::new()
        };
        let expected = incident.expected_end.as_ref().filter(|_| incident.is_open());
        let updates = incident.updates.iter().rev().filter(|update| scope.tells(update, page));
        let overlay = page.and_then(|page| scope.overlay_of(incident, page.organisation));
        Self {
            id: &incident.id,
            title: scope.body(&incident.title),
            status: incident.status,
            impact: incident.impact,
            cause: incident.cause,
            root: ShownJson::new(scope, &incident.root),
            started_at: Time(incident.started_at),
            resolved_at: incident.resolved_at.map(Time),
            expected_end: expected.map(|expected| ExpectedJson::new(scope, expected)),
            next_update_by: incident.next_update_by.filter(|_| incident.is_open()).map(Time),
            overdue: incident.is_overdue(scope.snapshot.at),
            url: scope.address(&format!("/incidents/{}", incident.id)),
            components: scope
                .concerned(incident, page)
                .into_iter()
                .map(|(id, status)| ConcernedJson { id, status })
                .collect(),
            organisations,
            alternatives: alternatives
                .into_iter()
                .map(|alternative| AlternativeJson::new(scope, page, alternative))
                .collect(),
            unaffected: incident.unaffected.iter().filter(|id| is_on(scope, page, id)).collect(),
            references: incident.references.iter().map(|reference| ReferenceJson::new(scope, reference)).collect(),
            updates: updates.map(|update| UpdateJson::new(scope, incident, update, page)).collect(),
            merged_into: incident.merged_into.as_ref(),
            overlay: page.zip(overlay).map(|(page, overlay)| OverlayJson::new(scope, incident, page, overlay)),
            overlays: overlays(scope, incident, page),
        }
    }
}

/// The words of every organisation that is still there.
fn overlays<'a>(scope: &Scope<'a>, incident: &'a PublicIncident, page: Option<&Page<'_>>) -> Vec<OverlaidJson<'a>> {
    let present = incident.overlays.iter().map(|(id, overlay)| (scope.present(id), overlay));
    present
        .filter(|(id, _)| scope.snapshot.catalogue.organisation_index.contains_key(*id))
        .filter(|(id, _)| page.is_none_or(|page| **id == page.organisation.id))
        .map(|(organisation, overlay)| OverlaidJson {
            organisation,
            text: scope.text(&overlay.text),
            updated_at: Time(overlay.at),
            drifted: incident.has_drifted(organisation, overlay),
        })
        .collect()
}
