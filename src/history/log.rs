//! Events as rows: their kind, their version, their JSON.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::history::{packed, unsigned};
use crate::model::catalogue::{Catalogue, Declared};
use crate::model::event::{EVENT_VERSION, Event};

/// Every kind of event this release knows.
const KINDS: [&str; 19] = [
    "catalogue_adopted",
    "check_counted",
    "check_turned",
    "status_changed",
    "incident_opened",
    "incident_moved",
    "incident_edited",
    "update_retracted",
    "update_corrected",
    "overlay_set",
    "maintenance_planned",
    "maintenance_edited",
    "maintenance_moved",
    "local_began",
    "local_ended",
    "override_set",
    "path_turned",
    "clock_stepped",
    "skipped",
];

/// Why a row is no event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RowFault {
    /// A newer release has written it.
    Newer(String),
    /// It is damaged.
    Damaged(String),
}

/// The event's kind, as its JSON names it.
pub(super) const fn kind(event: &Event) -> &'static str {
    match event {
        Event::CatalogueAdopted { .. } => "catalogue_adopted",
        Event::CheckCounted { .. } => "check_counted",
        Event::CheckTurned { .. } => "check_turned",
        Event::StatusChanged(_) => "status_changed",
        Event::IncidentOpened(_) => "incident_opened",
        Event::IncidentMoved { .. } => "incident_moved",
        Event::IncidentEdited { .. } => "incident_edited",
        Event::UpdateRetracted { .. } => "update_retracted",
        Event::UpdateCorrected { .. } => "update_corrected",
        Event::OverlaySet { .. } => "overlay_set",
        Event::MaintenancePlanned(_) => "maintenance_planned",
        Event::MaintenanceEdited { .. } => "maintenance_edited",
        Event::MaintenanceMoved { .. } => "maintenance_moved",
        Event::LocalBegan(_) => "local_began",
        Event::LocalEnded { .. } => "local_ended",
        Event::OverrideSet { .. } => "override_set",
        Event::PathTurned { .. } => "path_turned",
        Event::ClockStepped { .. } => "clock_stepped",
        Event::Skipped { .. } => "skipped",
    }
}

/// Reads a row's event; an adoption comes without its catalogue.
pub(super) fn decode(kind_column: &str, version: i64, body: &str) -> Result<Event, RowFault> {
    if version > i64::from(EVENT_VERSION) {
        return Err(RowFault::Newer(format!("an event of version {version}")));
    }
    if !KINDS.contains(&kind_column) {
        return Err(RowFault::Newer(format!("an event of kind `{}`", kind_column.escape_debug())));
    }
    let event: Event = serde_json::from_str(body).map_err(|fault| RowFault::Damaged(fault.to_string()))?;
    if kind(&event) != kind_column {
        return Err(RowFault::Damaged(format!("it is a `{}` but filed as `{kind_column}`", kind(&event))));
    }
    Ok(event)
}

/// The last position in the log; 0 if it is empty.
pub(super) fn last_position(connection: &Connection) -> rusqlite::Result<u64> {
    let last: Option<i64> =
        connection.prepare_cached("SELECT max(position) FROM event")?.query_row([], |row| row.get(0))?;
    Ok(last.map_or(0, unsigned))
}

/// A catalogue's body as it is stored: without its pictures, which stand in a table of their own.
pub(super) fn pack_catalogue(catalogue: &Catalogue) -> Result<Vec<u8>, String> {
    let declared = catalogue.declared();
    let json = if declared.logos.is_empty() {
        serde_json::to_vec(declared)
    } else {
        let mut named = declared.clone();
        for logo in named.logos.values_mut() {
            logo.content = Arc::default();
        }
        serde_json::to_vec(&named)
    };
    let json = json.map_err(|fault| fault.to_string())?;
    packed::pack(&json).map_err(|fault| fault.to_string())
}

/// The catalogue adopted at a position; why not, if it cannot be read.
pub(super) fn catalogue_at(connection: &Connection, position: i64) -> rusqlite::Result<Result<Arc<Catalogue>, String>> {
    let body: Option<Vec<u8>> = connection
        .query_row("SELECT body FROM catalogue WHERE adopted_position = ?1", [position], |row| row.get(0))
        .optional()?;
    let mut declared = match body.ok_or_else(|| "its catalogue is missing".to_owned()).and_then(|body| unpack(&body)) {
        Ok(declared) => declared,
        Err(why) => return Ok(Err(why)),
    };
    for (name, logo) in declared.logos.iter_mut().filter(|(_, logo)| logo.content.is_empty()) {
        let content: Option<Vec<u8>> = connection
            .prepare_cached("SELECT content FROM logo WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let Some(content) = content else { return Ok(Err(format!("its logo {name} is missing"))) };
        logo.content = content.into();
    }
    Ok(Ok(Arc::new(Catalogue::new(declared))))
}

/// Stores a picture that a catalogue names, if it is not there yet: its name is made of its content.
pub(super) fn keep_logo(connection: &Connection, name: &str, content: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO logo (name, content) VALUES (?1, ?2)")?
        .execute(params![name, content])?;
    Ok(())
}

fn unpack(body: &[u8]) -> Result<Declared, String> {
    let json = packed::unpack(body).map_err(|fault| format!("its catalogue is damaged: {fault}"))?;
    serde_json::from_slice(&json).map_err(|fault| format!("its catalogue is damaged: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_and_newer_versions_are_told_from_damage() {
        let skipped = Event::Skipped { position: 3 };
        let body = serde_json::to_string(&skipped).unwrap();
        assert_eq!(decode("skipped", 1, &body), Ok(skipped));
        assert!(matches!(decode("skipped", 2, &body), Err(RowFault::Newer(_))));
        assert!(matches!(decode("melted", 1, &body), Err(RowFault::Newer(_))));
        assert!(matches!(decode("path_turned", 1, &body), Err(RowFault::Damaged(_))));
        assert!(matches!(decode("skipped", 1, "{"), Err(RowFault::Damaged(_))));
    }
}
