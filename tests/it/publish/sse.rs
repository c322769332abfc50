//! What differs between two snapshots, as frames for each audience.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value, json};
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::OrganisationId;
use turmwacht::model::incident::IncidentStatus;
use turmwacht::model::local::Locals;
use turmwacht::model::snapshot::{HealthWord, Snapshot};
use turmwacht::model::status::Status;
use turmwacht::publish::sse::{Audience, ITEMS_MAX, LISTS_MAX, TURN_BYTES_MAX, diff};

use super::hostile::CORPUS;
use super::sample::{INTERNAL_ID, land, sample, sample_in_the_words_of, time};

fn audience(organisation: &str, language: &str) -> Audience {
    let organisation = Some(organisation).filter(|id| !id.is_empty()).map(OrganisationId::new);
    Audience { organisation, language: Arc::from(language) }
}

/// One frame as a client reads it: name, id, data.
fn parse(frame: &[u8]) -> (String, u64, Value) {
    let text = std::str::from_utf8(frame).unwrap();
    let lines: Vec<&str> = text.split(['\n', '\r']).collect();
    let [event, id, data, "", ""] = lines[..] else { panic!("not one frame: {text:?}") };
    let value = |line: &str, name: &str| line.strip_prefix(name).unwrap().to_owned();
    let data = serde_json::from_str(&value(data, "data: ")).unwrap();
    (value(event, "event: "), value(id, "id: ").parse().unwrap(), data)
}

/// What an audience reads of a change; `Null` if nothing, the name of the event if it is no change.
fn told(before: &Snapshot, after: &Snapshot, whom: &Audience) -> Value {
    let frames = diff(before, after, std::slice::from_ref(whom));
    let Some(frame) = &frames.changes[0] else { return Value::Null };
    let (event, id, data) = parse(frame);
    assert_eq!(id, after.position);
    if event == "change" { data } else { Value::from(event) }
}

fn index(snapshot: &Snapshot, id: &str) -> usize {
    snapshot.catalogue.component_index[id] as usize
}

fn turned(before: &Snapshot, id: &str, status: Status) -> Snapshot {
    let mut after = before.clone();
    after.position += 1;
    let state = Arc::make_mut(&mut after.states[index(before, id)]);
    state.status = status;
    state.inputs.own = Some(status);
    state.since = time("2023-11-06T09:29:00Z");
    after
}

#[test]
fn nothing_is_told_of_an_epoch_in_which_nothing_changed() {
    let before = sample();
    let mut after = before.clone();
    after.at = time("2023-11-06T09:31:00Z");
    for state in &mut after.states {
        // Looked at again, with the same result.
        Arc::make_mut(state).checked_at = Some(after.at);
    }
    let frames = diff(&before, &after, &[audience("", "de"), audience("hattingen", "de")]);
    assert_eq!(frames.changes, [None, None]);
    let (event, id, data) = parse(&frames.alive);
    assert_eq!((event.as_str(), id), ("alive", before.position));
    assert_eq!(data, json!({"checked_at": "2023-11-06T09:31:00Z", "valid_until": before.valid_until.to_string()}));
}

#[test]
fn a_change_is_told_where_it_stands_and_nowhere_else() {
    let before = sample();
    let after = turned(&before, "website-witten", Status::MajorOutage);
    let item = json!([{"id": "website-witten", "status": "major_outage", "since": "2023-11-06T09:29:00Z"}]);
    for whom in ["", "witten"] {
        let change = told(&before, &after, &audience(whom, "de"));
        assert_eq!(change["components"], item, "{whom}");
        assert_eq!(change["position"], after.position);
        assert_eq!((&change["incidents"], &change["maintenance"]), (&json!([]), &json!([])));
    }
    assert_eq!(told(&before, &after, &audience("hattingen", "de")), Value::Null);
    let (witten, _) = after.organisation("witten").unwrap();
    let change = told(&before, &after, &audience("witten", "de"));
    assert_eq!(change["status"], after.organisation_status(witten).status.as_str());
    assert_eq!(change["indicator"], Snapshot::indicator(after.incidents_of(witten), after.maintenances_of(witten)));
}

