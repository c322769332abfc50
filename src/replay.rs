//! Replays a scenario: the very same engine as live, in simulated time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use crate::editing;
use crate::engine::schedule::{Schedule, Timing, stable_key};
use crate::engine::{self, Effect, Input, State, Step};
use crate::model::catalogue::Catalogue;
use crate::model::check::Check;
use crate::model::editing::{Refusal, Subject};
use crate::model::event::{Logged, StoredResult};
use crate::model::observation::{Judged, Travelled};
use crate::model::snapshot::Snapshot;
use crate::model::time::Timestamp;
use crate::model::verdict::Reason;
use crate::scenario::{Condition, Fault, FaultKind, Notice, Scenario};

mod expect;

/// How long a simulated probe takes that gets an answer.
const PROBE_TAKES: Duration = Duration::from_millis(120);

/// How long a simulated reference takes.
const REFERENCE_TAKES: Duration = Duration::from_millis(60);

/// The store epoch of every replay, so that ids are the same each time.
const EPOCH: u64 = 0x7475_726d_7761_6368;

/// What a replay brought about.
#[derive(Debug)]
pub struct Replayed {
    /// Everything that was decided.
    pub events: Vec<Logged>,
    /// What every probe found, as a store keeps it.
    pub results: Vec<StoredResult>,
    /// What was expected and did not come out, one sentence each.
    pub failures: Vec<String>,
    /// How many expectations were looked at.
    pub expectations: usize,
    /// The documents to keep: when, which, and its bytes.
    pub goldens: Vec<(Duration, String, Vec<u8>)>,
    /// What the public saw at the end.
    pub snapshot: Snapshot,
    /// The state at the end.
    pub state: State,
}

/// A replay under way.
struct Replay<'a> {
    scenario: &'a Scenario,
    state: State,
    events: Vec<Logged>,
    results: Vec<StoredResult>,
    schedule: Schedule,
    /// Probes under way by their end.
    pending: BinaryHeap<Reverse<(Timestamp, u32, Timestamp, Timestamp)>>,
    references_at: Option<Timestamp>,
    uplink_cut_until: Duration,
    probed: BTreeMap<u32, u32>,
    /// Ids of what editors made, by the notice's name.
    made: BTreeMap<String, String>,
    /// The clock's error: recorded time minus true time, in milliseconds.
    clock_off: i64,
}

/// Replays a scenario from its start to its end.
pub fn replay(scenario: &Scenario) -> Replayed {
    replay_telling(scenario, &mut |_, _| {})
}

/// The same; tells how much of the simulated time has passed, and how much there is.
pub fn replay_telling(scenario: &Scenario, told: &mut dyn FnMut(Duration, Duration)) -> Replayed {
    let catalogue = Arc::new(scenario.catalogue.clone());
    let timings = timings(&catalogue);
    let mut replay = Replay {
        scenario,
        state: State::of_story(EPOCH),
        events: Vec::new(),
        results: Vec::new(),
        schedule: Schedule::new(timings, scenario.start.as_millis(), Duration::ZERO, |_| false),
        pending: BinaryHeap::new(),
        references_at: None,
        uplink_cut_until: Duration::ZERO,
        probed: BTreeMap::new(),
        made: BTreeMap::new(),
        clock_off: 0,
    };
    replay.step(vec![Input::Adopt(catalogue)], scenario.start);
    replay.run(told)
}

