//! One cell: its picture, what is written and drawn over it, and the mouse on it.

use egui::{Align2, Event, PointerButton, Pos2, Rect, Response, Sense, Stroke, TextureId, Ui, pos2, vec2};
use medsight_record::{Tool, ViewKind};

use super::{Textures, chips, crosshair, curved, graphics, layers, overlay, page, strip, vessel, view_3d};
use crate::apply::Action;
use crate::draw_shape;
use crate::gesture::Button;
use crate::light_box::{LightBox, Popup};
use crate::series::{FrameState, VolumeState};
use crate::theme;

const WHOLE: Rect = Rect { min: Pos2::ZERO, max: pos2(1.0, 1.0) };

/// Edge of the magnifier in points, and how much it magnifies.
pub(crate) const LENS: (f32, f64) = (220.0, 2.5);

pub(super) fn show(
    ui: &mut Ui,
    light_box: &LightBox,
    index: usize,
    rect: Rect,
    [texture, labels]: [Option<TextureId>; 2],
    out: &mut Vec<Action>,
) -> Response {
    let response = ui.interact(rect, cell_id(index), Sense::click_and_drag());
    name_cell(&response, light_box, index);
    let painter = ui.painter().with_clip_rect(rect);
    painter.rect_filled(rect, 0.0, theme::BG_IMAGE);
    if let Some(texture) = texture {
        painter.image(texture, rect, WHOLE, egui::Color32::WHITE);
    }
    if let Some(text) = message(light_box, index) {
        let galley =
            painter.layout(text, egui::FontId::proportional(13.0), theme::TEXT_2, rect.width() * 0.8);
        painter.galley(
            Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size()).min,
            galley,
            theme::TEXT_2,
        );
    }
    if let Some(surface) = light_box.surface(index) {
        graphics::show(&painter, light_box, index, &surface);
        // The texture outlives by a frame what it shows.
        if let Some(labels) = labels.filter(|_| light_box.has_fresh_labels()) {
            painter.image(labels, rect, WHOLE, egui::Color32::WHITE);
        }
        layers::show(&painter, light_box, index, rect, &surface);
        if light_box.crosshair {
            crosshair::show(&painter, light_box, index, &surface);
        }
        draw_shape::annotations(&painter, light_box, index, &surface);
        vessel::on_surface(&painter, light_box, index, &surface);
        overlay::geometry(&painter, light_box, index, rect, &surface);
        overlay::probe(&painter, light_box, index, &surface);
    }
    let below_text = overlay::corners(&painter, light_box, index, rect);
    chips::show(ui, light_box, index, pos2(rect.left() + 8.0, below_text + 4.0), out);
    page::show(ui, &painter, light_box, index, rect, out);
    if light_box.cells[index].view == ViewKind::Volume3d {
        view_3d::show(ui, &painter, light_box, index, rect, out);
        vessel::in_3d(&painter, light_box, index);
    }
    if light_box.cells[index].view == ViewKind::Curved {
        curved::show(&painter, light_box, index, rect);
    }
    // A click at the vessel's other end shortly before makes egui count three; asking twice asks once.
    if (response.double_clicked() || response.triple_clicked()) && light_box.is_tracing() {
        out.push(Action::Command(medsight_record::ViewCommand::TraceVessel));
    } else if response.double_clicked() && light_box.draft.is_none() {
        out.push(Action::Activate(index));
        out.push(Action::Command(medsight_record::ViewCommand::Maximise));
    }
    if light_box.lifted.is_some() && response.contains_pointer() {
        painter.rect_stroke(rect.shrink(2.0), 2.0, Stroke::new(2.0, theme::ACCENT), egui::StrokeKind::Inside);
    }
    response
}

/// What a screen reader says of a cell.
fn name_cell(response: &Response, light_box: &LightBox, index: usize) {
    let words = &light_box.words;
    let what = light_box
        .series_of(index)
        .map_or_else(|| words.text("lightbox.empty_cell").to_owned(), crate::Series::title);
    let at = super::overlay::position_text(light_box, index);
    let name = format!("{} {}: {what} {}", words.text("lightbox.cell"), index + 1, at.unwrap_or_default());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, &name));
}

/// What stands in a cell that has no picture yet, or can't have one.
fn message(light_box: &LightBox, index: usize) -> Option<String> {
    let words = &light_box.words;
    let cell = &light_box.cells[index];
    let Some(series) = light_box.series_of(index) else {
        let key = if light_box.series.is_empty() { "lightbox.loading" } else { "lightbox.drop_here" };
        return Some(words.text(key).to_owned());
    };
    if let Some(why) = &series.failure {
        return Some(format!("▲ {}", words.refused(why)));
    }
    if series.page.is_some() {
        return None;
    }
    if cell.view == ViewKind::Stack {
        let slice = series.slices.get(cell.slice);
        return match slice.map(|s| &s.frame) {
            Some(FrameState::Ready(_)) => None,
            Some(FrameState::Failed(why)) => Some(format!("▲ {}", words.refused(why))),
            Some(FrameState::Waiting) | None => Some(words.text("lightbox.loading").to_owned()),
        };
    }
    match &series.volume {
        VolumeState::Ready(_) if cell.view == ViewKind::Curved => curved_message(light_box),
        VolumeState::Ready(_) => None,
        VolumeState::Refused(why) => {
            Some(format!("▲ {}\n{}", words.text("lightbox.no_volume"), words.refused(why)))
        }
        VolumeState::Unknown => Some(words.fill("lightbox.building_volume", &[("percent", "0")])),
        VolumeState::Building(share) => {
            Some(words.fill("lightbox.building_volume", &[("percent", &format!("{:.0}", share * 100.0))]))
        }
    }
}

