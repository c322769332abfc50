//! Components: the list, statuses by hand, parts, and what differs in many towns at once.

use std::fmt::Write as _;

use super::browser::{Browser, Filled, Page};
use crate::e2e::program::{Place, Program};
use crate::e2e::reference;
use crate::probe::server::{Server, closed_port};

/// Towns of the county.
const TOWNS: usize = 72;

/// A county with many towns that shares a portal, whose check fails; in the first town a registry
/// office with parts, of which one has a check that fails.
fn county() -> (Place, Server) {
    let outside = reference();
    let mut probes = r#"
[[organisation]]
id = "kreis"
kind = "county"
name = "Kreis"
ars = "059540000000"
[[component]]
id = "portal"
name = "Serviceportal"
kind = "portal"
owner = "kreis"
serves = ["05954"]
[[component]]
id = "rechenzentrum"
name = "Rechenzentrum"
kind = "provider"
owner = "kreis"
public = false
[[component]]
id = "post"
name = "Poststelle"
kind = "mail"
owner = "stadt-1"
[[component]]
id = "standesamt"
name = "Standesamt"
kind = "service"
owner = "stadt-1"
[[component.part]]
id = "urkunden"
name = "Urkunden"
kind = "capability"
[[component.part]]
id = "termine"
name = "Termine"
kind = "capability"
[[component.part]]
id = "namen"
name = "Namensänderung"
kind = "capability"
[[component.part.check]]
id = "tuer"
probe.tcp = { address = "CLOSED" }
"#
    .replace("CLOSED", &closed_port().to_string());
    for town in 1..=TOWNS {
        write!(
            probes,
            "[[organisation]]\nid = \"stadt-{town}\"\nkind = \"municipality\"\nname = \"Stadt {town:02}\"\n\
             ars = \"05954{town:07}\"\n{}",
            if town == 2 { "timezone = \"Europe/London\"\n" } else { "" }
        )
        .unwrap();
        if town == 2 {
            probes.push_str(
                "[[component]]\nid = \"rathaus-2\"\nname = \"Rathaus\"\nkind = \"counter\"\nowner = \"stadt-2\"\n",
            );
        }
    }
    (Place::new(outside.address, &probes), outside)
}

fn town(number: usize) -> Vec<String> {
    ["--role", "editor", "--organisation"].map(str::to_owned).into_iter().chain([format!("stadt-{number}")]).collect()
}

fn sign_in<'a>(place: &Place, program: &'a Program, scope: &[String]) -> Browser<'a> {
    Browser::sign_in(place, program, &scope.iter().map(String::as_str).collect::<Vec<_>>())
}

const COUNTY: [&str; 4] = ["--role", "editor", "--organisation", "kreis"];

fn mode_in(program: &Program, town: usize) -> String {
    let seen = program.json(&format!("/api/v1/components/portal?organisation=stadt-{town}"));
    seen["component"]["mode"].as_str().unwrap().to_owned()
}

