//! The index of the worklist in memory: what filters and sorting need of each study, and nothing more.
//!
//! One pass over all studies answers a query: a few ms for 100,000. The order of a column is made when it is
//! first asked for and then kept up by insertion, so that a query never sorts.

use super::search::{Slot, Slots, Span, Texts};
use super::{Facets, Filter, Query, Sort, fold};
use crate::tables;
use medsight_record::{ReadState, StudyRecord};
use rusqlite::Connection;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

type Order = Arc<Vec<Slot>>;

/// One study.
struct Entry {
    /// Row of the study; `None` for a slot that is free.
    row: Option<i64>,
    /// Folded name, id, accession and description, one after the other.
    text: Span,
    /// Where name, id and accession end in `text`.
    ends: [u16; 3],
    /// `YYYYMMDD` as a number, 0 without date.
    date: u32,
    /// `HHMMSS` as a number.
    time: u32,
    /// Bits by [`Index::modalities`].
    modalities: u128,
    images: u32,
    state: u8,
    imported_at: i64,
    /// The place of the priority in [`Priority::ALL`].
    priority: u8,
}

/// The alphabetically first modality of a study: what it is sorted by.
fn first_name(modalities: u128, names: &[String]) -> Option<&str> {
    names
        .iter()
        .enumerate()
        .filter(|(bit, _)| modalities >> bit & 1 == 1)
        .map(|(_, name)| name.as_str())
        .min()
}

/// All studies.
#[derive(Default)]
pub(crate) struct Index {
    studies: Vec<Entry>,
    slots: HashMap<i64, Slot>,
    free: Vec<Slot>,
    /// Modalities met so far; their place is their bit. DICOM defines about 80.
    modalities: Vec<String>,
    texts: Texts,
    orders: RwLock<HashMap<Sort, Order>>,
    /// What was typed last and who has it: the rows, the counts and the next window ask for the same.
    last_search: Mutex<Option<(String, Found)>>,
}

/// `None` when everything fits.
type Found = Option<Arc<Slots>>;

impl Index {
    pub(crate) fn build(db: &Connection) -> rusqlite::Result<Self> {
        let mut index = Self::default();
        tables::studies::each(db, |row, study| index.put(row, Some(&study)))?;
        Ok(index)
    }

    /// Takes over what the record of a row is now; `None` when it was deleted.
    pub(crate) fn put(&mut self, row: i64, study: Option<&StudyRecord>) {
        let mut orders =
            std::mem::take(&mut self.orders).into_inner().unwrap_or_else(PoisonError::into_inner);
        let before = self.slots.get(&row).copied();
        if let Some(slot) = before {
            for order in orders.values_mut() {
                Arc::make_mut(order).retain(|other| *other != slot);
            }
        }
        match (study, before) {
            (Some(study), _) => {
                let slot = before.or_else(|| self.free.pop()).unwrap_or(self.studies.len() as Slot);
                self.set(row, slot, study);
                for (by, order) in &mut orders {
                    let at = order.partition_point(|other| self.compare(*other, slot, *by).is_lt());
                    Arc::make_mut(order).insert(at, slot);
                }
            }
            (None, Some(slot)) => {
                let entry = &mut self.studies[slot as usize];
                entry.row = None;
                self.texts.remove(entry.text, slot);
                self.slots.remove(&row);
                self.free.push(slot);
            }
            (None, None) => {}
        }
        self.orders = RwLock::new(orders);
        self.last_search = Mutex::default();
    }

    fn set(&mut self, row: i64, slot: Slot, study: &StudyRecord) {
        let mut text = String::new();
        let mut ends = [0_u16; 3];
        let parts = [&study.patient.name, &study.patient.id, &study.accession, &study.description];
        for (index, part) in parts.into_iter().enumerate() {
            fold::words(part, &mut text);
            // DICOM allows 64 characters in a component group of a name; longer texts are sorted by their beginning.
            if let Some(end) = ends.get_mut(index) {
                *end = u16::try_from(text.len()).unwrap_or(u16::MAX);
            }
        }
        // A study that grows during an import keeps its text.
        let kept =
            self.studies.get(slot as usize).filter(|entry| entry.row == Some(row)).map(|entry| entry.text);
        let span = match kept {
            Some(span) if self.texts.get(span) == text => span,
            other => {
                if let Some(span) = other {
                    self.texts.remove(span, slot);
                }
                self.texts.add(slot, &text)
            }
        };
        let modalities = study.modalities.iter().fold(0, |bits, name| bits | self.modality_bit(name));
        let entry = Entry {
            row: Some(row),
            text: span,
            ends,
            date: study.date.map_or(0, |date| date.compact().parse().unwrap_or(0)),
            time: study.time.get(..6).and_then(|time| time.parse().ok()).unwrap_or(0),
            modalities,
            images: study.instance_count,
            state: state_number(study.state),
            imported_at: study.imported_at.0,
            priority: study.work.priority as u8,
        };
        match self.studies.get_mut(slot as usize) {
            Some(place) => *place = entry,
            None => self.studies.push(entry),
        }
        self.slots.insert(row, slot);
    }

