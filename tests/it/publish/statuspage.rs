//! Statuspage's files: their shape in every story, what stands in them, and that they stay as they
//! are while nothing changes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::incident::{Impact, IncidentStatus};
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::{Evidence, Lifecycle, Mode, Status};
use turmwacht::model::text::{Plain, Text};
use turmwacht::publish::Rendered;
use turmwacht::publish::statuspage::{COMPONENTS_MAX, NOTICES_MAX};
use turmwacht::replay::replay;
use turmwacht::scenario::{BUILT_IN, Scenario};

use super::sample::{INTERNAL_ID, sample, sample_in_the_words_of, time};
use super::schema::faults;
use super::{answer, document, text, value};

/// The eight files, and which shape each has.
const FILES: [(&str, &str); 8] = [
    ("status.json", "status.json"),
    ("summary.json", "summary.json"),
    ("components.json", "components.json"),
    ("incidents.json", "incidents.json"),
    ("incidents/unresolved.json", "incidents.json"),
    ("scheduled-maintenances.json", "scheduled-maintenances.json"),
    ("scheduled-maintenances/upcoming.json", "scheduled-maintenances.json"),
    ("scheduled-maintenances/active.json", "scheduled-maintenances.json"),
];

fn shapes() -> Value {
    serde_json::from_str(include_str!("statuspage.schema.json")).unwrap()
}

/// Looks at all files of all places in all languages. Returns how many there were.
fn look_at_all(snapshot: &Snapshot, story: &str) -> usize {
    let shapes = shapes();
    let mut count = 0;
    let mut places = vec![String::new()];
    places.extend(snapshot.catalogue.organisations.iter().map(|organisation| format!("/{}", organisation.id)));
    for place in places {
        // The shape is the same in every language; the site shows it.
        let languages = if place.is_empty() { snapshot.catalogue.site.languages.len() } else { 1 };
        for prefix in ["", "/en"].iter().take(languages) {
            let base = format!("{prefix}{place}/api/v2");
            let components = value(snapshot, &format!("{base}/components.json"));
            let known = ids(&components["components"]);
            let mut heads = BTreeSet::new();
            for (file, shape) in FILES {
                let address = format!("{base}/{file}");
                let found = value(snapshot, &address);
                let shape = &shapes["$defs"][shape];
                let faults = faults(&shapes, shape, &found, true);
                assert!(faults.is_empty(), "{story} {address}:\n{}", faults.join("\n"));
                heads.insert(found["page"].to_string());
                for notice in ["incidents", "scheduled_maintenances"].iter().flat_map(|list| array(&found[*list])) {
                    let concerned = ids(&notice["components"]);
                    assert!(concerned.is_subset(&known), "{story} {address}: {concerned:?}");
                    let at: Vec<&str> =
                        array(&notice["incident_updates"]).map(|u| u["created_at"].as_str().unwrap()).collect();
                    assert!(at.is_sorted_by(|a, b| a >= b), "{story} {address}: {at:?}");
                    assert!(notice["updated_at"].as_str() >= notice["created_at"].as_str());
                    assert!(found["page"]["updated_at"].as_str() >= notice["updated_at"].as_str(), "{story} {address}");
                }
                count += 1;
            }
            assert_eq!(heads.len(), 1, "{story} {base}: every file says the same of its page");
            for component in array(&components["components"]) {
                let group = component["group_id"].as_str();
                assert!(group.is_none_or(|group| known.contains(group)), "{story} {base}: {component}");
                assert_eq!(component["group"] == true, component.get("components").is_some());
                for part in component["components"].as_array().into_iter().flatten() {
                    let part = array(&components["components"]).find(|other| other["id"] == *part).unwrap();
                    assert_eq!(part["group_id"], component["id"]);
                }
            }
        }
    }
    count
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn ids(list: &Value) -> BTreeSet<String> {
    array(list).map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

fn named<'v>(list: &'v Value, id: &str) -> &'v Value {
    array(list).find(|item| item["id"] == id).unwrap_or_else(|| panic!("no {id} in {list}"))
}

#[test]
fn every_file_of_every_place_has_the_shape_that_clients_know_in_all_stories() {
    let mut count = 0;
    for (name, _) in BUILT_IN {
        let scenario = Scenario::load(name).unwrap();
        let length = scenario.until.since(scenario.start);
        // In the middle of it, and at its end.
        for share in [2, 1] {
            let mut part = Scenario::load(name).unwrap();
            part.until = scenario.start.plus(length / share);
            part.expectations.clear();
            count += look_at_all(&replay(&part).snapshot, name);
        }
    }
    count += look_at_all(&sample(), "the sample");
    assert!(count > 1000, "{count} files");
}

