//! The thread's work: recall, plan, record, deliver, and say how it went.
//!
//! A message is recorded before it is sent, and marked as sent right after it was accepted. If the program
//! dies in between it is sent once more, with the same id, by which receivers know it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tokio::task::JoinSet;

use crate::app::log_limit::LogLimit;
use crate::app::notifier::alerts::Said;
use crate::app::notifier::storage::Storage;
use crate::app::notifier::{Board, Order, Shared};
use crate::app::ways::Ways;
use crate::clock::{monotonic, system_time};
use crate::history::StoreFault;
use crate::history::notification::{Attempt, EDITS_MAX, Hurried, Outgoing};
use crate::model::catalogue::Catalogue;
use crate::model::notification::{Delivery, Digest, Notification};
use crate::model::notify::Channel;
use crate::model::time::Timestamp;
use crate::notify::edits::declared_contacts;
use crate::notify::facts::Facts;
use crate::notify::plan::Planner;
use crate::notify::{Outcome, retry};
use crate::publish::escape;
use crate::publish::letter::{self, Frame};

/// Most messages being sent at a time by each channel, so that one that hangs stops no other.
const IN_FLIGHT_MAX: [(Channel, usize); 2] = [(Channel::Mail, 4), (Channel::Webhook, 12)];

/// Most messages about the store being sent beside them.
const DIRECT_IN_FLIGHT_MAX: usize = 4;

/// Most events of editors looked at in one go; there are never so many.
const EDITS_IN_ALL_MAX: usize = 20 * EDITS_MAX as usize;

/// Most messages that whoever looks after the program is shown, by how they stand.
const SHOWN: [(Delivery, u32); 3] = [(Delivery::Dead, 10), (Delivery::Pending, 10), (Delivery::Sent, 5)];

/// What stands is looked at anew so often, for what the time alone brings about.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A store that cannot be used is tried again so much later.
const STORE_AGAIN: Duration = Duration::from_secs(5);

/// At the end messages under way may take so long: more than a mail server may take to say goodbye.
const GRACE: Duration = Duration::from_secs(2);

/// How something ended.
pub(super) enum Done {
    Message { message: Box<Notification>, channel: Channel, outcome: Outcome },
    Alerts { instance: usize, outcome: Outcome },
}

/// A message that is being sent.
struct Flight {
    recipient: String,
    /// Through which of the channels; `None`: it is about the store, and in memory only.
    channel: Option<Channel>,
}

/// Everything the thread has.
pub(super) struct Work {
    pub(super) order: Order,
    shared: Arc<Shared>,
    store: Option<Outgoing>,
    planner: Option<Planner>,
    pub(super) facts: Option<Arc<Facts>>,
    /// The facts are new, or were last looked at then.
    looked_at: Option<Instant>,
    /// Not before then, if it failed.
    store_again_at: Option<Instant>,
    contacts: (u64, Arc<BTreeSet<String>>),
    pub(super) flying: JoinSet<Done>,
    /// Messages being sent.
    in_flight: BTreeMap<String, Flight>,
    /// Ends of attempts that the store does not know yet.
    unsettled: Vec<Attempt>,
    /// Mail servers and webhooks that took a message since they last could not.
    working: BTreeSet<String>,
    tests: BTreeSet<String>,
    log: LogLimit,
    pub(super) storage: Storage,
    pub(super) said: Said,
    fault: Option<String>,
}

impl Work {
    pub(super) fn new(order: Order, shared: Arc<Shared>) -> Self {
        Self {
            order,
            shared,
            store: None,
            planner: None,
            facts: None,
            looked_at: None,
            store_again_at: None,
            contacts: (0, Arc::default()),
            flying: JoinSet::new(),
            in_flight: BTreeMap::new(),
            unsettled: Vec::new(),
            working: BTreeSet::new(),
            tests: BTreeSet::new(),
            log: LogLimit::new("messages"),
            storage: Storage::default(),
            said: Said::default(),
            fault: None,
        }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        while shared.goes_on() {
            let wait = self.turn(system_time());
            tokio::select! {
                () = shared.arrived.notified() => {}
                Some(done) = self.flying.join_next() => self.landed(done.ok()),
                () = tokio::time::sleep_until((monotonic() + wait).into()) => {}
            }
            // What ended at the same time is settled in one transaction.
            while let Some(done) = self.flying.try_join_next() {
                self.landed(done.ok());
            }
        }
        let until = monotonic() + GRACE;
        while let Ok(Some(done)) = tokio::time::timeout_at(until.into(), self.flying.join_next()).await {
            self.landed(done.ok());
        }
        if let Some(store) = &mut self.store
            && let Err(fault) = store.settle(&self.unsettled)
        {
            tracing::warn!("messages that were just sent may be sent once more: {fault}");
        }
    }

