//! What somebody asked for: an order of another system, and the task by which it was given to somebody.
//!
//! They are copies of what the other system has, with its version, and are never changed here. Not here: how they are
//! asked for (`medsight-sync`), and who reads a study on this workstation ([`crate::work`]).

use crate::{CodedName, Patient, Priority};
use medsight_base::{StudyUid, Timestamp};
use serde::{Deserialize, Serialize};

/// How far an order is. The words are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// To be done.
    #[default]
    Open,
    /// Put off.
    OnHold,
    /// Done.
    Completed,
    /// Called off, or entered in error.
    Withdrawn,
}

impl OrderStatus {
    /// The stored word, key of its name in the locales (`order.status.…`).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::OnHold => "on_hold",
            Self::Completed => "completed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether something is still to come of it.
    #[must_use]
    pub fn is_expected(self) -> bool {
        matches!(self, Self::Open | Self::OnHold)
    }
}

/// A point in time as another system tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum When {
    /// With its offset: a moment.
    At(Timestamp),
    /// Of the other system's own clock and calendar: `2026-11-23` or `2026-11-23 08:30`.
    Local(String),
}

/// An order of another system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Name of the source in the settings.
    pub source: String,
    /// What the source calls it: `ServiceRequest/17`; of a step of a worklist, which has no name there, `step/` and a digest of
    /// its numbers.
    pub place: String,
    /// The destination of the settings that it came from, which can be told who has it; `None` for a worklist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Its version there: an ETag, or a digest of what it says where the source counts no versions.
    pub version: String,
    /// How far it is.
    pub status: OrderStatus,
    /// How urgent; `None` where nothing is said.
    pub priority: Option<Priority>,
    /// Whom it is for. Without an ID it can't be told whose it is, and it meets no study.
    pub patient: Patient,
    /// Study Instance UID (0020,000D), where it is known before the images.
    pub study: Option<StudyUid>,
    /// Accession Number (0008,0050).
    pub accession: String,
    /// What was asked for, in words.
    pub procedure: String,
    /// The same as a code.
    pub code: Option<CodedName>,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub requester: String,
    /// Who or what is to do it.
    pub performer: String,
    /// Modality (0008,0060).
    pub modality: String,
    /// When it was asked for.
    pub requested: Option<When>,
    /// When it is to be done.
    pub scheduled: Option<When>,
    /// Until when.
    pub due_at: Option<Timestamp>,
}

/// An order was given to somebody: FHIR's Task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTask {
    /// Name of the source in the settings.
    pub source: String,
    /// `Task/17`.
    pub place: String,
    /// Its version there.
    pub version: String,
    /// The order: `ServiceRequest/17`.
    pub order: String,
    /// FHIR's word: `requested`, `accepted`, `in-progress`, `completed`…
    pub status: String,
    /// Who has it, in words.
    pub owner: String,
    /// How urgent; `None` where nothing is said.
    pub priority: Option<Priority>,
    /// Until when.
    pub due_at: Option<Timestamp>,
}

impl OrderTask {
    /// It is over, whichever way.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "cancelled" | "rejected" | "failed" | "entered-in-error")
    }
}

/// An order as this workstation knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownOrder {
    /// Itself.
    pub order: Order,
    /// To whom it was given; the newest task that is not over, else the newest.
    pub task: Option<OrderTask>,
    /// The source no longer has it.
    pub gone: bool,
    /// When the source last said so, milliseconds by this workstation's clock.
    pub seen_at: Timestamp,
}

impl KnownOrder {
    /// How urgent it is: as the task says, else as the order does. Nothing of what is withdrawn or gone.
    #[must_use]
    pub fn priority(&self) -> Option<Priority> {
        let task = self.task.as_ref().filter(|task| !task.is_over()).and_then(|task| task.priority);
        self.counts().then(|| task.or(self.order.priority)).flatten()
    }

    /// Until when it is to be done, where that is said.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let task = self.task.as_ref().filter(|task| !task.is_over()).and_then(|task| task.due_at);
        self.counts().then(|| task.or(self.order.due_at)).flatten()
    }

    /// It was neither withdrawn nor taken away.
    #[must_use]
    pub fn counts(&self) -> bool {
        !self.gone && self.order.status != OrderStatus::Withdrawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(status: OrderStatus) -> KnownOrder {
        let order = Order { status, priority: Some(Priority::Urgent), ..Order::default() };
        let task =
            OrderTask { priority: Some(Priority::Stat), due_at: Some(Timestamp(7)), ..OrderTask::default() };
        KnownOrder { order, task: Some(task), ..KnownOrder::default() }
    }

    #[test]
    fn a_task_that_is_more_urgent_than_its_order_is_believed_until_it_is_over() {
        let mut order = known(OrderStatus::Open);
        assert_eq!((order.priority(), order.due_at()), (Some(Priority::Stat), Some(Timestamp(7))));
        order.task.as_mut().unwrap().status = "completed".into();
        assert_eq!((order.priority(), order.due_at()), (Some(Priority::Urgent), None));
    }

    #[test]
    fn what_was_called_off_or_taken_away_makes_nothing_urgent() {
        assert_eq!(known(OrderStatus::Withdrawn).priority(), None);
        let gone = KnownOrder { gone: true, ..known(OrderStatus::Open) };
        assert_eq!((gone.priority(), gone.due_at()), (None, None));
    }

    #[test]
    fn a_moment_and_a_time_of_a_strange_clock_are_stored_and_read_again() {
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        struct Told {
            when: When,
        }
        for when in [When::At(Timestamp(5)), When::Local("2026-11-23 08:30".into())] {
            let text = toml::to_string(&Told { when: when.clone() }).unwrap();
            assert_eq!(toml::from_str::<Told>(&text).unwrap(), Told { when });
        }
    }
}
