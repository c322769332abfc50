//! The public HTTP server: bytes out, on a thread and a runtime of its own.
//!
//! It shares nothing with the probes but immutable snapshots and the editors' desk, so a rush of
//! visitors delays no probe. It renders nothing itself: documents come from `publish::documents`, the usual request
//! is one look-up in prepared answers. Links never come from a request; a host that is not ours
//! is refused.
//!
//! Architecture invariant: nothing in here blocks, and every wait, queue, table and message has
//! a bound.

mod accept;
mod admin;
mod body;
mod connection;
pub mod desk;
mod error;
mod events;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod health;
mod negotiate;
mod prepared;
mod request;
mod routes;
mod scrape;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::publish::documents::Documents;
use crate::server::accept::Door;
pub use crate::server::admin::{Admin, Authenticate};
use crate::server::admin::{Interface, LOOKUPS_MAX, Limits, Place};
use crate::server::connection::Patience;
use crate::server::events::Streams;
pub use crate::server::health::{Health, STOPPED_AFTER};
use crate::server::routes::{Hosts, Public, Site};
use crate::server::scrape::Scrapes;
pub use crate::server::scrape::WriteMetrics;
use crate::telemetry::Metrics;

/// Connections that the system holds until they are accepted.
const BACKLOG: i32 = 1024;
/// Streams of events at a time, if nobody says otherwise.
const STREAMS_MAX: usize = 10_000;
/// Connections on the operator's listener, which a few scrapers use, and on that of editors, if
/// nobody says otherwise.
pub const SIDE_CONNECTIONS_MAX: usize = 64;
/// Threads for metrics, per listener one that writes and one that compresses, for look-ups of editors,
/// and for the name of the provider where they sign in.
const BLOCKING_THREADS_MAX: usize = 6 + LOOKUPS_MAX;
/// Longest wait for those threads at the end.
const BLOCKING_WAIT: Duration = Duration::from_millis(100);
/// The sweep runs so many times within the shortest patience.
const TICKS_PER_PATIENCE: u32 = 8;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The public listener.
    pub listen: SocketAddr,
    /// The operator's metrics listener.
    pub metrics_listen: Option<SocketAddr>,
    /// Every absolute link begins with this; its host is ours.
    pub public_url: String,
    /// Further hosts of ours, with the id of the organisation whose page is their root, if any.
    pub hosts: Vec<(String, Option<String>)>,
    /// How editors get in; `None` = there is no admin interface.
    pub admin: Option<Admin>,
    /// Most public connections at a time.
    pub max_connections: usize,
    /// Most connections at a time on the operator's listener, and on the editors'.
    pub max_side_connections: usize,
    /// Proxies whose word counts, of readers of events, for whom they ask.
    pub trusted_proxies: Vec<IpNet>,
    /// Most streams of events at a time; never more than four fifths of the connections.
    pub max_streams: usize,
    /// Longest silence on a stream, about.
    pub stream_silence: Duration,
    /// Longest time from the first byte of a request to the last of its headers, and longest
    /// pause within a body.
    pub header_timeout: Duration,
    /// Longest time without a request, and for a whole body.
    pub idle_timeout: Duration,
    /// Longest time in which a client takes no byte of its answer.
    pub write_timeout: Duration,
    /// The same when others need room.
    pub stall_timeout: Duration,
    /// Longest wait for a document to be rendered.
    pub render_timeout: Duration,
    /// Longest wait for the loop's reply to an editor.
    pub reply_timeout: Duration,
    /// Longest wait for answers in progress at the end.
    pub drain_timeout: Duration,
}

