//! Which paths exist, where they move, and what makes no sense.

use std::sync::Arc;

use proptest::prelude::*;
use sha2::Digest as _;
use turmwacht::publish::{Rendered, Row, Target, known_query, problem, render, route_label, row};

use super::sample::{INTERNAL_ID, sample};
use super::{ROUTES, answer, document, target, text};

#[test]
fn every_route_answers_with_its_media_type_in_both_languages() {
    let snapshot = sample();
    for route in ROUTES {
        for prefix in ["", "/en"] {
            let document = document(&snapshot, &format!("{prefix}{route}"));
            let expected = match route {
                _ if route.ends_with(".atom") => "application/atom+xml; charset=utf-8",
                _ if route.ends_with(".rss") => "application/rss+xml; charset=utf-8",
                _ if route.ends_with(".json") => "application/feed+json; charset=utf-8",
                _ if route.starts_with("/api/") => "application/json; charset=utf-8",
                _ => "text/html; charset=utf-8",
            };
            assert_eq!(document.content_type, expected, "{route}");
            assert!(document.cache_control.starts_with("public, max-age="), "{route}");
            assert!(!document.body.is_empty(), "{route}");
        }
    }
}

#[test]
fn the_script_of_the_pages_is_kept_for_good_under_an_address_of_its_release() {
    let snapshot = sample();
    let script = document(&snapshot, "/assets/live.js");
    assert_eq!(script.content_type, "text/javascript; charset=utf-8");
    assert_eq!(script.cache_control, "public, max-age=31536000, immutable");
    for page in ["/", "/en/hattingen", "/incidents/i-open", "/maintenance"] {
        let page = document(&snapshot, page);
        let text = String::from_utf8(page.body).unwrap();
        let (_, version) = text.split_once("<script src=\"/assets/live.js?v=").expect("the script");
        let (version, _) = version.split_once('"').unwrap();
        let digest = sha2::Sha256::digest(&script.body);
        let expected: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(version, expected);
        assert!(page.policy.contains("script-src 'self'; connect-src 'self'"));
    }
    assert!(text(&snapshot, "/en/hattingen").contains(" data-organisation=\"hattingen\" data-position=\"4711\""));
    // A file says nothing that changes while its content does not.
    let exported = turmwacht::model::snapshot::Snapshot { exported: Some(snapshot.at), ..snapshot };
    let page = text(&exported, "/hattingen");
    assert!(page.contains(" data-live data-organisation=\"hattingen\"></script>"), "{page}");
    assert_eq!(answer(&exported, "/assets/other.js"), Rendered::NotFound);
}

#[test]
fn json_routes_also_answer_with_json_in_their_name() {
    let snapshot = sample();
    for route in ROUTES.iter().filter(|route| route.starts_with("/api/")) {
        assert_eq!(answer(&snapshot, &format!("{route}.json")), answer(&snapshot, route), "{route}");
    }
    assert_eq!(answer(&snapshot, "/hattingen.json"), Rendered::NotFound);
    assert_eq!(answer(&snapshot, "/api/v1/summary.json.json"), Rendered::NotFound);
}