    /// The bit of a modality. Beyond 128 different texts, which no standard has, the last bit is shared.
    fn modality_bit(&mut self, name: &str) -> u128 {
        let known = self.modalities.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            if self.modalities.len() < 128 {
                self.modalities.push(name.to_owned());
            }
            self.modalities.len() - 1
        });
        1 << place
    }

    fn part(&self, entry: &Entry, index: usize) -> &str {
        let text = self.texts.get(entry.text);
        let start = if index == 0 { 0 } else { entry.ends[index - 1].into() };
        let end = entry.ends.get(index).map_or(text.len(), |end| usize::from(*end));
        text.get(start..end).unwrap_or_default()
    }

    fn compare(&self, a: Slot, b: Slot, by: Sort) -> Ordering {
        let (a, b) = (&self.studies[a as usize], &self.studies[b as usize]);
        let parts = |index| self.part(a, index).cmp(self.part(b, index));
        let primary = match by {
            Sort::Name => parts(0),
            Sort::Id => parts(1),
            Sort::Accession => parts(2),
            Sort::Description => parts(3),
            Sort::Date => Ordering::Equal,
            Sort::Modality => {
                let names = &self.modalities;
                first_name(a.modalities, names).cmp(&first_name(b.modalities, names))
            }
            Sort::Images => a.images.cmp(&b.images),
            Sort::State => a.state.cmp(&b.state),
            Sort::Imported => a.imported_at.cmp(&b.imported_at),
            // Of equal ones the one that has waited longest.
            Sort::Priority => (a.priority, a.imported_at).cmp(&(b.priority, b.imported_at)),
        };
        let dates = (a.date, a.time).cmp(&(b.date, b.time));
        let dates = if by == Sort::Date { dates } else { dates.reverse() };
        primary.then(dates).then(a.row.cmp(&b.row))
    }

    fn search(&self, typed: &str) -> Found {
        let mut last = self.last_search.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = last.as_ref().filter(|(before, _)| before == typed) {
            return found.clone();
        }
        let found = self.texts.search(typed).map(Arc::new);
        *last = Some((typed.to_owned(), found.clone()));
        found
    }

    /// How many studies fit, and the rows of the window.
    pub(crate) fn window(&self, query: &Query) -> (usize, Vec<i64>) {
        let ready = Ready::new(&query.filter, &self.modalities, self.search(&query.filter.text));
        let order = self.order(query.sort);
        let end = query.offset.saturating_add(query.limit);
        if ready.fits_all() {
            let rows = order.len().min(query.offset)..order.len().min(end);
            let row = |slot: &Slot| self.studies[*slot as usize].row;
            let rows = if query.descending {
                order.iter().rev().skip(rows.start).take(rows.len()).filter_map(row).collect()
            } else {
                order[rows].iter().filter_map(row).collect()
            };
            return (order.len(), rows);
        }
        // First in the order of memory, which is fast; then only bits are looked at in the order of the column.
        let mut fits = Slots::default();
        let mut total = 0;
        for (slot, entry) in (0..).zip(&self.studies) {
            if entry.row.is_some() && ready.fits(slot, entry) {
                fits.insert(slot);
                total += 1;
            }
        }
        let row = |slot: &Slot| self.studies[*slot as usize].row;
        let window = |slots: &mut dyn Iterator<Item = &Slot>| {
            slots
                .filter(|slot| fits.contains(**slot))
                .skip(query.offset)
                .take(query.limit)
                .filter_map(row)
                .collect()
        };
        let rows = if query.offset >= total {
            Vec::new()
        } else if query.descending {
            window(&mut order.iter().rev())
        } else {
            window(&mut order.iter())
        };
        (total, rows)
    }

    pub(crate) fn facets(&self, filter: &Filter) -> Facets {
        let ready = Ready::new(filter, &self.modalities, self.search(&filter.text));
        let mut by_modality = vec![0; self.modalities.len()];
        let mut by_state = [0; ReadState::ALL.len()];
        for (slot, entry) in (0..).zip(&self.studies) {
            if entry.row.is_none() || !ready.fits_rest(slot, entry) {
                continue;
            }
            let (modality, state) = (ready.fits_modality(entry), ready.fits_state(entry));
            if modality {
                by_state[usize::from(entry.state)] += 1;
            }
            if state {
                let mut bits = entry.modalities;
                while bits != 0 {
                    by_modality[bits.trailing_zeros() as usize] += 1;
                    bits &= bits - 1;
                }
            }
        }
        let mut modalities: Vec<(String, usize)> =
            self.modalities.iter().cloned().zip(by_modality).filter(|(_, count)| *count > 0).collect();
        modalities.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Facets {
            studies: self.slots.len(),
            modalities,
            states: ReadState::ALL.into_iter().zip(by_state).collect(),
        }
    }

    fn order(&self, by: Sort) -> Order {
        if let Some(order) = self.orders.read().unwrap_or_else(PoisonError::into_inner).get(&by) {
            return Arc::clone(order);
        }
        let mut slots: Vec<Slot> = self.slots.values().copied().collect();
        slots.sort_unstable_by(|a, b| self.compare(*a, *b, by));
        let order = Arc::new(slots);
        self.orders.write().unwrap_or_else(PoisonError::into_inner).insert(by, Arc::clone(&order));
        order
    }
}

