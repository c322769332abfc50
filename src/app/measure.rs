//! Readings → what `/metrics` may show, exchanged at most once a second.

use std::sync::Arc;

use crate::engine::State;
use crate::model::id::CheckId;
use crate::model::incident::Incident;
use crate::model::snapshot::{Gauged, Measured, Measurements, OpenIncident, Operations, Reading};
use crate::model::time::Timestamp;
use crate::model::verdict::Path;

/// Everything measured, and the public part of it.
pub(super) fn measure(
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
    for (component, record) in catalogue.components.iter().zip(&state.record.components) {
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
    let paths = Path::ALL.iter().map(|path| (*path, state.record.blind.contains(path))).collect();
    (public, Operations { measurements: all, targets: all_targets, paths })
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
