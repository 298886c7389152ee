//! What other systems were asked for: how far a question has come, when it was last answered, and why not.
//!
//! A question is moved on only in the transaction that keeps its answer, so that whoever is cut off asks again for what
//! was not kept. Not here: the asking (`medsight-sync`).

use crate::{Cache, CacheError, tables};
use medsight_base::Timestamp;

/// A question: to whom, and about what.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskedOf {
    /// Name of the source in the settings.
    pub source: String,
    /// `orders`, `tasks`, `worklist`, or `reports/` and a Patient ID.
    pub feed: String,
}

/// How far a question has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// All that the other system changed before this moment of its clock is here.
    pub mark: Option<Timestamp>,
    /// Where a reading goes on that was cut off.
    pub progress: Option<Timestamp>,
    /// When that reading began, by the other system's clock.
    pub began: Option<Timestamp>,
    /// The question that `etag` belongs to.
    pub query: Option<String>,
    /// What the other system called its answer.
    pub etag: Option<String>,
    /// When it was last asked, by this computer's clock.
    pub asked_at: Timestamp,
    /// When it last answered to the end.
    pub ended_at: Option<Timestamp>,
    /// Since when it does not.
    pub failing_since: Option<Timestamp>,
    /// Tries in vain since then.
    pub attempts: u32,
    /// Stable word of why not.
    pub code: Option<String>,
    /// The same for a person.
    pub words: Option<String>,
}

impl Asking {
    /// It answers again.
    pub fn answered(&mut self) {
        (self.failing_since, self.attempts, self.code, self.words) = (None, 0, None, None);
    }
}

impl Cache {
    /// How far a question has come; as of nothing asked where it never was.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn asking(&self, of: &AskedOf) -> Result<Asking, CacheError> {
        self.read(|db| Ok(tables::askings::get(db, of)?.unwrap_or_default()))
    }

    /// Everything that a source was asked for, by its feed.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn askings_of(&self, source: &str) -> Result<Vec<(String, Asking)>, CacheError> {
        self.read(|db| Ok(tables::askings::of_source(db, source)?))
    }

    /// A question got no answer, or a part of one: what came stays, and the question stays where it was.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn asking_failed(
        &self,
        of: &AskedOf,
        code: &str,
        words: &str,
        at: Timestamp,
    ) -> Result<(), CacheError> {
        self.write(|t| {
            let mut asking = tables::askings::get(t, of)?.unwrap_or_default();
            asking.asked_at = at;
            asking.failing_since.get_or_insert(at);
            asking.attempts = asking.attempts.saturating_add(1);
            (asking.code, asking.words) = (Some(code.to_owned()), Some(words.to_owned()));
            Ok(tables::askings::set(t, of, &asking)?)
        })
    }
}
