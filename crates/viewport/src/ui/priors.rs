//! The list of the patient's other studies, and where it is opened from.

use egui::{Key, RichText, Ui};
use medsight_record::{StudyRecord, ViewCommand};

use super::{command_key, write};
use crate::apply::Action;
use crate::light_box::{LightBox, Popup};
use crate::theme;

/// How many there are; pressed, the list.
pub(super) fn header(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let Some(others) = light_box.other_studies().filter(|others| !others.is_empty()) else { return };
    let words = &light_box.words;
    let count = words.fill("beside.count", &[("count", &others.len().to_string())]);
    let key = command_key(light_box, &ViewCommand::ChoosePrior.id());
    let name = format!("{count}  {key}");
    let response = ui.button(RichText::new(&name).color(theme::TEXT_2));
    if response.on_hover_text(words.text("beside.choose")).clicked() {
        out.push(Action::Command(ViewCommand::ChoosePrior));
    }
}

/// The list.
pub(super) fn choose(ui: &Ui, light_box: &LightBox, chosen: usize, out: &mut Vec<Action>) {
    let words = &light_box.words;
    write::frame(ui, words.text("beside.choose"), words.text("beside.hint"), |ui| {
        match light_box.other_studies() {
            None => drop(ui.label(RichText::new(words.text("beside.asking")).color(theme::TEXT_2))),
            Some([]) => drop(ui.label(RichText::new(words.text("beside.none")).color(theme::TEXT_2))),
            Some(others) => {
                egui::ScrollArea::vertical().max_height(420.0).show(ui, |ui| {
                    for (line, study) in others.iter().enumerate() {
                        let about = about(light_box, study);
                        if write::row(ui, line, line == chosen, true, &title(light_box, study), &about) {
                            out.push(Action::PutOrTakePrior(line));
                        }
                    }
                });
            }
        }
    });
}

/// `2024-11-02 · CT · Chest and abdomen`.
fn title(light_box: &LightBox, study: &StudyRecord) -> String {
    let no_date = || light_box.words.text("beside.no_date").to_owned();
    let date = study.date.map_or_else(no_date, |date| date.iso());
    let parts = [date, study.modalities.join("/"), study.description.clone()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn about(light_box: &LightBox, study: &StudyRecord) -> String {
    let words = &light_box.words;
    let [series, files] = [study.series_count, study.instance_count].map(|count| count.to_string());
    let about = words.fill("beside.about", &[("series", &series), ("files", &files)]);
    match light_box.is_beside(&study.uid) {
        true => format!("✓ {} · {about}", words.text("beside.is_shown")),
        false => about,
    }
}

/// What a key asks of the list: another line, or that the study of a line come or go.
pub(super) fn key(light_box: &LightBox, key: Key) -> Option<Action> {
    let Popup::Priors { chosen } = light_box.popup else { return None };
    let count = light_box.other_studies().map_or(0, <[_]>::len);
    let line = match key {
        Key::ArrowDown => (chosen + 1).min(count.saturating_sub(1)),
        Key::ArrowUp => chosen.saturating_sub(1),
        Key::Enter => return (chosen < count).then_some(Action::PutOrTakePrior(chosen)),
        _ => {
            let line = write::NUMBERS.iter().position(|number| *number == key)?;
            return (line < count).then_some(Action::PutOrTakePrior(line));
        }
    };
    (line != chosen).then_some(Action::Show(Popup::Priors { chosen: line }))
}
