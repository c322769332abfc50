//! What feeds tell of editors' work, over renames, later changes and ends.

use serde_json::{Value, json};

use super::reviewed::reload;
use super::{World, admin, text};

/// The items of a feed that are of this kind.
fn items(world: &mut World, place: &str, kind: &str) -> Vec<Value> {
    let feed = crate::publish::value(&world.snapshot(), &format!("{place}/feed.json"));
    let items = feed["items"].as_array().expect("a list").iter();
    items.filter(|item| item["_turmwacht"]["kind"] == kind).cloned().collect()
}

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

/// What feeds carry over any change: the same under the same date.
fn frozen(told: &[Value], world: &mut World, place: &str, kind: &str) {
    let later = items(world, place, kind);
    for item in told {
        let again = later.iter().find(|again| again["id"] == item["id"]);
        let again = again.unwrap_or_else(|| panic!("{} is gone: {:?}", item["id"], ids(&later)));
        assert_eq!(again, item);
    }
}

#[test]
fn what_was_told_keeps_its_id_over_a_rename() {
    let mut world = World::new();
    let incident = json!({ "title": text("t"), "text": text("x"), "root": "provider", "components": [{ "id": "portal", "status": "partial_outage" }] });
    let made = world.done(&admin(), "POST /incidents", &incident);
    let path = format!("/incidents/{made}/overlays/hattingen");
    world.done(&admin(), &format!("PUT {path}"), &json!({ "text": text("Bei uns") }));
    world.done(&admin(), "PUT /components/mail-h/local", &json!({ "organisations": ["hattingen"], "mode": "off" }));
    let before: Vec<Vec<String>> =
        ["overlay", "local"].map(|kind| ids(&items(&mut world, "/hattingen", kind))).to_vec();
    assert!(before[0][0].ends_with("/overlay/hattingen/1") && before[1][0].contains(":local/mail-h/"), "{before:?}");
    let renamed = super::WORLD
        .replace("id = \"mail-h\"", "id = \"post-h\"\nformerly = [\"mail-h\"]")
        .replace("id = \"hattingen\"", "id = \"stadt-hattingen\"\nformerly = [\"hattingen\"]")
        .replace("owner = \"hattingen\"", "owner = \"stadt-hattingen\"");
    reload(&mut world, &renamed);
    let after: Vec<Vec<String>> =
        ["overlay", "local"].map(|kind| ids(&items(&mut world, "/stadt-hattingen", kind))).to_vec();
    assert_eq!(after, before);
    // It is filed under the name that holds now.
    let local = &items(&mut world, "/stadt-hattingen", "local")[0];
    assert_eq!(local["_turmwacht"]["components"], json!(["post-h"]));
    // New words are told under the present name, and take back the old ones under theirs.
    let path = format!("PUT /incidents/{made}/overlays/stadt-hattingen");
    world.done(&admin(), &path, &json!({ "text": text("Anders") }));
    let atom = crate::publish::text(&world.snapshot(), "/stadt-hattingen/feed.atom");
    assert!(atom.contains("/overlay/stadt-hattingen/2</id>"), "{atom}");
    assert!(atom.contains("deleted-entry ref=\"tag:") && atom.contains("/overlay/hattingen/1\" when="), "{atom}");
    world.assert_restores();
}

