//! Maintenance, local differences and agreements with their references looked up.

use std::collections::{HashMap, HashSet};

use jiff::tz::TimeZone;

use super::diagnostic::{At, Fault, Spot, quote};
use super::graph::{Index, twice};
use super::planned::{RawAgreement, RawLocal, RawMaintenance, RawRecurring, ordered};
use super::rights::Rights;
use super::values::{RawReach, RawTime};
use crate::model::catalogue::{Agreement, Covered, Ends, Local, Maintenance};
use crate::model::id::{AgreementId, MaintenanceId};
use crate::model::recurrence::series::{self, SeriesFault};
use crate::model::status::ComponentKind;
use crate::model::time::{format_duration, millis};
use crate::model::window::When;

/// Planned work: of one's own components only.
pub(super) fn maintenances(index: &Index<'_>, raw: Vec<RawMaintenance<'_>>) -> Vec<Maintenance> {
    let mut ids: HashMap<String, Spot> = HashMap::new();
    raw.into_iter().filter_map(|raw| maintenance(index, &raw, &mut ids)).collect()
}

fn maintenance(index: &Index<'_>, raw: &RawMaintenance<'_>, ids: &mut HashMap<String, Spot>) -> Option<Maintenance> {
    let faults = index.faults;
    unique(index, ids, "the maintenance", &raw.id);
    let covered: Vec<(u32, &Option<At<_>>)> = raw
        .components
        .iter()
        .filter_map(|(id, until)| Some((index.own_component(id, "not yours to announce")?, until)))
        .collect();
    let unaffected: Vec<u32> =
        raw.unaffected.iter().filter_map(|id| index.own_component(id, "not yours to speak for")).collect();
    let zone = covered
        .first()
        .and_then(|(number, _)| index.components.get(*number as usize))
        .map_or(&index.operator.zone, |component| index.zone(component));
    // All times before the first way out: every fault is told at once.
    let begins = |time: &Option<At<RawTime>>| time.as_ref().and_then(|time| time.begins(zone, faults));
    let (from, until) = (raw.from.begins(zone, faults), raw.until.ends(zone, faults));
    let announced_at = begins(&raw.announced_at);
    let last_chance_before = raw.last_chance_before.as_ref().and_then(|time| time.ends(zone, faults));
    let back_from = begins(&raw.back_from);
    let ends: Vec<Option<(When, Spot)>> =
        covered.iter().map(|(_, end)| end.as_ref().and_then(|end| Some((end.ends(zone, faults)?, end.spot)))).collect();
    let (from, until) = (from?, until?);
    ordered(&(from.clone(), raw.from.spot), &(until.clone(), raw.until.spot), faults);
    let mut seen: HashSet<u32> = HashSet::new();
    let mut components = Vec::new();
    for (((number, _), (id, _)), end) in covered.iter().zip(&raw.components).zip(ends) {
        if !seen.insert(*number) {
            faults.push(Fault::error("a component is covered twice").at(id.spot, "again").help("keep one of them"));
        }
        if let Some((when, spot)) = &end {
            ordered(&(from.clone(), raw.from.spot), &(when.clone(), *spot), faults);
            if when.at > until.at {
                let fault = Fault::error("a component's end is later than that of the maintenance")
                    .at(*spot, "this end")
                    .at(raw.until.spot, "ends here");
                faults.push(fault.help("an end of its own is an earlier one; extend the maintenance instead"));
            }
        }
        components.push(Covered { component: *number, until: end.map(|(when, _)| when) });
    }
    for (number, id) in unaffected.iter().zip(&raw.unaffected) {
        if seen.contains(number) {
            faults.push(
                Fault::error(format!("{} is both covered and unaffected", quote(id.value)))
                    .at(id.spot, "contradicts `components`")
                    .help("remove it from one of the lists"),
            );
        }
    }
    let late = |when: &Option<When>, time: &Option<At<_>>, bad: bool, title: &str, label: &str| {
        if let (Some(_), Some(time), true) = (when, time, bad) {
            faults.push(
                Fault::warning(title).at(time.spot, label).help("correct one of the dates, if it is not meant so"),
            );
        }
    };
    let is = |when: &Option<When>, test: &dyn Fn(&When) -> bool| when.as_ref().is_some_and(test);
    late(
        &announced_at,
        &raw.announced_at,
        is(&announced_at, &|when| when.at > from.at),
        "announced after it begins",
        "later than `from`",
    );
    late(
        &last_chance_before,
        &raw.last_chance_before,
        is(&last_chance_before, &|when| when.at > from.at),
        "the last chance lies within the maintenance",
        "later than `from`",
    );
    late(
        &back_from,
        &raw.back_from,
        is(&back_from, &|when| when.at < until.at),
        "back before the end",
        "earlier than the end",
    );
    let numbers: Vec<u32> = components.iter().map(|covered| covered.component).collect();
    warn_about_closure(index, raw, &numbers);
    if let Some(recurring) = &raw.recurring {
        check_series(index, raw, recurring, (&from, &until), zone);
    }
    Some(Maintenance {
        id: MaintenanceId::new(raw.id.value),
        title: raw.title.clone(),
        components,
        programme: raw.programme.clone(),
        from,
        until,
        ends: raw.ends,
        announced_at,
        last_chance_before,
        back_from,
        unaffected,
        recurring: raw.recurring.as_ref().map(|raw| raw.recurrence.clone()),
        alternatives: index.alternatives(&raw.alternatives, zone),
    })
}

