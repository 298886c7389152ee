//! How far other systems have the audit trail, and whether what they have is what is here.

use crate::{Cache, CacheError, tables};
use medsight_audit::{Hash, Position};
use medsight_base::Timestamp;

/// How far one destination has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Name of the destination in the settings.
    pub destination: String,
    /// The last event that it has acknowledged; it has all before.
    pub acknowledged: Position,
    /// When.
    pub at: Timestamp,
}

/// Whether the trail here is the one that another system had acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The event is here as it was acknowledged, or was purged by policy since.
    Agrees,
    /// The trail here ends before: the records were replaced by an older copy, or cut off.
    RolledBack {
        /// Where it ends here.
        here: u64,
        /// What was acknowledged.
        there: u64,
    },
    /// Another event has the number: the records were replaced, and written on since.
    Differs {
        /// Its number.
        sequence: u64,
    },
}

impl Cache {
    /// How far a destination has acknowledged the trail; nothing when it has had none of it.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn audit_delivered(&self, destination: &str) -> Result<Option<Delivery>, CacheError> {
        self.read(|db| Ok(tables::audit_deliveries::of(db, destination)?))
    }

    /// All destinations that have acknowledged anything.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn audit_deliveries(&self) -> Result<Vec<Delivery>, CacheError> {
        self.read(|db| Ok(tables::audit_deliveries::all(db)?))
    }

    /// A destination has acknowledged everything up to this event. It never goes back; acknowledging again is no harm.
    ///
    /// # Errors
    /// [`CacheError::NotFound`] when there is no such event.
    pub fn audit_acknowledged(
        &self,
        destination: &str,
        sequence: u64,
        at: Timestamp,
    ) -> Result<(), CacheError> {
        self.write(|act| {
            let hash = tables::audit::hash_at(act, sequence)?.ok_or(CacheError::NotFound("audit event"))?;
            let acknowledged = Position { sequence, hash };
            let delivery = Delivery { destination: destination.to_owned(), acknowledged, at };
            Ok(tables::audit_deliveries::set(act, &delivery)?)
        })
    }

    /// A destination is no longer in the settings: nothing waits for it any more.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn audit_forget_destination(&self, destination: &str) -> Result<(), CacheError> {
        self.write(|act| Ok(tables::audit_deliveries::remove(act, destination).map(drop)?))
    }

    /// Compares the trail with what another system says it has acknowledged last. An older copy of all of the cache's
    /// folder is found by this and by nothing on this computer.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn audit_agrees(&self, sequence: u64, hash: &Hash) -> Result<Agreement, CacheError> {
        self.read(|db| {
            if sequence == 0 {
                return Ok(Agreement::Agrees);
            }
            let here = tables::audit::last(db)?;
            let purged = tables::audit_purges::last(db)?.map_or(Position::START, |purge| purge.last);
            let end = here.unwrap_or(purged).sequence;
            Ok(match tables::audit::hash_at(db, sequence)? {
                Some(ours) if ours == *hash => Agreement::Agrees,
                Some(_) => Agreement::Differs { sequence },
                None if sequence > end => Agreement::RolledBack { here: end, there: sequence },
                None if sequence == purged.sequence && purged.hash != *hash => {
                    Agreement::Differs { sequence }
                }
                None => Agreement::Agrees,
            })
        })
    }
}