#[test]
fn what_does_not_differ_any_more_is_told() {
    let mut world = World::new();
    world.probe("portal", false, 2);
    let say = |world: &mut World, body: Value| world.done(&admin(), "PUT /components/portal/local", &body);
    say(&mut world, json!({ "organisations": ["hattingen"], "mode": "basic" }));
    let began = items(&mut world, "/hattingen", "local");
    // What takes its place says enough.
    say(&mut world, json!({ "organisations": ["hattingen"], "mode": "off", "until": "2023-11-01T08:00" }));
    assert_eq!(items(&mut world, "/hattingen", "local").len(), 2);
    world.pass(2 * 3600);
    let told = items(&mut world, "/hattingen", "local");
    assert_eq!(told.len(), 3);
    assert_eq!(told[0]["title"], "Portal: außer Betrieb in Hattingen – gilt nicht mehr");
    assert_eq!(told[0]["date_modified"], "2023-11-01T07:00:00Z");
    assert_eq!((&told[0]["_turmwacht"]["status"], &told[0]["tags"][0]), (&json!("ended"), &json!("gilt nicht mehr")));
    let content = told[0]["content_text"].as_str().expect("a text");
    assert!(content.starts_with("Gilt seit 01.11.2023, 08:00 Uhr nicht mehr. Es galt seit 01.11.2023, "), "{content}");
    assert_eq!(told[0]["id"], format!("{}/ended", told[1]["id"].as_str().expect("an id")));
    // The same where an editor ends it.
    say(&mut world, json!({ "organisations": ["witten"], "mode": "basic" }));
    world.done(&admin(), "DELETE /components/portal/local", &json!({ "organisations": ["witten"] }));
    let witten = items(&mut world, "/witten", "local");
    assert_eq!(witten.len(), 2);
    assert!(witten[0]["id"].as_str().is_some_and(|id| id.ends_with("/ended")), "{witten:?}");
    frozen(&began, &mut world, "/hattingen", "local");
    frozen(&told, &mut world, "/hattingen", "local");
    world.assert_restores();
}

#[test]
fn a_towns_words_that_it_took_back_leave_a_tombstone() {
    let mut world = World::new();
    let incident = json!({ "title": text("t"), "text": text("x"), "root": "provider", "components": [{ "id": "portal", "status": "partial_outage" }] });
    let made = world.done(&admin(), "POST /incidents", &incident);
    let path = format!("/incidents/{made}/overlays/hattingen");
    world.done(&admin(), &format!("PUT {path}"), &json!({ "text": text("Geheimnis") }));
    let id = ids(&items(&mut world, "/hattingen", "overlay")).remove(0);
    world.done(&admin(), &format!("DELETE {path}"), &Value::Null);
    let gone = items(&mut world, "/hattingen", "overlay");
    assert_eq!((gone.len(), &gone[0]["id"]), (1, &json!(id)));
    assert_eq!(gone[0]["content_text"], "Diese Meldung wurde zurückgezogen.");
    assert_eq!(gone[0]["_turmwacht"]["status"], Value::Null);
    assert!(gone[0]["_turmwacht"]["retracted_at"].is_string());
    let atom = crate::publish::text(&world.snapshot(), "/hattingen/feed.atom");
    assert!(atom.contains(&format!("<at:deleted-entry ref=\"{id}\"")) && !atom.contains("Geheimnis"), "{atom}");
    assert!(items(&mut world, "/witten", "overlay").is_empty());
    // A number that was taken back is not given again.
    world.done(&admin(), &format!("PUT {path}"), &json!({ "text": text("Neu") }));
    let again = items(&mut world, "/hattingen", "overlay");
    assert_eq!(again.len(), 1);
    assert!(again[0]["id"].as_str().is_some_and(|id| id.ends_with("/overlay/hattingen/2")), "{again:?}");
    world.assert_restores();
}

