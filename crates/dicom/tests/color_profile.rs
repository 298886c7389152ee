//! What the colours of an image stand for.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use medsight_dicom::{ImageInfo, NewDataset, Object, tags};

fn image(with: impl FnOnce(&mut NewDataset)) -> ImageInfo {
    let mut data = NewDataset::new();
    data.text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.4")
        .text(tags::SOP_INSTANCE_UID, "2.25.4")
        .text(tags::MODALITY, "MR")
        .integer(tags::ROWS, 1)
        .integer(tags::COLUMNS, 1)
        .integer(tags::BITS_ALLOCATED, 16)
        .real(tags::RESCALE_SLOPE, 2.0)
        .real(tags::RESCALE_INTERCEPT, -10.0)
        .bytes(tags::PIXEL_DATA, b"OW", vec![1, 0]);
    with(&mut data);
    let file = data.to_file().unwrap();
    ImageInfo::read(&Object::parse(&file).unwrap()).unwrap()
}

#[test]
fn a_colour_profile_that_cannot_be_used_is_told_and_on_grey_images_it_says_nothing() {
    let profile = |data: &mut NewDataset| {
        data.bytes(tags::ICC_PROFILE, b"OB", vec![7; 200]);
    };
    assert!(image(profile).warnings.is_empty());
    let colour = image(|data| {
        profile(data);
        data.integer(tags::SAMPLES_PER_PIXEL, 3).text(tags::PHOTOMETRIC_INTERPRETATION, "RGB").bytes(
            tags::PIXEL_DATA,
            b"OW",
            vec![0; 6],
        );
    });
    assert!(colour.to_srgb.is_none());
    assert!(
        colour
            .warnings
            .iter()
            .any(|w| w.code == "icc_unusable" && w.reason.contains("ICC Profile (0028,2000)"))
    );
}
