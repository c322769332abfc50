//! Damaged stores: every page of one in turn. What can be read is saved, what cannot is told, and nothing panics.

use std::fs;
use std::path::Path;

use turmwacht::history::StoreFault;
use turmwacht::history::archive::ArchiveReader;
use turmwacht::history::audit::verify;
use turmwacht::history::open::Store;
use turmwacht::history::restore::Restored;
use turmwacht::history::salvage::{Lost, Salvaged, is_suspected, resume, salvage, suspect};
use turmwacht::history::token::{Order, Tokens};
use turmwacht::history::writer::Batch;
use turmwacht::model::access::{AuditRecord, Outcome, Role};
use turmwacht::model::event::{Event, Logged};
use turmwacht::model::id::ComponentId;
use turmwacht::model::status::Status;
use turmwacht::model::verdict::Verdict;

use super::fixture::{Ground, adopted, at, changed, logged, result};

const PAGE: usize = 16 * 1024;

const EVENTS: u64 = 400;

/// A store with something in every table that matters, closed.
fn whole(with_checkpoint: bool) -> (Ground, Vec<Logged>) {
    let ground = Ground::new();
    let statuses = [Status::Operational, Status::MajorOutage];
    let events = logged(
        1,
        std::iter::once(adopted(1, &["portal", "login"]))
            .chain((1..EVENTS).map(|n| changed("portal", statuses[(n % 2) as usize], i64::try_from(n).unwrap()))),
    );
    let pen = ground.pen();
    pen.events(&events);
    for minute in 0..30 {
        pen.results(&[result(0, minute * 60, Verdict::Up), result(1, minute * 60, Verdict::Down)]);
    }
    let audits = (0..300)
        .map(|n| AuditRecord {
            at: at(n),
            actor: "k3j5h7ab".to_owned(),
            action: "POST incidents".to_owned(),
            subject: n.to_string(),
            outcome: Outcome::Done,
            status: 201,
            detail: "x".repeat(100),
            position: None,
        })
        .collect();
    pen.write(Batch { audits, ..Batch::default() });
    if with_checkpoint {
        pen.checkpoint(EVENTS, 1, b"the state at the end");
    }
    drop(pen);
    let mut tokens = Tokens::open(&ground.path).unwrap();
    let order = Order { role: Role::Admin, organisations: Vec::new(), label: String::new(), expires_at: None };
    for _ in 0..3 {
        tokens.issue(&order, "test", at(5)).unwrap();
    }
    drop(tokens);
    (ground, events)
}

/// The same bytes elsewhere, with one page overwritten.
fn damaged(bytes: &[u8], page: usize, with: u8) -> Ground {
    let ground = Ground::new();
    let mut bytes = bytes.to_vec();
    bytes[page * PAGE..(page + 1) * PAGE].fill(with);
    fs::write(&ground.path, bytes).unwrap();
    ground
}

/// As a start does it.
fn start(path: &Path) -> Result<(Store, Restored, Option<Salvaged>), StoreFault> {
    let attempt = || {
        let store = Store::open(path)?;
        let restored = store.restore()?;
        Ok((store, restored, None))
    };
    match attempt() {
        Err(fault) if StoreFault::may_be_damage(&fault) => match salvage(path)? {
            Some(salvaged) => attempt().map(|(store, restored, _)| (store, restored, Some(salvaged))),
            None => Err(fault),
        },
        other => other,
    }
}

/// Everything of the log that is there, without what says that something is not.
fn log(store: &Store) -> Vec<Logged> {
    let events = store.replay().unwrap().events;
    events.into_iter().filter(|logged| !matches!(logged.event, Event::Skipped { .. })).collect()
}

fn lost(salvaged: &Salvaged, what: &str) -> Lost {
    salvaged.saved.iter().find(|saved| saved.what == what).unwrap_or_else(|| panic!("{what}: {salvaged:?}")).lost
}

/// What came of one damaged page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Intact,
    Saved,
    Refused,
}

fn flip(bytes: &[u8], events: &[Logged], epoch: u64, page: usize, with: u8) -> Came {
    let ground = damaged(bytes, page, with);
    let before = fs::read(&ground.path).unwrap();
    let (store, restored, salvaged) = match start(&ground.path) {
        Ok(started) => started,
        Err(fault) => {
            let told = fault.to_string();
            assert!(told.contains("backup") || told.contains("[storage] path"), "page {page}: {told}");
            assert!(fs::read(&ground.path).unwrap() == before, "page {page}: it stays as it was");
            return Came::Refused;
        }
    };
    let Some(salvaged) = salvaged else {
        assert_eq!(restored.position, EVENTS, "page {page}");
        drop(store);
        // What was not looked at yet is as it was, or says that it cannot be read.
        if let Ok(restored) = ground.store().replay() {
            assert_eq!(restored.events, events, "page {page}");
        }
        let tokens = Tokens::open(&ground.path).and_then(|tokens| tokens.list());
        assert!(tokens.is_err() || tokens.is_ok_and(|tokens| tokens.len() == 3), "page {page}");
        let verified = verify(&ground.path);
        assert!(verified.is_err() || verified.is_ok_and(|verified| verified.entries == 303), "page {page}");
        let archive = ArchiveReader::open(&ground.path).unwrap();
        let results = archive.results(&ComponentId::new("portal"), at(0), at(1 << 40), 1_000);
        assert!(results.is_err() || results.is_ok_and(|results| results.len() == 30), "page {page}");
        return Came::Intact;
    };
    assert!(fs::read(&salvaged.kept).unwrap() == before, "page {page}: the damaged file is kept as it was");
    assert!(salvaged.sentences()[0].contains(&salvaged.kept.display().to_string()));
    assert_ne!(restored.epoch, epoch, "page {page}: no id of an incident is given twice");
    let found = log(&store);
    assert!(found.iter().all(|logged| events.contains(logged)), "page {page}: nothing was made up");
    let missing = events.len() - found.len();
    match lost(&salvaged, "events of the log") {
        Lost::Nothing => assert_eq!((missing, restored.position), (0, EVENTS), "page {page}"),
        Lost::Rows(rows) => assert_eq!((rows, restored.position), (missing as u64, EVENTS), "page {page}"),
        Lost::Something => assert!(missing > 0, "page {page}"),
    }
    drop(store);
    let tokens = Tokens::open(&ground.path).unwrap().list().unwrap();
    assert!(tokens.len() == 3 || lost(&salvaged, "tokens") != Lost::Nothing, "page {page}");
    match lost(&salvaged, "entries of the audit log") {
        // One more says what was done.
        Lost::Nothing => assert_eq!(verify(&ground.path).unwrap().entries, 304, "page {page}"),
        Lost::Rows(_) => assert!(verify(&ground.path).is_err(), "page {page}: a gap stays one"),
        Lost::Something => {}
    }
    Came::Saved
}

