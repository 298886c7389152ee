//! FHIR R4: what the records hold as resources, and the way to a server in transactions.
//!
//! Each thing has a name of its own (an identifier, `urn:uuid:…`) and one that says which revision of it this is
//! (`urn:uuid:…#3`). It is made where the server has none of the name (If-None-Exist), and changed only where the server
//! still has the version that was last seen there (If-Match): a request that is sent twice has one effect, and what
//! somebody else changed is never written over.

mod access;
mod audit;
mod bundle;
mod claim;
mod claim_conflict;
mod conflict;
mod fate;
pub(crate) mod http;
mod link;
pub(crate) mod names;
mod once;
mod parcel;
mod report;
mod resources;

pub use claim_conflict::{ClaimMet, claim_met, settle_claim};
pub use conflict::{Versions, settle, versions};
pub(crate) use link::{FhirLink, connect, probe};
pub use names::uuid_of;
pub(crate) use report::words as report_words;
