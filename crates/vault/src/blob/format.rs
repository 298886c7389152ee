//! Header, lengths, and the sealing and opening of one chunk. No files: see `reader.rs`, `writer.rs`.

use crate::error::BlobError;
use crate::key::{BlobKey, random_bytes};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use ring::digest;

pub(super) const HEADER_LEN: usize = 56;
pub(super) const TAG_LEN: usize = 16;
const MAGIC: &[u8; 4] = b"MSV1";
const VERSION: u8 = 1;
/// 256 KiB: large enough that tags and calls cost nothing, small enough for a processor's own cache.
pub(super) const CHUNK_LOG2: u8 = 18;
/// What a reader accepts: 4 KiB to 16 MiB, so that a forged header cannot ask for absurd memory.
const CHUNK_LOG2_RANGE: std::ops::RangeInclusive<u8> = 12..=24;

/// Everything needed to seal or open the chunks of one file.
pub(super) struct FileCipher {
    key: LessSafeKey,
    header: [u8; HEADER_LEN],
    chunk_log2: u8,
}

impl FileCipher {
    /// For a new file: fresh salt, hence a fresh key.
    pub(super) fn create(key: &BlobKey, chunk_log2: u8) -> Result<Self, BlobError> {
        let mut header = [0; HEADER_LEN];
        header[..4].copy_from_slice(MAGIC);
        header[4] = VERSION;
        header[5] = chunk_log2;
        let salt = random_bytes::<32>().ok_or(BlobError::NoRandomness)?;
        header[8..40].copy_from_slice(salt.as_slice());
        header[40..48].copy_from_slice(&key.id());
        let sum = checksum(&header);
        header[48..].copy_from_slice(&sum);
        Self::new(key, header, chunk_log2)
    }

    /// For an existing file.
    pub(super) fn open(key: &BlobKey, header: [u8; HEADER_LEN]) -> Result<Self, BlobError> {
        if header[..4] != *MAGIC {
            return Err(BlobError::NotABlob);
        }
        if header[4] > VERSION {
            return Err(BlobError::Newer { found: header[4], known: VERSION });
        }
        let well_formed = header[4] == VERSION
            && CHUNK_LOG2_RANGE.contains(&header[5])
            && header[6..8] == [0, 0]
            && header[48..] == checksum(&header);
        if !well_formed {
            return Err(BlobError::NotABlob);
        }
        if header[40..48] != key.id() {
            return Err(BlobError::WrongKey);
        }
        Self::new(key, header, header[5])
    }

    fn new(key: &BlobKey, header: [u8; HEADER_LEN], chunk_log2: u8) -> Result<Self, BlobError> {
        let file_key = key.file_key(&header[8..40], &header[..8]);
        // AES-256 takes every key of 32 bytes, so this does not fail.
        let unbound = UnboundKey::new(&AES_256_GCM, file_key.as_slice()).map_err(|_| BlobError::NotABlob)?;
        Ok(Self { key: LessSafeKey::new(unbound), header, chunk_log2 })
    }

    pub(super) fn header(&self) -> &[u8; HEADER_LEN] {
        &self.header
    }

    /// Plaintext bytes in every chunk but the last.
    pub(super) fn chunk_len(&self) -> usize {
        1 << self.chunk_log2
    }

    /// Where chunk `index` begins in the file.
    pub(super) fn chunk_offset(&self, index: u64) -> u64 {
        HEADER_LEN as u64 + index * (self.chunk_len() + TAG_LEN) as u64
    }

    /// Lengths from the length of the file, or `Damaged` when no file of this format has that length.
    pub(super) fn layout(&self, file_len: u64) -> Result<Layout, BlobError> {
        let stored = (self.chunk_len() + TAG_LEN) as u64;
        let body = file_len.saturating_sub(HEADER_LEN as u64);
        let chunks = body.div_ceil(stored);
        let damaged = BlobError::Damaged { part: chunks.saturating_sub(1) };
        if chunks == 0 {
            return Err(damaged);
        }
        let last = body - (chunks - 1) * stored;
        let smallest = TAG_LEN as u64 + u64::from(chunks > 1);
        if last < smallest {
            return Err(damaged);
        }
        Ok(Layout { chunks, plain_len: body - chunks * TAG_LEN as u64 })
    }

    /// Encrypts in place.
    pub(super) fn seal(&self, index: u64, last: bool, chunk: &mut [u8]) -> Result<[u8; TAG_LEN], BlobError> {
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(index, last), Aad::from(&self.header), chunk)
            // Fails only above 64 GiB in one message.
            .map_err(|_| BlobError::Damaged { part: index })?;
        let mut bytes = [0; TAG_LEN];
        bytes.copy_from_slice(tag.as_ref());
        Ok(bytes)
    }

    /// Checks and decrypts in place. After an error the buffer holds zeros, never unchecked text.
    pub(super) fn open_chunk(
        &self,
        index: u64,
        last: bool,
        chunk: &mut [u8],
        tag: [u8; TAG_LEN],
    ) -> Result<(), BlobError> {
        let opened = self
            .key
            .open_in_place_separate_tag(
                nonce(index, last),
                Aad::from(&self.header),
                Tag::from(tag),
                &mut *chunk,
                0..,
            )
            .is_ok();
        if !opened {
            chunk.fill(0);
            return Err(BlobError::Damaged { part: index });
        }
        Ok(())
    }
}

/// What the length of a file says about its content. Trustworthy only once the last chunk was opened.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) chunks: u64,
    pub(super) plain_len: u64,
}

fn checksum(header: &[u8; HEADER_LEN]) -> [u8; 8] {
    let sum = digest::digest(&digest::SHA256, &header[..48]);
    let mut first = [0; 8];
    first.copy_from_slice(&sum.as_ref()[..8]);
    first
}

fn nonce(index: u64, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&u32::from(last).to_be_bytes());
    bytes[4..].copy_from_slice(&index.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}
