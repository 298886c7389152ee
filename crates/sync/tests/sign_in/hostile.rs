//! A provider that lies: its own key, and whatever a test wants it to say.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the next answers are.
pub struct Lies {
    /// Laid over the description.
    pub description: Value,
    /// Laid over the claims.
    pub claims: Value,
    /// The whole answer of the token address, instead of a good one.
    pub token: Option<(u16, String, String)>,
}

/// The running provider.
pub struct Hostile {
    pub issuer: String,
    pub lies: Arc<Mutex<Lies>>,
    /// Every form that came to the token address.
    pub forms: Arc<Mutex<Vec<String>>>,
}

impl Hostile {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let lies = Arc::new(Mutex::new(Lies { description: json!({}), claims: json!({}), token: None }));
        let forms = Arc::new(Mutex::new(Vec::new()));
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let (its, kept, name) = (Arc::clone(&lies), Arc::clone(&forms), issuer.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &name, &key, &its.lock().unwrap(), &kept);
            }
        });
        Self { issuer, lies, forms }
    }
}

fn answer(mut stream: TcpStream, issuer: &str, key: &EcdsaKeyPair, lies: &Lies, forms: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0usize);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, headers, text) = if path.starts_with("/.well-known/") {
        (200, String::new(), laid_over(description(issuer), &lies.description).to_string())
    } else if path == "/keys" {
        (200, String::new(), keys(key).to_string())
    } else if path == "/token" {
        forms.lock().unwrap().push(String::from_utf8(body).unwrap());
        lies.token.clone().unwrap_or_else(|| {
            let id = token(key, &laid_over(claims(issuer), &lies.claims));
            let answer = json!({"access_token": "planted-access", "token_type": "Bearer", "id_token": id, "expires_in": 60, "refresh_token": "planted-refresh"});
            (200, String::new(), answer.to_string())
        })
    } else {
        (404, String::new(), "{}".to_owned())
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    let _gone = stream.write_all((head + &text).as_bytes());
}

fn description(issuer: &str) -> Value {
    json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"), "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"), "code_challenge_methods_supported": ["S256"],
        "response_types_supported": ["code"], "authorization_response_iss_parameter_supported": true,
    })
}

fn claims(issuer: &str) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    json!({
        "iss": issuer, "aud": "workstation", "sub": "mallory", "iat": now, "exp": now + 300, "auth_time": now,
        "preferred_username": "mallory", "name": "Mallory", "roles": ["radiologist"],
    })
}

fn keys(key: &EcdsaKeyPair) -> Value {
    let point = key.public_key().as_ref();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": text(&point[1..33]), "y": text(&point[33..])}]})
}

fn token(key: &EcdsaKeyPair, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "ES256", "kid": "1"})), part(claims));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn laid_over(mut all: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}
