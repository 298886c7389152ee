//! Uptake values of real PET files.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use medsight_dicom::{ImageInfo, NewDataset, Object, tags};

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
    let why = suv.by_size.unwrap_err();
    assert!(why.contains("Patient Size (0010,1020)"), "{why}");
}

#[test]
fn without_attenuation_correction_there_is_no_uptake_and_the_attribute_is_named() {
    let Some(image) = image("fodicom/GH610.dcm") else { return };
    let why = image.suv.unwrap().unwrap_err();
    assert!(why.contains("Corrected Image (0028,0051)"), "{why}");
}

/// A PET image in Bq/ml, corrected to the injection of 100 MBq, of a man of 80 kg; what `with` adds or changes.
fn pet(with: impl FnOnce(&mut NewDataset)) -> ImageInfo {
    let mut data = NewDataset::new();
    data.text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.128")
        .text(tags::SOP_INSTANCE_UID, "2.25.128")
        .text(tags::MODALITY, "PT")
        .text(tags::UNITS, "BQML")
        .texts(tags::CORRECTED_IMAGE, &["ATTN", "DECY"])
        .text(tags::DECAY_CORRECTION, "ADMIN")
        .text(tags::PATIENT_SEX, "M")
        .real(tags::PATIENT_WEIGHT, 80.0)
        .real(tags::PATIENT_SIZE, 1.8)
        .integer(tags::ROWS, 1)
        .integer(tags::COLUMNS, 1)
        .integer(tags::BITS_ALLOCATED, 16)
        .bytes(tags::PIXEL_DATA, b"OW", vec![1, 0]);
    data.with_item(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE, |drug| {
        drug.real(tags::RADIONUCLIDE_TOTAL_DOSE, 1e8);
    });
    with(&mut data);
    let file = data.to_file().unwrap();
    ImageInfo::read(&Object::parse(&file).unwrap()).unwrap()
}

#[test]
fn uptake_by_lean_mass_and_by_surface_is_the_one_computed_by_hand() {
    let suv = pet(|_| {}).suv.unwrap().unwrap();
    let by_size = suv.by_size.unwrap();
    let near =
        |found: f64, wanted: f64| assert!((found / wanted - 1.0).abs() < 1e-6, "{found}, not {wanted}");
    near(suv.body_weight, 80_000.0 / 1e8);
    near(by_size.lean_body_mass.unwrap(), 64_296.296 / 1e8);
    near(by_size.lean_body_mass_janma.unwrap(), 61_731.410 / 1e8);
    // 71.84 × 80^0.425 × 180^0.725 cm².
    near(by_size.body_surface, 19_964.210_223 / 1e8);
}

#[test]
fn without_a_sex_that_the_formula_knows_there_is_no_lean_mass_and_the_attribute_is_named() {
    let by_size = pet(|data| {
        data.text(tags::PATIENT_SEX, "O");
    })
    .suv
    .unwrap()
    .unwrap()
    .by_size
    .unwrap();
    assert!(by_size.body_surface > 0.0);
    for missing in [by_size.lean_body_mass, by_size.lean_body_mass_janma] {
        assert!(missing.unwrap_err().contains("Patient Sex (0010,0040)"));
    }
}
