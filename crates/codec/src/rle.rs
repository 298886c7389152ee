//! RLE Lossless (PS3.5 annex G): PackBits, one segment for each byte of each sample, high bytes first.

use crate::guard::damaged;
use crate::samples::from_values;
use medsight_dicom::Encoded;
use medsight_image::Samples;
use medsight_record::Refusal;

/// One frame.
pub(crate) fn decode(encoded: &Encoded, bytes: &[u8]) -> Result<Samples, Refusal> {
    let pixels = encoded.rows * encoded.columns;
    let word = |i: usize| bytes.get(i * 4..i * 4 + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let count = word(0).ok_or_else(|| damaged("the RLE header is cut off"))? as usize;
    let single_bits = encoded.bits_allocated == 1;
    let width = (encoded.bits_allocated as usize).div_ceil(8);
    let wanted = width * encoded.samples_per_pixel;
    if count != wanted {
        return Err(damaged(&format!("it has {count} RLE segments where {wanted} are needed")));
    }
    let size = if single_bits { pixels.div_ceil(8) } else { pixels };
    let mut planes = Vec::with_capacity(count);
    for segment in 0..count {
        let from = word(segment + 1).ok_or_else(|| damaged("the RLE header is cut off"))? as usize;
        let to = word(segment + 2).filter(|_| segment + 1 < count).map_or(bytes.len(), |to| to as usize);
        let packed = bytes
            .get(from..to.min(bytes.len()))
            .ok_or_else(|| damaged("an RLE segment is outside the frame"))?;
        planes.push(unpack(packed, size)?);
    }
    if single_bits {
        let bits = (0..pixels).map(|i| planes[0][i / 8] >> (i % 8) & 1).collect();
        return Ok(Samples::U8(bits));
    }
    let samples = encoded.samples_per_pixel;
    let shift = encoded.high_bit + 1 - encoded.bits_stored;
    Ok(match (width, samples, &planes[..]) {
        (1, 1, [bytes]) => from_values(encoded, shift, bytes.iter().map(|b| u32::from(*b))),
        (2, 1, [high, low]) => {
            let words = high.iter().zip(low).map(|(high, low)| u32::from(*high) << 8 | u32::from(*low));
            from_values(encoded, shift, words)
        }
        (1, 3, [red, green, blue]) => {
            let pixels = red.iter().zip(green).zip(blue);
            let woven: Vec<u8> = pixels.flat_map(|((red, green), blue)| [*red, *green, *blue]).collect();
            from_values(encoded, shift, woven.iter().map(|b| u32::from(*b)))
        }
        _ => {
            let value = |i: usize| {
                let (pixel, sample) = (i / samples, i % samples);
                let bytes = &planes[sample * width..(sample + 1) * width];
                bytes.iter().fold(0_u32, |v, plane| v << 8 | u32::from(plane[pixel]))
            };
            from_values(encoded, shift, (0..pixels * samples).map(value))
        }
    })
}

fn unpack(packed: &[u8], size: usize) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(size);
    let mut at = 0;
    while out.len() < size {
        let Some(head) = packed.get(at) else { return Err(damaged("an RLE segment ends early")) };
        let room = size - out.len();
        match head.cast_signed() {
            -128 => at += 1,
            n @ 0.. => {
                let length = n as usize + 1;
                let literal = packed
                    .get(at + 1..at + 1 + length)
                    .ok_or_else(|| damaged("an RLE segment ends early"))?;
                out.extend_from_slice(&literal[..length.min(room)]);
                at += 1 + length;
            }
            n => {
                let byte = *packed.get(at + 1).ok_or_else(|| damaged("an RLE segment ends early"))?;
                let length = 1 - isize::from(n);
                out.resize(out.len() + (length as usize).min(room), byte);
                at += 2;
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_packbits_unpacks() {
        let packed = [0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAA];
        assert_eq!(
            unpack(&packed, 10).unwrap(),
            [0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0xAA, 0xAA, 0xAA, 0xAA]
        );
    }

    #[test]
    fn a_segment_that_ends_early_is_damaged() {
        assert_eq!(unpack(&[0x05, 1, 2], 6).unwrap_err().code, "damaged");
    }
}
