//! Probes in flight: started as local tasks, their results gathered for the loop.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::clock::{Clock, monotonic};
use crate::engine::schedule::UNPLANNED_BURST;
use crate::model::time::Timestamp;
use crate::probe::prepare::{Prepared, PreparedRequest};
use crate::probe::{Facts, Freshness, Prober};

/// A probe that ended.
pub(super) struct Landed {
    /// Index of its request.
    pub(super) request: u32,
    /// The generation of requests it belongs to.
    pub(super) generation: u32,
    /// When it was planned.
    pub(super) slot: Timestamp,
    /// When it was started.
    pub(super) started: Instant,
    /// Whether it was unplanned.
    pub(super) unplanned: bool,
    /// What it saw; `None` if it panicked.
    pub(super) facts: Option<Facts>,
}

/// References that were asked, and what came back.
pub(super) struct Referred {
    /// When they were asked.
    pub(super) started: Instant,
    /// What they saw.
    pub(super) facts: Vec<Facts>,
}

/// Where results wait for the loop.
#[derive(Default)]
pub(super) struct Landing {
    probes: RefCell<Vec<Landed>>,
    references: RefCell<Vec<Referred>>,
    in_flight: Cell<u32>,
    /// Woken by each result.
    pub(super) arrived: Notify,
}

impl Landing {
    pub(super) fn take(&self) -> (Vec<Landed>, Vec<Referred>) {
        (self.probes.take(), self.references.take())
    }

    pub(super) const fn in_flight(&self) -> &Cell<u32> {
        &self.in_flight
    }
}

/// What a probe needs to fly.
#[derive(Clone)]
pub(super) struct Crew {
    pub(super) prober: Rc<Prober>,
    pub(super) prepared: Rc<Prepared>,
    pub(super) landing: Rc<Landing>,
    pub(super) clock: Clock,
    pub(super) generation: u32,
}

/// Starts a probe. A panic in it is caught: it is a defect of ours and tells nothing about the
/// target.
pub(super) fn start(crew: &Crew, request: u32, slot: Timestamp, unplanned: bool) {
    let crew = crew.clone();
    crew.landing.in_flight.set(crew.landing.in_flight.get() + 1);
    tokio::task::spawn_local(async move {
        let started = monotonic();
        let freshness = if unplanned { Freshness::Fresh } else { Freshness::MayReuseDns };
        let facts = match crew.prepared.requests.get(request as usize) {
            Some(prepared) => caught(crew.prober.run(prepared, freshness, &crew.clock)).await,
            None => None,
        };
        let landing = &crew.landing;
        landing.in_flight.set(landing.in_flight.get().saturating_sub(1));
        landing.probes.borrow_mut().push(Landed {
            request,
            generation: crew.generation,
            slot,
            started,
            unplanned,
            facts,
        });
        landing.arrived.notify_one();
    });
}

/// Asks every reference at once; they are few.
pub(super) fn refer(crew: &Crew, references: &Rc<Vec<PreparedRequest>>) {
    let (crew, references) = (crew.clone(), Rc::clone(references));
    tokio::task::spawn_local(async move {
        let started = monotonic();
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..references.len() {
            let (crew, references) = (crew.clone(), Rc::clone(&references));
            tasks.spawn_local(async move {
                let reference = references.get(index)?;
                Some(crew.prober.run(reference, Freshness::Fresh, &crew.clock).await)
            });
        }
        while let Some(ended) = tasks.join_next().await {
            // Each answer counts at once: a slow reference does not hold back a quick one.
            if let Ok(Some(facts)) = ended {
                crew.landing.references.borrow_mut().push(Referred { started, facts: vec![facts] });
                crew.landing.arrived.notify_one();
            }
        }
        crew.landing.references.borrow_mut().push(Referred { started, facts: Vec::new() });
        crew.landing.arrived.notify_one();
    });
}

/// Runs a future and catches its panic.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_panic) => Poll::Ready(None),
    })
    .await
}

/// Keeps us from becoming the attack: unplanned probes of one address come one at a time, in a
/// small burst, and beyond it at the address's steady rate, so that it never sees more than twice
/// that.
#[derive(Debug, Default)]
pub(super) struct Unplanned {
    addresses: HashMap<IpAddr, Bucket>,
    known: Vec<Option<IpAddr>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
    steady_per_second: f64,
    /// How many requests were led here by their last probe.
    requests: u32,
    in_flight: bool,
}

