//! One module a table: its SQL and the statements that touch it. Rows in and out, no decisions.

pub(crate) mod annotations;
pub(crate) mod askings;
pub(crate) mod audit;
pub(crate) mod audit_checkpoints;
pub(crate) mod audit_deliveries;
pub(crate) mod audit_purges;
pub(crate) mod deliveries;
pub(crate) mod import_jobs;
pub(crate) mod instances;
pub(crate) mod meta;
pub(crate) mod orders;
pub(crate) mod outbox;
pub(crate) mod promises;
pub(crate) mod proposals;
pub(crate) mod reports;
pub(crate) mod retrieval_jobs;
pub(crate) mod series;
pub(crate) mod server_copies;
pub(crate) mod sessions;
pub(crate) mod studies;
pub(crate) mod thumbnails;

use medsight_vault::BlobId;
use rusqlite::types::Type;

/// A stored UID, blob id or JSON that cannot be read: the database is damaged, not the query.
pub(crate) fn unreadable(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// A blob id out of column `column`.
pub(crate) fn blob_id(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<BlobId>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(BlobId::from_bytes))
}
