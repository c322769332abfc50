//! The second tier: the program against the servers that are really out there, from Debian's
//! packages, each started by its test on loopback with a configuration of its own, and our
//! calendars, feeds and Statuspage's files against programs that read them.
//!
//! A peer that is not installed fails the test where `CI` is set; elsewhere the test says that
//! it was skipped, and passes. What servers that lie, stall and reset do is in `probe`.

mod apache;
mod authority;
mod cache;
mod calendar;
mod exported;
mod feeds;
mod imported;
mod include;
mod journey;
mod nginx;
mod notify;
mod oidc;
mod process;
mod prometheus;
mod proxies;
mod statuspage;
mod systemd;
mod unbound;
