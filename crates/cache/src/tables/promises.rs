//! Promises to keep what was sent (storage commitment) that a destination was asked for, and what it answered. A row stays
//! until its entry is delivered, refused or tried anew.

use medsight_base::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// `objects` is JSON: class and instance of each. `missing` is JSON, as soon as an answer is there: instances that it does not
/// promise, each with its Failure Reason. A second asking has a transaction of its own; an answer to either counts.
pub(crate) const TABLES: &str = "
    CREATE TABLE promises (
        entry       INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
        destination TEXT NOT NULL,
        objects     TEXT NOT NULL,
        askings     INTEGER NOT NULL,
        asked_at    INTEGER NOT NULL,
        missing     TEXT,
        PRIMARY KEY (entry, destination)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE promise_transactions (
        uid         TEXT PRIMARY KEY,
        entry       INTEGER NOT NULL,
        destination TEXT NOT NULL,
        FOREIGN KEY (entry, destination) REFERENCES promises (entry, destination) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX promise_transactions_entry ON promise_transactions (entry, destination);
";

/// A row.
pub(crate) struct Asked {
    pub(crate) objects: String,
    pub(crate) askings: u32,
    pub(crate) asked_at: Timestamp,
    pub(crate) missing: Option<String>,
}

pub(crate) fn of(db: &Connection, entry: i64, destination: &str) -> rusqlite::Result<Option<Asked>> {
    db.prepare_cached(
        "SELECT objects, askings, asked_at, missing FROM promises WHERE entry = ?1 AND destination = ?2",
    )?
    .query_row(params![entry, destination], |row| {
        Ok(Asked {
            objects: row.get(0)?,
            askings: row.get(1)?,
            asked_at: Timestamp(row.get(2)?),
            missing: row.get(3)?,
        })
    })
    .optional()
}

/// Whether an answer is there.
pub(crate) fn is_answered(db: &Connection, entry: i64, destination: &str) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM promises WHERE entry = ?1 AND destination = ?2 AND missing NOT NULL)",
    )?
    .query_row(params![entry, destination], |row| row.get(0))
}

/// It is being asked for, for the first time or once more.
pub(crate) fn asked(
    db: &Connection,
    (entry, destination): (i64, &str),
    transaction: &str,
    objects: &str,
    at: Timestamp,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO promises (entry, destination, objects, askings, asked_at) VALUES (?1, ?2, ?3, 1, ?4)
         ON CONFLICT (entry, destination) DO UPDATE SET askings = askings + 1, asked_at = ?4",
    )?
    .execute(params![entry, destination, objects, at.0])?;
    db.prepare_cached("INSERT INTO promise_transactions (uid, entry, destination) VALUES (?1, ?2, ?3)")?
        .execute(params![transaction, entry, destination])?;
    Ok(())
}

/// The entry and destination that a transaction was about.
pub(crate) fn of_transaction(db: &Connection, uid: &str) -> rusqlite::Result<Option<(i64, String)>> {
    db.prepare_cached("SELECT entry, destination FROM promise_transactions WHERE uid = ?1")?
        .query_row([uid], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

pub(crate) fn answered(
    db: &Connection,
    entry: i64,
    destination: &str,
    missing: &str,
) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE promises SET missing = ?3 WHERE entry = ?1 AND destination = ?2")?
        .execute(params![entry, destination, missing])?;
    Ok(())
}

/// The next try begins with sending.
pub(crate) fn forget(db: &Connection, entry: i64, destination: &str) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM promises WHERE entry = ?1 AND destination = ?2")?
        .execute(params![entry, destination])?;
    Ok(())
}
