//! `turmwacht audit verify`.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::config;
use crate::history::audit::{AuditFault, verify};

/// What to do with the audit log.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check that every entry is as it was written and none is missing.
    Verify {
        /// The result as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command, beside a running server if there is one.
pub(super) fn run(config_file: &Path, command: &Command) -> ExitCode {
    let Command::Verify { json: as_json } = command;
    let store = match config::store(config_file) {
        Ok(store) => store,
        Err(report) => return super::fail_with(&report.render(false)),
    };
    match verify(&store) {
        Ok(verified) => {
            super::print(&match (as_json, &verified.last_hash) {
                (true, last_hash) => {
                    json!({ "sound": true, "entries": verified.entries, "last_hash": last_hash }).to_string()
                }
                (false, Some(hash)) => {
                    format!("entries: {}, all as they were written; the hash of the last is {hash}", verified.entries)
                }
                (false, None) => "entries: 0".to_owned(),
            });
            ExitCode::SUCCESS
        }
        Err(fault) => {
            if let (true, AuditFault::Broken { seq, what, .. }) = (as_json, &fault) {
                super::print(&json!({ "sound": false, "entry": seq, "fault": what }).to_string());
            }
            super::fail_with(&fault.to_string())
        }
    }
}
