//! What is written over an image: identity, acquisition, window and place, letters, scale bar, probe.

use egui::{Align2, Painter, Pos2, Rect, pos2, vec2};
use medsight_base::geometry::orientation_letters;
use medsight_image::Voi;
use medsight_record::words::Words;
use medsight_record::{Tool, ViewKind};

use crate::draw_shape::outlined;
use crate::light_box::{LightBox, Overlays};
use crate::sample::{Value, value_at};
use crate::series::Said;
use crate::surface::Surface;
use crate::theme::{self, IMAGE_TEXT};

const LINE: f32 = 15.5;
const MARGIN: f32 = 8.0;

fn column(painter: &Painter, from: Pos2, align: Align2, lines: &[(String, egui::Color32)], step: f32) -> f32 {
    let mut y = from.y;
    for (line, color) in lines {
        outlined(painter, pos2(from.x, y), align, line, IMAGE_TEXT, *color);
        y += step;
    }
    y
}

/// Texts in the corners. Returns where the top left column ends.
pub(super) fn corners(painter: &Painter, light_box: &LightBox, index: usize, rect: Rect) -> f32 {
    let cell = &light_box.cells[index];
    let words = &light_box.words;
    let mut top_left = Vec::new();
    let plane = cell.plane();
    if let Some(plane) = plane {
        let mut name = words.text(plane_key(plane)).to_owned();
        let oblique = light_box.planes(index).is_some_and(|m| m.is_oblique(plane));
        if oblique {
            name += &format!(" · {}", words.text("lightbox.oblique"));
        }
        top_left.push((name, theme::plane_color(plane)));
    }
    let Some(series) = light_box.series_of(index).filter(|s| s.failure.is_none()) else {
        return rect.top() + MARGIN;
    };
    if cell.view == ViewKind::Volume3d {
        let preset = light_box
            .volume_preset(index)
            .map(|p| words.text(&format!("volume_preset.{}", p.name)).to_owned());
        top_left.push((format!("3D · {}", preset.unwrap_or_default()), theme::TEXT_IMAGE));
    }
    if cell.view == ViewKind::Curved {
        top_left.push((super::curved::title(light_box), theme::MEASURE));
    }
    if let Some(text) = light_box.aligned_as(index) {
        top_left.push((format!("⟷ {text}"), theme::ACCENT));
    }
    let several = super::patient_bar::color_of_cell(light_box, index);
    if let Some(color) = several {
        super::patient_bar::above(painter, rect, color);
    }
    // With several patients in the window, whose image it is cannot be hidden.
    if light_box.overlays == Overlays::All || several.is_some() {
        let identity = light_box.study_of(index).identity.clone();
        let width = rect.width() * 0.5;
        top_left.extend(wrap(&identity, width).into_iter().map(|l| (l, theme::TEXT_IMAGE)));
        if light_box.has_several_studies() {
            // Which of them this is, beside the other.
            top_left.push((light_box.study_of(index).description.clone(), theme::TEXT_IMAGE));
        }
    }
    if light_box.is_key_image(index) {
        top_left.push((format!("◆ {}", words.text("tool.key_image")), theme::MEASURE));
    }
    let end = if light_box.overlays == Overlays::None && several.is_none() {
        rect.top() + MARGIN
    } else {
        column(painter, rect.min + vec2(MARGIN, MARGIN), Align2::LEFT_TOP, &top_left, LINE)
    };
    if light_box.overlays == Overlays::All {
        let mut right =
            vec![(format!("{} {}", words.text("lightbox.series"), series.title()), theme::TEXT_IMAGE)];
        if let Some(facts) = light_box.facts(index) {
            right.extend(facts.acquisition.iter().map(|l| (said(l, words), theme::TEXT_IMAGE)));
        }
        column(painter, pos2(rect.right() - MARGIN, rect.top() + MARGIN), Align2::RIGHT_TOP, &right, LINE);
    }
    if light_box.overlays != Overlays::None && series.page.is_none() {
        let mut lines = bottom_left(light_box, index);
        if light_box.overlays == Overlays::Minimal {
            lines.truncate(1);
        }
        lines.reverse();
        column(
            painter,
            pos2(rect.left() + MARGIN, rect.bottom() - MARGIN),
            Align2::LEFT_BOTTOM,
            &lines,
            -LINE,
        );
    }
    end
}

/// A line of facts in the person's language: `120 kV · 214 mAs`.
fn said(line: &[Said], words: &Words) -> String {
    let part = |said: &Said| match said {
        Said::Text(text) => text.clone(),
        Said::Number { before, value, after } => format!("{before}{}{after}", words.short_number(*value, 2)),
    };
    line.iter().map(part).collect::<Vec<_>>().join(" · ")
}

