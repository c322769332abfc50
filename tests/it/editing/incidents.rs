//! Incidents: opened, moved to another root, taken over, retracted, merged, split.

use serde_json::{Value, json};
use turmwacht::model::incident::{Body, IncidentStatus, MessageCode};
use turmwacht::model::status::Status;

use super::{World, admin, editor_of, id, text};

fn opening(components: &Value) -> Value {
    json!({ "title": text("Angriff"), "text": text("Alles steht."), "components": components })
}

#[test]
fn an_incident_by_hand_stands_on_every_page_that_depends_on_it() {
    let mut world = World::new();
    let body = json!({
        "title": text("Angriff auf den Dienstleister"),
        "text": text("Alle Dienste wurden vorsorglich abgeschaltet."),
        "status": "identified",
        "cause": "cyberattack",
        "root": "provider",
        "components": [{ "id": "mail-h", "status": "partial_outage" }],
        "expected_end": { "earliest": "2023-12-15", "label": { "de": "ab Mitte Dezember" } },
        "next_update_by": "2023-11-02T12:00",
        "unaffected": ["homepage-h"],
        "references": [{ "url": "https://kreis.example/lage", "label": "Lage" }],
    });
    let made = world.done(&admin(), "POST /incidents", &body);
    let incident = world.incident(&made);
    assert_eq!(incident.given[&id("provider")], Status::MajorOutage, "a root without a state gets the worst");
    assert_eq!(incident.expected_end.as_ref().unwrap().earliest.unwrap().to_string(), "2023-12-14T23:00:00Z");
    assert_eq!(incident.next_update_by.unwrap().to_string(), "2023-11-02T11:00:00Z");
    // Derived states follow, and the incident concerns whoever reads them.
    assert_eq!(world.status("portal"), Status::MajorOutage);
    assert_eq!(world.status("melder"), Status::MajorOutage);
    assert_eq!(world.status("mail-h"), Status::PartialOutage);
    assert_eq!(world.status("homepage-h"), Status::Unknown, "never probed");
    let concerned: Vec<&str> = world.incident(&made).concerned.iter().map(|c| c.component.as_str()).collect();
    assert_eq!(concerned, ["mail-h", "melder", "portal", "provider"]);
    world.assert_restores();
}

#[test]
fn an_editors_root_keeps_the_id_and_gathers_what_depends_on_it() {
    let mut world = World::new();
    world.probe("homepage-w", false, 1);
    world.probe("portal", true, 3);
    let automatic = world.open()[0].id.to_string();
    let change =
        json!({ "root": "provider", "status": "identified", "text": text("Der Dienstleister ist ausgefallen.") });
    let same = world.done(&admin(), &format!("PATCH /incidents/{automatic}"), &change);
    assert_eq!(same, automatic);
    assert_eq!(world.open().len(), 1);
    let incident = world.incident(&automatic);
    assert!(incident.root_set && incident.touched);
    assert_eq!((incident.root.as_str(), incident.updates.len()), ("provider", 2));
    assert_eq!(world.status("provider"), Status::MajorOutage);
    // The portal comes back: its function is proven, the editor's state of the provider stays.
    world.probe("portal", false, 3);
    assert_eq!(world.status("portal"), Status::Operational);
    assert_eq!(world.status("provider"), Status::MajorOutage);
    let incident = world.incident(&automatic);
    assert_eq!(incident.status, IncidentStatus::Monitoring);
    // It is not resolved by itself, however long nothing fails.
    for _ in 0..30 {
        world.probe("portal", false, 1);
    }
    assert_eq!(world.incident(&automatic).status, IncidentStatus::Monitoring);
    world.probe("portal", true, 3);
    assert_eq!(world.incident(&automatic).status, IncidentStatus::Investigating, "it failed again");
    let resolve = json!({ "status": "resolved", "text": text("Behoben.") });
    world.refused(&admin(), &format!("POST /incidents/{automatic}/updates"), &resolve, 409, "`portal` failing");
    world.probe("portal", false, 3);
    world.done(&admin(), &format!("POST /incidents/{automatic}/updates"), &resolve);
    assert_eq!((world.open().len(), world.status("provider")), (0, Status::Operational));
    world.assert_restores();
}

