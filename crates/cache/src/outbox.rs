//! The outbox as who sends it sees it: what a destination has yet to get, what each entry holds, how far it came.
//!
//! An entry is added in the transaction of what it tells about. It counts as sent when every destination that takes its
//! kind is done with it; while none takes it, it waits. Not here: the sending (`medsight-sync`).

mod conflict;
mod content;
mod note;
mod promise;
mod rename;
mod status;
mod wake;

pub use conflict::{Choice, Conflict, Merge, Seen};
pub use content::{Content, DrawnContent};
pub use note::{Delivered, Outcome, Remote};
pub use promise::{ObjectName, Promise};
pub use status::{DestinationStatus, Failing, Stuck};
pub(crate) use wake::Wake;

use crate::tables::deliveries::{self, Answered};
use crate::{Cache, CacheError, tables};
use medsight_base::{StudyUid, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

/// A time further ahead than this was stored by a clock that has been set back since: the entry is due at once.
const LONGEST_WAIT_MS: i64 = 6 * 60 * 60 * 1000;

/// Which kinds of entries a destination takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name in the settings.
    pub destination: String,
    /// Words of kinds: `annotation`, `report`…
    pub kinds: Vec<&'static str>,
    /// Whether it takes the audit trail. That is a queue of its own: its events are no entries.
    pub events: bool,
}

/// One entry with what it holds now.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Counts up; never used twice.
    pub id: i64,
    /// The study, also when it is no longer here.
    pub study: Option<StudyUid>,
    /// Word of its kind.
    pub kind: String,
    /// What was noted with it.
    pub payload: Value,
    /// When it began to wait, by the clock of then.
    pub created_at: Timestamp,
    /// Tries so far at this destination.
    pub attempts: u32,
    /// What it is about.
    pub content: Content,
}

/// What a destination can get now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Next {
    /// In their order.
    pub entries: Vec<Entry>,
    /// When the first of those that have to wait is due; `None` when none has to.
    pub due: Option<Timestamp>,
    /// Up to this entry there is nothing left to do here.
    pub done_to: i64,
}

impl Cache {
    /// Up to `most` entries after `after` that a destination has yet to get, in their order. Behind an entry that waits
    /// for its next try, later ones of the same study wait too, unless it is there and only the promise to keep it is out.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn outbox_next(
        &self,
        rule: &Route,
        after: i64,
        most: usize,
        now: Timestamp,
    ) -> Result<Next, CacheError> {
        self.read(|db| {
            let mut next = Next { done_to: after, ..Next::default() };
            let (mut found, mut held_back) = (Vec::new(), BTreeSet::new());
            let mut first_open = None;
            deliveries::open(db, &rule.destination, &rule.kinds, after, |entry, tried| {
                first_open.get_or_insert(entry.id);
                let due = tried.next_try.filter(|due| *due > now && due.0 - now.0 <= LONGEST_WAIT_MS);
                let due = due.filter(|_| tried.promise != Some(Answered(true)));
                if let Some(due) = due {
                    next.due = Some(next.due.map_or(due, |first| first.min(due)));
                }
                let behind = entry.study_uid.as_ref().is_some_and(|study| held_back.contains(study));
                if due.is_some() {
                    held_back.extend(entry.study_uid.filter(|_| tried.promise.is_none()));
                } else if !behind {
                    found.push((entry, tried.attempts));
                }
                found.len() < most
            })?;
            next.done_to = match first_open {
                Some(first) => first - 1,
                None => db.query_row("SELECT coalesce(max(id), ?1) FROM outbox", [after], |r| r.get(0))?,
            };
            for (entry, attempts) in found {
                next.entries.push(self.entry(db, entry, attempts)?);
            }
            Ok(next)
        })
    }

    fn entry(
        &self,
        db: &rusqlite::Connection,
        waiting: tables::outbox::Waiting,
        attempts: u32,
    ) -> Result<Entry, CacheError> {
        let content = content::of(db, &waiting)?;
        Ok(Entry {
            id: waiting.id,
            study: waiting.study_uid,
            kind: waiting.kind,
            payload: waiting.payload,
            created_at: waiting.created_at,
            attempts,
            content,
        })
    }

    /// What a destination calls a thing of ours, and the version we last saw there.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn remote(&self, destination: &str, identity: &str) -> Result<Option<Remote>, CacheError> {
        let found = self.read(|db| Ok(deliveries::remote(db, destination, identity)?))?;
        Ok(found.map(|(place, version)| Remote { identity: identity.to_owned(), place, version }))
    }

    /// 128 random bits that are this cache's own: names that are made of them are met nowhere else.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn sync_id(&self) -> Result<[u8; 16], CacheError> {
        let id: Option<[u8; 16]> = self.read(|db| Ok(tables::meta::get(db, "sync_id")?))?;
        id.ok_or_else(|| CacheError::Damaged("its name for other systems is missing".to_owned()))
    }
}
