//! A small validator of JSON Schema: what our descriptions use, and nothing else. What it does not
//! know fails, so that nothing is passed over.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use regex::Regex;
use serde_json::Value;

/// Words that say nothing about whether a value is valid.
const TOLD: [&str; 9] =
    ["description", "title", "default", "$schema", "$id", "$defs", "$comment", "examples", "minimum"];

/// The faults of a value, each with its place. Where `closed` is set, a field that no schema names
/// is a fault as well.
pub(crate) fn faults(root: &Value, schema: &Value, value: &Value, closed: bool) -> Vec<String> {
    let mut faults = Vec::new();
    Validator { root, closed }.check(schema, value, "", &mut faults);
    faults
}

struct Validator<'a> {
    root: &'a Value,
    closed: bool,
}

impl Validator<'_> {
    fn check(&self, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
        let Some(words) = schema.as_object() else { return };
        for (word, rule) in words {
            let fits = match word.as_str() {
                "$ref" => {
                    let pointer =
                        rule.as_str().and_then(|name| name.strip_prefix('#')).expect("a place in this document");
                    let target = self.root.pointer(pointer).unwrap_or_else(|| panic!("{pointer} leads nowhere"));
                    self.check(target, value, place, faults);
                    true
                }
                "type" => match rule {
                    Value::Array(several) => several.iter().any(|one| is_of(value, one)),
                    one => is_of(value, one),
                },
                "enum" => rule.as_array().expect("a list").contains(value),
                "const" => rule == value,
                "anyOf" | "oneOf" => rule.as_array().expect("a list").iter().any(|one| {
                    let mut theirs = Vec::new();
                    self.check(one, value, place, &mut theirs);
                    theirs.is_empty()
                }),
                "required" => match value.as_object() {
                    Some(fields) => {
                        let missing = rule.as_array().expect("a list").iter().filter_map(Value::as_str);
                        let missing: Vec<&str> = missing.filter(|name| !fields.contains_key(*name)).collect();
                        if !missing.is_empty() {
                            faults.push(format!("{place}: lacks {missing:?}"));
                        }
                        true
                    }
                    None => true,
                },
                "properties" => {
                    let known = rule.as_object().expect("an object");
                    for (name, field) in value.as_object().into_iter().flatten() {
                        match known.get(name) {
                            Some(schema) => self.check(schema, field, &format!("{place}/{name}"), faults),
                            None if self.closed || words.get("additionalProperties") == Some(&Value::Bool(false)) => {
                                faults.push(format!("{place}: `{name}` is not described"));
                            }
                            None => {}
                        }
                    }
                    true
                }
                "additionalProperties" => rule.is_boolean(),
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{place}/{index}"), faults);
                    }
                    true
                }
                "minItems" => {
                    value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().expect("a number"))
                }
                "maxItems" => {
                    value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().expect("a number"))
                }
                "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().expect("a number")),
                "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().expect("a text"), text)),
                "format" => match (rule.as_str().expect("a text"), value.as_str()) {
                    ("date-time", Some(text)) => text.parse::<jiff::Timestamp>().is_ok(),
                    ("date", Some(text)) => text.parse::<jiff::civil::Date>().is_ok(),
                    ("date-time" | "date", None)
                    | ("uint" | "uint32" | "uint64" | "uint16" | "uint8" | "double", _) => true,
                    (format, _) => panic!("{place}: the format {format} is not known here"),
                },
                word if TOLD.contains(&word) => true,
                word => panic!("{place}: the word {word} is not known here"),
            };
            if !fits {
                faults.push(format!("{place}: {value} does not fit `{word}` {rule}"));
            }
        }
    }
}

/// Patterns are few, and texts many.
fn matches(pattern: &str, text: &str) -> bool {
    static KNOWN: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let known = KNOWN.lock().expect("nobody panics with it").get(pattern).cloned();
    let pattern = known.unwrap_or_else(|| {
        let made = Regex::new(pattern).expect("a pattern");
        KNOWN.lock().expect("nobody panics with it").insert(pattern.to_owned(), made.clone());
        made
    });
    pattern.is_match(text)
}

fn is_of(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("a name") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("{other} is no type"),
    }
}

#[test]
fn the_validator_finds_what_does_not_fit() {
    let schema = serde_json::json!({
        "type": "object",
        "required": ["at", "next"],
        "properties": {
            "at": { "type": "string", "format": "date-time" },
            "next": { "anyOf": [{ "$ref": "#/$defs/word" }, { "type": "null" }] },
        },
        "$defs": { "word": { "enum": ["a", "b"] } },
    });
    let check = |value: Value| faults(&schema, &schema, &value, true).len();
    assert_eq!(check(serde_json::json!({ "at": "2023-10-30T08:00:00.000Z", "next": "a" })), 0);
    assert_eq!(check(serde_json::json!({ "at": "2023-10-30T08:00:00Z", "next": null })), 0);
    assert_eq!(check(serde_json::json!({ "at": "yesterday", "next": null })), 1);
    assert_eq!(check(serde_json::json!({ "at": "2023-10-30T08:00:00Z", "next": "c" })), 1);
    assert_eq!(check(serde_json::json!({ "at": "2023-10-30T08:00:00Z" })), 1);
    assert_eq!(check(serde_json::json!({ "at": "2023-10-30T08:00:00Z", "next": null, "x": 1 })), 1);
    assert_eq!(check(serde_json::json!([])), 1);
}
