//! The editors' interface, with a store and a loop of the tests' own.

mod entry;

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use turmwacht::editing::BODY_BYTES_MAX;
use turmwacht::model::access::{AuditRecord, Editor, Outcome, Role, StoredAnswer};
use turmwacht::model::id::OrganisationId;
use turmwacht::model::time::Timestamp;
use turmwacht::server::desk::{AdminReply, AdminRequest, Asked, WAITING_MAX};
use turmwacht::server::{Admin, Authenticate, ServerConfig};

use super::world::{Client, PATIENCE, Reply, World, at_once, config, until};

const ADMIN: &str = "Authorization: Bearer tw_admin";
const EDITOR: &str = "Authorization: Bearer tw_editor";
const SCRAPER: &str = "Authorization: Bearer tw_scraper";
const JSON: &str = "Content-Type: application/json";
const INCIDENTS: &str = "/api/v1/admin/incidents";
const METRICS: &str = "/api/v1/admin/metrics";

/// What a look-up does instead of being quick.
#[derive(Default)]
struct Lever {
    broken: AtomicBool,
    held: Mutex<bool>,
    changed: Condvar,
    inside: AtomicUsize,
    most_inside: AtomicUsize,
}

impl Lever {
    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.changed.notify_all();
    }
}

/// A store: three tokens, and answers under keys of theirs.
#[derive(Default)]
struct Keys {
    lever: Lever,
    look_ups: AtomicUsize,
    answers: Mutex<HashMap<(String, String), StoredAnswer>>,
    audits: Mutex<Vec<(Option<i64>, u32)>>,
    records: Mutex<Vec<AuditRecord>>,
    /// Every token is.
    revoked: AtomicBool,
    /// Nothing can be written.
    full: AtomicBool,
}

impl Authenticate for Keys {
    fn authenticate(&self, bearer: &str) -> Result<Option<Editor>, String> {
        self.look_ups.fetch_add(1, Ordering::SeqCst);
        let inside = self.lever.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.lever.most_inside.fetch_max(inside, Ordering::SeqCst);
        let held = self.lever.held.lock().unwrap();
        drop(self.lever.changed.wait_timeout_while(held, PATIENCE, |held| *held).unwrap());
        self.lever.inside.fetch_sub(1, Ordering::SeqCst);
        if self.lever.broken.load(Ordering::SeqCst) {
            return Err("the disk is gone".to_owned());
        }
        let editor = |token: &str, role, organisations: &[&str]| Editor {
            token: token.to_owned(),
            label: String::new(),
            role,
            organisations: organisations.iter().map(|id| OrganisationId::new(*id)).collect(),
        };
        Ok(match bearer {
            "tw_admin" => Some(editor("admin", Role::Admin, &[])),
            "tw_editor" => Some(editor("editor", Role::Editor, &["hattingen"])),
            "tw_scraper" => Some(editor("scraper", Role::Metrics, &[])),
            "tw_panic" => panic!("a defect in the store"),
            _ => None,
        })
    }

    fn standing(&self, token: &str) -> Result<Option<Editor>, String> {
        let editor = self.authenticate(&format!("tw_{token}"))?;
        Ok(editor.filter(|_| !self.revoked.load(Ordering::SeqCst)))
    }

    fn record(&self, record: &AuditRecord) -> Result<(), String> {
        if self.full.load(Ordering::SeqCst) {
            return Err("the disk is full".to_owned());
        }
        self.records.lock().unwrap().push(record.clone());
        Ok(())
    }

    fn answer(&self, token: &str, key: &str) -> Result<Option<StoredAnswer>, String> {
        Ok(self.answers.lock().unwrap().get(&(token.to_owned(), key.to_owned())).cloned())
    }

    fn audit(&self, before: Option<i64>, limit: u32) -> Result<serde_json::Value, String> {
        self.audits.lock().unwrap().push((before, limit));
        Ok(json!({ "audit": [{ "number": 7 }], "next": null }))
    }
}

/// A server with a loop behind it that replies by path.
struct Town {
    world: World,
    keys: Arc<Keys>,
    seen: Arc<Mutex<Vec<AdminRequest>>>,
    /// Replies that were not given.
    held: Arc<Mutex<Vec<oneshot::Sender<AdminReply>>>>,
}

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> AdminReply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    AdminReply { status, headers, body: body.as_bytes().to_vec() }
}

/// What the loop replies; `None` = nothing, for now.
fn decided(request: &AdminRequest) -> Option<AdminReply> {
    Some(match request.path.as_str() {
        "/incidents/held" => return None,
        "/incidents/stale" => reply(412, &[("ETag", "\"7\"")], "{\"status\":412}"),
        "/incidents/nonsense" => reply(1, &[], ""),
        "/components/x/override" => reply(204, &[], ""),
        _ => reply(
            if request.method == "POST" { 201 } else { 200 },
            &[
                ("etag", "\"42\""),
                ("location", "/api/v1/incidents/i1"),
                ("set-cookie", "a=b"),
                ("access-control-allow-origin", "*"),
                ("retry-after", "\n"),
            ],
            "{\"incident\":{}}",
        ),
    })
}

impl Town {
    fn new() -> Self {
        Self::with(config(), |_| {})
    }

