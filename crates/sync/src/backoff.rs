//! How long to wait before the next try: longer each time, never all at once, and as long as the server asks for.
//!
//! Waiting goes by the monotonic clock. What is stored of it is for people, and is read with care after a restart.

use ring::rand::{SecureRandom, SystemRandom};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// What a server may ask for. More is a server that is wrong about the time.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

/// Tries in vain since the last success.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    pub(crate) fn attempts(self) -> u32 {
        self.attempts
    }

    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The pause after one more try in vain. `asked`: what the server said (Retry-After).
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        after(self.attempts, asked, fraction())
    }
}

/// The pause after `attempts` tries. `fraction` from 0 to 1 spreads those who failed at the same moment: half of the pause
/// is fixed, half by chance. What the server asks for is kept to in full.
pub(crate) fn after(attempts: u32, asked: Option<Duration>, fraction: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1_u32 << attempts.saturating_sub(1).min(16)).min(LONGEST);
    let spread = doubled / 2 + doubled.mul_f64(fraction.clamp(0.0, 1.0) / 2.0);
    match asked {
        Some(asked) => asked.min(LONGEST_ASKED) + spread.min(FIRST),
        None => spread,
    }
}

/// A number from 0 to 1. Without randomness all wait as long: slower, not wrong.
pub(crate) fn fraction() -> f64 {
    let mut bytes = [0; 2];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_five_minutes_and_no_further() {
        let pauses: Vec<u64> = (1..40).map(|n| after(n, None, 1.0).as_secs()).collect();
        assert_eq!(pauses[..4], [1, 2, 4, 8]);
        assert!(pauses.is_sorted());
        assert_eq!(pauses.last(), Some(&300));
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it() {
        let asked = Some(Duration::from_secs(120));
        assert!(after(1, asked, 0.0) >= Duration::from_secs(120));
        assert!(after(1, Some(Duration::from_secs(86_400 * 365)), 1.0) <= Duration::from_secs(3601));
    }

    #[test]
    fn those_who_failed_together_do_not_come_back_together() {
        assert!(after(5, None, 0.0) < after(5, None, 1.0));
        assert!(after(5, None, 0.0) > Duration::ZERO);
        assert!((0.0..=1.0).contains(&fraction()));
    }
}
