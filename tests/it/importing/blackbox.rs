//! `blackbox_exporter`'s modules with Prometheus' jobs.

use std::time::Duration;

use turmwacht::importing::blackbox::import;
use turmwacht::importing::{Fault, Outcome};
use turmwacht::model::check::{HeaderValue, Probe, Starttls};

use super::{Imported, accepted, options, source};

/// Modules, jobs and targets: what `blackbox_exporter` and `promtool` accept, see `peers`.
pub(crate) const MODULES: &str = include_str!("blackbox.yml");
pub(crate) const JOBS: &str = include_str!("prometheus.yml");
pub(crate) const TARGETS: &str =
    r#"[{"targets": ["https://termine.musterstadt.example/select2?md=1"], "labels": {"ort": "Musterstadt"}}]"#;

fn outcome(modules: &str, jobs: &str) -> Result<Outcome, Fault> {
    let sources = [source("blackbox.yml", modules), source("prometheus.yml", jobs), source("lists/web.json", TARGETS)];
    import(&sources, &options())
}

/// One job that asks one target through a module `m` of this text.
#[track_caller]
fn one(module: &str, target: &str) -> Imported {
    let modules = format!("modules:\n  m: {module}\n");
    let jobs = format!(
        "scrape_configs:\n- {{job_name: j, metrics_path: /probe, params: {{module: [m]}}, static_configs: [{{targets: [\"{target}\", \"tcp.example:1\"]}}]}}\n- {{job_name: k, params: {{module: [t]}}, static_configs: [{{targets: [\"ok.example:22\"]}}]}}\n"
    );
    accepted(outcome(&(modules + "  t: {prober: tcp}\n"), &jobs), "")
}

#[test]
fn targets_are_asked_as_they_were() {
    let imported = accepted(outcome(MODULES, JOBS), "");
    let web = imported.checks("www-musterstadt-example");
    let ids: Vec<&str> = web.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["http-2xx", "http-auth"]);
    assert_eq!((web[0].interval, web[0].timeout), (Duration::from_secs(30), Duration::from_secs(5)));
    // The exporter leaves half a second of Prometheus' timeout.
    assert_eq!(web[1].timeout, Duration::from_millis(9_500));
    assert_eq!(web[0].expect.body_matches, ["Rathaus|Stadt"]);
    assert_eq!(web[0].expect.body_lacks, ["Wartungsarbeiten"]);
    assert_eq!(web[0].expect.headers["Content-Type"], "^text/html");
    assert_eq!(web[1].expect.status, [(200, 200), (204, 204)]);
    let Probe::Http(http) = &web[1].probe else { panic!() };
    let secret = HeaderValue::Secret("www-musterstadt-example-authorization".to_owned());
    assert_eq!(http.headers, [("Authorization".to_owned(), secret)]);
    assert!(!imported.outcome.text.contains("hunter2"));
    // Without a scheme the exporter asks by http.
    assert_eq!(imported.check("portal-musterstadt-example").probe.target(), "http://portal.musterstadt.example/");
    let listed = imported.check("termine-musterstadt-example-select2");
    assert_eq!(listed.probe.target(), "https://termine.musterstadt.example/select2?md=1");
    let Probe::Tcp(tcp) = &imported.check("mail-musterstadt-example-25").probe else { panic!() };
    assert_eq!((tcp.starttls, tcp.expect.as_deref()), (Some(Starttls::Smtp), None));
    let Probe::Tcp(tcp) = &imported.check("git-musterstadt-example-22").probe else { panic!() };
    assert_eq!(tcp.expect.as_deref(), Some("(?m)^SSH-2.0-"));
    let Probe::Dns(dns) = &imported.check("dienst-9-9-9-9").probe else { panic!() };
    assert_eq!((dns.name.as_str(), dns.record_type.as_str()), ("musterstadt.example", "MX"));
    imported.assert_left("www.musterstadt.example (prometheus.yml", "ICMP");
    imported.assert_differs("www.musterstadt.example", "Fehler [0-9]+");
    let notes = imported.outcome.report.notes.join("\n");
    assert!(notes.contains("the job prometheus asks no module") && notes.contains("tls_connect"), "{notes}");
}

