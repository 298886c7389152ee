//! HL7 v2.5.1 results (ORU^R01) over MLLP: for systems that know no FHIR.
//!
//! One message a signed version of a report. A message that is sent again, because its acknowledgement was lost, has the
//! control ID of the first time, so that the receiver can tell.

mod link;
mod message;

pub(crate) use link::Hl7Link;
pub use link::{Ack, frame, read_ack, unframe};
pub use message::{control_id, oru};
