//! The last probes in full, for editors and admins who look for a cause: everything of late, and
//! of each check the last failures for longer. Bounded as a whole, not per check, where it grows.

use std::collections::{BTreeMap, VecDeque};

use crate::model::observation::Observation;
use crate::model::verdict::Verdict;

/// Most probes kept of all checks together.
const RECENT_MAX: usize = 4_096;

/// Most failures kept of one check …
const FAILURES_PER_CHECK_MAX: usize = 20;

/// … and of all together.
const FAILURES_MAX: usize = 4_096;

/// The last probes.
#[derive(Debug, Default)]
pub(super) struct Recent {
    all: VecDeque<(u32, Verdict, Observation)>,
    /// By check; the order in which they came stands in `failed`.
    failures: BTreeMap<u32, VecDeque<Observation>>,
    failed: VecDeque<u32>,
}

impl Recent {
    /// Keeps what a probe of a check saw.
    pub(super) fn note(&mut self, check: u32, verdict: Verdict, observation: Observation) {
        if verdict != Verdict::Up {
            let failures = self.failures.entry(check).or_default();
            if failures.len() >= FAILURES_PER_CHECK_MAX {
                failures.pop_front();
            } else {
                self.failed.push_back(check);
            }
            failures.push_back(observation.clone());
            while self.failed.len() > FAILURES_MAX {
                let Some(oldest) = self.failed.pop_front() else { break };
                if let Some(failures) = self.failures.get_mut(&oldest) {
                    failures.pop_front();
                    if failures.is_empty() {
                        self.failures.remove(&oldest);
                    }
                }
            }
        }
        if self.all.len() >= RECENT_MAX {
            self.all.pop_front();
        }
        self.all.push_back((check, verdict, observation));
    }

    /// Forgets everything: checks have other numbers now.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What is kept of a check, newest first: its last probes, and before them failures.
    pub(super) fn of(&self, check: u32) -> Vec<&Observation> {
        let recent: Vec<_> =
            self.all.iter().rev().filter(|(of, ..)| *of == check).map(|(.., observation)| observation).collect();
        let oldest = recent.last().map(|observation| observation.started_at);
        let failures = self.failures.get(&check).into_iter().flatten().rev();
        let before = failures.filter(|failure| oldest.is_none_or(|oldest| failure.started_at < oldest));
        recent.iter().copied().chain(before).collect()
    }
}
