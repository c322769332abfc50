//! Feeds: read back by another parser.

use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::Event;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::IncidentId;
use turmwacht::model::incident::Body;
use turmwacht::model::snapshot::{PublicMaintenance, Snapshot};
use turmwacht::model::text::Text;
use turmwacht::model::window::When;

use super::sample::{land, sample, time};
use super::text;

/// An entry or feed as a reader understands it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Read {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) updated: String,
    pub(super) published: String,
    pub(super) content: String,
    pub(super) author: String,
    /// `scheme term`
    pub(super) categories: Vec<String>,
    /// `rel href`
    pub(super) links: Vec<String>,
}

/// Reads a feed: its head and its entries.
pub(super) fn read(xml: &str) -> (Read, Vec<Read>) {
    let mut reader = Reader::from_str(xml);
    let (mut feed, mut entries) = (Read::default(), Vec::<Read>::new());
    let mut open: Vec<String> = Vec::new();
    loop {
        let event = reader.read_event().expect("well-formed");
        let in_entry = open.iter().any(|name| name == "entry");
        let current = if in_entry { entries.last_mut().expect("an entry") } else { &mut feed };
        let mut add = |addition: &str| {
            let field = match open.last().map(String::as_str) {
                Some("id") => &mut current.id,
                Some("title") => &mut current.title,
                Some("updated") => &mut current.updated,
                Some("published") => &mut current.published,
                Some("content") => &mut current.content,
                Some("name") => &mut current.author,
                _ => {
                    assert!(addition.trim().is_empty(), "text outside of an element: {addition}");
                    return;
                }
            };
            field.push_str(addition);
        };
        match event {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                if name == "entry" {
                    entries.push(Read::default());
                }
                open.push(name);
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Empty(empty) => {
                let attribute = |name: &str| {
                    let found = empty.try_get_attribute(name).expect("well-formed")?;
                    Some(quick_xml::escape::unescape(&found.value).expect("escaped").into_owned())
                };
                match empty.name().as_ref() {
                    "category" => current.categories.push(format!(
                        "{} {}",
                        attribute("scheme").expect("a scheme"),
                        attribute("term").expect("a term")
                    )),
                    "link" => current.links.push(format!(
                        "{} {}",
                        attribute("rel").expect("a rel"),
                        attribute("href").expect("a href")
                    )),
                    other => panic!("unexpected {other:?}"),
                }
            }
            Event::Text(text) => add(&text),
            Event::GeneralRef(reference) => {
                let written = format!("&{};", &*reference);
                add(&quick_xml::escape::unescape(&written).expect("a known reference"));
            }
            Event::Decl(_) => {}
            Event::Eof => return (feed, entries),
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn ids(snapshot: &Snapshot, path: &str) -> Vec<(String, String, Vec<String>)> {
    read(&text(snapshot, path)).1.into_iter().map(|entry| (entry.id, entry.updated, entry.categories)).collect()
}

#[test]
fn an_entry_is_the_same_in_every_feed_and_language() {
    let snapshot = sample();
    let all = ids(&snapshot, "/feed.atom");
    assert_eq!(ids(&snapshot, "/en/feed.atom"), all);
    let of_town = ids(&snapshot, "/hattingen/feed.atom");
    assert_eq!(ids(&snapshot, "/en/hattingen/feed.atom"), of_town);
    assert!(of_town.iter().all(|entry| all.contains(entry)));
    // Hattingen's page shows nothing of Witten's homepage.
    assert!(all.len() > of_town.len() && of_town.iter().all(|(id, _, _)| !id.contains("i-closed")));
    let named: Vec<&str> = all.iter().map(|(id, _, _)| id.as_str()).collect();
    assert_eq!(
        named,
        [
            "tag:status.example.org,2023:incident/i-open/2",
            "tag:status.example.org,2023:incident/i-open/1",
            "tag:status.example.org,2023:maintenance/umstellung/announced",
            "tag:status.example.org,2023:incident/i-closed/2",
            "tag:status.example.org,2023:incident/i-closed/1",
        ]
    );
}

#[test]
fn a_feed_has_what_rfc_4287_wants() {
    let snapshot = sample();
    let (feed, entries) = read(&text(&snapshot, "/en/hattingen/feed.atom"));
    assert_eq!(feed.title, "Town of Hattingen – Status of the services");
    assert_eq!(feed.author, "Status of the services");
    assert_eq!(feed.updated, entries[0].updated);
    assert_eq!(
        feed.links,
        ["self https://status.example.org/en/hattingen/feed.atom", "alternate https://status.example.org/en/hattingen"]
    );
    let newest = &entries[0];
    assert_eq!(newest.title, "Disruption: Service portal Ennepe-Ruhr – cause identified");
    assert_eq!((&*newest.updated, &*newest.published), ("2023-11-06T09:25:00.25Z", "2023-11-06T09:25:00.25Z"));
    assert_eq!(newest.content, "The cause has been found.");
    assert_eq!(newest.links, ["alternate https://status.example.org/en/incidents/i-open"]);
    for category in [
        "tag:status.example.org,2026:incident-status identified",
        "tag:status.example.org,2026:impact critical",
        "tag:status.example.org,2026:component serviceportal-en",
        "urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs 059540016016",
        "tag:status.example.org,2026:leika 99102013104000",
    ] {
        assert!(newest.categories.iter().any(|found| found == category), "{category}: {:?}", newest.categories);
    }
}

#[test]
fn unchanged_content_is_unchanged_bytes() {
    let mut later = sample();
    later.at = later.at.plus(std::time::Duration::from_secs(3600));
    later.valid_until = later.valid_until.plus(std::time::Duration::from_secs(3600));
    later.position += 10;
    for path in ["/feed.atom", "/witten/feed.atom", "/en/ennepe-ruhr-kreis/feed.atom"] {
        assert_eq!(text(&later, path), text(&sample(), path), "{path}");
    }
    // An empty feed too: since when what stands longest on the page has been as it is.
    let empty = |mut snapshot: Snapshot| {
        snapshot.incidents.clear();
        snapshot.maintenances.clear();
        text(&snapshot, "/witten/feed.atom")
    };
    assert_eq!(empty(later), empty(sample()));
    assert_eq!(read(&empty(sample())).0.updated, "2023-11-02T11:00:00Z");
    assert_eq!(
        read(&text(
            &{
                let mut none = land(0, 0);
                none.incidents.clear();
                none.states.clear();
                none
            },
            "/feed.atom"
        ))
        .0
        .updated,
        "2026-01-01T00:00:00Z"
    );
}

#[test]
fn a_feed_holds_the_fifty_newest_with_stable_ties() {
    let mut snapshot = sample();
    let one = snapshot.incidents[0].clone();
    snapshot.incidents = (0..60)
        .map(|number| {
            let mut incident = (*one).clone();
            incident.id = IncidentId::new(format!("i-{number:02}"));
            for update in &mut incident.updates {
                update.at = time("2023-11-06T09:14:00Z");
            }
            Arc::new(incident)
        })
        .collect();
    let first = ids(&snapshot, "/feed.atom");
    assert_eq!(first.len(), 50);
    assert!(first[0].0.ends_with("i-00/2") && first[1].0.ends_with("i-00/1"), "{first:?}");
    snapshot.incidents.reverse();
    assert_eq!(ids(&snapshot, "/feed.atom"), first);
}

#[test]
fn categories_of_a_whole_land_fold_to_their_leading_digits() {
    let snapshot = land(300, 0);
    let categories = &ids(&snapshot, "/feed.atom")[0].2;
    let ars: Vec<&String> = categories.iter().filter(|category| category.contains("schluessel:rs")).collect();
    assert_eq!(ars, ["urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs 05000"]);
}

#[test]
fn a_text_that_is_not_translated_says_its_language() {
    let mut snapshot = sample();
    let incident = Arc::make_mut(&mut snapshot.incidents[0]);
    incident.updates[1].body = Body::Written(Text::single("de", "Nur auf Deutsch."));
    let english = text(&snapshot, "/en/feed.atom");
    assert!(english.contains("<content type=\"text\" xml:lang=\"de\">Nur auf Deutsch.</content>"), "{english}");
    assert!(!text(&snapshot, "/feed.atom").contains("<content type=\"text\" xml:lang"));
}

#[test]
fn a_maintenance_is_announced_once_it_is_and_until_it_is_called_off() {
    let announced = |change: fn(&mut PublicMaintenance)| {
        let mut snapshot = sample();
        change(Arc::make_mut(&mut snapshot.maintenances[0]));
        text(&snapshot, "/feed.atom").contains("maintenance/umstellung")
    };
    assert!(announced(|_| {}));
    assert!(announced(|maintenance| maintenance.phase = MaintenancePhase::Completed));
    assert!(!announced(|maintenance| maintenance.phase = MaintenancePhase::Cancelled));
    assert!(!announced(|maintenance| maintenance.announced_at = None));
    assert!(!announced(|maintenance| maintenance.announced_at = Some(When::instant(time("2023-11-06T09:30:01Z")))));
}
