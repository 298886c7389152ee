//! The audit trail: rows are only ever added at the end, each with its hash in the chain, and only ever taken away at
//! the beginning, behind the signed record of a purge.
//!
//! The hash covers every column, as it stands: a text that says the same in other letters is a changed one.

use super::unreadable;
use crate::audit::Act;
use medsight_audit::{
    Action, AuditEvent, CHECKPOINT_EVERY, Checkpoint, FORM, Hash, Link, More, PatientKey, Position,
    canonical_text, link,
};
use medsight_base::{SeriesUid, StudyUid, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

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

/// Events of form 2. `more` is the rest of the event as canonical JSON; `patient` repeats its patient for searching.
pub(crate) const KEYED: &str = "
    ALTER TABLE audit ADD COLUMN form INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE audit ADD COLUMN patient TEXT;
    ALTER TABLE audit ADD COLUMN more TEXT;
    CREATE INDEX audit_patient ON audit (patient) WHERE patient NOT NULL;
    CREATE INDEX audit_at ON audit (at);
    CREATE TABLE audit_checkpoints (
        sequence  INTEGER PRIMARY KEY,
        hash      BLOB NOT NULL,
        at        INTEGER NOT NULL,
        signature BLOB NOT NULL
    ) STRICT;
    CREATE TABLE audit_purges (
        last      INTEGER PRIMARY KEY,
        first     INTEGER NOT NULL,
        hash      BLOB NOT NULL,
        newest    INTEGER NOT NULL,
        at        INTEGER NOT NULL,
        signature BLOB NOT NULL
    ) STRICT;
    CREATE TABLE audit_deliveries (
        destination           TEXT PRIMARY KEY,
        acknowledged_sequence INTEGER NOT NULL,
        acknowledged_hash     BLOB NOT NULL,
        acknowledged_at       INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    DROP TRIGGER audit_no_delete;
    CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
        WHEN old.sequence > coalesce((SELECT max(last) FROM audit_purges), 0)
        BEGIN SELECT raise(ABORT, 'the audit trail is fixed'); END;
";

/// In the order of [`from_row`].
pub(crate) const COLUMNS: &str = "sequence, who, what, at, study, detail, hash, form, patient, more";
/// The same of a database that another program owns and that has only events of form 1.
const COLUMNS_1: &str = "sequence, who, what, at, study, detail, hash, 1, NULL, NULL";

/// Whether the tables are those of [`KEYED`]; not so in a database of an older program that is read.
pub(crate) fn is_keyed(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT count(*) FROM pragma_table_info('audit') WHERE name = 'more'", [], |row| row.get(0))
}

/// Adds an event at the end of the chain: inside the transaction of what it tells about. What the event leaves open of
/// place, clock, patient and person is filled in.
pub(crate) fn add(act: &Act<'_>, event: &AuditEvent) -> rusqlite::Result<Position> {
    let db: &Connection = act;
    let last = db
        .prepare_cached("SELECT sequence, hash, at FROM audit ORDER BY sequence DESC LIMIT 1")?
        .query_row([], |row| Ok((position(row)?, row.get::<_, i64>(2)?)))
        .optional()?;
    let previous = match last {
        Some((position, _)) => position,
        None => super::audit_purges::last(db)?.map_or(Position::START, |purge| purge.last),
    };
    let mut event = event.clone();
    if event.more.patient.is_none() {
        event.more.patient = patient_of(db, event.study.as_ref())?;
    }
    act.ledger.complete(&mut event, last.map(|(_, at)| Timestamp(at)));
    let sequence = previous.sequence + 1;
    let hash = link(act.ledger.keys(), &previous.hash, sequence, &event);
    let more = serde_json::to_value(&event.more).unwrap_or_default();
    db.prepare_cached(
        "INSERT INTO audit (sequence, who, what, at, study, detail, hash, form, patient, more)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        sequence.cast_signed(),
        event.who,
        event.what,
        event.when.0,
        event.study.as_ref().map(StudyUid::as_str),
        canonical_text(&event.detail),
        hash,
        FORM,
        event.more.patient.as_ref().map(PatientKey::cx),
        canonical_text(&more),
    ])?;
    let position = Position { sequence, hash };
    if sequence.is_multiple_of(CHECKPOINT_EVERY) {
        let checkpoint = Checkpoint::sign(act.ledger.keys(), position, event.when);
        super::audit_checkpoints::add(db, &checkpoint)?;
    }
    act.noted(position);
    Ok(position)
}

fn position(row: &Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position { sequence: row.get::<_, i64>(0)?.cast_unsigned(), hash: row.get(1)? })
}

