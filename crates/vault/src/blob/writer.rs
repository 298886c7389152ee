//! Writes one encrypted file. It appears under its name only when complete; until then it has a name
//! that ends in `.part`, and a writer dropped early leaves nothing.

use super::format::{CHUNK_LOG2, FileCipher, HEADER_LEN, TAG_LEN};
use crate::error::BlobError;
use crate::hex;
use crate::key::{BlobKey, random_bytes};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Ending of files being written.
pub(crate) const PART_ENDING: &str = ".part";

/// When a finished file has to survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Before `finish` returns. A folder entry made new also needs its folder synced.
    Now,
    /// When the caller syncs the store, once for many files ([`crate::BlobStore::sync`]).
    Later,
}

/// An encrypted file being written. Only ciphertext reaches the disk.
pub struct BlobWriter {
    cipher: FileCipher,
    /// `None` once renamed or removed.
    file: Option<File>,
    part_path: PathBuf,
    path: PathBuf,
    /// The header before the first chunk, then up to one chunk of plaintext.
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` that are already as they go to disk (the header).
    ready: usize,
    next_chunk: u64,
    written: u64,
    /// A write failed part way: what is on disk is no longer a prefix of a good file.
    failed: bool,
}

impl BlobWriter {
    /// Begins a file that will be at `path`, replacing what is there when it is finished. The folder must exist.
    ///
    /// # Errors
    /// [`BlobError`] of the file system, or when there is no randomness.
    pub fn create(path: &Path, key: &BlobKey) -> Result<Self, BlobError> {
        Self::create_with_chunks(path, key, CHUNK_LOG2)
    }

    pub(super) fn create_with_chunks(path: &Path, key: &BlobKey, chunk_log2: u8) -> Result<Self, BlobError> {
        let cipher = FileCipher::create(key, chunk_log2)?;
        let random = random_bytes::<8>().ok_or(BlobError::NoRandomness)?;
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".");
        name.push(hex::encode(random.as_slice()).as_str());
        name.push(PART_ENDING);
        let part_path = path.with_file_name(name);
        let file = new_private_file(&part_path)?;
        let mut buffer = Vec::with_capacity(HEADER_LEN + cipher.chunk_len() + TAG_LEN);
        buffer.extend_from_slice(cipher.header());
        Ok(Self {
            cipher,
            file: Some(file),
            part_path,
            path: path.to_path_buf(),
            buffer,
            ready: HEADER_LEN,
            next_chunk: 0,
            written: 0,
            failed: false,
        })
    }

    /// Plaintext bytes taken so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Seals the end and gives the file its name.
    ///
    /// # Errors
    /// [`BlobError`]; the file is then removed.
    pub fn finish(mut self, durability: Durability) -> Result<(), BlobError> {
        if self.failed {
            return Err(BlobError::Io(io::Error::other("an earlier write failed")));
        }
        self.flush_chunk(true)?;
        if let Some(file) = self.file.take() {
            let synced = match durability {
                Durability::Now => file.sync_all(),
                Durability::Later => Ok(()),
            };
            drop(file);
            if let Err(error) = synced.and_then(|()| fs::rename(&self.part_path, &self.path)) {
                discard(&self.part_path);
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn flush_chunk(&mut self, last: bool) -> Result<(), BlobError> {
        // Until this returns well, the writer counts as broken: the buffer is ciphertext in between.
        self.failed = true;
        let tag = self.cipher.seal(self.next_chunk, last, &mut self.buffer[self.ready..])?;
        self.buffer.extend_from_slice(&tag);
        if let Some(file) = &mut self.file {
            file.write_all(&self.buffer)?;
        }
        self.buffer.clear();
        self.ready = 0;
        self.next_chunk += 1;
        self.failed = false;
        Ok(())
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        // A full chunk waits until more comes, as only then is it known not to be the last.
        if self.buffer.len() - self.ready == self.cipher.chunk_len() {
            self.flush_chunk(false)?;
        }
        let room = self.cipher.chunk_len() - (self.buffer.len() - self.ready);
        let taken = room.min(bytes.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        self.written += taken as u64;
        Ok(taken)
    }

    /// Does nothing: a chunk cannot be sealed twice, so only [`BlobWriter::finish`] brings all to disk.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            discard(&self.part_path);
        }
    }
}

impl std::fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobWriter").field("written", &self.written).finish_non_exhaustive()
    }
}

/// What cannot be removed now holds ciphertext only, and the store clears it away later.
fn discard(part_path: &Path) {
    let _ = fs::remove_file(part_path);
}

fn new_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
