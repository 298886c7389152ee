//! The encrypted file format "MSV1": chunked, authenticated, seekable. [`BlobWriter`] writes it,
//! [`BlobReader`] reads it.
//!
//! ```text
//! file    = header ‖ chunk 0 ‖ chunk 1 ‖ … ‖ last chunk
//! header  = "MSV1" ‖ version u8 = 1 ‖ log2 of the chunk size u8 ‖ 0 u8 ‖ 0 u8
//!           ‖ file salt, 32 random bytes ‖ key id, 8 bytes ‖ first 8 bytes of SHA-256 of all before
//! chunk i = AES-256-GCM ciphertext ‖ 16-byte tag, with
//!           key   = HKDF-SHA-256(salt = file salt, secret = blob key, info = "medsight blob file 1" ‖ header[0..8])
//!           nonce = last chunk? 1 : 0 (u32, big endian) ‖ i (u64, big endian)
//!           AAD   = header
//! ```
//!
//! Every chunk but the last holds exactly one chunk size of plaintext. The last holds 1 to one chunk
//! size, or nothing when the whole file is empty. This is the STREAM construction (Hoang, Reyhanitabar,
//! Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015):
//! as the nonce carries the index and whether the chunk is the last, a file that is cut, even between
//! chunks, extended, reordered or mixed with another does not open. As every file has a key of its own,
//! nonces may count from zero. The key id says "another key" apart from "damaged"; the checksum is
//! against accidents only, the tags are what protects.
//!
//! The plaintext length follows from the file length; the key is never in the file.
//! Not here: names and folders (`store.rs`).

mod format;
mod memory;
mod reader;
mod writer;

pub use memory::{seal, unseal};
pub use reader::BlobReader;
pub use writer::{BlobWriter, Durability};

pub(crate) use writer::PART_ENDING;

#[cfg(test)]
mod tests;
