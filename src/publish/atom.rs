//! Atom feeds (RFC 4287): one entry per published word on an incident or a maintenance, and one
//! per change of what differs in some towns. An update that was taken back leaves a tombstone
//! (RFC 6721). What an entry says stands in `entry`.
//!
//! Unchanged content gives unchanged bytes: nothing here depends on when the feed is asked for.
//! An entry has the same id, instants and categories in every feed and language that has it;
//! only its texts and links follow the language.

mod entry;

use std::collections::HashMap;
use std::fmt::Write;

use crate::model::local::PublicLocal;
use crate::model::snapshot::Snapshot;
use crate::model::text::Plain;
use crate::model::time::Timestamp;
use crate::publish::atom::entry::{Entry, What};
use crate::publish::escape;
use crate::publish::scope::{Page, Scope};

/// Most entries of a feed, newest first.
pub const ENTRIES_MAX: usize = 50;

/// `updated` of a feed that never had an entry and covers no component.
const NEVER: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The year in the ids of feeds and schemes, in which the form of these ids was laid down
/// (RFC 4151 wants a date at which the authority held the name).
const TAG_YEAR: u16 = 2026;

/// The namespace of tombstones.
const TOMBSTONES: &str = "http://purl.org/atompub/tombstones/1.0";

/// The feed of everything, or of an organisation's page (by index).
pub fn feed(snapshot: &Snapshot, organisation: Option<u32>, language: &str) -> String {
    let scope = Scope::new(snapshot, language);
    let page = organisation.and_then(|organisation| scope.page(organisation));
    let mut entries = entries(&scope, page.as_ref());
    entries.truncate(ENTRIES_MAX);
    let updated = entries.first().map_or_else(|| quiet_since(snapshot, page.as_ref()), |entry| entry.at);

    let site = &snapshot.catalogue.site;
    let site_title = scope.text(&site.title);
    let author = if site_title.is_empty() { Plain::new("Turmwacht") } else { site_title.clone() };
    let (title, path, id) = match &page {
        Some(page) => {
            let id = page.organisation.id.as_str();
            let name = escape::xml(&scope.text(&page.organisation.name));
            (format!("{name} – {}", escape::xml(&author)), format!("/{id}"), format!("feed/{id}"))
        }
        None => (escape::xml(&author), "/".to_owned(), "feed".to_owned()),
    };
    let mut out = String::with_capacity(1024 + entries.len() * 2048);
    out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    element(
        &mut out,
        format_args!(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:at=\"{TOMBSTONES}\" xml:lang=\"{}\">",
            attribute(language)
        ),
    );
    // Another language is another feed, of the same entries.
    element(
        &mut out,
        format_args!("  <id>{}{}</id>", tag(&scope, i64::from(TAG_YEAR), &id), attribute(&scope.prefix())),
    );
    element(&mut out, format_args!("  <title>{title}</title>"));
    element(&mut out, format_args!("  <updated>{updated}</updated>"));
    let feed_path = format!("{}/feed.atom", path.trim_end_matches('/'));
    link(&mut out, "  ", "self", "application/atom+xml", &scope.address(&feed_path));
    link(&mut out, "  ", "alternate", "text/html", &scope.address(&path));
    element(&mut out, format_args!("  <author><name>{}</name></author>", escape::xml(&author)));
    let mut concerned = HashMap::new();
    for entry in &entries {
        let concerned = concerned.entry(entry.group()).or_insert_with(|| entry.concerned(&scope));
        entry.write(&scope, concerned, &mut out);
    }
    out.push_str("</feed>\n");
    out
}

/// The entries of a feed, what changed last first.
fn entries<'a>(scope: &Scope<'a>, page: Option<&Page<'a>>) -> Vec<Entry<'a>> {
    let snapshot = scope.snapshot;
    let concerns = |components: &[u32]| page.is_none_or(|page| page.shows_any(components));
    let mut entries = Vec::new();
    for incident in snapshot.incidents.iter().filter(|incident| concerns(&scope.components_of(incident))) {
        let told = incident.updates.iter().filter(|update| scope.tells(update, page));
        entries.extend(told.map(|update| Entry::new(What::Update(incident, update))));
        // A town's own words stand in its own feed only.
        let organisation = page.map(|page| page.organisation);
        let overlay = organisation.and_then(|there| Some((there, scope.overlay_of(incident, there)?)));
        entries.extend(overlay.map(|(there, overlay)| Entry::new(What::Overlay(incident, there, overlay))));
    }
    for maintenance in snapshot.maintenances.iter().filter(|planned| concerns(&scope.covered_by(planned))) {
        entries.extend(maintenance.updates.iter().map(|update| Entry::new(What::Planned(maintenance, update))));
    }
    // The newest stand first, so no more than a feed holds can be in it.
    let changes = snapshot.changes.iter().filter_map(|local| {
        let component = scope.component(local.component.as_str())?;
        let concerns = match page {
            Some(page) => page.shows.contains(&component) && local.reaches(page.organisation),
            None => reaches_any(snapshot, component, local),
        };
        concerns.then_some(Entry::new(What::Local(component, local)))
    });
    entries.extend(changes.take(ENTRIES_MAX));
    entries
        .sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.subject.cmp(b.subject)).then_with(|| b.number.cmp(&a.number)));
    entries
}

/// Whether what differs reaches any page that its component stands on.
fn reaches_any(snapshot: &Snapshot, component: u32, local: &PublicLocal) -> bool {
    let catalogue = &snapshot.catalogue;
    let shown_on = catalogue.components.get(component as usize).map(|component| &*component.shown_on);
    let mut pages = shown_on.unwrap_or_default().iter().filter_map(|&page| catalogue.organisations.get(page as usize));
    pages.any(|organisation| local.reaches(organisation))
}

/// `updated` of an empty feed: since when all that it covers has been as it is, at the earliest.
/// It changes only when a status does.
fn quiet_since(snapshot: &Snapshot, page: Option<&Page<'_>>) -> Timestamp {
    let covered = snapshot.states.iter().zip(0u32..);
    covered
        .filter(|(_, index)| page.is_none_or(|page| page.shows.contains(index)))
        .map(|(state, _)| state.since)
        .min()
        .unwrap_or(NEVER)
}

/// A `tag:` id (RFC 4151) of ours, escaped.
fn tag(scope: &Scope<'_>, year: i64, specific: &str) -> String {
    attribute(&format!("tag:{},{year:04}:{specific}", scope.snapshot.catalogue.site.feed_authority))
}

/// The scheme of a category of ours, escaped.
fn scheme_of(scope: &Scope<'_>, name: &str) -> String {
    tag(scope, i64::from(TAG_YEAR), name)
}

fn attribute(text: &str) -> String {
    escape::xml_str(text)
}

fn link(out: &mut String, indent: &str, rel: &str, media_type: &str, href: &str) {
    element(out, format_args!("{indent}<link rel=\"{rel}\" type=\"{media_type}\" href=\"{}\"/>", attribute(href)));
}

/// A category; `scheme` is escaped already.
fn category(out: &mut String, scheme: &str, term: &str, label: Option<&str>) {
    let label = label.map(|label| format!(" label=\"{}\"", attribute(label))).unwrap_or_default();
    element(out, format_args!("    <category scheme=\"{scheme}\" term=\"{}\"{label}/>", attribute(term)));
}

/// A line. Writing to a String cannot fail.
fn element(out: &mut String, line: std::fmt::Arguments<'_>) {
    out.write_fmt(line).unwrap_or_default();
    out.push('\n');
}
