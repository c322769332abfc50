//! JSON: paging, filters, and what a page's own view changes.

use std::sync::Arc;

use proptest::prelude::*;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::IncidentId;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::Status;
use turmwacht::model::window::When;
use turmwacht::publish::json::PAGE_BYTES_MAX;

use super::sample::{land, sample, time, with_catalogue};
use super::{text, value, walk};

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
    ] {
        let found = walk(&snapshot, list, query);
        assert_eq!(found, expected, "{list}?{query}");
    }
}

#[test]
fn the_words_of_a_town_count_on_its_page_only() {
    let snapshot = with_catalogue(sample(), |catalogue| {
        catalogue.components[0].locals[0].status = Some(Status::DegradedPerformance);
        catalogue.components[0].locals[0].from = Some(time("2023-11-06T09:20:00Z"));
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
    assert_eq!(page["incidents"][0]["organisations"], serde_json::json!(["hattingen"]));
}

#[test]
fn an_emergency_site_is_shown_while_it_is_active() {
    let emergency =
        |snapshot| value(&snapshot, "/api/v1/organisations/witten")["organisation"]["emergency_url"].clone();
    assert_eq!(emergency(sample()), "https://notfall.witten.example/");
    let standing = || with_catalogue(sample(), |catalogue| catalogue.components[4].alternatives[0].valid_from = None);
    assert_eq!(emergency(standing()), serde_json::Value::Null);
    let mut fallen = standing();
    Arc::make_mut(&mut fallen.states[4]).status = Status::MajorOutage;
    assert_eq!(emergency(fallen), "https://notfall.witten.example/");
}

#[test]
fn delivery_ends_by_itself_and_health_is_told() {
    let mut snapshot = sample();
    assert_eq!(value(&snapshot, "/api/v1/components/mail-en")["component"]["delivery"]["state"], "queued");
    snapshot.at = time("2023-11-07T00:00:00Z");
    snapshot.health = vec![turmwacht::model::snapshot::HealthWord::Storage];
    assert_eq!(value(&snapshot, "/api/v1/components/mail-en")["component"]["delivery"], serde_json::Value::Null);
    assert_eq!(value(&snapshot, "/api/v1/summary")["health"], serde_json::json!(["storage"]));
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
    assert_eq!(
        windows(&snapshot, "ausweis-en"),
        serde_json::json!({"24h": null, "7d": null, "30d": null, "90d": null})
    );
}

#[test]
fn only_what_is_ahead_or_under_way_is_listed_as_maintenance() {
    let listed = |phase, at: &str| {
        let mut snapshot = sample();
        snapshot.at = time(at);
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
