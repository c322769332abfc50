//! Looking up single results and intervals, while the writer folds.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use turmwacht::history::archive::{ArchiveFault, ArchiveReader};
use turmwacht::history::restore::Evidence;
use turmwacht::history::writer::WriterOptions;
use turmwacht::model::catalogue::Catalogue;
use turmwacht::model::event::{Event, StoredResult};
use turmwacht::model::id::ComponentId;
use turmwacht::model::look::{Logo, Picture};
use turmwacht::model::past::PastResult;
use turmwacht::model::status::Status;
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::{Reason, Verdict};

use super::fixture::{Ground, Pen, adopted, at, catalogue, changed, logged, result};

const HOUR: i64 = 3_600;
const ALWAYS: (i64, i64) = (0, 1 << 40);

fn results(archive: &ArchiveReader, component: &str, (from, until): (i64, i64)) -> Vec<PastResult> {
    archive.results(&ComponentId::new(component), at(from), at(until), 100_000).unwrap()
}

fn count(ground: &Ground, what: &str) -> i64 {
    ground.sql().query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
}

/// Waits until a table has so many rows.
fn until_rows(ground: &Ground, table: &str, rows: i64) {
    for _ in 0..6_000 {
        if count(ground, table) == rows {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} rows in {table}", count(ground, table));
}

/// Waits until everything but some batches is folded.
fn until_folded(ground: &Ground, tail: i64) {
    until_rows(ground, "tail", tail);
    until_rows(ground, "fold", 0);
}

/// What a result is told as, exact but for the duration of a success.
fn brief(result: &PastResult) -> (String, Verdict, Option<Reason>) {
    (result.check.to_string(), result.verdict, result.reason)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn what_is_read_over_the_border_of_folding_is_what_was_written(
        given in proptest::collection::vec(
            (0..3u32, 0..50i64, proptest::sample::select(Verdict::ALL), 0..4_000_000u32, any::<bool>()),
            1..120,
        ),
        cut in 1..40usize,
    ) {
        let ground = Ground::new();
        let pen = ground.pen();
        pen.events(&logged(1, [adopted(1, &["portal", "login", "mail"])]));
        let archive = ArchiveReader::open(&ground.path).unwrap();
        let mut second = 80_000;
        let given: Vec<StoredResult> = given
            .iter()
            .map(|&(check, late, verdict, duration_us, counted)| {
                second += 90;
                let ended_at = Timestamp::from_millis(second * 1000 + late + i64::from(duration_us / 1000));
                let reason = (verdict != Verdict::Up).then_some(Reason::Timeout);
                StoredResult { check, slot: at(second), ended_at, verdict, reason, duration_us, counted }
            })
            .collect();
        let written = |component: &str, index: u32| {
            let read = results(&archive, component, ALWAYS);
            let expected: Vec<&StoredResult> = given.iter().filter(|result| result.check == index).collect();
            prop_assert_eq!(read.len(), expected.len());
            for (read, expected) in read.iter().zip(expected) {
                prop_assert_eq!((read.verdict, read.reason), (expected.verdict, expected.reason));
                let exact = u128::from(expected.duration_us);
                prop_assert!(read.duration.as_micros().abs_diff(exact) <= exact / 100);
                let off = read.at.as_millis().abs_diff(expected.ended_at.as_millis());
                prop_assert!(off <= u64::from(expected.duration_us) / 100_000 + 1, "{}", off);
            }
            Ok(read)
        };
        for part in given.chunks(cut) {
            pen.results(part);
        }
        // Folding may be anywhere by now.
        let before = [written("portal", 0)?, written("login", 1)?, written("mail", 2)?];
        pen.results(&[StoredResult { slot: at(second + 20_000), ended_at: at(second + 20_000), ..result(99, 0, Verdict::Up) }, result(0, second + 20_000, Verdict::Unknown)]);
        until_folded(&ground, 1);
        let mut after = [results(&archive, "portal", ALWAYS), results(&archive, "login", ALWAYS), results(&archive, "mail", ALWAYS)];
        prop_assert_eq!(after[0].pop().map(|last| last.verdict), Some(Verdict::Unknown));
        prop_assert_eq!(&after, &before, "folding changes no answer");
        drop(pen);
        let again = ArchiveReader::open(&ground.path).unwrap();
        prop_assert_eq!(results(&again, "login", ALWAYS), before[1].clone());
    }
}

#[test]
fn a_range_holds_what_ended_in_it_and_nothing_of_others() {
    let ground = Ground::new();
    let pen = Pen::new(ground.store(), WriterOptions { retain_results: Duration::MAX, pages_max: None });
    pen.events(&logged(1, [adopted(1, &["portal", "login"])]));
    for hour in 0..60 {
        let down = StoredResult { reason: Some(Reason::Dns), ..result(0, hour * HOUR, Verdict::Down) };
        pen.results(&[down, result(1, hour * HOUR, Verdict::Up)]);
    }
    until_folded(&ground, 2);
    let archive = ArchiveReader::open(&ground.path).unwrap();
    let seconds = |range| -> Vec<i64> {
        results(&archive, "portal", range).iter().map(|result| result.at.as_millis() / 1000 / HOUR).collect()
    };
    // Each ended half a second after its hour.
    assert_eq!(seconds((22 * HOUR, 25 * HOUR)), [22, 23, 24]);
    assert_eq!(seconds((22 * HOUR + 1, 25 * HOUR + 1)), [23, 24, 25]);
    assert_eq!(seconds((57 * HOUR, 1 << 40)), [57, 58, 59]);
    assert_eq!(seconds(ALWAYS), (0..60).collect::<Vec<_>>());
    assert_eq!(seconds((5 * HOUR, 5 * HOUR)), [0i64; 0]);
    assert_eq!(seconds((9 * HOUR, 5 * HOUR)), [0i64; 0]);
    assert_eq!(seconds((-(1 << 40), HOUR)), [0]);
    let first = &results(&archive, "portal", (0, HOUR))[0];
    assert_eq!(brief(first), ("main".to_owned(), Verdict::Down, Some(Reason::Dns)));
    assert_eq!((first.at, first.duration), (Timestamp::from_millis(500), Duration::from_millis(500)));
    assert_eq!(results(&archive, "nobody", ALWAYS), []);
    let most = |most| archive.results(&ComponentId::new("portal"), at(0), at(1 << 40), most);
    assert_eq!(most(60).unwrap().len(), 60);
    assert!(matches!(most(59), Err(ArchiveFault::TooMuch)));
    // Where the day's bytes are damaged there is no answer, elsewhere there is.
    ground.sql().execute("UPDATE chunk SET body = x'02ffff' WHERE from_ms = 86400000", []).unwrap();
    assert!(matches!(most(100), Err(ArchiveFault::Damaged(_))));
    assert_eq!(seconds((57 * HOUR, 1 << 40)), [57, 58, 59]);
    assert_eq!(seconds((0, 23 * HOUR)).len(), 23);
}

#[test]
fn results_follow_a_renamed_component_and_stay_with_a_check_that_is_gone() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal", "login"])]));
    pen.results(&[result(0, 0, Verdict::Up), result(1, 0, Verdict::Down)]);
    pen.events(&logged(2, [adopted(2, &["service<portal", "login"])]));
    pen.results(&[result(0, 60, Verdict::Degraded)]);
    let archive = ArchiveReader::open(&ground.path).unwrap();
    let verdicts = |component: &str| -> Vec<Verdict> {
        results(&archive, component, ALWAYS).iter().map(|result| result.verdict).collect()
    };
    assert_eq!(verdicts("service"), [Verdict::Up, Verdict::Degraded]);
    assert_eq!(verdicts("portal"), []);
    // A new component takes the old name, and is somebody else.
    pen.events(&logged(3, [adopted(3, &["service", "login", "portal"])]));
    pen.results(&[result(2, 120, Verdict::Unknown)]);
    assert_eq!(verdicts("portal"), [Verdict::Unknown]);
    assert_eq!(verdicts("service"), [Verdict::Up, Verdict::Degraded]);
    // The check of `login` is replaced.
    let mut declared = catalogue(&["service", "login", "portal"]).declared().clone();
    declared.checks[1].id = turmwacht::model::id::CheckId::new("other");
    let replaced = Arc::new(Catalogue::new(declared));
    pen.events(&logged(4, [Event::CatalogueAdopted { version: 4, catalogue: replaced }]));
    pen.results(&[result(1, 180, Verdict::Up)]);
    let told: Vec<_> = results(&archive, "login", ALWAYS).iter().map(brief).collect();
    assert_eq!(told, [("main".to_owned(), Verdict::Down, None), ("other".to_owned(), Verdict::Up, None)]);
}

