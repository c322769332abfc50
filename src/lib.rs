//! Turmwacht watches shared municipal portals and tells citizens what is down, because of what,
//! what still works and what else they can do.
//!
//! A result travels one way, and each step is a function that a test can call with literals:
//! [`config`] (files → catalogue) → [`engine`] `schedule` (what is due) → [`probe`] (facts) →
//! [`engine`] `judge` (verdict), confirmation, status, cause, incident → [`history`] (the log) →
//! [`publish`] (one snapshot → JSON, Atom, HTML, metrics) → [`server`] (bytes out). The map with
//! its invariants is `ARCHITECTURE.md`.

pub mod app;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod demo;
pub mod desk;
pub mod editing;
pub mod engine;
pub mod history;
pub mod importing;
pub mod model;
pub mod notify;
pub mod probe;
pub mod publish;
pub mod replay;
pub mod scenario;
pub mod server;
pub mod telemetry;
