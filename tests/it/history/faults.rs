//! A store that cannot be written: said, kept, tried again. And what does not fit the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use turmwacht::history::writer::{Ack, Batch, QUEUE_BATCHES_MAX, QUEUE_EVENTS_MAX, Writer, WriterOptions};
use turmwacht::model::event::Logged;
use turmwacht::model::status::Status;
use turmwacht::model::verdict::Verdict;

use super::fixture::{Ground, Pen, adopted, changed, logged, result};

fn batch(token: u64, events: &[Logged]) -> Batch {
    Batch { events: events.to_vec(), token, ..Batch::default() }
}

#[test]
fn a_full_store_is_said_once_per_batch_and_resumes_by_itself() {
    let ground = Ground::new();
    let limit = Arc::new(AtomicU32::new(0));
    let options = WriterOptions { retain_results: Duration::MAX, pages_max: Some(Arc::clone(&limit)) };
    let pen = Pen::new(ground.store(), options);
    let first = logged(1, [adopted(1, &["portal"])]);
    pen.events(&first);
    // Full: below what it has already, so that SQLite holds it at its present size.
    limit.store(1, Ordering::Relaxed);
    let long: Vec<Logged> = logged(
        2,
        (0..2_000).map(|n| changed("portal", if n % 2 == 0 { Status::Unknown } else { Status::Operational }, n)),
    );
    pen.writer.try_send(batch(7, &long)).unwrap();
    let ack = pen.ack();
    assert_eq!((ack.token, ack.position), (7, 1));
    let told = ack.result.unwrap_err();
    assert!(told.contains("the disk is full; free some space"), "{told}");
    let later = logged(2_002, [changed("portal", Status::Unknown, 9)]);
    pen.writer.try_send(batch(8, &later)).unwrap();
    let ack = pen.ack();
    assert_eq!((ack.token, ack.result.is_err()), (8, true));
    let gauges = pen.writer.gauges();
    assert_eq!(gauges.undurable_transitions, 2_001);
    assert!(gauges.last_error.unwrap().contains("full"));
    limit.store(0, Ordering::Relaxed);
    let done = [pen.ack(), pen.ack()];
    assert_eq!(
        done,
        [Ack { token: 7, position: 2_001, result: Ok(()) }, Ack { token: 8, position: 2_002, result: Ok(()) }]
    );
    let gauges = pen.writer.gauges();
    assert_eq!((gauges.undurable_transitions, gauges.last_error), (0, None));
    assert!(gauges.wal_bytes > 0);
    drop(pen);
    assert_eq!(ground.restore().events, [first, long, later].concat());
}

#[test]
fn a_lock_held_by_another_program_is_waited_for() {
    let ground = Ground::new();
    let pen = ground.pen();
    let other = ground.sql();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    pen.writer.try_send(batch(1, &logged(1, [adopted(1, &["portal"])]))).unwrap();
    let told = pen.ack().result.unwrap_err();
    assert!(told.contains("another program keeps it locked; end that one"), "{told}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(pen.ack(), Ack { token: 1, position: 1, result: Ok(()) });
}

#[test]
fn a_store_that_never_works_again_does_not_hold_up_the_end() {
    let ground = Ground::new();
    let pen = ground.pen();
    let other = ground.sql();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    pen.writer.try_send(batch(1, &logged(1, [adopted(1, &["portal"])]))).unwrap();
    assert!(pen.ack().result.is_err());
    let Pen { writer, acks } = pen;
    writer.shutdown();
    assert_eq!(acks.iter().count(), 0, "it was told before");
    drop(other);
    assert_eq!(ground.restore().position, 0);
}

#[test]
fn a_gap_is_refused_for_good_and_the_log_stays_whole() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    for (first, token) in [(3, 5), (1, 6)] {
        pen.writer.try_send(batch(token, &logged(first, [changed("portal", Status::Unknown, 1)]))).unwrap();
        let ack = pen.ack();
        assert_eq!((ack.token, ack.position), (token, 1));
        assert_eq!(ack.result, Err(format!("the log continues at position 2, not at {first}")));
    }
    assert!(pen.writer.gauges().last_error.is_some());
    pen.events(&logged(2, [changed("portal", Status::Operational, 1)]));
    drop(pen);
    assert_eq!(ground.restore().position, 2);
}

#[test]
fn a_log_that_somebody_else_continues_is_not_written() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    let sql = ground.sql();
    let copy = "INSERT INTO event SELECT position + 5, at_ms, kind, version, source, source_seq + 5, body FROM event";
    sql.execute(copy, []).unwrap();
    pen.writer.try_send(batch(2, &logged(2, [changed("portal", Status::Unknown, 1)]))).unwrap();
    let told = pen.ack().result.unwrap_err();
    assert!(told.contains("another program writes into the store: its log ends at 6 instead of 1"), "{told}");
    sql.execute("DELETE FROM event WHERE position = 6", []).unwrap();
    assert_eq!(pen.ack().result, Ok(()));
}

/// A writer that is held up in its first acknowledgement until the sender is dropped.
fn held_up(ground: &Ground) -> (Writer, std::sync::mpsc::Sender<()>) {
    let (go, gate) = channel::<()>();
    let (reached, at_gate) = channel();
    let options = WriterOptions { retain_results: Duration::MAX, pages_max: None };
    let on_ack = move |_| {
        // Both ends may be gone by then.
        reached.send(()).ok();
        gate.recv().ok();
    };
    let writer = ground.store().into_writer(options, on_ack).unwrap();
    writer.try_send(batch(0, &logged(1, [adopted(1, &["portal"])]))).unwrap();
    at_gate.recv().unwrap();
    (writer, go)
}

#[test]
fn beyond_half_results_go_first_and_a_full_queue_gives_the_batch_back() {
    let ground = Ground::new();
    let (writer, go) = held_up(&ground);
    let one = || Batch { results: vec![result(0, 60, Verdict::Up)], ..Batch::default() };
    for _ in 0..QUEUE_BATCHES_MAX {
        writer.try_send(one()).unwrap();
    }
    let gauges = writer.gauges();
    assert_eq!(gauges.queue_depth, QUEUE_BATCHES_MAX);
    assert_eq!(gauges.dropped_results, QUEUE_BATCHES_MAX as u64 / 2);
    let back = writer.try_send(Batch { token: 9, ..one() }).unwrap_err();
    assert_eq!((back.token, back.results.len()), (9, 1));
    drop(go);
    writer.shutdown();
    let sql = ground.sql();
    assert!(sql.query_row("SELECT count(*) > 0 FROM tail", [], |row| row.get::<_, bool>(0)).unwrap());
}

#[test]
fn events_are_bounded_too_but_a_long_batch_passes_alone() {
    let ground = Ground::new();
    let (writer, go) = held_up(&ground);
    let count = i64::try_from(QUEUE_EVENTS_MAX).unwrap() + 5;
    let events = logged(2, (0..count).map(|n| changed("portal", Status::Unknown, n)));
    writer.try_send(batch(1, &events)).unwrap();
    let next = batch(2, &logged(events.last().unwrap().position + 1, [changed("portal", Status::Unknown, 1)]));
    let next = writer.try_send(next).unwrap_err();
    drop(go);
    let mut next = Some(next);
    while let Some(batch) = next.take() {
        next = writer.try_send(batch).err();
        std::thread::yield_now();
    }
    writer.shutdown();
    assert_eq!(ground.restore().events.len(), QUEUE_EVENTS_MAX + 7);
}
