//! How far each destination has acknowledged the audit trail.

use crate::audit::Delivery;
use medsight_audit::Position;
use medsight_base::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

const COLUMNS: &str = "destination, acknowledged_sequence, acknowledged_hash, acknowledged_at";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        destination: row.get(0)?,
        acknowledged: Position { sequence: row.get::<_, i64>(1)?.cast_unsigned(), hash: row.get(2)? },
        at: Timestamp(row.get(3)?),
    })
}

pub(crate) fn of(db: &Connection, destination: &str) -> rusqlite::Result<Option<Delivery>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM audit_deliveries WHERE destination = ?1"))?
        .query_row([destination], from_row)
        .optional()
}

pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<Delivery>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM audit_deliveries ORDER BY destination"))?
        .query_map([], from_row)?
        .collect()
}

/// Forward only.
pub(crate) fn set(db: &Connection, delivery: &Delivery) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO audit_deliveries (destination, acknowledged_sequence, acknowledged_hash, acknowledged_at)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (destination) DO UPDATE SET acknowledged_sequence = ?2, acknowledged_hash = ?3,
             acknowledged_at = ?4
         WHERE acknowledged_sequence <= ?2",
    )?
    .execute(params![
        delivery.destination,
        delivery.acknowledged.sequence.cast_signed(),
        delivery.acknowledged.hash,
        delivery.at.0
    ])?;
    Ok(())
}

pub(crate) fn remove(db: &Connection, destination: &str) -> rusqlite::Result<usize> {
    db.execute("DELETE FROM audit_deliveries WHERE destination = ?1", [destination])
}
