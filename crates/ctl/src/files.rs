//! From paths on the command line to the files they name.

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
