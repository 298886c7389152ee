//! Segmentations that a program proposes and a person decides on: what crosses from the light box to the desk, and what the record
//! keeps of it. Not here: the models (`medsight-infer`), the DICOM object (`medsight-dicom`), the dialog (`medsight-viewport`).
//!
//! A proposal is nobody's finding. It is stored as an object of its own and stays so; what a person keeps is a second object, in that
//! person's name. Both go to the audit trail.

use crate::{CodedName, ImageRef};
use medsight_base::{SeriesUid, Timestamp};
use serde::{Deserialize, Serialize};

/// What made a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// Name of the model package, or of the tool.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the package; empty for a tool of the workstation itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// A person pointed at something and the program found its edges; a model alone where this is false.
    #[serde(default)]
    pub is_guided: bool,
    /// How its numbers were computed, where there was a choice: `f16` for half precision. Empty for single precision, in which
    /// packages are trained and measured.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arithmetic: String,
}

impl Maker {
    /// `liver 1.0.0`.
    pub fn text(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

/// What a person says of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "why", rename_all = "snake_case")]
pub enum Decision {
    /// Kept as it was proposed.
    Accepted,
    /// Kept after it was changed.
    Changed,
    /// Not kept; why, may be empty.
    Rejected(String),
}

impl Decision {
    /// The word of the record and of the audit trail.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Changed => "changed",
            Self::Rejected(_) => "rejected",
        }
    }

    /// True when something is kept.
    pub fn keeps(&self) -> bool {
        !matches!(self, Self::Rejected(_))
    }
}

/// A decision that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// By whom, as the record names people.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Series of what was kept: the segmentation, and the report of its volumes.
    pub kept: Vec<SeriesUid>,
}

/// A proposal as the record has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Series of the segmentation as it was proposed.
    pub series: SeriesUid,
    /// Series of the images that it is about.
    pub images: SeriesUid,
    /// What made it.
    pub maker: Maker,
    /// When.
    pub made_at: Timestamp,
    /// What became of it; `None` while nobody has decided.
    pub decided: Option<Decided>,
}

/// What a label is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelMeaning {
    /// Its number among the voxels.
    pub value: u16,
    /// What people call it.
    pub name: String,
    /// Segmented Property Category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<CodedName>,
    /// Segmented Property Type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodedName>,
    /// Side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<CodedName>,
    /// sRGB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rgb: Option<[u8; 3]>,
}

/// Where the voxels of labels lie: the slices of a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlicePlaces {
    /// Columns and rows of a slice.
    pub size_px: [usize; 2],
    /// Unit directions of a row's and of a column's growth, patient.
    pub axes: [[f64; 3]; 2],
    /// Distance of rows and of columns, millimetres.
    pub spacing_mm: [f64; 2],
    /// Distance of slices, millimetres.
    pub thickness_mm: f64,
    /// Centre of the first voxel of each slice, millimetres in the patient.
    pub positions_mm: Vec<[f64; 3]>,
    /// Frame of Reference UID (0020,0052).
    pub frame_of_reference: String,
}

/// Labels of voxels as runs of equal ones: (label, how many), columns fastest, then rows, then slices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRuns(Vec<(u16, u32)>);

impl LabelRuns {
    /// The runs of these labels.
    pub fn of(labels: impl IntoIterator<Item = u16>) -> Self {
        let mut runs: Vec<(u16, u32)> = Vec::new();
        for label in labels {
            match runs.last_mut() {
                Some((of, count)) if *of == label && *count < u32::MAX => *count += 1,
                _ => runs.push((label, 1)),
            }
        }
        Self(runs)
    }

    /// Voxels in all.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// True when there is no voxel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels one by one; `None` when they are not `expected` many, before memory is taken for them.
    pub fn labels(&self, expected: usize) -> Option<Vec<u16>> {
        if self.len() != expected as u64 {
            return None;
        }
        let mut labels = Vec::with_capacity(expected);
        for (label, count) in &self.0 {
            labels.extend(std::iter::repeat_n(*label, *count as usize));
        }
        Some(labels)
    }
}

/// Labels of a volume that are to be kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelsToWrite {
    /// The series of the images.
    pub images: SeriesUid,
    /// The image of each slice.
    pub slices: Vec<ImageRef>,
    /// Where the slices lie.
    pub places: SlicePlaces,
    /// What made them.
    pub maker: Maker,
    /// What the labels are, those that are nowhere too: they were looked for.
    pub meanings: Vec<LabelMeaning>,
    /// The labels.
    pub labels: LabelRuns,
}

/// A decision that is to be taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToDecide {
    /// Series of the proposal.
    pub proposal: SeriesUid,
    /// What.
    pub decision: Decision,
    /// What is kept; `None` when nothing is.
    pub kept: Option<Box<LabelsToWrite>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_back_out_of_their_runs_and_never_more_than_were_expected() {
        let labels = [0, 0, 3, 3, 3, 0, 1];
        let runs = LabelRuns::of(labels);
        assert_eq!(runs.0, [(0, 2), (3, 3), (0, 1), (1, 1)]);
        assert_eq!(runs.labels(7).as_deref(), Some(&labels[..]));
        assert_eq!(runs.labels(8), None);
        assert_eq!(LabelRuns(vec![(0, u32::MAX); 1000]).labels(4), None);
    }
}
