//! What once went wrong, so that it does not again.

use std::sync::Arc;

use serde_json::{Value, json};
use turmwacht::engine::Input;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::incident::{Body, IncidentStatus};
use turmwacht::model::status::Status;
use turmwacht::scenario::Scenario;

use super::{World, admin, editor_of, id, text};

pub(super) fn reload(world: &mut World, text: &str) {
    let catalogue = Scenario::parse("world", text).unwrap_or_else(|fault| panic!("{fault}")).catalogue;
    world.pass(60);
    world.input(Input::Adopt(Arc::new(catalogue)));
}

#[test]
fn what_was_withdrawn_is_not_said_again_by_a_merge() {
    let mut world = World::new();
    let open = |world: &mut World, root: &str| {
        world.done(&admin(), "POST /incidents", &json!({ "title": text("t"), "text": text("erstens"), "root": root }))
    };
    let (one, other) = (open(&mut world, "mail-h"), open(&mut world, "netz"));
    world.done(&admin(), &format!("POST /incidents/{one}/updates"), &json!({ "text": text("falsche Nummer") }));
    world.done(&admin(), &format!("DELETE /incidents/{one}/updates/{one}-2"), &Value::Null);
    world.done(&admin(), &format!("POST /incidents/{one}/merge"), &json!({ "into": other }));
    let said: Vec<String> = world
        .incident(&other)
        .updates
        .iter()
        .filter_map(|update| match &update.body {
            Body::Written(text) => Some(text.get("de", "de").unescaped().to_owned()),
            Body::Automatic(_) => None,
        })
        .collect();
    assert_eq!(said, ["erstens", "erstens"]);
}

#[test]
fn a_status_by_hand_without_an_end_hides_nothing_worse() {
    let mut world = World::new();
    world.probe("homepage-w", false, 1);
    world.probe("portal", false, 2);
    world.done(&admin(), "PUT /components/portal/override", &json!({ "status": "operational" }));
    world.probe("portal", true, 3);
    assert_eq!(world.status("portal"), Status::MajorOutage);
    assert_eq!(crate::publish::value(&world.snapshot(), "/api/v1/components/portal")["component"]["evidence"], "own");
    // An end that is far away is no better than none.
    world.probe("portal", false, 2);
    let set = json!({ "status": "degraded_performance", "until": "2023-11-28" });
    world.done(&admin(), "PUT /components/portal/override", &set);
    assert_eq!(world.status("portal"), Status::DegradedPerformance);
    world.probe("portal", true, 3);
    assert_eq!(world.status("portal"), Status::MajorOutage);
}

/// What is said of a component in `hattingen`: since when, under which id it was told, and how
/// often something began or ended.
fn told_of(world: &mut World, component: &str) -> (String, String, usize) {
    let key = world.state.record.locals.values().find(|local| local.component == id(component)).expect("said").key;
    let since = world.state.record.locals[&key].since.to_string();
    (since, format!("{key:016x}"), world.state.record.changes.len())
}

#[test]
fn what_a_file_says_of_a_town_goes_on_under_new_names() {
    let declared = format!(
        "{}[[local]]\ncomponents = [\"mail-h\", \"homepage-h\"]\norganisations = [\"hattingen\"]\nmode = \"basic\"\n",
        super::WORLD
    );
    let mut world = World::of(&declared);
    let before = told_of(&mut world, "mail-h");
    let renamed = declared
        .replace("id = \"mail-h\"", "id = \"post-h\"\nformerly = [\"mail-h\"]")
        .replace("[\"mail-h\", ", "[\"post-h\", ");
    reload(&mut world, &renamed);
    assert_eq!(told_of(&mut world, "post-h"), before);
    let town = renamed
        .replace("id = \"hattingen\"", "id = \"stadt-hattingen\"\nformerly = [\"hattingen\"]")
        .replace("owner = \"hattingen\"", "owner = \"stadt-hattingen\"")
        .replace("organisations = [\"hattingen\"]", "organisations = [\"stadt-hattingen\"]");
    reload(&mut world, &town);
    assert_eq!(told_of(&mut world, "post-h"), before);
    world.assert_restores();
    // Something else said of it is news, and so is nothing.
    reload(&mut world, &town.replace("mode = \"basic\"", "mode = \"pilot\""));
    assert_ne!(told_of(&mut world, "post-h").1, before.1);
    reload(&mut world, town.split("[[local]]").next().unwrap());
    assert!(world.state.record.locals.is_empty());
    world.assert_restores();
}

