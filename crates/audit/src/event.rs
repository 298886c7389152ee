//! One event: who did what, when, from where, to which patient and study, how it ended and why.

use crate::Action;
use medsight_base::{StudyUid, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How an act ended. The numbers of the FHIR and DICOM forms are [`Outcome::code`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    #[default]
    Success,
    /// Not done, and the person can go on: a wrong password, a server that said no.
    MinorFailure,
    /// Not done, and something must be put right.
    SeriousFailure,
    /// The system can't go on.
    MajorFailure,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Success, Self::MinorFailure, Self::SeriousFailure, Self::MajorFailure];

    /// 0, 4, 8 or 12: EventOutcomeIndicator (PS3.15 A.5.1) and AuditEvent.outcome (FHIR R4).
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::MinorFailure => 4,
            Self::SeriousFailure => 8,
            Self::MajorFailure => 12,
        }
    }

    /// The stored word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::MinorFailure => "minor_failure",
            Self::SeriousFailure => "serious_failure",
            Self::MajorFailure => "major_failure",
        }
    }
}

/// Where it was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the workstation.
    pub station: String,
    /// The program and its version.
    pub program: String,
}

/// Whether the time of an event can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// What the platform says of the system clock.
    pub state: ClockState,
    /// The time is earlier than that of the event before: the clock was set back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub went_back: bool,
}

/// What the platform says of the system clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// It follows a time server.
    Synchronised,
    /// It does not follow one now.
    Unsynchronised,
    /// The platform does not tell.
    #[default]
    Unknown,
}

impl ClockState {
    /// The stored word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Synchronised => "synchronised",
            Self::Unsynchronised => "unsynchronised",
            Self::Unknown => "unknown",
        }
    }
}

/// Whose data it was: Patient ID (0010,0020) and its issuer (0010,0021), so that the event outlives the study.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PatientKey {
    /// Patient ID.
    pub id: String,
    /// Issuer of Patient ID, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

impl PatientKey {
    /// A patient of the hospital's own numbering. `None` for an empty ID, which names nobody.
    #[must_use]
    pub fn local(id: &str) -> Option<Self> {
        Self::of(id, None)
    }

    /// A patient by ID and, where it is known, whose numbering that is. `None` for an empty ID, which names nobody.
    #[must_use]
    pub fn of(id: &str, issuer: Option<&str>) -> Option<Self> {
        let id = id.trim();
        let issuer = issuer.map(str::trim).filter(|issuer| !issuer.is_empty()).map(str::to_owned);
        (!id.is_empty()).then(|| Self { id: id.to_owned(), issuer })
    }

    /// `ID^^^ISSUER`, as IHE's audit messages name a patient (HL7 v2 CX); the bare ID without an issuer.
    #[must_use]
    pub fn cx(&self) -> String {
        match &self.issuer {
            Some(issuer) => format!("{}^^^{issuer}", self.id),
            None => self.id.clone(),
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
    /// What events have had since the second form of the chain; empty in older ones.
    #[serde(flatten)]
    pub more: More,
}

/// What is told of an event beside who, what, when and to which study.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct More {
    /// The person's name as the sign-in gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The person's roles as the sign-in gave them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Whose data it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientKey>,
    /// How it ended.
    #[serde(default)]
    pub outcome: Outcome,
    /// Why, in a person's words, or why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
    /// State of the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
}

impl AuditEvent {
    /// An event of this version's list that ended well. What the cache knows by itself (place, clock, patient of the
    /// study, name and roles of who is signed in) it fills in where it is not given.
    #[must_use]
    pub fn new(who: &str, what: Action, when: Timestamp, study: Option<StudyUid>, detail: Value) -> Self {
        let more = More::default();
        Self { who: who.to_owned(), what: what.word().to_owned(), when, study, detail, more }
    }

    /// With how it ended.
    #[must_use]
    pub fn ended(mut self, outcome: Outcome) -> Self {
        self.more.outcome = outcome;
        self
    }

    /// With why.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        self.more.reason = Some(reason.to_owned());
        self
    }

    /// With whose data it was, where no study here tells.
    #[must_use]
    pub fn about(mut self, patient: Option<PatientKey>) -> Self {
        self.more.patient = patient;
        self
    }

    /// What was done, where this version knows the word.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        Action::of_word(&self.what)
    }
}