#[test]
fn hostile_texts_come_back_as_they_were_written() {
    for hostile in super::hostile::CORPUS {
        let clean = Plain::new(hostile);
        let clean = clean.unescaped();
        let snapshot = sample_in_the_words_of(hostile);
        let summary = value(&snapshot, "/hattingen/api/v2/summary.json");
        assert_eq!(summary["page"]["name"], clean);
        assert!(array(&summary["components"]).all(|component| component["name"] == clean), "{summary}");
        let updates = &named(&summary["incidents"], "i-open")["incident_updates"];
        assert_eq!(named(updates, "i-open-2")["body"], clean);
        let own = named(updates, "i-open-hattingen-2")["body"].as_str().unwrap();
        assert_eq!(own, if clean.is_empty() { String::new() } else { format!("{clean}: {clean}") });
        assert!(array(&summary["scheduled_maintenances"]).all(|planned| planned["name"] == clean));
        let site = value(&snapshot, "/api/v2/status.json");
        assert_eq!(site["page"]["name"], if clean.is_empty() { "Turmwacht" } else { clean });
    }
}

#[test]
fn nothing_depends_on_when_it_is_asked_for_and_only_content_changes_bytes() {
    let snapshot = sample();
    let mut later = sample();
    later.at = later.at.plus(Duration::from_secs(61));
    later.valid_until = later.valid_until.plus(Duration::from_secs(61));
    later.position += 100;
    let mut exported = sample();
    exported.exported = Some(time("2023-11-06T09:26:00Z"));
    for place in ["", "/hattingen", "/en/witten"] {
        for (file, _) in FILES {
            let address = format!("{place}/api/v2/{file}");
            assert_eq!(text(&snapshot, &address), text(&later, &address), "{address}");
            assert_eq!(text(&snapshot, &address), text(&exported, &address), "{address}");
            let document = document(&snapshot, &address);
            assert_eq!(document.content_type, "application/json; charset=utf-8");
            assert!(document.cache_control.contains("stale-if-error=300"), "{}", document.cache_control);
        }
    }
}

#[test]
fn what_is_unknown_reads_as_it_was_last_known_and_says_so() {
    let mut snapshot = sample();
    let known = value(&snapshot, "/api/v2/components.json");
    let mail = named(&known["components"], "mail-en");
    assert_eq!(mail["status"], "operational");
    assert_eq!(mail["description"], "Status derzeit unbekannt; angegeben ist der letzte bekannte.");
    let mut never = (*snapshot.states[5]).clone();
    never.last_known = None;
    snapshot.states[5] = never.into();
    let known = value(&snapshot, "/api/v2/components.json");
    let mail = named(&known["components"], "mail-en");
    assert_eq!(
        (mail["status"].as_str(), mail["description"].as_str()),
        (Some("degraded_performance"), Some("Status derzeit unbekannt"))
    );
    let english = value(&snapshot, "/en/api/v2/components.json");
    assert_eq!(named(&english["components"], "mail-en")["description"], "Status currently unknown");
}

#[test]
fn what_is_announced_or_retired_is_left_out_and_what_is_internal_is_nowhere() {
    let mut snapshot = sample();
    let mut retired = (*snapshot.states[3]).clone();
    retired.lifecycle = Lifecycle::Retired;
    snapshot.states[3] = retired.into();
    let summary = text(&snapshot, "/api/v2/summary.json");
    let components = value(&snapshot, "/api/v2/summary.json");
    let known = ids(&components["components"]);
    assert!(!known.contains("ausweis-en") && !known.contains("standesamt-hattingen.termin"), "{known:?}");
    let group = named(&components["components"], "standesamt-hattingen");
    assert_eq!(group["components"], serde_json::json!(["standesamt-hattingen.eheschliessung"]));
    assert!(!summary.contains(INTERNAL_ID));
    // Without its last part it is no group any more.
    let mut retired = (*snapshot.states[2]).clone();
    retired.lifecycle = Lifecycle::Retired;
    snapshot.states[2] = retired.into();
    let components = value(&snapshot, "/api/v2/components.json");
    let group = named(&components["components"], "standesamt-hattingen");
    assert!(group["group"] == false && group.get("components").is_none(), "{group}");
}

