//! The master key in a Secret Service keyring (GNOME Keyring, KWallet, KeePassXC) over D-Bus.
//!
//! The entry has the attributes that the `keyring` crate gives (`service`, `username`), so other
//! programs find it: `secret-tool lookup service medsight username cache-key-1`. The secret is 64
//! hexadecimal digits and crosses the bus encrypted. Nothing but [`unlock`] opens a dialog: whether a
//! keyring is locked is asked before anything that would.

use crate::error::KeyError;
use crate::key::MasterKey;
use secret_service::blocking::{Collection, SecretService};
use secret_service::{EncryptionType, Error};
use std::collections::HashMap;
use std::time::Duration;
use zbus::fdo;
use zeroize::Zeroizing;

/// For one call on the bus, the start of the service by the bus included.
const CALL_PATIENCE: Duration = Duration::from_secs(10);
/// What password programs show.
const LABEL: &str = "MedSight: key of the encrypted image cache";

/// What password programs show for the secret of a server.
const SERVER_LABEL: &str = "MedSight: how this workstation signs in to a server";

/// The key under this name.
pub(super) fn load(service: &str, account: &str, place: &str) -> Result<MasterKey, KeyError> {
    let stored = load_secret(service, account, place)?;
    MasterKey::parse(&stored).ok_or_else(|| KeyError::NotAKey { place: place.to_owned() })
}

/// The bytes under this name.
pub(super) fn load_secret(service: &str, account: &str, place: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let keyring = connect(place)?;
    let failed = |error| key_error(error, place);
    let found = keyring.search_items(attributes(service, account)).map_err(failed)?;
    if !found.locked.is_empty() {
        return Err(KeyError::KeyringLocked);
    }
    match found.unlocked.as_slice() {
        [] => {
            // A locked keyring may hide what it holds: only an open one can say "missing".
            default_collection(&keyring, place)?;
            Err(KeyError::KeyMissing { place: place.to_owned() })
        }
        [item] => item.get_secret().map(Zeroizing::new).map_err(failed),
        several => Err(KeyError::Ambiguous { place: place.to_owned(), count: several.len() }),
    }
}

/// Keeps a new key in the default keyring.
pub(super) fn store(service: &str, account: &str, place: &str, text: &[u8]) -> Result<(), KeyError> {
    let keyring = connect(place)?;
    let collection = default_collection(&keyring, place)?;
    // Not replacing: an entry of this name that came into being meanwhile is somebody's key.
    collection
        .create_item(LABEL, attributes(service, account), text, false, "text/plain")
        .map(drop)
        .map_err(|error| key_error(error, place))
}

/// Keeps the secret of a server in the default keyring, in place of an earlier one.
pub(super) fn replace(service: &str, account: &str, place: &str, text: &[u8]) -> Result<(), KeyError> {
    let keyring = connect(place)?;
    let collection = default_collection(&keyring, place)?;
    collection
        .create_item(SERVER_LABEL, attributes(service, account), text, true, "text/plain")
        .map(drop)
        .map_err(|error| key_error(error, place))
}

/// Takes what is under this name away.
pub(super) fn remove(service: &str, account: &str, place: &str) -> Result<(), KeyError> {
    let keyring = connect(place)?;
    let failed = |error| key_error(error, place);
    let found = keyring.search_items(attributes(service, account)).map_err(failed)?;
    if !found.locked.is_empty() {
        return Err(KeyError::KeyringLocked);
    }
    found.unlocked.iter().try_for_each(|item| item.delete().map_err(failed))
}

/// Lets the service ask for the password of the keyring, or for a first keyring.
pub(super) fn unlock(service: &str, account: &str, place: &str) -> Result<(), KeyError> {
    let keyring = connect(place)?;
    let failed = |error| key_error(error, place);
    let collection = match keyring.get_default_collection() {
        Err(Error::NoResult) => keyring.create_collection("Default keyring", "default").map_err(failed)?,
        other => other.map_err(failed)?,
    };
    if collection.is_locked().map_err(failed)? {
        collection.unlock().map_err(failed)?;
    }
    // The key may be in a keyring other than the default one.
    for item in keyring.search_items(attributes(service, account)).map_err(failed)?.locked {
        item.unlock().map_err(failed)?;
    }
    collection.ensure_unlocked().map_err(failed)
}

