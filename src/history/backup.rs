//! Copies of a store: beside its running server, and before a migration.
//!
//! SQLite's online backup begins anew whenever the source changes between two steps. A store
//! that is written every second and takes longer than that to copy would never be done, so after
//! a few new beginnings the rest is copied in one step, during which the WAL cannot be folded.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, Progress, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::history::open::{Store, beside, connect, create_private, fault, open_beside};
use crate::history::{StoreFault, log};

/// 64 MiB a step: a reader stays well below two seconds.
const STEP_PAGES: i32 = 4096;

/// Beginnings before the rest is copied in one step.
const BEGINNINGS_MAX: u32 = 4;

/// Steps that may find the source locked, at a second each (the connection's own patience).
const BUSY_MAX: u32 = 10;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// The last position of the log in it.
    pub position: u64,
}

impl Store {
    /// Copies the store at `path` to the new file `to`, checked and ready to be opened, while a
    /// server may be running on it.
    pub fn backup_to(path: &Path, to: &Path, told: &mut dyn FnMut(usize, usize)) -> Result<BackupReport, StoreFault> {
        let source = open_beside(path)?;
        create_private(to).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => StoreFault::TargetExists { path: to.to_owned() },
            _ => StoreFault::File { doing: "create", path: to.to_owned(), source: error, help: FOLDER },
        })?;
        copy(&source, path, to, told).inspect_err(|_| remove(to))
    }
}

const FOLDER: &str = "the folder must exist and be writable";

/// Copies a store to `<path>.backup-v<version>` before its schema changes. One of an earlier
/// attempt is replaced: that attempt was rolled back, so this one is at least as new.
pub(super) fn before_migration(source: &Connection, path: &Path, version: u32) -> Result<(), StoreFault> {
    let to = beside(path, &format!(".backup-v{version}"));
    let partial = beside(&to, ".partial");
    let fail = |source| StoreFault::File { doing: "write", path: to.clone(), source, help: FOLDER };
    remove(&partial);
    create_private(&partial).map_err(fail)?;
    copy(source, path, &partial, &mut |_, _| {}).inspect_err(|_| remove(&partial))?;
    fs::rename(&partial, &to).map_err(fail)
}

fn copy(
    source: &Connection,
    path: &Path,
    to: &Path,
    told: &mut dyn FnMut(usize, usize),
) -> Result<BackupReport, StoreFault> {
    let mut target = connect(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    run(source, &mut target, told).map_err(fault("copy", path))?;
    // The copy says WAL, as its source; a backup is one file.
    target
        .pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .map_err(fault("finish the backup", to))?;
    let verdict: String =
        target.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(fault("check the backup", to))?;
    if verdict != "ok" {
        return Err(StoreFault::Unsound { path: path.to_owned(), what: verdict.replace('\n', " ") });
    }
    let position = log::last_position(&target).map_err(fault("read", to))?;
    target.close().map_err(|(_, error)| fault("finish the backup", to)(error))?;
    let bytes = fs::File::open(to)
        .and_then(|file| file.sync_all().and_then(|()| file.metadata()))
        .map_err(|source| StoreFault::File { doing: "write", path: to.to_owned(), source, help: FOLDER })?
        .len();
    Ok(BackupReport { path: to.to_owned(), bytes, position })
}

fn run(source: &Connection, target: &mut Connection, told: &mut dyn FnMut(usize, usize)) -> rusqlite::Result<()> {
    let backup = Backup::new(source, target)?;
    let (mut beginnings, mut busy) = (1, 0);
    let mut remaining = i32::MAX;
    loop {
        let pages = if beginnings >= BEGINNINGS_MAX { -1 } else { STEP_PAGES };
        match backup.step(pages)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {
                let Progress { remaining: now, pagecount: all } = backup.progress();
                let page = |number: i32| usize::try_from(number).unwrap_or(0);
                told(page(all.saturating_sub(now)), page(all));
                beginnings += u32::from(now >= remaining);
                remaining = now;
            }
            // Both, and whatever SQLite may add: somebody holds a lock.
            _ => {
                busy += 1;
                if busy > BUSY_MAX {
                    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                    return Err(rusqlite::Error::SqliteFailure(code, None));
                }
            }
        }
    }
}

/// Removes what we made ourselves. That it may remain is told by the error that led here.
fn remove(path: &Path) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let leftover = beside(path, suffix);
        if let Err(error) = fs::remove_file(&leftover)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %leftover.display(), %error, "cannot remove the unfinished backup");
        }
    }
}
