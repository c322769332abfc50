//! Feeds beyond Atom: archives that lead from one to the other, one entry per incident, the feeds
//! of components, RSS and JSON Feed. Each read back by another parser.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use turmwacht::model::id::{ComponentId, IncidentId};
use turmwacht::model::incident::{Body, IncidentStatus, Message, MessageCode};
use turmwacht::model::snapshot::{PublicIncident, Snapshot};
use turmwacht::model::text::{Plain, Text};
use turmwacht::publish::Rendered;
use turmwacht::publish::feed::ENTRIES_MAX;

use super::atom::{self, Read};
use super::hostile::CORPUS;
use super::sample::{land, sample, sample_in_the_words_of, time, update};
use super::{answer, document, text, value};

/// An item of RSS as a reader understands it.
#[derive(Debug, Default, PartialEq)]
struct Item {
    title: String,
    link: String,
    guid: String,
    date: String,
    updated: String,
    description: String,
    language: String,
    categories: Vec<String>,
}

/// Reads RSS: its channel, with its links as categories, and its items.
fn rss(xml: &str) -> (Item, Vec<Item>) {
    let mut reader = Reader::from_str(xml);
    let (mut channel, mut items) = (Item::default(), Vec::<Item>::new());
    let mut open: Vec<String> = Vec::new();
    loop {
        let event = reader.read_event().expect("well-formed");
        let current = if open.iter().any(|name| name == "item") { items.last_mut().unwrap() } else { &mut channel };
        let mut add = |addition: &str| match open.last().map(String::as_str) {
            Some("title") => current.title.push_str(addition),
            Some("link") => current.link.push_str(addition),
            Some("guid") => current.guid.push_str(addition),
            Some("pubDate" | "lastBuildDate") => current.date.push_str(addition),
            Some("atom:updated") => current.updated.push_str(addition),
            Some("description") => current.description.push_str(addition),
            Some("language" | "dc:language") => current.language.push_str(addition),
            Some("category") => current.categories.last_mut().unwrap().push_str(addition),
            Some("ttl") => assert!(addition.parse::<u16>().is_ok()),
            _ => assert!(addition.trim().is_empty(), "text outside of an element: {addition}"),
        };
        match event {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                match &*name {
                    "item" => items.push(Item::default()),
                    "category" => current.categories.push(String::new()),
                    "guid" => {
                        let permanent = start.try_get_attribute("isPermaLink").unwrap().unwrap();
                        assert_eq!(&*permanent.value, "false");
                    }
                    _ => {}
                }
                open.push(name);
            }
            Event::End(_) => drop(open.pop()),
            Event::Empty(empty) => {
                let attribute = |name: &str| empty.try_get_attribute(name).unwrap().unwrap().value.into_owned();
                match empty.name().as_ref() {
                    "atom:link" => current.categories.push(format!("{} {}", attribute("rel"), attribute("href"))),
                    "fh:archive" => current.categories.push("archive".to_owned()),
                    other => panic!("unexpected {other:?}"),
                }
            }
            Event::Text(text) => add(&text),
            Event::GeneralRef(reference) => {
                let written = format!("&{};", &*reference);
                add(&quick_xml::escape::unescape(&written).expect("a known reference"));
            }
            Event::Decl(_) => {}
            Event::Eof => return (channel, items),
            other => panic!("unexpected {other:?}"),
        }
    }
}

/// What a browser shows of a description; markup other than line breaks is a fault.
fn shown(html: &str) -> String {
    let text = html.replace("<br>\n", "\n");
    assert!(!text.contains(['<', '>', '"']), "markup: {html}");
    quick_xml::escape::unescape(&text).expect("escaped").into_owned()
}

/// An entry, for stories.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) published: String,
    pub(crate) title: String,
    pub(crate) content: String,
}

/// The entries of an Atom feed, for stories.
pub(crate) fn told(feed: &str) -> Vec<Told> {
    let entries = atom::read(feed).1;
    let told = |Read { id, published, title, content, .. }| Told { id, published, title, content };
    entries.into_iter().map(told).collect()
}

