//! Whose store, whose turn, which schema.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use turmwacht::history::StoreFault;
use turmwacht::history::archive::ArchiveReader;
use turmwacht::history::audit::{AuditFault, verify};
use turmwacht::history::notification::{Outgoing, list};
use turmwacht::history::open::Store;
use turmwacht::history::token::{Order, Tokens};
use turmwacht::history::writer::{Batch, WriterOptions};
use turmwacht::model::access::Role;
use turmwacht::model::id::ComponentId;
use turmwacht::model::status::Status;
use turmwacht::model::verdict::Reason;

use super::fixture::{Ground, Pen, adopted, at, changed, logged, sql};

/// What made stores of version 1, and what makes them stores of versions 2 to 4.
const V1: &str = include_str!("../../../src/history/schema.sql");
const V2: &str = include_str!("../../../src/history/schema_2.sql");
const V3: &str = include_str!("../../../src/history/schema_3.sql");
const V4: &str = include_str!("../../../src/history/schema_4.sql");

/// What a release after this one may do.
const NEXT: &str = "ALTER TABLE event ADD COLUMN note TEXT; CREATE TABLE extra (a INTEGER) STRICT;";

fn migrations<'a>(later: &[&'a str]) -> Vec<&'a str> {
    [&[V1, V2, V3, V4], later].concat()
}

/// The store that an older release would have written: what is in the log has not changed since.
fn as_written_by(migrations: &[&str], present: &Ground) -> Ground {
    let old = Ground::new();
    drop(Store::open_with(&old.path, migrations).unwrap());
    let sql = old.sql();
    sql.execute("ATTACH ?1 AS present", [present.path.to_str().unwrap()]).unwrap();
    for table in ["event", "catalogue", "entity", "interval", "checkpoint", "tail"] {
        let columns: String = sql
            .query_row("SELECT group_concat(name) FROM pragma_table_info(?1, 'main')", [table], |row| row.get(0))
            .unwrap();
        sql.execute_batch(&format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM present.{table}")).unwrap();
    }
    drop(sql);
    old
}

#[test]
fn all_files_are_for_the_owner_alone() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    let mut names: Vec<_> = fs::read_dir(ground.folder.path()).unwrap().map(|entry| entry.unwrap()).collect();
    names.sort_by_key(fs::DirEntry::file_name);
    let listed: Vec<_> = names
        .iter()
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            format!("{} {mode:o}", entry.file_name().display())
        })
        .collect();
    assert_eq!(listed, ["turmwacht.db 600", "turmwacht.db-shm 600", "turmwacht.db-wal 600", "turmwacht.db.lock 600"]);
}

#[test]
fn a_second_instance_is_refused_by_pid_until_the_first_has_ended() {
    let ground = Ground::new();
    let first = ground.store();
    let fault = Store::open(&ground.path).unwrap_err();
    assert!(matches!(fault, StoreFault::InUse { pid, .. } if pid == std::process::id()), "{fault}");
    let told = fault.to_string();
    assert!(told.starts_with(&format!("another turmwacht (pid {}) uses ", std::process::id())), "{told}");
    let pen = Pen::new(first, WriterOptions { retain_results: Duration::MAX, pages_max: None });
    assert!(matches!(Store::open(&ground.path), Err(StoreFault::InUse { .. })), "the writer keeps the lock");
    pen.writer.shutdown();
    ground.store();
}

#[test]
fn the_epoch_stays_and_differs_between_stores() {
    let ground = Ground::new();
    let epoch = ground.store().epoch();
    assert_eq!(ground.store().epoch(), epoch);
    assert_ne!(Ground::new().store().epoch(), epoch);
}

#[test]
fn a_newer_schema_is_refused_and_the_file_is_untouched() {
    let ground = Ground::new();
    drop(Store::open_with(&ground.path, &migrations(&[NEXT])).unwrap());
    let before = fs::read(&ground.path).unwrap();
    let fault = Store::open(&ground.path).unwrap_err();
    assert!(matches!(fault, StoreFault::Newer { .. }), "{fault}");
    assert!(fault.to_string().contains("its schema is version 5, this release knows 4"), "{fault}");
    assert_eq!(fs::read(&ground.path).unwrap(), before);
    assert!(!ground.folder.path().join("turmwacht.db-wal").exists());
    assert!(matches!(
        Store::backup_to(&ground.path, &ground.folder.path().join("b"), &mut |_, _| {}),
        Err(StoreFault::Newer { .. })
    ));
}

