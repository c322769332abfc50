//! One entry of a feed: its id, what it says, and what it is filed under.

use std::fmt::Write;

use jiff::tz::{Offset, TimeZone};

use crate::model::event::MaintenancePhase;
use crate::model::id::ComponentId;
use crate::model::incident::{Body, Ending, MessageCode, Overlay};
use crate::model::local::PublicLocal;
use crate::model::notice::MaintenanceUpdate;
use crate::model::snapshot::{PublicIncident, PublicMaintenance, PublicOrganisation, PublicUpdate};
use crate::model::status::OrganisationKind;
use crate::model::text::{Plain, Text};
use crate::model::time::Timestamp;
use crate::model::window::When;
use crate::publish::atom::{attribute, category, element, link, scheme_of, tag};
use crate::publish::escape;
use crate::publish::scope::Scope;
use crate::publish::wording::{self, Words};

/// Most categories of one scheme in an entry.
const CATEGORIES_MAX: usize = 100;

/// Most organisations that a title names; more are counted.
const NAMED_MAX: usize = 3;

/// Code list of the Regionalschlüssel.
const SCHEME_ARS: &str = "urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs";

/// One entry, before its texts are made.
pub(super) struct Entry<'a> {
    /// When it last changed.
    pub(super) at: Timestamp,
    /// Among entries of the same instant: by subject, then newest first.
    pub(super) subject: &'a str,
    pub(super) number: u64,
    what: What<'a>,
}

/// What an entry tells.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// An update of an incident.
    Update(&'a PublicIncident, &'a PublicUpdate),
    /// A town's own words on an incident.
    Overlay(&'a PublicIncident, &'a PublicOrganisation, &'a Overlay),
    /// A word on a maintenance.
    Planned(&'a PublicMaintenance, &'a MaintenanceUpdate),
    /// What differs in some towns: of the component with this index.
    Local(u32, &'a PublicLocal),
}

/// What is written of an entry. All but the id and the language is escaped.
struct Told {
    /// What follows authority and year in its id.
    id: String,
    title: String,
    path: String,
    text: String,
    language: String,
}

impl<'a> Entry<'a> {
    pub(super) fn new(what: What<'a>) -> Self {
        let (at, subject, number) = match what {
            What::Update(incident, update) => (update.changed_at(), incident.id.as_str(), update.number.into()),
            What::Overlay(incident, _, overlay) => (overlay.at, incident.id.as_str(), overlay.version.into()),
            What::Planned(maintenance, update) => (update.at, maintenance.id.as_str(), update.number.into()),
            What::Local(_, local) => (local.since, local.component.as_str(), local.key),
        };
        Self { at, subject, number, what }
    }

    /// Entries of the same group concern the same.
    pub(super) fn group(&self) -> (u8, &'a str, u64) {
        match self.what {
            What::Update(_, update) if update.organisations.is_empty() => (0, self.subject, 0),
            What::Update(..) => (1, self.subject, self.number),
            What::Overlay(..) => (2, self.subject, 0),
            What::Planned(..) => (3, self.subject, 0),
            What::Local(..) => (4, self.subject, self.number),
        }
    }

    /// When it was first published: the year in its id, which never changes.
    fn published(&self) -> Timestamp {
        match self.what {
            What::Update(_, update) => update.at,
            What::Overlay(..) | What::Planned(..) | What::Local(..) => self.at,
        }
    }

    /// Writes it; `concerned` are the categories of its group.
    pub(super) fn write(&self, scope: &Scope<'_>, concerned: &str, out: &mut String) {
        let told = self.told(scope);
        let year = i64::from(Offset::UTC.to_datetime(self.published().to_jiff()).year());
        let id = tag(scope, year, &told.id);
        if matches!(self.what, What::Update(_, update) if update.retracted_at.is_some()) {
            element(out, format_args!("  <at:deleted-entry ref=\"{id}\" when=\"{}\"/>", self.at));
            return;
        }
        out.push_str("  <entry>\n");
        element(out, format_args!("    <id>{id}</id>"));
        element(out, format_args!("    <title>{}</title>", told.title));
        element(out, format_args!("    <published>{}</published>", self.published()));
        element(out, format_args!("    <updated>{}</updated>", self.at));
        link(out, "    ", "alternate", "text/html", &scope.address(&told.path));
        self.write_standing(scope, out);
        out.push_str(concerned);
        let foreign = if told.language == scope.language {
            String::new()
        } else {
            format!(" xml:lang=\"{}\"", attribute(&told.language))
        };
        element(out, format_args!("    <content type=\"text\"{foreign}>{}</content>", told.text));
        out.push_str("  </entry>\n");
    }

    fn told(&self, scope: &Scope<'_>) -> Told {
        match self.what {
            What::Update(incident, update) => update_told(scope, incident, update),
            What::Overlay(incident, organisation, overlay) => overlay_told(scope, incident, organisation, overlay),
            What::Planned(maintenance, update) => maintenance_told(scope, maintenance, update),
            What::Local(component, local) => local_told(scope, component, local),
        }
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
            What::Overlay(_, organisation, _) => {
                standing("overlay", organisation.id.as_str(), wording::local_word(words));
            }
            What::Planned(_, update) => {
                standing("maintenance-status", update.phase.as_str(), words.maintenance_phase(update.phase));
            }
            What::Local(_, local) => {
                if let Some(mode) = local.mode {
                    standing("mode", mode.as_str(), words.mode(mode));
                }
                if let Some(status) = local.status {
                    standing("status", status.as_str(), words.status(status, None));
                }
            }
        }
    }

    /// What it concerns, as categories that all entries of its group share.
    pub(super) fn concerned(&self, scope: &Scope<'_>) -> String {
        let (ids, components, organisations) = match self.what {
            What::Update(incident, update) => {
                let components = scope.components_of(incident);
                let mut organisations = scope.organisations_of(&components);
                if !update.organisations.is_empty() {
                    let named = |id| update.organisations.iter().any(|named| scope.present(named) == id);
                    organisations.retain(|organisation| named(&organisation.id));
                }
                (ids_of(incident), components, organisations)
            }
            What::Overlay(incident, organisation, _) => {
                (ids_of(incident), scope.components_of(incident), vec![organisation])
            }
            What::Planned(maintenance, _) => {
                let components = scope.covered_by(maintenance);
                let organisations = scope.organisations_of(&components);
                let ids = maintenance.components.iter().map(|covered| &covered.component);
                (ids.collect(), components, organisations)
            }
            What::Local(component, local) => {
                (vec![&local.component], vec![component], reached(scope, component, local))
            }
        };
        let mut out = String::new();
        let component = scheme_of(scope, "component");
        ids.into_iter().take(CATEGORIES_MAX).for_each(|id| category(&mut out, &component, id.as_str(), None));
        ars_terms(&organisations).into_iter().for_each(|ars| category(&mut out, SCHEME_ARS, ars, None));
        let leika = scheme_of(scope, "leika");
        leika_terms(scope, &components).into_iter().for_each(|key| category(&mut out, &leika, key, None));
        out
    }
}

