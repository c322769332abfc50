//! What is asked, what is answered.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::world::{Client, World, at_once, config, snapshot, until};

#[test]
fn a_document_has_all_its_headers() {
    let world = World::new();
    let reply = world.get("/doc", &[]);
    assert_eq!(reply.status, 200);
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "public, max-age=15, stale-while-revalidate=60, stale-if-error=300"),
        ("vary", "Accept-Encoding"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "age, date"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'self'"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    assert_eq!(reply.header("timing-allow-origin"), None, "how long we take is nobody's business");
    let tag = reply.header("etag").unwrap();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 16, "{tag}");
    assert!(reply.header("date").is_some());
    assert!(reply.header("set-cookie").is_none());
    assert!(reply.header("content-encoding").is_none());
    assert!(reply.text().starts_with("{\"position\":1,"));
    let frames = |path: &str| {
        let reply = world.get(path, &[]);
        reply.header("content-security-policy").unwrap().rsplit_once("frame-ancestors ").unwrap().1.to_owned()
    };
    assert_eq!(frames("/"), "'self'");
}

#[test]
fn a_client_that_has_it_gets_304() {
    let world = World::new();
    let tag = world.get("/doc", &[]).header("etag").unwrap().to_owned();
    for header in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let reply = world.get("/doc", &[&format!("If-None-Match: {header}")]);
        assert_eq!(reply.status, 304, "{header}");
        assert_eq!(reply.header("etag"), Some(tag.as_str()));
        assert!(reply.header("cache-control").is_some() && reply.header("content-type").is_none());
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("cross-origin"));
    }
    assert_eq!(world.get("/doc", &["If-None-Match: \"other\""]).status, 200);
    world.documents.publish(snapshot(2));
    assert_eq!(world.get("/doc", &[&format!("If-None-Match: {tag}")]).status, 200);
}

#[test]
fn unchanged_bytes_keep_their_tag_across_epochs() {
    let world = World::new();
    let tag = world.get("/stable", &[]).header("etag").unwrap().to_owned();
    world.documents.publish(snapshot(2));
    let reply = world.get("/stable", &[&format!("If-None-Match: {tag}")]);
    assert_eq!(reply.status, 304);
    assert_eq!(world.renderer.count(), 2);
}

#[test]
fn every_encoding_decodes_to_the_same_bytes() {
    let world = World::new();
    let plain = world.get("/doc", &[]);
    let mut tags = vec![plain.header("etag").unwrap().to_owned()];
    for token in ["br", "zstd", "gzip"] {
        let accept = format!("Accept-Encoding: {token}");
        let reply = world.get_until("/doc", &[&accept], |reply| reply.header("content-encoding") == Some(token));
        let mut decoded = Vec::new();
        match token {
            "br" => brotli::Decompressor::new(&reply.body[..], 4096).read_to_end(&mut decoded).unwrap(),
            "zstd" => zstd::stream::read::Decoder::new(&reply.body[..]).unwrap().read_to_end(&mut decoded).unwrap(),
            _ => flate2::read::GzDecoder::new(&reply.body[..]).read_to_end(&mut decoded).unwrap(),
        };
        assert_eq!(decoded, plain.body);
        assert!(reply.body.len() < plain.body.len());
        assert_eq!(reply.header("vary"), Some("Accept-Encoding"));
        let tag = reply.header("etag").unwrap().to_owned();
        assert_eq!(world.get("/doc", &[&accept, &format!("If-None-Match: {tag}")]).status, 304);
        assert!(!tags.contains(&tag));
        tags.push(tag);
    }
    let browser = "Accept-Encoding: gzip, deflate, br, zstd";
    assert_eq!(world.get("/doc", &[browser]).header("content-encoding"), Some("br"));
    assert_eq!(world.renderer.count(), 1);
}

#[test]
fn small_documents_stay_as_they_are_and_large_ones_are_never_brotli() {
    let world = World::new();
    for _ in 0..3 {
        assert!(world.get("/small", &["Accept-Encoding: gzip, br, zstd"]).header("content-encoding").is_none());
        assert!(world.get("/large", &["Accept-Encoding: br"]).header("content-encoding").is_none());
    }
    world.get_until("/large", &["Accept-Encoding: br, gzip, zstd"], |reply| {
        reply.header("content-encoding") == Some("zstd")
    });
}

#[test]
fn head_is_get_without_a_body() {
    let world = World::new();
    let mut client = world.connect();
    let get = client.ask("GET", "/doc", &[]);
    let head = client.ask("HEAD", "/doc", &[]);
    assert_eq!(head.status, 200);
    for name in ["etag", "content-length", "content-type", "cache-control", "vary"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(client.ask("HEAD", "/nothing", &[]).status, 404);
    assert_eq!(client.ask("HEAD", "/healthz", &[]).status, 200);
    assert_eq!(client.ask("GET", "/doc", &[]).body, get.body);
}

#[test]
fn other_methods_are_refused() {
    let world = World::new();
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let reply = world.connect().ask(method, "/doc", &[]);
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.header("allow"), Some("GET, HEAD"));
        reply.problem();
    }
    let with_body = world.connect().ask("POST", "/doc", &["Content-Length: 2"]);
    assert_eq!((with_body.status, with_body.header("connection")), (405, Some("close")));
    let preflight = ["Origin: https://example.org", "Access-Control-Request-Method: GET"];
    let reply = world.connect().ask("OPTIONS", "/doc", &preflight);
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET, HEAD"));
}

