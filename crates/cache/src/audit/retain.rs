//! How long events are kept, and taking away what is older: only what every destination has acknowledged, only from the
//! beginning of the trail, and behind a signed record of what it was.

use crate::{Cache, CacheError, tables};
use medsight_audit::{Action, AuditEvent, Position, Purge};
use medsight_base::Timestamp;
use medsight_record::Retention;
use rusqlite::{OptionalExtension, params};
use serde_json::json;

/// No year is longer, so that nothing goes before its time.
const YEAR_MS: i64 = 366 * 86_400_000;

/// What was taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Events that are gone.
    pub events: u64,
    /// Events that are old enough and stay, because a destination has not acknowledged them.
    pub waiting: u64,
}

impl Cache {
    /// Takes away the events that are older than the policy keeps them, as far as every one of `destinations` has
    /// acknowledged them. With no destination nothing is taken away: this is the only copy then.
    ///
    /// # Errors
    /// [`CacheError`]; nothing is taken away then.
    pub fn purge_audit(
        &self,
        retention: Retention,
        destinations: &[&str],
        who: &str,
        at: Timestamp,
    ) -> Result<Purged, CacheError> {
        self.write(|act| {
            let before = at.0.saturating_sub(i64::from(retention.years()) * YEAR_MS);
            // Up to the first event that is young: a clock that was set back in between takes nothing young away.
            let (first, old): (Option<i64>, Option<i64>) = act.query_row(
                "SELECT min(sequence), coalesce((SELECT min(sequence) FROM audit WHERE at >= ?1) - 1, max(sequence))
                 FROM audit",
                [before],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            let Some((first, old)) = first.zip(old).filter(|(first, old)| first <= old) else {
                return Ok(Purged::default());
            };
            let mut acknowledged = if destinations.is_empty() { 0 } else { old };
            for destination in destinations {
                let delivery = tables::audit_deliveries::of(act, destination)?;
                let there = delivery.map_or(0, |delivery| delivery.acknowledged.sequence.cast_signed());
                acknowledged = acknowledged.min(there);
            }
            let Some((hash, newest)) = act
                .query_row(
                    "SELECT hash, (SELECT max(at) FROM audit WHERE sequence <= ?1) FROM audit WHERE sequence = ?1",
                    [acknowledged],
                    |row| Ok((row.get(0)?, Timestamp(row.get(1)?))),
                )
                .optional()?
            else {
                return Ok(Purged { events: 0, waiting: (old - first + 1).cast_unsigned() });
            };
            let last = Position { sequence: acknowledged.cast_unsigned(), hash };
            let purge = Purge::sign(act.ledger.keys(), first.cast_unsigned(), last, newest, at);
            tables::audit_purges::add(act, &purge)?;
            let events = act.execute("DELETE FROM audit WHERE sequence <= ?1", params![acknowledged])? as u64;
            tables::audit_checkpoints::remove_until(act, last.sequence)?;
            let detail = json!({
                "first": first, "last": acknowledged, "events": events, "newest": newest.iso(),
                "years": retention.years(),
            });
            tables::audit::add(act, &AuditEvent::new(who, Action::Purged, at, None, detail))?;
            Ok(Purged { events, waiting: (old - acknowledged).cast_unsigned() })
        })
    }
}
