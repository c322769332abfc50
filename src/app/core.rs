//! The loop: drains inputs, steps the engine, starts what is due, seals what was decided.

mod gauges;

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::app::desk::Answers;
use crate::app::flight::{self, Crew, Landed, Landing, Referred};
use crate::app::log_limit::Limits;
use crate::app::outbox::Outbox;
use crate::app::recent::Recent;
use crate::clock::{Clock, monotonic};
use crate::engine::judge::{ClockTrust, http_hosts, judge};
use crate::engine::schedule::{Schedule, Timing, stable_key};
use crate::engine::{CHECKPOINT_FORMAT, Effect, Input, State, Step};
use crate::history::writer::{CheckpointBody, MakeCheckpoint};
use crate::model::catalogue::Catalogue;
use crate::model::event::{Event, Logged};
use crate::model::measurements::{Measurements, Operations, Reading};
use crate::model::observation::Judged;
use crate::model::snapshot::HealthWord;
use crate::model::time::Timestamp;
use crate::model::verdict::{Path, Verdict};
use crate::notify::facts::CertificateSeen;
use crate::probe::prepare::PreparedRequest;
use crate::probe::{Prober, observe, reading, travelled};
use crate::publish::escape::terminal;
use crate::server::Health;
use crate::server::desk::Asked;
use crate::telemetry::Metrics;

/// Most probes started before the loop looks at its inputs again.
const STARTS_A_TURN_MAX: usize = 256;

/// A turn of the loop that comes later than this means that the whole process stood still.
const STOOD_STILL: Duration = Duration::from_secs(5);

/// Results without decisions are written so often.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The first change is shown at once, those that follow on its heels together.
const SHOW_EVERY: Duration = Duration::from_millis(100);

/// A checkpoint is written so often.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// One in so many of the probes that may run at a time may be unplanned. The limit is half again
/// what the regular ones need if every target hangs, so that they never wait for the others.
const UNPLANNED_SHARE: usize = 3;

/// References are asked at most so often.
const REFERENCES_EVERY: Duration = Duration::from_secs(1);

/// A probe that has not come back so long after its timeout is stuck; then nothing is called
/// fresh any more.
const STUCK_AFTER: Duration = Duration::from_secs(30);

/// What other threads read.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) measurements: ArcSwap<Measurements>,
    pub(super) operations: ArcSwap<Operations>,
    pub(super) log_lines_dropped: Arc<AtomicU64>,
}

/// The loop's state.
pub(super) struct Core {
    clock: Clock,
    origin: Instant,
    pub(super) state: State,
    crew: Crew,
    schedule: Schedule,
    /// Request of each check.
    request_of: Vec<u32>,
    references: Rc<Vec<PreparedRequest>>,
    references_asked: Option<Instant>,
    references_in_flight: bool,
    references_wanted: bool,
    pub(super) outbox: Outbox,
    /// Answers to editors that may be asked for again.
    pub(super) answers: Answers,
    /// The last probes in full.
    pub(super) recent: Recent,
    pub(super) readings: Vec<Arc<Reading>>,
    targets: Vec<Arc<str>>,
    trust: ClockTrust,
    pub(super) config_stale: bool,
    recovered: bool,
    pub(super) metrics: Metrics,
    health: Arc<Health>,
    pub(super) shared: Arc<Shared>,
    log: Limits,
    discard_before: Instant,
    epoch_minute: i64,
    show_again_at: Instant,
    flushed_at: Instant,
    checkpoint_at: Instant,
    measured_at: Instant,
    measured_anything: bool,
    pub(super) published: Vec<HealthWord>,
    /// Start of the oldest probe in flight by request.
    started: Vec<Option<Instant>>,
    /// Certificates that may have to be told of.
    pub(super) certificates: Arc<Vec<CertificateSeen>>,
}

/// What the loop is made of.
pub(super) struct Parts {
    pub(super) clock: Clock,
    pub(super) state: State,
    pub(super) prober: Rc<Prober>,
    pub(super) references: Vec<PreparedRequest>,
    pub(super) outbox: Outbox,
    pub(super) metrics: Metrics,
    pub(super) health: Arc<Health>,
    pub(super) shared: Arc<Shared>,
    pub(super) config_stale: bool,
    /// An event of the log had to be skipped.
    pub(super) recovered: bool,
}

