//! What editors did: from an event of the log to what their bodies are told.

use std::collections::BTreeSet;

use crate::model::alternative::Alternative;
use crate::model::catalogue::{Catalogue, Reach, reaches};
use crate::model::contact;
use crate::model::event::Event;
use crate::model::id::ComponentId;
use crate::model::incident::{Body, Expected, Incident, Reference};
use crate::model::notice::{LocalNotice, MaintenanceNotice};
use crate::model::notification::{Contact, Deed, Edit, Edited};
use crate::model::text::{Plain, Text};
use crate::notify::facts::Facts;

/// An editor's change, and whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Those who own what was changed, and those whose words were, by index.
    pub organisations: BTreeSet<u32>,
    /// Whether the public reads of it.
    pub public: bool,
    /// What is told.
    pub edited: Edited,
}

/// What is collected of a change.
struct Draft {
    deed: Deed,
    title: Option<Body>,
    /// What was written, of several texts the first.
    text: Option<Body>,
    path: String,
    components: Vec<ComponentId>,
    organisations: BTreeSet<u32>,
    /// Where links lead, and what texts name.
    contacts: Vec<Plain>,
}

impl Draft {
    /// A text that is told, and looked through.
    fn say(&mut self, body: Option<&Body>) {
        if let Some(Body::Written(text)) = body {
            self.look_through(Some(text));
        }
        if matches!(self.text, None | Some(Body::Automatic(_))) {
            self.text = body.or(self.text.as_ref()).cloned();
        }
    }

    /// A text that is not told but may send citizens somewhere all the same.
    fn look_through<'a>(&mut self, texts: impl IntoIterator<Item = &'a Text>) {
        let texts = texts.into_iter().flat_map(Text::iter);
        self.contacts.extend(texts.flat_map(|(_, text)| contact::in_text(text)));
    }

    fn look_through_title(&mut self, title: Option<&Body>) {
        if let Some(Body::Written(title)) = title {
            self.look_through(Some(title));
        }
    }

    fn link(&mut self, alternatives: &[Alternative], references: &[Reference]) {
        for way in alternatives {
            self.contacts.extend(way.target.iter().chain(&way.page).map(contact::of_link));
            self.look_through(std::iter::once(&way.label).chain(&way.hours_text));
            self.contacts.extend(way.hours.iter().flat_map(contact::in_text));
        }
        for reference in references {
            self.contacts.push(contact::of_link(&reference.url));
            self.look_through(&reference.label);
        }
    }

    fn expect(&mut self, end: Option<&Expected>) {
        self.look_through(end.and_then(|end| end.label.as_ref()));
    }
}

/// What an event means to those whom it concerns; nothing if it tells nobody anything.
pub fn change(facts: &Facts, edit: &Edit) -> Option<Change> {
    let draft = match &edit.event {
        Event::IncidentOpened(opened) if opened.touched => {
            let mut draft = of_incident(opened, Deed::Opened);
            for update in opened.updates.iter().rev() {
                draft.say(Some(&update.body));
            }
            draft.look_through_title(Some(&opened.title));
            draft.expect(opened.expected_end.as_ref());
            draft.link(&opened.alternatives, &opened.references);
            draft
        }
        Event::IncidentEdited { id, edit } => {
            let incident = facts.incidents.get(id)?;
            let mut draft = of_incident(incident, Deed::Changed);
            draft.say(edit.update.as_ref().map(|update| &update.body));
            draft.look_through_title(edit.title.as_ref());
            draft.expect(edit.expected_end.set());
            draft
                .link(edit.alternatives.as_deref().unwrap_or_default(), edit.references.as_deref().unwrap_or_default());
            draft
        }
        Event::UpdateCorrected { id, body, .. } => {
            let mut draft = of_incident(facts.incidents.get(id)?, Deed::Corrected);
            draft.say(Some(body));
            draft
        }
        Event::UpdateRetracted { id, .. } => of_incident(facts.incidents.get(id)?, Deed::Retracted),
        Event::OverlaySet { id, organisation, overlay } => {
            let mut draft = of_incident(facts.incidents.get(id)?, Deed::Overlay);
            draft.components.clear();
            draft.organisations.extend(facts.catalogue.organisation_index(organisation.as_str()));
            if let Some(overlay) = overlay {
                draft.say(Some(&Body::Written(overlay.text.clone())));
                draft.link(&overlay.alternatives, &[]);
            }
            draft
        }
        Event::MaintenancePlanned(notice) if notice.declared.is_none() => {
            let mut draft = of_maintenance(notice, Deed::Planned);
            draft.say(notice.text.clone().map(Body::Written).as_ref());
            draft.look_through(Some(&notice.title));
            draft.link(&notice.alternatives, &[]);
            draft
        }
        Event::MaintenanceEdited { id, edit } => {
            let mut draft = of_maintenance(facts.maintenance.get(id)?, Deed::Replanned);
            // An update of our own says that it was changed; what was written is news.
            draft.say(edit.text.set().cloned().map(Body::Written).as_ref());
            draft.say(edit.update.as_ref().map(|update| &update.body));
            draft.look_through(&edit.title);
            draft.link(edit.alternatives.as_deref().unwrap_or_default(), &[]);
            draft
        }
        Event::LocalBegan(local) if !local.declared => of_local(facts, local),
        Event::OverrideSet { component, set } => Draft {
            deed: if set.is_some() { Deed::Override } else { Deed::OverrideEnded },
            ..of_component(facts, component, Deed::Override)
        },
        Event::LocalEnded { key } => {
            let ended = facts.changes.iter().rev().find(|local| local.key == *key)?;
            Draft { deed: Deed::LocalEnded, contacts: Vec::new(), ..of_local(facts, ended) }
        }
        Event::CatalogueAdopted { .. }
        | Event::CheckCounted { .. }
        | Event::CheckTurned { .. }
        | Event::StatusChanged(_)
        | Event::IncidentOpened(_)
        | Event::IncidentMoved { .. }
        | Event::MaintenancePlanned(_)
        | Event::MaintenanceMoved { .. }
        | Event::LocalBegan(_)
        | Event::PathTurned { .. }
        | Event::ClockStepped { .. }
        | Event::Skipped { .. } => return None,
    };
    Some(finished(facts, edit, draft))
}

