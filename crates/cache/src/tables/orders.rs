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

/// Since when an order is closed, and where an open one stands in the list of those that are expected. What an older program
/// adds stands last there.
pub(crate) const LIST: &str = "
    ALTER TABLE orders ADD COLUMN closed_at INTEGER;
    ALTER TABLE orders ADD COLUMN rank INTEGER NOT NULL DEFAULT 2;
    ALTER TABLE orders ADD COLUMN due INTEGER NOT NULL DEFAULT 9223372036854775807;
    ALTER TABLE orders ADD COLUMN planned INTEGER NOT NULL DEFAULT 9223372036854775807;
    ALTER TABLE orders ADD COLUMN is_step INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE orders ADD COLUMN words TEXT NOT NULL DEFAULT '';
    UPDATE orders SET closed_at = seen_at WHERE gone <> 0 OR status NOT IN ('open', 'on_hold');
    CREATE INDEX orders_closed ON orders (closed_at) WHERE closed_at NOT NULL;
    CREATE INDEX orders_list ON orders (rank, due, planned, place, source)
        WHERE gone = 0 AND status IN ('open', 'on_hold');
";

/// Where an order stands in the list of those that are expected.
pub(crate) struct InList {
    /// Of its priority, the most urgent first.
    pub(crate) rank: i64,
    /// Until when, milliseconds; the last where nothing is said.
    pub(crate) due: i64,
    /// When it is to be done, milliseconds; the last where nothing is said.
    pub(crate) planned: i64,
    /// A step of a worklist.
    pub(crate) is_step: bool,
    /// Its words as they are searched, each with a blank before it.
    pub(crate) words: String,
}

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
        "INSERT INTO orders (source, place, version, status, gone, patient_id, accession, study, seen_at, payload, closed_at)
         VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, iif(?4 IN ('open', 'on_hold'), NULL, ?8))
         ON CONFLICT (source, place) DO UPDATE SET version = ?3, status = ?4, gone = 0, patient_id = ?5,
             accession = ?6, study = ?7, seen_at = ?8, payload = ?9,
             closed_at = iif(?4 IN ('open', 'on_hold'), NULL, coalesce(closed_at, ?8))",
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
    db.prepare_cached(
        "UPDATE orders SET seen_at = ?3, gone = 0,
             closed_at = iif(status IN ('open', 'on_hold'), NULL, coalesce(closed_at, ?3))
         WHERE source = ?1 AND place = ?2",
    )?
    .execute(params![source, place, at.0])?;
    Ok(())
}

/// The source no longer has it; whether that is new.
pub(crate) fn set_gone(db: &Connection, source: &str, place: &str, at: Timestamp) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE orders SET gone = 1, seen_at = ?3, closed_at = coalesce(closed_at, ?3)
             WHERE source = ?1 AND place = ?2 AND gone = 0",
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

/// A study here answers the order `o`: it has its UID and may be of its patient, or its accession number and patient.
fn is_answered(o: &str) -> String {
    format!(
        "(EXISTS (SELECT 1 FROM studies s WHERE s.uid = {o}.study
              AND (trim(s.patient_id) = trim({o}.patient_id) OR trim(s.patient_id) = '' OR trim({o}.patient_id) = ''))
          OR EXISTS (SELECT 1 FROM studies s WHERE s.patient_id = {o}.patient_id AND {o}.patient_id <> ''
              AND s.accession = {o}.accession AND {o}.accession <> ''))"
    )
}

/// How many open orders no study here answers, and the first `most` of them. `wanted`: the beginnings of words that each of
/// them has, each with a blank before it. Of the same patient's same accession number only the source that comes first is
/// taken, and a worklist last.
pub(crate) fn expected(
    db: &Connection,
    wanted: &[String],
    most: usize,
) -> rusqlite::Result<(usize, Vec<KnownOrder>)> {
    let fits = |o: &str| {
        format!(
            "{o}.gone = 0 AND {o}.status IN ('open', 'on_hold') AND NOT {}
             AND NOT EXISTS (SELECT 1 FROM json_each(?1) w WHERE instr({o}.words, w.value) = 0)",
            is_answered(o)
        )
    };
    let list = format!(
        "FROM orders o WHERE {} AND NOT EXISTS (SELECT 1 FROM orders p WHERE p.patient_id = o.patient_id
             AND p.accession = o.accession AND o.patient_id <> '' AND o.accession <> ''
             AND (p.is_step, p.source) < (o.is_step, o.source) AND {})",
        fits("o"),
        fits("p")
    );
    let wanted = text(&wanted)?;
    let total: i64 =
        db.prepare_cached(&format!("SELECT count(*) {list}"))?.query_row([&wanted], |row| row.get(0))?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let orders = db
        .prepare_cached(&format!(
            "SELECT o.payload, o.gone, o.seen_at {list} ORDER BY o.rank, o.due, o.planned, o.place, o.source LIMIT ?2"
        ))?
        .query_map(params![wanted, most], known)?
        .collect::<rusqlite::Result<_>>()?;
    Ok((usize::try_from(total).unwrap_or_default(), orders))
}

pub(crate) fn set_in_list(
    db: &Connection,
    source: &str,
    place: &str,
    in_list: &InList,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE orders SET rank = ?3, due = ?4, planned = ?5, is_step = ?6, words = ?7 WHERE source = ?1 AND place = ?2",
    )?
    .execute(params![source, place, in_list.rank, in_list.due, in_list.planned, in_list.is_step, in_list.words])?;
    Ok(())
}

/// Source and place of every order.
pub(crate) fn names(db: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    db.prepare_cached("SELECT source, place FROM orders")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Source and place of orders that were closed before a moment and that no study here answers, the oldest first.
pub(crate) fn closed_before(
    db: &Connection,
    before: Timestamp,
    most: usize,
) -> rusqlite::Result<Vec<(String, String)>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    db.prepare_cached(&format!(
        "SELECT source, place FROM orders o WHERE closed_at < ?1 AND NOT {} ORDER BY closed_at LIMIT ?2",
        is_answered("o")
    ))?
    .query_map(params![before.0, most], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

/// Forgets an order and its tasks.
pub(crate) fn forget(db: &Connection, source: &str, place: &str) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM order_tasks WHERE source = ?1 AND request = ?2")?
        .execute([source, place])?;
    db.prepare_cached("DELETE FROM orders WHERE source = ?1 AND place = ?2")?.execute([source, place])?;
    Ok(())
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
