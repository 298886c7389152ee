//! Studies of a server on their way into the encrypted cache: one job of the imports' queue.
//!
//! Each group of objects is durable before the next is taken, so what came stays when the rest does not. Not here:
//! the order and the resuming, which are `medsight-pacs`'.

use crate::desk::{Desk, held, who};
use crate::dto::{ImportProgress, ImportRefusal, ImportSummary};
use crate::importing::{Beat, PROGRESS_BEAT};
use crate::network;
use crate::problem::{Fault, Problem};
use medsight_base::StudyUid;
use medsight_cache::{Cache, Took};
use medsight_dicom::DicomHeaders;
use medsight_pacs::{
    Arrival, CancellationToken, NetError, Patience, Plan, Retrieval, RetrieveReport, Sink, Taken, Urgency,
};
use medsight_record::Refusal;
use medsight_record::node::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A server that goes away in the middle is waited for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Code of what was under way when the person cancelled: it is no refusal to be shown.
const CALLED_OFF: &str = "called_off";

/// What is wanted, and from where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Retrieving {
    pub(crate) node: Node,
    pub(crate) studies: Vec<StudyUid>,
}

/// How far it is.
#[derive(Clone, Debug, Default)]
struct Count {
    files: u64,
    bytes: u64,
    /// Missing when the study was first looked at, by study.
    wanted: BTreeMap<String, BTreeSet<String>>,
    /// Studies that got something new.
    new: BTreeSet<String>,
}

/// The cache of the desk, with a count.
struct CacheSink {
    cache: Arc<Cache>,
    cancel: CancellationToken,
    count: Mutex<Count>,
}

impl Sink for CacheSink {
    fn keep(&self, arrivals: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        let all = |code: &str, why: &str| arrivals.iter().map(|_| Err(Refusal::new(code, why))).collect();
        // What waits to be written is let go, so that Cancel is at once.
        if self.cancel.is_cancelled() {
            return all(CALLED_OFF, "The retrieval was cancelled.");
        }
        let files: Vec<&[u8]> = arrivals.iter().map(|arrival| arrival.file.as_slice()).collect();
        let answers = match self.cache.take_in(&DicomHeaders, &who(), &files) {
            Ok(answers) => answers,
            Err(error) => {
                let code = if error.code() == "cache.disk-full" { "disk_full" } else { "io" };
                return all(code, &error.to_string());
            }
        };
        let mut count = held(&self.count);
        count.files += arrivals.len() as u64;
        count.bytes += files.iter().map(|file| file.len() as u64).sum::<u64>();
        let mut taken = Vec::with_capacity(answers.len());
        for (answer, arrival) in answers.into_iter().zip(arrivals) {
            let answer = answer.map(|took| match took {
                Took::New => Taken::New,
                Took::AlreadyHere => Taken::AlreadyHere,
            });
            if matches!(answer, Ok(Taken::New)) {
                let of = count.wanted.iter().find(|(_, wanted)| wanted.contains(&arrival.name.instance));
                if let Some(study) = of.map(|(study, _)| study.clone()) {
                    count.new.insert(study);
                }
            }
            taken.push(answer);
        }
        taken
    }

    fn missing(&self, study: &str, instances: &[String]) -> Result<Vec<String>, Refusal> {
        let bad = |why: String| Refusal::new("io", why);
        let uid = StudyUid::parse(study).map_err(|why| bad(why.to_string()))?;
        let here = self.cache.instances_here(&uid).map_err(|why| bad(why.to_string()))?;
        let here: BTreeSet<&str> = here.iter().map(|uid| uid.as_str()).collect();
        let missing: Vec<String> =
            instances.iter().filter(|uid| !here.contains(uid.as_str())).cloned().collect();
        let mut count = held(&self.count);
        count.wanted.entry(study.to_owned()).or_insert_with(|| missing.iter().cloned().collect());
        Ok(missing)
    }
}

impl CacheSink {
    fn progress(&self, studies: usize, seconds: f64) -> ImportProgress {
        let count = held(&self.count);
        let total = count.wanted.values().map(|wanted| wanted.len() as u64).sum::<u64>();
        let counting = count.wanted.len() < studies;
        let left = total.saturating_sub(count.files) as f64 * seconds / count.files.max(1) as f64;
        ImportProgress {
            files_done: count.files,
            files_total: total.max(count.files),
            bytes_done: count.bytes,
            // No server says how many bytes there will be.
            bytes_total: 0,
            bytes_per_second: if seconds > 0.0 { count.bytes as f64 / seconds } else { 0.0 },
            seconds_left: (!counting && count.files > 0 && seconds > 2.0).then_some(left),
            counting,
            cancelling: self.cancel.is_cancelled(),
        }
    }
}

/// Brings the studies here and answers with those that got something new, and the summary.
pub(crate) fn run(
    desk: &Arc<Desk>,
    cache: &Arc<Cache>,
    job: &Retrieving,
    cancel: &CancellationToken,
) -> (BTreeSet<String>, ImportSummary) {
    let remote = match network::remote(&job.node) {
        Ok(remote) => remote,
        Err(why) => {
            return (BTreeSet::new(), ImportSummary { failed: Some(why.into()), ..Default::default() });
        }
    };
    let sink =
        Arc::new(CacheSink { cache: Arc::clone(cache), cancel: cancel.clone(), count: Mutex::default() });
    let urgency = |at: usize| if at == 0 { Urgency::Open } else { Urgency::Next };
    let studies = job.studies.iter().enumerate().map(|(at, uid)| (uid.to_string(), urgency(at))).collect();
    let parallel = usize::from(job.node.parallel_retrievals);
    let retrieval = Retrieval { remote, studies, parallel, patience: Patience { retry_for: PATIENCE } };
    let begun = Instant::now();
    let report = tauri::async_runtime::block_on(async {
        let plan = Arc::new(Plan::new());
        let work = retrieval.run(&plan, sink.clone(), cancel, |_| {});
        tokio::pin!(work);
        let mut beat = Beat::new();
        let mut tick = tokio::time::interval(PROGRESS_BEAT);
        loop {
            tokio::select! {
                report = &mut work => break report,
                _ = tick.tick() => {
                    beat.tell(desk, || sink.progress(job.studies.len(), begun.elapsed().as_secs_f64()));
                }
            }
        }
    });
    let new = std::mem::take(&mut held(&sink.count).new);
    (new, summary(report))
}

fn summary(report: RetrieveReport) -> ImportSummary {
    let cancelled = matches!(report.error, Some(NetError::Cancelled));
    let refused = report.kept.refused.iter().filter(|(_, why)| why.code != CALLED_OFF);
    let refused: Vec<ImportRefusal> =
        refused.map(|(uid, why)| ImportRefusal { file: uid.clone(), why: Problem::from(why) }).collect();
    let failed = match &report.error {
        _ if cancelled => None,
        Some(why) => Some(Problem::from(why)),
        None if report.listed == 0 => Some(Fault::NothingListed.into()),
        // What was refused is told file by file.
        None if report.missing.len() > refused.len() => {
            Some(Fault::NotAllCame { missing: report.missing.len(), listed: report.listed }.into())
        }
        None => None,
    };
    ImportSummary {
        imported: report.kept.new,
        already_present: report.here_before + report.kept.already_here,
        studies: 0,
        bytes: report.kept.bytes,
        seconds: report.seconds,
        refused,
        cancelled,
        failed,
    }
}
