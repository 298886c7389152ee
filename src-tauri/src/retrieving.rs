//! Studies of servers on their way here: a queue that survives a restart, so many at once, each with its progress.
//!
//! What was asked for is noted in the encrypted records until it has ended or a person gave it up; so a retrieval that
//! was cut off goes on at the next start, and what came before is not fetched again. What is fetched ahead stands in
//! the same queue and gives way. Not here: which is next (`queue`), one retrieval (`run`), its place in the
//! cache (`sink`).

mod queue;
mod run;
mod sink;

use crate::desk::{Desk, held};
use crate::dto::{DeskEvent, ImportSummary, Notice, RetrievalRow};
use crate::prefetch;
use crate::problem::{Fault, Problem};
use medsight_base::{InstanceUid, StudyUid};
use medsight_cache::RetrievalJob;
use medsight_link::Arrival;
use medsight_pacs::{Slots, Urgency};
pub(crate) use queue::Wish;
use queue::{Inner, Job, Phase};
use run::Far;
pub(crate) use sink::{missing, received};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often the window hears how far they are.
const TELL_BEAT: Duration = Duration::from_millis(100);

/// What is on its way and what waits.
#[derive(Default)]
pub(crate) struct Retrieving {
    inner: Mutex<Inner>,
}

impl Retrieving {
    /// The cache is open: goes on with what was cut off.
    pub(crate) fn begin(&self, desk: &Arc<Desk>) {
        let jobs = desk.cache().and_then(|cache| cache.interrupted_retrievals().map_err(Problem::from));
        let jobs = jobs.unwrap_or_default();
        if jobs.iter().any(|job| !job.ahead) {
            desk.notify(Notice::RetrievalResumed);
        }
        for RetrievalJob { node, study, about, ahead } in jobs {
            let urgency = if ahead { Urgency::Prior } else { Urgency::Asked };
            held(&self.inner).put(Wish { node, study, about, urgency, open: false });
        }
        self.work(desk);
    }

    /// Puts studies into the queue; they are durable there when this returns.
    pub(crate) fn add(&self, desk: &Arc<Desk>, wishes: Vec<Wish>) -> Result<(), Problem> {
        let cache = desk.cache()?;
        for wish in wishes {
            cache.queue_retrieval(&RetrievalJob {
                node: wish.node.clone(),
                study: wish.study.clone(),
                about: wish.about.clone(),
                ahead: wish.urgency > Urgency::Asked,
            })?;
            held(&self.inner).put(wish);
        }
        self.work(desk);
        Ok(())
    }

    /// Starts what may begin.
    fn work(&self, desk: &Arc<Desk>) {
        loop {
            let nodes = desk.settings().settings.nodes.clone();
            let most = |name: &str| {
                let node = nodes.iter().find(|node| node.name == name);
                node.map_or(1, |node| usize::from(node.parallel_retrievals))
            };
            let mut inner = held(&self.inner);
            let Some(at) = inner.next(most).filter(|_| !inner.ending) else { break };
            let job = &mut inner.jobs[at];
            job.phase = Phase::Running;
            let (id, node) = (job.id, job.node.clone());
            let slots = inner.slots.entry(node.clone()).or_insert_with(|| Slots::new(most(&node))).clone();
            drop(inner);
            slots.set_most(most(&node));
            let worker = Arc::clone(desk);
            let thread = std::thread::Builder::new().name("retrieval".into());
            let begun = thread.spawn(move || worker.retrieving().run(&worker, id, slots));
            if begun.is_err() {
                self.ended(desk, id, Err(Fault::Own.into()));
            }
        }
        self.tell(desk, true);
    }

