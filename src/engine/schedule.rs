//! What is due, on the monotonic clock: requests spread by hash, without overlap.
//!
//! A request's slots lie at `phase + k × interval` of wall time, with the phase from a hash of the
//! request, so that a restart or a reload keeps them and no two hosts' worth of requests start
//! together. The first probe after a start comes sooner, spread over a short window that keeps
//! the rate near the steady one. Retries stand beside the slots. A slot that comes while the
//! request is in flight is passed over and counted. What its target must be spared comes later
//! (`restraint`).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::time::Duration;

use crate::engine::restraint::Restraint;
use crate::model::time::millis;

/// At the start at most this many requests a second begin, unless the steady rate is higher.
pub const START_RATE: u32 = 50;

/// At the start the first probes are spread over at least this.
pub const START_WINDOW_MIN: Duration = Duration::from_secs(2);

/// An unplanned probe that finds no room comes again so much later.
const UNPLANNED_LATER: Duration = Duration::from_secs(1);

/// A request to schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A hash that stays the same over restarts.
    pub key: u64,
    /// How often.
    pub interval: Duration,
    /// Its deadline.
    pub timeout: Duration,
    /// A hash of whom it asks, host and port; none for a name.
    pub site: Option<u64>,
}

/// A probe to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Index of the request.
    pub request: u32,
    /// When it was planned, since the schedule's origin.
    pub slot: Duration,
    /// Whether it is a retry or another unplanned probe.
    pub unplanned: bool,
}

/// The schedule. Times are durations since its origin, which lies at a known wall time.
#[derive(Debug)]
pub struct Schedule {
    timings: Vec<Timing>,
    flights: Vec<Flight>,
    /// (when, request, unplanned)
    queue: BinaryHeap<Reverse<(Duration, u32, bool)>>,
    restraint: Restraint,
    unplanned_in_flight: usize,
    origin_ms: i64,
    skipped: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Flight {
    in_flight: bool,
    /// What is in flight was not planned.
    is_unplanned: bool,
    /// An unplanned probe is queued for then.
    unplanned_at: Option<Duration>,
}

impl Schedule {
    /// Plans every request. `origin_ms` is the wall time of the origin, `now` the time since it.
    /// What is `known` (by key) was probed lately and goes on at its next slot.
    pub fn new(timings: Vec<Timing>, origin_ms: i64, now: Duration, known: impl Fn(u64) -> bool) -> Self {
        let count = u32::try_from(timings.iter().filter(|timing| !known(timing.key)).count()).unwrap_or(u32::MAX);
        let window = Duration::from_secs_f64(f64::from(count) / f64::from(START_RATE)).max(START_WINDOW_MIN);
        let mut schedule = Self {
            flights: vec![Flight::default(); timings.len()],
            timings: Vec::new(),
            queue: BinaryHeap::with_capacity(timings.len()),
            restraint: Restraint::default(),
            unplanned_in_flight: 0,
            origin_ms,
            skipped: 0,
        };
        for (timing, request) in timings.iter().zip(0u32..) {
            let first = if window < timing.interval && !known(timing.key) {
                let share = phase_ms(timing) as f64 / interval_ms(timing) as f64;
                now + window.mul_f64(share)
            } else {
                schedule.next_slot(timing, Duration::ZERO, now)
            };
            schedule.queue.push(Reverse((first, request, false)));
        }
        schedule.timings = timings;
        schedule
    }

    /// The first slot of a request that lies at least half an interval after `slot` and after
    /// `now`: what was missed is not made up for.
    fn next_slot(&self, timing: &Timing, slot: Duration, now: Duration) -> Duration {
        let interval = interval_ms(timing);
        let earliest = if slot.is_zero() { now } else { (slot + timing.interval / 2).max(now) };
        let earliest_ms = i64::try_from(earliest.as_millis()).unwrap_or(i64::MAX / 2);
        let into = (self.origin_ms + earliest_ms - phase_ms(timing)).rem_euclid(interval);
        Duration::from_millis(u64::try_from(earliest_ms + interval - into).unwrap_or(0))
    }

    /// When something is due next.
    pub fn next(&self) -> Option<Duration> {
        self.queue.peek().map(|Reverse((at, ..))| *at)
    }

    /// Slots passed over because their request was still in flight.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Takes the next probe that is due, an unplanned one only while fewer than so many are in
    /// flight. The request counts as in flight until [`Self::finished`].
    pub fn pop_due(&mut self, now: Duration, unplanned_max: usize) -> Option<Due> {
        while self.next()? <= now {
            let Reverse((slot, request, unplanned)) = self.queue.pop()?;
            let (Some(&timing), Some(flight)) =
                (self.timings.get(request as usize), self.flights.get_mut(request as usize))
            else {
                continue;
            };
            let in_flight = flight.in_flight;
            if unplanned {
                if flight.unplanned_at != Some(slot) {
                    continue;
                }
                flight.unplanned_at = None;
            } else {
                let next = self.next_slot(&timing, slot, now);
                self.queue.push(Reverse((next, request, false)));
            }
            if in_flight {
                self.skipped += u64::from(!unplanned);
                continue;
            }
            let held_back = if unplanned && self.unplanned_in_flight >= unplanned_max {
                Some(now + UNPLANNED_LATER)
            } else {
                self.restraint.holds_back(request, unplanned, &timing, now)
            };
            if let Some(until) = held_back {
                self.probe_at(request, until);
                continue;
            }
            let Some(flight) = self.flights.get_mut(request as usize) else { continue };
            (flight.in_flight, flight.is_unplanned) = (true, unplanned);
            self.unplanned_in_flight += usize::from(unplanned);
            return Some(Due { request, slot, unplanned });
        }
        None
    }

