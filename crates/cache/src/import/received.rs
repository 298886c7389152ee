//! Objects that came over the network: a group of them, durable when the call returns.

use super::Summary;
use super::commit::Batch;
use super::worker::{Outcome, Worker, conflict};
use crate::{Cache, CacheError};
use medsight_base::{InstanceUid, StudyUid};
use medsight_record::{HeaderReader, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// What became of an object that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// It is new here, or its bytes were missing.
    New,
    /// It was here before, the same object.
    AlreadyHere,
}

/// What became of a group of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// One answer a file, in their order; what is answered with [`Took`] is durable.
    pub answers: Vec<Result<Took, Refusal>>,
    /// Studies that got something new.
    pub studies: BTreeSet<StudyUid>,
}

impl Cache {
    /// Takes whole files in, in the name of `who`.
    ///
    /// # Errors
    /// When the cache cannot go on; none of the new files counts as taken then.
    pub fn take_in(
        &self,
        headers: &dyn HeaderReader,
        who: &str,
        files: &[&[u8]],
    ) -> Result<Received, CacheError> {
        let _writing = self.gate.write_files();
        let mut worker = Worker::new(self, headers);
        worker.restores = true;
        let mut batch = Batch::default();
        let mut in_batch: BTreeMap<InstanceUid, [u8; 32]> = BTreeMap::new();
        let mut answers = Vec::with_capacity(files.len());
        for (index, bytes) in files.iter().enumerate() {
            // The place stands for a name: what the transaction refuses is found again by it.
            answers.push(match worker.examine(index.to_string(), bytes) {
                Outcome::Stored(prepared) => match in_batch.get(&prepared.record.uid) {
                    None => {
                        in_batch.insert(prepared.record.uid.clone(), prepared.sha256);
                        batch.add(*prepared);
                        Ok(Took::New)
                    }
                    Some(earlier) => {
                        self.discard(&[prepared.blob]);
                        if *earlier == prepared.sha256 { Ok(Took::AlreadyHere) } else { Err(conflict()) }
                    }
                },
                Outcome::Present { .. } => Ok(Took::AlreadyHere),
                Outcome::Rejected { refusal, .. } => Err(refusal),
                Outcome::Failed(error) => return Err(error),
            });
        }
        let mut summary = Summary::default();
        batch.commit(self, who, &mut summary)?;
        for rejected in summary.rejected {
            if let Some(answer) = rejected.file.parse::<usize>().ok().and_then(|at| answers.get_mut(at)) {
                *answer = Err(Refusal { code: rejected.code, reason: rejected.reason });
            }
        }
        Ok(Received { answers, studies: summary.studies })
    }
}
