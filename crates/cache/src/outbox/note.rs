//! What became of entries at a destination, kept in one transaction for all of a request.

use super::Route;
use crate::tables::deliveries::{self, Stored};
use crate::{Cache, CacheError, apply, tables};
use medsight_audit::Action;
use medsight_base::{StudyUid, Timestamp};
use rusqlite::Connection;
use serde_json::json;
use std::collections::BTreeMap;

/// What became of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The destination has it.
    Done,
    /// There was nothing to send: it is closed, and nothing left this computer.
    Nothing,
    /// It is tried again by itself.
    Again {
        /// Stable word.
        code: &'static str,
        /// For a person.
        words: String,
        /// Not before.
        next_try: Timestamp,
    },
    /// The destination does not want it: a person decides.
    Refused {
        /// Stable word.
        code: &'static str,
        /// For a person.
        words: String,
    },
    /// Somebody else changed it there meanwhile. Ours stays in the records, theirs is kept beside: a person merges.
    Conflict {
        /// For a person.
        words: String,
        /// Their version; `None` when it was taken away there.
        theirs: Option<String>,
    },
}

/// A thing of ours at a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// What we call it.
    pub identity: String,
    /// What the destination calls it.
    pub place: String,
    /// The version we last saw there.
    pub version: Option<String>,
}

/// One entry and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The entry.
    pub entry: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// What the destination calls the things of it.
    pub remotes: Vec<Remote>,
    /// How many files of a study it was, for an entry that says "send what there is": where there are more by now, it stays
    /// open.
    pub files: Option<u64>,
}

impl Delivered {
    /// What became of an entry that leaves nothing to remember.
    #[must_use]
    pub fn plain(entry: i64, outcome: Outcome) -> Self {
        Self { entry, outcome, remotes: Vec::new(), files: None }
    }
}

impl Cache {
    /// Keeps what became of entries at `destination`. What every one of `rules` is done with counts as sent; that data
    /// left this computer is in the audit trail, in the name of `who`.
    ///
    /// # Errors
    /// [`CacheError`]; nothing is kept then.
    pub fn outbox_note(
        &self,
        destination: &str,
        rules: &[Route],
        delivered: &[Delivered],
        who: &str,
        at: Timestamp,
    ) -> Result<(), CacheError> {
        self.write(|t| {
            let mut sent: BTreeMap<(Option<StudyUid>, String), u64> = BTreeMap::new();
            for delivered in delivered {
                let Some(entry) = tables::outbox::by_id(t, delivered.entry)? else { continue };
                if !matches!(delivered.outcome, Outcome::Again { .. }) {
                    tables::promises::forget(t, entry.id, destination)?;
                }
                if delivered.outcome == Outcome::Done && has_more(t, &entry, delivered.files)? {
                    deliveries::due_now(t, entry.id, destination)?;
                    continue;
                }
                deliveries::note(t, entry.id, destination, &stored(&delivered.outcome), at)?;
                for remote in &delivered.remotes {
                    deliveries::set_remote(
                        t,
                        destination,
                        &remote.identity,
                        &remote.place,
                        remote.version.as_deref(),
                    )?;
                }
                if let (Outcome::Refused { code, .. }, Some(study)) = (&delivered.outcome, &entry.study_uid) {
                    let detail = json!({"destination": destination, "kind": entry.kind, "code": code});
                    apply::note(t, who, Action::DeliveryRefused, at, study, detail)?;
                }
                if matches!(delivered.outcome, Outcome::Done | Outcome::Nothing) {
                    close_if_done(t, entry.id, &entry.kind, rules, at)?;
                }
                if delivered.outcome == Outcome::Done {
                    *sent.entry((entry.study_uid, entry.kind)).or_default() += 1;
                }
            }
            for ((study, kind), entries) in sent {
                let Some(study) = study else { continue };
                let detail = json!({"destination": destination, "kind": kind, "entries": entries});
                apply::note(t, who, Action::Sent, at, &study, detail)?;
            }
            Ok(())
        })
    }

