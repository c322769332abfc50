//! Who is told what, and when: conditions and what was told before → messages. Pure.
//!
//! A message is put together a moment after the first of its news, so that what breaks together is told
//! together. After it a recipient is left alone for five minutes; what comes meanwhile becomes one digest.
//! Only a critical incident that is new does not wait for that. In quiet hours only the worst is told.
//! Whatever began is told to be over, to whoever was told that it began; what began and ended unheard is told
//! once.
//!
//! Every change of memory is returned as a [`Memo`], for the store to record in one transaction with the
//! messages: what is not recorded was not told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use crate::model::catalogue::{Catalogue, reaches};
use crate::model::contact;
use crate::model::incident::Impact;
use crate::model::notification::{Digest, Edit, Item, Memo, Memory, Told, WINDOW, What, is_within};
use crate::model::notify::{QuietHours, Recipient, Rule, Topic};
use crate::model::time::Timestamp;
use crate::notify::edits::{Change, change};
use crate::notify::facts::{Condition, Facts, Known};

/// News wait so long for others that belong to them.
pub const GATHER: Duration = Duration::from_secs(10);

/// Most messages to a recipient within [`WINDOW`]: the usual one, and those of new critical incidents.
pub const IN_WINDOW_MAX: usize = 3;

/// A cut path of our own is told at most so often.
const BLIND_EVERY: Duration = Duration::from_secs(3_600);

/// Most things that wait for one recipient; beyond it they are counted.
pub const HELD_MAX: usize = 500;

/// Most messages on their way to one recipient; beyond it news wait and become one digest; new critical
/// incidents have more room.
pub const WAITING_MAX: usize = 10;

/// Most messages on their way to one recipient when another one is put together for a new critical incident.
const URGENT_WAITING_MAX: usize = 20;

/// Ended incidents and certificates remembered per recipient before those are forgotten that cannot come again.
const ENDED_MAX: usize = 2_000;

/// How long it is until quiet hours, or a recipient that takes nothing, are looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Most contacts that a message names; new ones come first.
const CONTACTS_MAX: usize = 30;

/// The subject of what is only counted.
const MORE: &str = "more";

/// The plan, and what it rests on.
#[derive(Debug, Clone)]
pub struct Planner {
    recipients: BTreeMap<String, Recipient>,
    memory: Memory,
    known: Known,
    ended: usize,
}

impl Planner {
    /// Goes on from what is remembered.
    pub fn new(recipients: &[Recipient], memory: Memory) -> Self {
        let mut known = Known::new();
        for ((_, subject), _) in memory.told.iter().filter(|(_, told)| !told.ended) {
            *known.entry(subject.clone()).or_default() += 1;
        }
        let ended = memory.told.values().filter(|told| told.ended).count();
        let recipients = recipients.iter().map(|recipient| (recipient.to.key(), recipient.clone())).collect();
        Self { recipients, memory, known, ended }
    }

    /// What is remembered.
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Takes in what stands, and what editors did since. `contacts` knows what the files declare.
    pub fn take(&mut self, facts: &Facts, edits: &[Edit], contacts: &BTreeSet<String>, now: Timestamp) -> Vec<Memo> {
        let mut memos = Vec::new();
        let conditions = facts.conditions(self.memory.position, &self.known, now);
        let recipients: Vec<Recipient> = self.recipients.values().cloned().collect();
        for condition in &conditions {
            for recipient in &recipients {
                self.hear(recipient, condition, &facts.catalogue, now, &mut memos);
            }
        }
        for edit in edits {
            if let Some(change) = change(facts, edit) {
                self.hear_change(&recipients, change, edit, (&facts.catalogue, contacts), now, &mut memos);
            }
        }
        if facts.position > self.memory.position {
            self.memory.position = facts.position;
            memos.push(Memo::Cursor(facts.position));
        }
        self.forget(facts, now, &mut memos);
        memos
    }

