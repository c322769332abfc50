//! The matrix of hosts, paths and languages, with real documents.

use std::path::Path;
use std::sync::Arc;

use turmwacht::config::{Extra, from_texts_with};
use turmwacht::engine::{Input, State};
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::time::Timestamp;
use turmwacht::publish::documents::Documents;
use turmwacht::publish::metrics::Full;
use turmwacht::publish::{Target, render};
use turmwacht::server::{self, Health, ServerHandle};
use turmwacht::telemetry::Metrics;

use super::world::{Client, Reply, at_once, config};

const SITE: &str = "status.example.org";
const HATTINGEN: &str = "status.hattingen.example";
const WITTEN: &str = "status.witten.example";

/// What each organisation has at the root of its own host.
const OWN: [&str; 8] = [
    "/",
    "/feed.atom",
    "/feed.rss",
    "/feed.json",
    "/feed-incidents.atom",
    "/feed-2023-11.atom",
    "/calendar.ics",
    "/api/v2/status.json",
];

/// What is the same on every host.
const SHARED: [&str; 12] = [
    "/hattingen",
    "/witten",
    "/witten/feed.atom",
    "/hattingen/calendar.ics",
    "/maintenance",
    "/search?q=stadt",
    "/api/v1/summary",
    "/api/v1/organisations/witten",
    "/api/v1/search?q=stadt",
    "/.well-known/security.txt",
    "/feedback",
    "/unknown",
];

fn snapshot() -> Arc<Snapshot> {
    let config = format!(
        "languages = [\"de\", \"en\", \"nds\"]\n[site]\nimprint = \"https://www.example.org/impressum\"\n\
         contact = \"mailto:it@example.org\"\n\
         [server]\npublic_url = \"https://{SITE}\"\nfeed_authority = \"{SITE}\"\n"
    );
    let town = |id: &str, name: &str, key: &str| {
        format!(
            "[[organisation]]\nid = \"{id}\"\nkind = \"municipality\"\nname = \"Stadt {name}\"\nars = \"{key}\"\n\
             url = \"https://www.{id}.example/\"\nhosts = [\"status.{id}.example\"]\n\
             [[component]]\nid = \"amt-{id}\"\nname = \"Standesamt\"\nkind = \"counter\"\nowner = \"{id}\"\n\
             [[maintenance]]\nid = \"umzug-{id}\"\ntitle = \"Umzug\"\ncomponents = [\"amt-{id}\"]\n\
             from = 2023-11-20\nuntil = 2023-11-24\n"
        )
    };
    let towns = town("hattingen", "Hattingen", "059540016016") + &town("witten", "Witten", "059540036036");
    let extra = Extra { loopback: true, ..Extra::default() };
    let texts = [("probes/all.toml".to_owned(), towns)];
    let loaded = from_texts_with(("config.toml", &config), &texts, Path::new("."), extra);
    let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(false)));
    let at = Timestamp::from_jiff("2023-11-06T09:00:00Z".parse().unwrap());
    let mut state = State::new(1);
    state.step(vec![Input::Adopt(Arc::new(loaded.catalogue))], at);
    Arc::new(state.snapshot(at, &[], false))
}

