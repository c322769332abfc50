//! The nouns: what Turmwacht talks about, without IO, clock, log or `await`.
//!
//! Everything else imports from here; `model` imports nothing of ours. The words and the
//! closed lists are those of the public interface (`docs/api.md`).

pub mod access;
pub mod alternative;
pub mod availability;
pub mod bounds;
pub mod catalogue;
pub mod check;
pub mod contact;
pub mod decision;
pub mod editing;
pub mod event;
pub mod id;
pub mod incident;
pub mod local;
pub mod look;
pub mod measurements;
pub mod notice;
pub mod notification;
pub mod notify;
pub mod observation;
pub mod oversight;
pub mod past;
pub mod recurrence;
pub mod search;
pub mod settings;
pub mod snapshot;
pub mod status;
pub mod text;
pub mod time;
pub mod verdict;
pub mod window;
