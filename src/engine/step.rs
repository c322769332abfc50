//! One step: inputs drained together, sorted, decided and applied; roots are decided once at its
//! end, so that the order of the inputs does not matter.

use std::sync::Arc;

use crate::engine::confirm;
use crate::engine::graph::{self, Own, Standing};
use crate::engine::state::State;
use crate::engine::timers::Timer;
use crate::engine::vantage::{self, Failed};
use crate::model::catalogue::Catalogue;
use crate::model::event::{Counted, Event, Logged, StoredResult};
use crate::model::id::CheckKey;
use crate::model::observation::{Judged, Travelled};
use crate::model::status::{Lifecycle, Status};
use crate::model::time::Timestamp;
use crate::model::verdict::{Path, Verdict};

/// Rounds of statuses and incidents in a step, at most; two suffice unless incidents merge.
const ROUNDS_MAX: usize = 8;

/// Sets the hosts of references apart from those of targets.
const REFERENCE: u64 = 0x9e37_79b9_7f4a_7c15;

/// What comes in.
#[derive(Debug, Clone)]
pub enum Input {
    /// A probe was judged.
    Judged(Judged),
    /// A reference answered.
    Reference {
        /// What it went over.
        travelled: Travelled,
        /// When.
        at: Timestamp,
    },
    /// A catalogue is to be adopted.
    Adopt(Arc<Catalogue>),
    /// The clock was set by so many milliseconds.
    ClockStepped(i64),
}

/// What the shell is asked to do. Effects are wishes: losing one costs time, never truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Probe this check again at that time: its failure is not confirmed.
    Retry {
        /// The check.
        check: u32,
        /// When.
        at: Timestamp,
    },
    /// Probe this check soon: something it depends on has failed.
    ProbeSoon {
        /// The check.
        check: u32,
    },
    /// Ask the references now.
    AskReferences,
}

/// What a step brought about.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// Decisions, already applied, in the order of the log.
    pub events: Vec<Logged>,
    /// Results to keep for charts.
    pub results: Vec<StoredResult>,
    /// What to do next.
    pub effects: Vec<Effect>,
}

impl State {
    /// Decides and applies everything that follows from `inputs` at `at`. Timers due at or
    /// before `at` fire first, each with its deadline as its time.
    pub fn step(&mut self, mut inputs: Vec<Input>, at: Timestamp) -> Step {
        let mut step = Step::default();
        let at = at.max(self.record.at);
        let mut judged = Vec::with_capacity(inputs.len());
        let mut answered = false;
        // A set clock moves every deadline, so it comes before the timers.
        inputs.retain(|input| match input {
            Input::ClockStepped(by_ms) => {
                self.emit(&mut step, at.shifted(-(*by_ms).max(0)), Event::ClockStepped { by_ms: *by_ms });
                false
            }
            _ => true,
        });
        self.resume(&mut step);
        self.advance(&mut step, at);
        if self.planned_due && self.record.catalogue_version > 0 {
            // After a start, a reload or a set clock, whatever turned meanwhile is looked at.
            self.record.at = at;
            self.decide_planned(&mut step, at);
            self.recompute_covered();
            self.lives_changed(Timestamp::default(), at);
        }
        for input in inputs {
            match input {
                Input::Judged(result) => judged.push(result),
                Input::Reference { travelled, at } => {
                    // A reference vouches for our paths, whatever else runs on its host.
                    let travelled = Travelled { host: travelled.host ^ REFERENCE, ..travelled };
                    self.answered(&mut step, &travelled, at, None);
                    answered = true;
                }
                Input::Adopt(catalogue) => {
                    let version = self.record.catalogue_version + 1;
                    self.emit(&mut step, at, Event::CatalogueAdopted { version, catalogue });
                    self.decide_planned(&mut step, at);
                }
                Input::ClockStepped(_) => {}
            }
        }
        judged.sort_by_key(|result| (result.ended_at, result.check, result.slot));
        for result in &judged {
            if vantage::is_answer(result) {
                self.answered(&mut step, &result.travelled, result.ended_at, Some(result.check));
                answered = true;
            }
        }
        for result in &judged {
            self.count(&mut step, result, at);
        }
        self.settle_waiting(&mut step, at);
        if answered {
            self.settle_doubted();
        }
        self.settle(&mut step, at);
        self.record.at = at;
        step
    }

