//! Which models may run and which run by themselves: their form in the settings.

use crate::model_runs::RefusedRun;
use medsight_record::{ModelRule, ModelSettings};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use ts_rs::TS;

/// The settings of models, as the form has them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelsForm {
    /// Folder of the packages; empty for the usual one.
    pub folder: String,
    /// SHA-256 of manifests that may run; with the keys empty: all may.
    pub allow_hashes: Vec<String>,
    /// Ed25519 keys whose packages may run.
    pub allow_keys: Vec<String>,
    /// What runs by itself.
    pub rules: Vec<ModelRuleForm>,
    /// Runs of rules that did not come about since the start, newest first; only told, never set.
    #[serde(default)]
    pub refused: Vec<RefusedRun>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelRuleForm {
    /// Name of an installed model, or `NAME@VERSION`.
    pub model: String,
    /// Modality.
    pub modality: String,
    /// Body Part Examined, or empty.
    pub body_part: String,
    /// Words of the description, or empty.
    pub description: String,
    /// Images that the series must have at least.
    pub least_images: u32,
}

impl ModelsForm {
    /// The form of the settings, with what did not come about.
    pub(crate) fn of(settings: &ModelSettings, refused: Vec<RefusedRun>) -> Self {
        let rule = |rule: &ModelRule| ModelRuleForm {
            model: rule.model.clone(),
            modality: rule.modality.clone(),
            body_part: rule.body_part.clone(),
            description: rule.description.clone(),
            least_images: rule.least_images,
        };
        Self {
            folder: settings.folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default(),
            allow_hashes: settings.allow_hashes.clone(),
            allow_keys: settings.allow_keys.clone(),
            rules: settings.rules.iter().map(rule).collect(),
            refused,
        }
    }
}

impl From<ModelsForm> for ModelSettings {
    fn from(form: ModelsForm) -> Self {
        let trimmed = |texts: Vec<String>| {
            texts.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
        };
        let rule = |rule: ModelRuleForm| ModelRule {
            model: rule.model.trim().to_owned(),
            modality: rule.modality.trim().to_owned(),
            body_part: rule.body_part.trim().to_owned(),
            description: rule.description.trim().to_owned(),
            least_images: rule.least_images,
        };
        let folder = form.folder.trim();
        Self {
            folder: (!folder.is_empty()).then(|| PathBuf::from(folder)),
            allow_hashes: trimmed(form.allow_hashes),
            allow_keys: trimmed(form.allow_keys),
            rules: form.rules.into_iter().map(rule).collect(),
        }
    }
}
