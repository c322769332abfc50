//! Incidents and their updates in Statuspage's shape.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::id::{ComponentId, IncidentId};
use crate::model::incident::{Impact, IncidentStatus};
use crate::model::snapshot::{PublicIncident, PublicUpdate};
use crate::model::status::Status;
use crate::model::text::Plain;
use crate::model::time::Timestamp;
use crate::publish::escape;
use crate::publish::scope::{Page, Scope};
use crate::publish::statuspage::component::ComponentJson;
use crate::publish::statuspage::{Board, CONCERNED_MAX, Millis, status_word};

/// An incident.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspageIncident")]
pub(super) struct IncidentJson<'a> {
    id: &'a IncidentId,
    name: Plain,
    status: IncidentStatus,
    created_at: Millis,
    updated_at: Millis,
    /// Since when it has been watched.
    monitoring_at: Option<Millis>,
    resolved_at: Option<Millis>,
    impact: Impact,
    /// Its page.
    shortlink: String,
    started_at: Millis,
    page_id: &'a str,
    /// The newest first.
    incident_updates: Vec<UpdateJson<'a>>,
    /// What it concerns, as it is now.
    components: Vec<&'a ComponentJson<'a>>,
}

/// What was said of an incident or a maintenance.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspageUpdate")]
pub(super) struct UpdateJson<'a> {
    pub(super) id: String,
    #[schemars(extend("enum" = [
        "investigating", "identified", "monitoring", "resolved", "scheduled", "in_progress", "completed"
    ]))]
    pub(super) status: &'static str,
    pub(super) body: Plain,
    pub(super) incident_id: &'a str,
    pub(super) created_at: Millis,
    pub(super) updated_at: Millis,
    pub(super) display_at: Millis,
    /// The states that it gave; null if it gave none.
    pub(super) affected_components: Option<Vec<AffectedJson<'a>>>,
    /// Always true.
    pub(super) deliver_notifications: bool,
    /// Always null.
    pub(super) custom_tweet: Option<()>,
    /// Always null.
    pub(super) tweet_id: Option<()>,
}

/// A state that an update gave a component.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspageAffectedComponent")]
pub(super) struct AffectedJson<'a> {
    /// The component's id.
    pub(super) code: &'a ComponentId,
    pub(super) name: Plain,
    /// The one that an update of this incident gave before; else `operational`.
    pub(super) old_status: &'static str,
    pub(super) new_status: &'static str,
}

/// When an incident was first told.
pub(super) fn created_at(incident: &PublicIncident) -> Millis {
    Millis(incident.updates.first().map_or(incident.started_at, |update| update.at))
}

/// When anything of an incident last changed, as a place tells it.
pub(super) fn updated_at<'a>(scope: &Scope<'a>, incident: &'a PublicIncident, page: Option<&Page<'_>>) -> Millis {
    let updates = incident.updates.iter().map(PublicUpdate::changed_at);
    let town = page.map(|page| &page.organisation.id);
    let overlays = incident.overlays.iter().filter(|(id, _)| town.is_some_and(|town| scope.is_now(id, town)));
    let said = updates.chain(overlays.map(|(_, overlay)| overlay.at)).chain(incident.resolved_at);
    Millis(said.fold(created_at(incident).0, Ord::max))
}

impl<'a> IncidentJson<'a> {
    pub(super) fn new(board: &'a Board<'a>, incident: &'a PublicIncident) -> Self {
        let (scope, page) = (board.scope, board.page.as_ref());
        Self {
            id: &incident.id,
            name: scope.body(&incident.title),
            status: incident.status,
            created_at: created_at(incident),
            updated_at: updated_at(scope, incident, page),
            monitoring_at: monitoring_at(incident).map(Millis),
            resolved_at: incident.resolved_at.map(Millis),
            impact: incident.impact,
            shortlink: scope.address(&format!("/incidents/{}", incident.id)),
            started_at: Millis(incident.started_at),
            page_id: &board.head.id,
            incident_updates: updates(scope, incident, page),
            components: board.components.of(&scope.components_of(incident)),
        }
    }
}

/// Since when an incident has been watched, or was until it was resolved.
fn monitoring_at(incident: &PublicIncident) -> Option<Timestamp> {
    let told = incident.updates_for(None).rev();
    let calm = told
        .take_while(|update| matches!(update.status, IncidentStatus::Monitoring | IncidentStatus::Resolved))
        .filter(|update| update.status == IncidentStatus::Monitoring);
    calm.last().map(|update| update.at)
}

/// What was said and stands, newest first; on an organisation's page its own words among them.
fn updates<'a>(scope: &Scope<'a>, incident: &'a PublicIncident, page: Option<&Page<'a>>) -> Vec<UpdateJson<'a>> {
    let told = incident.updates_for(None).filter(|update| scope.tells(update, page));
    let mut given: HashMap<&ComponentId, Status> = HashMap::new();
    let mut updates: Vec<UpdateJson<'a>> = told
        .map(|update| UpdateJson {
            id: format!("{}-{}", incident.id, update.number),
            status: update.status.as_str(),
            body: scope.body(&update.body),
            incident_id: incident.id.as_str(),
            created_at: Millis(update.at),
            updated_at: Millis(update.changed_at()),
            display_at: Millis(update.at),
            affected_components: affected(scope, incident, update, page, &mut given),
            deliver_notifications: true,
            custom_tweet: None,
            tweet_id: None,
        })
        .collect();
    let own = page.and_then(|page| Some((page.organisation, scope.overlay_of(incident, page.organisation)?)));
    if let Some((town, overlay)) = own {
        let at = Millis(overlay.at);
        let place = updates.partition_point(|update| update.created_at <= at);
        let before = place.checked_sub(1).and_then(|before| updates.get(before));
        let own_words = UpdateJson {
            id: format!("{}-{}-{}", incident.id, town.id, overlay.version),
            status: before.map_or(incident.status.as_str(), |before| before.status),
            body: escape::joined(&[scope.text(&town.name), scope.text(&overlay.text)], ": "),
            incident_id: incident.id.as_str(),
            created_at: at,
            updated_at: at,
            display_at: at,
            affected_components: None,
            deliver_notifications: true,
            custom_tweet: None,
            tweet_id: None,
        };
        updates.insert(place, own_words);
    }
    updates.reverse();
    updates
}

fn affected<'a>(
    scope: &Scope<'a>,
    incident: &PublicIncident,
    update: &'a PublicUpdate,
    page: Option<&Page<'_>>,
    given: &mut HashMap<&'a ComponentId, Status>,
) -> Option<Vec<AffectedJson<'a>>> {
    let mut affected = Vec::new();
    for (id, status) in &update.components {
        let index = scope.component(id.as_str());
        if page.is_some_and(|page| index.is_none_or(|index| !page.shows.contains(&index))) {
            continue;
        }
        let old = given.insert(id, *status).unwrap_or(Status::Operational);
        let known = incident.components.iter().find(|(known, ..)| known == id).map(|(_, name, _)| name);
        let present = || {
            let component = scope.snapshot.catalogue.components.get(index? as usize)?;
            Some(&component.name)
        };
        affected.push(AffectedJson {
            code: id,
            name: known.or_else(present).map(|name| scope.text(name)).unwrap_or_default(),
            old_status: status_word(old, None),
            new_status: status_word(*status, None),
        });
    }
    affected.truncate(CONCERNED_MAX);
    (!affected.is_empty()).then_some(affected)
}
