//! JSON Feed 1.1. What it has no word for stands in `_turmwacht`.
//!
//! It has no tombstones either: what was taken back stays an item that says so, with
//! `retracted_at`.

use serde::Serialize;

use crate::model::text::Plain;
use crate::model::time::Timestamp;
use crate::model::time::readable;
use crate::publish::feed::Head;
use crate::publish::feed::entry::Entry;
use crate::publish::json::bytes;

#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    title: &'a Plain,
    home_page_url: &'a str,
    feed_url: &'a str,
    /// Older entries: the newest archive, or the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<&'a str>,
    language: &'a str,
    authors: [Author<'a>; 1],
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Author<'a> {
    name: &'a Plain,
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    url: &'a str,
    title: &'a Plain,
    content_text: &'a Plain,
    #[serde(serialize_with = "readable::instant")]
    date_published: Timestamp,
    #[serde(serialize_with = "readable::instant")]
    date_modified: Timestamp,
    /// For readers: words where there are some, ids where not.
    tags: Vec<&'a str>,
    /// Where it is another one than the feed's.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(rename = "_turmwacht")]
    ours: Ours<'a>,
}

#[derive(Serialize)]
struct Ours<'a> {
    kind: &'static str,
    /// The closed word for how it stands.
    status: Option<&'static str>,
    components: &'a [String],
    /// ARS.
    organisations: &'a [String],
    leika: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "readable::instant_option")]
    retracted_at: Option<Timestamp>,
}

/// Writes a feed.
pub(super) fn write(head: &Head<'_>, entries: &[Entry]) -> Vec<u8> {
    bytes(&Document {
        version: "https://jsonfeed.org/version/1.1",
        title: &head.title,
        home_page_url: &head.page,
        feed_url: &head.own,
        next_url: head.previous.as_deref(),
        language: head.language,
        authors: [Author { name: &head.author }],
        items: entries.iter().map(|entry| item(head, entry)).collect(),
    })
}

fn item<'a>(head: &Head<'a>, entry: &'a Entry) -> Item<'a> {
    Item {
        id: &entry.id,
        url: &entry.link,
        title: &entry.title,
        content_text: &entry.content,
        date_published: entry.published,
        date_modified: entry.updated,
        tags: entry.categories().map(|category| category.label.unwrap_or(&category.term)).collect(),
        language: Some(&*entry.language).filter(|language| *language != head.language),
        ours: Ours {
            kind: entry.kind.as_str(),
            status: entry.status,
            components: &entry.concerned.components,
            organisations: &entry.concerned.ars,
            leika: &entry.concerned.leika,
            retracted_at: entry.retracted_at,
        },
    }
}
