//! Frames: a small image around the bytes of one, and the first frames of a file, through every decoder.

use medsight_codec::{FrameDecoder, decode_shown};
use medsight_dicom::{ImageInfo, Object};

/// One element in explicit VR little endian.
pub(crate) fn element(out: &mut Vec<u8>, group: u16, number: u16, vr: &[u8; 2], value: &[u8]) {
    out.extend(group.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend(vr);
    let padded = (value.len() + value.len() % 2) as u32;
    if matches!(vr, b"OB" | b"OW" | b"SQ" | b"UN" | b"UT") {
        out.extend([0, 0]);
        out.extend(padded.to_le_bytes());
    } else {
        out.extend((padded as u16).to_le_bytes());
    }
    out.extend(value);
    if value.len() % 2 == 1 {
        out.push(0);
    }
}

/// A Part 10 file with this data set.
pub(crate) fn file(transfer_syntax: &str, data_set: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 128];
    out.extend(b"DICM");
    element(&mut out, 2, 0x10, b"UI", transfer_syntax.as_bytes());
    out.extend(data_set);
    out
}

/// Decodes `data` as the frame of an image: four bytes say how large it is, how its samples are and in which of the
/// transfer syntaxes it is, the rest is the frame.
pub(crate) fn decode_with(transfer_syntaxes: [&str; 4], data: &[u8]) {
    let Some(([rows, columns, kind, more], frame)) = data.split_first_chunk::<4>() else { return };
    let transfer_syntax = transfer_syntaxes[usize::from(more >> 6)];
    let samples: u16 = if kind & 1 == 1 { 3 } else { 1 };
    let allocated: u16 = [8, 16, 32, 1][usize::from(kind >> 1 & 3)];
    let stored = if allocated == 1 { 1 } else { allocated - u16::from(kind >> 3 & 7) };
    let frames = u16::from(more & 3) + 1;
    let photometric: &[u8] = match (samples, more >> 2 & 3) {
        (1, 0) => b"MONOCHROME1",
        (1, 1) => b"PALETTE COLOR",
        (1, _) => b"MONOCHROME2",
        (_, 0) => b"RGB",
        (_, 1) => b"YBR_FULL",
        _ => b"YBR_FULL_422",
    };
    let mut set = Vec::new();
    element(&mut set, 0x28, 2, b"US", &samples.to_le_bytes());
    element(&mut set, 0x28, 4, b"CS", photometric);
    element(&mut set, 0x28, 6, b"US", &u16::from(more >> 4 & 1).to_le_bytes());
    element(&mut set, 0x28, 8, b"IS", frames.to_string().as_bytes());
    element(&mut set, 0x28, 0x10, b"US", &(u16::from(*rows) + 1).to_le_bytes());
    element(&mut set, 0x28, 0x11, b"US", &(u16::from(*columns) + 1).to_le_bytes());
    element(&mut set, 0x28, 0x100, b"US", &allocated.to_le_bytes());
    element(&mut set, 0x28, 0x101, b"US", &stored.to_le_bytes());
    element(&mut set, 0x28, 0x102, b"US", &(stored - 1).to_le_bytes());
    element(&mut set, 0x28, 0x103, b"US", &u16::from(kind >> 6 & 1).to_le_bytes());
    if transfer_syntax == "1.2.840.10008.1.2.1" {
        let tag = if more & 0x20 == 0 { 0x10 } else { 0x08 };
        element(&mut set, 0x7FE0, tag, b"OW", frame);
    } else {
        set.extend([0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        set.extend([0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0]);
        for _ in 0..frames {
            set.extend([0xFE, 0xFF, 0, 0xE0]);
            set.extend((frame.len() as u32).to_le_bytes());
            set.extend(frame);
        }
        set.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    }
    decode(&file(transfer_syntax, &set));
}

/// Decodes the first frames of a file; what comes out must be as large as the header says.
pub(crate) fn decode(bytes: &[u8]) {
    let Ok(object) = Object::parse(bytes) else { return };
    let Ok(decoder) = FrameDecoder::new(&object) else { return };
    let encoded = decoder.encoded().clone();
    for frame in 0..encoded.frames.min(2) {
        if let Ok(decoded) = decoder.decode(frame) {
            assert_eq!(decoded.samples.len(), encoded.samples_per_frame());
        }
    }
    // The tiles of a slide are shown as one picture.
    let Ok(image) = ImageInfo::read(&object) else { return };
    if let Ok(picture) = decode_shown(&object, &image, 0) {
        assert_eq!(picture.samples.len() % (picture.rows * picture.columns), 0);
    }
}
