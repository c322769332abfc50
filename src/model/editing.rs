//! What editors ask for, and why they are refused. The words are those of the admin interface;
//! how a request is written there stands in `crate::editing`, what follows from it in `engine`.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::alternative::Alternative;
use crate::model::catalogue::{Ends, Reach};
use crate::model::id::{ComponentId, IncidentId, MaintenanceId, OrganisationId};
use crate::model::incident::{Cause, Change, Expected, Impact, IncidentStatus, Reference};
use crate::model::notice::CoveredNotice;
use crate::model::status::{Delivery, Mode, Processing, Status};
use crate::model::text::Text;
use crate::model::time::Timestamp;
use crate::model::window::{Recurrence, When};

/// Something that an editor wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Open an incident.
    OpenIncident(Box<NewIncident>),
    /// Change an incident.
    EditIncident(IncidentId, Box<IncidentPatch>),
    /// Publish an update of an incident.
    AddUpdate(IncidentId, Box<NewUpdate>),
    /// Correct the text of an update.
    CorrectUpdate(IncidentId, u32, Text),
    /// Take an update back.
    RetractUpdate(IncidentId, u32),
    /// Continue an incident in another one.
    Merge(IncidentId, IncidentId),
    /// Go on with some components of an incident in one of their own.
    Split(IncidentId, Box<Split>),
    /// Put a town's own words beside an incident, or take them away.
    Overlay(IncidentId, OrganisationId, Option<Words>),
    /// Announce a maintenance.
    PlanMaintenance(Box<NewMaintenance>),
    /// Change a maintenance.
    EditMaintenance(MaintenanceId, Box<MaintenancePatch>),
    /// Say something about a maintenance, or that (a part of) it is over.
    UpdateMaintenance(MaintenanceId, MaintenanceWord),
    /// Set a component's status by hand, or give it back.
    Override(ComponentId, Option<(Status, Option<Timestamp>)>),
    /// Say what differs in some towns.
    SetLocal(ComponentId, Box<NewLocal>),
    /// Take back what an editor said of some towns; of all, if none is named.
    RemoveLocal(ComponentId, Vec<Reach>),
}

/// An incident to open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewIncident {
    /// Its title.
    pub title: Text,
    /// Where it stands.
    pub status: Option<IncidentStatus>,
    /// How bad it is; from the states given, if absent.
    pub impact: Option<Impact>,
    /// Category of the cause.
    pub cause: Option<Cause>,
    /// The root; the worst of `components`, if absent.
    pub root: Option<ComponentId>,
    /// When it began, if before now.
    pub started_at: Option<Timestamp>,
    /// The text of its first update.
    pub text: Text,
    /// The states of components.
    pub components: BTreeMap<ComponentId, Status>,
    /// When the end is expected.
    pub expected_end: Option<Expected>,
    /// By when more is promised.
    pub next_update_by: Option<Timestamp>,
    /// Where more can be read.
    pub references: Vec<Reference>,
    /// Other ways.
    pub alternatives: Vec<Alternative>,
    /// What stays as it is.
    pub unaffected: Vec<ComponentId>,
    /// What only editors may read.
    pub internal_text: Option<Text>,
}

/// What to change in an incident.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IncidentPatch {
    /// Its title.
    pub title: Option<Text>,
    /// Where it stands.
    pub status: Option<IncidentStatus>,
    /// How bad it is.
    pub impact: Option<Impact>,
    /// Category of the cause.
    pub cause: Change<Cause>,
    /// The root.
    pub root: Option<ComponentId>,
    /// The text of an update that tells of the change.
    pub text: Option<Text>,
    /// States of components, beside those given before; null takes one back.
    pub components: BTreeMap<ComponentId, Option<Status>>,
    /// When the end is expected.
    pub expected_end: Change<Expected>,
    /// By when more is promised.
    pub next_update_by: Change<Timestamp>,
    /// Where more can be read.
    pub references: Option<Vec<Reference>>,
    /// Other ways.
    pub alternatives: Option<Vec<Alternative>>,
    /// What stays as it is.
    pub unaffected: Option<Vec<ComponentId>>,
    /// Whom the update concerns; all, if empty.
    pub organisations: Vec<OrganisationId>,
    /// When it ended, with the status resolved.
    pub resolved_at: Option<Timestamp>,
    /// What only editors may read.
    pub internal_text: Option<Text>,
}

/// An update to publish: a change that must say something.
pub type NewUpdate = IncidentPatch;

/// Components that go on in an incident of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Which; never empty. The first is the root.
    pub components: Vec<ComponentId>,
    /// The new incident's title.
    pub title: Text,
    /// The text of its first update.
    pub text: Text,
}

/// A town's own words.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// The words.
    pub text: Text,
    /// Its own ways around.
    pub alternatives: Vec<Alternative>,
}

