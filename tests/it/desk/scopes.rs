//! What a token may read of what is not its own, asked of the interface itself on a running program.

use serde_json::{Value, json};

use super::browser::Browser;
use crate::e2e::program::{Place, Program};
use crate::probe::server::closed_port;

/// A county with a portal for its two towns, and a network that nobody else may know of.
const COUNTY: &str = r#"
[[organisation]]
id = "kreis"
kind = "county"
name = "Kreis"
ars = "059540000000"
[[organisation]]
id = "hattingen"
kind = "municipality"
name = "Hattingen"
ars = "059540016016"
[[organisation]]
id = "witten"
kind = "municipality"
name = "Witten"
ars = "059540036036"
[[component]]
id = "geheimnetz"
name = "Geheimnetz"
kind = "network"
owner = "kreis"
public = false
[[component]]
id = "geheimraum"
name = "Geheimraum"
kind = "back_office"
owner = "kreis"
public = false
[[component]]
id = "portal"
name = "Serviceportal"
kind = "portal"
owner = "kreis"
serves = ["05954"]
depends_on = ["geheimnetz"]
"#;

/// What stands in nothing that a town may read.
const CANARIES: [&str; 3] = ["geheim", "Ticket-4711", "zurückgezogen-4711"];

fn county() -> (Place, Program) {
    let place = Place::new(closed_port(), COUNTY);
    let program = place.serve();
    (place, program)
}

fn of<'a>(place: &Place, program: &'a Program, organisations: &[&str]) -> Browser<'a> {
    let named = organisations.iter().flat_map(|id| ["--organisation", id]);
    Browser::sign_in(place, program, &["--role", "editor"].into_iter().chain(named).collect::<Vec<_>>())
}

/// Asks with a precondition: status and body.
fn with_etag(browser: &Browser<'_>, method: &str, path: &str, etag: &str, body: &Value) -> (u16, String) {
    let head =
        format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\nIf-Match: {etag}\r\n", browser.token);
    let body = (!body.is_null()).then(|| body.to_string());
    let (status, _, body) = browser.raw(method, &format!("/api/v1/admin{path}"), &head, body.as_deref());
    (status, body)
}

#[track_caller]
fn assert_bare(told: &Value) {
    let text = told.to_string().to_lowercase();
    for canary in CANARIES {
        assert!(!text.contains(&canary.to_lowercase()), "{canary}: {told}");
    }
}

/// An incident on the portal whose root, internal text and withdrawn words are the county's alone.
fn incident(kreis: &Browser<'_>) -> String {
    let (status, made) = kreis.api(
        "POST",
        "/incidents",
        Some(&json!({
            "title": "Portal gestört", "text": "Es hakt.", "root": "geheimnetz", "internal_text": "Ticket-4711",
            "components": [{ "id": "portal", "status": "major_outage" }],
        })),
    );
    assert_eq!(status, 201, "{made}");
    let id = made["internal"]["updates"][0]["id"].as_str().unwrap().rsplit_once('-').unwrap().0.to_owned();
    let update = json!({ "text": "zurückgezogen-4711" });
    assert_eq!(kreis.api("POST", &format!("/incidents/{id}/updates"), Some(&update)).0, 200);
    assert_eq!(kreis.api("DELETE", &format!("/incidents/{id}/updates/{id}-2"), None).0, 200);
    id
}

