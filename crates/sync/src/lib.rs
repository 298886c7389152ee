//! What leaves the records for other systems, what comes from them, and who may ask and send: the outbox and its
//! destinations, orders and earlier reports of others, and sign-in.
//!
//! - [`Engine`]: one task a destination takes what waits in the outbox to it; [`Engine::once`] does that and ends.
//! - [`Inbound`]: asks the sources of the settings for orders, and for what they have of a patient.
//! - [`fhir`], [`hl7`]: the forms in which findings and reports are sent.
//! - [`site_policy`]: the policy of the site, from its server.
//!
//! Not here: what is sent (`medsight-record`, `medsight-cache`) and DICOM's own protocols (`medsight-pacs`).

mod audit_repository;
mod backoff;
mod courier;
mod engine;
pub mod fhir;
pub mod hl7;
mod inbound;
mod link;
mod moment;
mod pacs;
mod probe;
pub mod sign_in;
pub mod site_policy;
mod stream;
mod trouble;

pub use engine::{Engine, Papers, Secrets, Swept, rule_of};
pub use inbound::{Answered, Inbound, OfPatient};
pub use medsight_pacs::Auth;
#[doc(hidden)]
pub use moment::set_clock_offset_ms;
pub use probe::probe;
pub use trouble::Trouble;
