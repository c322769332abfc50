//! The door: accepts connections within the budget, shows out who dawdles, and at the end waits
//! for the answers in progress.
//!
//! Limits hit only when the whole budget is used up, and then whoever holds most of it first:
//! a town hall behind one address is no attack. What waits for its client is closed: for a
//! request, or for an answer to be taken.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use prometheus::IntGauge;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{interval, sleep};

use crate::server::connection::{Connection, Patience, Phase, Served, Ticks, Waits, Watched};
use crate::server::routes::{Service, Site};

/// Longest request head.
const HEAD_MAX_BYTES: usize = 16 * 1024;
/// Pause after the system refused a descriptor.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);
/// Ticks between two log lines about refusals.
const LOG_EVERY_TICKS: u32 = 60;
/// One in so many connections is closed at once when room is needed, so that a rush does not
/// sort them all for each newcomer.
const ROOM_SHARE: usize = 64;
/// Connections that one browser opens. Whoever holds fewer finds room among those without a
/// request, however few their owners hold.
const BROWSER_CONNECTIONS: usize = 6;
/// How long requests that are on their way may still arrive at the end.
const LAST_CALL: Duration = Duration::from_millis(20);

/// What a newcomer reads when no room can be made.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n\
Content-Length: 71\r\nCache-Control: no-store\r\nRetry-After: 5\r\nConnection: close\r\n\r\n\
{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503}      ";

/// The door of one listener.
pub(super) struct Door {
    pub(super) site: Arc<Site>,
    pub(super) connections_max: usize,
    pub(super) tick: Duration,
    pub(super) patience: Patience,
    pub(super) gauge: Option<IntGauge>,
    ticks: Arc<Ticks>,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    next: u64,
    connections: HashMap<u64, (Arc<Connection>, AbortHandle)>,
    logged_at: u32,
}

/// Takes a connection off the list when its task ends, however it ends.
struct Listed {
    door: Arc<Door>,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.door.lock().connections.remove(&self.number);
        if let Some(gauge) = &self.door.gauge {
            gauge.dec();
        }
    }
}

