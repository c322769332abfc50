//! Assertions, slowness, and the numbers read off an observation.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use turmwacht::model::check::{Check, Phase, PhaseLimit};
use turmwacht::model::verdict::Reason;
use turmwacht::probe::reading;

use super::server::{Server, answer, closed_port};
use super::{assert_fails, assert_up, http_check, probe, prober, settings, verdict};

fn answered(
    status: &str,
    headers: &str,
    body: &str,
    expect: impl FnOnce(&mut Check),
) -> turmwacht::model::observation::Observation {
    let server = Server::answering(answer(status, headers, body));
    let mut check = http_check(&server.url());
    expect(&mut check);
    probe(&prober(&settings()), &check)
}

#[test]
fn a_maintenance_page_with_200_is_content() {
    let page = "<h1>Wartungsarbeiten</h1>";
    let lacks = answered("200 OK", "", page, |check| check.expect.body_lacks = vec!["Wartungsarbeiten".to_owned()]);
    assert_fails(&lacks, Reason::Content, "contains `Wartungsarbeiten`");
    let contains = answered("200 OK", "", page, |check| check.expect.body_contains = vec!["Anmelden".to_owned()]);
    assert_fails(&contains, Reason::Content, "lacks `Anmelden`");
    let matches =
        answered("200 OK", "", page, |check| check.expect.body_matches = vec!["(?i)wartungs?arbeit".to_owned()]);
    assert_up(&matches);
}

#[test]
fn the_first_unmet_assertion_decides_in_a_fixed_order() {
    let everything_wrong = |check: &mut Check| {
        check.expect.body_contains = vec!["x".to_owned()];
        check.expect.headers = BTreeMap::from([("Server".to_owned(), "nginx".to_owned())]);
        check.expect.redirects_to = Some("https://".to_owned());
        check.degraded.slower_than = Some(Duration::ZERO);
    };
    assert_fails(&answered("500 Oh", "", "", everything_wrong), Reason::Status, "500");
    assert_fails(&answered("200 OK", "", "", everything_wrong), Reason::Content, "instead of");
    let header = |check: &mut Check| {
        everything_wrong(check);
        check.expect.redirects_to = None;
    };
    assert_fails(&answered("200 OK", "Server: \x1b[1mapache\r\n", "", header), Reason::Protocol, "");
    assert_fails(&answered("200 OK", "Server: apache\r\n", "", header), Reason::Content, "`apache`");
    assert_fails(&answered("200 OK", "", "", header), Reason::Content, "server is not there");
    assert_fails(&answered("200 OK", "Server: nginx\r\n", "", header), Reason::Content, "lacks `x`");
    assert_fails(&answered("200 OK", "Server: nginx\r\n", "x", header), Reason::Slow, "the probe took");
}

#[test]
fn slowness_is_measured_whole_and_per_phase() {
    let slow = Server::http(|stream, _| {
        std::thread::sleep(Duration::from_millis(60));
        super::server::send(stream, &answer("200 OK", "", "ok"));
    });
    let mut check = http_check(&slow.url());
    check.degraded.phase = vec![
        PhaseLimit { phase: Phase::Tls, limit: Duration::ZERO },
        PhaseLimit { phase: Phase::Processing, limit: Duration::from_millis(30) },
    ];
    let observation = probe(&prober(&settings()), &check);
    assert_fails(&observation, Reason::Slow, "processing took");
    assert_eq!(reading(&observation).success, Some(true), "slow is a success");
}

#[test]
fn json_is_asserted_by_path() {
    let body = r#"{"status":{"indicator":"none"},"n":[1,2]}"#;
    let expecting = |path: &str, value: serde_json::Value| {
        let json = BTreeMap::from([(path.to_owned(), value)]);
        answered("200 OK", "", body, move |check| check.expect.json = json)
    };
    assert_up(&expecting("$.status.indicator", json!("none")));
    assert_fails(&expecting("$.status.indicator", json!("major")), Reason::Content, "it is \"none\"");
    assert_fails(&expecting("$.absent", json!(1)), Reason::Content, "nothing is there");
    assert_fails(&expecting("$.n[*]", json!(1)), Reason::Content, "2 values");
    let html = answered("200 OK", "", "<html>", |check| {
        check.expect.json = BTreeMap::from([("$".to_owned(), json!(1))]);
    });
    assert_fails(&html, Reason::Content, "not JSON");
}

#[test]
fn a_page_in_latin_1_is_readable() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    bytes.extend_from_slice(b"St\xf6rung behoben");
    let server = Server::answering(bytes);
    let mut check = http_check(&server.url());
    check.expect.body_contains = vec!["Störung behoben".to_owned()];
    assert_up(&probe(&prober(&settings()), &check));
}

#[test]
fn hostile_bodies_do_not_hold_up_the_loop() {
    let prober = prober(&settings());
    let letters = "ab".repeat(524_288);
    let nested = "[".repeat(1_048_576);
    let objects = format!("[{}0]", "{\"a\":1},".repeat(120_000));
    for (body, pattern, path) in [
        (letters, "(a|b)*a(a|b){40}[c-z]", "$"),
        (nested, "(\\[+)+\\]", "$..*..*"),
        (objects, "(.*)*x{20}", "$..*..*..*"),
    ] {
        let server = Server::answering(answer("200 OK", "", &body));
        let mut matching = http_check(&server.url());
        matching.expect.body_matches = vec![pattern.to_owned()];
        let mut selecting = http_check(&server.url());
        selecting.expect.json = BTreeMap::from([(path.to_owned(), json!(1))]);
        for check in [matching, selecting] {
            let observation = probe(&prober, &check);
            let (reason, _) = verdict(&observation);
            assert!(matches!(reason, Some(Reason::Content | Reason::ProbeFault)), "{observation:?}");
        }
    }
}

#[test]
fn readings_mean_what_blackbox_exporter_means() {
    let server = Server::answering(answer("200 OK", "", "four"));
    let mut check = http_check(&server.url());
    let prober = prober(&settings());
    let up = reading(&probe(&prober, &check));
    assert_eq!((up.success, up.reason, up.http_status), (Some(true), None, Some(200)));
    assert_eq!((up.ipv6, up.http_ssl, up.http_version), (Some(false), Some(false), Some(1.1)));
    assert_eq!((up.content_length, up.body_bytes, up.failed_content), (Some(4), Some(4), Some(false)));
    // FNV-1a over 127, 0, 0, 1.
    assert_eq!(up.address_hash, Some(turmwacht::probe::address_hash("127.0.0.1".parse().unwrap())));

    check.expect.body_contains = vec!["x".to_owned()];
    let content = reading(&probe(&prober, &check));
    assert_eq!((content.success, content.failed_content), (Some(false), Some(true)));
    let blocked = reading(&answered("403 Forbidden", "", "", |_| ()));
    assert_eq!((blocked.success, blocked.reason), (Some(false), Some(Reason::Blocked)));
    let refused = reading(&probe(&prober, &http_check(&format!("http://{}/", closed_port()))));
    assert_eq!((refused.success, refused.http_status, refused.failed_content), (Some(false), None, None));
    let forbidden = reading(&probe(&prober, &http_check("http://10.0.0.1/")));
    assert_eq!((forbidden.success, forbidden.reason), (None, Some(Reason::ProbeFault)));
}
