//! Points in time and DICOM dates. Nobody here asks the clock: times come in as arguments.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment in milliseconds since the epoch, from the system's own type.
    pub fn from_system(time: std::time::SystemTime) -> Self {
        let ms = time.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis());
        Self(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// What the calendar and the clock of a place say, `utc_offset_min` minutes east of UTC.
    pub fn civil(self, utc_offset_min: i32) -> CivilTime {
        let ms = self.0.saturating_add(i64::from(utc_offset_min) * 60_000);
        let (year, month, day) = civil_date(ms.div_euclid(DAY_MS));
        let in_day = ms.rem_euclid(DAY_MS);
        let part = |unit_ms: i64, of: i64| in_day / unit_ms % of;
        CivilTime {
            year,
            month,
            day,
            hour: part(3_600_000, 24),
            minute: part(60_000, 60),
            second: part(1000, 60),
            milli: part(1, 1000),
        }
    }

    /// `2026-11-22T20:39:03.120Z` (ISO 8601, RFC 3339; FHIR's `instant`, XML's `dateTime`). Years beyond four digits,
    /// which no clock has, are written with their digits.
    pub fn iso(self) -> String {
        let CivilTime { year, month, day, hour, minute, second, milli } = self.civil(0);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

const DAY_MS: i64 = 86_400_000;

/// A moment in the proleptic Gregorian calendar: months and days count from 1, hours to 23.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each says what it is")]
pub struct CivilTime {
    pub year: i64,
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub milli: i64,
}

impl CivilTime {
    /// `20261122`, as DICOM (DA) and HL7 v2 write the day.
    pub fn compact_date(self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }

    /// `203903`, as DICOM (TM) and HL7 v2 write the time of day.
    pub fn compact_time(self) -> String {
        format!("{:02}{:02}{:02}", self.hour, self.minute, self.second)
    }
}

/// Year, month and day of days since 1970-01-01: the inverse of [`DicomDate::days_since_epoch`].
fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468; // from 0000-03-01, so that a leap day is the last of its year
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A calendar date as DICOM writes it (VR DA): `YYYYMMDD`. Always a date that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DicomDate {
    year: u16,
    month: u8,
    day: u8,
}

impl DicomDate {
    /// Reads `YYYYMMDD`, `YYYY.MM.DD` (the ACR-NEMA form) or `YYYY-MM-DD`. `None` when it is no date.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.trim_matches(['\0', ' ']).chars().filter(|c| !".-".contains(*c)).collect();
        if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (year, month, day) =
            (digits[..4].parse().ok()?, digits[4..6].parse().ok()?, digits[6..].parse().ok()?);
        (1..=12).contains(&month).then_some(())?;
        (1..=days_in_month(year, month)).contains(&day).then_some(Self { year, month, day })
    }

    /// Whole years from this date to `later`: a patient's age. `None` when `later` is before.
    pub fn years_until(self, later: DicomDate) -> Option<u16> {
        let years = later.year.checked_sub(self.year)?;
        let had_birthday = (later.month, later.day) >= (self.month, self.day);
        if had_birthday { Some(years) } else { years.checked_sub(1) }
    }

    /// Days since 1970-01-01; negative before. Gregorian, by counting from March of a 400-year era.
    pub fn days_since_epoch(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// The day that [`Self::days_since_epoch`] counts. `None` outside of the years 0 to 9999, which DA can write.
    pub fn from_days_since_epoch(days: i64) -> Option<Self> {
        let (year, month, day) = civil_date(days);
        let year = u16::try_from(year).ok().filter(|year| *year <= 9999)?;
        Some(Self { year, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? })
    }

    /// `2024-03-09`.
    pub fn iso(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// `20240309`, as DICOM writes it and as text that sorts by time.
    pub fn compact(self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }
}

/// Seconds since midnight of a DICOM time (VR TM): `HHMMSS.FFFFFF`, shorter forms and the old one with colons.
/// `None` when it is no time.
pub fn seconds_of_day(text: &str) -> Option<f64> {
    let text: String = text.trim_matches(['\0', ' ']).chars().filter(|c| *c != ':').collect();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let is_number = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if !matches!(whole.len(), 2 | 4 | 6) || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let part = |at: usize| whole.get(at..at + 2).map_or(Some(0.0), |t| t.parse::<f64>().ok());
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    // A leap second is a time.
    let fits = hours < 24.0 && minutes < 60.0 && seconds <= 60.0;
    let fraction = format!("0.{fraction}0").parse::<f64>().ok()?;
    fits.then_some(hours * 3600.0 + minutes * 60.0 + seconds + fraction)
}

/// Seconds since the epoch of a DICOM date time (VR DT), its offset from UTC left aside: for differences of times
/// of one device. `None` when it is none to the second.
pub fn seconds_of_date_time(text: &str) -> Option<f64> {
    let text = text.trim_matches(['\0', ' ']);
    let text = text.find(['+', '-']).map_or(text, |at| &text[..at]);
    let (date, time) = text.split_at_checked(8)?;
    (time.len() >= 6).then_some(())?;
    Some(DicomDate::parse(date)?.days_since_epoch() as f64 * 86_400.0 + seconds_of_day(time)?)
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

impl TryFrom<String> for DicomDate {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "not a date of the form YYYYMMDD".to_owned())
    }
}

impl From<DicomDate> for String {
    fn from(date: DicomDate) -> String {
        date.iso()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_is_a_year_older_on_the_birthday_and_not_before() {
        let birth = DicomDate::parse("19570314").unwrap();
        assert_eq!(birth.years_until(DicomDate::parse("20260313").unwrap()), Some(68));
        assert_eq!(birth.years_until(DicomDate::parse("20260314").unwrap()), Some(69));
    }

    #[test]
    fn an_hour_over_midnight_is_an_hour() {
        let at = |text| seconds_of_date_time(text).unwrap();
        assert_eq!(at("20240301003000") - at("20240229233000.000"), 3600.0);
        assert_eq!(DicomDate::parse("19700101").unwrap().days_since_epoch(), 0);
        assert_eq!(DicomDate::parse("20000301").unwrap().days_since_epoch(), 11_017);
        assert_eq!(seconds_of_day("07:30:15.25"), Some(27_015.25));
        assert_eq!((seconds_of_day("2560"), seconds_of_day("7")), (None, None));
    }

    #[test]
    fn every_day_that_dicom_can_write_is_counted_there_and_back() {
        let first = DicomDate::parse("00000101").unwrap().days_since_epoch();
        let last = DicomDate::parse("99991231").unwrap().days_since_epoch();
        for days in first..=last {
            let date = DicomDate::from_days_since_epoch(days).unwrap();
            assert_eq!((date.days_since_epoch(), DicomDate::parse(&date.compact())), (days, Some(date)));
        }
        assert_eq!(DicomDate::from_days_since_epoch(first - 1), None);
        assert_eq!(DicomDate::from_days_since_epoch(last + 1), None);
    }

    #[test]
    fn a_moment_is_written_as_every_calendar_has_it() {
        let iso = |ms| Timestamp(ms).iso();
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(iso(951_827_696_789), "2000-02-29T12:34:56.789Z");
        assert_eq!(iso(1_795_379_968_123), "2026-11-22T20:39:28.123Z");
        let madrid = Timestamp(1_795_391_999_000).civil(60);
        assert_eq!((madrid.compact_date().as_str(), madrid.compact_time().as_str()), ("20261123", "005959"));
    }

    #[test]
    fn a_date_that_does_not_exist_is_no_date() {
        assert_eq!(DicomDate::parse("20230229"), None);
        assert!(DicomDate::parse("20240229").is_some());
        assert_eq!(DicomDate::parse("1957"), None);
    }
}
