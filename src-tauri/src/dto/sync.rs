//! What waits to be sent, as the person sees it.

use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why nothing goes to a destination at present.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SyncFailing {
    /// Since when, milliseconds since 1970.
    pub since_ms: i64,
    /// Tries since then.
    pub attempts: u32,
    /// When it is tried again by itself.
    pub next_ms: Option<i64>,
    /// What is wrong and what to do.
    pub problem: Problem,
}

/// An entry that was tried in vain.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SyncStuck {
    /// The entry.
    pub id: i64,
    /// Study Instance UID, or empty.
    pub study_uid: String,
    /// Date, modality and description of the study; empty when it is no longer here.
    pub about: String,
    /// Word of its kind; `sync.kind.…`.
    pub kind: String,
    /// `waiting`, `refused`, `conflict`.
    pub state: String,
    /// Tries so far.
    pub attempts: u32,
    /// When it was tried last, milliseconds since 1970.
    pub tried_ms: i64,
    /// When it is tried again by itself; absent when a person decides.
    pub next_ms: Option<i64>,
    /// What is wrong and what to do.
    pub problem: Problem,
}

/// One destination.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SyncDestination {
    /// Its name.
    pub name: String,
    /// `fhir`, `pacs`, `audit_repository`, `hl7`.
    pub system: String,
    /// Words of the kinds that it takes.
    pub takes: Vec<String>,
    /// Entries that it has yet to get.
    pub waiting: u64,
    /// When the oldest of them began to wait.
    pub since_ms: Option<i64>,
    /// When something last went there.
    pub last_sent_ms: Option<i64>,
    /// Events of the audit trail that it has yet to get; absent where it takes none.
    pub audit_waiting: Option<u64>,
    /// Why nothing goes there at present.
    pub failing: Option<SyncFailing>,
    /// What was tried in vain.
    pub stuck: Vec<SyncStuck>,
}

/// What waits, for whom, since when and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SyncView {
    /// Destinations of the settings.
    pub destinations: Vec<SyncDestination>,
    /// What waits because no destination takes its kind: words and numbers.
    pub unclaimed: Vec<(String, u64)>,
    /// The numbers of the badge.
    pub badge: SyncBadge,
}

/// What the window shows at its top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SyncBadge {
    /// There is at least one destination.
    pub is_set_up: bool,
    /// Entries on their way, over all destinations.
    pub waiting: u64,
    /// Entries that a person has to look at.
    pub stuck: u64,
    /// Destinations that can't be reached.
    pub failing: u32,
}

/// Names an entry at a destination.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncEntryRequest {
    /// The destination.
    pub destination: String,
    /// The entry.
    pub id: i64,
}

/// Two versions of a thing that somebody else changed at a destination meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SyncConflict {
    /// Ours, in words.
    pub ours: String,
    /// Theirs, in words; absent when it was taken away there.
    pub theirs: Option<String>,
    /// When theirs was written, as the server says it.
    pub their_time: Option<String>,
    /// Their version, to be sent back with the decision: it holds for what was seen.
    pub their_version: Option<String>,
    /// Whose it is, as on every window.
    pub identity: String,
    /// Date, modality and description of the study.
    pub about: String,
    /// Of a report to which an addendum can be signed: the version that it would follow.
    pub base_version: Option<u32>,
}

/// What a person decided about an entry that is in conflict.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncSettleRequest {
    /// The destination.
    pub destination: String,
    /// The entry.
    pub id: i64,
    /// `ours`, `theirs` or `merged`.
    pub choice: String,
    /// Their version that was seen.
    pub their_version: Option<String>,
    /// Of a merge: the words that are signed as an addendum.
    pub addendum: String,
    /// Of a merge: our version that was seen.
    pub base_version: Option<u32>,
}

/// An order that was claimed here and that somebody else has at the server.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ClaimConflict {
    /// Whose it is, as on every window.
    pub identity: String,
    /// Date, modality and description of the study.
    pub about: String,
    /// The account that claimed it here.
    pub ours: String,
    /// Who has it there, in words; empty when the server does not say.
    pub theirs: String,
    /// Since when, as the server says it.
    pub since: Option<String>,
    /// FHIR's word of how far they are.
    pub status: String,
    /// The server's version, to be sent back with the decision: it holds for what was seen.
    pub version: String,
}

/// Who is to have an order from now on.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimSettleRequest {
    /// The destination.
    pub destination: String,
    /// The entry.
    pub id: i64,
    /// The server's version that was seen.
    pub version: String,
    /// Who claimed it here; else it is left to who has it there.
    pub takes_over: bool,
}

/// Names a destination.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncDestinationRequest {
    /// Its name.
    pub destination: String,
}
