//! Feeds: read back by another parser.

use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::Event;
use turmwacht::model::catalogue::Reach;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::{IncidentId, OrganisationId};
use turmwacht::model::incident::{Body, Ending, Expected};
use turmwacht::model::local::PublicLocal;
use turmwacht::model::notice::MaintenanceUpdate;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::{Mode, Status};
use turmwacht::model::text::Text;
use turmwacht::model::window::When;

use super::sample::{dates, land, sample, time, word};
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
    /// Of a feed, its tombstones: `ref when`
    pub(super) deleted: Vec<String>,
    /// Of a feed, whether it says that it is an archive.
    pub(super) is_archive: bool,
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
                    "at:deleted-entry" => current.deleted.push(format!(
                        "{} {}",
                        attribute("ref").expect("a ref"),
                        attribute("when").expect("an instant")
                    )),
                    "fh:archive" => current.is_archive = true,
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
    // All but the town's own words, which stand in its feed only.
    let (own, shared): (Vec<_>, Vec<_>) = of_town.iter().partition(|(id, _, _)| id.contains("/overlay/"));
    for (id, updated, categories) in shared {
        let (_, everywhere, of_all) = all.iter().find(|(known, _, _)| known == id).expect("it stands there, too");
        assert_eq!(updated, everywhere, "{id}");
        assert!(categories.iter().all(|category| of_all.contains(category)), "{id}");
        // A page names itself and what stands on it, nobody else.
        let ars = categories.iter().filter(|category| category.contains("schluessel:rs"));
        assert!(ars.clone().count() <= 1 && ars.clone().all(|ars| ars.ends_with(" 059540016016")), "{categories:?}");
        assert!(!categories.iter().any(|category| category.ends_with("website-witten")), "{categories:?}");
    }
    assert_eq!(own.len(), 1);
    // Hattingen's page shows nothing of Witten's homepage.
    assert!(all.len() > of_town.len() && of_town.iter().all(|(id, _, _)| !id.contains("i-closed")));
    let named: Vec<&str> = all.iter().map(|(id, _, _)| id.as_str()).collect();
    assert_eq!(
        named,
        [
            "tag:status.example.org,2023:incident/i-open/2",
            "tag:status.example.org,2023:incident/i-open/3",
            "tag:status.example.org,2023:incident/i-open/1",
            "tag:status.example.org,2023:local/serviceportal-en/0000000000000007/1699257600000",
            "tag:status.example.org,2023:maintenance/netz/4",
            "tag:status.example.org,2023:maintenance/netz/3",
            "tag:status.example.org,2023:maintenance/netz/2",
            "tag:status.example.org,2023:local/mail-en/0000000000000006/1699084800000",
            "tag:status.example.org,2023:maintenance/umstellung/announced",
            "tag:status.example.org,2023:incident/i-closed/2",
            "tag:status.example.org,2023:incident/i-closed/1",
            "tag:status.example.org,2023:maintenance/netz/announced",
            "tag:status.example.org,2023:maintenance/wartungsfenster/announced",
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
        [
            "self https://status.example.org/en/hattingen/feed.atom",
            "prev-archive https://status.example.org/en/hattingen/feed-2023-01.atom",
            "alternate https://status.example.org/en/hattingen"
        ]
    );
    let newest = &entries[0];
    assert_eq!(newest.title, "Disruption: Service portal Ennepe-Ruhr – cause identified");
    assert_eq!((&*newest.updated, &*newest.published), ("2023-11-06T09:25:00.25Z", "2023-11-06T09:20:00Z"));
    assert_eq!(newest.content, "The cause has been found. Expected end: not before mid-November.");
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
    // An empty feed too, whatever becomes of what stands on the page.
    let empty = |mut snapshot: Snapshot| {
        snapshot.incidents.clear();
        snapshot.maintenances.clear();
        snapshot.changes = Arc::default();
        text(&snapshot, "/witten/feed.atom")
    };
    for state in &mut later.states {
        Arc::make_mut(state).since = later.at;
    }
    assert_eq!(empty(later), empty(sample()));
    assert_eq!(read(&empty(sample())).0.updated, "2026-01-01T00:00:00Z");
}

