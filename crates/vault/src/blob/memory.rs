//! The same format in memory: for what goes into a file among other things.

use super::format::{CHUNK_LOG2, FileCipher, HEADER_LEN, TAG_LEN};
use crate::error::BlobError;
use crate::key::BlobKey;

/// Puts the encrypted form of all `parts`, one behind the other, behind what `sealed` holds.
///
/// # Errors
/// [`BlobError::NoRandomness`]; `sealed` may then hold a beginning.
pub fn seal(key: &BlobKey, parts: &[&[u8]], sealed: &mut Vec<u8>) -> Result<(), BlobError> {
    let cipher = FileCipher::create(key, CHUNK_LOG2)?;
    sealed.extend_from_slice(cipher.header());
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let chunks = total.div_ceil(cipher.chunk_len()).max(1) as u64;
    sealed.reserve(total + chunks as usize * TAG_LEN);
    let (mut index, mut begin) = (0, sealed.len());
    for part in parts {
        let mut rest = *part;
        while !rest.is_empty() {
            if sealed.len() - begin == cipher.chunk_len() {
                close(&cipher, &mut index, false, &mut begin, sealed)?;
            }
            let room = cipher.chunk_len() - (sealed.len() - begin);
            let (taken, after) = rest.split_at(room.min(rest.len()));
            sealed.extend_from_slice(taken);
            rest = after;
        }
    }
    close(&cipher, &mut index, true, &mut begin, sealed)
}

fn close(
    cipher: &FileCipher,
    index: &mut u64,
    last: bool,
    begin: &mut usize,
    sealed: &mut Vec<u8>,
) -> Result<(), BlobError> {
    let tag = cipher.seal(*index, last, &mut sealed[*begin..])?;
    sealed.extend_from_slice(&tag);
    *index += 1;
    *begin = sealed.len();
    Ok(())
}

/// What was sealed.
///
/// # Errors
/// [`BlobError::Damaged`] when any byte was changed or is missing, [`BlobError::WrongKey`],
/// [`BlobError::NotABlob`].
pub fn unseal(key: &BlobKey, sealed: &[u8]) -> Result<Vec<u8>, BlobError> {
    let header = sealed.first_chunk::<HEADER_LEN>().ok_or(BlobError::NotABlob)?;
    let cipher = FileCipher::open(key, *header)?;
    let layout = cipher.layout(sealed.len() as u64)?;
    let mut plain = Vec::with_capacity(sealed.len());
    for (index, stored) in (0..).zip(sealed[HEADER_LEN..].chunks(cipher.chunk_len() + TAG_LEN)) {
        let Some((body, tag)) = stored.split_last_chunk::<TAG_LEN>() else {
            return Err(BlobError::Damaged { part: index });
        };
        let begin = plain.len();
        plain.extend_from_slice(body);
        cipher.open_chunk(index, index + 1 == layout.chunks, &mut plain[begin..], *tag)?;
    }
    Ok(plain)
}
