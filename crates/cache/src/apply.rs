//! What a person does to the record: one command, one transaction of record, audit event and outbox entry.

use crate::audit::Act;
use crate::{Cache, CacheError, tables};
use medsight_audit::{Action, AuditEvent};
use medsight_base::{SeriesUid, StudyUid, Timestamp};
use medsight_record::report::Signature;
use medsight_record::{Annotation, ReadState, ReadingSession, RecordCommand};
use medsight_vault::BlobId;
use serde_json::json;

/// What a command did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// New revision of the annotation.
    pub revision: Option<i64>,
    /// Studies that were changed.
    pub studies: Vec<StudyUid>,
}

impl Cache {
    /// Does `command` in the name of `who`. It is durable when this returns well, and not done at all otherwise.
    ///
    /// # Errors
    /// [`CacheError::NotFound`] when the study or annotation is not here, [`CacheError::BadCommand`],
    /// [`CacheError::DiskFull`], …
    pub fn apply(&self, command: &RecordCommand, who: &str, at: Timestamp) -> Result<Applied, CacheError> {
        match command {
            RecordCommand::SaveAnnotation(annotation) => self.save_annotation(annotation, who, at),
            RecordCommand::RemoveAnnotation { study, id } => self.write(|t| {
                let row = require(t, study)?;
                // What is not here is gone already: a removal may be sent again after its answer was lost.
                let Some(revision) = tables::annotations::remove(t, row, *id, who, at)? else {
                    return Ok(Applied { revision: None, studies: Vec::new() });
                };
                let detail = json!({"annotation": id, "revision": revision});
                note(t, who, Action::AnnotationRemoved, at, study, detail.clone())?;
                tables::outbox::add(t, row, "annotation", &detail, at)?;
                Ok(Applied { revision: Some(revision), studies: vec![study.clone()] })
            }),
            RecordCommand::SaveSession(session) => self.save_session(session, at),
            RecordCommand::SetReadState { study, state } => self.set_read_state(study, *state, who, at),
            RecordCommand::SetPriority { study, priority } => self.set_priority(study, *priority, who, at),
            RecordCommand::Assign { study, to } => {
                let detail = json!({"to": to});
                self.change_work(study, Action::Assigned, detail, who, at, |work| {
                    work.assigned_to.clone_from(to);
                    Ok(())
                })
            }
            RecordCommand::Claim { study, over } => self.claim(study, *over, who, at),
            RecordCommand::Release(study) => self.release(study, who, at),
            RecordCommand::SaveReport(report) => self.save_report(report, who, at),
            RecordCommand::DiscardReport(report) => self.discard_report(*report, who, at),
            RecordCommand::SignReport { report, act, base_version } => {
                let signature = Signature { account: who.to_owned(), name: who.to_owned(), at };
                self.sign_report(*report, act, *base_version, signature)
            }
            RecordCommand::TellCritical { report, result } => self.tell_critical(*report, result, who, at),
            RecordCommand::DeleteStudies(studies) => self.delete_studies(studies, who, at),
        }
    }

