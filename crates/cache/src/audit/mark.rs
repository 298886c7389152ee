//! How far the audit trail had come, told outside of the records: records of which the end was cut off, or that were
//! replaced by an older copy, don't fit it. Whoever replaces the whole folder isn't found by it, but by what a server
//! acknowledged ([`super::Agreement`]).
//!
//! ```text
//! file = slot at 0 ‖ slot at 4096, written in turn, so that a power cut in the middle leaves the other
//! slot = "MSAM1\0\0\0" ‖ sequence u64, big endian ‖ hash ‖ HMAC of all before under the site's key
//! ```
//!
//! It is written after each transaction and not waited for: what is lost of it by a power cut makes it older, which
//! fits. It never tells of an event that is not on the disk.

use crate::CacheError;
use crate::folder::{private_file, sync_folder};
use medsight_audit::{Position, SiteKeys};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"MSAM1\0\0\0";
const SLOT: usize = 8 + 8 + 32 + 32;
const SECOND: u64 = 4096;

/// The open mark of a cache that is written.
pub(super) struct Mark {
    file: File,
    position: Position,
    /// Where the next slot goes.
    next: u64,
    /// Whether it fits the records; one that does not stays as it is.
    fits: bool,
}

fn path(folder: &Path) -> PathBuf {
    folder.join("audit.mark")
}

fn slot(keys: &SiteKeys, position: Position) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    let (told, proof) = slot.split_at_mut(48);
    told[..8].copy_from_slice(MAGIC);
    told[8..16].copy_from_slice(&position.sequence.to_be_bytes());
    told[16..].copy_from_slice(&position.hash);
    proof.copy_from_slice(&keys.marked(&[told]));
    slot
}

/// The later of the two slots that the site wrote, and where it is.
pub(super) fn read(folder: &Path, keys: &SiteKeys) -> Result<Option<(Position, u64)>, CacheError> {
    let mut file = match File::open(path(folder)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut found: Option<(Position, u64)> = None;
    for place in [0, SECOND] {
        let mut bytes = [0; SLOT];
        file.seek(SeekFrom::Start(place))?;
        if file.read_exact(&mut bytes).is_err() {
            continue;
        }
        let mut number = [0; 8];
        let mut hash = [0; 32];
        number.copy_from_slice(&bytes[8..16]);
        hash.copy_from_slice(&bytes[16..48]);
        let position = Position { sequence: u64::from_be_bytes(number), hash };
        if slot(keys, position) == bytes && found.is_none_or(|(other, _)| other.sequence <= position.sequence)
        {
            found = Some((position, place));
        }
    }
    Ok(found)
}

impl Mark {
    /// The mark of a folder, for moving it on; `None` where it is missing or not the site's. `holds` says whether the
    /// records have an event.
    pub(super) fn open(
        folder: &Path,
        keys: &SiteKeys,
        holds: impl FnOnce(Position) -> rusqlite::Result<bool>,
    ) -> Result<Option<Self>, CacheError> {
        let Some((position, place)) = read(folder, keys)? else { return Ok(None) };
        let file = OpenOptions::new().write(true).open(path(folder))?;
        Ok(Some(Self { file, position, next: SECOND - place, fits: holds(position)? }))
    }

    /// A new mark, on the disk when this returns.
    pub(super) fn create(folder: &Path, keys: &SiteKeys, position: Position) -> Result<Self, CacheError> {
        let mut file = private_file(&path(folder))?;
        file.write_all(&slot(keys, position))?;
        file.sync_all()?;
        sync_folder(folder)?;
        Ok(Self { file, position, next: SECOND, fits: true })
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// A disk that takes no more leaves it older, which fits.
    pub(super) fn advance(&mut self, keys: &SiteKeys, position: Position) {
        if !self.fits || position.sequence <= self.position.sequence {
            return;
        }
        let written = self.file.seek(SeekFrom::Start(self.next));
        if written.and_then(|_| self.file.write_all(&slot(keys, position))).is_ok() {
            self.position = position;
            self.next = SECOND - self.next;
        }
    }
}
