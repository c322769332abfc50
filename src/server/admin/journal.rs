//! What the audit log learns of sign-ins and sign-outs, and of whoever was refused before the loop was asked.
//!
//! Anybody may be refused, so refusals have a ration: what goes beyond it is counted in the next
//! entry. No address and no token is kept.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};

use crate::clock::{monotonic, system_time};
use crate::desk::PREFIX;
use crate::model::access::{AuditRecord, Outcome};
use crate::server::admin::Interface;
use crate::server::admin::refusal::Refusal;

/// Who it is called whom nobody knows.
pub(super) const NOBODY: &str = "nobody";
/// Most entries of refusals within [`WINDOW`].
const REFUSED_MAX: u32 = 60;
/// The time in which they are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// What somebody wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct What<'a> {
    /// The method, or what there is no method for.
    pub(super) action: &'a str,
    /// The path.
    pub(super) subject: &'a str,
}

impl<'a> What<'a> {
    /// To sign in.
    pub(super) const SIGN_IN: What<'static> = What::at_the_desk("sign-in");

    const fn at_the_desk(action: &'a str) -> Self {
        Self { action, subject: PREFIX }
    }
}

/// How many refusals were recorded lately.
#[derive(Debug, Default)]
pub(super) struct Ration(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    since: Option<Instant>,
    recorded: u32,
    passed_over: u64,
}

impl Ration {
    /// Whether one more may be recorded; if so, how many were passed over since the last.
    fn take(&self, now: Instant) -> Option<u64> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            (counted.since, counted.recorded) = (Some(now), 0);
        }
        if counted.recorded >= REFUSED_MAX {
            counted.passed_over = counted.passed_over.saturating_add(1);
            return None;
        }
        counted.recorded += 1;
        Some(std::mem::take(&mut counted.passed_over))
    }
}

impl Interface {
    /// Records that somebody signed in or out. Nobody gets in unrecorded.
    pub(super) async fn record(&self, actor: &str, action: &str, with: &str) -> Result<(), Refusal> {
        let what = What::at_the_desk(action);
        self.write(actor, what, Outcome::Done, StatusCode::SEE_OTHER, json!({ "with": with })).await
    }

    /// Records that somebody was refused, as far as the ration goes. They are answered all the same if
    /// that cannot be written.
    pub(super) async fn record_refused(&self, actor: &str, what: What<'_>, status: StatusCode, mut detail: Value) {
        let Some(passed_over) = self.refused.take(monotonic()) else { return };
        if let (Value::Object(fields), 1..) = (&mut detail, passed_over) {
            fields.insert("passed_over".to_owned(), passed_over.into());
        }
        // A store that cannot be written was logged.
        drop(self.write(actor, what, Outcome::Refused, status, detail).await);
    }

    async fn write(
        &self,
        actor: &str,
        what: What<'_>,
        outcome: Outcome,
        status: StatusCode,
        detail: Value,
    ) -> Result<(), Refusal> {
        let record = AuditRecord {
            at: system_time(),
            actor: actor.to_owned(),
            action: what.action.to_owned(),
            subject: what.subject.to_owned(),
            outcome,
            status: status.as_u16(),
            detail: detail.to_string(),
            position: None,
        };
        self.look_up(move |tokens| tokens.record(&record)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_beyond_the_ration_are_counted() {
        let (ration, start) = (Ration::default(), monotonic());
        let taken: Vec<_> = (0..70).map(|_| ration.take(start)).collect();
        assert_eq!(taken.iter().filter(|taken| **taken == Some(0)).count(), 60);
        assert_eq!(taken.last(), Some(&None));
        assert_eq!(ration.take(start + WINDOW), Some(10));
        assert_eq!(ration.take(start + WINDOW), Some(0));
    }
}
