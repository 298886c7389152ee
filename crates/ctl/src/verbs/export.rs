//! `export STUDY --out DIR [--deidentify PROFILE]`: the files of a study, byte for byte as they came in, or without who
//! they are about.

use super::store::{Store, fail, now, who};
use crate::output::{Exit, Output};
use medsight_base::StudyUid;
use medsight_cache::{CacheError, ExportReport, RefusedFile};
use medsight_codec::decode_frame;
use medsight_dicom::{Object, Profile, Pseudonyms, deidentify};
use medsight_record::Refusal;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

/// Copy a study out of the cache, byte for byte as it came in, or de-identified.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Study Instance UID.
    #[arg(value_parser = study)]
    study: StudyUid,
    /// Folder to write to. Files that exist are not overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// De-identify by DICOM PS3.15 Annex E: `basic`, or `basic+OPTION+OPTION` with clean-pixel-data, clean-graphics,
    /// clean-structured-content, clean-descriptors, retain-full-dates or retain-modified-dates,
    /// retain-patient-characteristics, retain-device, retain-institution, retain-uids, retain-safe-private.
    #[arg(long, value_name = "PROFILE")]
    deidentify: Option<Profile>,
    #[command(flatten)]
    store: Store,
}

/// What is printed.
#[derive(Serialize)]
struct Document {
    files: u64,
    bytes: u64,
    /// Files left out, by their number in the study.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<RefusedFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deidentified: Option<Deidentified>,
}

/// What is printed of a de-identified export besides.
#[derive(Serialize)]
struct Deidentified {
    profile: String,
    /// Frames in which regions were made black.
    cleaned_frames: usize,
    /// Files whose pixels may show who the patient is; somebody has to look.
    may_show_identity: usize,
}

fn study(text: &str) -> Result<StudyUid, String> {
    StudyUid::parse(text).map_err(|error| error.to_string())
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    match export(args, out) {
        Ok(document) => {
            let is_damaged = document.refused.iter().any(|file| file.refusal.code == "damaged");
            out.document(&document, text);
            match (is_damaged, document.refused.is_empty()) {
                (true, _) => Exit::Damaged,
                (false, false) => Exit::Partly,
                (false, true) => Exit::Done,
            }
        }
        Err(error) => fail(&error, out),
    }
}

fn text(document: &Document) -> String {
    let mut text = format!("Exported {} files ({:.1} MB).", document.files, document.bytes as f64 / 1e6);
    for left_out in &document.refused {
        text += &format!("\nFile {} was left out: {}", left_out.number, left_out.refusal.reason);
    }
    let Some(deidentified) = &document.deidentified else { return text };
    text += &format!(" De-identified: {}.", deidentified.profile);
    if deidentified.may_show_identity > 0 {
        text += &format!(
            "\nThe pixels of {} files may show who the patient is. Look at them before they leave the house.",
            deidentified.may_show_identity
        );
    }
    text
}

fn export(args: &Args, out: &Output) -> Result<Document, CacheError> {
    let cache = args.store.open_for_reading()?;
    let progress = |done: u64, all: u64| out.progress("Exporting", done as usize, all as usize);
    let Some(profile) = &args.deidentify else {
        let report = cache.export(&args.study, &args.out, &who(), now(), progress);
        out.progress("", 0, 0);
        let ExportReport { files, bytes, refused } = report?;
        return Ok(Document { files, bytes, refused, deidentified: None });
    };
    let pseudonyms = Pseudonyms::new(&cache.blob_key().pseudonym_key());
    let (mut cleaned_frames, mut may_show_identity) = (0, 0);
    let change = |_: &str, bytes: Vec<u8>| -> Result<(String, Vec<u8>), Refusal> {
        let object = Object::from_vec(bytes)?;
        let done = deidentify(&object, profile, &pseudonyms, &|frame| decode_frame(&object, frame))?;
        cleaned_frames += done.cleaned_frames;
        may_show_identity += usize::from(done.may_show_identity);
        Ok((done.instance_uid, done.bytes))
    };
    let detail = json!({"deidentified": profile.to_string()});
    let report = cache.export_changed(&args.study, &args.out, &who(), now(), detail, change, progress);
    out.progress("", 0, 0);
    let ExportReport { files, bytes, refused } = report?;
    let profile = profile.to_string();
    let deidentified = Deidentified { profile, cleaned_frames, may_show_identity };
    Ok(Document { files, bytes, refused, deidentified: Some(deidentified) })
}