impl Unplanned {
    /// The request's address, as its last probe found it, with the request's interval.
    pub(super) fn learn(&mut self, request: u32, address: IpAddr, interval: Duration, now: Instant) {
        let index = request as usize;
        if self.known.len() <= index {
            self.known.resize(index + 1, None);
        }
        let Some(known) = self.known.get_mut(index) else { return };
        if *known == Some(address) {
            return;
        }
        let rate = 1.0 / interval.as_secs_f64().max(0.001);
        if let Some(before) = known.replace(address)
            && let Some(bucket) = self.addresses.get_mut(&before)
        {
            bucket.steady_per_second -= rate;
            bucket.requests -= 1;
            // A name that has another address each time must not fill the memory.
            if bucket.requests == 0 {
                self.addresses.remove(&before);
            }
        }
        let bucket = self.addresses.entry(address).or_insert(Bucket {
            tokens: UNPLANNED_BURST,
            filled_at: now,
            steady_per_second: 0.0,
            requests: 0,
            in_flight: false,
        });
        bucket.steady_per_second += rate;
        bucket.requests += 1;
    }

    /// Whether an unplanned probe may start now; if not, how long to wait.
    pub(super) fn admit(&mut self, request: u32, now: Instant) -> Result<(), Duration> {
        let address = self.known.get(request as usize).copied().flatten();
        let Some(bucket) = address.and_then(|address| self.addresses.get_mut(&address)) else { return Ok(()) };
        let rate = bucket.steady_per_second.max(0.001);
        let filled = now.saturating_duration_since(bucket.filled_at).as_secs_f64() * rate;
        bucket.tokens = (bucket.tokens + filled).min(UNPLANNED_BURST);
        bucket.filled_at = now;
        if bucket.in_flight {
            return Err(Duration::from_millis(200));
        }
        if bucket.tokens < 1.0 {
            return Err(Duration::from_secs_f64(((1.0 - bucket.tokens) / rate).clamp(0.2, 60.0)));
        }
        bucket.tokens -= 1.0;
        bucket.in_flight = true;
        Ok(())
    }

    /// An unplanned probe ended.
    pub(super) fn landed(&mut self, request: u32) {
        let address = self.known.get(request as usize).copied().flatten();
        if let Some(bucket) = address.and_then(|address| self.addresses.get_mut(&address)) {
            bucket.in_flight = false;
        }
    }

    /// Addresses that are remembered: those of the requests in force.
    pub(super) fn addresses(&self) -> usize {
        self.addresses.len()
    }

    /// Forgets which request is which, after a reload.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_names_on_one_address_get_at_most_twice_the_steady_rate() {
        let start = monotonic();
        let mut unplanned = Unplanned::default();
        let address = IpAddr::from([192, 0, 2, 1]);
        for request in 0..1000 {
            unplanned.learn(request, address, Duration::from_secs(60), start);
        }
        let mut admitted = 0;
        // A minute long every one of them wants to be confirmed, ten times a second.
        for tick in 0..600u64 {
            let now = start + Duration::from_millis(tick * 100);
            for request in 0..1000 {
                if unplanned.admit(request, now).is_ok() {
                    admitted += 1;
                    unplanned.landed(request);
                }
            }
        }
        assert!((900..=1_003).contains(&admitted), "{admitted} at a steady 1,000 a minute");
    }

    #[test]
    fn addresses_that_nobody_is_led_to_any_more_are_forgotten() {
        let start = monotonic();
        let mut unplanned = Unplanned::default();
        for turn in 0..50_000u32 {
            for request in 0..3 {
                let address = IpAddr::from((0x0a00_0000 + 3 * turn + request).to_be_bytes());
                unplanned.learn(request, address, Duration::from_secs(60), start);
            }
            assert!(unplanned.addresses() <= 3);
        }
        // One address of all of them is one address.
        for request in 0..3 {
            unplanned.learn(request, IpAddr::from([192, 0, 2, 1]), Duration::from_secs(60), start);
        }
        assert_eq!(unplanned.addresses(), 1);
        assert_eq!((unplanned.admit(0, start), unplanned.admit(1, start).is_err()), (Ok(()), true));
        unplanned.landed(0);
        assert_eq!(unplanned.admit(1, start), Ok(()));
    }

    #[tokio::test]
    async fn a_panic_is_caught() {
        assert_eq!(caught(async { 1 }).await, Some(1));
        assert_eq!(
            caught(async {
                if true {
                    panic!("injected")
                }
            })
            .await,
            None
        );
    }
}
