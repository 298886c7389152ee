//! The steps of a sign-in: the question for the browser, the answer against PKCE's verifier, the proof, the roles; then
//! refresh, revocation and sign-out.

use super::discovery::{self, Metadata};
use super::http::Http;
use super::id_token::{self, Claims, Expected};
use super::keys::KeySet;
use super::loopback::{Loopback, Pages};
use super::{IdTokenFault, SignInError, Tokens, claims, random, tokens};
use medsight_record::Person;
use medsight_record::identity::Provider;
use reqwest::Url;
use serde_json::Value;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// How long a person has in the browser: to find a second factor, too.
const BROWSER_PATIENCE: Duration = Duration::from_secs(600);

/// A provider whose description was read and believed.
#[derive(Clone)]
pub struct SignIn {
    pub(super) provider: Provider,
    pub(super) http: Http,
    pub(super) metadata: Metadata,
}

/// Who is expected to sign in.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// A name to begin with in the provider's form.
    pub login_hint: Option<String>,
    /// Nobody but the person of this subject (`sub`).
    pub subject: Option<String>,
}

/// A question that the browser has to bring to the provider.
pub struct Pending {
    url: Url,
    state: Zeroizing<String>,
    nonce: Zeroizing<String>,
    verifier: Zeroizing<String>,
    loopback: Loopback,
    fresh: bool,
    subject: Option<String>,
}

impl Pending {
    /// What the browser is to open. It holds no secret: who reads it can't answer it (PKCE).
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

/// Somebody whom the provider vouches for.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Account, name, roles.
    pub person: Person,
    /// The provider's own name for the person (`sub`), which never changes.
    pub subject: String,
    /// What was given out for the person.
    pub tokens: Tokens,
}

/// What an ID token is checked against.
pub(super) struct Check<'a> {
    pub(super) nonce: Option<&'a str>,
    pub(super) fresh: bool,
    pub(super) subject: Option<&'a str>,
}

