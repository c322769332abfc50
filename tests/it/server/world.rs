//! A server with a renderer of the tests' own, and a client that sends what it is told.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use turmwacht::model::snapshot::{PublicCatalogue, Snapshot};
use turmwacht::model::time::Timestamp;
use turmwacht::publish::documents::{DocumentSettings, Documents};
use turmwacht::publish::html::page_policy;
use turmwacht::publish::metrics::Full;
use turmwacht::publish::{Document, Rendered, Target};
use turmwacht::server::{self, Health, ServerConfig, ServerHandle};
use turmwacht::telemetry::Metrics;

/// No test waits longer for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A snapshot without content.
pub(super) fn snapshot(position: u64) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        position,
        at: Timestamp::from_millis(0),
        valid_until: Timestamp::from_millis(150_000),
        exported: None,
        health: Vec::new(),
        catalogue: Arc::new(PublicCatalogue::default()),
        states: Vec::new(),
        incidents: Vec::new(),
        maintenances: Vec::new(),
        incidents_from: None,
        past_maintenances: Vec::new(),
        locals: Arc::default(),
        changes: Arc::default(),
    })
}

/// A gate that holds renders of `/slow…` up until it is opened.
#[derive(Default)]
pub(super) struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    pub(super) fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }

    pub(super) fn pass(&self) {
        let open = self.open.lock().unwrap();
        drop(self.changed.wait_timeout_while(open, PATIENCE, |open| !*open).unwrap());
    }
}

/// Counts the renders, and holds some of them up.
#[derive(Default)]
pub(super) struct Renderer {
    pub(super) renders: AtomicUsize,
    /// What was rendered, in order.
    pub(super) paths: Mutex<Vec<String>>,
    pub(super) gate: Gate,
}

impl Renderer {
    pub(super) fn count(&self) -> usize {
        self.renders.load(Ordering::SeqCst)
    }

    fn render(&self, snapshot: &Snapshot, target: &Target) -> Rendered {
        self.renders.fetch_add(1, Ordering::SeqCst);
        self.paths.lock().unwrap().push(target.path.clone());
        let json = |body: String| {
            let cache_control = "public, max-age=15, stale-while-revalidate=60, stale-if-error=300";
            Rendered::Document(Document::new("application/json", cache_control, body.into_bytes()))
        };
        let page = |body: &str| {
            let document = Document::new("text/html; charset=utf-8", "public, max-age=15", body.as_bytes().to_vec());
            Rendered::Document(document.with_policy(page_policy()))
        };
        match target.path.as_str() {
            "/" => page("<!DOCTYPE html><title>root</title>"),
            "/embed/town" => page("<!DOCTYPE html><title>embed</title>"),
            "/doc" => json(text_of(4096, snapshot.position)),
            "/stable" => json(text_of(4096, 0)),
            "/small" => json("{}".to_owned()),
            "/big" => json(text_of(8 * 1024 * 1024, 0)),
            "/large" => json(text_of(300 * 1024, 0)),
            "/moved" => Rendered::Moved("/doc".to_owned()),
            "/gone" => Rendered::Gone,
            "/bad" => Rendered::BadRequest("`from` is after `to`".to_owned()),
            "/panic" => panic!("a defect in a renderer"),
            "/api/v1/components" => json(format!("{:?}", target.query)),
            "/hattingen" | "/hattingen/feed.atom" => json(format!("\"{}\"", target.path)),
            "/api/v1/search" => json(text_of(10_000, 0)),
            "/search" => {
                self.gate.pass();
                json(format!("{:?}", target.query))
            }
            path if path.starts_with("/slow") || path.ends_with("/results") => {
                self.gate.pass();
                json(text_of(1000, snapshot.position))
            }
            path if path.starts_with("/many/") => json(text_of(10_000, 0)),
            _ => Rendered::NotFound,
        }
    }
}

/// A text that compresses like our documents do, of about this length.
pub(super) fn text_of(length: usize, position: u64) -> String {
    let mut text = format!("{{\"position\":{position},\"components\":[");
    let mut number = 0;
    while text.len() < length {
        number += 1;
        text.push_str(&format!("{{\"id\":\"component-{number}\",\"status\":\"operational\"}},"));
    }
    text.push_str("null]}");
    text
}

/// A running server.
pub(super) struct World {
    pub(super) renderer: Arc<Renderer>,
    pub(super) documents: Arc<Documents>,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Metrics,
    pub(super) server: ServerHandle,
    pub(super) scrapes: Arc<AtomicUsize>,
}

pub(super) fn documents(settings: DocumentSettings) -> (Arc<Renderer>, Arc<Documents>) {
    let renderer = Arc::new(Renderer::default());
    let rendering = Arc::clone(&renderer);
    let render = Arc::new(move |snapshot: &Snapshot, target: &Target| rendering.render(snapshot, target));
    (renderer, Documents::start(settings, render).unwrap())
}

/// Documents that change whenever they are told to.
pub(super) fn at_once() -> DocumentSettings {
    DocumentSettings { exchange_every: Duration::ZERO, ..DocumentSettings::default() }
}

