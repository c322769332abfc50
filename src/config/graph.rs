//! From what the files say to one catalogue: ids are looked up, parts put in place, owners found.
//!
//! Everything here sees all files at once. Whether somebody may say what he says is decided in
//! `rights`, what is planned in `plans`, cycles in `cycles`.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::components::{RawAlternative, RawComponent};
use super::cycles::report_cycles;
use super::diagnostic::{At, Fault, Faults, Spot, did_you_mean, quote};
use super::organisations::RawOrganisation;
use super::planned::{RawAgreement, RawLocal, RawMaintenance};
use super::plans::{agreements, locals, maintenances};
use super::rights::{Rights, check_hosts, check_secrets, check_serves};
use super::settings::Operator;
use super::values::{RawReach, RawTime};
use crate::model::alternative::Alternative;
use crate::model::catalogue::{Component, Declared, Dependency, Organisation, Reach};
use crate::model::check::Check;
use crate::model::id::{ComponentId, OrganisationId, validate_id};
use crate::model::status::Delivery;
use crate::model::window::When;

/// What one probe file declares.
#[derive(Default)]
pub(super) struct RawFile<'t> {
    pub(super) organisations: Vec<RawOrganisation<'t>>,
    pub(super) components: Vec<RawComponent<'t>>,
    pub(super) maintenances: Vec<RawMaintenance<'t>>,
    pub(super) locals: Vec<RawLocal<'t>>,
    pub(super) agreements: Vec<RawAgreement<'t>>,
}

/// All ids of all files, for looking up.
pub(super) struct Index<'t> {
    pub(super) operator: &'t Operator<'t>,
    pub(super) faults: &'t Faults,
    /// Whether every file could be read; if not, an unknown id may just be unread.
    pub(super) complete: bool,
    pub(super) organisations: Vec<Organisation>,
    /// Place and zone of each organisation.
    pub(super) places: Vec<(Spot, Option<TimeZone>)>,
    pub(super) organisation_ids: HashMap<&'t str, u32>,
    pub(super) components: Vec<Placed<'t>>,
    pub(super) component_ids: HashMap<String, u32>,
}

/// A component that has its place in the order.
pub(super) struct Placed<'t> {
    pub(super) raw: RawComponent<'t>,
    pub(super) id: String,
    pub(super) whole: Option<u32>,
    pub(super) owner: Option<u32>,
    pub(super) public: bool,
}

/// Puts all files together. With faults the result is of no use, but never wrong in its indexes.
pub(super) fn assemble<'t>(
    files: Vec<RawFile<'t>>,
    operator: &'t Operator<'t>,
    faults: &'t Faults,
    complete: bool,
) -> Declared {
    let mut index = Index {
        operator,
        faults,
        complete,
        organisations: Vec::new(),
        places: Vec::new(),
        organisation_ids: HashMap::new(),
        components: Vec::new(),
        component_ids: HashMap::new(),
    };
    let (mut organisations, mut components, mut plans) = (Vec::new(), Vec::new(), Vec::new());
    for file in files {
        organisations.extend(file.organisations);
        components.extend(file.components);
        plans.push((file.maintenances, file.locals, file.agreements));
    }
    let granted = add_organisations(&mut index, organisations);
    add_components(&mut index, components);
    let rights = Rights::new(&index, &granted);
    for (component, number) in index.components.iter().zip(0u32..) {
        check_serves(&index, &rights, number, component);
        check_secrets(&index, component);
    }
    let edges: Vec<Vec<(u32, Spot)>> = index.components.iter().map(|component| edges(&index, component)).collect();
    report_cycles(&index, &edges);
    let declared = Declared {
        site: operator.site.clone(),
        watch: operator.watch.clone(),
        components: index
            .components
            .iter()
            .zip(&edges)
            .map(|(component, edges)| finished(&index, component, edges))
            .collect(),
        checks: checks(&index),
        ..Declared::default()
    };
    let (maintenances, locals, agreements) = plans.into_iter().fold(
        (Vec::new(), Vec::new(), Vec::new()),
        |mut all: (Vec<_>, Vec<_>, Vec<_>), (maintenance, local, agreement)| {
            all.0.extend(maintenance);
            all.1.extend(local);
            all.2.extend(agreement);
            all
        },
    );
    let declared = Declared {
        maintenances: self::maintenances(&index, maintenances),
        locals: self::locals(&index, &rights, locals),
        agreements: self::agreements(&index, agreements),
        ..declared
    };
    Declared { organisations: index.organisations, ..declared }
}

