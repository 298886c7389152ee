//! `cache check`, `cache rekey`, `cache gc`: care of the encrypted cache.

use super::store::{Store, fail, now, parse_source, who};
use crate::output::{Exit, Output};
use medsight_cache::{CacheError, Damage, GcReport};
use medsight_record::Refusal;
use medsight_vault::{KeyError, KeySource};
use serde::Serialize;

/// Care of the encrypted cache.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Check that everything the records say is there is there, whole.
    Check {
        /// Also read and compare every byte.
        #[arg(long)]
        read_data: bool,
        #[command(flatten)]
        store: Store,
    },
    /// Give the cache a new master key.
    Rekey {
        /// Where the new key is kept from now on; made there if there is none. Without it: the next account of
        /// the keyring.
        #[arg(long, value_name = "SOURCE")]
        to: Option<String>,
        #[command(flatten)]
        store: Store,
    },
    /// Remove files that no record mentions.
    Gc {
        #[command(flatten)]
        store: Store,
    },
}

#[derive(Serialize)]
struct Document {
    studies: u64,
    instances: u64,
    bytes: u64,
    damaged: Vec<Damage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<GcReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_source: Option<String>,
}

pub(crate) fn run(args: &Args, out: &Output) -> Exit {
    if let What::Rekey { to: None, store } = &args.what {
        // Only accounts of the keyring are numbered; where a new key file would go nobody can guess.
        if store.key_source().is_ok_and(|old| next_account(&old).is_none()) {
            let reason = "The key of this cache is not a numbered account of the keyring: say with --to SOURCE \
                          where the new one is kept, such as file:PATH.";
            out.refused(&Refusal::new("no_destination", reason));
            return Exit::Usage;
        }
    }
    let done = match &args.what {
        What::Check { read_data, store } => check(store, *read_data, out),
        What::Rekey { to, store } => rekey(store, to.as_deref()),
        What::Gc { store } => gc(store),
    };
    match done {
        Ok(document) => {
            out.document(&document, text);
            if document.damaged.is_empty() { Exit::Done } else { Exit::Damaged }
        }
        Err(error) => fail(&error, out),
    }
}

fn check(store: &Store, read_data: bool, out: &Output) -> Result<Document, CacheError> {
    let cache = store.open_for_reading()?;
    let report = cache.check(read_data, |done, all| out.progress("Checking", done as usize, all as usize));
    out.progress("", 0, 0);
    let report = report?;
    Ok(Document {
        studies: report.studies,
        instances: report.instances,
        bytes: report.bytes,
        damaged: report.damaged,
        removed: None,
        key_source: None,
    })
}

fn rekey(store: &Store, to: Option<&str>) -> Result<Document, CacheError> {
    let old = store.key_source()?;
    let new = match to {
        Some(text) => parse_source(text)?,
        None => next_account(&old).ok_or(KeyError::BadSource)?,
    };
    let cache = store.open()?;
    let key = new.create_if_first_run(false)?;
    if key.fingerprint() == old.load()?.fingerprint() {
        return Err(CacheError::BadCommand("the new key source holds the key that the cache has now."));
    }
    let cache = cache.rekey(&key, Some(&new), &who(), now())?;
    let usage = cache.usage()?;
    Ok(Document {
        studies: usage.studies,
        instances: usage.instances,
        bytes: usage.bytes,
        damaged: Vec::new(),
        removed: None,
        key_source: Some(new.to_string()),
    })
}

/// `cache-key-1` becomes `cache-key-2`: the old entry stays until somebody removes it.
fn next_account(old: &KeySource) -> Option<KeySource> {
    let KeySource::Keyring { service, account } = old else { return None };
    let (stem, number) = account.rsplit_once('-')?;
    let number: u32 = number.parse().ok()?;
    Some(KeySource::Keyring {
        service: service.clone(),
        account: format!("{stem}-{}", number.checked_add(1)?),
    })
}

fn gc(store: &Store) -> Result<Document, CacheError> {
    let cache = store.open()?;
    let removed = cache.gc()?;
    let usage = cache.usage()?;
    Ok(Document {
        studies: usage.studies,
        instances: usage.instances,
        bytes: usage.bytes,
        damaged: Vec::new(),
        removed: Some(removed),
        key_source: None,
    })
}

fn text(document: &Document) -> String {
    let mut lines = vec![format!(
        "{} studies, {} instances, {:.1} MB",
        document.studies,
        document.instances,
        document.bytes as f64 / 1e6
    )];
    if let Some(removed) = document.removed {
        let (files, unfinished) = (removed.files, removed.unfinished);
        lines.push(format!("Removed {files} files without a record and {unfinished} unfinished ones."));
    }
    if let Some(source) = &document.key_source {
        lines.push(format!(
            "The new key is in {source}. Remove the old one when you have a backup of the new."
        ));
    }
    for damage in &document.damaged {
        let which = damage.instance.as_ref().map(|uid| format!(" {uid}")).unwrap_or_default();
        lines.push(format!("DAMAGED{which}: {}", damage.reason));
    }
    lines.join("\n")
}
