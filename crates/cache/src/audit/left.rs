//! Events of programs that may only read, because another one owns the cache: an export from the command line while the
//! desk is open. They leave the event in a file, and the owner takes it into the trail.
//!
//! ```text
//! events.left/ID = one event as JSON, sealed in the form and under the key of the blobs
//! ```
//!
//! Until the owner has it, whoever can write in the folder can take it away without being found.

use crate::folder::{create, private_file, sync_folder};
use crate::{Cache, CacheError, tables};
use medsight_audit::AuditEvent;
use medsight_vault::{BlobId, seal, unseal};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

impl Cache {
    fn left_events(&self) -> PathBuf {
        self.folder().join("events.left")
    }

    /// Writes an event, or leaves it for the owner of the cache where this program is not it. On the disk when this
    /// returns well.
    ///
    /// # Errors
    /// [`CacheError`]
    pub fn note_or_leave(&self, event: &AuditEvent) -> Result<(), CacheError> {
        match self.note_event(event) {
            Err(CacheError::ReadOnly) => self.leave(event),
            noted => noted.map(drop),
        }
    }

    fn leave(&self, event: &AuditEvent) -> Result<(), CacheError> {
        let mut event = event.clone();
        self.ledger.complete(&mut event, None);
        let mut sealed = Vec::new();
        seal(self.blob_key(), &[&serde_json::to_vec(&event)?], &mut sealed)?;
        let folder = self.left_events();
        create(&folder)?;
        let id = BlobId::random()?.to_string();
        let part = folder.join(format!("{id}.part"));
        let mut file = private_file(&part)?;
        file.write_all(&sealed)?;
        file.sync_all()?;
        drop(file);
        std::fs::rename(&part, folder.join(id))?;
        sync_folder(&folder)
    }

    /// Takes the events that other programs left into the trail, and says how many. Done when the cache is opened; a
    /// program that stays open does it now and then. What can't be read stays where it is, and the check tells of it.
    ///
    /// # Errors
    /// [`CacheError::ReadOnly`] when this program does not own the cache, …
    pub fn take_left_events(&self) -> Result<u64, CacheError> {
        let mut taken = 0;
        for (path, event) in self.list_left()? {
            let Some(mut event) = event else { continue };
            let Some(id) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
            match event.detail.as_object_mut() {
                Some(detail) => drop(detail.insert("left".to_owned(), json!(id))),
                None => event.detail = json!({"left": id}),
            }
            self.write(|act| {
                // A crash came between the event and the removal of its file, or somebody put a copy there.
                let is_known: bool = act.query_row(
                    "SELECT EXISTS (SELECT 1 FROM audit WHERE detail ->> 'left' = ?1)",
                    [&id],
                    |row| row.get(0),
                )?;
                if !is_known {
                    tables::audit::add(act, &event)?;
                    taken += 1;
                }
                Ok(())
            })?;
            std::fs::remove_file(path)?;
        }
        Ok(taken)
    }

    /// How many left events can't be read.
    pub(crate) fn unreadable_left(&self) -> Result<usize, CacheError> {
        Ok(self.list_left()?.iter().filter(|(_, event)| event.is_none()).count())
    }

    fn list_left(&self) -> Result<Vec<(PathBuf, Option<AuditEvent>)>, CacheError> {
        let entries = match std::fs::read_dir(self.left_events()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut left = Vec::new();
        for entry in entries {
            let path = entry?.path();
            // Its writer is at it, or was killed: what it did is not done either.
            if path.extension().is_some_and(|extension| extension == "part") {
                continue;
            }
            let sealed = std::fs::read(&path)?;
            let plain = unseal(self.blob_key(), &sealed).ok();
            left.push((path, plain.and_then(|plain| serde_json::from_slice(&plain).ok())));
        }
        left.sort_by_key(|(_, event): &(_, Option<AuditEvent>)| event.as_ref().map(|event| event.when));
        Ok(left)
    }
}