    /// Appends an event and applies it. Times never decrease.
    pub(super) fn emit(&mut self, step: &mut Step, at: Timestamp, event: Event) {
        let logged = Logged { position: self.record.position + 1, at: at.max(self.record.at), event };
        self.apply(&logged);
        step.events.push(logged);
    }

    /// Fires every timer due at or before `at`, in order.
    fn advance(&mut self, step: &mut Step, at: Timestamp) {
        while let Some((deadline, timer)) = self.timers.pop_due(at) {
            let now = deadline.max(self.record.at);
            match timer {
                Timer::Planned => {
                    let before = std::mem::replace(&mut self.record.at, now);
                    self.decide_planned(step, now);
                    self.recompute_covered();
                    self.lives_changed(before, now);
                    // What is announced or overdue from now on reads so from now on.
                    self.public.new = true;
                }
                Timer::Deferred(root) => {
                    self.touched.insert(root);
                }
                Timer::Wait(check) => self.wait_is_over(step, check, now),
                Timer::Evidence(check) => self.evidence_may_expire(step, check, now),
                Timer::Quiet(incident) => self.quiet_may_be_over(step, &incident, now),
            }
            self.settle(step, now);
        }
    }

    /// Components that enter or leave service count or do not count any more.
    fn lives_changed(&mut self, before: Timestamp, at: Timestamp) {
        let catalogue = Arc::clone(&self.catalogue);
        for (component, index) in catalogue.components.iter().zip(0u32..) {
            let turns = component
                .available_from
                .iter()
                .chain(&component.retired_at)
                .any(|when| when.at > before && when.at <= at);
            if turns {
                self.mark_dirty(index);
                self.note_own(index);
                let children = catalogue.node(index).into_iter().flat_map(|node| &node.children);
                for &above in children.chain(&component.part_of) {
                    self.mark_dirty(above);
                }
                self.public.stale.insert(index);
            }
        }
    }

    /// Something answered over a path: it works.
    fn answered(&mut self, step: &mut Step, travelled: &Travelled, at: Timestamp, check: Option<u32>) {
        self.answers.note(travelled, at, check);
        if self.record.blind.is_empty() {
            return;
        }
        let used = [
            (Path::Resolver, travelled.resolver),
            (Path::Ipv4, travelled.ipv4),
            (Path::Ipv6, travelled.ipv6),
            (Path::Tls, travelled.tls),
        ];
        for (path, used) in used {
            if used && self.record.blind.contains(&path) {
                self.emit(step, at, Event::PathTurned { path, blind: false });
                self.forget_failures_over(step, path, at);
            }
        }
    }

