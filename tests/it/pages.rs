//! Tests of the public pages: golden copies, what each page must say, and that nothing escapes.

mod crisis;
mod honest;
mod hostile;
mod inner;
mod look;
mod misread;
mod people;
mod sample;

use std::collections::HashMap;
use std::sync::Arc;

use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::incident::IncidentStatus;
use turmwacht::model::snapshot::{HealthWord, Snapshot};
use turmwacht::model::status::Status;
use turmwacht::model::text::Text;
use turmwacht::model::window::When;
use turmwacht::publish::archive::Nothing;
use turmwacht::publish::html;
use turmwacht::publish::wording::Words;

use crate::pages::crisis::crisis;
use crate::pages::sample::{at, basic, differ, morning, quiet};

/// Every page of a snapshot with a name, in both languages.
fn pages(snapshot: &Snapshot) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for language in ["de", "en"] {
        pages.push((format!("{language}_overview"), html::overview(snapshot, language)));
        pages.push((format!("{language}_maintenance"), html::planned(snapshot, language)));
        for (organisation, index) in snapshot.catalogue.organisations.iter().zip(0u32..) {
            pages.push((format!("{language}_{}", organisation.id), html::organisation(snapshot, index, language)));
            // Seventy of them would read alike.
            if organisation.id.as_str().contains("mitglied") {
                continue;
            }
            let history = html::history(snapshot, &Nothing, index, None, language);
            pages.push((format!("{language}_{}_history", organisation.id), history));
            for &shown in organisation.shows.iter() {
                let component = &snapshot.catalogue.components[shown as usize];
                let page = html::component(snapshot, &Nothing, index, shown, language);
                pages.push((format!("{language}_{}_{}", organisation.id, component.id), page));
            }
        }
        for incident in &snapshot.incidents {
            pages.push((
                format!("{language}_incident_{}", incident.id),
                html::incident(snapshot, &Nothing, incident, language),
            ));
        }
        for planned in &snapshot.maintenances {
            let name = format!("{language}_maintenance_{}", planned.id);
            pages.push((name, html::maintenance(snapshot, planned, language)));
        }
    }
    pages
}

/// Whether a page is one of an organisation's own: one of its components, or its months. There are
/// many of them, so that only a few are recorded.
fn is_inner(name: &str) -> bool {
    let (_, name) = name.split_once('_').expect("a language");
    name.contains('_') && !["incident_", "maintenance_"].iter().any(|kind| name.starts_with(kind))
}

/// The inner pages that are recorded.
const INNER: [&str; 7] = [
    "de_hattingen_serviceportal-en",
    "en_hattingen_serviceportal-en",
    "de_hattingen_standesamt-hattingen",
    "de_hattingen_kita-hattingen",
    "de_hattingen_history",
    "de_menden_buergerbuero-menden",
    "de_menden_history",
];

/// A page without its stylesheet and symbols, one element a line.
fn skeleton(page: &str) -> String {
    let without_style = page.split_once("<style>").and_then(|(before, rest)| {
        let (_, after) = rest.split_once("</style>")?;
        Some(format!("{before}<style></style>{after}"))
    });
    let page = without_style.expect("every page has its stylesheet");
    let (before, rest) = page.split_once("<svg class=\"sprite\"").expect("every page has the symbols");
    let (_, after) = rest.split_once("</defs></svg>").expect("the symbols end");
    format!("{before}<svg/>{after}").replace("><", ">\n<")
}

/// Compares a page with its golden copy.
fn golden(name: &str, page: &str) {
    insta::with_settings!({ snapshot_path => "pages/snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, skeleton(page));
    });
}

fn hattingen(snapshot: &Snapshot, language: &str) -> String {
    let (index, _) = snapshot.organisation("hattingen").expect("in the sample");
    html::organisation(snapshot, index, language)
}

