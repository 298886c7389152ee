//! What a reader of a de-identified file would notice: who it is about is gone, what it shows is there.
//! It is one thing: a file goes in, and the same handful of questions is asked of what comes out.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

mod support;

use medsight_base::testing;
use medsight_dicom::{Deidentified, Object, PixelData, Profile, Pseudonyms, Tag, deidentify, tags};
use medsight_record::Refusal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use support::{File, Value, text};

const KEY: [u8; 32] = [7; 32];

fn run(bytes: &[u8], profile: &str) -> Result<Deidentified, Refusal> {
    let object = Object::parse(bytes)?;
    let none = |_| Err(Refusal::new("test", "these pixels are not compressed"));
    deidentify(&object, &profile.parse::<Profile>().unwrap(), &Pseudonyms::new(&KEY), &none)
}

fn after(bytes: &[u8], profile: &str) -> Object<'static> {
    Object::from_vec(run(bytes, profile).unwrap().bytes).unwrap()
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}

fn patient() -> File {
    let mut file = File::new();
    file.put(tags::PATIENT_NAME, text("PN", "Zebulon^Quentin"));
    file.put(tags::PATIENT_ID, text("LO", "HOSP-4711"));
    file.put(tags::STUDY_INSTANCE_UID, text("UI", "1.2.3.77"));
    file.put(tags::STUDY_DATE, text("DA", "20240229"));
    file
}

#[test]
fn one_patient_keeps_one_pseudonym_and_one_study_one_uid_over_all_files() {
    let mut second = patient();
    second.put(tags::SOP_INSTANCE_UID, text("UI", "1.2.3.4.6"));
    let (a, b) = (after(&patient().bytes(), "basic"), after(&second.bytes(), "basic"));
    for tag in [tags::PATIENT_ID, tags::PATIENT_NAME, tags::STUDY_INSTANCE_UID] {
        assert!(a.data().text(tag).is_some());
        assert_eq!(a.data().text(tag), b.data().text(tag));
    }
    assert_ne!(a.data().text(tags::SOP_INSTANCE_UID), b.data().text(tags::SOP_INSTANCE_UID));
    assert_eq!(a.data().text(tags::SOP_CLASS_UID).unwrap(), "1.2.840.10008.5.1.4.1.1.7");
}

#[test]
fn two_studies_of_a_patient_stay_as_many_days_apart_as_they_were() {
    let mut later = patient();
    later.put(tags::STUDY_DATE, text("DA", "20240310"));
    let day = |file: &File| {
        let moved =
            after(&file.bytes(), "basic+retain-modified-dates").data().text(tags::STUDY_DATE).unwrap();
        let at = |range: std::ops::Range<usize>| moved[range].parse::<i64>().unwrap();
        // Close enough for ten days: months are told apart by their length below.
        (moved.clone(), at(0..4), at(4..6), at(6..8))
    };
    let (first, second) = (day(&patient()), day(&later));
    assert_ne!(first.0, "20240229");
    let length =
        [31, 28 + i64::from(first.1 % 4 == 0), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][first.2 as usize - 1];
    let apart = if second.2 == first.2 { second.3 - first.3 } else { second.3 + length - first.3 };
    assert_eq!(apart, 10);
    let said = after(&patient().bytes(), "basic+retain-modified-dates");
    assert_eq!(said.data().text_or_empty(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED), "MODIFIED");
}

#[test]
fn the_file_says_what_was_done_to_it() {
    let object = after(&patient().bytes(), "basic+retain-uids+clean-descriptors");
    let data = object.data();
    assert_eq!(data.text_or_empty(tags::PATIENT_IDENTITY_REMOVED), "YES");
    assert_eq!(data.text_or_empty(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED), "REMOVED");
    let codes = data.items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE);
    let codes: Vec<String> = codes.iter().map(|item| item.text_or_empty(tags::CODE_VALUE)).collect();
    assert_eq!(codes, ["113100", "113105", "113110"]);
    assert_eq!(data.text_or_empty(tags::SOP_INSTANCE_UID), "1.2.3.4.5");
}

#[test]
fn a_name_is_found_at_any_depth() {
    let mut item = vec![(tags::PATIENT_NAME, text("PN", "Zebulon^Quentin"))];
    for _ in 0..20 {
        item = vec![(tags::REFERENCED_SERIES_SEQUENCE, Value::Items(vec![item]))];
    }
    let mut file = patient();
    file.put(tags::REFERENCED_SERIES_SEQUENCE, Value::Items(vec![item]));
    let done = run(&file.bytes(), "basic").unwrap();
    assert!(!contains(&done.bytes, b"Zebulon"));
}

