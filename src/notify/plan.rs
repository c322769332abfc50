//! Who is told what, and when: conditions and what was told before → messages. Pure.
//!
//! A message is put together a moment after the first of its news, so that what breaks together is told
//! together. After it a recipient is left alone for five minutes; what comes meanwhile becomes one digest.
//! In quiet hours only the worst is told. Whatever began is told to be over, to whoever was told that it
//! began; what began and ended unheard is told once.
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
use crate::model::notification::{Contact, Digest, Edit, Item, Memo, Memory, Told, What};
use crate::model::notify::{Recipient, Rule, Topic};
use crate::model::time::Timestamp;
use crate::notify::edits::{Change, change};
use crate::notify::facts::{Condition, Facts, Known};

/// News wait so long for others that belong to them.
pub const GATHER: Duration = Duration::from_secs(10);

/// The least time between two messages to a recipient.
pub const WINDOW: Duration = Duration::from_secs(300);

/// Most things that wait for one recipient; beyond it they are counted.
pub const HELD_MAX: usize = 500;

/// Most messages on their way to one recipient; beyond it news wait and become one digest.
pub const WAITING_MAX: usize = 10;

/// Ended incidents remembered per recipient before those are forgotten that nobody knows any more.
const ENDED_MAX: usize = 2_000;