/// Text between tags, as a reader gets it: elements gone, spaces single.
fn read(page: &str) -> String {
    let (_, body) = page.split_once("<body>").expect("a body");
    // Drawings are looked at; what they say in words stands beside them.
    let (before, rest) = body.split_once("<svg").unwrap_or((body, ""));
    let after = rest.split("<svg").filter_map(|rest| rest.split_once("</svg>")).map(|(_, after)| after);
    let body: String = std::iter::once(before).chain(after).collect();
    let mut text = String::new();
    let mut depth = 0;
    for c in body.chars() {
        match c {
            '<' => depth += 1,
            '>' => {
                depth -= 1;
                text.push('\u{1}');
            }
            c if depth == 0 => text.push(c),
            _ => {}
        }
    }
    text.split(['\u{1}']).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_pages_of_a_bad_morning_are_as_recorded() {
    let recorded = |name: &str| !is_inner(name) || INNER.contains(&name);
    for (name, page) in pages(&morning()).into_iter().filter(|(name, _)| recorded(name)) {
        golden(&name, &page);
    }
}

#[test]
fn the_pages_of_a_crisis_are_as_recorded() {
    const ENGLISH: [&str; 4] = ["en_menden", "en_incident_sit2023", "en_maintenance", "en_maintenance_telefon-mail"];
    let recorded = |name: &str| {
        let outer = !name.contains("mitglied") && (name.starts_with("de") || ENGLISH.contains(&name));
        if is_inner(name) { INNER.contains(&name) } else { outer }
    };
    for (name, page) in pages(&crisis()).into_iter().filter(|(name, _)| recorded(name)) {
        golden(&format!("crisis_{name}"), &page);
    }
}

#[test]
fn a_quiet_day_and_a_problem_are_as_recorded() {
    golden("de_quiet", &hattingen(&quiet(), "de"));
    golden("de_problem", &html::problem("de", 404, "Diese Seite gibt es nicht", "Zu /<b> gibt es keine Seite.", None));
}

/// Written to the target folder so that a browser can look at them (see `tests/browser`).
#[test]
fn every_page_is_written_out_for_the_browser() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&folder).expect("the target folder is writable");
    let mut all = pages(&morning());
    let known = |name: &str| !name.contains("mitglied") && (name.starts_with("de") || name == "en_menden");
    let crisis = pages(&crisis()).into_iter().filter(|(name, _)| known(name));
    all.extend(crisis.map(|(name, page)| (format!("crisis_{name}"), page)));
    all.push(("de_quiet".to_owned(), hattingen(&quiet(), "de")));
    all.push((
        "de_problem".to_owned(),
        html::problem("de", 404, "Diese Seite gibt es nicht", "Bitte prüfen Sie die Adresse.", None),
    ));
    all.push((
        "de_hostile".to_owned(),
        hattingen(&hostile::poisoned(morning(), vec![basic()], hostile::CORPUS[0]), "de"),
    ));
    all.extend(inner::for_the_browser());
    let mut blind = morning();
    blind.health = vec![HealthWord::Blind];
    all.push(("de_blind".to_owned(), hattingen(&blind, "de")));
    for (name, page) in all {
        std::fs::write(folder.join(format!("{name}.html")), page).expect("the file is written");
    }
}

#[test]
fn hattingen_reads_what_works_since_when_why_and_what_else() {
    let text = read(&hattingen(&morning(), "de"));
    for sentence in [
        "Ein Teil der Angebote ist gestört.",
        "Betroffen sind 4 von 8 Angeboten.",
        "Bei 1 von 8 Angeboten ist der Stand unbekannt.",
        "Ende derzeit nicht absehbar",
        "Zurzeit nicht verfügbar wegen Störung: Externer IT-Dienstleister.",
        "Zurzeit nicht verfügbar wegen Störung: Externer IT-Dienstleister (betroffen über Serviceportal Ennepe-Ruhr).",
        "Seit Montag, 30. Oktober 2023, 07:04 Uhr.",
        "So geht es trotzdem",
        "02324 204 3030",
        "zu den Öffnungszeiten der Verwaltung",
        "02324 204 4044",
        "Basisbetrieb (reduzierte Funktionalität)",
        "Die Bearbeitung dauert zurzeit länger.",
        "Stand unbekannt, zuletzt bekannt: verfügbar.",
        "Unsere Prüfung wird abgewiesen; der Dienst kann erreichbar sein.",
        "nicht automatisch geprüft",
        "Nicht betroffen",
        "Demnächst",
        "ab Freitag, 1. Dezember 2023",
        "Stand: Montag, 30. Oktober 2023, 08:15 Uhr, gültig bis 08:17 Uhr",
    ] {
        assert!(text.contains(sentence), "{sentence}\n\n{text}");
    }
    // Witten's planned work and Witten's things are not Hattingen's.
    for foreign in ["Umstellung auf neue Software", "Bürgerbüro"] {
        assert!(!text.contains(foreign), "{foreign}");
    }
}

