//! Applying what was announced: editors' changes to incidents, planned work, what differs in some
//! towns, and states set by hand. Only what the log says; nothing is decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::state::State;
use crate::engine::timers::Timer;
use crate::model::event::MaintenancePhase;
use crate::model::id::{ComponentId, IncidentId, MaintenanceId, OrganisationId};
use crate::model::incident::{Body, Correction, Incident, IncidentEdit, IncidentStatus, Overlay, Withdrawn};
use crate::model::notice::{Announced, LocalNotice, MaintenanceEdit, MaintenanceNotice, MaintenanceUpdate, Override};
use crate::model::status::Status;
use crate::model::time::Timestamp;
use crate::model::window::When;

/// Most maintenances that are over and kept in memory; older ones stay in the log.
const ENDED_MAINTENANCES_MAX: usize = 500;

/// Most changes of what differs in some towns that feeds may still tell.
const CHANGES_MAX: usize = 2_000;

impl State {
    pub(super) fn incident_edited(&mut self, id: &IncidentId, edit: &IncidentEdit, position: u64, at: Timestamp) {
        let Some(incident) = self.record.incidents.get_mut(id) else { return };
        let concerned_before: Vec<u32> = concerned_indexes(&self.catalogue, incident);
        let before = Arc::clone(incident);
        let incident = Arc::make_mut(incident);
        let edit = edit.clone();
        incident.revision = position;
        incident.touched = true;
        incident.touched_at = Some(at);
        if let Some(status) = edit.status {
            turn(incident, status, at);
            if status == IncidentStatus::Resolved {
                incident.resolved_at = Some(edit.resolved_at.unwrap_or(at));
            }
        }
        incident.impact = edit.impact.unwrap_or(incident.impact);
        edit.cause.apply(&mut incident.cause);
        if let Some(title) = edit.title {
            incident.title = title;
        }
        if let Some(root) = edit.root {
            incident.root = root;
            incident.root_set = true;
        }
        if let Some(given) = edit.given {
            incident.given = given;
        }
        concern(incident, &edit.concerned);
        incident.concerned.retain(|concerned| !edit.dropped.contains(&concerned.component));
        incident.attached.retain(|component| !edit.dropped.contains(component));
        incident.attached.extend(edit.attached);
        edit.expected_end.apply(&mut incident.expected_end);
        edit.next_update_by.apply(&mut incident.next_update_by);
        if let Some(references) = edit.references {
            incident.references = references;
        }
        if let Some(alternatives) = edit.alternatives {
            incident.alternatives = alternatives;
        }
        if let Some(unaffected) = edit.unaffected {
            incident.unaffected = unaffected;
        }
        if edit.merged_into.is_some() {
            incident.merged_into = edit.merged_into;
        }
        incident.updates.extend(edit.update);
        incident.note_head(&before, at);
        if let Some(by) = incident.next_update_by {
            self.timers.set(by, Timer::Planned);
        }
        for component in concerned_before {
            self.public.stale.insert(component);
            self.touched.insert(component);
            if let Some(there) = self.public.incidents_of.get_mut(&component) {
                there.remove(id);
            }
        }
        self.incident_applied(id, at);
        if let Some(incident) = self.record.incidents.get(id) {
            self.touched.extend(concerned_indexes(&self.catalogue, incident));
        }
    }

    pub(super) fn update_retracted(&mut self, id: &IncidentId, number: u32, position: u64, at: Timestamp) {
        self.with_update(id, number, position, at, |update| update.retracted_at = Some(at));
    }

    pub(super) fn update_corrected(&mut self, id: &IncidentId, number: u32, body: &Body, position: u64, at: Timestamp) {
        self.with_update(id, number, position, at, |update| {
            let before = std::mem::replace(&mut update.body, body.clone());
            update.corrected.push(Correction { at, body: before });
        });
    }

