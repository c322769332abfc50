//! Calendars, read back line by line: whole days, stable ids, what is called off, and texts that
//! would like to be components of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use turmwacht::model::alternative::Link;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::{ComponentId, MaintenanceId};
use turmwacht::model::notice::CoveredNotice;
use turmwacht::model::snapshot::{PublicCatalogue, PublicComponent, PublicMaintenance, Snapshot};
use turmwacht::model::text::{Plain, Text};
use turmwacht::model::time::Timestamp;
use turmwacht::model::window::When;
use turmwacht::publish::ical::{BYTES_MAX, MAINTENANCES_MAX, NAMED_MAX, UPCOMING_MAX, calendar};
use turmwacht::publish::{Rendered, known_query, route_label};
use turmwacht::replay::replay;
use turmwacht::scenario::Scenario;

use super::sample::evenings;
use super::{answer, document, text};

/// The citizens' office of Geesthacht changes its software.
const GEESTHACHT: &str = r#"
[[organisation]]
id = "geesthacht"
kind = "municipality"
name = "Stadt Geesthacht"
ars = "010535329044"
[[organisation]]
id = "schwarzenbek"
kind = "municipality"
name = "Stadt Schwarzenbek"
ars = "010530111111"
[[component]]
id = "buergerbuero-geesthacht"
name = "Bürgerbüro"
kind = "counter"
owner = "geesthacht"
[[component]]
id = "homepage-geesthacht"
name = "Homepage"
kind = "website"
owner = "geesthacht"
[[component]]
id = "homepage-schwarzenbek"
name = "Homepage"
kind = "website"
owner = "schwarzenbek"
[[maintenance]]
id = "vois-umstellung"
title = { de = "Umstellung auf neue Software", en = "New software" }
components = ["buergerbuero-geesthacht"]
programme = "vois"
from = 2021-09-27
until = 2021-10-06
announced_at = 2021-09-14
last_chance_before = 2021-09-24
back_from = 2021-10-07
unaffected = ["homepage-geesthacht"]
[[maintenance.alternative]]
kind = "phone"
target = "tel:+494152130"
label = "Notfälle"
"#;

/// The town hall of Tangerhütte renews its own technology.
const TANGERHUETTE: &str = r#"
[[organisation]]
id = "tangerhuette"
kind = "municipality"
name = "Einheitsgemeinde Stadt Tangerhütte"
ars = "150900546546"
[[component]]
id = "portal"
name = "Digitales Rathaus"
kind = "portal"
owner = "tangerhuette"
[[component]]
id = "telefon"
name = "Telefonzentrale"
kind = "phone"
owner = "tangerhuette"
[[component]]
id = "homepage"
name = "Homepage"
kind = "website"
owner = "tangerhuette"
[[component]]
id = "keller"
name = "Serverschrank im Keller"
kind = "back_office"
owner = "tangerhuette"
public = false
[[maintenance]]
id = "erneuerung"
title = "Erneuerung der Technik"
components = ["portal", { id = "telefon", until = 2023-12-05 }, "keller"]
from = 2023-12-01
until = 2023-12-08
ends = "on_notice"
announced_at = 2023-11-20
unaffected = ["homepage"]
[[maintenance]]
id = "kabel"
title = "Neue Kabel im Keller"
components = ["keller"]
from = 2023-12-01
until = 2023-12-02
"#;

/// What the public sees of a story at its end.
fn told(story: &str, start: &str, until: &str) -> Snapshot {
    let text = format!("[scenario]\nname = \"s\"\ntitle = \"s\"\nstart = {start}\nuntil = {until}\n{story}");
    let scenario = Scenario::parse("story.toml", &text).unwrap_or_else(|fault| panic!("{fault}"));
    replay(&scenario).snapshot
}

fn geesthacht(until: &str) -> Snapshot {
    told(GEESTHACHT, "2021-09-14T00:00:00", until)
}

