//! The DICOM listener of this workstation, as the settings keep it: off unless a person switches it on, and who may send.
//!
//! Plain data for the settings and their form. Not here: listening, which is the business of `pacs`.

use crate::node::{Tls, is_title};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// A peer that may send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// The title that it gives as its own.
    pub calling_ae: String,
    /// Only from this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

/// Provider of verification and storage (PS3.4 A, B): takes what allowed peers send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// It listens while the program runs.
    #[serde(default)]
    pub on: bool,
    /// This workstation's title, by which peers have to call it and to which they send by C-MOVE.
    #[serde(default = "our_title")]
    pub own_ae: String,
    /// Address of the network interface; unspecified (`0.0.0.0`, `::`) for all of them.
    #[serde(default = "all_interfaces")]
    pub address: IpAddr,
    /// TCP port.
    #[serde(default = "registered_port")]
    pub port: u16,
    /// With TLS: our certificate, and the authorities whose certificates peers must show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Who may send. Nobody else may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub senders: Vec<Allowed>,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            on: false,
            own_ae: our_title(),
            address: all_interfaces(),
            port: registered_port(),
            tls: None,
            senders: Vec::new(),
        }
    }
}

/// Why the listener can't be used as it stands in the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenerError {
    /// PS3.5 6.2, AE.
    #[error("a title (AE) must have 1 to 16 letters, digits or signs, and no backslash")]
    Title,
    /// No port.
    #[error("the listener needs a port from 1 to 65535")]
    Port,
    /// Nobody could send.
    #[error("the listener needs at least one title that may send")]
    NoSenders,
    /// A TLS server shows a certificate, and here it asks for those of its peers.
    #[error("with TLS the listener needs its certificate, its key and the authorities of its senders")]
    TlsFiles,
}

impl Listener {
    /// As it is where nobody has changed it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a title is among those that may send.
    #[must_use]
    pub fn allows(&self, title: &str) -> bool {
        self.senders.iter().any(|sender| sender.calling_ae == title)
    }

    /// Checks what the form cannot. What is switched off may be half filled in.
    ///
    /// # Errors
    /// [`ListenerError`], naming the field.
    pub fn check(&self) -> Result<(), ListenerError> {
        if !is_title(&self.own_ae) || !self.senders.iter().all(|sender| is_title(&sender.calling_ae)) {
            return Err(ListenerError::Title);
        }
        if self.port == 0 {
            return Err(ListenerError::Port);
        }
        if !self.on {
            return Ok(());
        }
        if self.senders.is_empty() {
            return Err(ListenerError::NoSenders);
        }
        let is_whole =
            |tls: &Tls| tls.authorities.is_some() && tls.certificate.is_some() && tls.key.is_some();
        if self.tls.as_ref().is_some_and(|tls| !is_whole(tls)) {
            return Err(ListenerError::TlsFiles);
        }
        Ok(())
    }
}

fn our_title() -> String {
    "MEDSIGHT".to_owned()
}

const fn all_interfaces() -> IpAddr {
    IpAddr::V4(Ipv4Addr::UNSPECIFIED)
}

/// PS3.8 9.1.1: registered for DICOM, and no privilege is needed for it.
const fn registered_port() -> u16 {
    11112
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_listens_unless_the_settings_say_so_and_name_who_may_send() {
        let mut listener: Listener = toml::from_str("").unwrap();
        assert!(!listener.on && listener.is_default() && listener.check().is_ok());
        listener.on = true;
        assert_eq!(listener.check(), Err(ListenerError::NoSenders));
        listener.senders = vec![Allowed { calling_ae: "PACS".into(), address: None }];
        assert_eq!(listener.check(), Ok(()));
        assert!(listener.allows("PACS") && !listener.allows("PACS2"));
        let text = toml::to_string(&listener).unwrap();
        assert_eq!(toml::from_str::<Listener>(&text).unwrap(), listener);
    }

    #[test]
    fn a_port_that_is_none_and_a_certificate_without_its_key_are_refused() {
        let senders = vec![Allowed { calling_ae: "PACS".into(), address: None }];
        let listener = Listener { on: true, senders, ..Listener::default() };
        assert_eq!(Listener { port: 0, ..listener.clone() }.check(), Err(ListenerError::Port));
        let tls = Some(Tls { certificate: Some("a.pem".into()), ..Tls::default() });
        assert_eq!(Listener { tls, ..listener.clone() }.check(), Err(ListenerError::TlsFiles));
        let own_ae = "SEVENTEEN_SIGNS_X".into();
        assert_eq!(Listener { own_ae, ..listener }.check(), Err(ListenerError::Title));
    }
}
