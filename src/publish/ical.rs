//! Calendars (RFC 5545) of planned work: one event per maintenance, and its last day before as a
//! to-do and as a day of its own. Incidents are never in them.
//!
//! Unchanged content gives unchanged bytes: nothing here depends on when the calendar is asked
//! for. There is no METHOD, so DTSTAMP says when the work was last changed, not when this was
//! written.
//!
//! Local dates are written as dates and belong to no time zone; instants are written in UTC. So no
//! component needs a VTIMEZONE, and a day never moves with the reader.
//!
//! Each occurrence of recurring work is an event with a UID of its own, and none has an RRULE or a
//! RECURRENCE-ID: an occurrence may overrun or be called off by itself, changes of the clock are
//! reckoned already, and programs disagree about overrides whose first event is not there.

use std::fmt::Write;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use crate::model::alternative::{Alternative, Link};
use crate::model::catalogue::Ends;
use crate::model::event::MaintenancePhase;
use crate::model::id::ComponentId;
use crate::model::local::specificity;
use crate::model::notice::CoveredNotice;
use crate::model::snapshot::{PublicMaintenance, Snapshot};
use crate::model::text::Plain;
use crate::model::time::Timestamp;
use crate::model::window::When;
use crate::publish::escape;
use crate::publish::html::phone;
use crate::publish::html::time::{clock_text, long_date, zone};
use crate::publish::scope::{Page, Scope};
use crate::publish::wording::{self, Words};

/// Most maintenances in a calendar: those that are not over first, the nearest before later ones.
pub const MAINTENANCES_MAX: usize = 500;

/// Most occurrences of recurring work after the one at hand.
pub const UPCOMING_MAX: usize = 12;

/// A calendar of so many bytes takes no further maintenance.
pub const BYTES_MAX: usize = 2 * 1024 * 1024;

/// Most components that a description names in one list.
pub const NAMED_MAX: usize = 20;

/// Most other ways that a description names.
pub const WAYS_MAX: usize = 10;

/// Longest line in octets, its end not counted.
const LINE_OCTETS_MAX: usize = 75;

/// A calendar must hold a component (RFC 5545, section 3.6). An empty one holds the zone that all
/// instants are in.
const ZONE: &str = "BEGIN:VTIMEZONE\r\nTZID:UTC\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n\
    TZOFFSETFROM:+0000\r\nTZOFFSETTO:+0000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";

/// The calendar of everything, or of what covers something on an organisation's page (by index).
pub fn calendar(snapshot: &Snapshot, organisation: Option<u32>, language: &str) -> String {
    let scope = Scope::new(snapshot, language);
    let page = organisation.and_then(|organisation| scope.page(organisation));
    let mut calendar =
        Calendar { scope: &scope, words: Words::of(language), page: page.as_ref(), out: String::with_capacity(4096) };
    calendar.head();
    let held = snapshot.maintenances.iter().filter(|maintenance| calendar.holds(maintenance));
    let (over, ahead): (Vec<_>, Vec<_>) = held.partition(|maintenance| is_over(maintenance));
    if over.is_empty() && ahead.is_empty() {
        calendar.out.push_str(ZONE);
    }
    for maintenance in ahead.into_iter().chain(over).take(MAINTENANCES_MAX) {
        if calendar.out.len() >= BYTES_MAX {
            break;
        }
        calendar.maintenance(maintenance);
    }
    calendar.line("END", "VCALENDAR");
    calendar.out
}

struct Calendar<'a> {
    scope: &'a Scope<'a>,
    words: Words,
    page: Option<&'a Page<'a>>,
    out: String,
}

/// A maintenance, or one occurrence of it.
struct Occurrence<'a> {
    maintenance: &'a PublicMaintenance,
    from: &'a When,
    until: &'a When,
    /// Whether it is the one whose phase and dates the maintenance tells.
    is_at_hand: bool,
    zone: &'a TimeZone,
}

