//! The page of an organisation: does it work, since when, why, what else can I do.

use std::cmp::Reverse;

use maud::{Markup, html};

use crate::model::local::View;
use crate::model::snapshot::PublicOrganisation;
use crate::model::status::{Evidence, Lifecycle, Status};
use crate::model::text::Text;
use crate::publish::html::incident;
use crate::publish::html::link;
use crate::publish::html::page::{Frame, Page, has_easy};
use crate::publish::html::status::{sentence, unknown_count, verdict};
use crate::publish::wording::{self, Words};

/// Writes the page.
pub(super) fn render(page: &Page<'_>) -> String {
    let Some((index, organisation)) = page.organisation else { return String::new() };
    let snapshot = page.snapshot;
    let views = top_level(page, organisation);
    let of = |wanted: fn(&View<'_>) -> bool| views.iter().filter(move |view| wanted(view));
    let live: Vec<View<'_>> = of(|view| view.state.lifecycle == Lifecycle::Live).cloned().collect();
    let announced: Vec<&View<'_>> = of(|view| view.state.lifecycle == Lifecycle::Announced).collect();
    let mut affected: Vec<&View<'_>> = live.iter().filter(|view| is_affected(view.status)).collect();
    affected.sort_by_key(|view| Reverse(view.status));
    let unknown: Vec<&View<'_>> = live.iter().filter(|view| view.status == Status::Unknown).collect();
    let operational: Vec<&View<'_>> = live.iter().filter(|view| view.status == Status::Operational).collect();
    let incidents = || snapshot.incidents_of(index).map(|incident| &**incident);
    // What an open incident names was affected, even if it is available by now.
    let is_named = |view: &&View<'_>| {
        let mut open = incidents().filter(|incident| incident.is_open()).flat_map(|incident| &incident.components);
        open.any(|(named, ..)| *named == view.component.id)
    };
    let is_disturbed = !affected.is_empty() || incidents().any(|incident| incident.is_open());
    let is_spared = is_disturbed && !operational.iter().any(is_named);
    let path = format!("/{}", organisation.id);
    let roll_up = snapshot.organisation_status(index);
    let headline = headline(page.words, &live, roll_up.status, roll_up.evidence, roll_up.unknown);
    let frame = Frame {
        title: html! { (page.plain(&organisation.name)) },
        description: html! { (page.plain(&organisation.name)) ": " (headline) },
        path: &path,
        above: &[],
        folder: &path,
        json: &format!("/api/v1/organisations/{}", organisation.id),
        easy: is_easy(&views, organisation, incidents().any(incident::is_easy)),
        links: &organisation.links,
    };
    let main = html! {
        p.over { (page.say("Status der Angebote", "Status of the services")) }
        h1 { (page.text(&organisation.name)) }
        (homepage(page, index, organisation))
        (page.health())
        (verdict(roll_up.status, headline, &more(page, &live, &affected, roll_up.unknown)))
        (page.open_incidents(incidents()))
        (cards(page, "s_affected", page.say("Zurzeit nicht oder nur eingeschränkt verfügbar", "Not available or limited at present"), &affected))
        (cards(page, "s_unknown", page.say("Stand unbekannt", "Status unknown"), &unknown))
        (rows(page, is_spared, &operational))
        (page.planned_work(snapshot.maintenances_of(index).map(|maintenance| &**maintenance)))
        (soon(page, &announced))
        (page.availabilities(&live))
        (page.past_incidents(incidents()))
        p.lead.after { a href=(page.path(&format!("{path}/history"))) { (page.say("Rückblick nach Monaten", "History by month")) } }
    };
    page.document(&frame, &main)
}

/// What stands on the page, without what is a part of something else there and without what is
/// retired.
pub(super) fn top_level<'a>(page: &Page<'a>, organisation: &PublicOrganisation) -> Vec<View<'a>> {
    organisation
        .shows
        .iter()
        .filter_map(|&component| page.view(component))
        .filter(|view| view.component.part_of.is_none_or(|whole| !organisation.shows.contains(&whole)))
        .filter(|view| view.state.lifecycle != Lifecycle::Retired)
        .collect()
}

/// Whether something is to be said of it: neither available nor unknown.
const fn is_affected(status: Status) -> bool {
    !matches!(status, Status::Operational | Status::Unknown)
}

