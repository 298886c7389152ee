//! The command line of the desk.

use medsight_vault::KeySource;
use std::path::PathBuf;

/// MedSight: radiology workstation.
#[derive(Clone, Debug, Default, clap::Parser)]
#[command(name = "medsight", version)]
pub struct Args {
    /// Folder of the encrypted cache, instead of the usual one.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,

    /// Where the key of the cache is kept: `keyring`, `file:PATH` or `credential:NAME`. Without it: where the
    /// cache says it was kept when it was made, and for a new cache the keyring.
    #[arg(long, value_name = "SOURCE", value_parser = key_source)]
    pub key: Option<KeySource>,

    /// Import these files, folders, zip archives or DICOMDIRs once the worklist is there.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub import: Vec<PathBuf>,
}

/// The short words of the command line stand for those the vault knows; both are understood.
fn key_source(text: &str) -> Result<KeySource, String> {
    let full = match text.split_once(':') {
        Some(("file", path)) => {
            let path = std::path::absolute(path).map_err(|e| e.to_string())?;
            format!("key-file:{}", path.display())
        }
        Some(("credential", name)) => format!("systemd-credential:{name}"),
        _ => text.to_owned(),
    };
    full.parse().map_err(|e: medsight_vault::KeyError| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn a_key_file_and_a_credential_are_chosen_in_words() {
        assert!(matches!(key_source("file:/k"), Ok(KeySource::KeyFile(path)) if path.as_os_str() == "/k"));
        assert!(matches!(key_source("credential:medsight"), Ok(KeySource::SystemdCredential(_))));
        assert!(matches!(key_source("keyring"), Ok(KeySource::Keyring { .. })));
        assert!(key_source("somewhere").is_err());
    }

    #[test]
    fn several_paths_can_be_imported_at_the_start() {
        let args = Args::parse_from(["medsight", "--import", "a", "b", "--cache", "c"]);
        assert_eq!(args.import, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(args.cache, Some(PathBuf::from("c")));
    }
}
