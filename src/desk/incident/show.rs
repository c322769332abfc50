//! The page of one incident: how it stands, what was said, and everything that can be done.

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::incident::{Known, in_language, said_in};
use crate::desk::page;
use crate::desk::scope;
use crate::desk::time::Wall;
use crate::desk::words;
use crate::desk::{Ask, PREFIX, Reply, Visit};

/// What is said after something was done, by its word in the address.
const DONE: &[(&str, &str)] = &[
    ("opened", "Die Meldung ist veröffentlicht."),
    ("updated", "Die neue Meldung ist veröffentlicht."),
    ("resolved", "Die Störung ist beendet, die Meldung veröffentlicht."),
    ("changed", "Die Änderung ist veröffentlicht."),
    ("corrected", "Die Meldung ist berichtigt."),
    ("retracted", "Die Meldung ist zurückgezogen."),
    ("merged", "Die Störungen sind zusammengelegt. Hier geht es weiter."),
    ("split", "Die abgetrennte Störung ist veröffentlicht. Das ist ihre Seite."),
    ("said", "Ihre eigenen Worte stehen jetzt dabei."),
    ("unsaid", "Ihre eigenen Worte stehen nicht mehr dabei."),
];

pub(super) async fn page(visit: &Visit, ask: &dyn Ask, incident: &Known) -> Reply {
    let done = visit.query.text("done");
    let done = DONE.iter().find(|(word, _)| *word == done).map(|(_, sentence)| *sentence);
    let names = Names::of(visit, ask, incident).await;
    let is_foreign = !incident.may_change();
    let main = html! {
        h1 { (incident.title()) }
        @if let Some(done) = done { div.done role="status" { p { (done) } } }
        (warnings(visit, incident))
        (actions(incident))
        @if is_foreign { (overlays(visit, incident)) }
        (facts(visit, incident, &names))
        @if !is_foreign { (overlays(visit, incident)) }
        (updates(visit, incident))
        p.act { a href={ (PREFIX) "/incidents" } { "Alle Störungen" } }
    };
    Reply::page(200, page::page(visit, incident.title(), &main))
}

/// The names of components, also of those that the public does not know.
struct Names<'a> {
    visit: &'a Visit,
    internal: Vec<Value>,
    /// Whether what is concerned belongs to several organisations, so that a name needs its owner's.
    is_shared: bool,
}

impl<'a> Names<'a> {
    async fn of(visit: &'a Visit, ask: &dyn Ask, incident: &Known) -> Self {
        let given = incident.body.pointer("/internal/components").and_then(Value::as_object);
        let given = given.into_iter().flat_map(|given| given.keys().map(String::as_str));
        let root = Some(incident.text("/internal/root")).filter(|id| incident.is_rootless() && !id.is_empty());
        let internal = scope::internal(visit, ask, given.chain(root)).await;
        let concerned = words::list(&incident.body, "/incident/components").iter();
        let mut owners: Vec<u32> =
            concerned.filter_map(|one| Some(scope::component(visit, words::text(one, "/id"))?.owner)).collect();
        owners.sort_unstable();
        owners.dedup();
        Self { visit, internal, is_shared: owners.len() > 1 }
    }

    fn name(&self, id: &str) -> String {
        let Some(component) = scope::component(self.visit, id) else { return scope::internal_name(&self.internal, id) };
        let owner = self.visit.snapshot.catalogue.organisations.get(component.owner as usize);
        let name = scope::component_name(self.visit, component);
        match owner.filter(|_| self.is_shared) {
            Some(owner) => format!("{name} ({})", scope::name(self.visit, owner)),
            None => name,
        }
    }
}

/// What somebody has to do something about.
fn warnings(visit: &Visit, incident: &Known) -> Markup {
    let wall = Wall::of(visit);
    html! {
        @if words::flag(&incident.body, "/incident/overdue") {
            div.faults {
                p { strong { "Überfällig: " } "Eine Nachricht war versprochen bis " (wall.moment(incident.field("next_update_by"))) "." }
            }
        }
        @if incident.may_change() && !words::flag(&incident.body, "/internal/touched") && incident.is_open() {
            div.warn {
                p {
                    strong { "Noch niemand hat etwas dazu geschrieben." }
                    " Auf der Seite steht nur die automatische Meldung."
                }
            }
        }
    }
}

