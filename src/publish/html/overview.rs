//! The start page: what is open, whom it concerns, and the way to every organisation.

use maud::{Markup, html};

use crate::model::snapshot::{PublicOrganisation, Snapshot};
use crate::model::status::{Evidence, Lifecycle, OrganisationKind, RollUp, Status};
use crate::model::text::Plain;
use crate::publish::html::page::{Frame, Page, has_easy};
use crate::publish::html::status::{common_pill, sentence, verdict};
use crate::publish::html::{incident, search};
use crate::publish::wording::{Words, number};

/// Of more organisations only those are listed by which people find their way: states, counties
/// and towns that are their own county. The others are found by searching.
const LISTED_MAX: usize = 300;

/// Most of those.
const LEADING_MAX: usize = 1_000;

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
    status: Option<RollUp>,
}

/// Writes the page.
pub(super) fn render(page: &Page<'_>) -> String {
    let snapshot = page.snapshot;
    let site = &snapshot.catalogue.site;
    let organisations = &snapshot.catalogue.organisations;
    let is_whole = organisations.len() <= LISTED_MAX;
    let mut listed: Vec<_> =
        organisations.iter().zip(0u32..).filter(|(organisation, _)| is_whole || leads(organisation)).collect();
    // People look for their town by its name; an id is that name without "Stadt" and umlauts.
    listed.sort_by_key(|(organisation, _)| &organisation.id);
    listed.truncate(LEADING_MAX);
    let entries: Vec<Entry<'_>> = listed
        .into_iter()
        .map(|(organisation, index)| Entry {
            organisation,
            status: (!organisation.shows.is_empty()).then(|| snapshot.organisation_status(index)),
        })
        .collect();
    let affected = if is_whole { affected_organisations(page, &entries) } else { affected_services(page) };
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
        (verdict(roll_up.status, headline, &more(page, affected, roll_up.unknown)))
        // Files cannot answer a question.
        @if snapshot.exported.is_none() { (search::form(page, &Plain::default())) }
        (page.open_incidents(incidents()))
        (directory(page, &entries, is_whole))
        (page.planned_work(snapshot.maintenances.iter().map(|maintenance| &**maintenance)))
        (page.past_incidents(incidents()))
    };
    page.document(&frame, &main)
}

/// Whether people find their way by it where not all can be listed.
fn leads(organisation: &PublicOrganisation) -> bool {
    match organisation.kind {
        OrganisationKind::State | OrganisationKind::County => true,
        // The keys of a town that is its own county end with zeros.
        OrganisationKind::Municipality => organisation.ars.as_ref().is_some_and(|ars| ars.ends_with("0000000")),
        OrganisationKind::Association | OrganisationKind::Provider | OrganisationKind::Federal => false,
    }
}

/// Whether something does not work, as far as is known.
const fn is_affected(status: Status) -> bool {
    !matches!(status, Status::Operational | Status::Unknown)
}

/// How many organisations are affected.
fn affected_organisations(page: &Page<'_>, entries: &[Entry<'_>]) -> Option<String> {
    let watched = entries.iter().filter(|entry| entry.status.is_some()).count();
    let affected =
        entries.iter().filter(|entry| entry.status.is_some_and(|roll_up| is_affected(roll_up.status))).count();
    let said = match page.words {
        Words::German if affected == watched && watched > 2 => {
            format!("Einschränkungen gibt es bei allen {watched} Organisationen.")
        }
        Words::English if affected == watched && watched > 2 => format!("All {watched} organisations are affected."),
        Words::German => format!("Einschränkungen gibt es bei {affected} von {watched} Organisationen."),
        Words::English => format!("{affected} of {watched} organisations are affected."),
    };
    (affected > 0).then_some(said)
}

/// How many services are affected: to look at each page of thousands would take too long.
fn affected_services(page: &Page<'_>) -> Option<String> {
    let snapshot: &Snapshot = page.snapshot;
    let all = snapshot.catalogue.components.iter().zip(&snapshot.states);
    let live = || {
        let all = all.clone();
        all.filter(|(component, state)| component.part_of.is_none() && state.lifecycle == Lifecycle::Live)
    };
    let affected = live().filter(|(_, state)| is_affected(state.status)).count();
    let (some, all) = (number(page.words, affected), number(page.words, live().count()));
    let said = match page.words {
        Words::German => format!("Einschränkungen gibt es bei {some} von {all} Angeboten."),
        Words::English => format!("{some} of {all} services are affected."),
    };
    (affected > 0).then_some(said)
}

fn more(page: &Page<'_>, affected: Option<String>, unknown: u32) -> Markup {
    html! {
        @if let Some(affected) = affected { p.more { (affected) } }
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

fn directory(page: &Page<'_>, entries: &[Entry<'_>], is_whole: bool) -> Markup {
    html! {
        @if !entries.is_empty() || !is_whole {
            section aria-labelledby="s_bodies" {
                h2 id="s_bodies" { (page.say("Ihre Stadt, Gemeinde oder Ihr Kreis", "Your town, municipality or county")) }
                @if !is_whole { p.lead { (searched(page, !entries.is_empty())) } }
                @for kind in GROUPS {
                    @let group: Vec<_> = entries.iter().filter(|entry| entry.organisation.kind == kind).collect();
                    @if !group.is_empty() {
                        div.kindred {
                            h3 { (heading(page.words, kind, is_whole)) }
                            ul.bodies { @for entry in group { (line(page, entry)) } }
                        }
                    }
                }
            }
        }
    }
}

/// How those are found that are not listed.
fn searched(page: &Page<'_>, some_listed: bool) -> String {
    let all = number(page.words, page.snapshot.catalogue.organisations.len());
    let listed = match (page.words, some_listed) {
        (Words::German, true) => "Hier stehen die Länder, Kreise und kreisfreien Städte. ",
        (Words::English, true) => "The states, counties and independent towns are listed here. ",
        (Words::German | Words::English, false) => "",
    };
    match page.words {
        Words::German => format!("{listed}Alle {all} Organisationen finden Sie über die Suche."),
        Words::English => format!("{listed}The search finds all {all} organisations."),
    }
}

fn heading(words: Words, kind: OrganisationKind, is_whole: bool) -> &'static str {
    match kind {
        OrganisationKind::Municipality if !is_whole => words.pick("Kreisfreie Städte", "Independent towns"),
        kind => words.organisation_kinds(kind),
    }
}

fn line(page: &Page<'_>, entry: &Entry<'_>) -> Markup {
    html! {
        li.sheet {
            a href=(page.path(&format!("/{}", entry.organisation.id))) { (page.text(&entry.organisation.name)) }
            @match entry.status {
                Some(roll_up) => (common_pill(page.words, roll_up)),
                None => span.soft { (page.say("noch ohne Angebote", "no services yet")) },
            }
        }
    }
}