#[test]
fn private_attributes_go_and_safe_ones_stay_only_when_asked_for() {
    let mut file = patient();
    file.put(Tag(0x0019, 0x0010), text("LO", "SIEMENS MR HEADER"));
    file.put(Tag(0x0019, 0x100C), text("IS", "1000"));
    file.put(Tag(0x0019, 0x1008), text("LO", "Zebulon, private"));
    let bytes = file.bytes();
    let basic = after(&bytes, "basic");
    assert!(basic.data().tags().all(|tag| tag.group() % 2 == 0));
    let kept = after(&bytes, "basic+retain-safe-private");
    let private: Vec<Tag> = kept.data().tags().filter(|tag| tag.group() % 2 == 1).collect();
    assert_eq!(private, [Tag(0x0019, 0x0010), Tag(0x0019, 0x100C)]);
}

#[test]
fn in_a_safe_private_sequence_only_what_is_safe_itself_stays() {
    let item = vec![
        (Tag(0x2001, 0x0010), text("LO", "Philips Imaging DD 001")),
        (Tag(0x2001, 0x1003), Value::Bytes("FL", 1000_f32.to_le_bytes().to_vec())),
        (Tag(0x2001, 0x10EE), text("LO", "Zebulon, in an item")),
        (tags::PATIENT_NAME, text("PN", "Zebulon^Quentin")),
    ];
    let mut file = patient();
    file.put(Tag(0x2001, 0x0010), text("LO", "Philips Imaging DD 001"));
    file.put(Tag(0x2001, 0x105F), Value::Items(vec![item]));
    let done = run(&file.bytes(), "basic+retain-safe-private").unwrap();
    assert!(!contains(&done.bytes, b"Zebulon"));
    let object = Object::parse(&done.bytes).unwrap();
    let item = object.data().first_item(Tag(0x2001, 0x105F)).unwrap();
    let private: Vec<Tag> = item.tags().filter(|tag| tag.group() % 2 == 1).collect();
    assert_eq!(private, [Tag(0x2001, 0x0010), Tag(0x2001, 0x1003)]);
}

#[test]
fn a_uid_in_a_safe_private_attribute_is_replaced() {
    let mut file = patient();
    file.put(Tag(0x0099, 0x0010), text("LO", "NQHeader"));
    file.put(Tag(0x0099, 0x1002), text("UI", "1.2.3.4.5"));
    let object = after(&file.bytes(), "basic+retain-safe-private");
    let uid = object.data().text_or_empty(Tag(0x0099, 0x1002));
    assert!(uid.starts_with("2.25."), "{uid}");
}

/// An overlay plane of 30 × 40 bits, all of them set.
fn overlay(file: &mut File, group: u16, kind: &str) {
    let short = |n: u16| Value::Bytes("US", n.to_le_bytes().to_vec());
    file.put(Tag(group, 0x0010), short(40));
    file.put(Tag(group, 0x0011), short(30));
    file.put(Tag(group, 0x0022), text("LO", "lung, Zebulon"));
    file.put(Tag(group, 0x0040), text("CS", kind));
    file.put(Tag(group, 0x0050), Value::Bytes("SS", vec![1, 0, 1, 0]));
    file.put(Tag(group, 0x0100), short(1));
    file.put(Tag(group, 0x0102), short(0));
    file.put(Tag(group, 0x3000), Value::Bytes("OW", vec![0xFF; 150]));
    file.put(Tag(group, 0x4000), text("LT", "drawn by Zebulon"));
}

#[test]
fn overlays_and_curves_go_with_all_that_describes_them() {
    let mut file = patient();
    overlay(&mut file, 0x6000, "R");
    overlay(&mut file, 0x601E, "G");
    file.put(Tag(0x5002, 0x3000), Value::Bytes("OW", b"Zebulon ".to_vec()));
    let object = after(&file.bytes(), "basic");
    assert!(object.data().tags().all(|tag| !matches!(tag.group(), 0x5000..=0x60FF)));
}