    /// Counts one result: keeps the evidence fresh, and notes what differs from the standing.
    fn count(&mut self, step: &mut Step, judged: &Judged, at: Timestamp) {
        let catalogue = Arc::clone(&self.catalogue);
        let index = judged.check;
        let Some(check) = catalogue.checks.get(index as usize) else { return };
        let Some(record) = self.record.checks.get(index as usize) else { return };
        let outdated = judged.catalogue_version != self.record.catalogue_version;
        let late = record.slot.is_some_and(|slot| judged.slot <= slot);
        if !outdated {
            step.results.push(stored(judged, !late));
        }
        if outdated || late {
            return;
        }
        let standing = record.verdict;
        let mut streak = record.streak.clone();
        let result = Counted {
            verdict: judged.verdict,
            reason: judged.reason,
            started_at: judged.started_at.max(record.good.map_or(judged.started_at, |(_, ended_at)| ended_at)),
            ended_at: judged.ended_at,
        };
        let names_reason = record.reason.is_none() && judged.reason.is_some() && judged.verdict == standing;
        let failed = Failed { travelled: judged.travelled, ended_at: judged.ended_at, reason: judged.reason };
        if judged.verdict == Verdict::Down && standing == Verdict::Down {
            // Failing on is evidence only while our own paths work: something must have answered
            // since the last failure, or answers after this one.
            let before = self.failed.insert(index, failed);
            let before = before.map(|before| Failed { travelled: failed.travelled, ..before });
            if before.is_none_or(|before| self.answers.prove(&before)) {
                self.refresh(judged);
            } else {
                self.slot_counted(judged);
                self.doubted.insert(index);
                step.effects.push(Effect::AskReferences);
            }
        } else {
            self.refresh(judged);
        }
        self.touched.extend(self.deferred.keys());
        confirm::count(standing, &mut streak.results, result, check);
        let key = || catalogue.check_key(index);
        if streak.results.is_empty() {
            streak.waits_until = None;
            let before = self.record.checks.get(index as usize).map(|record| &record.streak);
            if before != Some(&streak)
                && let Some(check) = key()
            {
                self.emit(step, at, Event::CheckCounted { check, streak });
            } else if names_reason
                && let (Some(check), Some(since)) =
                    (key(), self.record.checks.get(index as usize).map(|record| record.since))
            {
                // Unknown because evidence had expired, and now it is known why.
                self.emit(step, at, Event::CheckTurned { check, verdict: standing, reason: judged.reason, since });
            } else {
                self.own_refreshed(check.component);
            }
            return;
        }
        // After a restart nobody has been asked yet, so the wait begins anew.
        let is_asked = judged.verdict == Verdict::Down && self.failed.insert(index, failed).is_some();
        match confirm::turn(standing, &streak.results, check) {
            Some(turn) if turn.verdict == Verdict::Down && !self.answers.prove(&failed) => {
                // Confirmed but for a reference: wait for one, at most one timeout.
                let waits = streak.waits_until.filter(|_| is_asked);
                streak.waits_until = waits.or_else(|| Some(at.plus(catalogue.watch.timeout)));
                if let Some(check) = key() {
                    self.emit(step, at, Event::CheckCounted { check, streak });
                }
                step.effects.push(Effect::AskReferences);
                step.effects.extend(self.answers.witnesses(&failed).map(|check| Effect::ProbeSoon { check }));
            }
            Some(turn) => {
                if let Some(check) = key() {
                    self.emit(step, at, Event::CheckCounted { check: check.clone(), streak });
                    self.turned(step, check, turn, at);
                }
            }
            None => {
                let waits = judged.verdict == Verdict::Down;
                streak.waits_until = streak.waits_until.filter(|_| waits);
                if let Some(check) = key() {
                    self.emit(step, at, Event::CheckCounted { check, streak });
                }
                if judged.verdict != Verdict::Up {
                    step.effects.push(Effect::Retry { check: index, at: judged.ended_at.plus(check.retry_interval) });
                    step.effects.push(Effect::AskReferences);
                }
                if judged.verdict == Verdict::Down {
                    self.probe_relatives(step, check.component);
                }
                self.own_refreshed(check.component);
            }
        }
    }

    pub(super) fn turned(&mut self, step: &mut Step, check: CheckKey, turn: confirm::Turn, at: Timestamp) {
        let event = Event::CheckTurned { check, verdict: turn.verdict, reason: turn.reason, since: turn.since };
        self.emit(step, at, event);
    }

    /// A first failure: whoever depends on it is probed at once, so that its own evidence is
    /// newer, and whatever it depends on, which may be the cause.
    fn probe_relatives(&self, step: &mut Step, component: u32) {
        if !self.is_live(component) {
            return;
        }
        let Some(node) = self.catalogue.node(component) else { return };
        for relative in node.children.iter().copied().chain(self.hard_ancestors(component)) {
            if let Some(relative) = self.catalogue.node(relative) {
                step.effects.extend(relative.checks.clone().map(|check| Effect::ProbeSoon { check }));
            }
        }
    }

    /// A success of a component whose parent is not well may set derived states aside.
    fn own_refreshed(&mut self, component: u32) {
        let affected =
            self.record.components.get(component as usize).is_some_and(|record| !record.affected_by.is_empty());
        if affected {
            self.mark_dirty(component);
        }
    }

