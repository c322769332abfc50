//! The state: the fold over the log, and what is derived from it for speed.
//!
//! [`Record`] is what the log determines; it is what a checkpoint holds and what two runs are
//! compared by. Beside it stand indexes that are rebuilt from it (timers, the set of failing
//! components, the public faces), and answers over our own paths, which are not recorded.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::confirm;
use crate::engine::notices;
use crate::engine::timers::{Timer, Timers};
use crate::engine::vantage::{Answers, Failed};
use crate::model::availability::Intervals;
use crate::model::catalogue::Catalogue;
use crate::model::event::{Event, Logged, Streak};
use crate::model::id::{ComponentId, IncidentId, MaintenanceId};
use crate::model::incident::{CLOSED_INCIDENTS_MAX, Incident};
use crate::model::local::{Locals, PublicLocal};
use crate::model::notice::{LocalNotice, MaintenanceNotice, Override};
use crate::model::observation::Judged;
use crate::model::snapshot::{ComponentState, PublicCatalogue, PublicIncident, PublicMaintenance};
use crate::model::status::{Evidence, Status};
use crate::model::time::Timestamp;
use crate::model::verdict::{Path, Reason, Verdict};

/// Version of a checkpoint's encoding; another one is not read, the log is replayed instead.
pub const CHECKPOINT_FORMAT: u32 = 4;

/// A check's confirmed standing and what may change it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// The confirmed verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<Reason>,
    /// Since when.
    pub since: Timestamp,
    /// When that was recorded.
    #[serde(default)]
    pub turned_at: Timestamp,
    /// Results in a row that differ from it.
    pub streak: Streak,
    /// The slot of the last counted result.
    pub slot: Option<Timestamp>,
    /// When the last counted result ended: evidence lasts from here.
    pub seen_at: Option<Timestamp>,
    /// When the last counted success began and ended.
    pub good: Option<(Timestamp, Timestamp)>,
}

impl CheckRecord {
    /// A check that was never probed.
    pub fn new(since: Timestamp) -> Self {
        Self {
            verdict: Verdict::Unknown,
            reason: None,
            since,
            turned_at: since,
            streak: Streak::default(),
            slot: None,
            seen_at: None,
            good: None,
        }
    }
}

/// A component's published status and its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentRecord {
    /// Whether a status was ever decided for it.
    pub decided: bool,
    /// Its status.
    pub status: Status,
    /// The worst of own evidence and parts alone.
    pub without_derived: Status,
    /// Where the status comes from.
    pub evidence: Evidence,
    /// Since when.
    pub since: Timestamp,
    /// The reason of its own failing check.
    pub reason: Option<Reason>,
    /// From the worst parent to the root.
    pub affected_by: Vec<ComponentId>,
    /// The last status before it became unknown.
    pub last_known: Option<Status>,
    /// Its intervals.
    pub intervals: Arc<Intervals>,
}

impl ComponentRecord {
    pub(super) fn new(since: Timestamp) -> Self {
        Self {
            decided: false,
            status: Status::Unknown,
            without_derived: Status::Unknown,
            evidence: Evidence::Declared,
            since,
            reason: None,
            affected_by: Vec::new(),
            last_known: None,
            intervals: Arc::default(),
        }
    }
}

/// What the log determines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The store's epoch: seed of incident ids.
    pub epoch: u64,
    /// Position of the last event.
    pub position: u64,
    /// The latest time recorded.
    pub at: Timestamp,
    /// Version of the catalogue in force; 0 before the first.
    pub catalogue_version: u32,
    /// By check index.
    pub checks: Vec<CheckRecord>,
    /// By component index.
    pub components: Vec<ComponentRecord>,
    /// Incidents by id.
    pub incidents: BTreeMap<IncidentId, Arc<Incident>>,
    /// Maintenances by id.
    pub maintenance: BTreeMap<MaintenanceId, Arc<MaintenanceNotice>>,
    /// What differs in some towns, by key.
    pub locals: BTreeMap<u64, Arc<LocalNotice>>,
    /// What came to differ and what ended, oldest first, for feeds.
    pub changes: Vec<Arc<LocalNotice>>,
    /// Statuses set by hand.
    pub overrides: BTreeMap<ComponentId, Override>,
    /// Paths of our own that are cut.
    pub blind: BTreeSet<Path>,
    /// Public components that are not watched any more, the one removed longest ago first.
    pub removed: Vec<ComponentId>,
}

