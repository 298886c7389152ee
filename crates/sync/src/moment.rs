//! Points in time as text, in UTC.

use medsight_base::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

/// What is added to the system's clock: not zero only where a test sets the clock back.
static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

/// The clock of the system.
pub(crate) fn now() -> Timestamp {
    Timestamp(Timestamp::from_system(SystemTime::now()).0 + OFFSET_MS.load(Ordering::Relaxed))
}

/// Sets the clock of this crate ahead or back, as a person or a time server sets that of the system.
#[doc(hidden)]
pub fn set_clock_offset_ms(offset_ms: i64) {
    OFFSET_MS.store(offset_ms, Ordering::Relaxed);
}

/// `20261122203928+0000` (HL7 v2, TS).
pub(crate) fn hl7(at: Timestamp) -> String {
    let at = at.civil(0);
    format!("{}{}+0000", at.compact_date(), at.compact_time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hl7_has_a_moment_to_the_second_and_says_that_it_is_utc() {
        assert_eq!(hl7(Timestamp(1_795_379_968_123)), "20261122203928+0000");
    }
}
