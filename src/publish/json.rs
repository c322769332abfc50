//! JSON, version 1: what each route answers. The objects themselves are in the submodules.
//!
//! Every object has all its keys, in a fixed order, with `null` or `[]` where there is nothing.
//! Times are RFC 3339 in UTC, texts stand in the language of the route. Long lists end when a
//! page is full, by number or by bytes, so that no answer grows with the whole country.

mod component;
mod found;
mod incident;
mod list;
mod maintenance;
mod organisation;
mod past;
pub(super) mod schema;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::model::event::MaintenancePhase;
use crate::model::snapshot::{PublicIncident, PublicMaintenance, Snapshot};
use crate::model::status::{Lifecycle, Status};
use crate::model::time::Timestamp;
use crate::model::window::When;
use crate::publish::json::component::ComponentJson;
use crate::publish::json::found::{FoundComponent, FoundOrganisation, Total};
use crate::publish::json::incident::IncidentJson;
use crate::publish::json::list::Filter;
use crate::publish::json::maintenance::MaintenanceJson;
use crate::publish::json::organisation::{OrganisationJson, OrganisationKeys};
pub(super) use crate::publish::json::past::{availability, results};
use crate::publish::scope::Scope;
use crate::publish::search::Findings;
use crate::publish::{Fault, Parameters};

/// Most items of a list in one answer.
pub const PAGE_ITEMS_MAX: usize = 100;

/// A list ends after the item that takes the answer beyond this.
pub const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A list in a file ends after the item that takes it beyond this: nobody can ask a file for the
/// next page.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is counted in the summary: open incidents, and work that is not over.
#[derive(Serialize, JsonSchema)]
struct Counts {
    organisations: usize,
    components: ComponentCounts,
    incidents: usize,
    maintenance: usize,
}

/// Live components by their status.
#[derive(Default, Serialize, JsonSchema)]
struct ComponentCounts {
    operational: usize,
    degraded_performance: usize,
    partial_outage: usize,
    major_outage: usize,
    under_maintenance: usize,
    unknown: usize,
}

/// Whether this copy is fresh.
#[derive(Serialize, JsonSchema)]
struct Alive {
    /// When the newest probe ended.
    checked_at: Time,
    /// Until when it may be taken for fresh.
    valid_until: Time,
}

/// What every answer begins with.
#[derive(Serialize, JsonSchema)]
struct Envelope {
    /// When this was made; in a file, when its content last changed.
    generated_at: Time,
    /// After this it is stale; left out in files.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<Time>,
    /// Grows with everything that is decided.
    position: u64,
}

/// `/api/v1/summary`
pub(super) fn summary(scope: &Scope<'_>) -> Vec<u8> {
    let snapshot = scope.snapshot;
    let mut components = ComponentCounts::default();
    let views = snapshot.catalogue.component_index.values().filter_map(|&index| snapshot.view(index, None));
    for view in views.filter(|view| view.state.lifecycle == Lifecycle::Live) {
        *match view.status {
            Status::Operational => &mut components.operational,
            Status::DegradedPerformance => &mut components.degraded_performance,
            Status::PartialOutage => &mut components.partial_outage,
            Status::MajorOutage => &mut components.major_outage,
            Status::UnderMaintenance => &mut components.under_maintenance,
            Status::Unknown => &mut components.unknown,
        } += 1;
    }
    let open = || snapshot.incidents.iter().filter(|incident| incident.is_open());
    let planned = || snapshot.maintenances.iter().filter(|maintenance| is_ahead(maintenance, snapshot.at));
    let counts = Counts {
        organisations: snapshot.catalogue.organisations.len(),
        components,
        incidents: open().count(),
        maintenance: planned().count(),
    };
    let mut object = Object::new(snapshot);
    object.field("status", &snapshot.status().status);
    object.field("indicator", Snapshot::indicator(&snapshot.incidents, &snapshot.maintenances));
    object.field("health", &snapshot.health);
    object.field("counts", &counts);
    object.list("incidents", open().map(|incident| ((), IncidentJson::new(scope, incident, None))));
    object.list("maintenance", planned().map(|maintenance| ((), MaintenanceJson::new(scope, maintenance, None))));
    object.finish()
}

