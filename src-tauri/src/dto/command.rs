//! What the window can ask the desk to do: [`Command`] in the form in which it crosses.

use super::SettingsChange;
use crate::problem::Problem;
use medsight_base::StudyUid;
use medsight_record::{Command, DeskCommand, Priority, ReadState, RecordCommand};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One command of a person. Pages, dialogs and the palette are the window's own and do not cross.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(tag = "do", content = "with", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum WindowCommand {
    /// Show a study on the light box.
    OpenStudy {
        /// Study Instance UID.
        study_uid: String,
        /// The study below it in the list: it may be fetched ahead.
        next_uid: Option<String>,
    },
    /// Set how far the reading has come.
    SetReadState {
        /// Study Instance UID.
        study_uid: String,
        /// The new state.
        #[ts(type = "string")]
        state: ReadState,
    },
    /// Set how urgent the reading is.
    SetPriority {
        /// Study Instance UID.
        study_uid: String,
        /// The new priority; `null`: as its order says.
        #[ts(type = "string | null")]
        priority: Option<Priority>,
    },
    /// Give a study to somebody to read, or to nobody in particular.
    Assign {
        /// Study Instance UID.
        study_uid: String,
        /// The account.
        to: Option<String>,
    },
    /// "I am reading this."
    Claim {
        /// Study Instance UID.
        study_uid: String,
        /// Take it over from somebody else.
        over: bool,
    },
    /// "I am not reading this any more."
    Release {
        /// Study Instance UID.
        study_uid: String,
    },
    /// Delete studies from this computer; the person was asked before, by name.
    DeleteStudies {
        /// Study Instance UIDs.
        study_uids: Vec<String>,
    },
    /// Change one setting and store it.
    ChangeSetting(SettingsChange),
    /// Light or dark.
    ToggleTheme,
    /// Stop the import that runs and forget those that wait; what was taken stays.
    CancelImport,
    /// Take the last step back.
    Undo,
    /// Do it again.
    Redo,
    /// Hide everything until the person is back.
    Lock,
    /// End the session.
    SignOut,
    /// See studies in an emergency.
    BreakGlass {
        /// In the person's words.
        reason: String,
    },
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Performed {
    /// Id of the command, the key of its label; for undo and redo that of the command taken back or done again.
    pub id: String,
    /// Undo takes it back.
    pub undoable: bool,
    /// It was taken back, and redo does it again.
    pub redoable: bool,
}

impl TryFrom<WindowCommand> for Command {
    type Error = Problem;

    fn try_from(command: WindowCommand) -> Result<Self, Problem> {
        Ok(match command {
            WindowCommand::OpenStudy { study_uid, .. } => {
                Self::Desk(DeskCommand::OpenStudy(StudyUid::parse(&study_uid)?))
            }
            WindowCommand::SetReadState { study_uid, state } => {
                Self::Record(RecordCommand::SetReadState { study: StudyUid::parse(&study_uid)?, state })
            }
            WindowCommand::SetPriority { study_uid, priority } => {
                Self::Record(RecordCommand::SetPriority { study: StudyUid::parse(&study_uid)?, priority })
            }
            WindowCommand::Assign { study_uid, to } => {
                let to = to.map(|to| to.trim().to_owned()).filter(|to| !to.is_empty());
                Self::Record(RecordCommand::Assign { study: StudyUid::parse(&study_uid)?, to })
            }
            WindowCommand::Claim { study_uid, over } => {
                Self::Record(RecordCommand::Claim { study: StudyUid::parse(&study_uid)?, over })
            }
            WindowCommand::Release { study_uid } => {
                Self::Record(RecordCommand::Release(StudyUid::parse(&study_uid)?))
            }
            WindowCommand::DeleteStudies { study_uids } => {
                let studies = study_uids.iter().map(|uid| StudyUid::parse(uid)).collect::<Result<_, _>>()?;
                Self::Record(RecordCommand::DeleteStudies(studies))
            }
            WindowCommand::ChangeSetting(change) => {
                Self::Desk(DeskCommand::ChangeSetting(change.try_into()?))
            }
            WindowCommand::ToggleTheme => Self::Desk(DeskCommand::ToggleTheme),
            WindowCommand::CancelImport => Self::Desk(DeskCommand::CancelImport),
            WindowCommand::Undo => Self::Desk(DeskCommand::Undo),
            WindowCommand::Redo => Self::Desk(DeskCommand::Redo),
            WindowCommand::Lock => Self::Desk(DeskCommand::Lock),
            WindowCommand::SignOut => Self::Desk(DeskCommand::SignOut),
            WindowCommand::BreakGlass { reason } => Self::Desk(DeskCommand::BreakGlass(reason)),
        })
    }
}