#[test]
fn intervals_of_any_age_are_those_that_touch_the_range() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(
        1,
        [
            adopted(1, &["portal", "login"]),
            changed("portal", Status::Operational, 100),
            changed("portal", Status::MajorOutage, 200),
            changed("portal", Status::Operational, 300),
            adopted(2, &["service<portal"]),
        ],
    ));
    let archive = ArchiveReader::open(&ground.path).unwrap();
    let of = |component: &str, from: i64, until: i64| -> Vec<(i64, Option<i64>, Status)> {
        let found = archive.intervals(&ComponentId::new(component), at(from), at(until), 10).unwrap();
        let second = |at: Timestamp| at.as_millis() / 1000;
        found.iter().map(|i| (second(i.from), i.until.map(second), i.status)).collect()
    };
    let (first, outage, last) = (
        (100, Some(200), Status::Operational),
        (200, Some(300), Status::MajorOutage),
        (300, None, Status::Operational),
    );
    assert_eq!(of("service", 0, 1000), [first, outage, last]);
    assert_eq!(of("service", 150, 200), [first]);
    assert_eq!(of("service", 150, 201), [first, outage]);
    assert_eq!(of("service", 200, 300), [outage]);
    assert_eq!(of("service", 900, 1000), [last]);
    assert_eq!(of("service", 0, 100), []);
    assert_eq!(of("portal", 0, 1000), []);
    let two = archive.intervals(&ComponentId::new("service"), at(0), at(1000), 2);
    assert!(matches!(two, Err(ArchiveFault::TooMuch)));
    // A word that is none of ours.
    ground.sql().execute("UPDATE interval SET state = 'splendid' WHERE from_ms = 200000", []).unwrap();
    let fault = archive.intervals(&ComponentId::new("service"), at(0), at(1000), 9).unwrap_err();
    assert!(matches!(fault, ArchiveFault::Damaged(_)), "{fault}");
    assert_eq!(of("service", 900, 1000), [last]);
}

