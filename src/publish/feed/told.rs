//! What an entry says, in words: its title, its content, and how it stands.

use std::cmp::Reverse;
use std::rc::Rc;

use jiff::tz::{Offset, TimeZone};

use crate::model::alternative::{Alternative, Link};
use crate::model::id::OrganisationId;
use crate::model::incident::{Body, Ending, Expected, Impact, MessageCode, Overlay, Withdrawn};
use crate::model::local::PublicLocal;
use crate::model::notice::{Announced, MaintenanceUpdate};
use crate::model::snapshot::{PublicIncident, PublicMaintenance, PublicOrganisation, PublicUpdate};
use crate::model::status::{Mode, OrganisationKind, Status};
use crate::model::text::{Plain, Text};
use crate::model::time::Timestamp;
use crate::model::window::When;
use crate::publish::escape;
use crate::publish::feed::collect::{Audience, Said, What, begun};
use crate::publish::feed::concerned::reached;
use crate::publish::feed::entry::{Category, Concerned, Entry, Kind};
use crate::publish::feed::standing::Standing;
use crate::publish::feed::{TAG_YEAR, tag};
use crate::publish::scope::Scope;
use crate::publish::wording::{self, Words};

/// Most organisations that a title names; more are counted.
const NAMED_MAX: usize = 3;

/// Most other ways that a content names.
const WAYS_MAX: usize = 5;

/// Most earlier versions of a town's own words that are taken back by name.
const REPLACED_MAX: u32 = 20;

/// What stands for a difference that ended: in its id, its category and its status.
const ENDED: &str = "ended";

/// The words of an entry.
struct Told {
    /// What follows authority and year in its id.
    id: String,
    title: Plain,
    path: String,
    content: Plain,
    language: String,
}

impl<'a> Said<'a> {
    /// The entry; `concerned` is what all of its group concern.
    pub(super) fn entry(&self, scope: &Scope<'a>, audience: &Audience<'a>, concerned: Rc<Concerned>) -> Entry {
        let told = match self.what {
            What::Update(incident, update) => update_told(scope, incident, update),
            What::Overlay(incident, organisation, overlay) => overlay_told(scope, incident, organisation, overlay),
            What::Withdrawn(incident, organisation, words) => withdrawn_told(scope, incident, organisation, words),
            What::Planned(maintenance, update) => maintenance_told(scope, maintenance, update),
            What::Local(component, local) if local.ended_at.is_some() => ended_told(scope, component, local),
            What::Local(component, local) => local_told(scope, component, local),
            What::Incident(incident) => incident_told(scope, audience, incident),
        };
        Entry {
            id: tag(scope, year(self.published), &told.id),
            kind: match self.what {
                What::Update(..) | What::Incident(_) => Kind::Incident,
                What::Overlay(..) | What::Withdrawn(..) => Kind::Overlay,
                What::Planned(..) => Kind::Maintenance,
                What::Local(..) => Kind::Local,
            },
            title: told.title,
            published: self.published,
            updated: self.at,
            link: scope.address(&told.path),
            status: self.status(),
            standing: self.standing(scope),
            concerned,
            content: told.content,
            language: told.language,
            retracted_at: match self.what {
                What::Update(_, update) => update.retracted_at.map(|_| self.at),
                What::Withdrawn(..) => Some(self.at),
                What::Overlay(..) | What::Planned(..) | What::Local(..) | What::Incident(_) => None,
            },
            replaces: match self.what {
                What::Overlay(incident, organisation, overlay) => {
                    let said_as = overlay.said_as.as_ref();
                    replaced(scope, incident, &names(scope, organisation, said_as), (overlay.version, overlay.at))
                }
                What::Withdrawn(incident, organisation, words) => {
                    let said_as = words.said_as.as_ref();
                    replaced(scope, incident, &names(scope, organisation, said_as), (words.version, words.at))
                }
                What::Update(..) | What::Planned(..) | What::Local(..) | What::Incident(_) => Vec::new(),
            },
        }
    }

