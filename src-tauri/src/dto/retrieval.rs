//! Studies on their way from a server: how each is asked for, how far it is, how it ended.

use super::ImportSummary;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A study of a server.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedStudy {
    /// Study Instance UID.
    pub uid: String,
    /// How the person knows it, while nothing of it is here: name, date, description.
    pub about: String,
}

/// Brings studies of a server here.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetrieveRequest {
    /// Name of the server in the settings.
    pub node: String,
    /// The first wanted first.
    pub studies: Vec<WantedStudy>,
    /// Shows each on the light box as soon as its first image is here.
    pub open: bool,
}

/// One retrieval, or all of them.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetrievalChoice {
    /// Number of the retrieval; absent for all.
    pub id: Option<u32>,
}

/// Where a retrieval is.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "state", content = "about", rename_all = "snake_case")]
pub enum RetrievalPhase {
    /// Others are before it.
    Waiting,
    /// It runs.
    Running,
    /// It was told to stop and will at once.
    Cancelling,
    /// It has ended, and the person has not put it away.
    Ended(ImportSummary),
}

/// One study on its way.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RetrievalRow {
    /// Counts up in one run of the desk.
    pub id: u32,
    /// Name of the server.
    pub node: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// How the person knows it.
    pub about: String,
    /// Nobody asked for it: it is fetched ahead.
    pub ahead: bool,
    /// Where it is.
    pub phase: RetrievalPhase,
    /// Objects that came.
    pub files_done: u64,
    /// Objects that were missing, as far as the server has listed them.
    pub files_total: u64,
    /// Bytes that came.
    pub bytes_done: u64,
    /// Bytes a second since it began.
    pub bytes_per_second: f64,
}