/// `/api/v1/alive`
pub(super) fn alive(snapshot: &Snapshot) -> Vec<u8> {
    let checked_at = snapshot.states.iter().filter_map(|state| state.checked_at).max();
    bytes(&Alive { checked_at: Time(checked_at.unwrap_or(snapshot.at)), valid_until: Time(snapshot.valid_until) })
}

/// `/api/v1/organisations`
pub(super) fn organisations(scope: &Scope<'_>, parameters: &Parameters<'_>) -> Result<Vec<u8>, Fault> {
    let filter = Filter::of_organisations(scope, parameters)?;
    let keys = OrganisationKeys::new(scope);
    Ok(page(
        scope,
        "organisations",
        filter.organisations(scope).filter_map(|(id, index)| Some((id, OrganisationJson::new(scope, index, &keys)?))),
    ))
}

/// `/api/v1/organisations/{id}`
pub(super) fn organisation(scope: &Scope<'_>, index: u32) -> Vec<u8> {
    single(scope, "organisation", &OrganisationJson::new(scope, index, &OrganisationKeys::new(scope)))
}

/// `/api/v1/components`
pub(super) fn components(scope: &Scope<'_>, parameters: &Parameters<'_>) -> Result<Vec<u8>, Fault> {
    let filter = Filter::of_components(scope, parameters)?;
    let there = filter.organisation.and_then(|index| scope.page(index));
    Ok(page(
        scope,
        "components",
        filter.components(scope).map(|(id, view)| (id, ComponentJson::new(scope, &view, there.as_ref()))),
    ))
}

/// `/api/v1/components/{id}`
pub(super) fn component(scope: &Scope<'_>, index: u32, parameters: &Parameters<'_>) -> Result<Vec<u8>, Fault> {
    let page = list::organisation(scope, parameters)?.and_then(|index| scope.page(index));
    let view = scope.view(index, page.as_ref()).ok_or(Fault::NotFound)?;
    Ok(single(scope, "component", &ComponentJson::new(scope, &view, page.as_ref())))
}

/// `/api/v1/incidents`
pub(super) fn incidents(scope: &Scope<'_>, parameters: &Parameters<'_>) -> Result<Vec<u8>, Fault> {
    let filter = Filter::of_incidents(scope, parameters)?;
    Ok(page(
        scope,
        "incidents",
        filter
            .incidents(scope)
            .map(|incident| (list::incident_cursor(incident), IncidentJson::new(scope, incident, None))),
    ))
}

/// `/api/v1/incidents/{id}`
pub(super) fn incident<'a>(
    scope: &Scope<'a>,
    incident: &'a PublicIncident,
    parameters: &Parameters<'_>,
) -> Result<Vec<u8>, Fault> {
    let page = list::organisation(scope, parameters)?.and_then(|index| scope.page(index));
    if page.as_ref().is_some_and(|page| !page.shows_any(&scope.components_of(incident))) {
        return Err(Fault::NotFound);
    }
    Ok(single(scope, "incident", &IncidentJson::new(scope, incident, page.as_ref())))
}

/// `/api/v1/maintenance`
pub(super) fn maintenances(scope: &Scope<'_>, parameters: &Parameters<'_>) -> Result<Vec<u8>, Fault> {
    let filter = Filter::of_maintenances(scope, parameters)?;
    Ok(page(
        scope,
        "maintenance",
        filter
            .maintenances(scope)
            .map(|planned| (list::maintenance_cursor(planned), MaintenanceJson::new(scope, planned, None))),
    ))
}

