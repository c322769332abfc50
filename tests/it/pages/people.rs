//! What editors, plans and towns bring to the pages, read as a citizen reads it.

use std::sync::Arc;

use turmwacht::model::alternative::AlternativeKind;
use turmwacht::model::catalogue::Ends;
use turmwacht::model::incident::IncidentStatus;
use turmwacht::model::snapshot::{PublicIncident, PublicMaintenance, Snapshot};
use turmwacht::model::status::{Evidence, Mode, Status};
use turmwacht::model::window::When;
use turmwacht::publish::archive::Nothing;
use turmwacht::publish::{Rendered, Target, html, render, route_label};

use crate::pages::crisis::{crisis, locals};
use crate::pages::read;
use crate::pages::sample::{alternative, at, differ, from, morning, through};

fn town(snapshot: &Snapshot, id: &str) -> String {
    let (index, _) = snapshot.organisation(id).expect("in the sample");
    read(&html::organisation(snapshot, index, "de"))
}

fn incident_mut<'a>(snapshot: &'a mut Snapshot, id: &str) -> &'a mut PublicIncident {
    let found = snapshot.incidents.iter_mut().find(|incident| incident.id.as_str() == id);
    Arc::make_mut(found.expect("in the sample"))
}

fn incident(snapshot: &Snapshot, id: &str, language: &str) -> String {
    let found = snapshot.incidents.iter().find(|incident| incident.id.as_str() == id);
    read(&html::incident(snapshot, &Nothing, found.expect("in the sample"), language))
}

fn maintenance_mut<'a>(snapshot: &'a mut Snapshot, id: &str) -> &'a mut PublicMaintenance {
    let found = snapshot.maintenances.iter_mut().find(|maintenance| maintenance.id.as_str() == id);
    Arc::make_mut(found.expect("in the sample"))
}

fn maintenance(snapshot: &Snapshot, id: &str, language: &str) -> String {
    let found = snapshot.maintenances.iter().find(|maintenance| maintenance.id.as_str() == id);
    read(&html::maintenance(snapshot, found.expect("in the sample"), language))
}

#[track_caller]
fn says(text: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(text.contains(sentence), "lacks: {sentence}\n\n{text}");
    }
}

#[track_caller]
fn keeps_silent(text: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(!text.contains(sentence), "says: {sentence}\n\n{text}");
    }
}

/// The text between two phrases.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.rsplit_once(from).expect("the first phrase");
    rest.split_once(to).expect("the second phrase").0
}

#[test]
fn an_expected_end_is_told_as_vaguely_as_it_is_known() {
    let snapshot = crisis();
    let provider = incident(&snapshot, "sit2023", "de");
    says(&provider, &["Endevoraussichtlich ab Januar 2024", "UrsacheCyberangriff", "Störung beiFachverfahren der"]);
    says(&incident(&snapshot, "sit2023", "en"), &["Endexpected from January 2024"]);
    says(
        &incident(&snapshot, "seite-weg", "de"),
        &[
            "Endevoraussichtlich zwischen Dienstag, 12. Dezember 2023 und Mittwoch, 13. Dezember 2023",
            "Nächste Informationbis Freitag, 8. Dezember 2023, 12:00 Uhr",
            "UrsacheWird nicht veröffentlicht",
        ],
    );
    let late = incident(&snapshot, "verspaetet", "de");
    says(&late, &["Endevoraussichtlich spätestens am Mittwoch, 6. Dezember 2023Dieser Zeitpunkt ist verstrichen."]);
    // Nobody said a time of day, so none is shown beside the days.
    keeps_silent(&late, &["2023, 00:00 Uhr"]);
    let mut silent = crisis();
    incident_mut(&mut silent, "seite-weg").expected_end = None;
    says(&incident(&silent, "seite-weg", "de"), &["Bis wannEnde derzeit nicht absehbar"]);
}

#[test]
fn an_editors_own_voraussichtlich_is_not_said_twice() {
    let mut snapshot = crisis();
    let label = crate::pages::sample::german("Voraussichtlich ab Januar");
    incident_mut(&mut snapshot, "sit2023").expected_end.as_mut().expect("expected").label = Some(label);
    says(&incident(&snapshot, "sit2023", "de"), &["EndeVoraussichtlich ab Januar"]);
}

