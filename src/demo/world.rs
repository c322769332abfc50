//! The demo's targets: HTTP on loopback, behaving as the time line says.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::clock::monotonic;
use crate::demo::{hosts, loopback};
use crate::model::check::Probe;
use crate::model::verdict::Reason;
use crate::scenario::{Condition, Scenario};

/// Longest that a target keeps a silent connection.
const SILENT_FOR: Duration = Duration::from_secs(15);

/// Longest request that a target reads.
const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// Connections per target at a time.
const CONNECTIONS_MAX: usize = 64;

/// The running targets. Dropping it stops them.
pub(super) struct World {
    addresses: BTreeMap<u32, SocketAddr>,
    reference: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// What one host answers: a path's check and what its page says when all is well.
struct Host {
    paths: BTreeMap<String, Page>,
    world: crate::scenario::World,
    began: Instant,
    speed: f64,
}

struct Page {
    check: u32,
    text: String,
    slow: Duration,
}

impl World {
    /// Starts a listener per host of the scenario, and one as a reference.
    pub(super) fn start(scenario: &Scenario, speed: f64) -> io::Result<Self> {
        let began = monotonic();
        let stopped = Arc::new(AtomicBool::new(false));
        let mut addresses = BTreeMap::new();
        for ((_, checks), number) in hosts(&scenario.catalogue).into_iter().zip((2..=250u8).cycle()) {
            let mut paths = BTreeMap::new();
            for &index in &checks {
                let Some(check) = scenario.catalogue.checks.get(index as usize) else { continue };
                let Probe::Http(http) = &check.probe else { continue };
                let slow = check.degraded.slower_than.unwrap_or(Duration::from_millis(500)).div_f64(speed);
                let text = check.expect.body_contains.join(" ");
                paths.insert(http.url.path().to_owned(), Page { check: index, text, slow: slow * 2 });
            }
            let host = Host { paths, world: scenario.world.clone(), began, speed };
            let address = listen(number, host, &stopped)?;
            addresses.extend(checks.into_iter().map(|check| (check, address)));
        }
        let host = Host { paths: BTreeMap::new(), world: scenario.world.clone(), began, speed };
        let reference = listen(251, host, &stopped)?;
        Ok(Self { addresses, reference, stopped })
    }

    /// Where a check's target listens.
    pub(super) fn address(&self, check: u32) -> Option<SocketAddr> {
        self.addresses.get(&check).copied()
    }

    /// Where the reference listens.
    pub(super) const fn reference(&self) -> SocketAddr {
        self.reference
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

fn listen(number: u8, host: Host, stopped: &Arc<AtomicBool>) -> io::Result<SocketAddr> {
    // Where the system has only 127.0.0.1 for loopback, every host shares it.
    let listener = TcpListener::bind(loopback(number)).or_else(|_| TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let (host, stopped) = (Arc::new(host), Arc::clone(stopped));
    thread::Builder::new().name("demo-host".to_owned()).spawn(move || {
        let open = Arc::new(());
        for stream in listener.incoming() {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            let Ok(stream) = stream else { continue };
            if Arc::strong_count(&open) > CONNECTIONS_MAX {
                continue;
            }
            let (host, held) = (Arc::clone(&host), Arc::clone(&open));
            let answered = thread::Builder::new().spawn(move || {
                // A client that goes away is none of our business.
                host.answer(stream).unwrap_or_default();
                drop(held);
            });
            drop(answered);
        }
    })?;
    Ok(address)
}

impl Host {
    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(SILENT_FOR))?;
        let path = request_path(&mut stream)?;
        let offset = monotonic().saturating_duration_since(self.began).mul_f64(self.speed);
        let Some(page) = self.paths.get(&path) else {
            let up = self.world.references(offset);
            return if up { respond(&mut stream, "200 OK", "reference") } else { hold(&mut stream) };
        };
        match self.world.check(page.check, offset) {
            Condition::Up => respond(&mut stream, "200 OK", &page.text),
            Condition::Fails(Reason::Slow) => {
                thread::sleep(page.slow);
                respond(&mut stream, "200 OK", &page.text)
            }
            Condition::Fails(Reason::Blocked) => respond(&mut stream, "403 Forbidden", "denied"),
            Condition::Fails(Reason::Status) => respond(&mut stream, "503 Service Unavailable", "down"),
            Condition::Fails(Reason::Content | Reason::Missing) => respond(&mut stream, "200 OK", "Wartungsarbeiten"),
            Condition::Fails(Reason::Protocol) => stream.write_all(b"no such protocol\r\n\r\n"),
            Condition::Fails(Reason::Timeout | Reason::ProbeFault) => hold(&mut stream),
            Condition::Fails(Reason::Connect | Reason::Dns | Reason::Tls | Reason::Certificate) => {
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))
            }
        }
    }
}

/// Reads the request's head and returns its path.
fn request_path(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut chunk = [0u8; 1024];
    while head.len() < REQUEST_BYTES_MAX && !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        head.extend(chunk.iter().take(read));
    }
    let head = String::from_utf8_lossy(&head);
    Ok(head.split(' ').nth(1).unwrap_or("/").to_owned())
}

fn respond(stream: &mut TcpStream, status: &str, text: &str) -> io::Result<()> {
    let body = format!("<!doctype html><meta charset=utf-8><title>{text}</title><h1>{text}</h1>\n");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// Says nothing until the client has had enough.
fn hold(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0u8; 64];
    while stream.read(&mut rest)? > 0 {}
    Ok(())
}
