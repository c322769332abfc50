//! Where probes may go: every kind of hop against a canary that must hear nothing.

use turmwacht::clock::Clock;
use turmwacht::model::check::{Check, DnsProbe, Probe, Starttls, TcpProbe, TlsProbe, TlsSettings};
use turmwacht::model::observation::Outcome;
use turmwacht::model::settings::ProbingSettings;
use turmwacht::model::verdict::Reason;
use turmwacht::probe::Freshness;

use super::server::{Server, answer};
use super::{SHORT, assert_fails, assert_up, check, http_check, http_probe, probe, prober, run, settings};

/// Every way to name the canary's port on this machine without a network being allowed.
fn ways_inside(port: u16) -> Vec<Check> {
    let mut checks = Vec::new();
    for host in [
        "127.0.0.1",
        "localhost",
        "sub.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:0:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[64:ff9b:1:7f00:0:100::]",
        "[2002:7f00:1::1]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
    ] {
        checks.push(http_check(&format!("http://{host}:{port}/")));
        checks.push(http_check(&format!("https://{host}:{port}/")));
    }
    let mut pinned = http_probe("http://portal.test/");
    pinned.resolve = Some(([127, 0, 0, 1], port).into());
    checks.push(check(Probe::Http(pinned)));
    let host = "127.0.0.1".to_owned();
    checks.push(check(Probe::Tls(TlsProbe { host: host.clone(), port, tls: TlsSettings::default() })));
    for starttls in [None, Some(Starttls::Smtp)] {
        let (send, expect, tls) = (None, None, TlsSettings::default());
        checks.push(check(Probe::Tcp(TcpProbe { host: host.clone(), port, send, expect, starttls, tls })));
    }
    for way in ["", "tcp://", "tls://"] {
        let (name, record_type) = ("x.test".to_owned(), "A".to_owned());
        checks.push(check(Probe::Dns(DnsProbe {
            name,
            record_type,
            resolver: Some(format!("{way}127.0.0.1:{port}")),
        })));
    }
    checks
}

#[test]
fn nothing_private_is_reached_unless_the_operator_allows_it() {
    let canary = Server::answering(answer("200 OK", "", "canary"));
    let closed = prober(&ProbingSettings { private_networks: Vec::new(), ..settings() });
    for check in ways_inside(canary.address.port()) {
        assert_fails(&probe(&closed, &check), Reason::ProbeFault, "private_networks");
        // References go the same way.
        let reference = closed.prepare_one(&check.probe, SHORT);
        let facts = run(closed.run(&reference, Freshness::Fresh, &Clock::new()));
        assert!(matches!(facts.outcome, Outcome::Failed(fault) if fault.detail.contains("private_networks")));
    }
    assert_eq!(canary.visits(), 0, "the canary heard something");
}

#[test]
fn metadata_and_link_local_are_closed_even_where_everything_is_allowed() {
    let open =
        ProbingSettings { private_networks: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()], ..settings() };
    for host in [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "0.0.0.0",
        "0.1.2.3",
        "[::]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::169.254.169.254]",
        "[64:ff9b:1:a9fe:a9:fe00::]",
        "[2002:a9fe:a9fe::]",
        "224.0.0.1",
        "[ff02::1]",
    ] {
        let observation = probe(&prober(&open), &http_check(&format!("http://{host}/")));
        assert_fails(&observation, Reason::ProbeFault, "never probed");
    }
}

#[test]
fn a_redirect_within_the_same_zone_is_followed_and_one_to_the_metadata_service_is_not() {
    let inner = Server::answering(answer("200 OK", "", "inside"));
    let hop = |location: String| Server::answering(answer("302 Found", &format!("Location: {location}\r\n"), ""));
    let prober = prober(&settings());
    assert_up(&probe(&prober, &http_check(&hop(inner.url()).url())));
    let metadata = hop("http://169.254.169.254/latest/meta-data/".to_owned());
    assert_fails(&probe(&prober, &http_check(&metadata.url())), Reason::ProbeFault, "never probed");
}
