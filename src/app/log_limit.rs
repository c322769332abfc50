//! A limit on log lines per minute, so that a mass outage does not flood the log.

use std::time::{Duration, Instant};

/// Lines a minute about one thing; the rest is counted and told once.
const LINES_A_MINUTE: u32 = 20;

/// The limit of lines about one thing: what there is much of does not push out the lines about another.
#[derive(Debug)]
pub(super) struct LogLimit {
    about: &'static str,
    began: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl LogLimit {
    pub(super) const fn new(about: &'static str) -> Self {
        Self { about, began: None, lines: 0, suppressed: 0 }
    }

    /// Whether one more line may be written now.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        if self.began.is_none_or(|began| now.duration_since(began) >= Duration::from_secs(60)) {
            if self.suppressed > 0 {
                tracing::warn!("{} log lines about {} were left out in the last minute", self.suppressed, self.about);
            }
            *self = Self { began: Some(now), ..Self::new(self.about) };
        }
        self.lines += 1;
        if self.lines > LINES_A_MINUTE {
            self.suppressed += 1;
            return false;
        }
        true
    }
}

/// How much is written for people about what.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) probes: LogLimit,
    pub(super) checks: LogLimit,
    pub(super) incidents: LogLimit,
    pub(super) defects: LogLimit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            probes: LogLimit::new("probes"),
            checks: LogLimit::new("checks"),
            incidents: LogLimit::new("incidents"),
            defects: LogLimit::new("probes that panicked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_twenty_lines_a_minute_pass() {
        let start = crate::clock::monotonic();
        let mut limit = LogLimit::new("probes");
        let passed = (0..6000).filter(|&n| limit.allows(start + Duration::from_millis(n * 100))).count();
        assert_eq!(passed, 200);
    }
}
