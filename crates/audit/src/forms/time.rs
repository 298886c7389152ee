//! A moment as text: ISO 8601 in UTC with milliseconds, as FHIR's `instant` and XML's `dateTime` write it.

use medsight_base::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// `2026-11-22T20:39:03.120Z`. Years beyond four digits, which no clock here has, are written with their digits.
#[must_use]
pub fn iso(at: Timestamp) -> String {
    let (days, ms) = (at.0.div_euclid(DAY_MS), at.0.rem_euclid(DAY_MS));
    // Gregorian, by counting from March of a 400-year era: the inverse of `DicomDate::days_since_epoch`.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use medsight_base::DicomDate;

    #[test]
    fn a_moment_is_written_as_the_calendar_has_it() {
        assert_eq!(iso(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(Timestamp(-1)), "1969-12-31T23:59:59.999Z");
        assert_eq!(iso(Timestamp(951_782_400_000)), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(Timestamp(1_790_000_000_123)), "2026-09-21T14:13:20.123Z");
    }

    #[test]
    fn every_day_of_a_century_is_the_day_that_dicom_dates_count() {
        for days in (0..36_525).step_by(13) {
            let text = iso(Timestamp(days * DAY_MS));
            let date = DicomDate::parse(&text[..10]).unwrap();
            assert_eq!(date.days_since_epoch(), days);
        }
    }
}
