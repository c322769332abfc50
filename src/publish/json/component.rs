//! The JSON of a component, its alternatives and its availability.

use std::borrow::Cow;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::alternative::{Alternative, AlternativeKind, Link};
use crate::model::availability::{Availability, Intervals};
use crate::model::catalogue::Reach;
use crate::model::id::{ComponentId, IncidentId, OrganisationId};
use crate::model::local::View;
use crate::model::notice::Override;
use crate::model::snapshot::{AffectedBy, PublicComponent, Shown};
use crate::model::status::{ComponentKind, Delivery, DeliveryState, Evidence, Lifecycle, Mode, Processing, Status};
use crate::model::text::Plain;
use crate::model::time::Timestamp;
use crate::model::verdict::Reason;
use crate::publish::cause;
use crate::publish::json::{Time, instant};
use crate::publish::scope::{Page, Scope};

/// A component everywhere, or as one organisation's page shows it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Component")]
pub(super) struct ComponentJson<'a> {
    id: &'a ComponentId,
    name: Plain,
    kind: ComponentKind,
    lifecycle: Lifecycle,
    status: Status,
    evidence: Evidence,
    since: Time,
    checked_at: Option<Time>,
    last_known: Option<Status>,
    mode: Mode,
    released: Option<bool>,
    processing: Processing,
    delivery: Option<DeliveryJson>,
    reason: Option<Reason>,
    owner: Option<&'a OrganisationId>,
    part_of: Option<&'a ComponentId>,
    parts: Vec<&'a ComponentId>,
    serves: Vec<Cow<'a, str>>,
    depends_on: &'a [ComponentId],
    url: Option<&'a Link>,
    leika: &'a [String],
    alternatives: Vec<AlternativeJson<'a>>,
    availability: Windows,
    affected_by: Option<AffectedByJson>,
    /// Whose disruption its status is because of; null where something else decided it.
    because: Option<ShownJson>,
    /// The town's own words.
    text: Option<Plain>,
    incident: Option<&'a IncidentId>,
    unknown_parts: u32,
    available_from: Option<Time>,
    ozg: Option<u32>,
    r#override: Option<OverrideJson>,
    /// Its page here.
    page: Option<String>,
}

impl<'a> ComponentJson<'a> {
    pub(super) fn new(scope: &Scope<'a>, view: &View<'a>, page: Option<&Page<'a>>) -> Self {
        let (component, state) = (view.component, view.state);
        let catalogue = &*scope.snapshot.catalogue;
        let at = scope.snapshot.at;
        let id_of = |index: u32| catalogue.components.get(index as usize).map(|component| &component.id);
        let owner = catalogue.organisations.get(component.owner as usize);
        let here =
            page.filter(|page| scope.component(component.id.as_str()).is_some_and(|it| page.shows.contains(&it)));
        let there = here.map(|page| page.organisation).or(owner);
        Self {
            id: &component.id,
            name: scope.text(&component.name),
            kind: component.kind,
            lifecycle: state.lifecycle,
            status: view.status,
            evidence: view.evidence,
            since: Time(view.since),
            checked_at: state.checked_at.map(Time),
            last_known: state.last_known,
            mode: view.mode,
            released: view.released,
            processing: view.processing,
            delivery: view.delivery.map(DeliveryJson::new),
            reason: state.reason,
            owner: owner.map(|owner| &owner.id),
            part_of: component.part_of.and_then(id_of),
            parts: component.parts.iter().copied().filter_map(id_of).collect(),
            serves: reach(&component.serves),
            depends_on: &component.depends_on,
            url: component.url.as_ref(),
            leika: &component.leika,
            alternatives: view
                .alternatives(page.map(|page| page.organisation), at)
                .into_iter()
                .map(|alternative| AlternativeJson::new(scope, page, alternative))
                .collect(),
            availability: Windows::of(&state.intervals, scope.snapshot.figures_until(), component),
            affected_by: view.affected_by.as_deref().and_then(|affected| AffectedByJson::new(scope, affected)),
            because: cause::because_of(scope.snapshot, view).map(|root| ShownJson::new(scope, root)),
            text: view.local.text.map(|text| scope.text(text)),
            incident: state.incident.as_ref(),
            unknown_parts: state.unknown_parts,
            available_from: instant(component.available_from.as_ref()),
            ozg: component.ozg,
            r#override: state.set_by_hand.filter(|set| set.holds(at)).map(OverrideJson::new),
            page: there.map(|there| scope.address(&format!("/{}/{}", there.id, component.id))),
        }
    }
}

