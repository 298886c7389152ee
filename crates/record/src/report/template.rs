//! The forms a report begins with, and the abbreviations that become sentences: data in `assets/reports`, which a site
//! may add to.
//!
//! Like RadReport's templates (IHE MRRT) they have sections, text to begin with, and fields to choose or fill in. Codes
//! of documents and headings are those of PS3.16 CID 7000 and 7001.

use super::{Content, Section, site_forms};
use crate::words::Locale;
use crate::{CodedName, StudyRecord};
use serde::Deserialize;

/// A text in the three languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// English.
    #[serde(default)]
    pub en: String,
    /// Spanish.
    #[serde(default)]
    pub es: String,
    /// German.
    #[serde(default)]
    pub de: String,
}

impl Texts {
    /// The text of a language.
    #[must_use]
    pub fn of(&self, locale: Locale) -> &str {
        match locale {
            Locale::En => &self.en,
            Locale::Es => &self.es,
            Locale::De => &self.de,
        }
    }

    /// Whether there are words of a language.
    #[must_use]
    pub fn has(&self, locale: Locale) -> bool {
        !self.of(locale).trim().is_empty()
    }
}

/// A code as data files write it: value, scheme, meaning.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "(String, String, String)")]
pub struct Code(pub CodedName);

impl From<(String, String, String)> for Code {
    fn from((value, scheme, meaning): (String, String, String)) -> Self {
        Self(CodedName { value, scheme, meaning })
    }
}

/// One of the values that can be chosen for a field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// As it is read.
    pub words: Texts,
    /// What it means, where that is coded.
    #[serde(default)]
    pub code: Option<Code>,
}

/// A field of a section. Without choices it is a text or, with a unit, a number.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name, unique in the section.
    pub key: String,
    /// What stands before it.
    pub label: Texts,
    /// Unit (UCUM) of a number.
    #[serde(default)]
    pub unit: Option<String>,
    /// What can be chosen.
    #[serde(default)]
    pub choices: Vec<Choice>,
}

/// A section as a report begins with it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateSection {
    /// Its name, unique in the template.
    pub key: String,
    /// What the heading means.
    #[serde(default)]
    pub code: Option<Code>,
    /// The heading.
    pub heading: Texts,
    /// Text to begin with. `[___]` is a place to fill in.
    #[serde(default)]
    pub text: Texts,
    /// Fields before the text.
    #[serde(default, rename = "field")]
    pub fields: Vec<Field>,
}

/// A form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name for good.
    pub id: String,
    /// Title of the report, and name in the list of forms.
    pub title: Texts,
    /// What kind of report it makes.
    #[serde(default)]
    pub code: Option<Code>,
    /// Modalities (0008,0060) it is for; none: all.
    #[serde(default)]
    pub modalities: Vec<String>,
    /// Words of a study's description or body part that it is for, in lower case; none: any.
    #[serde(default)]
    pub words: Vec<String>,
    /// In the order in which they are read.
    #[serde(rename = "section")]
    pub sections: Vec<TemplateSection>,
}

impl Template {
    /// The forms that come with the program.
    ///
    /// # Panics
    /// When a built-in file is wrong: a test reads all of them.
    #[must_use]
    pub fn built_in() -> Vec<Self> {
        const FILES: [&str; 11] = [
            include_str!("../../../../assets/reports/general.toml"),
            include_str!("../../../../assets/reports/ct_chest.toml"),
            include_str!("../../../../assets/reports/ct_abdomen.toml"),
            include_str!("../../../../assets/reports/ct_head.toml"),
            include_str!("../../../../assets/reports/mr_head.toml"),
            include_str!("../../../../assets/reports/xr_chest.toml"),
            include_str!("../../../../assets/reports/us_abdomen.toml"),
            include_str!("../../../../assets/reports/pet.toml"),
            include_str!("../../../../assets/reports/mr_spine.toml"),
            include_str!("../../../../assets/reports/us_thyroid.toml"),
            include_str!("../../../../assets/reports/us_leg_veins.toml"),
        ];
        let read =
            |text: &&str| site_forms::read("assets/reports", text, &[]).unwrap_or_else(|e| panic!("{e}"));
        FILES.iter().map(read).collect()
    }

    /// How well the form fits a study: 0 not at all, 1 any study, more for its modality and for words of its description.
    #[must_use]
    pub fn fits(&self, study: &StudyRecord) -> u32 {
        let modality = self.modalities.iter().any(|m| study.modalities.iter().any(|of| of == m));
        if !self.modalities.is_empty() && !modality {
            return 0;
        }
        let description = study.description.to_lowercase();
        let words = self.words.iter().any(|word| description.contains(word.as_str()));
        if !self.words.is_empty() && !words {
            return 1;
        }
        1 + u32::from(modality) + 2 * u32::from(words)
    }

    /// The language in which it is read: the one that is asked for, else the first that it has.
    #[must_use]
    pub fn language(&self, asked: Locale) -> Locale {
        let has = |locale: &Locale| self.title.has(*locale);
        [asked].into_iter().chain(Locale::ALL).find(has).unwrap_or(asked)
    }

