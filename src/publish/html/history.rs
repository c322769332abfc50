//! An organisation month by month, back to where the records begin: a strip and the availability
//! of each component, disruptions and planned work.

use std::time::Duration;

use maud::{Markup, html};

use crate::model::event::MaintenancePhase;
use crate::model::snapshot::{PublicIncident, PublicMaintenance};
use crate::model::status::{Lifecycle, Status};
use crate::model::time::Timestamp;
use crate::publish::html::availability::percent;
use crate::publish::html::chart::{self, Bar, Caption, Grain, Slot, strip};
use crate::publish::html::page::{Frame, Page};
use crate::publish::html::strips::Past;
use crate::publish::html::{incident, maintenance, time};
use crate::publish::month::Month;

/// Months on a page.
const MONTHS: i32 = 12;

/// Most pages that are counted: the years of a working life.
const PAGES_MAX: usize = 50;

/// Most components of which strips are drawn.
const COMPONENTS_MAX: usize = 60;

/// Most notices of a kind in a month.
const NOTICES_MAX: usize = 100;

/// What is shown, and what lies around it.
struct Shown<'a> {
    pasts: Vec<Past<'a>>,
    /// The months, newest first.
    months: Vec<Month>,
    /// Where older months stand.
    older: Option<Month>,
    /// Where newer months stand: `Some(None)` where the newest do.
    newer: Option<Option<Month>>,
    /// Components of which no strip is drawn.
    more: usize,
}

/// Writes the page.
pub(super) fn render(page: &Page<'_>, before: Option<Month>) -> String {
    let Some((index, organisation)) = page.organisation else { return String::new() };
    let town = page.plain(&organisation.name);
    let folder = format!("/{}", organisation.id);
    let path = match before {
        Some(before) => format!("{folder}/history/{}", before.text()),
        None => format!("{folder}/history"),
    };
    let incidents: Vec<&PublicIncident> = page.snapshot.incidents_of(index).map(|incident| &**incident).collect();
    let planned: Vec<&PublicMaintenance> =
        page.snapshot.all_maintenances_of(index).map(|maintenance| &**maintenance).collect();
    let title = page.say("Rückblick", "History");
    let frame = Frame {
        title: html! { (title) },
        description: html! {
            (town) ": "
            (page.say("Verfügbarkeit, Störungen und geplante Arbeiten nach Monaten.",
                "Availability, disruptions and planned work by month."))
        },
        path: &path,
        above: &[(folder.clone(), html! { (town) })],
        folder: &folder,
        json: &format!("/api/v1/organisations/{}", organisation.id),
        easy: incidents.iter().any(|concerned| incident::is_easy(concerned)),
        links: &organisation.links,
    };
    let main = html! {
        p.over { (page.text(&organisation.name)) }
        h1 { (title) }
        (page.health())
        (page.as_of())
        @match shown(page, before) {
            None => (page.no_archive()),
            Some(shown) => {
                @if shown.months.is_empty() {
                    p.about { (page.say("Aus dieser Zeit gibt es keine Aufzeichnungen.", "There are no records of that time.")) }
                }
                @for month in &shown.months {
                    (page.month(*month, &shown, &incidents, &planned))
                }
                (pages_around(page, &folder, &shown))
            },
        }
    };
    page.document(&frame, &main)
}