/// A maintenance to announce.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMaintenance {
    /// Its id; made up, if absent.
    pub id: Option<MaintenanceId>,
    /// Its title.
    pub title: Text,
    /// What more there is to say.
    pub text: Option<Text>,
    /// What it covers.
    pub components: Vec<CoveredNotice>,
    /// Same word = same programme.
    pub programme: Option<String>,
    /// When it begins; of a recurring one, the whole series.
    pub from: When,
    /// When it ends.
    pub until: When,
    /// How it recurs.
    pub recurring: Option<Recurrence>,
    /// How it ends.
    pub ends: Ends,
    /// When it is to be announced, if later than now.
    pub announced_at: Option<When>,
    /// The last day before.
    pub last_chance_before: Option<When>,
    /// When things are back.
    pub back_from: Option<When>,
    /// What stays as it is.
    pub unaffected: Vec<ComponentId>,
    /// Other ways meanwhile.
    pub alternatives: Vec<Alternative>,
    /// IANA name of the time zone its dates are in.
    pub zone: String,
}

/// What to change in a maintenance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MaintenancePatch {
    /// Its title.
    pub title: Option<Text>,
    /// What more there is to say.
    pub text: Change<Text>,
    /// What it covers, whole.
    pub components: Option<Vec<CoveredNotice>>,
    /// The programme.
    pub programme: Change<String>,
    /// When it begins; of a recurring one, the whole series.
    pub from: Option<When>,
    /// When it ends.
    pub until: Option<When>,
    /// How it recurs; nothing leaves the occurrence at hand alone.
    pub recurring: Change<Recurrence>,
    /// How it ends.
    pub ends: Option<Ends>,
    /// The last day before.
    pub last_chance_before: Change<When>,
    /// When things are back.
    pub back_from: Change<When>,
    /// What stays as it is.
    pub unaffected: Option<Vec<ComponentId>>,
    /// Other ways.
    pub alternatives: Option<Vec<Alternative>>,
    /// Whether it is called off.
    pub cancelled: bool,
}

/// A word on a maintenance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MaintenanceWord {
    /// What to say.
    pub text: Option<Text>,
    /// What is back, and since when.
    pub ended: BTreeMap<ComponentId, Timestamp>,
    /// Since when all of it is over.
    pub ended_at: Option<Timestamp>,
}

/// What differs in some towns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewLocal {
    /// For whom; never empty.
    pub organisations: Vec<Reach>,
    /// The status there.
    pub status: Option<Status>,
    /// The mode there.
    pub mode: Option<Mode>,
    /// Whether it is released.
    pub released: Option<bool>,
    /// Processing there.
    pub processing: Option<Processing>,
    /// Delivery of mail there.
    pub delivery: Option<Delivery>,
    /// A text.
    pub text: Option<Text>,
    /// Alternatives there.
    pub alternatives: Vec<Alternative>,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// What a command changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An incident.
    Incident(IncidentId),
    /// A maintenance.
    Maintenance(MaintenanceId),
    /// A component.
    Component(ComponentId),
}

/// Why a command is refused: one sentence for people, a closed word for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind.
    pub kind: RefusalKind,
    /// The field that it is about, as a JSON pointer into the request: `/components/0/id`.
    pub pointer: Option<String>,
    /// One sentence that says what to do.
    pub detail: String,
}

impl Refusal {
    /// A refusal about the whole request.
    pub fn new(kind: RefusalKind, detail: impl Into<String>) -> Self {
        Self { kind, pointer: None, detail: detail.into() }
    }

    /// A value of the request does not fit.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind: RefusalKind::Invalid, pointer: Some(pointer.into()), detail: detail.into() }
    }

    /// What is named does not exist.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotFound, detail)
    }

    /// There is no such subject, or the editor may not know of it: nobody is told which.
    pub fn unknown(subject: &Subject) -> Self {
        Self::not_found(match subject {
            Subject::Incident(id) => format!("there is no incident `{id}`"),
            Subject::Maintenance(id) => format!("there is no maintenance `{id}`"),
            Subject::Component(id) => format!("there is no component `{id}`"),
        })
    }

    /// The editor may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::Forbidden, detail)
    }

    /// It does not go together with what is there.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, detail)
    }
}

/// The kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The request cannot be read.
    Malformed,
    /// It can be read, but a value does not fit.
    Invalid,
    /// Outside the editor's scope.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// Another method is meant.
    MethodNotAllowed,
    /// It does not go together with what is there.
    Conflict,
    /// It changed since the editor last read it.
    Stale,
    /// It is too long.
    TooLarge,
}

impl RefusalKind {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Invalid => 422,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::Stale => 412,
            Self::TooLarge => 413,
        }
    }

    /// The closed word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::Stale => "stale",
            Self::TooLarge => "too_large",
        }
    }
}

/// Ids in a request, each once, in the order given.
pub fn distinct<T: Ord + Clone>(ids: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    ids.into_iter().filter(|id| seen.insert(id.clone())).collect()
}
