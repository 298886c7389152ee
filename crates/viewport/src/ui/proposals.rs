//! Models and what they propose, in the side panel and over the images: the list to choose from, how far a run is, accept, change, reject.
//! A proposal is violet, dashed and marked ◇; what a person kept is ◆ and says whose word it is.

use egui::{Color32, Key, Painter, Pos2, ProgressBar, RichText, Stroke, Ui};
use medsight_record::{Decision, Tool, ViewCommand};
use uuid::Uuid;

use super::panel::heading;
use super::{command_key, command_name, write};
use crate::apply::Action;
use crate::layers::LayerSet;
use crate::light_box::{LightBox, Popup};
use crate::proposed::is_outline;
use crate::theme;

/// The section of the panel: what runs, or what can be run.
pub(super) fn models(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    if light_box.models.is_empty() && light_box.model_run.is_none() {
        return;
    }
    ui.add_space(14.0);
    heading(ui, light_box.words.text("model.heading"));
    if light_box.model_run.is_some() {
        progress(ui, light_box, out);
        return;
    }
    let name = command_name(light_box, ViewCommand::RunModel);
    let text = format!("{name}  {}", command_key(light_box, "model.run"));
    if ui.button(text).clicked() {
        out.push(Action::Command(ViewCommand::RunModel));
    }
}

/// How far the model is that runs, with the way to end it.
fn progress(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let Some(run) = &light_box.model_run else { return };
    ui.label(RichText::new(&run.model).color(theme::TEXT_1));
    ui.add(ProgressBar::new(run.part).desired_height(6.0));
    ui.horizontal(|ui| {
        ui.label(RichText::new(progress_text(light_box)).color(theme::TEXT_3).size(12.0));
        let stop = egui::Button::new(command_name(light_box, ViewCommand::StopModel)).small();
        if ui.add_enabled(!run.is_stopping, stop).clicked() {
            out.push(Action::Command(ViewCommand::StopModel));
        }
    });
}

fn progress_text(light_box: &LightBox) -> String {
    let (words, Some(run)) = (&light_box.words, &light_box.model_run) else { return String::new() };
    let percent = format!("{:.0}", run.part * 100.0);
    match run.left_s {
        _ if run.is_stopping => words.text("model.stopping").to_owned(),
        Some(left) if left < 90.0 => {
            let seconds = format!("{:.0}", left.max(1.0));
            words.fill("model.seconds_left", &[("percent", &percent), ("seconds", &seconds)])
        }
        Some(left) => {
            let minutes = format!("{:.0}", (left / 60.0).ceil());
            words.fill("model.minutes_left", &[("percent", &percent), ("minutes", &minutes)])
        }
        None => format!("{percent} %"),
    }
}

/// In the header, where it is seen with the panel closed too.
pub(super) fn header(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let Some(run) = &light_box.model_run else { return };
    let stop = egui::Button::new(command_name(light_box, ViewCommand::StopModel)).small();
    if ui.add_enabled(!run.is_stopping, stop).clicked() {
        out.push(Action::Command(ViewCommand::StopModel));
    }
    let text = format!("{}: {}", run.model, progress_text(light_box));
    ui.add(egui::Label::new(RichText::new(text).color(theme::TEXT_2)).truncate());
}

