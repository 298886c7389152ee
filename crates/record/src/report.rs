//! A report on a study: its text by sections, its coded findings, what was measured, and how it becomes final.
//!
//! A report has one working text that is saved at every pause, and versions that are fixed once signed. What may follow
//! what is in [`rules`]; the forms a report begins with are in [`template`], what those of a site have to be in
//! [`site_forms`]; what differs between two texts in [`changes`]; the words a checker of spelling should know in
//! [`vocabulary`]. Not here: the database (`medsight-cache`) and forms for other systems (`medsight-sync`).

pub mod changes;
mod content;
pub mod rules;
pub mod site_forms;
pub mod template;
pub mod vocabulary;

pub use content::{CodedFinding, Compared, Content, FieldValue, Quote, Section};

use crate::CodedName;
use medsight_base::{StudyUid, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names one report for good, on every system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReportId(pub Uuid);

/// How far a report is. The words are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportStatus {
    /// Nobody has signed anything.
    #[default]
    Draft,
    /// Signed, and not final: a wet read, or a resident's report that waits for an attending.
    Preliminary,
    /// Signed as final.
    Final,
    /// Final, and text was added; the old is unchanged.
    Addendum,
    /// Final, and its text was changed since.
    Amended,
    /// Not to be used: about another patient, or made by mistake. It stays, marked.
    EnteredInError,
}

impl ReportStatus {
    /// The stored word, and key of its name in the locales (`report.status.…`).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Preliminary => "preliminary",
            Self::Final => "final",
            Self::Addendum => "addendum",
            Self::Amended => "amended",
            Self::EnteredInError => "entered_in_error",
        }
    }

    /// The status of a stored word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Draft, Self::Preliminary, Self::Final, Self::Addendum, Self::Amended, Self::EnteredInError]
            .into_iter()
            .find(|status| status.word() == word)
    }

    /// FHIR R4 DiagnosticReport.status (`http://hl7.org/fhir/diagnostic-report-status`); nothing for what nobody signed.
    #[must_use]
    pub fn fhir(self) -> Option<&'static str> {
        match self {
            Self::Draft => None,
            Self::Preliminary => Some("preliminary"),
            Self::Final => Some("final"),
            Self::Addendum => Some("appended"),
            Self::Amended => Some("amended"),
            Self::EnteredInError => Some("entered-in-error"),
        }
    }

    /// Final, whatever came after.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Final | Self::Addendum | Self::Amended)
    }
}

/// How urgent a critical result is (PS3.16 CID 7035; ACR Actionable Reporting Work Group 2014): minutes, hours, days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Category 1: within minutes.
    Minutes,
    /// Category 2: within hours.
    Hours,
    /// Category 3: within days.
    Days,
}

impl Urgency {
    /// Its code in PS3.16 CID 7035.
    #[must_use]
    pub fn code(self) -> CodedName {
        let (value, meaning) = match self {
            Self::Minutes => ("RID49480", "ACR Category 1 Actionable Finding"),
            Self::Hours => ("RID49481", "ACR Category 2 Actionable Finding"),
            Self::Days => ("RID49482", "ACR Category 3 Actionable Finding"),
        };
        CodedName { value: value.into(), scheme: "RADLEX".into(), meaning: meaning.into() }
    }
}

/// A critical result and how it was passed on. Once written it is not changed; a second call is a second entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriticalResult {
    /// Names it for good.
    pub id: Uuid,
    /// What was found, in words.
    pub result: String,
    /// How urgent.
    pub urgency: Urgency,
    /// Who was told: name and function.
    pub told: String,
    /// How: `phone`, `in_person`, `message`.
    pub by_way_of: String,
    /// When.
    pub told_at: Timestamp,
    /// Whether the other repeated it (read-back).
    pub is_read_back: bool,
}

/// Who signed, as what, when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The account.
    pub account: String,
    /// The name as it was at that time.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// A version: fixed, word for word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportVersion {
    /// From 1, without gaps.
    pub number: u32,
    /// What the report became by it.
    pub status: ReportStatus,
    /// Who signed: the author first, then who co-signed.
    pub signatures: Vec<Signature>,
    /// Why a final report was changed or withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was added, of an addendum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addendum: Option<String>,
    /// The words.
    pub content: Content,
}

/// What is being written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkingText {
    /// The words so far.
    pub content: Content,
    /// The version it goes on from; 0 for none. Another one that came since is a conflict.
    pub base_version: u32,
    /// Counts the times it was saved.
    pub saved: u32,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// By whom.
    pub saved_by: String,
}

/// What is to be kept of a report that is being written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportToSave {
    /// The report; a new name begins a new one.
    pub report: ReportId,
    /// What it is about.
    pub study: StudyUid,
    /// The words so far.
    pub content: Content,
    /// The version it goes on from; 0 for none.
    pub base_version: u32,
    /// The save it goes on from ([`WorkingText::saved`]); 0 for the first.
    pub saved: u32,
}

/// A report with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Its name.
    pub id: ReportId,
    /// What it is about.
    pub study: StudyUid,
    /// How far it is.
    pub status: ReportStatus,
    /// Oldest first.
    pub versions: Vec<ReportVersion>,
    /// What is being written; nothing when the last version is the last word.
    pub working: Option<WorkingText>,
    /// Critical results that were passed on, in the order of time.
    pub critical: Vec<CriticalResult>,
}

impl Report {
    /// The newest version.
    #[must_use]
    pub fn newest(&self) -> Option<&ReportVersion> {
        self.versions.last()
    }

    /// The number of the newest version, or 0.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.newest().map_or(0, |version| version.number)
    }

    /// True when somebody signed a version since the working text was begun.
    #[must_use]
    pub fn is_in_conflict(&self) -> bool {
        self.working.as_ref().is_some_and(|working| working.base_version != self.version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_found_again_by_its_stored_word() {
        let of = ReportStatus::of_word;
        for status in [ReportStatus::Draft, ReportStatus::Amended, ReportStatus::EnteredInError] {
            assert_eq!(of(status.word()), Some(status));
        }
        assert_eq!(of("signed"), None);
        assert_eq!(ReportStatus::Addendum.fhir(), Some("appended"));
    }
}
