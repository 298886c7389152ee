//! What crosses to the web view and back: plain types, described to TypeScript by `ts-rs`.
//!
//! Only shapes are here. The core types of `medsight-record` stay free of the web view's wishes; these
//! are made from them in the command modules. Rust names in snake case are camel case in TypeScript.

mod event;
mod import;
mod settings;
mod start;
mod study;
mod worklist;

pub use event::{DeskEvent, LightBoxState, Notice};
pub use import::{ChooseImport, ImportPaths, ImportProgress, ImportRefusal, ImportState, ImportSummary};
pub use settings::{KeySourceInfo, SettingsChange, SettingsView};
pub use start::{DeskState, StartState, Trouble, TroubleKind};
pub use study::{
    DeleteStudies, Measurement, OpenStudy, SeriesRow, SetReadState, StudyDetails, StudyRequest, Thumbnail,
    ThumbnailRequest,
};
pub use worklist::{
    DateRange, FacetCount, SortColumn, StudyRow, WorklistFacets, WorklistFilter, WorklistPage,
    WorklistRequest,
};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A command that takes nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Stable names of failures; the front end never reads the message to find out what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The cache is not open.
    NotReady,
    /// What was asked for is not there.
    NotFound,
    /// The request made no sense.
    BadRequest,
    /// No room on the disk.
    DiskFull,
    /// The light box could not be started, or keeps stopping.
    LightBox,
    /// The cache could not do it.
    Cache,
    /// The settings are fixed by the site, or can't be written.
    Settings,
}

/// All the web view learns of a failure: a code, and what to do, without patient data.
#[derive(Clone, Debug, Serialize, TS)]
pub struct CommandError {
    /// What kind of failure.
    pub code: ErrorCode,
    /// What happened and what to do, for a person.
    pub message: String,
}

impl CommandError {
    /// A failure with its message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
