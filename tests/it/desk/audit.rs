//! The audit log as people read it.

use serde_json::json;

use super::browser::Browser;
use super::pages::{Scripted, answer, visit};
use crate::e2e::program::Place;
use crate::e2e::town;
use crate::probe::server::closed_port;
use crate::publish::sample::sample;

#[test]
fn changes_and_refusals_are_read_in_words() {
    let place = Place::new(closed_port(), &town(closed_port()));
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &["--role", "admin"]);
    let way = json!({ "status": "partial_outage", "until": "2099-01-01" });
    assert_eq!(browser.api("PUT", "/components/portal/override", Some(&way)).0, 200);
    assert_eq!(browser.api("PUT", "/components/nirgends/override", Some(&way)).0, 404);
    program.until_status("portal", "partial_outage");
    let page = browser.get("/admin/audit");
    page.assert_says(&[
        "Stand von Hand setzen",
        "PUT /components/portal/override",
        "ausgeführt",
        "abgelehnt",
        "Sie (Zugang",
        "am Server:",
        "Zugang anlegen",
        "Anmelden",
        "Einzelheiten",
        "\"until\": \"2099-01-01\"",
    ]);
    let (first, second) = (page.body.find("nirgends").unwrap(), page.body.find("/components/portal/override").unwrap());
    assert!(first < second, "the newest first");

    let mut editor = Browser::sign_in(&place, &program, &["--role", "editor", "--organisation", "teststadt"]);
    let page = editor.get("/admin/audit");
    page.assert_says(&["Das Protokoll lesen nur Zugänge, die für alle Stellen gelten."]);
    assert!(!page.body.contains("override") && !page.body.contains("href=\"/admin/audit\""), "nothing leads there");
}

#[test]
fn the_log_has_pages_and_who_may_not_read_it_asks_for_nothing() {
    let entries = json!({ "audit": [], "next": 151 });
    let ask = Scripted::new(&[
        ("GET", "/audit?limit=50", 200, entries),
        ("GET", "/audit?limit=50&before=151", 200, json!({ "audit": [], "next": null })),
    ]);
    let first = answer(&visit(sample(), &[], "audit", None), &ask);
    assert!(first.body.contains("/admin/audit?vor=151") && !first.body.contains("Zum Neuesten"));
    let second = answer(&visit(sample(), &[], "audit?vor=151", None), &ask);
    assert!(second.body.contains("Zum Neuesten") && !second.body.contains("Ältere Einträge"));
    let third = answer(&visit(sample(), &[], "audit?vor=x%26limit=500", None), &ask);
    assert_eq!(third.body, first.body, "only numbers are passed on");
    assert_eq!(ask.asked().len(), 3);
    let ask = Scripted::new(&[]);
    assert_eq!(answer(&visit(sample(), &["hattingen"], "audit", None), &ask).status, 403);
    assert!(ask.asked().is_empty());
}
