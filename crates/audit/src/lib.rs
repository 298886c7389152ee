//! What happened, by whom, when: events in a chain of hashes, so that a change or a gap is seen.
//!
//! Each event's hash is SHA-256 over the hash before it and the event's canonical JSON. Pure: who stores the
//! events is `medsight-cache`. Not here: message forms for other systems.

mod canonical;
mod chain;
mod event;

pub use chain::{BrokenAt, GENESIS, Hash, Link, Verified, link, verify};
pub use event::{Action, AuditEvent};
