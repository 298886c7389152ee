//! How each study was laid out when it was last read.

use super::unreadable;
use medsight_base::Timestamp;
use medsight_record::ReadingSession;
use rusqlite::{Connection, OptionalExtension, params};

pub(crate) const VERSION_1: &str = "
    CREATE TABLE sessions (
        study   INTEGER PRIMARY KEY REFERENCES studies (id) ON DELETE CASCADE,
        at      INTEGER NOT NULL,
        payload TEXT NOT NULL
    ) STRICT;
";

pub(crate) fn save(
    db: &Connection,
    study: i64,
    session: &ReadingSession,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let payload = serde_json::to_string(session).map_err(|e| unreadable(2, e))?;
    db.prepare_cached(
        "INSERT INTO sessions (study, at, payload) VALUES (?1, ?2, ?3)
         ON CONFLICT (study) DO UPDATE SET at = ?2, payload = ?3",
    )?
    .execute(params![study, at.0, payload])?;
    Ok(())
}

pub(crate) fn of_study(db: &Connection, study: i64) -> rusqlite::Result<Option<ReadingSession>> {
    db.prepare_cached("SELECT payload FROM sessions WHERE study = ?1")?
        .query_row([study], |row| {
            serde_json::from_str(row.get_ref(0)?.as_str()?).map_err(|e| unreadable(0, e))
        })
        .optional()
}
