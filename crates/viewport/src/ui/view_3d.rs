//! Controls of a 3D cell: look, light, crop box with sliders and handles.

use egui::{Color32, Frame, Margin, Painter, Pos2, Rect, Stroke, Ui, Vec2, pos2, vec2};
use glam::DVec3;
use medsight_image::raycast::CropBox;

use crate::apply::Action;
use crate::cell::Crop;
use crate::light_box::LightBox;
use crate::picture::{crop_corners, first_camera};
use crate::theme;

/// Where a patient point is on the screen of a 3D cell.
pub(super) fn screen(light_box: &LightBox, index: usize, patient_mm: DVec3) -> Option<Pos2> {
    let cell = &light_box.cells[index];
    let volume = light_box.series_of(index)?.volume()?;
    let camera = cell.view_3d.camera.unwrap_or_else(|| first_camera(volume));
    let mm_per_point = camera.mm_per_px / f64::from(cell.rect.size().min_elem().max(1.0));
    let d = (patient_mm - camera.focus_mm) / mm_per_point;
    Some(cell.rect.center() + vec2(d.dot(camera.right) as f32, d.dot(camera.down) as f32))
}

/// Middles of the faces of the crop box: axis, whether upper, place on the screen.
fn faces(light_box: &LightBox, index: usize) -> Vec<(usize, bool, Pos2)> {
    let Some(volume) = light_box.series_of(index).and_then(|s| s.volume()) else { return Vec::new() };
    let corners = crop_corners(volume, &light_box.cells[index].view_3d.crop.region);
    let mut out = Vec::new();
    for axis in 0..3 {
        for upper in [false, true] {
            let on_face = (0..8).filter(|i| (i >> axis & 1 == 1) == upper).map(|i| corners[i]);
            let middle = on_face.sum::<DVec3>() / 4.0;
            if let Some(at) = screen(light_box, index, middle) {
                out.push((axis, upper, at));
            }
        }
    }
    out
}

/// The face of the crop box whose handle is at a point.
pub(crate) fn crop_face_at(light_box: &LightBox, index: usize, at: Pos2) -> Option<(usize, bool)> {
    let near = faces(light_box, index).into_iter().find(|(.., p)| p.distance(at) <= 9.0)?;
    Some((near.0, near.1))
}

/// The whole length of a voxel axis on the screen.
pub(crate) fn crop_axis_on_screen(light_box: &LightBox, index: usize, axis: usize) -> Option<Vec2> {
    let volume = light_box.series_of(index)?.volume()?;
    let corners = crop_corners(volume, &CropBox::WHOLE);
    Some(screen(light_box, index, corners[1 << axis])? - screen(light_box, index, corners[0])?)
}

pub(super) fn show(
    ui: &mut Ui,
    painter: &Painter,
    light_box: &LightBox,
    index: usize,
    rect: Rect,
    out: &mut Vec<Action>,
) {
    let Some(volume) = light_box.series_of(index).and_then(|s| s.volume()) else { return };
    let view = &light_box.cells[index].view_3d;
    if view.crop.shown {
        outline(painter, light_box, index, volume);
    }
    letters(painter, light_box, index, rect);
    let bar = Rect::from_min_max(
        pos2(rect.left() + 6.0, rect.bottom() - 72.0),
        pos2(rect.right() - 6.0, rect.bottom() - 44.0),
    );
    if rect.width() < 260.0 {
        return;
    }
    let mut ui = ui.new_child(
        egui::UiBuilder::new().max_rect(bar).layout(egui::Layout::left_to_right(egui::Align::Center)),
    );
    plate(&mut ui, |ui| controls(ui, light_box, index, out));
    if view.crop.shown {
        crop_sliders(&mut ui, light_box, index, rect, out);
    }
}

/// A dark ground, so that controls are read over bright bone as over air.
fn plate(ui: &mut Ui, show: impl FnOnce(&mut Ui)) {
    Frame::new()
        .fill(Color32::from_black_alpha(170))
        .corner_radius(4)
        .inner_margin(Margin::symmetric(6, 3))
        .show(ui, show);
}