    fn run(&self, desk: &Arc<Desk>, id: u32, slots: Arc<Slots>) {
        let found = {
            let inner = held(&self.inner);
            let job = inner.jobs.iter().find(|job| job.id == id);
            job.map(|job| (job.node.clone(), job.study.clone(), job.urgency, job.reins.clone()))
        };
        let Some((name, study, urgency, reins)) = found else { return };
        let node = desk.settings().settings.nodes.iter().find(|node| node.name == name).cloned();
        let ended = match node {
            Some(node) => {
                run::run(desk, &run::What { id, node: &node, study: &study, urgency }, slots, &reins)
            }
            None => Err(Fault::NoSuchNode.into()),
        };
        let is_whole = matches!(&ended, Ok(summary) if summary.failed.is_none() && !summary.cancelled);
        self.ended(desk, id, ended);
        // After the end is noted: whoever opens the study from here on opens it as it is.
        desk.light_box().arrived(desk, &study, if is_whole { Arrival::Whole } else { Arrival::CutOff });
        if is_whole {
            desk.model_runs().arrived(desk, &study);
        }
        desk.studies_changed();
        self.work(desk);
    }

    fn ended(&self, desk: &Arc<Desk>, id: u32, ended: Result<ImportSummary, Problem>) {
        let summary =
            ended.unwrap_or_else(|why| ImportSummary { failed: Some(why), ..ImportSummary::default() });
        let found = {
            let inner = held(&self.inner);
            let job = inner.jobs.iter().find(|job| job.id == id);
            // What failed is tried again at the next start, unless the person gives it up or nobody asked for it.
            let is_over = |job: &Job| !inner.ending && (summary.failed.is_none() || job.is_ahead());
            job.map(|job| (job.node.clone(), job.study.clone(), is_over(job)))
        };
        // Before anybody sees the end, so that it is one.
        if let Some((node, study, true)) = &found {
            forget(desk, node, study);
        }
        let mut inner = held(&self.inner);
        if let Some(job) = inner.jobs.iter_mut().find(|job| job.id == id) {
            job.phase = Phase::Ended(summary);
        }
        inner.jobs.retain(|job| job.is_active() || !job.is_ahead());
        drop(inner);
        self.tell(desk, true);
    }

    /// Cuts everything off as the end of the program does: the next start goes on with it.
    pub(crate) fn end(&self) {
        let mut inner = held(&self.inner);
        inner.ending = true;
        inner.jobs.iter().for_each(|job| job.reins.cancel.cancel());
    }

    /// Stops one, or all, at once; what came stays.
    pub(crate) fn cancel(&self, desk: &Arc<Desk>, id: Option<u32>) {
        self.stop(desk, |job| id.is_none_or(|id| job.id == id));
    }

    /// The settings have changed: what is fetched ahead and is not to be any more ends.
    pub(crate) fn settings_changed(&self, desk: &Arc<Desk>) {
        let nodes = desk.settings().settings.nodes.clone();
        self.stop(desk, |job| {
            let node = nodes.iter().find(|node| node.name == job.node);
            job.is_ahead() && !node.is_some_and(|node| prefetch::is_wanted(node, job.urgency))
        });
    }

    /// Another study is opened: what was to be fetched ahead for the one before and has not begun is left.
    pub(crate) fn turn_to_another(&self, desk: &Arc<Desk>) {
        self.stop(desk, |job| job.is_ahead() && job.phase == Phase::Waiting);
    }

    /// Studies were deleted here: nothing more of them comes.
    pub(crate) fn forget(&self, desk: &Arc<Desk>, studies: &[StudyUid]) {
        self.stop(desk, |job| studies.contains(&job.study));
    }

    fn stop(&self, desk: &Arc<Desk>, which: impl Fn(&Job) -> bool) {
        let over: Vec<(u32, String, StudyUid)> = {
            let inner = held(&self.inner);
            let stopped = inner.jobs.iter().filter(|job| job.is_active() && which(job));
            stopped
                .map(|job| {
                    job.reins.cancel.cancel();
                    (job.id, job.node.clone(), job.study.clone())
                })
                .collect()
        };
        for (_, node, study) in &over {
            forget(desk, node, study);
        }
        let mut inner = held(&self.inner);
        let waiting = inner.jobs.iter_mut().filter(|job| job.phase == Phase::Waiting);
        for job in waiting.filter(|job| over.iter().any(|(id, ..)| *id == job.id)) {
            job.phase = Phase::Ended(ImportSummary { cancelled: true, ..ImportSummary::default() });
        }
        inner.jobs.retain(|job| job.is_active() || !job.is_ahead());
        drop(inner);
        self.tell(desk, true);
    }

