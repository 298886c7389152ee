//! What must not be put together, and what must not be measured.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use medsight_dicom::{ImageInfo, Object, StackKind, sort_frames, tags};
use support::{File, Value, text};

/// Four axial slices 1 mm apart; `change` is given each with its number.
fn slices(change: impl Fn(usize, &mut File)) -> Vec<ImageInfo> {
    let short = |n: u16| Value::Bytes("US", n.to_le_bytes().to_vec());
    (0..4)
        .map(|z| {
            let mut file = File::new();
            file.put(tags::SOP_INSTANCE_UID, text("UI", &format!("1.2.3.{z}")));
            file.put(tags::MODALITY, text("CS", "CT"));
            file.put(tags::FRAME_OF_REFERENCE_UID, text("UI", "1.2.9"));
            file.put(tags::IMAGE_POSITION_PATIENT, text("DS", &format!("0\\0\\{z} ")));
            file.put(tags::IMAGE_ORIENTATION_PATIENT, text("DS", "1\\0\\0\\0\\1\\0 "));
            file.put(tags::PIXEL_SPACING, text("DS", "1\\1 "));
            file.put(tags::RESCALE_SLOPE, text("DS", "1 "));
            file.put(tags::RESCALE_INTERCEPT, text("DS", "0 "));
            file.put(tags::SAMPLES_PER_PIXEL, short(1));
            file.put(tags::PHOTOMETRIC_INTERPRETATION, text("CS", "MONOCHROME2 "));
            for (tag, n) in [
                (tags::ROWS, 2),
                (tags::COLUMNS, 2),
                (tags::BITS_ALLOCATED, 16),
                (tags::BITS_STORED, 16),
                (tags::HIGH_BIT, 15),
                (tags::PIXEL_REPRESENTATION, 0),
            ] {
                file.put(tag, short(n));
            }
            file.put(tags::PIXEL_DATA, Value::Bytes("OW", vec![0; 8]));
            change(z, &mut file);
            ImageInfo::read(&Object::from_vec(file.bytes()).unwrap()).unwrap()
        })
        .collect()
}

fn largest_volume(images: &[ImageInfo]) -> usize {
    let stacks = sort_frames(images).stacks;
    let volumes = stacks.iter().filter(|s| matches!(s.kind, StackKind::Volume(_)));
    volumes.map(|s| s.frames.len()).max().unwrap_or(0)
}

#[test]
fn slices_of_two_spaces_are_no_volume_together() {
    assert_eq!(largest_volume(&slices(|_, _| {})), 4);
    let other_space = |z: usize, file: &mut File| {
        if z >= 2 {
            file.put(tags::FRAME_OF_REFERENCE_UID, text("UI", "1.2.10"));
        }
    };
    assert_eq!(largest_volume(&slices(other_space)), 2);
}

#[test]
fn slices_of_two_units_are_no_volume_together() {
    let other_unit = |z: usize, file: &mut File| {
        file.put(tags::RESCALE_TYPE, text("LO", if z < 2 { "HU" } else { "US" }));
    };
    assert_eq!(largest_volume(&slices(other_unit)), 2);
}

#[test]
fn ultrasound_regions_for_other_pixels_give_no_scale_and_say_so() {
    let sample = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../assets/samples/studies/us_colour_multiframe/examples_ybr_color.dcm"
    );
    let image = ImageInfo::read(&Object::from_vec(std::fs::read(sample).unwrap()).unwrap()).unwrap();
    assert!(image.warnings.iter().any(|w| w.code == "ultrasound_region"));
    assert_eq!(image.scale_at(0, 160.0, 120.0), None);
}

/// Two parts of one loop without geometry, three frames each; the file of the second part comes first.
fn parts(instance_numbers: [&str; 2], uids: [&str; 2]) -> Vec<ImageInfo> {
    let mut files = slices(|z, file| {
        for tag in [tags::IMAGE_POSITION_PATIENT, tags::IMAGE_ORIENTATION_PATIENT] {
            file.elements.remove(&tag);
        }
        let part = 1 - z % 2;
        file.put(tags::NUMBER_OF_FRAMES, text("IS", "3 "));
        file.put(tags::INSTANCE_NUMBER, text("IS", instance_numbers[part]));
        file.put(tags::CONCATENATION_UID, text("UI", uids[part]));
        file.put(tags::IN_CONCATENATION_NUMBER, Value::Bytes("US", vec![part as u8 + 1, 0]));
        file.put(tags::PIXEL_DATA, Value::Bytes("OW", vec![0; 24]));
    });
    files.truncate(2);
    files
}

#[test]
fn the_parts_of_a_concatenation_are_one_loop_in_their_own_order() {
    for instance_numbers in [["7 ", "7 "], ["8 ", "7 "]] {
        let stacks = sort_frames(&parts(instance_numbers, ["1.2.7", "1.2.7"])).stacks;
        assert_eq!(stacks.len(), 1);
        let order: Vec<(usize, usize)> = stacks[0].frames.iter().map(|at| (at.image, at.frame)).collect();
        assert_eq!(order, [(1, 0), (1, 1), (1, 2), (0, 0), (0, 1), (0, 2)]);
    }
    assert_eq!(sort_frames(&parts(["7 ", "7 "], ["1.2.7", "1.2.8"])).stacks.len(), 2);
}