fn controls(ui: &mut Ui, light_box: &LightBox, index: usize, out: &mut Vec<Action>) {
    let words = &light_box.words;
    let name = |preset: &str| words.text(&format!("volume_preset.{preset}")).to_owned();
    let modality = light_box.series_of(index).map_or("", |s| s.modality.as_str());
    let chosen = light_box.volume_preset(index).map(|p| p.name.clone()).unwrap_or_default();
    let combo = egui::ComboBox::from_id_salt(("volume preset", index))
        .selected_text(name(&chosen))
        .width(130.0)
        .show_ui(ui, |ui| {
            for preset in light_box.volume_presets.iter().filter(|p| p.suits(modality)) {
                if ui.selectable_label(preset.name == chosen, name(&preset.name)).clicked() {
                    out.push(Action::VolumePreset(index, preset.name.clone()));
                }
            }
        });
    let label = words.text("lightbox.volume_look").to_owned();
    combo.response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, &label));
    let view = &light_box.cells[index].view_3d;
    let mut shading = view.shading;
    if ui.checkbox(&mut shading, words.text("lightbox.shading")).changed() {
        out.push(Action::Shading(index, shading));
    }
    let mut crop = view.crop;
    if ui.checkbox(&mut crop.shown, words.text("volume.crop")).changed() {
        out.push(Action::SetCrop(index, crop));
    }
    if light_box.solids_draw(index).is_some() || light_box.fresh_solids(index).is_some() {
        let mut share = view.volume_share;
        let text = words.text("lightbox.volume_share");
        ui.label(text);
        ui.spacing_mut().slider_width = 70.0;
        let slider = ui.add(egui::Slider::new(&mut share, 0.0..=1.0).show_value(false));
        slider.widget_info(|| egui::WidgetInfo::slider(true, f64::from(share), text));
        if slider.changed() {
            out.push(Action::VolumeShare(index, share));
        }
    }
    if crop.region != CropBox::WHOLE && ui.button(words.text("lightbox.crop_reset")).clicked() {
        out.push(Action::SetCrop(index, Crop { shown: crop.shown, region: CropBox::WHOLE }));
    }
}

/// Two sliders an axis, above the bar.
fn crop_sliders(ui: &mut Ui, light_box: &LightBox, index: usize, rect: Rect, out: &mut Vec<Action>) {
    let place = Rect::from_min_max(
        pos2(rect.left() + 6.0, rect.bottom() - 158.0),
        pos2(rect.left() + 300.0, rect.bottom() - 76.0),
    );
    let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(place));
    plate(&mut ui, |ui| axis_sliders(ui, light_box, index, out));
}

fn axis_sliders(ui: &mut Ui, light_box: &LightBox, index: usize, out: &mut Vec<Action>) {
    let crop = light_box.cells[index].view_3d.crop;
    ui.spacing_mut().slider_width = 90.0;
    for axis in 0..3 {
        ui.horizontal(|ui| {
            let name = ["x", "y", "z"][axis];
            ui.label(egui::RichText::new(name).color(theme::TEXT_IMAGE));
            let mut region = crop.region;
            let low = egui::Slider::new(&mut region.min[axis], 0.0..=(crop.region.max[axis] - 0.02))
                .show_value(false);
            let low = ui.add(low);
            let text = format!(
                "{} {name} {}",
                light_box.words.text("volume.crop"),
                light_box.words.text("lightbox.min")
            );
            low.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Slider, true, &text));
            let high = egui::Slider::new(&mut region.max[axis], (crop.region.min[axis] + 0.02)..=1.0)
                .show_value(false);
            let high = ui.add(high);
            let text = format!(
                "{} {name} {}",
                light_box.words.text("volume.crop"),
                light_box.words.text("lightbox.max")
            );
            high.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Slider, true, &text));
            if low.changed() || high.changed() {
                out.push(Action::SetCrop(index, Crop { region, ..crop }));
            }
        });
    }
}

fn outline(painter: &Painter, light_box: &LightBox, index: usize, volume: &medsight_image::Volume) {
    let corners = crop_corners(volume, &light_box.cells[index].view_3d.crop.region);
    let line = Stroke::new(1.0, theme::ACCENT.gamma_multiply(0.8));
    for i in 0..8usize {
        for axis in 0..3 {
            let j = i | 1 << axis;
            if j == i {
                continue;
            }
            if let (Some(a), Some(b)) =
                (screen(light_box, index, corners[i]), screen(light_box, index, corners[j]))
            {
                painter.line_segment([a, b], line);
            }
        }
    }
    for (_, _, at) in faces(light_box, index) {
        painter.circle(at, 5.0, Color32::BLACK, Stroke::new(1.5, theme::ACCENT));
    }
}

/// Letters of the directions at the edges, as on an image.
fn letters(painter: &Painter, light_box: &LightBox, index: usize, rect: Rect) {
    use medsight_base::geometry::orientation_letters;
    let Some(volume) = light_box.series_of(index).and_then(|s| s.volume()) else { return };
    if light_box.overlays == crate::Overlays::None {
        return;
    }
    let camera = light_box.cells[index].view_3d.camera.unwrap_or_else(|| first_camera(volume));
    let middle = rect.center();
    for (at, align, direction) in [
        (pos2(rect.right() - 8.0, middle.y), egui::Align2::RIGHT_CENTER, camera.right),
        (pos2(rect.left() + 8.0, middle.y), egui::Align2::LEFT_CENTER, -camera.right),
        (pos2(middle.x, rect.top() + 8.0), egui::Align2::CENTER_TOP, -camera.down),
    ] {
        crate::draw_shape::outlined(
            painter,
            at,
            align,
            &orientation_letters(direction),
            13.0,
            theme::TEXT_IMAGE,
        );
    }
}