    /// Evidence that is too old is no evidence.
    fn evidence_may_expire(&mut self, step: &mut Step, index: u32, at: Timestamp) {
        match self.expires_at(index) {
            Some(deadline) if deadline > at => self.timers.set(deadline, Timer::Evidence(index)),
            Some(deadline) => {
                self.disarm_expiry(index);
                let known = self.record.checks.get(index as usize).is_some_and(|r| r.verdict != Verdict::Unknown);
                if let Some(check) = self.catalogue.check_key(index).filter(|_| known) {
                    let event = Event::CheckTurned { check, verdict: Verdict::Unknown, reason: None, since: deadline };
                    self.emit(step, at, event);
                }
            }
            None => {}
        }
    }

    /// Decides every status that may have changed, then the incidents. Where one incident takes
    /// over what editors said in another, statuses follow once more.
    pub(super) fn settle(&mut self, step: &mut Step, at: Timestamp) {
        for _ in 0..ROUNDS_MAX {
            self.settle_statuses(step, at);
            if self.all_touched || !self.touched.is_empty() || !self.changed.is_empty() {
                self.decide_incidents(step, at);
                self.orphans_due = false;
            }
            self.changed.clear();
            if self.dirty.is_empty() && self.touched.is_empty() {
                break;
            }
        }
    }

    fn settle_statuses(&mut self, step: &mut Step, at: Timestamp) {
        while let Some((_, component)) = self.dirty.pop_first() {
            self.note_inputs(component, at);
            if let Some(changed) = self.decide_status(component, at) {
                self.emit(step, at, Event::StatusChanged(changed));
                self.changed.insert(component);
                if let Some(node) = self.catalogue.node(component) {
                    let whole = self.catalogue.component(component).and_then(|c| c.part_of);
                    let next: Vec<u32> = node.children.iter().copied().chain(whole).collect();
                    for next in next {
                        self.mark_dirty(next);
                    }
                }
            }
        }
    }

    /// Notes that a component must be shown anew where only what its status is decided from has
    /// changed: a town may read it otherwise.
    fn note_inputs(&mut self, component: u32, at: Timestamp) {
        let shown = self.public.index.get(component as usize).copied().flatten();
        let shown = shown.and_then(|public| self.public.states.get(public as usize)).map(|face| face.inputs);
        if let (Some(shown), Some(basis)) = (shown, self.basis(component, at))
            && shown != basis.inputs
        {
            self.public.stale.insert(component);
        }
    }

    /// The own evidence of a component, if it has checks.
    pub(super) fn own(&self, component: u32) -> Option<Own> {
        let node = self.catalogue.node(component)?;
        graph::own(node.checks.clone().filter_map(|index| {
            let record = self.record.checks.get(index as usize)?;
            Some(Standing {
                check: self.catalogue.checks.get(index as usize)?,
                verdict: record.verdict,
                reason: record.reason,
                since: record.since,
                good_at: record.good.map(|(started_at, _)| started_at),
            })
        }))
    }

    /// Notes whether a component's own checks say that something is wrong, or say nothing.
    pub(super) fn note_own(&mut self, component: u32) {
        let live = self.is_live(component) && !self.covered.contains(&component);
        let own = self.own(component).filter(|_| live).map(|own| own.status);
        let before = (self.failing.remove(&component), self.clueless.remove(&component));
        match own {
            Some(Status::Unknown) => {
                self.clueless.insert(component);
            }
            Some(status) if status > Status::UnderMaintenance => {
                self.failing.insert(component, status);
            }
            Some(_) | None => {}
        }
        if before != (self.failing.get(&component).copied(), self.clueless.contains(&component)) {
            self.touched.insert(component);
        }
    }

    pub(super) fn is_live(&self, component: u32) -> bool {
        self.catalogue.component(component).is_some_and(|c| c.lifecycle(self.record.at) == Lifecycle::Live)
    }
}

fn stored(judged: &Judged, counted: bool) -> StoredResult {
    StoredResult {
        check: judged.check,
        slot: judged.slot,
        ended_at: judged.ended_at,
        verdict: judged.verdict,
        reason: judged.reason,
        duration_us: u32::try_from(judged.duration.as_micros()).unwrap_or(u32::MAX),
        counted,
    }
}
