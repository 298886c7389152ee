//! What leaves the records for other systems, and who may send it: the outbox and its destinations, and sign-in.
//!
//! Not here: what is sent (`medsight-record`, `medsight-cache`) and DICOM's own protocols (`medsight-pacs`).

pub mod sign_in;
