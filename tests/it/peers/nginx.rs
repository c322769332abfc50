//! The kinds `http`, `tls` and `tcp` against nginx, as towns run it: plain, with certificates,
//! behind redirects, slow, refusing, and under maintenance.

use std::path::Path;
use std::time::Duration;

use turmwacht::engine::judge::judge;
use turmwacht::model::check::{Check, Phase, Probe, TcpProbe, TlsProbe, TlsSettings};
use turmwacht::model::observation::{HttpVersion, Observation};
use turmwacht::model::verdict::{Reason, Verdict};
use turmwacht::probe::Prober;

use super::authority::Authority;
use super::process::{Peer, Ports};
use crate::probe::server::{Server, hold, send};
use crate::probe::{
    SHORT, assert_fails, assert_up, check, http_check, http_probe, probe, prober, prober_trusting, settings,
};

/// One server block: what `listen` says after the port, and the rest.
pub(super) struct Site {
    listen: &'static str,
    rest: String,
}

/// A plain site.
pub(super) fn site(rest: &str) -> Site {
    Site { listen: "", rest: rest.to_owned() }
}

/// A site over TLS; `rest` names its certificate.
pub(super) fn secure(rest: &str) -> Site {
    Site { listen: "ssl", rest: rest.to_owned() }
}

/// nginx with these sites, each at a port of its own. In a site, `PORT0` is the first one's port.
pub(super) fn nginx(sites: &[Site]) -> Option<Peer> {
    start(Ports::Free(sites.len()), sites)
}

/// nginx with one site at a port that was known before.
pub(super) fn nginx_at(port: u16, site: &[Site; 1]) -> Option<Peer> {
    start(Ports::Fixed(port), site)
}

fn start(ports: Ports, sites: &[Site]) -> Option<Peer> {
    Peer::start("nginx", &["-e", "log"], ports, |folder, ports| configuration(sites, folder, ports))
}

