//! Opening a store: whose it is, who else uses it, whether we know its schema.
//!
//! The order matters: owner and lock come before SQLite, and the schema's version is read from
//! the file's header, so that a store we must not touch stays as it is to the last byte. SQLite
//! gives its side files (`-wal`, `-shm`) the mode and the owner of the database file.

use std::cell::OnceCell;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use rustix::fs::{FlockOperation, OFlags};

use crate::history::schema::{APPLICATION_ID, MIGRATIONS, migrate, version_of};
use crate::history::{StoreFault, backup, log, signed, unsigned};
use crate::model::catalogue::Catalogue;
use crate::model::event::{EVENT_VERSION, Event};

/// 16 KiB: chunks of results and bodies of events are long.
const PAGE_BYTES: u32 = 16 * 1024;

/// How long SQLite waits for another program's lock before the writer hears of it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// How often, and how long each time, a store is waited for that somebody is just making.
const LOCK_WAITS_MAX: u32 = 40;
const LOCK_WAIT: Duration = Duration::from_millis(25);

/// What the WAL is cut back to after a long reader is gone.
const WAL_BYTES_KEPT: u32 = 32 * 1024 * 1024;

/// Nobody else's business: names of internal components and targets are in it.
const MODE: u32 = 0o600;

/// A version of a catalogue and the catalogue.
pub type Adopted = (u32, Arc<Catalogue>);

/// An opened, locked, migrated database.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) epoch: u64,
    /// The catalogue in force, once it was read.
    pub(super) in_force: OnceCell<Option<Adopted>>,
    /// Held as long as the store is open for writing. Dropped after the connection.
    pub(super) lock: Option<Lock>,
}

/// The lock against a second instance.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Store {
    /// Opens the store, makes it if it is missing, migrates it after a backup if it is older.
    pub fn open(path: &Path) -> Result<Self, StoreFault> {
        Self::open_with(path, MIGRATIONS)
    }

    /// [`Self::open`] for a schema made by other migrations than this release's.
    pub fn open_with(path: &Path, migrations: &[&str]) -> Result<Self, StoreFault> {
        check_owner(path)?;
        let lock = take_lock(path)?;
        create(path)?;
        check_header(path, version_of(migrations))?;
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let sqlite = |doing| fault(doing, path);
        let version = version(&connection).map_err(sqlite("read"))?;
        let is_empty = is_empty(&connection).map_err(sqlite("read"))?;
        if version == 0 && !is_empty {
            return Err(StoreFault::Foreign { path: path.to_owned() });
        }
        if is_empty {
            connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(sqlite("set up"))?;
        }
        connection.pragma_update(None, "journal_mode", "WAL").map_err(sqlite("set up"))?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(sqlite("set up"))?;
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT).map_err(sqlite("set up"))?;
        if version < version_of(migrations) {
            if version > 0 {
                backup::before_migration(&connection, path, version)?;
            }
            migrate(&mut connection, migrations, version).map_err(sqlite("migrate"))?;
        }
        let epoch = epoch(&connection).map_err(sqlite("read"))?;
        Ok(Self { connection, path: path.to_owned(), epoch, in_force: OnceCell::new(), lock: Some(lock) })
    }

    /// Opens the store for reading, beside whoever runs on it.
    pub fn open_beside(path: &Path) -> Result<Self, StoreFault> {
        let connection = open_beside(path)?;
        let epoch = epoch(&connection).map_err(fault("read", path))?;
        Ok(Self { connection, path: path.to_owned(), epoch, in_force: OnceCell::new(), lock: None })
    }

    /// The store's random number, made with it: the seed of incident ids.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Records that the event at a position cannot be applied: every reader passes over it from
    /// now on. Returns the position of this record.
    pub fn append_skipped(&mut self, position: u64) -> Result<u64, StoreFault> {
        let sqlite = |doing| fault(doing, &self.path);
        let last = log::last_position(&self.connection).map_err(sqlite("read"))?;
        if position == 0 || position > last {
            let what = format!("there is no event at position {position} to pass over");
            return Err(StoreFault::Refused { path: self.path.clone(), what });
        }
        let skipped = Event::Skipped { position };
        let body = serde_json::to_string(&skipped)
            .map_err(|fault| StoreFault::Refused { path: self.path.clone(), what: fault.to_string() })?;
        self.connection
            .execute(
                "INSERT INTO event (position, at_ms, kind, version, source, source_seq, body)
                 SELECT ?1, max(at_ms), ?2, ?3, 0, ?1, ?4 FROM event",
                params![signed(last + 1), log::kind(&skipped), EVENT_VERSION, body],
            )
            .map_err(sqlite("append to"))?;
        self.in_force = OnceCell::new();
        Ok(last + 1)
    }
}

/// Opens a store beside its running server: without the lock, for reading.
pub(super) fn open_beside(path: &Path) -> Result<Connection, StoreFault> {
    let file = |source| StoreFault::File { doing: "read", path: path.to_owned(), source, help: MISSING };
    std::fs::metadata(path).map_err(file)?;
    check_owner(path)?;
    check_header(path, version_of(MIGRATIONS))?;
    // Not read-only: after a crash the WAL must be recovered to read what was acknowledged.
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if version(&connection).map_err(fault("read", path))? == 0 {
        return Err(StoreFault::Foreign { path: path.to_owned() });
    }
    Ok(connection)
}

