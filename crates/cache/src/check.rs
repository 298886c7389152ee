//! Whether everything the records say is there is there, whole; and clearing away what no record mentions.

use crate::{Cache, CacheError, tables};
use medsight_base::{InstanceUid, StudyUid};
use medsight_vault::{BlobError, BlobId};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::time::Duration;
use tables::instances::Stored;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Stable word: `records`, `audit`, or the code of a [`BlobError`].
    pub code: String,
    /// Study of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyUid>,
    /// The instance whose file it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceUid>,
    /// What is wrong and what to do.
    pub reason: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Studies.
    pub studies: u64,
    /// Instances whose files are on this computer.
    pub instances: u64,
    /// Their bytes as they came in.
    pub bytes: u64,
    /// What is not as it should be; empty when all is well.
    pub damaged: Vec<Damage>,
}

/// What was cleared away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// Files that no record mentioned.
    pub files: u64,
    /// Their bytes on disk.
    pub bytes: u64,
    /// Files that a killed writer had not finished.
    pub unfinished: u64,
}

impl Cache {
    /// Checks the database, the audit trail, and that each file is there with its length; with `read_data` also
    /// that each byte is as it came in. `progress` gets (files done, all files).
    ///
    /// # Errors
    /// [`CacheError`] when the check itself can't go on; what it finds is in the report.
    pub fn check(
        &self,
        read_data: bool,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<CheckReport, CacheError> {
        let mut report = CheckReport::default();
        self.check_database(&mut report)?;
        let (studies, total) = self.read(|db| {
            let total: i64 =
                db.query_row("SELECT count(*) FROM instances WHERE blob NOT NULL", [], |row| row.get(0))?;
            Ok((tables::instances::studies(db)?, total.cast_unsigned()))
        })?;
        for (row, study) in studies {
            report.studies += 1;
            for stored in self.read(|db| Ok(tables::instances::of_study(db, row)?))? {
                let Some(blob) = stored.blob else { continue };
                report.instances += 1;
                report.bytes += stored.bytes;
                if let Err(error) = self.check_file(blob, &stored, read_data) {
                    report.damaged.push(Damage {
                        code: error.code().to_owned(),
                        study: Some(study.clone()),
                        instance: Some(stored.uid),
                        reason: error.to_string(),
                    });
                }
                progress(report.instances, total);
            }
        }
        Ok(report)
    }

    fn check_database(&self, report: &mut CheckReport) -> Result<(), CacheError> {
        let mut found: Vec<String> = Vec::new();
        for check in
            ["PRAGMA cipher_integrity_check", "PRAGMA integrity_check(20)", "PRAGMA foreign_key_check"]
        {
            let problems = self.read(|db| {
                let mut statement = db.prepare(check)?;
                let texts = statement.query_map([], |row| row.get::<_, String>(0))?;
                Ok(texts.collect::<rusqlite::Result<Vec<String>>>()?)
            });
            match problems {
                Ok(texts) => found.extend(texts.into_iter().filter(|text| text != "ok")),
                Err(CacheError::Damaged(what)) => found.push(what),
                Err(other) => return Err(other),
            }
        }
        // The texts may quote records, so only their number is told.
        if !found.is_empty() {
            report.damaged.push(Damage {
                code: "records".to_owned(),
                study: None,
                instance: None,
                reason: format!(
                    "The record database has {} inconsistencies. Restore it from a backup.",
                    found.len()
                ),
            });
        }
        if let Err(broken) = self.verify_audit()? {
            report.damaged.push(Damage {
                code: "audit".to_owned(),
                study: None,
                instance: None,
                reason: format!("{broken}: it was changed from outside. Tell whoever is responsible for it."),
            });
        }
        let unreadable = self.unreadable_left()?;
        if unreadable > 0 {
            report.damaged.push(Damage {
                code: "audit".to_owned(),
                study: None,
                instance: None,
                reason: format!(
                    "{unreadable} audit events that other programs left in events.left can't be read. Tell whoever is \
                     responsible for the audit trail."
                ),
            });
        }
        Ok(())
    }

    fn check_file(&self, blob: BlobId, stored: &Stored, read_data: bool) -> Result<(), BlobError> {
        let reader = self.blobs().open(blob)?;
        if reader.len() != stored.bytes {
            return Err(BlobError::Damaged { part: 0 });
        }
        reader.check_end()?;
        if read_data {
            let sha256: [u8; 32] = Sha256::digest(reader.read_all()?).into();
            if sha256 != stored.sha256 {
                return Err(BlobError::Damaged { part: 0 });
            }
        }
        Ok(())
    }

    /// Removes the files that no record mentions: left by an import or a deletion that was cut short. Waits
    /// while an import runs: its files are not in the records yet.
    ///
    /// # Errors
    /// [`CacheError::ReadOnly`] when another process owns the cache, …
    pub fn gc(&self) -> Result<GcReport, CacheError> {
        let _nobody_writes = self.gate.clear_away();
        // Listed before the records are read, so that a file recorded in between is not taken for an orphan.
        let listed = self.blobs().list()?;
        let mentioned: HashSet<BlobId> = self.read(|db| {
            let mut all = tables::instances::all_blobs(db)?;
            all.extend(tables::thumbnails::all_blobs(db)?);
            Ok(all.into_iter().collect())
        })?;
        let mut report = GcReport::default();
        for entry in listed.iter().filter(|entry| !mentioned.contains(&entry.id)) {
            if self.blobs().remove(entry.id)? {
                report.files += 1;
                report.bytes += entry.stored_bytes;
            }
        }
        report.unfinished = self.blobs().remove_unfinished(Duration::ZERO)? as u64;
        self.gate.cleared();
        Ok(report)
    }

    /// [`Self::gc`] when a program was killed while it took files in, else nothing (`None`). Imports do it before they
    /// begin; a program that stays open does it on a thread of its own once the cache is open.
    ///
    /// # Errors
    /// As [`Self::gc`].
    pub fn clear_left_over(&self) -> Result<Option<GcReport>, CacheError> {
        if self.gate.has_left_over() { self.gc().map(Some) } else { Ok(None) }
    }
}