#[test]
fn a_promise_that_was_not_kept_says_so_and_when_something_was_last_said() {
    let mut snapshot = crisis();
    let overdue = "Nächste InformationZugesagte Information ist überfällig; zuletzt aktualisiert: Dienstag, 5. \
                   Dezember 2023, 16:00 UhrZugesagt war sie bis Donnerstag, 7. Dezember 2023, 17:00 Uhr.";
    says(&incident(&snapshot, "sit2023", "de"), &[overdue]);
    says(&town(&snapshot, "menden"), &[overdue]);
    let provider = incident_mut(&mut snapshot, "sit2023");
    provider.status = IncidentStatus::Resolved;
    provider.resolved_at = Some(at("2023-12-08T07:00:00Z"));
    keeps_silent(&incident(&snapshot, "sit2023", "de"), &["überfällig", "Nächste Information"]);
}

#[test]
fn the_course_keeps_what_was_once_expected_and_nothing_of_what_was_taken_back() {
    let text = incident(&crisis(), "sit2023", "de");
    let order = [
        "Ende: voraussichtlich ab Januar 2024",
        "Gilt für:Stadt Hemer",
        "Berichtigt am Donnerstag, 30. November 2023, 09:20 Uhr",
        "Wunschkennzeichen: nicht verfügbar",
        "Diese Meldung wurde zurückgezogen.",
        "Damals erwartetes Ende: voraussichtlich ab Mitte Dezember",
        "zwischen Montag, 11. Dezember 2023 und Sonntag, 17. Dezember 2023",
        "Damals: Ende nicht absehbar",
        "Das hat unsere automatische Prüfung festgestellt",
    ];
    let places: Vec<_> =
        order.iter().map(|said| text.rfind(said).unwrap_or_else(|| panic!("{said}\n{text}"))).collect();
    assert!(places.is_sorted(), "{places:?}\n{text}");
    keeps_silent(&text, &["Ende November", "Kfz-Zulassung: verfügbar"]);
}

#[test]
fn an_incident_that_belongs_to_another_one_leads_there() {
    let snapshot = crisis();
    let merged = snapshot.incidents.iter().find(|incident| incident.id.as_str() == "aufgegangen").expect("a sample");
    let page = html::incident(&snapshot, &Nothing, merged, "de");
    assert!(page.contains("<a href=\"/incidents/sit2023\">Ausfall bei der Südwestfalen-IT</a>"));
    let text = read(&page);
    says(&text, &["Diese Meldung wird an anderer Stelle fortgeführt.Fortgeführt in: Ausfall bei der Südwestfalen-IT"]);
    keeps_silent(&text, &["Die Störung ist behoben", "Dauer", "Behoben"]);
    says(&town(&snapshot, "menden"), &["Fortgeführt in: Ausfall bei der Südwestfalen-IT"]);
}

#[test]
fn seventy_two_bodies_fold_up_behind_their_number() {
    let snapshot = crisis();
    let provider = snapshot.incidents.iter().find(|incident| incident.id.as_str() == "sit2023").expect("a sample");
    let page = html::incident(&snapshot, &Nothing, provider, "de");
    assert!(page.contains("<summary>73 Organisationen</summary>"));
    let folded = page.split_once("<summary>73 Organisationen</summary>").expect("folded").1;
    let folded = folded.split_once("</details>").expect("folded").0;
    for number in 1..=69 {
        assert!(folded.contains(&format!(">Verbandsmitglied {number}</a>")), "{number}");
    }
    // Offices of the same name are told apart by whose they are.
    says(&read(&page), &["Bürgerbüro (Verbandsmitglied 7)"]);
}

