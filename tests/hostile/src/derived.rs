//! Objects made from images: each with its own reader and with what is worked out from it.

use glam::DVec3;
use medsight_base::{SeriesUid, Timestamp};
use medsight_codec::decode_frame;
use medsight_dicom::derived::{
    Document, Dose, DoseVolumeHistogram, KeyObjects, ParametricMap, Plan, PresentationState, Report, RoiMask,
    Segmentation, StructureSet, Waveform, annotations_of,
};
use medsight_dicom::{Object, Softcopy};
use medsight_record::AnnotationId;

/// Most segments, regions and curves that are gone into: what one costs is measured, not their number.
const SOME: usize = 4;
/// Voxels of a grid that is filled.
const MODEST_VOXELS: usize = 8 << 20;

/// A segmentation: its counts, its volumes, and as labels on a grid.
pub(crate) fn segmentation(data: &[u8]) {
    let Ok(object) = Object::parse(data) else { return };
    let decode = |frame| decode_frame(&object, frame).map(|decoded| decoded.samples);
    let Ok(seg) = Segmentation::read_with(&object, &decode) else { return };
    let numbers: Vec<u16> = seg.segments.iter().map(|segment| segment.number).take(SOME).collect();
    for number in &numbers {
        let _count = seg.voxel_count(*number);
        let _volume = seg.volume_mm3(*number);
        for frame in seg.frames_of(*number).take(SOME) {
            let _mask = seg.mask(frame, *number);
        }
    }
    // A label takes 16 times the room of a bit and a sparse segmentation has gaps: here only grids of modest size.
    let modest = seg.grid().is_ok_and(|grid| grid.dims.iter().product::<usize>() <= MODEST_VOXELS);
    if let Some(Ok(labels)) = modest.then(|| seg.labels(&numbers)) {
        let _at = labels.at(DVec3::ZERO);
    }
}

/// A structured report, and its measurements as drawn ones.
pub(crate) fn report(data: &[u8]) {
    let Ok(object) = Object::parse(data) else { return };
    let Ok(report) = Report::read(&object) else { return };
    let series = |_: &str| SeriesUid::parse("1.2").ok();
    let mut new_id = || AnnotationId(uuid::Uuid::nil());
    let _read = annotations_of(&report, Timestamp(0), &series, &mut new_id);
    let _walked = report.root.walk().len();
}

/// Presentation states and key objects.
pub(crate) fn presentation(data: &[u8]) {
    let Ok(object) = Object::parse(data) else { return };
    if let Ok(state) = PresentationState::read(&object) {
        let _annotations = state.annotations_on("1.2.3", 1).len();
        let _area = state.area_of("1.2.3", 1);
    }
    let _softcopy = Softcopy::read(&object, "1.2.3");
    let _keys = KeyObjects::read(&object).map(|keys| keys.is_rejection());
}

/// Radiotherapy, parametric maps, waveforms and documents.
pub(crate) fn others(data: &[u8]) {
    let Ok(object) = Object::parse(data) else { return };
    let decode = |frame| decode_frame(&object, frame).map(|decoded| decoded.samples);
    if let Ok(set) = StructureSet::read(&object) {
        for roi in set.rois.iter().take(SOME) {
            let _mask = RoiMask::of(roi, 1.0).map(|mask| mask.contains(DVec3::ZERO));
            let _volume = roi.planes().map(|planes| planes.volume_mm3());
        }
    }
    if let Ok(dose) = Dose::read_with(&object, &decode) {
        let _dose = (dose.max(), dose.at(DVec3::ZERO));
        if let Ok(set) = StructureSet::read(&object) {
            for roi in set.rois.iter().take(SOME) {
                drop(DoseVolumeHistogram::of(&dose, roi));
            }
        }
    }
    let _plan = Plan::read(&object);
    let _map = ParametricMap::read_with(&object, &decode);
    let _curves = Waveform::read(&object);
    let _document = Document::read(&object);
}
