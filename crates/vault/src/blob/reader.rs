//! Reads one encrypted file: whole, in ranges from several threads, or as `Read + Seek`.

use super::format::{FileCipher, HEADER_LEN, Layout, TAG_LEN};
use crate::error::BlobError;
use crate::key::BlobKey;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// An encrypted file open for reading. Nothing is returned that was not authenticated.
pub struct BlobReader {
    cipher: FileCipher,
    file: File,
    layout: Layout,
    /// The last chunk was opened, so the length is true.
    end_checked: AtomicBool,
    position: u64,
    /// The chunk that `Read` is in: its index and its plaintext.
    current: Option<(u64, Vec<u8>)>,
}

impl BlobReader {
    /// Opens a file and checks its header. Chunks are checked as they are read.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::WrongKey`], [`BlobError::NotABlob`], or another [`BlobError`].
    pub fn open(path: &Path, key: &BlobKey) -> Result<Self, BlobError> {
        let file = File::open(path)?;
        let file_len = file.metadata()?.len();
        if file_len < HEADER_LEN as u64 {
            return Err(BlobError::NotABlob);
        }
        let mut header = [0; HEADER_LEN];
        read_exact_at(&file, &mut header, 0)?;
        let cipher = FileCipher::open(key, header)?;
        let layout = cipher.layout(file_len)?;
        Ok(Self { cipher, file, layout, end_checked: AtomicBool::new(false), position: 0, current: None })
    }

    /// Plaintext bytes, from the length of the file. A file that was cut shows that when its last
    /// chunk is read; [`BlobReader::check_end`] does so at once.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.layout.plain_len
    }

    /// Whether the file holds no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layout.plain_len == 0
    }

    /// Makes sure that the file was not cut or extended, by opening its last chunk.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] if it was.
    pub fn check_end(&self) -> Result<(), BlobError> {
        if !self.end_checked.load(Ordering::Relaxed) {
            let last = self.layout.chunks - 1;
            let mut scratch = vec![0; self.chunk_plain_len(last)];
            self.read_chunk(last, &mut scratch)?;
        }
        Ok(())
    }

    /// The whole file, decrypted in the buffer that is returned.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] when any byte of the file was changed.
    pub fn read_all(&self) -> Result<Vec<u8>, BlobError> {
        self.read_range(0, self.len())
    }

    /// Bytes `start .. start + length`.
    ///
    /// # Errors
    /// [`BlobError::OutOfRange`] past the end; [`BlobError::Damaged`].
    pub fn read_range(&self, start: u64, length: u64) -> Result<Vec<u8>, BlobError> {
        self.check_range(start, length)?;
        // In range, so not larger than the file. Zeroed by the allocator, which costs no pass over it.
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| out_of_memory())?];
        self.read_into(start, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `out` from byte `start` on. Whole chunks are decrypted where they are wanted, without a copy.
    ///
    /// # Errors
    /// As [`BlobReader::read_range`]; the content of `out` is then not to be used.
    pub fn read_into(&self, start: u64, out: &mut [u8]) -> Result<(), BlobError> {
        self.check_range(start, out.len() as u64)?;
        if self.is_empty() {
            return self.check_end();
        }
        let chunk_len = self.cipher.chunk_len();
        let mut scratch = Vec::new();
        let mut at = start;
        let mut rest = out;
        while !rest.is_empty() {
            let (index, skip) = self.locate(at);
            let plain = self.chunk_plain_len(index);
            let taken = (plain - skip).min(rest.len());
            let (part, after) = rest.split_at_mut(taken);
            if taken == plain {
                self.read_chunk(index, part)?;
            } else {
                scratch.resize(plain.min(chunk_len), 0);
                self.read_chunk(index, &mut scratch)?;
                part.copy_from_slice(&scratch[skip..skip + taken]);
            }
            at += taken as u64;
            rest = after;
        }
        Ok(())
    }

    fn check_range(&self, start: u64, length: u64) -> Result<(), BlobError> {
        let end = start.saturating_add(length);
        if end > self.len() {
            // A file that was cut is damaged, not short.
            self.check_end()?;
            return Err(BlobError::OutOfRange { start, end, length: self.len() });
        }
        Ok(())
    }

    /// The chunk of a plaintext position, and the position in that chunk (below one chunk length).
    fn locate(&self, position: u64) -> (u64, usize) {
        let chunk_len = self.cipher.chunk_len() as u64;
        // A remainder of a `usize` fits one.
        (position / chunk_len, (position % chunk_len) as usize)
    }

    fn chunk_plain_len(&self, index: u64) -> usize {
        let before = index * self.cipher.chunk_len() as u64;
        (self.layout.plain_len - before).min(self.cipher.chunk_len() as u64) as usize
    }

    /// Reads and opens one chunk; `out` has exactly its plaintext length.
    fn read_chunk(&self, index: u64, out: &mut [u8]) -> Result<(), BlobError> {
        let offset = self.cipher.chunk_offset(index);
        let mut tag = [0; TAG_LEN];
        let read = read_exact_at(&self.file, out, offset)
            .and_then(|()| read_exact_at(&self.file, &mut tag, offset + out.len() as u64));
        if let Err(error) = read {
            out.fill(0);
            // Cut while open.
            let cut = error.kind() == io::ErrorKind::UnexpectedEof;
            return Err(if cut { BlobError::Damaged { part: index } } else { error.into() });
        }
        let last = index + 1 == self.layout.chunks;
        self.cipher.open_chunk(index, last, out, tag)?;
        if last {
            self.end_checked.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Read for BlobReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.position >= self.len() {
            // "No more" is only true if the end is the real one.
            self.check_end()?;
            return Ok(0);
        }
        let (index, skip) = self.locate(self.position);
        if self.current.as_ref().is_none_or(|(held, _)| *held != index) {
            let mut chunk = self.current.take().map(|(_, buffer)| buffer).unwrap_or_default();
            chunk.resize(self.chunk_plain_len(index), 0);
            self.read_chunk(index, &mut chunk)?;
            self.current = Some((index, chunk));
        }
        let held = self.current.as_ref().map_or(&[][..], |(_, chunk)| &chunk[skip..]);
        let taken = held.len().min(out.len());
        out[..taken].copy_from_slice(&held[..taken]);
        self.position += taken as u64;
        Ok(taken)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => {
                self.check_end()?;
                self.len().checked_add_signed(by)
            }
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobReader").field("len", &self.len()).finish_non_exhaustive()
    }
}

fn out_of_memory() -> BlobError {
    BlobError::Io(io::ErrorKind::OutOfMemory.into())
}

#[cfg(unix)]
fn read_exact_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

/// The file cursor moves, but nothing here uses it.
#[cfg(windows)]
fn read_exact_at(file: &File, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                out = &mut out[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
