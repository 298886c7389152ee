//! The folder of a cache, its description file and its lock. Not here: what is inside the database.

use crate::CacheError;
use medsight_vault::{KeySource, MasterKey};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Layout of the folder. Raised only when an older program could do harm.
const FORMAT: u32 = 1;

/// What `cache.json` says. Nothing secret: the fingerprint tells nothing about the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    /// [`FORMAT`] of the program that made the folder.
    pub(crate) format: u32,
    /// Name of the cache: random, for messages and key entries.
    pub(crate) id: uuid::Uuid,
    /// Where the master key is kept, in the text form of [`KeySource`]; absent when a program brought the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_source: Option<String>,
    /// Where the new master key is kept, while the key is being changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_key_source: Option<String>,
    /// Fingerprints of the keys that may open the records: one, or two while the key is being changed.
    pub(crate) key_fingerprints: Vec<String>,
}

impl Description {
    pub(crate) fn new(master: &MasterKey) -> Self {
        Self {
            format: FORMAT,
            id: uuid::Uuid::new_v4(),
            key_source: None,
            next_key_source: None,
            key_fingerprints: vec![fingerprint(master)],
        }
    }

    /// `None` when there is no description.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, CacheError> {
        let text = match std::fs::read(folder.join("cache.json")) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let description: Self = serde_json::from_slice(&text)
            .map_err(|_| CacheError::Damaged("cache.json is not readable".to_owned()))?;
        if description.format > FORMAT {
            return Err(CacheError::Newer { found: description.format.into(), known: FORMAT.into() });
        }
        Ok(Some(description))
    }

    /// Replaces the file in one step.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), CacheError> {
        let part = folder.join("cache.json.part");
        let mut file = private_file(&part)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        drop(file);
        std::fs::rename(&part, folder.join("cache.json"))?;
        sync_folder(folder)
    }

    pub(crate) fn knows(&self, master: &MasterKey) -> bool {
        self.key_fingerprints.contains(&fingerprint(master))
    }
}

pub(crate) fn fingerprint(master: &MasterKey) -> String {
    master.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the key of the cache in `folder` is kept: as it was chosen when the cache was made, else the keyring.
///
/// # Errors
/// [`CacheError`] when the description or what it says is not understood.
pub fn key_source(folder: &Path) -> Result<KeySource, CacheError> {
    match Description::read(folder)?.and_then(|description| description.key_source) {
        Some(text) => Ok(text.parse()?),
        None => Ok(KeySource::default()),
    }
}

/// The folder that is used when none is named: `medsight/cache` under the platform's place for data.
#[must_use]
pub fn default_folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("medsight").join("cache"))
}

/// The policy that the site has put on this machine, for all who use it.
#[must_use]
pub fn site_policy_file() -> Option<PathBuf> {
    if cfg!(windows) {
        std::env::var_os("ProgramData").map(|data| PathBuf::from(data).join("MedSight").join("policy.toml"))
    } else {
        Some(PathBuf::from("/etc/medsight/policy.toml"))
    }
}

/// How often a lock that is held is asked for again, and how long is waited between.
const LOCK_TRIES: usize = 15;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Takes the lock that only one process may hold. It is released when the file is closed, also by a crash.
///
/// A program that this one has just started holds a copy of every open file until it begins to run: a lock that was given
/// back a moment ago may still be held by it, and is waited for a little.
pub(crate) fn lock(folder: &Path) -> Result<File, CacheError> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("cache.lock"))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    Err(CacheError::InUse)
}

pub(crate) fn create(folder: &Path) -> Result<(), CacheError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    Ok(builder.create(folder)?)
}

/// An empty file that only its owner may read.
pub(crate) fn private_file(path: &Path) -> Result<File, CacheError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(options.open(path)?)
}

/// Makes names in a folder survive a power cut. NTFS journals names by itself.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), CacheError> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
