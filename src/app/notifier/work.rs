//! The thread's work: recall, plan, record, deliver, and say how it went.
//!
//! A message is recorded before it is sent, and marked as sent right after it was accepted. If the program
//! dies in between it is sent once more, with the same id, by which receivers know it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::task::JoinSet;

use crate::app::notifier::{Order, Shared};
use crate::app::ways::Ways;
use crate::clock::{monotonic, system_time};
use crate::history::StoreFault;
use crate::history::notification::{Attempt, EDITS_MAX, Outgoing};
use crate::model::catalogue::Catalogue;
use crate::model::incident::Incident;
use crate::model::notification::{Delivery, Digest, Notification};
use crate::model::notify::{Address, Channel};
use crate::model::time::Timestamp;
use crate::notify::alertmanager::{self, Alert, RESEND};
use crate::notify::edits::declared_contacts;
use crate::notify::facts::Facts;
use crate::notify::plan::{self, Planner};
use crate::notify::{Outcome, retry};
use crate::publish::letter::{self, Frame};
use crate::publish::{escape, wording};

/// Most messages being sent at a time: of all, and by mail.
const IN_FLIGHT_MAX: usize = 16;
const MAILS_IN_FLIGHT_MAX: usize = 4;

/// Most messages looked at in one turn.
const DUE_MAX: u32 = 100;

/// Most events of editors looked at in one go; there are never so many.
const EDITS_IN_ALL_MAX: usize = 20 * EDITS_MAX as usize;

/// What stands is looked at anew so often, for what the time alone brings about.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Alertmanager is told of changes at most so often.
const ALERT_EVERY: Duration = Duration::from_secs(5);

/// A store that cannot be used is tried again so much later.
const STORE_AGAIN: Duration = Duration::from_secs(5);

/// The store may fail for so long before anybody is told.
const STORAGE_TOLD_AFTER: Duration = Duration::from_secs(30);

/// Most attempts for a message about the store, which is not in the store.
const DIRECT_ATTEMPTS_MAX: u32 = 4;

/// At the end messages under way may take so long.
const GRACE: Duration = Duration::from_secs(1);

/// How something ended.
enum Done {
    Message { message: Box<Notification>, channel: Channel, outcome: Outcome },
    Alerts { instance: usize, outcome: Outcome },
}

/// What is known of the store's trouble.
#[derive(Default)]
struct Trouble {
    since: Option<Timestamp>,
    told: bool,
}

/// What Alertmanager was told.
#[derive(Default)]
struct Said {
    alerts: Vec<Alert>,
    closing: Vec<Alert>,
    at: Option<Timestamp>,
    position: u64,
    /// Instances that are being told.
    busy: BTreeSet<usize>,
    /// Instances that failed the last time.
    failed: BTreeSet<usize>,
}

