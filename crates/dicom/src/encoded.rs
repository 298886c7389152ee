//! How samples are stored: the Image Pixel module (PS3.3 C.7.6.3), read and checked.
//!
//! Not here: what the samples mean to a reader (`image_info.rs`).

use crate::attribute::{Tag, missing, tags, unreadable};
use crate::dataset::Dataset;
use medsight_record::Refusal;

/// How samples are stored: the Image Pixel module (PS3.3 C.7.6.3).
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Rows (0028,0010).
    pub rows: usize,
    /// Columns (0028,0011).
    pub columns: usize,
    /// Number of Frames (0028,0008), at least 1.
    pub frames: usize,
    /// Samples per Pixel (0028,0002).
    pub samples_per_pixel: usize,
    /// Bits Allocated (0028,0100).
    pub bits_allocated: u32,
    /// Bits Stored (0028,0101).
    pub bits_stored: u32,
    /// High Bit (0028,0102).
    pub high_bit: u32,
    /// Pixel Representation (0028,0103): true for two's complement.
    pub signed: bool,
    /// Planar Configuration (0028,0006): true when colours are in separate planes.
    pub planar: bool,
    /// Photometric Interpretation (0028,0004) as it stands in the file.
    pub photometric: String,
}

/// Most frames that are believed without more checks: memory for each is needed.
const MOST_FRAMES: i64 = 1_000_000;

impl Encoded {
    /// Reads and checks the Image Pixel module.
    ///
    /// # Errors
    /// `missing_attribute` or `bad_attribute`, naming the attribute.
    pub fn read(data: &Dataset<'_>) -> Result<Self, Refusal> {
        let required = |tag: Tag| data.integer(tag)?.ok_or_else(|| missing(tag));
        let size = |tag: Tag| match required(tag)? {
            n @ 1..=65_535 => Ok(n as usize),
            _ => Err(unreadable(tag, "is not between 1 and 65535")),
        };
        let (rows, columns) = (size(tags::ROWS)?, size(tags::COLUMNS)?);
        let frames = match data.integer(tags::NUMBER_OF_FRAMES)? {
            None | Some(0) => 1,
            Some(n @ 1..=MOST_FRAMES) => n as usize,
            Some(_) => return Err(unreadable(tags::NUMBER_OF_FRAMES, "is not a usable count")),
        };
        let samples = data.integer(tags::SAMPLES_PER_PIXEL)?.unwrap_or(1);
        if !matches!(samples, 1 | 3 | 4) {
            return Err(unreadable(tags::SAMPLES_PER_PIXEL, &format!("is {samples}; 1 and 3 are allowed")));
        }
        let bits_allocated = required(tags::BITS_ALLOCATED)?;
        if !matches!(bits_allocated, 1 | 8 | 16 | 24 | 32 | 64) {
            let what = format!("is {bits_allocated}; 1 or a multiple of 8 is allowed (PS3.5 8.1.1)");
            return Err(unreadable(tags::BITS_ALLOCATED, &what));
        }
        let bits_stored = data.integer(tags::BITS_STORED)?.unwrap_or(bits_allocated);
        if !(1..=bits_allocated).contains(&bits_stored) {
            let what = format!("is {bits_stored}, but Bits Allocated (0028,0100) is {bits_allocated}");
            return Err(unreadable(tags::BITS_STORED, &what));
        }
        let high_bit = data.integer(tags::HIGH_BIT)?.unwrap_or(bits_stored - 1);
        if !(bits_stored - 1..bits_allocated).contains(&high_bit) {
            let what = format!("is {high_bit}, but Bits Stored (0028,0101) is {bits_stored}");
            return Err(unreadable(tags::HIGH_BIT, &what));
        }
        let photometric = data.text(tags::PHOTOMETRIC_INTERPRETATION);
        let photometric =
            photometric.unwrap_or_else(|| if samples == 3 { "RGB" } else { "MONOCHROME2" }.to_owned());
        Ok(Self {
            rows,
            columns,
            frames,
            samples_per_pixel: samples as usize,
            bits_allocated: bits_allocated as u32,
            bits_stored: bits_stored as u32,
            high_bit: high_bit as u32,
            signed: data.integer(tags::PIXEL_REPRESENTATION)? == Some(1),
            planar: data.integer(tags::PLANAR_CONFIGURATION)? == Some(1),
            photometric,
        })
    }

    /// Samples in one frame.
    pub fn samples_per_frame(&self) -> usize {
        self.rows * self.columns * self.samples_per_pixel
    }

    /// True for grey values, the only ones that have windows and make volumes.
    pub fn is_grey(&self) -> bool {
        self.photometric.starts_with("MONOCHROME") && self.samples_per_pixel == 1
    }

    /// Bytes of all frames uncompressed, as the standard stores them.
    pub fn native_bytes(&self) -> u64 {
        let mut bits =
            self.rows as u64 * self.columns as u64 * self.frames as u64 * u64::from(self.bits_allocated);
        bits *= if self.photometric == "YBR_FULL_422" && self.samples_per_pixel == 3 {
            2
        } else {
            self.samples_per_pixel as u64
        };
        bits.div_ceil(8)
    }
}
