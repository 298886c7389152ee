//! Copies of what other systems have of a patient, each in the newest version that is known. One table a kind, all alike.

use super::unreadable;
use medsight_base::Timestamp;
use medsight_record::{KnownCopy, ServerCopy};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) const REPORTS: &str = "server_reports";
pub(crate) const WOUNDS: &str = "server_wounds";
/// All of them.
pub(crate) const TABLES: [&str; 2] = [REPORTS, WOUNDS];

/// Makes the table of one kind.
pub(crate) fn create(table: &str) -> String {
    format!(
        "CREATE TABLE {table} (
            source     TEXT NOT NULL,
            place      TEXT NOT NULL,
            version    TEXT NOT NULL,
            patient_id TEXT NOT NULL,
            gone       INTEGER NOT NULL,
            seen_at    INTEGER NOT NULL,
            payload    TEXT NOT NULL,
            PRIMARY KEY (source, place)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX {table}_patient ON {table} (patient_id);"
    )
}

fn known<T: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<KnownCopy<T>> {
    let said = serde_json::from_str(row.get_ref(0)?.as_str()?).map_err(|e| unreadable(0, e))?;
    Ok(KnownCopy { said, gone: row.get(1)?, seen_at: Timestamp(row.get(2)?) })
}

/// The version that is known, and whether it is gone.
pub(crate) fn version(
    db: &Connection,
    table: &str,
    source: &str,
    place: &str,
) -> rusqlite::Result<Option<(String, bool)>> {
    db.prepare_cached(&format!("SELECT version, gone FROM {table} WHERE source = ?1 AND place = ?2"))?
        .query_row([source, place], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

pub(crate) fn put<T: ServerCopy + Serialize>(
    db: &Connection,
    table: &str,
    copy: &T,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let payload = serde_json::to_string(copy).map_err(|e| unreadable(0, e))?;
    db.prepare_cached(&format!(
        "INSERT INTO {table} (source, place, version, patient_id, gone, seen_at, payload)
         VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)
         ON CONFLICT (source, place) DO UPDATE SET version = ?3, patient_id = ?4, gone = 0, seen_at = ?5, payload = ?6"
    ))?
    .execute(params![copy.source(), copy.place(), copy.version(), copy.patient_id(), at.0, payload])?;
    Ok(())
}

/// The source no longer has it; whether that is new.
pub(crate) fn set_gone(
    db: &Connection,
    table: &str,
    source: &str,
    place: &str,
    at: Timestamp,
) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(&format!(
            "UPDATE {table} SET gone = 1, seen_at = ?3 WHERE source = ?1 AND place = ?2 AND gone = 0"
        ))?
        .execute(params![source, place, at.0])?;
    Ok(changed > 0)
}

pub(crate) fn of_patient<T: DeserializeOwned>(
    db: &Connection,
    table: &str,
    patient_id: &str,
) -> rusqlite::Result<Vec<KnownCopy<T>>> {
    db.prepare_cached(&format!("SELECT payload, gone, seen_at FROM {table} WHERE patient_id = ?1"))?
        .query_map([patient_id], known)?
        .collect()
}
