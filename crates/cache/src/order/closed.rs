//! Closed orders without images: done, called off or taken away, they are forgotten after a time.
//!
//! One that a study here answers stays with the study. One that somebody has, here or at its source, stays until they gave
//! it back.

use crate::{Cache, CacheError, tables};
use medsight_base::Timestamp;

/// Orders that are forgotten at once; the others have their turn.
const MOST: usize = 1000;
const DAY_MS: i64 = 86_400_000;

impl Cache {
    /// Forgets orders that were closed `days` ago or longer, that no study here answers and that nobody has; how many. With
    /// 0 days none is.
    ///
    /// # Errors
    /// [`CacheError`]; nothing is forgotten then.
    pub fn forget_closed_orders(&self, days: u16, at: Timestamp) -> Result<usize, CacheError> {
        if days == 0 {
            return Ok(0);
        }
        let before = Timestamp(at.0.saturating_sub(i64::from(days) * DAY_MS));
        // Most of the times there is none, and nothing is written.
        if self.read(|db| Ok(tables::orders::closed_before(db, before, 1)?))?.is_empty() {
            return Ok(0);
        }
        self.write(|t| {
            let claimed = tables::outbox::claimed_orders(t)?;
            let mut forgotten = 0;
            for (source, place) in tables::orders::closed_before(t, before, MOST)? {
                let Some(known) = tables::orders::by_place(t, &source, &place)? else { continue };
                let is_claimed =
                    known.order.destination.is_some_and(|to| claimed.contains(&(to, place.clone())));
                let is_given =
                    tables::orders::tasks_of(t, &source, &place)?.iter().any(|task| !task.is_over());
                if !(is_claimed || is_given && !known.gone) {
                    tables::orders::forget(t, &source, &place)?;
                    forgotten += 1;
                }
            }
            Ok(forgotten)
        })
    }
}