/// Whose study it is, as long as it is here; after that, as the events before say.
fn patient_of(db: &Connection, study: Option<&StudyUid>) -> rusqlite::Result<Option<PatientKey>> {
    let Some(study) = study else { return Ok(None) };
    let known: Option<(String, Option<String>)> = db
        .prepare_cached("SELECT patient_id, patient_issuer FROM studies WHERE uid = ?1")?
        .query_row([study.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((id, issuer)) = known {
        return Ok(PatientKey::of(&id, issuer.as_deref()));
    }
    let more: Option<String> = db
        .prepare_cached(
            "SELECT more FROM audit WHERE study = ?1 AND patient NOT NULL ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row([study.as_str()], |row| row.get(0))
        .optional()?;
    Ok(more.and_then(|text| serde_json::from_str::<More>(&text).ok()).and_then(|more| more.patient))
}

/// Whether the files of the study of a series left this computer after the series was written here; nothing when it
/// was not. Findings and states that were sent are no files.
pub(crate) fn given_out_since_written(
    db: &Connection,
    study: &StudyUid,
    series: &SeriesUid,
) -> rusqlite::Result<Option<bool>> {
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM audit later WHERE later.study = ?1 AND later.sequence > written.sequence
                        AND (later.what = ?4 AND coalesce(later.detail ->> 'kind', 'object') IN ('object', 'study')
                             OR later.what = ?5 AND later.detail ->> 'files' IS NOT NULL))
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

/// The end of the chain.
pub(crate) fn last(db: &Connection) -> rusqlite::Result<Option<Position>> {
    db.prepare_cached("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")?
        .query_row([], position)
        .optional()
}

/// The hash of one event, while it is kept.
pub(crate) fn hash_at(db: &Connection, sequence: u64) -> rusqlite::Result<Option<Hash>> {
    db.prepare_cached("SELECT hash FROM audit WHERE sequence = ?1")?
        .query_row([sequence.cast_signed()], |row| row.get(0))
        .optional()
}

/// One event with its place. A text that is not as it was written is unreadable.
pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Link> {
    let study = row.get_ref(4)?.as_str_or_null()?.map(StudyUid::parse).transpose();
    let text = row.get_ref(5)?.as_str()?;
    let detail = serde_json::from_str(text).map_err(|e| unreadable(5, e))?;
    let more: More = match row.get_ref(9)?.as_str_or_null()? {
        None => More::default(),
        Some(text) => {
            let more: More = serde_json::from_str(text).map_err(|e| unreadable(9, e))?;
            let same = serde_json::to_value(&more).is_ok_and(|value| canonical_text(&value) == text);
            same.then_some(more).ok_or_else(|| unreadable(9, std::fmt::Error))?
        }
    };
    if canonical_text(&detail) != text {
        return Err(unreadable(5, std::fmt::Error));
    }
    if row.get_ref(8)?.as_str_or_null()? != more.patient.as_ref().map(PatientKey::cx).as_deref() {
        return Err(unreadable(8, std::fmt::Error));
    }
    Ok(Link {
        sequence: row.get::<_, i64>(0)?.cast_unsigned(),
        form: row.get(7)?,
        event: AuditEvent {
            who: row.get(1)?,
            what: row.get(2)?,
            when: Timestamp(row.get(3)?),
            study: study.map_err(|e| unreadable(4, e))?,
            detail,
            more,
        },
        hash: row.get(6)?,
    })
}

/// Every event in order; `take` says whether to go on. One event is in memory at a time.
pub(crate) fn each(
    db: &Connection,
    mut take: impl FnMut(rusqlite::Result<Link>) -> bool,
) -> rusqlite::Result<()> {
    let columns = if is_keyed(db)? { COLUMNS } else { COLUMNS_1 };
    let mut statement = db.prepare(&format!("SELECT {columns} FROM audit ORDER BY sequence"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !take(from_row(row)) {
            break;
        }
    }
    Ok(())
}

/// At most `limit` events after a place.
pub(crate) fn after(db: &Connection, sequence: u64, limit: usize) -> rusqlite::Result<Vec<Link>> {
    let columns = if is_keyed(db)? { COLUMNS } else { COLUMNS_1 };
    db.prepare_cached(&format!("SELECT {columns} FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2"))?
        .query_map(params![sequence.cast_signed(), i64::try_from(limit).unwrap_or(i64::MAX)], from_row)?
        .collect()
}
