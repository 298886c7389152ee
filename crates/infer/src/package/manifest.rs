//! `model.toml`: what a package is, for what, how well it was measured, and which files it has.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::labels::CodedLabel;

use super::classifier::ClassifierForm;
use crate::channels::{ChannelRule, words};
use crate::networks::{WOUND_STEP_PX, WoundUnetShape};

/// Why a manifest is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML, or a field is missing or unknown.
    #[error("model.toml: {0}")]
    Format(String),
    /// A field has a value that makes no sense.
    #[error("model.toml: `{field}` {reason}")]
    Field {
        /// The field.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// In which form the weights come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Form {
    /// A folder of results of nnU-Net v2.
    Nnunet {
        /// The folder within the package.
        folder: String,
    },
    /// A MONAI bundle.
    Monai {
        /// The folder within the package.
        folder: String,
        /// The files of its configuration within that folder, merged in this order; none for the usual one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        configs: Vec<String>,
        /// For an answer of regions that may overlap, which have the labels from 1 on: the order in which they are written,
        /// later ones over earlier ones.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        regions_order: Vec<u16>,
    },
    /// A classifier of pictures.
    Classifier(Box<ClassifierForm>),
    /// The U-Net that sees wounds in photographs (`models/wound/train`).
    Wound {
        /// The weights within the package.
        weights: String,
        /// The size of its way down: `lite0`, `lite1` or `lite2`.
        network: String,
        /// Edge of the square that the network sees, pixels.
        edge_px: usize,
        /// The part from which on a pixel is wound, 0 to 1.
        threshold: f32,
    },
}

/// For which images the model was made. An image that does not keep to it is refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputRules {
    /// Modality (0008,0060): `CT`, `MR`.
    pub modalities: Vec<String>,
    /// Body Part Examined (0018,0015) in capitals; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body_parts: Vec<String>,
    /// Where columns, rows and slices of the model's images grow to: three of L, R, A, P, H (or S), F (or I).
    /// Without it the image is taken as it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<String>,
    /// Unit of the values: `HU`. Without it any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The largest distance of slices, millimetres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_distance_mm_at_most: Option<f64>,
    /// For a model that takes several images: how each is known, in the model's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelRule>,
}

/// A quality that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What: `Dice`.
    pub measure: String,
    /// How much.
    pub value: f64,
    /// On what data, and how many.
    pub on: String,
    /// Who says so.
    pub source: String,
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileHash {
    /// Within the package, with `/`.
    pub path: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// What a package says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// 1.
    pub format: u32,
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// Letters, digits, `.`, `-` and `+`.
    pub version: String,
    /// SPDX expression of the weights' licence, or `LicenseRef-…`.
    pub licence: String,
    /// What it is for, in a sentence.
    pub intended_use: String,
    /// What it must not be used for, or fails at.
    pub limits: Vec<String>,
    /// The model card within the package.
    pub card: String,
    /// The form of the weights.
    pub form: Form,
    /// Images that it takes.
    pub input: InputRules,
    /// Labels of its answer.
    pub labels: Vec<CodedLabel>,
    /// How well it was measured. Empty: nobody has said.
    #[serde(default)]
    pub measured: Vec<Measured>,
    /// All files but the manifest and its signature.
    pub files: Vec<FileHash>,
}

