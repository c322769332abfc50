//! Running the program itself: a folder with its files, and a started `serve` or `demo`.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use turmwacht::clock::monotonic;

/// Long enough that nothing but a hang meets it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A folder with a configuration, where the program runs.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// Watches what `probes` says, once a second, and asks `reference` whether our own paths
    /// work. Two failures confirm an outage, one success a recovery.
    pub(crate) fn new(reference: SocketAddr, probes: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.write("config.toml", &configuration(reference, "127.0.0.1:0", "turmwacht.db"));
        place.write("probes.toml", probes);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::join(self.folder.path(), name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        // At once: a program that reads at this moment finds the old file or the new one.
        let whole = self.path(&format!("{name}.new"));
        std::fs::write(&whole, text).unwrap();
        std::fs::rename(whole, self.path(name)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turmwacht"));
        command.args(arguments).current_dir(self.folder.path()).env_remove("RUST_LOG").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, with these variables in its environment.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Finished {
        Finished::from(self.command(arguments).envs(variables.iter().copied()).output().unwrap())
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        Finished::from(self.command(arguments).output().unwrap())
    }

    /// Starts `serve` and waits until it is ready.
    pub(crate) fn serve(&self) -> Program {
        self.start(&["serve"])
    }

    /// Starts something that serves, and waits until it is ready.
    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        self.start_with(&[], arguments)
    }

    /// The same, with these variables in its environment.
    pub(crate) fn start_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Program {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        self.launch(command)
    }

    /// Starts `serve` where only so many files may be open at a time, and waits until it is ready.
    pub(crate) fn serve_with_files(&self, most: u32) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {most} && exec \"$0\" serve"), env!("CARGO_BIN_EXE_turmwacht")]);
        command.current_dir(self.folder.path()).env_remove("RUST_LOG").stdin(Stdio::null());
        self.launch(command)
    }

    /// Starts `serve` with a pipe as stderr that nobody reads, and waits until it is ready at the address that it
    /// is configured to listen on.
    pub(crate) fn serve_unread(&self, address: SocketAddr, variables: &[(&str, &str)]) -> Program {
        let mut command = self.command(&["serve"]);
        command.envs(variables.iter().copied());
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = self.path("log");
        File::create(&log).unwrap();
        let program = Program { child, log, address };
        program.until("it is ready", |program| program.try_get("/readyz").is_some_and(|(code, _)| code == 200));
        program
    }

    fn launch(&self, mut command: Command) -> Program {
        let log = self.path("log");
        File::create(&log).unwrap();
        let stderr = OpenOptions::new().append(true).open(&log).unwrap();
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        let mut program = Program { child, log, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let started = monotonic();
        while monotonic().duration_since(started) < PATIENCE && program.child.try_wait().unwrap().is_none() {
            if let Some(address) = program.announced() {
                program.address = address;
                program.until("it is ready", |program| program.try_get("/readyz").is_some_and(|(code, _)| code == 200));
                return program;
            }
            thread::sleep(PAUSE);
        }
        panic!("it does not come up:\n{}", program.log());
    }
}

/// The configuration of a [`Place`].
pub(crate) fn configuration(reference: SocketAddr, listen: &str, store: &str) -> String {
    format!(
        r#"title = "Teststadt"
languages = ["de", "en"]
probes = ["probes.toml"]
[server]
listen = "{listen}"
feed_authority = "status.example.org"
[storage]
path = "{store}"
[probing]
interval = "1s"
timeout = "1s"
retry_interval = "100ms"
down_after = 2
up_after = 1
private_networks = ["127.0.0.0/8"]
[vantage]
name = "test"
reference = ["http://{reference}/"]
"#
    )
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Finished {
    /// It ended with code 1 and a sentence that has these words.
    #[track_caller]
    pub(crate) fn assert_refuses(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        // The log's lines begin with the time; the sentence stands for itself.
        let said: Vec<&str> = self.stderr.lines().filter(|line| !line.starts_with("20")).collect();
        assert_eq!(said.len(), 1, "not one sentence: {self:?}");
        for word in words {
            assert!(said[0].contains(word), "`{}` lacks `{word}`", said[0]);
        }
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("RUST_BACKTRACE"), "{self:?}");
    }
}

/// A program that serves. It is killed when this goes.
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Program {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to stderr.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Where it says that it listens.
    fn announced(&self) -> Option<SocketAddr> {
        let log = self.log();
        let (_, rest) = log.split_once("listening on http://").or_else(|| log.split_once("live at http://"))?;
        rest.split_once('/')?.0.parse().ok()
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let started = monotonic();
        while monotonic().duration_since(started) < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(PAUSE);
        }
        panic!("it does not end:\n{}", self.log());
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks for a path: status and body. `None` = nobody answers (yet).
    pub(crate) fn try_get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// The body of a path that answers 200.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> String {
        let (status, body) = self.try_get(path).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path)).unwrap()
    }

    /// One component's object.
    #[track_caller]
    pub(crate) fn component(&self, id: &str) -> Value {
        self.json(&format!("/api/v1/components/{id}"))["component"].take()
    }

    /// Looks until something is so.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let started = monotonic();
        while monotonic().duration_since(started) < PATIENCE {
            if condition(self) {
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("waited in vain until {what}:\n{}", self.log());
    }

    /// Looks until a component has a status.
    #[track_caller]
    pub(crate) fn until_status(&self, id: &str, status: &str) {
        self.until(&format!("{id} is {status}"), |program| program.component(id)["status"] == status);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().unwrap_or_default();
            self.child.wait().unwrap();
        }
    }
}