#[test]
fn a_towns_words_on_anothers_incident_are_answered_with_nothing_internal() {
    let (place, program) = county();
    let (kreis, hattingen) = (of(&place, &program, &["kreis"]), of(&place, &program, &["hattingen"]));
    let id = incident(&kreis);
    let own = format!("/incidents/{id}/overlays/hattingen");
    let way = |target: &str| json!([{ "kind": "phone", "target": target, "label": "Bürgertelefon" }]);
    let words = json!({ "text": "Bei uns am Schalter.", "alternatives": way("tel:+4923242040") });
    let others = json!({ "text": "In Witten auch.", "alternatives": way("tel:+4923029999") });
    assert_eq!(kreis.api("GET", &format!("/incidents/{id}"), None).1["internal"]["root"], "geheimnetz");
    let witten = of(&place, &program, &["witten"]);
    assert_eq!(witten.api("PUT", &format!("/incidents/{id}/overlays/witten"), Some(&others)).0, 200);

    let trial = hattingen.api("PUT", &format!("{own}?dry_run=true"), Some(&words));
    let said = hattingen.api("PUT", &own, Some(&words));
    for (status, told) in [&trial, &said] {
        assert_eq!(*status, 200, "{told}");
        assert_bare(told);
        assert_eq!(told["incident"]["title"], "Portal gestört");
        assert_eq!(told["internal"], json!({ "new_targets": ["tel:+4923242040"] }), "of its own words");
    }
    assert!(trial.1["documents"].to_string().contains("Bei uns am Schalter."), "{}", trial.1);
    for (method, path) in [
        ("GET", format!("/incidents/{id}")),
        ("GET", "/overview".to_owned()),
        ("GET", "/incidents".to_owned()),
        ("DELETE", format!("{own}?dry_run=true")),
        ("DELETE", own),
    ] {
        let (status, told) = hattingen.api(method, &path, None);
        assert_eq!(status, 200, "{method} {path}: {told}");
        assert_bare(&told);
    }
    // Whoever may change it is answered as before.
    let (_, told) = kreis.api("PUT", &format!("/incidents/{id}/overlays/kreis"), Some(&words));
    assert_eq!(
        (&told["internal"]["root"], &told["internal"]["texts"][0]["text"]["de"]),
        (&json!("geheimnetz"), &json!("Ticket-4711"))
    );
}

#[test]
fn what_a_token_may_not_know_of_cannot_be_told_from_what_does_not_exist() {
    let (place, program) = county();
    let (mut kreis, hattingen) = (of(&place, &program, &["kreis"]), of(&place, &program, &["hattingen"]));
    let planned = json!({
        "id": "kreis-umzug", "title": "Umzug", "components": ["portal"], "announced_at": "2098-01-01",
        "from": "2098-02-01", "until": "2098-02-02",
    });
    assert_eq!(kreis.api("POST", "/maintenance", Some(&planned)).0, 201);
    let (status, made) =
        kreis.api("POST", "/incidents", Some(&json!({ "title": "x", "text": "x", "root": "geheimraum" })));
    assert_eq!((status, &made["incident"]["public"]), (201, &json!(false)));
    let hidden = made["incident"]["id"].as_str().unwrap().to_owned();
    let page = kreis.get(&format!("/admin/incidents/{hidden}"));
    page.assert_says(&["Ursache liegt bei Geheimraum (intern)"]);
    let at = |words: &str| page.body.find(words).unwrap();
    assert!(at("Neue Meldung schreiben") < at("Ursache liegt bei"), "what to do comes before what is known");
    let alike = |method: &str, path: &str, ids: [&str; 2], body: &Value| {
        for etag in ["\"0\"", "\"1\"", "*"] {
            let [there, not_there] = ids.map(|id| {
                let (status, told) = with_etag(&hattingen, method, &path.replace("ID", id), etag, body);
                (status, told.replace(id, "?"))
            });
            assert_eq!(there, not_there, "{method} {path} {etag}");
            assert_eq!(there.0, 404, "{method} {path}: {}", there.1);
        }
    };
    let (title, word) = (json!({ "title": "y" }), json!({ "text": "y" }));
    let umzug = ["kreis-umzug", "kreis-kein-umzug"];
    alike("GET", "/maintenance/ID", umzug, &Value::Null);
    alike("PATCH", "/maintenance/ID", umzug, &title);
    alike("POST", "/maintenance/ID/updates", umzug, &word);
    // Nor does a name that is taken tell of it: each has names of its own.
    let named = |who: &Browser<'_>, id: &str| {
        let mut planned = planned.clone();
        planned["id"] = id.into();
        let (status, told) = who.api("POST", "/maintenance", Some(&planned));
        (status, told.to_string().replace(id, "?"))
    };
    assert_eq!(named(&hattingen, umzug[0]), named(&hattingen, umzug[1]));
    assert_eq!([umzug[1], "hattingenumzug"].map(|id| named(&hattingen, id).0), [422, 422]);
    assert_eq!(named(&hattingen, "hattingen-umzug").0, 403, "the name would do, the component is somebody else's");
    assert_eq!(named(&kreis, umzug[0]).0, 409, "who knows of it is told so");
    let incident = [hidden.as_str(), "i0000000000000000"];
    alike("GET", "/incidents/ID", incident, &Value::Null);
    alike("PATCH", "/incidents/ID", incident, &title);
    alike("POST", "/incidents/ID/updates", incident, &word);
    alike("PUT", "/incidents/ID/overlays/hattingen", incident, &word);
    let netz = ["geheimnetz", "keinnetz"];
    alike("GET", "/components/ID", netz, &Value::Null);
    alike("GET", "/components/ID/probes", netz, &Value::Null);
    alike("PUT", "/components/ID/override", netz, &json!({ "status": "unknown" }));
    alike("PUT", "/components/ID/local", netz, &json!({ "organisations": ["hattingen"], "mode": "off" }));

    // Of what everybody reads, who may not change it is told that, and not how it stands.
    let (status, told) =
        with_etag(&hattingen, "PUT", "/components/portal/override", "\"0\"", &json!({ "status": "unknown" }));
    assert_eq!((status, told.contains("ETag")), (403, false), "{told}");
    // Who may, is told that it was changed since.
    assert_eq!(with_etag(&kreis, "PATCH", "/maintenance/kreis-umzug", "\"99\"", &title).0, 412);
    let word = json!({ "organisations": ["hattingen"], "mode": "off" });
    assert_eq!(with_etag(&hattingen, "PUT", "/components/portal/local", "\"0\"", &word).0, 412);
}