/// How long it is until quiet hours, or a recipient that takes nothing, are looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

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
        self.forget(facts, &mut memos);
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
            (Some(Told { ended: false, severity }), None) => condition.severity > severity && !rules.is_empty(),
            (None | Some(Told { ended: true, .. }), None) => !rules.is_empty(),
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
        if !is_news {
            return;
        }
        let held = self.memory.held.get(&key);
        let told_before = held.map_or(is_open, |held| held.told_before);
        self.remember(&key, condition, memos);
        if condition.ended_at.is_some() && condition.is_merged && !told_before {
            // Nobody heard of it, and what it is part of is told.
            self.release(key, memos);
            return;
        }
        let internal = rules.iter().any(|rule| rule.internal);
        let held = self.memory.held.get(&key);
        let item = Item {
            subject: condition.subject.clone(),
            topic: condition.topic,
            severity: condition.severity,
            noted_at: held.map_or(now, |held| held.noted_at),
            began_at: held.map_or(condition.began_at, |held| held.began_at.min(condition.began_at)),
            ended_at: condition.ended_at,
            told_before,
            // Whoever has one rule without quiet hours is told at once.
            quiet: match rules.as_slice() {
                [] => held.and_then(|held| held.quiet),
                rules if rules.iter().any(|rule| rule.quiet.is_none()) => None,
                [first, ..] => first.quiet,
            },
            what: condition.told(internal).clone(),
        };
        self.hold(key, item, memos);
    }

    /// Notes that somebody knows of a condition.
    fn remember(&mut self, key: &(String, String), condition: &Condition, memos: &mut Vec<Memo>) {
        let ended = condition.ended_at.is_some();
        let told = Told { severity: condition.severity, ended };
        // What is over is remembered only where the same subject may be seen again.
        let kept = (!ended || condition.topic == Topic::Incident).then_some(told);
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
        for Contact { text, is_new } in &mut change.edited.contacts {
            let normal = contact::normal(text);
            *is_new = !declared.contains(&normal) && self.memory.seen.insert(normal.clone());
            if *is_new {
                memos.push(Memo::Seen(normal));
            }
        }
        for recipient in recipients {
            let fits = |rule: &&Rule| {
                rule.events.contains(&Topic::EditorChange)
                    && (change.public || rule.internal)
                    && is_for(rule, &change.organisations, catalogue)
            };
            let Some(rule) = recipient.rules.iter().find(fits) else { continue };
            let item = Item {
                subject: format!("edit:{}", edit.position),
                topic: Topic::EditorChange,
                severity: Impact::Minor,
                noted_at: now,
                began_at: edit.at,
                ended_at: None,
                told_before: false,
                quiet: rule.quiet,
                what: What::Edited(Box::new(change.edited.clone())),
            };
            self.hold((recipient.to.key(), item.subject.clone()), item, memos);
        }
    }

    /// Lets something wait; beyond the bound it is only counted.
    fn hold(&mut self, key: (String, String), item: Item, memos: &mut Vec<Memo>) {
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
    }

    fn release(&mut self, key: (String, String), memos: &mut Vec<Memo>) {
        if self.memory.held.remove(&key).is_some() {
            memos.push(Memo::Held(key.0, key.1, None));
        }
    }

    /// Forgets ended incidents that are in no list any more.
    fn forget(&mut self, facts: &Facts, memos: &mut Vec<Memo>) {
        if self.ended <= ENDED_MAX * self.recipients.len().max(1) {
            return;
        }
        let is_gone =
            |subject: &str| subject.strip_prefix("incident:").is_some_and(|id| !facts.incidents.contains_key(id));
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
            if self.earliest(&recipient) > now || self.is_full(&recipient) {
                continue;
            }
            let is_due =
                |item: &Item| item.severity == Impact::Critical || item.quiet.is_none_or(|quiet| !quiet.holds(minute));
            let mut items: Vec<Item> = of(&self.memory.held, &recipient)
                .filter(|(_, item)| is_due(item))
                .map(|(_, item)| item.clone())
                .collect();
            // What is held back for the night does not hurry, and is not hurried by, the rest.
            let Some(first) = items.iter().map(|item| item.noted_at).min() else { continue };
            if first.plus(GATHER) > now {
                continue;
            }
            items.sort_by(|a, b| (b.severity, a.began_at, &a.subject).cmp(&(a.severity, b.began_at, &b.subject)));
            for item in &items {
                self.release((recipient.clone(), item.subject.clone()), &mut memos);
            }
            self.memory.last.insert(recipient.clone(), now);
            *self.memory.waiting.entry(recipient.clone()).or_default() += 1;
            let id = id(&recipient, &items, now);
            digests.push(Digest { id, recipient, at: now, items });
        }
        (digests, memos)
    }

    /// When [`Self::compose`] may have something to do.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.waiting().iter().map(|recipient| self.earliest(recipient).max(now.plus(Duration::ZERO))).min().map(|at| {
            // Due, and yet not told: it is quiet, or too much is on its way.
            if at <= now { now.plus(LOOK_AGAIN) } else { at }
        })
    }

    /// Recipients for whom something waits, and who are still told anything.
    fn waiting(&self) -> Vec<String> {
        let mut waiting: Vec<String> = self.memory.held.keys().map(|(recipient, _)| recipient.clone()).collect();
        waiting.dedup();
        waiting.retain(|recipient| self.recipients.contains_key(recipient));
        waiting
    }

    /// Before this nothing is told to a recipient.
    fn earliest(&self, recipient: &str) -> Timestamp {
        let first = of(&self.memory.held, recipient).map(|(_, item)| item.noted_at).min().unwrap_or_default();
        let last = self.memory.last.get(recipient).map_or(first, |last| last.plus(WINDOW));
        first.plus(GATHER).max(last)
    }

    fn is_full(&self, recipient: &str) -> bool {
        self.memory.waiting.get(recipient).is_some_and(|count| *count >= WAITING_MAX)
            || self.memory.closed.contains_key(recipient)
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

/// Messages about the store, which cannot hold them: to all who are told of it.
pub fn about_storage(
    recipients: &[Recipient],
    began_at: Timestamp,
    ended_at: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Digest> {
    let is_told = |recipient: &&Recipient| {
        let fits = |rule: &Rule| rule.organisations.is_empty() && rule.events.contains(&Topic::Storage);
        recipient.rules.iter().any(fits)
    };
    let digest = |recipient: &Recipient| {
        let item = Item {
            subject: "storage".to_owned(),
            topic: Topic::Storage,
            severity: Impact::Critical,
            noted_at: now,
            began_at,
            ended_at,
            told_before: ended_at.is_some(),
            quiet: None,
            what: What::Storage,
        };
        let (recipient, items) = (recipient.to.key(), vec![item]);
        Digest { id: id(&recipient, &items, now), recipient, at: now, items }
    };
    recipients.iter().filter(is_told).map(digest).collect()
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
fn id(recipient: &str, items: &[Item], at: Timestamp) -> String {
    let mut hasher = Sha256::new();
    let subjects = items.iter().map(|item| item.subject.as_str());
    for part in [recipient, &at.as_millis().to_string()].into_iter().chain(subjects) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize();
    format!("msg_{}", BASE32_NOPAD.encode(hash.get(..16).unwrap_or_default()).to_lowercase())
}