/// A long identity in two lines, broken at its dividers.
fn wrap(text: &str, width: f32) -> Vec<String> {
    if text.chars().count() as f32 * 6.4 <= width {
        return vec![text.to_owned()];
    }
    match text.split_once(" · ") {
        Some((name, rest)) => vec![name.to_owned(), rest.to_owned()],
        None => vec![text.to_owned()],
    }
}

pub(super) fn plane_key(plane: medsight_base::Plane) -> &'static str {
    match plane {
        medsight_base::Plane::Axial => "lightbox.axial",
        medsight_base::Plane::Coronal => "lightbox.coronal",
        medsight_base::Plane::Sagittal => "lightbox.sagittal",
    }
}

fn bottom_left(light_box: &LightBox, index: usize) -> Vec<(String, egui::Color32)> {
    let cell = &light_box.cells[index];
    let words = &light_box.words;
    let mut lines = Vec::new();
    let is_color = light_box.facts(index).is_some_and(|f| f.is_color);
    if cell.view == ViewKind::Volume3d {
        let Some(volume) = light_box.series_of(index).and_then(|s| s.volume()) else { return Vec::new() };
        let [x, y, z, _] = volume.dims;
        let key = if cell.view_3d.shading { "lightbox.shaded" } else { "lightbox.unshaded" };
        lines.push(format!("{} · {x}×{y}×{z}", words.text(key)));
        lines.extend(time_line(light_box, index));
        return lines.into_iter().map(|l| (l, theme::TEXT_IMAGE)).collect();
    }
    let inverted =
        if cell.invert { format!(" · {}", words.text("lightbox.inverted")) } else { String::new() };
    let is_table = cell.view == ViewKind::Stack && matches!(light_box.voi(index), Voi::Lut(_));
    if is_table && !is_color {
        lines.push(format!("VOI LUT{inverted}"));
    } else if let Some(window) = light_box.window(index).filter(|_| !is_color) {
        let decimals = if window.width() < 10.0 { 2 } else { 0 };
        let name = window_name(light_box, index).map(|n| format!(" ({n})")).unwrap_or_default();
        lines.push(format!(
            "{} {} {} {}{name}{inverted}",
            words.text("lightbox.w"),
            words.number(window.width(), decimals),
            words.text("lightbox.l"),
            words.number(window.center(), decimals)
        ));
    }
    if let Some(slice) = position_text(light_box, index) {
        lines.push(format!("{} {} · {slice}", words.text("lightbox.zoom"), words.number(cell.zoom, 2)));
    }
    lines.extend(time_line(light_box, index));
    if cell.view == ViewKind::Curved {
        lines.extend(super::curved::lines(light_box, index));
    } else if let Some(line) = place_line(light_box, index) {
        lines.push(line);
    }
    if let Some(cine) = &cell.cine {
        lines.push(format!("{} {}/s", words.text("lightbox.cine"), words.number(cine.fps, 1)));
    }
    lines.into_iter().map(|l| (l, theme::TEXT_IMAGE)).collect()
}

/// Which time point is shown, where there are several.
fn time_line(light_box: &LightBox, index: usize) -> Option<String> {
    let (at, count) = light_box.time(index)?;
    let (at, count) = ((at + 1).to_string(), count.to_string());
    Some(light_box.words.fill("lightbox.time_of", &[("time", &at), ("count", &count)]))
}

/// Position along the plane's normal, and the slab.
fn place_line(light_box: &LightBox, index: usize) -> Option<String> {
    let cell = &light_box.cells[index];
    let words = &light_box.words;
    let series = light_box.series_of(index)?;
    if let Some(plane) = cell.plane() {
        let mpr = series.planes?;
        let (axis, value) = match plane {
            medsight_base::Plane::Axial => ("z", mpr.center_mm.z),
            medsight_base::Plane::Coronal => ("y", mpr.center_mm.y),
            medsight_base::Plane::Sagittal => ("x", mpr.center_mm.x),
        };
        let slab = if mpr.slab_mm > 0.0 {
            format!(" · {} {} mm", projection_name(light_box, mpr.projection), words.number(mpr.slab_mm, 0))
        } else {
            String::new()
        };
        return Some(format!("{axis} {} mm{slab}", words.number(value, 1)));
    }
    let place = light_box.facts(index)?.place?;
    let normal = place.normal();
    let axis = [('x', normal.x), ('y', normal.y), ('z', normal.z)]
        .into_iter()
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?
        .0;
    let value = match axis {
        'x' => place.origin_mm.x,
        'y' => place.origin_mm.y,
        _ => place.origin_mm.z,
    };
    Some(format!("{axis} {} mm", words.number(value, 1)))
}

