//! The description of the interfaces: that it is whole, and that what is served is as it says.

use std::collections::BTreeSet;

use serde_json::Value;
use turmwacht::editing::allowed;
use turmwacht::editing::description::OPERATIONS;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::publish::{Rendered, known_query, openapi, render, sse};
use turmwacht::replay::replay;
use turmwacht::scenario::{BUILT_IN, Scenario};

use super::sample::{sample, sample_in_the_words_of};
use super::schema::faults;
use super::{document, target, text, value};

fn described(snapshot: &Snapshot) -> Value {
    let description = value(snapshot, "/openapi.json");
    assert_eq!(description, openapi::describe(&snapshot.catalogue.site));
    description
}

/// The public paths with concrete ids, but for the stream of events.
fn public_paths(snapshot: &Snapshot, description: &Value) -> Vec<(String, String)> {
    let paths = description["paths"].as_object().unwrap().keys();
    let paths = paths.filter(|path| !path.contains("/admin/") && *path != sse::PATH);
    let mut concrete = Vec::new();
    for path in paths {
        let mut organisation = snapshot.catalogue.organisations[0].id.to_string();
        let component = &snapshot.catalogue.components[0];
        if path.contains("{component}") {
            organisation = snapshot.catalogue.organisations[component.shown_on[0] as usize].id.to_string();
        }
        let id = match path.split('/').nth(3) {
            Some("components") => Some(snapshot.catalogue.components[0].id.to_string()),
            Some("incidents") => snapshot.incidents.first().map(|incident| incident.id.to_string()),
            Some("maintenance") => snapshot.maintenances.first().map(|planned| planned.id.to_string()),
            _ => Some(organisation.clone()),
        };
        let address = match id {
            Some(id) => path.replace("{id}", &id),
            None if path.contains("{id}") => continue,
            None => path.clone(),
        };
        let address = address.replace("{organisation}", &organisation).replace("{component}", component.id.as_str());
        let formats: &[&str] = if path.contains("{format}") { &["atom", "rss", "json"] } else { &[""] };
        concrete.extend(formats.iter().map(|format| (path.clone(), address.replace("{format}", format))));
    }
    assert!(concrete.len() >= 50, "{concrete:?}");
    concrete
}

#[test]
fn what_is_served_is_as_it_is_described_in_all_stories() {
    let stories = BUILT_IN.iter().map(|(name, _)| replay(&Scenario::load(name).unwrap()).snapshot);
    for snapshot in stories.chain([sample()]) {
        let description = described(&snapshot);
        for (path, address) in public_paths(&snapshot, &description) {
            let found = document(&snapshot, &address);
            let content = &description["paths"][&path]["get"]["responses"]["200"]["content"];
            let (media, _) = found.content_type.split_once(';').unwrap();
            let schema = content[media]["schema"].clone();
            assert!(schema.is_object(), "{path}: {media} has no schema");
            let Ok(found) = serde_json::from_slice(&found.body) else {
                assert_eq!(schema["type"], "string", "{address}");
                continue;
            };
            let closed = media == "application/json";
            let faults = faults(&description, &schema, &found, closed);
            assert!(faults.is_empty(), "{address}:\n{}", faults.join("\n"));
        }
    }
}

