//! What the loop tells whoever watches the program: gauges of its own, and readings for the metrics.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use prometheus::IntGauge;

use crate::app::core::Core;
use crate::engine::measure;
use crate::model::time::Timestamp;

/// Readings are handed to the metrics at most once a second, and with more checks than this
/// less often, so that it stays a small part of the work.
const MEASURED_A_SECOND: u32 = 2_000;

impl Core {
    pub(super) fn measure(&mut self, now: Instant, at: Timestamp) {
        let checks = u32::try_from(self.readings.len()).unwrap_or(u32::MAX);
        let every = (Duration::from_secs(1) * checks / MEASURED_A_SECOND).max(Duration::from_secs(1));
        if now.duration_since(self.measured_at) < every {
            return;
        }
        self.measured_at = now;
        let gauges = self.outbox.writer().gauges();
        set(&self.metrics.history_queue_depth, gauges.queue_depth as u64);
        let undurable = gauges.undurable_transitions + self.outbox.unsent();
        set(&self.metrics.history_undurable_transitions, undurable as u64);
        set(&self.metrics.history_wal_bytes, gauges.wal_bytes);
        set(&self.metrics.history_dropped_results, gauges.dropped_results + self.outbox.dropped_results());
        set(&self.metrics.schedule_skipped_slots, self.schedule.skipped());
        set(&self.metrics.log_lines_dropped, self.shared.log_lines_dropped.load(Ordering::Relaxed));
        self.count_held();
        if std::mem::take(&mut self.measured_anything) {
            let (public, operations) = measure(&self.state, &self.readings, &self.targets, at);
            self.shared.measurements.store(Arc::new(public));
            self.shared.operations.store(Arc::new(operations));
        }
    }

    /// Says how much is held of what grows by what others do.
    fn count_held(&self) {
        let (document_bytes, documents) = self.outbox.documents().size();
        set(&self.metrics.document_cache_bytes, document_bytes);
        let probing = self.crew.prober.held();
        for (what, count) in [
            ("document", documents),
            ("name", probing.names),
            ("address", probing.addresses + self.schedule.addresses()),
            ("certificate_chain", probing.chains),
            ("timer", self.state.timers()),
        ] {
            set(&self.metrics.held.with_label_values(&[what]), count as u64);
        }
    }
}

fn set(gauge: &IntGauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
