//! The search: its form, and the page of what it finds.

use maud::{Markup, Render, html};

use crate::model::search::QUERY_WORDS_MAX;
use crate::model::status::Lifecycle;
use crate::model::text::Plain;
use crate::publish::html::page::{Frame, Page, SEARCH_PATH};
use crate::publish::html::status::{common_pill, pill};
use crate::publish::search::Findings;
use crate::publish::wording::{Words, number};

/// The form. It asks with GET, so that what was found has an address.
pub(super) fn form(page: &Page<'_>, asked: &Plain) -> Markup {
    html! {
        form.search role="search" action=(page.path(SEARCH_PATH)) method="get" {
            label for="s_q" { (page.say("Wonach suchen Sie?", "What are you looking for?")) }
            div.ask {
                input id="s_q" type="search" name="q" value=(asked) maxlength="200" autocomplete="off"
                    aria-describedby="s_hint";
                button type="submit" { (page.say("Suchen", "Search")) }
            }
            p.hint id="s_hint" {
                (page.say(
                    "Zum Beispiel der Name Ihrer Stadt, Ihres Kreises oder eines Angebots",
                    "For example the name of your town, your county or a service",
                ))
            }
        }
    }
}

/// Writes the page.
pub(super) fn render(page: &Page<'_>, findings: &Findings, query: &str) -> String {
    let asked = &findings.asked;
    // What is too long for the interface has no address there.
    let query = if findings.too_long { "" } else { query };
    let heading = page.say("Suche", "Search");
    let path = format!("{SEARCH_PATH}{query}");
    let above = [(SEARCH_PATH.to_owned(), html! { (heading) })];
    let frame = Frame {
        title: html! { @if asked.is_empty() { (heading) } @else { (asked) } },
        description: html! { (heading) },
        path: &path,
        folder: "",
        above: if asked.is_empty() { &[] } else { &above },
        json: &format!("/api/v1/search{query}"),
        easy: false,
        links: &page.snapshot.catalogue.site.links,
    };
    let main = html! {
        h1 { (heading) }
        (page.health())
        (form(page, asked))
        @if findings.too_long {
            (too_long(page))
        } @else if !asked.is_empty() {
            (answer(page, findings))
        }
    };
    page.document(&frame, &main)
}

/// Where somebody asked in a sentence.
fn too_long(page: &Page<'_>) -> Markup {
    html! {
        section aria-labelledby="s_long" {
            h2 id="s_long" { (page.say("Bitte fassen Sie sich kürzer", "Please use fewer words")) }
            p.about {
                @match page.words {
                    Words::German => {
                        "Die Suche versteht höchstens " (QUERY_WORDS_MAX)
                        " Wörter. Am besten geben Sie nur den Namen Ihrer Stadt oder eines Angebots ein."
                    },
                    Words::English => {
                        "The search understands at most " (QUERY_WORDS_MAX)
                        " words. It is best to enter the name of your town or of a service only."
                    },
                }
            }
        }
    }
}

fn answer(page: &Page<'_>, findings: &Findings) -> Markup {
    let found = &findings.found;
    if found.organisations.is_empty() && found.components.is_empty() {
        return nothing(page, &findings.asked);
    }
    html! {
        @if !found.organisations.is_empty() {
            section aria-labelledby="s_found_bodies" {
                h2 id="s_found_bodies" { (page.say("Städte, Gemeinden, Kreise und andere", "Towns, counties and others")) }
                (first_of(page, found.organisations.len(), found.organisations_in_all))
                ul.bodies { @for &index in &found.organisations { (organisation(page, index)) } }
            }
        }
        @if !found.components.is_empty() {
            section aria-labelledby="s_found_services" {
                h2 id="s_found_services" { (page.say("Angebote", "Services")) }
                (first_of(page, found.components.len(), found.components_in_all))
                ul.sheet.rows { @for &(index, town) in &found.components { (component(page, index, town)) } }
            }
        }
    }
}

/// Where not all that was found is listed.
fn first_of(page: &Page<'_>, listed: usize, in_all: usize) -> Markup {
    html! {
        @if in_all > listed {
            p.lead {
                @match page.words {
                    Words::German => {
                        "Das sind " (listed) " von " (number(page.words, in_all)) " Treffern. Mit einem weiteren Wort werden es weniger."
                    },
                    Words::English => {
                        "These are " (listed) " of " (number(page.words, in_all)) " results. A further word narrows them down."
                    },
                }
            }
        }
    }
}

fn nothing(page: &Page<'_>, asked: &Plain) -> Markup {
    html! {
        section aria-labelledby="s_nothing" {
            h2 id="s_nothing" {
                @match page.words {
                    Words::German => { "Nichts gefunden zu „" (asked) "“" },
                    Words::English => { "Nothing found for “" (asked) "”" },
                }
            }
            ul.advice {
                li { (page.say("Prüfen Sie die Schreibweise.", "Check the spelling.")) }
                li { (page.say(
                    "Suchen Sie mit weniger Wörtern oder nur mit dem Anfang eines Wortes.",
                    "Search with fewer words, or with the beginning of a word only.",
                )) }
                li { (page.say(
                    "Suchen Sie nach Ihrer Stadt, Ihrer Gemeinde oder Ihrem Kreis: Auf deren Seite stehen alle Angebote.",
                    "Search for your town, municipality or county: all services stand on its page.",
                )) }
            }
        }
    }
}

fn organisation(page: &Page<'_>, index: u32) -> Markup {
    let organisation = page.snapshot.catalogue.organisations.get(index as usize);
    let status = organisation
        .filter(|organisation| !organisation.shows.is_empty())
        .map(|_| page.snapshot.organisation_status(index));
    html! {
        li.sheet {
            (page.organisation_link(index).unwrap_or_default())
            @match status {
                Some(roll_up) => (common_pill(page.words, roll_up)),
                None => span.soft { (page.say("noch ohne Angebote", "no services yet")) },
            }
        }
    }
}

fn component(page: &Page<'_>, index: u32, town: Option<u32>) -> Markup {
    let Some(view) = page.snapshot.view(index, town) else { return Markup::default() };
    let component = view.component;
    let whole = component.part_of.and_then(|whole| page.snapshot.catalogue.components.get(whole as usize));
    html! {
        li {
            div.head {
                @match town.and_then(|town| page.snapshot.catalogue.organisations.get(town as usize)) {
                    Some(town) => a href=(page.path(&format!("/{}/{}", town.id, component.id))) {
                        (page.text(&component.name)) " – " (page.text(&town.name))
                    },
                    None => (page.named(&component.id).unwrap_or_default()),
                }
                @if view.state.lifecycle == Lifecycle::Announced {
                    span.soft { (page.say("Demnächst", "Soon")) ", " (page.available_from(&view)) }
                } @else {
                    (pill(page.words, view.status, Some(component.kind)))
                }
            }
            p.meta {
                (page.words.component_kind(component.kind))
                @if let Some(whole) = whole { " · " (page.text(&whole.name)) }
                @if let Some(owner) = page.organisation_link(component.owner) { " · " (owner.render()) }
            }
        }
    }
}
