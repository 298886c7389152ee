//! Values of a data set: text, numbers, nested items. Borrowed from the bytes of the file.

use crate::attribute::{self, Tag, tags, unreadable, vr_in_dictionary};
use crate::charset::CharacterSet;
use crate::parse::{self, Element, Encoding, Reader};
use medsight_record::Refusal;
use std::borrow::Cow;
use std::sync::Arc;

/// The elements of one data set: the outermost one, or one item of a sequence.
#[derive(Clone, Debug)]
pub struct Dataset<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) encoding: Encoding,
    pub(crate) elements: Cow<'b, [Element]>,
    pub(crate) charset: Arc<CharacterSet>,
}

impl<'b> Dataset<'b> {
    pub(crate) fn find(&self, tag: Tag) -> Option<&Element> {
        self.elements.iter().find(|e| e.tag == tag)
    }

    /// True when the attribute is there, with or without a value.
    pub fn has(&self, tag: Tag) -> bool {
        self.find(tag).is_some()
    }

    /// Tags that are there, in file order.
    pub fn tags(&self) -> impl Iterator<Item = Tag> + '_ {
        self.elements.iter().map(|e| e.tag)
    }

    /// The bytes of a value as they are in the file. Empty values are `None`.
    pub fn raw(&self, tag: Tag) -> Option<&'b [u8]> {
        let element = self.find(tag)?;
        let value = &self.bytes[element.start..element.end];
        (!value.is_empty()).then_some(value)
    }

    fn vr(&self, element: &Element) -> [u8; 2] {
        let known = element.vr != [0; 2] && &element.vr != b"UN";
        if known { element.vr } else { vr_in_dictionary(element.tag).unwrap_or(*b"UN") }
    }

    /// The VR of an attribute that is there: as written, else by the dictionary.
    pub(crate) fn vr_of(&self, tag: Tag) -> Option<[u8; 2]> {
        let element = self.find(tag)?;
        let is_sequence = &element.vr == b"SQ" || element.undefined || attribute::is_sequence(tag);
        Some(if is_sequence && !crate::object::is_pixel_data(tag) { *b"SQ" } else { self.vr(element) })
    }

    /// The bytes of a binary value, little endian whatever the file is.
    pub(crate) fn little_endian(&self, tag: Tag) -> Vec<u8> {
        let Some(element) = self.find(tag) else { return Vec::new() };
        let mut bytes = self.bytes[element.start..element.end].to_vec();
        if self.encoding.big_endian {
            let width = match &self.vr(element) {
                b"US" | b"SS" | b"OW" | b"AT" => 2,
                b"UL" | b"SL" | b"FL" | b"OF" | b"OL" => 4,
                b"FD" | b"OD" | b"UV" | b"SV" | b"OV" => 8,
                _ => 1,
            };
            bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        bytes
    }

    /// The value as text, decoded and without padding. Empty is `None`.
    pub fn text(&self, tag: Tag) -> Option<String> {
        let element = self.find(tag)?;
        let value = &self.bytes[element.start..element.end];
        let text = match &self.vr(element) {
            // Empty component groups at the end say nothing (PS3.5 6.2.1.1).
            b"PN" => self.charset.decode(value).trim_end_matches('=').to_owned(),
            b"LO" | b"SH" | b"ST" | b"LT" | b"UT" | b"UC" | b"UN" => self.charset.decode(value),
            b"US" | b"UL" | b"SS" | b"SL" | b"FL" | b"FD" => {
                let numbers = self.numbers(tag).ok()??;
                numbers.iter().map(f64::to_string).collect::<Vec<_>>().join("\\")
            }
            _ => CharacterSet::default().decode(value),
        };
        let text = text.trim_matches(|c: char| c == ' ' || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The value as text, empty when absent.
    pub fn text_or_empty(&self, tag: Tag) -> String {
        self.text(tag).unwrap_or_default()
    }

    /// The values of a text attribute with several.
    pub fn texts(&self, tag: Tag) -> Vec<String> {
        let text = self.text(tag);
        text.iter().flat_map(|t| t.split('\\')).map(|t| t.trim().to_owned()).collect()
    }

    /// All numbers of an attribute, whatever its VR.
    ///
    /// # Errors
    /// When it has a value that is not a number. Never a default in its place.
    pub fn numbers(&self, tag: Tag) -> Result<Option<Vec<f64>>, Refusal> {
        let Some(element) = self.find(tag) else { return Ok(None) };
        let value = &self.bytes[element.start..element.end];
        if value.is_empty() {
            return Ok(None);
        }
        let e = self.encoding;
        let numbers: Vec<f64> = match &self.vr(element) {
            b"US" | b"OW" | b"AT" => chunks(value).map(|c| f64::from(e.u16(c))).collect(),
            b"SS" => chunks(value).map(|c| f64::from(e.u16(c).cast_signed())).collect(),
            b"UL" | b"OL" => chunks(value).map(|c| f64::from(e.u32(c))).collect(),
            b"SL" => chunks(value).map(|c| f64::from(e.u32(c).cast_signed())).collect(),
            b"FL" | b"OF" => chunks(value).map(|c| f64::from(f32::from_bits(e.u32(c)))).collect(),
            b"FD" | b"OD" => chunks::<8>(value)
                .map(|c| if e.big_endian { f64::from_be_bytes(c) } else { f64::from_le_bytes(c) })
                .collect(),
            _ => return decimal_numbers(tag, value),
        };
        if numbers.is_empty() {
            return Err(unreadable(tag, "too short to be a number"));
        }
        Ok(Some(numbers))
    }

    /// The first number of an attribute.
    ///
    /// # Errors
    /// As [`Self::numbers`].
    pub fn number(&self, tag: Tag) -> Result<Option<f64>, Refusal> {
        Ok(self.numbers(tag)?.and_then(|n| n.first().copied()))
    }

    /// Exactly `N` numbers.
    ///
    /// # Errors
    /// When there are some, but fewer or not finite.
    pub fn vector<const N: usize>(&self, tag: Tag) -> Result<Option<[f64; N]>, Refusal> {
        let Some(numbers) = self.numbers(tag)? else { return Ok(None) };
        match numbers.get(..N).and_then(|n| <[f64; N]>::try_from(n).ok()) {
            Some(vector) if vector.iter().all(|x| x.is_finite()) => Ok(Some(vector)),
            _ => Err(unreadable(tag, &format!("does not hold {N} numbers"))),
        }
    }

    /// The first number as a whole number.
    ///
    /// # Errors
    /// As [`Self::numbers`], and when it is not whole or does not fit 32 bits.
    pub fn integer(&self, tag: Tag) -> Result<Option<i64>, Refusal> {
        match self.number(tag)? {
            None => Ok(None),
            Some(n) if n.fract() == 0.0 && n.abs() <= 4_294_967_296.0 => Ok(Some(n as i64)),
            Some(_) => Err(unreadable(tag, "is not a whole number")),
        }
    }

    /// The items of a sequence; empty when it is absent. Damaged items are left out: what the reader
    /// cannot do without is checked where it is used.
    pub fn items(&self, tag: Tag) -> Vec<Dataset<'b>> {
        let ranges = self.item_ranges(tag);
        ranges.into_iter().filter_map(|range| self.item(tag, range)).collect()
    }

    /// The first item of a sequence.
    pub fn first_item(&self, tag: Tag) -> Option<Dataset<'b>> {
        let range = self.item_ranges(tag).into_iter().next()?;
        self.item(tag, range)
    }

    /// Where the items of a sequence are, for [`Self::item`]: thousands of frames are read one by one.
    pub(crate) fn item_ranges(&self, tag: Tag) -> Vec<(usize, usize)> {
        let Some(element) = self.find(tag) else { return Vec::new() };
        let is_sequence = &element.vr == b"SQ" || element.undefined || attribute::is_sequence(tag);
        if !is_sequence || crate::object::is_pixel_data(tag) {
            return Vec::new();
        }
        parse::items(self.bytes, self.inner_encoding(element), element).unwrap_or_default()
    }

    fn inner_encoding(&self, element: &Element) -> Encoding {
        if &element.vr == b"UN" { Encoding::IMPLICIT } else { self.encoding }
    }

    /// One item, by the range that [`Self::item_ranges`] gave for `tag`.
    pub(crate) fn item(&self, tag: Tag, (start, end): (usize, usize)) -> Option<Dataset<'b>> {
        let encoding = self.inner_encoding(self.find(tag)?);
        let mut reader = Reader { bytes: &self.bytes[..end], encoding, at: start };
        let elements = reader.elements().ok()?;
        let mut item = Dataset {
            bytes: self.bytes,
            encoding,
            elements: Cow::Owned(elements),
            charset: self.charset.clone(),
        };
        if let Some(own) = item.raw(tags::SPECIFIC_CHARACTER_SET) {
            let own = CharacterSet::default().decode(own);
            item.charset = Arc::new(CharacterSet::from_value(&own));
        }
        Some(item)
    }
}

fn chunks<const N: usize>(value: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    value.chunks_exact(N).filter_map(|c| c.try_into().ok())
}

/// DS and IS (PS3.5 6.2): numbers in text, separated by backslashes.
fn decimal_numbers(tag: Tag, value: &[u8]) -> Result<Option<Vec<f64>>, Refusal> {
    let not_a_number = || unreadable(tag, "is not a number");
    let text = std::str::from_utf8(value).map_err(|_| not_a_number())?;
    let text = text.trim_matches(|c: char| c == '\0' || c.is_ascii_whitespace());
    if text.is_empty() {
        return Ok(None);
    }
    let numbers: Result<Vec<f64>, Refusal> = text
        .split('\\')
        .map(|part| match part.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(not_a_number()),
        })
        .collect();
    numbers.map(Some)
}
