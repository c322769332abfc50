//! Statuspage's public API, version 2: the eight files that other programs know how to read, for
//! the whole site and for each organisation. How our words become theirs is told in
//! `docs/statuspage.md`.
//!
//! Every key is always there and no list is ever null. Nothing here depends on when it is asked
//! for: unchanged content gives unchanged bytes. Ids are ours, and stay.

mod component;
mod incident;
mod maintenance;

use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::model::snapshot::{PublicIncident, PublicMaintenance, Snapshot};
use crate::model::status::{Evidence, RollUp, Status};
use crate::model::text::Plain;
use crate::model::time::Timestamp;
use crate::publish::json::{self, PAGE_BYTES_MAX};
use crate::publish::route::Statuspage;
use crate::publish::scope::{Page, Scope};
use crate::publish::statuspage::component::{ComponentJson, Components};
use crate::publish::statuspage::incident::IncidentJson;
use crate::publish::statuspage::maintenance::MaintenanceJson;
use crate::publish::wording::Words;

/// Most incidents, and most maintenances, in a file.
pub const NOTICES_MAX: usize = 50;

/// Most components in a file; beyond it those that work are left out first.
pub const COMPONENTS_MAX: usize = 2_000;

/// Most components of one incident, maintenance or update.
pub const CONCERNED_MAX: usize = 100;

/// What stands for an instant that nobody recorded.
const UNRECORDED: Timestamp = Timestamp::from_millis(0);

/// One of the files, of everything or of an organisation's page (by index).
pub(super) fn file(scope: &Scope<'_>, organisation: Option<u32>, file: Statuspage) -> Vec<u8> {
    let board = Board::new(scope, organisation);
    let page = &board.head;
    match file {
        Statuspage::Status => json::bytes(&StatusFile { page, status: board.status() }),
        Statuspage::Summary => json::bytes(&SummaryFile {
            page,
            components: board.components.all(),
            incidents: board.incidents(PublicIncident::is_open),
            scheduled_maintenances: board.maintenances(|planned| !maintenance::is_over(planned)),
            status: board.status(),
        }),
        Statuspage::Components => json::bytes(&ComponentsFile { page, components: board.components.all() }),
        Statuspage::Incidents => json::bytes(&IncidentsFile { page, incidents: board.incidents(|_| true) }),
        Statuspage::Unresolved => {
            json::bytes(&IncidentsFile { page, incidents: board.incidents(PublicIncident::is_open) })
        }
        Statuspage::Scheduled => {
            json::bytes(&MaintenancesFile { page, scheduled_maintenances: board.maintenances(|_| true) })
        }
        Statuspage::Upcoming => json::bytes(&MaintenancesFile {
            page,
            scheduled_maintenances: board
                .maintenances(|planned| !maintenance::is_over(planned) && !planned.is_active()),
        }),
        Statuspage::Active => json::bytes(&MaintenancesFile {
            page,
            scheduled_maintenances: board.maintenances(PublicMaintenance::is_active),
        }),
    }
}

/// The schema of a file.
pub(super) fn schema(file: Statuspage, generator: &mut SchemaGenerator) -> Schema {
    match file {
        Statuspage::Status => generator.subschema_for::<StatusFile<'_>>(),
        Statuspage::Summary => generator.subschema_for::<SummaryFile<'_>>(),
        Statuspage::Components => generator.subschema_for::<ComponentsFile<'_>>(),
        Statuspage::Incidents | Statuspage::Unresolved => generator.subschema_for::<IncidentsFile<'_>>(),
        Statuspage::Scheduled | Statuspage::Upcoming | Statuspage::Active => {
            generator.subschema_for::<MaintenancesFile<'_>>()
        }
    }
}

/// What a place shows: the whole site, or one organisation's page.
struct Board<'a> {
    scope: &'a Scope<'a>,
    page: Option<Page<'a>>,
    organisation: Option<u32>,
    head: PageJson<'a>,
    components: Components<'a>,
    incidents: Vec<&'a PublicIncident>,
    maintenances: Vec<&'a PublicMaintenance>,
}

