//! What other systems read: FHIR AuditEvent, DICOM audit messages, CSV. Made of stored events, never stored themselves.
//!
//! Not here: sending them (`medsight-sync`), writing files of them (`medsightctl`).

mod csv;
mod dicom;
mod fhir;
mod shape;

pub use csv::{HEAD as CSV_HEAD, csv};
pub use dicom::dicom;
pub use fhir::{fhir, fhir_id};
