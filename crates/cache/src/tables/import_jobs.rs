//! Imports that were asked for. One without an end waits, runs, or was interrupted and can be resumed.

use super::unreadable;
use crate::import::ImportJob;
use medsight_base::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::PathBuf;

pub(crate) const VERSION_1: &str = "
    CREATE TABLE import_jobs (
        id         INTEGER PRIMARY KEY,
        paths      TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at   INTEGER
    ) STRICT;
    CREATE INDEX import_jobs_open ON import_jobs (id) WHERE ended_at IS NULL;
";

/// The job of these paths: the waiting or interrupted one when there is one, else a new one.
pub(crate) fn begin(db: &Connection, paths: &[PathBuf], at: Timestamp) -> rusqlite::Result<i64> {
    let paths = serde_json::to_string(paths).map_err(|e| unreadable(1, e))?;
    let open = db
        .prepare_cached("SELECT id FROM import_jobs WHERE ended_at IS NULL AND paths = ?1")?
        .query_row([&paths], |row| row.get(0))
        .optional()?;
    if let Some(id) = open {
        return Ok(id);
    }
    db.prepare_cached("INSERT INTO import_jobs (paths, started_at) VALUES (?1, ?2)")?
        .execute(params![paths, at.0])?;
    Ok(db.last_insert_rowid())
}

pub(crate) fn end(db: &Connection, id: i64, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE import_jobs SET ended_at = ?2 WHERE id = ?1")?.execute([id, at.0])?;
    Ok(())
}

pub(crate) fn end_all(db: &Connection, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE import_jobs SET ended_at = ?1 WHERE ended_at IS NULL")?.execute([at.0])?;
    Ok(())
}

pub(crate) fn interrupted(db: &Connection) -> rusqlite::Result<Vec<ImportJob>> {
    db.prepare_cached("SELECT id, paths, started_at FROM import_jobs WHERE ended_at IS NULL ORDER BY id")?
        .query_map([], |row| {
            Ok(ImportJob {
                id: row.get(0)?,
                paths: serde_json::from_str(row.get_ref(1)?.as_str()?).map_err(|e| unreadable(1, e))?,
                started_at: Timestamp(row.get(2)?),
            })
        })?
        .collect()
}
