//! The page of one component on one organisation's page: does it work, since when, why, what else
//! can I do; then how it was, what was said about it, and what it hangs together with.

use std::cmp::Reverse;

use maud::{Markup, html};

use crate::model::id::ComponentId;
use crate::model::local::View;
use crate::model::snapshot::{PublicIncident, PublicMaintenance};
use crate::model::status::{Lifecycle, Status};
use crate::model::text::{Plain, Text};
use crate::model::time::Timestamp;
use crate::publish::html::component::DEPTH_MAX;
use crate::publish::html::link;
use crate::publish::html::maintenance;
use crate::publish::html::page::{Frame, Page, has_easy};
use crate::publish::html::status::{pill, verdict};
use crate::publish::html::{incident, time};
use crate::publish::wording::{self, Words};

/// Most updates in the time line; older ones stand on the pages of their incidents.
const UPDATES_MAX: usize = 12;

/// Writes the page.
pub(super) fn render(page: &Page<'_>, component: u32) -> String {
    let Some((_, organisation)) = page.organisation else { return String::new() };
    let Some(view) = page.view(component) else { return String::new() };
    let id = &view.component.id;
    let snapshot = page.snapshot;
    let name = page.plain(&view.component.name);
    let town = page.plain(&organisation.name);
    let folder = format!("/{}/{id}", organisation.id);
    let incidents: Vec<&PublicIncident> =
        snapshot.incidents.iter().map(|incident| &**incident).filter(|incident| concerns(incident, id)).collect();
    let whole =
        view.component.part_of.filter(|whole| organisation.shows.contains(whole)).and_then(|whole| page.view(whole));
    let planned: Vec<&PublicMaintenance> = snapshot
        .maintenances
        .iter()
        .map(|maintenance| &**maintenance)
        .filter(|maintenance| {
            let covers = |id: &ComponentId| maintenance.covers(id.as_str());
            covers(id) || whole.as_ref().is_some_and(|whole| covers(&whole.component.id))
        })
        .collect();
    let mut above = vec![(format!("/{}", organisation.id), html! { (town) })];
    if let Some(whole) = &whole {
        above.push((
            format!("/{}/{}", organisation.id, whole.component.id),
            html! { (page.plain(&whole.component.name)) },
        ));
    }
    let status = status_of(page, &view);
    // A file server takes no notice of a query.
    let query = match snapshot.exported {
        Some(_) => String::new(),
        None => format!("?organisation={}", organisation.id),
    };
    let json = format!("/api/v1/components/{id}{query}");
    let texts: Vec<&Text> = [Some(&view.component.name), view.local.text].into_iter().flatten().collect();
    let frame = Frame {
        title: html! { (name) },
        description: html! { (name) ", " (town) ": " (status) },
        path: &folder,
        above: &above,
        folder: &folder,
        json: &json,
        easy: has_easy(texts) || incidents.iter().any(|concerned| incident::is_easy(concerned)),
        links: &organisation.links,
    };
    let is_live = view.state.lifecycle == Lifecycle::Live;
    let look = if is_live { view.status } else { Status::Unknown };
    let main = html! {
        p.over { (page.text(&organisation.name)) }
        h1 { (page.text(&view.component.name)) }
        @if let Some(url) = &view.component.url {
            p.about { (page.say("Zum Angebot: ", "To the service: ")) (link::bare(url)) }
        }
        (page.health())
        (verdict(look, &status, &more(page, &view)))
        @if is_live { (page.ways_section(&view)) }
        (page.open_incidents(incidents.iter().copied()))
        (parts(page, &view))
        (page.planned_work(planned.iter().copied()))
        @if is_live {
            (page.last_days(component))
            (figures(page, &view))
            @if view.state.checked_at.is_some() { (page.response(id)) }
        }
        (page.time_line(&incidents, &planned))
        (page.past_incidents(incidents.iter().copied()))
        (page.about(component, &view))
        (back(page, &folder, &town))
    };
    page.document(&frame, &main)
}

/// Whether an incident concerns a component.
fn concerns(incident: &PublicIncident, id: &ComponentId) -> bool {
    incident.components.iter().any(|(concerned, ..)| concerned == id)
}