#[test]
fn an_entry_says_what_held_when_it_was_told() {
    let mut world = World::new();
    let incident = json!({ "title": text("t"), "text": text("x"), "root": "provider", "impact": "minor", "components": [{ "id": "portal", "status": "partial_outage" }] });
    let made = world.done(&admin(), "POST /incidents", &incident);
    let told = items(&mut world, "", "incident");
    assert!(told[0]["tags"].as_array().is_some_and(|tags| tags.contains(&json!("geringe Auswirkung"))), "{told:?}");
    let worse = json!({ "text": text("schlimmer"), "impact": "critical" });
    world.done(&admin(), &format!("POST /incidents/{made}/updates"), &worse);
    assert_eq!(items(&mut world, "", "incident").len(), 2);
    frozen(&told, &mut world, "", "incident");

    let window =
        json!({ "id": "m", "title": text("x"), "components": ["mail-h"], "from": "2023-12-01", "until": "2023-12-02" });
    world.done(&admin(), "POST /maintenance", &window);
    let told = items(&mut world, "", "maintenance");
    assert!(told[0]["content_text"].as_str().is_some_and(|text| text.contains("01.12.2023")), "{told:?}");
    world.done(&admin(), "PATCH /maintenance/m", &json!({ "from": "2023-12-08", "until": "2023-12-09" }));
    let later = items(&mut world, "", "maintenance");
    assert_eq!(later.len(), 2, "{later:?}");
    assert!(later[0]["content_text"].as_str().is_some_and(|text| text.contains("08.12.2023")), "{later:?}");
    frozen(&told, &mut world, "", "maintenance");
    world.assert_restores();
}

#[test]
fn an_incident_s_own_entry_changes_its_date_with_its_head() {
    let mut world = World::new();
    let incident = json!({ "title": text("Vorher"), "text": text("x"), "root": "provider", "impact": "minor" });
    let made = world.done(&admin(), "POST /incidents", &incident);
    let entry = |world: &mut World| {
        let feed = crate::publish::value(&world.snapshot(), "/feed-incidents.json");
        let items = feed["items"].as_array().expect("a list").clone();
        items.into_iter().find(|item| item["id"].as_str().unwrap().ends_with(&made)).expect("its entry")
    };
    let told = entry(&mut world);
    world.pass(60);
    // What nobody reads there changes nothing.
    let internal = json!({ "next_update_by": "2023-11-01T08:00:00Z" });
    world.done(&admin(), &format!("PATCH /incidents/{made}"), &internal);
    assert_eq!(entry(&mut world), told);
    for change in [json!({ "title": text("Nachher") }), json!({ "impact": "critical" })] {
        let before = entry(&mut world);
        world.pass(60);
        world.done(&admin(), &format!("PATCH /incidents/{made}"), &change);
        let after = entry(&mut world);
        assert_ne!(after["date_modified"], before["date_modified"], "{change}");
        assert_eq!(after["date_published"], before["date_published"]);
    }
    world.assert_restores();
}

#[test]
fn what_comes_round_is_told_when_it_is_announced_or_changed_and_not_each_time() {
    let mut world = World::new();
    let single = json!({
        "id": "abend", "title": text("Abend"), "components": ["portal"],
        "from": "2023-11-01T19:00", "until": "2023-11-01T22:00",
    });
    world.done(&admin(), "POST /maintenance", &single);
    let first = items(&mut world, "", "maintenance");
    let daily = json!({
        "from": "2023-11-01", "until": "2023-11-30", "recurring": { "rrule": "FREQ=DAILY", "at": "19:00", "for": "3h" },
    });
    world.done(&admin(), "PATCH /maintenance/abend", &daily);
    frozen(&first, &mut world, "", "maintenance");
    let told = items(&mut world, "", "maintenance");
    let says = |item: &Value| item["content_text"].as_str().expect("a text").to_owned();
    let regularly =
        |item: &&Value| says(item).contains("Kehrt regelmäßig wieder, das nächste Mal von 01.11.2023, 19:00");
    assert_eq!((told.len(), told.iter().filter(regularly).count()), (2, 1), "{told:?}");
    for _ in 0..72 {
        world.pass(3600);
    }
    assert_eq!(items(&mut world, "", "maintenance"), told, "three evenings later");
    world.done(&admin(), "PATCH /maintenance/abend", &json!({ "recurring": null }));
    frozen(&told, &mut world, "", "maintenance");
    assert_eq!(items(&mut world, "", "maintenance").len(), 3);
    world.assert_restores();
}
