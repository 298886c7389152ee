//! Tokens in memory: wiped when dropped, in no `Debug` output. Not here: keeping one, which is the keyring's.

use super::SignInError;
use serde::{Deserialize, Deserializer};
use std::fmt;
use zeroize::Zeroizing;

/// What a provider gave out for a person.
#[derive(Clone)]
pub struct Tokens {
    /// For requests to servers that trust the provider.
    pub access: Zeroizing<String>,
    /// When the access token ends, in seconds since 1970.
    pub access_until_s: i64,
    /// For new tokens without the person; each is used once.
    pub refresh: Option<Zeroizing<String>>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("access_until_s", &self.access_until_s).finish_non_exhaustive()
    }
}

/// A text of an answer that is wiped.
struct Secret(Zeroizing<String>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// RFC 6749 5.1.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Secret,
    token_type: String,
    expires_in: Option<f64>,
    refresh_token: Option<Secret>,
    id_token: Option<Secret>,
}

/// The tokens of an answer and the ID token beside them.
pub(super) fn read(
    answer: &super::http::Answer,
    now_s: i64,
) -> Result<(Tokens, Option<Zeroizing<String>>), SignInError> {
    let read: TokenAnswer = answer.read()?;
    if !read.token_type.eq_ignore_ascii_case("bearer") {
        return Err(SignInError::NotOffered("bearer tokens"));
    }
    // Without a time it is taken for short: to ask again costs a request.
    let seconds = read.expires_in.filter(|s| s.is_finite()).unwrap_or(60.0).clamp(0.0, 86_400.0);
    let tokens = Tokens {
        access: read.access_token.0,
        access_until_s: now_s + seconds as i64,
        refresh: read.refresh_token.map(|secret| secret.0),
    };
    Ok((tokens, read.id_token.map(|secret| secret.0)))
}

#[cfg(test)]
mod tests {
    use super::super::http::Answer;
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer { status: 200, body: Zeroizing::new(text.as_bytes().to_vec()) }
    }

    #[test]
    fn what_is_printed_of_tokens_has_none_in_it() {
        let text = r#"{"access_token":"AAA","token_type":"Bearer","refresh_token":"RRR","id_token":"III","expires_in":60}"#;
        let (tokens, id) = read(&answer(text), 100).unwrap();
        assert_eq!((tokens.access_until_s, id.as_ref().map(|t| t.as_str())), (160, Some("III")));
        let printed = format!("{tokens:?}");
        assert!(!printed.contains("AAA") && !printed.contains("RRR"), "{printed}");
    }

    #[test]
    fn an_answer_without_a_bearer_token_is_none_and_is_not_repeated_in_the_error() {
        let odd = r#"{"access_token":"AAA","token_type":"mac"}"#;
        assert_eq!(read(&answer(odd), 0).unwrap_err(), SignInError::NotOffered("bearer tokens"));
        let told = read(&answer(r#"{"access_token":["AAA"],"token_type":"bearer"}"#), 0).unwrap_err();
        assert!(!told.to_string().contains("AAA"));
    }
}