#[test]
fn seventy_two_towns_are_told_at_once_and_taken_back_at_once() {
    let (place, _outside) = county();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &COUNTY);
    let page = browser.get("/admin/components/portal");
    page.assert_says(&["Serviceportal", "Für alle 73", "Stadt 72", "Angezeigt wird höchstens: eingeschränkt"]);
    let mut form = page.form("/local");
    form.set("local-text-de", "Nur Meldebescheinigungen.").set("mode", "basic").set("way-0-label-de", "Bürgertelefon");
    form.set("way-0-target", "115");
    let missing = browser.send(&form);
    assert_eq!(missing.status, 422);
    missing.assert_says(&["Bitte wählen Sie, für wen es gilt."]);
    let kept = missing.form("/local");
    assert_eq!(kept.get("local-text-de"), Some("Nur Meldebescheinigungen."), "what was typed stays");
    assert_eq!((kept.get("mode"), kept.get("way-0-target")), (Some("basic"), Some("115")));

    let mut form = kept;
    for town in 1..=TOWNS {
        form.add("town", &format!("stadt-{town}"));
    }
    let preview = browser.send(&form);
    preview.assert_says(&[
        "Noch ist nichts veröffentlicht.",
        "und 66 weitere",
        "Alle 72 ansehen",
        "Nur Meldebescheinigungen.",
        "Bitte zweimal prüfen",
        "in keiner Datei des Betreibers steht es bisher: 115",
    ]);
    assert_eq!(mode_in(&program, 7), "regular", "a preview changes nothing");

    let mut publishing = preview.form("/local");
    publishing.set("do", "edit");
    let back = browser.send(&publishing).form("/local");
    assert_eq!(back.all("town").len(), TOWNS, "all that was ticked is ticked");
    assert_eq!(back.get("local-text-de"), Some("Nur Meldebescheinigungen."));

    publishing.set("do", "publish");
    let done = browser.send(&publishing);
    done.assert_says(&["Die Angaben für die gewählten Orte sind veröffentlicht.", "Basisbetrieb"]);
    program.until("the word is read", |program| mode_in(program, 72) == "basic");
    for town in [1, 37] {
        assert_eq!(mode_in(&program, town), "basic");
    }
    assert_eq!(program.component("portal")["mode"], "regular", "only in the towns that were ticked");
    // A nervous finger: the same form once more is the same word.
    browser.send(&publishing).assert_says(&["Die Angaben für die gewählten Orte sind veröffentlicht."]);
    let (_, told) = browser.api("GET", "/components/portal", None);
    assert_eq!(told["internal"]["local"].as_array().unwrap().len(), 1, "{told}");

    let mut again = browser.get("/admin/components/portal").form("/local");
    again.set("mode", "regular").add("town", "stadt-7");
    let preview = browser.send(&again);
    browser.send(preview.form("/local").set("do", "publish"));
    program.until("the newer word is read", |program| mode_in(program, 7) == "regular");
    assert_eq!(mode_in(&program, 8), "basic");

    let page = browser.get("/admin/components/portal");
    let one = page.form("/remove");
    assert_eq!(one.all("reach"), ["stadt-7"], "the newest word stands first");
    let page = taken_back(&mut browser, &one, "Stadt 07");
    let rest = page.form("/remove");
    assert_eq!(rest.all("reach").len(), TOWNS);
    let page = taken_back(&mut browser, &rest, "Alle 72 ansehen");
    page.assert_says(&["Bisher ist hier nichts anders gesagt."]);
    program.until("nothing is said any more", |program| mode_in(program, 8) == "regular");
    assert_eq!(mode_in(&program, 7), "regular");
}

/// Asks to take words back, reads what that means, and does it.
fn taken_back(browser: &mut Browser<'_>, form: &Filled, whose: &str) -> Page {
    let asked = browser.send(form);
    asked.assert_says(&["Angaben vor Ort zurücknehmen", "für alle, für die es gesagt wurde", whose]);
    let page = browser.send(asked.form("/remove").set("do", "publish"));
    page.assert_says(&["Das ist zurückgenommen."]);
    page
}