#[test]
fn a_towns_own_words_come_first_and_say_when_they_are_old() {
    let snapshot = crisis();
    let menden = town(&snapshot, "menden");
    let own = "Stadt Menden schreibt dazu:Kommen Sie nur mit Termin ins Rathaus.Hinweis vom Montag, 20. November 2023, \
               09:00 UhrSeitdem gibt es eine neuere Meldung des Anbieters:Der Basisbetrieb verzögert sich.";
    says(&menden, &[own, "TelefonRathaus Menden02373 9030TelefonBehördennummer 115115"]);
    keeps_silent(&menden, &["Hemer hilft", "In Hemer ist", "Samstags im Bürgerbüro Hemer"]);
    let hemer = town(&snapshot, "hemer");
    says(&hemer, &["Stadt Hemer schreibt dazu:Hemer hilft auch Bürgern aus Menden.", "Meldung des Anbieters:"]);
    says(&hemer, &["Samstags im Bürgerbüro Hemer", "In Hemer ist das Bürgerbüro samstags geöffnet."]);
    keeps_silent(&hemer, &["Seitdem gibt es", "In Menden lassen sich"]);
    // Everybody's page names the towns and keeps to what holds everywhere.
    let everybody = incident(&snapshot, "sit2023", "de");
    says(&everybody, &["Eigene Hinweise vonStadt HemerStadt Menden"]);
    keeps_silent(&everybody, &["Kommen Sie nur mit Termin", "Samstags im Bürgerbüro Hemer"]);
}

#[test]
fn a_word_for_other_towns_makes_a_town_s_own_words_no_older() {
    let mut snapshot = crisis();
    let provider = incident_mut(&mut snapshot, "sit2023");
    provider.updates.truncate(6);
    let fifth = provider.updates[4].changed_at();
    let menden = provider.overlays.get_mut("menden").expect("a sample");
    menden.at = fifth;
    // The sixth is for Hemer alone.
    keeps_silent(&town(&snapshot, "menden"), &["Seitdem gibt es"]);
}

#[test]
fn what_is_left_comes_before_what_is_out_and_the_incidents_own_ways_first() {
    let text = incident(&crisis(), "sit2023", "de");
    let own = text.find("Behördennummer 115").expect("its own way");
    let component = text.find("Bürgerbüro der Stadt Hemer").expect("a component's way");
    assert!(own < component);
    says(
        &text,
        &[
            "Nicht betroffenTelefonzentraleerreichbarRathausgeöffnet",
            "Mehr dazuFragen und Antwortenwww.sit.examplewww.land.example",
            "Ausweise und Pässe (Stadt Menden)Amtshilfe einer NachbarbehördeBürgerbüro der Stadt Hemer",
            "Vor OrtNebenstelle Lendringsen",
        ],
    );
    assert_eq!(text.matches("Amtshilfe").count(), 1);
}

#[test]
fn every_mode_says_what_it_means() {
    let text = town(&crisis(), "menden");
    says(
        &text,
        &[
            "Notbetrieb. Nur das Dringendste ist möglich.",
            "Ersatzbetrieb (Behelfslösung). Eine andere Lösung oder Stelle hilft vorläufig aus.",
            "Basisbetrieb (reduzierte Funktionalität). Das Angebot arbeitet, kann aber weniger als sonst.",
            "Pilotbetrieb. Das Angebot wird noch erprobt.",
            "Außer Betrieb. Das Angebot steht zurzeit nicht bereit.",
            "Vom Anbieter freigegeben.",
            "Vom Anbieter noch nicht freigegeben.",
            "Die Bearbeitung dauert zurzeit länger.",
            "Anträge kommen an, werden zurzeit aber nicht bearbeitet.",
            "Nur nach Anmeldung am Telefon.",
            "Betroffen von der Störung: Fachverfahren der Südwestfalen-IT.",
        ],
    );
    // They are Menden's and stand on no other page.
    keeps_silent(&town(&crisis(), "mitglied-01"), &["Notbetrieb", "Pilotbetrieb", "freigegeben"]);
}

#[test]
fn mail_says_what_becomes_of_it_and_until_when() {
    let mut snapshot = crisis();
    let queued = "E-Mails werden aufbewahrt und später zugestellt. Seit Montag, 4. Dezember 2023, 00:00 Uhr. Gilt bis \
                  einschließlich Sonntag, 10. Dezember 2023.";
    says(&town(&snapshot, "menden"), &[queued]);
    keeps_silent(&town(&snapshot, "menden"), &["verloren gegangen"]);
    snapshot.at = at("2023-12-10T23:00:00Z");
    keeps_silent(&town(&snapshot, "menden"), &["aufbewahrt"]);
}

