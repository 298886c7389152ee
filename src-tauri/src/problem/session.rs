//! What goes wrong around people and sessions: a missing right, a lock, a wrong code, a sign-in that fails, settings for
//! sign-in that can't be used.

use super::{Problem, named};
use medsight_record::Right;
use medsight_record::identity::IdentityError;
use medsight_sync::sign_in::{IdTokenFault, SignInError};

/// Of the session at the desk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionFault {
    /// Nobody is there.
    #[error("Nobody is signed in.")]
    SignedOut,
    /// Somebody is there, behind the lock.
    #[error("The desk is locked.")]
    Locked,
    /// The person's roles do not have it.
    #[error("Your roles do not permit this.")]
    NoRight(Right),
    /// Not the code.
    #[error("This is not the code.")]
    WrongCode,
    /// Too many wrong ones.
    #[error("Too many wrong codes. Wait {seconds} seconds.")]
    Wait {
        /// From now.
        seconds: i64,
    },
    /// Without a code only the provider can tell.
    #[error("Sign in again to open the desk.")]
    NeedsSignIn,
    /// The provider confirmed the person too long ago.
    #[error("The code works only for a time after a sign-in, and that is over. Sign in again.")]
    OfflineOver,
    /// Too easily guessed.
    #[error("A code needs 6 characters at the least.")]
    CodeLength,
    /// Nothing, or next to nothing.
    #[error("The reason has to be written out.")]
    NoReason,
    /// No browser, or none that starts.
    #[error("The browser could not be opened.")]
    NoBrowser,
    /// The settings have none.
    #[error("This workstation has no sign-in server in its settings.")]
    NoProvider,
    /// The provider does not vouch for the person any more.
    #[error("The sign-in server has ended this session.")]
    Ended,
    /// The operating system.
    #[error("The operating system gives no random numbers.")]
    NoRandomness,
}

impl SessionFault {
    fn code(&self) -> &'static str {
        match self {
            Self::SignedOut => "session.signed-out",
            Self::Locked => "session.locked",
            Self::NoRight(_) => "session.no-right",
            Self::WrongCode => "session.wrong-code",
            Self::Wait { .. } => "session.wait",
            Self::NeedsSignIn => "session.needs-sign-in",
            Self::OfflineOver => "session.offline-over",
            Self::CodeLength => "session.code-length",
            Self::NoReason => "session.no-reason",
            Self::NoBrowser => "session.no-browser",
            Self::NoProvider => "session.no-provider",
            Self::Ended => "session.ended",
            Self::NoRandomness => "session.no-randomness",
        }
    }
}

impl From<SessionFault> for Problem {
    fn from(fault: SessionFault) -> Self {
        let values = match &fault {
            SessionFault::NoRight(right) => {
                vec![
                    ("right", format!("@right.{}", right.word())),
                    ("roles", format!("@right_of.{}", right.word())),
                ]
            }
            SessionFault::Wait { seconds } => vec![("seconds", seconds.to_string())],
            _ => Vec::new(),
        };
        Self { code: fault.code().to_owned(), values: named(values), detail: fault.to_string() }
    }
}

/// The words for what the sign-in says; its own text is for whoever looks into it.
struct SignInFault<'a>(&'a SignInError);

impl SignInFault<'_> {
    fn code(&self) -> &'static str {
        match self.0 {
            SignInError::Settings(_) => "sign_in.settings",
            SignInError::Unreachable(_) => "sign_in.unreachable",
            SignInError::AnotherIssuer { .. } => "sign_in.another-issuer",
            SignInError::Elsewhere { .. } => "sign_in.elsewhere",
            SignInError::NotOffered(_) => "sign_in.not-offered",
            SignInError::Refused(_) => "sign_in.refused",
            SignInError::IdToken(IdTokenFault::Expired | IdTokenFault::NotYet) => "sign_in.clock",
            SignInError::Answer(_) | SignInError::IdToken(_) | SignInError::MixedUp => "sign_in.not-proven",
            SignInError::Loopback(_) => "sign_in.loopback",
            SignInError::AnotherPerson => "sign_in.another-person",
            SignInError::Cancelled => "sign_in.cancelled",
            SignInError::TooLate => "sign_in.too-late",
            SignInError::NoRandomness => "session.no-randomness",
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        let values = match &error {
            SignInError::AnotherIssuer { says } => vec![("says", says.clone())],
            SignInError::Elsewhere { host, .. } => vec![("host", host.clone())],
            SignInError::Refused(word) => vec![("word", word.clone())],
            _ => Vec::new(),
        };
        let code = SignInFault(&error).code().to_owned();
        Self { code, values: named(values), detail: error.to_string() }
    }
}

/// What of the settings for sign-in and lock can't be used.
struct IdentityFault(IdentityError);

impl IdentityFault {
    fn code(&self) -> &'static str {
        match self.0 {
            IdentityError::IdleLock => "settings.idle-lock",
            IdentityError::Offline => "settings.offline-unlock",
            IdentityError::BreakGlass => "settings.break-glass",
            IdentityError::Issuer => "settings.issuer",
            IdentityError::ClientId => "settings.client-id",
            IdentityError::Scopes => "settings.scopes",
            IdentityError::RoleClaim => "settings.role-claim",
            IdentityError::Hosts => "settings.also-hosts",
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        let code = IdentityFault(error).code().to_owned();
        Self { code, values: named(Vec::new()), detail: error.to_string() }
    }
}