#[test]
fn with_clean_graphics_regions_of_interest_stay_and_drawn_overlays_that_may_be_writing_go() {
    let mut file = patient();
    overlay(&mut file, 0x6000, "R");
    overlay(&mut file, 0x6002, "G");
    file.put(Tag(0x5002, 0x3000), Value::Bytes("OW", b"Zebulon ".to_vec()));
    let done = run(&file.bytes(), "basic+clean-graphics").unwrap();
    assert!(!contains(&done.bytes, b"Zebulon"));
    let object = Object::parse(&done.bytes).unwrap();
    let data = object.data();
    assert_eq!(data.raw(Tag(0x6000, 0x3000)).unwrap(), [0xFF; 150]);
    assert_eq!(data.text_or_empty(Tag(0x6000, 0x0022)), "LUNG");
    assert_eq!(data.text_or_empty(Tag(0x6000, 0x0010)), "40");
    assert!(!data.has(Tag(0x6000, 0x4000)), "a comment is what somebody wrote");
    assert!(data.tags().all(|tag| tag.group() != 0x6002 && tag.group() != 0x5002));
}

#[test]
fn an_overlay_in_unused_bits_of_the_pixels_goes_and_the_image_stays() {
    let short = |n: u16| Value::Bytes("US", n.to_le_bytes().to_vec());
    let mut file = grey(16, 4, 4);
    file.put(tags::BITS_STORED, short(12));
    file.put(tags::HIGH_BIT, short(11));
    file.put(tags::PIXEL_DATA, Value::Bytes("OW", [0xBC, 0x8A].repeat(16)));
    let untouched = after(&file.bytes(), "basic");
    assert_eq!(untouched.data().raw(tags::PIXEL_DATA).unwrap(), [0xBC, 0x8A].repeat(16));
    overlay(&mut file, 0x6000, "G");
    file.put(Tag(0x6000, 0x0100), short(16));
    file.put(Tag(0x6000, 0x0102), short(15));
    file.elements.remove(&Tag(0x6000, 0x3000));
    for profile in ["basic", "basic+clean-graphics"] {
        let object = after(&file.bytes(), profile);
        assert_eq!(object.data().raw(tags::PIXEL_DATA).unwrap(), [0xBC, 0x0A].repeat(16), "{profile}");
        assert!(object.data().tags().all(|tag| tag.group() != 0x6000));
    }
}

#[test]
fn what_is_blanked_in_the_image_is_blanked_in_the_region_of_interest_above_it() {
    let mut file = ultrasound(grey(8, 40, 30));
    overlay(&mut file, 0x6000, "R");
    let object = after(&file.bytes(), "basic+clean-pixel-data+clean-graphics");
    let bits = object.data().raw(Tag(0x6000, 0x3000)).unwrap().to_vec();
    for at in 0..1200 {
        let inside = (5..=24).contains(&(at % 30)) && (10..=39).contains(&(at / 30));
        assert_eq!(bits[at / 8] >> (at % 8) & 1 == 1, inside, "column {}, row {}", at % 30, at / 30);
    }
}

#[test]
fn a_report_keeps_its_findings_and_loses_the_people_with_clean_structured_content() {
    let code = |value: &str, scheme: &str, meaning: &str| {
        Value::Items(vec![vec![
            (tags::CODE_VALUE, text("SH", value)),
            (tags::CODING_SCHEME_DESIGNATOR, text("SH", scheme)),
            (tags::CODE_MEANING, text("LO", meaning)),
        ]])
    };
    let content = |kind: &str, name: Value, value: (Tag, Value)| {
        vec![(tags::VALUE_TYPE, text("CS", kind)), value, (tags::CONCEPT_NAME_CODE_SEQUENCE, name)]
    };
    let mut items = vec![
        content(
            "PNAME",
            code("121008", "DCM", "Person Observer Name"),
            (tags::PERSON_NAME, text("PN", "Zebulon^Dr")),
        ),
        content("TEXT", code("121029", "DCM", "Subject Name"), (tags::TEXT_VALUE, text("UT", "lung lung"))),
        content(
            "TEXT",
            code("121071", "DCM", "Finding"),
            (tags::TEXT_VALUE, text("UT", "Lung nodule, seen by Zebulon")),
        ),
    ];
    items.iter_mut().for_each(|item| item.sort_by_key(|(tag, _)| *tag));
    let mut file = patient();
    file.put(tags::CONTENT_SEQUENCE, Value::Items(items));
    let bytes = file.bytes();
    let cleaned = after(&bytes, "basic+clean-structured-content");
    let kept = cleaned.data().items(tags::CONTENT_SEQUENCE);
    assert_eq!(kept.len(), 2, "the item that names the subject goes");
    assert_eq!(kept[0].text_or_empty(tags::PERSON_NAME), "REMOVED");
    assert_eq!(kept[1].text_or_empty(tags::TEXT_VALUE), "LUNG NODULE");
    let basic = after(&bytes, "basic");
    let dummy = basic.data().items(tags::CONTENT_SEQUENCE);
    assert_eq!((dummy.len(), dummy[0].text_or_empty(tags::TEXT_VALUE).as_str()), (1, "REMOVED"));
}

