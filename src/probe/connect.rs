//! From a host and a port to a connected socket: look-up, address policy, queue, and a TCP
//! connection by happy eyeballs (RFC 8305).

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::Sleep;

use crate::clock::{Clock, monotonic};
use crate::model::check::Phase;
use crate::model::observation::Fault;
use crate::model::verdict::Reason;
use crate::probe::Freshness;
use crate::probe::detail::fault;
use crate::probe::policy::{Policy, Zone};
use crate::probe::prepare::DESCRIPTORS_EACH;
use crate::probe::queue::{Hosts, Place};
use crate::probe::resolve::Names;
use crate::probe::trace::Trace;

/// Addresses tried per connection.
const ATTEMPTS_MAX: usize = 6;

/// An attempt that has not connected after this time gets company (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// What all connections share.
pub(super) struct Connector {
    pub(super) names: Names,
    pub(super) policy: Policy,
    pub(super) hosts: Rc<Hosts>,
    source_addresses: Vec<IpAddr>,
    next_source: Cell<usize>,
    /// Descriptors for addresses that are tried beside those which each probe may try by itself.
    spare: RefCell<Arc<Semaphore>>,
}

/// Where to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// A name or an address literal, without brackets.
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// Connect here instead of looking up the host.
    pub(super) pinned: Option<SocketAddr>,
    /// Where the hop lies that redirected here.
    pub(super) before: Option<Zone>,
}

/// A connection and the place in the queue that it occupies.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) stream: TcpStream,
    pub(super) place: Place,
    pub(super) zone: Zone,
}

impl Connector {
    /// A connector with these parts, and so many spare descriptors.
    pub(super) fn new(
        names: Names,
        policy: Policy,
        hosts: Rc<Hosts>,
        source_addresses: Vec<IpAddr>,
        spare: usize,
    ) -> Self {
        let spare = RefCell::new(Arc::new(Semaphore::new(spare)));
        Self { names, policy, hosts, source_addresses, next_source: Cell::new(0), spare }
    }

