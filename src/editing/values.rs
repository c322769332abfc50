//! The values of a request: texts, times, links, bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::editing::raw;
use crate::model::alternative::{Alternative, Link};
use crate::model::catalogue::{Catalogue, Reach};
use crate::model::editing::{
    IncidentPatch, MaintenancePatch, MaintenanceWord, NewIncident, NewLocal, NewMaintenance, Refusal, Split, Words,
    distinct,
};
use crate::model::id::{ComponentId, MaintenanceId, OrganisationId, validate_id};
use crate::model::incident::{Expected, Reference};
use crate::model::notice::CoveredNotice;
use crate::model::recurrence::rule::Rule;
use crate::model::recurrence::series::{LASTS, time_of_day};
use crate::model::status::{Delivery, Status};
use crate::model::text::{Plain, TEXT_LENGTH_MAX, Text};
use crate::model::time::{Timestamp, parse_duration};
use crate::model::window::{Recurrence, When};

/// Most ids in a list.
const IDS_MAX: usize = 2_000;

/// Most alternatives or references in a list.
const LINKS_MAX: usize = 50;

/// Longest part of a rule that a refusal repeats, in bytes.
const PART_LENGTH_MAX: usize = 50;

/// Longest opening hours or programme, in characters.
const WORD_LENGTH_MAX: usize = 200;