#[test]
fn moved_addresses_are_forwarded() {
    let snapshot = sample();
    for (from, to) in [
        ("/de/", "/"),
        ("/de", "/"),
        ("/en", "/en/"),
        ("/de/hattingen", "/hattingen"),
        ("/hattingen/", "/hattingen"),
        ("/hattingen?lang=en", "/en/hattingen"),
        ("/en/hattingen?lang=de", "/hattingen"),
        ("/?lang=en", "/en/"),
        ("/feed.atom?lang=en", "/en/feed.atom"),
        ("/hattingen-alt", "/hattingen"),
        ("/hattingen-alt/portal-alt", "/hattingen/serviceportal-en"),
        ("/hattingen/history/2023-01/?lang=en", "/en/hattingen/history/2023-01"),
        ("/en/hattingen-alt/feed.atom", "/en/hattingen/feed.atom"),
        ("/api/v1/components/portal-alt.json", "/api/v1/components/serviceportal-en.json"),
        ("/api/v1/components?ars=05954&lang=en&status=unknown", "/en/api/v1/components?ars=05954&status=unknown"),
        ("/de/api/v1/components?cursor=%26%23", "/api/v1/components?cursor=%26%23"),
        ("/api/v1/maintenance/", "/api/v1/maintenance"),
        (
            "/api/v1/components/portal-alt/results?from=2023-11-01",
            "/api/v1/components/serviceportal-en/results?from=2023-11-01",
        ),
        ("/api/v1/components/portal-alt/availability.json", "/api/v1/components/serviceportal-en/availability.json"),
        ("/de/api/v1/maintenance/umstellung.json", "/api/v1/maintenance/umstellung.json"),
        ("/api/v1/incidents/i-open?lang=en&organisation=witten", "/en/api/v1/incidents/i-open?organisation=witten"),
    ] {
        assert_eq!(answer(&snapshot, from), Rendered::Moved(to.to_owned()), "{from}");
    }
}

#[test]
fn nothing_is_forwarded_out_of_the_house() {
    let snapshot = sample();
    for path in
        ["/de//evil.example", "/de///evil.example/", "//evil.example/", "/de/\\evil.example", "/de/evil.example/"]
    {
        assert_eq!(answer(&snapshot, path), Rendered::NotFound, "{path}");
    }
    assert_eq!(answer(&snapshot, "/de//"), Rendered::Moved("/".to_owned()));
}

#[test]
fn unknown_and_internal_things_look_alike() {
    let snapshot = sample();
    for path in [
        "/unknown",
        "/api/v1/components/unknown",
        &format!("/api/v1/components/{INTERNAL_ID}"),
        &format!("/{INTERNAL_ID}"),
        "/incidents/unknown",
        "/api/v1/incidents/unknown",
        "/api/v1/incidents/i-closed?organisation=hattingen",
        "/api/v1/maintenance/unknown",
        "/api/v1/organisations/unknown.json",
        "/unknown/feed.atom",
        "/fr/hattingen",
        "/api/v1",
        "/api/v1/",
        "/api/v2/summary",
        "/api/v1/components/unknown/results",
        &format!("/api/v1/components/{INTERNAL_ID}/results"),
        &format!("/api/v1/components/{INTERNAL_ID}/availability"),
        "/incidents",
        "/metrics",
        "",
        "no-slash",
    ] {
        let found = answer(&snapshot, path);
        assert!(matches!(found, Rendered::NotFound) || path.is_empty(), "{path}: {found:?}");
    }
}

#[test]
fn what_is_not_watched_any_more_is_gone() {
    let snapshot = sample();
    for path in [
        "/hattingen/fundbuero-hattingen",
        "/en/hattingen/fundbuero-hattingen",
        "/api/v1/components/fundbuero-hattingen",
        "/en/api/v1/components/fundbuero-hattingen.json",
        "/hattingen/fundbuero-hattingen/feed.atom",
    ] {
        assert_eq!(answer(&snapshot, path), Rendered::Gone, "{path}");
    }
    // What never existed is not gone.
    for path in ["/nobody/fundbuero-hattingen", "/en/nobody/fundbuero-hattingen/feed.atom"] {
        assert_eq!(answer(&snapshot, path), Rendered::NotFound, "{path}");
    }
    for path in ["/hattingen/fundbuero", "/fundbuero-hattingen", &format!("/hattingen/{INTERNAL_ID}")] {
        assert_eq!(answer(&snapshot, path), Rendered::NotFound, "{path}");
    }
}