impl Core {
    pub(super) fn new(parts: Parts) -> Self {
        let now = monotonic();
        let crew = Crew {
            prober: parts.prober,
            prepared: Rc::default(),
            landing: Rc::<Landing>::default(),
            clock: parts.clock,
            generation: 0,
        };
        let mut core = Self {
            clock: parts.clock,
            origin: now,
            schedule: Schedule::new(Vec::new(), 0, Duration::ZERO, |_| false),
            request_of: Vec::new(),
            references: Rc::new(parts.references),
            references_asked: None,
            references_in_flight: false,
            references_wanted: true,
            outbox: parts.outbox,
            answers: Answers::default(),
            recent: Recent::default(),
            readings: Vec::new(),
            targets: Vec::new(),
            trust: ClockTrust::at_start(parts.clock.now(), http_hosts(&parts.state.catalogue().checks)),
            config_stale: parts.config_stale,
            recovered: parts.recovered,
            metrics: parts.metrics,
            health: parts.health,
            shared: parts.shared,
            log: Limits::default(),
            discard_before: now,
            epoch_minute: i64::MIN,
            show_again_at: now,
            flushed_at: now,
            checkpoint_at: now,
            measured_at: now,
            measured_anything: true,
            published: Vec::new(),
            started: Vec::new(),
            certificates: Arc::default(),
            state: parts.state,
            crew,
        };
        core.metrics.config_last_reload_successful.set(i64::from(!core.config_stale));
        if core.state.record.catalogue_version > 0 {
            core.plan();
        }
        core
    }

    /// Where results and acknowledgements wake the loop.
    pub(super) fn landing(&self) -> Rc<Landing> {
        Rc::clone(&self.crew.landing)
    }

    /// Prepares and schedules the catalogue in force.
    fn plan(&mut self) {
        let catalogue = Arc::clone(self.state.catalogue());
        let prepared = self.crew.prober.prepare(&catalogue);
        if let Some(warning) = &prepared.capacity_warning {
            tracing::warn!("{warning}");
        }
        let timings = prepared
            .requests
            .iter()
            .map(|request| Timing {
                key: request.key,
                interval: request.interval,
                timeout: request.timeout,
                site: request.probe.site().map(|site| stable_key(&site)),
            })
            .collect::<Vec<_>>();
        self.request_of = vec![u32::MAX; catalogue.checks.len()];
        for (request, index) in prepared.requests.iter().zip(0u32..) {
            for &check in &request.checks {
                if let Some(slot) = self.request_of.get_mut(check as usize) {
                    *slot = index;
                }
            }
        }
        self.started = vec![None; timings.len()];
        let origin_ms = self.clock.at(self.origin).as_millis();
        // What was in force before the reload, or has fresh evidence after a restart, goes on at
        // its next slot.
        let fresh = |check: &u32| self.state.has_fresh_evidence(*check, self.clock.now());
        let known: HashSet<u64> = prepared
            .requests
            .iter()
            .filter(|request| request.checks.iter().all(fresh))
            .map(|request| request.key)
            .collect();
        let now = self.since_origin(monotonic());
        self.schedule = Schedule::new(timings, origin_ms, now, |key| known.contains(&key));
        self.crew.prepared = Rc::new(prepared);
        self.crew.generation += 1;
        self.recent.clear();
        let targets: Vec<Arc<str>> =
            catalogue.checks.iter().map(|check| Arc::from(check.probe.target().as_str())).collect();
        self.readings = vec![Arc::default(); targets.len()];
        self.targets = targets;
    }

