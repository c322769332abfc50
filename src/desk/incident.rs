//! Incidents at the desk: the list of them, and the way to the pages about one.

mod change;
mod correct;
mod fields;
mod join;
mod open;
mod overlay;
mod show;

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::page;
use crate::desk::time::Wall;
use crate::desk::words;
use crate::desk::{Ask, Asking, PREFIX, Reply, Told, Visit};

/// Answers a visit below `/incidents`.
pub(super) async fn answer(visit: &Visit, ask: &dyn Ask, rest: &[&str]) -> Reply {
    match rest {
        [] => list(visit, ask).await,
        ["new"] => open::answer(visit, ask).await,
        [id, rest @ ..] => {
            let told = ask.ask(Asking::get(format!("/incidents/{id}"))).await;
            if told.status == 404 {
                return page::not_found(visit);
            }
            if !told.is_well() {
                return page::refused(visit, &told);
            }
            let incident = Known::new(id, told);
            match rest {
                [] => show::page(visit, ask, &incident).await,
                ["overlays", organisation] => overlay::write(visit, ask, &incident, organisation).await,
                ["overlays", organisation, "remove"] => overlay::remove(visit, ask, &incident, organisation).await,
                _ if !incident.may_change() => page::not_found(visit),
                ["update"] => change::update(visit, ask, &incident, false).await,
                ["resolve"] => change::update(visit, ask, &incident, true).await,
                ["edit"] => change::edit(visit, ask, &incident).await,
                ["updates", update] => correct::correct(visit, ask, &incident, update).await,
                ["updates", update, "retract"] => correct::retract(visit, ask, &incident, update).await,
                ["merge"] => join::merge(visit, ask, &incident).await,
                ["split"] => join::split(visit, ask, &incident).await,
                _ => page::not_found(visit),
            }
        }
    }
}

/// An incident as the interface shows it to the visitor.
#[derive(Debug)]
pub(super) struct Known {
    id: String,
    body: Value,
    etag: String,
}

impl Known {
    fn new(id: &str, told: Told) -> Self {
        Self { id: id.to_owned(), body: told.body, etag: told.etag.unwrap_or_default() }
    }

    /// Whether the visitor may change it: then the interface shows what is internal.
    fn may_change(&self) -> bool {
        self.body.get("internal").is_some_and(Value::is_object)
    }

    fn is_public(&self) -> bool {
        !self.text("/incident/url").is_empty()
    }

    fn text(&self, pointer: &str) -> &str {
        words::text(&self.body, pointer)
    }

    /// A field that stands in what is internal, else in what everybody reads.
    fn field(&self, name: &str) -> &str {
        let internal = self.text(&format!("/internal/{name}"));
        if internal.is_empty() { self.text(&format!("/incident/{name}")) } else { internal }
    }

    fn title(&self) -> &str {
        let public = self.text("/incident/title");
        if public.is_empty() { self.text("/internal/shown") } else { public }
    }

    fn is_open(&self) -> bool {
        self.field("status") != "resolved"
    }

    /// Whether the public reads of no root.
    fn is_rootless(&self) -> bool {
        self.text("/incident/root/name").is_empty()
    }

    fn is_merged(&self) -> bool {
        !self.text("/incident/merged_into").is_empty()
    }

    /// The updates, newest first: those with all that editors read, else those that everybody reads.
    fn updates(&self) -> Vec<&Value> {
        let internal = words::list(&self.body, "/internal/updates");
        if internal.is_empty() {
            return words::list(&self.body, "/incident/updates").iter().collect();
        }
        internal.iter().rev().collect()
    }

    /// The text of an update in the site's language; empty if it was taken back.
    fn newest(&self) -> Option<(&str, &str)> {
        let said =
            |update: &&&Value| words::text(update, "/retracted_at").is_empty() && !words::flag(update, "/retracted");
        let updates = self.updates();
        let newest = updates.iter().find(said)?;
        Some((said_in(newest), words::text(newest, "/at")))
    }

