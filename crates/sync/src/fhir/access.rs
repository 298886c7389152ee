//! Who we are to a FHIR server: a secret that does not change, or short-lived tokens of an OpenID provider, asked for anew
//! before they end and once when the server does not take one.
//!
//! Tokens are in memory that is wiped. Not here: the secrets themselves, which are the keyring's.

use crate::Trouble;
use crate::sign_in::{ProgramSignIn, SignInError, Tokens};
use medsight_pacs::Auth;
use medsight_record::destination::ClientAccess;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// A token that ends within this time is not used for another request, in seconds.
const SPARE_S: i64 = 30;

/// What requests show.
pub(crate) enum Access {
    /// The same each time.
    Fixed(Auth),
    /// A token of now.
    Client(std::sync::Arc<ClientTokens>),
}

/// The tokens of one client at one provider.
pub(crate) struct ClientTokens {
    client: ClientAccess,
    secret: Zeroizing<String>,
    kept: Mutex<Option<Tokens>>,
}

impl ClientTokens {
    /// No token is asked for yet.
    pub(crate) fn new(client: &ClientAccess, secret: Zeroizing<String>) -> Self {
        Self { client: client.clone(), secret, kept: Mutex::default() }
    }

    /// A token that holds for a while: the kept one, unless it is about to end or is the one that was `refused`.
    pub(crate) async fn bearer(
        &self,
        refused: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Zeroizing<String>, Trouble> {
        // Held while it is asked for: whoever comes meanwhile gets the same one.
        let mut kept = self.kept.lock().await;
        let usable = kept.as_ref().filter(|tokens| {
            tokens.access_until_s - now_s() > SPARE_S && refused != Some(tokens.access.as_str())
        });
        if let Some(tokens) = usable {
            return Ok(tokens.access.clone());
        }
        *kept = None;
        let provider = self.client.provider();
        let server = ProgramSignIn::discover(&provider, cancel).await?;
        let (scopes, resource) = (&self.client.scopes, &self.client.resource);
        let tokens = server.client_token(&self.secret, scopes, resource, cancel).await?;
        let access = tokens.access.clone();
        *kept = Some(tokens);
        Ok(access)
    }
}

impl From<SignInError> for Trouble {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Cancelled => Self::Cancelled,
            SignInError::Unreachable(why) => Self::Unreachable(format!("the sign-in server: {why}")),
            other => Self::SignInServer(other.to_string()),
        }
    }
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
