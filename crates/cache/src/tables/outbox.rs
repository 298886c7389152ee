//! What has yet to reach other systems. A study with an entry that waits is not evicted.

use medsight_base::Timestamp;
use rusqlite::{Connection, params};
use serde_json::Value;

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