impl SignIn {
    /// Asks the provider what it offers.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn discover(provider: &Provider, cancel: &CancellationToken) -> Result<Self, SignInError> {
        let http = Http::new(provider)?;
        let metadata = discovery::read(provider, &discovery::asked(&http, provider, cancel).await?)?;
        Ok(Self { provider: provider.clone(), http, metadata })
    }

    /// Whether a code can be typed on another device.
    #[must_use]
    pub fn offers_device(&self) -> bool {
        self.metadata.device.is_some()
    }

    /// Opens the socket for the answer and makes the question.
    ///
    /// # Errors
    /// [`SignInError::Loopback`], [`SignInError::NoRandomness`].
    pub async fn begin(&self, ask: Ask) -> Result<Pending, SignInError> {
        let loopback = Loopback::open(self.provider.redirect_port).await?;
        let (state, nonce, verifier) = (random::word()?, random::word()?, random::word()?);
        let fresh = !self.provider.browser_session;
        let offline = self.provider.scopes.split_whitespace().any(|scope| scope == "offline_access");
        // Core 11: without consent a provider may leave out the refresh token.
        let prompt = [(fresh, "login"), (offline, "consent")];
        let prompt: Vec<&str> = prompt.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
        let mut url = self.metadata.authorization.clone();
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &self.provider.client_id)
                .append_pair("redirect_uri", &loopback.redirect_uri())
                .append_pair("scope", &self.provider.scopes)
                .append_pair("state", &state)
                .append_pair("nonce", &nonce)
                .append_pair("code_challenge", &random::challenge(&verifier))
                .append_pair("code_challenge_method", "S256");
            if !prompt.is_empty() {
                query.append_pair("prompt", &prompt.join(" "));
            }
            if fresh {
                query.append_pair("max_age", "0");
            }
            if let Some(hint) = &ask.login_hint {
                query.append_pair("login_hint", hint);
            }
        }
        Ok(Pending { url, state, nonce, verifier, loopback, fresh, subject: ask.subject })
    }

    /// Waits for the browser's answer and turns it into a person.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn finish(
        &self,
        pending: Pending,
        pages: &Pages,
        cancel: &CancellationToken,
    ) -> Result<SignedIn, SignInError> {
        let redirect = pending.loopback.redirect_uri();
        let brought = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(SignInError::Cancelled),
            answer = tokio::time::timeout(BROWSER_PATIENCE, pending.loopback.answer(&pending.state, pages)) => {
                answer.unwrap_or(Err(SignInError::TooLate))?
            }
        };
        // RFC 9207 2.4.
        let named = brought.issuer.as_deref().map(|issuer| issuer == self.metadata.issuer);
        if !named.unwrap_or(!self.metadata.names_issuer) {
            return Err(SignInError::MixedUp);
        }
        let code = brought.code.map_err(|word| SignInError::refused(&word))?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", &redirect),
            ("client_id", &self.provider.client_id),
            ("code_verifier", &pending.verifier),
        ];
        let answer = self.http.post(&self.metadata.token, &form, cancel).await?;
        let (tokens, id) = tokens::read(&answer, now_s())?;
        let check =
            Check { nonce: Some(&pending.nonce), fresh: pending.fresh, subject: pending.subject.as_deref() };
        self.signed_in(tokens, id, check, cancel).await
    }

    /// New tokens and roles for a person, without the person. The old refresh token is spent.
    ///
    /// # Errors
    /// [`SignInError`]; `Refused` when the provider does not vouch for the person any more.
    pub async fn refresh(
        &self,
        refresh: &str,
        subject: &str,
        cancel: &CancellationToken,
    ) -> Result<SignedIn, SignInError> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
            ("client_id", self.provider.client_id.as_str()),
        ];
        let answer = self.http.post(&self.metadata.token, &form, cancel).await?;
        let (mut tokens, id) = tokens::read(&answer, now_s())?;
        // RFC 6749 6: without a new one the old one stays.
        tokens.refresh.get_or_insert_with(|| Zeroizing::new(refresh.to_owned()));
        let check = Check { nonce: None, fresh: false, subject: Some(subject) };
        self.signed_in(tokens, id, check, cancel).await
    }

    /// Ends a refresh token at the provider (RFC 7009), and with it what came of it.
    ///
    /// # Errors
    /// [`SignInError`]; `NotOffered` where the provider cannot.
    pub async fn revoke(&self, refresh: &str, cancel: &CancellationToken) -> Result<(), SignInError> {
        let endpoint = self.metadata.revocation.as_ref().ok_or(SignInError::NotOffered("revocation"))?;
        let form = [
            ("token", refresh),
            ("token_type_hint", "refresh_token"),
            ("client_id", self.provider.client_id.as_str()),
        ];
        let answer = self.http.post(endpoint, &form, cancel).await?;
        if answer.status == 200 { Ok(()) } else { answer.object().map(|_| ()) }
    }

    /// What the browser opens to end the person's session there (RP-Initiated Logout 1.0). It names the client and the
    /// account; the ID token would be a hint too, but a browser's address can be read in the list of processes.
    #[must_use]
    pub fn sign_out_url(&self, account: &str) -> Option<String> {
        let mut url = self.metadata.end_session.clone()?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.provider.client_id)
            .append_pair("logout_hint", account);
        Some(url.into())
    }

    /// Checks the ID token and finds the roles. What came for somebody else than who was expected is of no use here: its refresh
    /// token is ended at the provider, where that can be, so that nobody has it who should not.
    pub(super) async fn signed_in(
        &self,
        tokens: Tokens,
        id: Option<Zeroizing<String>>,
        check: Check<'_>,
        cancel: &CancellationToken,
    ) -> Result<SignedIn, SignInError> {
        let refresh = tokens.refresh.clone();
        let done = self.checked(tokens, id, check, cancel).await;
        if let (Err(SignInError::AnotherPerson), Some(refresh)) = (&done, refresh) {
            // A provider that can't, or does not answer, ends it by its own time; here it is dropped.
            let _dropped = self.revoke(&refresh, cancel).await;
        }
        done
    }

    /// The roles are in the ID token, else in what userinfo says, else in a signed access token.
    async fn checked(
        &self,
        tokens: Tokens,
        id: Option<Zeroizing<String>>,
        check: Check<'_>,
        cancel: &CancellationToken,
    ) -> Result<SignedIn, SignInError> {
        let mut userinfo = None;
        let id_claims = match &id {
            Some(id) => {
                let expected = Expected {
                    issuer: &self.metadata.issuer,
                    client: Some(&self.provider.client_id),
                    nonce: check.nonce,
                    fresh: check.fresh,
                    access_token: Some(&tokens.access),
                    now_s: now_s(),
                };
                self.verified(id, &expected, cancel).await?
            }
            // Core 12.2: an answer to a refresh may be without one. Then userinfo says who it is, over TLS.
            None if check.nonce.is_none() && check.subject.is_some() => {
                let said = self.userinfo(&tokens, cancel).await?;
                let claims = said.ok_or(SignInError::Answer("it has no ID token"))?;
                userinfo = Some(claims.clone());
                claims
            }
            None => return Err(SignInError::Answer("it has no ID token")),
        };
        let subject = id_claims.get("sub").and_then(Value::as_str).ok_or(IdTokenFault::Subject)?.to_owned();
        if check.subject.is_some_and(|expected| expected != subject) {
            return Err(SignInError::AnotherPerson);
        }
        let same = |claims: &Claims| claims.get("sub").and_then(Value::as_str) == Some(&subject);
        let mut roles = claims::roles(&self.provider, &id_claims);
        let named = id_claims.contains_key("preferred_username") && id_claims.contains_key("name");
        if (roles.is_none() || !named) && userinfo.is_none() {
            // Core 5.3.2: userinfo of somebody else is not used.
            userinfo = self.userinfo(&tokens, cancel).await?.filter(same);
        }
        roles = roles.or_else(|| claims::roles(&self.provider, userinfo.as_ref()?));
        if roles.is_none() && tokens.access.split('.').count() == 3 {
            let expected = Expected {
                issuer: &self.metadata.issuer,
                client: None,
                nonce: None,
                fresh: false,
                access_token: None,
                now_s: now_s(),
            };
            let claims = self.verified(&tokens.access, &expected, cancel).await?;
            roles = Some(claims).filter(same).and_then(|claims| claims::roles(&self.provider, &claims));
        }
        let person = claims::person(&id_claims, userinfo.as_ref(), roles.unwrap_or_default());
        Ok(SignedIn { person, subject, tokens })
    }

    async fn userinfo(
        &self,
        tokens: &Tokens,
        cancel: &CancellationToken,
    ) -> Result<Option<Claims>, SignInError> {
        let Some(endpoint) = &self.metadata.userinfo else { return Ok(None) };
        self.http.get(endpoint, Some(&tokens.access), cancel).await?.object().map(Some)
    }

    /// The claims of a token, by the keys that the provider has now.
    async fn verified(
        &self,
        token: &str,
        expected: &Expected<'_>,
        cancel: &CancellationToken,
    ) -> Result<Claims, SignInError> {
        let answer = self.http.get(&self.metadata.keys, None, cancel).await?;
        if answer.status != 200 {
            return Err(SignInError::Unreachable(format!("HTTP {}", answer.status)));
        }
        let keys = KeySet::read(&answer.body).ok_or(SignInError::Answer("its keys can't be read"))?;
        Ok(id_token::verify(token, &keys, expected)?)
    }
}

/// Seconds since 1970.
pub(super) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
