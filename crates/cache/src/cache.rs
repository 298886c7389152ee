//! The open cache: its connections, its blob store, and the lock that makes this process its owner.

use crate::audit::{Act, Ledger};
use crate::folder::{self, Description};
use crate::gate::Gate;
use crate::journal::{self, Journal};
use crate::worklist::Index;
use crate::{CacheError, outbox::Wake, schema, tables};
use medsight_audit::{Action, AuditEvent};
use medsight_base::Timestamp;
use medsight_vault::{BlobKey, BlobStore, KeySource, MasterKey, Purpose};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// Connections for reading that are kept; more are opened when more threads read at once.
const IDLE_READERS: usize = 4;
/// How long another process may hold the database before this one gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open cache. Share it between threads: reading does not wait for writing.
pub struct Cache {
    folder: PathBuf,
    master_hex: Zeroizing<String>,
    blobs: BlobStore,
    blob_key: BlobKey,
    /// `None` when opened for reading only.
    writer: Option<Mutex<Connection>>,
    readers: Mutex<Vec<Connection>>,
    pub(crate) index: RwLock<Option<Index>>,
    pub(crate) gate: Gate,
    pub(crate) journal: Journal,
    pub(crate) ledger: Ledger,
    pub(crate) wake: Wake,
    /// Held until the cache is closed; `None` when opened for reading only.
    lock: Option<File>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("writable", &self.writer.is_some()).finish_non_exhaustive()
    }
}

impl Cache {
    /// Whether `folder` holds a cache. Says nothing about its key.
    #[must_use]
    pub fn exists(folder: &Path) -> bool {
        folder.join("records.db").is_file() || folder.join("cache.json").is_file()
    }

    /// Opens the cache with the key from `source`, as its owner. On the first run makes the cache and, if the
    /// source has none yet, the key, and notes the source in `cache.json`. Asks the keyring: not for the thread
    /// that draws.
    ///
    /// # Errors
    /// [`CacheError`]; nothing on disk is changed when the key is missing, wrong or closed.
    pub fn open_with(folder: &Path, source: &KeySource) -> Result<Self, CacheError> {
        folder::create(folder)?;
        let next = Description::read(folder)?.and_then(|description| description.next_key_source);
        let master = source.create_if_first_run(Self::exists(folder))?;
        match (Self::open_noting(folder, &master, Some(source)), next) {
            // A change of key was cut short after the records had the new one.
            (Err(CacheError::WrongKey), Some(next)) => {
                let next: KeySource = next.parse()?;
                Self::open_noting(folder, &next.load()?, Some(&next))
            }
            (opened, _) => opened,
        }
    }

    /// Opens the cache as its owner; makes it when the folder holds none.
    ///
    /// # Errors
    /// [`CacheError::InUse`] when another process owns it, [`CacheError::WrongKey`], [`CacheError::Newer`], …
    pub fn open(folder: &Path, master: &MasterKey) -> Result<Self, CacheError> {
        Self::open_noting(folder, master, None)
    }

    fn open_noting(
        folder: &Path,
        master: &MasterKey,
        source: Option<&KeySource>,
    ) -> Result<Self, CacheError> {
        folder::create(folder)?;
        let lock = folder::lock(folder)?;
        let description = Description::read(folder)?;
        let records = folder.join("records.db");
        // A first run that was cut short before it was complete leaves records that nobody can have used.
        if description.is_none() && records.exists() && !opens(&records, master) {
            return Err(CacheError::WrongKey);
        }
        if let Some(description) = &description {
            if !description.knows(master) {
                return Err(CacheError::WrongKey);
            }
            if !records.exists() {
                return Err(CacheError::Damaged("records.db is missing".to_owned()));
            }
        }
        crate::rekey::clear_interrupted(folder)?;
        let master_hex = master.derive(Purpose::Records).to_hex();
        let mut db = connect(&records, &master_hex, OpenFlags::SQLITE_OPEN_CREATE)
            .map_err(|error| tell_key_from_damage(error, description.as_ref()))?;
        schema::check_version(&db)?;
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        schema::migrate(&mut db)?;
        let ledger = Ledger::open(&mut db, folder, master)?;
        let blob_key = first_use(&mut db, &ledger)?;
        let settled = settled(description.clone(), master, source);
        // Not written without need: a cache on a full disk must still open.
        if description.as_ref() != Some(&settled) {
            settled.write(folder)?;
        }
        let blobs = BlobStore::open_or_create(&folder.join("blobs"), blob_key.clone())?;
        let journal = Journal::new(folder, blob_key.clone(), journal::generation(&db)?);
        let cache = Self {
            folder: folder.to_path_buf(),
            master_hex,
            blobs,
            blob_key,
            writer: Some(Mutex::new(db)),
            readers: Mutex::default(),
            index: RwLock::default(),
            gate: Gate::new(folder),
            journal,
            ledger,
            wake: Wake::default(),
            lock: Some(lock),
        };
        cache.replay();
        // What can't be taken in now is taken in another time; the check tells of what can't be read.
        let _stays = cache.take_left_events();
        Ok(cache)
    }

