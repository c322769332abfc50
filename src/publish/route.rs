//! The closed list of public routes: what a path names, under which label it is counted, which
//! parameters it knows. Nothing is rendered here.

use crate::model::id::{ComponentId, OrganisationId, validate_id};
use crate::model::snapshot::Snapshot;

/// A route, without its language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Overview,
    Organisation(&'a str),
    Incident(&'a str),
    Planned,
    Maintenance(&'a str),
    Feed,
    OrganisationFeed(&'a str),
    Calendar,
    OrganisationCalendar(&'a str),
    Alive,
    Summary,
    Organisations,
    OneOrganisation(&'a str),
    Components,
    OneComponent(&'a str),
    Incidents,
    OneIncident(&'a str),
    Maintenances,
    OneMaintenance(&'a str),
}

/// A route with how it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) route: Route<'a>,
    /// `.json` where it was written.
    pub(super) suffix: &'static str,
    /// Whether it was written with a slash too many.
    pub(super) trailing_slash: bool,
}

/// More segments than any route has.
const SEGMENTS_MAX: usize = 6;

impl<'a> Found<'a> {
    /// The route of a path without a language; the empty path is `/`.
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let (path, trailing_slash) = match path.strip_suffix('/') {
            Some(trimmed) if !trimmed.is_empty() => (trimmed, true),
            Some(_) | None => (path, false),
        };
        let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).splitn(SEGMENTS_MAX, '/').collect();
        let (route, suffix) = match *segments.as_slice() {
            [""] => (Route::Overview, ""),
            ["feed.atom"] => (Route::Feed, ""),
            ["calendar.ics"] => (Route::Calendar, ""),
            ["api", "v1", .., last] => {
                let (last, suffix) = last.strip_suffix(".json").map_or((last, ""), |last| (last, ".json"));
                (Route::api(segments.get(2..segments.len() - 1)?, last)?, suffix)
            }
            ["incidents", id] if !id.is_empty() => (Route::Incident(id), ""),
            ["maintenance"] => (Route::Planned, ""),
            ["maintenance", id] if !id.is_empty() => (Route::Maintenance(id), ""),
            [organisation] if validate_id(organisation).is_ok() => (Route::Organisation(organisation), ""),
            [organisation, "feed.atom"] if validate_id(organisation).is_ok() => {
                (Route::OrganisationFeed(organisation), "")
            }
            [organisation, "calendar.ics"] if validate_id(organisation).is_ok() => {
                (Route::OrganisationCalendar(organisation), "")
            }
            _ => return None,
        };
        Some(Self { route, suffix, trailing_slash })
    }

    /// The route of a path that may begin with a language, where the configured languages are
    /// not at hand: they are told by their shape, which no organisation's id may have.
    pub(super) fn anywhere(path: &'a str) -> Option<Self> {
        let first = path.strip_prefix('/')?.split('/').next()?;
        let rest = path.get(1 + first.len()..)?;
        let is_language = first.contains("-x-") || (first.len() == 2 && first.bytes().all(|b| b.is_ascii_lowercase()));
        if is_language {
            return Self::parse(rest);
        }
        Self::parse(path).or_else(|| Self::parse(rest).filter(|_| rest.starts_with('/')))
    }
}

impl<'a> Route<'a> {
    fn api(collection: &[&str], last: &'a str) -> Option<Self> {
        match (collection, last) {
            ([], "alive") => Some(Self::Alive),
            ([], "summary") => Some(Self::Summary),
            ([], "organisations") => Some(Self::Organisations),
            ([], "components") => Some(Self::Components),
            ([], "incidents") => Some(Self::Incidents),
            ([], "maintenance") => Some(Self::Maintenances),
            (_, "") => None,
            (["organisations"], id) => Some(Self::OneOrganisation(id)),
            (["components"], id) => Some(Self::OneComponent(id)),
            (["incidents"], id) => Some(Self::OneIncident(id)),
            (["maintenance"], id) => Some(Self::OneMaintenance(id)),
            _ => None,
        }
    }

    /// The word for metrics and logs.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Organisation(_) => "organisation",
            Self::Incident(_) => "incident",
            Self::Planned => "planned",
            Self::Maintenance(_) => "maintenance",
            Self::Feed => "feed",
            Self::OrganisationFeed(_) => "organisation_feed",
            Self::Calendar => "calendar",
            Self::OrganisationCalendar(_) => "organisation_calendar",
            Self::Alive => "api_alive",
            Self::Summary => "api_summary",
            Self::Organisations => "api_organisations",
            Self::OneOrganisation(_) => "api_organisation",
            Self::Components => "api_components",
            Self::OneComponent(_) => "api_component",
            Self::Incidents => "api_incidents",
            Self::OneIncident(_) => "api_incident",
            Self::Maintenances => "api_maintenances",
            Self::OneMaintenance(_) => "api_maintenance",
        }
    }

    /// The parameters it knows, sorted.
    pub(super) const fn query(self) -> &'static [&'static str] {
        match self {
            Self::Overview
            | Self::Organisation(_)
            | Self::Incident(_)
            | Self::Planned
            | Self::Maintenance(_)
            | Self::Feed
            | Self::OrganisationFeed(_)
            | Self::Calendar
            | Self::OrganisationCalendar(_)
            | Self::Alive
            | Self::Summary
            | Self::OneOrganisation(_)
            | Self::OneMaintenance(_) => &["lang"],
            Self::Organisations | Self::Incidents | Self::Maintenances => {
                &["ars", "cursor", "kind", "lang", "leika", "status"]
            }
            Self::Components => &["ars", "cursor", "kind", "lang", "leika", "organisation", "status"],
            Self::OneComponent(_) | Self::OneIncident(_) => &["lang", "organisation"],
        }
    }

    /// The route with present ids; `None` if it names nothing. Unknown and internal ids look
    /// alike, because a snapshot knows no internal ones.
    pub(super) fn resolve(self, snapshot: &'a Snapshot) -> Option<Self> {
        let catalogue = &*snapshot.catalogue;
        let organisation = |id: &'a str| {
            let present = || catalogue.former_organisations.get(id).map(OrganisationId::as_str);
            Some(id)
                .filter(|id| catalogue.organisation_index.contains_key(*id))
                .or_else(|| present().filter(|id| catalogue.organisation_index.contains_key(*id)))
        };
        let component = |id: &'a str| {
            let present = || catalogue.former_components.get(id).map(ComponentId::as_str);
            Some(id)
                .filter(|id| catalogue.component_index.contains_key(*id))
                .or_else(|| present().filter(|id| catalogue.component_index.contains_key(*id)))
        };
        let incident = |id: &str| snapshot.incidents.iter().any(|incident| incident.id.as_str() == id);
        let maintenance = |id: &str| snapshot.maintenances.iter().any(|maintenance| maintenance.id.as_str() == id);
        match self {
            Self::Overview
            | Self::Planned
            | Self::Feed
            | Self::Calendar
            | Self::Alive
            | Self::Summary
            | Self::Organisations
            | Self::Components
            | Self::Incidents
            | Self::Maintenances => Some(self),
            Self::Organisation(id) => organisation(id).map(Self::Organisation),
            Self::OrganisationFeed(id) => organisation(id).map(Self::OrganisationFeed),
            Self::OrganisationCalendar(id) => organisation(id).map(Self::OrganisationCalendar),
            Self::OneOrganisation(id) => organisation(id).map(Self::OneOrganisation),
            Self::OneComponent(id) => component(id).map(Self::OneComponent),
            Self::Maintenance(id) => {
                snapshot.maintenances.iter().any(|planned| planned.id.as_str() == id).then_some(self)
            }
            Self::Incident(id) | Self::OneIncident(id) => incident(id).then_some(self),
            Self::OneMaintenance(id) => maintenance(id).then_some(self),
        }
    }

    /// Its path without a language. Only for routes that [`Route::resolve`] has returned: their
    /// ids need no encoding.
    pub(super) fn path(self) -> String {
        match self {
            Self::Overview => "/".to_owned(),
            Self::Organisation(id) => format!("/{id}"),
            Self::Incident(id) => format!("/incidents/{id}"),
            Self::Planned => "/maintenance".to_owned(),
            Self::Maintenance(id) => format!("/maintenance/{id}"),
            Self::Feed => "/feed.atom".to_owned(),
            Self::OrganisationFeed(id) => format!("/{id}/feed.atom"),
            Self::Calendar => "/calendar.ics".to_owned(),
            Self::OrganisationCalendar(id) => format!("/{id}/calendar.ics"),
            Self::Alive => "/api/v1/alive".to_owned(),
            Self::Summary => "/api/v1/summary".to_owned(),
            Self::Organisations => "/api/v1/organisations".to_owned(),
            Self::OneOrganisation(id) => format!("/api/v1/organisations/{id}"),
            Self::Components => "/api/v1/components".to_owned(),
            Self::OneComponent(id) => format!("/api/v1/components/{id}"),
            Self::Incidents => "/api/v1/incidents".to_owned(),
            Self::OneIncident(id) => format!("/api/v1/incidents/{id}"),
            Self::Maintenances => "/api/v1/maintenance".to_owned(),
            Self::OneMaintenance(id) => format!("/api/v1/maintenance/{id}"),
        }
    }
}
