//! Strips on pages: how a component was on each of the last days and all through a disruption.
//! Each has its legend, and behind it a table that says the same in words and figures.

use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;
use maud::{Markup, html};

use crate::model::availability::{Availability, Intervals};
use crate::model::incident::IncidentStatus;
use crate::model::local::{PublicLocal, View};
use crate::model::snapshot::{PublicComponent, PublicIncident};
use crate::model::status::{ComponentKind, Status};
use crate::model::time::Timestamp;
use crate::publish::archive::Unavailable;
use crate::publish::html::availability::percent;
use crate::publish::html::chart::{self, Bar, Caption, Grain, LOOKS, Slot, strip};
use crate::publish::html::page::Page;
use crate::publish::html::time;
use crate::publish::past;
use crate::publish::wording;

/// Days of the strip on a component's page, the one at hand included.
const DAYS: i32 = 90;

/// Most bars of a disruption; a longer one is told in weeks, then in months.
const BARS_MAX: u64 = 118;

/// Most strips of a disruption that tell each of their bars; more of them are drawn plain.
const TOLD_MAX: usize = 3;

/// Most strips of a disruption that are open; more of them fold up.
const OPEN_MAX: usize = 6;

/// Most strips of a disruption.
const STRIPS_MAX: usize = 100;

/// Most rows of a table, and most changes of mode that are listed.
const ROWS_MAX: usize = 200;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A component's past, as far as a page needs it.
pub(super) struct Past<'a> {
    pub(super) view: View<'a>,
    pub(super) intervals: std::sync::Arc<Intervals>,
}

impl Past<'_> {
    /// From when on it counts.
    pub(super) fn in_service(&self) -> Option<Timestamp> {
        self.view.component.available_from.as_ref().map(|from| from.at)
    }

    /// Its availability in a slot, as far as that lies behind us.
    pub(super) fn availability(&self, slot: Slot, now: Timestamp) -> Option<Availability> {
        let until = slot.until.min(now);
        self.intervals.window(until, until.since(slot.from), self.in_service())
    }

    pub(super) fn bars(&self, slots: &[Slot], now: Timestamp) -> Vec<Bar> {
        chart::bars(&self.intervals, slots, self.in_service(), now)
    }

    const fn kind(&self) -> Option<ComponentKind> {
        Some(self.view.component.kind)
    }
}

/// Bars in a row that say the same.
struct Run {
    slot: Slot,
    worst: Option<Status>,
    /// Whether it was so all of the time.
    whole: bool,
}

/// Joins bars that were all of their time in one status.
fn runs(bars: &[Bar], now: Timestamp) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for bar in bars {
        let length = bar.slot.until.min(now).since(bar.slot.from).as_secs();
        let whole = match (bar.worst, &bar.availability) {
            (None | Some(Status::Operational | Status::Unknown), _) => true,
            (Some(worst), Some(availability)) => seconds_in(availability, worst) + 1 >= length,
            (Some(_), None) => false,
        };
        match runs.last_mut() {
            Some(last) if whole && last.whole && last.worst == bar.worst => last.slot.until = bar.slot.until,
            _ => runs.push(Run { slot: bar.slot, worst: bar.worst, whole }),
        }
    }
    runs
}

/// Seconds in a status that is none of the best.
const fn seconds_in(availability: &Availability, status: Status) -> u64 {
    match status {
        Status::MajorOutage => availability.major_s,
        Status::PartialOutage => availability.partial_s,
        Status::DegradedPerformance => availability.degraded_s,
        Status::UnderMaintenance => availability.maintenance_s,
        Status::Unknown => availability.unknown_s,
        Status::Operational => 0,
    }
}

