//! A town's own words on somebody else's incident: what it was said beside, what came since, and the
//! form to write, change or take them away.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::desk::field::Texts;
use crate::desk::form::Form;
use crate::desk::incident::change::so_far;
use crate::desk::incident::open::pointers;
use crate::desk::incident::{Known, in_language};
use crate::desk::page::{self, Fault, titled};
use crate::desk::publishing::{Confirm, Course, Sheet, begin, carry, confirm, end, revision};
use crate::desk::scope;
use crate::desk::time::Wall;
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit, ways, words};

const WORDS: Texts<'_> = Texts {
    name: "text",
    label: "Ihre Worte",
    hint: "Was bedeutet die Störung bei Ihnen? Was geht weiter, und wie geht es trotzdem?",
    lines: 6,
    required: true,
};

/// The words of an organisation that the visitor speaks for and whose page is concerned.
fn own<'a>(incident: &'a Known, organisation: &str) -> Option<&'a Value> {
    words::list(&incident.body, "/overlays").iter().find(|one| words::text(one, "/id") == organisation)
}

/// The name of an organisation that the visitor speaks for.
fn name(visit: &Visit, organisation: &str) -> Option<String> {
    let (_, known) = visit.snapshot.organisation(organisation)?;
    scope::speaks_for(visit, known).then(|| scope::name(visit, known))
}

/// Writes or changes them.
pub(super) async fn write(visit: &Visit, ask: &dyn Ask, incident: &Known, organisation: &str) -> Reply {
    let Some(name) = name(visit, organisation) else { return page::not_found(visit) };
    let before = own(incident, organisation).unwrap_or(&Value::Null);
    let text = before.get("text").unwrap_or(&Value::Null);
    let path = incident.path(&format!("/overlays/{organisation}"));
    let show = |sent: Option<&Form>, faults: &[Fault], status: u16| {
        let main = html! {
            h1 { "Eigene Worte: " (name) }
            (page::faults(faults))
            p.over { a href={ (PREFIX) (incident.path("")) } { (incident.title()) } }
            (beside(visit, incident, before))
            p.hint { "Ihre Worte stehen auf der Seite Ihrer Stadt an erster Stelle, darunter die Meldung der anderen Stelle." }
            form method="post" action={ (PREFIX) (path) } novalidate {
                (begin(visit, &revision(&incident.etag, sent, status)))
                (WORDS.show(visit, sent, faults, text))
                (ways::show(visit, sent, faults, words::list(before, "/alternatives"), &path))
                (end())
            }
            @if !words::text(before, "/at").is_empty() {
                p { a href={ (PREFIX) (path) "/remove" } { "Eigene Worte wegnehmen" } }
            }
        };
        Reply::page(status, page::page(visit, &titled(&format!("Eigene Worte: {name}"), faults), &main))
    };
    let Some(form) = &visit.sent else { return show(None, &[], 200) };
    let ways = ways::read(visit, form);
    let mut faults = WORDS.gaps(visit, form);
    faults.extend(ways.faults);
    let text = WORDS.replacing(visit, form, text).unwrap_or_else(|| json!({}));
    let body = json!({ "text": text, "alternatives": ways.all });
    let asking = Asking::new("PUT", format!("/incidents/{}/overlays/{organisation}", incident.id), Some(body));
    let sheet = Sheet {
        faults,
        pointers: pointers(visit, ways.pointers),
        place: Some(organisation),
        ..Sheet::new("Eigene Worte", path.clone(), asking)
    };
    match carry(visit, ask, form, sheet).await {
        Course::Again(status, faults) => show(Some(form), &faults, status),
        Course::Page(page) => page,
        Course::Done(_) => incident.done("said"),
    }
}

/// The notice beside which the words stand: as it was when they were written, and since.
fn beside(visit: &Visit, incident: &Known, before: &Value) -> Markup {
    let wall = Wall::of(visit);
    let since = words::list(before, "/since");
    html! {
        @if since.is_empty() { (so_far(visit, incident)) }
        @else {
            div.warn {
                h2 { "Nach Ihren Worten kam etwas Neueres" }
                @if !words::text(before, "/before").is_empty() {
                    p.meta { "Als Sie schrieben (" (wall.moment(words::text(before, "/at"))) "), stand dort:" }
                    p.said { (words::text(before, "/before")) }
                }
                @for one in since {
                    p.meta { "Neu (" (wall.moment(words::text(one, "/at"))) "):" }
                    p.said { (words::text(one, "/text")) }
                }
            }
        }
    }
}

/// Takes them away.
pub(super) async fn remove(visit: &Visit, ask: &dyn Ask, incident: &Known, organisation: &str) -> Reply {
    let before = own(incident, organisation).filter(|own| !words::text(own, "/at").is_empty());
    let (Some(name), Some(before)) = (name(visit, organisation), before) else { return page::not_found(visit) };
    let asking = Asking::new("DELETE", format!("/incidents/{}/overlays/{organisation}", incident.id), None);
    let path = incident.path(&format!("/overlays/{organisation}/remove"));
    let asked = Confirm {
        sheet: Sheet { button: "Wegnehmen", ..Sheet::new("Eigene Worte wegnehmen", path, asking) },
        etag: &incident.etag,
        says: &format!("Auf der Seite von {name} steht dann nur noch die Meldung der anderen Stelle."),
        what: html! { p.said { (in_language(visit, before)) } },
        back: (incident.path(""), incident.title()),
        done: incident.done("unsaid"),
    };
    confirm(visit, ask, asked).await
}
