//! What differs in some towns, and statuses set by hand.

use serde_json::{Value, json};
use turmwacht::model::status::{Evidence, Mode, Status};

use super::{World, admin, text};

fn read(world: &mut World, component: &str, organisation: &str) -> (Status, Mode, Option<bool>) {
    let snapshot = world.snapshot();
    let view = snapshot
        .view(snapshot.catalogue.component_index[component], Some(snapshot.catalogue.organisation_index[organisation]))
        .unwrap();
    (view.status, view.mode, view.released)
}

#[test]
fn the_most_specific_word_counts_point_by_point_then_the_newest() {
    let mut world = World::new();
    world.probe("portal", false, 2);
    let say = |world: &mut World, body: Value| world.done(&admin(), "PUT /components/portal/local", &body);
    say(&mut world, json!({ "organisations": ["05"], "mode": "off" }));
    assert_eq!(read(&mut world, "portal", "witten"), (Status::MajorOutage, Mode::Off, None));
    say(&mut world, json!({ "organisations": ["05954", "!witten"], "mode": "emergency", "released": true }));
    assert_eq!(read(&mut world, "portal", "witten").1, Mode::Off);
    assert_eq!(read(&mut world, "portal", "kreis"), (Status::PartialOutage, Mode::Emergency, Some(true)));
    say(&mut world, json!({ "organisations": ["hattingen"], "mode": "basic" }));
    assert_eq!(read(&mut world, "portal", "hattingen"), (Status::DegradedPerformance, Mode::Basic, Some(true)));
    say(&mut world, json!({ "organisations": ["hattingen"], "mode": "regular" }));
    assert_eq!(read(&mut world, "portal", "hattingen").0, Status::Operational);
    // What depends on it in the town reads it there and nowhere else.
    say(&mut world, json!({ "organisations": ["hattingen"], "mode": "off" }));
    assert_eq!(read(&mut world, "melder", "hattingen").0, Status::MajorOutage);
    world.done(&admin(), "DELETE /components/portal/local", &json!({ "organisations": ["hattingen"] }));
    assert_eq!(read(&mut world, "portal", "hattingen").1, Mode::Emergency);
    world.refused(
        &admin(),
        "DELETE /components/portal/local",
        &json!({ "organisations": ["hattingen"] }),
        404,
        "no editor's word",
    );
    world.assert_restores();
}

#[test]
fn a_word_ends_when_it_was_said_to() {
    let mut world = World::new();
    world.probe("portal", false, 2);
    let body = json!({ "organisations": ["hattingen"], "status": "partial_outage", "until": "2023-11-01T08:00" });
    world.done(&admin(), "PUT /components/portal/local", &body);
    assert_eq!(read(&mut world, "portal", "hattingen").0, Status::PartialOutage);
    world.pass(2 * 3600);
    world.probe("portal", false, 2);
    assert_eq!(read(&mut world, "portal", "hattingen").0, Status::Operational);
    assert!(world.state.record.locals.is_empty());
    world.assert_restores();
}

#[test]
fn a_local_word_must_say_something_to_somebody() {
    let mut world = World::new();
    let cases = [
        (json!({ "organisations": [], "mode": "off" }), "at least one organisation"),
        (json!({ "organisations": ["!witten"], "mode": "off" }), "at least one organisation"),
        (json!({ "organisations": ["hattingen"] }), "say what differs"),
        (json!({ "organisations": ["nirgendwo"], "mode": "off" }), "no organisation `nirgendwo`"),
        (json!({ "organisations": ["9"], "mode": "off" }), "no ARS prefix"),
        (json!({ "organisations": ["08"], "mode": "off" }), "no page of theirs"),
        (json!({ "organisations": ["hattingen"], "mode": "off", "until": "2023-10-01" }), "in the past"),
        (json!({ "organisations": ["hattingen"], "status": "under_maintenance" }), "maintenance instead"),
        (json!({ "organisations": ["hattingen"], "mode": "halb" }), "unknown variant `halb`"),
    ];
    for (body, says) in cases {
        world.refused(&admin(), "PUT /components/portal/local", &body, 422, says);
    }
    world.refused(
        &admin(),
        "PUT /components/nobody/local",
        &json!({ "organisations": ["hattingen"], "mode": "off" }),
        404,
        "no component",
    );
}

