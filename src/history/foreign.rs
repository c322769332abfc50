//! Somebody else's SQLite database, read once: for moving in.
//!
//! It is opened as a file that nobody changes, for reading only, so that not a byte of it or beside
//! it is written. The file is hostile: only plain tables are read, only columns that were asked for,
//! each value within a bound, and SQLite's own work is bounded, too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{OpenFlags, OptionalExtension};
use serde_json::{Map, Value};
use url::Url;

use crate::history::open::{beside, connect};
use crate::history::{StoreFault, sentence};

/// Longest text that is read; a longer one reads as absent.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Most bytes of all texts together.
const TOTAL_BYTES_MAX: usize = 64 << 20;
/// Steps of SQLite's own machine between two looks, and most looks: some seconds of work.
const STEPS: i32 = 100_000;
const LOOKS_MAX: u32 = 5_000;

/// Rows by table; a column that is missing or null is not there.
pub type Rows = BTreeMap<String, Vec<Map<String, Value>>>;

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ForeignFault {
    /// It cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// SQLite cannot read it.
    #[error("cannot read {}: {}", path.display(), sentence(source))]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A table that must be there is not.
    #[error("{} has no table `{table}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// There is too much.
    #[error("{} holds more than can be read at once: {what}", path.display())]
    TooMuch {
        /// The file.
        path: PathBuf,
        /// What there is too much of.
        what: String,
    },
    /// The path cannot be handed to SQLite.
    #[error("{} is no path that SQLite can open", path.display())]
    Path {
        /// The file.
        path: PathBuf,
    },
}

/// Whether the file begins as SQLite's do.
pub fn is_sqlite(beginning: &[u8]) -> bool {
    beginning.starts_with(b"SQLite format 3\0")
}

/// The file beside a database that may hold what is not in it yet, if there is something in it.
pub fn unread_beside(path: &Path) -> Option<PathBuf> {
    let log = beside(path, "-wal");
    std::fs::metadata(&log).is_ok_and(|metadata| metadata.len() > 0).then_some(log)
}

/// Reads these columns of these tables, in the order of their rows. The first table must be there.
pub fn read(path: &Path, tables: &[&str], columns: &[&str], rows_max: usize) -> Result<Rows, ForeignFault> {
    let wrong = || ForeignFault::Path { path: path.to_owned() };
    let whole = std::path::absolute(path).map_err(|_| wrong())?;
    let url = Url::from_file_path(&whole).map_err(|()| wrong())?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let mut connection = connect(Path::new(&format!("{url}?immutable=1")), flags)?;
    let mut looks = 0;
    let stop = move || {
        looks += 1;
        looks > LOOKS_MAX
    };
    let sqlite = |source| ForeignFault::Sqlite { path: path.to_owned(), source };
    connection.progress_handler(STEPS, Some(stop)).map_err(sqlite)?;
    let mut bytes = 0;
    let mut rows = Rows::new();
    for (index, table) in tables.iter().enumerate() {
        let read = read_table(&connection, table, columns, rows_max, &mut bytes).map_err(sqlite)?;
        let what = match read {
            Some(Read::Rows(read)) => {
                rows.insert((*table).to_owned(), read);
                continue;
            }
            Some(Read::TooManyRows) => format!("more than {rows_max} rows of `{table}`"),
            Some(Read::TooManyBytes) => "more than 64 MiB of texts".to_owned(),
            None if index == 0 => {
                return Err(ForeignFault::Missing { path: path.to_owned(), table: (*table).to_owned() });
            }
            None => continue,
        };
        return Err(ForeignFault::TooMuch { path: path.to_owned(), what });
    }
    Ok(rows)
}

enum Read {
    Rows(Vec<Map<String, Value>>),
    TooManyRows,
    TooManyBytes,
}

fn read_table(
    connection: &rusqlite::Connection,
    table: &str,
    columns: &[&str],
    rows_max: usize,
    bytes: &mut usize,
) -> rusqlite::Result<Option<Read>> {
    // A view or a virtual table would run what its author wrote; neither has a page of its own.
    let plain = connection
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name = ?1", [table], |_| {
            Ok(())
        })
        .optional()?;
    if plain.is_none() {
        return Ok(None);
    }
    // Without generated columns, which would run, too.
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let there: Vec<String> = statement.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let wanted: Vec<&str> = columns.iter().copied().filter(|column| there.iter().any(|name| name == column)).collect();
    if wanted.is_empty() {
        return Ok(Some(Read::Rows(Vec::new())));
    }
    // The names are our own; what is too long is not even loaded.
    let fields: Vec<String> = wanted
        .iter()
        .map(|column| format!("CASE WHEN octet_length(\"{column}\") <= {TEXT_BYTES_MAX} THEN \"{column}\" END"))
        .collect();
    let sql =
        format!("SELECT {} FROM \"{table}\" ORDER BY rowid LIMIT {}", fields.join(", "), rows_max.saturating_add(1));
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        if rows.len() >= rows_max {
            return Ok(Some(Read::TooManyRows));
        }
        let mut values = Map::new();
        for (index, column) in wanted.iter().enumerate() {
            let value = match row.get_ref(index)? {
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) => {
                    *bytes = bytes.saturating_add(text.len());
                    if *bytes > TOTAL_BYTES_MAX {
                        return Ok(Some(Read::TooManyBytes));
                    }
                    String::from_utf8_lossy(text).into_owned().into()
                }
                ValueRef::Null | ValueRef::Blob(_) => continue,
            };
            values.insert((*column).to_owned(), value);
        }
        rows.push(values);
    }
    Ok(Some(Read::Rows(rows)))
}
