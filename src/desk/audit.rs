//! `/admin/audit`: who did what, when, and what came of it. For admins of all organisations.

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::time::Wall;
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit, page, words};
use crate::publish::escape::terminal;

/// Entries on a page.
const ENTRIES: u32 = 50;

/// The log.
pub async fn list(visit: &Visit, ask: &dyn Ask) -> Reply {
    if !visit.editor.is_admin_of_all() {
        let main = html! {
            h1 { "Protokoll" }
            p { "Das Protokoll lesen nur Zugänge, die für alle Stellen gelten. Brauchen Sie eine Auskunft daraus? Dann wenden Sie sich bitte an den Betreiber dieser Seite." }
        };
        return Reply::page(403, page::page(visit, "Protokoll", &main));
    }
    let before = visit.query.text("vor").parse::<u64>().ok();
    let query = before.map(|before| format!("&before={before}")).unwrap_or_default();
    let told = ask.ask(Asking::get(format!("/audit?limit={ENTRIES}{query}"))).await;
    if !told.is_well() {
        return page::refused(visit, &told);
    }
    let entries = words::list(&told.body, "/audit");
    let next = told.body.get("next").and_then(Value::as_u64);
    let main = html! {
        h1 { "Protokoll" }
        p.lead { "Jede Änderung und jede Ablehnung, die neueste zuerst. Nichts davon lässt sich nachträglich ändern." }
        @if entries.is_empty() {
            p.notice { "Hier steht noch nichts." }
        } @else {
            ol.rows { @for entry in entries { (row(visit, entry)) } }
        }
        nav.pager aria-label="Seiten der Liste" {
            @if before.is_some() { a.button.quiet href={ (PREFIX) "/audit" } { "Zum Neuesten" } }
            @if let Some(next) = next { a.button.quiet href={ (PREFIX) "/audit?vor=" (next) } { "Ältere Einträge" } }
        }
    };
    Reply::page(200, page::page(visit, "Protokoll", &main))
}

fn row(visit: &Visit, entry: &Value) -> Markup {
    // What was asked for is kept as it came: what would not be seen is written out.
    let text = |field: &str| terminal(entry.get(field).and_then(Value::as_str).unwrap_or_default());
    let (action, subject) = (text("action"), text("subject"));
    let is_done = text("outcome") == "done";
    let status = entry.get("status").and_then(Value::as_u64);
    let detail = entry.get("detail").filter(|detail| !is_empty(detail));
    html! {
        li {
            div.head {
                strong { (said(&action, &subject)) }
                @if is_done { span.state.is-ok { "ausgeführt" } } @else { span.state.is-out { "abgelehnt" } }
            }
            p.meta {
                (Wall::of(visit).moment(words::text(entry, "/at"))) " · "
                (actor(visit, &text("actor")))
            }
            details {
                summary { "Einzelheiten" }
                p { code { (action) " " (subject) } @if let Some(status) = status { ": Antwort " (status) } }
                @if let Some(detail) = detail { pre tabindex="0" { (pretty(detail)) } }
            }
        }
    }
}

fn pretty(detail: &Value) -> String {
    let pretty = serde_json::to_string_pretty(detail).unwrap_or_default();
    pretty.lines().map(terminal).collect::<Vec<_>>().join("\n")
}

fn is_empty(detail: &Value) -> bool {
    match detail {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Array(_) | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn actor(visit: &Visit, actor: &str) -> Markup {
    if actor == visit.editor.token {
        return html! { "Sie (Zugang " (actor) ")" };
    }
    match actor.strip_prefix("cli:") {
        Some(user) => html! { "am Server: " (user) },
        None if actor == "nobody" => html! { "niemand (nicht angemeldet)" },
        None => html! { "Zugang " (actor) },
    }
}

/// What was asked for, in words; what has none is shown as it is.
fn said(action: &str, subject: &str) -> String {
    let segments: Vec<&str> = subject.trim_start_matches('/').split('/').collect();
    let said = match (action, segments.as_slice()) {
        ("POST", ["incidents"]) => "Störung melden",
        ("PATCH", ["incidents", _]) => "Störung ändern",
        ("POST", ["incidents", _, "updates"]) => "Meldung zu einer Störung veröffentlichen",
        ("PATCH", ["incidents", _, "updates", _]) => "Meldung berichtigen",
        ("DELETE", ["incidents", _, "updates", _]) => "Meldung zurückziehen",
        ("POST", ["notifications", "test"]) => "Benachrichtigungen ausprobieren",
        ("POST", ["incidents", _, "merge"]) => "Störungen zusammenlegen",
        ("POST", ["incidents", _, "split"]) => "Teil einer Störung abtrennen",
        ("PUT", ["incidents", _, "overlays", _]) => "Eigene Worte zu einer Störung schreiben",
        ("DELETE", ["incidents", _, "overlays", _]) => "Eigene Worte zu einer Störung wegnehmen",
        ("POST", ["maintenance"]) => "Wartung ankündigen",
        ("PATCH", ["maintenance", _]) => "Wartung ändern oder absagen",
        ("POST", ["maintenance", _, "updates"]) => "Meldung zu einer Wartung veröffentlichen",
        ("PUT", ["components", _, "override"]) => "Stand von Hand setzen",
        ("DELETE", ["components", _, "override"]) => "Stand an die Prüfungen zurückgeben",
        ("PUT", ["components", _, "local"]) => "Sagen, was vor Ort anders ist",
        ("DELETE", ["components", _, "local"]) => "Zurücknehmen, was vor Ort anders ist",
        ("sign-in", _) => "Anmelden",
        ("sign-out", _) => "Abmelden",
        ("token new", _) => "Zugang anlegen",
        ("token revoke", _) => "Zugang sperren",
        _ => return format!("{action} {subject}"),
    };
    said.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_that_the_interface_knows_has_words() {
        for operation in crate::editing::description::OPERATIONS.iter().filter(|operation| operation.method != "GET") {
            let path = operation.path.replace("{id}", "x").replace("{update}", "x-1").replace("{organisation}", "y");
            assert_ne!(said(operation.method, &path), format!("{} {path}", operation.method), "{path}");
        }
        assert_eq!(said("BREW", "/tea"), "BREW /tea");
    }
}
