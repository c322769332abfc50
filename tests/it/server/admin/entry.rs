//! The way in to the desk: what a browser is sent, shown and refused. Each test brings a browser that
//! keeps cookies and sends what browsers send.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use turmwacht::desk::form::BYTES_MAX;
use turmwacht::model::settings::{OidcSettings, Secret};

use super::*;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const SESSION: &str = "__Host-turmwacht";
const SIGN_IN: &str = "__Host-turmwacht-sign-in";
/// A page that the desk does not have: what it shows tells who is signed in, and nothing else.
const PAGE: &str = "/admin/no-such-page";

/// A browser with its cookies.
struct Browser {
    at: SocketAddr,
    host: String,
    cookies: BTreeMap<String, String>,
    /// Header lines of a proxy before the server.
    proxy: Vec<String>,
}

impl Browser {
    fn new(town: &Town) -> Self {
        Self::at(town.world.server.local_addr(), "localhost")
    }

    fn at(at: SocketAddr, host: &str) -> Self {
        Self { at, host: host.to_owned(), cookies: BTreeMap::new(), proxy: Vec::new() }
    }

    fn lines(&self, more: &[&str]) -> String {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut lines = format!("Host: {}\r\n", self.host);
        if !cookies.is_empty() {
            lines.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
        }
        for line in self.proxy.iter().map(String::as_str).chain(more.iter().copied()) {
            lines.push_str(&format!("{line}\r\n"));
        }
        lines
    }

    fn ask(&mut self, method: &str, path: &str, more: &[&str], body: Option<&[u8]>) -> Reply {
        let mut client = Client::to(self.at);
        let length = body.map(|body| format!("Content-Length: {}\r\n", body.len())).unwrap_or_default();
        client.send(format!("{method} {path} HTTP/1.1\r\n{}{length}\r\n", self.lines(more)));
        // A server that refuses a body early may close before all of it was sent.
        client.try_send(body.unwrap_or_default());
        let reply = client.reply(method == "HEAD").expect("an answer");
        dressed(&reply);
        self.keep(&reply);
        reply
    }

    fn keep(&mut self, reply: &Reply) {
        for cookie in cookies(reply) {
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    fn get(&mut self, path: &str) -> Reply {
        self.ask("GET", path, &["Sec-Fetch-Site: same-origin"], None)
    }

    /// Sends a form as a page of ours does.
    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let origin = format!("Origin: http://{}", self.host);
        self.post_as(path, &[&origin, "Sec-Fetch-Site: same-origin", FORM], fields)
    }

    fn post_as(&mut self, path: &str, more: &[&str], fields: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.ask("POST", path, more, Some(body.as_bytes()))
    }

    /// Asks for the page for signing in, and sends it with this token.
    fn try_token(&mut self, token: &str) -> Reply {
        let page = self.get("/admin");
        self.post("/admin/sign-in", &[("csrf", &hidden(&page, "csrf")), ("onward", PAGE), ("token", token)])
    }

    fn sign_in(&mut self, token: &str) {
        let reply = self.try_token(token);
        assert_eq!((reply.status, reply.header("location")), (303, Some(PAGE)), "{reply:?}");
    }

    /// The word in the forms of this session.
    fn word(&mut self) -> String {
        let page = self.get(PAGE);
        assert!(is_in(&page), "{page:?}");
        hidden(&page, "csrf")
    }

    fn is_in(&mut self) -> bool {
        is_in(&self.get(PAGE))
    }
}

/// What is answered to somebody who types this instead of a token, and to forms of other sites.
pub(super) fn replies_to(town: &Town, typed: &str) -> Vec<Reply> {
    let mut browser = Browser::new(town);
    let wrong = browser.try_token(&format!("tw_abcdefg2_{typed}"));
    let foreign = browser.post_as("/admin/sign-in", &["Origin: https://evil.example", FORM], &[("token", typed)]);
    browser.cookies.insert(SIGN_IN.to_owned(), typed.to_owned());
    let forgotten = browser.post("/admin/sign-in", &[("csrf", typed), ("onward", typed), ("token", typed)]);
    vec![wrong, foreign, forgotten]
}

fn cookies(reply: &Reply) -> Vec<&str> {
    let lines = reply.head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).map(|(_, value)| value).collect()
}

