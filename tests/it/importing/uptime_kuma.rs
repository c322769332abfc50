//! Backups of Uptime Kuma.

use std::time::Duration;

use serde_json::{Value, json};
use turmwacht::importing::uptime_kuma::import_backups;
use turmwacht::importing::{Fault, Options};
use turmwacht::model::check::{HeaderValue, Probe, Starttls};

use super::{Imported, accepted, options, source};

/// A monitor as a backup of version 1.23 has it.
pub(super) fn monitor(id: u32, name: &str, kind: &str, more: &Value) -> Value {
    let mut monitor: Value = serde_json::from_str(
        r#"{
        "description": null, "parent": null, "childrenIDs": [],
        "url": "https://", "method": "GET", "hostname": null, "port": null, "maxretries": 2, "weight": 2000,
        "active": true, "forceInactive": false, "timeout": 48, "interval": 60, "retryInterval": 20,
        "resendInterval": 0, "keyword": null, "invertKeyword": false, "expiryNotification": true,
        "ignoreTls": false, "upsideDown": false, "packetSize": 56, "maxredirects": 10,
        "accepted_statuscodes": ["200-299"], "dns_resolve_type": "A", "dns_resolve_server": "1.1.1.1",
        "dns_last_result": null, "docker_container": "", "docker_host": null, "proxyId": null,
        "notificationIDList": {}, "tags": [], "maintenance": false, "httpBodyEncoding": "json",
        "jsonPath": null, "expectedValue": null, "headers": null, "body": null,
        "basic_auth_user": null, "basic_auth_pass": null, "pushToken": null, "authMethod": null
        }"#,
    )
    .unwrap();
    monitor["id"] = id.into();
    monitor["name"] = name.into();
    monitor["type"] = kind.into();
    for (key, value) in more.as_object().unwrap() {
        monitor[key] = value.clone();
    }
    monitor
}

pub(super) fn backup(monitors: &[Value]) -> String {
    json!({ "version": "1.23.13", "notificationList": [], "monitorList": monitors, "proxyList": [] }).to_string()
}

#[track_caller]
fn import(monitors: &[Value]) -> Imported {
    import_with(monitors, &options())
}

#[track_caller]
fn import_with(monitors: &[Value], options: &Options) -> Imported {
    let text = backup(monitors);
    let networks = if options.private_networks { "\"10.0.0.0/8\"" } else { "" };
    accepted(import_backups(&[source("backup.json", &text)], options), networks)
}

