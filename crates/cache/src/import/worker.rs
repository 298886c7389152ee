//! What happens to one file: read once, header checked, hashed, compared with what is here, encrypted.

use super::sources::unreadable;
use super::zipped::{self, OpenArchive, ZipEntry};
use crate::{Cache, CacheError, tables};
use medsight_record::{HeaderReader, InstanceRecord, Refusal};
use medsight_vault::{BlobId, Durability};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Above this a file is refused: it is read into memory whole.
pub(super) const LARGEST_FILE: u64 = 8 << 30;
/// Files above this are read one at a time, so that memory holds one of them and not one a thread.
const LARGE: u64 = 256 << 20;

/// Something to take in.
pub(super) enum Item {
    /// A file.
    File(PathBuf),
    /// A file in an archive.
    Zipped { archive: Arc<Path>, entry: ZipEntry },
}

/// A file whose bytes are encrypted on the disk, but that no record mentions yet.
pub(super) struct Prepared {
    /// As it is shown to the person.
    pub(super) file: String,
    pub(super) record: InstanceRecord,
    pub(super) blob: BlobId,
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
    /// It may take the place of an evicted file that was written otherwise.
    pub(super) restores: bool,
}

/// What became of an item.
pub(super) enum Outcome {
    Stored(Box<Prepared>),
    Present {
        bytes: u64,
    },
    Rejected {
        file: String,
        refusal: Refusal,
        bytes: u64,
    },
    /// The import cannot go on.
    Failed(CacheError),
}

/// Does the work; shared by the threads.
pub(super) struct Worker<'a> {
    cache: &'a Cache,
    headers: &'a dyn HeaderReader,
    large: Mutex<()>,
    /// What comes from an archive may restore what was evicted, though the archive wrote it anew.
    pub(super) restores: bool,
}

impl<'a> Worker<'a> {
    pub(super) fn new(cache: &'a Cache, headers: &'a dyn HeaderReader) -> Self {
        Self { cache, headers, large: Mutex::default(), restores: false }
    }

    pub(super) fn process(&self, item: &Item, archive: &mut Option<OpenArchive>) -> Outcome {
        let (file, size) = match item {
            Item::File(path) => {
                (path.display().to_string(), std::fs::metadata(path).map_or(0, |about| about.len()))
            }
            Item::Zipped { archive, entry } => {
                (format!("{} » {}", archive.display(), entry.name), entry.bytes)
            }
        };
        let _one_at_a_time =
            (size > LARGE).then(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
        let bytes = match item {
            Item::File(path) => read(path),
            Item::Zipped { archive: path, entry } => zipped::read(path, entry, archive),
        };
        let refuse = |refusal| Outcome::Rejected { file: file.clone(), refusal, bytes: size };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(refusal) => return refuse(refusal),
        };
        self.examine(file, &bytes, self.header(&bytes))
    }

    /// What a file says it is. A file must not be able to end the import of all the others.
    pub(super) fn header(&self, bytes: &[u8]) -> Result<InstanceRecord, Refusal> {
        catch_unwind(AssertUnwindSafe(|| self.headers.read_header(bytes))).unwrap_or_else(|_| {
            Err(Refusal::new("fault", "The program failed on this file. Please report it."))
        })
    }

    /// What becomes of the bytes of a file that is called `file` to the person and has this header.
    pub(super) fn examine(
        &self,
        file: String,
        bytes: &[u8],
        header: Result<InstanceRecord, Refusal>,
    ) -> Outcome {
        let refuse = |refusal| Outcome::Rejected { file: file.clone(), refusal, bytes: bytes.len() as u64 };
        let record = match header {
            Ok(record) => record,
            Err(refusal) => return refuse(refusal),
        };
        match self.keep(file.clone(), record, bytes) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(refusal)) => refuse(refusal),
            Err(error) => Outcome::Failed(error),
        }
    }

    fn keep(
        &self,
        file: String,
        record: InstanceRecord,
        bytes: &[u8],
    ) -> Result<Result<Outcome, Refusal>, CacheError> {
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        let length = bytes.len() as u64;
        if let Some(known) = self.cache.read(|db| Ok(tables::instances::known(db, &record.uid)?))? {
            // One that is damaged is as good as none: what comes in takes its place.
            let whole = |blob: &BlobId| self.cache.blobs().open(*blob).is_ok_and(|b| b.read_all().is_ok());
            let here = known.blob.filter(whole);
            let same = known.sha256 == sha256
                || match here {
                    Some(blob) => self.is_same(blob, bytes)?,
                    None => self.restores,
                };
            if !same || known.study != record.study.as_str() {
                return Ok(Err(conflict()));
            }
            if here.is_some() {
                return Ok(Ok(Outcome::Present { bytes: length }));
            }
        }
        let blob = self.cache.blobs().put(bytes, Durability::Later)?;
        Ok(Ok(Outcome::Stored(Box::new(Prepared {
            file,
            record,
            blob,
            bytes: length,
            sha256,
            restores: self.restores,
        }))))
    }
}

impl Worker<'_> {
    /// Whether the file that is here holds the same object.
    fn is_same(&self, blob: BlobId, bytes: &[u8]) -> Result<bool, CacheError> {
        let here = self.cache.blobs().open(blob)?.read_all()?;
        let same = catch_unwind(AssertUnwindSafe(|| self.headers.same_object(&here, bytes)));
        Ok(same.unwrap_or(false))
    }
}

/// The same name for other content: one of the two is wrong, and nobody here can know which.
pub(super) fn conflict() -> Refusal {
    Refusal::new(
        "conflict",
        "SOP Instance UID (0008,0018) is already in the cache with other content. The file was not taken and the \
         one in the cache stays as it is. Ask the sender which is right.",
    )
}

fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    let refuse = |error: std::io::Error| Refusal::new("unreadable", unreadable(&error));
    let mut file = File::open(path).map_err(refuse)?;
    let size = file.metadata().map_err(refuse)?.len();
    if size > LARGEST_FILE {
        return Err(Refusal::new("too_large", "The file is larger than 8 GiB."));
    }
    let mut bytes = Vec::new();
    if size > LARGE {
        // A disk image or a film in the folder is not read to its end to find out that it is none of ours.
        file.by_ref().take(132).read_to_end(&mut bytes).map_err(refuse)?;
        if !bytes.ends_with(b"DICM") {
            return Err(Refusal::new("not_dicom", "The file does not begin as a DICOM file (PS3.10 7.1)."));
        }
    }
    bytes
        .try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX))
        .map_err(|_| Refusal::new("too_large", "There is not enough memory for this file."))?;
    file.take(LARGEST_FILE).read_to_end(&mut bytes).map_err(refuse)?;
    Ok(bytes)
}
