//! What can go wrong with keys and encrypted files. Every message says what happened and what to do;
//! `code()` is the stable name that translations and programs use. No patient data, no key material.

use std::io;
use std::path::PathBuf;

/// Why the master key could not be had. Nothing on disk is changed when one of these is returned.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No keyring service answers on this machine or in this session.
    #[error(
        "No keyring service is running in this session. Install or start one (for example GNOME Keyring \
         or KWallet) and sign in again, or have an administrator choose a key file or a systemd credential."
    )]
    NoKeyringService,
    /// The service runs but has no keyring to put a key in.
    #[error(
        "The keyring service has no default keyring yet. Create one with your desktop's password program, \
         or let MedSight ask for it, then try again."
    )]
    NoDefaultKeyring,
    /// The keyring is locked. No dialog was opened.
    #[error("The keyring is locked. Unlock it with your sign-in password, then try again.")]
    KeyringLocked,
    /// The service took the request and did not answer.
    #[error(
        "The keyring service did not answer within {seconds} seconds. It may be waiting for a password \
         in another window; answer that, or restart the service, then try again."
    )]
    KeyringSilent {
        /// How long was waited.
        seconds: u64,
    },
    /// An encrypted cache exists, or a key was asked for, and its key is not in the source.
    #[error(
        "The key of the encrypted cache is not in {place}. Restore it from a backup. Without this key the \
         cache cannot be read; nothing in it has been changed, and no new key has been made."
    )]
    KeyMissing {
        /// The key source, in words.
        place: String,
    },
    /// Somebody or some policy said no.
    #[error("Access to {place} was refused. Allow MedSight to use it, or ask your administrator.")]
    Denied {
        /// The key source, in words.
        place: String,
    },
    /// There is an entry, but it is no key.
    #[error(
        "What is kept in {place} is not a MedSight key (64 hexadecimal digits, or 32 bytes in a file). \
         Restore the entry from a backup; it has not been changed."
    )]
    NotAKey {
        /// The key source, in words.
        place: String,
    },
    /// More than one entry has the name of the key; taking one of them would be a guess.
    #[error("{place} holds {count} keys of the same name. Remove the one that is not in use.")]
    Ambiguous {
        /// The key source, in words.
        place: String,
        /// How many were found.
        count: usize,
    },
    /// The key file is not as it must be.
    #[error("The key file {} {fault}", path.display())]
    BadKeyFile {
        /// The file that was named in the settings.
        path: PathBuf,
        /// What is wrong with it.
        fault: KeyFileFault,
    },
    /// The service manager passed no such credential.
    #[error(
        "The service manager passed no credential named {name}. Add LoadCredentialEncrypted={name}:… to the \
         unit (see systemd-creds) and start the service again."
    )]
    NoCredential {
        /// The name from the settings.
        name: String,
    },
    /// The settings name no usable source.
    #[error("The key source is not understood. Write keyring, file:/absolute/path or credential:name.")]
    BadSource,
    /// The operating system's random generator failed.
    #[error("The operating system gives no random numbers, so no key can be made. Restart the machine.")]
    NoRandomness,
    /// Anything else the keyring said.
    #[error("The keyring failed: {0}. Restart it, or sign out and in again.")]
    KeyringFailed(String),
}

impl KeyError {
    /// Stable name of the variant.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoKeyringService => "key.no-keyring-service",
            Self::NoDefaultKeyring => "key.no-default-keyring",
            Self::KeyringLocked => "key.keyring-locked",
            Self::KeyringSilent { .. } => "key.keyring-silent",
            Self::KeyMissing { .. } => "key.missing",
            Self::Denied { .. } => "key.denied",
            Self::NotAKey { .. } => "key.not-a-key",
            Self::Ambiguous { .. } => "key.ambiguous",
            Self::BadKeyFile { .. } => "key.bad-key-file",
            Self::NoCredential { .. } => "key.no-credential",
            Self::BadSource => "key.bad-source",
            Self::NoRandomness => "key.no-randomness",
            Self::KeyringFailed(_) => "key.keyring-failed",
        }
    }

    /// What a translation of the message fills in, by name. Where the key is kept (`place`) is not among them:
    /// it is words itself, and whoever asked for the key knows its source.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::KeyringSilent { seconds } => vec![("seconds", seconds.to_string())],
            Self::Ambiguous { count, .. } => vec![("count", count.to_string())],
            Self::BadKeyFile { path, .. } => vec![("path", path.display().to_string())],
            Self::NoCredential { name } => vec![("name", name.clone())],
            _ => Vec::new(),
        }
    }
}

