//! Tests of `publish`: one snapshot in, bytes out.

mod atom;
mod embeds;
pub(crate) mod feeds;
mod golden;
pub(crate) mod hostile;
pub(crate) mod ical;
mod json;
mod metrics;
mod openapi;
mod past;
mod routes;
pub(crate) mod sample;
mod schema;
mod search;
mod security;
mod sse;
mod statuspage;

use turmwacht::model::snapshot::Snapshot;
use turmwacht::publish::{Document, Rendered, Target, render};

/// Every route of the sample, without a language.
const ROUTES: &[&str] = &[
    "/",
    "/hattingen",
    "/witten",
    "/hattingen/serviceportal-en",
    "/hattingen/history",
    "/incidents/i-open",
    "/incidents/i-closed",
    "/feed.atom",
    "/hattingen/feed.atom",
    "/hattingen/serviceportal-en/feed.atom",
    "/hattingen/feed.rss",
    "/hattingen/feed.json",
    "/hattingen/feed-incidents.atom",
    "/feed-2023-11.atom",
    "/api/v1/alive",
    "/api/v1/summary",
    "/api/v1/organisations",
    "/api/v1/organisations/hattingen",
    "/api/v1/components",
    "/api/v1/components/serviceportal-en",
    "/api/v1/components/serviceportal-en/results",
    "/api/v1/incidents",
    "/api/v1/incidents/i-open",
    "/api/v1/incidents/i-closed",
    "/api/v1/maintenance",
    "/api/v1/maintenance/umstellung",
    "/search",
    "/api/v1/search",
];

/// The target of a path with an optional query.
fn target(address: &str) -> Target {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let mut query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    query.sort();
    Target { path: path.to_owned(), query }
}

fn answer(snapshot: &Snapshot, address: &str) -> Rendered {
    render(snapshot, &target(address))
}

fn document(snapshot: &Snapshot, address: &str) -> Document {
    match answer(snapshot, address) {
        Rendered::Document(document) => document,
        other => panic!("{address}: {other:?}"),
    }
}

pub(crate) fn text(snapshot: &Snapshot, address: &str) -> String {
    String::from_utf8(document(snapshot, address).body).expect("UTF-8")
}

pub(crate) fn value(snapshot: &Snapshot, address: &str) -> serde_json::Value {
    serde_json::from_str(&text(snapshot, address)).expect("JSON")
}

/// The ids of a list, walked over all its pages.
fn walk(snapshot: &Snapshot, list: &str, query: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = value(snapshot, &format!("/api/v1/{list}?cursor={cursor}&{query}"));
        let items = page[list].as_array().expect("a list");
        assert!(items.len() <= 100);
        ids.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        match page["next"].as_str() {
            Some(next) => {
                assert!(!items.is_empty(), "an empty page has no next one");
                cursor = next.to_owned();
            }
            None => return ids,
        }
    }
}