#[test]
fn witten_reads_planned_work_with_inclusive_days() {
    let snapshot = morning();
    let (index, _) = snapshot.organisation("witten").expect("in the sample");
    let text = read(&html::organisation(&snapshot, index, "de"));
    for sentence in [
        "Von Montag, 6. November 2023 bis einschließlich Freitag, 10. November 2023",
        "Letzter Tag vorherFreitag, 3. November 2023",
        "Wieder abMontag, 13. November 2023",
        "Nicht betroffenInternetseite der Stadt",
        "TelefonNotfälle02302 5810",
        "Planmäßig unterbrochen: Umzug der E-Mail, von Montag, 30. Oktober 2023 bis einschließlich Dienstag, 31. Oktober 2023.",
        "E-Mails werden aufbewahrt und später zugestellt. Gilt bis einschließlich Dienstag, 31. Oktober 2023.",
    ] {
        assert!(text.contains(sentence), "{sentence}\n\n{text}");
    }
    // What Hattingen says of itself stands on Hattingen's page only.
    assert!(!text.contains("Basisbetrieb"));
}

#[test]
fn an_incident_tells_its_course_newest_first() {
    let snapshot = morning();
    let text = read(&html::incident(&snapshot, &Nothing, &snapshot.incidents[0], "de"));
    let newest = text.rfind("ist angegriffen worden").expect("the newest update");
    let oldest = text.rfind("Das hat unsere automatische Prüfung festgestellt").expect("the first update");
    assert!(newest < oldest);
    for sentence in [
        "bisher 1 Stunde 11 Minuten",
        "Ende derzeit nicht absehbar",
        "Störung beiExterner IT-DienstleisterUrsacheCyberangriff",
    ] {
        assert!(text.contains(sentence), "{sentence}\n\n{text}");
    }
    let closed = read(&html::incident(&snapshot, &Nothing, &snapshot.incidents[1], "de"));
    // The hour that this night had twice, told apart.
    assert!(closed.contains("02:30 Uhr (Sommerzeit)"), "{closed}");
    assert!(closed.contains("02:42 Uhr (Winterzeit)"), "{closed}");
    assert!(closed.contains("1 Stunde 12 Minuten"), "{closed}");
    // What was said at that time stays in the course; nothing says it now.
    assert!(!closed.contains("Ende derzeit nicht absehbar"));
}

#[test]
fn while_it_is_watched_no_end_is_spoken_of() {
    let mut snapshot = morning();
    Arc::make_mut(&mut snapshot.incidents[0]).status = IncidentStatus::Monitoring;
    let text = read(&html::overview(&snapshot, "de"));
    assert!(text.contains("wieder erreichbar, wird beobachtet"));
    assert!(!text.contains("nicht absehbar"));
}

#[test]
fn every_page_leads_to_imprint_privacy_accessibility_and_contact() {
    let snapshot = morning();
    for (name, page) in pages(&snapshot) {
        for path in ["/impressum\"", "/datenschutz\"", "/barrierefreiheit\"", "\"mailto:it@example.org\""] {
            assert!(page.contains(path), "{name} lacks {path}");
        }
        let (_, after) = page.split_once("<link rel=\"canonical\" href=\"").expect("a canonical address");
        assert!(after.starts_with("https://status.example.org/"), "{name}");
        assert!(page.contains("type=\"application/atom+xml\""), "{name}");
    }
    // An organisation's own, not the site's.
    assert!(hattingen(&snapshot, "de").contains("https://www.hattingen.example/impressum"));
}

#[test]
fn our_own_trouble_is_told_where_it_concerns_readers() {
    const WARNING: &str = "Unsere eigene Überwachung ist zurzeit gestört";
    let mut snapshot = morning();
    assert!(!hattingen(&snapshot, "de").contains(WARNING));
    snapshot.health = vec![HealthWord::ConfigStale];
    assert!(!hattingen(&snapshot, "de").contains(WARNING));
    for word in [HealthWord::Storage, HealthWord::Blind, HealthWord::Clock] {
        snapshot.health = vec![word];
        for (name, page) in pages(&snapshot).into_iter().filter(|(name, _)| name.starts_with("de")) {
            assert!(page.contains(WARNING), "{name} at {word:?}");
        }
    }
}

