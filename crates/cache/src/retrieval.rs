//! Retrievals from servers that were asked for, so that one that was cut off goes on at the next start.
//!
//! What of a study is here is asked by [`Cache::instances_here`]. Not here: the retrieving.

use crate::{Cache, CacheError, cache::now, tables};
use medsight_base::StudyUid;

/// A study that was asked for from a server and did not end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrievalJob {
    /// Name of the server in the settings.
    pub node: String,
    /// The study.
    pub study: StudyUid,
    /// How the person knows it, while nothing of it is here: name, date, description.
    pub about: String,
    /// Nobody asked for it: it is fetched ahead.
    pub ahead: bool,
}

impl Cache {
    /// Notes a retrieval, so that it is not forgotten should the program end before: [`Self::interrupted_retrievals`]
    /// has it until [`Self::end_retrieval`].
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn queue_retrieval(&self, job: &RetrievalJob) -> Result<(), CacheError> {
        self.write(|t| Ok(tables::retrieval_jobs::begin(t, job, now())?))
    }

    /// A retrieval has ended, or a person cancelled it. What came stays.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn end_retrieval(&self, node: &str, study: &StudyUid) -> Result<(), CacheError> {
        self.write(|t| Ok(tables::retrieval_jobs::end(t, node, study, now())?))
    }

    /// Retrievals that neither ended nor were cancelled: what a person asked for, then what was fetched ahead, each
    /// oldest first.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn interrupted_retrievals(&self) -> Result<Vec<RetrievalJob>, CacheError> {
        self.read(|db| Ok(tables::retrieval_jobs::interrupted(db)?))
    }
}
