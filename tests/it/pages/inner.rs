//! The page of a component, the months of an organisation, and the strips of an incident, with an
//! archive that remembers, with one that cannot be read, and with none.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use turmwacht::model::availability::Intervals;
use turmwacht::model::id::CheckId;
use turmwacht::model::incident::IncidentStatus;
use turmwacht::model::past::{PastInterval, PastResult};
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::{Evidence, Mode, Status};
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::{Reason, Verdict};
use turmwacht::publish::archive::{Archive, Nothing};
use turmwacht::publish::html;
use turmwacht::publish::month::Month;

use crate::archive::Told;
use crate::pages::crisis::crisis;
use crate::pages::read;
use crate::pages::sample::{at, local, morning};

/// A result a minute for a day until the morning's outage, then failures; slower by day.
fn recorded() -> Told {
    let end = at("2023-10-30T07:15:00Z");
    let result = |minute: u64| {
        let fails = minute < 70;
        let slow = (minute * 7919 % 311) + if minute % 1440 < 600 { 240 } else { 90 };
        PastResult {
            check: CheckId::new("anmeldung"),
            at: end.minus(Duration::from_secs(minute * 60 + 1)),
            verdict: if fails { Verdict::Down } else { Verdict::Up },
            reason: fails.then_some(Reason::Timeout),
            duration: Duration::from_millis(if fails { 10_000 } else { slow }),
        }
    };
    let old = |from: &str, until: &str, status| PastInterval {
        from: at(from),
        until: Some(at(until)),
        status,
        evidence: Evidence::Own,
    };
    Told {
        results: (0..1440).rev().map(result).collect(),
        intervals: vec![
            old("2022-05-20T08:00:00Z", "2023-02-03T10:00:00Z", Status::Operational),
            old("2023-02-03T10:00:00Z", "2023-02-05T16:00:00Z", Status::MajorOutage),
            old("2023-02-05T16:00:00Z", "2023-06-01T00:00:00Z", Status::Operational),
            old("2023-06-01T00:00:00Z", "2023-06-03T00:00:00Z", Status::UnderMaintenance),
            old("2023-06-03T00:00:00Z", "2023-08-12T00:00:00Z", Status::Operational),
        ],
        ..Told::default()
    }
}

fn component(snapshot: &Snapshot, archive: &dyn Archive, town: &str, id: &str, language: &str) -> String {
    let (there, _) = snapshot.organisation(town).expect("a sample");
    html::component(snapshot, archive, there, snapshot.catalogue.component_index[id], language)
}

fn history(snapshot: &Snapshot, archive: &dyn Archive, town: &str, before: Option<&str>) -> String {
    let (there, _) = snapshot.organisation(town).expect("a sample");
    html::history(snapshot, archive, there, before.map(|before| Month::parse(before).expect("a month")), "de")
}

fn says(text: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(text.contains(sentence), "{sentence}\n\n{text}");
    }
}

/// The pages that only an archive fills.
pub(super) fn for_the_browser() -> Vec<(String, String)> {
    let morning = morning();
    let (long, _) = year();
    vec![
        ("de_recorded".to_owned(), component(&morning, &recorded(), "hattingen", "serviceportal-en", "de")),
        ("de_recorded_history".to_owned(), history(&morning, &recorded(), "hattingen", None)),
        ("de_year".to_owned(), html::incident(&long, &Nothing, &long.incidents[0], "de")),
        ("de_year_history".to_owned(), history(&long, &Nothing, "hattingen", None)),
    ]
}

/// The morning eleven months later: the portal was out from the end of summer time 2023 until the
/// last of September 2024, but for a week in spring in which it worked partly.
fn year() -> (Snapshot, u32) {
    let mut snapshot = morning();
    snapshot.at = at("2024-09-30T16:00:00Z");
    let portal = snapshot.catalogue.component_index["serviceportal-en"];
    let mut intervals = Intervals::default();
    intervals.begin(at("2023-08-12T00:00:00Z"), Status::Operational, Evidence::Own);
    intervals.begin(at("2023-10-28T23:10:00Z"), Status::MajorOutage, Evidence::Own);
    intervals.begin(at("2024-03-27T23:00:00Z"), Status::PartialOutage, Evidence::Notice);
    intervals.begin(at("2024-04-03T22:00:00Z"), Status::MajorOutage, Evidence::Own);
    let state = Arc::make_mut(&mut snapshot.states[portal as usize]);
    state.intervals = Arc::new(intervals);
    let incident = Arc::make_mut(&mut snapshot.incidents[0]);
    incident.started_at = at("2023-10-28T23:10:00Z");
    let changed = local("serviceportal-en", "hattingen");
    snapshot.changes = Arc::new(vec![Arc::new(turmwacht::model::local::PublicLocal {
        mode: Some(Mode::Emergency),
        since: at("2024-01-08T07:00:00Z"),
        ..changed
    })]);
    (snapshot, portal)
}