#[test]
fn results_are_dropped_when_their_time_is_over_wherever_they_stand() {
    let ground = Ground::new();
    let retain = Duration::from_secs(2 * 86_400);
    let pen = Pen::new(ground.store(), WriterOptions { retain_results: retain, pages_max: None });
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    let archive = ArchiveReader::open(&ground.path).unwrap();
    for hour in 0..24 * 6 {
        pen.results(&[result(0, hour * HOUR, Verdict::Up)]);
        if hour % 24 == 12 {
            until_folded(&ground, 2);
        }
    }
    until_folded(&ground, 2);
    until_rows(&ground, "chunk", 3);
    let hours: Vec<i64> =
        results(&archive, "portal", ALWAYS).iter().map(|result| result.at.as_millis() / 1000 / HOUR).collect();
    // The newest is of hour 143: what ended on the day of hour 95 or later is there.
    assert_eq!(hours, (72..144).collect::<Vec<_>>());
}

#[test]
fn a_start_does_not_depend_on_how_far_folding_has_come() {
    let ground = Ground::new();
    let mut declared = catalogue(&["portal", "login"]).declared().clone();
    declared.checks[0].interval = Duration::from_secs(3_600);
    let hourly = Arc::new(Catalogue::new(declared));
    let pen = ground.pen();
    pen.events(&logged(1, [Event::CatalogueAdopted { version: 1, catalogue: hourly }]));
    pen.results(&[result(0, 600, Verdict::Up), result(1, 600, Verdict::Up)]);
    pen.results(&[result(0, 700, Verdict::Down)]);
    pen.results(&[result(1, 5_000, Verdict::Up)]);
    drop(pen);
    let told = |evidence: &[Evidence]| -> Vec<(String, i64, i64, Verdict)> {
        let one = |e: &Evidence| (e.check.to_string(), e.slot.as_millis(), e.started_at.as_millis(), e.verdict);
        evidence.iter().map(one).collect()
    };
    assert_eq!(count(&ground, "chunk"), 0);
    let before = told(&ground.store().replay().unwrap().evidence);
    assert_eq!(before.len(), 3, "the newest and the newest success of the portal, and that of the login");
    // What is not counted says nothing of a check, and moves time on.
    let pen = ground.pen();
    pen.results(&[StoredResult { counted: false, ..result(1, 8_000, Verdict::Up) }]);
    until_folded(&ground, 2);
    drop(pen);
    assert_eq!(count(&ground, "chunk"), 2);
    assert_eq!(told(&ground.store().replay().unwrap().evidence), before);
    // With a checkpoint, what may not be in it stays where it is looked for, however old it is.
    let pen = ground.pen();
    pen.checkpoint(1, 1, b"state");
    pen.results(&[result(0, 9_000, Verdict::Down)]);
    pen.results(&[StoredResult { counted: false, ..result(1, 14_000, Verdict::Up) }]);
    until_folded(&ground, 2);
    drop(pen);
    let restored = ground.restore();
    assert!(restored.checkpoint.is_some());
    let told = told(&restored.evidence);
    assert_eq!(told, [("portal/main".to_owned(), 9_000_000, 9_000_000, Verdict::Down)]);
}

