//! The index of the worklist in memory: what filters and sorting need of each study, and nothing more.
//!
//! One pass over all studies answers a query: about 3 ms for 100,000. The order of a column is made when it is
//! first asked for and then kept up by insertion, so that a query never sorts.

use super::search::Search;
use super::{Facets, Filter, Query, Sort, fold};
use crate::tables;
use medsight_record::{ReadState, StudyRecord};
use rusqlite::Connection;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Positions in [`Index::studies`].
type Slot = u32;
type Order = Arc<Vec<Slot>>;

/// One study.
struct Entry {
    /// Row of the study; `None` for a slot that is free.
    row: Option<i64>,
    /// Folded name, id, accession and description, one after the other.
    text: Box<str>,
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
}

impl Entry {
    fn part(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1].into() };
        let end = self.ends.get(index).map_or(self.text.len(), |end| usize::from(*end));
        self.text.get(start..end).unwrap_or_default()
    }

    fn compare(&self, other: &Self, by: Sort, names: &[String]) -> Ordering {
        let primary = match by {
            Sort::Name => self.part(0).cmp(other.part(0)),
            Sort::Id => self.part(1).cmp(other.part(1)),
            Sort::Accession => self.part(2).cmp(other.part(2)),
            Sort::Description => self.part(3).cmp(other.part(3)),
            Sort::Date => Ordering::Equal,
            Sort::Modality => first_name(self.modalities, names).cmp(&first_name(other.modalities, names)),
            Sort::Images => self.images.cmp(&other.images),
            Sort::State => self.state.cmp(&other.state),
            Sort::Imported => self.imported_at.cmp(&other.imported_at),
        };
        let dates = (self.date, self.time).cmp(&(other.date, other.time));
        let dates = if by == Sort::Date { dates } else { dates.reverse() };
        primary.then(dates).then(self.row.cmp(&other.row))
    }
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
    orders: RwLock<HashMap<Sort, Order>>,
}

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
        if let Some(slot) = self.slots.remove(&row) {
            for order in orders.values_mut() {
                Arc::make_mut(order).retain(|other| *other != slot);
            }
            self.studies[slot as usize].row = None;
            self.free.push(slot);
        }
        if let Some(study) = study {
            let entry = self.entry(row, study);
            let slot = match self.free.pop() {
                Some(slot) => {
                    self.studies[slot as usize] = entry;
                    slot
                }
                None => {
                    self.studies.push(entry);
                    (self.studies.len() - 1) as Slot
                }
            };
            self.slots.insert(row, slot);
            for (by, order) in &mut orders {
                let entry = &self.studies[slot as usize];
                let names = &self.modalities;
                let at = order.partition_point(|other| {
                    self.studies[*other as usize].compare(entry, *by, names).is_lt()
                });
                Arc::make_mut(order).insert(at, slot);
            }
        }
        self.orders = RwLock::new(orders);
    }

    fn entry(&mut self, row: i64, study: &StudyRecord) -> Entry {
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
        let modalities = study.modalities.iter().fold(0, |bits, name| bits | self.modality_bit(name));
        Entry {
            row: Some(row),
            text: text.into_boxed_str(),
            ends,
            date: study.date.map_or(0, |date| date.compact().parse().unwrap_or(0)),
            time: study.time.get(..6).and_then(|time| time.parse().ok()).unwrap_or(0),
            modalities,
            images: study.instance_count,
            state: state_number(study.state),
            imported_at: study.imported_at.0,
        }
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

    /// How many studies fit, and the rows of the window.
    pub(crate) fn window(&self, query: &Query) -> (usize, Vec<i64>) {
        let filter = Ready::new(&query.filter, &self.modalities);
        let order = self.order(query.sort);
        let end = query.offset.saturating_add(query.limit);
        let mut total = 0;
        let mut rows = Vec::new();
        let mut see = |slot: &Slot| {
            let entry = &self.studies[*slot as usize];
            if filter.fits(entry) {
                if (query.offset..end).contains(&total) {
                    rows.extend(entry.row);
                }
                total += 1;
            }
        };
        if query.descending {
            order.iter().rev().for_each(&mut see)
        } else {
            order.iter().for_each(&mut see)
        }
        (total, rows)
    }

    pub(crate) fn facets(&self, filter: &Filter) -> Facets {
        let ready = Ready::new(filter, &self.modalities);
        let mut by_modality = vec![0; self.modalities.len()];
        let mut by_state = [0; ReadState::ALL.len()];
        for entry in self.studies.iter().filter(|entry| entry.row.is_some()) {
            let (modality, state) = (ready.fits_modality(entry), ready.fits_state(entry));
            if !(modality || state) || !ready.fits_rest(entry) {
                continue;
            }
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
        slots.sort_unstable_by(|a, b| {
            self.studies[*a as usize].compare(&self.studies[*b as usize], by, &self.modalities)
        });
        let order = Arc::new(slots);
        self.orders.write().unwrap_or_else(PoisonError::into_inner).insert(by, Arc::clone(&order));
        order
    }
}

/// A filter in the form in which entries are compared with it.
struct Ready {
    search: Search,
    /// 0 for no restriction; the filter names only modalities that nobody has: `u128::MAX` would be wrong, so
    /// `None` means that nothing fits.
    modalities: Option<u128>,
    /// Bits by state; 0 for no restriction.
    states: u8,
    dates: std::ops::RangeInclusive<u32>,
}

impl Ready {
    fn new(filter: &Filter, names: &[String]) -> Self {
        let bits =
            |wanted: &String| names.iter().position(|name| name == wanted).map_or(0, |bit| 1_u128 << bit);
        let modalities = filter.modalities.iter().fold(0, |all, wanted| all | bits(wanted));
        let nobody_has_them = modalities == 0 && !filter.modalities.is_empty();
        let day = |date: medsight_base::DicomDate| date.compact().parse::<u32>().ok();
        let open = filter.dates.from.is_none() && filter.dates.to.is_none();
        let from = filter.dates.from.and_then(day).unwrap_or(u32::from(!open));
        let to = filter.dates.to.and_then(day).unwrap_or(u32::MAX);
        Self {
            search: Search::new(&filter.text),
            modalities: (!nobody_has_them).then_some(modalities),
            states: filter.states.iter().fold(0, |all, state| all | 1 << state_number(*state)),
            dates: from..=to,
        }
    }

    fn fits(&self, entry: &Entry) -> bool {
        self.fits_modality(entry) && self.fits_state(entry) && self.fits_rest(entry)
    }

    fn fits_modality(&self, entry: &Entry) -> bool {
        self.modalities.is_some_and(|wanted| wanted == 0 || entry.modalities & wanted != 0)
    }

    fn fits_state(&self, entry: &Entry) -> bool {
        self.states == 0 || self.states >> entry.state & 1 == 1
    }

    fn fits_rest(&self, entry: &Entry) -> bool {
        self.dates.contains(&entry.date) && self.search.fits(&entry.text)
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
