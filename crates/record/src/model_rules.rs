//! Which models may run on this workstation, and which run by themselves when a study has arrived. Plain data of the settings; the
//! models are the business of `medsight-infer`, where they run is the light box.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The settings of models.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSettings {
    /// Folder of the installed packages; `None` for the one beside the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Only packages with one of these SHA-256 of their manifest may run, hexadecimal…
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_hashes: Vec<String>,
    /// …or that are signed by one of these Ed25519 public keys, hexadecimal. Both empty: every package that is whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_keys: Vec<String>,
    /// What runs by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ModelRule>,
}

/// A model runs on the series that this holds for. What is empty holds for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRule {
    /// Name of an installed model, or `NAME@VERSION`.
    pub model: String,
    /// Modality (0008,0060).
    pub modality: String,
    /// Body Part Examined (0018,0015).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body_part: String,
    /// Words that Series or Study Description must hold, in any case of letters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Images that the series must have at least: a localiser is no volume.
    #[serde(default = "twenty")]
    pub least_images: u32,
}

fn twenty() -> u32 {
    20
}

/// Why the settings of models are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelSettingsError {
    /// Not 64 hexadecimal digits.
    #[error("“{0}” is no SHA-256 or Ed25519 key: 64 hexadecimal digits are")]
    Hex(String),
    /// A rule would hold for everything, or names nothing.
    #[error("a rule for models has no model or no modality")]
    EmptyRule,
}

impl ModelSettings {
    /// True when nothing is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Checks lists and rules.
    ///
    /// # Errors
    /// [`ModelSettingsError`]
    pub fn check(&self) -> Result<(), ModelSettingsError> {
        let is_hex = |text: &&String| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if let Some(wrong) = self.allow_hashes.iter().chain(&self.allow_keys).find(|text| !is_hex(text)) {
            return Err(ModelSettingsError::Hex(wrong.clone()));
        }
        let is_empty = |rule: &ModelRule| rule.model.trim().is_empty() || rule.modality.trim().is_empty();
        match self.rules.iter().any(is_empty) {
            true => Err(ModelSettingsError::EmptyRule),
            false => Ok(()),
        }
    }
}

/// What a rule asks of a series.
#[derive(Clone, Copy, Debug)]
pub struct RuledSeries<'s> {
    /// Modality (0008,0060).
    pub modality: &'s str,
    /// Body Part Examined (0018,0015).
    pub body_part: &'s str,
    /// Series and Study Description.
    pub descriptions: [&'s str; 2],
    /// Images in it.
    pub images: u32,
}

impl ModelRule {
    /// Whether the model is to run on a series.
    pub fn holds_for(&self, series: RuledSeries<'_>) -> bool {
        let words = self.description.to_lowercase();
        let says = |text: &str| text.to_lowercase().contains(&words);
        self.modality.trim() == series.modality
            && (self.body_part.is_empty() || self.body_part.eq_ignore_ascii_case(series.body_part))
            && series.descriptions.into_iter().any(says)
            && series.images >= self.least_images
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_runs_by_itself_on_what_its_rule_names_and_on_nothing_else() {
        let rule: ModelRule =
            toml::from_str("model = \"liver\"\nmodality = \"CT\"\ndescription = \"Portal\"").unwrap();
        let series = RuledSeries {
            modality: "CT",
            body_part: "",
            descriptions: ["Abdomen portal venous", ""],
            images: 120,
        };
        assert!(rule.holds_for(series));
        assert!(!rule.holds_for(RuledSeries { modality: "MR", ..series }));
        assert!(!rule.holds_for(RuledSeries { images: 3, ..series }), "a localiser");
        assert!(!rule.holds_for(RuledSeries { descriptions: ["Lung", "Chest"], ..series }));
        let of_liver = ModelRule { body_part: "LIVER".into(), ..rule };
        assert!(
            !of_liver.holds_for(series) && of_liver.holds_for(RuledSeries { body_part: "Liver", ..series })
        );
    }

    #[test]
    fn a_list_that_would_allow_nothing_by_a_slip_is_refused() {
        let wrong = ModelSettings { allow_hashes: vec!["12ab".into()], ..ModelSettings::default() };
        assert_eq!(wrong.check(), Err(ModelSettingsError::Hex("12ab".into())));
    }
}
