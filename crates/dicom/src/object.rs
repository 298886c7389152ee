//! One DICOM file in memory: Part 10 (PS3.10 7) with or without its preamble and meta header.
//!
//! The bytes stay as they are and pixel data are borrowed from them. Only a deflated data set (PS3.5 A.5)
//! is copied, because it has to be inflated.

use crate::attribute::{Tag, named, tags};
use crate::charset::CharacterSet;
use crate::dataset::Dataset;
use crate::parse::{Element, Encoding, Reader};
use medsight_record::Refusal;
use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

/// Transfer syntaxes that change how the data set itself is read.
pub(crate) const IMPLICIT: &str = "1.2.840.10008.1.2";
pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub(crate) const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
pub(crate) const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const PRIVATE_GE_BIG_ENDIAN: &str = "1.2.840.113619.5.2";

/// True for the transfer syntaxes of films: MPEG-2, H.264 and HEVC, whole or in fragments (PS3.5 A.4.5 to A.4.8).
pub fn is_video(transfer_syntax: &str) -> bool {
    let tail = transfer_syntax.strip_prefix("1.2.840.10008.1.2.4.10").unwrap_or_default();
    matches!(tail.strip_suffix(".1").unwrap_or(tail), "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8")
}

/// A parsed file. Cheap to make: one pass over the element headers, no copy.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    bytes: Cow<'a, [u8]>,
    elements: Vec<Element>,
    encoding: Encoding,
    transfer_syntax: String,
    charset: Arc<CharacterSet>,
}

/// Where the pixels are in the file.
#[derive(Clone, Debug)]
pub enum PixelData<'b> {
    /// Uncompressed samples of all frames.
    Native {
        /// Which of the three pixel data attributes it is.
        tag: Tag,
        /// The bytes that are there.
        bytes: &'b [u8],
        /// Samples of 16 and more bits have their high byte first.
        big_endian: bool,
        /// The value was written with VR OB, so 16-bit big-endian samples are not swapped by words.
        vr: [u8; 2],
    },
    /// Compressed fragments behind the offset table (PS3.5 A.4).
    Encapsulated {
        /// Fragments in file order, without the offset table.
        fragments: Vec<&'b [u8]>,
        /// Where each fragment's item begins, from the first fragment's item.
        starts: Vec<u64>,
        /// Basic or extended offset table: where each frame begins; empty when there is none.
        offsets: Vec<u64>,
    },
}

/// Where the pixel data lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelSpan {
    /// Offset of the first byte, in the file.
    pub start: u64,
    /// Bytes that the length announces; they may not all be there.
    pub announced: u64,
    /// Not in fragments.
    pub native: bool,
    /// Integer samples, little endian, where the offset holds in the file itself: not deflated.
    pub plain: bool,
    /// The offset holds in the file itself: the data set is not deflated.
    pub in_file: bool,
    /// Which of the three pixel data attributes it is.
    pub tag: Tag,
    /// Samples of 16 and more bits have their high byte first.
    pub big_endian: bool,
    /// The VR as written; zeros where it is implicit.
    pub vr: [u8; 2],
}

pub(crate) fn is_pixel_data(tag: Tag) -> bool {
    matches!(tag, Tag(0x7FE0, 0x0008..=0x0010))
}

