//! What was removed from the beginning of the audit trail by policy, each time signed.

use medsight_audit::{Position, Purge};
use medsight_base::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

const COLUMNS: &str = "first, last, hash, newest, at, signature";

pub(crate) fn add(db: &Connection, purge: &Purge) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO audit_purges (first, last, hash, newest, at, signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            purge.first.cast_signed(),
            purge.last.sequence.cast_signed(),
            purge.last.hash,
            purge.newest.0,
            purge.at.0,
            purge.signature
        ],
    )?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Purge> {
    Ok(Purge {
        first: row.get::<_, i64>(0)?.cast_unsigned(),
        last: Position { sequence: row.get::<_, i64>(1)?.cast_unsigned(), hash: row.get(2)? },
        newest: Timestamp(row.get(3)?),
        at: Timestamp(row.get(4)?),
        signature: row.get(5)?,
    })
}

/// The last one: the trail goes on after it.
pub(crate) fn last(db: &Connection) -> rusqlite::Result<Option<Purge>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM audit_purges ORDER BY last DESC LIMIT 1"))?
        .query_row([], from_row)
        .optional()
}

/// All of them, oldest first; few.
pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<Purge>> {
    db.prepare(&format!("SELECT {COLUMNS} FROM audit_purges ORDER BY last"))?
        .query_map([], from_row)?
        .collect()
}
