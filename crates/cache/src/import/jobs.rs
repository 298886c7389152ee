//! Imports that were asked for, so that one that was cut off goes on at the next start.

use super::ImportJob;
use crate::{Cache, CacheError, cache::now, tables};
use std::path::PathBuf;

impl Cache {
    /// Notes an import that waits for its turn, so that it is not forgotten should the program end before:
    /// [`Self::interrupted_imports`] has it until it ends. Paths must be absolute.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn queue_import(&self, paths: &[PathBuf]) -> Result<(), CacheError> {
        self.write(|t| Ok(tables::import_jobs::begin(t, paths, now()).map(drop)?))
    }

    /// Forgets every import that has not ended: a person cancelled. What was taken stays.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn forget_imports(&self) -> Result<(), CacheError> {
        self.write(|t| Ok(tables::import_jobs::end_all(t, now())?))
    }

    /// Imports that were asked for and neither ended nor cancelled, oldest first.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn interrupted_imports(&self) -> Result<Vec<ImportJob>, CacheError> {
        self.read(|db| Ok(tables::import_jobs::interrupted(db)?))
    }
}
