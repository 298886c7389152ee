//! What can be done, as the words of the audit trail. Not here: how other systems call it (`forms/`).

use serde::{Deserialize, Serialize};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// What was done. The words are stored: they may be added to, never changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Action {
            $($(#[$doc])* $name,)+
        }

        impl Action {
            /// All of them, in the order in which they came into the list.
            pub const ALL: &[Action] = &[$(Self::$name,)+];

            /// The stored word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

actions! {
    /// The cache was made.
    CacheCreated = "cache_created",
    /// The master key was changed.
    KeyChanged = "key_changed",
    /// Files were taken in.
    Imported = "imported",
    /// A study was opened for reading.
    StudyOpened = "study_opened",
    /// An annotation was made or changed.
    AnnotationSaved = "annotation_saved",
    /// An annotation was taken away.
    AnnotationRemoved = "annotation_removed",
    /// The reading state was set.
    ReadStateSet = "read_state_set",
    /// A study was deleted from this computer.
    StudyDeleted = "study_deleted",
    /// A series was deleted from this computer.
    SeriesDeleted = "series_deleted",
    /// The images of a study were removed to make room; they are kept elsewhere.
    ImagesEvicted = "images_evicted",
    /// A study was copied out of the cache.
    Exported = "exported",
    /// A study was sent to another system.
    Sent = "sent",
    /// An object was made of what a reader drew, marked or set.
    ObjectWritten = "object_written",
    /// A program proposed a segmentation; the event tells its name, version and hash.
    Proposed = "proposed",
    /// A person decided on a proposal: accepted, changed or rejected.
    ProposalDecided = "proposal_decided",
    /// A decision on a proposal was taken back.
    ProposalReopened = "proposal_reopened",
    /// Somebody signed in; the event tells name and roles of the account.
    SignedIn = "signed_in",
    /// Somebody tried to sign in and was not let in.
    SignInFailed = "sign_in_failed",
    /// Somebody signed out.
    SignedOut = "signed_out",
    /// The workstation was locked, by a person or after idling.
    Locked = "locked",
    /// The workstation was unlocked.
    Unlocked = "unlocked",
    /// Somebody tried to unlock the workstation and was not let in.
    UnlockFailed = "unlock_failed",
    /// Somebody asked for what their roles do not allow, and did not get it.
    RightRefused = "right_refused",
    /// Somebody went past the usual rules in an emergency; the reason is in the event.
    BrokeGlass = "broke_glass",
    /// What is being written of a report was kept.
    ReportSaved = "report_saved",
    /// What was written of a report since its last version was thrown away.
    ReportDiscarded = "report_discarded",
    /// A version of a report was signed: preliminary or final.
    ReportSigned = "report_signed",
    /// A report that was final was changed or got an addendum.
    ReportAmended = "report_amended",
    /// A report was opened for reading.
    ReportViewed = "report_viewed",
    /// A critical result was passed on.
    CriticalTold = "critical_told",
    /// Somebody took a study to read.
    Claimed = "claimed",
    /// Somebody gave a study back that they had taken.
    Released = "released",
    /// A study was given to somebody, or its priority was set.
    Assigned = "assigned",
    /// A setting was changed that concerns all who use the workstation.
    SettingChanged = "setting_changed",
    /// Another system was asked for patients or studies.
    Queried = "queried",
    /// Another system sent something here.
    Received = "received",
    /// Something was printed.
    Printed = "printed",
    /// The audit trail was looked at.
    AuditViewed = "audit_viewed",
    /// The audit trail was copied out.
    AuditExported = "audit_exported",
    /// Old events were removed from the audit trail by policy; a signed record of them stays.
    Purged = "purged",
    /// A person said that the records were restored from a backup.
    RestoreAccepted = "restore_accepted",
    /// Another system refused for good what it was sent.
    DeliveryRefused = "delivery_refused",
    /// What waited for another system need not go there: a person said so.
    DeliveryDropped = "delivery_dropped",
    /// Somebody else had changed at another system what was sent there: a person decided which version holds.
    ConflictSettled = "conflict_settled",
}

impl Action {
    /// The action of a stored word; `None` for one of a later version.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_word_of_its_own_that_leads_back_to_it() {
        for action in Action::ALL {
            assert_eq!(Action::of_word(action.word()), Some(*action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.word());
        }
        assert_eq!(Action::of_word("took_a_nap"), None);
    }
}
