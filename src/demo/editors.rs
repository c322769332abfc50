//! The demo's editors: they send the story's requests when their time has come.

use std::collections::BTreeMap;
use std::thread;
use std::time::Instant;

use serde_json::Value;
use tokio::sync::oneshot;

use crate::clock::monotonic;
use crate::demo::TimeLine;
use crate::model::access::{Editor, Role};
use crate::scenario::{Notice, Scenario};
use crate::server::desk::{AdminReply, AdminRequest, Asked, Desk};

/// Fields of a request that hold a time of the story.
const TIMES: &[&str] = &[
    "from",
    "until",
    "announced_at",
    "last_chance_before",
    "back_from",
    "earliest",
    "latest",
    "next_update_by",
    "started_at",
    "resolved_at",
    "ended_at",
    "valid_from",
    "valid_until",
    "verified_at",
    "since",
];

/// Sends the story's requests on a thread of its own, until the program ends.
pub(super) fn start(scenario: &Scenario, line: TimeLine, desk: Desk) -> std::io::Result<()> {
    let notices = scenario.notices.clone();
    let began = monotonic();
    thread::Builder::new().name("editors".to_owned()).spawn(move || play(&notices, &line, began, &desk)).map(drop)
}

fn play(notices: &[Notice], line: &TimeLine, began: Instant, desk: &Desk) {
    let mut made: BTreeMap<String, String> = BTreeMap::new();
    for notice in notices {
        let due = began + notice.at.div_f64(line.speed);
        thread::sleep(due.saturating_duration_since(monotonic()));
        let id_of = |name: &str| match name.strip_prefix("open:") {
            Some(root) => open_incident(desk, root),
            None => made.get(name).cloned(),
        };
        let mut moved = notice.clone();
        move_times(&mut moved.body, line);
        let (path, body) = match moved.addressed(id_of) {
            Ok(addressed) => addressed,
            Err(sentence) => {
                tracing::warn!("demo: {} {}: {sentence}", notice.method, notice.path);
                continue;
            }
        };
        let Some(reply) = ask(desk, &notice.editor, &notice.method, path, body) else { return };
        let value: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if reply.status >= 400 && notice.refused.is_none() {
            let detail = value.get("detail").and_then(Value::as_str).unwrap_or_default();
            tracing::warn!("demo: {} {} was refused: {detail}", notice.method, notice.path);
        }
        let id = ["incident", "maintenance", "component"].into_iter().find_map(|field| value.get(field)?.get("id"));
        if let (Some(name), Some(id)) = (&notice.name, id.and_then(Value::as_str)) {
            made.insert(name.clone(), id.to_owned());
        }
    }
}

/// `None` when the program ends.
fn ask(desk: &Desk, editor: &Editor, method: &str, path: String, body: Vec<u8>) -> Option<AdminReply> {
    let (reply, answer) = oneshot::channel();
    let request = AdminRequest {
        editor: editor.clone(),
        method: method.to_owned(),
        path,
        dry_run: false,
        if_match: None,
        idempotency_key: None,
        body,
    };
    desk.blocking_send(Asked { request, reply }).ok()?;
    answer.blocking_recv().ok()
}

fn open_incident(desk: &Desk, root: &str) -> Option<String> {
    let admin = Editor { token: "demo".to_owned(), label: String::new(), role: Role::Admin, organisations: Vec::new() };
    let reply = ask(desk, &admin, "GET", "/incidents".to_owned(), Vec::new())?;
    let value: Value = serde_json::from_slice(&reply.body).ok()?;
    let incidents = value.get("incidents")?.as_array()?;
    let is_open = |incident: &&Value| {
        incident.get("root").and_then(Value::as_str) == Some(root)
            && incident.get("status").and_then(Value::as_str) != Some("resolved")
    };
    incidents.iter().find(is_open)?.get("id")?.as_str().map(str::to_owned)
}

/// The story's times become those of today's telling.
fn move_times(value: &mut Value, line: &TimeLine) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| move_times(value, line)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let moved = value
                    .as_str()
                    .filter(|_| TIMES.contains(&key.as_str()))
                    .and_then(|text| line.text(text, key.ends_with("until") || key.starts_with("la")));
                match moved {
                    Some(moved) => *value = moved.into(),
                    None => move_times(value, line),
                }
            }
        }
        _ => {}
    }
}