#[test]
fn modules_mean_what_they_meant() {
    let http = |keys: &str| one(&format!("{{prober: http, http: {{{keys}}}}}"), "https://a.example/");
    let status = |keys: &str| http(keys).check("a-example").expect.status.clone();
    assert_eq!(status(""), []);
    assert_eq!(status("accept_any_response: true"), [(100, 599)]);
    assert_eq!(status("valid_status_codes: [401, 2xx]"), [(401, 401), (200, 299)]);
    let seen = http(
        "method: POST, body: '{}', headers: {Accept: text/html}, no_follow_redirects: true, tls_config: {server_name: b.example}",
    );
    let Probe::Http(probe) = &seen.check("a-example").probe else { panic!() };
    assert_eq!((probe.method.as_str(), probe.body.as_deref(), probe.follow_redirects), ("POST", Some("{}"), false));
    assert_eq!(probe.tls.server_name.as_deref(), Some("b.example"));

    let tcp = |keys: &str| one(&format!("{{prober: tcp, tcp: {{{keys}}}}}"), "a.example:143");
    assert_eq!(tcp("tls: true").check("a-example-143").probe.kind(), "tls");
    let seen = tcp("query_response: [{send: NICK a}, {send: USER a}, {expect: \"PING :(.+)\", send: PONG}]");
    let Probe::Tcp(probe) = &seen.check("a-example-143").probe else { panic!() };
    assert_eq!((probe.send.as_deref(), probe.expect.as_deref()), (Some("NICK a\nUSER a\n"), Some("PING :(.+)")));
    seen.assert_differs("a.example:143", "not said here");
    let seen = tcp("query_response: [{expect: OK}, {send: \". STARTTLS\"}, {expect: OK}, {starttls: true}]");
    let Probe::Tcp(probe) = &seen.check("a-example-143").probe else { panic!() };
    assert_eq!(probe.starttls, Some(Starttls::Imap));

    let dns =
        |keys: &str| one(&format!("{{prober: dns, dns: {{query_name: a.example, query_type: A, {keys}}}}}"), "9.9.9.9");
    for (keys, resolver) in
        [("", "9.9.9.9"), ("transport_protocol: tcp", "tcp://9.9.9.9"), ("dns_over_tls: true", "tls://9.9.9.9")]
    {
        let seen = dns(keys);
        let Probe::Dns(probe) = &seen.check("dienst-9-9-9-9").probe else { panic!() };
        assert_eq!(probe.resolver.as_deref(), Some(resolver), "{keys}");
    }

    for (module, target, why) in [
        ("{prober: icmp}", "a.example", "ICMP"),
        ("{prober: grpc}", "a.example", "`grpc`"),
        ("{prober: http, http: {oauth2: {client_secret: x}}}", "https://a.example/", "OAuth"),
        ("{prober: http, http: {proxy_url: \"http://p\"}}", "https://a.example/", "proxy"),
        ("{prober: http, http: {body_file: /etc/passwd}}", "https://a.example/", "sends a file"),
        ("{prober: http, http: {fail_if_ssl: true}}", "https://a.example/", "encryption"),
        ("{prober: http, http: {basic_auth: {username: u}}}", "http://a.example/", "without encryption"),
        ("{prober: http, http: {valid_status_codes: [x]}}", "https://a.example/", "status"),
        ("{prober: http, http: {tls_config: {cert_file: c}}}", "https://a.example/", "client_cert"),
        ("{prober: http}", "https://a.example/?api_key=hunter2", "`api_key`"),
        ("{prober: http}", "https://u:hunter2@[::1]/", "private address"),
        ("{prober: tcp}", "a.example", "host and a port"),
        ("{prober: tcp}", "10.0.0.1:22", "private address"),
        ("{prober: tcp, tcp: {query_response: [{expect: \"(\"}]}}", "a.example:1", "regular expression"),
        ("{prober: dns, dns: {query_name: a.example}}", "9.9.9.9", "type of records"),
        ("{prober: dns, dns: {query_name: a.example, valid_rcodes: [NXDOMAIN]}}", "9.9.9.9", "error of the resolver"),
        ("{prober: dns, dns: {query_name: a.example, query_type: A}}", "dns.example", "not an address"),
        ("{prober: http, timeout: bald}", "https://a.example/", "timeout"),
        ("{prober: http}", "https://a.example/?subscription-key=hunter2", "`subscription-key`"),
        ("{prober: http}", "https://a.example/?access_key=hunter2", "`access_key`"),
        ("{prober: http}", "https://a.example/?appid=hunter2", "`appid`"),
        ("{prober: http}", "https://a.example/?clientKey=hunter2", "`clientKey`"),
        ("{prober: http, http: {method: POST, body: \"auth=hunter2\"}}", "https://a.example/", "its body"),
        ("{prober: tcp, tcp: {query_response: [{send: AUTH hunter2}, {expect: OK}]}}", "a.example:1", "what it sends"),
        ("{prober: tcp, tcp: {query_response: [{send: PASS hunter2}]}}", "a.example:1", "what it sends"),
        ("{prober: tcp, tcp: {query_response: [{send: a1 LOGIN u hunter2}]}}", "a.example:1", "what it sends"),
        ("{prober: tcp, tcp: {query_response: [{send: \"X-Key: hunter2\"}]}}", "a.example:1", "what it sends"),
    ] {
        let imported = one(module, target);
        let name = target.rsplit(['/', '@']).find(|part| part.contains(['.', ':']) && !part.contains('=')).unwrap();
        imported.assert_left(name, why);
        assert!(!imported.outcome.report.lines().concat().contains("hunter2"));
    }
}

