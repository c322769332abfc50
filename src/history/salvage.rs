//! Saving what can be read of a damaged store into a new one.
//!
//! Only damage that SQLite itself confirms leads here: never a newer schema, a lock, a missing right or another
//! owner. The damaged file is not written any more; it is kept beside under another name. Table by table every row
//! that can be read and makes sense is carried over. The new store has an epoch of its own, so that no id of an
//! incident is given twice. Positions of the log whose events are lost are filled with records that say so.

mod carry;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};

use crate::clock::system_time;
use crate::history::archive::ArchiveFault;
use crate::history::open::{Store, beside, check_header, check_owner, connect, fault, take_lock};
use crate::history::schema::{MIGRATIONS, version_of};
use crate::history::{StoreFault, audit, log, signed};
use crate::model::access::{AuditRecord, Outcome};
use crate::model::event::{EVENT_VERSION, Event};
use carry::Carried;

/// Beside the store: it is to be checked at the next start.
const SUSPECT: &str = ".suspect";
/// The new store while it is made, and once it is complete.
const PARTIAL: &str = ".salvaged.partial";
const COMPLETE: &str = ".salvaged";

/// What became of a damaged store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Where the damaged file is now.
    pub kept: PathBuf,
    /// What was saved, kind by kind.
    pub saved: Vec<Saved>,
}

/// What was saved of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The kind, in words.
    pub what: &'static str,
    /// How many rows were carried over.
    pub rows: u64,
    /// What was not.
    pub lost: Lost,
}

/// What was lost of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// All of it could be read.
    Nothing,
    /// So many rows.
    Rows(u64),
    /// Something, and nothing says how much.
    Something,
}

impl Salvaged {
    /// What the operator must know.
    pub fn sentences(&self) -> Vec<String> {
        let kept = self.kept.display();
        let mut told =
            vec![format!("the store was damaged: it is kept as {kept}, and a new one was made of what could be read")];
        let (whole, torn): (Vec<_>, Vec<_>) = self.saved.iter().partition(|saved| saved.lost == Lost::Nothing);
        told.extend(torn.iter().map(|saved| match saved.lost {
            Lost::Rows(lost) => format!("{}: {} saved, {lost} lost", saved.what, saved.rows),
            Lost::Nothing | Lost::Something => format!("{}: {} saved, some lost", saved.what, saved.rows),
        }));
        if !whole.is_empty() {
            let whole: Vec<String> = whole.iter().map(|saved| format!("{} ({})", saved.what, saved.rows)).collect();
            told.push(format!("nothing is known to be lost of: {}", whole.join(", ")));
        }
        told.push("what was lost can only be in a backup; check the disk".to_owned());
        told
    }
}

impl StoreFault {
    /// Whether this may come of a damaged file.
    pub fn may_be_damage(&self) -> bool {
        match self {
            Self::Event { .. } => true,
            Self::Sqlite { source, .. } => is_damage(source),
            _ => false,
        }
    }
}

impl ArchiveFault {
    /// Whether this may come of a damaged file.
    pub fn may_be_damage(&self) -> bool {
        match self {
            Self::Sqlite(error) => is_damage(error),
            Self::Store(fault) => fault.may_be_damage(),
            Self::TooMuch | Self::Slow | Self::Behind | Self::Damaged(_) => false,
        }
    }
}

/// Whether SQLite calls the file damaged.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Has the store checked at the next start: something in it could not be read.
pub fn suspect(path: &Path) {
    let mark = beside(path, SUSPECT);
    if let Err(error) = fs::write(&mark, b"") {
        tracing::warn!("cannot note in {} that the store is to be checked: {error}", mark.display());
    }
}

/// Whether something in the store could not be read since it was last checked.
pub fn is_suspected(path: &Path) -> bool {
    beside(path, SUSPECT).exists()
}

/// Ends a change of files that a crash has interrupted.
///
/// # Errors
/// If the files cannot be renamed, or another instance is about it.
pub fn resume(path: &Path) -> Result<(), StoreFault> {
    if beside(path, COMPLETE).exists() {
        let _lock = take_lock(path)?;
        exchange(path)?;
    }
    Ok(())
}

