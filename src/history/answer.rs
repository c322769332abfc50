//! Answers kept for a day, so that a repeated request is answered and not carried out again.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::model::access::StoredAnswer;
use crate::model::time::Timestamp;

/// How long an answer is given again.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Most answers kept for one token, so that none can fill the store or push out another's.
const ANSWERS_PER_TOKEN_MAX: u32 = 1_000;

/// Keeps an answer. The first one to a key stays while it is in force, as it was given.
pub(super) fn keep(connection: &Connection, answer: &StoredAnswer) -> rusqlite::Result<()> {
    let headers = serde_json::to_string(&answer.headers)
        .map_err(|fault| rusqlite::Error::ToSqlConversionFailure(Box::new(fault)))?;
    connection.prepare_cached("DELETE FROM answer WHERE at_ms <= ?1")?.execute([oldest(answer.at)])?;
    connection
        .prepare_cached(
            "INSERT INTO answer (token, key, request_hash, at_ms, status, headers, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            answer.token,
            answer.key,
            answer.request_hash,
            answer.at.as_millis(),
            answer.status,
            headers,
            answer.body
        ])?;
    connection
        .prepare_cached(
            "DELETE FROM answer WHERE token = ?1 AND key NOT IN
                 (SELECT key FROM answer WHERE token = ?1 ORDER BY at_ms DESC LIMIT ?2)",
        )?
        .execute(params![answer.token, ANSWERS_PER_TOKEN_MAX])?;
    Ok(())
}

/// The answer that a token was given under a key, if it is in force.
pub(super) fn find(
    connection: &Connection,
    token: &str,
    key: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<StoredAnswer>> {
    connection
        .prepare_cached(
            "SELECT token, key, request_hash, at_ms, status, headers, body FROM answer
             WHERE token = ?1 AND key = ?2 AND at_ms > ?3",
        )?
        .query_row(params![token, key, oldest(now)], read)
        .optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredAnswer> {
    let headers: String = row.get(5)?;
    let headers = serde_json::from_str(&headers)
        .map_err(|fault| rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, Box::new(fault)))?;
    Ok(StoredAnswer {
        token: row.get(0)?,
        key: row.get(1)?,
        request_hash: row.get(2)?,
        at: Timestamp::from_millis(row.get(3)?),
        status: row.get(4)?,
        headers,
        body: row.get(6)?,
    })
}

/// What is from then or before is not in force any more.
fn oldest(now: Timestamp) -> i64 {
    now.minus(KEPT).as_millis()
}
