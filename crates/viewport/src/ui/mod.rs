//! The whole window: header, strip of series, cells, tools, side panel, and what lies over them.

mod cell_view;
mod chips;
mod crosshair;
mod curved;
mod graphics;
mod help;
mod job;
mod keys;
mod layers;
mod locked;
mod overlay;
mod page;
mod palette;
mod panel;
mod patient_bar;
mod priors;
mod proposals;
mod strip;
mod tools;
mod vessel;
mod view_3d;
mod write;

pub(crate) use cell_view::{LENS, lens_rect};
pub(crate) use curved::section_rect;
pub(crate) use graphics::Graphics;
pub(crate) use layers::LayerTextures;
pub(crate) use overlay::decimals_of;
pub(crate) use page::paper_of;
pub(crate) use view_3d::{crop_axis_on_screen, crop_face_at};

use egui::{Frame, Margin, Rect, RichText, Stroke, TextureId, Ui};

use crate::apply::Action;
use crate::light_box::{LightBox, Popup};
use crate::theme;

pub use theme::apply as setup;

/// Textures made by the program around the light box.
#[derive(Clone, Debug, Default)]
pub struct Textures {
    /// Of each cell, when there is something in it.
    pub cells: Vec<Option<TextureId>>,
    /// Over each cell: labels that are in device memory only.
    pub labels: Vec<Option<TextureId>>,
    /// Of the magnifier.
    pub lens: Option<TextureId>,
    /// Of the cut across a vessel.
    pub section: Option<TextureId>,
    /// Of each series in the strip: the texture and its width over its height.
    pub thumbnails: Vec<Option<(TextureId, f32)>>,
}

/// Height of the header and of the tool strip, points.
const BAR: f32 = 32.0;

fn bar(fill: egui::Color32) -> Frame {
    Frame::new().fill(fill).inner_margin(Margin::symmetric(10, 0))
}

impl LightBox {
    /// Draws one frame and applies what was asked for in it.
    pub fn show(&mut self, ui: &mut Ui, textures: &Textures) {
        // In their order, each applied before the next: what is drawn below shows the state after all of them.
        for event in ui.input(|i| i.events.clone()) {
            let typed = keys::early_text(ui, self, &event).map(Action::Show);
            let action = typed
                .or_else(|| keys::action(ui, self, &event))
                .or_else(|| cell_view::pointer(ui, self, &event));
            if let Some(action) = action {
                self.apply(action);
            }
        }
        let mut out = Vec::new();
        self.draw(ui, textures, &mut out);
        // A button was pressed or a slider moved: what was drawn shows the state before.
        let again = out.iter().any(|a| !matches!(a, Action::Placed(..)));
        for action in out {
            self.apply(action);
        }
        if again {
            ui.ctx().request_repaint();
        }
    }

    fn draw(&self, ui: &mut Ui, textures: &Textures, out: &mut Vec<Action>) {
        egui::Panel::top("header")
            .exact_size(BAR)
            .resizable(false)
            .frame(bar(theme::BG_2))
            .show(ui, |ui| header(ui, self, out));
        egui::Panel::bottom("tools").exact_size(BAR + 4.0).resizable(false).frame(bar(theme::BG_2)).show(
            ui,
            |ui| {
                tools::show(ui, self, out);
            },
        );
        egui::Panel::left("strip")
            .exact_size(strip::WIDTH)
            .resizable(false)
            .frame(Frame::new().fill(theme::BG_1).inner_margin(Margin::symmetric(6, 6)))
            .show(ui, |ui| strip::show(ui, self, textures, out));
        if self.panel {
            egui::Panel::right("panel")
                .exact_size(264.0)
                .resizable(false)
                .frame(Frame::new().fill(theme::BG_1).inner_margin(Margin::symmetric(12, 10)))
                .show(ui, |ui| panel::show(ui, self, out));
        }
        egui::CentralPanel::default()
            .frame(Frame::new().fill(theme::BG_0))
            .show(ui, |ui| cells(ui, self, textures, out));
        match &self.popup {
            Popup::None => {}
            Popup::Palette { query, chosen } => palette::show(ui, self, query, *chosen, out),
            Popup::Models { chosen } => proposals::choose(ui, self, *chosen, out),
            Popup::Priors { chosen } => priors::choose(ui, self, *chosen, out),
            Popup::Reject { set, reason } => proposals::reject(ui, self, *set, reason, out),
            Popup::Write { chosen } => write::show(ui, self, *chosen, out),
            Popup::Segment { label, chosen } => write::segment(ui, self, label, *chosen, out),
            Popup::Help => help::show(ui, self, out),
            Popup::Warning { cell, code } => chips::explain(ui, self, *cell, code),
            Popup::Text { .. } | Popup::TrueLength { .. } => panel::text_editor(ui, self, out),
        }
    }
}

