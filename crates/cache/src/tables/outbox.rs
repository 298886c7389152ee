//! What has yet to reach other systems. A study with an entry that waits is not evicted.

use super::unreadable;
use medsight_base::{StudyUid, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use std::collections::BTreeSet;

pub(crate) const VERSION_1: &str = "
    CREATE TABLE outbox (
        id         INTEGER PRIMARY KEY,
        study      INTEGER REFERENCES studies (id) ON DELETE CASCADE,
        kind       TEXT NOT NULL,
        payload    TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        sent_at    INTEGER
    ) STRICT;
    CREATE INDEX outbox_waiting ON outbox (study, kind) WHERE sent_at IS NULL;
";

/// An entry outlives its study: `study_uid` names it, and `content` holds what is to be sent once the study is deleted.
/// Ids are never used twice, because whoever sends remembers how far it has come. Of a deleted study that was reported on,
/// the patient is kept: a report can be amended when its images are gone.
pub(crate) const OUTLIVES_STUDIES: &str = "
    CREATE TABLE outbox_next (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        study      INTEGER REFERENCES studies (id) ON DELETE SET NULL,
        study_uid  TEXT,
        kind       TEXT NOT NULL,
        payload    TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        sent_at    INTEGER,
        content    TEXT
    ) STRICT;
    INSERT INTO outbox_next (id, study, study_uid, kind, payload, created_at, sent_at)
        SELECT o.id, o.study, coalesce(t.uid, o.payload ->> 'study'), o.kind, o.payload, o.created_at, o.sent_at
        FROM outbox o LEFT JOIN studies t ON t.id = o.study ORDER BY o.id;
    DROP TABLE outbox;
    ALTER TABLE outbox_next RENAME TO outbox;
    CREATE INDEX outbox_waiting ON outbox (study, kind) WHERE sent_at IS NULL;
    CREATE INDEX outbox_open ON outbox (id) WHERE sent_at IS NULL;
    CREATE TRIGGER outbox_study AFTER INSERT ON outbox WHEN NEW.study_uid IS NULL BEGIN
        UPDATE outbox SET study_uid = coalesce((SELECT uid FROM studies WHERE id = NEW.study), NEW.payload ->> 'study')
        WHERE id = NEW.id;
    END;
    CREATE TABLE departed_studies (
        uid    TEXT PRIMARY KEY,
        record TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE outbox_files (
        entry    INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
        instance TEXT NOT NULL,
        file     BLOB NOT NULL,
        PRIMARY KEY (entry, instance)
    ) STRICT;
";

/// One row, as it waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: i64,
    pub(crate) study: Option<i64>,
    pub(crate) study_uid: Option<StudyUid>,
    pub(crate) kind: String,
    pub(crate) payload: Value,
    pub(crate) created_at: Timestamp,
    pub(crate) content: Option<String>,
}

pub(crate) const COLUMNS: &str = "o.id, o.study, o.study_uid, o.kind, o.payload, o.created_at, o.content";

pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    let study_uid = row.get_ref(2)?.as_str_or_null()?.map(StudyUid::parse).transpose();
    Ok(Waiting {
        id: row.get(0)?,
        study: row.get(1)?,
        study_uid: study_uid.map_err(|e| unreadable(2, e))?,
        kind: row.get(3)?,
        payload: serde_json::from_str(row.get_ref(4)?.as_str()?).map_err(|e| unreadable(4, e))?,
        created_at: Timestamp(row.get(5)?),
        content: row.get(6)?,
    })
}

/// One entry that waits. Without a row its study is no longer on this computer, and the payload names it.
pub(crate) fn add(
    db: &Connection,
    study: impl Into<Option<i64>>,
    kind: &str,
    payload: &Value,
    at: Timestamp,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO outbox (study, kind, payload, created_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![study.into(), kind, payload.to_string(), at.0])?;
    Ok(())
}

/// One entry a study for a kind that says "send what there is now": a second one while the first waits
/// would say nothing new.
pub(crate) fn add_once(db: &Connection, study: i64, kind: &str, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO outbox (study, kind, payload, created_at) SELECT ?1, ?2, 'null', ?3
         WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE study = ?1 AND kind = ?2 AND sent_at IS NULL)",
    )?
    .execute(params![study, kind, at.0])?;
    Ok(())
}

/// Everything of a study has arrived.
pub(crate) fn mark_sent(db: &Connection, study: i64, at: Timestamp) -> rusqlite::Result<usize> {
    db.prepare_cached("UPDATE outbox SET sent_at = ?2 WHERE study = ?1 AND sent_at IS NULL")?
        .execute([study, at.0])
}

