//! Studies that were asked for from a server. One without an end waits, runs, or was interrupted and can be resumed.

use super::unreadable;
use crate::retrieval::RetrievalJob;
use medsight_base::{StudyUid, Timestamp};
use rusqlite::{Connection, params};

pub(crate) const VERSION_2: &str = "
    CREATE TABLE retrieval_jobs (
        id       INTEGER PRIMARY KEY,
        node     TEXT NOT NULL,
        study    TEXT NOT NULL,
        about    TEXT NOT NULL,
        ahead    INTEGER NOT NULL,
        asked_at INTEGER NOT NULL,
        ended_at INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX retrieval_jobs_open ON retrieval_jobs (node, study) WHERE ended_at IS NULL;
";

/// Notes a retrieval; one that waits already is not noted twice, but what a person asks for is no longer only ahead.
pub(crate) fn begin(db: &Connection, job: &RetrievalJob, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO retrieval_jobs (node, study, about, ahead, asked_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (node, study) WHERE ended_at IS NULL
         DO UPDATE SET ahead = min(ahead, excluded.ahead), about = excluded.about",
    )?
    .execute(params![job.node, job.study.as_str(), job.about, job.ahead, at.0])?;
    Ok(())
}

pub(crate) fn end(db: &Connection, node: &str, study: &StudyUid, at: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE retrieval_jobs SET ended_at = ?3 WHERE ended_at IS NULL AND node = ?1 AND study = ?2",
    )?
    .execute(params![node, study.as_str(), at.0])?;
    Ok(())
}

pub(crate) fn interrupted(db: &Connection) -> rusqlite::Result<Vec<RetrievalJob>> {
    db.prepare_cached(
        "SELECT node, study, about, ahead FROM retrieval_jobs WHERE ended_at IS NULL ORDER BY ahead, id",
    )?
    .query_map([], |row| {
        Ok(RetrievalJob {
            node: row.get(0)?,
            study: StudyUid::parse(row.get_ref(1)?.as_str()?).map_err(|e| unreadable(1, e))?,
            about: row.get(2)?,
            ahead: row.get(3)?,
        })
    })?
    .collect()
}
