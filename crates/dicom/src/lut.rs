//! Look-up tables of a file: modality (PS3.3 C.11.1), VOI (C.11.2) and palette (C.7.9).

use crate::attribute::{Tag, missing, tags, unreadable};
use crate::dataset::Dataset;
use medsight_image::{Lut, Modality, ToSrgb};
use medsight_record::Refusal;
use std::sync::Arc;

/// Input value to output value, clamped at both ends (PS3.3 C.11.1.1.1).
#[derive(Clone, Debug, PartialEq)]
pub struct LookUpTable {
    /// Input value of the first entry.
    pub first: i32,
    /// Bits of an entry, 8 to 16.
    pub bits: u32,
    /// Outputs.
    pub entries: Vec<u16>,
    /// LUT Explanation (0028,3003).
    pub explanation: String,
}

impl LookUpTable {
    /// The output for an input.
    pub fn apply(&self, input: f64) -> u16 {
        let last = self.entries.len() - 1; // a table has at least one entry
        let index = (input - f64::from(self.first)).clamp(0.0, last as f64) as usize;
        self.entries[index]
    }

    /// As a table of modality values.
    pub fn modality_values(&self) -> Option<Lut> {
        Lut::new(self.first, self.entries.iter().map(|e| f32::from(*e)).collect())
    }

    /// As a VOI table: display values from 0 to 1.
    pub fn display_values(&self) -> Option<Lut> {
        let largest = ((1_u32 << self.bits.clamp(1, 16)) - 1) as f32;
        Lut::new(self.first, self.entries.iter().map(|e| f32::from(*e) / largest).collect())
    }

    /// Reads one table of a LUT sequence's item.
    fn read(item: &Dataset<'_>, signed: bool) -> Result<Self, Refusal> {
        let (count, first, bits) = descriptor(item, tags::LUT_DESCRIPTOR, signed)?;
        let data = item.raw(tags::LUT_DATA).ok_or_else(|| missing(tags::LUT_DATA))?;
        let entries = table_values(item, data, count);
        if entries.len() < count || !(1..=16).contains(&bits) {
            return Err(unreadable(tags::LUT_DATA, "shorter than LUT Descriptor (0028,3002) says"));
        }
        Ok(Self { first, bits, entries, explanation: item.text_or_empty(tags::LUT_EXPLANATION) })
    }

    /// All readable tables of a sequence, such as VOI LUT Sequence (0028,3010).
    pub(crate) fn read_all(data: &Dataset<'_>, sequence: Tag, signed: bool) -> Result<Vec<Self>, Refusal> {
        data.items(sequence).iter().map(|item| Self::read(item, signed)).collect()
    }
}

/// Stored value to modality value: one of the two, never both (PS3.3 C.11.1).
#[derive(Clone, Debug, PartialEq)]
pub enum ModalityLut {
    /// `slope × stored + intercept`; 1 and 0 where the file has neither.
    Rescale {
        /// Rescale Slope (0028,1053).
        slope: f64,
        /// Rescale Intercept (0028,1052).
        intercept: f64,
    },
    /// Modality LUT Sequence (0028,3000).
    Table(LookUpTable),
}

impl ModalityLut {
    /// Stored values are modality values.
    pub const IDENTITY: Self = Self::Rescale { slope: 1.0, intercept: 0.0 };

    /// The modality value of a stored value.
    pub fn apply(&self, stored: f64) -> f64 {
        match self {
            Self::Rescale { slope, intercept } => stored * slope + intercept,
            Self::Table(table) => f64::from(table.apply(stored)),
        }
    }

    /// For drawing.
    pub fn to_image(&self) -> Modality {
        match self {
            Self::Rescale { slope, intercept } => Modality::Rescale { slope: *slope, intercept: *intercept },
            Self::Table(table) => {
                table.modality_values().map_or(Modality::IDENTITY, |lut| Modality::Lut(Arc::new(lut)))
            }
        }
    }

    /// Reads the transform of a data set or of an item of Pixel Value Transformation Sequence (0028,9145).
    ///
    /// # Errors
    /// A slope or intercept that is there but is no number, or a slope of 0. Never 1 in its place.
    pub(crate) fn read(data: &Dataset<'_>, signed: bool) -> Result<Option<Self>, Refusal> {
        if let Some(table) =
            LookUpTable::read_all(data, tags::MODALITY_LUT_SEQUENCE, signed)?.into_iter().next()
        {
            return Ok(Some(Self::Table(table)));
        }
        let slope = data.number(tags::RESCALE_SLOPE)?;
        let intercept = data.number(tags::RESCALE_INTERCEPT)?;
        if slope == Some(0.0) {
            return Err(unreadable(tags::RESCALE_SLOPE, "is 0, which makes every value the same"));
        }
        if slope.is_none() && intercept.is_none() {
            return Ok(None);
        }
        Ok(Some(Self::Rescale { slope: slope.unwrap_or(1.0), intercept: intercept.unwrap_or(0.0) }))
    }
}

/// Colours of a PALETTE COLOR image, 16 bits a component.
#[derive(Clone, Debug, PartialEq)]
pub struct Palette {
    /// Stored value of the first entry.
    pub first: i32,
    /// Red, green, blue.
    pub rgb: Vec<[u16; 3]>,
}

impl Palette {
    /// The colour of a stored value, 8 bits a component.
    pub fn rgb8(&self, stored: i32) -> [u8; 3] {
        let last = self.rgb.len() as i64 - 1; // a palette has at least one entry
        let index = (i64::from(stored) - i64::from(self.first)).clamp(0, last) as usize;
        self.rgb[index].map(|c| (c >> 8) as u8)
    }

