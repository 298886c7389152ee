//! The provider's public keys (RFC 7517, 7518, 8037) and the signatures they check (RFC 7515): RS256, PS256, ES256, ES384,
//! EdDSA with Ed25519. No `none`, no symmetric signature, and no key for another algorithm than its own.

use super::IdTokenFault;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// More keys than any provider has in use.
const MOST_KEYS: usize = 64;

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

struct Key {
    id: Option<String>,
    alg: Option<String>,
    public: Public,
}

/// The keys with which a provider signs.
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// From a JWK Set. What is not understood or not for signatures is left out.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(text).ok()?;
        let keys = set.keys.into_iter().take(MOST_KEYS);
        Some(Self(keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.public()).collect()))
    }

    /// Checks a signature. With a key id only that key is asked; without one, all that fit.
    pub(super) fn check(
        &self,
        alg: &str,
        id: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), IdTokenFault> {
        if !matches!(alg, "RS256" | "PS256" | "ES256" | "ES384" | "EdDSA") {
            return Err(IdTokenFault::Algorithm);
        }
        let fits = |key: &&Key| key.is_for(alg) && id.is_none_or(|id| key.id.as_deref() == Some(id));
        let mut fitting = self.0.iter().filter(fits).peekable();
        if fitting.peek().is_none() {
            return Err(IdTokenFault::Key);
        }
        if fitting.any(|key| key.verifies(alg, message, signature)) {
            Ok(())
        } else {
            Err(IdTokenFault::Signature)
        }
    }
}

impl Jwk {
    fn public(self) -> Option<Key> {
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let point = |edge: usize| {
            let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
            (x.len() == edge && y.len() == edge).then(|| [&[4u8][..], &x, &y].concat())
        };
        let public = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Public::Rsa { n: bytes(&self.n)?, e: bytes(&self.e)? },
            ("EC", Some("P-256")) => Public::P256(point(32)?),
            ("EC", Some("P-384")) => Public::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Public::Ed25519(bytes(&self.x)?),
            _ => return None,
        };
        Some(Key { id: self.kid, alg: self.alg, public })
    }
}

impl Key {
    fn is_for(&self, alg: &str) -> bool {
        let kind = match self.public {
            Public::Rsa { .. } => matches!(alg, "RS256" | "PS256"),
            Public::P256(_) => alg == "ES256",
            Public::P384(_) => alg == "ES384",
            Public::Ed25519(_) => alg == "EdDSA",
        };
        kind && self.alg.as_deref().is_none_or(|own| own == alg)
    }

    fn verifies(&self, alg: &str, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                let how =
                    if alg == "PS256" { &RSA_PSS_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA256 };
                key.verify(how, message, signature)
            }
            Public::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Public::P384(point) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature)
            }
            Public::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
        }
        .is_ok()
    }
}