/// The state. See the module's words on what is recorded and what is derived.
#[derive(Debug, Clone)]
pub struct State {
    /// What the log determines.
    pub record: Record,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) timers: Timers,
    pub(super) answers: Answers,
    /// The last counted failure per check, while its confirmation may need it.
    pub(super) failed: BTreeMap<u32, Failed>,
    /// Checks that failed on, and nothing has answered over the paths of their last failure yet.
    pub(super) doubted: BTreeSet<u32>,
    /// Checks whose evidence has a timer.
    armed: HashSet<u32>,
    /// Checks that wait for a reference.
    pub(super) waiting: BTreeSet<u32>,
    /// Whether the next step is the first after a restart, or with another catalogue or clock.
    pub(super) resumes: bool,
    /// Components whose status must be decided anew, by (rank, index).
    pub(super) dirty: BTreeSet<(u32, u32)>,
    /// Components whose own checks say that something is wrong, and what.
    pub(super) failing: BTreeMap<u32, Status>,
    /// Components whose own checks say nothing at the moment.
    pub(super) clueless: BTreeSet<u32>,
    /// New roots that wait until then for word of what they depend on.
    pub(super) deferred: BTreeMap<u32, Timestamp>,
    /// Components whose checks said something that may bear on incidents in this step.
    pub(super) touched: BTreeSet<u32>,
    /// Whether every component counts as touched: a catalogue was adopted.
    pub(super) all_touched: bool,
    /// Whether incidents may stand whose components are gone.
    pub(super) orphans_due: bool,
    /// Components whose status changed in this step.
    pub(super) changed: BTreeSet<u32>,
    /// Components that an active maintenance covers.
    pub(super) covered: BTreeSet<u32>,
    /// Components that an active maintenance leaves as they are, with what it covers.
    pub(super) spared: BTreeMap<u32, BTreeSet<u32>>,
    /// The worst state that editors give each component in open incidents.
    pub(super) given: BTreeMap<u32, Status>,
    /// The roots that editors (or a storm) set, of open incidents.
    pub(super) set_roots: BTreeMap<u32, IncidentId>,
    /// Roots that are continued in another open incident, with its root.
    pub(super) attached: BTreeMap<u32, u32>,
    /// Keys of what the catalogue declares to differ in some towns, once they are known.
    pub(super) declared_locals: Option<Arc<Vec<(u64, u32, u32)>>>,
    /// Whether what is declared must be compared with what was announced.
    pub(super) planned_due: bool,
    /// Whether announcements may carry the date that a file gives them, though it lies in the
    /// past: only in a story that is told afterwards.
    pub(super) may_backdate: bool,
    /// Faces for the public.
    pub(super) public: PublicFaces,
}

/// What the public sees, kept from one snapshot to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct PublicFaces {
    /// Not yet shown at all.
    pub(super) new: bool,
    pub(super) catalogue: Arc<PublicCatalogue>,
    /// Catalogue index → public index.
    pub(super) index: Vec<Option<u32>>,
    pub(super) states: Vec<Arc<ComponentState>>,
    pub(super) incidents: BTreeMap<IncidentId, Arc<PublicIncident>>,
    /// Component index → the open incidents that concern it.
    pub(super) incidents_of: BTreeMap<u32, BTreeSet<IncidentId>>,
    /// Components and incidents whose faces are out of date.
    pub(super) stale: BTreeSet<u32>,
    pub(super) stale_incidents: BTreeSet<IncidentId>,
    /// Maintenances that have been over for a while.
    pub(super) past_maintenances: BTreeMap<MaintenanceId, Arc<PublicMaintenance>>,
    /// What differs in some towns, and whether it is out of date.
    pub(super) locals: Arc<Locals>,
    pub(super) changes: Arc<Vec<Arc<PublicLocal>>>,
    pub(super) locals_stale: bool,
}

impl State {
    /// The state before the first event.
    pub fn new(epoch: u64) -> Self {
        Self::from_record(
            Record {
                epoch,
                position: 0,
                at: Timestamp::default(),
                catalogue_version: 0,
                checks: Vec::new(),
                components: Vec::new(),
                incidents: BTreeMap::new(),
                maintenance: BTreeMap::new(),
                locals: BTreeMap::new(),
                changes: Vec::new(),
                overrides: BTreeMap::new(),
                blind: BTreeSet::new(),
                removed: Vec::new(),
            },
            Arc::default(),
        )
    }

