//! The one test binary: each module tests one part of the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly"
)]
#![allow(clippy::too_many_lines, clippy::or_fun_call, reason = "tables of cases are long and need not be quick")]

mod config;
mod desk;
mod e2e;
mod editing;
mod engine;
mod history;
mod pages;
mod peers;
mod probe;
mod publish;
mod scenario;
mod server;
mod tidy;
