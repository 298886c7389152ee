//! Whether a signed token is the provider's, for us, of now, and the answer to our question (OpenID Connect Core 3.1.3.7).

use super::IdTokenFault;
use super::keys::KeySet;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Seconds by which two clocks may differ.
const LEEWAY_S: i64 = 120;
/// Somebody who had to sign in anew has done so within this time, in seconds.
const FRESH_S: i64 = 900;

/// The claims of a token that was checked.
pub(super) type Claims = Map<String, Value>;

/// What a token has to say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    /// `None` for an access token, which is for others.
    pub(super) client: Option<&'a str>,
    /// `None`: none was sent, and none or any is fine (Core 12.2).
    pub(super) nonce: Option<&'a str>,
    /// Somebody had to show anew who they are.
    pub(super) fresh: bool,
    /// The access token beside it.
    pub(super) access_token: Option<&'a str>,
    /// Seconds since 1970.
    pub(super) now_s: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// The claims of a token that holds.
pub(super) fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, IdTokenFault> {
    use IdTokenFault as F;
    let mut parts = token.split('.');
    let (Some(head), Some(body), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(F::Form);
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| F::Form);
    let header: Header = serde_json::from_slice(&decode(head)?).map_err(|_| F::Form)?;
    // RFC 7515 4.1.11: what is critical has to be understood, and nothing of it is.
    if header.crit.is_some() {
        return Err(F::Algorithm);
    }
    let signed = &token.as_bytes()[..head.len() + 1 + body.len()];
    keys.check(&header.alg, header.kid.as_deref(), signed, &decode(signature)?)?;
    let claims: Claims = serde_json::from_slice(&decode(body)?).map_err(|_| F::Form)?;
    says(&claims, expected)?;
    access_token(&claims, &header.alg, expected.access_token)?;
    Ok(claims)
}

fn says(claims: &Claims, expected: &Expected<'_>) -> Result<(), IdTokenFault> {
    use IdTokenFault as F;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64).map(|s| s as i64);
    if text("iss") != Some(expected.issuer) {
        return Err(F::Issuer);
    }
    if let Some(client) = expected.client {
        audience(claims, client)?;
    }
    if seconds("exp").is_none_or(|exp| exp <= expected.now_s - LEEWAY_S) {
        return Err(F::Expired);
    }
    let ahead = |name| seconds(name).is_some_and(|at| at > expected.now_s + LEEWAY_S);
    if ahead("iat") || ahead("nbf") {
        return Err(F::NotYet);
    }
    if expected.nonce.is_some() && text("nonce") != expected.nonce {
        return Err(F::Nonce);
    }
    if expected.fresh && seconds("auth_time").is_none_or(|at| at < expected.now_s - FRESH_S - LEEWAY_S) {
        return Err(F::NotFresh);
    }
    if text("sub").is_none_or(|sub| sub.is_empty() || sub.len() > 255) { Err(F::Subject) } else { Ok(()) }
}

/// We are meant, and if others are too, the token was made for us.
fn audience(claims: &Claims, client: &str) -> Result<(), IdTokenFault> {
    let named = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let party = claims.get("azp").map(|azp| azp.as_str() == Some(client));
    let alone = named.len() == 1;
    if named.contains(&client) && party.unwrap_or(alone) { Ok(()) } else { Err(IdTokenFault::Audience) }
}

/// Core 3.1.3.8: the left half of the access token's hash, where the provider gives it.
fn access_token(claims: &Claims, alg: &str, token: Option<&str>) -> Result<(), IdTokenFault> {
    let (Some(token), Some(said)) = (token, claims.get("at_hash")) else { return Ok(()) };
    let how: &'static Algorithm = match alg {
        "ES384" => &SHA384,
        "EdDSA" => &SHA512,
        _ => &SHA256,
    };
    let hash = digest(how, token.as_bytes());
    let half = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2]);
    if said.as_str() == Some(&half) { Ok(()) } else { Err(IdTokenFault::AccessToken) }
}

#[cfg(test)]
#[path = "id_token_tests.rs"]
mod tests;