    /// A state from a checkpoint; `catalogue` must be the one of its `catalogue_version`.
    pub fn from_record(record: Record, catalogue: Arc<Catalogue>) -> Self {
        let mut state = Self {
            record,
            catalogue,
            timers: Timers::default(),
            answers: Answers::default(),
            failed: BTreeMap::new(),
            doubted: BTreeSet::new(),
            armed: HashSet::new(),
            waiting: BTreeSet::new(),
            resumes: false,
            dirty: BTreeSet::new(),
            failing: BTreeMap::new(),
            clueless: BTreeSet::new(),
            deferred: BTreeMap::new(),
            touched: BTreeSet::new(),
            all_touched: false,
            orphans_due: false,
            changed: BTreeSet::new(),
            covered: BTreeSet::new(),
            spared: BTreeMap::new(),
            given: BTreeMap::new(),
            set_roots: BTreeMap::new(),
            attached: BTreeMap::new(),
            declared_locals: None,
            planned_due: true,
            may_backdate: false,
            public: PublicFaces::default(),
        };
        state.rebuild();
        state
    }

    /// The state before the first event of a story that is told afterwards: what its files say
    /// was announced then, was.
    pub fn of_story(epoch: u64) -> Self {
        Self { may_backdate: true, ..Self::new(epoch) }
    }

    /// The catalogue in force.
    pub const fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// When the next timer is due; it may turn out to have moved on.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Applies an event of the log. Never decides; what an event speaks of and is not there any
    /// more is passed over.
    pub fn apply(&mut self, logged: &Logged) {
        self.record.position = logged.position;
        self.record.at = self.record.at.max(logged.at);
        match &logged.event {
            Event::CatalogueAdopted { version, catalogue } => self.adopt(*version, catalogue, logged.at),
            Event::CheckCounted { check, streak } => {
                if let Some(index) = self.catalogue.check_index(check) {
                    self.set_streak(index, streak.clone());
                }
            }
            Event::CheckTurned { check, verdict, reason, since } => {
                if let Some(index) = self.catalogue.check_index(check) {
                    self.turn_check(index, *verdict, *reason, (*since, logged.at));
                }
            }
            Event::StatusChanged(changed) => {
                if let Some(index) = self.catalogue.component_index(changed.component.as_str()) {
                    if let Some(record) = self.record.components.get_mut(index as usize) {
                        if changed.status == Status::Unknown && record.status != Status::Unknown {
                            record.last_known = Some(record.status);
                        } else if changed.status != Status::Unknown {
                            record.last_known = None;
                        }
                        record.decided = true;
                        record.status = changed.status;
                        record.without_derived = changed.without_derived;
                        record.evidence = changed.evidence;
                        record.since = changed.since;
                        record.reason = changed.reason;
                        record.affected_by.clone_from(&changed.affected_by);
                        Arc::make_mut(&mut record.intervals).begin(changed.since, changed.status, changed.evidence);
                    }
                    self.public.stale.insert(index);
                }
            }
            Event::IncidentOpened(incident) => {
                let opened = Incident { revision: logged.position, ..(**incident).clone() };
                if let Some(by) = opened.next_update_by {
                    self.timers.set(by, Timer::Planned);
                }
                self.record.incidents.insert(incident.id.clone(), Arc::new(opened));
                self.incident_applied(&incident.id, logged.at);
            }
            Event::IncidentMoved { id, status, impact, root, title, merged_into, concerned, attached, update } => {
                if let Some(incident) = self.record.incidents.get_mut(id) {
                    let before = Arc::clone(incident);
                    let incident = Arc::make_mut(incident);
                    incident.revision = logged.position;
                    notices::turn(incident, *status, logged.at);
                    incident.impact = *impact;
                    incident.root = root.clone();
                    if let Some(title) = title {
                        incident.title = title.clone();
                    }
                    incident.merged_into.clone_from(merged_into);
                    notices::concern(incident, concerned);
                    incident.attached.extend(attached.iter().cloned());
                    incident.updates.extend(update.as_deref().cloned());
                    incident.note_head(&before, logged.at);
                }
                self.incident_applied(id, logged.at);
            }
            Event::IncidentEdited { id, edit } => self.incident_edited(id, edit, logged.position, logged.at),
            Event::UpdateRetracted { id, number } => self.update_retracted(id, *number, logged.position, logged.at),
            Event::UpdateCorrected { id, number, body } => {
                self.update_corrected(id, *number, body, logged.position, logged.at);
            }
            Event::OverlaySet { id, organisation, overlay } => {
                self.overlay_set(id, organisation, overlay.as_ref(), (logged.position, logged.at));
            }
            Event::MaintenancePlanned(notice) => self.maintenance_planned(notice, logged.position),
            Event::MaintenanceEdited { id, edit } => self.maintenance_edited(id, edit, logged.position),
            Event::MaintenanceMoved { id, phase, next, update } => {
                let when = (logged.position, logged.at);
                self.maintenance_moved(id, *phase, next.as_ref(), update.as_ref(), when);
            }
            Event::LocalBegan(local) => self.local_began(local),
            Event::LocalEnded { key } => self.local_ended(*key, logged.at),
            Event::OverrideSet { component, set } => self.override_set(component, set.as_ref()),
            Event::PathTurned { path, blind } => {
                if *blind {
                    self.record.blind.insert(*path);
                } else {
                    self.record.blind.remove(path);
                }
            }
            Event::ClockStepped { by_ms } => self.shift(*by_ms),
            Event::Skipped { .. } => {}
        }
    }