fn configuration(sites: &[Site], folder: &Path, ports: &[u16]) -> String {
    let folder = folder.display();
    let mut text = format!(
        "daemon off; worker_processes 1; user root; pid {folder}/pid; error_log {folder}/log;
         events {{ worker_connections 256; }}
         http {{ access_log off; default_type text/html; charset utf-8;
         proxy_cache_path {folder}/cache keys_zone=kept:1m;
         limit_req_zone $server_port zone=once:1m rate=1r/m;\n"
    );
    for module in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        text.push_str(&format!("{module}_temp_path {folder}/{module};\n"));
    }
    for (site, port) in sites.iter().zip(ports) {
        let mut rest = site.rest.clone();
        for (index, port) in ports.iter().enumerate() {
            rest = rest.replace(&format!("PORT{index}"), &port.to_string());
        }
        text.push_str(&format!("server {{ listen 127.0.0.1:{port} {}; {rest} }}\n", site.listen));
    }
    text.push('}');
    text
}

fn plain() -> Prober {
    prober(&settings())
}

fn at(peer: &Peer, path: &str) -> Check {
    http_check(&format!("http://{}{path}", peer.address(0)))
}

/// Asks `https://portal.test/` at the n-th site.
fn named(peer: &Peer, index: usize) -> Check {
    let address = peer.address(index);
    let mut request = http_probe(&format!("https://portal.test:{}/", address.port()));
    request.resolve = Some(address);
    check(Probe::Http(request))
}

#[track_caller]
fn assert_judged(observation: &Observation, verdict: Verdict, reason: Reason, words: &str) {
    assert_fails(observation, reason, words);
    assert_eq!(judge(observation, true), (verdict, Some(reason)));
}

#[test]
fn a_page_is_up_with_every_fact_of_its_answer() {
    let page = site("add_header X-Fachverfahren \"OK; Stand 3\"; location / { return 200 '<h1>Rathaus öffnet</h1>'; }");
    let Some(peer) = nginx(&[page]) else { return };
    let mut check = at(&peer, "/");
    check.expect.body_contains = vec!["Rathaus öffnet".to_owned()];
    check.expect.body_lacks = vec!["Wartungsarbeiten".to_owned()];
    check.expect.body_matches = vec!["<h1>.+</h1>".to_owned()];
    check.expect.headers = [("x-fachverfahren".to_owned(), "^OK;".to_owned())].into();
    let observation = probe(&plain(), &check);
    assert_up(&observation);
    assert_eq!(judge(&observation, true), (Verdict::Up, None));
    assert_eq!(observation.address, Some(peer.address(0)));
    let present = [Phase::Resolve, Phase::Connect, Phase::Tls, Phase::Processing, Phase::Transfer]
        .map(|phase| observation.phases.get(phase).is_some());
    assert_eq!(present, [false, true, false, true, true], "an address is not looked up");
    let http = observation.http.unwrap();
    assert_eq!((http.status, http.version, http.redirects), (200, HttpVersion::Http11, 0));
    assert_eq!((http.content_length, http.body_bytes, http.truncated), (Some(24), 24, false));
    assert!(http.date.is_some());

    check.expect.headers = [("X-Fachverfahren".to_owned(), "^Stand 4".to_owned())].into();
    assert_judged(&probe(&plain(), &check), Verdict::Down, Reason::Content, "x-fachverfahren is `OK; Stand 3`");
    check.expect.headers = [("X-Absent".to_owned(), ".*".to_owned())].into();
    assert_judged(&probe(&plain(), &check), Verdict::Down, Reason::Content, "x-absent");
}

#[test]
fn refusals_and_errors_are_told_apart() {
    let Some(peer) = nginx(&[site(
        "location = /503 { return 503; }
         location = /404 { return 404; }
         location = /403 { return 403; }
         location = /often { limit_req zone=once; limit_req_status 429; root /nonexistent; }
         location = /closed { return 444; }
         location = /maintenance { return 200 '<title>Wartungsarbeiten</title>'; }",
    )]) else {
        return;
    };
    let prober = plain();
    assert_judged(&probe(&prober, &at(&peer, "/503")), Verdict::Down, Reason::Status, "503");
    assert_judged(&probe(&prober, &at(&peer, "/404")), Verdict::Down, Reason::Status, "404");
    assert_judged(&probe(&prober, &at(&peer, "/403")), Verdict::Unknown, Reason::Blocked, "403");
    // The limit lets one request a minute through: it finds no file, the second is turned away.
    assert_judged(&probe(&prober, &at(&peer, "/often")), Verdict::Down, Reason::Status, "404");
    assert_judged(&probe(&prober, &at(&peer, "/often")), Verdict::Unknown, Reason::Blocked, "429");
    assert_judged(&probe(&prober, &at(&peer, "/closed")), Verdict::Down, Reason::Protocol, "");
    let mut maintenance = at(&peer, "/maintenance");
    assert_up(&probe(&prober, &maintenance));
    maintenance.expect.body_lacks = vec!["Wartungsarbeiten".to_owned()];
    assert_judged(&probe(&prober, &maintenance), Verdict::Down, Reason::Content, "Wartungsarbeiten");
    let mut expected = at(&peer, "/403");
    expected.expect.status = vec![(403, 403)];
    assert_up(&probe(&prober, &expected));
}

#[test]
fn redirects_are_followed_to_their_end_but_not_for_ever() {
    let authority = Authority::new("Stadt-CA");
    let certificate = authority.issue("127.0.0.1", 2099).nginx();
    let Some(peer) = nginx(&[
        site(
            "location = / { return 301 /a; }
             location = /a { return 302 /b; }
             location = /b { return 307 http://127.0.0.1:PORT0/end; }
             location = /end { return 200 'angekommen'; }
             location = /loop { return 302 /loop2; }
             location = /loop2 { return 302 /loop; }
             location = /secure { return 308 https://127.0.0.1:PORT1/login; }",
        ),
        secure(&format!("{certificate} location / {{ return 200 'Anmelden'; }}")),
    ]) else {
        return;
    };
    let prober = prober_trusting(authority.file.clone());
    let chain = probe(&prober, &at(&peer, "/"));
    assert_up(&chain);
    let http = chain.http.unwrap();
    assert_eq!((http.status, http.redirects, http.final_url), (200, 3, format!("http://{}/end", peer.address(0))));

    let mut secure = at(&peer, "/secure");
    secure.expect.body_contains = vec!["Anmelden".to_owned()];
    secure.expect.redirects_to = Some(format!("https://{}/", peer.address(1)));
    let observation = probe(&prober, &secure);
    assert_up(&observation);
    assert!(observation.phases.tls.is_some());
    assert_eq!(observation.address, Some(peer.address(1)));
    assert_eq!(observation.tls.unwrap().chain[0].issuer, "CN=Stadt-CA");
    secure.expect.redirects_to = Some("https://elsewhere.test/".to_owned());
    assert_judged(&probe(&prober, &secure), Verdict::Down, Reason::Content, "");
    // To a certificate that nobody trusts, a redirect does not lead either.
    assert_judged(&probe(&plain(), &at(&peer, "/secure")), Verdict::Down, Reason::Certificate, "not trusted");

    assert_judged(&probe(&prober, &at(&peer, "/loop")), Verdict::Down, Reason::Protocol, "redirect");
    let mut unfollowed = http_probe(&format!("http://{}/loop", peer.address(0)));
    unfollowed.follow_redirects = false;
    let mut unfollowed = check(Probe::Http(unfollowed));
    unfollowed.expect.status = vec![(302, 302)];
    assert_up(&probe(&prober, &unfollowed));
}

#[test]
fn certificates_are_verified_and_shown_either_way() {
    let authority = Authority::new("Stadt-CA");
    let stranger = Authority::new("Fremde CA");
    let says = |certificate: &str, more: &str| {
        secure(&format!("{certificate} {more} location / {{ return 200 'Anmelden'; }}"))
    };
    let Some(peer) = nginx(&[
        says(&authority.issue("portal.test", 2099).nginx(), "ssl_protocols TLSv1.3;"),
        says(&authority.issue("portal.test", 2021).nginx(), ""),
        says(&authority.issue("other.test", 2099).nginx(), ""),
        says(&stranger.issue("portal.test", 2099).nginx(), ""),
        says(&authority.issue("portal.test", 2098).nginx(), "ssl_protocols TLSv1.2;"),
    ]) else {
        return;
    };
    let prober = prober_trusting(authority.file.clone());
    for (index, version, until) in [(0, "TLS 1.3", "2099-12-31T00:00:00Z"), (4, "TLS 1.2", "2098-12-31T00:00:00Z")] {
        let observation = probe(&prober, &named(&peer, index));
        assert_up(&observation);
        assert!(observation.phases.tls.is_some());
        assert_eq!(observation.phases.resolve, None, "the address is given");
        let tls = observation.tls.unwrap();
        assert_eq!((tls.version, tls.refused.as_deref(), tls.chain.len()), (Some(version), None, 1));
        assert_eq!(tls.earliest_expiry().unwrap().to_string(), until);
        assert_eq!(
            (tls.chain[0].issuer.as_str(), &*tls.chain[0].names),
            ("CN=Stadt-CA", &["portal.test".to_owned()][..])
        );
    }
    for (index, words, issuer) in [
        (1, "expired at 2021-12-31T00:00:00Z", "CN=Stadt-CA"),
        (2, "is for other.test", "CN=Stadt-CA"),
        (3, "ends at CN=Fremde CA, which is not trusted", "CN=Fremde CA"),
    ] {
        let observation = probe(&prober, &named(&peer, index));
        assert_judged(&observation, Verdict::Down, Reason::Certificate, words);
        assert_eq!(judge(&observation, false).0, Verdict::Unknown, "while our clock is not trusted");
        assert_eq!(observation.fault().unwrap().phase, Some(Phase::Tls));
        let tls = observation.tls.unwrap();
        assert!(tls.refused.as_deref().unwrap().contains(words));
        assert_eq!(tls.chain[0].issuer, issuer);
        assert!(observation.http.is_none());
    }
    // The same facts from a handshake alone, and plain HTTP where TLS is spoken.
    let handshake = |index: usize| {
        let address = peer.address(index);
        let tls = TlsSettings { server_name: Some("portal.test".to_owned()), ..TlsSettings::default() };
        check(Probe::Tls(TlsProbe { host: address.ip().to_string(), port: address.port(), tls }))
    };
    let mut warned = handshake(0);
    warned.warn.certificate_valid_for = Some(Duration::from_secs(100 * 365 * 86_400));
    let warned = probe(&prober, &warned);
    assert_up(&warned);
    assert!(warned.certificate_warning);
    assert_judged(&probe(&prober, &handshake(1)), Verdict::Down, Reason::Certificate, "expired");
    assert_judged(&probe(&prober, &at(&peer, "/")), Verdict::Down, Reason::Status, "400");
}

#[test]
fn a_slow_site_degrades_and_a_stalled_one_fails() {
    let delay = Duration::from_millis(30);
    let late = Server::http(move |stream, _| {
        std::thread::sleep(delay);
        send(stream, &crate::probe::server::answer("200 OK", "", "spät"));
    });
    let stalled = Server::raw(|mut stream| hold(&mut stream));
    let Some(peer) = nginx(&[site(&format!(
        "location = /late {{ proxy_pass http://{}; }}
         location = /stalled {{ proxy_pass http://{}; }}
         location = /gone {{ proxy_pass http://{}; }}",
        late.address,
        stalled.address,
        crate::probe::server::closed_port(),
    ))]) else {
        return;
    };
    let prober = plain();
    let mut slow = at(&peer, "/late");
    assert_up(&probe(&prober, &slow));
    slow.degraded.slower_than = Some(delay / 2);
    let observation = probe(&prober, &slow);
    assert_judged(&observation, Verdict::Degraded, Reason::Slow, "");
    assert!(observation.phases.processing.unwrap() >= delay);
    let mut stalled = at(&peer, "/stalled");
    stalled.timeout = SHORT;
    let observation = probe(&prober, &stalled);
    assert_judged(&observation, Verdict::Down, Reason::Timeout, "processing");
    assert!(observation.phases.connect.is_some());
    assert!(observation.http.is_none());
    assert_judged(&probe(&prober, &at(&peer, "/gone")), Verdict::Down, Reason::Status, "502");
}

#[test]
fn a_stopped_server_refuses_and_a_port_is_asked_for_its_protocol() {
    let Some(mut peer) = nginx(&[site("return 200 'da';")]) else { return };
    let address = peer.address(0);
    let tcp = |send: Option<&str>, expect: Option<&str>| {
        check(Probe::Tcp(TcpProbe {
            host: address.ip().to_string(),
            port: address.port(),
            send: send.map(str::to_owned),
            expect: expect.map(str::to_owned),
            starttls: None,
            tls: TlsSettings::default(),
        }))
    };
    let prober = plain();
    assert_up(&probe(&prober, &tcp(None, None)));
    assert_up(&probe(&prober, &tcp(Some("GET / HTTP/1.0\r\n\r\n"), Some("^HTTP/1\\.1 200 OK\r\nServer: nginx"))));
    let other = probe(&prober, &tcp(Some("GET / HTTP/1.0\r\n\r\n"), Some("^220 ")));
    assert_judged(&other, Verdict::Down, Reason::Content, "HTTP/1.1 200");
    let https = http_check(&format!("https://{address}/"));
    assert_judged(&probe(&prober, &https), Verdict::Down, Reason::Tls, "does not answer in TLS");
    peer.stop();
    for check in [tcp(None, None), at(&peer, "/"), https] {
        assert_judged(&probe(&prober, &check), Verdict::Down, Reason::Connect, "refuses");
    }
}
