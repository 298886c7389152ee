//! Regions of compressed frames that are blanked for an export: the frames come out decoded, black where identity was
//! and the same everywhere else.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

use medsight_codec::decode_frame;
use medsight_dicom::{Deidentified, Object, Profile, Pseudonyms, deidentify, tags};
use medsight_image::{Frame, Photometric};
use medsight_record::Refusal;
use std::path::Path;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/accepted/codecs").join(name))
        .unwrap()
}

/// The file as ultrasound with one calibrated region: columns and rows of its first and last pixel.
fn as_ultrasound(mut bytes: Vec<u8>, [x0, y0, x1, y1]: [u32; 4]) -> Vec<u8> {
    let at = find(&bytes, b"\x08\x00\x60\x00CS\x02\x00").unwrap();
    bytes[at + 8..at + 10].copy_from_slice(b"US");
    let mut item = Vec::new();
    for (element, value) in [(0x6018_u16, x0), (0x601A, y0), (0x601C, x1), (0x601E, y1)] {
        item.extend(b"\x18\x00");
        item.extend(element.to_le_bytes());
        item.extend(b"UL\x04\x00");
        item.extend(value.to_le_bytes());
    }
    let mut region = b"\x18\x00\x11\x60SQ\0\0".to_vec();
    region.extend((item.len() as u32 + 8).to_le_bytes());
    region.extend(b"\xFE\xFF\x00\xE0");
    region.extend((item.len() as u32).to_le_bytes());
    region.extend(item);
    // In its place, behind the meta header: no sequence before it in these files has an undefined length.
    let mut at = 144 + u32::from_le_bytes(bytes[140..144].try_into().unwrap()) as usize;
    loop {
        let number = |i: usize| u16::from_le_bytes([bytes[at + i], bytes[at + i + 1]]);
        if (number(0), number(2)) > (0x0018, 0x6011) {
            break;
        }
        let long = matches!(&bytes[at + 4..at + 6], b"OB" | b"UN" | b"SQ" | b"OW" | b"UT");
        let length = match long {
            true => 12 + u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize,
            false => 8 + usize::from(number(6)),
        };
        at += length;
    }
    bytes.splice(at..at, region);
    bytes
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn exported(bytes: &[u8]) -> Result<Deidentified, Refusal> {
    let object = Object::parse(bytes)?;
    let profile: Profile = "basic+clean-pixel-data".parse().unwrap();
    deidentify(&object, &profile, &Pseudonyms::new(&[7; 32]), &|frame| decode_frame(&object, frame))
}

fn values(frame: &Frame) -> Vec<i64> {
    let bytes = frame.samples.to_le_bytes();
    match bytes.len() / frame.samples.len() {
        1 => bytes.iter().map(|b| i64::from(*b)).collect(),
        _ => bytes.chunks_exact(2).map(|b| i64::from(i16::from_le_bytes([b[0], b[1]]))).collect(),
    }
}

/// Exports the file with this region and compares every sample of every frame.
fn check(name: &str, region: [u32; 4], lossy: &str) {
    check_bytes(name, as_ultrasound(file(name), region), region, lossy);
}

fn check_bytes(name: &str, bytes: Vec<u8>, region: [u32; 4], lossy: &str) {
    let before = Object::parse(&bytes).unwrap();
    let done = exported(&bytes).unwrap();
    let after = Object::parse(&done.bytes).unwrap();
    let data = after.data();
    assert_eq!(after.transfer_syntax(), "1.2.840.10008.1.2.1", "{name}: as native pixels");
    assert_eq!(data.text_or_empty(tags::BURNED_IN_ANNOTATION), "NO");
    assert_eq!(data.text_or_empty(tags::LOSSY_IMAGE_COMPRESSION), lossy, "{name}");
    let number = |tag| data.integer(tag).unwrap().unwrap_or(1) as usize;
    let (columns, samples) = (number(tags::COLUMNS), number(tags::SAMPLES_PER_PIXEL));
    assert_eq!(done.cleaned_frames, number(tags::NUMBER_OF_FRAMES));
    for frame in 0..done.cleaned_frames {
        let (was, is) = (decode_frame(&before, frame).unwrap(), decode_frame(&after, frame).unwrap());
        assert_eq!(was.photometric, is.photometric, "{name}");
        let black = match is.photometric {
            Photometric::YbrFull => vec![0, 128, 128],
            _ => vec![0; samples],
        };
        let (was, is) = (values(&was), values(&is));
        assert_eq!(was.len(), is.len());
        let (mut kept, mut blanked) = (0, 0);
        for (at, (was, is)) in was.iter().zip(&is).enumerate() {
            let (x, y) = ((at / samples % columns) as u32, (at / samples / columns) as u32);
            let inside = (region[0]..=region[2]).contains(&x) && (region[1]..=region[3]).contains(&y);
            let wanted = if inside { *was } else { black[at % samples] };
            assert_eq!(*is, wanted, "{name}, frame {frame}, column {x}, row {y}");
            kept += usize::from(inside);
            blanked += usize::from(!inside);
        }
        assert!(kept > 0 && blanked > 0, "{name}: the region cuts the image in two");
    }
}

#[test]
fn a_banner_in_run_length_coded_frames_is_black_and_the_rest_is_what_it_was() {
    check("MR_small_RLE.dcm", [3, 9, 60, 63], "");
    check("SC_rgb_rle_2frame.dcm", [10, 20, 90, 99], "");
}

#[test]
fn a_banner_in_jpeg_frames_is_black_and_the_export_says_that_it_was_compressed_with_loss() {
    check("SC_rgb_jpeg_dcmtk.dcm", [10, 20, 90, 99], "01");
    check("SC_rgb_small_odd_jpeg.dcm", [0, 1, 2, 2], "01");
    // A file that does not own up to it: what JPEG baseline lost stays lost.
    let region = [10, 20, 90, 99];
    let mut bytes = as_ultrasound(file("SC_rgb_jpeg_dcmtk.dcm"), region);
    let at = find(&bytes, b"\x28\x00\x10\x21CS\x02\x0001").unwrap();
    bytes[at + 8..at + 10].copy_from_slice(b"00");
    check_bytes("a JPEG that says it lost nothing", bytes, region, "01");
}

#[test]
fn a_compressed_frame_that_cannot_be_decoded_is_not_exported_as_clean() {
    let bytes = as_ultrasound(file("MR_small_RLE.dcm"), [3, 9, 60, 63]);
    let object = Object::parse(&bytes).unwrap();
    let profile: Profile = "basic+clean-pixel-data".parse().unwrap();
    let broken = |_| Err(Refusal::new("damaged", "This frame cannot be decoded."));
    let refusal = deidentify(&object, &profile, &Pseudonyms::new(&[7; 32]), &broken).unwrap_err();
    assert_eq!(refusal.code, "damaged");
}
