//! Every format agrees: whenever a story keeps something, its feeds say the same as Atom, RSS and JSON,
//! and Statuspage's files say what our own JSON says. No incident has a time that nobody named.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use turmwacht::model::time::Timestamp;
use turmwacht::replay::replay;
use turmwacht::scenario::{Golden, Scenario};

use crate::publish::feeds::agree;

/// The stories, with bodies whose pages tell most of them.
const STORIES: [(&str, &[&str]); 5] = [
    ("hattingen-2023", &["hattingen", "witten", "beispielstadt-7"]),
    ("tangerhuette-2023", &["tangerhuette"]),
    ("tangerhuette-2020", &["tangerhuette"]),
    ("menden-2023", &["menden", "kreis-olpe", "verbandsmitglied-41"]),
    ("geesthacht-2021", &["geesthacht"]),
];

const FEEDS: [&str; 3] = ["feed.atom", "feed.rss", "feed.json"];

const STATUSPAGE: [&str; 4] =
    ["api/v2/status.json", "api/v2/summary.json", "api/v2/components.json", "api/v2/incidents/unresolved.json"];

/// What is looked at of a place: the site, or a body's page.
fn paths(body: Option<&str>) -> Vec<String> {
    let place = body.map(|body| format!("/{body}")).unwrap_or_default();
    let theirs = FEEDS.iter().chain(&STATUSPAGE).map(|path| format!("{place}/{path}"));
    let ours = match body {
        Some(body) => [format!("/api/v1/organisations/{body}"), format!("/api/v1/components?organisation={body}")],
        None => ["/api/v1/summary".to_owned(), "/api/v1/components".to_owned()],
    };
    theirs.chain(ours).collect()
}

#[test]
fn every_story_reads_alike_in_every_format() {
    let mut looked_at = 0;
    for (name, bodies) in STORIES {
        let mut scenario = Scenario::load(name).expect("it is built in");
        let instants: BTreeSet<Duration> = scenario.goldens.iter().map(|golden| golden.at).collect();
        let places: Vec<Option<&str>> = std::iter::once(None).chain(bodies.iter().copied().map(Some)).collect();
        let all: Vec<String> = places.iter().flat_map(|place| paths(*place)).collect();
        scenario.goldens = instants.iter().map(|&at| Golden { at, paths: all.clone() }).collect();
        let replayed = replay(&scenario);
        assert!(replayed.failures.is_empty(), "{name}: {:?}", replayed.failures);
        let kept: BTreeMap<(Duration, &str), &[u8]> =
            replayed.goldens.iter().map(|(at, path, body)| ((*at, path.as_str()), body.as_slice())).collect();
        for &at in &instants {
            for place in &places {
                let text = |path: &str| String::from_utf8(kept[&(at, path)].to_vec()).expect("documents are text");
                let documents: Vec<String> = paths(*place).iter().map(|path| text(path)).collect();
                let [atom, rss, json, rest @ ..] = &documents[..] else { panic!("three feeds and more") };
                let named = format!("{name} {at:?} {place:?}");
                agree(&named, &[atom.clone(), rss.clone(), json.clone()]);
                let rest: Vec<Value> = rest.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
                says_what_we_say(&named, &rest, scenario.start.plus(at));
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 40, "{looked_at}");
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str().map(|text| Timestamp::from_jiff(text.parse().expect("RFC 3339")))
}

fn says_what_we_say(named: &str, documents: &[Value], now: Timestamp) {
    let [status, summary, components, unresolved, ours, our_components] = documents else { panic!("{named}") };
    assert_eq!(status["status"], summary["status"], "{named}");
    assert_eq!(summary["components"], components["components"], "{named}");
    assert_eq!(summary["incidents"], unresolved["incidents"], "{named}");
    // What is not in service is not there; what is unknown reads as it last did.
    let word = |component: &Value| match (component["status"].as_str(), component["last_known"].as_str()) {
        (Some("unknown"), Some(known)) => known.to_owned(),
        (Some("unknown"), None) => "degraded_performance".to_owned(),
        (status, _) => status.expect("a word").to_owned(),
    };
    let live = list(our_components, "components").iter().filter(|component| component["lifecycle"] == "live");
    let ours_by_id: BTreeMap<&str, String> =
        live.map(|component| (component["id"].as_str().unwrap(), word(component))).collect();
    assert!(our_components["next"].is_null(), "{named}: more than a page");
    let theirs: BTreeMap<&str, String> = list(components, "components")
        .iter()
        .map(|component| (component["id"].as_str().unwrap(), component["status"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(theirs, ours_by_id, "{named}");
    let ours = if ours["organisation"].is_null() { ours } else { &ours["organisation"] };
    if let Some(indicator) = ours["indicator"].as_str() {
        assert_eq!(status["status"]["indicator"], indicator, "{named}");
    }
    let told = |incident: &Value, name: &str| {
        let words = [&incident["id"], &incident[name], &incident["status"], &incident["impact"]].map(Value::to_string);
        (words, instant(&incident["started_at"]), instant(&incident["resolved_at"]))
    };
    let open: BTreeSet<_> = list(ours, "incidents").iter().map(|incident| told(incident, "title")).collect();
    let unresolved_ones = list(unresolved, "incidents");
    assert_eq!(unresolved_ones.iter().map(|incident| told(incident, "name")).collect::<BTreeSet<_>>(), open, "{named}");
    for incident in unresolved_ones {
        let times = incident.as_object().unwrap().iter().filter(|(key, _)| key.ends_with("_at"));
        for (key, time) in times {
            assert!(instant(time).is_none_or(|time| time <= now), "{named}: {key} of {incident} lies ahead");
        }
        assert!(!incident.to_string().contains("_until\":"), "{named}: {incident}");
    }
}
