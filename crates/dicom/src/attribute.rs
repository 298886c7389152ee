//! Attributes as they stand in messages to people: `Rescale Slope (0028,1053)`.

pub use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;
pub use dicom_dictionary_std::tags;
use medsight_record::Refusal;

/// Name and tag of an attribute, from the standard's dictionary (PS3.6).
pub fn named(tag: Tag) -> String {
    let keyword = StandardDataDictionary.by_tag(tag).map(|entry| entry.alias()).unwrap_or_default();
    let name = match tag {
        tags::IMAGE_POSITION_PATIENT => "Image Position (Patient)".to_owned(),
        tags::IMAGE_ORIENTATION_PATIENT => "Image Orientation (Patient)".to_owned(),
        _ if keyword.is_empty() || keyword.contains("Private") => "private attribute".to_owned(),
        _ => words(keyword),
    };
    format!("{name} ({:04X},{:04X})", tag.group(), tag.element())
}

/// True when the dictionary calls the attribute a sequence; needed where VRs are implicit.
pub(crate) fn is_sequence(tag: Tag) -> bool {
    vr_in_dictionary(tag) == Some(*b"SQ")
}

/// The VR of an attribute by the dictionary.
pub(crate) fn vr_in_dictionary(tag: Tag) -> Option<[u8; 2]> {
    let vr = StandardDataDictionary.by_tag(tag)?.vr().relaxed();
    vr.to_string().as_bytes().try_into().ok()
}

/// Breaks a keyword into words: `SOPInstanceUID` to `SOP Instance UID`.
fn words(keyword: &str) -> String {
    let chars: Vec<char> = keyword.chars().collect();
    let mut out = String::with_capacity(keyword.len() + 4);
    for (i, c) in chars.iter().enumerate() {
        let after_small = i > 0 && !chars[i - 1].is_uppercase();
        let before_small = chars.get(i + 1).is_some_and(|next| next.is_lowercase());
        if i > 0 && c.is_uppercase() && (after_small || before_small) {
            out.push(' ');
        }
        out.push(*c);
    }
    out
}

/// An attribute that is there but cannot be read as what the standard says it is.
pub(crate) fn unreadable(tag: Tag, what: &str) -> Refusal {
    Refusal::new(
        "bad_attribute",
        format!("{} is present but {what}. Ask the sender for a corrected file.", named(tag)),
    )
}

/// A required attribute that is not there.
pub(crate) fn missing(tag: Tag) -> Refusal {
    Refusal::new(
        "missing_attribute",
        format!("{} is missing or empty. Ask the sender for a complete file.", named(tag)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_named_as_a_person_knows_it() {
        assert_eq!(named(tags::RESCALE_SLOPE), "Rescale Slope (0028,1053)");
        assert_eq!(named(tags::SOP_INSTANCE_UID), "SOP Instance UID (0008,0018)");
        assert_eq!(named(tags::IMAGE_POSITION_PATIENT), "Image Position (Patient) (0020,0032)");
        assert_eq!(named(Tag(0x0009, 0x1001)), "private attribute (0009,1001)");
    }
}
