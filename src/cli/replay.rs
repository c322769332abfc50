//! `turmwacht replay SCENARIO`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use crate::model::catalogue::Reach;
use crate::model::event::{Event, Logged};
use crate::model::id::ComponentId;
use crate::model::notice::MaintenanceUpdate;
use crate::model::snapshot::Snapshot;
use crate::model::status::Lifecycle;
use crate::model::time::Timestamp;
use crate::publish::escape::terminal_text;
use crate::publish::wording::{self, Words};
use crate::replay::{Replayed, replay};
use crate::scenario::Scenario;

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A built-in scenario's name, or a file.
    scenario: String,
    /// One JSON object a line instead of sentences.
    #[arg(long)]
    json: bool,
}

/// Plays the scenario and prints what the public would have read, when.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let scenario = match Scenario::load(&arguments.scenario) {
        Ok(scenario) => scenario,
        Err(fault) => return super::fail(&fault),
    };
    let Replayed { events, failures, expectations, snapshot, .. } = replay(&scenario);
    let mut read = BTreeMap::new();
    for logged in &events {
        if arguments.json {
            print_json(logged);
            continue;
        }
        // What changes behind an unchanged word is no news, nor is what is not in service.
        if let Event::StatusChanged(changed) = &logged.event
            && (!is_live(&scenario, &changed.component, logged.at)
                || read.insert(changed.component.clone(), changed.status) == Some(changed.status))
        {
            continue;
        }
        if let Some(line) = sentence(&scenario, &snapshot, logged) {
            super::print(&line);
        }
    }
    for failure in &failures {
        super::print_error(&format!("not as expected: {failure}"));
    }
    if arguments.json {
        super::print(&serde_json::json!({ "expectations": expectations, "failures": failures }).to_string());
    } else {
        let held = if failures.is_empty() { "all hold" } else { "not all hold" };
        super::print(&format!("{expectations} expectations, {} faults: {held}", failures.len()));
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn is_live(scenario: &Scenario, component: &ComponentId, at: Timestamp) -> bool {
    let component = scenario.catalogue.component_index(component.as_str());
    let component = component.and_then(|index| scenario.catalogue.component(index));
    component.is_some_and(|component| component.lifecycle(at) == Lifecycle::Live)
}

/// What can be read in public, and nothing else: statuses of public components and updates.
fn sentence(scenario: &Scenario, snapshot: &Snapshot, logged: &Logged) -> Option<String> {
    let local = |at: Timestamp| at.to_jiff().to_zoned(scenario.zone.clone()).strftime("%F %T").to_string();
    let words = Words::German;
    let text = match &logged.event {
        Event::StatusChanged(changed) => {
            let index = *snapshot.catalogue.component_index.get(&changed.component)?;
            let component = snapshot.catalogue.components.get(index as usize)?;
            let name = terminal_text(&component.name.get("de", "de"));
            let status = words.status(changed.status, Some(component.kind));
            format!("{name}: {status} (seit {})", local(changed.since))
        }
        Event::IncidentOpened(incident) => {
            let title = terminal_text(&wording::body(&incident.title, "de", "de"));
            format!("{title} — {}", words.incident_status(incident.status))
        }
        Event::IncidentMoved { update: Some(update), .. } => {
            let text = terminal_text(&wording::body(&update.body, "de", "de"));
            format!("{text} — {}", words.incident_status(update.status))
        }
        Event::IncidentEdited { edit, .. } => {
            let update = edit.update.as_ref()?;
            let text = terminal_text(&wording::body(&update.body, "de", "de"));
            format!("{text} — {}", words.incident_status(update.status))
        }
        Event::MaintenancePlanned(notice) => maintenance(words, notice.updates.last()?),
        Event::MaintenanceEdited { edit, .. } => maintenance(words, edit.update.as_ref()?),
        Event::MaintenanceMoved { update: Some(update), .. } => maintenance(words, update),
        Event::LocalBegan(local) => {
            let mode = local.mode.map(|mode| words.mode(mode)).unwrap_or_default();
            let text = local.text.as_ref().map(|text| terminal_text(&text.get("de", "de"))).unwrap_or_default();
            let index = *snapshot.catalogue.component_index.get(&local.component)?;
            let name = terminal_text(&snapshot.catalogue.components.get(index as usize)?.name.get("de", "de"));
            let reached = local.organisations.iter().map(|reach| match reach {
                Reach::Prefix(prefix) => prefix.clone(),
                Reach::Organisation(id) => id.to_string(),
                Reach::Except(id) => format!("!{id}"),
            });
            format!("{name} ({}): {mode} {text}", reached.collect::<Vec<_>>().join(", "))
        }
        _ => return None,
    };
    Some(format!("{}  {text}", local(logged.at)))
}

fn maintenance(words: Words, update: &MaintenanceUpdate) -> String {
    let text = terminal_text(&wording::body(&update.body, "de", "de"));
    format!("{text} — {}", words.maintenance_phase(update.phase))
}

fn print_json(logged: &Logged) {
    let line = serde_json::json!({
        "position": logged.position,
        "at": logged.at.to_string(),
        "event": logged.event,
    });
    super::print(&line.to_string());
}
