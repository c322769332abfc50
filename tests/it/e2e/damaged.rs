//! A start on a store that the disk has damaged.

use std::fs;
use std::os::unix::fs::FileExt;

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use serde_json::Value;

use super::Site;
use super::program::Place;

/// Overwrites the first page of a table.
fn damage(place: &Place, table: &str) {
    let path = place.path("turmwacht.db");
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let (page, size): (i64, i64) = connection
        .query_row(
            "SELECT coalesce((SELECT rootpage FROM sqlite_schema WHERE name = ?1), 1), page_size FROM pragma_page_size",
            [table],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    drop(connection);
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&vec![0xa5; usize::try_from(size).unwrap()], (page - 1).unsigned_abs() * size.unsigned_abs())
        .unwrap();
}

/// A server sees an outage begin, and ends; the incident as the public read it.
fn an_outage(place: &Place, site: &Site) -> Value {
    let mut program = place.serve();
    program.until_status("portal", "operational");
    site.switch(false);
    program.until_status("portal", "major_outage");
    let told = program.json("/api/v1/incidents")["incidents"].take();
    program.signal(Signal::TERM);
    assert_eq!(program.ended().code(), Some(0));
    told
}

#[test]
fn a_damaged_store_is_kept_and_the_server_goes_on_with_what_could_be_read() {
    let site = Site::new();
    let place = site.place();
    let made = place.run(&["token", "new", "--role", "admin"]);
    let token = made.stdout.split_whitespace().last().unwrap().to_owned();
    let before = an_outage(&place, &site);

    damage(&place, "event");
    // Commands do not touch it.
    place.run(&["backup", "copy.db"]).assert_refuses(&["is not sound"]);
    let mut program = place.serve();
    let incidents = program.json("/api/v1/incidents")["incidents"].take();
    assert_eq!(incidents, before, "the last checkpoint knows it");
    program.until("it says so to whoever watches it", |program| program.get("/readyz").contains("storage"));
    let log = program.log();
    for said in ["the store was damaged: it is kept as turmwacht.db.damaged-20", "events of the log: 0 saved, "] {
        assert!(log.contains(said), "`{said}` is not in it:\n{log}");
    }
    let whole = log.lines().find(|line| line.contains("nothing is known to be lost of")).unwrap();
    assert!(whole.contains("tokens (1)") && whole.contains("entries of the audit log (1)"), "{whole}");
    let kept: Vec<_> = fs::read_dir(place.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("turmwacht.db.damaged-"))
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(place.run(&["audit", "verify"]).stdout.starts_with("entries: 2,"), "one says what was done");
    let listed = place.run(&["token", "list"]);
    assert!(listed.stdout.contains(token.split('_').nth(1).unwrap()), "{listed:?}");

    site.switch(true);
    program.until_status("portal", "operational");
    program.signal(Signal::TERM);
    assert_eq!(program.ended().code(), Some(0));
    let program = place.serve();
    assert!(!program.log().contains("damaged"), "{}", program.log());
    assert!(!program.get("/readyz").contains("storage"));
    let updates = program.json("/api/v1/incidents")["incidents"][0]["updates"].as_array().unwrap().len();
    assert_eq!(updates, 2);
}

#[test]
fn what_the_damage_did_not_reach_is_all_there() {
    let site = Site::new();
    let place = site.place();
    let before = an_outage(&place, &site);

    damage(&place, "tail");
    let mut program = place.serve();
    assert_eq!(program.json("/api/v1/incidents")["incidents"], before);
    let log = program.log();
    let whole =
        log.lines().find(|line| line.contains("nothing is known to be lost of")).unwrap_or_else(|| panic!("{log}"));
    for kind in ["events of the log (", "intervals of statuses (", "checkpoints ("] {
        assert!(whole.contains(kind), "{kind}: {log}");
    }
    assert!(log.contains("batches of results: 0 saved, some lost"), "{log}");
    site.switch(true);
    program.until_status("portal", "operational");
    program.signal(Signal::TERM);
    assert_eq!(program.ended().code(), Some(0));
}

#[test]
fn a_store_whose_first_page_is_gone_is_refused_and_stays() {
    let site = Site::new();
    let place = site.place();
    let mut program = place.serve();
    program.until_status("portal", "operational");
    program.signal(Signal::TERM);
    program.ended();
    damage(&place, "sqlite_schema");
    let before = fs::read(place.path("turmwacht.db")).unwrap();
    place.run(&["serve"]).assert_refuses(&["is not a turmwacht store", "restore a backup"]);
    assert!(fs::read(place.path("turmwacht.db")).unwrap() == before);
}
