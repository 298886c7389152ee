//! The encrypted cache: records in SQLite under SQLCipher, pixels as encrypted files beside them.
//!
//! ```text
//! folder/cache.json   format, name of the cache, key source, fingerprint of the key; no secret, no patient
//!        cache.lock   held by the one process that may write
//!        records.db   SQLCipher; the key of the blobs is in it, so that a new master key changes one file
//!        blobs/       crate `vault`
//!        audit.mark   how far the audit trail had come, so that cut off or older records are found
//!        events.left/ audit events of programs that may only read, until the owner takes them in
//!        received.journal  what came in over the network since both were last brought to the disk
//! ```
//!
//! Every write that matters is one transaction: record + audit event + outbox entry. One process owns the
//! cache; others may read. Not here: what a DICOM file means (a [`medsight_record::HeaderReader`] comes in),
//! sending what waits in the outbox, which is `medsight-sync`.

mod apply;
mod asking;
mod audit;
mod cache;
mod check;
mod error;
mod export;
mod folder;
mod gate;
pub mod import;
mod journal;
mod order;
mod outbox;
mod proposal;
mod quota;
mod rekey;
mod report;
mod retrieval;
mod schema;
mod server_copy;
mod spelling;
mod study;
pub mod synthetic;
mod tables;
mod thumbnail;
mod work;
mod worklist;

pub use apply::Applied;
pub use asking::{AskedOf, Asking};
pub use audit::{Agreement, AuditFilter, AuditPage, Delivery, Purged, Rule, Trail, Unusual, Usual};
pub use cache::Cache;
pub use check::{CheckReport, Damage, GcReport};
pub use error::CacheError;
pub use export::{ExportReport, RefusedFile};
pub use folder::{default_folder, key_source, site_policy_file};
pub use import::{Import, ImportJob, Progress, Received, Rejected, Summary, Took};
pub use order::{CameIn, Expected, OrderPage};
pub use outbox::{
    Choice, Conflict, Content, Delivered, DestinationStatus, DrawnContent, Entry, Failing, Merge, Next,
    ObjectName, Outcome, Promise, Remote, Route, Seen, Stuck,
};
pub use proposal::KeptSeries;
pub use quota::{Evicted, Usage};
pub use retrieval::RetrievalJob;
pub use server_copy::{CopyPage, Kept};
pub use study::StoredForm;
pub use worklist::{DateRange, Facets, Filter, Page, Query, Sort};