    /// Names and addresses that are remembered.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.names.len(), self.hosts.len())
    }

    /// From now on there are so many spare descriptors.
    pub(super) fn spare(&self, descriptors: usize) {
        *self.spare.borrow_mut() = Arc::new(Semaphore::new(descriptors));
    }

    /// Whether a probe with so many attempts under way may begin another one, and what it must
    /// hold meanwhile.
    fn room(&self, running: usize) -> Result<Option<OwnedSemaphorePermit>, TryAcquireError> {
        if running < DESCRIPTORS_EACH {
            return Ok(None);
        }
        Arc::clone(&self.spare.borrow()).try_acquire_owned().map(Some)
    }

    /// Connects; phases and addresses stand in the trace, whatever comes of it.
    pub(super) async fn connect(
        &self,
        target: Target<'_>,
        freshness: Freshness,
        clock: &Clock,
        trace: &Trace,
    ) -> Result<Connected, Fault> {
        let candidates = self.candidates(target, freshness, clock, trace).await?;
        trace.enter(Phase::Connect);
        let began = monotonic();
        let attempt = match candidates.as_slice() {
            [(address, zone)] => self.attempt(*address, *zone, trace).await?,
            several => self.race(several, trace).await?,
        };
        trace.connecting.borrow_mut().clear();
        let elapsed = monotonic().duration_since(began);
        trace.wait(attempt.waited);
        trace.leave_as(elapsed.saturating_sub(attempt.waited));
        let Attempt { address, connected, .. } = attempt;
        trace.address.set(Some((address, connected.zone)));
        trace.travel(|travelled| {
            travelled.outside = connected.zone == Zone::Public;
            travelled.ipv4 = address.is_ipv4();
            travelled.ipv6 = address.is_ipv6();
        });
        Ok(connected)
    }

    /// The addresses that may be tried, families interleaved.
    async fn candidates(
        &self,
        target: Target<'_>,
        freshness: Freshness,
        clock: &Clock,
        trace: &Trace,
    ) -> Result<Vec<(SocketAddr, Zone)>, Fault> {
        let literal = match target.pinned {
            Some(pinned) => Some(pinned),
            None => target.host.parse().ok().map(|address| SocketAddr::new(address, target.port)),
        };
        if let Some(address) = literal {
            return Ok(vec![(address, self.judge(address, target.before)?)]);
        }
        trace.enter(Phase::Resolve);
        let resolved = self.names.resolve(target.host, freshness, clock, trace).await?;
        trace.leave_as(resolved.took);
        let (mut six, mut four) = (Vec::new(), Vec::new());
        let mut refused = None;
        for address in resolved.addresses {
            let address = SocketAddr::new(address, target.port);
            match self.judge(address, target.before) {
                Ok(zone) if address.is_ipv6() => six.push((address, zone)),
                Ok(zone) => four.push((address, zone)),
                Err(fault) => refused = Some(fault),
            }
        }
        let mut candidates = Vec::with_capacity(ATTEMPTS_MAX);
        let (mut six, mut four) = (six.into_iter(), four.into_iter());
        while candidates.len() < ATTEMPTS_MAX {
            let before = candidates.len();
            candidates.extend(six.next());
            candidates.extend(four.next());
            if candidates.len() == before {
                break;
            }
        }
        if candidates.is_empty() {
            return Err(refused.unwrap_or_else(|| {
                fault(Reason::ProbeFault, Some(Phase::Resolve), "no source address fits the addresses of this host")
            }));
        }
        Ok(candidates)
    }

    /// Whether policy and source addresses allow an address.
    fn judge(&self, address: SocketAddr, before: Option<Zone>) -> Result<Zone, Fault> {
        let zone = self.policy.judge(address.ip(), before).map_err(|refusal| {
            fault(Reason::ProbeFault, Some(Phase::Connect), format!("address {} {refusal}", address.ip()))
        })?;
        if self.source_addresses.is_empty()
            || self.source_addresses.iter().any(|own| own.is_ipv4() == address.is_ipv4())
        {
            Ok(zone)
        } else {
            let words = format!("no [probing] source_addresses is of the family of {}", address.ip());
            Err(fault(Reason::ProbeFault, Some(Phase::Connect), words))
        }
    }

    /// One connection, after waiting for a place.
    async fn attempt(&self, address: SocketAddr, zone: Zone, trace: &Trace) -> Result<Attempt, Fault> {
        let queued = monotonic();
        if trace.address.get().is_none() || trace.connecting.borrow().is_empty() {
            trace.address.set(Some((address, zone)));
        }
        trace.queued.set(Some((address.ip(), queued)));
        trace.placed.set(None);
        let place = self.hosts.enter(address).await?;
        let placed = monotonic();
        trace.placed.set(Some(placed));
        let waited = placed.duration_since(queued);
        trace.connecting.borrow_mut().push(address);
        trace.travel(|travelled| {
            travelled.ipv4 |= address.is_ipv4();
            travelled.ipv6 |= address.is_ipv6();
            travelled.outside |= zone == Zone::Public;
        });
        match self.open(address).await {
            Ok(stream) => Ok(Attempt { address, waited, connected: Connected { stream, place, zone } }),
            Err(error) => {
                trace.connecting.borrow_mut().retain(|other| *other != address);
                let fault = io_fault(&error, Phase::Connect, address);
                if fault.reason != Reason::ProbeFault {
                    self.hosts.failed(address, &fault);
                }
                Err(fault)
            }
        }
    }

    async fn open(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if !self.source_addresses.is_empty() {
            let turn = self.next_source.get();
            self.next_source.set(turn.wrapping_add(1));
            let own: Vec<IpAddr> =
                self.source_addresses.iter().copied().filter(|own| own.is_ipv4() == address.is_ipv4()).collect();
            if let Some(own) = own.get(turn % own.len().max(1)) {
                socket.bind(SocketAddr::new(*own, 0))?;
            }
        }
        socket.connect(address).await
    }

    /// The first of several addresses that connects. An attempt that fails is followed by the
    /// next at once, one that hangs after [`STAGGER`], or later if descriptors are short.
    async fn race(&self, candidates: &[(SocketAddr, Zone)], trace: &Trace) -> Result<Attempt, Fault> {
        let mut waiting = candidates.iter();
        let mut running: Vec<Running<'_>> = Vec::new();
        let mut stagger: Option<Pin<Box<Sleep>>> = None;
        let mut worst: Option<Fault> = None;
        poll_fn(|context| {
            loop {
                let mut index = 0;
                while let Some(attempt) = running.get_mut(index) {
                    match attempt.as_mut().poll(context) {
                        Poll::Ready(Ok(attempt)) => return Poll::Ready(Ok(attempt)),
                        Poll::Ready(Err(failed)) => {
                            drop(running.swap_remove(index));
                            stagger = None;
                            // What the target did weighs more than what our own side cannot do.
                            if worst.as_ref().is_none_or(|known| known.reason == Reason::ProbeFault) {
                                worst = Some(failed);
                            }
                        }
                        Poll::Pending => index += 1,
                    }
                }
                let due = match stagger.as_mut() {
                    Some(sleep) => sleep.as_mut().poll(context).is_ready(),
                    None => true,
                };
                if due && waiting.len() > 0 {
                    let room = self.room(running.len());
                    trace.untried.set(room.is_err());
                    if let Ok(room) = room
                        && let Some(&(address, zone)) = waiting.next()
                    {
                        running.push(Box::pin(async move {
                            let _room = room;
                            self.attempt(address, zone, trace).await
                        }));
                    }
                    stagger = Some(Box::pin(tokio::time::sleep(STAGGER)));
                    continue;
                }
                if running.is_empty() {
                    let none = || fault(Reason::ProbeFault, Some(Phase::Connect), "there is no address to try");
                    return Poll::Ready(Err(worst.take().unwrap_or_else(none)));
                }
                if due {
                    stagger = None;
                }
                return Poll::Pending;
            }
        })
        .await
    }
}