fn finished(facts: &Facts, edit: &Edit, draft: Draft) -> Change {
    let Draft { deed, title, text, path, components, mut organisations, mut contacts } = draft;
    // Words of a town stand on pages of its own, whatever is behind them.
    let mut public = components.is_empty();
    for id in &components {
        let component = facts.catalogue.component_index(id.as_str()).and_then(|i| facts.catalogue.component(i));
        public |= component.is_some_and(|component| component.public);
        organisations.extend(component.map(|component| component.owner));
    }
    let mut known = BTreeSet::new();
    contacts.retain(|text| known.insert(contact::normal(text)));
    let contacts = contacts.into_iter().map(|text| Contact { text, is_new: false }).collect();
    let edited = Edited { deed, by: edit.by.clone(), title, text, path, contacts, more_contacts: 0 };
    Change { organisations, public, edited }
}

fn of_incident(incident: &Incident, deed: Deed) -> Draft {
    Draft {
        deed,
        title: Some(incident.title.clone()),
        text: None,
        path: format!("/incidents/{}", incident.id),
        components: incident.concerned.iter().map(|concerned| concerned.component.clone()).collect(),
        organisations: BTreeSet::new(),
        contacts: Vec::new(),
    }
}

fn of_maintenance(notice: &MaintenanceNotice, deed: Deed) -> Draft {
    Draft {
        deed,
        title: Some(Body::Written(notice.title.clone())),
        text: None,
        path: format!("/maintenance/{}", notice.id),
        components: notice.components.iter().map(|covered| covered.component.clone()).collect(),
        organisations: BTreeSet::new(),
        contacts: Vec::new(),
    }
}

fn of_component(facts: &Facts, id: &ComponentId, deed: Deed) -> Draft {
    let component = facts.catalogue.component_index(id.as_str()).and_then(|i| facts.catalogue.component(i));
    let owner = component.and_then(|component| facts.catalogue.organisations.get(component.owner as usize));
    Draft {
        deed,
        title: component.map(|component| Body::Written(component.name.clone())),
        text: None,
        path: owner.map_or_else(|| "/".to_owned(), |owner| format!("/{}/{id}", owner.id)),
        components: vec![id.clone()],
        organisations: BTreeSet::new(),
        contacts: Vec::new(),
    }
}

fn of_local(facts: &Facts, local: &LocalNotice) -> Draft {
    let mut draft = of_component(facts, &local.component, Deed::Local);
    draft.say(local.text.clone().map(Body::Written).as_ref());
    // A town is told by its name; a whole region's are too many, and its owner knows them.
    let named = |reach: &&Reach| matches!(reach, Reach::Organisation(_));
    let named: Vec<Reach> = local.organisations.iter().filter(named).cloned().collect();
    let towns = (0u32..).zip(&facts.catalogue.organisations).filter(|(_, town)| reaches(&named, town));
    draft.organisations.extend(towns.map(|(index, _)| index));
    draft.link(&local.alternatives, &[]);
    draft
}

/// Where the files send citizens: what is known already.
pub fn declared_contacts(catalogue: &Catalogue) -> BTreeSet<String> {
    let ways = catalogue.components.iter().flat_map(|component| &component.alternatives);
    let ways = ways.chain(catalogue.maintenances.iter().flat_map(|maintenance| &maintenance.alternatives));
    let ways = ways.chain(catalogue.locals.iter().flat_map(|local| &local.alternatives));
    let ways: Vec<&Alternative> = ways.collect();
    let links = ways.iter().flat_map(|way| way.target.iter().chain(&way.page));
    let pages = catalogue.components.iter().filter_map(|component| component.url.as_ref());
    let sites = catalogue.organisations.iter().filter_map(|organisation| organisation.url.as_ref());
    let links = links.chain(pages).chain(sites);
    let named = ways.iter().flat_map(|way| std::iter::once(&way.label).chain(&way.hours_text));
    let told = catalogue.maintenances.iter().map(|maintenance| &maintenance.title);
    let texts = catalogue.locals.iter().filter_map(|local| local.text.as_ref()).chain(named).chain(told);
    let written = texts.flat_map(Text::iter).flat_map(|(_, text)| contact::in_text(text));
    links.map(contact::of_link).chain(written).map(|text| contact::normal(&text)).collect()
}
