//! Objects that came over the network: a group of them, durable when the call returns.

use super::Summary;
use super::commit::Batch;
use super::worker::{Outcome, Worker, conflict};
use crate::journal::{Noted, Pending};
use crate::{Cache, CacheError};
use medsight_base::{InstanceUid, StudyUid};
use medsight_record::{HeaderReader, InstanceRecord, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// A group above this goes to the disk by itself: it waits once for many objects, and the journal would be a second
/// writing of all of them.
const JOURNALED_BYTES: u64 = 8 << 20;

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

type Header = Result<InstanceRecord, Refusal>;
type Answers = Vec<Result<Took, Refusal>>;

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
        let read: Vec<Header> = files.iter().map(|bytes| worker.header(bytes)).collect();
        let bytes = files.iter().map(|file| file.len() as u64).sum();
        let mut summary = Summary::default();
        let is_small = bytes <= JOURNALED_BYTES && read.iter().any(Result::is_ok);
        let journal = is_small.then(|| self.journal.lock()).filter(|pending| pending.is_usable);
        let mut answers = if let Some(mut pending) = journal {
            if pending.is_full(bytes) {
                self.settle_pending(&mut pending)?;
            }
            self.take_in_journaled(&mut pending, &worker, who, files, read, &mut summary)?
        } else {
            let (mut batch, answers) = self.prepare(&worker, files, read)?;
            batch.commit(self, who, &mut summary)?;
            answers
        };
        for rejected in summary.rejected {
            if let Some(answer) = rejected.file.parse::<usize>().ok().and_then(|at| answers.get_mut(at)) {
                *answer = Err(Refusal { code: rejected.code, reason: rejected.reason });
            }
        }
        Ok(Received { answers, studies: summary.studies })
    }

    /// The disk takes the journal's entry while blobs and records are made.
    fn take_in_journaled(
        &self,
        pending: &mut Pending,
        worker: &Worker<'_>,
        who: &str,
        files: &[&[u8]],
        read: Vec<Header>,
        summary: &mut Summary,
    ) -> Result<Answers, CacheError> {
        let records: Vec<Option<InstanceRecord>> = read.iter().map(|header| header.clone().ok()).collect();
        let noted: Vec<Noted<'_>> = records
            .iter()
            .zip(files)
            .filter_map(|(record, file)| Some(Noted { record: record.as_ref()?, file }))
            .collect();
        self.gate.linger(true);
        let (blobs, answers) = std::thread::scope(|scope| {
            let (pending, noted) = (&mut *pending, &noted);
            let appended = scope.spawn(move || self.journal.append(pending, who, noted));
            let prepared = self.prepare(worker, files, read);
            // A journal that could not be written costs time, nothing else: all goes to the disk by itself then.
            let is_durable = || matches!(appended.join(), Ok(Ok(())));
            let (mut batch, answers) = prepared?;
            let blobs = batch.commit_journaled(self, who, summary, is_durable)?;
            Ok::<_, CacheError>((blobs, answers))
        })?;
        pending.blobs.extend(blobs);
        Ok(answers)
    }

    /// Encrypts what is new; nothing of it is in the records yet.
    fn prepare(
        &self,
        worker: &Worker<'_>,
        files: &[&[u8]],
        read: Vec<Header>,
    ) -> Result<(Batch, Answers), CacheError> {
        let mut batch = Batch::default();
        let mut in_batch: BTreeMap<InstanceUid, [u8; 32]> = BTreeMap::new();
        let mut answers = Vec::with_capacity(files.len());
        for (index, (bytes, header)) in files.iter().zip(read).enumerate() {
            // The place stands for a name: what the transaction refuses is found again by it.
            answers.push(match worker.examine(index.to_string(), bytes, header) {
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
        Ok((batch, answers))
    }
}
