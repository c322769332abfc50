//! The editors' part of the description: the requests that `editing` reads, and their answers.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::editing::description::{OPERATIONS, Operation, Shown};
use crate::model::catalogue::Site;
use crate::publish::openapi::{members, operations, path_parameters};

/// What all paths begin with.
const PREFIX: &str = "/api/v1/admin";

/// The paths with their operations.
pub(super) fn paths(site: &Site, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = format!("{PREFIX}{}", operation.path);
        let item = paths.entry(path.clone()).or_insert_with(|| {
            // There is one of it for all languages.
            let url = if site.public_url.is_empty() { "/" } else { &site.public_url };
            json!({ "servers": [{ "url": url }], "parameters": path_parameters(&path) })
        });
        let described = operation_object(operation, generator);
        if let Value::Object(item) = item {
            item.insert(operation.method.to_lowercase(), described);
        }
    }
    paths
}

fn operation_object(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let changes = operation.method != "GET";
    let mut parameters = Vec::new();
    if changes {
        parameters.push(json!({
            "name": "dry_run",
            "in": "query",
            "description": "Changes nothing, and shows what would come of it.",
            "schema": { "type": "boolean" },
        }));
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same request with the same key is carried out once.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        }));
        parameters.push(json!({
            "name": "If-Match",
            "in": "header",
            "description": "The `ETag` of what was read: refused if it was changed since.",
            "schema": { "type": "string" },
        }));
    }
    if operation.shown == Shown::Audit {
        for (name, description, schema) in [
            ("limit", "Most entries.", json!({ "type": "integer", "minimum": 1, "maximum": 500, "default": 100 })),
            ("before", "Entries before this number.", json!({ "type": "integer", "minimum": 1 })),
        ] {
            parameters.push(json!({ "name": name, "in": "query", "description": description, "schema": schema }));
        }
    }
    let mut object = members(json!({
        "operationId": operation.id,
        "tags": ["Editing"],
        "summary": operation.summary,
        "security": [{ "token": [] }],
        "parameters": parameters,
        "responses": answers(operation, changes),
    }));
    if let Some(body) = operation.body {
        object.insert(
            "requestBody".to_owned(),
            json!({
                "required": !operation.may_be_empty(),
                "content": { "application/json": { "schema": body(generator) } },
            }),
        );
    }
    Value::Object(object)
}

fn answers(operation: &Operation, changes: bool) -> Value {
    let refused = |description: &str| {
        json!({
            "description": description,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Refusal" } } },
        })
    };
    let media: &[&str] = match operation.shown {
        Shown::Metrics => &["text/plain", "application/openmetrics-text"],
        _ => &["application/json"],
    };
    let schema = json!({ "schema": shown(operation.shown) });
    let content: Map<String, Value> = media.iter().map(|media| ((*media).to_owned(), schema.clone())).collect();
    let done = json!({ "description": "Done.", "content": content });
    let mut answers = members(json!({
        "401": refused("No token in force."),
        "403": refused("Outside the token's scope, unencrypted, or from a page in a browser."),
        "404": refused("There is no such thing."),
        "429": refused("Too many failed attempts."),
        "503": refused("Too much to do, or the store does not answer; `Retry-After` says when to ask again."),
    }));
    if changes {
        for (code, description) in [
            ("400", "The body is no JSON, or a parameter or header field makes no sense."),
            ("409", "It does not go together with what is there."),
            ("412", "It was changed since you read it."),
            ("413", "The body is too long."),
            ("415", "The body is not declared as JSON."),
            ("422", "A value does not fit."),
        ] {
            answers.insert(code.to_owned(), refused(description));
        }
    }
    if operation.creates {
        let mut made = members(done.clone());
        made.insert("headers".to_owned(), json!({ "Location": { "$ref": "#/components/headers/Location" } }));
        answers.insert("201".to_owned(), Value::Object(made));
    }
    if operation.shown == Shown::Test {
        // What is queued is not done yet.
        answers.insert("202".to_owned(), done.clone());
    }
    answers.insert("200".to_owned(), done);
    Value::Object(answers)
}

/// What an answer shows: the subject as the public reads it, and what only editors read.
fn shown(shown: Shown) -> Value {
    let subject = |name: &str, schema: &str| {
        json!({
            "type": "object",
            "required": [name, "internal"],
            "properties": {
                name: {
                    "description": "As the public reads it; `id` and `public: false` if it may not.",
                    "anyOf": [{ "$ref": format!("#/components/schemas/{schema}") }, { "type": "object" }],
                },
                "internal": { "type": ["object", "null"], "description": "What only those read who may change it." },
            },
        })
    };
    let list = |name: &str| {
        json!({
            "type": "object",
            "required": [name],
            "properties": { name: { "type": "array", "items": { "type": "object" } } },
        })
    };
    match shown {
        Shown::Overview => overview(),
        Shown::Incident => subject("incident", "Incident"),
        Shown::Maintenance => subject("maintenance", "Maintenance"),
        Shown::Component => subject("component", "Component"),
        Shown::Incidents => list("incidents"),
        Shown::Maintenances => list("maintenance"),
        Shown::Components => list("components"),
        Shown::Probes => list("checks"),
        Shown::Audit => list("audit"),
        Shown::Metrics => json!({ "type": "string" }),
        Shown::Operations => operations::schema(),
        Shown::Test => json!({
            "type": "object",
            "required": ["queued"],
            "properties": { "queued": { "type": "array", "items": { "type": "string" } } },
        }),
    }
}

/// What concerns the editor's organisations.
fn overview() -> Value {
    let lists = ["organisations", "incidents", "resolved", "maintenance", "unknown", "internal_components"];
    let mut properties: Map<String, Value> = lists
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "type": "array", "items": { "type": "object" } })))
        .collect();
    properties.insert("at".to_owned(), json!({ "type": "string", "format": "date-time" }));
    properties
        .insert("all".to_owned(), json!({ "type": "boolean", "description": "Whether it is every organisation." }));
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

/// The schema of a refusal.
pub(super) fn refusal() -> Value {
    json!({
        "type": "object",
        "description": "Problem details (RFC 9457) with a closed word and the fields concerned.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string" },
            "detail": { "type": "string" },
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": { "type": "string", "description": "Which field (RFC 6901)." },
                        "detail": { "type": "string" },
                    },
                },
            },
        },
    })
}
