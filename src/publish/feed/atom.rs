//! Atom (RFC 4287), with archives (RFC 5005) and tombstones for what was taken back (RFC 6721).

use std::fmt::Write;

use crate::publish::escape::{xml, xml_str};
use crate::publish::feed::Head;
use crate::publish::feed::entry::Entry;

/// The namespace of tombstones.
const TOMBSTONES: &str = "http://purl.org/atompub/tombstones/1.0";
/// The namespace of what an archive says of itself.
pub(super) const HISTORY: &str = "http://purl.org/syndication/history/1.0";
/// The media type, as links name it.
const MEDIA_TYPE: &str = "application/atom+xml";

/// Writes a feed.
pub(super) fn write(head: &Head<'_>, entries: &[Entry]) -> String {
    let mut out = String::with_capacity(1024 + entries.len() * 2048);
    out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    let is_archive = head.current.is_some();
    let history = if is_archive { format!(" xmlns:fh=\"{HISTORY}\"") } else { String::new() };
    element(
        &mut out,
        format_args!(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:at=\"{TOMBSTONES}\"{history} xml:lang=\"{}\">",
            xml_str(head.language)
        ),
    );
    element(&mut out, format_args!("  <id>{}</id>", xml_str(&head.id)));
    element(&mut out, format_args!("  <title>{}</title>", xml(&head.title)));
    element(&mut out, format_args!("  <updated>{}</updated>", head.updated));
    link(&mut out, "  ", "self", MEDIA_TYPE, &head.own);
    for (rel, address) in [("current", &head.current), ("prev-archive", &head.previous), ("next-archive", &head.next)] {
        if let Some(address) = address {
            link(&mut out, "  ", rel, MEDIA_TYPE, address);
        }
    }
    link(&mut out, "  ", "alternate", "text/html", &head.page);
    if is_archive {
        element(&mut out, format_args!("  <fh:archive/>"));
    }
    element(&mut out, format_args!("  <author><name>{}</name></author>", xml(&head.author)));
    for one in entries {
        entry(&mut out, head, one);
    }
    out.push_str("</feed>\n");
    out
}

fn entry(out: &mut String, head: &Head<'_>, entry: &Entry) {
    for id in &entry.replaces {
        tombstone(out, id, entry);
    }
    if entry.retracted_at.is_some() {
        tombstone(out, &entry.id, entry);
        return;
    }
    out.push_str("  <entry>\n");
    element(out, format_args!("    <id>{}</id>", xml_str(&entry.id)));
    element(out, format_args!("    <title>{}</title>", xml(&entry.title)));
    element(out, format_args!("    <published>{}</published>", entry.published));
    element(out, format_args!("    <updated>{}</updated>", entry.updated));
    link(out, "    ", "alternate", "text/html", &entry.link);
    for category in entry.categories() {
        let label = category.label.map(|label| format!(" label=\"{}\"", xml_str(label))).unwrap_or_default();
        let (scheme, term) = (xml_str(&category.scheme), xml_str(&category.term));
        element(out, format_args!("    <category scheme=\"{scheme}\" term=\"{term}\"{label}/>"));
    }
    let foreign = if entry.language == head.language {
        String::new()
    } else {
        format!(" xml:lang=\"{}\"", xml_str(&entry.language))
    };
    element(out, format_args!("    <content type=\"text\"{foreign}>{}</content>", xml(&entry.content)));
    out.push_str("  </entry>\n");
}

/// What was taken back, or gave way, when `entry` was last changed.
fn tombstone(out: &mut String, id: &str, entry: &Entry) {
    element(out, format_args!("  <at:deleted-entry ref=\"{}\" when=\"{}\"/>", xml_str(id), entry.updated));
}

fn link(out: &mut String, indent: &str, rel: &str, media_type: &str, href: &str) {
    element(out, format_args!("{indent}<link rel=\"{rel}\" type=\"{media_type}\" href=\"{}\"/>", xml_str(href)));
}

/// A line. Writing to a String cannot fail.
pub(super) fn element(out: &mut String, line: std::fmt::Arguments<'_>) {
    out.write_fmt(line).unwrap_or_default();
    out.push('\n');
}