    /// For drawing.
    pub fn to_image(&self) -> Option<medsight_image::Palette> {
        medsight_image::Palette::new(self.first, self.rgb.iter().map(|c| c.map(|v| (v >> 8) as u8)).collect())
    }

    /// The same palette in the colours of the screen.
    pub(crate) fn shown_by(self, to_srgb: &ToSrgb) -> Self {
        let stored: Vec<[u8; 3]> = self.rgb.iter().map(|c| c.map(|v| (v >> 8) as u8)).collect();
        let shown = to_srgb.colors(&stored);
        Self { rgb: shown.into_iter().map(|c| c.map(|v| u16::from(v) * 257)).collect(), ..self }
    }

    /// Reads the three tables, plain or segmented (PS3.3 C.7.9.2).
    pub(crate) fn read(data: &Dataset<'_>, signed: bool) -> Result<Option<Self>, Refusal> {
        if !data.has(tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR) {
            return Ok(None);
        }
        let parts = [
            (
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
                tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
            (
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
                tags::SEGMENTED_GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
            (
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
                tags::SEGMENTED_BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
        ];
        let mut first = 0;
        let mut rgb: Vec<[u16; 3]> = Vec::new();
        for (component, (descriptor_tag, plain, segmented)) in parts.into_iter().enumerate() {
            let (count, begins, bits) = descriptor(data, descriptor_tag, signed)?;
            first = begins;
            let values = match (data.raw(plain), data.raw(segmented)) {
                (Some(values), _) => table_values(data, values, count),
                (None, Some(segments)) => expand_segments(&words(data, segments), count),
                (None, None) => return Err(missing(plain)),
            };
            if values.len() < count {
                return Err(unreadable(plain, "shorter than its descriptor says"));
            }
            // An 8-bit table counts to 255, and so do 16-bit tables of writers that forgot to scale.
            let narrow = bits <= 8 || values.iter().all(|v| *v <= 0xFF);
            rgb.resize(count.max(rgb.len()), [0; 3]);
            for (slot, value) in rgb.iter_mut().zip(values) {
                slot[component] = if narrow { value * 257 } else { value };
            }
        }
        Ok(Some(Self { first, rgb }))
    }
}

/// Entries (0 means 65536), first input value, bits of an entry.
fn descriptor(data: &Dataset<'_>, tag: Tag, signed: bool) -> Result<(usize, i32, u32), Refusal> {
    let raw = data.raw(tag).ok_or_else(|| missing(tag))?;
    let values = words(data, raw);
    let [count, first, bits] = values
        .get(..3)
        .and_then(|v| <[u16; 3]>::try_from(v).ok())
        .ok_or_else(|| unreadable(tag, "does not hold three numbers"))?;
    let count = if count == 0 { 65_536 } else { usize::from(count) };
    let first = if signed { i32::from(first.cast_signed()) } else { i32::from(first) };
    Ok((count, first, u32::from(bits)))
}

fn words(data: &Dataset<'_>, raw: &[u8]) -> Vec<u16> {
    raw.chunks_exact(2).map(|c| data.encoding.u16([c[0], c[1]])).collect()
}

/// Table values in words, or in bytes where there are just enough bytes for one each.
fn table_values(data: &Dataset<'_>, raw: &[u8], count: usize) -> Vec<u16> {
    if raw.len() < count * 2 {
        raw.iter().take(count).map(|b| u16::from(*b)).collect()
    } else {
        words(data, &raw[..count * 2])
    }
}

/// Discrete, linear and indirect segments (PS3.3 C.7.9.2.2). Stops at `count` or at the data's end.
fn expand_segments(segments: &[u16], count: usize) -> Vec<u16> {
    let mut out = Vec::new();
    let mut at = 0;
    while out.len() < count {
        let Some([opcode, length]) = segments.get(at..at + 2) else { break };
        let length = usize::from(*length);
        let indirect = *opcode == 2;
        let taken = if indirect {
            let Some([low, high]) = segments.get(at + 2..at + 4) else { break };
            // Offset in bytes from the first segment; the copied segments are discrete or linear.
            let mut from = (usize::from(*high) << 16 | usize::from(*low)) / 2;
            for _ in 0..length {
                from += expand_one(segments, from, count, &mut out).unwrap_or(segments.len());
            }
            Some(4)
        } else {
            expand_one(segments, at, count, &mut out)
        };
        let Some(taken) = taken else { break };
        at += taken;
    }
    out.truncate(count);
    out
}

/// One discrete or linear segment; returns its length in words.
fn expand_one(segments: &[u16], at: usize, count: usize, out: &mut Vec<u16>) -> Option<usize> {
    let &[opcode, length] = segments.get(at..at.checked_add(2)?)?.first_chunk()?;
    let length = usize::from(length);
    let room = count.saturating_sub(out.len());
    match opcode {
        0 => {
            let values = segments.get(at + 2..at + 2 + length)?;
            out.extend(values.iter().take(room));
            Some(2 + length)
        }
        1 => {
            let end = i64::from(*segments.get(at + 2)?);
            let from = i64::from(*out.last()?);
            let step = |i: usize| from + (end - from) * i as i64 / length.max(1) as i64;
            out.extend((1..=length.min(room)).map(|i| step(i) as u16));
            Some(3)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segmented_palette_counts_up_along_its_linear_segment() {
        assert_eq!(expand_segments(&[0, 1, 10, 1, 4, 50], 5), [10, 20, 30, 40, 50]);
    }

    #[test]
    fn a_segment_that_points_nowhere_ends_the_table() {
        assert_eq!(expand_segments(&[2, 9, 0xFFFF, 0xFFFF], 4), Vec::<u16>::new());
    }
}
