//! Who reads a study, how urgent it is, and until when: the workflow of the worklist.
//!
//! A claim says "I am reading this"; it keeps two people from writing one report. Whoever takes a study over from
//! another does so knowingly. Not here: orders of other systems ([`crate::order`]).

use medsight_base::Timestamp;
use serde::{Deserialize, Serialize};

/// How urgent the reading is. The order is that of the worklist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// At once.
    Stat,
    /// Before the others.
    Urgent,
    /// In its turn.
    #[default]
    Routine,
}

impl Priority {
    /// All of them, most urgent first.
    pub const ALL: [Priority; 3] = [Priority::Stat, Priority::Urgent, Priority::Routine];

    /// The word, key of its name in the locales (`priority.…`), and FHIR's request-priority.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Urgent => "urgent",
            Self::Routine => "routine",
        }
    }

    /// The priority of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.word() == word)
    }
}

/// Minutes from the arrival of a study to its report that the site promises, by priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceTimes {
    /// Of [`Priority::Stat`].
    pub stat_min: u32,
    /// Of [`Priority::Urgent`].
    pub urgent_min: u32,
    /// Of [`Priority::Routine`].
    pub routine_min: u32,
}

impl ServiceTimes {
    /// Those of a priority.
    #[must_use]
    pub fn minutes(&self, priority: Priority) -> u32 {
        match priority {
            Priority::Stat => self.stat_min,
            Priority::Urgent => self.urgent_min,
            Priority::Routine => self.routine_min,
        }
    }

    /// When the report of a study that came at `came` is due.
    #[must_use]
    pub fn due(&self, priority: Priority, came: Timestamp) -> Timestamp {
        Timestamp(came.0.saturating_add(i64::from(self.minutes(priority)) * 60_000))
    }
}

/// Somebody is reading the study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The account.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// The work on a study.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// How urgent it is.
    pub priority: Priority,
    /// A person said how urgent it is; else its order does, or nobody.
    #[serde(default)]
    pub is_priority_set: bool,
    /// The account that is to read it.
    pub assigned_to: Option<String>,
    /// Who reads it now.
    pub claimed: Option<Claim>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_urgent_is_due_earlier_and_stands_before_what_is_not() {
        let times = ServiceTimes { stat_min: 60, urgent_min: 240, routine_min: 1440 };
        let due = Priority::ALL.map(|priority| times.due(priority, Timestamp(0)).0);
        assert_eq!(due, [3_600_000, 14_400_000, 86_400_000]);
        assert!(Priority::Stat < Priority::Urgent && Priority::Urgent < Priority::Routine);
        assert!(Priority::ALL.iter().all(|one| Priority::of_word(one.word()) == Some(*one)));
    }
}
