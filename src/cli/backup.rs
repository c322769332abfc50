//! `turmwacht backup FILE`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::progress::Progress;
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
    let store = match config::store(config_file) {
        Ok(store) => store,
        Err(report) => return super::fail_with(&report.render(false)),
    };
    let mut progress = Progress::of("backup");
    let copied = Store::backup_to(&store, &arguments.file, &mut |done, of| progress.at(done, of));
    drop(progress);
    match copied {
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
