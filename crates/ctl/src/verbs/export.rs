//! `export STUDY --out DIR`: the files of a study, byte for byte as they came in.

use super::store::{Store, fail, now, who};
use crate::output::{Exit, Output};
use medsight_base::StudyUid;
use medsight_cache::{CacheError, ExportReport};
use std::path::PathBuf;

/// Copy a study out of the cache, byte for byte as it came in.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Study Instance UID.
    #[arg(value_parser = study)]
    study: StudyUid,
    /// Folder to write to. Files that exist are not overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Not available in this version.
    #[arg(long, value_name = "PROFILE")]
    deidentify: Option<String>,
    #[command(flatten)]
    store: Store,
}

fn study(text: &str) -> Result<StudyUid, String> {
    StudyUid::parse(text).map_err(|error| error.to_string())
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    // Never silently without: somebody relies on the names being gone.
    if args.deidentify.is_some() {
        out.note("De-identified export is not available in this version. Nothing was written.");
        return Exit::Usage;
    }
    match export(args, out) {
        Ok(report) => {
            out.document(&report, |r| {
                format!("Exported {} files ({:.1} MB).", r.files, r.bytes as f64 / 1e6)
            });
            Exit::Done
        }
        Err(error) => fail(&error, out),
    }
}

fn export(args: &Args, out: &Output) -> Result<ExportReport, CacheError> {
    let cache = args.store.open_for_reading()?;
    let report = cache.export(&args.study, &args.out, &who(), now(), |done, all| {
        out.progress("Exporting", done as usize, all as usize);
    });
    out.progress("", 0, 0);
    report
}