impl ServerConfig {
    /// The defaults for an address and what stands before every absolute link.
    pub fn new(listen: SocketAddr, public_url: impl Into<String>, max_connections: usize) -> Self {
        Self {
            listen,
            metrics_listen: None,
            public_url: public_url.into(),
            hosts: Vec::new(),
            admin: None,
            max_connections,
            max_side_connections: SIDE_CONNECTIONS_MAX,
            trusted_proxies: Vec::new(),
            max_streams: STREAMS_MAX,
            stream_silence: Duration::from_secs(15),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(2),
            render_timeout: Duration::from_secs(10),
            reply_timeout: Duration::from_secs(15),
            drain_timeout: Duration::from_secs(3),
        }
    }
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerFault {
    /// Somebody else listens there.
    #[error("cannot listen on {address}: the port is in use; stop the other program or change `{key}` under [server]")]
    InUse {
        /// The address.
        address: SocketAddr,
        /// Its key in the configuration.
        key: &'static str,
    },
    /// A port below 1024.
    #[error(
        "cannot listen on {address}: not permitted; take a port from 1024 up for `{key}` under [server] and put a \
         reverse proxy before it, or grant CAP_NET_BIND_SERVICE"
    )]
    NotPermitted {
        /// The address.
        address: SocketAddr,
        /// Its key in the configuration.
        key: &'static str,
    },
    /// No interface has it.
    #[error("cannot listen on {address}: this machine has no such address; change `{key}` under [server]")]
    NoSuchAddress {
        /// The address.
        address: SocketAddr,
        /// Its key in the configuration.
        key: &'static str,
    },
    /// Anything else.
    #[error("cannot listen on {address} (`{key}` under [server])")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Its key in the configuration.
        key: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// There is no way to ask the provider where editors sign in.
    #[error("the provider of [oidc] cannot be asked: {0}")]
    Provider(String),
    /// No thread or no event queue.
    #[error("cannot start the server's thread")]
    Thread(#[source] io::Error),
}

/// A running server. Dropping it stops it without waiting; [`ServerHandle::shutdown`] waits.
#[derive(Debug)]
pub struct ServerHandle {
    local_addr: SocketAddr,
    metrics_addr: Option<SocketAddr>,
    admin_addr: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl ServerHandle {
    /// Where the public listener listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where the operator's metrics listener listens.
    pub const fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// Where the editors' own listener listens.
    pub const fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin_addr
    }

    /// Whether it still serves. A server that stopped by itself has met a defect: end the process.
    pub fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Stops accepting, finishes the answers in progress within the drain timeout, and returns.
    pub fn shutdown(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the server's thread had panicked");
        }
    }
}

