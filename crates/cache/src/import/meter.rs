//! Counting what is found and done, and from that the speed and the time left.

use super::Progress;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Speed is taken over this long.
const WINDOW: Duration = Duration::from_secs(5);

/// Shared by the threads of an import.
#[derive(Default)]
pub(super) struct Meter {
    files_total: AtomicU64,
    bytes_total: AtomicU64,
    files_done: AtomicU64,
    bytes_done: AtomicU64,
    listed: AtomicBool,
    /// When so many bytes were done, over the last [`WINDOW`].
    points: Mutex<VecDeque<(Instant, u64)>>,
}

impl Meter {
    pub(super) fn found(&self, bytes: u64) {
        self.files_total.fetch_add(1, Ordering::Relaxed);
        self.bytes_total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn done(&self, bytes: u64) {
        self.files_done.fetch_add(1, Ordering::Relaxed);
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// All is found.
    pub(super) fn listed(&self) {
        self.listed.store(true, Ordering::Relaxed);
    }

    pub(super) fn progress(&self) -> Progress {
        let now = Instant::now();
        let (bytes_done, bytes_total) =
            (self.bytes_done.load(Ordering::Relaxed), self.bytes_total.load(Ordering::Relaxed));
        let counting = !self.listed.load(Ordering::Relaxed);
        let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        points.push_back((now, bytes_done));
        while points.len() > 2 && points.front().is_some_and(|(then, _)| now - *then > WINDOW) {
            points.pop_front();
        }
        let (then, before) = points.front().copied().unwrap_or((now, bytes_done));
        let seconds = (now - then).as_secs_f64();
        let bytes_per_second = if seconds > 0.0 { (bytes_done - before) as f64 / seconds } else { 0.0 };
        let can_tell = !counting && bytes_per_second > 0.0;
        Progress {
            files_done: self.files_done.load(Ordering::Relaxed),
            files_total: self.files_total.load(Ordering::Relaxed),
            bytes_done,
            bytes_total,
            bytes_per_second,
            seconds_left: can_tell.then(|| bytes_total.saturating_sub(bytes_done) as f64 / bytes_per_second),
            counting,
        }
    }
}
