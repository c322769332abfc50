//! Metrics, read back by a strict parser of the exposition formats.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use turmwacht::model::id::{CheckId, IncidentId, OrganisationId};
use turmwacht::model::incident::Impact;
use turmwacht::model::measurements::{Gauged, Measured, Measurements, OpenIncident, Overdue, Reading};
use turmwacht::model::observation::{CertificateFacts, Phases, TlsFacts};
use turmwacht::model::status::{ComponentKind, Evidence, Status};
use turmwacht::model::text::Text;
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::Reason;
use turmwacht::publish::metrics::{adopt, write};
use turmwacht::telemetry::Metrics;

use super::sample::{NOW, component_id, state, time};

#[derive(Debug, Default)]
pub(super) struct Exposition {
    pub(super) samples: HashMap<Series, f64>,
    families: Vec<String>,
}

/// Name and labels of a series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Series(pub(super) String, pub(super) BTreeMap<String, String>);

/// Reads an exposition and holds it to the rules: HELP and TYPE once and before the samples, a
/// family's samples together, no series twice, every value a number, `# EOF` at the end of
/// OpenMetrics and nowhere else.
pub(super) fn parse(text: &str, openmetrics: bool) -> Exposition {
    let mut exposition = Exposition::default();
    let (mut helped, mut typed) = (HashSet::new(), HashMap::new());
    assert!(text.ends_with('\n'));
    assert_eq!(text.ends_with("# EOF\n"), openmetrics);
    let body = text.strip_suffix("# EOF\n").unwrap_or(text);
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            assert!(
                !exposition.families.iter().any(|family| family == name && kind != "TYPE") || kind == "UNIT",
                "{line}"
            );
            match kind {
                "HELP" => assert!(helped.insert(name.to_owned()) && !rest.is_empty(), "{line}"),
                "TYPE" => {
                    assert!(typed.insert(name.to_owned(), rest.to_owned()).is_none(), "{line}");
                    exposition.families.push(name.to_owned());
                }
                "UNIT" => assert!(openmetrics && name.ends_with(&format!("_{rest}")), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, rest) = line.split_at(line.find('{').expect("labels"));
        let (labels, value) = labels(rest.strip_prefix('{').expect("labels"));
        let family = exposition.families.last().expect("a family before its samples");
        let allowed: &[&str] = match (typed[family].as_str(), openmetrics) {
            ("counter", true) => &["_total"],
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        assert!(helped.contains(family), "{line}");
        assert!(allowed.iter().any(|suffix| name == format!("{family}{suffix}")), "{line} in {family}");
        let value: f64 = value.trim_start().parse().expect("a number");
        assert!(exposition.samples.insert(Series(name.to_owned(), labels), value).is_none(), "twice: {line}");
    }
    exposition
}

/// Reads labels up to the closing brace, and returns what follows.
fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.starts_with('}') {
        let (name, after) = rest.split_once("=\"").expect("a label");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().expect("a closing quote") {
                (index, '"') => break index,
                (_, '\\') => value.push(match chars.next().expect("an escape").1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    other => panic!("unknown escape {other}"),
                }),
                (_, c) => value.push(c),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "label {name} twice");
        rest = after.split_at(end + 1).1;
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    (labels, rest.split_at(1).1)
}

fn reading(reason: Option<Reason>) -> Reading {
    Reading {
        success: Some(reason.is_none()),
        reason,
        ended_at: time(NOW),
        duration: Duration::from_micros(123_456),
        ..Reading::default()
    }
}

fn measured(component: &str, check: &str, kind: &'static str, reading: Reading) -> Measured {
    Measured {
        component: component_id(component),
        check: CheckId::new(check),
        kind,
        timeout: Duration::from_secs(10),
        reading: Arc::new(reading),
    }
}

