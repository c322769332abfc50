//! Planned work: announced, looked at before, changed, ended in parts, called off.

use std::time::Duration;

use serde_json::{Value, json};
use turmwacht::clock::system_time;
use turmwacht::model::window::When;

use super::browser::{Browser, Page};
use crate::e2e::program::{Place, Program};
use crate::probe::server::closed_port;

/// A town with an office and a homepage, another one in another time zone, and work that a file declares.
fn place() -> Place {
    place_with("")
}

fn place_with(more: &str) -> Place {
    let probes = r#"
[[organisation]]
id = "geesthacht"
kind = "municipality"
name = "Geesthacht"
ars = "010530032032"
[[organisation]]
id = "anderswo"
kind = "municipality"
name = "Anderswo"
ars = "010530032033"
timezone = "Europe/London"
[[component]]
id = "buergerbuero"
name = "Bürgerbüro"
kind = "counter"
owner = "geesthacht"
[[component]]
id = "homepage"
name = "Homepage"
kind = "website"
owner = "geesthacht"
[[component]]
id = "rathaus"
name = "Rathaus"
kind = "counter"
owner = "anderswo"
[[maintenance]]
id = "umstellung"
title = "Umstellung"
components = ["homepage"]
from = 2098-01-10
until = 2098-01-12
[[maintenance.alternative]]
kind = "phone"
target = ["tel:+494152130", "tel:+494152131"]
label = { de = "Notfälle", en = "Emergencies" }
hours = "Mo-Fr 08:00-12:00"
page = "https://www.example.org/notfall"
valid_from = 2098-01-11
"#;
    Place::new(closed_port(), &format!("{probes}{more}"))
}

const GEESTHACHT: [&str; 4] = ["--role", "editor", "--organisation", "geesthacht"];

/// Announces something for a day and publishes it.
fn plan(browser: &mut Browser<'_>, title: &str, fields: &[(&str, &str)]) -> Page {
    let mut form = browser.get("/admin/maintenance/new").form("/new");
    form.set("title-de", title);
    for (name, value) in fields {
        form.set(name, value);
    }
    let preview = browser.send(&form);
    assert!(preview.text().contains("Noch ist nichts veröffentlicht."), "{}", preview.text());
    browser.send(preview.form("/new").set("do", "publish"))
}

fn id_of(page: &Page) -> String {
    page.path.trim_start_matches("/admin/maintenance/").split('?').next().unwrap().to_owned()
}

/// It as the public reads it; null as long as it does not.
fn public(program: &Program, id: &str) -> Value {
    let (_, body) = program.try_get(&format!("/api/v1/maintenance/{id}")).unwrap();
    serde_json::from_str::<Value>(&body).unwrap()["maintenance"].take()
}

/// The instant at which something recorded ends.
fn end_of(recorded: &Value) -> String {
    serde_json::from_value::<When>(recorded["until"].clone()).unwrap().at.to_string()
}

/// The same as the public reads it, as soon as it has a status.
fn as_soon_as(program: &Program, id: &str, status: &str) -> Value {
    program.until(status, |program| public(program, id)["status"] == status);
    public(program, id)
}

