//! Who is writing files that no record names yet, and what a killed one of them left behind.
//!
//! While somebody writes, a mark lies in the folder. A program that opens the cache and finds it knows that another
//! was killed in the middle, and that there may be files without a record: [`crate::Cache::clear_left_over`].

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The mark, in the folder of the cache. Empty.
const MARK: &str = "writing";

pub(crate) struct Gate {
    /// Held for reading by who writes, for writing by who clears away.
    lock: RwLock<()>,
    mark: PathBuf,
    writing: Mutex<usize>,
    left_over: AtomicBool,
    lingers: AtomicBool,
}

/// Held while files are written before their records.
pub(crate) struct Writing<'g> {
    gate: &'g Gate,
    _lock: RwLockReadGuard<'g, ()>,
}

impl Gate {
    /// For the owner of the cache in `folder`, or one who only reads it: that one writes no mark.
    pub(crate) fn new(folder: &Path) -> Self {
        let mark = folder.join(MARK);
        let left_over = AtomicBool::new(mark.exists());
        let (lock, writing, lingers) = Default::default();
        Self { lock, mark, writing, left_over, lingers }
    }

    /// Waits while files are cleared away.
    pub(crate) fn write_files(&self) -> Writing<'_> {
        let lock = self.lock.read().unwrap_or_else(PoisonError::into_inner);
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        *writing += 1;
        if *writing == 1 && !self.lingers.load(Ordering::Acquire) {
            // Without a mark (a full disk) only the clearing after a kill is lost, which `gc` does too.
            let _without = std::fs::write(&self.mark, []);
        }
        Writing { gate: self, _lock: lock }
    }

    /// Waits until nobody writes.
    pub(crate) fn clear_away(&self) -> RwLockWriteGuard<'_, ()> {
        self.lock.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an earlier program was killed while it wrote, and nothing was cleared away since.
    pub(crate) fn has_left_over(&self) -> bool {
        self.left_over.load(Ordering::Acquire)
    }

    /// Everything without a record is gone. To be called with the guard of [`Self::clear_away`] held.
    pub(crate) fn cleared(&self) {
        self.left_over.store(false, Ordering::Release);
        self.remove_mark();
    }

    /// Whether the mark stays when nobody writes: while there are files that come one by one, or a journal of them.
    pub(crate) fn linger(&self, lingers: bool) {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.lingers.store(lingers, Ordering::Release);
        self.remove_unless_needed(*writing);
    }

    fn remove_unless_needed(&self, writing: usize) {
        if writing == 0 && !self.has_left_over() && !self.lingers.load(Ordering::Acquire) {
            self.remove_mark();
        }
    }

    fn remove_mark(&self) {
        // One that stays costs a search for files at the next start.
        let _stays = std::fs::remove_file(&self.mark);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut writing = self.gate.writing.lock().unwrap_or_else(PoisonError::into_inner);
        *writing -= 1;
        self.gate.remove_unless_needed(*writing);
    }
}
