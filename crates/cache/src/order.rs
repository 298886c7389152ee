//! Orders of other systems: taken in by pages, met with the studies here, listed where no study answers them yet
//! (`order/expected.rs`), and forgotten when they are closed for long (`order/closed.rs`).
//!
//! What a person said stays: an order sets how urgent a study is only where nobody did. Not here: the asking
//! (`medsight-sync`).

mod closed;
mod expected;

pub use expected::Expected;
pub(crate) use expected::put_all_in_list;

use crate::asking::{AskedOf, Asking};
use crate::audit::Act;
use crate::{Cache, CacheError, tables};
use expected::put_in_list;
use medsight_audit::{Action, AuditEvent, PatientKey};
use medsight_base::{StudyUid, Timestamp};
use medsight_record::{KnownOrder, Order, OrderTask, ReadState, StudyRecord, Work};
use rusqlite::Connection;
use serde_json::json;
use std::collections::BTreeSet;

/// What came in with one answer, and how far the question is with it. Kept as a whole, or not at all.
#[derive(Clone, Debug, Default)]
pub struct OrderPage {
    /// The question.
    pub of: AskedOf,
    /// How far it is now.
    pub asking: Asking,
    /// Orders; those of a version that is here already change nothing.
    pub orders: Vec<Order>,
    /// Tasks.
    pub tasks: Vec<OrderTask>,
    /// Places of orders that the source has still, in the version that is here.
    pub unchanged: Vec<String>,
    /// Places of orders that the source no longer has.
    pub gone: Vec<String>,
    /// Places of tasks that the source no longer has.
    pub gone_tasks: Vec<String>,
    /// The source tells all that it has at once: an open order that is not among these places is gone.
    pub whole: Option<BTreeSet<String>>,
}

/// What an answer changed here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CameIn {
    /// Orders and tasks that were not here.
    pub new: u64,
    /// Those of another version.
    pub changed: u64,
    /// Orders that the source no longer has.
    pub gone: u64,
    /// Studies that they are about.
    pub studies: BTreeSet<StudyUid>,
}

impl CameIn {
    /// Something did.
    #[must_use]
    pub fn any(&self) -> bool {
        self.new + self.changed + self.gone > 0
    }

    /// Adds what another answer changed.
    pub fn add(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.gone += other.gone;
        self.studies.extend(other.studies);
    }
}

impl Cache {
    /// Keeps what came in with an answer, in one transaction with how far the question is and the audit event.
    ///
    /// # Errors
    /// [`CacheError`]; nothing is kept then.
    pub fn take_orders(&self, page: &OrderPage, who: &str, at: Timestamp) -> Result<CameIn, CacheError> {
        let (came, rows) = self.write(|t| take(t, page, who, at))?;
        self.reindex(rows)?;
        Ok(came)
    }

    /// The orders that a study answers, the one that says most first: open before done, done before withdrawn.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn orders_of(&self, study: &StudyRecord) -> Result<Vec<KnownOrder>, CacheError> {
        self.read(|db| of_study(db, study))
    }

    /// The order that the row of each study speaks of: of those that count the most urgent, then the first to be due.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn order_of_each(&self, studies: &[StudyRecord]) -> Result<Vec<Option<KnownOrder>>, CacheError> {
        self.read(|db| {
            if !tables::orders::any(db)? {
                return Ok(studies.iter().map(|_| None).collect());
            }
            let due = |known: &KnownOrder| known.due_at().map_or(i64::MAX, |at| at.0);
            let first = |one: &KnownOrder| (!one.counts(), one.priority().unwrap_or_default(), due(one));
            studies.iter().map(|study| Ok(of_study(db, study)?.into_iter().min_by_key(first))).collect()
        })
    }

    /// Only these sources are in the settings: what others said, nobody asks for again. It is forgotten, and studies are as
    /// urgent as the rest says.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn keep_sources(&self, names: &[String]) -> Result<(), CacheError> {
        let rows = self.write(|t| {
            let mut rows = BTreeSet::new();
            for source in tables::askings::sources(t)?.iter().filter(|source| !names.contains(source)) {
                for order in tables::orders::of_source(t, source)? {
                    let (patient, accession) = (order.patient.id.trim(), order.accession.trim());
                    rows.extend(tables::studies::of_order(t, order.study.as_ref(), patient, accession)?);
                }
                tables::askings::forget(t, source)?;
            }
            let mut reindex = Vec::new();
            for row in rows {
                if settle_all(t, row)? {
                    reindex.push(row);
                }
            }
            Ok(reindex)
        })?;
        self.reindex(rows)
    }

    /// Places of a source's open orders that were not heard of for longest: to be asked for by name.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn orders_to_look_at(&self, source: &str, most: usize) -> Result<Vec<String>, CacheError> {
        self.read(|db| Ok(tables::orders::longest_unseen(db, source, most)?))
    }

    /// Places of a source's tasks about open orders that were not heard of for longest: to be asked for by name.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn tasks_to_look_at(&self, source: &str, most: usize) -> Result<Vec<String>, CacheError> {
        self.read(|db| Ok(tables::orders::tasks_unseen(db, source, most)?))
    }
}

