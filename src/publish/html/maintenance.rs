//! Planned work: the notices on other pages, the page of all of it, and the page of one.
//!
//! Its times are said in its own time zone: "until and including 8 December" is agreed on
//! locally, wherever the reader's page has its clock.

use maud::{Markup, PreEscaped, html};

use crate::model::catalogue::Ends;
use crate::model::event::MaintenancePhase;
use crate::model::incident::Body;
use crate::model::notice::CoveredNotice;
use crate::model::snapshot::PublicMaintenance;
use crate::model::status::Status;
use crate::model::text::{Plain, Text};
use crate::model::time::Timestamp;
use crate::model::window::When;
use crate::publish::html::page::{Frame, PLANNED_PATH, Page, has_easy};
use crate::publish::html::status::{pill, pill_of, verdict};
use crate::publish::html::time::{self, Wall};
use crate::publish::recurrence;
use crate::publish::wording::{self, Words};

/// Most notices of planned work on another page; the nearest ones are shown.
const SHOWN_MAX: usize = 10;

/// Most notices of one group on the page of all of them.
const LISTED_MAX: usize = 200;

/// The path of a maintenance's page in the default language.
pub(super) fn path(maintenance: &PublicMaintenance) -> String {
    format!("{PLANNED_PATH}/{}", maintenance.id)
}

/// The look of a maintenance: that of the status which fits its phase.
const fn look(maintenance: &PublicMaintenance) -> Status {
    match maintenance.phase {
        MaintenancePhase::Announced | MaintenancePhase::InProgress => Status::UnderMaintenance,
        MaintenancePhase::Overrunning => Status::DegradedPerformance,
        MaintenancePhase::Completed => Status::Operational,
        MaintenancePhase::Cancelled => Status::Unknown,
    }
}

/// Where a maintenance stands, as a sentence.
const fn sentence(words: Words, phase: MaintenancePhase) -> &'static str {
    match phase {
        MaintenancePhase::Announced => words.pick("Diese Arbeiten sind angekündigt.", "This work has been announced."),
        MaintenancePhase::InProgress => words.pick("Diese Arbeiten laufen zurzeit.", "This work is under way."),
        MaintenancePhase::Overrunning => words.pick("Dauert länger als angekündigt.", "Takes longer than announced."),
        MaintenancePhase::Completed => words.pick("Diese Arbeiten sind beendet.", "This work is over."),
        MaintenancePhase::Cancelled => words.pick("Diese Arbeiten wurden abgesagt.", "This work was called off."),
    }
}

/// Whether it is announced or under way, or was called off and people may still reckon with it.
fn is_ahead(maintenance: &PublicMaintenance, at: Timestamp) -> bool {
    match maintenance.phase {
        MaintenancePhase::Announced | MaintenancePhase::InProgress | MaintenancePhase::Overrunning => true,
        MaintenancePhase::Cancelled => maintenance.until.at > at,
        MaintenancePhase::Completed => false,
    }
}

/// Whether a text of it exists in easy language.
fn is_easy(maintenance: &PublicMaintenance) -> bool {
    let updates = maintenance.updates.iter().filter_map(|update| match &update.body {
        Body::Written(text) => Some(text),
        Body::Automatic(_) => None,
    });
    let texts: Vec<&Text> = [&maintenance.title].into_iter().chain(&maintenance.text).chain(updates).collect();
    has_easy(texts)
}