fn ids_of(incident: &PublicIncident) -> Vec<&ComponentId> {
    incident.components.iter().map(|(id, _, _)| id).collect()
}

/// The organisations that a local difference reaches and on whose pages its component stands.
fn reached<'a>(scope: &Scope<'a>, component: u32, local: &PublicLocal) -> Vec<&'a PublicOrganisation> {
    let mut organisations = scope.organisations_of(&[component]);
    organisations.retain(|organisation| local.reaches(organisation));
    organisations
}

fn update_told(scope: &Scope<'_>, incident: &PublicIncident, update: &PublicUpdate) -> Told {
    let language = body_language(scope, &update.body);
    let mut text = escape::xml(&scope.body(&update.body));
    // A text and what is said beside it are read in one language.
    let words = Words::of(&language);
    match &update.ending {
        Some(Ending::Unknown) => push_sentence(&mut text, &format!("{}.", wording::no_end_known(words))),
        Some(Ending::Expected(expected)) => {
            let zone = zone_of(&scope.snapshot.catalogue.site.timezone);
            let bound = |at: Option<Timestamp>, word: &str| {
                at.map(|at| format!("{word} {}", local_time(words, &When::instant(at), &zone)))
            };
            let end = match &expected.label {
                Some(label) => escape::xml(&scope.text(label)),
                None => {
                    let earliest = bound(expected.earliest, words.pick("frühestens", "at the earliest"));
                    let latest = bound(expected.latest, words.pick("spätestens", "at the latest"));
                    [earliest, latest].into_iter().flatten().collect::<Vec<_>>().join(", ")
                }
            };
            if !end.is_empty() {
                push_sentence(&mut text, &format!("{}: {end}.", wording::end_expected(words)));
            }
        }
        None => {}
    }
    let status = Words::of(scope.language).incident_status(update.status);
    Told {
        id: format!("incident/{}/{}", incident.id, update.number),
        title: titled(&scope.body(&incident.title), status),
        path: format!("/incidents/{}", incident.id),
        text,
        language,
    }
}