#[test]
fn a_component_says_first_what_works_since_when_why_and_what_else() {
    let text = read(&component(&morning(), &recorded(), "hattingen", "serviceportal-en", "de"));
    let order = [
        "Serviceportal Ennepe-Ruhr",
        "Nicht verfügbar.",
        "Zurzeit nicht verfügbar wegen Störung: Externer IT-Dienstleister.",
        "Der Dienst antwortet nicht rechtzeitig.",
        "Seit Montag, 30. Oktober 2023, 07:04 Uhr.",
        "Stand: Montag, 30. Oktober 2023, 08:15 Uhr",
        "Bürgertelefon",
        "02324 204 3030",
        "Aktuelle Störung",
        "Die letzten 90 Tage",
        "Verfügbarkeit in Zahlen",
        "Antwortzeiten der letzten 24 Stunden",
        "Meldungen dazu",
        "Über dieses Angebot",
        "Alle Angebote: Stadt Hattingen",
    ];
    let mut rest = text.as_str();
    for said in order {
        rest = rest.split_once(said).unwrap_or_else(|| panic!("{said} comes too late\n\n{text}")).1;
    }
    says(
        &text,
        &[
            "ÜbersichtStadt HattingenServiceportal Ennepe-Ruhr",
            "Angeboten vonEnnepe-Ruhr-Kreis, Stadt Hattingen, Stadt Witten".replace(", ", "").as_str(),
        ],
    );
}

#[test]
fn a_part_knows_its_whole_and_a_whole_its_parts() {
    let snapshot = morning();
    let whole = component(&snapshot, &Nothing, "hattingen", "standesamt-hattingen", "de");
    says(&read(&whole), &["Teilweise gestört.", "Betroffen: 3 von 4 Teilen.", "Termin reservierenverfügbar"]);
    let part = component(&snapshot, &Nothing, "hattingen", "standesamt-hattingen.urkunden", "de");
    assert!(part.contains("<a href=\"/hattingen/standesamt-hattingen\">Standesamt</a>"));
    assert!(part.contains("<title>Urkunden bestellen – Standesamt – Stadt Hattingen – Status der"));
}

#[test]
fn what_nothing_checks_and_what_is_to_come_have_no_figures() {
    let snapshot = morning();
    let rathaus = read(&component(&snapshot, &Nothing, "hattingen", "rathaus-hattingen", "de"));
    says(
        &rathaus,
        &[
            "Geöffnet.",
            "Nicht automatisch geprüft",
            "Dieses Angebot wird nicht automatisch geprüft; Messwerte gibt es nicht.",
        ],
    );
    assert!(!rathaus.contains("Verfügbarkeit in Zahlen"));
    let unread = read(&component(&snapshot, &Told::broken(), "hattingen", "rathaus-hattingen", "de"));
    assert!(!unread.contains("Antwortzeiten"), "nobody waits for an answer of a town hall");
    let kita = read(&component(&snapshot, &Nothing, "hattingen", "kita-hattingen", "de"));
    says(&kita, &["Noch nicht in Betrieb.", "In Betrieb ab Freitag, 1. Dezember 2023."]);
    assert!(!kita.contains("Die letzten 90 Tage"));
}

#[test]
fn what_differs_in_a_town_stands_on_its_own_pages_only() {
    let snapshot = crisis();
    let menden = read(&component(&snapshot, &Nothing, "menden", "buergerbuero-menden", "de"));
    says(&menden, &["Notbetrieb. Nur das Dringendste ist möglich.", "was hier davon abweicht, steht oben"]);
    let hemer = read(&component(&snapshot, &Nothing, "hemer", "buergerbuero-hemer", "de"));
    assert!(!hemer.contains("Notbetrieb") && !hemer.contains("was hier davon abweicht"));
}