/// The feeds of the sample that other programs read.
pub(crate) const FEEDS: &[&str] = &[
    "/feed",
    "/en/feed",
    "/hattingen/feed",
    "/en/hattingen/feed",
    "/hattingen/serviceportal-en/feed",
    "/hattingen/feed-incidents",
    "/en/feed-incidents",
    "/hattingen/feed-2023-11",
    "/feed-2023-01",
];

/// The same feeds in all three formats, of the sample, of an empty site and in hostile words.
pub(crate) fn samples() -> Vec<(String, [String; 3])> {
    let mut empty = land(1, 0);
    empty.incidents.clear();
    let mut all = vec![("empty".to_owned(), three(&empty, "/feed"))];
    let named = |name: &str, path: &str| format!("{name}{}", path.replace('/', "-"));
    let plain = sample();
    all.extend(FEEDS.iter().map(|path| (named("plain", path), three(&plain, path))));
    for (number, hostile) in CORPUS.iter().enumerate() {
        let snapshot = sample_in_the_words_of(hostile);
        let name = format!("hostile-{number}");
        all.extend(
            ["/hattingen/feed", "/hattingen/feed-incidents"].map(|path| (named(&name, path), three(&snapshot, path))),
        );
    }
    all
}

fn three(snapshot: &Snapshot, path: &str) -> [String; 3] {
    ["atom", "rss", "json"].map(|ending| text(snapshot, &format!("{path}.{ending}")))
}

