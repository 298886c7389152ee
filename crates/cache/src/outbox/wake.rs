//! Who waits for something new in the records is told, so that nobody has to look again and again.

use crate::Cache;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, Weak};

type Listener = dyn Fn() + Send + Sync;

/// Those who are told.
#[derive(Default)]
pub(crate) struct Wake {
    listeners: RwLock<Vec<Weak<Listener>>>,
    again: AtomicU64,
}

impl Wake {
    /// After each transaction.
    pub(crate) fn all(&self) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener();
        }
    }

    /// What was passed over is to be looked at again. To be called when that is committed: who looks before finds nothing, and
    /// would not look a second time.
    pub(crate) fn again(&self) {
        self.again.fetch_add(1, Ordering::AcqRel);
        self.all();
    }
}

impl Cache {
    /// Has `listener` called after each change of the records, for as long as it lives. It must not wait and not use the
    /// cache.
    pub fn on_change(&self, listener: Weak<Listener>) {
        let mut listeners = self.wake.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|known| known.strong_count() > 0);
        listeners.push(listener);
    }

    /// Changes when a person has had an earlier entry of the outbox tried again: who remembers how far it has come begins
    /// from the first entry then.
    #[must_use]
    pub fn outbox_generation(&self) -> u64 {
        self.wake.again.load(Ordering::Acquire)
    }
}