#[test]
fn the_indicator_comes_from_open_incidents_then_from_maintenance() {
    let mut snapshot = sample();
    let status = |snapshot: &Snapshot, place: &str| {
        let status = value(snapshot, &format!("{place}/api/v2/status.json"))["status"].clone();
        (status["indicator"].as_str().unwrap().to_owned(), status["description"].as_str().unwrap().to_owned())
    };
    let reads = |indicator: &str, description: &str| (indicator.to_owned(), description.to_owned());
    assert_eq!(status(&snapshot, ""), reads("critical", "Schwerer Ausfall"));
    assert_eq!(status(&snapshot, "/en"), reads("critical", "Major Service Outage"));
    let with = |snapshot: &mut Snapshot, impact: Impact, status: IncidentStatus| {
        let mut incident = (*snapshot.incidents[0]).clone();
        incident.impact = impact;
        incident.status = status;
        snapshot.incidents[0] = incident.into();
    };
    with(&mut snapshot, Impact::Minor, IncidentStatus::Monitoring);
    assert_eq!(status(&snapshot, "/en"), reads("minor", "Minor Service Outage"));
    with(&mut snapshot, Impact::Minor, IncidentStatus::Resolved);
    let active = snapshot.maintenances.iter().any(|planned| planned.is_active());
    assert_eq!(status(&snapshot, "/en").0, if active { "maintenance" } else { "none" });
    for planned in &mut snapshot.maintenances {
        let mut over = (**planned).clone();
        over.phase = MaintenancePhase::Completed;
        *planned = over.into();
    }
    // No incident is open, but something is out: that is not called fine.
    assert_eq!(status(&snapshot, "/en"), reads("none", "Some Services Disrupted"));
    for state in &mut snapshot.states {
        let mut fine = (**state).clone();
        fine.status = Status::Operational;
        *state = fine.into();
    }
    snapshot.locals = std::sync::Arc::default();
    let fine = snapshot.states.clone();
    // What is unknown, or what nobody checks, is not called fine either.
    let mut unknown = (*fine[5]).clone();
    unknown.status = Status::Unknown;
    snapshot.states[5] = unknown.into();
    assert_eq!(status(&snapshot, ""), reads("none", "Keine Störung bekannt"));
    snapshot.states.clone_from(&fine);
    for state in &mut snapshot.states {
        let mut unchecked = (**state).clone();
        unchecked.evidence = Evidence::Declared;
        *state = unchecked.into();
    }
    assert_eq!(status(&snapshot, "/en"), reads("none", "No Known Issues"));
    snapshot.states = fine;
    assert_eq!(status(&snapshot, "/en"), reads("none", "All Systems Operational"));
    assert_eq!(status(&snapshot, ""), reads("none", "Alle Dienste verfügbar"));
}

#[test]
fn maintenances_that_are_long_over_stay_in_their_file() {
    let mut snapshot = sample();
    let mut past = (*snapshot.maintenances[0]).clone();
    past.id = turmwacht::model::id::MaintenanceId::new("damals");
    past.phase = MaintenancePhase::Completed;
    snapshot.past_maintenances = vec![past.into()];
    let read = |file: &str| ids(&value(&snapshot, file)["scheduled_maintenances"]);
    assert!(read("/api/v2/scheduled-maintenances.json").contains("damals"));
    for file in [
        "/api/v2/summary.json",
        "/api/v2/scheduled-maintenances/upcoming.json",
        "/api/v2/scheduled-maintenances/active.json",
    ] {
        assert!(!read(file).contains("damals"), "{file}");
    }
}