/// `/api/v1/maintenance/{id}`
pub(super) fn maintenance(scope: &Scope<'_>, maintenance: &PublicMaintenance) -> Vec<u8> {
    single(scope, "maintenance", &MaintenanceJson::new(scope, maintenance, None))
}

/// `/api/v1/search`
pub(super) fn found(scope: &Scope<'_>, findings: &Findings, parameters: &Parameters<'_>) -> Vec<u8> {
    let found = &findings.found;
    let organisations = found.organisations.iter().filter_map(|&index| FoundOrganisation::new(scope, index));
    let components = found.components.iter().filter_map(|&(index, town)| FoundComponent::new(scope, index, town));
    let mut object = Object::new(scope.snapshot);
    object.field("q", parameters.q.unwrap_or_default());
    object.list("organisations", organisations.map(|organisation| ((), organisation)));
    object.list("components", components.map(|component| ((), component)));
    object.field("total", &Total::new(findings));
    object.finish()
}

/// Whether a maintenance is announced or under way, or was called off and would not be over yet.
fn is_ahead(maintenance: &PublicMaintenance, at: Timestamp) -> bool {
    match maintenance.phase {
        MaintenancePhase::Announced | MaintenancePhase::InProgress | MaintenancePhase::Overrunning => true,
        MaintenancePhase::Cancelled => maintenance.until.at > at,
        MaintenancePhase::Completed => false,
    }
}

/// A list with its envelope and the cursor of the next page.
fn page<K: ToString, T: Serialize>(scope: &Scope<'_>, name: &str, items: impl Iterator<Item = (K, T)>) -> Vec<u8> {
    let mut object = Object::new(scope.snapshot);
    let next = object.list(name, items).map(|key| key.to_string());
    object.field("next", &next);
    object.finish()
}

/// A single thing with its envelope.
fn single<T: Serialize>(scope: &Scope<'_>, name: &str, value: &T) -> Vec<u8> {
    let mut object = Object::new(scope.snapshot);
    object.field(name, value);
    object.finish()
}

/// A JSON object under construction. It begins with the envelope.
struct Object {
    out: Vec<u8>,
    /// Most items of a list, and after how many bytes it ends.
    list_max: (usize, usize),
}

impl Object {
    fn new(snapshot: &Snapshot) -> Self {
        let mut open = bytes(&Envelope {
            generated_at: Time(snapshot.exported.unwrap_or(snapshot.at)),
            valid_until: snapshot.exported.is_none().then_some(Time(snapshot.valid_until)),
            position: snapshot.position,
        });
        open.pop();
        let list_max = match snapshot.exported {
            Some(_) => (usize::MAX, FILE_BYTES_MAX),
            None => (PAGE_ITEMS_MAX, PAGE_BYTES_MAX),
        };
        Self { out: open, list_max }
    }

    /// Adds a field. `name` is a word of ours that needs no escaping.
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name);
        append(&mut self.out, value);
    }

    /// Adds a list that ends when the answer is full. Returns the key of its last item if there
    /// would have been more.
    fn list<K, T: Serialize>(&mut self, name: &str, items: impl Iterator<Item = (K, T)>) -> Option<K> {
        self.name(name);
        self.out.push(b'[');
        let (items_max, bytes_max) = self.list_max;
        let mut last = None;
        for (count, (key, item)) in items.enumerate() {
            if count >= items_max || (count > 0 && self.out.len() >= bytes_max) {
                self.out.push(b']');
                return last;
            }
            if count > 0 {
                self.out.push(b',');
            }
            append(&mut self.out, &item);
            last = Some(key);
        }
        self.out.push(b']');
        None
    }

    fn name(&mut self, name: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}

/// The JSON of a value of ours.
pub(super) fn bytes<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, value);
    out
}

fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("writing to memory; our types are structs, texts and numbers");
}

/// An instant as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time(Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "description": "An instant in UTC (RFC 3339)." })
    }
}

/// The instant of a planned time.
fn instant(when: Option<&When>) -> Option<Time> {
    when.map(|when| Time(when.at))
}
