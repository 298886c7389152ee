//! One decoded image: stored values as they are in the file, before any look-up table.

use serde::{Deserialize, Serialize};

/// Stored values in the narrowest type that holds them, rows top to bottom, colour interleaved by pixel.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// 8 bit unsigned; 1-bit frames are unpacked to 0 and 1.
    U8(Vec<u8>),
    /// 8 bit signed.
    I8(Vec<i8>),
    /// 9 to 16 bit unsigned.
    U16(Vec<u16>),
    /// 9 to 16 bit signed.
    I16(Vec<i16>),
    /// 17 to 32 bit unsigned.
    U32(Vec<u32>),
    /// 17 to 32 bit signed.
    I32(Vec<i32>),
    /// Float Pixel Data (7FE0,0008).
    F32(Vec<f32>),
    /// Double Float Pixel Data (7FE0,0009).
    F64(Vec<f64>),
}

/// Runs the same expression over the vector inside, whatever its type.
#[macro_export]
macro_rules! with_samples {
    ($samples:expr, $values:ident => $body:expr) => {
        match $samples {
            $crate::Samples::U8($values) => $body,
            $crate::Samples::I8($values) => $body,
            $crate::Samples::U16($values) => $body,
            $crate::Samples::I16($values) => $body,
            $crate::Samples::U32($values) => $body,
            $crate::Samples::I32($values) => $body,
            $crate::Samples::F32($values) => $body,
            $crate::Samples::F64($values) => $body,
        }
    };
}

impl Samples {
    /// Number of values (pixels × samples per pixel).
    pub fn len(&self) -> usize {
        with_samples!(self, v => v.len())
    }

    /// True when there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`, without loss (`u32`, `i32` and `f32` all fit an `f64`).
    ///
    /// # Panics
    /// When `index` is not below [`Self::len`].
    #[allow(clippy::unnecessary_cast, reason = "one of the eight types is f64 already")]
    pub fn value(&self, index: usize) -> f64 {
        with_samples!(self, v => v[index] as f64)
    }

    /// Little-endian bytes in stored width: what frame hashes are taken over.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        with_samples!(self, v => v.iter().flat_map(|s| s.to_le_bytes()).collect())
    }

    /// Smallest value, largest value and mean; `None` when empty. NaN is left out.
    #[allow(clippy::unnecessary_cast, reason = "one of the eight types is f64 already")]
    pub fn min_max_mean(&self) -> Option<(f64, f64, f64)> {
        if self.is_empty() {
            return None;
        }
        Some(with_samples!(self, v => {
            let (mut min, mut max, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
            for s in v {
                let x = *s as f64;
                min = min.min(x);
                max = max.max(x);
                sum += x;
            }
            (min, max, sum / v.len() as f64)
        }))
    }
}

/// What the samples of a pixel mean (0028,0004), after the decoder has done its own colour transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Photometric {
    /// Lowest value is white.
    Monochrome1,
    /// Lowest value is black.
    Monochrome2,
    /// Red, green, blue.
    Rgb,
    /// Full-range YCbCr (ITU-R BT.601), one Cb and Cr each pixel (422 is up-sampled).
    YbrFull,
    /// Index into the palette of the object.
    PaletteColor,
}

impl Photometric {
    /// Samples in a pixel.
    pub fn samples_per_pixel(self) -> usize {
        match self {
            Self::Rgb | Self::YbrFull => 3,
            Self::Monochrome1 | Self::Monochrome2 | Self::PaletteColor => 1,
        }
    }
}

/// One decoded frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Number of rows (0028,0010).
    pub rows: usize,
    /// Number of columns (0028,0011).
    pub columns: usize,
    /// Meaning of the samples.
    pub photometric: Photometric,
    /// `rows × columns × samples_per_pixel` values.
    pub samples: Samples,
}
