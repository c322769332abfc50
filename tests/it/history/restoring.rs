//! What comes back, and what is said about what does not.

use turmwacht::history::StoreFault;
use turmwacht::history::restore::Evidence;
use turmwacht::history::writer::{Batch, WriterOptions};
use turmwacht::model::catalogue::{Catalogue, Declared};
use turmwacht::model::event::{Event, StoredResult};
use turmwacht::model::id::{CheckId, CheckKey, ComponentId};
use turmwacht::model::look::{Colour, Colours, Logo, Picture, Theme};
use turmwacht::model::status::Status;
use turmwacht::model::verdict::{Reason, Verdict};

use super::fixture::{Ground, Pen, adopted, at, changed, logged, result};

fn key(component: &str) -> CheckKey {
    CheckKey { component: ComponentId::new(component), check: CheckId::new("main") }
}

/// Component, slot in seconds, verdict.
fn brief(evidence: &[Evidence]) -> Vec<(String, i64, Verdict)> {
    evidence.iter().map(|e| (e.check.to_string(), e.slot.as_millis() / 1000, e.verdict)).collect()
}

#[test]
fn an_empty_store_restores_to_nothing() {
    let restored = Ground::new().restore();
    assert_eq!((restored.position, restored.last_at, restored.events), (0, at(0), vec![]));
    assert!(restored.checkpoint.is_none() && restored.last_catalogue.is_none() && restored.evidence.is_empty());
}

#[test]
fn a_checkpoint_shortens_the_log_and_brings_its_catalogue() {
    let ground = Ground::new();
    let pen = ground.pen();
    let events = logged(
        1,
        [
            adopted(1, &["portal"]),
            changed("portal", Status::Operational, 1),
            adopted(2, &["portal", "login"]),
            changed("portal", Status::MajorOutage, 4),
        ],
    );
    pen.events(&events[..2]);
    pen.checkpoint(2, 1, b"the state at 2");
    pen.events(&events[2..]);
    drop(pen);
    let restored = ground.restore();
    let checkpoint = restored.checkpoint.unwrap();
    assert_eq!((checkpoint.position, checkpoint.format, checkpoint.catalogue_version), (2, 1, 1));
    assert_eq!(checkpoint.body, b"the state at 2");
    assert_eq!(restored.checkpoint_catalogue.unwrap().components.len(), 1);
    assert_eq!(restored.events, events[2..]);
    let all = ground.store().replay().unwrap();
    assert!(all.checkpoint.is_none());
    assert_eq!(all.events, events);
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before_and_two_are_kept() {
    let ground = Ground::new();
    let pen = ground.pen();
    let events =
        logged(1, [adopted(1, &["portal"])].into_iter().chain((0..3).map(|n| changed("portal", Status::Unknown, n))));
    for (event, position) in events.iter().zip(1..) {
        pen.events(std::slice::from_ref(event));
        pen.checkpoint(position, 1, format!("state {position}").as_bytes());
    }
    // Without a new event the checkpoint of the same position is replaced.
    pen.checkpoint(4, 1, b"state 4, later");
    drop(pen);
    let sql = ground.sql();
    assert_eq!(sql.query_row("SELECT count(*) FROM checkpoint", [], |row| row.get(0)), Ok(2));
    assert_eq!(ground.restore().checkpoint.unwrap().body, b"state 4, later");
    sql.execute("UPDATE checkpoint SET body = zeroblob(40) WHERE position = 4", []).unwrap();
    let restored = ground.restore();
    assert_eq!(restored.checkpoint.unwrap().body, b"state 3");
    assert_eq!(restored.events, events[3..]);
    sql.execute("UPDATE checkpoint SET body = substr(body, 1, 9)", []).unwrap();
    let restored = ground.restore();
    assert!(restored.checkpoint.is_none());
    assert_eq!(restored.events, events);
}

#[test]
fn a_checkpoint_beyond_the_log_is_not_stored() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    pen.checkpoint(2, 1, b"from the future");
    drop(pen);
    assert!(ground.restore().checkpoint.is_none());
}

