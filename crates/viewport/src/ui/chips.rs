//! Warnings about the data: quiet chips in the cell that open an explanation and stay.

use egui::{Pos2, Rect, RichText, Ui, vec2};
use medsight_image::VolumeWarning;

use crate::apply::Action;
use crate::light_box::{LightBox, Overlays, Popup};
use crate::theme;

/// Warnings of what a cell shows: of the series, then of the image, each code once.
fn warnings(light_box: &LightBox, index: usize) -> Vec<VolumeWarning> {
    let mut all: Vec<VolumeWarning> = Vec::new();
    let series = light_box.series_of(index).map_or(&[][..], |s| &s.warnings);
    let image = light_box.facts(index).map_or(&[][..], |f| &f.warnings);
    for warning in series.iter().chain(image) {
        if !all.iter().any(|w| w.code == warning.code) {
            all.push(warning.clone());
        }
    }
    all
}

fn name(light_box: &LightBox, code: &str) -> String {
    let key = format!("warning.{code}");
    let text = light_box.words.text(&key);
    if text == key { code.replace('_', " ") } else { text.to_owned() }
}

fn chip_id(cell: usize, code: &str) -> egui::Id {
    egui::Id::unique(("chip", cell, code))
}

pub(super) fn show(ui: &mut Ui, light_box: &LightBox, index: usize, from: Pos2, out: &mut Vec<Action>) {
    if light_box.overlays == Overlays::None {
        return;
    }
    let clip = light_box.cells[index].rect;
    let mut at = from;
    for warning in warnings(light_box, index) {
        let text = format!("! {}", name(light_box, &warning.code));
        let font = egui::FontId::proportional(11.5);
        let galley = ui.painter().layout_no_wrap(text, font, theme::WARNING);
        let rect = Rect::from_min_size(at, galley.size() + vec2(14.0, 6.0));
        if rect.bottom() > clip.bottom() {
            return;
        }
        let response = ui.interact(rect, chip_id(index, &warning.code), egui::Sense::click());
        let label =
            format!("{}: {}", light_box.words.text("lightbox.warning"), name(light_box, &warning.code));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &label));
        let fill = if response.hovered() || response.has_focus() { theme::BG_4 } else { theme::WARNING_BG };
        let painter = ui.painter().with_clip_rect(clip);
        painter.rect_filled(rect, 3.0, fill);
        painter.galley(rect.min + vec2(7.0, 3.0), galley, theme::WARNING);
        if response.clicked() {
            out.push(Action::Show(Popup::Warning { cell: index, code: warning.code.clone() }));
        }
        at.y = rect.bottom() + 4.0;
    }
}

/// What a warning means, beside its chip.
pub(super) fn explain(ui: &Ui, light_box: &LightBox, index: usize, code: &str) {
    let Some(warning) = warnings(light_box, index).into_iter().find(|w| w.code == code) else { return };
    let chip = ui
        .ctx()
        .read_response(chip_id(index, code))
        .map_or(light_box.cells[index].rect.left_top(), |r| r.rect.right_top());
    egui::Area::new(egui::Id::unique("warning"))
        .order(egui::Order::Foreground)
        .fixed_pos(chip + vec2(8.0, 0.0))
        .show(ui.ctx(), |ui| {
            egui::Frame::popup(ui.style()).show(ui, |ui| {
                ui.set_max_width(320.0);
                ui.label(RichText::new(name(light_box, code)).color(theme::WARNING).strong());
                // What it means in the reader's language; the figures, as the file's attributes give them, below.
                let what = format!("warning_help.{code}");
                let help = light_box.words.text(&what);
                if help != what {
                    ui.label(RichText::new(help).color(theme::TEXT_1));
                }
                let figures = light_box.words.figures(&warning.code, &warning.reason, &warning.figures);
                ui.label(RichText::new(figures).color(theme::TEXT_2));
            });
        });
}
