//! Status of one component from what is known around it: the rule, without the graph's data.

use crate::model::check::{Check, Proves};
use crate::model::status::{Evidence, Mode, Status};
use crate::model::time::Timestamp;
use crate::model::verdict::{Reason, Verdict};

/// The standing of one check.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The check.
    pub check: &'a Check,
    /// Its confirmed verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<Reason>,
    /// Since when.
    pub since: Timestamp,
    /// When the last counted success began.
    pub good_at: Option<Timestamp>,
}

/// What a component's own checks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// The worst they say.
    pub status: Status,
    /// The reason of the check that says so.
    pub reason: Option<Reason>,
    /// Since when: of the check that says so; of the last to recover, if all is well.
    pub since: Timestamp,
    /// When a check that proves the function last succeeded.
    pub proven_at: Option<Timestamp>,
}

/// Own evidence: one check down, of one → major, of several → partial, all → major, unless the
/// check says what its failure means; slow → degraded; anything unknown → unknown; worst wins.
pub fn own<'a>(standings: impl Iterator<Item = Standing<'a>> + Clone) -> Option<Own> {
    let (count, down) =
        standings.clone().fold((0, 0), |(count, down), s| (count + 1, down + i32::from(s.verdict == Verdict::Down)));
    let by_count = if down == count { Status::MajorOutage } else { Status::PartialOutage };
    let status_of = |standing: &Standing<'_>| match standing.verdict {
        Verdict::Up => Status::Operational,
        Verdict::Degraded => Status::DegradedPerformance,
        Verdict::Unknown => Status::Unknown,
        Verdict::Down => standing.check.failure.unwrap_or(by_count),
    };
    let status = standings.clone().map(|s| status_of(&s)).max()?;
    let deciding = standings.clone().filter(|s| status_of(s) == status);
    let since = if status == Status::Operational {
        deciding.clone().map(|s| s.since).max()
    } else {
        deciding.clone().map(|s| s.since).min()
    };
    let reason = deciding.clone().find_map(|s| s.reason);
    let proven_at = standings
        .filter(|s| s.check.proves == Proves::Function && matches!(s.verdict, Verdict::Up | Verdict::Degraded))
        .filter_map(|s| s.good_at)
        .max();
    Some(Own { status, reason, since: since?, proven_at })
}

impl Own {
    /// Whether derived states since `since` are set aside: the checks prove that the function
    /// works, and did so after that.
    pub fn beats(&self, since: Timestamp) -> bool {
        matches!(self.status, Status::Operational | Status::DegradedPerformance)
            && self.proven_at.is_some_and(|proven| proven > since)
    }
}

/// What a parent's status means for a child.
pub const fn derived(parent: Status, red_means: Option<Status>) -> Status {
    match (parent, red_means) {
        (Status::MajorOutage | Status::PartialOutage, Some(softened)) => softened,
        (status, _) => status,
    }
}

/// All that decides a component's status.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inputs {
    /// Set by hand.
    pub override_status: Option<Status>,
    /// Whether an active maintenance covers it.
    pub covered: bool,
    /// What its own checks say.
    pub own: Option<Status>,
    /// What an editor gave it in an open incident.
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

/// The rule: an override; else maintenance; else the worst of own evidence, notice or derived
/// state, parts and the mode's floor; nothing of all that → operational, declared.
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
    let (status, evidence) = if let Some(set) = inputs.override_status {
        (set, Evidence::Notice)
    } else if inputs.covered {
        (Status::UnderMaintenance, Evidence::Notice)
    } else {
        worst(&[own, given.or(inputs.derived), inputs.parts, floor])
    };
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
        check(Inputs { override_status: Some(Operational), covered: true, ..red }, Operational, Evidence::Notice);
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

    #[test]
    fn several_checks_add_up() {
        let base = crate::engine::state::tests::check(3, 2);
        let stated = Check { failure: Some(DegradedPerformance), ..base.clone() };
        let standing =
            |check, verdict| Standing { check, verdict, reason: None, since: Timestamp::default(), good_at: None };
        let own_of = |standings: &[Standing<'_>]| own(standings.iter().copied()).map(|own| own.status);
        use Verdict::{Degraded, Down, Up};
        assert_eq!(own_of(&[]), None);
        assert_eq!(own_of(&[standing(&base, Down)]), Some(MajorOutage));
        assert_eq!(own_of(&[standing(&base, Down), standing(&base, Up)]), Some(PartialOutage));
        assert_eq!(own_of(&[standing(&base, Down), standing(&base, Down)]), Some(MajorOutage));
        assert_eq!(own_of(&[standing(&base, Down), standing(&base, Verdict::Unknown)]), Some(PartialOutage));
        assert_eq!(own_of(&[standing(&stated, Down), standing(&base, Up)]), Some(DegradedPerformance));
        assert_eq!(own_of(&[standing(&base, Degraded), standing(&base, Up)]), Some(DegradedPerformance));
        assert_eq!(own_of(&[standing(&base, Verdict::Unknown), standing(&base, Up)]), Some(Unknown));
    }
}