/// What every answer has.
#[track_caller]
fn dressed(reply: &Reply) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{reply:?}");
    }
    let policy = reply.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let rest = "; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    assert!(policy.ends_with(rest), "{policy}");
    assert!(!reply.head.to_ascii_lowercase().contains("access-control-"), "{reply:?}");
    for cookie in cookies(reply) {
        assert!(cookie.starts_with("__Host-") && cookie.contains("; Path=/; Secure; HttpOnly; SameSite="), "{cookie}");
    }
}

/// A page with a heading and these words; never a blank one.
#[track_caller]
fn shows(reply: &Reply, status: u16, words: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert!(reply.text().contains("<h1>") && reply.text().contains("lang=\"de\""), "{reply:?}");
    assert!(reply.text().contains(words), "`{words}` is not in {}", reply.text());
}

fn is_in(page: &Reply) -> bool {
    page.text().contains("Abmelden")
}

fn hidden(page: &Reply, name: &str) -> String {
    let (_, rest) = page.text().split_once(&format!("name=\"{name}\" value=\"")).expect("a hidden field");
    rest.split('"').next().unwrap().to_owned()
}

fn actions(town: &Town) -> Vec<(String, String, u16)> {
    let records = town.keys.records.lock().unwrap();
    records.iter().map(|record| (record.actor.clone(), record.action.clone(), record.status)).collect()
}

fn recorded(actor: &str, action: &str, status: u16) -> (String, String, u16) {
    (actor.to_owned(), action.to_owned(), status)
}

#[test]
fn one_signs_in_visits_and_signs_out() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    let page = browser.get("/admin/incidents/i1?x=1");
    shows(&page, 200, "Zugangsschlüssel");
    assert_eq!(hidden(&page, "onward"), "/admin/incidents/i1?x=1");
    assert!(!is_in(&page) && cookies(&page).iter().all(|cookie| cookie.contains("SameSite=Strict")));
    browser.sign_in("tw_editor");
    assert!(browser.is_in());
    assert_eq!(browser.cookies[SESSION].len(), 64);
    let word = browser.word();
    assert_ne!(word, browser.cookies[SESSION]);
    assert_eq!(word, browser.word(), "one word for a session");

    let former = browser.cookies.clone();
    let reply = browser.post("/admin/sign-out", &[("csrf", &word)]);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/admin")));
    assert!(!browser.cookies.contains_key(SESSION));
    browser.cookies = former;
    assert!(!browser.is_in(), "it ended in the server, too");
    assert_eq!(actions(&town), [recorded("editor", "sign-in", 303), recorded("editor", "sign-out", 303)]);
    // Whoever reloads what a form led to is not stuck.
    assert_eq!(browser.get("/admin/sign-in").header("location"), Some("/admin"));
    assert_eq!(town.count(), 0, "the loop knows nothing of it");
}

#[test]
fn a_session_is_new_at_each_sign_in_and_never_chosen_by_others() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    let planted = "ab".repeat(32);
    browser.cookies.insert(SESSION.to_owned(), planted.clone());
    assert!(!browser.is_in());
    browser.sign_in("tw_editor");
    let first = browser.cookies[SESSION].clone();
    assert_ne!(first, planted);
    let former = browser.cookies.clone();
    // The page for signing in is only shown to whoever is not signed in; the form can be sent all the same.
    let fields = [("csrf", former[SIGN_IN].as_str()), ("onward", PAGE), ("token", "tw_admin")];
    assert_eq!(browser.post("/admin/sign-in", &fields).status, 303);
    assert_ne!(browser.cookies[SESSION], first);
    assert!(browser.is_in());
    browser.cookies = former;
    assert!(!browser.is_in(), "the former one has ended");
}