#[test]
fn a_correction_of_the_last_word_leaves_why_it_was_the_last() {
    let mut world = World::new();
    world.probe("homepage-w", false, 1);
    world.probe("homepage-h", true, 3);
    let made = world.open()[0].id.to_string();
    let without = super::WORLD.replace("id = \"homepage-h\"", "id = \"andere-h\"");
    reload(&mut world, &without);
    let last = world.incident(&made).updates.len();
    let correct = format!("PATCH /incidents/{made}/updates/{made}-{last}");
    world.done(&admin(), &correct, &json!({ "text": text("Die Seite ist umgezogen.") }));
    let snapshot = world.snapshot();
    let page = crate::publish::text(&snapshot, &format!("/incidents/{made}"));
    assert!(page.contains("Die Seite ist umgezogen.") && page.contains("Wird nicht mehr überwacht."), "{page}");
    let feed = crate::publish::value(&snapshot, "/feed.json");
    assert_eq!(feed["items"][0]["_turmwacht"]["status"], "removed", "{feed}");
    world.assert_restores();
}

#[test]
fn a_rename_keeps_all_that_editors_said() {
    let mut world = World::new();
    let incident = json!({ "title": text("t"), "text": text("x"), "root": "provider", "components": [{ "id": "portal", "status": "partial_outage" }], "unaffected": ["mail-h"] });
    let made = world.done(&admin(), "POST /incidents", &incident);
    world.done(&admin(), &format!("PUT /incidents/{made}/overlays/hattingen"), &json!({ "text": text("Bei uns") }));
    world.done(&admin(), "PUT /components/mail-h/override", &json!({ "status": "major_outage" }));
    world.done(&admin(), "PUT /components/portal/local", &json!({ "organisations": ["hattingen"], "mode": "off" }));
    let window =
        json!({ "id": "m", "title": text("x"), "components": ["mail-h"], "from": "2023-12-01", "until": "2023-12-02" });
    world.done(&admin(), "POST /maintenance", &window);
    let renamed = super::WORLD
        .replace("id = \"provider\"", "id = \"haus\"\nformerly = [\"provider\"]")
        .replace("depends_on = [\"provider\"]", "depends_on = [\"haus\"]")
        .replace("id = \"mail-h\"", "id = \"post-h\"\nformerly = [\"mail-h\"]")
        .replace("id = \"hattingen\"", "id = \"stadt-hattingen\"\nformerly = [\"hattingen\"]")
        .replace("owner = \"hattingen\"", "owner = \"stadt-hattingen\"");
    reload(&mut world, &renamed);
    let incident = world.incident(&made);
    assert_eq!((incident.root.as_str(), incident.given[&id("haus")]), ("haus", Status::MajorOutage));
    assert_eq!(incident.unaffected, [id("post-h")]);
    assert!(incident.overlays.keys().any(|town| town.as_str() == "stadt-hattingen"));
    assert_eq!((world.status("haus"), world.status("post-h")), (Status::MajorOutage, Status::MajorOutage));
    assert!(world.state.record.maintenance["m"].covers(&id("post-h")).is_some());
    let snapshot = world.snapshot();
    let town = snapshot.catalogue.organisation_index["stadt-hattingen"];
    let mode = snapshot.view(snapshot.catalogue.component_index["portal"], Some(town)).unwrap().mode;
    assert_eq!(mode.as_str(), "off");
    // The token was made for the old name.
    world.done(&editor_of(&["hattingen"]), "DELETE /components/post-h/override", &Value::Null);
    world.assert_restores();
}

