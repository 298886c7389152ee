//! A patient, a study and images that exist nowhere else, for tests that write derived objects.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part")]

use medsight_base::{InstanceUid, SeriesUid, Timestamp, Uid};
use medsight_dicom::derived::{Device, Evidence, InstanceRef, NewInstance, Origin};
use medsight_dicom::{NewDataset, Object, tags};

pub(crate) const STUDY: &str = "2.25.1000";
pub(crate) const SERIES: &str = "2.25.2000";
pub(crate) const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

/// One slice of a CT as a file, 8 × 6 pixels, slice `z` of a stack of 2.5 mm.
pub(crate) fn ct_file(z: usize) -> Vec<u8> {
    let mut data = NewDataset::new();
    data.text(tags::SOP_CLASS_UID, CT)
        .text(tags::SOP_INSTANCE_UID, &plane_source(z).instance.instance)
        .text(tags::STUDY_INSTANCE_UID, STUDY)
        .text(tags::SERIES_INSTANCE_UID, SERIES)
        .text(tags::PATIENT_NAME, "Größe^Änne")
        .text(tags::PATIENT_ID, "T-1")
        .text(tags::PATIENT_BIRTH_DATE, "19570314")
        .text(tags::PATIENT_SEX, "F")
        .text(tags::STUDY_DATE, "20260110")
        .text(tags::STUDY_TIME, "101112")
        .text(tags::STUDY_DESCRIPTION, "Abdomen");
    data.to_file().unwrap()
}

/// The reference to slice `z`.
pub(crate) fn plane_source(z: usize) -> Evidence {
    let instance =
        InstanceRef { sop_class: CT.into(), instance: format!("2.25.3{z:03}"), ..InstanceRef::default() };
    Evidence { study: STUDY.into(), series: SERIES.into(), instance }
}

/// A new instance in a new series of the study.
pub(crate) fn header() -> NewInstance {
    let file = ct_file(0);
    NewInstance {
        origin: Origin::of(&Object::parse(&file).unwrap()).unwrap(),
        series: SeriesUid(Uid::from_uuid(7_000)),
        instance: InstanceUid(Uid::from_uuid(7_001)),
        series_number: 900,
        instance_number: 1,
        series_description: "Test".into(),
        made_at: Timestamp(1_767_000_000_000),
        utc_offset_min: 60,
        device: Device::default(),
    }
}
