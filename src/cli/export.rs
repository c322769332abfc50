//! `turmwacht export DIR`: the whole site as files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::progress::Progress;
use crate::app;
use crate::config;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder to write into: empty, missing, or written by an earlier export.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes what the store knows, beside a running server if there is one.
pub(super) fn run(config_file: &Path, arguments: &Arguments) -> ExitCode {
    let store = match config::store(config_file) {
        Ok(store) => store,
        Err(report) => return super::fail_with(&report.render(false)),
    };
    let mut progress = Progress::of("export");
    let exported = app::export(&store, &arguments.folder, &mut |done, of| progress.at(done, of));
    drop(progress);
    match exported {
        Ok(exported) => {
            super::print(&format!(
                "{}: {} files written, {} unchanged, {} removed",
                arguments.folder.display(),
                exported.written,
                exported.unchanged,
                exported.removed
            ));
            ExitCode::SUCCESS
        }
        Err(fault) => super::fail(&fault),
    }
}
