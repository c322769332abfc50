//! Scopes: which editor may do what to whom. A town's editor never reaches another town's page.

use serde_json::{Value, json};

use turmwacht::model::access::{Editor, Role};

use super::{World, admin, editor_of, text};

impl World {
    /// Two requests, for what is there and for what is not, are refused with the same words.
    #[track_caller]
    fn assert_alike(&mut self, editor: &Editor, requests: [&str; 2], body: &Value, ids: [&str; 2]) {
        let [there, not_there] = requests.map(|request| self.ask(editor, request, body).unwrap_err());
        assert_eq!((there.kind.status(), &there.kind, &there.pointer), (404, &not_there.kind, &not_there.pointer));
        assert_eq!(there.detail.replace(ids[0], "?"), not_there.detail.replace(ids[1], "?"));
    }
}

#[test]
fn every_verb_keeps_to_its_scope() {
    let mut world = World::new();
    let incident = json!({ "title": text("x"), "text": text("x"), "root": "portal" });
    let open = world.done(&editor_of(&["kreis"]), "POST /incidents", &incident);
    let window = json!({ "id": "kreis-m1", "title": text("x"), "components": ["portal"], "from": "2023-12-01", "until": "2023-12-02" });
    world.done(&editor_of(&["kreis"]), "POST /maintenance", &window);
    let verbs: Vec<(String, Value)> = vec![
        (format!("PATCH /incidents/{open}"), json!({ "impact": "minor" })),
        (format!("POST /incidents/{open}/updates"), json!({ "text": text("x") })),
        (format!("PATCH /incidents/{open}/updates/{open}-1"), json!({ "text": text("x") })),
        (format!("DELETE /incidents/{open}/updates/{open}-1"), Value::Null),
        (
            format!("POST /incidents/{open}/split"),
            json!({ "components": ["melder"], "title": text("x"), "text": text("x") }),
        ),
        (format!("POST /incidents/{open}/merge"), json!({ "into": open })),
        (format!("PUT /incidents/{open}/overlays/witten"), json!({ "text": text("x") })),
        ("PATCH /maintenance/kreis-m1".into(), json!({ "title": text("y") })),
        ("POST /maintenance/kreis-m1/updates".into(), json!({ "text": text("y") })),
        ("PUT /components/portal/override".into(), json!({ "status": "major_outage" })),
        ("PUT /components/portal/local".into(), json!({ "organisations": ["witten"], "mode": "basic" })),
        ("PUT /components/portal/local".into(), json!({ "organisations": ["05954"], "mode": "basic" })),
        ("POST /incidents".into(), json!({ "title": text("x"), "text": text("x"), "root": "provider" })),
        (
            "POST /maintenance".into(),
            json!({ "title": text("x"), "components": ["provider"], "from": "2023-12-01", "until": "2023-12-02" }),
        ),
    ];
    for (request, body) in &verbs {
        world.refused(&editor_of(&["hattingen"]), request, body, 403, "");
    }
    let metrics = Editor { role: Role::Metrics, ..admin() };
    for (request, body) in &verbs {
        world.refused(&metrics, request, body, 403, "metrics only");
    }
    world.assert_restores();
}

#[test]
fn a_town_speaks_for_itself_on_what_its_page_shows() {
    let mut world = World::new();
    let incident = json!({ "title": text("x"), "text": text("x"), "root": "portal" });
    let open = world.done(&editor_of(&["kreis"]), "POST /incidents", &incident);
    let hattingen = editor_of(&["hattingen"]);
    let words = json!({ "text": text("Bei uns geht alles telefonisch."), "alternatives": [{ "kind": "phone", "target": "tel:+4923242040", "label": "Rathaus" }] });
    world.done(&hattingen, &format!("PUT /incidents/{open}/overlays/hattingen"), &words);
    world.done(
        &hattingen,
        "PUT /components/portal/local",
        &json!({ "organisations": ["hattingen"], "mode": "emergency" }),
    );
    world.done(&hattingen, "PUT /components/mail-h/override", &json!({ "status": "major_outage" }));
    // What does not stand on its page is not its to speak of.
    world.refused(
        &hattingen,
        "PUT /components/homepage-w/local",
        &json!({ "organisations": ["hattingen"], "mode": "off" }),
        422,
        "page",
    );
    let mail =
        world.done(&hattingen, "POST /incidents", &json!({ "title": text("x"), "text": text("x"), "root": "mail-h" }));
    world.refused(
        &editor_of(&["witten"]),
        &format!("PUT /incidents/{mail}/overlays/witten"),
        &json!({ "text": text("x") }),
        404,
        "concerns the page",
    );
    let snapshot = world.snapshot();
    let view = |organisation: &str| {
        let component = snapshot.catalogue.component_index["portal"];
        let organisation = snapshot.catalogue.organisation_index[organisation];
        snapshot.view(component, Some(organisation)).unwrap().mode
    };
    assert_eq!((view("hattingen").as_str(), view("witten").as_str()), ("emergency", "regular"));
}

