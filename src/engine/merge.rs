//! Two incidents that turn out to be one: what the one that goes on takes over.

use std::sync::Arc;

use crate::engine::incidents::{Move, plain_message};
use crate::engine::state::State;
use crate::engine::step::Step;
use crate::model::event::Event;
use crate::model::id::IncidentId;
use crate::model::incident::{Body, Change, Incident, IncidentEdit, IncidentStatus, MessageCode, Overlay, Update};
use crate::model::time::Timestamp;

impl State {
    /// Two incidents turn out to be one: the older goes on, with what editors said in the younger.
    pub(super) fn merge(
        &mut self,
        step: &mut Step,
        incident: &Arc<Incident>,
        root: u32,
        older: &IncidentId,
        at: Timestamp,
    ) {
        let name = self.catalogue.component(root).map(|component| component.shown_name()).unwrap_or_default();
        if incident.touched
            && let Some(older) = self.record.incidents.get(older).cloned()
        {
            let edit = absorb(&older, incident, at);
            self.emit(step, at, Event::IncidentEdited { id: older.id.clone(), edit: Box::new(edit) });
        }
        for event in self.carried_overlays(incident, older) {
            self.emit(step, at, event);
        }
        let mut moved = Move::of(incident);
        moved.status = IncidentStatus::Resolved;
        moved.merged_into = Some(older.clone());
        moved.message = Some(plain_message(MessageCode::Merged, name));
        self.moved(step, incident, moved, at);
    }

    /// Towns' words go on with an incident that is continued in another one.
    pub(super) fn carried_overlays(&self, from: &Incident, into: &IncidentId) -> Vec<Event> {
        let Some(into) = self.record.incidents.get(into) else { return Vec::new() };
        let lacking = from.overlays.iter().filter(|(organisation, _)| !into.overlays.contains_key(*organisation));
        lacking
            .map(|(organisation, overlay)| Event::OverlaySet {
                id: into.id.clone(),
                organisation: organisation.clone(),
                overlay: Some(Overlay {
                    version: into
                        .withdrawn
                        .get(organisation)
                        .map_or(overlay.version, |withdrawn| overlay.version.max(withdrawn.version.saturating_add(1))),
                    said_as: None,
                    ..overlay.clone()
                }),
            })
            .collect()
    }
}

/// What an older incident takes over from a younger one in which editors have spoken.
pub(super) fn absorb(older: &Incident, younger: &Incident, at: Timestamp) -> IncidentEdit {
    let given = younger.given.iter().chain(&older.given).map(|(id, status)| (id.clone(), *status)).collect();
    let spoke = younger.updates.iter().rev();
    let spoke =
        spoke.filter(|update| update.retracted_at.is_none()).find(|update| matches!(update.body, Body::Written(_)));
    let status = if older.touched { older.status } else { younger.status };
    let untold = |known: bool| !known || !older.touched;
    IncidentEdit {
        status: Some(status),
        impact: Some(younger.impact.max(older.impact)),
        cause: younger.cause.filter(|_| older.cause.is_none()).map_or(Change::Keep, Change::Set),
        title: Some(younger.title.clone()).filter(|_| matches!(older.title, Body::Automatic(_))),
        root: Some(younger.root.clone()).filter(|_| younger.root_set && !older.root_set),
        given: Some(given),
        concerned: younger.concerned.iter().filter(|c| older.concerns(&c.component).is_none()).cloned().collect(),
        attached: younger.attached.clone(),
        expected_end: match &younger.expected_end {
            Some(end) if untold(older.expected_end.is_some()) => Change::Set(end.clone()),
            Some(_) | None => Change::Keep,
        },
        next_update_by: match younger.next_update_by {
            Some(by) if untold(older.next_update_by.is_some()) => Change::Set(by),
            Some(_) | None => Change::Keep,
        },
        references: (!younger.references.is_empty())
            .then(|| older.references.iter().chain(&younger.references).cloned().collect()),
        alternatives: (!younger.alternatives.is_empty())
            .then(|| older.alternatives.iter().chain(&younger.alternatives).cloned().collect()),
        update: spoke.map(|said| Update {
            number: older.next_number(),
            at,
            status,
            impact: None,
            retracted_at: None,
            corrected: Vec::new(),
            ..said.clone()
        }),
        ..IncidentEdit::default()
    }
}