fn header(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    ui.horizontal_centered(|ui| {
        if let Some(color) = patient_bar::color_of_cell(light_box, light_box.active) {
            let (_, bar) = ui.allocate_space(egui::vec2(8.0, 20.0));
            patient_bar::beside(ui.painter(), bar, color);
        }
        ui.add(
            egui::Label::new(
                RichText::new(&light_box.study_of(light_box.active).identity).color(theme::TEXT_1).strong(),
            )
            .truncate(),
        );
        ui.add_space(10.0);
        ui.add(
            egui::Label::new(
                RichText::new(&light_box.study_of(light_box.active).description).color(theme::TEXT_2),
            )
            .truncate(),
        );
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if let Some(notice) = &light_box.notice {
                ui.add(
                    egui::Label::new(RichText::new(format!("! {notice}")).color(theme::WARNING)).truncate(),
                );
            }
            done(ui, light_box, out);
            proposals::header(ui, light_box, out);
            job::header(ui, light_box, out);
            priors::header(ui, light_box, out);
            if !light_box.refused_files.is_empty() {
                let count = light_box.refused_files.len().to_string();
                let text = light_box.words.fill("lightbox.refused_files", &[("count", &count)]);
                let chip = egui::Button::new(RichText::new(format!("! {text}")).color(theme::WARNING))
                    .fill(theme::WARNING_BG);
                if ui.add(chip).clicked() && !light_box.panel {
                    out.push(Action::Command(medsight_record::ViewCommand::TogglePanel));
                }
            }
        });
    });
}

/// What was done well, and a way back while there is one.
fn done(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let Some(done) = &light_box.done else { return };
    if light_box.take_back.is_some() || light_box.reopen.is_some() {
        let key = command_key(light_box, "edit.undo");
        let text = format!("{}  {key}", light_box.words.text("write.take_back"));
        if ui.button(text).clicked() {
            out.push(Action::Command(medsight_record::ViewCommand::Undo));
        }
    }
    ui.add(egui::Label::new(RichText::new(done).color(theme::OK)).truncate());
}

/// Where each visible cell stands.
fn cell_rects(light_box: &LightBox, room: Rect) -> Vec<(usize, Rect)> {
    if light_box.maximised {
        return vec![(light_box.active, room)];
    }
    let (columns, rows) = (usize::from(light_box.layout.columns), usize::from(light_box.layout.rows));
    let gap = 1.0;
    let size = egui::vec2(
        (room.width() - gap * (columns as f32 - 1.0)) / columns as f32,
        (room.height() - gap * (rows as f32 - 1.0)) / rows as f32,
    );
    let rect = |i: usize| {
        let (column, row) = ((i % columns) as f32, (i / columns) as f32);
        let min = room.min + egui::vec2(column * (size.x + gap), row * (size.y + gap));
        Rect::from_min_size(min, size)
    };
    (0..columns * rows).map(|i| (i, rect(i))).collect()
}

fn cells(ui: &mut Ui, light_box: &LightBox, textures: &Textures, out: &mut Vec<Action>) {
    let room = ui.max_rect();
    let rects: Vec<(usize, Rect)> = cell_rects(light_box, room)
        .into_iter()
        .map(|(i, r)| (i, snapped(r, ui.pixels_per_point())))
        .collect();
    let mut responses = Vec::new();
    for (index, rect) in &rects {
        if light_box.cells[*index].rect != *rect {
            out.push(Action::Placed(*index, *rect));
            // What is laid out by the old place is drawn again at the new one.
            ui.ctx().request_discard("cell placed");
        }
        let texture = [&textures.cells, &textures.labels].map(|of| of.get(*index).copied().flatten());
        responses.push((*index, *rect, cell_view::show(ui, light_box, *index, *rect, texture, out)));
    }
    if rects.len() > 1 {
        if let Some((_, rect)) = rects.iter().find(|(i, _)| *i == light_box.active) {
            ui.painter().rect_stroke(*rect, 0.0, Stroke::new(2.0, theme::ACCENT), egui::StrokeKind::Inside);
        }
    }
    cell_view::lens(ui, light_box, textures);
    curved::section(ui, light_box, textures);
    cell_view::cursor(ui, light_box, &responses);
}

/// On whole pixels, so that a pixel of the texture is a pixel of the screen.
fn snapped(rect: Rect, pixels_per_point: f32) -> Rect {
    let snap = |p: egui::Pos2| {
        egui::pos2(
            (p.x * pixels_per_point).round() / pixels_per_point,
            (p.y * pixels_per_point).round() / pixels_per_point,
        )
    };
    Rect::from_min_max(snap(rect.min), snap(rect.max))
}

/// The name of a command in the person's language.
pub(crate) fn command_name(light_box: &LightBox, command: medsight_record::ViewCommand) -> String {
    use medsight_record::ViewCommand;
    let words = &light_box.words;
    let name = words.text(&command.id()).to_owned();
    let ViewCommand::WindowPreset(n) = command else { return name };
    let modality = light_box.series_of(light_box.active).map_or("", |s| s.modality.as_str());
    match light_box.presets.of(modality).get(usize::from(n).saturating_sub(1)) {
        Some(preset) => format!("{name}: {}", words.text(&format!("preset.{}", preset.name))),
        None => name,
    }
}

/// The keys of a command in the person's language: `Ctrl+Z`, `Strg+Z`.
pub(crate) fn command_key(light_box: &LightBox, id: &str) -> String {
    light_box.hotkeys.shortcuts(id).first().map(|key| light_box.words.shortcut(key)).unwrap_or_default()
}
