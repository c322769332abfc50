//! `turmwacht config check` and `config show`.

use std::path::Path;
use std::process::ExitCode;

use crate::config;

/// What to do with the configuration.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Name every fault of all files at once.
    Check {
        /// Leave the values of secrets where they are: the service alone may be able to read them.
        #[arg(long)]
        without_secrets: bool,
    },
    /// Print the effective settings and catalogue as JSON; secrets as ***.
    Show,
}

/// Runs the command.
pub(super) fn run(config_file: &Path, command: &Command) -> ExitCode {
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr()) && super::colour();
    let without_secrets = matches!(command, Command::Check { without_secrets: true });
    let extra = config::Extra { without_secrets, ..config::Extra::default() };
    let loaded = match config::load_with(config_file, extra) {
        Ok(loaded) => loaded,
        Err(failure) => {
            super::print_error(&failure.into_report().render(colour));
            return ExitCode::FAILURE;
        }
    };
    match command {
        Command::Check { .. } => {
            if !loaded.warnings.is_empty() {
                super::print_error(&loaded.warnings.render(colour));
            }
            let unread = if without_secrets { "; secrets were not read" } else { "" };
            super::print(&format!(
                "{} files, {} organisations, {} components, {} checks; faults: 0, warnings: {}{unread}",
                loaded.files.len(),
                loaded.catalogue.organisations.len(),
                loaded.catalogue.components.len(),
                loaded.catalogue.checks.len(),
                loaded.warnings.warning_count()
            ));
        }
        Command::Show => match serde_json::to_string_pretty(&config::show(&loaded)) {
            Ok(json) => super::print(&json),
            Err(error) => return super::fail(&error),
        },
    }
    ExitCode::SUCCESS
}