/// Adds the organisations; returns for each the components it lets serve it, with their places.
fn add_organisations<'t>(index: &mut Index<'t>, raw: Vec<RawOrganisation<'t>>) -> Vec<Vec<At<&'t str>>> {
    let mut keys: HashMap<String, Spot> = HashMap::new();
    let mut granted = Vec::new();
    let mut hosts: Vec<(u32, Vec<At<&'t str>>)> = Vec::new();
    let mut former = Vec::new();
    for raw in raw {
        if let (Some(ars), Some(spot)) = (&raw.organisation.ars, raw.ars) {
            if let Some(first) = keys.get(ars) {
                twice(index.faults, &format!("the ARS {}", quote(ars)), *first, spot, "correct one of them");
            }
            keys.entry(ars.clone()).or_insert(spot);
        }
        if let Some(first) =
            index.organisation_ids.get(raw.id.value).and_then(|first| index.places.get(*first as usize))
        {
            twice(
                index.faults,
                &format!("the organisation {}", quote(raw.id.value)),
                first.0,
                raw.id.spot,
                "keep one of them",
            );
            continue;
        }
        let number = u32::try_from(index.organisations.len()).unwrap_or(u32::MAX);
        index.organisation_ids.insert(raw.id.value, number);
        index.organisations.push(raw.organisation);
        index.places.push((raw.id.spot, raw.zone));
        granted.push(raw.served_by);
        hosts.push((number, raw.hosts));
        former.extend(raw.formerly);
    }
    former_ids(index.faults, &former, |id| {
        index.organisation_ids.get(id).and_then(|n| index.places.get(*n as usize)).map(|place| place.0)
    });
    check_hosts(index, &hosts);
    granted
}

/// A fault in each of two places that declare the same.
pub(super) fn twice(faults: &Faults, what: &str, first: Spot, second: Spot, help: &str) {
    if first.file == second.file {
        faults.push(
            Fault::error(format!("{what} is declared twice")).at(second, "again").at(first, "first here").help(help),
        );
        return;
    }
    for (here, there) in [(first, second), (second, first)] {
        faults.push(
            Fault::error(format!("{what} is declared in two files")).at(here, "here").at(there, "and here").help(help),
        );
    }
}

/// A former id must be free and claimed once.
fn former_ids(faults: &Faults, former: &[At<&str>], taken: impl Fn(&str) -> Option<Spot>) {
    let mut claimed: HashMap<&str, Spot> = HashMap::new();
    for id in former {
        if let Some(spot) = taken(id.value) {
            let fault = Fault::error(format!("the former id {} is in use", quote(id.value)))
                .at(id.spot, "given up here")
                .at(spot, "in use here");
            faults.push(fault.help("a history has one owner: remove one of them"));
        }
        if let Some(first) = claimed.insert(id.value, id.spot) {
            twice(
                faults,
                &format!("the former id {}", quote(id.value)),
                first,
                id.spot,
                "a history has one heir: remove one of them",
            );
        }
    }
}

/// Adds the components, each whole followed by its parts, and finds owners.
fn add_components<'t>(index: &mut Index<'t>, raw: Vec<RawComponent<'t>>) {
    let mut wholes: Vec<RawComponent<'t>> = Vec::new();
    let mut parts: HashMap<&'t str, Vec<RawComponent<'t>>> = HashMap::new();
    let mut first: HashMap<&'t str, Spot> = HashMap::new();
    for raw in raw {
        match &raw.whole {
            Some(whole) => parts.entry(whole.value).or_default().push(raw),
            None => {
                if let Some(spot) = first.get(raw.id.value) {
                    index.faults.refuse_id(raw.id.value);
                    twice(
                        index.faults,
                        &format!("the component {}", quote(raw.id.value)),
                        *spot,
                        raw.id.spot,
                        "choose another id for one of them",
                    );
                    continue;
                }
                first.insert(raw.id.value, raw.id.spot);
                wholes.push(raw);
            }
        }
    }
    for whole in wholes {
        let parts = parts.remove(whole.id.value).unwrap_or_default();
        let id = whole.id.value.to_owned();
        let number = place(index, whole, id, None);
        for part in parts {
            let id = format!("{}.{}", part.whole.as_ref().map_or("", |whole| whole.value), part.id.value);
            if let Some(first) = index.component_ids.get(&id).and_then(|first| index.components.get(*first as usize)) {
                twice(
                    index.faults,
                    &format!("the part {}", quote(&id)),
                    first.raw.id.spot,
                    part.id.spot,
                    "choose another id for one of them",
                );
                continue;
            }
            place(index, part, id, number);
        }
    }
    let mut lost: Vec<RawComponent<'t>> = parts.into_values().flatten().collect();
    lost.sort_by_key(|part| part.table);
    for part in lost {
        if let Some(whole) = part.whole.as_ref().filter(|_| !part.nested) {
            if whole.value.contains('.') {
                let fault =
                    Fault::error(format!("{} is itself a part", quote(whole.value))).at(whole.spot, "a part of a part");
                index.faults.push(fault.help("make it a part of the whole"));
            } else {
                index.unknown_component(whole);
            }
        }
    }
    let former: Vec<At<&str>> =
        index.components.iter().flat_map(|component| component.raw.formerly.iter().cloned()).collect();
    for id in &former {
        if !id.value.splitn(2, '.').all(|side| validate_id(side).is_ok()) {
            let fault = Fault::error(format!("{} is no id of a component", quote(id.value))).at(id.spot, "not an id");
            index.faults.push(fault.help("write the id it had, a part's as `whole.part`"));
        }
    }
    former_ids(index.faults, &former, |id| {
        Some(index.components.get(*index.component_ids.get(id)? as usize)?.raw.id.spot)
    });
}