impl Calendar<'_> {
    fn head(&mut self) {
        let site = &self.scope.snapshot.catalogue.site;
        let (of, path) = match self.page {
            Some(page) => (self.scope.text(&page.organisation.name), format!("/{}", page.organisation.id)),
            None => (self.scope.text(&site.title), String::new()),
        };
        let mut name = escape::ics_str(self.words.pick("Geplante Arbeiten", "Planned work"));
        if !of.is_empty() {
            name.push_str(" – ");
            name.push_str(&escape::ics(&of));
        }
        self.line("BEGIN", "VCALENDAR");
        self.line("VERSION", "2.0");
        self.line("PRODID", self.words.pick("-//Turmwacht//Planned work//DE", "-//Turmwacht//Planned work//EN"));
        self.line("CALSCALE", "GREGORIAN");
        self.line("NAME", &name);
        self.line("X-WR-CALNAME", &name);
        self.line("SOURCE;VALUE=URI", &self.scope.address(&format!("{path}/calendar.ics")));
        self.line("REFRESH-INTERVAL;VALUE=DURATION", "PT1H");
        self.line("X-PUBLISHED-TTL", "PT1H");
    }

    /// Whether it covers something that may be named here. What covers internal components only
    /// is in no calendar.
    fn holds(&self, maintenance: &PublicMaintenance) -> bool {
        maintenance.components.iter().any(|covered| self.name(&covered.component).is_some())
    }

    fn maintenance(&mut self, maintenance: &PublicMaintenance) {
        let zone = &zone(&maintenance.zone);
        let (from, until) = (&maintenance.from, &maintenance.until);
        let at_hand = Occurrence { maintenance, from, until, is_at_hand: true, zone };
        self.event(&at_hand);
        if let Some(last) = &maintenance.last_chance_before {
            self.last_day(&at_hand, last);
        }
        for (from, until) in maintenance.upcoming.iter().take(UPCOMING_MAX) {
            let (from, until) = (&When::instant(*from), &When::instant(*until));
            self.event(&Occurrence { maintenance, from, until, is_at_hand: false, zone });
        }
    }

    fn event(&mut self, occurrence: &Occurrence<'_>) {
        let maintenance = occurrence.maintenance;
        let cancelled = occurrence.is_at_hand && maintenance.phase == MaintenancePhase::Cancelled;
        self.line("BEGIN", "VEVENT");
        self.stamp(maintenance, &self.uid(occurrence));
        self.window(occurrence);
        self.line("SUMMARY", &escape::ics(&self.scope.text(&maintenance.title)));
        self.line("DESCRIPTION", &self.description(occurrence));
        let mut categories = escape::ics_str(self.words.pick("Geplante Arbeiten", "Planned work"));
        if let Some(programme) = &maintenance.programme {
            categories.push(',');
            categories.push_str(&escape::ics(&Plain::new(programme)));
        }
        self.line("CATEGORIES", &categories);
        self.line("STATUS", if cancelled { "CANCELLED" } else { "CONFIRMED" });
        self.line("URL", &self.url(maintenance));
        self.line("END", "VEVENT");
    }

    /// The last day before: a to-do as long as there is time, and a day that blocks nothing, for
    /// the many programs that show no to-dos.
    fn last_day(&mut self, occurrence: &Occurrence<'_>, last: &When) {
        let maintenance = occurrence.maintenance;
        // An instant at midnight ends the day before.
        let just_before = || last.at.shifted(-1).to_jiff().to_zoned(occurrence.zone.clone()).date();
        let day = last.date.unwrap_or_else(just_before);
        let cancelled = maintenance.phase == MaintenancePhase::Cancelled;
        for kind in ["VTODO", "VEVENT"] {
            let is_to_do = kind == "VTODO";
            self.line("BEGIN", kind);
            let name = if is_to_do { "to-do" } else { "last-day" };
            self.stamp(maintenance, &self.own_id(&format!("{}.{name}", maintenance.id)));
            let status = if is_to_do {
                match last.date {
                    Some(date) => self.line("DUE;VALUE=DATE", &basic_date(date)),
                    None => self.line("DUE", &basic_instant(last.at)),
                }
                // Once the work has begun nobody can do it any more.
                if maintenance.phase == MaintenancePhase::Announced { "NEEDS-ACTION" } else { "CANCELLED" }
            } else {
                self.dates(day, day);
                self.line("TRANSP", "TRANSPARENT");
                if cancelled { "CANCELLED" } else { "CONFIRMED" }
            };
            let title = escape::ics(&self.scope.text(&maintenance.title));
            let summary = escape::ics_str(self.words.pick("Letzter Tag: ", "Last day: ")) + &title;
            self.line("SUMMARY", &summary);
            self.line("DESCRIPTION", &self.description(occurrence));
            self.line("CATEGORIES", self.words.pick("Frist", "Deadline"));
            self.line("STATUS", status);
            self.line("URL", &self.url(maintenance));
            self.line("RELATED-TO", &self.uid(occurrence));
            self.line("END", kind);
        }
    }

    /// Which one it is, and since when it is as it is.
    fn stamp(&mut self, maintenance: &PublicMaintenance, uid: &str) {
        let changed = basic_instant(changed_at(maintenance));
        self.line("UID", uid);
        self.line("DTSTAMP", &changed);
        self.line("CREATED", &basic_instant(maintenance.announced_at.at));
        self.line("LAST-MODIFIED", &changed);
        self.line("SEQUENCE", &maintenance.sequence.to_string());
    }

    /// Begin and end. Both are dates or both are instants, as RFC 5545 wants it; one date beside an
    /// instant is the instant that it means.
    fn window(&mut self, occurrence: &Occurrence<'_>) {
        if let (Some(first), Some(last)) = (occurrence.from.date, occurrence.until.date) {
            self.dates(first, last);
            return;
        }
        let (from, until) = (basic_instant(occurrence.from.at), basic_instant(occurrence.until.at));
        self.line("DTSTART", &from);
        if until > from {
            self.line("DTEND", &until);
        }
    }

    /// Days from the first to the last; DTEND is the day after it.
    fn dates(&mut self, first: Date, last: Date) {
        self.line("DTSTART;VALUE=DATE", &basic_date(first));
        if let Some(end) = last.tomorrow().ok().filter(|end| *end > first) {
            self.line("DTEND;VALUE=DATE", &basic_date(end));
        }
    }

    fn uid(&self, occurrence: &Occurrence<'_>) -> String {
        let id = &occurrence.maintenance.id;
        // Ids have no dot, so that none of these names can be another maintenance's.
        if occurrence.maintenance.series.is_some() {
            self.own_id(&format!("{id}.{}", basic_instant(occurrence.from.at)))
        } else {
            self.own_id(id.as_str())
        }
    }

    fn own_id(&self, name: &str) -> String {
        escape::ics_str(&format!("{name}@{}", self.scope.snapshot.catalogue.site.feed_authority))
    }

    fn url(&self, maintenance: &PublicMaintenance) -> String {
        self.scope.address(&format!("/maintenance/{}", maintenance.id))
    }

    /// What there is to know, line by line, escaped.
    fn description(&self, occurrence: &Occurrence<'_>) -> String {
        let (words, maintenance) = (self.words, occurrence.maintenance);
        let phase = if occurrence.is_at_hand { maintenance.phase } else { MaintenancePhase::Announced };
        let mut lines = Vec::new();
        lines.extend(self.standing(occurrence, phase).map(|standing| escape::ics_str(&standing)));
        lines.push(escape::ics_str(&window_text(words, occurrence)));
        let is_ahead = matches!(phase, MaintenancePhase::Announced | MaintenancePhase::InProgress);
        if is_ahead && maintenance.ends == Ends::OnNotice {
            lines.push(escape::ics_str(
                words.pick("Das Ende wird eigens bekannt gegeben.", "The end will be announced."),
            ));
        }
        let text = maintenance.text.as_ref().map(|text| self.scope.text(text)).filter(|text| !text.is_empty());
        lines.extend(text.map(|text| escape::ics(&text)));
        let covered = maintenance.components.iter().filter_map(|covered| {
            Some(self.name(&covered.component)? + &escape::ics_str(&self.own_end(occurrence, covered)))
        });
        lines.extend(list(words, words.pick("Betrifft", "Concerns"), covered));
        let spared = maintenance.unaffected.iter().filter_map(|id| self.name(id));
        lines.extend(list(words, words.pick("Nicht betroffen", "Not affected"), spared));
        if phase == MaintenancePhase::Cancelled {
            return lines.join("\\n");
        }
        let dates = [
            (&maintenance.last_chance_before, words.pick("Letzter Tag vorher", "Last day before")),
            (&maintenance.back_from, words.pick("Wieder da ab", "Back from")),
        ];
        for (when, label) in dates.into_iter().filter(|_| occurrence.is_at_hand) {
            let line = when.as_ref().map(|when| format!("{label}: {}", when_text(words, when, occurrence.zone)));
            lines.extend(line.map(|line| escape::ics_str(&line)));
        }
        let ways: Vec<String> = self.ways(occurrence).take(WAYS_MAX).map(|way| self.way(way)).collect();
        if !ways.is_empty() {
            lines.push(escape::ics_str(wording::alternatives_heading(words)) + ":");
            lines.extend(ways);
        }
        lines.join("\\n")
    }

    /// Where it stands, where that is more than announced.
    fn standing(&self, occurrence: &Occurrence<'_>, phase: MaintenancePhase) -> Option<String> {
        let words = self.words;
        let word = wording::capitalised(words.maintenance_phase(phase));
        match phase {
            MaintenancePhase::Announced | MaintenancePhase::InProgress => None,
            MaintenancePhase::Overrunning => Some(format!("{word}. {}.", wording::no_end_known(words))),
            MaintenancePhase::Completed => {
                let early = occurrence.maintenance.ended_at.filter(|ended| *ended != occurrence.until.at);
                Some(match early {
                    Some(ended) => format!("{word}: {}.", moment(words, ended, occurrence.zone)),
                    None => format!("{word}."),
                })
            }
            MaintenancePhase::Cancelled => Some(format!("{word}.")),
        }
    }

    /// The name of a component that may stand here, escaped; on no page in particular with its
    /// owner's.
    fn name(&self, id: &ComponentId) -> Option<String> {
        let index = self.scope.component(id.as_str())?;
        let catalogue = &self.scope.snapshot.catalogue;
        let component = catalogue.components.get(index as usize)?;
        let name = escape::ics(&self.scope.text(&component.name));
        match self.page {
            Some(page) => page.shows.contains(&index).then_some(name),
            None => Some(match catalogue.organisations.get(component.owner as usize) {
                Some(owner) => format!("{name} ({})", escape::ics(&self.scope.text(&owner.name))),
                None => name,
            }),
        }
    }

    /// What is said behind a component that ends by itself, or is back already.
    fn own_end(&self, occurrence: &Occurrence<'_>, covered: &CoveredNotice) -> String {
        let words = self.words;
        if !occurrence.is_at_hand {
            return String::new();
        }
        if let Some(ended) = covered.ended_at {
            return format!(" ({}: {})", words.pick("beendet", "over"), moment(words, ended, occurrence.zone));
        }
        let Some(until) = &covered.until else { return String::new() };
        let to = match until.date {
            Some(_) => words.pick("bis einschließlich", "up to and including"),
            None => words.pick("bis", "until"),
        };
        format!(" ({to} {})", when_text(words, until, occurrence.zone))
    }

    /// The other ways that apply here at any time of the occurrence.
    fn ways<'m>(&self, occurrence: &Occurrence<'m>) -> impl Iterator<Item = &'m Alternative> {
        let (from, until) = (occurrence.from.at, occurrence.until.at);
        let organisation = self.page.map(|page| page.organisation);
        occurrence.maintenance.alternatives.iter().filter(move |way| {
            way.valid_from.as_ref().is_none_or(|valid| valid.at < until)
                && way.valid_until.as_ref().is_none_or(|valid| valid.at > from)
                && organisation.is_none_or(|organisation| {
                    way.serves.is_empty() || specificity(&way.serves, organisation).is_some()
                })
        })
    }

    /// One other way as a line, escaped.
    fn way(&self, way: &Alternative) -> String {
        let label = self.scope.text(&way.label);
        let mut line = String::from("– ");
        if label.is_empty() {
            line.push_str(&escape::ics_str(self.words.alternative(way.kind)));
        } else {
            line.push_str(&escape::ics(&label));
        }
        let targets: Vec<String> = way.target.iter().chain(&way.page).map(readable).collect();
        if !targets.is_empty() {
            line.push_str(": ");
            line.push_str(&targets.join("\\, "));
        }
        let hours = way.hours_text.as_ref().map(|hours| self.scope.text(hours)).or_else(|| way.hours.clone());
        if let Some(hours) = hours.filter(|hours| !hours.is_empty()) {
            // Writing to a String cannot fail.
            write!(line, " ({})", escape::ics(&hours)).unwrap_or_default();
        }
        line
    }

    /// A content line, folded between characters. The value is escaped already; what could end a
    /// line is dropped once more.
    fn line(&mut self, name: &str, value: &str) {
        let mut octets = 0;
        let kept = |c: &char| !c.is_control() || *c == '\t';
        for c in name.chars().chain([':']).chain(value.chars()).filter(kept) {
            if octets + c.len_utf8() > LINE_OCTETS_MAX {
                self.out.push_str("\r\n ");
                octets = 1;
            }
            self.out.push(c);
            octets += c.len_utf8();
        }
        self.out.push_str("\r\n");
    }
}