#[test]
fn what_was_internal_stays_so_when_the_name_is_published() {
    let ground = Ground::new();
    let pen = ground.pen();
    let declared = |names: &[&str], public: bool| {
        let mut declared = catalogue(names).declared().clone();
        declared.components[0].public = public;
        Arc::new(Catalogue::new(declared))
    };
    let adopt = |version, catalogue| Event::CatalogueAdopted { version, catalogue };
    // Events are a second apart from the first one, which is at second 1.
    pen.events(&logged(
        1,
        [adopt(1, declared(&["secret", "login"], false)), changed("secret", Status::MajorOutage, 1)],
    ));
    pen.results(&[result(0, 2, Verdict::Down), result(1, 2, Verdict::Up)]);
    let archive = ArchiveReader::open(&ground.path).unwrap();
    // It gets another name together with its publication, at second 10.
    let published = Event::CatalogueAdopted { version: 2, catalogue: declared(&["portal<secret", "login"], true) };
    let mut second = logged(3, [published]);
    second[0].at = at(10);
    pen.events(&second);
    pen.results(&[result(0, 20, Verdict::Up)]);
    let told = |component: &str| -> Vec<Verdict> {
        results(&archive, component, ALWAYS).iter().map(|result| result.verdict).collect()
    };
    assert_eq!(told("portal"), [Verdict::Up], "not what failed before");
    assert_eq!(told("login"), [Verdict::Up]);
    let newest = archive.newest_results(&ComponentId::new("portal"), at(0), at(100), 10).unwrap();
    assert_eq!((newest.from, newest.results.len()), (at(10), 1));
    let intervals = archive.intervals(&ComponentId::new("portal"), at(0), at(100), 10).unwrap();
    assert_eq!(intervals.iter().map(|interval| interval.from).collect::<Vec<_>>(), [at(10)]);
    // A later adoption changes nothing.
    let mut third = logged(4, [adopt(3, declared(&["portal", "login"], true))]);
    third[0].at = at(30);
    pen.events(&third);
    assert_eq!(told("portal"), [Verdict::Up]);
}

