//! What would be read if a change were made: the page in every language, and what other programs
//! would get of the same thing. Rendered as for the public, from the snapshot of a trial.

use serde_json::{Value, json};

use crate::model::catalogue::Reach;
use crate::model::editing::{Command, Subject};
use crate::model::id::{ComponentId, OrganisationId};
use crate::model::snapshot::{PublicOrganisation, Snapshot};
use crate::publish::{self, Rendered, Target};

/// Longest form of one format, in bytes; a longer one is left out.
const FORMAT_BYTES_MAX: usize = 256 * 1024;

/// What a change would have the public read.
pub(super) struct Preview<'a> {
    snapshot: &'a Snapshot,
    subject: &'a Subject,
    /// Whose page shows it: that of a town which is named, else that of its owner.
    organisation: Option<&'a PublicOrganisation>,
}

impl<'a> Preview<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, subject: &'a Subject, command: &Command) -> Self {
        let named = match command {
            Command::SetLocal(_, local) => town(&local.organisations),
            Command::RemoveLocal(_, organisations) => town(organisations),
            _ => None,
        };
        let organisation = named
            .and_then(|id| snapshot.organisation(id.as_str()).map(|(_, organisation)| organisation))
            .or_else(|| owner(snapshot, &component(snapshot, subject)?));
        Self { snapshot, subject, organisation }
    }

    /// The page in every language, whole, by language.
    pub(super) fn pages(&self) -> Value {
        let path = match self.subject {
            Subject::Incident(id) => format!("/incidents/{id}"),
            Subject::Maintenance(id) => format!("/maintenance/{id}"),
            Subject::Component(id) => format!("{}/{id}", self.folder()),
        };
        let pages = self.languages().filter_map(|(language, prefix)| {
            Some((language.to_owned(), Value::from(self.text(&format!("{prefix}{path}"))?)))
        });
        Value::Object(pages.collect())
    }

    /// What other programs would get: of feeds, calendars and lists only what tells of this.
    pub(super) fn formats(&self) -> Value {
        let mut formats = Vec::new();
        let mut add = |name: &str, language: &str, path: String, text: Option<String>| {
            if let Some(text) = text.filter(|text| !text.is_empty() && text.len() <= FORMAT_BYTES_MAX) {
                formats.push(json!({ "name": name, "language": language, "path": path, "text": text }));
            }
        };
        let (kind, field, id) = match self.subject {
            Subject::Incident(id) => ("incidents", "incident", id.as_str()),
            Subject::Maintenance(id) => ("maintenance", "maintenance", id.as_str()),
            Subject::Component(id) => ("components", "component", id.as_str()),
        };
        let folder = self.folder();
        let address = format!("/{kind}/{id}");
        for (language, prefix) in self.languages() {
            let path = format!("{prefix}/api/v1/{kind}/{id}");
            let text = self.json(&path).and_then(|body| pretty(body.get(field)?));
            add("json", language, path, text);
            let path = format!("{prefix}{folder}/feed.atom");
            let text = self.text(&path).map(|feed| parts(&feed, "<entry>", "</entry>", &address));
            add("atom", language, path, text);
            if matches!(self.subject, Subject::Maintenance(_)) {
                let path = format!("{prefix}{folder}/calendar.ics");
                let calendar = self.text(&path).map(|calendar| calendar.replace("\r\n ", "").replace("\r\n", "\n"));
                let text = calendar.map(|calendar| {
                    let events = parts(&calendar, "BEGIN:VEVENT", "END:VEVENT", id);
                    let deadlines = parts(&calendar, "BEGIN:VTODO", "END:VTODO", id);
                    [events, deadlines].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
                });
                add("calendar", language, path, text);
            }
        }
        let statuspage = match self.subject {
            Subject::Incident(_) => Some(("incidents", "incidents")),
            Subject::Maintenance(_) => Some(("scheduled-maintenances", "scheduled_maintenances")),
            Subject::Component(_) => None,
        };
        let language = self.snapshot.catalogue.site.language();
        if let Some((file, field)) = statuspage {
            let path = format!("{folder}/api/v2/{file}.json");
            let told = |item: &&Value| {
                item.get("shortlink").and_then(Value::as_str).is_some_and(|link| link.ends_with(&address))
            };
            let text = self.json(&path).and_then(|body| pretty(body.get(field)?.as_array()?.iter().find(told)?));
            add("statuspage", language, path, text);
        }
        if !folder.is_empty() {
            let path = format!("{folder}/status.txt");
            let text = self.text(&path);
            add("status.txt", language, path, text);
        }
        Value::Array(formats)
    }

    fn folder(&self) -> String {
        self.organisation.map(|organisation| format!("/{}", organisation.id)).unwrap_or_default()
    }

    /// Each language with what its paths begin with.
    fn languages(&self) -> impl Iterator<Item = (&'a str, String)> {
        self.snapshot
            .catalogue
            .site
            .languages
            .iter()
            .enumerate()
            .map(|(index, language)| (&**language, if index == 0 { String::new() } else { format!("/{language}") }))
    }

    fn document(&self, path: &str) -> Option<Vec<u8>> {
        match publish::render(self.snapshot, &Target { path: path.to_owned(), query: Vec::new() }) {
            Rendered::Document(document) => Some(document.body),
            _ => None,
        }
    }

    fn text(&self, path: &str) -> Option<String> {
        self.document(path).map(|body| String::from_utf8_lossy(&body).into_owned())
    }

    fn json(&self, path: &str) -> Option<Value> {
        serde_json::from_slice(&self.document(path)?).ok()
    }
}