#[test]
fn a_wrong_token_gets_one_sentence_and_is_counted() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    let wrong = ["tw_abcdefg2_wrong", "", "a b", "tw_ümlaut", "tw_a\0b", "'; DROP TABLE token; --", &"x".repeat(300)];
    let looked_up = town.keys.look_ups.load(Ordering::SeqCst);
    for token in wrong {
        let reply = browser.try_token(token);
        shows(&reply, 401, "Dieser Zugangsschlüssel ist nicht gültig.");
        assert_eq!(hidden(&reply, "onward"), PAGE);
        assert!(token.is_empty() || !reply.text().contains(token), "what was typed is no page's business");
    }
    assert_eq!(town.keys.look_ups.load(Ordering::SeqCst) - looked_up, 1, "what can be no token is not looked up");
    let reply = browser.try_token("tw_scraper");
    shows(&reply, 403, "nur zum Lesen der Messwerte");
    for _ in wrong.len()..10 {
        browser.try_token("tw_guess");
    }
    let reply = browser.try_token("tw_admin");
    shows(&reply, 429, "Warten Sie bitte");
    assert!(reply.header("retry-after").is_some());
    // Programs with tokens are counted by the same count.
    assert_eq!(town.ask("GET", INCIDENTS, &[ADMIN]).status, 429);
    assert!(!browser.cookies.contains_key(SESSION));
    let records = town.keys.records.lock().unwrap();
    assert_eq!(records.len(), 11);
    assert!(records.iter().all(|record| record.action == "sign-in" && record.status >= 400));
    assert_eq!(records[0].detail, "{\"claims\":\"abcdefg2\",\"with\":\"token\"}");
    assert!(records[1..].iter().all(|record| !record.detail.contains("DROP") && record.detail.len() < 64));
    assert_eq!(records.iter().filter(|record| record.actor == "scraper").count(), 1);
}

/// A provider that is never asked.
fn with_provider() -> Town {
    let (issuer, client_id) = ("https://id.example".to_owned(), "turmwacht".to_owned());
    let oidc = OidcSettings {
        issuer: issuer.clone(),
        client_id,
        client_secret: Secret::new("secret".to_owned()),
        secret_origins: vec![issuer],
        groups_claim: "groups".to_owned(),
        scopes: Vec::new(),
        groups: Vec::new(),
    };
    Town::with(config(), |admin| admin.oidc = Some(oidc))
}

#[test]
fn a_page_elsewhere_locks_nobody_out_by_way_of_the_provider() {
    let town = with_provider();
    let mut browser = Browser::new(&town);
    const PENDING: &str = "__Host-turmwacht-oidc";
    let word = "ab".repeat(32);
    browser.cookies.insert(PENDING.to_owned(), format!("{word}."));
    for more in [&["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: image"][..], &["Sec-Fetch-Dest: document"], &[]] {
        for _ in 0..20 {
            let reply = browser.ask("GET", "/admin/oidc/callback?error=x&state=y", more, None);
            shows(&reply, 403, "Anmeldung abgelaufen");
        }
    }
    assert!(browser.cookies.contains_key(PENDING), "a sign-in under way goes on");
    assert!(town.keys.records.lock().unwrap().is_empty(), "nothing was tried");
    assert_eq!(town.ask("GET", INCIDENTS, &[ADMIN]).status, 200);

    // What comes back with the right state was begun here, and counts: but only on this way in.
    let state = data_encoding::HEXLOWER.encode(&Sha256::digest(format!("turmwacht state {word}")));
    let mut back = |dest: &str| {
        browser.cookies.insert(PENDING.to_owned(), format!("{word}."));
        let path = format!("/admin/oidc/callback?error=access_denied&state={state}");
        browser.ask("GET", &path, &[&format!("Sec-Fetch-Dest: {dest}")], None)
    };
    for _ in 0..20 {
        shows(&back("image"), 403, "Anmeldung abgelaufen");
    }
    for _ in 0..10 {
        shows(&back("document"), 403, "abgebrochen oder abgelehnt");
    }
    shows(&back("document"), 429, "Warten Sie bitte");
    assert_eq!(actions(&town), vec![recorded("nobody", "sign-in", 403); 10]);
    Browser::new(&town).sign_in("tw_editor");
    assert_eq!(town.ask("GET", INCIDENTS, &[EDITOR]).status, 200);
}