#[test]
fn a_closure_is_looked_at_in_every_format_before_it_is_published() {
    let place = place();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &GEESTHACHT);
    let page = browser.get("/admin/maintenance/new?art=schliessung");
    page.assert_says(&[
        "Schließung ankündigen",
        "Letzter geschlossener Tag",
        "Wieder geöffnet ab",
        "bis einschließlich",
    ]);
    let mut form = page.form("/new");
    assert_eq!(form.all("components"), ["buergerbuero"], "the only office is suggested");
    form.set("title-de", "Bürgerbüro geschlossen")
        .set("title-en", "Office closed")
        .set("text-de", "Wegen Umzugs.\nNotfälle gehen.");
    // Over the night on which the clocks are set back: the last day has 25 hours.
    form.set("from", "2027-10-25").set("until", "2027-10-31").set("last", "2027-10-23").set("back", "2027-11-02");
    form.set("way-0-label-de", "Notfälle").set("way-0-target", "04152 13-9").set("programme", "Umzug 2027");
    let preview = browser.send(&form);
    preview.assert_says(&[
        "Von Montag, 25. Oktober 2027 bis einschließlich Sonntag, 31. Oktober 2027",
        "So lesen es die Leute:",
        "Auf Englisch",
        "From Monday, 25 October 2027 up to and including Sunday, 31 October 2027",
        "Office closed",
        "Bitte zweimal prüfen",
        "steht es bisher: +494152139",
        "Kalender, Deutsch: /calendar.ics",
        "BEGIN:VTODO",
        "DTEND;VALUE=DATE:20271101",
        "Nachrichten-Feed (Atom), Englisch: ",
        "Andere Statusseiten (Statuspage), Deutsch",
        "\"scheduled_for\"",
        "Textzeilen (status.txt)",
    ]);
    assert!(!preview.body.contains("href=\"https://status"), "the preview leads nowhere");
    assert_eq!(
        program.json("/api/v1/maintenance")["maintenance"].as_array().unwrap().len(),
        1,
        "only what the file declares"
    );
    let mut back = preview.form("/new");
    back.set("do", "edit");
    let form = browser.send(&back).form("/new");
    for (name, value) in [
        ("title-de", "Bürgerbüro geschlossen"),
        ("title-en", "Office closed"),
        ("text-de", "Wegen Umzugs.\nNotfälle gehen."),
        ("until", "2027-10-31"),
        ("last", "2027-10-23"),
        ("way-0-target", "04152 13-9"),
        ("art", "schliessung"),
    ] {
        assert_eq!(form.get(name), Some(value), "{name} is kept");
    }
    let preview = browser.send(&form);
    let mut publishing = preview.form("/new");
    publishing.set("do", "publish");
    let done = browser.send(&publishing);
    done.assert_says(&[
        "Die Ankündigung ist veröffentlicht.",
        "bis einschließlich Sonntag, 31. Oktober 2027",
        "von selbst",
    ]);
    let seen = as_soon_as(&program, &id_of(&done), "announced");
    assert_eq!(
        (seen["from"].as_str(), seen["until"].as_str()),
        (Some("2027-10-24T22:00:00Z"), Some("2027-10-31T23:00:00Z"))
    );
    assert_eq!(seen["date_only"], true);
    assert_eq!(seen["alternatives"][0]["target"][0], "tel:+494152139");
    let again = browser.send(&publishing);
    assert_eq!(id_of(&again), id_of(&done), "a nervous finger announces nothing twice");
    assert_eq!(program.json("/api/v1/maintenance")["maintenance"].as_array().unwrap().len(), 2);
    browser.get("/admin/maintenance").assert_says(&["Angekündigt", "Bürgerbüro geschlossen", "Umstellung"]);
}

#[test]
fn days_are_those_of_the_town_also_when_the_clocks_change() {
    let place = place();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &["--role", "admin"]);
    for (component, from, until) in [
        ("buergerbuero", "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z"),
        ("rathaus", "2027-03-28T00:00:00Z", "2027-03-28T23:00:00Z"),
    ] {
        let done = plan(
            &mut browser,
            "Ein Tag",
            &[("components", component), ("from", "2027-03-28"), ("until", "2027-03-28")],
        );
        done.assert_says(&["am Sonntag, 28. März 2027 (ganztägig)"]);
        let seen = as_soon_as(&program, &id_of(&done), "announced");
        assert_eq!((seen["from"].as_str(), seen["until"].as_str()), (Some(from), Some(until)), "{component}");
    }
    // An hour that does not exist is refused with a sentence, and nothing is lost.
    let mut form = browser.get("/admin/maintenance/new").form("/new");
    form.set("title-de", "Nachts").add("components", "homepage").set("from", "2027-03-28").set("from-time", "02:30");
    form.set("until", "2027-03-29");
    let refused = browser.send(&form);
    assert_eq!(refused.status, 422);
    refused.assert_says(&["Diese Uhrzeit gibt es an dem Tag nicht"]);
    assert!(refused.body.contains("href=\"#from\""), "the fault leads to its field");
    let kept = refused.form("/new");
    assert_eq!((kept.get("from-time"), kept.get("title-de")), (Some("02:30"), Some("Nachts")));
}