impl Door {
    pub(super) fn new(
        site: Arc<Site>,
        connections_max: usize,
        tick: Duration,
        patience: Patience,
        gauge: Option<IntGauge>,
    ) -> Arc<Self> {
        let (ticks, inside) = (Arc::new(Ticks::new()), Mutex::default());
        Arc::new(Self { site, connections_max, tick, patience, gauge, ticks, inside })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing of others runs under this lock.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts until `stop` says so, then waits at most `drain` for the answers in progress.
    pub(super) async fn run(self: Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>, drain: Duration) {
        let sweeping = Arc::clone(&self);
        let sweep = tokio::spawn(async move { sweeping.sweep().await });
        let mut http = http1::Builder::new();
        // The sweep watches over slow headers. 100 header lines are hyper's own limit.
        http.writev(true).half_close(true).header_read_timeout(None).max_buf_size(HEAD_MAX_BYTES);
        loop {
            let accepted = tokio::select! {
                // A dropped handle stops the server too.
                _ = stop.wait_for(|stop| *stop) => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(&http, stream, peer),
                Err(error) => self.refused(&error).await,
            }
        }
        drop(listener);
        self.drain(drain).await;
        sweep.abort();
    }

    fn admit(self: &Arc<Self>, http: &http1::Builder, stream: TcpStream, peer: SocketAddr) {
        if self.lock().connections.len() >= self.connections_max && self.make_room(Some(peer.ip())) == 0 {
            self.log(|| "all connections are in use; newcomers get 503".to_owned());
            // As far as the empty buffer of a new socket takes it, which is the whole of it.
            drop(stream.try_write(FULL));
            return;
        }
        if stream.set_nodelay(true).is_err() {
            // The client has already left.
            return;
        }
        let connection = Arc::new(Connection::new(peer.ip(), Arc::clone(&self.ticks)));
        let service = Service::new(Arc::clone(&self.site), Arc::clone(&connection));
        let served = http.serve_connection(Watched::new(stream, Arc::clone(&connection)), service);
        let served = Served::new(served, Arc::clone(&connection));
        let number = {
            let mut inside = self.lock();
            inside.next += 1;
            inside.next
        };
        let listed = Listed { door: Arc::clone(self), number };
        if let Some(gauge) = &self.gauge {
            gauge.inc();
        }
        let task = tokio::spawn(async move {
            let _listed = listed;
            if let Err(error) = served.await {
                tracing::debug!("a connection ended: {error}");
            }
        });
        // The task cannot have ended before it is listed: it runs on this thread.
        self.lock().connections.insert(number, (connection, task.abort_handle()));
    }

    /// Closes connections that wait for their client, those of the network with most of them
    /// first, in it those without a request before those that do not read, the longest waiting
    /// first. A newcomer takes nothing from another network that holds no more than its own.
    /// Returns how many.
    fn make_room(&self, newcomer: Option<IpAddr>) -> usize {
        let newcomer = newcomer.map(network);
        let mut inside = self.lock();
        let mut held: HashMap<IpAddr, usize> = HashMap::new();
        for (connection, _) in inside.connections.values() {
            *held.entry(network(connection.address)).or_default() += 1;
        }
        let of = |network: &IpAddr| held.get(network).copied().unwrap_or(0);
        let own = newcomer.as_ref().map_or(0, of);
        let candidate = |number: &u64, connection: &Connection| {
            let waits = connection.waits(&self.patience)?;
            let network = network(connection.address);
            let held = of(&network);
            let is_a_browser = own < BROWSER_CONNECTIONS && waits == Waits::ForRequest;
            let gives = held > own || newcomer == Some(network) || is_a_browser;
            gives.then(|| (Reverse(held), waits, connection.since(), *number))
        };
        let connections = inside.connections.iter();
        let mut waiting: Vec<_> =
            connections.filter_map(|(number, (connection, _))| candidate(number, connection)).collect();
        waiting.sort_unstable();
        let wanted = (self.connections_max / ROOM_SHARE).max(1);
        let mut closed = 0;
        for (.., number) in waiting.into_iter().take(wanted) {
            if let Some((_, task)) = inside.connections.remove(&number) {
                task.abort();
                closed += 1;
            }
        }
        closed
    }

    /// After `accept` failed.
    async fn refused(&self, error: &io::Error) {
        let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
        if !exhausted {
            // One client that left between knocking and entering.
            tracing::debug!("accepting a connection failed: {error}");
            return;
        }
        let closed = self.make_room(None);
        self.log(|| {
            format!(
                "cannot accept connections: {error}; closed {closed} waiting ones. Raise the limit of open files \
                 (LimitNOFILE= or ulimit -n) or lower max_connections under [server]"
            )
        });
        sleep(REFUSED_PAUSE).await;
    }

    /// A warning, unless there was one lately.
    fn log(&self, message: impl FnOnce() -> String) {
        let now = self.ticks.now();
        let due = {
            let mut inside = self.lock();
            let due = inside.logged_at == 0 || now.saturating_sub(inside.logged_at) >= LOG_EVERY_TICKS;
            if due {
                inside.logged_at = now;
            }
            due
        };
        if due {
            tracing::warn!("{}", message());
        }
    }

    async fn sweep(&self) {
        let mut every = interval(self.tick);
        loop {
            every.tick().await;
            let now = self.ticks.advance();
            for (connection, task) in self.lock().connections.values() {
                if connection.is_overdue(now, &self.patience) {
                    task.abort();
                }
            }
        }
    }

    async fn drain(&self, patience: Duration) {
        if let Some(public) = &self.site.public {
            public.streams.close();
        }
        sleep(LAST_CALL.min(patience)).await;
        for (connection, task) in self.lock().connections.values() {
            match connection.phase() {
                Phase::Idle | Phase::Header => task.abort(),
                Phase::Handling | Phase::Writing | Phase::Streaming => connection.make_last(),
            }
        }
        let step = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        while waited < patience && !self.lock().connections.is_empty() {
            sleep(step).await;
            waited += step;
        }
        for (_, task) in self.lock().connections.values() {
            task.abort();
        }
    }
}

/// What counts as one visitor: an IPv4 address, or an IPv6 network of 64 bits.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_is_whole() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["status"], 503);
    }

    #[test]
    fn visitors_are_counted_by_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
