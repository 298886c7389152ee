//! Taking files in: folders, files, zip archives and DICOMDIRs, into encrypted files and records.
//!
//! One thread lists what there is; two or more read, check and encrypt; the calling thread commits in batches:
//! the files of a batch are brought to the disk, then one transaction names them. Killed at any moment, the
//! records know only complete files, and the same import can be begun again: what is there is passed over.
//! Not here: what a DICOM header says, which is the business of the [`HeaderReader`].

mod apart;
mod commit;
mod jobs;
mod meter;
mod received;
pub(crate) mod replay;
mod sources;
mod worker;
mod zipped;

use crate::{Cache, CacheError, cache::now, tables};
pub use apart::{Listed, each_in_archive, is_archive, listed_by};
use commit::Batch;
use medsight_base::{StudyUid, Timestamp};
use medsight_record::{HeaderReader, Refusal};
use meter::Meter;
pub use received::{Received, Took};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use worker::{Outcome, Worker};

/// How often progress is told.
const BEAT: Duration = Duration::from_millis(100);

/// An import that was asked for and did not end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportJob {
    /// Its number.
    pub id: i64,
    /// What was to be imported.
    pub paths: Vec<PathBuf>,
    /// When it was asked for.
    pub started_at: Timestamp,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Progress {
    /// Files done.
    pub files_done: u64,
    /// Files found so far.
    pub files_total: u64,
    /// Bytes done.
    pub bytes_done: u64,
    /// Bytes found so far.
    pub bytes_total: u64,
    /// Bytes a second, over the last seconds.
    pub bytes_per_second: f64,
    /// Seconds left; `None` while it can't be told.
    pub seconds_left: Option<f64>,
    /// Still looking for files: totals grow.
    pub counting: bool,
}

/// A file that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// The file as it was named or found. For the person only: it may tell a patient's name.
    pub file: String,
    /// Stable word.
    pub code: String,
    /// What is wrong and what to do.
    pub reason: String,
}

/// How an import ended.
#[derive(Debug, Default)]
pub struct Summary {
    /// Files taken.
    pub instances: u64,
    /// Bytes taken.
    pub bytes: u64,
    /// Studies that got something new.
    pub studies: BTreeSet<StudyUid>,
    /// Files that were here before, byte for byte.
    pub already_present: u64,
    /// Files not taken, each with its reason.
    pub rejected: Vec<Rejected>,
    /// How long it took.
    pub seconds: f64,
    /// It was cancelled; what was taken stays.
    pub cancelled: bool,
    /// It could not go on: why, and what to do. What was taken stays, and the import can be resumed.
    pub failed: Option<CacheError>,
}

/// An import into one cache.
pub struct Import<'a> {
    cache: &'a Cache,
    headers: &'a dyn HeaderReader,
    who: &'a str,
}

impl<'a> Import<'a> {
    /// An import in the name of `who`.
    pub fn new(cache: &'a Cache, headers: &'a dyn HeaderReader, who: &'a str) -> Self {
        Self { cache, headers, who }
    }

    /// Takes in everything under `paths`. Blocks until done; `cancel` may be set from another thread.
    /// `progress` is called on this thread about ten times a second.
    #[must_use]
    pub fn run(
        &self,
        paths: &[PathBuf],
        cancel: &AtomicBool,
        mut progress: impl FnMut(&Progress),
    ) -> Summary {
        let begun = Instant::now();
        let mut summary = Summary::default();
        // Relative paths mean nothing to the program that resumes.
        let paths: Vec<PathBuf> =
            paths.iter().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())).collect();
        // Not for this import to fail at: what cannot be removed now takes room and does no harm.
        let _stays = self.cache.clear_left_over();
        let _writing = self.cache.gate.write_files();
        let done = self.cache.write(|t| Ok(tables::import_jobs::begin(t, &paths, now())?)).and_then(|job| {
            self.take_in(&paths, cancel, &mut progress, &mut summary)?;
            self.cache.write(|t| Ok(tables::import_jobs::end(t, job, now())?))
        });
        summary.failed = done.err();
        summary.seconds = begun.elapsed().as_secs_f64();
        summary
    }

    fn take_in(
        &self,
        paths: &[PathBuf],
        cancel: &AtomicBool,
        progress: &mut dyn FnMut(&Progress),
        summary: &mut Summary,
    ) -> Result<(), CacheError> {
        let meter = Meter::default();
        // Set by a failure too, so that the other threads end.
        let stop = AtomicBool::new(false);
        let stopped = || cancel.load(Ordering::Relaxed) || stop.load(Ordering::Relaxed);
        let (found, to_do) = mpsc::channel();
        let to_do = Mutex::new(to_do);
        let (tell, told) = mpsc::sync_channel::<Outcome>(256);
        let worker = Worker::new(self.cache, self.headers);
        let threads = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8));
        std::thread::scope(|scope| {
            let lister_tell = tell.clone();
            let (meter, stopped, worker, to_do) = (&meter, &stopped, &worker, &to_do);
            scope.spawn(move || {
                sources::list(paths, self.headers, meter, &found, &lister_tell, stopped);
                meter.listed();
            });
            for _ in 0..threads {
                let tell = tell.clone();
                scope.spawn(move || {
                    let mut archive = None;
                    while !stopped() {
                        let next = to_do.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok(item) = next else { break };
                        if tell.send(worker.process(&item, &mut archive)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(tell);
            let committed = self.commit_all(&told, meter, progress, summary);
            if committed.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            // Threads that wait to tell something must not wait for ever; what they wrote is of no use now.
            for outcome in told {
                if let Outcome::Stored(prepared) = outcome {
                    self.cache.discard(&[prepared.blob]);
                }
            }
            committed
        })?;
        summary.cancelled = cancel.load(Ordering::Relaxed);
        Ok(())
    }

    fn commit_all(
        &self,
        told: &mpsc::Receiver<Outcome>,
        meter: &Meter,
        progress: &mut dyn FnMut(&Progress),
        summary: &mut Summary,
    ) -> Result<(), CacheError> {
        let mut batch = Batch::default();
        let mut next_beat = Instant::now();
        loop {
            match told.recv_timeout(BEAT) {
                Ok(Outcome::Stored(prepared)) => {
                    meter.done(prepared.bytes);
                    batch.add(*prepared);
                }
                Ok(Outcome::Present { bytes }) => {
                    meter.done(bytes);
                    summary.already_present += 1;
                }
                Ok(Outcome::Rejected { file, refusal, bytes }) => {
                    meter.done(bytes);
                    summary.rejected.push(rejected(file, refusal));
                }
                Ok(Outcome::Failed(error)) => {
                    // What was encrypted before the failure is good; keep it if that is still possible.
                    let _ = batch.commit(self.cache, self.who, summary);
                    return Err(error);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    batch.commit(self.cache, self.who, summary)?;
                    progress(&meter.progress());
                    return Ok(());
                }
            }
            if batch.is_due() {
                batch.commit(self.cache, self.who, summary)?;
            }
            if Instant::now() >= next_beat {
                next_beat = Instant::now() + BEAT;
                progress(&meter.progress());
            }
        }
    }
}

fn rejected(file: String, refusal: Refusal) -> Rejected {
    Rejected { file, code: refusal.code, reason: refusal.reason }
}
