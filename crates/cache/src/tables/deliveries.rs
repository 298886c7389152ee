//! How far each entry of the outbox has come at each destination. No row: not tried yet.

use super::outbox::{self, Waiting};
use medsight_base::Timestamp;
use medsight_record::KnownServerReport;
use rusqlite::{Connection, OptionalExtension, params};

/// `remotes` is what a destination calls a thing of ours, and the version that we last saw there.
/// `from_entry` is the first entry that is a destination's business; it needs no clock.
pub(crate) const TABLES: &str = "
    CREATE TABLE deliveries (
        entry       INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
        destination TEXT NOT NULL,
        state       TEXT NOT NULL,
        attempts    INTEGER NOT NULL,
        tried_at    INTEGER NOT NULL,
        next_try    INTEGER,
        code        TEXT,
        words       TEXT,
        remote      TEXT,
        theirs      TEXT,
        PRIMARY KEY (entry, destination)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deliveries_stuck ON deliveries (destination, state) WHERE state IN ('refused', 'conflict');
    CREATE TABLE remotes (
        destination TEXT NOT NULL,
        identity    TEXT NOT NULL,
        place       TEXT NOT NULL,
        version     TEXT,
        PRIMARY KEY (destination, identity)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE destinations (
        name          TEXT PRIMARY KEY,
        from_entry    INTEGER NOT NULL,
        failing_since INTEGER,
        attempts      INTEGER NOT NULL,
        next_try      INTEGER,
        code          TEXT,
        words         TEXT,
        last_sent     INTEGER
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta (name, value) VALUES ('sync_id', randomblob(16)) ON CONFLICT DO NOTHING;
";

/// A row.
pub(crate) struct Stored<'a> {
    pub(crate) state: &'a str,
    pub(crate) next_try: Option<Timestamp>,
    pub(crate) code: Option<&'a str>,
    pub(crate) words: Option<&'a str>,
    pub(crate) remote: Option<&'a str>,
    pub(crate) theirs: Option<&'a str>,
}

/// Notes one attempt.
pub(crate) fn note(
    db: &Connection,
    entry: i64,
    destination: &str,
    row: &Stored<'_>,
    at: Timestamp,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO deliveries (entry, destination, state, attempts, tried_at, next_try, code, words, remote, theirs)
         VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (entry, destination) DO UPDATE SET state = ?3, attempts = attempts + 1, tried_at = ?4,
             next_try = ?5, code = ?6, words = ?7, remote = coalesce(?8, remote), theirs = ?9",
    )?
    .execute(params![
        entry,
        destination,
        row.state,
        at.0,
        row.next_try.map(|t| t.0),
        row.code,
        row.words,
        row.remote,
        row.theirs
    ])?;
    Ok(())
}

/// What was done about an entry at a destination so far.
pub(crate) struct Tried {
    pub(crate) attempts: u32,
    /// When the next try is due.
    pub(crate) next_try: Option<Timestamp>,
    /// It is there, and was asked to be kept.
    pub(crate) promise: Option<Answered>,
}

/// Whether the answer to that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered(pub(crate) bool);

/// What is a destination's business of what it takes: a claim is told where its order came from, and nowhere else.
pub(crate) const ITS_BUSINESS: &str = "(o.kind <> 'claim' OR o.payload ->> 'destination' = ?1)";

/// Entries that a destination has yet to get, in their order. `see` says whether to go on. `kinds` are words of this program's own list.
pub(crate) fn open(
    db: &Connection,
    destination: &str,
    kinds: &[&str],
    after: i64,
    mut see: impl FnMut(Waiting, Tried) -> bool,
) -> rusqlite::Result<()> {
    let from: i64 = db
        .prepare_cached("SELECT from_entry FROM destinations WHERE name = ?1")?
        .query_row([destination], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let mut statement = db.prepare_cached(&format!(
        "SELECT {}, coalesce(d.attempts, 0), d.next_try, p.entry, p.missing NOT NULL
         FROM outbox o LEFT JOIN deliveries d ON d.entry = o.id AND d.destination = ?1
         LEFT JOIN promises p ON p.entry = o.id AND p.destination = ?1
         WHERE o.sent_at IS NULL AND o.id > ?2 AND o.id >= ?3 AND o.kind IN ({}) AND {ITS_BUSINESS}
           AND (d.state IS NULL OR d.state = 'waiting')
         ORDER BY o.id",
        outbox::COLUMNS,
        listed(kinds)
    ))?;
    let mut rows = statement.query(params![destination, after, from])?;
    while let Some(row) = rows.next()? {
        let is_asked = row.get::<_, Option<i64>>(9)?.is_some();
        let tried = Tried {
            attempts: row.get(7)?,
            next_try: row.get::<_, Option<i64>>(8)?.map(Timestamp),
            promise: if is_asked { Some(Answered(row.get(10)?)) } else { None },
        };
        if !see(outbox::from_row(row)?, tried) {
            break;
        }
    }
    Ok(())
}

/// An entry that waits for its next try no longer has to.
pub(crate) fn due_now(db: &Connection, entry: i64, destination: &str) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE deliveries SET next_try = NULL WHERE entry = ?1 AND destination = ?2 AND state = 'waiting'",
    )?
    .execute(params![entry, destination])?;
    Ok(())
}

