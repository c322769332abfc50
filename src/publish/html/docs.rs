//! The page that tells how to use the interface: an introduction in the reader's language, and the
//! reference, written from the same description that programs get.

use maud::{Markup, html};
use serde_json::Value;

use crate::publish::html::page::{DOCS_PATH, Frame, Page};
use crate::publish::openapi::{TAGS, describe};
use crate::publish::sse;

/// Deepest nesting of a type that is written out.
const DEPTH_MAX: usize = 6;

/// Writes the page.
pub(super) fn render(page: &Page<'_>) -> String {
    let site = &page.snapshot.catalogue.site;
    let description = describe(site);
    let title = page.say("Schnittstelle", "Interface");
    let about = page.say(
        "Alles, was auf diesen Seiten steht, gibt es auch als Daten.",
        "Everything on these pages can also be had as data.",
    );
    let frame = Frame {
        title: html! { (title) },
        description: html! { (about) },
        path: DOCS_PATH,
        folder: "",
        above: &[],
        json: "/openapi.json",
        easy: false,
        links: &site.links,
    };
    let main = html! {
        h1 { (title) }
        p.about { (about) }
        (introduction(page))
        (contents(page, &description))
        (answers(page, &description))
        @for (tag, told) in TAGS {
            section aria-labelledby=(anchor("part", tag)) {
                h2 id=(anchor("part", tag)) lang="en" { (tag) }
                p.lead lang="en" { (self::told(told)) }
                @for (path, method, operation) in operations(&description, tag) {
                    (self::operation(page, path, method, operation))
                }
            }
        }
        (schemas(page, &description))
    };
    page.document(&frame, &main)
}

fn introduction(page: &Page<'_>) -> Markup {
    let url = page.snapshot.catalogue.site.public_url.as_str();
    html! {
        section.prose aria-labelledby="s_use" {
            h2 id="s_use" { (page.say("So geht es", "How to use it")) }
            p {
                (page.say(
                    "Die Schnittstelle ist frei zugänglich: Sie brauchen keinen Schlüssel, und Abrufe sind auch aus fremden Internetseiten möglich. Sie können nur lesen.",
                    "The interface is open: you need no key, and pages of other sites may ask it, too. It is for reading only.",
                ))
            }
            p {
                (page.say(
                    "Zeiten sind in UTC angegeben, Texte in der Sprache des Pfads. Bitte fragen Sie höchstens alle zehn Sekunden und senden Sie den ETag der letzten Antwort als If-None-Match mit.",
                    "Times are in UTC, texts in the language of the path. Please ask every ten seconds at most, and send the ETag of the last answer as If-None-Match.",
                ))
            }
            p {
                (page.say(
                    "Nach dem Zeitpunkt in valid_until ist eine Antwort veraltet. Zeigen Sie sie dann nicht mehr als aktuellen Stand.",
                    "After the time in valid_until an answer is stale. Do not show it as the present status any more.",
                ))
            }
            p {
                (page.say("Für Programme: ", "For programs: "))
                a href="/openapi.json" { "openapi.json" }
                (page.say(
                    " beschreibt dieselbe Schnittstelle (OpenAPI 3.1). Die Beschreibung der einzelnen Pfade ist auf Englisch.",
                    " describes the same interface (OpenAPI 3.1).",
                ))
            }
            pre tabindex="0" { code.example { "curl '" (url) (page.path("/api/v1/components?status=major_outage")) "'" } }
        }
    }
}

fn contents(page: &Page<'_>, description: &Value) -> Markup {
    html! {
        section.prose aria-labelledby="s_contents" {
            h2 id="s_contents" { (page.say("Inhalt", "Contents")) }
            @for (tag, _) in TAGS {
                details.fold {
                    summary lang="en" { (tag) }
                    ul.columns lang="en" {
                        @for (path, method, operation) in operations(description, tag) {
                            li { a href={ "#" (anchor("do", text(operation, "operationId"))) } { (method) " " (path) } }
                        }
                    }
                }
            }
            p { a href="#s_types" { (page.say("Datentypen", "Types")) } }
        }
    }
}

