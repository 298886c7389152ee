//! What is fetched next: the visible slice, its neighbours, the rest of the study, the next study, the priors.
//!
//! The order is decided when a worker asks, so that a reader who scrolls changes it at once. Not here: fetching.

use crate::find::Level;
use crate::row::Row;
use dicom_dictionary_std::tags;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Why a study is fetched; the first is the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// It is on the screen.
    Open,
    /// It is the next of the worklist.
    Next,
    /// It is a prior of one of these.
    Prior,
}

/// An instance to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Study Instance UID.
    pub study: String,
    /// Series Instance UID.
    pub series: String,
    /// SOP Instance UID.
    pub instance: String,
    /// SOP Class UID; empty when the peer does not say.
    pub sop_class: String,
    /// Instance Number (0020,0013), by which neighbours are told.
    pub number: i32,
}

impl Item {
    /// From an answer at image level; `study` and `series` where the answer leaves them out.
    pub(crate) fn of(row: &Row, study: &str, series: &str) -> Option<Self> {
        debug_assert_eq!(Level::Image.word(), "IMAGE");
        let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
        let item = Self {
            study: or(row.text(tags::STUDY_INSTANCE_UID), study),
            series: or(row.text(tags::SERIES_INSTANCE_UID), series),
            instance: row.text(tags::SOP_INSTANCE_UID),
            sop_class: row.text(tags::SOP_CLASS_UID),
            number: row.text(tags::INSTANCE_NUMBER).parse().unwrap_or(i32::MAX),
        };
        (!item.instance.is_empty() && !item.series.is_empty()).then_some(item)
    }
}

/// Instances that wait, shared between the workers and whoever knows what is on the screen.
#[derive(Debug, Default)]
pub struct Plan {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<(Urgency, Item)>,
    /// Series and number of the visible slice.
    focus: Option<(String, i32)>,
    /// SOP Instance UID of the visible slice, until it is known where it is.
    sought: Option<String>,
    /// Nothing more will be added.
    closed: bool,
}

impl Plan {
    /// Nothing to do yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slice on the screen: it comes first, then its neighbours. May be told before it is known.
    pub fn focus(&self, instance: &str) {
        let mut inner = self.inner();
        inner.sought = Some(instance.to_owned());
        inner.settle_focus();
    }

    /// Instances that still wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inner().waiting.len()
    }

    pub(crate) fn add(&self, urgency: Urgency, items: impl IntoIterator<Item = Item>) {
        let mut inner = self.inner();
        inner.waiting.extend(items.into_iter().map(|item| (urgency, item)));
        inner.settle_focus();
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Says whether more will be added; empties the plan when it is opened again.
    pub(crate) fn set_closed(&self, closed: bool) {
        let mut inner = self.inner();
        inner.closed = closed;
        if !closed {
            inner.waiting.clear();
        }
        drop(inner);
        self.changed.notify_waiters();
    }

    /// The most urgent instances, at most `most`, all of one series; empty at the end.
    pub(crate) async fn take(&self, most: usize) -> Vec<Item> {
        loop {
            // Before the look, so that what is added in between is not missed.
            let changed = self.changed.notified();
            {
                let mut inner = self.inner();
                let taken = inner.take(most);
                if !taken.is_empty() || inner.closed {
                    return taken;
                }
            }
            changed.await;
        }
    }
}

impl Inner {
    fn settle_focus(&mut self) {
        let Some(sought) = &self.sought else { return };
        if let Some((_, item)) = self.waiting.iter().find(|(_, item)| item.instance == *sought) {
            self.focus = Some((item.series.clone(), item.number));
            self.sought = None;
        }
    }

    /// Smaller is sooner.
    fn rank(&self, urgency: Urgency, item: &Item) -> (Urgency, u64, i32) {
        let away = match &self.focus {
            Some((series, number)) if *series == item.series => u64::from(number.abs_diff(item.number)),
            _ => u64::MAX,
        };
        (urgency, away, item.number)
    }

    fn take(&mut self, most: usize) -> Vec<Item> {
        let rank = |at: &usize| {
            let (urgency, item) = &self.waiting[*at];
            self.rank(*urgency, item)
        };
        // The first of equals: what is equal goes in the order in which the peer listed it.
        let Some(first) = (0..self.waiting.len()).min_by_key(rank) else { return Vec::new() };
        let mut chosen = vec![first];
        if most > 1 {
            let series = &self.waiting[first].1.series;
            chosen = (0..self.waiting.len()).filter(|at| self.waiting[*at].1.series == *series).collect();
            chosen.sort_by_key(rank);
            chosen.truncate(most);
        }
        let taken = chosen.iter().map(|at| self.waiting[*at].1.clone()).collect();
        chosen.sort_unstable();
        for at in chosen.into_iter().rev() {
            self.waiting.remove(at);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(study: &str, name: &str, count: i32) -> Vec<Item> {
        let item = |number| Item {
            study: study.into(),
            series: name.into(),
            instance: format!("{name}.{number}"),
            sop_class: String::new(),
            number,
        };
        (1..=count).map(item).collect()
    }

    #[tokio::test]
    async fn the_visible_slice_comes_first_then_its_neighbours_then_the_rest_then_the_priors() {
        let plan = Plan::new();
        plan.focus("2.50");
        plan.add(Urgency::Prior, series("old", "9", 2));
        plan.add(Urgency::Open, series("new", "1", 2));
        plan.add(Urgency::Open, series("new", "2", 100));
        plan.set_closed(true);
        let mut order = Vec::new();
        loop {
            let taken = plan.take(1).await;
            let Some(item) = taken.first() else { break };
            order.push(item.instance.clone());
        }
        assert_eq!(order[..3], ["2.50", "2.49", "2.51"]);
        assert_eq!(order[100..], ["1.1", "1.2", "9.1", "9.2"]);
    }

    #[tokio::test]
    async fn a_reader_who_scrolls_changes_what_comes_next() {
        let plan = Plan::new();
        plan.add(Urgency::Open, series("s", "1", 300));
        plan.set_closed(true);
        assert_eq!(plan.take(1).await[0].number, 1);
        plan.focus("1.200");
        assert_eq!(plan.take(2).await.iter().map(|i| i.number).collect::<Vec<_>>(), [200, 199]);
        assert_eq!(plan.waiting(), 297);
    }
}
