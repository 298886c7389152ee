//! The sheet of keys.

use egui::{RichText, Ui};
use medsight_record::ViewCommand;

use super::{command_key, command_name};
use crate::apply::Action;
use crate::light_box::{LightBox, Popup};
use crate::theme;

pub(super) fn show(ui: &Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let commands: Vec<ViewCommand> =
        ViewCommand::all().into_iter().filter(|c| !light_box.hotkeys.shortcuts(&c.id()).is_empty()).collect();
    let screen = ui.ctx().content_rect();
    let columns = if screen.width() > 1000.0 { 3 } else { 2 };
    let rows = commands.len().div_ceil(columns);
    egui::Area::new(egui::Id::unique("help"))
        .order(egui::Order::Foreground)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .show(ui.ctx(), |ui| {
            egui::Frame::popup(ui.style()).inner_margin(16).show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.label(RichText::new(light_box.words.text("app.help")).size(15.0).color(theme::TEXT_1));
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        if ui.button(light_box.words.text("lightbox.close")).clicked() {
                            out.push(Action::Show(Popup::None));
                        }
                    });
                });
                ui.label(
                    RichText::new(light_box.words.text("lightbox.mouse")).size(12.0).color(theme::TEXT_2),
                );
                ui.add_space(8.0);
                egui::ScrollArea::vertical()
                    .max_height(screen.height() - 140.0)
                    .min_scrolled_height(screen.height() - 140.0)
                    .show(ui, |ui| {
                        egui::Grid::new("keys").num_columns(columns * 2).spacing([14.0, 3.0]).show(
                            ui,
                            |ui| {
                                for row in 0..rows {
                                    for column in 0..columns {
                                        let Some(command) = commands.get(column * rows + row) else {
                                            continue;
                                        };
                                        let key = command_key(light_box, &command.id());
                                        ui.label(RichText::new(key).size(12.0).color(theme::ACCENT));
                                        ui.label(
                                            RichText::new(command_name(light_box, *command))
                                                .size(12.0)
                                                .color(theme::TEXT_1),
                                        );
                                    }
                                    ui.end_row();
                                }
                            },
                        );
                    });
            });
        });
}