/// What any path may answer.
fn answers(page: &Page<'_>, description: &Value) -> Markup {
    let code_of = |name: &str| {
        let reference = format!("#/components/responses/{name}");
        let paths = description.get("paths").and_then(Value::as_object).into_iter().flatten();
        let mut codes = paths.filter_map(|(_, item)| item.pointer("/get/responses")?.as_object()).flatten();
        codes.find(|(_, answer)| text(answer, "$ref") == reference).map(|(code, _)| code.as_str())
    };
    let responses = description.pointer("/components/responses").and_then(Value::as_object).into_iter().flatten();
    let mut all: Vec<(&str, &Value)> =
        responses.filter_map(|(name, response)| Some((code_of(name)?, response))).collect();
    all.sort_by_key(|(code, _)| *code);
    html! {
        section aria-labelledby="s_answers" {
            h2 id="s_answers" { (page.say("Antworten, die es überall gibt", "Answers that any path may give")) }
            div.sheet.card lang="en" {
                div.table.reference {
                    table {
                        caption { "Answers" }
                        thead { tr { th scope="col" { "Status" } th scope="col" { "Is" } } }
                        tbody {
                            @for (code, response) in &all {
                                tr { th scope="row" { (code) } td { (answer(response)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The operations of a part: path, method, and what is told of them.
fn operations<'v>(description: &'v Value, tag: &str) -> Vec<(&'v str, String, &'v Value)> {
    let paths = description.get("paths").and_then(Value::as_object).into_iter().flatten();
    let methods = ["get", "post", "put", "patch", "delete"];
    let all = paths.flat_map(|(path, item)| {
        methods.into_iter().filter_map(move |method| {
            let operation = item.get(method)?;
            Some((path.as_str(), method.to_uppercase(), operation))
        })
    });
    all.filter(|(_, _, operation)| operation.pointer("/tags/0").and_then(Value::as_str) == Some(tag)).collect()
}

fn operation(page: &Page<'_>, path: &str, method: String, operation: &Value) -> Markup {
    let id = text(operation, "operationId");
    let parameters = operation.get("parameters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let responses = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    let (shared, own): (Vec<_>, Vec<_>) = responses.partition(|(_, response)| response.get("$ref").is_some());
    let body = operation.pointer("/requestBody/content/application~1json/schema");
    html! {
        article.sheet.card aria-labelledby=(anchor("do", id)) lang="en" {
            h3 id=(anchor("do", id)) { code { (method) " " (path) } }
            p { (text(operation, "summary")) }
            @if let Some(example) = example(page, path).filter(|_| method == "GET") {
                pre tabindex="0" { code.example { (example) } }
            }
            @if !parameters.is_empty() {
                div.table.reference {
                    table {
                        caption { "Parameters" }
                        thead { tr { th scope="col" { "Name" } th scope="col" { "Type" } th scope="col" { "Is" } } }
                        tbody {
                            @for parameter in parameters {
                                tr {
                                    th scope="row" { code { (text(parameter, "name")) } small { (text(parameter, "in")) } }
                                    td { @if let Some(schema) = parameter.get("schema") { (kind(schema, 0)) } }
                                    td { (told(text(parameter, "description"))) }
                                }
                            }
                        }
                    }
                }
            }
            @if let Some(body) = body { p { "Body: " (kind(body, 0)) } }
            div.table.reference {
                table {
                    caption { "Answers" }
                    thead { tr { th scope="col" { "Status" } th scope="col" { "Is" } } }
                    tbody {
                        @for (code, response) in own {
                            tr { th scope="row" { (code) } td { (answer(response)) } }
                        }
                    }
                }
            }
            @if !shared.is_empty() {
                p {
                    a href="#s_answers" { "As everywhere" } ": "
                    @for (place, (code, _)) in shared.iter().enumerate() {
                        @if place > 0 { ", " }
                        (code)
                    }
                }
            }
        }
    }
}

fn answer(response: &Value) -> Markup {
    let content = response.get("content").and_then(Value::as_object).into_iter().flatten();
    html! {
        (told(text(response, "description")))
        @for (place, (name, media)) in content.enumerate() {
            @match media.get("schema").filter(|_| name.ends_with("/json") || name.ends_with("/problem+json")) {
                Some(schema) => { " " (kind(schema, 0)) },
                None => { (if place > 0 { " or " } else { " " }) code { (name) } },
            }
            @for (event, schema) in media.pointer("/schema/$defs").and_then(Value::as_object).into_iter().flatten() {
                " · " code { (event) } ": " (kind(schema, 0))
            }
        }
    }
}

/// The request of a path, with ids that exist; none if there is nothing to ask for.
fn example(page: &Page<'_>, path: &str) -> Option<String> {
    let snapshot = page.snapshot;
    let catalogue = &snapshot.catalogue;
    if path.starts_with("/api/v1/admin") {
        return None;
    }
    let mut path = path.replace("{format}", "atom");
    if path.contains("{component}") {
        let component = catalogue.components.first()?;
        let there = catalogue.organisations.get(*component.shown_on.first()? as usize)?;
        path = path.replace("{component}", component.id.as_str()).replace("{organisation}", there.id.as_str());
    }
    if path.contains('{') {
        let id = match path.split('/').nth(3) {
            Some("components") => catalogue.components.first()?.id.as_str(),
            Some("incidents") => snapshot.incidents.first()?.id.as_str(),
            Some("maintenance") => snapshot.maintenances.first()?.id.as_str(),
            _ => catalogue.organisations.first()?.id.as_str(),
        };
        path = path.replace("{id}", id).replace("{organisation}", id);
    }
    let option = if path == sse::PATH { "-N " } else { "" };
    Some(format!("curl {option}'{}{}'", catalogue.site.public_url, page.path(&path)))
}

fn schemas(page: &Page<'_>, description: &Value) -> Markup {
    let schemas = description.pointer("/components/schemas").and_then(Value::as_object).into_iter().flatten();
    html! {
        section aria-labelledby="s_types" {
            h2 id="s_types" { (page.say("Datentypen", "Types")) }
            @for (name, schema) in schemas { (type_of(name, schema)) }
        }
    }
}

fn type_of(name: &str, schema: &Value) -> Markup {
    let fields = schema.get("properties").and_then(Value::as_object);
    let required = |field: &str| {
        let required = schema.get("required").and_then(Value::as_array);
        required.is_some_and(|required| required.iter().any(|name| name == field))
    };
    html! {
        article.sheet.card aria-labelledby=(anchor("type", name)) lang="en" {
            h3 id=(anchor("type", name)) { code { (name) } }
            @if let Some(told) = schema.get("description").and_then(Value::as_str) { p { (self::told(told)) } }
            @match fields {
                Some(fields) => div.table.reference {
                    table {
                        caption { "Fields" }
                        thead { tr { th scope="col" { "Name" } th scope="col" { "Type" } th scope="col" { "Is" } } }
                        tbody {
                            @for (field, schema) in fields {
                                tr {
                                    th scope="row" { code { (field) } @if !required(field) { small { "may be absent" } } }
                                    td { (kind(schema, 0)) }
                                    td { (told(text(schema, "description"))) }
                                }
                            }
                        }
                    }
                },
                None => p { (kind(schema, 0)) },
            }
        }
    }
}

/// What a value may be, in a few words.
fn kind(schema: &Value, depth: usize) -> Markup {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next());
    let choices = ["anyOf", "oneOf"].into_iter().find_map(|name| schema.get(name)?.as_array());
    let words = schema.get("enum").and_then(Value::as_array);
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    html! {
        @if depth > DEPTH_MAX {
            "…"
        } @else if let Some(name) = name {
            a href={ "#" (anchor("type", name)) } { (name) }
        } @else if let Some(choices) = choices {
            // What may be left empty is not a choice for readers.
            @for (place, choice) in choices.iter().filter(|choice| choice.get("maxLength").is_none()).enumerate() {
                @if place > 0 { " or " }
                (kind(choice, depth + 1))
            }
        } @else if let Some(word) = schema.get("const").and_then(Value::as_str) {
            code { (word) }
        } @else if let Some(words) = words {
            @for (place, word) in words.iter().filter_map(Value::as_str).filter(|word| !word.is_empty()).enumerate() {
                @if place > 0 { " · " }
                code { (word) }
            }
        } @else {
            @for (place, name) in types.iter().enumerate() {
                @if place > 0 { " or " }
                (name)
                @if let ("array", Some(items)) = (*name, schema.get("items")) { " of " (kind(items, depth + 1)) }
            }
            @if let Some(format) = schema.get("format").and_then(Value::as_str) { " (" (format) ")" }
        }
    }
}

/// A sentence of the description; what stands in backticks is code.
fn told(sentence: &str) -> Markup {
    html! {
        @for (place, part) in sentence.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// An id in the page that no component can have.
fn anchor(what: &str, name: &str) -> String {
    format!("{what}_{name}")
}
