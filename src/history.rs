//! The one log: what was decided, in SQLite, for good.
//!
//! [`open::Store`] is an opened, locked, migrated database. [`restore`] reads it back,
//! [`writer`] appends to it on a thread of its own, [`archive`] looks single results and old
//! intervals up beside it, [`backup`] copies it beside a running server, [`salvage`] saves
//! what can be read of a damaged one. A transaction holds a
//! prefix of the log, so that after a crash the store is exactly what was acknowledged or a little
//! more, never something in between.
//!
//! Beside the log stand [`token`]s and the [`audit`] log, which commands change beside a running
//! server too, and what is told to people and programs ([`notification`]).
//!
//! This module knows the nouns of `model` only. It never decides, never imports the engine, and
//! the engine's checkpoint is opaque bytes to it.

use std::io;
use std::path::PathBuf;

mod answer;
mod append;
pub mod archive;
pub mod audit;
pub mod backup;
mod chunk;
mod codec;
mod entity;
mod fold;
pub mod foreign;
mod horizon;
mod interval;
mod log;
pub mod notification;
pub mod open;
mod packed;
pub mod restore;
pub mod salvage;
mod schema;
pub mod token;
pub mod writer;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// Another instance runs on it.
    #[error(
        "another turmwacht (pid {pid}) uses {}; stop that one first, or give this one a store of its own (`[storage] path`)",
        path.display()
    )]
    InUse {
        /// The other instance's process id; 0 if it has not written it down yet.
        pid: u32,
        /// The store.
        path: PathBuf,
    },
    /// It belongs to another user.
    #[error(
        "{} belongs to the user with id {owner}, but this runs as user {user}; run turmwacht as the store's owner",
        path.display()
    )]
    OtherOwner {
        /// The file.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// A newer release has written it.
    #[error(
        "{} was written by a newer turmwacht ({what}); install that release again, or restore a backup made before",
        path.display()
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// What this release does not know.
        what: String,
    },
    /// Not a store.
    #[error("{} is not a turmwacht store; choose another path in `[storage] path`, or restore a backup if it was one", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A row of the log cannot be read.
    #[error("the log in {} cannot be read at position {position}: {what}; restore a backup", path.display())]
    Event {
        /// The store.
        path: PathBuf,
        /// The event's position.
        position: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A file or folder cannot be used.
    #[error("cannot {doing} {}: {source}; {help}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// What to do about it.
        help: &'static str,
    },
    /// The target of a backup exists.
    #[error("{} exists already; choose another name for the backup or remove it first", path.display())]
    TargetExists {
        /// The target.
        path: PathBuf,
    },
    /// The copy is not sound.
    #[error("the backup of {} is not sound: {what}; check the disk and the store", path.display())]
    Unsound {
        /// The store that was copied.
        path: PathBuf,
        /// What SQLite's check found first.
        what: String,
    },
    /// Something to be recorded does not fit the log.
    #[error("the log in {} refuses this: {what}", path.display())]
    Refused {
        /// The store.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// SQLite cannot do it.
    #[error("cannot {doing} {}: {}", path.display(), sentence(source))]
    Sqlite {
        /// What was tried.
        doing: &'static str,
        /// The store.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// What an error of SQLite means to the operator, and what to do.
fn sentence(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    let help = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full; free some space",
        Some(ErrorCode::SystemIoFailure) => "the disk reports errors; check it",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program keeps it locked; end that one",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "it cannot be written; check its owner and mode",
        Some(ErrorCode::CannotOpen) => "it cannot be opened; check that its folder exists and can be written",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "it is damaged; the server saves what can be read when it starts, for the rest restore a backup"
        }
        Some(_) | None => return error.to_string(),
    };
    format!("{help} ({error})")
}

/// An integer of the store as a count or position; what is negative is nothing we wrote.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A count or position as an integer of the store.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