    /// Closes what all of `rules` are done with, after destinations were taken out of the settings, and claims that the
    /// system of their order does not take: told later they would be about orders long done.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn outbox_settle(&self, rules: &[Route], at: Timestamp) -> Result<(), CacheError> {
        self.write(|t| {
            let tried: Vec<(i64, String)> = t
                .prepare_cached(
                    "SELECT DISTINCT o.id, o.kind FROM deliveries d JOIN outbox o ON o.id = d.entry
                     WHERE o.sent_at IS NULL AND d.state IN ('done', 'dropped')",
                )?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (entry, kind) in tried {
                close_if_done(t, entry, &kind, rules, at)?;
            }
            let takers: Vec<&str> =
                rules.iter().filter(|r| r.kinds.contains(&"claim")).map(|r| r.destination.as_str()).collect();
            for (entry, destination) in tables::outbox::claims(t)? {
                if !takers.contains(&destination.as_str()) {
                    tables::outbox::close(t, entry, at)?;
                }
            }
            Ok(())
        })
    }

    /// Has an entry that was refused, or that is in conflict, tried again.
    ///
    /// # Errors
    /// [`CacheError::NotFound`] when it is not stuck there, …
    pub fn outbox_retry(&self, entry: i64, destination: &str) -> Result<(), CacheError> {
        self.write(|t| {
            tables::promises::forget(t, entry, destination)?;
            let changed = t
                .prepare_cached(
                    "UPDATE deliveries SET state = 'waiting', next_try = NULL, attempts = 0
                     WHERE entry = ?1 AND destination = ?2 AND state IN ('refused', 'conflict', 'waiting')",
                )?
                .execute(rusqlite::params![entry, destination])?;
            if changed == 0 { Err(CacheError::NotFound("entry")) } else { Ok(()) }
        })?;
        self.wake.again();
        Ok(())
    }

    /// An entry need not go to `destination`: a person says so.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn outbox_drop(
        &self,
        entry: i64,
        destination: &str,
        rules: &[Route],
        who: &str,
        at: Timestamp,
    ) -> Result<(), CacheError> {
        self.write(|t| {
            let waiting = tables::outbox::by_id(t, entry)?.ok_or(CacheError::NotFound("entry"))?;
            let row = Stored {
                state: "dropped",
                next_try: None,
                code: None,
                words: None,
                remote: None,
                theirs: None,
            };
            deliveries::note(t, entry, destination, &row, at)?;
            tables::promises::forget(t, entry, destination)?;
            close_if_done(t, entry, &waiting.kind, rules, at)?;
            let Some(study) = waiting.study_uid else { return Ok(()) };
            let detail = json!({"destination": destination, "kind": waiting.kind, "entry": entry});
            apply::note(t, who, Action::DeliveryDropped, at, &study, detail)
        })
    }
}

fn stored(outcome: &Outcome) -> Stored<'_> {
    let plain = Stored { state: "done", next_try: None, code: None, words: None, remote: None, theirs: None };
    match outcome {
        Outcome::Done | Outcome::Nothing => plain,
        Outcome::Again { code, words, next_try } => Stored {
            state: "waiting",
            next_try: Some(*next_try),
            code: Some(code),
            words: Some(words),
            ..plain
        },
        Outcome::Refused { code, words } => {
            Stored { state: "refused", code: Some(code), words: Some(words), ..plain }
        }
        Outcome::Conflict { words, theirs } => Stored {
            state: "conflict",
            code: Some("sync.conflict"),
            words: Some(words),
            theirs: theirs.as_deref(),
            ..plain
        },
    }
}

/// Whether files came into a study while it was sent.
fn has_more(t: &Connection, entry: &tables::outbox::Waiting, sent: Option<u64>) -> Result<bool, CacheError> {
    match (entry.study.filter(|_| entry.kind == "study"), sent) {
        (Some(study), Some(sent)) => Ok(tables::instances::count_of_study(t, study)? > sent),
        _ => Ok(false),
    }
}

/// An entry whose kind nobody takes is never closed here.
pub(super) fn close_if_done(
    t: &Connection,
    entry: i64,
    kind: &str,
    rules: &[Route],
    at: Timestamp,
) -> Result<(), CacheError> {
    let takers = rules.iter().filter(|rule| rule.kinds.contains(&kind));
    let mut any = false;
    for rule in takers {
        if !deliveries::is_closed(t, entry, &rule.destination)? {
            return Ok(());
        }
        any = true;
    }
    if any {
        tables::outbox::close(t, entry, at)?;
    }
    Ok(())
}