    fn with_update(
        &mut self,
        id: &IncidentId,
        number: u32,
        position: u64,
        at: Timestamp,
        change: impl FnOnce(&mut crate::model::incident::Update),
    ) {
        let Some(incident) = self.record.incidents.get_mut(id).map(Arc::make_mut) else { return };
        incident.revision = position;
        incident.touched = true;
        incident.touched_at = Some(at);
        if let Some(update) = incident.updates.iter_mut().find(|update| update.number == number) {
            change(update);
        }
        self.public.stale_incidents.insert(id.clone());
    }

    pub(super) fn overlay_set(
        &mut self,
        id: &IncidentId,
        organisation: &OrganisationId,
        overlay: Option<&Overlay>,
        (position, at): (u64, Timestamp),
    ) {
        let Some(incident) = self.record.incidents.get_mut(id).map(Arc::make_mut) else { return };
        incident.revision = position;
        match overlay {
            Some(overlay) => {
                incident.withdrawn.remove(organisation);
                incident.overlays.insert(organisation.clone(), overlay.clone());
            }
            None => {
                if let Some(Overlay { at: written, version, said_as, .. }) = incident.overlays.remove(organisation) {
                    let withdrawn = Withdrawn { at: written, withdrawn_at: at, version, said_as };
                    incident.withdrawn.insert(organisation.clone(), withdrawn);
                }
            }
        }
        self.public.stale_incidents.insert(id.clone());
    }

    pub(super) fn maintenance_planned(&mut self, notice: &MaintenanceNotice, position: u64) {
        let mut notice = MaintenanceNotice { revision: position, ..notice.clone() };
        let before = self.record.maintenance.get(&notice.id).map(|before| before.updates.as_slice());
        for (update, before) in notice.updates.iter_mut().zip(before.unwrap_or_default()) {
            update.announced = update.announced.take().or_else(|| before.announced.clone());
        }
        remember_dates(&mut notice);
        let notice = Arc::new(notice);
        self.record.maintenance.insert(notice.id.clone(), Arc::clone(&notice));
        self.maintenance_applied(&notice);
        let mut over: Vec<(Timestamp, MaintenanceId)> = self
            .record
            .maintenance
            .values()
            .filter(|notice| notice.is_over())
            .map(|notice| (notice.ended_at.unwrap_or_default(), notice.id.clone()))
            .collect();
        if over.len() > ENDED_MAINTENANCES_MAX {
            over.sort();
            for (_, id) in over.iter().take(over.len() - ENDED_MAINTENANCES_MAX) {
                self.record.maintenance.remove(id);
            }
        }
    }

    pub(super) fn maintenance_edited(&mut self, id: &MaintenanceId, edit: &MaintenanceEdit, position: u64) {
        let Some(notice) = self.record.maintenance.get_mut(id) else { return };
        let notice = Arc::make_mut(notice);
        let edit = edit.clone();
        notice.revision = position;
        notice.title = edit.title.unwrap_or_else(|| notice.title.clone());
        edit.text.apply(&mut notice.text);
        notice.components = edit.components.unwrap_or_else(|| std::mem::take(&mut notice.components));
        edit.programme.apply(&mut notice.programme);
        notice.from = edit.from.unwrap_or_else(|| notice.from.clone());
        notice.until = edit.until.unwrap_or_else(|| notice.until.clone());
        notice.ends = edit.ends.unwrap_or(notice.ends);
        edit.recurring.apply(&mut notice.recurring);
        edit.series.apply(&mut notice.series);
        edit.last_chance_before.apply(&mut notice.last_chance_before);
        edit.back_from.apply(&mut notice.back_from);
        notice.unaffected = edit.unaffected.unwrap_or_else(|| std::mem::take(&mut notice.unaffected));
        notice.alternatives = edit.alternatives.unwrap_or_else(|| std::mem::take(&mut notice.alternatives));
        for (component, ended_at) in edit.ended {
            for covered in notice.components.iter_mut().filter(|covered| covered.component == component) {
                covered.ended_at = Some(ended_at);
            }
        }
        if let Some(phase) = edit.phase {
            notice.phase = phase;
        }
        notice.ended_at = edit.ended_at.or(notice.ended_at);
        notice.sequence = notice.sequence.saturating_add(u32::from(edit.rescheduled));
        notice.updates.extend(edit.update);
        remember_dates(notice);
        if edit.removed {
            notice.declared = Some(0);
        }
        let notice = Arc::new(notice.clone());
        self.maintenance_applied(&notice);
    }