fn start() -> ServerHandle {
    let documents = Documents::start(at_once(), Arc::new(|s: &Snapshot, t: &Target| render(s, t))).unwrap();
    documents.publish(snapshot());
    let mut config = config();
    config.public_url = format!("https://{SITE}");
    config.hosts =
        vec![(HATTINGEN.to_owned(), Some("hattingen".to_owned())), (WITTEN.to_owned(), Some("witten".to_owned()))];
    let writer = || Arc::new(|_: bool, _: &mut Vec<u8>, _: Full<'_>| {});
    server::start(config, documents, Arc::new(Health::default()), &Metrics::new().unwrap(), writer(), writer()).unwrap()
}

fn ask(server: &ServerHandle, host: &str, path: &str) -> Reply {
    // What a client says of hosts beside `Host` changes nothing.
    let forwarded = ["X-Forwarded-Host: evil.example", "Forwarded: host=evil.example", "Accept: text/html"];
    let host = format!("Host: {host}");
    Client::to(server.local_addr()).ask("GET", path, &[&[host.as_str()], &forwarded[..]].concat())
}

/// What matters of an answer.
fn told(reply: &Reply) -> (u16, Option<&str>, Option<&str>, &str) {
    (reply.status, reply.header("location"), reply.header("etag"), reply.text())
}

#[test]
fn the_root_of_an_own_host_is_the_organisations_and_all_else_is_the_sites() {
    let server = start();
    let mut documents = 0;
    for language in ["", "/en", "/nds"] {
        for (host, id) in [(HATTINGEN, "hattingen"), (WITTEN, "witten")] {
            for path in OWN {
                let own = ask(&server, host, &format!("{language}{path}"));
                let there = format!("{language}/{id}{}", if path == "/" { "" } else { path });
                assert_eq!(told(&own), told(&ask(&server, SITE, &there)), "{host} {language}{path}");
                documents += usize::from(own.status == 200);
            }
        }
        for path in SHARED {
            let path = format!("{language}{path}");
            let site = ask(&server, SITE, &path);
            for host in [HATTINGEN, WITTEN] {
                assert_eq!(told(&ask(&server, host, &path)), told(&site), "{host} {path}");
            }
            documents += usize::from(site.status == 200);
        }
        // The site's own root is its overview, in each language.
        let overview = ask(&server, SITE, &format!("{language}/"));
        assert!(overview.text().contains("/hattingen\"") && overview.text().contains("/witten\""), "{language}");
    }
    assert!(documents > 40, "{documents}");
}

#[test]
fn no_link_names_a_host_that_a_client_named() {
    let server = start();
    for host in [SITE, HATTINGEN, WITTEN] {
        for path in OWN.iter().chain(&SHARED) {
            let reply = ask(&server, host, path);
            for foreign in ["evil.example", HATTINGEN, WITTEN] {
                assert!(!reply.text().contains(foreign) && !reply.head.contains(foreign), "{host}{path}: {foreign}");
            }
        }
        // What is absolute begins with the public address, on each host.
        let page = ask(&server, host, "/hattingen");
        assert!(page.text().contains("<link rel=\"canonical\" href=\"https://status.example.org/hattingen\">"));
        assert!(page.text().contains("hreflang=\"nds\" href=\"https://status.example.org/nds/hattingen\""));
    }
    let feed = ask(&server, HATTINGEN, "/feed.atom");
    assert!(feed.text().contains(
        "rel=\"self\" type=\"application/atom+xml\" href=\"https://status.example.org/hattingen/feed.atom\""
    ));
    let moved = ask(&server, HATTINGEN, "/?lang=en");
    assert_eq!((moved.status, moved.header("location")), (308, Some("/en/hattingen")));
}

#[test]
fn hosts_that_are_not_ours_get_nothing_and_editors_are_on_no_organisations_host() {
    let server = start();
    for path in OWN.iter().chain(&SHARED) {
        for host in ["evil.example", "hattingen.example", "status.hattingen.example.evil.example", "127.0.0.1"] {
            assert_eq!(ask(&server, host, path).status, 421, "{host}{path}");
        }
    }
    for path in ["/admin", "/api/v1/admin", "/api/v1/admin/incidents"] {
        for host in [HATTINGEN, WITTEN] {
            assert_eq!(ask(&server, host, path).status, 404, "{host}{path}");
        }
    }
}

#[test]
fn an_error_page_links_the_imprint() {
    let server = start();
    let reply = ask(&server, SITE, "/unknown");
    assert_eq!(reply.status, 404);
    assert!(reply.text().contains("<a href=\"https://www.example.org/impressum\">Impressum</a>"), "{}", reply.text());
}

#[test]
fn an_answer_to_a_question_has_a_tag_though_nobody_keeps_it() {
    let server = start();
    let reply = ask(&server, SITE, "/search?q=hattingen");
    let tag = format!("If-None-Match: {}", reply.header("etag").expect("a tag"));
    let host = format!("Host: {SITE}");
    let again = Client::to(server.local_addr()).ask("GET", "/search?q=hattingen", &[&host, &tag]);
    assert_eq!((reply.status, again.status), (200, 304));
    let refused = ask(&server, SITE, "/api/v1/search?q=a+b+c+d+e+f+g+h+i");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("höchstens 200 Byte und 8 Wörter"));
}
