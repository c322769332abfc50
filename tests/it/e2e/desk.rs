//! Editors at work on a running program: what is acknowledged survives, what is asked twice is
//! done once, what is revoked is out at once, and a disk that is full loses nothing.

use serde_json::Value;

use super::program::{Finished, Place, Program};
use super::{Site, town};
use crate::probe::server::closed_port;

/// A running program with a token, and the commands of whoever holds it.
struct Desk {
    place: Place,
    program: Option<Program>,
    token: String,
}

/// The usual town with an office that nobody checks.
fn offices() -> String {
    let office = "[[component]]\nid = \"rathaus\"\nname = \"Rathaus\"\nkind = \"counter\"\nowner = \"teststadt\"\n";
    format!("{}{office}", town(closed_port()))
}

impl Desk {
    fn new() -> Self {
        let place = Place::new(closed_port(), &offices());
        let token = token(&place, &["--role", "admin"]);
        let program = place.serve();
        Self { place, program: Some(program), token }
    }

    fn program(&self) -> &Program {
        self.program.as_ref().unwrap()
    }

    fn try_run(&self, arguments: &[&str]) -> Finished {
        self.place.run_with(
            &[("TURMWACHT_SERVER", &format!("http://{}", self.program().address())), ("TURMWACHT_TOKEN", &self.token)],
            arguments,
        )
    }

    /// The reply to a command, as JSON.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Value {
        let finished = self.try_run(&[arguments, &["--json"]].concat());
        assert_eq!(finished.code, Some(0), "{finished:?}");
        serde_json::from_str(&finished.stdout).unwrap()
    }

    fn open(&self, extra: &[&str]) -> Value {
        let arguments = [
            "incident",
            "open",
            "--title",
            "Wartezeiten",
            "--text",
            "Es dauert länger.",
            "--component",
            "rathaus=degraded_performance",
        ];
        self.run(&[&arguments[..], extra].concat())
    }

    fn restart(&mut self) {
        self.program.take().unwrap().kill();
        self.program = Some(self.place.serve());
    }
}

fn token(place: &Place, scope: &[&str]) -> String {
    let made = place.run(&[&["token", "new"], scope].concat());
    made.stdout.split_whitespace().last().unwrap().to_owned()
}