    pub(super) fn maintenance_moved(
        &mut self,
        id: &MaintenanceId,
        phase: MaintenancePhase,
        next: Option<&(When, When)>,
        update: Option<&MaintenanceUpdate>,
        (position, at): (u64, Timestamp),
    ) {
        let Some(notice) = self.record.maintenance.get_mut(id) else { return };
        let notice = Arc::make_mut(notice);
        notice.revision = position;
        notice.phase = phase;
        if let Some((from, until)) = next {
            (notice.from, notice.until) = (from.clone(), until.clone());
            notice.components.iter_mut().for_each(|covered| covered.ended_at = None);
        }
        if notice.is_over() {
            notice.ended_at = notice.ended_at.or(Some(at));
        }
        notice.updates.extend(update.cloned());
        remember_dates(notice);
        let notice = Arc::new(notice.clone());
        self.maintenance_applied(&notice);
    }

    fn maintenance_applied(&mut self, notice: &MaintenanceNotice) {
        self.arm_maintenance(notice);
        self.recompute_covered();
        self.public.new = true;
    }

    /// Sets a timer at each instant of a maintenance that is still to come.
    pub(super) fn arm_maintenance(&mut self, notice: &MaintenanceNotice) {
        let now = self.record.at;
        let ends = notice
            .components
            .iter()
            .flat_map(|covered| covered.until.iter().map(|until| until.at).chain(covered.ended_at));
        for at in
            [notice.from.at, notice.until.at, notice.announced_at.at].into_iter().chain(ends).filter(|at| *at > now)
        {
            self.timers.set(at, Timer::Planned);
        }
    }

    pub(super) fn local_began(&mut self, local: &LocalNotice) {
        let local = Arc::new(local.clone());
        // What an editor says of the same towns takes the place of what was said before.
        if !local.declared {
            self.record.locals.retain(|_, before| {
                before.declared
                    || before.by_owner != local.by_owner
                    || before.component != local.component
                    || before.organisations != local.organisations
            });
        }
        if let Some(until) = local.until.filter(|until| *until > self.record.at) {
            self.timers.set(until, Timer::Planned);
        }
        // What holds now says by itself that what it takes the place of has ended.
        self.record.changes.retain(|before| {
            before.ended_at != Some(local.since)
                || before.component != local.component
                || before.organisations != local.organisations
        });
        self.tell_change(Arc::clone(&local));
        self.record.locals.insert(local.key, local);
        self.locals_applied();
    }

    pub(super) fn local_ended(&mut self, key: u64, at: Timestamp) {
        if let Some(local) = self.record.locals.remove(&key) {
            self.tell_change(Arc::new(LocalNotice { ended_at: Some(at), ..(*local).clone() }));
        }
        self.locals_applied();
    }

    fn tell_change(&mut self, change: Arc<LocalNotice>) {
        self.record.changes.push(change);
        let surplus = self.record.changes.len().saturating_sub(CHANGES_MAX);
        self.record.changes.drain(..surplus);
    }

    fn locals_applied(&mut self) {
        self.public.locals_stale = true;
        self.public.new = true;
    }

    pub(super) fn override_set(&mut self, component: &ComponentId, set: Option<&Override>) {
        match set {
            Some(set) => {
                if let Some(until) = set.until.filter(|until| *until > self.record.at) {
                    self.timers.set(until, Timer::Planned);
                }
                self.record.overrides.insert(component.clone(), *set);
            }
            None => {
                self.record.overrides.remove(component);
            }
        }
        if let Some(index) = self.catalogue.component_index(component.as_str()) {
            self.mark_dirty(index);
            self.public.stale.insert(index);
        }
    }