pub(super) fn config() -> ServerConfig {
    ServerConfig::new("127.0.0.1:0".parse().unwrap(), "http://127.0.0.1:8080", 1000)
}

impl World {
    /// With a snapshot and the usual limits.
    pub(super) fn new() -> Self {
        Self::with(config(), at_once())
    }

    pub(super) fn with(config: ServerConfig, settings: DocumentSettings) -> Self {
        let world = Self::empty(config, settings);
        world.documents.publish(snapshot(1));
        world.health.beat();
        world
    }

    /// Before the first snapshot and the first beat.
    pub(super) fn empty(config: ServerConfig, settings: DocumentSettings) -> Self {
        let (renderer, documents) = documents(settings);
        let health = Arc::new(Health::default());
        let metrics = Metrics::new().unwrap();
        let scrapes = Arc::new(AtomicUsize::new(0));
        let writer = |name: &'static str| {
            let scrapes = Arc::clone(&scrapes);
            Arc::new(move |openmetrics: bool, out: &mut Vec<u8>, _: Full<'_>| {
                scrapes.fetch_add(1, Ordering::SeqCst);
                let end = if openmetrics { "# EOF\n" } else { "" };
                out.extend_from_slice(format!("{name} 1\n{end}").as_bytes());
            })
        };
        let server = server::start(
            config,
            Arc::clone(&documents),
            Arc::clone(&health),
            &metrics,
            writer("public"),
            writer("internal"),
        )
        .unwrap();
        Self { renderer, documents, health, metrics, server, scrapes }
    }

    pub(super) fn connect(&self) -> Client {
        Client::to(self.server.local_addr())
    }

    /// GET with these further header lines, on a connection of its own.
    pub(super) fn get(&self, path: &str, headers: &[&str]) -> Reply {
        self.connect().ask("GET", path, headers)
    }

    /// GET until the answer is as wanted: variants are encoded in the background.
    pub(super) fn get_until(&self, path: &str, headers: &[&str], wanted: impl Fn(&Reply) -> bool) -> Reply {
        let mut client = self.connect();
        until(|| Some(client.ask("GET", path, headers)).filter(&wanted))
    }
}

/// Repeats until there is something.
pub(super) fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let rounds = PATIENCE.as_millis() / 2;
    for _ in 0..rounds {
        if let Some(found) = attempt() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("waited in vain");
}

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn problem(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        problem
    }
}

impl Client {
    pub(super) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, unread: Vec::new() }
    }

    pub(super) fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).unwrap();
    }

    /// Sends as far as the other side lets us.
    pub(super) fn try_send(&mut self, text: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(text.as_ref()).is_ok()
    }

    pub(super) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    pub(super) fn ask(&mut self, method: &str, path: &str, headers: &[&str]) -> Reply {
        let host = if headers.iter().any(|line| line.to_ascii_lowercase().starts_with("host:")) {
            ""
        } else {
            "Host: localhost\r\n"
        };
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        self.send(format!("{method} {path} HTTP/1.1\r\n{host}{headers}\r\n"));
        self.reply(method == "HEAD").expect("an answer")
    }

    /// The next answer, `None` if the server closes without one.
    pub(super) fn reply(&mut self, head_only: bool) -> Option<Reply> {
        let mut reply = self.head()?;
        if head_only || reply.status == 304 || reply.status == 204 {
            return Some(reply);
        }
        if reply.header("transfer-encoding") == Some("chunked") {
            loop {
                let chunk = self.chunk().expect("not closed within a body");
                if chunk.is_empty() {
                    break;
                }
                reply.body.extend(chunk);
            }
        } else {
            let length: usize = reply.header("content-length").expect("a length").parse().unwrap();
            while self.unread.len() < length {
                assert!(self.read_more(), "closed within a body");
            }
            reply.body = self.unread.drain(..length).collect();
        }
        Some(reply)
    }

    /// The head of the next answer, `None` if the server closes without one.
    pub(super) fn head(&mut self) -> Option<Reply> {
        let head = String::from_utf8(self.until(b"\r\n\r\n")?).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Reply { status, head, body: Vec::new() })
    }

    /// The next chunk of a body, empty at its end; `None` if the server closes before it.
    pub(super) fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = String::from_utf8(self.until(b"\r\n")?).unwrap();
        let length = usize::from_str_radix(size.trim_end(), 16).unwrap();
        while self.unread.len() < length + 2 {
            if !self.read_more() {
                return None;
            }
        }
        let mut chunk: Vec<u8> = self.unread.drain(..length + 2).collect();
        assert_eq!(chunk.split_off(length), b"\r\n");
        Some(chunk)
    }

    fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|window| window == mark) {
                return Some(self.unread.drain(..at + mark.len()).collect());
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    /// Whether the server closes without a further byte.
    pub(super) fn is_closed(&mut self) -> bool {
        self.unread.is_empty() && !self.read_more()
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.unread.extend_from_slice(&buffer[..length]);
                true
            }
            Err(error) => {
                let waited = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
                assert!(!waited, "the server neither answers nor closes");
                false
            }
        }
    }
}
