//! Settings: built-in defaults, then the site's policy, then the person's differences.
//!
//! Only differences are stored. What the site has set can't be changed by the person; [`Settings::locked`]
//! says so, so that the user interface can show who set it.

use crate::node::Node;
use crate::words::Locale;
use serde::{Deserialize, Serialize};

/// The built-in defaults, with a comment on each.
pub const DEFAULTS: &str = include_str!("../../../assets/settings.default.toml");

/// Colours of the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// For the reading room.
    Dark,
    /// For an office.
    Light,
}

/// Height of rows and targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Density {
    /// Reading desk.
    Compact,
    /// Office.
    Regular,
    /// Bedside, with gloves.
    Touch,
}

/// All settings, each with a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Language; `None` follows the system.
    #[serde(default)]
    pub locale: Option<Locale>,
    /// Colours of the desk.
    pub theme: Theme,
    /// Height of rows.
    pub density: Density,
    /// Most bytes of images kept on this computer, in GiB; 0 for no limit.
    pub cache_quota_gib: u32,
    /// Screen pixels in a millimetre, measured by the person; for true size.
    #[serde(default)]
    pub screen_px_per_mm: Option<f64>,
    /// Columns of the worklist, in their order.
    pub worklist_columns: Vec<String>,
    /// Peers on the hospital's network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
    /// Names of settings that the site's policy has fixed.
    #[serde(skip)]
    locked: Vec<String>,
}

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML, an unknown name, or a value of the wrong kind.
    #[error("the settings in {layer} can't be used: {reason}")]
    Format {
        /// Which of the layers.
        layer: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl Settings {
    /// Lays the person's differences over the site's policy over the defaults. Empty text: no layer.
    pub fn layered(policy: &str, person: &str) -> Result<Self, SettingsError> {
        let read = |layer, text: &str| -> Result<toml::Table, SettingsError> {
            toml::from_str(text)
                .map_err(|e: toml::de::Error| SettingsError::Format { layer, reason: e.message().to_owned() })
        };
        let mut table = read("the defaults", DEFAULTS)?;
        let policy = read("the site policy", policy)?;
        let locked: Vec<String> = policy.keys().cloned().collect();
        for (name, value) in read("your settings", person)? {
            table.insert(name, value);
        }
        table.extend(policy);
        let mut settings: Self = table.try_into().map_err(|e: toml::de::Error| SettingsError::Format {
            layer: "your settings",
            reason: e.message().to_owned(),
        })?;
        settings.locked = locked;
        Ok(settings)
    }

    /// The names that the site's policy has fixed.
    pub fn locked(&self) -> &[String] {
        &self.locked
    }

    /// What differs from the defaults, as the text to store for the person.
    pub fn differences(&self) -> Result<String, SettingsError> {
        let defaults = Self::layered("", "")?;
        let table = |s: &Self| {
            toml::Table::try_from(s)
                .map_err(|e| SettingsError::Format { layer: "your settings", reason: e.to_string() })
        };
        let (defaults, mut mine) = (table(&defaults)?, table(self)?);
        mine.retain(|name, value| {
            defaults.get(name) != Some(value) && !self.locked.iter().any(|l| l == name)
        });
        Ok(mine.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_person_changed_is_stored() {
        let mut settings = Settings::layered("", "").unwrap();
        assert_eq!(settings.differences().unwrap(), "");
        settings.theme = Theme::Light;
        let stored = settings.differences().unwrap();
        assert_eq!(stored.trim(), "theme = \"light\"");
        assert_eq!(Settings::layered("", &stored).unwrap(), settings);
    }

    #[test]
    fn what_the_site_has_fixed_a_person_cannot_change() {
        let settings = Settings::layered("theme = \"dark\"", "theme = \"light\"").unwrap();
        assert_eq!(settings.theme, Theme::Dark);
        assert_eq!(settings.locked(), ["theme"]);
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        let error = Settings::layered("", "theem = \"dark\"").unwrap_err().to_string();
        assert!(error.contains("theem"), "{error}");
    }
}
