//! Objects made from images: segmentations, measurements, presentation states, key objects, radiotherapy,
//! documents, parametric maps and waveforms, to and from typed values.
//!
//! One file a kind. Reading is strict where a reader would be misled and lenient where nothing is lost; writing is
//! checked against the standard's rules before there is a byte. Nothing here draws, asks a clock or makes an id.

mod annotations;
mod annotations_drawn;
mod annotations_read;
mod annotations_shape;

mod code;
mod color;
mod document;
mod dvh;
mod grid;
mod gsps;
mod gsps_write;
mod header;
mod kos;
mod labels_report;
pub mod measurement_codes;
mod measurement_report;
mod measurement_write;
mod parametric_map;
mod pixels;
mod reference;
mod roi_mask;
mod rtdose;
mod rtplan;
mod rtstruct;
mod secondary_capture;
mod seg;
mod seg_of_volume;
mod seg_regions;
mod seg_volume;
mod seg_write;
mod sr;
mod sr_write;
mod title;
mod waveform;

pub use annotations::{ImageFacts, Labels, Lookup, Measurements, group_of, measurements_of, report_of};
pub use annotations_drawn::{Drawings, READING_LAYER, drawings_of, key_objects_of};
pub use annotations_read::{NotShown, ReadAnnotations, annotations_of};
pub use code::{Code, codes};
pub use color::{lab_from_rgb, rgb_from_lab};
pub use document::{Document, ENCAPSULATED_PDF, NewPdf};
pub use dvh::{DvhVolume, RecordedHistogram};
pub use grid::FrameGrid;
pub use gsps::{
    AreaSize, DisplayedArea, Drawing, GRAYSCALE_PRESENTATION_STATE, GraphicAnnotation, GraphicLayer,
    GraphicObject, PresentationState, TextObject, Units,
};
pub use gsps_write::NewLook;
pub use header::{Device, NewInstance, Origin};
pub use kos::{KEY_OBJECT_SELECTION, KeyObjects, key_object_codes};
pub use labels_report::{MeasuredSegment, segmentation_of, volumes_report};
pub use measurement_report::{
    Evaluation, EvaluationValue, Measurement, MeasurementGroup, MeasurementReport, Observer, Region,
};
pub use parametric_map::{MappingForm, PARAMETRIC_MAP, ParametricMap, RealWorldMapping};
pub use pixels::DecodeFrame;
pub use reference::{Evidence, InstanceRef};
pub use roi_mask::RoiMask;
pub use rtdose::{Dose, DoseUnits, DoseVolumeHistogram, RT_DOSE};
pub use rtplan::{Beam, FractionGroup, Plan, Prescription, RT_PLAN};
pub use rtstruct::{Contour, ContourKind, RT_STRUCTURE_SET, Roi, RoiPlanes, StructureSet};
pub use secondary_capture::{NewCapture, Picture, SECONDARY_CAPTURE};
pub use seg::{
    Algorithm, LABEL_MAP_SEGMENTATION, SEGMENTATION, Segment, SegmentFrame, Segmentation, SegmentationKind,
};
pub use seg_of_volume::{SegmentedVolume, segment_of, slice_places};
pub use seg_regions::{NewSegment, RegionPlane};
pub use seg_volume::LabelVolume;
pub use seg_write::{MaskPlane, MaskValues, NewSegmentation};
pub use sr::{COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR, Graphic, Item, NewReport, Relationship, Report, Value};
pub use title::{DocumentKind, Titled};
pub use waveform::{Calibration, Channel, MultiplexGroup, TWELVE_LEAD_ECG, Waveform, WaveformAnnotation};
