//! Applying what touches the whole state: another catalogue, and a clock that was set.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::engine::state::{CheckRecord, ComponentRecord, State};
use crate::model::catalogue::{Catalogue, Reach};
use crate::model::id::{ComponentId, OrganisationId};
use crate::model::time::Timestamp;

/// Most removed components that are remembered; of more the one removed longest ago is forgotten.
const REMOVED_MAX: usize = 2_000;

impl State {
    /// Keeps everything of what is still there under its id or a former one.
    pub(super) fn adopt(&mut self, version: u32, catalogue: &Arc<Catalogue>, at: Timestamp) {
        let old = std::mem::replace(&mut self.catalogue, Arc::clone(catalogue));
        let mut old_components: Vec<Option<ComponentRecord>> =
            std::mem::take(&mut self.record.components).into_iter().map(Some).collect();
        let mut old_checks: Vec<Option<CheckRecord>> =
            std::mem::take(&mut self.record.checks).into_iter().map(Some).collect();
        let mut came_from = Vec::with_capacity(catalogue.components.len());
        for component in &catalogue.components {
            let former = std::iter::once(&component.id)
                .chain(&component.formerly)
                .find_map(|id| old.component_index(id.as_str()))
                .filter(|&index| old_components.get(index as usize).is_some_and(Option::is_some));
            let kept = former.and_then(|index| old_components.get_mut(index as usize)?.take());
            let mut record = kept.unwrap_or_else(|| ComponentRecord::new(at));
            let was_public = former.and_then(|index| old.component(index)).is_none_or(|before| before.public);
            if component.public && !was_public {
                // How it did while it was internal is nobody's business.
                Arc::make_mut(&mut record.intervals).forget_before(at);
            }
            self.record.components.push(record);
            came_from.push(former);
        }
        for check in &catalogue.checks {
            let former = came_from.get(check.component as usize).copied().flatten();
            let kept = former.and_then(|index| {
                let mut there = old.node(index)?.checks.clone();
                let before = there.find(|&c| old.checks.get(c as usize).is_some_and(|old| old.id == check.id))?;
                old_checks.get_mut(before as usize)?.take()
            });
            self.record.checks.push(kept.unwrap_or_else(|| CheckRecord::new(at)));
        }
        self.remember_removed(&old);
        self.rename(catalogue);
        self.record.catalogue_version = version;
        self.rebuild();
        self.dirty = self.catalogue.order().iter().copied().zip(0..).map(|(index, rank)| (rank, index)).collect();
        self.all_touched = true;
        self.orphans_due = true;
    }

    /// Remembers which public components of the old catalogue are gone, so that their pages can say
    /// so. One that was renamed is not gone, and one that is back is not, either.
    fn remember_removed(&mut self, old: &Catalogue) {
        let present: HashSet<&ComponentId> = self
            .catalogue
            .components
            .iter()
            .flat_map(|component| std::iter::once(&component.id).chain(&component.formerly))
            .collect();
        let gone = old.components.iter().filter(|component| component.public).map(|component| component.id.clone());
        self.record.removed.extend(gone);
        self.record.removed.retain(|id| !present.contains(id));
        let excess = self.record.removed.len().saturating_sub(REMOVED_MAX);
        self.record.removed.drain(..excess);
    }