fn facts(visit: &Visit, incident: &Known, names: &Names<'_>) -> Markup {
    let wall = Wall::of(visit);
    let field = |name: &str| incident.field(name);
    let root = match incident.is_rootless() {
        true => Some(incident.text("/internal/root")).filter(|id| !id.is_empty()).map(|id| names.name(id)),
        false => Some(incident.text("/incident/root/name").to_owned()),
    };
    let is_open = incident.is_open();
    html! {
        dl.facts {
            dt { "Stand" } dd { (words::incident_status(field("status"))) ", " (words::impact(field("impact"))) }
            dt { "Seit" } dd { (wall.moment(field("started_at"))) @if is_open { ", " (wall.ago(field("started_at"))) } }
            @if !field("resolved_at").is_empty() { dt { "Behoben" } dd { (wall.moment(field("resolved_at"))) } }
            @if let Some(root) = root {
                dt { "Ursache liegt bei" }
                dd { (root) @if words::flag(&incident.body, "/internal/root_set") { " (von Hand gesetzt)" } }
            }
            @if !field("cause").is_empty() { dt { "Art der Ursache" } dd { (words::cause(field("cause"))) } }
            @if is_open {
                dt { "Voraussichtliches Ende" } dd { (ending(visit, incident)) }
                @if !field("next_update_by").is_empty() {
                    dt { "Nächste Nachricht bis" } dd { (wall.moment(field("next_update_by"))) }
                }
            }
            (components(visit, incident, names))
        }
        @if incident.is_public() {
            p.aside { a href={ "/incidents/" (incident.id) } { "So sieht es die Öffentlichkeit" } }
        } @else {
            p.meta { "Nur intern: Öffentlich ist davon nichts zu lesen." }
        }
        @if incident.is_merged() {
            p { "Sie wird hier fortgeführt: " a href={ (PREFIX) "/incidents/" (incident.text("/incident/merged_into")) } { "andere Störung" } }
        }
    }
}

fn ending(visit: &Visit, incident: &Known) -> Markup {
    let wall = Wall::of(visit);
    let end = incident.body.pointer("/incident/expected_end").unwrap_or(&Value::Null);
    let text = |pointer: &str| words::text(end, pointer);
    html! {
        @if end.is_null() { "derzeit nicht absehbar" }
        @if !text("/earliest").is_empty() { "frühestens " (wall.moment(text("/earliest"))) " " }
        @if !text("/latest").is_empty() { "spätestens " (wall.end(text("/latest"))) " " }
        (text("/label"))
    }
}

/// Most components in a line.
const NAMES_MAX: usize = 30;

fn components(visit: &Visit, incident: &Known, names: &Names<'_>) -> Markup {
    let kind = |id: &str| scope::component(visit, id).map(|one| one.kind);
    let all = words::list(&incident.body, "/incident/components");
    let given = incident.body.pointer("/internal/components").and_then(Value::as_object);
    html! {
        @if !all.is_empty() {
            dt { "Betroffen" }
            dd {
                ul.plain {
                    @for one in all.iter().take(NAMES_MAX) {
                        @let id = words::text(one, "/id");
                        li { (names.name(id)) ": " (words::status(words::text(one, "/status"), kind(id))) }
                    }
                    @if all.len() > NAMES_MAX { li { "und " (all.len().saturating_sub(NAMES_MAX)) " weitere" } }
                }
            }
        }
        @if let Some(given) = given.filter(|given| !given.is_empty()) {
            dt { "Von Ihnen angegeben" }
            dd {
                ul.plain {
                    @for (id, status) in given {
                        li { (names.name(id)) ": " (words::status(status.as_str().unwrap_or_default(), kind(id))) }
                    }
                }
            }
        }
    }
}

