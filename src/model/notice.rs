//! What is announced: planned work, what differs in some towns, and states set by hand, as the
//! log records them. Incidents stand in `model::incident`.
//!
//! A notice names components by id, with the name they had, so that it outlives reloads. What a
//! file declares and what an editor plans become the same notice: the engine and the pages know
//! one kind.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::alternative::Alternative;
use crate::model::catalogue::{Ends, Reach};
use crate::model::event::MaintenancePhase;
use crate::model::id::{ComponentId, MaintenanceId};
use crate::model::incident::{Body, Change};
use crate::model::status::{Delivery, Mode, Processing, Status};
use crate::model::text::Text;
use crate::model::time::Timestamp;
use crate::model::window::{Recurrence, When};

/// Planned work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaintenanceNotice {
    /// Its id.
    pub id: MaintenanceId,
    /// Its title.
    pub title: Text,
    /// What more there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// What it covers; never empty.
    pub components: Vec<CoveredNotice>,
    /// Same word = same programme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub programme: Option<String>,
    /// When it begins; of a recurring one, its occurrence at hand.
    pub from: When,
    /// When it ends (an instant; an inclusive date stands beside it).
    pub until: When,
    /// How it ends.
    #[serde(default)]
    pub ends: Ends,
    /// When the public was first told, not before it was.
    pub announced_at: When,
    /// The last day to get things done before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_chance_before: Option<When>,
    /// When things are back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_from: Option<When>,
    /// What stays as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unaffected: Vec<ComponentId>,
    /// A recurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurring: Option<Recurrence>,
    /// Of a recurring one: when the whole series begins and ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<(When, When)>,
    /// Other ways meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// IANA name of the time zone its dates are in.
    pub zone: String,
    /// Its phase.
    pub phase: MaintenancePhase,
    /// When it was over or called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Counts what calendars must take over: 0, 1, 2, … (RFC 5545 SEQUENCE).
    #[serde(default)]
    pub sequence: u32,
    /// Hash of its declaration in a file; `None` if an editor planned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<u64>,
    /// What was published about it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<MaintenanceUpdate>,
    /// Position of the event that last changed it.
    #[serde(default)]
    pub revision: u64,
}

impl MaintenanceNotice {
    /// Whether it is under way.
    pub const fn is_active(&self) -> bool {
        matches!(self.phase, MaintenancePhase::InProgress | MaintenancePhase::Overrunning)
    }

    /// Whether it is over or called off.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, MaintenancePhase::Completed | MaintenancePhase::Cancelled)
    }

    /// When it begins and ends as a whole: of a recurring one those of the series.
    pub fn span(&self) -> (&When, &When) {
        self.series.as_ref().map_or((&self.from, &self.until), |(from, until)| (from, until))
    }

    /// The number of the next update.
    pub fn next_number(&self) -> u32 {
        self.updates.last().map_or(1, |update| update.number.saturating_add(1))
    }

    /// What it covers by this id.
    pub fn covers(&self, component: &ComponentId) -> Option<&CoveredNotice> {
        self.components.iter().find(|covered| covered.component == *component)
    }
}

/// A component under maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredNotice {
    /// Its id.
    pub component: ComponentId,
    /// An earlier end of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
    /// When it was back, by an end notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl CoveredNotice {
    /// Whether its part of the work is over at `at`.
    pub fn is_over(&self, at: Timestamp) -> bool {
        self.ended_at.is_some_and(|ended| ended <= at) || self.until.as_ref().is_some_and(|until| until.at <= at)
    }
}

/// One published word on a maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceUpdate {
    /// Its number within the maintenance, from 1.
    pub number: u32,
    /// When it was recorded.
    pub at: Timestamp,
    /// The phase then.
    pub phase: MaintenancePhase,
    /// What it says.
    pub body: Body,
    /// What is back, with this word, and since when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<(ComponentId, Timestamp)>,
    /// Of an announcement: the dates that it gave; set when it is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Box<Announced>>,
}

/// What an announcement said, which a later one may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// When it begins; of recurring work, the occurrence that was next.
    pub from: When,
    /// When it ends.
    pub until: When,
    /// Whether it recurs; as it does now, if that was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurs: Option<bool>,
    /// The last day before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_chance_before: Option<When>,
    /// When things are back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_from: Option<When>,
    /// What more there was to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
}

/// What an editor changes in a maintenance. What is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MaintenanceEdit {
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text>,
    /// What more there is to say.
    #[serde(default, skip_serializing_if = "Change::is_kept")]
    pub text: Change<Text>,
    /// What it covers, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<CoveredNotice>>,
    /// The programme.
    #[serde(default, skip_serializing_if = "Change::is_kept")]
    pub programme: Change<String>,
    /// When it begins; of a recurring one, its occurrence at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<When>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
    /// How it recurs, or that it does not any more.
    #[serde(default, skip_serializing_if = "Change::is_kept")]
    pub recurring: Change<Recurrence>,
    /// Of a recurring one: when the whole series begins and ends.
    #[serde(default, skip_serializing_if = "Change::is_kept")]
    pub series: Change<(When, When)>,
    /// How it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Ends>,
    /// The last day before.
    #[serde(default, skip_serializing_if = "Change::is_kept")]
    pub last_chance_before: Change<When>,
    /// When things are back.
    #[serde(default, skip_serializing_if = "Change::is_kept")]
    pub back_from: Change<When>,
    /// What stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unaffected: Option<Vec<ComponentId>>,
    /// Other ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternatives: Option<Vec<Alternative>>,
    /// What is back, and since when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<(ComponentId, Timestamp)>,
    /// The phase it enters by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<MaintenancePhase>,
    /// When it was over, with a phase that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Whether calendars must take it over.
    #[serde(default)]
    pub rescheduled: bool,
    /// Whether no file declares it any more: declared again, it is announced again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// What readers are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<MaintenanceUpdate>,
}

/// What differs in some towns, and since when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalNotice {
    /// What tells it apart.
    pub key: u64,
    /// The component.
    pub component: ComponentId,
    /// For whom; never empty.
    pub organisations: Vec<Reach>,
    /// The status there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The mode there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Whether the provider has released it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<bool>,
    /// Processing there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing: Option<Processing>,
    /// Delivery of mail there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// A text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Alternatives there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether a file declares it; else an editor said so.
    #[serde(default)]
    pub declared: bool,
    /// Whether whoever owns the component said it; else the towns themselves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_owner: bool,
    /// When it ended; `None` where it is told that it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The id that the component had when it was said, if it has another one now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_as: Option<ComponentId>,
}

impl LocalNotice {
    /// Whether it says the same of the same component to the same towns, whenever it began and
    /// whatever they were called then.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.component == other.component
            && self.organisations == other.organisations
            && (self.status, self.mode, self.released) == (other.status, other.mode, other.released)
            && (self.processing, &self.delivery, &self.text) == (other.processing, &other.delivery, &other.text)
            && (&self.alternatives, self.until) == (&other.alternatives, other.until)
    }
}

/// A status set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The status.
    pub status: Status,
    /// When it was set.
    pub at: Timestamp,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A status may be set to something better than what is known for at most so long.
const BETTER_FOR_MAX: Duration = Duration::from_secs(7 * 86_400);

impl Override {
    /// Whether it may hide something worse: it ends soon.
    pub fn may_hide(&self) -> bool {
        self.until.is_some_and(|until| until <= self.at.plus(BETTER_FOR_MAX))
    }

    /// Whether it is in force at `at`.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| until > at)
    }
}
