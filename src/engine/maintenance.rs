//! Planned work and planned lives: which phase a maintenance is in, what it covers, and when a
//! component enters or leaves service. Decided from the catalogue and the time.

use crate::engine::state::State;
use crate::engine::timers::Timer;
use crate::model::catalogue::{Ends, Maintenance};
use crate::model::event::{Event, MaintenancePhase};
use crate::model::time::Timestamp;

/// The phase of a declared maintenance at `at`.
fn phase(maintenance: &Maintenance, at: Timestamp) -> MaintenancePhase {
    if at < maintenance.from.at {
        MaintenancePhase::Announced
    } else if at < maintenance.until.at {
        MaintenancePhase::InProgress
    } else {
        match maintenance.ends {
            Ends::ByItself => MaintenancePhase::Completed,
            Ends::OnNotice => MaintenancePhase::Overrunning,
        }
    }
}

impl State {
    /// The events that bring every maintenance into the phase it has at `at`.
    pub(super) fn decide_maintenance(&self, at: Timestamp) -> Vec<Event> {
        self.catalogue
            .maintenances
            .iter()
            .filter(|maintenance| maintenance.recurring.is_none())
            .map(|maintenance| (maintenance, phase(maintenance, at)))
            .filter(|(maintenance, phase)| self.record.maintenance.get(&maintenance.id) != Some(phase))
            .map(|(maintenance, phase)| Event::MaintenanceMoved { id: maintenance.id.clone(), phase })
            .collect()
    }

    /// Sets a timer at every planned instant still to come.
    pub(super) fn arm_planned(&mut self) {
        let now = self.record.at;
        let catalogue = std::sync::Arc::clone(&self.catalogue);
        let windows = catalogue.maintenances.iter().flat_map(|maintenance| {
            let ends = maintenance.components.iter().filter_map(|covered| covered.until.as_ref());
            [&maintenance.from, &maintenance.until].into_iter().chain(ends)
        });
        let lives = catalogue
            .components
            .iter()
            .flat_map(|component| component.available_from.iter().chain(&component.retired_at));
        let locals = catalogue.locals.iter().flat_map(|local| local.from.iter().chain(&local.until));
        for when in windows.chain(lives).chain(locals).filter(|when| when.at > now) {
            self.timers.set(when.at, Timer::Planned);
        }
    }

    /// Which components are covered at the moment. What is newly covered or not covered any more
    /// is decided anew.
    pub(super) fn recompute_covered(&mut self) {
        let now = self.record.at;
        let covered: std::collections::BTreeSet<u32> = self
            .catalogue
            .maintenances
            .iter()
            .filter(|maintenance| {
                matches!(
                    self.record.maintenance.get(&maintenance.id),
                    Some(MaintenancePhase::InProgress | MaintenancePhase::Overrunning)
                )
            })
            .flat_map(|maintenance| &maintenance.components)
            .filter(|covered| covered.until.as_ref().is_none_or(|until| until.at > now))
            .map(|covered| covered.component)
            .collect();
        let changed: Vec<u32> = covered.symmetric_difference(&self.covered).copied().collect();
        self.covered = covered;
        for component in changed {
            self.mark_dirty(component);
            self.note_own(component);
        }
    }
}