const fn is_over(maintenance: &PublicMaintenance) -> bool {
    matches!(maintenance.phase, MaintenancePhase::Completed | MaintenancePhase::Cancelled)
}

/// When what is said here last changed, as far as that was recorded.
fn changed_at(maintenance: &PublicMaintenance) -> Timestamp {
    let overran = (maintenance.phase == MaintenancePhase::Overrunning).then_some(maintenance.until.at);
    let ended = maintenance.ended_at.filter(|_| is_over(maintenance));
    let told = maintenance.updates.iter().map(|update| update.at);
    told.chain(overran).chain(ended).fold(maintenance.announced_at.at, Ord::max)
}

/// `Betrifft: A, B und 3 weitere`, of escaped names; nothing without one.
fn list(words: Words, label: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let mut names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    let mut line = escape::ics_str(label);
    write!(line, ": {}", names.join("\\, ")).unwrap_or_default();
    if more > 0 {
        write!(line, " {} {more} {}", words.pick("und", "and"), words.pick("weitere", "more")).unwrap_or_default();
    }
    (!names.is_empty()).then_some(line)
}

/// The number, the address or the link as people read it, escaped. Schemes hold nothing that is
/// escaped, so they can be cut off afterwards.
fn readable(link: &Link) -> String {
    let escaped = escape::ics(link.plain());
    match escaped.split_once(':') {
        Some(("tel", number)) => phone::readable(number),
        Some(("mailto", address)) => address.split('?').next().unwrap_or(address).to_owned(),
        _ => escaped,
    }
}

