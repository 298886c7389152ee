//! Where the master key is kept: the keyring of the operating system, or, where somebody chose so in
//! writing, a key file or a systemd credential. There is no fallback from one to another, ever.
//!
//! Loading never opens a dialog; [`KeySource::unlock`] may, and only when asked.

mod file;
#[cfg(all(unix, not(target_os = "macos")))]
#[path = "keysource/secret_service.rs"]
mod keyring_service;
#[cfg(any(windows, target_os = "macos"))]
#[path = "keysource/native.rs"]
mod keyring_service;

mod secret;

use crate::error::{KeyError, KeyFileFault};
use crate::key::MasterKey;
pub use secret::{ServerSecret, SignInSecret};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Service name of the entry in the keyring, unless the settings name another.
const DEFAULT_SERVICE: &str = "medsight";
/// Account name of the entry in the keyring, unless the settings name another.
const DEFAULT_ACCOUNT: &str = "cache-key-1";
/// A service that is being started by the session may need some seconds; more means that it hangs.
const KEYRING_PATIENCE: Duration = Duration::from_secs(20);

/// Where the master key is kept. Text form: `keyring`, `keyring:SERVICE/ACCOUNT`,
/// `file:/absolute/path`, `credential:NAME`; `key-file:` and `systemd-credential:` are read too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Secret Service (Linux), Credential Manager (Windows), Keychain (macOS).
    Keyring {
        /// Attribute `service` of the entry.
        service: String,
        /// Attribute `username` of the entry.
        account: String,
    },
    /// A plain file with mode 600 that belongs to the user: 32 raw bytes or 64 hexadecimal digits.
    KeyFile(PathBuf),
    /// A file of this name in `$CREDENTIALS_DIRECTORY`, put there by systemd.
    SystemdCredential(String),
}

impl Default for KeySource {
    fn default() -> Self {
        Self::Keyring { service: DEFAULT_SERVICE.to_owned(), account: DEFAULT_ACCOUNT.to_owned() }
    }
}

impl KeySource {
    /// The key, from this source and no other. Opens no dialog, and returns within 20 seconds even
    /// when a keyring service hangs. Do not call it on the thread that draws.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::KeyMissing`] when the source works and holds no key.
    pub fn load(&self) -> Result<MasterKey, KeyError> {
        match self {
            Self::Keyring { .. } => self.ask_keyring(KEYRING_PATIENCE, |service, account, place| {
                keyring_service::load(&service, &account, &place)
            }),
            Self::KeyFile(path) => file::load(path, &self.place()),
            Self::SystemdCredential(name) => {
                file::load_credential(name, std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from))
            }
        }
    }

    /// The key; on the very first run, when no cache exists yet, a new one that is then in the source.
    /// With a cache on disk a missing key is an error: a new key would only hide the loss.
    ///
    /// # Errors
    /// [`KeyError`]. A systemd credential is never made here: the administrator makes it.
    pub fn create_if_first_run(&self, cache_exists: bool) -> Result<MasterKey, KeyError> {
        match self.load() {
            Err(KeyError::KeyMissing { .. }) if !cache_exists => self.create(),
            other => other,
        }
    }

    /// Lets the keyring service open its own dialog, to unlock the keyring or to make the first one.
    /// Returns when the user is done, or after `patience`. Nothing to do for other sources.
    ///
    /// # Errors
    /// [`KeyError::KeyringLocked`] when the user declined; others as [`KeySource::load`].
    pub fn unlock(&self, patience: Duration) -> Result<(), KeyError> {
        match self {
            Self::Keyring { .. } => self.ask_keyring(patience, |service, account, place| {
                keyring_service::unlock(&service, &account, &place)
            }),
            Self::KeyFile(_) | Self::SystemdCredential(_) => Ok(()),
        }
    }

    /// The source in words, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Keyring { service, account } => {
                format!("the keyring (service {service}, account {account})")
            }
            Self::KeyFile(path) => format!("the key file {}", path.display()),
            Self::SystemdCredential(name) => format!("the systemd credential {name}"),
        }
    }

    fn create(&self) -> Result<MasterKey, KeyError> {
        let key = MasterKey::random().ok_or(KeyError::NoRandomness)?;
        match self {
            Self::Keyring { .. } => {
                let text = key.to_hex();
                self.ask_keyring(KEYRING_PATIENCE, move |service, account, place| {
                    keyring_service::store(&service, &account, &place, text.as_bytes())
                })?;
            }
            Self::KeyFile(path) => file::create(path, &key)?,
            Self::SystemdCredential(name) => return Err(KeyError::NoCredential { name: name.clone() }),
        }
        // What cannot be read back now would be lost with everything encrypted under it.
        let kept = self.load()?;
        if kept.fingerprint() == key.fingerprint() {
            Ok(kept)
        } else {
            Err(KeyError::NotAKey { place: self.place() })
        }
    }

    /// Runs a keyring call on a thread of its own: it may block without limit, and must not run inside
    /// an async runtime. A thread that is given up on ends with its call.
    fn ask_keyring<T: Send + 'static>(
        &self,
        patience: Duration,
        call: impl FnOnce(String, String, String) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let Self::Keyring { service, account } = self else { return Err(KeyError::BadSource) };
        let (service, account, place) = (service.clone(), account.clone(), self.place());
        let (answer, answered) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || {
                // Nobody listens any more after the time is up.
                let _ = answer.send(call(service, account, place));
            })
            .map_err(|error| KeyError::KeyringFailed(error.to_string()))?;
        match answered.recv_timeout(patience) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(KeyError::KeyringSilent { seconds: patience.as_secs() })
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err(KeyError::KeyringFailed("its client stopped unexpectedly".to_owned()))
            }
        }
    }
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Keyring { .. } if *self == Self::default() => f.write_str("keyring"),
            Self::Keyring { service, account } => write!(f, "keyring:{service}/{account}"),
            Self::KeyFile(path) => write!(f, "file:{}", path.display()),
            Self::SystemdCredential(name) => write!(f, "credential:{name}"),
        }
    }
}

