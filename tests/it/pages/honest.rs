//! What pages must not claim: that all was well where nobody remembers, that something works where
//! nobody knows, that the past of a service was that of every town.

use std::sync::Arc;
use std::time::Duration;

use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::CheckId;
use turmwacht::model::incident::{IncidentStatus, MessageCode};
use turmwacht::model::local::PublicLocal;
use turmwacht::model::past::PastResult;
use turmwacht::model::snapshot::{PublicMaintenance, Snapshot};
use turmwacht::model::status::{Evidence, Mode, Status};
use turmwacht::model::verdict::{Reason, Verdict};
use turmwacht::publish::archive::{Archive, Nothing};
use turmwacht::publish::html;

use crate::archive::Told;
use crate::pages::crisis::crisis;
use crate::pages::read;
use crate::pages::sample::{at, automatic, basic, differ, from, local, maintenance, morning, through, update};

fn index(snapshot: &Snapshot, town: &str) -> u32 {
    snapshot.organisation(town).expect("a sample").0
}

fn town(snapshot: &Snapshot, id: &str) -> String {
    html::organisation(snapshot, index(snapshot, id), "de")
}

fn component(snapshot: &Snapshot, archive: &dyn Archive, town: &str, id: &str) -> String {
    html::component(snapshot, archive, index(snapshot, town), snapshot.catalogue.component_index[id], "de")
}

/// The history of a town as text.
fn history(snapshot: &Snapshot, town: &str) -> String {
    read(&html::history(snapshot, &Nothing, index(snapshot, town), None, "de"))
}

/// A month of it.
fn month(snapshot: &Snapshot, town: &str, month: &str) -> String {
    let page = html::history(snapshot, &Nothing, index(snapshot, town), None, "de");
    let (_, rest) = page.split_once(&format!("aria-labelledby=\"s_month_{month}\"")).expect("a month");
    read(&format!("<body><section{}</body>", rest.split("</section>").next().expect("its end")))
}

#[test]
fn a_month_of_which_notices_were_forgotten_was_not_calm() {
    let mut snapshot = morning();
    let calm = month(&snapshot, "witten", "2023-09");
    assert!(calm.contains("Keine Störung."), "{calm}");
    snapshot.incidents_from = Some(at("2023-09-10T00:00:00Z"));
    let text = history(&snapshot, "witten");
    assert!(text.contains("Meldungen aus dieser Zeit sind nicht mehr vorhanden."), "{text}");
    assert!(!text.contains("Keine Störung."), "{text}");
    // A red day without any notice is no calm month either.
    snapshot.incidents_from = None;
    snapshot.incidents.clear();
    let text = month(&snapshot, "witten", "2023-10");
    assert!(text.contains("Eine Störungsmeldung gab es dazu nicht."), "{text}");
}

#[test]
fn planned_work_of_months_ago_stands_in_the_history() {
    let mut snapshot = morning();
    let past = PublicMaintenance {
        phase: MaintenancePhase::Completed,
        ended_at: Some(at("2023-09-06T10:00:00Z")),
        ..maintenance("alt", "Neue Leitung im Haus", from(2023, 9, 5), through(2023, 9, 6), &["homepage-witten"])
    };
    snapshot.past_maintenances.push(Arc::new(past));
    let text = month(&snapshot, "witten", "2023-09");
    assert!(text.contains("Neue Leitung im Haus"), "{text}");
    assert!(!history(&snapshot, "hattingen").contains("Neue Leitung im Haus"));
}

