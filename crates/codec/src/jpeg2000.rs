//! JPEG 2000 and HTJ2K (ISO 15444-1 and -15), decoded by OpenJPEG's Rust port.

use crate::guard::{contradicts, damaged};
use crate::samples::from_values;
use medsight_dicom::{Encoded, tags};
use medsight_image::Samples;
use medsight_record::Refusal;

/// What the codestream's SIZ segment says (A.5.1).
struct Size {
    rows: usize,
    columns: usize,
    components: usize,
    precision: u32,
}

fn size(bytes: &[u8]) -> Result<Size, Refusal> {
    let no_header = || damaged("the compressed frame has no JPEG 2000 header");
    let at = bytes.windows(4).position(|w| w == [0xFF, 0x4F, 0xFF, 0x51]).ok_or_else(no_header)?;
    let siz: &[u8; 40] = bytes.get(at + 4..at + 44).and_then(|s| s.try_into().ok()).ok_or_else(no_header)?;
    let word = |i: usize| u32::from_be_bytes([siz[i], siz[i + 1], siz[i + 2], siz[i + 3]]);
    Ok(Size {
        columns: word(4).saturating_sub(word(12)) as usize,
        rows: word(8).saturating_sub(word(16)) as usize,
        components: usize::from(u16::from_be_bytes([siz[36], siz[37]])),
        precision: u32::from(siz[38] & 0x7F) + 1,
    })
}

/// One frame. A reversible or irreversible colour transform is undone by the decoder: the result is RGB.
pub(crate) fn decode(encoded: &Encoded, bytes: &[u8]) -> Result<Samples, Refusal> {
    let size = size(bytes)?;
    for (tag, header, frame) in [
        (tags::ROWS, encoded.rows, size.rows),
        (tags::COLUMNS, encoded.columns, size.columns),
        (tags::SAMPLES_PER_PIXEL, encoded.samples_per_pixel, size.components),
    ] {
        if header != frame {
            return Err(contradicts(tag, header, frame));
        }
    }
    if size.precision > encoded.bits_allocated {
        return Err(contradicts(
            tags::BITS_ALLOCATED,
            encoded.bits_allocated as usize,
            size.precision as usize,
        ));
    }
    let parameters = jpeg2k::DecodeParameters::new().strict(true);
    let image = jpeg2k::Image::from_bytes_with(bytes, parameters)
        .or_else(|_| jpeg2k::Image::from_bytes(bytes)) // a last packet that is cut off costs only its detail
        .map_err(|_| damaged("the JPEG 2000 frame cannot be decoded"))?;
    let components = image.components();
    let pixels = encoded.rows * encoded.columns;
    if components.len() != encoded.samples_per_pixel || components.iter().any(|c| c.data().len() != pixels) {
        return Err(damaged("the components of the JPEG 2000 frame are not of one size"));
    }
    let planes: Vec<&[i32]> = components.iter().map(jpeg2k::ImageComponent::data).collect();
    let count = planes.len();
    let values = (0..pixels * count).map(|i| planes[i % count][i / count].cast_unsigned());
    Ok(from_values(encoded, 0, values))
}
