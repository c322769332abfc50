//! Commands about incidents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::edit::Decision;
use crate::engine::edit::rights::Rights;
use crate::engine::incidents::plain_message;
use crate::engine::merge::absorb;
use crate::engine::state::State;
use crate::model::editing::{IncidentPatch, NewIncident, Refusal, Split, Subject, Words};
use crate::model::event::Event;
use crate::model::id::{ComponentId, IncidentId, OrganisationId};
use crate::model::incident::{
    Body, Change, Concerned, Ending, Expected, Impact, Incident, IncidentEdit, IncidentStatus, MessageCode, Overlay,
    Update,
};
use crate::model::status::Status;
use crate::model::text::Text;
use crate::model::time::Timestamp;

/// Most updates of an incident, and corrections of one update.
const UPDATES_MAX: usize = 1_000;
const CORRECTIONS_MAX: usize = 50;

impl State {
    pub(super) fn decide_open(&self, new: &NewIncident, rights: &Rights<'_>, at: Timestamp) -> Decision {
        self.must_read(&new.title, "/title")?;
        self.must_read(&new.text, "/text")?;
        let mut given = new.components.clone();
        for (id, status) in &given {
            rights.owned(id, "/components")?;
            may_give(*status)?;
        }
        if let Some(root) = &new.root {
            rights.owned(root, "/root")?;
            given.entry(root.clone()).or_insert(Status::MajorOutage);
        }
        let worst = given.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0))).map(|(id, _)| id.clone());
        let Some(root) = new.root.clone().or(worst) else {
            return Err(Refusal::field("/components", "name at least one component, or a root"));
        };
        self.must_be_free(&root, None, "/root")?;
        let status = new.status.unwrap_or(IncidentStatus::Investigating);
        if status == IncidentStatus::Resolved {
            return Err(Refusal::field("/status", "open it as investigating, identified or monitoring"));
        }
        if new.started_at.is_some_and(|started| started > at) {
            return Err(Refusal::field("/started_at", "it lies in the future; announce planned work as maintenance"));
        }
        promised(new.next_update_by, at)?;
        sensible_end(new.expected_end.as_ref())?;
        self.must_be_known(&new.unaffected, "/unaffected", rights)?;
        let started_at = new.started_at.unwrap_or(at);
        let worst = given.values().copied().max().unwrap_or(Status::MajorOutage);
        let ending = new.expected_end.clone().map(Ending::Expected);
        let update = Update {
            components: given.clone(),
            ending,
            internal: new.internal_text.clone(),
            ..Update::plain(1, at, status, Body::Written(new.text.clone()))
        };
        let incident = Incident {
            status,
            impact: new.impact.unwrap_or_else(|| Impact::of(worst)),
            cause: new.cause,
            monitoring_since: (status == IncidentStatus::Monitoring).then_some(at),
            touched: true,
            touched_at: Some(at),
            root_set: true,
            concerned: self.concerned(&given),
            given,
            expected_end: new.expected_end.clone(),
            next_update_by: new.next_update_by,
            references: new.references.clone(),
            alternatives: new.alternatives.clone(),
            unaffected: new.unaffected.clone(),
            updates: vec![update],
            ..Incident::new(
                self.incident_id(root.as_str(), started_at),
                root.clone(),
                Body::Written(new.title.clone()),
                started_at,
                at,
            )
        };
        let id = incident.id.clone();
        Ok((vec![Event::IncidentOpened(Box::new(incident))], Subject::Incident(id)))
    }

    /// A change of an incident; with `says` it must come with a text.
    pub(super) fn decide_change(
        &self,
        id: &IncidentId,
        patch: &IncidentPatch,
        says: bool,
        rights: &Rights<'_>,
        at: Timestamp,
    ) -> Decision {
        let incident = self.editable(id, rights, at)?;
        for (component, status) in &patch.components {
            rights.owned(component, "/components")?;
            status.map_or(Ok(()), may_give)?;
        }
        if let Some(title) = &patch.title {
            self.must_read(title, "/title")?;
        }
        let turns = patch.status.is_some_and(|status| status != incident.status);
        match &patch.text {
            Some(text) => self.must_read(text, "/text")?,
            None if says || turns => {
                return Err(Refusal::field("/text", "say in a sentence or two what readers should know"));
            }
            None => {}
        }
        if incident.updates.len() >= UPDATES_MAX {
            return Err(Refusal::conflict("this incident has too many updates; resolve it and open a new one"));
        }
        let status = patch.status.unwrap_or(incident.status);
        promised(patch.next_update_by.set().copied(), at)?;
        sensible_end(patch.expected_end.set())?;
        self.must_be_known(patch.unaffected.as_deref().unwrap_or_default(), "/unaffected", rights)?;
        self.must_be_organisations(&patch.organisations)?;
        let mut given = incident.given.clone();
        for (component, status) in &patch.components {
            match status {
                Some(status) => given.insert(component.clone(), *status),
                None => given.remove(component),
            };
        }
        if let Some(root) = &patch.root {
            rights.owned(root, "/root")?;
            self.must_be_free(root, Some(id), "/root")?;
            if patch.components.get(root).is_none_or(Option::is_none) {
                given.entry(root.clone()).or_insert(Status::MajorOutage);
            }
        }
        if turns {
            self.may_turn(&incident, status, patch)?;
        }
        if let Some(resolved) = patch.resolved_at {
            let fits = status == IncidentStatus::Resolved && resolved <= at && resolved >= incident.started_at;
            if !fits {
                let detail = "give it with the status resolved, between the start of the incident and now";
                return Err(Refusal::field("/resolved_at", detail));
            }
        }
        let new = given.iter().filter(|(component, status)| incident.given.get(*component) != Some(*status));
        let new: BTreeMap<ComponentId, Status> = new.map(|(id, status)| (id.clone(), *status)).collect();
        let ending = match &patch.expected_end {
            Change::Set(end) if incident.expected_end.as_ref() != Some(end) => Some(Ending::Expected(end.clone())),
            Change::Clear if incident.expected_end.is_some() => Some(Ending::Unknown),
            Change::Set(_) | Change::Clear | Change::Keep => None,
        };
        let update = patch.text.as_ref().map(|text| Update {
            components: new.clone(),
            organisations: patch.organisations.clone(),
            ending,
            internal: patch.internal_text.clone(),
            ..Update::plain(incident.next_number(), at, status, Body::Written(text.clone()))
        });
        let concerned = self.concerned(&new).into_iter();
        let worse = |new: &Concerned| incident.concerns(&new.component).is_none_or(|old| old.worst < new.worst);
        let edit = IncidentEdit {
            // What is resolved stays resolved when it was, whatever is said afterwards.
            status: patch.status.filter(|_| turns || patch.resolved_at.is_some()),
            impact: patch.impact,
            cause: patch.cause,
            title: patch.title.clone().map(Body::Written),
            root: patch.root.clone(),
            given: (given != incident.given).then_some(given),
            concerned: concerned.filter(worse).collect(),
            expected_end: patch.expected_end.clone(),
            next_update_by: match patch.next_update_by {
                // Who says the last word owes no further one.
                Change::Keep if status == IncidentStatus::Resolved => Change::Clear,
                change => change,
            },
            references: patch.references.clone(),
            alternatives: patch.alternatives.clone(),
            unaffected: patch.unaffected.clone(),
            resolved_at: patch.resolved_at,
            update,
            ..IncidentEdit::default()
        };
        if edit == IncidentEdit::default() {
            return Err(Refusal::new(crate::model::editing::RefusalKind::Invalid, "the request changes nothing"));
        }
        Ok((vec![Event::IncidentEdited { id: id.clone(), edit: Box::new(edit) }], Subject::Incident(id.clone())))
    }

    /// Whether an incident may enter a status by an editor's word.
    fn may_turn(&self, incident: &Incident, status: IncidentStatus, patch: &IncidentPatch) -> Result<(), Refusal> {
        if status == IncidentStatus::Resolved {
            let root = self.catalogue.component_index(incident.root.as_str());
            let fails = self.failing.keys().find(|&&component| {
                Some(component) == root
                    || self.catalogue.component(component).is_some_and(|c| incident.concerns(&c.id).is_some())
            });
            if let Some(component) = fails.and_then(|&component| self.catalogue.component(component)) {
                return Err(Refusal {
                    pointer: Some("/status".to_owned()),
                    ..Refusal::conflict(if component.public {
                        format!(
                            "our checks still find `{}` failing; resolve it when they do not, or split it off",
                            component.id
                        )
                    } else {
                        "our checks still find something failing; resolve it when they do not".to_owned()
                    })
                });
            }
        } else if !incident.is_open() {
            self.must_be_free(patch.root.as_ref().unwrap_or(&incident.root), Some(&incident.id), "/status")?;
        }
        Ok(())
    }

    pub(super) fn decide_correction(
        &self,
        id: &IncidentId,
        number: u32,
        text: &Text,
        rights: &Rights<'_>,
        at: Timestamp,
    ) -> Decision {
        self.must_read(text, "/text")?;
        let update = self.published(id, number, rights, at)?;
        if update.corrected.len() >= CORRECTIONS_MAX {
            return Err(Refusal::conflict("this update was corrected too often; retract it and publish a new one"));
        }
        let body = Body::Written(text.clone());
        let event = Event::UpdateCorrected { id: id.clone(), number, body };
        Ok((vec![event], Subject::Incident(id.clone())))
    }

    pub(super) fn decide_retraction(
        &self,
        id: &IncidentId,
        number: u32,
        rights: &Rights<'_>,
        at: Timestamp,
    ) -> Decision {
        self.published(id, number, rights, at)?;
        Ok((vec![Event::UpdateRetracted { id: id.clone(), number }], Subject::Incident(id.clone())))
    }

    /// An update that is published and not taken back.
    fn published(&self, id: &IncidentId, number: u32, rights: &Rights<'_>, at: Timestamp) -> Result<Update, Refusal> {
        let incident = self.editable(id, rights, at)?;
        let update = incident.updates.iter().find(|update| update.number == number);
        match update {
            Some(update) if update.retracted_at.is_none() => Ok(update.clone()),
            Some(_) => Err(Refusal::conflict(format!("update {number} was taken back before"))),
            None => Err(Refusal::not_found(format!("incident `{id}` has no update {number}"))),
        }
    }

    pub(super) fn decide_merge(
        &self,
        id: &IncidentId,
        into: &IncidentId,
        rights: &Rights<'_>,
        at: Timestamp,
    ) -> Decision {
        let (incident, target) = (self.open_one(id, rights, at)?, self.open_one(into, rights, at)?);
        if id == into {
            return Err(Refusal::field("/into", "it is the same incident"));
        }
        let mut edit = absorb(&target, &incident, at);
        edit.root = None;
        edit.title = None;
        edit.status = None;
        edit.attached.insert(incident.root.clone());
        edit.attached.remove(&target.root);
        let name = self.catalogue.component_index(target.root.as_str()).and_then(|root| self.catalogue.component(root));
        let name = name.map(|component| component.shown_name()).unwrap_or_default();
        let merged = Body::Automatic(plain_message(MessageCode::Merged, name));
        let end = IncidentEdit {
            status: Some(IncidentStatus::Resolved),
            merged_into: Some(into.clone()),
            next_update_by: Change::Clear,
            update: Some(Update::plain(incident.next_number(), at, IncidentStatus::Resolved, merged)),
            ..IncidentEdit::default()
        };
        let mut events = self.carried_overlays(&incident, into);
        events.push(Event::IncidentEdited { id: id.clone(), edit: Box::new(end) });
        events.push(Event::IncidentEdited { id: into.clone(), edit: Box::new(edit) });
        Ok((events, Subject::Incident(into.clone())))
    }

    pub(super) fn decide_split(&self, id: &IncidentId, split: &Split, rights: &Rights<'_>, at: Timestamp) -> Decision {
        let incident = self.open_one(id, rights, at)?;
        self.must_read(&split.title, "/title")?;
        self.must_read(&split.text, "/text")?;
        let Some(root) = split.components.first() else {
            return Err(Refusal::field("/components", "name at least one component to split off"));
        };
        for component in &split.components {
            rights.owned(component, "/components")?;
            if *component == incident.root || incident.concerns(component).is_none() {
                let detail = format!("`{component}` must be one that the incident concerns, and not its root");
                return Err(Refusal::field("/components", detail));
            }
        }
        self.must_be_free(root, Some(id), "/components")?;
        let off: BTreeSet<ComponentId> = split.components.iter().cloned().collect();
        let (taken, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
            incident.given.clone().into_iter().partition(|(component, _)| off.contains(component));
        let concerned: Vec<Concerned> =
            incident.concerned.iter().filter(|concerned| off.contains(&concerned.component)).cloned().collect();
        let new = Incident {
            impact: Impact::of(concerned.iter().map(|concerned| concerned.worst).max().unwrap_or(Status::Operational)),
            cause: incident.cause,
            touched: true,
            touched_at: Some(at),
            root_set: true,
            attached: off.iter().filter(|id| *id != root).cloned().collect(),
            updates: vec![Update {
                components: taken.clone(),
                ..Update::plain(1, at, IncidentStatus::Investigating, Body::Written(split.text.clone()))
            }],
            given: taken,
            concerned,
            ..Incident::new(
                self.incident_id(root.as_str(), incident.started_at),
                root.clone(),
                Body::Written(split.title.clone()),
                incident.started_at,
                at,
            )
        };
        let edit =
            IncidentEdit { given: (kept != incident.given).then_some(kept), dropped: off, ..IncidentEdit::default() };
        let subject = Subject::Incident(new.id.clone());
        Ok((
            vec![Event::IncidentEdited { id: id.clone(), edit: Box::new(edit) }, Event::IncidentOpened(Box::new(new))],
            subject,
        ))
    }

    pub(super) fn decide_overlay(
        &self,
        id: &IncidentId,
        organisation: &OrganisationId,
        words: Option<&Words>,
        rights: &Rights<'_>,
        at: Timestamp,
    ) -> Decision {
        let index = self
            .catalogue
            .organisation_index(organisation.as_str())
            .ok_or_else(|| Refusal::not_found(format!("there is no organisation `{organisation}`")))?;
        if !rights.speaks_for(organisation) {
            return Err(Refusal::forbidden(format!("this token does not speak for `{organisation}`")));
        }
        let incident = self.record.incidents.get(id).filter(|incident| {
            incident.concerned.iter().any(|concerned| {
                let component = self.catalogue.component_index(concerned.component.as_str());
                let node = component.and_then(|component| self.catalogue.node(component));
                concerned.public && node.is_some_and(|node| node.shown_on.contains(&index))
            })
        });
        let Some(incident) = incident else {
            return Err(Refusal::not_found(format!("no incident `{id}` concerns the page of `{organisation}`")));
        };
        let before = incident.overlays.get(organisation);
        // A version that was taken back is not given again.
        let last = before.map(|before| before.version);
        let last = last.or_else(|| incident.withdrawn.get(organisation).map(|withdrawn| withdrawn.version));
        let overlay = match words {
            Some(words) => {
                self.must_read(&words.text, "/text")?;
                Some(Overlay {
                    text: words.text.clone(),
                    alternatives: words.alternatives.clone(),
                    at,
                    version: last.map_or(1, |last| last.saturating_add(1)),
                    said_as: None,
                })
            }
            None if before.is_none() => {
                return Err(Refusal::not_found(format!("`{organisation}` has no words of its own on `{id}`")));
            }
            None => None,
        };
        let event = Event::OverlaySet { id: id.clone(), organisation: organisation.clone(), overlay };
        Ok((vec![event], Subject::Incident(id.clone())))
    }

    /// An incident that this editor may change.
    fn editable(&self, id: &IncidentId, rights: &Rights<'_>, at: Timestamp) -> Result<Arc<Incident>, Refusal> {
        let subject = Subject::Incident(id.clone());
        self.must_be_in_hand(&subject, rights, at)?;
        let incident = self.record.incidents.get(id).ok_or_else(|| Refusal::unknown(&subject))?;
        if let Some(into) = &incident.merged_into {
            return Err(Refusal::conflict(format!("it is continued in `{into}`; change that one")));
        }
        Ok(Arc::clone(incident))
    }

    fn open_one(&self, id: &IncidentId, rights: &Rights<'_>, at: Timestamp) -> Result<Arc<Incident>, Refusal> {
        let incident = self.editable(id, rights, at)?;
        if incident.is_open() {
            return Ok(incident);
        }
        Err(Refusal::conflict(format!("incident `{id}` is resolved")))
    }

    /// Each root has at most one open incident.
    fn must_be_free(&self, root: &ComponentId, but: Option<&IncidentId>, pointer: &str) -> Result<(), Refusal> {
        let taken = self
            .record
            .incidents
            .values()
            .find(|incident| incident.is_open() && incident.root == *root && but != Some(&incident.id));
        let Some(taken) = taken else { return Ok(()) };
        Err(Refusal {
            pointer: Some(pointer.to_owned()),
            ..Refusal::conflict(format!(
                "incident `{}` is open with `{root}` as its root; change that one, or merge the two",
                taken.id
            ))
        })
    }

    fn must_be_known(&self, ids: &[ComponentId], pointer: &str, rights: &Rights<'_>) -> Result<(), Refusal> {
        ids.iter().try_for_each(|id| rights.known(id, pointer).map(drop))
    }

    fn must_be_organisations(&self, ids: &[OrganisationId]) -> Result<(), Refusal> {
        let unknown = ids.iter().find(|id| self.catalogue.organisation_index(id.as_str()).is_none());
        unknown.map_or(Ok(()), |id| Err(Refusal::field("/organisations", format!("there is no organisation `{id}`"))))
    }

    /// What an incident concerns because states were given.
    fn concerned(&self, given: &BTreeMap<ComponentId, Status>) -> Vec<Concerned> {
        given
            .iter()
            .filter_map(|(id, status)| {
                let component = self.catalogue.component(self.catalogue.component_index(id.as_str())?)?;
                Some(Concerned {
                    component: id.clone(),
                    name: component.shown_name(),
                    public: component.public,
                    worst: *status,
                })
            })
            .collect()
    }
}

fn may_give(status: Status) -> Result<(), Refusal> {
    if status == Status::UnderMaintenance {
        return Err(Refusal::field("/components", "announce planned work as maintenance, not as an incident"));
    }
    Ok(())
}

fn promised(by: Option<Timestamp>, at: Timestamp) -> Result<(), Refusal> {
    if by.is_some_and(|by| by <= at) {
        return Err(Refusal::field("/next_update_by", "it lies in the past; promise a time to come"));
    }
    Ok(())
}

fn sensible_end(end: Option<&Expected>) -> Result<(), Refusal> {
    match end {
        Some(Expected { earliest: Some(earliest), latest: Some(latest), .. }) if latest <= earliest => {
            Err(Refusal::field("/expected_end/latest", "it must lie after `earliest`"))
        }
        Some(Expected { earliest: None, latest: None, label: None }) => {
            let detail = "give `earliest`, `latest` or `label`, or null if the end cannot be foreseen";
            Err(Refusal::field("/expected_end", detail))
        }
        Some(_) | None => Ok(()),
    }
}