    /// How it stands, as a closed word. What was taken back stands for nothing.
    fn status(&self) -> Option<&'static str> {
        match self.what {
            What::Update(_, update) if update.retracted_at.is_some() => None,
            What::Update(incident, update) => Some(Standing::then(incident, update).as_str()),
            What::Incident(incident) => Some(Standing::now(incident).as_str()),
            What::Planned(_, update) => Some(update.phase.as_str()),
            What::Local(_, local) if local.ended_at.is_some() => Some(ENDED),
            What::Local(_, local) => local.status.map(Status::as_str).or_else(|| local.mode.map(Mode::as_str)),
            What::Overlay(..) | What::Withdrawn(..) => None,
        }
    }

    /// How it stands, as categories of its own.
    fn standing(&self, scope: &Scope<'_>) -> Vec<Category> {
        let words = Words::of(scope.language);
        let standing = |scheme: &str, term: &str, label: &'static str| Category {
            scheme: scheme_of(scope, scheme),
            term: term.to_owned(),
            label: Some(label),
        };
        let of_incident = |impact: Impact, stands: Standing| {
            vec![
                standing("incident-status", stands.as_str(), stands.word(words)),
                standing("impact", impact.as_str(), words.impact(impact)),
            ]
        };
        match self.what {
            What::Update(_, update) if update.retracted_at.is_some() => Vec::new(),
            What::Withdrawn(..) => Vec::new(),
            What::Update(incident, update) => of_incident(update.impact, Standing::then(incident, update)),
            What::Incident(incident) => of_incident(incident.impact, Standing::now(incident)),
            What::Overlay(_, organisation, _) => {
                vec![standing("overlay", organisation.id.as_str(), wording::local_word(words))]
            }
            What::Planned(_, update) => {
                vec![standing("maintenance-status", update.phase.as_str(), words.maintenance_phase(update.phase))]
            }
            What::Local(_, local) if local.ended_at.is_some() => {
                vec![standing("local", ENDED, words.pick("gilt nicht mehr", "does not apply any more"))]
            }
            What::Local(_, local) => {
                let mode = local.mode.map(|mode| standing("mode", mode.as_str(), words.mode(mode)));
                let status = local.status.map(|status| standing("status", status.as_str(), words.status(status, None)));
                mode.into_iter().chain(status).collect()
            }
        }
    }
}

/// The scheme of a category of ours.
pub(super) fn scheme_of(scope: &Scope<'_>, name: &str) -> String {
    tag(scope, TAG_YEAR, name)
}

fn year(at: Timestamp) -> i64 {
    Offset::UTC.to_datetime(at.to_jiff()).year().into()
}

fn update_told(scope: &Scope<'_>, incident: &PublicIncident, update: &PublicUpdate) -> Told {
    let retracted = update.retracted_at.is_some();
    let (content, language) = if retracted {
        let words = Words::of(scope.language);
        (Plain::new(wording::retracted(words)), words_language(words).to_owned())
    } else {
        update_text(scope, update)
    };
    let words = Words::of(scope.language);
    let status = if retracted { wording::withdrawn(words) } else { Standing::then(incident, update).word(words) };
    Told {
        id: format!("incident/{}/{}", incident.id, update.number),
        title: titled(&scope.body(&incident.title), status),
        path: format!("/incidents/{}", incident.id),
        content,
        language,
    }
}

/// What an update says, with what it says about the end, and in which language.
fn update_text(scope: &Scope<'_>, update: &PublicUpdate) -> (Plain, String) {
    let language = body_language(scope, &update.body);
    // A text and what is said beside it are read in one language.
    let words = Words::of(&language);
    let end = match &update.ending {
        Some(Ending::Unknown) => Some(Plain::new(&format!("{}.", wording::no_end_known(words)))),
        Some(Ending::Expected(expected)) => {
            let end = expected_end(scope, words, expected);
            let template = format!("{}: {{}}.", wording::end_expected(words));
            (!end.is_empty()).then(|| escape::sentence(&template, &end))
        }
        None => None,
    };
    let sentences: Vec<Plain> = [scope.body(&update.body)].into_iter().chain(end).collect();
    (escape::joined(&sentences, " "), language)
}

