//! What a reader wants as DICOM objects of a study. Asked for on the light box, made by the desk.

use std::collections::BTreeMap;

use medsight_base::{InstanceUid, SeriesUid};
use serde::{Deserialize, Serialize};

use crate::{AnnotationId, ImageRef, LabelsToWrite, SegmentMeaning};

/// What is to become a DICOM object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "snake_case")]
pub enum ToWrite {
    /// The measurements that are kept of the study, as a measurement report.
    Report,
    /// The key images, as a key object selection.
    KeyImages,
    /// How a stack is shown, as a presentation state.
    Look(Box<LookToWrite>),
    /// Regions drawn on the images of a series, as a segmentation of one segment.
    Segment(Box<SegmentToWrite>),
    /// What a program proposes, as a segmentation that nobody has read.
    Proposal(Box<LabelsToWrite>),
    /// What a reader outlined with a tool of the workstation, as a segmentation in the reader's name.
    Outline(Box<LabelsToWrite>),
}

/// Regions that are to be a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentToWrite {
    /// The series of the images.
    pub series: SeriesUid,
    /// The regions.
    pub regions: Vec<AnnotationId>,
    /// What the segment is called.
    pub label: String,
    /// What it is.
    pub meaning: SegmentMeaning,
}

/// How a stack is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookToWrite {
    /// The image on the screen.
    pub shown: ImageRef,
    /// All images of the stack.
    pub images: Vec<InstanceUid>,
    /// Centre and width of the window, modality units.
    pub window: [f64; 2],
    /// Defined term of VOI LUT Function (0028,1056).
    pub window_function: String,
    /// Dark and bright are changed against rising values.
    pub inverse: bool,
    /// Quarter turns clockwise, before the mirroring.
    pub quarter_turns: u8,
    /// Left and right are changed, after the turn.
    pub flipped: bool,
    /// What is drawn on the images, with what stands beside it: `12.3 mm`.
    pub captions: BTreeMap<AnnotationId, String>,
}

/// A series that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// The series.
    pub series: SeriesUid,
    /// `SR`, `KO`, `PR` or `SEG`.
    pub kind: String,
    /// Series Number.
    pub number: u32,
}
