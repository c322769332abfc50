//! From a path to a route: how each route is written.

use crate::model::id::validate_id;
use crate::publish::month::Month;
use crate::publish::route::{BadgeFormat, Feed, FeedFormat, Place, Route, Statuspage};

/// A route with how it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::publish) struct Found<'a> {
    pub(in crate::publish) route: Route<'a>,
    /// `.json` where it was written.
    pub(in crate::publish) suffix: &'static str,
    /// Whether it was written with a slash too many.
    pub(in crate::publish) trailing_slash: bool,
}

/// More segments than any route has.
const SEGMENTS_MAX: usize = 7;

/// What an organisation has beside components.
const NO_COMPONENT: [&str; 5] = ["api", "embed", "history", "incidents", "maintenance"];

impl<'a> Found<'a> {
    /// The route of a path without a language; the empty path is `/`.
    pub(in crate::publish) fn parse(path: &'a str) -> Option<Self> {
        let (path, trailing_slash) = match path.strip_suffix('/') {
            Some(trimmed) if !trimmed.is_empty() => (trimmed, true),
            Some(_) | None => (path, false),
        };
        let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).splitn(SEGMENTS_MAX, '/').collect();
        let (route, suffix) = match *segments.as_slice() {
            [""] => (Route::Overview, ""),
            ["api", "v1", .., last] => {
                let (last, suffix) = last.strip_suffix(".json").map_or((last, ""), |last| (last, ".json"));
                (Route::api(segments.get(2..segments.len() - 1)?, last)?, suffix)
            }
            _ => (Route::of_segments(&segments)?, ""),
        };
        Some(Self { route, suffix, trailing_slash })
    }

    /// The route of a path that may begin with a language, where the configured languages are
    /// not at hand: they are told by their shape, which no organisation's id may have.
    pub(in crate::publish) fn anywhere(path: &'a str) -> Option<Self> {
        let first = path.strip_prefix('/')?.split('/').next()?;
        let rest = path.get(1 + first.len()..)?;
        let is_language = first.contains("-x-") || (first.len() == 2 && first.bytes().all(|b| b.is_ascii_lowercase()));
        if is_language {
            return Self::parse(rest);
        }
        Self::parse(path).or_else(|| Self::beyond_first(path))
    }

    /// The route of what follows the first segment.
    pub(in crate::publish) fn beyond_first(path: &'a str) -> Option<Self> {
        let first = path.strip_prefix('/')?.split('/').next()?;
        let rest = path.get(1 + first.len()..)?;
        Self::parse(rest).filter(|_| rest.starts_with('/'))
    }
}

impl<'a> Route<'a> {
    /// The route of anything but the start page and our JSON.
    fn of_segments(segments: &[&'a str]) -> Option<Self> {
        let found = match *segments {
            ["search"] => Self::Search,
            ["docs"] => Self::Docs,
            ["widget.js"] => Self::Widget,
            ["openapi.json"] => Self::OpenApi,
            [".well-known", "security.txt"] => Self::SecurityText,
            ["assets", name] if !name.is_empty() => Self::Asset(name),
            ["incidents", id] if !id.is_empty() => Self::Incident(id),
            ["maintenance"] => Self::Planned,
            ["maintenance", id] if !id.is_empty() => Self::Maintenance(id),
            ["embed", organisation] if is_organisation(organisation) => Self::Embed(Place::Organisation(organisation)),
            ["embed", organisation, "fragment.html"] if is_organisation(organisation) => {
                Self::Fragment(Place::Organisation(organisation))
            }
            ["embed", organisation, component] if is_organisation(organisation) && is_component(component) => {
                Self::Embed(Place::Component(organisation, component))
            }
            ["embed", organisation, component, "fragment.html"]
                if is_organisation(organisation) && is_component(component) =>
            {
                Self::Fragment(Place::Component(organisation, component))
            }
            ["api", "v2", ..] => Self::Statuspage(Place::Site, Statuspage::parse(segments.get(2..)?)?),
            [organisation, "api", "v2", ..] if is_organisation(organisation) => {
                Self::Statuspage(Place::Organisation(organisation), Statuspage::parse(segments.get(3..)?)?)
            }
            [organisation] if is_organisation(organisation) => Self::Organisation(organisation),
            [organisation, "history"] if is_organisation(organisation) => Self::History(organisation, None),
            [organisation, "history", month] if is_organisation(organisation) => {
                Self::History(organisation, Some(Month::parse(month)?))
            }
            [organisation, "status.txt"] if is_organisation(organisation) => Self::StatusText(organisation),
            [file] => Self::file(Place::Site, file)?,
            [organisation, last] if is_organisation(organisation) => {
                match Self::file(Place::Organisation(organisation), last) {
                    Some(file) => file,
                    None if is_component(last) => Self::Component(organisation, last),
                    None => return None,
                }
            }
            [organisation, component, file] if is_organisation(organisation) && is_component(component) => {
                Self::file(Place::Component(organisation, component), file)?
            }
            _ => return None,
        };
        Some(found)
    }

    /// A file that the site, organisations and components have.
    fn file(place: Place<'a>, name: &str) -> Option<Self> {
        let of_component = matches!(place, Place::Component(..));
        match name {
            "calendar.ics" if !of_component => return Some(Self::Calendar(place)),
            "badge.svg" => return Some(Self::Badge(place, BadgeFormat::Svg)),
            "badge.json" => return Some(Self::Badge(place, BadgeFormat::Json)),
            "fragment.html" if place != Place::Site => return Some(Self::Fragment(place)),
            _ => {}
        }
        let (name, ending) = name.rsplit_once('.')?;
        let format = FeedFormat::parse(ending)?;
        let feed = match name.strip_prefix("feed")? {
            "" => Feed::Updates,
            "-incidents" => Feed::Incidents,
            rest => Feed::Month(Month::parse(rest.strip_prefix('-')?)?),
        };
        Some(Self::Feed(place, feed, format))
    }

    fn api(collection: &[&'a str], last: &'a str) -> Option<Self> {
        match (collection, last) {
            ([], "alive") => Some(Self::Alive),
            ([], "summary") => Some(Self::Summary),
            ([], "organisations") => Some(Self::Organisations),
            ([], "components") => Some(Self::Components),
            ([], "incidents") => Some(Self::Incidents),
            ([], "maintenance") => Some(Self::Maintenances),
            ([], "search") => Some(Self::Found),
            (_, "") => None,
            (["organisations"], id) => Some(Self::OneOrganisation(id)),
            (["components"], id) => Some(Self::OneComponent(id)),
            (["components", id], "results") => Some(Self::Results(id)),
            (["components", id], "availability") => Some(Self::Availability(id)),
            (["incidents"], id) => Some(Self::OneIncident(id)),
            (["maintenance"], id) => Some(Self::OneMaintenance(id)),
            _ => None,
        }
    }
}

/// Whether a segment may be the id of an organisation.
fn is_organisation(segment: &str) -> bool {
    validate_id(segment).is_ok()
}

/// Whether a segment may be the full id of a component.
fn is_component(segment: &str) -> bool {
    !NO_COMPONENT.contains(&segment) && segment.split('.').all(|side| validate_id(side).is_ok())
}
