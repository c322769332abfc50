//! Signing in at an `OpenID` provider: npm's `oidc-provider` with its own pages, and one that lies. Both
//! are started by `tests/peers/oidc.mjs`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::e2e::program::{Place, Program, configuration};
use crate::e2e::town;
use crate::probe::server::closed_port;

/// The two providers. They end with their stdin.
struct Providers {
    child: Child,
    /// Kept, because they may have more to say.
    _out: BufReader<ChildStdout>,
    known: Value,
}

impl Drop for Providers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

impl Providers {
    fn start(redirect_uri: &str) -> Option<Self> {
        let found = Command::new("node")
            .args(["-e", "require.resolve('oidc-provider')"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("CI").is_none(), "npm's oidc-provider is missing, and CI needs it");
            eprintln!("skipped: npm's oidc-provider is not installed");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/oidc.mjs");
        let mut child = Command::new("node")
            .args([script, redirect_uri])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        Some(Self { child, _out: out, known: serde_json::from_str(&line).expect("a line of JSON") })
    }

    fn of(&self, name: &str) -> &str {
        self.known[name].as_str().unwrap()
    }
}

/// A program whose editors sign in at one of the providers.
struct Site {
    providers: Providers,
    program: Program,
    place: Place,
    url: String,
}

impl Site {
    fn new(which: &str) -> Option<Self> {
        // Known before it listens, because the provider wants to know.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let url = format!("http://{address}");
        let providers = Providers::start(&format!("{url}/admin/oidc/callback"))?;
        let place = Place::new(closed_port(), &town(closed_port()));
        place.write("oidc.secret", providers.of("secret"));
        let issuer = providers.of(which);
        let server = format!("[server]\npublic_url = \"{url}\"\ntrusted_proxies = [\"127.0.0.1\"]\n");
        let config = configuration(closed_port(), &address.to_string(), "turmwacht.db").replace("[server]\n", &server);
        let oidc = format!(
            r#"
[secrets.oidc]
file = "oidc.secret"
origins = ["{issuer}"]
[oidc]
issuer = "{issuer}"
client_id = "{client}"
client_secret = "oidc"
[[oidc.group]]
name = "editors"
role = "editor"
organisations = ["teststadt"]
[[oidc.group]]
name = "admins"
role = "admin"
"#,
            client = providers.of("client")
        );
        place.write("config.toml", &(config + &oidc));
        let program = place.serve();
        Some(Self { providers, program, place, url })
    }

    /// The entries of the audit log that the interface of editors made, oldest first: who, what, how it ended and
    /// the detail.
    fn audit(&self) -> Vec<(String, String, String, Value)> {
        let made = self.place.run(&["token", "new", "--role", "admin"]);
        let token = made.stdout.split_whitespace().last().unwrap().to_owned();
        let bearer = format!("Authorization: Bearer {token}");
        let reply = ask("GET", &format!("{}/api/v1/admin/audit?limit=500", self.url), &[&bearer], None);
        let page: Value = serde_json::from_str(&reply.body).unwrap();
        let mut entries: Vec<_> = page["audit"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["action"].as_str().is_some_and(|action| action.starts_with("sign")))
            .map(|entry| {
                let text = |name: &str| entry[name].as_str().unwrap().to_owned();
                (text("actor"), text("action"), text("outcome"), entry["detail"].clone())
            })
            .collect();
        entries.reverse();
        entries
    }
}

/// An answer.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    fn hidden(&self, name: &str) -> String {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\"")).expect("a hidden field");
        rest.split('"').next().unwrap().to_owned()
    }

    /// Where a page leads on to by itself.
    fn leads_to(&self) -> String {
        let (_, rest) = self.body.split_once("content=\"0; url=").unwrap_or_else(|| panic!("leads nowhere: {self:?}"));
        rest.split('"').next().unwrap().replace("&amp;", "&")
    }
}

