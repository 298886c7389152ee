//! What waits, since when and why: for a person, and for who sends.

use super::Route;
use crate::tables::audit_deliveries;
use crate::tables::deliveries::{ITS_BUSINESS, listed};
use crate::{Cache, CacheError};
use medsight_base::{StudyUid, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

/// Why nothing goes to a destination at present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// When it began.
    pub since: Timestamp,
    /// Tries since then.
    pub attempts: u32,
    /// When it is tried again.
    pub next_try: Option<Timestamp>,
    /// Stable word.
    pub code: String,
    /// For a person.
    pub words: String,
}

/// An entry that a person has to look at, or that waits for its next try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stuck {
    /// The entry.
    pub id: i64,
    /// Its study.
    pub study: Option<StudyUid>,
    /// Word of its kind.
    pub kind: String,
    /// `waiting`, `refused` or `conflict`.
    pub state: String,
    /// Tries so far.
    pub attempts: u32,
    /// When it was tried last.
    pub tried_at: Timestamp,
    /// When it is tried again by itself; `None` when a person decides.
    pub next_try: Option<Timestamp>,
    /// Stable word.
    pub code: String,
    /// For a person.
    pub words: String,
    /// Their version, of a conflict.
    #[serde(skip)]
    pub theirs: Option<String>,
}

/// One destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationStatus {
    /// Its name.
    pub destination: String,
    /// Entries that it has yet to get, those that it refused not counted.
    pub waiting: u64,
    /// Events of the audit trail that it has yet to get; `None` where it takes none.
    pub events_waiting: Option<u64>,
    /// When the oldest of all these began to wait.
    pub since: Option<Timestamp>,
    /// Why nothing goes there at present.
    pub failing: Option<Failing>,
    /// When something last went there.
    pub last_sent: Option<Timestamp>,
    /// What was tried in vain, oldest first; at most 1000.
    pub stuck: Vec<Stuck>,
}

/// Most entries that are listed one by one.
const MOST_LISTED: i64 = 1000;

impl Cache {
    /// A destination is in use. The first time, it is noted which entries are its business: with `backlog` all that wait.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn destination_in_use(&self, name: &str, backlog: bool) -> Result<(), CacheError> {
        let known = self.read(|db| {
            let known: Option<i64> = db
                .prepare_cached("SELECT 1 FROM destinations WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()?;
            Ok(known.is_some())
        })?;
        if known {
            return Ok(());
        }
        self.write(|t| {
            t.execute(
                "INSERT INTO destinations (name, from_entry, attempts)
                 VALUES (?1, CASE WHEN ?2 THEN 0 ELSE (SELECT coalesce(max(id), 0) + 1 FROM outbox) END, 0)
                 ON CONFLICT DO NOTHING",
                params![name, backlog],
            )?;
            Ok(())
        })
    }

