//! What came in over the network, in one file, until blobs and records are on the disk by themselves.
//!
//! A peer that sends one object and waits for its answer must not be told that it is kept before a power cut can no
//! longer take it. A new file, its folder and a transaction are three waits for the disk; one entry at the end of a
//! file that is there already is one. So the entry is what makes an object durable, and blob and record follow without
//! a wait ([`Cache::write_journaled`]) until [`Cache::settle`] brings all of them to the disk at once. A cache that was
//! not closed in order takes in from here what did not get there: [`Cache::replay`].
//!
//! ```text
//! file  = entry ‖ entry ‖ …, each at a multiple of 4 KiB, so that no page is read to be written
//! entry = "MSJ1" ‖ 0 u32 ‖ length of what follows u64, little endian ‖ sealed (format of the blobs, their key)
//! plain = length of the head u32, little endian ‖ head (JSON) ‖ the file that came in
//! ```
//!
//! An entry counts when it opens, has the generation of the records (`meta.journal`) and the number of its place. The
//! records begin a new generation when everything is settled; the file is written over from its beginning then.

use crate::folder::{private_file, sync_folder};
use crate::import::replay::Replay;
use crate::{Cache, CacheError, tables};
use medsight_record::InstanceRecord;
use medsight_vault::{BlobId, BlobKey, seal, unseal};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Above this everything is settled and the file written over from its beginning.
const LARGEST: u64 = 256 << 20;
const PAGE: u64 = 4096;
const MAGIC: &[u8; 8] = b"MSJ1\0\0\0\0";
const FRAME: usize = 16;

/// What an entry says of its file.
#[derive(Serialize, Deserialize)]
struct Head<R> {
    generation: i64,
    number: u64,
    who: String,
    record: R,
}

/// An object to be noted: whose words, what it is, and its bytes.
pub(crate) struct Noted<'a> {
    pub(crate) record: &'a InstanceRecord,
    pub(crate) file: &'a [u8],
}

/// The file. Locked from the moment an entry is written until its record is in the database.
pub(crate) struct Journal {
    folder: PathBuf,
    key: BlobKey,
    state: Mutex<Pending>,
}

/// What has yet to be settled.
pub(crate) struct Pending {
    /// `None` until the first entry.
    file: Option<File>,
    generation: i64,
    /// Entries of this generation.
    entries: u64,
    end: u64,
    /// Not where it holds what could not be taken in again.
    pub(crate) is_usable: bool,
    /// Blobs that are not yet on the disk.
    pub(crate) blobs: Vec<BlobId>,
    buffer: Vec<u8>,
}