#[test]
fn a_part_that_stands_without_its_whole_counts_in_the_status() {
    let mut snapshot = morning();
    let urkunden = snapshot.catalogue.component_index["standesamt-hattingen.urkunden"];
    let homepage = snapshot.catalogue.component_index["homepage-witten"];
    let witten = index(&snapshot, "witten");
    let catalogue = Arc::make_mut(&mut snapshot.catalogue);
    catalogue.organisations[witten as usize].shows = Arc::new([urkunden, homepage]);
    catalogue.components[urkunden as usize].shown_on = Arc::new([1, 2]);
    assert_eq!(snapshot.organisation_status(witten).status, Status::PartialOutage);
    let text = read(&town(&snapshot, "witten"));
    assert!(text.contains("Ein Teil der Angebote ist gestört.") && !text.contains("Alles ist verfügbar."), "{text}");
    // Beside its whole it does not count twice.
    let hattingen = snapshot.page_of(index(&snapshot, "hattingen"));
    assert!(hattingen.into_iter().all(|view| view.component.part_of.is_none()));
}

#[test]
fn where_something_is_unknown_the_directory_is_not_green() {
    let mut snapshot = morning();
    for component in ["serviceportal-en", "mail-witten", "buergerbuero-witten"] {
        let state = &mut snapshot.states[snapshot.catalogue.component_index[component] as usize];
        *Arc::make_mut(state) = crate::pages::sample::state(Status::Operational, Evidence::Own, "2023-09-01T06:00:00Z");
    }
    let line = |snapshot: &Snapshot| {
        let page = html::overview(snapshot, "de");
        let (_, rest) =
            page.split_once("<li class=\"sheet\"><a href=\"/witten\">Stadt Witten</a>").expect("in the directory");
        rest.split("</li>").next().expect("its end").to_owned()
    };
    assert!(line(&snapshot).contains("pill ok") && line(&snapshot).contains("verfügbar"), "{}", line(&snapshot));
    let office = snapshot.catalogue.component_index["mail-witten"] as usize;
    Arc::make_mut(&mut snapshot.states[office]).status = Status::Unknown;
    let line = line(&snapshot);
    assert!(line.contains("pill dark") && line.contains("keine Störung bekannt"), "{line}");
}

#[test]
fn what_was_only_removed_was_not_mended() {
    let mut snapshot = morning();
    let closed = Arc::make_mut(&mut snapshot.incidents[1]);
    closed.updates.pop();
    let removed = automatic(MessageCode::Removed, "Internetseite der Stadt", None, None);
    closed.updates.push(update(2, "2023-10-29T01:42:00Z", IncidentStatus::Resolved, removed));
    let page = html::incident(&snapshot, &Nothing, &snapshot.incidents[1], "de");
    assert!(page.contains("class=\"verdict dark\""), "{page}");
    assert!(read(&page).contains("Wird nicht mehr überwacht.") && !page.contains("Die Störung ist behoben."));
    let mended = morning();
    let page = html::incident(&mended, &Nothing, &mended.incidents[1], "de");
    assert!(page.contains("class=\"verdict ok\"") && page.contains("Die Störung ist behoben."));
}

#[test]
fn the_past_of_a_service_is_not_that_of_a_town_that_differed() {
    const WHOLE: &str = "der Stand hier wich zeitweise davon ab.";
    let mut snapshot = morning();
    differ(&mut snapshot, Vec::new());
    let all = |snapshot: &Snapshot| {
        [
            history(snapshot, "hattingen"),
            read(&town(snapshot, "hattingen")),
            read(&component(snapshot, &Nothing, "hattingen", "maengelmelder-hattingen")),
        ]
    };
    for text in all(&snapshot) {
        assert!(!text.contains("zeitweise davon ab"), "{text}");
    }
    // The portal was off in Hattingen for two weeks in September; reports of defects rest on it.
    let portal = snapshot.catalogue.component_index["serviceportal-en"];
    let reports = snapshot.catalogue.component_index["maengelmelder-hattingen"] as usize;
    Arc::make_mut(&mut snapshot.catalogue).components[reports].edges = vec![(portal, None)];
    snapshot.changes = Arc::new(vec![Arc::new(PublicLocal {
        mode: Some(Mode::Off),
        since: at("2023-09-04T06:00:00Z"),
        until: Some(at("2023-09-18T06:00:00Z")),
        ..local("serviceportal-en", "hattingen")
    })]);
    let [_, page, single] = all(&snapshot);
    let september = month(&snapshot, "hattingen", "2023-09");
    assert!(
        september.contains("Der Stand hier wich zeitweise davon ab bei: Serviceportal Ennepe-Ruhr, Mängelmelder."),
        "{september}"
    );
    assert!(!month(&snapshot, "hattingen", "2023-10").contains("zeitweise"));
    assert_eq!(page.matches(WHOLE).count(), 2, "{page}");
    assert!(single.contains(WHOLE), "{single}");
    assert!(!history(&snapshot, "witten").contains("zeitweise"));
    // What differs at present counts as long as it lasts, remembered or not.
    let mut snapshot = morning();
    differ(&mut snapshot, vec![basic()]);
    let october = month(&snapshot, "hattingen", "2023-10");
    assert!(october.contains("davon ab bei: Wohnsitz anmelden."), "{october}");
}

