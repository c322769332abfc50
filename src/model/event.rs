//! Events: what was decided. The log holds them for good; the state is the fold over them.
//!
//! An event says everything that applying it needs, so that restoring never decides again and a
//! new release never rewrites what was published.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::catalogue::Catalogue;
use crate::model::id::{CheckKey, ComponentId, IncidentId, MaintenanceId, OrganisationId};
use crate::model::incident::{Body, Concerned, Impact, Incident, IncidentEdit, IncidentStatus, Overlay, Update};
use crate::model::notice::{LocalNotice, MaintenanceEdit, MaintenanceNotice, MaintenanceUpdate, Override};
use crate::model::status::{Evidence, Status, words};
use crate::model::time::Timestamp;
use crate::model::verdict::{Path, Reason, Verdict};
use crate::model::window::When;

/// Version of the events' encoding in the store.
pub const EVENT_VERSION: u16 = 1;

/// An event in its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// Its position: 1, 2, 3, … without gaps.
    pub position: u64,
    /// When it was recorded; never decreases.
    pub at: Timestamp,
    /// What was decided.
    pub event: Event,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A catalogue is in force. The log records its version; the catalogue itself stands in a
    /// table of its own and is put back when the log is read.
    CatalogueAdopted {
        /// Its version: 1, 2, 3, …
        version: u32,
        /// The catalogue.
        #[serde(skip)]
        catalogue: Arc<Catalogue>,
    },
    /// A result that differs from its check's standing was counted, or such a streak ended.
    CheckCounted {
        /// The check.
        check: CheckKey,
        /// The streak as it now stands.
        streak: Streak,
    },
    /// A check's standing changed.
    CheckTurned {
        /// The check.
        check: CheckKey,
        /// Its new standing.
        verdict: Verdict,
        /// Why, unless it is up or its evidence expired.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// Since when, backdated to the first failure that was counted.
        since: Timestamp,
    },
    /// A component's status changed.
    StatusChanged(StatusChanged),
    /// An incident was opened.
    IncidentOpened(Box<Incident>),
    /// An incident moved on.
    IncidentMoved {
        /// The incident.
        id: IncidentId,
        /// Where it stands now.
        status: IncidentStatus,
        /// How bad it is now.
        impact: Impact,
        /// Its root now.
        root: ComponentId,
        /// Its title, where it changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<Body>,
        /// The older incident it was merged into.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merged_into: Option<IncidentId>,
        /// What it concerns in addition, or worse than before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        concerned: Vec<Concerned>,
        /// Further roots that are continued in it.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        attached: BTreeSet<ComponentId>,
        /// The update to publish; none where readers need not be told again (flapping).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        update: Option<Box<Update>>,
    },
    /// An editor changed an incident.
    IncidentEdited {
        /// The incident.
        id: IncidentId,
        /// What changed.
        edit: Box<IncidentEdit>,
    },
    /// An editor took a published update back.
    UpdateRetracted {
        /// The incident.
        id: IncidentId,
        /// The update's number.
        number: u32,
    },
    /// An editor corrected a published update.
    UpdateCorrected {
        /// The incident.
        id: IncidentId,
        /// The update's number.
        number: u32,
        /// What it says now.
        body: Body,
    },
    /// A town put its own words beside an incident, or took them away.
    OverlaySet {
        /// The incident.
        id: IncidentId,
        /// The town.
        organisation: OrganisationId,
        /// The words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overlay: Option<Overlay>,
    },
    /// A maintenance was announced, in a file or by an editor, or replaced by what a file says now.
    MaintenancePlanned(Box<MaintenanceNotice>),
    /// An editor changed a maintenance.
    MaintenanceEdited {
        /// The maintenance.
        id: MaintenanceId,
        /// What changed.
        edit: Box<MaintenanceEdit>,
    },
    /// A maintenance entered a phase.
    MaintenanceMoved {
        /// The maintenance.
        id: MaintenanceId,
        /// Its phase.
        phase: MaintenancePhase,
        /// Of a recurring one: the occurrence it goes on to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<(When, When)>,
        /// What readers are told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        update: Option<MaintenanceUpdate>,
    },
    /// Something differs in some towns from now on.
    LocalBegan(Box<LocalNotice>),
    /// It does not differ there any more.
    LocalEnded {
        /// Which.
        key: u64,
    },
    /// An editor set a component's status by hand, or gave it back.
    OverrideSet {
        /// The component.
        component: ComponentId,
        /// What it reads.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set: Option<Override>,
    },
    /// A path of our own was found cut, or found working again.
    PathTurned {
        /// The path.
        path: Path,
        /// Whether it is cut.
        blind: bool,
    },
    /// The clock was set: recorded times before and after this differ by so much.
    ClockStepped {
        /// Milliseconds forward, negative backward.
        by_ms: i64,
    },
    /// The event at this position cannot be applied and is passed over by every reader.
    Skipped {
        /// Its position.
        position: u64,
    },
}

/// A component's new status with what explains it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusChanged {
    /// The component.
    pub component: ComponentId,
    /// Its status.
    pub status: Status,
    /// What it is without its parents and their like: the worst of own evidence and parts.
    pub without_derived: Status,
    /// Where the status comes from.
    pub evidence: Evidence,
    /// Since when.
    pub since: Timestamp,
    /// The reason of its own failing check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The parent that affects it and the path from it to the root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected_by: Vec<ComponentId>,
}

/// Results in a row that differ from a check's standing, and a wait for a reference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    /// The results, oldest first; at most as many as a confirmation needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<Counted>,
    /// A failure that is confirmed but for a reference: until then it waits for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Timestamp>,
}

/// A counted result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The judgement.
    pub verdict: Verdict,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When the probe began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Phase of a maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenancePhase {
    /// Announced, not begun.
    Announced,
    /// Under way.
    InProgress,
    /// Beyond its planned end without an end notice.
    Overrunning,
    /// Over.
    Completed,
    /// Called off.
    Cancelled,
}

words!(MaintenancePhase {
    Announced => "announced",
    InProgress => "in_progress",
    Overrunning => "overrunning",
    Completed => "completed",
    Cancelled => "cancelled",
});

/// A judged result as it is stored for charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredResult {
    /// Index of the check in the catalogue in force.
    pub check: u32,
    /// The planned instant.
    pub slot: Timestamp,
    /// When the probe ended: evidence lasts from here.
    pub ended_at: Timestamp,
    /// The judgement.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<Reason>,
    /// How long the probe took, in microseconds.
    pub duration_us: u32,
    /// Whether it was counted (not late, not of an outdated definition).
    pub counted: bool,
}