/// Makes a new store of what can be read, if the one at `path` is damaged for certain. `None` if it is not, or if
/// nothing that matters can be read: then everything stays as it is.
///
/// # Errors
/// If the store must not be touched, or the new one cannot be written.
pub fn salvage(path: &Path) -> Result<Option<Salvaged>, StoreFault> {
    check_owner(path)?;
    let _lock = take_lock(path)?;
    check_header(path, version_of(MIGRATIONS))?;
    let source = open_damaged(path)?;
    if !is_confirmed(&source).map_err(fault("check", path))? {
        remove(&beside(path, SUSPECT));
        return Ok(None);
    }
    tracing::warn!("the store {} is damaged; what can be read is carried over into a new one", path.display());
    let partial = beside(path, PARTIAL);
    discard(&partial);
    let saved = fill(&source, path, &partial);
    discard_side_files(&partial);
    let saved = match saved {
        Ok(Some(saved)) => saved,
        other => {
            discard(&partial);
            return other.map(|_| None);
        }
    };
    drop(source);
    rename(&partial, &beside(path, COMPLETE))?;
    let kept = exchange(path)?;
    Ok(Some(Salvaged { kept, saved }))
}

/// Opens a store that is not to be written any more.
fn open_damaged(path: &Path) -> Result<Connection, StoreFault> {
    // Not read-only: what stands in the WAL is read through an index that SQLite has to write beside it.
    let source = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let protect = || {
        source.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        source.pragma_update(None, "query_only", true)
    };
    protect().map_err(fault("open", path))?;
    Ok(source)
}

fn is_confirmed(source: &Connection) -> rusqlite::Result<bool> {
    let verdict: rusqlite::Result<String> = source.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    match verdict {
        Ok(verdict) => Ok(verdict != "ok"),
        Err(error) if is_damage(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Writes the new store. `None` if neither the log nor a checkpoint can be read, or its schema is older.
fn fill(source: &Connection, path: &Path, partial: &Path) -> Result<Option<Vec<Saved>>, StoreFault> {
    let version: u32 = match source.pragma_query_value(None, "user_version", |row| row.get(0)) {
        Ok(version) => version,
        Err(error) if is_damage(&error) => return Ok(None),
        Err(error) => return Err(fault("read", path)(error)),
    };
    if version != version_of(MIGRATIONS) {
        return Ok(None);
    }
    let Store { mut connection, lock, .. } = Store::open(partial)?;
    let writing = fault("write", partial);
    let carried = carry::all(source, &mut connection, path, partial)?;
    if carried.events.rows == 0 && carried.checkpoints == 0 {
        return Ok(None);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&writing)?;
    let filled = fill_log(&transaction, known_last(source)).map_err(&writing)?;
    reserve_uids(&transaction, &carried).map_err(&writing)?;
    let audits = count_audits(source, &transaction).map_err(&writing)?;
    let saved = carried.told(filled, audits);
    let detail: Vec<_> = saved
        .iter()
        .map(|saved| {
            serde_json::json!({ "what": saved.what, "saved": saved.rows, "lost": match saved.lost {
            Lost::Nothing => serde_json::json!(0),
            Lost::Rows(rows) => serde_json::json!(rows),
            Lost::Something => serde_json::Value::Null,
        } })
        })
        .collect();
    let record = AuditRecord {
        at: system_time(),
        actor: "turmwacht".to_owned(),
        action: "store salvaged".to_owned(),
        subject: String::new(),
        outcome: Outcome::Done,
        status: 200,
        detail: serde_json::Value::Array(detail).to_string(),
        position: None,
    };
    audit::append(&transaction, &record).map_err(&writing)?;
    transaction.commit().map_err(&writing)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(&writing)?;
    connection.close().map_err(|(_, error)| writing(error))?;
    drop(lock);
    Ok(Some(saved))
}

/// The last position that the damaged log is known to have had.
fn known_last(source: &Connection) -> u64 {
    // What cannot be read says nothing.
    log::last_position(source).unwrap_or(0)
}

/// Fills the gaps of the log, so that its positions go on without one and none is used again. Returns how many.
fn fill_log(target: &Connection, known_last: u64) -> rusqlite::Result<u64> {
    let beyond: Option<i64> = target.query_row(
        "SELECT max(coalesce((SELECT max(position) FROM event), 0), coalesce((SELECT max(position) FROM checkpoint), 0),
                    coalesce((SELECT max(position) FROM audit), 0))",
        [],
        |row| row.get(0),
    )?;
    let last = beyond.unwrap_or(0).max(signed(known_last));
    let mut gaps = Vec::new();
    let (mut expected, mut at_ms) = (1i64, 0i64);
    let mut statement = target.prepare("SELECT position, at_ms FROM event ORDER BY position")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        if position > expected {
            gaps.push((expected..position, at_ms));
        }
        (expected, at_ms) = (position + 1, row.get(1)?);
    }
    drop(rows);
    drop(statement);
    gaps.push((expected..last + 1, at_ms));
    let mut filled = 0;
    let mut insert = target.prepare(
        "INSERT INTO event (position, at_ms, kind, version, source, source_seq, body) VALUES (?1, ?2, ?3, ?4, 0, ?1, ?5)",
    )?;
    for (positions, at_ms) in gaps {
        for position in positions {
            // It names itself: every reader passes over it.
            let skipped = Event::Skipped { position: position.unsigned_abs() };
            let body = serde_json::to_string(&skipped)
                .map_err(|fault| rusqlite::Error::ToSqlConversionFailure(Box::new(fault)))?;
            insert.execute(params![position, at_ms, log::kind(&skipped), EVENT_VERSION, body])?;
            filled += 1;
        }
    }
    Ok(filled)
}

/// Sees to it that the number of a name that was lost is not given to another one.
fn reserve_uids(target: &Connection, carried: &Carried) -> rusqlite::Result<()> {
    let highest: i64 = target.query_row(
        "SELECT max(coalesce((SELECT max(uid) FROM entity), 0), coalesce((SELECT max(subject_uid) FROM interval), 0),
                    coalesce((SELECT max(check_uid) FROM chunk), 0), ?1)",
        [carried.uid_max],
        |row| row.get(0),
    )?;
    target.execute(
        "INSERT INTO entity (uid, kind, id, retired_position) VALUES (?1, 'reserved', '#salvaged', 0)",
        [highest + 1],
    )?;
    Ok(())
}

