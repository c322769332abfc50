//! Incidents: one root cause with its updates, as the log records them.

use serde::{Deserialize, Serialize};

use crate::model::id::{ComponentId, IncidentId};
use crate::model::status::{Status, words};
use crate::model::text::Text;
use crate::model::time::Timestamp;
use crate::model::verdict::Reason;

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
    /// What it says.
    pub body: Body,
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
    /// What it concerns, by component id.
    pub concerned: Vec<Concerned>,
    /// Its updates, oldest first.
    pub updates: Vec<Update>,
}

impl Incident {
    /// Whether it is not resolved.
    pub fn is_open(&self) -> bool {
        self.status != IncidentStatus::Resolved
    }

    /// What it concerns, by component id.
    pub fn concerns(&self, component: &ComponentId) -> Option<&Concerned> {
        self.concerned.iter().find(|concerned| concerned.component == *component)
    }
}
