//! Expectations of a scenario against what the public sees.

use std::collections::BTreeMap;

use crate::model::local::View;
use crate::model::measurements::Measurements;
use crate::model::snapshot::{Shown, Snapshot};
use crate::publish::{self, Rendered, Target};
use crate::scenario::{Expect, Expectation, Scenario};

/// What there is to see at an instant.
pub(super) struct Seen<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) metrics: &'a Measurements,
    /// How often each check was probed so far.
    pub(super) probed: &'a BTreeMap<u32, u32>,
}

/// What does not hold, one sentence each.
pub(super) fn check(scenario: &Scenario, seen: &Seen<'_>, expectation: &Expectation) -> Vec<String> {
    let Seen { snapshot, probed, .. } = *seen;
    let mut failures = Vec::new();
    let what = &expectation.what;
    let when = scenario.start.plus(expectation.at).to_jiff().to_zoned(scenario.zone.clone());
    let mut fail = |sentence: String| failures.push(format!("{}: {sentence}", when.strftime("%F %T")));
    let organisation = match &what.organisation {
        Some(id) => match snapshot.organisation(id) {
            Some((index, _)) => Some(index),
            None => {
                fail(format!("there is no organisation `{id}`"));
                return failures;
            }
        },
        None => None,
    };
    if let Some(id) = &what.component {
        let view = snapshot.catalogue.component_index.get(id.as_str()).and_then(|&i| snapshot.view(i, organisation));
        match view {
            Some(view) => component(scenario, what, id, &view, &mut fail),
            None => fail(format!("there is no public component `{id}`")),
        }
    }
    incidents(scenario, snapshot, what, organisation, &mut fail);
    if let Some(id) = &what.maintenance {
        maintenance(snapshot, what, id, &mut fail);
    }
    if let Some(path) = &what.path {
        document(seen, what, path, &mut fail);
    }
    if let (Some(check), Some(most)) = (&what.check, what.probed_at_most) {
        let index = check.split_once('/').and_then(|(component, check)| {
            let node = scenario.catalogue.node(scenario.catalogue.component_index(component)?)?;
            node.checks
                .clone()
                .find(|&index| scenario.catalogue.checks.get(index as usize).is_some_and(|c| c.id.as_str() == check))
        });
        let times = index.and_then(|index| probed.get(&index)).copied().unwrap_or(0);
        if index.is_none() || times > most || times == 0 {
            fail(format!("`{check}` was probed {times} times, not 1 to {most}"));
        }
    }
    failures
}

fn component(scenario: &Scenario, what: &Expect, id: &str, view: &View<'_>, fail: &mut impl FnMut(String)) {
    let mut equal = |name: &str, found: &str, expected: &Option<String>| {
        if let Some(expected) = expected
            && found != expected
        {
            fail(format!("{name} of `{id}` is {found}, not {expected}"));
        }
    };
    equal("status", view.status.as_str(), &what.status);
    equal("evidence", view.evidence.as_str(), &what.evidence);
    equal("mode", view.mode.as_str(), &what.mode);
    equal("processing", view.processing.as_str(), &what.processing);
    equal("delivery", view.delivery.map_or("none", |delivery| delivery.state.as_str()), &what.delivery);
    let released = view.released.map_or_else(|| "unknown".to_owned(), |released| released.to_string());
    equal("released", &released, &what.released.map(|released| released.to_string()));
    let path = view.affected_by.as_ref().map(|affected| affected.path.as_slice()).unwrap_or_default();
    equal("cause nearby", &path.first().map_or_else(|| "nothing".into(), named), &what.affected_by);
    equal("root cause", &path.last().map_or_else(|| "nothing".into(), named), &what.cause);
    if let Some(since) = &what.since {
        let expected = scenario.local(since);
        if expected != Some(view.since) {
            let expected = expected.unwrap_or_default();
            fail(format!("`{id}` reads so since {}, not since {expected}", view.since));
        }
    }
}

/// A component by its id, or by its public name if it is internal.
fn named(shown: &Shown) -> String {
    shown.id.as_ref().map_or_else(|| publish::escape::terminal_text(&shown.name.get("de", "de")), ToString::to_string)
}

