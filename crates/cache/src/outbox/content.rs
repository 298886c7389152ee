//! What an entry holds: as the records have it now, or as they had it when its study was deleted.

use super::Entry;
use crate::{Cache, CacheError, tables, tables::outbox::Waiting};
use medsight_base::Timestamp;
use medsight_record::report::{Report, ReportId};
use medsight_record::{Annotation, AnnotationId, StudyRecord};
use medsight_vault::BlobId;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// What an entry is about. Empty where nothing of it is left: then there is nothing to send.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The study and its patient.
    pub study: Option<StudyRecord>,
    /// Of kind `annotation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<DrawnContent>,
    /// Of kinds `report` and `critical`: the whole report, without what is being written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// An annotation as it is now: an entry of an earlier revision sends the present one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawnContent {
    /// Itself; as it was last, when it was removed.
    pub annotation: Annotation,
    /// From 1.
    pub revision: i64,
    /// It was taken away.
    pub removed: bool,
    /// By whom it was changed last.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

pub(super) fn of(db: &Connection, waiting: &Waiting) -> Result<Content, CacheError> {
    if let Some(kept) = &waiting.content {
        return Ok(serde_json::from_str(kept)?);
    }
    let study = match (waiting.study, &waiting.study_uid) {
        (Some(row), _) => tables::studies::by_id(db, row)?,
        (None, Some(uid)) => match tables::outbox::departed(db, uid)? {
            Some(kept) => Some(serde_json::from_str(&kept)?),
            None => tables::studies::by_uid(db, uid)?,
        },
        (None, None) => None,
    };
    let mut content = Content { study, ..Content::default() };
    match waiting.kind.as_str() {
        "annotation" => content.drawn = drawn(db, waiting)?,
        "report" | "critical" => content.report = report(db, waiting)?,
        _ => {}
    }
    Ok(content)
}

/// What an entry is about, so that another one of the same thing is known: its kind and the name of the thing.
pub(super) fn thing_of(waiting: &Waiting) -> Option<(String, String)> {
    let name = match waiting.kind.as_str() {
        // How far the reading of a study has come is one thing, whoever said it.
        "read_state" => waiting.study_uid.as_ref()?.as_str(),
        // A report may have several critical results, each with a place of its own there.
        kind => waiting.payload[kind].as_str()?,
    };
    Some((waiting.kind.clone(), name.to_owned()))
}

fn report(db: &Connection, waiting: &Waiting) -> Result<Option<Report>, CacheError> {
    let id: ReportId = serde_json::from_value(waiting.payload["report"].clone())?;
    let Some(head) = tables::reports::by_id(db, id)? else { return Ok(None) };
    Ok(Some(Report { working: None, ..tables::reports::whole(db, id, head)? }))
}

fn drawn(db: &Connection, waiting: &Waiting) -> Result<Option<DrawnContent>, CacheError> {
    let id: AnnotationId = serde_json::from_value(waiting.payload["annotation"].clone())?;
    let found = tables::annotations::by_id(db, id)?;
    Ok(found.map(|found| DrawnContent {
        annotation: found.annotation,
        revision: found.revision,
        removed: found.removed,
        by: found.by,
        at: found.at,
    }))
}

impl Cache {
    /// A study is about to be deleted: what waits of it is kept with all that is needed to send it. Files that only came
    /// in are not: who deletes them does not want them sent.
    pub(crate) fn keep_what_waits(&self, t: &Connection, study: i64) -> Result<(), CacheError> {
        if let Some(record) = tables::studies::by_id(t, study)? {
            if !tables::reports::of_study(t, &record.uid)?.is_empty() {
                tables::outbox::keep_departed(t, &record.uid, &serde_json::to_string(&record)?)?;
            }
        }
        for waiting in tables::outbox::of_study(t, study)? {
            if waiting.kind == "report" || waiting.kind == "critical" {
                // Reports outlive their study, and it is kept for them.
                continue;
            }
            if waiting.kind == "study" {
                tables::outbox::forget(t, waiting.id)?;
                continue;
            }
            let content = serde_json::to_string(&of(t, &waiting)?)?;
            tables::outbox::set_content(t, waiting.id, &content)?;
            for (instance, blob) in blobs(t, &waiting)? {
                let file = self.blobs().open(blob)?.read_all()?;
                tables::outbox::keep_file(t, waiting.id, &instance, &file)?;
            }
        }
        Ok(())
    }

    /// The files of an entry of kind `object` or `study`, one after the other through `see`.
    ///
    /// # Errors
    /// [`CacheError::PixelsElsewhere`] when files were evicted, [`CacheError::Blob`], …
    pub fn outbox_files(
        &self,
        entry: &Entry,
        mut see: impl FnMut(Vec<u8>) -> Result<(), CacheError>,
    ) -> Result<(), CacheError> {
        let (kept, blobs) = self.read(|db| {
            let kept = tables::outbox::kept_files(db, entry.id)?;
            let waiting = tables::outbox::by_id(db, entry.id)?.ok_or(CacheError::NotFound("entry"))?;
            Ok((kept, blobs(db, &waiting)?))
        })?;
        for file in kept {
            see(file)?;
        }
        for (_, blob) in blobs {
            see(self.blobs().open(blob)?.read_all()?)?;
        }
        Ok(())
    }
}

/// Where the files of an entry are: of one series, or of the whole study.
fn blobs(db: &Connection, waiting: &Waiting) -> Result<Vec<(String, BlobId)>, CacheError> {
    let Some(row) = waiting.study.filter(|_| matches!(waiting.kind.as_str(), "object" | "study")) else {
        return Ok(Vec::new());
    };
    let series = waiting.payload["series"].as_str();
    let forms = tables::instances::forms_of_study(db, row)?;
    forms
        .into_iter()
        .filter(|form| series.is_none_or(|series| form.series.as_str() == series))
        .map(|form| Ok((form.uid.to_string(), form.blob.ok_or(CacheError::PixelsElsewhere)?)))
        .collect()
}
