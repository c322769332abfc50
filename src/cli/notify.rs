//! `turmwacht notify list` and `notify test`: what people and programs are told.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::app;
use crate::config;
use crate::history::notification::list;
use crate::model::notification::{Delivery, Notification};
use crate::publish::escape::terminal;

/// Most messages that are listed.
const LISTED_MAX: u32 = 1_000;

/// What to do about messages.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List messages, those on their way first; beside a running server if there is one.
    List {
        /// JSON instead of a table; with the texts.
        #[arg(long)]
        json: bool,
        /// Only those that were given up.
        #[arg(long)]
        dead: bool,
    },
    /// Send a test to everybody whom the configuration names, and say how it went.
    Test {
        /// Only to this one, such as `mail:it@example.org`, `webhook:chat` or `alertmanager`.
        #[arg(long, value_name = "RECIPIENT")]
        to: Option<String>,
    },
}

/// Runs the command.
pub(super) fn run(config_file: &Path, command: &Command) -> ExitCode {
    let done = match command {
        Command::List { json, dead } => match config::store(config_file) {
            Ok(store) => listed(&store, *json, *dead),
            Err(report) => Err(report.render(false)),
        },
        Command::Test { to } => match config::load(config_file) {
            Ok(loaded) => test(&loaded, to.as_deref()),
            Err(report) => Err(report.render(false)),
        },
    };
    match done {
        Ok(code) => code,
        Err(sentence) => super::fail_with(&sentence),
    }
}

fn listed(store: &Path, as_json: bool, dead: bool) -> Result<ExitCode, String> {
    let mut messages = list(store, LISTED_MAX).map_err(|fault| fault.to_string())?;
    messages.retain(|message| !dead || message.state == Delivery::Dead);
    if as_json {
        let messages: Vec<_> = messages.iter().map(as_value).collect();
        super::print(&json!({ "notifications": messages }).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for message in &messages {
        let fault = message.fault.as_deref().map(|fault| format!(": {fault}")).unwrap_or_default();
        let line = format!(
            "{}  {}  {:<7}  {} attempts  {}  {}{fault}",
            message.id, message.created_at, message.state, message.attempts, message.recipient, message.letter.subject
        );
        super::print(&terminal(&line));
    }
    if messages.is_empty() {
        super::print("no messages");
    }
    Ok(ExitCode::SUCCESS)
}

fn as_value(message: &Notification) -> serde_json::Value {
    json!({
        "id": message.id,
        "recipient": message.recipient,
        "created_at": message.created_at.to_string(),
        "state": message.state.as_str(),
        "attempts": message.attempts,
        "next_at": (message.state == Delivery::Pending).then(|| message.next_at.to_string()),
        "fault": message.fault,
        "subject": message.letter.subject,
        "text": message.letter.text,
    })
}

fn test(loaded: &config::Loaded, to: Option<&str>) -> Result<ExitCode, String> {
    let told = app::notify_test(&loaded.settings, &loaded.catalogue, to)?;
    if told.is_empty() {
        let named = to.map(terminal);
        return Err(match named {
            Some(named) => format!("`{named}` is nobody whom [notify] names; `turmwacht config show` lists them"),
            None => "[notify] names nobody".to_owned(),
        });
    }
    let mut all_well = true;
    for (key, result) in &told {
        let word = match result {
            Ok(()) => "accepted".to_owned(),
            Err(why) => format!("failed: {why}"),
        };
        all_well &= result.is_ok();
        super::print(&terminal(&format!("{key}: {word}")));
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
