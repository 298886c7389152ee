//! `import PATH…`: files, folders, zip archives and DICOMDIRs into the encrypted cache.

use super::store::{Store, exit_of, fail, who};
use crate::output::{Exit, Output};
use medsight_cache::{Import, Progress, Rejected, Summary};
use medsight_dicom::DicomHeaders;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Take files, folders, zip archives and DICOMDIRs into the encrypted cache.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to import.
    #[arg(value_name = "PATH", required_unless_present = "resume")]
    paths: Vec<PathBuf>,
    /// Finish the imports that were interrupted.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    store: Store,
}

#[derive(Serialize)]
struct Document {
    instances: u64,
    bytes: u64,
    studies: usize,
    already_present: u64,
    rejected: Vec<Rejected>,
    seconds: f64,
    mb_per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

#[derive(Serialize)]
struct Failure {
    code: String,
    reason: String,
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    let cache = match args.store.open_or_create() {
        Ok(cache) => cache,
        Err(error) => return fail(&error, out),
    };
    let mut wanted: Vec<Vec<PathBuf>> = Vec::new();
    if args.resume {
        match cache.interrupted_imports() {
            Ok(jobs) => wanted.extend(jobs.into_iter().map(|job| job.paths)),
            Err(error) => return fail(&error, out),
        }
    }
    if !args.paths.is_empty() {
        wanted.push(args.paths.clone());
    }
    let mut all = Summary::default();
    for paths in wanted {
        let who = who();
        let import = Import::new(&cache, &DicomHeaders, &who);
        let summary = import.run(&paths, &AtomicBool::new(false), |progress| show(progress, out));
        out.progress("", 0, 0);
        all.instances += summary.instances;
        all.bytes += summary.bytes;
        all.already_present += summary.already_present;
        all.seconds += summary.seconds;
        all.studies.extend(summary.studies);
        all.rejected.extend(summary.rejected);
        if summary.failed.is_some() {
            all.failed = summary.failed;
            break;
        }
    }
    let missing = args.paths.iter().filter(|path| !path.exists()).count();
    let exit = match &all.failed {
        Some(error) => exit_of(error),
        // Nothing of what was asked for is there.
        None if missing > 0 && missing == args.paths.len() => Exit::NotFound,
        None if all.rejected.is_empty() => Exit::Done,
        None => Exit::Partly,
    };
    let error = all.failed.map(|e| Failure { code: e.code().to_owned(), reason: e.to_string() });
    let document = Document {
        instances: all.instances,
        bytes: all.bytes,
        studies: all.studies.len(),
        already_present: all.already_present,
        rejected: all.rejected,
        seconds: all.seconds,
        mb_per_s: if all.seconds > 0.0 { all.bytes as f64 / 1e6 / all.seconds } else { 0.0 },
        error,
    };
    out.document(&document, text);
    exit
}

fn show(progress: &Progress, out: &Output) {
    let speed = progress.bytes_per_second / 1e6;
    let left = progress.seconds_left.map(|s| format!(", {s:.0} s left")).unwrap_or_default();
    let what = format!("Importing {speed:.0} MB/s{left}");
    out.progress(&what, progress.files_done as usize, progress.files_total as usize);
}

fn text(document: &Document) -> String {
    let mut lines = vec![format!(
        "Imported {} files ({:.1} MB) of {} studies in {:.1} s, {:.0} MB/s; {} were here before; {} refused.",
        document.instances,
        document.bytes as f64 / 1e6,
        document.studies,
        document.seconds,
        document.mb_per_s,
        document.already_present,
        document.rejected.len()
    )];
    lines.extend(document.rejected.iter().map(|r| format!("REFUSED {}: {}", r.file, r.reason)));
    lines.extend(document.error.iter().map(|e| format!("NOT FINISHED: {}", e.reason)));
    lines.join("\n")
}
