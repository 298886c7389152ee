//! What the labels of a model's answer are, in codes and words.

use medsight_record::{CodedName, LabelMeaning};
use serde::{Deserialize, Serialize};

/// A concept of a coding scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coding {
    /// Coding Scheme Designator: `SCT`.
    pub scheme: String,
    /// Code Value.
    pub value: String,
    /// Code Meaning.
    pub meaning: String,
}

/// What a label of the model's answer is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodedLabel {
    /// Its number in the answer.
    pub value: u16,
    /// Its name.
    pub name: String,
    /// Segmented Property Category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Coding>,
    /// Segmented Property Type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Coding>,
    /// Side: `SCT` right or left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Coding>,
    /// sRGB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<[u8; 3]>,
    /// Of a classifier: the probability from which on the picture is said to show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
}

impl CodedLabel {
    /// The label as the record names it.
    pub fn meaning(&self) -> LabelMeaning {
        let named = |coding: &Coding| CodedName {
            value: coding.value.clone(),
            scheme: coding.scheme.clone(),
            meaning: coding.meaning.clone(),
        };
        LabelMeaning {
            value: self.value,
            name: self.name.clone(),
            category: self.category.as_ref().map(named),
            code: self.code.as_ref().map(named),
            side: self.side.as_ref().map(named),
            rgb: self.colour,
        }
    }
}
