//! The program's own counters and its log.
//!
//! Per-component families are not here: they are written from the snapshot by `publish::metrics`.

mod process;

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::model::notify::Channel;
use crate::model::verdict::{Path, Verdict};
use crate::telemetry::process::Process;

/// The program's own metrics. Cloning shares them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    process: Process,
    /// Probes that ended.
    pub probes: IntCounterVec,
    /// How late probes started.
    pub schedule_lag: Lag,
    /// Requests answered.
    pub http_requests: IntCounterVec,
    /// Batches that wait for the disk.
    pub history_queue_depth: IntGauge,
    /// Transitions that are published but not yet on disk.
    pub history_undurable_transitions: IntGauge,
    /// Size of the write-ahead log.
    pub history_wal_bytes: IntGauge,
    /// Results that were dropped because the disk did not keep up.
    pub history_dropped_results: IntGauge,
    /// Paths of our own that are cut.
    pub vantage_blind: IntGaugeVec,
    /// Whether the last reload succeeded.
    pub config_last_reload_successful: IntGauge,
    /// When what is shown was last called fresh, as Unix time.
    pub alive: IntGauge,
    /// Probes in flight.
    pub probes_in_flight: IntGauge,
    /// 1 if the site could be written as files the last time.
    pub export_last_run_successful: IntGauge,
    /// Slots passed over because their request was still in flight.
    pub schedule_skipped_slots: IntGauge,
    /// Probes that panicked.
    pub probe_panics: IntGauge,
    /// Open public connections.
    pub http_connections: IntGauge,
    /// Open streams of events.
    pub http_event_streams: IntGauge,
    /// Bytes of documents kept.
    pub document_cache_bytes: IntGauge,
    /// Entries of tables that grow by what others do.
    pub held: IntGaugeVec,
    /// Log lines that were dropped.
    pub log_lines_dropped: IntGauge,
    /// Attempts to deliver messages.
    pub notifications: IntCounterVec,
    /// Messages on their way; `NaN` while the store cannot be asked.
    pub notify_queue: Gauge,
    /// Messages that were given up; likewise.
    pub notify_dead_letters: Gauge,
}