impl<'a> Board<'a> {
    fn new(scope: &'a Scope<'a>, organisation: Option<u32>) -> Self {
        let snapshot = scope.snapshot;
        let page = organisation.and_then(|index| scope.page(index));
        let shows = |components: &[u32]| page.as_ref().is_none_or(|page| page.shows_any(components));
        let incidents = snapshot.incidents.iter().map(Arc::as_ref);
        let incidents: Vec<&PublicIncident> =
            incidents.filter(|incident| shows(&scope.components_of(incident))).collect();
        // What has been over for long stands behind the rest.
        let maintenances = snapshot.maintenances.iter().chain(&snapshot.past_maintenances).map(Arc::as_ref);
        let maintenances: Vec<&PublicMaintenance> =
            maintenances.filter(|planned| shows(&scope.covered_by(planned))).collect();
        let mut head = PageJson::new(scope, page.as_ref());
        let components = Components::new(scope, page.as_ref(), &head.id);
        let changes = components.all().iter().map(|component| component.updated_at);
        let changes = changes.chain(incidents.iter().map(|told| incident::updated_at(scope, told, page.as_ref())));
        let changes = changes.chain(maintenances.iter().map(|planned| maintenance::updated_at(planned)));
        head.updated_at = changes.max().unwrap_or(Millis(UNRECORDED));
        Self { scope, page, organisation, head, components, incidents, maintenances }
    }

    /// The newest incidents of those that are wanted.
    fn incidents(&self, wanted: impl Fn(&PublicIncident) -> bool) -> Vec<IncidentJson<'_>> {
        let mut found: Vec<&PublicIncident> =
            self.incidents.iter().copied().filter(|incident| wanted(incident)).collect();
        found.sort_by(|a, b| {
            incident::created_at(b).cmp(&incident::created_at(a)).then_with(|| a.id.as_str().cmp(b.id.as_str()))
        });
        let told = found.into_iter().take(NOTICES_MAX).map(|incident| IncidentJson::new(self, incident));
        within_bounds(told)
    }

    /// The maintenances that are wanted: first those that are not over, the earliest first, then
    /// the others, the latest first.
    fn maintenances(&self, wanted: impl Fn(&PublicMaintenance) -> bool) -> Vec<MaintenanceJson<'_>> {
        let found = self.maintenances.iter().copied().filter(|planned| wanted(planned));
        let (mut over, mut found): (Vec<_>, Vec<_>) = found.partition(|planned| maintenance::is_over(planned));
        found.sort_by_key(|planned| (planned.from.at, &planned.id));
        over.sort_by_key(|planned| (std::cmp::Reverse(planned.from.at), &planned.id));
        let told = found.into_iter().chain(over).take(NOTICES_MAX).map(|planned| MaintenanceJson::new(self, planned));
        within_bounds(told)
    }

    fn status(&self) -> StatusJson {
        let snapshot = self.scope.snapshot;
        let shown = |components: &[u32]| self.page.as_ref().is_none_or(|page| page.shows_any(components));
        let incidents = snapshot.incidents.iter().filter(|incident| shown(&self.scope.components_of(incident)));
        let maintenances = snapshot.maintenances.iter().filter(|planned| shown(&self.scope.covered_by(planned)));
        let indicator = Snapshot::indicator(incidents, maintenances);
        let all = match self.organisation {
            Some(index) => snapshot.organisation_status(index),
            None => snapshot.status(),
        };
        StatusJson { indicator, description: description(Words::of(self.scope.language), indicator, all) }
    }
}

/// The sentence beside an indicator. Where it is `none` the statuses of all that is shown speak:
/// not everything that differs is an incident, and what is unknown or not checked is not fine.
fn description(words: Words, indicator: &str, all: RollUp) -> &'static str {
    match (indicator, all.status) {
        ("critical", _) => words.pick("Schwerer Ausfall", "Major Service Outage"),
        ("major", _) => words.pick("Teilweiser Ausfall", "Partial System Outage"),
        ("minor", _) => words.pick("Geringe Einschränkungen", "Minor Service Outage"),
        ("maintenance", _) => words.pick("Geplante Arbeiten laufen", "Service Under Maintenance"),
        (_, Status::Operational) if all.unknown > 0 || all.evidence == Evidence::Declared => {
            words.pick("Keine Störung bekannt", "No Known Issues")
        }
        (_, Status::Operational) => words.pick("Alle Dienste verfügbar", "All Systems Operational"),
        (_, Status::Unknown) => words.pick("Status derzeit unbekannt", "Status Currently Unknown"),
        (_, Status::MajorOutage | Status::PartialOutage) => {
            words.pick("Einzelne Dienste gestört", "Some Services Disrupted")
        }
        (_, Status::DegradedPerformance) => words.pick("Einzelne Dienste eingeschränkt", "Some Services Degraded"),
        (_, Status::UnderMaintenance) => {
            words.pick("Einzelne Dienste planmäßig unterbrochen", "Some Services Under Maintenance")
        }
    }
}

