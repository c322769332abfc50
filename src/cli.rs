//! The command line: parsing, the log, and one file per command.
//!
//! Errors are one clear line on stderr, or a labelled excerpt for a configuration; control
//! characters from outside are escaped on the way.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::publish::escape::terminal;

mod audit;
mod backup;
mod check;
mod completions;
mod config;
mod demo;
mod edit;
mod export;
mod import;
mod notify;
mod openapi;
mod progress;
mod replay;
mod token;

/// Watches shared municipal portals and tells the public what is down, why, and what else to do.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    /// The configuration.
    #[arg(long, global = true, default_value = "config.toml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Probe, record and publish (the default). SIGHUP reads the files again, SIGTERM stops.
    Serve,
    /// Probe once, now, and say what was seen.
    Check(check::Arguments),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Play a scenario through the engine in simulated time and check what the public would read.
    Replay(replay::Arguments),
    /// Watch a simulated county on loopback, live in a browser; no internet needed.
    Demo(demo::Arguments),
    /// Copy the database, beside a running server if there is one.
    Backup(backup::Arguments),
    /// Write the whole site as files for any file server, beside a running server if there is one.
    Export(export::Arguments),
    /// Make a probe file of what another program knows, and say what could not be carried over.
    #[command(subcommand)]
    Import(import::Command),
    /// Print the description of the interfaces, as /openapi.json serves it.
    Openapi,
    /// Print what a shell needs to complete these commands.
    Completions(completions::Arguments),
    /// Make, list and revoke the tokens of editors, beside a running server.
    #[command(subcommand)]
    Token(token::Command),
    /// Look at what people and programs were told, and try whether messages arrive.
    #[command(subcommand)]
    Notify(notify::Command),
    /// Look at the log of what editors did.
    #[command(subcommand)]
    Audit(audit::Command),
    /// List, open, update and resolve incidents on a running server.
    Incident(edit::Arguments<edit::incident::Verb>),
    /// List, announce, change and end maintenances on a running server.
    Maintenance(edit::Arguments<edit::maintenance::Verb>),
    /// Look at a component on a running server, and set its status by hand.
    Component(edit::Arguments<edit::component::Verb>),
    /// Say on a running server what differs in some towns.
    Local(edit::Arguments<edit::local::Verb>),
}

/// How long whatever served waits for somebody to read why it ends.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let dropped = crate::telemetry::start_log("info");
            match crate::app::serve(&arguments.config, dropped) {
                Ok(()) => ExitCode::SUCCESS,
                Err(fault) => fail_soon(fault),
            }
        }
        Command::Check(check) => check::run(&arguments.config, &check),
        Command::Config(command) => config::run(&arguments.config, &command),
        Command::Replay(replay) => replay::run(&replay),
        Command::Demo(demo) => demo::run(&demo),
        Command::Backup(backup) => backup::run(&arguments.config, &backup),
        Command::Export(export) => export::run(&arguments.config, &export),
        Command::Import(command) => import::run(&command),
        Command::Openapi => openapi::run(&arguments.config),
        Command::Completions(completions) => completions::run(&completions),
        Command::Token(command) => token::run(&arguments.config, &command),
        Command::Notify(command) => notify::run(&arguments.config, &command),
        Command::Audit(command) => audit::run(&arguments.config, &command),
        Command::Incident(incident) => edit::run(&incident),
        Command::Maintenance(maintenance) => edit::run(&maintenance),
        Command::Component(component) => edit::run(&component),
        Command::Local(local) => edit::run(&local),
    }
}

/// One line (or a rendered report) on stderr, and exit code 1. The chain of causes is part of it.
fn fail(fault: &dyn std::error::Error) -> ExitCode {
    let mut line = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    fail_with(&line)
}

/// The same for what serves: if nobody reads its stderr, it ends all the same.
fn fail_soon(fault: crate::app::AppFault) -> ExitCode {
    let (said, told) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        fail(&fault);
        // Who waited may have gone.
        said.send(()).unwrap_or_default();
    });
    told.recv_timeout(LAST_WORD).unwrap_or_default();
    ExitCode::FAILURE
}

/// A sentence on stderr, and exit code 1.
fn fail_with(sentence: &str) -> ExitCode {
    // A report has several lines, each of which is escaped.
    let lines: Vec<String> = sentence.lines().map(terminal).collect();
    let prefix = if lines.len() > 1 { "" } else { "turmwacht: " };
    print_error(&format!("{prefix}{}", lines.join("\n")));
    ExitCode::FAILURE
}

/// Writes a line to stdout. A closed pipe ends the program quietly.
fn print(line: &str) {
    if writeln!(std::io::stdout().lock(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Writes a line to stderr.
fn print_error(line: &str) {
    // Nobody is left to be told.
    writeln!(std::io::stderr().lock(), "{line}").unwrap_or_default();
}

/// A variable of the environment, if it is set to something.
fn environment(name: &str) -> Result<Option<String>, String> {
    match std::env::var_os(name).filter(|value| !value.is_empty()) {
        Some(value) => value.into_string().map(Some).map_err(|_| format!("{name} is not UTF-8")),
        None => Ok(None),
    }
}

/// Whether stdout is a terminal that wants colour.
fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