#[test]
fn incidents_and_maintenance_are_told_with_their_address_in_the_language() {
    let before = sample();
    let mut after = before.clone();
    after.position += 1;
    let open = Arc::make_mut(&mut after.incidents[0]);
    assert_eq!(open.id.as_str(), "i-open");
    open.status = IncidentStatus::Monitoring;
    for (language, url) in [
        ("de", "https://status.example.org/incidents/i-open"),
        ("en", "https://status.example.org/en/incidents/i-open"),
    ] {
        let change = told(&before, &after, &audience("hattingen", language));
        assert_eq!(change["incidents"], json!([{"id": "i-open", "status": "monitoring", "url": url}]));
    }
    let mut after = before.clone();
    let planned = Arc::make_mut(&mut after.maintenances[0]);
    planned.phase = MaintenancePhase::Cancelled;
    let expected = json!([{"id": planned.id.as_str(), "status": "cancelled"}]);
    assert_eq!(told(&before, &after, &audience("", "de"))["maintenance"], expected);
    // Our own trouble stands on every page.
    let after = Snapshot { health: vec![HealthWord::Blind], ..before.clone() };
    for whom in ["", "hattingen", "witten"] {
        assert_eq!(told(&before, &after, &audience(whom, "de"))["health"], json!(["blind"]));
    }
}

#[test]
fn what_comes_to_differ_in_a_town_is_told_there() {
    let with = sample();
    let without = Snapshot { locals: Arc::new(Locals::default()), ..with.clone() };
    let change = told(&without, &with, &audience("hattingen", "de"));
    let shown = with.view(0, with.organisation("hattingen").map(|(index, _)| index)).unwrap();
    assert_eq!(change["components"][0]["id"], "serviceportal-en");
    assert_eq!(change["components"][0]["status"], shown.status.as_str());
    assert_eq!(told(&without, &with, &audience("witten", "de")), Value::Null);
    // The overview shows the common status of each town.
    assert_eq!(told(&without, &with, &audience("", "de"))["components"], json!([]));
}

#[test]
fn a_town_is_told_what_reads_differently_there_and_no_more() {
    let with = sample();
    let without = Snapshot { locals: Arc::new(Locals::default()), ..with.clone() };
    let mut pairs = vec![(without.clone(), with.clone()), (with.clone(), without.clone())];
    for component in &with.catalogue.components {
        for status in [Status::MajorOutage, Status::Operational] {
            pairs.push((with.clone(), turned(&with, component.id.as_str(), status)));
            pairs.push((without.clone(), turned(&with, component.id.as_str(), status)));
        }
    }
    let mut told_of = 0;
    for (before, after) in pairs {
        for (organisation, index) in after.catalogue.organisations.iter().zip(0u32..) {
            let reads = |snapshot: &Snapshot, component: u32| {
                let view = snapshot.view(component, Some(index)).unwrap();
                let own = (view.status, view.evidence, view.since, view.mode, view.released, view.processing);
                let said = (view.local.text.cloned(), view.local.alternatives.to_vec(), view.delivery.cloned());
                (own, said, view.affected_by.clone().map(Cow::into_owned), view.state.inputs)
            };
            let differing = organisation.shows.iter().filter(|&&one| reads(&before, one) != reads(&after, one));
            let expected: Vec<&str> =
                differing.map(|&one| after.catalogue.components[one as usize].id.as_str()).collect();
            let change = told(&before, &after, &audience(organisation.id.as_str(), "de"));
            let told: Vec<&str> =
                change["components"].as_array().into_iter().flatten().map(|one| one["id"].as_str().unwrap()).collect();
            assert_eq!(told, expected, "{}", organisation.id);
            told_of += told.len();
        }
    }
    assert!(told_of > 20, "{told_of}");
}