/// `'a', 'b'`, for SQL.
pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', ""))).collect();
    quoted.join(", ")
}

/// Whether a destination is done with an entry: it has it, or a person said that it need not.
pub(crate) fn is_closed(db: &Connection, entry: i64, destination: &str) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT (o.id < coalesce(s.from_entry, 0)) OR coalesce(d.state IN ('done', 'dropped'), 0)
                OR (o.kind = 'claim' AND o.payload ->> 'destination' <> ?2)
         FROM outbox o LEFT JOIN destinations s ON s.name = ?2
         LEFT JOIN deliveries d ON d.entry = o.id AND d.destination = ?2 WHERE o.id = ?1",
    )?
    .query_row(params![entry, destination], |row| row.get(0))
}

/// Tries so far and their version of an entry that is in conflict.
pub(crate) fn in_conflict(
    db: &Connection,
    entry: i64,
    destination: &str,
) -> rusqlite::Result<Option<(u32, Option<String>)>> {
    db.prepare_cached(
        "SELECT attempts, theirs FROM deliveries WHERE entry = ?1 AND destination = ?2 AND state = 'conflict'",
    )?
    .query_row(params![entry, destination], |row| Ok((row.get(0)?, row.get(1)?)))
    .optional()
}

/// Entries that are in conflict, in their order.
pub(crate) fn conflicts(db: &Connection, destination: &str) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached(
        "SELECT entry FROM deliveries WHERE destination = ?1 AND state = 'conflict' ORDER BY entry",
    )?
    .query_map([destination], |row| row.get(0))?
    .collect()
}

/// Whether a report of ours that a system told of is not as it was sent there: another version than the one last seen, told
/// after it was last sent.
pub(crate) fn is_changed_there(
    db: &Connection,
    identity: &str,
    report: &str,
    told: &KnownServerReport,
) -> rusqlite::Result<bool> {
    let sent: Option<i64> = db
        .prepare_cached(
            "SELECT max(d.tried_at) FROM deliveries d JOIN outbox o ON o.id = d.entry
             WHERE o.kind = 'report' AND o.payload ->> 'report' = ?1",
        )?
        .query_row([report], |row| row.get(0))?;
    let is_other: bool = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM remotes WHERE identity = ?1 AND place = ?2 AND version NOT NULL)
                AND NOT EXISTS (SELECT 1 FROM remotes WHERE identity = ?1 AND place = ?2 AND version = ?3)",
        )?
        .query_row([identity, &told.said.place, &told.said.version], |row| row.get(0))?;
    Ok(is_other && sent.is_none_or(|sent| sent < told.seen_at.0))
}

/// The destination has nothing of this name any more.
pub(crate) fn forget_remote(db: &Connection, destination: &str, identity: &str) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM remotes WHERE destination = ?1 AND identity = ?2")?
        .execute([destination, identity])?;
    Ok(())
}

pub(crate) fn remote(
    db: &Connection,
    destination: &str,
    identity: &str,
) -> rusqlite::Result<Option<(String, Option<String>)>> {
    db.prepare_cached("SELECT place, version FROM remotes WHERE destination = ?1 AND identity = ?2")?
        .query_row([destination, identity], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

pub(crate) fn set_remote(
    db: &Connection,
    destination: &str,
    identity: &str,
    place: &str,
    version: Option<&str>,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO remotes (destination, identity, place, version) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (destination, identity) DO UPDATE SET place = ?3, version = ?4",
    )?
    .execute(params![destination, identity, place, version])?;
    Ok(())
}
