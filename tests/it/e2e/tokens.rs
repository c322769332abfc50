//! `token` and `audit verify` as an operator types them, without a store, beside a running
//! server, and on stores that must not be touched.

use std::os::unix::fs::PermissionsExt;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use turmwacht::clock::system_time;
use turmwacht::history::token::Tokens;
use turmwacht::model::access::Editor;

use super::program::{Finished, Place};
use super::{Site, town};
use crate::probe::server::closed_port;

fn place() -> Place {
    Place::new(closed_port(), &town(closed_port()))
}

/// The token that `token new` printed: the last word, and in nothing else that was said.
#[track_caller]
fn token(finished: &Finished) -> String {
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{finished:?}");
    let token = finished.stdout.split_whitespace().last().unwrap().to_owned();
    assert!(token.starts_with("tw_") && finished.stdout.ends_with(&format!(" {token}\n")), "{finished:?}");
    assert_eq!((finished.stdout.matches(&token).count(), finished.stdout.lines().count()), (1, 1));
    token
}

fn id(token: &str) -> &str {
    token.split('_').nth(1).unwrap()
}

/// Whom a server would take the token's holder for.
fn editor(place: &Place, token: &str) -> Option<Editor> {
    Tokens::open(&place.path("turmwacht.db")).unwrap().authenticate(token, system_time()).unwrap()
}