fn tangerhuette(until: &str) -> Snapshot {
    told(TANGERHUETTE, "2023-11-20T00:00:00", until)
}

/// Every second Tuesday of the month at 19 o'clock, over the end of summer time, from the
/// occurrence at hand on.
fn recurring(at_hand: usize) -> Snapshot {
    let begins = ["2023-09-12T17:00:00Z", "2023-10-10T17:00:00Z", "2023-11-14T18:00:00Z", "2023-12-12T18:00:00Z"];
    let windows = begins.map(|from| (time(from), time(from).plus(std::time::Duration::from_secs(3 * 3600))));
    with(geesthacht("2021-09-15T00:00:00"), |maintenance| {
        let (from, until) = windows[at_hand];
        (maintenance.from, maintenance.until) = (When::instant(from), When::instant(until));
        maintenance.upcoming = windows[at_hand + 1..].to_vec();
        maintenance.series = Some(evenings());
        (maintenance.last_chance_before, maintenance.back_from) = (None, None);
    })
}

/// A component as it was written: its kind, and its properties, unfolded and with their escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Component {
    kind: String,
    properties: Vec<(String, String)>,
}

impl Component {
    fn get(&self, name: &str) -> &str {
        let mut found = self.properties.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next().unwrap_or_else(|| panic!("{name} is missing in {self:?}"));
        assert!(found.next().is_none(), "{name} stands there twice");
        value
    }

    fn has(&self, name: &str) -> bool {
        self.properties.iter().any(|(known, _)| known == name)
    }

    /// A text as it was before it was escaped.
    fn text(&self, name: &str) -> String {
        let mut out = String::new();
        let mut letters = self.get(name).chars();
        while let Some(c) = letters.next() {
            match c {
                '\\' => match letters.next().expect("something is escaped") {
                    'n' => out.push('\n'),
                    c @ ('\\' | ';' | ',') => out.push(c),
                    c => panic!("\\{c} is no escape"),
                },
                ';' | ',' => panic!("a bare {c} in {:?}", self.get(name)),
                c => out.push(c),
            }
        }
        out
    }
}

/// Reads a calendar strictly: its own properties, and its components in order.
fn read(calendar: &str) -> (Component, Vec<Component>) {
    assert!(calendar.ends_with("END:VCALENDAR\r\n"));
    let mut lines: Vec<String> = Vec::new();
    for line in calendar.strip_suffix("\r\n").unwrap().split("\r\n") {
        assert!(!line.is_empty() && line.len() <= 75, "{} octets: {line}", line.len());
        assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "{line:?}");
        match line.strip_prefix(' ') {
            Some(rest) => lines.last_mut().expect("nothing to continue").push_str(rest),
            None => lines.push(line.to_owned()),
        }
    }
    let mut open: Vec<Component> = Vec::new();
    let mut read = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').expect("a name and a value");
        match name {
            "BEGIN" => open.push(Component { kind: value.to_owned(), properties: Vec::new() }),
            "END" => {
                let done = open.pop().expect("it was begun");
                assert_eq!(done.kind, value);
                read.push(done);
            }
            _ => open.last_mut().expect("in a component").properties.push((name.to_owned(), value.to_owned())),
        }
    }
    assert!(open.is_empty());
    (read.pop().expect("the calendar itself"), read)
}

fn components(snapshot: &Snapshot, path: &str) -> Vec<Component> {
    let (_, components) = read(&text(snapshot, path));
    components
}

/// The first maintenance changed.
fn with(mut snapshot: Snapshot, change: impl FnOnce(&mut PublicMaintenance)) -> Snapshot {
    change(Arc::make_mut(&mut snapshot.maintenances[0]));
    snapshot
}

fn time(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().expect("RFC 3339"))
}

