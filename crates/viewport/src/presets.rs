//! Window presets of the keys 1 to 9, by modality, from `assets/window-presets.toml`.

use medsight_image::{VoiFunction, Window};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One preset.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Word key below `preset`.
    pub name: String,
    /// Centre in modality units, or as a share of the range of values.
    pub center: f64,
    /// Width in modality units, or as a share of the range of values.
    pub width: f64,
    /// Centre and width are shares of the range of values.
    #[serde(default)]
    pub relative: bool,
}

impl Preset {
    /// The window for an image or volume whose modality values reach from `min` to `max`.
    pub fn window(&self, [min, max]: [f64; 2]) -> Option<Window> {
        if !self.relative {
            return Window::new(self.center, self.width, VoiFunction::Linear);
        }
        let range = max - min;
        Window::new(min + range * self.center, range * self.width, VoiFunction::LinearExact)
    }
}

/// All presets by modality.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Presets(BTreeMap<String, Vec<Preset>>);

impl Default for Presets {
    /// The built-in file; a test reads it.
    fn default() -> Self {
        let text = include_str!("../../../assets/window-presets.toml");
        toml::from_str(text).unwrap_or_else(|_| Self(BTreeMap::new()))
    }
}

impl Presets {
    /// Presets of a modality, in the order of the keys.
    pub fn of(&self, modality: &str) -> &[Preset] {
        let listed = self.0.get(modality).or_else(|| self.0.get("other"));
        listed.map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_two_on_a_ct_is_the_lung_window() {
        let presets = Presets::default();
        let lung = presets.of("CT")[1].window([-1024.0, 3000.0]).unwrap();
        assert_eq!((lung.center(), lung.width()), (-600.0, 1500.0));
    }

    #[test]
    fn presets_without_units_follow_the_values_of_the_image() {
        let presets = Presets::default();
        let full = presets.of("MR")[0].window([0.0, 1000.0]).unwrap();
        assert_eq!((full.center(), full.width()), (500.0, 1000.0));
        assert!(presets.0.values().all(|list| list.len() <= 9));
    }
}