/// The window in words, its last day included.
fn window_text(words: Words, occurrence: &Occurrence<'_>) -> String {
    let (from, until, zone) = (occurrence.from, occurrence.until, occurrence.zone);
    let begin = when_text(words, from, zone);
    match (from.date, until.date) {
        (Some(first), Some(last)) if first == last => {
            format!("{} {begin}{}.", words.pick("Am", "On"), words.pick(", ganztägig", ", all day"))
        }
        (_, Some(last)) => format!(
            "{} {begin} {} {}.",
            words.pick("Von", "From"),
            words.pick("bis einschließlich", "up to and including"),
            long_date(words, last),
        ),
        (_, None) => {
            let local = |at: Timestamp| at.to_jiff().to_zoned(zone.clone()).date();
            let same_day = from.date.is_none() && local(from.at) == local(until.at);
            let end = if same_day { clock_text(words, zone, until.at) } else { moment(words, until.at, zone) };
            format!("{} {begin} {} {end}.", words.pick("Von", "From"), words.pick("bis", "to"))
        }
    }
}

/// A planned time: the day alone if that is all that was said.
fn when_text(words: Words, when: &When, zone: &TimeZone) -> String {
    match when.date {
        Some(date) => long_date(words, date),
        None => moment(words, when.at, zone),
    }
}

/// `Montag, 30. Oktober 2023, 07:04 Uhr`
fn moment(words: Words, at: Timestamp, zone: &TimeZone) -> String {
    let date = at.to_jiff().to_zoned(zone.clone()).date();
    format!("{}, {}", long_date(words, date), clock_text(words, zone, at))
}

/// `20231209`
fn basic_date(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// `20231208T230000Z`
fn basic_instant(at: Timestamp) -> String {
    let utc = Offset::UTC.to_datetime(at.to_jiff());
    format!("{}T{:02}{:02}{:02}Z", basic_date(utc.date()), utc.hour(), utc.minute(), utc.second())
}
