//! Intervals in the store, by the same rules as `model::availability::Intervals::begin`, and in
//! the same transaction as the event they follow from.

use rusqlite::{Connection, OptionalExtension, params};

use crate::history::signed;
use crate::model::event::StatusChanged;
use crate::model::time::Timestamp;

/// Begins an interval of a component. One that begins at or before the last one replaces it
/// from there on; one that changes nothing is not recorded.
pub(super) fn begin(
    connection: &Connection,
    subject: i64,
    change: &StatusChanged,
    position: u64,
) -> rusqlite::Result<()> {
    let from = change.since.as_millis();
    let (state, evidence) = (change.status.as_str(), change.evidence.as_str());
    connection
        .prepare_cached(
            "DELETE FROM interval
             WHERE subject_uid = ?1 AND from_ms >= ?2 AND organisation_uid IS NULL AND vantage_uid IS NULL",
        )?
        .execute(params![subject, from])?;
    let last: Option<(i64, Option<i64>, bool)> = connection
        .prepare_cached(
            "SELECT id, until_ms, state = ?2 AND evidence = ?3 FROM interval
             WHERE subject_uid = ?1 AND organisation_uid IS NULL AND vantage_uid IS NULL
             ORDER BY from_ms DESC LIMIT 1",
        )?
        .query_row(params![subject, state, evidence], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if let Some((id, until, same)) = last {
        // One that ended before had its component retired meanwhile: that gap stays.
        let joins = until.is_none_or(|until| until >= from);
        let until = if same { None } else { Some(from) };
        if joins {
            connection
                .prepare_cached("UPDATE interval SET until_ms = ?2 WHERE id = ?1")?
                .execute(params![id, until])?;
        }
        if joins && same {
            return Ok(());
        }
    }
    connection
        .prepare_cached(
            "INSERT INTO interval (subject_uid, from_ms, state, evidence, reason, from_position)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            subject,
            from,
            state,
            evidence,
            change.reason.map(|reason| reason.as_str()),
            signed(position)
        ])?;
    Ok(())
}

/// Ends the open interval of a component that is not watched any more.
pub(super) fn end(connection: &Connection, subject: i64, at: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE interval SET until_ms = max(from_ms, ?2) WHERE subject_uid = ?1 AND until_ms IS NULL")?
        .execute(params![subject, at.as_millis()])?;
    Ok(())
}
