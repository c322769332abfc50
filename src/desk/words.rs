//! German words for the closed words of the interface's answers, and the ways into these answers.

use serde_json::Value;

use crate::model::incident::{Cause, Impact, IncidentStatus};
use crate::model::status::{ComponentKind, Status};
use crate::model::text::Plain;
use crate::model::time::Timestamp;
use crate::publish::escape;
use crate::publish::wording::Words;

/// A text of an answer; empty if it is not there.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A text of an answer on one line, cleaned: whoever wrote it, nothing in it turns or hides other text.
pub(super) fn line(value: &Value, pointer: &str) -> String {
    escape::line(&Plain::new(text(value, pointer)))
}

/// A number of an answer; 0 if it is not there.
pub(super) fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// An instant of an answer.
pub(super) fn instant(value: &Value, pointer: &str) -> Option<Timestamp> {
    text(value, pointer).parse().ok().map(Timestamp::from_jiff)
}

/// A list of an answer; empty if it is not there.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether an answer says so.
pub(super) fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// Where an incident stands.
pub(super) fn incident_status(word: &str) -> &'static str {
    IncidentStatus::parse(word).map_or("", |status| Words::German.incident_status(status))
}

/// A component's status.
pub(super) fn status(word: &str, kind: Option<ComponentKind>) -> &'static str {
    Status::parse(word).map_or("", |status| Words::German.status(status, kind))
}

/// How bad an incident is.
pub(super) fn impact(word: &str) -> &'static str {
    Impact::parse(word).map_or("", |impact| Words::German.impact(impact))
}

/// What an incident comes from.
pub(super) fn cause(word: &str) -> &'static str {
    Cause::parse(word).map_or("", |cause| Words::German.cause(cause))
}

/// A language, in German.
pub(super) fn language(tag: &str) -> &str {
    match tag {
        "de" => "Deutsch",
        "de-x-leicht" => "Leichte Sprache",
        "en" => "Englisch",
        "fr" => "Französisch",
        "nl" => "Niederländisch",
        "da" => "Dänisch",
        "pl" => "Polnisch",
        "cs" => "Tschechisch",
        "hsb" => "Obersorbisch",
        "dsb" => "Niedersorbisch",
        "tr" => "Türkisch",
        "ru" => "Russisch",
        "uk" => "Ukrainisch",
        "ar" => "Arabisch",
        "es" => "Spanisch",
        "it" => "Italienisch",
        "ro" => "Rumänisch",
        _ => tag,
    }
}
