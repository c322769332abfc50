//! What the system counts of this process, under the names that every Prometheus client uses. Read from
//! `/proc` at each scrape; what cannot be read keeps its last value.

use std::fs;

use prometheus::{Counter, Gauge, IntGauge, Registry};
use rustix::process::{Resource, getrlimit};

/// The clock ticks in which Linux tells times of processes (`USER_HZ`), in a second.
const TICKS_A_SECOND: f64 = 100.0;

/// The process as it was at the last scrape. Cloning shares it.
#[derive(Clone)]
pub(super) struct Process {
    cpu: Counter,
    resident: IntGauge,
    virtual_memory: IntGauge,
    threads: IntGauge,
    open_fds: IntGauge,
    max_fds: IntGauge,
    start: Gauge,
}

impl Process {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let cpu = Counter::new("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")?;
        registry.register(Box::new(cpu.clone()))?;
        let start = Gauge::new("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")?;
        registry.register(Box::new(start.clone()))?;
        Ok(Self {
            cpu,
            resident: gauge("process_resident_memory_bytes", "Resident memory size in bytes.")?,
            virtual_memory: gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")?,
            threads: gauge("process_threads", "Number of OS threads in the process.")?,
            open_fds: gauge("process_open_fds", "Number of open file descriptors.")?,
            max_fds: gauge("process_max_fds", "Maximum number of open file descriptors.")?,
            start,
        })
    }

    /// Looks anew.
    pub(super) fn look(&self) {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::read) {
            let grown = stat.cpu_seconds - self.cpu.get();
            self.cpu.inc_by(grown.max(0.0));
            self.threads.set(stat.threads);
            if let Some(booted) = fs::read_to_string("/proc/stat").ok().as_deref().and_then(booted) {
                self.start.set(booted + stat.started_after_boot);
            }
        }
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            for (key, gauge) in [("VmRSS:", &self.resident), ("VmSize:", &self.virtual_memory)] {
                if let Some(bytes) = kilobytes(&status, key) {
                    gauge.set(bytes);
                }
            }
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            self.open_fds.set(i64::try_from(open.count()).unwrap_or(i64::MAX));
        }
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        self.max_fds.set(i64::try_from(most).unwrap_or(i64::MAX));
    }
}

/// What is read of `/proc/self/stat`.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: i64,
    started_after_boot: f64,
}

impl Stat {
    /// Counted behind the name, which stands in parentheses and may hold spaces (proc(5)): `utime` and
    /// `stime` are the 14th and 15th field, `num_threads` the 20th, `starttime` the 22nd.
    fn read(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS_A_SECOND,
            threads: fields.get(17)?.parse().ok()?,
            started_after_boot: ticks(22)? / TICKS_A_SECOND,
        })
    }
}

/// When the machine was started, as Unix time.
fn booted(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn kilobytes(status: &str, key: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<i64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_moves_no_field() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 5 0 12345 1000 200";
        assert_eq!(Stat::read(text), Some(Stat { cpu_seconds: 2.0, threads: 5, started_after_boot: 123.45 }));
        assert_eq!(Stat::read("7 (a) S 1"), None);
        assert_eq!(booted("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000.0));
        assert_eq!(kilobytes("VmSize:\t  20 kB\nVmRSS:\t   10 kB\n", "VmRSS:"), Some(10_240));
        assert_eq!(kilobytes("VmRSS:\t many kB\n", "VmRSS:"), None);
    }

    #[test]
    fn this_process_is_seen_and_its_counter_never_falls() {
        let process = Process::new(&Registry::new()).unwrap();
        process.look();
        let before = process.cpu.get();
        process.look();
        assert!(process.cpu.get() >= before);
        assert!(process.resident.get() > 1_000_000 && process.virtual_memory.get() >= process.resident.get());
        assert!(process.threads.get() >= 1 && process.open_fds.get() >= 3);
        assert!(process.max_fds.get() > process.open_fds.get());
        assert!(process.start.get() > 1_700_000_000.0);
    }
}
