//! Copying a study out of the cache, byte for byte as it came in.

use crate::{Cache, CacheError, apply, tables};
use medsight_audit::Action;
use medsight_base::{StudyUid, Timestamp};
use serde::Serialize;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// What an export wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Cache {
    /// Writes each file of a study to `out` as `SOP-INSTANCE-UID.dcm`, byte for byte as it came in. Each byte is
    /// authenticated before it is written. The export is in the audit trail when this process owns the cache.
    ///
    /// # Errors
    /// [`CacheError::NotFound`]; [`CacheError::PixelsElsewhere`]; damage; a file that exists is not overwritten.
    pub fn export(
        &self,
        study: &StudyUid,
        out: &Path,
        who: &str,
        at: Timestamp,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<ExportReport, CacheError> {
        let manifest = self.manifest(study)?;
        std::fs::create_dir_all(out).map_err(|error| refused(out, error))?;
        let mut report = ExportReport::default();
        for instance in &manifest.instances {
            let blob = instance.blob.parse().map_err(|_| CacheError::Damaged("a file name".to_owned()))?;
            let bytes = self.blobs().open(blob)?.read_all()?;
            let path = out.join(format!("{}.dcm", instance.uid));
            let file = OpenOptions::new().write(true).create_new(true).open(&path);
            let mut file = file.map_err(|error| refused(&path, error))?;
            if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_all()) {
                drop(file);
                let _half_written = std::fs::remove_file(&path);
                return Err(refused(&path, error));
            }
            report.files += 1;
            report.bytes += bytes.len() as u64;
            progress(report.files, manifest.instances.len() as u64);
        }
        let noted = self.write(|t| {
            apply::require(t, study)?;
            apply::note(t, who, Action::Exported, at, study, json!({"files": report.files}))
        });
        match noted {
            Ok(()) | Err(CacheError::ReadOnly) => Ok(report),
            Err(error) => Err(error),
        }
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

/// A full disk is the same trouble everywhere; anything else is about the file of the export.
fn refused(file: &Path, error: std::io::Error) -> CacheError {
    match CacheError::from(error) {
        CacheError::Io(error) => CacheError::Export { file: file.to_path_buf(), error },
        other => other,
    }
}