/// As [`support::grey`], of the patient.
fn grey(bits: u16, rows: u16, columns: u16) -> File {
    let mut file = patient();
    file.elements.extend(support::grey(bits, rows, columns).elements);
    file
}

/// With a calibrated region from column 5, row 10 to column 24, row 39.
fn ultrasound(mut file: File) -> File {
    file.put(tags::MODALITY, text("CS", "US"));
    let long = |n: u32| Value::Bytes("UL", n.to_le_bytes().to_vec());
    let region = vec![
        (tags::REGION_LOCATION_MIN_X0, long(5)),
        (tags::REGION_LOCATION_MIN_Y0, long(10)),
        (tags::REGION_LOCATION_MAX_X1, long(24)),
        (tags::REGION_LOCATION_MAX_Y1, long(39)),
    ];
    file.put(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, Value::Items(vec![region]));
    file
}

#[test]
fn an_ultrasound_banner_outside_of_the_calibrated_region_is_made_black_and_the_region_is_untouched() {
    let file = ultrasound(grey(8, 40, 30));
    let done = run(&file.bytes(), "basic+clean-pixel-data").unwrap();
    assert_eq!(done.cleaned_frames, 1);
    let object = Object::parse(&done.bytes).unwrap();
    assert_eq!(object.data().text_or_empty(tags::BURNED_IN_ANNOTATION), "NO");
    let pixels = object.data().raw(tags::PIXEL_DATA).unwrap();
    for (at, value) in pixels.iter().enumerate() {
        let (x, y) = (at % 30, at / 30);
        let inside = (5..=24).contains(&x) && (10..=39).contains(&y);
        assert_eq!(*value, if inside { 0xAB } else { 0 }, "column {x}, row {y}");
    }
}

#[test]
fn a_device_rule_blanks_its_rectangle_in_sixteen_bit_samples_too() {
    let mut file = grey(16, 600, 800);
    file.put(tags::MODALITY, text("CS", "US"));
    file.put(tags::MANUFACTURER, text("LO", "Siemens"));
    file.put(tags::MANUFACTURER_MODEL_NAME, text("LO", "ACUSON"));
    let object = after(&file.bytes(), "basic+clean-pixel-data+retain-device");
    let pixels = object.data().raw(tags::PIXEL_DATA).unwrap();
    let at = |x: usize, y: usize| &pixels[(y * 800 + x) * 2..(y * 800 + x) * 2 + 2];
    assert_eq!((at(0, 0), at(799, 42), at(0, 43)), (&[0, 0][..], &[0, 0][..], &[0xAB, 0xAB][..]));
}

#[test]
fn a_screen_capture_of_an_unknown_device_is_not_exported_as_clean() {
    let file = grey(8, 16, 16); // secondary capture
    let refusal = run(&file.bytes(), "basic+clean-pixel-data").unwrap_err();
    assert_eq!(refusal.code, "burned_in");
    assert!(
        run(&file.bytes(), "basic").unwrap().may_show_identity,
        "and without the option somebody is told"
    );
}

#[test]
fn a_file_with_a_sequence_that_cannot_be_followed_is_refused_rather_than_let_through() {
    let mut file = patient();
    file.put(Tag(0x0008, 0x1115), Value::Bytes("SQ", b"\xFE\xFF\x00\xE0\xFF\x00\x00\x00Zebulon!".to_vec()));
    assert!(run(&file.bytes(), "basic").is_err());
}

#[test]
fn an_encapsulated_document_is_replaced_by_an_empty_page() {
    let mut file = patient();
    file.put(tags::ENCAPSULATED_DOCUMENT, Value::Bytes("OB", b"%PDF-1.4 Zebulon's letter".to_vec()));
    let object = after(&file.bytes(), "basic");
    let document = object.data().raw(tags::ENCAPSULATED_DOCUMENT).unwrap();
    assert!(document.starts_with(b"%PDF-") && !contains(document, b"Zebulon"));
}

#[test]
fn the_preamble_of_an_export_cannot_hold_a_program() {
    let mut bytes = patient().bytes();
    bytes[..4].copy_from_slice(b"MZ\x90\x00");
    assert_eq!(run(&bytes, "basic").unwrap().bytes[..128], [0; 128]);
}