#[test]
fn an_organisation_reads_what_its_page_shows_with_its_own_words() {
    let snapshot = sample();
    let summary = value(&snapshot, "/hattingen/api/v2/summary.json");
    assert_eq!(summary["page"]["id"], "hattingen");
    assert_eq!(summary["page"]["url"], "https://status.example.org/hattingen");
    assert!(!ids(&summary["components"]).contains("website-witten"));
    let incident = named(&summary["incidents"], "i-open");
    let told: Vec<&str> = array(&incident["incident_updates"]).map(|update| update["id"].as_str().unwrap()).collect();
    // Its own words, none for Witten alone, and none that were taken back.
    assert_eq!(told, ["i-open-hattingen-2", "i-open-2", "i-open-1"]);
    let own = &incident["incident_updates"][0];
    assert_eq!(own["body"], "Stadt Hattingen: In Hattingen hilft das Bürgerbüro.");
    assert_eq!((&own["status"], &own["created_at"]), (&"identified".into(), &"2023-11-06T09:21:00.000Z".into()));
    assert_eq!(
        incident["incident_updates"][1]["affected_components"],
        serde_json::json!([{
            "code": "standesamt-hattingen.eheschliessung",
            "name": "Anmeldung zur Eheschließung",
            "old_status": "operational",
            "new_status": "major_outage",
        }])
    );
    assert_eq!(incident["incident_updates"][1]["updated_at"], "2023-11-06T09:25:00.250Z");
    assert!(incident["incident_updates"][2]["affected_components"].is_null());
    assert_eq!(incident["shortlink"], "https://status.example.org/incidents/i-open");
    // What differs in the town stands with the component.
    let page = snapshot.organisation("hattingen").unwrap().0;
    let view = snapshot.view(0, Some(page)).unwrap();
    assert_ne!(view.mode, Mode::Regular, "the sample has a local mode");
    let portal = named(&summary["components"], "serviceportal-en");
    assert_eq!(portal["status"], view.status.as_str());
    assert!(portal["description"].as_str().unwrap().contains("betrieb"), "{portal}");
    assert!(
        named(&value(&snapshot, "/api/v2/components.json")["components"], "serviceportal-en")["description"].is_null()
    );
    // Everybody reads what is for one town.
    let site = value(&snapshot, "/api/v2/incidents/unresolved.json");
    let told: Vec<&str> =
        array(&site["incidents"][0]["incident_updates"]).map(|update| update["id"].as_str().unwrap()).collect();
    assert_eq!(told, ["i-open-3", "i-open-2", "i-open-1"]);
    for missing in ["/unknown/api/v2/status.json", "/api/v2/nothing.json", "/api/v2/summary", "/api/v2"] {
        assert_eq!(answer(&snapshot, missing), Rendered::NotFound, "{missing}");
    }
    assert_eq!(
        answer(&snapshot, "/hattingen-alt/api/v2/status.json?lang=en"),
        Rendered::Moved("/en/hattingen/api/v2/status.json".to_owned())
    );
}

#[test]
fn the_lists_are_bounded_and_what_is_out_is_not_what_is_left_out() {
    let mut snapshot = sample();
    let incident = (*snapshot.incidents[1]).clone();
    for number in 0..NOTICES_MAX + 10 {
        let mut more = incident.clone();
        more.id = turmwacht::model::id::IncidentId::new(format!("more-{number}"));
        more.updates[0].at = time("2023-11-01T00:00:00Z").plus(Duration::from_secs(number as u64));
        snapshot.incidents.push(more.into());
    }
    let mut catalogue = (*snapshot.catalogue).clone();
    for number in 0..COMPONENTS_MAX + 10 {
        let mut more = catalogue.components[4].clone();
        more.id = turmwacht::model::id::ComponentId::new(format!("more-{number}"));
        more.name = Text::single("de", "mehr");
        catalogue.component_index.insert(more.id.clone(), u32::try_from(catalogue.components.len()).unwrap());
        catalogue.components.push(more);
        let mut state = (*snapshot.states[4]).clone();
        if number == COMPONENTS_MAX + 9 {
            state.status = Status::MajorOutage;
        }
        snapshot.states.push(state.into());
    }
    snapshot.catalogue = catalogue.into();
    let incidents = value(&snapshot, "/api/v2/incidents.json");
    assert_eq!(array(&incidents["incidents"]).count(), NOTICES_MAX);
    assert_eq!(incidents["incidents"][0]["id"], "i-open");
    let components = value(&snapshot, "/api/v2/components.json");
    assert_eq!(array(&components["components"]).count(), COMPONENTS_MAX);
    let last = format!("more-{}", COMPONENTS_MAX + 9);
    assert_eq!(named(&components["components"], &last)["status"], "major_outage");
    assert_eq!(components["components"][0]["id"], "serviceportal-en");
}

#[test]
fn the_files_of_the_sample_stay_as_they_are() {
    let snapshot = sample();
    for address in
        ["/api/v2/summary.json", "/hattingen/api/v2/incidents.json", "/en/api/v2/scheduled-maintenances.json"]
    {
        let name = address.trim_start_matches('/').replace('/', "_");
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(name, super::golden::pretty(&text(&snapshot, address)));
        });
    }
}