    /// A counted result that is not an event: it keeps evidence fresh.
    pub fn refresh(&mut self, judged: &Judged) {
        let good = matches!(judged.verdict, Verdict::Up | Verdict::Degraded);
        self.saw(judged.check, Some(judged.slot), judged.ended_at, good.then_some(judged.started_at));
    }

    /// A counted result that is no evidence: only its slot is kept, so that it counts once.
    pub(super) fn slot_counted(&mut self, judged: &Judged) {
        if let Some(record) = self.record.checks.get_mut(judged.check as usize) {
            record.slot = record.slot.max(Some(judged.slot));
        }
    }

    /// Evidence read back from the store: when a check's last counted result ended.
    pub fn saw(&mut self, check: u32, slot: Option<Timestamp>, ended_at: Timestamp, good_since: Option<Timestamp>) {
        let Some(record) = self.record.checks.get_mut(check as usize) else { return };
        record.slot = record.slot.max(slot);
        record.seen_at = record.seen_at.max(Some(ended_at));
        if let Some(started_at) = good_since {
            record.good = record.good.max(Some((started_at, ended_at)));
        }
        if !self.armed.contains(&check) {
            self.arm_expiry(check);
        }
    }

    /// When the evidence of a check expires.
    pub(super) fn expires_at(&self, check: u32) -> Option<Timestamp> {
        let seen_at = self.record.checks.get(check as usize)?.seen_at?;
        let check = self.catalogue.checks.get(check as usize)?;
        Some(seen_at.plus(confirm::evidence_lasts(check.interval, check.timeout)))
    }

    /// Whether a check was probed lately enough for its evidence to hold.
    pub fn has_fresh_evidence(&self, check: u32, now: Timestamp) -> bool {
        self.expires_at(check).is_some_and(|deadline| deadline > now)
    }

    /// Sets the timer of a check's evidence. It is armed once and moves on when it fires early,
    /// so that a success costs nothing here.
    pub(super) fn arm_expiry(&mut self, check: u32) {
        if let Some(deadline) = self.expires_at(check) {
            self.timers.set(deadline, Timer::Evidence(check));
            self.armed.insert(check);
        }
    }

    /// The timer of a check's evidence has fired for good.
    pub(super) fn disarm_expiry(&mut self, check: u32) {
        self.armed.remove(&check);
    }

    fn set_streak(&mut self, index: u32, streak: Streak) {
        if let Some(until) = streak.waits_until {
            self.timers.set(until, Timer::Wait(index));
            self.waiting.insert(index);
        } else {
            self.waiting.remove(&index);
        }
        if let Some(record) = self.record.checks.get_mut(index as usize) {
            record.streak = streak;
        }
        // Whoever waits for this check to be confirmed or not may go on.
        self.touched.extend(self.catalogue.checks.get(index as usize).map(|check| check.component));
    }