    /// Does what is due; returns how long there is nothing else to do.
    fn turn(&mut self, now: Timestamp) -> Duration {
        let inbox = self.shared.take();
        if let Some(facts) = inbox.facts {
            self.facts = Some(facts);
            self.looked_at = None;
        }
        self.tests.extend(inbox.tests);
        self.watch_storage(inbox.storage_since, now);
        if self.store_again_at.is_none_or(|at| at <= monotonic()) {
            let worked = self.keep(now);
            self.noted(worked.as_ref().err().map(ToString::to_string));
            self.store_again_at = worked.is_err().then(|| monotonic() + STORE_AGAIN);
            if worked.is_err() {
                // What was planned and not recorded was not told: it is planned anew.
                self.planner = None;
                for gauge in [&self.order.metrics.notify_queue, &self.order.metrics.notify_dead_letters] {
                    gauge.set(f64::NAN);
                }
            }
        }
        self.send_direct(now);
        self.alert(now);
        self.rest(now).clamp(Duration::from_millis(10), LOOK_EVERY)
    }

    /// Everything that needs the store.
    fn keep(&mut self, now: Timestamp) -> Result<(), StoreFault> {
        if self.order.recipients.is_empty() {
            return Ok(());
        }
        let mut store = match self.store.take() {
            Some(store) => store,
            None => Outgoing::open(&self.order.store)?,
        };
        let worked = self.keep_in(&mut store, now);
        if worked.is_ok() {
            self.store = Some(store);
        }
        worked
    }

    fn keep_in(&mut self, store: &mut Outgoing, now: Timestamp) -> Result<(), StoreFault> {
        if !self.unsettled.is_empty() {
            store.settle(&self.unsettled)?;
            self.unsettled.clear();
        }
        let mut planner = match self.planner.take() {
            Some(planner) => planner,
            None => self.recall(store, now)?,
        };
        if let Some(facts) = self.facts.clone() {
            self.plan(store, &mut planner, &facts, now)?;
            self.test(store, &facts.catalogue, now)?;
        }
        self.launch(store, now)?;
        planner.delivered(store.waiting()?);
        let count = store.count()?;
        self.order.metrics.notify_queue.set(count.pending as f64);
        self.order.metrics.notify_dead_letters.set(count.dead as f64);
        let mut newest = Vec::new();
        for (state, most) in SHOWN {
            newest.extend(store.newest(state, most)?);
        }
        self.shared.show(Board { count, newest });
        self.planner = Some(planner);
        Ok(())
    }

    /// What is remembered. A webhook that wanted no more and has another address now is told again.
    fn recall(&self, store: &mut Outgoing, now: Timestamp) -> Result<Planner, StoreFault> {
        let recipients = self.order.recipients.iter().map(|recipient| recipient.to.key()).collect();
        let memory = store.recall(&recipients, now)?;
        let moved: Vec<String> = memory
            .closed
            .iter()
            .filter(|(recipient, place)| self.order.ways.place(recipient).as_ref() != Some(place))
            .map(|(recipient, _)| recipient.clone())
            .collect();
        let mut planner = Planner::new(&self.order.recipients, memory);
        let memos: Vec<_> = moved.iter().map(|recipient| planner.close(recipient, None)).collect();
        if !memos.is_empty() {
            store.record(&memos, &[], now)?;
        }
        Ok(planner)
    }

