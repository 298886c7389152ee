//! How much graphics memory the program takes, and the line it does not cross.
//!
//! No portable interface tells how much there is, so the budget is a cautious default by the kind of
//! adapter; settings may set another. Going over is refused with both figures before the driver fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes a thing needs and bytes that are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{:.1} GB of graphics memory are needed, {:.1} GB are free", gb(*.needed), gb(*.free))]
pub struct OutOfGpuMemory {
    /// Bytes asked for.
    pub needed: u64,
    /// Bytes left in the budget.
    pub free: u64,
}

fn gb(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

#[derive(Debug)]
struct Account {
    budget: AtomicU64,
    used: AtomicU64,
    peak: AtomicU64,
}

/// The account of the device's memory.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Account>);

/// Memory taken from the budget; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    account: Arc<Account>,
    bytes: u64,
}

impl MemoryBudget {
    /// An empty account of `budget` bytes.
    pub fn new(budget: u64) -> Self {
        Self(Arc::new(Account { budget: AtomicU64::new(budget), used: 0.into(), peak: 0.into() }))
    }

    /// Takes `bytes` or says how much is left.
    ///
    /// # Errors
    /// [`OutOfGpuMemory`] when the budget does not hold them.
    pub fn reserve(&self, bytes: u64) -> Result<Reservation, OutOfGpuMemory> {
        let budget = self.budget();
        let taken = self.0.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| {
            used.checked_add(bytes).filter(|total| *total <= budget)
        });
        match taken {
            Ok(before) => {
                self.0.peak.fetch_max(before + bytes, Ordering::SeqCst);
                Ok(Reservation { account: self.0.clone(), bytes })
            }
            Err(used) => Err(OutOfGpuMemory { needed: bytes, free: budget.saturating_sub(used) }),
        }
    }

    /// Bytes the program allows itself.
    pub fn budget(&self) -> u64 {
        self.0.budget.load(Ordering::SeqCst)
    }

    /// Sets what the program allows itself, from the settings.
    pub fn set_budget(&self, bytes: u64) {
        self.0.budget.store(bytes, Ordering::SeqCst);
    }

    /// Bytes taken now.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::SeqCst)
    }

    /// Most bytes ever taken at once.
    pub fn peak(&self) -> u64 {
        self.0.peak.load(Ordering::SeqCst)
    }
}

impl Reservation {
    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.account.used.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_study_that_does_not_fit_is_refused_with_both_figures() {
        let memory = MemoryBudget::new(8_000_000_000);
        let held = memory.reserve(1_000_000_000).unwrap();
        let refused = memory.reserve(9_200_000_000).unwrap_err();
        assert_eq!(refused.to_string(), "9.2 GB of graphics memory are needed, 7.0 GB are free");
        drop(held);
        assert_eq!((memory.used(), memory.peak()), (0, 1_000_000_000));
    }
}