    /// Everything goes on under the names that components and organisations have now.
    fn rename(&mut self, catalogue: &Catalogue) {
        let components: Renamed<ComponentId> = catalogue
            .components
            .iter()
            .flat_map(|component| component.formerly.iter().map(|old| (old.clone(), component.id.clone())))
            .filter(|(old, _)| catalogue.component_index(old.as_str()).is_none())
            .collect();
        let organisations: Renamed<OrganisationId> = catalogue
            .organisations
            .iter()
            .flat_map(|organisation| organisation.formerly.iter().map(|old| (old.clone(), organisation.id.clone())))
            .filter(|(old, _)| catalogue.organisation_index(old.as_str()).is_none())
            .collect();
        if components.is_empty() && organisations.is_empty() {
            return;
        }
        for incident in self.record.incidents.values_mut() {
            let before = Arc::clone(incident);
            let incident = Arc::make_mut(incident);
            rename(&mut incident.root, &components);
            incident.concerned.iter_mut().for_each(|concerned| rename(&mut concerned.component, &components));
            incident.concerned.sort_by(|a, b| a.component.cmp(&b.component));
            incident.given = keys(&before.given, &components);
            incident.attached = before.attached.iter().map(|id| renamed(id, &components)).collect();
            incident.unaffected.iter_mut().for_each(|id| rename(id, &components));
            incident.overlays = keys(&before.overlays, &organisations);
            incident.withdrawn = keys(&before.withdrawn, &organisations);
            // What feeds have told keeps the id under which it was told.
            for id in before.overlays.keys().chain(before.withdrawn.keys()) {
                let now = renamed(id, &organisations);
                let words = incident.overlays.get_mut(&now).map(|overlay| &mut overlay.said_as);
                let words = words.or_else(|| incident.withdrawn.get_mut(&now).map(|withdrawn| &mut withdrawn.said_as));
                if let Some(said_as) = words.filter(|_| now != *id) {
                    said_as.get_or_insert_with(|| id.clone());
                }
            }
            for (update, before) in incident.updates.iter_mut().zip(&before.updates) {
                update.components = keys(&before.components, &components);
                update.organisations.iter_mut().for_each(|id| rename(id, &organisations));
            }
        }
        for notice in self.record.maintenance.values_mut().map(Arc::make_mut) {
            notice.components.iter_mut().for_each(|covered| rename(&mut covered.component, &components));
            notice.unaffected.iter_mut().for_each(|id| rename(id, &components));
            for update in &mut notice.updates {
                update.ended.iter_mut().for_each(|(id, _)| rename(id, &components));
            }
        }
        let locals = self.record.locals.values_mut().chain(&mut self.record.changes);
        for local in locals.map(Arc::make_mut) {
            if let Some(now) = components.get(&local.component) {
                let before = std::mem::replace(&mut local.component, now.clone());
                local.said_as.get_or_insert(before);
            }
            for reach in &mut local.organisations {
                if let Reach::Organisation(id) | Reach::Except(id) = reach {
                    rename(id, &organisations);
                }
            }
        }
        self.record.overrides = keys(&self.record.overrides, &components);
    }

    /// Moves every deadline with the clock; what is published stays.
    pub(super) fn shift(&mut self, by_ms: i64) {
        let move_on = |at: &mut Timestamp| *at = at.shifted(by_ms);
        if by_ms > 0 {
            move_on(&mut self.record.at);
            for record in &mut self.record.checks {
                record.seen_at.iter_mut().for_each(move_on);
                record.slot.iter_mut().for_each(move_on);
                if let Some((started_at, ended_at)) = &mut record.good {
                    move_on(started_at);
                    move_on(ended_at);
                }
                record.streak.waits_until.iter_mut().for_each(move_on);
                for result in &mut record.streak.results {
                    move_on(&mut result.started_at);
                    move_on(&mut result.ended_at);
                }
            }
            for incident in self.record.incidents.values_mut().filter(|incident| incident.is_open()) {
                Arc::make_mut(incident).monitoring_since.iter_mut().for_each(move_on);
            }
            self.rebuild();
        }
    }
}

/// Former ids and what they are called now.
type Renamed<Id> = BTreeMap<Id, Id>;

fn renamed<Id: Ord + Clone>(id: &Id, names: &Renamed<Id>) -> Id {
    names.get(id).unwrap_or(id).clone()
}

fn rename<Id: Ord + Clone>(id: &mut Id, names: &Renamed<Id>) {
    if let Some(now) = names.get(id) {
        *id = now.clone();
    }
}

fn keys<Id: Ord + Clone, T: Clone>(of: &BTreeMap<Id, T>, names: &Renamed<Id>) -> BTreeMap<Id, T> {
    of.iter().map(|(id, value)| (renamed(id, names), value.clone())).collect()
}
