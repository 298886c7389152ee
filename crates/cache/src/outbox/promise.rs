//! What a destination was asked to promise to keep, until it has answered: on the association that asked, or hours later on
//! one of its own.
//!
//! Not here: the asking (`medsight-sync`), and the listener that an answer comes to.

use crate::tables::promises;
use crate::{Cache, CacheError};
use medsight_base::Timestamp;
use std::collections::BTreeSet;

/// SOP class and instance of an object.
pub type ObjectName = (String, String);

/// A promise that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// What is to be kept.
    pub objects: Vec<ObjectName>,
    /// How often it was asked for.
    pub askings: u32,
    /// When the last time.
    pub asked_at: Timestamp,
    /// The answer: instances that are not promised, each with its Failure Reason (0008,1197), 0 where the answer is silent
    /// about it. Empty: all are promised. `None`: none has come.
    pub missing: Option<Vec<(String, u16)>>,
}

impl Cache {
    /// What a destination was asked to keep of an entry; `None` when it was not asked since the entry was last sent.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn promise(&self, entry: i64, destination: &str) -> Result<Option<Promise>, CacheError> {
        let found = self.read(|db| Ok(promises::of(db, entry, destination)?))?;
        found
            .map(|asked| {
                Ok(Promise {
                    objects: serde_json::from_str(&asked.objects)?,
                    askings: asked.askings,
                    asked_at: asked.asked_at,
                    missing: asked.missing.as_deref().map(serde_json::from_str).transpose()?,
                })
            })
            .transpose()
    }

    /// Whether the answer to that is there.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn promise_is_answered(&self, entry: i64, destination: &str) -> Result<bool, CacheError> {
        self.read(|db| Ok(promises::is_answered(db, entry, destination)?))
    }

    /// A destination is being asked under `transaction`. Kept before it is asked: its answer may be faster than its
    /// acknowledgement. The objects are those of the first asking.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn promise_asked(
        &self,
        entry: i64,
        destination: &str,
        transaction: &str,
        objects: &[ObjectName],
        at: Timestamp,
    ) -> Result<(), CacheError> {
        let objects = serde_json::to_string(objects)?;
        self.write(|t| Ok(promises::asked(t, (entry, destination), transaction, &objects, at)?))
    }

    /// The asking did not reach the destination: the next try begins with sending.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn promise_not_asked(&self, entry: i64, destination: &str) -> Result<(), CacheError> {
        self.write(|t| Ok(promises::forget(t, entry, destination)?))
    }

    /// A destination has answered: its entry is due at once. Whether the transaction is one of ours that is still open.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn promise_answered(
        &self,
        transaction: &str,
        committed: &[String],
        failed: &[(String, u16)],
    ) -> Result<bool, CacheError> {
        self.write(|t| {
            let Some((entry, destination)) = promises::of_transaction(t, transaction)? else {
                return Ok(false);
            };
            let Some(asked) = promises::of(t, entry, &destination)? else { return Ok(false) };
            let objects: Vec<ObjectName> = serde_json::from_str(&asked.objects)?;
            let kept: BTreeSet<&str> = committed.iter().map(String::as_str).collect();
            let reason = |uid: &str| failed.iter().find(|(of, _)| of == uid).map_or(0, |(_, reason)| *reason);
            let missing: Vec<(String, u16)> = objects
                .into_iter()
                .filter(|(_, instance)| !kept.contains(instance.as_str()))
                .map(|(_, instance)| (instance.clone(), reason(&instance)))
                .collect();
            promises::answered(t, entry, &destination, &serde_json::to_string(&missing)?)?;
            Ok(true)
        })
    }
}
