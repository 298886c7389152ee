//! The series of the study, with a picture each; dragged or double-clicked into a cell.

use egui::{Align2, Color32, FontId, Rect, ScrollArea, Sense, Stroke, Ui, pos2, vec2};

use super::Textures;
use crate::apply::Action;
use crate::light_box::LightBox;
use crate::theme;

/// Width of the strip, points.
pub(super) const WIDTH: f32 = 104.0;
const PICTURE: f32 = 84.0;

/// Name of a series' widget.
fn entry_id(index: usize) -> egui::Id {
    egui::Id::unique(("series", index))
}

/// The series under a point of the strip, as it was laid out last.
pub(super) fn series_at(ui: &Ui, light_box: &LightBox, at: egui::Pos2) -> Option<usize> {
    let is_under =
        |i: &usize| ui.ctx().read_response(entry_id(*i)).is_some_and(|r| r.interact_rect.contains(at));
    (0..light_box.series.len()).find(is_under)
}

pub(super) fn show(ui: &mut Ui, light_box: &LightBox, textures: &Textures, out: &mut Vec<Action>) {
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        for index in 0..light_box.series.len() {
            study_heading(ui, light_box, index);
            let texture = textures.thumbnails.get(index).copied().flatten();
            entry(ui, light_box, index, texture, out);
            ui.add_space(4.0);
        }
    });
}

/// Above the first series of each study, where there are several: when it was made.
fn study_heading(ui: &mut Ui, light_box: &LightBox, index: usize) {
    let study = |index: usize| {
        let series = &light_box.series[index];
        (series.study_uid.as_ref(), series.study.as_ref().unwrap_or(&light_box.facts))
    };
    if !light_box.has_several_studies() || (index > 0 && study(index - 1) == study(index)) {
        return;
    }
    let facts = study(index).1;
    let words = &light_box.words;
    let date = facts.date.map_or_else(|| words.text("beside.no_date").to_owned(), |date| date.iso());
    let heading = egui::Label::new(egui::RichText::new(date).color(theme::TEXT_2).size(11.5));
    ui.add(heading).on_hover_text(&facts.description);
}

fn entry(
    ui: &mut Ui,
    light_box: &LightBox,
    index: usize,
    texture: Option<(egui::TextureId, f32)>,
    out: &mut Vec<Action>,
) {
    let series = &light_box.series[index];
    let (_, rect) = ui.allocate_space(vec2(PICTURE + 6.0, PICTURE + 30.0));
    let response = ui.interact(rect, entry_id(index), Sense::click_and_drag());
    let count = match &series.page {
        Some(page) => page.letters().to_owned(),
        None => light_box.words.fill("lightbox.images", &[("count", &series.slices.len().to_string())]),
    };
    let label = format!(
        "{} {}, {}, {count}",
        light_box.words.text("lightbox.series"),
        series.title(),
        series.modality
    );
    let is_shown = light_box.visible_cells().iter().any(|c| light_box.cells[*c].series == Some(index));
    response
        .widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::Button, true, is_shown, &label));
    if response.clicked() {
        out.push(Action::PutSeries { cell: light_box.active, series: index });
    }
    if !ui.is_rect_visible(rect) {
        return;
    }
    let painter = ui.painter_at(rect);
    let picture = Rect::from_min_size(rect.min + vec2(1.0, 1.0), vec2(PICTURE + 4.0, PICTURE));
    painter.rect_filled(picture, 2.0, theme::BG_IMAGE);
    if let Some((texture, aspect)) = texture {
        let size =
            if aspect >= 1.0 { vec2(PICTURE, PICTURE / aspect) } else { vec2(PICTURE * aspect, PICTURE) };
        let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        painter.image(texture, Rect::from_center_size(picture.center(), size), uv, Color32::WHITE);
    }
    if let Some(page) = &series.page {
        let font = FontId::proportional(20.0);
        painter.text(picture.center(), Align2::CENTER_CENTER, page.letters(), font, theme::TEXT_2);
    }
    if let Some(color) = super::patient_bar::color_of_series(light_box, index) {
        super::patient_bar::beside(&painter, picture, color);
    }
    let is_active = light_box.cells[light_box.active].series == Some(index);
    let edge = match (is_active, is_shown || response.hovered() || response.has_focus()) {
        (true, _) => Stroke::new(2.0, theme::ACCENT),
        (false, true) => Stroke::new(1.0, theme::LINE_3),
        (false, false) => Stroke::new(1.0, theme::LINE_1),
    };
    painter.rect_stroke(picture, 2.0, edge, egui::StrokeKind::Inside);
    if series.failure.is_some() {
        painter.text(
            picture.center(),
            Align2::CENTER_CENTER,
            "▲",
            FontId::proportional(20.0),
            theme::CRITICAL,
        );
    }
    let font = FontId::proportional(11.0);
    let mut title = egui::text::LayoutJob::simple_singleline(series.title(), font.clone(), theme::TEXT_1);
    title.wrap = egui::text::TextWrapping::truncate_at_width(PICTURE + 4.0);
    painter.galley(pos2(rect.left() + 2.0, picture.bottom() + 2.0), painter.layout_job(title), theme::TEXT_1);
    let below = match &series.page {
        Some(_) => series.modality.clone(),
        None => format!("{} · {}", series.modality, series.slices.len()),
    };
    painter.text(
        pos2(rect.left() + 2.0, picture.bottom() + 15.0),
        Align2::LEFT_TOP,
        below,
        font,
        theme::TEXT_3,
    );
    if light_box.lifted == Some(index) {
        if let Some(at) = ui.ctx().pointer_latest_pos() {
            let ghost = ui
                .ctx()
                .layer_painter(egui::LayerId::new(egui::Order::Tooltip, egui::Id::unique("dragged series")));
            ghost.rect_filled(
                Rect::from_center_size(at, vec2(60.0, 60.0)),
                2.0,
                theme::BG_4.gamma_multiply(0.7),
            );
            if let Some((texture, _)) = texture {
                let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                ghost.image(
                    texture,
                    Rect::from_center_size(at, vec2(56.0, 56.0)),
                    uv,
                    Color32::from_white_alpha(170),
                );
            }
        }
    }
    response.on_hover_text(label);
}
