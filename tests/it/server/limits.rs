//! What hostile and slow clients get, and the end.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::world::{Client, World, at_once, config, until};

#[test]
fn huge_heads_are_refused() {
    let world = World::new();
    for (text, status) in [
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(10_000)), 414),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(20_000)), 431),
        (format!("GET /doc HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "a".repeat(20_000)), 431),
        (format!("GET /doc HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(150)), 431),
    ] {
        let mut client = world.connect();
        client.send(&text);
        let reply = client.reply(false).map(|reply| reply.status);
        assert!(reply == Some(status), "{reply:?} instead of {status}");
    }
    assert_eq!(world.get("/doc", &["X: y"; 90]).status, 200);
}

#[test]
fn who_dawdles_is_shown_out() {
    let mut config = config();
    config.header_timeout = Duration::from_millis(200);
    config.idle_timeout = Duration::from_millis(400);
    let world = World::with(config, at_once());
    // Never a whole head.
    let mut slow = world.connect();
    slow.send("GET /doc HTTP/1.1\r\n");
    while slow.try_send("X: y\r\n") {
        thread::sleep(Duration::from_millis(10));
    }
    // Never a byte, and never a second request.
    let mut silent = world.connect();
    let mut idle = world.connect();
    assert_eq!(idle.ask("GET", "/doc", &[]).status, 200);
    assert!(silent.is_closed());
    assert!(idle.is_closed());
    until(|| (world.metrics.http_connections.get() == 0).then_some(()));
}

#[test]
fn who_does_not_read_is_shown_out() {
    let mut config = config();
    config.write_timeout = Duration::from_millis(200);
    let world = World::with(config, at_once());
    assert_eq!(world.get("/big", &[]).status, 200);
    let mut lazy = world.connect();
    // More than the system's buffers hold.
    lazy.send("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(4));
    until(|| (world.metrics.http_connections.get() > 0).then_some(()));
    until(|| (world.metrics.http_connections.get() == 0).then_some(()));
}

#[test]
fn who_waits_longest_makes_room() {
    let mut config = config();
    config.max_connections = 8;
    let world = World::with(config, at_once());
    let mut first = world.connect();
    assert_eq!(first.ask("GET", "/doc", &[]).status, 200);
    let mut rest: Vec<_> = (0..7).map(|_| world.connect()).collect();
    for client in &mut rest {
        assert_eq!(client.ask("GET", "/doc", &[]).status, 200);
    }
    let mut late = world.connect();
    assert_eq!(late.ask("GET", "/doc", &[]).status, 200);
    let closed = std::iter::once(&mut first).chain(&mut rest).filter_map(|client| {
        client.try_send("GET /doc HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.reply(false).is_none().then_some(())
    });
    assert_eq!(closed.count(), 1);
}

#[test]
fn who_holds_most_makes_room_first() {
    let mut config = config();
    config.max_connections = 8;
    config.listen = "[::]:0".parse().unwrap();
    let world = World::with(config, at_once());
    let port = world.server.local_addr().port();
    let open = |host: &str| {
        let mut client = Client::to(format!("{host}:{port}").parse().unwrap());
        assert_eq!(client.ask("GET", "/doc", &[]).status, 200);
        client
    };
    // It has waited longest, but is alone.
    let mut alone = open("[::1]");
    let mut many: Vec<_> = (0..7).map(|_| open("127.0.0.1")).collect();
    let mut late = open("127.0.0.1");
    assert_eq!(alone.ask("GET", "/doc", &[]).status, 200);
    assert_eq!(late.ask("GET", "/doc", &[]).status, 200);
    assert!(many[0].is_closed());
}

#[test]
fn who_takes_no_answer_makes_room_for_another_visitor() {
    let mut config = config();
    config.max_connections = 8;
    config.listen = "[::]:0".parse().unwrap();
    (config.header_timeout, config.stall_timeout) = (Duration::from_millis(100), Duration::from_millis(50));
    config.write_timeout = Duration::from_secs(600);
    let world = World::with(config, at_once());
    let port = world.server.local_addr().port();
    let open = |host: &str| Client::to(format!("{host}:{port}").parse().unwrap());
    let lazy: Vec<_> = (0..8)
        .map(|_| {
            let mut client = open("127.0.0.1");
            client.send("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(4));
            client
        })
        .collect();
    until(|| (world.metrics.http_connections.get() == 8).then_some(()));
    // A refusal comes unasked.
    until(|| {
        let mut other = open("[::1]");
        other.try_send("GET /doc HTTP/1.1\r\nHost: localhost\r\n\r\n");
        other.reply(false).filter(|reply| reply.status == 200)
    });
    assert!(world.metrics.http_connections.get() >= 7, "one is enough");
    drop(lazy);
}

#[test]
fn who_holds_much_pushes_out_nobody_who_holds_less() {
    let mut config = config();
    config.max_connections = 12;
    config.listen = "[::]:0".parse().unwrap();
    let world = World::with(config, at_once());
    let port = world.server.local_addr().port();
    let open = |host: &str, path: &str| {
        let mut client = Client::to(format!("{host}:{port}").parse().unwrap());
        client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        client
    };
    let mut few: Vec<_> = (0..4).map(|_| open("[::1]", "/doc")).collect();
    for client in &mut few {
        assert_eq!(client.reply(false).unwrap().status, 200);
    }
    // Being answered, for as long as it takes.
    let _many: Vec<_> = (0..8).map(|_| open("127.0.0.1", "/slow")).collect();
    until(|| (world.metrics.http_connections.get() == 12).then_some(()));
    for _ in 0..4 {
        assert_eq!(open("127.0.0.1", "/doc").reply(false).unwrap().status, 503);
    }
    for client in &mut few {
        assert_eq!(client.ask("GET", "/doc", &[]).status, 200);
    }
    assert_eq!(open("[::1]", "/doc").reply(false).unwrap().status, 200, "in the place of one of its own");
    world.renderer.gate.open();
}

#[test]
fn random_parameters_fill_no_cache_and_render_nothing() {
    let world = World::new();
    assert_eq!(world.get("/doc", &[]).status, 200);
    let (size, renders) = (world.documents.size(), world.renderer.count());
    let mut client = world.connect();
    let whole = client.ask("GET", "/doc", &[]).body;
    for number in 0..2_000u32 {
        let random = number.wrapping_mul(2_654_435_761);
        let reply = client.ask("GET", &format!("/doc?{random:x}={random}&utm_source=%zz&x={number}"), &[]);
        assert_eq!((reply.status, &reply.body), (200, &whole));
    }
    assert_eq!((world.documents.size(), world.renderer.count()), (size, renders));
    // Nor do places in a list, and keys, that nobody gave out.
    let version = world.documents.version();
    for number in 0..300 {
        for parameter in ["cursor=x-", "ars=", "leika=99000000000"] {
            let path = format!("/api/v1/components?{parameter}{}", 100 + number);
            assert_eq!(client.ask("GET", &path, &[]).status, 200, "{path}");
        }
    }
    assert_eq!((world.documents.size(), world.documents.version()), (size, version));
}

#[test]
fn when_all_are_busy_newcomers_read_503() {
    let mut config = config();
    config.max_connections = 4;
    let world = World::with(config, at_once());
    let mut busy: Vec<_> = (0..4)
        .map(|_| {
            let mut client = world.connect();
            client.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
            client
        })
        .collect();
    until(|| (world.metrics.http_connections.get() == 4).then_some(()));
    until(|| {
        // Once all four are being answered.
        let mut late = world.connect();
        let reply = late.reply(false)?;
        assert_eq!((reply.status, reply.header("connection")), (503, Some("close")));
        reply.problem();
        assert!(late.is_closed());
        Some(())
    });
    world.renderer.gate.open();
    let answered = busy.iter_mut().filter_map(|client| client.reply(false)).filter(|reply| reply.status == 200);
    assert!(answered.count() >= 3);
}

#[test]
fn nine_hundred_from_one_address_are_all_served() {
    let world = World::new();
    let mut clients: Vec<_> = (0..900).map(|_| world.connect()).collect();
    for client in &mut clients {
        client.send("GET /doc HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.reply(false).unwrap().status, 200);
    }
    assert_eq!(world.metrics.http_connections.get(), 900);
}

#[test]
fn clients_that_leave_in_the_middle_leave_nothing_behind() {
    let world = World::new();
    for number in 0..50 {
        let mut client = world.connect();
        client.send(&b"GET /doc HTTP/1.1\r\nHost: localhost\r\n\r\n"[..number % 39]);
    }
    for _ in 0..50 {
        world.connect().send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    world.renderer.gate.open();
    until(|| (world.metrics.http_connections.get() == 0).then_some(()));
    assert_eq!(world.get("/doc", &[]).status, 200);
}

#[test]
fn at_the_end_answers_in_progress_are_finished() {
    let world = World::new();
    let mut idle = world.connect();
    assert_eq!(idle.ask("GET", "/doc", &[]).status, 200);
    let mut waiting = world.connect();
    waiting.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    until(|| (world.renderer.renders.load(Ordering::SeqCst) == 2).then_some(()));
    let World { server, renderer, metrics, .. } = world;
    let address = server.local_addr();
    let ending = thread::spawn(move || server.shutdown());
    assert!(idle.is_closed());
    until(|| std::net::TcpStream::connect(address).is_err().then_some(()));
    renderer.gate.open();
    let reply = waiting.reply(false).expect("the answer in progress");
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    ending.join().unwrap();
    assert_eq!(metrics.http_connections.get(), 0);
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let mut config = config();
    config.drain_timeout = Duration::from_millis(50);
    let world = World::with(config, at_once());
    let mut waiting = world.connect();
    waiting.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    until(|| (world.renderer.count() == 1).then_some(()));
    world.server.shutdown();
    assert!(waiting.is_closed());
    world.renderer.gate.open();
}