/// The status as a sentence.
fn status_of(page: &Page<'_>, view: &View<'_>) -> String {
    let word = match view.state.lifecycle {
        Lifecycle::Announced => page.say("noch nicht in Betrieb", "not in service yet"),
        Lifecycle::Live => page.words.status(view.status, Some(view.component.kind)),
        Lifecycle::Retired => page.say("nicht mehr in Betrieb", "no longer in service"),
    };
    format!("{}.", wording::capitalised(word))
}

/// What stands below the sentence.
fn more(page: &Page<'_>, view: &View<'_>) -> Markup {
    html! {
        @match view.state.lifecycle {
            Lifecycle::Live => {
                (page.circumstances(view))
                (affected_parts(page, view))
                @if !page.remaining(view).is_empty() {
                    p.more { a href="#s_ways" { (wording::alternatives_heading(page.words)) } }
                }
            },
            Lifecycle::Announced => p.more { (page.say("In Betrieb ", "In service ")) (page.available_from(view)) "." },
            Lifecycle::Retired => {},
        }
        (page.as_of())
    }
}

/// Which of its parts are disturbed.
fn affected_parts<'a>(page: &Page<'a>, view: &View<'a>) -> Markup {
    let parts = page.parts(view);
    let live = || parts.iter().filter(|part| part.state.lifecycle == Lifecycle::Live);
    let disturbed: Vec<Markup> = live()
        .filter(|part| !matches!(part.status, Status::Operational | Status::Unknown))
        .filter_map(|part| page.named(&part.component.id))
        .collect();
    html! {
        @if !disturbed.is_empty() {
            p.more {
                @match page.words {
                    Words::German => { "Betroffen: " (disturbed.len()) " von " (live().count()) " Teilen." },
                    Words::English => { (disturbed.len()) " of " (live().count()) " parts are affected." },
                }
            }
            div.more { (page.folded(&disturbed, page.say("Teile", "parts"))) }
        }
    }
}

fn parts<'a>(page: &Page<'a>, view: &View<'a>) -> Markup {
    let parts = page.parts(view);
    html! {
        @if !parts.is_empty() {
            section aria-labelledby="s_parts" {
                h2 id="s_parts" { (page.say("Was dazugehört", "What belongs to it")) }
                div.sheet.card.bare { (page.part_list(view, &parts, DEPTH_MAX)) }
            }
        }
    }
}

fn figures<'a>(page: &Page<'a>, view: &View<'a>) -> Markup {
    const QUARTER: u64 = 90 * 86_400;
    html! {
        @if page.availability(view, QUARTER).is_some() {
            section aria-labelledby="s_figures" {
                h2 id="s_figures" { (page.say("Verfügbarkeit in Zahlen", "Availability in figures")) }
                div.sheet.card { (page.figures(view)) }
            }
        }
    }
}

/// Where to go on from here.
fn back(page: &Page<'_>, folder: &str, town: &Plain) -> Markup {
    let parent = folder.rsplit_once('/').map_or("/", |(parent, _)| parent);
    html! {
        ul.onward {
            li { a href=(page.path(parent)) { (page.say("Alle Angebote: ", "All services: ")) (town) } }
            li {
                a href=(page.path(&format!("{folder}/badge.svg"))) {
                    (page.say("Statusbild zum Einbinden (SVG)", "Status badge to embed (SVG)"))
                }
            }
        }
    }
}

impl<'a> Page<'a> {
    /// The section with the ways that are left; nothing if there is none or none is needed.
    fn ways_section(&self, view: &View<'a>) -> Markup {
        let ways = self.remaining(view);
        html! {
            @if !ways.is_empty() {
                section aria-labelledby="s_ways" {
                    h2 id="s_ways" { (wording::alternatives_heading(self.words)) }
                    div.sheet.card { div.ways.plain { (self.way_list(&ways)) } }
                }
            }
        }
    }

