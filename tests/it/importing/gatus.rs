//! Configurations of Gatus.

use std::time::Duration;

use serde_json::json;
use turmwacht::importing::Fault;
use turmwacht::importing::gatus::import;
use turmwacht::model::check::{HeaderValue, Probe, Starttls};

use super::{Imported, accepted, options, source};

#[track_caller]
fn imported(text: &str) -> Imported {
    accepted(import(&[source("gatus.yaml", text)], &options()), "")
}

/// One endpoint with these conditions.
fn page(conditions: &str) -> String {
    format!("endpoints:\n- name: Seite\n  url: https://www.musterstadt.example/\n  conditions: [{conditions}]\n")
}

#[test]
fn endpoints_ask_as_they_did() {
    let imported = imported(
        r#"
x-often: &often {interval: 1m30s, client: {timeout: 5s, ignore-redirect: true}}
endpoints:
  - <<: *often
    name: Startseite
    group: Stadt
    url: https://www.musterstadt.example/
    conditions: ["[STATUS] == any(200, 204)", "[BODY] == pat(*Rathaus*)", "[BODY] != pat(*Wartungsarbeiten*)"]
  - name: Suche
    group: Stadt
    url: https://www.musterstadt.example/graphql
    method: post
    graphql: true
    body: "{ alive }"
    headers: {Authorization: "Bearer ${TOKEN}", Accept: a$$b}
    conditions: ["[STATUS] < 300", "[BODY].data.alive == true"]
  - {name: Post, url: "starttls://mx.musterstadt.example:587", conditions: ["[CONNECTED] == true", "[CERTIFICATE_EXPIRATION] > 240h"]}
  - {name: Git, url: "tcp://git.musterstadt.example:22", conditions: ["[CONNECTED] == true"]}
  - {name: Haken, url: "tls://ldap.musterstadt.example:636", conditions: ["[CONNECTED] == true"]}
  - name: Name
    url: 9.9.9.9
    dns: {query-name: musterstadt.example, query-type: MX}
    conditions: ["[DNS_RCODE] == NOERROR", "[BODY] == 10 mx.musterstadt.example."]
"#,
    );
    assert!(imported.outcome.report.left.is_empty(), "{:#?}", imported.outcome.report.left);
    assert_eq!(imported.ids(), ["stadt", "stadt.startseite", "stadt.suche", "post", "git", "haken", "name"]);
    let start = imported.check("stadt.startseite");
    assert_eq!((start.interval, start.timeout), (Duration::from_secs(90), Duration::from_secs(5)));
    assert_eq!(start.expect.status, [(200, 200), (204, 204)]);
    assert_eq!(
        (&start.expect.body_contains[..], &start.expect.body_lacks[..]),
        (&["Rathaus".to_owned()][..], &["Wartungsarbeiten".to_owned()][..])
    );
    let Probe::Http(http) = &start.probe else { panic!() };
    assert!(!http.follow_redirects);
    let search = imported.check("stadt.suche");
    let Probe::Http(http) = &search.probe else { panic!() };
    assert_eq!(http.body.as_deref(), Some(r#"{"query":"{ alive }"}"#));
    assert!(
        http.headers.contains(&("Accept".to_owned(), HeaderValue::Literal("a$b".to_owned()))),
        "{:?}",
        http.headers
    );
    assert!(
        http.headers.contains(&("Authorization".to_owned(), HeaderValue::Secret("suche-authorization".to_owned())))
    );
    assert_eq!((&search.expect.status[..], &search.expect.json["$.data.alive"]), (&[(100, 299)][..], &json!(true)));
    let Probe::Tcp(tcp) = &imported.check("post").probe else { panic!() };
    assert_eq!((tcp.starttls, tcp.port), (Some(Starttls::Smtp), 587));
    assert_eq!(imported.check("post").warn.certificate_valid_for, Some(Duration::from_secs(10 * 86_400)));
    assert_eq!(imported.check("haken").probe.kind(), "tls");
    let name = imported.check("name");
    let Probe::Dns(dns) = &name.probe else { panic!() };
    assert_eq!(
        (dns.resolver.as_deref(), &name.expect.records[..]),
        (Some("9.9.9.9"), &["10 mx.musterstadt.example.".to_owned()][..])
    );
}

#[test]
fn conditions_mean_what_they_meant() {
    let status = |conditions: &str| imported(&page(conditions)).check("seite").expect.status.clone();
    // Without a condition every status is good there.
    assert_eq!(status(""), [(100, 599)]);
    assert_eq!(status("\"[STATUS] == 200\""), [(200, 200)]);
    assert_eq!(status("\"200 == [STATUS]\""), [(200, 200)]);
    assert_eq!(status("\"[STATUS] >= 200\", \"[STATUS] < 400\", \"[STATUS] != 301\""), [(200, 300), (302, 399)]);
    assert_eq!(status("\"[STATUS] > 199\", \"[STATUS] <= 299\""), []);
    assert_eq!(status("\"400 > [STATUS]\""), [(100, 399)]);

    let seen =
        imported(&page("\"[BODY] == pat(<html*Anmelden?</a>*)\", \"[RESPONSE_TIME] < 500\", \"[RESPONSE_TIME] < 1s\""));
    let check = seen.check("seite");
    assert_eq!(check.expect.body_matches, ["(?s)^<html.*Anmelden.</a>.*$"]);
    assert_eq!(check.degraded.slower_than, Some(Duration::from_millis(500)));
    seen.assert_differs("Seite", "degraded here");

    for condition in [
        "len([BODY].list) > 3",
        "has([BODY].error) == false",
        "[IP] == 192.0.2.1",
        "[DOMAIN_EXPIRATION] > 720h",
        "[BODY].state == pat(o*)",
        "[BODY].n > 5",
        "[BODY][*].state == UP",
        "[STATUS] == x",
    ] {
        imported(&page(&format!("\"{condition}\""))).assert_differs("Seite", condition);
    }
    for (conditions, why) in [("\"[STATUS] 200\"", "cannot be read"), ("\"[STATUS] < 100\"", "no status")] {
        let text = page(conditions) + "- {name: Rest, url: \"https://rest.example/\"}\n";
        imported(&text).assert_left("Seite", why);
    }
}

#[test]
fn what_cannot_be_asked_is_named() {
    let imported = imported(
        r#"
endpoints:
  - {name: ok, url: "https://www.musterstadt.example/"}
  - {name: ping, url: "icmp://www.musterstadt.example"}
  - {name: udp, url: "udp://www.musterstadt.example:53"}
  - {name: shell, url: "ssh://www.musterstadt.example", ssh: {username: u, password: geheim}}
  - {name: aus, enabled: false, url: "https://www.musterstadt.example/"}
  - {name: variable, url: "https://${HOST}/"}
  - {name: verdeckt, url: "https://a.example/", body: "x=$BODY", method: POST}
  - {name: oauth, url: "https://a.example/", client: {oauth2: {client-secret: geheim}}}
  - {name: ort, url: "https://a.example/", headers: {Host: b.example}}
  - {name: dauer, url: "https://a.example/", interval: bald}
  - {url: "https://a.example/"}
  - {name: innen, url: "tcp://192.168.1.1:22"}
external-endpoints:
  - {name: aussen, token: geheim}
suites:
  - {name: weg}
alerting: {email: {password: geheim}}
"#,
    );
    assert_eq!(imported.ids(), ["ok"]);
    for (name, why) in [
        ("ping", "ICMP"),
        ("udp", "`udp`"),
        ("shell", "`ssh`"),
        ("aus", "switched off"),
        ("variable", "`HOST`"),
        ("verdeckt", "`BODY`"),
        ("oauth", "OAuth"),
        ("ort", "`Host`"),
        ("dauer", "durations"),
        ("without a name", "no name"),
        ("innen", "private address"),
        ("aussen", "results from elsewhere"),
        ("weg", "walk"),
    ] {
        imported.assert_left(name, why);
    }
    let said = imported.outcome.report.lines().join("\n");
    assert!(!said.contains("geheim") && !imported.outcome.text.contains("geheim"));
    assert!(said.contains("ping (gatus.yaml:4)"), "{said}");
    assert!(said.contains("gatus.yaml: alerts are not carried over"), "{said}");
}

#[test]
fn an_endpoint_keeps_its_id_whatever_stands_around_it() {
    let first = "- {name: Portal, group: a, url: \"https://a.example/\"}\n";
    let second = "- {name: Portal, group: b, url: \"https://b.example/\"}\n";
    let third = "- {name: Neu, group: b, url: \"https://c.example/\"}\n";
    let before = imported(&format!("endpoints:\n{first}{second}"));
    let after = imported(&format!("endpoints:\n{third}{first}{second}"));
    for id in before.ids() {
        assert!(after.ids().contains(&id), "{id}: {:?}", after.ids());
    }
}

#[test]
fn what_is_no_configuration_is_said() {
    for (text, why) in
        [("", "empty"), ("a: b", "`endpoints`"), ("endpoints: [", "line"), ("a: &a [*a]", "alias"), ("\u{0}", "")]
    {
        let fault = import(&[source("gatus.yaml", text)], &options()).unwrap_err();
        let said = fault.to_string();
        assert!(matches!(fault, Fault::Broken { .. }) && said.contains("gatus.yaml") && said.contains(why), "{said}");
    }
}
