//! What can go wrong with a peer, told once, in words that name no patient.

use medsight_record::Refusal;
use std::fmt;

/// Why a network operation ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// No connection: nobody there, a wrong port, a wall between.
    #[error("{peer} cannot be reached: {why}")]
    Unreachable {
        /// Host and port.
        peer: String,
        /// As the system says it.
        why: String,
    },
    /// The connection is there but the two sides do not trust each other.
    #[error("no secure connection with {peer}: {why}. Check the certificates of both sides.")]
    Tls {
        /// Host and port.
        peer: String,
        /// As the TLS library says it.
        why: String,
    },
    /// A certificate or key of ours that cannot be used.
    #[error("{file}: {why}")]
    Certificate {
        /// The file of the settings.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A-ASSOCIATE-RJ (PS3.8 9.3.4).
    #[error("the peer refused the association{}: {why}", if *.permanent { "" } else { " for now" })]
    Rejected {
        /// False when trying again later may help.
        permanent: bool,
        /// Reason of the standard's table, and what to look at.
        why: &'static str,
    },
    /// A-ABORT (PS3.8 9.3.8).
    #[error("the peer aborted the association ({0})")]
    Aborted(&'static str),
    /// The connection ended in the middle.
    #[error("the connection broke off while {0}")]
    Lost(&'static str),
    /// Nothing came for as long as the settings allow.
    #[error("the peer did not answer for {seconds} s while {doing}")]
    Timeout {
        /// Waited.
        seconds: u64,
        /// For what.
        doing: &'static str,
    },
    /// The peer sent what the protocol does not allow. The connection was closed.
    #[error("the peer broke the protocol: {0}")]
    Protocol(Breach),
    /// The peer does not offer the service.
    #[error("the peer does not offer {0}")]
    NotOffered(String),
    /// The peer answered with a failure status (PS3.7 annex C).
    #[error("the peer answered {operation} with failure {status:04X}H: {meaning}")]
    Failed {
        /// C-FIND, C-MOVE…
        operation: &'static str,
        /// The status.
        status: u16,
        /// By the standard's tables.
        meaning: &'static str,
    },
    /// The peer was to send objects to this workstation's listener (C-MOVE), and could not.
    #[error(
        "the peer could not send to {destination}: {why}. It has to know this title with the address and port of this workstation, and may be refused here."
    )]
    NotDelivered {
        /// The title that it was to send to.
        destination: String,
        /// What it said.
        why: String,
    },
    /// The server answered with an HTTP status that is no success.
    #[error("the server answered {operation} with HTTP {status}{hint}")]
    Http {
        /// QIDO-RS, WADO-RS…
        operation: &'static str,
        /// The status.
        status: u16,
        /// What to look at; begins with its own punctuation.
        hint: &'static str,
    },
    /// The settings of the node cannot be used.
    #[error("the node's settings cannot be used: {0}")]
    Settings(String),
    /// What we were to send cannot be sent.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A file or a disk of this machine.
    #[error("{what}: {source}")]
    Io {
        /// Doing what.
        what: &'static str,
        /// As the system says it.
        source: std::io::Error,
    },
    /// The person, or the program, has called it off.
    #[error("cancelled")]
    Cancelled,
}

/// How a peer broke the protocol. Figures, never content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// A PDU of a type that cannot stand here.
    UnexpectedPdu(u8),
    /// A PDU longer than was agreed.
    PduTooLong {
        /// Announced, in bytes.
        announced: u32,
        /// Agreed, in bytes.
        allowed: u32,
    },
    /// A field of a PDU is wrong.
    Malformed(&'static str),
    /// A command or object that is longer than is taken, in bytes.
    TooLarge(u64),
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedPdu(kind) => write!(f, "a PDU of type {kind:02X}H cannot stand here"),
            Self::PduTooLong { announced, allowed } => {
                write!(f, "a PDU of {announced} bytes, at most {allowed} are allowed")
            }
            Self::Malformed(what) => f.write_str(what),
            Self::TooLarge(most) => write!(f, "a message of more than {most} bytes"),
        }
    }
}

impl NetError {
    /// Stable word for programs and translations.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Tls { .. } => "tls",
            Self::Certificate { .. } => "certificate",
            Self::Rejected { .. } => "rejected",
            Self::Aborted(_) => "aborted",
            Self::Lost(_) => "connection_lost",
            Self::Timeout { .. } => "timeout",
            Self::Protocol(_) => "protocol",
            Self::NotOffered(_) => "not_offered",
            Self::Failed { .. } => "failed",
            Self::NotDelivered { .. } => "not_delivered",
            // Who has the wrong password and who may not has to do different things.
            Self::Http { status: 401, .. } => "unauthorised",
            Self::Http { status: 403, .. } => "forbidden",
            Self::Http { .. } => "http",
            Self::Settings(_) => "settings",
            Self::Refused(_) => "refused",
            Self::Io { .. } => "io",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nobody to talk to: what exit code 6 of `medsightctl` means.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Tls { .. } | Self::Lost(_) | Self::Timeout { .. })
    }

    /// Trying again may help: the peer was killed, restarted, or is busy.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Lost(_) | Self::Timeout { .. } | Self::Aborted(_) => true,
            Self::Rejected { permanent, .. } => !permanent,
            Self::Http { status, .. } => matches!(status, 408 | 429 | 500 | 502..=504),
            _ => false,
        }
    }

    pub(crate) fn malformed(what: &'static str) -> Self {
        Self::Protocol(Breach::Malformed(what))
    }
}
