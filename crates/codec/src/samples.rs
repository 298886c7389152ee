//! Decoded numbers into [`Samples`] of the width and sign that the Image Pixel module gives.

use medsight_dicom::Encoded;
use medsight_image::Samples;

/// Keeps the stored bits of each value and extends the sign where there is one.
///
/// `shift` is the place of the lowest stored bit: 0 for every compressed syntax.
pub(crate) fn from_values(
    encoded: &Encoded,
    shift: u32,
    values: impl ExactSizeIterator<Item = u32>,
) -> Samples {
    let unused = 32 - encoded.bits_stored.min(32);
    let unsigned = move |raw: u32| (raw >> shift) << unused >> unused;
    let signed = move |raw: u32| ((raw >> shift) << unused).cast_signed() >> unused;
    match (encoded.bits_allocated, encoded.signed) {
        (..=8, false) => Samples::U8(values.map(|v| unsigned(v) as u8).collect()),
        (..=8, true) => Samples::I8(values.map(|v| signed(v) as i8).collect()),
        (..=16, false) => Samples::U16(values.map(|v| unsigned(v) as u16).collect()),
        (..=16, true) => Samples::I16(values.map(|v| signed(v) as i16).collect()),
        (_, false) => Samples::U32(values.map(unsigned).collect()),
        (_, true) => Samples::I32(values.map(signed).collect()),
    }
}

/// The same for bytes that are the values already.
pub(crate) fn from_bytes(encoded: &Encoded, bytes: Vec<u8>) -> Samples {
    if encoded.bits_allocated == 8 && encoded.bits_stored == 8 && !encoded.signed {
        return Samples::U8(bytes);
    }
    from_values(encoded, 0, bytes.iter().map(|b| u32::from(*b)))
}

/// The same for values that are in 16-bit words already; where nothing has to change, they stay where they are.
pub(crate) fn from_words(encoded: &Encoded, shift: u32, mut words: Vec<u16>) -> Samples {
    if encoded.bits_allocated != 16 || shift >= 16 {
        return from_values(encoded, shift, words.iter().map(|w| u32::from(*w)));
    }
    let unused = 16 - encoded.bits_stored.min(16);
    if encoded.signed {
        let signed = move |w: u16| ((w >> shift) << unused).cast_signed() >> unused;
        return Samples::I16(words.into_iter().map(signed).collect());
    }
    if shift > 0 || unused > 0 {
        let mask = u16::MAX >> unused;
        words.iter_mut().for_each(|w| *w = *w >> shift & mask);
    }
    Samples::U16(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use medsight_dicom::{NewDataset, Object, tags};

    fn encoded(stored: i64, high: i64, signed: i64) -> Encoded {
        let mut data = NewDataset::new();
        data.text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.7")
            .text(tags::SOP_INSTANCE_UID, "2.25.16")
            .integer(tags::ROWS, 1)
            .integer(tags::COLUMNS, 3)
            .integer(tags::BITS_ALLOCATED, 16)
            .integer(tags::BITS_STORED, stored)
            .integer(tags::HIGH_BIT, high)
            .integer(tags::PIXEL_REPRESENTATION, signed);
        let file = data.to_file().unwrap();
        Encoded::read(&Object::parse(&file).unwrap().data()).unwrap()
    }

    #[test]
    fn words_kept_in_place_are_the_values_made_one_by_one() {
        let words: Vec<u16> = (0..=u16::MAX).step_by(7).collect();
        for (stored, high, signed) in
            [(16, 15, 0), (12, 11, 0), (12, 15, 0), (16, 15, 1), (12, 11, 1), (9, 12, 1)]
        {
            let encoded = encoded(stored, high, signed);
            let shift = encoded.high_bit + 1 - encoded.bits_stored;
            let one_by_one = from_values(&encoded, shift, words.iter().map(|w| u32::from(*w)));
            assert_eq!(from_words(&encoded, shift, words.clone()), one_by_one, "{stored} bits to {high}");
        }
    }
}