    /// What one recipient makes of a condition.
    fn hear(
        &mut self,
        recipient: &Recipient,
        condition: &Condition,
        catalogue: &Catalogue,
        now: Timestamp,
        memos: &mut Vec<Memo>,
    ) {
        let key = (recipient.to.key(), condition.subject.clone());
        let told = self.memory.told.get(&key).copied();
        let rules: Vec<&Rule> = recipient.rules.iter().filter(|rule| fits(rule, condition, catalogue)).collect();
        let is_open = told.is_some_and(|told| !told.ended);
        let is_news = match (told, condition.ended_at) {
            (Some(Told { ended: false, severity, .. }), None) => condition.severity > severity && !rules.is_empty(),
            (None, None) => !rules.is_empty(),
            (Some(Told { ended: true, at, .. }), None) => {
                let may_come_again = match condition.topic {
                    Topic::Incident => true,
                    Topic::Blind => !is_within(at, BLIND_EVERY, now),
                    // Two servers show two certificates behind one name, in turn.
                    Topic::Certificate | Topic::Overdue | Topic::Storage | Topic::EditorChange => false,
                };
                may_come_again && !rules.is_empty()
            }
            (Some(Told { ended: false, .. }), Some(_)) => true,
            // It began and ended unheard.
            (None, Some(_)) => {
                condition.topic == Topic::Incident
                    && !condition.is_merged
                    && condition.recorded_at > self.memory.since
                    && !rules.is_empty()
            }
            (Some(Told { ended: true, .. }), Some(_)) => false,
        };
        let internal = rules.iter().any(|rule| rule.internal);
        if !is_news {
            if condition.ended_at.is_none() && !rules.is_empty() {
                self.refresh(&key, condition, internal, memos);
            }
            return;
        }
        let held = self.memory.held.get(&key);
        let told_before = held.map_or(is_open, |held| held.told_before);
        self.remember(&key, condition, now, memos);
        if condition.ended_at.is_some() && condition.is_merged && !told_before {
            // Nobody heard of it, and what it is part of is told.
            self.release(key, memos);
            return;
        }
        let held = self.memory.held.get(&key);
        let item = Item {
            subject: condition.subject.clone(),
            topic: condition.topic,
            severity: condition.severity,
            noted_at: held.map_or(now, |held| held.noted_at),
            began_at: held.map_or(condition.began_at, |held| held.began_at.min(condition.began_at)),
            ended_at: condition.ended_at,
            told_before,
            held_back: match rules.as_slice() {
                [] => held.map(|held| held.held_back.clone()).unwrap_or_default(),
                rules => held_back(rules),
            },
            what: match (condition.told(internal), held) {
                // Of what is not in any list any more we know what it was.
                (What::Gone(_), Some(held)) => held.what.clone(),
                (what, _) => what.clone(),
            },
        };
        self.hold(key, item, memos);
    }

    /// What waits and goes on is told as it is by then.
    fn refresh(&mut self, key: &(String, String), condition: &Condition, internal: bool, memos: &mut Vec<Memo>) {
        let Some(held) = self.memory.held.get(key).filter(|held| held.ended_at.is_none()) else { return };
        let mut item = Item { what: condition.told(internal).clone(), ..held.clone() };
        // That it got worse was worth a message; how bad it was then is the message.
        if !item.told_before {
            item.severity = condition.severity;
        }
        if item == *held {
            return;
        }
        if let Some(told) = self.memory.told.get_mut(key) {
            told.severity = item.severity;
            memos.push(Memo::Told(key.0.clone(), key.1.clone(), Some(*told)));
        }
        self.hold(key.clone(), item, memos);
    }

    /// Notes that somebody knows of a condition.
    fn remember(&mut self, key: &(String, String), condition: &Condition, now: Timestamp, memos: &mut Vec<Memo>) {
        let ended = condition.ended_at.is_some();
        let at = self.memory.told.get(key).filter(|before| !before.ended).map_or(now, |before| before.at);
        let told = Told { severity: condition.severity, ended, at };
        // What is over is remembered where the same subject may be seen again.
        let comes_again = matches!(condition.topic, Topic::Incident | Topic::Certificate | Topic::Blind);
        let kept = (!ended || comes_again).then_some(told);
        let before = match kept {
            Some(told) => self.memory.told.insert(key.clone(), told),
            None => self.memory.told.remove(key),
        };
        if before.is_some_and(|before| !before.ended) {
            self.unknow(&key.1);
        }
        if !ended {
            *self.known.entry(key.1.clone()).or_default() += 1;
        } else if kept.is_some() {
            self.ended += 1;
        }
        memos.push(Memo::Told(key.0.clone(), key.1.clone(), kept));
    }

