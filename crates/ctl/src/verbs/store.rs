//! What every verb on a cache needs: which folder, which key, who, and what an error is in exit codes.

use crate::output::{Exit, Output};
use medsight_base::Timestamp;
use medsight_cache::{Cache, CacheError};
use medsight_record::Refusal;
use medsight_vault::{KeyError, KeySource};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Which cache.
#[derive(clap::Args)]
pub(crate) struct Store {
    /// Folder of the cache. Without it: medsight/cache in the folder for your data.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Where the key is: keyring, keyring:SERVICE/ACCOUNT, file:PATH (mode 600) or credential:NAME (systemd).
    /// Without it: as it was chosen when the cache was made, else the keyring.
    #[arg(long, value_name = "SOURCE", env = "MEDSIGHT_KEY")]
    pub(crate) key: Option<String>,
}

impl Store {
    pub(crate) fn folder(&self) -> Result<PathBuf, CacheError> {
        let named = self.cache.clone().or_else(medsight_cache::default_folder);
        named.ok_or_else(|| {
            CacheError::NoCache(PathBuf::from("(no folder for your data is known; use --cache)"))
        })
    }

    pub(crate) fn key_source(&self) -> Result<KeySource, CacheError> {
        match &self.key {
            Some(text) => Ok(parse_source(text)?),
            None => medsight_cache::key_source(&self.folder()?),
        }
    }

    /// As the owner; makes the cache on the first run.
    pub(crate) fn open_or_create(&self) -> Result<Cache, CacheError> {
        named(Cache::open_with(&self.folder()?, &self.key_source()?))
    }

    /// As the owner.
    pub(crate) fn open(&self) -> Result<Cache, CacheError> {
        let folder = self.folder()?;
        if !Cache::exists(&folder) {
            return Err(CacheError::NoCache(folder));
        }
        named(Cache::open_with(&folder, &self.key_source()?))
    }

    /// As the owner when nobody else is, else for reading.
    pub(crate) fn open_for_reading(&self) -> Result<Cache, CacheError> {
        match self.open() {
            Err(CacheError::InUse) => Cache::open_read_only(&self.folder()?, &self.key_source()?.load()?),
            other => other,
        }
    }
}

/// Events of the audit trail say which program they are of.
fn named(cache: Result<Cache, CacheError>) -> Result<Cache, CacheError> {
    if let Ok(cache) = &cache {
        cache.set_program(concat!("medsightctl ", env!("CARGO_PKG_VERSION")));
    }
    cache
}

/// A key source as it is written here; the library's longer forms are understood too.
pub(crate) fn parse_source(text: &str) -> Result<KeySource, KeyError> {
    match text.split_once(':') {
        Some(("file" | "key-file", path)) => {
            let path = std::path::absolute(path).map_err(|_| KeyError::BadSource)?;
            format!("key-file:{}", path.display()).parse()
        }
        Some(("credential", name)) => format!("systemd-credential:{name}").parse(),
        _ => text.parse(),
    }
}

/// The account that runs the program, for the audit trail.
pub(crate) fn who() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "medsightctl".to_owned())
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// Tells an error: `{"error": {code, reason}}`, or a line for people.
pub(crate) fn fail(error: &CacheError, out: &Output) -> Exit {
    out.refused(&Refusal::new(error.code(), error.to_string()));
    exit_of(error)
}

pub(crate) fn exit_of(error: &CacheError) -> Exit {
    match error {
        CacheError::NotFound(_) | CacheError::NoCache(_) | CacheError::PixelsElsewhere => Exit::NotFound,
        // What was written on the command line is no key source: nothing was looked for.
        CacheError::Key(KeyError::BadSource) => Exit::Usage,
        // Another program has it: nothing was done.
        CacheError::InUse => Exit::Locked,
        CacheError::Export { .. } => Exit::NotPermitted,
        _ if error.is_locked() => Exit::Locked,
        _ if error.is_damage() => Exit::Damaged,
        _ => Exit::Partly,
    }
}

/// The text that a document prints for a path.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
