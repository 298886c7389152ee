//! A folder of encrypted files under opaque names. The names say nothing: random ids, two levels of
//! folders by their first digits, so that no folder grows large. Files that are written one after the other share
//! these digits, for each folder made costs as much as a file.
//!
//! The store holds no list of its own: the record database knows which ids are in use, and clears away
//! the others. It may be used from several threads, and from the light box for reading only.

use crate::blob::{BlobReader, BlobWriter, Durability, PART_ENDING};
use crate::error::BlobError;
use crate::hex;
use crate::id::BlobId;
use crate::key::BlobKey;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Files that are put into one folder before another is chosen.
const FILES_A_FOLDER: u16 = 256;
/// Ending of finished files.
const ENDING: &str = ".msv";

/// One file of a store, as [`BlobStore::list`] finds it.
#[derive(Clone, Copy, Debug)]
pub struct BlobEntry {
    /// Its name.
    pub id: BlobId,
    /// Bytes on disk, encrypted.
    pub stored_bytes: u64,
    /// When it was last written.
    pub modified: Option<SystemTime>,
}

/// A folder of encrypted files and their key. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BlobStore {
    root: PathBuf,
    key: BlobKey,
    writable: bool,
    shard: Arc<Mutex<Shard>>,
}

/// The folder that new files go into.
#[derive(Clone, Copy, Debug, Default)]
struct Shard {
    digits: [u8; 2],
    /// Files that may still go there.
    room: u16,
}

impl BlobStore {
    /// For writing and reading. Makes the folder, for its owner only, when there is none.
    ///
    /// # Errors
    /// [`BlobError`] of the file system.
    pub fn open_or_create(root: &Path, key: BlobKey) -> Result<Self, BlobError> {
        create_private_folders(root)?;
        Ok(Self { root: root.to_path_buf(), key, writable: true, shard: Arc::default() })
    }