/// One check of each kind and state.
pub(super) fn measurements() -> Measurements {
    let tls = |refused: Option<&str>| {
        Some(Arc::new(TlsFacts {
            version: Some("TLS 1.3"),
            cipher: Some("TLS_AES_256_GCM_SHA384".to_owned()),
            chain: vec![CertificateFacts {
                subject: "CN=intern.example".to_owned(),
                issuer: "CN=Ca \"x\"".to_owned(),
                serial: "0a".to_owned(),
                fingerprint_sha256: "ff".to_owned(),
                names: vec!["intern.example".to_owned(), "a.example".to_owned()],
                not_before: time("2023-01-01T00:00:00Z"),
                not_after: time("2024-01-01T00:00:00Z"),
            }],
            refused: refused.map(str::to_owned),
        }))
    };
    let phases = Phases {
        resolve: Some(Duration::from_millis(2)),
        connect: Some(Duration::from_micros(1)),
        tls: Some(Duration::from_millis(30)),
        processing: Some(Duration::from_millis(40)),
        transfer: None,
    };
    let answered = Reading {
        phases,
        ipv6: Some(true),
        address_hash: Some(4_000_000_000),
        http_status: Some(200),
        http_version: Some(1.1),
        redirects: Some(1),
        http_ssl: Some(true),
        content_length: Some(-1),
        body_bytes: Some(1024),
        last_modified: Some(time("2023-11-01T00:00:00.500Z")),
        failed_content: Some(false),
        tls: tls(None),
        ..reading(None)
    };
    let zone = Reading { phases, dns_records: Some((1, 2, 3)), dns_serial: Some(2_023_110_601), ..reading(None) };
    let expired = Reading { tls: tls(Some("expired")), ..reading(Some(Reason::Certificate)) };
    let blind = Reading { success: None, ..reading(Some(Reason::ProbeFault)) };
    let gauged = |id: &str, status, evidence| Gauged {
        component: component_id(id),
        name: Text::single("de", "Serviceportal"),
        kind: ComponentKind::Portal,
        owner: OrganisationId::new("ennepe-ruhr-kreis"),
        status,
        evidence,
        intervals: Arc::clone(&state(status, evidence, time("2023-11-06T09:12:00Z")).intervals),
    };
    Measurements {
        at: time(NOW),
        vantage: "rz-1".to_owned(),
        language: "de".to_owned(),
        checks: vec![
            measured("portal", "login", "http", answered),
            measured("portal", "down", "http", reading(Some(Reason::Connect))),
            measured("portal", "cert", "tls", expired),
            measured("portal", "zone", "dns", zone),
            measured("portal", "blind", "tcp", blind),
            measured("portal", "new", "http", Reading::default()),
        ],
        components: vec![
            gauged("portal", Status::MajorOutage, Evidence::Own),
            gauged("mail", Status::Operational, Evidence::Declared),
        ],
        incidents: vec![OpenIncident { id: IncidentId::new("i-1"), root: None, owner: None, impact: Impact::Critical }],
        overdue: vec![
            Overdue { kind: "incident", id: "i-1".to_owned() },
            Overdue { kind: "maintenance", id: "umstellung".to_owned() },
        ],
    }
}

fn exposed(targets: Option<&[Arc<str>]>, openmetrics: bool) -> String {
    let mut out = Vec::new();
    write(&measurements(), targets, openmetrics, &mut out, &mut |_| {});
    String::from_utf8(out).expect("UTF-8")
}

fn targets() -> Vec<Arc<str>> {
    (0..6).map(|number| Arc::from(format!("https://intern-{number}.example/"))).collect()
}

/// The value of a probe's series, picked by check and one more label.
fn probe(exposition: &Exposition, name: &str, check: &str, extra: Option<(&str, &str)>) -> Option<f64> {
    let fits = |series: &&Series| {
        series.0 == name
            && series.1["check"] == check
            && extra.is_none_or(|(label, value)| series.1.get(label).is_some_and(|found| found == value))
    };
    exposition.samples.keys().find(fits).map(|series| exposition.samples[series])
}

