//! Atom feeds (RFC 4287): one entry per published update of an incident, and one per announced
//! maintenance.
//!
//! Unchanged content gives unchanged bytes: nothing here depends on when the feed is asked for.
//! An entry has the same id, instants and categories in every feed and language that has it;
//! only its texts and links follow the language.

use std::collections::HashMap;
use std::fmt::Write;

use jiff::tz::{Offset, TimeZone};

use crate::model::event::MaintenancePhase;
use crate::model::incident::Body;
use crate::model::snapshot::{PublicIncident, PublicMaintenance, PublicUpdate, Snapshot};
use crate::model::text::{Plain, Text};
use crate::model::time::Timestamp;
use crate::model::window::When;
use crate::publish::escape;
use crate::publish::scope::{Page, Scope};
use crate::publish::wording::Words;

/// Most entries of a feed, newest first.
pub const ENTRIES_MAX: usize = 50;

/// Most categories of one scheme in an entry.
pub const CATEGORIES_MAX: usize = 100;

/// `updated` of a feed that never had an entry and covers no component.
const NEVER: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The year in the ids of feeds and schemes, in which the form of these ids was laid down
/// (RFC 4151 wants a date at which the authority held the name).
const TAG_YEAR: u16 = 2026;

/// Code list of the Regionalschlüssel.
const SCHEME_ARS: &str = "urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs";

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
        format_args!("<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{}\">", attribute(language)),
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
        let is_incident = matches!(entry.what, What::Update(..));
        let concerned = concerned.entry((is_incident, entry.subject)).or_insert_with(|| entry.concerned(&scope));
        entry.write(&scope, concerned, &mut out);
    }
    out.push_str("</feed>\n");
    out
}

/// One entry, before its texts are made.
struct Entry<'a> {
    at: Timestamp,
    /// Among entries of the same instant: by subject, then newest first.
    subject: &'a str,
    number: u32,
    what: What<'a>,
}

enum What<'a> {
    Update(&'a PublicIncident, &'a PublicUpdate),
    Announced(&'a PublicMaintenance),
}

/// The entries of a feed, newest first.
fn entries<'a>(scope: &Scope<'a>, page: Option<&Page<'_>>) -> Vec<Entry<'a>> {
    let snapshot = scope.snapshot;
    let concerns = |components: &[u32]| page.is_none_or(|page| page.shows_any(components));
    let mut entries = Vec::new();
    for incident in snapshot.incidents.iter().filter(|incident| concerns(&scope.components_of(incident))) {
        let subject = incident.id.as_str();
        entries.extend(incident.updates.iter().map(|update| Entry {
            at: update.at,
            subject,
            number: update.number,
            what: What::Update(incident, update),
        }));
    }
    for maintenance in &snapshot.maintenances {
        // Without the instant of its announcement an entry could not keep its `updated`; what is
        // cancelled is not announced any more.
        let announced = &maintenance.announced_at;
        if maintenance.phase != MaintenancePhase::Cancelled && concerns(&covered(scope, maintenance)) {
            let subject = maintenance.id.as_str();
            entries.push(Entry { at: announced.at, subject, number: 0, what: What::Announced(maintenance) });
        }
    }
    entries
        .sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.subject.cmp(b.subject)).then_with(|| b.number.cmp(&a.number)));
    entries
}

fn covered(scope: &Scope<'_>, maintenance: &PublicMaintenance) -> Vec<u32> {
    maintenance.components.iter().filter_map(|covered| scope.component(covered.component.as_str())).collect()
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

impl Entry<'_> {
    fn write(&self, scope: &Scope<'_>, concerned: &str, out: &mut String) {
        let words = Words::of(scope.language);
        let year = i64::from(Offset::UTC.to_datetime(self.at.to_jiff()).year());
        let (id, title, path, text, text_language) = match self.what {
            What::Update(incident, update) => (
                format!("incident/{}/{}", incident.id, update.number),
                titled(&scope.body(&incident.title), words.incident_status(update.status)),
                format!("/incidents/{}", incident.id),
                escape::xml(&scope.body(&update.body)),
                body_language(scope, &update.body),
            ),
            What::Announced(maintenance) => (
                format!("maintenance/{}/announced", maintenance.id),
                titled(&scope.text(&maintenance.title), words.maintenance_phase(MaintenancePhase::Announced)),
                "/".to_owned(),
                escape::xml(&announcement(scope, maintenance)),
                words.pick("de", "en").to_owned(),
            ),
        };
        out.push_str("  <entry>\n");
        element(out, format_args!("    <id>{}</id>", tag(scope, year, &id)));
        element(out, format_args!("    <title>{title}</title>"));
        element(out, format_args!("    <published>{}</published>", self.at));
        element(out, format_args!("    <updated>{}</updated>", self.at));
        link(out, "    ", "alternate", "text/html", &scope.address(&path));
        self.write_standing(scope, out);
        out.push_str(concerned);
        let foreign = if text_language == scope.language {
            String::new()
        } else {
            format!(" xml:lang=\"{}\"", attribute(&text_language))
        };
        element(out, format_args!("    <content type=\"text\"{foreign}>{text}</content>"));
        out.push_str("  </entry>\n");
    }

    /// How it stands, as categories of its own.
    fn write_standing(&self, scope: &Scope<'_>, out: &mut String) {
        let words = Words::of(scope.language);
        let mut standing = |scheme: &str, term: &str, label: &str| {
            category(out, &scheme_of(scope, scheme), term, Some(label));
        };
        match self.what {
            What::Update(incident, update) => {
                standing("incident-status", update.status.as_str(), words.incident_status(update.status));
                standing("impact", incident.impact.as_str(), words.impact(incident.impact));
            }
            What::Announced(_) => {
                let announced = MaintenancePhase::Announced;
                standing("maintenance-status", announced.as_str(), words.maintenance_phase(announced));
            }
        }
    }

    /// What it concerns, as categories that all entries of its subject share.
    fn concerned(&self, scope: &Scope<'_>) -> String {
        let (ids, components): (Vec<&str>, _) = match self.what {
            What::Update(incident, _) => {
                (incident.components.iter().map(|(id, _, _)| id.as_str()).collect(), scope.components_of(incident))
            }
            What::Announced(maintenance) => {
                (maintenance.components.iter().map(|covered| covered.component.as_str()).collect(), covered(scope, maintenance))
            }
        };
        let mut out = String::new();
        let component = scheme_of(scope, "component");
        ids.into_iter().take(CATEGORIES_MAX).for_each(|id| category(&mut out, &component, id, None));
        ars_terms(scope, &components).into_iter().for_each(|ars| category(&mut out, SCHEME_ARS, ars, None));
        let leika = scheme_of(scope, "leika");
        leika_terms(scope, &components).into_iter().for_each(|key| category(&mut out, &leika, key, None));
        out
    }
}