#[test]
fn a_feed_holds_the_fifty_newest_with_stable_ties() {
    let mut snapshot = sample();
    let one = snapshot.incidents[0].clone();
    snapshot.incidents = (0..60)
        .map(|number| {
            let mut incident = (*one).clone();
            incident.id = IncidentId::new(format!("i-{number:02}"));
            incident.updates.truncate(2);
            for update in &mut incident.updates {
                update.at = time("2023-11-06T09:14:00Z");
                update.corrected_at = None;
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
    incident.updates[1].ending = None;
    let english = text(&snapshot, "/en/feed.atom");
    assert!(english.contains("<content type=\"text\" xml:lang=\"de\">Nur auf Deutsch.</content>"), "{english}");
    assert!(!text(&snapshot, "/feed.atom").contains("<content type=\"text\" xml:lang"));
    // What we add to it is in the same language.
    Arc::make_mut(&mut snapshot.incidents[0]).updates[1].ending = Some(Ending::Unknown);
    let english = text(&snapshot, "/en/feed.atom");
    assert!(english.contains("Nur auf Deutsch. Ende derzeit nicht absehbar.</content>"), "{english}");
}

#[test]
fn what_was_said_about_the_end_is_told_and_nothing_else() {
    let said = |ending: Option<Ending>| {
        let mut snapshot = sample();
        Arc::make_mut(&mut snapshot.incidents[0]).updates[1].ending = ending;
        entry(&snapshot, "/feed.atom", "i-open/2").expect("an entry").content
    };
    let at = |text| Some(time(text));
    assert_eq!(said(None), "Die Ursache ist gefunden.");
    assert_eq!(said(Some(Ending::Unknown)), "Die Ursache ist gefunden. Ende derzeit nicht absehbar.");
    let bounds = Expected { earliest: at("2023-12-15T11:00:00Z"), latest: at("2024-01-15T11:00:00Z"), label: None };
    assert_eq!(
        said(Some(Ending::Expected(bounds))),
        "Die Ursache ist gefunden. Voraussichtliches Ende: frühestens 15.12.2023, 12:00 Uhr, spätestens 15.01.2024, \
         12:00 Uhr."
    );
    let words = Expected {
        earliest: at("2023-12-15T11:00:00Z"),
        label: Some(Text::single("de", "ab Mitte Dezember")),
        latest: None,
    };
    assert_eq!(
        said(Some(Ending::Expected(words))),
        "Die Ursache ist gefunden. Voraussichtliches Ende: ab Mitte Dezember."
    );
}

/// The entries of a feed by the end of their ids.
fn entry(snapshot: &Snapshot, path: &str, id: &str) -> Option<Read> {
    read(&text(snapshot, path)).1.into_iter().find(|entry| entry.id.ends_with(id))
}

#[test]
fn an_update_that_was_taken_back_leaves_a_tombstone_and_no_word() {
    for path in ["/feed.atom", "/hattingen/feed.atom", "/en/witten/feed.atom"] {
        let (feed, _) = read(&text(&sample(), path));
        let deleted: Vec<&String> = feed.deleted.iter().filter(|deleted| !deleted.contains("/overlay/")).collect();
        assert_eq!(deleted, ["tag:status.example.org,2023:incident/i-open/4 2023-11-06T09:24:00Z"], "{path}");
        assert_eq!(entry(&sample(), path, "i-open/4"), None, "{path}");
    }
    // Whoever it never concerned is not told that it is gone.
    let mut snapshot = sample();
    Arc::make_mut(&mut snapshot.incidents[0]).updates[3].organisations = vec![OrganisationId::new("witten")];
    let in_hattingen = read(&text(&snapshot, "/hattingen/feed.atom")).0.deleted;
    assert!(!in_hattingen.iter().any(|deleted| deleted.contains("i-open/4")), "{in_hattingen:?}");
    assert_eq!(read(&text(&snapshot, "/witten/feed.atom")).0.deleted.len(), 1);
    // It counts as the feed's last change.
    Arc::make_mut(&mut snapshot.incidents[0]).updates[3].retracted_at = Some(time("2023-11-06T09:29:00Z"));
    assert_eq!(read(&text(&snapshot, "/witten/feed.atom")).0.updated, "2023-11-06T09:29:00Z");
}

#[test]
fn a_corrected_update_keeps_its_id_and_moves_its_date() {
    let mut snapshot = sample();
    let corrected = entry(&snapshot, "/feed.atom", "i-open/2").expect("an entry");
    let incident = Arc::make_mut(&mut snapshot.incidents[0]);
    incident.updates[1].corrected_at = Some(time("2024-01-06T09:27:00Z"));
    incident.updates[1].body = Body::Written(Text::single("de", "Anders."));
    let again = entry(&snapshot, "/feed.atom", "i-open/2").expect("an entry");
    assert_eq!((&again.id, &again.published), (&corrected.id, &corrected.published));
    assert_eq!(again.updated, "2024-01-06T09:27:00Z");
    assert!(again.content.starts_with("Anders.") && again.content != corrected.content);
}

#[test]
fn a_feed_holds_only_what_concerns_its_page() {
    let snapshot = sample();
    let has = |path: &str, id: &str| entry(&snapshot, path, id).is_some();
    // An update for Witten.
    assert!(has("/feed.atom", "i-open/3") && has("/witten/feed.atom", "i-open/3"));
    assert!(!has("/hattingen/feed.atom", "i-open/3") && !has("/ennepe-ruhr-kreis/feed.atom", "i-open/3"));
    let of_witten = entry(&snapshot, "/feed.atom", "i-open/3").expect("an entry").categories;
    let ars: Vec<&String> = of_witten.iter().filter(|category| category.contains("schluessel:rs")).collect();
    assert_eq!(ars, ["urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs 059540036036"]);
    // What differs in Hattingen.
    let here = "local/serviceportal-en/0000000000000007/1699257600000";
    assert!(has("/feed.atom", here) && has("/hattingen/feed.atom", here));
    assert!(!has("/witten/feed.atom", here) && !has("/ennepe-ruhr-kreis/feed.atom", here));
    // Maintenance of Witten's homepage.
    assert!(has("/witten/feed.atom", "netz/3") && !has("/hattingen/feed.atom", "netz/3"));
    // A difference of something that the page does not show.
    let of_mail = "local/mail-en/0000000000000006/1699084800000";
    assert!(has("/ennepe-ruhr-kreis/feed.atom", of_mail) && !has("/witten/feed.atom", of_mail));
}

#[test]
fn a_towns_own_words_stand_in_its_own_feed_only() {
    let snapshot = sample();
    let overlay = entry(&snapshot, "/hattingen/feed.atom", "incident/i-open/overlay/hattingen/2").expect("an entry");
    assert_eq!(overlay.title, "Störung: Serviceportal Ennepe-Ruhr – Hinweis: Stadt Hattingen");
    assert_eq!(overlay.content, "In Hattingen hilft das Bürgerbüro.");
    assert_eq!((&*overlay.updated, &*overlay.published), ("2023-11-06T09:21:00Z", "2023-11-06T09:21:00Z"));
    for path in ["/feed.atom", "/witten/feed.atom", "/ennepe-ruhr-kreis/feed.atom", "/en/feed.atom"] {
        let feed = text(&snapshot, path);
        assert!(!feed.contains("Bürgerbüro") && !feed.contains("overlay/hattingen"), "{path}");
    }
    // Another version is another entry.
    let mut later = sample();
    let overlays = &mut Arc::make_mut(&mut later.incidents[0]).overlays;
    overlays.values_mut().for_each(|overlay| overlay.version += 1);
    assert!(entry(&later, "/hattingen/feed.atom", "overlay/hattingen/3").is_some());
    assert!(entry(&later, "/hattingen/feed.atom", "overlay/hattingen/2").is_none());
    // It takes back those before it. In which year they were written is not known any more.
    let overlays = &mut Arc::make_mut(&mut later.incidents[0]).overlays;
    overlays.values_mut().for_each(|overlay| overlay.at = time("2024-01-03T08:00:00Z"));
    let deleted = read(&text(&later, "/hattingen/feed.atom")).0.deleted;
    let replaced: Vec<&str> = deleted.iter().filter_map(|one| one.strip_prefix("tag:status.example.org,")).collect();
    assert_eq!(
        replaced[..4],
        [
            "2024:incident/i-open/overlay/hattingen/2 2024-01-03T08:00:00Z",
            "2023:incident/i-open/overlay/hattingen/2 2024-01-03T08:00:00Z",
            "2024:incident/i-open/overlay/hattingen/1 2024-01-03T08:00:00Z",
            "2023:incident/i-open/overlay/hattingen/1 2024-01-03T08:00:00Z",
        ]
    );
    assert!(!text(&later, "/witten/feed.atom").contains("overlay/hattingen"));
}

#[test]
fn every_word_on_a_maintenance_is_an_entry() {
    let snapshot = sample();
    let said = |id: &str| {
        let entry = entry(&snapshot, "/feed.atom", id).expect("an entry");
        (entry.title, entry.content)
    };
    let (title, content) = said("maintenance/umstellung/announced");
    assert_eq!(title, "Umstellung auf neue Software – angekündigt");
    assert_eq!(
        content,
        "Planmäßig unterbrochen: von 01.12.2023 bis 08.12.2023 (einschließlich). Letzte Gelegenheit vorher: \
         30.11.2023. Wieder da ab 09.12.2023. Bitte Unterlagen vorher abholen."
    );
    let (title, content) = said("maintenance/netz/3");
    assert_eq!(title, "Arbeiten am Netz – läuft");
    assert_eq!(content, "Die Homepage läuft wieder. Wieder da: Homepage Witten (seit 05.11.2023, 21:00 Uhr).");
    let (title, content) = said("maintenance/netz/4");
    assert_eq!(title, "Arbeiten am Netz – dauert länger als geplant");
    assert!(content.ends_with("Das Ende ist derzeit nicht absehbar."), "{content}");
    let (_, content) = said("maintenance/wartungsfenster/announced");
    assert!(content.starts_with("Kehrt regelmäßig wieder, das nächste Mal von 14.11.2023, 19:00 Uhr"), "{content}");
}

#[test]
fn each_announcement_of_a_maintenance_keeps_its_own_dates() {
    let mut snapshot = sample();
    let maintenance = Arc::make_mut(&mut snapshot.maintenances[2]);
    let postponed = Body::Written(Text::single("de", "Es wird eine Woche später."));
    maintenance.until = When::instant(time("2023-12-15T11:00:00Z"));
    let announced = Some(Box::new(dates(maintenance)));
    let postponed = word(2, "2023-11-05T10:00:00Z", MaintenancePhase::Announced, postponed);
    maintenance.updates.push(MaintenanceUpdate { announced, ..postponed });
    let said = |id: &str| entry(&snapshot, "/feed.atom", id).expect("an entry").content;
    let first = said("maintenance/umstellung/announced");
    assert!(first.starts_with("Planmäßig unterbrochen: von 01.12.2023 bis 08.12.2023 (einschließlich)."), "{first}");
    let newest = said("maintenance/umstellung/2");
    assert!(
        newest.starts_with(
            "Es wird eine Woche später. Planmäßig unterbrochen: von 01.12.2023 bis 15.12.2023, 12:00 Uhr."
        ),
        "{newest}"
    );
    // What was called off has its own entry, and the announcement stays.
    let maintenance = Arc::make_mut(&mut snapshot.maintenances[2]);
    maintenance.phase = MaintenancePhase::Cancelled;
    let off = Body::Written(Text::single("de", "Fällt aus."));
    maintenance.updates.push(word(3, "2023-11-05T11:00:00Z", MaintenancePhase::Cancelled, off));
    let off = entry(&snapshot, "/feed.atom", "maintenance/umstellung/3").expect("an entry");
    assert_eq!((&*off.title, &*off.content), ("Umstellung auf neue Software – abgesagt", "Fällt aus."));
    assert!(entry(&snapshot, "/feed.atom", "maintenance/umstellung/announced").is_some());
}

#[test]
fn what_differs_is_told_with_the_places() {
    let title = |organisations: Vec<Reach>, change: fn(&mut PublicLocal)| {
        let mut snapshot = sample();
        let mut local = (*snapshot.changes[0]).clone();
        local.organisations = organisations;
        change(&mut local);
        snapshot.changes = Arc::new(vec![Arc::new(local)]);
        entry(&snapshot, "/feed.atom", "1699257600000").map(|entry| entry.title)
    };
    let town = |id: &str| Reach::Organisation(OrganisationId::new(id));
    assert_eq!(
        title(vec![town("hattingen")], |local| local.mode = Some(Mode::Emergency)).as_deref(),
        Some("Serviceportal Ennepe-Ruhr: Notbetrieb in Hattingen")
    );
    assert_eq!(
        title(vec![town("witten"), town("hattingen")], |local| {
            local.mode = None;
            local.status = Some(Status::PartialOutage);
        })
        .as_deref(),
        Some("Serviceportal Ennepe-Ruhr: teilweise gestört in Hattingen und Witten")
    );
    assert_eq!(
        title(vec![town("ennepe-ruhr-kreis")], |local| local.mode = None).as_deref(),
        Some("Serviceportal Ennepe-Ruhr: Hinweis (Ennepe-Ruhr-Kreis)")
    );
    // Whom nobody's page shows is not told of.
    assert_eq!(title(vec![town("nowhere")], |_| {}), None);
    let told = entry(&sample(), "/feed.atom", "1699257600000").expect("an entry");
    assert_eq!(
        told.content,
        "Basisbetrieb (reduzierte Funktionalität). Vom Anbieter freigegeben. Die Bearbeitung dauert zurzeit länger. \
         Anträge bitte auf Papier. Seit 06.11.2023, 09:00 Uhr."
    );
    assert_eq!(told.links, ["alternate https://status.example.org/hattingen"]);
    assert!(told.categories.contains(&"tag:status.example.org,2026:mode basic".to_owned()), "{:?}", told.categories);
    // In the whole Land they are counted.
    let mut everywhere = land(300, 0);
    let local = PublicLocal {
        component: everywhere.catalogue.components[0].id.clone(),
        organisations: vec![Reach::Prefix("05".to_owned())],
        ..(*sample().changes[0]).clone()
    };
    everywhere.changes = Arc::new(vec![Arc::new(local)]);
    let told = entry(&everywhere, "/feed.atom", "1699257600000").expect("an entry");
    assert!(told.title.ends_with(" bei 300 Organisationen"), "{}", told.title);
}

#[test]
fn only_the_newest_changes_make_a_feed() {
    let mut snapshot = sample();
    let one = (*snapshot.changes[0]).clone();
    let changes =
        (0..200u64).map(|key| PublicLocal { key, since: one.since.shifted(-1000 * key as i64), ..one.clone() });
    snapshot.changes = Arc::new(changes.map(Arc::new).collect());
    snapshot.incidents.clear();
    snapshot.maintenances.clear();
    let entries = ids(&snapshot, "/hattingen/feed.atom");
    assert_eq!(entries.len(), 50);
    assert!(entries[0].0.contains("/0000000000000000/") && entries[49].0.contains("/0000000000000031/"));
}