#[test]
fn every_json_route_that_answers_is_described() {
    let snapshot = sample();
    let description = described(&snapshot);
    let paths: BTreeSet<&str> = description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut answering = 0;
    for (path, address) in [
        ("/api/v1/alive", "/api/v1/alive"),
        ("/api/v1/summary", "/api/v1/summary"),
        ("/api/v1/organisations", "/api/v1/organisations"),
        ("/api/v1/organisations/{id}", "/api/v1/organisations/hattingen"),
        ("/api/v1/components", "/api/v1/components"),
        ("/api/v1/components/{id}", "/api/v1/components/serviceportal-en"),
        ("/api/v1/components/{id}/results", "/api/v1/components/serviceportal-en/results"),
        ("/api/v1/components/{id}/availability", "/api/v1/components/serviceportal-en/availability"),
        ("/api/v1/incidents", "/api/v1/incidents"),
        ("/api/v1/incidents/{id}", "/api/v1/incidents/i-open"),
        ("/api/v1/maintenance", "/api/v1/maintenance"),
        ("/api/v1/maintenance/{id}", "/api/v1/maintenance/umstellung"),
        ("/api/v1/search", "/api/v1/search?q=Portal"),
        ("/badge.json", "/badge.json"),
        ("/{organisation}/badge.json", "/hattingen/badge.json"),
        ("/{organisation}/{component}/badge.json", "/hattingen/serviceportal-en/badge.json"),
        ("/api/v2/status.json", "/api/v2/status.json"),
        ("/api/v2/scheduled-maintenances/active.json", "/api/v2/scheduled-maintenances/active.json"),
        ("/{organisation}/api/v2/summary.json", "/hattingen/api/v2/summary.json"),
    ] {
        let answers = matches!(render(&snapshot, &target(address)), Rendered::Document(_));
        assert_eq!(answers, paths.contains(path), "{path}: whether it answers, and whether it is described");
        answering += usize::from(answers);
    }
    assert_eq!(answering, 19);
}

#[test]
fn what_programs_read_beside_json_is_described_with_its_media_type() {
    let description = described(&sample());
    for (path, media) in [
        ("/feed.{format}", &["application/atom+xml", "application/feed+json", "application/rss+xml"][..]),
        (
            "/{organisation}/{component}/feed-incidents.{format}",
            &["application/atom+xml", "application/feed+json", "application/rss+xml"],
        ),
        ("/calendar.ics", &["text/calendar"]),
        ("/{organisation}/calendar.ics", &["text/calendar"]),
        ("/badge.svg", &["image/svg+xml"]),
        ("/{organisation}/{component}/badge.svg", &["image/svg+xml"]),
        ("/{organisation}/status.txt", &["text/plain"]),
        ("/embed/{organisation}", &["text/html"]),
        ("/embed/{organisation}/{component}/fragment.html", &["text/html"]),
        ("/api/v1/events", &["text/event-stream"]),
    ] {
        let content = &description["paths"][path]["get"]["responses"]["200"]["content"];
        let named: Vec<&str> =
            content.as_object().unwrap_or_else(|| panic!("{path}")).keys().map(String::as_str).collect();
        assert_eq!(named, media, "{path}");
    }
}

#[test]
fn events_are_as_they_are_described() {
    let before = sample();
    let description = described(&before);
    let operation = &description["paths"][sse::PATH]["get"];
    let events = operation["responses"]["200"]["content"]["text/event-stream"]["schema"]["$defs"].clone();
    assert_eq!(events.as_object().unwrap().keys().collect::<Vec<_>>(), ["alive", "change", "resync"]);
    let parameters = operation["parameters"].as_array().unwrap();
    let named = parameters.iter().filter(|parameter| parameter["in"] == "query").map(|parameter| &parameter["name"]);
    assert_eq!(named.collect::<Vec<_>>(), sse::QUERY);
    let mut after = before.clone();
    after.position += 1;
    for state in &mut after.states {
        std::sync::Arc::make_mut(state).status = turmwacht::model::status::Status::PartialOutage;
    }
    for incident in &mut after.incidents {
        std::sync::Arc::make_mut(incident).impact = turmwacht::model::incident::Impact::None;
    }
    for planned in &mut after.maintenances {
        std::sync::Arc::make_mut(planned).phase = turmwacht::model::event::MaintenancePhase::Overrunning;
    }
    let whom = sse::Audience { organisation: None, language: "de".into() };
    let frames = sse::diff(&before, &after, &[whom]);
    let change = frames.changes[0].clone().unwrap();
    for frame in [change, frames.alive, sse::resync(7)] {
        let frame = std::str::from_utf8(&frame).unwrap();
        let (event, data) = frame.split_once('\n').unwrap();
        let event = event.strip_prefix("event: ").unwrap();
        let data: Value = serde_json::from_str(data.split_once("data: ").unwrap().1).unwrap();
        let faults = faults(&description, &events[event], &data, true);
        assert!(faults.is_empty(), "{event}:\n{}", faults.join("\n"));
        if event == "change" {
            for list in ["components", "incidents", "maintenance"] {
                assert!(!data[list].as_array().unwrap().is_empty(), "{list}");
            }
        }
    }
}