/// Reads values in the light of the catalogue: its language and the time zones of its bodies.
pub(super) struct Reader<'a> {
    catalogue: &'a Catalogue,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(catalogue: &'a Catalogue) -> Self {
        Self { catalogue }
    }

    pub(super) fn new_incident(&self, raw: raw::Incident) -> Result<NewIncident, Refusal> {
        let started_at = raw.started_at.clone();
        let patch = self.incident_patch(raw::Incident { started_at: None, ..raw })?;
        let zone = self.zone_of(patch.root.iter().chain(patch.components.keys()));
        if patch.resolved_at.is_some() {
            return Err(Refusal::field("/resolved_at", "a new incident is not over"));
        }
        let mut components = BTreeMap::new();
        for (id, status) in patch.components {
            let status = status.ok_or_else(|| Refusal::field("/components", format!("give `{id}` a status")))?;
            components.insert(id, status);
        }
        Ok(NewIncident {
            title: patch.title.ok_or_else(|| missing("title"))?,
            status: patch.status,
            impact: patch.impact,
            cause: patch.cause.set().copied(),
            root: patch.root,
            started_at: started_at.map(|text| instant(&text, &zone, "/started_at")).transpose()?,
            text: patch.text.ok_or_else(|| missing("text"))?,
            components,
            expected_end: patch.expected_end.set().cloned(),
            next_update_by: patch.next_update_by.set().copied(),
            references: patch.references.unwrap_or_default(),
            alternatives: patch.alternatives.unwrap_or_default(),
            unaffected: patch.unaffected.unwrap_or_default(),
            internal_text: patch.internal_text,
        })
    }

    pub(super) fn incident_patch(&self, raw: raw::Incident) -> Result<IncidentPatch, Refusal> {
        if raw.started_at.is_some() {
            return Err(Refusal::field("/started_at", "the start of an incident is given when it is opened"));
        }
        bounded(raw.components.len(), IDS_MAX, "/components")?;
        let root = raw.root.map(ComponentId::new);
        let components: BTreeMap<ComponentId, Option<Status>> =
            raw.components.into_iter().map(|given| (ComponentId::new(given.id), given.status)).collect();
        let zone = self.zone_of(root.iter().chain(components.keys()));
        Ok(IncidentPatch {
            title: self.optional(raw.title, "/title")?,
            status: raw.status,
            impact: raw.impact,
            cause: raw.cause,
            text: self.optional(raw.text, "/text")?,
            expected_end: raw.expected_end.try_map(|end| self.expected(end, &zone))?,
            next_update_by: raw.next_update_by.try_map(|text| instant(&text, &zone, "/next_update_by"))?,
            references: raw.references.map(|references| self.references(references)).transpose()?,
            alternatives: raw.alternatives.map(|all| self.alternatives(all, &zone)).transpose()?,
            unaffected: raw.unaffected.map(|ids| component_ids(ids, "/unaffected")).transpose()?,
            organisations: organisation_ids(raw.organisations)?,
            resolved_at: raw.resolved_at.map(|text| instant(&text, &zone, "/resolved_at")).transpose()?,
            internal_text: self.optional(raw.internal_text, "/internal_text")?,
            root,
            components,
        })
    }

    pub(super) fn split(&self, raw: raw::Split) -> Result<Split, Refusal> {
        Ok(Split {
            components: component_ids(raw.components, "/components")?,
            title: self.text(raw.title, "/title")?,
            text: self.text(raw.text, "/text")?,
        })
    }

    pub(super) fn words(&self, raw: raw::Words) -> Result<Words, Refusal> {
        let zone = self.zone_of([]);
        Ok(Words { text: self.text(raw.text, "/text")?, alternatives: self.alternatives(raw.alternatives, &zone)? })
    }

    pub(super) fn new_maintenance(&self, mut raw: raw::Maintenance) -> Result<NewMaintenance, Refusal> {
        if raw.status.is_some() {
            return Err(Refusal::field("/status", "the status of a new maintenance follows from its times"));
        }
        let id = raw.id.take();
        if let Some(id) = &id {
            validate_id(id).map_err(|fault| Refusal::field("/id", format!("`{id}` cannot be an id: {fault}")))?;
        }
        let said = raw.announced_at.take();
        let zone = self.zone_of_covered(raw.components.as_deref().unwrap_or_default());
        let patch = self.maintenance_patch(raw)?;
        Ok(NewMaintenance {
            id: id.map(MaintenanceId::new),
            title: patch.title.ok_or_else(|| missing("title"))?,
            text: patch.text.set().cloned(),
            components: patch.components.ok_or_else(|| missing("components"))?,
            programme: patch.programme.set().cloned(),
            from: patch.from.ok_or_else(|| missing("from"))?,
            until: patch.until.ok_or_else(|| missing("until"))?,
            recurring: patch.recurring.set().cloned(),
            ends: patch.ends.unwrap_or_default(),
            announced_at: said.map(|text| begins(&text, &zone, "/announced_at")).transpose()?,
            last_chance_before: patch.last_chance_before.set().cloned(),
            back_from: patch.back_from.set().cloned(),
            unaffected: patch.unaffected.unwrap_or_default(),
            alternatives: patch.alternatives.unwrap_or_default(),
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        })
    }

    pub(super) fn maintenance_patch(&self, raw: raw::Maintenance) -> Result<MaintenancePatch, Refusal> {
        if raw.id.is_some() {
            return Err(Refusal::field("/id", "the id of a maintenance does not change"));
        }
        if raw.announced_at.is_some() {
            return Err(Refusal::field("/announced_at", "what was announced was announced"));
        }
        let zone = self.zone_of_covered(raw.components.as_deref().unwrap_or_default());
        let covered = |all: Vec<raw::Covered>| {
            bounded(all.len(), IDS_MAX, "/components")?;
            all.into_iter()
                .map(|covered| {
                    let (id, until) = match covered {
                        raw::Covered::Id(id) => (id, None),
                        raw::Covered::Until(covered) => (covered.id, covered.until),
                    };
                    let until = until.map(|text| ends(&text, &zone, "/components")).transpose()?;
                    Ok(CoveredNotice { component: ComponentId::new(id), until, ended_at: None })
                })
                .collect::<Result<Vec<_>, Refusal>>()
        };
        Ok(MaintenancePatch {
            title: self.optional(raw.title, "/title")?,
            text: raw.text.try_map(|text| self.text(text, "/text"))?,
            components: raw.components.map(covered).transpose()?,
            programme: raw.programme.try_map(|word| short(word, "/programme"))?,
            from: raw.from.map(|text| begins(&text, &zone, "/from")).transpose()?,
            until: raw.until.map(|text| ends(&text, &zone, "/until")).transpose()?,
            recurring: raw.recurring.try_map(|recurring| recurrence(&recurring))?,
            ends: raw.ends,
            last_chance_before: raw.last_chance_before.try_map(|text| ends(&text, &zone, "/last_chance_before"))?,
            back_from: raw.back_from.try_map(|text| begins(&text, &zone, "/back_from"))?,
            unaffected: raw.unaffected.map(|ids| component_ids(ids, "/unaffected")).transpose()?,
            alternatives: raw.alternatives.map(|all| self.alternatives(all, &zone)).transpose()?,
            cancelled: raw.status == Some(raw::Cancelled::Cancelled),
        })
    }

    pub(super) fn maintenance_word(&self, raw: raw::MaintenanceWord) -> Result<MaintenanceWord, Refusal> {
        bounded(raw.components.len(), IDS_MAX, "/components")?;
        let ids: Vec<ComponentId> = raw.components.iter().map(|ended| ComponentId::new(ended.id.as_str())).collect();
        let zone = self.zone_of(&ids);
        let ended = raw.components.iter().zip(ids);
        Ok(MaintenanceWord {
            text: self.optional(raw.text, "/text")?,
            ended: ended
                .map(|(ended, id)| Ok((id, instant(&ended.ended_at, &zone, "/components")?)))
                .collect::<Result<_, Refusal>>()?,
            ended_at: raw.ended_at.map(|text| instant(&text, &zone, "/ended_at")).transpose()?,
        })
    }

    pub(super) fn override_of(
        &self,
        id: &ComponentId,
        raw: &raw::Override,
    ) -> Result<(Status, Option<Timestamp>), Refusal> {
        let zone = self.zone_of([id]);
        let until = raw.until.as_ref().map(|text| Ok::<_, Refusal>(ends(text, &zone, "/until")?.at)).transpose()?;
        Ok((raw.status, until))
    }

    pub(super) fn local(&self, id: &ComponentId, raw: raw::Local) -> Result<NewLocal, Refusal> {
        let zone = self.zone_of([id]);
        let delivery = raw.delivery.map(|delivery| {
            Ok::<_, Refusal>(Delivery {
                state: delivery.state,
                since: delivery.since.map(|text| instant(&text, &zone, "/delivery/since")).transpose()?,
                until: delivery
                    .until
                    .map(|text| Ok::<_, Refusal>(ends(&text, &zone, "/delivery/until")?.at))
                    .transpose()?,
            })
        });
        Ok(NewLocal {
            organisations: reach(&raw.organisations)?,
            status: raw.status,
            mode: raw.mode,
            released: raw.released,
            processing: raw.processing,
            delivery: delivery.transpose()?,
            text: self.optional(raw.text, "/text")?,
            alternatives: self.alternatives(raw.alternatives, &zone)?,
            until: raw.until.map(|text| Ok::<_, Refusal>(ends(&text, &zone, "/until")?.at)).transpose()?,
        })
    }

    /// A text within bounds.
    pub(super) fn text(&self, raw: raw::Text, pointer: &str) -> Result<Text, Refusal> {
        let texts = match raw {
            raw::Text::Plain(text) => BTreeMap::from([(self.catalogue.site.language().to_owned(), text)]),
            raw::Text::Languages(texts) => texts,
        };
        let mut read = Vec::with_capacity(texts.len());
        for (language, text) in texts {
            let is_tag = (2..=35).contains(&language.len())
                && language.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !is_tag {
                let detail = format!("`{language}` is no language tag such as de, en or de-x-leicht");
                return Err(Refusal::field(pointer, detail));
            }
            let languages = &self.catalogue.site.languages;
            let root = language.split('-').next().unwrap_or_default();
            if !languages.iter().any(|known| **known == *language || **known == *root) {
                let known = languages.iter().map(|known| &**known).collect::<Vec<_>>().join(", ");
                let detail =
                    format!("`{language}` is no language of this site: {known}, and variants such as de-x-leicht");
                return Err(Refusal::field(pointer, detail));
            }
            let length = text.chars().count();
            if length > TEXT_LENGTH_MAX {
                let detail =
                    format!("the text in `{language}` has {length} characters; {TEXT_LENGTH_MAX} are the most");
                return Err(Refusal::field(format!("{pointer}/{language}"), detail));
            }
            let plain = Plain::new(&text);
            if !plain.is_empty() {
                read.push((Arc::from(language), plain));
            }
        }
        Ok(Text::from_languages(read))
    }

    fn optional(&self, raw: Option<raw::Text>, pointer: &str) -> Result<Option<Text>, Refusal> {
        raw.map(|text| self.text(text, pointer)).transpose()
    }

    fn expected(&self, raw: raw::Expected, zone: &TimeZone) -> Result<Expected, Refusal> {
        let earliest = raw.earliest.map(|text| begins(&text, zone, "/expected_end/earliest")).transpose()?;
        let latest = raw.latest.map(|text| ends(&text, zone, "/expected_end/latest")).transpose()?;
        Ok(Expected {
            earliest: earliest.map(|when| when.at),
            latest: latest.map(|when| when.at),
            label: self.optional(raw.label, "/expected_end/label")?,
        })
    }

    fn references(&self, raw: Vec<raw::Reference>) -> Result<Vec<Reference>, Refusal> {
        bounded(raw.len(), LINKS_MAX, "/references")?;
        let read = |(index, raw): (usize, raw::Reference)| {
            let url = link(&raw.url, &format!("/references/{index}/url"))?;
            Ok(Reference { url, label: self.optional(raw.label, &format!("/references/{index}/label"))? })
        };
        raw.into_iter().enumerate().map(read).collect()
    }

    fn alternatives(&self, raw: Vec<raw::Alternative>, zone: &TimeZone) -> Result<Vec<Alternative>, Refusal> {
        bounded(raw.len(), LINKS_MAX, "/alternatives")?;
        let read = |(index, raw): (usize, raw::Alternative)| {
            let at = |field: &str| format!("/alternatives/{index}/{field}");
            let targets = match raw.target {
                None => Vec::new(),
                Some(raw::Strings::One(target)) => vec![target],
                Some(raw::Strings::Several(targets)) => targets,
            };
            bounded(targets.len(), LINKS_MAX, &at("target"))?;
            let target = targets.iter().map(|target| link(target, &at("target"))).collect::<Result<_, _>>()?;
            Ok(Alternative {
                kind: raw.kind,
                target,
                label: self.text(raw.label, &at("label"))?,
                hours: raw.hours.map(|hours| short(hours, &at("hours"))).transpose()?.map(|hours| Plain::new(&hours)),
                hours_text: self.optional(raw.hours_text, &at("hours_text"))?,
                page: raw.page.map(|page| link(&page, &at("page"))).transpose()?,
                serves: reach(&raw.serves)?,
                component: raw.component.map(|id| self.public(id, &at("component"))).transpose()?,
                valid_from: raw.valid_from.map(|text| begins(&text, zone, &at("valid_from"))).transpose()?,
                valid_until: raw.valid_until.map(|text| ends(&text, zone, &at("valid_until"))).transpose()?,
                verified_at: raw.verified_at.map(|text| begins(&text, zone, &at("verified_at"))).transpose()?,
            })
        };
        raw.into_iter().enumerate().map(read).collect()
    }

    /// A public component: its status is shown beside the way.
    fn public(&self, id: String, pointer: &str) -> Result<ComponentId, Refusal> {
        let index = self.catalogue.component_index(&id);
        let is_public =
            index.and_then(|index| self.catalogue.component(index)).is_some_and(|component| component.public);
        if !is_public {
            return Err(Refusal::field(pointer, format!("there is no component `{id}`")));
        }
        Ok(ComponentId::new(id))
    }

    /// The time zone of the body that owns the first of these components; the site's, if none
    /// is known.
    fn zone_of<'c>(&self, components: impl IntoIterator<Item = &'c ComponentId>) -> TimeZone {
        let owner = components
            .into_iter()
            .find_map(|id| self.catalogue.component(self.catalogue.component_index(id.as_str())?))
            .and_then(|component| self.catalogue.organisations.get(component.owner as usize));
        let name = owner.and_then(|owner| owner.timezone.as_ref()).unwrap_or(&self.catalogue.site.timezone);
        TimeZone::get(name).unwrap_or(TimeZone::UTC)
    }

    fn zone_of_covered(&self, covered: &[raw::Covered]) -> TimeZone {
        let ids: Vec<ComponentId> = covered
            .iter()
            .map(|covered| match covered {
                raw::Covered::Id(id) => ComponentId::new(id.as_str()),
                raw::Covered::Until(covered) => ComponentId::new(covered.id.as_str()),
            })
            .collect();
        self.zone_of(&ids)
    }
}

