//! A peer on the hospital's network, as the settings keep it: names, addresses, what it speaks.
//!
//! Plain data for the settings and their form. Not here: talking to it, which is the business of `pacs`; and
//! secrets: a bearer token or a password is never part of the settings, only files are named.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One peer: an archive, a worklist server, a modality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// As the person calls it. Unique in the settings.
    pub name: String,
    /// Where and how it speaks DIMSE (PS3.7); `None` when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimse: Option<Dimse>,
    /// Where it speaks DICOMweb (PS3.18); `None` when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<Web>,
    /// How its studies are brought here.
    #[serde(default, skip_serializing_if = "RetrieveBy::is_default")]
    pub retrieve: RetrieveBy,
    /// How many retrievals may run at once against it.
    #[serde(default = "five")]
    pub parallel_retrievals: u8,
    /// What is fetched from it before anybody asks.
    #[serde(default, skip_serializing_if = "Prefetch::is_off")]
    pub prefetch: Prefetch,
    /// How this workstation signs in to its DICOMweb.
    #[serde(default, skip_serializing_if = "SignIn::is_none")]
    pub sign_in: SignIn,
}

/// How studies of a node are brought here. A node with DICOMweb alone has one way only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetrieveBy {
    /// By C-GET, over the connection that asks.
    #[default]
    Get,
    /// By C-MOVE: the node sends to this workstation's listener.
    Move,
    /// By DICOMweb, also where the node has a DIMSE address.
    Web,
}

impl RetrieveBy {
    /// The usual way.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is fetched ahead when a study is opened. Off unless switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefetch {
    /// The next study of the worklist.
    #[serde(default)]
    pub next: bool,
    /// So many earlier studies of the patient, the newest first.
    #[serde(default)]
    pub priors: u8,
}

impl Prefetch {
    /// Nothing is fetched ahead.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }
}

/// How this workstation shows who it is. The secret itself is in the keyring of the operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum SignIn {
    /// Not at all, or by the certificate of the connection.
    #[default]
    None,
    /// By a bearer token (RFC 6750).
    Bearer,
    /// By name and password (RFC 7617).
    Basic {
        /// The name.
        user: String,
    },
}

impl SignIn {
    /// Nothing is shown.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// A DIMSE address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimse {
    /// Its application entity title, at most 16 characters.
    pub called_ae: String,
    /// The title that this workstation gives as its own.
    pub calling_ae: String,
    /// Name or address of the machine.
    pub host: String,
    /// TCP port; registered are 104 and 11112, and 2762 with TLS.
    pub port: u16,
    /// With TLS, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Seconds to wait for the connection.
    #[serde(default = "ten")]
    pub connect_s: u16,
    /// Seconds to wait for an answer, or for the next bytes of one.
    #[serde(default = "sixty")]
    pub answer_s: u16,
}

/// A DICOMweb address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// Base of the service, below which `/studies` is.
    pub url: String,
    /// Certificates, where they are not those of the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Seconds to wait for the connection.
    #[serde(default = "ten")]
    pub connect_s: u16,
    /// Seconds to wait for an answer, or for the next bytes of one.
    #[serde(default = "sixty")]
    pub answer_s: u16,
}

/// TLS as PS3.15 asks for it: BCP 195, version 1.2 or later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the authorities to trust; `None` for those of the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
    /// PEM file with this workstation's certificate and what stands between it and the authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file with the certificate's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// The name that the peer's certificate must have, where it is not the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// Most earlier studies that are fetched ahead.
pub const MOST_PRIORS: u8 = 20;

/// Most retrievals at once that are asked of one peer.
pub const MOST_RETRIEVALS: u8 = 32;

/// Why a node can't be used as it stands in the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// PS3.5 6.2, AE: 1 to 16 characters of the basic set, no backslash.
    #[error(
        "the {which} application entity title must have 1 to 16 letters, digits or signs, and no backslash"
    )]
    Title {
        /// Called or calling.
        which: &'static str,
    },
    /// Nothing to call it by, or another is called so.
    #[error("the node needs a name that no other node has")]
    Name,
    /// Nothing to connect to.
    #[error("the node needs a DICOM address or a DICOMweb URL")]
    NoAddress,
    /// Its studies are to be brought here by a way that it has no address for.
    #[error("the node has no address for the way by which its studies are to be retrieved")]
    Retrieve,
    /// Half of a DICOM address.
    #[error("the node needs a host and a port")]
    Host,
    /// Not an address of the web.
    #[error("the node needs a DICOMweb URL that begins with https:// or http://")]
    Url,
    /// More would be the whole archive.
    #[error("at most 20 earlier studies can be fetched ahead")]
    Priors,
    /// A name that HTTP Basic cannot carry (RFC 7617 2: no colon), or none.
    #[error("signing in with a password needs a name without a colon")]
    User,
    /// None at once brings nothing; a hundred are an attack.
    #[error("from 1 to 32 retrievals can run at once")]
    Retrievals,
}

