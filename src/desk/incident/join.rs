//! Two incidents that turn out to be one, and one that turns out to be two.

use maud::html;
use serde_json::{Value, json};

use crate::desk::choice::{Boxes, Choices};
use crate::desk::form::Form;
use crate::desk::incident::Known;
use crate::desk::incident::open::{TEXT, TITLE, pointers};
use crate::desk::page::{self, Fault, Field, Kind, titled};
use crate::desk::publishing::{Course, Sheet, begin, carry, end, revision};
use crate::desk::words;
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit};

/// Continues an incident in another one.
pub(super) async fn merge(visit: &Visit, ask: &dyn Ask, incident: &Known) -> Reply {
    let overview = ask.ask(Asking::get("/overview")).await;
    let others: Vec<(&str, &str)> = words::list(&overview.body, "/incidents")
        .iter()
        .filter(|other| words::flag(other, "/may_change") && words::text(other, "/id") != incident.id)
        .map(|other| (words::text(other, "/id"), words::text(other, "/title")))
        .collect();
    let path = incident.path("/merge");
    let show = |sent: Option<&Form>, faults: &[Fault], status: u16| {
        let into = Field {
            name: "into",
            label: "In welcher Störung geht es weiter?",
            hint: "",
            kind: Kind::OneOf(&others),
            required: true,
            now: "",
        };
        let main = html! {
            h1 { "Störungen zusammenlegen" }
            (page::faults(faults))
            p.over { a href={ (PREFIX) (incident.path("")) } { (incident.title()) } }
            p {
                "Haben zwei Störungen dieselbe Ursache, wird eine in der anderen fortgeführt. Diese hier wird dann "
                "geschlossen, mit einem Verweis auf die andere. Was Sie geschrieben haben, bleibt erhalten."
            }
            @if others.is_empty() {
                p.note { "Es gibt keine andere offene Störung, die Sie ändern dürfen." }
            } @else {
                form method="post" action={ (PREFIX) (path) } novalidate {
                    (begin(visit, &revision(&incident.etag, sent, status)))
                    (into.show(sent, faults))
                    (end())
                }
            }
        };
        Reply::page(status, page::page(visit, &titled("Störungen zusammenlegen", faults), &main))
    };
    let Some(form) = &visit.sent else { return show(None, &[], 200) };
    let into = form.text("into");
    let asking = Asking::new("POST", format!("/incidents/{}/merge", incident.id), Some(json!({ "into": into })));
    let pointers = pointers(visit, Vec::new());
    let sheet = Sheet { pointers, ..Sheet::new("Störungen zusammenlegen", path.clone(), asking) };
    match carry(visit, ask, form, sheet).await {
        Course::Again(status, faults) => show(Some(form), &faults, status),
        Course::Page(page) => page,
        Course::Done(told) => {
            Reply::see(format!("{PREFIX}/incidents/{}?done=merged", words::text(&told.body, "/incident/id")))
        }
    }
}

/// Goes on with some components in an incident of their own.
pub(super) async fn split(visit: &Visit, ask: &dyn Ask, incident: &Known) -> Reply {
    let overview = ask.ask(Asking::get("/overview")).await;
    let concerned = incident.concerned();
    let root = incident.text("/internal/root");
    let parts = Choices::owned(visit, words::list(&overview.body, "/internal_components"))
        .only(|part| concerned.contains(&part.id) && part.id != root);
    let path = incident.path("/split");
    let show = |sent: Option<&Form>, faults: &[Fault], status: u16| {
        let legend = "Was gehört nicht dazu?";
        let off = Boxes { name: "states", legend, hint: "", all: &parts, now: &[], finds: true };
        let main = html! {
            h1 { "Einen Teil abtrennen" }
            (page::faults(faults))
            p.over { a href={ (PREFIX) (incident.path("")) } { (incident.title()) } }
            p { "Hat ein Teil eine andere Ursache, geht er in einer eigenen Störung weiter." }
            @if parts.all().is_empty() {
                p.note { "Diese Störung betrifft nichts, das Sie abtrennen können." }
            } @else {
                form method="post" action={ (PREFIX) (path) } novalidate {
                    (begin(visit, &revision(&incident.etag, sent, status)))
                    (off.show(sent, faults))
                    (TITLE.show(visit, sent, faults, &Value::Null))
                    (TEXT.show(visit, sent, faults, &Value::Null))
                    (end())
                }
            }
        };
        Reply::page(status, page::page(visit, &titled("Einen Teil abtrennen", faults), &main))
    };
    let Some(form) = &visit.sent else { return show(None, &[], 200) };
    let off: Vec<&str> = form.all("states").collect();
    let body = json!({ "components": off, "title": TITLE.read(visit, form), "text": TEXT.read(visit, form) });
    let mut faults = TITLE.gaps(visit, form);
    faults.extend(TEXT.gaps(visit, form));
    let asking = Asking::new("POST", format!("/incidents/{}/split", incident.id), Some(body));
    let pointers = pointers(visit, Vec::new());
    let sheet = Sheet { faults, pointers, ..Sheet::new("Einen Teil abtrennen", path.clone(), asking) };
    match carry(visit, ask, form, sheet).await {
        Course::Again(status, faults) => show(Some(form), &faults, status),
        Course::Page(page) => page,
        Course::Done(told) => {
            Reply::see(format!("{PREFIX}/incidents/{}?done=split", words::text(&told.body, "/incident/id")))
        }
    }
}