#[test]
fn a_status_by_hand_wins_and_something_better_ends_within_a_week() {
    let mut world = World::new();
    world.probe("homepage-w", false, 1);
    world.probe("portal", true, 3);
    let set = |body: Value| ("PUT /components/portal/override", body);
    let (request, body) = set(json!({ "status": "operational" }));
    world.refused(&admin(), request, &body, 422, "within 7 days");
    let (request, body) = set(json!({ "status": "operational", "until": "2023-11-20" }));
    world.refused(&admin(), request, &body, 422, "within 7 days");
    let (request, body) = set(json!({ "status": "degraded_performance", "until": "2023-11-01T07:00" }));
    world.done(&admin(), request, &body);
    assert_eq!(world.status("portal"), Status::DegradedPerformance);
    let index = world.state.catalogue().component_index("portal").unwrap();
    assert_eq!(world.state.record.components[index as usize].evidence, Evidence::Notice);
    let snapshot = world.snapshot();
    assert!(snapshot.states[snapshot.catalogue.component_index["portal"] as usize].set_by_hand.is_some());
    world.assert_restores();
    for _ in 0..60 {
        world.probe("portal", true, 1);
    }
    assert_eq!(world.status("portal"), Status::MajorOutage, "it lapsed");
    let (request, body) = set(json!({ "status": "major_outage" }));
    world.done(&admin(), request, &body);
    world.done(&admin(), "DELETE /components/portal/override", &Value::Null);
    world.refused(&admin(), "DELETE /components/portal/override", &Value::Null, 404, "not set by hand");
}

#[test]
fn a_status_by_hand_hides_nothing_worse_in_a_town() {
    let mut world = World::new();
    world.probe("homepage-w", false, 1);
    world.probe("portal", false, 2);
    let components = ["portal", "melder"];
    let request = |component: &str| format!("PUT /components/{component}/override");
    // Set while all was well, it gives way to what the town says of the portal.
    for component in components {
        world.done(&admin(), &request(component), &json!({ "status": "operational" }));
    }
    let off = json!({ "organisations": ["hattingen"], "mode": "off" });
    world.done(&admin(), "PUT /components/portal/local", &off);
    for component in components {
        assert_eq!(read(&mut world, component, "hattingen").0, Status::MajorOutage, "{component}");
    }
    assert_eq!(read(&mut world, "portal", "witten").0, Status::Operational);
    // It may hide that for a week, as it may hide what everybody reads.
    for component in components {
        for body in [json!({ "status": "operational" }), json!({ "status": "operational", "until": "2023-11-28" })] {
            world.refused(&admin(), &request(component), &body, 422, "`operational` is better than `major_outage`");
        }
    }
    for component in components {
        let soon = json!({ "status": "operational", "until": "2023-11-05" });
        world.done(&admin(), &request(component), &soon);
        assert_eq!(read(&mut world, component, "hattingen").0, Status::Operational, "{component}");
    }
    world.assert_restores();
}

/// From the nearest to the root, as a town reads it; an internal one by its name.
fn because(world: &mut World, component: &str, organisation: &str) -> (Vec<String>, Value) {
    let address = format!("/api/v1/components/{component}?organisation={organisation}");
    let told = crate::publish::value(&world.snapshot(), &address)["component"].clone();
    let named = |shown: &Value| shown["id"].as_str().or_else(|| shown["name"].as_str()).expect("a name").to_owned();
    let path = told["affected_by"]["path"].as_array().map(|path| path.iter().map(named).collect());
    (path.unwrap_or_default(), told["because"]["id"].clone())
}

#[test]
fn what_is_down_in_a_town_only_is_named_there_as_the_cause() {
    let component = |id: &str, needs: &str| {
        format!("[[component]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"service\"\nowner = \"hattingen\"\n{needs}\n")
    };
    let mut world = World::of(&format!(
        "{}{}{}",
        super::WORLD.replace("depends_on = [\"portal\"]", "uses = [\"portal\"]"),
        component("termin", "depends_on = [\"melder\"]"),
        component("akte", "depends_on = [\"netz\", \"portal\"]"),
    ));
    world.probe("portal", false, 2);
    let say = |world: &mut World, body: Value| world.done(&admin(), "PUT /components/portal/local", &body);
    assert_eq!(because(&mut world, "melder", "hattingen"), (Vec::new(), Value::Null));
    say(&mut world, json!({ "organisations": ["hattingen"], "mode": "off" }));
    assert_eq!(because(&mut world, "melder", "hattingen"), (vec!["portal".to_owned()], json!("portal")));
    assert_eq!(because(&mut world, "termin", "hattingen").0, ["melder", "portal"]);
    assert_eq!(because(&mut world, "portal", "hattingen").0, Vec::<String>::new());
    assert!(crate::publish::text(&world.snapshot(), "/hattingen").contains("wegen Störung:"));
    assert_eq!(read(&mut world, "termin", "hattingen").0, Status::DegradedPerformance);
    // Of an internal parent and one that is down here the worse is named; where both are as bad, the
    // one that comes first by id, as for everybody.
    let hidden = "ein technischer Dienstleister";
    let set = |world: &mut World, status: &str| {
        world.done(&admin(), "PUT /components/netz/override", &json!({ "status": status }));
    };
    set(&mut world, "degraded_performance");
    assert_eq!(because(&mut world, "akte", "kreis").0, [hidden]);
    assert_eq!(because(&mut world, "akte", "hattingen").0, ["portal"]);
    set(&mut world, "major_outage");
    assert_eq!(because(&mut world, "akte", "hattingen").0, [hidden]);
    // What the town says of it is better than what everybody reads: then it is not the cause.
    set(&mut world, "degraded_performance");
    world.probe("portal", true, 3);
    assert_eq!(because(&mut world, "akte", "kreis").0, ["portal"]);
    world.probe("portal", false, 2);
    world.done(&admin(), "DELETE /components/portal/local", &json!({ "organisations": ["hattingen"] }));
    world.done(&admin(), "PUT /components/provider/override", &json!({ "status": "major_outage" }));
    assert_eq!(because(&mut world, "melder", "hattingen").0, ["portal", "provider"]);
    assert_eq!(because(&mut world, "akte", "hattingen").0, ["portal", "provider"]);
    say(&mut world, json!({ "organisations": ["hattingen"], "status": "operational" }));
    assert_eq!(because(&mut world, "melder", "hattingen"), (Vec::new(), Value::Null));
    assert_eq!(because(&mut world, "akte", "hattingen").0, [hidden]);
    world.assert_restores();
}

