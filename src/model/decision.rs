//! The rule by which a component's status comes about, without the data around it. The engine
//! applies it to everybody, a page to what differs in its town.

use crate::model::status::{Evidence, Mode, Status};

/// What a parent's status means for a child.
pub const fn derived(parent: Status, red_means: Option<Status>) -> Status {
    match (parent, red_means) {
        (Status::MajorOutage | Status::PartialOutage, Some(softened)) => softened,
        (status, _) => status,
    }
}

/// A status set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByHand {
    /// The status.
    pub status: Status,
    /// Whether it ends soon enough to hide something worse.
    pub may_hide: bool,
}

/// All that decides a component's status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Set by hand.
    pub by_hand: Option<ByHand>,
    /// Whether an active maintenance covers it.
    pub covered: bool,
    /// What its own checks say.
    pub own: Option<Status>,
    /// What an editor gave it in an open incident, or its town says of it.
    pub notice: Option<Status>,
    /// What follows from its parents; `None` if it has none or it is set aside. Declared rather
    /// than derived where nothing checks any of them: a chain of declarations proves nothing.
    pub derived: Option<(Status, Evidence)>,
    /// What its parts add up to.
    pub parts: Option<(Status, Evidence)>,
    /// Its mode.
    pub mode: Mode,
}

/// A decided status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The status.
    pub status: Status,
    /// Where it comes from.
    pub evidence: Evidence,
    /// The worst of own evidence and parts alone.
    pub without_derived: Status,
}

/// The rule: an override, unless what is known is worse and it may not hide that; else maintenance;
/// else the worst of own evidence, notice or derived state, parts and the mode's floor; nothing of all
/// that → operational, declared.
pub fn decide(inputs: &Inputs) -> Decided {
    let own = inputs.own.map(|status| (status, Evidence::Own));
    let given = inputs.notice.map(|status| (status, Evidence::Notice));
    let floor = (inputs.mode != Mode::Regular).then(|| (inputs.mode.floor(), Evidence::Notice));
    let worst = |candidates: &[Option<(Status, Evidence)>]| {
        candidates
            .iter()
            .flatten()
            .copied()
            .max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
            .unwrap_or((Status::Operational, Evidence::Declared))
    };
    let without_derived = worst(&[own, inputs.parts]).0;
    let known = if inputs.covered {
        (Status::UnderMaintenance, Evidence::Notice)
    } else {
        worst(&[own, given.or(inputs.derived), inputs.parts, floor])
    };
    let by_hand = inputs.by_hand.filter(|set| set.may_hide || set.status >= known.0);
    let (status, evidence) = by_hand.map_or(known, |set| (set.status, Evidence::Notice));
    Decided { status, evidence, without_derived }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::*;

    fn check(inputs: Inputs, status: Status, evidence: Evidence) {
        let decided = decide(&inputs);
        assert_eq!((decided.status, decided.evidence), (status, evidence), "{inputs:?}");
    }

    #[test]
    fn the_worst_source_decides_and_names_the_evidence() {
        let none = Inputs::default();
        check(none, Operational, Evidence::Declared);
        let red = Inputs { own: Some(MajorOutage), ..none };
        check(red, MajorOutage, Evidence::Own);
        check(Inputs { covered: true, ..red }, UnderMaintenance, Evidence::Notice);
        let set = |status, may_hide| Some(ByHand { status, may_hide });
        check(Inputs { by_hand: set(Operational, true), covered: true, ..red }, Operational, Evidence::Notice);
        check(Inputs { by_hand: set(Operational, false), ..red }, MajorOutage, Evidence::Own);
        check(Inputs { by_hand: set(MajorOutage, false), ..red }, MajorOutage, Evidence::Notice);
        check(
            Inputs { own: Some(Operational), derived: Some((MajorOutage, Evidence::Derived)), ..none },
            MajorOutage,
            Evidence::Derived,
        );
        check(
            Inputs { notice: Some(PartialOutage), derived: Some((MajorOutage, Evidence::Derived)), ..none },
            PartialOutage,
            Evidence::Notice,
        );
        check(
            Inputs { own: Some(MajorOutage), derived: Some((MajorOutage, Evidence::Derived)), ..none },
            MajorOutage,
            Evidence::Own,
        );
        check(Inputs { own: Some(Operational), mode: Mode::Basic, ..none }, DegradedPerformance, Evidence::Notice);
        check(Inputs { mode: Mode::Off, ..none }, MajorOutage, Evidence::Notice);
        check(
            Inputs { own: Some(Operational), parts: Some((PartialOutage, Evidence::Derived)), ..none },
            PartialOutage,
            Evidence::Derived,
        );
        check(Inputs { parts: Some((Operational, Evidence::Declared)), ..none }, Operational, Evidence::Declared);
        check(
            Inputs { own: Some(Unknown), derived: Some((UnderMaintenance, Evidence::Derived)), ..none },
            UnderMaintenance,
            Evidence::Derived,
        );
    }

    #[test]
    fn edges_soften_outages_only() {
        assert_eq!(derived(MajorOutage, Some(DegradedPerformance)), DegradedPerformance);
        assert_eq!(derived(PartialOutage, Some(DegradedPerformance)), DegradedPerformance);
        assert_eq!(derived(UnderMaintenance, Some(DegradedPerformance)), UnderMaintenance);
        assert_eq!(derived(Unknown, None), Unknown);
    }
}
