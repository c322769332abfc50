//! Hostile servers: everything they send is bounded.

use std::time::Duration;

use turmwacht::model::observation::Outcome;
use turmwacht::model::verdict::Reason;
use turmwacht::probe::Freshness;

use super::server::{Server, send};
use super::{SHORT, assert_fails, assert_up, at_once, http_check, observed, probe, prober, run, settings};

const MIB: u64 = 1024 * 1024;

#[test]
fn endless_headers_end_at_the_limit() {
    let prober = prober(&settings());
    let long = Server::http(|stream, _| {
        send(stream, b"HTTP/1.1 200 OK\r\nX: ");
        while std::io::Write::write_all(stream, &[b'x'; 4096]).is_ok() {}
    });
    let many = Server::http(|stream, _| {
        send(stream, b"HTTP/1.1 200 OK\r\n");
        while std::io::Write::write_all(stream, &b"X: y\r\n".repeat(100)).is_ok() {}
    });
    assert_fails(&probe(&prober, &http_check(&long.url())), Reason::Protocol, "");
    assert_fails(&probe(&prober, &http_check(&many.url())), Reason::Protocol, "");
}

/// A server that would send ten gigabytes and reports how much was taken.
fn endless(head: &'static [u8]) -> (Server, std::sync::mpsc::Receiver<u64>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = Server::http(move |stream, _| {
        send(stream, head);
        let block = vec![b'a'; 64 * 1024];
        let mut taken = 0;
        while taken < 10 * 1024 * MIB && std::io::Write::write_all(stream, &block).is_ok() {
            taken += block.len() as u64;
        }
        sender.send(taken).unwrap();
    });
    (server, receiver)
}

#[test]
fn an_endless_body_is_cut_after_one_mebibyte() {
    let prober = prober(&settings());
    let heads: [&'static [u8]; 2] =
        [b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"];
    for head in heads {
        let (server, taken) = endless(head);
        let mut check = http_check(&server.url());
        check.expect.body_lacks = vec!["b".to_owned()];
        let (facts, observation) = run(observed(&prober, &check, Freshness::MayReuseDns));
        assert_up(&observation);
        let http = observation.http.unwrap();
        assert_eq!((http.body_bytes, http.truncated), (MIB, true));
        assert_eq!(facts.body().len() as u64, MIB);
        assert!(taken.recv().unwrap() < 64 * MIB, "socket buffers at most");
        check.expect.body_contains = vec!["b".to_owned()];
        assert_fails(&probe(&prober, &check), Reason::Content, "first MiB");
    }
}

#[test]
fn an_encoded_bomb_is_never_decoded() {
    let bomb = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..64 {
            encoder.write_all(&vec![0; 1024 * 1024]).unwrap();
        }
        encoder.finish().unwrap()
    };
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len()).into_bytes();
    answer.extend_from_slice(&bomb);
    let server = Server::answering(answer);
    let prober = prober(&settings());
    let mut check = http_check(&server.url());
    assert_up(&probe(&prober, &check));
    check.expect.body_contains = vec!["Anmelden".to_owned()];
    let (facts, observation) = run(observed(&prober, &check, Freshness::MayReuseDns));
    assert_fails(&observation, Reason::Content, "encoded as gzip");
    assert_eq!(facts.body().len(), bomb.len());
}

#[test]
fn a_drip_ends_with_the_deadline() {
    let server = Server::http(|stream, _| {
        send(stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while std::io::Write::write_all(stream, b"1\r\nx\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let mut check = http_check(&server.url());
    check.timeout = SHORT;
    let observation = probe(&prober(&settings()), &check);
    assert_fails(&observation, Reason::Timeout, "transfer");
    assert!(observation.http.unwrap().body_bytes > 0);
}

#[test]
fn many_long_bodies_share_one_budget() {
    // Each sends without end, and all facts are held on to: ten mebibytes are kept of all of
    // them, the others wait for room that never comes and say whose fault that is.
    let (server, _taken) = endless(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    let mut check = http_check(&server.url());
    check.expect.body_lacks = vec!["b".to_owned()];
    // Long enough that they use the room up on a machine with other work, too.
    check.timeout = Duration::from_secs(5);
    let prober = prober(&turmwacht::model::settings::ProbingSettings { per_host: 64, ..settings() });
    let (request, _) = prober.prepare_check(&check);
    let held = at_once(&prober, std::iter::repeat_n(&request, 64));
    let kept: usize = held.iter().map(|facts| facts.body().len()).sum();
    assert!(kept as u64 <= 11 * MIB, "{kept}");
    let starved = held.iter().filter(|facts| {
        matches!(&facts.outcome, Outcome::Failed(fault)
            if fault.reason == Reason::ProbeFault && fault.detail.contains("our own memory"))
    });
    assert!(starved.count() > 0);
    // With the facts the room is given back.
    drop(held);
    check.timeout = super::PATIENCE;
    assert_up(&probe(&prober, &check));
}