#[test]
fn lists_are_written_for_so_many_pages_and_no_more() {
    let before = land(u32::try_from(LISTS_MAX).unwrap() + 20, 1);
    let towns: Vec<Audience> =
        before.catalogue.organisations.iter().map(|town| audience(town.id.as_str(), "de")).collect();
    let frames = diff(&before, &turned(&before, "portal", Status::MajorOutage), &towns).changes;
    for (number, frame) in frames.iter().enumerate() {
        let (event, ..) = parse(frame.as_ref().unwrap());
        assert_eq!(event, if number < LISTS_MAX { "change" } else { "resync" }, "{number}");
    }
    // Whom a change does not concern costs nobody a list.
    let frames = diff(&before, &turned(&before, "dienst-0-1010", Status::MajorOutage), &towns).changes;
    let written: Vec<_> = frames.iter().enumerate().filter_map(|(at, frame)| Some((at, frame.as_ref()?))).collect();
    assert_eq!(written.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1010]);
    assert_eq!(parse(written[0].1).0, "change");
}

#[test]
fn what_is_too_much_is_fetched_anew() {
    let before = land(3, 200);
    let mut after = before.clone();
    after.position += 1;
    for state in &mut after.states {
        Arc::make_mut(state).status = Status::Unknown;
    }
    assert_eq!(told(&before, &after, &audience("", "de")), "resync");
    // 200 services and the portal.
    assert_eq!(told(&before, &after, &audience("stadt-1", "de")), "resync");
    let one_less = turned(&after, "portal", before.states[0].status);
    Arc::make_mut(&mut after.states[0]).clone_from(&before.states[0]);
    let change = told(&before, &after, &audience("stadt-1", "de"));
    assert_eq!(change["components"].as_array().map(Vec::len), Some(ITEMS_MAX));
    assert_eq!(told(&after, &one_less, &audience("stadt-1", "de"))["components"][0]["id"], "portal");
    // All frames of a turn have a bound together.
    let many: Vec<Audience> = (0..500).map(|_| audience("stadt-1", "de")).collect();
    let frames = diff(&before, &after, &many).changes;
    let bytes: usize = frames.iter().flatten().map(|frame| frame.len()).sum();
    let longest = frames.iter().flatten().map(|frame| frame.len()).max().unwrap();
    assert!(bytes < TURN_BYTES_MAX + longest + 500 * 64, "{bytes}");
    assert_eq!(parse(frames[499].as_ref().unwrap()).0, "resync");
}

#[test]
fn after_another_catalogue_everything_is_fetched_anew() {
    let before = sample();
    let after = Snapshot { catalogue: Arc::new((*before.catalogue).clone()), ..before.clone() };
    for whom in ["", "hattingen"] {
        assert_eq!(told(&before, &after, &audience(whom, "de")), "resync");
    }
}

#[test]
fn no_text_breaks_out_of_a_frame_and_nothing_internal_is_in_one() {
    for hostile in CORPUS {
        let before = Snapshot {
            incidents: Vec::new(),
            maintenances: Vec::new(),
            locals: Arc::default(),
            ..sample_in_the_words_of(hostile)
        };
        let catalogue = Arc::clone(&before.catalogue);
        let mut after = Snapshot { catalogue, ..sample_in_the_words_of(hostile) };
        for state in &mut after.states {
            Arc::make_mut(state).status = Status::PartialOutage;
        }
        for whom in ["", "hattingen", "witten", "ennepe-ruhr-kreis"] {
            let frames = diff(&before, &after, &[audience(whom, "de"), audience(whom, "en")]);
            for frame in frames.changes.iter().flatten() {
                let (event, _, data) = parse(frame);
                assert_eq!(event, "change");
                assert!(!data["components"].as_array().unwrap().is_empty());
                assert!(!String::from_utf8_lossy(frame).contains(INTERNAL_ID));
            }
        }
    }
}
