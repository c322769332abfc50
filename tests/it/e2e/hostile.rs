//! Hostile targets against the whole program: what they write is shown and moves nothing, and what they
//! ask for is heard.

use std::io::{Read, Write};
use std::net::TcpStream;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::rdata::TXT;

use super::program::{Place, Program};
use super::reference;
use crate::desk::running::Browser;
use crate::probe::dns::NameServer;
use crate::probe::server::{Server, answer, send};
use crate::probe::tls::Authority;

/// Moves the cursor, ends lines, turns the writing direction, sets a window's title.
const ESCAPE: &str = "x\u{1b}]0;y\u{7}\u{1b}[2J";
const CONTROL: &str = "x\u{9b}31m\u{85}y\u{202e}z\u{2028}w\u{feff}";

/// As every text of ours shows it.
const ESCAPE_SHOWN: &str = r"x\u{1b}]0;y\u{7}\u{1b}[2J";
const CONTROL_SHOWN: &str = r"x\u{9b}31m\u{85}y\u{202e}z\u{2028}w\u{feff}";

/// A town whose only component is checked so.
fn town(checks: &[(&str, String)]) -> String {
    let mut text = "[[organisation]]\nid = \"teststadt\"\nkind = \"municipality\"\nname = \"Teststadt\"\n\
                    ars = \"059540016016\"\n[[component]]\nid = \"portal\"\nname = \"Portal\"\nkind = \"portal\"\n\
                    owner = \"teststadt\"\n"
        .to_owned();
    for (id, keys) in checks {
        text.push_str(&format!("[[component.check]]\nid = \"{id}\"\n{keys}\n"));
    }
    text
}

fn token(place: &Place) -> String {
    let made = place.run(&["token", "new", "--role", "admin"]);
    made.stdout.split_whitespace().last().unwrap_or_else(|| panic!("{made:?}")).to_owned()
}

