//! Whole files: what an import, a directory, a stack and an export read of them.

use medsight_codec::decode_frame;
use medsight_dicom::{
    Dataset, DeidentifyOption, DicomHeaders, ImageInfo, Object, Profile, Pseudonyms, Softcopy, deidentify,
    sort_frames, tags,
};
use medsight_record::HeaderReader;

use crate::frame::{element, file};

/// Header, every value at every depth, and what an import and a viewport read of it.
pub(crate) fn open_file(data: &[u8]) {
    let _read = DicomHeaders.read_header(data);
    let Ok(object) = Object::parse(data) else { return };
    walk(&object.data(), 0);
    let _pixels = object.pixel_data();
    let _image = ImageInfo::read(&object);
    let _state = Softcopy::read(&object, "1.2.3");
}

fn walk(data: &Dataset<'_>, depth: usize) {
    for tag in data.tags().collect::<Vec<_>>() {
        let _text = data.text(tag);
        let _numbers = data.numbers(tag);
        if depth < 6 {
            data.items(tag).iter().take(8).for_each(|item| walk(item, depth + 1));
        }
    }
}

/// The list of the files on a medium: no name leaves its folder.
pub(crate) fn dicomdir(data: &[u8]) {
    let Some(Ok(entries)) = DicomHeaders.directory_entries(data) else { return };
    for components in entries {
        assert!(!components.is_empty());
        for name in components {
            assert!(name != ".." && name != "." && !name.contains(['/', '\\', '\0']));
        }
    }
}

/// Who a file is about is gone, and what is left opens again and has its pixels. Two bytes choose the options.
pub(crate) fn deidentify_file(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first_chunk::<2>() else { return };
    // Full and moved dates exclude each other: of both, moved ones.
    let choice = match u16::from_le_bytes(*choice) {
        both if both & 0x30 == 0x30 => both & !0x10,
        choice => choice,
    };
    let options = DeidentifyOption::ALL.into_iter().enumerate();
    let options = options.filter(|(bit, _)| choice >> bit & 1 == 1).map(|(_, option)| option);
    let Ok(profile) = Profile::new(options) else { return };
    let Ok(object) = Object::parse(bytes) else { return };
    let decode = |frame| decode_frame(&object, frame);
    let Ok(done) = deidentify(&object, &profile, &Pseudonyms::new(&[1; 32]), &decode) else { return };
    let after = Object::parse(&done.bytes);
    assert!(after.is_ok(), "what was written does not open");
    let Ok(after) = after else { return };
    assert_eq!(after.data().text_or_empty(tags::PATIENT_IDENTITY_REMOVED), "YES");
    assert_eq!(after.has_pixel_data(), object.has_pixel_data());
}

/// Slices at any place, in any direction: sorted into stacks without losing or doubling one.
pub(crate) fn geometry(data: &[u8]) {
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
}

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
        245 => String::new(),
        _ => format!("{}", f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
    }
}

fn numbers(bytes: &[u8], count: usize) -> Vec<u8> {
    let parts: Vec<String> = (0..count).map(|i| number(&bytes[i * 4..i * 4 + 4])).collect();
    parts.join("\\").into_bytes()
}
