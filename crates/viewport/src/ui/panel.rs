//! The side panel: what was measured, key images, each with its state; and the editor of a text.

use egui::{RichText, ScrollArea, Ui};
use medsight_record::{Annotation, AnnotationKind, Place, Tool};

use super::command_key;
use crate::apply::Action;
use crate::light_box::{LightBox, Popup, SaveState};
use crate::measure::{has_scale, lines, scale_key};
use crate::series::Series;
use crate::theme;

pub(super) fn show(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let words = &light_box.words;
    let mut all: Vec<&Annotation> = light_box.annotations.present().values().collect();
    all.sort_by_key(|a| (a.changed_at, a.id));
    let (keys, measured): (Vec<&Annotation>, Vec<&Annotation>) =
        all.into_iter().partition(|a| a.kind == AnnotationKind::KeyImage);
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        heading(ui, words.text("lightbox.measurements"));
        if measured.is_empty() {
            let hint = words
                .fill("lightbox.no_measurements", &[("key", &command_key(light_box, Tool::Length.id()))]);
            ui.label(RichText::new(hint).color(theme::TEXT_3));
        }
        for (number, annotation) in measured.into_iter().enumerate() {
            row(ui, light_box, number + 1, annotation, out);
        }
        ui.add_space(14.0);
        heading(ui, words.text("lightbox.key_images"));
        if keys.is_empty() {
            let hint =
                words.fill("lightbox.no_key_images", &[("key", &command_key(light_box, "tool.key_image"))]);
            ui.label(RichText::new(hint).color(theme::TEXT_3));
        }
        for (number, annotation) in keys.into_iter().enumerate() {
            row(ui, light_box, number + 1, annotation, out);
        }
        written(ui, light_box, out);
        looks(ui, light_box, out);
        reported(ui, light_box, out);
        super::proposals::models(ui, light_box, out);
        super::layers::panel(ui, light_box, out);
        refused(ui, light_box);
    });
}

/// What can be had as DICOM objects, and those that were made, each to be taken back.
fn written(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    if !light_box.has_desk {
        return;
    }
    let words = &light_box.words;
    ui.add_space(14.0);
    heading(ui, words.text("write.heading"));
    for offer in light_box.offers() {
        let name = super::command_name(light_box, offer.command);
        let (Ok(about) | Err(about)) = &offer.about;
        let response = ui.add_enabled(offer.about.is_ok(), egui::Button::new(name));
        if response.clicked() {
            out.push(Action::Command(offer.command));
        }
        response.on_hover_text(about).on_disabled_hover_text(about);
    }
    for object in &light_box.written {
        ui.horizontal(|ui| {
            let number = object.number.to_string();
            let values = [("kind", object.kind.as_str()), ("number", number.as_str())];
            ui.label(RichText::new(words.fill("write.object", &values)).color(theme::TEXT_1));
            let delete = ui.small_button(words.text("edit.delete"));
            let label = format!("{} {} {number}", words.text("edit.delete"), object.kind);
            delete.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &label));
            if delete.clicked() {
                out.push(Action::DeleteWritten(object.series.clone()));
            }
        });
    }
}

/// Presentation states of the study.
fn looks(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    if light_box.looks.is_empty() {
        return;
    }
    ui.add_space(14.0);
    heading(ui, light_box.words.text("lightbox.looks"));
    for (index, look) in light_box.looks.iter().enumerate() {
        if ui.selectable_label(light_box.look == Some(index), &look.name).clicked() {
            out.push(Action::Look(index));
        }
    }
}

/// Measurements of reports of the study.
fn reported(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    if light_box.reported.is_empty() {
        return;
    }
    ui.add_space(14.0);
    heading(ui, light_box.words.text("lightbox.reported"));
    for annotation in &light_box.reported {
        let lines = lines(&annotation.kind, &annotation.measured, &light_box.words);
        let kind = light_box.words.text(kind_key(&annotation.kind));
        let text = format!("{kind}  {}", lines.first().cloned().unwrap_or_default());
        let label = RichText::new(text).color(theme::REPORTED);
        if ui.selectable_label(light_box.selected == Some(annotation.id), label).clicked() {
            out.push(Action::GoTo(annotation.id));
        }
        ui.label(RichText::new(place(light_box, annotation)).color(theme::TEXT_3).size(11.5));
    }
}

