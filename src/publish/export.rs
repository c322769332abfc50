//! The whole site as files: which documents there are, under which names any file server finds
//! them, and how a snapshot reads that is not served but kept.
//!
//! Pages are folders with an `index.html`, our JSON ends in `.json`, everything else is named as
//! its route is. What answers a question of its reader's (`/search`, single results, filters and
//! cursors) is left out. Pages, feeds and badges of single components are written for every page that
//! shows the component, or, where those are too many, for its owner's.

use std::sync::Arc;

use crate::model::snapshot::{ComponentState, Snapshot};
use crate::model::time::Timestamp;
use crate::publish::archive::Archive;
use crate::publish::route::{BadgeFormat, Feed, FeedFormat, Place, Route, Statuspage};
use crate::publish::scope::Scope;
use crate::publish::{LIVE_SCRIPT, Target, feed, html, widget};

/// Most pairs of an organisation and a component that have files of their own.
const PAIRS_MAX: usize = 20_000;

/// A file of the exported site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    /// Its path below the folder; no segment is empty or made of dots.
    pub path: String,
    /// The document in it.
    pub target: Target,
    /// Whether it is about nothing but the past.
    pub is_past: bool,
}

/// The path of the file that tells how fresh the others are.
pub const ALIVE: &str = "api/v1/alive.json";

/// Every file but [`ALIVE`], in no particular order.
pub fn files(snapshot: &Snapshot, archive: &dyn Archive) -> Vec<ExportFile> {
    let site = &snapshot.catalogue.site;
    let mut files = Vec::new();
    for language in &site.languages {
        let prefix = if **language == *site.language() { String::new() } else { format!("/{language}") };
        let mut add = |route: Route<'_>| {
            let path = route.path_in(&prefix);
            let is_past = matches!(route, Route::History(..));
            let path_of_file = file_path(route, &path);
            files.push(ExportFile { path: path_of_file, target: Target { path, query: Vec::new() }, is_past });
        };
        routes(snapshot, archive, &mut add);
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    // What there is once for all languages.
    files.dedup_by(|a, b| a.path == b.path);
    files
}

/// The freshness of all files.
pub fn alive() -> Target {
    Target { path: Route::Alive.path(), query: Vec::new() }
}

/// A snapshot as exported files show it: without when things were last checked, which a file cannot
/// keep up with. `changed_at` is when the content of the document last changed.
pub fn kept(snapshot: &Snapshot, changed_at: Timestamp) -> Snapshot {
    let unchecked = |state: &Arc<ComponentState>| match state.checked_at {
        Some(_) => Arc::new(ComponentState { checked_at: None, ..(**state).clone() }),
        None => Arc::clone(state),
    };
    Snapshot { exported: Some(changed_at), states: snapshot.states.iter().map(unchecked).collect(), ..snapshot.clone() }
}

/// The pages on which a component has files of its own.
pub(super) fn pages_of(snapshot: &Snapshot, component: u32) -> Vec<u32> {
    let catalogue = &snapshot.catalogue;
    let Some(found) = catalogue.components.get(component as usize) else { return Vec::new() };
    let pairs: usize = catalogue.components.iter().map(|component| component.shown_on.len()).sum();
    if pairs <= PAIRS_MAX { found.shown_on.to_vec() } else { vec![found.owner] }
}

fn routes(snapshot: &Snapshot, archive: &dyn Archive, add: &mut dyn FnMut(Route<'_>)) {
    let catalogue = &snapshot.catalogue;
    let single = [
        Route::Overview,
        Route::Planned,
        Route::Docs,
        Route::Widget,
        Route::Summary,
        Route::Organisations,
        Route::Components,
        Route::Incidents,
        Route::Maintenances,
        Route::OpenApi,
        Route::SecurityText,
    ];
    single.into_iter().for_each(&mut *add);
    let scripts = [LIVE_SCRIPT, widget::asset()].into_iter();
    for name in scripts.chain(catalogue.logos.keys().map(String::as_str)) {
        add(Route::Asset(name));
    }
    place(snapshot, Place::Site, add);
    for (organisation, index) in catalogue.organisations.iter().zip(0u32..) {
        let id = organisation.id.as_str();
        add(Route::Organisation(id));
        add(Route::OneOrganisation(id));
        add(Route::History(id, None));
        for before in html::history_pages(snapshot, archive, index) {
            add(Route::History(id, Some(before)));
        }
        add(Route::StatusText(id));
        place(snapshot, Place::Organisation(id), add);
    }
    for (component, index) in catalogue.components.iter().zip(0u32..) {
        add(Route::OneComponent(component.id.as_str()));
        for page in pages_of(snapshot, index) {
            if let Some(organisation) = catalogue.organisations.get(page as usize) {
                add(Route::Component(organisation.id.as_str(), component.id.as_str()));
                place(snapshot, Place::Component(organisation.id.as_str(), component.id.as_str()), add);
            }
        }
    }
    for incident in &snapshot.incidents {
        add(Route::Incident(incident.id.as_str()));
        add(Route::OneIncident(incident.id.as_str()));
    }
    for maintenance in &snapshot.maintenances {
        add(Route::Maintenance(maintenance.id.as_str()));
        add(Route::OneMaintenance(maintenance.id.as_str()));
    }
}

/// What the site, organisations and components have alike.
fn place(snapshot: &Snapshot, place: Place<'_>, add: &mut dyn FnMut(Route<'_>)) {
    let scope = Scope::new(snapshot, snapshot.catalogue.site.language());
    let months = feed::months(&scope, place).into_iter().map(Feed::Month);
    let feeds: Vec<Feed> = [Feed::Updates, Feed::Incidents].into_iter().chain(months).collect();
    for format in [FeedFormat::Atom, FeedFormat::Rss, FeedFormat::Json] {
        for &feed in &feeds {
            add(Route::Feed(place, feed, format));
        }
    }
    add(Route::Badge(place, BadgeFormat::Svg));
    add(Route::Badge(place, BadgeFormat::Json));
    match place {
        Place::Site | Place::Organisation(_) => {
            add(Route::Calendar(place));
            Statuspage::ALL.into_iter().for_each(|file| add(Route::Statuspage(place, file)));
        }
        Place::Component(..) => {}
    }
    match place {
        Place::Organisation(_) | Place::Component(..) => {
            add(Route::Embed(place));
            add(Route::Fragment(place));
        }
        Place::Site => {}
    }
}

/// The name of the file of a route with this path.
fn file_path(route: Route<'_>, path: &str) -> String {
    let path = path.trim_start_matches('/');
    if route.is_page() {
        let folder = path.trim_end_matches('/');
        if folder.is_empty() { "index.html".to_owned() } else { format!("{folder}/index.html") }
    } else if route.is_own_json() {
        format!("{path}.json")
    } else {
        path.to_owned()
    }
}