pub(super) fn projection_name(light_box: &LightBox, projection: medsight_image::Projection) -> &str {
    use medsight_image::Projection;
    light_box.words.text(match projection {
        Projection::Mip => "lightbox.mip",
        Projection::MinIp => "lightbox.minip",
        Projection::Mean => "lightbox.mean",
    })
}

/// The name of the window, when it is the file's or a preset.
fn window_name(light_box: &LightBox, index: usize) -> Option<String> {
    let window = light_box.window(index)?;
    let series = light_box.series_of(index)?;
    let range = series.value_range();
    let same = |w: &medsight_image::Window| {
        (w.center() - window.center()).abs() < 1e-6 && (w.width() - window.width()).abs() < 1e-6
    };
    if let Some(facts) = light_box.facts(index) {
        if let Some((_, name)) = facts.windows.iter().find(|(w, name)| same(w) && !name.is_empty()) {
            return Some(name.to_lowercase());
        }
        if light_box.cells[index].window.is_none() {
            let key = if facts.windows.is_empty() { "lightbox.automatic" } else { "lightbox.as_stored" };
            return Some(light_box.words.text(key).to_owned());
        }
    }
    let preset =
        light_box.presets.of(&series.modality).iter().find(|p| p.window(range).is_some_and(|w| same(&w)))?;
    Some(light_box.words.text(&format!("preset.{}", preset.name)).to_owned())
}

/// Letters at the edges and the scale bar.
pub(super) fn geometry(painter: &Painter, light_box: &LightBox, index: usize, rect: Rect, surface: &Surface) {
    if light_box.overlays == Overlays::None {
        return;
    }
    if let Some([right, down]) = surface.screen_directions() {
        let middle = rect.center();
        let edge = |at: Pos2, align: Align2, direction| {
            let text = orientation_letters(direction);
            // On a dark ground of its own: crosshair lines end at the edges too.
            let size = egui::vec2(9.0 * text.chars().count() as f32 + 4.0, 17.0);
            painter.rect_filled(align.anchor_size(at, size), 3.0, egui::Color32::from_black_alpha(140));
            outlined(painter, at, align, &text, 13.0, theme::TEXT_IMAGE);
        };
        edge(pos2(rect.right() - MARGIN, middle.y), Align2::RIGHT_CENTER, right);
        edge(pos2(rect.left() + MARGIN, middle.y), Align2::LEFT_CENTER, -right);
        edge(pos2(middle.x, rect.bottom() - MARGIN), Align2::CENTER_BOTTOM, down);
        edge(pos2(middle.x, rect.top() + MARGIN), Align2::CENTER_TOP, -down);
    }
    let key = match surface.screen_per_mm(rect.center()) {
        Some((points, _)) => {
            scale_bar(painter, rect, points, &light_box.words);
            return;
        }
        None => "scale.none",
    };
    if light_box.overlays == Overlays::All && light_box.facts(index).is_some() {
        outlined(
            painter,
            rect.max - vec2(MARGIN, MARGIN),
            Align2::RIGHT_BOTTOM,
            light_box.words.text(key),
            IMAGE_TEXT,
            theme::TEXT_3,
        );
    }
}

/// A bar of a round length, at most a fifth of the cell.
pub(super) fn scale_bar(painter: &Painter, rect: Rect, points_per_mm: f64, words: &Words) {
    let most = f64::from(rect.width()) / 5.0;
    let lengths = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
    let Some(mm) = lengths.into_iter().rev().find(|mm| mm * points_per_mm <= most) else { return };
    let (y, right) = (rect.bottom() - MARGIN - 7.0, rect.right() - MARGIN);
    let left = right - (mm * points_per_mm) as f32;
    for (color, width) in [(egui::Color32::from_black_alpha(190), 3.0), (theme::TEXT_IMAGE, 1.2)] {
        let stroke = egui::Stroke::new(width, color);
        painter.line_segment([pos2(left, y), pos2(right, y)], stroke);
        for x in [left, right] {
            painter.line_segment([pos2(x, y - 4.0), pos2(x, y + 4.0)], stroke);
        }
    }
    let text = format!("{} mm", words.number(mm, usize::from(mm < 1.0)));
    outlined(painter, pos2(left - 6.0, y), Align2::RIGHT_CENTER, &text, IMAGE_TEXT, theme::TEXT_IMAGE);
}

