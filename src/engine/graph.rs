//! What a component's own checks say. The rule that adds up all sources stands in
//! `model::decision`.

use crate::model::check::{Check, Proves};
use crate::model::status::Status;
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

#[cfg(test)]
mod tests {
    use super::*;
    use Status::*;

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
