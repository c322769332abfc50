//! How far back results are kept.
//!
//! Of what is older than the operator wants, all is dropped; but what time it is, the clock says,
//! and a clock may jump. So the horizon moves with the results that come in, from each to the next,
//! and over a jump by an hour or two only: a wrong clock costs hours of what is kept, not years.
//! After a long pause it moves twice as fast as time does, until it has caught up.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::time::{Timestamp, millis};

/// What passed between two groups of results counts as so much at most.
const STEP_MAX: Duration = Duration::from_secs(3_600);

/// Moves the horizon on for results that end with `newest`, and returns it.
pub(super) fn advance(connection: &Connection, newest: Timestamp, retain: Duration) -> rusqlite::Result<Timestamp> {
    let wanted = newest.minus(retain);
    let before: Option<i64> = connection
        .prepare_cached("SELECT at_ms FROM tail ORDER BY batch DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let passed = before.map_or(STEP_MAX, |before| newest.since(Timestamp::from_millis(before)).min(STEP_MAX));
    let held = match read(connection)? {
        Some(held) => Some(held),
        None => oldest(connection)?,
    };
    let horizon = held.map_or(wanted, |held| wanted.min(held.shifted(millis(2 * passed))));
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('results_from_ms', ?1)")?
        .execute(params![horizon.as_millis()])?;
    Ok(horizon)
}

/// From when on results are kept; `None` before the first ones.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'results_from_ms'")?
        .query_row([], |row| row.get(0).map(Timestamp::from_millis))
        .optional()
}

/// When the oldest batch was written of a store that has no horizon yet.
fn oldest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT at_ms FROM tail ORDER BY batch LIMIT 1")?
        .query_row([], |row| row.get(0).map(Timestamp::from_millis))
        .optional()
}
