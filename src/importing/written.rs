//! Drafts → TOML. The frame is ours; every value in it is written by TOML's own serializer.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Value;

use super::draft::{Belongs, Check, Component, Maintenance, Organisation};
use super::name::one_line;
use super::{Fault, TEXT_BYTES_MAX};
use crate::model::check::{DegradedWhen, Expect, HeaderValue, HttpProbe, Probe, TlsSettings};
use crate::model::time::format_duration;

/// Longest comment, in characters.
const COMMENT_CHARS_MAX: usize = 300;
/// Most comments of one component.
const COMMENTS_MAX: usize = 30;

/// A whole probe file.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) comments: Vec<String>,
    pub(super) organisations: Vec<Organisation>,
    pub(super) components: Vec<Component>,
    pub(super) maintenances: Vec<Maintenance>,
}

/// An entry of the file: a table with its comments and all that belongs to it.
pub(super) struct Block {
    pub(super) table: &'static str,
    pub(super) id: String,
    pub(super) text: String,
}

/// Writes it, if one file can hold it.
pub(super) fn write(document: &Document) -> Result<String, Fault> {
    let mut text = head(document);
    for block in blocks(document) {
        text.push('\n');
        text.push_str(&block.text);
    }
    if text.len() > TEXT_BYTES_MAX { Err(Fault::TooLong { bytes: text.len() }) } else { Ok(text) }
}

/// What stands before the first entry.
pub(super) fn head(document: &Document) -> String {
    let mut text = String::new();
    comments(&mut text, &document.comments);
    text
}

/// All entries.
pub(super) fn blocks(document: &Document) -> Vec<Block> {
    let organisations = document.organisations.iter().map(write_organisation);
    let components = document.components.iter().map(write_component);
    let maintenances = document.maintenances.iter().map(write_maintenance);
    organisations.chain(components).chain(maintenances).collect()
}

/// A body's declaration.
pub(super) fn write_organisation(organisation: &Organisation) -> Block {
    let mut text = String::new();
    comments(&mut text, &organisation.comments);
    text.push_str("[[organisation]]\n");
    pair(&mut text, "id", &string(&organisation.id));
    pair(&mut text, "kind", &string(organisation.kind.as_str()));
    pair(&mut text, "name", &string(&organisation.name));
    if let Some(ars) = &organisation.ars {
        pair(&mut text, "ars", &string(ars));
    }
    Block { table: "organisation", id: organisation.id.clone(), text }
}

fn write_maintenance(maintenance: &Maintenance) -> Block {
    let mut text = "[[maintenance]]\n".to_owned();
    pair(&mut text, "id", &string(&maintenance.id));
    pair(&mut text, "title", &string(&maintenance.title));
    pair(&mut text, "components", &strings(&maintenance.components));
    pair(&mut text, "from", &Value::Datetime(maintenance.from).to_string());
    pair(&mut text, "until", &Value::Datetime(maintenance.until).to_string());
    Block { table: "maintenance", id: maintenance.id.clone(), text }
}

fn write_component(component: &Component) -> Block {
    let mut text = String::new();
    comments(&mut text, &component.comments);
    text.push_str("[[component]]\n");
    pair(&mut text, "id", &string(&component.id));
    pair(&mut text, "name", &string(&component.name));
    pair(&mut text, "kind", &string(component.kind.as_str()));
    match &component.belongs {
        Belongs::To(owner) => pair(&mut text, "owner", &string(owner)),
        Belongs::PartOf(whole) => pair(&mut text, "part_of", &string(whole)),
    }
    if !component.public {
        pair(&mut text, "public", "false");
    }
    if !component.serves.is_empty() {
        pair(&mut text, "serves", &strings(&component.serves));
    }
    if !component.leika.is_empty() {
        pair(&mut text, "leika", &strings(&component.leika));
    }
    if let Some(ozg) = component.ozg {
        pair(&mut text, "ozg", &ozg.to_string());
    }
    if let Some(url) = &component.url {
        pair(&mut text, "url", &string(url));
    }
    if !component.depends_on.is_empty() {
        pair(&mut text, "depends_on", &strings(&component.depends_on));
    }
    for page in &component.other_pages {
        text.push_str("[[component.alternative]]\n");
        pair(&mut text, "kind", &string("other_page"));
        pair(&mut text, "target", &string(page));
        pair(&mut text, "label", &string(&component.name));
    }
    for check in &component.checks {
        write_check(&mut text, check);
    }
    Block { table: "component", id: component.id.clone(), text }
}

