//! The volumes of a segmentation as a measurement report (PS3.16 TID 1500, a group of TID 1411 for each segment), each number hanging on
//! its segment.

use super::code::Code;
use super::header::NewInstance;
use super::measurement_codes as c;
use super::measurement_report::{Measurement, MeasurementGroup, MeasurementReport, Observer, Region};
use super::reference::{Evidence, InstanceRef};
use super::seg::SEGMENTATION;
use medsight_base::Uid;
use medsight_record::{LabelMeaning, Refusal};

/// A segment that was measured.
#[derive(Debug)]
pub struct MeasuredSegment<'l> {
    /// Segment Number (0062,0004) in the segmentation.
    pub number: u16,
    /// What it is.
    pub meaning: &'l LabelMeaning,
    /// Cubic millimetres.
    pub volume_mm3: f64,
    /// Tracking Unique Identifier.
    pub tracking: Uid,
}

/// The report as a file; `segmentation` is the object of the segments, `images` those that it was drawn on.
///
/// # Errors
/// `unwritable`, as [`MeasurementReport::to_file`].
pub fn volumes_report(
    header: NewInstance,
    observer: String,
    segmentation: &Evidence,
    images: &[Evidence],
    segments: &[MeasuredSegment<'_>],
) -> Result<Vec<u8>, Refusal> {
    let group = |segment: &MeasuredSegment<'_>| MeasurementGroup {
        tracking_id: segment.meaning.name.clone(),
        tracking_uid: segment.tracking.to_string(),
        finding: segment.meaning.code.as_ref().map(Code::of),
        finding_text: segment.meaning.name.clone(),
        laterality: None,
        volumetric: true,
        regions: vec![Region::Segment(InstanceRef {
            segments: vec![segment.number],
            ..segmentation.instance.clone()
        })],
        source_series: images.first().map(|image| image.series.clone()).unwrap_or_default(),
        measurements: vec![Measurement {
            concept: c::VOLUME,
            value: Some(segment.volume_mm3),
            unit: Some(c::CUBIC_MILLIMETER),
            derivation: None,
            method: None,
            region: None,
        }],
        ..MeasurementGroup::default()
    };
    let report = MeasurementReport {
        title: c::IMAGING_MEASUREMENT_REPORT,
        observers: vec![Observer::Person(observer)],
        procedures: vec![c::IMAGING_PROCEDURE],
        groups: segments.iter().map(group).collect(),
    };
    let evidence = std::iter::once(segmentation).chain(images).cloned().collect();
    report.to_file(header, evidence, true)
}

/// The reference to a segmentation that is being written with this header.
pub fn segmentation_of(header: &NewInstance, study: String) -> Evidence {
    Evidence {
        study,
        series: header.series.to_string(),
        instance: InstanceRef {
            sop_class: SEGMENTATION.to_owned(),
            instance: header.instance.to_string(),
            ..InstanceRef::default()
        },
    }
}