#[test]
fn the_office_closes_for_whole_days_and_tells_the_last_one_before() {
    let snapshot = geesthacht("2021-09-15T00:00:00");
    let document = document(&snapshot, "/geesthacht/calendar.ics");
    assert_eq!(document.content_type, "text/calendar; charset=utf-8");
    let (head, components) = read(&String::from_utf8(document.body).unwrap());
    assert_eq!(head.get("VERSION"), "2.0");
    assert!(!head.has("METHOD"), "DTSTAMP would mean the time of writing");
    assert_eq!(head.text("X-WR-CALNAME"), "Geplante Arbeiten – Stadt Geesthacht");
    let [window, to_do, last_day] = &components[..] else { panic!("{components:?}") };

    assert_eq!(window.kind, "VEVENT");
    assert_eq!(window.get("UID"), "vois-umstellung@localhost");
    assert_eq!(window.get("DTSTART;VALUE=DATE"), "20210927");
    assert_eq!(window.get("DTEND;VALUE=DATE"), "20211007");
    assert_eq!(window.get("STATUS"), "CONFIRMED");
    assert_eq!(window.get("SEQUENCE"), "0");
    assert_eq!(window.get("DTSTAMP"), "20210913T220000Z");
    assert_eq!(window.get("LAST-MODIFIED"), window.get("DTSTAMP"));
    assert_eq!(window.get("URL"), "http://127.0.0.1:8080/maintenance/vois-umstellung");
    assert_eq!(window.get("CATEGORIES"), "Geplante Arbeiten,vois");
    assert_eq!(window.text("SUMMARY"), "Umstellung auf neue Software");
    assert_eq!(
        window.text("DESCRIPTION"),
        "Von Montag, 27. September 2021 bis einschließlich Mittwoch, 6. Oktober 2021.\n\
         Betrifft: Bürgerbüro\n\
         Nicht betroffen: Homepage\n\
         Letzter Tag vorher: Freitag, 24. September 2021\n\
         Wieder da ab: Donnerstag, 7. Oktober 2021\n\
         So geht es trotzdem:\n\
         – Notfälle: 04152 130"
    );

    assert_eq!(to_do.kind, "VTODO");
    assert_eq!(to_do.get("DUE;VALUE=DATE"), "20210924");
    assert_eq!(to_do.get("STATUS"), "NEEDS-ACTION");
    assert_eq!(last_day.kind, "VEVENT");
    assert_eq!(last_day.get("DTSTART;VALUE=DATE"), "20210924");
    assert_eq!(last_day.get("DTEND;VALUE=DATE"), "20210925");
    assert_eq!(last_day.get("TRANSP"), "TRANSPARENT");
    for deadline in [to_do, last_day] {
        assert_eq!(deadline.text("SUMMARY"), "Letzter Tag: Umstellung auf neue Software");
        assert_eq!(deadline.get("RELATED-TO"), window.get("UID"));
    }

    let english = read(&text(&snapshot, "/en/geesthacht/calendar.ics")).1;
    assert_eq!(english[0].text("SUMMARY"), "New software");
    assert!(english[0].text("DESCRIPTION").starts_with(
        "From Monday, 27 September 2021 up to and including Wednesday, 6 October 2021.\nConcerns: Bürgerbüro\n"
    ));
    let ids = |components: &[Component]| components.iter().map(|c| c.get("UID").to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&english), ids(&components), "the same in every language");
}

#[test]
fn a_page_has_what_covers_something_on_it() {
    let snapshot = geesthacht("2021-09-15T00:00:00");
    let everything = components(&snapshot, "/calendar.ics");
    assert!(everything[0].text("DESCRIPTION").contains("Betrifft: Bürgerbüro (Stadt Geesthacht)\n"));
    let (_, elsewhere) = read(&text(&snapshot, "/schwarzenbek/calendar.ics"));
    let kinds: Vec<&str> = elsewhere.iter().map(|component| component.kind.as_str()).collect();
    assert_eq!(kinds, ["STANDARD", "VTIMEZONE"], "an empty calendar must hold a component");
    // A maintenance of internal components only is nowhere, and no internal component is named.
    let written = text(&tangerhuette("2023-11-21T00:00:00"), "/calendar.ics");
    assert_eq!(read(&written).1.len(), 1);
    assert!(!written.contains("Keller") && !written.contains("keller"), "{written}");
}

