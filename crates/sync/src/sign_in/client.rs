//! Tokens for this workstation itself, without a person (OAuth 2.0 client credentials, RFC 6749 4.4).
//!
//! Not here: when a new one is asked for, which is the business of who uses it.

use super::flow::now_s;
use super::http::Http;
use super::{SignInError, Tokens, discovery, tokens};
use medsight_record::identity::Provider;
use reqwest::Url;
use tokio_util::sync::CancellationToken;

/// A provider whose client this program is.
pub struct ProgramSignIn {
    provider: Provider,
    http: Http,
    token: Url,
}

impl ProgramSignIn {
    /// Asks the provider where it gives tokens.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn discover(provider: &Provider, cancel: &CancellationToken) -> Result<Self, SignInError> {
        let http = Http::new(provider)?;
        let token = discovery::read_for_program(provider, &discovery::asked(&http, provider, cancel).await?)?;
        Ok(Self { provider: provider.clone(), http, token })
    }

    /// A token for this program as the client of the provider's settings, by its secret (RFC 6749 2.3.1). `scopes` and
    /// `resource` (RFC 8707) may be empty.
    ///
    /// # Errors
    /// [`SignInError`]; `Refused` when the provider does not know the client or its secret.
    pub async fn client_token(
        &self,
        secret: &str,
        scopes: &str,
        resource: &str,
        cancel: &CancellationToken,
    ) -> Result<Tokens, SignInError> {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(Some(("scope", scopes)).filter(|(_, scopes)| !scopes.is_empty()));
        form.extend(Some(("resource", resource)).filter(|(_, resource)| !resource.is_empty()));
        let client = Some((self.provider.client_id.as_str(), secret));
        let answer = self.http.post_as(&self.token, &form, client, cancel).await?;
        tokens::read(&answer, now_s()).map(|(tokens, _)| tokens)
    }
}