    /// Opens a cache for reading while another process may own it. Writing gives [`CacheError::ReadOnly`].
    ///
    /// # Errors
    /// [`CacheError::NoCache`] when there is none; others as [`Cache::open`].
    pub fn open_read_only(folder: &Path, master: &MasterKey) -> Result<Self, CacheError> {
        if !Self::exists(folder) {
            return Err(CacheError::NoCache(folder.to_path_buf()));
        }
        let description = Description::read(folder)?;
        if description.as_ref().is_some_and(|description| !description.knows(master)) {
            return Err(CacheError::WrongKey);
        }
        let master_hex = master.derive(Purpose::Records).to_hex();
        let db = connect(&folder.join("records.db"), &master_hex, OpenFlags::empty())
            .map_err(|error| tell_key_from_damage(error, description.as_ref()))?;
        schema::check_version(&db)?;
        db.execute_batch("PRAGMA query_only = 1")?;
        let blob_key = stored_blob_key(&db)?.ok_or_else(no_blob_key)?;
        let journal = Journal::new(folder, blob_key.clone(), journal::generation(&db)?);
        let ledger = Ledger::read(&db, master)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            master_hex,
            blobs: BlobStore::read_only(&folder.join("blobs"), blob_key.clone()),
            blob_key,
            writer: None,
            readers: Mutex::new(vec![db]),
            index: RwLock::default(),
            gate: Gate::new(folder),
            journal,
            ledger,
            wake: Wake::default(),
            lock: None,
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The encrypted files.
    #[must_use]
    pub fn blobs(&self) -> &BlobStore {
        &self.blobs
    }

    /// The key of the encrypted files, for the light box's first message.
    #[must_use]
    pub fn blob_key(&self) -> &BlobKey {
        &self.blob_key
    }

    /// Runs `work` on a connection that reads. It sees one state of the records.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, CacheError>,
    ) -> Result<T, CacheError> {
        let idle = held(&self.readers).pop();
        let db = match idle {
            Some(db) => db,
            None => {
                let db = connect(&self.folder.join("records.db"), &self.master_hex, OpenFlags::empty())?;
                db.execute_batch("PRAGMA query_only = 1")?;
                db
            }
        };
        let answer = db.unchecked_transaction().map_err(CacheError::from).and_then(|seen| work(&seen));
        let mut readers = held(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(db);
        }
        answer
    }

    /// Runs `work` in a transaction: all of it is durable when this returns well, else nothing of it is.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Act<'_>) -> Result<T, CacheError>,
    ) -> Result<T, CacheError> {
        let mut db = held(self.writer.as_ref().ok_or(CacheError::ReadOnly)?);
        let act = Act::new(db.transaction_with_behavior(TransactionBehavior::Immediate)?, &self.ledger);
        let answer = work(&act)?;
        act.commit(true)?;
        drop(db);
        self.wake.all();
        Ok(answer)
    }

    /// As [`Self::write`], for what the journal makes durable: `is_durable` is asked when `work` is done, and only
    /// where it agrees the transaction is committed, without a wait for the disk. `None` where it does not: nothing
    /// was done then.
    pub(crate) fn write_journaled<T>(
        &self,
        work: impl FnOnce(&Act<'_>) -> Result<T, CacheError>,
        is_durable: impl FnOnce() -> bool,
    ) -> Result<Option<T>, CacheError> {
        let mut db = held(self.writer.as_ref().ok_or(CacheError::ReadOnly)?);
        db.execute_batch("PRAGMA synchronous = NORMAL")?;
        let commit = |db: &mut Connection| {
            let act = Act::new(db.transaction_with_behavior(TransactionBehavior::Immediate)?, &self.ledger);
            let answer = work(&act)?;
            if !is_durable() {
                return Ok(None);
            }
            act.commit(false)?;
            Ok(Some(answer))
        };
        let answer = commit(&mut db);
        db.execute_batch("PRAGMA synchronous = FULL")?;
        drop(db);
        self.wake.all();
        answer
    }

    /// Takes every connection away, for replacing the database file.
    pub(crate) fn into_writer(mut self) -> Result<(Connection, PathBuf, Option<File>), CacheError> {
        held(&self.readers).clear();
        let writer = self.writer.take().ok_or(CacheError::ReadOnly)?;
        let writer = writer.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((writer, std::mem::take(&mut self.folder), self.lock.take()))
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.writer.is_some() {
            // What cannot be settled is taken in from the journal when the cache is opened again.
            let _stays = self.settle();
        }
    }
}

