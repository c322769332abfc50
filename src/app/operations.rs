//! `GET /api/v1/admin/operations`: how the program is, beside what the engine says of the checks.
//!
//! What the program counts of itself stands in the public `/metrics`, too, so every editor may read it.
//! The sentence about a fault of the store names files of the machine: that is for an admin of all.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::app::core::Core;
use crate::app::desk::json_reply;
use crate::model::editing::{Refusal, Subject};
use crate::model::event::MaintenancePhase;
use crate::model::notification::{Delivery, Notification};
use crate::model::oversight::{Listed, Oversight};
use crate::model::time::Timestamp;
use crate::model::verdict::Path;
use crate::server::desk::{AdminReply, AdminRequest};
use crate::telemetry::Lately;

/// Most promises of a kind that are told.
const OVERDUE_MAX: usize = 50;

impl Core {
    /// What whoever is on call looks at first.
    pub(super) fn oversee(&self, request: &AdminRequest, at: Timestamp) -> Result<AdminReply, Refusal> {
        let mut seen: Oversight = self.state.oversight(&request.editor, &self.readings, at)?;
        for failing in &mut seen.failing.listed {
            let last = self.recent.of(failing.index);
            failing.detail = last.iter().find_map(|observation| observation.fault()).map(|fault| fault.detail.clone());
        }
        let record = &self.state.record;
        let paths: Vec<Value> = Path::ALL
            .iter()
            .map(|path| json!({ "path": path.as_str(), "blind": record.blind.contains(path) }))
            .collect();
        let all = request.editor.is_admin_of_all();
        let body = json!({
            "at": at.to_string(),
            "all": all,
            "vantage": self.state.catalogue().watch.vantage,
            "health": self.published,
            "configuration": { "current": !self.config_stale, "version": record.catalogue_version },
            "paths": paths,
            "schedule": self.schedule(),
            "store": self.store(all),
            "notifications": if all { self.notifications() } else { Value::Null },
            "export": { "successful": self.metrics.export_last_run_successful.get() == 1 },
            "server": {
                "connections": self.metrics.http_connections.get(),
                "event_streams": self.metrics.http_event_streams.get(),
                "log_lines_dropped": self.shared.log_lines_dropped.load(Ordering::Relaxed),
            },
            "overdue": self.overdue(request, at),
            "checks": seen.checks,
            "failing": seen.failing,
            "slowest": seen.slowest,
            "certificates": seen.certificates,
        });
        Ok(json_reply(200, Vec::new(), &body))
    }

    fn schedule(&self) -> Value {
        let Lately { probes, p50, p99, max } = self.metrics.schedule_lag.lately();
        json!({
            "probes": probes,
            "lag_p50_s": p50,
            "lag_p99_s": p99,
            "lag_max_s": max,
            "in_flight": self.metrics.probes_in_flight.get(),
            "skipped_slots": self.metrics.schedule_skipped_slots.get(),
            "panics": self.metrics.probe_panics.get(),
        })
    }

    fn store(&self, with_fault: bool) -> Value {
        let gauges = self.outbox.writer().gauges();
        json!({
            "writable": self.outbox.is_writable() && gauges.last_error.is_none(),
            "queue_depth": gauges.queue_depth,
            "undurable_transitions": gauges.undurable_transitions + self.outbox.unsent(),
            "wal_bytes": gauges.wal_bytes,
            "dropped_results": gauges.dropped_results + self.outbox.dropped_results(),
            "fault": gauges.last_error.filter(|_| with_fault),
        })
    }

    /// Who is told of anything, and what became of messages.
    fn notifications(&self) -> Value {
        let Some(notifier) = self.outbox.notifier() else { return Value::Null };
        let board = notifier.board();
        let message = |message: &Notification| {
            json!({
                "id": message.id,
                "recipient": message.recipient,
                "subject": message.letter.subject,
                "created_at": message.created_at.to_string(),
                "state": message.state.as_str(),
                "attempts": message.attempts,
                "next_at": (message.state == Delivery::Pending).then(|| message.next_at.to_string()),
                "fault": message.fault,
            })
        };
        json!({
            "recipients": notifier.recipients(None),
            "pending": board.count.pending,
            "dead": board.count.dead,
            "newest": board.newest.iter().map(message).collect::<Vec<_>>(),
        })
    }

    /// Promises that were not kept and that this editor could keep: the oldest first.
    fn overdue(&self, request: &AdminRequest, at: Timestamp) -> Value {
        let record = &self.state.record;
        let may = |subject| self.state.may_change(&request.editor, &subject);
        let mut incidents: Vec<_> = record
            .incidents
            .values()
            .filter(|incident| incident.is_overdue(at) && may(Subject::Incident(incident.id.clone())))
            .collect();
        incidents.sort_by_key(|incident| (incident.next_update_by, incident.id.clone()));
        let incidents = Listed::first(OVERDUE_MAX, incidents);
        let mut maintenance: Vec<_> = record
            .maintenance
            .values()
            .filter(|notice| notice.phase == MaintenancePhase::Overrunning)
            .filter(|notice| may(Subject::Maintenance(notice.id.clone())))
            .collect();
        maintenance.sort_by_key(|notice| (notice.until.at, notice.id.clone()));
        let maintenance = Listed::first(OVERDUE_MAX, maintenance);
        json!({
            "incidents": {
                "listed": incidents.listed.iter().map(|incident| self.incident_line(incident, at)).collect::<Vec<_>>(),
                "more": incidents.more,
            },
            "maintenance": {
                "listed": maintenance.listed.iter().map(|notice| self.maintenance_line(notice)).collect::<Vec<_>>(),
                "more": maintenance.more,
            },
        })
    }
}