    fn with(mut config: ServerConfig, change: impl FnOnce(&mut Admin)) -> Self {
        let keys = Arc::new(Keys::default());
        let (desk, mut waiting) = mpsc::channel::<Asked>(WAITING_MAX);
        let mut admin = Admin {
            tokens: Arc::clone(&keys) as Arc<dyn Authenticate>,
            desk,
            listen: None,
            trusted_proxies: Vec::new(),
            oidc: None,
        };
        change(&mut admin);
        config.admin = Some(admin);
        let (seen, held) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (noting, holding) = (Arc::clone(&seen), Arc::clone(&held));
        // Ends with the server, which holds the only sender.
        thread::spawn(move || {
            while let Some(Asked { request, reply }) = waiting.blocking_recv() {
                let decided = decided(&request);
                noting.lock().unwrap().push(request);
                match decided {
                    Some(decided) => drop(reply.send(decided)),
                    None => holding.lock().unwrap().push(reply),
                }
            }
        });
        Self { world: World::with(config, at_once()), keys, seen, held }
    }

    fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Reply {
        self.world.connect().ask(method, path, headers)
    }

    fn send(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
        let mut client = self.world.connect();
        send(&mut client, method, path, headers, body);
        client.reply(false).expect("an answer")
    }

    fn last(&self) -> AdminRequest {
        self.seen.lock().unwrap().last().expect("the loop was asked").clone()
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Lets the loop reply to what it holds.
    fn release(&self, with: &AdminReply) {
        let reply = until(|| self.held.lock().unwrap().pop());
        drop(reply.send(with.clone()));
    }

    /// What the store keeps of a reply to the last request.
    fn keep(&self, given: &AdminReply) {
        let request = self.last();
        let key = request.idempotency_key.clone().expect("a key");
        let stored = StoredAnswer {
            token: request.editor.token.clone(),
            key: key.clone(),
            request_hash: request.hash(),
            at: Timestamp::from_millis(0),
            status: given.status,
            headers: given.headers.clone(),
            body: given.body.clone(),
        };
        self.keys.answers.lock().unwrap().insert((request.editor.token, key), stored);
    }
}

fn send(client: &mut Client, method: &str, path: &str, headers: &[&str], body: &[u8]) {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    client.send([head.as_bytes(), body].concat());
}

/// A problem with what every answer to editors has.
#[track_caller]
fn refused(reply: &Reply, status: u16) -> String {
    assert_eq!(reply.status, status, "{reply:?}");
    bare(reply);
    reply.problem()["detail"].as_str().unwrap().to_owned()
}

#[track_caller]
fn bare(reply: &Reply) {
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
    for line in reply.head.lines() {
        let name = line.to_ascii_lowercase();
        assert!(!name.starts_with("access-control-") && !name.starts_with("set-cookie"), "{reply:?}");
    }
}

#[test]
fn a_request_reaches_the_loop_as_it_was_sent_and_its_reply_comes_back() {
    let town = Town::new();
    let body = "{\"title\":\"Störung\"}".as_bytes();
    let fields = [EDITOR, JSON, "If-Match: \"41\"", "Idempotency-Key: a-1"];
    let reply = town.send("POST", &format!("{INCIDENTS}?dry_run=true"), &fields, body);
    assert_eq!((reply.status, reply.text()), (201, "{\"incident\":{}}"), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!((reply.header("etag"), reply.header("location")), (Some("\"42\""), Some("/api/v1/incidents/i1")));
    assert_eq!((reply.header("retry-after"), reply.header("idempotency-replayed")), (None, None));
    bare(&reply);
    let request = town.last();
    assert_eq!((request.editor.token.as_str(), request.editor.role), ("editor", Role::Editor));
    assert_eq!((request.method.as_str(), request.path.as_str(), request.dry_run), ("POST", "/incidents", true));
    assert_eq!(request.if_match.as_deref(), Some("\"41\""));
    assert_eq!(request.idempotency_key.as_deref(), Some("a-1"));
    assert_eq!(request.body, body);

    let reply = town.send("PATCH", "/api/v1/admin/incidents/i1", &[ADMIN, JSON], b"{}");
    assert_eq!(reply.status, 200);
    assert_eq!((town.last().method.as_str(), town.last().path.as_str()), ("PATCH", "/incidents/i1"));
    assert_eq!((town.last().dry_run, town.last().if_match, town.last().idempotency_key), (false, None, None));

    let reply = town.send("PATCH", "/api/v1/admin/incidents/stale", &[ADMIN, JSON], b"{}");
    assert_eq!((reply.status, reply.header("etag")), (412, Some("\"7\"")));
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    bare(&reply);
    let reply = town.send("PATCH", "/api/v1/admin/incidents/nonsense", &[ADMIN, JSON], b"{}");
    refused(&reply, 500);

    let mut client = town.world.connect();
    client.send(format!("DELETE /api/v1/admin/components/x/override HTTP/1.1\r\nHost: localhost\r\n{ADMIN}\r\n\r\n"));
    let reply = client.reply(true).unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (204, None));
    bare(&reply);
    // The connection goes on.
    assert_eq!(client.ask("GET", "/doc", &[]).status, 200);
}

#[test]
fn head_is_get_without_a_body_and_a_key_makes_no_difference_to_reading() {
    let town = Town::new();
    let mut client = town.world.connect();
    let head = client.ask("HEAD", INCIDENTS, &[EDITOR]);
    assert_eq!((head.status, town.last().method.as_str()), (200, "GET"));
    let get = client.ask("GET", INCIDENTS, &[EDITOR, "Idempotency-Key: a"]);
    assert_eq!((get.status, get.header("content-length")), (200, head.header("content-length")));
    assert_eq!(town.last().idempotency_key, None);
    assert_eq!(client.ask("HEAD", "/api/v1/admin/incidents/i1/updates", &[EDITOR]).status, 405);
}

#[test]
fn who_bears_no_token_in_force_learns_nothing_else() {
    let town = Town::new();
    let mut texts = Vec::new();
    for (number, headers) in [
        &[][..],
        &["Authorization: Bearer"],
        &["Authorization: Basic dHdfYWRtaW46eA=="],
        &["Authorization: tw_admin"],
        &["Authorization: Bearer tw_unknown"],
        &["Authorization: Bearer tw_admin x"],
        &[ADMIN, ADMIN],
        &["X-Authorization: Bearer tw_admin"],
    ]
    .into_iter()
    .enumerate()
    {
        for path in [INCIDENTS, "/api/v1/admin", "/api/v1/admin/nothing", "/api/v1/admin/../summary"] {
            // Attempts from one address are limited.
            let town = if number % 2 == 0 { &town } else { &Town::new() };
            let reply = town.ask("GET", path, headers);
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{headers:?} {reply:?}");
            refused(&reply, 401);
            texts.push(reply.body);
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "one answer for all");
    assert_eq!(town.ask("GET", &format!("{INCIDENTS}?access_token=tw_admin"), &[]).status, 401);
    // A body that nobody reads.
    let reply = town.send("POST", INCIDENTS, &[JSON], b"{}");
    refused(&reply, 401);
    assert_eq!(reply.header("connection"), Some("close"));
    assert_eq!(town.count(), 0);
}

#[test]
fn a_token_for_metrics_opens_those_and_nothing_else() {
    let town = Town::new();
    for path in [INCIDENTS, "/api/v1/admin/audit", "/api/v1/admin/nothing", "/api/v1/admin/metrics/x"] {
        assert!(refused(&town.ask("GET", path, &[SCRAPER]), 403).contains("GET /api/v1/admin/metrics"));
    }
    for bearer in [SCRAPER, ADMIN] {
        let reply = town.ask("GET", METRICS, &[bearer]);
        assert_eq!((reply.status, reply.text()), (200, "internal 1\n"));
        assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        bare(&reply);
    }
    let open = town.ask("HEAD", METRICS, &[SCRAPER, "Accept: application/openmetrics-text"]);
    assert_eq!(open.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    refused(&town.ask("GET", METRICS, &[EDITOR]), 403);
    refused(&town.ask("GET", METRICS, &[]), 401);
    refused(&town.ask("POST", METRICS, &[SCRAPER]), 405);
    refused(&town.ask("GET", &format!("{METRICS}?dry_run=x"), &[SCRAPER]), 400);
    refused(&town.ask("GET", METRICS, &[SCRAPER, "Origin: https://evil.example"]), 403);
    assert_eq!(town.count(), 0, "the loop is not asked");
}

#[test]
fn who_is_refused_for_a_token_is_recorded() {
    let town = Town::new();
    refused(&town.ask("GET", INCIDENTS, &[]), 401);
    refused(
        &town.ask("DELETE", "/api/v1/admin/incidents/i1/updates/i1-1", &["Authorization: Bearer tw_abcdefg2_wrong"]),
        401,
    );
    refused(&town.send("POST", INCIDENTS, &[SCRAPER, JSON], b"{\"title\":\"x\"}"), 403);
    refused(&town.ask("GET", "/api/v1/admin/audit", &[EDITOR]), 403);
    refused(&town.ask("GET", METRICS, &[EDITOR]), 403);
    let records = town.keys.records.lock().unwrap();
    let told: Vec<_> = records
        .iter()
        .map(|it| (it.actor.as_str(), it.action.as_str(), it.subject.as_str(), it.status, it.detail.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("nobody", "DELETE", "/incidents/i1/updates/i1-1", 401, "{\"claims\":\"abcdefg2\"}"),
            ("scraper", "POST", "/incidents", 403, "{}"),
            ("editor", "GET", "/audit", 403, "{}"),
            ("editor", "GET", "/metrics", 403, "{}"),
        ]
    );
    assert!(records.iter().all(|record| record.outcome == Outcome::Refused && record.position.is_none()));
}

#[test]
fn refusals_are_recorded_up_to_a_ration() {
    let proxies = |admin: &mut Admin| admin.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let town = Town::with(config(), proxies);
    for number in 0..70 {
        // Of one address no more than ten are looked at.
        let client = format!("X-Forwarded-For: 192.0.2.{}", number / 10);
        refused(
            &town.ask("GET", INCIDENTS, &["Authorization: Bearer tw_guess", &client, "X-Forwarded-Proto: https"]),
            401,
        );
    }
    assert_eq!(town.keys.records.lock().unwrap().len(), 60);
}

#[test]
fn a_store_that_cannot_be_read_is_no_refusal() {
    let town = Town::new();
    town.keys.lever.broken.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        let reply = town.ask("GET", INCIDENTS, &[EDITOR]);
        assert_eq!(reply.header("retry-after"), Some("5"));
        assert!(!refused(&reply, 503).contains("disk"), "what the store said is for the log");
    }
    town.keys.lever.broken.store(false, Ordering::SeqCst);
    assert_eq!(town.ask("GET", INCIDENTS, &[EDITOR]).status, 200, "nobody was counted as failed");
    refused(&town.ask("GET", INCIDENTS, &["Authorization: Bearer tw_panic"]), 503);
    assert_eq!(town.ask("GET", INCIDENTS, &[EDITOR]).status, 200);
}

#[test]
fn paths_and_methods_are_those_of_the_interface() {
    let town = Town::new();
    for (method, path, allow) in [
        ("DELETE", "/incidents", "GET, HEAD, POST"),
        ("POST", "/incidents/i1", "GET, HEAD, PATCH"),
        ("GET", "/incidents/i1/updates", "POST"),
        ("GET", "/components/x/local", "PUT, DELETE"),
        ("POST", "/audit", "GET, HEAD"),
        ("TRACE", "/incidents", "GET, HEAD, POST"),
        ("BREW", "/incidents", "GET, HEAD, POST"),
        ("get", "/incidents", "GET, HEAD, POST"),
    ] {
        let reply = town.ask(method, &format!("/api/v1/admin{path}"), &[ADMIN]);
        refused(&reply, 405);
        assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
    }
    for (path, status) in [
        ("", 404),
        ("/", 404),
        ("/nothing", 404),
        ("/incidents/", 404),
        ("/incidents.json", 404),
        ("//incidents", 404),
        ("/../summary", 404),
        ("/./incidents", 404),
        ("/incidents/..", 404),
        ("/incidents/%2e%2e", 404),
        ("/incidents%2fi1", 404),
        ("/incidents/a%5cb", 404),
        ("/incidents/%00", 400),
        ("/incidents/%ff", 400),
        ("/incidents/%zz", 400),
    ] {
        refused(&town.ask("GET", &format!("/api/v1/admin{path}"), &[ADMIN]), status);
    }
    refused(&town.ask("GET", &format!("{INCIDENTS}/{}", "a".repeat(2000)), &[ADMIN]), 414);
    refused(&town.ask("GET", &format!("{INCIDENTS}?{}", "a".repeat(2000)), &[ADMIN]), 414);
    assert_eq!(town.count(), 0);
    assert_eq!(town.ask("GET", "/api/v1/admin/incidents/i%31", &[ADMIN]).status, 200);
    assert_eq!(town.last().path, "/incidents/i1");
    // Other spellings are none of the editors', and the public reads only.
    for path in ["/api/v1/%61dmin/incidents", "/api/v1/administration", "/en/api/v1/admin/incidents", "/en/admin"] {
        assert_eq!(town.ask("GET", path, &[ADMIN]).status, 404, "{path}");
        assert_eq!(town.ask("POST", path, &[ADMIN]).status, 405, "{path}");
    }
    let reply = town.ask("POST", "/doc", &[ADMIN]);
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(town.ask("GET", "/doc", &[]).header("access-control-allow-origin"), Some("*"));
}

#[test]
fn a_query_that_makes_no_sense_does_nothing() {
    let town = Town::new();
    for query in ["dry_run", "dry_run=yes", "dryrun=true", "dry_run=true&dry_run=false", "limit=3", "%ff=1"] {
        refused(&town.send("POST", &format!("{INCIDENTS}?{query}"), &[ADMIN, JSON], b"{}"), 400);
    }
    assert_eq!(town.count(), 0);
}

#[test]
fn browsers_and_the_open_road_are_refused_before_the_token_is_looked_at() {
    let town = Town::new();
    for header in [
        "Origin: https://evil.example",
        "Origin: null",
        "Origin: http://localhost",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Proto: https, http",
    ] {
        refused(&town.ask("GET", INCIDENTS, &[ADMIN, header]), 403);
        refused(&town.send("POST", INCIDENTS, &[ADMIN, JSON, header], b"{}"), 403);
    }
    assert_eq!((town.count(), town.keys.look_ups.load(Ordering::SeqCst)), (0, 0));
    let preflight = ["Origin: https://evil.example", "Access-Control-Request-Method: POST"];
    for headers in [&preflight[..], &[], &[ADMIN]] {
        let reply = town.ask("OPTIONS", INCIDENTS, headers);
        refused(&reply, 405);
        assert_eq!(reply.header("allow"), Some("GET, HEAD, POST"));
    }
    refused(&town.ask("OPTIONS", "/api/v1/admin/nothing", &[]), 404);
    for header in ["Sec-Fetch-Site: none", "X-Forwarded-Proto: https"] {
        assert_eq!(town.ask("GET", INCIDENTS, &[ADMIN, header]).status, 200, "{header}");
    }
}

#[test]
fn hosts_that_are_not_ours_and_organisations_own_know_no_editors() {
    let mut config = config();
    config.public_url = "https://status.example.org".to_owned();
    config.hosts = vec![("status.hattingen.example".to_owned(), Some("hattingen".to_owned()))];
    let town = Town::with(config, |_| {});
    let ask = |method: &str, host: &str| town.ask(method, INCIDENTS, &[ADMIN, &format!("Host: {host}")]);
    assert_eq!(ask("GET", "status.example.org").status, 200);
    for method in ["GET", "POST", "OPTIONS"] {
        refused(&ask(method, "status.hattingen.example"), 404);
        refused(&ask(method, "evil.example"), 421);
        refused(&ask(method, "a b"), 400);
    }
    let absolute = format!("http://evil.example{INCIDENTS}");
    refused(&town.ask("GET", &absolute, &[ADMIN, "Host: status.example.org"]), 421);
    assert_eq!(town.count(), 1);
}

#[test]
fn a_body_is_json_and_no_longer_than_it_may_be() {
    let town = Town::new();
    for content in [&[][..], &["Content-Type: text/plain"], &["Content-Type: application/x-www-form-urlencoded"]] {
        let fields = [&[ADMIN], content].concat();
        let reply = town.send("POST", INCIDENTS, &fields, b"{}");
        refused(&reply, 415);
        assert_eq!(reply.header("connection"), Some("close"));
    }
    refused(&town.send("POST", INCIDENTS, &[ADMIN, JSON, "Content-Encoding: gzip"], b"{}"), 415);
    let reply = town.ask("POST", INCIDENTS, &[ADMIN, JSON, &format!("Content-Length: {}", BODY_BYTES_MAX + 1)]);
    refused(&reply, 413);
    assert_eq!(reply.header("connection"), Some("close"));
    let reply = town.ask("POST", INCIDENTS, &[ADMIN, JSON, "Content-Length: 18446744073709551615"]);
    assert!([400, 413, 431].contains(&reply.status), "{reply:?}");
    refused(&town.ask("GET", INCIDENTS, &[ADMIN, JSON, "Content-Length: 2"]), 413);
    assert_eq!(town.count(), 0);

    // No body needs no type.
    assert_eq!(town.ask("POST", INCIDENTS, &[ADMIN]).status, 201);
    assert_eq!(town.ask("POST", INCIDENTS, &[ADMIN, "Content-Length: 0"]).status, 201);
    assert!(town.last().body.is_empty());
    // What is in it is not looked at here.
    let hostile = [&b"\xff\xfe\0{\"a\":\"\x1b]0;\r\n"[..], "x".repeat(1024 * 1024).as_bytes()].concat();
    assert_eq!(town.send("POST", INCIDENTS, &[ADMIN, JSON], &hostile).status, 201);
    assert_eq!(town.last().body, hostile);
    let most = vec![b' '; BODY_BYTES_MAX];
    assert_eq!(town.send("POST", INCIDENTS, &[ADMIN, JSON], &most).status, 201);
    assert_eq!(town.last().body.len(), BODY_BYTES_MAX);
}

#[test]
fn a_body_may_come_in_chunks() {
    let town = Town::new();
    let head = format!("POST {INCIDENTS} HTTP/1.1\r\nHost: localhost\r\n{ADMIN}\r\n{JSON}\r\n");
    let mut client = town.world.connect();
    client.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
    client.send("1\r\n{\r\n");
    client.send("1;x=y\r\n}\r\n0\r\nTrailer: x\r\n\r\n");
    assert_eq!(client.reply(false).unwrap().status, 201);
    assert_eq!(town.last().body, b"{}");
    // Of a client that waits to be asked for it.
    client.send(format!("{head}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    assert_eq!(client.reply(true).unwrap().status, 100);
    client.send("{}");
    assert_eq!(client.reply(false).unwrap().status, 201);

    // One that does not end.
    let mut endless = town.world.connect();
    endless.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
    let chunk = [&b"10000\r\n"[..], &[b' '; 0x1_0000], b"\r\n"].concat();
    let sent = (0..100).take_while(|_| endless.try_send(&chunk)).count();
    assert!(sent >= 30, "{sent}");
    // Its last chunks may be on their way when the server closes.
    assert!(endless.reply(false).is_none_or(|reply| reply.status == 413));

    let mut broken = town.world.connect();
    broken.send(format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n"));
    refused(&broken.reply(false).unwrap(), 400);
    let mut leaving = town.world.connect();
    leaving.send(format!("{head}Content-Length: 5\r\n\r\n{{"));
    leaving.half_close();
    assert!(leaving.reply(false).is_none_or(|reply| reply.status == 400));
    assert_eq!(town.count(), 2);
}

#[test]
fn a_slow_body_is_not_waited_for() {
    let mut config = config();
    config.header_timeout = Duration::from_millis(150);
    config.idle_timeout = Duration::from_millis(400);
    let town = Town::with(config, |_| {});
    let head =
        format!("POST {INCIDENTS} HTTP/1.1\r\nHost: localhost\r\n{ADMIN}\r\n{JSON}\r\nContent-Length: 1000\r\n\r\n");
    let mut silent = town.world.connect();
    silent.send(&head);
    let reply = silent.reply(false).unwrap();
    refused(&reply, 408);
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(silent.is_closed());
    // A byte now and then does not help.
    let mut dripping = town.world.connect();
    dripping.send(&head);
    while dripping.try_send("x") {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(town.count(), 0);
    until(|| (town.world.metrics.http_connections.get() == 0).then_some(()));
}

#[test]
fn a_repeated_request_is_answered_as_it_was_and_not_carried_out_again() {
    let town = Town::new();
    let ask = |headers: &[&str], query: &str, body: &[u8]| {
        let fields = [&[JSON], headers].concat();
        town.send("POST", &format!("{INCIDENTS}{query}"), &fields, body)
    };
    let key = "Idempotency-Key: 4711";
    assert_eq!(ask(&[ADMIN, key], "", b"{}").status, 201);
    town.keep(&reply(201, &[("etag", "\"1\""), ("access-control-allow-origin", "*")], "{\"kept\":true}"));
    let again = ask(&[ADMIN, key], "", b"{}");
    assert_eq!((again.status, again.text()), (201, "{\"kept\":true}"));
    assert_eq!((again.header("etag"), again.header("idempotency-replayed")), (Some("\"1\""), Some("true")));
    assert_eq!(again.header("content-type"), Some("application/json"));
    bare(&again);
    assert_eq!(ask(&[ADMIN, key], "?dry_run=false", b"{}").status, 201);
    assert_eq!(town.count(), 1);
    // Another request under the same key.
    refused(&ask(&[ADMIN, key], "", b"{ }"), 422);
    refused(&ask(&[ADMIN, key], "?dry_run=true", b"{}"), 422);
    refused(&town.send("PATCH", "/api/v1/admin/incidents/i1", &[ADMIN, JSON, key], b"{}"), 422);
    assert_eq!(town.count(), 1);
    // Another key, another token.
    assert_eq!(ask(&[ADMIN, "Idempotency-Key: 4712"], "", b"{}").status, 201);
    assert_eq!(ask(&[EDITOR, key], "", b"{}").status, 201);
    assert_eq!(town.count(), 3);
    // A refusal is kept as one.
    town.keep(&reply(409, &[], "{\"status\":409}"));
    let again = ask(&[EDITOR, key], "", b"{}");
    assert_eq!((again.status, again.header("content-type")), (409, Some("application/problem+json")));
}

#[test]
fn a_key_is_short_and_visible() {
    let town = Town::new();
    let ask = |key: &str| town.send("POST", INCIDENTS, &[ADMIN, JSON, &format!("Idempotency-Key: {key}")], b"{}");
    for key in ["", "a b", "ä", "a\tb", &"k".repeat(256)] {
        refused(&ask(key), 400);
    }
    let twice = ["Idempotency-Key: a", "Idempotency-Key: b", ADMIN, JSON];
    refused(&town.send("POST", INCIDENTS, &twice, b"{}"), 400);
    refused(&town.send("POST", INCIDENTS, &["If-Match: \"a\"", "If-Match: \"b\"", ADMIN, JSON], b"{}"), 400);
    refused(&town.send("POST", INCIDENTS, &[&format!("If-Match: {}", "x".repeat(2000)), ADMIN, JSON], b"{}"), 400);
    assert_eq!(town.count(), 0);
    assert_eq!(ask(&"k".repeat(255)).status, 201);
    assert_eq!(ask("\"8e03978e-40d5\"").status, 201);
    assert_eq!(town.last().idempotency_key.as_deref(), Some("\"8e03978e-40d5\""));
}

#[test]
fn a_request_without_a_reply_holds_its_key_until_there_is_one() {
    let mut config = config();
    config.reply_timeout = Duration::from_millis(100);
    let town = Town::with(config, |_| {});
    let ask = || {
        let fields = [ADMIN, JSON, "Idempotency-Key: once"];
        town.send("PATCH", "/api/v1/admin/incidents/held", &fields, b"{}")
    };
    let first = ask();
    let detail = refused(&first, 503);
    assert!(detail.contains("may have been carried out") && detail.contains("Idempotency-Key"), "{detail}");
    assert_eq!(first.header("retry-after"), Some("5"));
    let second = ask();
    refused(&second, 409);
    assert_eq!((second.header("retry-after"), town.count()), (Some("1"), 1));
    // The loop replies late, and the store has it.
    let late = reply(200, &[], "{\"late\":true}");
    town.keep(&late);
    town.release(&late);
    let third = until(|| Some(ask()).filter(|reply| reply.status != 409));
    assert_eq!((third.status, third.text(), town.count()), (200, "{\"late\":true}", 1));
    // Without a key it is asked again; a loop that drops it has not replied either.
    refused(&town.send("PATCH", "/api/v1/admin/incidents/held", &[ADMIN, JSON], b"{}"), 503);
    assert_eq!(town.count(), 2);
    let mut client = town.world.connect();
    send(&mut client, "PATCH", "/api/v1/admin/incidents/held", &[ADMIN, JSON], b"{}");
    until(|| (town.count() == 3).then_some(()));
    town.held.lock().unwrap().clear();
    refused(&client.reply(false).unwrap(), 503);
}

#[test]
fn who_leaves_keeps_the_key_as_well() {
    let town = Town::new();
    let fields = [ADMIN, JSON, "Idempotency-Key: left"];
    let mut leaving = town.world.connect();
    send(&mut leaving, "PATCH", "/api/v1/admin/incidents/held", &fields, b"{}");
    until(|| (town.count() == 1).then_some(()));
    drop(leaving);
    until(|| (town.world.metrics.http_connections.get() == 0).then_some(()));
    refused(&town.send("PATCH", "/api/v1/admin/incidents/held", &fields, b"{}"), 409);
    assert_eq!(town.count(), 1);
}

#[test]
fn a_desk_that_is_full_or_gone_is_said_at_once() {
    let (full, _waiting) = mpsc::channel::<Asked>(1);
    let (gone, ended) = mpsc::channel::<Asked>(1);
    drop(ended);
    let town = Town::with(config(), |admin| admin.desk = gone);
    let reply = town.send("POST", INCIDENTS, &[ADMIN, JSON], b"{}");
    assert!(refused(&reply, 503).contains("stopping"));

    let mut config = config();
    config.reply_timeout = Duration::from_millis(50);
    let town = Town::with(config, |admin| admin.desk = full);
    refused(&town.send("POST", INCIDENTS, &[ADMIN, JSON], b"{}"), 503);
    let reply = town.send("POST", INCIDENTS, &[ADMIN, JSON], b"{}");
    assert!(refused(&reply, 503).contains("Nothing was changed"));
    assert_eq!(reply.header("retry-after"), Some("2"));
}

#[test]
fn no_more_than_so_many_at_a_time() {
    let town = Town::new();
    let path = "/api/v1/admin/incidents/held";
    let waiting: Vec<_> = (0..64)
        .map(|_| {
            let mut client = town.world.connect();
            send(&mut client, "PATCH", path, &[ADMIN, JSON], b"{}");
            client
        })
        .collect();
    until(|| (town.count() == 64).then_some(()));
    let busy = town.ask("GET", INCIDENTS, &[ADMIN]);
    refused(&busy, 503);
    assert_eq!(busy.header("retry-after"), Some("2"));
    assert_eq!(town.ask("GET", "/doc", &[]).status, 200, "the public does not notice");
    let done = reply(200, &[], "{}");
    for _ in 0..64 {
        town.release(&done);
    }
    for mut client in waiting {
        assert_eq!(client.reply(false).unwrap().status, 200);
    }
    assert_eq!(town.ask("GET", INCIDENTS, &[ADMIN]).status, 200);
}

#[test]
fn a_slow_store_is_asked_by_two_at_a_time_and_delays_nobody_else() {
    let town = Town::new();
    town.keys.lever.hold(true);
    let mut clients: Vec<_> = (0..20).map(|_| town.world.connect()).collect();
    for client in &mut clients {
        client.send(format!("GET {INCIDENTS} HTTP/1.1\r\nHost: localhost\r\n{ADMIN}\r\n\r\n"));
    }
    until(|| (town.keys.lever.inside.load(Ordering::SeqCst) == 2).then_some(()));
    assert_eq!(town.ask("GET", "/doc", &[]).status, 200);
    assert_eq!(town.ask("GET", "/metrics", &[]).status, 200);
    town.keys.lever.hold(false);
    for client in &mut clients {
        assert_eq!(client.reply(false).unwrap().status, 200);
    }
    assert_eq!(town.keys.lever.most_inside.load(Ordering::SeqCst), 2);
}

#[test]
fn after_ten_failed_attempts_an_address_waits() {
    let proxies = |admin: &mut Admin| admin.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let town = Town::with(config(), proxies);
    let ask = |token: &str, client: &str| {
        let (bearer, client) = (format!("Authorization: Bearer {token}"), format!("X-Forwarded-For: {client}"));
        town.ask("GET", INCIDENTS, &[&bearer, &client, "X-Forwarded-Proto: https"])
    };
    assert_eq!(ask("tw_editor", "192.0.2.1").status, 200);
    for number in 0..10 {
        refused(&ask(&format!("tw_guess{number}"), "192.0.2.1"), 401);
    }
    let before = town.keys.look_ups.load(Ordering::SeqCst);
    let reply = ask("tw_guess", "203.0.113.7, 192.0.2.1");
    refused(&reply, 429);
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    refused(&ask("tw_admin", "192.0.2.1"), 429);
    assert_eq!(town.keys.look_ups.load(Ordering::SeqCst), before, "nothing is looked up");
    assert_eq!(ask("tw_editor", "192.0.2.1").status, 200, "who got in lately");
    assert_eq!(ask("tw_admin", "192.0.2.2").status, 200, "another address");
    refused(&town.ask("GET", INCIDENTS, &["X-Forwarded-For: 192.0.2.1"]), 401);
}

#[test]
fn a_client_that_names_itself_is_not_believed() {
    let town = Town::new();
    for number in 0..10 {
        let itself = format!("X-Forwarded-For: 192.0.2.{number}");
        refused(&town.ask("GET", INCIDENTS, &["Authorization: Bearer tw_guess", &itself]), 401);
    }
    let reply = town.ask("GET", INCIDENTS, &["Authorization: Bearer tw_guess", "X-Forwarded-For: 192.0.2.99"]);
    refused(&reply, 429);
}

#[test]
fn only_an_admin_of_all_reads_the_audit_log() {
    let town = Town::new();
    let path = "/api/v1/admin/audit";
    let page = town.ask("GET", path, &[ADMIN]);
    assert_eq!((page.status, page.header("content-type")), (200, Some("application/json")));
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&page.body).unwrap()["audit"][0]["number"], 7);
    bare(&page);
    assert_eq!(town.ask("HEAD", &format!("{path}?limit=500&before=9"), &[ADMIN]).status, 200);
    refused(&town.ask("GET", path, &[EDITOR]), 403);
    for query in ["limit=0", "limit=501", "limit=x", "before=-1", "before=x", "after=1", "limit=1&limit=2"] {
        refused(&town.ask("GET", &format!("{path}?{query}"), &[ADMIN]), 400);
    }
    assert_eq!(*town.keys.audits.lock().unwrap(), [(None, 100), (Some(9), 500)]);
    assert_eq!(town.count(), 0, "the loop is not asked");
}

#[test]
fn a_listener_of_their_own_is_the_only_one() {
    let mut config = config();
    config.hosts = vec![("status.hattingen.example".to_owned(), Some("hattingen".to_owned()))];
    let town = Town::with(config, |admin| admin.listen = Some("127.0.0.1:0".parse().unwrap()));
    for (method, path) in [("GET", INCIDENTS), ("POST", INCIDENTS), ("OPTIONS", INCIDENTS), ("GET", "/api/v1/admin")] {
        refused(&town.ask(method, path, &[ADMIN]), 404);
    }
    assert_eq!((town.count(), town.keys.look_ups.load(Ordering::SeqCst)), (0, 0));
    let address = town.world.server.admin_addr().expect("a listener");
    let ask = |method: &str, path: &str, headers: &[&str]| Client::to(address).ask(method, path, headers);
    assert_eq!(ask("GET", INCIDENTS, &[ADMIN]).status, 200);
    assert_eq!(ask("GET", INCIDENTS, &[ADMIN, "Host: 10.0.0.5:8081"]).status, 200, "machines ask by address");
    refused(&ask("GET", INCIDENTS, &[ADMIN, "Host: status.hattingen.example"]), 404);
    refused(&ask("GET", INCIDENTS, &[]), 401);
    // There is nothing else.
    for path in ["/doc", "/", "/healthz", "/readyz", "/metrics"] {
        let reply = ask("GET", path, &[]);
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (404, None), "{path}");
    }
    assert_eq!(ask("OPTIONS", "/doc", &[]).status, 405);
    assert_eq!(town.ask("GET", "/metrics", &[]).status, 200);
    assert_eq!(World::new().server.admin_addr(), None);
}

#[test]
fn without_editors_nothing_is_as_if_there_were() {
    let world = World::new();
    let reply = world.get(INCIDENTS, &[ADMIN]);
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (404, Some("*")));
    assert_eq!(world.connect().ask("POST", INCIDENTS, &[ADMIN]).status, 405);
}

#[test]
fn editors_are_counted_under_one_word() {
    let town = Town::new();
    town.ask("GET", INCIDENTS, &[ADMIN]);
    town.ask("GET", "/api/v1/admin/maintenance", &[ADMIN]);
    town.ask("GET", "/api/v1/admin/canary", &[ADMIN]);
    town.ask("GET", INCIDENTS, &[]);
    let mut text = Vec::new();
    town.world.metrics.write(&mut text);
    let text = String::from_utf8(text).unwrap();
    for (code, count) in [("200", 2), ("401", 1), ("404", 1)] {
        let line = format!("turmwacht_http_requests_total{{code=\"{code}\",route=\"admin\"}} {count}\n");
        assert!(text.contains(&line), "{line} in {text}");
    }
    assert!(!text.contains("canary"));
}

#[test]
fn huge_heads_are_refused_here_too() {
    let town = Town::new();
    for (headers, status) in [
        (vec![format!("Authorization: Bearer {}", "a".repeat(8_000))], 401),
        (vec![format!("Authorization: Bearer {}", "a".repeat(20_000))], 431),
        (vec!["X: y".to_owned(); 150], 431),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert_eq!(town.ask("GET", INCIDENTS, &headers).status, status);
    }
    let mut client = town.world.connect();
    client.send(b"GET /api/v1/admin/incidents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n");
    refused(&client.reply(false).unwrap(), 401);
    let mut client = town.world.connect();
    client.send(b"GET /api/v1/admin/incidents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\0b\r\n\r\n");
    assert_eq!(client.reply(false).unwrap().status, 400);
}

#[test]
fn the_hash_of_a_request_is_that_of_every_release() {
    let request = AdminRequest {
        editor: Editor { token: "a".to_owned(), label: String::new(), role: Role::Admin, organisations: Vec::new() },
        method: "POST".to_owned(),
        path: "/incidents".to_owned(),
        dry_run: false,
        if_match: None,
        idempotency_key: Some("k".to_owned()),
        body: b"{}".to_vec(),
    };
    let hash = |request: &AdminRequest| data_encoding::HEXLOWER.encode(&request.hash());
    // Worked out by another program from the description.
    assert_eq!(hash(&request), "8e07a338e74ab49590cc6fe906907a09db3dd3d73ec1640e7ac53ae05d9975ed");
    let other = |change: fn(&mut AdminRequest)| {
        let mut other = request.clone();
        change(&mut other);
        hash(&other)
    };
    for same in [other(|r| r.if_match = Some("x".to_owned())), other(|r| r.editor.token = "b".to_owned())] {
        assert_eq!(same, hash(&request));
    }
    let others = [
        other(|r| r.dry_run = true),
        other(|r| r.method = "PUT".to_owned()),
        other(|r| r.path.push('{')),
        other(|r| r.body = b"}".to_vec()),
    ];
    for one in others {
        assert_ne!(one, hash(&request));
    }
}

/// All that the program logs, whatever its level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_of_a_request_gets_into_the_log_or_into_a_refusal() {
    static LOG: OnceLock<Log> = OnceLock::new();
    let log = LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        let level = tracing_subscriber::filter::LevelFilter::TRACE;
        let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(move || writer.clone());
        tracing::subscriber::set_global_default(subscriber.finish()).expect("no other test has a log");
        log
    });
    let town = Town::new();
    let canary = "c4n4ry";
    let bearer = format!("Authorization: Bearer tw_{canary}_secret");
    let mut replies = vec![
        town.ask("GET", INCIDENTS, &[&bearer]),
        town.ask("GET", &format!("{INCIDENTS}?token={canary}"), &[ADMIN]),
        town.ask("GET", &format!("/api/v1/admin/{canary}"), &[ADMIN]),
        town.ask("BREW", &format!("/api/v1/admin/incidents/{canary}"), &[ADMIN]),
        town.send("POST", INCIDENTS, &[ADMIN, &format!("Content-Type: {canary}")], canary.as_bytes()),
        town.send("POST", INCIDENTS, &[ADMIN, JSON, &format!("Idempotency-Key: {canary} {canary}")], b"{}"),
        town.ask("GET", INCIDENTS, &[ADMIN, &format!("Origin: {canary}")]),
        town.ask("GET", INCIDENTS, &[ADMIN, &format!("Host: {canary}")]),
    ];
    replies.extend(entry::replies_to(&town, canary));
    town.keys.lever.broken.store(true, Ordering::SeqCst);
    replies.push(town.ask("GET", INCIDENTS, &[&bearer]));
    for reply in &replies {
        assert!(reply.status >= 400 && !reply.head.contains(canary) && !reply.text().contains(canary), "{reply:?}");
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("the store cannot be used: the disk is gone"), "{text}");
    assert!(!text.contains(canary), "{text}");
}
