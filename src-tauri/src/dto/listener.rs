//! The listener: its form in the settings, and what the window shows of it.

use super::TlsForm;
use crate::problem::{ListenFault, Problem};
use medsight_record::listener::{Allowed, Listener};
use medsight_record::node::Tls;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use ts_rs::TS;

/// The listener, as the form has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerForm {
    /// It listens while the program runs.
    pub on: bool,
    /// This workstation's title.
    pub own_ae: String,
    /// Address of the network interface; `0.0.0.0` or `::` for all of them.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// With TLS, and how.
    pub tls: Option<TlsForm>,
    /// Who may send.
    pub senders: Vec<SenderForm>,
}

/// A title that may send.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SenderForm {
    /// The title that it gives as its own.
    pub title: String,
    /// Only from this address; empty for any.
    pub address: String,
}

/// What the listener does now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
#[serde(tag = "state", content = "about", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ListenerState {
    /// Nothing listens.
    #[default]
    Off,
    /// It takes what allowed peers send.
    Listening {
        /// This workstation's title.
        title: String,
        /// Address and port.
        address: String,
        /// It asks for certificates.
        tls: bool,
        /// What happened last, the newest first.
        seen: Vec<ListenerSeen>,
    },
    /// It is switched on and cannot listen.
    Failed(Problem),
}

/// Something that happened at the listener; a repetition only counts up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ListenerSeen {
    /// `stored`, `already_here`, `not_stored`, `committed`, `echoed`, `sender_unknown`, `other_title`, `busy`, `tls` or `lost`.
    pub what: String,
    /// The peer's title, or its address where it gave none.
    pub from: String,
    /// How often in a row.
    pub count: u64,
    /// When the last time, in milliseconds since 1970 (UTC).
    pub at_ms: i64,
}

fn address(text: &str) -> Result<IpAddr, Problem> {
    text.trim().parse().map_err(|_| ListenFault::Address.into())
}

impl TryFrom<ListenerForm> for Listener {
    type Error = Problem;

    fn try_from(form: ListenerForm) -> Result<Self, Problem> {
        let sender = |sender: SenderForm| {
            let only = sender.address.trim();
            let address = if only.is_empty() { None } else { Some(address(only)?) };
            Ok(Allowed { calling_ae: sender.title.trim().to_owned(), address })
        };
        let listener = Self {
            on: form.on,
            own_ae: form.own_ae.trim().to_owned(),
            address: address(&form.address)?,
            port: form.port,
            tls: form.tls.map(Tls::from),
            senders: form.senders.into_iter().map(sender).collect::<Result<_, Problem>>()?,
        };
        listener.check().map_err(ListenFault::Settings)?;
        Ok(listener)
    }
}

impl From<&Listener> for ListenerForm {
    fn from(listener: &Listener) -> Self {
        let sender = |sender: &Allowed| SenderForm {
            title: sender.calling_ae.clone(),
            address: sender.address.map(|address| address.to_string()).unwrap_or_default(),
        };
        Self {
            on: listener.on,
            own_ae: listener.own_ae.clone(),
            address: listener.address.to_string(),
            port: listener.port,
            tls: listener.tls.as_ref().map(TlsForm::from),
            senders: listener.senders.iter().map(sender).collect(),
        }
    }
}