/// Files that can't be shown, so that nobody believes to have seen all of the study.
fn refused(ui: &mut Ui, light_box: &LightBox) {
    if light_box.refused_files.is_empty() {
        return;
    }
    ui.add_space(14.0);
    let count = light_box.refused_files.len().to_string();
    heading(ui, &light_box.words.fill("lightbox.refused_files", &[("count", &count)]));
    for (name, reason) in &light_box.refused_files {
        ui.label(RichText::new(name).color(theme::WARNING));
        ui.label(RichText::new(light_box.words.refused(reason)).color(theme::TEXT_2).size(12.0));
        ui.add_space(4.0);
    }
}

pub(super) fn heading(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).color(theme::TEXT_2).size(12.0));
    ui.separator();
}

/// Where an annotation stands, in words; with the patient where the window shows several.
fn place(light_box: &LightBox, annotation: &Annotation) -> String {
    let Some(index) = light_box.series.iter().position(|s| s.holds(&annotation.place)) else {
        return String::new();
    };
    let series = &light_box.series[index];
    let whose = super::patient_bar::color_of_series(light_box, index).and(series.study.as_ref());
    let patient = whose.and_then(|study| study.identity.split(" · ").next());
    let stands = stands(light_box, series, annotation);
    patient.map_or_else(|| stands.clone(), |patient| format!("{patient} · {stands}"))
}

fn stands(light_box: &LightBox, series: &Series, annotation: &Annotation) -> String {
    match &annotation.place {
        Place::Image { instance, frame, .. } => {
            let at = series.slices.iter().position(|s| &s.instance == instance && s.frame_number == *frame);
            let slice = at.map_or_else(|| "?".to_owned(), |i| (i + 1).to_string());
            let number = series.number.map_or_else(|| "—".to_owned(), |n| n.to_string());
            light_box.words.fill("lightbox.series_image", &[("series", &number), ("image", &slice)])
        }
        Place::Plane { points_mm, right, down, .. } => {
            let normal = glam::DVec3::from_array(*right).cross(glam::DVec3::from_array(*down));
            let plane = medsight_base::Plane::ALL
                .into_iter()
                .max_by(|a, b| a.normal().dot(normal).abs().total_cmp(&b.normal().dot(normal).abs()));
            let name = plane.map_or("", |p| light_box.words.text(super::overlay::plane_key(p)));
            let at = points_mm.first().map(|p| glam::DVec3::from_array(*p).dot(normal));
            format!(
                "MPR {name} {}",
                at.map_or_else(String::new, |mm| format!("{} mm", light_box.words.number(mm, 1)))
            )
        }
    }
}

/// Word key of a kind.
fn kind_key(kind: &AnnotationKind) -> &'static str {
    match kind {
        AnnotationKind::Length => "tool.length",
        AnnotationKind::Angle => "tool.angle",
        AnnotationKind::Ellipse => "tool.ellipse",
        AnnotationKind::Rectangle => "tool.rectangle",
        AnnotationKind::Outline => "tool.outline",
        AnnotationKind::Arrow => "tool.arrow",
        AnnotationKind::Text { .. } => "tool.text",
        AnnotationKind::KeyImage => "tool.key_image",
        AnnotationKind::Calibration { .. } => "tool.calibration",
    }
}

