//! What is fetched next: the visible slice, its neighbours, the rest of the study, the next study, the priors.
//!
//! The order is decided when a worker asks, so that a reader who scrolls changes it at once. Not here: fetching.

use crate::find::Level;
use crate::row::Row;
use dicom_dictionary_std::tags;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Why a study is fetched; the first is the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// It is on the screen.
    Open,
    /// A person asked for it.
    Asked,
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
    waiting: Vec<Waiting>,
    /// Where every instance is that was ever added: also what has come may be looked at.
    places: HashMap<String, (String, i32)>,
    /// Series in the order in which they were added.
    series: Vec<String>,
    /// Series and number of the visible slice.
    focus: Option<(String, i32)>,
    /// SOP Instance UID of the visible slice, until it is known where it is.
    sought: Option<String>,
    /// Everything is at least as urgent as this.
    raised: Option<Urgency>,
    /// Nothing more will be added.
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    urgency: Urgency,
    /// Place of its series in [`Inner::series`].
    series: usize,
    item: Item,
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

    /// The slice on the screen: it comes first, then its neighbours. May be told before it is known, and after it came.
    pub fn focus(&self, instance: &str) {
        let mut inner = self.inner();
        inner.sought = Some(instance.to_owned());
        inner.settle_focus();
    }

    /// Where to begin while nobody has looked at anything: changes nothing once somebody has.
    pub(crate) fn begin_at(&self, instance: &str) {
        let mut inner = self.inner();
        if inner.focus.is_none() && inner.sought.is_none() {
            inner.sought = Some(instance.to_owned());
            inner.settle_focus();
        }
    }

    /// Makes everything at least this urgent: a study that was fetched ahead is opened.
    pub fn raise(&self, urgency: Urgency) {
        let mut inner = self.inner();
        inner.raised = inner.raised.into_iter().chain([urgency]).min();
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Instances that still wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inner().waiting.len()
    }

    /// That of the most urgent instance that waits; `otherwise` when none does.
    pub(crate) fn urgency(&self, otherwise: Urgency) -> Urgency {
        let inner = self.inner();
        let most = inner.waiting.iter().map(|waiting| waiting.urgency).min().unwrap_or(otherwise);
        inner.raised.map_or(most, |raised| raised.min(most))
    }

    pub(crate) fn add(&self, urgency: Urgency, items: impl IntoIterator<Item = Item>) {
        let mut inner = self.inner();
        for item in items {
            inner.places.insert(item.instance.clone(), (item.series.clone(), item.number));
            let known = inner.series.iter().position(|series| *series == item.series);
            let series = known.unwrap_or_else(|| {
                inner.series.push(item.series.clone());
                inner.series.len() - 1
            });
            inner.waiting.push(Waiting { urgency, series, item });
        }
        inner.settle_focus();
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Instances of which only the place is of use: they are here.
    pub(crate) fn note<'i>(&self, items: impl IntoIterator<Item = &'i Item>) {
        let mut inner = self.inner();
        for item in items {
            inner.places.insert(item.instance.clone(), (item.series.clone(), item.number));
        }
        inner.settle_focus();
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

    /// Waits until something waits to be fetched; false at the end.
    pub(crate) async fn ready(&self) -> bool {
        loop {
            // Before the look, so that what is added in between is not missed.
            let changed = self.changed.notified();
            {
                let inner = self.inner();
                if !inner.waiting.is_empty() || inner.closed {
                    return !inner.waiting.is_empty();
                }
            }
            changed.await;
        }
    }

    /// The most urgent instances, at most `most`, all of one series; empty when none waits.
    pub(crate) fn take(&self, most: usize) -> Vec<Item> {
        self.inner().take(most)
    }
}

impl Inner {
    fn settle_focus(&mut self) {
        let Some(place) = self.sought.as_ref().and_then(|sought| self.places.get(sought)) else { return };
        self.focus = Some(place.clone());
        self.sought = None;
    }

    /// Smaller is sooner: the visible slice and its neighbours, then series by series as they were listed.
    fn rank(&self, waiting: &Waiting) -> (Urgency, usize, u32, i32) {
        let Waiting { urgency, series, item } = waiting;
        match &self.focus {
            Some((visible, number)) if *visible == item.series => {
                (*urgency, 0, number.abs_diff(item.number), item.number)
            }
            _ => (*urgency, series + 1, 0, item.number),
        }
    }

    fn take(&mut self, most: usize) -> Vec<Item> {
        let rank = |at: &usize| self.rank(&self.waiting[*at]);
        // The first of equals: what is equal goes in the order in which the peer listed it.
        let Some(first) = (0..self.waiting.len()).min_by_key(rank) else { return Vec::new() };
        let mut chosen = vec![first];
        if most > 1 {
            let series = self.waiting[first].series;
            chosen = (0..self.waiting.len()).filter(|at| self.waiting[*at].series == series).collect();
            chosen.sort_by_key(rank);
            chosen.truncate(most);
        }
        let taken = chosen.iter().map(|at| self.waiting[*at].item.clone()).collect();
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

    #[test]
    fn the_visible_slice_comes_first_then_its_neighbours_then_the_rest_then_the_priors() {
        let plan = Plan::new();
        plan.focus("2.50");
        plan.add(Urgency::Prior, series("old", "9", 2));
        plan.add(Urgency::Open, series("new", "1", 2));
        plan.add(Urgency::Open, series("new", "2", 100));
        plan.set_closed(true);
        let mut order = Vec::new();
        loop {
            let taken = plan.take(1);
            let Some(item) = taken.first() else { break };
            order.push(item.instance.clone());
        }
        assert_eq!(order[..3], ["2.50", "2.49", "2.51"]);
        assert_eq!(order[100..], ["1.1", "1.2", "9.1", "9.2"]);
    }

    #[test]
    fn a_reader_who_scrolls_changes_what_comes_next() {
        let plan = Plan::new();
        plan.add(Urgency::Open, series("s", "1", 300));
        plan.set_closed(true);
        assert_eq!(plan.take(1)[0].number, 1);
        plan.focus("1.200");
        assert_eq!(plan.take(2).iter().map(|i| i.number).collect::<Vec<_>>(), [200, 199]);
        assert_eq!(plan.waiting(), 297);
        // Also one that is here already can be looked at.
        plan.focus("1.1");
        assert_eq!(plan.take(1)[0].number, 2);
    }

    #[test]
    fn a_study_fetched_ahead_is_as_urgent_as_any_when_it_is_opened() {
        let plan = Plan::new();
        plan.add(Urgency::Prior, series("s", "1", 3));
        assert_eq!(plan.urgency(Urgency::Open), Urgency::Prior);
        plan.raise(Urgency::Open);
        assert_eq!(plan.urgency(Urgency::Prior), Urgency::Open);
    }
}
