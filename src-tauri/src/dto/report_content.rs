//! The words of a report as the window writes them.

use super::{annotation_id, report_id};
use crate::problem::Problem;
use medsight_base::{InstanceUid, SeriesUid, StudyUid};
use medsight_record::report::{CodedFinding, Compared, Content, FieldValue, Quote, Section};
use medsight_record::{CodedName, ImageRef};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CodeForm {
    /// Code value.
    pub value: String,
    /// Coding scheme.
    pub scheme: String,
    /// Code meaning.
    pub meaning: String,
}

/// A field that was filled in.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldForm {
    /// Name in its template.
    pub key: String,
    /// Its label.
    pub label: String,
    /// As it is read.
    pub value: String,
    /// What it means, where that is coded.
    pub code: Option<CodeForm>,
}

/// One heading with what is written under it.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SectionForm {
    /// Name in its template.
    pub key: String,
    /// What the heading means.
    pub code: Option<CodeForm>,
    /// The heading.
    pub heading: String,
    /// The text; `[M1]` names a quote.
    pub text: String,
    /// Fields that were filled in.
    pub fields: Vec<FieldForm>,
}

/// Something from the light box that the report speaks of.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuoteForm {
    /// `M1`, `K1`.
    pub label: String,
    /// Name of the annotation.
    pub annotation: String,
    /// Revision that was quoted.
    pub revision: i64,
    /// The words and numbers.
    pub words: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// SOP Instance UID, where it is on an image.
    pub instance_uid: Option<String>,
    /// Frame of it, from 0.
    pub frame: u32,
}

/// A finding in codes.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindingForm {
    /// What is found.
    pub finding: CodeForm,
    /// Where.
    pub site: Option<CodeForm>,
    /// `left`, `right`, `both` or empty.
    pub laterality: String,
    /// It is not there.
    pub is_absent: bool,
    /// Labels of quotes.
    pub quotes: Vec<String>,
}

/// What it was compared with.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ComparedForm {
    /// Study Instance UID.
    pub study_uid: String,
    /// Date and description as shown.
    pub words: String,
    /// Its report.
    pub report: Option<String>,
    /// Version of its report.
    pub version: u32,
}

/// Everything that is written in a report.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContentForm {
    /// Template it began with.
    pub template: String,
    /// Two-letter language.
    pub language: String,
    /// What kind of report.
    pub code: Option<CodeForm>,
    /// Title.
    pub title: String,
    /// Sections in reading order.
    pub sections: Vec<SectionForm>,
    /// What is quoted.
    pub quotes: Vec<QuoteForm>,
    /// Coded findings.
    pub findings: Vec<FindingForm>,
    /// What it was compared with.
    pub compared: Option<ComparedForm>,
}

impl From<CodedName> for CodeForm {
    fn from(code: CodedName) -> Self {
        Self { value: code.value, scheme: code.scheme, meaning: code.meaning }
    }
}

impl From<CodeForm> for CodedName {
    fn from(code: CodeForm) -> Self {
        Self { value: code.value, scheme: code.scheme, meaning: code.meaning }
    }
}

impl From<FieldValue> for FieldForm {
    fn from(field: FieldValue) -> Self {
        Self { key: field.key, label: field.label, value: field.value, code: field.code.map(Into::into) }
    }
}

impl From<FieldForm> for FieldValue {
    fn from(field: FieldForm) -> Self {
        Self { key: field.key, label: field.label, value: field.value, code: field.code.map(Into::into) }
    }
}

impl From<Content> for ContentForm {
    fn from(content: Content) -> Self {
        let code = |code: Option<CodedName>| code.map(CodeForm::from);
        Self {
            template: content.template,
            language: content.language,
            code: code(content.code),
            title: content.title,
            sections: content
                .sections
                .into_iter()
                .map(|s| SectionForm {
                    key: s.key,
                    code: code(s.code),
                    heading: s.heading,
                    text: s.text,
                    fields: s.fields.into_iter().map(Into::into).collect(),
                })
                .collect(),
            quotes: content
                .quotes
                .into_iter()
                .map(|q| QuoteForm {
                    label: q.label,
                    annotation: q.annotation.0.to_string(),
                    revision: q.revision,
                    words: q.words,
                    series_uid: q.series.to_string(),
                    frame: q.image.as_ref().map_or(0, |image| image.frame),
                    instance_uid: q.image.map(|image| image.instance.to_string()),
                })
                .collect(),
            findings: content
                .findings
                .into_iter()
                .map(|f| FindingForm {
                    finding: f.finding.into(),
                    site: code(f.site),
                    laterality: f.laterality,
                    is_absent: f.is_absent,
                    quotes: f.quotes,
                })
                .collect(),
            compared: content.compared.map(|c| ComparedForm {
                study_uid: c.study.to_string(),
                words: c.words,
                version: c.report.map_or(0, |(_, version)| version),
                report: c.report.map(|(id, _)| id.0.to_string()),
            }),
        }
    }
}

impl TryFrom<ContentForm> for Content {
    type Error = Problem;

    fn try_from(form: ContentForm) -> Result<Self, Problem> {
        let code = |code: Option<CodeForm>| code.map(CodedName::from);
        let sections = form.sections.into_iter().map(|s| Section {
            key: s.key,
            code: code(s.code),
            heading: s.heading,
            text: s.text,
            fields: s.fields.into_iter().map(Into::into).collect(),
        });
        let quotes = form.quotes.into_iter().map(|q| {
            let instance = q.instance_uid.as_deref().map(InstanceUid::parse).transpose()?;
            Ok(Quote {
                label: q.label,
                annotation: annotation_id(&q.annotation)?,
                revision: q.revision,
                words: q.words,
                series: SeriesUid::parse(&q.series_uid)?,
                image: instance.map(|instance| ImageRef { instance, frame: q.frame }),
            })
        });
        let findings = form.findings.into_iter().map(|f| CodedFinding {
            finding: f.finding.into(),
            site: code(f.site),
            laterality: f.laterality,
            is_absent: f.is_absent,
            quotes: f.quotes,
        });
        let compared = form.compared.map(|c| {
            let report = c.report.as_deref().map(report_id).transpose()?;
            Ok::<_, Problem>(Compared {
                study: StudyUid::parse(&c.study_uid)?,
                words: c.words,
                report: report.map(|id| (id, c.version)),
            })
        });
        Ok(Self {
            template: form.template,
            language: form.language,
            code: code(form.code),
            title: form.title,
            sections: sections.collect(),
            quotes: quotes.collect::<Result<_, Problem>>()?,
            findings: findings.collect(),
            compared: compared.transpose()?,
        })
    }
}