impl<'a> Object<'a> {
    /// Parses the bytes of a whole file.
    ///
    /// # Errors
    /// `not_dicom`, `truncated` (inside the header), `damaged`, `unsupported`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        Self::from_cow(Cow::Borrowed(bytes))
    }

    /// Parses a whole file and keeps its bytes.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_vec(bytes: Vec<u8>) -> Result<Object<'static>, Refusal> {
        Object::from_cow(Cow::Owned(bytes))
    }

    fn from_cow(mut bytes: Cow<'a, [u8]>) -> Result<Self, Refusal> {
        let (mut at, meta) = meta_header(&bytes)?;
        let mut transfer_syntax = meta.unwrap_or_default();
        if transfer_syntax == DEFLATED {
            bytes = Cow::Owned(inflate(&bytes, at)?);
            at = 0;
        }
        let encoding = encoding_at(&bytes, at, &transfer_syntax)?;
        if transfer_syntax.is_empty() {
            let guess = match encoding {
                Encoding { explicit: false, .. } => IMPLICIT,
                Encoding { big_endian: true, .. } => EXPLICIT_BIG_ENDIAN,
                _ => EXPLICIT,
            };
            transfer_syntax = guess.to_owned();
        }
        let elements = Reader { bytes: &bytes, encoding, at }.elements()?;
        let mut object = Self { bytes, elements, encoding, transfer_syntax, charset: Arc::default() };
        if let Some(value) = object.data().raw(tags::SPECIFIC_CHARACTER_SET) {
            let value = CharacterSet::default().decode(value);
            object.charset = Arc::new(CharacterSet::from_value(&value));
        }
        if object.transfer_syntax == IMPLICIT || object.transfer_syntax == EXPLICIT {
            object.guess_compression();
        }
        Ok(object)
    }

    /// A file without a meta header does not say that its pixels are compressed; the first bytes do.
    fn guess_compression(&mut self) {
        let fragment = match self.pixel_data() {
            Some(PixelData::Encapsulated { fragments, .. }) => {
                fragments.iter().find(|f| !f.is_empty()).copied()
            }
            _ => None,
        };
        let syntax = match fragment {
            Some([0xFF, 0xD8, rest @ ..]) if rest.windows(2).take(4096).any(|w| w == [0xFF, 0xC3]) => {
                "1.2.840.10008.1.2.4.70"
            }
            Some([0xFF, 0xD8, rest @ ..]) if rest.windows(2).take(4096).any(|w| w == [0xFF, 0xF7]) => {
                "1.2.840.10008.1.2.4.80"
            }
            Some([0xFF, 0xD8, ..]) => "1.2.840.10008.1.2.4.50",
            Some([0xFF, 0x4F, 0xFF, 0x51, ..]) => "1.2.840.10008.1.2.4.91",
            _ => return,
        };
        self.transfer_syntax = syntax.to_owned();
    }

    /// The outermost data set, without the meta header.
    pub fn data(&self) -> Dataset<'_> {
        Dataset {
            bytes: &self.bytes,
            encoding: self.encoding,
            elements: Cow::Borrowed(&self.elements),
            charset: self.charset.clone(),
        }
    }

    /// Whether the 128 bytes before the file's mark begin a program of Windows, Linux, macOS or a script: such a file
    /// is an image and can be run (PS3.10 7.5, CVE-2019-11687). Nothing here reads those bytes otherwise.
    pub fn has_executable_preamble(&self) -> bool {
        const PROGRAMS: [&[u8]; 6] =
            [b"MZ", b"\x7FELF", b"#!", b"\xFE\xED\xFA", b"\xCF\xFA\xED\xFE", b"\xCA\xFE\xBA\xBE"];
        self.bytes.get(128..132) == Some(b"DICM")
            && PROGRAMS.iter().any(|program| self.bytes.starts_with(program))
    }

    /// Transfer Syntax UID (0002,0010), or what the bytes show when there is no meta header.
    pub fn transfer_syntax(&self) -> &str {
        &self.transfer_syntax
    }

    /// Bytes of the file, inflated where it was deflated.
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// True when one of the pixel data attributes is there.
    pub fn has_pixel_data(&self) -> bool {
        self.elements.iter().any(|e| is_pixel_data(e.tag) && e.end > e.start)
    }

    /// Where the pixel data lie; `None` for objects without.
    pub fn pixel_span(&self) -> Option<PixelSpan> {
        let element = self.elements.iter().rfind(|e| pixel_value(e.tag))?;
        let big_endian = self.encoding.big_endian || self.transfer_syntax == PRIVATE_GE_BIG_ENDIAN;
        Some(PixelSpan {
            start: element.start as u64,
            announced: (element.end - element.start) as u64 + element.lacking,
            native: !element.undefined,
            plain: !element.undefined
                && !big_endian
                && self.transfer_syntax != DEFLATED
                && element.tag == tags::PIXEL_DATA,
            in_file: self.transfer_syntax != DEFLATED,
            tag: element.tag,
            big_endian,
            vr: element.vr,
        })
    }

    /// Where the pixels are; `None` for objects without.
    pub fn pixel_data(&self) -> Option<PixelData<'_>> {
        let element = self.elements.iter().rfind(|e| pixel_value(e.tag))?;
        if !element.undefined {
            return Some(PixelData::Native {
                tag: element.tag,
                bytes: &self.bytes[element.start..element.end],
                // GE's private syntax writes the header little endian and the pixels big endian.
                big_endian: self.encoding.big_endian || self.transfer_syntax == PRIVATE_GE_BIG_ENDIAN,
                vr: element.vr,
            });
        }
        let (mut fragments, mut starts, mut table) = (Vec::new(), Vec::new(), None);
        let mut at = element.start;
        let e = self.encoding;
        while let Some(head) = self.bytes.get(at..at + 8).filter(|_| at < element.end) {
            let tag = Tag(e.u16([head[0], head[1]]), e.u16([head[2], head[3]]));
            let length = e.u32([head[4], head[5], head[6], head[7]]) as usize;
            if tag != Tag(0xFFFE, 0xE000) {
                break;
            }
            let end = at.saturating_add(8).saturating_add(length).min(element.end);
            let item = &self.bytes[at + 8..end];
            if table.is_none() {
                table = Some((item, end));
            } else {
                starts.push((at - table.map_or(0, |(_, first)| first)) as u64);
                fragments.push(item);
            }
            at = end;
        }
        let table = table.map_or(&[][..], |(item, _)| item);
        let basic = table.chunks_exact(4).map(|c| u64::from(e.u32([c[0], c[1], c[2], c[3]])));
        let extended = self.data().raw(tags::EXTENDED_OFFSET_TABLE).unwrap_or_default();
        let extended = extended.chunks_exact(8).filter_map(|c| c.try_into().ok()).map(u64::from_le_bytes);
        let mut offsets: Vec<u64> = basic.collect();
        if offsets.is_empty() {
            offsets = extended.collect();
        }
        Some(PixelData::Encapsulated { fragments, starts, offsets })
    }

    /// Refuses pixel data of which the file has only a part.
    ///
    /// # Errors
    /// `truncated`, naming the attribute and the bytes that are missing.
    pub fn check_pixel_data_whole(&self) -> Result<(), Refusal> {
        let Some(element) = self.elements.iter().rfind(|e| pixel_value(e.tag)) else { return Ok(()) };
        if element.lacking == 0 {
            return Ok(());
        }
        let what = if element.undefined {
            "the file ends before the end of the compressed pixels".to_owned()
        } else {
            format!("{} bytes are missing at its end", element.lacking)
        };
        Err(Refusal::new(
            "truncated",
            format!("{} is cut off: {what}. Copy or send the file again.", named(element.tag)),
        ))
    }
}