/// Writes the page of all planned work.
pub(super) fn render_all(page: &Page<'_>) -> String {
    let of = |phases: &[MaintenancePhase]| {
        let all = page.snapshot.maintenances.iter().map(|maintenance| &**maintenance);
        all.filter(|maintenance| phases.contains(&maintenance.phase)).collect::<Vec<_>>()
    };
    let under_way = of(&[MaintenancePhase::InProgress, MaintenancePhase::Overrunning]);
    let ahead = of(&[MaintenancePhase::Announced]);
    let mut over = of(&[MaintenancePhase::Completed, MaintenancePhase::Cancelled]);
    over.sort_by_key(|maintenance| std::cmp::Reverse(maintenance.ended_at));
    let title = page.say("Geplante Arbeiten", "Planned work");
    let site = &page.snapshot.catalogue.site;
    let is_empty = under_way.is_empty() && ahead.is_empty() && over.is_empty();
    let frame = Frame {
        title: html! { (title) },
        description: html! {
            (page.say("Was geplant ist, was läuft und was eben beendet wurde: ", "What is planned, under way and just over: "))
            (page.plain(&site.title))
        },
        path: PLANNED_PATH,
        above: &[],
        folder: "",
        json: "/api/v1/maintenance",
        easy: page.snapshot.maintenances.iter().any(|maintenance| is_easy(maintenance)),
        links: &site.links,
    };
    let main = html! {
        h1 { (title) }
        (page.health())
        @if is_empty {
            p.about { (page.say("Zurzeit ist nichts angekündigt.", "Nothing is announced at present.")) }
        }
        (page.maintenance_group("s_under_way", page.say("Läuft zurzeit", "Under way"), &under_way))
        (page.maintenance_group("s_ahead", page.say("Angekündigt", "Announced"), &ahead))
        (page.maintenance_group("s_over", page.say("Vor kurzem beendet oder abgesagt", "Recently over or called off"), &over))
    };
    page.document(&frame, &main)
}

/// Writes the page of a maintenance.
pub(super) fn render(page: &Page<'_>, maintenance: &PublicMaintenance) -> String {
    let zone = time::zone(&maintenance.zone);
    let wall = Wall { words: page.words, zone: &zone };
    let title = page.plain(&maintenance.title);
    let path = path(maintenance);
    let phase = page.words.maintenance_phase(maintenance.phase);
    let frame = Frame {
        title: html! { (title) },
        description: html! { (title) ": " (phase) "." },
        path: &path,
        above: &[(PLANNED_PATH.to_owned(), html! { (page.say("Geplante Arbeiten", "Planned work")) })],
        folder: "",
        json: &format!("/api/v1/maintenance/{}", maintenance.id),
        easy: is_easy(maintenance),
        links: &page.snapshot.catalogue.site.links,
    };
    let more = html! {
        p.more { (page.announced_window(maintenance, wall)) "." }
        (page.as_of())
    };
    let is_called_off = maintenance.phase == MaintenancePhase::Cancelled;
    let main = html! {
        p.over { (page.say("Geplante Arbeiten", "Planned work")) }
        h1 { (page.text(&maintenance.title)) }
        (page.health())
        (verdict(look(maintenance), sentence(page.words, maintenance.phase), &more))
        section aria-labelledby="s_facts" {
            h2 id="s_facts" { (page.say("Auf einen Blick", "At a glance")) }
            div.sheet.card {
                @if let Some(text) = &maintenance.text { p.said { (page.text(text)) } }
                dl.facts { (page.maintenance_dates(maintenance, wall)) (page.maintenance_scope(maintenance, wall)) }
            }
        }
        @if !is_called_off { (page.maintenance_ways(maintenance)) }
        (page.covered(maintenance, wall))
        @if !is_called_off { (page.unaffected(&maintenance.unaffected, maintenance.is_active())) }
        (page.occurrences(maintenance, wall))
        (page.programme(maintenance))
        (page.maintenance_course(&maintenance.updates, wall))
        p.lead.after { a href=(page.path(PLANNED_PATH)) { (page.say("Alle geplanten Arbeiten", "All planned work")) } }
    };
    page.document(&frame, &main)
}

/// A stretch of time at the beginning of a sentence.
fn capital(window: &Markup) -> Markup {
    let mut letters = window.0.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    // The first letter is one of our own words, never markup.
    PreEscaped(first.into_iter().chain(letters).collect())
}

