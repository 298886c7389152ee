//! Keys to commands, by the hotkeys file.

use egui::{Event, Key, Modifiers, Ui};
use medsight_record::ViewCommand;
use medsight_record::hotkeys::Shortcut;

use crate::apply::Action;
use crate::light_box::{LightBox, Popup};

/// The name of a key in the hotkeys file; `None` for keys that can't be used.
fn key_name(key: Key) -> Option<String> {
    Some(match key {
        Key::ArrowUp => "ArrowUp".into(),
        Key::ArrowDown => "ArrowDown".into(),
        Key::ArrowLeft => "ArrowLeft".into(),
        Key::ArrowRight => "ArrowRight".into(),
        Key::Minus => "-".into(),
        Key::Copy | Key::Cut | Key::Paste => return None,
        other => other.symbol_or_name().to_owned(),
    })
}

/// The shortcut of a key press. Signs such as `?` are what they are, with or without Shift.
pub(crate) fn shortcut(key: Key, modifiers: Modifiers) -> Option<Shortcut> {
    let name = key_name(key)?;
    let is_sign = name.chars().count() == 1 && !name.chars().all(char::is_alphanumeric);
    Some(Shortcut {
        ctrl: modifiers.command,
        alt: modifiers.alt,
        shift: modifiers.shift && !is_sign,
        key: name,
    })
}

/// Names of the light box's own lines to type in.
pub(super) const EDITORS: [&str; 4] = ["palette line", "text line", "segment line", "reject line"];

/// The focus is in one of them, or was in the frame before.
fn has_own_editor(ui: &Ui) -> bool {
    ui.memory(|m| m.focused()).is_some_and(|id| EDITORS.iter().any(|name| id == egui::Id::unique(name)))
}

/// Characters that a length is written with.
pub(super) fn is_of_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '.' | ',' | ' ')
}

/// What is typed before the line to type in has the focus: it is not lost.
pub(crate) fn early_text(ui: &Ui, light_box: &LightBox, event: &Event) -> Option<Popup> {
    let Event::Text(typed) = event else { return None };
    if has_own_editor(ui) {
        return None;
    }
    match light_box.popup.clone() {
        Popup::Palette { query, .. } => Some(Popup::Palette { query: query + typed, chosen: 0 }),
        // The number of the line that asked comes as text too, and is no part of the name.
        Popup::Segment { label, chosen } if !typed.chars().all(|c| c.is_ascii_digit()) => {
            Some(Popup::Segment { label: label + typed, chosen })
        }
        Popup::Text { cell, at, text, id } => Some(Popup::Text { cell, at, text: text + typed, id }),
        // The letter of the key that asked comes as text too, and is no part of a number.
        Popup::TrueLength { id, at, text } if typed.chars().all(is_of_number) => {
            Some(Popup::TrueLength { id, at, text: text + typed })
        }
        _ => None,
    }
}

/// What a key asks for.
pub(crate) fn action(ui: &Ui, light_box: &LightBox, event: &Event) -> Option<Action> {
    let Event::Key { key, pressed: true, modifiers, .. } = event else { return None };
    if let Some(action) = super::write::key(light_box, *key).filter(|_| modifiers.is_none()) {
        return Some(action);
    }
    // A button or a line to type in that has the focus takes these keys.
    let is_list = matches!(light_box.popup, Popup::Models { .. } | Popup::Priors { .. });
    let is_free = ui.memory(|m| m.focused()).is_none() || is_list;
    let by_tool = super::vessel::key(light_box, *key)
        .or_else(|| super::priors::key(light_box, *key))
        .or_else(|| super::proposals::key(light_box, *key));
    if let Some(action) = by_tool.filter(|_| modifiers.is_none() && is_free) {
        return Some(action);
    }
    let shortcut = shortcut(*key, *modifiers)?;
    let id = light_box.hotkeys.command(&shortcut)?;
    let command = ViewCommand::all().into_iter().find(|c| c.id() == id)?;
    let typing = ui.ctx().egui_wants_keyboard_input() && !has_own_editor(ui);
    let in_popup = matches!(
        light_box.popup,
        Popup::Palette { .. }
            | Popup::Write { .. }
            | Popup::Segment { .. }
            | Popup::Models { .. }
            | Popup::Priors { .. }
            | Popup::Reject { .. }
            | Popup::Text { .. }
            | Popup::TrueLength { .. }
    );
    let is_global = matches!(command, ViewCommand::Cancel | ViewCommand::Palette);
    if (typing || in_popup) && !is_global {
        return None;
    }
    // A button that has the focus is pressed with these.
    if !has_own_editor(ui) && ui.memory(|m| m.focused()).is_some() && matches!(key, Key::Enter | Key::Space) {
        return None;
    }
    if command == ViewCommand::TogglePanel || command == ViewCommand::Cancel {
        // The key belongs to the light box; Shift+Tab still walks through the controls.
        ui.memory_mut(|m| {
            m.move_focus(egui::FocusDirection::None);
            if let Some(id) = m.focused() {
                m.surrender_focus(id);
            }
        });
    }
    Some(Action::Command(command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use medsight_record::hotkeys::Hotkeys;

    #[test]
    fn keys_reach_their_commands_with_and_without_shift() {
        let hotkeys = Hotkeys::built_in("lightbox").unwrap();
        let command =
            |key, modifiers| shortcut(key, modifiers).and_then(|s| hotkeys.command(&s).map(str::to_owned));
        assert_eq!(command(Key::I, Modifiers::NONE).as_deref(), Some("view.overlays"));
        assert_eq!(command(Key::I, Modifiers::SHIFT).as_deref(), Some("view.invert"));
        assert_eq!(command(Key::Questionmark, Modifiers::SHIFT).as_deref(), Some("app.help"));
        assert_eq!(command(Key::CloseBracket, Modifiers::NONE).as_deref(), Some("slab.thicker"));
        assert_eq!(command(Key::ArrowDown, Modifiers::NONE).as_deref(), Some("slice.next"));
        assert_eq!(command(Key::Z, Modifiers::COMMAND | Modifiers::SHIFT).as_deref(), Some("edit.redo"));
        assert_eq!(command(Key::Num4, Modifiers::COMMAND | Modifiers::ALT).as_deref(), Some("layout.4"));
    }
}
