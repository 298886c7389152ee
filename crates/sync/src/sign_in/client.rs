//! Tokens for this workstation itself, without a person (OAuth 2.0 client credentials, RFC 6749 4.4).
//!
//! Not here: when a new one is asked for, which is the business of who uses it.

use super::flow::now_s;
use super::{SignIn, SignInError, Tokens, tokens};
use tokio_util::sync::CancellationToken;

impl SignIn {
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
        let answer = self.http.post_as(&self.metadata.token, &form, client, cancel).await?;
        tokens::read(&answer, now_s()).map(|(tokens, _)| tokens)
    }
}
