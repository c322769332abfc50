//! Whether a component reads as it does because of another one. Pages, frames and JSON ask here, so
//! that none of them names a cause that the others do not.

use crate::model::local::View;
use crate::model::snapshot::{AffectedBy, Shown, Snapshot};
use crate::model::status::{Evidence, Status};

/// Whether what it depends on may have decided its status. A status set by hand, a town's own
/// word and a mode explain themselves.
pub(super) fn is_derived(snapshot: &Snapshot, view: &View<'_>) -> bool {
    let is_derived = view.evidence != Evidence::Notice
        || (view.state.inputs.notice.is_some() && view.local.standing.is_none_or(|local| local.status.is_none()));
    is_derived && !view.state.set_by_hand.as_ref().is_some_and(|set| set.holds(snapshot.at))
}

/// Whose disruption a component is disturbed because of.
pub(super) fn because_of<'a>(snapshot: &Snapshot, view: &View<'a>) -> Option<&'a Shown> {
    let affected = view.affected_by?;
    let is_disturbed = match view.status {
        Status::DegradedPerformance | Status::PartialOutage | Status::MajorOutage => true,
        Status::Operational | Status::UnderMaintenance | Status::Unknown => false,
    };
    let holds = is_disturbed && is_derived(snapshot, view) && is_disruption(snapshot, affected);
    affected.path.last().filter(|_| holds)
}

/// Whether what affects a component is itself disrupted, and not under maintenance or unknown. Of
/// an internal one nothing is known here but that it affects.
pub(super) fn is_disruption(snapshot: &Snapshot, affected: &AffectedBy) -> bool {
    let root = affected.path.last().and_then(|root| root.id.as_ref());
    let index = root.and_then(|id| snapshot.catalogue.component_index.get(id));
    let state = index.and_then(|&index| snapshot.states.get(index as usize));
    state.is_none_or(|state| !matches!(state.status, Status::UnderMaintenance | Status::Unknown))
}