/// A page of the editors' interface.
fn admin(program: &Program, token: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(program.address()).unwrap();
    let host = program.address();
    write!(
        stream,
        "GET /api/v1/admin{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// Targets that write [`ESCAPE`] or [`CONTROL`] wherever they may.
fn hostile_checks(authority: &Authority) -> Vec<(&'static str, String)> {
    let http = |server: &Server, expect: &str| {
        format!("probe.http = {{ url = \"http://{}/\" }}\nexpect = {{ {expect} }}", server.address)
    };
    let answering = |headers: String, body: &str| Server::answering(answer("200 OK", &headers, body));
    let banner = Server::raw(|mut stream| send(&mut stream, format!("{ESCAPE}{CONTROL}\r\n").as_bytes()));
    let names = NameServer::kept_for(30, |_, _| {
        let texts = vec![ESCAPE.to_owned(), CONTROL.to_owned(), "\r\nINFO fake line".to_owned()];
        Some((ResponseCode::NoError, vec![RData::TXT(TXT::new(texts))]))
    });
    let away = answer("302 Found", &format!("Location: /{CONTROL}?{CONTROL}\r\n"), "");
    let redirecting = Server::http(move |stream, head| {
        let first = head.starts_with("GET / ");
        send(stream, if first { &away } else { b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" });
    });
    let named = authority.site_named(&format!("{ESCAPE}{CONTROL}\r\nINFO fake line"), "other\u{1b}[2J\r\n.test");
    vec![
        ("kopf", http(&answering(format!("X-Turm: {CONTROL}\r\n"), "ok"), "headers = { X-Turm = \"^ok$\" }")),
        ("esc", http(&answering(format!("X-Turm: {ESCAPE}\r\n"), "ok"), "status = 200")),
        ("zeile", http(&Server::answering(format!("HTTP/1.1 200 {ESCAPE}\r\n\r\n")), "status = 200")),
        (
            "kodiert",
            http(&answering(format!("Content-Encoding: {CONTROL}\r\n"), "x"), "body_contains = [\"Anmelden\"]"),
        ),
        ("json", http(&answering(String::new(), &format!("{{\"a\":\"{CONTROL}\"}}")), "json = { \"$.a\" = 1 }")),
        ("weiter", http(&redirecting, "status = 200")),
        ("zert", format!("probe.tls = {{ address = \"{}\", server_name = \"portal.test\" }}", named.address)),
        ("gruss", format!("probe.tcp = {{ address = \"{}\", expect = \"^220\" }}", banner.address)),
        (
            "txt",
            format!(
                "probe.dns = {{ name = \"x.test\", type = \"TXT\", resolver = \"{}\" }}\nexpect = {{ records = [\"ok\"] }}",
                names.address
            ),
        ),
    ]
}

#[track_caller]
fn assert_moves_nothing(what: &str, text: &str) {
    let moves = |c: &char| {
        c.is_control() && *c != '\n'
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if let Some(found) = text.chars().find(moves) {
        panic!("{what} holds {found:?}:\n{}", text.escape_debug());
    }
    let own_line = text.lines().find(|line| line.trim_start().starts_with("INFO fake line"));
    assert_eq!(own_line, None, "{what} holds a line of the target's own");
}

#[test]
fn what_targets_write_moves_no_cursor_and_makes_no_line_wherever_it_is_shown() {
    let authority = Authority::new("Turmwacht-Test");
    let checks = hostile_checks(&authority);
    let place = Place::new(reference().address, &town(&checks));
    let ca = format!("[probing]\nextra_ca = [\"{}\"]\n", authority.file.display());
    let config = std::fs::read_to_string(place.path("config.toml")).unwrap().replace("[probing]\n", &ca);
    place.write("config.toml", &config);
    let token = token(&place);
    let program = place.serve();
    program.until("every one of them has failed", |program| {
        checks.iter().all(|(id, _)| program.log().contains(&format!("check `portal/{id}`:")))
    });
    let server = format!("http://{}", program.address());
    let variables = [("TURMWACHT_SERVER", server.as_str()), ("TURMWACHT_TOKEN", token.as_str())];
    let mut browser = Browser::signed_in(program.address(), &token);
    let shown = [
        ("check", place.run(&["check"]).stdout),
        ("check --debug", place.run(&["check", "--debug"]).stdout),
        ("check --json", place.run(&["check", "--json"]).stdout),
        ("the log", program.log()),
        ("the interface", admin(&program, &token, "/components/portal/probes")),
        ("component probes", place.run_with(&variables, &["component", "probes", "portal"]).stdout),
        ("component probes --json", place.run_with(&variables, &["component", "probes", "portal", "--json"]).stdout),
        ("the desk", browser.get("/admin/components/portal").body),
    ];
    for (what, text) in &shown {
        assert_moves_nothing(what, text);
        let text = text.replace(r"\\", r"\");
        assert!(text.contains(CONTROL_SHOWN), "{what} does not show what was there:\n{text}");
        assert!(text.contains(ESCAPE_SHOWN), "{what} does not show what was there:\n{text}");
    }
    for (what, text) in &shown[1..3] {
        let text = text.replace(r"\\", r"\");
        for there in ["CN=x", r"other\u{1b}[2J\u{d}\u{a}.test", r"\u{d}\u{a}INFO fake line", "%E2%80%AE"] {
            assert!(text.contains(there), "{what} lacks {there}:\n{text}");
        }
    }
    // And the public reads none of it.
    for path in ["/", "/teststadt", "/teststadt/portal", "/api/v1/components/portal", "/feed.atom", "/metrics"] {
        let page = program.get(path);
        assert_moves_nothing(path, &page);
        assert!(!page.contains("31m") && !page.contains("fake line"), "{path}: {page}");
    }
}

#[test]
fn a_target_that_says_when_to_come_back_is_left_alone_but_by_hand() {
    let busy = Server::answering(answer("503 Service Unavailable", "Retry-After: 120\r\n", "Wartung"));
    let well = Server::answering(answer("200 OK", "", "da"));
    let check = |server: &Server| format!("probe.http = {{ url = \"{}\" }}", server.url());
    let place = Place::new(reference().address, &town(&[("zu", check(&busy)), ("auf", check(&well))]));
    let program = place.serve();
    program.until("the other one was asked a dozen times", |_| well.visits() >= 12);
    assert_eq!(busy.visits(), 1, "a second apart, and after 100 ms for a failure, it would be as many");
    let by_hand = place.run(&["check", "portal/zu"]);
    assert!(by_hand.stdout.contains("HTTP status 503; it asks to be left alone for 2m"), "{by_hand:?}");
    assert_eq!(busy.visits(), 2);
    // Nobody's environment leads a probe elsewhere.
    let canary = Server::answering(answer("200 OK", "", "da"));
    let proxy = canary.url();
    let variables = ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"].map(|name| (name, proxy.as_str()));
    assert!(place.run_with(&variables, &["check", "portal/auf"]).stdout.contains("status 200"));
    assert_eq!(canary.visits(), 0);
    let seen: serde_json::Value = serde_json::from_str(&place.run(&["check", "--json", "portal/zu"]).stdout).unwrap();
    assert_eq!(seen["http"]["retry_after"], 120.0);
    assert_eq!(program.json("/api/v1/incidents")["incidents"], serde_json::json!([]), "one failure is none yet");
}

/// What nests or repeats without end, in every place of a probe file where it could: the words of the fault.
fn bottomless() -> Vec<(&'static str, String, &'static str)> {
    let check = |keys: &str| town(&[("a", format!("probe.http = {{ url = \"http://127.0.0.1:1/\" }}\n{keys}"))]);
    let matching = |pattern: &str| check(&format!("expect = {{ body_matches = ['{pattern}'] }}"));
    let selecting = |path: &str| check(&format!("expect = {{ json = {{ '{path}' = 1 }} }}"));
    let repeated = |open: &str, count: usize| open.repeat(count);
    let filters = |count: usize| format!("$[?{}@.a{}]", repeated("(", count), repeated(")", count));
    let negated = |count: usize| format!("$[?{}@.a]", repeated("!(", count));
    let nested = |count: usize| format!("$[?{}1=={}]", repeated("length(", count), repeated(")", count));
    let queries = |count: usize| format!("${}{}", repeated("[?@", count), repeated("]", count));
    let deep = 100_000;
    vec![
        ("groups", matching(&repeated("(", 600)), "regular expression"),
        ("groups, long", matching(&repeated("(", deep)), "regular expression"),
        ("groups, closed", matching(&format!("{}{}", repeated("(", 900), repeated(")", 900))), "regular expression"),
        ("classes", matching(&repeated("[", 600)), "regular expression"),
        ("classes, closed", matching(&format!("{}a{}", repeated("[", 900), repeated("]", 900))), "regular expression"),
        ("repetitions", matching("((((a{50}){50}){50}){50}){50}"), "regular expression"),
        ("repeated repetitions", matching(&format!("a{}", repeated("*", 1900))), "regular expression"),
        (
            "header",
            check(&format!("expect = {{ headers = {{ X-A = '{}' }} }}", repeated("(", 600))),
            "regular expression",
        ),
        ("brackets of a path", selecting(&format!("${}", repeated("[", 400))), "JSONPath"),
        ("a long path", selecting(&format!("${}", repeated("..*", deep))), "JSONPath"),
        ("parentheses of a filter", selecting(&filters(240)), "nested more than 8 deep"),
        ("parentheses of a filter, open", selecting(&format!("$[?{}", repeated("(", 490))), "JSONPath"),
        ("negations of a filter", selecting(&negated(240)), "nested more than 8 deep"),
        ("functions in a filter", selecting(&nested(50)), "nested more than 8 deep"),
        ("filters in a filter", selecting(&queries(100)), "nested more than 8 deep"),
        ("lists", format!("x = {}", repeated("[", deep)), "TOML"),
        ("tables", format!("x = {}", repeated("{a=", deep)), "TOML"),
        ("dotted keys", format!("x{} = 1", repeated(".a", deep)), "TOML"),
        ("headers of tables", format!("[x{}]", repeated(".a", deep)), "TOML"),
        (
            "a JSON value",
            selecting("$.a").replace("= 1 }", &format!("= {}1{} }}", repeated("[", 900), repeated("]", 900))),
            "TOML",
        ),
    ]
}

/// The catalogue is read on the main thread at the start and on another at a reload.
#[test]
fn files_that_nest_without_end_are_faults_and_bring_nothing_down() {
    let well = Server::answering(answer("200 OK", "", "da"));
    let good = town(&[("auf", format!("probe.http = {{ url = \"{}\" }}", well.url()))]);
    let place = Place::new(reference().address, &good);
    let program = place.serve();
    for (what, file, words) in bottomless() {
        place.write("probes.toml", &file);
        let checked = place.run(&["config", "check"]);
        assert!(matches!(checked.code, Some(0 | 1)), "{what}: {:?} {}", checked.code, checked.stderr);
        assert!(checked.stderr.contains(words) && checked.stderr.len() < 200_000, "{what}: {}", checked.stderr);
        let turns = program.log().len();
        program.signal(rustix::process::Signal::HUP);
        program.until(&format!("it has read {what}"), |program| {
            program.try_get("/readyz").is_some() && program.log().len() > turns
        });
    }
    place.write("probes.toml", &good.replace("Teststadt", "Neustadt"));
    program.signal(rustix::process::Signal::HUP);
    program.until("it takes the next good file", |program| program.get("/teststadt").contains("Neustadt"));
}

/// The same of what other programs export.
#[test]
fn exports_that_nest_without_end_are_refused() {
    let deep = 100_000;
    let repeated = |open: &str| open.repeat(deep);
    let place = Place::new(reference().address, "");
    let monitor = |key: &str, text: &str| {
        format!(
            r#"{{"version":"1.23.0","monitorList":[{{"id":1,"name":"a","type":"json-query","url":"https://a.example/","{key}":{text}}}]}}"#
        )
    };
    let gatus =
        |condition: &str| format!("endpoints:\n- name: a\n  url: https://a.example/\n  conditions: ['{condition}']\n");
    let module = |pattern: &str| {
        format!("modules:\n  a:\n    prober: http\n    http:\n      fail_if_body_not_matches_regexp: ['{pattern}']\n")
    };
    for (program, file, text) in [
        ("uptime-kuma", "a.json", repeated("[")),
        ("uptime-kuma", "a.json", repeated("{\"a\":")),
        ("uptime-kuma", "a.json", monitor("jsonPath", &format!("\"{}\"", repeated("[")))),
        ("uptime-kuma", "a.json", monitor("jsonPath", &format!("\"${}\"", repeated("[?(")))),
        ("uptime-kuma", "a.json", monitor("headers", &format!("\"{}\"", repeated("[")))),
        ("gatus", "a.yaml", repeated("[")),
        ("gatus", "a.yaml", repeated("- ")),
        ("gatus", "a.yaml", repeated("{a: ")),
        ("gatus", "a.yaml", repeated("? ")),
        ("gatus", "a.yaml", gatus(&format!("[BODY]{} == 1", repeated(".a")))),
        ("gatus", "a.yaml", gatus(&format!("[BODY] == pat({})", repeated("*")))),
        ("gatus", "a.yaml", gatus(&format!("[BODY]{} == 1", repeated("[?(")))),
        ("blackbox", "a.yml", repeated("[")),
        ("blackbox", "a.yml", module(&repeated("("))),
        ("blackbox", "a.yml", module(&repeated("["))),
        ("open-pvog", "a.csv", repeated("\"")),
        ("open-pvog", "a.csv", format!("leika_key;leika_name;ars;url\n{}", repeated(";"))),
    ] {
        place.write(file, &text);
        let imported = place.run(&["import", program, file, "--organisation", "musterstadt"]);
        let head: String = text.chars().take(60).collect();
        assert!(matches!(imported.code, Some(0 | 1)), "{program} {head}: {:?} {}", imported.code, imported.stderr);
        assert!(!imported.stderr.contains("panicked") && !imported.stderr.is_empty(), "{program} {head}");
    }
}