#[test]
fn a_form_counts_with_the_word_of_its_session_only() {
    let town = Town::new();
    let (mut browser, mut other) = (Browser::new(&town), Browser::new(&town));
    browser.sign_in("tw_editor");
    other.sign_in("tw_editor");
    let (word, others) = (browser.word(), other.word());
    let text = "Wasserrohrbruch\r\nin der <b>Hauptstraße</b>";
    for wrong in ["", "x", &others, word.get(1..).unwrap(), &format!("{word}0"), &word.to_uppercase()] {
        let reply = browser.post(PAGE, &[("csrf", wrong), ("text", text)]);
        shows(&reply, 403, "Noch einmal absenden");
        assert!(
            reply.text().contains("value=\"Wasserrohrbruch\r\nin der &lt;b&gt;Hauptstraße&lt;/b&gt;\""),
            "{reply:?}"
        );
        assert_eq!(hidden(&reply, "csrf"), word, "one click sends it again");
    }
    let reply = browser.post(PAGE, &[("text", text)]);
    shows(&reply, 403, "Noch einmal absenden");
    shows(&browser.post("/admin/sign-out", &[("csrf", &others)]), 403, "<h1>");
    assert!(browser.is_in());
    let reply = browser.post(PAGE, &[("csrf", &word), ("text", text)]);
    shows(&reply, 404, "Diese Seite gibt es nicht");
}

#[test]
fn a_form_of_another_site_is_refused_before_anything_is_looked_at() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    browser.sign_in("tw_admin");
    let word = browser.word();
    let looked_up = town.keys.look_ups.load(Ordering::SeqCst);
    for more in [
        &["Origin: https://evil.example"][..],
        &["Origin: null"],
        &["Origin: http://localhost:1"],
        &["Origin: http://localhost.evil.example"],
        &["Sec-Fetch-Site: cross-site"],
        &["Sec-Fetch-Site: same-site"],
        &["Sec-Fetch-Site: none"],
        &["Origin: http://localhost", "Sec-Fetch-Site: cross-site"],
        &["Origin: https://evil.example", "Sec-Fetch-Site: same-origin"],
        &["Referer: http://localhost/admin"],
        &[],
    ] {
        for path in [PAGE, "/admin/sign-in", "/admin/sign-out"] {
            let fields = [("csrf", word.as_str()), ("token", "tw_admin")];
            let reply = browser.post_as(path, &[more, &[FORM]].concat(), &fields);
            shows(&reply, 403, "kam nicht von dieser Seite");
            assert_eq!(reply.header("connection"), Some("close"));
        }
    }
    assert_eq!(town.keys.look_ups.load(Ordering::SeqCst), looked_up);
    for more in
        [&["Origin: http://localhost"][..], &["Sec-Fetch-Site: same-origin"], &["Origin: http://127.0.0.1:8080"]]
    {
        let reply = browser.post_as(PAGE, &[more, &[FORM]].concat(), &[("csrf", &word)]);
        shows(&reply, 404, "Diese Seite gibt es nicht");
    }
}

#[test]
fn nobody_is_signed_in_by_a_form_that_was_not_shown_to_this_browser() {
    let town = Town::new();
    let (mut browser, mut attacker) = (Browser::new(&town), Browser::new(&town));
    let word = hidden(&attacker.get("/admin"), "csrf");
    let looked_up = town.keys.look_ups.load(Ordering::SeqCst);
    let fields = [("csrf", word.as_str()), ("token", "tw_admin")];
    shows(&browser.post("/admin/sign-in", &fields), 403, "Das Formular war abgelaufen");
    browser.get("/admin");
    shows(&browser.post("/admin/sign-in", &fields), 403, "Das Formular war abgelaufen");
    // A word of the attacker's own making is none of ours.
    browser.cookies.insert(SIGN_IN.to_owned(), "x".to_owned());
    shows(&browser.post("/admin/sign-in", &[("csrf", "x"), ("token", "tw_admin")]), 403, "abgelaufen");
    assert_eq!(town.keys.look_ups.load(Ordering::SeqCst), looked_up);
    assert!(!browser.cookies.contains_key(SESSION));
}

