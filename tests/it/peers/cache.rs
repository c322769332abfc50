//! A caching nginx before the program, as towns run it: whatever a hostile client sends, the next
//! one gets what belongs to its address, and events pass at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::nginx::{nginx, site};
use crate::e2e::program::{Place, Program};
use crate::e2e::{reference, town};
use crate::probe::server::Server;

/// What must never come back to anybody.
const EVIL: &str = "evil.example";

struct Reply {
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// One request on a connection of its own.
fn ask(address: SocketAddr, path: &str, headers: &[&str]) -> Reply {
    let mut stream = connect(address, path, headers);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let body = answer.split_off(end + 4);
    Reply { head: String::from_utf8(answer).unwrap(), body }
}

fn connect(address: SocketAddr, path: &str, headers: &[&str]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let host = headers.iter().any(|line| line.starts_with("Host:"));
    let host = if host { String::new() } else { format!("Host: {address}\r\n") };
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    write!(stream, "GET {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n").unwrap();
    stream
}

/// A program behind an nginx that keeps everything it may, under the key that it has by itself.
fn behind_nginx(program: &Program) -> Option<super::process::Peer> {
    nginx(&[site(&format!(
        "location / {{ proxy_pass http://{}; proxy_http_version 1.1; proxy_set_header Connection '';
         proxy_set_header Host $http_host; proxy_cache kept; add_header X-Kept $upstream_cache_status always; }}",
        program.address
    ))])
}

#[test]
fn no_entry_of_a_cache_is_poisoned() {
    let portal = Server::answering(crate::probe::server::answer("200 OK", "", "Anmelden"));
    let place = Place::new(reference().address, &town(portal.address));
    let program = place.serve();
    program.until_status("portal", "operational");
    let Some(proxy) = behind_nginx(&program) else { return };
    let at = proxy.address(0);
    let attacks: &[&[&str]] = &[
        &["Host: evil.example"],
        &["X-Forwarded-Host: evil.example"],
        &["X-Forwarded-For: evil.example", "X-Forwarded-Proto: gopher"],
        &["Forwarded: host=evil.example;proto=http"],
        &["X-Original-URL: /evil.example", "X-Rewrite-URL: /evil.example"],
        &["X-Host: evil.example", "X-Forwarded-Server: evil.example", "X-HTTP-Host-Override: evil.example"],
        &["Accept-Language: en", "Accept: application/json"],
        &["Accept-Encoding: evil.example"],
        &["Origin: https://evil.example", "Referer: https://evil.example/"],
        &["Cookie: host=evil.example"],
        &["Range: bytes=0-3"],
        &["X-HTTP-Method-Override: DELETE"],
        &["If-None-Match: *", "If-Modified-Since: Wed, 21 Oct 2099 07:28:00 GMT"],
    ];
    for path in ["/", "/teststadt", "/en/teststadt", "/api/v1/components", "/feed.atom", "/assets/live.js", "/x"] {
        let direct = ask(program.address, path, &[]);
        for (number, attack) in attacks.iter().enumerate() {
            // Each meets an empty place in the cache, and leaves there what it can.
            let address = format!("{path}?attack={number}");
            ask(at, &address, attack);
            let honest = ask(at, &address, &[]);
            let told = String::from_utf8_lossy(&honest.body);
            assert_eq!(honest.status(), direct.status(), "{path} after {attack:?}");
            assert!(!told.contains(EVIL) && !honest.head.contains(EVIL), "{path} after {attack:?}: {told}");
            assert_eq!(honest.header("content-type"), direct.header("content-type"), "{path} after {attack:?}");
            assert_eq!(honest.header("set-cookie"), None);
            if path.starts_with("/assets/") || path.ends_with(".atom") {
                assert_eq!(honest.body, direct.body, "{path} after {attack:?}");
            }
            let kept = honest.header("x-kept");
            if direct.status() == "200" {
                assert!(matches!(kept, Some("HIT" | "MISS" | "EXPIRED" | "STALE")), "{path}: {kept:?}");
            } else {
                assert_eq!(kept, Some("MISS"), "an error is not kept");
            }
        }
    }
    // Neither is what a host that is not ours is told, nor a redirect to anywhere else.
    assert_eq!(ask(at, "/?lang=en", &["Host: evil.example"]).status(), "421");
    let moved = ask(at, "/?lang=en", &[]);
    assert_eq!((moved.status(), moved.header("location")), ("308", Some("/en/")));
}

#[test]
fn a_cache_keeps_encodings_apart_and_passes_conditions_on() {
    let portal = Server::answering(crate::probe::server::answer("200 OK", "", "Anmelden"));
    let place = Place::new(reference().address, &town(portal.address));
    let program = place.serve();
    let Some(proxy) = behind_nginx(&program) else { return };
    let at = proxy.address(0);
    let path = "/assets/live.js";
    let plain = ask(at, path, &[]);
    assert_eq!((plain.header("vary"), plain.header("content-encoding")), (Some("Accept-Encoding"), None));
    // Variants are made in the background; each address has an entry of its own.
    let gzip = (0..200).find_map(|number| {
        std::thread::sleep(Duration::from_millis(20));
        let reply = ask(at, &format!("{path}?n={number}"), &["Accept-Encoding: gzip"]);
        (reply.header("content-encoding") == Some("gzip")).then_some((number, reply))
    });
    let (number, gzip) = gzip.expect("a variant in gzip");
    let same = format!("{path}?n={number}");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*gzip.body).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    let again = ask(at, &same, &[]);
    assert_eq!(
        (again.header("content-encoding"), &again.body),
        (None, &plain.body),
        "not the variant of somebody else"
    );
    assert_ne!(again.header("etag"), gzip.header("etag"));
    for (reply, accepted) in [(&again, "identity"), (&gzip, "gzip")] {
        let condition = format!("If-None-Match: {}", reply.header("etag").unwrap());
        let unchanged = ask(at, &same, &[&condition, &format!("Accept-Encoding: {accepted}")]);
        assert_eq!((unchanged.status(), unchanged.body.len()), ("304", 0));
    }
}

#[test]
fn events_pass_a_proxy_at_once() {
    let portal = Server::answering(crate::probe::server::answer("200 OK", "", "Anmelden"));
    let place = Place::new(reference().address, &town(portal.address));
    let program = place.serve();
    let Some(proxy) = behind_nginx(&program) else { return };
    let mut lines = BufReader::new(connect(proxy.address(0), "/api/v1/events", &[])).lines();
    let began = turmwacht::clock::monotonic();
    assert!(lines.any(|line| line.unwrap() == "event: alive"));
    assert!(turmwacht::clock::monotonic().duration_since(began) < Duration::from_secs(10), "it was held back");
}