    /// Compares what stands with what was told, and records the messages that come of it.
    fn plan(
        &mut self,
        store: &mut Outgoing,
        planner: &mut Planner,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<(), StoreFault> {
        let mut memos = match &self.storage.recovery {
            Some(works) => planner.storage_works((works.began_at, works.ended_at), &works.heard, now),
            None => Vec::new(),
        };
        if self.looked_at.is_none_or(|at| monotonic().duration_since(at) >= LOOK_EVERY) {
            let mut edits = Vec::new();
            let mut after = planner.memory().position;
            while after < facts.position && edits.len() < EDITS_IN_ALL_MAX {
                let (more, through) = store.edits(after, facts.position)?;
                edits.extend(more);
                after = through;
            }
            let contacts = self.contacts(&facts.catalogue);
            memos.extend(planner.take(facts, &edits, &contacts, now));
            self.looked_at = Some(monotonic());
        }
        let (digests, more) = planner.compose(&zone(&facts.catalogue), now);
        memos.extend(more);
        let frame = frame(&facts.catalogue);
        let messages: Vec<_> = digests.iter().map(|digest| message(digest, &frame)).collect();
        if !memos.is_empty() || !messages.is_empty() {
            store.record(&memos, &messages, now)?;
        }
        // Only now it will be told.
        self.storage.recovery = None;
        Ok(())
    }

    /// The catalogue in force, or that of the start.
    pub(super) fn catalogue(&self) -> &Arc<Catalogue> {
        self.facts.as_ref().map_or(&self.order.catalogue, |facts| &facts.catalogue)
    }

    /// Where the files send citizens.
    fn contacts(&mut self, catalogue: &Catalogue) -> Arc<BTreeSet<String>> {
        if self.contacts.0 != catalogue.hash() {
            self.contacts = (catalogue.hash(), Arc::new(declared_contacts(catalogue)));
        }
        Arc::clone(&self.contacts.1)
    }

    /// Records the tests that were asked for, but where one is on its way.
    fn test(&mut self, store: &mut Outgoing, catalogue: &Catalogue, now: Timestamp) -> Result<(), StoreFault> {
        if self.tests.is_empty() {
            return Ok(());
        }
        let (frame, tested) = (frame(catalogue), store.tested()?);
        let messages: Vec<Notification> =
            self.tests.difference(&tested).filter_map(|recipient| test_message(recipient, &frame, now)).collect();
        store.record(&[], &messages, now)?;
        self.tests.clear();
        Ok(())
    }

    /// Sends what is due, one message at a time to each recipient.
    fn launch(&mut self, store: &Outgoing, now: Timestamp) -> Result<(), StoreFault> {
        for (channel, most) in IN_FLIGHT_MAX {
            let flying = self.in_flight.values().filter(|flight| flight.channel == Some(channel));
            let busy: BTreeSet<&str> = flying.map(|flight| flight.recipient.as_str()).collect();
            if busy.len() >= most {
                continue;
            }
            for message in store.due(channel, &busy, now, most - busy.len())? {
                self.send(message, Some(channel), now);
            }
        }
        Ok(())
    }

    /// Sends what the store cannot hold.
    fn send_direct(&mut self, now: Timestamp) {
        let flying = self.in_flight.values().filter(|flight| flight.channel.is_none()).count();
        let due = self.storage.due(now).filter(|direct| !self.in_flight.contains_key(&direct.id));
        let due: Vec<Notification> = due.take(DIRECT_IN_FLIGHT_MAX.saturating_sub(flying)).cloned().collect();
        for message in due {
            self.send(message, None, now);
        }
    }

    fn send(&mut self, message: Notification, channel: Option<Channel>, now: Timestamp) {
        let Some(to) = self.order.ways.address(&message.recipient).cloned() else { return };
        let flight = Flight { recipient: message.recipient.clone(), channel };
        self.in_flight.insert(message.id.clone(), flight);
        let ways: Ways = self.order.ways.clone();
        self.flying.spawn(async move {
            let outcome = ways.send(&to, &message.id, message.created_at, &message.letter, now).await;
            Done::Message { message: Box::new(message), channel: to.channel(), outcome }
        });
    }

    /// Something ended; nothing if it panicked, which takes nothing else with it.
    fn landed(&mut self, done: Option<Done>) {
        let now = system_time();
        match done {
            Some(Done::Message { message, channel, outcome }) => {
                self.in_flight.remove(&message.id);
                self.judge(&message, channel, outcome, now);
            }
            Some(Done::Alerts { instance, outcome }) => self.alerted(instance, &outcome),
            None => {
                // Whose it was is not known; the store knows that they are all still to be sent.
                tracing::error!("sending a message panicked: this is a defect; please report it");
                self.in_flight.clear();
                self.said.busy.clear();
            }
        }
    }

    /// What an attempt means for its message.
    fn judge(&mut self, message: &Notification, channel: Channel, outcome: Outcome, now: Timestamp) {
        let (id, to) = (&message.id, &message.recipient);
        let is_direct = self.storage.holds(id);
        let later = |why, asked| match retry::next(id, message.attempts, asked, now) {
            _ if is_direct => (Delivery::Pending, retry::next_urgent(id, message.attempts, now), Some(why)),
            Some(at) => (Delivery::Pending, at, Some(why)),
            None => (Delivery::Dead, now, Some(why)),
        };
        // All mail has one way, each webhook its own.
        let way = if channel == Channel::Mail { channel.as_str() } else { to.as_str() };
        let works_again = outcome == Outcome::Accepted && self.working.insert(way.to_owned());
        let (state, next_at, fault) = match outcome {
            Outcome::Accepted => {
                self.reopen(to, now);
                (Delivery::Sent, now, None)
            }
            Outcome::Later(why, asked) => later(why, asked),
            Outcome::Unreachable(why) => {
                self.working.remove(way);
                later(why, None)
            }
            Outcome::Refused(why) => (Delivery::Dead, now, Some(why)),
            Outcome::Gone(why) => {
                self.close(to, &why, now);
                (Delivery::Dead, now, Some(why))
            }
        };
        let word = match state {
            Delivery::Sent => "sent",
            Delivery::Pending => "retried",
            Delivery::Dead => "dead",
        };
        self.order.metrics.notifications.with_label_values(&[channel.as_str(), word]).inc();
        let why = escape::terminal(fault.as_deref().unwrap_or_default());
        match state {
            Delivery::Sent => tracing::debug!("message {id} was accepted"),
            Delivery::Pending | Delivery::Dead if !self.log.allows(monotonic()) => {}
            Delivery::Pending => tracing::warn!("message {id} to `{to}` is tried again: {why}"),
            Delivery::Dead => {
                tracing::error!("message {id} to `{to}` is given up: {why}; `turmwacht notify list` shows it")
            }
        }
        if is_direct {
            self.storage.tried(id, state, next_at);
            return;
        }
        // What waits for the way to work again does not wait for its own time.
        let hurried = works_again.then(|| match channel {
            Channel::Mail => Hurried::Mail,
            Channel::Webhook | Channel::Alertmanager => Hurried::Recipient(to.clone()),
        });
        self.unsettled.push(Attempt { id: id.clone(), state, next_at, fault, hurried });
    }

    /// A webhook said that it wants no more. If the store cannot be told, it will say so again.
    fn close(&mut self, recipient: &str, why: &str, now: Timestamp) {
        let place = self.order.ways.place(recipient);
        let (Some(planner), Some(store)) = (&mut self.planner, &mut self.store) else { return };
        let memo = planner.close(recipient, place);
        let closed = store.record(&[memo], &[], now).and_then(|()| store.give_up(recipient, why));
        if let Err(fault) = closed {
            tracing::warn!("that `{recipient}` wants no more is not recorded: {fault}");
        }
    }

    /// One that wanted no more took a test.
    fn reopen(&mut self, recipient: &str, now: Timestamp) {
        let (Some(planner), Some(store)) = (&mut self.planner, &mut self.store) else { return };
        if planner.memory().closed.contains_key(recipient) {
            let memo = planner.close(recipient, None);
            if let Err(fault) = store.record(&[memo], &[], now) {
                tracing::warn!("that `{recipient}` is told again is not recorded: {fault}");
            }
        }
    }

    /// How long there is nothing to do.
    fn rest(&self, now: Timestamp) -> Duration {
        if let Some(at) = self.store_again_at {
            return at.saturating_duration_since(monotonic());
        }
        if !self.unsettled.is_empty() {
            return Duration::ZERO;
        }
        let planned = self.planner.as_ref().and_then(|planner| planner.next(now));
        // What is due and waits for its turn is looked at when something lands.
        let attempt = self.store.as_ref().and_then(|store| store.next(now).ok().flatten());
        planned.into_iter().chain(attempt).min().map_or(LOOK_EVERY, |at| at.since(now))
    }

    /// Says once that the store cannot be used, and once that it can again.
    fn noted(&mut self, sentence: Option<String>) {
        match (&self.fault, &sentence) {
            (None, Some(sentence)) => tracing::error!("nobody is told anything new: {sentence}"),
            (Some(_), None) => tracing::info!("people are told again"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        self.fault = sentence;
    }
}

pub(super) fn message(digest: &Digest, frame: &Frame) -> Notification {
    Notification {
        id: digest.id.clone(),
        recipient: digest.recipient.clone(),
        created_at: digest.at,
        attempts: 0,
        next_at: digest.at,
        state: Delivery::Pending,
        fault: None,
        letter: letter::write(digest, frame),
    }
}

/// A test, unless there is no randomness for its id.
pub(crate) fn test_message(recipient: &str, frame: &Frame, now: Timestamp) -> Option<Notification> {
    let mut random = [0; 12];
    getrandom::fill(&mut random).ok()?;
    let id = format!("test-{}", data_encoding::HEXLOWER.encode(&random));
    let letter = letter::test(&id, now, frame);
    let (recipient, state) = (recipient.to_owned(), Delivery::Pending);
    Some(Notification { id, recipient, created_at: now, attempts: 0, next_at: now, state, fault: None, letter })
}

fn zone(catalogue: &Catalogue) -> TimeZone {
    TimeZone::get(&catalogue.site.timezone).unwrap_or(TimeZone::UTC)
}

pub(crate) fn frame(catalogue: &Catalogue) -> Frame {
    Frame {
        public_url: catalogue.site.public_url.clone(),
        title: catalogue.site.title.clone(),
        language: catalogue.site.language().to_owned(),
        zone: zone(catalogue),
    }
}