#[test]
fn requests_for_reading_have_no_body() {
    let world = World::new();
    for header in ["Content-Length: 3", "Transfer-Encoding: chunked"] {
        let mut client = world.connect();
        let reply = client.ask("GET", "/doc", &[header]);
        assert_eq!((reply.status, reply.header("connection")), (413, Some("close")), "{header}");
        reply.problem();
        client.try_send("abc");
        assert!(client.is_closed());
    }
    assert_eq!(world.get("/doc", &["Content-Length: 0"]).status, 200);
    let both = world.get("/doc", &["Content-Length: 5", "Transfer-Encoding: chunked"]);
    assert_eq!(both.status, 413);
}

#[test]
fn only_our_hosts_are_answered() {
    let mut config = config();
    config.public_url = "https://status.example.org".to_owned();
    config.hosts = vec![
        ("www.status.example.org".to_owned(), None),
        ("status.hattingen.example".to_owned(), Some("hattingen".to_owned())),
    ];
    let world = World::with(config, at_once());
    let status = |host: &str| world.get("/doc", &[&format!("Host: {host}")]).status;
    assert_eq!(status("status.example.org"), 200);
    assert_eq!(status("STATUS.Example.org:443"), 200);
    assert_eq!(status("status.example.org."), 200);
    assert_eq!(status("www.status.example.org"), 200);
    assert_eq!(status("status.hattingen.example"), 200);
    for host in ["localhost", "127.0.0.1", "evil.example", "status.example.org.evil.example"] {
        assert_eq!(status(host), 421, "{host}");
    }
    for host in ["", "a b", "user@status.example.org", "status.example.org:x"] {
        assert_eq!(status(host), 400, "{host}");
    }
    let twice = world.get("/doc", &["Host: status.example.org", "Host: status.example.org"]);
    assert_eq!(twice.status, 400);
    let mut client = world.connect();
    client.send("GET /doc HTTP/1.1\r\n\r\n");
    assert_eq!(client.reply(false).unwrap().status, 400);
    // The authority of an absolute target counts, not `Host`.
    let absolute = |target: &str| world.get(target, &["Host: evil.example"]).status;
    assert_eq!(absolute("http://status.example.org/doc"), 200);
    assert_eq!(absolute("http://evil.example/doc"), 421);
    // Machines ask by address.
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(world.get(path, &["Host: 10.0.0.1:8080"]).status, 200, "{path}");
    }
    // An organisation's own host.
    let own = |path: &str| world.get(path, &["Host: status.hattingen.example"]);
    assert_eq!(own("/").text(), "\"/hattingen\"");
    assert_eq!(own("/feed.atom").text(), "\"/hattingen/feed.atom\"");
    assert_eq!(world.get("/", &["Host: status.example.org"]).status, 200);
}

#[test]
fn path_tricks_lead_nowhere() {
    let world = World::new();
    for (path, status) in [
        ("/../doc", 404),
        ("/./doc", 404),
        ("//doc", 404),
        ("/a//doc", 404),
        ("/a%2Fdoc", 404),
        ("/%2e%2e/doc", 404),
        ("/a%5cdoc", 404),
        ("/doc%00", 400),
        ("/%ff", 400),
        ("/%zz", 400),
        ("/nothing", 404),
    ] {
        let reply = world.get(path, &[]);
        assert_eq!(reply.status, status, "{path}");
        reply.problem();
    }
    assert_eq!(world.get("/%64oc", &[]).status, 200);
    let slash = world.get("/doc/?lang=en", &[]);
    assert_eq!((slash.status, slash.header("location")), (308, Some("/doc?lang=en")));
    assert_eq!(world.get(&format!("/{}", "a".repeat(2000)), &[]).status, 414);
    assert_eq!(world.get(&format!("/doc?{}", "a".repeat(2000)), &[]).status, 414);
}