/// Checks that a document is a JSON Feed 1.1: what must be there, of the right kind.
fn json_feed(feed: &Value) -> &Vec<Value> {
    assert_eq!(feed["version"], "https://jsonfeed.org/version/1.1");
    let is_address = |value: &Value| value.as_str().is_some_and(|address| url::Url::parse(address).is_ok());
    let known = ["version", "title", "home_page_url", "feed_url", "next_url", "language", "authors", "items"];
    assert!(feed.as_object().unwrap().keys().all(|key| known.contains(&&**key)));
    assert!(feed["title"].is_string() && feed["language"].is_string());
    assert!(is_address(&feed["home_page_url"]) && is_address(&feed["feed_url"]));
    assert!(feed.get("next_url").is_none_or(|next| is_address(next) && *next != feed["feed_url"]));
    let authors = feed["authors"].as_array().unwrap();
    assert!(authors.iter().all(|author| author["name"].as_str().is_some_and(|name| !name.is_empty())));
    let items = feed["items"].as_array().unwrap();
    let ids: BTreeSet<&str> = items.iter().map(|item| item["id"].as_str().expect("a string")).collect();
    assert_eq!(ids.len(), items.len(), "an id stands twice");
    for item in items {
        assert!(item["content_text"].is_string() && item["title"].is_string() && is_address(&item["url"]), "{item}");
        for date in ["date_published", "date_modified"] {
            assert!(item[date].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{item}");
        }
        assert!(item["tags"].as_array().unwrap().iter().all(Value::is_string), "{item}");
        let ours = &item["_turmwacht"];
        assert!(["incident", "overlay", "maintenance", "local"].contains(&ours["kind"].as_str().unwrap()), "{item}");
        assert!(["components", "organisations", "leika"].iter().all(|list| ours[list].is_array()), "{item}");
        assert!(ours["status"].is_string() || ours["status"].is_null(), "{item}");
    }
    items
}

#[test]
fn all_formats_say_the_same() {
    let all = samples();
    for (name, three) in &all {
        agree(name, three);
    }
    assert!(all.len() > 35, "{}", all.len());
}

/// Checks that a feed says the same as Atom, as RSS and as JSON.
pub(crate) fn agree(name: &str, [atom, rss, json]: &[String; 3]) {
    let (feed, entries) = atom::read(atom);
    let (channel, items) = self::rss(rss);
    let json: Value = serde_json::from_str(json).expect("JSON");
    let (title, written) = (&feed.title, json_feed(&json));
    assert_eq!((title, title), (&channel.title, &json["title"].as_str().unwrap().to_owned()), "{name}");
    assert_eq!(channel.language, json["language"], "{name}");
    assert_eq!(shown(&channel.description), *title, "{name}");
    // What was taken back is a tombstone in Atom, and says so elsewhere.
    assert_eq!(items.len(), written.len(), "{name}");
    let lives = |item: &&Value| item["_turmwacht"].get("retracted_at").is_none();
    let alive: Vec<(&Item, &Value)> = items.iter().zip(written).filter(|(_, item)| lives(item)).collect();
    assert_eq!(entries.len(), alive.len(), "{name}");
    for (entry, (item, json)) in entries.iter().zip(alive) {
        assert_eq!((&entry.id, &entry.id), (&item.guid, &json["id"].as_str().unwrap().to_owned()), "{name}");
        assert_eq!(entry.title, item.title, "{name}");
        assert_eq!(entry.title, json["title"], "{name}");
        assert_eq!(entry.content, shown(&item.description), "{name}");
        assert_eq!(entry.content, json["content_text"], "{name}");
        assert_eq!(entry.published, json["date_published"], "{name}");
        assert_eq!(entry.updated, json["date_modified"], "{name}");
        assert_eq!(entry.links, [format!("alternate {}", item.link)], "{name}");
        assert_eq!(item.link, json["url"], "{name}");
        let changed = if item.updated.is_empty() { &entry.published } else { &item.updated };
        assert_eq!(entry.updated, *changed, "{name}");
        let terms: Vec<&str> = entry.categories.iter().filter_map(|one| Some(one.split_once(' ')?.1)).collect();
        assert_eq!(terms, item.categories, "{name}");
        // Only words change places with ids.
        assert_eq!(terms.len(), json["tags"].as_array().unwrap().len(), "{name}");
    }
}

#[test]
fn rss_is_as_programs_want_it() {
    let snapshot = sample();
    let document = document(&snapshot, "/en/hattingen/feed.rss");
    assert_eq!(document.content_type, "application/rss+xml; charset=utf-8");
    let (channel, items) = rss(&text(&snapshot, "/en/hattingen/feed.rss"));
    assert_eq!(channel.title, "Town of Hattingen – Status of the services");
    assert_eq!((&*channel.link, &*channel.language), ("https://status.example.org/en/hattingen", "en"));
    assert_eq!(
        channel.categories,
        [
            "self https://status.example.org/en/hattingen/feed.rss",
            "prev-archive https://status.example.org/en/hattingen/feed-2023-01.rss"
        ]
    );
    assert_eq!(channel.date, "Mon, 06 Nov 2023 09:25:00 +0000");
    // A corrected item stays where it is, and says when it was changed.
    let corrected = items.iter().find(|item| item.guid.ends_with("i-open/2")).expect("an item");
    assert_eq!(corrected.guid, "tag:status.example.org,2023:incident/i-open/2");
    assert_eq!((&*corrected.date, &*corrected.updated), ("Mon, 06 Nov 2023 09:20:00 +0000", "2023-11-06T09:25:00.25Z"));
    // So does one that was taken back, without a word of what it said.
    let back = items.iter().find(|item| item.guid.ends_with("i-open/4")).expect("an item");
    assert_eq!(back.title, "Disruption: Service portal Ennepe-Ruhr – withdrawn");
    assert_eq!(back.description, "This notice was withdrawn.");
    let json = value(&snapshot, "/hattingen/feed.json");
    let back = json["items"].as_array().unwrap().iter().find(|item| item["id"].as_str().unwrap().ends_with("i-open/4"));
    let back = back.expect("an item");
    assert_eq!(back["content_text"], "Diese Meldung wurde zurückgezogen.");
    assert_eq!(back["_turmwacht"]["retracted_at"], "2023-11-06T09:24:00Z");
    // A text in another language than the feed's says so.
    let mut german = sample();
    let update = &mut Arc::make_mut(&mut german.incidents[0]).updates[1];
    update.body = Body::Written(Text::single("de", "Nur auf Deutsch."));
    let items = rss(&text(&german, "/en/hattingen/feed.rss")).1;
    let languages: Vec<&str> =
        items.iter().map(|item| &*item.language).filter(|language| !language.is_empty()).collect();
    assert_eq!(languages, ["de"]);
}

#[test]
fn a_json_feed_says_what_programs_ask_for() {
    let snapshot = sample();
    let document = document(&snapshot, "/hattingen/feed.json");
    assert_eq!(document.content_type, "application/feed+json; charset=utf-8");
    let feed = value(&snapshot, "/hattingen/feed.json");
    assert_eq!(feed["home_page_url"], "https://status.example.org/hattingen");
    assert_eq!(feed["feed_url"], "https://status.example.org/hattingen/feed.json");
    assert_eq!(feed["next_url"], "https://status.example.org/hattingen/feed-2023-01.json");
    assert_eq!(feed["authors"][0]["name"], "Status der Dienste");
    let item = |id: &str| {
        let items = feed["items"].as_array().unwrap();
        items.iter().find(|item| item["id"].as_str().unwrap().ends_with(id)).expect("an item").clone()
    };
    let update = item("i-open/2");
    assert_eq!(
        update["_turmwacht"],
        serde_json::json!({
            "kind": "incident",
            "status": "identified",
            "components": ["serviceportal-en", "standesamt-hattingen", "standesamt-hattingen.eheschliessung"],
            "organisations": ["059540016016"],
            "leika": ["99102013104000"],
        })
    );
    assert_eq!(update["tags"][0], "Ursache bekannt");
    for (id, kind, status) in [
        ("overlay/hattingen/2", "overlay", Value::Null),
        ("umstellung/announced", "maintenance", "announced".into()),
        ("1699257600000", "local", "basic".into()),
    ] {
        let ours = &item(id)["_turmwacht"];
        assert_eq!((&ours["kind"], &ours["status"]), (&Value::from(kind), &status), "{id}");
    }
    assert_eq!(value(&snapshot, "/feed.json")["items"][0]["_turmwacht"]["organisations"].as_array().unwrap().len(), 3);
}

/// An incident of Witten's homepage with one update a day, the last of them at the instant.
fn daily(id: &str, days: u32, last: &str) -> Arc<PublicIncident> {
    let mut incident = (*sample().incidents[1]).clone();
    incident.id = IncidentId::new(id);
    let (last, said) = (time(last), Body::Written(Text::single("de", "Noch nichts Neues.")));
    incident.updates = (1..=days)
        .map(|number| {
            let at = last.minus(Duration::from_secs(u64::from(days - number) * 86_400));
            update(number, at, IncidentStatus::Identified, said.clone())
        })
        .collect();
    Arc::new(incident)
}

fn with_incidents(incidents: Vec<Arc<PublicIncident>>) -> Snapshot {
    Snapshot { incidents, maintenances: Vec::new(), changes: Arc::default(), ..sample() }
}

fn link(feed: &Read, rel: &str) -> Option<String> {
    feed.links
        .iter()
        .find_map(|link| Some(link.strip_prefix(rel)?.strip_prefix(" https://status.example.org")?.to_owned()))
}

/// Walks from a feed through its archives. The documents, and all entries with their dates.
fn walk(snapshot: &Snapshot, path: &str) -> (Vec<String>, BTreeSet<(String, String)>) {
    let (mut paths, mut entries) = (Vec::new(), BTreeSet::new());
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let (feed, held) = atom::read(&text(snapshot, &path));
        assert_eq!(link(&feed, "self").as_deref(), Some(&*path));
        assert_eq!(feed.is_archive, !paths.is_empty(), "{path}");
        if feed.is_archive {
            assert_eq!(link(&feed, "current").as_deref(), paths.first().map(|first: &String| &**first));
        }
        entries.extend(held.into_iter().map(|entry| (entry.id, entry.published)));
        next = link(&feed, "prev-archive");
        paths.push(path);
    }
    (paths, entries)
}