impl Node {
    /// A node of this name with what is usual, and no address yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            dimse: None,
            web: None,
            retrieve: RetrieveBy::default(),
            parallel_retrievals: five(),
            prefetch: Prefetch::default(),
            sign_in: SignIn::None,
        }
    }

    /// Checks what the form cannot: titles, and that there is something to speak to.
    ///
    /// # Errors
    /// [`NodeError`], naming the field.
    pub fn check(&self) -> Result<(), NodeError> {
        if self.name.trim().is_empty() {
            return Err(NodeError::Name);
        }
        if self.dimse.is_none() && self.web.is_none() {
            return Err(NodeError::NoAddress);
        }
        if let Some(dimse) = &self.dimse {
            check_title("called", &dimse.called_ae)?;
            check_title("calling", &dimse.calling_ae)?;
            if dimse.host.trim().is_empty() || dimse.port == 0 {
                return Err(NodeError::Host);
            }
        }
        let is_web = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        if self.web.as_ref().is_some_and(|web| !is_web(&web.url)) {
            return Err(NodeError::Url);
        }
        let has_way = match self.retrieve {
            RetrieveBy::Get => true,
            RetrieveBy::Move => self.dimse.is_some(),
            RetrieveBy::Web => self.web.is_some(),
        };
        if !has_way {
            return Err(NodeError::Retrieve);
        }
        if self.prefetch.priors > MOST_PRIORS {
            return Err(NodeError::Priors);
        }
        if let SignIn::Basic { user } = &self.sign_in
            && (user.trim().is_empty() || user.contains(':') || user.chars().any(char::is_control))
        {
            return Err(NodeError::User);
        }
        if (1..=MOST_RETRIEVALS).contains(&self.parallel_retrievals) {
            Ok(())
        } else {
            Err(NodeError::Retrievals)
        }
    }
}

/// Checks every node, and that each has a name of its own.
///
/// # Errors
/// The first [`NodeError`].
pub fn check_all(nodes: &[Node]) -> Result<(), NodeError> {
    for (at, node) in nodes.iter().enumerate() {
        node.check()?;
        if nodes[..at].iter().any(|other| other.name == node.name) {
            return Err(NodeError::Name);
        }
    }
    Ok(())
}

fn check_title(which: &'static str, title: &str) -> Result<(), NodeError> {
    if is_title(title) { Ok(()) } else { Err(NodeError::Title { which }) }
}

/// PS3.5 6.2, AE: 1 to 16 characters of the basic set, no backslash.
pub(crate) fn is_title(title: &str) -> bool {
    let good = title.bytes().all(|b| (0x20..0x7F).contains(&b) && b != b'\\');
    good && !title.trim().is_empty() && title.len() <= 16
}

const fn five() -> u8 {
    5
}

const fn ten() -> u16 {
    10
}

const fn sixty() -> u16 {
    60
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(called: &str) -> Node {
        let text = format!(
            "name = \"archive\"\n[dimse]\ncalled_ae = \"{called}\"\ncalling_ae = \"MEDSIGHT\"\nhost = \"pacs\"\nport = 104"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn five_retrievals_run_at_once_unless_the_settings_say_otherwise() {
        assert_eq!(node("ARCHIVE").parallel_retrievals, 5);
    }

    #[test]
    fn nothing_is_fetched_ahead_and_nobody_signs_in_unless_the_settings_say_so() {
        let mut node = node("ARCHIVE");
        assert!(node.prefetch.is_off() && node.sign_in.is_none());
        node.prefetch = Prefetch { next: true, priors: 3 };
        node.sign_in = SignIn::Basic { user: "rita".into() };
        let text = toml::to_string(&node).unwrap();
        assert_eq!(toml::from_str::<Node>(&text).unwrap(), node);
        node.sign_in = SignIn::Basic { user: "a:b".into() };
        assert_eq!(node.check(), Err(NodeError::User));
        node.prefetch.priors = 21;
        assert_eq!(node.check(), Err(NodeError::Priors));
    }

    #[test]
    fn a_way_of_retrieval_needs_its_address() {
        let mut node = node("ARCHIVE");
        node.retrieve = RetrieveBy::Move;
        assert_eq!(node.check(), Ok(()));
        let text = toml::to_string(&node).unwrap();
        assert_eq!(toml::from_str::<Node>(&text).unwrap(), node);
        node.retrieve = RetrieveBy::Web;
        assert_eq!(node.check(), Err(NodeError::Retrieve));
    }

    #[test]
    fn a_title_of_seventeen_characters_is_refused_not_cut() {
        assert_eq!(node("ARCHIVE").check(), Ok(()));
        assert_eq!(node("ARCHIVE_OF_RADIOL").check(), Err(NodeError::Title { which: "called" }));
    }
}
