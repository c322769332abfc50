//! `turmwacht incident`, `maintenance`, `component` and `local`: the editor's work from a terminal,
//! as a client of the admin interface.
//!
//! Each verb becomes one [`Request`]; nothing is decided here. Whether something may be done, and
//! whether a value fits, is the server's word.

pub(super) mod component;
pub(super) mod incident;
pub(super) mod local;
pub(super) mod maintenance;

mod client;
mod shown;
mod texts;
mod written;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use http::Method;
use serde_json::Value;

use crate::model::settings::Secret;
use client::Client;
use shown::Shown;
use texts::Texts;

/// Longest token in a file, in bytes.
const TOKEN_BYTES_MAX: usize = 1_024;

/// Where the server is if nobody says so.
const SERVER_DEFAULT: &str = "http://127.0.0.1:8080";

/// Arguments of one of the commands.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments<V: clap::Subcommand> {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    verb: V,
}

/// Whom to ask, and how to show what it says.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Server")]
struct Server {
    /// The server; without this `TURMWACHT_SERVER`, else `http://127.0.0.1:8080`. Only this machine
    /// is asked without https.
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// A file with the token, which nobody else may read; without this `TURMWACHT_TOKEN` is the
    /// token.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Certificates (PEM) to trust beside the system's roots.
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The site's first language: that of a `TEXT`. `en=TEXT` beside it is one in English; `@FILE` and
    /// `-` (stdin) stand for a text, too.
    #[arg(long, global = true, value_name = "TAG", default_value = "de")]
    language: String,
    /// The server's reply as it is.
    #[arg(long, global = true)]
    json: bool,
}

/// How a change is asked for.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Change")]
struct How {
    /// Only find out whether the server would do it.
    #[arg(long)]
    dry_run: bool,
    /// Only if it is still as it was when this was its `etag`.
    #[arg(long, value_name = "ETAG", value_parser = written::visible)]
    if_match: Option<String>,
    /// The key of an earlier try, so that nothing is done twice; without this a new one.
    #[arg(long, value_name = "KEY", value_parser = written::visible)]
    idempotency_key: Option<String>,
}

/// A verb of one of the commands.
pub(super) trait Verb {
    /// What it asks for.
    fn request(&self, texts: &mut Texts) -> Result<Request, String>;
}

/// What a verb asks for.
#[derive(Debug)]
pub(super) struct Request {
    method: Method,
    /// The path below the admin interface; each segment was checked to be an id or is our own.
    path: Vec<String>,
    body: Option<Value>,
    /// None if nothing is to be changed.
    how: Option<How>,
    shown: Shown,
}

impl Request {
    fn read(path: &[&str], shown: Shown) -> Self {
        Self { method: Method::GET, path: owned(path), body: None, how: None, shown }
    }

    fn change(method: Method, path: &[&str], how: &How, shown: Shown) -> Self {
        Self { method, path: owned(path), body: None, how: Some(how.clone()), shown }
    }

    fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    fn is_dry_run(&self) -> bool {
        self.how.as_ref().is_some_and(|how| how.dry_run)
    }
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|&segment| segment.to_owned()).collect()
}

/// Runs a command.
pub(super) fn run<V: clap::Subcommand + Verb>(arguments: &Arguments<V>) -> ExitCode {
    match ask(&arguments.server, &arguments.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => super::fail_with(&sentence),
    }
}

fn ask(server: &Server, verb: &impl Verb) -> Result<(), String> {
    let address = match &server.server {
        Some(address) => address.clone(),
        None => super::environment("TURMWACHT_SERVER")?.unwrap_or_else(|| SERVER_DEFAULT.to_owned()),
    };
    let base = client::base(&address)?;
    let request = verb.request(&mut Texts::new(&server.language))?;
    let token = token(server.token_file.as_deref())?;
    let client = Client::new(base, &token, server.ca.as_deref())?;
    let reply = client.send(&request)?;
    if server.json {
        shown::as_it_is(&reply);
    }
    if let Some(refusal) = reply.refusal {
        return Err(refusal);
    }
    let lines = shown::lines(&request, &reply, client.base(), &server.language)?;
    if !server.json {
        for line in lines {
            super::print(&line);
        }
    }
    Ok(())
}

/// The token from its file or the environment. No fault shows any of it.
fn token(file: Option<&Path>) -> Result<Secret, String> {
    let (text, origin) = match file {
        Some(file) => (read_token(file)?, format!("the file {}", file.display())),
        None => match super::environment("TURMWACHT_TOKEN")? {
            Some(text) => (text, "TURMWACHT_TOKEN".to_owned()),
            None => return Err("who are you? set TURMWACHT_TOKEN, or name a file with --token-file".to_owned()),
        },
    };
    let token = text.trim();
    if token.is_empty() {
        return Err(format!("{origin} holds no token"));
    }
    if token.len() > TOKEN_BYTES_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("what {origin} holds is no token; `turmwacht token new` prints one as its last word"));
    }
    Ok(Secret::new(token.to_owned()))
}

fn read_token(file: &Path) -> Result<String, String> {
    let name = file.display();
    let unreadable = |error: std::io::Error| format!("cannot read the token in {name}: {error}");
    // Looked at before it is opened: opening a pipe would wait for its other end.
    if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(format!("cannot read the token in {name}: it is no plain file"));
    }
    let opened = File::open(file).map_err(unreadable)?;
    let mode = opened.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        let mode = mode & 0o7777;
        return Err(format!(
            "others may use the token in {name} (mode {mode:04o}); keep it to yourself: chmod 600 {name}"
        ));
    }
    let mut text = String::new();
    opened.take(2 * TOKEN_BYTES_MAX as u64).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}
