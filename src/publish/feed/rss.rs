//! RSS 2.0, for programs that read no Atom. Beside its own elements it has those of Atom for what
//! RSS has no word for: its own address, archives (RFC 5005) and when an item was last changed.
//!
//! Readers take a description for HTML, whatever it is. So plain text is written as HTML that
//! means this text, and its line breaks as `<br>`; the whole is escaped once more for XML. A title
//! is plain text; `<` and `&` are written as numbers, which the RSS profile asks for, because
//! readers differ.
//!
//! RSS has no tombstones: an item that only went missing would stay in readers as it was. What was
//! taken back stays an item with the same `guid`, which says so.

use jiff::tz::Offset;

use crate::model::time::Timestamp;
use crate::publish::escape::{html_in_xml, rss_title, xml_str};
use crate::publish::feed::Head;
use crate::publish::feed::atom::{HISTORY, element};
use crate::publish::feed::entry::Entry;

/// How long a reader may keep the feed, in minutes.
const TTL_MINUTES: u8 = 5;

/// Writes a feed.
pub(super) fn write(head: &Head<'_>, entries: &[Entry]) -> String {
    let mut out = String::with_capacity(1024 + entries.len() * 2048);
    out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    let namespaces = "xmlns:atom=\"http://www.w3.org/2005/Atom\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";
    element(&mut out, format_args!("<rss version=\"2.0\" {namespaces} xmlns:fh=\"{HISTORY}\">"));
    out.push_str("  <channel>\n");
    let title = rss_title(&head.title);
    element(&mut out, format_args!("    <title>{title}</title>"));
    element(&mut out, format_args!("    <link>{}</link>", xml_str(&head.page)));
    element(&mut out, format_args!("    <description>{}</description>", html_in_xml(&head.title)));
    element(&mut out, format_args!("    <language>{}</language>", xml_str(head.language)));
    element(&mut out, format_args!("    <lastBuildDate>{}</lastBuildDate>", mail_date(head.updated)));
    element(&mut out, format_args!("    <ttl>{TTL_MINUTES}</ttl>"));
    let links = [
        ("self", Some(&head.own)),
        ("current", head.current.as_ref()),
        ("prev-archive", head.previous.as_ref()),
        ("next-archive", head.next.as_ref()),
    ];
    for (rel, address) in links {
        if let Some(address) = address {
            let address = xml_str(address);
            element(
                &mut out,
                format_args!("    <atom:link rel=\"{rel}\" type=\"application/rss+xml\" href=\"{address}\"/>"),
            );
        }
    }
    if head.current.is_some() {
        out.push_str("    <fh:archive/>\n");
    }
    for entry in entries {
        item(&mut out, head, entry);
    }
    out.push_str("  </channel>\n</rss>\n");
    out
}

fn item(out: &mut String, head: &Head<'_>, entry: &Entry) {
    out.push_str("    <item>\n");
    element(out, format_args!("      <title>{}</title>", rss_title(&entry.title)));
    element(out, format_args!("      <link>{}</link>", xml_str(&entry.link)));
    element(out, format_args!("      <guid isPermaLink=\"false\">{}</guid>", xml_str(&entry.id)));
    element(out, format_args!("      <pubDate>{}</pubDate>", mail_date(entry.published)));
    if entry.updated != entry.published {
        element(out, format_args!("      <atom:updated>{}</atom:updated>", entry.updated));
    }
    for category in entry.categories() {
        let (scheme, term) = (xml_str(&category.scheme), xml_str(&category.term));
        element(out, format_args!("      <category domain=\"{scheme}\">{term}</category>"));
    }
    if entry.language != head.language {
        element(out, format_args!("      <dc:language>{}</dc:language>", xml_str(&entry.language)));
    }
    element(out, format_args!("      <description>{}</description>", html_in_xml(&entry.content)));
    out.push_str("    </item>\n");
}

/// `Mon, 06 Nov 2023 09:25:00 +0000`: RFC 822 with years of four digits, in UTC. Its names of days
/// and months are English in every language.
fn mail_date(at: Timestamp) -> String {
    Offset::UTC.to_datetime(at.to_jiff()).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