#[test]
fn a_newer_schema_that_stands_in_the_wal_only_is_refused_and_untouched() {
    let ground = Ground::new();
    drop(ground.store());
    let newer = Store::open_with(&ground.path, &migrations(&[NEXT])).unwrap();
    // As after a kill: the file still says 4, the WAL says 5.
    let copy = Ground::new();
    for suffix in ["", "-wal"] {
        fs::copy(format!("{}{suffix}", ground.path.display()), format!("{}{suffix}", copy.path.display())).unwrap();
    }
    drop(newer);
    let files =
        |ground: &Ground| ["", "-wal"].map(|suffix| fs::read(format!("{}{suffix}", ground.path.display())).unwrap());
    let before = files(&copy);
    assert_eq!(before[0][63], 4);
    assert!(matches!(Store::open(&copy.path), Err(StoreFault::Newer { .. })));
    assert!(files(&copy) == before, "both files are as they were");
}

#[test]
fn a_migration_keeps_everything_after_a_backup() {
    let ground = Ground::new();
    let events = logged(1, [adopted(1, &["portal"]), changed("portal", Status::Operational, 1)]);
    ground.pen().events(&events);
    drop(Store::open_with(&ground.path, &migrations(&[NEXT])).unwrap());
    let store = Store::open_with(&ground.path, &migrations(&[NEXT])).unwrap();
    assert_eq!(store.restore().unwrap().events, events);
    drop(store);
    let sql = ground.sql();
    assert_eq!(sql.query_row("SELECT count(*) FROM extra", [], |row| row.get::<_, u32>(0)), Ok(0));
    let backup = ground.folder.path().join("turmwacht.db.backup-v4");
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Store::open(&backup).unwrap().restore().unwrap().events, events);
}

#[test]
fn a_store_of_version_1_is_backed_up_and_gets_tokens_and_an_audit_log() {
    let ground = Ground::new();
    let events = logged(1, [adopted(1, &["portal"]), changed("portal", Status::Operational, 1)]);
    ground.pen().events(&events);
    let ground = as_written_by(&[V1], &ground);
    let before = fs::read(&ground.path).unwrap();
    assert_eq!(before[63], 1);
    // It can be verified as it is: nothing is in it that could be wrong.
    assert_eq!(verify(&ground.path).unwrap().entries, 0);
    assert!(fs::read(&ground.path).unwrap() == before);

    // A command is as good as a server.
    let mut tokens = Tokens::open(&ground.path).unwrap();
    let order = Order { role: Role::Admin, organisations: Vec::new(), label: String::new(), expires_at: None };
    tokens.issue(&order, "test", at(5)).unwrap();
    drop(tokens);
    assert_eq!(ground.restore().events, events);
    assert_eq!(Tokens::open(&ground.path).unwrap().list().unwrap().len(), 1);
    assert_eq!(verify(&ground.path).unwrap().entries, 1);

    let backup = ground.folder.path().join("turmwacht.db.backup-v1");
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&backup).unwrap()[63], 1, "as it was");
    assert_eq!(Store::open_with(&backup, &[V1]).unwrap().restore().unwrap().events, events);
}

#[test]
fn a_store_of_version_2_is_backed_up_and_its_results_can_be_looked_up() {
    let ground = Ground::new();
    drop(Store::open_with(&ground.path, &[V1, V2]).unwrap());
    ground.sql().execute_batch(include_str!("golden/store-2.sql")).unwrap();
    let before = ground.sql().query_row("SELECT group_concat(hex(body)) FROM tail", [], |row| row.get::<_, String>(0));
    let restored = ground.restore();
    assert_eq!((restored.position, restored.checkpoint.map(|checkpoint| checkpoint.position)), (15, Some(15)));
    assert_eq!(fs::read(ground.folder.path().join("turmwacht.db.backup-v2")).unwrap()[63], 2, "as it was");
    let after = ground.sql().query_row("SELECT group_concat(hex(body)) FROM tail", [], |row| row.get::<_, String>(0));
    assert_eq!(after, before);

    let archive = ArchiveReader::open(&ground.path).unwrap();
    let portal = ComponentId::new("portal");
    let results = archive.results(&portal, at(0), at(i64::from(u32::MAX)), 100).unwrap();
    let told: Vec<String> = results
        .iter()
        .map(|result| format!("{} {} {}", result.check, result.verdict, result.reason.map_or("-", Reason::as_str)))
        .collect();
    assert!(
        told.iter().any(|line| line == "http up -") && told.iter().any(|line| line == "tcp down connect"),
        "{told:?}"
    );
    assert!(results.is_sorted_by_key(|result| result.at));
    let intervals = archive.intervals(&portal, at(0), at(i64::from(u32::MAX)), 100).unwrap();
    assert_eq!((intervals.len(), intervals[0].status, intervals[0].until), (1, Status::Unknown, None));
}

