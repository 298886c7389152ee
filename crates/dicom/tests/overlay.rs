//! Overlays in unused bits of the pixels (retired form of PS3.5 8.1.2).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use medsight_dicom::{ImageInfo, NewDataset, Object, Tag, tags};

fn drawn(image: &ImageInfo, overlay: usize) -> Vec<usize> {
    let bits = image.overlays[overlay].over_frame(0).unwrap();
    (0..bits.len()).filter(|i| bits[*i]).collect()
}

#[test]
fn two_overlays_in_the_high_bits_of_a_real_image_are_where_numpy_finds_them() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let bytes = std::fs::read(corpus.join("dicom/codecs/dcm4che/ovly_p01.dcm")).unwrap();
    let image = ImageInfo::read(&Object::parse(&bytes).unwrap()).unwrap();
    assert_eq!(image.overlays.len(), 4, "two more have data of their own: {:?}", image.warnings);
    let (first, second) = (drawn(&image, 0), drawn(&image, 1));
    assert_eq!((first.len(), first[0], first[531]), (532, 136 * 512 + 126, 146 * 512 + 331));
    assert_eq!((second.len(), second[0], second[536]), (537, 179 * 512 + 126, 189 * 512 + 331));
    // Of the beginning alone nobody can tell; the reader is told to come back with the pixels.
    let begun = ImageInfo::read(&Object::parse(&bytes[..bytes.len() - 1000]).unwrap()).unwrap();
    assert!(begun.overlays.len() < 4 && begun.overlays_wait_for_pixels);
}

/// Two frames of 2 × 1 pixels with 12 bits of 16 and an overlay at `bit`.
fn image_with(bit: i64, pixels: &[u16]) -> ImageInfo {
    let mut data = NewDataset::new();
    data.text(tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.7")
        .text(tags::SOP_INSTANCE_UID, "2.25.60")
        .integer(tags::ROWS, 1)
        .integer(tags::COLUMNS, 2)
        .integer(tags::NUMBER_OF_FRAMES, 2)
        .integer(tags::BITS_ALLOCATED, 16)
        .integer(tags::BITS_STORED, 12)
        .integer(tags::HIGH_BIT, 11)
        .bytes(Tag(0x6000, 0x0010), b"US", vec![1, 0])
        .bytes(Tag(0x6000, 0x0011), b"US", vec![2, 0])
        .bytes(Tag(0x6000, 0x0100), b"US", vec![16, 0])
        .bytes(Tag(0x6000, 0x0102), b"US", vec![bit as u8, 0])
        .bytes(tags::PIXEL_DATA, b"OW", pixels.iter().flat_map(|p| p.to_le_bytes()).collect());
    let file = data.to_file().unwrap();
    ImageInfo::read(&Object::parse(&file).unwrap()).unwrap()
}

#[test]
fn each_frame_of_the_image_has_its_own_overlay_bits() {
    let image = image_with(12, &[0x1FFF, 0x0FFF, 0x0001, 0x1000]);
    let overlay = &image.overlays[0];
    assert_eq!(overlay.over_frame(0).unwrap(), [true, false]);
    assert_eq!(overlay.over_frame(1).unwrap(), [false, true]);
}

#[test]
fn an_overlay_that_claims_bits_of_the_image_is_not_shown_and_the_attribute_is_named() {
    let image = image_with(3, &[0; 4]);
    assert!(image.overlays.is_empty());
    assert!(image.warnings.iter().any(|w| w.reason.contains("Overlay Bit Position (6000,0102)")));
}
