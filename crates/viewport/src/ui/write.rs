//! The dialog that writes: what can become a DICOM object, with what would be in it, or why it can't.

use egui::{Key, RichText, Ui};
use medsight_record::SegmentMeaning;

use super::command_name;
use crate::apply::Action;
use crate::light_box::{LightBox, Popup};
use crate::theme;
use crate::writing::Offer;

/// Keys of the lines, from the first.
pub(super) const NUMBERS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

/// What a key asks of the dialog: another line, or that a line be done.
pub(super) fn key(light_box: &LightBox, key: Key) -> Option<Action> {
    if let Popup::Segment { label, chosen } = &light_box.popup {
        let last = SegmentMeaning::ALL.len() - 1;
        let line = match key {
            Key::ArrowDown => (chosen + 1).min(last),
            Key::ArrowUp => chosen.saturating_sub(1),
            _ => return None,
        };
        let popup = Popup::Segment { label: label.clone(), chosen: line };
        return (line != *chosen).then_some(Action::Show(popup));
    }
    let Popup::Write { chosen } = light_box.popup else { return None };
    let offers = light_box.offers();
    let line = match key {
        Key::ArrowDown => (chosen + 1).min(offers.len().saturating_sub(1)),
        Key::ArrowUp => chosen.saturating_sub(1),
        Key::Enter => return done(light_box, &offers, chosen),
        _ => return done(light_box, &offers, NUMBERS.iter().position(|number| *number == key)?),
    };
    (line != chosen).then_some(Action::Show(Popup::Write { chosen: line }))
}

fn done(light_box: &LightBox, offers: &[Offer], line: usize) -> Option<Action> {
    let offer = offers.get(line)?;
    (offer.about.is_ok() && light_box.has_desk).then_some(Action::Command(offer.command))
}

pub(super) fn show(ui: &Ui, light_box: &LightBox, chosen: usize, out: &mut Vec<Action>) {
    let words = &light_box.words;
    let offers = light_box.offers();
    frame(ui, words.text("write.choose"), words.text("write.choose_hint"), |ui| {
        for (line, offer) in offers.iter().enumerate() {
            let name = command_name(light_box, offer.command);
            let (about, can) = match &offer.about {
                Ok(about) => (about, light_box.has_desk),
                Err(why) => (why, false),
            };
            if row(ui, line, line == chosen, can, &name, about) {
                out.extend(done(light_box, &offers, line));
            }
        }
        if !light_box.has_desk {
            ui.label(RichText::new(words.text("lightbox.not_kept")).color(theme::WARNING));
        }
    });
}

/// What the regions are: a name to type, a list to choose from.
pub(super) fn segment(ui: &Ui, light_box: &LightBox, label: &str, chosen: usize, out: &mut Vec<Action>) {
    let words = &light_box.words;
    let mut typed = label.to_owned();
    let mut done = false;
    frame(ui, words.text("write.segment"), words.text("write.segment_hint"), |ui| {
        let meaning = SegmentMeaning::ALL.get(chosen).map_or("", |meaning| words.text(meaning.key()));
        let id = egui::Id::unique(super::keys::EDITORS[2]);
        // The key that opened the dialog is still down in its first frame, and is no answer to it.
        let is_open = ui.memory(|m| m.has_focus(id));
        let edit = egui::TextEdit::singleline(&mut typed)
            .id(id)
            .hint_text(meaning)
            .char_limit(64)
            .desired_width(f32::INFINITY);
        let response = ui.add(edit);
        let name = words.text("write.segment_label").to_owned();
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::TextInput, true, &name));
        response.request_focus();
        done = is_open && ui.input(|i| i.key_pressed(Key::Enter));
        ui.add_space(4.0);
        for (line, meaning) in SegmentMeaning::ALL.into_iter().enumerate() {
            let name = words.text(meaning.key());
            let button = egui::Button::selectable(line == chosen, name)
                .min_size(egui::vec2(ui.available_width(), 0.0));
            if ui.add(button).clicked() {
                out.push(Action::Show(Popup::Segment { label: typed.clone(), chosen: line }));
            }
        }
        ui.add_space(4.0);
        done |= ui.button(words.text("write.segment_do")).clicked();
    });
    if done {
        out.push(Action::WriteSegment(typed, chosen));
    } else if typed != label {
        out.push(Action::Show(Popup::Segment { label: typed, chosen }));
    }
}

/// A dialog in the upper middle of the window.
pub(super) fn frame(ui: &Ui, title: &str, hint: &str, inside: impl FnOnce(&mut Ui)) {
    let screen = ui.ctx().content_rect();
    let at = egui::pos2(screen.center().x - 230.0, screen.top() + 90.0);
    egui::Area::new(egui::Id::unique("write")).order(egui::Order::Foreground).fixed_pos(at).show(
        ui.ctx(),
        |ui| {
            egui::Frame::popup(ui.style()).inner_margin(14).show(ui, |ui| {
                ui.set_width(432.0);
                ui.label(RichText::new(title).size(15.0).color(theme::TEXT_1));
                ui.add_space(6.0);
                inside(ui);
                ui.add_space(6.0);
                ui.label(RichText::new(hint).size(11.5).color(theme::TEXT_3));
            });
        },
    );
}

/// A line with its number, its name and, below, what is to be said of it; true when it is clicked.
pub(super) fn row(ui: &mut Ui, line: usize, is_chosen: bool, can: bool, name: &str, about: &str) -> bool {
    use egui::text::LayoutJob;
    use egui::{FontId, TextFormat};
    let color = if can { theme::TEXT_1 } else { theme::TEXT_3 };
    let mut text = LayoutJob::default();
    let number = format!("{}   ", line + 1);
    text.append(&number, 0.0, TextFormat::simple(FontId::monospace(11.5), theme::TEXT_3));
    text.append(name, 0.0, TextFormat::simple(FontId::proportional(13.0), color));
    if !about.is_empty() {
        text.append("\n", 0.0, TextFormat::simple(FontId::proportional(11.5), color));
        text.append("    ", 0.0, TextFormat::simple(FontId::monospace(11.5), theme::TEXT_3));
        text.append(about, 0.0, TextFormat::simple(FontId::proportional(11.5), theme::TEXT_2));
    }
    let button = egui::Button::selectable(is_chosen, text).min_size(egui::vec2(ui.available_width(), 0.0));
    let response = ui.add_enabled(can, button);
    let label = format!("{name}: {about}");
    response
        .widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::Button, can, is_chosen, &label));
    response.clicked()
}
