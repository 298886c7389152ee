//! Studies: what the worklist shows, and what the quota goes by.

use super::unreadable;
use medsight_base::{DicomDate, StudyUid, Timestamp};
use medsight_record::{Claim, InstanceRecord, Patient, Priority, ReadState, Sex, StudyRecord, Work};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// `archived_at` is NULL while this is the only copy known: such a study is never evicted.
/// Modalities are divided by a backslash, as DICOM divides values.
pub(crate) const VERSION_1: &str = "
    CREATE TABLE studies (
        id             INTEGER PRIMARY KEY,
        uid            TEXT NOT NULL UNIQUE,
        patient_id     TEXT NOT NULL,
        patient_name   TEXT NOT NULL,
        birth_date     TEXT,
        sex            TEXT,
        date           TEXT,
        time           TEXT NOT NULL,
        accession      TEXT NOT NULL,
        description    TEXT NOT NULL,
        modalities     TEXT NOT NULL,
        series_count   INTEGER NOT NULL,
        instance_count INTEGER NOT NULL,
        bytes          INTEGER NOT NULL,
        state          TEXT NOT NULL,
        imported_at    INTEGER NOT NULL,
        last_used      INTEGER NOT NULL,
        archived_at    INTEGER
    ) STRICT;
    CREATE INDEX studies_last_used ON studies (last_used);
    CREATE INDEX studies_patient ON studies (patient_id);
";

/// Who reads it, and how urgent it is.
pub(crate) const VERSION_5: &str = "
    ALTER TABLE studies ADD COLUMN priority TEXT NOT NULL DEFAULT 'routine';
    ALTER TABLE studies ADD COLUMN assigned_to TEXT;
    ALTER TABLE studies ADD COLUMN claimed_by TEXT;
    ALTER TABLE studies ADD COLUMN claimed_at INTEGER;
";

/// Whether a person said how urgent it is. What was not routine before, a person had set.
pub(crate) const PRIORITY_SET: &str = "
    ALTER TABLE studies ADD COLUMN priority_set INTEGER NOT NULL DEFAULT 0;
    UPDATE studies SET priority_set = 1 WHERE priority <> 'routine';
";

/// Whose numbering the Patient ID is (0010,0021).
pub(crate) const ISSUER: &str = "ALTER TABLE studies ADD COLUMN patient_issuer TEXT";

const COLUMNS: &str = "uid, patient_id, patient_name, birth_date, sex, date, time, accession, description,
    modalities, series_count, instance_count, bytes, state, imported_at,
    priority, assigned_to, claimed_by, claimed_at, priority_set, patient_issuer";

/// The stored word of a state.
pub(crate) fn state_word(state: ReadState) -> &'static str {
    match state {
        ReadState::Unread => "unread",
        ReadState::Draft => "draft",
        ReadState::Preliminary => "preliminary",
        ReadState::Final => "final",
        ReadState::Addendum => "addendum",
    }
}

pub(crate) fn state_of(word: &str) -> Option<ReadState> {
    ReadState::ALL.into_iter().find(|state| state_word(*state) == word)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<StudyRecord> {
    let text = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
    let date = |column: usize| {
        row.get_ref(column)?
            .as_str_or_null()
            .map(|t| t.and_then(DicomDate::parse))
            .map_err(rusqlite::Error::from)
    };
    Ok(StudyRecord {
        uid: StudyUid::parse(text(0)?).map_err(|e| unreadable(0, e))?,
        patient: Patient {
            id: row.get(1)?,
            issuer: row.get(20)?,
            name: row.get(2)?,
            birth_date: date(3)?,
            sex: row.get::<_, Option<String>>(4)?.and_then(|letter| Sex::parse(&letter)),
        },
        date: date(5)?,
        time: row.get(6)?,
        accession: row.get(7)?,
        description: row.get(8)?,
        modalities: text(9)?.split('\\').filter(|m| !m.is_empty()).map(str::to_owned).collect(),
        series_count: row.get(10)?,
        instance_count: row.get(11)?,
        bytes: row.get::<_, i64>(12)?.cast_unsigned(),
        state: state_of(text(13)?).unwrap_or_default(),
        imported_at: Timestamp(row.get(14)?),
        work: Work {
            priority: Priority::of_word(text(15)?).unwrap_or_default(),
            is_priority_set: row.get(19)?,
            assigned_to: row.get(16)?,
            claimed: row
                .get::<_, Option<String>>(17)?
                .zip(row.get::<_, Option<i64>>(18)?)
                .map(|(by, at)| Claim { by, at: Timestamp(at) }),
        },
    })
}

pub(crate) fn by_uid(db: &Connection, uid: &StudyUid) -> rusqlite::Result<Option<StudyRecord>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM studies WHERE uid = ?1"))?
        .query_row([uid.as_str()], from_row)
        .optional()
}

pub(crate) fn by_id(db: &Connection, id: i64) -> rusqlite::Result<Option<StudyRecord>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM studies WHERE id = ?1"))?
        .query_row([id], from_row)
        .optional()
}