#[test]
fn monitors_ask_as_they_did() {
    let imported = import(&[
        monitor(
            1,
            "Startseite",
            "http",
            &json!({ "url": "https://www.musterstadt.example/", "accepted_statuscodes": ["200-299", "401"], "maxredirects": 0 }),
        ),
        monitor(
            2,
            "Anmeldung",
            "keyword",
            &json!({ "url": "https://portal.musterstadt.example/login", "keyword": "Anmelden" }),
        ),
        monitor(
            3,
            "Stand",
            "json-query",
            &json!({ "url": "https://api.musterstadt.example/", "jsonPath": "$.parts[0].state", "expectedValue": "ok" }),
        ),
        monitor(4, "SSH", "port", &json!({ "hostname": "git.musterstadt.example", "port": 22, "timeout": 10.5 })),
        monitor(
            5,
            "Name",
            "dns",
            &json!({ "hostname": "musterstadt.example", "dns_resolve_type": "MX", "dns_resolve_server": "9.9.9.9", "port": 5353 }),
        ),
        monitor(
            6,
            "Post",
            "smtp",
            &json!({ "hostname": "mx.musterstadt.example", "port": 25, "smtpSecurity": "starttls" }),
        ),
        monitor(
            7,
            "Senden",
            "http",
            &json!({ "url": "https://api.musterstadt.example/q", "method": "POST", "body": "{\"a\": 1}", "headers": "{\"X-Tenant\": \"nord\"}" }),
        ),
    ]);
    assert!(imported.outcome.report.left.is_empty(), "{:#?}", imported.outcome.report.left);
    assert_eq!(imported.ids(), ["startseite", "anmeldung", "stand", "ssh", "name", "post", "senden"]);
    let page = imported.check("startseite");
    // Down after the first failure and two more; up with the first success.
    assert_eq!((page.down_after, page.up_after, page.retry_interval), (3, 1, Duration::from_secs(20)));
    assert_eq!((page.interval, page.timeout), (Duration::from_secs(60), Duration::from_secs(48)));
    assert_eq!(page.expect.status, [(200, 299), (401, 401)]);
    assert_eq!(page.warn.certificate_valid_for, Some(Duration::from_secs(21 * 86_400)));
    let Probe::Http(http) = &page.probe else { panic!() };
    assert!(!http.follow_redirects);
    assert_eq!(imported.check("anmeldung").expect.body_contains, ["Anmelden"]);
    assert_eq!(imported.check("stand").expect.json["$.parts[0].state"], "ok");
    assert_eq!(imported.check("ssh").probe.target(), "git.musterstadt.example:22");
    assert_eq!(imported.check("ssh").timeout, Duration::from_millis(10_500));
    let Probe::Dns(dns) = &imported.check("name").probe else { panic!() };
    assert_eq!((dns.record_type.as_str(), dns.resolver.as_deref()), ("MX", Some("9.9.9.9:5353")));
    let Probe::Tcp(tcp) = &imported.check("post").probe else { panic!() };
    assert_eq!(tcp.starttls, Some(Starttls::Smtp));
    let Probe::Http(http) = &imported.check("senden").probe else { panic!() };
    assert_eq!((http.method.as_str(), http.body.as_deref()), ("POST", Some("{\"a\": 1}")));
    let literal = |value: &str| HeaderValue::Literal(value.to_owned());
    // What is not known to be harmless may be a secret.
    let secret = HeaderValue::Secret("senden-x-tenant".to_owned());
    assert!(http.headers.contains(&("X-Tenant".to_owned(), secret)), "{:?}", http.headers);
    assert!(http.headers.contains(&("Content-Type".to_owned(), literal("application/json"))), "{:?}", http.headers);
}

#[test]
fn upside_down_looks_for_what_must_not_be_there() {
    let keyword = |id, name: &str, inverted: bool, upside_down: bool| {
        let more = json!({ "url": "https://www.musterstadt.example/", "keyword": "Wartung", "invertKeyword": inverted, "upsideDown": upside_down });
        monitor(id, name, "keyword", &more)
    };
    let page = json!({ "url": "https://www.musterstadt.example/", "upsideDown": true });
    let port = json!({ "hostname": "www.musterstadt.example", "port": 23, "upsideDown": true });
    let imported = import(&[
        keyword(1, "inverted", true, false),
        keyword(2, "upside", false, true),
        keyword(3, "both", true, true),
        monitor(4, "page", "http", &page),
        monitor(5, "port", "port", &port),
    ]);
    for (id, lacks, contains, status) in [
        ("inverted", true, false, vec![]),
        // There a bad status was an error, and an error up.
        ("upside", true, false, vec![(100, 599)]),
        ("both", false, true, vec![(100, 599)]),
    ] {
        let expect = &imported.check(id).expect;
        assert_eq!(expect.body_lacks == ["Wartung"], lacks, "{id}");
        assert_eq!(expect.body_contains == ["Wartung"], contains, "{id}");
        assert_eq!(expect.status, status, "{id}");
    }
    imported.assert_differs("upside", "no answer at all is red");
    imported.assert_left("page", "upside down");
    imported.assert_left("port", "upside down");
}