fn expected_end(scope: &Scope<'_>, words: Words, expected: &Expected) -> Plain {
    if let Some(label) = &expected.label {
        return scope.text(label);
    }
    let zone = zone_of(&scope.snapshot.catalogue.site.timezone);
    let bound = |at: Option<Timestamp>, word: &str| {
        at.map(|at| format!("{word} {}", local_time(words, &When::instant(at), &zone)))
    };
    let earliest = bound(expected.earliest, words.pick("frühestens", "at the earliest"));
    let latest = bound(expected.latest, words.pick("spätestens", "at the latest"));
    Plain::new(&[earliest, latest].into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// All that was said of an incident, newest first, the town's own words among it.
fn incident_told(scope: &Scope<'_>, audience: &Audience<'_>, incident: &PublicIncident) -> Told {
    let words = Words::of(scope.language);
    let zone = zone_of(&scope.snapshot.catalogue.site.timezone);
    let head = |at: Timestamp, what: &str| format!("{} – {what}: {{}}", local_time(words, &When::instant(at), &zone));
    let (updates, overlay) = audience.words_on(scope, incident);
    let own = overlay.map(|overlay| {
        let head = head(overlay.at, wording::local_word(words));
        let text = escape::sentence(&head, &scope.text(&overlay.text));
        (overlay.at, text, written_language(scope, &overlay.text))
    });
    let said = updates.map(|update| match update.retracted_at {
        Some(_) => {
            let head = head(update.at, wording::withdrawn(words));
            let text = escape::sentence(&head, &Plain::new(wording::retracted(words)));
            (update.at, text, words_language(words).to_owned())
        }
        None => {
            let (text, language) = update_text(scope, update);
            let head = head(update.at, Standing::then(incident, update).word(words));
            (update.at, escape::sentence(&head, &text), language)
        }
    });
    let mut all: Vec<(Timestamp, Plain, String)> = own.into_iter().chain(said).collect();
    all.sort_by_key(|(at, ..)| Reverse(*at));
    let (mut texts, mut languages): (Vec<Plain>, Vec<String>) =
        all.into_iter().map(|(_, text, language)| (text, language)).unzip();
    if texts.is_empty() {
        texts.push(Plain::new(&format!("{}.", wording::capitalised(Standing::now(incident).word(words)))));
    }
    languages.dedup();
    Told {
        id: format!("incident/{}", incident.id),
        title: titled(&scope.body(&incident.title), Standing::now(incident).word(words)),
        path: format!("/incidents/{}", incident.id),
        content: escape::joined(&texts, "\n\n"),
        // A text in several languages goes by that of the feed.
        language: match languages.as_slice() {
            [only] => only.clone(),
            _ => scope.language.to_owned(),
        },
    }
}

fn overlay_told(
    scope: &Scope<'_>,
    incident: &PublicIncident,
    organisation: &PublicOrganisation,
    overlay: &Overlay,
) -> Told {
    let word = wording::local_word(Words::of(scope.language));
    let name = scope.text(&organisation.name);
    Told {
        id: overlay_id(incident, overlay.said_as.as_ref().unwrap_or(&organisation.id), overlay.version),
        title: escape::joined(&[titled(&scope.body(&incident.title), word), name], ": "),
        path: format!("/incidents/{}", incident.id),
        content: scope.text(&overlay.text),
        language: written_language(scope, &overlay.text),
    }
}

fn withdrawn_told(
    scope: &Scope<'_>,
    incident: &PublicIncident,
    organisation: &PublicOrganisation,
    withdrawn: &Withdrawn,
) -> Told {
    let words = Words::of(scope.language);
    let name = scope.text(&organisation.name);
    Told {
        id: overlay_id(incident, withdrawn.said_as.as_ref().unwrap_or(&organisation.id), withdrawn.version),
        title: escape::joined(&[titled(&scope.body(&incident.title), wording::withdrawn(words)), name], ": "),
        path: format!("/incidents/{}", incident.id),
        content: Plain::new(wording::retracted(words)),
        language: words_language(words).to_owned(),
    }
}

fn overlay_id(incident: &PublicIncident, organisation: &OrganisationId, version: u32) -> String {
    format!("incident/{}/overlay/{organisation}/{version}", incident.id)
}

/// The ids under which a town may have spoken before: the one under which it spoke last, or the
/// present one and all former ones.
fn names<'a>(
    scope: &Scope<'a>,
    organisation: &'a PublicOrganisation,
    said_as: Option<&'a OrganisationId>,
) -> Vec<&'a OrganisationId> {
    if let Some(said_as) = said_as {
        return vec![said_as];
    }
    let former = scope.snapshot.catalogue.former_organisations.iter();
    let mut former: Vec<_> = former.filter(|(_, now)| **now == organisation.id).map(|(former, _)| former).collect();
    former.sort_unstable();
    std::iter::once(&organisation.id).chain(former).collect()
}