#[test]
fn faults_stand_at_their_fields_and_keep_what_was_typed() {
    let place = place();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &GEESTHACHT);
    let mut form = browser.get("/admin/maintenance/new").form("/new");
    form.set("text-de", "Nur ein Text.")
        .set("from-time", "08:00")
        .set("early-0", "homepage")
        .set("way-0-hours-de", "immer");
    let page = browser.send(&form);
    assert_eq!(page.status, 422);
    page.assert_says(&[
        "Bitte geben Sie eine Überschrift an.",
        "Bitte wählen Sie mindestens einen Dienst.",
        "Bitte wählen Sie zur Uhrzeit auch den Tag.",
        "Bitte wählen Sie den letzten Tag.",
        "Bitte haken Sie diesen Dienst auch oben an",
        "Möglichkeit 1: Schreiben Sie dazu, wer oder was das ist",
    ]);
    for field in ["title-de", "components", "from", "until", "early-0", "way-0-label-de"] {
        assert!(
            page.body.contains(&format!("href=\"#{field}\"")) && page.body.contains(&format!("id=\"{field}\"")),
            "{field}"
        );
    }
    let mut kept = page.form("/new");
    assert_eq!((kept.get("text-de"), kept.get("way-0-hours-de")), (Some("Nur ein Text."), Some("immer")));
    // What only the interface finds stands at its field, too.
    kept.set("title-de", "Umzug")
        .add("components", "buergerbuero")
        .set("early-0", "")
        .set("way-0-hours-de", "")
        .set("from-time", "");
    kept.set("from", "2030-12-05").set("until", "2030-12-03");
    let page = browser.send(&kept);
    page.assert_says(&["Das Ende liegt vor dem Anfang."]);
    assert!(page.body.contains("href=\"#until\""));
    // Another row: nothing is tried, and nothing is lost.
    let mut kept = page.form("/new");
    kept.set("until", "2030-12-08").set("do", "row");
    let mut kept = browser.send(&kept).form("/new");
    kept.set("way-1-label-de", "Irgendwo").set("way-1-target", "tel:abc");
    let page = browser.send(&kept);
    page.assert_says(&["Bitte schreiben Sie eine Telefonnummer mit Vorwahl"]);
    assert!(page.body.contains("href=\"#way-1-target\""), "the second place is the first way of the request");
    // A town announces nothing for others.
    let mut kept = page.form("/new");
    kept.set("way-1-label-de", "").set("way-1-target", "").set("components", "rathaus");
    let page = browser.send(&kept);
    assert_eq!(page.status, 403);
    page.assert_says(&["Einer der Dienste gehört einer anderen Stelle"]);
    assert_eq!(page.form("/new").all("components"), ["rathaus"]);
}

#[test]
fn only_what_was_changed_is_sent_and_what_the_form_does_not_know_stays() {
    let place = place();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &GEESTHACHT);
    let before = browser.api("GET", "/maintenance/umstellung", None).1["internal"]["notice"].clone();
    let form = browser.get("/admin/maintenance/umstellung/edit").form("/edit");
    browser.send(&form).assert_says(&["Es wurde nichts geändert."]);
    let mut form = form;
    form.set("title-de", "Umstellung der Homepage").set("text-de", "Am Vormittag.");
    let preview = browser.send(&form);
    let request: Value = serde_json::from_str(preview.form("/edit").get("request").unwrap()).unwrap();
    assert_eq!(request, json!({ "title": { "de": "Umstellung der Homepage" }, "text": { "de": "Am Vormittag." } }));
    browser.send(preview.form("/edit").set("do", "publish")).assert_says(&["Die Änderung ist veröffentlicht."]);
    // Another label: the numbers, the hours, the page and the English words stay.
    let mut form = browser.get("/admin/maintenance/umstellung/edit").form("/edit");
    assert_eq!(form.get("way-0-target"), Some("+494152130\n+494152131"));
    form.set("way-0-label-de", "Notruf").set("until", "2098-01-13").set("until-time", "12:00").set("text-de", "");
    let preview = browser.send(&form);
    browser.send(preview.form("/edit").set("do", "publish"));
    let after = browser.api("GET", "/maintenance/umstellung", None).1["internal"]["notice"].clone();
    let mut way = before["alternatives"][0].clone();
    way["label"]["de"] = "Notruf".into();
    assert_eq!(after["alternatives"][0], way);
    assert_eq!(end_of(&after), "2098-01-13T11:00:00Z");
    assert_eq!((&after["from"], &after["text"]), (&before["from"], &Value::Null));
}

