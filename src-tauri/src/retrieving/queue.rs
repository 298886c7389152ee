//! Which study is next: what is opened at once, then what was asked for, then what is fetched ahead, so many of one
//! server at once. No thread and no clock is here.

use super::run::{Far, Reins};
use crate::dto::{ImportSummary, RetrievalPhase, RetrievalRow};
use medsight_base::StudyUid;
use medsight_pacs::{Slots, Urgency};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

#[derive(Default)]
pub(super) struct Inner {
    pub(super) jobs: Vec<Job>,
    pub(super) last_id: u32,
    /// By the name of the server.
    pub(super) slots: BTreeMap<String, Arc<Slots>>,
    pub(super) told: Option<Instant>,
    /// The desk ends: what is cut off goes on at the next start.
    pub(super) ending: bool,
}

/// A study that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wish {
    pub(crate) node: String,
    pub(crate) study: StudyUid,
    pub(crate) about: String,
    pub(crate) urgency: Urgency,
    /// It is to be shown as soon as there is something to show.
    pub(crate) open: bool,
}

pub(super) struct Job {
    pub(super) id: u32,
    pub(super) node: String,
    pub(super) study: StudyUid,
    pub(super) about: String,
    pub(super) urgency: Urgency,
    pub(super) phase: Phase,
    pub(super) far: Far,
    pub(super) reins: Arc<Reins>,
}

#[derive(Clone, PartialEq)]
pub(super) enum Phase {
    Waiting,
    Running,
    Ended(ImportSummary),
}

impl Job {
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Ended(_))
    }

    pub(super) fn is_ahead(&self) -> bool {
        self.urgency > Urgency::Asked
    }

    pub(super) fn row(&self) -> RetrievalRow {
        RetrievalRow {
            id: self.id,
            node: self.node.clone(),
            study_uid: self.study.to_string(),
            about: self.about.clone(),
            ahead: self.is_ahead(),
            phase: match &self.phase {
                Phase::Ended(summary) => RetrievalPhase::Ended(summary.clone()),
                _ if self.reins.cancel.is_cancelled() => RetrievalPhase::Cancelling,
                Phase::Waiting => RetrievalPhase::Waiting,
                Phase::Running => RetrievalPhase::Running,
            },
            files_done: self.far.files,
            files_total: self.far.total,
            bytes_done: self.far.bytes,
            bytes_per_second: self.far.bytes_per_second,
        }
    }
}

impl Inner {
    pub(super) fn active(&mut self, study: &StudyUid) -> impl Iterator<Item = &mut Job> {
        self.jobs.iter_mut().filter(move |job| job.is_active() && job.study == *study)
    }

    /// Puts a wish into the queue; what is there already only becomes as urgent as the wish.
    pub(super) fn put(&mut self, wish: Wish) {
        let same = |job: &Job| job.node == wish.node && job.study == wish.study;
        let goes_on = |job: &Job| job.is_active() && !job.reins.cancel.is_cancelled();
        if let Some(job) = self.jobs.iter_mut().find(|job| goes_on(job) && same(job)) {
            job.urgency = job.urgency.min(wish.urgency);
            job.reins.plan.raise(wish.urgency);
            job.reins.open.fetch_or(wish.open, Ordering::Relaxed);
        } else {
            self.jobs.retain(|job| !same(job));
            self.last_id += 1;
            let reins = Reins::default();
            reins.open.store(wish.open, Ordering::Relaxed);
            self.jobs.push(Job {
                id: self.last_id,
                node: wish.node,
                study: wish.study,
                about: wish.about,
                urgency: wish.urgency,
                phase: Phase::Waiting,
                far: Far::default(),
                reins: Arc::new(reins),
            });
        }
        self.slots.values().for_each(|slots| slots.look_again());
    }

    /// The job that may begin now: the most urgent of those whose server has room. What is opened never waits, and what
    /// was asked for does not wait for what is fetched ahead.
    pub(super) fn next(&self, most: impl Fn(&str) -> usize) -> Option<usize> {
        let before = |job: &Job| {
            let counts = |other: &&Job| {
                other.phase == Phase::Running
                    && other.node == job.node
                    && (job.is_ahead() || !other.is_ahead())
            };
            self.jobs.iter().filter(counts).count()
        };
        let may = |job: &Job| job.urgency == Urgency::Open || before(job) < most(&job.node);
        (0..self.jobs.len())
            .filter(|at| self.jobs[*at].phase == Phase::Waiting && may(&self.jobs[*at]))
            .min_by_key(|at| (self.jobs[*at].urgency, self.jobs[*at].id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(study: u32, urgency: Urgency) -> Wish {
        let study = StudyUid::parse(&format!("2.25.{study}")).unwrap();
        Wish { node: "archive".into(), study, about: String::new(), urgency, open: false }
    }

    fn start(inner: &mut Inner, most: usize) -> Option<u32> {
        let at = inner.next(|_| most)?;
        inner.jobs[at].phase = Phase::Running;
        Some(inner.jobs[at].id)
    }

    #[test]
    fn what_is_opened_begins_at_once_and_what_is_fetched_ahead_comes_last() {
        let mut inner = Inner::default();
        for (study, urgency) in
            [(1, Urgency::Prior), (2, Urgency::Asked), (3, Urgency::Asked), (4, Urgency::Next)]
        {
            inner.put(wish(study, urgency));
        }
        assert_eq!(
            [start(&mut inner, 2), start(&mut inner, 2), start(&mut inner, 2)],
            [Some(2), Some(3), None]
        );
        inner.put(wish(5, Urgency::Open));
        assert_eq!([start(&mut inner, 2), start(&mut inner, 2)], [Some(5), None]);
        inner.jobs.retain(|job| job.phase == Phase::Waiting);
        assert_eq!([start(&mut inner, 2), start(&mut inner, 2)], [Some(4), Some(1)]);
        inner.put(wish(6, Urgency::Asked));
        inner.put(wish(7, Urgency::Next));
        assert_eq!([start(&mut inner, 2), start(&mut inner, 2)], [Some(6), None]);
    }

    #[test]
    fn a_study_that_is_asked_for_twice_is_fetched_once() {
        let mut inner = Inner::default();
        inner.put(wish(1, Urgency::Prior));
        inner.put(Wish { open: true, ..wish(1, Urgency::Open) });
        assert_eq!(inner.jobs.len(), 1);
        assert!(inner.jobs[0].urgency == Urgency::Open && inner.jobs[0].reins.open.load(Ordering::Relaxed));
    }
}
