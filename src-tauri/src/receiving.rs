//! What peers send to this workstation of their own accord, on its way into the cache.
//!
//! In the audit trail it is in the name of the peer's title. Not here: the listener, and what was asked for by C-MOVE.

use crate::desk::{Desk, held};
use crate::retrieving::{missing, received};
use medsight_base::StudyUid;
use medsight_cache::Cache;
use medsight_pacs::{Arrival, Sink, Taken};
use medsight_record::Refusal;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, Weak};

/// Studies that got new objects and were not shown since.
#[derive(Debug, Default)]
pub(crate) struct Fresh(Mutex<BTreeSet<StudyUid>>);

impl Fresh {
    /// Those that there are; they stay.
    pub(crate) fn look(&self) -> BTreeSet<StudyUid> {
        held(&self.0).clone()
    }

    /// Those that there are, for the last time.
    pub(crate) fn take(&self) -> BTreeSet<StudyUid> {
        std::mem::take(&mut held(&self.0))
    }
}

/// The cache as what peers fill.
pub(crate) struct Unasked {
    // Weak, so that a listener never keeps the cache open.
    desk: Weak<Desk>,
    fresh: Arc<Fresh>,
}

impl Unasked {
    pub(crate) fn new(desk: &Arc<Desk>, fresh: Arc<Fresh>) -> Self {
        Self { desk: Arc::downgrade(desk), fresh }
    }

    fn cache(&self) -> Result<Arc<Cache>, Refusal> {
        let cache = self.desk.upgrade().and_then(|desk| desk.cache().ok());
        cache.ok_or_else(|| Refusal::new("stopped", "The desk ends."))
    }
}

impl Sink for Unasked {
    fn keep(&self, arrivals: &[Arrival]) -> Vec<Result<Taken, Refusal>> {
        let mut answers = Vec::with_capacity(arrivals.len());
        // Each sender in its own name.
        for group in arrivals.chunk_by(|a, b| a.from == b.from) {
            let who = group.first().map(|arrival| format!("AE {}", arrival.from.trim())).unwrap_or_default();
            let taken = self.cache().and_then(|cache| received(&cache, &who, group));
            answers.extend(match taken {
                Ok((answers, studies)) => {
                    held(&self.fresh.0).extend(studies);
                    answers
                }
                Err(why) => group.iter().map(|_| Err(why.clone())).collect(),
            });
        }
        answers
    }

    fn missing(&self, study: &str, instances: &[String]) -> Result<Vec<String>, Refusal> {
        missing(&*self.cache()?, study, instances)
    }
}