#[test]
fn what_was_set_by_hand_says_so_while_it_holds() {
    let mut snapshot = crisis();
    let by_hand = "Von Hand gesetzt am Mittwoch, 6. Dezember 2023, 11:15 Uhr, gilt bis einschließlich Montag, 11. \
                   Dezember 2023.";
    says(&town(&snapshot, "menden"), &[by_hand]);
    snapshot.at = at("2023-12-11T23:00:00Z");
    keeps_silent(&town(&snapshot, "menden"), &["Von Hand gesetzt"]);
}

#[test]
fn a_part_that_is_missing_reads_so_beside_those_that_work() {
    let text = town(&crisis(), "menden");
    let card = between(&text, "Kfz-Zulassungteilweise gestört", "Ausweise und Pässe");
    says(card, &["Fahrzeug anmeldenverfügbar", "Wunschkennzeichennicht verfügbarAngabe der Redaktion"]);
}

#[test]
fn the_emergency_site_stands_in_for_the_homepage_while_it_is_active() {
    let mut snapshot = crisis();
    says(&town(&snapshot, "menden"), &["Zurzeit gilt die Notfall-Seite: notfall.menden.example"]);
    keeps_silent(&town(&snapshot, "menden"), &["Internetseite: www.menden.example"]);
    // It was given a beginning, so it holds although the homepage answers again.
    let homepage = snapshot.catalogue.component_index["homepage-menden"] as usize;
    let state = Arc::make_mut(&mut snapshot.states[homepage]);
    (state.status, state.evidence, state.inputs.own) = (Status::Operational, Evidence::Own, Some(Status::Operational));
    says(&town(&snapshot, "menden"), &["Zurzeit gilt die Notfall-Seite"]);
    let site = &mut Arc::make_mut(&mut snapshot.catalogue).components[homepage].alternatives[0];
    site.valid_until = Some(When::instant(at("2023-12-08T00:00:00Z")));
    says(&town(&snapshot, "menden"), &["Internetseite: www.menden.example"]);
    keeps_silent(&town(&snapshot, "menden"), &["Notfall-Seite"]);
    // The incident's own stands on every page that it concerns, the town's own before it.
    let site =
        |host: &str| alternative(AlternativeKind::EmergencySite, &[&format!("https://{host}/")], "Notfall", None);
    let provider = incident_mut(&mut snapshot, "sit2023");
    provider.alternatives.push(site("notfall.sit.example"));
    provider.overlays.values_mut().for_each(|overlay| overlay.alternatives.push(site("hier.example")));
    says(&town(&snapshot, "menden"), &["Zurzeit gilt die Notfall-Seite: hier.example"]);
    says(&town(&snapshot, "mitglied-05"), &["Zurzeit gilt die Notfall-Seite: notfall.sit.example"]);
}

#[test]
fn all_planned_work_stands_in_three_groups() {
    let mut snapshot = crisis();
    let text = read(&html::planned(&snapshot, "de"));
    let order = [
        "Läuft zurzeit",
        "Umbau der Ratsinformationdauert länger als geplant",
        "Telefon und E-Mail ziehen umläuft",
        "AngekündigtWartungsabend der Südwestfalen-IT",
        "Umstellung im Bürgerbüroangekündigt",
        "Vor kurzem beendet oder abgesagt",
        "Umzug der Gewerbestelleabgesagt",
        "Neue Leitungbeendet",
    ];
    let places: Vec<_> = order.iter().map(|said| text.find(said).unwrap_or_else(|| panic!("{said}\n{text}"))).collect();
    assert!(places.is_sorted(), "{places:?}\n{text}");
    says(&text, &["Vorhabenneustart-2023", "73 Organisationen"]);
    snapshot.maintenances.clear();
    says(&read(&html::planned(&snapshot, "de")), &["Zurzeit ist nichts angekündigt."]);
}