#[test]
fn nothing_known_is_no_quiet() {
    let mut world = World::new();
    world.probe("homepage-w", false, 1);
    world.probe("portal", true, 3);
    world.probe("portal", false, 3);
    let incident = world.state.record.incidents.keys().next().unwrap().to_string();
    assert_eq!(world.incident(&incident).status, IncidentStatus::Monitoring);
    world.pass(1_800);
    assert_eq!(world.incident(&incident).status, IncidentStatus::Monitoring, "its evidence has expired");
    world.probe("portal", false, 3);
    assert_eq!(world.incident(&incident).status, IncidentStatus::Resolved);
}

#[test]
fn what_concerns_nothing_public_is_nowhere() {
    let mut world = World::new();
    world.done(&admin(), "POST /incidents", &json!({ "title": text("Firewall"), "text": text("x"), "root": "netz" }));
    let window = json!({ "id": "fw", "title": text("Tausch"), "components": ["netz"], "from": "2023-12-01", "until": "2023-12-02" });
    world.done(&admin(), "POST /maintenance", &window);
    let snapshot = world.snapshot();
    assert!(snapshot.incidents.is_empty() && snapshot.maintenances.is_empty());
}

#[test]
fn everything_that_is_split_off_stays_split_off() {
    let parts = "[[component]]\nid = \"a\"\nname = \"A\"\nkind = \"service\"\nowner = \"kreis\"\ndepends_on = [\"portal\"]\n[[component.check]]\nid = \"c\"\nprobe.http = { url = \"https://a.example/\" }\ninterval = \"60s\"\n";
    let mut world =
        World::of(&format!("{}{parts}{}", super::WORLD, parts.replace("\"a\"", "\"b\"").replace("\"A\"", "\"B\"")));
    world.probe("homepage-w", false, 1);
    world.probe("portal", true, 3);
    let together = |world: &mut World| {
        for _ in 0..3 {
            let now = world.now;
            for component in ["portal", "a", "b"] {
                world.now = now;
                world.probe(component, true, 1);
            }
        }
    };
    together(&mut world);
    let old = world.open()[0].id.to_string();
    assert_eq!(world.open().len(), 1);
    let split = json!({ "components": ["a", "b"], "title": text("Eigene Ursache"), "text": text("x") });
    let new = world.done(&admin(), &format!("POST /incidents/{old}/split"), &split);
    together(&mut world);
    assert_eq!(world.open().len(), 2);
    for component in ["a", "b"] {
        assert!(world.incident(&new).concerns(&id(component)).is_some());
        assert!(world.incident(&old).concerns(&id(component)).is_none());
    }
}

#[test]
fn what_is_back_stays_back_and_what_is_over_stays_over() {
    let mut world = World::new();
    let window = json!({ "id": "m", "title": text("x"), "components": ["mail-h", "portal"], "from": "2023-11-01T06:30", "until": "2023-11-01T09:00", "ends": "on_notice" });
    world.done(&admin(), "POST /maintenance", &window);
    world.pass(3_600);
    let back = json!({ "components": [{ "id": "mail-h", "ended_at": "2023-11-01T06:45" }] });
    world.done(&admin(), "POST /maintenance/m/updates", &back);
    world.done(&admin(), "PATCH /maintenance/m", &json!({ "components": ["mail-h", "portal", "homepage-w"] }));
    assert_eq!((world.status("mail-h"), world.status("homepage-w")), (Status::Operational, Status::UnderMaintenance));

    let made =
        world.done(&admin(), "POST /incidents", &json!({ "title": text("t"), "text": text("x"), "root": "provider" }));
    let over = json!({ "status": "resolved", "text": text("vorbei") });
    world.done(&admin(), &format!("POST /incidents/{made}/updates"), &over);
    let resolved_at = world.incident(&made).resolved_at;
    world.pass(86_400);
    world.done(
        &admin(),
        &format!("POST /incidents/{made}/updates"),
        &json!({ "status": "resolved", "text": text("Nachtrag") }),
    );
    assert_eq!(world.incident(&made).resolved_at, resolved_at);
}