#[test]
fn probes_have_blackbox_exporters_names_and_meanings() {
    let found = parse(&exposed(None, false), false);
    for (name, check, extra, expected) in [
        ("probe_success", "login", None, Some(1.0)),
        ("probe_success", "down", None, Some(0.0)),
        ("probe_success", "blind", None, None),
        ("probe_success", "new", None, None),
        ("probe_duration_seconds", "login", None, Some(0.123456)),
        ("probe_duration_seconds", "new", None, None),
        ("probe_timeout_seconds", "new", None, Some(10.0)),
        ("probe_dns_lookup_time_seconds", "login", None, Some(0.002)),
        ("probe_ip_protocol", "login", None, Some(6.0)),
        ("probe_ip_addr_hash", "login", None, Some(4e9)),
        ("probe_http_duration_seconds", "login", Some(("phase", "processing")), Some(0.04)),
        ("probe_http_duration_seconds", "login", Some(("phase", "connect")), Some(0.000001)),
        ("probe_http_duration_seconds", "down", Some(("phase", "transfer")), Some(0.0)),
        ("probe_http_status_code", "login", None, Some(200.0)),
        ("probe_http_status_code", "down", None, Some(0.0)),
        ("probe_http_status_code", "zone", None, None),
        ("probe_http_version", "login", None, Some(1.1)),
        ("probe_http_redirects", "login", None, Some(1.0)),
        ("probe_http_ssl", "login", None, Some(1.0)),
        ("probe_http_content_length", "login", None, Some(-1.0)),
        ("probe_http_uncompressed_body_length", "login", None, Some(1024.0)),
        ("probe_http_last_modified_timestamp_seconds", "login", None, Some(1_698_796_800.5)),
        ("probe_failed_due_to_regex", "login", None, Some(0.0)),
        ("probe_ssl_earliest_cert_expiry", "login", None, Some(1_704_067_200.0)),
        ("probe_ssl_earliest_cert_expiry", "cert", None, Some(1_704_067_200.0)),
        ("probe_ssl_last_chain_expiry_timestamp_seconds", "cert", None, None),
        ("probe_tls_version_info", "login", Some(("version", "TLS 1.3")), Some(1.0)),
        ("probe_tls_version_info", "cert", None, None),
        ("probe_tls_cipher_info", "login", Some(("cipher", "TLS_AES_256_GCM_SHA384")), Some(1.0)),
        ("probe_dns_duration_seconds", "zone", Some(("phase", "request")), Some(0.04)),
        ("probe_dns_query_succeeded", "zone", None, Some(1.0)),
        ("probe_dns_answer_rrs", "zone", None, Some(1.0)),
        ("probe_dns_authority_rrs", "zone", None, Some(2.0)),
        ("probe_dns_additional_rrs", "zone", None, Some(3.0)),
        ("probe_dns_serial", "zone", None, Some(2_023_110_601.0)),
        ("probe_failure_reason_info", "down", Some(("reason", "connect")), Some(1.0)),
        ("probe_failure_reason_info", "login", None, None),
    ] {
        assert_eq!(probe(&found, name, check, extra), expected, "{name} {check}");
    }
}

#[test]
fn targets_and_certificates_texts_are_the_operators() {
    let public = exposed(None, false);
    assert!(!public.contains("intern.") && !public.contains("intern-") && !public.contains("target="), "{public}");
    let operator = parse(&exposed(Some(&targets()), false), false);
    let chain = operator.samples.keys().find(|series| series.0 == "probe_ssl_last_chain_info").expect("a chain");
    assert_eq!(chain.1["subjectalternative"], "intern.example,a.example");
    assert_eq!(chain.1["issuer"], "CN=Ca \"x\"");
    assert_eq!(chain.1["target"], "https://intern-0.example/");
}

