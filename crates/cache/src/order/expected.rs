//! The list of orders that no study here answers yet: sorted, searched and cut by the database, however many there are.
//!
//! Where an order stands in the list depends on itself and its tasks, not on the clock; so it is written beside the order
//! whenever one of them changes.

use super::{is_step, task_of};
use crate::worklist::words;
use crate::{Cache, CacheError, tables};
use medsight_base::DicomDate;
use medsight_base::time::seconds_of_day;
use medsight_record::{KnownOrder, Order, When};
use rusqlite::Connection;
use tables::orders::InList;

/// Orders that no study here answers yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// How many there are.
    pub total: usize,
    /// Those asked for: the most urgent first, then by time.
    pub orders: Vec<KnownOrder>,
}

impl Cache {
    /// Open orders that no study here answers. `text`: words that begin words of patient, accession number or procedure.
    /// The same order from two sources, by patient and accession number, is one: that of a system that orders are made in
    /// before a worklist's, which tells of the same order and less.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn expected_orders(&self, text: &str, most: usize) -> Result<Expected, CacheError> {
        let mut wanted = String::new();
        words(text, &mut wanted);
        let wanted: Vec<String> = wanted.split_whitespace().map(|word| format!(" {word}")).collect();
        self.read(|db| {
            let (total, mut orders) = tables::orders::expected(db, &wanted, most)?;
            for known in &mut orders {
                known.task = task_of(db, &known.order)?;
            }
            Ok(Expected { total, orders })
        })
    }
}

/// Writes where an order stands in the list.
pub(super) fn put_in_list(db: &Connection, source: &str, place: &str) -> rusqlite::Result<()> {
    let Some(mut known) = tables::orders::by_place(db, source, place)? else { return Ok(()) };
    known.task = task_of(db, &known.order)?;
    let mut text = String::new();
    let order = &known.order;
    for part in [&order.patient.name, &order.patient.id, &order.accession, &order.procedure, &order.modality]
    {
        words(part, &mut text);
    }
    let in_list = InList {
        rank: known.priority().unwrap_or_default() as i64,
        due: known.due_at().map_or(i64::MAX, |at| at.0),
        planned: planned(order),
        is_step: is_step(order),
        words: text,
    };
    tables::orders::set_in_list(db, source, place, &in_list)
}

/// The same for all orders: those of a database that knew no list.
pub(crate) fn put_all_in_list(db: &Connection) -> rusqlite::Result<()> {
    for (source, place) in tables::orders::names(db)? {
        put_in_list(db, &source, &place)?;
    }
    Ok(())
}

/// When it is to be done, for a place in a list: a calendar of another place is taken for that of Greenwich.
fn planned(order: &Order) -> i64 {
    match order.scheduled.as_ref().or(order.requested.as_ref()) {
        Some(When::At(at)) => at.0,
        Some(When::Local(text)) => {
            let day = text.get(..10).and_then(DicomDate::parse).map_or(0, DicomDate::days_since_epoch);
            let of_day = text.get(11..).and_then(seconds_of_day).unwrap_or_default();
            day * 86_400_000 + (of_day * 1000.0) as i64
        }
        None => i64::MAX,
    }
}
