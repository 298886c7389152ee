//! Copying a study out of the cache: byte for byte as it came in, or changed by the caller (de-identified).

use crate::{Cache, CacheError, apply, tables};
use medsight_audit::{Action, AuditEvent};
use medsight_base::{StudyUid, Timestamp};
use medsight_record::Refusal;
use serde::Serialize;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// What an export wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// Files that were left out.
    pub refused: Vec<RefusedFile>,
}

/// A file that was left out of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedFile {
    /// Its number in the study, from 1.
    pub number: u64,
    /// Why.
    #[serde(flatten)]
    pub refusal: Refusal,
}

impl Cache {
    /// Writes each file of a study to `out` as `SOP-INSTANCE-UID.dcm`, byte for byte as it came in. Each byte is
    /// authenticated before it is written. The export is in the audit trail when this process owns the cache.
    ///
    /// # Errors
    /// [`CacheError::NotFound`]; [`CacheError::PixelsElsewhere`]; a file that exists is not overwritten. Files that are
    /// damaged are left out and in the report.
    pub fn export(
        &self,
        study: &StudyUid,
        out: &Path,
        who: &str,
        at: Timestamp,
        progress: impl FnMut(u64, u64),
    ) -> Result<ExportReport, CacheError> {
        let unchanged = |uid: &str, bytes| Ok((uid.to_owned(), bytes));
        self.export_changed(study, out, who, at, json!({}), unchanged, progress)
    }

    /// Writes what `change` makes of each file of a study, as `NAME.dcm`; it gets the SOP Instance UID and the bytes.
    /// A file that it refuses is left out and named in the report by its number in the study, not by its UID.
    /// `detail` goes into the audit trail with the count of files.
    ///
    /// # Errors
    /// As [`Self::export`].
    #[allow(clippy::too_many_arguments, reason = "what, where to, by whom, how, and who is told")]
    pub fn export_changed(
        &self,
        study: &StudyUid,
        out: &Path,
        who: &str,
        at: Timestamp,
        mut detail: serde_json::Value,
        mut change: impl FnMut(&str, Vec<u8>) -> Result<(String, Vec<u8>), Refusal>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<ExportReport, CacheError> {
        let manifest = self.manifest(study)?;
        std::fs::create_dir_all(out).map_err(|error| refused(out, error))?;
        let mut report = ExportReport::default();
        for (number, instance) in manifest.instances.iter().enumerate() {
            let read = |blob: &str| -> Result<Vec<u8>, CacheError> {
                let blob = blob.parse().map_err(|_| CacheError::Damaged("a file name".to_owned()))?;
                Ok(self.blobs().open(blob)?.read_all()?)
            };
            let changed = match read(&instance.blob) {
                Ok(bytes) => change(&instance.uid.to_string(), bytes),
                // The others can still be had.
                Err(error) if error.is_damage() => Err(Refusal::new("damaged", error.to_string())),
                Err(error) => return Err(error),
            };
            match changed {
                Ok((name, bytes)) => {
                    write_new(&out.join(format!("{name}.dcm")), &bytes)?;
                    report.files += 1;
                    report.bytes += bytes.len() as u64;
                }
                Err(refusal) => report.refused.push(RefusedFile { number: number as u64 + 1, refusal }),
            }
            progress(number as u64 + 1, manifest.instances.len() as u64);
        }
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("files".to_owned(), json!(report.files));
        }
        self.note_or_leave(&AuditEvent::new(who, Action::Exported, at, Some(study.clone()), detail))?;
        Ok(report)
    }

    /// A part of a study was written to a file at a person's wish: notes it in the audit trail. `detail` names the part,
    /// not the file.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn exported(
        &self,
        study: &StudyUid,
        who: &str,
        at: Timestamp,
        detail: serde_json::Value,
    ) -> Result<(), CacheError> {
        self.given_out(study, who, Action::Exported, at, detail)
    }

    /// A report of a study was made into pages and given to a person: notes it in the audit trail. `detail` names the report and
    /// its version, not the file.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn printed(
        &self,
        study: &StudyUid,
        who: &str,
        at: Timestamp,
        detail: serde_json::Value,
    ) -> Result<(), CacheError> {
        self.given_out(study, who, Action::Printed, at, detail)
    }

    fn given_out(
        &self,
        study: &StudyUid,
        who: &str,
        what: Action,
        at: Timestamp,
        detail: serde_json::Value,
    ) -> Result<(), CacheError> {
        self.write(|t| {
            apply::require(t, study)?;
            apply::note(t, who, what, at, study, detail)
        })
    }

    /// Whether the export of a study is possible now: its images are on this computer.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn has_images(&self, study: &StudyUid) -> Result<bool, CacheError> {
        self.read(|db| {
            let stored = tables::instances::of_study(db, apply::require(db, study)?)?;
            Ok(stored.iter().all(|instance| instance.blob.is_some()))
        })
    }
}

/// A whole new file, or none.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| refused(path, error))?;
    if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_all()) {
        drop(file);
        let _half_written = std::fs::remove_file(path);
        return Err(refused(path, error));
    }
    Ok(())
}

/// A full disk is the same trouble everywhere; anything else is about the file of the export.
fn refused(file: &Path, error: std::io::Error) -> CacheError {
    match CacheError::from(error) {
        CacheError::Io(error) => CacheError::Export { file: file.to_path_buf(), error },
        other => other,
    }
}