/// The first organisation that is named.
fn town(organisations: &[Reach]) -> Option<&OrganisationId> {
    organisations.iter().find_map(|reach| match reach {
        Reach::Organisation(id) => Some(id),
        Reach::Prefix(_) | Reach::Except(_) => None,
    })
}

/// The first public component that it is about.
fn component(snapshot: &Snapshot, subject: &Subject) -> Option<ComponentId> {
    match subject {
        Subject::Component(id) => Some(id.clone()),
        Subject::Maintenance(id) => {
            let notice = snapshot.maintenances.iter().find(|notice| notice.id == *id)?;
            Some(notice.components.first()?.component.clone())
        }
        Subject::Incident(id) => {
            let incident = snapshot.incidents.iter().find(|incident| incident.id == *id)?;
            Some(incident.components.first()?.0.clone())
        }
    }
}

fn owner<'a>(snapshot: &'a Snapshot, component: &ComponentId) -> Option<&'a PublicOrganisation> {
    let index = *snapshot.catalogue.component_index.get(component)?;
    let owner = snapshot.catalogue.components.get(index as usize)?.owner;
    snapshot.catalogue.organisations.get(owner as usize)
}

fn pretty(value: &Value) -> Option<String> {
    serde_json::to_string_pretty(value).ok()
}

/// The stretches from `begin` to `end` in which a word stands.
fn parts(text: &str, begin: &str, end: &str, word: &str) -> String {
    let found =
        text.split(begin).skip(1).filter_map(|rest| rest.split_once(end)).filter(|(part, _)| part.contains(word));
    found.map(|(part, _)| format!("{begin}{part}{end}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parts_that_tell_of_it_are_taken() {
        let feed = "<feed><entry>a /maintenance/x</entry><entry>b</entry><entry>c /maintenance/x</entry></feed>";
        assert_eq!(
            parts(feed, "<entry>", "</entry>", "/maintenance/x"),
            "<entry>a /maintenance/x</entry>\n<entry>c /maintenance/x</entry>"
        );
        assert_eq!(parts(feed, "<entry>", "</entry>", "/maintenance/y"), "");
        assert_eq!(parts("<entry>x", "<entry>", "</entry>", "x"), "", "what does not end is none");
    }
}