#[test]
fn a_store_of_version_3_is_backed_up_and_remembers_from_now_on_what_was_told() {
    let ground = Ground::new();
    let events = logged(1, [adopted(1, &["portal"]), changed("portal", Status::Operational, 1)]);
    ground.pen().events(&events);
    let ground = as_written_by(&[V1, V2, V3], &ground);
    // As it is there is nothing to list, and listing does not migrate it.
    assert_eq!(list(&ground.path, 10).unwrap(), []);
    assert_eq!(fs::read(&ground.path).unwrap()[63], 3);

    let memory = Outgoing::open(&ground.path).unwrap().recall(&Default::default(), at(100)).unwrap();
    assert_eq!((memory.position, memory.since), (2, at(100)), "what was before is nobody's business");
    assert!(memory.told.is_empty() && memory.held.is_empty());
    assert_eq!(ground.restore().events, events);
    let backup = ground.folder.path().join("turmwacht.db.backup-v3");
    assert_eq!(fs::read(&backup).unwrap()[63], 3, "as it was");
}

#[test]
fn a_migration_that_fails_in_the_middle_is_rolled_back_and_may_be_tried_again() {
    let ground = Ground::new();
    let events = logged(1, [adopted(1, &["portal"])]);
    ground.pen().events(&events);
    for _ in 0..2 {
        let fault = Store::open_with(&ground.path, &migrations(&[NEXT, "DROP TABLE event; SELEKT 1"])).unwrap_err();
        assert!(fault.to_string().starts_with("cannot migrate "), "{fault}");
        let backup = ground.folder.path().join("turmwacht.db.backup-v4");
        assert_eq!(Store::open(&backup).unwrap().restore().unwrap().events, events);
    }
    let sql = ground.sql();
    let tables: u32 =
        sql.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 0);
    drop(sql);
    assert_eq!(ground.restore().events, events);
}

#[test]
fn other_files_are_refused() {
    let ground = Ground::new();
    fs::write(&ground.path, "[site]\ntitle = \"not a database\"\n".repeat(10)).unwrap();
    assert!(matches!(Store::open(&ground.path), Err(StoreFault::Foreign { .. })));
    fs::write(&ground.path, "SQLite format 3\0").unwrap();
    assert!(matches!(Store::open(&ground.path), Err(StoreFault::Foreign { .. })));
    fs::remove_file(&ground.path).unwrap();
    fs::write(&ground.path, "").unwrap();
    sql(&ground.path).execute_batch("CREATE TABLE cookies (a)").unwrap();
    assert!(matches!(Store::open(&ground.path), Err(StoreFault::Foreign { .. })));
}

#[test]
fn a_folder_that_is_missing_or_a_file_is_told_in_a_sentence() {
    let ground = Ground::new();
    let fault = Store::open(&ground.folder.path().join("missing/turmwacht.db")).unwrap_err().to_string();
    assert!(fault.contains("its folder must exist and be writable for the user that turmwacht runs as"), "{fault}");
    let fault = Store::open(ground.folder.path()).unwrap_err().to_string();
    assert!(fault.starts_with("cannot "), "{fault}");
    let fault =
        Store::backup_to(&ground.path, &ground.folder.path().join("b"), &mut |_, _| {}).unwrap_err().to_string();
    assert!(fault.contains("check `[storage] path`"), "{fault}");
}

#[test]
fn a_folder_without_write_permission_is_told_in_a_sentence() {
    let ground = Ground::new();
    fs::set_permissions(ground.folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let opened = Store::open(&ground.path);
    fs::set_permissions(ground.folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    // Root may write everywhere.
    if let Err(fault) = opened {
        assert!(fault.to_string().contains("its folder must exist and be writable"), "{fault}");
    } else {
        assert!(rustix::process::geteuid().is_root());
    }
}

#[test]
fn another_owners_store_is_refused_for_root_as_well() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give a file away (the rule itself has a unit test)");
        return;
    }
    let ground = Ground::new();
    drop(ground.store());
    let other = rustix::process::Uid::from_raw(12_345);
    rustix::fs::chown(&ground.path, Some(other), None).unwrap();
    for fault in [
        Store::open(&ground.path).unwrap_err(),
        Store::backup_to(&ground.path, &ground.folder.path().join("b"), &mut |_, _| {}).unwrap_err(),
        Store::last_catalogue(&ground.path).unwrap_err(),
        Tokens::open(&ground.path).unwrap_err(),
        match verify(&ground.path).unwrap_err() {
            AuditFault::Store(fault) => fault,
            AuditFault::Broken { .. } => panic!("it was read"),
        },
    ] {
        assert!(matches!(fault, StoreFault::OtherOwner { owner: 12_345, user: 0, .. }), "{fault}");
    }
}

#[test]
fn a_writer_that_is_dropped_writes_what_is_queued_and_folds_the_wal() {
    let ground = Ground::new();
    let events = logged(1, (0..50).map(|_| changed("portal", Status::Operational, 1)));
    let pen = ground.pen();
    for event in &events {
        pen.writer.try_send(Batch { events: vec![event.clone()], ..Batch::default() }).unwrap();
    }
    drop(pen.writer);
    assert_eq!(pen.acks.iter().filter(|ack| ack.result.is_ok()).count(), 50);
    assert!(!ground.folder.path().join("turmwacht.db-wal").exists());
    assert_eq!(ground.restore().events, events);
}
