//! Moving dates by days (PS3.5 6.2: DA, DT). Times of day stay: intervals within a study are kept exactly.

/// A value of VR DA, DT or TM, moved. `None` where it cannot be read: then it must not stay.
pub(super) fn moved(value: &str, vr: [u8; 2], days: i64) -> Option<String> {
    let parts: Option<Vec<String>> = value.split('\\').map(|part| one(part.trim(), vr, days)).collect();
    parts.map(|parts| parts.join("\\"))
}

fn one(text: &str, vr: [u8; 2], days: i64) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    match &vr {
        b"TM" => {
            text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b':')).then(|| text.to_owned())
        }
        b"DA" => {
            let digits: String = text.chars().filter(|c| *c != '.').collect(); // ACR-NEMA wrote 1993.08.22
            (digits.len() == 8).then(|| date(&digits, days))?
        }
        b"DT" => {
            let rest = text.get(8..).unwrap_or_default();
            let plain = rest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-'));
            // A year or a month alone cannot be moved by days.
            let first = text.get(..8).filter(|_| plain)?;
            Some(date(first, days)? + rest)
        }
        _ => None,
    }
}

/// `YYYYMMDD` by days; `None` for a day that does not exist.
fn date(text: &str, days: i64) -> Option<String> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) =
        (text.get(..4)?.parse().ok()?, text.get(4..6)?.parse().ok()?, text.get(6..)?.parse().ok()?);
    let number = days_from_civil(year, month, day);
    if civil_from_days(number) != (year, month, day) {
        return None;
    }
    let (year, month, day) = civil_from_days(number + days);
    (0..=9999).contains(&year).then(|| format!("{year:04}{month:02}{day:02}"))
}

/// Days since 1970-01-01 in the Gregorian calendar, by counting years from March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_over_months_and_leap_days() {
        assert_eq!(moved("20240301", *b"DA", -1).unwrap(), "20240229");
        assert_eq!(moved("20230301", *b"DA", -1).unwrap(), "20230228");
        assert_eq!(moved("20000101", *b"DA", -366).unwrap(), "19981231");
        assert_eq!(moved("20200105101530.25+0100", *b"DT", -5).unwrap(), "20191231101530.25+0100");
        assert_eq!(moved("20200105\\20200106", *b"DA", -5).unwrap(), "20191231\\20200101");
        assert_eq!(moved("101530.25", *b"TM", -5).unwrap(), "101530.25");
    }

    #[test]
    fn what_is_no_date_does_not_pass_as_one() {
        for (text, vr) in [
            ("20231301", *b"DA"),
            ("20230230", *b"DA"),
            ("Müller", *b"DA"),
            ("2023", *b"DT"),
            ("noon", *b"TM"),
        ] {
            assert_eq!(moved(text, vr, -5), None, "{text}");
        }
    }
}