/// The head of a set in the list of layers: its name, whose word it is, and what can be done with a proposal.
pub(super) fn head(ui: &mut Ui, light_box: &LightBox, set: &LayerSet, out: &mut Vec<Action>) {
    let words = &light_box.words;
    let Some(proposed) = &set.proposed else {
        let kept = light_box.kept_as(set);
        let mark = if kept.is_some() { "◆ " } else { "" };
        ui.label(RichText::new(format!("{mark}{}", set.name)).color(theme::TEXT_1));
        if let Some((_, decided)) = kept {
            let key = match decided.decision {
                Decision::Changed => "proposal.kept_changed",
                _ => "proposal.kept",
            };
            let day = decided.at.iso().chars().take(10).collect::<String>();
            let text = words.fill(key, &[("by", &decided.by), ("day", &day)]);
            ui.label(RichText::new(text).color(theme::TEXT_3).size(12.0));
        }
        return;
    };
    let is_judged = light_box.judged == Some(proposed.id);
    let is_changed = light_box.is_changed(proposed.id);
    let name = format!("◇ {}", set.name);
    let label = ui.selectable_label(is_judged, RichText::new(&name).color(theme::PROPOSED));
    if label.clicked() {
        out.push(Action::Judge((!is_judged).then_some(proposed.id)));
    }
    let is_outline = is_outline(set);
    let state = match (proposed.is_settling, set.series.is_some(), is_changed) {
        (true, ..) => "proposal.waits",
        _ if is_outline => "outline.not_kept",
        (_, false, _) if proposed.is_unstored => "lightbox.not_saved",
        (_, false, _) if light_box.has_desk => "lightbox.saving",
        (_, false, _) => "lightbox.not_kept",
        (_, _, true) => "proposal.changed",
        _ => "proposal.unread",
    };
    ui.label(RichText::new(words.text(state)).color(theme::TEXT_3).size(12.0));
    if let Some(measured) = measured(light_box, &proposed.maker.name, &proposed.maker.version) {
        ui.label(RichText::new(measured).color(theme::TEXT_3).size(11.5));
    }
    let is_stored = set.series.is_some() || is_outline;
    let can = light_box.has_desk && is_stored && !proposed.is_settling;
    ui.horizontal(|ui| {
        let key = match (is_outline, is_changed) {
            (true, _) => "outline.keep",
            (_, true) => "proposal.keep_changed",
            _ => "proposal.accept",
        };
        let keys = |id: &str| if is_judged { id.to_owned() } else { String::new() };
        let accept = egui::Button::new(format!("✓ {} {}", words.text(key), keys("⏎")));
        if ui.add_enabled(can, accept).clicked() {
            out.push(Action::Judge(Some(proposed.id)));
            out.push(Action::Command(ViewCommand::AcceptProposal));
        }
        let away = if is_outline { "outline.discard" } else { "proposal.reject" };
        let reject = egui::Button::new(format!("× {} {}", words.text(away), keys("⌫")));
        if ui.add_enabled(can || is_outline, reject).clicked() {
            out.push(Action::Judge(Some(proposed.id)));
            out.push(Action::Command(ViewCommand::RejectProposal));
        }
    });
    if matches!(light_box.tool, Tool::Brush | Tool::Eraser) && is_judged {
        brush(ui, light_box, out);
    }
}

/// How well the maker was measured, or that nobody has said.
fn measured(light_box: &LightBox, name: &str, version: &str) -> Option<String> {
    let offer = light_box.models.iter().find(|m| m.name == name && m.version == version)?;
    Some(match offer.measured.as_str() {
        "" => light_box.words.text("model.not_measured").to_owned(),
        measured => measured.to_owned(),
    })
}

fn brush(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let words = &light_box.words;
    let mut radius = light_box.brush.radius_mm;
    let slider = egui::Slider::new(&mut radius, 0.5..=30.0).suffix(" mm").logarithmic(true);
    if ui.add(slider.text(words.text("proposal.radius"))).changed() {
        out.push(Action::BrushRadius(radius));
    }
    let mut is_ball = light_box.brush.is_ball;
    if ui.checkbox(&mut is_ball, words.text("brush.ball")).changed() {
        out.push(Action::Command(ViewCommand::ToggleBall));
    }
}

/// The button beside a part of a proposal that paints it.
pub(super) fn paint_button(
    ui: &mut Ui,
    light_box: &LightBox,
    set: &LayerSet,
    name: &str,
    label: u16,
    out: &mut Vec<Action>,
) {
    let Some(proposed) = set.proposed.as_ref().filter(|p| p.decided.is_none()) else { return };
    let is_painted = light_box.painting_on().is_some_and(|(_, id, of)| id == proposed.id && of == label)
        && matches!(light_box.tool, Tool::Brush | Tool::Eraser);
    let button = ui.add(egui::Button::selectable(is_painted, "✎").small());
    let text = light_box.words.fill("proposal.paint", &[("name", name)]);
    button.widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::Button, true, is_painted, &text));
    if button.on_hover_text(text.clone()).clicked() {
        out.push(Action::PaintOn(proposed.id, label));
    }
}

