//! Requests to the provider: no redirects, limits on size and time, forms whose text is wiped.
//!
//! What the HTTP library and TLS copy for sending is theirs and is not wiped.

use super::SignInError;
use medsight_record::identity::Provider;
use medsight_record::node::Tls;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// No document of a provider is larger.
const MOST_BYTES: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(15);

/// The connection to a provider.
#[derive(Clone)]
pub(super) struct Http(Client);

/// A whole answer: its status and its text.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// What a good answer says; the provider's word of a bad one.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, SignInError> {
        if (200..300).contains(&self.status) {
            return serde_json::from_slice(&self.body)
                .map_err(|_| SignInError::Answer("it does not hold what it should"));
        }
        let object = serde_json::from_slice::<Map<String, Value>>(&self.body).ok();
        match object.as_ref().and_then(|object| object.get("error")).and_then(Value::as_str) {
            Some(word) => Err(SignInError::refused(word)),
            None => Err(SignInError::Unreachable(format!("HTTP {}", self.status))),
        }
    }

    /// As [`Answer::read`], for an object of any names.
    pub(super) fn object(&self) -> Result<Map<String, Value>, SignInError> {
        self.read()
    }
}

impl Http {
    pub(super) fn new(provider: &Provider) -> Result<Self, SignInError> {
        let authorities = provider
            .authorities
            .as_ref()
            .map(|file| Tls { authorities: Some(file.clone()), ..Tls::default() });
        let tls = medsight_pacs::client_tls(authorities.as_ref())
            .map_err(|why| SignInError::Settings(why.to_string()))?;
        Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(PATIENCE)
            // A redirect would take a code or a token to where somebody else says.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("MedSight/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|why| SignInError::Settings(why.without_url().to_string()))
    }

    pub(super) async fn get(
        &self,
        url: &Url,
        bearer: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Answer, SignInError> {
        let mut request = self.0.get(url.clone()).header(ACCEPT, "application/json");
        if let Some(token) = bearer {
            let mut value = HeaderValue::from_str(&Zeroizing::new(format!("Bearer {token}")))
                .map_err(|_| SignInError::Answer("its access token can't be sent"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        send(request, cancel).await
    }

    pub(super) async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        cancel: &CancellationToken,
    ) -> Result<Answer, SignInError> {
        self.post_as(url, form, None, cancel).await
    }

    /// As [`Http::post`], by a client with a secret (RFC 6749 2.3.1: both encoded as in a form, then HTTP Basic).
    pub(super) async fn post_as(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        client: Option<(&str, &str)>,
        cancel: &CancellationToken,
    ) -> Result<Answer, SignInError> {
        let body = form_text(form);
        let mut request = self
            .0
            .post(url.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.as_bytes().to_vec());
        if let Some((name, secret)) = client {
            // Room for all at once: a text that grows leaves copies behind.
            let encoded = |part: &str| {
                let mut text = Zeroizing::new(String::with_capacity(3 * part.len()));
                encode(&mut text, part);
                text
            };
            request = request.basic_auth(encoded(name).as_str(), Some(encoded(secret).as_str()));
        }
        send(request, cancel).await
    }
}

async fn send(request: RequestBuilder, cancel: &CancellationToken) -> Result<Answer, SignInError> {
    let whole = async {
        let lost = |why: reqwest::Error| SignInError::Unreachable(reason(&why));
        let mut response = request.send().await.map_err(lost)?;
        let status = response.status().as_u16();
        if (300..400).contains(&status) {
            return Err(SignInError::Answer("it points to another address"));
        }
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(SignInError::Answer("it is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(SignInError::Cancelled),
        answer = tokio::time::timeout(PATIENCE, whole) => {
            answer.unwrap_or_else(|_| Err(SignInError::Unreachable("no answer in time".to_owned())))
        }
    }
}

/// The innermost reason, without the address, whose query could hold a code.
fn reason(why: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = why;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::addr_eq(cause, std::ptr::from_ref(why)) {
        "no connection".to_owned()
    } else {
        cause.to_string()
    }
}

/// `application/x-www-form-urlencoded`.
fn form_text(form: &[(&str, &str)]) -> Zeroizing<String> {
    let most: usize = form.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    // Room for all at once: a text that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(most));
    for (name, value) in form {
        if !text.is_empty() {
            text.push('&');
        }
        encode(&mut text, name);
        text.push('=');
        encode(&mut text, value);
    }
    text
}

fn encode(text: &mut String, part: &str) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_as_a_form_comes_apart_into_the_same_parts() {
        let form = [("scope", "openid a/*.rs"), ("x", "ä&=+%")];
        let text = form_text(&form);
        let url = Url::parse(&format!("https://a.example/?{}", *text)).unwrap();
        let parts: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let expected = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parts, expected);
    }

    #[test]
    fn a_server_without_a_word_of_its_own_is_told_by_its_status_and_no_text_of_it_is_repeated() {
        let told = |status, body: &str| {
            Answer { status, body: Zeroizing::new(body.as_bytes().to_vec()) }.object().unwrap_err()
        };
        assert_eq!(told(400, r#"{"error":"invalid_grant"}"#), SignInError::Refused("invalid_grant".into()));
        let odd = told(400, r#"{"error":"<b>rita secret"}"#);
        assert_eq!(odd, SignInError::Refused("britasecret".into()));
        assert!(told(502, "<html>token abc").is_offline());
        assert_eq!(told(200, "[]"), SignInError::Answer("it does not hold what it should"));
    }
}
