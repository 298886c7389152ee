//! The audit trail as an auditor sees it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which events are looked for. What is empty does not limit.
#[derive(Clone, Debug, Default, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditRequest {
    /// Account.
    pub who: String,
    /// Patient ID.
    pub patient: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// Word of an action.
    pub action: String,
    /// First day, milliseconds since 1970 of its beginning.
    pub from_ms: Option<i64>,
    /// Behind the last day, milliseconds since 1970.
    pub until_ms: Option<i64>,
    /// Only what did not end well.
    pub only_failures: bool,
    /// Only events before this number: the next page.
    pub before: Option<u64>,
}

/// One event.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    /// Its number.
    pub sequence: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Account.
    pub who: String,
    /// The person's name as the sign-in gave it, or empty.
    pub name: String,
    /// Roles as the sign-in gave them.
    pub roles: Vec<String>,
    /// Word of the action; `audit.action.…`.
    pub what: String,
    /// `success`, `minor_failure`, `serious_failure`, `major_failure`.
    pub outcome: String,
    /// Patient ID, or empty.
    pub patient: String,
    /// Study Instance UID, or empty.
    pub study_uid: String,
    /// Why, or empty.
    pub reason: String,
    /// Workstation and program.
    pub from: String,
    /// `synchronised`, `unsynchronised`, `unknown`, or empty.
    pub clock: String,
    /// The clock was set back before it.
    pub clock_went_back: bool,
    /// Counts and ids, as JSON; empty where there are none.
    pub detail: String,
}

/// A page of events, newest first.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AuditRows {
    /// Events that fit, on all pages.
    pub total: u64,
    /// This page.
    pub events: Vec<AuditRow>,
}

/// Where the trail does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct AuditBreak {
    /// Number of the event.
    pub at: u64,
    /// In which way, a word key under `audit.break.`.
    pub how: String,
}

/// Whether the trail is whole.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AuditState {
    /// Events that are kept.
    pub events: u64,
    /// Time of the first, milliseconds since 1970.
    pub first_ms: Option<i64>,
    /// Time of the last.
    pub last_ms: Option<i64>,
    /// Absent for a whole one.
    pub broken: Option<AuditBreak>,
}

/// Which time the report of unusual accesses is about.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnusualRequest {
    /// From, milliseconds since 1970.
    pub from_ms: i64,
    /// Before, milliseconds since 1970.
    pub until_ms: i64,
    /// Minutes by which the clock of the place is ahead of UTC.
    pub utc_offset_min: i32,
}

/// Accesses that a person should look at.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct UnusualRow {
    /// Why: the whole word key of the rule.
    pub rule: String,
    /// What fills the words of the rule.
    #[ts(type = "Record<string, number>")]
    pub usual: std::collections::BTreeMap<String, u32>,
    /// Account.
    pub who: String,
    /// Patient ID, or empty.
    pub patient: String,
    /// Accesses, or patients.
    pub count: u64,
    /// First event.
    pub first: u64,
    /// When it began, milliseconds since 1970.
    pub at_ms: i64,
}

/// Asks for a copy of the trail.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditExportRequest {
    /// `csv`, `fhir` or `dicom`.
    #[ts(type = "\"csv\" | \"fhir\" | \"dicom\"")]
    pub form: String,
}
