//! What goes wrong where the desk listens: a port that is not free, a listener that a server needs and that is off.

use super::{Problem, named};
use medsight_record::listener::ListenerError;
use std::net::IpAddr;

/// Of the listener, and of servers that are to send to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenFault {
    /// A server sends by C-MOVE only, and nothing listens here.
    #[error(
        "This server sends studies to a listening workstation (C-MOVE), and receiving is off. Switch it on in the settings, or choose another way for this server."
    )]
    Off,
    /// It is switched on and cannot listen.
    #[error("This server sends studies to a listening workstation (C-MOVE), and this one can't listen. {0}")]
    Failed(String),
    /// Another program has the port.
    #[error("Port {port} is used by another program. Choose another port, or end that program.")]
    PortTaken {
        /// TCP port.
        port: u16,
    },
    /// The system keeps small ports for itself.
    #[error("This account may not listen on port {port}. Choose one above 1023, such as 11112.")]
    PortDenied {
        /// TCP port.
        port: u16,
    },
    /// The address is another computer's.
    #[error("This computer has no network address {address}.")]
    AddressNotHere {
        /// As it is in the settings.
        address: IpAddr,
    },
    /// A server was asked to send and could not.
    #[error(
        "The server could not send to {title}. At the server this title must stand with the address of this computer and port {port}; a firewall may be between."
    )]
    NotDelivered {
        /// This workstation's title.
        title: String,
        /// The listener's port.
        port: u16,
    },
    /// It sends by a title that may not.
    #[error(
        "The server sends as {title}, and this title is not among those that may send. Add it in the settings."
    )]
    SenderUnknown {
        /// The title that it gave.
        title: String,
    },
    /// The listener's settings can't be used.
    #[error("{0}")]
    Settings(ListenerError),
    /// Not an address.
    #[error("an address must be numbers such as 10.1.2.3")]
    Address,
}

impl ListenFault {
    fn code(&self) -> &'static str {
        match self {
            Self::Off => "desk.listener-off",
            Self::Failed(_) => "desk.listener-failed",
            Self::PortTaken { .. } => "desk.port-taken",
            Self::PortDenied { .. } => "desk.port-denied",
            Self::AddressNotHere { .. } => "desk.address-not-here",
            Self::NotDelivered { .. } => "desk.not-delivered",
            Self::SenderUnknown { .. } => "desk.sender-unknown",
            Self::Settings(ListenerError::Title) => "settings.node-title",
            Self::Settings(ListenerError::Port) => "settings.listener-port",
            Self::Settings(ListenerError::NoSenders) => "settings.listener-senders",
            Self::Settings(ListenerError::TlsFiles) => "settings.listener-tls",
            Self::Address => "settings.listener-address",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::PortTaken { port } | Self::PortDenied { port } => vec![("port", port.to_string())],
            Self::AddressNotHere { address } => vec![("address", address.to_string())],
            Self::NotDelivered { title, port } => vec![("title", title.clone()), ("port", port.to_string())],
            Self::SenderUnknown { title } => vec![("title", title.clone())],
            _ => Vec::new(),
        }
    }
}

impl From<ListenFault> for Problem {
    fn from(fault: ListenFault) -> Self {
        Self { code: fault.code().to_owned(), values: named(fault.values()), detail: fault.to_string() }
    }
}
