//! `incident`, `maintenance`, `component` and `local` against a server of the tests' own: what they
//! ask for, whom they tell the token, and what they say about the reply.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use regex::Regex;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use turmwacht::config::{Extra, from_texts_with};
use turmwacht::editing::{self, Request};

use super::program::Finished;
use super::town;
use crate::probe::server::{Server, answer, closed_port, hold, read_head};

const TOKEN: &str = "tw_abcdefgh_canary0canary0canary0";

/// A request as the server got it.
#[derive(Debug, Clone)]
struct Asked {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Asked {
    fn read(stream: &mut impl Read) -> Self {
        let head = read_head(stream);
        let mut lines = head.lines();
        let mut first = lines.next().unwrap_or_default().split(' ');
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        Self {
            method: first.next().unwrap_or_default().to_owned(),
            target: first.next().unwrap_or_default().to_owned(),
            headers,
            body: String::from_utf8(body).unwrap(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// A server that notes what it is asked, and gives these answers, the last one again and again. An
/// empty answer is a broken connection.
struct Desk {
    server: Server,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Desk {
    fn answering(answers: &[Vec<u8>]) -> Self {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (noted, answers) = (Arc::clone(&asked), answers.to_vec());
        let server = Server::raw(move |mut stream| {
            let request = Asked::read(&mut stream);
            let mut noted = noted.lock().unwrap();
            let answer = answers.get(noted.len()).or(answers.last()).unwrap();
            noted.push(request);
            let _gone = stream.write_all(answer);
        });
        Self { server, asked }
    }

    fn replying(body: &Value) -> Self {
        Self::answering(&[reply("200 OK", "", body)])
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Runs a command with the token in the environment.
    fn run(&self, arguments: &[&str]) -> Finished {
        finish(program(&self.url()).args(arguments))
    }

    /// Runs a command whose request is done at once, and returns that.
    #[track_caller]
    fn asked_by(&self, arguments: &[&str]) -> Asked {
        let before = self.asked().len();
        let finished = self.run(arguments);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{arguments:?}: {finished:?}");
        let asked = self.asked();
        assert_eq!(asked.len(), before + 1, "{arguments:?}");
        asked.last().unwrap().clone()
    }
}

fn reply(status: &str, headers: &str, body: &Value) -> Vec<u8> {
    answer(status, &format!("Content-Type: application/json\r\n{headers}"), &body.to_string())
}

fn problem(status: &str, headers: &str, body: &Value) -> Vec<u8> {
    answer(status, &format!("Content-Type: application/problem+json\r\n{headers}"), &body.to_string())
}

fn incident() -> Value {
    json!({ "incident": { "id": "i5", "url": "https://status.example.org/incidents/i5" } })
}

/// The program with a token and with proxies that lead nowhere.
fn program(server: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turmwacht"));
    let proxy = format!("http://{}", closed_port());
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, &proxy);
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY").env_remove("RUST_LOG");
    command.env("TURMWACHT_SERVER", server).env("TURMWACHT_TOKEN", TOKEN).stdin(Stdio::null());
    command
}

/// Runs a command to its end. Whatever it says, it never says the token.
#[track_caller]
fn finish(command: &mut Command) -> Finished {
    let finished = Finished::from(command.output().unwrap());
    assert!(!finished.stdout.contains("canary") && !finished.stderr.contains("canary"), "{finished:?}");
    finished
}

/// Each verb: its arguments, the request's line, its body.
fn verbs() -> Vec<(Vec<&'static str>, &'static str, Value)> {
    let mut verbs = incident_verbs();
    verbs.extend(other_verbs());
    verbs
}

fn incident_verbs() -> Vec<(Vec<&'static str>, &'static str, Value)> {
    vec![
        (vec!["incident", "list"], "GET /incidents", Value::Null),
        (vec!["incident", "show", "i5"], "GET /incidents/i5", Value::Null),
        (
            vec![
                "incident",
                "open",
                "--title",
                "Störung",
                "--title",
                "en=Outage",
                "--text",
                "Wir suchen = suchen.",
                "--status",
                "identified",
                "--impact",
                "major",
                "--cause",
                "cyberattack",
                "--root",
                "portal",
                "--component",
                "antrag=partial_outage",
                "--component",
                "portal=major_outage",
                "--expected-earliest",
                "2030-01-01",
                "--expected-latest",
                "2030-01-03T12:00",
                "--expected-label",
                "en=within days",
                "--next-update-by",
                "2030-01-01T14:00:00+01:00",
                "--started-at",
                "2023-10-30T02:00",
                "--reference",
                "https://a.example/x=Mehr",
                "--reference",
                "https://a.example/?b=c",
                "--unaffected",
                "bauamt",
                "--alternative",
                "kind=phone,target=tel:+4923240,label=Bürgerbüro, Zimmer 3",
                "--internal-text",
                "Ticket 7",
            ],
            "POST /incidents",
            json!({
                "title": { "de": "Störung", "en": "Outage" },
                "text": "Wir suchen = suchen.",
                "status": "identified",
                "impact": "major",
                "cause": "cyberattack",
                "root": "portal",
                "components": [
                    { "id": "antrag", "status": "partial_outage" },
                    { "id": "portal", "status": "major_outage" },
                ],
                "expected_end": {
                    "earliest": "2030-01-01",
                    "latest": "2030-01-03T12:00",
                    "label": { "en": "within days" },
                },
                "next_update_by": "2030-01-01T14:00:00+01:00",
                "started_at": "2023-10-30T02:00",
                "references": [{ "url": "https://a.example/x", "label": "Mehr" }, { "url": "https://a.example/?b=c" }],
                "unaffected": ["bauamt"],
                "alternatives": [
                    { "kind": "phone", "target": ["tel:+4923240"], "label": "Bürgerbüro, Zimmer 3" },
                ],
                "internal_text": "Ticket 7",
            }),
        ),
        (
            vec![
                "incident",
                "update",
                "i5",
                "--text",
                "Eine Leitung.",
                "--end-unknown",
                "--component",
                "antrag=none",
                "--clear",
                "cause",
                "--clear",
                "next-update-by",
                "--clear",
                "references",
                "--organisation",
                "teststadt",
                "--title",
                "Leitung",
            ],
            "POST /incidents/i5/updates",
            json!({
                "text": "Eine Leitung.",
                "title": "Leitung",
                "expected_end": null,
                "components": [{ "id": "antrag", "status": null }],
                "cause": null,
                "next_update_by": null,
                "references": [],
                "organisations": ["teststadt"],
            }),
        ),
        (
            vec!["incident", "edit", "i5", "--impact", "minor", "--clear", "alternatives", "--clear", "unaffected"],
            "PATCH /incidents/i5",
            json!({ "impact": "minor", "alternatives": [], "unaffected": [] }),
        ),
        (
            vec!["incident", "resolve", "i5", "--text", "Vorbei.", "--resolved-at", "2030-01-01T16:40"],
            "POST /incidents/i5/updates",
            json!({ "status": "resolved", "text": "Vorbei.", "resolved_at": "2030-01-01T16:40" }),
        ),
        (vec!["incident", "retract", "i5", "i5-3"], "DELETE /incidents/i5/updates/i5-3", Value::Null),
        (vec!["incident", "retract", "i5", "3"], "DELETE /incidents/i5/updates/i5-3", Value::Null),
        (
            vec!["incident", "correct", "i5", "2", "--text", "en=A line."],
            "PATCH /incidents/i5/updates/i5-2",
            json!({ "text": { "en": "A line." } }),
        ),
        (vec!["incident", "merge", "i5", "--into", "i4"], "POST /incidents/i5/merge", json!({ "into": "i4" })),
        (
            vec![
                "incident",
                "split",
                "i5",
                "--component",
                "antrag",
                "--component",
                "portal.login",
                "--title",
                "Anträge",
                "--text",
                "Etwas Eigenes.",
            ],
            "POST /incidents/i5/split",
            json!({ "components": ["antrag", "portal.login"], "title": "Anträge", "text": "Etwas Eigenes." }),
        ),
        (
            vec![
                "incident",
                "overlay",
                "i5",
                "teststadt",
                "--text",
                "Bei uns geht es.",
                "--alternative",
                "kind=counter,label.de=Rathaus,label.en=Town hall",
            ],
            "PUT /incidents/i5/overlays/teststadt",
            json!({
                "text": "Bei uns geht es.",
                "alternatives": [{ "kind": "counter", "label": { "de": "Rathaus", "en": "Town hall" } }],
            }),
        ),
        (
            vec!["incident", "overlay", "i5", "teststadt", "--remove"],
            "DELETE /incidents/i5/overlays/teststadt",
            Value::Null,
        ),
    ]
}

fn other_verbs() -> Vec<(Vec<&'static str>, &'static str, Value)> {
    vec![
        (vec!["maintenance", "list"], "GET /maintenance", Value::Null),
        (vec!["maintenance", "show", "umzug"], "GET /maintenance/umzug", Value::Null),
        (
            vec![
                "maintenance",
                "plan",
                "--title",
                "Umzug",
                "--component",
                "portal",
                "--component",
                "antrag=2030-01-02T12:00",
                "--from",
                "2030-01-01T18:00",
                "--until",
                "2030-01-03",
                "--ends",
                "on-notice",
                "--last-chance-before",
                "2029-12-31",
                "--back-from",
                "2030-01-04",
                "--unaffected",
                "bauamt",
                "--id",
                "umzug",
                "--programme",
                "neubau",
                "--text",
                "Wir ziehen um.",
                "--announced-at",
                "2029-12-01",
                "--alternative",
                "kind=postpone,label=Danach",
                "--recurring",
                "rrule=FREQ=WEEKLY;BYDAY=MO,TU,at=19:00,for=3h",
            ],
            "POST /maintenance",
            json!({
                "title": "Umzug",
                "components": ["portal", { "id": "antrag", "until": "2030-01-02T12:00" }],
                "from": "2030-01-01T18:00",
                "until": "2030-01-03",
                "ends": "on_notice",
                "last_chance_before": "2029-12-31",
                "back_from": "2030-01-04",
                "unaffected": ["bauamt"],
                "id": "umzug",
                "programme": "neubau",
                "text": "Wir ziehen um.",
                "announced_at": "2029-12-01",
                "alternatives": [{ "kind": "postpone", "label": "Danach" }],
                "recurring": { "rrule": "FREQ=WEEKLY;BYDAY=MO,TU", "at": "19:00", "for": "3h" },
            }),
        ),
        (
            vec![
                "maintenance",
                "edit",
                "umzug",
                "--until",
                "2030-01-04",
                "--ends",
                "by-itself",
                "--clear",
                "text",
                "--clear",
                "last-chance-before",
                "--clear",
                "unaffected",
                "--clear",
                "recurring",
            ],
            "PATCH /maintenance/umzug",
            json!({
                "until": "2030-01-04", "ends": "by_itself", "text": null, "last_chance_before": null, "unaffected": [],
                "recurring": null,
            }),
        ),
        (vec!["maintenance", "cancel", "umzug"], "PATCH /maintenance/umzug", json!({ "status": "cancelled" })),
        (
            vec!["maintenance", "update", "umzug", "--text", "Fast.", "--ended", "antrag=2030-01-02T11:30"],
            "POST /maintenance/umzug/updates",
            json!({ "text": "Fast.", "components": [{ "id": "antrag", "ended_at": "2030-01-02T11:30" }] }),
        ),
        (
            vec!["maintenance", "update", "umzug", "--ended-at", "2030-01-02T13:00"],
            "POST /maintenance/umzug/updates",
            json!({ "ended_at": "2030-01-02T13:00" }),
        ),
        (vec!["component", "show", "portal.login"], "GET /components/portal.login", Value::Null),
        (vec!["component", "probes", "portal"], "GET /components/portal/probes", Value::Null),
        (
            vec!["component", "override", "portal", "--status", "operational", "--until", "2030-01-02"],
            "PUT /components/portal/override",
            json!({ "status": "operational", "until": "2030-01-02" }),
        ),
        (vec!["component", "override", "portal", "--clear"], "DELETE /components/portal/override", Value::Null),
        (
            vec![
                "local",
                "set",
                "portal",
                "--organisation",
                "teststadt",
                "--organisation",
                "05954",
                "--mode",
                "emergency",
                "--status",
                "partial_outage",
                "--released",
                "false",
                "--processing",
                "delayed",
                "--delivery",
                "lost,since=2029-12-31T08:00,until=2030-01-02",
                "--text",
                "Nur mit Termin.",
                "--until",
                "2030-01-02",
                "--alternative",
                "kind=mail,target=mailto:a@example.org,label=Post",
            ],
            "PUT /components/portal/local",
            json!({
                "organisations": ["teststadt", "05954"],
                "mode": "emergency",
                "status": "partial_outage",
                "released": false,
                "processing": "delayed",
                "delivery": { "state": "lost", "since": "2029-12-31T08:00", "until": "2030-01-02" },
                "text": "Nur mit Termin.",
                "until": "2030-01-02",
                "alternatives": [{ "kind": "mail", "target": ["mailto:a@example.org"], "label": "Post" }],
            }),
        ),
        (
            vec!["local", "clear", "portal", "--organisation", "teststadt"],
            "DELETE /components/portal/local",
            json!({ "organisations": ["teststadt"] }),
        ),
        (vec!["local", "clear", "portal"], "DELETE /components/portal/local", Value::Null),
    ]
}

#[test]
fn every_verb_is_one_request_that_the_admin_interface_reads() {
    let desk = Desk::replying(&incident());
    let settings = "[probing]\nprivate_networks = [\"127.0.0.0/8\"]";
    let probes = [("probes.toml".to_owned(), town(desk.server.address))];
    let loaded = from_texts_with(("config.toml", settings), &probes, Path::new("."), Extra::default());
    let catalogue = loaded.unwrap_or_else(|report| panic!("{}", report.render(false))).catalogue;
    let mut keys = std::collections::BTreeSet::new();
    let verbs = verbs();
    for (arguments, line, body) in &verbs {
        let asked = desk.asked_by(arguments);
        let (method, path) = line.split_once(' ').unwrap();
        assert_eq!((&*asked.method, &*asked.target), (method, &*format!("/api/v1/admin{path}")), "{arguments:?}");
        assert_eq!(asked.json(), *body, "{arguments:?}");
        assert_eq!(asked.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
        assert_eq!(asked.header("content-type"), (!body.is_null()).then_some("application/json"), "{arguments:?}");
        assert_eq!((asked.header("if-match"), asked.header("origin")), (None, None));
        match asked.header("idempotency-key") {
            Some(key) => assert!(keys.insert(key.to_owned()) && key.len() == 32, "{key}"),
            None => assert_eq!(method, "GET", "{arguments:?}"),
        }
        let read = editing::read(method, path, asked.body.as_bytes(), &catalogue);
        let read = read.unwrap_or_else(|refusal| panic!("{arguments:?}: {refusal:?}"));
        assert_eq!(matches!(read, Request::Read(_)), method == "GET", "{read:?}");
    }
    assert_eq!(keys.len(), verbs.iter().filter(|(_, line, _)| !line.starts_with("GET")).count());
}

#[test]
fn a_change_can_be_tried_conditional_and_repeated() {
    let desk = Desk::replying(&incident());
    let merge = ["incident", "merge", "i5", "--into", "i4"];
    let tried = desk.asked_by(&[&merge[..], &["--dry-run", "--if-match", "W/\"7\""]].concat());
    assert_eq!(tried.target, "/api/v1/admin/incidents/i5/merge?dry_run=true");
    assert_eq!((tried.header("if-match"), tried.header("idempotency-key")), (Some("W/\"7\""), None));
    let said = desk.run(&[&merge[..], &["--dry-run"]].concat()).stdout;
    assert_eq!(said, "dry run: the server would do it; nothing was changed\n");
    let again = desk.asked_by(&[&merge[..], &["--idempotency-key", "k-1"]].concat());
    assert_eq!((&*again.target, again.header("idempotency-key")), ("/api/v1/admin/incidents/i5/merge", Some("k-1")));
}

#[test]
fn a_busy_server_or_a_broken_connection_is_asked_once_more_with_the_same_key() {
    let busy = problem("503 Service Unavailable", "Retry-After: 0\r\n", &json!({ "detail": "too much to do" }));
    let done = reply("200 OK", "", &incident());
    let merge = ["incident", "merge", "i5", "--into", "i4"];
    for first in [busy.clone(), Vec::new(), done[..done.len() - 5].to_vec()] {
        let desk = Desk::answering(&[first, done.clone()]);
        let finished = desk.run(&merge);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{finished:?}");
        let asked = desk.asked();
        assert_eq!(asked.len(), 2);
        assert!(asked[0].header("idempotency-key").is_some());
        assert_eq!(asked[0].header("idempotency-key"), asked[1].header("idempotency-key"));
        assert_eq!(asked[0].body, asked[1].body);
    }
    // Twice is enough. Then the key is told, but only if something may have been done.
    let desk = Desk::answering(&[busy]);
    let finished = desk.run(&merge);
    let asked = desk.asked();
    assert_eq!(asked.len(), 2);
    let key = asked[0].header("idempotency-key").unwrap();
    finished.assert_refuses(&["too much to do (503)", "not known", &format!("--idempotency-key {key}")]);
    let listed = desk.run(&["incident", "list"]);
    listed.assert_refuses(&["too much to do (503)"]);
    assert!(!listed.stderr.contains("key"), "{listed:?}");
    assert_eq!(desk.asked().len(), 4);
    // Nobody there: nothing was sent.
    let nobody = finish(program(&format!("http://{}", closed_port())).args(merge));
    nobody.assert_refuses(&["no reply from http://127.0.0.1:", "refused"]);
    assert!(!nobody.stderr.contains("key"), "{nobody:?}");
}

#[test]
fn a_refusal_is_one_sentence_with_its_field() {
    let refusing = |status: &str, body: &Value| Desk::answering(&[problem(status, "", body)]);
    let merge = ["incident", "merge", "i5", "--into", "i4"];
    let body = json!({ "status": 422, "detail": "there is no component `x`", "pointer": "/components/0/id" });
    let desk = refusing("422 Unprocessable Content", &body);
    desk.run(&merge).assert_refuses(&["turmwacht: components/0/id: there is no component `x` (422)"]);
    assert_eq!(desk.asked().len(), 1, "what was refused is not asked again");
    let finished = desk.run(&[&merge[..], &["--json"]].concat());
    finished.assert_refuses(&["there is no component"]);
    assert_eq!(finished.stdout, format!("{body}\n"));
    let errors = json!({ "title": "Invalid", "errors": [{ "pointer": "#/text", "detail": "missing" }] });
    refusing("422 X", &errors).run(&merge).assert_refuses(&["text: Invalid (422)"]);
    refusing("403 Forbidden", &json!({ "detail": "outside your scope" })).run(&merge).assert_refuses(&["scope (403)"]);
    let hostile = json!({ "detail": "a\u{1b}[2J\nturmwacht: b\u{202e}", "pointer": "/\u{7}" });
    refusing("409 Conflict", &hostile)
        .run(&merge)
        .assert_refuses(&["\\u{7}: a\\u{1b}[2J\\nturmwacht: b\\u{202e} (409)"]);
    let page = Desk::answering(&[answer("502 Bad Gateway", "", "<h1>Bad Gateway</h1>")]);
    page.run(&merge).assert_refuses(&["answers 502"]);
}

#[test]
fn what_is_no_reply_of_ours_is_no_success() {
    let merge = ["incident", "merge", "i5", "--into", "i4"];
    let page = Desk::answering(&[answer("200 OK", "", "<h1>Please log in</h1>")]);
    page.run(&merge).assert_refuses(&["no JSON", "not known"]);
    let endless = Desk::answering(&[answer("200 OK", "", &format!("\"{}\"", "a".repeat(4 << 20)))]);
    endless.run(&["incident", "list"]).assert_refuses(&["longer than 4194304 bytes"]);
    let empty = Desk::answering(&[answer("204 No Content", "", "")]);
    let finished = empty.run(&["incident", "overlay", "i5", "teststadt", "--remove"]);
    assert_eq!((finished.code, finished.stdout.lines().count()), (Some(0), 2), "{finished:?}");
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Desk::replying(&incident());
    let location = format!("Location: {}/api/v1/admin/incidents\r\n", other.url());
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let desk = Desk::answering(&[answer(status, &location, "")]);
        desk.run(&["incident", "list"]).assert_refuses(&["redirects to http://127.0.0.1:", "--server"]);
        desk.run(&["incident", "merge", "i5", "--into", "i4"]).assert_refuses(&["redirects"]);
        assert_eq!((desk.asked().len(), other.server.visits()), (2, 0));
    }
}

#[test]
fn the_token_goes_nowhere_in_clear_text_but_to_this_machine() {
    for elsewhere in ["http://status.example.org", "http://192.0.2.1:8080", "http://0.0.0.0:8080"] {
        let finished = finish(program("").args(["incident", "list", "--server", elsewhere]));
        finished.assert_refuses(&["clear text", "https", elsewhere]);
    }
    for wrong in ["status.example.org", "http://a:canary@127.0.0.1", "ftp://127.0.0.1"] {
        assert_eq!(finish(program(wrong).args(["incident", "list"])).code, Some(1));
    }
    let desk = Desk::replying(&json!({ "incidents": [] }));
    let named = format!("http://localhost:{}", desk.server.address.port());
    let finished = finish(program(&named).args(["incident", "list"]));
    assert_eq!((finished.code, &*finished.stdout), (Some(0), "there are no incidents\n"), "{finished:?}");
}

#[test]
fn a_token_is_kept_to_oneself() {
    let desk = Desk::replying(&json!({ "incidents": [] }));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let path = file.to_str().unwrap();
    let with = |text: &[u8], mode: u32| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        finish(program(&desk.url()).env_remove("TURMWACHT_TOKEN").args(["incident", "list", "--token-file", path]))
    };
    for mode in [0o644, 0o640, 0o604, 0o660] {
        let why = format!("mode {mode:04o}");
        with(TOKEN.as_bytes(), mode).assert_refuses(&["others may use the token", &why, "chmod 600"]);
    }
    with(b"", 0o600).assert_refuses(&["holds no token"]);
    with(b" \n", 0o600).assert_refuses(&["holds no token"]);
    with(b"canary canary", 0o600).assert_refuses(&["no token", "token new"]);
    with("canär".as_bytes(), 0o600).assert_refuses(&["no token"]);
    with(b"canary\xff", 0o600).assert_refuses(&["cannot read the token"]);
    with("canary".repeat(1000).as_bytes(), 0o600).assert_refuses(&["no token"]);
    let without = finish(program(&desk.url()).env_remove("TURMWACHT_TOKEN").args(["incident", "list"]));
    without.assert_refuses(&["TURMWACHT_TOKEN", "--token-file"]);
    let folder = folder.path().to_str().unwrap();
    desk.run(&["incident", "list", "--token-file", folder]).assert_refuses(&["no plain file"]);
    desk.run(&["incident", "list", "--token-file", "missing"]).assert_refuses(&["cannot read the token in missing"]);
    assert_eq!(desk.server.visits(), 0, "nobody was asked");

    for mode in [0o600, 0o400] {
        assert_eq!(with(format!("{TOKEN}\n").as_bytes(), mode).code, Some(0));
    }
    assert_eq!(desk.asked()[1].header("authorization"), Some(&*format!("Bearer {TOKEN}")));
    // Not on the command line.
    assert_eq!(desk.run(&["incident", "list", "--token", "x"]).code, Some(2));
}

#[test]
fn https_is_verified_with_the_systems_roots_and_a_file() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let asked = Arc::<Mutex<Vec<Asked>>>::default();
    let noted = Arc::clone(&asked);
    let server = Server::raw(move |stream| {
        let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        if tls.conn.complete_io(&mut tls.sock).is_ok() {
            noted.lock().unwrap().push(Asked::read(&mut tls));
            let _gone = tls.write_all(&reply("200 OK", "", &json!({ "incidents": [] })));
            tls.conn.send_close_notify();
            let _gone = tls.flush();
            hold(&mut tls.sock);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, key.cert.pem()).unwrap();
    let url = format!("https://127.0.0.1:{}", server.address.port());
    let list = |arguments: &[&str]| finish(program(&url).args(["incident", "list"]).args(arguments));
    list(&[]).assert_refuses(&["certificate"]);
    assert!(asked.lock().unwrap().is_empty(), "the token stays here");
    let trusted = list(&["--ca", ca.to_str().unwrap()]);
    assert_eq!(trusted.code, Some(0), "{trusted:?}");
    assert_eq!(asked.lock().unwrap()[0].header("authorization"), Some(&*format!("Bearer {TOKEN}")));
    std::fs::write(&ca, "nothing").unwrap();
    list(&["--ca", ca.to_str().unwrap()]).assert_refuses(&["holds no certificate"]);
    list(&["--ca", "missing.pem"]).assert_refuses(&["missing.pem"]);
}

#[test]
fn lists_are_tables_and_things_are_facts() {
    let title = "Störung\u{1b}[31m";
    let first = json!({
        "id": "i5", "status": "investigating", "impact": "critical", "started_at": "2030-01-01T10:00:00Z",
        "root": { "id": "portal", "name": "Serviceportal" }, "title": { "en": "Outage", "de": title },
        "updates": [{ "id": "i5-1", "text": "Wir suchen." }], "references": [], "resolved_at": null,
        "organisations": ["teststadt", "musterstadt"],
    });
    let second = json!({ "id": "i4567", "status": "resolved", "impact": "none", "title": "x".repeat(100) });
    let desk = Desk::replying(&json!({ "incidents": [first, second] }));
    let listed = desk.run(&["incident", "list"]);
    let expected = format!(
        "ID     STATUS         IMPACT    STARTED AT            ROOT    TITLE\n\
         i5     investigating  critical  2030-01-01T10:00:00Z  portal  Störung\\u{{1b}}[31m\n\
         i4567  resolved       none      -                     -       {}…\n",
        "x".repeat(79)
    );
    assert_eq!(listed.stdout, expected);
    let raw = desk.run(&["incident", "list", "--json"]);
    assert_eq!(raw.stdout, format!("{}\n", json!({ "incidents": [first, second] })));

    let desk = Desk::answering(&[reply("200 OK", "ETag: \"7\"\r\n", &json!({ "position": 9, "incident": first }))]);
    let shown = desk.run(&["incident", "show", "i5"]).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[..2], ["id: i5", "title: Störung\\u{1b}[31m"]);
    for line in ["root: id: portal; name: Serviceportal", "organisations: teststadt, musterstadt", "etag: \"7\""] {
        assert!(lines.contains(&line), "{shown}");
    }
    assert!(shown.contains("updates:\n  id: i5-1; text: Wir suchen.\n"), "{shown}");
    assert!(!shown.contains("references") && !shown.contains("resolved_at"), "{shown}");
    assert!(desk.run(&["incident", "show", "i5", "--language", "en"]).stdout.contains("title: Outage\n"));

    let failed = json!({ "failed": { "reason": "timeout", "detail": "no answer\u{1b}" } });
    let probe = json!({ "started_at": "2026-11-01T08:00:00Z", "duration": 1.0024, "outcome": failed, "http": null });
    let probes = json!({ "component": "portal", "checks": [{ "id": "front", "probes": [probe] }] });
    let probed = Desk::replying(&probes).run(&["component", "probes", "portal"]).stdout;
    let row: Vec<&str> = probed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["front", "2026-11-01T08:00:00Z", "1002", "timeout", "-", "no", "answer\\u{1b}"]);
}

#[test]
fn a_change_is_told_in_a_line_or_two() {
    let done = |reply: &Value, arguments: &[&str]| Desk::replying(reply).run(arguments).stdout;
    let open = ["incident", "open", "--title", "a", "--text", "b", "--root", "portal"];
    assert_eq!(done(&incident(), &open), "incident i5 is open\nhttps://status.example.org/incidents/i5\n");
    // Where the reply does not say it, it follows from the request and the server's address.
    let created = Desk::answering(&[reply("201 Created", "Location: /api/v1/admin/incidents/i7\r\n", &json!({}))]);
    let said = created.run(&open).stdout;
    assert_eq!(said, format!("incident i7 is open\n{}/incidents/i7\n", created.url()));
    let component = json!({ "component": { "id": "portal", "owner": "teststadt", "url": "https://portal.example" } });
    let desk = Desk::replying(&component);
    let said = desk.run(&["component", "override", "portal", "--clear"]).stdout;
    assert_eq!(said, format!("component portal is judged by itself again\n{}/teststadt\n", desk.url()));
    let said = done(
        &json!({ "maintenance": { "id": "m\u{1b}5", "url": "https://s.example/\u{7}" } }),
        &["maintenance", "plan", "--title", "a", "--component", "b", "--from", "c", "--until", "d"],
    );
    assert_eq!(said, "maintenance m\\u{1b}5 is planned\nhttps://s.example/\\u{7}\n");
}

#[test]
fn texts_come_from_files_and_stdin_too() {
    let desk = Desk::replying(&incident());
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |arguments: &[&str], stdin: &[u8]| {
        let mut command = program(&desk.url());
        let mut child = command
            .args(["incident", "correct", "i5", "1"])
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that refuses at once does not wait for the text.
        let _gone = child.stdin.take().unwrap().write_all(stdin);
        Finished::from(child.wait_with_output().unwrap())
    };
    std::fs::write(folder.path().join("de.txt"), "Zeile eins\nZeile zwei\n").unwrap();
    assert_eq!(in_folder(&["--text", "@de.txt", "--text", "en=-"], "line one\n".as_bytes()).code, Some(0));
    let expected = json!({ "text": { "de": "Zeile eins\nZeile zwei", "en": "line one" } });
    assert_eq!(desk.asked().last().unwrap().json(), expected);
    assert_eq!(in_folder(&["--text", "-"], "nur das".as_bytes()).code, Some(0));
    assert_eq!(desk.asked().last().unwrap().json(), json!({ "text": "nur das" }));
    assert_eq!(in_folder(&["--text", "a", "--text", "de=b", "--language", "fr"], b"").code, Some(0));
    assert_eq!(desk.asked().last().unwrap().json(), json!({ "text": { "fr": "a", "de": "b" } }));

    let before = desk.asked().len();
    in_folder(&["--text", "@missing"], b"").assert_refuses(&["--text", "cannot read missing"]);
    in_folder(&["--text", "-", "--text", "en=-"], b"").assert_refuses(&["one text only"]);
    in_folder(&["--text", "-"], b"\xff").assert_refuses(&["not UTF-8"]);
    in_folder(&["--text", "-"], &vec![b'a'; 80_001]).assert_refuses(&["more than 20000 characters"]);
    in_folder(&["--text", "a", "--text", "b"], b"").assert_refuses(&["twice in `de`"]);
    desk.run(&["incident", "edit", "i5"]).assert_refuses(&["nothing is to be changed"]);
    let both = ["incident", "edit", "i5", "--cause", "power", "--clear", "cause"];
    desk.run(&both).assert_refuses(&["`cause` is both given and cleared"]);
    assert_eq!(desk.asked().len(), before, "nobody was asked");
}

#[test]
fn a_command_line_that_makes_no_sense_asks_nobody() {
    let desk = Desk::replying(&incident());
    for arguments in [
        &["incident"][..],
        &["incident", "show", "../components/portal"],
        &["incident", "show", ".."],
        &["incident", "show", ""],
        &["incident", "retract", "i5", "i5-1?x"],
        &["incident", "open", "--title", "a"],
        &["incident", "open", "--title", "a", "--text", "b", "--component", "portal"],
        &["incident", "open", "--title", "a", "--text", "b", "--component", "portal=none"],
        &["incident", "open", "--title", "a", "--text", "b", "--status", "broken"],
        &["incident", "update", "i5", "--text", "b", "--end-unknown", "--expected-latest", "2030-01-01"],
        &["incident", "overlay", "i5", "teststadt"],
        &["incident", "overlay", "i5", "teststadt", "--remove", "--text", "a"],
        &["incident", "merge", "i5", "--into", "i4", "--if-match", "a\r\nb: c"],
        &["incident", "merge", "i5", "--into", "i4", "--idempotency-key", ""],
        &["incident", "list", "--dry-run"],
        &["component", "override", "portal"],
        &["component", "override", "portal", "--clear", "--status", "operational"],
        &["local", "set", "portal", "--mode", "off"],
        &["local", "set", "portal", "--organisation", "a", "--delivery", "slow"],
        &["maintenance", "plan", "--title", "a", "--component", "b", "--from", "c"],
    ] {
        let finished = desk.run(arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(["Usage: ", "--help"].iter().any(|word| finished.stderr.contains(word)), "{finished:?}");
    }
    assert_eq!(desk.server.visits(), 0);
}

#[test]
fn the_documented_examples_run_and_every_option_is_documented() {
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md")).unwrap();
    let desk = Desk::replying(&incident());
    let program = Path::new(env!("CARGO_BIN_EXE_turmwacht"));
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program.parent().unwrap().display());
    let called = Regex::new(r"(?m)(^|\| )turmwacht ").unwrap();
    let mut examples = 0;
    for block in document.split("\n```sh\n").skip(1) {
        let script = block.split_once("\n```").unwrap().0.replace("http://127.0.0.1:8080", &desk.url());
        let before = desk.asked().len();
        let mut command = Command::new("sh");
        command.args(["-eu", "-c", &script]).env("PATH", &path).env("TURMWACHT_TOKEN", TOKEN);
        let finished = finish(command.env("TURMWACHT_SERVER", desk.url()).stdin(Stdio::null()));
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{script}\n{finished:?}");
        let commands = called.find_iter(&script).count();
        assert_eq!(desk.asked().len() - before, commands, "{script}");
        examples += commands;
    }
    assert!(examples >= 12, "{examples}");
    let option = Regex::new(r"(?m)^ +(?:-\w, )?(--[a-z-]+)").unwrap();
    for (arguments, _, _) in verbs() {
        let (command, verb) = (arguments[0], arguments[1]);
        assert!(Regex::new(&format!("`({command} )?{verb}[ `]")).unwrap().is_match(&document), "{command} {verb}");
        let help = desk.run(&[command, verb, "--help"]).stdout;
        let known: Vec<&str> = option.captures_iter(&help).map(|found| found.get(1).unwrap().as_str()).collect();
        assert!(known.len() > 4, "{help}");
        for option in known.into_iter().filter(|option| !["--help", "--config"].contains(option)) {
            assert!(document.contains(option), "docs/commands.md lacks `{option}` of {command} {verb}");
        }
    }
}