#[test]
fn what_cannot_be_asked_is_named() {
    let url = |more: Value| {
        let mut object = json!({ "url": "https://www.musterstadt.example/" });
        for (key, value) in more.as_object().unwrap() {
            object[key] = value.clone();
        }
        object
    };
    let imported = import(&[
        monitor(1, "ok", "http", &url(json!({}))),
        monitor(2, "ping", "ping", &json!({ "hostname": "www.musterstadt.example" })),
        monitor(3, "push", "push", &json!({ "pushToken": "geheim123" })),
        monitor(4, "docker", "docker", &json!({ "docker_container": "x" })),
        monitor(5, "paused", "http", &url(json!({ "active": false }))),
        monitor(6, "put", "http", &url(json!({ "method": "PUT" }))),
        monitor(7, "proxy", "http", &url(json!({ "proxyId": 3 }))),
        monitor(8, "ntlm", "http", &url(json!({ "authMethod": "ntlm" }))),
        monitor(9, "sum", "json-query", &url(json!({ "jsonPath": "$sum(a.b)", "expectedValue": "3" }))),
        monitor(
            10,
            "more",
            "json-query",
            &url(json!({ "jsonPath": "a", "expectedValue": "3", "jsonPathOperator": ">" })),
        ),
        monitor(11, "file", "http", &json!({ "url": "file:///etc/passwd" })),
        monitor(12, "host", "http", &url(json!({ "headers": "{\"Host\": \"x.example\"}" }))),
        monitor(13, "code", "http", &url(json!({ "accepted_statuscodes": ["700-800"] }))),
        monitor(14, "any", "dns", &json!({ "hostname": "musterstadt.example", "dns_resolve_type": "ANY" })),
        monitor(15, "word", "keyword", &url(json!({ "keyword": "" }))),
    ]);
    assert_eq!(imported.ids(), ["ok"]);
    for (name, why) in [
        ("ping", "ICMP"),
        ("push", "push"),
        ("docker", "`docker`"),
        ("paused", "paused"),
        ("put", "asks and does not act"),
        ("proxy", "proxy"),
        ("ntlm", "`ntlm`"),
        ("sum", "JSONata"),
        ("more", "`>`"),
        ("file", "http or https"),
        ("host", "`Host`"),
        ("code", "no status"),
        ("any", "type of records"),
        ("word", "no word"),
    ] {
        imported.assert_left(name, why);
    }
    assert!(!imported.outcome.text.contains("geheim123"));
}

#[test]
fn secrets_get_a_name_and_stay_where_they_are() {
    let imported = import(&[
        monitor(
            1,
            "Basis",
            "http",
            &json!({ "url": "https://a.example/", "basic_auth_user": "lotse", "basic_auth_pass": "hunter2", "authMethod": "basic" }),
        ),
        monitor(
            2,
            "Kopf",
            "http",
            &json!({ "url": "https://b.example:8443/", "headers": "{\"X-Api-Key\": \"hunter2\", \"Accept\": \"text/html\"}" }),
        ),
        monitor(
            7,
            "Feld",
            "http",
            &json!({ "url": "https://g.example/", "method": "POST", "body": "{\"clientKey\": \"hunter2\"}" }),
        ),
        monitor(8, "Anker", "http", &json!({ "url": "https://g.example/#access_token=hunter2" })),
        monitor(3, "Adresse", "http", &json!({ "url": "https://lotse:hunter2@c.example/x" })),
        monitor(4, "Frage", "http", &json!({ "url": "https://d.example/?token=hunter2" })),
        monitor(
            5,
            "Koerper",
            "http",
            &json!({ "url": "https://e.example/", "method": "POST", "body": "{\"password\": \"hunter2\"}" }),
        ),
        monitor(
            6,
            "Offen",
            "http",
            &json!({ "url": "http://f.example/", "basic_auth_user": "lotse", "basic_auth_pass": "hunter2" }),
        ),
    ]);
    let said = imported.outcome.report.lines().join("\n");
    for text in [&imported.outcome.text, &said] {
        assert!(!text.contains("hunter2") && !text.contains("lotse"), "{text}");
    }
    imported.assert_left("Frage", "`token`");
    imported.assert_left("Koerper", "body");
    imported.assert_left("Feld", "body");
    imported.assert_left("Anker", "`access_token`");
    imported.assert_left("Offen", "without encryption");
    let origins: Vec<(&str, &str)> =
        imported.outcome.report.secrets.iter().map(|secret| (secret.name.as_str(), secret.origin.as_str())).collect();
    assert_eq!(
        origins,
        [
            ("basis-authorization", "https://a.example"),
            ("kopf-x-api-key", "https://b.example:8443"),
            ("adresse-authorization", "https://c.example")
        ]
    );
    let Probe::Http(http) = &imported.check("adresse").probe else { panic!() };
    assert_eq!(http.url.as_str(), "https://c.example/x");
    assert_eq!(http.headers, [("Authorization".to_owned(), HeaderValue::Secret("adresse-authorization".to_owned()))]);
    assert!(said.contains("[secrets.kopf-x-api-key]"), "{said}");
}

