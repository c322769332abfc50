//! Confirmations under way, and the first step after a restart: a failure that is confirmed but for
//! a reference waits for word of our own paths, and being stopped meanwhile costs nothing but time.

use std::sync::Arc;

use crate::engine::confirm;
use crate::engine::state::State;
use crate::engine::step::{Effect, Step};
use crate::engine::vantage;
use crate::model::event::{Event, Streak};
use crate::model::time::Timestamp;
use crate::model::verdict::{Path, Reason, Verdict};

impl State {
    /// The first step after a restart. What went into or out of service, or under maintenance, by
    /// the clock alone is in no event, and what was asked for to confirm a failure is lost. Over
    /// which paths those failed that wait for a reference is not recorded, so their targets are
    /// probed again.
    pub(super) fn resume(&mut self, step: &mut Step) {
        if !std::mem::take(&mut self.resumes) {
            return;
        }
        self.recompute_covered();
        for component in (0u32..).take(self.record.components.len()) {
            self.note_own(component);
        }
        for ((record, check), index) in self.record.checks.iter().zip(&self.catalogue.checks).zip(0u32..) {
            let Some(last) = record.streak.results.last().filter(|last| last.verdict != Verdict::Up) else { continue };
            step.effects.push(match record.streak.waits_until {
                Some(_) => Effect::ProbeSoon { check: index },
                None => Effect::Retry { check: index, at: last.ended_at.plus(check.retry_interval) },
            });
        }
    }

    /// Confirms what waited for a reference that has answered since.
    pub(super) fn settle_waiting(&mut self, step: &mut Step, at: Timestamp) {
        let proven: Vec<u32> = self
            .waiting
            .iter()
            .copied()
            .filter(|check| self.failed.get(check).is_some_and(|failed| self.answers.prove(failed)))
            .collect();
        for index in proven {
            let catalogue = Arc::clone(&self.catalogue);
            let (Some(check), Some(key), Some(record)) = (
                catalogue.checks.get(index as usize),
                catalogue.check_key(index),
                self.record.checks.get(index as usize),
            ) else {
                continue;
            };
            if let Some(turn) = confirm::turn(record.verdict, &record.streak.results, check) {
                self.turned(step, key, turn, at);
            }
        }
    }

    /// Something has answered. Where it did so since a check failed on, that failure is evidence after
    /// all.
    pub(super) fn settle_doubted(&mut self) {
        let proven = |check: &u32| self.failed.get(check).filter(|failed| self.answers.prove(failed));
        let proven: Vec<_> = self.doubted.iter().filter_map(|&check| Some((check, proven(&check)?.ended_at))).collect();
        for (check, ended_at) in proven {
            self.doubted.remove(&check);
            if self.record.checks.get(check as usize).is_some_and(|record| record.verdict == Verdict::Down) {
                self.saw(check, None, ended_at, None);
            }
        }
    }

    /// No reference answered in time: what failed may be our own side.
    pub(super) fn wait_is_over(&mut self, step: &mut Step, index: u32, at: Timestamp) {
        let catalogue = Arc::clone(&self.catalogue);
        let Some(record) = self.record.checks.get(index as usize) else { return };
        let (Some(until), Some(key)) = (record.streak.waits_until, catalogue.check_key(index)) else { return };
        if until > at {
            return;
        }
        let since = record.streak.results.first().map_or(at, |first| first.started_at);
        let (was_unknown, was_since, was_reason) = (record.verdict == Verdict::Unknown, record.since, record.reason);
        let Some(failed) = self.failed.get(&index) else {
            // We were started anew while it waited, and nobody was asked since: that says nothing
            // of our paths. Its next failure waits for a word of its own.
            let streak = Streak { waits_until: None, ..record.streak.clone() };
            return self.emit(step, at, Event::CheckCounted { check: key, streak });
        };
        for path in self.answers.unproven(failed) {
            if !self.record.blind.contains(&path) {
                self.emit(step, at, Event::PathTurned { path, blind: true });
            }
        }
        self.emit(step, at, Event::CheckCounted { check: key.clone(), streak: Streak::default() });
        let reason = Some(Reason::ProbeFault);
        if !was_unknown || was_reason != reason {
            let since = if was_unknown { was_since } else { since };
            self.emit(step, at, Event::CheckTurned { check: key, verdict: Verdict::Unknown, reason, since });
        }
    }

    /// We see again over a path. What failed over it meanwhile was no fault of its target, though
    /// something answered after the last of those failures: three new ones are needed.
    pub(super) fn forget_failures_over(&mut self, step: &mut Step, path: Path, at: Timestamp) {
        let over = |check: &u32| self.failed.get(check).is_none_or(|failed| vantage::used(&failed.travelled, path));
        self.doubted.retain(|check| !over(check));
        let failed = (0u32..).zip(&self.record.checks);
        let failed = failed.filter(|(_, record)| record.streak.results.iter().any(|r| r.verdict == Verdict::Down));
        let forgotten = failed.map(|(index, _)| index).filter(over);
        let forgotten: Vec<_> = forgotten.filter_map(|index| self.catalogue.check_key(index)).collect();
        for check in forgotten {
            self.emit(step, at, Event::CheckCounted { check, streak: Streak::default() });
        }
    }
}