#[test]
fn the_archives_hold_every_entry_and_lead_from_one_to_the_other() {
    // 120 days over a change of the year, and one update two years earlier.
    let snapshot =
        with_incidents(vec![daily("i-long", 120, "2024-02-15T10:00:00Z"), daily("i-old", 1, "2021-05-31T23:30:00Z")]);
    for folder in ["", "/witten", "/en/witten", "/witten/website-witten"] {
        let (paths, entries) = walk(&snapshot, &format!("{folder}/feed.atom"));
        let archives: Vec<&str> =
            paths.iter().filter_map(|path| path.strip_prefix(&format!("{folder}/feed-"))).collect();
        // Fifty days are all of February and most of January, whose archive holds the rest.
        assert_eq!(
            archives,
            ["2024-01.atom", "2023-12.atom", "2023-11.atom", "2023-10.atom", "2021-05.atom"],
            "{folder}"
        );
        assert_eq!(entries.len(), 121, "{folder}");
        for archive in &archives {
            let (feed, held) = atom::read(&text(&snapshot, &format!("{folder}/feed-{archive}")));
            let month = archive.strip_suffix(".atom").unwrap();
            assert!(held.iter().all(|entry| entry.published.starts_with(month)), "{month}");
            assert_eq!(held.len(), entries.iter().filter(|(_, at)| at.starts_with(month)).count(), "{month}");
            assert_eq!(feed.updated, held[0].updated);
            // All documents are one feed.
            assert_eq!(feed.id, atom::read(&text(&snapshot, &format!("{folder}/feed.atom"))).0.id);
        }
        // And back again.
        let forward = |path: &str| link(&atom::read(&text(&snapshot, &format!("{folder}/{path}"))).0, "next-archive");
        assert_eq!(forward("feed-2021-05.atom"), Some(format!("{folder}/feed-2023-10.atom")));
        assert_eq!(forward("feed-2023-12.atom"), Some(format!("{folder}/feed-2024-01.atom")));
        assert_eq!(forward("feed-2024-01.atom"), Some(format!("{folder}/feed-2024-02.atom")));
        assert_eq!(forward("feed-2024-02.atom"), None);
    }
    // Where nothing was said there is no archive, and none of incidents.
    for path in ["/feed-2022-01.atom", "/feed-2024-03.atom", "/hattingen/feed-2024-01.atom", "/feed-2023-13.atom"] {
        assert_eq!(answer(&snapshot, path), Rendered::NotFound, "{path}");
    }
    assert_eq!(walk(&snapshot, "/feed-incidents.atom").0.len(), 1);
    // The other formats lead the same way.
    assert_eq!(
        value(&snapshot, "/witten/feed-2023-12.json")["next_url"],
        "https://status.example.org/witten/feed-2023-11.json"
    );
    let (channel, items) = rss(&text(&snapshot, "/witten/feed-2023-12.rss"));
    assert_eq!(items.len(), 31);
    assert_eq!(channel.categories[4], "archive");
    assert_eq!(channel.categories[2], "prev-archive https://status.example.org/witten/feed-2023-11.rss");
}

