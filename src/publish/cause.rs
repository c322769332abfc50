//! Whether a component reads as it does because of another one. Pages, frames and JSON ask here, so
//! that none of them names a cause that the others do not.

use crate::model::local::View;
use crate::model::snapshot::{Shown, Snapshot};
use crate::model::status::{Evidence, Status};

/// Whether what it depends on may have decided its status. A status set by hand, a town's own
/// word and a mode explain themselves.
pub(super) fn is_derived(snapshot: &Snapshot, view: &View<'_>) -> bool {
    let given = view.state.inputs.notice.is_some() && view.local.standing.is_none_or(|local| local.status.is_none());
    let is_by_hand = view.state.set_by_hand.as_ref().is_some_and(|set| set.holds(snapshot.at));
    view.evidence != Evidence::Notice || (given && !is_by_hand)
}

/// Whose disruption a component is disturbed because of.
pub(super) fn because_of<'v>(snapshot: &Snapshot, view: &'v View<'_>) -> Option<&'v Shown> {
    let is_disturbed = match view.status {
        Status::DegradedPerformance | Status::PartialOutage | Status::MajorOutage => true,
        Status::Operational | Status::UnderMaintenance | Status::Unknown => false,
    };
    let holds = is_disturbed && is_derived(snapshot, view) && is_disruption(view);
    view.affected_by.as_ref()?.path.last().filter(|_| holds)
}

/// Whether what affects a component is itself disrupted, and not under maintenance or unknown. Of
/// an internal one nothing is known here but that it affects.
pub(super) fn is_disruption(view: &View<'_>) -> bool {
    view.affected_by.is_some() && !matches!(view.root_status, Some(Status::UnderMaintenance | Status::Unknown))
}