fn pixel_value(tag: Tag) -> bool {
    matches!(tag, tags::PIXEL_DATA | Tag(0x7FE0, 0x0008 | 0x0009))
}

fn not_dicom() -> Refusal {
    Refusal::new(
        "not_dicom",
        "This is not a DICOM file: neither the mark DICM nor a DICOM data set is at its start.",
    )
}

/// Reads the meta header (group 0002, always explicit little endian): where it ends, and the transfer syntax.
fn meta_header(bytes: &[u8]) -> Result<(usize, Option<String>), Refusal> {
    let start = if bytes.get(128..132) == Some(b"DICM") {
        132
    } else if bytes.starts_with(b"DICM") {
        4
    } else {
        0
    };
    if start == 0 && bytes.get(0..2) != Some(&[2, 0]) {
        return Ok((0, None));
    }
    let explicit = bytes.get(start + 4..start + 6).is_some_and(|vr| vr.iter().all(u8::is_ascii_uppercase));
    let encoding = if explicit { Encoding::EXPLICIT } else { Encoding::IMPLICIT };
    let mut reader = Reader { bytes, encoding, at: start };
    let mut syntax = None;
    let mut at = start;
    while bytes.get(at..at + 2) == Some(&[2, 0]) {
        let Some(element) = reader.element(0)? else { break };
        if element.tag == tags::TRANSFER_SYNTAX_UID {
            syntax =
                Some(CharacterSet::default().decode(&bytes[element.start..element.end]).trim().to_owned());
        }
        at = reader.at;
    }
    Ok((at, syntax.filter(|s| !s.is_empty())))
}

/// How the data set at `at` is written: by the transfer syntax, but what the first element shows wins,
/// because some writers declare one and write the other.
fn encoding_at(bytes: &[u8], at: usize, transfer_syntax: &str) -> Result<Encoding, Refusal> {
    let declared = match transfer_syntax {
        IMPLICIT | PRIVATE_GE_BIG_ENDIAN => Encoding::IMPLICIT,
        EXPLICIT_BIG_ENDIAN => Encoding { explicit: true, big_endian: true },
        _ => Encoding::EXPLICIT,
    };
    let Some(head) = bytes.get(at..at + 8) else {
        // A meta header with nothing behind it is an empty object; no meta header is no DICOM.
        return if at > 0 { Ok(declared) } else { Err(not_dicom()) };
    };
    let explicit = head[4..6].iter().all(u8::is_ascii_uppercase);
    let group = u16::from_le_bytes([head[0], head[1]]);
    let swapped = group.swap_bytes();
    let big_endian = if declared.big_endian {
        !(group <= 0x00FF && swapped > 0x00FF)
    } else {
        group > 0x00FF && swapped <= 0x00FF
    };
    if at == 0 && transfer_syntax.is_empty() {
        let first = if big_endian { swapped } else { group };
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let plausible = matches!(first, 0x0002..=0x0020) && (explicit || big_endian || length <= bytes.len());
        if !plausible {
            return Err(not_dicom());
        }
    }
    Ok(Encoding { explicit, big_endian })
}

/// Inflates a deflated data set, up to the memory that one file may use.
fn inflate(bytes: &[u8], at: usize) -> Result<Vec<u8>, Refusal> {
    let most = bytes.len() as u64 * 3 + (48 << 20);
    let mut out = Vec::new();
    let mut reader = flate2::read::DeflateDecoder::new(&bytes[at..]).take(most + 1);
    let read = reader.read_to_end(&mut out);
    if out.len() as u64 > most {
        return Err(Refusal::new(
            "too_large",
            format!("The deflated data set grows beyond {} MiB; it is refused.", most >> 20),
        ));
    }
    match read {
        Ok(_) => Ok(out),
        Err(_) => {
            Err(Refusal::new("damaged", "The deflated data set is damaged. Copy or send the file again."))
        }
    }
}