impl<'a> Page<'a> {
    /// The section about planned work on another page; nothing if there is none. What was called
    /// off is told until the day it was meant for is over.
    pub(super) fn planned_work(&self, all: impl Iterator<Item = &'a PublicMaintenance>) -> Markup {
        let ahead: Vec<&PublicMaintenance> =
            all.filter(|maintenance| is_ahead(maintenance, self.snapshot.at)).collect();
        html! {
            @if !ahead.is_empty() {
                section aria-labelledby="s_planned" {
                    h2 id="s_planned" { (self.say("Geplante Arbeiten", "Planned work")) }
                    ul.cards { @for maintenance in ahead.iter().take(SHOWN_MAX) { (self.maintenance(maintenance)) } }
                    p.lead.after {
                        a href=(self.path(PLANNED_PATH)) { (self.say("Alle geplanten Arbeiten", "All planned work")) }
                    }
                }
            }
        }
    }

    fn maintenance_group(&self, id: &str, heading: &str, group: &[&PublicMaintenance]) -> Markup {
        let more = group.len().saturating_sub(LISTED_MAX);
        html! {
            @if !group.is_empty() {
                section aria-labelledby=(id) {
                    h2 id=(id) { (heading) }
                    ul.cards { @for maintenance in group.iter().take(LISTED_MAX) { (self.maintenance(maintenance)) } }
                    @if more > 0 { p.lead.after { (self.say("und ", "and ")) (more) (self.say(" weitere", " more")) } }
                }
            }
        }
    }

    fn maintenance(&self, maintenance: &PublicMaintenance) -> Markup {
        let zone = time::zone(&maintenance.zone);
        let wall = Wall { words: self.words, zone: &zone };
        let is_ahead = is_ahead(maintenance, self.snapshot.at) && maintenance.phase != MaintenancePhase::Cancelled;
        let ways = if is_ahead { self.applying(maintenance.alternatives.iter()) } else { Vec::new() };
        html! {
            li.sheet.card id={ "m_" (maintenance.id) } {
                div.head {
                    h3 { a href=(self.path(&path(maintenance))) { (self.text(&maintenance.title)) } }
                    (pill_of(look(maintenance), self.words.maintenance_phase(maintenance.phase)))
                }
                p.strong { (self.announced_window(maintenance, wall)) }
                @if maintenance.phase != MaintenancePhase::Cancelled {
                    dl.facts { (self.maintenance_dates(maintenance, wall)) (self.maintenance_scope(maintenance, wall)) }
                }
                @if !ways.is_empty() {
                    div.ways {
                        h4 { (wording::alternatives_heading(self.words)) }
                        (self.way_list(&ways))
                    }
                }
            }
        }
    }

    /// Its window; of what did not keep to it, that this was what had been announced.
    fn announced_window(&self, maintenance: &PublicMaintenance, wall: Wall<'_>) -> Markup {
        let window = wall.window(&maintenance.from, &maintenance.until);
        match maintenance.phase {
            MaintenancePhase::Overrunning | MaintenancePhase::Cancelled => html! {
                (self.say("Angekündigt war: ", "Announced was: ")) (window)
            },
            MaintenancePhase::Announced | MaintenancePhase::InProgress | MaintenancePhase::Completed => {
                capital(&window)
            }
        }
    }

