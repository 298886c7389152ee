//! What a reader says a segment is, out of a short list. The codes are in `medsight-dicom`, the words in the locales.

use serde::{Deserialize, Serialize};

/// What a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentMeaning {
    /// Something abnormal, not said what.
    Lesion,
    /// Mass.
    Mass,
    /// Nodule.
    Nodule,
    /// Cyst.
    Cyst,
    /// Abscess.
    Abscess,
    /// Oedema.
    Edema,
    /// Haemorrhage.
    Hemorrhage,
    /// Necrosis.
    Necrosis,
    /// An organ or a part of one.
    Organ,
    /// Lymph node.
    LymphNode,
    /// Blood vessel.
    BloodVessel,
}

impl SegmentMeaning {
    /// All, in the order of the list.
    pub const ALL: [Self; 11] = [
        Self::Lesion,
        Self::Mass,
        Self::Nodule,
        Self::Cyst,
        Self::Abscess,
        Self::Edema,
        Self::Hemorrhage,
        Self::Necrosis,
        Self::Organ,
        Self::LymphNode,
        Self::BloodVessel,
    ];

    /// Key of its word.
    pub fn key(self) -> &'static str {
        match self {
            Self::Lesion => "segment.lesion",
            Self::Mass => "segment.mass",
            Self::Nodule => "segment.nodule",
            Self::Cyst => "segment.cyst",
            Self::Abscess => "segment.abscess",
            Self::Edema => "segment.edema",
            Self::Hemorrhage => "segment.hemorrhage",
            Self::Necrosis => "segment.necrosis",
            Self::Organ => "segment.organ",
            Self::LymphNode => "segment.lymph_node",
            Self::BloodVessel => "segment.blood_vessel",
        }
    }
}