#[test]
fn a_word_is_changed_as_it_stands_and_somebody_elses_in_between_is_said() {
    let (place, _outside) = county();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &COUNTY);
    let word = serde_json::json!({
        "organisations": ["05954", "!stadt-9"], "mode": "basic", "released": true, "until": "2099-07-01",
        "text": { "de": "Nur mit Termin.", "de-x-leicht": "Mit Termin.", "en": "By appointment only." },
        "alternatives": [{ "kind": "phone", "target": ["tel:115"], "label": "Bürgertelefon", "page": "https://a.example/115" }],
    });
    assert_eq!(browser.api("PUT", "/components/portal/local", Some(&word)).0, 200);
    let before = browser.api("GET", "/components/portal", None).1["internal"]["local"].clone();
    let page = browser.get("/admin/components/portal");
    page.assert_says(&["(alle), nicht Stadt 09", "Bürgertelefon 115"]);
    let mut change = page.form("/remove");
    change.action = "/admin/components/portal/change".to_owned();
    let changing = browser.send(&change);
    changing.assert_says(&["Wen Sie unten herausnehmen"]);
    let mut form = changing.form("/local");
    assert_eq!(form.all("town").len(), TOWNS, "the county and its towns but one");
    for (name, value) in [
        ("mode", "basic"),
        ("released", "yes"),
        ("local-text-de", "Nur mit Termin."),
        ("local-text-en", "By appointment only."),
        ("local-until", "2099-07-01"),
        ("local-until-time", ""),
        ("way-0-label-de", "Bürgertelefon"),
        ("way-0-target", "115"),
    ] {
        assert_eq!(form.get(name), Some(value), "{name}");
    }
    form.set("local-text-de", "Auch ohne Termin.");
    let preview = browser.send(&form);
    preview.assert_says(&["(alle), nicht Stadt 09"]);
    // Meanwhile somebody else says something of another town.
    let other = serde_json::json!({ "organisations": ["stadt-3"], "mode": "off" });
    assert_eq!(browser.api("PUT", "/components/portal/local", Some(&other)).0, 200);
    let late = browser.send(preview.form("/local").set("do", "publish"));
    assert_eq!(late.status, 412);
    late.assert_says(&["Inzwischen hat jemand anderes"]);
    let form = late.form("/local");
    assert_eq!(form.get("local-text-de"), Some("Auch ohne Termin."));
    let preview = browser.send(&form);
    browser.send(preview.form("/local").set("do", "publish")).assert_says(&["Auch ohne Termin."]);
    let all = browser.api("GET", "/components/portal", None).1["internal"]["local"].clone();
    let words: Vec<_> = all.as_array().unwrap().iter().filter(|word| word["mode"] == "basic").collect();
    let mut expected = before[0].clone();
    expected["text"]["de"] = "Auch ohne Termin.".into();
    expected["since"] = words[0]["since"].clone();
    assert_eq!(words, [&expected], "it took the old one's place, and all else of it stays");
    // What is taken back is what was looked at.
    let form = browser.get("/admin/components/portal").form("/remove");
    let asked = browser.send(&form);
    assert_eq!(browser.api("PUT", "/components/portal/local", Some(&word)).0, 200);
    assert_eq!(browser.send(asked.form("/remove").set("do", "publish")).status, 412);
}

#[test]
fn a_town_that_changes_its_only_word_can_take_nobody_out() {
    let (place, _outside) = county();
    let program = place.serve();
    let mut browser = sign_in(&place, &program, &town(3));
    let word = serde_json::json!({ "organisations": ["stadt-3"], "mode": "off" });
    assert_eq!(browser.api("PUT", "/components/portal/local", Some(&word)).0, 200);
    let mut change = browser.get("/admin/components/portal").form("/remove");
    change.action = "/admin/components/portal/change".to_owned();
    let changing = browser.send(&change);
    changing.assert_says(&["Ändern: Stadt 03", "Gilt für: Stadt 03"]);
    assert!(!changing.body.contains("Wen Sie unten herausnehmen"));
}

#[test]
fn a_county_is_ticked_as_a_whole() {
    let (place, _outside) = county();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &COUNTY);
    let mut form = browser.get("/admin/components/portal").form("/local");
    form.set("processing", "stopped").add("county", "05954");
    let preview = browser.send(&form);
    browser.send(preview.form("/local").set("do", "publish"));
    program.until("the word is read", |program| {
        program.json("/api/v1/components/portal?organisation=stadt-50")["component"]["processing"] == "stopped"
    });
    let mut form = browser.get("/admin/components/portal").form("/local");
    form.set("mode", "emergency").add("all", "1");
    browser.send(&form).assert_says(&["und 67 weitere"]);
}

