//! Reports: what is being written, the versions that were signed, the critical results that were passed on.
//!
//! The study is kept by its name: a report outlives the images of its study on this computer.

use super::unreadable;
use medsight_base::{StudyUid, Timestamp};
use medsight_record::report::{CriticalResult, Report, ReportId, ReportStatus, ReportVersion, WorkingText};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Versions and critical results are only ever added. Triggers stop accidents; what stops intent is the audit trail,
/// which holds the hash of each version.
pub(crate) const VERSION_3: &str = "
    CREATE TABLE reports (
        id      TEXT PRIMARY KEY,
        study   TEXT NOT NULL,
        status  TEXT NOT NULL,
        version INTEGER NOT NULL,
        working TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX reports_study ON reports (study);
    CREATE TABLE report_versions (
        report  TEXT NOT NULL REFERENCES reports (id),
        number  INTEGER NOT NULL,
        at      INTEGER NOT NULL,
        sha256  BLOB NOT NULL,
        payload TEXT NOT NULL,
        PRIMARY KEY (report, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE report_critical (
        id      TEXT PRIMARY KEY,
        report  TEXT NOT NULL REFERENCES reports (id),
        at      INTEGER NOT NULL,
        payload TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX report_critical_report ON report_critical (report, at);
    CREATE TRIGGER report_versions_no_update BEFORE UPDATE ON report_versions
        BEGIN SELECT raise(ABORT, 'a signed version is fixed'); END;
    CREATE TRIGGER report_versions_no_delete BEFORE DELETE ON report_versions
        BEGIN SELECT raise(ABORT, 'a signed version is fixed'); END;
    CREATE TRIGGER report_critical_no_update BEFORE UPDATE ON report_critical
        BEGIN SELECT raise(ABORT, 'what was passed on is fixed'); END;
    CREATE TRIGGER report_critical_no_delete BEFORE DELETE ON report_critical
        BEGIN SELECT raise(ABORT, 'what was passed on is fixed'); END;
";

/// A row without its versions.
pub(crate) struct Head {
    pub(crate) study: StudyUid,
    pub(crate) status: ReportStatus,
    pub(crate) version: u32,
    pub(crate) working: Option<WorkingText>,
}

fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    let status: String = row.get(1)?;
    let working = row.get_ref(3)?.as_str_or_null()?;
    Ok(Head {
        study: StudyUid::parse(row.get_ref(0)?.as_str()?).map_err(|e| unreadable(0, e))?,
        status: ReportStatus::of_word(&status).ok_or(rusqlite::Error::InvalidQuery)?,
        version: row.get(2)?,
        working: working.map(serde_json::from_str).transpose().map_err(|e| unreadable(3, e))?,
    })
}

fn text(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| unreadable(0, e))
}

/// The report of a name.
pub(crate) fn by_id(db: &Connection, id: ReportId) -> rusqlite::Result<Option<Head>> {
    db.prepare_cached("SELECT study, status, version, working FROM reports WHERE id = ?1")?
        .query_row([id.0.to_string()], head)
        .optional()
}

/// Names of the reports of a study, oldest first by their first version; those without one last.
pub(crate) fn of_study(db: &Connection, study: &StudyUid) -> rusqlite::Result<Vec<ReportId>> {
    db.prepare_cached(
        "SELECT id FROM reports LEFT JOIN report_versions ON report = id AND number = 1
         WHERE study = ?1 ORDER BY at IS NULL, at, id",
    )?
    .query_map([study.as_str()], |row| {
        let id = row.get_ref(0)?.as_str()?.parse().map_err(|e: uuid::Error| unreadable(0, e))?;
        Ok(ReportId(id))
    })?
    .collect()
}

/// Everything of a report.
pub(crate) fn whole(db: &Connection, id: ReportId, head: Head) -> rusqlite::Result<Report> {
    let name = id.0.to_string();
    let json = |row: &Row<'_>| -> rusqlite::Result<String> { row.get(0) };
    let versions: Vec<ReportVersion> = db
        .prepare_cached("SELECT payload FROM report_versions WHERE report = ?1 ORDER BY number")?
        .query_map([&name], json)?
        .map(|text| serde_json::from_str(&text?).map_err(|e| unreadable(0, e)))
        .collect::<rusqlite::Result<_>>()?;
    let critical: Vec<CriticalResult> = db
        .prepare_cached("SELECT payload FROM report_critical WHERE report = ?1 ORDER BY at, id")?
        .query_map([&name], json)?
        .map(|text| serde_json::from_str(&text?).map_err(|e| unreadable(0, e)))
        .collect::<rusqlite::Result<_>>()?;
    Ok(Report { id, study: head.study, status: head.status, versions, working: head.working, critical })
}

/// Keeps what is being written; begins the report where it is new.
pub(crate) fn save(
    db: &Connection,
    id: ReportId,
    study: &StudyUid,
    working: Option<&WorkingText>,
) -> rusqlite::Result<()> {
    let working = working.map(text).transpose()?;
    db.prepare_cached(
        "INSERT INTO reports (id, study, status, version, working) VALUES (?1, ?2, ?3, 0, ?4)
         ON CONFLICT (id) DO UPDATE SET working = ?4",
    )?
    .execute(params![id.0.to_string(), study.as_str(), ReportStatus::Draft.word(), working])?;
    Ok(())
}

/// Removes a report of which nothing was ever signed.
pub(crate) fn remove_draft(db: &Connection, id: ReportId) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM reports WHERE id = ?1 AND version = 0")?.execute([id.0.to_string()])?;
    Ok(())
}

/// Adds a version, which is what the report says from now on, and keeps what goes on being written; SHA-256 of its stored words.
pub(crate) fn add_version(
    db: &Connection,
    id: ReportId,
    version: &ReportVersion,
    working: Option<&WorkingText>,
    at: Timestamp,
) -> rusqlite::Result<[u8; 32]> {
    let payload = text(version)?;
    let sha256: [u8; 32] = Sha256::digest(payload.as_bytes()).into();
    let name = id.0.to_string();
    db.prepare_cached(
        "INSERT INTO report_versions (report, number, at, sha256, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![name, version.number, at.0, sha256, payload])?;
    db.prepare_cached("UPDATE reports SET status = ?2, version = ?3, working = ?4 WHERE id = ?1")?
        .execute(params![name, version.status.word(), version.number, working.map(text).transpose()?])?;
    Ok(sha256)
}

/// Adds a critical result; false when it is there already.
pub(crate) fn add_critical(db: &Connection, id: ReportId, result: &CriticalResult) -> rusqlite::Result<bool> {
    let added = db
        .prepare_cached(
            "INSERT OR IGNORE INTO report_critical (id, report, at, payload) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![result.id.to_string(), id.0.to_string(), result.told_at.0, text(result)?])?;
    Ok(added > 0)
}
