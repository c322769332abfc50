//! A limit on log lines per minute, so that a mass outage does not flood the log.

use std::time::{Duration, Instant};

/// Lines a minute about probes and transitions; the rest is counted and told once.
const LINES_A_MINUTE: u32 = 60;

/// The limit.
#[derive(Debug)]
pub(super) struct LogLimit {
    began: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl LogLimit {
    pub(super) const fn new() -> Self {
        Self { began: None, lines: 0, suppressed: 0 }
    }

    /// Whether one more line may be written now.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        if self.began.is_none_or(|began| now.duration_since(began) >= Duration::from_secs(60)) {
            if self.suppressed > 0 {
                tracing::warn!("{} log lines about probes were left out in the last minute", self.suppressed);
            }
            *self = Self { began: Some(now), lines: 0, suppressed: 0 };
        }
        self.lines += 1;
        if self.lines > LINES_A_MINUTE {
            self.suppressed += 1;
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_sixty_lines_a_minute_pass() {
        let start = crate::clock::monotonic();
        let mut limit = LogLimit::new();
        let passed = (0..6000).filter(|&n| limit.allows(start + Duration::from_millis(n * 100))).count();
        assert_eq!(passed, 600);
    }
}