/// Gives a component its number.
fn place<'t>(index: &mut Index<'t>, raw: RawComponent<'t>, id: String, whole: Option<u32>) -> Option<u32> {
    let number = u32::try_from(index.components.len()).ok()?;
    let faults = index.faults;
    let inherited = whole.and_then(|whole| index.components.get(whole as usize));
    let same_file = inherited.is_some_and(|whole| whole.raw.table.file == raw.table.file);
    let owner = match (&raw.owner, inherited) {
        (Some(owner), _) => index.owner(owner),
        (None, Some(whole)) if same_file => whole.owner,
        (None, Some(_)) => {
            let fault = Fault::error("the key `owner` is missing").at(raw.table, "the whole belongs to another file");
            faults.push(fault.help("add the organisation of this file that owns the part"));
            None
        }
        (None, None) => None,
    };
    let above = inherited.is_none_or(|whole| whole.public);
    if let (Some(whole), false, false) = (inherited, above, same_file) {
        let spot = raw.whole.as_ref().map_or(raw.table, |whole| whole.spot);
        let fault = Fault::error(format!("{} is internal to another file", quote(&whole.id))).at(spot, "not public");
        faults.push(fault.help("only public components may be named by others"));
    }
    if let (Some(public), false) = (raw.public.as_ref().filter(|public| public.value), above) {
        faults.push(
            Fault::error("a public part of an internal component")
                .at(public.spot, "cannot be public")
                .help("make the whole public, or remove this key"),
        );
    }
    let public = above && raw.public.as_ref().is_none_or(|public| public.value);
    index.component_ids.insert(id.clone(), number);
    index.components.push(Placed { raw, id, whole, owner, public });
    Some(number)
}

impl<'t> Index<'t> {
    /// The owner, who must be declared in the same file.
    fn owner(&self, owner: &At<&str>) -> Option<u32> {
        let number = self.organisation(owner)?;
        let declared = self.places.get(number as usize)?.0;
        if declared.file != owner.spot.file {
            let fault = Fault::error(format!("{} is declared in another file", quote(owner.value)));
            self.faults.push(
                fault
                    .at(owner.spot, "cannot own here")
                    .at(declared, "declared here")
                    .help("a file speaks only for the organisations it declares: move the component there"),
            );
        }
        Some(number)
    }

