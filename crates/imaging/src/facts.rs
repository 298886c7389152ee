//! DICOM facts of an image as the light box needs them.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::DVec2;
use medsight_dicom::ImageInfo;
use medsight_image::{Modality, VolumeWarning};
use medsight_viewport::{ImageScale, SliceFacts, SlicePlace, UltrasoundScale};

/// Facts of each frame; frames that share everything share one.
pub(crate) fn of_frames(image: &ImageInfo) -> Vec<Arc<SliceFacts>> {
    let mut known: BTreeMap<*const medsight_dicom::FrameInfo, Arc<SliceFacts>> = BTreeMap::new();
    (0..image.frames.len())
        .map(|i| {
            known.entry(Arc::as_ptr(&image.frames[i])).or_insert_with(|| Arc::new(of_frame(image, i))).clone()
        })
        .collect()
}

/// Facts of one frame.
pub(crate) fn of_frame(image: &ImageInfo, frame: usize) -> SliceFacts {
    let info = &image.frames[frame.min(image.frames.len() - 1)];
    let encoded = &image.encoded;
    let scale =
        info.scale.map(|s| ImageScale { mm_per_px: DVec2::new(s.column_mm, s.row_mm), source: s.source });
    let place =
        info.position_mm.zip(info.orientation).zip(scale).map(|((origin_mm, [right, down]), scale)| {
            SlicePlace { origin_mm, right, down, spacing_mm: scale.mm_per_px }
        });
    let regions = image.regions.iter().map(|r| {
        let [x0, y0, x1, y1] = r.rectangle_px.map(|p| p as f64);
        UltrasoundScale {
            min_px: DVec2::new(x0, y0),
            max_px: DVec2::new(x1, y1),
            mm_per_px: r.scale.map(|s| DVec2::new(s.column_mm, s.row_mm)),
        }
    });
    SliceFacts {
        size_px: image.shown_size_px(),
        place,
        scale,
        regions: regions.collect(),
        pixel_aspect: match scale {
            Some(scale) => scale.mm_per_px.y / scale.mm_per_px.x,
            None => image.pixel_aspect.unwrap_or(1.0),
        },
        modality: info.modality_lut.to_image(),
        unit: info.unit.clone(),
        windows: info.windows.iter().map(|w| (w.window, w.explanation.clone())).collect(),
        voi_lut: info.voi_tables.first().and_then(|t| t.display_values()).map(Arc::new),
        palette: image.palette.as_ref().and_then(|p| p.to_image()).map(Arc::new),
        padding: image.padding.map(|[low, high]| [low as f64, high as f64]),
        suv_bw: image.suv.as_ref().and_then(|suv| suv.as_ref().ok()).map(|suv| suv.body_weight),
        overlays: image.overlays.clone(),
        shutter: image.shutter.clone(),
        is_color: !encoded.is_grey(),
        acquisition: acquisition(image),
        warnings: warnings(image),
        frames_per_second: image.frame_time_ms.filter(|ms| *ms > 0.0).map(|ms| 1000.0 / ms),
    }
}

/// The same facts for pixels that are modality values already, as voxels are.
pub(crate) fn for_voxels(facts: &SliceFacts) -> SliceFacts {
    let padding = match &facts.modality {
        Modality::Rescale { slope, intercept } => facts.padding.map(|p| {
            let [a, b] = p.map(|v| v * slope + intercept);
            [a.min(b), a.max(b)]
        }),
        Modality::Lut(_) => None,
    };
    SliceFacts { modality: Modality::IDENTITY, padding, ..facts.clone() }
}

fn warnings(image: &ImageInfo) -> Vec<VolumeWarning> {
    let mut all = image.warnings.clone();
    if let Some(Err(reason)) = &image.suv {
        all.push(VolumeWarning { code: "no_suv".to_owned(), reason: reason.clone() });
    }
    let mut add = |is: bool, code: &str, reason: &str| {
        if is {
            all.push(VolumeWarning { code: code.to_owned(), reason: reason.to_owned() });
        }
    };
    add(
        image.lossy,
        "lossy",
        "Lossy Image Compression (0028,2110) is 01: the pixels were changed when the image was stored.",
    );
    add(
        image.burned_in,
        "burned_in",
        "Burned In Annotation (0028,0301) is YES: there is text in the pixels, which may name the patient.",
    );
    all
}

/// Lines such as `120 kV · 214 mAs`; what the file does not say is left out.
fn acquisition(image: &ImageInfo) -> Vec<String> {
    let a = &image.acquisition;
    let number = |value: Option<f64>, unit: &str| value.map(|v| format!("{} {unit}", trimmed(v)));
    let join = |parts: Vec<Option<String>>| {
        let parts: Vec<String> = parts.into_iter().flatten().filter(|p| !p.is_empty()).collect();
        parts.join(" · ")
    };
    let text = |s: &str| Some(s.to_owned());
    let lines = [
        join(vec![number(a.kvp, "kV"), number(a.exposure_mas, "mAs").or(number(a.tube_current_ma, "mA"))]),
        join(vec![
            a.repetition_time_ms.map(|v| format!("TR {}", trimmed(v))),
            a.echo_time_ms.map(|v| format!("TE {}", trimmed(v))),
            a.flip_angle_deg.map(|v| format!("FA {}°", trimmed(v))),
        ]),
        join(vec![
            a.slice_thickness_mm.map(|v| format!("{} mm", trimmed(v))),
            text(&a.kernel),
            text(&a.patient_position),
        ]),
        join(vec![text(&a.view_position), text(&a.laterality)]),
        a.institution.clone(),
    ];
    lines.into_iter().filter(|l| !l.is_empty()).collect()
}

/// A number without decimals that say nothing.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_on_the_image_have_no_empty_decimals() {
        assert_eq!(trimmed(120.0), "120");
        assert_eq!(trimmed(0.674), "0.67");
        assert_eq!(trimmed(1.5), "1.5");
    }
}