fn sql(place: &Place) -> Connection {
    Connection::open_with_flags(place.path("turmwacht.db"), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}

#[test]
fn the_first_token_makes_the_store_and_opens_until_it_is_revoked() {
    let place = place();
    let arguments = ["token", "new", "--role", "editor", "--organisation", "teststadt"];
    let made = place.run(&[&arguments[..], &["--expires", "90d", "--label", "Frau Wächter"]].concat());
    let token = token(&made);
    assert!(made.stdout.contains(": editor of teststadt, until 20"), "{made:?}");
    let mode = std::fs::metadata(place.path("turmwacht.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let holder = editor(&place, &token).unwrap();
    assert_eq!((holder.token, holder.label), (id(&token).to_owned(), "Frau Wächter".to_owned()));
    assert_eq!(holder.organisations[0].as_str(), "teststadt");

    let listed = place.run(&["token", "list"]);
    let line = listed.stdout.lines().nth(1).unwrap();
    for word in [id(&token), "editor", "in_force", "teststadt", "Frau Wächter"] {
        assert!(line.contains(word), "`{word}` in {listed:?}");
    }
    let json: Value = serde_json::from_str(&place.run(&["token", "list", "--json"]).stdout).unwrap();
    let first = &json["tokens"][0];
    assert_eq!((&first["id"], &first["state"]), (&id(&token).into(), &"in_force".into()));
    assert_eq!((&first["organisations"][0], &first["revoked_at"]), (&"teststadt".into(), &Value::Null));
    assert!(first["last_used_at"].is_string() && first["expires_at"].is_string());

    let revoked = place.run(&["token", "revoke", id(&token)]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    assert_eq!(editor(&place, &token), None);
    let json: Value = serde_json::from_str(&place.run(&["token", "list", "--json"]).stdout).unwrap();
    assert_eq!(json["tokens"][0]["state"], "revoked");

    let everything = format!("{listed:?} {json} {revoked:?}");
    assert!(!everything.contains(token.rsplit('_').next().unwrap()), "{everything}");
}

#[test]
fn commands_work_beside_the_server_and_the_server_after_them() {
    let site = Site::new();
    let place = site.place();
    let first = token(&place.run(&["token", "new", "--role", "admin"]));
    let program = place.serve();
    program.until_status("portal", "operational");
    let second = token(&place.run(&["token", "new", "--role", "metrics"]));
    assert!(editor(&place, &first).unwrap().is_admin_of_all());
    assert!(editor(&place, &second).is_some());
    assert_eq!(place.run(&["token", "revoke", id(&first)]).code, Some(0));
    assert_eq!(editor(&place, &first), None);
    let verified = place.run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.stdout.starts_with("entries: 3, all as they were written"), "{verified:?}");
    // The server goes on writing.
    site.switch(false);
    program.until_status("portal", "major_outage");
    for secret in [&first, &second].map(|token| token.rsplit('_').next().unwrap()) {
        assert!(!program.log().contains(secret));
    }
    program.kill();
    place.serve().until_status("portal", "major_outage");
}

#[test]
fn what_makes_no_sense_is_one_sentence_and_no_token() {
    let place = place();
    place.run(&["token", "new", "--role", "editor"]).assert_refuses(&["--organisation ID"]);
    let with = |organisation| place.run(&["token", "new", "--role", "editor", "--organisation", organisation]);
    let metrics = place.run(&["token", "new", "--role", "metrics", "--organisation", "teststadt"]);
    metrics.assert_refuses(&["of all organisations", "leave `--organisation` out"]);
    with("teststad").assert_refuses(&["no organisation `teststad`", "did you mean `teststadt`?"]);
    with("zz-zzz").assert_refuses(&["no organisation `zz-zzz`"]);
    with("Test\u{1b}[31m\nstadt").assert_refuses(&["is no organisation's id"]);
    for wrong in ["90", "0d", "4000d"] {
        let arguments = ["token", "new", "--role", "admin", "--expires", wrong];
        place.run(&arguments).assert_refuses(&[wrong, "such as 90d"]);
    }
    place.run(&["token", "revoke", "abcdefgh"]).assert_refuses(&["no token `abcdefgh`", "token list"]);
    let secret = "canary".repeat(9);
    let pasted = place.run(&["token", "revoke", &format!("tw_{secret}")]);
    pasted.assert_refuses(&["no token's id"]);
    assert!(!pasted.stderr.contains("canary"), "{pasted:?}");
    assert_eq!(place.run(&["token", "list"]).stdout, "there are no tokens\n");
    // Refusals are recorded, but for those of a command line that cannot be read.
    let json: Value = serde_json::from_str(&place.run(&["audit", "verify", "--json"]).stdout).unwrap();
    assert_eq!((&json["sound"], &json["entries"]), (&true.into(), &7.into()));
    let actors: Vec<String> = sql(&place)
        .prepare("SELECT DISTINCT actor || ' ' || outcome FROM audit")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(actors.len(), 1);
    assert!(actors[0].starts_with("cli:") && actors[0].ends_with(" refused"), "{actors:?}");
}

#[test]
fn faulty_probe_files_leave_the_organisations_of_the_last_good_catalogue() {
    let site = Site::new();
    let place = site.place();
    let new = |organisation| place.run(&["token", "new", "--role", "editor", "--organisation", organisation]);
    let good = town(site.server.address);
    let faulty = good.replace("depends_on", "depends_upon");
    place.write("probes.toml", &faulty);
    let unchecked = new("elsewhere");
    assert_eq!(unchecked.code, Some(0), "{unchecked:?}");
    assert!(unchecked.stderr.contains("was not checked"), "{unchecked:?}");
    place.write("probes.toml", &good);
    place.serve().until_status("portal", "operational");
    place.write("probes.toml", &faulty);
    new("elsewhere").assert_refuses(&["no organisation `elsewhere`"]);
    token(&new("teststadt"));
    // Of config.toml only what is said of the store is needed.
    place.write("config.toml", "listen = 7");
    token(&new("teststadt"));
    place.write("config.toml", "[storage]\npath = 7");
    let finished = new("teststadt");
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("config.toml:2:8"), "{finished:?}");
}

#[test]
fn secrets_that_are_there_for_the_service_alone_stop_no_command_on_the_store() {
    let place = place();
    let config = std::fs::read_to_string(place.path("config.toml")).unwrap();
    let secrets = r#"
[secrets.portal]
file = "/nonexistent/credentials/portal"
organisations = ["teststadt"]
origins = ["https://portal.example.org"]
[secrets.hook]
env = "TURMWACHT_TEST_ABSENT"
[[notify.webhook]]
name = "chat"
url = "https://chat.example.org/"
secret = "hook"
[notify.mail]
smtp = "mail.example.org:587"
from = "a@example.org"
username = "a"
password_file = "/nonexistent/credentials/mail"
"#;
    place.write("config.toml", &(config + secrets));
    let made = token(&place.run(&["token", "new", "--role", "editor", "--organisation", "teststadt"]));
    place
        .run(&["token", "new", "--role", "editor", "--organisation", "teststad"])
        .assert_refuses(&["did you mean `teststadt`"]);
    for arguments in [
        &["token", "list"][..],
        &["token", "revoke", id(&made)],
        &["audit", "verify"],
        &["notify", "list"],
        &["backup", "copy.db"],
        &["openapi"],
    ] {
        let finished = place.run(arguments);
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
    }
    place.run(&["export", "site"]).assert_refuses(&["holds no catalogue yet"]);
    // The service itself needs them, and whoever looks at the files may leave them out.
    let judged = place.run(&["config", "check"]);
    assert_eq!((judged.code, judged.stderr.matches("cannot be read").count()), (Some(1), 3), "{judged:?}");
    assert_eq!(place.run(&["serve"]).code, Some(1));
    let script = include_str!("../../../deploy/deb/scripts/postinst");
    let asked = script.lines().find_map(|line| line.trim().strip_prefix("if ! turmwacht --config \"$config\" "));
    let asked: Vec<&str> = asked.unwrap().trim_end_matches("; then").split(' ').collect();
    let judged = place.run(&asked);
    assert_eq!(judged.code, Some(0), "{asked:?}: {judged:?}");
    assert!(judged.stdout.contains("faults: 0") && judged.stdout.contains("secrets were not read"), "{judged:?}");
    place.write("probes.toml", "[[organisation]]\nid = 7\n");
    assert_eq!(place.run(&["config", "check", "--without-secrets"]).code, Some(1));
}

#[test]
fn a_rewritten_audit_log_is_found_and_its_first_wrong_entry_named() {
    let place = place();
    place.run(&["audit", "verify"]).assert_refuses(&["turmwacht.db", "[storage] path"]);
    for label in ["one", "two", "three"] {
        token(&place.run(&["token", "new", "--role", "admin", "--label", label]));
    }
    let sound: Value = serde_json::from_str(&place.run(&["audit", "verify", "--json"]).stdout).unwrap();
    assert_eq!((&sound["entries"], sound["last_hash"].as_str().unwrap().len()), (&3.into(), 64));
    sql(&place)
        .execute_batch("DROP TRIGGER audit_is_not_edited; UPDATE audit SET actor = 'cli:nobody' WHERE seq = 2")
        .unwrap();
    place.run(&["audit", "verify"]).assert_refuses(&["entry 2", "compare it with a backup"]);
    let found = place.run(&["audit", "verify", "--json"]);
    found.assert_refuses(&["entry 2"]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!((&found["sound"], &found["entry"]), (&false.into(), &2.into()));
}

#[test]
fn another_owners_store_is_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let place = place();
    assert_eq!(place.run(&["token", "list"]).code, Some(0));
    let other = rustix::process::Uid::from_raw(12_345);
    rustix::fs::chown(place.path("turmwacht.db"), Some(other), None).unwrap();
    for arguments in [
        &["token", "new", "--role", "admin"][..],
        &["token", "list"],
        &["token", "revoke", "abcdefgh"],
        &["audit", "verify"],
    ] {
        place.run(arguments).assert_refuses(&["belongs to the user with id 12345"]);
    }
    assert!(!place.path("turmwacht.db-wal").exists(), "nothing of ours is left beside it");
}
