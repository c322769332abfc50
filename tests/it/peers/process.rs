//! Starting a server from a package, and stopping it by its process id.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use turmwacht::clock::monotonic;

/// A server has so long to come up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Another program may take a port between our choice and the server's start.
const ATTEMPTS: usize = 5;

/// Where a server is to listen.
#[derive(Clone, Copy)]
pub(super) enum Ports {
    /// At so many ports that nobody uses.
    Free(usize),
    /// At this one.
    Fixed(u16),
}

/// A running server with its folder. It is stopped when this goes.
pub(super) struct Peer {
    child: Child,
    folder: tempfile::TempDir,
    ports: Vec<u16>,
}

impl Peer {
    /// Starts a program that stays in the foreground, and waits for its pid file, which both
    /// servers write once they listen. `configuration` gets the folder and the ports; the file
    /// lies in the folder as `conf`. `None` = the program is not installed, which has been said.
    pub(super) fn start(
        name: &str,
        arguments: &[&str],
        ports: Ports,
        configuration: impl Fn(&Path, &[u16]) -> String,
    ) -> Option<Self> {
        Self::start_with(
            name,
            |folder, _| {
                let file = folder.join("conf").to_string_lossy().into_owned();
                arguments.iter().map(|argument| (*argument).to_owned()).chain(["-c".to_owned(), file]).collect()
            },
            ports,
            configuration,
        )
    }

    /// The same, with all arguments; they get the folder, in which the program runs, and the ports.
    pub(super) fn start_with(
        name: &str,
        arguments: impl Fn(&Path, &[u16]) -> Vec<String>,
        ports: Ports,
        configuration: impl Fn(&Path, &[u16]) -> String,
    ) -> Option<Self> {
        Self::start_until(Self::has_pid, name, arguments, ports, configuration)
    }

    /// The same for those of Prometheus, which write no pid file: one is up when it says at its port that it is.
    pub(super) fn start_healthy(
        name: &str,
        arguments: impl Fn(&Path, &[u16]) -> Vec<String>,
        configuration: impl Fn(&Path, &[u16]) -> String,
    ) -> Option<Self> {
        Self::start_until(Self::is_healthy, name, arguments, Ports::Free(1), configuration)
    }

    fn start_until(
        is_up: fn(&Self) -> bool,
        name: &str,
        arguments: impl Fn(&Path, &[u16]) -> Vec<String>,
        ports: Ports,
        configuration: impl Fn(&Path, &[u16]) -> String,
    ) -> Option<Self> {
        let program = installed(name)?;
        for attempt in 1..=ATTEMPTS {
            let folder = tempfile::tempdir().unwrap();
            let ports = match ports {
                Ports::Free(count) => free_ports(count),
                Ports::Fixed(port) => vec![port],
            };
            std::fs::write(folder.path().join("conf"), configuration(folder.path(), &ports)).unwrap();
            let log = std::fs::File::create(folder.path().join("log")).unwrap();
            let child = Command::new(&program)
                .args(arguments(folder.path(), &ports))
                .current_dir(folder.path())
                .env("HOME", folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap();
            let mut peer = Self { child, folder, ports };
            if peer.is_ready(is_up) {
                return Some(peer);
            }
            let log = std::fs::read_to_string(peer.folder.path().join("log")).unwrap();
            assert!(attempt < ATTEMPTS && log.contains("in use"), "{name} does not start:\n{log}");
        }
        unreachable!("the last attempt returns or fails");
    }

    fn has_pid(&self) -> bool {
        std::fs::read_to_string(self.folder.path().join("pid")).is_ok_and(|pid| pid.ends_with('\n'))
    }

    fn is_healthy(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address(0)) else { return false };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reply = String::new();
        let asked =
            stream.write_all(b"GET /-/healthy HTTP/1.0\r\n\r\n").and_then(|()| stream.read_to_string(&mut reply));
        let reply = reply.trim_end();
        asked.is_ok() && (reply.ends_with("\r\n\r\nOK") || reply.ends_with("Healthy") || reply.ends_with("Healthy."))
    }

    fn is_ready(&mut self, is_up: fn(&Self) -> bool) -> bool {
        let started = monotonic();
        while monotonic().duration_since(started) < PATIENCE {
            // Whoever answers there, it is no program that has ended.
            let is_up = is_up(self);
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if is_up {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Where the server listens.
    pub(super) fn address(&self, index: usize) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[index]))
    }

    /// Asks the server to end at once, and waits until it has.
    pub(super) fn stop(&mut self) {
        // It may have ended by itself.
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap_or_default();
        self.child.wait().unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// Where a program is. Debian keeps servers out of a user's `PATH`.
pub(super) fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed, and CI needs it");
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// Ports that are free for TCP and UDP at the moment.
pub(super) fn free_ports(count: usize) -> Vec<u16> {
    let mut held = Vec::new();
    while held.len() < count {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        if let Ok(socket) = UdpSocket::bind(address) {
            held.push((address.port(), listener, socket));
        }
    }
    held.into_iter().map(|(port, _, _)| port).collect()
}
