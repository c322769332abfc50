//! Planned work and planned lives: what files announce, which phase a maintenance is in, what it
//! covers, and what differs in some towns from when to when. Decided from the catalogue, the
//! notices and the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::engine::schedule::stable_key;
use crate::engine::state::State;
use crate::engine::step::Step;
use crate::engine::timers::Timer;
use crate::model::catalogue::{Catalogue, Ends, Local, Maintenance};
use crate::model::event::{Event, MaintenancePhase};
use crate::model::id::ComponentId;
use crate::model::incident::{Body, Message, MessageCode, WORDING};
use crate::model::notice::{CoveredNotice, LocalNotice, MaintenanceEdit, MaintenanceNotice, MaintenanceUpdate};
use crate::model::recurrence;
use crate::model::time::Timestamp;
use crate::model::window::{When, Window};

/// The phase of a maintenance at `at`, as its times have it.
pub(super) fn phase(notice: &MaintenanceNotice, at: Timestamp) -> MaintenancePhase {
    if at < notice.from.at {
        MaintenancePhase::Announced
    } else if at < notice.until.at {
        MaintenancePhase::InProgress
    } else {
        match notice.ends {
            Ends::OnNotice if notice.recurring.is_none() => MaintenancePhase::Overrunning,
            Ends::ByItself | Ends::OnNotice => MaintenancePhase::Completed,
        }
    }
}

/// A word of ours on a maintenance.
pub(super) fn word(
    notice: &MaintenanceNotice,
    code: MessageCode,
    at: Timestamp,
    phase: MaintenancePhase,
) -> MaintenanceUpdate {
    let message = Message { code, wording: WORDING, component: notice.title.clone(), status: None, reason: None };
    MaintenanceUpdate {
        number: notice.next_number(),
        at,
        phase,
        body: Body::Automatic(message),
        ended: Vec::new(),
        announced: None,
    }
}

impl State {
    /// Decides everything that is planned: announcements, phases, local differences and the ends
    /// of what was set by hand.
    pub(super) fn decide_planned(&mut self, step: &mut Step, at: Timestamp) {
        self.planned_due = false;
        self.decide_declared(step, at);
        self.decide_phases(step, at);
        self.decide_locals(step, at);
        let lapsed: Vec<_> = self
            .record
            .overrides
            .iter()
            .filter(|(component, set)| !set.holds(at) || self.catalogue.component_index(component.as_str()).is_none())
            .map(|(component, _)| component.clone())
            .collect();
        for component in lapsed {
            self.emit(step, at, Event::OverrideSet { component, set: None });
        }
    }

    /// Announces what files declare anew or otherwise than before, and calls off what they do
    /// not declare any more. What an editor changed stays until the file changes.
    fn decide_declared(&mut self, step: &mut Step, at: Timestamp) {
        let catalogue = Arc::clone(&self.catalogue);
        for declared in &catalogue.maintenances {
            let known = self.record.maintenance.get(&declared.id).cloned();
            // What an editor announced under this id is not a file's to replace.
            if known.as_ref().is_some_and(|known| known.declared.is_none()) {
                continue;
            }
            let Some(notice) = self.notice(&catalogue, declared, known.as_deref(), at) else { continue };
            let same = known.as_ref().is_some_and(|known| known.declared == notice.declared);
            let long_over = known.is_none() && phase(&notice, at) == MaintenancePhase::Completed;
            if !same && !long_over {
                self.emit(step, at, Event::MaintenancePlanned(Box::new(notice)));
            }
        }
        let gone: Vec<_> = self
            .record
            .maintenance
            .values()
            .filter(|notice| notice.declared.is_some() && !notice.is_over())
            .filter(|notice| !catalogue.maintenances.iter().any(|declared| declared.id == notice.id))
            .cloned()
            .collect();
        for notice in gone {
            let phase = MaintenancePhase::Cancelled;
            let edit = MaintenanceEdit {
                phase: Some(phase),
                ended_at: Some(at),
                rescheduled: true,
                removed: true,
                update: Some(word(&notice, MessageCode::CalledOff, at, phase)),
                ..MaintenanceEdit::default()
            };
            self.emit(step, at, Event::MaintenanceEdited { id: notice.id.clone(), edit: Box::new(edit) });
        }
    }

