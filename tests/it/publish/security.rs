//! `security.txt`: where weaknesses are to be reported.

use std::sync::Arc;
use std::time::Duration;

use turmwacht::model::alternative::Link;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::publish::Rendered;

use super::sample::sample;
use super::{answer, document, text};

const PATH: &str = "/.well-known/security.txt";

fn with(security: Option<&str>, contact: Option<&str>) -> Snapshot {
    let mut snapshot = sample();
    let site = &mut Arc::make_mut(&mut snapshot.catalogue).site;
    site.security_contact = security.and_then(Link::parse);
    site.links.contact = contact.and_then(Link::parse);
    snapshot
}

#[test]
fn it_says_all_that_rfc_9116_wants() {
    let snapshot = with(Some("mailto:security@example.org"), Some("mailto:it@example.org"));
    assert_eq!(
        text(&snapshot, PATH),
        "Contact: mailto:security@example.org\nExpires: 2024-11-04T00:00:00Z\nPreferred-Languages: de, en\n\
         Canonical: https://status.example.org/.well-known/security.txt\n"
    );
    assert_eq!(document(&snapshot, PATH).content_type, "text/plain; charset=utf-8");
    let usual = with(None, Some("https://www.example.org/kontakt"));
    assert!(text(&usual, PATH).starts_with("Contact: https://www.example.org/kontakt\n"));
    let mut loopback = with(None, Some("mailto:it@example.org"));
    let site = &mut Arc::make_mut(&mut loopback.catalogue).site;
    site.public_url = "http://127.0.0.1:8080".to_owned();
    site.languages.push(Arc::from("de-x-leicht"));
    let text = text(&loopback, PATH);
    assert!(!text.contains("Canonical") && text.contains("Preferred-Languages: de, en\n"), "{text}");
}

#[test]
fn nobody_to_report_to_is_no_file() {
    for contact in [None, Some("http://www.example.org/kontakt")] {
        assert_eq!(answer(&with(None, contact), PATH), Rendered::NotFound);
    }
}

#[test]
fn it_is_the_same_for_a_day_and_never_holds_for_a_year() {
    let mut snapshot = with(Some("mailto:security@example.org"), None);
    let at = |snapshot: &mut Snapshot, hours: u64| {
        snapshot.at = super::sample::time("2023-11-06T00:00:00Z").plus(Duration::from_secs(hours * 3600));
        text(snapshot, PATH)
    };
    let morning = at(&mut snapshot, 0);
    assert_eq!(at(&mut snapshot, 23), morning);
    assert_ne!(at(&mut snapshot, 24), morning);
}
