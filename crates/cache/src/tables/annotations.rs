//! Annotations: the whole as JSON, beside it the columns that are searched by.

use super::unreadable;
use medsight_base::Timestamp;
use medsight_record::{Annotation, AnnotationId, Place};
use rusqlite::{Connection, OptionalExtension, params};

/// A removed annotation stays, marked, so that what happened can be told and undone.
pub(crate) const VERSION_1: &str = "
    CREATE TABLE annotations (
        id         TEXT PRIMARY KEY,
        study      INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
        series     TEXT NOT NULL,
        instance   TEXT,
        revision   INTEGER NOT NULL,
        deleted    INTEGER NOT NULL,
        changed_at INTEGER NOT NULL,
        changed_by TEXT NOT NULL,
        payload    TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX annotations_study ON annotations (study, deleted);
";

/// Keeps an annotation. Returns its revision, from 1; `None` when the id belongs to another study.
pub(crate) fn save(
    db: &Connection,
    study: i64,
    annotation: &Annotation,
    who: &str,
    at: Timestamp,
) -> rusqlite::Result<Option<i64>> {
    let payload = serde_json::to_string(annotation).map_err(|e| unreadable(8, e))?;
    let (series, instance) = match &annotation.place {
        Place::Image { series, instance, .. } => (series, Some(instance)),
        Place::Plane { series, .. } => (series, None),
    };
    db.prepare_cached(
        "INSERT INTO annotations (id, study, series, instance, revision, deleted, changed_at, changed_by, payload)
         VALUES (?1, ?2, ?3, ?4, 1, 0, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET series = ?3, instance = ?4, revision = revision + 1, deleted = 0,
             changed_at = ?5, changed_by = ?6, payload = ?7
         WHERE study = ?2
         RETURNING revision",
    )?
    .query_row(
        params![
            annotation.id.0.to_string(),
            study,
            series.as_str(),
            instance.map(medsight_base::InstanceUid::as_str),
            at.0,
            who,
            payload
        ],
        |row| row.get(0),
    )
    .optional()
}

/// Marks an annotation as removed; its new revision, or `None` when it was not there.
pub(crate) fn remove(
    db: &Connection,
    study: i64,
    id: AnnotationId,
    who: &str,
    at: Timestamp,
) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached(
        "UPDATE annotations SET revision = revision + 1, deleted = 1, changed_at = ?3, changed_by = ?4
         WHERE id = ?1 AND study = ?2 AND deleted = 0 RETURNING revision",
    )?
    .query_row(params![id.0.to_string(), study, at.0, who], |row| row.get(0))
    .optional()
}

/// What stands on a study, oldest change first.
pub(crate) fn of_study(db: &Connection, study: i64) -> rusqlite::Result<Vec<Annotation>> {
    db.prepare_cached(
        "SELECT payload FROM annotations WHERE study = ?1 AND deleted = 0 ORDER BY changed_at, id",
    )?
    .query_map([study], |row| serde_json::from_str(row.get_ref(0)?.as_str()?).map_err(|e| unreadable(0, e)))?
    .collect()
}

/// The revision of everything that stands on a study.
pub(crate) fn revisions_of_study(db: &Connection, study: i64) -> rusqlite::Result<Vec<(AnnotationId, i64)>> {
    db.prepare_cached("SELECT id, revision FROM annotations WHERE study = ?1 AND deleted = 0")?
        .query_map([study], |row| {
            let id = row.get_ref(0)?.as_str()?.parse().map_err(|e: uuid::Error| unreadable(0, e))?;
            Ok((AnnotationId(id), row.get(1)?))
        })?
        .collect()
}

/// An annotation as it is now, removed or not.
pub(crate) struct Present {
    pub(crate) annotation: Annotation,
    pub(crate) revision: i64,
    pub(crate) removed: bool,
    /// By whom it was changed last.
    pub(crate) by: String,
    pub(crate) at: Timestamp,
}

pub(crate) fn by_id(db: &Connection, id: AnnotationId) -> rusqlite::Result<Option<Present>> {
    db.prepare_cached(
        "SELECT payload, revision, deleted, changed_by, changed_at FROM annotations WHERE id = ?1",
    )?
    .query_row([id.0.to_string()], |row| {
        Ok(Present {
            annotation: serde_json::from_str(row.get_ref(0)?.as_str()?).map_err(|e| unreadable(0, e))?,
            revision: row.get(1)?,
            removed: row.get(2)?,
            by: row.get(3)?,
            at: Timestamp(row.get(4)?),
        })
    })
    .optional()
}
