//! What a model found, as a DICOM segmentation that nobody has read.

use super::load::Loaded;
use crate::verbs::store::now;
use medsight_base::{InstanceUid, SeriesUid, Uid};
use medsight_dicom::derived::{Device, NewInstance, SegmentedVolume, segment_of, slice_places};
use medsight_infer::{CodedLabel, Model};
use medsight_record::{LabelMeaning, Refusal};

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
    let maker = model.maker();
    let segment = |meaning: LabelMeaning| (meaning.value, segment_of(&meaning, &maker, false));
    SegmentedVolume {
        header,
        places: slice_places(&loaded.volume, &loaded.frame_of_reference),
        labels,
        segments: manifest.labels.iter().map(CodedLabel::meaning).map(segment).collect(),
        slices: loaded.slices.clone(),
        label: "MODEL".to_owned(),
        description: format!("Made by {}, read by nobody yet", maker.text()),
        creator: String::new(),
        lossy_source: loaded.lossy,
        dimension_organization: new(),
    }
    .to_file()
}
