//! A data set on its way into a file: attributes by tag, values checked against their VR (PS3.5 6.2).
//!
//! Setters do not fail: the first value that the standard does not allow is remembered and refused when the
//! file is written, so that nothing half-right is. Writing itself is `write.rs`.

use crate::attribute::{Tag, named, tags, vr_in_dictionary};
use crate::dataset::Dataset;
use medsight_record::Refusal;
use std::collections::BTreeMap;

/// Attributes to be written; sorted by tag, each at most once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewDataset {
    pub(crate) elements: BTreeMap<Tag, NewElement>,
    problem: Option<Refusal>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewElement {
    pub(crate) vr: [u8; 2],
    pub(crate) value: NewValue,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NewValue {
    /// Little endian, not yet padded.
    Bytes(Vec<u8>),
    Items(Vec<NewDataset>),
}

impl NewDataset {
    /// Nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// True when the attribute is there, with or without a value.
    pub fn has(&self, tag: Tag) -> bool {
        self.elements.contains_key(&tag)
    }

    /// True when there is no attribute.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The first value that cannot be written, here or in an item.
    pub(crate) fn problem(&self) -> Option<&Refusal> {
        self.problem.as_ref().or_else(|| {
            self.elements.values().find_map(|element| match &element.value {
                NewValue::Bytes(_) => None,
                NewValue::Items(items) => items.iter().find_map(Self::problem),
            })
        })
    }

    fn fail(&mut self, tag: Tag, what: &str) {
        let reason = format!("{} cannot be written: it {what}.", named(tag));
        self.problem.get_or_insert_with(|| Refusal::new("unwritable", reason));
    }

    fn put(&mut self, tag: Tag, vr: [u8; 2], value: NewValue) -> &mut Self {
        self.elements.insert(tag, NewElement { vr, value });
        self
    }

    fn vr_of(&mut self, tag: Tag) -> [u8; 2] {
        let vr = vr_in_dictionary(tag);
        if vr.is_none() {
            self.fail(tag, "is not in the dictionary");
        }
        vr.unwrap_or(*b"UN")
    }

    /// The attribute without a value, as type 2 of PS3.5 7.4.3 allows.
    pub fn empty(&mut self, tag: Tag) -> &mut Self {
        let vr = self.vr_of(tag);
        let value = if &vr == b"SQ" { NewValue::Items(Vec::new()) } else { NewValue::Bytes(Vec::new()) };
        self.put(tag, vr, value)
    }

    /// One text, code string, UID, date or person name.
    pub fn text(&mut self, tag: Tag, text: &str) -> &mut Self {
        self.texts(tag, &[text])
    }

    /// Several values of a text attribute.
    pub fn texts(&mut self, tag: Tag, texts: &[&str]) -> &mut Self {
        let vr = self.vr_of(tag);
        for text in texts {
            if let Err(what) = check_text(vr, text) {
                self.fail(tag, &what);
            }
        }
        self.put(tag, vr, NewValue::Bytes(texts.join("\\").into_bytes()))
    }

    /// A text when there is one; else the attribute stays away.
    pub fn text_if(&mut self, tag: Tag, text: &str) -> &mut Self {
        if text.is_empty() { self } else { self.text(tag, text) }
    }

    /// Whole numbers, in the VR of the dictionary: IS, US, SS, UL, SL.
    pub fn integers(&mut self, tag: Tag, numbers: &[i64]) -> &mut Self {
        let vr = self.vr_of(tag);
        self.integers_as(tag, vr, numbers)
    }

    /// Whole numbers in a VR that depends on the context, such as US or SS.
    pub fn integers_as(&mut self, tag: Tag, vr: [u8; 2], numbers: &[i64]) -> &mut Self {
        let range = match &vr {
            b"IS" | b"SL" => i64::from(i32::MIN)..=i64::from(i32::MAX),
            b"US" | b"OW" => 0..=0xFFFF,
            b"SS" => -0x8000..=0x7FFF,
            b"UL" | b"OL" => 0..=0xFFFF_FFFF,
            _ => {
                self.fail(tag, "does not hold whole numbers");
                return self;
            }
        };
        if numbers.iter().any(|n| !range.contains(n)) {
            self.fail(tag, "is outside the range of its VR");
        }
        let bytes = match &vr {
            b"IS" => numbers.iter().map(i64::to_string).collect::<Vec<_>>().join("\\").into_bytes(),
            b"US" | b"OW" | b"SS" => numbers.iter().flat_map(|n| (*n as u16).to_le_bytes()).collect(),
            _ => numbers.iter().flat_map(|n| (*n as u32).to_le_bytes()).collect(),
        };
        self.put(tag, vr, NewValue::Bytes(bytes))
    }

    /// One whole number.
    pub fn integer(&mut self, tag: Tag, number: i64) -> &mut Self {
        self.integers(tag, &[number])
    }

    /// Real numbers, in the VR of the dictionary: DS, FL, FD, OF, OD.
    pub fn reals(&mut self, tag: Tag, numbers: &[f64]) -> &mut Self {
        let vr = self.vr_of(tag);
        if numbers.iter().any(|n| !n.is_finite()) {
            self.fail(tag, "is not a finite number");
        }
        let bytes = match &vr {
            b"DS" => numbers.iter().map(|n| decimal(*n)).collect::<Vec<_>>().join("\\").into_bytes(),
            b"FL" | b"OF" => numbers.iter().flat_map(|n| (*n as f32).to_le_bytes()).collect(),
            b"FD" | b"OD" => numbers.iter().flat_map(|n| n.to_le_bytes()).collect(),
            _ => {
                self.fail(tag, "does not hold real numbers");
                return self;
            }
        };
        self.put(tag, vr, NewValue::Bytes(bytes))
    }

    /// One real number.
    pub fn real(&mut self, tag: Tag, number: f64) -> &mut Self {
        self.reals(tag, &[number])
    }

    /// Tags as values (VR AT).
    pub fn pointers(&mut self, tag: Tag, pointers: &[Tag]) -> &mut Self {
        let bytes = pointers
            .iter()
            .flat_map(|p| [p.group().to_le_bytes(), p.element().to_le_bytes()].concat())
            .collect();
        self.put(tag, *b"AT", NewValue::Bytes(bytes))
    }

    /// Bytes as they are, little endian, in a VR of the caller's choice: OB, OW, UN.
    pub fn bytes(&mut self, tag: Tag, vr: &[u8; 2], bytes: Vec<u8>) -> &mut Self {
        self.put(tag, *vr, NewValue::Bytes(bytes))
    }

    /// The items of a sequence.
    pub fn items(&mut self, tag: Tag, items: Vec<NewDataset>) -> &mut Self {
        self.put(tag, *b"SQ", NewValue::Items(items))
    }

    /// A sequence with one item.
    pub fn item(&mut self, tag: Tag, item: NewDataset) -> &mut Self {
        self.items(tag, vec![item])
    }

    /// A sequence with one item that `fill` makes.
    pub fn with_item(&mut self, tag: Tag, fill: impl FnOnce(&mut NewDataset)) -> &mut Self {
        let mut item = NewDataset::new();
        fill(&mut item);
        self.item(tag, item)
    }

    /// Takes over an attribute from a file, decoded; absent stays absent. Values that break a length rule are
    /// taken as they are: they are the sender's.
    pub fn copy(&mut self, from: &Dataset<'_>, tag: Tag) -> &mut Self {
        let Some(vr) = from.vr_of(tag) else { return self };
        if &vr == b"SQ" {
            let items = from.items(tag).iter().map(Self::copy_of).collect();
            return self.put(tag, vr, NewValue::Items(items));
        }
        let bytes = match &vr {
            b"OB" | b"UN" => from.raw(tag).unwrap_or_default().to_vec(),
            b"US" | b"SS" | b"UL" | b"SL" | b"FL" | b"FD" | b"OW" | b"OF" | b"OD" | b"OL" | b"AT" | b"UV"
            | b"SV" | b"OV" => from.little_endian(tag),
            _ => from.text_or_empty(tag).into_bytes(),
        };
        self.put(tag, vr, NewValue::Bytes(bytes))
    }

    /// Takes over an attribute, or writes it without a value when it is absent: type 2.
    pub fn copy_or_empty(&mut self, from: &Dataset<'_>, tag: Tag) -> &mut Self {
        if from.has(tag) { self.copy(from, tag) } else { self.empty(tag) }
    }

    /// A whole data set or item, decoded. Group lengths and the character set stay behind: text is UTF-8 here.
    pub fn copy_of(from: &Dataset<'_>) -> Self {
        let mut copy = Self::new();
        for tag in from.tags().filter(|t| t.element() != 0 && *t != tags::SPECIFIC_CHARACTER_SET) {
            copy.copy(from, tag);
        }
        copy
    }

    /// Adds all attributes of `other`; those that both have become the other's.
    pub fn extend(&mut self, other: NewDataset) -> &mut Self {
        self.elements.extend(other.elements);
        self.problem = self.problem.take().or(other.problem);
        self
    }
}

/// PS3.5 table 6.2-1: what a text VR may hold.
fn check_text(vr: [u8; 2], text: &str) -> Result<(), String> {
    let one_value = !matches!(&vr, b"LT" | b"ST" | b"UT" | b"UR");
    if one_value && text.contains('\\') {
        return Err("has a backslash, which divides values".into());
    }
    let longest = match &vr {
        b"CS" | b"SH" | b"AE" => 16,
        b"LO" | b"UI" => 64,
        b"PN" => 64 * 3 + 2,
        b"ST" => 1024,
        b"LT" => 10_240,
        b"DA" => 8,
        b"TM" => 14,
        b"DT" => 26,
        b"IS" => 12,
        b"DS" => 16,
        b"AS" => 4,
        b"UC" | b"UT" | b"UR" => usize::MAX,
        _ => return Err("is not text".into()),
    };
    let count = text.chars().count();
    if count > longest {
        return Err(format!("has {count} characters; {longest} are allowed"));
    }
    let international = matches!(&vr, b"SH" | b"LO" | b"PN" | b"ST" | b"LT" | b"UC" | b"UT");
    let allowed = |c: char| match &vr {
        b"CS" => c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ' || c == '_',
        b"UI" => c.is_ascii_digit() || c == '.',
        b"ST" | b"LT" | b"UT" => !c.is_control() || matches!(c, '\r' | '\n' | '\t' | '\x0C'),
        _ => !c.is_control() && (international || c.is_ascii()),
    };
    if text.chars().all(allowed) { Ok(()) } else { Err("has a character that its VR does not allow".into()) }
}

/// The shortest decimal of at most 16 characters (VR DS) that is nearest to the number.
pub(crate) fn decimal(number: f64) -> String {
    let shortest = format!("{number}");
    if shortest.len() <= 16 {
        return shortest;
    }
    let candidates = (0..16).flat_map(|digits| [format!("{number:.digits$}"), format!("{number:.digits$e}")]);
    let off = |text: &String| text.parse::<f64>().map_or(f64::INFINITY, |read| (read - number).abs());
    let nearest = candidates.filter(|text| text.len() <= 16).min_by(|a, b| off(a).total_cmp(&off(b)));
    nearest.unwrap_or(shortest) // `{:.0e}` has at most 7 characters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_in_sixteen_characters_as_near_as_they_allow() {
        assert_eq!(decimal(0.5), "0.5");
        assert_eq!(decimal(-1024.0), "-1024");
        for number in [std::f64::consts::PI, -1.0 / 3.0, 1e-17 / 3.0, 123_456_789.123_456_79, -2e300 / 7.0] {
            let text = decimal(number);
            assert!(text.len() <= 16, "{text}");
            assert!((text.parse::<f64>().unwrap() / number - 1.0).abs() < 1e-8, "{text} for {number}");
        }
    }

    #[test]
    fn a_label_that_is_too_long_is_refused_with_its_attribute() {
        let mut data = NewDataset::new();
        data.with_item(tags::SEGMENT_SEQUENCE, |item| {
            item.text(tags::SEGMENT_LABEL, &"x".repeat(65));
        });
        let reason = &data.problem().unwrap().reason;
        assert!(reason.contains("Segment Label (0062,0005)"), "{reason}");
        assert!(reason.contains("65"), "{reason}");
    }
}
