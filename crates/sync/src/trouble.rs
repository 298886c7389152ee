//! Why nothing goes to a destination at present, with a stable word and what a person can do.

use medsight_cache::CacheError;
use medsight_pacs::NetError;
use std::time::Duration;

/// What stops all deliveries to one destination. No patient data, no token in the words.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Nobody answers.
    #[error("The server cannot be reached: {0}. Check the network and the address.")]
    Unreachable(String),
    /// The other side is not who it should be, or does not know us.
    #[error("The connection is not secure: {0}. Check the certificates, and the pinned keys, of both sides.")]
    Tls(String),
    /// It took too long.
    #[error("The server did not answer within {0} seconds.")]
    Timeout(u64),
    /// It broke off.
    #[error("The connection broke off while {0}.")]
    Lost(&'static str),
    /// 429, 503: it asks for time.
    #[error("The server is busy.")]
    Busy {
        /// What it asked for.
        retry_after: Option<Duration>,
    },
    /// 401, or no token is at hand.
    #[error("The server wants to know who asks. Sign in again.")]
    SignIn,
    /// The provider of tokens gives none.
    #[error(
        "No token was given out: {0}. Check the sign-in server, the client and its secret in the settings."
    )]
    SignInServer(String),
    /// 403.
    #[error("The server does not permit this account to do that. Ask its administrator.")]
    NotPermitted,
    /// 5xx.
    #[error("The server answers with status {0}. Its administrator can tell why.")]
    Server(u16),
    /// 3xx: a token goes to no address but the one in the settings.
    #[error(
        "The server sends requests on to another address. Nothing was sent there. Correct the address in the settings."
    )]
    Redirected,
    /// It speaks something else.
    #[error("The server's answer cannot be used: {0}.")]
    Answer(&'static str),
    /// The settings cannot be used.
    #[error("The settings of the destination cannot be used: {0}.")]
    Settings(String),
    /// The keyring has no token or password, or is closed.
    #[error("{0}")]
    Secret(String),
    /// The records.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Somebody stopped it.
    #[error("It was stopped.")]
    Cancelled,
}

impl Trouble {
    /// Stable name of what happened.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "sync.unreachable",
            Self::Tls(_) => "sync.tls",
            Self::Timeout(_) => "sync.timeout",
            Self::Lost(_) => "sync.lost",
            Self::Busy { .. } => "sync.busy",
            Self::SignIn => "sync.sign-in",
            Self::SignInServer(_) => "sync.sign-in-server",
            Self::NotPermitted => "sync.not-permitted",
            Self::Server(_) => "sync.server",
            Self::Redirected => "sync.redirected",
            Self::Answer(_) => "sync.answer",
            Self::Settings(_) => "sync.settings",
            Self::Secret(_) => "sync.secret",
            Self::Cache(error) => error.code(),
            Self::Cancelled => "sync.cancelled",
        }
    }

    /// What the server asked for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// Nobody is there, or not who should be.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Tls(_) | Self::Timeout(_) | Self::Lost(_))
    }
}

impl From<NetError> for Trouble {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Unreachable { peer, why } => Self::Unreachable(format!("{peer}: {why}")),
            NetError::Tls { peer, why } => Self::Tls(format!("{peer}: {why}")),
            NetError::Certificate { file, why } => Self::Tls(format!("{file}: {why}")),
            NetError::Timeout { seconds, .. } => Self::Timeout(seconds),
            NetError::Lost(doing) => Self::Lost(doing),
            NetError::Cancelled => Self::Cancelled,
            NetError::Http { status: 401, .. } => Self::SignIn,
            NetError::Http { status: 403, .. } => Self::NotPermitted,
            NetError::Http { status: 429 | 503, .. } => Self::Busy { retry_after: None },
            NetError::Http { status, .. } => Self::Server(status),
            other => Self::Settings(other.to_string().trim_end_matches('.').to_owned()),
        }
    }
}
