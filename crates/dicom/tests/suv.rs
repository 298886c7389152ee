//! Uptake values of real PET files.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use medsight_dicom::{ImageInfo, Object};

fn image(file: &str) -> Option<ImageInfo> {
    let path = medsight_base::testing::corpus()?.join("dicom/codecs").join(file);
    let object = Object::from_vec(std::fs::read(path).unwrap()).unwrap();
    Some(ImageInfo::read(&object).unwrap())
}

#[test]
fn the_uptake_by_body_weight_is_the_one_computed_by_hand() {
    let Some(image) = image("suyashkumar/1.dcm") else { return };
    let suv = image.suv.unwrap().unwrap();
    // 69.7344 kg, 178.34 MBq of 18F injected 3976.921 s before the scan.
    assert!((suv.body_weight / 5.942485308006e-4 - 1.0).abs() < 1e-6, "{suv:?}");
    assert_eq!(suv.lean_body_mass, None, "the file has no Patient's Size");
}

#[test]
fn without_attenuation_correction_there_is_no_uptake_and_the_attribute_is_named() {
    let Some(image) = image("fodicom/GH610.dcm") else { return };
    let why = image.suv.unwrap().unwrap_err();
    assert!(why.contains("Corrected Image (0028,0051)"), "{why}");
}
