//! Coded concepts (PS3.3 8.8): a value, the scheme it is from, and its meaning.

use crate::attribute::{Tag, missing, tags};
use crate::dataset::Dataset;
use crate::new_dataset::NewDataset;
use medsight_record::Refusal;
use std::borrow::Cow;

/// A code. Two codes are the same when value and scheme are, whatever the meaning says.
#[derive(Clone, Debug)]
pub struct Code {
    /// Code Value (0008,0100), or the long or URN form.
    pub value: Cow<'static, str>,
    /// Coding Scheme Designator (0008,0102): `DCM`, `SCT`, `UCUM`…
    pub scheme: Cow<'static, str>,
    /// Code Meaning (0008,0104), for people.
    pub meaning: Cow<'static, str>,
}

/// Concepts that measurement reports use, as they were in SNOMED-RT (PS3.16 annex O).
const RETIRED: [(&str, &str); 26] = [
    ("G-D7FE", "410668003"),  // Length
    ("G-A166", "42798000"),   // Area
    ("G-A16A", "131184002"),  // Area of defined region
    ("G-A160", "1483009"),    // Angle
    ("F-00E5C", "285285000"), // Cobb angle
    ("G-A185", "103339001"),  // Long axis
    ("G-A186", "103340004"),  // Short axis
    ("M-02550", "81827009"),  // Diameter
    ("G-A193", "131187009"),  // Major axis
    ("G-A197", "131191004"),  // Perimeter
    ("G-A220", "103355008"),  // Width
    ("G-D785", "131197000"),  // Depth
    ("G-D705", "118565006"),  // Volume
    ("R-00317", "373098007"), // Mean
    ("R-10047", "386136009"), // Standard deviation
    ("R-404FB", "255605001"), // Minimum
    ("G-A437", "56851009"),   // Maximum
    ("G-C0E3", "363698007"),  // Finding site
    ("G-C171", "272741003"),  // Laterality
    ("G-C036", "370129005"),  // Measurement method
    ("R-427CE", "276214006"), // Finding category
    ("G-A100", "24028007"),   // Right
    ("G-A101", "7771000"),    // Left
    ("G-A102", "51440002"),   // Bilateral
    ("T-D0050", "85756007"),  // Tissue
    ("M-01000", "49755003"),  // Morphologically abnormal structure
];

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.value.as_ref(), other.scheme.as_ref())
    }
}

impl Eq for Code {}

impl Code {
    /// A code of a constant.
    pub const fn constant(value: &'static str, scheme: &'static str, meaning: &'static str) -> Self {
        Self { value: Cow::Borrowed(value), scheme: Cow::Borrowed(scheme), meaning: Cow::Borrowed(meaning) }
    }

    /// A code of texts.
    pub fn new(
        value: impl Into<Cow<'static, str>>,
        scheme: impl Into<Cow<'static, str>>,
        meaning: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { value: value.into(), scheme: scheme.into(), meaning: meaning.into() }
    }

    /// The code of a concept of the record.
    pub fn of(name: &medsight_record::CodedName) -> Self {
        Self::new(name.value.clone(), name.scheme.clone(), name.meaning.clone())
    }

    /// The code as the record holds it.
    pub fn named(&self) -> medsight_record::CodedName {
        medsight_record::CodedName {
            value: self.value.to_string(),
            scheme: self.scheme.to_string(),
            meaning: self.meaning.to_string(),
        }
    }

    /// True when value and scheme are these.
    pub fn is(&self, value: &str, scheme: &str) -> bool {
        self.value == value && self.scheme == scheme
    }

    /// The SNOMED CT code of today in place of a SNOMED-RT one that reports of before 2017 carry.
    #[must_use]
    pub fn current(self) -> Self {
        let retired = matches!(self.scheme.as_ref(), "SRT" | "SNM3" | "99SDM");
        match RETIRED.iter().find(|(old, _)| retired && *old == self.value) {
            Some((_, new)) => Self { value: Cow::Borrowed(new), scheme: Cow::Borrowed("SCT"), ..self },
            None => self,
        }
    }