/// A connection and how long it waited for its place.
struct Attempt {
    address: SocketAddr,
    waited: Duration,
    connected: Connected,
}

/// An attempt under way.
type Running<'a> = Pin<Box<dyn Future<Output = Result<Attempt, Fault>> + 'a>>;

/// What an IO error means. What our own side lacks is never the target's fault.
pub(super) fn io_fault(error: &io::Error, phase: Phase, place: impl Display) -> Fault {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    let ours = matches!(
        errno,
        Some(
            Errno::NETUNREACH
                | Errno::ADDRNOTAVAIL
                | Errno::ADDRINUSE
                | Errno::MFILE
                | Errno::NFILE
                | Errno::NOBUFS
                | Errno::NOMEM
                | Errno::ACCESS
                | Errno::PERM
                | Errno::AFNOSUPPORT
                | Errno::INVAL
                | Errno::NETDOWN
        )
    );
    let (reason, words) = match error.kind() {
        _ if ours => (Reason::ProbeFault, format!("our own side cannot reach {place}: {error}")),
        io::ErrorKind::TimedOut => (Reason::Timeout, format!("{place} does not answer")),
        io::ErrorKind::ConnectionRefused => (Reason::Connect, format!("{place} refuses the connection")),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            (Reason::Connect, format!("{place} reset the connection"))
        }
        io::ErrorKind::UnexpectedEof => (Reason::Protocol, format!("{place} closed the connection too early")),
        _ if phase <= Phase::Connect => (Reason::Connect, format!("{place} cannot be reached: {error}")),
        _ => (Reason::Connect, format!("the connection to {place} broke: {error}")),
    };
    fault(reason, Some(phase), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_our_own_side_lacks_is_not_the_targets_fault() {
        let reason = |errno: Errno| {
            io_fault(&io::Error::from_raw_os_error(errno.raw_os_error()), Phase::Connect, "the server").reason
        };
        for ours in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::ADDRNOTAVAIL, Errno::NETUNREACH] {
            assert_eq!(reason(ours), Reason::ProbeFault, "{ours}");
        }
        for theirs in [Errno::CONNREFUSED, Errno::CONNRESET, Errno::HOSTUNREACH] {
            assert_eq!(reason(theirs), Reason::Connect, "{theirs}");
        }
        assert_eq!(reason(Errno::TIMEDOUT), Reason::Timeout);
    }
}
