//! How this workstation signs in to a server: a token or a password, in the keyring of the operating system and
//! nowhere else. Without a keyring there is none. Not here: what it is used for.

use super::{DEFAULT_SERVICE, KEYRING_PATIENCE, KeySource, keyring_service};
use crate::error::KeyError;
use zeroize::Zeroizing;

/// The name of a secret: the server's address and the name that is used there. Another address has another secret,
/// so that a token never goes to a server that it was not entered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSecret {
    source: KeySource,
}

impl ServerSecret {
    /// For this address and name; the name is empty for a token.
    #[must_use]
    pub fn of(url: &str, user: &str) -> Self {
        let account = format!("server {user}@{}", url.trim_end_matches('/'));
        Self { source: KeySource::Keyring { service: DEFAULT_SERVICE.to_owned(), account } }
    }

    /// The secret; `None` when the keyring works and has none. Opens no dialog, and returns within 20 seconds. Not
    /// for the thread that draws.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn load(&self) -> Result<Option<Zeroizing<String>>, KeyError> {
        let stored = self.source.ask_keyring(KEYRING_PATIENCE, |service, account, place| {
            keyring_service::load_secret(&service, &account, &place)
        });
        match stored {
            Ok(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
                Err(_) => Err(KeyError::KeyringFailed("its entry for a server is not text".to_owned())),
            },
            Err(KeyError::KeyMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps the secret, in place of an earlier one.
    ///
    /// # Errors
    /// [`KeyError`]; then it is kept nowhere.
    pub fn keep(&self, secret: Zeroizing<String>) -> Result<(), KeyError> {
        self.source.ask_keyring(KEYRING_PATIENCE, move |service, account, place| {
            keyring_service::replace(&service, &account, &place, secret.as_bytes())
        })
    }

    /// Takes it out of the keyring, if it is there.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn forget(&self) -> Result<(), KeyError> {
        self.source.ask_keyring(KEYRING_PATIENCE, |service, account, place| {
            keyring_service::remove(&service, &account, &place)
        })
    }
}

/// The name of a person's sign-in with an identity provider: what is kept is the refresh token, and nothing else is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInSecret(ServerSecret);

impl SignInSecret {
    /// For the person of this subject, at this issuer and as this client. Each part is told apart from the others.
    #[must_use]
    pub fn of(issuer: &str, client_id: &str, subject: &str) -> Self {
        let lengths = [issuer.len(), client_id.len()];
        let account = format!("sign-in {}-{} {issuer} {client_id} {subject}", lengths[0], lengths[1]);
        let source = KeySource::Keyring { service: DEFAULT_SERVICE.to_owned(), account };
        Self(ServerSecret { source })
    }

    /// As [`ServerSecret::load`].
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn load(&self) -> Result<Option<Zeroizing<String>>, KeyError> {
        self.0.load()
    }

    /// As [`ServerSecret::keep`].
    ///
    /// # Errors
    /// [`KeyError`]; then it is kept nowhere.
    pub fn keep(&self, token: Zeroizing<String>) -> Result<(), KeyError> {
        self.0.keep(token)
    }

    /// As [`ServerSecret::forget`].
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn forget(&self) -> Result<(), KeyError> {
        self.0.forget()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_that_of_one_address_and_name() {
        let here = ServerSecret::of("https://pacs/dicom-web", "");
        assert_eq!(ServerSecret::of("https://pacs/dicom-web/", ""), here);
        assert_ne!(ServerSecret::of("https://pacs/dicom-web", "rita"), here);
        assert_ne!(ServerSecret::of("https://other/dicom-web", ""), here);
    }

    #[test]
    fn a_refresh_token_is_that_of_one_person_at_one_provider() {
        let rita = SignInSecret::of("https://id", "w", "rita");
        for other in [("https://id", "w", "nora"), ("https://id2", "w", "rita"), ("https://id", "w rita", "")]
        {
            assert_ne!(SignInSecret::of(other.0, other.1, other.2), rita);
        }
    }
}
