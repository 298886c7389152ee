//! Looks for texts that must not be found wherever somebody else could read: arguments and environment of processes, files.

use crate::actors::Desk;
use crate::process::descendants;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// Fails when one of the texts is in the arguments or the environment of a program that the desk started, or of itself, or in
/// a file below the folders.
pub(super) fn read_along(desk: &Desk, wanted: &[&str], folders: &[PathBuf]) -> Result<()> {
    let found_in = |bytes: &[u8]| {
        wanted.iter().find(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes())).copied()
    };
    for id in descendants(desk.family()) {
        for name in ["cmdline", "environ"] {
            let found = found_in(&std::fs::read(format!("/proc/{id}/{name}")).unwrap_or_default());
            ensure!(found.is_none(), "{found:?} is in {name} of a process");
        }
    }
    for file in folders.iter().flat_map(|folder| files(folder)) {
        let found = found_in(&std::fs::read(&file).unwrap_or_default());
        ensure!(found.is_none(), "{found:?} is in {}", file.display());
    }
    Ok(())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}