    fn unknow(&mut self, subject: &str) {
        if let Some(count) = self.known.get_mut(subject) {
            *count -= 1;
            if *count == 0 {
                self.known.remove(subject);
            }
        }
    }

    /// What editors did goes to those whom it concerns, each change by itself.
    fn hear_change(
        &mut self,
        recipients: &[Recipient],
        mut change: Change,
        edit: &Edit,
        (catalogue, declared): (&Catalogue, &BTreeSet<String>),
        now: Timestamp,
        memos: &mut Vec<Memo>,
    ) {
        let edited = &mut change.edited;
        for contact in &mut edited.contacts {
            let normal = contact::normal(&contact.text);
            contact.is_new = !declared.contains(&normal) && !self.memory.seen.contains(&normal);
        }
        edited.contacts.sort_by_key(|contact| !contact.is_new);
        edited.more_contacts = edited.contacts.len().saturating_sub(CONTACTS_MAX);
        edited.contacts.truncate(CONTACTS_MAX);
        let new: Vec<String> = edited.contacts.iter().filter(|c| c.is_new).map(|c| contact::normal(&c.text)).collect();
        let mut is_told = false;
        for recipient in recipients {
            let fits = |rule: &&Rule| {
                rule.events.contains(&Topic::EditorChange)
                    && (change.public || rule.internal)
                    && is_for(rule, &change.organisations, catalogue)
            };
            let rules: Vec<&Rule> = recipient.rules.iter().filter(fits).collect();
            if rules.is_empty() {
                continue;
            }
            let item = Item {
                subject: format!("edit:{}", edit.position),
                topic: Topic::EditorChange,
                // Of many changes those are told in full that send citizens somewhere new.
                severity: if new.is_empty() { Impact::Minor } else { Impact::Major },
                noted_at: now,
                began_at: edit.at,
                ended_at: None,
                told_before: false,
                held_back: held_back(&rules),
                what: What::Edited(Box::new(change.edited.clone())),
            };
            is_told |= self.hold((recipient.to.key(), item.subject.clone()), item, memos);
        }
        // What nobody read stays new.
        if is_told {
            for contact in new {
                self.memory.seen.insert(contact.clone());
                memos.push(Memo::Seen(contact));
            }
        }
    }

    /// Lets something wait; beyond the bound it is only counted: `false`.
    fn hold(&mut self, key: (String, String), item: Item, memos: &mut Vec<Memo>) -> bool {
        let (recipient, subject) = key;
        let held = &mut self.memory.held;
        let full = !held.contains_key(&(recipient.clone(), subject.clone()))
            && of(held, &recipient).nth(HELD_MAX - 1).is_some();
        let (subject, item) = if full {
            let before = held.get(&(recipient.clone(), MORE.to_owned()));
            let count = before.map_or(0, |item| if let What::More(count) = item.what { count } else { 0 });
            let more = Item {
                subject: MORE.to_owned(),
                severity: Impact::None,
                ended_at: None,
                told_before: false,
                what: What::More(count + 1),
                ..item
            };
            (MORE.to_owned(), more)
        } else {
            (subject, item)
        };
        memos.push(Memo::Held(recipient.clone(), subject.clone(), Some(Box::new(item.clone()))));
        held.insert((recipient, subject), item);
        !full
    }

    fn release(&mut self, key: (String, String), memos: &mut Vec<Memo>) {
        if self.memory.held.remove(&key).is_some() {
            memos.push(Memo::Held(key.0, key.1, None));
        }
    }

    /// Forgets ended incidents that are in no list any more, and certificates that have run out.
    fn forget(&mut self, facts: &Facts, now: Timestamp, memos: &mut Vec<Memo>) {
        if self.ended <= ENDED_MAX * self.recipients.len().max(1) {
            return;
        }
        let is_gone = |subject: &str| match subject.split_once(':') {
            Some(("incident", id)) => !facts.incidents.contains_key(id),
            Some(("certificate", rest)) => {
                let not_after = rest.rsplit(':').next().and_then(|millis| millis.parse().ok());
                not_after.is_none_or(|millis| Timestamp::from_millis(millis) < now)
            }
            _ => false,
        };
        let gone: Vec<(String, String)> = self
            .memory
            .told
            .iter()
            .filter(|((_, subject), told)| told.ended && is_gone(subject))
            .map(|(key, _)| key.clone())
            .collect();
        self.ended = 0;
        for (recipient, subject) in gone {
            memos.push(Memo::Told(recipient.clone(), subject.clone(), None));
            self.memory.told.remove(&(recipient, subject));
        }
    }

