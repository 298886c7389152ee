//! Where the bytes of files come from.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// Files by number: a folder, or encrypted blobs.
pub trait ByteSource: Sync {
    /// Number of files.
    fn len(&self) -> usize;

    /// True when there is no file.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a person calls the file; its number where it has no name.
    fn name(&self, file: usize) -> String {
        (file + 1).to_string()
    }

    /// Length of a file in bytes.
    ///
    /// # Errors
    /// When the file is not there.
    fn size(&self, file: usize) -> io::Result<u64>;

    /// Fills `into` from `offset` on.
    ///
    /// # Errors
    /// When the file ends before, or cannot be read.
    fn read_at(&self, file: usize, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// A whole file.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, file: usize) -> io::Result<Vec<u8>> {
        let size = usize::try_from(self.size(file)?).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        self.read_at(file, 0, &mut bytes)?;
        Ok(bytes)
    }
}

/// Plain files.
#[derive(Clone, Debug)]
pub struct FolderSource {
    paths: Vec<PathBuf>,
}

impl FolderSource {
    /// These files, numbered in this order.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths }
    }

    /// The path of a file.
    pub fn path(&self, file: usize) -> Option<&PathBuf> {
        self.paths.get(file)
    }

    fn open(&self, file: usize) -> io::Result<File> {
        let path = self.paths.get(file).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        File::open(path)
    }
}

impl ByteSource for FolderSource {
    fn len(&self) -> usize {
        self.paths.len()
    }

    fn name(&self, file: usize) -> String {
        let name = self.paths.get(file).and_then(|path| path.file_name());
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    fn size(&self, file: usize) -> io::Result<u64> {
        let path = self.paths.get(file).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        std::fs::metadata(path).map(|meta| meta.len())
    }

    fn read_at(&self, file: usize, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut open = self.open(file)?;
        if offset > 0 {
            open.seek(SeekFrom::Start(offset))?;
        }
        open.read_exact(into)
    }

    fn read(&self, file: usize) -> io::Result<Vec<u8>> {
        let mut open = self.open(file)?;
        let size = open.metadata().map_or(0, |meta| meta.len());
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        open.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
