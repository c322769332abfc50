//! Pages.

use maud::html;

use crate::model::snapshot::{PublicIncident, Snapshot};
use crate::publish::wording::{self, Words};

/// The start page.
pub fn overview(snapshot: &Snapshot, language: &str) -> String {
    let site = &snapshot.catalogue.site;
    let words = Words::of(language);
    html! {
        h1 { (site.title.get(language, site.language())) }
        p { (words.status(snapshot.status().status, None)) }
    }
    .into_string()
}

/// An organisation's page.
pub fn organisation(snapshot: &Snapshot, organisation: u32, language: &str) -> String {
    let fallback = snapshot.catalogue.site.language();
    let words = Words::of(language);
    html! {
        @if let Some(body) = snapshot.catalogue.organisations.get(organisation as usize) {
            h1 { (body.name.get(language, fallback)) }
        }
        ul {
            @for view in snapshot.page_of(organisation) {
                li {
                    (view.component.name.get(language, fallback)) ": "
                    (words.status(view.status, Some(view.component.kind)))
                }
            }
        }
    }
    .into_string()
}

/// An incident's page.
pub fn incident(snapshot: &Snapshot, incident: &PublicIncident, language: &str) -> String {
    let fallback = snapshot.catalogue.site.language();
    html! {
        h1 { (wording::body(&incident.title, language, fallback)) }
        @for update in incident.updates.iter().rev() { p { (wording::body(&update.body, language, fallback)) } }
    }
    .into_string()
}
