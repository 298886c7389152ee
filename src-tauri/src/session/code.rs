//! A person's code for the lock: kept as a salted, slow hash (PBKDF2 with HMAC-SHA-256, RFC 8018), never as itself.
//!
//! It keeps out who walks by a workstation that was left. Whoever has the account of the operating system and its keyring
//! could read the studies without this program; that is what the system's own screen lock is for.

use crate::problem::SessionFault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// As OWASP advises for this hash.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
/// Letters or digits at the least.
const SHORTEST: usize = 6;
const LONGEST: usize = 128;

/// What is kept of a code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Code {
    salt: String,
    hash: String,
    rounds: NonZeroU32,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code")
    }
}

impl Code {
    pub(super) fn of(text: &str) -> Result<Self, SessionFault> {
        if !(SHORTEST..=LONGEST).contains(&text.chars().count()) {
            return Err(SessionFault::CodeLength);
        }
        let mut salt = [0u8; 16];
        SystemRandom::new().fill(&mut salt).map_err(|_| SessionFault::NoRandomness)?;
        let mut hash = [0u8; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, text.as_bytes(), &mut hash);
        Ok(Self { salt: BASE64.encode(salt), hash: BASE64.encode(hash), rounds: ROUNDS })
    }

    pub(super) fn is(&self, text: &str) -> bool {
        let (Ok(salt), Ok(hash)) = (BASE64.decode(&self.salt), BASE64.decode(&self.hash)) else {
            return false;
        };
        pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, self.rounds, &salt, text.as_bytes(), &hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_not_in_what_is_kept_of_it_and_only_itself_opens() {
        let code = Code::of("sesame-1").unwrap();
        let kept = serde_json::to_string(&code).unwrap();
        assert!(!kept.contains("sesame") && !format!("{code:?}").contains(&code.hash));
        assert!(code.is("sesame-1") && !code.is("sesame-2") && !code.is(""));
        assert_ne!(Code::of("sesame-1").unwrap(), code);
        assert!(matches!(Code::of("12345"), Err(SessionFault::CodeLength)));
    }
}