    fn turn_check(
        &mut self,
        index: u32,
        verdict: Verdict,
        reason: Option<Reason>,
        (since, turned_at): (Timestamp, Timestamp),
    ) {
        let Some(record) = self.record.checks.get_mut(index as usize) else { return };
        record.verdict = verdict;
        record.reason = reason;
        record.since = since;
        record.turned_at = turned_at;
        record.streak.waits_until = None;
        confirm::used_up(verdict, &mut record.streak.results);
        if verdict == Verdict::Unknown && reason.is_none() {
            record.streak.results.clear();
        }
        self.waiting.remove(&index);
        if let Some(component) = self.catalogue.checks.get(index as usize).map(|check| check.component) {
            self.mark_dirty(component);
            self.note_own(component);
        }
    }

    /// Rebuilds everything that is derived from the record.
    pub(super) fn rebuild(&mut self) {
        self.timers = Timers::default();
        self.armed.clear();
        self.waiting.clear();
        self.failed.clear();
        self.doubted.clear();
        self.answers = Answers::default();
        self.dirty.clear();
        self.failing.clear();
        self.clueless.clear();
        self.deferred.clear();
        for index in (0u32..).take(self.record.checks.len()) {
            self.arm_expiry(index);
            let waits = self.record.checks.get(index as usize).and_then(|record| record.streak.waits_until);
            if let Some(until) = waits {
                self.timers.set(until, Timer::Wait(index));
                self.waiting.insert(index);
            }
        }
        for index in (0u32..).take(self.record.components.len()) {
            self.note_own(index);
        }
        let quiet: Vec<_> = self
            .record
            .incidents
            .values()
            .filter_map(|incident| Some((incident.monitoring_since?, incident.id.clone())))
            .collect();
        for (since, id) in quiet {
            self.timers.set(since.plus(self.catalogue.watch.quiet), Timer::Quiet(id));
        }
        self.resumes = true;
        self.planned_due = true;
        self.declared_locals = None;
        self.all_touched = true;
        self.arm_planned();
        self.recompute_covered();
        self.recompute_given();
        self.rebuild_public();
    }

    pub(super) fn incident_applied(&mut self, id: &IncidentId, at: Timestamp) {
        let Some(incident) = self.record.incidents.get_mut(id).map(notices::remember_impact) else { return };
        let open = incident.is_open();
        let speaks = incident.touched || incident.root_set || !incident.attached.is_empty();
        if incident.monitoring_since == Some(at) {
            self.timers.set(at.plus(self.catalogue.watch.quiet), Timer::Quiet(id.clone()));
        }
        let concerned: Vec<u32> =
            incident.concerned.iter().filter_map(|c| self.catalogue.component_index(c.component.as_str())).collect();
        for component in concerned {
            let there = self.public.incidents_of.entry(component).or_default();
            if open {
                there.insert(id.clone());
            } else {
                there.remove(id);
            }
            if there.is_empty() {
                self.public.incidents_of.remove(&component);
            }
            self.public.stale.insert(component);
        }
        self.public.stale_incidents.insert(id.clone());
        if !open {
            self.forget_old_incidents();
        }
        if speaks {
            self.recompute_given();
        }
    }

    /// Keeps at most [`CLOSED_INCIDENTS_MAX`] closed incidents: the newest.
    fn forget_old_incidents(&mut self) {
        let mut closed: Vec<(Timestamp, IncidentId)> = self
            .record
            .incidents
            .values()
            .filter_map(|incident| Some((incident.resolved_at?, incident.id.clone())))
            .collect();
        if closed.len() > CLOSED_INCIDENTS_MAX {
            closed.sort();
            for (_, id) in closed.iter().take(closed.len() - CLOSED_INCIDENTS_MAX) {
                self.record.incidents.remove(id);
                self.public.incidents.remove(id);
            }
        }
    }

    /// Marks a component for a new decision.
    pub(super) fn mark_dirty(&mut self, component: u32) {
        if let Some(node) = self.catalogue.node(component) {
            self.dirty.insert((node.rank, component));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use crate::model::check::{Check, DegradedWhen, DnsProbe, Expect, Probe, Proves, WarnWhen};
    use crate::model::id::CheckId;

    /// A check with the given thresholds, every minute.
    pub(in crate::engine) fn check(down_after: u32, up_after: u32) -> Check {
        Check {
            id: CheckId::new("c"),
            component: 0,
            probe: Probe::Dns(DnsProbe { name: "example.org".into(), record_type: "A".into(), resolver: None }),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            down_after,
            up_after,
            retry_interval: Duration::from_secs(10),
            expect: Expect::default(),
            degraded: DegradedWhen::default(),
            warn: WarnWhen::default(),
            failure: None,
            proves: Proves::Front,
        }
    }
}
