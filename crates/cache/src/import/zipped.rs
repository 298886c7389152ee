//! Zip archives: listed first, then read entry by entry. Nothing is unpacked to the disk, and the names inside
//! are only shown, never used as paths.

use super::sources::{is_dicomdir, is_left_by_system};
use super::worker::LARGEST_FILE;
use medsight_record::Refusal;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zip::ZipArchive;

/// An archive may unpack to this much whatever its ratio…
const ALWAYS_FINE: u64 = 1 << 30;
/// …and above that to this many times its size. Real studies shrink two to five times, empty ones fifty.
const LARGEST_RATIO: u64 = 100;
/// Entries at most; the largest studies have some ten thousand.
const MOST_ENTRIES: usize = 1_000_000;

/// One file in an archive.
pub(super) struct ZipEntry {
    pub(super) index: usize,
    /// For showing only.
    pub(super) name: String,
    /// As the archive says; checked when it is read.
    pub(super) bytes: u64,
}

/// An archive that a worker has open.
pub(super) struct OpenArchive {
    path: Arc<Path>,
    zip: ZipArchive<BufReader<File>>,
}

pub(super) fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"))
}

/// What an archive has, if it is one that can be taken in.
pub(super) fn entries(path: &Path) -> Result<Vec<ZipEntry>, Refusal> {
    let archive_bytes = std::fs::metadata(path).map_or(0, |about| about.len());
    let mut zip = open(path)?;
    if zip.len() > MOST_ENTRIES {
        return Err(Refusal::new(
            "zip_too_many",
            format!("The archive has more than {MOST_ENTRIES} entries."),
        ));
    }
    let mut found = Vec::new();
    let mut total = 0_u64;
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).map_err(broken)?;
        if entry.is_dir() {
            continue;
        }
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if name.split(['/', '\\']).any(is_left_by_system) || is_dicomdir(&PathBuf::from(&name)) {
            continue;
        }
        total = total.saturating_add(entry.size());
        found.push(ZipEntry { index, name, bytes: entry.size() });
    }
    if total > ALWAYS_FINE && total / LARGEST_RATIO > archive_bytes {
        return Err(Refusal::new(
            "zip_bomb",
            "The archive would unpack to more than a hundred times its size. Unpack it yourself if it is genuine.",
        ));
    }
    Ok(found)
}

/// The bytes of one entry. `held` keeps the archive open for the next one.
pub(super) fn read(
    archive: &Arc<Path>,
    entry: &ZipEntry,
    held: &mut Option<OpenArchive>,
) -> Result<Vec<u8>, Refusal> {
    if entry.bytes > LARGEST_FILE {
        return Err(Refusal::new("too_large", "The file is larger than 8 GiB."));
    }
    let open = match held {
        Some(open) if open.path == *archive => open,
        _ => held.insert(OpenArchive { path: archive.clone(), zip: open(archive)? }),
    };
    let file = open.zip.by_index(entry.index).map_err(broken)?;
    if file.encrypted() {
        return Err(Refusal::new(
            "zip_encrypted",
            "The archive is protected by a password. Unpack it first.",
        ));
    }
    // Neither trusts the stated size for memory nor lets the data go beyond it.
    let mut bytes = Vec::with_capacity(usize::try_from(entry.bytes.min(16 << 20)).unwrap_or(0));
    let read = file.take(entry.bytes + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.starts_with(b"PK\x03\x04") => Err(Refusal::new(
            "zip_nested",
            "It is an archive inside of an archive. Unpack the outer one first.",
        )),
        Ok(_) if bytes.len() as u64 == entry.bytes => Ok(bytes),
        Ok(_) => {
            Err(Refusal::new("zip_damaged", "The entry does not have the length that the archive states."))
        }
        Err(error) => Err(Refusal::new("zip_damaged", format!("The archive is damaged here: {error}."))),
    }
}

fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>, Refusal> {
    let file =
        File::open(path).map_err(|error| Refusal::new("unreadable", super::sources::unreadable(&error)))?;
    let zip = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    // A directory that does not start the file is that of an archive inside a cut-off one, or behind a program.
    if zip.offset() > 0 {
        let reason = "The archive is damaged: its own directory is missing at its end.";
        return Err(Refusal::new("zip_damaged", reason));
    }
    Ok(zip)
}

fn broken(error: zip::result::ZipError) -> Refusal {
    match error {
        zip::result::ZipError::UnsupportedArchive(what) => {
            Refusal::new("zip_unsupported", format!("The archive cannot be read: {what}. Unpack it first."))
        }
        other => Refusal::new("zip_damaged", format!("The archive is damaged or is no zip file: {other}.")),
    }
}
