//! What is announced or retired is neither up nor down, whatever its checks find.

use serde_json::{Value, json};
use turmwacht::engine::measure;
use turmwacht::model::status::Status;

use super::World;
use crate::publish::value;

/// The town's report tool depends on a sign-in that is not in service yet; a form is gone.
fn world() -> World {
    let check = "[[component.check]]\nid = \"c\"\nprobe.http = { url = \"https://x.example/\" }\ninterval = \"60s\"\n";
    let component = |id: &str, life: &str| {
        format!(
            "[[component]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"service\"\nowner = \"hattingen\"\n{life}\n{check}"
        )
    };
    let text = super::WORLD.replace("depends_on = [\"portal\"]", "depends_on = [\"portal\", \"anmeldung\"]");
    let mut world = World::of(&format!(
        "{text}{}{}",
        component("anmeldung", "available_from = 2023-11-01T09:00:00"),
        component("formular", "retired_at = 2023-10-01"),
    ));
    world.probe("formular", true, 4);
    world.probe("portal", false, 2);
    world.probe("anmeldung", true, 3);
    world
}

fn ids(world: &mut World, query: &str) -> Vec<String> {
    let list = value(&world.snapshot(), &format!("/api/v1/components?{query}"));
    let items = list["components"].as_array().expect("a list").iter();
    items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn what_is_not_in_service_is_told_as_down_nowhere() {
    let mut world = world();
    assert_eq!(world.status("anmeldung"), Status::MajorOutage, "its check fails");
    for (id, lifecycle, since) in
        [("anmeldung", "announced", "2023-11-01T05:00:00Z"), ("formular", "retired", "2023-09-30T22:00:00Z")]
    {
        let told = value(&world.snapshot(), &format!("/api/v1/components/{id}"));
        let told = &told["component"];
        assert_eq!(told["lifecycle"], lifecycle);
        assert_eq!((&told["status"], &told["evidence"]), (&json!("unknown"), &json!("declared")), "{id}");
        assert_eq!(
            (&told["reason"], &told["affected_by"], &told["incident"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
        assert_eq!(told["since"], since);
        // Who asks for a status asks for what is in service.
        for status in ["major_outage", "unknown", "operational"] {
            assert!(!ids(&mut world, &format!("status={status}")).contains(&id.to_owned()), "{id} {status}");
        }
        assert!(ids(&mut world, "").contains(&id.to_owned()));
        let (public, operations) = measure(&world.state, &[], &[], world.now);
        for measured in [public, operations.measurements] {
            assert!(measured.components.iter().all(|gauged| gauged.component.as_str() != id), "{id}");
            assert!(measured.components.iter().any(|gauged| gauged.component.as_str() == "portal"));
        }
    }
    assert!(world.open().is_empty());
}

#[test]
fn what_is_not_in_service_yet_takes_nothing_down_until_it_is() {
    let mut world = world();
    let told = |world: &mut World| value(&world.snapshot(), "/api/v1/components/melder")["component"].clone();
    assert_eq!(world.status("melder"), Status::Operational);
    assert_eq!(told(&mut world)["affected_by"], Value::Null);
    while world.now.to_string().as_str() < "2023-11-01T08:00:00Z" {
        world.probe("portal", false, 1);
        world.probe("anmeldung", true, 1);
    }
    assert_eq!((world.status("anmeldung"), world.status("melder")), (Status::MajorOutage, Status::MajorOutage));
    assert_eq!(told(&mut world)["because"]["id"], "anmeldung");
    assert_eq!(ids(&mut world, "status=major_outage"), ["anmeldung", "melder"]);
    world.assert_restores();
}