#[test]
fn a_month_of_more_entries_than_a_feed_holds_loses_none() {
    let mut incident = (*daily("i-busy", 1, "2024-02-01T00:00:00Z")).clone();
    let first = incident.updates[0].clone();
    incident.updates = (1..=130u32)
        .map(|number| {
            let at = first.at.plus(Duration::from_secs(u64::from(number) * 600));
            update(number, at, IncidentStatus::Identified, first.body.clone())
        })
        .collect();
    let snapshot = with_incidents(vec![Arc::new(incident)]);
    let (paths, entries) = walk(&snapshot, "/feed.atom");
    assert_eq!((paths.len(), entries.len()), (2, 130));
    assert_eq!(atom::read(&text(&snapshot, "/feed.atom")).1.len(), ENTRIES_MAX);
    assert_eq!(atom::read(&text(&snapshot, "/feed-2024-02.atom")).1.len(), 130);
}

#[test]
fn the_newest_month_is_no_archive_while_the_feed_still_holds_it() {
    let before = with_incidents(vec![daily("i-a", 20, "2024-02-10T10:00:00Z")]);
    let after = with_incidents(vec![daily("i-b", 1, "2024-02-12T10:00:00Z"), daily("i-a", 20, "2024-02-10T10:00:00Z")]);
    // Who has read the archive of January need not read it again.
    for snapshot in [&before, &after] {
        assert_eq!(walk(snapshot, "/feed.atom").0, ["/feed.atom", "/feed-2024-01.atom"]);
    }
    let held = |snapshot| atom::read(&text(snapshot, "/feed-2024-01.atom"));
    assert_eq!(held(&before), held(&after));
    // One month alone has no archive before it.
    let one = with_incidents(vec![daily("i-a", 3, "2024-02-10T10:00:00Z")]);
    assert_eq!(walk(&one, "/feed.atom").0, ["/feed.atom"]);
}