impl Replay<'_> {
    fn run(mut self, told: &mut dyn FnMut(Duration, Duration)) -> Replayed {
        let mut failures = Vec::new();
        let mut faults: std::collections::VecDeque<Fault> = self.scenario.faults.iter().copied().collect();
        let mut notices = self.scenario.notices.iter().peekable();
        let mut goldens = self.scenario.goldens.iter().peekable();
        let mut kept = Vec::new();
        let mut expectations = self.scenario.expectations.iter().peekable();
        let end = self.scenario.until.since(self.scenario.start);
        loop {
            let pending = self.pending.peek().map(|Reverse((at, ..))| at.since(self.scenario.start));
            let next = [
                self.schedule.next(),
                pending,
                self.references_at.map(|at| at.since(self.scenario.start)),
                self.state.next_timer().map(|at| at.shifted(-self.clock_off).since(self.scenario.start)),
                faults.front().map(|fault| fault.at),
                notices.peek().map(|notice| notice.at),
                goldens.peek().map(|golden| golden.at),
                expectations.peek().map(|expectation| expectation.at),
                Some(end),
            ]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(end);
            told(next, end);
            let now = self.scenario.start.plus(next);
            while let Some(fault) = faults.pop_front_if(|fault| fault.at <= next) {
                self.strike(fault, now);
            }
            self.start_due(next, now);
            self.finish_due(now);
            while let Some(notice) = notices.next_if(|notice| notice.at <= next) {
                failures.extend(self.announce(notice, now));
            }
            while let Some(golden) = goldens.next_if(|golden| golden.at <= next) {
                let snapshot = self.state.snapshot(self.recorded(now), &[], true);
                for path in &golden.paths {
                    match expect::render(&snapshot, path) {
                        Some(body) => kept.push((golden.at, path.clone(), body)),
                        None => failures.push(format!("{path} answers no document")),
                    }
                }
            }
            while let Some(expectation) = expectations.next_if(|expectation| expectation.at <= next) {
                let snapshot = self.state.snapshot(self.recorded(now), &[], true);
                let metrics = engine::measure(&self.state, &[], &[], snapshot.at).0;
                let seen = expect::Seen { snapshot: &snapshot, metrics: &metrics, probed: &self.probed };
                failures.extend(expect::check(self.scenario, &seen, expectation));
            }
            if next >= end {
                break;
            }
        }
        let snapshot = self.state.snapshot(self.recorded(self.scenario.until), &[], true);
        Replayed {
            events: self.events,
            results: self.results,
            failures,
            expectations: self.scenario.expectations.len(),
            goldens: kept,
            snapshot,
            state: self.state,
        }
    }

    /// What our clock reads at a true time.
    fn recorded(&self, at: Timestamp) -> Timestamp {
        at.shifted(self.clock_off)
    }

    /// An editor asks for something; the sentence says what went otherwise than told.
    fn announce(&mut self, notice: &Notice, now: Timestamp) -> Option<String> {
        let what = format!("{} {}", notice.method, notice.path);
        let incidents = &self.state.record.incidents;
        let open = |root: &str| {
            let mut open = incidents.values().filter(|incident| incident.is_open());
            open.find(|incident| incident.root.as_str() == root).map(|incident| incident.id.to_string())
        };
        let id_of = |name: &str| match name.strip_prefix("open:") {
            Some(root) => open(root),
            None => self.made.get(name).cloned(),
        };
        let done = notice.addressed(id_of).and_then(|(path, body)| {
            let said = |refusal: Refusal| (refusal.kind.status(), refusal.detail);
            let asked = editing::read(&notice.method, &path, &body, self.state.catalogue()).map_err(said);
            let changed = asked.and_then(|asked| match asked {
                editing::Request::Change(command) => {
                    let (step, changed) = self.state.edit(&command, &notice.editor, self.recorded(now));
                    self.follow(step, now);
                    changed.map_err(said)
                }
                editing::Request::Read(_) | editing::Request::TestNotifications(_) => {
                    Err((0, "a story changes things".to_owned()))
                }
            });
            match (changed, notice.refused) {
                (Ok(_), Some(expected)) => Err(format!("was carried out, not refused with {expected}")),
                (Err((status, _)), Some(expected)) if status == expected => Ok(None),
                (Err((status, detail)), _) => Err(format!("was refused with {status}: {detail}")),
                (Ok(subject), None) => Ok(Some(subject)),
            }
        });
        match done {
            Ok(subject) => {
                let id = subject.map(|subject| match subject {
                    Subject::Incident(id) => id.to_string(),
                    Subject::Maintenance(id) => id.to_string(),
                    Subject::Component(id) => id.to_string(),
                });
                self.made.extend(notice.name.clone().zip(id));
                None
            }
            Err(sentence) => {
                let when = now.to_jiff().to_zoned(self.scenario.zone.clone());
                Some(format!("{}: {what} {sentence}", when.strftime("%F %T")))
            }
        }
    }

    fn step(&mut self, inputs: Vec<Input>, now: Timestamp) {
        let step = self.state.step(inputs, self.recorded(now));
        self.follow(step, now);
    }

    fn follow(&mut self, step: Step, now: Timestamp) {
        self.events.extend(step.events);
        self.results.extend(step.results);
        for effect in step.effects {
            let since_start = |at: Timestamp| at.since(self.scenario.start);
            match effect {
                Effect::Retry { check, at } => {
                    let at = at.shifted(-self.clock_off);
                    self.schedule.probe_at(check, since_start(at));
                }
                Effect::ProbeSoon { check } => self.schedule.probe_at(check, since_start(now)),
                Effect::AskReferences => {
                    if self.references_at.is_none() {
                        self.references_at = Some(now.plus(REFERENCE_TAKES));
                    }
                }
            }
        }
    }

    fn start_due(&mut self, offset: Duration, now: Timestamp) {
        while let Some(due) = self.schedule.pop_due(offset, usize::MAX) {
            *self.probed.entry(due.request).or_default() += 1;
            let condition = self.condition(due.request, offset);
            let timeout = self.state.catalogue().checks.get(due.request as usize).map(|check| check.timeout);
            let takes = match condition {
                Condition::Fails(Reason::Timeout) => timeout.unwrap_or(PROBE_TAKES),
                Condition::Up | Condition::Fails(_) => PROBE_TAKES,
            };
            let slot = self.scenario.start.plus(due.slot);
            self.pending.push(Reverse((now.plus(takes), due.request, slot, now)));
        }
    }

    /// What a probe finds: while our uplink is cut, nothing.
    fn condition(&self, check: u32, offset: Duration) -> Condition {
        if offset < self.uplink_cut_until {
            return Condition::Fails(Reason::Timeout);
        }
        self.scenario.world.check(check, offset)
    }

    fn finish_due(&mut self, now: Timestamp) {
        let mut inputs = Vec::new();
        if self.references_at.is_some_and(|at| at <= now) {
            self.references_at = None;
            let offset = now.since(self.scenario.start);
            if offset >= self.uplink_cut_until && self.scenario.world.references(offset) {
                let travelled = travelled(u64::MAX);
                inputs.push(Input::Reference { travelled, at: self.recorded(now) });
            }
        }
        while let Some(Reverse((ended, check, slot, started))) = self.pending.peek().copied() {
            if ended > now {
                break;
            }
            self.pending.pop();
            self.schedule.finished(check);
            inputs.push(Input::Judged(self.judged(check, slot, started, ended)));
        }
        self.step(inputs, now);
    }

    fn judged(&self, check: u32, slot: Timestamp, started: Timestamp, ended: Timestamp) -> Judged {
        let (verdict, reason) = self.condition(check, started.since(self.scenario.start)).judged();
        Judged {
            check,
            catalogue_version: self.state.record.catalogue_version,
            slot: self.recorded(slot),
            started_at: self.recorded(started),
            ended_at: self.recorded(ended),
            verdict,
            reason,
            travelled: travelled(component_of(self.state.catalogue(), check).map_or(0, u64::from)),
            duration: ended.since(started),
        }
    }

    fn strike(&mut self, fault: Fault, now: Timestamp) {
        match fault.kind {
            FaultKind::Uplink(until) => self.uplink_cut_until = until,
            FaultKind::Clock(by_ms) => {
                // A step back is worked off by the clock and moves no recorded time.
                if by_ms > 0 {
                    self.clock_off += by_ms;
                }
                self.step(vec![Input::ClockStepped(by_ms)], now);
            }
            FaultKind::Kill => {
                self.state = restored(&self.events, &self.state);
                self.references_at = None;
                self.pending.clear();
                let catalogue = self.state.catalogue();
                let fresh = (0u32..).zip(&catalogue.checks).map(|(index, _)| index);
                let fresh = fresh.filter(|&check| self.state.has_fresh_evidence(check, self.recorded(now)));
                let fresh: BTreeSet<u64> = fresh.map(|check| key(catalogue, check)).collect();
                let offset = now.since(self.scenario.start);
                self.schedule = Schedule::new(timings(catalogue), self.scenario.start.as_millis(), offset, |key| {
                    fresh.contains(&key)
                });
            }
        }
    }
}

