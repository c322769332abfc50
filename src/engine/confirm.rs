//! Confirmation: how many results in a row change a check's standing.
//!
//! | standing | turns to | after |
//! |---|---|---|
//! | any | down | `down_after` results, all down |
//! | any | degraded | `down_after` results, all down or slow |
//! | any | unknown | `down_after` results, none of them up |
//! | down | degraded | `up_after` results, none worse than slow |
//! | down, degraded | up | `up_after` results, all up |
//! | unknown | up, degraded | one result that is up, or slow |

use std::time::Duration;

use crate::model::check::Check;
use crate::model::event::Counted;
use crate::model::time::Timestamp;
use crate::model::verdict::{Reason, Verdict};

/// A change of standing that the results so far confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The new standing.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<Reason>,
    /// Since when: the beginning of the first of the results for the worse, the end of the first
    /// for the better.
    pub since: Timestamp,
}

/// Adds a result to those that differ from the standing. One that agrees with it ends the row.
/// Of a row that is long enough and only lacks a proof the first is kept: it began then.
pub fn count(standing: Verdict, results: &mut Vec<Counted>, result: Counted, check: &Check) {
    if result.verdict == standing {
        results.clear();
        return;
    }
    results.push(result);
    let most = check.down_after.max(check.up_after).max(1) as usize;
    let excess = results.len().saturating_sub(most);
    let kept = usize::from(most > 1 && all(results, &[Verdict::Down]));
    results.drain(kept..kept + excess);
}

/// Forgets what a new standing has used up: only what differs from it, without interruption up
/// to now, goes on counting against it.
pub fn used_up(standing: Verdict, results: &mut Vec<Counted>) {
    let keep = results.iter().rev().take_while(|result| result.verdict != standing).count();
    results.drain(..results.len() - keep);
}

/// The change of standing that the results confirm, if any.
pub fn turn(standing: Verdict, results: &[Counted], check: &Check) -> Option<Turn> {
    let last = |count: u32| results.len().checked_sub(count.max(1) as usize).and_then(|start| results.get(start..));
    let turned = |verdict: Verdict, row: &[Counted]| {
        let (first, last) = (row.first()?, row.last()?);
        let worse = severity(verdict) > severity(standing) || standing == Verdict::Unknown && verdict == Verdict::Down;
        // The reason of the last result that is as the verdict says; the row may be mixed.
        let reason = row.iter().rev().find(|result| result.verdict == verdict).map_or(last.reason, |r| r.reason);
        let since = if worse { first.started_at } else { first.ended_at };
        (verdict != standing).then_some(Turn { verdict, reason, since })
    };
    if standing == Verdict::Unknown
        && let Some(row) = last(1).filter(|row| all(row, &[Verdict::Up, Verdict::Degraded]))
    {
        return turned(row.last()?.verdict, row);
    }
    if let Some(row) = last(check.down_after) {
        for (verdict, members) in [
            (Verdict::Down, &[Verdict::Down][..]),
            (Verdict::Degraded, &[Verdict::Down, Verdict::Degraded]),
            (Verdict::Unknown, &[Verdict::Down, Verdict::Degraded, Verdict::Unknown]),
        ] {
            // Slow answers improve what is down: that is decided below, by `up_after`.
            let improves = standing == Verdict::Down && verdict == Verdict::Degraded;
            if !improves && all(row, members) {
                return turned(verdict, row);
            }
        }
    }
    if let Some(row) = last(check.up_after).filter(|row| all(row, &[Verdict::Up, Verdict::Degraded])) {
        if all(row, &[Verdict::Up]) {
            return turned(Verdict::Up, row);
        }
        if standing == Verdict::Down {
            return turned(Verdict::Degraded, row);
        }
    }
    None
}

fn all(row: &[Counted], members: &[Verdict]) -> bool {
    row.iter().all(|result| members.contains(&result.verdict))
}

fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Up => 0,
        Verdict::Unknown => 1,
        Verdict::Degraded => 2,
        Verdict::Down => 3,
    }
}

/// How long evidence lasts: three intervals and a timeout, at least two minutes.
pub fn evidence_lasts(interval: Duration, timeout: Duration) -> Duration {
    (interval * 3 + timeout).max(Duration::from_secs(120))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays results (`u` up, `s` slow, `d` down, `b` blocked) a minute apart and lists the turns
    /// as `index:verdict@minute of since`.
    fn check(standing: Verdict, results: &str, expected: &str) {
        let check = crate::engine::state::tests::check(3, 2);
        let (mut standing, mut row, mut turns) = (standing, Vec::new(), Vec::new());
        for (index, letter) in results.chars().enumerate() {
            let (verdict, reason) = match letter {
                'u' => (Verdict::Up, None),
                's' => (Verdict::Degraded, Some(Reason::Slow)),
                'd' => (Verdict::Down, Some(Reason::Timeout)),
                _ => (Verdict::Unknown, Some(Reason::Blocked)),
            };
            let at = Timestamp::from_millis(i64::try_from(index).expect("small") * 60_000);
            count(standing, &mut row, Counted { verdict, reason, started_at: at, ended_at: at.shifted(1000) }, &check);
            if let Some(turn) = turn(standing, &row, &check) {
                standing = turn.verdict;
                used_up(standing, &mut row);
                turns.push(format!("{index}:{}@{}", turn.verdict, turn.since.as_millis() / 60_000));
            }
        }
        assert_eq!(turns.join(" "), expected, "{results}");
    }

    #[test]
    fn three_failures_confirm_an_outage_and_two_successes_its_end() {
        check(Verdict::Up, "udduddd", "6:down@4");
        check(Verdict::Down, "ududuu", "5:up@4");
        check(Verdict::Down, "sus", "1:degraded@0");
        check(Verdict::Up, "sdsds", "2:degraded@0");
        check(Verdict::Up, "dsddd", "2:degraded@0 4:down@2");
        check(Verdict::Up, "bdb", "2:unknown@0");
        check(Verdict::Up, "ddbddd", "2:unknown@0 5:down@3");
        check(Verdict::Down, "bbb", "2:unknown@0");
        check(Verdict::Unknown, "u", "0:up@0");
        check(Verdict::Unknown, "ddd", "2:down@0");
        check(Verdict::Unknown, "s", "0:degraded@0");
        check(Verdict::Degraded, "uu", "1:up@0");
        check(Verdict::Degraded, "bsb", "");
    }

    #[test]
    fn failures_that_wait_for_proof_keep_their_beginning() {
        let check = crate::engine::state::tests::check(3, 2);
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        let mut row = Vec::new();
        for minute in 0..7 {
            let (verdict, reason) = (Verdict::Down, Some(Reason::Timeout));
            count(
                Verdict::Up,
                &mut row,
                Counted { verdict, reason, started_at: at(minute), ended_at: at(minute) },
                &check,
            );
        }
        assert_eq!(row.iter().map(|result| result.started_at).collect::<Vec<_>>(), [at(0), at(5), at(6)]);
        assert_eq!(turn(Verdict::Up, &row, &check).map(|turn| turn.since), Some(at(0)));
    }
}