#[test]
fn the_newest_result_and_the_newest_success_of_each_check_come_back() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal", "login", "mail"])]));
    pen.results(&[result(0, 60, Verdict::Up), result(1, 60, Verdict::Up), result(2, 60, Verdict::Down)]);
    pen.results(&[result(0, 120, Verdict::Down), result(1, 120, Verdict::Degraded)]);
    let not_counted = StoredResult { counted: false, ..result(0, 180, Verdict::Up) };
    pen.results(&[not_counted, result(77, 180, Verdict::Up)]);
    drop(pen);
    let restored = ground.restore();
    let main = |component: &str| key(component).to_string();
    let mut found = brief(&restored.evidence);
    found.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    assert_eq!(
        found,
        [
            (main("login"), 120, Verdict::Degraded),
            (main("mail"), 60, Verdict::Down),
            (main("portal"), 60, Verdict::Up),
            (main("portal"), 120, Verdict::Down),
        ]
    );
    assert!(restored.evidence.is_sorted_by_key(|evidence| evidence.ended_at));
    let newest = restored.evidence.last().unwrap();
    assert_eq!(newest.ended_at.since(newest.started_at).as_millis(), 500);
}

#[test]
fn evidence_begins_after_the_checkpoint_and_follows_a_renamed_check() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    pen.results(&[result(0, 60, Verdict::Up)]);
    pen.checkpoint(1, 1, b"knows the first result");
    pen.results(&[result(0, 120, Verdict::Down)]);
    pen.events(&logged(2, [adopted(2, &["login", "service<portal"])]));
    pen.results(&[result(1, 180, Verdict::Down)]);
    drop(pen);
    let name = key("service").to_string();
    assert_eq!(brief(&ground.restore().evidence), [(name.clone(), 180, Verdict::Down)]);
    let all = ground.store().replay().unwrap();
    assert_eq!(brief(&all.evidence), [(name.clone(), 60, Verdict::Up), (name.clone(), 180, Verdict::Down)]);
    // A damaged blob costs its own results only.
    ground.sql().execute("UPDATE tail SET body = x'01ff' WHERE batch = 3", []).unwrap();
    assert_eq!(brief(&ground.restore().evidence), [(name, 120, Verdict::Down)]);
}

