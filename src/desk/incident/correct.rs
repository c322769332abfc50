//! What was wrong in an update: its text is replaced, or it is taken back.

use maud::html;
use serde_json::{Value, json};

use crate::desk::form::Form;
use crate::desk::incident::open::{TEXT, pointers};
use crate::desk::incident::{Known, said_in};
use crate::desk::page::{self, Fault, titled};
use crate::desk::publishing::{Confirm, Course, Sheet, begin, carry, confirm, end, revision};
use crate::desk::time::Wall;
use crate::desk::words;
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit};

/// The update of this id, if it was not taken back.
fn published<'a>(incident: &'a Known, id: &str) -> Option<&'a Value> {
    let updates = words::list(&incident.body, "/internal/updates");
    updates.iter().find(|update| words::text(update, "/id") == id && words::text(update, "/retracted_at").is_empty())
}

/// Replaces the text of an update.
pub(super) async fn correct(visit: &Visit, ask: &dyn Ask, incident: &Known, id: &str) -> Reply {
    let update = match published(incident, id) {
        Some(update) => update,
        // Somebody else took it back meanwhile: the interface says so, and what was typed is not lost.
        None if visit.sent.is_some() => &Value::Null,
        None => return page::not_found(visit),
    };
    let path = incident.path(&format!("/updates/{id}"));
    let now = match update.get("text") {
        Some(text) if text.is_object() => text.clone(),
        _ => json!({ visit.snapshot.catalogue.site.language(): said_in(update) }),
    };
    let show = |sent: Option<&Form>, faults: &[Fault], status: u16| {
        let main = html! {
            h1 { "Meldung berichtigen" }
            (page::faults(faults))
            p.over { a href={ (PREFIX) (incident.path("")) } { (incident.title()) } }
            p {
                "Für Tippfehler und falsche Uhrzeiten. Der neue Text steht dann an dieser Stelle, mit einem Vermerk. "
                "Hat sich die Lage geändert, schreiben Sie besser eine neue Meldung."
            }
            p.meta { "Meldung: " (Wall::of(visit).moment(words::text(update, "/at"))) }
            form method="post" action={ (PREFIX) (path) } novalidate {
                (begin(visit, &revision(&incident.etag, sent, status)))
                (TEXT.show(visit, sent, faults, &now))
                (end())
            }
        };
        Reply::page(status, page::page(visit, &titled("Meldung berichtigen", faults), &main))
    };
    let Some(form) = &visit.sent else { return show(None, &[], 200) };
    let body = json!({ "text": TEXT.replacing(visit, form, &now).unwrap_or_else(|| json!({})) });
    let asking = Asking::new("PATCH", format!("/incidents/{}/updates/{id}", incident.id), Some(body));
    let (faults, pointers) = (TEXT.gaps(visit, form), pointers(visit, Vec::new()));
    let sheet = Sheet { faults, pointers, ..Sheet::new("Meldung berichtigen", path.clone(), asking) };
    match carry(visit, ask, form, sheet).await {
        Course::Again(status, faults) => show(Some(form), &faults, status),
        Course::Page(page) => page,
        Course::Done(_) => incident.done("corrected"),
    }
}

/// Takes an update back.
pub(super) async fn retract(visit: &Visit, ask: &dyn Ask, incident: &Known, id: &str) -> Reply {
    let Some(update) = published(incident, id) else { return page::not_found(visit) };
    let asking = Asking::new("DELETE", format!("/incidents/{}/updates/{id}", incident.id), None);
    let path = incident.path(&format!("/updates/{id}/retract"));
    let asked = Confirm {
        sheet: Sheet { button: "Zurückziehen", ..Sheet::new("Meldung zurückziehen", path, asking) },
        etag: &incident.etag,
        says: "Für Meldungen, die nie hätten erscheinen sollen: falscher Ort, falsche Nummer. Der Text verschwindet von \
               allen Seiten und aus den Feeds; dass etwas zurückgezogen wurde, bleibt sichtbar. Rückgängig machen lässt \
               sich das nicht.",
        what: html! { p.said { (said_in(update)) } },
        back: (incident.path(""), incident.title()),
        done: incident.done("retracted"),
    };
    confirm(visit, ask, asked).await
}