impl std::str::FromStr for KeySource {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text == "keyring" {
            return Ok(Self::default());
        }
        match text.split_once(':') {
            Some(("keyring", entry)) => match entry.split_once('/') {
                Some((service, account)) if !service.is_empty() && !account.is_empty() => {
                    Ok(Self::Keyring { service: service.to_owned(), account: account.to_owned() })
                }
                _ => Err(KeyError::BadSource),
            },
            Some(("file" | "key-file", path)) if Path::new(path).is_absolute() => {
                Ok(Self::KeyFile(path.into()))
            }
            Some(("file" | "key-file", path)) => {
                Err(KeyError::BadKeyFile { path: path.into(), fault: KeyFileFault::Relative })
            }
            Some(("credential" | "systemd-credential", name)) if file::is_credential_name(name) => {
                Ok(Self::SystemdCredential(name.to_owned()))
            }
            _ => Err(KeyError::BadSource),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_survives_its_text_form() {
        for text in ["keyring", "keyring:clinic/desk-4", "file:/etc/medsight/key", "credential:cache"] {
            assert_eq!(text.parse::<KeySource>().unwrap().to_string(), text);
        }
        for text in
            ["", "file", "keyring:", "keyring:a", "systemd-credential:../x", "systemd-credential:", "none"]
        {
            assert_eq!(text.parse::<KeySource>().unwrap_err().code(), "key.bad-source", "{text}");
        }
        assert_eq!("key-file:key".parse::<KeySource>().unwrap_err().code(), "key.bad-key-file");
    }

    #[test]
    fn a_service_that_hangs_is_given_up_on() {
        let source = KeySource::default();
        let begin = std::time::Instant::now();
        let answer = source.ask_keyring(Duration::from_millis(50), |_, _, _| {
            thread::sleep(Duration::from_secs(3));
            Ok(())
        });
        assert_eq!(answer.unwrap_err().code(), "key.keyring-silent");
        assert!(begin.elapsed() < Duration::from_secs(2));
    }
}