/// A status set by hand.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Override")]
struct OverrideJson {
    status: Status,
    until: Option<Time>,
    /// Always true: readers must not take it for a measurement.
    set_by_hand: bool,
}

impl OverrideJson {
    fn new(set: Override) -> Self {
        Self { status: set.status, until: set.until.map(Time), set_by_hand: true }
    }
}

/// A reach as it is written in files: `"05954"`, `"hattingen"`, `"!witten"`.
fn reach(reach: &[Reach]) -> Vec<Cow<'_, str>> {
    let written = reach.iter().map(|reach| match reach {
        Reach::Prefix(prefix) => Cow::Borrowed(prefix.as_str()),
        Reach::Organisation(id) => Cow::Borrowed(id.as_str()),
        Reach::Except(id) => Cow::Owned(format!("!{id}")),
    });
    written.collect()
}

/// Delivery of mail, while it differs from normal.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
struct DeliveryJson {
    state: DeliveryState,
    since: Option<Time>,
    until: Option<Time>,
}

impl DeliveryJson {
    fn new(delivery: &Delivery) -> Self {
        Self { state: delivery.state, since: delivery.since.map(Time), until: delivery.until.map(Time) }
    }
}

/// Another way to get the service done.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alternative")]
pub(super) struct AlternativeJson<'a> {
    kind: AlternativeKind,
    label: Plain,
    target: &'a [Link],
    hours: Option<&'a Plain>,
    hours_text: Option<Plain>,
    page: Option<&'a Link>,
    serves: Vec<Cow<'a, str>>,
    valid_from: Option<Time>,
    valid_until: Option<Time>,
    verified_at: Option<Time>,
    /// Its own status, where a component stands for it.
    status: Option<Status>,
}

impl<'a> AlternativeJson<'a> {
    /// As a page offers it, or as everybody sees it.
    pub(super) fn new<'s>(scope: &Scope<'s>, page: Option<&Page<'s>>, alternative: &'a Alternative) -> Self {
        let component = alternative.component.as_ref().and_then(|id| scope.component(id.as_str()));
        Self {
            status: component.and_then(|index| scope.view(index, page)).map(|view| view.status),
            kind: alternative.kind,
            label: scope.text(&alternative.label),
            target: &alternative.target,
            hours: alternative.hours.as_ref(),
            hours_text: alternative.hours_text.as_ref().map(|text| scope.text(text)),
            page: alternative.page.as_ref(),
            serves: reach(&alternative.serves),
            valid_from: instant(alternative.valid_from.as_ref()),
            valid_until: instant(alternative.valid_until.as_ref()),
            verified_at: instant(alternative.verified_at.as_ref()),
        }
    }
}

const DAY_S: u64 = 86_400;

/// Availability in the usual windows.
#[derive(Serialize, JsonSchema)]
struct Windows {
    #[serde(rename = "24h")]
    day: Option<Availability>,
    #[serde(rename = "7d")]
    week: Option<Availability>,
    #[serde(rename = "30d")]
    month: Option<Availability>,
    #[serde(rename = "90d")]
    quarter: Option<Availability>,
}

impl Windows {
    fn of(intervals: &Intervals, at: Timestamp, component: &PublicComponent) -> Self {
        let in_service_from = component.available_from.as_ref().map(|from| from.at);
        let window = |days: u64| intervals.window(at, Duration::from_secs(days * DAY_S), in_service_from);
        Self { day: window(1), week: window(7), month: window(30), quarter: window(90) }
    }
}

/// What affects a component: the worst direct parent, and the path from it to the root.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AffectedBy")]
struct AffectedByJson {
    component: ShownJson,
    path: Vec<ShownJson>,
    incident: Option<IncidentId>,
}

impl AffectedByJson {
    fn new(scope: &Scope<'_>, affected: &AffectedBy) -> Option<Self> {
        let first = affected.path.first()?;
        Some(Self {
            component: ShownJson::new(scope, first),
            path: affected.path.iter().map(|shown| ShownJson::new(scope, shown)).collect(),
            incident: affected.incident.clone(),
        })
    }
}

/// A component by the name that the public may read; an internal one has no id.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NamedComponent")]
pub(super) struct ShownJson {
    id: Option<ComponentId>,
    name: Plain,
}

impl ShownJson {
    pub(super) fn new(scope: &Scope<'_>, shown: &Shown) -> Self {
        Self { id: shown.id.clone(), name: scope.text(&shown.name) }
    }
}
