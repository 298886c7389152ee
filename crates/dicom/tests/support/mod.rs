//! Small files made in the test, attribute by attribute.
#![allow(dead_code, reason = "each test file uses its part")]

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;
use medsight_dicom::Tag;
use std::collections::BTreeMap;

/// A value with its VR, or the items of a sequence.
#[derive(Clone)]
pub(crate) enum Value {
    Bytes(&'static str, Vec<u8>),
    Items(Vec<Vec<(Tag, Value)>>),
}

/// Text with its VR.
pub(crate) fn text(vr: &'static str, value: &str) -> Value {
    Value::Bytes(vr, value.as_bytes().to_vec())
}

/// An attribute's VR by the dictionary.
pub(crate) fn vr(tag: Tag) -> &'static str {
    let vr = StandardDataDictionary.by_tag(tag).map(|entry| entry.vr().relaxed());
    vr.map_or("UN", |vr| vr.to_string())
}

/// A file in explicit VR little endian.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) elements: BTreeMap<Tag, Value>,
    pub(crate) transfer_syntax: &'static str,
}

impl File {
    /// A secondary capture that is nobody's.
    pub(crate) fn new() -> Self {
        let mut file = Self { elements: BTreeMap::new(), transfer_syntax: "1.2.840.10008.1.2.1" };
        file.put(Tag(0x0008, 0x0016), text("UI", "1.2.840.10008.5.1.4.1.1.7"));
        file.put(Tag(0x0008, 0x0018), text("UI", "1.2.3.4.5"));
        file
    }

    pub(crate) fn put(&mut self, tag: Tag, value: Value) {
        self.elements.insert(tag, value);
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0; 128];
        out.extend(b"DICM");
        let mut meta = Vec::new();
        element(&mut meta, Tag(2, 0x10), &text("UI", self.transfer_syntax));
        element(&mut out, Tag(2, 0), &Value::Bytes("UL", (meta.len() as u32).to_le_bytes().to_vec()));
        out.extend(meta);
        self.elements.iter().for_each(|(tag, value)| element(&mut out, *tag, value));
        out
    }
}

/// A grey image of one value, of whole bytes a sample.
pub(crate) fn grey(bits: u16, rows: u16, columns: u16) -> File {
    let mut file = File::new();
    let short = |n: u16| Value::Bytes("US", n.to_le_bytes().to_vec());
    file.put(dicom_dictionary_std::tags::SAMPLES_PER_PIXEL, short(1));
    file.put(dicom_dictionary_std::tags::PHOTOMETRIC_INTERPRETATION, text("CS", "MONOCHROME2"));
    file.put(dicom_dictionary_std::tags::ROWS, short(rows));
    file.put(dicom_dictionary_std::tags::COLUMNS, short(columns));
    file.put(dicom_dictionary_std::tags::BITS_ALLOCATED, short(bits));
    file.put(dicom_dictionary_std::tags::BITS_STORED, short(bits));
    file.put(dicom_dictionary_std::tags::HIGH_BIT, short(bits - 1));
    file.put(dicom_dictionary_std::tags::PIXEL_REPRESENTATION, short(0));
    let bytes = usize::from(rows) * usize::from(columns) * usize::from(bits / 8);
    file.put(dicom_dictionary_std::tags::PIXEL_DATA, Value::Bytes("OW", vec![0xAB; bytes]));
    file
}

fn head(out: &mut Vec<u8>, tag: Tag, vr: &str, length: u32) {
    out.extend(tag.group().to_le_bytes());
    out.extend(tag.element().to_le_bytes());
    out.extend(vr.as_bytes());
    match vr {
        "" => out.extend(length.to_le_bytes()),
        "OB" | "OD" | "OF" | "OL" | "OV" | "OW" | "SQ" | "SV" | "UC" | "UN" | "UR" | "UT" | "UV" => {
            out.extend([0, 0]);
            out.extend(length.to_le_bytes());
        }
        _ => out.extend((length as u16).to_le_bytes()),
    }
}

pub(crate) fn element(out: &mut Vec<u8>, tag: Tag, value: &Value) {
    match value {
        Value::Bytes(vr, bytes) => {
            head(out, tag, vr, (bytes.len() + bytes.len() % 2) as u32);
            out.extend(bytes);
            if bytes.len() % 2 == 1 {
                out.push(if *vr == "UI" { 0 } else { b' ' });
            }
        }
        Value::Items(items) => {
            let mut inner = Vec::new();
            for item in items {
                let mut one = Vec::new();
                item.iter().for_each(|(tag, value)| element(&mut one, *tag, value));
                head(&mut inner, Tag(0xFFFE, 0xE000), "", one.len() as u32);
                inner.extend(one);
            }
            head(out, tag, "SQ", inner.len() as u32);
            out.extend(inner);
        }
    }
}