    /// Tries one that failed or was cancelled again.
    pub(crate) fn again(&self, desk: &Arc<Desk>, id: u32) -> Result<(), Problem> {
        let wish = {
            let inner = held(&self.inner);
            let job = inner.jobs.iter().find(|job| job.id == id && !job.is_active());
            job.map(|job| Wish {
                node: job.node.clone(),
                study: job.study.clone(),
                about: job.about.clone(),
                urgency: Urgency::Asked,
                open: false,
            })
        };
        self.add(desk, wish.into_iter().collect())
    }

    /// Puts away what has ended; what failed is given up.
    pub(crate) fn dismiss(&self, desk: &Arc<Desk>) {
        let (kept, ended): (Vec<Job>, Vec<Job>) =
            std::mem::take(&mut held(&self.inner).jobs).into_iter().partition(Job::is_active);
        held(&self.inner).jobs.extend(kept);
        for job in ended {
            forget(desk, &job.node, &job.study);
        }
        self.tell(desk, true);
    }

    /// Whether more of a study is on its way.
    pub(crate) fn is_arriving(&self, study: &StudyUid) -> bool {
        held(&self.inner).active(study).any(|job| job.phase == Phase::Running)
    }

    /// A study is shown: the rest of it goes before everything else.
    pub(crate) fn opened(&self, desk: &Arc<Desk>, study: &StudyUid) {
        let mut inner = held(&self.inner);
        let mut raised = false;
        for job in inner.active(study) {
            raised |= job.urgency != Urgency::Open;
            job.urgency = Urgency::Open;
            job.reins.plan.raise(Urgency::Open);
        }
        inner.slots.values().for_each(|slots| slots.look_again());
        drop(inner);
        if raised {
            self.work(desk);
        }
    }

    /// A reader looks at this slice: it and its neighbours come first.
    pub(crate) fn focus(&self, study: &StudyUid, instance: &InstanceUid) {
        for job in held(&self.inner).active(study) {
            job.reins.plan.focus(instance.as_str());
        }
    }

    fn beat(&self, desk: &Arc<Desk>, id: u32, far: Far) {
        if self.is_too_much(desk, id) {
            self.stop(desk, |job| job.is_ahead());
        }
        if let Some(job) = held(&self.inner).jobs.iter_mut().find(|job| job.id == id) {
            job.far = far;
        }
        self.tell(desk, false);
    }

    /// What nobody asked for must not fill the cache above its quota.
    fn is_too_much(&self, desk: &Desk, id: u32) -> bool {
        let inner = held(&self.inner);
        let is_ahead = inner.jobs.iter().any(|job| job.id == id && job.is_ahead());
        let coming: u64 =
            inner.jobs.iter().filter(|job| job.phase == Phase::Running).map(|job| job.far.bytes).sum();
        is_ahead && !desk.has_room_for(coming)
    }

    /// All that is on its way, waits, or has ended and was not put away.
    pub(crate) fn rows(&self) -> Vec<RetrievalRow> {
        held(&self.inner).jobs.iter().map(Job::row).collect()
    }

    fn tell(&self, desk: &Desk, at_once: bool) {
        let mut inner = held(&self.inner);
        let now = Instant::now();
        if !at_once && inner.told.is_some_and(|told| now.duration_since(told) < TELL_BEAT) {
            return;
        }
        inner.told = Some(now);
        // In the order of the states: the next cannot overtake this one.
        desk.tell(DeskEvent::Retrievals(inner.jobs.iter().map(Job::row).collect()));
    }
}

/// It is not gone on with at the next start.
fn forget(desk: &Desk, node: &str, study: &StudyUid) {
    // Left in the records it would only be asked for once more.
    if let Ok(cache) = desk.cache() {
        let _again = cache.end_retrieval(node, study);
    }
}
