//! Objects that were answered and whose blobs or records a power cut or a kill took away, from the journal.

use super::Summary;
use super::commit::Batch;
use super::worker::Prepared;
use crate::{Cache, CacheError, tables};
use medsight_record::InstanceRecord;
use medsight_vault::Durability;
use sha2::{Digest, Sha256};

/// Takes in what is not here whole.
pub(crate) struct Replay<'c> {
    cache: &'c Cache,
    who: String,
    batch: Batch,
}

impl<'c> Replay<'c> {
    pub(crate) fn new(cache: &'c Cache) -> Self {
        Self { cache, who: String::new(), batch: Batch::default() }
    }

    /// One entry.
    pub(crate) fn take(
        &mut self,
        who: String,
        record: InstanceRecord,
        file: &[u8],
    ) -> Result<(), CacheError> {
        let sha256: [u8; 32] = Sha256::digest(file).into();
        if let Some(known) = self.cache.read(|db| Ok(tables::instances::known(db, &record.uid)?))? {
            let is_whole = |blob| self.cache.blobs().open(blob).is_ok_and(|b| b.read_all().is_ok());
            // What differs was told to be refused, or is the same object as another archive wrote it.
            if known.sha256 != sha256 || known.blob.is_some_and(is_whole) {
                return Ok(());
            }
        }
        if self.who != who || self.batch.is_due() {
            self.end()?;
            self.who = who;
        }
        let blob = self.cache.blobs().put(file, Durability::Later)?;
        let bytes = file.len() as u64;
        self.batch.add(Prepared { file: String::new(), record, blob, bytes, sha256, restores: true });
        Ok(())
    }

    /// Commits what was taken.
    pub(crate) fn end(&mut self) -> Result<(), CacheError> {
        self.batch.commit(self.cache, &self.who, &mut Summary::default())
    }
}
