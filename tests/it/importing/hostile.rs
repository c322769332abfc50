//! What is imported is hostile: whatever a name, a URL or a value holds, the outcome is what
//! `config` takes, and holds nothing but values.

use proptest::prelude::*;
use serde_json::{Value, json};
use turmwacht::importing::{Fault, Outcome, blackbox, gatus, open_pvog, uptime_kuma};

use super::open_pvog::since;
use super::uptime_kuma::{backup, monitor};
use super::{accepted, options, source};

/// Names that try to be more than names.
const NAMES: [&str; 14] = [
    "a\"\n[[component]]\nid = \"b\"\n",
    "'''\n[[organisation]]\n",
    "\"\"\"\"\n# x",
    "\\u0000\\",
    "# kein Kommentar",
    "\u{202e}gnp.exe\u{2066}",
    "\u{1b}]0;x\u{7}\u{1b}[2J",
    "a\rb\u{85}c\u{2028}d",
    "{ secret = \"x\" }",
    "\u{0}\u{1}\u{7f}",
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "🏛️ Rathaus 日本",
    "   ",
];

fn kuma(name: &str, word: &str, header: &str) -> Result<Outcome, Fault> {
    let more = json!({
        "url": format!("https://www.musterstadt.example/{word}"), "keyword": word, "description": name,
        "headers": json!({ "X-A": header, name: "b" }).to_string(), "parent": 2, "tags": [{ "name": name, "value": word }],
    });
    let text = backup(&[
        monitor(1, name, "keyword", &more),
        monitor(2, name, "group", &json!({})),
        monitor(3, name, "port", &json!({ "hostname": word, "port": 22 })),
        monitor(4, "Rest", "http", &json!({ "url": "https://rest.example/" })),
    ]);
    uptime_kuma::import_backups(&[source(name, &text)], &options())
}

fn yaml(text: &str) -> String {
    // JSON is YAML, but for what it cannot hold.
    Value::String(text.to_owned()).to_string()
}

fn gatus(name: &str, word: &str) -> Result<Outcome, Fault> {
    let [quoted, word, pattern] = [yaml(name), yaml(word), yaml(&format!("[BODY] == pat(*{word}*)"))];
    let text = format!(
        "endpoints:\n- {{name: {quoted}, group: {quoted}, url: \"https://a.example/\", method: POST, body: {word}, headers: {{X-A: {word}}}, conditions: [{pattern}]}}\n- {{name: Rest, url: \"https://rest.example/\"}}\n"
    );
    gatus::import(&[source(name, &text)], &options())
}

fn blackbox(name: &str, word: &str) -> Result<Outcome, Fault> {
    let [name, word] = [yaml(name), yaml(word)];
    let modules = format!(
        "modules:\n  {name}: {{prober: http, http: {{fail_if_body_matches_regexp: [{word}]}}}}\n  r: {{prober: tcp, tcp: {{query_response: [{{send: {word}, expect: x}}]}}}}\n"
    );
    let jobs = format!(
        "scrape_configs:\n- {{job_name: {name}, params: {{module: [{name}]}}, static_configs: [{{targets: [\"https://a.example/\", {word}]}}]}}\n- {{job_name: r, params: {{module: [r]}}, static_configs: [{{targets: [\"r.example:1\"]}}]}}\n"
    );
    blackbox::import(&[source("m", &modules), source("p", &jobs)], &options())
}

fn pvog(name: &str, word: &str) -> Result<Outcome, Fault> {
    let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let rows = format!(
        "leika_key;leika_name;ars;ozgid;url;online_status;aktiv\n{0};{1};059540016016;{0};https://a.example/;{0};{0}\n;Rest;059540016016;;https://a.example/;;\n;Rest;059540016016;;{0};;\n",
        quote(word),
        quote(name)
    );
    open_pvog::import(&[source(name, &rows)], since(&[]), &options())
}