#[test]
fn the_summary_counts_what_it_sums_up() {
    let mut world = World::new();
    for component in ["portal", "homepage-h", "homepage-w"] {
        world.probe(component, false, 1);
    }
    world.done(&admin(), "PUT /components/melder/local", &json!({ "organisations": ["hattingen"], "mode": "basic" }));
    let summary = crate::publish::value(&world.snapshot(), "/api/v1/summary");
    assert_eq!(summary["status"], "degraded_performance");
    let counts = &summary["counts"]["components"];
    assert_eq!((&counts["degraded_performance"], &counts["operational"]), (&json!(1), &json!(5)), "{counts}");
}

#[test]
fn a_towns_text_stays_in_the_town() {
    let mut world = World::new();
    world.done(
        &admin(),
        "PUT /components/portal/local",
        &json!({ "organisations": ["hattingen"], "text": text("Nur bei uns.") }),
    );
    let snapshot = world.snapshot();
    let texts = |organisation: &str| {
        let organisation = snapshot.catalogue.organisation_index[organisation];
        snapshot.view(snapshot.catalogue.component_index["portal"], Some(organisation)).unwrap().local.text.is_some()
    };
    assert!(texts("hattingen") && !texts("witten") && !texts("kreis"));
}

#[test]
fn an_alternative_that_is_out_itself_comes_last_and_says_so() {
    let text = format!(
        "{}[[component.alternative]]\nkind = \"mail\"\ntarget = \"mailto:stadt@hattingen.example\"\nlabel = \"E-Mail\"\ncomponent = \"mail-h\"\n[[component.alternative]]\nkind = \"phone\"\ntarget = \"tel:+492324204\"\nlabel = \"Telefon\"\n",
        super::WORLD
            .replace(
                "[[component]]\nid = \"netz\"",
                "[[component]]\nid = \"amt\"\nname = \"Amt\"\nkind = \"counter\"\nowner = \"hattingen\"\nNETZ"
            )
            .split("NETZ")
            .next()
            .unwrap()
    );
    let mut world = World::of(&text);
    let page = |world: &mut World| {
        let snapshot = world.snapshot();
        let target = turmwacht::publish::Target { path: "/hattingen".into(), query: Vec::new() };
        let turmwacht::publish::Rendered::Document(document) = turmwacht::publish::render(&snapshot, &target) else {
            panic!("there is a page")
        };
        String::from_utf8(document.body.to_vec()).unwrap()
    };
    let ways = |page: &str| {
        (
            page.find("mailto:stadt").unwrap() < page.find("tel:+492324204").unwrap(),
            page.contains("Zurzeit selbst nicht verfügbar."),
        )
    };
    world.done(&admin(), "PUT /components/amt/override", &json!({ "status": "major_outage" }));
    assert_eq!(ways(&page(&mut world)), (true, false));
    world.done(&admin(), "PUT /components/mail-h/override", &json!({ "status": "major_outage" }));
    assert_eq!(ways(&page(&mut world)), (false, true));
    let body = json!({ "organisations": ["hattingen"], "alternatives": [{ "kind": "phone", "label": "x", "component": "nirgends" }] });
    world.refused(&admin(), "PUT /components/amt/local", &body, 422, "no component `nirgends`");
}
