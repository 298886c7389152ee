//! Whole studies, instance by instance: what is missing, in the order of the [`Plan`], as often as it takes.
//!
//! The peer is asked what it has; what the sink has already is not fetched. When the peer goes away in the middle,
//! the same question is asked again: so nothing is lost and nothing comes twice, whether the peer, the line or this
//! program was interrupted.

use crate::moving::Mover;
use crate::plan::{Plan, Urgency};
use crate::sink::{Keeper, Kept, Sink};
use crate::slots::Slots;
use crate::store::{Patience, paused};
use crate::web::WebClient;
use crate::worker::Worker;
use crate::{NetError, list};
use medsight_record::node::Dimse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Where studies come from.
#[derive(Clone)]
pub enum Remote {
    /// By C-FIND and C-GET.
    Dimse(Dimse),
    /// By C-FIND and C-MOVE to a listener of ours.
    Move(Mover),
    /// By QIDO-RS and WADO-RS.
    Web(WebClient),
}

/// How it ended.
#[derive(Debug, Default)]
pub struct RetrieveReport {
    /// Instances that the peer has.
    pub listed: u64,
    /// Of these, already here before.
    pub here_before: u64,
    /// What came.
    pub kept: Kept,
    /// Instances that the peer has but that are still not here.
    pub missing: Vec<String>,
    /// Passes after the peer had gone away.
    pub resumed: u32,
    /// From the start until the first instance was here, in milliseconds.
    pub first_ms: Option<f64>,
    /// Until the end.
    pub seconds: f64,
    /// Why it ended early.
    pub error: Option<NetError>,
}

/// What a retrieval is told.
#[derive(Clone)]
pub struct Retrieval {
    /// From where.
    pub remote: Remote,
    /// Studies, each with why it is wanted.
    pub studies: Vec<(String, Urgency)>,
    /// Requests at once, shared by all retrievals from the peer; the node's setting, 5 unless it says otherwise.
    pub slots: Arc<Slots>,
    /// How long to try again.
    pub patience: Patience,
}

impl Retrieval {
    /// Fetches all that is missing. `plan` may be told at any time what is on the screen; `progress` gets the number
    /// of instances that came.
    pub async fn run(
        &self,
        plan: &Arc<Plan>,
        sink: Arc<dyn Sink>,
        cancel: &CancellationToken,
        progress: impl Fn(u64) + Send + Sync + 'static,
    ) -> RetrieveReport {
        let begun = Instant::now();
        let mut report = RetrieveReport::default();
        let came = Arc::new(Came::new(progress));
        let (mut last_progress, mut pause) = (Instant::now(), Duration::from_millis(250));
        loop {
            let before = report.kept.new + report.kept.already_here;
            let mut pass = Pass { listed: 0, here: 0, missing: Vec::new(), kept: Kept::default() };
            let ended = self.pass(plan, &sink, cancel, &came, &mut pass).await;
            // A listing that broke off is not the whole; and what came in an earlier pass was not here before.
            if pass.listed > report.listed {
                (report.listed, report.here_before) = (pass.listed, pass.here.saturating_sub(before));
            }
            report.kept.add(pass.kept);
            report.missing = pass.missing;
            if report.kept.new + report.kept.already_here > before {
                (last_progress, pause) = (Instant::now(), Duration::from_millis(250));
            }
            let Err(error) = ended else { break };
            let again = error.is_passing() && last_progress.elapsed() + pause < self.patience.retry_for;
            if !again || !paused(pause, cancel).await {
                report.error = Some(if cancel.is_cancelled() { NetError::Cancelled } else { error });
                break;
            }
            report.resumed += 1;
            pause = (pause * 2).min(Duration::from_secs(8));
        }
        let first_us = came.first_us.load(Ordering::Relaxed);
        report.first_ms = (first_us > 0).then(|| first_us as f64 / 1e3);
        report.seconds = begun.elapsed().as_secs_f64();
        report
    }