impl Journal {
    pub(crate) fn new(folder: &Path, key: BlobKey, generation: i64) -> Self {
        let (file, entries, end, blobs, buffer) = Default::default();
        let pending = Pending { file, generation, entries, end, is_usable: false, blobs, buffer };
        Self { folder: folder.to_path_buf(), key, state: Mutex::new(pending) }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("received.journal")
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Pending> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes entries behind the others; durable when it returns well.
    pub(crate) fn append(&self, to: &mut Pending, who: &str, noted: &[Noted<'_>]) -> Result<(), CacheError> {
        let mut buffer = std::mem::take(&mut to.buffer);
        buffer.clear();
        for (number, Noted { record, file }) in (to.entries..).zip(noted) {
            let head = Head { generation: to.generation, number, who: who.to_owned(), record };
            let head = serde_json::to_vec(&head).map_err(io::Error::other)?;
            let begin = buffer.len();
            buffer.extend_from_slice(MAGIC);
            buffer.extend_from_slice(&[0; 8]);
            seal(&self.key, &[&(head.len() as u32).to_le_bytes(), &head, file], &mut buffer)?;
            let sealed = (buffer.len() - begin - FRAME) as u64;
            buffer[begin + 8..begin + FRAME].copy_from_slice(&sealed.to_le_bytes());
            buffer.resize(buffer.len().next_multiple_of(PAGE as usize), 0);
        }
        let written = self.write(to, &buffer);
        if written.is_ok() {
            to.entries += noted.len() as u64;
            to.end += buffer.len() as u64;
        }
        to.buffer = buffer;
        written
    }

    fn write(&self, to: &mut Pending, bytes: &[u8]) -> Result<(), CacheError> {
        let file = match &mut to.file {
            Some(file) => file,
            none => {
                let path = self.path();
                if !path.exists() {
                    drop(private_file(&path)?);
                    sync_folder(&self.folder)?;
                }
                none.insert(OpenOptions::new().read(true).write(true).open(path)?)
            }
        };
        file.seek(SeekFrom::Start(to.end))?;
        io::Write::write_all(file, bytes)?;
        Ok(file.sync_data()?)
    }

    /// Every entry of this generation, from the first to the last that is whole.
    fn each(
        &self,
        generation: i64,
        mut see: impl FnMut(String, InstanceRecord, &[u8]) -> Result<(), CacheError>,
    ) -> Result<(), CacheError> {
        let mut file = match File::open(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let length = file.metadata()?.len();
        let mut at = 0;
        for number in 0.. {
            let mut frame = [0; FRAME];
            file.seek(SeekFrom::Start(at))?;
            if at + FRAME as u64 > length {
                break;
            }
            file.read_exact(&mut frame)?;
            let (magic, sealed) = frame.split_at(8);
            let sealed = sealed.try_into().map_or(0, u64::from_le_bytes);
            let room = length - at - FRAME as u64;
            if magic != MAGIC || sealed > room {
                break;
            }
            let mut bytes = vec![0; sealed as usize];
            file.read_exact(&mut bytes)?;
            let Ok(plain) = unseal(&self.key, &bytes) else { break };
            let Some((head, body)) = parts(&plain) else { break };
            if head.generation != generation || head.number != number {
                break;
            }
            see(head.who, head.record, body)?;
            at += (FRAME as u64 + sealed).next_multiple_of(PAGE);
        }
        Ok(())
    }
}

fn parts(plain: &[u8]) -> Option<(Head<InstanceRecord>, &[u8])> {
    let (length, rest) = plain.split_first_chunk::<4>()?;
    let (head, body) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((serde_json::from_slice(head).ok()?, body))
}

impl Pending {
    /// Whether more would make the file too large.
    pub(crate) fn is_full(&self, more: u64) -> bool {
        self.end > 0 && self.end + more > LARGEST
    }
}

impl Cache {
    /// Brings to the disk what only the journal holds safe, and keeps others from adding to it while the answer is held.
    /// To be called before something is deleted: what is settled is not taken in again.
    pub(crate) fn settle(&self) -> Result<MutexGuard<'_, Pending>, CacheError> {
        let mut pending = self.journal.lock();
        self.settle_pending(&mut pending)?;
        Ok(pending)
    }

    pub(crate) fn settle_pending(&self, pending: &mut Pending) -> Result<(), CacheError> {
        if pending.entries == 0 {
            return Ok(());
        }
        self.blobs().sync(&pending.blobs)?;
        // This transaction is brought to the disk, and all before it.
        self.write(|t| Ok(tables::meta::set(t, GENERATION, &(pending.generation + 1))?))?;
        pending.generation += 1;
        pending.entries = 0;
        pending.end = 0;
        pending.blobs.clear();
        self.gate.linger(false);
        Ok(())
    }

    /// Takes in what a power cut or a kill kept from blobs and records. Called once, before anybody has the cache.
    /// Where that fails, on a full disk, the cache opens all the same, and the journal stays as it is for the next time.
    pub(crate) fn replay(&self) {
        let mut pending = self.journal.lock();
        let again = self.take_in_again(&mut pending);
        pending.is_usable = again.is_ok();
    }

    fn take_in_again(&self, pending: &mut Pending) -> Result<(), CacheError> {
        let mut again = Replay::new(self);
        let mut entries = 0;
        self.journal.each(pending.generation, |who, record, file| {
            entries += 1;
            again.take(who, record, file)
        })?;
        again.end()?;
        pending.entries = entries;
        let settled = self.settle_pending(pending);
        pending.entries = 0;
        settled
    }
}

/// The generation of entries that count, in `meta`.
const GENERATION: &str = "journal";

/// The generation of the records that are open.
pub(crate) fn generation(db: &rusqlite::Connection) -> rusqlite::Result<i64> {
    Ok(tables::meta::get(db, GENERATION)?.unwrap_or(1))
}