#[test]
fn a_town_reads_every_word_that_reaches_it_and_takes_back_its_own() {
    let (place, program) = county();
    let kreis = of(&place, &program, &["kreis"]);
    let (mut hattingen, witten) = (of(&place, &program, &["hattingen"]), of(&place, &program, &["witten"]));
    let both = of(&place, &program, &["hattingen", "witten"]);
    hattingen.get("/admin/components/portal").assert_says(&["Bisher ist hier nichts anders gesagt."]);
    for (said_by, organisations, text) in [
        (&kreis, json!(["05954"]), "Für den ganzen Kreis."),
        (&kreis, json!(["05954", "!hattingen"]), "Nur nicht in Hattingen."),
        (&both, json!(["hattingen", "witten"]), "In zwei Städten."),
        (&hattingen, json!(["hattingen"]), "Nur in Hattingen."),
        (&witten, json!(["witten"]), "Nur in Witten."),
    ] {
        let word = json!({ "organisations": organisations, "text": text });
        assert_eq!(said_by.api("PUT", "/components/portal/local", Some(&word)).0, 200, "{text}");
    }
    let words = |browser: &Browser<'_>| {
        let (_, told) = browser.api("GET", "/components/portal", None);
        let all = told["internal"]["local"].as_array().unwrap().clone();
        let mut all: Vec<(String, bool)> = all
            .iter()
            .map(|word| (word["text"]["de"].as_str().unwrap().to_owned(), word["may_remove"].as_bool().unwrap()))
            .collect();
        all.sort();
        all
    };
    let told = |all: &[(&str, bool)]| all.iter().map(|(text, may)| ((*text).to_owned(), *may)).collect::<Vec<_>>();
    let for_hattingen = [("Für den ganzen Kreis.", false), ("In zwei Städten.", false), ("Nur in Hattingen.", true)];
    let mut expected = told(&for_hattingen);
    expected.sort();
    assert_eq!(words(&hattingen), expected);
    let not_theirs: Vec<String> = words(&both).into_iter().filter(|(_, may)| !may).map(|(text, _)| text).collect();
    assert_eq!(not_theirs, ["Für den ganzen Kreis.", "Nur nicht in Hattingen."]);
    assert!(words(&kreis).len() == 5 && words(&kreis).iter().all(|(_, may)| *may));

    let page = hattingen.get("/admin/components/portal");
    page.assert_says(&[
        "Kreis (alle)",
        "Für den ganzen Kreis.",
        "Das hat die Stelle gesagt, der der Dienst gehört.",
        "In zwei Städten.",
        "Das ist für mehrere Orte zugleich gesagt.",
        "Nur in Hattingen.",
    ]);
    assert!(!page.body.contains("Nur in Witten.") && !page.body.contains("nichts anders gesagt"));
    assert_eq!(page.body.matches("/components/portal/remove\"").count(), 1, "{}", page.text());
    // What the flag says is what the interface does.
    let all = json!({ "organisations": ["hattingen", "witten"] });
    assert_eq!(hattingen.api("DELETE", "/components/portal/local", Some(&all)).0, 404);
    let asked = hattingen.send(&page.form("/remove"));
    assert_eq!(words(&hattingen).len(), 3, "it asks first");
    hattingen.send(asked.form("/remove").set("do", "publish"));
    assert_eq!(words(&hattingen), told(&for_hattingen[..2]));
}