    /// The messages that are due. What they hold waits no longer.
    pub fn compose(&mut self, zone: &TimeZone, now: Timestamp) -> (Vec<Digest>, Vec<Memo>) {
        let (mut digests, mut memos) = (Vec::new(), Vec::new());
        let minute = minute_of(zone, now);
        for recipient in self.waiting() {
            let (lately, on_their_way) = (self.lately(&recipient, now).count(), self.on_their_way(&recipient));
            let may_be_told = |item: &Item| {
                let is_turn = lately == 0 && on_their_way < WAITING_MAX;
                let may_hurry = lately < IN_WINDOW_MAX && on_their_way < URGENT_WAITING_MAX;
                is_turn || (may_hurry && is_urgent(item))
            };
            let is_awake = |item: &Item| {
                let is_held_back = !item.held_back.is_empty() && item.held_back.iter().all(|hours| hours.holds(minute));
                item.severity == Impact::Critical || !is_held_back
            };
            let mut items: Vec<Item> = of(&self.memory.held, &recipient)
                .filter(|(_, item)| may_be_told(item) && is_awake(item))
                .map(|(_, item)| item.clone())
                .collect();
            // What is held back for the night does not hurry, and is not hurried by, the rest.
            if items.iter().all(|item| is_within(item.noted_at, GATHER, now)) {
                continue;
            }
            items.sort_by(|a, b| (b.severity, a.began_at, &a.subject).cmp(&(a.severity, b.began_at, &b.subject)));
            for item in &items {
                self.release((recipient.clone(), item.subject.clone()), &mut memos);
            }
            self.memory.composed(&recipient, now);
            let millis = now.as_millis().to_string();
            let subjects = items.iter().map(|item| item.subject.as_str());
            let id = id(&[&*recipient, &millis].into_iter().chain(subjects).collect::<Vec<_>>());
            digests.push(Digest { id, recipient, at: now, items });
        }
        (digests, memos)
    }

    /// When [`Self::compose`] may have something to do.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.waiting().iter().map(|recipient| self.earliest(recipient, now)).min().map(|at| {
            // Due, and yet not told: it is quiet, or too much is on its way.
            if at <= now { now.plus(LOOK_AGAIN) } else { at }
        })
    }

    /// Recipients for whom something waits, and who are still told anything.
    fn waiting(&self) -> Vec<String> {
        let mut waiting: Vec<String> = self.memory.held.keys().map(|(recipient, _)| recipient.clone()).collect();
        waiting.dedup();
        waiting.retain(|name| self.recipients.contains_key(name) && !self.memory.closed.contains_key(name));
        waiting
    }

    /// Before this nothing is told to a recipient.
    fn earliest(&self, recipient: &str, now: Timestamp) -> Timestamp {
        let (mut first, mut hurried) = (None::<Timestamp>, None::<Timestamp>);
        for (_, item) in of(&self.memory.held, recipient) {
            let gathered = item.noted_at.min(now).plus(GATHER);
            first = Some(first.map_or(gathered, |first| first.min(gathered)));
            if is_urgent(item) {
                hurried = Some(hurried.map_or(gathered, |first| first.min(gathered)));
            }
        }
        let last = self.lately(recipient, now).max().map(|last| last.plus(WINDOW));
        let usual = first.into_iter().chain(last).max().unwrap_or(now);
        let may_hurry = self.lately(recipient, now).count() < IN_WINDOW_MAX;
        hurried.filter(|_| may_hurry).map_or(usual, |hurried| hurried.min(usual))
    }

    /// When a recipient's messages within the window were put together.
    fn lately(&self, recipient: &str, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let last = self.memory.last.get(recipient).map(Vec::as_slice).unwrap_or_default();
        last.iter().copied().filter(move |at| is_within(*at, WINDOW, now))
    }

    fn on_their_way(&self, recipient: &str) -> usize {
        self.memory.waiting.get(recipient).copied().unwrap_or(0)
    }

    /// The store works again; `heard` names those who were told that it did not.
    pub fn storage_works(
        &mut self,
        (began_at, ended_at): (Timestamp, Timestamp),
        heard: &BTreeSet<String>,
        now: Timestamp,
    ) -> Vec<Memo> {
        let mut memos = Vec::new();
        let told: Vec<String> = self.recipients.values().filter(of_storage).map(|told| told.to.key()).collect();
        for recipient in told {
            let told_before = heard.contains(&recipient);
            let item = Item { ended_at: Some(ended_at), told_before, ..storage(began_at, now) };
            self.hold((recipient, item.subject.clone()), item, &mut memos);
        }
        memos
    }

    /// Says how many messages are on their way to each recipient.
    pub fn delivered(&mut self, waiting: BTreeMap<String, usize>) {
        self.memory.waiting = waiting;
    }

    /// A recipient wants no more, or is told again.
    pub fn close(&mut self, recipient: &str, address: Option<String>) -> Memo {
        match &address {
            Some(address) => self.memory.closed.insert(recipient.to_owned(), address.clone()),
            None => self.memory.closed.remove(recipient),
        };
        Memo::Closed(recipient.to_owned(), address)
    }
}

