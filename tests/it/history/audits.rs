//! The audit log and kept answers: written with their events, by several writers, and every way
//! of rewriting that is found.

use std::time::Duration;

use rusqlite::Connection;
use turmwacht::history::audit::{AuditFault, page, verify};
use turmwacht::history::token::Tokens;
use turmwacht::history::writer::{Batch, QUEUE_EDIT_BYTES_MAX};
use turmwacht::model::access::{AuditRecord, DETAIL_BYTES_MAX, NAME_BYTES_MAX, Outcome, StoredAnswer};
use turmwacht::model::status::Status;
use turmwacht::model::time::Timestamp;

use super::fixture::{Ground, adopted, at, changed, logged};

const DAY: i64 = 24 * 3600;

fn record(second: i64, subject: &str) -> AuditRecord {
    AuditRecord {
        at: at(second),
        actor: "k3j5h7ab".to_owned(),
        action: "POST incidents".to_owned(),
        subject: subject.to_owned(),
        outcome: Outcome::Done,
        status: 201,
        detail: "{\"status\":\"investigating\"}".to_owned(),
        position: Some(3),
    }
}

fn records(count: i64) -> Vec<AuditRecord> {
    (1..=count).map(|n| record(n, &format!("incident {n}"))).collect()
}

fn answer(key: &str, second: i64, body: &str) -> StoredAnswer {
    StoredAnswer {
        token: "k3j5h7ab".to_owned(),
        key: key.to_owned(),
        request_hash: [7; 32],
        at: at(second),
        status: 201,
        headers: vec![("location".to_owned(), "/api/v1/incidents/x".to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

/// A store whose audit log has five entries, the second of which has no position.
fn five() -> Ground {
    let ground = Ground::new();
    let mut audits = records(5);
    audits[1].position = None;
    ground.pen().write(Batch { audits, ..Batch::default() });
    ground
}

/// Does this past the triggers, and returns the entry and the fault that are found.
fn rewritten(ground: &Ground, statements: &str) -> (i64, &'static str) {
    let sql = ground.sql();
    for trigger in ["audit_is_not_edited", "audit_is_not_shortened", "audit_is_not_replaced"] {
        sql.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    sql.execute_batch(statements).unwrap();
    drop(sql);
    match verify(&ground.path) {
        Err(AuditFault::Broken { seq, what, .. }) => (seq, what),
        other => panic!("{statements}: {other:?}"),
    }
}

#[test]
fn an_edit_is_stored_with_its_event_its_audit_entry_and_its_answer() {
    let ground = Ground::new();
    let pen = ground.pen();
    let events = logged(1, [adopted(1, &["portal"])]);
    let given = answer("key-1", 1, "{\"incident\":{}}");
    let audits = vec![record(1, "portal")];
    let ack = pen.write(Batch { events: events.clone(), audits, answers: vec![given.clone()], ..Batch::default() });
    assert_eq!(ack.position, 1);
    let tokens = Tokens::open(&ground.path).unwrap();
    assert_eq!(tokens.answer("k3j5h7ab", "key-1", at(2)).unwrap(), Some(given));
    assert_eq!(tokens.answer("k3j5h7ab", "key-2", at(2)).unwrap(), None);
    assert_eq!(tokens.answer("another1", "key-1", at(2)).unwrap(), None);
    // A refusal leads to no event.
    let refused = AuditRecord { outcome: Outcome::Refused, status: 403, position: None, ..record(2, "other") };
    pen.write(Batch { audits: vec![refused], ..Batch::default() });
    drop(pen);
    assert_eq!(ground.restore().events, events);
    assert_eq!(verify(&ground.path).unwrap().entries, 2);
    let kept: String = ground
        .sql()
        .query_row(
            "SELECT group_concat(concat_ws(' ', seq, at_ms, actor, subject, outcome, status, detail, position), '; ')
             FROM audit",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        kept,
        "1 1000 k3j5h7ab portal done 201 {\"status\":\"investigating\"} 3; \
         2 2000 k3j5h7ab other refused 403 {\"status\":\"investigating\"}"
    );
}

#[test]
fn a_batch_that_is_refused_leaves_no_audit_entry_and_no_answer() {
    let ground = Ground::new();
    let pen = ground.pen();
    let events = logged(7, [changed("portal", Status::Unknown, 1)]);
    let batch = Batch { events, audits: records(1), answers: vec![answer("key", 1, "")], ..Batch::default() };
    pen.writer.try_send(batch).unwrap();
    assert!(pen.ack().result.is_err());
    drop(pen);
    assert_eq!(verify(&ground.path).unwrap().entries, 0);
    assert_eq!(Tokens::open(&ground.path).unwrap().answer("k3j5h7ab", "key", at(1)).unwrap(), None);
}

#[test]
fn commands_and_the_server_continue_one_chain() {
    let ground = Ground::new();
    let pen = ground.pen();
    let mut tokens = Tokens::open(&ground.path).unwrap();
    let appending = std::thread::spawn(move || {
        for record in records(30) {
            tokens.record(&record).unwrap();
        }
    });
    for record in records(30) {
        pen.write(Batch { audits: vec![record.clone(), record], ..Batch::default() });
    }
    appending.join().unwrap();
    // Verified beside the running writer.
    assert_eq!(verify(&ground.path).unwrap().entries, 90);
}

#[test]
fn a_long_log_is_verified_to_its_end() {
    let ground = Ground::new();
    ground.pen().write(Batch { audits: records(2_000), ..Batch::default() });
    let verified = verify(&ground.path).unwrap();
    assert_eq!(verified.entries, 2_000);
    let last: String =
        ground.sql().query_row("SELECT lower(hex(hash)) FROM audit WHERE seq = 2000", [], |row| row.get(0)).unwrap();
    assert_eq!(verified.last_hash, Some(last));
    let (seq, _) = rewritten(&ground, "UPDATE audit SET subject = 'x' WHERE seq = 1999");
    assert_eq!(seq, 1_999);
}

#[test]
fn the_hashes_are_those_of_every_release() {
    let ground = five();
    let sql = ground.sql();
    let hash = |seq: u32| -> String {
        sql.query_row("SELECT lower(hex(hash)) FROM audit WHERE seq = ?1", [seq], |row| row.get(0)).unwrap()
    };
    // Worked out by another program from the description of the encoding.
    assert_eq!(hash(1), "fb6e507e559dbf2619f0a12c942e210cbc167b9a38f211fd2bebe8f0930d79c0");
    assert_eq!(hash(2), "de96af107b8bf406c80ca2a91f8b850d4d4fe46dfd0ebc4b0910f15b31ac4299");
}

#[test]
fn every_column_is_part_of_the_chain() {
    for column in ["at_ms", "status", "actor", "action", "subject", "outcome", "detail"] {
        let ground = five();
        let found = rewritten(&ground, &format!("UPDATE audit SET {column} = {column} || '1' WHERE seq = 3"));
        assert_eq!(found, (3, "its hash does not match its content"), "{column}");
    }
    for (change, seq) in [("position = NULL WHERE seq = 3", 3), ("position = 0 WHERE seq = 2", 2)] {
        let found = rewritten(&five(), &format!("UPDATE audit SET {change}"));
        assert_eq!(found, (seq, "its hash does not match its content"));
    }
    // A text that moves from one column to the next.
    let moved = "UPDATE audit SET actor = actor || substr(action, 1, 1), action = substr(action, 2) WHERE seq = 4";
    assert_eq!(rewritten(&five(), moved), (4, "its hash does not match its content"));
}

#[test]
fn entries_that_were_removed_inserted_or_exchanged_are_named() {
    let missing = "it is missing";
    for (statements, seq, what) in [
        ("DELETE FROM audit WHERE seq = 3", 3, missing),
        ("DELETE FROM audit WHERE seq = 1", 1, missing),
        ("DELETE FROM audit WHERE seq >= 4", 4, missing),
        ("DELETE FROM audit", 1, missing),
        ("UPDATE sqlite_sequence SET seq = 4", 5, "it was never counted"),
        ("UPDATE audit SET seq = -3 WHERE seq = 3", -3, "it was inserted"),
        (
            "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3",
            3,
            "it does not follow from the entry before it",
        ),
        ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 2", 2, "its hash does not match its content"),
        ("UPDATE audit SET hash = zeroblob(3) WHERE seq = 2", 2, "it holds what is never written there"),
        ("UPDATE audit SET previous = zeroblob(32) WHERE seq = 2", 2, "it does not follow from the entry before it"),
    ] {
        assert_eq!(rewritten(&five(), statements), (seq, what), "{statements}");
    }
}

#[test]
fn a_missing_end_stays_missing_when_the_log_goes_on() {
    let ground = five();
    let sql = ground.sql();
    sql.execute_batch("DROP TRIGGER audit_is_not_shortened; DELETE FROM audit WHERE seq = 5").unwrap();
    drop(sql);
    ground.pen().write(Batch { audits: records(1), ..Batch::default() });
    let fault = verify(&ground.path).unwrap_err();
    assert!(matches!(fault, AuditFault::Broken { seq: 5, what: "it is missing", .. }), "{fault}");
    assert!(fault.to_string().contains("first at entry 5: it is missing; compare it with a backup"), "{fault}");
}

#[test]
fn the_store_itself_refuses_to_rewrite_the_log() {
    let ground = five();
    let sql = ground.sql();
    for statement in [
        "UPDATE audit SET actor = 'somebody' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 5",
        "REPLACE INTO audit SELECT seq, 0, '', '', '', '', 0, '', 0, previous, hash FROM audit WHERE seq = 2",
    ] {
        let error = sql.execute(statement, []).unwrap_err().to_string();
        assert!(error.contains("the audit log is append-only"), "{statement}: {error}");
    }
    drop(sql);
    assert_eq!(verify(&ground.path).unwrap().entries, 5);
}

#[test]
fn long_texts_are_cut_before_they_are_hashed() {
    let ground = Ground::new();
    let long = "x".repeat(DETAIL_BYTES_MAX + 1);
    let audits = vec![AuditRecord { detail: long.clone(), subject: long, ..record(1, "") }];
    ground.pen().write(Batch { audits, ..Batch::default() });
    assert_eq!(verify(&ground.path).unwrap().entries, 1);
    let (detail, subject): (u32, u32) = ground
        .sql()
        .query_row("SELECT octet_length(detail), octet_length(subject) FROM audit", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert!(detail as usize <= DETAIL_BYTES_MAX && subject as usize <= NAME_BYTES_MAX, "{detail} {subject}");
}

/// The numbers on a page, and the `before` of the next one.
fn numbers(ground: &Ground, before: Option<i64>, limit: u32) -> (Vec<i64>, Option<i64>) {
    let page = page(&ground.path, before, limit).unwrap();
    let entries = page["audit"].as_array().unwrap();
    (entries.iter().map(|entry| entry["number"].as_i64().unwrap()).collect(), page["next"].as_i64())
}

#[test]
fn the_log_is_read_page_by_page_from_its_end() {
    let ground = five();
    // Beside a running writer.
    let pen = ground.pen();
    assert_eq!(numbers(&ground, None, 2), (vec![5, 4], Some(4)));
    assert_eq!(numbers(&ground, Some(4), 2), (vec![3, 2], Some(2)));
    assert_eq!(numbers(&ground, Some(2), 2), (vec![1], None));
    assert_eq!(numbers(&ground, None, 5), (vec![5, 4, 3, 2, 1], None));
    assert_eq!(numbers(&ground, Some(1), 5), (vec![], None));
    assert_eq!(numbers(&ground, Some(i64::MIN), 5), (vec![], None));
    let page = page(&ground.path, Some(3), 1).unwrap();
    let hash: String =
        ground.sql().query_row("SELECT lower(hex(hash)) FROM audit WHERE seq = 2", [], |row| row.get(0)).unwrap();
    let expected = serde_json::json!({
        "number": 2,
        "at": at(2).to_string(),
        "actor": "k3j5h7ab",
        "action": "POST incidents",
        "subject": "incident 2",
        "outcome": "done",
        "status": 201,
        "detail": { "status": "investigating" },
        "position": null,
        "hash": hash,
    });
    assert_eq!(page["audit"], serde_json::json!([expected]));
    drop(pen);
}

#[test]
fn a_page_is_bounded_in_bytes_and_shows_what_is_no_json_as_a_text() {
    let ground = Ground::new();
    let long = "x".repeat(DETAIL_BYTES_MAX);
    let audits = records(50).into_iter().map(|record| AuditRecord { detail: long.clone(), ..record }).collect();
    ground.pen().write(Batch { audits, ..Batch::default() });
    let (first, next) = numbers(&ground, None, 500);
    assert_eq!((first.len(), next), (32, Some(19)), "2 MiB of 64 KiB each");
    assert_eq!(numbers(&ground, next, 500), ((1..=18).rev().collect(), None));
    assert_eq!(page(&ground.path, None, 1).unwrap()["audit"][0]["detail"], long.as_str());
}

fn answers_kept(sql: &Connection) -> u32 {
    sql.query_row("SELECT count(*) FROM answer", [], |row| row.get(0)).unwrap()
}

#[test]
fn an_answer_stands_for_a_day_as_it_was_first_given_and_is_then_removed() {
    let ground = Ground::new();
    let pen = ground.pen();
    let give = |answer: StoredAnswer| pen.write(Batch { answers: vec![answer], ..Batch::default() });
    let tokens = Tokens::open(&ground.path).unwrap();
    let body = |now: Timestamp| tokens.answer("k3j5h7ab", "a", now).unwrap().map(|answer| answer.body);
    give(answer("a", 0, "first"));
    give(answer("a", 10, "second"));
    give(answer("b", DAY - 1, "other"));
    assert_eq!(body(at(DAY - 1)).unwrap(), b"first");
    assert_eq!(body(at(DAY)), None, "even before it is removed");
    assert_eq!(answers_kept(&ground.sql()), 2);
    give(answer("c", DAY, "third"));
    assert_eq!(answers_kept(&ground.sql()), 2, "b and c");
    give(answer("a", DAY + 1, "again"));
    assert_eq!(body(at(DAY + 1)).unwrap(), b"again");
}

#[test]
fn one_token_cannot_push_out_the_answers_of_another() {
    let ground = Ground::new();
    let mut answers = vec![StoredAnswer { token: "another1".to_owned(), ..answer("old", 0, "") }];
    answers.extend((0..1_100).map(|n| answer(&n.to_string(), 1 + n, "")));
    ground.pen().write(Batch { answers, ..Batch::default() });
    assert_eq!(answers_kept(&ground.sql()), 1_001);
    let tokens = Tokens::open(&ground.path).unwrap();
    assert!(tokens.answer("another1", "old", at(1)).unwrap().is_some());
    assert!(tokens.answer("k3j5h7ab", "1099", at(1)).unwrap().is_some());
    assert!(tokens.answer("k3j5h7ab", "99", at(1)).unwrap().is_none());
}

#[test]
fn what_waits_for_a_disk_is_bounded_in_bytes_too() {
    let ground = Ground::new();
    let pen = ground.pen();
    let other = ground.sql();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    pen.writer.try_send(Batch { audits: records(1), ..Batch::default() }).unwrap();
    assert!(pen.ack().result.is_err(), "it is held up now");
    let half = || Batch { answers: vec![answer("k", 1, &"x".repeat(QUEUE_EDIT_BYTES_MAX / 2))], ..Batch::default() };
    pen.writer.try_send(half()).unwrap();
    let back = pen.writer.try_send(half()).unwrap_err();
    assert_eq!(back.answers.len(), 1, "it comes back whole");
    pen.writer.try_send(Batch { audits: records(1), ..Batch::default() }).unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    while pen.writer.gauges().queue_depth > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    pen.writer.try_send(half()).unwrap();
    drop(pen);
    assert_eq!(verify(&ground.path).unwrap().entries, 2);
}

#[test]
fn what_a_batch_holds_of_editors_is_not_in_its_debug_text() {
    let batch =
        Batch { audits: vec![record(1, "canary")], answers: vec![answer("canary", 1, "canary")], ..Batch::default() };
    let text = format!("{batch:?}");
    assert!(text.contains("audits: 1") && !text.contains("canary"), "{text}");
}