/// Says where a series is no good one.
fn check_series(
    index: &Index<'_>,
    raw: &RawMaintenance<'_>,
    recurring: &RawRecurring,
    (from, until): (&When, &When),
    zone: &TimeZone,
) {
    let RawRecurring { recurrence, rrule, lasts } = recurring;
    if raw.ends == Ends::OnNotice {
        let fault = Fault::warning("recurring work does not wait for a notice").at(*rrule, "each time ends by itself");
        index.faults.push(fault.help("leave `ends` out"));
    }
    for fault in series::faults(recurrence, (from, until), zone, from.at) {
        index.faults.push(match fault {
            SeriesFault::Never => Fault::error("the rule has no occurrence between beginning and end")
                .at(*rrule, "this rule")
                .at(raw.from.spot, "from here")
                .at(raw.until.spot, "to here")
                .help("`from` and `until` are those of the whole series; correct the rule or the dates"),
            SeriesFault::Overlong(step) => Fault::error("an occurrence lasts longer than it takes to the next one")
                .at(*lasts, "longer than the step")
                .at(*rrule, format!("comes again after {}", format_duration(step)))
                .help(format!("write at most `for = \"{}\"`", format_duration(step))),
        });
    }
}

/// A maintenance that takes every way to reach a body and offers none is worth a second look.
fn warn_about_closure(index: &Index<'_>, raw: &RawMaintenance<'_>, covered: &[u32]) {
    let component = |number: &u32| index.components.get(*number as usize);
    let is_channel = |kind| matches!(kind, ComponentKind::Counter | ComponentKind::Phone | ComponentKind::Mail);
    let offers = !raw.alternatives.is_empty()
        || covered.iter().filter_map(component).any(|component| !component.raw.alternatives.is_empty());
    let owners: HashSet<Option<u32>> = covered.iter().filter_map(component).map(|component| component.owner).collect();
    for owner in owners.into_iter().flatten() {
        let mut channels = index
            .components
            .iter()
            .zip(0u32..)
            .filter(|(component, _)| component.owner == Some(owner) && is_channel(component.raw.kind))
            .peekable();
        if !offers && channels.peek().is_some() && channels.all(|(_, number)| covered.contains(&number)) {
            let fault = Fault::warning("a total closure without an alternative")
                .at(raw.id.spot, "counter, phone and mail are all closed, nothing is offered instead");
            index.faults.push(fault.help("add `[[maintenance.alternative]]`, at least a contact for emergencies"));
        }
    }
}

/// What differs in some towns: said by the town for itself, or by the owner wherever it serves.
pub(super) fn locals(index: &Index<'_>, rights: &Rights<'_>, raw: Vec<RawLocal<'_>>) -> Vec<Local> {
    raw.iter().filter_map(|raw| local(index, rights, raw)).collect()
}

