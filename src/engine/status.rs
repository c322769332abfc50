//! The status of one component from what the state knows around it.

use crate::engine::graph::Own;
use crate::engine::state::{ComponentRecord, State};
use crate::model::catalogue::Component;
use crate::model::decision::{ByHand, Inputs, decide, derived as derived_from};
use crate::model::event::StatusChanged;
use crate::model::id::ComponentId;
use crate::model::status::{Evidence, Mode, Status, roll_up};
use crate::model::time::Timestamp;

/// What a component depends on, and what follows from that.
#[derive(Clone, Copy)]
pub(super) struct Parent<'a> {
    pub(super) status: Status,
    record: &'a ComponentRecord,
    component: &'a Component,
}

impl<'a> Parent<'a> {
    /// The worst; ties by id.
    fn worst(parents: impl Iterator<Item = Self>) -> Option<Self> {
        parents.max_by(|a, b| a.status.cmp(&b.status).then_with(|| b.component.id.cmp(&a.component.id)))
    }

    /// The way from it to the root; empty while it is operational.
    pub(super) fn path(self) -> Vec<ComponentId> {
        if self.record.status == Status::Operational {
            return Vec::new();
        }
        std::iter::once(&self.component.id).chain(&self.record.affected_by).cloned().collect()
    }
}

/// What a component's status is decided from, with where it comes from.
pub(super) struct Basis<'a> {
    pub(super) inputs: Inputs,
    /// The worst of the parents that are internal, and what evidence that is.
    pub(super) hidden: Option<(Parent<'a>, Evidence)>,
    own: Option<Own>,
    /// The worst parent, unless it is set aside.
    derived: Option<Parent<'a>>,
    parts: Option<(Status, Evidence, Timestamp)>,
    /// Whether own evidence sets derived states aside.
    pub(super) aside: bool,
}

impl State {
    /// What a component's status is decided from.
    pub(super) fn basis(&self, index: u32, at: Timestamp) -> Option<Basis<'_>> {
        let component = self.catalogue.component(index)?;
        let own = self.own(index);
        let spared = self.spared.get(&index);
        // What is not in service takes nothing down.
        let parents = component.depends_on.iter().filter(|edge| self.is_live(edge.component)).filter_map(|edge| {
            let parent = self.record.components.get(edge.component as usize)?;
            let what = self.catalogue.component(edge.component)?;
            // What a maintenance leaves as it is never reads that it is under way.
            let cause = parent
                .affected_by
                .last()
                .map_or(Some(edge.component), |root| self.catalogue.component_index(root.as_str()));
            let leaves = spared.zip(cause).is_some_and(|(covers, cause)| covers.contains(&cause));
            let concerns = !(leaves && parent.status == Status::UnderMaintenance);
            let status = derived_from(parent.status, edge.red_means);
            concerns.then_some(Parent { status, record: parent, component: what })
        });
        let worst = Parent::worst(parents.clone());
        let declared = parents.clone().all(|parent| parent.record.evidence == Evidence::Declared);
        let aside = worst.is_some_and(|parent| own.is_some_and(|own| own.beats(parent.record.since)));
        let derived = worst.filter(|_| !aside);
        let parts = self.parts_of(index);
        let evidence = if declared { Evidence::Declared } else { Evidence::Derived };
        let set = self.record.overrides.get(&component.id).filter(|set| set.holds(at));
        let inputs = Inputs {
            by_hand: set.map(|set| ByHand { status: set.status, may_hide: set.may_hide() }),
            covered: self.covered.contains(&index),
            own: own.map(|own| own.status),
            notice: self.given.get(&index).copied(),
            derived: derived.map(|parent| (parent.status, evidence)),
            parts: parts.map(|(status, evidence, _)| (status, evidence)),
            mode: Mode::Regular,
        };
        let hidden = Parent::worst(parents.filter(|parent| !parent.component.public));
        Some(Basis { inputs, hidden: hidden.map(|parent| (parent, evidence)), own, derived, parts, aside })
    }

    /// The status that a component has now, if it is to be published anew.
    pub(super) fn decide_status(&self, index: u32, at: Timestamp) -> Option<StatusChanged> {
        let component = self.catalogue.component(index)?;
        let record = self.record.components.get(index as usize)?;
        let Basis { inputs, own, derived, parts, .. } = self.basis(index, at)?;
        let affected_by = derived.map(Parent::path).unwrap_or_default();
        let decided = decide(&inputs);
        let reason = own.filter(|own| own.status != Status::Operational).and_then(|own| own.reason);
        // What was seen of a service before it went live is not held against it.
        let born = component.available_from.as_ref().map(|from| from.at).filter(|born| *born <= at);
        let grew_up = born.is_some_and(|born| record.since < born);
        let same = record.decided
            && !grew_up
            && record.status == decided.status
            && record.evidence == decided.evidence
            && record.without_derived == decided.without_derived
            && record.reason == reason
            && record.affected_by == affected_by;
        if same {
            return None;
        }
        let was_covered = record.status == Status::UnderMaintenance && record.evidence == Evidence::Notice;
        let since = if record.decided && record.status == decided.status {
            record.since
        } else if was_covered {
            // What probes saw during a maintenance is not held against anybody.
            at
        } else if record.decided && decided.status < record.status {
            // What was published as worse stays: it is better since the last of those who may
            // have said so gave way. If none did, something was set aside, now.
            let parents = component.depends_on.iter();
            let parents = parents.filter_map(|edge| self.record.components.get(edge.component as usize));
            let gave_way = parents.map(|parent| parent.since).chain(own.map(|own| own.since));
            let gave_way = gave_way.chain(parts.map(|(_, _, since)| since)).max();
            gave_way.filter(|since| *since > record.since).unwrap_or(at).min(at)
        } else {
            // Of the source that decided; a published interval is never shortened from behind.
            let source = match decided.evidence {
                Evidence::Own => own.map(|own| own.since),
                Evidence::Derived => match (derived, parts) {
                    (Some(parent), _) if parent.status == decided.status => Some(parent.record.since),
                    (_, Some((_, _, since))) => Some(since),
                    (_, None) => None,
                },
                Evidence::Notice | Evidence::Declared => None,
            };
            source.filter(|since| record.decided && *since > record.since).unwrap_or(at).min(at)
        };
        let since = born.map_or(since, |born| since.max(born));
        Some(StatusChanged {
            component: component.id.clone(),
            status: decided.status,
            without_derived: decided.without_derived,
            evidence: decided.evidence,
            since,
            reason,
            affected_by,
        })
    }

    /// What the live, public parts of a component add up to, and since when at the latest.
    fn parts_of(&self, index: u32) -> Option<(Status, Evidence, Timestamp)> {
        let node = self.catalogue.node(index)?;
        let parts: Vec<_> = node
            .parts
            .iter()
            .filter(|&&part| self.is_live(part) && self.catalogue.component(part).is_some_and(|c| c.public))
            .filter_map(|&part| self.record.components.get(part as usize))
            .collect();
        if parts.is_empty() {
            return None;
        }
        let sum = roll_up(parts.iter().map(|part| (part.status, part.evidence)));
        let since = parts.iter().map(|part| part.since).max()?;
        Some((sum.status, sum.evidence, since))
    }
}
