//! Where the elements of a data set are: an index over bytes that stay where they are (PS3.5 7).
//!
//! Nothing is copied and nothing is allocated by a length that the file claims: a length that does not fit
//! the bytes is an error. Values are read by [`crate::Dataset`].

use crate::attribute::{Tag, named, tags};
use medsight_record::Refusal;

/// Deepest nesting of sequences that is followed; real files stay below 10.
const DEEPEST: usize = 48;
/// Most elements in one data set; real files stay below 5,000.
const MOST_ELEMENTS: usize = 100_000;

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
const UNDEFINED: u32 = u32::MAX;

/// How a data set is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) explicit: bool,
    pub(crate) big_endian: bool,
}

impl Encoding {
    pub(crate) const IMPLICIT: Self = Self { explicit: false, big_endian: false };
    pub(crate) const EXPLICIT: Self = Self { explicit: true, big_endian: false };

    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// One element: where its value is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    pub(crate) tag: Tag,
    /// As written; zeros where the VR is implicit.
    pub(crate) vr: [u8; 2],
    /// Value of undefined length: a sequence, or encapsulated pixel data.
    pub(crate) undefined: bool,
    /// First byte of the value, from the start of the bytes.
    pub(crate) start: usize,
    /// One past the last byte of the value that is there.
    pub(crate) end: usize,
    /// Bytes that the length claims but the file does not have; only on pixel data.
    pub(crate) lacking: u64,
}

/// Reads elements from `at` on.
pub(crate) struct Reader<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) encoding: Encoding,
    pub(crate) at: usize,
}

struct Head {
    tag: Tag,
    vr: [u8; 2],
    length: u32,
}

impl<'b> Reader<'b> {
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn tag_at(&self, at: usize) -> Option<Tag> {
        let [a, b, c, d] = self.array::<4>(at)?;
        Some(Tag(self.encoding.u16([a, b]), self.encoding.u16([c, d])))
    }

    /// The next element's tag, VR and length; moves to its value. `None` at the end of the bytes.
    fn head(&mut self) -> Option<Head> {
        let tag = self.tag_at(self.at)?;
        let vr: [u8; 2] = self.array(self.at + 4)?;
        let is_mark = tag.group() == 0xFFFE;
        if self.encoding.explicit && !is_mark && vr.iter().all(u8::is_ascii_uppercase) {
            let long = matches!(
                &vr,
                b"OB"
                    | b"OD"
                    | b"OF"
                    | b"OL"
                    | b"OV"
                    | b"OW"
                    | b"SQ"
                    | b"SV"
                    | b"UC"
                    | b"UN"
                    | b"UR"
                    | b"UT"
                    | b"UV"
            );
            let (length, skip) = if long {
                (self.encoding.u32(self.array(self.at + 8)?), 12)
            } else {
                (u32::from(self.encoding.u16(self.array(self.at + 6)?)), 8)
            };
            self.at += skip;
            return Some(Head { tag, vr, length });
        }
        // Implicit VR, or an explicit file in which this element has no readable VR.
        let length = self.encoding.u32(self.array(self.at + 4)?);
        self.at += 8;
        Some(Head { tag, vr: [0; 2], length })
    }

    /// All elements of a data set that ends with the bytes.
    ///
    /// Stops behind the pixel data of the outermost data set, so that padding there does no harm.
    pub(crate) fn elements(&mut self) -> Result<Vec<Element>, Refusal> {
        let mut elements = Vec::new();
        while let Some(element) = self.element(0)? {
            elements.push(element);
            if elements.len() > MOST_ELEMENTS {
                return Err(Refusal::new(
                    "damaged",
                    format!(
                        "The file has more than {MOST_ELEMENTS} attributes in one data set; it is damaged."
                    ),
                ));
            }
        }
        Ok(elements)
    }