/// A filter in the form in which entries are compared with it.
struct Ready {
    found: Found,
    /// 0 for no restriction; `None` when the filter names only modalities that nobody has, so nothing fits.
    modalities: Option<u128>,
    /// Bits by state; 0 for no restriction.
    states: u8,
    dates: std::ops::RangeInclusive<u32>,
}

impl Ready {
    fn new(filter: &Filter, names: &[String], found: Found) -> Self {
        let bits =
            |wanted: &String| names.iter().position(|name| name == wanted).map_or(0, |bit| 1_u128 << bit);
        let modalities = filter.modalities.iter().fold(0, |all, wanted| all | bits(wanted));
        let nobody_has_them = modalities == 0 && !filter.modalities.is_empty();
        let day = |date: medsight_base::DicomDate| date.compact().parse::<u32>().ok();
        let open = filter.dates.from.is_none() && filter.dates.to.is_none();
        let from = filter.dates.from.and_then(day).unwrap_or(u32::from(!open));
        let to = filter.dates.to.and_then(day).unwrap_or(u32::MAX);
        Self {
            found,
            modalities: (!nobody_has_them).then_some(modalities),
            states: filter.states.iter().fold(0, |all, state| all | 1 << state_number(*state)),
            dates: from..=to,
        }
    }

    /// There is no restriction at all.
    fn fits_all(&self) -> bool {
        self.found.is_none() && self.modalities == Some(0) && self.states == 0 && self.dates == (0..=u32::MAX)
    }

    fn fits(&self, slot: Slot, entry: &Entry) -> bool {
        self.fits_rest(slot, entry) && self.fits_modality(entry) && self.fits_state(entry)
    }

    fn fits_modality(&self, entry: &Entry) -> bool {
        self.modalities.is_some_and(|wanted| wanted == 0 || entry.modalities & wanted != 0)
    }

    fn fits_state(&self, entry: &Entry) -> bool {
        self.states == 0 || self.states >> entry.state & 1 == 1
    }

    fn fits_rest(&self, slot: Slot, entry: &Entry) -> bool {
        self.found.as_ref().is_none_or(|found| found.contains(slot)) && self.dates.contains(&entry.date)
    }
}

/// The place of a state in [`ReadState::ALL`].
fn state_number(state: ReadState) -> u8 {
    match state {
        ReadState::Unread => 0,
        ReadState::Draft => 1,
        ReadState::Preliminary => 2,
        ReadState::Final => 3,
        ReadState::Addendum => 4,
    }
}
