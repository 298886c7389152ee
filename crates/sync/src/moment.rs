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

/// `2026-11-22T20:39:28.123Z` (RFC 3339, and FHIR's `instant`).
#[must_use]
pub fn instant(at: Timestamp) -> String {
    let (year, month, day, ms) = parts(at);
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let (second, milli) = (ms / 1000 % 60, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// `20261122203928+0000` (HL7 v2, TS).
pub(crate) fn hl7(at: Timestamp) -> String {
    let text = instant(at);
    let digits: String = text[..19].chars().filter(char::is_ascii_digit).collect();
    format!("{digits}+0000")
}

/// Year, month, day, milliseconds of the day: days since 0000-03-01 by eras of 400 years (proleptic Gregorian).
fn parts(at: Timestamp) -> (i64, i64, i64, i64) {
    const DAY_MS: i64 = 86_400_000;
    let days = at.0.div_euclid(DAY_MS) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, at.0.rem_euclid(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_every_calendar_has_it() {
        assert_eq!(instant(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(instant(Timestamp(951_782_400_000)), "2000-02-29T00:00:00.000Z");
        assert_eq!(instant(Timestamp(1_795_379_968_123)), "2026-11-22T20:39:28.123Z");
        assert_eq!(instant(Timestamp(-1)), "1969-12-31T23:59:59.999Z");
        assert_eq!(hl7(Timestamp(1_795_379_968_123)), "20261122203928+0000");
    }
}
