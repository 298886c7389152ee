//! How this workstation shows a FHIR server who it is, as the settings keep it: never a secret.

use crate::identity::Provider;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How this workstation shows a FHIR server who it is. Secrets are in the keyring of the operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum Access {
    /// Not at all, or by the certificate of the connection.
    #[default]
    None,
    /// By a bearer token that does not change (RFC 6750).
    Bearer,
    /// By name and password (RFC 7617).
    Basic {
        /// The name.
        user: String,
    },
    /// By short-lived tokens that an OpenID provider gives to this workstation itself.
    Client(ClientAccess),
}

/// This workstation as a client with a secret of its own at an OpenID provider (OAuth 2.0 client credentials, RFC 6749 4.4):
/// what waits is sent also while nobody is signed in. The secret is in the keyring under issuer and `client_id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAccess {
    /// As the provider names itself, to the letter. Without TLS only on this computer.
    pub issuer: String,
    /// This workstation's name there.
    pub client_id: String,
    /// What is asked for, divided by spaces: `system/*.cruds`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scopes: String,
    /// For whom the tokens are (RFC 8707), where the provider asks for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// PEM file of the authorities of the provider's TLS certificate; without one those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
}

impl Access {
    /// Nothing is shown.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Under which address and name the keyring has the secret for the server at `url`; `None` where there is none.
    #[must_use]
    pub fn secret_of<'a>(&'a self, url: &'a str) -> Option<(&'a str, &'a str)> {
        match self {
            Self::None => None,
            Self::Bearer => Some((url, "")),
            Self::Basic { user } => Some((url, user)),
            Self::Client(client) => Some((&client.issuer, &client.client_id)),
        }
    }
}

impl ClientAccess {
    /// The provider that gives the tokens.
    #[must_use]
    pub fn provider(&self) -> Provider {
        Provider { authorities: self.authorities.clone(), ..Provider::new(&self.issuer, &self.client_id) }
    }
}