#[test]
fn two_cookies_of_one_name_open_nothing() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    browser.sign_in("tw_admin");
    let session = browser.cookies.remove(SESSION).unwrap();
    for cookie in [
        format!("{SESSION}={session}; {SESSION}={}", "0".repeat(64)),
        format!("{SESSION}={}; {SESSION}={session}", "0".repeat(64)),
        format!("{SESSION}={session}; {SESSION}={session}"),
        format!("turmwacht={session}"),
        format!("{SESSION}={session}x"),
    ] {
        let reply = browser.ask("GET", PAGE, &[&format!("Cookie: {cookie}")], None);
        assert!(!is_in(&reply), "{cookie}");
    }
    let twice = [format!("Cookie: {SESSION}={session}"), format!("Cookie: {SESSION}={}", "0".repeat(64))];
    assert!(!is_in(&browser.ask("GET", PAGE, &[&twice[0], &twice[1]], None)));
    assert!(is_in(&browser.ask("GET", PAGE, &[&twice[0]], None)));
}

#[test]
fn a_token_that_is_revoked_opens_nothing_from_the_next_visit_on() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    browser.sign_in("tw_editor");
    let word = browser.word();
    town.keys.revoked.store(true, Ordering::SeqCst);
    shows(&browser.post(PAGE, &[("csrf", &word)]), 403, "Zugangsschlüssel");
    assert!(!browser.is_in());
    town.keys.revoked.store(false, Ordering::SeqCst);
    assert!(!browser.is_in(), "what has ended stays so");
}

#[test]
fn what_was_typed_outlives_its_session() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    browser.sign_in("tw_editor");
    let word = browser.word();
    browser.cookies.remove(SESSION);
    let fields = [("csrf", word.as_str()), ("title", "Störung \"A\""), ("town", "a"), ("town", "b")];
    let page = browser.post(&format!("{PAGE}?x=1"), &fields);
    shows(&page, 403, "Ihre Eingaben sind noch da");
    assert_eq!(hidden(&page, "kept.title"), "Störung &quot;A&quot;");
    assert!(!page.text().contains(&word));
    let kept = |page: &Reply, token: &str| {
        let (csrf, onward) = (hidden(page, "csrf"), hidden(page, "onward"));
        [
            ("csrf", csrf),
            ("onward", onward),
            ("kept.title", "Störung \"A\"".to_owned()),
            ("kept.town", "a".to_owned()),
            ("kept.town", "b".to_owned()),
            ("token", token.to_owned()),
        ]
    };
    let send = |browser: &mut Browser, page: &Reply, token: &str| {
        let fields = kept(page, token);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/admin/sign-in", &fields)
    };
    let page = send(&mut browser, &page, "tw_wrong");
    shows(&page, 401, "Ihre Eingaben sind noch da");
    // Nor is it lost to a store that does not answer, to a full disk, or to a neighbour who guesses.
    for lever in [&town.keys.lever.broken, &town.keys.full] {
        lever.store(true, Ordering::SeqCst);
        let waits = send(&mut browser, &page, "tw_editor");
        lever.store(false, Ordering::SeqCst);
        shows(&waits, 503, "Ihre Eingaben sind noch da");
        assert!(waits.text().contains("in einigen Sekunden") && waits.header("retry-after").is_some(), "{waits:?}");
        assert_eq!(hidden(&waits, "kept.title"), "Störung &quot;A&quot;");
    }
    for _ in 0..10 {
        town.ask("GET", INCIDENTS, &["Authorization: Bearer tw_guess"]);
    }
    let page = send(&mut browser, &page, "tw_admin");
    shows(&page, 429, "Ihre Eingaben sind noch da");
    assert!(page.text().contains("Warten Sie bitte eine Minute") && page.header("retry-after").is_some(), "{page:?}");
    let page = send(&mut browser, &page, "tw_editor");
    shows(&page, 200, "noch nicht abgesendet");
    assert!(page.text().contains(&format!("action=\"{PAGE}?x=1\"")), "{page:?}");
    assert_eq!(page.text().matches("name=\"town\"").count(), 2);
    let word = hidden(&page, "csrf");
    let reply = browser.post(PAGE, &[("csrf", &word), ("title", "Störung \"A\"")]);
    shows(&reply, 404, "Diese Seite gibt es nicht");
    assert!(is_in(&reply));
}

#[test]
fn a_link_on_another_site_leads_to_the_page_of_whoever_is_signed_in() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    // Browsers send no strict cookie along; the page that leads on is one of ours, so then they do.
    let reply = browser.ask("GET", "/admin/incidents/i1", &["Sec-Fetch-Site: cross-site"], None);
    shows(&reply, 200, "http-equiv=\"refresh\" content=\"0; url=/admin/incidents/i1\"");
    assert!(cookies(&reply).is_empty());
    shows(&browser.get("/admin/incidents/i1"), 200, "Zugangsschlüssel");
}

