//! What happened, by whom, when: events in a chain of hashes, so that a change or a gap is seen.
//!
//! Each event's hash is an HMAC under the site's key over the hash before it and the event's canonical JSON. Pure: who
//! stores the events is `medsight-cache`.

mod action;
mod canonical;
mod chain;
mod event;
mod forms;
mod keys;
mod signed;

pub use action::Action;
pub use canonical::text as canonical_text;
pub use chain::{
    Break, BrokenAt, FORM, GENESIS, Hash, Link, Position, Verified, Verifier, link, link_unkeyed,
};
pub use event::{AuditEvent, Clock, ClockState, More, Origin, Outcome, PatientKey};
pub use forms::{CSV_HEAD, csv, dicom, fhir, fhir_id};
pub use keys::{Signature, SiteKeys};
pub use signed::{CHECKPOINT_EVERY, Checkpoint, Purge};
