//! The JSON of an organisation: what its page shows.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::alternative::Link;
use crate::model::id::OrganisationId;
use crate::model::local::View;
use crate::model::snapshot::{PublicIncident, PublicMaintenance};
use crate::model::status::{Evidence, Lifecycle, OrganisationKind, Status};
use crate::model::text::Plain;
use crate::publish::json::component::ComponentJson;
use crate::publish::json::incident::IncidentJson;
use crate::publish::json::maintenance::MaintenanceJson;
use crate::publish::json::{PAGE_ITEMS_MAX, is_ahead};
use crate::publish::scope::Scope;

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
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Organisation")]
pub(super) struct OrganisationJson<'a> {
    id: &'a OrganisationId,
    name: Plain,
    kind: OrganisationKind,
    ars: Option<&'a str>,
    url: Option<&'a Link>,
    emergency_url: Option<&'a Link>,
    status: Status,
    /// `declared` if nothing on its page is checked.
    evidence: Evidence,
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
            emergency_url: page.town.emergency_site(page.index),
            status: roll_up.status,
            evidence: roll_up.evidence,
            components: views.iter().map(|view| ComponentJson::new(scope, view, Some(&page))).collect(),
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
