//! Planned work in Statuspage's shape.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::event::MaintenancePhase;
use crate::model::id::MaintenanceId;
use crate::model::notice::MaintenanceUpdate;
use crate::model::snapshot::PublicMaintenance;
use crate::model::status::Status;
use crate::model::text::Plain;
use crate::publish::escape;
use crate::publish::statuspage::component::ComponentJson;
use crate::publish::statuspage::incident::{AffectedJson, UpdateJson};
use crate::publish::statuspage::{Board, CONCERNED_MAX, Millis};

/// A maintenance.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatuspageMaintenance")]
pub(super) struct MaintenanceJson<'a> {
    id: &'a MaintenanceId,
    name: Plain,
    /// What overruns is still in progress; what was called off is completed.
    #[schemars(extend("enum" = ["scheduled", "in_progress", "completed"]))]
    status: &'static str,
    created_at: Millis,
    updated_at: Millis,
    /// Always null.
    monitoring_at: Option<Millis>,
    resolved_at: Option<Millis>,
    #[schemars(extend("enum" = ["maintenance"]))]
    impact: &'static str,
    /// Its page.
    shortlink: String,
    started_at: Millis,
    page_id: &'a str,
    /// The newest first.
    incident_updates: Vec<UpdateJson<'a>>,
    /// What it covers, as it is now.
    components: Vec<&'a ComponentJson<'a>>,
    scheduled_for: Millis,
    /// The first instant after it.
    scheduled_until: Millis,
}

/// Whether it is over or called off.
pub(super) const fn is_over(maintenance: &PublicMaintenance) -> bool {
    matches!(maintenance.phase, MaintenancePhase::Completed | MaintenancePhase::Cancelled)
}

fn created_at(maintenance: &PublicMaintenance) -> Millis {
    Millis(maintenance.updates.first().map_or(maintenance.announced_at.at, |update| update.at))
}

/// When anything of it last changed.
pub(super) fn updated_at(maintenance: &PublicMaintenance) -> Millis {
    let said = maintenance.updates.iter().map(|update| update.at).chain(maintenance.ended_at);
    let began = Some(maintenance.from.at).filter(|_| maintenance.is_active());
    Millis(said.chain(began).fold(created_at(maintenance).0, Ord::max))
}

impl<'a> MaintenanceJson<'a> {
    pub(super) fn new(board: &'a Board<'a>, maintenance: &'a PublicMaintenance) -> Self {
        let scope = board.scope;
        Self {
            id: &maintenance.id,
            name: scope.text(&maintenance.title),
            status: phase_word(maintenance.phase),
            created_at: created_at(maintenance),
            updated_at: updated_at(maintenance),
            monitoring_at: None,
            resolved_at: maintenance.ended_at.map(Millis),
            impact: "maintenance",
            shortlink: scope.address(&format!("/maintenance/{}", maintenance.id)),
            started_at: Millis(maintenance.from.at),
            page_id: &board.head.id,
            incident_updates: maintenance
                .updates
                .iter()
                .rev()
                .map(|update| update_json(board, maintenance, update))
                .collect(),
            components: board.components.of(&scope.covered_by(maintenance)),
            scheduled_for: Millis(maintenance.from.at),
            scheduled_until: Millis(maintenance.until.at),
        }
    }
}

/// A phase in Statuspage's words.
const fn phase_word(phase: MaintenancePhase) -> &'static str {
    match phase {
        MaintenancePhase::Announced => "scheduled",
        MaintenancePhase::InProgress | MaintenancePhase::Overrunning => "in_progress",
        MaintenancePhase::Completed | MaintenancePhase::Cancelled => "completed",
    }
}

fn update_json<'a>(
    board: &'a Board<'a>,
    maintenance: &'a PublicMaintenance,
    update: &'a MaintenanceUpdate,
) -> UpdateJson<'a> {
    let scope = board.scope;
    // What more there is to say stands with the first word.
    let more = maintenance.text.as_ref().filter(|_| update.number == 1);
    let body = match more {
        Some(more) => escape::joined(&[scope.body(&update.body), scope.text(more)], "\n"),
        None => scope.body(&update.body),
    };
    let catalogue = &scope.snapshot.catalogue;
    let back = update.ended.iter().filter_map(|(id, _)| {
        let index = scope.component(id.as_str())?;
        if board.page.as_ref().is_some_and(|page| !page.shows.contains(&index)) {
            return None;
        }
        Some(AffectedJson {
            code: id,
            name: scope.text(&catalogue.components.get(index as usize)?.name),
            old_status: Status::UnderMaintenance.as_str(),
            new_status: Status::Operational.as_str(),
        })
    });
    let back: Vec<AffectedJson<'a>> = back.take(CONCERNED_MAX).collect();
    UpdateJson {
        id: format!("{}-{}", maintenance.id, update.number),
        status: phase_word(update.phase),
        body,
        incident_id: maintenance.id.as_str(),
        created_at: Millis(update.at),
        updated_at: Millis(update.at),
        display_at: Millis(update.at),
        affected_components: (!back.is_empty()).then_some(back),
        deliver_notifications: true,
        custom_tweet: None,
        tweet_id: None,
    }
}
