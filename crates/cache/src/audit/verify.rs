//! Whether the audit trail is whole: each hash, each checkpoint, the records of what was purged, and the mark outside.

use super::mark;
use crate::{Cache, CacheError, tables};
use medsight_audit::{
    Break, BrokenAt, CHECKPOINT_EVERY, Checkpoint, FORM, Position, SiteKeys, Verified, Verifier,
};
use medsight_base::Timestamp;
use rusqlite::Connection;

/// What a check of the trail found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Number of events that are kept, also where the trail is broken.
    pub events: u64,
    /// Number and time of the first event that is kept.
    pub first: Option<(u64, Timestamp)>,
    /// Number and time of the last.
    pub last: Option<(u64, Timestamp)>,
    /// Whole, or where it is not.
    pub chain: Result<Verified, BrokenAt>,
}

impl Cache {
    /// Checks the audit trail from its beginning.
    ///
    /// # Errors
    /// [`CacheError`]; the inner result says whether the trail is whole.
    pub fn verify_audit(&self) -> Result<Result<Verified, BrokenAt>, CacheError> {
        let mark = self.mark_before()?;
        self.read(|db| self.verify_in(db, mark))
    }

    /// As [`Self::verify_audit`], with the ends of the trail.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn audit_trail(&self) -> Result<Trail, CacheError> {
        let mark = self.mark_before()?;
        self.read(|db| {
            let end = |order: &str| -> rusqlite::Result<Option<(u64, Timestamp)>> {
                use rusqlite::OptionalExtension;
                db.query_row(
                    &format!("SELECT sequence, at FROM audit ORDER BY sequence {order} LIMIT 1"),
                    [],
                    |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), Timestamp(row.get(1)?))),
                )
                .optional()
            };
            let events = db.query_row("SELECT count(*) FROM audit", [], |row| row.get::<_, i64>(0))?;
            // A time that is no number is found by the chain; the ends are then not told.
            let (first, last) = (end("ASC").ok().flatten(), end("DESC").ok().flatten());
            Ok(Trail { events: events.cast_unsigned(), first, last, chain: self.verify_in(db, mark)? })
        })
    }

    /// The mark as it is before the records are looked at: what it tells of is in them then, also where somebody writes
    /// on meanwhile.
    fn mark_before(&self) -> Result<Option<Position>, CacheError> {
        let Some(keys) = self.ledger.keys_if_any() else { return Ok(None) };
        // Read in the middle of being written, a slot is none; the other one is whole.
        for _ in 0..3 {
            if let Some((mark, _)) = mark::read(self.folder(), keys)? {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    fn verify_in(
        &self,
        db: &Connection,
        mark: Option<Position>,
    ) -> Result<Result<Verified, BrokenAt>, CacheError> {
        let keys = self.ledger.keys_if_any();
        if !tables::audit::is_keyed(db)? {
            return Ok(chain(db, None, Position::START)?.map(|(verified, _)| verified));
        }
        let start = match purged(db, keys)? {
            Ok(start) => start,
            Err(broken) => return Ok(Err(broken)),
        };
        let (verified, keyed) = match chain(db, keys, start)? {
            Ok(found) => found,
            Err(broken) => return Ok(Err(broken)),
        };
        let Some(keys) = keys else { return Ok(Ok(verified)) };
        if let Some(broken) = checkpoints(db, keys, keyed, start.sequence + verified.events)? {
            return Ok(Err(broken));
        }
        let last = Position { sequence: start.sequence + verified.events, hash: verified.last };
        Ok(match mark {
            None => Err(Break::Mark.at(last.sequence)),
            Some(mark) if mark.sequence > last.sequence => Err(Break::RolledBack.at(last.sequence + 1)),
            Some(mark) if !super::ledger::holds(db, mark)? => Err(Break::RolledBack.at(mark.sequence)),
            Some(_) => Ok(verified),
        })
    }
}

/// Whether the error is about what a row says, not about the database as a file.
fn is_about_a_row(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    matches!(
        error,
        E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..)
    )
}

/// Where the kept events begin: after the last purge, each of which is signed and begins where the one before ended.
fn purged(db: &Connection, keys: Option<&SiteKeys>) -> Result<Result<Position, BrokenAt>, CacheError> {
    let purges = match tables::audit_purges::all(db) {
        Ok(purges) => purges,
        Err(error) if is_about_a_row(&error) => return Ok(Err(Break::Purge.at(1))),
        Err(error) => return Err(error.into()),
    };
    let mut start = Position::START;
    for purge in purges {
        let fits = purge.first == start.sequence + 1 && keys.is_some_and(|keys| purge.is_of(&keys.public()));
        if !fits {
            return Ok(Err(Break::Purge.at(start.sequence + 1)));
        }
        start = purge.last;
    }
    Ok(Ok(start))
}

/// The chain itself, and the number of its first keyed event.
fn chain(
    db: &Connection,
    keys: Option<&SiteKeys>,
    start: Position,
) -> Result<Result<(Verified, Option<u64>), BrokenAt>, CacheError> {
    let mut verifier = Verifier::new(keys, start);
    let mut keyed = None;
    let mut broken: Option<BrokenAt> = None;
    let mut failed: Option<rusqlite::Error> = None;
    // From the very beginning: what a purge says is gone is not there.
    tables::audit::each(db, |read| {
        match read {
            Ok(link) => {
                broken = verifier.take(&link).err();
                if link.form == FORM {
                    keyed.get_or_insert(link.sequence);
                }
            }
            Err(error) if is_about_a_row(&error) => {
                broken = Some(Break::Changed.at(verifier.position().sequence + 1));
            }
            Err(error) => failed = Some(error),
        }
        broken.is_none() && failed.is_none()
    })?;
    match (failed, broken) {
        (Some(error), _) => Err(error.into()),
        (None, Some(broken)) => Ok(Err(broken)),
        (None, None) => Ok(Ok((verifier.verified(), keyed))),
    }
}

/// Every so many events since the first keyed one there is a checkpoint that the site signed, and none after the end.
fn checkpoints(
    db: &Connection,
    keys: &SiteKeys,
    keyed: Option<u64>,
    last: u64,
) -> Result<Option<BrokenAt>, CacheError> {
    let public = keys.public();
    let mut expected = keyed.unwrap_or(last + 1).next_multiple_of(CHECKPOINT_EVERY);
    let mut broken = None;
    let mut failed = None;
    let fits = |checkpoint: &Checkpoint| -> rusqlite::Result<bool> {
        let here = tables::audit::hash_at(db, checkpoint.position.sequence)?;
        Ok(here == Some(checkpoint.position.hash) && checkpoint.is_of(&public))
    };
    tables::audit_checkpoints::each(db, |read| {
        match read.and_then(|it| Ok(it.position.sequence == expected && fits(&it)?)) {
            Ok(true) => expected += CHECKPOINT_EVERY,
            Ok(false) => broken = Some(Break::Checkpoint.at(expected.min(last))),
            Err(error) if is_about_a_row(&error) => broken = Some(Break::Checkpoint.at(expected.min(last))),
            Err(error) => failed = Some(error),
        }
        broken.is_none() && failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error.into()),
        None if broken.is_none() && expected <= last => Ok(Some(Break::Checkpoint.at(expected))),
        None => Ok(broken),
    }
}