    /// The notice of a declared maintenance.
    fn notice(
        &self,
        catalogue: &Catalogue,
        declared: &Maintenance,
        known: Option<&MaintenanceNotice>,
        at: Timestamp,
    ) -> Option<MaintenanceNotice> {
        let id = |index: u32| catalogue.component(index).map(|component| component.id.clone());
        let components: Vec<CoveredNotice> = declared
            .components
            .iter()
            .filter_map(|covered| {
                let component = id(covered.component)?;
                let before = known.and_then(|known| known.covers(&component));
                let ended_at = before.and_then(|before| before.ended_at);
                Some(CoveredNotice { component, until: covered.until.clone(), ended_at })
            })
            .collect();
        let owner = declared.components.first().and_then(|covered| catalogue.component(covered.component))?.owner;
        let zone = catalogue.organisations.get(owner as usize).and_then(|owner| owner.timezone.clone());
        let zone = zone.unwrap_or_else(|| catalogue.site.timezone.clone());
        // The hash is over names: indexes move whenever a component is added.
        let named: Vec<_> = components.iter().map(|covered| (&covered.component, &covered.until)).collect();
        let unaffected: Vec<_> = declared.unaffected.iter().filter_map(|&index| id(index)).collect();
        let rest = Maintenance { components: Vec::new(), unaffected: Vec::new(), ..declared.clone() };
        let hash = stable_key(&serde_json::to_string(&(&named, &unaffected, &rest)).ok()?);
        let said = declared.announced_at.clone().filter(|said| self.may_backdate || said.at >= at);
        let announced_at =
            known.map_or_else(|| said.unwrap_or_else(|| When::instant(at)), |known| known.announced_at.clone());
        let mut notice = MaintenanceNotice {
            id: declared.id.clone(),
            title: declared.title.clone(),
            text: None,
            components,
            programme: declared.programme.clone(),
            from: declared.from.clone(),
            until: declared.until.clone(),
            ends: declared.ends,
            announced_at,
            last_chance_before: declared.last_chance_before.clone(),
            back_from: declared.back_from.clone(),
            unaffected,
            series: declared.recurring.as_ref().map(|_| (declared.from.clone(), declared.until.clone())),
            recurring: declared.recurring.clone(),
            alternatives: declared.alternatives.clone(),
            zone,
            phase: MaintenancePhase::Announced,
            ended_at: None,
            sequence: known.map_or(0, |known| known.sequence.saturating_add(1)),
            declared: Some(hash),
            updates: known.map(|known| known.updates.clone()).unwrap_or_default(),
            revision: 0,
        };
        if notice.recurring.is_some() {
            let (from, until) = next_occurrence(&notice, at)?;
            (notice.from, notice.until) = (from, until);
        }
        let (code, told_at) =
            if known.is_some() { (MessageCode::Replanned, at) } else { (MessageCode::Planned, notice.announced_at.at) };
        let update = word(&notice, code, told_at, MaintenancePhase::Announced);
        notice.updates.push(update);
        Some(notice)
    }

    /// Brings every maintenance into the phase that it has at `at`.
    fn decide_phases(&mut self, step: &mut Step, at: Timestamp) {
        let open: Vec<_> = self.record.maintenance.values().filter(|notice| !notice.is_over()).cloned().collect();
        for notice in open {
            let mut now = phase(&notice, at);
            let mut next = None;
            if notice.recurring.is_some() && now == MaintenancePhase::Completed {
                next = next_occurrence(&notice, at);
                if let Some((from, _)) = &next {
                    now = if from.at <= at { MaintenancePhase::InProgress } else { MaintenancePhase::Announced };
                }
            }
            if now == notice.phase && next.is_none() {
                continue;
            }
            let code = match now {
                MaintenancePhase::InProgress => Some(MessageCode::Began),
                MaintenancePhase::Overrunning => Some(MessageCode::Overran),
                MaintenancePhase::Completed => Some(MessageCode::Ended),
                MaintenancePhase::Announced | MaintenancePhase::Cancelled => None,
            };
            // Of what comes round each month readers are told once, when it is announced.
            let code = code.filter(|_| notice.recurring.is_none());
            let update = code.map(|code| word(&notice, code, at, now));
            self.emit(step, at, Event::MaintenanceMoved { id: notice.id.clone(), phase: now, next, update });
        }
    }