/// HTTP/1.0: the answer is whole when the connection ends.
fn ask(method: &str, url: &str, headers: &[&str], form: Option<&[(&str, &str)]>) -> Reply {
    let rest = url.strip_prefix("http://").expect("an address of this machine");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let mut stream = TcpStream::connect(authority.parse::<SocketAddr>().unwrap()).unwrap();
    let mut request = format!("{method} {path} HTTP/1.0\r\nHost: {authority}\r\n");
    headers.iter().for_each(|line| request.push_str(&format!("{line}\r\n")));
    if let Some(form) = form {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = "Content-Type: application/x-www-form-urlencoded";
        request.push_str(&format!("{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    } else {
        request.push_str("\r\n");
    }
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

/// A browser: cookies by authority, and an address that a proxy names.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    number: u8,
}

impl Browser {
    fn ask(&mut self, method: &str, url: &str, more: &[&str], form: Option<&[(&str, &str)]>) -> Reply {
        let authority = url.split('/').nth(2).unwrap().to_owned();
        let jar = self.cookies.entry(authority).or_default();
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = format!("Cookie: {}", cookies.join("; "));
        let client = format!("X-Forwarded-For: 192.0.2.{}", self.number);
        let reply = ask(method, url, &[&[&cookies, client.as_str()], more].concat(), form);
        for cookie in reply.all("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let is_gone = cookie.contains("Max-Age=0") || cookie.contains("expires=Thu, 01 Jan 1970");
            if is_gone { drop(jar.remove(name)) } else { drop(jar.insert(name.to_owned(), value.to_owned())) }
        }
        reply
    }

    /// Begins a sign-in on this page of the desk; returns where it leads to.
    fn leave(&mut self, site: &Site, onward: &str) -> String {
        let page = self.ask("GET", &format!("{}{onward}", site.url), &[], None);
        assert!(page.body.contains("Mit dem Dienstkonto anmelden"), "{page:?}");
        let (csrf, onward) = (page.hidden("csrf"), page.hidden("onward"));
        let origin = format!("Origin: {}", site.url);
        let form = [("csrf", csrf.as_str()), ("onward", onward.as_str())];
        let reply = self.ask("POST", &format!("{}/admin/oidc", site.url), &[&origin], Some(&form));
        assert_eq!(reply.status, 200, "{reply:?}");
        let pending = reply.all("set-cookie").join("\n");
        assert!(
            pending.contains("__Host-turmwacht-oidc=") && pending.contains("SameSite=Lax; Max-Age=600"),
            "{pending}"
        );
        reply.leads_to()
    }

    /// Signs in on the pages of the honest provider; returns where it sends the browser back to.
    fn sign_in(&mut self, site: &Site, to: &str, name: &str) -> String {
        let mut to = to.to_owned();
        for _ in 0..12 {
            if to.starts_with(&site.url) {
                return to;
            }
            let reply = if to.contains("/interaction/") {
                let page = self.ask("GET", &to, &[], None);
                let prompt = page.hidden("prompt");
                let form = [("prompt", prompt.as_str()), ("login", name), ("password", "x")];
                self.ask("POST", &to, &[], Some(&form))
            } else {
                self.ask("GET", &to, &[], None)
            };
            let location =
                reply.all("location").first().unwrap_or_else(|| panic!("leads nowhere: {reply:?}")).to_string();
            to =
                if location.starts_with('/') { format!("{}{location}", site.providers.of("honest")) } else { location };
        }
        panic!("the provider goes round in circles");
    }

    /// The whole way; the last answer is that to the browser that comes back.
    fn whole_way(&mut self, site: &Site, name: &str) -> Reply {
        let to = self.leave(site, "/admin/incidents?x=1");
        let back = self.sign_in(site, &to, name);
        self.ask("GET", &back, &["Sec-Fetch-Site: cross-site"], None)
    }

    fn is_in(&mut self, site: &Site) -> Option<String> {
        let page = self.ask("GET", &format!("{}/admin/no-such-page", site.url), &[], None).body;
        let (_, rest) = page.split_once("/sign-out\"")?;
        let (_, rest) = rest.split_once("<span>")?;
        Some(rest.split('<').next().unwrap().to_owned())
    }
}

#[test]
fn editors_sign_in_at_a_provider_and_have_the_scope_of_their_groups() {
    let Some(site) = Site::new("honest") else { return };
    let mut browser = Browser::default();
    let reply = browser.whole_way(&site, "erika+editors.choir");
    assert_eq!(reply.status, 200, "{reply:?} {}", site.program.log());
    // No redirection, so that the strict cookie goes along.
    assert_eq!(reply.leads_to(), "/admin/incidents?x=1");
    let cookies = reply.all("set-cookie");
    assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-turmwacht=") && cookie.contains("SameSite=Strict")));
    assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-turmwacht-oidc=;") && cookie.contains("Max-Age=0")));
    assert_eq!(browser.is_in(&site).as_deref(), Some("Frau erika"));

    // The same way back a second time leads nowhere: the cookie is gone, and the code is used up.
    let to = browser.leave_again(&site);
    let back = browser.sign_in(&site, &to, "erika+editors.choir");
    assert_eq!(browser.ask("GET", &back, &[], None).status, 200);
    assert_eq!(browser.ask("GET", &back, &[], None).status, 403);

    let mut visitor = Browser { number: 1, ..Browser::default() };
    let reply = visitor.whole_way(&site, "otto+choir");
    assert_eq!(reply.status, 403);
    assert!(reply.body.contains("zu keiner Gruppe"), "{reply:?}");
    assert_eq!(visitor.is_in(&site), None);

    // The provider takes a new key.
    assert_eq!(ask("GET", &format!("{}/rotate", site.providers.of("honest")), &[], None).status, 200);
    // What was known of it is asked for again when a second has passed, which it has.
    let mut admin = Browser { number: 2, ..Browser::default() };
    assert_eq!(admin.whole_way(&site, "anna+admins").status, 200, "{}", site.program.log());
    assert_eq!(admin.is_in(&site).as_deref(), Some("Frau anna"));

    // What somebody typed whose session has ended waits until they are in again.
    let origin = format!("Origin: {}", site.url);
    let page = format!("{}/admin/no-such-page", site.url);
    let send = |browser: &mut Browser| browser.ask("POST", &page, &[&origin], Some(&[("text", "Wasser")]));
    let mut late = Browser { number: 3, ..Browser::default() };
    let reply = send(&mut late);
    assert!(reply.status == 403 && reply.hidden("text") == "Wasser", "{reply:?}");
    assert!(
        reply.body.contains("target=\"_blank\"") && reply.body.contains("action=\"/admin/no-such-page\""),
        "{reply:?}"
    );
    assert_eq!(late.whole_way(&site, "anna+admins").status, 200);
    let reply = send(&mut late);
    assert!(reply.body.contains("Noch einmal absenden") && reply.hidden("text") == "Wasser", "{reply:?}");

    let erika = "oidc:erika+editors.choir";
    let seen: Vec<(String, String, String)> =
        site.audit().into_iter().map(|(actor, action, outcome, _)| (actor, action, outcome)).collect();
    let expected = [
        (erika, "sign-in", "done"),
        (erika, "sign-in", "done"),
        ("oidc:otto+choir", "sign-in", "refused"),
        ("oidc:anna+admins", "sign-in", "done"),
        ("oidc:anna+admins", "sign-in", "done"),
    ];
    assert_eq!(
        seen,
        expected.map(|(actor, action, outcome)| (actor.to_owned(), action.to_owned(), outcome.to_owned()))
    );
    assert_eq!(site.place.run(&["audit", "verify"]).code, Some(0));
    assert!(!site.program.log().contains(site.providers.of("secret")));
}

impl Browser {
    /// Begins a sign-in although one is signed in.
    fn leave_again(&mut self, site: &Site) -> String {
        self.cookies.values_mut().for_each(|jar| drop(jar.remove("__Host-turmwacht")));
        self.leave(site, "/admin")
    }
}

/// What somebody makes of the query that a provider sends back.
type Change = dyn Fn(&mut Vec<(String, String)>);

#[test]
fn a_provider_that_lies_lets_nobody_in() {
    let Some(site) = Site::new("lying") else { return };
    let mut number = 0;
    let mut tell = |lie: &str, change: &Change| {
        number += 1;
        let mut browser = Browser { number, ..Browser::default() };
        let to = url::Url::parse(&browser.leave(&site, "/admin")).unwrap();
        let asked: BTreeMap<String, String> = to.query_pairs().into_owned().collect();
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["redirect_uri"], format!("{}/admin/oidc/callback", site.url));
        assert_eq!(asked["scope"], "openid profile");
        let code = json!({ "lie": lie, "nonce": asked["nonce"] }).to_string();
        let code = data_encoding::BASE64URL_NOPAD.encode(code.as_bytes());
        let mut query = vec![("code".to_owned(), code), ("state".to_owned(), asked["state"].clone())];
        change(&mut query);
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let reply = browser.ask("GET", &format!("{}/admin/oidc/callback?{query}", site.url), &[], None);
        let is_in = browser.is_in(&site).is_some();
        assert_eq!(is_in, reply.status == 200, "{lie}: {reply:?}");
        reply.status
    };
    // So that the others are refused for their lie.
    for truth in ["none", "skew"] {
        assert_eq!(tell(truth, &|_| {}), 200, "{truth}: {}", site.program.log());
    }
    for lie in [
        "expired",
        "stale",
        "future",
        "issuer",
        "audience",
        "audiences",
        "nonce",
        "without-nonce",
        "subject",
        "long-subject",
        "no-groups",
        "other-groups",
        "other-key",
        "unknown-key",
        "unsigned",
        "hmac",
        "hmac-of-key",
        "refused",
        "no-token",
    ] {
        assert_eq!(tell(lie, &|_| {}), 403, "{lie}");
    }
    for lie in ["garbage", "broken", "redirect", "endless"] {
        assert_eq!(tell(lie, &|_| {}), 503, "{lie}");
    }
    // What the browser brings may be of others, too.
    assert_eq!(tell("none", &|query| query[1].1 = "0".repeat(64)), 403);
    assert_eq!(tell("none", &|query| query.truncate(1)), 403);
    assert_eq!(tell("none", &|query| drop(query.remove(0))), 403);
    assert_eq!(tell("none", &|query| query.push(("iss".to_owned(), "https://evil.example".to_owned()))), 403);
    assert_eq!(tell("none", &|query| query.push(("error".to_owned(), "access_denied\u{1b}[31m".to_owned()))), 403);
    let refused: Vec<Value> =
        site.audit().into_iter().filter(|(_, _, outcome, _)| outcome == "refused").map(|(.., detail)| detail).collect();
    // Without its state or code nothing was tried.
    assert_eq!(refused.len(), 21, "{refused:?}");
    let said = serde_json::to_string(&refused).unwrap();
    assert!(!said.contains("\\u001b") && !said.contains("eyJ"), "{said}");
    let log = site.program.log();
    assert!(!log.contains("eyJ") && !log.contains('\u{1b}') && log.contains("[oidc]"), "{log}");
}
