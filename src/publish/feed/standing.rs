//! Where an incident stood, as feeds tell it: what closed without being over does not read as resolved.

use crate::model::incident::IncidentStatus;
use crate::model::snapshot::{PublicIncident, PublicUpdate};
use crate::publish::wording::Words;

/// Where an incident stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// As its status says.
    Plain(IncidentStatus),
    /// It is continued in another one.
    Merged,
    /// It was closed because its component is not watched any more.
    Removed,
}

impl Standing {
    /// Where it stood with an update.
    pub(super) fn then(incident: &PublicIncident, update: &PublicUpdate) -> Self {
        match update.status {
            IncidentStatus::Resolved if incident.merged_into.is_some() => Self::Merged,
            IncidentStatus::Resolved if update.is_removal => Self::Removed,
            status => Self::Plain(status),
        }
    }

    /// Where it stands.
    pub(super) fn now(incident: &PublicIncident) -> Self {
        let last = incident.updates_for(None).next_back().filter(|last| last.status == incident.status);
        match incident.status {
            IncidentStatus::Resolved if incident.merged_into.is_some() => Self::Merged,
            status => last.map_or(Self::Plain(status), |last| Self::then(incident, last)),
        }
    }

    /// The closed word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Plain(status) => status.as_str(),
            Self::Merged => "merged",
            Self::Removed => "removed",
        }
    }

    /// The word for readers.
    pub(super) const fn word(self, words: Words) -> &'static str {
        match self {
            Self::Plain(status) => words.incident_status(status),
            Self::Merged => words.pick("an anderer Stelle fortgeführt", "continued elsewhere"),
            Self::Removed => words.pick("wird nicht mehr überwacht", "not monitored any more"),
        }
    }
}
