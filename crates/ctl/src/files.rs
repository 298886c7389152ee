//! From paths on the command line to the files they name.

use crate::output::{Exit, Output};
use medsight_codec::LoadEvent;
use medsight_record::Refusal;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Every file under `paths`, folders walked in name order. Links to folders are not followed, so that a
/// circle of links ends. A path that is not there is in the second list.
pub(crate) fn collect(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for path in paths {
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => walk(path, &mut found),
            Ok(_) => found.push(path.clone()),
            Err(_) => missing.push(path.clone()),
        }
    }
    (found, missing)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            Ok(kind) if kind.is_symlink() && entry.path().is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

/// A whole file.
///
/// # Errors
/// `unreadable`, with the kind of error.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    std::fs::read(path)
        .map_err(|e| Refusal::new("unreadable", format!("The file cannot be read: {}.", e.kind())))
}

/// Shows how far the reading of a series is.
pub(crate) fn loading(out: &Output) -> impl Fn(LoadEvent) + Sync {
    move |event| match event {
        LoadEvent::Headers { done, total } => out.progress("Reading headers", done, total),
        LoadEvent::Frames { done, total } => out.progress("Reading images", done, total),
        LoadEvent::First { .. } => {}
    }
}

/// A path as text for the document.
pub(crate) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The exit of a command over files: a path that is not there, something refused, or done.
pub(crate) fn exit(missing: &[PathBuf], refused: bool, out: &Output) -> Exit {
    for path in missing {
        out.note(&format!("Not found: {}", path.display()));
    }
    match (missing.is_empty(), refused) {
        (false, _) => Exit::NotFound,
        (true, true) => Exit::Partly,
        (true, false) => Exit::Done,
    }
}
