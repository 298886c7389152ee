//! What a provider says of itself (OpenID Connect Discovery 1.0), and which of it is believed: it has to name the issuer
//! that was asked, and to have its addresses on the issuer's host or on one that the settings name.

use super::SignInError;
use super::http::Http;
use medsight_record::identity::Provider;
use reqwest::Url;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// The addresses of a provider, each checked.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) keys: Url,
    pub(super) userinfo: Option<Url>,
    pub(super) device: Option<Url>,
    pub(super) revocation: Option<Url>,
    pub(super) end_session: Option<Url>,
    /// RFC 9207: every answer names its issuer.
    pub(super) names_issuer: bool,
}

/// Asks the provider of the settings what it says of itself: to be read by [`read`] or [`read_for_program`].
pub(super) async fn asked(
    http: &Http,
    provider: &Provider,
    cancel: &CancellationToken,
) -> Result<Map<String, Value>, SignInError> {
    provider.check().map_err(|why| SignInError::Settings(why.to_string()))?;
    let address = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
    let address = Url::parse(&address).map_err(|why| SignInError::Settings(why.to_string()))?;
    http.get(&address, None, cancel).await?.object()
}

/// Where a program without a person gets its tokens: of the rest, which is for people, nothing is asked.
pub(super) fn read_for_program(
    provider: &Provider,
    document: &Map<String, Value>,
) -> Result<Url, SignInError> {
    check_issuer(provider, document)?;
    let address = document.get("token_endpoint").and_then(Value::as_str);
    allowed(provider, "token_endpoint", address.ok_or(SignInError::NotOffered("token_endpoint"))?)
}

fn check_issuer(provider: &Provider, document: &Map<String, Value>) -> Result<(), SignInError> {
    let says = document.get("issuer").and_then(Value::as_str);
    let says = says.ok_or(SignInError::Answer("it names no issuer"))?;
    if says != provider.issuer {
        return Err(SignInError::AnotherIssuer { says: says.chars().take(200).collect() });
    }
    Ok(())
}

/// What it says to a program by which people sign in.
pub(super) fn read(provider: &Provider, document: &Map<String, Value>) -> Result<Metadata, SignInError> {
    check_issuer(provider, document)?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let address = |name: &'static str| text(name).map(|url| allowed(provider, name, url)).transpose();
    let needed = |name| address(name)?.ok_or(SignInError::NotOffered(name));
    let offers = |list: &str, word: &str| match document.get(list).and_then(Value::as_array) {
        Some(words) => words.iter().any(|w| w.as_str() == Some(word)),
        // RFC 8414 2: the methods of PKCE have no default; some providers leave the list out and take S256.
        None => true,
    };
    if !offers("response_types_supported", "code") {
        return Err(SignInError::NotOffered("the authorization code"));
    }
    if !offers("code_challenge_methods_supported", "S256") {
        return Err(SignInError::NotOffered("PKCE with S256"));
    }
    Ok(Metadata {
        issuer: provider.issuer.clone(),
        authorization: needed("authorization_endpoint")?,
        token: needed("token_endpoint")?,
        keys: needed("jwks_uri")?,
        userinfo: address("userinfo_endpoint")?,
        device: address("device_authorization_endpoint")?,
        revocation: address("revocation_endpoint")?,
        end_session: address("end_session_endpoint")?,
        names_issuer: document.get("authorization_response_iss_parameter_supported")
            == Some(&Value::Bool(true)),
    })
}

/// An address that may see codes and tokens: of the issuer's scheme, on its host and port, or over TLS on a host of
/// the settings. Nothing else is opened in the browser either: an address from outside could be a program's.
pub(super) fn allowed(provider: &Provider, endpoint: &'static str, url: &str) -> Result<Url, SignInError> {
    let issuer = Url::parse(&provider.issuer).map_err(|why| SignInError::Settings(why.to_string()))?;
    let url = Url::parse(url).map_err(|_| SignInError::Answer("it has an address that is none"))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let plain = url.username().is_empty() && url.password().is_none();
    let named = || {
        url.scheme() == "https"
            && url.port_or_known_default() == Some(443)
            && provider.also_hosts.iter().any(|also| also.eq_ignore_ascii_case(&host))
    };
    if plain && matches!(url.scheme(), "https" | "http") && (url.origin() == issuer.origin() || named()) {
        return Ok(url);
    }
    Err(SignInError::Elsewhere { endpoint, host })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(change: &[(&str, Value)]) -> Map<String, Value> {
        let all = json!({
            "issuer": "https://id.example/main",
            "authorization_endpoint": "https://id.example/auth",
            "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://id.example/keys",
            "code_challenge_methods_supported": ["S256", "plain"],
            "response_types_supported": ["code"],
        });
        let mut all = all.as_object().unwrap().clone();
        for (name, value) in change {
            all.insert((*name).to_owned(), value.clone());
        }
        all
    }

    fn asked(change: &[(&str, Value)]) -> Result<Metadata, SignInError> {
        read(&Provider::new("https://id.example/main", "w"), &document(change))
    }

    #[test]
    fn a_provider_that_calls_itself_otherwise_is_not_believed() {
        assert!(asked(&[]).is_ok());
        for says in ["https://id.example/main/", "https://evil.example/main", "https://id.example"] {
            let told = asked(&[("issuer", json!(says))]).unwrap_err();
            assert_eq!(told, SignInError::AnotherIssuer { says: says.to_owned() });
        }
    }

    #[test]
    fn no_address_on_another_host_gets_a_token_unless_the_settings_name_it() {
        for bad in [
            "https://evil.example/token",
            "http://id.example/token",
            "https://id.example:8443/token",
            "https://id.example@evil.example/token",
            "https://user:word@id.example/token",
            "file:///bin/sh",
        ] {
            for name in ["token_endpoint", "jwks_uri", "revocation_endpoint", "authorization_endpoint"] {
                let told = asked(&[(name, json!(bad))]).unwrap_err();
                assert!(matches!(told, SignInError::Elsewhere { .. }), "{name} {bad}: {told}");
            }
        }
        let mut provider = Provider::new("https://id.example/main", "w");
        provider.also_hosts = vec!["tokens.example".into()];
        let moved = document(&[("token_endpoint", json!("https://tokens.example/token"))]);
        assert!(read(&provider, &moved).is_ok());
        let plain = document(&[("token_endpoint", json!("http://tokens.example/token"))]);
        assert!(read(&provider, &plain).is_err());
    }

    #[test]
    fn a_provider_for_programs_alone_serves_programs_and_is_held_to_the_same_host() {
        let provider = Provider::new("https://id.example/main", "w");
        let document =
            json!({"issuer": "https://id.example/main", "token_endpoint": "https://id.example/token"});
        let document = document.as_object().unwrap();
        assert!(read(&provider, document).is_err(), "nobody can sign in there");
        assert_eq!(read_for_program(&provider, document).unwrap().path(), "/token");
        for (name, value) in
            [("issuer", "https://evil.example"), ("token_endpoint", "https://evil.example/token")]
        {
            let mut document = document.clone();
            document.insert(name.into(), json!(value));
            assert!(read_for_program(&provider, &document).is_err(), "{name}");
        }
    }

    #[test]
    fn a_provider_without_s256_is_told_so() {
        let told = asked(&[("code_challenge_methods_supported", json!(["plain"]))]).unwrap_err();
        assert_eq!(told, SignInError::NotOffered("PKCE with S256"));
    }
}
