//! The vessel that is traced: its points and its line on images, planes and in 3D, and the keys of the tool.

use egui::{Align2, Color32, Key, Painter, Pos2, Stroke, vec2};
use glam::DVec3;
use medsight_record::{Tool, ViewCommand};

use super::view_3d;
use crate::apply::Action;
use crate::draw_shape::outlined;
use crate::light_box::{LightBox, Popup};
use crate::stack_key::StackKey;
use crate::surface::{Space, Surface};
use crate::theme;

/// What lies as near to a plane is on it, millimetres; with a slab, what lies in the slab.
const ON_PLANE_MM: f64 = 1.0;
/// Radius of a point, screen points.
const POINT: f32 = 4.0;

/// Half the thickness within which something lies on a surface.
fn reach_mm(surface: &Surface) -> f64 {
    match surface.space {
        Space::Plane { slab_mm, .. } => (slab_mm / 2.0).max(ON_PLANE_MM),
        Space::Image { .. } => ON_PLANE_MM,
    }
}

/// Points and line on an image or a plane: what lies on it is drawn firmly, what lies before and behind it faintly.
pub(super) fn on_surface(painter: &Painter, light_box: &LightBox, index: usize, surface: &Surface) {
    let Some(vessel) = light_box.vessel() else { return };
    if light_box.series_of(index).map(StackKey::of).as_ref() != Some(&vessel.stack) {
        return;
    }
    let reach_mm = reach_mm(surface);
    let place = |mm: &DVec3| {
        let (local, distance_mm) = surface.local_from_patient(*mm)?;
        Some((surface.screen(local), distance_mm.abs() <= reach_mm))
    };
    if let Some(line) = &vessel.line {
        let points: Vec<(Pos2, bool)> = line.points_mm.iter().filter_map(place).collect();
        for pair in points.windows(2) {
            let ([(a, is_on), (b, _)], faint) = ([pair[0], pair[1]], theme::MEASURE.gamma_multiply(0.6));
            if is_on {
                painter.line_segment([a, b], Stroke::new(3.4, Color32::from_black_alpha(150)));
            }
            let stroke = if is_on { Stroke::new(1.6, theme::MEASURE) } else { Stroke::new(1.0, faint) };
            painter.line_segment([a, b], stroke);
        }
    }
    for (number, click) in vessel.clicks_mm.iter().enumerate() {
        if let Some((at, is_on)) = place(click) {
            point(painter, at, number, is_on);
        }
    }
    marker(painter, light_box, &place);
}

fn point(painter: &Painter, at: Pos2, number: usize, is_on: bool) {
    let color = if is_on { theme::MEASURE } else { theme::MEASURE.gamma_multiply(0.75) };
    painter.circle_stroke(at, POINT, Stroke::new(3.0, Color32::from_black_alpha(150)));
    painter.circle_stroke(at, POINT, Stroke::new(1.4, color));
    if is_on {
        painter.circle_filled(at, 1.2, color);
    }
    outlined(
        painter,
        at + vec2(POINT + 3.0, -POINT),
        Align2::LEFT_BOTTOM,
        &(number + 1).to_string(),
        11.0,
        color,
    );
}

/// Where the pointer is in the curved view: a ring, firm where it lies on the plane.
fn marker(painter: &Painter, light_box: &LightBox, place: &impl Fn(&DVec3) -> Option<(Pos2, bool)>) {
    let marker = light_box.curved_marker_mm().and_then(|mm| place(&mm));
    let Some((at, is_on)) = marker else { return };
    let color = if is_on { theme::MEASURE_ACTIVE } else { theme::MEASURE_ACTIVE.gamma_multiply(0.6) };
    painter.circle_stroke(at, 8.0, Stroke::new(3.2, Color32::from_black_alpha(150)));
    painter.circle_stroke(at, 8.0, Stroke::new(if is_on { 1.8 } else { 1.0 }, color));
    for arm in [vec2(1.0, 0.0), vec2(-1.0, 0.0), vec2(0.0, 1.0), vec2(0.0, -1.0)] {
        painter.line_segment([at + arm * 8.0, at + arm * 13.0], Stroke::new(1.4, color));
    }
}

/// The line projected over the volume.
pub(super) fn in_3d(painter: &Painter, light_box: &LightBox, index: usize) {
    let Some((series, line)) = light_box.vessel_line() else { return };
    if light_box.cells[index].series != Some(series) {
        return;
    }
    let place = |mm: &DVec3| view_3d::screen(light_box, index, *mm);
    let points: Vec<Pos2> = line.points_mm.iter().filter_map(place).collect();
    for (color, width) in [(Color32::from_black_alpha(150), 3.4), (theme::MEASURE, 1.6)] {
        painter.add(egui::Shape::line(points.clone(), Stroke::new(width, color)));
    }
}

/// What a key asks of the tool.
pub(super) fn key(light_box: &LightBox, key: Key) -> Option<Action> {
    if light_box.popup != Popup::None || light_box.tool != Tool::Vessel {
        return None;
    }
    match key {
        Key::Enter if light_box.is_tracing() => Some(Action::Command(ViewCommand::TraceVessel)),
        Key::Backspace if light_box.vessel().is_some() => Some(Action::TakePointOff),
        _ => None,
    }
}
