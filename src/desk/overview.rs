//! The first page of the desk: promises that were not kept, what is wrong, what was said of it, and
//! what to do next.

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::incident::card;
use crate::desk::page;
use crate::desk::time::Wall;
use crate::desk::words;
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit};
use crate::model::verdict::Reason;
use crate::publish::wording::Words;

/// Most names of organisations in a line.
const NAMES_MAX: usize = 5;

/// Most planned works that are listed here.
const PLANNED_MAX: usize = 10;

/// Most own words that are listed here.
const DRIFTED_MAX: usize = 10;

/// Most components of an unknown status that are listed here.
const UNKNOWN_MAX: usize = 20;

/// Answers the first page.
pub(super) async fn answer(visit: &Visit, ask: &dyn Ask) -> Reply {
    let told = ask.ask(Asking::get("/overview")).await;
    if !told.is_well() {
        return page::refused(visit, &told);
    }
    // Of what is somebody else's the visitor can do nothing about a promise.
    let is_overdue = |one: &&Value| words::flag(one, "/overdue") && words::flag(one, "/may_change");
    let incidents = words::list(&told.body, "/incidents");
    let planned = words::list(&told.body, "/maintenance");
    let (late, open): (Vec<&Value>, Vec<&Value>) = incidents.iter().partition(is_overdue);
    let (overrunning, planned): (Vec<&Value>, Vec<&Value>) = planned.iter().partition(is_overdue);
    let drifted: Vec<(&Value, &Value)> = incidents
        .iter()
        .flat_map(|incident| words::list(incident, "/overlays").iter().map(move |own| (incident, own)))
        .filter(|(_, own)| words::flag(own, "/drifted"))
        .collect();
    let unknown = words::list(&told.body, "/unknown");
    // To a town its own words are the next thing to do; to whoever sees all of them the disturbances are.
    let for_all = words::flag(&told.body, "/all");
    let main = html! {
        h1 { "Übersicht" }
        p.meta { (scope(&told.body)) }
        (verdict(incidents.len(), late.len().saturating_add(overrunning.len()), drifted.len()))
        @if !late.is_empty() || !overrunning.is_empty() {
            section {
                h2 { "Überfällig" }
                @for incident in &late { (card(visit, incident)) }
                @for notice in &overrunning { (work(visit, notice)) }
            }
        }
        @if !for_all { (drifts(&drifted)) }
        @if !open.is_empty() {
            section {
                h2 { "Gerade gestört" }
                @for incident in &open { (card(visit, incident)) }
            }
        }
        @if for_all { (drifts(&drifted)) }
        p.act { a.button.quiet[!incidents.is_empty()] href={ (PREFIX) "/incidents/new" } { "Neue Störung melden" } }
        (unknown_ones(visit, unknown))
        @if !planned.is_empty() {
            section {
                h2 { "Geplante Arbeiten" }
                @for notice in planned.iter().take(PLANNED_MAX) { (work(visit, notice)) }
                @if planned.len() > PLANNED_MAX { p { a href={ (PREFIX) "/maintenance" } { "Alle Wartungen" } } }
            }
        }
    };
    Reply::page(200, page::page(visit, "Übersicht", &main))
}

/// For whom the visitor speaks.
fn scope(body: &Value) -> Markup {
    let all = words::list(body, "/organisations");
    let names: Vec<&str> = all.iter().take(NAMES_MAX).map(|one| words::text(one, "/name")).collect();
    html! {
        @if words::flag(body, "/all") { "Sie sehen alles, was auf dieser Statusseite steht." }
        @else if names.is_empty() { "Ihr Zugang gilt zurzeit für keine Stelle. Fragen Sie den Betreiber." }
        @else {
            "Für: " (names.join(", "))
            @if all.len() > NAMES_MAX { " und " (all.len().saturating_sub(NAMES_MAX)) " weitere" }
        }
    }
}

/// How things stand, in a sentence.
fn verdict(open: usize, late: usize, drifted: usize) -> Markup {
    let class = if late > 0 || open > 0 { "verdict bad" } else { "verdict good" };
    html! {
        div class=(class) {
            p.main {
                @match open {
                    0 => "Zurzeit ist keine Störung bekannt.",
                    1 => "1 Störung ist offen.",
                    open => { (open) " Störungen sind offen." },
                }
            }
            @if late == 1 { p { "1 Zusage ist überfällig." } }
            @if late > 1 { p { (late) " Zusagen sind überfällig." } }
            @if drifted > 0 { p { "Eigene Worte von Ihnen sind vielleicht überholt." } }
            @if late == 0 && open == 0 && drifted == 0 { p { "Es gibt für Sie gerade nichts zu tun." } }
        }
    }
}

/// Own words that may not be true any more.
fn drifts(all: &[(&Value, &Value)]) -> Markup {
    let more = all.len().saturating_sub(DRIFTED_MAX);
    html! {
        @if !all.is_empty() {
            section {
                h2 { "Ihre Worte prüfen" }
                p { "Nach Ihren Worten kam eine neuere Meldung. Stimmt noch, was Sie geschrieben haben?" }
                @for (incident, own) in all.iter().take(DRIFTED_MAX) { (drift(incident, own)) }
                @if more > 0 { p { "Und " (more) " weitere." } }
            }
        }
    }
}

/// A town's own words that may not be true any more.
fn drift(incident: &Value, own: &Value) -> Markup {
    let path = format!("{PREFIX}/incidents/{}/overlays/{}", words::text(incident, "/id"), words::text(own, "/id"));
    html! {
        article.card {
            h3 { a href=(path) { (words::text(own, "/name")) ": " (words::text(incident, "/title")) } }
            @for since in words::list(own, "/since").iter().take(1) {
                p.said { "Inzwischen steht dort: „" (words::text(since, "/text")) "“" }
            }
            p.act { a.button href=(path) { "Eigene Worte prüfen" } }
        }
    }
}

fn unknown_ones(visit: &Visit, unknown: &[Value]) -> Markup {
    let wall = Wall::of(visit);
    html! {
        @if !unknown.is_empty() {
            section {
                h2 { "Stand unbekannt" }
                p { "Hier kann die automatische Prüfung zurzeit nichts sagen. Das ist keine Störung." }
                ul.plain {
                    @for one in unknown.iter().take(UNKNOWN_MAX) {
                        li {
                            a href={ (PREFIX) "/components/" (words::text(one, "/id")) } { (words::text(one, "/name")) }
                            span.meta { " " (wall.ago(words::text(one, "/since"))) }
                            @if let Some(reason) = Reason::parse(words::text(one, "/reason")) {
                                " " (Words::German.reason(reason))
                            }
                        }
                    }
                }
                @if unknown.len() > UNKNOWN_MAX { p { "Und " (unknown.len().saturating_sub(UNKNOWN_MAX)) " weitere." } }
            }
        }
    }
}

/// Planned work.
fn work(visit: &Visit, notice: &Value) -> Markup {
    let wall = Wall::of(visit);
    let text = |pointer: &str| words::text(notice, pointer);
    let path = format!("{PREFIX}/maintenance/{}", text("/id"));
    html! {
        article.card {
            h3 { a href=(path) { (text("/title")) } }
            p.meta { (wall.window(text("/from"), text("/until"))) }
            @if words::flag(notice, "/overdue") {
                @let may_change = words::flag(notice, "/may_change");
                p.late {
                    strong { "Dauert länger als angekündigt." }
                    @if may_change { " Ist es vorbei? Dann sagen Sie es; sonst nennen Sie ein neues Ende." }
                }
                @if may_change { p.act { a.button href=(path) { "Zur Wartung" } } }
            }
        }
    }
}
