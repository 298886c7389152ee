//! RLE Lossless (PS3.5 annex G): PackBits, one segment for each byte of each sample, high bytes first.

use crate::guard::damaged;
use crate::samples::{from_bytes, from_values, from_words};
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
    let mut segments = Vec::with_capacity(count);
    for segment in 0..count {
        let from = word(segment + 1).ok_or_else(|| damaged("the RLE header is cut off"))? as usize;
        let to = word(segment + 2).filter(|_| segment + 1 < count).map_or(bytes.len(), |to| to as usize);
        let packed = bytes
            .get(from..to.min(bytes.len()))
            .ok_or_else(|| damaged("an RLE segment is outside the frame"))?;
        segments.push(packed);
    }
    let shift = encoded.high_bit + 1 - encoded.bits_stored;
    if let (2, 1, &[high, low]) = (width, encoded.samples_per_pixel, &segments[..]) {
        // Every byte goes to its place at once, here and in colours: planes of their own would have to be woven.
        let mut words = vec![0_u16; size];
        unpack_into(high, &mut words, |word, byte| *word = u16::from(byte) << 8)?;
        unpack_into(low, &mut words, |word, byte| *word |= u16::from(byte))?;
        return Ok(from_words(encoded, shift, words));
    }
    if let (1, 3, &[red, green, blue]) = (width, encoded.samples_per_pixel, &segments[..]) {
        let mut woven = vec![0; size * 3];
        let pixels = woven.as_chunks_mut::<3>().0;
        unpack_into(red, pixels, |pixel, byte| pixel[0] = byte)?;
        unpack_into(green, pixels, |pixel, byte| pixel[1] = byte)?;
        unpack_into(blue, pixels, |pixel, byte| pixel[2] = byte)?;
        return Ok(match shift {
            0 => from_bytes(encoded, woven),
            _ => from_values(encoded, shift, woven.iter().map(|b| u32::from(*b))),
        });
    }
    let planes: Vec<Vec<u8>> =
        segments.iter().map(|packed| unpack(packed, size)).collect::<Result<_, _>>()?;
    if single_bits {
        let bits = (0..pixels).map(|i| planes[0][i / 8] >> (i % 8) & 1).collect();
        return Ok(Samples::U8(bits));
    }
    let samples = encoded.samples_per_pixel;
    Ok(match (width, samples, &planes[..]) {
        (1, 1, [bytes]) => from_values(encoded, shift, bytes.iter().map(|b| u32::from(*b))),
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
    let mut out = vec![0; size];
    unpack_into(packed, &mut out, |place, byte| *place = byte)?;
    Ok(out)
}

/// PackBits: each byte is given to `put` with its place.
fn unpack_into<T>(packed: &[u8], out: &mut [T], put: impl Fn(&mut T, u8)) -> Result<(), Refusal> {
    let early = || damaged("an RLE segment ends early");
    let (mut packed, mut rest) = (packed, out);
    while !rest.is_empty() {
        let [head, behind @ ..] = packed else { return Err(early()) };
        let places;
        match head.cast_signed() {
            -128 => packed = behind,
            n @ 0.. => {
                let (literal, behind) = behind.split_at_checked(n as usize + 1).ok_or_else(early)?;
                (places, rest) = rest.split_at_mut(literal.len().min(rest.len()));
                places.iter_mut().zip(literal).for_each(|(place, byte)| put(place, *byte));
                packed = behind;
            }
            n => {
                let [byte, behind @ ..] = behind else { return Err(early()) };
                (places, rest) = rest.split_at_mut((1 - isize::from(n)).unsigned_abs().min(rest.len()));
                places.iter_mut().for_each(|place| put(place, *byte));
                packed = behind;
            }
        }
    }
    Ok(())
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
