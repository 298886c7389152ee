//! Small pictures of series. The pictures are encrypted files; here is which.

use super::blob_id;
use medsight_base::Timestamp;
use medsight_vault::BlobId;
use rusqlite::{Connection, OptionalExtension, params};

pub(crate) const VERSION_1: &str = "
    CREATE TABLE thumbnails (
        series INTEGER PRIMARY KEY REFERENCES series (id) ON DELETE CASCADE,
        blob   BLOB NOT NULL UNIQUE,
        at     INTEGER NOT NULL
    ) STRICT;
";

pub(crate) fn set(db: &Connection, series: i64, blob: BlobId, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO thumbnails (series, blob, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (series) DO UPDATE SET blob = ?2, at = ?3",
    )?
    .execute(params![series, blob.as_bytes(), at.0])?;
    Ok(())
}

pub(crate) fn of_series(db: &Connection, series: i64) -> rusqlite::Result<Option<BlobId>> {
    Ok(db
        .prepare_cached("SELECT blob FROM thumbnails WHERE series = ?1")?
        .query_row([series], |row| blob_id(row, 0))
        .optional()?
        .flatten())
}

pub(crate) fn of_study(db: &Connection, study: i64) -> rusqlite::Result<Vec<BlobId>> {
    db.prepare_cached("SELECT t.blob FROM thumbnails t JOIN series s ON s.id = t.series WHERE s.study = ?1")?
        .query_map([study], |row| row.get(0).map(BlobId::from_bytes))?
        .collect()
}

pub(crate) fn all_blobs(db: &Connection) -> rusqlite::Result<Vec<BlobId>> {
    db.prepare("SELECT blob FROM thumbnails")?
        .query_map([], |row| row.get(0).map(BlobId::from_bytes))?
        .collect()
}
