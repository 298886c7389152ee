//! The keys of a site's audit trail: the chain's, the mark's and the signer of checkpoints, all from one secret.
//!
//! Not here: how the secret is kept (sealed under the master key, in the records).

use crate::Hash;
use ring::hmac;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

/// Bytes of a signature (Ed25519, RFC 8032).
pub type Signature = [u8; 64];

/// Whoever has them can write the trail; whoever has not can't change it without being found.
pub struct SiteKeys {
    chain: hmac::Key,
    mark: hmac::Key,
    signer: Ed25519KeyPair,
}

impl std::fmt::Debug for SiteKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SiteKeys(…)")
    }
}

impl SiteKeys {
    /// The keys that belong to the site's secret: HMAC-SHA-256 of a name under it, one name a key.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let named = |name: &[u8]| hmac::sign(&root, name);
        let keyed = |name: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, named(name).as_ref());
        let signer = Ed25519KeyPair::from_seed_unchecked(named(b"medsight audit signer 1").as_ref());
        // Any 32 bytes are a seed of Ed25519, and an HMAC-SHA-256 has 32.
        let Ok(signer) = signer else { unreachable!("a seed of Ed25519 has 32 bytes") };
        Self { chain: keyed(b"medsight audit chain 2"), mark: keyed(b"medsight audit mark 1"), signer }
    }

    /// The hash of `parts`, one after the other, under the chain's key.
    pub(crate) fn chained(&self, parts: &[&[u8]]) -> Hash {
        mac(&self.chain, parts)
    }

    /// Proof that whoever wrote `parts` into a file beside the records had the keys.
    #[must_use]
    pub fn marked(&self, parts: &[&[u8]]) -> Hash {
        mac(&self.mark, parts)
    }

    /// Name of the site's trail: a UUID made of its public key, so that it lasts as long as the trail and nobody
    /// can give it to another.
    #[must_use]
    pub fn site(&self) -> String {
        uuid(&Sha256::digest(self.public()).into())
    }

    /// Signs a message that begins with what it is.
    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.signer.sign(message).as_ref());
        signature
    }

    /// Ed25519's public key of this site: who has it can check what the site signed.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.signer.public_key().as_ref());
        public
    }
}

/// Whether `signature` is that of the site with the public key over `message`.
pub(crate) fn is_signed(public: &[u8; 32], message: &[u8], signature: &Signature) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

/// A UUID of the form that is made as its maker likes (RFC 9562, version 8), from the beginning of a hash.
pub(crate) fn uuid(hash: &Hash) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn mac(key: &hmac::Key, parts: &[&[u8]]) -> Hash {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.sign().as_ref());
    hash
}