fn actions(incident: &Known) -> Markup {
    let path = |rest: &str| format!("{PREFIX}{}", incident.path(rest));
    let is_open = incident.is_open();
    html! {
        @if incident.may_change() && !incident.is_merged() {
            p.act {
                a.button href=(path("/update")) { @if is_open { "Neue Meldung schreiben" } @else { "Nachtrag schreiben" } }
                @if is_open { " " a.button.quiet href=(path("/resolve")) { "Störung beenden" } }
            }
            details.more {
                summary { "Mehr ändern" }
                ul.plain {
                    li { a href=(path("/edit")) { "Titel, Schwere, Ursache ändern" } }
                    @if is_open {
                        li { a href=(path("/merge")) { "Mit einer anderen Störung zusammenlegen" } }
                        li { a href=(path("/split")) { "Einen Teil als eigene Störung abtrennen" } }
                    }
                }
            }
        } @else if !incident.may_change() {
            p.meta { "Diese Störung gehört einer anderen Stelle. Sie können eigene Worte für Ihre Seite danebenstellen." }
        }
    }
}

/// What the visitor's organisations say of it themselves.
fn overlays(visit: &Visit, incident: &Known) -> Markup {
    let wall = Wall::of(visit);
    let all = words::list(&incident.body, "/overlays");
    // Whoever writes the notice itself needs no words beside it.
    let shown: Vec<&Value> =
        all.iter().filter(|one| !incident.may_change() || !words::text(one, "/at").is_empty()).collect();
    html! {
        @if !shown.is_empty() {
            section {
                h2 { "Eigene Worte Ihrer Stadt" }
                @for one in shown {
                    @let path = format!("{PREFIX}{}", incident.path(&format!("/overlays/{}", words::text(one, "/id"))));
                    article.card {
                        h3 { (words::text(one, "/name")) }
                        @if words::text(one, "/at").is_empty() {
                            p.note { strong { "Von Ihnen steht noch nichts dabei." } }
                            p.act { a.button href=(path) { "Eigene Worte schreiben" } }
                        } @else {
                            p.said { (in_language(visit, one)) }
                            p.meta { "Geschrieben: " (wall.moment(words::text(one, "/at"))) }
                            @if words::flag(one, "/drifted") {
                                p.late { "Danach kam eine neuere Meldung. Stimmt noch, was Sie geschrieben haben?" }
                            }
                            p.act {
                                a.button href=(path) { "Eigene Worte ändern" } " "
                                a.button.quiet href={ (path) "/remove" } { "Wegnehmen" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn updates(visit: &Visit, incident: &Known) -> Markup {
    let wall = Wall::of(visit);
    let language = visit.snapshot.catalogue.site.language();
    let internal = words::list(&incident.body, "/internal/texts");
    let may_correct = incident.may_change() && !incident.is_merged();
    html! {
        section {
            h2 { "Bisherige Meldungen" }
            ol.course {
                @for update in incident.updates() {
                    @let id = words::text(update, "/id");
                    @let retracted = !words::text(update, "/retracted_at").is_empty() || words::flag(update, "/retracted");
                    li {
                        p.meta { (wall.moment(words::text(update, "/at"))) " – " (words::incident_status(words::text(update, "/status"))) }
                        @if retracted { p.late { "Zurückgezogen. Öffentlich steht der Text nicht mehr." } }
                        @if retracted { p.said { s { (said_in(update)) } } } @else { p.said { (said_in(update)) } }
                        @for text in internal.iter().filter(|text| words::text(text, "/update") == id) {
                            p.note { strong { "Nur intern: " } (text.pointer("/text").and_then(|text| text.get(language)).and_then(Value::as_str).unwrap_or_default()) }
                        }
                        @if may_correct && !retracted {
                            @let path = format!("{PREFIX}{}", incident.path(&format!("/updates/{id}")));
                            p.links {
                                a href=(path) { "Berichtigen" span.hidden { ": Meldung " (wall.moment(words::text(update, "/at"))) } }
                                " "
                                a href={ (path) "/retract" } { "Zurückziehen" span.hidden { ": Meldung " (wall.moment(words::text(update, "/at"))) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
