//! Tokens of a hostile provider or of somebody between: each is refused for what is wrong with it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::json;

const NOW_S: i64 = 1_800_000_000;

/// A provider's key for ES256 and one for EdDSA.
struct Signer {
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let ec = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            ec: EcdsaKeyPair::from_pkcs8(how, ec.as_ref(), &random).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
        }
    }

    fn keys(&self) -> KeySet {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = self.ec.public_key().as_ref();
        let set = json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "e", "alg": "ES256", "use": "sig",
             "x": text(&point[1..33]), "y": text(&point[33..])},
            {"kty": "OKP", "crv": "Ed25519", "kid": "d", "x": text(self.ed.public_key().as_ref())},
            {"kty": "oct", "kid": "o", "k": text(b"a shared secret")},
        ]});
        KeySet::read(set.to_string().as_bytes()).unwrap()
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = match header["alg"].as_str() {
            Some("EdDSA") => self.ed.sign(signed.as_bytes()).as_ref().to_vec(),
            Some("none") => Vec::new(),
            Some("HS256") => {
                // The oldest trick: the public key as the secret of a symmetric signature.
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.ec.public_key().as_ref());
                ring::hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
            }
            _ => self.ec.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: "https://id.example",
        client: Some("workstation"),
        nonce: Some("n-1"),
        fresh: true,
        access_token: Some("access"),
        now_s: NOW_S,
    }
}

fn claims(change: &[(&str, Value)]) -> Value {
    let mut all = json!({
        "iss": "https://id.example", "aud": "workstation", "sub": "rita", "nonce": "n-1",
        "iat": NOW_S, "exp": NOW_S + 300, "auth_time": NOW_S - 5,
    });
    for (name, value) in change {
        all[*name] = value.clone();
    }
    all
}

fn es256() -> Value {
    json!({"alg": "ES256", "kid": "e"})
}

fn refused(change: &[(&str, Value)]) -> Option<IdTokenFault> {
    let signer = Signer::new();
    verify(&signer.token(&es256(), &claims(change)), &signer.keys(), &expected()).err()
}

#[test]
fn a_token_of_the_provider_for_us_and_of_now_holds() {
    let signer = Signer::new();
    for header in [es256(), json!({"alg": "EdDSA", "kid": "d"}), json!({"alg": "ES256"})] {
        let token = signer.token(&header, &claims(&[]));
        assert_eq!(verify(&token, &signer.keys(), &expected()).unwrap()["sub"], "rita");
    }
}

#[test]
fn a_token_that_is_not_signed_by_the_providers_key_proves_nothing() {
    use IdTokenFault as F;
    let (signer, other) = (Signer::new(), Signer::new());
    let told = |token: &str| verify(token, &signer.keys(), &expected()).unwrap_err();
    assert_eq!(told(&other.token(&es256(), &claims(&[]))), F::Signature);
    assert_eq!(told(&signer.token(&json!({"alg": "none"}), &claims(&[]))), F::Algorithm);
    assert_eq!(told(&signer.token(&json!({"alg": "HS256", "kid": "e"}), &claims(&[]))), F::Algorithm);
    assert_eq!(told(&signer.token(&json!({"alg": "EdDSA", "kid": "e"}), &claims(&[]))), F::Key);
    assert_eq!(told(&signer.token(&json!({"alg": "ES256", "kid": "gone"}), &claims(&[]))), F::Key);
    assert_eq!(told(&signer.token(&json!({"alg": "ES256", "crit": ["x"]}), &claims(&[]))), F::Algorithm);
    let good = signer.token(&es256(), &claims(&[]));
    let (head, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let forged = URL_SAFE_NO_PAD.encode(claims(&[("sub", json!("admin"))]).to_string());
    assert_eq!(told(&format!("{head}.{forged}.{signature}")), F::Signature);
    for form in ["", "a.b", "a.b.c.d", "..", &format!("{head}.{rest}.x")] {
        assert_eq!(told(form), F::Form, "{form}");
    }
}

#[test]
fn a_token_of_another_server_or_for_another_program_is_refused() {
    use IdTokenFault as F;
    assert_eq!(refused(&[("iss", json!("https://evil.example"))]), Some(F::Issuer));
    assert_eq!(refused(&[("iss", json!("https://id.example/"))]), Some(F::Issuer));
    assert_eq!(refused(&[("aud", json!("another"))]), Some(F::Audience));
    assert_eq!(refused(&[("aud", json!(["workstation", "another"]))]), Some(F::Audience));
    assert_eq!(refused(&[("azp", json!("another"))]), Some(F::Audience));
    assert_eq!(refused(&[("aud", json!(["another", "workstation"])), ("azp", json!("workstation"))]), None);
    assert_eq!(refused(&[("sub", json!(""))]), Some(F::Subject));
}

#[test]
fn a_token_of_another_time_or_of_another_question_is_refused() {
    use IdTokenFault as F;
    assert_eq!(refused(&[("exp", json!(NOW_S - 200))]), Some(F::Expired));
    assert_eq!(refused(&[("exp", json!("never"))]), Some(F::Expired));
    assert_eq!(refused(&[("iat", json!(NOW_S + 1000))]), Some(F::NotYet));
    assert_eq!(refused(&[("nonce", json!("n-2"))]), Some(F::Nonce));
    assert_eq!(refused(&[("nonce", Value::Null)]), Some(F::Nonce));
    assert_eq!(refused(&[("auth_time", json!(NOW_S - 7200))]), Some(F::NotFresh));
    assert_eq!(refused(&[("auth_time", Value::Null)]), Some(F::NotFresh));
    assert_eq!(refused(&[("at_hash", json!("AAAA"))]), Some(F::AccessToken));
}