    /// The request is not in flight any more.
    pub fn finished(&mut self, request: u32) {
        let Some(flight) = self.flights.get_mut(request as usize).filter(|flight| flight.in_flight) else { return };
        flight.in_flight = false;
        if flight.is_unplanned {
            self.unplanned_in_flight -= 1;
            self.restraint.landed(request);
        }
    }

    /// A probe that began at `started` came back from `address`, which may have asked to be left
    /// alone for so long.
    pub fn heard(
        &mut self,
        request: u32,
        address: IpAddr,
        wait: Option<Duration>,
        (started, now): (Duration, Duration),
    ) {
        if let Some(timing) = self.timings.get(request as usize) {
            self.restraint.heard((request, timing), (address, wait), (started, now));
        }
    }

    /// Addresses that are remembered for what they are spared.
    pub fn addresses(&self) -> usize {
        self.restraint.addresses()
    }

    /// Plans an unplanned probe, unless one is planned for earlier.
    pub fn probe_at(&mut self, request: u32, at: Duration) {
        let Some(flight) = self.flights.get_mut(request as usize) else { return };
        if flight.unplanned_at.is_none_or(|planned| planned > at) {
            flight.unplanned_at = Some(at);
            self.queue.push(Reverse((at, request, true)));
        }
    }
}

/// FNV-1a: a hash that is the same on every machine and in every release.
pub fn stable_key(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn interval_ms(timing: &Timing) -> i64 {
    millis(timing.interval).max(1)
}

/// Where in its interval a request's slots lie.
fn phase_ms(timing: &Timing) -> i64 {
    let interval = u64::try_from(interval_ms(timing)).unwrap_or(1);
    i64::try_from(timing.key % interval).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Runs a schedule whose probes end at once and lists when each request began.
    fn starts(schedule: &mut Schedule, until: Duration) -> Vec<(u64, u32)> {
        let mut starts = Vec::new();
        while let Some(at) = schedule.next().filter(|at| *at <= until) {
            while let Some(due) = schedule.pop_due(at, usize::MAX) {
                starts.push((u64::try_from(due.slot.as_millis()).expect("small"), due.request));
                schedule.finished(due.request);
            }
        }
        starts
    }

    #[test]
    fn slots_keep_their_phase_over_a_restart() {
        let timing = Timing { key: 12_345, interval: seconds(60), timeout: seconds(10), site: None };
        for origin_ms in [0, 7_000, 1_793_491_200_000] {
            let starts = starts(&mut Schedule::new(vec![timing], origin_ms, seconds(0), |_| false), seconds(300));
            let slots: Vec<i64> = starts
                .iter()
                .skip(1)
                .map(|(at, _)| (origin_ms + i64::try_from(*at).expect("small")) % 60_000)
                .collect();
            assert!(slots.len() >= 4 && slots.iter().all(|slot| *slot == 12_345), "{slots:?}");
        }
    }

    #[test]
    fn a_start_is_spread_and_its_peak_stays_near_the_steady_rate() {
        let timings: Vec<Timing> = (0..10_000u64)
            .map(|n| Timing {
                key: n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                interval: seconds(60),
                timeout: seconds(10),
                site: None,
            })
            .collect();
        let mut schedule = Schedule::new(timings, 1_793_491_217_000, seconds(0), |_| false);
        let starts = starts(&mut schedule, seconds(240));
        let mut per_second = vec![0u32; 241];
        for (at, _) in &starts {
            per_second[usize::try_from(at / 1000).expect("small")] += 1;
        }
        let steady = 10_000.0 / 60.0;
        let peak = per_second.iter().copied().max().expect("some");
        assert!(f64::from(peak) <= 1.5 * steady, "peak {peak} at {steady}/s");
        let first_minute: std::collections::BTreeSet<u32> =
            starts.iter().filter(|(at, _)| *at <= 60_000).map(|(_, request)| *request).collect();
        assert_eq!(first_minute.len(), 10_000, "all are first probed within one interval");
    }

    #[test]
    fn what_is_in_flight_is_not_started_again_and_what_was_missed_is_not_made_up_for() {
        let mut schedule = Schedule::new(
            vec![Timing { key: 0, interval: seconds(10), timeout: seconds(10), site: None }],
            0,
            seconds(0),
            |_| false,
        );
        let first = schedule.pop_due(seconds(0), usize::MAX).expect("the first probe");
        assert_eq!(schedule.pop_due(seconds(35), usize::MAX), None);
        assert_eq!(schedule.skipped(), 1);
        schedule.finished(first.request);
        schedule.probe_at(0, seconds(36));
        schedule.probe_at(0, seconds(37));
        let retry = schedule.pop_due(seconds(36), usize::MAX).expect("the retry");
        assert!(retry.unplanned);
        schedule.finished(0);
        assert_eq!(schedule.pop_due(seconds(39), usize::MAX), None, "one retry, and the slots of 10 to 30 are gone");
        assert_eq!(schedule.pop_due(seconds(40), usize::MAX).map(|due| due.slot), Some(seconds(40)));
    }
}