#[test]
fn somebody_elses_change_in_between_is_said() {
    let place = place();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &GEESTHACHT);
    let mut form = browser.get("/admin/maintenance/umstellung/edit").form("/edit");
    form.set("title-de", "Meine Überschrift");
    let preview = browser.send(&form);
    let other = json!({ "until": "2098-01-20" });
    assert_eq!(browser.api("PATCH", "/maintenance/umstellung", Some(&other)).0, 200);
    let late = browser.send(preview.form("/edit").set("do", "publish"));
    assert_eq!(late.status, 412);
    late.assert_says(&["Inzwischen hat jemand anderes", "So steht es jetzt: Umstellung", "20. Januar 2098"]);
    let mut again = late.form("/edit");
    assert_eq!(again.get("title-de"), Some("Meine Überschrift"));
    again.set("until", "2098-01-20");
    let preview = browser.send(&again);
    browser.send(preview.form("/edit").set("do", "publish")).assert_says(&["Meine Überschrift", "20. Januar 2098"]);
}

#[test]
fn parts_are_back_one_by_one_and_what_overruns_stands_first() {
    let place = place();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &GEESTHACHT);
    let now = system_time();
    let begin = now.minus(Duration::from_secs(3_600)).to_string();
    let body = json!({
        "id": "geesthacht-umzug", "title": "Umzug", "components": ["buergerbuero", "homepage"], "ends": "on_notice",
        "from": begin, "until": now.plus(Duration::from_secs(2)).to_string(),
    });
    assert_eq!(browser.api("POST", "/maintenance", Some(&body)).0, 201);
    as_soon_as(&program, "geesthacht-umzug", "overrunning");
    let list = browser.get("/admin/maintenance");
    list.assert_says(&["Dauert länger als angekündigt: bitte melden"]);
    assert!(list.body.find("Umzug").unwrap() < list.body.find("Umstellung").unwrap());
    let page = browser.get("/admin/maintenance/geesthacht-umzug");
    page.assert_says(&["Das angekündigte Ende ist vorbei.", "erst, wenn Sie es melden"]);
    let empty = page.form("/word");
    browser.send(&empty).assert_says(&["Bitte schreiben Sie etwas, oder sagen Sie, was wieder läuft."]);
    let mut form = page.form("/word");
    form.set("back", "homepage").set("since-homepage", "2020-01-01");
    browser.send(&form).assert_says(&["Bitte geben Sie auch die Uhrzeit an."]);
    form.set("since-homepage", "").set("word-de", "Die Homepage geht wieder.");
    let preview = browser.send(&form);
    preview.assert_says(&["Die Homepage geht wieder.", "wieder da"]);
    assert_eq!(public(&program, "geesthacht-umzug")["components"][1]["ended_at"], Value::Null);
    let mut publishing = preview.form("/word");
    publishing.set("do", "publish");
    browser.send(&publishing).assert_says(&["Ihre Meldung ist veröffentlicht.", "Homepage: wieder da seit"]);
    let twice = browser.send(&publishing);
    twice.assert_says(&["Ihre Meldung ist veröffentlicht."]);
    let told = browser.api("GET", "/maintenance/geesthacht-umzug", None).1;
    let said = told["internal"]["notice"]["updates"].as_array().unwrap();
    let written = said.iter().filter(|update| update["body"].to_string().contains("geht wieder")).count();
    assert_eq!(written, 1, "{said:?}");

    let mut typed = twice.form("/word");
    typed.set("word-de", "Es dauert bis morgen.");
    let mut changed = browser.get("/admin/maintenance/geesthacht-umzug/edit").form("/edit");
    changed.set("title-de", "Langer Umzug");
    let mut form = twice.form("/word");
    form.set("over", "1");
    let preview = browser.send(&form);
    let done = browser.send(preview.form("/word").set("do", "publish"));
    done.assert_says(&["beendet"]);
    assert!(!done.body.contains("/word\""), "nothing more is to be said of what is over");
    as_soon_as(&program, "geesthacht-umzug", "completed");
    assert_eq!(browser.get("/admin/maintenance/geesthacht-umzug/edit").path, "/admin/maintenance/geesthacht-umzug");
    // Whoever was writing meanwhile still reads what it was.
    for (form, text) in [(&mut typed, "Es dauert bis morgen."), (&mut changed, "Langer Umzug")] {
        for button in ["preview", "publish", "edit"] {
            let page = browser.send(form.set("do", button));
            assert_eq!(page.status, 409);
            page.assert_says(&["ist inzwischen beendet oder abgesagt", text]);
        }
    }
}

