//! What the graphics device complained about, each complaint once.
//!
//! wgpu reports the same validation error every frame; a log that grows by it hides everything else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Distinct messages with how often each came; shared with the device's callbacks.
#[derive(Clone, Debug, Default)]
pub struct ErrorLog(Arc<Mutex<BTreeMap<String, u64>>>);

/// More distinct messages than this are not kept: the first ones are the telling ones.
const KEPT: usize = 64;

impl ErrorLog {
    /// Counts a message; true the first time it is seen, when it is worth telling someone.
    pub fn record(&self, message: &str) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = seen.get_mut(message) {
            *count += 1;
            return false;
        }
        if seen.len() >= KEPT {
            return false;
        }
        seen.insert(message.to_owned(), 1);
        true
    }

    /// Every distinct message and how often it came.
    pub fn entries(&self) -> Vec<(String, u64)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().map(|(message, count)| (message.clone(), *count)).collect()
    }

    /// True when nothing went wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_every_frame_is_told_once_and_counted() {
        let log = ErrorLog::default();
        assert!(log.record("texture is gone"));
        assert!(!log.record("texture is gone"));
        assert!(log.record("buffer is too small"));
        assert_eq!(log.entries(), [("buffer is too small".to_owned(), 1), ("texture is gone".to_owned(), 2)]);
    }
}
