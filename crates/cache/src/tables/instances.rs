//! Instances: header facts, and the encrypted file that has the bytes.

use super::{blob_id, unreadable};
use crate::study::StoredForm;
use medsight_base::{InstanceUid, SeriesUid, StudyUid};
use medsight_record::InstanceRecord;
use medsight_vault::BlobId;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// `blob` is NULL when the images were evicted. `geometry` is JSON: see [`Geometry`].
pub(crate) const VERSION_1: &str = "
    CREATE TABLE instances (
        id              INTEGER PRIMARY KEY,
        uid             TEXT NOT NULL UNIQUE,
        series          INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
        sop_class       TEXT NOT NULL,
        transfer_syntax TEXT NOT NULL,
        number          INTEGER,
        frames          INTEGER NOT NULL,
        image_rows      INTEGER,
        image_columns   INTEGER,
        geometry        TEXT,
        blob            BLOB UNIQUE,
        bytes           INTEGER NOT NULL,
        sha256          BLOB NOT NULL
    ) STRICT;
    CREATE INDEX instances_series ON instances (series);
";

/// PS3.3 C.7.6.2: where the first frame stands in the patient.
#[derive(Serialize, Deserialize)]
pub(crate) struct Geometry {
    /// Image Position (Patient), millimetres.
    pub(crate) position_mm: [f64; 3],
    /// Image Orientation (Patient): row axis, column axis.
    pub(crate) orientation: [f64; 6],
}

/// What tells a known file from a new one.
pub(crate) struct Known {
    pub(crate) sha256: [u8; 32],
    pub(crate) blob: Option<BlobId>,
    pub(crate) study: String,
}

pub(crate) fn known(db: &Connection, uid: &InstanceUid) -> rusqlite::Result<Option<Known>> {
    db.prepare_cached(
        "SELECT i.sha256, i.blob, t.uid FROM instances i JOIN series s ON s.id = i.series
         JOIN studies t ON t.id = s.study WHERE i.uid = ?1",
    )?
    .query_row([uid.as_str()], |row| {
        Ok(Known { sha256: row.get(0)?, blob: blob_id(row, 1)?, study: row.get(2)? })
    })
    .optional()
}

pub(crate) fn insert(
    db: &Connection,
    series: i64,
    of: &InstanceRecord,
    blob: BlobId,
    bytes: u64,
    sha256: &[u8; 32],
) -> rusqlite::Result<()> {
    let geometry = of.position_mm.zip(of.orientation).and_then(|(position_mm, orientation)| {
        serde_json::to_string(&Geometry { position_mm, orientation }).ok()
    });
    db.prepare_cached(
        "INSERT INTO instances (uid, series, sop_class, transfer_syntax, number, frames, image_rows,
             image_columns, geometry, blob, bytes, sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        of.uid.as_str(),
        series,
        of.sop_class,
        of.transfer_syntax,
        of.instance_number,
        of.frames,
        of.rows_columns.map(|(rows, _)| rows),
        of.rows_columns.map(|(_, columns)| columns),
        geometry,
        blob.as_bytes(),
        bytes.cast_signed(),
        sha256,
    ])?;
    Ok(())
}

/// The file is here again after it was evicted.
pub(crate) fn restore(
    db: &Connection,
    uid: &InstanceUid,
    blob: BlobId,
    bytes: u64,
    sha256: &[u8; 32],
) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE instances SET blob = ?2, bytes = ?3, sha256 = ?4 WHERE uid = ?1")?
        .execute(params![uid.as_str(), blob.as_bytes(), bytes.cast_signed(), sha256])?;
    Ok(())
}

/// One row, as manifests, exports and checks need it.
pub(crate) struct Stored {
    pub(crate) uid: InstanceUid,
    /// Row id of the series.
    pub(crate) series: i64,
    pub(crate) number: Option<i32>,
    pub(crate) frames: u32,
    pub(crate) geometry: Option<Geometry>,
    pub(crate) blob: Option<BlobId>,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
}

pub(crate) fn of_study(db: &Connection, study: i64) -> rusqlite::Result<Vec<Stored>> {
    db.prepare_cached(
        "SELECT i.uid, i.series, i.number, i.frames, i.geometry, i.blob, i.bytes, i.sha256
         FROM instances i JOIN series s ON s.id = i.series WHERE s.study = ?1",
    )?
    .query_map([study], |row| {
        Ok(Stored {
            uid: InstanceUid::parse(row.get_ref(0)?.as_str()?).map_err(|e| unreadable(0, e))?,
            series: row.get(1)?,
            number: row.get(2)?,
            frames: row.get(3)?,
            geometry: row
                .get_ref(4)?
                .as_str_or_null()?
                .map(serde_json::from_str)
                .transpose()
                .map_err(|e| unreadable(4, e))?,
            blob: blob_id(row, 5)?,
            bytes: row.get::<_, i64>(6)?.cast_unsigned(),
            sha256: row.get(7)?,
        })
    })?
    .collect()
}

/// How many objects of a study are known.
pub(crate) fn count_of_study(db: &Connection, study: i64) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT count(*) FROM instances i JOIN series s ON s.id = i.series WHERE s.study = ?1")?
        .query_row([study], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))
}

/// In what form the files of a study are stored, in the order of their numbers.
pub(crate) fn forms_of_study(db: &Connection, study: i64) -> rusqlite::Result<Vec<StoredForm>> {
    db.prepare_cached(
        "SELECT i.uid, s.uid, i.sop_class, i.transfer_syntax, i.blob
         FROM instances i JOIN series s ON s.id = i.series WHERE s.study = ?1
         ORDER BY s.number, s.id, i.number, i.uid",
    )?
    .query_map([study], |row| {
        Ok(StoredForm {
            uid: InstanceUid::parse(row.get_ref(0)?.as_str()?).map_err(|e| unreadable(0, e))?,
            series: SeriesUid::parse(row.get_ref(1)?.as_str()?).map_err(|e| unreadable(1, e))?,
            sop_class: row.get(2)?,
            transfer_syntax: row.get(3)?,
            blob: blob_id(row, 4)?,
        })
    })?
    .collect()
}

/// Blobs of a study that are on this computer.
pub(crate) fn blobs_of_study(db: &Connection, study: i64) -> rusqlite::Result<Vec<BlobId>> {
    db.prepare_cached(
        "SELECT i.blob FROM instances i JOIN series s ON s.id = i.series WHERE s.study = ?1 AND i.blob NOT NULL",
    )?
    .query_map([study], |row| row.get(0).map(BlobId::from_bytes))?
    .collect()
}

/// The images of a study are no longer here.
pub(crate) fn forget_blobs(db: &Connection, study: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE instances SET blob = NULL WHERE series IN (SELECT id FROM series WHERE study = ?1)",
    )?
    .execute([study])?;
    Ok(())
}

/// Every blob that a record mentions: images.
pub(crate) fn all_blobs(db: &Connection) -> rusqlite::Result<Vec<BlobId>> {
    db.prepare("SELECT blob FROM instances WHERE blob NOT NULL")?
        .query_map([], |row| row.get(0).map(BlobId::from_bytes))?
        .collect()
}

/// Every study with its UID, for a check.
pub(crate) fn studies(db: &Connection) -> rusqlite::Result<Vec<(i64, StudyUid)>> {
    db.prepare("SELECT id, uid FROM studies ORDER BY id")?
        .query_map([], |row| {
            Ok((row.get(0)?, StudyUid::parse(row.get_ref(1)?.as_str()?).map_err(|e| unreadable(1, e))?))
        })?
        .collect()
}