    /// Looks up an organisation; an unknown one is a fault.
    pub(super) fn organisation(&self, id: &At<&str>) -> Option<u32> {
        let number = self.organisation_ids.get(id.value).copied();
        if number.is_none() && self.complete && !self.faults.is_full() && !self.faults.is_refused(id.value) {
            let fault = Fault::error(format!("there is no organisation {}", quote(id.value))).at(id.spot, "unknown");
            let help = did_you_mean(id.value, self.organisation_ids.keys().copied());
            self.faults.push(fault.help(help.unwrap_or_else(|| "declare it with `[[organisation]]`".to_owned())));
        }
        number
    }

    /// Looks up a component that `id.spot.file` may name: any public one, and its own.
    pub(super) fn component(&self, id: &At<&str>) -> Option<u32> {
        let Some(number) = self.component_ids.get(id.value).copied() else {
            self.unknown_component(id);
            return None;
        };
        let component = self.components.get(number as usize)?;
        if !component.public && component.raw.table.file != id.spot.file {
            let fault =
                Fault::error(format!("{} is internal to another file", quote(id.value))).at(id.spot, "not public");
            self.faults.push(fault.help("only public components may be named by others"));
            return None;
        }
        Some(number)
    }

    /// Looks up a component that must be owned by an organisation of the same file.
    pub(super) fn own_component(&self, id: &At<&str>, why: &str) -> Option<u32> {
        let number = self.component(id)?;
        let owner = self.components.get(number as usize)?.owner?;
        let declared = self.places.get(owner as usize)?.0;
        if declared.file != id.spot.file && !self.faults.is_refused(id.value) {
            let fault = Fault::error(format!("{} belongs to another file", quote(id.value)))
                .at(id.spot, why)
                .at(declared, "its owner is declared here");
            self.faults.push(fault.help("a file speaks only for the organisations it declares"));
            return None;
        }
        Some(number)
    }

    fn unknown_component(&self, id: &At<&str>) {
        if !self.complete || self.faults.is_full() || self.faults.is_refused(id.value) {
            return;
        }
        let fault = Fault::error(format!("there is no component {}", quote(id.value))).at(id.spot, "unknown");
        // An id that others do not see must not be told to them either.
        let visible =
            self.components.iter().filter(|component| component.public || component.raw.table.file == id.spot.file);
        let part = visible.clone().find(|component| component.whole.is_some() && component.raw.id.value == id.value);
        let help = match part {
            Some(part) => Some(format!("did you mean the part {}?", quote(&part.id))),
            None => did_you_mean(id.value, visible.map(|component| component.id.as_str())),
        };
        self.faults.push(fault.help(help.unwrap_or_else(|| "declare it with `[[component]]`".to_owned())));
    }

    /// The zone of a component's owner.
    pub(super) fn zone(&self, component: &Placed<'_>) -> &TimeZone {
        component.owner.map_or(&self.operator.zone, |owner| self.zone_of(owner))
    }

    /// The zone of an organisation.
    pub(super) fn zone_of(&self, organisation: u32) -> &TimeZone {
        self.places.get(organisation as usize).and_then(|place| place.1.as_ref()).unwrap_or(&self.operator.zone)
    }

