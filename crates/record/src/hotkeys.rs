//! Which key does what: `assets/hotkeys.toml`, then the person's own differences.
//!
//! The file has one table a context (`lightbox`, `desk`), in it command id → list of shortcuts such as
//! `Ctrl+Shift+Z`. `Ctrl` is the Command key on a Mac. Two commands on one key in one context are an error.

use std::collections::BTreeMap;

/// A key with its modifiers, in the order Ctrl, Alt, Shift.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shortcut {
    /// Ctrl, or Command on a Mac.
    pub ctrl: bool,
    /// Alt, or Option on a Mac.
    pub alt: bool,
    /// Shift.
    pub shift: bool,
    /// The key by its name: a capital letter, a digit, a sign, or `ArrowUp`, `PageDown`, `Home`, `Delete`,
    /// `Escape`, `Enter`, `Space`, `Tab`, `F1`…
    pub key: String,
}

impl Shortcut {
    /// Reads `Ctrl+Alt+1`. `None` when no key is left or a modifier is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        let (modifiers, key) = match text.strip_suffix("++") {
            Some(before) => (before, "+"),
            None if text == "+" => ("", "+"),
            None => text.rsplit_once('+').unwrap_or(("", text)),
        };
        let mut shortcut = Self { ctrl: false, alt: false, shift: false, key: key.to_owned() };
        for modifier in modifiers.split('+').filter(|m| !m.is_empty()) {
            match modifier {
                "Ctrl" => shortcut.ctrl = true,
                "Alt" => shortcut.alt = true,
                "Shift" => shortcut.shift = true,
                _ => return None,
            }
        }
        (!key.is_empty()).then_some(shortcut)
    }
}

impl std::fmt::Display for Shortcut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (on, name) in [(self.ctrl, "Ctrl+"), (self.alt, "Alt+"), (self.shift, "Shift+")] {
            if on {
                f.write_str(name)?;
            }
        }
        f.write_str(match self.key.as_str() {
            "ArrowUp" => "↑",
            "ArrowDown" => "↓",
            "ArrowLeft" => "←",
            "ArrowRight" => "→",
            key => key,
        })
    }
}

/// Why a hotkeys file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HotkeysError {
    /// Not TOML, or not tables of lists of texts.
    #[error("the hotkeys file can't be read: {0}")]
    Format(String),
    /// A shortcut nobody can press.
    #[error("\"{shortcut}\" for {command} is no key")]
    NoKey {
        /// Command id.
        command: String,
        /// What was written.
        shortcut: String,
    },
    /// One key, two commands.
    #[error("{shortcut} means both {first} and {second}")]
    Conflict {
        /// The key.
        shortcut: String,
        /// Command id.
        first: String,
        /// Command id.
        second: String,
    },
}

/// The shortcuts of one context.
#[derive(Clone, Debug, Default)]
pub struct Hotkeys {
    by_shortcut: BTreeMap<Shortcut, String>,
    by_command: BTreeMap<String, Vec<Shortcut>>,
}

/// The built-in file.
const BUILT_IN: &str = include_str!("../../../assets/hotkeys.toml");

impl Hotkeys {
    /// The built-in shortcuts of a context.
    pub fn built_in(context: &str) -> Result<Self, HotkeysError> {
        Self::parse(BUILT_IN, context)
    }

    /// Reads one context of a file.
    pub fn parse(text: &str, context: &str) -> Result<Self, HotkeysError> {
        type File = BTreeMap<String, BTreeMap<String, Vec<String>>>;
        let file: File = toml::from_str(text).map_err(|e| HotkeysError::Format(e.message().to_owned()))?;
        let mut hotkeys = Self::default();
        for (command, shortcuts) in file.get(context).into_iter().flatten() {
            for shortcut in shortcuts {
                let parsed = Shortcut::parse(shortcut).ok_or_else(|| HotkeysError::NoKey {
                    command: command.clone(),
                    shortcut: shortcut.clone(),
                })?;
                if let Some(first) = hotkeys.by_shortcut.insert(parsed.clone(), command.clone()) {
                    let (shortcut, second) = (shortcut.clone(), command.clone());
                    return Err(HotkeysError::Conflict { shortcut, first, second });
                }
                hotkeys.by_command.entry(command.clone()).or_default().push(parsed);
            }
        }
        Ok(hotkeys)
    }

    /// The command id of a key.
    pub fn command(&self, shortcut: &Shortcut) -> Option<&str> {
        self.by_shortcut.get(shortcut).map(String::as_str)
    }

    /// The keys of a command, the first is the one to show.
    pub fn shortcuts(&self, command: &str) -> &[Shortcut] {
        self.by_command.get(command).map_or(&[], Vec::as_slice)
    }

    /// All commands that have a key.
    pub fn commands(&self) -> impl Iterator<Item = (&str, &[Shortcut])> {
        self.by_command.iter().map(|(command, keys)| (command.as_str(), keys.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ViewCommand;

    #[test]
    fn no_key_means_two_things_in_one_context() {
        for context in ["lightbox", "desk"] {
            let hotkeys = Hotkeys::built_in(context).unwrap();
            assert!(hotkeys.commands().count() > 5, "{context}");
        }
        let twice = "[desk]\na = [\"X\"]\nb = [\"X\"]";
        assert!(matches!(Hotkeys::parse(twice, "desk"), Err(HotkeysError::Conflict { .. })));
    }

    #[test]
    fn every_key_of_the_light_box_does_something() {
        let ids: Vec<String> = ViewCommand::all().into_iter().map(ViewCommand::id).collect();
        for (command, _) in Hotkeys::built_in("lightbox").unwrap().commands() {
            assert!(ids.iter().any(|id| id == command), "{command}");
        }
    }

    #[test]
    fn every_key_of_the_desk_does_something() {
        for (command, _) in Hotkeys::built_in("desk").unwrap().commands() {
            assert!(crate::Command::OF_THE_DESK.contains(&command), "{command}");
        }
    }

    #[test]
    fn a_plus_sign_is_a_key_too() {
        assert_eq!(Shortcut::parse("Ctrl++").unwrap().key, "+");
        assert_eq!(Shortcut::parse("Ctrl+Shift+Z").unwrap().to_string(), "Ctrl+Shift+Z");
        assert_eq!(Shortcut::parse("Hyper+Z"), None);
    }
}
