//! Incidents: one root cause with its updates, as the log records them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::alternative::{Alternative, Link};
use crate::model::id::{ComponentId, IncidentId, OrganisationId};
use crate::model::status::{Status, words};
use crate::model::text::Text;
use crate::model::time::Timestamp;
use crate::model::verdict::Reason;

/// Most closed incidents kept in memory; older ones stay in the store.
pub const CLOSED_INCIDENTS_MAX: usize = 500;

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentStatus {
    /// Something is wrong; why is not known yet.
    Investigating,
    /// The cause is known.
    Identified,
    /// It answers again and is being watched.
    Monitoring,
    /// Over.
    Resolved,
}

words!(IncidentStatus {
    Investigating => "investigating",
    Identified => "identified",
    Monitoring => "monitoring",
    Resolved => "resolved",
});

/// How bad an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Nothing is out.
    None,
    /// Degraded.
    Minor,
    /// Partially out.
    Major,
    /// Out.
    Critical,
}

words!(Impact { None => "none", Minor => "minor", Major => "major", Critical => "critical" });

impl Impact {
    /// The impact of an automatic incident whose root has this status.
    pub const fn of(status: Status) -> Self {
        match status {
            Status::MajorOutage => Self::Critical,
            Status::PartialOutage => Self::Major,
            Status::DegradedPerformance => Self::Minor,
            Status::Operational | Status::Unknown | Status::UnderMaintenance => Self::None,
        }
    }
}

/// Category of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An attack.
    Cyberattack,
    /// Hardware.
    Hardware,
    /// Power or cooling.
    Power,
    /// Network or telephone line.
    Network,
    /// Too much load.
    Overload,
    /// A change of software.
    Migration,
    /// A base service of somebody else.
    BaseService,
    /// Staff is missing.
    Staff,
    /// Planned.
    Planned,
    /// Not known.
    Unknown,
    /// Known but not published.
    Undisclosed,
}

words!(Cause {
    Cyberattack => "cyberattack",
    Hardware => "hardware",
    Power => "power",
    Network => "network",
    Overload => "overload",
    Migration => "migration",
    BaseService => "base_service",
    Staff => "staff",
    Planned => "planned",
    Unknown => "unknown",
    Undisclosed => "undisclosed",
});

/// A text that Turmwacht writes by itself: what it says, rendered by `publish::wording` in the
/// wording that was in force when it was recorded, so that published bytes stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What it says.
    pub code: MessageCode,
    /// Version of the wording.
    pub wording: u16,
    /// The component it speaks of, by the name the public may read.
    pub component: Text,
    /// The status it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The reason it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// The wording in force for new messages.
pub const WORDING: u16 = 1;

/// What an automatic text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageCode {
    /// Title: a disturbance of the component.
    Title,
    /// Our checks have found the component in this status.
    Opened,
    /// The component's status within the incident changed to this one.
    Changed,
    /// The cause was found to lie with this component.
    RootMoved,
    /// The component answers again and is being watched.
    Recovered,
    /// The component failed again.
    Relapsed,
    /// The disturbance is over.
    Resolved,
    /// The disturbance belongs to the one of this component, where it is continued.
    Merged,
    /// The component is not monitored any more.
    Removed,
    /// Title: many disturbances at once that have no cause in common as far as is known.
    Umbrella,
    /// Several disturbances are continued in this one.
    Gathered,
    /// Planned work was announced.
    Planned,
    /// What was planned has changed.
    Replanned,
    /// Planned work began.
    Began,
    /// Planned work takes longer than announced.
    Overran,
    /// The component is back before the whole work is over.
    PartEnded,
    /// Planned work is over.
    Ended,
    /// Planned work was called off.
    CalledOff,
}

/// A text in an incident: ours or an editor's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Written by Turmwacht.
    Automatic(Message),
    /// Written by an editor.
    Written(Text),
}

/// One published update of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Its number within the incident, from 1.
    pub number: u32,
    /// When it was recorded.
    pub at: Timestamp,
    /// Where the incident stood.
    pub status: IncidentStatus,
    /// How bad the incident was then; set when it is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
    /// What it says.
    pub body: Body,
    /// The states that it gave.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<ComponentId, Status>,
    /// Whom it concerns; everybody whom the incident concerns, if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organisations: Vec<OrganisationId>,
    /// What it said about the end, if it said anything new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// What only editors may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal: Option<Text>,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retracted_at: Option<Timestamp>,
    /// What it said before it was corrected, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrected: Vec<Correction>,
}