    /// Asks, fetches, and looks what is still missing.
    async fn pass(
        &self,
        plan: &Arc<Plan>,
        sink: &Arc<dyn Sink>,
        cancel: &CancellationToken,
        came: &Arc<Came>,
        pass: &mut Pass,
    ) -> Result<(), NetError> {
        plan.set_closed(false);
        let (keeper, tally) = Keeper::start(sink.clone());
        // A worker that fails ends the others: what they would fetch is asked for again.
        let stop = cancel.child_token();
        let mut workers = JoinSet::new();
        for _ in 0..self.slots.most() {
            let worker = Worker {
                remote: self.remote.clone(),
                plan: plan.clone(),
                slots: self.slots.clone(),
                keeper: keeper.clone(),
                stop: stop.clone(),
                came: came.clone(),
            };
            workers.spawn(worker.run());
        }
        drop(keeper);
        let mut ended = Ok(());
        let mut wanted: Vec<(String, Vec<String>)> = Vec::new();
        for (study, urgency) in &self.studies {
            ended = self.list(study, *urgency, plan, sink, &stop, pass, &mut wanted).await;
            if ended.is_err() {
                break;
            }
        }
        plan.set_closed_if(ended.is_ok(), &stop);
        while let Some(worker) = workers.join_next().await {
            let worker = worker.unwrap_or_else(|_| Err(NetError::malformed("a worker that ended early")));
            // The first failure is the reason; the others were stopped by it.
            if let Err(error) = worker {
                stop.cancel();
                if matches!(ended, Ok(()) | Err(NetError::Cancelled)) {
                    ended = Err(error);
                }
            }
        }
        pass.kept = tally.await.unwrap_or_default();
        for (study, instances) in wanted {
            pass.missing.extend(missing_of(sink, &study, instances).await?);
        }
        ended
    }

    /// Asks what a study has, series by series, and plans what is missing of it.
    #[allow(clippy::too_many_arguments, reason = "what a pass is made of")]
    async fn list(
        &self,
        study: &str,
        urgency: Urgency,
        plan: &Arc<Plan>,
        sink: &Arc<dyn Sink>,
        stop: &CancellationToken,
        pass: &mut Pass,
        wanted: &mut Vec<(String, Vec<String>)>,
    ) -> Result<(), NetError> {
        let slot = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(NetError::Cancelled),
            slot = self.slots.acquire(|| plan.urgency(urgency)) => slot,
        };
        for (at, series) in list::series(&self.remote, study, stop).await?.into_iter().enumerate() {
            let items = list::instances(&self.remote, study, &series, stop).await?;
            let all: Vec<String> = items.iter().map(|item| item.instance.clone()).collect();
            let missing = missing_of(sink, study, all).await?;
            pass.listed += items.len() as u64;
            pass.here += (items.len() - missing.len()) as u64;
            plan.note(&items);
            if at == 0 {
                let mut numbers: Vec<_> = items.iter().map(|item| (item.number, &item.instance)).collect();
                numbers.sort();
                if let Some((_, middle)) = numbers.get(numbers.len() / 2) {
                    plan.begin_at(middle);
                }
            }
            plan.add(urgency, items.into_iter().filter(|item| missing.contains(&item.instance)));
            wanted.push((study.to_owned(), missing.into_iter().collect()));
        }
        drop(slot);
        Ok(())
    }
}

impl Plan {
    /// The workers end when the plan is empty; at once when listing has failed.
    fn set_closed_if(&self, listed: bool, stop: &CancellationToken) {
        if !listed {
            stop.cancel();
        }
        self.set_closed(true);
    }
}

struct Pass {
    listed: u64,
    here: u64,
    missing: Vec<String>,
    kept: Kept,
}

/// What came so far, over all passes.
pub(crate) struct Came {
    begun: Instant,
    count: AtomicU64,
    first_us: AtomicU64,
    tell: Box<dyn Fn(u64) + Send + Sync>,
}

impl Came {
    /// Nothing yet; `tell` gets the number of all that came.
    pub(crate) fn new(tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        let (count, first_us) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { begun: Instant::now(), count, first_us, tell: Box::new(tell) }
    }

    pub(crate) fn add(&self, count: u64) {
        let all = self.count.fetch_add(count, Ordering::Relaxed) + count;
        let took = (self.begun.elapsed().as_micros() as u64).max(1);
        let _later = self.first_us.compare_exchange(0, took, Ordering::Relaxed, Ordering::Relaxed);
        (self.tell)(all);
    }
}

async fn missing_of(
    sink: &Arc<dyn Sink>,
    study: &str,
    instances: Vec<String>,
) -> Result<BTreeSet<String>, NetError> {
    let (sink, study) = (sink.clone(), study.to_owned());
    let looked = tokio::task::spawn_blocking(move || sink.missing(&study, &instances));
    let io = |why| NetError::Io { what: "looking what is here already", source: std::io::Error::other(why) };
    Ok(looked.await.map_err(io)??.into_iter().collect())
}
