//! An import: how it is asked for, how far it is, and how it ended.

use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Asks the person for files or a folder, and imports what was chosen.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChooseImport {
    /// A folder instead of files.
    pub folder: bool,
}

/// Imports what was named: files, folders, zip archives, DICOMDIRs.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportPaths {
    /// Absolute paths.
    pub paths: Vec<String>,
}

/// How far an import is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ImportProgress {
    /// Files done.
    pub files_done: u64,
    /// Files found so far.
    pub files_total: u64,
    /// Bytes done.
    pub bytes_done: u64,
    /// Bytes found so far.
    pub bytes_total: u64,
    /// Bytes a second, over the last seconds.
    pub bytes_per_second: f64,
    /// Seconds left; absent while it can't be told.
    pub seconds_left: Option<f64>,
    /// Still looking for files: totals grow.
    pub counting: bool,
    /// Cancel was asked for.
    pub cancelling: bool,
}

/// A file that was not taken.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ImportRefusal {
    /// The file.
    pub file: String,
    /// What is wrong, naming the attribute.
    pub why: Problem,
}

/// How an import ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ImportSummary {
    /// Files taken.
    pub imported: u64,
    /// Files that were here before.
    pub already_present: u64,
    /// Studies that got something new.
    pub studies: u64,
    /// Bytes taken.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Files not taken.
    pub refused: Vec<ImportRefusal>,
    /// The person cancelled; what was taken stays.
    pub cancelled: bool,
    /// It could not go on: why, and what to do. What was taken stays.
    pub failed: Option<Problem>,
}

/// Whether something is being imported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
#[serde(tag = "state", content = "about", rename_all = "snake_case")]
pub enum ImportState {
    /// Nothing.
    #[default]
    Idle,
    /// It runs.
    Running(ImportProgress),
    /// It has ended and the person has not put the summary away.
    Ended(ImportSummary),
}