/// Everything the thread has.
pub(super) struct Work {
    order: Order,
    shared: Arc<Shared>,
    store: Option<Outgoing>,
    planner: Option<Planner>,
    facts: Option<Arc<Facts>>,
    /// The facts are new, or were last looked at then.
    looked_at: Option<Timestamp>,
    store_again_at: Timestamp,
    contacts: (u64, Arc<BTreeSet<String>>),
    flying: JoinSet<Done>,
    /// Messages being sent, and the recipients they go to.
    in_flight: BTreeMap<String, String>,
    mails_in_flight: usize,
    /// Ends of attempts that the store does not know yet.
    unsettled: Vec<Attempt>,
    /// Messages about the store, and when each is tried next.
    direct: Vec<Notification>,
    tests: Vec<String>,
    trouble: Trouble,
    said: Said,
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
            store_again_at: Timestamp::default(),
            contacts: (0, Arc::default()),
            flying: JoinSet::new(),
            in_flight: BTreeMap::new(),
            mails_in_flight: 0,
            unsettled: Vec::new(),
            direct: Vec::new(),
            tests: Vec::new(),
            trouble: Trouble::default(),
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
        if now >= self.store_again_at {
            let worked = self.keep(now);
            self.noted(worked.as_ref().err().map(ToString::to_string));
            if worked.is_err() {
                // What was planned and not recorded was not told: it is planned anew.
                self.planner = None;
                self.store_again_at = now.plus(STORE_AGAIN);
            }
        }
        self.send_direct(now);
        self.alert(now);
        self.next(now).since(now).clamp(Duration::from_millis(10), LOOK_EVERY)
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
        self.order.metrics.notify_queue.set(i64::try_from(count.pending).unwrap_or(i64::MAX));
        self.order.metrics.notify_dead_letters.set(i64::try_from(count.dead).unwrap_or(i64::MAX));
        self.planner = Some(planner);
        Ok(())
    }

    /// What is remembered. A webhook that wanted no more and has another address now is told again.
    fn recall(&self, store: &mut Outgoing, now: Timestamp) -> Result<Planner, StoreFault> {
        let memory = store.recall(now)?;
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
        let mut memos = Vec::new();
        if self.looked_at.is_none_or(|at| now.since(at) >= LOOK_EVERY || now < at) {
            let mut edits = Vec::new();
            let mut after = planner.memory().position;
            while after < facts.position && edits.len() < EDITS_IN_ALL_MAX {
                let (more, through) = store.edits(after, facts.position)?;
                edits.extend(more);
                after = through;
            }
            let contacts = self.contacts(&facts.catalogue);
            memos = planner.take(facts, &edits, &contacts, now);
            self.looked_at = Some(now);
        }
        let (digests, more) = planner.compose(&zone(&facts.catalogue), now);
        memos.extend(more);
        let frame = frame(&facts.catalogue);
        let messages: Vec<_> = digests.iter().map(|digest| message(digest, &frame)).collect();
        if memos.is_empty() && messages.is_empty() {
            return Ok(());
        }
        store.record(&memos, &messages, now)
    }

    /// Where the files send citizens.
    fn contacts(&mut self, catalogue: &Catalogue) -> Arc<BTreeSet<String>> {
        if self.contacts.0 != catalogue.hash() {
            self.contacts = (catalogue.hash(), Arc::new(declared_contacts(catalogue)));
        }
        Arc::clone(&self.contacts.1)
    }

    /// Records the tests that were asked for.
    fn test(&mut self, store: &mut Outgoing, catalogue: &Catalogue, now: Timestamp) -> Result<(), StoreFault> {
        if self.tests.is_empty() {
            return Ok(());
        }
        let frame = frame(catalogue);
        let messages: Vec<Notification> =
            self.tests.iter().filter_map(|recipient| test_message(recipient, &frame, now)).collect();
        store.record(&[], &messages, now)?;
        self.tests.clear();
        Ok(())
    }

    /// Sends what is due, one message at a time to each recipient.
    fn launch(&mut self, store: &mut Outgoing, now: Timestamp) -> Result<(), StoreFault> {
        for message in store.due(now, DUE_MAX)? {
            if self.order.ways.address(&message.recipient).is_none() {
                store.give_up(&message.recipient, "nobody of this name is told anything any more")?;
                continue;
            }
            self.send(message, now);
        }
        Ok(())
    }

    fn send(&mut self, message: Notification, now: Timestamp) -> bool {
        let is_busy = self.in_flight.values().any(|recipient| *recipient == message.recipient)
            || self.unsettled.iter().any(|attempt| attempt.id == message.id);
        let Some(to) = self.order.ways.address(&message.recipient).cloned() else { return false };
        let is_mail = matches!(to, Address::Mail(_));
        if is_busy || self.in_flight.len() >= IN_FLIGHT_MAX || (is_mail && self.mails_in_flight >= MAILS_IN_FLIGHT_MAX)
        {
            return false;
        }
        self.in_flight.insert(message.id.clone(), message.recipient.clone());
        self.mails_in_flight += usize::from(is_mail);
        let ways: Ways = self.order.ways.clone();
        self.flying.spawn(async move {
            let outcome = ways.send(&to, &message.id, message.created_at, &message.letter, now).await;
            Done::Message { message: Box::new(message), channel: to.channel(), outcome }
        });
        true
    }

    /// Something ended; nothing if it panicked, which takes nothing else with it.
    fn landed(&mut self, done: Option<Done>) {
        let now = system_time();
        match done {
            Some(Done::Message { message, channel, outcome }) => {
                self.in_flight.remove(&message.id);
                self.mails_in_flight = self.mails_in_flight.saturating_sub(usize::from(channel == Channel::Mail));
                self.judge(&message, channel, outcome, now);
            }
            Some(Done::Alerts { instance, outcome }) => self.alerted(instance, &outcome),
            None => {
                // Whose it was is not known; the store knows that they are all still to be sent.
                tracing::error!("sending a message panicked: this is a defect; please report it");
                self.in_flight.clear();
                self.mails_in_flight = 0;
                self.said.busy.clear();
            }
        }
    }

    /// What an attempt means for its message.
    fn judge(&mut self, message: &Notification, channel: Channel, outcome: Outcome, now: Timestamp) {
        let (id, to) = (&message.id, &message.recipient);
        let later = |asked| retry::next(id, message.attempts, asked, now);
        let (state, next_at, fault) = match outcome {
            Outcome::Accepted => {
                self.reopen(to, now);
                (Delivery::Sent, now, None)
            }
            Outcome::Later(why, asked) => match later(asked) {
                Some(at) => (Delivery::Pending, at, Some(why)),
                None => (Delivery::Dead, now, Some(why)),
            },
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
            Delivery::Pending => tracing::warn!("message {id} to `{to}` is tried again: {why}"),
            Delivery::Dead => {
                tracing::error!("message {id} to `{to}` is given up: {why}; `turmwacht notify list` shows it")
            }
        }
        if let Some(direct) = self.direct.iter_mut().find(|direct| direct.id == *id) {
            direct.attempts += 1;
            direct.next_at = next_at;
            let is_over = state != Delivery::Pending || direct.attempts >= DIRECT_ATTEMPTS_MAX;
            self.direct.retain(|direct| !(is_over && direct.id == *id));
            return;
        }
        self.unsettled.push(Attempt { id: id.clone(), state, next_at, fault });
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

    // --- what the store cannot hold ---------------------------------------------------------------

    /// Tells of a store that fails, and that it works again.
    fn watch_storage(&mut self, since: Option<Timestamp>, now: Timestamp) {
        let trouble = &mut self.trouble;
        let news = match (since, trouble.since) {
            (Some(began), _) if !trouble.told && now.since(began) >= STORAGE_TOLD_AFTER => {
                trouble.told = true;
                Some((began, None))
            }
            (None, Some(began)) if trouble.told => {
                trouble.told = false;
                Some((began, Some(now)))
            }
            _ => None,
        };
        trouble.since = since;
        let (Some((began, ended)), Some(facts)) = (news, self.facts.clone()) else { return };
        let frame = frame(&facts.catalogue);
        let digests = plan::about_storage(&self.order.recipients, began, ended, now);
        self.direct.extend(digests.iter().map(|digest| message(digest, &frame)));
    }

    fn send_direct(&mut self, now: Timestamp) {
        let due: Vec<Notification> = self
            .direct
            .iter()
            .filter(|direct| direct.next_at <= now && !self.in_flight.contains_key(&direct.id))
            .cloned()
            .collect();
        for message in due {
            self.send(message, now);
        }
    }

    // --- Alertmanager -----------------------------------------------------------------------------

    /// Tells every instance what stands, when that changed and again and again.
    fn alert(&mut self, now: Timestamp) {
        let (Some(instances), Some(facts)) = (self.order.ways.alertmanager.clone(), self.facts.clone()) else { return };
        let since = self.said.at.map(|at| now.since(at));
        let changed = self.said.position != facts.position || !self.said.failed.is_empty();
        let is_due = since.is_none_or(|since| since >= if changed { ALERT_EVERY } else { RESEND });
        if !is_due {
            return;
        }
        let language = facts.catalogue.site.language().to_owned();
        let title = |incident: &Incident| escape::line(&wording::body(&incident.title, "de", &language));
        let storage = self.trouble.since.filter(|since| now.since(*since) >= STORAGE_TOLD_AFTER);
        let mut alerts = alertmanager::alerts(&facts, &title, storage, now);
        let ended = alertmanager::ended(&self.said.alerts, &alerts, now);
        self.said.closing.extend(ended);
        let stands = |alert: &Alert| alerts.iter().any(|other| other.labels == alert.labels);
        self.said.closing.retain(|alert| alert.ended_at.is_some_and(|at| now.since(at) < RESEND * 5) && !stands(alert));
        self.said.alerts.clone_from(&alerts);
        alerts.extend(self.said.closing.iter().cloned());
        (self.said.at, self.said.position) = (Some(now), facts.position);
        if alerts.is_empty() {
            self.said.failed.clear();
            return;
        }
        let bodies = alertmanager::bodies(&alerts, now);
        for (instance, url) in instances.urls.iter().cloned().enumerate() {
            if !self.said.busy.insert(instance) {
                continue;
            }
            let (instances, bodies) = (instances.clone(), bodies.clone());
            self.flying.spawn(async move {
                let mut outcome = Outcome::Accepted;
                for body in bodies {
                    let sent = instances.send(&url, body).await;
                    if sent != Outcome::Accepted {
                        outcome = sent;
                    }
                }
                Done::Alerts { instance, outcome }
            });
        }
    }

    fn alerted(&mut self, instance: usize, outcome: &Outcome) {
        self.said.busy.remove(&instance);
        let word = if *outcome == Outcome::Accepted { "sent" } else { "retried" };
        self.order.metrics.notifications.with_label_values(&[Channel::Alertmanager.as_str(), word]).inc();
        match outcome {
            Outcome::Accepted => {
                if self.said.failed.remove(&instance) {
                    tracing::info!("Alertmanager {} is told again", instance + 1);
                }
            }
            Outcome::Later(why, _) | Outcome::Refused(why) | Outcome::Gone(why) => {
                if self.said.failed.insert(instance) {
                    tracing::error!("Alertmanager {} is not told: {}", instance + 1, escape::terminal(why));
                }
            }
        }
    }

    // --- time -------------------------------------------------------------------------------------

    /// When there is something to do at the latest.
    fn next(&self, now: Timestamp) -> Timestamp {
        let planned = self.planner.as_ref().and_then(|planner| planner.next(now));
        // What is due and waits for its turn is looked at when something lands.
        let attempt = self.store.as_ref().and_then(|store| store.next().ok().flatten()).filter(|at| *at > now);
        let settle = (!self.unsettled.is_empty()).then_some(self.store_again_at.max(now));
        [planned, attempt, settle].into_iter().flatten().min().unwrap_or_else(|| now.plus(LOOK_EVERY))
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

fn message(digest: &Digest, frame: &Frame) -> Notification {
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
