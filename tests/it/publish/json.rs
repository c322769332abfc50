//! JSON: paging, filters, and what a page's own view changes.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use turmwacht::model::alternative::AlternativeKind;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::{IncidentId, MaintenanceId};
use turmwacht::model::incident::IncidentStatus;
use turmwacht::model::notice::Override;
use turmwacht::model::snapshot::{ComponentState, Snapshot};
use turmwacht::model::status::{Evidence, Status};
use turmwacht::model::text::Text;
use turmwacht::model::window::When;
use turmwacht::publish::Rendered;
use turmwacht::publish::json::PAGE_BYTES_MAX;
use turmwacht::replay::replay;
use turmwacht::scenario::Scenario;

use super::sample::{alternative, component_id, land, sample, time, with_catalogue, with_local};
use super::{answer, document, text, value, walk};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn paging_walks_every_component_exactly_once(services in 0u32..350) {
        let snapshot = land(1, services);
        let mut expected: Vec<String> =
            snapshot.catalogue.components.iter().map(|component| component.id.to_string()).collect();
        expected.sort();
        prop_assert_eq!(walk(&snapshot, "components", ""), expected);
    }
}

#[test]
fn paging_walks_every_incident_once_newest_first() {
    let mut snapshot = sample();
    let one = snapshot.incidents[0].clone();
    snapshot.incidents = (0..250u32)
        .map(|number| {
            let mut incident = (*one).clone();
            incident.id = IncidentId::new(format!("i-{number:03}"));
            // Ten of them begin at the same instant.
            incident.started_at = one.started_at.shifted(-i64::from(number / 10) * 1000);
            Arc::new(incident)
        })
        .collect();
    let ids = walk(&snapshot, "incidents", "");
    let expected: Vec<String> = (0..250).map(|number| format!("i-{number:03}")).collect();
    assert_eq!(ids, expected);
    // One that goes away between two pages neither repeats nor skips another.
    let first = value(&snapshot, "/api/v1/incidents");
    let next = first["next"].as_str().expect("more");
    snapshot.incidents.remove(99);
    let second = value(&snapshot, &format!("/api/v1/incidents?cursor={next}"));
    assert_eq!(second["incidents"][0]["id"], "i-100");
}

#[test]
fn paging_walks_every_maintenance_once_by_begin() {
    let mut snapshot = sample();
    let one = snapshot.maintenances[0].clone();
    snapshot.maintenances = (0..250u32)
        .rev()
        .map(|number| {
            let mut planned = (*one).clone();
            planned.id = MaintenanceId::new(format!("m-{number:03}"));
            // Ten of them begin at the same instant.
            planned.from.at = one.from.at.shifted(i64::from(number / 10) * 1000);
            Arc::new(planned)
        })
        .collect();
    let expected: Vec<String> = (0..250).map(|number| format!("m-{number:03}")).collect();
    assert_eq!(walk(&snapshot, "maintenance", ""), expected);
    assert!(matches!(answer(&snapshot, "/api/v1/maintenance?cursor=m-001"), Rendered::BadRequest(_)));
}

#[test]
fn lists_stay_bounded_in_bytes_and_complete() {
    let snapshot = land(600, 40);
    let ids = walk(&snapshot, "organisations", "");
    assert_eq!(ids.len(), 600);
    let page = text(&snapshot, "/api/v1/organisations");
    let organisation = text(&snapshot, "/api/v1/organisations/stadt-0");
    assert!(page.len() <= PAGE_BYTES_MAX + organisation.len(), "{}", page.len());
    // A town's answer does not grow with the number of towns.
    let small = text(&land(2, 40), "/api/v1/organisations/stadt-0");
    assert!(organisation.len() < small.len() + 100, "{} {}", organisation.len(), small.len());
    assert_eq!(
        value(&snapshot, "/api/v1/incidents")["incidents"][0]["organisations"].as_array().map(Vec::len),
        Some(600)
    );
}