/// What stands in the curved view before its picture, or without one.
fn curved_message(light_box: &LightBox) -> Option<String> {
    let words = &light_box.words;
    if light_box.vessel_line().is_none() {
        let key = super::command_key(light_box, "tool.vessel");
        return Some(words.fill("vessel.none", &[("key", &key)]));
    }
    if let Some(why) = light_box.curved_refused() {
        return Some(format!("▲ {why}"));
    }
    (!light_box.has_curved()).then(|| words.text("lightbox.loading").to_owned())
}

/// The magnifier's place, when it is shown.
pub(crate) fn lens_rect(light_box: &LightBox) -> Option<(usize, Pos2, Rect)> {
    let (cell, at) = light_box.hover?;
    let shown = light_box.tool == Tool::Magnifier && light_box.popup == Popup::None;
    (shown && light_box.cells[cell].view != ViewKind::Volume3d && light_box.surface(cell).is_some())
        .then(|| (cell, at, Rect::from_center_size(at, vec2(LENS.0, LENS.0))))
}

pub(super) fn lens(ui: &Ui, light_box: &LightBox, textures: &Textures) {
    let (Some((cell, _, rect)), Some(texture)) = (lens_rect(light_box), textures.lens) else { return };
    let painter = ui.painter().with_clip_rect(light_box.cells[cell].rect);
    painter.image(texture, rect, WHOLE, egui::Color32::WHITE);
    painter.rect_stroke(rect, 2.0, Stroke::new(1.0, theme::LINE_3), egui::StrokeKind::Inside);
}

fn button_of(button: PointerButton) -> Option<Button> {
    match button {
        PointerButton::Primary => Some(Button::Left),
        PointerButton::Secondary => Some(Button::Right),
        PointerButton::Middle => Some(Button::Middle),
        _ => None,
    }
}

/// Name of a cell's widget.
fn cell_id(index: usize) -> egui::Id {
    egui::Id::unique(("cell", index))
}

/// The visible cell under a point, when nothing lies over it.
fn free_cell(ui: &Ui, light_box: &LightBox, at: Pos2) -> Option<usize> {
    let index = light_box.visible_cells().into_iter().find(|i| light_box.cells[*i].rect.contains(at))?;
    let response = ui.ctx().read_response(cell_id(index))?;
    (response.contains_pointer() || response.is_pointer_button_down_on()).then_some(index)
}

/// What a mouse event asks for. Events come one by one and are applied at once: nothing that happened
/// between two frames is lost, and a key between two clicks counts where it was pressed.
pub(super) fn pointer(ui: &Ui, light_box: &LightBox, event: &Event) -> Option<Action> {
    let down = light_box.gesture.is_some();
    match event {
        // A series is lifted off the strip and let go over a cell, however few frames there were between.
        Event::PointerButton { pos, button: PointerButton::Primary, pressed: true, .. }
            if strip::series_at(ui, light_box, *pos).is_some() =>
        {
            strip::series_at(ui, light_box, *pos).map(Action::Lift)
        }
        Event::PointerButton { pos, button: PointerButton::Primary, pressed: false, .. }
            if light_box.lifted.is_some() =>
        {
            let under = |i: &usize| light_box.cells[*i].rect.contains(*pos);
            Some(Action::Drop(light_box.visible_cells().into_iter().find(under)))
        }
        Event::PointerButton { pos, button, pressed: true, .. } => {
            let index = free_cell(ui, light_box, *pos)?;
            match light_box.popup {
                // A press outside of what lies over the images closes it, and does no more.
                Popup::Text { .. } | Popup::TrueLength { .. } => Some(Action::KeepText),
                Popup::Palette { .. }
                | Popup::Write { .. }
                | Popup::Segment { .. }
                | Popup::Models { .. }
                | Popup::Priors { .. }
                | Popup::Reject { .. }
                | Popup::Help => Some(Action::Show(Popup::None)),
                Popup::None | Popup::Warning { .. } => {
                    (!down).then_some(Action::Press(index, *pos, button_of(*button)?))
                }
            }
        }
        Event::PointerButton { pos, pressed: false, .. } => down.then_some(Action::Release(*pos)),
        Event::PointerMoved(pos) if down => Some(Action::Drag(*pos)),
        Event::PointerMoved(pos) => match free_cell(ui, light_box, *pos) {
            Some(index) => Some(Action::Hover(index, *pos)),
            None => Some(Action::Leave),
        },
        Event::PointerGone => (!down).then_some(Action::Leave),
        Event::MouseWheel { delta, unit, modifiers, .. } if delta.y != 0.0 => {
            let pos = ui.input(|i| i.pointer.latest_pos())?;
            let index = free_cell(ui, light_box, pos)?;
            let notches = match unit {
                egui::MouseWheelUnit::Line | egui::MouseWheelUnit::Page => delta.y,
                egui::MouseWheelUnit::Point => delta.y / 40.0,
            };
            let notches = if notches.abs() < 1.0 { notches.signum() } else { notches };
            Some(Action::Wheel(index, pos, notches, modifiers.command || modifiers.ctrl))
        }
        _ => None,
    }
}

pub(super) fn cursor(ui: &Ui, light_box: &LightBox, cells: &[(usize, Rect, Response)]) {
    use crate::gesture::Gesture;
    let icon = match &light_box.gesture {
        Some(Gesture::Pan { .. } | Gesture::Annotation { .. } | Gesture::CropFace { .. }) => {
            egui::CursorIcon::Grabbing
        }
        Some(Gesture::Zoom { .. }) => egui::CursorIcon::ZoomIn,
        _ => egui::CursorIcon::Crosshair,
    };
    if cells.iter().any(|(.., r)| r.hovered()) || light_box.gesture.is_some() {
        ui.ctx().set_cursor_icon(icon);
    }
}