    /// Whom something reaches; unknown organisations are faults.
    pub(super) fn reach(&self, raw: &[RawReach<'_>]) -> Vec<Reach> {
        raw.iter()
            .filter_map(|reach| {
                if let Some(prefix) = reach.prefix() {
                    return Some(Reach::Prefix(prefix.to_owned()));
                }
                let (id, except) = reach.text.strip_prefix('!').map_or((reach.text, false), |id| (id, true));
                self.organisation(&At::new(id, reach.spot))?;
                let id = OrganisationId::new(id);
                Some(if except { Reach::Except(id) } else { Reach::Organisation(id) })
            })
            .collect()
    }

    /// Alternatives with their times in a zone.
    pub(super) fn alternatives(&self, raw: &[RawAlternative<'_>], zone: &TimeZone) -> Vec<Alternative> {
        let begins = |time: &Option<At<RawTime>>| time.as_ref().and_then(|time| time.begins(zone, self.faults));
        raw.iter()
            .map(|raw| Alternative {
                kind: raw.kind,
                target: raw.target.clone(),
                label: raw.label.clone(),
                hours: raw.hours.clone(),
                hours_text: raw.hours_text.clone(),
                page: raw.page.clone(),
                serves: self.reach(&raw.serves),
                component: raw.component.as_ref().and_then(|id| {
                    let number = self.component(id)?;
                    self.components.get(number as usize).map(|_| ComponentId::new(id.value))
                }),
                valid_from: begins(&raw.valid_from),
                valid_until: raw.valid_until.as_ref().and_then(|time| time.ends(zone, self.faults)),
                verified_at: begins(&raw.verified_at),
            })
            .collect()
    }
}

/// What a component depends on, with the places where it says so.
fn edges(index: &Index<'_>, component: &Placed<'_>) -> Vec<(u32, Spot)> {
    let mut edges: Vec<(u32, Spot)> = Vec::new();
    for dependency in &component.raw.depends_on {
        // An unresolved edge stays as an edge to nowhere, so that edges and dependencies pair up.
        let number = index.component(&dependency.id).unwrap_or(u32::MAX);
        if let Some((_, first)) = edges.iter().find(|(other, _)| *other == number && number != u32::MAX) {
            let fault = Fault::error(format!("{} is named twice", quote(dependency.id.value)))
                .at(dependency.id.spot, "again")
                .at(*first, "first here");
            index.faults.push(fault.help("keep one of them; `uses` is a `depends_on` that only degrades"));
        }
        edges.push((number, dependency.id.spot));
    }
    edges
}

/// The component of the model.
fn finished(index: &Index<'_>, component: &Placed<'_>, edges: &[(u32, Spot)]) -> Component {
    let raw = &component.raw;
    let zone = index.zone(component);
    let begins =
        |time: &Option<At<RawTime>>| -> Option<When> { time.as_ref().and_then(|time| time.begins(zone, index.faults)) };
    let instant = |time: Option<When>| time.map(|when| when.at);
    let (available_from, retired_at) = (begins(&raw.available_from), begins(&raw.retired_at));
    if let (Some(from), Some(until)) = (&raw.available_from, &raw.retired_at)
        && let (Some(begins), Some(ends)) = (&available_from, &retired_at)
    {
        super::planned::ordered(&(begins.clone(), from.spot), &(ends.clone(), until.spot), index.faults);
    }
    Component {
        id: ComponentId::new(component.id.as_str()),
        name: raw.name.clone(),
        kind: raw.kind,
        owner: component.owner.unwrap_or(0),
        part_of: component.whole,
        serves: index.serves_of(component).map(|serves| index.reach(serves)).unwrap_or_default(),
        depends_on: raw
            .depends_on
            .iter()
            .zip(edges)
            .filter(|(_, (number, _))| *number != u32::MAX)
            .map(|(dependency, (number, _))| Dependency { component: *number, red_means: dependency.red_means })
            .collect(),
        url: raw.url.clone(),
        leika: raw.leika.clone(),
        ozg: raw.ozg,
        public: component.public,
        public_name: raw.public_name.clone(),
        available_from,
        retired_at,
        formerly: raw.formerly.iter().map(|id| ComponentId::new(id.value)).collect(),
        delivery: raw.delivery.as_ref().map(|delivery| Delivery {
            state: delivery.state,
            since: instant(begins(&delivery.since)),
            until: instant(delivery.until.as_ref().and_then(|time| time.ends(zone, index.faults))),
        }),
        alternatives: index.alternatives(&raw.alternatives, zone),
    }
}

impl<'t> Index<'t> {
    /// What a component serves: its own list, or that of its whole if both have one owner. A part
    /// that somebody else adds does not get onto the pages that the whole is shown on.
    pub(super) fn serves_of<'a>(&'a self, component: &'a Placed<'t>) -> Option<&'a [RawReach<'t>]> {
        if let Some(own) = &component.raw.serves {
            return Some(own);
        }
        let whole = self.components.get(component.whole? as usize)?;
        (whole.owner == component.owner).then_some(whole.raw.serves.as_deref()).flatten()
    }
}

/// All checks, grouped by component.
fn checks(index: &Index<'_>) -> Vec<Check> {
    index
        .components
        .iter()
        .zip(0u32..)
        .flat_map(|(component, number)| {
            component.raw.checks.iter().map(move |raw| Check { component: number, ..raw.check.clone() })
        })
        .collect()
}
