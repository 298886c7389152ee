//! Signed checkpoints of the audit trail: one every [`medsight_audit::CHECKPOINT_EVERY`] events.

use medsight_audit::{Checkpoint, Position};
use medsight_base::Timestamp;
use rusqlite::{Connection, Row, params};

pub(crate) fn add(db: &Connection, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO audit_checkpoints (sequence, hash, at, signature) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        checkpoint.position.sequence.cast_signed(),
        checkpoint.position.hash,
        checkpoint.at.0,
        checkpoint.signature
    ])?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Checkpoint> {
    Ok(Checkpoint {
        position: Position { sequence: row.get::<_, i64>(0)?.cast_unsigned(), hash: row.get(1)? },
        at: Timestamp(row.get(2)?),
        signature: row.get(3)?,
    })
}

/// All of them in order.
pub(crate) fn each(
    db: &Connection,
    mut take: impl FnMut(rusqlite::Result<Checkpoint>) -> bool,
) -> rusqlite::Result<()> {
    let mut statement =
        db.prepare_cached("SELECT sequence, hash, at, signature FROM audit_checkpoints ORDER BY sequence")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !take(from_row(row)) {
            break;
        }
    }
    Ok(())
}

/// Those of events that were purged go with them.
pub(crate) fn remove_until(db: &Connection, sequence: u64) -> rusqlite::Result<usize> {
    db.execute("DELETE FROM audit_checkpoints WHERE sequence <= ?1", [sequence.cast_signed()])
}
