//! Observation → verdict and reason.

use std::time::Duration;

use crate::model::check::{Check, Probe};
use crate::model::observation::Observation;
use crate::model::time::Timestamp;
use crate::model::verdict::{Reason, Verdict};

/// A clock that reads earlier than this is wrong: this program did not exist yet.
pub const BUILT_AFTER: Timestamp = Timestamp::from_millis(1_793_491_200_000);

/// A step of the clock beyond this puts certificate verdicts off until the clock is confirmed.
pub const STEP_DISTRUSTED: Duration = Duration::from_secs(300);

/// At most so long are certificate verdicts put off.
pub const DISTRUST_MAX: Duration = Duration::from_secs(600);

/// A `Date` header within this of our clock confirms it.
const DATE_AGREES_WITHIN: Duration = Duration::from_secs(300);

/// Judges an observation. While the clock is distrusted, a refused certificate may be our own
/// fault.
pub fn judge(observation: &Observation, clock_trusted: bool) -> (Verdict, Option<Reason>) {
    let Some(fault) = observation.fault() else {
        return (Verdict::Up, None);
    };
    let reason = if fault.reason == Reason::Certificate && !clock_trusted { Reason::ProbeFault } else { fault.reason };
    (reason.verdict(), Some(reason))
}

/// Whether the clock can be trusted: after a large step, or a start before the build date, up to
/// three hosts' `Date` headers must agree with it, at most ten minutes long.
#[derive(Debug, Clone, Default)]
pub struct ClockTrust {
    distrusted_since: Option<Timestamp>,
    agreed: Vec<u64>,
    hosts: usize,
}

impl ClockTrust {
    /// At the start: `hosts` HTTP hosts are probed in all.
    pub fn at_start(now: Timestamp, hosts: usize) -> Self {
        Self { distrusted_since: (now < BUILT_AFTER).then_some(now), agreed: Vec::new(), hosts }
    }

    /// The clock was set.
    pub fn stepped(&mut self, by_ms: i64, now: Timestamp) {
        if Duration::from_millis(by_ms.unsigned_abs()) > STEP_DISTRUSTED {
            self.distrusted_since = Some(now);
            self.agreed.clear();
        }
    }

    /// A host said what time it is.
    pub fn heard(&mut self, host: u64, date: Timestamp, now: Timestamp) {
        if self.distrusted_since.is_none() {
            return;
        }
        let difference = date.since(now).max(now.since(date));
        if difference <= DATE_AGREES_WITHIN && !self.agreed.contains(&host) {
            self.agreed.push(host);
        }
        if self.agreed.len() >= self.hosts.clamp(1, 3) {
            self.distrusted_since = None;
        }
    }

    /// Whether certificate verdicts count at `now`.
    pub fn is_trusted(&self, now: Timestamp) -> bool {
        self.distrusted_since.is_none_or(|since| now.since(since) >= DISTRUST_MAX)
    }
}

/// How many different HTTP hosts the checks ask.
pub fn http_hosts(checks: &[Check]) -> usize {
    let hosts: std::collections::BTreeSet<&str> = checks
        .iter()
        .filter_map(|check| match &check.probe {
            Probe::Http(http) => http.url.host_str(),
            Probe::Tls(_) | Probe::Tcp(_) | Probe::Dns(_) => None,
        })
        .collect();
    hosts.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_large_step_certificates_wait_until_three_hosts_agree() {
        let at = |minute: i64| Timestamp::from_millis(BUILT_AFTER.as_millis() + minute * 60_000);
        let mut trust = ClockTrust::at_start(at(0), 5);
        assert!(trust.is_trusted(at(0)));
        trust.stepped(-3_600_000, at(1));
        for host in [1, 1, 2] {
            trust.heard(host, at(1), at(1));
        }
        trust.heard(3, at(61), at(1));
        assert!(!trust.is_trusted(at(1)), "two agree, a third is an hour off");
        trust.heard(3, at(1), at(1));
        assert!(trust.is_trusted(at(1)));
        trust.stepped(400_000, at(2));
        assert!(!trust.is_trusted(at(11)));
        assert!(trust.is_trusted(at(12)), "at most ten minutes");
        assert!(!ClockTrust::at_start(Timestamp::default(), 0).is_trusted(Timestamp::default()));
    }
}
