//! From a step to the disk and to the public: a snapshot goes out when the log has been
//! acknowledged up to its position, or marked as volatile when the disk does not answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::app::export::Exporter;
use crate::app::notifier::Notifier;
use crate::history::writer::{Ack, Batch, MakeCheckpoint, Writer};
use crate::model::access::{AuditRecord, StoredAnswer};
use crate::model::event::{Logged, StoredResult};
use crate::model::snapshot::{HealthWord, Snapshot};
use crate::notify::facts::Facts;
use crate::publish::documents::Documents;
use crate::server::desk::AdminReply;

/// Without an acknowledgement for so long, what is known is published as volatile.
pub(super) const VOLATILE_AFTER: Duration = Duration::from_secs(2);

/// Decisions that may wait for a full queue; beyond it single results are not kept any more.
const UNSENT_RESULTS_MAX: usize = 100_000;

/// Decisions that may wait for a disk that is gone. None of them can be left out, and memory ends somewhere:
/// beyond it the program does.
const UNSENT_EVENTS_MAX: usize = 500_000;

/// Acknowledgements on their way from the writer's thread to the loop.
#[derive(Debug, Default)]
pub(super) struct Acks {
    queue: Mutex<Vec<Ack>>,
    /// Woken by each acknowledgement.
    pub(super) arrived: Notify,
}

