//! What goes to destinations: the kinds of entries in the outbox, and the audit trail.

use serde::{Deserialize, Serialize};

/// Kinds of entries in the outbox. The words are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Files that came in here and are not known to be elsewhere.
    Study,
    /// What a reader drew or measured.
    Annotation,
    /// How far the reading has come.
    ReadState,
    /// A version of a report.
    Report,
    /// A critical result that was passed on.
    Critical,
    /// A series made here: SR, SEG, presentation state, key objects, PDF.
    Object,
    /// Who has the study of an order, told where the order came from.
    Claim,
    /// Events of the audit trail. They have no entries of their own: the trail itself is the queue.
    Audit,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 8] = [
        Self::Study,
        Self::Annotation,
        Self::ReadState,
        Self::Report,
        Self::Critical,
        Self::Object,
        Self::Claim,
        Self::Audit,
    ];

    /// The stored word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Study => "study",
            Self::Annotation => "annotation",
            Self::ReadState => "read_state",
            Self::Report => "report",
            Self::Critical => "critical",
            Self::Object => "object",
            Self::Claim => "claim",
            Self::Audit => "audit",
        }
    }

    /// The kind of a stored word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}
