//! Opening incidents, and the storm: when many begin almost at once and nothing is known that they
//! have in common, readers are told of one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::incidents::{Move, plain_message};
use crate::engine::state::State;
use crate::engine::step::Step;
use crate::model::event::Event;
use crate::model::incident::{Body, Concerned, Incident, IncidentStatus, MessageCode, Update};
use crate::model::text::Text;
use crate::model::time::Timestamp;

/// More automatic incidents than this …
const SEPARATE_MAX: usize = 20;

/// … within this time are gathered in one.
const STORM: Duration = Duration::from_secs(300);

impl State {
    /// Opens an incident at each of these roots, or gathers them.
    pub(super) fn open_all(&mut self, step: &mut Step, roots: &[u32], failing: &BTreeMap<u32, u32>, at: Timestamp) {
        if roots.is_empty() {
            return;
        }
        let lately: Vec<Arc<Incident>> = self
            .record
            .incidents
            .values()
            .filter(|incident| incident.is_open() && !incident.touched && incident.opened_at.plus(STORM) > at)
            .cloned()
            .collect();
        if let Some(umbrella) = lately.iter().find(|incident| incident.is_umbrella()) {
            let mut moved = Move::of(umbrella);
            self.gather(roots, failing, &mut moved.concerned, &mut moved.attached);
            moved.concerned.retain(|new| umbrella.concerns(&new.component).is_none_or(|old| old.worst < new.worst));
            return self.moved(step, umbrella, moved, at);
        }
        let new: Vec<Incident> = roots.iter().filter_map(|&root| self.new_incident(root, failing, at)).collect();
        if new.len() + lately.len() <= SEPARATE_MAX {
            for mut incident in new {
                // Its id rests on the position at which it is recorded.
                incident.id = self.incident_id(incident.root.as_str(), incident.started_at);
                self.emit(step, at, Event::IncidentOpened(Box::new(incident)));
            }
            return;
        }
        let first =
            lately.iter().map(AsRef::as_ref).chain(&new).min_by_key(|incident| (incident.started_at, &incident.id));
        let Some(first) = first else { return };
        let mut umbrella = Incident {
            root_set: true,
            impact: lately
                .iter()
                .map(AsRef::as_ref)
                .chain(&new)
                .map(|incident| incident.impact)
                .max()
                .unwrap_or(first.impact),
            title: Body::Automatic(plain_message(MessageCode::Umbrella, Text::default())),
            updates: vec![Update::plain(
                1,
                at,
                IncidentStatus::Investigating,
                Body::Automatic(plain_message(MessageCode::Gathered, Text::default())),
            )],
            attached: lately.iter().flat_map(|incident| incident.attached.iter().cloned()).collect(),
            concerned: Vec::new(),
            opened_at: at,
            status: IncidentStatus::Investigating,
            monitoring_since: None,
            id: self.incident_id(first.root.as_str(), first.started_at),
            ..first.clone()
        };
        let mut concerned: BTreeMap<_, Concerned> = BTreeMap::new();
        for one in lately.iter().map(AsRef::as_ref).chain(&new).flat_map(|incident| &incident.concerned) {
            let known = concerned.entry(one.component.clone()).or_insert_with(|| one.clone());
            known.worst = known.worst.max(one.worst);
        }
        umbrella.concerned = concerned.into_values().collect();
        let roots = lately.iter().map(AsRef::as_ref).chain(&new).map(|incident| incident.root.clone());
        umbrella.attached.extend(roots.filter(|root| *root != umbrella.root));
        let id = umbrella.id.clone();
        self.emit(step, at, Event::IncidentOpened(Box::new(umbrella)));
        for incident in lately {
            let mut moved = Move::of(&incident);
            moved.status = IncidentStatus::Resolved;
            moved.merged_into = Some(id.clone());
            let several = self.record.incidents.get(&id).map(|umbrella| umbrella.root.clone());
            let several = several.and_then(|root| self.catalogue.component_index(root.as_str()));
            let name = several.and_then(|root| self.catalogue.component(root)).map(|component| component.shown_name());
            moved.message = Some(plain_message(MessageCode::Merged, name.unwrap_or_default()));
            for event in self.carried_overlays(&incident, &id) {
                self.emit(step, at, event);
            }
            self.moved(step, &incident, moved, at);
        }
    }

    fn gather(
        &self,
        roots: &[u32],
        failing: &BTreeMap<u32, u32>,
        concerned: &mut Vec<Concerned>,
        attached: &mut BTreeSet<crate::model::id::ComponentId>,
    ) {
        let mut all: BTreeMap<_, Concerned> = BTreeMap::new();
        for &root in roots {
            attached.extend(self.catalogue.component(root).map(|component| component.id.clone()));
            for one in self.concerned_by(root, failing, None) {
                all.entry(one.component.clone()).or_insert(one);
            }
        }
        concerned.extend(all.into_values());
    }
}
