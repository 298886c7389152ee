//! The key hierarchy: one master key, and a key derived from it for each use (HKDF-SHA-256, RFC 5869).
//!
//! Keys are wiped from memory when dropped and never appear in `Debug` output.
//! Not here: where the master key is kept (`keysource.rs`).

use crate::hex;
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes in every key.
pub(crate) const KEY_LEN: usize = 32;

/// Salt of the first derivation. It separates this program's keys from any other use of the same
/// secret; it may never change, or every cache becomes unreadable.
const HIERARCHY_SALT: &[u8] = b"medsight key hierarchy 1";

/// What a derived key is for. Two purposes never share a key, so a key that leaks from one place
/// opens nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The record database (raw key of SQLCipher).
    Records,
    /// The blob files; see [`BlobKey`].
    Blobs,
    /// The seal of the audit chain.
    Audit,
    /// Tokens of signed-in sessions with servers.
    Tokens,
}

impl Purpose {
    fn info(self) -> &'static [u8] {
        match self {
            Self::Records => b"records",
            Self::Blobs => b"blobs",
            Self::Audit => b"audit",
            Self::Tokens => b"tokens",
        }
    }
}

/// The one secret everything on disk depends on.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; KEY_LEN]);

impl MasterKey {
    /// A new key from the operating system's random generator; `None` when that has failed.
    #[must_use]
    pub fn random() -> Option<Self> {
        random_bytes().map(|bytes| Self(*bytes))
    }

    /// The key as it was kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// From what a key source holds: 32 raw bytes, or 64 hexadecimal digits with white space around
    /// them. Thirty-two raw bytes are never read as text.
    #[must_use]
    pub fn parse(stored: &[u8]) -> Option<Self> {
        if let Ok(raw) = <[u8; KEY_LEN]>::try_from(stored) {
            return Some(Self(raw));
        }
        hex::decode::<KEY_LEN>(stored.trim_ascii()).map(|bytes| Self(*bytes))
    }

    /// The form kept in a key source: 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        hex::encode(&self.0)
    }

    /// The key for one use.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> DerivedKey {
        DerivedKey(*expand(HIERARCHY_SALT, &self.0, &[purpose.info()]))
    }

    /// Short for `derive(Purpose::Blobs)`, in the type that blob files take.
    #[must_use]
    pub fn blob_key(&self) -> BlobKey {
        BlobKey(self.derive(Purpose::Blobs).0)
    }

    /// A name for this key that says nothing about it. A cache stores it, and on opening can say
    /// "this is another key" instead of "this is damaged".
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 16] {
        *expand(HIERARCHY_SALT, &self.0, &[b"fingerprint"])
    }
}

/// A key for one [`Purpose`].
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DerivedKey([u8; KEY_LEN]);

impl DerivedKey {
    /// The key itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// 64 hexadecimal digits, as SQLCipher's `PRAGMA key = "x'…'"` wants them.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        hex::encode(&self.0)
    }
}

/// The key of all blob files. It may cross to the light box, in its first message.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct BlobKey([u8; KEY_LEN]);

impl BlobKey {
    /// The key as it came over the link.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// From 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::decode::<KEY_LEN>(text.as_bytes()).map(|bytes| Self(*bytes))
    }

    /// The key itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// 64 hexadecimal digits, wiped when dropped.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        hex::encode(&self.0)
    }

    /// Names the key inside a file header without telling anything about it.
    pub(crate) fn id(&self) -> [u8; 8] {
        *expand(b"medsight blob key id 1", &self.0, &[])
    }

    /// The key of pseudonyms in de-identified exports: as lasting as the files, so that what was exported before and
    /// what is exported later fit together.
    #[must_use]
    pub fn pseudonym_key(&self) -> Zeroizing<[u8; KEY_LEN]> {
        expand(b"medsight pseudonyms 1", &self.0, &[])
    }

    /// The key of one file.
    pub(crate) fn file_key(&self, salt: &[u8], info: &[u8]) -> Zeroizing<[u8; KEY_LEN]> {
        expand(salt, &self.0, &[b"medsight blob file 1", info])
    }
}

macro_rules! silent_debug {
    ($($key:ident),+) => {$(
        impl std::fmt::Debug for $key {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($key), "(…)"))
            }
        }
    )+};
}
silent_debug!(MasterKey, DerivedKey, BlobKey);

/// `N` bytes from the operating system; `None` when its generator has failed.
pub(crate) fn random_bytes<const N: usize>() -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new().fill(bytes.as_mut_slice()).ok()?;
    Some(bytes)
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    let filled = hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Length(N))
        .and_then(|okm| okm.fill(out.as_mut_slice()));
    // HKDF fails only above 255 hash lengths (8,160 bytes); every caller asks for at most 32.
    assert!(filled.is_ok() && N <= 255 * 32, "HKDF output length is fixed and in range");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_has_its_own_key_and_the_same_master_gives_it_again() {
        let bytes = [7; KEY_LEN];
        let (a, b) = (MasterKey::from_bytes(bytes), MasterKey::from_bytes(bytes));
        let all = [Purpose::Records, Purpose::Blobs, Purpose::Audit, Purpose::Tokens];
        for (i, purpose) in all.into_iter().enumerate() {
            assert_eq!(a.derive(purpose).as_bytes(), b.derive(purpose).as_bytes());
            for other in all.into_iter().skip(i + 1) {
                assert_ne!(a.derive(purpose).as_bytes(), a.derive(other).as_bytes());
            }
        }
    }

    /// RFC 5869, test case 1, so that the derivation can be repeated by another program.
    #[test]
    fn the_derivation_is_hkdf_sha_256_as_published() {
        let salt: Vec<u8> = (0..=12).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let okm = expand::<42>(&salt, &[0x0b; 22], &[&info]);
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(hex::encode(okm.as_slice()).as_str(), expected);
    }

    #[test]
    fn another_master_key_has_another_fingerprint() {
        let (a, b) = (MasterKey::from_bytes([1; KEY_LEN]), MasterKey::from_bytes([2; KEY_LEN]));
        assert_ne!(a.fingerprint(), b.fingerprint());
        assert_eq!(a.fingerprint(), MasterKey::from_bytes([1; KEY_LEN]).fingerprint());
    }

    #[test]
    fn two_random_keys_differ() {
        assert_ne!(MasterKey::random().unwrap().0, MasterKey::random().unwrap().0);
    }

    #[test]
    fn debug_output_shows_no_key() {
        let master = MasterKey::from_bytes([0xab; KEY_LEN]);
        let shown = format!("{master:?}{:?}{:?}", master.blob_key(), master.derive(Purpose::Audit));
        assert_eq!(shown, "MasterKey(…)BlobKey(…)DerivedKey(…)");
    }

    #[test]
    fn a_key_survives_its_stored_text_form() {
        let master = MasterKey::from_bytes([0xc3; KEY_LEN]);
        let text = format!("{}\n", master.to_hex().as_str());
        assert_eq!(MasterKey::parse(text.as_bytes()).unwrap().0, master.0);
        assert_eq!(MasterKey::parse(&master.0).unwrap().0, master.0);
        assert!(MasterKey::parse(b"").is_none());
        assert!(MasterKey::parse(&text.as_bytes()[1..]).is_none());
        let blob = master.blob_key();
        assert_eq!(BlobKey::from_hex(&blob.to_hex()).unwrap().0, blob.0);
    }
}
