//! Whether something drawn lies on what a cell shows at all. What touches no pixel and no voxel measures nothing.

use glam::{DVec2, DVec3};
use medsight_image::Volume;
use medsight_record::AnnotationKind;

use crate::light_box::LightBox;
use crate::surface::{Space, Surface};

/// Steps along a line, and along each side of a box, at which it is looked.
const STEPS: usize = 64;

impl LightBox {
    /// True when no part of something drawn lies on the image or in the volume. A text may stand beside the image.
    pub(crate) fn is_outside(
        &self,
        cell: usize,
        surface: &Surface,
        kind: &AnnotationKind,
        points: &[DVec2],
    ) -> bool {
        if matches!(kind, AnnotationKind::Text { .. } | AnnotationKind::KeyImage) {
            return false;
        }
        let mut points = points.to_vec();
        if *kind == AnnotationKind::Outline {
            points.extend_from_within(..1.min(points.len()));
        }
        let points = &points;
        let is_box = matches!(kind, AnnotationKind::Ellipse | AnnotationKind::Rectangle);
        match &surface.space {
            Space::Image { .. } => {
                let Some(facts) = self.facts(cell) else { return false };
                let end = DVec2::new(facts.size_px[0] as f64, facts.size_px[1] as f64) - 0.5;
                let is_on = |p: DVec2| p.cmpge(DVec2::splat(-0.5)).all() && p.cmple(end).all();
                !touches(is_box, points, is_on)
            }
            Space::Plane { .. } => {
                let Some(volume) = self.series_of(cell).and_then(|s| s.volume()) else { return false };
                let is_in = |p: DVec2| surface.patient(p).is_some_and(|patient_mm| holds(volume, patient_mm));
                !touches(is_box, points, is_in)
            }
        }
    }
}

/// True when a point of the patient is in a voxel.
pub(crate) fn holds(volume: &Volume, patient_mm: DVec3) -> bool {
    let voxel = volume.voxel_from_patient().transform_point3(patient_mm).to_array();
    let counts = [volume.dims[0], volume.dims[1], volume.dims[2]];
    voxel.iter().zip(counts).all(|(v, n)| (-0.5..=n as f64 - 0.5).contains(v))
}

fn touches(is_box: bool, points: &[DVec2], is_on: impl Fn(DVec2) -> bool) -> bool {
    let part = |i: usize| i as f64 / STEPS as f64;
    if is_box {
        let [a, b] = points else { return false };
        let at = |i: usize| *a + (*b - *a) * DVec2::new(part(i % (STEPS + 1)), part(i / (STEPS + 1)));
        return (0..(STEPS + 1) * (STEPS + 1)).any(|i| is_on(at(i)));
    }
    points.windows(2).any(|ends| (0..=STEPS).any(|i| is_on(ends[0].lerp(ends[1], part(i)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_only_crosses_the_image_touches_it_and_one_beside_it_does_not() {
        let is_on = |p: DVec2| p.cmpge(DVec2::ZERO).all() && p.cmple(DVec2::splat(10.0)).all();
        let line = |a: [f64; 2], b: [f64; 2]| touches(false, &[a.into(), b.into()], is_on);
        assert!(line([-20.0, 5.0], [20.0, 5.0]));
        assert!(!line([-20.0, -5.0], [20.0, -5.0]));
        assert!(touches(true, &[DVec2::splat(-5.0), DVec2::splat(5.0)], is_on));
        assert!(!touches(true, &[DVec2::splat(-5.0), DVec2::splat(-1.0)], is_on));
    }
}
