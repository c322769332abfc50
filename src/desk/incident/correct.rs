//! What was wrong in an update: its text is replaced, or it is taken back.

use maud::html;
use serde_json::{Value, json};

use crate::desk::form::Form;
use crate::desk::incident::change::revision;
use crate::desk::incident::open::{TEXT, pointers, titled};
use crate::desk::incident::publishing::{Course, Sheet, begin, carry, end};
use crate::desk::incident::{Known, said_in};
use crate::desk::page::{self, Fault};
use crate::desk::time::Wall;
use crate::desk::words;
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit};
use crate::model::text::Plain;

/// The update of this id, if it was not taken back.
fn published<'a>(incident: &'a Known, id: &str) -> Option<&'a Value> {
    let updates = words::list(&incident.body, "/internal/updates");
    updates.iter().find(|update| words::text(update, "/id") == id && words::text(update, "/retracted_at").is_empty())
}

/// Replaces the text of an update.
pub(super) async fn correct(visit: &Visit, ask: &dyn Ask, incident: &Known, id: &str) -> Reply {
    let Some(update) = published(incident, id) else { return page::not_found(visit) };
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
                (begin(visit, &revision(incident, sent, status)))
                (TEXT.show(visit, sent, faults, &now))
                (end())
            }
        };
        Reply::page(status, page::page(visit, &titled("Meldung berichtigen", faults), &main))
    };
    let Some(form) = &visit.sent else { return show(None, &[], 200) };
    let sheet = Sheet {
        title: "Meldung berichtigen",
        path: path.clone(),
        asking: Asking::new(
            "PATCH",
            format!("/incidents/{}/updates/{id}", incident.id),
            Some(json!({ "text": TEXT.replacing(visit, form, &now).unwrap_or_else(|| json!({})) })),
        ),
        faults: TEXT.gaps(visit, form),
        pointers: pointers(visit, Vec::new()),
        place: None,
    };
    match carry(visit, ask, form, sheet).await {
        Course::Again(status, faults) => show(Some(form), &faults, status),
        Course::Page(page) => page,
        Course::Done(_) => incident.done("corrected"),
    }
}

/// A page that asks whether something is to be taken away.
pub(super) struct Confirm<'a> {
    pub(super) title: &'a str,
    pub(super) path: String,
    pub(super) asking: Asking,
    pub(super) says: &'a str,
    pub(super) text: &'a str,
    pub(super) button: &'a str,
    pub(super) done: &'a str,
}

/// Asks, and takes it away when the visitor says so.
pub(super) async fn confirm(visit: &Visit, ask: &dyn Ask, incident: &Known, confirm: Confirm<'_>) -> Reply {
    let show = |sent: Option<&Form>, faults: &[Fault], status: u16| {
        let main = html! {
            h1 { (confirm.title) }
            (page::faults(faults))
            p.over { a href={ (PREFIX) (incident.path("")) } { (incident.title()) } }
            p { (confirm.says) }
            div.now { p.said { (confirm.text) } }
            form.act method="post" action={ (PREFIX) (confirm.path) } {
                (page::token(visit))
                input type="hidden" name="revision" value=(Plain::new(&revision(incident, sent, status)));
                input type="hidden" name="key" value=(visit.nonce);
                button name="do" value="publish" { (confirm.button) }
                " "
                a.button.quiet href={ (PREFIX) (incident.path("")) } { "Nicht ändern" }
            }
        };
        Reply::page(status, page::page(visit, &titled(confirm.title, faults), &main))
    };
    let Some(form) = &visit.sent else { return show(None, &[], 200) };
    let sheet = Sheet {
        title: confirm.title,
        path: confirm.path.clone(),
        asking: confirm.asking.clone(),
        faults: Vec::new(),
        pointers: Vec::new(),
        place: None,
    };
    match carry(visit, ask, form, sheet).await {
        Course::Again(status, faults) => show(Some(form), &faults, status),
        Course::Page(page) => page,
        Course::Done(_) => incident.done(confirm.done),
    }
}

/// Takes an update back.
pub(super) async fn retract(visit: &Visit, ask: &dyn Ask, incident: &Known, id: &str) -> Reply {
    let Some(update) = published(incident, id) else { return page::not_found(visit) };
    let asking = Confirm {
        title: "Meldung zurückziehen",
        path: incident.path(&format!("/updates/{id}/retract")),
        asking: Asking::new("DELETE", format!("/incidents/{}/updates/{id}", incident.id), None),
        says: "Für Meldungen, die nie hätten erscheinen sollen: falscher Ort, falsche Nummer. Der Text verschwindet von \
               allen Seiten und aus den Feeds; dass etwas zurückgezogen wurde, bleibt sichtbar. Rückgängig machen lässt \
               sich das nicht.",
        text: said_in(update),
        button: "Zurückziehen",
        done: "retracted",
    };
    confirm(visit, ask, incident, asking).await
}
