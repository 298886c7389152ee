//! Slices at any place, in any direction: sorted into stacks without losing or doubling one.
#![no_main]
use libfuzzer_sys::fuzz_target;
use medsight_dicom::{ImageInfo, Object, sort_frames};
use medsight_fuzz::{element, file};

/// Numbers that make trouble, and any other.
fn number(bytes: &[u8]) -> String {
    match bytes[0] {
        n @ 0..=199 => format!("{}", f64::from(n) - 100.0),
        n @ 200..=239 => format!("{}", f64::from(n - 200) / 7.0),
        240 => "1e308".into(),
        241 => "-1e308".into(),
        242 => "1e-320".into(),
        243 => "nan".into(),
        244 => "inf".into(),
        245 => "".into(),
        _ => format!("{}", f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
    }
}

fn numbers(bytes: &[u8], count: usize) -> Vec<u8> {
    let parts: Vec<String> = (0..count).map(|i| number(&bytes[i * 4..i * 4 + 4])).collect();
    parts.join("\\").into_bytes()
}

fuzz_target!(|data: &[u8]| {
    let mut images = Vec::new();
    for (slice, bytes) in data.chunks_exact(52).take(16).enumerate() {
        let mut set = Vec::new();
        element(&mut set, 0x20, 0x0E, b"UI", b"1.2");
        element(&mut set, 0x20, 0x13, b"IS", slice.to_string().as_bytes());
        element(&mut set, 0x20, 0x32, b"DS", &numbers(&bytes[0..], 3));
        element(&mut set, 0x20, 0x37, b"DS", &numbers(&bytes[12..], 6));
        element(&mut set, 0x28, 0x02, b"US", &[1, 0]);
        element(&mut set, 0x28, 0x04, b"CS", b"MONOCHROME2");
        element(&mut set, 0x28, 0x10, b"US", &[2, 0]);
        element(&mut set, 0x28, 0x11, b"US", &[2, 0]);
        element(&mut set, 0x28, 0x30, b"DS", &numbers(&bytes[36..], 2));
        element(&mut set, 0x28, 0x100, b"US", &[16, 0]);
        element(&mut set, 0x28, 0x1053, b"DS", &numbers(&bytes[44..], 1));
        element(&mut set, 0x28, 0x1050, b"DS", &numbers(&bytes[48..], 1));
        element(&mut set, 0x7FE0, 0x10, b"OW", &[0; 8]);
        let bytes = file("1.2.840.10008.1.2.1", &set);
        if let Ok(image) = Object::parse(&bytes).and_then(|object| ImageInfo::read(&object)) {
            images.push(image);
        }
    }
    let sorted = sort_frames(&images);
    let mut seen = vec![0; images.len()];
    for stack in &sorted.stacks {
        stack.frames.iter().for_each(|at| seen[at.image] += 1);
    }
    assert!(seen.iter().all(|times| *times <= 1), "{seen:?}");
});
