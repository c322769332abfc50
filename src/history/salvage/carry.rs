//! Carrying rows of a damaged store over into a new one.
//!
//! A table is read in the order of its keys. Where a page cannot be read, the next key that can is looked for. What
//! was read is kept only if it makes sense: a page that was overwritten may still look like rows.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params_from_iter};

use super::{Lost, Saved, is_damage};
use crate::history::log::{self, RowFault};
use crate::history::open::fault;
use crate::history::{StoreFault, chunk, codec, packed, unsigned};
use crate::model::event::Event;

/// Rows in one transaction of the new store.
const ROWS_AT_ONCE: u64 = 10_000;

/// So many keys are tried one by one behind a page that cannot be read, then ever larger steps are taken.
const STEPS: i64 = 2_000;

/// Tables with a number as key, in the order in which they are carried over, and what they are called.
const NUMBERED: [(&str, &str); 13] = [
    ("catalogue", "catalogues"),
    ("event", EVENTS),
    ("checkpoint", CHECKPOINTS),
    ("token", "tokens"),
    ("audit", AUDIT),
    ("entity", "names"),
    ("interval", "intervals of statuses"),
    ("answer", "answers to editors"),
    ("notify_cursor", "the place up to which people were told"),
    ("notification", "messages"),
    ("fold", FOLD),
    ("tail", "batches of results"),
    ("chunk", "days of results"),
];

const EVENTS: &str = "events of the log";
const CHECKPOINTS: &str = "checkpoints";
const AUDIT: &str = "entries of the audit log";
const FOLD: &str = "progress of sorting results";

/// Tables whose key is a text, with that key.
const NAMED: [(&str, &str, &str); 6] = [
    ("logo", "name", "logos"),
    ("meta", "key", "settings of the store"),
    ("notify_told", "recipient, subject", "what recipients were told"),
    ("notify_held", "recipient, subject", "news that wait"),
    ("notify_seen", "contact", "contacts that are known"),
    ("notify_closed", "recipient", "webhooks that want no more"),
];

/// What was carried over.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) events: Saved,
    pub(super) checkpoints: u64,
    /// The highest number of a check in single results.
    pub(super) uid_max: i64,
    others: Vec<Saved>,
}

impl Carried {
    /// What is told of it, with so many events and entries of the audit log that are missing.
    pub(super) fn told(self, events_lost: u64, audits_lost: u64) -> Vec<Saved> {
        let known = |lost: u64, saved: Saved| match (lost, saved.lost) {
            (0, _) => saved,
            (lost, _) => Saved { lost: Lost::Rows(lost), ..saved },
        };
        let others = self.others.into_iter().map(|saved| match saved.what {
            AUDIT => known(audits_lost, saved),
            _ => saved,
        });
        std::iter::once(known(events_lost, self.events)).chain(others).collect()
    }
}

/// Why rows are not carried on with.
enum Stop {
    /// The damaged store cannot be read here.
    Damage,
    Fault(StoreFault),
}

/// One table on its way.
struct Table<'a> {
    source: &'a Connection,
    path: &'a Path,
    partial: &'a Path,
    name: &'static str,
    select: String,
    insert: String,
    rows: u64,
    broken: u64,
    has_gap: bool,
    uid_max: i64,
}

/// Carries all tables over.
pub(super) fn all(
    source: &Connection,
    target: &mut Connection,
    path: &Path,
    partial: &Path,
) -> Result<Carried, StoreFault> {
    let mut carried = Carried {
        events: Saved { what: EVENTS, rows: 0, lost: Lost::Nothing },
        checkpoints: 0,
        uid_max: 0,
        others: Vec::new(),
    };
    for (name, key, what) in NAMED {
        let mut table = Table::new(source, target, (path, partial), name)?;
        table.named(target, key)?;
        carried.others.push(table.saved(what));
    }
    let mut is_sorted = true;
    for (name, what) in NUMBERED {
        let mut table = Table::new(source, target, (path, partial), name)?;
        // Whether a batch is sorted already is not known any more: what is in both would count twice.
        if name == "tail" && !is_sorted {
            table.has_gap = true;
        } else {
            table.numbered(target)?;
        }
        carried.uid_max = carried.uid_max.max(table.uid_max);
        let saved = table.saved(what);
        match what {
            EVENTS => carried.events = saved,
            CHECKPOINTS => {
                carried.checkpoints = saved.rows;
                carried.others.push(saved);
            }
            FOLD => is_sorted = saved.lost == Lost::Nothing,
            _ => carried.others.push(saved),
        }
    }
    Ok(carried)
}

