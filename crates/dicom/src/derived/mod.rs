//! Objects made from images: segmentations, measurements, presentation states, key objects, radiotherapy,
//! documents, parametric maps and waveforms, to and from typed values.
//!
//! One file a kind. Reading is strict where a reader would be misled and lenient where nothing is lost; writing is
//! checked against the standard's rules before there is a byte. Nothing here draws, asks a clock or makes an id.

mod annotations;
mod annotations_read;
mod code;
mod color;
mod grid;
mod header;
pub mod measurement_codes;
mod measurement_report;
mod measurement_write;
mod pixels;
mod reference;
mod seg;
mod seg_write;
mod sr;
mod sr_write;

pub use annotations::{ImageFacts, Lookup, Measurements, group_of, report_of};
pub use annotations_read::{NotShown, ReadAnnotations, annotations_of};
pub use code::{Code, codes};
pub use color::{lab_from_rgb, rgb_from_lab};
pub use grid::FrameGrid;
pub use header::{Device, NewInstance, Origin};
pub use measurement_report::{
    Evaluation, EvaluationValue, Measurement, MeasurementGroup, MeasurementReport, Observer, Region,
};
pub use pixels::DecodeFrame;
pub use reference::{Evidence, InstanceRef};
pub use seg::{
    Algorithm, LABEL_MAP_SEGMENTATION, SEGMENTATION, Segment, SegmentFrame, Segmentation, SegmentationKind,
};
pub use seg_write::{MaskPlane, MaskValues, NewSegmentation};
pub use sr::{COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR, Graphic, Item, NewReport, Relationship, Report, Value};
