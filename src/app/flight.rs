//! Probes in flight: started as local tasks, their results gathered for the loop.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use tokio::sync::Notify;

use crate::clock::{Clock, monotonic};
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
        landing.probes.borrow_mut().push(Landed { request, generation: crew.generation, slot, started, facts });
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

#[cfg(test)]
mod tests {
    use super::*;

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