/// A step of a modality worklist, not an order of its own.
fn is_step(order: &Order) -> bool {
    order.place.starts_with("step/")
}

/// Of several tasks: one that is not over, else the one heard of last.
fn task_of(db: &Connection, order: &Order) -> rusqlite::Result<Option<OrderTask>> {
    let tasks = tables::orders::tasks_of(db, &order.source, &order.place)?;
    let open = tasks.iter().position(|task| !task.is_over()).unwrap_or(0);
    Ok(tasks.into_iter().nth(open))
}

fn of_study(db: &Connection, study: &StudyRecord) -> Result<Vec<KnownOrder>, CacheError> {
    let mut found =
        tables::orders::of_study(db, &study.uid, study.patient.id.trim(), study.accession.trim())?;
    // A UID or a number that two patients share must not put one's order to the other's images.
    found.retain(|known| {
        let (there, here) = (&known.order.patient, &study.patient);
        let is_same =
            there.id.trim().is_empty() || here.id.trim().is_empty() || there.id.trim() == here.id.trim();
        is_same && there.may_be(here)
    });
    for known in &mut found {
        known.task = task_of(db, &known.order)?;
    }
    found.sort_by_cached_key(|known| {
        (known.gone, known.order.status, is_step(&known.order), known.order.place.clone())
    });
    Ok(found)
}

/// Sets how urgent a study is to what its orders say, where no person did; whether that is something new.
pub(crate) fn settle(t: &Connection, row: i64) -> Result<bool, CacheError> {
    if !tables::orders::any(t)? {
        return Ok(false);
    }
    settle_all(t, row)
}

/// The same, also where no order is left.
fn settle_all(t: &Connection, row: i64) -> Result<bool, CacheError> {
    let Some(study) = tables::studies::by_id(t, row)? else { return Ok(false) };
    if study.work.is_priority_set {
        return Ok(false);
    }
    let wanted = of_study(t, &study)?.iter().filter_map(KnownOrder::priority).min().unwrap_or_default();
    if wanted == study.work.priority {
        return Ok(false);
    }
    let work = Work { priority: wanted, ..study.work };
    tables::studies::set_work(t, row, &work)?;
    Ok(true)
}

/// Somebody took a study or gave it back: where its order came from is to know. `before`: who had it.
pub(crate) fn tell_claim(
    t: &Act<'_>,
    row: i64,
    reader: Option<&str>,
    before: Option<&str>,
    at: Timestamp,
) -> Result<(), CacheError> {
    if !tables::orders::any(t)? {
        return Ok(());
    }
    let Some(study) = tables::studies::by_id(t, row)? else { return Ok(()) };
    let is_read = matches!(study.state, ReadState::Final | ReadState::Addendum);
    let say = |(destination, order): &(String, String), who: &str, taken: bool| {
        let detail = json!({
            "destination": destination, "order": order, "who": who, "taken": taken, "read": is_read && !taken,
        });
        tables::outbox::add(t, row, "claim", &detail, at)
    };
    // Taken over from somebody here: theirs ends there too, before the other's begins. Also of an order that was closed since:
    // what was told of it does not end by itself.
    if let Some(before) = before.filter(|before| reader != Some(*before)) {
        for order in &tables::outbox::claimed(t, &study.uid, before)? {
            say(order, before, false)?;
        }
    }
    let Some(reader) = reader else { return Ok(()) };
    let open: BTreeSet<(String, String)> = of_study(t, &study)?
        .into_iter()
        .filter(|known| known.counts() && known.order.status.is_expected())
        .filter_map(|known| Some((known.order.destination?, known.order.place)))
        .collect();
    for order in &open {
        say(order, reader, true)?;
    }
    Ok(())
}

