//! Which packages a site lets run: by the hash of the manifest, or by the signature of who made the package.

use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

/// The site's word. Without any, every package runs that is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// SHA-256 of manifests, hexadecimal.
    #[serde(default)]
    pub hashes: Vec<String>,
    /// Ed25519 public keys, 32 bytes in hexadecimal.
    #[serde(default)]
    pub keys: Vec<String>,
}

/// Why a package may not run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Neither its hash nor a signature is on the site's list.
    #[error("the site's policy does not allow this package (manifest {0})")]
    NotAllowed(String),
}

impl Trust {
    /// Whether the site restricts packages.
    pub fn is_restricting(&self) -> bool {
        !self.hashes.is_empty() || !self.keys.is_empty()
    }

    /// Checks a manifest's text, its hash and the signature beside it.
    ///
    /// # Errors
    /// [`TrustError`] when the site restricts packages and this one is not among them.
    pub fn check(&self, manifest: &[u8], sha256: &str, signature: Option<&[u8]>) -> Result<(), TrustError> {
        let by_hash = self.hashes.iter().any(|hash| hash.eq_ignore_ascii_case(sha256));
        let signed_by = |key: &String| {
            let (Some(key), Some(signature)) = (from_hex(key), signature) else { return false };
            UnparsedPublicKey::new(&ED25519, key).verify(manifest, signature).is_ok()
        };
        match !self.is_restricting() || by_hash || self.keys.iter().any(signed_by) {
            true => Ok(()),
            false => Err(TrustError::NotAllowed(sha256.to_owned())),
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .bytes()
        .map(|byte| (byte as char).to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    #[test]
    fn a_site_allows_by_hash_or_by_signature_and_nothing_else() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let hex: String = pair.public_key().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let manifest = b"format = 1";
        let signature = pair.sign(manifest);
        let keys = Trust { keys: vec![hex], ..Trust::default() };
        assert_eq!(keys.check(manifest, "ab", Some(signature.as_ref())), Ok(()));
        assert!(keys.check(b"format = 2", "ab", Some(signature.as_ref())).is_err());
        assert!(keys.check(manifest, "ab", None).is_err());
        let hashes = Trust { hashes: vec!["AB".to_owned()], ..Trust::default() };
        assert_eq!(hashes.check(manifest, "ab", None), Ok(()));
        assert!(hashes.check(manifest, "cd", Some(signature.as_ref())).is_err());
        assert_eq!(Trust::default().check(manifest, "cd", None), Ok(()));
    }
}