    /// The section with what was said about it last, disruptions and planned work together.
    fn time_line(&self, incidents: &[&PublicIncident], planned: &[&PublicMaintenance]) -> Markup {
        let mut said: Vec<(Timestamp, Markup)> = Vec::new();
        for incident in incidents {
            let path = self.path(&format!("/incidents/{}", incident.id));
            for update in incident.updates_for(self.organisation_id()).rev().take(UPDATES_MAX) {
                said.push((
                    update.at,
                    html! {
                        h3 { a href={ (path) "#u_" (update.number) } { (self.body(&incident.title)) } }
                        p.state { (self.standing(incident, update)) }
                        (self.update(incident, update))
                    },
                ));
            }
        }
        for maintenance in planned {
            let path = self.path(&maintenance::path(maintenance));
            let zone = time::zone(&maintenance.zone);
            let wall = time::Wall { words: self.words, zone: &zone };
            for update in maintenance.updates.iter().rev().take(UPDATES_MAX) {
                said.push((
                    update.at,
                    html! {
                        h3 { a href={ (path) "#u_" (update.number) } { (self.text(&maintenance.title)) } }
                        p.state { (wording::capitalised(self.words.maintenance_phase(update.phase))) }
                        p.at { (wall.moment(update.at)) }
                        p.said { (self.body(&update.body)) }
                    },
                ));
            }
        }
        said.sort_by_key(|(at, _)| Reverse(*at));
        html! {
            @if !said.is_empty() {
                section aria-labelledby="s_course" {
                    h2 id="s_course" { (self.say("Meldungen dazu", "Notices about it")) }
                    ol.course reversed { @for (_, said) in said.iter().take(UPDATES_MAX) { li { (said) } } }
                }
            }
        }
    }

    /// The section with what it is and what it hangs together with.
    fn about(&self, index: u32, view: &View<'a>) -> Markup {
        let component = view.component;
        let catalogue = &self.snapshot.catalogue;
        let rests_on: Vec<Markup> = component.depends_on.iter().filter_map(|id| self.named_with_status(id)).collect();
        let above = catalogue.components.iter().filter(|other| other.edges.iter().any(|(edge, _)| *edge == index));
        let carries: Vec<Markup> = above.filter_map(|other| self.named_with_status(&other.id)).collect();
        let whole = component.part_of.and_then(|whole| catalogue.components.get(whole as usize));
        html! {
            section aria-labelledby="s_about" {
                h2 id="s_about" { (self.say("Über dieses Angebot", "About this service")) }
                div.sheet.card {
                    dl.facts {
                        dt { (self.say("Art", "Kind")) }
                        dd { (self.words.component_kind(component.kind)) }
                        @if let Some(owner) = self.organisation_link(component.owner) {
                            dt { (self.say("Zuständig", "In charge")) }
                            dd { (owner) }
                        }
                        @if let Some(whole) = whole.and_then(|whole| self.named(&whole.id)) {
                            dt { (self.say("Gehört zu", "Belongs to")) }
                            dd { (whole) }
                        }
                        @if !rests_on.is_empty() {
                            dt { (self.say("Ist angewiesen auf", "Depends on")) }
                            dd { (self.folded(&rests_on, self.say("Angebote", "services"))) }
                        }
                        @if !carries.is_empty() {
                            dt { (self.say("Darauf angewiesen", "Needed by")) }
                            dd { (self.folded(&carries, self.say("Angebote", "services"))) }
                        }
                        @if component.shown_on.len() > 1 {
                            dt { (self.say("Angeboten von", "Offered by")) }
                            dd { (self.organisations(component.shown_on.iter().copied())) }
                        }
                        @if !component.leika.is_empty() {
                            dt { (self.say("Leistungsschlüssel", "LeiKa keys")) }
                            dd { (component.leika.join(", ")) }
                        }
                    }
                }
            }
        }
    }

    /// The name of a component, linked, with its status where it is not simply available.
    fn named_with_status(&self, id: &ComponentId) -> Option<Markup> {
        let name = self.named(id)?;
        let disturbed = self.view_of(id).filter(|view| view.status != Status::Operational);
        Some(html! {
            (name)
            @if let Some(view) = disturbed { " " (pill(self.words, view.status, Some(view.component.kind))) }
        })
    }
}