    /// The next element with the place of its value. `None` at the end, or at an item's end mark.
    pub(crate) fn element(&mut self, depth: usize) -> Result<Option<Element>, Refusal> {
        let from = self.at;
        let Some(Head { tag, vr, length }) = self.head() else {
            let left = &self.bytes[from.min(self.bytes.len())..];
            return if left.iter().all(|b| *b == 0) { Ok(None) } else { Err(cut_off(from)) };
        };
        if tag == ITEM_END || tag == SEQUENCE_END || tag == Tag(0, 0) {
            return Ok(None);
        }
        let start = self.at;
        let is_pixels = matches!(tag, tags::PIXEL_DATA | Tag(0x7FE0, 0x0008 | 0x0009));
        if length == UNDEFINED {
            let encoding = if &vr == b"UN" { Encoding::IMPLICIT } else { self.encoding };
            let mut inner = Reader { bytes: self.bytes, encoding, at: start };
            let walked = inner.skip_items(depth + 1, is_pixels);
            self.at = inner.at;
            let (end, lacking) = match walked {
                Ok(end) => (end, 0),
                Err(_) if is_pixels && depth == 0 => (self.bytes.len(), 1),
                Err(refusal) => return Err(refusal),
            };
            self.at = self.at.max(end);
            return Ok(Some(Element { tag, vr, undefined: true, start, end, lacking }));
        }
        let there = self.bytes.len() - start;
        let wanted = length as usize;
        if wanted > there {
            if !(is_pixels && depth == 0) {
                return Err(Refusal::new(
                    "truncated",
                    format!(
                        "The file ends inside {}: {wanted} bytes are announced, {there} are there. \
                         Copy or send the file again.",
                        named(tag)
                    ),
                ));
            }
            self.at = self.bytes.len();
            let lacking = (wanted - there) as u64;
            return Ok(Some(Element { tag, vr, undefined: false, start, end: self.at, lacking }));
        }
        self.at = start + wanted;
        Ok(Some(Element { tag, vr, undefined: false, start, end: self.at, lacking: 0 }))
    }

    /// Walks items up to the sequence's end mark; returns where the items end.
    fn skip_items(&mut self, depth: usize, is_pixels: bool) -> Result<usize, Refusal> {
        if depth > DEEPEST {
            return Err(Refusal::new(
                "damaged",
                format!("Sequences are nested deeper than {DEEPEST} levels; the file is damaged."),
            ));
        }
        loop {
            let at = self.at;
            let Some(Head { tag, length, .. }) = self.head() else { return Err(cut_off(at)) };
            match tag {
                SEQUENCE_END => return Ok(at),
                ITEM if length == UNDEFINED && !is_pixels => while self.element(depth)?.is_some() {},
                ITEM => {
                    let there = self.bytes.len() - self.at;
                    if length as usize > there {
                        return Err(cut_off(at));
                    }
                    self.at += length as usize;
                }
                // What some writers leave out: the sequence's end mark. The item's end was the end.
                ITEM_END => {}
                _ => {
                    return Err(Refusal::new(
                        "damaged",
                        format!(
                            "A sequence holds {} where an item must stand; the file is damaged.",
                            named(tag)
                        ),
                    ));
                }
            }
        }
    }
}

/// The items of a sequence as byte ranges. An item that does not fit its sequence is an error.
pub(crate) fn items(
    bytes: &[u8],
    encoding: Encoding,
    sequence: &Element,
) -> Result<Vec<(usize, usize)>, Refusal> {
    let mut reader = Reader { bytes: &bytes[..sequence.end], encoding, at: sequence.start };
    let mut found = Vec::new();
    while reader.at < sequence.end {
        let at = reader.at;
        let Some(Head { tag, length, .. }) = reader.head() else { return Err(cut_off(at)) };
        if tag != ITEM {
            break;
        }
        let start = reader.at;
        let end = if length == UNDEFINED {
            let mut last = start;
            loop {
                if reader.at >= sequence.end {
                    break;
                }
                last = reader.at;
                if reader.element(1)?.is_none() {
                    break;
                }
                last = reader.at;
            }
            last
        } else {
            reader.at = start
                .checked_add(length as usize)
                .filter(|e| *e <= sequence.end)
                .ok_or_else(|| cut_off(at))?;
            reader.at
        };
        found.push((start, end));
    }
    Ok(found)
}

fn cut_off(at: usize) -> Refusal {
    Refusal::new(
        "truncated",
        format!("The file ends in the middle of its attributes (byte {at}). Copy or send the file again."),
    )
}
