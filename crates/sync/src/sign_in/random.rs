//! What nobody can guess: state, nonce, and PKCE's verifier with its challenge (RFC 7636 4.1, 4.2).

use super::SignInError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// 256 random bits as 43 letters.
pub(super) fn word() -> Result<Zeroizing<String>, SignInError> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    SystemRandom::new().fill(&mut *bytes).map_err(|_| SignInError::NoRandomness)?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

/// S256 of a verifier.
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let challenge = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn no_two_words_are_the_same_and_each_is_long_enough_for_a_verifier() {
        let (a, b) = (word().unwrap(), word().unwrap());
        assert_ne!(*a, *b);
        assert!((43..=128).contains(&a.len()));
    }
}
