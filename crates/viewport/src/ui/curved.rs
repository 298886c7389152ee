//! The curved view of a vessel: its ruler along the line, where the reader looks, and the cut across the line beside it.

use egui::{Align2, Color32, Painter, Pos2, Rect, Stroke, Ui, pos2, vec2};
use glam::DVec2;
use medsight_base::geometry::orientation_letters;

use super::Textures;
use crate::draw_shape::outlined;
use crate::light_box::{LightBox, Overlays};
use crate::theme::{self, IMAGE_TEXT};

/// Lengths between the marks of the ruler, millimetres.
const MARKS_MM: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];
/// Marks are no nearer than this, screen points.
const APART: f64 = 36.0;

/// Where the cut across the line stands; `None` where there is no room for it or nothing to show.
pub(crate) fn section_rect(light_box: &LightBox) -> Option<(usize, Rect)> {
    let cell = light_box.curved_cell()?;
    let is_wanted = light_box.overlays != Overlays::None && light_box.has_curved();
    light_box.cells[cell].section_rect().filter(|_| is_wanted).map(|rect| (cell, rect))
}

/// What is drawn over the picture.
pub(super) fn show(painter: &Painter, light_box: &LightBox, index: usize, rect: Rect) {
    let Some(px_from_screen) = light_box.curved_px_from_screen(index) else { return };
    let screen_from_px = px_from_screen.inverse();
    let at = |x: f64, y: f64| {
        let p = screen_from_px.transform_point2(DVec2::new(x, y));
        pos2(p.x as f32, p.y as f32)
    };
    let (Some((size, mm_per_px)), Some((line_px, row_mm))) =
        (light_box.curved_size(), light_box.curved_rows())
    else {
        return;
    };
    if light_box.overlays == Overlays::None {
        return;
    }
    if light_box.crosshair {
        let line = line_px.iter().map(|[x, y]| at(*x, *y)).collect();
        painter.add(egui::Shape::line(line, Stroke::new(1.0, theme::MEASURE.gamma_multiply(0.3))));
    }
    let points_per_mm = screen_from_px.transform_vector2(DVec2::Y).y / mm_per_px;
    let left = (at(0.0, 0.0).x - 6.0).max(rect.left() + 44.0);
    let y_of = |mm: f64| at(0.0, row_mm.partition_point(|row| *row < mm) as f64).y;
    ruler(painter, light_box, left, points_per_mm, row_mm, y_of);
    if let Some(mm) = light_box.curved_at_mm() {
        let y = y_of(mm);
        let right = at(size.x, 0.0).x.min(rect.right());
        // Open over the vessel, so that it does not cover what it points at.
        let middle = light_box.curved_screen(index, mm).map_or((left + right) / 2.0, |p| p.x);
        let gap = (light_box.curved_diameter_mm(mm).unwrap_or(0.0) * 0.75 * points_per_mm) as f32 + 6.0;
        for ends in [[left, middle - gap], [middle + gap, right]].into_iter().filter(|[a, b]| b > a) {
            painter.line_segment(
                [pos2(ends[0], y), pos2(ends[1], y)],
                Stroke::new(1.0, theme::MEASURE_ACTIVE.gamma_multiply(0.8)),
            );
        }
        let text = format!("{} mm", light_box.words.number(mm, 1));
        outlined(
            painter,
            pos2(left + 8.0, y - 2.0),
            Align2::LEFT_BOTTOM,
            &text,
            IMAGE_TEXT,
            theme::MEASURE_ACTIVE,
        );
    }
    super::overlay::scale_bar(painter, rect, points_per_mm, &light_box.words);
}

