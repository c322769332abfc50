//! Five hundred hostile servers at once: what they cost in memory, measured in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use turmwacht::model::catalogue::{Catalogue, Declared};
use turmwacht::model::settings::ProbingSettings;
use turmwacht::probe::Prober;
use turmwacht::probe::prepare::PreparedRequest;

use super::server::{Server, answer, hold, send};
use super::{at_once, http_check, settings};

/// Probes at a time.
const COUNT: usize = 512;

/// What they may take beyond what the process held before.
const GROWTH_MAX_KIB: u64 = 32 * 1024;

/// Which part a process plays.
const ROLE: &str = "TURMWACHT_TEST_BOMBS";

/// This test, for the processes that it starts.
const SELF: &str = "probe::bombs::hundreds_of_hostile_servers_at_once_take_little_memory";

/// What a server can do to whoever asks; the last is well-behaved.
const DEEDS: [&str; 6] = ["body", "encoded", "fields", "head", "interim", "good"];

#[test]
#[expect(clippy::disallowed_methods, reason = "a process that this test starts is told its part so")]
fn hundreds_of_hostile_servers_at_once_take_little_memory() {
    let Ok(role) = std::env::var(ROLE) else { return measure() };
    match role.split_once(' ') {
        Some((deed, port)) => probing(deed, port.parse().unwrap()),
        None => serve(),
    }
}

/// Each deed in a process of its own, so that none hides in what another took and gave back.
fn measure() {
    let (mut servers, port) = serving();
    let said: Vec<String> = DEEDS
        .iter()
        .map(|deed| {
            let probing = itself(&format!("{deed} {port}")).output().unwrap();
            let said = [probing.stdout, probing.stderr].concat();
            format!("{deed}: {}", String::from_utf8_lossy(&said))
        })
        .collect();
    servers.kill().unwrap();
    servers.wait().unwrap();
    for (said, deed) in said.iter().zip(DEEDS) {
        let figure = |name: &str| -> u64 {
            let line = said.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{said}")).parse().unwrap()
        };
        let (before, most) = (figure("before "), figure("most "));
        assert!(most - before < GROWTH_MAX_KIB, "{deed}: from {before} KiB to {most} KiB");
        assert_eq!(figure("answered ") > 0, ["body", "encoded", "good"].contains(&deed), "{said}");
    }
}

/// This very program in another role.
fn itself(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", SELF, "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command
}

/// The servers' process and their port.
fn serving() -> (Child, u16) {
    let mut child = itself("serve").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.map(Result::unwrap).find_map(|line| line.strip_prefix("port ")?.parse().ok());
    (child, port.unwrap())
}

/// Serves on every address of this machine until it is killed.
fn serve() {
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        (0..32).for_each(|_| encoder.write_all(&[0; 1024 * 1024]).unwrap());
        encoder.finish().unwrap()
    };
    let without_end = |stream: &mut TcpStream, block: &[u8]| while stream.write_all(block).is_ok() {};
    let server = Server::raw_on("0.0.0.0:0", move |mut stream| {
        let head = super::server::read_head(&mut stream);
        // What lies in the kernel's buffers is nobody's attack.
        socket2::SockRef::from(&stream).set_send_buffer_size(16 * 1024).unwrap();
        let stream = &mut stream;
        let Some(deed) = head.split([' ', '/']).find(|word| DEEDS.contains(word)) else { return };
        match deed {
            // Just short of what is taken of a body, of a head, of fields and of interim answers; then nothing more.
            "body" => {
                send(stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                without_end(stream, format!("10000\r\n{}\r\n", "a".repeat(0x10000)).as_bytes());
            }
            "encoded" => {
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
                send(stream, &[head.as_bytes(), &bomb].concat());
                hold(stream);
            }
            "fields" => {
                send(stream, b"HTTP/1.1 200 OK\r\n");
                (0..99).for_each(|n| send(stream, format!("X-{n}: {}\r\n", "y".repeat(600)).as_bytes()));
                hold(stream);
            }
            "head" => {
                send(stream, format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(65_000)).as_bytes());
                hold(stream);
            }
            "interim" => {
                (0..5).for_each(|_| {
                    send(stream, format!("HTTP/1.1 103 Early Hints\r\nX: {}\r\n\r\n", "y".repeat(60_000)).as_bytes())
                });
                hold(stream);
            }
            _ => send(stream, &answer("200 OK", "", "Anmelden")),
        }
    });
    say(&format!("port {}", server.address.port()));
    loop {
        std::thread::park();
    }
}

/// Asks all servers of a deed at once and says what that took.
fn probing(deed: &str, port: u16) {
    let settings = ProbingSettings { per_host: COUNT, ..settings() };
    let prober = Prober::new(&settings, &std::collections::BTreeMap::new(), 4 * COUNT).unwrap();
    let checks = [deed, "good"].into_iter().flat_map(|deed| {
        (0..COUNT).map(move |n| {
            let mut check = http_check(&format!("http://127.1.{}.{}:{port}/{deed}", n / 250, n % 250 + 1));
            check.expect.body_contains = vec!["Anmelden".to_owned()];
            (check.timeout, check.interval) = (Duration::from_secs(3), Duration::from_secs(3));
            check
        })
    });
    let prepared = prober.prepare(&Catalogue::new(Declared { checks: checks.collect(), ..Declared::default() }));
    assert!(prepared.concurrency >= COUNT);
    let crowd = |requests: &[PreparedRequest]| at_once(&prober, requests.iter());
    // What the first use of everything takes is not theirs.
    drop(crowd(prepared.requests.chunks(COUNT).last().unwrap()));
    let _kept = std::fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS:");
    let held = crowd(&prepared.requests[..COUNT]);
    let answered = held.iter().filter(|facts| facts.http.is_some()).count();
    assert_eq!(held.len(), COUNT);
    say(&format!("before {before}\nmost {}\nanswered {answered}", memory("VmHWM:")));
}

/// Lines for whoever started us.
fn say(lines: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "\n{lines}").unwrap();
    out.flush().unwrap();
}

/// A figure of this process, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