#[test]
fn it_is_called_off_after_a_second_look() {
    let place = place();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &GEESTHACHT);
    let form = browser.get("/admin/maintenance/umstellung").form("/cancel");
    let preview = browser.send(&form);
    preview.assert_says(&["Abgesagt wird: Umstellung", "STATUS:CANCELLED", "Wirklich absagen"]);
    assert_eq!(public(&program, "umstellung")["status"], "announced");
    let mut back = preview.form("/cancel");
    assert_eq!(browser.send(back.clone().set("do", "edit")).path, "/admin/maintenance/umstellung");
    browser.send(back.set("do", "publish")).assert_says(&["Es ist abgesagt, und alle können es lesen."]);
    as_soon_as(&program, "umstellung", "cancelled");
}

#[test]
fn what_others_announce_is_read_and_not_changed() {
    let place = place();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &["--role", "editor", "--organisation", "anderswo"]);
    let page = browser.get("/admin/maintenance");
    page.assert_says(&["Zurzeit haben Sie nichts angekündigt."]);
    let page = browser.get("/admin/maintenance/umstellung");
    assert_eq!(page.path, "/maintenance/umstellung", "it leads to what everybody reads");
    assert_eq!(browser.get("/admin/maintenance/nichts").status, 404);
}

#[test]
fn a_part_may_end_earlier_and_is_announced_later() {
    let place = place();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &GEESTHACHT);
    let done = plan(
        &mut browser,
        "Neue Software",
        &[("components", "buergerbuero"), ("from", "2030-12-05"), ("until", "2030-12-08"), ("ends", "on_notice")],
    );
    let id = id_of(&done);
    let mut form = browser.get(&format!("/admin/maintenance/{id}/edit")).form("/edit");
    form.add("components", "homepage").set("early-0", "homepage").set("early-0-until", "2030-12-06");
    let preview = browser.send(&form);
    browser.send(preview.form("/edit").set("do", "publish")).assert_says(&["Homepage: früheres Ende"]);
    let seen = browser.api("GET", &format!("/maintenance/{id}"), None).1["internal"]["notice"]["components"].clone();
    assert_eq!(end_of(&seen[1]), "2030-12-06T23:00:00Z");
    assert_eq!(seen[1]["until"]["date"], "2030-12-06");
    // Another change leaves it as it is.
    let mut form = browser.get(&format!("/admin/maintenance/{id}/edit")).form("/edit");
    form.set("unaffected", "homepage");
    browser.send(&form).assert_says(&["Ein Dienst kann nicht zugleich betroffen und nicht betroffen sein."]);
    form.fields.retain(|(name, _)| name != "unaffected");
    form.set("programme", "Software 2030");
    let preview = browser.send(&form);
    let request: Value = serde_json::from_str(preview.form("/edit").get("request").unwrap()).unwrap();
    assert_eq!(request, json!({ "programme": "Software 2030" }));
    // What is announced later is read later.
    let mut form = browser.get("/admin/maintenance/new").form("/new");
    form.set("title-de", "Geheim")
        .add("components", "buergerbuero")
        .set("from", "2031-01-05")
        .set("until", "2031-01-06");
    form.set("announced", "2030-12-24");
    let preview = browser.send(&form);
    preview.assert_says(&["von Sonntag, 5. Januar 2031", "Öffentlich ist davon vorerst nichts zu lesen"]);
    browser
        .send(preview.form("/new").set("do", "publish"))
        .assert_says(&["Davon ist öffentlich noch nichts zu lesen."]);
    assert!(!program.get("/maintenance").contains("Geheim"));
}

/// What a preview would send.
fn request(preview: &Page, action: &str) -> Value {
    serde_json::from_str(preview.form(action).get("request").unwrap()).unwrap()
}

