//! Whether two files hold the same object, though a peer wrote it anew.
//!
//! Archives change the meta header, turn sequences of defined length into undefined ones, drop group lengths and
//! trailing padding, write implicit VRs as explicit ones. None of that is other content. What a reader could see is:
//! any value of any attribute, the pixels included, and the transfer syntax of compressed pixels.

use crate::attribute::tags;
use crate::dataset::Dataset;
use crate::object::{Object, PixelData};
use crate::parse::Element;

/// True when every value of the one is in the other. Files that cannot be read are the same as nothing.
#[must_use]
pub fn same_object(one: &[u8], other: &[u8]) -> bool {
    let (Ok(one), Ok(other)) = (Object::parse(one), Object::parse(other)) else { return false };
    same_dataset(&one.data(), &other.data()) && same_pixels(&one, &other)
}

fn same_pixels(one: &Object<'_>, other: &Object<'_>) -> bool {
    match (one.pixel_data(), other.pixel_data()) {
        (None, None) => true,
        (
            Some(PixelData::Native { bytes: a, big_endian: x, .. }),
            Some(PixelData::Native { bytes: b, big_endian: y, .. }),
        ) => x == y && a == b,
        (
            Some(PixelData::Encapsulated { fragments: a, .. }),
            Some(PixelData::Encapsulated { fragments: b, .. }),
        ) => one.transfer_syntax() == other.transfer_syntax() && a == b,
        _ => false,
    }
}

fn same_dataset(one: &Dataset<'_>, other: &Dataset<'_>) -> bool {
    let (mut ours, mut theirs) = (counted(one), counted(other));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a.tag == b.tag && same_element(one, a, other, b) => {}
            _ => return false,
        }
    }
}

/// The elements that carry content: no group lengths (PS3.5 7.2), no padding behind the object, no pixels.
fn counted<'d>(data: &'d Dataset<'_>) -> impl Iterator<Item = &'d Element> {
    data.elements.iter().filter(|e| {
        e.tag.element() != 0
            && e.tag != tags::DATA_SET_TRAILING_PADDING
            && !crate::object::is_pixel_data(e.tag)
    })
}

fn same_element(one: &Dataset<'_>, a: &Element, other: &Dataset<'_>, b: &Element) -> bool {
    let (ours, theirs) = (one.item_ranges(a.tag), other.item_ranges(b.tag));
    if !ours.is_empty() || !theirs.is_empty() {
        return ours.len() == theirs.len()
            && ours.into_iter().zip(theirs).all(|(x, y)| match (one.item(a.tag, x), other.item(b.tag, y)) {
                (Some(x), Some(y)) => same_dataset(&x, &y),
                _ => false,
            });
    }
    if a.undefined || b.undefined {
        // Sequences without items, written in one of two ways.
        return (a.undefined && b.undefined) || a.start == a.end || b.start == b.end;
    }
    let (x, y) = (&one.bytes[a.start..a.end], &other.bytes[b.start..b.end]);
    if one.encoding.big_endian == other.encoding.big_endian { trimmed(x) == trimmed(y) } else { false }
}

/// Without the padding of a text or UID, which writers do not agree on.
fn trimmed(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|b| !matches!(b, 0 | b' ')).map_or(0, |at| at + 1);
    &value[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explicit(elements: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 128];
        file.extend_from_slice(b"DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\0");
        file.extend_from_slice(elements);
        file
    }

    fn implicit(elements: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 128];
        file.extend_from_slice(b"DICM\x02\x00\x10\x00UI\x12\x001.2.840.10008.1.2\0");
        file.extend_from_slice(elements);
        file
    }

    #[test]
    fn an_archive_that_writes_vrs_and_lengths_anew_has_not_changed_the_object() {
        let ours = explicit(
            b"\x08\x00\x18\x00UI\x04\x001.2\0\x08\x00\x15\x11SQ\0\0\x14\0\0\0\xFE\xFF\x00\xE0\x0C\0\0\0\x08\x00\x55\x11UI\x04\x001.3\0",
        );
        let theirs = implicit(
            b"\x08\x00\x18\x00\x04\0\0\x001.2\0\x08\x00\x15\x11\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF\x08\x00\x55\x11\x04\0\0\x001.3\0\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0",
        );
        assert!(same_object(&ours, &theirs));
    }

    #[test]
    fn another_value_deep_in_a_sequence_is_another_object() {
        let with = |uid: &[u8; 4]| {
            let mut elements = b"\x08\x00\x18\x00UI\x04\x001.2\0\x08\x00\x15\x11SQ\0\0\x14\0\0\0\xFE\xFF\x00\xE0\x0C\0\0\0\x08\x00\x55\x11UI\x04\x00".to_vec();
            elements.extend_from_slice(uid);
            explicit(&elements)
        };
        assert!(same_object(&with(b"1.3\0"), &with(b"1.3 ")));
        assert!(!same_object(&with(b"1.3\0"), &with(b"1.4\0")));
    }
}
