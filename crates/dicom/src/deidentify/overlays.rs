//! Overlay planes with Clean Graphics (PS3.15 E.3.3): what cannot hold a name stays.
//!
//! A plane of type R (60xx,0040) marks a region of interest (PS3.3 C.9.2.1.1) and stays, its words cleaned as other
//! descriptions are. One of type G may be writing, which only a person can tell from lines: it goes, as all do without
//! the option. Regions of the image that are blanked are blanked in the planes above it too.

use crate::attribute::Tag;
use crate::dataset::Dataset;
use std::ops::Range;

/// Groups of overlay planes; each plane has an even one (PS3.5 7.6).
pub(super) const GROUPS: Range<u16> = 0x6000..0x6100;
/// Overlay Data (60xx,3000).
pub(super) const DATA: u16 = 0x3000;

/// What happens to an attribute of a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It describes the plane, or is the plane.
    Keep,
    /// Words about it.
    Clean,
    /// Anything else.
    Remove,
}

/// What happens to the attribute of an overlay plane.
pub(super) fn part(data: &Dataset<'_>, tag: Tag) -> Part {
    let of = |element| Tag(tag.group(), element);
    let is_region = data.text_or_empty(of(0x0040)) == "R" && data.has(of(DATA));
    match tag.element() {
        _ if !is_region => Part::Remove,
        // Rows, columns, frames, type, subtype, origin, first frame, bits, data; area, mean and deviation.
        0x0010 | 0x0011 | 0x0015 | 0x0040 | 0x0045 | 0x0050 | 0x0051 | 0x0100 | 0x0102 | DATA => Part::Keep,
        0x1301..=0x1303 => Part::Keep,
        0x0022 | 0x1500 => Part::Clean,
        _ => Part::Remove,
    }
}

/// Whether an overlay lies in bits of the samples that the image does not use (PS3.3 C.9.2, retired): it has a
/// description but no data of its own.
pub(super) fn in_unused_bits(data: &Dataset<'_>) -> bool {
    let is_described = |group: &u16| data.has(Tag(*group, 0x0102)) && !data.has(Tag(*group, DATA));
    GROUPS.step_by(2).filter(is_described).any(|group| {
        let bit = data.integer(Tag(group, 0x0102)).ok().flatten();
        bit.is_none_or(|bit| bit > 0)
    })
}

/// The data of a plane without what lies above the blanked pixels of an image with `columns` columns; `None` where its
/// description cannot be read: then it must not stay.
pub(super) fn blanked(data: &Dataset<'_>, group: u16, mask: &[bool], columns: usize) -> Option<Vec<u8>> {
    let whole = |element| {
        let number = data.integer(Tag(group, element)).ok().flatten().unwrap_or(1);
        usize::try_from(number).ok().filter(|n| *n > 0)
    };
    let (height, width, frames) = (whole(0x0010)?, whole(0x0011)?, whole(0x0015)?);
    let [top, left] =
        data.vector::<2>(Tag(group, 0x0050)).ok()?.unwrap_or([1.0, 1.0]).map(|at| at as i64 - 1);
    let element = data.find(Tag(group, DATA))?;
    let mut bits = data.bytes[element.start..element.end].to_vec();
    let plane = height.checked_mul(width)?;
    if plane.checked_mul(frames)? > bits.len() * 8 {
        return None;
    }
    // Words of 16 bits, lowest bit first (PS3.5 8.1.2), in the byte order of the file.
    let swapped = usize::from(data.encoding.big_endian && &data.vr(element) == b"OW");
    for (pixel, _) in mask.iter().enumerate().filter(|(_, black)| **black) {
        let place = |at: usize, first: i64| usize::try_from(i64::try_from(at).ok()? - first).ok();
        let (row, column) = (place(pixel / columns, top), place(pixel % columns, left));
        let (Some(row), Some(column)) = (row, column) else { continue };
        if row >= height || column >= width {
            continue;
        }
        for frame in 0..frames {
            let bit = frame * plane + row * width + column;
            if let Some(byte) = bits.get_mut((bit / 8) ^ swapped) {
                *byte &= !(1 << (bit % 8));
            }
        }
    }
    Some(bits)
}