impl<'a> Table<'a> {
    fn new(
        source: &'a Connection,
        target: &Connection,
        (path, partial): (&'a Path, &'a Path),
        name: &'static str,
    ) -> Result<Self, StoreFault> {
        // Without generated columns.
        let columns = || -> rusqlite::Result<Vec<String>> {
            let mut statement = target.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
            statement.query_map([name], |row| row.get(0))?.collect()
        };
        let columns = columns().map_err(fault("read", partial))?;
        let places: Vec<String> = (1..=columns.len()).map(|number| format!("?{number}")).collect();
        Ok(Self {
            source,
            path,
            partial,
            name,
            select: columns.join(", "),
            insert: format!("INSERT OR IGNORE INTO {name} ({}) VALUES ({})", columns.join(", "), places.join(", ")),
            rows: 0,
            broken: 0,
            has_gap: false,
            uid_max: 0,
        })
    }

    fn saved(self, what: &'static str) -> Saved {
        let lost = match (self.has_gap, self.broken) {
            (true, _) => Lost::Something,
            (false, 0) => Lost::Nothing,
            (false, broken) => Lost::Rows(broken),
        };
        Saved { what, rows: self.rows, lost }
    }

    /// Carries a table over whose key is a number.
    fn numbered(&mut self, target: &mut Connection) -> Result<(), StoreFault> {
        let query =
            format!("SELECT rowid, {} FROM {} NOT INDEXED WHERE rowid >= ?1 ORDER BY rowid", self.select, self.name);
        let mut next = Some(i64::MIN);
        while let Some(from) = next {
            let mut reached = from;
            match self.read(target, &query, Some(&mut reached)) {
                Ok(true) => next = Some(reached),
                Ok(false) => return Ok(()),
                Err(Stop::Damage) => next = self.after_damage(reached)?,
                Err(Stop::Fault(fault)) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Carries a table over whose key is a text: from its beginning, and if that does not reach its end, from there.
    fn named(&mut self, target: &mut Connection, key: &str) -> Result<(), StoreFault> {
        let backward: Vec<String> = key.split(", ").map(|column| format!("{column} DESC")).collect();
        for order in [key.to_owned(), backward.join(", ")] {
            let query = format!("SELECT 0, {} FROM {} ORDER BY {order}", self.select, self.name);
            match self.read(target, &query, None) {
                Ok(_) => return Ok(()),
                Err(Stop::Damage) => self.has_gap = true,
                Err(Stop::Fault(fault)) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Carries rows over in one transaction: with a first key at most [`ROWS_AT_ONCE`] from there on, moving it on;
    /// else all. Whether there may be more.
    fn read(&mut self, target: &mut Connection, query: &str, mut from: Option<&mut i64>) -> Result<bool, Stop> {
        let writing = |error| Stop::Fault(fault("write", self.partial)(error));
        let path = self.path;
        let reading = |error: rusqlite::Error| {
            if is_damage(&error) { Stop::Damage } else { Stop::Fault(fault("read", path)(error)) }
        };
        let transaction = target.transaction_with_behavior(TransactionBehavior::Immediate).map_err(writing)?;
        let mut taken = 0;
        let mut read = || -> Result<bool, Stop> {
            let mut statement = self.source.prepare(query).map_err(reading)?;
            let columns = statement.column_count();
            let mut rows = match &from {
                Some(from) => statement.query([**from]),
                None => statement.query([]),
            }
            .map_err(reading)?;
            while let Some(row) = rows.next().map_err(reading)? {
                let key: i64 = row.get(0).map_err(reading)?;
                let mut values = Vec::with_capacity(columns);
                for column in 1..columns {
                    values.push(row.get::<_, Value>(column).map_err(reading)?);
                }
                if self.name == "meta" && matches!(values.first(), Some(Value::Text(key)) if key == "epoch") {
                    continue;
                }
                let inserted = match makes_sense(self.name, &values, &transaction, &mut self.uid_max) {
                    Ok(true) => {
                        let insert = transaction.prepare_cached(&self.insert);
                        let inserted = insert.and_then(|mut insert| insert.execute(params_from_iter(&values)));
                        // What does not fit the table cannot have been written there.
                        inserted.is_ok_and(|rows| rows > 0)
                    }
                    Ok(false) => false,
                    Err(what) => return Err(Stop::Fault(StoreFault::Newer { path: path.to_owned(), what })),
                };
                if inserted {
                    self.rows += 1;
                } else if !(self.has_gap && from.is_none()) {
                    self.broken += 1;
                }
                taken += 1;
                if let Some(from) = from.as_deref_mut() {
                    let Some(next) = key.checked_add(1) else { return Ok(false) };
                    *from = next;
                    if taken >= ROWS_AT_ONCE {
                        return Ok(true);
                    }
                }
            }
            Ok(false)
        };
        let result = read();
        transaction.commit().map_err(|error| Stop::Fault(fault("write", self.partial)(error)))?;
        result
    }

    /// The next key that can be read; `None` if there is none.
    fn after_damage(&mut self, from: i64) -> Result<Option<i64>, StoreFault> {
        let query = format!("SELECT rowid FROM {} NOT INDEXED WHERE rowid >= ?1 ORDER BY rowid LIMIT 1", self.name);
        let reading = fault("read", self.path);
        // `Err` where the page cannot be read.
        let find = |from: i64| -> Result<Result<Option<i64>, ()>, StoreFault> {
            let found = self.source.query_row(&query, [from], |row| row.get(0)).optional();
            match found {
                Ok(found) => Ok(Ok(found)),
                Err(error) if is_damage(&error) => Ok(Err(())),
                Err(error) => Err(reading(error)),
            }
        };
        if let Ok(found) = find(from)? {
            // The page is sound; what goes on elsewhere of this row is not.
            self.broken += 1;
            return Ok(found.and_then(|key| key.checked_add(1)));
        }
        self.has_gap = true;
        // The first key, if the table cannot be read from its beginning.
        let from = from.max(0);
        let (mut bad, mut step) = (from, 1i64);
        let good = loop {
            let Some(tried) = bad.checked_add(step) else { return Ok(None) };
            if find(tried)?.is_ok() {
                break tried;
            }
            bad = tried;
            if bad - from > STEPS {
                step = step.saturating_mul(2);
            }
        };
        let (mut bad, mut good) = (bad, good);
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            if find(middle)?.is_ok() {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Ok(find(good)?.ok().flatten())
    }
}

/// Whether a row can be what was written there. `Err` names what only a newer release writes.
fn makes_sense(table: &str, values: &[Value], target: &Connection, uid_max: &mut i64) -> Result<bool, String> {
    let text = |index: usize| match values.get(index) {
        Some(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    let number = |index: usize| match values.get(index) {
        Some(Value::Integer(number)) => *number,
        _ => -1,
    };
    let blob = |index: usize| match values.get(index) {
        Some(Value::Blob(blob)) => blob.as_slice(),
        _ => &[],
    };
    let is_json = |index: usize| serde_json::from_str::<serde::de::IgnoredAny>(text(index)).is_ok();
    Ok(match table {
        "event" => match log::decode(text(2), number(3), text(6)) {
            Ok(Event::CatalogueAdopted { .. }) => {
                number(0) > 0 && log::catalogue_at(target, number(0)).is_ok_and(|catalogue| catalogue.is_ok())
            }
            Ok(_) => number(0) > 0,
            Err(RowFault::Damaged(_)) => false,
            Err(RowFault::Newer(what)) => {
                return Err(format!("its log holds {what} at position {}", unsigned(number(0))));
            }
        },
        "catalogue" => packed::unpack(blob(3)).is_ok(),
        "checkpoint" => packed::unpack(blob(4)).is_ok(),
        "token" => blob(1).len() == 32 && is_json(3),
        "chunk" => {
            let uid = number(0) & 0xffff_ffff;
            chunk::unpack(blob(1), uid).is_ok()
        }
        "tail" => match codec::decode(blob(2)) {
            Ok(rows) => {
                *uid_max = rows.iter().map(|row| row.uid).max().unwrap_or(0).max(*uid_max);
                true
            }
            Err(_) => false,
        },
        "notify_told" | "notify_held" => is_json(2),
        "notification" => is_json(7),
        _ => true,
    })
}
