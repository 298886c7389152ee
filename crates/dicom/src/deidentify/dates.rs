//! Moving dates by days (PS3.5 6.2: DA, DT). Times of day stay: intervals within a study are kept exactly.

use medsight_base::DicomDate;

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
    text.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    let day = DicomDate::parse(text)?.days_since_epoch();
    Some(DicomDate::from_days_since_epoch(day + days)?.compact())
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
