//! Reports of other systems, each in the newest version that is known.

use super::unreadable;
use medsight_base::Timestamp;
use medsight_record::{KnownServerReport, ServerReport};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(crate) const TABLE: &str = "
    CREATE TABLE server_reports (
        source     TEXT NOT NULL,
        place      TEXT NOT NULL,
        version    TEXT NOT NULL,
        patient_id TEXT NOT NULL,
        gone       INTEGER NOT NULL,
        seen_at    INTEGER NOT NULL,
        payload    TEXT NOT NULL,
        PRIMARY KEY (source, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX server_reports_patient ON server_reports (patient_id);
";

fn known(row: &Row<'_>) -> rusqlite::Result<KnownServerReport> {
    let report = serde_json::from_str(row.get_ref(0)?.as_str()?).map_err(|e| unreadable(0, e))?;
    Ok(KnownServerReport { report, gone: row.get(1)?, seen_at: Timestamp(row.get(2)?) })
}

/// The version that is known, and whether the report is gone.
pub(crate) fn version(
    db: &Connection,
    source: &str,
    place: &str,
) -> rusqlite::Result<Option<(String, bool)>> {
    db.prepare_cached("SELECT version, gone FROM server_reports WHERE source = ?1 AND place = ?2")?
        .query_row([source, place], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

pub(crate) fn put(db: &Connection, report: &ServerReport, at: Timestamp) -> rusqlite::Result<()> {
    let payload = serde_json::to_string(report).map_err(|e| unreadable(0, e))?;
    db.prepare_cached(
        "INSERT INTO server_reports (source, place, version, patient_id, gone, seen_at, payload)
         VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)
         ON CONFLICT (source, place) DO UPDATE SET version = ?3, patient_id = ?4, gone = 0, seen_at = ?5, payload = ?6",
    )?
    .execute(params![report.source, report.place, report.version, report.patient_id, at.0, payload])?;
    Ok(())
}

pub(crate) fn seen(db: &Connection, source: &str, place: &str, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE server_reports SET seen_at = ?3 WHERE source = ?1 AND place = ?2")?
        .execute(params![source, place, at.0])?;
    Ok(())
}

/// The source no longer has it; whether that is new.
pub(crate) fn set_gone(db: &Connection, source: &str, place: &str, at: Timestamp) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE server_reports SET gone = 1, seen_at = ?3 WHERE source = ?1 AND place = ?2 AND gone = 0",
        )?
        .execute(params![source, place, at.0])?;
    Ok(changed > 0)
}

/// Places of the reports that a source had of a patient.
pub(crate) fn places(db: &Connection, source: &str, patient_id: &str) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached("SELECT place FROM server_reports WHERE source = ?1 AND patient_id = ?2 AND gone = 0")?
        .query_map([source, patient_id], |row| row.get(0))?
        .collect()
}

pub(crate) fn of_patient(db: &Connection, patient_id: &str) -> rusqlite::Result<Vec<KnownServerReport>> {
    db.prepare_cached("SELECT payload, gone, seen_at FROM server_reports WHERE patient_id = ?1")?
        .query_map([patient_id], known)?
        .collect()
}