impl Manifest {
    /// Reads and checks `model.toml`.
    ///
    /// # Errors
    /// [`ManifestError`] with the field.
    pub fn read(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self =
            toml::from_str(text).map_err(|error| ManifestError::Format(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The text of `model.toml`.
    ///
    /// # Errors
    /// [`ManifestError`] when a field has a value that makes no sense.
    pub fn text(&self) -> Result<String, ManifestError> {
        self.check()?;
        toml::to_string_pretty(self).map_err(|error| ManifestError::Format(error.to_string()))
    }

    /// True when it is a model for volumes.
    pub fn takes_volumes(&self) -> bool {
        matches!(self.form, Form::Nnunet { .. } | Form::Monai { .. })
    }

    fn check(&self) -> Result<(), ManifestError> {
        let wrong = |field: &str, reason: &str| {
            Err(ManifestError::Field { field: field.to_owned(), reason: reason.to_owned() })
        };
        if self.format != 1 {
            return wrong("format", "is not 1; a newer program reads this package");
        }
        if !is_word(&self.name, "-_") {
            return wrong("name", "is not of letters, digits, - and _");
        }
        if !is_word(&self.version, ".-+") || self.version.starts_with('.') {
            return wrong("version", "is not of letters, digits, ., - and +");
        }
        if self.licence.trim().is_empty() {
            return wrong("licence", "is empty; say LicenseRef-unknown when nobody knows");
        }
        if self.input.modalities.is_empty() {
            return wrong("input.modalities", "is empty");
        }
        if self.input.orientation.as_deref().is_some_and(|letters| directions(letters).is_none()) {
            return wrong("input.orientation", "does not name three different directions of the patient");
        }
        let mut values: Vec<u16> = self.labels.iter().map(|label| label.value).collect();
        values.sort_unstable();
        if values.first().is_none_or(|first| *first == 0) || values.windows(2).any(|pair| pair[0] == pair[1])
        {
            return wrong("labels", "has no label, the label 0, or a label twice");
        }
        let mut names: Vec<&str> = self.input.channels.iter().map(|channel| channel.name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) || names.contains(&"") {
            return wrong("input.channels.name", "is empty, or stands there twice");
        }
        let wordless = |texts: &[String]| texts.iter().any(|text| words(text).is_empty());
        if self.input.channels.iter().any(|channel| {
            channel.any_of.is_empty() || wordless(&channel.any_of) || wordless(&channel.none_of)
        }) {
            return wrong("input.channels.any_of", "names no word that a series may have");
        }
        if let Form::Monai { configs, .. } = &self.form {
            if configs.iter().any(|config| !is_inside(config)) {
                return wrong("form.configs", "leaves the bundle");
            }
        }
        if let Form::Classifier(form) = &self.form {
            form.check(&self.labels)?;
            if !self.files.iter().any(|file| file.path == form.weights) {
                return wrong("form.weights", "is not among the files");
            }
        }
        if let Form::Wound { weights, network, edge_px, threshold } = &self.form {
            if !self.files.iter().any(|file| file.path == *weights) {
                return wrong("form.weights", "is not among the files");
            }
            if WoundUnetShape::by_name(network).is_none() {
                return wrong("form.network", "is none of lite0, lite1, lite2");
            }
            if *edge_px == 0 || !edge_px.is_multiple_of(WOUND_STEP_PX) || *edge_px > 4096 {
                return wrong("form.edge_px", "is not a multiple of 32 up to 4096");
            }
            if !(0.0..1.0).contains(threshold) {
                return wrong("form.threshold", "is not from 0 to below 1");
            }
        }
        if let Some(measured) = self.measured.iter().find(|measured| !measured.value.is_finite()) {
            return wrong("measured.value", &format!("of {} is no number", measured.measure));
        }
        for file in &self.files {
            if !is_inside(&file.path) {
                return wrong("files.path", &format!("`{}` leaves the package", file.path));
            }
            if file.sha256.len() != 64 || !file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return wrong("files.sha256", &format!("of `{}` is not 64 hexadecimal digits", file.path));
            }
        }
        let has = |path: &str| self.files.iter().any(|file| file.path == path);
        match has(&self.card) {
            true => Ok(()),
            false => wrong("card", "is not among the files"),
        }
    }
}

fn is_word(text: &str, also: &str) -> bool {
    !text.is_empty()
        && text.len() <= 80
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || also.contains(letter))
}

/// A relative path of plain names.
fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', ':'])
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// For each of three letters the axis of the patient (0 left, 1 back, 2 head; DICOM's LPS) and whether it grows against it.
pub(crate) fn directions(letters: &str) -> Option<[(usize, bool); 3]> {
    let all: Vec<(usize, bool)> = letters
        .chars()
        .map(|letter| {
            Some(match letter {
                'L' => (0, false),
                'R' => (0, true),
                'P' => (1, false),
                'A' => (1, true),
                'H' | 'S' => (2, false),
                'F' | 'I' => (2, true),
                _ => return None,
            })
        })
        .collect::<Option<_>>()?;
    let all: [(usize, bool); 3] = all.try_into().ok()?;
    let mut axes = all.map(|(axis, _)| axis);
    axes.sort_unstable();
    (axes == [0, 1, 2]).then_some(all)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::labels::Coding;
    use super::*;

    pub(in crate::package) fn example() -> Manifest {
        Manifest {
            format: 1,
            name: "liver".to_owned(),
            version: "1.0.0".to_owned(),
            licence: "Apache-2.0".to_owned(),
            intended_use: "Outlines the liver on CT.".to_owned(),
            limits: vec!["Not for children.".to_owned()],
            card: "CARD.md".to_owned(),
            form: Form::Nnunet { folder: "results".to_owned() },
            input: InputRules {
                modalities: vec!["CT".to_owned()],
                orientation: Some("RAS".to_owned()),
                ..InputRules::default()
            },
            labels: vec![CodedLabel {
                value: 1,
                name: "liver".to_owned(),
                category: None,
                code: Some(Coding {
                    scheme: "SCT".to_owned(),
                    value: "10200004".to_owned(),
                    meaning: "Liver".to_owned(),
                }),
                side: None,
                colour: None,
                threshold: None,
            }],
            measured: vec![],
            files: vec![FileHash { path: "CARD.md".to_owned(), sha256: "0".repeat(64) }],
        }
    }

    #[test]
    fn a_manifest_comes_back_as_it_was_written() {
        let manifest = example();
        assert_eq!(Manifest::read(&manifest.text().unwrap()).unwrap(), manifest);
    }

    #[test]
    fn what_is_wrong_is_named() {
        type Change = fn(&mut Manifest);
        let cases: [(Change, &str); 9] = [
            (|m| m.name = "../liver".to_owned(), "`name`"),
            (|m| m.version = String::new(), "`version`"),
            (|m| m.licence = " ".to_owned(), "`licence`"),
            (|m| m.input.orientation = Some("LRS".to_owned()), "`input.orientation`"),
            (|m| m.labels[0].value = 0, "`labels`"),
            (|m| m.files[0].path = "../../etc/passwd".to_owned(), "`files.path`"),
            (|m| m.files[0].sha256 = "12".to_owned(), "`files.sha256`"),
            (|m| m.card = "other.md".to_owned(), "`card`"),
            (|m| m.input.channels = vec![ChannelRule::named("T1"); 2], "`input.channels.name`"),
        ];
        for (change, named) in cases {
            let mut manifest = example();
            change(&mut manifest);
            let error = manifest.text().unwrap_err().to_string();
            assert!(error.contains(named), "{error} does not name {named}");
        }
        assert!(Manifest::read("format = 1\nnaem = 2").unwrap_err().to_string().contains("naem"));
    }

    #[test]
    fn letters_are_directions_of_the_patient() {
        assert_eq!(directions("RAS"), Some([(0, true), (1, true), (2, false)]));
        assert_eq!(directions("LPH"), Some([(0, false), (1, false), (2, false)]));
        assert_eq!(directions("RA"), None);
    }
}