#[test]
fn whichever_page_is_damaged_nothing_is_lost_without_a_word() {
    for with_checkpoint in [false, true] {
        let (ground, events) = whole(with_checkpoint);
        let epoch = ground.store().epoch();
        let bytes = fs::read(&ground.path).unwrap();
        let pages = bytes.len() / PAGE;
        assert!((30..200).contains(&pages), "{pages}");
        for with in [0xa5, 0] {
            let came: Vec<Came> = (0..pages).map(|page| flip(&bytes, &events, epoch, page, with)).collect();
            // The first page says what the rest is; without it the file is not even ours.
            assert_eq!(came[0], Came::Refused);
            let count = |what| came.iter().filter(|came| **came == what).count();
            assert!(count(Came::Saved) > 5, "{came:?}");
            assert!(count(Came::Refused) <= 3, "{came:?}");
        }
    }
}

#[test]
fn behind_a_page_of_the_log_everything_is_still_there() {
    let (ground, events) = whole(false);
    let bytes = fs::read(&ground.path).unwrap();
    let body = b"position 200 of the log";
    assert!(!bytes.windows(body.len()).any(|window| window == body));
    let marker = serde_json::to_string(&events[200].event).unwrap();
    let at = bytes.windows(marker.len()).position(|window| window == marker.as_bytes()).unwrap();
    let ground = damaged(&bytes, at / PAGE, 0xa5);
    let (store, restored, salvaged) = start(&ground.path).unwrap();
    let salvaged = salvaged.unwrap();
    let Lost::Rows(rows) = lost(&salvaged, "events of the log") else { panic!("{salvaged:?}") };
    let found = log(&store);
    assert!((1..EVENTS / 2).contains(&rows), "{rows}");
    assert_eq!(found.len() as u64, EVENTS - rows);
    assert_eq!((found[0].position, found.last().unwrap().position, restored.position), (1, EVENTS, EVENTS));
    assert!(restored.last_catalogue.is_some());
    assert_eq!(lost(&salvaged, "tokens"), Lost::Nothing);
    let told = salvaged.sentences().join("\n");
    assert!(told.contains(&format!("events of the log: {} saved, {rows} lost", EVENTS - rows)), "{told}");
    // The log goes on behind what was.
    drop(store);
    let pen = ground.pen();
    pen.events(&logged(EVENTS + 1, [changed("portal", Status::Unknown, 900)]));
    drop(pen);
    assert_eq!(ground.restore().position, EVENTS + 1);
}

#[test]
fn what_is_not_damaged_or_not_ours_to_touch_stays_as_it_is() {
    let (ground, _) = whole(true);
    suspect(&ground.path);
    assert!(is_suspected(&ground.path));
    let before = fs::read(&ground.path).unwrap();
    assert_eq!(salvage(&ground.path).unwrap(), None, "it is sound");
    assert!(!is_suspected(&ground.path));
    assert!(fs::read(&ground.path).unwrap() == before);

    let held = ground.store();
    assert!(matches!(salvage(&ground.path), Err(StoreFault::InUse { .. })));
    drop(held);

    // A newer release's, and damaged at that.
    let mut newer = before;
    newer[63] = 99;
    newer[3 * PAGE..4 * PAGE].fill(0xa5);
    fs::write(&ground.path, &newer).unwrap();
    assert!(matches!(salvage(&ground.path), Err(StoreFault::Newer { .. })));
    assert!(fs::read(&ground.path).unwrap() == newer);
}

#[test]
fn a_change_of_files_that_was_interrupted_is_ended() {
    let (ground, events) = whole(true);
    let beside = |suffix: &str| ground.folder.path().join(format!("turmwacht.db{suffix}"));
    // As after a crash between the two names: the new store is complete, the old one was moved away.
    fs::rename(&ground.path, beside(".salvaged")).unwrap();
    fs::write(beside("-wal"), b"of the damaged one").unwrap();
    resume(&ground.path).unwrap();
    assert_eq!(log(&ground.store()), events);
    assert!(!beside(".salvaged").exists());
    resume(&ground.path).unwrap();
}