/// The ring of the brush under the pointer.
pub(super) fn ring(painter: &Painter, light_box: &LightBox, cell: usize) {
    let Some((hovered, at)) = light_box.hover.filter(|(hovered, _)| *hovered == cell) else { return };
    let Some(radius) = light_box.brush_on_screen(hovered) else { return };
    circle(painter, at, radius);
}

fn circle(painter: &Painter, at: Pos2, radius: f32) {
    painter.circle_stroke(at, radius.max(2.0), Stroke::new(2.5, Color32::from_black_alpha(160)));
    painter.circle_stroke(at, radius.max(2.0), Stroke::new(1.0, theme::PROPOSED));
}

/// The list of models.
pub(super) fn choose(ui: &Ui, light_box: &LightBox, chosen: usize, out: &mut Vec<Action>) {
    let words = &light_box.words;
    write::frame(ui, words.text("model.choose"), words.text("write.choose_hint"), |ui| {
        if light_box.models.is_empty() {
            ui.label(RichText::new(words.text("model.none")).color(theme::TEXT_2));
        }
        for (line, model) in light_box.models.iter().enumerate() {
            let (about, can) = match light_box.can_run(model) {
                Ok(()) if model.measured.is_empty() => (words.text("model.not_measured").to_owned(), true),
                Ok(()) => (model.measured.clone(), true),
                Err(why) => (why, false),
            };
            let about = match model.intended_use.as_str() {
                "" => about,
                purpose => format!("{purpose} {about}"),
            };
            if write::row(ui, line, line == chosen, can, &model.title, &about) {
                out.push(Action::RunModel(line));
            }
        }
    });
}

/// The line in which the reason of a rejection is written.
pub(super) fn reject(ui: &Ui, light_box: &LightBox, set: Uuid, reason: &str, out: &mut Vec<Action>) {
    let words = &light_box.words;
    let mut typed = reason.to_owned();
    let mut done = false;
    write::frame(ui, words.text("proposal.reject_why"), words.text("proposal.reject_hint"), |ui| {
        let id = egui::Id::unique(super::keys::EDITORS[3]);
        // The key that opened the dialog is still down in its first frame, and is no answer to it.
        let is_open = ui.memory(|m| m.has_focus(id));
        let edit = egui::TextEdit::singleline(&mut typed).id(id).char_limit(200).desired_width(f32::INFINITY);
        let response = ui.add(edit);
        let name = words.text("proposal.reject_why").to_owned();
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::TextInput, true, &name));
        response.request_focus();
        done = is_open && ui.input(|i| i.key_pressed(Key::Enter));
        ui.add_space(4.0);
        done |= ui.button(words.text("proposal.reject")).clicked();
    });
    if done {
        out.push(Action::Reject(set, typed));
    } else if typed != reason {
        out.push(Action::Show(Popup::Reject { set, reason: typed }));
    }
}

/// What a key asks: another line of the list, a model to run, a decision on the proposal that is judged.
pub(super) fn key(light_box: &LightBox, key: Key) -> Option<Action> {
    match (&light_box.popup, key) {
        (Popup::Models { chosen }, Key::ArrowDown | Key::ArrowUp) => {
            let last = light_box.models.len().saturating_sub(1);
            let line = if key == Key::ArrowDown { (chosen + 1).min(last) } else { chosen.saturating_sub(1) };
            (line != *chosen).then_some(Action::Show(Popup::Models { chosen: line }))
        }
        (Popup::Models { chosen }, Key::Enter) => Some(Action::RunModel(*chosen)),
        (Popup::Models { .. }, _) => {
            let line = write::NUMBERS.iter().position(|number| *number == key)?;
            (line < light_box.models.len()).then_some(Action::RunModel(line))
        }
        (Popup::None, Key::Enter) if light_box.judged.is_some() => {
            Some(Action::Command(ViewCommand::AcceptProposal))
        }
        (Popup::None, Key::Backspace) if light_box.judged.is_some() => {
            Some(Action::Command(ViewCommand::RejectProposal))
        }
        _ => None,
    }
}
