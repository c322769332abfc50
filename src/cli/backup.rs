//! `turmwacht backup FILE`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config;
use crate::history::open::Store;

/// Arguments of `backup`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file to write; it must not exist yet.
    file: PathBuf,
}

/// Copies the database.
pub(super) fn run(config_file: &Path, arguments: &Arguments) -> ExitCode {
    let settings = match config::load_or_settings(config_file) {
        Ok(loaded) => loaded.settings,
        Err(config::LoadFailure::Catalogue { settings, .. }) => *settings,
        Err(config::LoadFailure::Settings(report)) => return super::fail_with(&report.render(false)),
    };
    match Store::backup_to(&settings.storage.path, &arguments.file) {
        Ok(report) => {
            super::print(&format!(
                "{} holds the log up to position {}, {} bytes, checked",
                report.path.display(),
                report.position,
                report.bytes
            ));
            ExitCode::SUCCESS
        }
        Err(fault) => super::fail(&fault),
    }
}
