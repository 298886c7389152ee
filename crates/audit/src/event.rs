//! One event: who did what, when, to which study.

use medsight_base::{StudyUid, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was done. The words are stored: they may be added to, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The cache was made.
    CacheCreated,
    /// The master key was changed.
    KeyChanged,
    /// Files were taken in.
    Imported,
    /// A study was opened for reading.
    StudyOpened,
    /// An annotation was made or changed.
    AnnotationSaved,
    /// An annotation was taken away.
    AnnotationRemoved,
    /// The reading state was set.
    ReadStateSet,
    /// A study was deleted from this computer.
    StudyDeleted,
    /// A series was deleted from this computer.
    SeriesDeleted,
    /// The images of a study were removed to make room; they are kept elsewhere.
    ImagesEvicted,
    /// A study was copied out of the cache.
    Exported,
    /// A study was sent to another system.
    Sent,
    /// An object was made of what a reader drew, marked or set.
    ObjectWritten,
    /// Somebody began to read a study, or took it over.
    Claimed,
    /// Somebody stopped reading it.
    Released,
    /// It was given to somebody to read.
    Assigned,
    /// It became more or less urgent.
    PrioritySet,
    /// What is being written of a report was kept.
    ReportSaved,
    /// What was written of a report since its last version was thrown away.
    ReportDiscarded,
    /// A version of a report was signed.
    ReportSigned,
    /// A critical result was passed on.
    CriticalTold,
}

impl Action {
    /// The stored word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CacheCreated => "cache_created",
            Self::KeyChanged => "key_changed",
            Self::Imported => "imported",
            Self::StudyOpened => "study_opened",
            Self::AnnotationSaved => "annotation_saved",
            Self::AnnotationRemoved => "annotation_removed",
            Self::ReadStateSet => "read_state_set",
            Self::StudyDeleted => "study_deleted",
            Self::SeriesDeleted => "series_deleted",
            Self::ImagesEvicted => "images_evicted",
            Self::Exported => "exported",
            Self::Sent => "sent",
            Self::ObjectWritten => "object_written",
            Self::Claimed => "claimed",
            Self::Released => "released",
            Self::Assigned => "assigned",
            Self::PrioritySet => "priority_set",
            Self::ReportSaved => "report_saved",
            Self::ReportDiscarded => "report_discarded",
            Self::ReportSigned => "report_signed",
            Self::CriticalTold => "critical_told",
        }
    }
}

/// One event, as it is hashed and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Who: the account of the person or program.
    pub who: String,
    /// What was done; [`Action::word`], as text so that words of later versions are kept too.
    pub what: String,
    /// When.
    pub when: Timestamp,
    /// The study it was done to.
    pub study: Option<StudyUid>,
    /// Counts and ids that belong to it. No names, no values of patients.
    pub detail: Value,
}

impl AuditEvent {
    /// An event of this version's list.
    #[must_use]
    pub fn new(who: &str, what: Action, when: Timestamp, study: Option<StudyUid>, detail: Value) -> Self {
        Self { who: who.to_owned(), what: what.word().to_owned(), when, study, detail }
    }
}