#[test]
fn planned_work_stands_on_the_page_of_what_it_covers() {
    let text = read(&component(&morning(), &Nothing, "witten", "mail-witten", "de"));
    says(&text, &["Planmäßig unterbrochen.", "Geplante Arbeiten", "Umzug der E-Mail"]);
    let other = read(&component(&morning(), &Nothing, "witten", "homepage-witten", "de"));
    assert!(!other.contains("Umzug der E-Mail"));
}

#[test]
fn ninety_days_are_ninety_bars_and_their_table_tells_the_same() {
    let snapshot = morning();
    let page = component(&snapshot, &recorded(), "hattingen", "serviceportal-en", "de");
    let strip =
        page.split_once("<svg class=\"strip\"").and_then(|(_, rest)| rest.split_once("</svg>")).expect("a strip").0;
    assert_eq!(strip.matches("<path").count(), 90);
    says(
        strip,
        &[
            "89 Tage verfügbar, 1 Tag nicht verfügbar.",
            "<title>Montag, 30. Oktober 2023: nicht verfügbar, 1 Stunde 11 Minuten</title>",
        ],
    );
    // The day on which the clocks change is one day.
    assert_eq!(strip.matches("29. Oktober 2023").count(), 1);
    says(
        &read(&page),
        &[
            "Montag, 30. Oktober 2023nicht verfügbarnicht verfügbar: 1 Stunde 11 Minuten85,65\u{a0}%"
                .replace('\u{a0}', " ")
                .as_str(),
            "2. August 2023 bis 29. Oktober 2023verfügbar100,00 %",
        ],
    );
}

#[test]
fn response_times_have_figures_and_a_table() {
    let page = component(&morning(), &recorded(), "hattingen", "serviceportal-en", "de");
    says(&read(&page), &["Prüfung anmeldung", "von 1370 Antworten. 70 Prüfungen scheiterten.", "Stunde abSchnellste"]);
    let line =
        page.split_once("<svg class=\"line\"").and_then(|(_, rest)| rest.split_once("</svg>")).expect("a line").0;
    assert!(!line.contains("NaN"));
    // Nothing was probed: no section.
    assert!(!component(&morning(), &Nothing, "hattingen", "serviceportal-en", "de").contains("Antwortzeiten"));
}

#[test]
fn pages_stand_without_their_archive() {
    const SORRY: &str = "Die Aufzeichnungen lassen sich zurzeit nicht lesen.";
    let snapshot = morning();
    let text = read(&component(&snapshot, &Told::broken(), "hattingen", "serviceportal-en", "de"));
    says(&text, &["Nicht verfügbar.", "Bürgertelefon", SORRY, "Über dieses Angebot"]);
    says(&read(&history(&snapshot, &Told::broken(), "hattingen", None)), &["Rückblick", SORRY]);
    let mut old = morning();
    Arc::make_mut(&mut old.incidents[0]).started_at = at("2022-10-30T06:04:00Z");
    let text = read(&html::incident(&old, &Told::broken(), &old.incidents[0], "de"));
    says(&text, &["Die Störung dauert an.", SORRY, "Verlauf"]);
}

#[test]
fn months_go_back_to_where_the_records_begin() {
    let snapshot = morning();
    let first = history(&snapshot, &recorded(), "hattingen", None);
    says(&read(&first), &["Oktober 2023", "November 2022", "Ältere Monate", "Keine Störung."]);
    assert!(!read(&first).contains("Oktober 2022") && !first.contains("Neuere Monate"));
    assert!(first.contains("<a rel=\"next\" href=\"/hattingen/history/2022-11\">"));
    let second = history(&snapshot, &recorded(), "hattingen", Some("2022-11"));
    says(&read(&second), &["Oktober 2022", "Mai 2022", "Neuere Monate"]);
    assert!(!second.contains("April 2022") && !second.contains("Ältere Monate"));
    assert!(second.contains("<link rel=\"canonical\" href=\"https://status.example.org/hattingen/history/2022-11\">"));
    assert!(second.contains("<a rel=\"prev\" href=\"/hattingen/history\">"));
    // Without an archive: as far as the snapshot knows.
    let held = read(&history(&snapshot, &Nothing, "hattingen", None));
    says(&held, &["August 2023"]);
    assert!(!held.contains("Juli 2023") && !held.contains("Ältere Monate"));
    let before = read(&history(&snapshot, &Nothing, "hattingen", Some("2020-01")));
    says(&before, &["Aus dieser Zeit gibt es keine Aufzeichnungen.", "Neuere Monate"]);
}

