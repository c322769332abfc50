//! What a probe has seen so far. It lives outside the probe's future, so that the one deadline
//! that drops the future still finds the phase, its time and the facts.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::monotonic;
use crate::model::check::Phase;
use crate::model::observation::{DnsFacts, HttpFacts, Phases, Travelled};
use crate::probe::policy::Zone;
use crate::probe::tls::Recorder;

/// The running record of one probe.
#[derive(Debug)]
pub(super) struct Trace {
    /// When the probe began.
    pub(super) started: Instant,
    /// When it must have ended.
    pub(super) deadline: Instant,
    phase: Cell<Option<Phase>>,
    since: Cell<Instant>,
    phases: Cell<Phases>,
    /// Time spent in our own queues, which is not the target's.
    waited: Cell<Duration>,
    /// When the last byte that counts was read.
    ended: Cell<Option<Instant>>,
    /// The address of the last hop and where it lies.
    pub(super) address: Cell<Option<(SocketAddr, Zone)>>,
    /// Attempts to connect under way.
    pub(super) connecting: RefCell<Vec<SocketAddr>>,
    /// The address in whose queue the probe began to wait last.
    pub(super) queued: Cell<Option<(IpAddr, Instant)>>,
    /// When it got its place there.
    pub(super) placed: Cell<Option<Instant>>,
    /// Whether the probe waits for our own memory.
    pub(super) starved: Cell<bool>,
    /// Whether an address is not tried yet for want of a descriptor.
    pub(super) untried: Cell<bool>,
    /// The paths used.
    pub(super) travelled: Cell<Travelled>,
    /// The handshake of the last hop.
    pub(super) handshake: RefCell<Option<Arc<Recorder>>>,
    /// The head of the last HTTP answer.
    pub(super) http: RefCell<Option<HttpFacts>>,
    /// The DNS answer of a `dns` probe.
    pub(super) dns: RefCell<Option<DnsFacts>>,
}

impl Trace {
    /// The record of a probe that begins now.
    pub(super) fn new(timeout: Duration, travelled: Travelled) -> Self {
        let started = monotonic();
        Self {
            started,
            deadline: started + timeout,
            phase: Cell::new(None),
            since: Cell::new(started),
            phases: Cell::new(Phases::default()),
            waited: Cell::new(Duration::ZERO),
            ended: Cell::new(None),
            address: Cell::new(None),
            connecting: RefCell::new(Vec::new()),
            queued: Cell::new(None),
            placed: Cell::new(None),
            starved: Cell::new(false),
            untried: Cell::new(false),
            travelled: Cell::new(travelled),
            handshake: RefCell::new(None),
            http: RefCell::new(None),
            dns: RefCell::new(None),
        }
    }

    /// Ends the phase under way and begins another.
    pub(super) fn enter(&self, phase: Phase) {
        self.enter_at(phase, monotonic());
    }

    /// As [`Self::enter`], with the border at an earlier instant.
    pub(super) fn enter_at(&self, phase: Phase, border: Instant) {
        self.leave_at(border);
        self.phase.set(Some(phase));
        self.since.set(border);
    }

    /// Ends the phase under way.
    pub(super) fn leave(&self) {
        self.leave_at(monotonic());
    }

    fn leave_at(&self, border: Instant) {
        if let Some(phase) = self.phase.take() {
            self.add(phase, border.saturating_duration_since(self.since.get()));
        }
    }

    /// Ends the phase under way, whose time is known otherwise: that of the look-up whose answer
    /// was reused, or of the attempt that connected.
    pub(super) fn leave_as(&self, time: Duration) {
        if let Some(phase) = self.phase.take() {
            self.add(phase, time);
        }
    }

    fn add(&self, phase: Phase, time: Duration) {
        let mut phases = self.phases.get();
        phases.add(phase, time);
        self.phases.set(phases);
    }

    /// Notes time spent in a queue of ours.
    pub(super) fn wait(&self, time: Duration) {
        self.waited.set(self.waited.get() + time);
    }

    /// The answer is complete: what follows is courtesy and counts no more.
    pub(super) fn finish(&self) {
        let now = monotonic();
        self.leave_at(now);
        self.ended.set(Some(now));
    }

    /// The phase under way.
    pub(super) fn phase(&self) -> Option<Phase> {
        self.phase.get()
    }

    /// Time per phase so far.
    pub(super) fn phases(&self) -> Phases {
        self.phases.get()
    }

    /// When the probe ended (now, if it was never finished) and how long it took without
    /// waiting in our queues.
    pub(super) fn end(&self) -> (Instant, Duration) {
        let ended = self.ended.get().unwrap_or_else(monotonic);
        (ended, ended.saturating_duration_since(self.started).saturating_sub(self.waited.get()))
    }

    /// Time left until the deadline.
    pub(super) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(monotonic())
    }

    /// Notes a path that was used.
    pub(super) fn travel(&self, note: impl FnOnce(&mut Travelled)) {
        let mut travelled = self.travelled.get();
        note(&mut travelled);
        self.travelled.set(travelled);
    }
}
