//! Where probes may go: every kind of hop against a canary that must hear nothing.

use turmwacht::model::check::{Check, DnsProbe, Probe, TcpProbe, TlsProbe, TlsSettings};
use turmwacht::model::settings::ProbingSettings;
use turmwacht::model::verdict::Reason;

use super::server::{Server, answer};
use super::{assert_fails, assert_up, check, http_check, http_probe, probe, prober, settings};

/// Every way to name the canary's port on this machine without a network being allowed.
fn ways_inside(port: u16) -> Vec<Check> {
    let mut checks = Vec::new();
    for host in
        ["127.0.0.1", "localhost", "sub.localhost", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "2130706433", "0x7f.1"]
    {
        checks.push(http_check(&format!("http://{host}:{port}/")));
        checks.push(http_check(&format!("https://{host}:{port}/")));
    }
    let mut pinned = http_probe("http://portal.test/");
    pinned.resolve = Some(([127, 0, 0, 1], port).into());
    checks.push(check(Probe::Http(pinned)));
    let host = "127.0.0.1".to_owned();
    checks.push(check(Probe::Tls(TlsProbe { host: host.clone(), port, tls: TlsSettings::default() })));
    checks.push(check(Probe::Tcp(TcpProbe {
        host: host.clone(),
        port,
        send: None,
        expect: None,
        starttls: None,
        tls: TlsSettings::default(),
    })));
    checks.push(check(Probe::Dns(DnsProbe {
        name: "x.test".to_owned(),
        record_type: "A".to_owned(),
        resolver: Some(format!("tcp://127.0.0.1:{port}")),
    })));
    checks
}

#[test]
fn nothing_private_is_reached_unless_the_operator_allows_it() {
    let canary = Server::answering(answer("200 OK", "", "canary"));
    let closed = prober(&ProbingSettings { private_networks: Vec::new(), ..settings() });
    for check in ways_inside(canary.address.port()) {
        assert_fails(&probe(&closed, &check), Reason::ProbeFault, "private_networks");
    }
    assert_eq!(canary.visits(), 0, "the canary heard something");
}

#[test]
fn metadata_and_link_local_are_closed_even_where_everything_is_allowed() {
    let open =
        ProbingSettings { private_networks: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()], ..settings() };
    for host in ["169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "0.0.0.0", "[::]", "[::ffff:169.254.169.254]"] {
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
