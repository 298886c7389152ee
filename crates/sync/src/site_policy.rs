//! The site's policy from its server: asked for with the ETag of the one that is here, and believed only with its signature.
//!
//! Nothing of a person or patient goes to the server. Not here: asking again and again, which is the desk's business, and the form
//! of the text (`medsight-record`).

use crate::Trouble;
use crate::fhir::http::lost;
use medsight_record::Settings;
use medsight_record::node::Tls;
use medsight_record::settings::SettingsError;
use medsight_record::site_policy::{FetchedPolicy, SitePolicy, signed_part};
use reqwest::header::{ACCEPT, ETAG, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, StatusCode, Url, redirect};
use ring::signature::{ED25519, UnparsedPublicKey};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// No policy is longer.
const MOST_BYTES: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(15);

/// Why a fetched policy does not hold. The last good one goes on to.
#[derive(Debug, thiserror::Error)]
pub enum PolicyTrouble {
    /// Its server does not answer as it should.
    #[error(transparent)]
    Server(#[from] Trouble),
    /// No line with a signature.
    #[error(
        "The policy has no signature: its first line has to be “# medsight-signature: ” and 128 hexadecimal digits."
    )]
    Unsigned,
    /// Another key, or another text.
    #[error(
        "The policy's signature is not one by the key that this computer's policy names. It was not used."
    )]
    Signature,
    /// One from before the one that holds.
    #[error("The server's policy has the serial {found}, and {known} holds here. It was not used.")]
    Older {
        /// What the server has.
        found: u64,
        /// What holds here.
        known: u64,
    },
    /// Signed, and yet nothing that can be used.
    #[error("The policy is signed and can't be used: {0}")]
    Unusable(#[from] SettingsError),
}

impl PolicyTrouble {
    /// Stable name of what happened.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Server(trouble) => trouble.code(),
            Self::Unsigned => "sync.policy-unsigned",
            Self::Signature => "sync.policy-signature",
            Self::Older { .. } => "sync.policy-older",
            Self::Unusable(_) => "sync.policy-unusable",
        }
    }
}

/// A policy as its server gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The whole text, with its signature.
    pub text: String,
    /// What the server calls it: its ETag as it stands in the header.
    pub etag: Option<String>,
}

/// Name of the file beside an account's settings in which the last good one is kept.
pub const KEPT: &str = "site-policy.toml";
/// Before what is kept: what its server calls it.
const ETAG_LINE: &str = "# etag: ";

impl Sent {
    /// As it is kept.
    #[must_use]
    pub fn to_kept(&self) -> String {
        let etag = self.etag.as_ref().map(|etag| format!("{ETAG_LINE}{etag}\n")).unwrap_or_default();
        format!("{etag}{}", self.text)
    }

    /// What was kept.
    #[must_use]
    pub fn of_kept(text: &str) -> Self {
        match text.strip_prefix(ETAG_LINE).and_then(|rest| rest.split_once('\n')) {
            Some((etag, text)) => Self { text: text.to_owned(), etag: Some(etag.to_owned()) },
            None => Self { text: text.to_owned(), etag: None },
        }
    }
}

/// The settings of the policy that is kept beside the settings in `person`; empty where there is none, or where the machine's
/// policy names no server.
///
/// # Errors
/// The file, and why it is not believed.
pub fn kept_layer(person: &Path, machine: &str) -> Result<String, (PathBuf, PolicyTrouble)> {
    let policy = Settings::layered(machine, "").ok().and_then(|settings| settings.site_policy);
    let kept = person.with_file_name(KEPT);
    let Some((policy, text)) = policy.zip(std::fs::read_to_string(&kept).ok()) else {
        return Ok(String::new());
    };
    match believed(&Sent::of_kept(&text).text, &policy, machine) {
        Ok(fetched) => Ok(fetched.layer),
        Err(why) => Err((kept, why)),
    }
}

/// Checks signature and content of a text. `machine`: the policy of the machine, which names the key and lies above.
///
/// # Errors
/// [`PolicyTrouble`]; nothing of the text is to be used then.
pub fn believed(text: &str, policy: &SitePolicy, machine: &str) -> Result<FetchedPolicy, PolicyTrouble> {
    let (signature, signed) = signed_part(text).ok_or(PolicyTrouble::Unsigned)?;
    let key = policy.public_key().ok_or(PolicyTrouble::Signature)?;
    UnparsedPublicKey::new(&ED25519, key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| PolicyTrouble::Signature)?;
    Ok(FetchedPolicy::read(signed, machine)?)
}

/// Asks the server; `None` when it has none but the one of `etag`.
///
/// # Errors
/// [`Trouble`].
pub async fn fetch(
    policy: &SitePolicy,
    etag: Option<&str>,
    cancel: &CancellationToken,
) -> Result<Option<Sent>, Trouble> {
    policy.check().map_err(|why| Trouble::Settings(why.to_string()))?;
    let tls =
        policy.authorities.as_ref().map(|file| Tls { authorities: Some(file.clone()), ..Tls::default() });
    let client = Client::builder()
        .tls_backend_preconfigured(medsight_pacs::client_tls(tls.as_ref())?)
        .connect_timeout(PATIENCE)
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("MedSight/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| Trouble::Settings("TLS cannot be set up".to_owned()))?;
    let url = Url::parse(&policy.url).map_err(|_| Trouble::Settings("the address is no URL".to_owned()))?;
    let mut request = client.get(url.clone()).header(ACCEPT, "application/toml, text/plain");
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        request = request.header(IF_NONE_MATCH, etag);
    }
    let whole = async {
        let mut response = request.send().await.map_err(|why| lost(&url, why))?;
        match response.status() {
            StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(None),
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(Trouble::SignIn),
            status if status.is_redirection() => return Err(Trouble::Redirected),
            status => return Err(Trouble::Server(status.as_u16())),
        }
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let mut bytes = Vec::new();
        while let Some(piece) =
            response.chunk().await.map_err(|_| Trouble::Lost("the server's answer was being read"))?
        {
            if bytes.len() + piece.len() > MOST_BYTES {
                return Err(Trouble::Answer("it is too long for a policy"));
            }
            bytes.extend_from_slice(&piece);
        }
        let text = String::from_utf8(bytes).map_err(|_| Trouble::Answer("it is no text"))?;
        Ok(Some(Sent { text, etag }))
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Trouble::Cancelled),
        done = tokio::time::timeout(PATIENCE, whole) => done.unwrap_or(Err(Trouble::Timeout(PATIENCE.as_secs()))),
    }
}
