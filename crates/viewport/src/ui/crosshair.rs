//! Crosshair of linked planes, with handles that turn it, and reference lines between stacks.

use egui::{Color32, Painter, Stroke, vec2};
use glam::DVec2;
use medsight_record::{Tool, ViewKind};

use crate::light_box::LightBox;
use crate::series::SlicePlace;
use crate::surface::{Space, Surface};
use crate::theme;

/// A place lies on a slice that is no farther away, millimetres: half of a thick one.
const ON_SLICE_MM: f64 = 4.0;

pub(super) fn show(painter: &Painter, light_box: &LightBox, index: usize, surface: &Surface) {
    if light_box.cells[index].plane().is_some() {
        planes(painter, light_box, index);
    } else {
        reference_lines(painter, light_box, index, surface);
        pointed(painter, light_box, index, surface);
    }
}

fn planes(painter: &Painter, light_box: &LightBox, index: usize) {
    let Some(cross) = light_box.crosshair_on(index) else { return };
    let mpr = light_box.planes(index);
    let surface = light_box.surface(index);
    let half_slab = mpr.zip(surface).and_then(|(mpr, surface)| {
        let (points, _) = surface.screen_per_mm(cross.middle)?;
        (mpr.slab_mm > 0.0).then_some((mpr.slab_mm / 2.0 * points) as f32)
    });
    for (plane, direction) in cross.lines {
        let color = theme::plane_color(plane);
        let far = direction * 4000.0;
        let gap = direction * 14.0;
        // Free in the middle, so that the crosshair does not cover what it points at.
        for side in [1.0, -1.0] {
            painter.line_segment(
                [cross.middle + gap * side, cross.middle + far * side],
                Stroke::new(1.0, color),
            );
            let handle = cross.handle(direction * side);
            painter.circle(handle, 5.0, Color32::from_black_alpha(70), Stroke::new(1.5, color));
        }
        if let Some(half) = half_slab {
            let across = egui::vec2(-direction.y, direction.x) * half;
            for side in [across, -across] {
                let line = [cross.middle - far + side, cross.middle + far + side];
                painter.extend(egui::Shape::dashed_line(
                    &line,
                    Stroke::new(0.8, color.gamma_multiply(0.7)),
                    4.0,
                    5.0,
                ));
            }
        }
    }
}

/// The place that the crosshair tool points at, on the slice that it lies on.
fn pointed(painter: &Painter, light_box: &LightBox, index: usize, surface: &Surface) {
    let place = light_box.pointed_in(index).filter(|_| light_box.tool == Tool::Crosshair);
    let Some((local, distance_mm)) = place.and_then(|mm| surface.local_from_patient(mm)) else { return };
    if distance_mm.abs() > ON_SLICE_MM {
        return;
    }
    let at = surface.screen(local);
    for arm in [vec2(1.0, 0.0), vec2(-1.0, 0.0), vec2(0.0, 1.0), vec2(0.0, -1.0)] {
        for (color, width) in [(Color32::from_black_alpha(150), 3.0), (theme::ACCENT, 1.4)] {
            painter.line_segment([at + arm * 5.0, at + arm * 16.0], Stroke::new(width, color));
        }
    }
}

/// Lines where the slices of other stack cells cut this one, where they have their coordinates in common.
fn reference_lines(painter: &Painter, light_box: &LightBox, index: usize, surface: &Surface) {
    let Space::Image { place: Some(here), .. } = &surface.space else { return };
    let Some(size) = light_box.facts(index).map(|f| f.size_px) else { return };
    for other in light_box.visible_cells() {
        if other == index || light_box.cells[other].view != ViewKind::Stack {
            continue;
        }
        let Some(facts) = light_box.facts(other) else { continue };
        let Some(there) = light_box.place_seen_from(index, other) else { continue };
        if let Some([a, b]) = cut(here, size, &there, facts.size_px) {
            let is_active = other == light_box.active;
            let color = theme::ACCENT.gamma_multiply(if is_active { 0.9 } else { 0.45 });
            painter.line_segment([surface.screen(a), surface.screen(b)], Stroke::new(1.0, color));
        }
    }
}

/// The line on image `here` along which the rectangle of image `there` cuts it, in image pixels.
fn cut(
    here: &SlicePlace,
    size: [usize; 2],
    there: &SlicePlace,
    other_size: [usize; 2],
) -> Option<[DVec2; 2]> {
    if here.normal().dot(there.normal()).abs() > 0.98 {
        return None;
    }
    let (w, h) = (other_size[0] as f64 - 0.5, other_size[1] as f64 - 0.5);
    let corners = [(-0.5, -0.5), (w, -0.5), (w, h), (-0.5, h)]
        .map(|(x, y)| here.image_from_patient(there.patient_from_image(DVec2::new(x, y))));
    let mut ends = Vec::new();
    for i in 0..4 {
        let ((p, d), (q, e)) = (corners[i], corners[(i + 1) % 4]);
        if (d < 0.0) != (e < 0.0) {
            ends.push(p + (q - p) * (d / (d - e)));
        }
    }
    let [a, b] = ends[..] else { return None };
    let end = DVec2::new(size[0] as f64, size[1] as f64);
    clip(a, b, end)
}

/// The part of a segment inside an image (Liang–Barsky).
fn clip(a: DVec2, b: DVec2, end: DVec2) -> Option<[DVec2; 2]> {
    let d = b - a;
    let (mut t0, mut t1) = (0.0f64, 1.0f64);
    for (p, q) in [(-d.x, a.x), (d.x, end.x - a.x), (-d.y, a.y), (d.y, end.y - a.y)] {
        if p == 0.0 {
            if q < 0.0 {
                return None;
            }
        } else if p < 0.0 {
            t0 = t0.max(q / p);
        } else {
            t1 = t1.min(q / p);
        }
    }
    (t0 < t1).then(|| [a + d * t0, a + d * t1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;

    #[test]
    fn a_sagittal_slice_is_an_upright_line_on_an_axial_one() {
        let axial =
            SlicePlace { origin_mm: DVec3::ZERO, right: DVec3::X, down: DVec3::Y, spacing_mm: DVec2::ONE };
        let sagittal = SlicePlace {
            origin_mm: DVec3::new(30.0, 0.0, 50.0),
            right: DVec3::Y,
            down: DVec3::NEG_Z,
            spacing_mm: DVec2::ONE,
        };
        let [a, b] = cut(&axial, [100, 100], &sagittal, [100, 100]).unwrap();
        assert!((a.x - 30.0).abs() < 1e-9 && (b.x - 30.0).abs() < 1e-9);
        assert!((a.y - b.y).abs() > 90.0);
        assert!(cut(&axial, [100, 100], &axial, [100, 100]).is_none());
    }
}
