//! Applying what touches the whole state: another catalogue, and a clock that was set.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::state::{CheckRecord, ComponentRecord, State};
use crate::model::catalogue::Catalogue;
use crate::model::id::ComponentId;
use crate::model::time::Timestamp;

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
            self.record.components.push(kept.unwrap_or_else(|| ComponentRecord::new(at)));
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
        self.rename_in_incidents(catalogue);
        self.record.catalogue_version = version;
        self.rebuild();
        self.dirty = self.catalogue.order().iter().copied().zip(0..).map(|(index, rank)| (rank, index)).collect();
        self.all_touched = true;
        self.orphans_due = true;
    }

    /// Open incidents go on under the names that their components have now.
    fn rename_in_incidents(&mut self, catalogue: &Catalogue) {
        let renamed: BTreeMap<&ComponentId, &ComponentId> = catalogue
            .components
            .iter()
            .flat_map(|component| component.formerly.iter().map(|old| (old, &component.id)))
            .filter(|(old, _)| catalogue.component_index(old.as_str()).is_none())
            .collect();
        if renamed.is_empty() {
            return;
        }
        for incident in self.record.incidents.values_mut().filter(|incident| incident.is_open()) {
            let incident = Arc::make_mut(incident);
            if let Some(&new) = renamed.get(&incident.root) {
                incident.root = new.clone();
            }
            for concerned in &mut incident.concerned {
                if let Some(&new) = renamed.get(&concerned.component) {
                    concerned.component = new.clone();
                }
            }
            incident.concerned.sort_by(|a, b| a.component.cmp(&b.component));
        }
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