/// A thread that panicked while it held a connection left a transaction that is rolled back with its guard.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a database with its raw key (SQLCipher: "Raw Key Data", no password derivation) and reads from it,
/// because only reading shows whether the key fits.
pub(crate) fn connect(path: &Path, key_hex: &str, create: OpenFlags) -> Result<Connection, CacheError> {
    if create.is_empty() && !path.is_file() {
        return Err(CacheError::Damaged("records.db is missing".to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    if !path.exists() {
        drop(folder::private_file(path)?);
    }
    // SQLCipher sets itself up with the first key; two at that moment meet each other half way.
    static FIRST_KEY: Mutex<()> = Mutex::new(());
    let setting_up = held(&FIRST_KEY);
    let db = Connection::open_with_flags(path, flags)?;
    // SQLCipher would write to standard error what this program tells in its own words.
    db.execute_batch("PRAGMA cipher_log_level = NONE")?;
    let key = Zeroizing::new(format!("PRAGMA key = \"x'{key_hex}'\""));
    db.execute_batch(&key)?;
    // Readable only with the right key.
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    drop(setting_up);
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768;
         PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL;",
    )?;
    Ok(db)
}

fn opens(records: &Path, master: &MasterKey) -> bool {
    connect(records, &master.derive(Purpose::Records).to_hex(), OpenFlags::empty()).is_ok()
}

/// "Not a database" means another key, unless the fingerprint says that the key is the right one.
fn tell_key_from_damage(error: CacheError, description: Option<&Description>) -> CacheError {
    match (error, description) {
        (CacheError::Damaged(_), Some(description)) if description.key_fingerprints.len() == 1 => {
            CacheError::Damaged("the key is right, but records.db does not open".to_owned())
        }
        (CacheError::Damaged(_), _) => CacheError::WrongKey,
        (other, _) => other,
    }
}

fn stored_blob_key(db: &Connection) -> Result<Option<BlobKey>, CacheError> {
    let bytes: Option<[u8; 32]> = tables::meta::get(db, "blob_key")?;
    Ok(bytes.map(BlobKey::from_bytes))
}

fn no_blob_key() -> CacheError {
    CacheError::Damaged("the key of the image files is not in it".to_owned())
}

/// The key of the blobs; on the first run a random one, kept in the encrypted records. So a new master key
/// rewrites the records and no image.
fn first_use(db: &mut Connection, ledger: &Ledger) -> Result<BlobKey, CacheError> {
    if let Some(key) = stored_blob_key(db)? {
        return Ok(key);
    }
    let key =
        MasterKey::random().ok_or(CacheError::Blob(medsight_vault::BlobError::NoRandomness))?.blob_key();
    let act = Act::new(db.transaction()?, ledger);
    tables::meta::set(&act, "blob_key", key.as_bytes())?;
    let event = AuditEvent::new(&program(), Action::CacheCreated, now(), None, serde_json::Value::Null);
    tables::audit::add(&act, &event)?;
    act.commit(true)?;
    Ok(key)
}

/// What `cache.json` says from now on: one key, the one that has just opened the records.
fn settled(description: Option<Description>, master: &MasterKey, source: Option<&KeySource>) -> Description {
    let mut description = description.unwrap_or_else(|| Description::new(master));
    description.key_fingerprints = vec![folder::fingerprint(master)];
    description.next_key_source = None;
    if let Some(source) = source {
        description.key_source = Some(source.to_string());
    }
    description
}

/// The clock, for what the cache does by itself.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// Who did it, when it was the program by itself.
pub(crate) fn program() -> String {
    "medsight".to_owned()
}