pub(super) fn headline(
    words: Words,
    live: &[View<'_>],
    status: Status,
    evidence: Evidence,
    unknown: u32,
) -> &'static str {
    if live.is_empty() {
        return words.pick("Hier ist noch nichts in Betrieb.", "Nothing is in operation here yet.");
    }
    // "A part" would be wrong where nothing is left.
    if status == Status::PartialOutage && live.len() > 1 && live.iter().all(|view| is_affected(view.status)) {
        return words.pick("Alle Angebote sind gestört oder eingeschränkt.", "All services are disrupted or limited.");
    }
    sentence(words, status, evidence != Evidence::Declared, unknown)
}

/// What stands below the sentence: how many, how many unknown, and where to read on.
fn more(page: &Page<'_>, live: &[View<'_>], affected: &[&View<'_>], unknown: u32) -> Markup {
    let of_incident = page.organisation.and_then(|(index, _)| {
        let mut incidents = page.snapshot.incidents_of(index);
        incidents.find(|incident| !page.ways_of(incident).is_empty()).map(|incident| format!("#i_{}_ways", incident.id))
    });
    let of_component = || affected.iter().find(|view| !page.remaining(view).is_empty());
    let way = of_incident.or_else(|| of_component().map(|view| format!("#{}_ways", view.component.id)));
    html! {
        @if !affected.is_empty() {
            p.more {
                @match page.words {
                    Words::German if affected.len() == live.len() && live.len() > 2 => {
                        "Betroffen sind alle " (live.len()) " Angebote."
                    },
                    Words::English if affected.len() == live.len() && live.len() > 2 => {
                        "All " (live.len()) " services are affected."
                    },
                    Words::German => {
                        @if affected.len() == 1 { "Betroffen ist 1 von " } @else { "Betroffen sind " (affected.len()) " von " }
                        (live.len()) " Angeboten."
                    },
                    Words::English => { (affected.len()) " of " (live.len()) " services are affected." },
                }
            }
        }
        @if unknown > 0 { p.more { (unknown_count(page.words, unknown, live.len())) } }
        @if let Some(way) = way {
            p.more { a href=(way) { (wording::alternatives_heading(page.words)) } }
        }
        (page.as_of())
    }
}

/// The organisation's homepage, or the page that stands in for it at the moment.
fn homepage(page: &Page<'_>, index: u32, organisation: &PublicOrganisation) -> Markup {
    let emergency = page.town.emergency_site(index);
    html! {
        @if let Some(emergency) = emergency {
            p.instead {
                (page.say("Zurzeit gilt die Notfall-Seite: ", "The emergency site applies at present: "))
                (link::bare(emergency))
            }
        } @else if let Some(url) = &organisation.url {
            p.about { (page.say("Internetseite: ", "Website: ")) (link::bare(url)) }
        }
    }
}

fn cards(page: &Page<'_>, id: &str, heading: &str, views: &[&View<'_>]) -> Markup {
    html! {
        @if !views.is_empty() {
            section aria-labelledby=(id) {
                h2 id=(id) { (heading) }
                ul.cards { @for view in views { (page.card(view)) } }
            }
        }
    }
}

fn rows(page: &Page<'_>, is_spared: bool, views: &[&View<'_>]) -> Markup {
    html! {
        @if !views.is_empty() {
            section aria-labelledby="s_available" {
                h2 id="s_available" {
                    @if is_spared { (page.say("Nicht betroffen", "Not affected")) }
                    @else { (page.say("Verfügbar", "Available")) }
                }
                ul.sheet.rows { @for view in views { (page.row(view)) } }
            }
        }
    }
}

fn soon(page: &Page<'_>, views: &[&View<'_>]) -> Markup {
    html! {
        @if !views.is_empty() {
            section aria-labelledby="s_soon" {
                h2 id="s_soon" { (page.say("Demnächst", "Coming soon")) }
                ul.sheet.rows { @for view in views { (page.announced(view)) } }
            }
        }
    }
}

/// Whether a text of the page exists in easy language.
fn is_easy(views: &[View<'_>], organisation: &PublicOrganisation, incidents: bool) -> bool {
    let texts = views.iter().flat_map(|view| -> [Option<&Text>; 2] { [Some(&view.component.name), view.local.text] });
    incidents || has_easy(texts.flatten().chain([&organisation.name]))
}