#[test]
fn an_older_automatic_incident_takes_over_what_an_editor_said_in_a_younger_one() {
    let mut world = World::new();
    world.probe("homepage-w", false, 1);
    world.probe("portal", true, 3);
    let older = world.open()[0].id.to_string();
    let body = json!({ "title": text("Angriff"), "text": text("Erste Auskunft."), "root": "provider", "cause": "cyberattack" });
    let younger = world.done(&admin(), "POST /incidents", &body);
    assert_eq!(world.open().len(), 1);
    let incident = world.incident(&older);
    assert!(incident.is_open() && incident.root_set);
    assert_eq!(incident.root.as_str(), "provider");
    assert!(matches!(&incident.title, Body::Written(title) if title.get("de", "de").unescaped() == "Angriff"));
    assert!(matches!(&incident.updates.last().unwrap().body, Body::Written(_)));
    assert_eq!(world.incident(&younger).merged_into.as_ref().map(ToString::to_string), Some(older));
    world.assert_restores();
}

#[test]
fn each_root_has_one_open_incident() {
    let mut world = World::new();
    let body = opening(&json!([{ "id": "mail-h", "status": "major_outage" }]));
    let first = world.done(&admin(), "POST /incidents", &body);
    world.refused(&admin(), "POST /incidents", &body, 409, &first);
    let other = world.done(
        &admin(),
        "POST /incidents",
        &opening(&json!([{ "id": "melder", "status": "degraded_performance" }])),
    );
    let root = json!({ "root": "mail-h" });
    world.refused(&admin(), &format!("PATCH /incidents/{other}"), &root, 409, &first);
    let done = json!({ "status": "resolved", "text": text("Vorbei.") });
    world.done(&admin(), &format!("PATCH /incidents/{first}"), &done);
    let again = world.done(&admin(), "POST /incidents", &body);
    assert_ne!(again, first);
    // Opening the first one again would make two.
    let reopen = json!({ "status": "investigating", "text": text("Doch nicht.") });
    world.refused(&admin(), &format!("PATCH /incidents/{first}"), &reopen, 409, &again);
}

#[test]
fn updates_are_retracted_and_corrected_with_their_history() {
    let mut world = World::new();
    let made =
        world.done(&admin(), "POST /incidents", &opening(&json!([{ "id": "mail-h", "status": "major_outage" }])));
    world.done(&admin(), &format!("POST /incidents/{made}/updates"), &json!({ "text": text("Falsch.") }));
    world.done(&admin(), &format!("PATCH /incidents/{made}/updates/{made}-1"), &json!({ "text": text("Mail steht.") }));
    world.done(&admin(), &format!("DELETE /incidents/{made}/updates/{made}-2"), &Value::Null);
    let incident = world.incident(&made);
    assert_eq!(incident.updates[0].corrected.len(), 1);
    assert!(
        matches!(&incident.updates[0].corrected[0].body, Body::Written(old) if old.get("de", "de").unescaped() == "Alles steht.")
    );
    assert!(incident.updates[1].retracted_at.is_some());
    world.refused(&admin(), &format!("DELETE /incidents/{made}/updates/{made}-2"), &Value::Null, 409, "before");
    world.refused(&admin(), &format!("DELETE /incidents/{made}/updates/{made}-9"), &Value::Null, 404, "no update 9");
    world.refused(&admin(), &format!("DELETE /incidents/{made}/updates/7"), &Value::Null, 404, "no update");
    // What was taken back is not shown, also not its text.
    let snapshot = world.snapshot();
    let shown = &snapshot.incidents[0].updates[1];
    assert!(shown.retracted_at.is_some());
    assert!(matches!(&shown.body, Body::Written(text) if text.iter().next().is_none()));
    world.assert_restores();
}

#[test]
fn incidents_are_merged_and_split() {
    let mut world = World::new();
    world.probe("homepage-w", false, 1);
    world.probe("homepage-h", true, 3);
    let automatic = world.open()[0].id.to_string();
    let mail =
        world.done(&admin(), "POST /incidents", &opening(&json!([{ "id": "mail-h", "status": "major_outage" }])));
    world.done(&admin(), &format!("POST /incidents/{automatic}/merge"), &json!({ "into": mail }));
    assert_eq!(world.open().len(), 1, "the homepage goes on in the other one");
    assert!(world.incident(&mail).attached.contains(&id("homepage-h")));
    // It goes on failing, and no new incident comes of it.
    world.probe("homepage-h", true, 2);
    assert_eq!(world.open().len(), 1);
    world.refused(&admin(), &format!("PATCH /incidents/{automatic}"), &json!({ "impact": "minor" }), 409, &mail);
    let split =
        json!({ "components": ["homepage-h"], "title": text("Homepage"), "text": text("Hat eine eigene Ursache.") });
    let new = world.done(&admin(), &format!("POST /incidents/{mail}/split"), &split);
    assert_eq!(world.open().len(), 2);
    assert_eq!(world.incident(&new).root.as_str(), "homepage-h");
    world.probe("homepage-h", true, 2);
    assert_eq!(world.open().len(), 2, "it stays split");
    let root = json!({ "components": ["mail-h"], "title": text("x"), "text": text("x") });
    world.refused(&admin(), &format!("POST /incidents/{mail}/split"), &root, 422, "not its root");
    world.refused(&admin(), &format!("POST /incidents/{mail}/merge"), &json!({ "into": mail }), 422, "same");
    world.assert_restores();
}

