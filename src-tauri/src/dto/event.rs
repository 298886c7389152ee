//! What the desk tells the window without being asked.

use super::{ImportState, ListenerState, RetrievalRow, SessionView, SettingsView, StartState, SyncBadge};
use crate::problem::Problem;
use serde::Serialize;
use ts_rs::TS;

/// The light box as the status bar shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
#[serde(tag = "state", content = "about", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum LightBoxState {
    /// Not started: nothing is open.
    #[default]
    Idle,
    /// Started, not answered yet.
    Starting,
    /// It runs.
    Ready {
        /// Graphics adapter.
        adapter: String,
        /// Studies on it.
        open: u32,
    },
    /// The program is not there, or it stopped too often.
    Failed(Problem),
}

/// Something a person should know, until put away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The light box died and was started again.
    LightBoxEnded,
    /// It died too often and stays away.
    LightBoxGivenUp,
    /// A measurement could not be stored.
    NotSaved,
    /// An import that was cut off goes on.
    ImportResumed,
    /// Retrievals that were cut off go on.
    RetrievalResumed,
}

/// A change that the window shows.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(tag = "type", content = "body", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum DeskEvent {
    /// The start went on.
    Start(StartState),
    /// Somebody came or went, or a sign-in went on.
    Session(Box<SessionView>),
    /// Studies came, went or changed.
    WorklistChanged,
    /// Measurements or state of one study changed.
    StudyChanged {
        /// Study Instance UID.
        study_uid: String,
    },
    /// Many studies changed at once.
    StudiesChanged {
        /// Study Instance UIDs.
        study_uids: Vec<String>,
    },
    /// The first image of a study is on the light box.
    StudyShown {
        /// Study Instance UID.
        study_uid: String,
        /// From Open to the first image.
        first_image_ms: f64,
    },
    /// What waits to be sent changed.
    Sync(SyncBadge),
    /// Other systems are being asked, or have answered.
    Inbound,
    /// The import went on.
    Import(ImportState),
    /// Retrievals began, went on or ended: all of them.
    Retrievals(Vec<RetrievalRow>),
    /// The listener began, ended, or something happened there.
    Listener(ListenerState),
    /// The light box changed.
    LightBox(LightBoxState),
    /// Settings changed.
    Settings(Box<SettingsView>),
    /// Something a person should know.
    Notice(Notice),
    /// The window is asked to close: what is being written is to be kept first.
    Closing,
    /// Something failed that no answer tells.
    Failure(Problem),
}

impl DeskEvent {
    /// Whether a window may hear it while nobody is signed in or the desk is locked: nothing of a study, a patient or a
    /// file is in it.
    pub(crate) fn is_for_everybody(&self) -> bool {
        match self {
            Self::Start(_)
            | Self::Session(_)
            | Self::LightBox(_)
            | Self::Settings(_)
            | Self::Notice(_)
            | Self::Closing => true,
            Self::WorklistChanged
            | Self::StudyChanged { .. }
            | Self::StudiesChanged { .. }
            | Self::StudyShown { .. }
            | Self::Import(_)
            | Self::Retrievals(_)
            | Self::Listener(_)
            | Self::Sync(_)
            | Self::Inbound
            | Self::Failure(_) => false,
        }
    }
}
