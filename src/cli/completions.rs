//! `turmwacht completions SHELL`.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

/// Prints what a shell needs to complete our commands.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let mut script = Vec::new();
    generate(arguments.shell, &mut super::Arguments::command(), "turmwacht", &mut script);
    super::print(String::from_utf8_lossy(&script).trim_end());
    ExitCode::SUCCESS
}