/// `"05954"` an ARS prefix, `"menden"` an organisation, `"!witten"` not that one.
pub(super) fn reach(raw: &[String]) -> Result<Vec<Reach>, Refusal> {
    bounded(raw.len(), IDS_MAX, "/organisations")?;
    let mut raw = raw.to_vec();
    raw.sort_unstable();
    raw.dedup();
    let read = |text: &String| {
        let id = |id: &str| {
            validate_id(id)
                .map(|()| OrganisationId::new(id))
                .map_err(|_| Refusal::field("/organisations", format!("`{id}` is no organisation's id or ARS prefix")))
        };
        if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
            return Ok(Reach::Prefix(text.clone()));
        }
        text.strip_prefix('!').map_or_else(|| id(text).map(Reach::Organisation), |not| id(not).map(Reach::Except))
    };
    raw.iter().map(read).collect()
}

fn component_ids(raw: Vec<String>, pointer: &str) -> Result<Vec<ComponentId>, Refusal> {
    bounded(raw.len(), IDS_MAX, pointer)?;
    Ok(distinct(raw.into_iter().map(ComponentId::new)))
}

fn organisation_ids(raw: Vec<String>) -> Result<Vec<OrganisationId>, Refusal> {
    bounded(raw.len(), IDS_MAX, "/organisations")?;
    Ok(distinct(raw.into_iter().map(OrganisationId::new)))
}

