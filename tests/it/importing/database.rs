//! Databases of Uptime Kuma, with the tables that its migrations make.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use turmwacht::history::foreign::{ForeignFault, Rows, is_sqlite, read, unread_beside};
use turmwacht::importing::ENTRIES_MAX;
use turmwacht::importing::uptime_kuma::{COLUMNS, TABLES, import_rows};
use turmwacht::model::check::Probe;

use super::{Imported, accepted, options};

/// Version 1.23: what its patches leave.
const VERSION_1: &str = include_str!("uptime-kuma-1.sql");
/// Version 2: what knex adds.
const VERSION_2: &str = include_str!("uptime-kuma-2.sql");

fn opened(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::default()).unwrap()
}

fn made(path: &Path, statements: &[&str]) {
    let connection = opened(path);
    for statement in statements {
        connection.execute_batch(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

fn rows(path: &Path) -> Result<Rows, ForeignFault> {
    read(path, &TABLES, &COLUMNS, ENTRIES_MAX)
}

const MONITORS: &str = r#"
INSERT INTO user (id, username, password) VALUES (1, 'admin', 'hunter2');
INSERT INTO monitor (id, name, active, user_id, interval, url, type) VALUES (1, 'Gruppe', 1, 1, 60, 'https://', 'group');
INSERT INTO monitor (id, name, active, user_id, interval, retry_interval, timeout, maxretries, url, type, keyword, parent,
    accepted_statuscodes_json, basic_auth_user, basic_auth_pass, auth_method, description)
    VALUES (2, 'Portal', 1, 1, 30, 20, 24, 1, 'https://portal.musterstadt.example/', 'keyword', 'Anmelden', 1,
    '["200-299","302"]', 'lotse', 'hunter2', 'basic', 'Das Portal');
INSERT INTO monitor (id, name, active, user_id, interval, type, hostname, port, timeout)
    VALUES (3, 'Aus', 0, 1, 60, 'port', 'git.musterstadt.example', 22, 48);
INSERT INTO monitor (id, name, active, user_id, interval, type, hostname, dns_resolve_type, dns_resolve_server)
    VALUES (4, 'Name', 1, 1, 60, 'dns', 'musterstadt.example', 'NS', '9.9.9.9');
INSERT INTO tag (id, name, color) VALUES (1, 'Amt', '#fff');
INSERT INTO monitor_tag (monitor_id, tag_id, value) VALUES (2, 1, 'Ordnung');
INSERT INTO maintenance (id, title, description, active, strategy, start_date, end_date)
    VALUES (1, 'Umzug', '', 1, 'single', '2030-03-08 18:00:00', '2030-03-08 23:30:00');
INSERT INTO maintenance (id, title, description, active, strategy) VALUES (2, 'Monatlich', '', 1, 'recurring-day-of-month');
INSERT INTO monitor_maintenance (monitor_id, maintenance_id) VALUES (2, 1), (3, 1), (4, 2);
INSERT INTO maintenance (id, title, description, active, strategy, start_date, end_date)
    VALUES (3, 'Strom', '', 1, 'single', '2030-04-08 18:00:00', '2030-04-08 23:30:00');
INSERT INTO monitor (id, name, active, user_id, interval, url, type) VALUES (5, 'Haus', 1, 1, 60, 'https://', 'group');
UPDATE monitor SET parent = 5 WHERE id IN (1, 4);
INSERT INTO monitor_maintenance (monitor_id, maintenance_id) VALUES (5, 3), (1, 3);
"#;

#[track_caller]
fn judge(imported: &Imported) {
    assert_eq!(imported.ids(), ["gruppe", "gruppe.portal", "haus", "haus.name"]);
    let check = imported.check("gruppe.portal");
    assert_eq!((check.down_after, &check.expect.body_contains[..]), (2, &["Anmelden".to_owned()][..]));
    assert_eq!(check.expect.status, [(200, 299), (302, 302)]);
    let Probe::Dns(dns) = &imported.check("haus.name").probe else { panic!() };
    assert_eq!(dns.record_type, "NS");
    assert!(imported.outcome.text.contains("# tags: Amt: Ordnung\n# Das Portal\n"), "{}", imported.outcome.text);
    assert!(!imported.outcome.text.contains("hunter2") && !imported.outcome.text.contains("lotse"));
    imported.assert_left("Aus", "paused");
    imported.assert_left("Monatlich", "recurring");
    imported.assert_differs("Umzug", "only what was carried over");
    let [work, power] = imported.loaded.catalogue.maintenances.as_slice() else { panic!("{}", imported.outcome.text) };
    assert_eq!((work.id.as_str(), power.id.as_str()), ("umzug", "strom"));
    // Of a group all that is in it, and in groups below it: a whole does not cover its parts here.
    assert!(
        imported.outcome.text.contains("components = [\"gruppe.portal\", \"haus.name\"]"),
        "{}",
        imported.outcome.text
    );
}

#[test]
fn both_versions_are_read_and_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kuma ä?#%.db");
    made(&path, &[VERSION_1, MONITORS]);
    for step in [&[][..], &[VERSION_2, "UPDATE monitor SET conditions = '[]', cache_bust = 0, ip_family = NULL"][..]] {
        made(&path, step);
        let before = std::fs::read(&path).unwrap();
        assert!(is_sqlite(&before));
        judge(&accepted(import_rows(&rows(&path).unwrap(), &options()), ""));
        assert!(std::fs::read(&path).unwrap() == before, "a byte was written");
        let beside: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(beside.len(), 1, "{beside:?}");
    }
}

#[test]
fn columns_that_are_missing_are_as_if_nothing_were_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    made(
        &path,
        &[
            "CREATE TABLE monitor (id INTEGER PRIMARY KEY, name TEXT, active BOOLEAN, interval INTEGER, url TEXT, type TEXT)",
            "INSERT INTO monitor VALUES (1, 'Seite', 1, 60, 'https://www.musterstadt.example/', 'http')",
        ],
    );
    let imported = accepted(import_rows(&rows(&path).unwrap(), &options()), "");
    assert_eq!(imported.check("seite").down_after, 1);
}

#[test]
fn changes_that_are_not_in_the_file_yet_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kuma.db");
    let connection = opened(&path);
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.execute_batch("CREATE TABLE monitor (id INTEGER PRIMARY KEY)").unwrap();
    assert_eq!(unread_beside(&path), Some(folder.path().join("kuma.db-wal")));
    drop(connection);
    assert_eq!(unread_beside(&path), None);
    assert!(rows(&path).is_ok());
}

