//! How far a computation is that the reader waits for, with the way to end it, in the header.

use egui::{RichText, Ui};

use super::command_key;
use crate::apply::Action;
use crate::job::JobKind;
use crate::light_box::LightBox;
use crate::theme;

pub(super) fn header(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let Some(job) = &light_box.job else { return };
    let words = &light_box.words;
    let key =
        if light_box.model_run.is_none() { command_key(light_box, "model.stop") } else { String::new() };
    let text = format!("{}  {key}", words.text("job.stop"));
    if ui.add_enabled(!job.is_stopping, egui::Button::new(text.trim()).small()).clicked() {
        out.push(Action::StopJob);
    }
    let what = words.text(match job.kind {
        JobKind::CenterLine => "job.center_line",
        JobKind::Alignment => "job.alignment",
    });
    let percent = format!("{:.0}", job.part * 100.0);
    let text = if job.is_stopping { words.text("model.stopping").to_owned() } else { format!("{percent} %") };
    ui.add(egui::Label::new(RichText::new(format!("{what}: {text}")).color(theme::TEXT_2)).truncate());
}
