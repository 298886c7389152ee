//! What a listener tells of what happens there: titles, counts and UIDs, no patient data.

use crate::Commitment;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// What happens at a listener; titles, counts and UIDs, no patient data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It listens.
    Listening {
        /// Where.
        address: SocketAddr,
    },
    /// A peer asked whether we are there.
    Echoed {
        /// Its title.
        from: String,
    },
    /// An object is durable here.
    Stored {
        /// The peer's title.
        from: String,
        /// SOP Instance UID.
        instance: String,
        /// It was here before.
        already_here: bool,
    },
    /// An object was not taken.
    NotStored {
        /// The peer's title.
        from: String,
        /// SOP Instance UID.
        instance: String,
        /// Stable word.
        code: String,
        /// Why.
        reason: String,
    },
    /// A peer's promise to keep what it was sent.
    Committed {
        /// The peer's title.
        from: String,
        /// What it promises.
        commitment: Commitment,
    },
    /// A peer got no association, or lost it.
    Refused {
        /// Its address.
        address: IpAddr,
        /// The title that it gave as its own; empty when it did not get that far.
        from: String,
        /// Stable word: `sender_unknown`, `other_title`, `busy`, or that of the error.
        code: String,
        /// Why.
        reason: String,
    },
}
