//! Readings → what `/metrics` may show, exchanged at most once a second.

use std::sync::Arc;

use crate::engine::state::State;
use crate::model::event::MaintenancePhase;
use crate::model::id::CheckId;
use crate::model::incident::Incident;
use crate::model::measurements::{Gauged, Measured, Measurements, OpenIncident, Operations, Overdue, Reading};
use crate::model::status::Lifecycle;
use crate::model::time::Timestamp;
use crate::model::verdict::Path;

/// Everything measured, and the public part of it.
pub fn measure(
    state: &State,
    readings: &[Arc<Reading>],
    targets: &[Arc<str>],
    at: Timestamp,
) -> (Measurements, Operations) {
    let catalogue = state.catalogue();
    let head = || Measurements {
        at,
        vantage: catalogue.watch.vantage.clone(),
        language: catalogue.site.language().to_owned(),
        ..Measurements::default()
    };
    let (mut public, mut all, mut all_targets) = (head(), head(), Vec::with_capacity(readings.len()));
    for ((check, reading), target) in catalogue.checks.iter().zip(readings).zip(targets) {
        let Some(component) = catalogue.component(check.component) else { continue };
        let measured = Measured {
            component: component.id.clone(),
            check: CheckId::clone(&check.id),
            kind: check.probe.kind(),
            timeout: check.timeout,
            reading: Arc::clone(reading),
        };
        if component.public {
            public.checks.push(measured.clone());
        }
        all.checks.push(measured);
        all_targets.push(Arc::clone(target));
    }
    // What is not in service is neither up nor down.
    let live = catalogue.components.iter().zip(&state.record.components);
    for (component, record) in live.filter(|(component, _)| component.lifecycle(at) == Lifecycle::Live) {
        let Some(owner) = catalogue.organisations.get(component.owner as usize) else { continue };
        let gauged = Gauged {
            component: component.id.clone(),
            name: component.name.clone(),
            kind: component.kind,
            owner: owner.id.clone(),
            status: record.status,
            evidence: record.evidence,
            intervals: Arc::clone(&record.intervals),
        };
        if component.public {
            public.components.push(gauged.clone());
        }
        all.components.push(gauged);
    }
    for incident in state.record.incidents.values().filter(|incident| incident.is_open()) {
        let (open, is_public) = open_incident(state, incident);
        public.incidents.push(if is_public {
            open.clone()
        } else {
            OpenIncident { root: None, owner: None, ..open.clone() }
        });
        all.incidents.push(open);
    }
    for (overdue, is_public) in overdue(state, at) {
        if is_public {
            public.overdue.push(overdue.clone());
        }
        all.overdue.push(overdue);
    }
    let paths = Path::ALL.iter().map(|path| (*path, state.record.blind.contains(path))).collect();
    (public, Operations { measurements: all, targets: all_targets, paths })
}

/// Promises that were not kept, and whether the public may know their ids: an update of an
/// incident that is due, and the end of a maintenance that is beyond its time.
fn overdue(state: &State, at: Timestamp) -> impl Iterator<Item = (Overdue, bool)> {
    let catalogue = state.catalogue();
    let incidents = state.record.incidents.values().filter(move |incident| incident.is_overdue(at));
    let incidents = incidents.map(|incident| {
        let overdue = Overdue { kind: "incident", id: incident.id.to_string() };
        (overdue, incident.concerned.iter().any(|concerned| concerned.public))
    });
    let maintenances = state.record.maintenance.values();
    let overrunning = maintenances.filter(|notice| notice.phase == MaintenancePhase::Overrunning);
    incidents.chain(overrunning.map(move |notice| {
        let mut covered = notice
            .components
            .iter()
            .filter_map(|covered| catalogue.component(catalogue.component_index(covered.component.as_str())?));
        let is_public = notice.announced_at.at <= at && covered.any(|component| component.public);
        (Overdue { kind: "maintenance", id: notice.id.to_string() }, is_public)
    }))
}

