//! The kind `http`.

use std::collections::BTreeMap;
use std::time::Duration;

use turmwacht::model::check::{HeaderValue, Phase, Probe};
use turmwacht::model::observation::HttpVersion;
use turmwacht::model::settings::{Secret, SecretEntry};
use turmwacht::model::verdict::Reason;
use turmwacht::probe::Freshness;

use super::server::{Server, answer, closed_port, hold, send, timestamp};
use super::{
    SHORT, assert_fails, assert_up, check, http_check, http_probe, observed, probe, prober, prober_with_secrets, run,
    settings,
};

#[test]
fn a_good_answer_is_up_with_all_its_facts() {
    let headers = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nLast-Modified: Sun, 06 Nov 1994 08:00:00 GMT\r\n";
    let server = Server::answering(answer("200 OK", headers, "Anmelden"));
    let prober = prober(&settings());
    let (facts, observation) = run(observed(&prober, &http_check(&server.url()), Freshness::MayReuseDns));
    assert_up(&observation);
    let http = observation.http.unwrap();
    assert_eq!((http.status, http.version, http.redirects), (200, HttpVersion::Http11, 0));
    assert_eq!((http.content_length, http.body_bytes, http.truncated), (Some(8), 8, false));
    assert_eq!(http.date, Some(timestamp("1994-11-06T08:49:37Z")));
    assert_eq!(http.last_modified, Some(timestamp("1994-11-06T08:00:00Z")));
    assert_eq!(http.final_url, server.url());
    assert_eq!(observation.address, Some(server.address));
    let phases = observation.phases;
    assert!(phases.resolve.is_none() && phases.tls.is_none(), "a literal asks nothing");
    assert!(phases.connect.is_some() && phases.processing.is_some() && phases.transfer.is_some());
    assert!(facts.body().is_empty(), "nobody looks at the body, so it is not kept");
    let travelled = facts.travelled;
    assert!(travelled.ipv4 && !travelled.ipv6 && !travelled.tls && !travelled.resolver && !travelled.outside);
    let requests = server.requests();
    let request = requests[0].to_ascii_lowercase();
    assert!(request.starts_with("get / http/1.1\r\n"), "{request}");
    for line in ["user-agent: turmwacht-test/1.0", "connection: close", "accept-encoding: identity", "host: 127.0.0.1"]
    {
        assert!(request.contains(line), "{line} in {request}");
    }
}

#[test]
fn statuses_are_judged() {
    for (status, reason) in [
        ("503 Service Unavailable", Reason::Status),
        ("404 Not Found", Reason::Status),
        ("304 Not Modified", Reason::Status),
        ("403 Forbidden", Reason::Blocked),
        ("429 Too Many Requests", Reason::Blocked),
    ] {
        let server = Server::answering(answer(status, "", ""));
        assert_fails(
            &probe(&prober(&settings()), &http_check(&server.url())),
            reason,
            status.split(' ').next().unwrap(),
        );
    }
    let server = Server::answering(answer("403 Forbidden", "", ""));
    let mut expecting = http_check(&server.url());
    expecting.expect.status = vec![(401, 403)];
    assert_up(&probe(&prober(&settings()), &expecting));
}

#[test]
fn redirects_are_followed_and_counted() {
    let server = Server::http(|stream, head| {
        let answer = match head.split(' ').nth(1).unwrap() {
            "/" => answer("302 Found", "Location: /a?b=c#d\r\n", "moved"),
            "/a?b=c" => answer("301 Moved", "Location: end\r\n", ""),
            path => answer("200 OK", "", path),
        };
        send(stream, &answer);
    });
    let prober = prober(&settings());
    let mut check = http_check(&server.url());
    check.expect.redirects_to = Some(format!("{}end", server.url()));
    let observation = probe(&prober, &check);
    assert_up(&observation);
    assert_eq!(observation.http.unwrap().redirects, 2);
    check.expect.redirects_to = Some("https://www.example.org/".to_owned());
    assert_fails(&probe(&prober, &check), Reason::Content, "instead of");

    let mut unfollowed = http_probe(&server.url());
    unfollowed.follow_redirects = false;
    assert_fails(&probe(&prober, &super::check(Probe::Http(unfollowed))), Reason::Status, "302");
}

#[test]
fn a_redirect_loop_ends_after_five() {
    let server = Server::answering(answer("302 Found", "Location: /again\r\n", ""));
    let observation = probe(&prober(&settings()), &http_check(&server.url()));
    assert_fails(&observation, Reason::Protocol, "redirects");
    assert_eq!(server.visits(), 6);
}

#[test]
fn redirects_that_lead_nowhere_break_the_protocol() {
    for location in ["ftp://127.0.0.1/", "http://", "javascript:alert(1)", "http://[::1", "file:///etc/passwd"] {
        let server = Server::answering(answer("302 Found", &format!("Location: {location}\r\n"), ""));
        assert_fails(&probe(&prober(&settings()), &http_check(&server.url())), Reason::Protocol, "redirect");
    }
}

