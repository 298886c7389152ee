//! A batch of encrypted files becomes part of the record: files to the disk first, then one transaction.

use super::worker::{Prepared, conflict};
use super::{Rejected, Summary, rejected};
use crate::audit::Act;
use crate::{Cache, CacheError, apply, cache::now, tables};
use medsight_audit::Action;
use medsight_base::{StudyUid, Timestamp};
use medsight_record::Refusal;
use medsight_vault::BlobId;
use rusqlite::Transaction;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A batch is committed when one of these is reached: bringing files to the disk costs the same for one or many,
/// but the worklist shows only what is committed.
const MOST_FILES: usize = 512;
const MOST_BYTES: u64 = 256 << 20;
const LONGEST: Duration = Duration::from_millis(500);

/// Files that are encrypted but not yet in the record.
#[derive(Default)]
pub(super) struct Batch {
    files: Vec<Prepared>,
    bytes: u64,
    begun: Option<Instant>,
}

/// What a batch brought to one study.
#[derive(Default)]
struct New {
    row: i64,
    instances: u64,
    bytes: u64,
}

/// What the transaction decided.
#[derive(Default)]
struct Decided {
    new: BTreeMap<StudyUid, New>,
    present: u64,
    rejected: Vec<Rejected>,
    /// Files that are not needed after all.
    unused: Vec<BlobId>,
}

impl Batch {
    pub(super) fn add(&mut self, prepared: Prepared) {
        self.begun.get_or_insert_with(Instant::now);
        self.bytes += prepared.bytes;
        self.files.push(prepared);
    }

    pub(super) fn is_due(&self) -> bool {
        self.files.len() >= MOST_FILES
            || self.bytes >= MOST_BYTES
            || self.begun.is_some_and(|begun| begun.elapsed() >= LONGEST)
    }

    /// Makes the batch part of the record and empties it. On failure its files are removed again.
    pub(super) fn commit(
        &mut self,
        cache: &Cache,
        who: &str,
        summary: &mut Summary,
    ) -> Result<(), CacheError> {
        if self.files.is_empty() {
            return Ok(());
        }
        let decide = |t: &Act<'_>| decide(t, &self.files, who, now());
        let decided =
            cache.blobs().sync(&self.blobs()).map_err(CacheError::from).and_then(|()| cache.write(decide));
        self.end(cache, decided, summary).map(drop)
    }

    /// As [`Batch::commit`], without a wait for the disk where the journal has it all: `is_durable` says whether it
    /// has, and is asked when everything else is done. Answers with the blobs that are yet to be brought to the disk.
    pub(super) fn commit_journaled(
        &mut self,
        cache: &Cache,
        who: &str,
        summary: &mut Summary,
        is_durable: impl FnOnce() -> bool,
    ) -> Result<Vec<BlobId>, CacheError> {
        if self.files.is_empty() {
            return Ok(Vec::new());
        }
        let written = cache.write_journaled(|t| decide(t, &self.files, who, now()), is_durable);
        match written.transpose() {
            Some(decided) => self.end(cache, decided, summary),
            None => self.commit(cache, who, summary).map(|()| Vec::new()),
        }
    }

    fn blobs(&self) -> Vec<BlobId> {
        self.files.iter().map(|file| file.blob).collect()
    }

    /// Empties the batch and tells what became of it; its blobs that stay.
    fn end(
        &mut self,
        cache: &Cache,
        decided: Result<Decided, CacheError>,
        summary: &mut Summary,
    ) -> Result<Vec<BlobId>, CacheError> {
        let mut blobs = std::mem::take(self).blobs();
        let decided = match decided {
            Ok(decided) => decided,
            Err(error) => {
                cache.discard(&blobs);
                return Err(error);
            }
        };
        cache.discard(&decided.unused);
        cache.reindex(decided.new.values().map(|new| new.row))?;
        for (study, new) in decided.new {
            summary.instances += new.instances;
            summary.bytes += new.bytes;
            summary.studies.insert(study);
        }
        summary.already_present += decided.present;
        summary.rejected.extend(decided.rejected);
        blobs.retain(|blob| !decided.unused.contains(blob));
        Ok(blobs)
    }
}

