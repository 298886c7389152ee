//! Overlay planes (PS3.3 C.9.2), groups 6000 to 601E.
//!
//! Only overlays with data of their own (60xx,3000). The retired form in unused bits of the pixels is not read, and
//! said so by a warning.

use crate::attribute::Tag;
use crate::dataset::Dataset;
use medsight_image::{OverlayPlane, VolumeWarning};
use std::sync::Arc;

/// A repeating group's attribute.
fn tag(group: u16, element: u16) -> Tag {
    Tag(group, element)
}

/// All overlay planes; one that cannot be used is left out with a warning that names the attribute.
pub(crate) fn overlays_of(data: &Dataset<'_>, warnings: &mut Vec<VolumeWarning>) -> Vec<Arc<OverlayPlane>> {
    let groups = (0x6000..=0x601E_u16).step_by(2).filter(|group| data.has(tag(*group, 0x0010)));
    let mut planes = Vec::new();
    for group in groups {
        match overlay(data, group) {
            Ok(plane) => planes.push(Arc::new(plane)),
            Err(reason) => warnings.push(VolumeWarning { code: "overlay_unusable".into(), reason }),
        }
    }
    planes
}

fn overlay(data: &Dataset<'_>, group: u16) -> Result<OverlayPlane, String> {
    let whole = |element: u16| data.integer(tag(group, element)).map_err(|refusal| refusal.reason);
    let at_least_one = |element: u16, name: &str| {
        let value = whole(element)?.filter(|n| (1..=65_535).contains(n));
        let reason = || format!("{name} ({group:04X},{element:04X}) of an overlay is not a number above 0");
        value.and_then(|n| usize::try_from(n).ok()).ok_or_else(reason)
    };
    let (rows, columns) = (at_least_one(0x0010, "Overlay Rows")?, at_least_one(0x0011, "Overlay Columns")?);
    if whole(0x0100)?.unwrap_or(1) != 1 || !data.has(tag(group, 0x3000)) {
        return Err(format!(
            "Overlay Data ({group:04X},3000) is missing: an overlay in unused bits of the pixels (retired) is not shown"
        ));
    }
    let origin = data.vector::<2>(tag(group, 0x0050)).map_err(|refusal| refusal.reason)?;
    let [row, column] = origin.unwrap_or([1.0, 1.0]);
    let frames = whole(0x0015)?.unwrap_or(1).clamp(1, 1 << 20) as usize;
    let bits = data.raw(tag(group, 0x3000)).unwrap_or_default();
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
        first_frame: whole(0x0051)?.unwrap_or(1).clamp(1, 1 << 20) as usize - 1,
        frames,
        is_region: data.text(tag(group, 0x0040)).as_deref() == Some("R"),
        bits: bits.into(),
    })
}
