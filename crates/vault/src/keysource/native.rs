//! The master key in Credential Manager (Windows) or the Keychain (macOS), through `keyring`.
//! Not here: Linux, see `secret_service.rs`.

use crate::error::KeyError;
use crate::key::MasterKey;
use keyring::{Entry, Error};
use zeroize::Zeroizing;

/// The key under this name.
pub(super) fn load(service: &str, account: &str, place: &str) -> Result<MasterKey, KeyError> {
    let stored = load_secret(service, account, place)?;
    MasterKey::parse(&stored).ok_or_else(|| KeyError::NotAKey { place: place.to_owned() })
}

/// The bytes under this name.
pub(super) fn load_secret(service: &str, account: &str, place: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let stored = entry(service, account, place)?.get_secret();
    stored.map(Zeroizing::new).map_err(|error| key_error(error, place))
}

/// Keeps the secret of a server, in place of an earlier one.
pub(super) fn replace(service: &str, account: &str, place: &str, text: &[u8]) -> Result<(), KeyError> {
    store(service, account, place, text)
}

/// Takes what is under this name away.
pub(super) fn remove(service: &str, account: &str, place: &str) -> Result<(), KeyError> {
    match entry(service, account, place)?.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(key_error(error, place)),
    }
}

/// Keeps a new key.
pub(super) fn store(service: &str, account: &str, place: &str, text: &[u8]) -> Result<(), KeyError> {
    entry(service, account, place)?.set_secret(text).map_err(|error| key_error(error, place))
}

/// The system itself asks when an entry is read; reading is all there is to do.
pub(super) fn unlock(service: &str, account: &str, place: &str) -> Result<(), KeyError> {
    match load(service, account, place) {
        Ok(_) | Err(KeyError::KeyMissing { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn entry(service: &str, account: &str, place: &str) -> Result<Entry, KeyError> {
    Entry::new(service, account).map_err(|error| key_error(error, place))
}

fn key_error(error: Error, place: &str) -> KeyError {
    match error {
        Error::NoEntry => KeyError::KeyMissing { place: place.to_owned() },
        Error::NoDefaultStore => KeyError::NoKeyringService,
        // Both systems report a locked store and a refused one alike.
        Error::NoStorageAccess(_) => KeyError::KeyringLocked,
        Error::Ambiguous(entries) => KeyError::Ambiguous { place: place.to_owned(), count: entries.len() },
        Error::BadEncoding(_) | Error::BadDataFormat(..) => KeyError::NotAKey { place: place.to_owned() },
        Error::PlatformFailure(cause) => KeyError::KeyringFailed(cause.to_string()),
        _ => KeyError::KeyringFailed("it does not take such an entry".to_owned()),
    }
}
