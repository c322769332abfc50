//! The kind `dns`, and look-ups, against unbound: one zone, over UDP, TCP and TLS.

use std::net::SocketAddr;
use std::path::Path;

use turmwacht::engine::judge::judge;
use turmwacht::model::check::{Check, DnsProbe, Phase, Probe};
use turmwacht::model::observation::{DnsFacts, Observation};
use turmwacht::model::settings::{ProbingSettings, ResolverAddress};
use turmwacht::model::verdict::{Reason, Verdict};

use super::authority::{Authority, Certificate};
use super::nginx::{nginx, site};
use super::process::{Peer, Ports};
use crate::probe::{assert_fails, assert_up, check, http_check, probe, prober, settings};

const ZONE: &str = r#"$ORIGIN muster.test.
$TTL 300
@       SOA   ns hostmaster 2026112101 7200 3600 1209600 300
@       NS    ns
@       A     127.0.0.1
@       AAAA  ::1
@       MX    10 mx1
@       MX    20 mx2.provider.test.
@       TXT   "v=spf1 mx -all"
@       CAA   0 issue "letsencrypt.org"
ns      A     127.0.0.1
mx1     A     127.0.0.1
portal  A     127.0.0.1
portal  AAAA  ::1
www     CNAME portal
_sip._udp SRV 10 5 5060 portal
"#;

/// Knows one zone and refuses all else. Listens plainly at its first port, over TLS at its second.
fn unbound(certificate: &Certificate) -> Option<Peer> {
    let long: String = (0..80).map(|index| format!("long TXT \"record {index:03} of a long answer\"\n")).collect();
    let configuration = |folder: &Path, ports: &[u16]| {
        std::fs::write(folder.join("zone"), format!("{ZONE}{long}")).unwrap();
        format!(
            r#"server:
    do-daemonize: no
    use-syslog: no
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: "{folder}/pid"
    interface: 127.0.0.1@{plain}
    interface: 127.0.0.1@{tls}
    tls-port: {tls}
    tls-service-pem: "{chain}"
    tls-service-key: "{key}"
    access-control: 127.0.0.0/8 allow
    module-config: "iterator"
    local-zone: "test." nodefault
    local-zone: "." refuse
    local-zone: "muster.test." transparent
remote-control:
    control-enable: no
auth-zone:
    name: "muster.test."
    zonefile: "{folder}/zone"
    for-downstream: yes
    for-upstream: no
"#,
            folder = folder.display(),
            plain = ports[0],
            tls = ports[1],
            chain = certificate.chain.display(),
            key = certificate.key.display(),
        )
    };
    Peer::start("unbound", &["-d"], Ports::Free(2), configuration)
}

fn asking(resolver: ResolverAddress, authority: &Authority) -> ProbingSettings {
    ProbingSettings { resolvers: vec![resolver], extra_ca: vec![authority.file.clone()], ..settings() }
}

fn dns(name: &str, record_type: &str, resolver: Option<String>) -> Check {
    check(Probe::Dns(DnsProbe { name: name.to_owned(), record_type: record_type.to_owned(), resolver }))
}

fn facts(observation: &Observation) -> &DnsFacts {
    assert_up(observation);
    assert_eq!(judge(observation, true), (Verdict::Up, None));
    observation.dns.as_ref().unwrap()
}