/// Millimetres from the first point, down the left side of the picture.
fn ruler(
    painter: &Painter,
    light_box: &LightBox,
    left: f32,
    points_per_mm: f64,
    row_mm: &[f64],
    y_of: impl Fn(f64) -> f32,
) {
    let Some(last_mm) = row_mm.last() else { return };
    let step_mm = MARKS_MM.into_iter().find(|mm| mm * points_per_mm >= APART).unwrap_or(500.0);
    let color = theme::TEXT_IMAGE;
    painter.line_segment([pos2(left, y_of(0.0)), pos2(left, y_of(*last_mm))], Stroke::new(1.0, color));
    let marks = (last_mm / step_mm).floor() as usize;
    for mark in 0..=marks {
        let mm = mark as f64 * step_mm;
        let y = y_of(mm);
        painter.line_segment([pos2(left - 5.0, y), pos2(left, y)], Stroke::new(1.0, color));
        let text = light_box.words.number(mm, 0);
        outlined(painter, pos2(left - 8.0, y), Align2::RIGHT_CENTER, &text, 11.0, color);
    }
}

/// The cut across the line, seen along it, with the curved view's own cut through it.
pub(super) fn section(ui: &Ui, light_box: &LightBox, textures: &Textures) {
    let (Some((cell, rect)), Some(texture)) = (section_rect(light_box), textures.section) else { return };
    let (Some(at_mm), painter) =
        (light_box.curved_at_mm(), ui.painter().with_clip_rect(light_box.cells[cell].rect))
    else {
        return;
    };
    let Some([_, right, down]) = light_box.section_at(at_mm) else { return };
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    painter.image(texture, rect, whole, Color32::WHITE);
    painter.rect_stroke(rect, 2.0, Stroke::new(1.0, theme::LINE_3), egui::StrokeKind::Outside);
    // Where the curved view cuts: its left and right are left and right here.
    for (from, to) in [(rect.left_center(), 0.16), (rect.right_center(), -0.16)] {
        let stroke = Stroke::new(1.0, theme::MEASURE.gamma_multiply(0.8));
        painter.line_segment([from, from + vec2(rect.width() * to, 0.0)], stroke);
    }
    for (at, align, direction) in [
        (rect.right_top() + vec2(-4.0, rect.height() / 2.0 - 4.0), Align2::RIGHT_BOTTOM, right),
        (rect.left_top() + vec2(4.0, rect.height() / 2.0 - 4.0), Align2::LEFT_BOTTOM, -right),
        (rect.center_top() + vec2(0.0, 3.0), Align2::CENTER_TOP, -down),
        (rect.center_bottom() - vec2(0.0, 3.0), Align2::CENTER_BOTTOM, down),
    ] {
        outlined(&painter, at, align, &orientation_letters(direction), 11.0, theme::TEXT_IMAGE);
    }
    let width = light_box.section_mm(at_mm).unwrap_or(0.0);
    let about = light_box.words.fill("vessel.section", &[("mm", &light_box.words.number(width, 0))]);
    outlined(
        &painter,
        rect.left_bottom() + vec2(0.0, 5.0),
        Align2::LEFT_TOP,
        &about,
        11.0,
        theme::TEXT_IMAGE,
    );
}

/// What stands at the top left: how it is unrolled, and how it is turned.
pub(super) fn title(light_box: &LightBox) -> String {
    let words = &light_box.words;
    let kind = if light_box.curved.is_stretched { "vessel.stretched" } else { "vessel.straightened" };
    let degrees = words.number(light_box.curved_degrees(), 0);
    format!("{} · {degrees}°", words.text(kind))
}

/// What stands at the bottom left: length of the line, where the reader looks, how wide the lumen is there, the slab.
pub(super) fn lines(light_box: &LightBox, index: usize) -> Vec<String> {
    let words = &light_box.words;
    let Some((_, line)) = light_box.vessel_line() else { return Vec::new() };
    let mm = |value: f64| words.number(value, 1);
    let mut lines = vec![words.fill("vessel.length", &[("mm", &mm(line.length_mm()))])];
    if let Some(at_mm) = light_box.curved_at_mm() {
        let width = light_box.curved_diameter_mm(at_mm).unwrap_or(0.0);
        lines.push(words.fill("vessel.at", &[("mm", &mm(at_mm)), ("width", &mm(width))]));
    }
    if let Some(planes) = light_box.planes(index).filter(|planes| planes.slab_mm > 0.0) {
        let name = super::overlay::projection_name(light_box, planes.projection);
        lines.push(format!("{name} {} mm", words.number(planes.slab_mm, 0)));
    }
    lines
}
