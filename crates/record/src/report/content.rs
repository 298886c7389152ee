//! The words of a report: sections, what they quote from the images, findings in codes, what it was compared with.

use super::ReportId;
use crate::{AnnotationId, CodedName, ImageRef};
use medsight_base::{SeriesUid, StudyUid};
use serde::{Deserialize, Serialize};

/// One heading with what is written under it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Name in its template, such as `findings`.
    pub key: String,
    /// What the heading means (PS3.16 CID 7001), where that is coded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodedName>,
    /// The heading as it was written, in the language of the report.
    pub heading: String,
    /// Plain text. `[M1]`, `[K1]` name quotes of the report.
    #[serde(default)]
    pub text: String,
    /// What was chosen or filled in, in the template's order. It is read before the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldValue>,
}

impl Section {
    /// True where nothing was written and nothing chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.fields.iter().all(|field| field.value.trim().is_empty())
    }
}

/// A field of a section that was filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldValue {
    /// Name in its template.
    pub key: String,
    /// Its label as it was read, in the language of the report.
    pub label: String,
    /// The value as it is read, with its unit.
    pub value: String,
    /// What the value means, where that is coded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodedName>,
}

/// Something from the light box that the report speaks of, with the way back to its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// How the text names it: `M1` for the first measurement, `K1` for the first key image.
    pub label: String,
    /// What was drawn or marked.
    pub annotation: AnnotationId,
    /// The revision that was quoted: a later one differs from the report.
    pub revision: i64,
    /// The words and numbers at that time, such as `Length 23.4 mm (pixel spacing)`.
    pub words: String,
    /// Series of the image.
    pub series: SeriesUid,
    /// The image, where it is on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
}

/// A finding in codes, beside the free text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodedFinding {
    /// What is found.
    pub finding: CodedName,
    /// Where in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<CodedName>,
    /// `left`, `right`, `both`, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub laterality: String,
    /// True where the reader says that it is not there.
    #[serde(default)]
    pub is_absent: bool,
    /// Labels of the quotes that belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<String>,
}

/// The examination that the reader compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The earlier study.
    pub study: StudyUid,
    /// Its date as it was shown, and what it was.
    pub words: String,
    /// Its report, and which version of it, where one was at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<(ReportId, u32)>,
}

/// Everything that is written in a report: what is signed is this.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// Id of the template it began with; empty for a free text.
    #[serde(default)]
    pub template: String,
    /// Two-letter code of the language it is written in.
    pub language: String,
    /// What kind of report it is (PS3.16 CID 7000).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodedName>,
    /// Its title, in its language.
    pub title: String,
    /// In the order in which they are read.
    pub sections: Vec<Section>,
    /// Measurements and key images that are spoken of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<Quote>,
    /// Findings in codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<CodedFinding>,
    /// What it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

impl Content {
    /// The section of a key.
    #[must_use]
    pub fn section(&self, key: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.key == key)
    }

    /// The text as people read it: headings and what stands under them, labels replaced by what they name.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut plain = String::new();
        for section in self.sections.iter().filter(|section| !section.is_empty()) {
            if !plain.is_empty() {
                plain.push_str("\n\n");
            }
            plain.push_str(&section.heading);
            for field in section.fields.iter().filter(|field| !field.value.trim().is_empty()) {
                plain.push_str(&format!("\n{}: {}", field.label, field.value.trim()));
            }
            if !section.text.trim().is_empty() {
                plain.push('\n');
                plain.push_str(&self.spoken(&section.text));
            }
        }
        plain
    }

    /// A text with `[M1]` and the like replaced by the words of the quote.
    #[must_use]
    pub fn spoken(&self, text: &str) -> String {
        self.quotes.iter().fold(text.trim().to_owned(), |text, quote| {
            text.replace(&format!("[{}]", quote.label), &quote.words)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_report_is_read_with_the_numbers_that_its_text_names() {
        let quote = Quote {
            label: "M1".into(),
            annotation: AnnotationId(Uuid::from_u128(1)),
            revision: 1,
            words: "23.4 mm (pixel spacing)".into(),
            series: SeriesUid::parse("2.25.1").unwrap(),
            image: None,
        };
        let field =
            FieldValue { key: "contrast".into(), label: "Contrast".into(), value: "none".into(), code: None };
        let section = |key: &str, heading: &str, text: &str| Section {
            key: key.into(),
            heading: heading.into(),
            text: text.into(),
            ..Section::default()
        };
        let mut technique = section("technique", "Technique", "");
        technique.fields.push(field);
        let content = Content {
            sections: vec![
                technique,
                section("findings", "Findings", "Node of [M1]. [M2] is no quote.\n"),
                section("impression", "Impression", " "),
            ],
            quotes: vec![quote],
            ..Content::default()
        };
        let wanted =
            "Technique\nContrast: none\n\nFindings\nNode of 23.4 mm (pixel spacing). [M2] is no quote.";
        assert_eq!(content.plain(), wanted);
    }
}