/// Binds the listeners, so that what hinders them is known at once, and starts the server.
/// `public_metrics` write the families of the public listener, `internal_metrics` those for the operator.
///
/// # Errors
/// If a listener cannot be bound or a thread not be started.
pub fn start(
    config: ServerConfig,
    documents: Arc<Documents>,
    health: Arc<Health>,
    metrics: &Metrics,
    public_metrics: WriteMetrics,
    internal_metrics: WriteMetrics,
) -> Result<ServerHandle, ServerFault> {
    let listener = bind(config.listen, "listen")?;
    let local_addr = listener.local_addr().map_err(ServerFault::Thread)?;
    let metrics_listener = config.metrics_listen.map(|address| bind(address, "metrics_listen")).transpose()?;
    let metrics_addr = address_of(metrics_listener.as_ref())?;
    let admin_listen = config.admin.as_ref().and_then(|admin| admin.listen);
    let admin_listener = admin_listen.map(|address| bind(address, "admin_listen")).transpose()?;
    let admin_addr = address_of(admin_listener.as_ref())?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("metrics")
        .build()
        .map_err(ServerFault::Thread)?;

    let shortest = config.header_timeout.min(config.idle_timeout).min(config.write_timeout);
    let tick = (shortest / TICKS_PER_PATIENCE).clamp(Duration::from_millis(5), Duration::from_millis(500));
    let patience = Patience {
        idle: in_ticks(config.idle_timeout, tick),
        header: in_ticks(config.header_timeout, tick),
        write: in_ticks(config.write_timeout, tick),
        stall: in_ticks(config.stall_timeout, tick),
    };
    let hosts = Hosts::new(&config.public_url, local_addr, &config.hosts);
    let requests = metrics.http_requests.clone();
    let limits = Limits { pause: config.header_timeout, body: config.idle_timeout, reply: config.reply_timeout };
    let internal = Scrapes::new(internal_metrics);
    let interface = config.admin.as_ref().map(|admin| {
        let (hosts, documents, scrapes) = (hosts.clone(), Arc::clone(&documents), Arc::clone(&internal));
        Interface::new(admin, hosts, &config.public_url, documents, scrapes, requests.clone(), limits).map(Arc::new)
    });
    let interface = interface.transpose().map_err(ServerFault::Provider)?;
    let here = |interface: &Arc<Interface>| Place::Here(Arc::clone(interface));
    let streams = Streams::new(
        Arc::clone(&documents),
        config.max_streams,
        config.max_connections,
        config.stream_silence,
        metrics.http_event_streams.clone(),
    );
    let calling = Arc::clone(&streams);
    let site = Arc::new(Site {
        admin: match &admin_listener {
            Some(_) => Some(Place::Elsewhere(requests.clone())),
            None => interface.as_ref().map(here),
        },
        public: Some(Public {
            documents: Arc::clone(&documents),
            hosts,
            requests,
            render_wait: config.render_timeout,
            trusted_proxies: config.trusted_proxies,
            streams,
        }),
        operation: Some(routes::operation(Arc::clone(&documents), Arc::clone(&health), Scrapes::new(public_metrics))),
    });
    let gauge = Some(metrics.http_connections.clone());
    let mut doors = vec![(Door::new(site, config.max_connections.max(1), tick, patience, gauge), listener)];
    if let Some(listener) = metrics_listener {
        let operation = Some(routes::operation(documents, health, internal));
        let site = Arc::new(Site { public: None, operation, admin: None });
        doors.push((Door::new(site, config.max_side_connections.max(1), tick, patience, None), listener));
    }
    if let Some(listener) = admin_listener {
        let admin = interface.as_ref().map(here);
        let site = Arc::new(Site { public: None, operation: None, admin });
        doors.push((Door::new(site, config.max_side_connections.max(1), tick, patience, None), listener));
    }

    let (stop, stopped) = watch::channel(false);
    let thread = thread::Builder::new()
        .name("server".to_owned())
        .spawn(move || serve(runtime, doors, interface, calling, &stopped, config.drain_timeout))
        .map_err(ServerFault::Thread)?;
    Ok(ServerHandle { local_addr, metrics_addr, admin_addr, stop, thread })
}

fn address_of(listener: Option<&TcpListener>) -> Result<Option<SocketAddr>, ServerFault> {
    listener.map(TcpListener::local_addr).transpose().map_err(ServerFault::Thread)
}

fn serve(
    runtime: Runtime,
    doors: Vec<(Arc<Door>, TcpListener)>,
    interface: Option<Arc<Interface>>,
    streams: Arc<Streams>,
    stopped: &watch::Receiver<bool>,
    drain: Duration,
) {
    runtime.block_on(async {
        if let Some(interface) = interface {
            // Ends with the runtime.
            drop(tokio::spawn(interface.forget()));
        }
        drop(tokio::spawn(streams.call()));
        let mut open = JoinSet::new();
        for (door, listener) in doors {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => drop(open.spawn(door.run(listener, stopped.clone(), drain))),
                Err(error) => tracing::error!("cannot serve: {error}"),
            }
        }
        while let Some(ended) = open.join_next().await {
            if ended.is_err() {
                tracing::error!("an accept loop of the server panicked; the server stops");
                return;
            }
        }
    });
    runtime.shutdown_timeout(BLOCKING_WAIT);
}

/// How many ticks a duration takes, at least one.
fn in_ticks(duration: Duration, tick: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(tick.as_millis().max(1))).unwrap_or(u32::MAX).max(1)
}

fn bind(address: SocketAddr, key: &'static str) -> Result<TcpListener, ServerFault> {
    let bound = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bound().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServerFault::InUse { address, key },
        io::ErrorKind::PermissionDenied => ServerFault::NotPermitted { address, key },
        io::ErrorKind::AddrNotAvailable => ServerFault::NoSuchAddress { address, key },
        _ => ServerFault::Listen { address, key, source },
    })
}
