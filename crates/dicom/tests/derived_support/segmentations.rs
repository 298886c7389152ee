//! Segmentations that exist nowhere else.

use super::measurements::annotation;
use super::{FRAME_OF_REFERENCE, SERIES, ct_file, header, plane_source};
use glam::DVec3;
use medsight_base::{InstanceUid, SeriesUid, Uid};
use medsight_dicom::Object;
use medsight_dicom::derived::{
    Algorithm, Code, MaskPlane, NewSegment, NewSegmentation, RegionPlane, Segment, SegmentationKind,
};
use medsight_record::{Annotation, AnnotationKind, Measured, Place, SegmentMeaning};

pub(crate) fn segment(number: u16) -> Segment {
    Segment {
        number,
        label: format!("Part {number}"),
        description: String::new(),
        algorithm: Some(Algorithm::Automatic),
        algorithm_name: "threshold".into(),
        category: Some(Code::new("123037004", "SCT", "Anatomical Structure")),
        property: Some(Code::new("10200004", "SCT", "Liver")),
        modifiers: vec![Code::new("24028007", "SCT", "Right")],
        region: None,
        rgb: Some([221, 130, 101]),
        tracking_id: String::new(),
        tracking_uid: String::new(),
    }
}

pub(crate) fn new(
    kind: SegmentationKind,
    segments: Vec<Segment>,
    size: [usize; 2],
    planes: usize,
) -> NewSegmentation {
    let plane = |z: usize| MaskPlane {
        position_mm: DVec3::new(-10.0, 20.0, 30.0 + 2.5 * z as f64),
        source: Some(plane_source(z)),
    };
    NewSegmentation {
        header: header(),
        kind,
        segments,
        size,
        orientation: [DVec3::X, DVec3::Y],
        spacing_mm: [0.7, 0.5],
        thickness_mm: 2.5,
        frame_of_reference: FRAME_OF_REFERENCE.into(),
        planes: (0..planes).map(plane).collect(),
        dimension_organization: Uid::from_uuid(5),
        label: "TEST".into(),
        description: String::new(),
        creator: String::new(),
        lossy_source: false,
    }
}

/// A pattern that differs in every segment, plane and pixel, and is empty on some planes.
pub(crate) fn pattern(segment: usize, plane: usize, pixel: usize, empty_every: usize) -> bool {
    !(segment + plane).is_multiple_of(empty_every) && (pixel * 7 + plane * 3 + segment * 5) % 11 < 4
}

pub(crate) fn region(id: u128, z: usize, kind: AnnotationKind, points_px: &[[f64; 2]]) -> Annotation {
    let place = Place::Image {
        series: SeriesUid::parse(SERIES).unwrap(),
        instance: InstanceUid::parse(&plane_source(z).instance.instance).unwrap(),
        frame: 0,
        points_px: points_px.to_vec(),
    };
    annotation(id, kind, place, Measured::default())
}

/// The places of four slices.
pub(crate) fn region_planes() -> Vec<RegionPlane> {
    (0..4)
        .flat_map(|z| {
            let file = ct_file(z);
            let instance = InstanceUid::parse(&plane_source(z).instance.instance).unwrap();
            RegionPlane::of(&Object::parse(&file).unwrap(), &instance).unwrap()
        })
        .collect()
}

pub(crate) fn new_segment(meaning: SegmentMeaning) -> NewSegment<'static> {
    NewSegment {
        header: header(),
        label: "Left one",
        meaning,
        creator: "Reader",
        frame_of_reference: FRAME_OF_REFERENCE.into(),
        tracking: Uid::from_uuid(77),
        dimensions: Uid::from_uuid(78),
    }
}