fn decide(t: &Act<'_>, files: &[Prepared], who: &str, at: Timestamp) -> Result<Decided, CacheError> {
    let mut decided = Decided::default();
    for file in files {
        let record = &file.record;
        if let Some(known) = tables::instances::known(t, &record.uid)? {
            let same = (known.sha256 == file.sha256 || file.restores) && known.study == record.study.as_str();
            if same && !known.blob.is_some_and(|blob| files.iter().any(|other| other.blob == blob)) {
                // Evicted before, or its file was lost: here again.
                tables::instances::restore(t, &record.uid, file.blob, file.bytes, &file.sha256)?;
                decided.unused.extend(known.blob);
                count(&mut decided, t, file, false)?;
            } else {
                // Two files of this very import.
                decided.unused.push(file.blob);
                if same {
                    decided.present += 1;
                } else {
                    decided.rejected.push(rejected(file.file.clone(), conflict()));
                }
            }
            continue;
        }
        if let Some(refusal) = other_patient(t, file)? {
            decided.unused.push(file.blob);
            decided.rejected.push(rejected(file.file.clone(), refusal));
            continue;
        }
        let study = tables::studies::ensure(t, record, at)?;
        let series = tables::series::ensure(t, study, record)?;
        tables::instances::insert(t, series, record, file.blob, file.bytes, &file.sha256)?;
        tables::series::count_in(t, series, record.frames, file.bytes)?;
        // Nobody else is known to have the new file.
        tables::studies::set_archived(t, study, None)?;
        count(&mut decided, t, file, true)?;
    }
    for (study, new) in &decided.new {
        tables::studies::recount(t, new.row)?;
        crate::order::settle(t, new.row)?;
        let detail = json!({"instances": new.instances, "bytes": new.bytes});
        apply::note(t, who, Action::Imported, at, study, detail)?;
    }
    Ok(decided)
}

/// Adds a file to what its study got. A new one has yet to reach other systems.
fn count(
    decided: &mut Decided,
    t: &Transaction<'_>,
    file: &Prepared,
    is_new: bool,
) -> Result<(), CacheError> {
    let row = apply::require(t, &file.record.study)?;
    let new = decided.new.entry(file.record.study.clone()).or_default();
    new.row = row;
    new.instances += 1;
    new.bytes += file.bytes;
    if is_new {
        tables::outbox::add_once(t, row, "study", now())?;
    }
    Ok(())
}

/// An image of another patient must not be shown under the name that the study has.
fn other_patient(t: &Transaction<'_>, file: &Prepared) -> Result<Option<Refusal>, CacheError> {
    let Some(study) = tables::studies::by_uid(t, &file.record.study)? else { return Ok(None) };
    let (known, new) = (&study.patient, &file.record.patient);
    let (here, there) = (known.id.trim(), new.id.trim());
    // A name may be written in two ways and a birth date be missing; two dates, or two names without an ID, are two
    // people.
    let other_id = !here.is_empty() && !there.is_empty() && here != there;
    let other_birth = known.birth_date.zip(new.birth_date).is_some_and(|(a, b)| a != b);
    let plain = |name: &str| name.to_lowercase().replace(['^', ' ', '=', ','], "");
    let other_name = here.is_empty() && there.is_empty() && plain(&known.name) != plain(&new.name);
    if !other_id && !other_birth && !other_name {
        return Ok(None);
    }
    Ok(Some(Refusal::new(
        "patient_conflict",
        "Study Instance UID (0020,000D) is already in the cache for another patient: Patient ID (0010,0020), \
         Patient's Birth Date (0010,0030) or, without an ID, Patient's Name (0010,0010) differ. The file was not taken. Ask the sender which patient it belongs to.",
    )))
}