/// Whether of an order's patient more is known now, or something else: the patient changes there without the order.
fn says_more(t: &Act<'_>, order: &Order) -> Result<bool, CacheError> {
    let Some(known) = tables::orders::by_place(t, &order.source, &order.place)? else { return Ok(true) };
    Ok(known.order.patient != order.patient && !order.patient.id.is_empty())
}

fn take(t: &Act<'_>, page: &OrderPage, who: &str, at: Timestamp) -> Result<(CameIn, Vec<i64>), CacheError> {
    let source = page.of.source.as_str();
    let mut came = CameIn::default();
    let mut touched: Vec<Order> = Vec::new();
    for order in &page.orders {
        match tables::orders::version(t, source, &order.place)? {
            Some((known, false)) if known == order.version && !says_more(t, order)? => {
                tables::orders::seen(t, source, &order.place, at)?;
                continue;
            }
            Some(_) => {
                // What it was about before may be another study.
                touched.extend(tables::orders::by_place(t, source, &order.place)?.map(|known| known.order));
                came.changed += 1;
            }
            None => came.new += 1,
        }
        tables::orders::put(t, order, at)?;
        touched.push(order.clone());
    }
    for task in &page.tasks {
        match tables::orders::task_version(t, source, &task.place)? {
            Some(known) if known == task.version => {
                tables::orders::task_seen(t, source, &task.place, at)?;
                continue;
            }
            Some(_) => came.changed += 1,
            None => came.new += 1,
        }
        tables::orders::put_task(t, task, at)?;
        touched.extend(tables::orders::by_place(t, source, &task.order)?.map(|known| known.order));
    }
    for place in &page.gone_tasks {
        if let Some(order) = tables::orders::drop_task(t, source, place)? {
            came.changed += 1;
            touched.extend(tables::orders::by_place(t, source, &order)?.map(|known| known.order));
        }
    }
    for place in &page.unchanged {
        tables::orders::seen(t, source, place, at)?;
    }
    let mut gone = page.gone.clone();
    if let Some(whole) = &page.whole {
        let open = tables::orders::longest_unseen(t, source, usize::MAX)?;
        gone.extend(open.into_iter().filter(|place| !whole.contains(place)));
    }
    for place in &gone {
        if tables::orders::set_gone(t, source, place, at)? {
            came.gone += 1;
            touched.extend(tables::orders::by_place(t, source, place)?.map(|known| known.order));
        }
    }
    let mut rows = BTreeSet::new();
    for order in &touched {
        put_in_list(t, source, &order.place)?;
        rows.extend(tables::studies::of_order(
            t,
            order.study.as_ref(),
            order.patient.id.trim(),
            order.accession.trim(),
        )?);
    }
    let mut reindex = Vec::new();
    for row in rows {
        if settle(t, row)? {
            reindex.push(row);
        }
        came.studies.extend(tables::studies::by_id(t, row)?.map(|study| study.uid));
    }
    tables::askings::set(t, &page.of, &page.asking)?;
    if came.any() {
        let patients: BTreeSet<&str> = touched.iter().map(|order| order.patient.id.trim()).collect();
        let only = patients.iter().next().filter(|_| patients.len() == 1);
        let detail = json!({
            "source": source, "feed": page.of.feed, "new": came.new, "changed": came.changed, "gone": came.gone,
            "patients": patients.len(),
        });
        let event = AuditEvent::new(who, Action::Queried, at, None, detail);
        let issuer = only.map(|id| tables::studies::issuer_of(t, id)).transpose()?.flatten();
        tables::audit::add(t, &event.about(only.and_then(|id| PatientKey::of(id, issuer.as_deref()))))?;
    }
    Ok((came, reindex))
}