impl Update {
    /// Whether it says that what it is about is not watched any more. A correction changes its words,
    /// not what happened.
    pub fn is_removal(&self) -> bool {
        let first = self.corrected.first().map_or(&self.body, |correction| &correction.body);
        matches!(first, Body::Automatic(message) if message.code == MessageCode::Removed)
    }

    /// An update that says no more than its text.
    pub const fn plain(number: u32, at: Timestamp, status: IncidentStatus, body: Body) -> Self {
        Self {
            number,
            at,
            status,
            impact: None,
            body,
            components: BTreeMap::new(),
            organisations: Vec::new(),
            ending: None,
            internal: None,
            retracted_at: None,
            corrected: Vec::new(),
        }
    }

    /// When it last changed.
    pub fn changed_at(&self) -> Timestamp {
        let corrected = self.corrected.last().map(|correction| correction.at);
        [Some(self.at), corrected, self.retracted_at].into_iter().flatten().max().unwrap_or(self.at)
    }
}

/// A text that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// When it was replaced.
    pub at: Timestamp,
    /// What was said until then.
    pub body: Body,
}

/// What is said about the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It cannot be foreseen.
    Unknown,
    /// It is expected about then.
    Expected(Expected),
}

/// A fuzzy end. At least one of its fields is given; nothing is ever filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest: Option<Timestamp>,
    /// Not after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Timestamp>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Text>,
}

/// Where more can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The address.
    pub url: Link,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Text>,
}

/// A town's own words on somebody else's incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// The words.
    pub text: Text,
    /// Its own ways around.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// When they were written.
    pub at: Timestamp,
    /// Counts the versions, from 1.
    pub version: u32,
    /// The id that the town had when they were written, if it has another one now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_as: Option<OrganisationId>,
}

/// A town's own words that were taken back: what feeds need to say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// When they were written.
    pub at: Timestamp,
    /// When they were taken back.
    pub withdrawn_at: Timestamp,
    /// Their version; the next words count on.
    pub version: u32,
    /// The id that the town had when they were written, if it has another one now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_as: Option<OrganisationId>,
}

/// A component that an incident concerns or concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concerned {
    /// Its id.
    pub component: ComponentId,
    /// Its name at that time, by which the public may know it.
    pub name: Text,
    /// Whether the public may know its id.
    pub public: bool,
    /// The worst status it had in the incident.
    pub worst: Status,
}

/// An incident. Recorded with all that a reader needs, even when its components are long gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id; stays when the root moves.
    pub id: IncidentId,
    /// The component that is the cause.
    pub root: ComponentId,
    /// Its title.
    pub title: Body,
    /// Where it stands.
    pub status: IncidentStatus,
    /// How bad it is; the worst so far.
    pub impact: Impact,
    /// Category of the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// When the first failure began.
    pub started_at: Timestamp,
    /// When it was recorded.
    pub opened_at: Timestamp,
    /// Since when it is being watched, while it is monitoring: `quiet` runs from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring_since: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// The older incident it was merged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<IncidentId>,
    /// Whether an editor ever touched it.
    #[serde(default)]
    pub touched: bool,
    /// When an editor last touched it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched_at: Option<Timestamp>,
    /// When its title, its status or its impact last changed: what stands above all that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headed_at: Option<Timestamp>,
    /// Whether the root is set and the engine does not move it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub root_set: bool,
    /// The states that editors give components while it is open.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<ComponentId, Status>,
    /// Roots of other disturbances that are continued in this one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attached: BTreeSet<ComponentId>,
    /// When the end is expected; `None`: it cannot be foreseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_end: Option<Expected>,
    /// By when readers were promised to hear more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update_by: Option<Timestamp>,
    /// Where more can be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// Other ways, beside those of the components.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// What stays as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unaffected: Vec<ComponentId>,
    /// Towns' own words on it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overlays: BTreeMap<OrganisationId, Overlay>,
    /// Towns' own words that were taken back, the last ones of each town.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub withdrawn: BTreeMap<OrganisationId, Withdrawn>,
    /// Position of the event that last changed it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub revision: u64,
    /// What it concerns, by component id.
    pub concerned: Vec<Concerned>,
    /// Its updates, oldest first.
    pub updates: Vec<Update>,
}