/// The ids of the versions before. Nobody keeps when those were written: any year since the
/// incident became known may be in them, and an id that was never given takes back nothing.
fn replaced(
    scope: &Scope<'_>,
    incident: &PublicIncident,
    names: &[&OrganisationId],
    (newest, at): (u32, Timestamp),
) -> Vec<String> {
    let first = newest.saturating_sub(REPLACED_MAX).max(1);
    let years = || year(begun(incident))..=year(at);
    let of_name = |name: &&OrganisationId| {
        let ids = (first..newest).rev().map(|version| overlay_id(incident, name, version));
        let tags = ids.flat_map(|id| years().rev().map(move |year| tag(scope, year, &id)));
        tags.take(REPLACED_MAX as usize).collect::<Vec<String>>()
    };
    names.iter().flat_map(of_name).collect()
}

fn maintenance_told(scope: &Scope<'_>, maintenance: &PublicMaintenance, update: &MaintenanceUpdate) -> Told {
    // The first word has had this id since there was only one.
    let number = match update.number {
        1 => "announced".to_owned(),
        number => number.to_string(),
    };
    let language = body_language(scope, &update.body);
    let words = Words::of(&language);
    // Each announcement keeps its own dates.
    let announced = update.announced.as_deref();
    let first_of_ours =
        matches!(&update.body, Body::Automatic(message) if message.code == MessageCode::Planned) && announced.is_some();
    let mut sentences = Vec::new();
    if !first_of_ours {
        sentences.push(scope.body(&update.body));
    }
    if let Some(announced) = announced {
        sentences.push(Plain::new(&announcement(words, maintenance, announced)));
        sentences.extend(announced.text.as_ref().map(|more| scope.text(more)));
    }
    let zone = zone_of(&maintenance.zone);
    let back = update.ended.iter().filter_map(|(id, at)| {
        let component = scope.snapshot.catalogue.components.get(scope.component(id.as_str())? as usize)?;
        let since = local_time(words, &When::instant(*at), &zone);
        let template = format!("{{}} ({} {since})", words.pick("seit", "since"));
        Some(escape::sentence(&template, &scope.text(&component.name)))
    });
    let back: Vec<Plain> = back.collect();
    if !back.is_empty() {
        let template = format!("{}: {{}}.", words.pick("Wieder da", "Back"));
        sentences.push(escape::sentence(&template, &listed(words, &back)));
    }
    let phase = Words::of(scope.language).maintenance_phase(update.phase);
    Told {
        id: format!("maintenance/{}/{number}", maintenance.id),
        title: titled(&scope.text(&maintenance.title), phase),
        path: format!("/maintenance/{}", maintenance.id),
        content: escape::joined(&sentences, " "),
        language,
    }
}

