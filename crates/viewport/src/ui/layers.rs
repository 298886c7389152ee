//! Layers on a cell, and their part of the side panel.

use egui::{
    Color32, ColorImage, Painter, Pos2, Rect, RichText, Shape, Stroke, TextureHandle, TextureOptions, Ui,
    pos2,
};
use glam::DVec2;
use medsight_image::label_grid::{Edge, painted};
use medsight_record::words::Words;

use super::panel::heading;
use crate::apply::Action;
use crate::fresh_labels::pixel_plane;
use crate::layers::{LayerDose, LayerForm, LayerSet, cuts};
use crate::light_box::LightBox;
use crate::surface::Surface;
use crate::theme;

/// What the colours of a cell were made of; equal ones need no new texture.
#[derive(Clone, PartialEq)]
struct Made {
    surface: Surface,
    rect: Rect,
    sets: Vec<LayerSet>,
}

/// The colours of each cell.
#[derive(Default)]
pub(crate) struct LayerTextures {
    cells: Vec<Option<(Made, TextureHandle)>>,
}

/// Draws the layers that lie on the images of a cell.
pub(super) fn show(painter: &Painter, light_box: &LightBox, index: usize, rect: Rect, surface: &Surface) {
    let Some(series) = light_box.series_of(index).filter(|_| light_box.layers_shown) else { return };
    let sets: Vec<&LayerSet> = light_box.layers.iter().filter(|set| set.lies_on(series)).collect();
    if sets.is_empty() || surface.patient(DVec2::ZERO).is_none() {
        return;
    }
    if sets.iter().any(|set| !set.grids.is_empty()) {
        labels(painter, light_box, index, rect, surface, &sets);
    }
    for set in sets {
        contours(painter, set, surface);
    }
    super::proposals::ring(painter, light_box, index);
}

fn labels(
    painter: &Painter,
    light_box: &LightBox,
    index: usize,
    rect: Rect,
    surface: &Surface,
    sets: &[&LayerSet],
) {
    let mut textures = light_box.layer_textures.borrow_mut();
    textures.cells.resize_with(light_box.cells.len(), || None);
    let made = Made { surface: surface.clone(), rect, sets: sets.iter().map(|s| (*s).clone()).collect() };
    let fresh = textures.cells[index].as_ref().is_some_and(|(known, _)| *known == made);
    if !fresh {
        let Some(image) = colors(surface, rect, sets) else { return };
        let texture = painter.ctx().load_texture("layers", image, TextureOptions::NEAREST);
        textures.cells[index] = Some((made, texture));
    }
    if let Some((_, texture)) = &textures.cells[index] {
        let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
        painter.image(texture.id(), rect, whole, Color32::WHITE);
    }
}

/// The colours of all labels over a cell, a pixel a point.
fn colors(surface: &Surface, rect: Rect, sets: &[&LayerSet]) -> Option<ColorImage> {
    let size_px = [rect.width().round() as usize, rect.height().round() as usize];
    let rect = Rect::from_min_size(rect.min, egui::vec2(size_px[0] as f32, size_px[1] as f32));
    let plane = pixel_plane(surface, rect, size_px)?;
    let mut image = ColorImage::filled(size_px, Color32::TRANSPARENT);
    for set in sets {
        for (grid, labels) in set.grids.iter().enumerate() {
            let under = labels.under(&plane);
            let edge = if set.proposed.is_some() { Edge::Dashed } else { Edge::Solid };
            let colors = painted(&under, size_px[0], set.fill, edge, |label| set.color(grid, label));
            for (pixel, [r, g, b, a]) in image.pixels.iter_mut().zip(colors) {
                if a > 0 {
                    *pixel = Color32::from_rgba_unmultiplied(r, g, b, a);
                }
            }
        }
    }
    Some(image)
}