#[test]
fn secrets_and_credentials_stay_with_their_origin() {
    let elsewhere = Server::answering(answer("200 OK", "", ""));
    let location = format!("Location: {}\r\n", elsewhere.url());
    let home = Server::http(move |stream, head| {
        let location = if head.starts_with("GET / ") { "Location: /second\r\n" } else { &location };
        send(stream, &answer("307 Temporary Redirect", location, ""));
    });
    let entry = SecretEntry {
        value: Secret::new("canary-secret".to_owned()),
        organisations: Vec::new(),
        origins: vec![format!("http://{}", home.address)],
    };
    let mut request = http_probe(&home.url());
    request.headers = vec![
        ("X-Token".to_owned(), HeaderValue::Secret("s".to_owned())),
        ("Authorization".to_owned(), HeaderValue::Literal("Basic canary-basic".to_owned())),
        ("Cookie".to_owned(), HeaderValue::Literal("canary=cookie".to_owned())),
        ("X-Api-Key".to_owned(), HeaderValue::Literal("canary-key".to_owned())),
    ];
    let secret_check = check(Probe::Http(request.clone()));
    let prober = prober_with_secrets(BTreeMap::from([("s".to_owned(), entry)]));
    assert_up(&probe(&prober, &secret_check));
    let home_requests = home.requests();
    assert_eq!(home_requests.len(), 2);
    assert!(home_requests.iter().all(|head| head.matches("canary").count() == 4), "{home_requests:?}");
    let abroad = elsewhere.requests();
    assert_eq!(abroad.len(), 1);
    assert!(!abroad[0].contains("canary"), "{abroad:?}");

    // Configured for another origin: refused before anything is sent.
    request.url = elsewhere.url().parse().unwrap();
    let observation = probe(&prober, &check(Probe::Http(request)));
    assert_fails(&observation, Reason::ProbeFault, "may not be sent");
    assert!(!format!("{observation:?}").contains("canary-secret"));
    assert_eq!(elsewhere.visits(), 1);
}

#[test]
fn an_undefined_secret_is_our_own_fault() {
    let mut request = http_probe("http://127.0.0.1:9/");
    request.headers = vec![("X-Token".to_owned(), HeaderValue::Secret("missing".to_owned()))];
    assert_fails(&probe(&prober(&settings()), &check(Probe::Http(request))), Reason::ProbeFault, "[secrets.missing]");
}