    /// Why nothing goes to a destination, or that it takes things again.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn set_destination(
        &self,
        name: &str,
        failing: Option<&Failing>,
        last_sent: Option<Timestamp>,
    ) -> Result<(), CacheError> {
        self.write(|t| {
            t.prepare_cached(
                "UPDATE destinations SET failing_since = ?2, attempts = ?3, next_try = ?4, code = ?5, words = ?6,
                     last_sent = coalesce(?7, last_sent) WHERE name = ?1",
            )?
            .execute(params![
                name,
                failing.map(|f| f.since.0),
                failing.map_or(0, |f| f.attempts),
                failing.and_then(|f| f.next_try).map(|t| t.0),
                failing.map(|f| &f.code),
                failing.map(|f| &f.words),
                last_sent.map(|t| t.0),
            ])?;
            Ok(())
        })
    }

    /// How each destination stands.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn outbox_status(&self, rules: &[Route]) -> Result<Vec<DestinationStatus>, CacheError> {
        rules.iter().map(|rule| self.destination_status(rule)).collect()
    }

    fn destination_status(&self, rule: &Route) -> Result<DestinationStatus, CacheError> {
        self.read(|db| {
            let open = format!(
                "FROM outbox o LEFT JOIN deliveries d ON d.entry = o.id AND d.destination = ?1
                 WHERE o.sent_at IS NULL AND o.kind IN ({}) AND {ITS_BUSINESS}
                   AND (d.state IS NULL OR d.state = 'waiting')
                   AND o.id >= coalesce((SELECT from_entry FROM destinations WHERE name = ?1), 0)",
                listed(&rule.kinds)
            );
            let (waiting, since): (i64, Option<i64>) = db
                .prepare_cached(&format!("SELECT count(*), min(o.created_at) {open}"))?
                .query_row([&rule.destination], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let events = if rule.events { Some(events_behind(db, &rule.destination)?) } else { None };
            let since = since.into_iter().chain(events.and_then(|(_, since)| since)).min();
            let state = db
                .prepare_cached(
                    "SELECT failing_since, attempts, next_try, code, words, last_sent FROM destinations WHERE name = ?1",
                )?
                .query_row([&rule.destination], |row| {
                    let since: Option<i64> = row.get(0)?;
                    let failing = Failing {
                        since: Timestamp(since.unwrap_or(0)),
                        attempts: row.get(1)?,
                        next_try: row.get::<_, Option<i64>>(2)?.map(Timestamp),
                        code: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
                        words: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
                    };
                    Ok((since.map(|_| failing), row.get::<_, Option<i64>>(5)?.map(Timestamp)))
                })
                .optional()?;
            let (failing, last_sent) = state.unwrap_or_default();
            let stuck = db
                .prepare_cached(
                    "SELECT o.id, o.study_uid, o.kind, d.state, d.attempts, d.tried_at, d.next_try, d.code, d.words, d.theirs
                     FROM deliveries d JOIN outbox o ON o.id = d.entry
                     WHERE d.destination = ?1 AND o.sent_at IS NULL AND d.state IN ('refused', 'conflict', 'waiting')
                     ORDER BY o.id LIMIT ?2",
                )?
                .query_map(params![rule.destination, MOST_LISTED], |row| {
                    Ok(Stuck {
                        id: row.get(0)?,
                        study: row.get::<_, Option<String>>(1)?.and_then(|uid| StudyUid::parse(&uid).ok()),
                        kind: row.get(2)?,
                        state: row.get(3)?,
                        attempts: row.get(4)?,
                        tried_at: Timestamp(row.get(5)?),
                        next_try: row.get::<_, Option<i64>>(6)?.map(Timestamp),
                        code: row.get::<_, Option<String>>(7)?.unwrap_or_default(),
                        words: row.get::<_, Option<String>>(8)?.unwrap_or_default(),
                        theirs: row.get(9)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(DestinationStatus {
                destination: rule.destination.clone(),
                waiting: waiting.cast_unsigned(),
                events_waiting: events.map(|(count, _)| count),
                since: since.map(Timestamp),
                failing,
                last_sent,
                stuck,
            })
        })
    }

    /// How many entries wait whose kind none of `rules` takes, by kind.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn outbox_unclaimed(&self, rules: &[Route]) -> Result<Vec<(String, u64)>, CacheError> {
        let taken: Vec<&str> = rules.iter().flat_map(|rule| rule.kinds.iter().copied()).collect();
        self.read(|db| {
            let sql = format!(
                "SELECT kind, count(*) FROM outbox WHERE sent_at IS NULL AND kind NOT IN ({}) GROUP BY kind",
                listed(&taken)
            );
            let mut statement = db.prepare(&sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
            rows.map(|row| row.map(|(kind, n)| (kind, n.cast_unsigned())).map_err(CacheError::from)).collect()
        })
    }
}

/// How many events of the trail a destination has yet to get, and when the oldest of them happened.
fn events_behind(db: &Connection, destination: &str) -> Result<(u64, Option<i64>), CacheError> {
    let acknowledged = audit_deliveries::of(db, destination)?.map_or(0, |d| d.acknowledged.sequence);
    let row = db
        .prepare_cached("SELECT count(*), min(at) FROM audit WHERE sequence > ?1")?
        .query_row([acknowledged.cast_signed()], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    Ok((row.0.cast_unsigned(), row.1))
}