impl Acks {
    pub(super) fn push(&self, ack: Ack) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(ack);
        self.arrived.notify_one();
    }

    fn take(&self) -> Vec<Ack> {
        std::mem::take(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A batch on its way to the disk, and the snapshot that waits for it.
struct Sealed {
    token: u64,
    sent_at: Instant,
    snapshot: Option<Arc<Snapshot>>,
    facts: Option<Arc<Facts>>,
    replies: Vec<Promised>,
}

/// A reply and where it goes.
type Promised = (AdminReply, oneshot::Sender<AdminReply>);

/// Audit records that may wait for the disk; an editor's change beyond it is refused.
const UNSENT_AUDITS_MAX: usize = 1_000;

/// The way out.
pub(super) struct Outbox {
    writer: Writer,
    acks: Arc<Acks>,
    documents: Arc<Documents>,
    exporter: Option<Exporter>,
    notifier: Option<Notifier>,
    events: Vec<Logged>,
    results: Vec<StoredResult>,
    snapshot: Option<Arc<Snapshot>>,
    /// What belongs to the snapshot, for those who are told of it.
    facts: Option<Arc<Facts>>,
    sealed: VecDeque<Sealed>,
    /// What editors tried, and answers to them, on their way into the store.
    audits: Vec<AuditRecord>,
    answers: Vec<StoredAnswer>,
    /// Replies that leave when what they tell of is durable.
    replies: Vec<Promised>,
    token: u64,
    /// The storage fault in force, as a sentence.
    fault: Option<String>,
    volatile: bool,
    last: Option<Arc<Snapshot>>,
    dropped_results: u64,
}

impl Outbox {
    pub(super) fn new(
        writer: Writer,
        acks: Arc<Acks>,
        documents: Arc<Documents>,
        exporter: Option<Exporter>,
        notifier: Option<Notifier>,
    ) -> Self {
        Self {
            writer,
            acks,
            documents,
            exporter,
            notifier,
            events: Vec::new(),
            results: Vec::new(),
            snapshot: None,
            facts: None,
            sealed: VecDeque::new(),
            audits: Vec::new(),
            answers: Vec::new(),
            replies: Vec::new(),
            token: 0,
            fault: None,
            volatile: false,
            last: None,
            dropped_results: 0,
        }
    }

    /// Takes what a step decided and saw.
    pub(super) fn take(&mut self, events: Vec<Logged>, results: Vec<StoredResult>) {
        self.events.extend(events);
        let room = UNSENT_RESULTS_MAX.saturating_sub(self.results.len());
        self.dropped_results += results.len().saturating_sub(room) as u64;
        self.results.extend(results.into_iter().take(room));
    }

    /// Takes the snapshot that belongs to what was taken so far; a newer one replaces it.
    pub(super) fn show(&mut self, snapshot: Snapshot) {
        self.snapshot = Some(Arc::new(snapshot));
    }

    /// Takes what people and programs are told of, once it is durable; it belongs to the snapshot.
    pub(super) fn tell(&mut self, facts: impl FnOnce() -> Facts) {
        if self.notifier.is_some() {
            self.facts = Some(Arc::new(facts()));
        }
    }

    /// Whether people and programs are told, if anybody is to be.
    pub(super) fn is_telling(&self) -> bool {
        self.notifier.as_ref().is_none_or(Notifier::is_running)
    }

    /// Who tells people and programs.
    pub(super) const fn notifier(&self) -> Option<&Notifier> {
        self.notifier.as_ref()
    }

    /// Takes a record of what an editor tried.
    pub(super) fn note(&mut self, audit: AuditRecord) {
        self.audits.push(audit);
    }

    /// Takes a reply that leaves when everything taken so far is durable.
    pub(super) fn promise(&mut self, stored: Option<StoredAnswer>, reply: AdminReply, to: oneshot::Sender<AdminReply>) {
        self.answers.extend(stored);
        self.replies.push((reply, to));
    }

    /// Whether an editor's change may be taken: not while the disk does not answer.
    pub(super) const fn is_writable(&self) -> bool {
        self.fault.is_none() && !self.volatile && self.audits.len() < UNSENT_AUDITS_MAX
    }

    /// Whether decisions, a snapshot or replies wait to be sealed.
    pub(super) fn is_urgent(&self) -> bool {
        !self.events.is_empty() || self.snapshot.is_some() || !self.audits.is_empty() || !self.replies.is_empty()
    }

    /// Seals what was taken and sends it to the writer. What does not fit stays and is sent with
    /// the next batch.
    pub(super) fn seal(&mut self, now: Instant, checkpoint: Option<MakeCheckpoint>) {
        if !self.is_urgent() && self.results.is_empty() && checkpoint.is_none() {
            return;
        }
        self.token += 1;
        let batch = Batch {
            events: std::mem::take(&mut self.events),
            results: std::mem::take(&mut self.results),
            audits: std::mem::take(&mut self.audits),
            answers: std::mem::take(&mut self.answers),
            checkpoint,
            token: self.token,
        };
        let (snapshot, facts) = (self.snapshot.take(), self.facts.take());
        match self.writer.try_send(batch) {
            Ok(()) => {
                let replies = std::mem::take(&mut self.replies);
                self.sealed.push_back(Sealed { token: self.token, sent_at: now, snapshot, facts, replies });
            }
            Err(batch) => {
                self.events = batch.events;
                self.results = batch.results;
                self.audits = batch.audits;
                self.answers = batch.answers;
                self.facts = facts;
                // Nothing of it is on its way, so the snapshot cannot wait for it.
                self.snapshot = None;
                if let Some(snapshot) = snapshot {
                    self.publish_volatile(&snapshot, "the queue to the disk is full");
                }
            }
        }
    }

    /// Publishes what has been acknowledged, or what waits too long for it.
    pub(super) fn settle(&mut self, now: Instant) {
        let (mut ready, mut facts) = (None, None);
        for ack in self.acks.take() {
            match ack.result {
                Ok(()) => {
                    while self.sealed.front().is_some_and(|sealed| sealed.token <= ack.token) {
                        let Some(sealed) = self.sealed.pop_front() else { break };
                        ready = sealed.snapshot.or(ready);
                        facts = sealed.facts.or(facts);
                        for (reply, to) in sealed.replies {
                            // Whoever does not wait any more is not told.
                            drop(to.send(reply));
                        }
                    }
                    if let Some(fault) = self.fault.take() {
                        tracing::info!("storage works again (it did not: {fault})");
                    }
                }
                Err(sentence) => {
                    if self.fault.as_ref() != Some(&sentence) {
                        tracing::error!("storage: {sentence}; what is shown meanwhile is marked as volatile");
                    }
                    self.fault = Some(sentence);
                }
            }
        }
        if let (Some(notifier), Some(facts)) = (&self.notifier, facts) {
            notifier.offer(facts);
        }
        if let Some(snapshot) = ready {
            self.publish(snapshot);
        } else if self.volatile
            && self.sealed.is_empty()
            && self.fault.is_none()
            && let Some(last) = self.last.take()
        {
            self.publish(last);
        }
        let late = self.sealed.front().is_some_and(|sealed| now.duration_since(sealed.sent_at) >= VOLATILE_AFTER);
        if (late || self.fault.is_some()) && !self.sealed.is_empty() {
            // Of what waits to be told the newest is enough: it holds what was before.
            let facts = self.sealed.iter_mut().rev().skip_while(|sealed| sealed.facts.is_none()).skip(1);
            facts.for_each(|sealed| sealed.facts = None);
            let newest = self.sealed.iter_mut().rev().find_map(|sealed| sealed.snapshot.take());
            if newest.is_some() {
                // What is older than what is shown now is not shown any more.
                self.sealed.iter_mut().for_each(|sealed| sealed.snapshot = None);
            }
            if let Some(snapshot) = newest {
                let why = self.fault.clone().unwrap_or_else(|| "the disk does not answer".to_owned());
                self.publish_volatile(&snapshot, &why);
            } else if !self.volatile
                && let Some(last) = self.last.clone()
            {
                self.publish_volatile(&last, "the disk does not answer");
            }
        }
        self.report();
    }

    /// Says whether the disk answers.
    fn report(&self) {
        if let Some(notifier) = &self.notifier {
            notifier.storage(self.fault.is_some() || self.volatile);
        }
    }

    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        self.volatile = false;
        self.last = Some(Arc::clone(&snapshot));
        self.put_out(snapshot);
    }

    fn publish_volatile(&mut self, snapshot: &Arc<Snapshot>, why: &str) {
        if !self.volatile {
            tracing::warn!("publishing without the disk: {why}");
        }
        self.volatile = true;
        self.last = Some(Arc::clone(snapshot));
        let mut marked = Snapshot::clone(snapshot);
        if !marked.health.contains(&HealthWord::Storage) {
            marked.health.push(HealthWord::Storage);
        }
        self.put_out(Arc::new(marked));
    }

    fn put_out(&self, snapshot: Arc<Snapshot>) {
        if let Some(exporter) = &self.exporter {
            exporter.offer(&snapshot);
        }
        self.documents.publish(snapshot);
    }

    /// When [`Self::settle`] must be called at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.sealed.front().filter(|_| !self.volatile).map(|sealed| sealed.sent_at + VOLATILE_AFTER)
    }

    /// The writer, for its gauges.
    pub(super) const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Decisions that wait for room in the queue to the disk.
    pub(super) const fn unsent(&self) -> usize {
        self.events.len()
    }

    /// Whether more decisions wait than memory is meant for.
    pub(super) const fn is_overfull(&self) -> bool {
        self.events.len() > UNSENT_EVENTS_MAX
    }

    /// The documents, for their gauge.
    pub(super) fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Results that were not kept because the queue was full.
    pub(super) const fn dropped_results(&self) -> u64 {
        self.dropped_results
    }

    /// Sends what is left and waits until it is on disk.
    pub(super) fn shutdown(mut self, now: Instant, checkpoint: Option<MakeCheckpoint>) {
        self.seal(now, checkpoint);
        // It reads and writes the store, too.
        drop(self.notifier.take());
        self.writer.shutdown();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::clock::monotonic;
    use crate::engine::{Input, State};
    use crate::history::open::Store;
    use crate::history::writer::WriterOptions;
    use crate::model::catalogue::{Catalogue, Declared};
    use crate::model::event::Event;
    use crate::model::time::Timestamp;
    use crate::publish::Rendered;
    use crate::publish::documents::DocumentSettings;

    /// Settles until what is published fulfils a condition; a minute is forever.
    fn until(outbox: &mut Outbox, what: &str, holds: impl Fn(&Snapshot) -> bool) {
        let start = monotonic();
        loop {
            outbox.settle(monotonic());
            if outbox.documents.current().is_some_and(|snapshot| holds(&snapshot)) {
                return;
            }
            assert!(monotonic().duration_since(start) < Duration::from_secs(60), "never: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_full_disk_marks_what_is_shown_as_volatile_until_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("t.db")).expect("a store");
        let pages_max = Arc::new(AtomicU32::new(1_000_000));
        let options =
            WriterOptions { retain_results: Duration::from_secs(3600), pages_max: Some(Arc::clone(&pages_max)) };
        let acks = Arc::new(Acks::default());
        let writer = {
            let acks = Arc::clone(&acks);
            store.into_writer(options, move |ack| acks.push(ack)).expect("a writer")
        };
        let settings = DocumentSettings { exchange_every: Duration::ZERO, ..DocumentSettings::default() };
        let documents = Documents::start(settings, Arc::new(|_, _| Rendered::NotFound)).expect("threads");
        let mut outbox = Outbox::new(writer, acks, documents, None, None);
        let mut state = State::new(1);
        let at = |second: i64| Timestamp::from_millis(1_793_491_200_000 + second * 1000);
        let mut change = |outbox: &mut Outbox, second: i64| {
            // A catalogue that no compression makes small.
            let mut declared = Declared::default();
            let noise = (0u64..40_000).scan(second.unsigned_abs(), |seed, _| {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                Some(format!("{:x}", *seed >> 32))
            });
            declared.site.timezone = noise.collect();
            let step = state.step(vec![Input::Adopt(Arc::new(Catalogue::new(declared)))], at(second));
            outbox.take(step.events, step.results);
            outbox.show(state.snapshot(at(second), &[], true));
            outbox.seal(monotonic(), None);
            state.record.position
        };
        let first = change(&mut outbox, 1);
        until(&mut outbox, "published once written", |s| s.position == first && s.health.is_empty());
        pages_max.store(1, Ordering::SeqCst);
        // An editor whose change is on its way hears nothing before it is durable.
        let (promise, mut reply) = oneshot::channel();
        let answer = AdminReply { status: 200, headers: Vec::new(), body: b"{}".to_vec() };
        outbox.promise(None, answer.clone(), promise);
        assert!(outbox.is_writable());
        let second = change(&mut outbox, 2);
        until(&mut outbox, "marked while the disk is full", |s| {
            s.position == second && s.health.contains(&HealthWord::Storage)
        });
        assert!(!outbox.is_writable(), "no further change is taken meanwhile");
        // Of what waits to be told while the disk is silent only the newest stays in memory.
        let third = change(&mut outbox, 3);
        outbox.sealed.iter_mut().for_each(|sealed| sealed.facts = Some(Arc::default()));
        outbox.settle(monotonic());
        let kept: Vec<bool> = outbox.sealed.iter().map(|sealed| sealed.facts.is_some()).collect();
        assert_eq!(kept, [false, true]);
        assert_eq!(reply.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        // What finds no room on its way waits, and not without an end.
        let one = Logged { position: 9, at: Timestamp::from_millis(9), event: Event::ClockStepped { by_ms: 0 } };
        outbox.take(vec![one; UNSENT_EVENTS_MAX], Vec::new());
        assert_eq!((outbox.unsent(), outbox.is_overfull()), (UNSENT_EVENTS_MAX, false));
        outbox.take(outbox.events[..1].to_vec(), Vec::new());
        assert!(outbox.is_overfull());
        outbox.events.clear();
        pages_max.store(1_000_000, Ordering::SeqCst);
        until(&mut outbox, "clean once written", |s| s.position == third && s.health.is_empty());
        assert_eq!(reply.try_recv(), Ok(answer));
        assert!(outbox.is_writable());
        outbox.shutdown(monotonic(), None);
        let again = Store::open(&folder.path().join("t.db")).expect("it was closed");
        assert_eq!(again.restore().expect("sound").position, third, "nothing is lost");
    }
}