impl Metrics {
    /// Registers every family.
    ///
    /// # Errors
    /// Only if a family is declared twice, which a test would show.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let known_at_times = |name: &str, help: &str| -> Result<Gauge, prometheus::Error> {
            let gauge = Gauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let counter = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let schedule_lag = Histogram::with_opts(
            HistogramOpts::new(
                "turmwacht_schedule_lag_seconds",
                "How much later than planned probes started, in seconds.",
            )
            .buckets(vec![0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0]),
        )?;
        registry.register(Box::new(schedule_lag.clone()))?;
        let gauges = |name: &str, help: &str, label: &str| -> Result<IntGaugeVec, prometheus::Error> {
            let gauges = IntGaugeVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(gauges.clone()))?;
            Ok(gauges)
        };
        let vantage_blind = gauges(
            "turmwacht_vantage_blind",
            "1 while a path of our own is cut, so that failures over it prove nothing.",
            "path",
        )?;
        for path in Path::ALL {
            vantage_blind.with_label_values(&[path.as_str()]).set(0);
        }
        let build = gauges("turmwacht_build_info", "1, with the version as label.", "version")?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let probes =
            counter("turmwacht_probes_total", "Probes that ended, by kind and verdict.", &["kind", "verdict"])?;
        for kind in ["http", "tls", "tcp", "dns"] {
            for verdict in Verdict::ALL {
                probes.with_label_values(&[kind, verdict.as_str()]).inc_by(0);
            }
        }
        let notifications = counter(
            "turmwacht_notifications_total",
            "Attempts to deliver messages, by channel and outcome: sent, retried, dead.",
            &["channel", "outcome"],
        )?;
        for channel in Channel::ALL {
            for outcome in ["sent", "retried", "dead"] {
                notifications.with_label_values(&[channel.as_str(), outcome]).inc_by(0);
            }
        }
        Ok(Self {
            probes,
            schedule_lag: Lag { histogram: schedule_lag, last: Arc::default() },
            http_requests: counter(
                "turmwacht_http_requests_total",
                "Requests answered to the public and to editors, by route and status code.",
                &["route", "code"],
            )?,
            history_queue_depth: gauge("turmwacht_history_queue_depth", "Batches that wait for the disk.")?,
            history_undurable_transitions: gauge(
                "turmwacht_history_undurable_transitions",
                "Transitions that are decided but not yet on disk.",
            )?,
            history_wal_bytes: gauge("turmwacht_history_wal_bytes", "Size of the write-ahead log, in bytes.")?,
            history_dropped_results: gauge(
                "turmwacht_history_dropped_results",
                "Single results dropped since the start because the disk did not keep up.",
            )?,
            vantage_blind,
            config_last_reload_successful: gauge(
                "turmwacht_config_last_reload_successful",
                "1 if the files were good when they were last read.",
            )?,
            alive: gauge(
                "turmwacht_alive_timestamp_seconds",
                "When what is shown was last called fresh, as Unix time: each minute, while due probes come back.",
            )?,
            probes_in_flight: gauge("turmwacht_probes_in_flight", "Probes that have begun and not ended.")?,
            schedule_skipped_slots: gauge(
                "turmwacht_schedule_skipped_slots",
                "Planned probes passed over since the catalogue was adopted because the one before was still under way.",
            )?,
            probe_panics: gauge("turmwacht_probe_panics", "Probes that panicked since the start: a defect of ours.")?,
            http_connections: gauge("turmwacht_http_connections", "Open connections on the public listener.")?,
            http_event_streams: gauge(
                "turmwacht_http_event_streams",
                "Open streams of events, of those who follow along.",
            )?,
            document_cache_bytes: gauge(
                "turmwacht_document_cache_bytes",
                "Bytes of rendered documents kept in memory; at most [server] document_cache.",
            )?,
            held: held(&registry)?,
            log_lines_dropped: gauge(
                "turmwacht_log_lines_dropped",
                "Log lines dropped since the start because nobody read them fast enough.",
            )?,
            notifications,
            notify_queue: known_at_times(
                "turmwacht_notify_queue",
                "Messages to people and programs that are on their way; NaN while the store cannot be asked.",
            )?,
            notify_dead_letters: known_at_times(
                "turmwacht_notify_dead_letters",
                "Messages that were given up and are kept (`turmwacht notify list`); NaN while the store cannot be asked.",
            )?,
            export_last_run_successful: gauge(
                "turmwacht_export_last_run_successful",
                "1 if the site could be written as files the last time, 0 if not; 1 without an export.",
            )?,
            process: Process::new(&registry)?,
            registry,
        })
    }

    /// Appends every family in the Prometheus text format.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.process.look();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), out) {
            tracing::error!("metrics cannot be encoded: {error}");
        }
    }

    /// Appends every family as OpenMetrics, where a counter's family has its name without `_total`.
    /// The end mark is left to the last writer.
    pub fn write_openmetrics(&self, out: &mut Vec<u8>) {
        self.process.look();
        let families = self.registry.gather();
        let mut text = Vec::new();
        for family in &families {
            text.clear();
            if let Err(error) = TextEncoder::new().encode(std::slice::from_ref(family), &mut text) {
                tracing::error!("metrics cannot be encoded: {error}");
                continue;
            }
            let name = family.name();
            let described = name.strip_suffix("_total").unwrap_or(name);
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                let comment = [&b"# HELP "[..], b"# TYPE "].into_iter().find(|begin| line.starts_with(begin));
                match comment.and_then(|begin| Some((begin, line.strip_prefix(begin)?.strip_prefix(name.as_bytes())?)))
                {
                    Some((begin, rest)) => {
                        out.extend_from_slice(begin);
                        out.extend_from_slice(described.as_bytes());
                        out.extend_from_slice(rest);
                    }
                    None => out.extend_from_slice(line),
                }
            }
        }
    }
}

/// The family that tells how much is held.
fn held(registry: &Registry) -> Result<IntGaugeVec, prometheus::Error> {
    let help = "Entries held in memory by what they are; each kind has a bound: documents of pages and feeds, names \
        and addresses that probes were led to, certificate chains seen, timers set.";
    let held = IntGaugeVec::new(Opts::new("turmwacht_held", help), &["what"])?;
    registry.register(Box::new(held.clone()))?;
    Ok(held)
}

/// Starts of probes that are remembered for people who look at the lateness.
const LAGS_MAX: usize = 1_024;

/// How late probes start: a histogram for metrics, and the last starts for people. Cloning shares them.
#[derive(Clone)]
pub struct Lag {
    histogram: Histogram,
    last: Arc<Mutex<VecDeque<f64>>>,
}

