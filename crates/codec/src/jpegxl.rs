//! JPEG XL (ISO 18181), decoded by jxl-oxide.

use crate::guard::{contradicts, damaged};
use crate::samples::from_values;
use medsight_dicom::{Encoded, tags};
use medsight_image::Samples;
use medsight_record::Refusal;

/// One frame. Colours come as RGB.
pub(crate) fn decode(encoded: &Encoded, bytes: &[u8]) -> Result<Samples, Refusal> {
    let cannot = |_| damaged("the JPEG XL frame cannot be decoded");
    // The tracker does not see all that the decoder takes: room is left for the rest.
    let limit = (56 << 20) + bytes.len() * 4 + encoded.samples_per_frame() * 16;
    let image = jxl_oxide::JxlImage::builder()
        .alloc_tracker(jxl_oxide::AllocTracker::with_limit(limit))
        .read(std::io::Cursor::new(bytes))
        .map_err(cannot)?;
    let (rows, columns) = (image.height() as usize, image.width() as usize);
    for (tag, header, frame) in [(tags::ROWS, encoded.rows, rows), (tags::COLUMNS, encoded.columns, columns)]
    {
        if header != frame {
            return Err(contradicts(tag, header, frame));
        }
    }
    let bits = image.image_header().metadata.bit_depth.bits_per_sample();
    if bits > encoded.bits_allocated || bits > 24 {
        return Err(contradicts(tags::BITS_ALLOCATED, encoded.bits_allocated as usize, bits as usize));
    }
    let render = image.render_frame(0).map_err(cannot)?;
    let mut stream = render.stream_no_alpha();
    let channels = stream.channels() as usize;
    if channels != encoded.samples_per_pixel {
        return Err(contradicts(tags::SAMPLES_PER_PIXEL, encoded.samples_per_pixel, channels));
    }
    let mut values = vec![0.0_f32; encoded.samples_per_frame()];
    if stream.write_to_buffer(&mut values) != values.len() {
        return Err(damaged("the JPEG XL frame is not whole"));
    }
    let largest = ((1_u64 << bits) - 1) as f32;
    let whole = values.iter().map(|v| (v * largest).round().clamp(0.0, largest) as u32);
    Ok(from_values(encoded, 0, whole))
}
