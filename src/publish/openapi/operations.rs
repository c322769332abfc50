//! The schema of `GET /api/v1/admin/operations`.

use serde_json::{Map, Value, json};

/// An object of which all members are there.
fn object(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": names, "properties": properties })
}

/// The first of a longer list.
fn listed(of: &Value) -> Value {
    let more = json!({ "type": "integer", "minimum": 0, "description": "How many more there are." });
    object(&[("listed", json!({ "type": "array", "items": of })), ("more", more)])
}

/// Who is told, and what became of messages.
fn notifications() -> Value {
    let (string, count) = (|| json!({ "type": "string" }), || json!({ "type": "integer", "minimum": 0 }));
    let or_null = || json!({ "type": ["string", "null"] });
    let message = object(&[
        ("id", string()),
        ("recipient", string()),
        ("subject", string()),
        ("created_at", json!({ "type": "string", "format": "date-time" })),
        ("state", json!({ "enum": ["pending", "sent", "dead"] })),
        ("attempts", count()),
        ("next_at", or_null()),
        ("fault", or_null()),
    ]);
    let mut schema = object(&[
        ("recipients", json!({ "type": "array", "items": string() })),
        ("pending", count()),
        ("dead", count()),
        ("newest", json!({ "type": "array", "items": message })),
    ]);
    if let Value::Object(members) = &mut schema {
        members.insert("type".to_owned(), json!(["object", "null"]));
        members.insert("description".to_owned(), "Only for an admin of all; null if nobody is told.".into());
    }
    schema
}

/// The answer.
pub(super) fn schema() -> Value {
    let string = || json!({ "type": "string" });
    let or_null = |kind: &str| json!({ "type": [kind, "null"] });
    let count = || json!({ "type": "integer", "minimum": 0 });
    let instant = || json!({ "type": "string", "format": "date-time" });
    let truth = |description: &str| json!({ "type": "boolean", "description": description });
    let failing = object(&[
        ("component", string()),
        ("name", string()),
        ("owner", string()),
        ("public", truth("Whether the public knows the component.")),
        ("check", string()),
        ("target", string()),
        ("verdict", json!({ "enum": ["up", "degraded", "down", "unknown"] })),
        ("since", instant()),
        ("reason", or_null("string")),
        ("unconfirmed", or_null("string")),
        ("expired", truth("Whether its last result is too old to count.")),
        ("seen_at", or_null("string")),
        ("detail", or_null("string")),
    ]);
    let slow = object(&[
        ("host", string()),
        ("checks", count()),
        ("component", string()),
        ("check", string()),
        ("duration_s", json!({ "type": "number" })),
        ("phase", or_null("string")),
        ("phase_s", or_null("number")),
    ]);
    let certificate = object(&[
        ("ends_at", instant()),
        ("subject", string()),
        ("issuer", string()),
        ("ends_first", or_null("string")),
        ("names", listed(&string())),
        ("fingerprint_sha256", string()),
        ("refused", or_null("string")),
        ("checks", listed(&object(&[("component", string()), ("check", string())]))),
    ]);
    let notices = listed(&json!({ "type": "object" }));
    object(&[
        ("at", instant()),
        ("all", truth("Whether it is everything; else what the token's organisations own.")),
        ("vantage", string()),
        ("health", json!({ "type": "array", "items": { "enum": ["config_stale", "storage", "blind", "clock"] } })),
        ("configuration", object(&[("current", truth("Whether the files were good.")), ("version", count())])),
        (
            "paths",
            json!({ "type": "array", "items": object(&[("path", string()), ("blind", truth("Whether it is cut."))]) }),
        ),
        (
            "schedule",
            object(&[
                ("probes", count()),
                ("lag_p50_s", or_null("number")),
                ("lag_p99_s", or_null("number")),
                ("lag_max_s", or_null("number")),
                ("in_flight", count()),
                ("skipped_slots", count()),
                ("panics", count()),
            ]),
        ),
        (
            "store",
            object(&[
                ("writable", truth("Whether editors' changes are taken.")),
                ("queue_depth", count()),
                ("undurable_transitions", count()),
                ("wal_bytes", count()),
                ("dropped_results", count()),
                ("fault", json!({ "type": ["string", "null"], "description": "Only for an admin of all." })),
            ]),
        ),
        ("notifications", notifications()),
        ("export", object(&[("successful", truth("Also without an export."))])),
        ("server", object(&[("connections", count()), ("event_streams", count()), ("log_lines_dropped", count())])),
        ("overdue", object(&[("incidents", notices.clone()), ("maintenance", notices)])),
        (
            "checks",
            object(&[
                ("up", count()),
                ("degraded", count()),
                ("down", count()),
                ("unknown", count()),
                ("waiting", count()),
            ]),
        ),
        ("failing", listed(&failing)),
        ("slowest", listed(&slow)),
        ("certificates", listed(&certificate)),
    ])
}