#[test]
fn a_target_that_is_asked_twice_the_same_is_asked_once() {
    let modules = "modules: {a: {prober: http}, b: {prober: http}}";
    let jobs = "scrape_configs:\n- {job_name: x, params: {module: [a]}, static_configs: [{targets: [\"https://a.example/\"]}]}\n- {job_name: y, params: {module: [b]}, static_configs: [{targets: [\"https://a.example/\"]}]}\n";
    let imported = accepted(outcome(modules, jobs), "");
    assert_eq!(imported.check("a-example").id.as_str(), "a");
    assert!(imported.outcome.text.contains("# job y, module b: asks the same"), "{}", imported.outcome.text);
}

#[test]
fn what_is_missing_is_named() {
    let jobs = "scrape_configs:\n- {job_name: x, params: {module: [a]}, static_configs: [{targets: [\"https://a.example/\"]}], file_sd_configs: [{files: [more/*.yml]}], consul_sd_configs: [{}]}\n";
    let report = import(&[source("prometheus.yml", jobs)], &options()).unwrap().report;
    assert_eq!(report.components, 0);
    assert!(report.left[0].text.contains("give blackbox.yml"), "{report:?}");
    let notes = report.notes.join("\n");
    assert!(notes.contains("more/*.yml") && notes.contains("consul_sd_configs"), "{notes}");
    let report = import(&[source("blackbox.yml", MODULES)], &options()).unwrap().report;
    assert!(report.notes.iter().any(|note| note.contains("give prometheus.yml")), "{report:?}");
    let fault = import(&[source("x.yml", "a: b")], &options()).unwrap_err();
    assert!(fault.to_string().contains("`modules`"), "{fault}");
}

#[test]
fn a_header_that_is_not_known_to_be_harmless_is_a_secret() {
    let names = ["X-Auth", "X-Auth-Key", "X-Functions-Key", "Ocp-Apim-Subscription-Key", "X-Whatever"];
    let headers: Vec<String> = names.iter().map(|name| format!("{name}: hunter2")).collect();
    let module = format!("{{prober: http, http: {{headers: {{{}, Accept: text/html}}}}}}", headers.join(", "));
    let imported = one(&module, "https://a.example/");
    assert!(!imported.outcome.text.contains("hunter2"), "{}", imported.outcome.text);
    let Probe::Http(probe) = &imported.check("a-example").probe else { panic!() };
    for name in names {
        let (_, value) = probe.headers.iter().find(|(header, _)| header == name).unwrap();
        assert!(matches!(value, HeaderValue::Secret(_)), "{name}");
    }
    assert!(probe.headers.contains(&("Accept".to_owned(), HeaderValue::Literal("text/html".to_owned()))));
    assert_eq!(imported.outcome.report.secrets.len(), names.len());
}

/// Imports one job of module `a` with these rules and groups of targets.
#[track_caller]
fn relabelled(rules: &str, groups: &str) -> Imported {
    let modules = "modules: {a: {prober: http}, b: {prober: tcp}}";
    let jobs = format!(
        "scrape_configs:\n- job_name: x\n  metrics_path: /probe\n  params: {{module: [a]}}\n  static_configs: [{groups}]\n  relabel_configs:\n{rules}\n"
    );
    accepted(outcome(modules, &jobs), "")
}