    /// Its dates, for a list of facts.
    fn maintenance_dates(&self, maintenance: &PublicMaintenance, wall: Wall<'_>) -> Markup {
        let phase = maintenance.phase;
        let announced = phase == MaintenancePhase::Announced;
        let over = matches!(phase, MaintenancePhase::Completed | MaintenancePhase::Cancelled);
        html! {
            @if phase == MaintenancePhase::Overrunning {
                dt { (self.say("Bis wann", "Until")) }
                dd { (wording::no_end_known(self.words)) }
            } @else if !over && maintenance.ends == Ends::OnNotice {
                dt { (self.say("Ende", "End")) }
                dd { (self.say("wird eigens bekannt gegeben", "will be announced")) }
            }
            @if let Some(ended_at) = maintenance.ended_at.filter(|_| over) {
                @if phase == MaintenancePhase::Cancelled {
                    dt { (self.say("Abgesagt", "Called off")) }
                } @else {
                    dt { (self.say("Beendet", "Over since")) }
                }
                dd { (wall.moment(ended_at)) }
            }
            @if let Some(last) = maintenance.last_chance_before.as_ref().filter(|_| announced) {
                dt { (self.say("Letzter Tag vorher", "Last day before")) }
                dd { (wall.when(last)) }
            }
            @if let Some(back) = maintenance.back_from.as_ref().filter(|_| !over && phase != MaintenancePhase::Overrunning) {
                dt { (self.say("Wieder ab", "Back from")) }
                dd { (wall.when(back)) }
            }
            @if let Some(series) = &maintenance.series {
                dt { (self.say("Wiederholung", "Recurrence")) }
                dd { (recurrence::said(self.words, &series.recurrence, (&series.from, &series.until), wall.zone)) }
            }
            @if announced {
                dt { (self.say("Angekündigt", "Announced")) }
                dd { (wall.when(&maintenance.announced_at)) }
            }
            @if let Some(programme) = &maintenance.programme {
                dt { (self.say("Vorhaben", "Programme")) }
                dd { (Plain::new(programme)) }
            }
        }
    }

    /// Whom or what it concerns, for a list of facts.
    fn maintenance_scope(&self, maintenance: &PublicMaintenance, wall: Wall<'_>) -> Markup {
        let organisations = self.reached(maintenance.components.iter().map(|covered| &covered.component));
        html! {
            @if self.organisation.is_some() {
                dt { (self.say("Betrifft", "Concerns")) }
                dd {
                    ul.names.lines {
                        @for covered in &maintenance.components {
                            @if let Some(name) = self.named(&covered.component) { li { (name) (self.own_end(covered, wall)) } }
                        }
                    }
                }
                @let unaffected: Vec<Markup> = maintenance.unaffected.iter().filter_map(|id| self.named(id)).collect();
                @if !unaffected.is_empty() {
                    dt { (self.say("Nicht betroffen", "Not affected")) }
                    dd { (self.folded(&unaffected, self.say("Angebote", "services"))) }
                }
            } @else if !organisations.is_empty() {
                dt { (self.say("Organisationen", "Organisations")) }
                dd { (self.organisations(organisations)) }
            }
        }
    }

    /// The end that one of several has of its own: back already, or planned earlier.
    fn own_end(&self, covered: &CoveredNotice, wall: Wall<'_>) -> Markup {
        html! {
            @match (covered.ended_at, &covered.until) {
                (Some(ended_at), _) => { ": " (self.back_since(ended_at, wall)) },
                (None, Some(until)) => {
                    (self.say(": geplant ", ": planned ")) (wall.until(until))
                },
                (None, None) => {},
            }
        }
    }

    /// `wieder da seit Mittwoch, 6. Dezember 2023, 08:00 Uhr`
    pub(super) fn back_since(&self, ended_at: Timestamp, wall: Wall<'_>) -> Markup {
        html! {
            @if ended_at <= self.snapshot.at { (self.say("wieder da seit ", "back since ")) }
            @else { (self.say("wieder da ab ", "back from ")) }
            (wall.moment(ended_at))
        }
    }