#[test]
fn calendars_have_their_routes() {
    let snapshot = geesthacht("2021-09-15T00:00:00");
    for path in ["/calendar.ics", "/geesthacht/calendar.ics"] {
        for (asked, to) in [(format!("/de{path}"), path.to_owned()), (format!("{path}?lang=en"), format!("/en{path}"))]
        {
            assert_eq!(answer(&snapshot, &asked), Rendered::Moved(to), "{asked}");
        }
        assert_eq!(known_query(path), ["lang"]);
        assert!(document(&snapshot, path).cache_control.starts_with("public, max-age=30,"));
    }
    assert_eq!(answer(&snapshot, "/unknown/calendar.ics"), Rendered::NotFound);
    assert_eq!(route_label("/en/calendar.ics"), "calendar");
    assert_eq!(route_label("/geesthacht/calendar.ics"), "organisation_calendar");
}

#[test]
fn an_inclusive_date_is_never_shifted_by_utc() {
    let snapshot = tangerhuette("2023-11-21T00:00:00");
    for (zone, zone_name) in [("Europe/Berlin", "+01"), ("Pacific/Kiritimati", "+14"), ("Pacific/Niue", "-11")] {
        let snapshot = with(snapshot.clone(), |maintenance| maintenance.zone = zone.to_owned());
        let components = components(&snapshot, "/tangerhuette/calendar.ics");
        assert_eq!(components[0].get("DTSTART;VALUE=DATE"), "20231201", "{zone_name}");
        assert_eq!(components[0].get("DTEND;VALUE=DATE"), "20231209", "{zone_name}");
        let description = components[0].text("DESCRIPTION");
        let said = "Von Freitag, 1. Dezember 2023 bis einschließlich Freitag, 8. Dezember 2023.\n\
                    Das Ende wird eigens bekannt gegeben.\n\
                    Betrifft: Digitales Rathaus, Telefonzentrale (bis einschließlich Dienstag, 5. Dezember 2023)\n\
                    Nicht betroffen: Homepage";
        assert_eq!(description, said);
    }
}

#[test]
fn what_overruns_keeps_its_planned_end_and_says_so() {
    let before = components(&tangerhuette("2023-12-08T12:00:00"), "/calendar.ics");
    let after = components(&tangerhuette("2023-12-10T12:00:00"), "/calendar.ics");
    for name in ["UID", "SEQUENCE", "DTSTART;VALUE=DATE", "DTEND;VALUE=DATE", "STATUS"] {
        assert_eq!(before[0].get(name), after[0].get(name), "{name}");
    }
    let said = after[0].text("DESCRIPTION");
    assert!(said.starts_with("Dauert länger als geplant. Ende derzeit nicht absehbar.\nVon Freitag, 1."), "{said}");
    assert_eq!(after[0].get("LAST-MODIFIED"), "20231208T230000Z");
    // Nor does a later minute change a byte.
    let later = tangerhuette("2023-12-20T12:34:56");
    assert_eq!(text(&later, "/calendar.ics"), text(&tangerhuette("2023-12-10T12:00:00"), "/calendar.ics"));
}