#[test]
fn moving_a_root_needs_rights_on_both() {
    let mut world = World::new();
    let made =
        world.done(&admin(), "POST /incidents", &json!({ "title": text("x"), "text": text("x"), "root": "melder" }));
    let to_portal = json!({ "root": "portal" });
    world.refused(&editor_of(&["hattingen"]), &format!("PATCH /incidents/{made}"), &to_portal, 403, "`kreis`");
    world.refused(&editor_of(&["kreis"]), &format!("PATCH /incidents/{made}"), &to_portal, 403, "somebody else");
    world.done(&editor_of(&["kreis", "hattingen"]), &format!("PATCH /incidents/{made}"), &to_portal);
}

#[test]
fn what_is_internal_to_others_is_unknown() {
    let mut world = World::new();
    let body =
        json!({ "title": text("x"), "text": text("x"), "components": [{ "id": "netz", "status": "major_outage" }] });
    world.refused(&editor_of(&["hattingen"]), "POST /incidents", &body, 422, "no component `netz`");
    world.refused(
        &editor_of(&["hattingen"]),
        "PUT /components/netz/override",
        &json!({ "status": "unknown" }),
        404,
        "no component `netz`",
    );
    let open = world.done(&editor_of(&["kreis"]), "POST /incidents", &body);
    world.done(
        &editor_of(&["kreis"]),
        "POST /maintenance",
        &json!({ "id": "kreis-m1", "title": text("x"), "components": ["netz"], "from": "2023-12-01", "until": "2023-12-02" }),
    );
    let hattingen = editor_of(&["hattingen"]);
    let words = json!({ "text": text("x") });
    for (there, not_there, body) in [
        (format!("PATCH /incidents/{open}"), "PATCH /incidents/none".to_owned(), &words),
        (format!("PUT /incidents/{open}/overlays/hattingen"), "PUT /incidents/none/overlays/hattingen".into(), &words),
        (
            format!("DELETE /incidents/{open}/updates/{open}-1"),
            "DELETE /incidents/none/updates/none-1".into(),
            &Value::Null,
        ),
        ("PATCH /maintenance/kreis-m1".into(), "PATCH /maintenance/none".into(), &json!({ "title": text("y") })),
        (
            "POST /maintenance/kreis-m1/updates".into(),
            "POST /maintenance/none/updates".into(),
            &json!({ "text": text("y") }),
        ),
    ] {
        world.assert_alike(
            &hattingen,
            [&there, &not_there],
            body,
            [if there.contains("kreis-m1") { "kreis-m1" } else { &open }, "none"],
        );
    }
}

#[test]
fn planned_work_is_unknown_to_others_until_it_is_announced() {
    let mut world = World::new();
    let (kreis, hattingen) = (editor_of(&["kreis"]), editor_of(&["hattingen"]));
    let window = json!({
        "id": "kreis-m1", "title": text("x"), "components": ["portal"], "from": "2023-12-01", "until": "2023-12-02",
        "announced_at": "2023-11-01T08:00",
    });
    world.done(&kreis, "POST /maintenance", &window);
    let body = json!({ "title": text("y") });
    world.assert_alike(
        &hattingen,
        ["PATCH /maintenance/kreis-m1", "PATCH /maintenance/none"],
        &body,
        ["kreis-m1", "none"],
    );
    world.done(&kreis, "PATCH /maintenance/kreis-m1", &body);
    world.pass(3 * 3_600);
    world.refused(&hattingen, "PATCH /maintenance/kreis-m1", &body, 403, "somebody else");
}
