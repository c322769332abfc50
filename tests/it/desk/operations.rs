//! `/admin/operations` and the read behind it: who sees what, and that nothing of it can do harm.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use turmwacht::desk::form::Form;
use turmwacht::desk::{self, Ask, Asking, Reply, Telling, Told, Visit};
use turmwacht::model::access::{Editor, Role};
use turmwacht::replay::replay;
use turmwacht::scenario::{BUILT_IN, Scenario};

use crate::e2e::program::{Place, Program};
use crate::e2e::reference;
use crate::probe::server::closed_port;
use crate::probe::tls::Authority;

/// An interface that gives this answer and notes what it is asked.
struct Interface {
    told: Told,
    asked: Mutex<Vec<Asking>>,
}

impl Interface {
    fn telling(status: u16, body: Value) -> Self {
        Self { told: Told { status, etag: None, body }, asked: Mutex::default() }
    }
}

impl Ask for Interface {
    fn ask(&self, asking: Asking) -> Telling<'_> {
        self.asked.lock().unwrap().push(asking);
        Box::pin(std::future::ready(self.told.clone()))
    }
}

fn visited(interface: &Interface) -> Reply {
    at(interface, "/operations", None)
}

fn at(interface: &Interface, path: &str, sent: Option<&str>) -> Reply {
    let snapshot = replay(&Scenario::load(BUILT_IN[0].0).unwrap()).snapshot;
    let editor = Editor { token: "t".into(), label: "Amt".into(), role: Role::Admin, organisations: Vec::new() };
    let visit = Visit {
        editor,
        snapshot: Arc::new(snapshot),
        csrf: "c".into(),
        nonce: "n".into(),
        path: path.into(),
        query: Form::default(),
        sent: sent.map(|fields| Form::read(fields.as_bytes()).unwrap()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(desk::visit(&visit, interface))
}

fn page_of(body: &Value) -> String {
    let interface = Interface::telling(200, body.clone());
    let reply = visited(&interface);
    assert_eq!((reply.status, reply.location), (200, None));
    assert_eq!(*interface.asked.lock().unwrap(), [Asking::get("/operations")], "one question");
    reply.body
}

/// The answer of a program that has nothing to tell.
fn quiet() -> Value {
    let none = json!({ "listed": [], "more": 0 });
    json!({
        "at": "2026-11-22T06:04:05Z", "all": true, "vantage": "rz-1", "health": [],
        "configuration": { "current": true, "version": 3 },
        "paths": [{ "path": "ipv4", "blind": false }],
        "schedule": { "probes": 9, "lag_p50_s": 0.002, "lag_p99_s": 0.2, "lag_max_s": 0.3, "in_flight": 1, "skipped_slots": 0, "panics": 0 },
        "store": { "writable": true, "queue_depth": 0, "undurable_transitions": 0, "wal_bytes": 2048, "dropped_results": 0, "fault": null },
        "export": { "successful": true },
        "server": { "connections": 2, "event_streams": 1, "log_lines_dropped": 0 },
        "overdue": { "incidents": none, "maintenance": none },
        "checks": { "up": 7, "degraded": 0, "down": 0, "unknown": 0, "waiting": 0 },
        "failing": none, "slowest": none, "certificates": none,
    })
}

/// A text that does harm wherever it is not escaped, and turns the text around it.
const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{202e}\u{7}";

/// The same answer with everything that can be wrong, and hostile wherever somebody else wrote.
fn troubled() -> Value {
    let check = json!({ "component": HOSTILE, "check": HOSTILE });
    let mut body = quiet();
    body["all"] = false.into();
    body["vantage"] = HOSTILE.into();
    body["health"] = json!(["storage", "clock"]);
    body["configuration"]["current"] = false.into();
    body["paths"] = json!([{ "path": HOSTILE, "blind": true }, { "path": "tls", "blind": false }]);
    body["schedule"]["lag_p50_s"] = 2.5.into();
    body["schedule"]["panics"] = 1.into();
    body["store"]["writable"] = false.into();
    body["store"]["fault"] = HOSTILE.into();
    body["export"]["successful"] = false.into();
    body["overdue"] = json!({
        "incidents": { "listed": [{ "id": HOSTILE, "title": HOSTILE, "next_update_by": "2026-11-22T05:00:00Z" }], "more": 2 },
        "maintenance": { "listed": [{ "id": HOSTILE, "title": HOSTILE, "until": HOSTILE }], "more": 0 },
    });
    body["failing"] = json!({ "listed": [
        { "component": HOSTILE, "name": HOSTILE, "owner": HOSTILE, "public": false, "check": HOSTILE, "target": HOSTILE,
          "verdict": "down", "since": "2026-11-22T05:04:00Z", "reason": "timeout", "unconfirmed": HOSTILE, "expired": true,
          "seen_at": HOSTILE, "detail": HOSTILE },
    ], "more": 41 });
    body["slowest"] = json!({ "listed": [
        { "host": HOSTILE, "checks": 1, "component": HOSTILE, "check": HOSTILE, "duration_s": 1.25, "phase": HOSTILE, "phase_s": 1.0 },
    ], "more": 0 });
    let names = json!({ "listed": [HOSTILE], "more": 1 });
    let checks = json!({ "listed": [check], "more": 6 });
    body["certificates"] = json!({ "listed": [
        { "ends_at": "2026-11-24T07:00:00Z", "subject": HOSTILE, "issuer": HOSTILE, "ends_first": HOSTILE, "names": names,
          "fingerprint_sha256": HOSTILE, "refused": HOSTILE, "checks": checks },
    ], "more": 0 });
    body
}

#[test]
fn a_quiet_program_says_so_and_a_troubled_one_begins_with_what_needs_somebody() {
    let page = page_of(&quiet());
    assert!(page.contains("Nichts: keine Prüfung schlägt fehl"), "{page}");
    assert!(page.contains("Stand: Sonntag, 22.11.2026, 07:04 Uhr"), "{page}");
    assert!(page.contains("<a class=\"button quiet\" href=\"/admin/operations\">Neu laden</a>"));
    assert!(page.contains("IPv4 in Ordnung") && page.contains("Bisher hat keine geantwortet."));
    assert!(!page.contains("http-equiv") && !page.contains("<script"), "it neither reloads nor runs anything");

    let page = page_of(&troubled());
    let first = page.split_once("<h2 id=\"failing\"").unwrap().0;
    for sentence in [
        "Die Dateien sind fehlerhaft",
        "Der Speicher kann nicht beschrieben werden",
        "Unser eigener Weg ist unterbrochen",
        "Die Uhr dieses Rechners",
        "deutlich zu spät",
        "abgestürzt",
        "Die Ausgabe als Dateien ist zuletzt misslungen",
        "4 überfällige Zusagen",
        "42 Prüfungen mit Fehlern",
        "1 Zertifikat endet bald",
    ] {
        assert!(first.contains(sentence), "`{sentence}` does not stand first:\n{first}");
    }
    assert!(!first.contains("Nichts:"));
    for sentence in [
        "<p>Der Dienst antwortet nicht rechtzeitig.</p>",
        "22.11.2026, 06:04 Uhr",
        "noch 2 Tage",
        "1,2 s · &lt;script&gt;",
        "… und 41 weitere.",
        "und 6 weiteren",
        "Neues war versprochen bis",
        "Gezeigt wird, was Ihrer Stelle gehört.",
    ] {
        assert!(page.contains(sentence), "`{sentence}` is missing:\n{page}");
    }
}

/// The same with messages: one that was given up lately, one long ago, one on its way, a test that arrived.
fn telling() -> Value {
    let message = |state: &str, created_at: &str, fault: Value, next_at: Value| {
        json!({
            "id": HOSTILE, "recipient": HOSTILE, "subject": HOSTILE, "created_at": created_at, "state": state,
            "attempts": 3, "next_at": next_at, "fault": fault,
        })
    };
    let mut body = quiet();
    body["notifications"] = json!({
        "recipients": ["mail:it@example.org", HOSTILE], "pending": 1, "dead": 2,
        "newest": [
            message("dead", "2026-11-21T06:04:05Z", HOSTILE.into(), Value::Null),
            message("dead", "2026-11-01T06:04:05Z", HOSTILE.into(), Value::Null),
            message("pending", "2026-11-22T06:04:05Z", HOSTILE.into(), "2026-11-22T06:09:05Z".into()),
            message("sent", "2026-11-22T06:00:00Z", HOSTILE.into(), Value::Null),
        ],
    });
    body
}

#[test]
fn messages_that_did_not_arrive_stand_first_and_a_test_can_be_sent() {
    let page = page_of(&quiet());
    assert!(page.contains("Niemand ist eingetragen.") && !page.contains("Probe senden"), "{page}");
    let page = page_of(&telling());
    let (first, rest) = page.split_once("<h2 id=\"failing\"").unwrap();
    assert!(first.contains("<a href=\"#messages\">1 Benachrichtigung kam nicht an</a>"), "{first}");
    for said in ["1 unterwegs, 2 nicht angekommen.", "3 Versuche, zuletzt:", "Wieder versucht: ", "Angenommen"] {
        assert!(rest.contains(said), "{said}: {rest}");
    }
    assert_eq!(rest.matches("zuletzt: <code>").count(), 3, "what arrived has no fault any more");
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{7}'), "{page}");
    let mut part = quiet();
    (part["all"], part["notifications"]) = (false.into(), Value::Null);
    assert!(!page_of(&part).contains("Benachrichtigungen"), "whoever looks after a part of it only");

    let interface = Interface::telling(202, json!({ "queued": ["mail:it@example.org"] }));
    for (fields, body) in [("to=mail%3Ait%40example.org", json!({ "to": "mail:it@example.org" })), ("to=", json!({}))] {
        let reply = at(&interface, "/operations/test", Some(fields));
        assert_eq!((reply.status, reply.location.as_deref()), (303, Some("/admin/operations?getan=probe")));
        let asked = interface.asked.lock().unwrap().pop().unwrap();
        assert_eq!(asked, Asking::new("POST", "/notifications/test", Some(body)));
    }
    assert_eq!(at(&interface, "/operations/test", None).location.as_deref(), Some("/admin/operations"));
    let refusal = json!({ "detail": "who is told of what is for an admin of all organisations" });
    let reply = at(&Interface::telling(403, refusal), "/operations/test", Some("to="));
    assert!(reply.status == 403 && reply.body.contains("Das dürfen nur Zugänge, die für alle Stellen gelten."));
}

#[test]
fn what_others_wrote_is_escaped_everywhere() {
    let page = page_of(&troubled());
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{7}'), "{page}");
    assert!(!page.contains("alert(1)</script>\"") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"));
    // An answer of another shape is no reason to fall over.
    for body in [Value::Null, json!([]), json!({ "failing": 7, "certificates": { "listed": [1, null] } })] {
        assert!(page_of(&body).contains("<h1>Betrieb</h1>"));
    }
}

#[test]
fn a_refusal_is_told_with_its_status() {
    let body = json!({ "title": "Forbidden", "status": 403, "detail": "this token may read metrics only" });
    let reply = visited(&Interface::telling(403, body));
    assert_eq!(reply.status, 403);
    assert!(reply.body.contains("Ihr Zugang darf nur Messwerte lesen."), "{}", reply.body);
}

// --- a running program ------------------------------------------------------------------------

/// Two towns; of the first an internal part that nobody answers for, of the second a site with TLS.
fn towns(site: SocketAddr) -> String {
    format!(
        r#"[[organisation]]
id = "astadt"
kind = "municipality"
name = "A-Stadt"
ars = "059540016016"
[[organisation]]
id = "bstadt"
kind = "municipality"
name = "B-Stadt"
ars = "059540036036"
[[component]]
id = "fachverfahren"
name = "Fachverfahren"
kind = "back_office"
owner = "astadt"
public = false
[[component.check]]
id = "port"
probe.tcp = {{ address = "{}" }}
[[component]]
id = "portal"
name = "Portal <b>"
kind = "portal"
owner = "bstadt"
[[component.check]]
id = "anmeldung"
probe.http = {{ url = "https://portal.test:{}/", resolve = "{site}", tls = {{ ca_file = "ca.pem" }} }}
expect = {{ body_contains = ["Anmelden"] }}
"#,
        closed_port(),
        site.port(),
    )
}

fn token(place: &Place, scope: &[&str]) -> String {
    place.run(&[&["token", "new"], scope].concat()).stdout.split_whitespace().last().unwrap().to_owned()
}

pub(crate) fn operations(program: &Program, token: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(program.address()).unwrap();
    let (host, path) = (program.address(), "/api/v1/admin/operations");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn each_editor_sees_what_is_theirs_and_an_admin_everything() {
    let authority = Authority::new("Prüfstelle");
    let site = authority.site("portal.test");
    let place = Place::new(reference().address, &towns(site.address));
    place.write("ca.pem", &std::fs::read_to_string(&authority.file).unwrap());
    let admin = token(&place, &["--role", "admin"]);
    let program = place.serve();
    program.until_status("portal", "operational");
    program.until("the part has failed for good", |program| operations(program, &admin).1["checks"]["down"] == 1);

    let (status, all) = operations(&program, &admin);
    assert_eq!((status, &all["all"]), (200, &true.into()));
    let failing = &all["failing"]["listed"][0];
    assert_eq!(
        (&failing["component"], &failing["verdict"], &failing["reason"], &failing["public"], &failing["owner"]),
        (&"fachverfahren".into(), &"down".into(), &"connect".into(), &false.into(), &"astadt".into())
    );
    assert!(failing["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{failing}");
    assert_eq!(all["slowest"]["listed"][0]["host"], "portal.test");
    let certificate = &all["certificates"]["listed"][0];
    assert_eq!(certificate["ends_at"], "2099-01-01T00:00:00Z");
    assert_eq!(certificate["names"]["listed"], json!(["portal.test"]));
    assert_eq!(certificate["checks"]["listed"], json!([{ "component": "portal", "check": "anmeldung" }]));
    assert!(all["schedule"]["probes"].as_u64().unwrap() >= 2 && all["schedule"]["lag_p99_s"].is_number(), "{all}");
    assert_eq!((&all["store"]["writable"], &all["notifications"]), (&true.into(), &Value::Null));
    assert_eq!(all["checks"], json!({ "up": 1, "degraded": 0, "down": 1, "unknown": 0, "waiting": 0 }));
    let page = page_of(&all);
    assert!(page.contains("Portal") || page.contains("„portal“ (anmeldung)"), "{page}");

    let (_, mine) = operations(&program, &token(&place, &["--role", "editor", "--organisation", "astadt"]));
    assert_eq!((&mine["all"], &mine["failing"]["listed"][0]["component"]), (&false.into(), &"fachverfahren".into()));
    assert_eq!((&mine["slowest"]["listed"], &mine["certificates"]["listed"]), (&json!([]), &json!([])));
    let (_, others) = operations(&program, &token(&place, &["--role", "admin", "--organisation", "bstadt"]));
    let text = others.to_string();
    assert!(!text.contains("fachverfahren") && !text.contains("astadt"), "internal to somebody else: {text}");
    assert_eq!(others["certificates"]["listed"].as_array().unwrap().len(), 1);
    assert_eq!(operations(&program, &token(&place, &["--role", "metrics"])).0, 403);
    assert_eq!(operations(&program, "tw_nobody").0, 401);
}
