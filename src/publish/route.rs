//! The closed list of public routes: what a path names, under which label it is counted, which
//! parameters it knows. Nothing is rendered here.

pub(super) mod found;

use crate::model::id::{ComponentId, OrganisationId};
use crate::model::snapshot::Snapshot;
use crate::publish::month::Month;
use crate::publish::{Row, past};

/// A route, without its language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Overview,
    Organisation(&'a str),
    /// A component on the page of an organisation.
    Component(&'a str, &'a str),
    /// The months of an organisation, the newest, or those before a month.
    History(&'a str, Option<Month>),
    Incident(&'a str),
    Planned,
    Maintenance(&'a str),
    Search,
    Docs,
    Feed(Place<'a>, Feed, FeedFormat),
    /// Of the site or an organisation.
    Calendar(Place<'a>),
    Badge(Place<'a>, BadgeFormat),
    /// `status.txt` of an organisation.
    StatusText(&'a str),
    /// The custom element for other sites.
    Widget,
    /// For frames; of an organisation or a component.
    Embed(Place<'a>),
    /// For server-side include; of an organisation or a component. It stands below `embed` and
    /// beside its page.
    Fragment(Place<'a>),
    /// Of the site or an organisation.
    Statuspage(Place<'a>, Statuspage),
    Alive,
    Summary,
    Organisations,
    OneOrganisation(&'a str),
    Components,
    OneComponent(&'a str),
    Results(&'a str),
    Availability(&'a str),
    Incidents,
    OneIncident(&'a str),
    Maintenances,
    OneMaintenance(&'a str),
    Found,
    OpenApi,
    SecurityText,
    /// A file that pages load: a script of ours, a logo.
    Asset(&'a str),
}

/// Whose feed, badge or embed it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Site,
    Organisation(&'a str),
    /// A component on the page of an organisation.
    Component(&'a str, &'a str),
}

/// What a feed holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    /// The newest entries, one per update.
    Updates,
    /// One entry per incident.
    Incidents,
    /// The entries of a month in UTC: its archive (RFC 5005).
    Month(Month),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeedFormat {
    Atom,
    Rss,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadgeFormat {
    Svg,
    /// The endpoint schema of shields.
    Json,
}

/// The files of Statuspage's API, version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statuspage {
    Status,
    Summary,
    Components,
    Incidents,
    Unresolved,
    Scheduled,
    Upcoming,
    Active,
}

impl<'a> Route<'a> {
    /// The word for metrics and logs.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Organisation(_) => "organisation",
            Self::Component(..) => "component",
            Self::History(..) => "history",
            Self::Incident(_) => "incident",
            Self::Planned => "planned",
            Self::Maintenance(_) => "maintenance",
            Self::Search => "search",
            Self::Docs => "docs",
            Self::Feed(Place::Site, ..) => "feed",
            Self::Feed(Place::Organisation(_), ..) => "organisation_feed",
            Self::Feed(Place::Component(..), ..) => "component_feed",
            Self::Calendar(Place::Site) => "calendar",
            Self::Calendar(_) => "organisation_calendar",
            Self::Badge(..) => "badge",
            Self::StatusText(_) => "status_text",
            Self::Widget => "widget",
            Self::Embed(_) => "embed",
            Self::Fragment(_) => "fragment",
            Self::Statuspage(..) => "statuspage",
            Self::Alive => "api_alive",
            Self::Summary => "api_summary",
            Self::Organisations => "api_organisations",
            Self::OneOrganisation(_) => "api_organisation",
            Self::Components => "api_components",
            Self::OneComponent(_) => "api_component",
            Self::Results(_) => "api_results",
            Self::Availability(_) => "api_availability",
            Self::Incidents => "api_incidents",
            Self::OneIncident(_) => "api_incident",
            Self::Maintenances => "api_maintenances",
            Self::OneMaintenance(_) => "api_maintenance",
            Self::Found => "api_search",
            Self::OpenApi => "openapi",
            Self::SecurityText => "security_text",
            Self::Asset(_) => "asset",
        }
    }

    /// The parameters it knows, sorted.
    pub(super) const fn query(self) -> &'static [&'static str] {
        match self {
            Self::Overview
            | Self::Organisation(_)
            | Self::Component(..)
            | Self::History(..)
            | Self::Incident(_)
            | Self::Planned
            | Self::Maintenance(_)
            | Self::Docs
            | Self::Feed(..)
            | Self::Calendar(_)
            | Self::Badge(..)
            | Self::StatusText(_)
            | Self::Embed(_)
            | Self::Fragment(_)
            | Self::Statuspage(..)
            | Self::Alive
            | Self::Summary
            | Self::OneOrganisation(_)
            | Self::OneMaintenance(_) => &["lang"],
            Self::Widget | Self::OpenApi | Self::SecurityText | Self::Asset(_) => &[],
            Self::Organisations | Self::Incidents | Self::Maintenances => {
                &["ars", "cursor", "kind", "lang", "leika", "status"]
            }
            Self::Components => &["ars", "cursor", "kind", "lang", "leika", "organisation", "status"],
            Self::OneComponent(_) | Self::OneIncident(_) => &["lang", "organisation"],
            Self::Results(_) | Self::Availability(_) => &["from", "lang", "to"],
            Self::Search | Self::Found => &["lang", "q"],
        }
    }

    /// In which row its document waits to be rendered.
    pub(super) fn row(self, snapshot: &Snapshot) -> Row {
        match self {
            Self::Component(..) | Self::History(..) => Row::Past,
            Self::Incident(id) if !past::holds_incident(snapshot, id) => Row::Past,
            Self::Results(_) | Self::Availability(_) => Row::PastData,
            _ => Row::Present,
        }
    }

    /// Whether its document may be asked for again: a question in somebody's own words hardly is,
    /// nor is a range, a key or a place in a list that somebody thought of. `has` says whether a
    /// parameter was given.
    pub(super) fn is_kept(self, has: impl Fn(&str) -> bool) -> bool {
        let endless: &[&str] = match self {
            Self::Search | Self::Found => return false,
            Self::Results(_) | Self::Availability(_) => &["from", "to"],
            Self::Organisations | Self::Components | Self::Incidents | Self::Maintenances => {
                &["ars", "cursor", "leika"]
            }
            _ => &[],
        };
        !endless.iter().any(|name| has(name))
    }

    /// Whether there is one of it for all languages.
    const fn is_without_language(self) -> bool {
        matches!(self, Self::Widget | Self::OpenApi | Self::SecurityText | Self::Asset(_))
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
        // A component stands on the pages of those whom it serves.
        let both = |there: &'a str, id: &'a str| {
            let (there, id) = (organisation(there)?, component(id)?);
            let index = catalogue.organisation_index.get(there)?;
            let component = catalogue.components.get(*catalogue.component_index.get(id)? as usize)?;
            component.shown_on.binary_search(index).is_ok().then_some((there, id))
        };
        let place = |place: Place<'a>| match place {
            Place::Site => Some(Place::Site),
            Place::Organisation(id) => organisation(id).map(Place::Organisation),
            Place::Component(there, id) => both(there, id).map(|(there, id)| Place::Component(there, id)),
        };
        let incident = |id: &str| snapshot.incidents.iter().any(|incident| incident.id.as_str() == id);
        let announced = || snapshot.maintenances.iter().chain(&snapshot.past_maintenances);
        let maintenance = |id: &str| announced().any(|maintenance| maintenance.id.as_str() == id);
        match self {
            Self::Overview
            | Self::Planned
            | Self::Search
            | Self::Docs
            | Self::Widget
            | Self::Alive
            | Self::Summary
            | Self::Organisations
            | Self::Components
            | Self::Incidents
            | Self::Maintenances
            | Self::Found
            | Self::OpenApi
            | Self::SecurityText
            | Self::Asset(_) => Some(self),
            Self::Organisation(id) => organisation(id).map(Self::Organisation),
            Self::Component(there, id) => both(there, id).map(|(there, id)| Self::Component(there, id)),
            Self::History(id, before) => organisation(id).map(|id| Self::History(id, before)),
            Self::Feed(whose, feed, format) => place(whose).map(|whose| Self::Feed(whose, feed, format)),
            Self::Calendar(whose) => place(whose).map(Self::Calendar),
            Self::Badge(whose, format) => place(whose).map(|whose| Self::Badge(whose, format)),
            Self::StatusText(id) => organisation(id).map(Self::StatusText),
            Self::Embed(whose) => place(whose).map(Self::Embed),
            Self::Fragment(whose) => place(whose).map(Self::Fragment),
            Self::Statuspage(whose, file) => place(whose).map(|whose| Self::Statuspage(whose, file)),
            Self::OneOrganisation(id) => organisation(id).map(Self::OneOrganisation),
            Self::OneComponent(id) => component(id).map(Self::OneComponent),
            Self::Results(id) => component(id).map(Self::Results),
            Self::Availability(id) => component(id).map(Self::Availability),
            Self::Incident(id) | Self::OneIncident(id) => incident(id).then_some(self),
            Self::Maintenance(id) | Self::OneMaintenance(id) => maintenance(id).then_some(self),
        }
    }

    /// The component that it speaks of, as it is written, and on whose page.
    const fn component(self) -> Option<(Option<&'a str>, &'a str)> {
        match self {
            Self::Component(there, id)
            | Self::Feed(Place::Component(there, id), ..)
            | Self::Badge(Place::Component(there, id), _)
            | Self::Embed(Place::Component(there, id))
            | Self::Fragment(Place::Component(there, id)) => Some((Some(there), id)),
            Self::OneComponent(id) | Self::Results(id) | Self::Availability(id) => Some((None, id)),
            Self::Overview
            | Self::Organisation(_)
            | Self::History(..)
            | Self::Incident(_)
            | Self::Planned
            | Self::Maintenance(_)
            | Self::Search
            | Self::Docs
            | Self::Feed(..)
            | Self::Calendar(_)
            | Self::Badge(..)
            | Self::StatusText(_)
            | Self::Widget
            | Self::Embed(_)
            | Self::Fragment(_)
            | Self::Statuspage(..)
            | Self::Alive
            | Self::Summary
            | Self::Organisations
            | Self::OneOrganisation(_)
            | Self::Components
            | Self::Incidents
            | Self::OneIncident(_)
            | Self::Maintenances
            | Self::OneMaintenance(_)
            | Self::Found
            | Self::OpenApi
            | Self::SecurityText
            | Self::Asset(_) => None,
        }
    }

    /// Whether it speaks of a component that is not watched any more, on a page that exists.
    pub(super) fn is_gone(self, snapshot: &Snapshot) -> bool {
        let exists = |id| Route::Organisation(id).resolve(snapshot).is_some();
        self.component().is_some_and(|(there, id)| snapshot.catalogue.removed.contains(id) && there.is_none_or(exists))
    }

    /// Whether it is a page, which a file server finds as a folder with an `index.html`.
    pub(super) const fn is_page(self) -> bool {
        matches!(
            self,
            Self::Overview
                | Self::Organisation(_)
                | Self::Component(..)
                | Self::History(..)
                | Self::Incident(_)
                | Self::Planned
                | Self::Maintenance(_)
                | Self::Search
                | Self::Docs
                | Self::Embed(_)
        )
    }

    /// Whether it is our JSON, which also answers with `.json` at its end.
    pub(super) const fn is_own_json(self) -> bool {
        matches!(
            self,
            Self::Alive
                | Self::Summary
                | Self::Organisations
                | Self::OneOrganisation(_)
                | Self::Components
                | Self::OneComponent(_)
                | Self::Results(_)
                | Self::Availability(_)
                | Self::Incidents
                | Self::OneIncident(_)
                | Self::Maintenances
                | Self::OneMaintenance(_)
                | Self::Found
        )
    }

    /// Its path in a language, which `prefix` stands for. Only for routes that [`Route::resolve`]
    /// has returned: their ids need no encoding.
    pub(super) fn path_in(self, prefix: &str) -> String {
        if self.is_without_language() { self.path() } else { format!("{prefix}{}", self.path()) }
    }

    /// Its path without a language. Only for routes that [`Route::resolve`] has returned: their
    /// ids need no encoding.
    pub(super) fn path(self) -> String {
        match self {
            Self::Overview => "/".to_owned(),
            Self::Organisation(id) => format!("/{id}"),
            Self::Component(there, id) => format!("/{there}/{id}"),
            Self::History(id, None) => format!("/{id}/history"),
            Self::History(id, Some(before)) => format!("/{id}/history/{}", before.text()),
            Self::Incident(id) => format!("/incidents/{id}"),
            Self::Planned => "/maintenance".to_owned(),
            Self::Maintenance(id) => format!("/maintenance/{id}"),
            Self::Search => "/search".to_owned(),
            Self::Docs => "/docs".to_owned(),
            Self::Feed(whose, feed, format) => {
                let ending = format.ending();
                match feed {
                    Feed::Updates => format!("{}/feed.{ending}", whose.folder()),
                    Feed::Incidents => format!("{}/feed-incidents.{ending}", whose.folder()),
                    Feed::Month(month) => format!("{}/feed-{}.{ending}", whose.folder(), month.text()),
                }
            }
            Self::Calendar(whose) => format!("{}/calendar.ics", whose.folder()),
            Self::Badge(whose, BadgeFormat::Svg) => format!("{}/badge.svg", whose.folder()),
            Self::Badge(whose, BadgeFormat::Json) => format!("{}/badge.json", whose.folder()),
            Self::StatusText(id) => format!("/{id}/status.txt"),
            Self::Widget => "/widget.js".to_owned(),
            Self::Embed(whose) => format!("/embed{}", whose.folder()),
            Self::Fragment(whose) => format!("/embed{}/fragment.html", whose.folder()),
            Self::Statuspage(whose, file) => format!("{}/api/v2/{}.json", whose.folder(), file.name()),
            Self::Alive => "/api/v1/alive".to_owned(),
            Self::Summary => "/api/v1/summary".to_owned(),
            Self::Organisations => "/api/v1/organisations".to_owned(),
            Self::OneOrganisation(id) => format!("/api/v1/organisations/{id}"),
            Self::Components => "/api/v1/components".to_owned(),
            Self::OneComponent(id) => format!("/api/v1/components/{id}"),
            Self::Results(id) => format!("/api/v1/components/{id}/results"),
            Self::Availability(id) => format!("/api/v1/components/{id}/availability"),
            Self::Incidents => "/api/v1/incidents".to_owned(),
            Self::OneIncident(id) => format!("/api/v1/incidents/{id}"),
            Self::Maintenances => "/api/v1/maintenance".to_owned(),
            Self::OneMaintenance(id) => format!("/api/v1/maintenance/{id}"),
            Self::Found => "/api/v1/search".to_owned(),
            Self::OpenApi => "/openapi.json".to_owned(),
            Self::SecurityText => "/.well-known/security.txt".to_owned(),
            Self::Asset(name) => format!("/assets/{name}"),
        }
    }
}

impl Place<'_> {
    /// The path of its page, without a slash at the end: nothing for the site.
    pub(super) fn folder(self) -> String {
        match self {
            Self::Site => String::new(),
            Self::Organisation(id) => format!("/{id}"),
            Self::Component(there, id) => format!("/{there}/{id}"),
        }
    }
}

impl FeedFormat {
    pub(super) fn parse(ending: &str) -> Option<Self> {
        match ending {
            "atom" => Some(Self::Atom),
            "rss" => Some(Self::Rss),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    const fn ending(self) -> &'static str {
        match self {
            Self::Atom => "atom",
            Self::Rss => "rss",
            Self::Json => "json",
        }
    }
}

impl Statuspage {
    /// All files.
    pub(super) const ALL: [Self; 8] = [
        Self::Status,
        Self::Summary,
        Self::Components,
        Self::Incidents,
        Self::Unresolved,
        Self::Scheduled,
        Self::Upcoming,
        Self::Active,
    ];

    pub(super) fn parse(segments: &[&str]) -> Option<Self> {
        let path = segments.join("/");
        let name = path.strip_suffix(".json")?;
        Self::ALL.into_iter().find(|file| file.name() == name)
    }

    /// Its path below `api/v2/`, without its ending.
    const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Summary => "summary",
            Self::Components => "components",
            Self::Incidents => "incidents",
            Self::Unresolved => "incidents/unresolved",
            Self::Scheduled => "scheduled-maintenances",
            Self::Upcoming => "scheduled-maintenances/upcoming",
            Self::Active => "scheduled-maintenances/active",
        }
    }
}