#[test]
fn components_and_incidents_have_families_of_ours() {
    let text = exposed(None, false);
    parse(&text, false);
    for line in [
        "turmwacht_component_status{component=\"portal\",status=\"major_outage\",evidence=\"own\"} 1",
        "turmwacht_component_status{component=\"portal\",status=\"operational\",evidence=\"own\"} 0",
        "turmwacht_component_status{component=\"mail\",status=\"operational\",evidence=\"declared\"} 1",
        "turmwacht_component_info{component=\"portal\",name=\"Serviceportal\",kind=\"portal\",\
         owner=\"ennepe-ruhr-kreis\"} 1",
        "turmwacht_component_availability_ratio{component=\"portal\",window=\"24h\"} 0.9875",
        "turmwacht_component_outages{component=\"portal\",window=\"90d\"} 1",
        "turmwacht_component_outage_seconds{component=\"portal\",window=\"90d\"} 1080",
        "turmwacht_component_outages{component=\"mail\",window=\"90d\"} 0",
        "turmwacht_incident_info{incident=\"i-1\",root=\"\",owner=\"\",impact=\"critical\"} 1",
        "turmwacht_notices_overdue{kind=\"incident\",id=\"i-1\"} 1",
        "turmwacht_notices_overdue{kind=\"maintenance\",id=\"umstellung\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn both_formats_hold_with_the_programs_own_families() {
    let own = Metrics::new().expect("families");
    own.http_requests.with_label_values(&["feed", "200"]).inc();
    let mut families = Vec::new();
    own.write(&mut families);
    let mut text = Vec::new();
    adopt(&families, true, &mut text);
    let text = String::from_utf8(text).expect("UTF-8");
    assert!(text.contains("# TYPE turmwacht_http_requests counter\n"), "{text}");
    assert!(text.contains("turmwacht_http_requests_total{code=\"200\",route=\"feed\"} 1\n"), "{text}");
    let openmetrics = exposed(Some(&targets()), true);
    let found = parse(&openmetrics, true);
    assert!(openmetrics.contains("# UNIT probe_duration_seconds seconds\n"));
    assert_eq!(found.samples.len(), parse(&exposed(Some(&targets()), false), false).samples.len());
    let mut plain = Vec::new();
    adopt(&families, false, &mut plain);
    assert_eq!(plain, families);
}

#[test]
fn values_are_written_exactly() {
    let mut measurements = measurements();
    measurements.components.clear();
    measurements.incidents.clear();
    measurements.overdue.clear();
    for (micros, written) in
        [(0, "0"), (1, "0.000001"), (1_000_000, "1"), (61_500_000, "61.5"), (10_020_030, "10.02003")]
    {
        measurements.checks =
            vec![measured("a", "b", "tcp", Reading { duration: Duration::from_micros(micros), ..reading(None) })];
        let mut out = Vec::new();
        write(&measurements, None, false, &mut out, &mut |_| {});
        let text = String::from_utf8(out).expect("UTF-8");
        let expected = format!("probe_duration_seconds{{component=\"a\",check=\"b\",vantage=\"rz-1\"}} {written}");
        assert!(text.lines().any(|line| line == expected), "{text}");
    }
    let mut empty = Vec::new();
    let nothing = Measurements { at: Timestamp::default(), ..Measurements::default() };
    write(&nothing, None, false, &mut empty, &mut |_| {});
    assert!(empty.is_empty());
}

#[test]
fn what_is_full_is_handed_over_and_the_parts_are_the_document() {
    const ROOM: usize = 2048;
    for openmetrics in [false, true] {
        let (mut parts, mut part) = (Vec::new(), Vec::with_capacity(ROOM));
        write(&measurements(), Some(&targets()), openmetrics, &mut part, &mut |part| {
            parts.push(std::mem::replace(part, Vec::with_capacity(ROOM)));
        });
        parts.push(part);
        assert!(parts.len() > 5, "{}", parts.len());
        // No part had to grow, and each ends with a line.
        assert!(parts.iter().all(|part| part.capacity() == ROOM && part.ends_with(b"\n")));
        assert_eq!(String::from_utf8(parts.concat()).expect("UTF-8"), exposed(Some(&targets()), openmetrics));
    }
}