fn row(ui: &mut Ui, light_box: &LightBox, index: usize, annotation: &Annotation, out: &mut Vec<Action>) {
    let words = &light_box.words;
    let is_selected = light_box.selected == Some(annotation.id);
    let name = words.text(kind_key(&annotation.kind));
    let text = lines(&annotation.kind, &annotation.measured, words);
    let value = text.first().cloned().unwrap_or_default();
    let mut below = place(light_box, annotation);
    if has_scale(&annotation.kind) {
        below += &format!(" · {}", words.text(scale_key(&annotation.measured)));
    }
    let fill = if is_selected { theme::BG_SELECTED } else { egui::Color32::TRANSPARENT };
    let shown = egui::Frame::new()
        .fill(fill)
        .corner_radius(3)
        .inner_margin(egui::Margin::symmetric(6, 4))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal(|ui| {
                ui.label(RichText::new(format!("◆ {index}")).color(theme::MEASURE));
                ui.label(RichText::new(name).color(theme::TEXT_1));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.add(egui::Label::new(RichText::new(&value).color(theme::TEXT_1)).truncate());
                });
            });
            for line in text.iter().skip(1) {
                ui.label(RichText::new(line).size(11.5).color(theme::TEXT_2));
            }
            ui.label(RichText::new(below).size(11.0).color(theme::TEXT_3));
            state(ui, light_box, annotation);
        });
    let response = ui.interact(
        shown.response.rect,
        egui::Id::unique(("annotation", annotation.id.0)),
        egui::Sense::click(),
    );
    let label = format!("{name} {index}: {value}");
    response
        .widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::Button, true, is_selected, &label));
    if response.clicked() {
        out.push(Action::GoTo(annotation.id));
    }
    if is_selected && ui.small_button(words.text("edit.delete")).clicked() {
        out.push(Action::Remove(annotation.id));
    }
}

/// Whether it is durable: said only after the desk has said so.
fn state(ui: &mut Ui, light_box: &LightBox, annotation: &Annotation) {
    let words = &light_box.words;
    let (text, color) = match light_box.save_states.get(&annotation.id) {
        Some(SaveState::Saved) => (format!("✓ {}", words.text("lightbox.saved")), theme::OK),
        Some(SaveState::Waiting) => (words.text("lightbox.saving").to_owned(), theme::TEXT_3),
        Some(SaveState::Failed(why)) => {
            (format!("▲ {}: {why}", words.text("lightbox.not_saved")), theme::CRITICAL)
        }
        Some(SaveState::NotKept) | None => (words.text("lightbox.not_kept").to_owned(), theme::TEXT_3),
    };
    ui.label(RichText::new(text).size(11.0).color(color));
}

/// The line in which a text or a true length is written, on the image.
pub(super) fn text_editor(ui: &Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let (at, text, hint) = match &light_box.popup {
        Popup::Text { at, text, .. } => (*at, text, "lightbox.text_hint"),
        Popup::TrueLength { at, text, .. } => (*at, text, "lightbox.true_length_hint"),
        _ => return,
    };
    let mut written = text.clone();
    egui::Area::new(egui::Id::unique("text editor")).order(egui::Order::Foreground).fixed_pos(at).show(
        ui.ctx(),
        |ui| {
            let edit = egui::TextEdit::singleline(&mut written)
                .id(egui::Id::unique(super::keys::EDITORS[1]))
                .hint_text(light_box.words.text(hint))
                .desired_width(200.0);
            let response = ui.add(edit);
            response.request_focus();
            if matches!(light_box.popup, Popup::TrueLength { .. }) {
                written.retain(super::keys::is_of_number);
            }
            let so_far = match &light_box.popup {
                Popup::Text { cell, id, .. } => {
                    Popup::Text { cell: *cell, at, text: written.clone(), id: *id }
                }
                Popup::TrueLength { id, .. } => Popup::TrueLength { id: *id, at, text: written.clone() },
                other => other.clone(),
            };
            if ui.input(|i| i.key_pressed(egui::Key::Enter)) {
                out.push(Action::Show(Popup::None));
                out.push(Action::Show(so_far));
                out.push(Action::KeepText);
            } else if written != *text {
                out.push(Action::Show(so_far));
            }
        },
    );
}