#[test]
fn every_way_to_ask_gives_the_zone_s_records() {
    let authority = Authority::new("Resolver Authority");
    let Some(peer) = unbound(&authority.issue("127.0.0.1", 2099)) else { return };
    let (plain, tls) = (peer.address(0), peer.address(1));
    let over_tls = ResolverAddress::Tls { host: tls.ip().to_string(), port: tls.port() };
    let records: [(&str, &str, &[&str]); 8] = [
        ("muster.test", "A", &["127.0.0.1"]),
        ("muster.test", "AAAA", &["::1"]),
        ("muster.test", "MX", &["10 mx1.muster.test.", "20 mx2.provider.test."]),
        ("muster.test", "TXT", &["\"v=spf1 mx -all\""]),
        ("muster.test", "NS", &["ns.muster.test."]),
        ("muster.test", "CAA", &["0 issue \"letsencrypt.org\""]),
        ("www.muster.test", "CNAME", &["portal.muster.test."]),
        ("_sip._udp.muster.test", "SRV", &["10 5 5060 portal.muster.test."]),
    ];
    for (resolver, named) in [
        (ResolverAddress::Plain(plain), None),
        (ResolverAddress::Tcp(plain), None),
        (over_tls.clone(), None),
        (over_tls.clone(), Some(plain.to_string())),
        (over_tls.clone(), Some(format!("tcp://{plain}"))),
        (ResolverAddress::Plain(plain), Some(format!("tls://{tls}"))),
    ] {
        let prober = prober(&asking(resolver, &authority));
        for (name, record_type, expected) in records {
            let mut check = dns(name, record_type, named.clone());
            check.expect.records = expected.iter().map(|record| (*record).to_owned()).collect();
            let observation = probe(&prober, &check);
            assert_eq!(facts(&observation).records, expected, "{name} {record_type} {named:?}");
            assert_eq!(facts(&observation).rcode, "NOERROR");
            assert!(observation.phases.processing.is_some());
            let connects = named.as_ref().is_some_and(|named| named.contains("://"));
            assert_eq!(observation.phases.connect.is_some(), connects, "{named:?}");
        }
        let soa = probe(&prober, &dns("muster.test", "SOA", named.clone()));
        assert_eq!(facts(&soa).serial, Some(2_026_112_101));
        // Through an alias, both records are in the answer and one is of the type asked for.
        let alias = probe(&prober, &dns("www.muster.test", "A", named.clone()));
        assert_eq!((facts(&alias).records.as_slice(), facts(&alias).answers), (&["127.0.0.1".to_owned()][..], 2));
        // Too long for UDP: asked again over TCP.
        assert_eq!(facts(&probe(&prober, &dns("long.muster.test", "TXT", named))).answers, 80);
    }
}

#[test]
fn what_is_not_there_is_told_apart() {
    let authority = Authority::new("Resolver Authority");
    let Some(peer) = unbound(&authority.issue("127.0.0.1", 2099)) else { return };
    let plain = peer.address(0);
    let prober = prober(&asking(ResolverAddress::Plain(plain), &authority));
    let named = Some(plain.to_string());
    for resolver in [None, named.clone()] {
        let nowhere = probe(&prober, &dns("nowhere.muster.test", "A", resolver.clone()));
        assert_fails(&nowhere, Reason::Dns, "NXDOMAIN");
        assert_eq!(judge(&nowhere, true), (Verdict::Down, Some(Reason::Dns)));
        let answer = nowhere.dns.unwrap();
        assert_eq!((answer.rcode.as_str(), answer.answers, answer.authorities), ("NXDOMAIN", 0, 1));
        let empty = probe(&prober, &dns("portal.muster.test", "MX", resolver.clone()));
        assert_fails(&empty, Reason::Missing, "no record of this type");
        let mut other = dns("muster.test", "MX", resolver);
        other.expect.records = vec!["10 mx9.muster.test.".to_owned()];
        let other = probe(&prober, &other);
        assert_fails(&other, Reason::Missing, "10 mx9.muster.test.");
        assert_eq!(other.dns.unwrap().records.len(), 2);
    }
    // Refused: the target's fault where it is the target, our own side's where it is ours.
    let refused = probe(&prober, &dns("elsewhere.test", "A", named));
    assert_fails(&refused, Reason::Dns, "REFUSED");
    let refused = probe(&prober, &dns("elsewhere.test", "A", None));
    assert_fails(&refused, Reason::ProbeFault, "REFUSED");
    assert_eq!(judge(&refused, true).0, Verdict::Unknown);
    let nowhere = probe(&prober, &http_check("http://nowhere.muster.test:1/"));
    assert_fails(&nowhere, Reason::Dns, "nowhere.muster.test does not exist");
}