/// Outlines that lie in the plane as lines; of others, the pieces where the plane cuts them.
fn contours(painter: &Painter, set: &LayerSet, surface: &Surface) {
    let (Some(point_mm), Some(normal)) = (surface.patient(DVec2::ZERO), surface.normal()) else { return };
    let half_mm = (set.plane_distance_mm / 2.0).max(0.5);
    let screen = |p: glam::DVec3| surface.local_from_patient(p).map(|(local, _)| surface.screen(local));
    for layer in set.layers.iter().filter(|layer| layer.on) {
        let LayerForm::Contours(contours) = &layer.form else { continue };
        let color = Color32::from_rgb(layer.rgb[0], layer.rgb[1], layer.rgb[2]);
        for contour in contours.iter() {
            let in_plane = contour.points_mm.iter().all(|p| (*p - point_mm).dot(normal).abs() <= half_mm);
            if in_plane {
                let points: Vec<Pos2> = contour.points_mm.iter().filter_map(|p| screen(*p)).collect();
                let stroke = Stroke::new(1.6, color);
                match (points.as_slice(), contour.closed) {
                    ([only], _) => drop(painter.circle_filled(*only, 3.0, color)),
                    (_, true) => drop(painter.add(Shape::closed_line(points, stroke))),
                    (_, false) => drop(painter.add(Shape::line(points, stroke))),
                }
                continue;
            }
            let width = surface.screen_per_mm(painter.clip_rect().center()).map_or(1.0, |(points, _)| points);
            let thickness = (set.plane_distance_mm * width).clamp(1.5, 40.0) as f32;
            for [from, to] in cuts(contour, point_mm, normal) {
                if let (Some(from), Some(to)) = (screen(from), screen(to)) {
                    let inside = color.gamma_multiply(set.fill);
                    painter.line_segment([from, to], Stroke::new(thickness, inside));
                    for end in [from, to] {
                        painter.circle_filled(end, 1.6, color);
                    }
                }
            }
        }
    }
}

/// The list of sets with their parts.
pub(super) fn panel(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    if light_box.layers.is_empty() {
        return;
    }
    ui.add_space(14.0);
    heading(ui, light_box.words.text("lightbox.layers"));
    for (set_index, set) in light_box.layers.iter().enumerate() {
        if set.proposed.as_ref().is_some_and(|proposed| proposed.decided.is_some()) {
            continue;
        }
        super::proposals::head(ui, light_box, set, out);
        let mut fill = set.fill;
        let slider = egui::Slider::new(&mut fill, 0.0..=1.0)
            .show_value(false)
            .text(light_box.words.text("lightbox.opacity"));
        if ui.add(slider).changed() {
            out.push(Action::LayerFill(set_index, fill));
        }
        for (index, layer) in set.layers.iter().enumerate() {
            ui.horizontal(|ui| {
                let (swatch, _) = ui.allocate_exact_size(egui::vec2(10.0, 10.0), egui::Sense::hover());
                ui.painter().rect_filled(
                    swatch,
                    2.0,
                    Color32::from_rgb(layer.rgb[0], layer.rgb[1], layer.rgb[2]),
                );
                let mut on = layer.on;
                if ui.checkbox(&mut on, &layer.name).changed() {
                    out.push(Action::LayerOn(set_index, index, on));
                }
                if let LayerForm::Label(0, label) = layer.form {
                    super::proposals::paint_button(ui, light_box, set, &layer.name, label, out);
                }
                if let Some(ml) = layer.volume_ml {
                    let text = format!("{} ml", light_box.words.number(ml, if ml < 10.0 { 2 } else { 1 }));
                    ui.label(RichText::new(text).color(theme::TEXT_3).size(12.0));
                }
            });
            if let Some(line) = dose_line(&layer.dose, &light_box.words) {
                ui.label(RichText::new(format!("      {line}")).color(theme::TEXT_3).size(11.5));
            }
        }
        ui.add_space(6.0);
    }
}

/// The dose of a part in figures; of a part that the grid covers in part, how much of it that is.
fn dose_line(dose: &LayerDose, words: &Words) -> Option<String> {
    match dose {
        LayerDose::Unknown => None,
        LayerDose::Isodose { value, unit } => Some(format!("≥ {} {unit}", words.number(*value, 1))),
        LayerDose::Received { covered, mean, d95, max, unit } => {
            let [mean, d95, max] = [mean, d95, max].map(|value| words.number(*value, 1));
            let figures = format!("⌀ {mean} {unit} · D95 {d95} {unit} · max {max} {unit}");
            let part = format!("{} %: ", words.number(covered * 100.0, 0));
            Some(if *covered > 0.995 { figures } else { part + &figures })
        }
    }
}
