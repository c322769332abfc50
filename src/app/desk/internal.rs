//! What only editors read of an incident: its texts in every language, and its lists in the shape in
//! which a request gives them back, so that whoever changes one thing loses no other.

use serde_json::{Map, Value, json};

use crate::model::alternative::Alternative;
use crate::model::catalogue::Reach;
use crate::model::incident::{Body, Expected, Incident, Update};
use crate::model::time::Timestamp;
use crate::model::window::When;
use crate::publish::wording;

pub(super) fn incident(incident: &Incident, language: &str) -> Value {
    let id = |update: &Update| format!("{}-{}", incident.id, update.number);
    let texts: Vec<Value> = incident
        .updates
        .iter()
        .filter_map(|update| Some(json!({ "update": id(update), "text": update.internal.as_ref()? })))
        .collect();
    let updates: Vec<Value> = incident
        .updates
        .iter()
        .map(|update| {
            json!({
                "id": id(update),
                "at": update.at.to_string(),
                "status": update.status,
                "text": written(&update.body),
                "shown": wording::body(&update.body, language, language),
                "retracted_at": update.retracted_at.map(|at| at.to_string()),
            })
        })
        .collect();
    json!({
        "root": incident.root,
        "root_set": incident.root_set,
        "touched": incident.touched,
        "components": incident.given,
        "attached": incident.attached,
        "texts": texts,
        "revision": incident.revision,
        "title": written(&incident.title),
        "shown": wording::body(&incident.title, language, language),
        "status": incident.status,
        "impact": incident.impact,
        "cause": incident.cause,
        "started_at": incident.started_at.to_string(),
        "resolved_at": incident.resolved_at.map(|at| at.to_string()),
        "next_update_by": incident.next_update_by.map(|at| at.to_string()),
        "unaffected": incident.unaffected,
        "updates": updates,
        "expected_end": incident.expected_end.as_ref().map(expected),
        "alternatives": alternatives(&incident.alternatives),
        "references": incident.references,
        "concerned": incident.concerned.iter().map(|concerned| &concerned.component).collect::<Vec<_>>(),
    })
}

/// A text in every language; null if nobody wrote it.
fn written(body: &Body) -> Value {
    match body {
        Body::Written(text) => json!(text),
        Body::Automatic(_) => Value::Null,
    }
}

fn expected(end: &Expected) -> Value {
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({ "earliest": instant(end.earliest), "latest": instant(end.latest), "label": end.label })
}

/// Alternatives as a request gives them.
pub(in crate::app) fn alternatives(all: &[Alternative]) -> Vec<Value> {
    all.iter().map(alternative).collect()
}

/// Whom something is for, as a request gives it.
pub(in crate::app) fn reach(reach: &Reach) -> String {
    match reach {
        Reach::Prefix(prefix) => prefix.clone(),
        Reach::Organisation(id) => id.to_string(),
        Reach::Except(id) => format!("!{id}"),
    }
}

fn alternative(way: &Alternative) -> Value {
    let when = |when: &When| when.date.map_or_else(|| when.at.to_string(), |date| date.to_string());
    let mut fields = Map::new();
    let mut give = |name: &str, value: Value| {
        let says = match &value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => true,
        };
        if says {
            fields.insert(name.to_owned(), value);
        }
    };
    give("kind", json!(way.kind));
    give("target", json!(way.target));
    give("label", json!(way.label));
    give("hours", json!(way.hours));
    give("hours_text", json!(way.hours_text));
    give("page", json!(way.page));
    give("serves", way.serves.iter().map(reach).collect());
    give("component", json!(way.component));
    give("valid_from", json!(way.valid_from.as_ref().map(when)));
    give("valid_until", json!(way.valid_until.as_ref().map(when)));
    give("verified_at", json!(way.verified_at.as_ref().map(when)));
    Value::Object(fields)
}