#[test]
fn an_editors_state_replaces_what_is_derived_but_not_what_is_seen() {
    let mut world = World::new();
    world.probe("homepage-w", false, 1);
    world.probe("portal", true, 3);
    let incident = world.open()[0].id.to_string();
    assert_eq!(world.status("melder"), Status::MajorOutage);
    let states = json!({ "components": [{ "id": "melder", "status": "degraded_performance" }, { "id": "portal", "status": "operational" }], "text": text("Der Melder geht langsam.") });
    world.done(&admin(), &format!("POST /incidents/{incident}/updates"), &states);
    assert_eq!((world.status("melder"), world.status("portal")), (Status::DegradedPerformance, Status::MajorOutage));
    let back = json!({ "components": [{ "id": "melder", "status": null }] });
    world.done(&admin(), &format!("PATCH /incidents/{incident}"), &back);
    assert_eq!(world.status("melder"), Status::MajorOutage);
    world.assert_restores();
}

#[test]
fn a_promise_that_is_not_kept_is_overdue() {
    let mut world = World::new();
    let mut body = opening(&json!([{ "id": "mail-h", "status": "major_outage" }]));
    body["next_update_by"] = "2023-11-01T07:00".into();
    let made = world.done(&admin(), "POST /incidents", &body);
    world.pass(3_590);
    assert!(!world.incident(&made).is_overdue(world.now));
    world.pass(10);
    assert!(world.incident(&made).is_overdue(world.now) && world.state.public_changed());
    let late = json!({ "text": text("Noch nichts Neues."), "next_update_by": "2023-11-01T06:30" });
    world.refused(&admin(), &format!("POST /incidents/{made}/updates"), &late, 422, "in the past");
    let said = json!({ "text": text("Behoben."), "status": "resolved" });
    world.done(&admin(), &format!("POST /incidents/{made}/updates"), &said);
    assert_eq!(world.incident(&made).next_update_by, None, "who says the last word owes no further one");
}

#[test]
fn many_disturbances_at_once_are_told_as_one() {
    let towns: String = (0..30)
        .map(|n| {
            format!(
                "[[component]]\nid = \"t{n}\"\nname = \"T{n}\"\nkind = \"website\"\nowner = \"kreis\"\n[[component.check]]\nid = \"c\"\nprobe.http = {{ url = \"https://t{n}.example/\" }}\ninterval = \"60s\"\n"
            )
        })
        .collect();
    let mut world = World::of(&format!("{}{towns}", super::WORLD));
    world.probe("homepage-w", false, 1);
    // Three probes each, all at the same minutes.
    let together = |world: &mut World, down: bool, from: u32, to: u32| {
        for _ in 0..3 {
            let now = world.now;
            for n in from..to {
                world.now = now;
                world.probe(&format!("t{n}"), down, 1);
            }
        }
    };
    together(&mut world, true, 0, 20);
    assert_eq!(world.open().len(), 20, "twenty stand for themselves");
    together(&mut world, true, 20, 22);
    let open = world.open();
    assert_eq!(open.len(), 1, "{:?}", open.iter().map(|i| &i.root).collect::<Vec<_>>());
    assert!(open[0].is_umbrella() && open[0].attached.len() == 21);
    let gathered = world.state.record.incidents.values().filter(|i| i.merged_into.is_some()).count();
    assert_eq!(gathered, 20);
    together(&mut world, true, 22, 24);
    assert_eq!(world.open().len(), 1, "what follows at once is gathered, too");
    let umbrella = world.open()[0].id.to_string();
    assert!(world.incident(&umbrella).concerns(&id("t23")).is_some());
    world.assert_restores();
    together(&mut world, false, 0, 24);
    assert_eq!(world.incident(&umbrella).status, IncidentStatus::Monitoring);
    let said = world
        .incident(&umbrella)
        .updates
        .iter()
        .any(|update| matches!(&update.body, Body::Automatic(message) if message.code == MessageCode::Gathered));
    assert!(said);
}

