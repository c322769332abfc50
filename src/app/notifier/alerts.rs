//! Telling every Alertmanager what stands, when that changed and again and again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::notifier::work::{Done, Work};
use crate::clock::monotonic;
use crate::model::incident::Incident;
use crate::model::notify::Channel;
use crate::model::time::Timestamp;
use crate::notify::Outcome;
use crate::notify::alertmanager::{self, Alert, RESEND};
use crate::notify::facts::Facts;
use crate::publish::{escape, wording};

/// Alertmanager is told of changes at most so often.
const ALERT_EVERY: Duration = Duration::from_secs(5);

/// What Alertmanager was told.
#[derive(Default)]
pub(super) struct Said {
    alerts: Vec<Alert>,
    closing: Vec<Alert>,
    at: Option<Instant>,
    position: u64,
    /// Instances that are being told.
    pub(super) busy: BTreeSet<usize>,
    /// Instances that failed the last time.
    failed: BTreeSet<usize>,
}

impl Work {
    /// Tells every instance what stands.
    pub(super) fn alert(&mut self, now: Timestamp) {
        let Some(instances) = self.order.ways.alertmanager.clone() else { return };
        let storage = self.storage.fails_since();
        let facts = match &self.facts {
            Some(facts) => Arc::clone(facts),
            // Nothing is known but that the store fails.
            None if storage.is_some() => {
                Arc::new(Facts { at: now, catalogue: Arc::clone(self.catalogue()), ..Facts::default() })
            }
            None => return,
        };
        let since = self.said.at.map(|at| monotonic().saturating_duration_since(at));
        let changed = self.said.position != facts.position || !self.said.failed.is_empty();
        let is_due = since.is_none_or(|since| since >= if changed { ALERT_EVERY } else { RESEND });
        if !is_due {
            return;
        }
        let language = facts.catalogue.site.language().to_owned();
        let title = |incident: &Incident| escape::line(&wording::body(&incident.title, "de", &language));
        let mut alerts = alertmanager::alerts(&facts, &title, storage, now);
        let ended = alertmanager::ended(&self.said.alerts, &alerts, now);
        self.said.closing.extend(ended);
        let stands = |alert: &Alert| alerts.iter().any(|other| other.labels == alert.labels);
        self.said.closing.retain(|alert| alert.ended_at.is_some_and(|at| now.since(at) < RESEND * 5) && !stands(alert));
        self.said.alerts.clone_from(&alerts);
        alerts.extend(self.said.closing.iter().cloned());
        (self.said.at, self.said.position) = (Some(monotonic()), facts.position);
        if alerts.is_empty() {
            self.said.failed.clear();
            return;
        }
        let bodies = alertmanager::bodies(&alerts, now);
        for (instance, url) in instances.urls.iter().cloned().enumerate() {
            if !self.said.busy.insert(instance) {
                continue;
            }
            let (instances, bodies) = (instances.clone(), bodies.clone());
            self.flying.spawn(async move {
                let mut outcome = Outcome::Accepted;
                for body in bodies {
                    let sent = instances.send(&url, body).await;
                    if sent != Outcome::Accepted {
                        outcome = sent;
                    }
                }
                Done::Alerts { instance, outcome }
            });
        }
    }

    pub(super) fn alerted(&mut self, instance: usize, outcome: &Outcome) {
        self.said.busy.remove(&instance);
        let word = if *outcome == Outcome::Accepted { "sent" } else { "retried" };
        self.order.metrics.notifications.with_label_values(&[Channel::Alertmanager.as_str(), word]).inc();
        match outcome {
            Outcome::Accepted => {
                if self.said.failed.remove(&instance) {
                    tracing::info!("Alertmanager {} is told again", instance + 1);
                }
            }
            Outcome::Later(why, _) | Outcome::Unreachable(why) | Outcome::Refused(why) | Outcome::Gone(why) => {
                if self.said.failed.insert(instance) {
                    tracing::error!("Alertmanager {} is not told: {}", instance + 1, escape::terminal(why));
                }
            }
        }
    }
}