/// `Störung: X – wird untersucht`, escaped.
fn titled(title: &Plain, word: &str) -> String {
    format!("{} – {word}", escape::xml(title))
}

/// The ARS of the organisations on whose pages the components stand. Where they are too many,
/// their counties, else their Länder: the leading digits of an ARS.
fn ars_terms<'a>(scope: &Scope<'a>, components: &[u32]) -> Vec<&'a str> {
    let organisations = scope.organisations_of(components);
    for digits in [12, 5, 2] {
        let mut terms: Vec<&str> =
            organisations.iter().filter_map(|organisation| organisation.ars.as_deref()?.get(..digits)).collect();
        terms.sort_unstable();
        terms.dedup();
        if terms.len() <= CATEGORIES_MAX {
            return terms;
        }
    }
    Vec::new()
}

fn leika_terms<'a>(scope: &Scope<'a>, components: &[u32]) -> Vec<&'a str> {
    let catalogue = &scope.snapshot.catalogue;
    let mut terms: Vec<&str> = components
        .iter()
        .filter_map(|&index| catalogue.components.get(index as usize))
        .flat_map(|component| component.leika.iter().map(String::as_str))
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms.truncate(CATEGORIES_MAX);
    terms
}

/// What an announced maintenance means, in words.
fn announcement(scope: &Scope<'_>, maintenance: &PublicMaintenance) -> Plain {
    let words = Words::of(scope.language);
    let zone = TimeZone::get(&scope.snapshot.catalogue.site.timezone).unwrap_or(TimeZone::UTC);
    let time = |when: &When| local(words, when, &zone);
    let inclusive =
        if maintenance.until.date.is_some() { words.pick(" (einschließlich)", " (inclusive)") } else { "" };
    let mut text = format!(
        "{} {} {} {}{inclusive}.",
        words.pick("Planmäßig unterbrochen: von", "Planned interruption: from"),
        time(&maintenance.from),
        words.pick("bis", "to"),
        time(&maintenance.until),
    );
    if let Some(last) = &maintenance.last_chance_before {
        // Writing to a String cannot fail.
        write!(text, " {} {}.", words.pick("Letzte Gelegenheit vorher:", "Last chance before:"), time(last))
            .unwrap_or_default();
    }
    if let Some(back) = &maintenance.back_from {
        write!(text, " {} {}.", words.pick("Wieder da ab", "Back from"), time(back)).unwrap_or_default();
    }
    Plain::new(&text)
}

/// A planned time as people read it: the date as written, or the local time.
fn local(words: Words, when: &When, zone: &TimeZone) -> String {
    let zoned = when.at.to_jiff().to_zoned(zone.clone());
    match when.date {
        Some(date) => date.strftime(words.pick("%d.%m.%Y", "%-d %B %Y")).to_string(),
        None => zoned.strftime(words.pick("%d.%m.%Y, %H:%M Uhr", "%-d %B %Y, %H:%M")).to_string(),
    }
}

/// The language in which a text can be had.
fn body_language(scope: &Scope<'_>, body: &Body) -> String {
    match body {
        Body::Automatic(_) => {
            let has_words = [Words::German, Words::English].iter().zip(["de", "en"]);
            let words = Words::of(scope.language);
            has_words.filter(|(known, _)| **known == words).map(|(_, tag)| tag.to_owned()).collect()
        }
        Body::Written(text) => written_language(scope, text),
    }
}

fn written_language(scope: &Scope<'_>, text: &Text) -> String {
    let fallback = scope.snapshot.catalogue.site.language();
    let first = text.iter().next().map(|(language, _)| &**language);
    [scope.language, fallback]
        .into_iter()
        .find(|language| text.has(language))
        .or(first)
        .unwrap_or(scope.language)
        .to_owned()
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