/// How late the last probes started, in seconds; nothing before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lately {
    /// How many they are.
    pub probes: usize,
    /// Half of them were not later.
    pub p50: Option<f64>,
    /// 99 of 100 were not later.
    pub p99: Option<f64>,
    /// None was later.
    pub max: Option<f64>,
}

impl Lag {
    /// A probe started so much later than planned.
    pub fn observe(&self, seconds: f64) {
        self.histogram.observe(seconds);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= LAGS_MAX {
            last.pop_front();
        }
        last.push_back(seconds);
    }

    /// The last starts.
    pub fn lately(&self) -> Lately {
        let mut sorted: Vec<f64> = self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let rank = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Lately { probes: sorted.len(), p50: rank(50), p99: rank(99), max: sorted.last().copied() }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// Lines that wait for a slow reader of stderr; one more is dropped and counted.
const LOG_LINES_MAX: usize = 4_096;

/// Panics told in full; beyond it only each whose number is a power of two.
const PANICS_TOLD: u64 = 20;

/// Starts the log on stderr and returns the count of dropped lines. Writing never blocks: a
/// thread of its own writes, and what it cannot keep up with is dropped; whoever reads on is told
/// how much that was. `RUST_LOG` overrides the level.
pub fn start_log(level: &str) -> Arc<AtomicU64> {
    let dropped = Arc::new(AtomicU64::new(0));
    let (sender, lines) = sync_channel::<Vec<u8>>(LOG_LINES_MAX);
    let writer = LogWriter { sender, dropped: Arc::clone(&dropped) };
    let lost = Arc::clone(&dropped);
    let thread = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_lines(&lines, &lost, &mut std::io::stderr()));
    let filter = EnvFilter::builder().with_default_directive(level.parse().unwrap_or_default()).from_env_lossy();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(writer);
    if thread.is_ok() {
        // A second call (in a test) leaves the first log in place.
        subscriber.try_init().unwrap_or_default();
    }
    let panics = AtomicU64::new(0);
    std::panic::set_hook(Box::new(move |panic| {
        let number = panics.fetch_add(1, Ordering::Relaxed) + 1;
        if number > PANICS_TOLD && !number.is_power_of_two() {
            return;
        }
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!("a defect: {} at {place}", crate::publish::escape::terminal(message));
    }));
    dropped
}

/// Writes the lines that come, and how many did not.
fn write_lines(lines: &Receiver<Vec<u8>>, dropped: &AtomicU64, out: &mut impl Write) {
    let mut told = 0;
    while let Ok(line) = lines.recv() {
        // If nobody reads stderr there is nobody to tell.
        out.write_all(&line).unwrap_or_default();
        let lost = dropped.load(Ordering::Relaxed);
        if lost != told {
            writeln!(out, "{} lines of this log were dropped, because nobody read them fast enough", lost - told)
                .unwrap_or_default();
            told = lost;
        }
    }
}

/// Hands each line to the log's thread.
#[derive(Clone)]
struct LogWriter {
    sender: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if self.sender.try_send(line.to_vec()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_nobody_reads_drops_lines_counts_them_and_tells_of_it_later() {
        let (sender, lines) = sync_channel(3);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut log = LogWriter { sender, dropped: Arc::clone(&dropped) };
        for line in ["one\n", "two\n", "three\n", "four\n", "five\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
        drop(log);
        let mut out = Vec::new();
        write_lines(&lines, &dropped, &mut out);
        let told = "one\n2 lines of this log were dropped, because nobody read them fast enough\ntwo\nthree\n";
        assert_eq!(String::from_utf8(out).unwrap(), told);
    }

    #[test]
    fn the_last_starts_are_remembered_and_no_more() {
        let lag = Metrics::new().unwrap().schedule_lag;
        assert_eq!(lag.lately(), Lately::default());
        lag.observe(9.0);
        assert_eq!(lag.lately(), Lately { probes: 1, p50: Some(9.0), p99: Some(9.0), max: Some(9.0) });
        for milliseconds in 0..LAGS_MAX {
            lag.observe(milliseconds as f64 / 1_000.0);
        }
        let Lately { probes, p50, p99, max } = lag.lately();
        assert_eq!((probes, p50, p99, max), (LAGS_MAX, Some(0.511), Some(1.013), Some(1.023)));
    }
}
