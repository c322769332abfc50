//! Telling people and programs: who is to be told what, when, and the ways on which it goes out.
//!
//! [`facts`] says what stands, [`plan`] compares it with what was told before and puts messages
//! together: both are pure. [`mail`], [`webhook`] and [`alertmanager`] deliver. The texts are written in
//! `publish`, what is remembered stands in `history`, and the thread that does it all is in `app`.

pub mod alertmanager;
pub mod edits;
pub mod facts;
pub mod mail;
pub mod plan;
pub mod retry;
pub mod webhook;

/// How an attempt to deliver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was accepted.
    Accepted,
    /// It was not, and may be tried again: why, and not before when if that was said.
    Later(String, Option<std::time::Duration>),
    /// Nobody was there who could have taken it, or would have taken any: why.
    Unreachable(String),
    /// It never will be.
    Refused(String),
    /// It was not, and nothing else is wanted there either.
    Gone(String),
}