fn overlay_told(
    scope: &Scope<'_>,
    incident: &PublicIncident,
    organisation: &PublicOrganisation,
    overlay: &Overlay,
) -> Told {
    let word = wording::local_word(Words::of(scope.language));
    let name = escape::xml(&scope.text(&organisation.name));
    Told {
        id: format!("incident/{}/overlay/{}/{}", incident.id, organisation.id, overlay.version),
        title: format!("{}: {name}", titled(&scope.body(&incident.title), word)),
        path: format!("/incidents/{}", incident.id),
        text: escape::xml(&scope.text(&overlay.text)),
        language: written_language(scope, &overlay.text),
    }
}

fn maintenance_told(scope: &Scope<'_>, maintenance: &PublicMaintenance, update: &MaintenanceUpdate) -> Told {
    // The first word has had this id since there was only one.
    let number = match update.number {
        1 => "announced".to_owned(),
        number => number.to_string(),
    };
    let language = body_language(scope, &update.body);
    let words = Words::of(&language);
    // The dates stand with the newest announcement: at those before it, others may have held.
    let newest = maintenance.updates.iter().rev().find(|update| update.phase == MaintenancePhase::Announced);
    let holds_dates =
        newest.or_else(|| maintenance.updates.first()).is_some_and(|newest| newest.number == update.number);
    let first_of_ours =
        matches!(&update.body, Body::Automatic(message) if message.code == MessageCode::Planned) && holds_dates;
    let mut text = if first_of_ours { String::new() } else { escape::xml(&scope.body(&update.body)) };
    if holds_dates {
        push_sentence(&mut text, &announcement(words, maintenance));
        if let Some(more) = &maintenance.text {
            push_sentence(&mut text, &escape::xml(&scope.text(more)));
        }
    }
    let zone = zone_of(&maintenance.zone);
    let back = update.ended.iter().filter_map(|(id, at)| {
        let component = scope.snapshot.catalogue.components.get(scope.component(id.as_str())? as usize)?;
        let since = local_time(words, &When::instant(*at), &zone);
        Some(format!("{} ({} {since})", escape::xml(&scope.text(&component.name)), words.pick("seit", "since")))
    });
    let back: Vec<String> = back.collect();
    if !back.is_empty() {
        let again = words.pick("Wieder da", "Back");
        push_sentence(&mut text, &format!("{again}: {}.", wording::listed(words, &back)));
    }
    let phase = Words::of(scope.language).maintenance_phase(update.phase);
    Told {
        id: format!("maintenance/{}/{number}", maintenance.id),
        title: titled(&scope.text(&maintenance.title), phase),
        path: "/".to_owned(),
        text,
        language,
    }
}

fn local_told(scope: &Scope<'_>, component: u32, local: &PublicLocal) -> Told {
    let organisations = reached(scope, component, local);
    let language = match &local.text {
        Some(text) => written_language(scope, text),
        None => words_language(Words::of(scope.language)).to_owned(),
    };
    let kind = scope.snapshot.catalogue.components.get(component as usize).map(|component| component.kind);
    let words = Words::of(scope.language);
    let what = match (local.mode, local.status) {
        (Some(mode), _) => words.mode(mode),
        (None, Some(status)) => words.status(status, kind),
        (None, None) => wording::local_word(words),
    };
    let title = format!("{}: {what} {}", escape::xml(&scope.text(&local.name)), places(scope, &organisations));
    let words = Words::of(&language);
    let zone = zone_of(&scope.snapshot.catalogue.site.timezone);
    let mut text = String::new();
    if let Some(mode) = local.mode {
        push_sentence(&mut text, &format!("{}.", wording::capitalised(words.mode(mode))));
    }
    if let Some(status) = local.status {
        push_sentence(&mut text, &format!("{}.", wording::capitalised(words.status(status, kind))));
    }
    if let Some(released) = local.released {
        push_sentence(&mut text, words.released(released));
    }
    if let Some(processing) = local.processing {
        push_sentence(&mut text, words.processing(processing));
    }
    if let Some(delivery) = &local.delivery {
        push_sentence(&mut text, words.delivery(delivery.state));
    }
    if let Some(said) = &local.text {
        push_sentence(&mut text, &escape::xml(&scope.text(said)));
    }
    let bounds = [(Some(local.since), words.pick("Seit", "Since")), (local.until, words.pick("Bis", "Until"))];
    for (at, word) in bounds {
        if let Some(at) = at {
            push_sentence(&mut text, &format!("{word} {}.", local_time(words, &When::instant(at), &zone)));
        }
    }
    Told {
        id: format!("local/{}/{:016x}/{}", local.component, local.key, local.since.as_millis()),
        title,
        path: match organisations.as_slice() {
            [only] => format!("/{}", only.id),
            _ => "/".to_owned(),
        },
        text,
        language,
    }
}

