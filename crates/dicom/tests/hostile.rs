//! The classes of public CVEs in DICOM parsers, each a sentence.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

mod support;

use medsight_dicom::{DicomHeaders, Object, Tag, tags};
use medsight_record::HeaderReader;
use std::time::Instant;
use support::{File, Value, text};

/// The bytes of a data set around which nothing is known.
fn with_tail(tail: &[u8]) -> Vec<u8> {
    let mut bytes = File::new().bytes();
    bytes.extend_from_slice(tail);
    bytes
}

#[test]
fn a_length_of_four_gigabytes_in_a_short_file_takes_no_memory() {
    let bytes = with_tail(b"\x10\x00\x10\x40UT\0\0\xFE\xFF\xFF\xFF");
    let refusal = Object::parse(&bytes).unwrap_err();
    assert_eq!(refusal.code, "truncated");
    assert!(refusal.reason.contains("4294967294 bytes are announced"), "{}", refusal.reason);
}

#[test]
fn sequences_nested_a_hundred_thousand_deep_are_refused_before_the_stack_ends() {
    for (open, name) in [
        (&b"\x08\x00\x15\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF"[..], "SQ"),
        (&b"\x08\x00\x15\x11UN\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF"[..], "UN"),
    ] {
        let begun = Instant::now();
        let refusal = Object::parse(&with_tail(&open.repeat(100_000))).unwrap_err();
        assert!(matches!(refusal.code.as_ref(), "damaged" | "truncated"), "{name}: {}", refusal.reason);
        assert!(begun.elapsed().as_secs() < 5, "{name}");
    }
}

#[test]
fn a_sequence_that_never_ends_is_refused_and_does_not_hang() {
    let items = b"\xFE\xFF\x00\xE0\x00\x00\x00\x00".repeat(500_000);
    let mut tail = b"\x08\x00\x15\x11SQ\0\0\xFF\xFF\xFF\xFF".to_vec();
    tail.extend(items);
    let begun = Instant::now();
    assert!(Object::parse(&with_tail(&tail)).is_err());
    assert!(begun.elapsed().as_secs() < 5);
}

#[test]
fn an_item_that_reaches_beyond_its_sequence_does_not_show_what_lies_behind() {
    let mut file = File::new();
    let item = b"\xFE\xFF\x00\xE0\x40\x00\x00\x00\x10\x00\x10\x00PN\x04\x00A^B ";
    file.put(Tag(0x0008, 0x1115), Value::Bytes("SQ", item.to_vec()));
    file.put(tags::PATIENT_NAME, text("PN", "Someone^Else"));
    let bytes = file.bytes();
    let object = Object::parse(&bytes).unwrap();
    assert!(object.data().items(Tag(0x0008, 0x1115)).is_empty());
}

#[test]
fn a_million_elements_are_refused_rather_than_indexed() {
    let one = b"\x0A\x00\x10\x00IS\x00\x00";
    let refusal = Object::parse(&with_tail(&one.repeat(1_000_000))).unwrap_err();
    assert_eq!(refusal.code, "damaged");
}

#[test]
fn a_deflated_data_set_that_grows_a_thousandfold_is_refused() {
    let mut file = File::new();
    file.elements.clear();
    file.transfer_syntax = "1.2.840.10008.1.2.1.99";
    let mut bytes = file.bytes();
    let mut deflater = flate2::write::DeflateEncoder::new(&mut bytes, flate2::Compression::best());
    let zeros = vec![0_u8; 1 << 20];
    for _ in 0..200 {
        std::io::Write::write_all(&mut deflater, &zeros).unwrap();
    }
    deflater.finish().unwrap();
    let refusal = Object::parse(&bytes).unwrap_err();
    assert_eq!(refusal.code, "too_large");
}

#[test]
fn a_file_that_is_a_windows_program_too_opens_as_the_image_it_is_and_nothing_of_the_program_is_read() {
    // CVE-2019-11687: a PE header in the preamble.
    let mut bytes = File::new().bytes();
    bytes[..64].copy_from_slice(&b"MZ\x90\x00".repeat(16));
    let object = Object::parse(&bytes).unwrap();
    assert_eq!(object.data().text_or_empty(tags::SOP_INSTANCE_UID), "1.2.3.4.5");
    assert_eq!(object.data().tags().next(), Some(tags::SOP_CLASS_UID));
    assert!(object.has_executable_preamble());
}

#[test]
fn an_image_that_is_a_program_too_is_shown_with_a_warning_and_one_with_a_tiff_header_without() {
    let warned = |preamble: &[u8]| {
        let mut bytes = support::grey(8, 4, 4).bytes();
        bytes[..preamble.len()].copy_from_slice(preamble);
        let info = medsight_dicom::ImageInfo::read(&Object::parse(&bytes).unwrap()).unwrap();
        info.warnings.iter().any(|warning| warning.code == "executable_preamble")
    };
    assert!(warned(b"MZ\x90\x00") && warned(b"\x7FELF") && warned(b"#!/bin/sh\n"));
    assert!(!warned(b"II*\0") && !warned(&[0; 128]));
}

#[test]
fn numbers_in_a_text_vr_and_text_in_a_number_vr_are_refused_where_they_are_needed() {
    let mut file = File::new();
    file.put(tags::ROWS, text("LO", "ten"));
    file.put(tags::COLUMNS, Value::Bytes("US", vec![8, 0]));
    file.put(tags::BITS_ALLOCATED, Value::Bytes("US", vec![8, 0]));
    file.put(tags::PIXEL_DATA, Value::Bytes("OW", vec![0; 64]));
    file.put(tags::STUDY_INSTANCE_UID, text("UI", "1.2.3"));
    file.put(tags::SERIES_INSTANCE_UID, text("UI", "1.2.3.4"));
    let refusal = DicomHeaders.read_header(&file.bytes()).unwrap_err();
    assert!(refusal.reason.contains("Rows (0028,0010)"), "{}", refusal.reason);
}

#[test]
fn a_dicomdir_that_names_files_outside_of_its_folder_names_none() {
    // CVE-2022-2120, Weasis #888: paths that a peer chooses.
    let names = [
        r"..\..\etc\passwd",
        r"IMAGES\..\..\SECRET",
        "/etc/passwd",
        r"C:\WINDOWS\WIN.INI",
        r"A/B",
        "IMAGE\0.DCM",
        r".\IMAGE",
        r"IMAGES\IM1",
    ];
    let records = names.iter().map(|name| vec![(tags::REFERENCED_FILE_ID, text("CS", name))]);
    let mut file = File::new();
    file.put(tags::DIRECTORY_RECORD_SEQUENCE, Value::Items(records.collect()));
    let entries = DicomHeaders.directory_entries(&file.bytes()).unwrap().unwrap();
    assert_eq!(entries, [vec!["IMAGES".to_owned(), "IM1".to_owned()]]);
}

#[test]
fn a_uid_that_is_a_path_is_refused_and_can_name_no_file() {
    for uid in ["../../../x", "1.2.3/../../x", r"1.2\3", "1.2.3\0/x", ".", "..", "1..2", "", "1.2.a"] {
        let mut file = File::new();
        file.put(tags::SOP_INSTANCE_UID, text("UI", uid));
        file.put(tags::STUDY_INSTANCE_UID, text("UI", "1.2.3"));
        file.put(tags::SERIES_INSTANCE_UID, text("UI", "1.2.3.4"));
        if let Ok(record) = DicomHeaders.read_header(&file.bytes()) {
            let name = record.uid.to_string();
            assert!(
                name.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !name.starts_with('.'),
                "{uid}: {name}"
            );
        }
    }
}