#[test]
fn what_is_over_says_since_when() {
    let snapshot = geesthacht("2021-10-08T00:00:00");
    let components = components(&snapshot, "/calendar.ics");
    assert!(components[0].text("DESCRIPTION").starts_with("Beendet.\nVon Montag"));
    assert_eq!(components[0].get("STATUS"), "CONFIRMED");
    assert_eq!(components[1].get("STATUS"), "CANCELLED", "nobody can do it any more");
    assert_eq!(components[2].get("STATUS"), "CONFIRMED");
    let early = with(snapshot, |maintenance| {
        maintenance.ended_at = Some(time("2021-10-05T14:00:00Z"));
        maintenance.components[0].ended_at = Some(time("2021-10-04T06:30:00Z"));
    });
    let (_, components) = read(&text(&early, "/geesthacht/calendar.ics"));
    let said = components[0].text("DESCRIPTION");
    assert!(said.starts_with("Beendet: Dienstag, 5. Oktober 2021, 16:00 Uhr.\n"), "{said}");
    assert!(said.contains("Bürgerbüro (beendet: Montag, 4. Oktober 2021, 08:30 Uhr)\n"), "{said}");
    assert_eq!(components[0].get("DTEND;VALUE=DATE"), "20211007");
}

#[test]
fn what_is_called_off_stays_as_cancelled() {
    let snapshot = with(geesthacht("2021-09-20T00:00:00"), |maintenance| {
        maintenance.phase = MaintenancePhase::Cancelled;
        maintenance.ended_at = Some(time("2021-09-19T08:00:00Z"));
        maintenance.sequence = 1;
    });
    let components = components(&snapshot, "/geesthacht/calendar.ics");
    assert_eq!(components.len(), 3);
    for component in &components {
        assert_eq!(component.get("STATUS"), "CANCELLED");
        assert_eq!(component.get("SEQUENCE"), "1");
        assert_eq!(component.get("DTSTAMP"), "20210919T080000Z");
        let said = component.text("DESCRIPTION");
        assert!(said.starts_with("Abgesagt.\nVon Montag, 27. September 2021"), "{said}");
        assert!(!said.contains("Wieder da ab") && !said.contains("trotzdem"), "{said}");
    }
    assert_eq!(components[0].get("UID"), "vois-umstellung@localhost");
    assert_eq!(components[0].get("DTEND;VALUE=DATE"), "20211007");
}

#[test]
fn times_of_day_are_instants_in_utc_and_local_in_words() {
    let (from, until) = (time("2021-10-31T00:30:00Z"), time("2021-10-31T01:30:00Z"));
    let snapshot = with(geesthacht("2021-09-20T00:00:00"), |maintenance| {
        (maintenance.from, maintenance.until) = (When::instant(from), When::instant(until));
        // Midnight: the last day is the one before.
        maintenance.last_chance_before = Some(When::instant(time("2021-10-29T22:00:00Z")));
    });
    let timed = components(&snapshot, "/calendar.ics");
    assert_eq!((timed[0].get("DTSTART"), timed[0].get("DTEND")), ("20211031T003000Z", "20211031T013000Z"));
    let said = timed[0].text("DESCRIPTION");
    let night = "Von Sonntag, 31. Oktober 2021, 02:30 Uhr (Sommerzeit) bis 02:30 Uhr (Winterzeit).\n";
    assert!(said.starts_with(night), "{said}");
    assert_eq!(timed[1].get("DUE"), "20211029T220000Z");
    assert_eq!(timed[2].get("DTSTART;VALUE=DATE"), "20211029");
    // A date beside an instant: both are written as instants.
    let mixed = with(snapshot, |maintenance| {
        maintenance.from = When { at: time("2021-10-29T22:00:00Z"), date: Some(jiff::civil::date(2021, 10, 30)) };
    });
    let mixed = components(&mixed, "/calendar.ics");
    assert_eq!((mixed[0].get("DTSTART"), mixed[0].get("DTEND")), ("20211029T220000Z", "20211031T013000Z"));
}

