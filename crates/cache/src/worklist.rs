//! The worklist: what a person looks for, and one window of what there is.
//!
//! Queries are answered from an index in memory (`index.rs`), about 150 bytes a study, that is read once and
//! then kept in step with each write. Rows come from the records.

mod fold;
mod index;
mod search;

pub(crate) use fold::words;
pub(crate) use index::Index;

use crate::{Cache, CacheError, tables};
use medsight_base::DicomDate;
use medsight_record::{ReadState, StudyRecord};
use serde::{Deserialize, Serialize};
use std::sync::PoisonError;

/// Days from and to, both included. An open end is `None`; a study without date fits only when both are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateRange {
    /// First day.
    pub from: Option<DicomDate>,
    /// Last day.
    pub to: Option<DicomDate>,
}

/// What a person looks for. An empty list means no restriction by that property.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Words over name, id, accession number and description: each begins a word there, in any order, whatever
    /// the case and the accents.
    pub text: String,
    /// Modalities, any of them.
    pub modalities: Vec<String>,
    /// Reading states, any of them.
    pub states: Vec<ReadState>,
    /// Study date.
    pub dates: DateRange,
}

/// What the rows are sorted by. Equal ones follow by study date, newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Patient's name, without regard to case and accents.
    Name,
    /// Patient ID.
    Id,
    /// Study date and time.
    #[default]
    Date,
    /// Modality.
    Modality,
    /// Study description.
    Description,
    /// Number of images.
    Images,
    /// Reading state.
    State,
    /// Accession number.
    Accession,
    /// When it came to this computer.
    Imported,
    /// How urgent it is; of equal ones what came first.
    Priority,
}

/// A window of the worklist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// What to look for.
    pub filter: Filter,
    /// Column to sort by.
    pub sort: Sort,
    /// Last first.
    pub descending: bool,
    /// First row.
    pub offset: usize,
    /// Number of rows at most.
    pub limit: usize,
}

/// Rows and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page {
    /// Studies that fit the filter.
    pub total: usize,
    /// Row number of the first row here.
    pub offset: usize,
    /// The rows.
    pub rows: Vec<StudyRecord>,
}

/// How many studies a choice would leave, each property under the filters of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facets {
    /// Studies in the cache.
    pub studies: usize,
    /// By modality, most first.
    pub modalities: Vec<(String, usize)>,
    /// By reading state, in the order of [`ReadState::ALL`].
    pub states: Vec<(ReadState, usize)>,
}

impl Cache {
    /// One window of the worklist.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn worklist(&self, query: &Query) -> Result<Page, CacheError> {
        let (total, ids) = self.with_index(|index| index.window(query))?;
        // A study deleted between the two steps is simply not there.
        let rows = self.read(|db| {
            let found = ids.iter().map(|id| tables::studies::by_id(db, *id));
            Ok(found.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?)
        })?;
        Ok(Page { total, offset: query.offset, rows })
    }

    /// The counts beside the filters.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn facets(&self, filter: &Filter) -> Result<Facets, CacheError> {
        self.with_index(|index| index.facets(filter))
    }

    fn with_index<T>(&self, ask: impl FnOnce(&Index) -> T) -> Result<T, CacheError> {
        {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(index) = index.as_ref() {
                return Ok(ask(index));
            }
        }
        // Built under the write lock: a study written meanwhile waits in `reindex` and is seen after.
        let mut held = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = Some(self.read(|db| Ok(Index::build(db)?))?);
        }
        let index = held.get_or_insert_default();
        Ok(ask(index))
    }

    /// Brings the index in step with rows that were written, changed or deleted.
    pub(crate) fn reindex(&self, rows: impl IntoIterator<Item = i64>) -> Result<(), CacheError> {
        let mut held = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = held.as_mut() else { return Ok(()) };
        self.read(|db| {
            for row in rows {
                index.put(row, tables::studies::by_id(db, row)?.as_ref());
            }
            Ok(())
        })
    }
}