#[test]
fn what_is_acknowledged_survives_kill_9_and_is_done_once() {
    let mut desk = Desk::new();
    let made = desk.open(&["--idempotency-key", "eins"]);
    let id = made["incident"]["id"].as_str().unwrap().to_owned();
    // Killed in the very moment after the answer.
    desk.restart();
    let shown = desk.run(&["incident", "show", &id]);
    assert_eq!(shown["incident"]["title"], "Wartezeiten");
    assert_eq!(desk.program().component("rathaus")["status"], "degraded_performance");
    let again = desk.open(&["--idempotency-key", "eins"]);
    assert_eq!(again["incident"]["id"], id.as_str(), "the same key, also after a restart");
    assert_eq!(desk.run(&["incident", "list"])["incidents"].as_array().unwrap().len(), 1);
    let other = desk.try_run(&["incident", "update", &id, "--text", "anders", "--idempotency-key", "eins"]);
    other.assert_refuses(&["Idempotency-Key"]);

    for arguments in [
        &["component", "override", "rathaus", "--status", "major_outage"][..],
        &["local", "set", "portal", "--organisation", "teststadt", "--mode", "emergency"],
        &[
            "maintenance",
            "plan",
            "--id",
            "umzug",
            "--title",
            "Umzug",
            "--component",
            "portal",
            "--from",
            "2099-01-01",
            "--until",
            "2099-01-02",
        ],
    ] {
        desk.run(arguments);
    }
    desk.restart();
    assert_eq!(desk.program().component("rathaus")["status"], "major_outage");
    assert_eq!(
        desk.program().json("/api/v1/components/portal?organisation=teststadt")["component"]["mode"],
        "emergency"
    );
    assert_eq!(desk.program().json("/api/v1/maintenance/umzug")["maintenance"]["status"], "announced");
    let verified = desk.place.run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[test]
fn a_number_that_no_file_declares_is_marked_for_a_second_look() {
    let desk = Desk::new();
    let way = |target: &str| format!("kind=phone,target={target},label=Auskunft");
    let open =
        |target: &str| desk.open(&["--alternative", &way(target), "--dry-run"])["internal"]["new_targets"].clone();
    assert_eq!(open("tel:+4923240"), Value::Null, "the portal's own number");
    assert_eq!(open("tel:+49900123")[0], "tel:+49900123");
    let told = desk.try_run(&[
        "incident",
        "open",
        "--title",
        "a",
        "--text",
        "b",
        "--root",
        "rathaus",
        "--alternative",
        &way("tel:+49900123"),
    ]);
    assert!(told.stdout.contains("look at them twice: tel:+49900123"), "{told:?}");
}

#[test]
fn two_editors_at_once_are_told_apart_by_the_etag() {
    let desk = Desk::new();
    let id = desk.open(&[])["incident"]["id"].as_str().unwrap().to_owned();
    let etag = format!("\"{}\"", desk.run(&["incident", "show", &id])["internal"]["revision"]);
    desk.run(&["incident", "update", &id, "--text", "Die erste.", "--if-match", &etag]);
    let late = desk.try_run(&["incident", "update", &id, "--text", "Die zweite.", "--if-match", &etag]);
    late.assert_refuses(&["changed since", "412"]);
    assert_eq!(desk.run(&["incident", "show", &id])["incident"]["updates"].as_array().unwrap().len(), 2);
}

#[test]
fn a_dry_run_shows_what_citizens_would_read_and_changes_nothing() {
    let desk = Desk::new();
    let shown = desk.open(&["--dry-run"]);
    assert_eq!(shown["incident"]["title"], "Wartezeiten");
    assert!(shown["preview"]["de"].as_str().unwrap().contains("Es dauert länger."), "{shown}");
    assert!(shown["preview"]["en"].as_str().unwrap().contains("<html lang=\"en\""));
    assert!(desk.run(&["incident", "list"])["incidents"].as_array().unwrap().is_empty());
    assert_eq!(desk.program().component("rathaus")["status"], "operational");
}

#[test]
fn a_revoked_token_is_out_at_once_and_a_scope_is_kept() {
    let mut desk = Desk::new();
    desk.open(&[]);
    let id = desk.token.split('_').nth(1).unwrap().to_owned();
    assert_eq!(desk.place.run(&["token", "revoke", &id]).code, Some(0));
    desk.try_run(&["incident", "list"]).assert_refuses(&["401"]);
    desk.token = token(&desk.place, &["--role", "metrics"]);
    desk.try_run(&["incident", "list"]).assert_refuses(&["403"]);
    desk.token = token(&desk.place, &["--role", "editor", "--organisation", "teststadt"]);
    assert_eq!(desk.run(&["incident", "list"])["incidents"].as_array().unwrap().len(), 1);
    // The refusals of the engine are in the audit log, too.
    desk.try_run(&["component", "override", "nirgends", "--status", "unknown"]).assert_refuses(&["no component"]);
    desk.token = token(&desk.place, &["--role", "admin"]);
    let verified = desk.place.run(&["audit", "verify", "--json"]);
    let entries = serde_json::from_str::<Value>(&verified.stdout).unwrap()["entries"].as_u64().unwrap();
    assert!(entries >= 6, "{verified:?}");
    assert!(!desk.program().log().contains(&desk.token));
}

#[test]
fn last_probes_are_shown_to_whoever_owns_them() {
    let site = Site::new();
    let place = site.place();
    let token = token(&place, &["--role", "admin"]);
    let program = place.serve();
    program.until_status("portal", "operational");
    let desk = Desk { place, program: Some(program), token };
    let probes = desk.try_run(&["component", "probes", "portal"]);
    assert!(probes.stdout.contains("anmeldung") && probes.stdout.contains(" up "), "{probes:?}");
}