fn incidents(
    scenario: &Scenario,
    snapshot: &Snapshot,
    what: &Expect,
    organisation: Option<u32>,
    fail: &mut impl FnMut(String),
) {
    let shown: Vec<_> = snapshot
        .incidents
        .iter()
        .filter(|incident| organisation.is_none_or(|organisation| snapshot.concerns(incident, organisation)))
        .collect();
    let open = shown.iter().filter(|incident| incident.is_open()).count();
    if what.open_incidents.is_some_and(|expected| expected != open) {
        fail(format!("{open} incidents are open, not {}", what.open_incidents.unwrap_or_default()));
    }
    if what.incidents.is_some_and(|expected| expected != shown.len()) {
        fail(format!("there are {} incidents, not {}", shown.len(), what.incidents.unwrap_or_default()));
    }
    let overdue = what.overdue.filter(|_| what.maintenance.is_none());
    if what.root.is_none() && what.incident_status.is_none() && what.started_at.is_none() && overdue.is_none() {
        return;
    }
    let Some(incident) = shown.first() else {
        fail("there is no incident".into());
        return;
    };
    if what.root.as_ref().is_some_and(|root| *root != named(&incident.root)) {
        fail(format!("the root is {}", named(&incident.root)));
    }
    if what.incident_status.as_ref().is_some_and(|status| status != incident.status.as_str()) {
        fail(format!("the incident is {}", incident.status));
    }
    if overdue.is_some_and(|overdue| overdue != incident.is_overdue(snapshot.at)) {
        fail(format!("`overdue` of the incident is {}", incident.is_overdue(snapshot.at)));
    }
    if let Some(started_at) = &what.started_at {
        let expected = scenario.local(started_at).unwrap_or_default();
        if expected != incident.started_at {
            fail(format!("the incident started at {}, not at {expected}", incident.started_at));
        }
    }
}

fn maintenance(snapshot: &Snapshot, what: &Expect, id: &str, fail: &mut impl FnMut(String)) {
    let found = snapshot.maintenances.iter().find(|maintenance| maintenance.id.as_str() == id);
    let phase = found.map_or("none", |maintenance| maintenance.phase.as_str());
    if what.phase.as_ref().is_some_and(|expected| expected != phase) {
        fail(format!("maintenance `{id}` is {phase}"));
    }
    let overdue = phase == "overrunning";
    if what.overdue.is_some_and(|expected| expected != overdue) {
        fail(format!("`overdue` of maintenance `{id}` is {overdue}"));
    }
}

/// A document of the public interface, with a query if the path has one.
pub(super) fn render(snapshot: &Snapshot, path: &str) -> Option<Vec<u8>> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query = url::form_urlencoded::parse(query.as_bytes());
    let query = query.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    match publish::render(snapshot, &Target { path: path.to_owned(), query }) {
        Rendered::Document(document) => Some(document.body.to_vec()),
        _ => None,
    }
}

fn document(seen: &Seen<'_>, what: &Expect, path: &str, fail: &mut impl FnMut(String)) {
    let body = if path == "/metrics" {
        let mut body = Vec::new();
        publish::metrics::write(seen.metrics, None, false, &mut body, &mut |_| {});
        Some(body)
    } else {
        render(seen.snapshot, path)
    };
    let Some(body) = body else {
        fail(format!("{path} answers no document"));
        return;
    };
    let text = String::from_utf8_lossy(&body);
    if !what.json.is_empty() {
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        for (pointer, expected) in &what.json {
            let found = json.pointer(pointer).cloned().unwrap_or_default();
            let same = match expected {
                toml::Value::String(text) if text == "null" => found.is_null(),
                toml::Value::Datetime(when) => found == when.to_string(),
                toml::Value::Float(number) => found.as_f64().is_some_and(|found| (found - number).abs() < 5e-7),
                expected => serde_json::to_value(expected).is_ok_and(|expected| expected == found),
            };
            if !same {
                fail(format!("{path} has {found} at `{pointer}`, not {expected}"));
            }
        }
    }
    for expected in what.reads.iter().filter(|expected| !text.contains(expected.as_str())) {
        fail(format!("{path} does not read `{expected}`"));
    }
    for unwanted in what.lacks.iter().filter(|unwanted| text.contains(unwanted.as_str())) {
        fail(format!("{path} reads `{unwanted}`"));
    }
    if let Some(most) = what.entries_at_most {
        let entries = text.matches("<entry>").count();
        if entries > most {
            fail(format!("{path} has {entries} entries, more than {most}"));
        }
    }
}