fn local(index: &Index<'_>, rights: &Rights<'_>, raw: &RawLocal<'_>) -> Option<Local> {
    let components: Vec<u32> = raw.components.iter().filter_map(|id| index.component(id)).collect();
    for reach in &raw.organisations {
        let file = reach.spot.file;
        if reach.text.starts_with('!') || declared_here(index, reach) {
            continue;
        }
        let own = |number: &u32| {
            let owner = index.components.get(*number as usize).and_then(|component| component.owner);
            owner.and_then(|owner| index.places.get(owner as usize)).is_some_and(|place| place.0.file == file)
        };
        if !components.iter().all(|number| own(number) && rights.allows(index, *number, reach)) {
            let unknown = reach.prefix().is_none() && !index.organisation_ids.contains_key(reach.text);
            if !unknown {
                let fault = Fault::error(format!("this file may not speak for {}", quote(reach.text)))
                    .at(reach.spot, "not declared here");
                index.faults.push(fault.help("a town says itself what differs there; an owner says it of its own components, wherever they may serve"));
            }
        }
    }
    let organisations = index.reach(&raw.organisations);
    let first = raw.organisations.iter().find_map(|reach| index.organisation_ids.get(reach.text).copied());
    let owner = components.first().and_then(|number| index.components.get(*number as usize));
    let zone = match (first, owner) {
        (Some(organisation), _) => index.zone_of(organisation),
        (None, Some(component)) => index.zone(component),
        (None, None) => &index.operator.zone,
    };
    let from = raw.from.as_ref().and_then(|time| time.begins(zone, index.faults));
    let until = raw.until.as_ref().and_then(|time| time.ends(zone, index.faults));
    if let (Some(begins), Some(ends), Some(from), Some(until)) = (&from, &until, &raw.from, &raw.until) {
        ordered(&(begins.clone(), from.spot), &(ends.clone(), until.spot), index.faults);
    }
    Some(Local {
        components,
        organisations,
        status: raw.status,
        mode: raw.mode,
        released: raw.released,
        processing: raw.processing,
        text: raw.text.clone(),
        alternatives: index.alternatives(&raw.alternatives, zone),
        from,
        until,
    })
}

/// Whether an entry reaches only organisations that its own file declares.
fn declared_here(index: &Index<'_>, reach: &RawReach<'_>) -> bool {
    let here = |number: u32| index.places.get(number as usize).is_some_and(|place| place.0.file == reach.spot.file);
    match reach.prefix() {
        None => index.organisation_ids.get(reach.text).is_some_and(|number| here(*number)),
        Some(prefix) => {
            let mut below = index
                .organisations
                .iter()
                .zip(0u32..)
                .filter(|(organisation, _)| organisation.ars.as_deref().is_some_and(|ars| ars.starts_with(prefix)))
                .peekable();
            below.peek().is_some() && below.all(|(_, number)| here(number))
        }
    }
}

/// Agreements about one's own components.
pub(super) fn agreements(index: &Index<'_>, raw: Vec<RawAgreement<'_>>) -> Vec<Agreement> {
    let mut ids: HashMap<String, Spot> = HashMap::new();
    let ms = |duration| u64::try_from(millis(duration)).unwrap_or(0);
    raw.into_iter()
        .map(|raw| {
            unique(index, &mut ids, "the agreement", &raw.id);
            Agreement {
                id: AgreementId::new(raw.id.value),
                components: raw
                    .components
                    .iter()
                    .filter_map(|id| index.own_component(id, "not yours to promise"))
                    .collect(),
                target: raw.target,
                period: raw.period.to_owned(),
                service_hours: raw.service_hours,
                holidays: raw.holidays,
                maintenance_excluded_if_announced_ms: raw.excluded_if_announced.map(ms),
                maintenance_quota_ms: raw.quota.map(ms),
            }
        })
        .collect()
}

fn unique(index: &Index<'_>, ids: &mut HashMap<String, Spot>, what: &str, id: &At<&str>) {
    if let Some(first) = ids.insert(id.value.to_owned(), id.spot) {
        twice(
            index.faults,
            &format!("{what} {}", quote(id.value)),
            first,
            id.spot,
            "choose another id for one of them",
        );
    }
}