#[test]
fn a_declaration_comes_back_and_takes_nothing_of_others_over() {
    let declared = format!(
        "{}[[maintenance]]\nid = \"witten-wartung\"\ntitle = \"Wartung\"\ncomponents = [\"portal\"]\nfrom = 2023-12-01\nuntil = 2023-12-02\n",
        super::WORLD
    );
    let mut world = World::of(&declared);
    reload(&mut world, super::WORLD);
    assert_eq!(world.state.record.maintenance["witten-wartung"].phase, MaintenancePhase::Cancelled);
    reload(&mut world, &declared);
    assert_eq!(world.state.record.maintenance["witten-wartung"].phase, MaintenancePhase::Announced);
    let mut world = World::new();
    let window = json!({ "id": "witten-wartung", "title": text("Wittens"), "components": ["homepage-w"], "from": "2023-12-01", "until": "2023-12-02" });
    world.done(&editor_of(&["witten"]), "POST /maintenance", &window);
    reload(&mut world, &declared);
    assert!(world.state.record.maintenance["witten-wartung"].covers(&id("homepage-w")).is_some());
}

#[test]
fn a_towns_words_go_on_with_the_incident_and_stand_beside_the_owners() {
    let mut world = World::new();
    world.probe("homepage-w", false, 1);
    world.probe("portal", true, 3);
    let young = world.open()[0].id.to_string();
    world.done(
        &editor_of(&["hattingen"]),
        &format!("PUT /incidents/{young}/overlays/hattingen"),
        &json!({ "text": text("Bei uns") }),
    );
    let other =
        world.done(&admin(), "POST /incidents", &json!({ "title": text("t"), "text": text("x"), "root": "mail-h" }));
    world.done(&admin(), &format!("POST /incidents/{young}/merge"), &json!({ "into": other }));
    assert_eq!(world.incident(&other).overlays.len(), 1);

    let local = |body: Value| ("PUT /components/portal/local", body);
    let (request, body) =
        local(json!({ "organisations": ["hattingen"], "mode": "emergency", "text": text("Wir sind da.") }));
    world.done(&editor_of(&["hattingen"]), request, &body);
    let (request, body) = local(json!({ "organisations": ["hattingen"], "released": true }));
    world.done(&editor_of(&["kreis"]), request, &body);
    let snapshot = world.snapshot();
    let town = snapshot.catalogue.organisation_index["hattingen"];
    let view = snapshot.view(snapshot.catalogue.component_index["portal"], Some(town)).unwrap();
    assert_eq!((view.mode.as_str(), view.released, view.local.text.is_some()), ("emergency", Some(true), true));
}

#[test]
fn what_becomes_public_has_no_past() {
    let mut world = World::new();
    let index = world.state.catalogue().component_index("netz").expect("declared");
    world.pass(3600);
    let before = world.state.record.components[index as usize].intervals.iter().count();
    assert!(before >= 1);
    let since = world.now.plus(std::time::Duration::from_secs(60));
    world.now = since;
    reload(&mut world, &super::WORLD.replace("owner = \"kreis\"\npublic = false", "owner = \"kreis\""));
    let snapshot = world.snapshot();
    let public = snapshot.catalogue.component_index[&id("netz")];
    let intervals: Vec<_> = snapshot.states[public as usize].intervals.iter().collect();
    assert!(!intervals.is_empty() && intervals.iter().all(|interval| interval.from >= since), "{intervals:?}");
    // A further change of the catalogue takes nothing away.
    world.pass(3600);
    reload(&mut world, &super::WORLD.replace("owner = \"kreis\"\npublic = false", "owner = \"kreis\"\nozg = 1"));
    let snapshot = world.snapshot();
    assert!(snapshot.states[public as usize].intervals.iter().any(|interval| interval.from == intervals[0].from));
    world.assert_restores();
}
