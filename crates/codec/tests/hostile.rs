//! The classes of public CVEs in DICOM decoders, each a sentence; and files that are cut off.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

use medsight_base::testing;
use medsight_codec::{FrameDecoder, decode_frame};
use medsight_dicom::{Object, PixelData};
use medsight_record::Refusal;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// An element in explicit VR little endian.
fn element(out: &mut Vec<u8>, group: u16, number: u16, vr: &str, value: &[u8]) {
    out.extend(group.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend(vr.as_bytes());
    let length = value.len() + value.len() % 2;
    if matches!(vr, "OB" | "OW" | "UN") {
        out.extend([0, 0]);
        out.extend((length as u32).to_le_bytes());
    } else {
        out.extend((length as u16).to_le_bytes());
    }
    out.extend(value);
    out.resize(out.len() + value.len() % 2, 0);
}

struct Image {
    syntax: &'static str,
    photometric: &'static str,
    samples: u16,
    rows: u16,
    columns: u16,
    bits: u16,
    frames: &'static str,
}

const GREY: Image = Image {
    syntax: "1.2.840.10008.1.2.1",
    photometric: "MONOCHROME2",
    samples: 1,
    rows: 8,
    columns: 8,
    bits: 8,
    frames: "1",
};
const RLE: &str = "1.2.840.10008.1.2.5";

impl Image {
    fn head(&self) -> Vec<u8> {
        let mut out = vec![0; 128];
        out.extend(b"DICM");
        element(&mut out, 2, 0x10, "UI", self.syntax.as_bytes());
        let number = |n: u16| n.to_le_bytes();
        element(&mut out, 0x28, 2, "US", &number(self.samples));
        element(&mut out, 0x28, 4, "CS", self.photometric.as_bytes());
        element(&mut out, 0x28, 8, "IS", self.frames.as_bytes());
        element(&mut out, 0x28, 0x10, "US", &number(self.rows));
        element(&mut out, 0x28, 0x11, "US", &number(self.columns));
        element(&mut out, 0x28, 0x100, "US", &number(self.bits));
        element(&mut out, 0x28, 0x101, "US", &number(self.bits));
        element(&mut out, 0x28, 0x102, "US", &number(self.bits - 1));
        element(&mut out, 0x28, 0x103, "US", &number(0));
        out
    }

    fn native(&self, pixels: &[u8]) -> Vec<u8> {
        let mut out = self.head();
        element(&mut out, 0x7FE0, 0x10, "OW", pixels);
        out
    }

    fn fragments(&self, fragments: &[&[u8]]) -> Vec<u8> {
        let mut out = self.head();
        out.extend([0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        let no_offsets: &[u8] = &[];
        for fragment in std::iter::once(&no_offsets).chain(fragments) {
            out.extend([0xFE, 0xFF, 0, 0xE0]);
            out.extend(((fragment.len() + fragment.len() % 2) as u32).to_le_bytes());
            out.extend(*fragment);
            out.resize(out.len() + fragment.len() % 2, 0);
        }
        out.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        out
    }
}

fn decoded(bytes: &[u8]) -> Result<usize, Refusal> {
    let object = Object::parse(bytes)?;
    Ok(decode_frame(&object, 0)?.samples.len())
}

#[test]
fn rows_times_columns_times_frames_that_overflow_are_refused_and_take_no_memory() {
    let huge = Image {
        rows: 65_535,
        columns: 65_535,
        bits: 32,
        samples: 3,
        photometric: "RGB",
        frames: "1000000",
        ..GREY
    };
    assert_eq!(decoded(&huge.native(&[0; 64])).unwrap_err().code, "wrong_length");
    for syntax in [RLE, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"] {
        let huge = Image { syntax, frames: "1", rows: 65_535, columns: 65_535, bits: 32, ..GREY };
        assert_eq!(decoded(&huge.fragments(&[&[0; 64]])).unwrap_err().code, "too_large", "{syntax}");
    }
}

#[test]
fn a_palette_image_of_32_bits_does_not_index_beyond_its_table_and_its_size_does_not_wrap() {
    // CVE-2026-5443: the product of a 32-bit PALETTE COLOR image was taken in 32 bits.
    let mut tables = Vec::new();
    for color in [0x1101, 0x1102, 0x1103] {
        element(&mut tables, 0x28, color, "US", &[0, 1, 0, 0, 16, 0]);
    }
    for color in [0x1201, 0x1202, 0x1203] {
        element(&mut tables, 0x28, color, "OW", &[0xAB; 512]);
    }
    let with_tables = |image: Image| {
        let mut bytes = image.head();
        bytes.extend(&tables);
        element(&mut bytes, 0x7FE0, 0x10, "OW", &[0xFF; 256]);
        bytes
    };
    let palette = Image { photometric: "PALETTE COLOR", bits: 32, ..GREY };
    let bytes = with_tables(palette);
    let object = Object::parse(&bytes).unwrap();
    // Whether such samples are refused or shown: no index leads out of a table of 256 entries.
    if let Ok(info) = medsight_dicom::ImageInfo::read(&object) {
        let table = info.palette.unwrap();
        for stored in [i32::MIN, -1, 256, i32::MAX] {
            assert_eq!(table.rgb8(stored), [0xAB; 3]);
        }
    }
    // 2^15 rows and columns of four bytes are 2^32 bytes: none, in 32 bits.
    let wraps = Image { photometric: "PALETTE COLOR", bits: 32, rows: 32_768, columns: 32_768, ..GREY };
    assert_eq!(decoded(&with_tables(wraps)).unwrap_err().code, "wrong_length");
    let without = Image { photometric: "PALETTE COLOR", bits: 32, ..GREY }.native(&[0xFF; 256]);
    assert!(medsight_dicom::ImageInfo::read(&Object::parse(&without).unwrap()).is_err());
}

#[test]
fn rows_written_with_another_vr_are_read_by_what_they_are_or_refused() {
    // CVE-2026-5442: Rows and Columns as UL where US was expected.
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    element(&mut bytes, 2, 0x10, "UI", b"1.2.840.10008.1.2.1");
    element(&mut bytes, 0x28, 2, "US", &[1, 0]);
    element(&mut bytes, 0x28, 0x10, "UL", &0xFFFF_FFFF_u32.to_le_bytes());
    element(&mut bytes, 0x28, 0x11, "UL", &8_u32.to_le_bytes());
    element(&mut bytes, 0x28, 0x100, "US", &[8, 0]);
    element(&mut bytes, 0x7FE0, 0x10, "OW", &[0; 64]);
    let refusal = decoded(&bytes).unwrap_err();
    assert!(refusal.reason.contains("Rows (0028,0010)"), "{}", refusal.reason);
}

#[test]
fn more_frames_than_the_pixel_data_hold_are_refused_and_not_read_from_beyond() {
    // CVE-2026-97059: Number of Frames larger than Pixel Data.
    let many = Image { frames: "100", ..GREY };
    let refusal = decoded(&many.native(&[0; 64])).unwrap_err();
    assert_eq!(refusal.code, "wrong_length");
    assert!(refusal.reason.contains("100 frames"), "{}", refusal.reason);
    let many = Image { frames: "100", syntax: RLE, ..GREY };
    assert_eq!(decoded(&many.fragments(&[&[0; 64], &[0; 64]])).unwrap_err().code, "damaged");
}

#[test]
fn a_frame_that_is_not_there_cannot_be_asked_for() {
    let bytes = GREY.native(&[0; 64]);
    let object = Object::parse(&bytes).unwrap();
    assert_eq!(FrameDecoder::new(&object).unwrap().decode(1).unwrap_err().code, "no_such_frame");
}

#[test]
fn an_rle_fragment_shorter_than_its_header_is_damaged() {
    // CVE-2026-44034: an RLE fragment of fewer than 64 bytes.
    let image = Image { syntax: RLE, ..GREY };
    for length in 0..64 {
        let mut header = vec![0; length];
        if length > 0 {
            header[0] = 1;
        }
        if length > 4 {
            header[4] = 64;
        }
        assert!(decoded(&image.fragments(&[&header])).is_err(), "{length} bytes");
    }
}

#[test]
fn rle_segments_that_point_outside_of_the_frame_or_backwards_are_damaged() {
    // CVE-2025-25474, CVE-2019-1010228.
    let image = Image { syntax: RLE, bits: 16, ..GREY };
    for offsets in [[64_u32, 0xFFFF_FFFF], [0xFFFF_FFF0, 64], [100, 64], [64, 10_000]] {
        let mut frame = vec![2, 0, 0, 0];
        offsets.iter().for_each(|offset| frame.extend(offset.to_le_bytes()));
        frame.resize(200, 0x7F);
        assert!(decoded(&image.fragments(&[&frame])).is_err(), "{offsets:?}");
    }
}

#[test]
fn an_rle_run_longer_than_the_image_writes_no_more_than_the_image() {
    let image = Image { syntax: RLE, ..GREY };
    let mut frame = vec![1, 0, 0, 0, 64, 0, 0, 0];
    frame.resize(64, 0);
    frame.extend([0x81, 7].repeat(50)); // fifty times 128 equal bytes for an image of 64
    assert_eq!(decoded(&image.fragments(&[&frame])).unwrap(), 64);
}

#[test]
fn an_embedded_jpeg_of_another_size_than_the_header_says_is_a_contradiction() {
    // ICSMA-26-253-02: a heap write by an embedded image larger than its description.
    let own =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/accepted/codecs/JPGExtended.dcm");
    let bytes = std::fs::read(own).unwrap();
    let object = Object::parse(&bytes).unwrap();
    let Some(PixelData::Encapsulated { fragments, .. }) = object.pixel_data() else { panic!("compressed") };
    let jpeg = fragments[0];
    let image = Image { syntax: "1.2.840.10008.1.2.4.51", rows: 9, columns: 7, bits: 16, ..GREY };
    assert_eq!(decoded(&image.fragments(&[jpeg])).unwrap_err().code, "contradiction");
}

#[test]
fn a_deflated_frame_that_grows_without_end_stops_at_the_size_of_the_frame() {
    let mut bomb = Vec::new();
    let mut deflater = flate2::write::DeflateEncoder::new(&mut bomb, flate2::Compression::best());
    std::io::Write::write_all(&mut deflater, &vec![0; 50 << 20]).unwrap();
    deflater.finish().unwrap();
    let image = Image { syntax: "1.2.840.10008.1.2.8.1", ..GREY };
    let begun = Instant::now();
    assert_eq!(decoded(&image.fragments(&[&bomb])).unwrap(), 64);
    assert!(begun.elapsed().as_secs() < 5);
}

#[test]
fn compressed_frames_of_random_bytes_are_refused_by_every_decoder() {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    for tail in ["50", "51", "57", "70", "80", "81", "90", "91", "110", "112", "201", "203"] {
        let syntax: &'static str = Box::leak(format!("1.2.840.10008.1.2.4.{tail}").into_boxed_str());
        let frame: Vec<u8> = (0..500).map(|_| random()).collect();
        assert!(decoded(&Image { syntax, ..GREY }.fragments(&[&frame])).is_err(), "{syntax}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    found.sort();
    found
}

/// The file with its only frame cut to a part, in one fragment.
fn cut(bytes: &[u8], part: f64) -> Option<Vec<u8>> {
    let object = Object::parse(bytes).ok()?;
    let Some(PixelData::Encapsulated { fragments, .. }) = object.pixel_data() else { return None };
    if FrameDecoder::new(&object).ok()?.encoded().frames != 1 {
        return None;
    }
    let whole = fragments.concat();
    let start = object.pixel_span()?.start as usize;
    let mut out = bytes[..start].to_vec();
    let length = ((whole.len() as f64 * part) as usize) & !1;
    out.extend([0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0, 0xE0]);
    out.extend((length as u32).to_le_bytes());
    out.extend(&whole[..length]);
    out.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    Some(out)
}

#[test]
fn a_compressed_frame_that_is_cut_off_is_refused_and_never_shown_with_made_up_pixels() {
    let Some(corpus) = testing::corpus() else { return };
    let (mut refused, mut shown) = (0, Vec::new());
    for path in files(&corpus.join("dicom/codecs")) {
        let bytes = std::fs::read(&path).unwrap();
        let Ok(object) = Object::parse(&bytes) else { continue };
        let Ok(whole) = decode_frame(&object, 0) else { continue };
        for part in [0.3, 0.6, 0.9, 0.98] {
            let Some(bytes) = cut(&bytes, part) else { continue };
            match Object::parse(&bytes).and_then(|object| decode_frame(&object, 0)) {
                Err(_) => refused += 1,
                // What was cut may have been padding and the end mark.
                Ok(frame) if frame.samples == whole.samples => {}
                Ok(_) => shown.push(format!("{} at {part}", path.display())),
            }
        }
    }
    assert!(shown.is_empty(), "{} shown, {refused} refused:\n{}", shown.len(), shown.join("\n"));
    assert!(refused > 200, "{refused}");
}