fn write_check(text: &mut String, check: &Check) {
    text.push_str("[[component.check]]\n");
    pair(text, "id", &string(&check.id));
    let (kind, probe, tls) = match &check.probe {
        Probe::Http(http) => ("probe.http", http_probe(http), Some(&http.tls)),
        Probe::Tls(tls) => {
            let mut table = vec![("address", string(&address(&tls.host, tls.port)))];
            table.extend(tls.tls.server_name.as_deref().map(|name| ("server_name", string(name))));
            ("probe.tls", table, None)
        }
        Probe::Tcp(tcp) => {
            let mut table = vec![("address", string(&address(&tcp.host, tcp.port)))];
            table.extend(tcp.starttls.map(|starttls| ("starttls", string(starttls.as_str()))));
            table.extend(tcp.send.as_deref().map(|send| ("send", string(send))));
            table.extend(tcp.expect.as_deref().map(|expect| ("expect", string(expect))));
            ("probe.tcp", table, Some(&tcp.tls))
        }
        Probe::Dns(dns) => {
            let mut table = vec![("name", string(&dns.name)), ("type", string(&dns.record_type))];
            table.extend(dns.resolver.as_deref().map(|resolver| ("resolver", string(resolver))));
            ("probe.dns", table, None)
        }
    };
    pair(text, kind, &inline(&probe));
    if let Some(TlsSettings { server_name: Some(name), .. }) = tls {
        pair(text, "tls", &inline(&[("server_name", string(name))]));
    }
    let timing = &check.timing;
    for (key, value) in
        [("interval", timing.interval), ("timeout", timing.timeout), ("retry_interval", timing.retry_interval)]
    {
        if let Some(value) = value {
            pair(text, key, &duration(value));
        }
    }
    for (key, value) in [("down_after", timing.down_after), ("up_after", timing.up_after)] {
        if let Some(value) = value {
            pair(text, key, &value.to_string());
        }
    }
    for (key, table) in [("expect", expect(&check.expect)), ("degraded", degraded(&check.degraded))] {
        if !table.is_empty() {
            pair(text, key, &inline(&table));
        }
    }
    if let Some(valid) = check.warn.certificate_valid_for {
        pair(text, "warn", &inline(&[("certificate_valid_for", duration(valid))]));
    }
}

fn http_probe(http: &HttpProbe) -> Vec<(&'static str, String)> {
    let mut table = vec![("url", string(http.url.as_str()))];
    if http.method != "GET" {
        table.push(("method", string(&http.method)));
    }
    if !http.headers.is_empty() {
        let headers = http.headers.iter().map(|(name, value)| {
            let value = match value {
                HeaderValue::Literal(value) => Value::String(value.clone()),
                HeaderValue::Secret(secret) => {
                    Value::Table([("secret".to_owned(), Value::String(secret.clone()))].into_iter().collect())
                }
            };
            (name.clone(), value)
        });
        table.push(("headers", Value::Table(headers.collect()).to_string()));
    }
    if let Some(body) = &http.body {
        table.push(("body", string(body)));
    }
    if !http.follow_redirects {
        table.push(("follow_redirects", "false".to_owned()));
    }
    table
}

fn expect(expect: &Expect) -> Vec<(&'static str, String)> {
    let mut table = Vec::new();
    if !expect.status.is_empty() {
        let ranges = expect.status.iter().map(|(from, to)| {
            if from == to { Value::Integer((*from).into()) } else { Value::String(format!("{from}-{to}")) }
        });
        table.push(("status", Value::Array(ranges.collect()).to_string()));
    }
    for (key, texts) in [
        ("body_contains", &expect.body_contains),
        ("body_lacks", &expect.body_lacks),
        ("body_matches", &expect.body_matches),
        ("records", &expect.records),
    ] {
        if !texts.is_empty() {
            table.push((key, strings(texts)));
        }
    }
    if !expect.headers.is_empty() {
        table.push(("headers", patterns(&expect.headers)));
    }
    if !expect.json.is_empty() {
        let values = expect.json.iter().filter_map(|(path, value)| Some((path.clone(), json(value)?)));
        table.push(("json", Value::Table(values.collect()).to_string()));
    }
    if let Some(url) = &expect.redirects_to {
        table.push(("redirects_to", string(url)));
    }
    table
}

/// A single JSON value; there is no null in TOML, and nothing here expects lists or objects.
fn json(value: &serde_json::Value) -> Option<Value> {
    match value {
        serde_json::Value::String(text) => Some(Value::String(text.clone())),
        serde_json::Value::Bool(value) => Some(Value::Boolean(*value)),
        serde_json::Value::Number(number) => {
            number.as_i64().map(Value::Integer).or_else(|| number.as_f64().map(Value::Float))
        }
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    }
}

fn degraded(degraded: &DegradedWhen) -> Vec<(&'static str, String)> {
    degraded.slower_than.map(|limit| ("slower_than", duration(limit))).into_iter().collect()
}

fn patterns(patterns: &BTreeMap<String, String>) -> String {
    Value::Table(patterns.iter().map(|(name, pattern)| (name.clone(), Value::String(pattern.clone()))).collect())
        .to_string()
}

fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn duration(value: Duration) -> String {
    string(&format_duration(value))
}

fn string(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn strings(texts: &[String]) -> String {
    Value::Array(texts.iter().cloned().map(Value::String).collect()).to_string()
}

/// `{ key = value, … }` of values that are written already.
fn inline(entries: &[(&'static str, String)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", entries.join(", "))
}

fn pair(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(" = ");
    text.push_str(value);
    text.push('\n');
}

fn comments(text: &mut String, lines: &[String]) {
    for line in lines.iter().take(COMMENTS_MAX) {
        text.push_str("# ");
        text.push_str(&one_line(line, COMMENT_CHARS_MAX));
        text.push('\n');
    }
}
