//! What a service manager hears of the program.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;

use super::program::{Place, Program};
use super::{reference, town};
use crate::probe::server::closed_port;

/// A service manager's socket.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    /// Starts a program of which it wants to hear every half a minute.
    fn starts(place: &Place) -> (Self, Program) {
        let path = place.path("notify");
        let manager = Self { socket: UnixDatagram::bind(&path).unwrap() };
        manager.socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let path = path.to_string_lossy().into_owned();
        let program = place.start_with(&[("NOTIFY_SOCKET", &path), ("WATCHDOG_USEC", "30000000")], &["serve"]);
        (manager, program)
    }

    /// The next message that is no word for the watchdog, and whether one of those came before it.
    fn hears(&self) -> (String, bool) {
        let mut fed = false;
        loop {
            let mut bytes = [0; 4096];
            let length = self.socket.recv(&mut bytes).unwrap();
            let message = String::from_utf8(bytes[..length].to_vec()).unwrap();
            if message != "WATCHDOG=1\n" {
                return (message, fed);
            }
            fed = true;
        }
    }
}

#[test]
fn a_service_manager_hears_of_start_reload_life_and_end() {
    let files = town(closed_port());
    let place = Place::new(reference().address, &files);
    let (manager, mut program) = Manager::starts(&place);
    let (ready, _) = manager.hears();
    assert_eq!(ready, "READY=1\nSTATUS=organisations: 1, components: 2, checks: 1\n");
    let mut bytes = [0; 64];
    let length = manager.socket.recv(&mut bytes).unwrap();
    assert_eq!(&bytes[..length], b"WATCHDOG=1\n", "fed while the loop turns");

    program.signal(Signal::HUP);
    let (reloading, _) = manager.hears();
    let at = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().trim_end();
    assert!(at.parse::<u64>().is_ok_and(|at| at > 0), "{reloading}");
    assert_eq!(manager.hears().0, ready);
    // What was wrong with a file is said until it is repaired.
    place.write("probes.toml", "broken");
    program.signal(Signal::HUP);
    let faulty = ready.replace("checks: 1\n", "checks: 1; the files have faults, as before is watched\n");
    while manager.hears().0 != faulty {}
    place.write("probes.toml", &files);
    program.signal(Signal::HUP);
    while manager.hears().0 != ready {}
    program.signal(Signal::TERM);
    while manager.hears().0 != "STOPPING=1\n" {}
    assert_eq!(program.ended().code(), Some(0));
}

#[test]
fn however_often_files_are_read_the_watchdog_is_fed() {
    let place = Place::new(reference().address, &town(closed_port()));
    let (manager, program) = Manager::starts(&place);
    assert!(manager.hears().0.starts_with("READY=1\n"));
    // There is always a word within a second, and each is followed by the next at once.
    for _ in 0..100 {
        program.signal(Signal::HUP);
        let (reloading, fed) = manager.hears();
        assert!(reloading.starts_with("RELOADING=1\n"), "{reloading}");
        let (ready, fed_after) = manager.hears();
        assert!(ready.starts_with("READY=1\n"), "{ready}");
        if fed || fed_after {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("while files were read a hundred times the watchdog was not fed");
}

#[test]
fn without_a_watchdog_it_is_not_fed_and_without_a_manager_nobody_is_told() {
    let place = Place::new(reference().address, &town(closed_port()));
    let path = place.path("notify");
    let manager = Manager { socket: UnixDatagram::bind(&path).unwrap() };
    manager.socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let path = path.to_string_lossy().into_owned();
    let mut program = place.start_with(&[("NOTIFY_SOCKET", &path)], &["serve"]);
    assert!(manager.hears().0.starts_with("READY=1\n"));
    std::thread::sleep(Duration::from_millis(1_500));
    program.signal(Signal::TERM);
    assert_eq!(manager.hears(), ("STOPPING=1\n".to_owned(), false));
    assert_eq!(program.ended().code(), Some(0));
    // A socket that nobody reads any more hinders nothing.
    let mut program = place.start_with(&[("NOTIFY_SOCKET", "/nonexistent/notify")], &["serve"]);
    program.signal(Signal::TERM);
    assert_eq!(program.ended().code(), Some(0));
}
