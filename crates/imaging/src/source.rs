//! Where the files of a study are: paths on disk, or blobs of the encrypted store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use medsight_codec::ByteSource;
use medsight_vault::{BlobId, BlobReader, BlobStore};

/// Files under the given paths, in the order of their names, folders with all that is in them.
pub(crate) fn files_under(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for path in paths {
        walk(path, &mut out, 0);
    }
    out
}

fn walk(path: &Path, out: &mut Vec<PathBuf>, depth: usize) {
    if !path.is_dir() {
        out.push(path.to_owned());
        return;
    }
    // A link back to a folder above would never end.
    if depth > 32 {
        return;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return };
    let mut inner: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    inner.sort();
    for entry in inner {
        let hidden = entry.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if !hidden {
            walk(&entry, out, depth + 1);
        }
    }
}

/// Files of a manifest in the blob store.
pub(crate) struct BlobSource {
    store: Arc<BlobStore>,
    blobs: Vec<(BlobId, u64)>,
    /// The file read last: headers and pixels of one file are read in several pieces.
    last: Mutex<Option<(usize, Arc<BlobReader>)>>,
}

impl BlobSource {
    /// These blobs with the lengths of their files.
    pub(crate) fn new(store: Arc<BlobStore>, blobs: Vec<(BlobId, u64)>) -> Self {
        Self { store, blobs, last: Mutex::new(None) }
    }

    fn open(&self, file: usize) -> io::Result<Arc<BlobReader>> {
        if let Ok(last) = self.last.lock() {
            if let Some((at, reader)) = last.as_ref().filter(|(at, _)| *at == file) {
                let _ = at;
                return Ok(reader.clone());
            }
        }
        let (id, _) = self.blobs.get(file).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let reader = Arc::new(self.store.open(*id).map_err(io::Error::other)?);
        if let Ok(mut last) = self.last.lock() {
            *last = Some((file, reader.clone()));
        }
        Ok(reader)
    }
}

impl ByteSource for BlobSource {
    fn len(&self) -> usize {
        self.blobs.len()
    }

    fn size(&self, file: usize) -> io::Result<u64> {
        self.blobs.get(file).map(|(_, bytes)| *bytes).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read_at(&self, file: usize, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.open(file)?.read_into(offset, into).map_err(io::Error::other)
    }

    fn read(&self, file: usize) -> io::Result<Vec<u8>> {
        self.open(file)?.read_all().map_err(io::Error::other)
    }
}

/// Some files of another source, for one series of a study.
pub(crate) struct Part<'s> {
    pub(crate) whole: &'s dyn ByteSource,
    pub(crate) files: &'s [usize],
}

impl Part<'_> {
    fn file(&self, at: usize) -> io::Result<usize> {
        self.files.get(at).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl ByteSource for Part<'_> {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn name(&self, file: usize) -> String {
        self.file(file).map(|f| self.whole.name(f)).unwrap_or_default()
    }

    fn size(&self, file: usize) -> io::Result<u64> {
        self.whole.size(self.file(file)?)
    }

    fn read_at(&self, file: usize, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.whole.read_at(self.file(file)?, offset, into)
    }

    fn read(&self, file: usize) -> io::Result<Vec<u8>> {
        self.whole.read(self.file(file)?)
    }
}
