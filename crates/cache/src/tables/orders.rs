//! Orders of other systems and the tasks by which they were given to somebody, as these systems have them.

use super::unreadable;
use medsight_base::{StudyUid, Timestamp};
use medsight_record::{KnownOrder, Order, OrderTask};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The columns beside `payload` repeat what is searched for.
pub(crate) const TABLES: &str = "
    CREATE TABLE orders (
        source     TEXT NOT NULL,
        place      TEXT NOT NULL,
        version    TEXT NOT NULL,
        status     TEXT NOT NULL,
        gone       INTEGER NOT NULL,
        patient_id TEXT NOT NULL,
        accession  TEXT NOT NULL,
        study      TEXT,
        seen_at    INTEGER NOT NULL,
        payload    TEXT NOT NULL,
        PRIMARY KEY (source, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX orders_patient ON orders (patient_id, accession);
    CREATE INDEX orders_study ON orders (study) WHERE study NOT NULL;
    CREATE INDEX orders_expected ON orders (source, seen_at) WHERE gone = 0 AND status IN ('open', 'on_hold');
    CREATE TABLE order_tasks (
        source   TEXT NOT NULL,
        place    TEXT NOT NULL,
        version  TEXT NOT NULL,
        request  TEXT NOT NULL,
        seen_at  INTEGER NOT NULL,
        payload  TEXT NOT NULL,
        PRIMARY KEY (source, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX order_tasks_request ON order_tasks (source, request);
";

const EXPECTED: &str = "gone = 0 AND status IN ('open', 'on_hold')";

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|e| unreadable(column, e))
}

fn text(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| unreadable(0, e))
}

fn known(row: &Row<'_>) -> rusqlite::Result<KnownOrder> {
    Ok(KnownOrder { order: json(row, 0)?, task: None, gone: row.get(1)?, seen_at: Timestamp(row.get(2)?) })
}

/// The version that is known, and whether the order is gone.
pub(crate) fn version(
    db: &Connection,
    source: &str,
    place: &str,
) -> rusqlite::Result<Option<(String, bool)>> {
    db.prepare_cached("SELECT version, gone FROM orders WHERE source = ?1 AND place = ?2")?
        .query_row([source, place], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

pub(crate) fn put(db: &Connection, order: &Order, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO orders (source, place, version, status, gone, patient_id, accession, study, seen_at, payload)
         VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (source, place) DO UPDATE SET version = ?3, status = ?4, gone = 0, patient_id = ?5,
             accession = ?6, study = ?7, seen_at = ?8, payload = ?9",
    )?
    .execute(params![
        order.source,
        order.place,
        order.version,
        order.status.word(),
        order.patient.id,
        order.accession,
        order.study.as_ref().map(StudyUid::as_str),
        at.0,
        text(order)?,
    ])?;
    Ok(())
}

/// The source has it still, as it is here.
pub(crate) fn seen(db: &Connection, source: &str, place: &str, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE orders SET seen_at = ?3, gone = 0 WHERE source = ?1 AND place = ?2")?
        .execute(params![source, place, at.0])?;
    Ok(())
}

/// The source no longer has it; whether that is new.
pub(crate) fn set_gone(db: &Connection, source: &str, place: &str, at: Timestamp) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE orders SET gone = 1, seen_at = ?3 WHERE source = ?1 AND place = ?2 AND gone = 0",
        )?
        .execute(params![source, place, at.0])?;
    Ok(changed > 0)
}

pub(crate) fn by_place(db: &Connection, source: &str, place: &str) -> rusqlite::Result<Option<KnownOrder>> {
    db.prepare_cached("SELECT payload, gone, seen_at FROM orders WHERE source = ?1 AND place = ?2")?
        .query_row([source, place], known)
        .optional()
}

/// Everything that a source said of orders.
pub(crate) fn of_source(db: &Connection, source: &str) -> rusqlite::Result<Vec<Order>> {
    db.prepare_cached("SELECT payload FROM orders WHERE source = ?1")?
        .query_map([source], |row| json(row, 0))?
        .collect()
}

pub(crate) fn any(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM orders)")?.query_row([], |row| row.get(0))
}

