//! What the public would read of a change: the page in every language, and what every other format
//! makes of it.

use serde_json::{Value, json};

use crate::app::core::Core;
use crate::model::access::Editor;
use crate::model::editing::{Command, Subject};
use crate::model::id::OrganisationId;
use crate::model::snapshot::Snapshot;
use crate::publish::{self, Rendered, Target};

/// Most organisations whose documents are shown, of those that the editor speaks for.
const PLACES_MAX: usize = 3;

impl Core {
    /// The organisations whose own documents are worth a look: those that the editor speaks for and
    /// the change concerns, or the one that is meant.
    pub(super) fn places(
        &self,
        command: &Command,
        subject: &Subject,
        snapshot: &Snapshot,
        editor: &Editor,
    ) -> Vec<OrganisationId> {
        if let Command::Overlay(_, organisation, _) = command {
            return vec![organisation.clone()];
        }
        let catalogue = &snapshot.catalogue;
        let concerned: Vec<u32> = match subject {
            Subject::Incident(id) => {
                let incident = snapshot.incidents.iter().find(|incident| incident.id == *id);
                let components = incident.into_iter().flat_map(|incident| &incident.components);
                components.filter_map(|(id, ..)| catalogue.component_index.get(id).copied()).collect()
            }
            Subject::Maintenance(id) => {
                let notice = snapshot.maintenances.iter().find(|notice| notice.id == *id);
                let covered = notice.into_iter().flat_map(|notice| &notice.components);
                covered.filter_map(|covered| catalogue.component_index.get(&covered.component).copied()).collect()
            }
            Subject::Component(id) => catalogue.component_index.get(id).copied().into_iter().collect(),
        };
        let owners = concerned.iter().filter_map(|&index| catalogue.components.get(index as usize));
        let owners: Vec<u32> = owners.map(|component| component.owner).collect();
        // Whoever owns what is concerned comes first.
        let mut places: Vec<u32> = owners.into_iter().chain(catalogue.pages_of(concerned)).collect();
        let mut seen = std::collections::BTreeSet::new();
        places.retain(|place| seen.insert(*place));
        places
            .into_iter()
            .filter_map(|index| catalogue.organisations.get(index as usize))
            .filter(|organisation| self.state.speaks_for(editor, &organisation.id))
            .map(|organisation| organisation.id.clone())
            .take(PLACES_MAX)
            .collect()
    }
}

/// What other formats make of it, each with its language and path.
pub(super) fn documents(now: &Snapshot, then: &Snapshot, subject: &Subject, places: &[OrganisationId]) -> Value {
    let mut all: Vec<Value> = Vec::new();
    let mut add = |format: &str, language: &str, path: String, text: Option<String>| {
        let said = text.filter(|text| !text.is_empty());
        all.extend(said.map(|text| json!({ "format": format, "language": language, "path": path, "text": text })));
    };
    for (language, prefix) in languages(then) {
        for place in places {
            let path = format!("{prefix}/{place}");
            let text = render(then, &path);
            add("page", &language, path, text);
        }
        let path = match subject {
            Subject::Incident(id) => format!("{prefix}/api/v1/incidents/{id}"),
            Subject::Maintenance(id) => format!("{prefix}/api/v1/maintenance/{id}"),
            Subject::Component(id) => format!("{prefix}/api/v1/components/{id}"),
        };
        let text = render(then, &path).and_then(|text| pretty(&serde_json::from_str(&text).ok()?));
        add("json", &language, path, text);
        let feeds = places.iter().map(|place| format!("{prefix}/{place}/feed.atom"));
        for path in feeds.chain([format!("{prefix}/feed.atom")]) {
            let text = render(then, &path).map(|text| new_entries(&render(now, &path).unwrap_or_default(), &text));
            add("atom", &language, path, text);
        }
        if let Subject::Maintenance(id) = subject {
            let path = format!("{prefix}/calendar.ics");
            let text = render(then, &path).map(|calendar| planned(&calendar, id.as_str()));
            add("calendar", &language, path, text);
        }
        for place in places {
            let path = format!("{prefix}/{place}/status.txt");
            let text = render(then, &path);
            add("text", &language, path, text);
            let path = format!("{prefix}/embed/{place}/fragment.html");
            let text = render(then, &path);
            add("widget", &language, path, text);
        }
    }
    let (path, list, id) = match subject {
        Subject::Incident(id) => ("/api/v2/incidents.json", "incidents", id.as_str()),
        Subject::Maintenance(id) => ("/api/v2/scheduled-maintenances.json", "scheduled_maintenances", id.as_str()),
        Subject::Component(id) => ("/api/v2/components.json", "components", id.as_str()),
    };
    let text = render(then, path).and_then(|text| {
        let board: Value = serde_json::from_str(&text).ok()?;
        pretty(board.get(list)?.as_array()?.iter().find(|one| one.get("id").is_some_and(|known| known == id))?)
    });
    add("statuspage", then.catalogue.site.language(), path.to_owned(), text);
    Value::Array(all)
}

/// The events and deadlines of a calendar that bear an id, with their lines unfolded.
fn planned(calendar: &str, id: &str) -> String {
    let lines = calendar.replace("\r\n ", "").replace("\r\n", "\n");
    let of_kind = |kind: &str| -> Vec<String> {
        let (begin, end) = (format!("BEGIN:{kind}"), format!("END:{kind}"));
        let parts = lines.split(&begin).skip(1).filter_map(|rest| rest.split_once(&end));
        parts.filter(|(part, _)| part.contains(id)).map(|(part, _)| format!("{begin}{part}{end}")).collect()
    };
    ["VEVENT", "VTODO"].map(of_kind).concat().join("\n")
}

/// Each language of the site, with what its paths begin with.
fn languages(snapshot: &Snapshot) -> impl Iterator<Item = (String, String)> {
    snapshot.catalogue.site.languages.iter().enumerate().map(|(index, language)| {
        let prefix = if index == 0 { String::new() } else { format!("/{language}") };
        (language.to_string(), prefix)
    })
}

fn render(snapshot: &Snapshot, path: &str) -> Option<String> {
    match publish::render(snapshot, &Target { path: path.to_owned(), query: Vec::new() }) {
        Rendered::Document(document) => Some(String::from_utf8_lossy(&document.body).into_owned()),
        Rendered::Moved(_) | Rendered::Gone | Rendered::BadRequest(_) | Rendered::NotFound | Rendered::Unavailable => {
            None
        }
    }
}

fn pretty(value: &Value) -> Option<String> {
    serde_json::to_string_pretty(value).ok()
}

/// The entries and tombstones of an Atom feed that do not stand in it so far.
fn new_entries(now: &str, then: &str) -> String {
    let known: std::collections::HashSet<&str> = entries(now).collect();
    entries(then).filter(|entry| !known.contains(entry)).collect::<Vec<_>>().join("\n")
}

fn entries(feed: &str) -> impl Iterator<Item = &str> {
    // Texts in a feed are escaped: these are its own elements.
    let (_, body) = feed.split_once("</author>\n").unwrap_or_default();
    let mut rest = body;
    std::iter::from_fn(move || {
        let is_entry = rest.starts_with("  <entry>");
        let (entry, after) = rest.split_once(if is_entry { "  </entry>\n" } else { "/>\n" })?;
        rest = after;
        Some(entry)
    })
    .map(str::trim_end)
    .filter(|entry| entry.starts_with("  <"))
}
