//! The cache of the desk as what a retrieval fills, with a count of what came.

use crate::desk::held;
use medsight_base::StudyUid;
use medsight_cache::{Cache, Took};
use medsight_dicom::DicomHeaders;
use medsight_pacs::{Arrival, CancellationToken, Sink, Taken};
use medsight_record::Refusal;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// Code of what was under way when the person cancelled: it is no refusal to be shown.
pub(super) const CALLED_OFF: &str = "called_off";

/// How far a retrieval is.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Objects that were not here before.
    pub(super) new: u64,
    /// Missing when they were first looked for.
    pub(super) wanted: BTreeSet<String>,
    /// All that the server has of the study.
    pub(super) listed: BTreeSet<String>,
}

pub(super) struct CacheSink {
    pub(super) cache: Arc<Cache>,
    /// Who asked for it.
    pub(super) who: String,
    pub(super) cancel: CancellationToken,
    pub(super) count: Mutex<Count>,
    /// Something came.
    pub(super) changed: Notify,
}

impl CacheSink {
    pub(super) fn new(cache: Arc<Cache>, who: String, cancel: CancellationToken) -> Self {
        Self { cache, who, cancel, count: Mutex::default(), changed: Notify::new() }
    }
}

impl Sink for CacheSink {
    fn keep(&self, arrivals: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        let all = |code: &str, why: &str| arrivals.iter().map(|_| Err(Refusal::new(code, why))).collect();
        // What waits to be written is let go, so that Cancel is at once.
        if self.cancel.is_cancelled() {
            return all(CALLED_OFF, "The retrieval was cancelled.");
        }
        let answers = match received(&self.cache, &self.who, arrivals) {
            Ok((answers, _)) => answers,
            Err(why) => return all(&why.code, &why.reason),
        };
        let mut count = held(&self.count);
        count.files += arrivals.len() as u64;
        count.bytes += arrivals.iter().map(|arrival| arrival.file.len() as u64).sum::<u64>();
        count.new += answers.iter().filter(|answer| matches!(answer, Ok(Taken::New))).count() as u64;
        drop(count);
        self.changed.notify_one();
        answers
    }

    fn missing(&self, study: &str, instances: &[String]) -> Result<Vec<String>, Refusal> {
        let missing = missing(&self.cache, study, instances)?;
        let mut count = held(&self.count);
        count.wanted.extend(missing.iter().cloned());
        count.listed.extend(instances.iter().cloned());
        drop(count);
        Ok(missing)
    }
}

/// One answer an object, and the studies that got something new.
type Kept = (Vec<Result<Taken, Refusal>>, BTreeSet<StudyUid>);

/// Puts a group of objects into the cache, in the name of `who`.
pub(crate) fn received(cache: &Cache, who: &str, arrivals: &[Arrival]) -> Result<Kept, Refusal> {
    let files: Vec<&[u8]> = arrivals.iter().map(|arrival| arrival.file.as_slice()).collect();
    let received = cache.take_in(&DicomHeaders, who, &files).map_err(|error| {
        let code = if error.code() == "cache.disk-full" { "disk_full" } else { "io" };
        Refusal::new(code, error.to_string())
    })?;
    let taken = |took| match took {
        Took::New => Taken::New,
        Took::AlreadyHere => Taken::AlreadyHere,
    };
    let answers = received.answers.into_iter().map(|answer| answer.map(taken)).collect();
    Ok((answers, received.studies))
}

/// Which of these instances are not in the cache.
pub(crate) fn missing(cache: &Cache, study: &str, instances: &[String]) -> Result<Vec<String>, Refusal> {
    let bad = |why: String| Refusal::new("io", why);
    let uid = StudyUid::parse(study).map_err(|why| bad(why.to_string()))?;
    let here = cache.instances_here(&uid).map_err(|why| bad(why.to_string()))?;
    let here: BTreeSet<&str> = here.iter().map(|uid| uid.as_str()).collect();
    Ok(instances.iter().filter(|uid| !here.contains(uid.as_str())).cloned().collect())
}