#[test]
fn what_is_corrected_later_stands_corrected_in_its_archive_and_at_the_head() {
    let mut snapshot = with_incidents(vec![daily("i-long", 120, "2024-02-15T10:00:00Z")]);
    let updates = &mut Arc::make_mut(&mut snapshot.incidents[0]).updates;
    let corrected = "tag:status.example.org,2023:incident/i-long/10";
    updates[9].body = Body::Written(Text::single("de", "So war es richtig."));
    updates[9].corrected_at = Some(time("2024-02-16T08:00:00Z"));
    updates[10].body = Body::Written(Text::default());
    updates[10].retracted_at = Some(time("2024-02-16T09:00:00Z"));
    for path in ["/feed.atom", "/feed-2023-10.atom"] {
        let (feed, entries) = atom::read(&text(&snapshot, path));
        let entry = entries.iter().find(|entry| entry.id == corrected).expect("it stands in both");
        assert_eq!((&*entry.content, &*entry.updated), ("So war es richtig.", "2024-02-16T08:00:00Z"), "{path}");
        assert!(entry.published.starts_with("2023-10-28"), "{path}: {}", entry.published);
        assert_eq!(feed.deleted, ["tag:status.example.org,2023:incident/i-long/11 2024-02-16T09:00:00Z"], "{path}");
        assert_eq!(feed.updated, "2024-02-16T09:00:00Z", "{path}");
    }
    assert_eq!(atom::read(&text(&snapshot, "/feed.atom")).1[0].id, corrected);
    assert_eq!(walk(&snapshot, "/feed.atom").1.len(), 119);
}

#[test]
fn an_incident_is_one_entry_that_moves() {
    let snapshot = sample();
    let read = |snapshot: &Snapshot, path: &str| atom::read(&text(snapshot, path));
    let (feed, entries) = read(&snapshot, "/witten/feed-incidents.atom");
    assert_eq!(feed.title, "Störungen – Stadt Witten – Status der Dienste");
    assert_eq!(feed.id, "tag:status.example.org,2026:feed-incidents/witten");
    let ids: Vec<&str> = entries.iter().map(|entry| &*entry.id).collect();
    assert_eq!(ids, ["tag:status.example.org,2023:incident/i-open", "tag:status.example.org,2023:incident/i-closed"]);
    let open = &entries[0];
    assert_eq!(open.title, "Störung: Serviceportal Ennepe-Ruhr – Ursache bekannt");
    assert_eq!((&*open.published, &*open.updated), ("2023-11-06T09:14:00Z", "2023-11-06T09:26:00Z"));
    let lines: Vec<&str> = open.content.split("\n\n").collect();
    assert_eq!(
        lines[..4],
        [
            "06.11.2023, 10:26 Uhr – Hinweis: In Witten gilt das Gleiche.",
            "06.11.2023, 10:23 Uhr – zurückgezogen: Diese Meldung wurde zurückgezogen.",
            "06.11.2023, 10:22 Uhr – Ursache bekannt: Nur in Witten: auch die Kasse. Ende derzeit nicht absehbar.",
            "06.11.2023, 10:20 Uhr – Ursache bekannt: Die Ursache ist gefunden. Voraussichtliches Ende: nicht vor Mitte November.",
        ]
    );
    assert!(
        lines[4].starts_with("06.11.2023, 10:14 Uhr – wird untersucht: Serviceportal Ennepe-Ruhr ist"),
        "{lines:?}"
    );
    // Elsewhere it is the same entry, without what concerns Witten only.
    let (_, elsewhere) = read(&snapshot, "/hattingen/feed-incidents.atom");
    assert_eq!(elsewhere.len(), 1);
    assert_eq!((&elsewhere[0].id, &elsewhere[0].published), (&open.id, &open.published));
    assert_eq!(elsewhere[0].updated, "2023-11-06T09:25:00.25Z");
    assert!(!elsewhere[0].content.contains("Witten") && elsewhere[0].content.contains("Bürgerbüro"));
    // Another update: the same id, a later date.
    let mut later = sample();
    let incident = Arc::make_mut(&mut later.incidents[0]);
    let said = Body::Written(Text::single("de", "Es geht wieder."));
    incident.updates.push(update(5, time("2023-11-06T09:40:00Z"), IncidentStatus::Monitoring, said));
    incident.status = IncidentStatus::Monitoring;
    let (_, moved) = read(&later, "/witten/feed-incidents.atom");
    assert_eq!((&moved[0].id, &moved[0].published), (&open.id, &open.published));
    assert_eq!((&*moved[0].updated, moved.len()), ("2023-11-06T09:40:00Z", 2));
    assert!(
        moved[0].content.starts_with("06.11.2023, 10:40 Uhr – wieder erreichbar, wird beobachtet: Es geht wieder.")
    );
    // One of which nothing was said yet says how it stands.
    incident_without_words(&mut later);
    assert_eq!(read(&later, "/hattingen/feed-incidents.atom").1[0].content, "Wieder erreichbar, wird beobachtet.");
}

