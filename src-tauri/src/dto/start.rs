//! How the start went: what the window shows before there is a worklist.

use super::{
    ImportState, LightBoxState, ListenerState, Notice, RetrievalRow, SessionView, SettingsView, SyncBadge,
};
use crate::problem::Problem;
use serde::Serialize;
use ts_rs::TS;

/// What keeps the cache from being opened. Each has a screen of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// The keyring is locked.
    KeyringLocked,
    /// No keyring service answers.
    NoKeyring,
    /// The keyring asks for a password in a window of its own, or has none to put a key in yet.
    KeyringWaiting,
    /// The key is not where it was.
    KeyMissing,
    /// There is a key, but of another cache.
    WrongKey,
    /// The key file or credential can't be used.
    BadKeySource,
    /// No room on the disk.
    DiskFull,
    /// A newer MedSight has written this cache.
    NewerSchema,
    /// Another program has the cache open.
    InUse,
    /// The folder can't be read or written.
    Denied,
    /// The database is damaged.
    Damaged,
    /// The settings file can't be read.
    Settings,
    /// Anything else.
    Other,
}

/// Why the cache is not open, and what to do.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// Which screen.
    pub kind: TroubleKind,
    /// What happened, in the words of the part that noticed.
    pub problem: Problem,
    /// Folder of the cache.
    pub cache_folder: String,
}

/// State of the start.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(tag = "state", content = "about", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum StartState {
    /// The cache is being opened.
    Opening,
    /// The worklist can be shown.
    Ready {
        /// The cache was made just now.
        first_run: bool,
    },
    /// The cache could not be opened. Nothing was changed.
    Trouble(Trouble),
}

/// Everything the window needs to draw itself for the first time.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DeskState {
    /// How the start went.
    pub start: StartState,
    /// Who is at the desk. While nobody is, or behind the lock, nothing below is about studies.
    pub session: SessionView,
    /// Settings.
    pub settings: SettingsView,
    /// The light box.
    pub light_box: LightBoxState,
    /// The import.
    pub import: ImportState,
    /// Studies on their way from servers.
    pub retrievals: Vec<RetrievalRow>,
    /// The listener.
    pub listener: ListenerState,
    /// What waits to be sent, in numbers.
    pub sync: SyncBadge,
    /// What the person has not yet put away.
    pub notice: Option<Notice>,
    /// Version of the program.
    pub version: String,
}