    /// A study was opened for reading: it is the last that is evicted, and the opening is in the audit trail.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn opened(&self, study: &StudyUid, who: &str, at: Timestamp) -> Result<(), CacheError> {
        self.write(|t| {
            let row = require(t, study)?;
            tables::studies::touch(t, row, at)?;
            note(t, who, Action::StudyOpened, at, study, serde_json::Value::Null)
        })
    }

    fn save_annotation(
        &self,
        annotation: &Annotation,
        who: &str,
        at: Timestamp,
    ) -> Result<Applied, CacheError> {
        if !annotation.is_complete() {
            return Err(CacheError::BadCommand("the annotation does not have the points of its kind."));
        }
        let study = &annotation.study;
        let (revision, begun) = self.write(|t| {
            let row = require(t, study)?;
            let revision = tables::annotations::save(t, row, annotation, who, at)?
                .ok_or(CacheError::BadCommand("the annotation belongs to another study."))?;
            let detail = json!({"annotation": annotation.id, "revision": revision});
            note(t, who, Action::AnnotationSaved, at, study, detail.clone())?;
            tables::outbox::add(t, row, "annotation", &detail, at)?;
            // Who measures has begun to read.
            let begun = tables::studies::by_id(t, row)?.is_some_and(|s| s.state == ReadState::Unread);
            if begun {
                tables::studies::set_state(t, row, ReadState::Draft)?;
            }
            Ok((revision, begun.then_some(row)))
        })?;
        if let Some(row) = begun {
            self.reindex([row])?;
        }
        Ok(Applied { revision: Some(revision), studies: vec![study.clone()] })
    }

    /// Look and navigation only: durable, but nothing that another system or an auditor would ask for.
    fn save_session(&self, session: &ReadingSession, at: Timestamp) -> Result<Applied, CacheError> {
        self.write(|t| {
            let row = require(t, &session.study)?;
            tables::sessions::save(t, row, session, at)?;
            tables::studies::touch(t, row, at)?;
            Ok(Applied { revision: None, studies: vec![session.study.clone()] })
        })
    }

    fn set_read_state(
        &self,
        study: &StudyUid,
        state: ReadState,
        who: &str,
        at: Timestamp,
    ) -> Result<Applied, CacheError> {
        let row = self.write(|t| {
            let row = require(t, study)?;
            tables::studies::set_state(t, row, state)?;
            let detail = json!({"state": tables::studies::state_word(state)});
            note(t, who, Action::ReadStateSet, at, study, detail.clone())?;
            let waits = json!({"state": detail["state"], "who": who});
            tables::outbox::add(t, row, "read_state", &waits, at)?;
            Ok(row)
        })?;
        self.reindex([row])?;
        Ok(Applied { revision: None, studies: vec![study.clone()] })
    }

    /// The records go first, in one transaction; a file that then can't be removed is cleared away by `gc`.
    fn delete_studies(&self, studies: &[StudyUid], who: &str, at: Timestamp) -> Result<Applied, CacheError> {
        let _nothing_comes_back = self.settle()?;
        let (rows, blobs) = self.write(|t| {
            let (mut rows, mut blobs): (Vec<i64>, Vec<BlobId>) = Default::default();
            for study in studies {
                let row = require(t, study)?;
                blobs.extend(tables::instances::blobs_of_study(t, row)?);
                blobs.extend(tables::thumbnails::of_study(t, row)?);
                let held = tables::studies::by_id(t, row)?;
                let reader =
                    held.as_ref().and_then(|s| s.work.claimed.as_ref()).map(|claim| claim.by.clone());
                // Nobody here reads it any more.
                crate::order::tell_claim(t, row, None, reader.as_deref(), at)?;
                let instances = held.map_or(0, |s| s.instance_count);
                self.keep_what_waits(t, row)?;
                // Before it is gone: the event says whose study it was.
                note(t, who, Action::StudyDeleted, at, study, json!({"instances": instances}))?;
                tables::studies::delete(t, row)?;
                rows.push(row);
            }
            Ok((rows, blobs))
        })?;
        self.reindex(rows)?;
        self.discard(&blobs);
        Ok(Applied { revision: None, studies: studies.to_vec() })
    }

    /// Deletes one series of a study from this computer; with its last series the study stays, empty.
    ///
    /// # Errors
    /// [`CacheError::NotFound`] when study or series is not here, …
    pub fn delete_series(
        &self,
        study: &StudyUid,
        series: &SeriesUid,
        who: &str,
        at: Timestamp,
    ) -> Result<(), CacheError> {
        let _nothing_comes_back = self.settle()?;
        let (row, blobs) = self.write(|t| {
            let row = require(t, study)?;
            let (blobs, instances) =
                tables::series::delete(t, row, series)?.ok_or(CacheError::NotFound("series"))?;
            // Who takes a made series back does not want it sent.
            for entry in tables::outbox::of_study(t, row)? {
                if entry.kind == "object" && entry.payload["series"] == series.as_str() {
                    tables::outbox::forget(t, entry.id)?;
                }
            }
            tables::proposals::forget(t, series)?;
            tables::studies::recount(t, row)?;
            note(
                t,
                who,
                Action::SeriesDeleted,
                at,
                study,
                json!({"series": series, "instances": instances}),
            )?;
            Ok((row, blobs))
        })?;
        self.reindex([row])?;
        self.discard(&blobs);
        Ok(())
    }

    /// A series was made here of what a reader drew, marked or set; `kind` is its modality. Noted in the audit trail.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn series_written(
        &self,
        study: &StudyUid,
        series: &SeriesUid,
        kind: &str,
        who: &str,
        at: Timestamp,
    ) -> Result<(), CacheError> {
        self.write(|t| {
            let row = require(t, study)?;
            let detail = json!({"series": series, "kind": kind});
            tables::outbox::add(t, row, "object", &detail, at)?;
            note(t, who, Action::ObjectWritten, at, study, detail)
        })
    }

    /// Takes a series back that was written here. What has left this computer since is in other hands: it stays.
    ///
    /// # Errors
    /// [`CacheError::GivenOut`] when its study was exported or sent since, [`CacheError::NotFound`] when it was not
    /// written here or is gone, …
    pub fn take_back_series(
        &self,
        study: &StudyUid,
        series: &SeriesUid,
        who: &str,
        at: Timestamp,
    ) -> Result<(), CacheError> {
        match self.read(|db| Ok(tables::audit::given_out_since_written(db, study, series)?))? {
            Some(false) => self.delete_series(study, series, who, at),
            Some(true) => Err(CacheError::GivenOut),
            None => Err(CacheError::NotFound("series")),
        }
    }

    /// Removes files that no record mentions any more. What cannot be removed now is left to `gc`: the records
    /// are the truth, and they no longer know it.
    pub(crate) fn discard(&self, blobs: &[BlobId]) {
        for blob in blobs {
            let _left_to_gc = self.blobs().remove(*blob);
        }
    }
}

/// The row of a study that must be here.
pub(crate) fn require(t: &rusqlite::Connection, study: &StudyUid) -> Result<i64, CacheError> {
    tables::studies::id_of(t, study)?.ok_or(CacheError::NotFound("study"))
}

/// An audit event about one study.
pub(crate) fn note(
    t: &Act<'_>,
    who: &str,
    what: Action,
    at: Timestamp,
    study: &StudyUid,
    detail: serde_json::Value,
) -> Result<(), CacheError> {
    Ok(tables::audit::add(t, &AuditEvent::new(who, what, at, Some(study.clone()), detail)).map(drop)?)
}
