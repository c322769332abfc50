//! Requests as they are written in JSON, before their values are looked at. Unknown fields are
//! faults: a misspelt field must not be lost silently.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::alternative::AlternativeKind;
use crate::model::catalogue::Ends;
use crate::model::incident::{Cause, Change, Impact, IncidentStatus};
use crate::model::status::{DeliveryState, Mode, Processing, Status};

/// A text: a string in the site's first language, or one per language.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a text must be a string, or an object of strings by language")]
#[schemars(rename = "TextRequest")]
pub(super) enum Text {
    Plain(String),
    Languages(BTreeMap<String, String>),
}

/// One string or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "it must be a string, or a list of strings")]
#[schemars(rename = "StringsRequest")]
pub(super) enum Strings {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GivenRequest")]
pub(super) struct Given {
    pub(super) id: String,
    pub(super) status: Option<Status>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ExpectedEndRequest")]
pub(super) struct Expected {
    pub(super) earliest: Option<String>,
    pub(super) latest: Option<String>,
    pub(super) label: Option<Text>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ReferenceRequest")]
pub(super) struct Reference {
    pub(super) url: String,
    pub(super) label: Option<Text>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AlternativeRequest")]
pub(super) struct Alternative {
    pub(super) kind: AlternativeKind,
    pub(super) target: Option<Strings>,
    pub(super) label: Text,
    pub(super) hours: Option<String>,
    pub(super) hours_text: Option<Text>,
    pub(super) page: Option<String>,
    #[serde(default)]
    pub(super) serves: Vec<String>,
    pub(super) component: Option<String>,
    pub(super) valid_from: Option<String>,
    pub(super) valid_until: Option<String>,
    pub(super) verified_at: Option<String>,
}

/// An incident, new or changed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "IncidentRequest")]
pub(super) struct Incident {
    pub(super) title: Option<Text>,
    pub(super) status: Option<IncidentStatus>,
    pub(super) impact: Option<Impact>,
    #[serde(default)]
    #[schemars(with = "Option<Cause>")]
    pub(super) cause: Change<Cause>,
    pub(super) root: Option<String>,
    pub(super) started_at: Option<String>,
    pub(super) resolved_at: Option<String>,
    pub(super) text: Option<Text>,
    #[serde(default)]
    pub(super) components: Vec<Given>,
    #[serde(default)]
    #[schemars(with = "Option<Expected>")]
    pub(super) expected_end: Change<Expected>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) next_update_by: Change<String>,
    pub(super) references: Option<Vec<Reference>>,
    pub(super) alternatives: Option<Vec<Alternative>>,
    pub(super) unaffected: Option<Vec<String>>,
    #[serde(default)]
    pub(super) organisations: Vec<String>,
    pub(super) internal_text: Option<Text>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CorrectionRequest")]
pub(super) struct Correction {
    pub(super) text: Text,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MergeRequest")]
pub(super) struct Merge {
    pub(super) into: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SplitRequest")]
pub(super) struct Split {
    pub(super) components: Vec<String>,
    pub(super) title: Text,
    pub(super) text: Text,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OverlayRequest")]
pub(super) struct Words {
    pub(super) text: Text,
    #[serde(default)]
    pub(super) alternatives: Vec<Alternative>,
}

/// A covered component: its id, or with an earlier end of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a component must be an id, or an object with `id` and `until`")]
#[schemars(rename = "CoveredRequest")]
pub(super) enum Covered {
    Id(String),
    Until(CoveredUntil),
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CoveredUntilRequest")]
pub(super) struct CoveredUntil {
    pub(super) id: String,
    pub(super) until: Option<String>,
}

/// A maintenance, new or changed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MaintenanceRequest")]
pub(super) struct Maintenance {
    pub(super) id: Option<String>,
    pub(super) title: Option<Text>,
    #[serde(default)]
    #[schemars(with = "Option<Text>")]
    pub(super) text: Change<Text>,
    pub(super) components: Option<Vec<Covered>>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) programme: Change<String>,
    pub(super) from: Option<String>,
    pub(super) until: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<Recurring>")]
    pub(super) recurring: Change<Recurring>,
    pub(super) ends: Option<Ends>,
    pub(super) announced_at: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) last_chance_before: Change<String>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) back_from: Change<String>,
    pub(super) unaffected: Option<Vec<String>>,
    pub(super) alternatives: Option<Vec<Alternative>>,
    pub(super) status: Option<Cancelled>,
}

/// How a maintenance recurs; its `from` and `until` are those of the whole series.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RecurringRequest")]
pub(super) struct Recurring {
    /// A rule of RFC 5545, such as FREQ=MONTHLY;BYDAY=2TU.
    pub(super) rrule: String,
    /// The local time of day at which each occurrence begins, such as 19:00.
    pub(super) at: String,
    /// How long each lasts, such as 3h or 90m.
    #[serde(rename = "for")]
    pub(super) lasts: String,
}

/// The only status that an editor gives a maintenance: the others follow from its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CancelledRequest")]
pub(super) enum Cancelled {
    Cancelled,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MaintenanceUpdateRequest")]
pub(super) struct MaintenanceWord {
    pub(super) text: Option<Text>,
    #[serde(default)]
    pub(super) components: Vec<EndedAt>,
    pub(super) ended_at: Option<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EndedRequest")]
pub(super) struct EndedAt {
    pub(super) id: String,
    pub(super) ended_at: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OverrideRequest")]
pub(super) struct Override {
    pub(super) status: Status,
    pub(super) until: Option<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LocalRequest")]
pub(super) struct Local {
    pub(super) organisations: Vec<String>,
    pub(super) status: Option<Status>,
    pub(super) mode: Option<Mode>,
    pub(super) released: Option<bool>,
    pub(super) processing: Option<Processing>,
    pub(super) delivery: Option<Delivery>,
    pub(super) text: Option<Text>,
    #[serde(default)]
    pub(super) alternatives: Vec<Alternative>,
    pub(super) until: Option<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeliveryRequest")]
pub(super) struct Delivery {
    pub(super) state: DeliveryState,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NamedRequest")]
pub(super) struct Named {
    #[serde(default)]
    pub(super) organisations: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NotificationTestRequest")]
pub(super) struct NotificationTest {
    /// One recipient, such as `mail:it@example.org`; everybody, if left out.
    #[serde(default)]
    pub(super) to: Option<String>,
}
