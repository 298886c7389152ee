//! Which stack something belongs to that lives longer than a list of series: a series may hold several stacks, and the list is sorted anew
//! while a study arrives.

use medsight_base::SeriesUid;
use medsight_record::ImageRef;

use crate::series::{Series, Slice};

/// A stack by its series and its first image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackKey {
    /// Series Instance UID.
    pub series: SeriesUid,
    first: Option<ImageRef>,
}

impl StackKey {
    /// The name of a stack.
    pub fn of(series: &Series) -> Self {
        Self { series: series.uid.clone(), first: series.slices.first().map(Slice::image) }
    }

    /// Where it is among the stacks; `None` when it is gone.
    pub fn find(&self, all: &[Series]) -> Option<usize> {
        all.iter().position(|series| Self::of(series) == *self)
    }
}