#[test]
fn what_closed_without_being_over_does_not_read_as_resolved() {
    let told = |snapshot: &Snapshot, feed: &str| {
        let feed = value(snapshot, &format!("/hattingen/{feed}.json"));
        let items = feed["items"].as_array().unwrap().iter();
        let mut items = items.filter(|item| item["_turmwacht"]["kind"] == "incident");
        let item = items.next().expect("an item");
        let read = |value: &Value| value.as_str().unwrap_or("null").to_owned();
        (read(&item["title"]), read(&item["tags"][0]), read(&item["_turmwacht"]["status"]))
    };
    let closed = |code: MessageCode, merged: bool| {
        let mut snapshot = sample();
        let incident = Arc::make_mut(&mut snapshot.incidents[0]);
        let Body::Automatic(message) = incident.title.clone() else { panic!("ours") };
        let body = Body::Automatic(Message { code, ..message });
        incident.updates.push(update(5, time("2023-11-06T09:40:00Z"), IncidentStatus::Resolved, body));
        incident.status = IncidentStatus::Resolved;
        incident.merged_into = merged.then(|| IncidentId::new("i-other"));
        snapshot
    };
    for feed in ["feed", "feed-incidents"] {
        for (code, merged, word, term) in [
            (MessageCode::Merged, true, "an anderer Stelle fortgeführt", "merged"),
            (MessageCode::Removed, false, "wird nicht mehr überwacht", "removed"),
            (MessageCode::Resolved, false, "behoben", "resolved"),
        ] {
            let (title, tag, status) = told(&closed(code, merged), feed);
            assert_eq!((&*tag, &*status), (word, term), "{feed}");
            assert_eq!(title, format!("Störung: Serviceportal Ennepe-Ruhr – {word}"), "{feed}");
        }
    }
    // What was said before stays as it was.
    let snapshot = closed(MessageCode::Merged, true);
    assert!(text(&snapshot, "/hattingen/feed-incidents.atom").contains("wird untersucht"));
}

#[test]
fn what_was_taken_back_stands_for_nothing() {
    let mut snapshot = sample();
    let incident = Arc::make_mut(&mut snapshot.incidents[0]);
    incident.updates[3].status = IncidentStatus::Resolved;
    let feed = value(&snapshot, "/hattingen/feed.json");
    let back = feed["items"].as_array().unwrap().iter().find(|item| item["id"].as_str().unwrap().ends_with("i-open/4"));
    let back = back.expect("an item");
    assert_eq!(back["_turmwacht"]["status"], Value::Null);
    assert!(!back["tags"].as_array().unwrap().contains(&"behoben".into()), "{back}");
    let item = rss(&text(&snapshot, "/hattingen/feed.rss")).1.into_iter().find(|item| item.guid.ends_with("i-open/4"));
    let categories = item.expect("an item").categories;
    assert!(!categories.iter().any(|term| term == "resolved" || term == "critical"), "{categories:?}");
}

fn incident_without_words(snapshot: &mut Snapshot) {
    let incident = Arc::make_mut(&mut snapshot.incidents[0]);
    incident.updates.clear();
    incident.overlays.clear();
}

