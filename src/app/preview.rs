//! The page that would be read if a change were made, in every language, rendered as for the public from the
//! snapshot of a trial.

use serde_json::Value;

use crate::model::catalogue::Reach;
use crate::model::editing::{Command, Subject};
use crate::model::id::{ComponentId, OrganisationId};
use crate::model::snapshot::{PublicOrganisation, Snapshot};
use crate::publish::{self, Rendered, Target};

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

    fn text(&self, path: &str) -> Option<String> {
        match publish::render(self.snapshot, &Target { path: path.to_owned(), query: Vec::new() }) {
            Rendered::Document(document) => Some(String::from_utf8_lossy(&document.body).into_owned()),
            _ => None,
        }
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