/// The first items, as many as a file has room for.
fn within_bounds<T: Serialize>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut room = PAGE_BYTES_MAX;
    let mut kept = Vec::new();
    for item in items {
        let size = json::bytes(&item).len();
        if !kept.is_empty() && size > room {
            break;
        }
        room = room.saturating_sub(size);
        kept.push(item);
    }
    kept
}

/// A status in Statuspage's words. It has none for what is unknown: then the last one that was
/// known stands, and where there never was one, the mildest that says that not all is well.
const fn status_word(status: Status, last_known: Option<Status>) -> &'static str {
    match (status, last_known) {
        (Status::Unknown, None | Some(Status::Unknown)) => Status::DegradedPerformance.as_str(),
        (Status::Unknown, Some(known)) => known.as_str(),
        (status, _) => status.as_str(),
    }
}

/// An instant as Statuspage writes it: with milliseconds, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Millis(Timestamp);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatuspageTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "An instant in UTC, with milliseconds.",
            "pattern": r"^\d{4,}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
        })
    }
}

/// Whose files these are.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspagePage")]
struct PageJson<'a> {
    /// The organisation's id; of the whole site the name of its feeds' authority.
    id: String,
    name: Plain,
    /// The page, without a slash at its end.
    url: String,
    /// IANA name of its time zone.
    time_zone: &'a str,
    /// When anything of it last changed.
    updated_at: Millis,
}

impl<'a> PageJson<'a> {
    fn new(scope: &Scope<'a>, page: Option<&Page<'a>>) -> Self {
        let site = &scope.snapshot.catalogue.site;
        match page {
            Some(page) => Self {
                id: page.organisation.id.to_string(),
                name: scope.text(&page.organisation.name),
                url: scope.address(&format!("/{}", page.organisation.id)),
                time_zone: &page.organisation.timezone,
                updated_at: Millis(UNRECORDED),
            },
            None => Self {
                id: site.feed_authority.clone(),
                name: Some(scope.text(&site.title))
                    .filter(|title| !title.is_empty())
                    .unwrap_or_else(|| Plain::new("Turmwacht")),
                url: scope.address(""),
                time_zone: &site.timezone,
                updated_at: Millis(UNRECORDED),
            },
        }
    }
}

/// How all of it stands.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspageStatus")]
struct StatusJson {
    /// From the open incidents; else `maintenance` while one is active; else `none`.
    #[schemars(extend("enum" = ["none", "minor", "major", "critical", "maintenance"]))]
    indicator: &'static str,
    /// The same as a short sentence.
    description: &'static str,
}

/// `status.json`
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspageStatusFile")]
struct StatusFile<'a> {
    page: &'a PageJson<'a>,
    status: StatusJson,
}

/// `components.json`
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspageComponentsFile")]
struct ComponentsFile<'a> {
    page: &'a PageJson<'a>,
    components: &'a [ComponentJson<'a>],
}

/// `incidents.json`, `incidents/unresolved.json`
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspageIncidentsFile")]
struct IncidentsFile<'a> {
    page: &'a PageJson<'a>,
    incidents: Vec<IncidentJson<'a>>,
}

/// `scheduled-maintenances.json`, `scheduled-maintenances/upcoming.json` and `…/active.json`
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspageMaintenancesFile")]
struct MaintenancesFile<'a> {
    page: &'a PageJson<'a>,
    scheduled_maintenances: Vec<MaintenanceJson<'a>>,
}

/// `summary.json`: unresolved incidents, and maintenances that are upcoming or active.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspageSummaryFile")]
struct SummaryFile<'a> {
    page: &'a PageJson<'a>,
    components: &'a [ComponentJson<'a>],
    incidents: Vec<IncidentJson<'a>>,
    scheduled_maintenances: Vec<MaintenanceJson<'a>>,
    status: StatusJson,
}
