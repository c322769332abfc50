//! What is told: things that begin and end, held back for a moment, then sent as one message.
//!
//! All of this stands in the store as JSON, so that a restart goes on where the program was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::event::Event;
use crate::model::id::IncidentId;
use crate::model::incident::{Body, Impact};
use crate::model::notify::{QuietHours, Topic};
use crate::model::status::words;
use crate::model::text::{Plain, Text};
use crate::model::time::Timestamp;
use crate::model::verdict::Path;

/// The usual time between two messages to a recipient, and no root cause is told twice within it.
pub const WINDOW: Duration = Duration::from_secs(300);

/// One thing that somebody is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is, for good: `incident:` and its id. Later news of it replace it.
    pub subject: String,
    /// What kind of thing.
    pub topic: Topic,
    /// How bad.
    pub severity: Impact,
    /// Since when it has waited to be told.
    pub noted_at: Timestamp,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Whether an earlier message told that it began.
    #[serde(default)]
    pub told_before: bool,
    /// It is held back while all of these hold; none: it never is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_back: Vec<QuietHours>,
    /// The rest.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// An incident.
    Incident {
        /// Its id.
        id: IncidentId,
        /// Its title.
        title: Body,
        /// What it comes from.
        root: Text,
        /// Whose that is.
        owner: Option<Text>,
        /// Whose pages it stands on, the first ones.
        organisations: Vec<Text>,
        /// How many more of them.
        more_organisations: usize,
        /// Whether the public reads of it.
        public: bool,
        /// Where it goes on, if that is why it ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merged_into: Option<Merged>,
        /// Whether it ended because nobody watches any more what it is about.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        removed: bool,
    },
    /// Word on an incident was promised and did not come.
    Silence {
        /// The incident.
        id: IncidentId,
        /// Its title.
        title: Body,
        /// By when it was promised.
        by: Timestamp,
        /// Whether the public reads of it.
        public: bool,
    },
    /// Work takes longer than announced.
    Overrun {
        /// The maintenance.
        id: String,
        /// Its title.
        title: Text,
        /// When it was to be over.
        until: Timestamp,
    },
    /// A certificate ends soon.
    Certificate {
        /// Whose.
        component: Text,
        /// The check that saw it, for those who may know.
        check: Option<String>,
        /// When it ends.
        not_after: Timestamp,
    },
    /// A path of our own is cut.
    Blind(Path),
    /// The store cannot be written.
    Storage,
    /// Something that is not in any list any more, by its id: its end was not seen.
    Gone(String),
    /// An editor changed something.
    Edited(Box<Edited>),
    /// More than is kept for one message.
    More(usize),
}

/// The incident in which another one goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// Its id.
    pub id: IncidentId,
    /// Its title, for those who may know it.
    pub title: Option<Body>,
}

/// An editor's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edited {
    /// What was done.
    pub deed: Deed,
    /// Who did it: the token's id, and what it is called.
    pub by: String,
    /// What it is about.
    pub title: Option<Body>,
    /// What was written.
    pub text: Option<Body>,
    /// The page that shows it, below the site's address.
    pub path: String,
    /// Numbers and addresses that citizens are sent to by it, new ones first.
    pub contacts: Vec<Contact>,
    /// How many more there are.
    #[serde(default)]
    pub more_contacts: usize,
}

/// A telephone number, mail address or page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// As it is written.
    pub text: Plain,
    /// Whether neither a file nor an earlier change had it.
    pub is_new: bool,
}

/// What an editor did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Opened an incident.
    Opened,
    /// Changed one, or wrote to it.
    Changed,
    /// Corrected a text.
    Corrected,
    /// Took a text back.
    Retracted,
    /// Put a town's own words beside one, or took them away.
    Overlay,
    /// Announced work.
    Planned,
    /// Changed what was announced, or wrote to it.
    Replanned,
    /// Said what differs in some towns.
    Local,
    /// Took that back.
    LocalEnded,
    /// Set a status by hand.
    Override,
    /// Gave a status back to its checks.
    OverrideEnded,
}

/// An event that an editor brought about.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Its position.
    pub position: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The token's id, and what it is called.
    pub by: String,
    /// What it says.
    pub event: Event,
}

/// Several things for one recipient, to be told in one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// The message's id, for good.
    pub id: String,
    /// Who is told: [`crate::model::notify::Address::key`].
    pub recipient: String,
    /// When it was put together.
    pub at: Timestamp,
    /// The things, worst first. Never empty.
    pub items: Vec<Item>,
}

/// A message as it goes out, the same at each attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same for programs: JSON.
    pub payload: String,
}

/// A message in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id.
    pub id: String,
    /// Who is told.
    pub recipient: String,
    /// When it was put together.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be tried next, while it is pending.
    pub next_at: Timestamp,
    /// Where it stands.
    pub state: Delivery,
    /// Why the last attempt failed.
    pub fault: Option<String>,
    /// The message.
    pub letter: Letter,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It is on its way.
    Pending,
    /// It was accepted.
    Sent,
    /// It is not tried any more.
    Dead,
}

words!(Delivery { Pending => "pending", Sent => "sent", Dead => "dead" });

/// What somebody was told of a subject last, or is about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How bad it was.
    pub severity: Impact,
    /// Whether it was over.
    pub ended: bool,
    /// When it was noted that it began.
    #[serde(default)]
    pub at: Timestamp,
}

/// A change of what is remembered, as the store records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memo {
    /// Everything up to this position was looked at.
    Cursor(u64),
    /// Somebody was told of a subject, or is about to be; `None`: it is over and forgotten.
    Told(String, String, Option<Told>),
    /// Something waits to be told; `None`: it does not any more.
    Held(String, String, Option<Box<Item>>),
    /// An editor sent citizens here.
    Seen(String),
    /// A recipient wants no more; `None`: it is told again.
    Closed(String, Option<String>),
}

/// Everything that is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// What was recorded before this time was nobody's business yet.
    pub since: Timestamp,
    /// Everything up to this position was looked at.
    pub position: u64,
    /// What was told, by recipient and subject.
    pub told: BTreeMap<(String, String), Told>,
    /// What waits, by recipient and subject.
    pub held: BTreeMap<(String, String), Item>,
    /// When each recipient's messages of the last [`WINDOW`] were put together.
    pub last: BTreeMap<String, Vec<Timestamp>>,
    /// How many messages are on their way to each; tests do not count.
    pub waiting: BTreeMap<String, usize>,
    /// Where editors have sent citizens.
    pub seen: BTreeSet<String>,
    /// Who wants no more, with the address at that time.
    pub closed: BTreeMap<String, String>,
}

impl Memory {
    /// Notes that a message was put together.
    pub fn composed(&mut self, recipient: &str, now: Timestamp) {
        let last = self.last.entry(recipient.to_owned()).or_default();
        last.retain(|at| is_within(*at, WINDOW, now));
        last.push(now);
        *self.waiting.entry(recipient.to_owned()).or_default() += 1;
    }
}

/// Whether something was less than so long ago. What is later than now is from before the clock was set back:
/// how long ago that is nobody knows, and nobody waits for it.
pub fn is_within(at: Timestamp, window: Duration, now: Timestamp) -> bool {
    at <= now && now.since(at) < window
}