#[test]
fn old_results_are_dropped_in_small_steps() {
    let ground = Ground::new();
    let hour = std::time::Duration::from_secs(3_600);
    let pen = Pen::new(ground.store(), WriterOptions { retain_results: hour, pages_max: None });
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    for minute in 0..40 {
        pen.results(&[result(0, minute * 60, Verdict::Up)]);
    }
    let count = || ground.sql().query_row("SELECT count(*) FROM tail", [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(count(), 40);
    pen.results(&[result(0, 3_600 + 10 * 60, Verdict::Up)]);
    assert_eq!(count(), 31);
    pen.results(&[result(0, 10 * 3_600, Verdict::Up)]);
    assert_eq!(count(), 16, "at most 16 per commit");
    pen.results(&[result(0, 10 * 3_600 + 60, Verdict::Up)]);
    assert_eq!(count(), 2);
}

#[test]
fn a_poison_event_is_passed_over_by_every_reader() {
    let ground = Ground::new();
    let events = logged(
        1,
        [adopted(1, &["portal"]), changed("portal", Status::Operational, 1), adopted(2, &["portal", "poison"])],
    );
    ground.pen().events(&events);
    let mut store = ground.store();
    assert_eq!(store.restore().unwrap().last_catalogue.unwrap().0, 2);
    assert!(matches!(store.append_skipped(9), Err(StoreFault::Refused { .. })));
    assert_eq!(store.append_skipped(3).unwrap(), 4);
    let restored = store.restore().unwrap();
    assert_eq!(restored.events[..2], events[..2]);
    assert_eq!(restored.events[2].event, Event::Skipped { position: 3 });
    assert_eq!((restored.events.len(), restored.position, restored.events[2].at), (3, 4, at(3)));
    assert_eq!(restored.last_catalogue.unwrap().0, 1, "a skipped adoption is not in force");
    // The version is free again.
    let pen = Pen::new(store, WriterOptions { retain_results: std::time::Duration::MAX, pages_max: None });
    pen.events(&logged(5, [adopted(2, &["portal", "login"])]));
    pen.results(&[StoredResult { reason: Some(Reason::Tls), ..result(1, 60, Verdict::Down) }]);
    drop(pen);
    let restored = ground.restore();
    let (version, last) = restored.last_catalogue.unwrap();
    assert_eq!((version, last.component_index("login")), (2, Some(1)));
    assert_eq!(brief(&restored.evidence), [(key("login").to_string(), 60, Verdict::Down)]);
}

#[test]
fn an_event_that_cannot_even_be_read_may_be_skipped() {
    let ground = Ground::new();
    ground.pen().events(&logged(1, [adopted(1, &["portal"]), changed("portal", Status::Unknown, 1)]));
    ground.sql().execute("UPDATE event SET body = '{\"status_changed\":{}}' WHERE position = 2", []).unwrap();
    let mut store = ground.store();
    let fault = store.restore().unwrap_err();
    assert!(matches!(fault, StoreFault::Event { position: 2, .. }), "{fault}");
    assert!(fault.to_string().contains("cannot be read at position 2: missing field `component`"), "{fault}");
    store.append_skipped(2).unwrap();
    assert_eq!(store.restore().unwrap().events.len(), 2);
}

#[test]
fn what_is_wrong_with_the_log_is_told_by_position() {
    let cases = [
        ("DELETE FROM event WHERE position = 2", "at position 2: the event is missing"),
        ("UPDATE event SET kind = 'path_turned' WHERE position = 2", "at position 2: it is a `status_changed`"),
        ("UPDATE catalogue SET body = zeroblob(9)", "at position 1: its catalogue is damaged"),
        ("DELETE FROM catalogue; UPDATE event SET at_ms = 0", "at position 1: its catalogue is missing"),
        (
            "UPDATE event SET kind = 'melted' WHERE position = 3",
            "newer turmwacht (its log holds an event of kind `melted` at position 3)",
        ),
        (
            "UPDATE event SET version = 7 WHERE position = 3",
            "newer turmwacht (its log holds an event of version 7 at position 3)",
        ),
    ];
    for (damage, told) in cases {
        let ground = Ground::new();
        ground.pen().events(&logged(
            1,
            [adopted(1, &["portal"]), changed("portal", Status::Unknown, 1), changed("portal", Status::Operational, 2)],
        ));
        ground.sql().execute_batch(damage).unwrap();
        let fault = ground.store().restore().unwrap_err().to_string();
        assert!(fault.contains(told), "{damage}: {fault}");
    }
}

#[test]
fn the_last_catalogue_can_be_read_beside_a_running_server() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(7, &["portal"])]));
    let (version, last) = turmwacht::history::open::Store::last_catalogue(&ground.path).unwrap().unwrap();
    assert_eq!((version, last), (7, super::fixture::catalogue(&["portal"])));
    pen.write(Batch::default());
}

#[test]
fn logos_and_colours_come_back_with_their_catalogue() {
    let ground = Ground::new();
    let pen = ground.pen();
    let logo = Logo { picture: Picture::Png, content: (0..=255).cycle().take(100_000).collect() };
    let mut declared = Declared::default();
    declared.site.links.logo = Some(logo.name());
    let light = Colours { link: Some(Colour([1, 2, 3])), ..Colours::default() };
    declared.site.links.theme = Some(Theme { light, dark: Colours::default() });
    declared.logos.insert(logo.name(), logo);
    let catalogue = std::sync::Arc::new(Catalogue::new(declared));
    pen.events(&logged(1, [Event::CatalogueAdopted { version: 1, catalogue: std::sync::Arc::clone(&catalogue) }]));
    drop(pen);
    let (_, restored) = ground.restore().last_catalogue.expect("the catalogue");
    assert_eq!(restored.declared(), catalogue.declared());
    assert_eq!(restored.hash(), catalogue.hash());
}