#[test]
fn an_outage_of_eleven_months_is_whole_across_both_clock_changes() {
    let (snapshot, portal) = year();
    let page = history(&snapshot, &Nothing, "hattingen", None);
    let text = read(&page);
    // Twelve months fit on the page; the outage continues in each.
    let months: Vec<&str> = page.split("<section aria-labelledby=\"s_month_").skip(1).collect();
    assert_eq!(months.len(), 12);
    assert!(months.iter().all(|month| month.contains("dauert an") && month.contains("Störung: Serviceportal")));
    assert!(months[0].starts_with("2024-09") && months[11].starts_with("2023-10"));
    says(&text, &["0,00 %"]);
    // Each month has a bar for each of its days; what was before the outage is not held any more.
    for (month, days) in [(0, 30), (6, 31), (7, 29), (11, 3)] {
        let strip = months[month].split_once("<svg class=\"strip\"").and_then(|(_, rest)| rest.split_once("</svg>"));
        assert_eq!(strip.expect("a strip").0.matches("h8v").count(), days, "{}", months[month].split_at(7).0);
    }
    // What the months say adds up to the whole.
    let zone = TimeZone::get("Europe/Berlin").expect("bundled");
    let border = |year, month| {
        let start = jiff::civil::date(year, month, 1).to_zoned(zone.clone()).expect("in range");
        Timestamp::from_jiff(start.timestamp())
    };
    let intervals = &snapshot.states[portal as usize].intervals;
    let borders: Vec<Timestamp> =
        (10..=12).map(|m| border(2023, m)).chain((1..=9).map(|m| border(2024, m))).chain([snapshot.at]).collect();
    let major =
        |from: Timestamp, until: Timestamp| intervals.window(until, until.since(from), None).expect("measured").major_s;
    let sum: u64 = borders.windows(2).map(|pair| major(pair[0], pair[1])).sum();
    assert_eq!(sum, major(borders[0], snapshot.at));
    // All of it but the week in spring, which lacks the hour of the clock change.
    assert_eq!(sum, snapshot.at.since(at("2023-10-28T23:10:00Z")).as_secs() - (7 * 24 - 1) * 3600);
}

#[test]
fn the_course_of_a_long_incident_is_told_in_weeks_with_its_modes() {
    let (snapshot, _) = year();
    let page = html::incident(&snapshot, &Nothing, &snapshot.incidents[0], "de");
    let strip =
        page.split_once("<svg class=\"strip\"").and_then(|(_, rest)| rest.split_once("</svg>")).expect("a strip").0;
    assert_eq!(strip.matches("<path").count(), 50);
    says(strip, &["50 Wochen nicht verfügbar"]);
    says(
        &read(&page),
        &[
            "Ein Balken steht für eine Woche.",
            "Sonntag, 29. Oktober 2023, 01:10 Uhrnicht verfügbar150 Tage 23 Stunden",
            "Donnerstag, 28. März 2024, 00:00 Uhrteilweise gestört6 Tage 23 Stunden",
            "Seit Montag, 8. Januar 2024, 08:00 Uhr: NotbetriebStadt Hattingen",
            "Wird untersucht".to_lowercase().as_str(),
        ],
    );
}

