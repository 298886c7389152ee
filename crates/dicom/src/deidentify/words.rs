//! Cleaning free text: only words that are known to say nothing about a person stay.

use crate::attribute::{Tag, tags};
use crate::dataset::Dataset;
use std::collections::HashSet;
use std::sync::OnceLock;

/// Attributes whose words are never kept, even where they are known ones: a patient may be called Brain.
const IDENTITY: &[Tag] = &[
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    Tag(0x0010, 0x1000), // Other Patient IDs, retired
    tags::OTHER_PATIENT_NAMES,
    tags::PATIENT_BIRTH_NAME,
    tags::PATIENT_MOTHER_BIRTH_NAME,
    tags::ACCESSION_NUMBER,
    tags::STUDY_ID,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::PERFORMING_PHYSICIAN_NAME,
    tags::NAME_OF_PHYSICIANS_READING_STUDY,
    tags::PHYSICIANS_OF_RECORD,
    tags::OPERATORS_NAME,
    tags::REQUESTING_PHYSICIAN,
    tags::INSTITUTION_NAME,
    tags::INSTITUTIONAL_DEPARTMENT_NAME,
    tags::RESPONSIBLE_PERSON,
];

/// Cleans the texts of one file.
pub(super) struct Cleaner {
    forbidden: HashSet<String>,
}

impl Cleaner {
    /// Takes note of who the file is about.
    pub(super) fn new(data: &Dataset<'_>) -> Self {
        let texts = IDENTITY.iter().filter_map(|tag| data.text(*tag));
        let forbidden = texts.flat_map(|text| words(&text).map(folded).collect::<Vec<_>>());
        Self { forbidden: forbidden.filter(|word| word.len() > 1).collect() }
    }

    /// The known words and measures of a text, in ASCII, separated by spaces. May be empty.
    pub(super) fn clean(&self, text: &str) -> String {
        let kept = words(text).map(folded).filter(|word| self.may_stay(word));
        kept.collect::<Vec<_>>().join(" ").to_uppercase()
    }

    fn may_stay(&self, word: &str) -> bool {
        static KNOWN: OnceLock<HashSet<&str>> = OnceLock::new();
        let known = KNOWN.get_or_init(|| {
            let lines = include_str!("words.txt").lines().filter(|line| !line.starts_with('#'));
            lines.flat_map(str::split_whitespace).collect()
        });
        // `5mm` may stay; a number alone may be part of a date or of a telephone number, `45m` an age and a sex.
        let letters = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let measure = letters.len() > 1 && letters.len() < word.len() && known.contains(letters);
        !self.forbidden.contains(word) && (known.contains(word) || measure)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let chunks = text.split_whitespace().filter(|chunk| chunk.bytes().filter(u8::is_ascii_digit).count() < 5);
    let words = chunks.flat_map(|chunk| chunk.split(|c: char| !(c.is_alphanumeric() || c == '.')));
    words.map(|word| word.trim_matches('.')).filter(|word| !word.is_empty())
}

/// Small letters without accents. A letter that has no such form stays and makes the word an unknown one.
fn folded(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars().flat_map(char::to_lowercase) {
        match c {
            'ä' => out.push_str("ae"),
            'ö' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            'á' | 'à' | 'â' => out.push('a'),
            'é' | 'è' | 'ê' => out.push('e'),
            'í' => out.push('i'),
            'ó' | 'ô' => out.push('o'),
            'ú' => out.push('u'),
            'ñ' => out.push('n'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaner(names: &[&str]) -> Cleaner {
        Cleaner { forbidden: names.iter().map(|n| (*n).to_owned()).collect() }
    }

    #[test]
    fn a_description_keeps_what_was_scanned_and_loses_who() {
        let cleaner = cleaner(&[]);
        assert_eq!(
            cleaner.clean("CT Thorax 1.25mm, Fr. Müller *12.03.1951, Dr Smith 2024"),
            "CT THORAX 1.25MM FR"
        );
        assert_eq!(cleaner.clean("T2 FLAIR ax b1000"), "T2 FLAIR AX B1000");
        assert_eq!(cleaner.clean("Cráneo sin contraste"), "CRANEO SIN CONTRASTE");
        assert_eq!(cleaner.clean("call 0170 12 34 567, 45y, born 03/12/51"), "");
    }

    #[test]
    fn a_patient_whose_name_is_a_known_word_is_not_named() {
        assert_eq!(cleaner(&["brain"]).clean("MR Brain for Mr Brain"), "MR MR");
    }
}
