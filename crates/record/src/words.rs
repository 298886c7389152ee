//! The words of the user interface in three languages, from one source: `assets/locales/*.toml`.
//!
//! A key is the path of tables to the text: `tool.window`. Places to fill are `{name}`. The web view
//! gets the same texts as a generated file.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A language of the user interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
    /// German.
    De,
}

impl Locale {
    /// All languages, in the order in which they are offered.
    pub const ALL: [Locale; 3] = [Locale::En, Locale::Es, Locale::De];

    /// Two-letter code (ISO 639-1).
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
            Self::De => "de",
        }
    }

    /// The language of a code or of a POSIX or BCP 47 name such as `de_AT.UTF-8` or `es-MX`.
    pub fn parse(name: &str) -> Option<Self> {
        let code = name.get(..2)?.to_ascii_lowercase();
        let ends = name.len() == 2 || name[2..].starts_with(['_', '-', '.', '@']);
        Self::ALL.into_iter().find(|locale| ends && locale.code() == code)
    }

    fn source(self) -> &'static str {
        match self {
            Self::En => include_str!("../../../assets/locales/en.toml"),
            Self::Es => include_str!("../../../assets/locales/es.toml"),
            Self::De => include_str!("../../../assets/locales/de.toml"),
        }
    }
}

/// All texts of one language.
#[derive(Clone, Debug)]
pub struct Words {
    locale: Locale,
    texts: BTreeMap<String, String>,
}

impl Words {
    /// Loads a language.
    ///
    /// # Panics
    /// When the built-in file is no TOML: a test reads all of them.
    pub fn new(locale: Locale) -> Self {
        let table: toml::Table =
            toml::from_str(locale.source()).unwrap_or_else(|e| panic!("locale {}: {e}", locale.code()));
        let mut texts = BTreeMap::new();
        flatten("", &table, &mut texts);
        Self { locale, texts }
    }

    /// The language.
    pub fn locale(&self) -> Locale {
        self.locale
    }

    /// The text of a key. An unknown key shows itself, so that it is seen and reported.
    pub fn text<'a>(&'a self, key: &'a str) -> &'a str {
        self.texts.get(key).map_or(key, String::as_str)
    }

    /// The text of a key with each `{name}` replaced.
    pub fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        values.iter().fold(self.text(key).to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    }

    /// A number as it is written in this language: decimal comma or point, a true minus sign, and no minus zero.
    pub fn number(&self, value: f64, decimals: usize) -> String {
        let text = format!("{value:.decimals$}");
        let is_zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
        let text = if is_zero { text.trim_start_matches('-').to_owned() } else { text.replace('-', "−") };
        match self.locale {
            Locale::En => text,
            Locale::Es | Locale::De => text.replace('.', ","),
        }
    }

    /// As [`Self::number`], without decimals that say nothing: `1.5`, `120`.
    pub fn short_number(&self, value: f64, most_decimals: usize) -> String {
        let text = self.number(value, most_decimals);
        if !text.contains(['.', ',']) {
            return text;
        }
        text.trim_end_matches('0').trim_end_matches(['.', ',']).to_owned()
    }

    /// A shortcut as it is printed on a keyboard of this language: `Strg+Umschalt+Z`.
    pub fn shortcut(&self, shortcut: &crate::hotkeys::Shortcut) -> String {
        let name =
            |key: &str| self.texts.get(&format!("key_name.{key}")).cloned().unwrap_or_else(|| key.to_owned());
        let modifiers = [(shortcut.ctrl, "Ctrl"), (shortcut.alt, "Alt"), (shortcut.shift, "Shift")];
        let held = modifiers.iter().filter(|(on, _)| *on).map(|(_, key)| name(key));
        held.chain([name(&shortcut.key)]).collect::<Vec<_>>().join("+")
    }

    /// Why something was refused, in this language and with the attributes that the reason names; the reason itself
    /// where no words fit.
    pub fn refused(&self, refusal: &crate::Refusal) -> String {
        let key = format!("problem.refused.{}", refusal.code);
        let attributes = refusal.attributes();
        match self.texts.get(&key) {
            Some(text) if !text.contains("{attributes}") || !attributes.is_empty() => {
                text.replace("{attributes}", &attributes)
            }
            _ => refusal.reason.clone(),
        }
    }

    /// The figures of a warning in this language: its own words with `{0}`, `{1}`… filled in, else the attributes that the
    /// English names, else the English.
    pub fn figures(&self, code: &str, reason: &str, figures: &[String]) -> String {
        if let Some(text) = self.texts.get(&format!("warning_figures.{code}")) {
            let filled = figures.iter().enumerate().fold(text.clone(), |text, (at, figure)| {
                let Ok(value) = figure.parse::<f64>() else { return text };
                let decimals = if value.fract() == 0.0 { 0 } else { 2 };
                text.replace(&format!("{{{at}}}"), &self.number(value, decimals))
            });
            if !filled.contains('{') {
                return filled;
            }
        }
        match crate::Refusal::new(code, reason).attributes() {
            named if self.locale != Locale::En && !named.is_empty() => named,
            _ => reason.to_owned(),
        }
    }