#[test]
fn names_are_names_and_nothing_else() {
    for (index, name) in NAMES.into_iter().enumerate() {
        // Each beside three others, itself among them.
        for step in [0, 1, 5] {
            let other = NAMES[(index + step) % NAMES.len()];
            for outcome in [kuma(name, other, name), gatus(name, other), blackbox(name, other), pvog(name, other)] {
                // A control character that YAML does not allow is a fault of the file.
                if let Err(Fault::Broken { why, .. }) = &outcome {
                    assert!(!why.contains(['\n', '\u{1b}']), "{why:?}");
                    continue;
                }
                let imported = accepted(outcome, "");
                let bodies: Vec<&str> =
                    imported.loaded.catalogue.organisations.iter().map(|body| body.id.as_str()).collect();
                assert_eq!(bodies, ["musterstadt"]);
                assert!(imported.ids().len() <= 4, "{:?}", imported.ids());
                for line in imported.outcome.report.lines().iter().chain(&imported.outcome.report.notes) {
                    assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
                }
                let comments = imported.outcome.text.lines().filter(|line| line.starts_with('#'));
                for line in comments {
                    assert!(!line.contains(['\u{1b}', '\u{202e}', '\u{85}', '\u{2028}', '\r']), "{line:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_monitor_holds_comes_out_as_values(name in any::<String>(), word in any::<String>(), header in any::<String>()) {
        accepted(kuma(&name, &word, &header), "");
        accepted(pvog(&name, &word), "");
    }

    #[test]
    fn no_bytes_bring_an_import_down(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let source = [turmwacht::importing::Source { name: "x", bytes: &bytes }];
        let outcomes = [
            uptime_kuma::import_backups(&source, &options()),
            gatus::import(&source, &options()),
            blackbox::import(&source, &options()),
            open_pvog::import(&source, since(&source), &options()),
        ];
        for outcome in outcomes.into_iter().flatten() {
            accepted(Ok(outcome), "");
        }
    }

    #[test]
    fn no_values_bring_a_backup_down(values in proptest::collection::vec((0..40usize, value()), 1..8), kind in 0..6usize) {
        let keys = [
            "id", "name", "parent", "url", "method", "hostname", "port", "maxretries", "active", "timeout", "interval",
            "retryInterval", "keyword", "invertKeyword", "expiryNotification", "ignoreTls", "upsideDown", "maxredirects",
            "accepted_statuscodes", "dns_resolve_type", "dns_resolve_server", "proxyId", "tags", "httpBodyEncoding",
            "jsonPath", "expectedValue", "headers", "body", "basic_auth_user", "authMethod", "description", "conditions",
            "cacheBust", "ipFamily", "smtpSecurity", "tlsCa", "jsonPathOperator", "forceInactive", "weight", "pathName",
        ];
        let kind = ["http", "keyword", "json-query", "port", "dns", "smtp"][kind];
        let mut entry = monitor(1, "Seite", kind, &json!({ "url": "https://a.example/", "hostname": "a.example", "port": 25, "keyword": "x", "jsonPath": "a", "expectedValue": "1" }));
        for (key, value) in values {
            entry[keys[key]] = value;
        }
        let text = backup(&[entry]);
        accepted(uptime_kuma::import_backups(&[source("b", &text)], &options()), "");
    }
}

/// JSON values, odd ones above all.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z0-9.:/\\[\\]$'\"-]{0,30}".prop_map(Value::from),
        Just(json!(["1-999999", "-", "200-100", 5])),
        Just(json!({ "a": { "b": [1] } })),
        Just(json!(1e300)),
        Just(json!("http://[::ffff:10.0.0.1]/")),
    ]
}

#[test]
fn an_outcome_that_no_probe_file_can_hold_is_refused() {
    let long = "x".repeat(1_900);
    let monitors: Vec<Value> = (0..5_000)
        .map(|id| {
            monitor(id, "Seite", "keyword", &json!({ "url": format!("https://a.example/{id}"), "keyword": long }))
        })
        .collect();
    let fault = uptime_kuma::import_backups(&[source("b", &backup(&monitors))], &options()).unwrap_err();
    assert!(matches!(fault, Fault::TooLong { .. }), "{fault}");
    let large = vec![b' '; turmwacht::importing::FILE_BYTES_MAX + 1];
    let large = [turmwacht::importing::Source { name: "large", bytes: &large }];
    for fault in [
        uptime_kuma::import_backups(&large, &options()).unwrap_err(),
        gatus::import(&large, &options()).unwrap_err(),
        blackbox::import(&large, &options()).unwrap_err(),
        open_pvog::import(&large, since(&[]), &options()).unwrap_err(),
    ] {
        assert_eq!(fault.to_string(), "large is larger than 64 MiB");
    }
}
