//! Segmentations that exist nowhere else.

use super::{FRAME_OF_REFERENCE, header, plane_source};
use glam::DVec3;
use medsight_base::Uid;
use medsight_dicom::derived::{Algorithm, Code, MaskPlane, NewSegmentation, Segment, SegmentationKind};

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