/// Whether a field says nothing: it came after the first release, whose bytes stay.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Incident {
    /// An incident that begins: nothing is known of it but its root and its title.
    pub fn new(id: IncidentId, root: ComponentId, title: Body, started_at: Timestamp, opened_at: Timestamp) -> Self {
        Self {
            id,
            root,
            title,
            status: IncidentStatus::Investigating,
            impact: Impact::None,
            cause: None,
            started_at,
            opened_at,
            monitoring_since: None,
            resolved_at: None,
            merged_into: None,
            touched: false,
            touched_at: None,
            headed_at: None,
            root_set: false,
            given: BTreeMap::new(),
            attached: BTreeSet::new(),
            expected_end: None,
            next_update_by: None,
            references: Vec::new(),
            alternatives: Vec::new(),
            unaffected: Vec::new(),
            overlays: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            revision: 0,
            concerned: Vec::new(),
            updates: Vec::new(),
        }
    }

    /// Notes when what stands above all that was said is not as it was `before`.
    pub fn note_head(&mut self, before: &Self, at: Timestamp) {
        let is_as_before = self.title == before.title && self.status == before.status && self.impact == before.impact;
        if !is_as_before {
            self.headed_at = Some(at);
        }
    }

    /// Whether it gathers many that began almost at once.
    pub const fn is_umbrella(&self) -> bool {
        matches!(&self.title, Body::Automatic(message) if matches!(message.code, MessageCode::Umbrella))
    }

    /// Whether it is not resolved.
    pub fn is_open(&self) -> bool {
        self.status != IncidentStatus::Resolved
    }

    /// What it concerns, by component id.
    pub fn concerns(&self, component: &ComponentId) -> Option<&Concerned> {
        self.concerned.iter().find(|concerned| concerned.component == *component)
    }

    /// The number of the next update.
    pub fn next_number(&self) -> u32 {
        self.updates.last().map_or(1, |update| update.number.saturating_add(1))
    }

    /// Whether a promise to say more was not kept.
    pub fn is_overdue(&self, at: Timestamp) -> bool {
        self.is_open() && self.next_update_by.is_some_and(|by| by <= at)
    }
}

/// What an editor changes in an incident. What is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IncidentEdit {
    /// Where it stands now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<IncidentStatus>,
    /// How bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
    /// Category of the cause.
    #[serde(default, skip_serializing_if = "Change::is_kept")]
    pub cause: Change<Cause>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Body>,
    /// The root, set by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<ComponentId>,
    /// The states in force from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<BTreeMap<ComponentId, Status>>,
    /// What it concerns in addition, or worse than before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concerned: Vec<Concerned>,
    /// What it does not concern any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dropped: BTreeSet<ComponentId>,
    /// Further roots that are continued in it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attached: BTreeSet<ComponentId>,
    /// When the end is expected.
    #[serde(default, skip_serializing_if = "Change::is_kept")]
    pub expected_end: Change<Expected>,
    /// By when more is promised.
    #[serde(default, skip_serializing_if = "Change::is_kept")]
    pub next_update_by: Change<Timestamp>,
    /// Where more can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<Vec<Reference>>,
    /// Other ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternatives: Option<Vec<Alternative>>,
    /// What stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unaffected: Option<Vec<ComponentId>>,
    /// The incident it was merged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<IncidentId>,
    /// When it ended, where an editor knows better than the recorded time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// The update to publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
}

/// A field of a change: absent keeps what is there, null clears it, a value replaces it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// As it was.
    #[default]
    Keep,
    /// Nothing.
    Clear,
    /// This.
    Set(T),
}

impl<T> Change<T> {
    /// Whether nothing changes.
    pub const fn is_kept(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The value if it is set.
    pub const fn set(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// Carries the change out.
    pub fn apply(self, to: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *to = None,
            Self::Set(value) => *to = Some(value),
        }
    }

    /// Converts the value, if one is set.
    pub fn try_map<U, E>(self, convert: impl FnOnce(T) -> Result<U, E>) -> Result<Change<U>, E> {
        Ok(match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(convert(value)?),
        })
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.set().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}
