//! How much room the images take, and which go first when there is too little.

use crate::{Cache, CacheError, apply, tables};
use medsight_audit::Action;
use medsight_base::{StudyUid, Timestamp};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;

/// What the cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Studies.
    pub studies: u64,
    /// Instances, evicted ones too.
    pub instances: u64,
    /// Bytes of images on this computer, as they came in.
    pub bytes: u64,
    /// Outbox entries that have yet to be sent.
    pub waiting: u64,
}

/// What an eviction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Studies whose images were removed, least recently used first.
    pub studies: Vec<StudyUid>,
    /// Bytes of images removed.
    pub bytes: u64,
    /// Bytes still above the quota: images that are nowhere else.
    pub over: u64,
}

/// Studies whose images are here and safe elsewhere, least recently used first. Who has claimed one needs no image to be told.
const EVICTABLE: &str = "
    SELECT t.id, t.uid, (SELECT sum(i.bytes) FROM instances i JOIN series s ON s.id = i.series
                         WHERE s.study = t.id AND i.blob NOT NULL) AS held
    FROM studies t
    WHERE t.archived_at NOT NULL AND held > 0
      AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.study = t.id AND o.sent_at IS NULL AND o.kind <> 'claim')
    ORDER BY t.last_used, t.id";

impl Cache {
    /// What the cache holds.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn usage(&self) -> Result<Usage, CacheError> {
        self.read(|db| {
            let studies: i64 = db.query_row("SELECT count(*) FROM studies", [], |row| row.get(0))?;
            let (instances, bytes): (i64, i64) = db.query_row(
                "SELECT count(*), coalesce(sum(CASE WHEN blob NOT NULL THEN bytes END), 0) FROM instances",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            Ok(Usage {
                studies: studies.cast_unsigned(),
                instances: instances.cast_unsigned(),
                bytes: bytes.cast_unsigned(),
                waiting: tables::outbox::waiting(db)?,
            })
        })
    }

    /// The study is kept elsewhere too, and everything about it has arrived there.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn archived(&self, study: &StudyUid, at: Timestamp) -> Result<(), CacheError> {
        self.write(|t| {
            let row = apply::require(t, study)?;
            tables::outbox::mark_sent(t, row, at)?;
            Ok(tables::studies::set_archived(t, row, Some(at))?)
        })
    }

    /// A server has told all that it has of a study. Where that is everything of it that is here, the images can be had
    /// from there again and may be evicted; true then. What was drawn on them waits for its delivery as before.
    ///
    /// # Errors
    /// [`CacheError::NotFound`], …
    pub fn kept_elsewhere(
        &self,
        study: &StudyUid,
        listed: &BTreeSet<String>,
        at: Timestamp,
    ) -> Result<bool, CacheError> {
        self.write(|t| {
            let row = apply::require(t, study)?;
            let stored = tables::instances::of_study(t, row)?;
            let all = stored.iter().all(|instance| listed.contains(instance.uid.as_str()));
            if all {
                tables::outbox::mark_files_sent(t, row, at)?;
                tables::studies::set_archived(t, row, Some(at))?;
            }
            Ok(all)
        })
    }

    /// Removes images, whole studies at a time and the least recently used first, until at most `quota_bytes`
    /// are left. What is not known to be elsewhere, or has something waiting in the outbox, stays.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn evict_to(&self, quota_bytes: u64, who: &str, at: Timestamp) -> Result<Evicted, CacheError> {
        let mut held = self.usage()?.bytes;
        let mut evicted = Evicted::default();
        let _nothing_comes_back = if held > quota_bytes { Some(self.settle()?) } else { None };
        while held > quota_bytes {
            let next = self.write(|t| {
                let next = t.prepare_cached(EVICTABLE)?.query([])?.next()?.map(|row| {
                    Ok::<_, rusqlite::Error>((
                        row.get::<_, i64>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, i64>(2)?,
                    ))
                });
                let Some((row, uid, bytes)) = next.transpose()? else { return Ok(None) };
                let study =
                    StudyUid::parse(&uid).map_err(|_| CacheError::Damaged("a study UID".to_owned()))?;
                let blobs = tables::instances::blobs_of_study(t, row)?;
                tables::instances::forget_blobs(t, row)?;
                apply::note(t, who, Action::ImagesEvicted, at, &study, json!({"bytes": bytes}))?;
                Ok(Some((study, bytes.cast_unsigned(), blobs)))
            })?;
            let Some((study, bytes, blobs)) = next else { break };
            self.discard(&blobs);
            held = held.saturating_sub(bytes);
            evicted.bytes += bytes;
            evicted.studies.push(study);
        }
        evicted.over = held.saturating_sub(quota_bytes);
        Ok(evicted)
    }
}