/// Sets who reads a study and how urgent it is.
pub(crate) fn set_work(db: &Connection, id: i64, work: &Work) -> rusqlite::Result<()> {
    let (by, at) = work.claimed.as_ref().map(|claim| (&claim.by, claim.at.0)).unzip();
    db.prepare_cached(
        "UPDATE studies SET priority = ?2, assigned_to = ?3, claimed_by = ?4, claimed_at = ?5,
             priority_set = ?6 WHERE id = ?1",
    )?
    .execute(params![id, work.priority.word(), work.assigned_to, by, at, work.is_priority_set])?;
    Ok(())
}

/// The studies with a Patient ID, in no order.
pub(crate) fn of_patient_id(db: &Connection, id: &str) -> rusqlite::Result<Vec<StudyRecord>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM studies WHERE patient_id = ?1"))?
        .query_map([id], from_row)?
        .collect()
}

/// Every study with its row id, in no order.
pub(crate) fn each(db: &Connection, mut see: impl FnMut(i64, StudyRecord)) -> rusqlite::Result<()> {
    let mut statement = db.prepare(&format!("SELECT {COLUMNS}, id FROM studies"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(row.get(21)?, from_row(row)?);
    }
    Ok(())
}

/// Whose numbering a Patient ID is, where all studies of it that say so say the same.
pub(crate) fn issuer_of(db: &Connection, patient_id: &str) -> rusqlite::Result<Option<String>> {
    let found: Vec<String> = db
        .prepare_cached(
            "SELECT DISTINCT patient_issuer FROM studies WHERE patient_id = ?1 AND patient_issuer NOT NULL",
        )?
        .query_map([patient_id], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(if found.len() == 1 { found.into_iter().next() } else { None })
}

/// Row ids of the studies that an order is about: its Study Instance UID, or its accession number for its patient.
pub(crate) fn of_order(
    db: &Connection,
    uid: Option<&StudyUid>,
    patient_id: &str,
    accession: &str,
) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached(
        "SELECT id FROM studies WHERE uid = ?1
         UNION SELECT id FROM studies WHERE patient_id = ?2 AND accession = ?3 AND ?2 <> '' AND ?3 <> ''",
    )?
    .query_map(params![uid.map(StudyUid::as_str), patient_id, accession], |row| row.get(0))?
    .collect()
}

pub(crate) fn id_of(db: &Connection, uid: &StudyUid) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM studies WHERE uid = ?1")?
        .query_row([uid.as_str()], |row| row.get(0))
        .optional()
}

/// The row id of the study of an instance, made from the first instance that comes in.
pub(crate) fn ensure(db: &Connection, of: &InstanceRecord, at: Timestamp) -> rusqlite::Result<i64> {
    if let Some(id) = id_of(db, &of.study)? {
        return Ok(id);
    }
    db.prepare_cached(
        "INSERT INTO studies (uid, patient_id, patient_name, birth_date, sex, date, time, accession, description,
             modalities, series_count, instance_count, bytes, state, imported_at, last_used, patient_issuer)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '', 0, 0, 0, 'unread', ?10, ?10, ?11)",
    )?
    .execute(params![
        of.study.as_str(),
        of.patient.id,
        of.patient.name,
        of.patient.birth_date.map(DicomDate::compact),
        of.patient.sex.map(|sex| sex.letter().to_string()),
        of.study_date.map(DicomDate::compact),
        of.study_time,
        of.accession,
        of.study_description,
        at.0,
        of.patient.issuer,
    ])?;
    Ok(db.last_insert_rowid())
}

/// Counts the study again from its series and instances, after something came in.
pub(crate) fn recount(db: &Connection, id: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE studies SET
            modalities = coalesce((SELECT group_concat(modality, '\\') FROM
                (SELECT DISTINCT modality FROM series WHERE study = ?1 AND modality <> '' ORDER BY modality)), ''),
            series_count = (SELECT count(*) FROM series WHERE study = ?1),
            instance_count = (SELECT coalesce(sum(instance_count), 0) FROM series WHERE study = ?1),
            bytes = (SELECT coalesce(sum(bytes), 0) FROM series WHERE study = ?1)
         WHERE id = ?1",
    )?
    .execute([id])?;
    Ok(())
}

pub(crate) fn set_state(db: &Connection, id: i64, state: ReadState) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE studies SET state = ?2 WHERE id = ?1")?
        .execute(params![id, state_word(state)])?;
    Ok(())
}

pub(crate) fn touch(db: &Connection, id: i64, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE studies SET last_used = ?2 WHERE id = ?1")?.execute([id, at.0])?;
    Ok(())
}

pub(crate) fn set_archived(db: &Connection, id: i64, at: Option<Timestamp>) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE studies SET archived_at = ?2 WHERE id = ?1")?
        .execute(params![id, at.map(|at| at.0)])?;
    Ok(())
}

/// Series, instances, annotations, session and thumbnails go with it.
pub(crate) fn delete(db: &Connection, id: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM studies WHERE id = ?1")?.execute([id])?;
    Ok(())
}
