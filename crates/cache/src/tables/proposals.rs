//! Segmentations that a program proposed, and what a person decided on each.

use super::unreadable;
use medsight_base::{SeriesUid, Timestamp};
use medsight_record::{Decided, Decision, Proposal};
use rusqlite::{Connection, Row, params};

/// `maker` and `decision` are JSON of the record's types, `kept` a JSON list of series.
pub(crate) const TABLE: &str = "
    CREATE TABLE proposals (
        series     TEXT PRIMARY KEY,
        images     TEXT NOT NULL,
        study      INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
        maker      TEXT NOT NULL,
        made_at    INTEGER NOT NULL,
        decision   TEXT,
        decided_by TEXT,
        decided_at INTEGER,
        kept       TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX proposals_of_study ON proposals (study);
";

pub(crate) fn add(db: &Connection, study: i64, proposal: &Proposal) -> rusqlite::Result<()> {
    let maker = serde_json::to_string(&proposal.maker).map_err(|e| unreadable(2, e))?;
    db.prepare_cached(
        "INSERT INTO proposals (series, study, maker, made_at, images) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        proposal.series.as_str(),
        study,
        maker,
        proposal.made_at.0,
        proposal.images.as_str()
    ])?;
    Ok(())
}

/// Oldest first.
pub(crate) fn of_study(db: &Connection, study: i64) -> rusqlite::Result<Vec<Proposal>> {
    db.prepare_cached(
        "SELECT series, maker, made_at, decision, decided_by, decided_at, kept, images FROM proposals
         WHERE study = ?1 ORDER BY made_at, series",
    )?
    .query_map([study], proposal)?
    .collect()
}

/// What was decided, or that nothing is any more.
pub(crate) fn decide(db: &Connection, series: &SeriesUid, decided: Option<&Decided>) -> rusqlite::Result<()> {
    let decision = decided.map(|d| serde_json::to_string(&d.decision)).transpose();
    let decision = decision.map_err(|e| unreadable(3, e))?;
    let kept = decided.map(|d| serde_json::to_string(&d.kept)).transpose();
    let kept = kept.map_err(|e| unreadable(6, e))?;
    db.prepare_cached(
        "UPDATE proposals SET decision = ?2, decided_by = ?3, decided_at = ?4, kept = ?5 WHERE series = ?1",
    )?
    .execute(params![
        series.as_str(),
        decision,
        decided.map(|d| &d.by),
        decided.map(|d| d.at.0),
        kept
    ])?;
    Ok(())
}

/// The series is gone.
pub(crate) fn forget(db: &Connection, series: &SeriesUid) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM proposals WHERE series = ?1")?.execute([series.as_str()])?;
    Ok(())
}

fn proposal(row: &Row<'_>) -> rusqlite::Result<Proposal> {
    let uid =
        |column: usize| SeriesUid::parse(&row.get::<_, String>(column)?).map_err(|e| unreadable(column, e));
    let decided = match row.get::<_, Option<String>>(3)? {
        None => None,
        Some(decision) => {
            let decision: Decision = serde_json::from_str(&decision).map_err(|e| unreadable(3, e))?;
            let kept: Option<String> = row.get(6)?;
            let kept = serde_json::from_str(kept.as_deref().unwrap_or("[]")).map_err(|e| unreadable(6, e))?;
            Some(Decided { decision, by: row.get(4)?, at: Timestamp(row.get(5)?), kept })
        }
    };
    Ok(Proposal {
        series: uid(0)?,
        images: uid(7)?,
        maker: serde_json::from_str(row.get_ref(1)?.as_str()?).map_err(|e| unreadable(1, e))?,
        made_at: Timestamp(row.get(2)?),
        decided,
    })
}