    /// All keys and texts, sorted by key.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.texts
    }
}

fn flatten(prefix: &str, table: &toml::Table, into: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, into),
            toml::Value::String(text) => {
                into.insert(key, text.clone());
            }
            other => {
                into.insert(key, other.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ViewCommand;

    #[test]
    fn the_figures_of_a_warning_are_told_in_each_language_and_never_lost() {
        let figures = [5.0, 7.25, 5.5].map(|f: f64| f.to_string());
        let reason = "The slice distance is uneven: from 5 to 7.25 mm";
        let told = |locale, code, reason| Words::new(locale).figures(code, reason, &figures);
        let german = told(Locale::De, "uneven_spacing", reason);
        assert!(german.contains("5 bis 7,25 mm") && german.contains("5,50 mm"), "{german}");
        // Without words of its own, the attributes that are named: DICOM's names are English.
        let lossy = "Lossy Image Compression (0028,2110) is 01: the pixels were changed.";
        assert_eq!(told(Locale::Es, "lossy", lossy), "Lossy Image Compression (0028,2110)");
        assert_eq!(told(Locale::En, "lossy", lossy), lossy);
        assert_eq!(told(Locale::De, "unheard_of", "As it was said."), "As it was said.");
    }

    #[test]
    fn the_three_languages_have_the_same_keys_and_the_same_places_to_fill() {
        let places = |text: &str| {
            let mut names: Vec<String> =
                text.split('{').skip(1).filter_map(|p| p.split('}').next()).map(str::to_owned).collect();
            names.sort();
            names
        };
        let en = Words::new(Locale::En);
        for locale in [Locale::Es, Locale::De] {
            let other = Words::new(locale);
            let keys: Vec<_> = other.all().keys().collect();
            assert_eq!(keys, en.all().keys().collect::<Vec<_>>(), "{}", locale.code());
            for (key, text) in en.all() {
                assert_eq!(places(text), places(other.text(key)), "{} {key}", locale.code());
            }
        }
    }

    #[test]
    fn every_command_of_the_light_box_has_a_label() {
        let en = Words::new(Locale::En);
        for command in ViewCommand::all() {
            assert!(en.all().contains_key(&command.id()), "{}", command.id());
        }
    }

    #[test]
    fn every_command_of_the_desk_has_a_label() {
        let en = Words::new(Locale::En);
        for id in crate::Command::OF_THE_DESK {
            assert!(en.all().contains_key(id), "{id}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_each_language_with_its_attribute() {
        let refusal = crate::Refusal::new("missing_attribute", "Rows (0028,0010) is missing or empty. Ask.");
        for locale in Locale::ALL {
            let told = Words::new(locale).refused(&refusal);
            assert!(told.starts_with("Rows (0028,0010) ") && told != refusal.reason, "{told}");
        }
        let unknown = crate::Refusal::new("never_heard_of", "It is odd.");
        assert_eq!(Words::new(Locale::De).refused(&unknown), "It is odd.");
    }

    #[test]
    fn numbers_have_the_decimal_sign_of_the_language_and_nothing_is_minus_zero() {
        let [en, es, de] = Locale::ALL.map(Words::new);
        assert_eq!(en.number(-84.54, 1), "−84.5");
        assert_eq!((es.number(-84.54, 1).as_str(), de.number(0.25, 2).as_str()), ("−84,5", "0,25"));
        assert_eq!(en.number(-0.01, 1), "0.0");
        assert_eq!(de.short_number(0.674, 2), "0,67");
        assert_eq!((de.short_number(1.5, 2).as_str(), en.short_number(120.0, 2).as_str()), ("1,5", "120"));
        assert_eq!(en.short_number(100.0, 0), "100");
    }

    #[test]
    fn keys_are_called_as_they_are_on_the_keyboard_of_the_language() {
        let key = |text: &str, locale| {
            let shortcut = crate::hotkeys::Shortcut::parse(text).unwrap();
            Words::new(locale).shortcut(&shortcut)
        };
        assert_eq!(key("Ctrl+Shift+Z", Locale::De), "Strg+Umschalt+Z");
        assert_eq!(key("Shift+Delete", Locale::Es), "Mayús+Supr");
        assert_eq!(key("Ctrl+ArrowRight", Locale::En), "Ctrl+→");
    }

    #[test]
    fn a_system_language_name_is_understood() {
        assert_eq!(Locale::parse("de_AT.UTF-8"), Some(Locale::De));
        assert_eq!(Locale::parse("es-MX"), Some(Locale::Es));
        assert_eq!(Locale::parse("den"), None);
        assert_eq!(Locale::parse("C"), None);
    }
}
