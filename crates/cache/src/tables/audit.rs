//! The audit trail: rows are only ever added, each with its hash in the chain.

use super::unreadable;
use medsight_audit::{Action, AuditEvent, GENESIS, Hash, Link};
use medsight_base::{SeriesUid, StudyUid, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

/// The study is kept as text, not as a reference: the event outlives it. Triggers stop accidents; what stops
/// intent is the chain.
pub(crate) const VERSION_1: &str = "
    CREATE TABLE audit (
        sequence INTEGER PRIMARY KEY,
        who      TEXT NOT NULL,
        what     TEXT NOT NULL,
        at       INTEGER NOT NULL,
        study    TEXT,
        detail   TEXT NOT NULL,
        hash     BLOB NOT NULL
    ) STRICT;
    CREATE INDEX audit_study ON audit (study) WHERE study NOT NULL;
    CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit trail is fixed'); END;
    CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit trail is fixed'); END;
";

/// Adds an event at the end of the chain. Call it inside the transaction of what it tells about.
pub(crate) fn add(db: &Connection, event: &AuditEvent) -> rusqlite::Result<()> {
    let last: Option<(i64, Hash)> = db
        .prepare_cached("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (sequence, previous) = last.unwrap_or((0, GENESIS));
    let sequence = sequence + 1;
    let hash = medsight_audit::link(&previous, sequence.cast_unsigned(), event);
    db.prepare_cached(
        "INSERT INTO audit (sequence, who, what, at, study, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        sequence,
        event.who,
        event.what,
        event.when.0,
        event.study.as_ref().map(StudyUid::as_str),
        event.detail.to_string(),
        hash,
    ])?;
    Ok(())
}

/// Whether the study of a series left this computer after the series was written here; nothing when it was not.
pub(crate) fn given_out_since_written(
    db: &Connection,
    study: &StudyUid,
    series: &SeriesUid,
) -> rusqlite::Result<Option<bool>> {
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM audit later WHERE later.study = ?1 AND later.sequence > written.sequence
                        AND (later.what = ?4 OR later.what = ?5 AND later.detail ->> 'files' IS NOT NULL))
         FROM audit written
         WHERE written.study = ?1 AND written.what = ?2 AND written.detail ->> 'series' = ?3
         ORDER BY written.sequence DESC LIMIT 1",
    )?
    .query_row(
        params![
            study.as_str(),
            Action::ObjectWritten.word(),
            series.as_str(),
            Action::Sent.word(),
            Action::Exported.word()
        ],
        |row| row.get(0),
    )
    .optional()
}

/// The whole chain from its beginning.
pub(crate) fn each<E: From<rusqlite::Error>, T>(
    db: &Connection,
    read: impl FnOnce(&mut dyn Iterator<Item = Result<Link, E>>) -> Result<T, E>,
) -> Result<T, E> {
    let mut statement = db
        .prepare("SELECT sequence, who, what, at, study, detail, hash FROM audit ORDER BY sequence")
        .map_err(E::from)?;
    let mut links = statement
        .query_map([], |row| {
            let study = row.get_ref(4)?.as_str_or_null()?.map(StudyUid::parse).transpose();
            Ok(Link {
                sequence: row.get::<_, i64>(0)?.cast_unsigned(),
                event: AuditEvent {
                    who: row.get(1)?,
                    what: row.get(2)?,
                    when: Timestamp(row.get(3)?),
                    study: study.map_err(|e| unreadable(4, e))?,
                    detail: serde_json::from_str(row.get_ref(5)?.as_str()?).map_err(|e| unreadable(5, e))?,
                },
                hash: row.get(6)?,
            })
        })
        .map_err(E::from)?
        .map(|link| link.map_err(E::from));
    read(&mut links)
}
