//! Private attributes that may stay: Table E.3.10-1 of PS3.15 (Retain Safe Private Option).
//!
//! The table vouches for what a manufacturer puts into an attribute under its own creator. An attribute of another VR than
//! the table's is somebody else's, so it goes.

use super::table::lines;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Where an attribute is: group, element within its block, creator.
type Place = (u16, u8, &'static str);

static SAFE: LazyLock<HashMap<Place, [u8; 2]>> =
    LazyLock::new(|| lines(include_str!("safe_private.txt")).filter_map(parsed).collect());

fn parsed(line: &'static str) -> Option<(Place, [u8; 2])> {
    let mut words = line.splitn(4, ' ');
    let mut number = || u16::from_str_radix(words.next().unwrap_or_default(), 16).ok();
    let (group, element) = (number()?, u8::try_from(number()?).ok()?);
    let vr = words.next()?.as_bytes().try_into().ok()?;
    Some(((group, element, words.next()?), vr))
}

/// How a safe private attribute stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Safe {
    /// As it is.
    Value,
    /// With its UIDs replaced as everywhere in the file.
    Uids,
    /// Its items are treated like the data set.
    Sequence,
}

/// Whether the table calls an attribute safe. `element` is within its block; `vr` is the file's, `UN` where it does not say.
pub(super) fn safe(creator: &str, group: u16, element: u8, vr: [u8; 2]) -> Option<Safe> {
    let by_place: &HashMap<(u16, u8, &str), [u8; 2]> = &SAFE;
    let listed = *by_place.get(&(group, element, creator))?;
    match (&listed, &vr) {
        (b"SQ", b"SQ") => Some(Safe::Sequence),
        (b"SQ", _) | (_, b"SQ") => None,
        (b"UI", b"UI" | b"UN") => Some(Safe::Uids),
        (listed, vr) if listed == vr || vr == b"UN" => Some(Safe::Value),
        // Numbers of another width are the same attribute of an older program; text in place of a number is not.
        (listed, vr) => (is_number(listed) && is_number(vr)).then_some(Safe::Value),
    }
}

/// Values that can't be words. Where the table names no VR, only such values stay.
fn is_number(vr: &[u8; 2]) -> bool {
    matches!(
        vr,
        b"--" | b"US" | b"SS" | b"UL" | b"SL" | b"UV" | b"SV" | b"FL" | b"FD" | b"AT" | b"DS" | b"IS"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_known_once() {
        assert_eq!(lines(include_str!("safe_private.txt")).filter_map(parsed).count(), 479);
        assert_eq!(SAFE.len(), 479);
    }

    #[test]
    fn an_attribute_is_safe_only_under_its_own_creator_and_vr() {
        assert_eq!(safe("SIEMENS MR HEADER", 0x0019, 0x0C, *b"IS"), Some(Safe::Value));
        assert_eq!(safe("SIEMENS MR HEADER", 0x0019, 0x0C, *b"UN"), Some(Safe::Value));
        assert_eq!(safe("SIEMENS MR HEADER", 0x0019, 0x0C, *b"PN"), None);
        assert_eq!(safe("SOMEBODY ELSE", 0x0019, 0x0C, *b"IS"), None);
        assert_eq!(safe("SIEMENS MR HEADER", 0x0029, 0x0C, *b"IS"), None);
        assert_eq!(safe("Philips Imaging DD 001", 0x2001, 0x5F, *b"SQ"), Some(Safe::Sequence));
        assert_eq!(safe("Philips Imaging DD 001", 0x2001, 0x5F, *b"UN"), None);
        assert_eq!(safe("NQHeader", 0x0099, 0x02, *b"UI"), Some(Safe::Uids));
    }
}
