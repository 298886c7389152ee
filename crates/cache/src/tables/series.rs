//! Series, with the counts that a study adds up.

use super::unreadable;
use medsight_base::SeriesUid;
use medsight_record::{InstanceRecord, SeriesRecord};
use medsight_vault::BlobId;
use rusqlite::{Connection, OptionalExtension, params};

pub(crate) const VERSION_1: &str = "
    CREATE TABLE series (
        id             INTEGER PRIMARY KEY,
        uid            TEXT NOT NULL,
        study          INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
        number         INTEGER,
        modality       TEXT NOT NULL,
        description    TEXT NOT NULL,
        instance_count INTEGER NOT NULL,
        frame_count    INTEGER NOT NULL,
        bytes          INTEGER NOT NULL,
        UNIQUE (study, uid)
    ) STRICT;
    CREATE INDEX series_uid ON series (uid);
";

/// The row id of the series of an instance. A series UID met in two studies is two series.
pub(crate) fn ensure(db: &Connection, study: i64, of: &InstanceRecord) -> rusqlite::Result<i64> {
    let known = db
        .prepare_cached("SELECT id FROM series WHERE study = ?1 AND uid = ?2")?
        .query_row(params![study, of.series.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    db.prepare_cached(
        "INSERT INTO series (uid, study, number, modality, description, instance_count, frame_count, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0)",
    )?
    .execute(params![
        of.series.as_str(),
        study,
        of.series_number,
        of.modality,
        of.series_description
    ])?;
    Ok(db.last_insert_rowid())
}

/// One more instance.
pub(crate) fn count_in(db: &Connection, id: i64, frames: u32, bytes: u64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE series SET instance_count = instance_count + 1, frame_count = frame_count + ?2, bytes = bytes + ?3
         WHERE id = ?1",
    )?
    .execute(params![id, frames, bytes.cast_signed()])?;
    Ok(())
}

/// In series number order; those without a number last.
pub(crate) fn of_study(db: &Connection, study: i64) -> rusqlite::Result<Vec<(i64, SeriesRecord)>> {
    db.prepare_cached(
        "SELECT id, uid, number, modality, description, instance_count, frame_count FROM series
         WHERE study = ?1 ORDER BY number IS NULL, number, uid",
    )?
    .query_map([study], |row| {
        let uid = SeriesUid::parse(row.get_ref(1)?.as_str()?).map_err(|e| unreadable(1, e))?;
        let record = SeriesRecord {
            uid,
            number: row.get(2)?,
            modality: row.get(3)?,
            description: row.get(4)?,
            instance_count: row.get(5)?,
            frame_count: row.get(6)?,
        };
        Ok((row.get(0)?, record))
    })?
    .collect()
}

pub(crate) fn id_of(db: &Connection, uid: &SeriesUid) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM series WHERE uid = ?1")?
        .query_row([uid.as_str()], |row| row.get(0))
        .optional()
}

/// Takes a series of a study away with its instances; answers with their blobs and picture, and how many instances there
/// were. `None` when it is not here.
pub(crate) fn delete(
    db: &Connection,
    study: i64,
    uid: &SeriesUid,
) -> rusqlite::Result<Option<(Vec<BlobId>, i64)>> {
    let found = db
        .prepare_cached("SELECT id, instance_count FROM series WHERE study = ?1 AND uid = ?2")?
        .query_row(params![study, uid.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, instances)): Option<(i64, i64)> = found else { return Ok(None) };
    let mut blobs = db
        .prepare_cached("SELECT blob FROM instances WHERE series = ?1 AND blob NOT NULL")?
        .query_map([id], |row| row.get(0).map(BlobId::from_bytes))?
        .collect::<rusqlite::Result<Vec<BlobId>>>()?;
    blobs.extend(super::thumbnails::of_series(db, id)?);
    db.prepare_cached("DELETE FROM series WHERE id = ?1")?.execute([id])?;
    Ok(Some((blobs, instances)))
}