#[test]
fn it_is_on_the_sites_own_host_only() {
    let organisation = || {
        let mut config = config();
        config.hosts = vec![("status.hattingen.example".to_owned(), Some("hattingen".to_owned()))];
        config
    };
    let town = Town::with(organisation(), |_| {});
    let at = |host: &str| Browser::at(town.world.server.local_addr(), host);
    for path in ["/admin", "/admin/", "/admin/incidents", "/admin/sign-in"] {
        shows(&at("status.hattingen.example").get(path), 404, "Unter dieser Adresse gibt es nichts.");
        shows(&at("evil.example").get(path), 421, "Falsche Adresse");
    }
    shows(&at("status.hattingen.example").post("/admin/sign-in", &[("token", "tw_admin")]), 404, "<h1>");
    shows(&at("localhost").get("/admin/"), 200, "Zugangsschlüssel");
    shows(&at("localhost").get("/admin//x"), 404, "<h1>");
    for path in ["/%61dmin", "/en/admin", "/administration"] {
        assert_eq!(town.ask("GET", path, &[]).status, 404, "{path}");
    }

    let town = Town::with(organisation(), |admin| admin.listen = Some("127.0.0.1:0".parse().unwrap()));
    let public = town.world.server.local_addr();
    for path in ["/admin", "/admin/incidents", "/admin/sign-in"] {
        shows(&Browser::at(public, "localhost").get(path), 404, "Unter dieser Adresse gibt es nichts.");
        shows(&Browser::at(public, "localhost").post(path, &[("token", "tw_admin")]), 404, "<h1>");
    }
    let own = town.world.server.admin_addr().unwrap();
    shows(&Browser::at(own, "status.hattingen.example").get("/admin"), 404, "<h1>");
    let mut browser = Browser::at(own, "10.0.0.5:8081");
    browser.sign_in("tw_admin");
    assert!(browser.is_in());
}