#[test]
fn a_service_with_a_check_is_checked_even_if_nothing_could_be_measured() {
    let mut snapshot = morning();
    let homepage = snapshot.catalogue.component_index["homepage-hattingen"] as usize;
    Arc::make_mut(&mut snapshot.states[homepage]).intervals = Arc::default();
    let text = read(&component(&snapshot, &Nothing, "hattingen", "homepage-hattingen"));
    assert!(text.contains("In dieser Zeit ließ sich nichts messen."), "{text}");
    assert!(!text.contains("wird nicht automatisch geprüft"), "{text}");
}

#[test]
fn an_incident_names_only_towns_that_have_the_service() {
    let mut snapshot = morning();
    let since = at("2023-10-30T06:30:00Z");
    let off = |component: &str, key| PublicLocal {
        key,
        organisations: vec![turmwacht::model::catalogue::Reach::Prefix("05954".to_owned())],
        mode: Some(Mode::Emergency),
        since,
        ..local(component, "hattingen")
    };
    snapshot.changes = Arc::new(vec![Arc::new(off("maengelmelder-hattingen", 7))]);
    let text = read(&html::incident(&snapshot, &Nothing, &snapshot.incidents[0], "de"));
    let (_, modes) =
        text.split_once("08:00 Uhr: Notbetrieb").or_else(|| text.split_once("07:30 Uhr: Notbetrieb")).expect("told");
    assert!(modes.starts_with("Stadt Hattingen"), "{modes}");
    let after: String = modes.chars().take(40).collect();
    assert!(!after.contains("Witten") && !after.contains("Kreis"), "{after}");
}

#[test]
fn a_town_s_page_leads_to_the_data_of_that_town() {
    let mut snapshot = crisis();
    let page = component(&snapshot, &Nothing, "menden", "buergerbuero-menden");
    assert!(page.contains("href=\"/api/v1/components/buergerbuero-menden?organisation=menden\""), "{page}");
    // A file has no query.
    snapshot.exported = Some(snapshot.at);
    let page = component(&snapshot, &Nothing, "menden", "buergerbuero-menden");
    assert!(page.contains("href=\"/api/v1/components/buergerbuero-menden\""), "{page}");
}

#[test]
fn what_says_nothing_did_not_fail() {
    let snapshot = morning();
    let all = [(Verdict::Unknown, Some(Reason::Blocked)), (Verdict::Down, Some(Reason::Timeout)), (Verdict::Up, None)];
    let result = |(minutes, (verdict, reason)): (u64, (Verdict, Option<Reason>))| PastResult {
        check: CheckId::new("start"),
        at: snapshot.at.minus(Duration::from_secs((10 - minutes) * 60)),
        verdict,
        reason,
        duration: Duration::from_millis(120),
    };
    let three = Told { results: (1..).zip(all).map(result).collect(), ..Told::default() };
    let text = read(&component(&snapshot, &three, "hattingen", "homepage-hattingen"));
    assert!(text.contains("von 1 Antwort. 1 Prüfung scheiterte. 1 ohne Ergebnis."), "{text}");
    assert!(text.contains("GescheitertOhne Ergebnis"), "{text}");
}
