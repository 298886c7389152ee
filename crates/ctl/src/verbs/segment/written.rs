//! Labels as a DICOM segmentation over the images that they were made of.

use super::super::store::now;
use super::load::Loaded;
use medsight_base::{InstanceUid, SeriesUid, Uid};
use medsight_dicom::derived::{Algorithm, Code, Device, NewInstance, Segment, SegmentedVolume};
use medsight_infer::{CodedLabel, Coding, Manifest, Model};
use medsight_record::Refusal;

/// The file.
///
/// # Errors
/// As [`SegmentedVolume::to_file`].
pub(super) fn written(model: &Model, loaded: &Loaded, labels: &[u16]) -> Result<Vec<u8>, Refusal> {
    let manifest = &model.manifest;
    let new = || Uid::from_uuid(uuid::Uuid::new_v4().as_u128());
    let header = NewInstance {
        origin: loaded.origin.clone(),
        series: SeriesUid(new()),
        instance: InstanceUid(new()),
        series_number: 9000,
        instance_number: 1,
        series_description: format!("{} {} (unread)", manifest.name, manifest.version),
        made_at: now(),
        utc_offset_min: 0,
        device: Device::default(),
    };
    let segment = |label: &CodedLabel| (label.value, segment_of(label, manifest));
    SegmentedVolume {
        header,
        volume: &loaded.volume,
        labels,
        segments: manifest.labels.iter().map(segment).collect(),
        slices: loaded.slices.clone(),
        frame_of_reference: loaded.frame_of_reference.clone(),
        label: "MODEL".to_owned(),
        description: format!("Made by {} {}, read by nobody yet", manifest.name, manifest.version),
        lossy_source: loaded.lossy,
        dimension_organization: new(),
    }
    .to_file()
}

/// What a label is, in DICOM's words. One without a code is tissue of which nothing more is said.
fn segment_of(label: &CodedLabel, manifest: &Manifest) -> Segment {
    let code =
        |coding: &Coding| Code::new(coding.value.clone(), coding.scheme.clone(), coding.meaning.clone());
    let tissue = || Code::new("85756007", "SCT", "Tissue");
    let structure = || Code::new("123037004", "SCT", "Anatomical Structure");
    let category = match (&label.category, &label.code) {
        (Some(category), _) => code(category),
        (None, Some(_)) => structure(),
        (None, None) => tissue(),
    };
    Segment {
        number: 1,
        label: label.name.clone(),
        description: String::new(),
        algorithm: Some(Algorithm::Automatic),
        algorithm_name: format!("{} {}", manifest.name, manifest.version),
        category: Some(category),
        property: Some(label.code.as_ref().map_or_else(tissue, code)),
        modifiers: label.side.iter().map(code).collect(),
        region: None,
        rgb: label.colour,
        tracking_id: String::new(),
        tracking_uid: String::new(),
    }
}