#[test]
fn a_connection_that_fails_says_how() {
    let prober = prober(&settings());
    let refused = probe(&prober, &http_check(&format!("http://{}/", closed_port())));
    assert_fails(&refused, Reason::Connect, "refuses");
    assert_eq!(refused.fault().unwrap().phase, Some(Phase::Connect));
    assert!(refused.address.is_some());

    let reset = Server::http(|stream, _| {
        let socket = socket2::SockRef::from(&*stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    });
    assert_fails(&probe(&prober, &http_check(&reset.url())), Reason::Connect, "reset");
}

#[test]
fn stalls_are_timeouts_in_their_phase() {
    let prober = prober(&settings());
    let before = Server::http(|stream, _| hold(stream));
    let after = Server::http(|stream, _| {
        send(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        hold(stream);
    });
    let drip = Server::http(|stream, _| {
        send(stream, b"HTTP/1.1 200 OK\r\nX: ");
        for _ in 0..2000 {
            send(stream, b"x");
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    for (server, phase) in [(before, Phase::Processing), (after, Phase::Transfer), (drip, Phase::Processing)] {
        let mut check = http_check(&server.url());
        check.timeout = SHORT;
        let observation = probe(&prober, &check);
        assert_fails(&observation, Reason::Timeout, phase.as_str());
        assert_eq!(observation.fault().unwrap().phase, Some(phase));
        assert!(observation.phases.get(phase).is_some(), "the phase under way has its time");
    }
}

#[test]
fn what_is_not_http_breaks_the_protocol() {
    let prober = prober(&settings());
    for (bytes, words) in [
        (&b""[..], "closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ""),
        (b"HTTP/1.1 \x1b[2J 200\r\n\r\n", ""),
    ] {
        let server = Server::answering(bytes);
        assert_fails(&probe(&prober, &http_check(&server.url())), Reason::Protocol, words);
    }
}

#[test]
fn an_answer_ended_by_the_connection_is_complete() {
    let server = Server::answering("HTTP/1.0 200 OK\r\n\r\nAnmelden");
    let mut check = http_check(&server.url());
    check.expect.body_contains = vec!["Anmelden".to_owned()];
    let observation = probe(&prober(&settings()), &check);
    assert_up(&observation);
    assert_eq!(observation.http.unwrap().version, HttpVersion::Http10);
}

#[test]
fn a_few_interim_answers_are_borne_and_many_are_not() {
    let good = answer("200 OK", "", "ok");
    let prober = prober(&settings());
    for (interim, is_up) in [(5, true), (6, false), (5000, false)] {
        let mut bytes = b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n".repeat(interim);
        bytes.extend_from_slice(&good);
        let observation = probe(&prober, &http_check(&Server::answering(bytes).url()));
        if is_up {
            assert_up(&observation);
        } else {
            assert_fails(&observation, Reason::Protocol, "interim");
        }
    }
}

#[test]
fn the_server_may_close_first() {
    // The server notes whether the client was still there when it closed.
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = Server::http(move |stream, _| {
        send(stream, &answer("200 OK", "", "ok"));
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let still_open = matches!(std::io::Read::read(stream, &mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
        sender.send(still_open).unwrap();
    });
    assert_up(&probe(&prober(&settings()), &http_check(&server.url())));
    assert!(receiver.recv().unwrap(), "the prober left before the server");
}

#[test]
fn a_pinned_address_replaces_the_look_up_for_the_configured_origin_only() {
    let server = Server::http(|stream, head| {
        assert!(head.to_ascii_lowercase().contains("host: portal.invalid:8099"), "{head}");
        send(stream, &answer("302 Found", "Location: http://other.invalid/\r\n", ""));
    });
    let mut request = http_probe("http://portal.invalid:8099/");
    request.resolve = Some(server.address);
    let observation = probe(&prober(&settings()), &check(Probe::Http(request)));
    // The resolver of these tests is a closed port: the second hop had to ask it.
    assert_fails(&observation, Reason::ProbeFault, "resolver");
    assert_eq!(server.visits(), 1);
}

#[test]
fn post_sends_its_body_and_becomes_get_after_see_other() {
    let server = Server::raw(|mut stream| {
        let head = super::server::read_head(&mut stream);
        if head.starts_with("POST / ") {
            let mut body = [0; 5];
            std::io::Read::read_exact(&mut stream, &mut body).unwrap();
            assert_eq!(&body, b"a=b&c");
            send(&mut stream, &answer("303 See Other", "Location: /done\r\n", ""));
        } else {
            assert!(head.starts_with("GET /done "), "{head}");
            send(&mut stream, &answer("200 OK", "", "done"));
        }
    });
    let mut request = http_probe(&server.url());
    request.method = "POST".to_owned();
    request.body = Some("a=b&c".to_owned());
    let mut check = check(Probe::Http(request));
    check.expect.body_contains = vec!["done".to_owned()];
    assert_up(&probe(&prober(&settings()), &check));
}

#[test]
fn user_names_in_redirects_are_dropped() {
    let server = Server::http(|stream, head| {
        let host = head.to_ascii_lowercase().split("host: ").nth(1).unwrap().lines().next().unwrap().to_owned();
        let location = format!("Location: http://user:word@{host}/in\r\n");
        send(
            stream,
            &if head.starts_with("GET / ") { answer("302 F", &location, "") } else { answer("200 OK", "", "") },
        );
    });
    let observation = probe(&prober(&settings()), &http_check(&server.url()));
    assert_up(&observation);
    assert_eq!(observation.http.unwrap().final_url, format!("{}in", server.url()));
}

#[test]
fn how_long_a_target_wants_to_be_left_alone_is_noted_where_it_turns_everybody_away() {
    const DATED: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let dated = |until: &str| format!("{DATED}Retry-After: {until}\r\n");
    for (status, headers, seconds) in [
        ("503 Service Unavailable", "Retry-After: 120\r\n".to_owned(), Some(120)),
        ("429 Too Many Requests", "Retry-After: 0\r\n".to_owned(), Some(0)),
        ("503 Service Unavailable", "Retry-After: 99999999999999999999999\r\n".to_owned(), Some(u32::MAX.into())),
        ("503 Service Unavailable", dated("Sun, 06 Nov 1994 08:51:37 GMT"), Some(120)),
        ("503 Service Unavailable", dated("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0)),
        ("503 Service Unavailable", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n".to_owned(), Some(0)),
        ("503 Service Unavailable", "Retry-After: bald\r\n".to_owned(), None),
        ("503 Service Unavailable", "Retry-After: -1\r\n".to_owned(), None),
        ("503 Service Unavailable", "Retry-After:\r\n".to_owned(), None),
        ("503 Service Unavailable", String::new(), None),
        ("403 Forbidden", "Retry-After: 120\r\n".to_owned(), None),
        ("200 OK", "Retry-After: 120\r\n".to_owned(), None),
    ] {
        let server = Server::answering(answer(status, &headers, ""));
        let observation = probe(&prober(&settings()), &http_check(&server.url()));
        let http = observation.http.as_ref().unwrap();
        assert_eq!(http.retry_after, seconds.map(Duration::from_secs), "{status} {headers}");
        let reason = observation.fault().map(|fault| fault.reason);
        let expected = match http.status {
            503 => Some(Reason::Status),
            429 | 403 => Some(Reason::Blocked),
            _ => None,
        };
        assert_eq!(reason, expected, "{status}");
    }
}
