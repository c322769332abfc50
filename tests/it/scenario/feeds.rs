//! The feed of one town over a year in which the provider of 72 was out: what concerns it, all of
//! it, and nothing else.

use std::collections::BTreeMap;

use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::time::Timestamp;
use turmwacht::publish::{self, Rendered, Target};
use turmwacht::replay::{replay, restored};
use turmwacht::scenario::{Golden, Scenario};

use crate::publish::feeds::{Told, told};

/// When it is looked at before the end: the day after, before Christmas, after the change to
/// summer time.
const DATES: [&str; 3] = ["2023-10-31T12:00:00Z", "2023-12-14T11:00:00Z", "2024-04-02T12:00:00Z"];

fn document(snapshot: &Snapshot, path: &str) -> Option<String> {
    match publish::render(snapshot, &Target { path: path.to_owned(), query: Vec::new() }) {
        Rendered::Document(document) => Some(String::from_utf8(document.body).expect("documents are text")),
        _ => None,
    }
}

/// The months of a year of 12.
fn months() -> impl Iterator<Item = String> {
    [(2023, 10..=12), (2024, 1..=9)]
        .into_iter()
        .flat_map(|(year, months)| months.map(move |month| format!("{year}-{month:02}")))
}

#[test]
fn a_towns_feed_holds_a_year_of_what_concerns_it() {
    let mut scenario = Scenario::load("menden-2023").expect("it is built in");
    let paths = ["/menden/feed.atom", "/menden/feed-2023-10.atom"].map(str::to_owned);
    let instant = |text: &str| Timestamp::from_jiff(text.parse().expect("RFC 3339"));
    scenario.goldens = DATES.map(|at| Golden { at: instant(at).since(scenario.start), paths: paths.to_vec() }).to_vec();
    let replayed = replay(&scenario);
    let mut seen: BTreeMap<String, Told> = BTreeMap::new();
    let mut counts = Vec::new();
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).expect("text");
    for (_, path, body) in &replayed.goldens {
        let feed = told(&text(body));
        if path == "/menden/feed.atom" {
            counts.push(feed.len());
        }
        seen.extend(feed.into_iter().map(|entry| (entry.id.clone(), entry)));
    }
    let end = &replayed.snapshot;
    let feed = told(&document(end, "/menden/feed.atom").expect("a feed"));
    counts.push(feed.len());
    assert_eq!(counts, [8, 17, 31, 39]);

    // Nothing of what other towns said, or was said to them.
    for entry in &feed {
        for other in ["Lüdenscheid", "Herscheid", "Siegen", "Olpe", "Berleburg", "Kreishaus"] {
            assert!(!entry.title.contains(other) && !entry.content.contains(other), "{entry:?}");
        }
        assert!(!entry.content.is_empty(), "{entry:?}");
    }
    let titled = |title: &str| feed.iter().filter(|entry| entry.title == title).count();
    // Its way back in its own words, once each.
    for mode in [
        "Ersatzbetrieb (Behelfslösung)",
        "Notbetrieb",
        "Pilotbetrieb",
        "Basisbetrieb (reduzierte Funktionalität)",
        "Regelbetrieb",
    ] {
        assert_eq!(titled(&format!("Standesamtswesen: {mode} in Menden (Sauerland)")), 1, "{mode}");
    }
    let site =
        feed.iter().find(|entry| entry.title.starts_with("Homepage der Stadt Menden: Hinweis")).expect("an entry");
    assert!(site.content.starts_with("So geht es trotzdem: "), "{}", site.content);

    // What stood in it at any time still does, at the same date.
    for (id, before) in &seen {
        let now = feed.iter().find(|entry| entry.id == *id).unwrap_or_else(|| panic!("{id} is gone"));
        assert_eq!(now.published, before.published);
    }
    // The archives hold the same, month by month; months of silence have none.
    let archives: Vec<(String, Vec<Told>)> = months()
        .filter_map(|month| Some((month.clone(), told(&document(end, &format!("/menden/feed-{month}.atom"))?))))
        .collect();
    let told_in: Vec<&str> = archives.iter().map(|(month, _)| &**month).collect();
    assert_eq!(
        told_in,
        ["2023-10", "2023-11", "2023-12", "2024-01", "2024-02", "2024-03", "2024-04", "2024-06", "2024-09"]
    );
    assert_eq!(archives.iter().map(|(_, held)| held.len()).sum::<usize>(), feed.len());
    // An archive that was complete stays as it is.
    let october: Vec<String> = replayed
        .goldens
        .iter()
        .filter(|(_, path, _)| path.contains("2023-10"))
        .map(|(_, _, body)| text(body))
        .collect();
    assert_eq!(october[1], october[2]);
    assert_eq!(Some(&october[2]), document(end, "/menden/feed-2023-10.atom").as_ref());
    // One incident all along, and short enough to be read.
    let incidents = told(&document(end, "/menden/feed-incidents.atom").expect("a feed"));
    assert_eq!(incidents.len(), 1);
    assert!(incidents[0].published.starts_with("2023-10-30T00:06:"), "{}", incidents[0].published);
    assert!(
        incidents[0].content.contains("29.02.2024, 12:00 Uhr")
            && incidents[0].content.contains("31.03.2024, 09:05 Uhr")
    );
    let bytes = document(end, "/menden/feed.atom").expect("a feed").len();
    assert!(bytes < 64 * 1024, "{bytes} bytes");
}

#[test]
fn planned_work_that_is_long_over_stays_in_feeds_and_keeps_its_page() {
    let replayed = replay(&Scenario::load("geesthacht-2021").expect("it is built in"));
    let end = &replayed.snapshot;
    assert!(end.maintenances.iter().all(|maintenance| maintenance.id.as_str() != "vois-umstellung"));
    assert!(!document(end, "/api/v1/maintenance").expect("a list").contains("vois-umstellung"));
    let held = |path: &str| {
        let all = told(&document(end, path).expect("a feed"));
        all.iter().filter(|entry| entry.id.contains(":maintenance/vois-umstellung/")).count()
    };
    assert_eq!(held("/geesthacht/feed.atom"), 3);
    assert_eq!((held("/geesthacht/feed-2021-09.atom"), held("/geesthacht/feed-2021-10.atom")), (2, 1));
    assert!(document(end, "/maintenance/vois-umstellung").expect("a page").contains("VOIS"));
    assert!(document(end, "/api/v1/maintenance/vois-umstellung").expect("JSON").contains("\"completed\""));
    // A server that was restarted knows the same.
    let mut restored = restored(&replayed.events, &replayed.state);
    let again = restored.snapshot(end.at, &[], true);
    assert_eq!(document(&again, "/geesthacht/feed.atom"), document(end, "/geesthacht/feed.atom"));
}
