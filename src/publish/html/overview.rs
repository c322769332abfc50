//! The start page: what is open, whom it concerns, and the way to every organisation.

use maud::{Markup, html};

use crate::model::snapshot::PublicOrganisation;
use crate::model::status::{Evidence, OrganisationKind, Status};
use crate::publish::html::incident;
use crate::publish::html::page::{Frame, Page, has_easy};
use crate::publish::html::status::{pill, sentence, verdict};
use crate::publish::wording::Words;

/// The order of the groups.
const GROUPS: [OrganisationKind; 6] = [
    OrganisationKind::County,
    OrganisationKind::Municipality,
    OrganisationKind::Association,
    OrganisationKind::Provider,
    OrganisationKind::State,
    OrganisationKind::Federal,
];

/// An organisation in the list, with its status where it has anything that has one.
struct Entry<'a> {
    organisation: &'a PublicOrganisation,
    status: Option<Status>,
}

/// Writes the page.
pub(super) fn render(page: &Page<'_>) -> String {
    let snapshot = page.snapshot;
    let site = &snapshot.catalogue.site;
    let mut entries: Vec<Entry<'_>> = snapshot
        .catalogue
        .organisations
        .iter()
        .zip(0u32..)
        .map(|(organisation, index)| Entry {
            organisation,
            status: (!organisation.shows.is_empty()).then(|| snapshot.organisation_status(index).status),
        })
        .collect();
    // People look for their town by its name; an id is that name without "Stadt" and umlauts.
    entries.sort_by_key(|entry| &entry.organisation.id);
    let roll_up = snapshot.status();
    let incidents = || snapshot.incidents.iter().map(|incident| &**incident);
    let headline = sentence(page.words, roll_up.status, roll_up.evidence != Evidence::Declared, roll_up.unknown);
    let title = page.plain(&site.title);
    let frame = Frame {
        title: html! { (title) },
        description: html! { (title) ": " (headline) },
        path: "/",
        above: &[],
        folder: "",
        json: "/api/v1/summary",
        easy: has_easy([&site.title]) || incidents().any(incident::is_easy),
        links: &site.links,
    };
    let main = html! {
        h1 { (page.text(&site.title)) }
        (page.health())
        (verdict(roll_up.status, headline, &more(page, &entries, roll_up.unknown)))
        (page.open_incidents(incidents()))
        (directory(page, &entries))
        (page.planned_work(snapshot.maintenances.iter().map(|maintenance| &**maintenance)))
        (page.past_incidents(incidents()))
    };
    page.document(&frame, &main)
}

fn more(page: &Page<'_>, entries: &[Entry<'_>], unknown: u32) -> Markup {
    let watched = entries.iter().filter(|entry| entry.status.is_some()).count();
    let affected = entries
        .iter()
        .filter(|entry| entry.status.is_some_and(|status| !matches!(status, Status::Operational | Status::Unknown)))
        .count();
    html! {
        @if affected > 0 {
            p.more {
                @match page.words {
                    Words::German => { "Einschränkungen gibt es bei " (affected) " von " (watched) " Organisationen." },
                    Words::English => { (affected) " of " (watched) " organisations are affected." },
                }
            }
        }
        @if unknown > 0 {
            p.more {
                @match (page.words, unknown) {
                    (Words::German, 1) => "Bei 1 Angebot ist der Stand unbekannt.",
                    (Words::German, _) => { "Bei " (unknown) " Angeboten ist der Stand unbekannt." },
                    (Words::English, 1) => "The status of 1 service is unknown.",
                    (Words::English, _) => { "The status of " (unknown) " services is unknown." },
                }
            }
        }
        (page.as_of())
    }
}

fn directory(page: &Page<'_>, entries: &[Entry<'_>]) -> Markup {
    html! {
        @if !entries.is_empty() {
            section aria-labelledby="s_bodies" {
                h2 id="s_bodies" { (page.say("Ihre Stadt, Gemeinde oder Ihr Kreis", "Your town, municipality or county")) }
                @for kind in GROUPS {
                    @let group: Vec<_> = entries.iter().filter(|entry| entry.organisation.kind == kind).collect();
                    @if !group.is_empty() {
                        div.kindred {
                            h3 { (page.words.organisation_kinds(kind)) }
                            ul.bodies { @for entry in group { (line(page, entry)) } }
                        }
                    }
                }
            }
        }
    }
}

fn line(page: &Page<'_>, entry: &Entry<'_>) -> Markup {
    html! {
        li.sheet {
            a href=(page.path(&format!("/{}", entry.organisation.id))) { (page.text(&entry.organisation.name)) }
            @match entry.status {
                Some(status) => (pill(page.words, status, None)),
                None => span.soft { (page.say("noch ohne Angebote", "no services yet")) },
            }
        }
    }
}