/// Takes over how many entries the audit log ever had, so that a missing end is noticed. Returns how many are missing.
fn count_audits(source: &Connection, target: &Connection) -> rusqlite::Result<u64> {
    let count = |connection: &Connection| -> rusqlite::Result<Option<i64>> {
        connection.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'audit'", [], |row| row.get(0)).optional()
    };
    let before = count(source).ok().flatten().unwrap_or(0);
    let now = count(target)?;
    if before > now.unwrap_or(0) {
        match now {
            Some(_) => target.execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'audit'", [before])?,
            None => target.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('audit', ?1)", [before])?,
        };
    }
    let rows: i64 = target.query_row("SELECT count(*) FROM audit", [], |row| row.get(0))?;
    Ok((before.max(now.unwrap_or(0)) - rows).max(0).unsigned_abs())
}

/// Puts the new store in the place of the damaged one. Returns where that is kept.
fn exchange(path: &Path) -> Result<PathBuf, StoreFault> {
    let kept = free_name(path);
    remove(&beside(path, "-shm"));
    for suffix in ["-wal", ""] {
        let from = beside(path, suffix);
        match fs::metadata(&from) {
            Ok(file) if file.len() > 0 => rename(&from, &beside(&kept, suffix))?,
            Ok(_) | Err(_) => remove(&from),
        }
    }
    rename(&beside(path, COMPLETE), path)?;
    remove(&beside(path, SUSPECT));
    Ok(kept)
}

/// A name that nothing has yet.
fn free_name(path: &Path) -> PathBuf {
    let at: String = system_time().to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let first = beside(path, &format!(".damaged-{at}"));
    let others = (2..).map(|number: u64| beside(path, &format!(".damaged-{at}-{number}")));
    std::iter::once(first).chain(others).find(|name| !name.exists()).unwrap_or_default()
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreFault> {
    let fail = |source| StoreFault::File { doing: "rename", path: from.to_owned(), source, help: FOLDER };
    fs::rename(from, to).map_err(fail)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)
}

const FOLDER: &str = "its folder must be writable for the user that turmwacht runs as";

/// Removes what we made ourselves.
fn discard(partial: &Path) {
    remove(partial);
    discard_side_files(partial);
}

fn discard_side_files(partial: &Path) {
    for suffix in ["-journal", "-wal", "-shm", ".lock"] {
        remove(&beside(partial, suffix));
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!("cannot remove {}: {error}", path.display());
    }
}