#[test]
fn unknown_parameters_never_miss_the_cache() {
    let world = World::new();
    let plain = world.get("/doc", &[]);
    for number in 0..50 {
        let reply = world.get(&format!("/doc?utm_source={number}&x=%zz"), &[]);
        assert_eq!((reply.status, &reply.body), (200, &plain.body));
        assert_eq!(reply.header("etag"), plain.header("etag"));
    }
    assert_eq!(world.renderer.count(), 1);
    let known = world.get("/api/v1/components?b=1&leika=M%C3%BCll&lang=de", &[]);
    assert_eq!(known.text(), r#"[("lang", "de"), ("leika", "Müll")]"#);
    assert_eq!(world.get("/api/v1/components?leika=%ff", &[]).status, 400);
}

#[test]
fn what_the_renderer_says_becomes_a_status() {
    let world = World::new();
    let moved = world.get("/moved", &[]);
    assert_eq!((moved.status, moved.header("location")), (308, Some("/doc")));
    assert_eq!(world.get("/gone", &[]).status, 410);
    let bad = world.get("/bad", &[]);
    assert_eq!(bad.status, 400);
    assert_eq!(bad.problem()["detail"], "`from` is after `to`");
    let defect = world.get("/panic", &[]);
    assert_eq!((defect.status, defect.header("connection")), (500, Some("close")));
    defect.problem();
    assert_eq!(world.get("/doc", &[]).status, 200);
}

#[test]
fn people_get_a_page_in_their_language() {
    let world = World::new();
    let html = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";
    let page = world.get("/nothing", &[html]);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.text().contains("lang=\"de\"") && page.text().contains("Seite nicht gefunden"));
    world.get("/api/v1/nothing", &[html]).problem();
    world.get("/feed.atom", &[html]).problem();
}

#[test]
fn ten_thousand_requests_on_one_connection() {
    let world = World::new();
    let mut client = world.connect();
    for _ in 0..10_000 {
        let reply = client.ask("GET", "/doc", &[]);
        assert_eq!(reply.status, 200);
    }
    assert_eq!(world.renderer.count(), 1);
    let mut text = Vec::new();
    world.metrics.write(&mut text);
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("turmwacht_http_requests_total{code=\"200\",route=\"organisation\"} 10000\n"), "{text}");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let world = World::new();
    let mut client = world.connect();
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.send(format!("{}{}{}{}", one("/doc"), one("/nothing"), one("/small"), one("/stable")).repeat(8));
    for _ in 0..8 {
        assert!(client.reply(false).unwrap().text().starts_with("{\"position\":1,"));
        assert_eq!(client.reply(false).unwrap().status, 404);
        assert_eq!(client.reply(false).unwrap().text(), "{}");
        assert!(client.reply(false).unwrap().text().starts_with("{\"position\":0,"));
    }
    // A request and a half: the first is answered before the rest comes.
    client.send(format!("{}GET /sm", one("/doc")));
    assert_eq!(client.reply(false).unwrap().status, 200);
    client.send("all HTTP/1.1\r\nHost: localhost\r\n\r\n\r\n");
    assert_eq!(client.reply(false).unwrap().text(), "{}");
}

#[test]
fn old_and_strange_clients() {
    let world = World::new();
    let mut old = world.connect();
    old.send("GET /doc HTTP/1.0\r\n\r\n");
    assert_eq!(old.reply(false).unwrap().status, 200);
    assert!(old.is_closed());

    let mut closing = world.connect();
    closing.send("GET /doc HTTP/1.1\r\nHost: localhost\r\n\r\n");
    closing.half_close();
    assert_eq!(closing.reply(false).unwrap().status, 200);
    assert!(closing.is_closed());

    for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\x00\x00\x00\x00\r\n\r\n", b"GET\r\n\r\n"] {
        let mut client = world.connect();
        client.send(garbage);
        client.half_close();
        assert!(client.reply(false).is_none_or(|reply| reply.status == 400));
        assert!(client.is_closed());
    }
    let mut silent = world.connect();
    silent.half_close();
    assert!(silent.is_closed());
    let upgrade =
        world.get("/doc", &["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ"]);
    assert_eq!(upgrade.status, 200);
}

#[test]
fn a_half_closed_client_still_gets_what_it_waits_for() {
    let world = World::new();
    let mut client = world.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.half_close();
    until(|| (world.renderer.count() == 1).then_some(()));
    world.renderer.gate.open();
    assert_eq!(client.reply(false).unwrap().status, 200);
}

#[test]
fn epochs_change_while_requests_run() {
    let world = World::new();
    let stop = Arc::new(AtomicBool::new(false));
    let address = world.server.local_addr();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let (mut client, mut last, mut seen) = (Client::to(address), 0_u64, 0_u32);
                while !stop.load(Ordering::SeqCst) || seen == 0 {
                    let reply = client.ask("GET", "/doc", &[]);
                    assert_eq!(reply.status, 200);
                    let document: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
                    let position = document["position"].as_u64().unwrap();
                    assert!(position >= last, "{position} after {last}");
                    (last, seen) = (position, seen + 1);
                }
            })
        })
        .collect();
    for position in 2..200 {
        world.documents.publish(snapshot(position));
        let reply = world.get("/doc", &[]);
        assert!(reply.text().starts_with(&format!("{{\"position\":{position},")), "an old epoch was served");
    }
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn an_ordinary_client_is_content() {
    let world = World::new();
    let url = format!("http://{}/doc", world.server.local_addr());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Even for plain HTTP the client wants to know its cryptography.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let reply = client.get(&url).send().await.unwrap();
        let tag = reply.headers()["etag"].clone();
        let document: serde_json::Value = reply.json().await.unwrap();
        assert_eq!(document["position"], 1);
        let again = client.get(&url).header("If-None-Match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304);
    });
}