#[test]
fn a_component_has_the_feed_of_what_concerns_it() {
    let snapshot = sample();
    let ids = |snapshot: &Snapshot, path: &str| -> Vec<String> {
        let read = atom::read(&text(snapshot, path)).1;
        read.into_iter()
            .filter_map(|entry| {
                Some(entry.id.split_once(":incident/").unwrap_or(entry.id.rsplit_once(':')?).1.to_owned())
            })
            .collect()
    };
    // What registering a marriage depends on: the portal. So its maintenance, its incident and
    // what differs of it, and nothing of the mail.
    let marriage = ids(&snapshot, "/hattingen/standesamt-hattingen.eheschliessung/feed.atom");
    for id in [
        "i-open/2",
        "i-open/overlay/hattingen/2",
        "local/serviceportal-en/0000000000000007/1699257600000",
        "maintenance/wartungsfenster/announced",
    ] {
        assert!(marriage.iter().any(|known| known == id), "{id}: {marriage:?}");
    }
    assert!(!marriage.iter().any(|id| id.contains("mail-en") || id.contains("netz")), "{marriage:?}");
    // What covers its whole does not cover it.
    assert!(!marriage.iter().any(|id| id.contains("umstellung")), "{marriage:?}");
    assert!(ids(&snapshot, "/hattingen/standesamt-hattingen/feed.atom").iter().any(|id| id.contains("umstellung")));
    // Booking is said to stay as it is, and rests on nothing.
    assert_eq!(ids(&snapshot, "/hattingen/standesamt-hattingen.termin/feed.atom"), Vec::<String>::new());
    let mut spared = sample();
    Arc::make_mut(&mut spared.incidents[0]).unaffected = vec![ComponentId::new("standesamt-hattingen.eheschliessung")];
    assert!(
        !ids(&spared, "/hattingen/standesamt-hattingen.eheschliessung/feed.atom")
            .iter()
            .any(|id| id.contains("i-open"))
    );
    // All of it stands in the feed of its page, too, and the words for one town in its own.
    let page = ids(&snapshot, "/hattingen/feed.atom");
    assert!(marriage.iter().all(|id| page.contains(id)));
    assert!(!ids(&snapshot, "/hattingen/serviceportal-en/feed.atom").contains(&"i-open/3".to_owned()));
    assert!(ids(&snapshot, "/witten/serviceportal-en/feed.atom").contains(&"i-open/3".to_owned()));
    let (feed, _) = atom::read(&text(&snapshot, "/en/hattingen/standesamt-hattingen.termin/feed.atom"));
    assert_eq!(feed.title, "Book an appointment – Town of Hattingen – Status of the services");
    assert_eq!(feed.id, "tag:status.example.org,2026:feed/hattingen/component/standesamt-hattingen.termin/en");
    // Only on pages that show it.
    assert_eq!(answer(&snapshot, "/witten/standesamt-hattingen/feed.atom"), Rendered::NotFound);
    assert_eq!(
        answer(&snapshot, "/hattingen/portal-alt/feed.rss"),
        Rendered::Moved("/hattingen/serviceportal-en/feed.rss".to_owned())
    );
}

#[test]
fn unchanged_content_is_unchanged_bytes_in_every_format() {
    let mut later = sample();
    later.at = later.at.plus(Duration::from_secs(90 * 86_400));
    later.position += 10;
    let paths = FEEDS.iter().flat_map(|path| ["atom", "rss", "json"].map(|ending| format!("{path}.{ending}")));
    for path in paths {
        assert_eq!(text(&later, &path), text(&sample(), &path), "{path}");
    }
}

#[test]
fn no_internal_component_is_in_any_format() {
    let snapshot = sample();
    for path in FEEDS.iter().flat_map(|path| ["atom", "rss", "json"].map(|ending| format!("{path}.{ending}"))) {
        assert!(!text(&snapshot, &path).contains(super::sample::INTERNAL_ID), "{path}");
    }
}

#[test]
fn a_long_text_with_lines_keeps_them() {
    let mut snapshot = sample();
    let update = &mut Arc::make_mut(&mut snapshot.incidents[0]).updates[1];
    update.body = Body::Written(Text::single("de", "Erste Zeile\n\n  & <zweite>"));
    update.ending = None;
    let items = rss(&text(&snapshot, "/hattingen/feed.rss")).1;
    let item = items.iter().find(|item| item.guid.ends_with("i-open/2")).expect("an item");
    assert_eq!(item.description, "Erste Zeile<br>\n<br>\n  &amp; &lt;zweite&gt;");
    assert_eq!(shown(&item.description), Plain::new("Erste Zeile\n\n  & <zweite>").unescaped());
}