/// That something does not differ any more.
fn ended_told(scope: &Scope<'_>, component: u32, local: &PublicLocal) -> Told {
    let words = Words::of(scope.language);
    let began = local_told(scope, component, local);
    let zone = zone_of(&scope.snapshot.catalogue.site.timezone);
    let time = |at: Timestamp| local_time(words, &When::instant(at), &zone);
    let (since, ended) = (time(local.since), time(local.ended_at.unwrap_or(local.since)));
    Told {
        id: format!("{}/{ENDED}", began.id),
        title: titled(&began.title, words.pick("gilt nicht mehr", "does not apply any more")),
        content: Plain::new(&match words {
            Words::German => format!("Gilt seit {ended} nicht mehr. Es galt seit {since}."),
            Words::English => format!("Has not applied since {ended}. It had applied since {since}."),
        }),
        language: words_language(words).to_owned(),
        ..began
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
    let title = [escape::sentence(&format!("{{}}: {what}"), &scope.text(&local.name)), places(scope, &organisations)];
    let words = Words::of(&language);
    let zone = zone_of(&scope.snapshot.catalogue.site.timezone);
    let word = |word: &str| Plain::new(&format!("{}.", wording::capitalised(word)));
    let mut sentences = Vec::new();
    sentences.extend(local.mode.map(|mode| word(words.mode(mode))));
    sentences.extend(local.status.map(|status| word(words.status(status, kind))));
    sentences.extend(local.released.map(|released| Plain::new(words.released(released))));
    sentences.extend(local.processing.map(|processing| Plain::new(words.processing(processing))));
    sentences.extend(local.delivery.as_ref().map(|delivery| Plain::new(words.delivery(delivery.state))));
    sentences.extend(local.text.as_ref().map(|said| scope.text(said)));
    if sentences.is_empty() {
        // Nothing is said but how else it can be done.
        sentences.extend(other_ways(scope, words, &local.alternatives));
    }
    let bounds = [(Some(local.since), words.pick("Seit", "Since")), (local.until, words.pick("Bis", "Until"))];
    for (at, word) in bounds {
        let at = at.map(|at| local_time(words, &When::instant(at), &zone));
        sentences.extend(at.map(|at| Plain::new(&format!("{word} {at}."))));
    }
    let said_as = local.said_as.as_ref().unwrap_or(&local.component);
    Told {
        id: format!("local/{said_as}/{:016x}/{}", local.key, local.since.as_millis()),
        title: escape::joined(&title, " "),
        path: match organisations.as_slice() {
            [only] => format!("/{}", only.id),
            _ => "/".to_owned(),
        },
        content: escape::joined(&sentences, " "),
        language,
    }
}

/// `So geht es trotzdem: Notfall-Seite (https://…).`
fn other_ways(scope: &Scope<'_>, words: Words, alternatives: &[Alternative]) -> Option<Plain> {
    let bare =
        |link: &Link| escape::part(link.plain(), |link| link.trim_start_matches("tel:").trim_start_matches("mailto:"));
    let ways = alternatives.iter().take(WAYS_MAX).map(|way| {
        let label = scope.text(&way.label);
        let name = if label.is_empty() { Plain::new(words.alternative(way.kind)) } else { label };
        let targets: Vec<Plain> = way.target.iter().chain(&way.page).map(bare).collect();
        let targets = (!targets.is_empty()).then(|| escape::sentence("({})", &escape::joined(&targets, ", ")));
        escape::joined(&[name].into_iter().chain(targets).collect::<Vec<_>>(), " ")
    });
    let ways: Vec<Plain> = ways.collect();
    let template = format!("{}: {{}}.", wording::alternatives_heading(words));
    (!ways.is_empty()).then(|| escape::sentence(&template, &escape::joined(&ways, "; ")))
}

/// Where something differs: "in Menden und Hemer", "(Ennepe-Ruhr-Kreis)".
fn places(scope: &Scope<'_>, organisations: &[&PublicOrganisation]) -> Plain {
    let words = Words::of(scope.language);
    let count = organisations.len();
    if count > NAMED_MAX {
        let many = words.pick("Organisationen", "organisations");
        return Plain::new(&format!("{} {count} {many}", words.pick("bei", "at")));
    }
    let names = organisations.iter().map(|organisation| scope.text(&organisation.name));
    // Only a town's name goes with "in" without being declined.
    if organisations.iter().all(|organisation| organisation.kind == OrganisationKind::Municipality) {
        let names: Vec<Plain> = names.map(|name| escape::part(&name, wording::town_name)).collect();
        escape::sentence("in {}", &listed(words, &names))
    } else {
        escape::sentence("({})", &escape::joined(&names.collect::<Vec<_>>(), ", "))
    }
}

/// `Störung: X – wird untersucht`
fn titled(title: &Plain, word: &str) -> Plain {
    escape::sentence(&format!("{{}} – {word}"), title)
}

/// Several names in a row: "Menden, Hemer und Balve".
fn listed(words: Words, names: &[Plain]) -> Plain {
    match names {
        [firsts @ .., last] if !firsts.is_empty() => {
            escape::joined(&[escape::joined(firsts, ", "), last.clone()], words.pick(" und ", " and "))
        }
        _ => escape::joined(names, ", "),
    }
}

/// When a maintenance is, in words.
fn announcement(words: Words, maintenance: &PublicMaintenance, announced: &Announced) -> String {
    let zone = zone_of(&maintenance.zone);
    let time = |when: &When| local_time(words, when, &zone);
    let inclusive = if announced.until.date.is_some() { words.pick(" (einschließlich)", " (inclusive)") } else { "" };
    let head = if announced.recurs.unwrap_or_else(|| maintenance.series.is_some()) {
        words.pick("Kehrt regelmäßig wieder, das nächste Mal von", "Comes round regularly, next from")
    } else {
        words.pick("Planmäßig unterbrochen: von", "Planned interruption: from")
    };
    let (from, until) = (time(&announced.from), time(&announced.until));
    let mut text = format!("{head} {from} {} {until}{inclusive}.", words.pick("bis", "to"));
    if let Some(last) = &announced.last_chance_before {
        text += &format!(" {} {}.", words.pick("Letzte Gelegenheit vorher:", "Last chance before:"), time(last));
    }
    if let Some(back) = &announced.back_from {
        text += &format!(" {} {}.", words.pick("Wieder da ab", "Back from"), time(back));
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