#[test]
fn bad_parameters_are_told_in_a_sentence() {
    let snapshot = sample();
    let list = "/api/v1/components?";
    for (address, sentence) in [
        ("/?lang=fr", "`lang` ist eines von: de, en."),
        ("/en/?lang=fr", "`lang` is one of: de, en."),
        (&*format!("{list}ars=5"), "`ars` hat 2 bis 12 Ziffern."),
        (&format!("{list}ars=0595401601601"), "`ars` hat 2 bis 12 Ziffern."),
        (&format!("{list}ars=05x"), "`ars` hat 2 bis 12 Ziffern."),
        (&format!("{list}leika=1"), "`leika` hat 14 Ziffern."),
        (
            &format!("{list}status=red"),
            "`status` ist eines von: operational, unknown, under_maintenance, degraded_performance, \
             partial_outage, major_outage.",
        ),
        ("/en/api/v1/incidents?status=open", "`status` is one of: investigating, identified, monitoring, resolved."),
        (
            "/en/api/v1/organisations?kind=town",
            "`kind` is one of: municipality, county, association, provider, state, federal.",
        ),
        (
            &format!("{list}cursor=%00"),
            "`cursor` ist der Wert von `next` der vorigen Seite; ohne ihn beginnt die Liste von vorn.",
        ),
        (
            "/api/v1/incidents?cursor=i-open",
            "`cursor` ist der Wert von `next` der vorigen Seite; ohne ihn beginnt die Liste von vorn.",
        ),
        (
            "/en/api/v1/components/serviceportal-en?organisation=unknown",
            "`organisation` is the id of an organisation; there is none with this one.",
        ),
        (&format!("{list}kind=portal&kind=mail"), "`kind` darf nur einmal angegeben werden."),
    ] {
        assert_eq!(answer(&snapshot, address), Rendered::BadRequest(sentence.to_owned()), "{address}");
    }
    // Empty ones come from forms; unknown ones are somebody else's.
    assert_eq!(answer(&snapshot, &format!("{list}ars=&status=")), answer(&snapshot, "/api/v1/components"));
    assert_eq!(answer(&snapshot, &format!("{list}utm_source=x")), answer(&snapshot, "/api/v1/components"));
}

#[test]
fn known_parameters_and_labels_follow_the_path() {
    for (path, label, query) in [
        ("/", "overview", &["lang"][..]),
        ("/en/", "overview", &["lang"]),
        ("/en", "overview", &["lang"]),
        ("/hattingen", "organisation", &["lang"]),
        ("/de-x-leicht/hattingen", "organisation", &["lang"]),
        ("/nds/hattingen/feed.atom", "component_feed", &["lang"]),
        ("/incidents/i-open", "incident", &["lang"]),
        ("/feed.atom", "feed", &["lang"]),
        ("/en/feed.atom", "feed", &["lang"]),
        ("/api/v1/alive.json", "api_alive", &["lang"]),
        ("/api/v1/summary", "api_summary", &["lang"]),
        ("/api/v1/organisations", "api_organisations", &["ars", "cursor", "kind", "lang", "leika", "status"]),
        ("/en/api/v1/incidents.json", "api_incidents", &["ars", "cursor", "kind", "lang", "leika", "status"]),
        ("/api/v1/components", "api_components", &["ars", "cursor", "kind", "lang", "leika", "organisation", "status"]),
        ("/api/v1/components/a.b", "api_component", &["lang", "organisation"]),
        ("/en/api/v1/components/a.b/results.json", "api_results", &["from", "lang", "to"]),
        ("/api/v1/components/a/availability", "api_availability", &["from", "lang", "to"]),
        ("/api/v1/organisations/a", "api_organisation", &["lang"]),
        ("/api/v1/incidents/a", "api_incident", &["lang", "organisation"]),
        ("/api/v1/maintenance.json", "api_maintenances", &["ars", "cursor", "kind", "lang", "leika", "status"]),
        ("/en/api/v1/maintenance/a", "api_maintenance", &["lang"]),
        ("/search", "search", &["lang", "q"]),
        ("/nds/search", "component", &["lang", "q"]),
        ("/hattingen/portal.part/feed.json", "component_feed", &["lang"]),
        ("/favicon.ico", "other", &[]),
        ("/a/b/c/d/e/f/g/h", "other", &[]),
        ("", "other", &[]),
    ] {
        assert_eq!((route_label(path), known_query(path)), (label, query), "{path}");
    }
}

