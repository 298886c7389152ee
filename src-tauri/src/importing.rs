//! Imports, one after another on a thread of their own. Those that wait are noted in the encrypted records as the one
//! that runs is, so what was cut off or had not begun goes on at the next start. Retrievals from servers stand in the
//! same queue and have the same strip and summary; they are not noted, because a server can be asked again.

use crate::desk::{Desk, held};
use crate::dto::{
    ChooseImport, DeskEvent, ImportPaths, ImportProgress, ImportRefusal, ImportState, ImportSummary, Notice,
};
use crate::problem::{Fault, Problem};
use medsight_cache::{Import, Progress, Summary};
use medsight_dicom::DicomHeaders;
use medsight_link::Arrival;
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The worklist is read again this often while an import runs.
const LIST_BEAT: Duration = Duration::from_secs(1);
/// How often the window hears how far an import is: a message a file would cost more than the import.
const PROGRESS_BEAT: Duration = Duration::from_millis(100);

/// What is being imported and what comes after it.
pub(crate) struct Importing {
    inner: Mutex<Inner>,
    cancel: AtomicBool,
}

#[derive(Default)]
struct Inner {
    state: ImportState,
    queue: VecDeque<Vec<PathBuf>>,
    running: bool,
}

impl Importing {
    /// With what the command line asked for; it waits until the cache is open.
    pub(crate) fn new(first: Vec<PathBuf>) -> Self {
        let queue = if first.is_empty() { VecDeque::new() } else { VecDeque::from([first]) };
        Self { inner: Mutex::new(Inner { queue, ..Inner::default() }), cancel: AtomicBool::new(false) }
    }

    pub(crate) fn state(&self) -> ImportState {
        held(&self.inner).state.clone()
    }

    /// The cache is open: goes on with what was cut off, then with what waits.
    pub(crate) fn begin(&self, desk: &Arc<Desk>) {
        let jobs = desk.cache().ok().and_then(|cache| cache.interrupted_imports().ok()).unwrap_or_default();
        let resumed = !jobs.is_empty();
        // What the command line asked for comes after what was asked for before.
        let asked_for = {
            let mut inner = held(&self.inner);
            let asked_for = std::mem::take(&mut inner.queue);
            inner.queue.extend(jobs.into_iter().map(|job| job.paths));
            asked_for
        };
        for paths in asked_for {
            if let Err(problem) = self.add(desk, paths) {
                desk.tell(DeskEvent::Failure(problem));
            }
        }
        if resumed {
            desk.notify(Notice::ImportResumed);
        }
        self.work(desk);
    }

    /// Puts an import at the end of the queue; it is durable when this returns. One that waits already is not put
    /// there twice. Before the cache is open it is only remembered.
    pub(crate) fn add(&self, desk: &Arc<Desk>, paths: Vec<PathBuf>) -> Result<(), Problem> {
        if paths.is_empty() {
            return Ok(());
        }
        // Relative paths mean nothing to the program that resumes.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let paths: Vec<PathBuf> = paths.into_iter().map(absolute).collect();
        if let Ok(cache) = desk.cache() {
            cache.queue_import(&paths)?;
        }
        self.queue(desk, paths);
        Ok(())
    }

    fn queue(&self, desk: &Arc<Desk>, job: Vec<PathBuf>) {
        let mut inner = held(&self.inner);
        if !inner.queue.contains(&job) {
            inner.queue.push_back(job);
        }
        drop(inner);
        self.work(desk);
    }

    /// Starts the thread that imports, when there is work and none runs.
    fn work(&self, desk: &Arc<Desk>) {
        let mut inner = held(&self.inner);
        if inner.running || inner.queue.is_empty() || desk.cache().is_err() {
            return;
        }
        self.cancel.store(false, Ordering::Relaxed);
        // Seen at once: the thread takes a moment, and the summary of the last import is no answer to this one.
        inner.state = ImportState::Running(ImportProgress { counting: true, ..ImportProgress::default() });
        let state = inner.state.clone();
        let worker = Arc::clone(desk);
        let thread = std::thread::Builder::new().name("import".into());
        // Without a thread the queue waits for the next import.
        inner.running = thread.spawn(move || worker.importing().run(&worker)).is_ok();
        drop(inner);
        desk.tell(DeskEvent::Import(state));
    }

    fn run(&self, desk: &Arc<Desk>) {
        let mut total = ImportSummary::default();
        let mut studies = BTreeSet::new();
        loop {
            let next = {
                let mut inner = held(&self.inner);
                let next = inner.queue.pop_front();
                if next.is_none() {
                    inner.running = false;
                    // Cancelled while it still waited: the queue was emptied, and that is said.
                    total.cancelled |= self.cancel.load(Ordering::Relaxed);
                    inner.state = ImportState::Ended(total.clone());
                }
                next
            };
            let (Some(paths), Ok(cache)) = (next, desk.cache()) else { break };
            self.set(
                desk,
                ImportState::Running(ImportProgress { counting: true, ..ImportProgress::default() }),
            );
            let mut beat = Beat::new();
            let summary =
                Import::new(&cache, &DicomHeaders, &desk.who()).run(&paths, &self.cancel, |progress| {
                    beat.tell(desk, || self.progress(progress));
                });
            // What is on the light box grows by what was imported for it.
            for study in &summary.studies {
                desk.light_box().arrived(desk, study, Arrival::Whole);
                desk.model_runs().arrived(desk, study);
            }
            studies.extend(summary.studies.iter().map(ToString::to_string));
            add(&mut total, summary);
            total.studies = studies.len() as u64;
            if total.cancelled || total.failed.is_some() {
                held(&self.inner).queue.clear();
            }
        }
        desk.studies_changed();
        desk.tell(DeskEvent::Import(self.state()));
        // Something may have been added between the last look and the end.
        self.work(desk);
    }