#[test]
fn nobody_signs_in_where_others_can_read_it() {
    let town = Town::with(config(), |admin| admin.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    let mut browser = Browser::new(&town);
    browser.proxy = vec!["X-Forwarded-Proto: http".to_owned()];
    shows(&browser.get("/admin"), 403, "nur über https");
    shows(&browser.post("/admin/sign-in", &[("token", "tw_admin")]), 403, "nur über https");
    browser.proxy = vec!["X-Forwarded-Proto: https".to_owned()];
    let page = browser.get("/admin");
    shows(&page, 200, "Zugangsschlüssel");
    let fields = [("csrf", hidden(&page, "csrf")), ("token", "tw_admin".to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    // The page came over https, so its form does not come from plain http.
    shows(&browser.post("/admin/sign-in", &fields), 403, "kam nicht von dieser Seite");
    let reply = browser.post_as("/admin/sign-in", &["Origin: https://localhost", FORM], &fields);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/admin")));
}

#[test]
fn only_forms_are_read_and_only_so_much_of_them() {
    let mut config = config();
    (config.header_timeout, config.idle_timeout) = (Duration::from_millis(300), Duration::from_millis(600));
    let town = Town::with(config, |_| {});
    let mut browser = Browser::new(&town);
    browser.sign_in("tw_editor");
    let word = browser.word();
    const HERE: &str = "Origin: http://localhost";
    for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form"] {
        let reply = browser.ask("POST", PAGE, &[HERE, &format!("Content-Type: {kind}")], Some(b"csrf=x"));
        shows(&reply, 415, "nur Formulare dieser Seite");
        assert_eq!(reply.header("connection"), Some("close"));
    }
    shows(&browser.ask("POST", PAGE, &[HERE], Some(b"csrf=x")), 415, "<h1>");
    shows(&browser.ask("POST", PAGE, &[HERE, FORM, "Content-Encoding: gzip"], Some(b"csrf=x")), 415, "<h1>");
    let long = |length: usize| format!("csrf={word}&text={}", "a".repeat(length - 6 - word.len() - 5));
    assert_eq!(long(BYTES_MAX).len(), BYTES_MAX);
    let reply = browser.ask("POST", PAGE, &[HERE, FORM], Some(long(BYTES_MAX).as_bytes()));
    shows(&reply, 404, "Diese Seite gibt es nicht");
    let reply = browser.ask("POST", PAGE, &[HERE, FORM], Some(long(BYTES_MAX + 1).as_bytes()));
    shows(&reply, 413, "Das Formular ist zu groß");
    assert_eq!(reply.header("connection"), Some("close"));
    shows(&browser.ask("GET", PAGE, &[], Some(b"x")), 413, "<h1>");
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        let reply = browser.ask(method, PAGE, &[HERE], None);
        shows(&reply, 405, "<h1>");
        assert_eq!(reply.header("allow"), Some("GET, HEAD, POST"));
    }
    assert_eq!(browser.ask("HEAD", PAGE, &[], None).status, 404);
    shows(&browser.get(&format!("{PAGE}?{}", "a".repeat(1_025))), 414, "<h1>");
    // Half a form, and then nothing.
    let mut client = Client::to(browser.at);
    let lines = browser.lines(&[HERE, FORM, "Content-Length: 100"]);
    client.send(format!("POST {PAGE} HTTP/1.1\r\n{lines}\r\ncsrf="));
    let reply = client.reply(false).unwrap();
    dressed(&reply);
    shows(&reply, 408, "nicht vollständig");
    assert_eq!(town.count(), 0);
}

#[test]
fn large_forms_of_people_who_are_not_signed_in_are_few_at_a_time() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    const HERE: &str = "Origin: http://localhost";
    let begin = |length: &str| {
        let mut client = Client::to(browser.at);
        let lines = browser.lines(&[HERE, FORM, length]);
        client.send(format!("POST {PAGE} HTTP/1.1\r\n{lines}\r\na"));
        client
    };
    let mut held: Vec<Client> = (0..8).map(|_| begin("Content-Length: 9000")).collect();
    let small: Vec<Client> = (0..20).map(|_| begin("Content-Length: 8000")).collect();
    until(|| Some(begin("Content-Length: 9000").reply(false).unwrap()).filter(|reply| reply.status == 503));
    shows(&browser.post(PAGE, &[("text", "x")]), 403, "Ihre Eingaben sind noch da");
    browser.sign_in("tw_editor");
    drop(small);
    let mut first = held.remove(0);
    first.send("a".repeat(8_999));
    shows(&first.reply(false).unwrap(), 403, "Zugangsschlüssel");
}

#[test]
fn while_the_store_does_not_answer_nobody_gets_in_and_nobody_is_thrown_out() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    browser.sign_in("tw_editor");
    town.keys.lever.broken.store(true, Ordering::SeqCst);
    let reply = browser.get(PAGE);
    shows(&reply, 503, "in einigen Sekunden");
    assert!(reply.header("retry-after").is_some());
    let mut other = Browser::new(&town);
    shows(&other.try_token("tw_admin"), 503, "in einigen Sekunden");
    town.keys.lever.broken.store(false, Ordering::SeqCst);
    assert!(browser.is_in());
    // Nobody gets in unrecorded.
    town.keys.full.store(true, Ordering::SeqCst);
    shows(&other.try_token("tw_admin"), 503, "in einigen Sekunden");
    assert!(!other.cookies.contains_key(SESSION));
    shows(&other.try_token("tw_wrong"), 401, "nicht gültig");
    let word = browser.word();
    assert_eq!(browser.post("/admin/sign-out", &[("csrf", &word)]).status, 303);
    assert!(!browser.is_in());
}

#[test]
fn visits_are_counted_under_one_word() {
    let town = Town::new();
    let mut browser = Browser::new(&town);
    browser.sign_in("tw_editor");
    browser.get("/admin/canary");
    let mut text = Vec::new();
    town.world.metrics.write(&mut text);
    let text = String::from_utf8(text).unwrap();
    for (code, count) in [("200", 1), ("303", 1), ("404", 1)] {
        let line = format!("turmwacht_http_requests_total{{code=\"{code}\",route=\"desk\"}} {count}\n");
        assert!(text.contains(&line), "{line} in {text}");
    }
    assert!(!text.contains("canary"));
}
