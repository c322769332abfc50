//! Our own side: which paths work, and whether a failure may be ours.
//!
//! A failure is confirmed only if something else answered over the same path after the last
//! failure that was counted. Answers are not recorded: they prove something for the moment only,
//! and after a restart the next failure asks anew.

use crate::model::observation::{Judged, Travelled};
use crate::model::time::Timestamp;
use crate::model::verdict::{Path, Reason, Verdict};

/// The newest answers over each path, of two different hosts, so that one's own answer is never
/// one's own reference.
#[derive(Debug, Clone, Default)]
pub struct Answers([[Option<Answer>; 2]; 4]);

#[derive(Debug, Clone, Copy)]
struct Answer {
    host: u64,
    at: Timestamp,
    /// The check it came from; none for a reference.
    check: Option<u32>,
}

impl Answers {
    /// Something answered: a check's target, or a reference.
    pub fn note(&mut self, travelled: &Travelled, at: Timestamp, check: Option<u32>) {
        for path in Path::ALL.iter().copied().filter(|&path| used(travelled, path)) {
            let Some([newest, other]) = self.0.get_mut(path as usize) else { continue };
            match newest {
                Some(answer) if answer.host == travelled.host => answer.at = at.max(answer.at),
                _ => {
                    *other = *newest;
                    *newest = Some(Answer { host: travelled.host, at, check });
                }
            }
        }
    }

    /// Whether something other than `host` answered over `path` after `since`.
    pub fn answered_since(&self, path: Path, host: u64, since: Timestamp) -> bool {
        self.0
            .get(path as usize)
            .is_some_and(|answers| answers.iter().flatten().any(|answer| answer.host != host && answer.at > since))
    }

    /// Checks of other hosts that answered last over the paths of a failure: they can bear
    /// witness where references are silent.
    pub fn witnesses(&self, failed: &Failed) -> impl Iterator<Item = u32> {
        self.unproven(failed).into_iter().flat_map(|path| {
            let answers = self.0.get(path as usize).into_iter().flatten().flatten();
            answers.filter(|answer| answer.host != failed.travelled.host).filter_map(|answer| answer.check)
        })
    }

    /// Whether the paths that a failure went over are proven to work since it ended. Of two
    /// address families that were tried one is enough.
    pub fn prove(&self, failed: &Failed) -> bool {
        let proven = |path| self.answered_since(path, failed.travelled.host, failed.ended_at);
        if failed.reason == Some(Reason::Dns) {
            return proven(Path::Resolver);
        }
        let families: Vec<Path> =
            [Path::Ipv4, Path::Ipv6].into_iter().filter(|&path| used(&failed.travelled, path)).collect();
        let family = families.is_empty() || families.iter().any(|&path| proven(path));
        let resolver = !families.is_empty() || !failed.travelled.resolver || proven(Path::Resolver);
        let tls = !failed.travelled.tls || proven(Path::Tls);
        let anything = !families.is_empty() || failed.travelled.resolver || failed.travelled.tls;
        anything && family && resolver && tls
    }

    /// The paths that lack a proof.
    pub fn unproven(&self, failed: &Failed) -> Vec<Path> {
        Path::ALL
            .iter()
            .copied()
            .filter(|&path| used(&failed.travelled, path))
            .filter(|&path| failed.reason == Some(Reason::Dns) || path != Path::Resolver)
            .filter(|&path| !self.answered_since(path, failed.travelled.host, failed.ended_at))
            .collect()
    }
}

/// The last counted failure of a check that is about to be confirmed.
#[derive(Debug, Clone, Copy)]
pub struct Failed {
    /// What it went over.
    pub travelled: Travelled,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why it failed.
    pub reason: Option<Reason>,
}

/// Whether a judged result proves anything about our own side: something outside our network
/// that did its work.
pub fn is_answer(judged: &Judged) -> bool {
    judged.travelled.outside && matches!(judged.verdict, Verdict::Up | Verdict::Degraded)
}

/// Whether a probe went over a path.
pub(super) fn used(travelled: &Travelled, path: Path) -> bool {
    match path {
        Path::Resolver => travelled.resolver,
        Path::Ipv4 => travelled.ipv4,
        Path::Ipv6 => travelled.ipv6,
        Path::Tls => travelled.tls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    #[test]
    fn only_another_host_after_the_failure_on_the_same_path_proves_it() {
        let v4 = |host| Travelled { host, ipv4: true, outside: true, ..Travelled::default() };
        let failed = Failed { travelled: v4(1), ended_at: at(10), reason: Some(Reason::Connect) };
        let mut answers = Answers::default();
        answers.note(&v4(1), at(11), None);
        assert!(!answers.prove(&failed), "its own answer proves nothing");
        answers.note(&v4(2), at(10), Some(7));
        assert!(!answers.prove(&failed), "not after the failure");
        answers.note(&Travelled { host: 3, ipv6: true, ..Travelled::default() }, at(12), None);
        assert!(!answers.prove(&failed), "another path");
        assert_eq!(answers.witnesses(&failed).collect::<Vec<_>>(), [7]);
        answers.note(&v4(2), at(11), Some(7));
        assert!(answers.prove(&failed));
        let tls = Failed { travelled: Travelled { tls: true, ..v4(1) }, ..failed };
        assert!(!answers.prove(&tls));
        assert_eq!(answers.unproven(&tls), [Path::Tls]);
        assert!(!answers.prove(&Failed { travelled: Travelled::default(), ..failed }), "no path, no proof");
    }
}