#[test]
fn each_occurrence_has_its_own_stable_id() {
    let first = components(&recurring(0), "/calendar.ics");
    assert_eq!(first.len(), 4);
    for component in &first {
        assert_eq!(component.kind, "VEVENT");
        assert_eq!(component.get("UID"), format!("vois-umstellung.{}@localhost", component.get("DTSTART")));
        assert!(!component.has("RRULE") && !component.has("RECURRENCE-ID"));
    }
    assert_eq!((first[2].get("DTSTART"), first[2].get("DTEND")), ("20231114T180000Z", "20231114T210000Z"));
    for (component, date) in first.iter().zip(["12. September", "10. Oktober", "14. November", "12. Dezember"]) {
        let said = component.text("DESCRIPTION");
        let window = format!("Von Dienstag, {date} 2023, 19:00 Uhr bis 22:00 Uhr.\n");
        assert!(said.starts_with(&window), "{said}");
    }
    // When the first is over, the others are the very same.
    assert_eq!(components(&recurring(1), "/calendar.ics"), first[1..]);
    // One that overruns is not all of them.
    let overrun = with(recurring(0), |maintenance| maintenance.phase = MaintenancePhase::Overrunning);
    let overrun = components(&overrun, "/calendar.ics");
    assert!(overrun[0].text("DESCRIPTION").starts_with("Dauert länger als geplant."));
    assert_eq!(overrun[1].text("DESCRIPTION"), first[1].text("DESCRIPTION"));
    // However many are known.
    let many = with(recurring(0), |maintenance| maintenance.upcoming = maintenance.upcoming.repeat(100));
    assert_eq!(components(&many, "/calendar.ics").len(), 1 + UPCOMING_MAX);
}

/// Texts that would like to be something else.
const HOSTILE: &[&str] = &[
    "a\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:injected",
    "BEGIN:VEVENT",
    "x\\nDTSTART:19700101T000000Z",
    "semi;colon,comma\\backslash\\\\\"quoted\":colon",
    "a\u{0}b\u{1b}[31mc\u{7f}d\u{85}e\u{b}f\u{c}g\u{1c}h\u{2028}i\u{2029}j",
    "\u{202e}gnp.exe\u{2066}\u{200f}\u{feff}",
    "line one\n line two\n\n\tthree",
    "\u{1f600}\u{1f600}\u{1f600}ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää𝕳",
    "=cmd|' /C calc'!A0 <script>alert(1)</script> &amp; %0D%0A",
];

/// The story of Geesthacht with one text in place of every other.
fn in_the_words_of(hostile: &str) -> Snapshot {
    let mut snapshot = geesthacht("2021-09-20T00:00:00");
    let mut catalogue: PublicCatalogue = (*snapshot.catalogue).clone();
    let all = || Text::single("de", hostile);
    catalogue.site.title = all();
    catalogue.organisations.iter_mut().for_each(|organisation| organisation.name = all());
    catalogue.components.iter_mut().for_each(|component| component.name = all());
    snapshot.catalogue = Arc::new(catalogue);
    with(snapshot, |maintenance| {
        (maintenance.title, maintenance.text) = (all(), Some(all()));
        maintenance.programme = Some(hostile.to_owned());
        maintenance.alternatives[0].label = all();
        maintenance.alternatives[0].hours_text = Some(all());
        let links = ["https://www.example.org/a,b;c?x=\\&y", "mailto:a,b@example.org?subject=x"];
        maintenance.alternatives[0].target = links.iter().map(|link| Link::parse(link).expect("a link")).collect();
    })
}

/// Calendars for other programs to read, by name: the stories, and every hostile text with what a
/// reader must find as SUMMARY of its first event.
pub(crate) fn samples() -> Vec<(String, String, String)> {
    let stories = [
        ("geesthacht", geesthacht("2021-09-15T00:00:00"), "Umstellung auf neue Software"),
        ("tangerhuette", tangerhuette("2023-12-10T00:00:00"), "Erneuerung der Technik"),
        ("recurring", recurring(0), "Umstellung auf neue Software"),
    ];
    let mut samples = Vec::new();
    for (name, snapshot, title) in stories {
        samples.push((name.to_owned(), text(&snapshot, "/calendar.ics"), title.to_owned()));
    }
    for (index, hostile) in HOSTILE.iter().enumerate() {
        let clean = Plain::new(hostile).unescaped().to_owned();
        samples.push((format!("hostile-{index}"), text(&in_the_words_of(hostile), "/calendar.ics"), clean));
    }
    let empty = text(&geesthacht("2021-09-15T00:00:00"), "/schwarzenbek/calendar.ics");
    samples.push(("empty".to_owned(), empty, String::new()));
    samples
}