#[test]
fn a_group_is_the_whole_of_its_monitors() {
    let in_group = |parent: u32| json!({ "url": "https://www.musterstadt.example/", "parent": parent });
    let imported = import(&[
        monitor(1, "Bürgerdienste", "group", &json!({})),
        monitor(2, "Portal", "http", &in_group(1)),
        monitor(3, "Unter", "group", &json!({ "parent": 1 })),
        monitor(4, "Tief", "http", &in_group(3)),
        monitor(5, "Aus", "group", &json!({ "active": false })),
        monitor(6, "Darin", "http", &in_group(5)),
        monitor(7, "Leer", "group", &json!({})),
        // A circle of groups.
        monitor(8, "Eins", "group", &json!({ "parent": 9 })),
        monitor(9, "Zwei", "group", &json!({ "parent": 8 })),
        monitor(10, "Kreis", "http", &in_group(8)),
    ]);
    assert_eq!(
        imported.ids(),
        ["buergerdienste", "buergerdienste.portal", "unter", "unter.tief", "eins", "eins.kreis"]
    );
    imported.assert_left("Darin", "group is paused");
    assert!(imported.outcome.report.notes.iter().any(|note| note.contains("Unter stands by itself")));
}

#[test]
fn nothing_becomes_public_by_itself() {
    let page = monitor(1, "Intern", "http", &json!({ "url": "https://www.musterstadt.example/" }));
    let imported = import(std::slice::from_ref(&page));
    assert!(!imported.loaded.catalogue.components[0].public);
    let imported = import_with(&[page], &Options { public: true, ..options() });
    assert!(imported.loaded.catalogue.components[0].public);
}

#[test]
fn private_addresses_are_left_out_unless_they_are_wanted() {
    let page = |id, name: &str, url: &str| monitor(id, name, "http", &json!({ "url": url }));
    let monitors = [
        page(1, "außen", "https://www.musterstadt.example/"),
        page(2, "innen", "http://10.0.0.5:8080/"),
        page(3, "selbst", "http://LOCALHOST/"),
        page(4, "sechs", "http://[fd00::1]/"),
        page(5, "alt", "http://0x0a000005/"),
        page(6, "wolke", "http://169.254.169.254/latest/meta-data/"),
    ];
    let imported = import(&monitors);
    assert_eq!(imported.ids(), ["aussen"]);
    assert_eq!(imported.outcome.report.private, 5);
    for name in ["innen", "selbst", "sechs", "alt", "wolke"] {
        imported.assert_left(name, "private address");
    }
    let imported = import_with(&monitors[..2], &Options { private_networks: true, ..options() });
    assert_eq!(imported.ids(), ["aussen", "innen"]);
}

#[test]
fn differences_are_said() {
    let imported = import(&[
        monitor(
            1,
            "Eigenes",
            "http",
            &json!({ "url": "https://a.example/", "ignoreTls": true, "timeout": 600, "interval": 20 }),
        ),
        monitor(
            2,
            "Zahl",
            "json-query",
            &json!({ "url": "https://b.example/", "jsonPath": "$.n", "expectedValue": "5" }),
        ),
    ]);
    imported.assert_differs("Eigenes", "ca_file");
    imported.assert_differs("Eigenes", "timeout");
    assert_eq!(imported.check("eigenes").timeout, Duration::from_secs(20));
    imported.assert_differs("Zahl", "compared as a number");
    // What is different stands beside the component, too.
    assert!(imported.outcome.text.contains("# its certificate was not looked at"), "{}", imported.outcome.text);
}

#[test]
fn what_is_no_backup_is_said() {
    for (text, why) in [
        ("", "EOF"),
        ("{\"monitorList\": 5}", "`monitorList`"),
        ("[]", "`monitorList`"),
        ("{\"monitorList\": [", "line 1"),
        (&"[".repeat(100_000), "recursion"),
    ] {
        let fault = import_backups(&[source("backup.json", text)], &options()).unwrap_err();
        let said = fault.to_string();
        assert!(matches!(fault, Fault::Broken { .. }) && said.contains("backup.json") && said.contains(why), "{said}");
    }
    let many = backup(&vec![json!({}); 20_001]);
    assert_eq!(import_backups(&[source("b", &many)], &options()).unwrap_err(), Fault::TooMany);
}
