//! Pages in cells: ECG, dose-volume histograms, plan, document.

mod histograms;
mod plan;
mod tracing;

use egui::{Painter, Rect, RichText, Ui, vec2};

use crate::apply::Action;
use crate::ecg_sheet::{Paper, sheet};
use crate::light_box::LightBox;
use crate::page::{FileInside, Page};
use crate::theme;

/// Room above a page, where the patient is named, and below it.
const HEAD: f32 = 64.0;
const FOOT: f32 = 26.0;

/// Draws the page of a cell; nothing where the cell shows no page.
pub(super) fn show(
    ui: &mut Ui,
    painter: &Painter,
    light_box: &LightBox,
    index: usize,
    rect: Rect,
    out: &mut Vec<Action>,
) {
    let Some(page) = light_box.page_of(index) else { return };
    let room = room_of(rect);
    if !room.is_positive() {
        return;
    }
    match page {
        Page::Tracing(tracing) => tracing::show(painter, light_box, index, room, tracing),
        Page::Histograms(histograms) => histograms::show(ui, light_box, index, room, histograms, out),
        Page::Plan(plan) => in_room(ui, room, |ui| plan::show(ui, &light_box.words, index, plan)),
        Page::Document(document) => in_room(ui, room, |ui| inside(ui, light_box, document, out)),
    }
}

/// What a page has for its drawing.
fn room_of(rect: Rect) -> Rect {
    Rect::from_min_max(rect.min + vec2(10.0, HEAD), rect.max - vec2(10.0, FOOT))
}

/// Screen points in a millimetre of the paper that a cell shows.
pub(crate) fn paper_of(light_box: &LightBox, index: usize) -> Option<f64> {
    let Some(Page::Tracing(tracing)) = light_box.page_of(index) else { return None };
    let cell = &light_box.cells[index];
    let sheet = sheet(tracing.groups.get(cell.slice)?);
    Some(Paper::of(&sheet, room_of(cell.rect), cell.zoom, cell.pan).points_per_mm)
}

fn in_room(ui: &mut Ui, room: Rect, show: impl FnOnce(&mut Ui)) {
    let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(room));
    ui.set_clip_rect(room.intersect(ui.clip_rect()));
    show(&mut ui);
}

fn inside(ui: &mut Ui, light_box: &LightBox, document: &FileInside, out: &mut Vec<Action>) {
    let words = &light_box.words;
    ui.label(RichText::new(&document.title).size(15.0).color(theme::TEXT_1));
    let kilobytes = words.number(document.bytes as f64 / 1000.0, 0);
    ui.label(RichText::new(format!("{} · {kilobytes} kB", document.mime)).color(theme::TEXT_2));
    ui.add_space(8.0);
    let key = if light_box.has_desk { "page.document_on_desk" } else { "page.document_alone" };
    ui.label(RichText::new(words.text(key)).color(theme::TEXT_2));
    if light_box.has_desk && ui.button(words.text("page.save_document")).clicked() {
        out.push(Action::SaveDocument(document.instance.clone()));
    }
}