    /// Begins and ends what differs in some towns.
    fn decide_locals(&mut self, step: &mut Step, at: Timestamp) {
        let catalogue = Arc::clone(&self.catalogue);
        // With thousands of towns the keys cost more than all the rest, so they are kept.
        let keyed = self.declared_locals.get_or_insert_with(|| Arc::new(keyed_locals(&catalogue))).clone();
        let mut declared: BTreeMap<u64, LocalNotice> = BTreeMap::new();
        for &(key, component, local) in keyed.iter() {
            let Some(local) = catalogue.locals.get(local as usize) else { continue };
            let holds = local.from.as_ref().is_none_or(|from| from.at <= at)
                && local.until.as_ref().is_none_or(|until| until.at > at);
            if let Some(component) = catalogue.component(component).filter(|_| holds) {
                let notice = LocalNotice {
                    key,
                    component: component.id.clone(),
                    organisations: local.organisations.clone(),
                    status: local.status,
                    mode: local.mode,
                    released: local.released,
                    processing: local.processing,
                    delivery: None,
                    text: local.text.clone(),
                    alternatives: local.alternatives.clone(),
                    since: at,
                    until: local.until.as_ref().map(|until| until.at),
                    declared: true,
                    by_owner: false,
                    ended_at: None,
                    said_as: None,
                };
                declared.insert(key, notice);
            }
        }
        let renamed = self.renamed_locals(&declared);
        if !renamed.is_empty() {
            let key = |key: u64| renamed.get(&key).copied().unwrap_or(key);
            let keyed = keyed.iter().map(|&(new, component, local)| (key(new), component, local));
            self.declared_locals = Some(Arc::new(keyed.collect()));
            return self.decide_locals(step, at);
        }
        let over: BTreeSet<u64> = self
            .record
            .locals
            .values()
            .filter(|local| {
                let gone = catalogue.component_index(local.component.as_str()).is_none();
                gone || local.until.is_some_and(|until| until <= at)
                    || local.declared && !declared.contains_key(&local.key)
            })
            .map(|local| local.key)
            .collect();
        for key in over {
            self.emit(step, at, Event::LocalEnded { key });
        }
        for (key, local) in declared {
            if !self.record.locals.contains_key(&key) {
                self.emit(step, at, Event::LocalBegan(Box::new(local)));
            }
        }
    }

    /// What is declared under another name than before goes on: its key, and the one that it has.
    fn renamed_locals(&self, declared: &BTreeMap<u64, LocalNotice>) -> BTreeMap<u64, u64> {
        let locals = &self.record.locals;
        let left = locals.values().filter(|local| local.declared && !declared.contains_key(&local.key));
        let mut left: Vec<&LocalNotice> = left.map(AsRef::as_ref).collect();
        let new = declared.values().filter(|local| !locals.contains_key(&local.key));
        let renamed = new.filter_map(|local| {
            let before = left.iter().position(|before| before.says_the_same(local))?;
            Some((local.key, left.swap_remove(before).key))
        });
        renamed.collect()
    }

