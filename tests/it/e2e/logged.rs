//! The log of the program when there is much to say, and when nobody listens.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::process::Signal;

use super::program::{Place, Program, configuration};
use super::reference;
use crate::probe::server::closed_port;

/// A town with so many services, all of which are asked for at an address where nobody listens.
fn town(services: usize, address: SocketAddr) -> String {
    let mut text = "[[organisation]]\nid = \"teststadt\"\nkind = \"municipality\"\nname = \"Teststadt\"\n\
                    ars = \"059540016016\"\n"
        .to_owned();
    for number in 0..services {
        let port = address.port();
        writeln!(
            text,
            "[[component]]\nid = \"dienst-{number}\"\nname = \"Dienst {number}\"\nkind = \"service\"\n\
             owner = \"teststadt\"\n[[component.check]]\nid = \"seite\"\n\
             probe.http = {{ url = \"http://dienst-{number}.test:{port}/\", resolve = \"{address}\" }}"
        )
        .unwrap();
    }
    text
}

/// The value of a series; 0 if it is not there.
fn value(program: &Program, series: &str) -> u64 {
    let metrics = program.get("/metrics");
    metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok()).unwrap_or(0)
}

const DOWN: &str = "turmwacht_probes_total{kind=\"http\",verdict=\"down\"}";

#[test]
fn when_everything_is_down_the_log_stays_readable() {
    let reference = reference();
    let place = Place::new(reference.address, &town(200, closed_port()));
    let mut program = place.serve();
    program.until("a thousand probes have failed", |program| value(program, DOWN) >= 1_000);
    program.until_status("dienst-7", "major_outage");
    program.signal(Signal::TERM);
    assert_eq!(program.ended().code(), Some(0));
    let log = program.log();
    let lines = log.lines().count();
    assert!((10..100).contains(&lines), "{lines} lines:\n{log}");
    // What matters is not pushed out by what there is more of.
    for word in ["incident `", "` went down", "check `dienst-"] {
        assert!(log.contains(word), "`{word}` is not in it:\n{log}");
    }
}

#[test]
fn a_log_that_nobody_reads_holds_up_nothing_and_its_lost_lines_are_counted() {
    let reference = reference();
    let place = Place::new(reference.address, &town(50, closed_port()));
    let address = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    place.write("config.toml", &configuration(reference.address, &address.to_string(), "turmwacht.db"));
    let mut program = place.serve_unread(address, &[("RUST_LOG", "debug")]);
    program.until("lines are dropped and counted", |program| {
        // Each is a line of the log, at this level.
        for _ in 0..500 {
            let mut stranger = TcpStream::connect(address).unwrap();
            stranger.write_all(b"this is no request\r\n\r\n").unwrap();
            stranger.read_to_end(&mut Vec::new()).unwrap_or_default();
        }
        value(program, "turmwacht_log_lines_dropped") > 0
    });
    let before = value(&program, DOWN);
    program.until("probes go on", |program| value(program, DOWN) > before + 100);
    program.until_status("dienst-7", "major_outage");
    assert_eq!(program.try_get("/healthz").unwrap().0, 200);
    // The audit log does not depend on it.
    let made = place.run(&["token", "new", "--role", "admin"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    program.signal(Signal::TERM);
    assert_eq!(program.ended().code(), Some(0));
    let verified = place.run(&["audit", "verify"]);
    assert!(verified.stdout.starts_with("entries: 1,"), "{verified:?}");
}