/// Where something differs, escaped: "in Menden und Hemer", "(Ennepe-Ruhr-Kreis)".
fn places(scope: &Scope<'_>, organisations: &[&PublicOrganisation]) -> String {
    let words = Words::of(scope.language);
    let count = organisations.len();
    if count > NAMED_MAX {
        return format!("{} {count} {}", words.pick("bei", "at"), words.pick("Organisationen", "organisations"));
    }
    let names = organisations.iter().map(|organisation| escape::xml(&scope.text(&organisation.name)));
    // Only a town's name goes with "in" without being declined.
    if organisations.iter().all(|organisation| organisation.kind == OrganisationKind::Municipality) {
        let names: Vec<String> = names.map(|name| wording::town_name(&name).to_owned()).collect();
        format!("in {}", wording::listed(words, &names))
    } else {
        format!("({})", names.collect::<Vec<_>>().join(", "))
    }
}

/// `Störung: X – wird untersucht`, escaped.
fn titled(title: &Plain, word: &str) -> String {
    format!("{} – {word}", escape::xml(title))
}

/// Another sentence, if there is one, with a space before it if it is not the first.
fn push_sentence(text: &mut String, sentence: &str) {
    if !text.is_empty() && !sentence.is_empty() {
        text.push(' ');
    }
    text.push_str(sentence);
}

/// The ARS of the organisations. Where they are too many, their counties, else their Länder: the
/// leading digits of an ARS.
fn ars_terms<'a>(organisations: &[&'a PublicOrganisation]) -> Vec<&'a str> {
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

/// When a maintenance is, in words.
fn announcement(words: Words, maintenance: &PublicMaintenance) -> String {
    let zone = zone_of(&maintenance.zone);
    let time = |when: &When| local_time(words, when, &zone);
    let inclusive =
        if maintenance.until.date.is_some() { words.pick(" (einschließlich)", " (inclusive)") } else { "" };
    let head = if maintenance.recurs {
        words.pick("Kehrt regelmäßig wieder, das nächste Mal von", "Comes round regularly, next from")
    } else {
        words.pick("Planmäßig unterbrochen: von", "Planned interruption: from")
    };
    let (from, until) = (time(&maintenance.from), time(&maintenance.until));
    let mut text = format!("{head} {from} {} {until}{inclusive}.", words.pick("bis", "to"));
    if let Some(last) = &maintenance.last_chance_before {
        // Writing to a String cannot fail.
        write!(text, " {} {}.", words.pick("Letzte Gelegenheit vorher:", "Last chance before:"), time(last))
            .unwrap_or_default();
    }
    if let Some(back) = &maintenance.back_from {
        write!(text, " {} {}.", words.pick("Wieder da ab", "Back from"), time(back)).unwrap_or_default();
    }
    text
}

/// A planned time as people read it: the date as written, or the local time.
fn local_time(words: Words, when: &When, zone: &TimeZone) -> String {
    let zoned = when.at.to_jiff().to_zoned(zone.clone());
    match when.date {
        Some(date) => date.strftime(words.pick("%d.%m.%Y", "%-d %B %Y")).to_string(),
        None => zoned.strftime(words.pick("%d.%m.%Y, %H:%M Uhr", "%-d %B %Y, %H:%M")).to_string(),
    }
}

fn zone_of(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// The language in which a text can be had.
fn body_language(scope: &Scope<'_>, body: &Body) -> String {
    match body {
        Body::Automatic(_) => words_language(Words::of(scope.language)).to_owned(),
        Body::Written(text) => written_language(scope, text),
    }
}

/// The language of our own words.
const fn words_language(words: Words) -> &'static str {
    words.pick("de", "en")
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
