//! Why nobody was signed in. No variant holds a token, a code or a name.

/// What went wrong in a sign-in, a refresh or a sign-out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The settings can't be used, or a file they name.
    #[error("the settings for sign-in can't be used: {0}")]
    Settings(String),
    /// No answer, or none that is one.
    #[error("the sign-in server does not answer: {0}")]
    Unreachable(String),
    /// Discovery 4.3: the document names another issuer than the one that was asked.
    #[error("the sign-in server calls itself by another name than the settings do: {says}")]
    AnotherIssuer {
        /// What it says.
        says: String,
    },
    /// An address on a host to which no code and no token may go.
    #[error("the sign-in server names {host} for its {endpoint}, which the settings do not allow")]
    Elsewhere {
        /// Which address.
        endpoint: &'static str,
        /// Its host.
        host: String,
    },
    /// The provider cannot do what is needed.
    #[error("the sign-in server does not offer {0}")]
    NotOffered(&'static str),
    /// The provider's own word (RFC 6749 4.1.2.1 and 5.2, RFC 8628 3.5).
    #[error("the sign-in server refused: {0}")]
    Refused(String),
    /// An answer that breaks the protocol.
    #[error("the sign-in server's answer is none: {0}")]
    Answer(&'static str),
    /// The ID token proves nothing.
    #[error("the sign-in server's answer does not prove who signed in: {0}")]
    IdToken(#[from] IdTokenFault),
    /// RFC 9207: the answer is another provider's.
    #[error("the answer came from another sign-in server")]
    MixedUp,
    /// The browser could not reach us.
    #[error("this computer can't listen for the browser's answer: {0}")]
    Loopback(String),
    /// A refresh or a sign-in again that is somebody else's.
    #[error("somebody else signed in")]
    AnotherPerson,
    /// The person or the program called it off.
    #[error("the sign-in was called off")]
    Cancelled,
    /// Nobody finished it in time.
    #[error("nobody finished the sign-in in time")]
    TooLate,
    /// The random generator of the operating system.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
}

/// What is wrong with an ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenFault {
    /// Not a JWT in compact form.
    #[error("it is no signed token")]
    Form,
    /// None, a symmetric one, or one that is not known.
    #[error("its kind of signature is not accepted")]
    Algorithm,
    /// No key of the provider fits it.
    #[error("no key of the server fits it")]
    Key,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// `iss`.
    #[error("it is from another server")]
    Issuer,
    /// `aud` or `azp`.
    #[error("it is for another program")]
    Audience,
    /// `exp`.
    #[error("it has expired; the clock of this computer may be wrong")]
    Expired,
    /// `iat` or `nbf` lies ahead.
    #[error("it is from the future; the clock of this computer may be wrong")]
    NotYet,
    /// `nonce`.
    #[error("it is the answer to another question")]
    Nonce,
    /// `sub`.
    #[error("it names nobody")]
    Subject,
    /// `auth_time`.
    #[error("it does not say that somebody signed in just now")]
    NotFresh,
    /// `at_hash`.
    #[error("it belongs to another access token")]
    AccessToken,
}

impl SignInError {
    /// Whether the server could not be asked, so that what it said before still holds for the time that policy sets.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    /// The provider's word, in the form in which it may be shown: letters and underscores, 64 at most.
    pub(super) fn refused(word: &str) -> Self {
        let word: String = word.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
        Self::Refused(if word.is_empty() { "without a reason".to_owned() } else { word })
    }
}
