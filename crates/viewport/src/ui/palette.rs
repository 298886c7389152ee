//! The command palette: type a part of a command's name, Enter does it.

use egui::{Key, RichText, ScrollArea, Ui};
use medsight_record::ViewCommand;

use super::{command_key, command_name};
use crate::apply::Action;
use crate::light_box::{LightBox, Popup};
use crate::theme;

/// Commands whose name holds all words of the query, those that begin with it first.
fn found(light_box: &LightBox, query: &str) -> Vec<(ViewCommand, String)> {
    let query = query.to_lowercase();
    let mut all: Vec<(ViewCommand, String)> = ViewCommand::all()
        .into_iter()
        .map(|c| (c, command_name(light_box, c)))
        .filter(|(_, name)| {
            let name = name.to_lowercase();
            query.split_whitespace().all(|word| name.contains(word))
        })
        .collect();
    all.sort_by_key(|(_, name)| !name.to_lowercase().starts_with(&query));
    all
}

pub(super) fn show(ui: &Ui, light_box: &LightBox, query: &str, chosen: usize, out: &mut Vec<Action>) {
    let commands = found(light_box, query);
    let (mut text, mut line) = (query.to_owned(), chosen.min(commands.len().saturating_sub(1)));
    let mut done = None;
    let screen = ui.ctx().content_rect();
    let at = egui::pos2(screen.center().x - 230.0, screen.top() + 90.0);
    egui::Area::new(egui::Id::unique("palette")).order(egui::Order::Foreground).fixed_pos(at).show(
        ui.ctx(),
        |ui| {
            egui::Frame::popup(ui.style()).inner_margin(10).show(ui, |ui| {
                ui.set_width(440.0);
                let edit = egui::TextEdit::singleline(&mut text)
                    .id(egui::Id::unique(super::keys::EDITORS[0]))
                    .hint_text(light_box.words.text("lightbox.palette_hint"))
                    .desired_width(f32::INFINITY);
                let response = ui.add(edit);
                let name = light_box.words.text("app.palette").to_owned();
                response
                    .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::TextInput, true, &name));
                response.request_focus();
                let (down, up, enter) = ui.input(|i| {
                    (i.key_pressed(Key::ArrowDown), i.key_pressed(Key::ArrowUp), i.key_pressed(Key::Enter))
                });
                if down {
                    line = (line + 1).min(commands.len().saturating_sub(1));
                }
                if up {
                    line = line.saturating_sub(1);
                }
                if enter {
                    done = commands.get(line).map(|(c, _)| *c);
                }
                ui.add_space(4.0);
                ScrollArea::vertical().max_height(360.0).auto_shrink([false, true]).show(ui, |ui| {
                    for (i, (command, name)) in commands.iter().enumerate() {
                        let key = command_key(light_box, &command.id());
                        let row = ui.horizontal(|ui| {
                            let response = ui.add(egui::Button::selectable(i == line, name));
                            ui.label(RichText::new(key).size(11.0).color(theme::TEXT_3));
                            response
                        });
                        if row.inner.clicked() {
                            done = Some(*command);
                        }
                        if i == line && (down || up) {
                            row.inner.scroll_to_me(None);
                        }
                    }
                });
            });
        },
    );
    if let Some(command) = done {
        out.push(Action::Show(Popup::None));
        out.push(Action::Command(command));
    } else if text != query || line != chosen {
        let line = if text == query { line } else { 0 };
        out.push(Action::Show(Popup::Palette { query: text, chosen: line }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medsight_base::StudyUid;
    use medsight_record::words::Locale;

    #[test]
    fn typing_a_part_of_the_name_finds_the_command_in_each_language() {
        for (locale, query) in [(Locale::En, "rot"), (Locale::Es, "girar"), (Locale::De, "dreh")] {
            let light_box = LightBox::new(StudyUid::parse("1.2").unwrap(), locale, uuid::Uuid::nil);
            let first = found(&light_box, query).into_iter().map(|(c, _)| c).next();
            assert_eq!(first, Some(ViewCommand::RotateClockwise), "{}", locale.code());
        }
    }
}