    /// What it covers, with the ends of their own and, while it is under way, how it is now.
    fn covered(&self, maintenance: &PublicMaintenance, wall: Wall<'_>) -> Markup {
        let rows: Vec<_> = maintenance
            .components
            .iter()
            .filter_map(|covered| Some((covered, self.named(&covered.component)?)))
            .collect();
        html! {
            @if !rows.is_empty() {
                section aria-labelledby="s_concerned" {
                    h2 id="s_concerned" {
                        @match maintenance.phase {
                            MaintenancePhase::Announced => (self.say("Was betroffen sein wird", "What will be affected")),
                            MaintenancePhase::InProgress | MaintenancePhase::Overrunning => {
                                (self.say("Was betroffen ist", "What is affected"))
                            },
                            MaintenancePhase::Completed => (self.say("Was betroffen war", "What was affected")),
                            MaintenancePhase::Cancelled => {
                                (self.say("Was betroffen gewesen wäre", "What would have been affected"))
                            },
                        }
                    }
                    ul.sheet.rows {
                        @for (covered, name) in rows {
                            li {
                                div.head {
                                    span { (name) (self.own_end(covered, wall)) }
                                    @if let Some(view) = self.view_of(&covered.component).filter(|_| maintenance.is_active()) {
                                        (pill(self.words, view.status, Some(view.component.kind)))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Ways around it: its own first, then, while it is under way, those of what it covers.
    fn maintenance_ways(&self, maintenance: &PublicMaintenance) -> Markup {
        if !is_ahead(maintenance, self.snapshot.at) {
            return html! {};
        }
        let own = self.applying(maintenance.alternatives.iter());
        let covered = maintenance.components.iter().filter(|_| maintenance.is_active());
        let views = covered.filter_map(|covered| self.view_of(&covered.component));
        let ways: Vec<_> = views
            .filter(|view| view.status != Status::Operational)
            .map(|view| {
                let mut ways = self.applying(view.component.alternatives.iter());
                ways.retain(|way| !own.contains(way));
                (view, ways)
            })
            .filter(|(_, ways)| !ways.is_empty())
            .take(SHOWN_MAX)
            .collect();
        html! {
            @if !own.is_empty() || !ways.is_empty() {
                section aria-labelledby="s_ways" {
                    h2 id="s_ways" { (wording::alternatives_heading(self.words)) }
                    ul.cards {
                        @if !own.is_empty() { li.sheet.card { div.ways.plain { (self.way_list(&own)) } } }
                        @for (view, ways) in ways {
                            li.sheet.card {
                                h3 { (self.text(&view.component.name)) }
                                div.ways.plain { (self.way_list(&ways)) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The next times of work that recurs.
    fn occurrences(&self, maintenance: &PublicMaintenance, wall: Wall<'_>) -> Markup {
        html! {
            @if !maintenance.upcoming.is_empty() {
                section aria-labelledby="s_next" {
                    h2 id="s_next" { (self.say("Nächste Termine", "Next dates")) }
                    ul.sheet.rows {
                        @for &(from, until) in &maintenance.upcoming {
                            li { (capital(&wall.window(&When::instant(from), &When::instant(until)))) }
                        }
                    }
                }
            }
        }
    }

    /// The other maintenances of the same programme.
    fn programme(&self, maintenance: &PublicMaintenance) -> Markup {
        let others = || {
            let all = self.snapshot.maintenances.iter().filter(|_| maintenance.programme.is_some());
            all.filter(|other| other.programme == maintenance.programme && other.id != maintenance.id)
        };
        html! {
            @if others().next().is_some() {
                section aria-labelledby="s_programme" {
                    h2 id="s_programme" { (self.say("Gehört zum selben Vorhaben", "Part of the same programme")) }
                    ul.sheet.rows {
                        @for other in others().take(LISTED_MAX) {
                            @let zone = time::zone(&other.zone);
                            li {
                                div.head {
                                    span { a href=(self.path(&path(other))) { (self.text(&other.title)) } }
                                    (pill_of(look(other), self.words.maintenance_phase(other.phase)))
                                }
                                p.meta { (capital(&Wall { words: self.words, zone: &zone }.window(&other.from, &other.until))) }
                            }
                        }
                    }
                }
            }
        }
    }
}