#[test]
fn a_resolver_s_certificate_is_verified() {
    let authority = Authority::new("Resolver Authority");
    let stranger = Authority::new("Stranger");
    let Some(peer) = unbound(&authority.issue("127.0.0.1", 2099)) else { return };
    let (plain, tls) = (peer.address(0), peer.address(1));
    let named = || dns("muster.test", "MX", Some(format!("tls://{tls}")));
    let known = probe(&prober(&asking(ResolverAddress::Plain(plain), &authority)), &named());
    assert_eq!(facts(&known).answers, 2);
    assert!(known.phases.tls.is_some());
    let seen = known.tls.unwrap();
    assert_eq!((seen.version, seen.refused.as_deref()), (Some("TLS 1.3"), None));
    assert_eq!(seen.chain[0].names, ["127.0.0.1"]);
    let unknown = probe(&prober(&asking(ResolverAddress::Plain(plain), &stranger)), &named());
    assert_fails(&unknown, Reason::Certificate, "CN=Resolver Authority, which is not trusted");
    assert!(unknown.tls.unwrap().refused.is_some());
    // As our own resolver, a refused certificate is our own side's fault.
    let over_tls = ResolverAddress::Tls { host: tls.ip().to_string(), port: tls.port() };
    let ours = probe(&prober(&asking(over_tls, &stranger)), &http_check("http://portal.muster.test:1/"));
    assert_fails(&ours, Reason::ProbeFault, "not trusted");
}

#[test]
fn a_name_with_two_addresses_is_reached_over_the_one_that_answers() {
    let authority = Authority::new("Authority");
    let Some(names) = unbound(&authority.issue("127.0.0.1", 2099)) else { return };
    let Some(web) = nginx(&[site("return 200 \"Willkommen\\n\";")]) else { return };
    // AAAA leads to ::1, where nginx does not listen.
    for name in ["portal.muster.test", "www.muster.test"] {
        let prober = prober(&asking(ResolverAddress::Plain(names.address(0)), &authority));
        let mut check = http_check(&format!("http://{name}:{}/", web.address(0).port()));
        check.expect.body_contains = vec!["Willkommen".to_owned()];
        let observation = probe(&prober, &check);
        assert_up(&observation);
        assert_eq!(observation.address, Some(web.address(0)));
        for phase in [Phase::Resolve, Phase::Connect, Phase::Processing, Phase::Transfer] {
            assert!(observation.phases.get(phase).is_some(), "{phase}");
        }
        assert_eq!(observation.phases.tls, None);
    }
}

#[test]
fn a_stopped_resolver_is_our_own_fault_unless_it_was_asked_for() {
    let authority = Authority::new("Authority");
    let Some(mut first) = unbound(&authority.issue("127.0.0.1", 2099)) else { return };
    let Some(second) = unbound(&authority.issue("127.0.0.1", 2099)) else { return };
    let Some(web) = nginx(&[site("return 200;")]) else { return };
    let both = |servers: &[SocketAddr]| {
        let resolvers = servers.iter().map(|address| ResolverAddress::Plain(*address)).collect();
        prober(&ProbingSettings { resolvers, ..settings() })
    };
    let portal = http_check(&format!("http://portal.muster.test:{}/", web.address(0).port()));
    first.stop();
    let alone = probe(&both(&[first.address(0)]), &portal);
    assert_fails(&alone, Reason::ProbeFault, "no second one");
    assert_up(&probe(&both(&[first.address(0), second.address(0)]), &portal));
    let asked = probe(&both(&[second.address(0)]), &dns("muster.test", "A", Some(first.address(0).to_string())));
    assert_fails(&asked, Reason::Connect, "refuses");
    assert_eq!(judge(&asked, true), (Verdict::Down, Some(Reason::Connect)));
}
