//! From what was named to the files to read: folders walked, DICOMDIRs followed, zip archives listed.

use super::meter::Meter;
use super::worker::{Item, Outcome};
use super::zipped;
use medsight_record::{HeaderReader, Refusal};
use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, SyncSender};

/// Files that operating systems leave everywhere; nobody misses them in a summary.
const LEFT_BY_SYSTEMS: [&str; 4] = [".ds_store", "thumbs.db", "desktop.ini", "__macosx"];
/// A DICOMDIR above this is no DICOMDIR: 64 MiB list about 100,000 files.
const LARGEST_DICOMDIR: u64 = 64 << 20;

/// Sends an item for each file under `paths`, and a refusal for each that can't be read.
pub(super) fn list(
    paths: &[PathBuf],
    headers: &dyn HeaderReader,
    meter: &Meter,
    found: &Sender<Item>,
    tell: &SyncSender<Outcome>,
    stopped: &dyn Fn() -> bool,
) {
    let mut lister = Lister { headers, meter, found, tell, stopped, seen: HashSet::new() };
    for path in paths {
        match fs::metadata(path) {
            Ok(about) if about.is_dir() => lister.folder(path),
            Ok(about) if is_dicomdir(path) => lister.dicomdir(path, &about, true),
            Ok(about) => lister.file(path, &about),
            Err(error) => lister.refuse(path, "unreadable", &unreadable(&error)),
        }
    }
}

/// What the operating system said, without the path: that stands beside it.
pub(super) fn unreadable(error: &std::io::Error) -> String {
    format!("The file cannot be read: {error}. Check the medium and your permission to read it.")
}

pub(super) fn is_left_by_system(name: &str) -> bool {
    LEFT_BY_SYSTEMS.contains(&name.to_ascii_lowercase().as_str())
}

/// PS3.10 8.6: the file of a medium that lists the others is named DICOMDIR.
pub(super) fn is_dicomdir(path: &Path) -> bool {
    path.file_name().is_some_and(|name| plain_name(&name.to_string_lossy()) == "dicomdir")
}

struct Lister<'a> {
    headers: &'a dyn HeaderReader,
    meter: &'a Meter,
    found: &'a Sender<Item>,
    tell: &'a SyncSender<Outcome>,
    stopped: &'a dyn Fn() -> bool,
    /// Canonical paths, so that a file that is named twice is read once.
    seen: HashSet<PathBuf>,
}

impl Lister<'_> {
    /// Links to folders are not followed, so that a circle of links ends.
    fn folder(&mut self, folder: &Path) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.refuse(folder, "unreadable", &unreadable(&error)),
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if (self.stopped)() {
                return;
            }
            let path = entry.path();
            if is_left_by_system(&entry.file_name().to_string_lossy()) {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.folder(&path),
                Ok(_) => match fs::metadata(&path) {
                    // A link to a folder.
                    Ok(about) if about.is_dir() => {}
                    Ok(about) if is_dicomdir(&path) => self.dicomdir(&path, &about, false),
                    Ok(about) => self.file(&path, &about),
                    Err(error) => self.refuse(&path, "unreadable", &unreadable(&error)),
                },
                Err(error) => self.refuse(&path, "unreadable", &unreadable(&error)),
            }
        }
    }

    fn file(&mut self, path: &Path, about: &Metadata) {
        if !about.is_file() {
            return self.refuse(path, "not_a_file", "It is neither a file nor a folder.");
        }
        if !self.seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())) {
            return;
        }
        if zipped::is_archive(path) {
            return self.archive(path);
        }
        self.meter.found(about.len());
        let _ended = self.found.send(Item::File(path.to_path_buf()));
    }

    fn archive(&mut self, path: &Path) {
        match zipped::entries(path) {
            Ok(entries) => {
                let archive = std::sync::Arc::<Path>::from(path);
                for entry in entries {
                    self.meter.found(entry.bytes);
                    let _ended = self.found.send(Item::Zipped { archive: archive.clone(), entry });
                }
            }
            Err(refusal) => self.refuse(path, &refusal.code, &refusal.reason),
        }
    }

    /// The files a DICOMDIR lists. With `only_listed` these are taken in; else its folder is walked anyway and
    /// what matters is that none is missing.
    fn dicomdir(&mut self, path: &Path, about: &Metadata, only_listed: bool) {
        let listed = (about.len() <= LARGEST_DICOMDIR)
            .then(|| fs::read(path).ok().and_then(|bytes| self.headers.directory_entries(&bytes)))
            .flatten();
        let listed = match listed {
            None => return self.file(path, about),
            Some(Err(refusal)) => return self.refuse(path, &refusal.code, &refusal.reason),
            Some(Ok(listed)) => listed,
        };
        let root = path.parent().unwrap_or(Path::new("."));
        let mut names = Names::default();
        for components in listed {
            if (self.stopped)() {
                return;
            }
            match names.resolve(root, &components).and_then(|file| Some((fs::metadata(&file).ok()?, file))) {
                Some((about, file)) if only_listed => self.file(&file, &about),
                Some(_) => {}
                None => {
                    let listed = root.join(components.join("/"));
                    self.refuse(
                        &listed,
                        "listed_missing",
                        "The DICOMDIR lists this file, but it is not there.",
                    );
                }
            }
        }
    }

    fn refuse(&self, path: &Path, code: &str, reason: &str) {
        self.meter.found(0);
        let file = path.display().to_string();
        let _ended =
            self.tell.send(Outcome::Rejected { file, refusal: Refusal::new(code, reason), bytes: 0 });
    }
}

/// Names as they are on the disk, by what a DICOMDIR calls them. Media drivers show names in either case and
/// with the version of ISO 9660 (`;1`) or without.
#[derive(Default)]
pub(super) struct Names {
    folders: HashMap<PathBuf, HashMap<String, PathBuf>>,
}

impl Names {
    /// `None` when there is no such file, or the listed name would lead out of the medium.
    pub(super) fn resolve(&mut self, root: &Path, components: &[String]) -> Option<PathBuf> {
        let mut path = root.to_path_buf();
        for component in components {
            if component.is_empty()
                || component.starts_with("..")
                || component.contains(['/', '\\', '\0', ':'])
            {
                return None;
            }
            let folder = self.folders.entry(path.clone()).or_insert_with(|| {
                let entries = fs::read_dir(&path).into_iter().flatten().flatten();
                entries.map(|e| (plain_name(&e.file_name().to_string_lossy()), e.path())).collect()
            });
            path = folder.get(&plain_name(component))?.clone();
        }
        Some(path)
    }
}

fn plain_name(name: &str) -> String {
    let name = name.split(';').next().unwrap_or(name);
    name.trim_end_matches('.').to_ascii_lowercase()
}