/// What is wrong with a key file. Reads on from "The key file PATH …".
#[derive(Debug, thiserror::Error)]
pub enum KeyFileFault {
    /// Others may read or write it.
    #[error("has mode {mode:03o}. It must be readable by its owner only: chmod 600.")]
    Mode {
        /// Permission bits as found.
        mode: u32,
    },
    /// Another user owns it, and could change it.
    #[error("belongs to another user. It must belong to the user who runs MedSight.")]
    Owner,
    /// A symbolic link, a folder, a device.
    #[error("is not a plain file. Name the file itself, not a link to it.")]
    NotAFile,
    /// Neither 32 bytes nor 64 digits.
    #[error("does not hold a key: 32 raw bytes or 64 hexadecimal digits. Restore it from a backup.")]
    Content,
    /// Not an absolute path.
    #[error("is not named by an absolute path.")]
    Relative,
    /// File permissions cannot be checked on this operating system.
    #[error("cannot be used on this operating system; use the keyring.")]
    Unsupported,
    /// The operating system refused.
    #[error("cannot be used: {0}")]
    Io(#[source] io::Error),
}

impl KeyFileFault {
    /// Stable name of the variant, for translations.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Mode { .. } => "mode",
            Self::Owner => "owner",
            Self::NotAFile => "not_a_file",
            Self::Content => "content",
            Self::Relative => "relative",
            Self::Unsupported => "unsupported",
            Self::Io(_) => "io",
        }
    }
}

/// Why an encrypted file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such file.
    #[error("An encrypted file is missing. Restore it from a backup or import the images again.")]
    Missing,
    /// The file was not written by this program.
    #[error("This is not an encrypted file of MedSight, or its first bytes are damaged.")]
    NotABlob,
    /// Written by a newer MedSight.
    #[error(
        "This encrypted file has format {found}; this MedSight knows format {known}. Install the newer one."
    )]
    Newer {
        /// Format in the file.
        found: u8,
        /// Newest format known here.
        known: u8,
    },
    /// Intact, but another key belongs to it.
    #[error("This encrypted file belongs to another key. Nothing was changed.")]
    WrongKey,
    /// Changed, cut short, or put together from parts since it was written.
    #[error("An encrypted file is damaged in part {part}. Import the images again or restore the file.")]
    Damaged {
        /// Index of the chunk, from 0.
        part: u64,
    },
    /// The caller asked for bytes the file does not have.
    #[error("Bytes {start} to {end} were asked for of an encrypted file that holds {length}.")]
    OutOfRange {
        /// First byte asked for.
        start: u64,
        /// Byte after the last one.
        end: u64,
        /// Plaintext length.
        length: u64,
    },
    /// No room.
    #[error("The disk is full. Free some space and try again; nothing was lost.")]
    DiskFull,
    /// The store was opened for reading only.
    #[error("This part of the program may only read the image store.")]
    ReadOnly,
    /// The operating system's random generator failed.
    #[error("The operating system gives no random numbers, so nothing can be encrypted.")]
    NoRandomness,
    /// Anything else from the operating system.
    #[error("The image store cannot be used: {0}")]
    Io(#[source] io::Error),
}

impl BlobError {
    /// Stable name of the variant.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "blob.missing",
            Self::NotABlob => "blob.not-a-blob",
            Self::Newer { .. } => "blob.newer",
            Self::WrongKey => "blob.wrong-key",
            Self::Damaged { .. } => "blob.damaged",
            Self::OutOfRange { .. } => "blob.out-of-range",
            Self::DiskFull => "blob.disk-full",
            Self::ReadOnly => "blob.read-only",
            Self::NoRandomness => "blob.no-randomness",
            Self::Io(_) => "blob.io",
        }
    }

    /// What a translation of the message fills in, by name.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Newer { found, known } => vec![("found", found.to_string()), ("known", known.to_string())],
            Self::Damaged { part } => vec![("part", part.to_string())],
            _ => Vec::new(),
        }
    }
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            // One of ours that went through `Read`, `Write` or `Seek` comes back as itself.
            _ => match error.downcast::<Self>() {
                Ok(ours) => ours,
                Err(other) => Self::Io(other),
            },
        }
    }
}

impl From<BlobError> for io::Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Io(inner) => inner,
            BlobError::Damaged { .. } | BlobError::NotABlob => Self::new(io::ErrorKind::InvalidData, error),
            BlobError::OutOfRange { .. } => Self::new(io::ErrorKind::UnexpectedEof, error),
            other => Self::other(other),
        }
    }
}