#[test]
fn a_strip_of_an_incident_has_at_most_a_hundred_and_twenty_bars() {
    for (started, noun) in [
        ("2023-10-30T06:04:00Z", "Stunde"),
        ("2023-10-26T07:16:00Z", "Stunde"),
        ("2023-10-25T06:04:00Z", "Tag"),
        ("2023-07-05T06:04:00Z", "Tag"),
        ("2023-06-30T06:04:00Z", "Woche"),
        ("2021-08-01T06:04:00Z", "Woche"),
        ("2019-01-01T06:04:00Z", "Monat"),
    ] {
        let mut snapshot = morning();
        Arc::make_mut(&mut snapshot.incidents[0]).started_at = at(started);
        let archive = Told {
            intervals: vec![PastInterval {
                from: at("2018-01-01T00:00:00Z"),
                until: Some(at("2023-08-12T00:00:00Z")),
                status: Status::MajorOutage,
                evidence: Evidence::Own,
            }],
            ..Told::default()
        };
        let page = html::incident(&snapshot, &archive, &snapshot.incidents[0], "de");
        let strip =
            page.split_once("<svg class=\"strip\"").and_then(|(_, rest)| rest.split_once("</svg>")).expect("a strip").0;
        let bars = strip.matches("<path").count();
        assert!((1..=120).contains(&bars), "{started}: {bars}");
        assert!(
            page.contains(&format!("Ein Balken steht für eine {noun}"))
                || page.contains(&format!("Ein Balken steht für einen {noun}")),
            "{started}"
        );
    }
}

#[test]
fn a_closed_incident_ends_where_it_ended() {
    let snapshot = morning();
    assert_eq!(snapshot.incidents[1].status, IncidentStatus::Resolved);
    let page = html::incident(&snapshot, &Nothing, &snapshot.incidents[1], "de");
    says(&read(&page), &["Der Stand von Anfang bis Ende", "Sonntag, 29. Oktober 2023, 02:42 Uhr (Winterzeit)"]);
    // 02:30 in summer to 02:42 in winter: the hour that this night had twice.
    let strip =
        page.split_once("<svg class=\"strip\"").and_then(|(_, rest)| rest.split_once("</svg>")).expect("a strip").0;
    assert_eq!(strip.matches("<path").count(), 2, "{strip}");
}

#[test]
fn component_names_lead_to_their_pages_and_every_head_names_its_feeds() {
    let snapshot = morning();
    let (there, _) = snapshot.organisation("hattingen").expect("a sample");
    let page = html::organisation(&snapshot, there, "de");
    for link in [
        "/hattingen/standesamt-hattingen\"",
        "/hattingen/homepage-hattingen\"",
        "/hattingen/kita-hattingen\"",
        "/hattingen/history\"",
    ] {
        assert!(page.contains(&format!("href=\"{link}")), "{link}");
    }
    let english = component(&snapshot, &Nothing, "hattingen", "serviceportal-en", "en");
    for link in [
        "application/atom+xml\" href=\"/en/hattingen/serviceportal-en/feed.atom\"",
        "application/rss+xml\" href=\"/en/hattingen/serviceportal-en/feed.rss\"",
        "application/feed+json\" href=\"/en/hattingen/serviceportal-en/feed.json\"",
        "text/calendar\" href=\"/en/hattingen/calendar.ics\"",
        "hreflang=\"de\" href=\"https://status.example.org/hattingen/serviceportal-en\"",
        "rel=\"canonical\" href=\"https://status.example.org/en/hattingen/serviceportal-en\"",
    ] {
        assert!(english.contains(link), "{link}");
    }
    says(
        &read(&english),
        &["Not available.", "The last 90 days", "About this service", "All services: Stadt Hattingen"],
    );
}

#[test]
fn of_more_results_than_a_chart_takes_the_newest_whole_hours_are_drawn() {
    let end = at("2023-10-30T07:15:00Z");
    let result = |second: u64| PastResult {
        check: CheckId::new("anmeldung"),
        at: end.minus(Duration::from_secs(second + 1)),
        verdict: Verdict::Up,
        reason: None,
        duration: Duration::from_millis(90),
    };
    let many = Told { results: (0..50_000).rev().map(result).collect(), ..Told::default() };
    let text = read(&component(&morning(), &many, "hattingen", "serviceportal-en", "de"));
    // Of 40,000 seconds, eleven hours are whole.
    assert!(text.contains("Antwortzeiten der letzten 11 Stunden"), "{text}");
    assert!(text.contains("von 39600 Antworten"), "{text}");
    assert!(!text.contains("lassen sich zurzeit nicht lesen"), "{text}");
}