    /// Reads one item of a code sequence. A code without its value is none.
    pub fn read(item: &Dataset<'_>) -> Option<Self> {
        let value = item
            .text(tags::CODE_VALUE)
            .or_else(|| item.text(tags::LONG_CODE_VALUE))
            .or_else(|| item.text(tags::URN_CODE_VALUE))?;
        let scheme = item.text_or_empty(tags::CODING_SCHEME_DESIGNATOR);
        Some(Self::new(value, scheme, item.text_or_empty(tags::CODE_MEANING)))
    }

    /// Reads the first item of a code sequence.
    pub fn first(data: &Dataset<'_>, sequence: Tag) -> Option<Self> {
        data.first_item(sequence).and_then(|item| Self::read(&item))
    }

    /// Reads a code that the standard requires.
    ///
    /// # Errors
    /// `missing_attribute`, naming the sequence.
    pub fn required(data: &Dataset<'_>, sequence: Tag) -> Result<Self, Refusal> {
        Self::first(data, sequence).ok_or_else(|| missing(sequence))
    }

    /// The item of a code sequence. Values above 16 characters go into Long Code Value (0008,0119).
    pub fn item(&self) -> NewDataset {
        let mut item = NewDataset::new();
        let is_long = self.value.chars().count() > 16;
        let is_urn = self.scheme.is_empty() && self.value.contains(':');
        match (is_urn, is_long) {
            (true, _) => item.text(tags::URN_CODE_VALUE, &self.value),
            (false, true) => item.text(tags::LONG_CODE_VALUE, &self.value),
            (false, false) => item.text(tags::CODE_VALUE, &self.value),
        };
        item.text_if(tags::CODING_SCHEME_DESIGNATOR, &self.scheme);
        // LO holds 64 characters; the meaning is for people, the value decides.
        let meaning: String = self.meaning.chars().take(64).collect();
        item.text(tags::CODE_MEANING, if meaning.is_empty() { &self.value } else { &meaning });
        item
    }
}

/// Codes used by more than one object.
pub mod codes {
    use super::Code;

    /// Image derivation: segmentation.
    pub const SEGMENTATION: Code = Code::constant("113076", "DCM", "Segmentation");
    /// What a source image was for.
    pub const SOURCE_FOR_PROCESSING: Code =
        Code::constant("121322", "DCM", "Source image for image processing operation");
    /// Category of organs and their parts.
    pub const ANATOMICAL_STRUCTURE: Code = Code::constant("123037004", "SCT", "Anatomical Structure");
    /// Category of abnormal tissue.
    pub const MORPHOLOGICALLY_ABNORMAL: Code =
        Code::constant("49755003", "SCT", "Morphologically Abnormal Structure");
    /// Category of tissues.
    pub const TISSUE: Code = Code::constant("85756007", "SCT", "Tissue");
    /// Category and type of what is no segment in a label map.
    pub const BACKGROUND: Code = Code::constant("125040", "DCM", "Background");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Object;

    #[test]
    fn a_code_is_the_same_whatever_its_meaning_and_keeps_a_long_value() {
        let long = Code::new("1234567890123456789", "SCT", "A concept of an extension");
        let mut data = NewDataset::new();
        data.text(tags::SOP_CLASS_UID, "1.2").text(tags::SOP_INSTANCE_UID, "1.3");
        data.item(tags::CONCEPT_NAME_CODE_SEQUENCE, long.item());
        let file = data.to_file().unwrap();
        let read = Code::first(&Object::parse(&file).unwrap().data(), tags::CONCEPT_NAME_CODE_SEQUENCE);
        assert_eq!(read, Some(Code::new("1234567890123456789", "SCT", "")));
        assert_ne!(read, Some(Code::new("1234567890123456789", "DCM", "")));
    }
}