#[test]
fn planned_work_under_way_says_what_is_back_and_what_is_not() {
    let snapshot = crisis();
    let text = maintenance(&snapshot, "telefon-mail", "de");
    says(
        &text,
        &[
            "Diese Arbeiten laufen zurzeit.Von Montag, 4. Dezember 2023 bis einschließlich Sonntag, 10. Dezember 2023.",
            "Wer anruft, erreicht wieder jemanden.",
            "Endewird eigens bekannt gegeben",
            "Telefonzentrale: wieder da seit Mittwoch, 6. Dezember 2023, 08:00 Uhrerreichbar",
            "E-Mail der Verwaltungplanmäßig unterbrochen",
            "Fahrzeug anmelden: geplant bis einschließlich Donnerstag, 7. Dezember 2023verfügbar",
            "Nicht betroffenRathausgeöffnetMängelmelderverfügbar",
            "So geht es trotzdemTelefonNotfälle02373 9031",
            "Gehört zum selben VorhabenNeue Leitungbeendet",
            "Umstellung im Bürgerbüroangekündigt",
        ],
    );
    let newest = text.rfind("Das Telefon geht wieder.").expect("the newest");
    assert!(newest < text.rfind("Hat begonnen").expect("an older one"));
    // What is back is not under maintenance on its town's page either.
    says(&town(&snapshot, "menden"), &["Telefonzentrale: wieder da seit Mittwoch, 6. Dezember 2023, 08:00 Uhr"]);
}

#[test]
fn the_phases_of_planned_work_read_differently() {
    let snapshot = crisis();
    let overrunning = maintenance(&snapshot, "ratsinfo-umbau", "de");
    says(
        &overrunning,
        &[
            "Dauert länger als angekündigt.Angekündigt war: von Freitag, 1. Dezember 2023 bis einschließlich Mittwoch, 6. \
             Dezember 2023.",
            "Bis wannEnde derzeit nicht absehbar",
        ],
    );
    // The day on which it should have been back is over.
    keeps_silent(&overrunning, &["Wieder ab"]);
    let announced = maintenance(&snapshot, "buero-umstellung", "de");
    says(
        &announced,
        &["Letzter Tag vorherFreitag, 15. Dezember 2023", "Wieder abDonnerstag, 21. Dezember 2023", "Notfälle"],
    );
    let cancelled = maintenance(&snapshot, "umzug", "de");
    says(&cancelled, &["Diese Arbeiten wurden abgesagt.", "Abgesagt", "Der Umzug findet nicht statt."]);
    keeps_silent(&cancelled, &["Nur bei Absage"]);
    let completed = maintenance(&snapshot, "neue-leitung", "de");
    says(
        &completed,
        &["Diese Arbeiten sind beendet.Am Dienstag, 5. Dezember 2023 (ganztägig).", "BeendetDienstag, 5."],
    );
    let english = maintenance(&snapshot, "telefon-mail", "en");
    says(
        &english,
        &["This work is under way.From Monday, 4 December 2023 up to and including Sunday, 10 December 2023."],
    );
}

#[test]
fn recurring_work_names_its_next_dates_by_the_clock_on_the_wall() {
    let text = maintenance(&crisis(), "wartungsabend", "de");
    says(
        &text,
        &[
            "Von Dienstag, 12. Dezember 2023, 19:00 Uhr bis 22:00 Uhr.",
            "Wiederholungjeden zweiten Dienstag im Monat, 19:00 bis 22:00 Uhr, bis einschließlich Dienstag, 31. Dezember 2024",
            "Nächste TermineVon Dienstag, 9. Januar 2024, 19:00 Uhr bis 22:00 Uhr",
            // 17:00Z in summer is the same evening hour.
            "Von Dienstag, 9. April 2024, 19:00 Uhr bis 22:00 Uhr",
        ],
    );
}

