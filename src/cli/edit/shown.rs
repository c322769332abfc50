//! Replies for people: a line or two after a change, tables of lists, a page of facts.
//!
//! Replies come from outside: whatever is shown of them is escaped.

use std::io::{IsTerminal, Write};

use serde_json::{Map, Value};
use url::Url;

use super::Request;
use super::client::{Reply, below};
use crate::publish::escape::terminal;

/// Longest text in a table or a refusal, in characters.
const CELL_LENGTH_MAX: usize = 80;

/// Longest sentence of a refusal, in characters.
const SENTENCE_LENGTH_MAX: usize = 1_000;

/// What is first said of a thing; the rest follows in the order of the alphabet.
const FIRST: [&str; 12] =
    ["id", "title", "name", "kind", "status", "evidence", "impact", "cause", "root", "owner", "since", "started_at"];

/// What a probe saw, as far as it fits into a line.
const PROBE_COLUMNS: [&str; 6] = ["check", "started_at", "milliseconds", "result", "http_status", "detail"];

/// How a reply is shown.
#[derive(Debug)]
pub(super) enum Shown {
    /// A table with these columns of the list under this name.
    List(&'static str, &'static [&'static str]),
    /// All that is known of the one thing under this name.
    One(&'static str),
    /// The last probes.
    Probes,
    /// What was done; `{}` stands for the id of what was changed.
    Done {
        said: String,
        /// The name under which the reply holds it.
        subject: &'static str,
    },
}

impl Shown {
    pub(super) const fn incident(said: String) -> Self {
        Self::Done { said, subject: "incident" }
    }

    pub(super) const fn maintenance(said: String) -> Self {
        Self::Done { said, subject: "maintenance" }
    }

    pub(super) const fn component(said: String) -> Self {
        Self::Done { said, subject: "component" }
    }
}

/// Writes a reply's body to stdout as it is; on a terminal nothing in it may move the cursor.
pub(super) fn as_it_is(reply: &Reply) {
    let mut out = std::io::stdout().lock();
    let written = if out.is_terminal() {
        let text = String::from_utf8_lossy(&reply.body);
        text.lines().try_for_each(|line| writeln!(out, "{}", terminal(line)))
    } else {
        let end: &[u8] = if reply.body.is_empty() || reply.body.ends_with(b"\n") { b"" } else { b"\n" };
        out.write_all(&reply.body).and_then(|()| out.write_all(end)).and_then(|()| out.flush())
    };
    if written.is_err() {
        std::process::exit(0);
    }
}

/// The lines that say what a reply means.
pub(super) fn lines(request: &Request, reply: &Reply, base: &Url, language: &str) -> Result<Vec<String>, String> {
    let document = match reply.body.as_slice() {
        [] => Value::Null,
        body => serde_json::from_slice(body).map_err(|_| {
            let doubt = if request.how.is_some() { "; whether anything was done is not known" } else { "" };
            format!("what {base} replies is no JSON: is it the address of a Turmwacht server?{doubt}")
        })?,
    };
    let text = |value: &Value| brief(value, language);
    Ok(match &request.shown {
        Shown::List(name, columns) => {
            let none = format!("there {} no {name}", if name.ends_with('s') { "are" } else { "is" });
            table(items(&document, name), columns, &none, text)
        }
        Shown::Probes => {
            let checks = items(&document, "checks");
            let probes: Vec<Value> = checks.iter().flat_map(probes_of).collect();
            table(&probes, &PROBE_COLUMNS, "there are no probes", text)
        }
        Shown::One(name) => {
            let mut lines = facts(document.get(name).unwrap_or(&document), language);
            lines.extend(reply.etag.as_ref().map(|etag| format!("etag: {}", terminal(etag))));
            lines
        }
        Shown::Done { said, subject } => {
            let thing = document.get(subject).unwrap_or(&document);
            let location = reply.location.as_deref().and_then(|path| path.rsplit('/').next());
            let known = request.path.get(1).map(String::as_str);
            let id = thing.get("id").and_then(Value::as_str).or(location).or(known);
            if request.is_dry_run() {
                return Ok(vec!["dry run: the server would do it; nothing was changed".to_owned()]);
            }
            let mut lines = vec![terminal(&said.replacen("{}", id.unwrap_or("(without an id)"), 1))];
            lines.extend(page(subject, id, thing, base).map(|page| terminal(&page)));
            let new = document.pointer("/internal/new_targets").filter(|new| !is_empty_list(new));
            lines.extend(new.map(|new| format!("declared in no file, look at them twice: {}", brief(new, language))));
            lines
        }
    })
}

/// The probes of a check as rows: when, how long, what came of it and why.
fn probes_of(check: &Value) -> Vec<Value> {
    let row = |probe: &Value| {
        let fault = probe.pointer("/outcome/failed").or_else(|| probe.get("unmet").filter(|unmet| !unmet.is_null()));
        let said = |field: &str| fault.and_then(|fault| fault.get(field)).cloned();
        serde_json::json!({
            "check": check.get("id"),
            "started_at": probe.get("started_at"),
            "milliseconds": probe.get("duration").and_then(Value::as_f64).map(|seconds| format!("{:.0}", seconds * 1000.0)),
            "result": said("reason").unwrap_or_else(|| "up".into()),
            "http_status": probe.pointer("/http/status"),
            "detail": said("detail"),
        })
    };
    items(check, "probes").iter().map(row).collect()
}

/// Where the public reads about it.
fn page(subject: &str, id: Option<&str>, thing: &Value, base: &Url) -> Option<String> {
    let url = |name: &str| thing.get(name).and_then(Value::as_str).filter(|url| url.starts_with("http"));
    match subject {
        // A component's `url` is where it is to be found itself.
        "component" => Some(below(base, &[thing.get("owner").and_then(Value::as_str)?]).to_string()),
        "incident" => url("url").map(str::to_owned).or_else(|| Some(below(base, &["incidents", id?]).to_string())),
        _ => url("url").map(str::to_owned).or_else(|| Some(below(base, &["maintenance", id?]).to_string())),
    }
}

/// The list under a name; where there is none, the only one.
fn items<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    let found = document.get(name).or_else(|| document.as_object()?.values().find(|value| value.is_array()));
    found.unwrap_or(document).as_array().map_or(&[], Vec::as_slice)
}

fn table(items: &[Value], columns: &[&str], none: &str, text: impl Fn(&Value) -> String) -> Vec<String> {
    if items.is_empty() {
        return vec![none.to_owned()];
    }
    let head: Vec<String> = columns.iter().map(|column| column.to_uppercase().replace('_', " ")).collect();
    let cell = |item: &Value, column: &str| match item.get(column) {
        None | Some(Value::Null) => "-".to_owned(),
        // What has an id and a name is told by its id.
        Some(Value::Object(object)) if object.contains_key("id") => object.get("id").map_or_else(String::new, &text),
        Some(value) => shortened(&text(value), CELL_LENGTH_MAX),
    };
    let rows = items.iter().map(|item| columns.iter().map(|column| cell(item, column)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Everything that is said of a thing: a line for each fact, and one for each item of a list of
/// things.
fn facts(thing: &Value, language: &str) -> Vec<String> {
    let Value::Object(fields) = thing else {
        return vec![brief(thing, language)];
    };
    let first = FIRST.iter().filter_map(|name| fields.get_key_value(*name));
    let rest = fields.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
    let mut lines = Vec::new();
    for (name, value) in first.chain(rest) {
        let name = terminal(name);
        match value {
            Value::Null => {}
            Value::Object(windows) if name == "availability" => {
                let ratio = |(window, figures): (&String, &Value)| {
                    let ratio = figures.get("ratio").and_then(Value::as_f64);
                    let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.3} %", ratio * 100.0));
                    format!("{} {ratio}", terminal(window))
                };
                lines.push(format!("{name}: {}", windows.iter().map(ratio).collect::<Vec<_>>().join(", ")));
            }
            Value::Array(items) if items.is_empty() => {}
            Value::Array(items) if items.iter().any(Value::is_object) => {
                lines.push(format!("{name}:"));
                lines.extend(items.iter().map(|item| format!("  {}", brief(item, language))));
            }
            value => lines.push(format!("{name}: {}", brief(value, language))),
        }
    }
    lines
}

/// A value on one line.
fn brief(value: &Value, language: &str) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => terminal(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => items.iter().map(|item| brief(item, language)).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => in_language(fields, language).map_or_else(
            || {
                let said = fields.iter().filter(|(_, value)| !value.is_null() && !is_empty_list(value));
                let said = said.map(|(name, value)| format!("{}: {}", terminal(name), brief(value, language)));
                said.collect::<Vec<_>>().join("; ")
            },
            terminal,
        ),
    }
}

fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

/// The text of an object that holds one per language: in this one, else in any.
fn in_language<'a>(fields: &'a Map<String, Value>, language: &str) -> Option<&'a str> {
    let is_text = |(tag, value): (&String, &Value)| super::texts::is_language(tag) && tag != "id" && value.is_string();
    if fields.is_empty() || !fields.iter().all(is_text) {
        return None;
    }
    fields.get(language).or_else(|| fields.values().next()).and_then(Value::as_str)
}

/// Why the server did not do it, in a sentence with the field that it is about.
pub(super) fn refusal(reply: &Reply) -> String {
    let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let status = reply.status;
    let said = |name: &str| problem.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(detail) = said("detail").or_else(|| said("title")) else {
        return format!("the server answers {status} and does not say why");
    };
    let detail = shortened(&terminal(detail), SENTENCE_LENGTH_MAX);
    let pointer = said("pointer").or_else(|| problem.pointer("/errors/0/pointer").and_then(Value::as_str));
    match pointer.map(|pointer| pointer.trim_start_matches(['#', '/'])).filter(|field| !field.is_empty()) {
        Some(field) => format!("{}: {detail} ({status})", shortened(&terminal(field), CELL_LENGTH_MAX)),
        None => format!("{detail} ({status})"),
    }
}

fn shortened(text: &str, length_max: usize) -> String {
    if text.chars().count() <= length_max {
        return text.to_owned();
    }
    text.chars().take(length_max.saturating_sub(1)).chain(['…']).collect()
}