/// What is to be shown; `None` if the archive cannot be read.
fn shown<'a>(page: &Page<'a>, before: Option<Month>) -> Option<Shown<'a>> {
    let now = page.snapshot.at;
    let newest = Month::of(page.wall().date(now));
    let end = before.filter(|before| before.first() <= newest.first());
    let last = end.map_or(newest, |end| end.plus(-1));
    let first = last.plus(1 - MONTHS);
    let from = chart::day_start(first.first(), &page.zone)?;
    let components = top_level(page);
    let pasts: Result<Vec<_>, _> =
        components.iter().take(COMPONENTS_MAX).map(|&index| page.past(index, from)).collect();
    let pasts: Vec<Past<'_>> = pasts.ok()?.into_iter().flatten().collect();
    // Whoever was watched before the first month has months before it.
    let began = pasts.iter().filter_map(|past| past.intervals.iter().next()).map(|interval| interval.from).min();
    let oldest = began.map(|began| Month::of(page.wall().date(began)));
    let months = (0..MONTHS).map(|back| last.plus(-back));
    let newer = end.map(|end| Some(end.plus(MONTHS)).filter(|next| next.first() <= newest.first()));
    Some(Shown {
        months: months.filter(|month| oldest.is_some_and(|oldest| oldest.first() <= month.first())).collect(),
        older: began.filter(|began| *began < from).map(|_| first),
        newer,
        more: components.len().saturating_sub(COMPONENTS_MAX),
        pasts,
    })
}

/// Every page of it but the newest: the months before which each one begins.
pub(super) fn pages(page: &Page<'_>) -> Vec<Month> {
    let mut pages: Vec<Month> = Vec::new();
    while pages.len() < PAGES_MAX {
        let Some(older) = shown(page, pages.last().copied()).and_then(|shown| shown.older) else { break };
        pages.push(older);
    }
    pages
}

/// What stands on the page and is no part of something else there.
fn top_level(page: &Page<'_>) -> Vec<u32> {
    let shows = page.organisation.map(|(_, organisation)| &organisation.shows);
    let stands = |index: u32| shows.is_some_and(|shows| shows.binary_search(&index).is_ok());
    let all = shows.into_iter().flat_map(|shows| shows.iter().copied());
    all.filter(|&index| {
        page.view(index).is_some_and(|view| {
            view.component.part_of.is_none_or(|whole| !stands(whole)) && view.state.lifecycle == Lifecycle::Live
        })
    })
    .collect()
}

/// Whether it worked, but not as it should.
const fn is_partial(status: Status) -> bool {
    matches!(status, Status::PartialOutage | Status::DegradedPerformance)
}

/// The ways to older and newer months.
fn pages_around(page: &Page<'_>, folder: &str, shown: &Shown<'_>) -> Markup {
    let link = |before: Option<Month>| match before {
        Some(before) => page.path(&format!("{folder}/history/{}", before.text())),
        None => page.path(&format!("{folder}/history")),
    };
    html! {
        @if shown.older.is_some() || shown.newer.is_some() {
            nav.around aria-label=(page.say("Weitere Monate", "More months")) {
                ul.onward {
                    @if let Some(older) = shown.older {
                        li { a rel="next" href=(link(Some(older))) { (page.say("Ältere Monate", "Older months")) } }
                    }
                    @if let Some(newer) = shown.newer {
                        li { a rel="prev" href=(link(newer)) { (page.say("Neuere Monate", "Newer months")) } }
                    }
                }
            }
        }
    }
}