    /// For reading only, as the light box does. Touches nothing.
    #[must_use]
    pub fn read_only(root: &Path, key: BlobKey) -> Self {
        Self { root: root.to_path_buf(), key, writable: false, shard: Arc::default() }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file is: `root/ab/cd/abcd….msv`.
    #[must_use]
    pub fn path(&self, id: BlobId) -> PathBuf {
        let name = id.to_string();
        let mut path = self.root.join(&name[..2]);
        path.push(&name[2..4]);
        path.push(name + ENDING);
        path
    }

    /// Begins a new file. It is in the store once [`BlobWriter::finish`] returned well.
    ///
    /// # Errors
    /// [`BlobError::ReadOnly`], or of the file system.
    pub fn create(&self) -> Result<(BlobId, BlobWriter), BlobError> {
        self.require_writable()?;
        let id = self.next_id()?;
        let path = self.path(id);
        match BlobWriter::create(&path, &self.key) {
            Err(BlobError::Missing) => {}
            other => return Ok((id, other?)),
        }
        if let Some(folder) = path.parent() {
            create_private_folders(folder)?;
        }
        Ok((id, BlobWriter::create(&path, &self.key)?))
    }

    /// A new id in the folder that is filled at present.
    fn next_id(&self) -> Result<BlobId, BlobError> {
        let mut id = *BlobId::random()?.as_bytes();
        let mut shard = self.shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.room == 0 {
            *shard = Shard { digits: [id[0], id[1]], room: FILES_A_FOLDER };
        }
        shard.room -= 1;
        id[..2].copy_from_slice(&shard.digits);
        Ok(BlobId::from_bytes(id))
    }

    /// Writes a whole file that is already in memory.
    ///
    /// # Errors
    /// As [`BlobStore::create`]; nothing is left then.
    pub fn put(&self, plain: &[u8], durability: Durability) -> Result<BlobId, BlobError> {
        let (id, mut writer) = self.create()?;
        io::Write::write_all(&mut writer, plain)?;
        writer.finish(durability)?;
        Ok(id)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// As [`BlobReader::open`].
    pub fn open(&self, id: BlobId) -> Result<BlobReader, BlobError> {
        BlobReader::open(&self.path(id), &self.key)
    }

    /// Whether there is such a file. Says nothing about its content.
    #[must_use]
    pub fn exists(&self, id: BlobId) -> bool {
        self.path(id).is_file()
    }

    /// Removes a file; `false` if there was none. Open readers keep reading where the system allows it.
    ///
    /// # Errors
    /// [`BlobError::ReadOnly`], or of the file system.
    pub fn remove(&self, id: BlobId) -> Result<bool, BlobError> {
        self.require_writable()?;
        match fs::remove_file(self.path(id)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// All finished files, in no order, for clearing away what no record mentions.
    ///
    /// # Errors
    /// Of the file system.
    pub fn list(&self) -> Result<Vec<BlobEntry>, BlobError> {
        let mut found = Vec::new();
        self.visit(|name, entry| {
            let Some(id) = name.strip_suffix(ENDING).and_then(|id| id.parse().ok()) else { return Ok(()) };
            let about = entry.metadata()?;
            found.push(BlobEntry { id, stored_bytes: about.len(), modified: about.modified().ok() });
            Ok(())
        })?;
        Ok(found)
    }

    /// Removes what writers left that were killed more than `age` ago. Returns how many.
    ///
    /// # Errors
    /// [`BlobError::ReadOnly`], or of the file system.
    pub fn remove_unfinished(&self, age: Duration) -> Result<usize, BlobError> {
        self.require_writable()?;
        let mut removed = 0;
        self.visit(|name, entry| {
            if name.ends_with(PART_ENDING) {
                let modified = entry.metadata()?.modified()?;
                if modified.elapsed().is_ok_and(|elapsed| elapsed >= age) {
                    fs::remove_file(entry.path())?;
                    removed += 1;
                }
            }
            Ok(())
        })?;
        Ok(removed)
    }

    /// Makes everything finished with [`Durability::Later`] survive a power cut: files, names and
    /// folders. On Linux one call for all of them; elsewhere the folders and files one by one, those of `ids`.
    ///
    /// # Errors
    /// Of the file system; then nothing written since the last call may be counted on.
    pub fn sync(&self, ids: &[BlobId]) -> Result<(), BlobError> {
        self.require_writable()?;
        #[cfg(target_os = "linux")]
        {
            let _ = ids;
            rustix::fs::syncfs(File::open(&self.root)?).map_err(io::Error::from)?;
        }
        #[cfg(not(target_os = "linux"))]
        for id in ids {
            // Windows flushes through a handle that may write.
            match fs::OpenOptions::new().read(true).write(true).open(self.path(*id)) {
                Ok(file) => file.sync_all()?,
                // Removed since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            }
            self.sync_directory(*id)?;
        }
        Ok(())
    }

    /// Makes the name of one file survive a power cut; its content is [`Durability::Now`]'s business.
    /// Does nothing on Windows, where NTFS journals names.
    ///
    /// # Errors
    /// Of the file system.
    pub fn sync_directory(&self, id: BlobId) -> Result<(), BlobError> {
        if cfg!(unix) {
            // The file's folder and the two above, which may be as new as the file.
            for folder in self.path(id).ancestors().skip(1).take(3) {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }

    fn require_writable(&self) -> Result<(), BlobError> {
        if self.writable { Ok(()) } else { Err(BlobError::ReadOnly) }
    }

    /// Calls `each` for every file two levels down. What vanishes meanwhile is passed over.
    fn visit(&self, mut each: impl FnMut(&str, &fs::DirEntry) -> io::Result<()>) -> Result<(), BlobError> {
        for outer in shards(&self.root)? {
            for inner in shards(&outer)? {
                for entry in fs::read_dir(inner)? {
                    let entry = entry?;
                    let name = entry.file_name();
                    let Some(name) = name.to_str() else { continue };
                    match each(name, &entry) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }
}

/// The folders of two hexadecimal digits in `folder`.
fn shards(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_shard = name.to_str().is_some_and(|name| hex::decode::<1>(name.as_bytes()).is_some());
        if is_shard && entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn create_private_folders(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::io::Write as _;

    fn store(folder: &Path) -> BlobStore {
        BlobStore::open_or_create(&folder.join("blobs"), BlobKey::from_bytes([9; 32])).unwrap()
    }

    #[test]
    fn what_is_put_into_the_store_is_listed_read_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let ids: BTreeSet<_> =
            (0..20_u8).map(|i| store.put(&[i; 1000], Durability::Later).unwrap()).collect();
        let ids_in_order: Vec<_> = ids.iter().copied().collect();
        store.sync(&ids_in_order).unwrap();
        store.sync_directory(ids_in_order[0]).unwrap();
        let listed: BTreeSet<_> = store.list().unwrap().iter().map(|entry| entry.id).collect();
        assert_eq!(listed, ids);
        let gone = ids_in_order[3];
        assert!(store.exists(gone) && store.remove(gone).unwrap());
        assert!(!store.exists(gone) && !store.remove(gone).unwrap());
        assert!(matches!(store.open(gone), Err(BlobError::Missing)));
        assert_eq!(store.list().unwrap().len(), 19);
        assert_eq!(store.open(ids_in_order[4]).unwrap().read_all().unwrap().len(), 1000);
    }

    #[test]
    fn a_file_is_two_folders_deep_under_its_own_name() {
        let store = BlobStore::read_only(Path::new("root"), BlobKey::from_bytes([0; 32]));
        let id: BlobId = "00ffaabbccddeeff0011223344556677".parse().unwrap();
        let path = Path::new("root/00/ff/00ffaabbccddeeff0011223344556677.msv");
        assert_eq!(store.path(id), path);
    }

    #[test]
    fn the_reading_side_cannot_write_or_remove() {
        let folder = tempfile::tempdir().unwrap();
        let writing = store(folder.path());
        let id = writing.put(b"x", Durability::Now).unwrap();
        let reading = BlobStore::read_only(writing.root(), BlobKey::from_bytes([9; 32]));
        assert_eq!(reading.open(id).unwrap().read_all().unwrap(), b"x");
        assert!(matches!(reading.create(), Err(BlobError::ReadOnly)));
        assert!(matches!(reading.remove(id), Err(BlobError::ReadOnly)));
    }

    #[test]
    fn what_a_killed_writer_left_is_cleared_away_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let id = store.put(b"kept", Durability::Now).unwrap();
        let (_, mut writer) = store.create().unwrap();
        writer.write_all(b"lost").unwrap();
        // As after a kill: the destructor does not run.
        std::mem::forget(writer);
        assert_eq!(store.remove_unfinished(Duration::from_secs(3600)).unwrap(), 0);
        assert_eq!(store.remove_unfinished(Duration::ZERO).unwrap(), 1);
        assert!(store.exists(id));
    }

    #[test]
    #[cfg(unix)]
    fn other_users_of_the_machine_can_open_neither_folder_nor_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let id = store.put(b"x", Durability::Now).unwrap();
        for path in store.path(id).ancestors().take(4) {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
    }

    #[test]
    fn several_threads_fill_one_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for length in 0..50 {
                        let id = store.put(&vec![7; length], Durability::Later).unwrap();
                        assert_eq!(store.open(id).unwrap().len(), length as u64);
                    }
                });
            }
        });
        assert_eq!(store.list().unwrap().len(), 200);
    }
}
