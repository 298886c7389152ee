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
