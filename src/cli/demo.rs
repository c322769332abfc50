//! `turmwacht demo`.

use std::net::SocketAddr;
use std::process::ExitCode;

use crate::demo;
use crate::scenario::Scenario;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A built-in scenario's name, or a file.
    #[arg(long, default_value = "hattingen-2023", value_name = "NAME")]
    scenario: String,
    /// The time line's gaps and the intervals are divided by this; the clock stays real.
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    speed: f64,
}

/// Plays a scenario on loopback until it is interrupted.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    if !(arguments.speed.is_finite() && arguments.speed >= 0.1 && arguments.speed <= 1000.0) {
        return super::fail_with("--speed must lie between 0.1 and 1000");
    }
    let scenario = match Scenario::load(&arguments.scenario) {
        Ok(scenario) => scenario,
        Err(fault) => return super::fail(&fault),
    };
    let dropped = crate::telemetry::start_log("warn");
    let announce = |sentence: &str| super::print_error(sentence);
    match demo::run(&scenario, arguments.listen, arguments.speed, dropped, announce) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => super::fail(&fault),
    }
}
