//! The description of our interfaces as `OpenAPI` 3.1, made from the code: the paths from the closed
//! list of routes, the schemas from the types that are written and read.
//!
//! It speaks of what programs read: the public interface, Statuspage's files, feeds and what other
//! sites embed, and the editors' requests. Pages are for people.

mod admin;
mod files;
mod operations;
mod public;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::model::catalogue::Site;
use crate::publish::Problem;
use crate::publish::json;

/// What the parts of the interface are called, in the order in which they are told.
pub(super) const TAGS: [(&str, &str); 4] = [
    ("Status", "What the pages show, as data. Read-only, without keys."),
    ("Statuspage", "The same in the shape of Statuspage's public API, version 2, for programs that know it."),
    ("Files", "Feeds, calendars, badges, and what other sites embed."),
    ("Editing", "What editors do. It needs a token; `docs/editing.md` tells more."),
];

/// Where a schema stands in the description.
const SCHEMAS: &str = "/components/schemas";

/// The description of a site as a document.
pub(super) fn bytes(site: &Site) -> Vec<u8> {
    json::bytes(&describe(site))
}

/// The description of a site.
pub fn describe(site: &Site) -> Value {
    let mut written = generator(SchemaSettings::for_serialize);
    let mut read = generator(SchemaSettings::for_deserialize);
    let mut paths = public::paths(site, &mut written);
    paths.extend(admin::paths(site, &mut read));
    let problem = written.subschema_for::<Problem<'_>>();
    let mut schemas = written.take_definitions(true);
    schemas.extend(read.take_definitions(true));
    schemas.insert("Refusal".to_owned(), admin::refusal());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Turmwacht",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Status of municipal online services",
            "description": INTRODUCTION,
            "license": { "name": "European Union Public Licence 1.2", "identifier": "EUPL-1.2" },
        },
        "servers": servers(site),
        "security": [],
        "tags": TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token made by `turmwacht token new`.",
                },
            },
            "headers": {
                "ETag": { "description": "Changes with the content.", "schema": { "type": "string" } },
                "Retry-After": { "description": "Seconds to wait.", "schema": { "type": "string" } },
                "Location": { "description": "Its address.", "schema": { "type": "string" } },
            },
            "responses": responses(&problem.to_value()),
        },
    })
}

const INTRODUCTION: &str = "What answers JSON below `/api/v1` also answers with `.json` at its end, but for \
    editors. Texts are in the first language \
    of the site; the other languages are servers of their own below their tag. Former ids, a slash at the end and \
    `?lang=` are forwarded (308). Parameters that a path does not know are ignored; an empty one counts as left out. \
    Every document has a strong `ETag`; asked with `If-None-Match`, the same content is answered with 304. Times are \
    RFC 3339 in UTC. New fields and new words may be added: ignore a field, and treat a word like `unknown`, that \
    you do not know.";

/// A generator of schemas for one direction: what is written, or what is read.
fn generator(direction: fn(SchemaSettings) -> SchemaSettings) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = SCHEMAS.into();
        settings.meta_schema = None;
    });
    direction(settings).into_generator()
}

/// The first language, then the others.
fn servers(site: &Site) -> Vec<Value> {
    let others = site.languages.iter().skip(1).map(|language| (format!("/{language}"), language));
    let first = site.languages.iter().take(1).map(|language| (String::new(), language));
    let servers = first.chain(others).map(|(path, language)| {
        let url = format!("{}{path}", site.public_url);
        json!({
            "url": if url.is_empty() { "/".to_owned() } else { url },
            "description": format!("Texts in `{language}`"),
        })
    });
    servers.collect()
}

/// The answers that many paths have.
fn responses(problem: &Value) -> Value {
    let refused = |description: &str| {
        json!({
            "description": description,
            "content": { "application/problem+json": { "schema": problem } },
        })
    };
    let retry = json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } });
    let mut unavailable = refused("Not ready, or too much to do; `Retry-After` says when to ask again.");
    if let Value::Object(fields) = &mut unavailable {
        fields.insert("headers".to_owned(), retry);
    }
    json!({
        "Unchanged": { "description": "It is as you know it (`If-None-Match`)." },
        "Moved": {
            "description": "It has another address: another language, a present id, or no slash at its end.",
            "headers": { "Location": { "$ref": "#/components/headers/Location" } },
        },
        "BadRequest": refused("A parameter or the spelling of the path makes no sense."),
        "NotFound": refused("There is no such thing, or the public may not know of it."),
        "Gone": refused("It was here once."),
        "TooLong": refused("The path or the query is longer than 1024 bytes."),
        "Unavailable": unavailable,
    })
}

/// A reference to one of [`responses`].
fn response(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

/// The shape of an organisation's id.
const ORGANISATION_ID: &str = "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$";

/// The shape of every other id: of a component with its part, an incident, a maintenance, an update.
const ID: &str = "^[a-z0-9]([a-z0-9.-]{0,127}[a-z0-9])?$";

/// What stands in braces in a path, as parameters.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    names
        .map(|name| {
            json!({
                "name": name,
                "in": "path",
                "required": true,
                "description": match name {
                    "organisation" => "The id of an organisation.",
                    "component" => "The id of a component that stands on the page of this organisation.",
                    "format" => "Atom, RSS 2.0 or JSON Feed 1.1.",
                    "update" => "The id of an update: that of the incident, a hyphen, a number.",
                    _ => "The id.",
                },
                "schema": match name {
                    "format" => json!({ "type": "string", "enum": ["atom", "rss", "json"] }),
                    "organisation" => json!({ "type": "string", "pattern": ORGANISATION_ID }),
                    _ => json!({ "type": "string", "pattern": ID }),
                },
            })
        })
        .collect()
}

/// The members of an object.
fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
