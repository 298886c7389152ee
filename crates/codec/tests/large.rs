//! One frame of a file of two gigabytes: what is read for it. The file exists only where something is written in it.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

use medsight_codec::{ByteSource, FrameFile, LoadOptions, load_series, scan_headers};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const SIDE: usize = 512;
const FRAMES: usize = 4096;
const FRAME_BYTES: usize = SIDE * SIDE * 2;

/// A file of zeros with some bytes in it, and how many of its bytes were read.
struct Sparse {
    size: u64,
    written: Vec<(u64, Vec<u8>)>,
    read: AtomicU64,
}

impl Sparse {
    fn new(size: u64, mut written: Vec<(u64, Vec<u8>)>) -> Self {
        written.sort();
        Self { size, written, read: AtomicU64::new(0) }
    }
}

impl ByteSource for Sparse {
    fn len(&self) -> usize {
        1
    }

    fn size(&self, _: usize) -> io::Result<u64> {
        Ok(self.size)
    }

    fn read_at(&self, _: usize, offset: u64, into: &mut [u8]) -> io::Result<()> {
        assert!(offset + into.len() as u64 <= self.size, "read beyond the end");
        self.read.fetch_add(into.len() as u64, Ordering::Relaxed);
        into.fill(0);
        for (at, bytes) in &self.written {
            for (i, byte) in bytes.iter().enumerate() {
                let place = (at + i as u64).checked_sub(offset).map(|p| p as usize);
                if let Some(slot) = place.and_then(|p| into.get_mut(p)) {
                    *slot = *byte;
                }
            }
        }
        Ok(())
    }
}