fn bounded(count: usize, most: usize, pointer: &str) -> Result<(), Refusal> {
    if count > most {
        return Err(Refusal::field(pointer, format!("{count} are too many; {most} are the most")));
    }
    Ok(())
}

fn short(text: String, pointer: &str) -> Result<String, Refusal> {
    if text.chars().count() > WORD_LENGTH_MAX || text.chars().any(char::is_control) {
        return Err(Refusal::field(pointer, format!("write at most {WORD_LENGTH_MAX} characters on one line")));
    }
    Ok(text)
}

fn link(text: &str, pointer: &str) -> Result<Link, Refusal> {
    Link::parse(text).ok_or_else(|| Refusal::field(pointer, "it must be a https, http, tel or mailto link"))
}

fn missing(field: &str) -> Refusal {
    Refusal::field(format!("/{field}"), format!("`{field}` is missing"))
}

/// A time as people write it: RFC 3339, or local without an offset, or a local date.
enum Written {
    Instant(Timestamp),
    Local(jiff::civil::DateTime),
    Date(jiff::civil::Date),
}

fn written(text: &str, pointer: &str) -> Result<Written, Refusal> {
    let text = text.trim();
    let bytes = text.len();
    if bytes == 10 {
        if let Ok(date) = text.parse::<jiff::civil::Date>() {
            return Ok(Written::Date(date));
        }
    } else if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Written::Instant(Timestamp::from_jiff(at)));
    } else if bytes <= 32
        && let Ok(local) = text.parse::<jiff::civil::DateTime>()
    {
        return Ok(Written::Local(local));
    }
    let detail = "write 2023-12-08, 2023-12-08T14:00 (local time) or 2023-12-08T14:00:00+01:00";
    Err(Refusal::field(pointer, detail))
}