#[test]
fn of_too_many_results_the_newest_are_told_and_from_when_on() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    for second in 0..50 {
        // Two at the same instant.
        pen.results(&[result(0, second, Verdict::Up), result(0, second, Verdict::Up)]);
    }
    let archive = ArchiveReader::open(&ground.path).unwrap();
    let newest = |most| archive.newest_results(&ComponentId::new("portal"), at(0), at(1_000), most).unwrap();
    for (most, count) in [(100, 100), (99, 98), (10, 10), (11, 10), (1, 0)] {
        let found = newest(most);
        assert_eq!(found.results.len(), count, "{most}");
        assert!(found.results.is_sorted_by_key(|result| result.at));
        let all = archive.results(&ComponentId::new("portal"), found.from, at(1_000), 1_000).unwrap();
        assert_eq!(all, found.results, "from there on it is all of them");
    }
    assert_eq!(newest(100).from, at(0));
}

#[test]
fn a_clock_that_jumps_ahead_costs_hours_of_results_and_not_all() {
    let ground = Ground::new();
    let retain = Duration::from_secs(2 * 86_400);
    let pen = Pen::new(ground.store(), WriterOptions { retain_results: retain, pages_max: None });
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    for hour in 1_000..1_048 {
        pen.results(&[result(0, hour * HOUR, Verdict::Up)]);
    }
    until_folded(&ground, 2);
    let archive = ArchiveReader::open(&ground.path).unwrap();
    let hours = || -> Vec<i64> {
        results(&archive, "portal", ALWAYS).iter().map(|result| result.at.as_millis() / 1000 / HOUR).collect()
    };
    let before = hours();
    assert_eq!(before, (1_000..1_048).collect::<Vec<_>>());
    // A year ahead for a minute, over a start, and back again.
    let year = 365 * 24;
    pen.results(&[result(0, (1_048 + year) * HOUR, Verdict::Up)]);
    drop(pen);
    let pen = Pen::new(ground.store(), WriterOptions { retain_results: retain, pages_max: None });
    for second in 1..60 {
        pen.results(&[result(0, (1_048 + year) * HOUR + second, Verdict::Up)]);
    }
    for second in 0..60 {
        pen.results(&[result(0, 1_048 * HOUR + second, Verdict::Up)]);
    }
    std::thread::sleep(Duration::from_millis(300));
    let after = hours();
    assert_eq!(after[..48], before[..], "{after:?}");
    // With time, what is old enough goes.
    for hour in 1_049..1_120 {
        pen.results(&[result(0, hour * HOUR, Verdict::Up)]);
    }
    until_rows(&ground, "chunk WHERE from_ms < 1056 * 3600000", 0);
}

#[test]
fn a_logo_is_stored_once_however_often_a_catalogue_is_adopted() {
    let ground = Ground::new();
    let pen = ground.pen();
    let logo = Logo {
        picture: Picture::Png,
        content: (0..90_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(),
    };
    let name = logo.name();
    let adopt = |version: u32, components: &[&str]| {
        let mut declared = catalogue(components).declared().clone();
        declared.logos.insert(name.clone(), logo.clone());
        Event::CatalogueAdopted { version, catalogue: Arc::new(Catalogue::new(declared)) }
    };
    pen.events(&logged(1, [adopt(1, &["portal"]), adopt(2, &["portal", "login"]), adopt(3, &["login"])]));
    drop(pen);
    assert_eq!(count(&ground, "logo"), 1);
    let longest: i64 = ground.sql().query_row("SELECT max(length(body)) FROM catalogue", [], |row| row.get(0)).unwrap();
    assert!(longest < 10_000, "{longest}");
    let catalogue = ground.restore().last_catalogue.expect("one in force").1;
    assert_eq!(catalogue.logos.get(&name), Some(&logo));
    ground.sql().execute("DELETE FROM logo", []).unwrap();
    let fault = ground.store().restore().map(|_| ()).unwrap_err().to_string();
    assert!(fault.contains(&name), "{fault}");
}