#[test]
fn pages_load_one_script_of_ours_and_their_policy_knows_their_style() {
    use sha2::Digest;
    let snapshot = morning();
    let policy = html::content_security_policy("'self'", None);
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src '{}'; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'self'",
            html::style_hash()
        )
    );
    assert_eq!(html::page_policy(), format!("script-src 'self'; connect-src 'self'; {policy}"));
    assert_eq!(html::problem_policy(), policy);
    let problem = html::problem("de", 404, "Seite nicht gefunden", "", None);
    assert!(!problem.contains("<script"));
    for (name, page) in pages(&snapshot) {
        let (before, rest) = page.split_once("<script src=\"/assets/live.js?v=").expect("the script");
        let (attributes, after) = rest.split_once("></script>").expect("nothing stands in it");
        assert!(before.ends_with("</style>") && attributes.contains(" defer data-live"), "{name}: {attributes}");
        let page = format!("{before}{after}");
        for forbidden in ["<script", "<img", "<iframe", " style=", " src=", "@import", "rel=\"stylesheet\""] {
            assert!(!page.contains(forbidden), "{name} has {forbidden}");
        }
        let forms = page.matches("<form").count();
        let search = "<form class=\"search\" role=\"search\" action=\"/search\" method=\"get\">";
        let expected = usize::from(name.ends_with("overview"));
        assert_eq!(
            (forms, page.replace("/en/search", "/search").matches(search).count()),
            (expected, expected),
            "{name}"
        );
        let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
        let hash = sha2::Sha256::digest(style.as_bytes());
        assert_eq!(base64(&hash), html::style_hash().trim_start_matches("sha256-"), "{name}");
    }
}

/// Base64 by the book, bit by bit, to compare with the one in use.
fn base64(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let mut text: String = bits
        .chunks(6)
        .map(|six| alphabet[six.iter().chain([&0; 6]).take(6).fold(0, |sum, &bit| sum << 1 | usize::from(bit))])
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

#[test]
fn links_stay_in_the_language_and_never_name_a_host_of_ours() {
    let snapshot = morning();
    let page = hattingen(&snapshot, "en");
    assert!(page.contains("<html lang=\"en\">"));
    for link in
        ["href=\"/en/incidents/2hf6k9qm\"", "href=\"/en/hattingen/feed.atom\"", "href=\"/hattingen\" hreflang=\"de\""]
    {
        assert!(page.contains(link), "{link}");
    }
    // German names on an English page say that they are German.
    assert!(page.contains("<span lang=\"de\" dir=\"auto\">Standesamt</span>"));
    let (_, body) = page.split_once("<body>").expect("a body");
    assert!(!body.contains("status.example.org"));
}

#[test]
fn ids_are_unique_and_every_reference_within_a_page_has_its_target() {
    for (name, page) in [morning(), crisis()].iter().flat_map(pages) {
        let values = |attribute: &str| -> Vec<String> {
            page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
        };
        let ids = values(" id=\"");
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "{name}");
        for reference in values(" href=\"#").into_iter().chain(values(" aria-labelledby=\"")) {
            assert!(ids.contains(&reference), "{name}: {reference}");
        }
    }
}

#[test]
fn links_to_another_page_find_what_they_name() {
    for snapshot in [morning(), crisis()] {
        let all: HashMap<String, String> = pages(&snapshot).into_iter().collect();
        let mut followed = 0;
        for (name, page) in &all {
            let (_, body) = page.split_once("<body>").expect("a body");
            for link in body.split(" href=\"/").skip(1).filter_map(|rest| rest.split('"').next()) {
                let is_data = [".atom", ".rss", ".json", ".ics", ".svg"].iter().any(|ending| link.ends_with(ending));
                // The description of the interface has its own tests.
                if link.contains("api/") || link.ends_with("docs") || is_data {
                    continue;
                }
                let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
                let english = path.strip_prefix("en").filter(|rest| rest.is_empty() || rest.starts_with('/'));
                let (language, path) = english.map_or(("de", path), |rest| ("en", rest.trim_start_matches('/')));
                let wanted = match path.strip_prefix("incidents/") {
                    _ if path.is_empty() => "overview".to_owned(),
                    Some(incident) => format!("incident_{incident}"),
                    None => path.replace('/', "_"),
                };
                if wanted.starts_with("mitglied-") && wanted.contains('_') {
                    continue;
                }
                let target = all.get(&format!("{language}_{wanted}"));
                let target = target.unwrap_or_else(|| panic!("{name}: no page for {link}"));
                assert!(anchor.is_empty() || target.contains(&format!(" id=\"{anchor}\"")), "{name}: {link}");
                followed += 1;
            }
        }
        assert!(followed > 100, "{followed}");
    }
}