#[test]
fn what_comes_round_is_announced_by_its_first_time() {
    let place = place();
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &GEESTHACHT);
    let page = browser.get("/admin/maintenance/new");
    page.assert_says(&["Wiederholt sich das?", "zum Beispiel jeden zweiten Dienstag", "Der Tag zählt noch ganz dazu."]);
    let mut form = page.form("/new");
    assert_eq!(form.get("repeats"), Some("once"));
    form.set("title-de", "Wartungsabend").set("title-en", "Maintenance evening").add("components", "homepage");
    form.set("from", "2030-01-08").set("from-time", "19:00").set("until", "2030-01-08").set("until-time", "22:00");
    // Whoever says until when but not how often is asked.
    form.set("repeats-until", "2030-12-31");
    browser.send(&form).assert_says(&["Bitte wählen Sie auch, wie oft es sich wiederholt"]);
    form.set("repeats", "weekday").set("repeats-until", "");
    // Nothing is lost by a fault, and the answer is said with the day that was typed.
    let faulty = browser.send(&form);
    faulty.assert_says(&[
        "Bitte wählen Sie, bis wann es sich wiederholt.",
        "mit diesem Beginn jeden zweiten Dienstag im Monat",
    ]);
    assert!(faulty.body.contains("href=\"#repeats-until\"") && faulty.body.contains("id=\"repeats-until\""));
    let mut form = faulty.form("/new");
    assert_eq!((form.get("repeats"), form.get("until-time")), (Some("weekday"), Some("22:00")));
    for (until, ends, sentence, field) in [
        ("2030-02-05", "on_notice", "endet jedes Mal von selbst", "ends"),
        ("2030-02-05", "by_itself", "Es dauert länger als bis zum nächsten Mal.", "until"),
        ("2030-02-15", "by_itself", "Jedes Mal kann zwischen einer Minute und 31 Tagen dauern.", "until"),
        ("2030-01-07", "by_itself", "Das Ende liegt vor dem Anfang.", "until"),
    ] {
        form.set("repeats-until", "2030-12-31").set("until", until).set("ends", ends);
        let refused = browser.send(&form);
        assert_eq!(refused.status, 422);
        refused.assert_says(&[sentence]);
        assert!(refused.body.contains(&format!("href=\"#{field}\"")), "{sentence}");
        form = refused.form("/new");
        assert_eq!((form.get("until"), form.get("repeats-until")), (Some(until), Some("2030-12-31")));
    }
    form.set("until", "2030-01-08").set("repeats-until", "2030-01-07");
    let refused = browser.send(&form);
    refused.assert_says(&["Das Ende liegt vor dem Anfang."]);
    assert!(refused.body.contains("href=\"#repeats-until\""), "the end that is meant is that of the whole");
    form.set("repeats-until", "2030-12-31");
    let preview = browser.send(&form);
    preview.assert_says(&[
        "jeden zweiten Dienstag im Monat, 19:00 bis 22:00 Uhr, bis einschließlich Dienstag, 31. Dezember 2030",
        "on the second Tuesday of each month, 19:00 to 22:00, up to and including Tuesday, 31 December 2030",
        "Von Dienstag, 12. Februar 2030, 19:00 Uhr bis 22:00 Uhr",
        "Von Dienstag, 9. April 2030, 19:00 Uhr bis 22:00 Uhr",
        // The first time and all that follow stand in the calendar.
        "DTSTART:20300108T180000Z",
        "DTSTART:20300409T170000Z",
    ]);
    let asked = request(&preview, "/new");
    assert_eq!(
        (&asked["from"], &asked["until"], &asked["recurring"]),
        (
            &json!("2030-01-08"),
            &json!("2030-12-31"),
            &json!({ "rrule": "FREQ=MONTHLY;BYDAY=2TU", "at": "19:00", "for": "3h" })
        )
    );
    let done = browser.send(preview.form("/new").set("do", "publish"));
    done.assert_says(&["Die Ankündigung ist veröffentlicht.", "Wiederholung jeden zweiten Dienstag im Monat"]);
    let seen = as_soon_as(&program, &id_of(&done), "announced");
    assert_eq!(
        (&seen["recurring"]["at"], &seen["upcoming"][2]["from"]),
        (&json!("19:00"), &json!("2030-04-09T17:00:00Z"))
    );
    browser.get("/admin/maintenance").assert_says(&["19:00 Uhr bis 22:00 Uhr · wiederholt sich"]);
    // The interface says where a rule is wrong.
    let hourly = json!({ "recurring": { "rrule": "FREQ=HOURLY", "at": "19:00", "for": "3h" } });
    let (status, refused) = browser.api("PATCH", &format!("/maintenance/{}", id_of(&done)), Some(&hourly));
    assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!("/recurring/rrule")));
}