#[test]
fn filters_choose_what_is_listed() {
    let snapshot = sample();
    for (list, query, expected) in [
        ("organisations", "ars=05954", &["ennepe-ruhr-kreis", "hattingen", "witten"][..]),
        ("organisations", "ars=0595400160", &["hattingen"]),
        ("organisations", "kind=county", &["ennepe-ruhr-kreis"]),
        ("organisations", "status=partial_outage", &["ennepe-ruhr-kreis", "hattingen", "witten"]),
        ("organisations", "status=major_outage", &[]),
        ("organisations", "leika=99102013104000&kind=municipality", &["hattingen", "witten"]),
        ("organisations", "ars=06", &[]),
        ("components", "ars=059540036036", &["serviceportal-en", "website-witten"]),
        ("components", "kind=capability", &["standesamt-hattingen.eheschliessung", "standesamt-hattingen.termin"]),
        ("components", "leika=99102013104000", &["serviceportal-en"]),
        ("components", "status=unknown", &["mail-en"]),
        ("components", "organisation=witten", &["serviceportal-en", "website-witten"]),
        ("components", "organisation=witten&status=major_outage", &["serviceportal-en"]),
        ("components", "organisation=hattingen-alt&kind=service", &["standesamt-hattingen"]),
        ("incidents", "", &["i-open", "i-closed"]),
        ("incidents", "status=resolved", &["i-closed"]),
        ("incidents", "ars=059540016016", &["i-open"]),
        ("incidents", "kind=website", &["i-closed"]),
        ("incidents", "leika=99102013104000", &["i-open"]),
        ("incidents", "leika=99102013104001", &[]),
        ("maintenance", "", &["netz", "wartungsfenster", "umstellung"]),
        ("maintenance", "status=overrunning", &["netz"]),
        ("maintenance", "ars=059540016016", &["wartungsfenster", "umstellung"]),
        ("maintenance", "ars=059540036036", &["netz", "wartungsfenster"]),
        ("maintenance", "kind=website", &["netz"]),
        ("maintenance", "leika=99102013104000", &["wartungsfenster"]),
        ("maintenance", "ars=06", &[]),
    ] {
        let found = walk(&snapshot, list, query);
        assert_eq!(found, expected, "{list}?{query}");
    }
}

#[test]
fn the_words_of_a_town_count_on_its_page_only() {
    let snapshot = with_local(|local| {
        local.status = Some(Status::DegradedPerformance);
        local.since = time("2023-11-06T09:20:00Z");
    });
    let everywhere = &value(&snapshot, "/api/v1/components/serviceportal-en")["component"];
    assert_eq!((&everywhere["status"], &everywhere["mode"]), (&"major_outage".into(), &"regular".into()));
    assert_eq!(everywhere["since"], "2023-11-06T09:12:00Z");
    let here = &value(&snapshot, "/api/v1/components/serviceportal-en?organisation=hattingen")["component"];
    assert_eq!((&here["status"], &here["evidence"]), (&"degraded_performance".into(), &"notice".into()));
    assert_eq!((&here["mode"], &here["processing"]), (&"basic".into(), &"delayed".into()));
    assert_eq!(here["since"], "2023-11-06T09:20:00Z");
    let page = &value(&snapshot, "/api/v1/organisations/hattingen")["organisation"];
    assert_eq!(&page["components"][0], here);
    assert_eq!(page["incidents"][0]["components"][0]["status"], "degraded_performance");
    assert_eq!(page["incidents"][0]["organisations"], json!(["hattingen"]));
}

