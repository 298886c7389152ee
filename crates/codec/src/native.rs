//! Uncompressed samples (PS3.5 8): byte order, unused bits, planes, subsampled chroma, single bits, floats.

use crate::samples::{from_values, from_words};
use medsight_dicom::{Encoded, Tag};
use medsight_image::Samples;
use medsight_record::Refusal;
use std::ops::Range;

/// How native pixel data are written.
#[derive(Clone, Copy)]
pub(crate) struct NativeForm {
    pub(crate) tag: Tag,
    pub(crate) big_endian: bool,
    /// 8-bit and 1-bit samples that are written as 16-bit words, high byte first.
    pub(crate) swapped_words: bool,
}

/// The bytes of one frame inside the pixel data, for samples of whole bytes.
pub(crate) fn frame_bytes(encoded: &Encoded) -> usize {
    let samples =
        if is_subsampled(encoded) { encoded.rows * encoded.columns * 2 } else { encoded.samples_per_frame() };
    samples * encoded.bits_allocated as usize / 8
}

/// Which bytes of native pixel data of `total` bytes hold one frame; `None` when frames do not begin at a byte, or
/// at a word where bytes were swapped by words.
pub(crate) fn frame_span(
    encoded: &Encoded,
    form: NativeForm,
    total: u64,
    frame: usize,
) -> Option<Range<u64>> {
    let all = encoded.samples_per_frame() as u64;
    let bits = if is_subsampled(encoded) && total < all * encoded.frames as u64 {
        all / 3 * 16
    } else {
        all * u64::from(encoded.bits_allocated)
    };
    let unit = if form.swapped_words { 16 } else { 8 };
    let size = bits / 8;
    (encoded.frames == 1 || bits % unit == 0).then(|| frame as u64 * size..(frame as u64 + 1) * size)
}

fn is_subsampled(encoded: &Encoded) -> bool {
    encoded.photometric == "YBR_FULL_422" && encoded.samples_per_pixel == 3 && encoded.bits_allocated == 8
}

/// One frame. The caller has checked that the bytes of all frames are there.
pub(crate) fn decode(
    encoded: &Encoded,
    form: NativeForm,
    bytes: &[u8],
    frame: usize,
) -> Result<Samples, Refusal> {
    if encoded.bits_allocated == 1 {
        return Ok(Samples::U8(bits(encoded, form, bytes, frame * encoded.samples_per_frame())));
    }
    // Some writers say 422 but write every chroma sample; the length shows it.
    let all = encoded.samples_per_frame();
    let subsampled = is_subsampled(encoded) && bytes.len() < all * encoded.frames;
    let size = if subsampled { frame_bytes(encoded) } else { all * encoded.bits_allocated as usize / 8 };
    let bytes = bytes.get(frame * size..(frame + 1) * size).ok_or_else(|| {
        Refusal::new("truncated", "Pixel Data (7FE0,0010) ends before the frame does. Send the file again.")
    })?;
    if subsampled {
        return Ok(Samples::U8(upsampled(bytes)));
    }
    let float = form.tag.element() != 0x0010;
    let samples = match (encoded.bits_allocated, float) {
        (32, true) => Samples::F32(numbers(bytes, form.big_endian, f32::from_le_bytes)),
        (64, true) => Samples::F64(numbers(bytes, form.big_endian, f64::from_le_bytes)),
        (8, false) if form.swapped_words => {
            let swapped: Vec<u8> = bytes.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect();
            from_values(encoded, shift(encoded), swapped.iter().map(|b| u32::from(*b)))
        }
        (8, false) => from_values(encoded, shift(encoded), bytes.iter().map(|b| u32::from(*b))),
        (16, false) => {
            let words = numbers(bytes, form.big_endian, u16::from_le_bytes);
            from_words(encoded, shift(encoded), words)
        }
        (32, false) => {
            let words = numbers(bytes, form.big_endian, u32::from_le_bytes);
            from_values(encoded, shift(encoded), words.iter().copied())
        }
        (bits, _) => {
            return Err(Refusal::new(
                "unsupported",
                format!(
                    "Bits Allocated (0028,0100) is {bits}; integer samples of that width cannot be shown."
                ),
            ));
        }
    };
    Ok(if encoded.planar && encoded.samples_per_pixel > 1 { interleaved(samples, encoded) } else { samples })
}

fn shift(encoded: &Encoded) -> u32 {
    encoded.high_bit + 1 - encoded.bits_stored
}

fn numbers<T, const N: usize>(bytes: &[u8], big_endian: bool, read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let arrays = bytes.chunks_exact(N).filter_map(|c| <[u8; N]>::try_from(c).ok());
    if big_endian {
        arrays
            .map(|mut a| {
                a.reverse();
                read(a)
            })
            .collect()
    } else {
        arrays.map(read).collect()
    }
}

/// Bits from the lowest of each byte on; frames follow each other without padding (PS3.5 8.1.1).
fn bits(encoded: &Encoded, form: NativeForm, bytes: &[u8], from: usize) -> Vec<u8> {
    let byte_at = |i: usize| if form.swapped_words { i ^ 1 } else { i };
    (from..from + encoded.samples_per_frame())
        .map(|bit| bytes.get(byte_at(bit / 8)).map_or(0, |byte| byte >> (bit % 8) & 1))
        .collect()
}

/// Y Y Cb Cr for two pixels into Y Cb Cr for each (PS3.3 C.7.6.3.1.2).
fn upsampled(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks_exact(4).flat_map(|q| [q[0], q[2], q[3], q[1], q[2], q[3]]).collect()
}

/// Planes into pixels.
pub(crate) fn interleaved(samples: Samples, encoded: &Encoded) -> Samples {
    fn weave<T: Copy>(planes: &[T], count: usize) -> Vec<T> {
        let size = planes.len() / count;
        (0..size).flat_map(|pixel| (0..count).map(move |plane| planes[plane * size + pixel])).collect()
    }
    let count = encoded.samples_per_pixel;
    match samples {
        Samples::U8(v) => Samples::U8(weave(&v, count)),
        Samples::I8(v) => Samples::I8(weave(&v, count)),
        Samples::U16(v) => Samples::U16(weave(&v, count)),
        Samples::I16(v) => Samples::I16(weave(&v, count)),
        Samples::U32(v) => Samples::U32(weave(&v, count)),
        Samples::I32(v) => Samples::I32(weave(&v, count)),
        Samples::F32(v) => Samples::F32(weave(&v, count)),
        Samples::F64(v) => Samples::F64(weave(&v, count)),
    }
}