fn connect(place: &str) -> Result<SecretService<'static>, KeyError> {
    let bus = zbus::blocking::connection::Builder::session()
        .and_then(|builder| builder.method_timeout(CALL_PATIENCE).build())
        // Without a bus there is no service, whatever the reason.
        .map_err(|_| KeyError::NoKeyringService)?;
    SecretService::connect_with_existing(EncryptionType::Dh, bus).map_err(|error| key_error(error, place))
}

/// The default keyring, if there is one and it is open.
fn default_collection<'a>(keyring: &'a SecretService<'_>, place: &str) -> Result<Collection<'a>, KeyError> {
    let collection = match keyring.get_default_collection() {
        Err(Error::NoResult) => return Err(KeyError::NoDefaultKeyring),
        other => other.map_err(|error| key_error(error, place))?,
    };
    match collection.is_locked() {
        Ok(false) => Ok(collection),
        Ok(true) => Err(KeyError::KeyringLocked),
        Err(error) => Err(key_error(error, place)),
    }
}

fn attributes<'a>(service: &'a str, account: &'a str) -> HashMap<&'static str, &'a str> {
    HashMap::from([("service", service), ("username", account)])
}

fn key_error(error: Error, place: &str) -> KeyError {
    match error {
        Error::Locked | Error::Prompt | Error::PromptDisconnected => KeyError::KeyringLocked,
        Error::Unavailable => KeyError::NoKeyringService,
        Error::Zbus(error) => bus_error(&error, place),
        Error::ZbusFdo(error) => fdo_error(&error, place),
        other => KeyError::KeyringFailed(other.to_string()),
    }
}

fn bus_error(error: &zbus::Error, place: &str) -> KeyError {
    match error {
        zbus::Error::MethodError(name, _, _) => named_error(name.as_str(), place),
        zbus::Error::FDO(error) => fdo_error(error, place),
        zbus::Error::InterfaceNotFound | zbus::Error::Address(_) => KeyError::NoKeyringService,
        zbus::Error::InputOutput(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            KeyError::KeyringSilent { seconds: CALL_PATIENCE.as_secs() }
        }
        zbus::Error::InputOutput(_) | zbus::Error::Connection(..) => KeyError::NoKeyringService,
        // The kind of failure only: texts of other programs may hold anything.
        _ => KeyError::KeyringFailed("the conversation on the session bus broke off".to_owned()),
    }
}

fn fdo_error(error: &fdo::Error, place: &str) -> KeyError {
    match error {
        fdo::Error::ZBus(error) => bus_error(error, place),
        other => named_error(zbus::DBusError::name(other).as_str(), place),
    }
}

/// Error names of the D-Bus specification and of the Secret Service draft (version 0.2, errors).
fn named_error(name: &str, place: &str) -> KeyError {
    match name {
        "org.freedesktop.Secret.Error.IsLocked" => KeyError::KeyringLocked,
        "org.freedesktop.DBus.Error.AccessDenied" | "org.freedesktop.DBus.Error.AuthFailed" => {
            KeyError::Denied { place: place.to_owned() }
        }
        "org.freedesktop.DBus.Error.NoReply"
        | "org.freedesktop.DBus.Error.Timeout"
        | "org.freedesktop.DBus.Error.TimedOut" => {
            KeyError::KeyringSilent { seconds: CALL_PATIENCE.as_secs() }
        }
        "org.freedesktop.DBus.Error.ServiceUnknown"
        | "org.freedesktop.DBus.Error.NameHasNoOwner"
        | "org.freedesktop.DBus.Error.Disconnected"
        | "org.freedesktop.DBus.Error.NoServer" => KeyError::NoKeyringService,
        spawn if spawn.starts_with("org.freedesktop.DBus.Error.Spawn.") => KeyError::NoKeyringService,
        other => KeyError::KeyringFailed(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_bus_are_told_apart() {
        let code = |name: &str| named_error(&format!("org.freedesktop.{name}"), "").code();
        assert_eq!(code("Secret.Error.IsLocked"), "key.keyring-locked");
        assert_eq!(code("DBus.Error.ServiceUnknown"), "key.no-keyring-service");
        assert_eq!(code("DBus.Error.Spawn.ExecFailed"), "key.no-keyring-service");
        assert_eq!(code("DBus.Error.AccessDenied"), "key.denied");
        assert_eq!(code("DBus.Error.NoReply"), "key.keyring-silent");
        assert_eq!(code("DBus.Error.InvalidArgs"), "key.keyring-failed");
        assert_eq!(key_error(Error::Prompt, "").code(), "key.keyring-locked");
    }
}