#[test]
fn planned_times_are_said_in_the_zone_of_the_plan() {
    let mut snapshot = crisis();
    let plan = maintenance_mut(&mut snapshot, "wartungsabend");
    plan.zone = "Atlantic/Azores".to_owned();
    let there = "Dienstag, 12. Dezember 2023, 17:00 Uhr bis 20:00 Uhr";
    for text in [
        maintenance(&snapshot, "wartungsabend", "de"),
        read(&html::planned(&snapshot, "de")),
        read(&html::overview(&snapshot, "de")),
        town(&snapshot, "menden"),
    ] {
        says(&text, &[there]);
    }
    // A whole day is that day, wherever the reader's clock is.
    let plan = maintenance_mut(&mut snapshot, "umzug");
    plan.zone = "Pacific/Auckland".to_owned();
    (plan.from, plan.until, plan.ends) = (from(2023, 12, 14), through(2023, 12, 14), Ends::ByItself);
    let text = maintenance(&snapshot, "umzug", "de");
    says(&text, &["Angekündigt war: am Donnerstag, 14. Dezember 2023 (ganztägig)."]);
}

#[test]
fn planned_work_is_linked_from_everywhere() {
    let snapshot = crisis();
    let (menden, _) = snapshot.organisation("menden").expect("in the sample");
    for page in [html::overview(&snapshot, "de"), html::organisation(&snapshot, menden, "de")] {
        assert!(page.contains("<h3><a href=\"/maintenance/telefon-mail\">"));
        assert!(page.contains("<a href=\"/maintenance\">Alle geplanten Arbeiten</a>"));
    }
    let page = html::organisation(&snapshot, menden, "de");
    assert!(page.contains("Planmäßig unterbrochen: <a href=\"/maintenance/telefon-mail\">"));
    assert!(html::planned(&snapshot, "de").contains("<a href=\"/maintenance\" aria-current=\"page\">"));
    assert!(html::overview(&morning(), "en").contains("<a href=\"/en/maintenance\">Planned work</a>"));
}

#[test]
fn the_routes_of_planned_work_lead_to_its_pages() {
    let snapshot = crisis();
    let answer = |path: &str| render(&snapshot, &Target { path: path.to_owned(), query: Vec::new() });
    let title = |path: &str| match answer(path) {
        Rendered::Document(document) => {
            let page = String::from_utf8(document.body).expect("UTF-8");
            let (_, rest) = page.split_once("<title>").expect("a title");
            rest.split_once("</title>").expect("a title").0.to_owned()
        }
        other => panic!("{path}: {other:?}"),
    };
    assert_eq!(title("/maintenance"), "Geplante Arbeiten – Status der kommunalen Online-Dienste");
    assert_eq!(title("/en/maintenance"), "Planned work – Status of municipal online services");
    assert!(title("/maintenance/telefon-mail").starts_with("Telefon und E-Mail ziehen um"));
    assert_eq!(answer("/maintenance/nichts"), Rendered::NotFound);
    assert_eq!(answer("/maintenance/"), Rendered::Moved("/maintenance".to_owned()));
    assert_eq!(answer("/en/maintenance/umzug/"), Rendered::Moved("/en/maintenance/umzug".to_owned()));
    for (path, label) in [("/maintenance", "planned"), ("/en/maintenance/x", "maintenance")] {
        assert_eq!(route_label(path), label);
    }
}

#[test]
fn a_mode_is_no_disruption_of_what_it_depends_on() {
    let mut snapshot = crisis();
    let mut only = locals();
    only.truncate(1);
    only[0].mode = Some(Mode::Off);
    differ(&mut snapshot, only);
    let text = town(&snapshot, "menden");
    let card = between(&text, "Bürgerbürogeschlossen", "So geht es trotzdem");
    says(card, &["Außer Betrieb.", "Betroffen von der Störung: Fachverfahren der Südwestfalen-IT."]);
    keeps_silent(card, &["wegen Störung"]);
}

#[test]
fn a_word_for_one_town_does_not_speak_for_all() {
    let mut snapshot = crisis();
    incident_mut(&mut snapshot, "sit2023").updates.truncate(6);
    let overview = read(&html::overview(&snapshot, "de"));
    keeps_silent(&overview, &["In Hemer ist das"]);
    says(&overview, &["Die ersten Fachverfahren laufen ab Mitte Dezember wieder.", "BetroffenStadt Menden"]);
    says(&overview, &["Betroffen73 Organisationen"]);
    says(&town(&snapshot, "hemer"), &["In Hemer ist das Bürgerbüro samstags geöffnet.Meldung vom"]);
}
