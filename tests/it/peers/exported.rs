//! The site as files, served by nginx as docs/export.md says.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use regex::Regex;
use serde_json::Value;

use super::nginx::{nginx, site};
use crate::e2e::program::Place;
use crate::e2e::{reference, town};
use crate::probe::server::{Server, answer};

struct Reply {
    status: u16,
    head: String,
    body: String,
}

fn get(address: SocketAddr, path: &str) -> Reply {
    let mut stream = TcpStream::connect(address).expect("nginx listens");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: status.test\r\n\r\n").expect("it reads");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("it answers");
    let reply = String::from_utf8_lossy(&reply).into_owned();
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    Reply { status, head: head.to_lowercase(), body: body.to_owned() }
}

#[test]
fn every_link_of_the_files_leads_to_a_file() {
    let target = Server::answering(answer("200 OK", "", "Anmelden"));
    let place = Place::new(reference().address, &town(target.address));
    let program = place.serve();
    program.until_status("portal", "operational");
    let exported = place.run(&["export", "site"]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let documentation = include_str!("../../../docs/export.md");
    let (_, block) = documentation.split_once("```nginx\n").expect("the block");
    let block = block.split("```").next().expect("its end");
    let folder = place.path("site");
    let Some(peer) = nginx(&[site(&block.replace("/srv/status", &folder.to_string_lossy()))]) else { return };
    let address = peer.address(0);

    // From the start page on, as a crawler goes; absolute links begin with where the server listened.
    let links = Regex::new(r#"(?:href|src)="(?:http://127\.0\.0\.1:0)?(/[^"?#]*)"#).unwrap();
    let (mut seen, mut next) = (BTreeSet::new(), vec!["/".to_owned()]);
    while let Some(path) = next.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let mut reply = get(address, &path);
        if reply.status == 301 {
            reply = get(address, &format!("{path}/"));
        }
        assert_eq!(reply.status, 200, "{path}: {}", reply.head);
        if reply.head.contains("text/html") {
            next.extend(links.captures_iter(&reply.body).map(|link| link[1].replace("&amp;", "&")));
            assert!(!reply.body.contains("\"/search"), "{path} leads to a search that files cannot answer");
        }
    }
    assert!(seen.contains("/teststadt/antrag") && seen.contains("/teststadt/feed.rss"), "{seen:?}");

    // Programs find the same under the same addresses, with and without an ending.
    for path in ["/api/v1/summary", "/api/v1/components/antrag", "/api/v1/organisations/teststadt", "/api/v1/alive"] {
        for ending in ["", ".json"] {
            let reply = get(address, &format!("{path}{ending}"));
            assert!(reply.status == 200 && reply.head.contains("access-control-allow-origin: *"), "{path}{ending}");
            assert!(reply.head.contains("content-type: application/json"), "{path}{ending}: {}", reply.head);
            let document: Value = serde_json::from_str(&reply.body).expect("JSON");
            assert_eq!(document.get("valid_until").is_some(), path.ends_with("alive"), "{path}: {document}");
        }
    }
    for (path, media_type) in [
        ("/teststadt/feed.atom", "application/atom+xml"),
        ("/teststadt/feed.rss", "application/rss+xml"),
        ("/teststadt/calendar.ics", "text/calendar"),
        ("/teststadt/badge.svg", "image/svg+xml"),
        ("/teststadt/status.txt", "text/plain"),
        ("/teststadt/api/v2/summary.json", "application/json"),
        ("/widget.js", "text/javascript"),
    ] {
        let reply = get(address, path);
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.head.contains(&format!("content-type: {media_type}")), "{path}: {}", reply.head);
    }
    let embed = get(address, "/embed/teststadt/");
    assert!(embed.status == 200 && embed.head.contains("frame-ancestors *"), "{}", embed.head);
    assert_eq!(get(address, "/.turmwacht-export.json").status, 404);
}