    /// What editors say in open incidents: states, roots, and what is continued where. What
    /// changes is decided anew.
    pub(super) fn recompute_given(&mut self) {
        let mut given: BTreeMap<u32, Status> = BTreeMap::new();
        let set_roots = std::mem::take(&mut self.set_roots);
        let attached = std::mem::take(&mut self.attached);
        let index = |id: &ComponentId| self.catalogue.component_index(id.as_str());
        for incident in self.record.incidents.values().filter(|incident| incident.is_open()) {
            let root = index(&incident.root);
            if incident.root_set {
                self.set_roots.extend(root.map(|root| (root, incident.id.clone())));
            }
            for (component, status) in &incident.given {
                if let Some(index) = index(component) {
                    given.entry(index).and_modify(|worst| *worst = (*worst).max(*status)).or_insert(*status);
                }
            }
            let continued = incident.attached.iter().chain(incident.given.keys()).filter_map(index);
            if let Some(root) = root {
                self.attached
                    .extend(continued.filter(|component| *component != root).map(|component| (component, root)));
            }
        }
        // Where an incident stands decides what else it concerns, even where no status changes.
        self.touched.extend(differing(&set_roots, &self.set_roots));
        self.touched.extend(differing(&attached, &self.attached));
        let before = std::mem::replace(&mut self.given, given);
        for index in differing(&before, &self.given) {
            self.mark_dirty(index);
            self.touched.insert(index);
        }
    }
}

/// The keys that are in one map only, or with another value in each.
fn differing<V: PartialEq>(one: &BTreeMap<u32, V>, other: &BTreeMap<u32, V>) -> Vec<u32> {
    let both: BTreeSet<u32> = one.keys().chain(other.keys()).copied().collect();
    both.into_iter().filter(|key| one.get(key) != other.get(key)).collect()
}

/// An update keeps how bad the incident was when it was said.
pub(super) fn remember_impact(incident: &mut Arc<Incident>) -> &Incident {
    if incident.updates.iter().any(|update| update.impact.is_none()) {
        let incident = Arc::make_mut(incident);
        for update in &mut incident.updates {
            update.impact.get_or_insert(incident.impact);
        }
    }
    incident
}

/// An announcement keeps the dates that it gave, whatever is announced later.
fn remember_dates(notice: &mut MaintenanceNotice) {
    let announced = Announced {
        from: notice.from.clone(),
        until: notice.until.clone(),
        recurs: Some(notice.recurring.is_some()),
        last_chance_before: notice.last_chance_before.clone(),
        back_from: notice.back_from.clone(),
        text: notice.text.clone(),
    };
    for update in &mut notice.updates {
        if update.announced.is_none() && update.phase == MaintenancePhase::Announced {
            update.announced = Some(Box::new(announced.clone()));
        }
    }
}

/// An incident enters a status.
pub(super) fn turn(incident: &mut Incident, status: IncidentStatus, at: Timestamp) {
    let was = std::mem::replace(&mut incident.status, status);
    match status {
        IncidentStatus::Monitoring if was != IncidentStatus::Monitoring => {
            incident.monitoring_since = Some(at);
            incident.resolved_at = None;
        }
        IncidentStatus::Monitoring => {}
        IncidentStatus::Investigating | IncidentStatus::Identified => {
            incident.monitoring_since = None;
            incident.resolved_at = None;
        }
        IncidentStatus::Resolved => {
            incident.resolved_at = Some(incident.monitoring_since.unwrap_or(at));
            incident.monitoring_since = None;
        }
    }
}

/// An incident concerns these, too, or knows them in a worse status.
pub(super) fn concern(incident: &mut Incident, concerned: &[crate::model::incident::Concerned]) {
    for concerned in concerned {
        match incident.concerned.binary_search_by(|c| c.component.cmp(&concerned.component)) {
            Ok(at) => incident.concerned.splice(at..=at, [concerned.clone()]).for_each(drop),
            Err(at) => incident.concerned.insert(at, concerned.clone()),
        }
    }
}

fn concerned_indexes(catalogue: &crate::model::catalogue::Catalogue, incident: &Incident) -> Vec<u32> {
    incident.concerned.iter().filter_map(|c| catalogue.component_index(c.component.as_str())).collect()
}
