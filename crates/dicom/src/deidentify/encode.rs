//! Elements as bytes (PS3.5 7), in the encoding of the file they come from.

use crate::attribute::Tag;
use crate::parse::Encoding;

/// Length of a value that ends with a mark.
pub(super) const UNDEFINED: u32 = u32::MAX;

/// Appends the head of an element. A value without a VR is written as it is in implicit files, as it was read.
pub(super) fn head(out: &mut Vec<u8>, encoding: Encoding, tag: Tag, vr: [u8; 2], length: u32) {
    put_u16(out, encoding, tag.group());
    put_u16(out, encoding, tag.element());
    let marks = tag.group() == 0xFFFE;
    if !encoding.explicit || vr == [0; 2] || marks {
        put_u32(out, encoding, length);
    } else if let (false, Ok(short)) = (has_long_length(vr), u16::try_from(length)) {
        out.extend_from_slice(&vr);
        put_u16(out, encoding, short);
    } else {
        // A long value in a VR with short lengths is written as UN (PS3.5 6.2.2).
        out.extend_from_slice(if has_long_length(vr) { &vr } else { b"UN" });
        out.extend_from_slice(&[0, 0]);
        put_u32(out, encoding, length);
    }
}

/// Appends a whole element. The value gets its padding byte.
pub(super) fn element(out: &mut Vec<u8>, encoding: Encoding, tag: Tag, vr: [u8; 2], value: &[u8]) {
    let odd = value.len() % 2;
    // An element larger than 4 GiB cannot come out of a file that had none.
    head(out, encoding, tag, vr, u32::try_from(value.len() + odd).unwrap_or(UNDEFINED - 1));
    out.extend_from_slice(value);
    if odd == 1 {
        let text = matches!(
            &vr,
            b"AE"
                | b"AS"
                | b"CS"
                | b"DA"
                | b"DS"
                | b"DT"
                | b"IS"
                | b"LO"
                | b"LT"
                | b"PN"
                | b"SH"
                | b"ST"
                | b"TM"
                | b"UC"
                | b"UR"
                | b"UT"
        );
        out.push(if text { b' ' } else { 0 });
    }
}

/// Appends a sequence of items that are already encoded; each with its length. Within a sequence of VR UN items are
/// written otherwise than around it (PS3.5 6.2.2): `inner`.
pub(super) fn sequence(
    out: &mut Vec<u8>,
    encoding: Encoding,
    inner: Encoding,
    tag: Tag,
    vr: [u8; 2],
    items: &[Vec<u8>],
) {
    let length: usize = items.iter().map(|item| item.len() + 8).sum();
    head(out, encoding, tag, vr, u32::try_from(length).unwrap_or(UNDEFINED - 1));
    for item in items {
        head(out, inner, Tag(0xFFFE, 0xE000), [0; 2], u32::try_from(item.len()).unwrap_or(UNDEFINED - 1));
        out.extend_from_slice(item);
    }
}

fn has_long_length(vr: [u8; 2]) -> bool {
    matches!(
        &vr,
        b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV"
    )
}

fn put_u16(out: &mut Vec<u8>, encoding: Encoding, n: u16) {
    out.extend_from_slice(&if encoding.big_endian { n.to_be_bytes() } else { n.to_le_bytes() });
}

fn put_u32(out: &mut Vec<u8>, encoding: Encoding, n: u32) {
    out.extend_from_slice(&if encoding.big_endian { n.to_be_bytes() } else { n.to_le_bytes() });
}