#[test]
fn an_emergency_site_is_shown_while_it_is_active() {
    let of = |id: &str, snapshot: &Snapshot| {
        value(snapshot, &format!("/api/v1/organisations/{id}"))["organisation"]["emergency_url"].clone()
    };
    let witten = |snapshot: Snapshot| of("witten", &snapshot);
    assert_eq!(witten(sample()), "https://notfall.witten.example/");
    let standing = || with_catalogue(sample(), |catalogue| catalogue.components[4].alternatives[0].valid_from = None);
    assert_eq!(witten(standing()), Value::Null);
    let mut fallen = standing();
    Arc::make_mut(&mut fallen.states[4]).status = Status::MajorOutage;
    assert_eq!(witten(fallen), "https://notfall.witten.example/");
    // A town's own words name one for it alone, as long as the incident is open.
    let mut snapshot = sample();
    assert_eq!(of("hattingen", &snapshot), "https://notfall.hattingen.example/");
    assert_eq!(of("ennepe-ruhr-kreis", &snapshot), Value::Null);
    let site = |address| alternative(AlternativeKind::EmergencySite, &[address], Text::single("de", "Notfall"));
    // One of the incident is for everybody whom it concerns; what is one's own goes before.
    Arc::make_mut(&mut snapshot.incidents[0]).alternatives = vec![site("https://notfall.kreis.example/")];
    assert_eq!(of("ennepe-ruhr-kreis", &snapshot), "https://notfall.kreis.example/");
    assert_eq!(of("hattingen", &snapshot), "https://notfall.hattingen.example/");
    Arc::make_mut(&mut snapshot.incidents[0]).status = IncidentStatus::Resolved;
    assert_eq!(of("ennepe-ruhr-kreis", &snapshot), Value::Null);
    assert_eq!(of("hattingen", &snapshot), Value::Null);
    // One that differs in the town goes first, and only while it holds.
    let mut here = with_local(|local| {
        local.alternatives = vec![site("https://vor-ort.example/")];
        local.until = Some(time("2023-11-06T10:00:00Z"));
    });
    assert_eq!(of("hattingen", &here), "https://vor-ort.example/");
    assert_eq!(of("ennepe-ruhr-kreis", &here), Value::Null);
    here.at = time("2023-11-06T10:00:00Z");
    assert_eq!(of("hattingen", &here), "https://notfall.hattingen.example/");
}

#[test]
fn an_end_is_what_somebody_said_and_never_invented() {
    let mut snapshot = sample();
    let read = |snapshot: &Snapshot| value(snapshot, "/api/v1/incidents/i-open")["incident"].clone();
    let incident = read(&snapshot);
    assert_eq!(
        incident["expected_end"],
        json!({"earliest": "2023-11-20T00:00:00Z", "latest": null, "label": "nicht vor Mitte November"})
    );
    let updates = incident["updates"].as_array().expect("updates");
    let ends: Vec<Option<&Value>> = updates.iter().map(|update| update.get("expected_end")).collect();
    let said = json!({"earliest": null, "latest": null, "label": "nicht vor Mitte November"});
    assert_eq!(ends, [None, Some(&Value::Null), Some(&said), None]);
    let changed = Arc::make_mut(&mut snapshot.incidents[0]);
    changed.expected_end = None;
    assert_eq!(read(&snapshot)["expected_end"], Value::Null);
    // What is resolved expects nothing and owes nothing.
    let mut over = sample();
    Arc::make_mut(&mut over.incidents[0]).status = IncidentStatus::Resolved;
    let over = read(&over);
    assert_eq!((&over["expected_end"], &over["next_update_by"]), (&Value::Null, &Value::Null));
    assert_eq!((&over["overdue"], &over["alternatives"]), (&json!(false), &json!([])));
}

#[test]
fn an_incident_is_overdue_once_its_promise_is_due() {
    let mut snapshot = sample();
    let overdue = |snapshot: &Snapshot| value(snapshot, "/api/v1/incidents/i-open")["incident"]["overdue"].clone();
    assert_eq!(overdue(&snapshot), true);
    snapshot.at = time("2023-11-06T09:28:59Z");
    assert_eq!(overdue(&snapshot), false);
    Arc::make_mut(&mut snapshot.incidents[0]).next_update_by = None;
    snapshot.at = time("2024-11-06T09:28:59Z");
    assert_eq!(overdue(&snapshot), false);
}