    fn progress(&self, p: &Progress) -> ImportProgress {
        ImportProgress {
            files_done: p.files_done,
            files_total: p.files_total,
            bytes_done: p.bytes_done,
            bytes_total: p.bytes_total,
            bytes_per_second: p.bytes_per_second,
            seconds_left: p.seconds_left,
            counting: p.counting,
            cancelling: self.cancel.load(Ordering::Relaxed),
        }
    }

    fn set(&self, desk: &Desk, state: ImportState) {
        held(&self.inner).state = state.clone();
        desk.tell(DeskEvent::Import(state));
    }
}

/// When the window hears of progress and reads its list again.
struct Beat {
    progress: Instant,
    list: Instant,
}

impl Beat {
    fn new() -> Self {
        Self { progress: Instant::now(), list: Instant::now() + LIST_BEAT }
    }

    /// Tells the window how far it is, when it is time.
    fn tell(&mut self, desk: &Desk, progress: impl FnOnce() -> ImportProgress) {
        let now = Instant::now();
        if now >= self.progress {
            self.progress = now + PROGRESS_BEAT;
            desk.importing().set(desk, ImportState::Running(progress()));
        }
        if now >= self.list {
            self.list = now + LIST_BEAT;
            desk.tell(DeskEvent::WorklistChanged);
        }
    }
}

/// Several in a row have one summary; the studies are counted apart.
fn join(total: &mut ImportSummary, one: ImportSummary) {
    total.imported += one.imported;
    total.already_present += one.already_present;
    total.bytes += one.bytes;
    total.seconds += one.seconds;
    total.cancelled |= one.cancelled;
    total.failed = total.failed.take().or(one.failed);
    total.refused.extend(one.refused);
}

/// An import, as the window reads it.
fn add(total: &mut ImportSummary, one: Summary) {
    let refused = one.rejected.into_iter().map(|refused| {
        let why = Problem::from(&refused);
        ImportRefusal { file: refused.file, why }
    });
    let one = ImportSummary {
        imported: one.instances,
        already_present: one.already_present,
        studies: 0,
        bytes: one.bytes,
        seconds: one.seconds,
        refused: refused.collect(),
        cancelled: one.cancelled,
        failed: one.failed.map(Problem::from),
    };
    join(total, one);
}

/// Asks the person for a folder or files, and imports them.
pub(crate) fn choose(desk: &Arc<Desk>, request: ChooseImport) -> Result<bool, Problem> {
    desk.cache()?;
    let paths = desk.choose(request.folder);
    let chosen = !paths.is_empty();
    desk.importing().add(desk, paths)?;
    Ok(chosen)
}

/// Imports what was named or dropped.
pub(crate) fn import_paths(desk: &Arc<Desk>, request: ImportPaths) -> Result<(), Problem> {
    desk.cache()?;
    let paths: Vec<PathBuf> = request.paths.into_iter().map(|path| from_home(&path)).collect();
    // A folder that does not exist is better said at once than in a summary.
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        return Err(Fault::NothingThere(missing.clone()).into());
    }
    desk.importing().add(desk, paths)
}

/// `~` is the person's own folder, and quotes around a pasted path are no part of it.
fn from_home(path: &str) -> PathBuf {
    let path = path.trim().trim_matches(['"', '\'']);
    let path = path.strip_prefix("file://").unwrap_or(path);
    let home = || std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
    match path.strip_prefix("~/").zip(home()) {
        Some((rest, home)) => PathBuf::from(home).join(rest),
        None => PathBuf::from(path),
    }
}

/// Stops the import that runs and what waits behind it.
pub(crate) fn cancel(desk: &Arc<Desk>) -> Result<(), Problem> {
    let importing = desk.importing();
    importing.cancel.store(true, Ordering::Relaxed);
    held(&importing.inner).queue.clear();
    desk.cache()?.forget_imports()?;
    let mut inner = held(&importing.inner);
    if let ImportState::Running(progress) = &mut inner.state {
        progress.cancelling = true;
        let state = inner.state.clone();
        drop(inner);
        desk.tell(DeskEvent::Import(state));
    }
    Ok(())
}

/// Puts the summary away.
pub(crate) fn dismiss(desk: &Arc<Desk>) -> Result<(), Problem> {
    let importing = desk.importing();
    if matches!(importing.state(), ImportState::Ended(_)) {
        importing.set(desk, ImportState::Idle);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_as_it_is_pasted_is_understood() {
        assert_eq!(from_home(" \"/media/CD ROM\" "), PathBuf::from("/media/CD ROM"));
        assert_eq!(from_home("file:///data/x"), PathBuf::from("/data/x"));
    }
}