    /// The words a report begins with, in a language, or in [`Self::language`] where it does not have that one.
    #[must_use]
    pub fn begin(&self, asked: Locale) -> Content {
        let locale = self.language(asked);
        let code = |code: &Option<Code>| code.as_ref().map(|code| code.0.clone());
        Content {
            template: self.id.clone(),
            language: locale.code().to_owned(),
            code: code(&self.code),
            title: self.title.of(locale).to_owned(),
            sections: self
                .sections
                .iter()
                .map(|section| Section {
                    key: section.key.clone(),
                    code: code(&section.code),
                    heading: section.heading.of(locale).to_owned(),
                    text: section.text.of(locale).to_owned(),
                    fields: Vec::new(),
                })
                .collect(),
            ..Content::default()
        }
    }
}

/// An abbreviation that becomes a sentence when a space is typed behind it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Macro {
    /// What is typed, with its dot: `.norm`.
    pub short: String,
    /// What it becomes.
    pub text: Texts,
}

/// A finding that can be chosen by name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownFinding {
    /// What it is.
    pub code: Code,
    /// Its name.
    pub words: Texts,
}

/// Macros and codes that come with the program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phrases {
    /// Abbreviations.
    #[serde(rename = "macro")]
    pub macros: Vec<Macro>,
    /// Findings.
    #[serde(rename = "finding")]
    pub findings: Vec<KnownFinding>,
    /// Places in the body.
    #[serde(rename = "site")]
    pub sites: Vec<KnownFinding>,
}

impl Phrases {
    /// Those that come with the program.
    ///
    /// # Panics
    /// When the built-in file is wrong: a test reads it.
    #[must_use]
    pub fn built_in() -> Self {
        let text = include_str!("../../../../assets/reports/phrases.toml");
        toml::from_str(text).unwrap_or_else(|why| panic!("assets/reports/phrases.toml: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::rules::OPEN_PLACE;

    fn whole(texts: &Texts) -> bool {
        Locale::ALL.iter().all(|locale| !texts.of(*locale).trim().is_empty())
    }

    #[test]
    fn every_form_has_its_words_in_every_language() {
        for template in Template::built_in() {
            assert!(whole(&template.title), "{}", template.id);
            for section in &template.sections {
                assert!(whole(&section.heading), "{} {}", template.id, section.key);
                let texts = Locale::ALL.map(|locale| section.text.of(locale));
                let places = texts.map(|text| text.matches(OPEN_PLACE).count());
                assert!(texts.iter().all(|t| t.is_empty()) || whole(&section.text), "{}", section.key);
                assert!(places.iter().all(|count| *count == places[0]), "{} {}", template.id, section.key);
                for field in &section.fields {
                    assert!(whole(&field.label), "{}", field.key);
                    assert!(field.choices.iter().all(|choice| whole(&choice.words)), "{}", field.key);
                    assert!(field.unit.is_none() || field.choices.is_empty(), "{}", field.key);
                }
            }
        }
    }

    #[test]
    fn every_report_says_what_was_found_and_what_it_means() {
        for template in Template::built_in() {
            let content = template.begin(Locale::De);
            for key in ["findings", "impression"] {
                let section = content.section(key);
                assert!(section.is_some_and(|s| s.code.is_some()), "{} has no {key}", template.id);
            }
        }
    }

    #[test]
    fn abbreviations_are_of_one_meaning_and_begin_with_a_dot() {
        let phrases = Phrases::built_in();
        let mut shorts: Vec<&str> = phrases.macros.iter().map(|m| m.short.as_str()).collect();
        assert!(shorts.iter().all(|short| short.starts_with('.') && short.len() > 1));
        assert!(phrases.macros.iter().all(|m| whole(&m.text)));
        assert!(phrases.findings.iter().chain(&phrases.sites).all(|known| whole(&known.words)));
        let count = shorts.len();
        shorts.sort_unstable();
        shorts.dedup();
        assert_eq!(shorts.len(), count);
    }

    #[test]
    fn a_study_of_other_veins_or_of_the_neck_begins_with_no_form_that_says_the_leg_or_the_gland_is_well() {
        let of = |id: &str, description: &str| {
            let study = StudyRecord {
                uid: medsight_base::StudyUid::parse("1.2").unwrap(),
                patient: crate::Patient::default(),
                date: None,
                time: String::new(),
                accession: String::new(),
                description: description.into(),
                modalities: vec!["US".into()],
                series_count: 1,
                instance_count: 1,
                bytes: 1,
                state: crate::ReadState::Unread,
                imported_at: medsight_base::Timestamp(0),
                work: crate::Work::default(),
            };
            Template::built_in().iter().find(|form| form.id == id).unwrap().fits(&study) > 1
        };
        for leg in
            ["US Duplex Beinvenen links", "DVT right leg", "Venous duplex lower extremity", "Leg veins"]
        {
            assert!(of("us_leg_veins", leg), "{leg}");
        }
        for other in ["Jugularvene", "Armvenen", "Portal vein", "Vena cava", "Schlüsselbein", "Steißbein"] {
            assert!(!of("us_leg_veins", other), "{other}");
        }
        assert!(of("us_thyroid", "US Schilddrüse") && of("us_thyroid", "Thyroid and neck"));
        for other in ["Halsgefäße", "Neck carotid duplex", "Cuello"] {
            assert!(!of("us_thyroid", other), "{other}");
        }
    }
}