fn local(at: jiff::civil::DateTime, zone: &TimeZone, pointer: &str) -> Result<When, Refusal> {
    When::from_local_checked(at, zone).map_err(|gap| Refusal::field(pointer, gap.to_string()))
}

/// When something begins: of a date its first instant.
fn begins(text: &str, zone: &TimeZone, pointer: &str) -> Result<When, Refusal> {
    match written(text, pointer)? {
        Written::Instant(at) => Ok(When::instant(at)),
        Written::Local(at) => local(at, zone, pointer),
        Written::Date(date) => When::from_date(date, zone).ok_or_else(|| out_of_range(pointer)),
    }
}

/// When something ends: a date is included.
fn ends(text: &str, zone: &TimeZone, pointer: &str) -> Result<When, Refusal> {
    match written(text, pointer)? {
        Written::Instant(at) => Ok(When::instant(at)),
        Written::Local(at) => local(at, zone, pointer),
        Written::Date(date) => When::through_date(date, zone).ok_or_else(|| out_of_range(pointer)),
    }
}

/// An instant: a date alone is not enough.
fn instant(text: &str, zone: &TimeZone, pointer: &str) -> Result<Timestamp, Refusal> {
    match written(text, pointer)? {
        Written::Instant(at) => Ok(at),
        Written::Local(at) => Ok(local(at, zone, pointer)?.at),
        Written::Date(_) => Err(Refusal::field(pointer, "write the time of day, too: 2023-12-08T14:00")),
    }
}

/// How something recurs. Whether it makes a good series is the engine's to say.
fn recurrence(raw: &raw::Recurring) -> Result<Recurrence, Refusal> {
    Rule::parse(&raw.rrule).map_err(|fault| {
        let part = raw.rrule.get(fault.place.clone()).filter(|part| (1..=PART_LENGTH_MAX).contains(&part.len()));
        let part = part.map(|part| format!("`{part}`, ")).unwrap_or_default();
        let detail = format!("no recurrence rule: {part}{fault}; write one of RFC 5545 such as FREQ=MONTHLY;BYDAY=2TU");
        Refusal::field("/recurring/rrule", detail)
    })?;
    let at = time_of_day(&raw.at).ok_or_else(|| {
        Refusal::field("/recurring/at", "write the local time of day at which each one begins: 19:00")
    })?;
    let lasts = parse_duration(&raw.lasts)
        .filter(|lasts| LASTS.contains(lasts))
        .ok_or_else(|| Refusal::field("/recurring/for", "write how long each one lasts, from 1m to 31d: 3h or 90m"))?;
    Ok(Recurrence { rrule: raw.rrule.clone(), at, lasts })
}

fn out_of_range(pointer: &str) -> Refusal {
    Refusal::field(pointer, "this date is out of range")
}