#[test]
fn a_series_is_changed_in_the_form_and_a_rule_that_it_has_no_words_for_is_kept() {
    let place = place_with(
        r#"
[[maintenance]]
id = "quartal"
title = "Wartungsabend"
components = ["rathaus"]
from = 2098-01-01
until = 2098-12-31T12:00:00
recurring = { rrule = "FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU", at = "19:00:30", for = "3h" }
"#,
    );
    let program = place.serve();
    let mut browser = Browser::sign_in(&place, &program, &["--role", "admin"]);
    let path = "/admin/maintenance/quartal/edit";
    let page = browser.get(path);
    page.assert_says(&["Ja, wie bisher – alle drei Monate am zweiten Dienstag", "die des nächsten Mals"]);
    let mut form = page.form("/edit");
    let shown =
        ["from", "from-time", "until", "until-time", "repeats", "repeats-until"].map(|name| form.get(name).unwrap());
    assert_eq!(shown, ["2098-01-14", "19:00", "2098-01-14", "22:00", "kept", "2098-12-31"]);
    browser.send(&form).assert_says(&["Es wurde nichts geändert."]);
    form.set("title-de", "Quartalsabend");
    assert_eq!(request(&browser.send(&form), "/edit"), json!({ "title": { "de": "Quartalsabend" } }));
    // Another time of day by the rule that is there.
    let mut form = browser.get(path).form("/edit");
    form.set("from-time", "20:00").set("until-time", "22:30");
    let rule = "FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU";
    let preview = browser.send(&form);
    assert_eq!(request(&preview, "/edit"), json!({ "recurring": { "rrule": rule, "at": "20:00", "for": "150m" } }));
    browser.send(preview.form("/edit").set("do", "publish")).assert_says(&[
        "Die Änderung ist veröffentlicht.",
        "alle drei Monate am zweiten Dienstag, 20:00 bis 22:30 Uhr, bis Mittwoch, 31. Dezember 2098, 12:00 Uhr",
    ]);
    // Another day and another answer: the rule follows from both.
    let mut form = browser.get(path).form("/edit");
    form.set("from", "2098-02-06")
        .set("until", "2098-02-06")
        .set("repeats", "fortnightly")
        .set("repeats-until", "2098-06-30");
    let preview = browser.send(&form);
    assert_eq!(
        request(&preview, "/edit"),
        json!({
            "from": "2098-02-06", "until": "2098-06-30",
            "recurring": { "rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH", "at": "20:00", "for": "150m" },
        })
    );
    browser
        .send(preview.form("/edit").set("do", "publish"))
        .assert_says(&["alle zwei Wochen am Donnerstag", "Abgesagt wird alles, was noch kommt"]);
    let form = browser.get(path).form("/edit");
    assert_eq!((form.get("from"), form.get("repeats")), (Some("2098-02-06"), Some("fortnightly")));
    browser.send(&form).assert_says(&["Es wurde nichts geändert."]);
    // No more: what stands in the form is the only time left.
    let mut form = form;
    form.set("repeats", "once").set("until-time", "");
    let preview = browser.send(&form);
    assert_eq!(
        request(&preview, "/edit"),
        json!({ "from": "2098-02-06T20:00", "until": "2098-02-06", "recurring": null })
    );
    let done = browser.send(preview.form("/edit").set("do", "publish"));
    assert!(!done.text().contains("Wiederholung"), "{}", done.text());
    // And what takes place once comes round from then on.
    let mut form = browser.get("/admin/maintenance/umstellung/edit").form("/edit");
    form.set("until", "2098-01-10").set("repeats", "weekly").set("repeats-until", "2098-02-28");
    let preview = browser.send(&form);
    assert_eq!(
        request(&preview, "/edit"),
        json!({
            "from": "2098-01-10", "until": "2098-02-28",
            "recurring": { "rrule": "FREQ=WEEKLY;BYDAY=FR", "at": "00:00", "for": "1d" },
        })
    );
    preview.assert_says(&["jeden Freitag, ganztägig, bis einschließlich Freitag, 28. Februar 2098"]);
}
