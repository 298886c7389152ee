//! The small data sets that we send: query keys, references. Implicit VR little endian (PS3.5 7.1.3).

use crate::command::put;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use std::collections::BTreeMap;

/// Query keys: attributes with what they must match, or empty to have them returned (PS3.4 C.2.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<Tag, Value>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    Items(Vec<Keys>),
}

impl Keys {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for attributes to be returned; one that has a value to match keeps it.
    #[must_use]
    pub fn ask(mut self, tags: &[Tag]) -> Self {
        for tag in tags {
            self.0.entry(*tag).or_insert_with(|| Value::Text(String::new()));
        }
        self
    }

    /// Wants an attribute to match: a value, a list with backslashes, a range with a hyphen, a pattern with `*`
    /// and `?`, as its VR allows.
    #[must_use]
    pub fn matching(mut self, tag: Tag, value: &str) -> Self {
        self.0.insert(tag, Value::Text(value.to_owned()));
        self
    }

    /// Wants an item of a sequence to match.
    #[must_use]
    pub fn item(mut self, tag: Tag, keys: Self) -> Self {
        match self.0.entry(tag).or_insert_with(|| Value::Items(Vec::new())) {
            Value::Items(items) => items.push(keys),
            text => *text = Value::Items(vec![keys]),
        }
        self
    }

    /// Attributes with the text they must match; for a query by URL. Sequences are left out.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (Tag, &str)> {
        self.0.iter().filter_map(|(tag, value)| match value {
            Value::Text(text) => Some((*tag, text.as_str())),
            Value::Items(_) => None,
        })
    }

    /// As it travels. Text outside ASCII says that it is UTF-8.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut keys = self.clone();
        if !keys.is_ascii() {
            keys = keys.matching(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
        }
        let mut out = Vec::with_capacity(512);
        keys.encode_into(&mut out);
        out
    }

    fn is_ascii(&self) -> bool {
        self.0.values().all(|value| match value {
            Value::Text(text) => text.is_ascii(),
            Value::Items(items) => items.iter().all(Self::is_ascii),
        })
    }

    fn encode_into(&self, out: &mut Vec<u8>) {
        for (tag, value) in &self.0 {
            match value {
                Value::Text(text) => {
                    let pad = if vr(*tag) == VR::UI { 0 } else { b' ' };
                    crate::part10::put_text(out, *tag, text, pad);
                }
                Value::Items(items) => {
                    let mut inner = Vec::new();
                    for item in items {
                        let mut one = Vec::new();
                        item.encode_into(&mut one);
                        put(&mut inner, Tag(0xFFFE, 0xE000), &one);
                    }
                    put(out, *tag, &inner);
                }
            }
        }
    }
}

/// The VR of an attribute by the dictionary; `UN` where it is private.
pub(crate) fn vr(tag: Tag) -> VR {
    match StandardDataDictionary.by_tag(tag).map(|entry| entry.vr()) {
        Some(VirtualVr::Exact(vr)) => vr,
        Some(other) => other.relaxed(),
        None => VR::UN,
    }
}

/// An attribute by its keyword (`PatientID`) or its number (`00100020`, `(0010,0020)`).
#[must_use]
pub fn tag_named(text: &str) -> Option<Tag> {
    let digits: String = text.chars().filter(|c| !matches!(c, '(' | ')' | ',')).collect();
    if digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        let number = u32::from_str_radix(&digits, 16).ok()?;
        return Some(Tag((number >> 16) as u16, number as u16));
    }
    StandardDataDictionary.by_name(text).map(|entry| entry.tag())
}

/// The keyword of an attribute; its eight digits where it has none.
#[must_use]
pub fn keyword(tag: Tag) -> String {
    match StandardDataDictionary.by_tag(tag) {
        Some(entry) if entry.tag() == tag => entry.alias().to_owned(),
        _ => format!("{:04X}{:04X}", tag.group(), tag.element()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_padded_with_a_nul_and_a_name_with_a_space() {
        let keys = Keys::new().matching(tags::STUDY_INSTANCE_UID, "1.2.3").matching(tags::PATIENT_ID, "A12");
        let bytes = keys.encode();
        assert_eq!(&bytes[..12], [0x10, 0, 0x20, 0, 4, 0, 0, 0, b'A', b'1', b'2', b' ']);
        assert_eq!(bytes.last(), Some(&0));
    }

    #[test]
    fn a_name_outside_ascii_is_sent_as_utf_8_and_says_so() {
        let keys = Keys::new().matching(tags::PATIENT_NAME, "Müller^*");
        let object = crate::part10::as_object(crate::syntax::IMPLICIT, &keys.encode()).unwrap();
        assert_eq!(object.data().text(tags::PATIENT_NAME).as_deref(), Some("Müller^*"));
    }

    #[test]
    fn attributes_are_found_by_keyword_and_by_number() {
        assert_eq!(tag_named("PatientID"), Some(tags::PATIENT_ID));
        assert_eq!(tag_named("(0010,0020)"), Some(tags::PATIENT_ID));
        assert_eq!(tag_named("NoSuchThing"), None);
        assert_eq!(keyword(tags::PATIENT_ID), "PatientID");
    }
}
