//! `turmwacht openapi`.

use std::path::Path;
use std::process::ExitCode;

use crate::config;
use crate::publish::openapi;

/// Prints the description of the interfaces, as `/openapi.json` serves it.
pub(super) fn run(config_file: &Path) -> ExitCode {
    let extra = config::Extra { without_secrets: true, ..config::Extra::default() };
    let loaded = match config::load_with(config_file, extra) {
        Ok(loaded) => loaded,
        Err(failure) => return super::fail_with(&failure.into_report().render(false)),
    };
    match serde_json::to_string_pretty(&openapi::describe(&loaded.catalogue.site)) {
        Ok(json) => {
            super::print(&json);
            ExitCode::SUCCESS
        }
        Err(error) => super::fail(&error),
    }
}