/// The files of a study are where they were to go; what was drawn on them still waits.
pub(crate) fn mark_files_sent(db: &Connection, study: i64, at: Timestamp) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "UPDATE outbox SET sent_at = ?2 WHERE study = ?1 AND kind = 'study' AND sent_at IS NULL",
    )?
    .execute([study, at.0])
}

pub(crate) fn waiting(db: &Connection) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT count(*) FROM outbox WHERE sent_at IS NULL")?
        .query_row([], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))
}

/// Claims that wait, each with the destination that its order came from.
pub(crate) fn claims(db: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    db.prepare_cached(
        "SELECT id, coalesce(payload ->> 'destination', '') FROM outbox WHERE kind = 'claim' AND sent_at IS NULL",
    )?
    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

/// The orders of which it was told last that this person has them: destination and place.
pub(crate) fn claimed(
    db: &Connection,
    study: &StudyUid,
    who: &str,
) -> rusqlite::Result<Vec<(String, String)>> {
    db.prepare_cached(
        "SELECT payload ->> 'destination', payload ->> 'order' FROM outbox o WHERE kind = 'claim' AND study_uid = ?1
             AND payload ->> 'taken' AND payload ->> 'who' = ?2
             AND NOT EXISTS (SELECT 1 FROM outbox l WHERE l.kind = 'claim' AND l.study_uid = ?1 AND l.id > o.id
                 AND l.payload ->> 'order' = o.payload ->> 'order'
                 AND l.payload ->> 'destination' = o.payload ->> 'destination')",
    )?
    .query_map([study.as_str(), who], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

/// The orders of which it was told last that somebody has them, by destination and place; also where that waits to be told.
pub(crate) fn claimed_orders(db: &Connection) -> rusqlite::Result<BTreeSet<(String, String)>> {
    db.prepare_cached(
        "SELECT coalesce(payload ->> 'destination', ''), coalesce(payload ->> 'order', ''),
             coalesce(payload ->> 'taken', 0) OR sent_at IS NULL
         FROM outbox WHERE kind = 'claim' ORDER BY id",
    )?
    .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?
    .try_fold(BTreeSet::new(), |mut held, row| {
        let (order, is_held): ((String, String), bool) = row?;
        if is_held {
            held.insert(order);
        } else {
            held.remove(&order);
        }
        Ok(held)
    })
}

/// One entry, waiting or not.
pub(crate) fn by_id(db: &Connection, id: i64) -> rusqlite::Result<Option<Waiting>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM outbox o WHERE o.id = ?1"))?
        .query_row([id], from_row)
        .optional()
}

/// What waits of a study that is here.
pub(crate) fn of_study(db: &Connection, study: i64) -> rusqlite::Result<Vec<Waiting>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM outbox o WHERE o.study = ?1 AND o.sent_at IS NULL ORDER BY o.id"
    ))?
    .query_map([study], from_row)?
    .collect()
}

pub(crate) fn set_content(db: &Connection, id: i64, content: &str) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE outbox SET content = ?2 WHERE id = ?1")?.execute(params![id, content])?;
    Ok(())
}

pub(crate) fn keep_file(db: &Connection, id: i64, instance: &str, file: &[u8]) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO outbox_files (entry, instance, file) VALUES (?1, ?2, ?3)")?
        .execute(params![id, instance, file])?;
    Ok(())
}

/// Files that were kept for an entry whose study is gone.
pub(crate) fn kept_files(db: &Connection, id: i64) -> rusqlite::Result<Vec<Vec<u8>>> {
    db.prepare_cached("SELECT file FROM outbox_files WHERE entry = ?1 ORDER BY instance")?
        .query_map([id], |row| row.get(0))?
        .collect()
}

/// An entry that is never to be sent.
pub(crate) fn forget(db: &Connection, id: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([id])?;
    Ok(())
}

pub(crate) fn close(db: &Connection, id: i64, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE outbox SET sent_at = ?2 WHERE id = ?1 AND sent_at IS NULL")?
        .execute([id, at.0])?;
    db.prepare_cached("DELETE FROM outbox_files WHERE entry = ?1")?.execute([id])?;
    Ok(())
}

/// Keeps who a deleted study is about, for its reports.
pub(crate) fn keep_departed(db: &Connection, uid: &StudyUid, record: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO departed_studies (uid, record) VALUES (?1, ?2)")?
        .execute(params![uid.as_str(), record])?;
    Ok(())
}

/// A deleted study as it was.
pub(crate) fn departed(db: &Connection, uid: &StudyUid) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT record FROM departed_studies WHERE uid = ?1")?
        .query_row([uid.as_str()], |row| row.get(0))
        .optional()
}