#[test]
fn what_cannot_be_is_refused_with_a_sentence() {
    let mut world = World::new();
    let long = "ä".repeat(20_001);
    let cases = [
        (opening(&json!([])), 422, "at least one component"),
        (opening(&json!([{ "id": "nobody", "status": "major_outage" }])), 422, "no component `nobody`"),
        (opening(&json!([{ "id": "mail-h" }])), 422, "give `mail-h` a status"),
        (opening(&json!([{ "id": "mail-h", "status": "red" }])), 422, "unknown variant `red`"),
        (opening(&json!([{ "id": "mail-h", "status": "under_maintenance" }])), 422, "as maintenance"),
        (json!({ "title": {}, "text": text("x"), "root": "mail-h" }), 422, "`de` at least"),
        (json!({ "title": { "en": "x" }, "text": text("x"), "root": "mail-h" }), 422, "`de` at least"),
        (json!({ "title": text("x"), "root": "mail-h" }), 422, "`text` is missing"),
        (json!({ "title": text("x"), "text": text(&long), "root": "mail-h" }), 422, "20001 characters"),
        (json!({ "title": text("x"), "text": { "DE": "x" }, "root": "mail-h" }), 422, "no language tag"),
        (
            json!({ "title": text("x"), "text": text("x"), "root": "mail-h", "staus": "x" }),
            422,
            "unknown field `staus`",
        ),
        (json!({ "title": text("x"), "text": text("x"), "root": "mail-h", "status": "resolved" }), 422, "open it as"),
        (
            json!({ "title": text("x"), "text": text("x"), "root": "mail-h", "started_at": "2024-01-01T00:00" }),
            422,
            "future",
        ),
        (
            json!({ "title": text("x"), "text": text("x"), "root": "mail-h", "expected_end": {} }),
            422,
            "`earliest`, `latest` or `label`",
        ),
        (
            json!({ "title": text("x"), "text": text("x"), "root": "mail-h", "expected_end": { "earliest": "2023-12-02", "latest": "2023-12-01" } }),
            422,
            "after `earliest`",
        ),
        (
            json!({ "title": text("x"), "text": text("x"), "root": "mail-h", "next_update_by": "2023-12-01" }),
            422,
            "time of day",
        ),
        (
            json!({ "title": text("x"), "text": text("x"), "root": "mail-h", "next_update_by": "2024-03-31T02:30" }),
            422,
            "does not exist",
        ),
        (
            json!({ "title": text("x"), "text": text("x"), "root": "mail-h", "references": [{ "url": "javascript:alert(1)" }] }),
            422,
            "https, http, tel or mailto",
        ),
    ];
    for (body, status, says) in cases {
        world.refused(&admin(), "POST /incidents", &body, status, says);
    }
    world.refused(&admin(), "PATCH /incidents/nowhere", &json!({ "impact": "minor" }), 404, "no incident `nowhere`");
    world.refused(&admin(), "PUT /incidents", &json!({}), 405, "GET, POST");
    world.refused(&admin(), "POST /incidents/x/y/z", &json!({}), 404, "no such path");
    let made =
        world.done(&admin(), "POST /incidents", &opening(&json!([{ "id": "mail-h", "status": "major_outage" }])));
    world.refused(&admin(), &format!("PATCH /incidents/{made}"), &json!({}), 422, "changes nothing");
    world.refused(
        &admin(),
        &format!("PATCH /incidents/{made}"),
        &json!({ "status": "identified" }),
        422,
        "readers should know",
    );
    world.refused(
        &admin(),
        &format!("POST /incidents/{made}/updates"),
        &json!({ "impact": "minor" }),
        422,
        "readers should know",
    );
    assert_eq!(world.open().len(), 1);
}

#[test]
fn texts_are_cleaned_and_kept() {
    let mut world = World::new();
    let hostile = "a<b>&\u{1b}[31m\u{202e}\u{0}\nb";
    let body =
        json!({ "title": hostile, "text": { "de": hostile, "de-x-leicht": "Die Mail geht nicht." }, "root": "mail-h" });
    let made = world.done(&editor_of(&["hattingen"]), "POST /incidents", &body);
    let incident = world.incident(&made);
    let Body::Written(title) = &incident.title else { panic!("written by an editor") };
    assert_eq!(title.get("de", "de").unescaped(), "a<b>&[31m\nb");
    let Body::Written(text) = &incident.updates[0].body else { panic!("written by an editor") };
    assert!(text.has("de-x-leicht") && !text.has("en"));
}