#[test]
fn what_was_taken_back_says_nothing_any_more() {
    let mut snapshot = sample();
    {
        // Even if its words were still there.
        let update = &mut Arc::make_mut(&mut snapshot.incidents[0]).updates[1];
        update.retracted_at = Some(time("2023-11-06T09:28:00Z"));
    }
    for address in ["/api/v1/incidents/i-open", "/api/v1/incidents", "/api/v1/summary", "/api/v1/organisations/witten"]
    {
        let body = text(&snapshot, address);
        assert!(!body.contains("Die Ursache ist gefunden"), "{address}");
    }
    let incident = &value(&snapshot, "/api/v1/incidents/i-open")["incident"];
    let update = &incident["updates"][2];
    assert_eq!((&update["id"], &update["retracted"]), (&json!("i-open-2"), &json!(true)));
    assert_eq!((&update["text"], &update["components"]), (&json!(""), &json!([])));
    assert_eq!((update.get("expected_end"), &update["corrected_at"]), (None, &json!("2023-11-06T09:25:00.25Z")));
    assert_eq!(incident["updates"][3]["retracted"], false);
}

#[test]
fn a_page_reads_its_own_part_of_an_incident() {
    let snapshot = sample();
    let of = |id: &str| value(&snapshot, &format!("/api/v1/incidents/i-open?organisation={id}"))["incident"].clone();
    let everybody = &value(&snapshot, "/api/v1/incidents/i-open")["incident"];
    let (hattingen, witten) = (of("hattingen-alt"), of("witten"));
    let numbers = |incident: &Value| {
        let updates = incident["updates"].as_array().expect("updates").iter();
        updates.map(|update| update["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(everybody), ["i-open-4", "i-open-3", "i-open-2", "i-open-1"]);
    assert_eq!(numbers(&witten), numbers(everybody));
    assert_eq!(numbers(&hattingen), ["i-open-4", "i-open-2", "i-open-1"]);
    assert_eq!(everybody["updates"][1]["organisations"], json!(["witten"]));
    // Its own words, under whatever id they were written, and nobody else's.
    assert_eq!(everybody["overlay"], Value::Null);
    let overlays = everybody["overlays"].as_array().expect("overlays");
    let of_whom: Vec<&Value> = overlays.iter().map(|overlay| &overlay["organisation"]).collect();
    assert_eq!(of_whom, ["hattingen", "witten"]);
    assert_eq!((&overlays[0]["drifted"], &overlays[1]["drifted"]), (&json!(true), &json!(false)));
    assert_eq!(hattingen["overlay"]["text"], "In Hattingen hilft das Bürgerbüro.");
    assert_eq!((&hattingen["overlay"]["version"], &hattingen["overlay"]["drifted"]), (&json!(2), &json!(true)));
    assert_eq!(hattingen["overlay"]["updated_at"], "2023-11-06T09:21:00Z");
    assert_eq!(witten["overlay"]["text"], "In Witten gilt das Gleiche.");
    let names = |incident: &Value| serde_json::to_string(incident).expect("JSON");
    assert!(!names(&witten).contains("Bürgerbüro") && !names(&hattingen).contains("das Gleiche"));
    // The incident's own ways first, then the town's, then those of the components.
    let ways = |incident: &Value| {
        let ways = incident["alternatives"].as_array().expect("alternatives").iter();
        ways.map(|way| way["label"].as_str().expect("a label").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ways(everybody), ["Formulare zum Ausdrucken", "Bürgertelefon"]);
    assert_eq!(
        ways(&hattingen),
        ["Formulare zum Ausdrucken", "Notfall-Seite Hattingen", "Standesamt Sprockhövel", "Bürgertelefon"]
    );
    assert_eq!(hattingen["unaffected"], json!(["standesamt-hattingen.termin"]));
    assert_eq!(witten["components"], json!([{"id": "serviceportal-en", "status": "major_outage"}]));
    assert_eq!(witten["updates"][2]["components"], json!([]), "what Witten does not show");
    // The same within the organisation.
    let page = &value(&snapshot, "/api/v1/organisations/hattingen")["organisation"];
    assert_eq!(page["incidents"][0], hattingen);
    // One that is merged says where it is continued.
    assert_eq!(value(&snapshot, "/api/v1/incidents/i-closed")["incident"]["merged_into"], "i-open");
}

#[test]
fn an_incident_of_a_whole_association_names_every_body() {
    let snapshot = land(116, 0);
    let incident = &value(&snapshot, "/api/v1/incidents/i-portal")["incident"];
    assert_eq!(incident["organisations"].as_array().map(Vec::len), Some(116));
}

#[test]
fn a_status_set_by_hand_says_so_until_it_lapses() {
    let mut snapshot = sample();
    let set =
        |snapshot: &Snapshot| value(snapshot, "/api/v1/components/website-witten")["component"]["override"].clone();
    assert_eq!(set(&snapshot), json!({"status": "operational", "until": "2023-11-07T08:00:00Z", "set_by_hand": true}));
    snapshot.at = time("2023-11-07T08:00:00Z");
    assert_eq!(set(&snapshot), Value::Null);
}

#[test]
fn a_maintenance_has_all_that_was_said_of_it() {
    let snapshot = sample();
    let read = |id: &str| value(&snapshot, &format!("/api/v1/maintenance/{id}"))["maintenance"].clone();
    let late = read("netz");
    assert_eq!((&late["status"], &late["overdue"]), (&json!("overrunning"), &json!(true)));
    assert_eq!(
        late["components"],
        json!([
            {"id": "website-witten", "until": null, "ended_at": "2023-11-05T20:00:00Z", "until_date": null},
            {"id": "mail-en", "until": "2023-11-05T23:00:00Z", "ended_at": null, "until_date": "2023-11-05"},
        ])
    );
    let numbers = |maintenance: &Value| {
        let updates = maintenance["updates"].as_array().expect("updates").iter();
        updates.map(|update| update["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&late), ["netz-4", "netz-3", "netz-2", "netz-1"]);
    assert_eq!(late["updates"][1]["components"], json!([{"id": "website-witten", "ended_at": "2023-11-05T20:00:00Z"}]));
    assert_eq!(
        (&late["updates"][1]["status"], &late["updates"][1]["text"]),
        (&json!("in_progress"), &json!("Die Homepage läuft wieder."))
    );
    let monthly = read("wartungsfenster");
    assert_eq!((&monthly["recurs"], &monthly["overdue"]), (&json!(true), &json!(false)));
    assert_eq!(
        monthly["recurring"],
        json!({
            "rrule": "FREQ=MONTHLY;BYDAY=2TU", "at": "19:00", "for": "3h",
            "from": "2022-12-31T23:00:00Z", "until": "2023-12-31T23:00:00Z",
        })
    );
    assert_eq!(late["recurring"], Value::Null);
    assert_eq!(monthly["upcoming"], json!([{"from": "2023-12-12T18:00:00Z", "until": "2023-12-12T21:00:00Z"}]));
    let planned = read("umstellung");
    assert_eq!((&planned["programme"], &planned["sequence"]), (&json!("vois"), &json!(1)));
    assert_eq!((&planned["timezone"], &planned["ended_at"]), (&json!("Europe/Berlin"), &Value::Null));
    // Inclusive dates stand beside the instants after them.
    assert_eq!((&planned["until"], &planned["dates"]["until"]), (&json!("2023-12-08T23:00:00Z"), &json!("2023-12-08")));
    // Within an organisation only what stands on its page.
    let page = &value(&snapshot, "/api/v1/organisations/witten")["organisation"];
    let late = &page["maintenance"][0];
    assert_eq!(late["components"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["maintenance"].as_array().map(Vec::len), Some(2));
}

/// A maintenance that files announce goes into both figures of availability.
#[test]
fn maintenance_counts_in_one_figure_and_not_in_the_other() {
    let scenario = Scenario::parse(
        "maintained.toml",
        r#"
[scenario]
name = "maintained"
title = "maintained"
start = 2023-12-01T00:00:00
until = 2023-12-01T10:00:00
[[organisation]]
id = "stadt"
kind = "municipality"
name = "Stadt"
ars = "150905405135"
[[component]]
id = "portal"
name = "Portal"
kind = "portal"
owner = "stadt"
[[component.check]]
id = "c"
probe.http = { url = "https://portal.example/" }
interval = "60s"
[[maintenance]]
id = "umzug"
title = "Umzug"
components = ["portal"]
from = 2023-12-01T02:00:00
until = 2023-12-01T06:00:00
[[timeline]]
target = "portal"
at = "+3h"
results = "timeout*240 up"
"#,
    )
    .unwrap_or_else(|fault| panic!("{fault}"));
    let replayed = replay(&scenario);
    assert!(replayed.failures.is_empty(), "{:?}", replayed.failures);
    // Down from 03:00 to 07:00, of which until 06:00 under maintenance.
    let component = value(&replayed.snapshot, "/api/v1/components/portal")["component"].clone();
    let day = &component["availability"]["24h"];
    assert_eq!(day["maintenance_s"], 4 * 3600);
    let [measured, major] = ["measured_s", "major_s"].map(|key| day[key].as_f64().expect("a number"));
    assert!((3500.0..=3700.0).contains(&major) && (35_000.0..=36_000.0).contains(&measured), "{day}");
    let is = |key: &str, expected: f64| (day[key].as_f64().expect("a number") - expected).abs() < 1e-4;
    assert!(is("ratio", 1.0 - major / (measured - 14_400.0)), "{day}");
    assert!(is("ratio_with_maintenance", 1.0 - (major + 14_400.0) / measured), "{day}");
    // The same words reach the list.
    let planned = &value(&replayed.snapshot, "/api/v1/maintenance/umzug")["maintenance"];
    assert_eq!((&planned["status"], &planned["ended_at"]), (&json!("completed"), &json!("2023-12-01T05:00:00Z")));
    assert_eq!(planned["updates"].as_array().map(Vec::len), Some(3));
}

#[test]
fn delivery_ends_by_itself_and_health_is_told() {
    let mut snapshot = sample();
    assert_eq!(value(&snapshot, "/api/v1/components/mail-en")["component"]["delivery"]["state"], "queued");
    snapshot.at = time("2023-11-07T00:00:00Z");
    snapshot.health = vec![turmwacht::model::snapshot::HealthWord::Storage];
    assert_eq!(value(&snapshot, "/api/v1/components/mail-en")["component"]["delivery"], Value::Null);
    assert_eq!(value(&snapshot, "/api/v1/summary")["health"], json!(["storage"]));
}

#[test]
fn availability_counts_from_the_day_of_service_and_is_null_without_measurement() {
    let windows = |snapshot: &Snapshot, id: &str| {
        value(snapshot, &format!("/api/v1/components/{id}"))["component"]["availability"].clone()
    };
    let snapshot = with_catalogue(sample(), |catalogue| {
        catalogue.components[4].available_from = Some(When::instant(time("2023-11-06T09:00:00Z")));
    });
    let website = windows(&snapshot, "website-witten");
    for window in ["24h", "7d", "30d", "90d"] {
        assert_eq!(website[window]["measured_s"], 1800, "{window}");
    }
    // Announced for December: nothing has been measured in service.
    assert_eq!(windows(&snapshot, "ausweis-en"), json!({"24h": null, "7d": null, "30d": null, "90d": null}));
}

#[test]
fn only_what_is_ahead_or_under_way_is_listed_as_maintenance() {
    let listed = |phase, at: &str| {
        let mut snapshot = sample();
        snapshot.at = time(at);
        snapshot.maintenances.drain(..2);
        Arc::make_mut(&mut snapshot.maintenances[0]).phase = phase;
        let summary = value(&snapshot, "/api/v1/summary");
        let page = value(&snapshot, "/api/v1/organisations/hattingen");
        assert_eq!(
            summary["maintenance"].as_array().map(Vec::len),
            page["organisation"]["maintenance"].as_array().map(Vec::len)
        );
        summary["counts"]["maintenance"].clone()
    };
    assert_eq!(listed(MaintenancePhase::Announced, "2023-11-06T09:30:00Z"), 1);
    assert_eq!(listed(MaintenancePhase::Overrunning, "2023-12-10T00:00:00Z"), 1);
    assert_eq!(listed(MaintenancePhase::Completed, "2023-12-07T00:00:00Z"), 0);
    // Readers are told that it was called off until it would have been over.
    assert_eq!(listed(MaintenancePhase::Cancelled, "2023-12-07T00:00:00Z"), 1);
    assert_eq!(listed(MaintenancePhase::Cancelled, "2023-12-09T00:00:00Z"), 0);
}

/// The portal of the sample as JSON, after `change` of its state.
fn portal_with(change: impl FnOnce(&mut ComponentState)) -> Value {
    let mut snapshot = sample();
    change(Arc::make_mut(&mut snapshot.states[0]));
    value(&snapshot, "/api/v1/components/serviceportal-en")["component"].clone()
}

#[test]
fn a_cause_is_named_only_where_it_decided_the_status() {
    let portal = portal_with(|_| {});
    assert_eq!(portal["because"]["name"], "ein technischer Dienstleister");
    assert_eq!(portal["because"], portal["affected_by"]["path"][0]);
    let at = time("2023-11-06T09:00:00Z");
    for portal in [
        portal_with(|state| state.status = Status::Operational),
        portal_with(|state| state.status = Status::UnderMaintenance),
        portal_with(|state| state.evidence = Evidence::Notice),
        portal_with(|state| {
            state.evidence = Evidence::Notice;
            state.inputs.notice = Some(Status::MajorOutage);
            state.set_by_hand = Some(Override { status: Status::MajorOutage, at, until: None });
        }),
    ] {
        assert!(portal["because"].is_null() && !portal["affected_by"].is_null(), "{portal}");
    }
}

#[test]
fn a_component_names_its_page_where_it_is_shown() {
    let snapshot = sample();
    for (address, page) in [
        ("/api/v1/components/serviceportal-en", "/ennepe-ruhr-kreis/serviceportal-en"),
        ("/api/v1/components/serviceportal-en?organisation=hattingen", "/hattingen/serviceportal-en"),
        ("/en/api/v1/components/serviceportal-en?organisation=hattingen", "/en/hattingen/serviceportal-en"),
    ] {
        let said = value(&snapshot, address)["component"]["page"].clone();
        assert_eq!(said, format!("https://status.example.org{page}"), "{address}");
        document(&snapshot, page);
    }
}

#[test]
fn a_way_has_the_status_that_the_page_shows() {
    let snapshot = with_local(|local| local.status = Some(Status::DegradedPerformance));
    let snapshot = with_catalogue(snapshot, |catalogue| {
        let mut way = catalogue.components[0].alternatives[0].clone();
        way.component = Some(component_id("serviceportal-en"));
        catalogue.components[1].alternatives = vec![way];
    });
    let there = value(&snapshot, "/api/v1/organisations/hattingen")["organisation"].clone();
    let office = there["components"].as_array().expect("a list").iter().find(|one| one["id"] == "standesamt-hattingen");
    let way = &office.expect("the office")["alternatives"][0];
    let (portal, everywhere) = (
        value(&snapshot, "/api/v1/components/serviceportal-en?organisation=hattingen")["component"]["status"].clone(),
        value(&snapshot, "/api/v1/components/serviceportal-en")["component"]["status"].clone(),
    );
    assert_ne!(portal, everywhere, "the town says otherwise");
    assert_eq!(way["status"], portal);
    let alone = value(&snapshot, "/api/v1/components/standesamt-hattingen?organisation=hattingen");
    assert_eq!(alone["component"]["alternatives"][0]["status"], portal);
}

#[test]
fn an_organisation_says_whether_anything_is_checked() {
    let mut snapshot = sample();
    let evidence =
        |snapshot: &Snapshot| value(snapshot, "/api/v1/organisations/witten")["organisation"]["evidence"].clone();
    assert_eq!(evidence(&snapshot), "derived");
    for state in &mut snapshot.states {
        Arc::make_mut(state).evidence = Evidence::Declared;
    }
    assert_eq!(evidence(&snapshot), "declared");
}