impl<'a> Page<'a> {
    /// The past of a component from an instant on.
    ///
    /// # Errors
    /// If the archive had to be asked and cannot be read.
    pub(super) fn past(&self, index: u32, from: Timestamp) -> Result<Option<Past<'a>>, Unavailable> {
        let Some(view) = self.view(index) else { return Ok(None) };
        Ok(Some(Past { view, intervals: past::intervals(self.snapshot, self.archive, index, from)? }))
    }

    /// The sentence in the place of a chart that cannot be drawn.
    pub(super) fn no_archive(&self) -> Markup {
        html! {
            p.about {
                (self.say(
                    "Die Aufzeichnungen lassen sich zurzeit nicht lesen. Bitte versuchen Sie es später noch einmal.",
                    "The records cannot be read at present. Please try again later.",
                ))
            }
        }
    }

    /// The section with a component's last days.
    pub(super) fn last_days(&self, index: u32) -> Markup {
        let now = self.snapshot.at;
        let today = self.wall().date(now);
        let first = today.checked_sub((DAYS - 1).days()).unwrap_or(today);
        let from = chart::day_start(first, &self.zone).unwrap_or(now);
        let past = self.past(index, from);
        html! {
            section aria-labelledby="s_days" {
                h2 id="s_days" { (self.say("Die letzten 90 Tage", "The last 90 days")) }
                @match &past {
                    Err(Unavailable::TooMuch | Unavailable::Now) => (self.no_archive()),
                    Ok(None) => {},
                    Ok(Some(past)) => (self.days(index, past, first, from)),
                }
            }
        }
    }

    fn days(&self, index: u32, past: &Past<'_>, first: Date, from: Timestamp) -> Markup {
        let now = self.snapshot.at;
        let bars = past.bars(&chart::slots(&self.zone, Grain::Day, from, now), now);
        let differs = past.view.local.standing.is_some() || past.view.status != past.view.state.status;
        let differed = || self.rests_on(index, &self.changed(from, now));
        if bars.iter().all(|bar| bar.availability.is_none()) {
            let is_checked = past.view.state.checked_at.is_some();
            return html! {
                p.about {
                    @if is_checked {
                        (self.say("In dieser Zeit ließ sich nichts messen.", "Nothing could be measured in this time."))
                    } @else {
                        (self.say("Dieses Angebot wird nicht automatisch geprüft; Messwerte gibt es nicht.",
                            "This service is not checked automatically; there are no measurements."))
                    }
                }
            };
        }
        let caption = Caption {
            id: format!("g_{}", past.view.component.id),
            title: html! {
                (self.plain(&past.view.component.name)) ": "
                (self.say("die letzten 90 Tage, ein Balken je Tag", "the last 90 days, one bar a day"))
            },
            text: html! { (self.counted(&bars, past.kind(), Grain::Day)) },
        };
        let tell = |bar: &Bar| self.told(bar, Grain::Day, past.kind());
        let began = past.intervals.iter().next().map(|interval| interval.from).filter(|began| *began > from);
        html! {
            figure.sheet.chart {
                (strip(&caption, &bars, Some(&tell)))
                div.ends {
                    span { (time::date_text(self.words, first)) }
                    span { (self.say("heute", "today")) }
                }
                (self.legend(&bars, past.kind()))
                @if let Some(began) = began {
                    p.hours { (self.say("Aufgezeichnet seit ", "Recorded since ")) (self.moment(began)) "." }
                }
                @if differs {
                    p.hours {
                        (self.say("Gezeigt ist das Angebot insgesamt; was hier davon abweicht, steht oben.",
                            "This shows the service as a whole; what differs here stands above."))
                    }
                } @else if differed() {
                    (self.as_a_whole())
                }
                details.fold {
                    summary { (self.say("Als Tabelle", "As a table")) }
                    (self.day_table(past, &bars))
                }
            }
        }
    }

    fn day_table(&self, past: &Past<'_>, bars: &[Bar]) -> Markup {
        let now = self.snapshot.at;
        html! {
            div.table {
                table {
                    thead {
                        tr {
                            th scope="col" { (self.say("Tag", "Day")) }
                            th scope="col" { (self.say("Schlechtester Stand", "Worst status")) }
                            th scope="col" { (self.say("Verfügbar", "Available")) }
                        }
                    }
                    tbody {
                        @for run in runs(bars, now).iter().rev() {
                            @let availability = past.availability(run.slot, now);
                            tr {
                                th scope="row" { (self.span_of(run.slot, Grain::Day)) }
                                td {
                                    (self.status_or_none(run.worst, past.kind()))
                                    @if let Some(availability) = &availability { (self.disturbed(availability)) }
                                }
                                td {
                                    @match &availability {
                                        Some(availability) => (percent(self.words, availability.ratio)),
                                        None => "–",
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// How long it was in each status that is none of the best.
    fn disturbed(&self, availability: &Availability) -> Markup {
        html! {
            @for status in LOOKS.into_iter().rev() {
                @let seconds = seconds_in(availability, status);
                @if seconds > 0 {
                    small {
                        (self.words.status(status, None)) ": "
                        (time::duration(self.words, Duration::from_secs(seconds)))
                    }
                }
            }
        }
    }

    pub(super) fn status_or_none(&self, status: Option<Status>, kind: Option<ComponentKind>) -> &'static str {
        status.map_or_else(|| self.say("keine Angaben", "nothing recorded"), |status| self.words.status(status, kind))
    }

    /// What a pointer is told of a bar.
    fn told(&self, bar: &Bar, grain: Grain, kind: Option<ComponentKind>) -> String {
        let length = bar.slot.until.min(self.snapshot.at).since(bar.slot.from);
        let lasted = bar.worst.zip(bar.availability.as_ref()).map(|(worst, found)| seconds_in(found, worst));
        let lasted = lasted.filter(|seconds| *seconds > 0 && Duration::from_secs(seconds + 1) < length);
        let lasted = lasted.map(|seconds| format!(", {}", time::duration(self.words, Duration::from_secs(seconds))));
        format!(
            "{}: {}{}",
            self.span_of(bar.slot, grain),
            self.status_or_none(bar.worst, kind),
            lasted.unwrap_or_default()
        )
    }

    /// When a slot was, in words that fit it.
    fn span_of(&self, slot: Slot, grain: Grain) -> String {
        let (words, wall) = (self.words, self.wall());
        let (first, last) = (wall.date(slot.from), wall.date(slot.until.shifted(-1)));
        match grain {
            Grain::Hour => {
                format!("{}, {}", time::date_text(words, first), time::clock_text(words, &self.zone, slot.from))
            }
            Grain::Day | Grain::Week | Grain::Month if first == last => time::long_date(words, first),
            Grain::Day | Grain::Week | Grain::Month => format!(
                "{}{}{}",
                time::date_text(words, first),
                words.pick(" bis ", " to "),
                time::date_text(words, last)
            ),
        }
    }

    /// `88 Tage verfügbar, 2 Tage nicht verfügbar.`
    pub(super) fn counted(&self, bars: &[Bar], kind: Option<ComponentKind>, grain: Grain) -> String {
        let (one, many) = match grain {
            Grain::Hour => (self.say("Stunde", "hour"), self.say("Stunden", "hours")),
            Grain::Day => (self.say("Tag", "day"), self.say("Tage", "days")),
            Grain::Week => (self.say("Woche", "week"), self.say("Wochen", "weeks")),
            Grain::Month => (self.say("Monat", "month"), self.say("Monate", "months")),
        };
        let said: Vec<String> = LOOKS
            .into_iter()
            .filter_map(|look| {
                let count = bars.iter().filter(|bar| bar.worst == Some(look)).count();
                let noun = if count == 1 { one } else { many };
                (count > 0).then(|| format!("{count} {noun} {}", self.words.status(look, kind)))
            })
            .collect();
        if said.is_empty() {
            return self.say("Keine Angaben.", "Nothing recorded.").to_owned();
        }
        format!("{}.", said.join(", "))
    }

    /// What the heights and colours of some bars mean.
    pub(super) fn legend<'b>(&self, bars: impl IntoIterator<Item = &'b Bar>, kind: Option<ComponentKind>) -> Markup {
        let mut seen: Vec<Status> = bars.into_iter().filter_map(|bar| bar.worst).collect();
        seen.sort_unstable();
        seen.dedup();
        html! {
            ul.legend {
                @for look in LOOKS.into_iter().filter(|look| seen.contains(look)) {
                    li { (chart::sample(look)) (self.words.status(look, kind)) }
                }
            }
        }
    }

    /// The section with what a disruption was like for each component that it concerns, from its
    /// begin to its end.
    pub(super) fn states_during(&self, incident: &PublicIncident) -> Markup {
        let now = self.snapshot.at;
        let until = incident.resolved_at.unwrap_or(now).min(now);
        let length = until.since(incident.started_at).as_secs();
        let concerned: Vec<u32> =
            incident.components.iter().filter_map(|(id, ..)| Some(self.component(id)?.0)).take(STRIPS_MAX).collect();
        if length == 0 || concerned.is_empty() || incident.merged_into.is_some() {
            return Markup::default();
        }
        let grain = match length {
            ..=345_600 => Grain::Hour,
            _ if length <= BARS_MAX * DAY => Grain::Day,
            _ if length <= BARS_MAX * 7 * DAY => Grain::Week,
            _ => Grain::Month,
        };
        let mut slots = chart::slots(&self.zone, grain, incident.started_at, until);
        // A single bar would say only what stands above.
        if slots.len() < 2 {
            return Markup::default();
        }
        if let Some(first) = slots.first_mut() {
            first.from = first.from.max(incident.started_at);
        }
        if let Some(last) = slots.last_mut() {
            last.until = last.until.min(until);
        }
        let pasts: Result<Vec<_>, Unavailable> =
            concerned.iter().map(|&index| self.past(index, incident.started_at)).collect();
        html! {
            section aria-labelledby="s_states" {
                h2 id="s_states" {
                    @if incident.is_open() { (self.say("Der Stand seit Beginn", "The status since it began")) }
                    @else { (self.say("Der Stand von Anfang bis Ende", "The status from beginning to end")) }
                }
                @match pasts {
                    Err(Unavailable::TooMuch | Unavailable::Now) => (self.no_archive()),
                    Ok(pasts) => (self.strips_of(incident, &pasts.into_iter().flatten().collect::<Vec<_>>(), &slots, grain)),
                }
            }
        }
    }

    fn strips_of(&self, incident: &PublicIncident, pasts: &[Past<'_>], slots: &[Slot], grain: Grain) -> Markup {
        let now = self.snapshot.at;
        let is_shared = self.has_owners(incident);
        let drawn: Vec<Vec<Bar>> = pasts.iter().map(|past| past.bars(slots, now)).collect();
        let told = pasts.len() <= TOLD_MAX;
        let both: Vec<_> = pasts.iter().zip(&drawn).collect();
        let (open, folded) = both.split_at(both.len().min(OPEN_MAX));
        let each = match grain {
            Grain::Hour => self.say("Ein Balken steht für eine Stunde.", "One bar stands for an hour."),
            Grain::Day => self.say("Ein Balken steht für einen Tag.", "One bar stands for a day."),
            Grain::Week => self.say("Ein Balken steht für eine Woche.", "One bar stands for a week."),
            Grain::Month => self.say("Ein Balken steht für einen Monat.", "One bar stands for a month."),
        };
        html! {
            figure.sheet.chart {
                @for (past, bars) in open { (self.strip_of(incident, past, bars, (grain, told), &self.owner(&past.view.component.id, is_shared))) }
                @if !folded.is_empty() {
                    details.fold {
                        summary { (self.more_services(folded.len())) }
                        @for (past, bars) in folded { (self.strip_of(incident, past, bars, (grain, told), &self.owner(&past.view.component.id, is_shared))) }
                    }
                }
                @if let (Some(first), Some(last)) = (slots.first(), slots.last()) {
                    div.ends {
                        span { (self.moment(first.from)) }
                        span { @if incident.is_open() { (self.say("jetzt", "now")) } @else { (self.moment(last.until)) } }
                    }
                }
                (self.legend(drawn.iter().flatten(), None))
                p.hours { (each) }
                (self.phases(incident))
            }
        }
    }

    fn strip_of(
        &self,
        incident: &PublicIncident,
        past: &Past<'_>,
        bars: &[Bar],
        (grain, told): (Grain, bool),
        owner: &Markup,
    ) -> Markup {
        let component = past.view.component;
        let caption = Caption {
            id: format!("g_{}", component.id),
            title: html! { (self.plain(&component.name)) },
            text: html! { (self.counted(bars, past.kind(), grain)) },
        };
        let tell = |bar: &Bar| self.told(bar, grain, past.kind());
        let tell: Option<&dyn Fn(&Bar) -> String> = if told { Some(&tell) } else { None };
        let modes: Vec<&PublicLocal> = self
            .snapshot
            .changes
            .iter()
            .map(|local| &**local)
            .filter(|local| local.ended_at.is_none())
            .filter(|local| local.component == component.id && (local.mode.is_some() || local.status.is_some()))
            .filter(|local| self.reached_by(local, component).next().is_some())
            .filter(|local| {
                local.since >= incident.started_at && incident.resolved_at.is_none_or(|end| local.since <= end)
            })
            .take(ROWS_MAX)
            .collect();
        html! {
            div.course-of {
                h3 { @match self.named(&component.id) { Some(link) => (link), None => (self.text(&component.name)) } (owner) }
                (strip(&caption, bars, tell))
                details.fold {
                    summary { (self.say("Als Tabelle", "As a table")) span.unseen { ": " (self.text(&component.name)) } }
                    (self.stretches(past, bars))
                    @if !modes.is_empty() {
                        ul.modes { @for local in modes { li { (self.mode_began(local, component)) } } }
                    }
                }
            }
        }
    }

    /// `Seit Dienstag, 12. Dezember 2023, 08:00 Uhr: Basisbetrieb – Stadt Menden`
    fn mode_began(&self, local: &PublicLocal, component: &PublicComponent) -> Markup {
        let said = match (local.mode, local.status) {
            (Some(mode), _) => self.words.mode(mode),
            (None, status) => self.status_or_none(status, None),
        };
        html! {
            (self.say("Seit ", "Since ")) (self.moment(local.since)) ": " strong { (wording::capitalised(said)) }
            (self.organisations(self.reached_by(local, component)))
        }
    }

    /// The organisations that a word reaches, of those on whose pages the component stands.
    fn reached_by(&self, local: &PublicLocal, component: &PublicComponent) -> impl Iterator<Item = u32> {
        let all = &self.snapshot.catalogue.organisations;
        let reaches = |index: u32| all.get(index as usize).is_some_and(|there| local.reaches(there));
        component.shown_on.iter().copied().filter(move |&index| reaches(index))
    }

    /// `1 weiteres Angebot`
    pub(super) fn more_services(&self, more: usize) -> String {
        let noun = match more {
            1 => self.say("weiteres Angebot", "more service"),
            _ => self.say("weitere Angebote", "more services"),
        };
        format!("{more} {noun}")
    }

    /// The stretches in one status, exactly.
    fn stretches(&self, past: &Past<'_>, bars: &[Bar]) -> Markup {
        let now = self.snapshot.at;
        let ends = bars.first().zip(bars.last());
        let (from, until) = ends.map_or((now, now), |(first, last)| (first.slot.from, last.slot.until.min(now)));
        let mut stretches: Vec<(Timestamp, Status)> = Vec::new();
        for interval in past.intervals.touching(from, until) {
            if stretches.last().is_none_or(|(_, status)| *status != interval.status) {
                stretches.push((interval.from.max(from), interval.status));
            }
        }
        let ends: Vec<Timestamp> = stretches.iter().skip(1).map(|(next, _)| *next).chain([until]).collect();
        let more = stretches.len().saturating_sub(ROWS_MAX);
        html! {
            div.table {
                table {
                    thead {
                        tr {
                            th scope="col" { (self.say("Von", "From")) }
                            th scope="col" { (self.say("Stand", "Status")) }
                            th scope="col" { (self.say("Dauer", "Duration")) }
                        }
                    }
                    tbody {
                        @for ((began, status), end) in stretches.iter().zip(ends).take(ROWS_MAX) {
                            tr {
                                th scope="row" { (self.moment(*began)) }
                                td { (self.words.status(*status, past.kind())) }
                                td { (time::duration(self.words, end.since(*began))) }
                            }
                        }
                    }
                }
                @if more > 0 { p.hours { (self.say("und ", "and ")) (more) (self.say(" weitere", " more")) } }
            }
        }
    }

    /// The phases of a disruption as its updates tell them.
    fn phases(&self, incident: &PublicIncident) -> Markup {
        let mut phases: Vec<(Timestamp, IncidentStatus)> = Vec::new();
        for update in incident.updates.iter().filter(|update| update.retracted_at.is_none()) {
            if phases.last().is_none_or(|(_, status)| *status != update.status) {
                phases.push((update.at, update.status));
            }
        }
        html! {
            @if phases.len() > 1 {
                details.fold {
                    summary { (self.say("Phasen der Störung", "Phases of the disruption")) }
                    div.table {
                        table {
                            thead {
                                tr {
                                    th scope="col" { (self.say("Seit", "Since")) }
                                    th scope="col" { (self.say("Phase", "Phase")) }
                                }
                            }
                            tbody {
                                @for (at, status) in phases.iter().take(ROWS_MAX) {
                                    tr {
                                        th scope="row" { (self.moment(*at)) }
                                        td { (self.words.incident_status(*status)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