#[test]
fn a_target_is_what_the_rules_make_of_it() {
    let through = "  - {source_labels: [__param_target], target_label: instance}\n  - {target_label: __address__, replacement: \"127.0.0.1:9115\"}";
    let seen = relabelled(
        &format!(
            "  - {{source_labels: [__address__], target_label: __param_target, replacement: \"https://$1/health\"}}\n{through}"
        ),
        "{targets: [a.example]}",
    );
    assert_eq!(seen.check("a-example-health").probe.target(), "https://a.example/health");
    // Both in one address, as many write it; and a module by a label.
    let seen = relabelled(
        "  - {source_labels: [__address__], regex: \"(.*);(.*)\", target_label: __param_module, replacement: \"${2}\"}\n  - {source_labels: [__address__], regex: \"(.*);(.*)\", target_label: __param_target}\n  - {source_labels: [modul], regex: (.+), target_label: __param_module}\n  - {source_labels: [amt, ort], regex: \"x;aus\", action: drop}\n  - {source_labels: [ort], regex: \"nord|\", action: keep}",
        "{targets: [\"a.example:22;b\"]}, {targets: [\"c.example:25\"], labels: {modul: b, ort: nord}}, {targets: [\"d.example\"], labels: {amt: x, ort: aus}}, {targets: [\"e.example\"], labels: {ort: süd}}",
    );
    assert_eq!(seen.ids(), ["a-example-22", "c-example-25"]);
    assert!(seen.ids().iter().all(|id| seen.check(id).probe.kind() == "tcp"));
    seen.assert_left("d.example", "drops it");
    seen.assert_left("e.example", "drops it");
    assert!(seen.outcome.report.notes.iter().all(|note| !note.contains("relabel")), "{:?}", seen.outcome.report);
}

#[test]
fn rules_that_are_not_followed_are_named() {
    let seen = relabelled(
        "  - {source_labels: [__address__], target_label: __param_target, action: lowercase}\n  - {source_labels: [a], regex: \"(\", target_label: __param_module}\n  - {source_labels: [a], target_label: \"__param_$1\"}\n  - {regex: a, action: labeldrop}",
        "{targets: [a.example]}",
    );
    let notes = seen.outcome.report.notes.join("\n");
    for (line, why) in [(7, "no `lowercase`"), (8, "`regex`"), (9, "`target_label`")] {
        assert!(
            notes.contains(&format!("prometheus.yml:{line}: a rule of `relabel_configs` is not followed: ")),
            "{notes}"
        );
        assert!(notes.contains(why), "{notes}");
    }
    assert!(!notes.contains(":10:"), "{notes}");
}

#[test]
fn a_list_is_taken_once_however_often_it_is_named() {
    let modules = "modules: {a: {prober: http}}";
    let patterns = "[x*.json, \"*.json\", x.json]";
    let job = &format!(
        "scrape_configs:\n- {{job_name: j, params: {{module: [a]}}, file_sd_configs: [{{files: {patterns}}}, {{files: {patterns}}}]}}\n"
    );
    let list = r#"[{"targets": ["https://a.example/"]}]"#;
    let sources = [source("blackbox.yml", modules), source("p.yml", job), source("x.json", list)];
    let imported = accepted(import(&sources, &options()), "");
    assert!(!imported.outcome.text.contains("asks the same"), "{}", imported.outcome.text);

    // Groups without end, from many names of one list, and texts without end, from one module.
    let groups = format!("[{}]", vec!["{\"targets\": []}"; 20_001].join(","));
    let sources = [source("blackbox.yml", modules), source("p.yml", job), source("x.json", &groups)];
    assert_eq!(import(&sources, &options()).unwrap_err(), Fault::TooMany);
    let modules = format!("modules: {{a: {{prober: http, http: {{method: POST, body: \"{}\"}}}}}}", "x".repeat(60_000));
    let targets: Vec<String> = (0..100).map(|n| format!("\"https://a.example/{n}\"")).collect();
    let list = format!("[{{\"targets\": [{}]}}]", targets.join(","));
    let sources = [source("blackbox.yml", &modules), source("p.yml", job), source("x.json", &list)];
    let fault = import(&sources, &options()).unwrap_err();
    // It stops as soon as there is too much, not when all is there.
    assert!(matches!(fault, Fault::TooLong { bytes } if bytes < 4_400_000), "{fault}");
    let long = format!("[{{\"targets\": [\"https://u:hunter2@a.example/{}\"]}}]", "x".repeat(3_000));
    let sources = [source("blackbox.yml", MODULES), source("p.yml", job), source("x.json", &long)];
    let report = import(&sources, &options()).unwrap().report;
    assert!(report.left[0].text.contains("2,000 bytes") && !report.lines().concat().contains("hunter2"), "{report:?}");
}