fn open_incident(state: &State, incident: &Incident) -> (OpenIncident, bool) {
    let catalogue = state.catalogue();
    let root = catalogue.component_index(incident.root.as_str()).and_then(|index| catalogue.component(index));
    let owner = root.and_then(|root| catalogue.organisations.get(root.owner as usize));
    let open = OpenIncident {
        id: incident.id.clone(),
        root: Some(incident.root.clone()),
        owner: owner.map(|owner| owner.id.clone()),
        impact: incident.impact,
    };
    (open, root.is_some_and(|root| root.public))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::catalogue::{Catalogue, Declared};
    use crate::model::event::{Event, Logged};

    /// A state after a public and an internal component, each with an incident that promises an
    /// update at second 100, and each with a maintenance that overruns.
    fn state() -> State {
        let component = |id: &str, public: bool| json!({"id": id, "name": {"de": id}, "kind": "service", "owner": 0, "public": public});
        let declared = Declared {
            organisations: serde_json::from_value(json!([
                {"id": "kreis", "kind": "county", "name": {"de": "Kreis"}, "hosts": [], "served_by": [], "formerly": [],
                 "links": {}}
            ]))
            .unwrap(),
            components: serde_json::from_value(json!([component("portal", true), component("firewall", false)]))
                .unwrap(),
            ..Declared::default()
        };
        let incident = |id: &str, component: &str, public: bool| {
            json!({"id": id, "root": component, "title": {"written": {}}, "status": "identified", "impact": "major",
                   "started_at": 1000, "opened_at": 1000, "touched": true, "next_update_by": 100_000, "updates": [],
                   "concerned": [{"component": component, "name": {}, "public": public, "worst": "major_outage"}]})
        };
        let maintenance = |id: &str, component: &str, announced_at: i64, phase: &str| {
            json!({"id": id, "title": {}, "components": [{"component": component}], "from": {"at": 2000},
                   "until": {"at": 3000}, "announced_at": {"at": announced_at}, "zone": "Europe/Berlin", "phase": phase})
        };
        let opened = |value: Value| Event::IncidentOpened(serde_json::from_value(value).unwrap());
        let planned = |value: Value| Event::MaintenancePlanned(serde_json::from_value(value).unwrap());
        let events = [
            Event::CatalogueAdopted { version: 1, catalogue: Arc::new(Catalogue::new(declared)) },
            opened(incident("i-public", "portal", true)),
            opened(incident("i-internal", "firewall", false)),
            planned(maintenance("m-public", "portal", 1000, "overrunning")),
            planned(maintenance("m-internal", "firewall", 1000, "overrunning")),
            planned(maintenance("m-later", "portal", 1_000_000, "overrunning")),
            planned(maintenance("m-on-time", "portal", 1000, "in_progress")),
        ];
        let mut state = State::new(7);
        for (event, position) in events.into_iter().zip(1..) {
            state.apply(&Logged { position, at: Timestamp::from_millis(3000), event });
        }
        state
    }

    fn overdue_at(second: i64) -> (Vec<String>, Vec<String>) {
        let (public, operations) = measure(&state(), &[], &[], Timestamp::from_millis(second * 1000));
        let named = |measurements: &Measurements| {
            measurements.overdue.iter().map(|overdue| format!("{} {}", overdue.kind, overdue.id)).collect()
        };
        (named(&public), named(&operations.measurements))
    }

    #[test]
    fn promises_that_were_not_kept_are_counted_and_internal_ones_are_the_operators() {
        let maintenances = ["maintenance m-internal", "maintenance m-later", "maintenance m-public"];
        let (public, all) = overdue_at(99);
        assert_eq!((public, all), (vec!["maintenance m-public".to_owned()], maintenances.map(str::to_owned).to_vec()));
        let (public, all) = overdue_at(100);
        assert_eq!(public, ["incident i-public", "maintenance m-public"]);
        let incidents = ["incident i-internal", "incident i-public"];
        assert_eq!(all, [&incidents[..], &maintenances[..]].concat());
    }
}
