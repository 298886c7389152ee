//! A patient, a study and images that exist nowhere else, for tests that write derived objects.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part")]

pub(crate) mod measurements;
pub(crate) mod presentation;
pub(crate) mod segmentations;

use medsight_base::{InstanceUid, SeriesUid, Timestamp, Uid};
use medsight_dicom::derived::{Device, Evidence, InstanceRef, NewInstance, Origin};
use medsight_dicom::{NewDataset, Object, tags};

pub(crate) const STUDY: &str = "2.25.1000";
pub(crate) const SERIES: &str = "2.25.2000";
/// Of the images and of everything drawn in the patient.
pub(crate) const FRAME_OF_REFERENCE: &str = "2.25.99";
pub(crate) const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

/// Columns and rows of the CT.
pub(crate) const SIZE: [usize; 2] = [7, 5];

/// One slice of a CT as a file, 7 × 5 pixels of 0.5 × 0.7 mm, slice `z` of a stack of 2.5 mm.
pub(crate) fn ct_file(z: usize) -> Vec<u8> {
    let mut data = NewDataset::new();
    data.texts(tags::IMAGE_TYPE, &["ORIGINAL", "PRIMARY", "AXIAL"])
        .text(tags::SOP_CLASS_UID, CT)
        .text(tags::SOP_INSTANCE_UID, &plane_source(z).instance.instance)
        .text(tags::STUDY_INSTANCE_UID, STUDY)
        .text(tags::SERIES_INSTANCE_UID, SERIES)
        .text(tags::FRAME_OF_REFERENCE_UID, FRAME_OF_REFERENCE)
        .empty(tags::POSITION_REFERENCE_INDICATOR)
        .text(tags::MODALITY, "CT")
        .text(tags::MANUFACTURER, "Nobody")
        .text(tags::PATIENT_NAME, "Größe^Änne")
        .text(tags::PATIENT_ID, "T-1")
        .text(tags::PATIENT_BIRTH_DATE, "19570314")
        .text(tags::PATIENT_SEX, "F")
        .text(tags::STUDY_DATE, "20260110")
        .text(tags::STUDY_TIME, "101112")
        .text(tags::STUDY_DESCRIPTION, "Abdomen")
        .text(tags::STUDY_ID, "1")
        .empty(tags::ACCESSION_NUMBER)
        .empty(tags::REFERRING_PHYSICIAN_NAME)
        .empty(tags::KVP)
        .empty(tags::ACQUISITION_NUMBER)
        .integer(tags::SERIES_NUMBER, 1)
        .integer(tags::INSTANCE_NUMBER, z as i64 + 1)
        .reals(tags::IMAGE_POSITION_PATIENT, &[-10.0, 20.0, 30.0 + 2.5 * z as f64])
        .reals(tags::IMAGE_ORIENTATION_PATIENT, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
        .reals(tags::PIXEL_SPACING, &[0.7, 0.5])
        .real(tags::SLICE_THICKNESS, 2.5)
        .real(tags::RESCALE_SLOPE, 1.0)
        .real(tags::RESCALE_INTERCEPT, -1024.0)
        .integer(tags::SAMPLES_PER_PIXEL, 1)
        .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
        .integer(tags::COLUMNS, SIZE[0] as i64)
        .integer(tags::ROWS, SIZE[1] as i64)
        .integer(tags::BITS_ALLOCATED, 16)
        .integer(tags::BITS_STORED, 12)
        .integer(tags::HIGH_BIT, 11)
        .integer(tags::PIXEL_REPRESENTATION, 0)
        .bytes(tags::PIXEL_DATA, b"OW", vec![0; SIZE[0] * SIZE[1] * 2]);
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