#[test]
fn what_is_called_off_or_takes_longer_says_so() {
    let mut snapshot = morning();
    let (witten, _) = snapshot.organisation("witten").expect("in the sample");
    Arc::make_mut(&mut snapshot.maintenances[0]).phase = MaintenancePhase::Overrunning;
    Arc::make_mut(&mut snapshot.maintenances[1]).phase = MaintenancePhase::Cancelled;
    let text = read(&html::organisation(&snapshot, witten, "de"));
    assert!(text.contains("dauert länger als geplant"), "{text}");
    assert!(text.contains("Bis wannEnde derzeit nicht absehbar"), "{text}");
    assert!(text.contains("Umstellung auf neue Softwareabgesagt"), "{text}");
    assert!(!text.contains("Letzter Tag vorher"), "{text}");
    Arc::make_mut(&mut snapshot.maintenances[1]).phase = MaintenancePhase::Completed;
    assert!(!html::organisation(&snapshot, witten, "de").contains("Umstellung auf neue Software"));
}

#[test]
fn exact_times_of_one_day_name_it_once() {
    let mut snapshot = morning();
    let (witten, _) = snapshot.organisation("witten").expect("in the sample");
    let maintenance = Arc::make_mut(&mut snapshot.maintenances[1]);
    maintenance.from = When::instant(at("2023-11-14T18:00:00Z"));
    maintenance.until = When::instant(at("2023-11-14T21:00:00Z"));
    let german = read(&html::organisation(&snapshot, witten, "de"));
    assert!(german.contains("Von Dienstag, 14. November 2023, 19:00 Uhr bis 22:00 Uhr"), "{german}");
    let english = read(&html::organisation(&snapshot, witten, "en"));
    assert!(english.contains("From Tuesday, 14 November 2023, 19:00 to 22:00"), "{english}");
}

#[test]
fn a_parent_under_maintenance_or_unknown_is_no_disruption() {
    let mut snapshot = morning();
    let of = |snapshot: &Snapshot, id: &str| snapshot.catalogue.component_index[id] as usize;
    let (portal, reports) = (of(&snapshot, "serviceportal-en"), of(&snapshot, "maengelmelder-hattingen"));
    let affected = |snapshot: &Snapshot, word: &str| {
        let page = read(&hattingen(snapshot, "de"));
        let (_, card) = page.rsplit_once(&format!("Mängelmelder{word}")).expect("its card");
        card.chars().take(120).collect::<String>()
    };
    for (status, sentence) in [
        (Status::UnderMaintenance, "Planmäßig unterbrochen wegen geplanter Arbeiten: Serviceportal Ennepe-Ruhr."),
        (Status::Unknown, "Hängt ab von: Serviceportal Ennepe-Ruhr."),
    ] {
        Arc::make_mut(&mut snapshot.states[portal]).status = status;
        let state = Arc::make_mut(&mut snapshot.states[reports]);
        state.status = status;
        let path = &mut state.affected_by.as_mut().expect("affected").path;
        path.truncate(1);
        let card = affected(&snapshot, Words::German.status(status, None));
        assert!(card.contains(sentence), "{card}");
        assert!(!card.contains("Störung"), "{card}");
    }
}

#[test]
fn there_is_no_page_without_an_organisation() {
    assert_eq!(html::organisation(&morning(), 99, "de"), "");
}

#[test]
fn easy_language_is_linked_only_where_somebody_wrote_it() {
    let mut snapshot = morning();
    Arc::make_mut(&mut snapshot.catalogue).site.languages.push(Arc::from("de-x-leicht"));
    assert!(!hattingen(&snapshot, "de").contains("Leichte Sprache"));
    let mut easy = basic();
    easy.text = Some(Text::single("de-x-leicht", "Sie können sich anmelden."));
    differ(&mut snapshot, vec![easy]);
    let page = hattingen(&snapshot, "de");
    assert!(
        page.contains("href=\"/de-x-leicht/hattingen\" hreflang=\"de-x-leicht\" lang=\"de-x-leicht\">Leichte Sprache<")
    );
    let (index, _) = snapshot.organisation("witten").expect("in the sample");
    assert!(!html::organisation(&snapshot, index, "de").contains("Leichte Sprache"));
}