#[test]
fn a_text_is_never_more_than_a_text() {
    for hostile in HOSTILE {
        let snapshot = in_the_words_of(hostile);
        let clean = Plain::new(hostile).unescaped().to_owned();
        for path in ["/calendar.ics", "/geesthacht/calendar.ics", "/en/calendar.ics"] {
            let (head, components) = read(&text(&snapshot, path));
            assert!(head.text("NAME").ends_with(&clean));
            let kinds: Vec<&str> = components.iter().map(|component| component.kind.as_str()).collect();
            assert_eq!(kinds, ["VEVENT", "VTODO", "VEVENT"], "{hostile:?}");
            assert_eq!(components[0].text("SUMMARY"), clean);
            let said = components[0].text("DESCRIPTION");
            let way = format!("– {clean}: https://www.example.org/a,b;c?x=\\&y, a,b@example.org ({clean})");
            assert!(said.ends_with(&way), "{said}");
            assert!(said.contains(&format!("\n{clean}\n")), "{said}");
        }
    }
}

#[test]
fn a_calendar_is_bounded() {
    let mut snapshot = geesthacht("2021-09-20T00:00:00");
    let one = Arc::clone(&snapshot.maintenances[0]);
    let named = |index: usize, phase: MaintenancePhase| {
        let id = MaintenanceId::new(format!("m-{index}"));
        Arc::new(PublicMaintenance { id, phase, last_chance_before: None, ..(*one).clone() })
    };
    // What is over comes first in time and last in the calendar.
    snapshot.maintenances = (0..10).map(|index| named(index, MaintenancePhase::Completed)).collect();
    snapshot.maintenances.extend((10..5_000).map(|index| named(index, MaintenancePhase::Announced)));
    let many = components(&snapshot, "/calendar.ics");
    assert_eq!(many.len(), MAINTENANCES_MAX);
    assert_eq!(many[0].get("UID"), "m-10@localhost");

    let long = Text::single("de", &"ä".repeat(20_000));
    for maintenance in &mut snapshot.maintenances {
        Arc::make_mut(maintenance).text = Some(long.clone());
    }
    let bytes = text(&snapshot, "/calendar.ics").len();
    assert!((BYTES_MAX..BYTES_MAX + 100_000).contains(&bytes), "{bytes}");

    let mut catalogue = (*snapshot.catalogue).clone();
    let office = catalogue.components[0].clone();
    let mut ids = BTreeMap::new();
    for index in 0..NAMED_MAX + 7 {
        let id = ComponentId::new(format!("office-{index}"));
        ids.insert(id.clone(), u32::try_from(catalogue.components.len()).unwrap());
        catalogue.components.push(PublicComponent { id, ..office.clone() });
    }
    catalogue.component_index.extend(ids.clone());
    snapshot.catalogue = Arc::new(catalogue);
    snapshot.maintenances.truncate(1);
    let snapshot = with(snapshot, |maintenance| {
        let covered = maintenance.components[0].clone();
        maintenance.text = None;
        maintenance.components =
            ids.into_keys().map(|component| CoveredNotice { component, ..covered.clone() }).collect();
    });
    let (_, components) = read(&calendar(&snapshot, None, "de"));
    let said = components[0].text("DESCRIPTION");
    assert!(said.contains("Bürgerbüro (Stadt Geesthacht) und 7 weitere\n"), "{said}");
    assert_eq!(said.matches("Bürgerbüro").count(), NAMED_MAX);
}