#[test]
fn equal_snapshots_give_equal_bytes() {
    let (one, other) = (sample(), sample());
    for route in ROUTES {
        assert_eq!(answer(&one, route), answer(&other, route), "{route}");
    }
}

#[test]
fn the_internal_provider_is_named_nowhere() {
    let snapshot = sample();
    for route in ROUTES {
        for prefix in ["", "/en"] {
            let body = text(&snapshot, &format!("{prefix}{route}"));
            assert!(!body.contains(INTERNAL_ID), "{route}");
        }
    }
    assert!(
        text(&snapshot, "/api/v1/incidents/i-open")
            .contains(r#""root":{"id":null,"name":"ein technischer Dienstleister"}"#)
    );
}

#[test]
fn a_problem_is_rfc_9457() {
    let body = problem(404, "Not Found", "There is no \"x\".", "/x");
    assert_eq!(
        String::from_utf8(body).expect("UTF-8"),
        r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"There is no \"x\".","instance":"/x"}"#
    );
}

fn paths() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        3 => prop::sample::select(vec![
            "", "de", "en", "api", "v1", "v1.json", "organisations", "components", "incidents", "feed.atom",
            "maintenance", "umstellung", "hattingen", "results", "availability", "serviceportal-en", "i-open", "summary.json", "alive", ".json", "..", "hattingen-alt",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(word, 0..7).prop_map(|words| format!("/{}", words.join("/")))
}

fn queries() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop::sample::select(vec![
        "lang",
        "cursor",
        "organisation",
        "ars",
        "leika",
        "status",
        "kind",
        "from",
        "to",
        "x",
    ]);
    let value = prop_oneof![
        any::<String>(),
        "[0-9]{0,15}",
        prop::sample::select(vec![
            "en",
            "hattingen",
            "major_outage",
            "portal",
            "1.a",
            "i-open",
            "2023-11-01",
            "9999-12-31"
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec((name.prop_map(str::to_owned), value), 0..4)
}

proptest! {
    #[test]
    fn no_target_panics(path in prop_oneof![4 => paths(), 1 => any::<String>()], query in queries()) {
        let snapshot = sample();
        let (_, _) = (known_query(&path), route_label(&path));
        if let Rendered::Moved(to) = render(&snapshot, &Target { path, query }) {
            prop_assert!(to.starts_with('/') && !to.starts_with("//"), "{}", to);
            prop_assert!(to.is_ascii() && !to.contains(['\r', '\n', '\\', ' ']), "{}", to);
        }
    }
}

#[test]
fn only_what_may_ask_the_archive_waits_in_its_row() {
    let mut snapshot = sample();
    let mut catalogue = (*snapshot.catalogue).clone();
    catalogue.site.languages.push(Arc::from("nds"));
    snapshot.catalogue = Arc::new(catalogue);
    for (path, expected) in [
        ("/hattingen", Row::Present),
        ("/nds/hattingen", Row::Present),
        ("/hattingen/serviceportal-en", Row::Past),
        ("/nds/hattingen/serviceportal-en", Row::Past),
        ("/en/hattingen/history", Row::Past),
        ("/api/v1/components/serviceportal-en/results", Row::PastData),
        ("/nds/api/v1/components/serviceportal-en/availability.json", Row::PastData),
        ("/incidents/nobody", Row::Present),
    ] {
        assert_eq!(row(&snapshot, &target(path)), expected, "{path}");
    }
    // An incident that began while all it concerns was watched, and one from before.
    let held = |snapshot: &_, incident: &turmwacht::model::snapshot::PublicIncident| {
        row(snapshot, &target(&format!("/incidents/{}", incident.id)))
    };
    let incident = Arc::clone(&snapshot.incidents[0]);
    assert_eq!(held(&snapshot, &incident), Row::Present);
    let mut old = (*incident).clone();
    old.started_at = old.started_at.minus(std::time::Duration::from_secs(400 * 86_400));
    snapshot.incidents[0] = Arc::new(old);
    assert_eq!(held(&snapshot, &incident), Row::Past);
}