/// Messages about a store that fails, which cannot hold them: to all who are told of it. `position` is where the
/// log ends on disk, and `number` counts such times: after a restart it is the same message.
pub fn about_storage(
    recipients: &[Recipient],
    (position, number): (u64, u64),
    began_at: Timestamp,
    now: Timestamp,
) -> Vec<Digest> {
    let digest = |recipient: &Recipient| {
        let (recipient, items) = (recipient.to.key(), vec![storage(began_at, now)]);
        let id = id(&[&recipient, "storage", &position.to_string(), &number.to_string()]);
        Digest { id, recipient, at: now, items }
    };
    recipients.iter().filter(of_storage).map(digest).collect()
}

/// Whether somebody is told of the store.
fn of_storage(recipient: &&Recipient) -> bool {
    recipient.rules.iter().any(|rule| rule.organisations.is_empty() && rule.events.contains(&Topic::Storage))
}

/// That the store fails.
fn storage(began_at: Timestamp, now: Timestamp) -> Item {
    Item {
        subject: format!("storage:{}", began_at.as_millis()),
        topic: Topic::Storage,
        severity: Impact::Critical,
        noted_at: now,
        began_at,
        ended_at: None,
        told_before: false,
        held_back: Vec::new(),
        what: What::Storage,
    }
}

/// Whether something does not wait until a recipient was left alone for a while: it was never told before, so
/// nobody hears twice of it.
fn is_urgent(item: &Item) -> bool {
    item.topic == Topic::Incident && item.severity == Impact::Critical && item.ended_at.is_none() && !item.told_before
}

/// When news that these rules allow are held back; whoever has one without quiet hours is told at once.
fn held_back(rules: &[&Rule]) -> Vec<QuietHours> {
    rules.iter().map(|rule| rule.quiet).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// What waits for a recipient.
fn of<'a>(
    held: &'a BTreeMap<(String, String), Item>,
    recipient: &'a str,
) -> impl Iterator<Item = (&'a (String, String), &'a Item)> {
    held.range((recipient.to_owned(), String::new())..).take_while(move |((other, _), _)| other == recipient)
}

fn fits(rule: &Rule, condition: &Condition, catalogue: &Catalogue) -> bool {
    rule.events.contains(&condition.topic)
        && (condition.topic != Topic::Incident || condition.severity >= rule.severity)
        && (condition.public || rule.internal)
        && is_for(rule, &condition.organisations, catalogue)
}

/// What concerns nobody in particular is for those who are told of everybody.
fn is_for(rule: &Rule, organisations: &BTreeSet<u32>, catalogue: &Catalogue) -> bool {
    rule.organisations.is_empty()
        || organisations.iter().any(|&index| {
            catalogue.organisations.get(index as usize).is_some_and(|other| reaches(&rule.organisations, other))
        })
}

/// The minute of the day.
fn minute_of(zone: &TimeZone, at: Timestamp) -> u16 {
    let local = zone.to_datetime(at.to_jiff());
    u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0)
}

/// The same message has the same id, whoever puts it together again.
fn id(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize();
    format!("msg_{}", BASE32_NOPAD.encode(hash.get(..16).unwrap_or_default()).to_lowercase())
}