impl Page<'_> {
    fn month(
        &self,
        month: Month,
        shown: &Shown<'_>,
        incidents: &[&PublicIncident],
        planned: &[&PublicMaintenance],
    ) -> Markup {
        let now = self.snapshot.at;
        let border = |month: Month| chart::day_start(month.first(), &self.zone).unwrap_or(now);
        let whole = Slot { from: border(month), until: border(month.plus(1)) };
        let slots = chart::slots(&self.zone, Grain::Day, whole.from, whole.until);
        let drawn: Vec<(&Past<'_>, Vec<Bar>)> = shown.pasts.iter().map(|past| (past, past.bars(&slots, now))).collect();
        let measured: Vec<&(&Past<'_>, Vec<Bar>)> =
            drawn.iter().filter(|(_, bars)| bars.iter().any(|bar| bar.availability.is_some())).collect();
        let touches = |from: Timestamp, until: Timestamp| from < whole.until.min(now) && until > whole.from;
        let incidents: Vec<&PublicIncident> = incidents
            .iter()
            .copied()
            .filter(|incident| touches(incident.started_at, incident.resolved_at.unwrap_or_else(|| now.shifted(1))))
            .collect();
        let planned: Vec<&PublicMaintenance> = planned
            .iter()
            .copied()
            .filter(|planned| planned.is_active() || planned.phase == MaintenancePhase::Completed)
            .filter(|planned| {
                let end =
                    if planned.is_active() { now.shifted(1) } else { planned.ended_at.unwrap_or(planned.until.at) };
                touches(planned.from.at, end)
            })
            .collect();
        let id = format!("s_month_{}", month.text());
        html! {
            section aria-labelledby=(id) {
                h2 id=(id) { (time::month_name(self.words, month.first())) " " (month.first().year()) }
                @if measured.is_empty() {
                    p.about { (self.say("Für diesen Monat gibt es keine Messwerte.", "There are no measurements of this month.")) }
                } @else {
                    (self.month_strips(month, whole, &measured))
                    (self.month_differing(whole, &measured))
                    @if shown.more > 0 {
                        p.hours { (self.say("und ", "and ")) (self.more_services(shown.more)) }
                    }
                }
                (self.month_notices(&incidents, &planned, self.without_incident(whole, &drawn)))
            }
        }
    }

    fn month_strips(&self, month: Month, whole: Slot, measured: &[&(&Past<'_>, Vec<Bar>)]) -> Markup {
        let now = self.snapshot.at;
        let name = format!("{} {}", time::month_name(self.words, month.first()), month.first().year());
        html! {
            figure.sheet.chart {
                ul.strips {
                    @for (past, bars) in measured {
                        @let component = past.view.component;
                        @let caption = Caption {
                            id: format!("g_{}_{}", month.text(), component.id),
                            title: html! { (self.plain(&component.name)) ", " (name) },
                            text: html! { (self.counted(bars, Some(component.kind), Grain::Day)) },
                        };
                        li {
                            span { @match self.named(&component.id) { Some(link) => (link), None => (self.text(&component.name)) } }
                            @if let Some(availability) = past.availability(whole, now) {
                                strong { (percent(self.words, availability.ratio)) }
                            }
                            (strip(&caption, bars, None))
                        }
                    }
                }
                (self.legend(measured.iter().flat_map(|(_, bars)| bars), None))
                @if measured.iter().flat_map(|(_, bars)| bars).any(|bar| bar.worst.is_none() && bar.slot.from < now) {
                    p.hours { (self.say("Von Tagen ohne Balken gibt es keine Angaben.", "Nothing is recorded of days without a bar.")) }
                }
                @if measured.iter().flat_map(|(_, bars)| bars).any(|bar| bar.worst.is_some_and(is_partial)) {
                    p.hours {
                        (self.say("In den Prozenten zählt nur, was ganz ausgefallen ist.", "The percentages count only what was out completely."))
                    }
                }
                details.fold {
                    summary { (self.say("Als Tabelle", "As a table")) span.unseen { ": " (name) } }
                    (self.month_table(whole, measured))
                }
            }
        }
    }

    fn month_table(&self, whole: Slot, measured: &[&(&Past<'_>, Vec<Bar>)]) -> Markup {
        let now = self.snapshot.at;
        let month_s = whole.until.min(now).since(whole.from).as_secs();
        html! {
            div.table {
                table {
                    thead {
                        tr {
                            th scope="col" { (self.say("Angebot", "Service")) }
                            th scope="col" { (self.say("Verfügbar", "Available")) }
                            th scope="col" { (self.say("Ausfälle", "Outages")) }
                        }
                    }
                    tbody {
                        @for (past, bars) in measured {
                            @let component = past.view.component;
                            @if let Some(availability) = past.availability(whole, now) {
                                tr {
                                    th scope="row" {
                                        (self.text(&component.name))
                                        small { (self.counted(bars, Some(component.kind), Grain::Day)) }
                                    }
                                    td { (self.ratio(&availability, month_s)) }
                                    td { (self.outages(&availability)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Where what is shown is not what people here saw.
    fn month_differing(&self, whole: Slot, measured: &[&(&Past<'_>, Vec<Bar>)]) -> Markup {
        let changed = self.changed(whole.from, whole.until.min(self.snapshot.at));
        let indexes = measured.iter().filter_map(|(past, _)| self.component(&past.view.component.id));
        let names: Vec<Markup> = indexes
            .filter(|(index, _)| self.rests_on(*index, &changed))
            .map(|(_, component)| self.text(&component.name))
            .collect();
        html! {
            @if !names.is_empty() {
                p.hours {
                    (self.say("Gezeigt sind die Angebote insgesamt. Der Stand hier wich zeitweise davon ab bei: ",
                        "This shows the services as a whole. The status here differed from it at times for: "))
                    @for (place, name) in names.iter().enumerate() { @if place > 0 { ", " } (name) }
                    "."
                }
            }
        }
    }

    /// What can be said of a month in which no disruption is listed.
    fn without_incident(&self, whole: Slot, drawn: &[(&Past<'_>, Vec<Bar>)]) -> &'static str {
        if self.snapshot.incidents_from.is_some_and(|held| whole.from < held) {
            return self.say(
                "Meldungen aus dieser Zeit sind nicht mehr vorhanden.",
                "Notices of that time are no longer available.",
            );
        }
        let is_red = |bar: &Bar| bar.worst.is_some_and(Status::is_red);
        if drawn.iter().any(|(_, bars)| bars.iter().any(is_red)) {
            return self.say("Eine Störungsmeldung gab es dazu nicht.", "No disruption notice was published about it.");
        }
        self.say("Keine Störung.", "No disruption.")
    }

    fn month_notices(
        &self,
        incidents: &[&PublicIncident],
        planned: &[&PublicMaintenance],
        without: &'static str,
    ) -> Markup {
        let more = incidents.len().saturating_sub(NOTICES_MAX);
        html! {
            @if incidents.is_empty() {
                p.lead.after { (without) }
            } @else {
                h3.minor { (self.say("Störungen", "Disruptions")) }
                ul.sheet.rows {
                    @for incident in incidents.iter().take(NOTICES_MAX) {
                        li {
                            a href=(self.path(&format!("/incidents/{}", incident.id))) { (self.body(&incident.title)) }
                            p.meta {
                                (self.moment(incident.started_at))
                                @if incident.is_open() { (self.say(", dauert an", ", continues")) } @else { (self.lasted(incident)) }
                            }
                            (self.continued(incident))
                        }
                    }
                    @if more > 0 { li { (self.say("und ", "and ")) (more) (self.say(" weitere", " more")) } }
                }
            }
            @if !planned.is_empty() {
                h3.minor { (self.say("Geplante Arbeiten", "Planned work")) }
                ul.sheet.rows {
                    @for planned in planned.iter().take(NOTICES_MAX) {
                        li {
                            a href=(self.path(&maintenance::path(planned))) { (self.text(&planned.title)) }
                            p.meta { (self.work_lasted(planned)) }
                        }
                    }
                }
            }
        }
    }

    fn work_lasted(&self, planned: &PublicMaintenance) -> Markup {
        let zone = time::zone(&planned.zone);
        let wall = time::Wall { words: self.words, zone: &zone };
        html! {
            (wall.when(&planned.from))
            @match planned.ended_at {
                Some(ended_at) => {
                    (self.say(", Dauer ", ", lasted "))
                    (time::duration(self.words, ended_at.since(planned.from.at).max(Duration::from_secs(60))))
                },
                None => (self.say(", dauert an", ", continues")),
            }
        }
    }
}
