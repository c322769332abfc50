//! Who may connect when: at most `per_host` probes at a time per address (the address, not the
//! name: a thousand names on one machine are one machine).
//!
//! A connection that fails is a fact for everyone who waits for the same address and port at
//! that moment; they need not knock again. Waiting behind a host that hangs is that host's
//! fault; waiting behind one that answers is ours.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::clock::monotonic;
use crate::model::observation::Fault;
use crate::model::verdict::Reason;
use crate::probe::detail::fault;

/// Failures remembered per address for those who wait: one per port, at most this many.
const FAILURES_MAX: usize = 8;

/// The queues of all addresses in use.
#[derive(Debug)]
pub(super) struct Hosts {
    per_host: usize,
    hosts: RefCell<HashMap<IpAddr, Rc<Host>>>,
}

#[derive(Debug)]
struct Host {
    permits: Arc<Semaphore>,
    /// Counts failures, so that a waiting probe knows which came after it.
    generation: Cell<u64>,
    failures: RefCell<Vec<(u16, u64, Fault)>>,
    failed: Notify,
    /// When a probe last had its answer from this address.
    answered: Cell<Option<Instant>>,
}

/// A place at an address: waited for, then held until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    hosts: Rc<Hosts>,
    address: IpAddr,
    host: Rc<Host>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.permit = None;
        // The map and this place: nobody else waits or holds.
        if Rc::strong_count(&self.host) <= 2 {
            self.hosts.hosts.borrow_mut().remove(&self.address);
        }
    }
}

impl Place {
    /// Notes that the target answered, so that those who wait know it does not hang.
    pub(super) fn answered(&self) {
        self.host.answered.set(Some(monotonic()));
    }
}

impl Hosts {
    /// Empty queues.
    pub(super) fn new(per_host: usize) -> Rc<Self> {
        Rc::new(Self { per_host: per_host.max(1), hosts: RefCell::default() })
    }

    /// Addresses with somebody at them or waiting.
    pub(super) fn len(&self) -> usize {
        self.hosts.borrow().len()
    }

    /// Most probes at a time per address.
    pub(super) const fn per_host(&self) -> usize {
        self.per_host
    }

    /// A place at `address`; or the failure that another probe met there meanwhile.
    pub(super) async fn enter(self: &Rc<Self>, address: SocketAddr) -> Result<Place, Fault> {
        let host =
            Rc::clone(self.hosts.borrow_mut().entry(address.ip()).or_insert_with(|| Rc::new(Host::new(self.per_host))));
        let seen = host.generation.get();
        let mut place = Place { hosts: Rc::clone(self), address: address.ip(), host, permit: None };
        if let Ok(permit) = Arc::clone(&place.host.permits).try_acquire_owned() {
            place.permit = Some(permit);
            return Ok(place);
        }
        let mut permit = pin!(Arc::clone(&place.host.permits).acquire_owned());
        loop {
            let failed = place.host.failed.notified();
            if let Some(fault) = place.host.failure_after(address.port(), seen) {
                return Err(fault);
            }
            // The failure first: whoever failed also gives up its permit.
            tokio::select! {
                biased;
                () = failed => {}
                permit = &mut permit => {
                    place.permit = Some(permit.map_err(|_closed| {
                        fault(Reason::ProbeFault, None, "the queue of this address was closed")
                    })?);
                    return Ok(place);
                }
            }
        }
    }

    /// Tells everyone who waits for `address` that it cannot be connected to.
    pub(super) fn failed(&self, address: SocketAddr, fault: &Fault) {
        let Some(host) = self.hosts.borrow().get(&address.ip()).map(Rc::clone) else { return };
        host.generation.set(host.generation.get() + 1);
        {
            let mut failures = host.failures.borrow_mut();
            failures.retain(|(port, _, _)| *port != address.port());
            if failures.len() >= FAILURES_MAX {
                failures.remove(0);
            }
            failures.push((address.port(), host.generation.get(), fault.clone()));
        }
        host.failed.notify_waiters();
    }

    /// Whether a probe had its answer from `address` since then: who waited meanwhile waited
    /// for us, not for the host.
    pub(super) fn answered_since(&self, address: IpAddr, since: Instant) -> bool {
        self.hosts.borrow().get(&address).and_then(|host| host.answered.get()).is_some_and(|answered| answered >= since)
    }
}

impl Host {
    fn new(per_host: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(per_host)),
            generation: Cell::new(0),
            failures: RefCell::default(),
            failed: Notify::new(),
            answered: Cell::new(None),
        }
    }

    fn failure_after(&self, port: u16, seen: u64) -> Option<Fault> {
        self.failures
            .borrow()
            .iter()
            .find(|(failed, generation, _)| *failed == port && *generation > seen)
            .map(|(_, _, fault)| fault.clone())
    }
}