    /// What it concerns, by id.
    fn concerned(&self) -> Vec<String> {
        let internal = words::list(&self.body, "/internal/concerned");
        let public = words::list(&self.body, "/incident/components");
        let ids = internal.iter().filter_map(Value::as_str).chain(public.iter().map(|one| words::text(one, "/id")));
        let mut ids: Vec<String> = ids.map(str::to_owned).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Below [`PREFIX`].
    fn path(&self, rest: &str) -> String {
        format!("/incidents/{}{rest}", self.id)
    }

    /// Where the visitor goes on after something was done.
    fn done(&self, word: &str) -> Reply {
        Reply::see(format!("{PREFIX}/incidents/{}?done={word}", self.id))
    }
}

/// The text of an update in the site's language.
fn said_in(update: &Value) -> &str {
    let shown = words::text(update, "/shown");
    if shown.is_empty() { words::text(update, "/text") } else { shown }
}

async fn list(visit: &Visit, ask: &dyn Ask) -> Reply {
    let told = ask.ask(Asking::get("/overview")).await;
    if !told.is_well() {
        return page::refused(visit, &told);
    }
    let open = words::list(&told.body, "/incidents");
    let resolved = words::list(&told.body, "/resolved");
    let main = html! {
        h1 { "Störungen" }
        p { a.button href={ (PREFIX) "/incidents/new" } { "Neue Störung melden" } }
        section {
            h2 { "Offen" }
            @if open.is_empty() { p { "Zurzeit ist keine Störung bekannt." } }
            @for incident in open { (card(visit, incident)) }
        }
        @if !resolved.is_empty() {
            section {
                h2 { "Zuletzt behoben" }
                ul.plain {
                    @for incident in resolved {
                        li {
                            a href={ (PREFIX) "/incidents/" (words::text(incident, "/id")) } { (words::text(incident, "/title")) }
                            span.meta { " behoben: " (Wall::of(visit).moment(words::text(incident, "/resolved_at"))) }
                        }
                    }
                }
            }
        }
    };
    Reply::page(200, page::page(visit, "Störungen", &main))
}

/// Most organisations whose words are shown beside an incident.
const OVERLAYS_MAX: usize = 3;

/// The words of an organisation in the site's language.
pub(super) fn in_language<'a>(visit: &Visit, overlay: &'a Value) -> &'a str {
    let text = overlay.get("text").and_then(|text| text.get(visit.snapshot.catalogue.site.language()));
    text.and_then(Value::as_str).unwrap_or_default()
}

/// An incident of an overview: what is wrong, what was said, what to do next.
pub(super) fn card(visit: &Visit, incident: &Value) -> Markup {
    let wall = Wall::of(visit);
    let text = |pointer: &str| words::text(incident, pointer);
    let id = text("/id");
    let path = format!("{PREFIX}/incidents/{id}");
    let may_change = words::flag(incident, "/may_change");
    let (touched, overdue) = (words::flag(incident, "/touched"), words::flag(incident, "/overdue"));
    let overlays = words::list(incident, "/overlays");
    let silent: Vec<&Value> = overlays.iter().filter(|one| words::text(one, "/at").is_empty()).collect();
    let alone = silent.len() == overlays.len() && !overlays.is_empty();
    html! {
        article.card {
            h3 { a href=(path) { (text("/title")) } }
            p.meta {
                span.pill { (words::incident_status(text("/status"))) }
                " " (words::impact(text("/impact"))) ", " (wall.ago(text("/started_at")))
                " (" (wall.moment(text("/started_at"))) ")"
            }
            @if !text("/root/name").is_empty() { p.meta { "Ursache: " (text("/root/name")) } }
            @if !words::flag(incident, "/public") { p.meta { "Nur intern: Öffentlich ist davon nichts zu lesen." } }
            @if overdue {
                p.late { strong { "Überfällig: " } "Eine Nachricht war versprochen bis " (wall.moment(text("/next_update_by"))) "." }
            } @else if !text("/next_update_by").is_empty() {
                p.meta { "Versprochen bis: " (wall.moment(text("/next_update_by"))) }
            }
            @if !touched {
                p.note {
                    strong { "Noch niemand hat etwas dazu geschrieben." }
                    " Auf der Seite steht nur die automatische Meldung."
                }
            } @else if !text("/last/text").is_empty() {
                p.said { "Zuletzt gesagt (" (wall.moment(text("/last/at"))) "): „" (text("/last/text")) "“" }
            }
            @if may_change {
                p.act {
                    a.button href={ (path) "/update" } { @if touched { "Neue Meldung schreiben" } @else { "Meldung schreiben" } }
                    " "
                    a.button.quiet href={ (path) } { "Alles dazu" }
                }
            } @else {
                p.meta { "Diese Störung gehört einer anderen Stelle. Sie können eigene Worte für Ihre Seite danebenstellen." }
                @if alone { p.note { strong { "Von Ihnen steht noch nichts dabei." } } }
                @for one in overlays.iter().filter(|one| !words::text(one, "/at").is_empty()).take(OVERLAYS_MAX) {
                    p.said { (words::text(one, "/name")) " schreibt dazu (" (wall.moment(words::text(one, "/at"))) "): „" (in_language(visit, one)) "“" }
                }
                p.act {
                    @for one in silent.iter().take(1) {
                        a.button href={ (path) "/overlays/" (words::text(one, "/id")) } { "Eigene Worte schreiben" }
                        " "
                    }
                    a.button.quiet href=(path) { "Alles dazu" }
                }
            }
        }
    }
}
