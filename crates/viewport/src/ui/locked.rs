//! The face of a locked light box: two lines of text, and nothing of any study.

use crate::{LightBox, theme};
use egui::{CentralPanel, Frame, RichText, Ui};

impl LightBox {
    /// Draws the face instead of the light box: no picture, no name, and nothing to press.
    pub fn show_locked(&self, ui: &mut Ui) {
        CentralPanel::default().frame(Frame::new().fill(theme::BG_0)).show(ui, |ui| {
            ui.vertical_centered(|ui| {
                ui.add_space(ui.available_height() * 0.42);
                let line = |key: &str, size| RichText::new(self.words.text(key)).size(size);
                ui.label(line("lightbox.locked", 24.0).color(theme::TEXT_1));
                ui.label(line("lightbox.locked_about", 14.0).color(theme::TEXT_2));
            });
        });
    }
}
