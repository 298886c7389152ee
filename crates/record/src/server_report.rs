//! A report that another system has of a patient: read, never changed here.

use crate::Patient;
use crate::server_copy::{KnownCopy, server_copy};
use medsight_base::{StudyUid, Timestamp};
use serde::{Deserialize, Serialize};

/// A report of another system, in its newest version that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerReport {
    /// Name of the source in the settings.
    pub source: String,
    /// `DiagnosticReport/17`.
    pub place: String,
    /// Its version there.
    pub version: String,
    /// Patient ID (0010,0020), as this workstation asked for it.
    pub patient_id: String,
    /// The patient as the server has them, who need not be ours; `None` where it told only the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<Patient>,
    /// FHIR's word: `registered`, `partial`, `preliminary`, `final`, `amended`, `corrected`, `appended`, `cancelled`,
    /// `entered-in-error`, `unknown`.
    pub status: String,
    /// Of what kind it is, in the server's words; empty where it says none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// It is one of radiology, or says of no kind that it is: then it may be.
    #[serde(default = "yes")]
    pub is_radiology: bool,
    /// What it is a report of.
    pub title: String,
    /// Day or moment of the examination, as the server has it.
    pub effective: String,
    /// When this version was given out.
    pub issued_at: Option<Timestamp>,
    /// Who wrote it.
    pub performer: String,
    /// Its words: the conclusion, then forms that are plain text.
    pub text: String,
    /// It has more words than are kept here.
    pub is_cut: bool,
    /// Content types of forms that are no plain text: `application/pdf`. They stay at the server.
    pub other_forms: Vec<String>,
    /// Study Instance UID, where it names one.
    pub study: Option<StudyUid>,
    /// Names of reports: `urn:uuid:…` of one that was written here and sent there.
    pub identifiers: Vec<String>,
}

impl ServerReport {
    /// It was withdrawn: what it says does not hold.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        matches!(self.status.as_str(), "entered-in-error" | "cancelled")
    }
}

/// A report as this workstation knows it.
pub type KnownServerReport = KnownCopy<ServerReport>;

server_copy!(ServerReport);

/// Copies from before kinds were told apart.
const fn yes() -> bool {
    true
}
