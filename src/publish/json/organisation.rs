//! The JSON of an organisation: what its page shows.

use std::sync::Arc;

use serde::Serialize;

use crate::model::alternative::{Alternative, AlternativeKind, Link};
use crate::model::id::OrganisationId;
use crate::model::local::{View, applies};
use crate::model::snapshot::{PublicIncident, PublicMaintenance};
use crate::model::status::{Lifecycle, OrganisationKind, Status};
use crate::model::text::Plain;
use crate::publish::json::component::ComponentJson;
use crate::publish::json::incident::IncidentJson;
use crate::publish::json::maintenance::MaintenanceJson;
use crate::publish::json::{PAGE_ITEMS_MAX, is_ahead};
use crate::publish::scope::{Page, Scope};

/// Open incidents and planned maintenances with the indexes of what they concern, resolved once
/// for all organisations of an answer.
pub(super) struct OrganisationKeys<'a> {
    incidents: Vec<(&'a PublicIncident, Vec<u32>)>,
    maintenances: Vec<(&'a PublicMaintenance, Vec<u32>)>,
}

impl<'a> OrganisationKeys<'a> {
    pub(super) fn new(scope: &Scope<'a>) -> Self {
        let snapshot = scope.snapshot;
        let open = snapshot.incidents.iter().map(Arc::as_ref).filter(|incident| incident.is_open());
        let planned = snapshot.maintenances.iter().map(Arc::as_ref).filter(|planned| is_ahead(planned, snapshot.at));
        Self {
            incidents: open.map(|incident| (incident, scope.components_of(incident))).collect(),
            maintenances: planned.map(|maintenance| (maintenance, scope.covered_by(maintenance))).collect(),
        }
    }
}

/// An organisation and what its page shows.
#[derive(Serialize)]
pub(super) struct OrganisationJson<'a> {
    id: &'a OrganisationId,
    name: Plain,
    kind: OrganisationKind,
    ars: Option<&'a str>,
    url: Option<&'a Link>,
    emergency_url: Option<&'a Link>,
    status: Status,
    components: Vec<ComponentJson<'a>>,
    incidents: Vec<IncidentJson<'a>>,
    maintenance: Vec<MaintenanceJson<'a>>,
    /// How many of its components are unknown.
    unknown: u32,
    land: Option<&'a str>,
    /// Its page here.
    page: String,
}

impl<'a> OrganisationJson<'a> {
    pub(super) fn new(scope: &Scope<'a>, index: u32, keys: &OrganisationKeys<'a>) -> Option<Self> {
        let page = scope.page(index)?;
        let organisation = page.organisation;
        let shown = organisation.shows.iter().filter_map(|&component| page.town.view(component));
        let views: Vec<View<'a>> = shown.filter(|view| view.state.lifecycle != Lifecycle::Retired).collect();
        let incidents = || {
            let concerning = keys.incidents.iter().filter(|(_, components)| page.shows_any(components));
            concerning.map(|(incident, _)| *incident)
        };
        let maintenances = keys.maintenances.iter().filter(|(_, components)| page.shows_any(components));
        let roll_up = scope.snapshot.organisation_status(index);
        Some(Self {
            id: &organisation.id,
            name: scope.text(&organisation.name),
            kind: organisation.kind,
            ars: organisation.ars.as_deref(),
            url: organisation.url.as_ref(),
            emergency_url: emergency_url(scope, &page, &views, incidents()),
            status: roll_up.status,
            components: views.iter().map(|view| ComponentJson::new(scope, *view, Some(index))).collect(),
            incidents: incidents()
                .take(PAGE_ITEMS_MAX)
                .map(|incident| IncidentJson::new(scope, incident, Some(&page)))
                .collect(),
            maintenance: maintenances
                .take(PAGE_ITEMS_MAX)
                .map(|(maintenance, _)| MaintenanceJson::new(scope, maintenance, Some(&page)))
                .collect(),
            unknown: roll_up.unknown,
            land: organisation.land.as_deref(),
            page: scope.address(&format!("/{}", organisation.id)),
        })
    }
}

/// Where people are sent instead of the organisation's usual site: the target of an emergency
/// site that is active for anything on its page. What the organisation says of itself goes
/// first, then what its own components have, then what others offer on its page.
///
/// A site that stands ready at a component without a beginning is active while the component is
/// not operational; one that was given a beginning, or that somebody names for a town or for an
/// open incident, is active as long as it applies.
fn emergency_url<'a>(
    scope: &Scope<'a>,
    page: &Page<'a>,
    views: &[View<'a>],
    incidents: impl Iterator<Item = &'a PublicIncident> + Clone,
) -> Option<&'a Link> {
    let overlays = incidents.clone().filter_map(|incident| scope.overlay_of(incident, page.organisation));
    let locals = views.iter().flat_map(|view| view.local.alternatives);
    let of_components = |own: bool| {
        let views = views.iter().filter(move |view| own == (view.component.owner == page.index));
        views.flat_map(|view| {
            let active = |way: &&Alternative| way.valid_from.is_some() || view.status != Status::Operational;
            view.component.alternatives.iter().filter(active)
        })
    };
    locals
        .chain(overlays.flat_map(|overlay| &overlay.alternatives))
        .chain(of_components(true))
        .chain(incidents.flat_map(|incident| &incident.alternatives))
        .chain(of_components(false))
        .filter(|way| way.kind == AlternativeKind::EmergencySite)
        .filter(|way| applies(way, Some(page.organisation), scope.snapshot.at))
        .find_map(|way| way.target.first())
}