fn timings(catalogue: &Catalogue) -> Vec<Timing> {
    let checks = catalogue.checks.iter().zip(0u32..);
    let timing = |(check, index): (&Check, u32)| Timing {
        key: key(catalogue, index),
        interval: check.interval,
        timeout: check.timeout,
        // The targets of a story ask for nothing.
        site: None,
    };
    checks.map(timing).collect()
}

/// The state as a restart finds it: the log applied, and the evidence that the store keeps.
pub fn restored(events: &[Logged], before: &State) -> State {
    let mut state = State::of_story(before.record.epoch);
    for logged in events {
        state.apply(logged);
    }
    for (check, record) in (0u32..).zip(&before.record.checks) {
        if let Some(seen_at) = record.seen_at {
            state.saw(check, record.slot, seen_at, None);
        }
        if let Some((started_at, ended_at)) = record.good {
            state.saw(check, None, ended_at, Some(started_at));
        }
    }
    state.record.at = before.record.at;
    state
}

fn component_of(catalogue: &Catalogue, check: u32) -> Option<u32> {
    catalogue.checks.get(check as usize).map(|check| check.component)
}

/// Simulated probes go over every path but IPv6.
const fn travelled(host: u64) -> Travelled {
    Travelled { host, outside: true, resolver: true, ipv4: true, ipv6: false, tls: true }
}

/// What spreads a check's probes.
fn key(catalogue: &Catalogue, check: u32) -> u64 {
    catalogue.check_key(check).map_or(0, |key| stable_key(&key.to_string()))
}
