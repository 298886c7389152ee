//! Presentation states of a study, as the light box puts them on.

use std::sync::Arc;

use medsight_base::InstanceUid;
use medsight_dicom::derived::{
    DisplayedArea, Drawing, GRAYSCALE_PRESENTATION_STATE, GraphicObject, PresentationState, Units,
};
use medsight_dicom::{Object, Softcopy, shutter_of, tags};
use medsight_record::Refusal;
use medsight_viewport::{Look, LookLine, LookOfImage};

/// Pieces of a circle.
const ROUND: usize = 96;

/// The look of an object; `None` when it is no presentation state.
///
/// # Errors
/// Names what cannot be used.
pub(crate) fn of_object(object: &Object<'_>) -> Option<Result<Look, Refusal>> {
    let class = object.data().text(tags::SOP_CLASS_UID);
    (class.as_deref() == Some(GRAYSCALE_PRESENTATION_STATE)).then(|| look(object))
}

fn look(object: &Object<'_>) -> Result<Look, Refusal> {
    let state = PresentationState::read(object)?;
    let mut warnings = Vec::new();
    let shutter = shutter_of(&object.data(), &mut warnings).map(Arc::new);
    let left_out = warnings.into_iter().next().map(|w| w.reason).unwrap_or_default();
    let mut images = Vec::new();
    for evidence in &state.images {
        let uid = &evidence.instance.instance;
        let Ok(instance) = InstanceUid::parse(uid) else { continue };
        let grey = Softcopy::read(object, uid)?;
        // Frames in the file count from 1.
        let frames: Vec<u32> = evidence.instance.frames.iter().map(|f| f.saturating_sub(1)).collect();
        let frame = frames.first().copied().unwrap_or(0);
        let area = state.area_of(uid, frame);
        let annotations = state.annotations_on(uid, frame);
        let lines = annotations.iter().flat_map(|a| &a.graphics).map(|graphic| line(graphic, area));
        let texts = annotations.iter().flat_map(|a| &a.texts).filter_map(|text| {
            let bounds = text.bounds.map(|(at, units, _)| image_px(at, units, area));
            let anchor = text.anchor.map(|(at, units, _)| image_px(at, units, area));
            Some((text.text.replace("\r\n", "\n"), bounds.or(anchor)?))
        });
        images.push(LookOfImage {
            instance,
            frames,
            modality: grey.modality,
            voi: grey.voi,
            inverse: grey.inverse,
            quarter_turns: grey.quarter_turns,
            flipped: grey.flipped,
            shutter: shutter.clone(),
            lines: lines.collect(),
            texts: texts.collect(),
        });
    }
    let parts = [state.label.as_str(), state.description.as_str()];
    let name = parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" · ");
    Ok(Look { name: if name.is_empty() { "PR".to_owned() } else { name }, images, left_out })
}

/// A point of a presentation state on the image; (0, 0) is the centre of the first pixel there, while pixels are
/// counted from their corners here (PS3.3 C.10.5).
fn image_px([x, y]: [f64; 2], units: Units, area: Option<&DisplayedArea>) -> [f64; 2] {
    match (units, area) {
        (Units::Display, Some(area)) => {
            let along = |part: f64, low: i64, high: i64| low as f64 - 1.5 + part * (high - low + 1) as f64;
            [
                along(x, area.top_left[0], area.bottom_right[0]),
                along(y, area.top_left[1], area.bottom_right[1]),
            ]
        }
        _ => [x - 0.5, y - 0.5],
    }
}

fn line(graphic: &GraphicObject, area: Option<&DisplayedArea>) -> LookLine {
    let points: Vec<[f64; 2]> = graphic.points.iter().map(|p| image_px(*p, graphic.units, area)).collect();
    match (graphic.drawing, points.as_slice()) {
        (Drawing::Circle, [center, on]) => {
            let radius = (on[0] - center[0]).hypot(on[1] - center[1]);
            around(*center, [radius, 0.0], [0.0, radius])
        }
        (Drawing::Ellipse, [a, b, c, d]) => {
            let half = |p: &[f64; 2], q: &[f64; 2]| [(q[0] - p[0]) / 2.0, (q[1] - p[1]) / 2.0];
            around([(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0], half(a, b), half(c, d))
        }
        _ => {
            let closed = points.len() > 2 && points.first() == points.last();
            LookLine { points_px: points, closed }
        }
    }
}

fn around(center: [f64; 2], major: [f64; 2], minor: [f64; 2]) -> LookLine {
    let point = |i: usize| {
        let (sin, cos) = (i as f64 / ROUND as f64 * std::f64::consts::TAU).sin_cos();
        [0, 1].map(|axis| center[axis] + major[axis] * cos + minor[axis] * sin)
    };
    LookLine { points_px: (0..ROUND).map(point).collect(), closed: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_a_presentation_state_keeps_its_radius_and_an_image_corner_is_half_a_pixel_out() {
        let circle = GraphicObject {
            drawing: Drawing::Circle,
            units: Units::Pixel,
            points: vec![[50.0, 40.0], [60.0, 40.0]],
            filled: false,
        };
        let line = line(&circle, None);
        assert!(line.closed);
        assert!(line.points_px.iter().all(|p| ((p[0] - 49.5).hypot(p[1] - 39.5) - 10.0).abs() < 1e-9));
        assert_eq!(image_px([0.0, 0.0], Units::Pixel, None), [-0.5, -0.5]);
    }
}