fn element(group: u16, number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut bytes = [group.to_le_bytes(), number.to_le_bytes()].concat();
    bytes.extend(vr);
    if matches!(vr, b"OB" | b"OW" | b"OV") {
        bytes.extend([0, 0]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

fn text(group: u16, number: u16, vr: &[u8; 2], value: &str) -> Vec<u8> {
    let mut bytes = value.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(if vr == b"UI" { 0 } else { b' ' });
    }
    element(group, number, vr, &bytes)
}

/// The header up to the first byte of Pixel Data's value.
fn header(syntax: &str, extended: Option<&[u64]>, pixel_length: u32) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(text(2, 0x10, b"UI", syntax));
    bytes.extend(text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.4.1"));
    bytes.extend(text(8, 0x18, b"UI", "1.2.3.4"));
    bytes.extend(text(8, 0x60, b"CS", "MR"));
    bytes.extend(text(0x20, 0x0D, b"UI", "1.2.3"));
    bytes.extend(text(0x20, 0x0E, b"UI", "1.2.3.1"));
    bytes.extend(element(0x28, 2, b"US", &[1, 0]));
    bytes.extend(text(0x28, 4, b"CS", "MONOCHROME2"));
    bytes.extend(text(0x28, 8, b"IS", &FRAMES.to_string()));
    for (number, value) in [(0x10, SIDE), (0x11, SIDE), (0x100, 16), (0x101, 16), (0x102, 15), (0x103, 0)] {
        bytes.extend(element(0x28, number, b"US", &(value as u16).to_le_bytes()));
    }
    if let Some(offsets) = extended {
        let table: Vec<u8> = offsets.iter().flat_map(|o| o.to_le_bytes()).collect();
        bytes.extend(element(0x7FE0, 1, b"OV", &table));
    }
    bytes.extend(element(0x7FE0, 0x10, if pixel_length == u32::MAX { b"OB" } else { b"OW" }, &[]));
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&pixel_length.to_le_bytes());
    bytes
}

fn native() -> Sparse {
    let head = header("1.2.840.10008.1.2.1", None, (FRAMES * FRAME_BYTES) as u32);
    let begin = head.len() as u64;
    let size = begin + (FRAMES * FRAME_BYTES) as u64;
    let marked = begin + (3000 * FRAME_BYTES) as u64 + 2 * 77;
    Sparse::new(size, vec![(0, head), (marked, 1234_u16.to_le_bytes().to_vec())])
}

enum Table {
    Basic,
    Extended,
    None,
}

/// Fragments of half a megabyte; only frame 3000 is RLE that means something: every sample is 0x0407.
fn encapsulated(table: Table) -> Sparse {
    let offsets: Vec<u64> = (0..FRAMES).map(|frame| (frame * (FRAME_BYTES + 8)) as u64).collect();
    let head = header("1.2.840.10008.1.2.5", matches!(table, Table::Extended).then_some(&offsets), u32::MAX);
    let item = |length: usize| [&[0xFE, 0xFF, 0x00, 0xE0][..], &(length as u32).to_le_bytes()].concat();
    let basic: Vec<u8> = match table {
        Table::Basic => offsets.iter().flat_map(|o| (*o as u32).to_le_bytes()).collect(),
        _ => Vec::new(),
    };
    let mut written = vec![(head.len() as u64, [item(basic.len()), basic].concat())];
    let first = written[0].0 + written[0].1.len() as u64;
    written.push((0, head));
    written.extend(offsets.iter().map(|offset| (first + offset, item(FRAME_BYTES))));
    let mut rle: Vec<u8> = [2_u32, 64, 64 + 4096].iter().flat_map(|w| w.to_le_bytes()).collect();
    rle.resize(64, 0);
    for byte in [4, 7] {
        rle.extend([(-127_i8).cast_unsigned(), byte].repeat(SIDE * SIDE / 128));
    }
    written.push((first + offsets[3000] + 8, rle));
    let end = first + (FRAMES * (FRAME_BYTES + 8)) as u64;
    written.push((end, vec![0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]));
    Sparse::new(end + 8, written)
}

#[test]
fn one_frame_of_two_uncompressed_gigabytes_is_shown_without_reading_the_rest() {
    let source = native();
    let opened = FrameFile::open(&source, 0).unwrap();
    let frame = opened.decode(&source, 3000).unwrap();
    assert_eq!(frame.samples.value(77), 1234.0);
    let read = source.read.load(Ordering::Relaxed);
    assert!(read <= (FRAME_BYTES + (16 << 10)) as u64, "{read} bytes were read");
    assert_eq!(opened.decode(&source, FRAMES).unwrap_err().code, "no_such_frame");
}

#[test]
fn one_frame_of_two_compressed_gigabytes_is_shown_without_reading_the_rest() {
    for (table, most) in [(Table::Basic, 50 << 10), (Table::Extended, 200 << 10), (Table::None, 200 << 10)] {
        let source = encapsulated(table);
        let opened = FrameFile::open(&source, 0).unwrap();
        let frame = opened.decode(&source, 3000).unwrap();
        assert_eq!(frame.samples.min_max_mean().map(|(min, max, _)| (min, max)), Some((1031.0, 1031.0)));
        let read = source.read.load(Ordering::Relaxed);
        assert!(read <= FRAME_BYTES as u64 + most, "{read} bytes were read");
    }
}

#[test]
fn a_compressed_file_of_which_the_last_frame_is_cut_off_is_refused_as_cut_off() {
    let mut source = encapsulated(Table::Basic);
    source.size -= 1000;
    assert_eq!(FrameFile::open(&source, 0).err().unwrap().code, "truncated");
    let mut source = native();
    source.size -= 1000;
    assert_eq!(FrameFile::open(&source, 0).err().unwrap().code, "truncated");
}

#[test]
fn the_header_of_a_huge_file_is_read_without_its_pixels_and_so_is_its_first_image() {
    for source in [native(), encapsulated(Table::None)] {
        let never = AtomicBool::new(false);
        let scan = scan_headers(&source, 1, &|_| {}, &never).unwrap();
        assert_eq!(scan.series[0].images[0].frames.len().max(1), FRAMES);
        let read = source.read.load(Ordering::Relaxed);
        assert!(read <= 16 << 10, "{read} bytes were read");
    }
    // Frames without a position make no volume: what is left is the first image.
    let source = native();
    load_series(&source, LoadOptions::default(), &|_| {}, &AtomicBool::new(false)).unwrap();
    let read = source.read.load(Ordering::Relaxed);
    assert!(read <= 1 << 20, "{read} bytes were read");
}
