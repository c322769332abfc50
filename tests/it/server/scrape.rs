//! `/metrics` while it is written: sent part by part, shared, and never mistaken for whole.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use turmwacht::publish::metrics::Full;
use turmwacht::server::{self, Health, ServerHandle};
use turmwacht::telemetry::Metrics;

use super::world::{Client, Gate, at_once, config, documents, until};

/// A server whose writer writes a first part, waits at the gate, and goes on as it is told.
struct Slow {
    server: ServerHandle,
    gate: Arc<Gate>,
    scrapes: Arc<AtomicUsize>,
}

impl Slow {
    fn new(rest: impl Fn(&mut Vec<u8>, Full<'_>) + Send + Sync + 'static) -> Self {
        let (gate, scrapes) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
        let writer = {
            let (gate, scrapes) = (Arc::clone(&gate), Arc::clone(&scrapes));
            Arc::new(move |openmetrics: bool, out: &mut Vec<u8>, full: Full<'_>| {
                scrapes.fetch_add(1, Ordering::SeqCst);
                out.extend_from_slice(if openmetrics { b"open 1\n" } else { b"text 1\n" });
                full(out);
                gate.pass();
                rest(out, full);
            })
        };
        let (_, documents) = documents(at_once());
        let metrics = Metrics::new().unwrap();
        let health = Arc::new(Health::default());
        let server =
            server::start(config(), documents, health, &metrics, Arc::clone(&writer) as server::WriteMetrics, writer)
                .unwrap();
        Self { server, gate, scrapes }
    }

    fn asking(&self, request: &str, headers: &str) -> Client {
        let mut client = Client::to(self.server.local_addr());
        client.send(format!("{request}\r\nHost: localhost\r\n{headers}\r\n"));
        client
    }
}

const GET: &str = "GET /metrics HTTP/1.1";
const OPEN: &str = "Accept: application/openmetrics-text\r\n";

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

#[test]
fn the_first_part_goes_out_before_the_last_is_written_and_all_get_the_same() {
    let slow = Slow::new(|out, _| out.extend_from_slice(b"rest 2\n"));
    let mut early: Vec<Client> = (0..3)
        .map(|_| {
            let mut client = slow.asking(GET, "");
            assert_eq!(client.head().unwrap().status, 200);
            assert_eq!(client.chunk().unwrap(), b"text 1\n");
            client
        })
        .collect();
    assert_eq!(slow.scrapes.load(Ordering::SeqCst), 1);
    let mut gzip = slow.asking(GET, "Accept-Encoding: gzip\r\n");
    let encoded = gzip.head().unwrap();
    assert_eq!((encoded.status, encoded.header("content-encoding")), (200, Some("gzip")));
    let mut compressed = gzip.chunk().unwrap();
    let mut head = slow.asking("HEAD /metrics HTTP/1.1", "");
    // The other format waits for its turn.
    let mut open = slow.asking(GET, OPEN);
    slow.gate.open();
    for client in &mut early {
        assert_eq!(client.chunk().unwrap(), b"rest 2\n");
        assert_eq!(client.chunk().unwrap(), b"");
    }
    let head = head.reply(true).unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, Some("14")));
    while let Some(chunk) = gzip.chunk().filter(|chunk| !chunk.is_empty()) {
        compressed.extend(chunk);
    }
    assert_eq!(gunzip(&compressed), b"text 1\nrest 2\n");
    assert_eq!(open.reply(false).unwrap().body, b"open 1\nrest 2\n");
    // What is complete has a length, and the connection is good for more.
    until(|| {
        let kept = early[0].ask("GET", "/metrics", &[OPEN.trim_end()]);
        assert_eq!(kept.text(), "open 1\nrest 2\n");
        (kept.header("content-length") == Some("14")).then_some(())
    });
}

#[test]
fn a_panic_on_the_way_breaks_the_answer_off() {
    let slow = Slow::new(|_, _| panic!("a defect in a writer"));
    let mut early = slow.asking(GET, "");
    assert_eq!(early.head().unwrap().status, 200);
    assert_eq!(early.chunk().unwrap(), b"text 1\n");
    // Nobody could tell that such an answer is broken, so it is not begun.
    let mut old = slow.asking("GET /metrics HTTP/1.0", "");
    let mut head = slow.asking("HEAD /metrics HTTP/1.1", "");
    let mut gzip = slow.asking(GET, "Accept-Encoding: gzip\r\n");
    assert_eq!(gzip.head().unwrap().status, 200);
    slow.gate.open();
    assert_eq!(early.chunk(), None);
    while let Some(chunk) = gzip.chunk() {
        assert!(!chunk.is_empty(), "it looks whole");
    }
    assert_eq!(old.reply(false).unwrap().status, 503);
    assert_eq!(head.reply(true).unwrap().status, 503);
    let before = slow.scrapes.load(Ordering::SeqCst);
    assert_eq!(slow.asking("HEAD /metrics HTTP/1.1", "").reply(true).unwrap().status, 503);
    assert_eq!(slow.scrapes.load(Ordering::SeqCst), before + 1, "a broken scrape is not kept");
}

#[test]
fn an_old_client_gets_the_whole_with_its_length() {
    let slow = Slow::new(|out, _| out.extend_from_slice(b"rest 2\n"));
    slow.gate.open();
    let reply = slow.asking("GET /metrics HTTP/1.0", "").reply(false).unwrap();
    assert_eq!((reply.status, reply.header("content-length"), reply.text()), (200, Some("14"), "text 1\nrest 2\n"));
    assert_eq!(reply.header("transfer-encoding"), None);
}

#[test]
fn a_scraper_that_does_not_read_holds_nobody_up() {
    // More than the system holds for a connection.
    const PARTS: usize = 256;
    const PART: &[u8] = &[b'x'; 64 * 1024];
    let slow = Slow::new(|out, full| {
        for _ in 0..PARTS {
            out.extend_from_slice(PART);
            full(out);
        }
    });
    let mut idle = slow.asking(GET, "");
    let mut gzip = slow.asking(GET, "Accept-Encoding: gzip\r\n");
    slow.gate.open();
    let whole = slow.asking(GET, "").reply(false).unwrap();
    assert_eq!(whole.body.len(), "text 1\n".len() + PARTS * PART.len());
    assert!(whole.body == gunzip(&gzip.reply(false).unwrap().body));
    assert!(whole.body == idle.reply(false).unwrap().body);
}
