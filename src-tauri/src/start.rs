//! Opening the cache at the start, and what kind of trouble each failure is to a person.

use crate::args::Args;
use crate::dto::{KeySourceInfo, Trouble, TroubleKind};
use crate::problem::{Fault, Problem};
use medsight_cache::{Cache, CacheError};
use medsight_vault::{KeyError, KeySource};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a person has to answer the keyring's own window.
const UNLOCK_PATIENCE: Duration = Duration::from_secs(120);
/// How long a program that ends may still have the cache.
const ENDING: Duration = Duration::from_secs(1);

/// Where the cache is and where its key is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) source: KeySource,
}

impl Place {
    /// From the command line, else from what the cache itself says, else the defaults.
    pub(crate) fn find(args: &Args) -> Result<Self, Trouble> {
        let Some(folder) = args.cache.clone().or_else(medsight_cache::default_folder) else {
            let problem = Fault::NoDataFolder.into();
            return Err(Trouble { kind: TroubleKind::Denied, problem, cache_folder: String::new() });
        };
        let source = match &args.key {
            Some(source) => Ok(source.clone()),
            None => medsight_cache::key_source(&folder),
        };
        match source {
            Ok(source) => Ok(Self { folder, source }),
            Err(error) => {
                let cache_folder = folder.display().to_string();
                Err(Trouble { kind: kind(&error), problem: error.into(), cache_folder })
            }
        }
    }

    /// What the settings page says about the key.
    pub(crate) fn key_source_info(&self) -> KeySourceInfo {
        let (kind, name) = match &self.source {
            KeySource::Keyring { .. } => ("keyring", String::new()),
            KeySource::KeyFile(path) => ("file", path.display().to_string()),
            KeySource::SystemdCredential(name) => ("credential", name.clone()),
        };
        KeySourceInfo { kind: kind.to_owned(), name }
    }

    /// Opens the cache; with `ask`, lets the keyring open its own dialog first. True when the cache is new.
    pub(crate) fn open(&self, ask: bool) -> Result<(Cache, bool), CacheError> {
        let first_run = !Cache::exists(&self.folder);
        if ask {
            self.source.unlock(UNLOCK_PATIENCE)?;
        }
        let begun = Instant::now();
        loop {
            match Cache::open_with(&self.folder, &self.source) {
                // A program that is just ending lets go of it in a moment; another one does not.
                Err(CacheError::InUse) if begun.elapsed() < ENDING => std::thread::sleep(ENDING / 20),
                opened => return Ok((opened?, first_run)),
            }
        }
    }

    /// The screen for a failure.
    pub(crate) fn trouble(&self, error: &CacheError) -> Trouble {
        let problem = Problem::from(error).about_key(&self.source);
        Trouble { kind: kind(error), problem, cache_folder: self.folder.display().to_string() }
    }
}

fn kind(error: &CacheError) -> TroubleKind {
    match error {
        CacheError::Key(key) => match key {
            KeyError::KeyringLocked => TroubleKind::KeyringLocked,
            KeyError::NoKeyringService => TroubleKind::NoKeyring,
            KeyError::NoDefaultKeyring | KeyError::KeyringSilent { .. } => TroubleKind::KeyringWaiting,
            KeyError::KeyMissing { .. } => TroubleKind::KeyMissing,
            KeyError::NotAKey { .. }
            | KeyError::Ambiguous { .. }
            | KeyError::BadKeyFile { .. }
            | KeyError::NoCredential { .. }
            | KeyError::BadSource => TroubleKind::BadKeySource,
            KeyError::Denied { .. } => TroubleKind::KeyringLocked,
            _ => TroubleKind::Other,
        },
        CacheError::WrongKey => TroubleKind::WrongKey,
        CacheError::DiskFull => TroubleKind::DiskFull,
        CacheError::Newer { .. } => TroubleKind::NewerSchema,
        CacheError::InUse => TroubleKind::InUse,
        CacheError::Damaged(_) => TroubleKind::Damaged,
        CacheError::Io(_) | CacheError::ReadOnly => TroubleKind::Denied,
        _ => TroubleKind::Other,
    }
}

/// Whether trying again should let the keyring open its dialog: only a person who pressed the button gets it.
pub(crate) fn dialog_helps(kind: TroubleKind) -> bool {
    matches!(kind, TroubleKind::KeyringLocked | TroubleKind::KeyringWaiting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_has_the_screen_that_says_what_to_do() {
        let place = || "the keyring".to_owned();
        let cases = [
            (CacheError::Key(KeyError::KeyringLocked), TroubleKind::KeyringLocked),
            (CacheError::Key(KeyError::NoKeyringService), TroubleKind::NoKeyring),
            (CacheError::Key(KeyError::KeyMissing { place: place() }), TroubleKind::KeyMissing),
            (CacheError::WrongKey, TroubleKind::WrongKey),
            (CacheError::DiskFull, TroubleKind::DiskFull),
            (CacheError::Newer { found: 9, known: 1 }, TroubleKind::NewerSchema),
            (CacheError::InUse, TroubleKind::InUse),
        ];
        for (error, expected) in cases {
            assert_eq!(kind(&error), expected, "{error}");
        }
    }
}
