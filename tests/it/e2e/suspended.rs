//! The program after the system has let it stand still: a machine that slept, a process that was stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;

use super::program::{Place, Program};
use super::{reference, town};
use crate::probe::server::{Server, answer, send};

/// So many probes found the portal up.
fn succeeded(program: &Program) -> u64 {
    let series = "turmwacht_probes_total{kind=\"http\",verdict=\"up\"} ";
    program.get("/metrics").lines().find_map(|line| line.strip_prefix(series)).map_or(0, |count| count.parse().unwrap())
}

#[test]
fn what_was_in_flight_while_the_process_stood_still_counts_for_nothing() {
    let holds = Arc::new(AtomicBool::new(false));
    let (arrived, arrivals) = mpsc::channel();
    let site = {
        let holds = Arc::clone(&holds);
        Server::http(move |stream, _| {
            if holds.swap(false, Ordering::SeqCst) {
                arrived.send(()).unwrap();
                // Nothing is said before the probe's time is up, which it is while nobody can look.
                std::thread::sleep(Duration::from_secs(8));
            }
            send(stream, &answer("200 OK", "", "Anmelden"));
        })
    };
    let place = Place::new(reference().address, &town(site.address));
    let config = std::fs::read_to_string(place.path("config.toml")).unwrap();
    // One failure that counted would be an outage.
    place.write("config.toml", &config.replace("down_after = 2", "down_after = 1"));
    let program = place.serve();
    program.until_status("portal", "operational");
    holds.store(true, Ordering::SeqCst);
    arrivals.recv_timeout(Duration::from_secs(60)).unwrap();
    program.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(7));
    program.signal(Signal::CONT);
    program.until("it has noticed", |program| program.log().contains("the process stood still"));
    let before = succeeded(&program);
    program.until("it goes on", |program| succeeded(program) >= before + 3);
    assert_eq!(program.component("portal")["status"], "operational");
    let incidents = program.json("/api/v1/incidents");
    assert_eq!(incidents["incidents"].as_array().unwrap().len(), 0, "{incidents}\n{}", program.log());
}