fn corpus_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(corpus_files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// What identifies: every value of these attributes in the outermost data set.
const IDENTITY: [Tag; 14] = [
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_ADDRESS,
    tags::ACCESSION_NUMBER,
    tags::INSTITUTION_NAME,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::OPERATORS_NAME,
    tags::STATION_NAME,
    tags::DEVICE_SERIAL_NUMBER,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::SOP_INSTANCE_UID,
    tags::FRAME_OF_REFERENCE_UID,
];

/// Values of the corpus that stand in a kept attribute too: manufacturers that gave their name as the institution's,
/// numbers that are part of others, and dummies of programs that de-identified before.
const MEANS_SOMETHING_ELSE: [&str; 7] =
    ["TOSHIBA", "OFFIS", "FO-DICOM", "REMOVED", "19000101", "00000", "123456"];

#[test]
fn of_no_file_of_the_corpus_an_identity_is_left_and_its_pixels_are_byte_for_byte_the_same() {
    let Some(corpus) = testing::corpus() else { return };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut left = Vec::new();
    for path in
        ["dicom/codecs", "dicom/derived", "dicom/series"].iter().flat_map(|f| corpus_files(&corpus.join(f)))
    {
        let bytes = std::fs::read(&path).unwrap();
        let Ok(before) = Object::parse(&bytes) else { continue };
        let name = path.strip_prefix(&corpus).unwrap().display();
        let done = match run(&bytes, "basic") {
            Ok(done) => done,
            Err(refusal) => {
                // Not an instance, or one of which not everything can be read.
                let fits = ["directory", "missing_attribute", "truncated", "damaged", "bad_attribute"];
                assert!(fits.contains(&refusal.code.as_ref()), "{name}: {} {}", refusal.code, refusal.reason);
                *counts.entry("refused").or_default() += 1;
                continue;
            }
        };
        let object = Object::parse(&done.bytes).unwrap_or_else(|e| panic!("{name}: {}", e.reason));
        let (data, header) = (before.data(), header_of(&object, &done.bytes));
        for tag in IDENTITY {
            let Some(value) = data.raw(tag) else { continue };
            let value = value.trim_ascii().strip_suffix(b"\0").unwrap_or(value.trim_ascii());
            let elsewhere = MEANS_SOMETHING_ELSE.iter().any(|word| word.as_bytes() == value);
            let means_something = value.len() >= 5 && !value.starts_with(b"1.2.840.10008.") && !elsewhere;
            if means_something && contains(&header, value) {
                left.push(format!("{name}: {tag} {}", String::from_utf8_lossy(value)));
            }
        }
        assert_eq!(before.transfer_syntax(), object.transfer_syntax(), "{name}");
        let in_unused_bits = (0x6000..=0x601E_u16).step_by(2).any(|group| {
            data.text_or_empty(Tag(group, 0x0102)).parse().is_ok_and(|bit: u32| bit > 0)
                && !data.has(Tag(group, 0x3000))
        });
        match (before.pixel_data(), object.pixel_data()) {
            // The overlay goes, the bits of the image stay.
            (Some(PixelData::Native { bytes: a, .. }), Some(PixelData::Native { bytes: b, .. }))
                if in_unused_bits =>
            {
                let stored = data.text_or_empty(tags::BITS_STORED).parse::<u32>().unwrap();
                let mask = ((1_u32 << stored) - 1).to_le_bytes();
                let masked: Vec<u8> = a.iter().enumerate().map(|(at, byte)| byte & mask[at % 2]).collect();
                assert!(a != b && b == masked, "{name}");
                *counts.entry("overlay in the pixels").or_default() += 1;
            }
            (Some(PixelData::Native { bytes: a, .. }), Some(PixelData::Native { bytes: b, .. })) => {
                assert!(b.starts_with(a) && b.len() - a.len() < 2, "{name}");
            }
            (
                Some(PixelData::Encapsulated { fragments: a, offsets: o, .. }),
                Some(PixelData::Encapsulated { fragments: b, offsets: p, .. }),
            ) => assert!(a == b && o == p, "{name}"),
            (a, b) => assert!(a.is_none() && b.is_none(), "{name}"),
        }
        *counts.entry("exported").or_default() += 1;
    }
    println!("{counts:?}");
    assert!(left.is_empty(), "{}", left.join("\n"));
    assert!(counts["exported"] > 900, "{counts:?}");
}

/// The bytes of everything but the pixels.
fn header_of(object: &Object<'_>, bytes: &[u8]) -> Vec<u8> {
    match object.pixel_span() {
        Some(span) if object.byte_count() == bytes.len() => bytes[..span.start as usize].to_vec(),
        _ => bytes.to_vec(),
    }
}
