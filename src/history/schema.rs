//! The tables and how they change from release to release.
//!
//! `user_version` counts the migrations applied. All that are missing are applied in one
//! transaction, after a backup; a failure leaves the store as it was.

use rusqlite::{Connection, TransactionBehavior};

/// `Turm`: marks our databases in their header.
pub(super) const APPLICATION_ID: i32 = 0x5475_726d;

/// Every migration ever, oldest first. The schema's version is their number.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// The version that a list of migrations leads to.
pub(super) fn version_of(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}

/// Applies what is missing after `from`, all or nothing.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str], from: u32) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    for migration in migrations.iter().skip(from as usize) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", version_of(migrations))?;
    transaction.commit()
}
