//! What an import would read, for programs that look at files and take nothing in.

use super::sources::Names;
use super::{Rejected, rejected, zipped};
use medsight_record::{HeaderReader, Refusal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that are there, and those that are not.
pub type Listed = (Vec<PathBuf>, Vec<Rejected>);

/// Whether an import would look into the file as a zip archive: by its name.
#[must_use]
pub fn is_archive(path: &Path) -> bool {
    zipped::is_archive(path)
}

/// The files that a DICOMDIR (PS3.10 8.6) lists and that are there, and those that are not. `None` when the bytes
/// are no DICOMDIR.
///
/// # Errors
/// When it is one that cannot be read.
pub fn listed_by(path: &Path, bytes: &[u8], headers: &dyn HeaderReader) -> Option<Result<Listed, Refusal>> {
    let listed = match headers.directory_entries(bytes)? {
        Ok(listed) => listed,
        Err(refusal) => return Some(Err(refusal)),
    };
    let root = path.parent().unwrap_or(Path::new("."));
    let (mut names, mut found, mut missing) = (Names::default(), Vec::new(), Vec::new());
    for components in listed {
        match names.resolve(root, &components).filter(|file| file.is_file()) {
            Some(file) => found.push(file),
            None => {
                let why =
                    Refusal::new("listed_missing", "The DICOMDIR lists this file, but it is not there.");
                missing.push(rejected(root.join(components.join("/")).display().to_string(), why));
            }
        }
    }
    Some(Ok((found, missing)))
}

/// Gives every file of a zip archive to `each`, by the name under which an import tells of it.
///
/// # Errors
/// When the archive cannot be opened or would unpack to too much.
pub fn each_in_archive(
    path: &Path,
    mut each: impl FnMut(String, Result<Vec<u8>, Refusal>),
) -> Result<(), Refusal> {
    let (archive, mut held) = (Arc::<Path>::from(path), None);
    for entry in zipped::entries(path)? {
        let bytes = zipped::read(&archive, &entry, &mut held);
        each(format!("{} » {}", path.display(), entry.name), bytes);
    }
    Ok(())
}
