//! Killed at any time, the store is a prefix of the log that holds all that was acknowledged.

use std::fs;

use turmwacht::history::writer::Batch;
use turmwacht::model::event::Logged;
use turmwacht::model::status::Status;
use turmwacht::model::verdict::Verdict;

use super::fixture::{Ground, adopted, changed, logged, result};

/// What a kill leaves behind: the files as the system has them, without the lock.
fn killed(ground: &Ground) -> Ground {
    let copy = Ground::new();
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", ground.path.display());
        fs::copy(from, format!("{}{suffix}", copy.path.display())).unwrap();
    }
    copy
}

fn story() -> Vec<Logged> {
    let statuses = (1..30).map(|n| {
        let status = if n % 3 == 0 { Status::MajorOutage } else { Status::Operational };
        changed(if n % 2 == 0 { "portal" } else { "login" }, status, n)
    });
    logged(1, std::iter::once(adopted(1, &["portal", "login"])).chain(statuses))
}

#[test]
fn killed_after_each_acknowledgement_nothing_acknowledged_is_missing() {
    let ground = Ground::new();
    let events = story();
    let pen = ground.pen();
    let mut written = 0;
    for (part, token) in events.chunks(4).zip(1..) {
        let results = vec![result(0, token, Verdict::Up)];
        let token_number = u64::try_from(token).unwrap();
        let ack = pen.write(Batch { events: part.to_vec(), results, token: token_number, ..Batch::default() });
        written += part.len();
        assert_eq!(ack.position, written as u64);
        if token % 3 == 0 {
            pen.checkpoint(ack.position, 1, format!("state {}", ack.position).as_bytes());
        }
        let copy = killed(&ground);
        let all = copy.store().replay().unwrap();
        assert_eq!(all.events, events[..written]);
        assert_eq!(all.evidence.last().unwrap().slot, results_slot(token));
        let restored = copy.restore();
        let from = restored.checkpoint.map_or(0, |checkpoint| {
            assert_eq!(checkpoint.body, format!("state {}", checkpoint.position).into_bytes());
            usize::try_from(checkpoint.position).unwrap()
        });
        assert_eq!(restored.events, events[from..written]);
        // And it goes on from there.
        copy.pen().events(&logged(restored.position + 1, [changed("portal", Status::Unknown, 99)]));
    }
}

fn results_slot(token: i64) -> turmwacht::model::time::Timestamp {
    super::fixture::at(token)
}

#[test]
fn a_write_ahead_log_torn_anywhere_leaves_whole_transactions() {
    let ground = Ground::new();
    let events = story();
    let pen = ground.pen();
    for part in events.chunks(5) {
        pen.events(part);
    }
    let wal = fs::read(format!("{}-wal", ground.path.display())).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    // Every 5,000 bytes: several cuts within each page of 16 KiB.
    for length in (0..=wal.len()).step_by(5_000).chain([wal.len()]) {
        let copy = killed(&ground);
        fs::write(format!("{}-wal", copy.path.display()), &wal[..length]).unwrap();
        let restored = copy.restore();
        let count = restored.events.len();
        assert_eq!(restored.events, events[..count]);
        assert_eq!(count % 5, 0, "a transaction is whole or not there");
        seen.insert(count);
    }
    assert_eq!(seen.last(), Some(&events.len()));
    assert!(seen.len() > 3, "cuts fell between transactions: {seen:?}");
}