#[test]
fn a_hostile_database_runs_nothing_and_fills_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS id, 'a' AS name FROM n";
    let cases: [(&str, &[&str], &str); 5] = [
        ("view.db", &[&format!("CREATE VIEW monitor AS {endless}")], "no table `monitor`"),
        ("empty.db", &["CREATE TABLE other (id INTEGER)"], "no table `monitor`"),
        (
            "many.db",
            &[
                "CREATE TABLE monitor (id INTEGER PRIMARY KEY, name TEXT)",
                "INSERT INTO monitor WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20001) SELECT x, 'a' FROM n",
            ],
            "more than 20000 rows",
        ),
        (
            "large.db",
            &[
                "CREATE TABLE monitor (id INTEGER PRIMARY KEY, name TEXT)",
                "INSERT INTO monitor WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 70) SELECT x, printf('%.*c', 1000000, 'a') FROM n",
            ],
            "64 MiB",
        ),
        ("rowless.db", &["CREATE TABLE monitor (id INTEGER PRIMARY KEY, name TEXT) WITHOUT ROWID"], "cannot read"),
    ];
    for (name, statements, why) in cases {
        let path = folder.path().join(name);
        made(&path, statements);
        let said = rows(&path).unwrap_err().to_string();
        assert!(said.contains(name) && said.contains(why), "{said}");
    }
    let path = folder.path().join("long.db");
    made(
        &path,
        &[
            "CREATE TABLE monitor (id INTEGER PRIMARY KEY, name TEXT, url TEXT AS (hex(zeroblob(400000000))), keyword TEXT)",
            "INSERT INTO monitor (id, name, keyword) VALUES (1, 'Seite', printf('%.*c', 2000000, 'a'))",
        ],
    );
    let read = rows(&path).unwrap();
    assert_eq!(serde_json::to_string(&read["monitor"]).unwrap(), r#"[{"id":1,"name":"Seite"}]"#);
    let path = folder.path().join("damaged.db");
    let mut bytes = std::fs::read(folder.path().join("long.db")).unwrap();
    for byte in &mut bytes[100..4000] {
        *byte = 0x5a;
    }
    std::fs::write(&path, bytes).unwrap();
    let said = rows(&path).unwrap_err().to_string();
    assert!(said.contains("damaged.db"), "{said}");
    assert!(rows(&folder.path().join("missing.db")).is_err());
}
