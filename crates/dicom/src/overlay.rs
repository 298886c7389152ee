//! Overlay planes (PS3.3 C.9.2), groups 6000 to 601E.
//!
//! With data of their own (60xx,3000), or in unused bits of the pixels (retired in 2004, PS3.5 8.1.2; still in archives).
//! The latter need the pixels: where only the beginning of a file is at hand they are waited for. Compressed pixels do
//! not carry such bits reliably; there a warning says that the overlay is not shown.

use crate::attribute::Tag;
use crate::dataset::Dataset;
use crate::encoded::Encoded;
use crate::object::{Object, PixelData};
use medsight_image::{OverlayPlane, VolumeWarning};
use std::sync::Arc;

/// A repeating group's attribute.
fn tag(group: u16, element: u16) -> Tag {
    Tag(group, element)
}

/// The overlay planes of an image.
#[derive(Debug, Default)]
pub(crate) struct Overlays {
    pub(crate) planes: Vec<Arc<OverlayPlane>>,
    /// One lies in pixels of which not all are at hand.
    pub(crate) wait_for_pixels: bool,
}

/// All overlay planes; one that cannot be used is left out with a warning that names the attribute.
pub(crate) fn overlays_of(
    object: &Object<'_>,
    encoded: &Encoded,
    warnings: &mut Vec<VolumeWarning>,
) -> Overlays {
    let data = object.data();
    let mut found = Overlays::default();
    for group in (0x6000..=0x601E_u16).step_by(2).filter(|group| data.has(tag(*group, 0x0010))) {
        let embedded = !data.has(tag(group, 0x3000)) && integer(&data, group, 0x0100).unwrap_or(1) > 1;
        let native = object.pixel_span().is_none_or(|span| span.native);
        if embedded && native && (!object.has_pixel_data() || object.check_pixel_data_whole().is_err()) {
            found.wait_for_pixels = true;
            continue;
        }
        match overlay(object, &data, encoded, group, embedded) {
            Ok(plane) => found.planes.push(Arc::new(plane)),
            Err(reason) => {
                warnings.push(VolumeWarning { code: "overlay_unusable".into(), reason, figures: Vec::new() })
            }
        }
    }
    found
}

fn integer(data: &Dataset<'_>, group: u16, element: u16) -> Option<i64> {
    data.integer(tag(group, element)).ok().flatten()
}

/// The bits of an overlay in the pixels: packed as Overlay Data (60xx,3000) would have them, all frames.
fn bits_in_pixels(
    object: &Object<'_>,
    encoded: &Encoded,
    group: u16,
    size_px: [usize; 2],
) -> Result<Vec<u8>, String> {
    let data = object.data();
    let width = encoded.bits_allocated as usize / 8;
    if size_px != [encoded.columns, encoded.rows] || !matches!(width, 1 | 2) || encoded.samples_per_pixel != 1
    {
        return Err(format!(
            "Overlay Data ({group:04X},3000) is missing, and an overlay of this size cannot lie in the pixels"
        ));
    }
    let stored = encoded.high_bit + 1 - encoded.bits_stored..=encoded.high_bit;
    let position = integer(&data, group, 0x0102).and_then(|bit| u32::try_from(bit).ok());
    let position =
        position.filter(|bit| *bit < encoded.bits_allocated && !stored.contains(bit)).ok_or_else(|| {
            format!(
                "Overlay Bit Position ({group:04X},0102) is not the number of an unused bit of the pixels"
            )
        })?;
    let Some(PixelData::Native { bytes, big_endian, .. }) = object.pixel_data() else {
        return Err(format!(
            "Overlay Data ({group:04X},3000) is missing: an overlay in unused bits of compressed pixels (retired) is not shown"
        ));
    };
    let count = encoded.samples_per_frame() * encoded.frames;
    let mut packed = vec![0_u8; count.div_ceil(8)];
    // In little endian the byte that has the bit is the lower one for bits below 8.
    let byte_of_cell = if width == 1 { 0 } else { usize::from((position >= 8) != big_endian) };
    for (i, cell) in bytes.chunks_exact(width).take(count).enumerate() {
        packed[i / 8] |= (cell[byte_of_cell] >> (position % 8) & 1) << (i % 8);
    }
    Ok(packed)
}

fn overlay(
    object: &Object<'_>,
    data: &Dataset<'_>,
    encoded: &Encoded,
    group: u16,
    embedded: bool,
) -> Result<OverlayPlane, String> {
    let whole = |element: u16| data.integer(tag(group, element)).map_err(|refusal| refusal.reason);
    let at_least_one = |element: u16, name: &str| {
        let value = whole(element)?.filter(|n| (1..=65_535).contains(n));
        let reason = || format!("{name} ({group:04X},{element:04X}) of an overlay is not a number above 0");
        value.and_then(|n| usize::try_from(n).ok()).ok_or_else(reason)
    };
    let (rows, columns) = (at_least_one(0x0010, "Overlay Rows")?, at_least_one(0x0011, "Overlay Columns")?);
    let packed;
    let bits = if embedded {
        packed = bits_in_pixels(object, encoded, group, [columns, rows])?;
        &packed[..]
    } else {
        data.raw(tag(group, 0x3000)).unwrap_or_default()
    };
    if bits.is_empty() {
        return Err(format!("Overlay Data ({group:04X},3000) is missing"));
    }
    let origin = data.vector::<2>(tag(group, 0x0050)).map_err(|refusal| refusal.reason)?;
    let [row, column] = origin.unwrap_or([1.0, 1.0]);
    let frames =
        if embedded { encoded.frames } else { whole(0x0015)?.unwrap_or(1).clamp(1, 1 << 20) as usize };
    let needed = rows * columns * frames;
    if bits.len().saturating_mul(8) < needed {
        return Err(format!(
            "Overlay Data ({group:04X},3000) has {} bits, {needed} are needed for {columns} × {rows} × {frames}",
            bits.len() * 8
        ));
    }
    let label = data.text(tag(group, 0x1500)).or_else(|| data.text(tag(group, 0x0022)));
    Ok(OverlayPlane {
        label: label.unwrap_or_default(),
        size_px: [columns, rows],
        origin_px: [column as i64 - 1, row as i64 - 1],
        first_frame: if embedded { 0 } else { whole(0x0051)?.unwrap_or(1).clamp(1, 1 << 20) as usize - 1 },
        frames,
        is_region: data.text(tag(group, 0x0040)).as_deref() == Some("R"),
        bits: bits.into(),
    })
}