    /// Sets a timer at every planned instant still to come.
    pub(super) fn arm_planned(&mut self) {
        let now = self.record.at;
        let catalogue = Arc::clone(&self.catalogue);
        let lives = catalogue
            .components
            .iter()
            .flat_map(|component| component.available_from.iter().chain(&component.retired_at));
        let locals = catalogue.locals.iter().flat_map(|local| local.from.iter().chain(&local.until));
        let lapses = self.record.locals.values().filter_map(|local| local.until);
        let lapses = lapses.chain(self.record.overrides.values().filter_map(|set| set.until));
        let promises = self.record.incidents.values().filter_map(|incident| incident.next_update_by);
        let all = lives.chain(locals).map(|when| when.at).chain(lapses).chain(promises);
        let ahead: Vec<Timestamp> = all.filter(|at| *at > now).collect();
        for at in ahead {
            self.timers.set(at, Timer::Planned);
        }
        let notices: Vec<_> = self.record.maintenance.values().cloned().collect();
        for notice in notices {
            self.arm_maintenance(&notice);
        }
    }

    /// Which components are covered at the moment. What is newly covered or not covered any more
    /// is decided anew.
    pub(super) fn recompute_covered(&mut self) {
        let now = self.record.at;
        let covered: BTreeSet<u32> = self
            .record
            .maintenance
            .values()
            .filter(|notice| notice.is_active())
            .flat_map(|notice| &notice.components)
            .filter(|covered| !covered.is_over(now))
            .filter_map(|covered| self.catalogue.component_index(covered.component.as_str()))
            .collect();
        let index = |id: &ComponentId| self.catalogue.component_index(id.as_str());
        let mut spared: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for notice in self.record.maintenance.values().filter(|notice| notice.is_active()) {
            let covers = notice.components.iter().filter_map(|covered| index(&covered.component));
            for component in notice.unaffected.iter().filter_map(index) {
                spared.entry(component).or_default().extend(covers.clone());
            }
        }
        let before = std::mem::replace(&mut self.spared, spared);
        let either: BTreeSet<u32> = before.keys().chain(self.spared.keys()).copied().collect();
        for component in either {
            if before.get(&component) != self.spared.get(&component) {
                self.mark_dirty(component);
            }
        }
        let changed: Vec<u32> = covered.symmetric_difference(&self.covered).copied().collect();
        self.covered = covered;
        for component in changed {
            self.mark_dirty(component);
            self.note_own(component);
        }
    }
}

/// Occurrences of a recurring maintenance that are announced ahead, after the one at hand.
const UPCOMING_MAX: usize = 12;

/// The occurrence of a recurring maintenance that is under way or comes next.
pub(super) fn next_occurrence(notice: &MaintenanceNotice, at: Timestamp) -> Option<(When, When)> {
    let next = occurrences(notice, at, 1).pop()?;
    Some((When::instant(next.from), When::instant(next.until)))
}

/// The next occurrences of a recurring maintenance after the one at hand.
pub(super) fn upcoming(notice: &MaintenanceNotice) -> Vec<(Timestamp, Timestamp)> {
    let windows = occurrences(notice, notice.until.at, UPCOMING_MAX);
    windows.into_iter().map(|window| (window.from, window.until)).collect()
}

/// The first occurrences that end after `after`, within the series.
fn occurrences(notice: &MaintenanceNotice, after: Timestamp, count: usize) -> Vec<Window> {
    let (Some(recurring), Some((first, last)), Ok(zone)) =
        (&notice.recurring, &notice.series, TimeZone::get(&notice.zone))
    else {
        return Vec::new();
    };
    let after = after.max(first.at);
    let mut windows = recurrence::occurrences(recurring, first.day(&zone), &zone, after, count);
    windows.retain(|window| window.from < last.at);
    windows
}

/// What tells each declared difference apart: a hash of the component's name and of what is
/// declared; with the indexes of the component and of the declaration.
fn keyed_locals(catalogue: &Catalogue) -> Vec<(u64, u32, u32)> {
    let mut keyed = Vec::new();
    for (local, number) in catalogue.locals.iter().zip(0u32..) {
        let rest = Local { components: Vec::new(), ..local.clone() };
        let Ok(rest) = serde_json::to_string(&rest) else { continue };
        for &component in &local.components {
            if let Some(id) = catalogue.component(component).map(|component| &component.id) {
                keyed.push((stable_key(&format!("{id}\n{rest}")), component, number));
            }
        }
    }
    keyed
}
