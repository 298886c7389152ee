//! How far each question to another system has come, and how it went the last time.

use crate::asking::{AskedOf, Asking};
use medsight_base::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// `mark`, `progress` and `began` are moments of the other system's clock; the others of this computer's.
pub(crate) const TABLE: &str = "
    CREATE TABLE askings (
        source        TEXT NOT NULL,
        feed          TEXT NOT NULL,
        mark          INTEGER,
        progress      INTEGER,
        began         INTEGER,
        query         TEXT,
        etag          TEXT,
        asked_at      INTEGER NOT NULL,
        ended_at      INTEGER,
        failing_since INTEGER,
        attempts      INTEGER NOT NULL,
        code          TEXT,
        words         TEXT,
        PRIMARY KEY (source, feed)
    ) STRICT, WITHOUT ROWID;
";

/// Every source that was asked.
pub(crate) fn sources(db: &Connection) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached("SELECT DISTINCT source FROM askings")?.query_map([], |row| row.get(0))?.collect()
}

/// A source is no longer asked: what it said goes with the asking.
pub(crate) fn forget(db: &Connection, source: &str) -> rusqlite::Result<()> {
    for table in ["orders", "order_tasks", "askings"].iter().chain(&super::server_copies::TABLES) {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE source = ?1"))?.execute([source])?;
    }
    Ok(())
}

const COLUMNS: &str =
    "mark, progress, began, query, etag, asked_at, ended_at, failing_since, attempts, code, words";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Asking> {
    let at = |column: usize| row.get::<_, Option<i64>>(column).map(|at| at.map(Timestamp));
    Ok(Asking {
        mark: at(0)?,
        progress: at(1)?,
        began: at(2)?,
        query: row.get(3)?,
        etag: row.get(4)?,
        asked_at: Timestamp(row.get(5)?),
        ended_at: at(6)?,
        failing_since: at(7)?,
        attempts: row.get(8)?,
        code: row.get(9)?,
        words: row.get(10)?,
    })
}

pub(crate) fn get(db: &Connection, of: &AskedOf) -> rusqlite::Result<Option<Asking>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM askings WHERE source = ?1 AND feed = ?2"))?
        .query_row([&of.source, &of.feed], from_row)
        .optional()
}

pub(crate) fn of_source(db: &Connection, source: &str) -> rusqlite::Result<Vec<(String, Asking)>> {
    db.prepare_cached(&format!("SELECT {COLUMNS}, feed FROM askings WHERE source = ?1 ORDER BY feed"))?
        .query_map([source], |row| Ok((row.get(11)?, from_row(row)?)))?
        .collect()
}

pub(crate) fn set(db: &Connection, of: &AskedOf, asking: &Asking) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO askings (source, feed, mark, progress, began, query, etag, asked_at, ended_at, failing_since,
             attempts, code, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (source, feed) DO UPDATE SET mark = ?3, progress = ?4, began = ?5, query = ?6, etag = ?7,
             asked_at = ?8, ended_at = ?9, failing_since = ?10, attempts = ?11, code = ?12, words = ?13",
    )?
    .execute(params![
        of.source,
        of.feed,
        asking.mark.map(|at| at.0),
        asking.progress.map(|at| at.0),
        asking.began.map(|at| at.0),
        asking.query,
        asking.etag,
        asking.asked_at.0,
        asking.ended_at.map(|at| at.0),
        asking.failing_since.map(|at| at.0),
        asking.attempts,
        asking.code,
        asking.words,
    ])?;
    Ok(())
}