#[test]
fn every_parameter_that_a_path_knows_is_described_with_its_words() {
    let snapshot = sample();
    let description = described(&snapshot);
    for (path, address) in public_paths(&snapshot, &description) {
        let parameters = description["paths"][&path]["get"]["parameters"].as_array().unwrap();
        let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let named: BTreeSet<&str> = query.clone().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        assert_eq!(named, known_query(&address).iter().copied().collect(), "{path}");
        for parameter in query {
            assert!(parameter["description"].as_str().is_some_and(|told| !told.is_empty()), "{path} {parameter}");
        }
    }
    let words = &description["components"]["schemas"]["Status"]["enum"];
    assert_eq!(words.as_array().unwrap().len(), 6, "{words}");
}

#[test]
fn the_editors_requests_are_described_as_they_are_read() {
    let description = described(&sample());
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for operation in OPERATIONS {
        let path = format!("/api/v1/admin{}", operation.path);
        let told = &description["paths"][&path][operation.method.to_lowercase()];
        assert_eq!(told["operationId"], operation.id);
        assert_eq!(told["security"][0]["token"], serde_json::json!([]));
        assert_eq!(told.get("requestBody").is_some(), operation.body.is_some());
        paths.insert(operation.path);
    }
    for path in paths {
        let concrete: Vec<&str> =
            path.split('/').map(|segment| if segment.starts_with('{') { "x" } else { segment }).collect();
        let described: BTreeSet<&str> =
            OPERATIONS.iter().filter(|operation| operation.path == path).map(|operation| operation.method).collect();
        assert_eq!(described, allowed(&concrete.join("/")).iter().copied().collect(), "{path}");
    }
    let incident = &description["components"]["schemas"]["IncidentRequest"];
    assert_eq!(incident["additionalProperties"], false);
    assert!(incident["properties"].get("expected_end").is_some() && incident.get("required").is_none(), "{incident}");
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let description = described(&sample());
    let whole = description.to_string();
    let mut used = BTreeSet::new();
    for rest in whole.split("\"$ref\":\"#").skip(1) {
        let pointer = rest.split('"').next().unwrap();
        assert!(description.pointer(pointer).is_some(), "{pointer} leads nowhere");
        used.insert(pointer.to_owned());
    }
    for name in description["components"]["schemas"].as_object().unwrap().keys() {
        assert!(used.contains(&format!("/components/schemas/{name}")), "{name} is not used");
    }
    assert_eq!(description["servers"][0]["url"], "https://status.example.org");
    assert_eq!(description["servers"][1]["url"], "https://status.example.org/en");
}

#[test]
fn the_page_tells_every_operation_and_gives_no_hostile_text_a_chance() {
    let snapshot = sample();
    let description = described(&snapshot);
    for path in ["/docs", "/en/docs"] {
        let page = text(&snapshot, path);
        assert!(!page.contains("<script") && !page.contains(" src=") && !page.contains(" style="), "{path}");
        for (path, item) in description["paths"].as_object().unwrap() {
            assert!(page.contains(&format!(" {path}</code>")), "{path} is not told");
            for operation in
                item.as_object().unwrap().values().filter_map(|operation| operation["operationId"].as_str())
            {
                assert!(page.contains(&format!("id=\"do_{operation}\"")), "{operation}");
            }
        }
        let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "an id stands twice");
        for to in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(ids.contains(&to), "#{to} leads nowhere");
        }
    }
    assert!(text(&snapshot, "/docs").contains("Sie brauchen keinen Schlüssel"));
    assert_eq!(document(&snapshot, "/docs").policy, turmwacht::publish::html::page_policy());
    for hostile in super::hostile::CORPUS {
        let page = text(&sample_in_the_words_of(hostile), "/docs");
        assert!(!page.contains("<script") && !page.contains("<img"), "{hostile}");
        serde_json::from_str::<Value>(&text(&sample_in_the_words_of(hostile), "/openapi.json")).unwrap();
    }
}
