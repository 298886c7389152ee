//! The strip of tools at the bottom: what the left button does, and the commands used most.

use egui::text::LayoutJob;
use egui::{FontId, TextFormat, Ui};
use medsight_record::{Tool, ViewCommand, ViewKind};

use super::{command_key, command_name};
use crate::apply::Action;
use crate::light_box::LightBox;
use crate::theme;

const TOOLS: [Tool; 17] = [
    Tool::Window,
    Tool::Pan,
    Tool::Zoom,
    Tool::Scroll,
    Tool::Magnifier,
    Tool::Probe,
    Tool::Length,
    Tool::Angle,
    Tool::Ellipse,
    Tool::Rectangle,
    Tool::Outline,
    Tool::Arrow,
    Tool::Text,
    Tool::Pick,
    Tool::Vessel,
    Tool::Brush,
    Tool::Eraser,
];

pub(super) fn show(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.spacing_mut().button_padding = egui::vec2(5.0, 4.0);
        // Keys are in the tooltips when there is no room for them beside the names.
        let with_keys = ui.available_width() > 1500.0;
        // What paints has its place where there is something to paint on.
        let has_proposal = light_box.painting_on().is_some();
        let is_offered = |tool: &Tool| has_proposal || !matches!(tool, Tool::Brush | Tool::Eraser);
        for tool in TOOLS.into_iter().filter(is_offered) {
            button(ui, light_box, ViewCommand::SelectTool(tool), light_box.tool == tool, with_keys, out);
        }
        ui.separator();
        let cell = &light_box.cells[light_box.active];
        for (command, on) in [
            (ViewCommand::ToggleKeyImage, light_box.is_key_image(light_box.active)),
            (ViewCommand::ToggleMpr, light_box.before_mpr.is_some() || cell.plane().is_some()),
            (ViewCommand::ToggleVolume3d, cell.view == ViewKind::Volume3d),
            (ViewCommand::ToggleCrosshair, light_box.crosshair),
            (ViewCommand::ToggleCine, cell.cine.is_some()),
            (ViewCommand::Undo, false),
        ] {
            button(ui, light_box, command, on, with_keys, out);
        }
        if cell.plane().is_some() || cell.view == ViewKind::Curved {
            slab(ui, light_box, out);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let text = egui::RichText::new(hint(light_box)).size(11.5).color(theme::TEXT_3);
            ui.add(egui::Label::new(text).truncate());
        });
    });
}

fn button(
    ui: &mut Ui,
    light_box: &LightBox,
    command: ViewCommand,
    on: bool,
    with_key: bool,
    out: &mut Vec<Action>,
) {
    let id = command.id();
    let (name, key) = (command_name(light_box, command), command_key(light_box, &id));
    let mut text = LayoutJob::default();
    let color = if on { theme::TEXT_1 } else { theme::TEXT_2 };
    text.append(short(light_box, &id, &name), 0.0, TextFormat::simple(FontId::proportional(12.5), color));
    if with_key && !key.is_empty() {
        text.append(&key, 5.0, TextFormat::simple(FontId::proportional(10.0), theme::TEXT_3));
    }
    let response = ui.add(egui::Button::selectable(on, text));
    response.widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::Button, true, on, &name));
    if response.clicked() {
        out.push(Action::Command(command));
    }
    let tip = if key.is_empty() { name } else { format!("{name}  {key}") };
    response.on_hover_text(tip);
}

/// A name short enough for the strip, where the locales have one.
fn short<'a>(light_box: &'a LightBox, id: &str, name: &'a str) -> &'a str {
    let key = match id {
        "view.volume_3d" => "lightbox.short_3d",
        "view.crosshair" => "lightbox.short_crosshair",
        "cine.toggle" => "lightbox.cine",
        _ => return name,
    };
    light_box.words.text(key)
}

fn slab(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let active = light_box.active;
    let Some(mpr) = light_box.planes(active) else { return };
    ui.separator();
    let words = &light_box.words;
    let mut mm = mpr.slab_mm;
    let label = ui.label(egui::RichText::new(words.text("lightbox.slab")).color(theme::TEXT_2));
    let drag = egui::DragValue::new(&mut mm).range(0.0..=200.0).speed(0.5).suffix(" mm").fixed_decimals(0);
    let response = ui.add(drag).labelled_by(label.id);
    if response.changed() {
        out.push(Action::Slab(active, mm));
    }
    let keys =
        format!("{} {}", command_key(light_box, "slab.thinner"), command_key(light_box, "slab.thicker"));
    response.on_hover_text(keys);
    if mpr.slab_mm > 0.0 {
        let name = super::overlay::projection_name(light_box, mpr.projection).to_owned();
        let response = ui.button(name);
        if response.clicked() {
            out.push(Action::Command(ViewCommand::NextProjection));
        }
        response.on_hover_text(format!(
            "{}  {}",
            words.text("slab.projection"),
            command_key(light_box, "slab.projection")
        ));
    }
}

/// How the chosen tool is used.
fn hint(light_box: &LightBox) -> String {
    let key = format!("hint.{}", light_box.tool.id().trim_start_matches("tool."));
    let text = light_box.words.text(&key);
    if text == key { String::new() } else { text.to_owned() }
}