/// Those about a study: its UID, or its accession number for its patient.
pub(crate) fn of_study(
    db: &Connection,
    uid: &StudyUid,
    patient_id: &str,
    accession: &str,
) -> rusqlite::Result<Vec<KnownOrder>> {
    db.prepare_cached(
        "SELECT payload, gone, seen_at FROM orders WHERE study = ?1
         UNION SELECT payload, gone, seen_at FROM orders
               WHERE patient_id = ?2 AND accession = ?3 AND ?2 <> '' AND ?3 <> ''",
    )?
    .query_map(params![uid.as_str(), patient_id, accession], known)?
    .collect()
}

/// Open orders that no study here answers, `most` of them at most.
pub(crate) fn without_study(db: &Connection, most: usize) -> rusqlite::Result<Vec<KnownOrder>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    db.prepare_cached(&format!(
        "SELECT payload, gone, seen_at FROM orders o WHERE {EXPECTED}
             AND NOT EXISTS (SELECT 1 FROM studies s WHERE s.uid = o.study
                 AND (trim(s.patient_id) = trim(o.patient_id) OR trim(s.patient_id) = '' OR trim(o.patient_id) = ''))
             AND NOT EXISTS (SELECT 1 FROM studies s WHERE s.patient_id = o.patient_id AND o.patient_id <> ''
                 AND s.accession = o.accession AND o.accession <> '')
         LIMIT ?1"
    ))?
    .query_map([most], known)?
    .collect()
}

/// Places of a source's open orders, those first that were not heard of for longest.
pub(crate) fn longest_unseen(db: &Connection, source: &str, most: usize) -> rusqlite::Result<Vec<String>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    db.prepare_cached(&format!(
        "SELECT place FROM orders WHERE source = ?1 AND {EXPECTED} ORDER BY seen_at, place LIMIT ?2"
    ))?
    .query_map(params![source, most], |row| row.get(0))?
    .collect()
}

pub(crate) fn task_version(db: &Connection, source: &str, place: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT version FROM order_tasks WHERE source = ?1 AND place = ?2")?
        .query_row([source, place], |row| row.get(0))
        .optional()
}

pub(crate) fn put_task(db: &Connection, task: &OrderTask, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO order_tasks (source, place, version, request, seen_at, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (source, place) DO UPDATE SET version = ?3, request = ?4, seen_at = ?5, payload = ?6",
    )?
    .execute(params![task.source, task.place, task.version, task.order, at.0, text(task)?])?;
    Ok(())
}

/// The source has a task still, as it is here.
pub(crate) fn task_seen(db: &Connection, source: &str, place: &str, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE order_tasks SET seen_at = ?3 WHERE source = ?1 AND place = ?2")?
        .execute(params![source, place, at.0])?;
    Ok(())
}

/// The source no longer has a task; the order that it was about, where it was here.
pub(crate) fn drop_task(db: &Connection, source: &str, place: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("DELETE FROM order_tasks WHERE source = ?1 AND place = ?2 RETURNING request")?
        .query_row([source, place], |row| row.get(0))
        .optional()
}

/// Places of a source's tasks about open orders, those first that were not heard of for longest.
pub(crate) fn tasks_unseen(db: &Connection, source: &str, most: usize) -> rusqlite::Result<Vec<String>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    db.prepare_cached(&format!(
        "SELECT t.place FROM order_tasks t WHERE t.source = ?1 AND EXISTS (SELECT 1 FROM orders
             WHERE source = ?1 AND place = t.request AND {EXPECTED})
         ORDER BY t.seen_at, t.place LIMIT ?2"
    ))?
    .query_map(params![source, most], |row| row.get(0))?
    .collect()
}

/// The tasks of an order, the one that was heard of last first.
pub(crate) fn tasks_of(db: &Connection, source: &str, order: &str) -> rusqlite::Result<Vec<OrderTask>> {
    db.prepare_cached(
        "SELECT payload FROM order_tasks WHERE source = ?1 AND request = ?2 ORDER BY seen_at DESC, place",
    )?
    .query_map([source, order], |row| json(row, 0))?
    .collect()
}
