//! `turmwacht replay SCENARIO`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use super::progress::Progress;
use crate::model::catalogue::Reach;
use crate::model::event::{Event, Logged};
use crate::model::id::{ComponentId, IncidentId};
use crate::model::incident::Concerned;
use crate::model::notice::MaintenanceUpdate;
use crate::model::snapshot::Snapshot;
use crate::model::status::Lifecycle;
use crate::model::text::Plain;
use crate::model::time::Timestamp;
use crate::publish::escape::{joined, sentence, terminal_text};
use crate::publish::wording::{self, Words};
use crate::replay::{Replayed, replay_telling};
use crate::scenario::Scenario;

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A built-in scenario's name, or a file.
    scenario: String,
    /// The same as JSON, an object a line.
    #[arg(long)]
    json: bool,
}

/// Plays the scenario and prints what the public would have read, when.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let scenario = match Scenario::load(&arguments.scenario) {
        Ok(scenario) => scenario,
        Err(fault) => return super::fail(&fault),
    };
    let mut progress = Progress::of("replay");
    let seconds = |time: Duration| usize::try_from(time.as_secs()).unwrap_or(usize::MAX);
    let mut told = |passed, all| progress.at(seconds(passed), seconds(all));
    let Replayed { events, failures, expectations, snapshot, .. } = replay_telling(&scenario, &mut told);
    drop(progress);
    let mut read = BTreeMap::new();
    let mut known = BTreeSet::new();
    for logged in &events {
        // What concerns nothing public is none of the public's business.
        if let Some((incident, concerned)) = concerned(&logged.event) {
            if concerned.iter().any(|concerned| concerned.public) {
                known.insert(incident);
            }
            if !known.contains(incident) {
                continue;
            }
        }
        // What changes behind an unchanged word is no news, nor is what is not in service.
        if let Event::StatusChanged(changed) = &logged.event
            && (!is_live(&scenario, &changed.component, logged.at)
                || read.insert(changed.component.clone(), changed.status) == Some(changed.status))
        {
            continue;
        }
        let Some(text) = told_to_public(&scenario, &snapshot, logged) else { continue };
        super::print(&if arguments.json {
            serde_json::json!({ "at": logged.at.to_string(), "text": text }).to_string()
        } else {
            format!("{}  {}", local(&scenario, logged.at), terminal_text(&text))
        });
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

/// The incident that an event is about, and what it concerns from then on.
fn concerned(event: &Event) -> Option<(&IncidentId, &[Concerned])> {
    match event {
        Event::IncidentOpened(incident) => Some((&incident.id, &incident.concerned)),
        Event::IncidentMoved { id, concerned, .. } => Some((id, concerned)),
        Event::IncidentEdited { id, edit } => Some((id, &edit.concerned)),
        _ => None,
    }
}

/// A time in the story's zone.
fn local(scenario: &Scenario, at: Timestamp) -> String {
    at.to_jiff().to_zoned(scenario.zone.clone()).strftime("%F %T").to_string()
}

fn is_live(scenario: &Scenario, component: &ComponentId, at: Timestamp) -> bool {
    let component = scenario.catalogue.component_index(component.as_str());
    let component = component.and_then(|index| scenario.catalogue.component(index));
    component.is_some_and(|component| component.lifecycle(at) == Lifecycle::Live)
}

/// What can be read in public, and nothing else: statuses of public components and updates.
fn told_to_public(scenario: &Scenario, snapshot: &Snapshot, logged: &Logged) -> Option<Plain> {
    let words = Words::German;
    let component = |id| {
        let index = *snapshot.catalogue.component_index.get(id)?;
        snapshot.catalogue.components.get(index as usize)
    };
    let said = |body, word: &str| joined(&[wording::body(body, "de", "de"), Plain::new(word)], " — ");
    Some(match &logged.event {
        Event::StatusChanged(changed) => {
            let component = component(&changed.component)?;
            let status = words.status(changed.status, Some(component.kind));
            sentence(
                &format!("{{}}: {status} (seit {})", local(scenario, changed.since)),
                &component.name.get("de", "de"),
            )
        }
        Event::IncidentOpened(incident) => said(&incident.title, words.incident_status(incident.status)),
        Event::IncidentMoved { update: Some(update), .. } => said(&update.body, words.incident_status(update.status)),
        Event::IncidentEdited { edit, .. } => {
            let update = edit.update.as_ref()?;
            said(&update.body, words.incident_status(update.status))
        }
        Event::MaintenancePlanned(notice) => maintenance(words, notice.updates.last()?),
        Event::MaintenanceEdited { edit, .. } => maintenance(words, edit.update.as_ref()?),
        Event::MaintenanceMoved { update: Some(update), .. } => maintenance(words, update),
        Event::LocalBegan(local) => {
            let mode = local.mode.map(|mode| words.mode(mode)).unwrap_or_default();
            let text = local.text.as_ref().map(|text| text.get("de", "de")).unwrap_or_default();
            let name = component(&local.component)?.name.get("de", "de");
            let reached = local.organisations.iter().map(|reach| match reach {
                Reach::Prefix(prefix) => prefix.clone(),
                Reach::Organisation(id) => id.to_string(),
                Reach::Except(id) => format!("!{id}"),
            });
            let reached = format!("({}):", reached.collect::<Vec<_>>().join(", "));
            joined(&[name, Plain::new(&reached), Plain::new(mode), text], " ")
        }
        _ => return None,
    })
}

fn maintenance(words: Words, update: &MaintenanceUpdate) -> Plain {
    let phase = Plain::new(words.maintenance_phase(update.phase));
    joined(&[wording::body(&update.body, "de", "de"), phase], " — ")
}