#[test]
fn a_town_speaks_for_itself_alone() {
    let (place, _outside) = county();
    let program = place.serve();
    let mut browser = sign_in(&place, &program, &town(3));
    let page = browser.get("/admin/components/portal");
    page.assert_says(&["Gilt für: Stadt 03", "Seinen Stand setzt nur diese Stelle"]);
    assert!(!page.body.contains("Stand von Hand setzen") && !page.body.contains("Was die Prüfungen sehen"));
    let mut form = page.form("/local");
    form.set("town", "stadt-4").set("mode", "off");
    browser.send(&form).assert_says(&["Bitte wählen Sie, für wen es gilt."]);
    // Even if the form is forged, the interface knows whose token it is.
    form.set("do", "publish").set("request", r#"{"organisations":["stadt-4"],"mode":"off"}"#);
    let refused = browser.send(&form);
    assert_eq!(refused.status, 403);
    refused.assert_says(&["Ihr Zugang gilt nicht für diese Stelle."]);
    assert_eq!(mode_in(&program, 4), "regular");

    form.set("town", "stadt-3").set("do", "preview").set("request", "");
    let preview = browser.send(&form);
    browser.send(preview.form("/local").set("do", "publish")).assert_says(&["außer Betrieb"]);
    program.until("the word is read", |program| mode_in(program, 3) == "off");
    assert_eq!(mode_in(&program, 4), "regular");
    // Another town reads nothing of it, nor can it take it back.
    let mut other = sign_in(&place, &program, &town(4));
    other.get("/admin/components/portal").assert_says(&["Bisher ist hier nichts anders gesagt."]);
    let mut forged = browser.get("/admin/components/portal").form("/remove");
    let csrf = other.get("/admin/components/portal").form("/local");
    forged.set("csrf", csrf.get("csrf").unwrap()).set("do", "publish");
    other.send(&forged);
    assert_eq!(mode_in(&program, 3), "off");
    // The status of what belongs to the county is not a town's to set.
    let (status, _) =
        browser.api("PUT", "/components/portal/override", Some(&serde_json::json!({"status": "major_outage"})));
    assert_eq!(status, 403);
    let mut forged = browser.get("/admin/components/portal").form("/local");
    forged.action = "/admin/components/portal/status".to_owned();
    forged.set("status", "major_outage").set("do", "publish");
    let refused = browser.send(&forged);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(program.component("portal")["status"], "operational");
}

#[test]
fn a_status_is_set_by_hand_and_given_back() {
    let (place, _outside) = county();
    let program = place.serve();
    let mut browser = sign_in(&place, &program, &town(1));
    let page = browser.get("/admin/components/post");
    page.assert_says(&["Poststelle", "erreichbar", "prüft niemand automatisch", "höchstens 7 Tage"]);
    let mut form = page.form("/status");
    form.set("status", "major_outage").set("until", "2020-01-01").set("until-time", "");
    let refused = browser.send(&form);
    refused.assert_says(&["Das liegt in der Vergangenheit."]);
    let mut form = refused.form("/status");
    assert_eq!((form.get("status"), form.get("until")), (Some("major_outage"), Some("2020-01-01")));
    form.set("until", "");
    let preview = browser.send(&form);
    preview.assert_says(&["Neuer Stand", "nicht erreichbar", "So lesen es die Leute:", "Auf Englisch"]);
    let (first, rest) = preview.body.split_once("Was sonst auf der Seite steht").unwrap();
    assert!(
        first.contains("Von Hand gesetzt") && !first.contains("Alle Angebote"),
        "what changes comes first: {first}"
    );
    assert!(rest.contains("Alle Angebote"), "all else is not lost: {rest}");
    assert_eq!(program.component("post")["status"], "operational");
    let mut publishing = preview.form("/status");
    publishing.set("do", "publish");
    browser.send(&publishing).assert_says(&["Der Stand ist gesetzt und veröffentlicht.", "von Hand gesetzt"]);
    program.until_status("post", "major_outage");
    browser.send(&publishing).assert_says(&["Der Stand ist gesetzt"]);
    let page = browser.get("/admin/components?stand=besonders");
    page.assert_says(&["Poststelle", "von Hand gesetzt"]);
    let back = page_of(&mut browser, "post").form("/back");
    let asked = browser.send(&back);
    asked.assert_says(&["Auf allen Seiten steht wieder, was die Prüfungen sehen.", "Poststelle: nicht erreichbar"]);
    assert_eq!(program.component("post")["status"], "major_outage", "it is asked first");
    let mut back = asked.form("/back");
    back.set("do", "publish");
    browser.send(&back).assert_says(&["Der Stand kommt wieder von den Prüfungen."]);
    browser.send(&back).assert_says(&["Der Stand kommt wieder von den Prüfungen."]);
    program.until_status("post", "operational");
}

fn page_of(browser: &mut Browser<'_>, id: &str) -> Page {
    browser.get(&format!("/admin/components/{id}"))
}

#[test]
fn whoever_comes_second_is_told_and_loses_nothing() {
    let (place, _outside) = county();
    let program = place.serve();
    let mut browser = sign_in(&place, &program, &town(1));
    let mut form = page_of(&mut browser, "post").form("/status");
    form.set("status", "degraded_performance");
    let preview = browser.send(&form);
    let other = serde_json::json!({ "status": "partial_outage" });
    assert_eq!(browser.api("PUT", "/components/post/override", Some(&other)).0, 200);
    let late = browser.send(preview.form("/status").set("do", "publish"));
    assert_eq!(late.status, 412);
    late.assert_says(&["Inzwischen hat jemand anderes", "teilweise gestört"]);
    program.until_status("post", "partial_outage");
    let again = late.form("/status");
    assert_eq!(again.get("status"), Some("degraded_performance"));
    let preview = browser.send(&again);
    browser.send(preview.form("/status").set("do", "publish"));
    program.until_status("post", "degraded_performance");
}

#[test]
fn of_many_parts_the_good_ones_are_done_and_the_refused_ones_said() {
    let (place, _outside) = county();
    let program = place.serve();
    program.until_status("standesamt.namen", "major_outage");
    let mut browser = sign_in(&place, &program, &town(1));
    let page = page_of(&mut browser, "standesamt");
    page.assert_says(&["Urkunden", "Termine", "Namensänderung"]);
    let mut form = page.form("/parts");
    assert_eq!(browser.send(&form).status, 200);
    form.set("part-standesamt.urkunden", "major_outage");
    // Better than its check says, and no end: that is refused.
    form.set("part-standesamt.namen", "operational");
    let page = browser.send(&form);
    assert_eq!(page.status, 422);
    page.assert_says(&["Namensänderung: Das wäre besser"]);
    let mut rest = page.form("/parts");
    assert_eq!(rest.get("part-standesamt.namen"), Some("operational"), "what was chosen stays");
    rest.set("parts-until", &jiff_in_two_days());
    let preview = browser.send(&rest);
    preview.assert_says(&["Noch ist nichts veröffentlicht.", "Urkunden: nicht verfügbar", "Namensänderung: "]);
    assert_eq!(program.component("standesamt.urkunden")["status"], "operational", "a preview changes nothing");
    // One of them is set by somebody else before the button is pressed: the other one is done.
    let other = serde_json::json!({ "status": "partial_outage", "until": jiff_in_two_days() });
    assert_eq!(browser.api("PUT", "/components/standesamt.namen/override", Some(&other)).0, 200);
    let page = browser.send(preview.form("/parts").set("do", "publish"));
    assert_eq!(page.status, 422);
    page.assert_says(&["Das ist veröffentlicht: Urkunden: nicht verfügbar", "Namensänderung: Inzwischen hat jemand"]);
    program.until_status("standesamt.urkunden", "major_outage");
    program.until_status("standesamt.namen", "partial_outage");
    let mut rest = page_of(&mut browser, "standesamt").form("/parts");
    assert_eq!(rest.get("was-standesamt.urkunden"), Some("major_outage"), "what is done is not done again");
    rest.set("part-standesamt.namen", "operational").set("parts-until", &jiff_in_two_days());
    let mut publishing = browser.send(&rest).form("/parts");
    publishing.set("do", "publish");
    browser.send(&publishing).assert_says(&["Alle Änderungen an den Teilen sind veröffentlicht."]);
    program.until_status("standesamt.namen", "operational");
    // Sent once more, nothing more happens.
    browser.send(&publishing);
    let mut back = page_of(&mut browser, "standesamt").form("/parts");
    back.set("part-standesamt.urkunden", "").set("part-standesamt.namen", "");
    let preview = browser.send(&back);
    browser.send(preview.form("/parts").set("do", "publish")).assert_says(&["Alle Änderungen an den Teilen"]);
    program.until_status("standesamt.urkunden", "operational");
    program.until_status("standesamt.namen", "major_outage");
    // Meanwhile somebody else set one of them.
    let mut late = page_of(&mut browser, "standesamt").form("/parts");
    let other = serde_json::json!({ "status": "degraded_performance" });
    assert_eq!(browser.api("PUT", "/components/standesamt.termine/override", Some(&other)).0, 200);
    program.until_status("standesamt.termine", "degraded_performance");
    late.set("part-standesamt.termine", "major_outage");
    browser.send(&late).assert_says(&["Termine: Inzwischen hat jemand anderes diesen Teil gesetzt."]);
    assert_eq!(program.component("standesamt.termine")["status"], "degraded_performance");
}

fn jiff_in_two_days() -> String {
    let now = turmwacht::clock::system_time().to_jiff().to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
    now.date().checked_add(jiff::Span::new().days(2)).unwrap().to_string()
}

#[test]
fn an_end_that_is_a_day_ends_with_it_where_the_component_stands() {
    let (place, _outside) = county();
    let program = place.serve();
    for (number, id, end) in [(1, "post", "2099-07-01T22:00:00Z"), (2, "rathaus-2", "2099-07-01T23:00:00Z")] {
        let mut browser = sign_in(&place, &program, &town(number));
        let mut form = page_of(&mut browser, id).form("/status");
        form.set("status", "partial_outage").set("until", "2099-07-01");
        let preview = browser.send(&form);
        browser.send(preview.form("/status").set("do", "publish"));
        let (_, told) = browser.api("GET", &format!("/components/{id}"), None);
        assert_eq!(told["internal"]["override"]["until"], end, "{id}");
        // Words of a town end likewise.
        let mut form = page_of(&mut browser, id).form("/local");
        form.set("mode", "basic").set("local-until", "2099-07-01");
        let preview = browser.send(&form);
        browser.send(preview.form("/local").set("do", "publish"));
        let (_, told) = browser.api("GET", &format!("/components/{id}"), None);
        assert_eq!(told["internal"]["local"][0]["until"], end, "{id}");
    }
}

#[test]
fn the_list_shows_what_is_mine_and_finds_what_is_looked_for() {
    let (place, _outside) = county();
    let program = place.serve();
    let mut browser = sign_in(&place, &program, &town(1));
    let page = browser.get("/admin/components");
    page.assert_says(&["6 Einträge", "Serviceportal", "gehört: Kreis", "Poststelle", "Teil von: Standesamt"]);
    assert!(!page.body.contains("Rechenzentrum"), "what is internal to others");
    let page = browser.get("/admin/components?q=urk");
    page.assert_says(&["1 Eintrag", "Urkunden"]);
    assert!(!page.body.contains("Poststelle"));
    browser.get("/admin/components?q=gibtsnicht").assert_says(&["Dazu wurde nichts gefunden."]);
    let mut county = Browser::sign_in(&place, &program, &COUNTY);
    let page = county.get("/admin/components");
    page.assert_says(&["2 Einträge", "Rechenzentrum", "intern, steht auf keiner öffentlichen Seite"]);
    county.get("/admin/components/rechenzentrum").assert_says(&["Rechenzentrum", "Intern:", "Stand von Hand setzen"]);
    assert_eq!(browser.get("/admin/components/rechenzentrum").status, 404);
    assert_eq!(browser.get("/admin/components/nirgends").status, 404);
    assert_eq!(browser.get("/admin/components/portal/nichts").status, 404);

    let mut admin = Browser::sign_in(&place, &program, &["--role", "admin"]);
    admin.get("/admin/components").assert_says(&["8 Einträge"]);
    admin.get("/admin/components?organisation=stadt-9").assert_says(&["1 Eintrag", "Stadt 09", "gehört: Kreis"]);
    // All towns on which the portal stands, in pages.
    let towns: Vec<String> =
        (1..=TOWNS).flat_map(|town| ["--organisation".to_owned(), format!("stadt-{town}")]).collect();
    let scope = [vec!["--role".to_owned(), "editor".to_owned()], towns].concat();
    let mut many = sign_in(&place, &program, &scope);
    many.get("/admin/components").assert_says(&["78 Einträge", "Stadt 72"]);
    many.get("/admin/components?q=serviceportal&seite=2").assert_says(&["72 Einträge"]);
}
