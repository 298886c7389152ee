//! A new master key. The records are written anew under it; the images keep their own key, which is kept in
//! the records, so their files are not touched.
//!
//! Whoever has both the old master key and an old copy of `records.db` can still read images that came in
//! before and after: after a theft of the key, export and import into a new cache instead.

use crate::cache::connect;
use crate::folder::{Description, fingerprint, sync_folder};
use crate::{Cache, CacheError, schema, tables};
use medsight_audit::{Action, AuditEvent};
use medsight_base::Timestamp;
use medsight_vault::{KeySource, MasterKey, Purpose};
use rusqlite::OpenFlags;
use std::fs::OpenOptions;
use std::path::Path;
use zeroize::Zeroizing;

const NEW_RECORDS: &str = "records.new.db";

impl Cache {
    /// Gives the cache the key `new`, kept in `source` from now on, and opens it again. Cut short at any moment,
    /// the old key or the new one opens the cache, and nothing is lost: the new records are complete on the disk
    /// before they take the name of the old ones.
    ///
    /// # Errors
    /// [`CacheError`]; the cache then still has the key it had.
    pub fn rekey(
        self,
        new: &MasterKey,
        source: Option<&KeySource>,
        who: &str,
        at: Timestamp,
    ) -> Result<Self, CacheError> {
        self.write(|t| {
            let event = AuditEvent::new(who, Action::KeyChanged, at, None, serde_json::Value::Null);
            Ok(tables::audit::add(t, &event)?)
        })?;
        drop(self.settle()?);
        let site = self.ledger.sealed_for(new)?;
        let (db, folder, lock) = self.into_writer()?;
        clear_interrupted(&folder)?;
        // With no other connection this also removes the write-ahead log, whose pages have the old key.
        db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
        let part = folder.join(NEW_RECORDS);
        let key = Zeroizing::new(format!("x'{}'", *new.derive(Purpose::Records).to_hex()));
        drop(crate::folder::private_file(&part)?);
        db.execute(
            "ATTACH DATABASE ?1 AS fresh KEY ?2",
            rusqlite::params![part.to_string_lossy(), key.as_str()],
        )?;
        let copied = copy_records(&db, site);
        db.execute_batch("DETACH DATABASE fresh")?;
        copied?;
        drop(db);
        // Durable and readable under the new key before anything of the old is given up.
        OpenOptions::new().write(true).open(&part)?.sync_all()?;
        let check = connect(&part, &new.derive(Purpose::Records).to_hex(), OpenFlags::empty())?;
        schema::check_version(&check)?;
        drop(check);
        let mut description = Description::read(&folder)?.unwrap_or_else(|| Description::new(new));
        if !description.knows(new) {
            description.key_fingerprints.push(fingerprint(new));
        }
        description.next_key_source = source.map(KeySource::to_string);
        description.write(&folder)?;
        std::fs::rename(&part, folder.join("records.db"))?;
        sync_folder(&folder)?;
        description.key_fingerprints = vec![fingerprint(new)];
        description.key_source = description.next_key_source.take().or(description.key_source);
        description.write(&folder)?;
        drop(lock);
        Self::open(&folder, new)
    }
}

/// `site` is the secret of the audit trail, sealed for the new key.
fn copy_records(db: &rusqlite::Connection, site: Option<Vec<u8>>) -> Result<(), CacheError> {
    db.query_row("SELECT sqlcipher_export('fresh')", [], |_| Ok(()))?;
    if let Some(site) = site {
        db.execute(
            "UPDATE fresh.meta SET value = ?1 WHERE name = ?2",
            rusqlite::params![site, crate::audit::SITE],
        )?;
    }
    for pragma in ["user_version", "application_id"] {
        let value: i64 = db.query_row(&format!("PRAGMA main.{pragma}"), [], |row| row.get(0))?;
        db.execute_batch(&format!("PRAGMA fresh.{pragma} = {value}"))?;
    }
    Ok(())
}

/// Removes what a change of key left that was cut short before the new records took over.
pub(crate) fn clear_interrupted(folder: &Path) -> Result<(), CacheError> {
    for name in [NEW_RECORDS, "records.new.db-journal", "records.new.db-wal", "records.new.db-shm"] {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
