//! Whole studies, instance by instance: what is missing, in the order of the [`Plan`], as often as it takes.
//!
//! The peer is asked what it has; what the sink has already is not fetched. When the peer goes away in the middle,
//! the same question is asked again: so nothing is lost and nothing comes twice, whether the peer, the line or this
//! program was interrupted.

use crate::fetch::GetSession;
use crate::find::{Level, Query, find};
use crate::keys::Keys;
use crate::plan::{Item, Plan, Urgency};
use crate::sink::{Keeper, Kept, Sink};
use crate::store::{Patience, paused};
use crate::web::{WebClient, WebQuery};
use crate::{NetError, Wanted};
use dicom_dictionary_std::tags;
use medsight_record::node::Dimse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Instances of one C-GET: few at first, so that the reader's slice is not behind others.
const FIRST_BATCH: usize = 4;
const LARGEST_BATCH: usize = 64;

/// Where studies come from.
#[derive(Clone)]
pub enum Remote {
    /// By C-FIND and C-GET.
    Dimse(Dimse),
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
    /// Requests at once; the node's setting, 5 unless it says otherwise.
    pub parallel: usize,
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
        let came = Arc::new(Came {
            begun,
            count: AtomicU64::new(0),
            first_us: AtomicU64::new(0),
            tell: Box::new(progress),
        });
        let (mut last_progress, mut pause) = (Instant::now(), Duration::from_millis(250));
        loop {
            let before = report.kept.new + report.kept.already_here;
            let mut pass = Pass { listed: 0, here: 0, missing: Vec::new(), kept: Kept::default() };
            let ended = self.pass(plan, &sink, cancel, &came, &mut pass).await;
            if report.listed == 0 {
                (report.listed, report.here_before) = (pass.listed, pass.here);
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
        for _ in 0..self.parallel.max(1) {
            let worker = Worker {
                remote: self.remote.clone(),
                plan: plan.clone(),
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
            let items = match list(&self.remote, study, &stop).await {
                Ok(items) => items,
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            };
            let all: Vec<String> = items.iter().map(|item| item.instance.clone()).collect();
            let missing = missing_of(sink, study, all).await?;
            pass.listed += items.len() as u64;
            pass.here += (items.len() - missing.len()) as u64;
            plan.add(*urgency, items.into_iter().filter(|item| missing.contains(&item.instance)));
            wanted.push((study.clone(), missing.into_iter().collect()));
        }
        plan.set_closed_if(ended.is_ok(), &stop);
        while let Some(worker) = workers.join_next().await {
            let worker = worker.unwrap_or_else(|_| Err(NetError::malformed("a worker that ended early")));
            // The first failure is the reason; the others were stopped by it.
            if let (Err(error), true) = (worker, ended.is_ok()) {
                stop.cancel();
                ended = Err(error);
            }
        }
        pass.kept = tally.await.unwrap_or_default();
        for (study, instances) in wanted {
            pass.missing.extend(missing_of(sink, &study, instances).await?);
        }
        ended
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
struct Came {
    begun: Instant,
    count: AtomicU64,
    first_us: AtomicU64,
    tell: Box<dyn Fn(u64) + Send + Sync>,
}

impl Came {
    fn add(&self, count: u64) {
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

/// What the peer has of a study.
async fn list(remote: &Remote, study: &str, cancel: &CancellationToken) -> Result<Vec<Item>, NetError> {
    match remote {
        Remote::Web(client) => {
            let keys = Keys::new().ask(Level::Image.usual_keys());
            let study_uid = Some(study.to_owned());
            let query =
                WebQuery { level: Level::Image, study: study_uid, series: None, keys, limit: usize::MAX };
            let (rows, _) = client.search(&query, cancel).await?;
            Ok(rows.iter().filter_map(|row| Item::of(row, study, "")).collect())
        }
        Remote::Dimse(node) => {
            let mut series = Vec::new();
            let of_study = Keys::new().matching(tags::STUDY_INSTANCE_UID, study);
            find(node, &Query::new(Level::Series, of_study.clone()), cancel, |row| {
                series.push(row.text(tags::SERIES_INSTANCE_UID));
                true
            })
            .await?;
            let mut items = Vec::new();
            for one in series {
                let keys = of_study.clone().matching(tags::SERIES_INSTANCE_UID, &one);
                find(node, &Query::new(Level::Image, keys), cancel, |row| {
                    items.extend(Item::of(&row, study, &one));
                    true
                })
                .await?;
            }
            Ok(items)
        }
    }
}

/// One of the requests at once.
struct Worker {
    remote: Remote,
    plan: Arc<Plan>,
    keeper: Keeper,
    stop: CancellationToken,
    came: Arc<Came>,
}

impl Worker {
    async fn run(self) -> Result<(), NetError> {
        match self.remote.clone() {
            Remote::Web(client) => self.over_web(&client).await,
            Remote::Dimse(node) => self.over_dimse(&node).await,
        }
    }

    async fn next(&self, most: usize) -> Result<Vec<Item>, NetError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(NetError::Cancelled),
            items = self.plan.take(most) => Ok(items),
        }
    }

    async fn over_web(&self, client: &WebClient) -> Result<(), NetError> {
        loop {
            let Some(item) = self.next(1).await?.pop() else { return Ok(()) };
            let wanted =
                Wanted { study: item.study, series: Some(item.series), instances: vec![item.instance] };
            match client.instances(&wanted, &self.keeper, &self.stop).await {
                Ok(count) => self.came.add(count),
                // Gone there since it was listed: it stays missing, and the others come.
                Err(NetError::Http { status: 404 | 410, .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn over_dimse(&self, node: &Dimse) -> Result<(), NetError> {
        let mut session: Option<(GetSession, BTreeSet<String>)> = None;
        let mut most = FIRST_BATCH;
        loop {
            let items = self.next(most).await?;
            let Some(first) = items.first() else { break };
            most = (most * 2).min(LARGEST_BATCH);
            let classes: BTreeSet<String> =
                items.iter().map(|item| item.sop_class.clone()).filter(|class| !class.is_empty()).collect();
            // An association knows only the classes that it was made for.
            if !matches!(&session, Some((_, known)) if classes.is_subset(known)) {
                if let Some((old, _)) = session.take() {
                    old.release().await;
                }
                let offered: Vec<String> = classes.iter().cloned().collect();
                session = Some((GetSession::open(node, &offered, &self.stop).await?, classes));
            }
            let Some((mut open, known)) = session.take() else { continue };
            let wanted = Wanted {
                study: first.study.clone(),
                series: Some(first.series.clone()),
                instances: items.iter().map(|item| item.instance.clone()).collect(),
            };
            open.get(&wanted, &self.keeper, |came| self.came.add(came)).await?;
            session = Some((open, known));
        }
        if let Some((open, _)) = session {
            open.release().await;
        }
        Ok(())
    }
}