    fn since_origin(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.origin)
    }

    /// When the loop must turn again, at the latest.
    pub(super) fn next_turn(&self) -> Instant {
        let now = monotonic();
        let due = self.schedule.next().map(|at| self.origin + at);
        let timer = self.state.next_timer().map(|at| self.clock.instant(at));
        let references =
            self.references_wanted.then(|| self.references_asked.map_or(now, |asked| asked + REFERENCES_EVERY));
        let show = self.state.public_changed().then_some(self.show_again_at);
        [due, timer, self.outbox.deadline(), references.filter(|_| !self.references_in_flight), show]
            .into_iter()
            .flatten()
            .chain([now + FLUSH_EVERY])
            .min()
            .unwrap_or(now)
    }

    /// One turn. `planned` is when it should have come.
    pub(super) fn turn(&mut self, planned: Instant, adopt: Option<Arc<Catalogue>>, asked: Vec<Asked>) {
        self.health.beat();
        let now = monotonic();
        let mut inputs = Vec::new();
        if now.saturating_duration_since(planned) > STOOD_STILL {
            tracing::warn!("the process stood still for {:?}; probes in flight are discarded", now - planned);
            self.discard_before = now;
        }
        if let Some(by_ms) = self.clock.step() {
            tracing::warn!("the clock was set by {by_ms} ms");
            self.crew.clock = self.clock;
            self.discard_before = now;
            self.trust.stepped(by_ms, self.clock.now());
            inputs.push(Input::ClockStepped(by_ms));
        }
        self.crew.clock = self.clock;
        let at = self.clock.at(now);
        let (landed, referred) = self.crew.landing.take();
        for landed in landed {
            self.land(landed, at, &mut inputs);
        }
        for referred in referred {
            self.hear(referred, &mut inputs);
        }
        let adopted = adopt.is_some();
        inputs.extend(adopt.map(Input::Adopt));
        let step = self.state.step(inputs, at);
        if adopted {
            self.plan();
        }
        self.follow(step);
        for asked in asked {
            self.attend(asked, at);
        }
        self.refer(now);
        self.start_due(now, at);
        self.publish(now, at);
        self.outbox.settle(now);
        self.measure(now, at);
    }

    /// Does what a step asks for, tells people of it and hands it on to the store.
    pub(super) fn follow(&mut self, step: Step) {
        let now = monotonic();
        for effect in step.effects {
            self.effect(effect, now);
        }
        for logged in &step.events {
            self.tell(logged, now);
        }
        self.outbox.take(step.events, step.results);
    }

    /// A probe ended: observe, judge, note the reading.
    fn land(&mut self, landed: Landed, at: Timestamp, inputs: &mut Vec<Input>) {
        if landed.generation != self.crew.generation {
            return;
        }
        self.schedule.finished(landed.request);
        if let Some(started) = self.started.get_mut(landed.request as usize) {
            *started = None;
        }
        let prepared = Rc::clone(&self.crew.prepared);
        let Some(request) = prepared.requests.get(landed.request as usize) else { return };
        let Some(facts) = landed.facts else {
            self.metrics.probe_panics.inc();
            if self.log.defects.allows(monotonic()) {
                tracing::error!("a probe panicked: this is a defect; please report it");
            }
            return;
        };
        if landed.started < self.discard_before {
            return;
        }
        if let Some(address) = facts.address {
            let wait = facts.http.as_ref().and_then(|http| http.retry_after);
            let times = (self.since_origin(landed.started), self.since_origin(monotonic()));
            self.schedule.heard(landed.request, address.ip(), wait, times);
        }
        let travelled = travelled(&facts);
        if let Some(date) = facts.http.as_ref().and_then(|http| http.date) {
            self.trust.heard(travelled.host, date, at);
        }
        let catalogue = Arc::clone(self.state.catalogue());
        for &index in &request.checks {
            let (Some(check), Some(compiled)) =
                (catalogue.checks.get(index as usize), prepared.compiled.get(index as usize))
            else {
                continue;
            };
            let observation = observe(&facts, check, compiled, at);
            let (verdict, reason) = judge(&observation, self.trust.is_trusted(at));
            self.metrics.probes.with_label_values(&[check.probe.kind(), verdict.as_str()]).inc();
            let mut was = None;
            if let Some(slot) = self.readings.get_mut(index as usize) {
                was = std::mem::replace(slot, Arc::new(reading(&observation))).reason;
            }
            // What goes on as it was is no news.
            if verdict != Verdict::Up
                && let Some(fault) = observation.fault()
                && was != Some(fault.reason)
                && self.log.probes.allows(monotonic())
                && let Some(key) = catalogue.check_key(index)
            {
                tracing::info!(check.id = %key, reason = %fault.reason, "check `{key}`: {}", terminal(&fault.detail));
            }
            inputs.push(Input::Judged(Judged {
                check: index,
                catalogue_version: self.state.record.catalogue_version,
                slot: landed.slot,
                started_at: facts.started_at,
                ended_at: facts.ended_at,
                verdict,
                reason,
                travelled,
                duration: facts.duration,
            }));
            self.recent.note(index, verdict, observation);
        }
        self.measured_anything = true;
    }

    /// A reference answered, or the last of a round has.
    fn hear(&mut self, referred: Referred, inputs: &mut Vec<Input>) {
        if referred.facts.is_empty() {
            self.references_in_flight = false;
        }
        if referred.started < self.discard_before {
            return;
        }
        for facts in referred.facts {
            if facts.outcome == crate::model::observation::Outcome::Answered {
                inputs.push(Input::Reference { travelled: travelled(&facts), at: facts.ended_at });
            }
        }
    }

    fn effect(&mut self, effect: Effect, now: Instant) {
        match effect {
            Effect::Retry { check, at } => {
                let at = self.since_origin(self.clock.instant(at).max(now));
                if let Some(&request) = self.request_of.get(check as usize) {
                    self.schedule.probe_at(request, at);
                }
            }
            Effect::ProbeSoon { check } => {
                if let Some(&request) = self.request_of.get(check as usize) {
                    self.schedule.probe_at(request, self.since_origin(now));
                }
            }
            Effect::AskReferences => self.references_wanted = true,
        }
    }

    /// Asks the references if somebody wants to know, one round at a time.
    fn refer(&mut self, now: Instant) {
        let rested = self.references_asked.is_none_or(|asked| now.duration_since(asked) >= REFERENCES_EVERY);
        if self.references_wanted && !self.references_in_flight && rested {
            self.references_wanted = false;
            if !self.references.is_empty() {
                self.references_asked = Some(now);
                self.references_in_flight = true;
                flight::refer(&self.crew, &self.references);
            }
        }
    }

    fn start_due(&mut self, now: Instant, at: Timestamp) {
        for _ in 0..STARTS_A_TURN_MAX {
            let since = self.since_origin(now);
            let unplanned_max = self.crew.prepared.concurrency / UNPLANNED_SHARE;
            let Some(due) = self.schedule.pop_due(since, unplanned_max) else { break };
            let lag = since.saturating_sub(due.slot);
            if !due.unplanned {
                self.metrics.schedule_lag.observe(lag.as_secs_f64());
            }
            if let Some(started) = self.started.get_mut(due.request as usize) {
                *started = Some(now);
            }
            flight::start(&self.crew, due.request, at.minus(lag), due.unplanned);
        }
        self.metrics.probes_in_flight.set(i64::from(self.crew.landing.in_flight().get()));
    }

    /// Shows what changed, and everything anew each wall minute while probes come back.
    fn publish(&mut self, now: Instant, at: Timestamp) {
        let minute = at.as_millis().div_euclid(60_000);
        let health = self.health_words(at);
        let renew = minute != self.epoch_minute && self.probes_come_back(now);
        let changed = self.state.public_changed() || health != self.published;
        if renew || changed && now >= self.show_again_at {
            self.show_again_at = now + SHOW_EVERY;
            if renew {
                self.epoch_minute = minute;
                self.metrics.alive.set(at.as_millis() / 1_000);
                // A promise may come due by the time alone.
                self.measured_anything = true;
            }
            let snapshot = self.state.snapshot(at, &health, renew);
            self.published = health;
            if renew {
                self.certificates = self.see_certificates();
            }
            self.show(snapshot);
        }
        let checkpoint = (now.duration_since(self.checkpoint_at) >= CHECKPOINT_EVERY).then(|| {
            self.checkpoint_at = now;
            self.checkpoint()
        });
        if self.outbox.is_urgent() || checkpoint.is_some() || now.duration_since(self.flushed_at) >= FLUSH_EVERY {
            self.flushed_at = now;
            self.outbox.seal(now, checkpoint);
        }
    }

    fn checkpoint(&self) -> MakeCheckpoint {
        let record = self.state.record.clone();
        Box::new(move || CheckpointBody {
            position: record.position,
            format: CHECKPOINT_FORMAT,
            catalogue_version: record.catalogue_version,
            body: serde_json::to_vec(&record).unwrap_or_default(),
        })
    }

    fn health_words(&self, at: Timestamp) -> Vec<HealthWord> {
        let mut words = Vec::new();
        if self.config_stale {
            words.push(HealthWord::ConfigStale);
        }
        if self.recovered {
            words.push(HealthWord::Storage);
        }
        if !self.state.record.blind.is_empty() {
            words.push(HealthWord::Blind);
        }
        if !self.trust.is_trusted(at) {
            words.push(HealthWord::Clock);
        }
        words
    }

    /// Whether every probe in flight is within its time.
    fn probes_come_back(&self, now: Instant) -> bool {
        self.started.iter().zip(&self.crew.prepared.requests).all(|(started, request)| {
            started.is_none_or(|started| now.duration_since(started) < request.timeout + STUCK_AFTER)
        })
    }

    /// Writes what was decided into the log for people.
    fn tell(&mut self, logged: &Logged, now: Instant) {
        self.measured_anything = true;
        match &logged.event {
            Event::PathTurned { path, blind } => {
                self.metrics.vantage_blind.with_label_values(&[Path::as_str(*path)]).set(i64::from(*blind));
                if *blind {
                    tracing::warn!("our own path `{path}` is cut: failures over it prove nothing");
                } else {
                    tracing::info!("our own path `{path}` works again");
                }
            }
            Event::CatalogueAdopted { version, catalogue } => tracing::info!(
                "catalogue {version} is in force: {} organisations, {} components, {} checks",
                catalogue.organisations.len(),
                catalogue.components.len(),
                catalogue.checks.len()
            ),
            Event::CheckTurned { check, verdict, reason, .. } if self.log.checks.allows(now) => {
                let why = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                tracing::info!(check.id = %check, "check `{check}` went {verdict}{why}");
            }
            Event::IncidentOpened(incident) if self.log.incidents.allows(now) => {
                tracing::warn!(incident.id = %incident.id, "incident `{}` opened: root `{}`", incident.id, incident.root);
            }
            Event::IncidentMoved { id, status, .. } if self.log.incidents.allows(now) => {
                tracing::info!(incident.id = %id, "incident `{id}` is {status}");
            }
            Event::CheckTurned { .. }
            | Event::IncidentOpened(_)
            | Event::IncidentMoved { .. }
            | Event::CheckCounted { .. }
            | Event::StatusChanged(_)
            | Event::IncidentEdited { .. }
            | Event::UpdateRetracted { .. }
            | Event::UpdateCorrected { .. }
            | Event::OverlaySet { .. }
            | Event::MaintenancePlanned(_)
            | Event::MaintenanceEdited { .. }
            | Event::MaintenanceMoved { .. }
            | Event::LocalBegan(_)
            | Event::LocalEnded { .. }
            | Event::OverrideSet { .. }
            | Event::ClockStepped { .. }
            | Event::Skipped { .. } => {}
        }
    }

    /// Whether the files are faulty and an older catalogue stays in force.
    pub(super) const fn is_config_stale(&self) -> bool {
        self.config_stale
    }

    pub(super) fn set_config_stale(&mut self, stale: bool) {
        self.config_stale = stale;
        self.metrics.config_last_reload_successful.set(i64::from(!stale));
    }

    /// The catalogue in force.
    pub(super) const fn catalogue(&self) -> &Arc<Catalogue> {
        self.state.catalogue()
    }

    /// Writes what is left. Probes in flight are discarded: they are no failures.
    pub(super) fn shutdown(self) {
        let checkpoint = self.checkpoint();
        self.outbox.shutdown(monotonic(), Some(checkpoint));
    }
}