/// Opens a store beside its running server, for writing too. One that is missing or older is made
/// or migrated first, which takes the lock for that moment.
pub(super) fn open_shared(path: &Path) -> Result<Connection, StoreFault> {
    let mut waits = LOCK_WAITS_MAX;
    loop {
        if let Some(connection) = open_if_current(path)? {
            return Ok(connection);
        }
        match Store::open(path) {
            // Without the lock: a server may start from now on.
            Ok(Store { connection, .. }) => return Ok(connection),
            // Perhaps a server that is just making it.
            Err(StoreFault::InUse { .. }) if waits > 0 => waits -= 1,
            Err(fault) => return Err(fault),
        }
        std::thread::sleep(LOCK_WAIT);
    }
}

/// A store of this release's schema; `None` if it is missing or older.
fn open_if_current(path: &Path) -> Result<Option<Connection>, StoreFault> {
    check_owner(path)?;
    if !std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(None);
    }
    check_header(path, version_of(MIGRATIONS))?;
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if version(&connection).map_err(fault("read", path))? != version_of(MIGRATIONS) {
        return Ok(None);
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(fault("set up", path))?;
    Ok(Some(connection))
}

const MISSING: &str = "check `[storage] path`";

/// Makes an error of SQLite ours.
pub(super) fn fault(doing: &'static str, path: &Path) -> impl Fn(rusqlite::Error) -> StoreFault {
    let path = path.to_owned();
    move |source| StoreFault::Sqlite { doing, path: path.clone(), source }
}

/// A connection that trusts the file as little as it can.
pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreFault> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    open().map_err(fault("open", path))
}

/// `path` with something appended to its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A new file that only we can read.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
}

fn create(path: &Path) -> Result<(), StoreFault> {
    match create_private(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreFault::File { doing: "create", path: path.to_owned(), source, help: FOLDER }),
    }
}

const FOLDER: &str = "its folder must exist and be writable for the user that turmwacht runs as";

/// Refuses another owner's store, for root as well: files that root leaves behind would lock
/// the service's own user out.
pub(super) fn check_owner(path: &Path) -> Result<(), StoreFault> {
    let user = rustix::process::geteuid().as_raw();
    check_owner_is(path, user)?;
    check_owner_is(&beside(path, ".lock"), user)
}

fn check_owner_is(path: &Path, user: u32) -> Result<(), StoreFault> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.uid() != user => {
            Err(StoreFault::OtherOwner { path: path.to_owned(), owner: metadata.uid(), user })
        }
        // What is missing is nobody's; what cannot be seen fails when it is opened.
        Ok(_) | Err(_) => Ok(()),
    }
}

pub(super) fn take_lock(path: &Path) -> Result<Lock, StoreFault> {
    let lock_path = beside(path, ".lock");
    let fail = |source| StoreFault::File { doing: "lock", path: lock_path.clone(), source, help: FOLDER };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&lock_path)
        .map_err(fail)?;
    if let Err(error) = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(fail(error.into()));
        }
        let mut pid = String::new();
        file.take(20).read_to_string(&mut pid).map_err(fail)?;
        return Err(StoreFault::InUse { pid: pid.trim().parse().unwrap_or(0), path: path.to_owned() });
    }
    file.set_len(0).map_err(fail)?;
    file.rewind().map_err(fail)?;
    writeln!(file, "{}", std::process::id()).map_err(fail)?;
    Ok(Lock { _file: file })
}

/// Refuses a newer or a foreign file without touching it.
pub(super) fn check_header(path: &Path, known: u32) -> Result<(), StoreFault> {
    let fail = |source| StoreFault::File { doing: "read", path: path.to_owned(), source, help: MISSING };
    let mut header = Vec::new();
    File::open(path).map_err(fail)?.take(72).read_to_end(&mut header).map_err(fail)?;
    if header.is_empty() {
        return Ok(());
    }
    let number = |at: usize| header.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().map(u32::from_be_bytes);
    let foreign = || StoreFault::Foreign { path: path.to_owned() };
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(foreign());
    }
    let (version_found, application) = number(60).zip(number(68)).ok_or_else(foreign)?;
    // Both are 0 while the first transaction stands in the WAL only.
    if application != 0 && application != APPLICATION_ID.cast_unsigned() {
        return Err(foreign());
    }
    check_version(path, version_found, known)?;
    // A newer version may still stand in the WAL. A reader neither folds nor removes that.
    if std::fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0) {
        let reader = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        check_version(path, version(&reader).map_err(fault("read", path))?, known)?;
    }
    Ok(())
}

fn check_version(path: &Path, found: u32, known: u32) -> Result<(), StoreFault> {
    if found <= known {
        return Ok(());
    }
    let what = format!("its schema is version {found}, this release knows {known}");
    Err(StoreFault::Newer { path: path.to_owned(), what })
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// The store's epoch; a new store gets one.
fn epoch(connection: &Connection) -> rusqlite::Result<u64> {
    let read = || connection.query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| row.get(0)).optional();
    if let Some(epoch) = read()? {
        return Ok(unsigned(epoch));
    }
    // The standard library seeds its hashers from the system's random source.
    let random = std::hash::RandomState::new().build_hasher().finish() >> 1;
    connection.execute("INSERT INTO meta (key, value) VALUES ('epoch', ?1)", [signed(random)])?;
    Ok(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_owners_store_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turmwacht.db");
        let us = rustix::process::geteuid().as_raw();
        check_owner_is(&path, us + 1).expect("a missing file is nobody's");
        drop(Store::open(&path).unwrap());
        check_owner_is(&path, us).unwrap();
        let fault = check_owner_is(&path, us + 1).unwrap_err().to_string();
        assert!(fault.contains(&format!("belongs to the user with id {us}")), "{fault}");
        assert!(fault.contains(&format!("runs as user {}", us + 1)), "{fault}");
    }
}
