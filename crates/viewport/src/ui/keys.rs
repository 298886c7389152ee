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

/// Reads the keys of this frame.
pub(crate) fn read(ui: &mut Ui, light_box: &LightBox, out: &mut Vec<Action>) {
    let typing = ui.ctx().egui_wants_keyboard_input();
    let in_popup = matches!(light_box.popup, Popup::Palette { .. } | Popup::Text { .. });
    let on_widget = ui.memory(|m| m.focused()).is_some();
    let events = ui.input(|i| i.events.clone());
    for event in events {
        let Event::Key { key, pressed: true, modifiers, .. } = event else { continue };
        let Some(shortcut) = shortcut(key, modifiers) else { continue };
        let Some(id) = light_box.hotkeys.command(&shortcut) else { continue };
        let Some(command) = ViewCommand::all().into_iter().find(|c| c.id() == id) else { continue };
        let is_global = matches!(command, ViewCommand::Cancel | ViewCommand::Palette);
        if (typing || in_popup) && !is_global {
            continue;
        }
        // A button that has the focus is pressed with these.
        if on_widget && matches!(key, Key::Enter | Key::Space) {
            continue;
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
        out.push(Action::Command(command));
    }
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