/// The value under the pointer with its unit, and where it is in the patient.
pub(super) fn probe(painter: &Painter, light_box: &LightBox, index: usize, surface: &Surface) {
    let Some((_, at)) = light_box.hover.filter(|(cell, _)| *cell == index && light_box.tool == Tool::Probe)
    else {
        return;
    };
    let lines = probe_lines(light_box, index, surface, at);
    let left = if at.x + 170.0 > painter.clip_rect().right() { at.x - 170.0 } else { at.x + 16.0 };
    for (i, line) in lines.iter().enumerate() {
        outlined(
            painter,
            pos2(left, at.y + 14.0 + i as f32 * LINE),
            Align2::LEFT_TOP,
            line,
            13.0,
            theme::MEASURE_ACTIVE,
        );
    }
}

/// Where a cell is: `slice 3 of 20` where it lies in the patient, `frame 3 of 20` in one file of several, else `image 3 of
/// 20`.
pub(super) fn position_text(light_box: &LightBox, index: usize) -> Option<String> {
    let (at, count) = light_box.position(index)?;
    let cell = &light_box.cells[index];
    let slices = light_box.series_of(index).map_or(&[][..], |series| &series.slices);
    // Before the header of this one is read, the others tell.
    let facts = light_box.facts(index).or_else(|| slices.iter().find_map(|slice| slice.facts.as_ref()));
    let is_placed = cell.plane().is_some() || facts.is_some_and(|f| f.place.is_some());
    let is_one_file = slices.len() > 1 && slices.iter().all(|slice| slice.instance == slices[0].instance);
    let key = match (is_placed, is_one_file) {
        (true, _) => "lightbox.slice_of",
        (false, true) => "lightbox.frame_of",
        (false, false) => "lightbox.image_of",
    };
    let (at, count) = ((at + 1).to_string(), count.to_string());
    Some(light_box.words.fill(key, &[("slice", &at), ("count", &count)]))
}

/// Decimals that tell a value from its neighbours: quantities of maps may be far below 1.
pub(crate) fn decimals_of(value: f64) -> usize {
    let size = value.abs();
    match value.fract().abs() < 1e-6 {
        true => 0,
        false if size >= 1.0 => 2,
        false => (2.0 - size.max(1e-9).log10().floor()).clamp(2.0, 9.0) as usize,
    }
}

/// The other quantity that the stored value stands for: `ADC 0.0012 mm2/s`.
fn real_world_line(light_box: &LightBox, index: usize, value: f64) -> Option<String> {
    let (mapping, file_modality) = light_box.real_world_of(index)?;
    let value = mapping.of_modality_value(value, file_modality)?;
    let number = light_box.words.number(value, decimals_of(value));
    Some(format!("{} {number} {}", mapping.label, mapping.unit).trim().to_owned())
}

pub(super) fn probe_lines(light_box: &LightBox, index: usize, surface: &Surface, at: Pos2) -> Vec<String> {
    let local = surface.local(at);
    let words = &light_box.words;
    let Some((source, unit)) = light_box.source(index) else { return Vec::new() };
    let mut lines = Vec::new();
    match value_at(&source, surface, local) {
        None => return vec![light_box.words.text("lightbox.outside").to_owned()],
        Some(Value::Grey(value)) => {
            lines.push(format!("{} {unit}", words.number(value, decimals_of(value))).trim_end().to_owned());
            let factor = light_box.facts(index).and_then(|facts| facts.suv_bw);
            lines.extend(factor.map(|factor| format!("SUVbw {} g/ml", words.number(value * factor, 2))));
            let uptakes = light_box.facts(index).map_or(&[][..], |facts| &facts.uptakes);
            lines.extend(
                uptakes
                    .iter()
                    .map(|(by, f)| format!("{} {} {}", by.name(), words.number(value * f, 2), by.unit())),
            );
            lines.extend(real_world_line(light_box, index, value));
        }
        Some(Value::Color([r, g, b])) => lines.push(format!("R {r} G {g} B {b}")),
    }
    if let Some(p) = surface.patient(local) {
        let side = |v: f64, plus: char, minus: char| {
            format!("{} {}", if v >= 0.0 { plus } else { minus }, words.number(v.abs(), 1))
        };
        lines.push(format!("{}  {}  {} mm", side(p.x, 'L', 'R'), side(p.y, 'P', 'A'), side(p.z, 'H', 'F')));
    } else {
        lines.push(format!(
            "{} × {}",
            words.number((local.x + 0.5).floor(), 0),
            words.number((local.y + 0.5).floor(), 0)
        ));
    }
    lines
}
