//! A report as the window shows and signs it. Its words are in `report_content.rs`.

use super::{CodeForm, ContentForm, Measurement, OrderView, ServerReportView, SourceView, WoundView};
use crate::problem::Problem;
use medsight_record::report::changes::ChangeKind;
use medsight_record::report::{CriticalResult, Urgency};
use medsight_record::{AnnotationId, ReportId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

/// Who signed and when.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SignatureView {
    /// Name at that time.
    pub name: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// A signed version.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct VersionView {
    /// From 1.
    pub number: u32,
    /// Word of the status.
    pub status: String,
    /// Who signed.
    pub signatures: Vec<SignatureView>,
    /// Why it was changed.
    pub reason: Option<String>,
    /// What was added.
    pub addendum: Option<String>,
    /// The text as people read it.
    pub plain: String,
    /// The words.
    pub content: ContentForm,
}

/// A critical result and how it was passed on.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CriticalForm {
    /// A UUID that the window makes: sent twice it is one.
    pub id: String,
    /// What was found.
    pub result: String,
    /// `minutes`, `hours`, `days`.
    #[ts(type = "\"minutes\" | \"hours\" | \"days\"")]
    pub urgency: Urgency,
    /// Who was told.
    pub told: String,
    /// `phone`, `in_person`, `message`.
    pub by_way_of: String,
    /// Milliseconds since 1970.
    pub told_at_ms: i64,
    /// The other repeated it.
    pub is_read_back: bool,
}

/// A report with its history.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ReportView {
    /// Its name, a UUID.
    pub id: String,
    /// Word of the status.
    pub status: String,
    /// Versions, oldest first.
    pub versions: Vec<VersionView>,
    /// What is being written.
    pub working: Option<ContentForm>,
    /// Version the working text goes on from.
    pub base_version: u32,
    /// Number of the last save; 0 without a working text.
    pub saved: u32,
    /// When it was saved, milliseconds since 1970; 0 without a working text.
    pub saved_ms: i64,
    /// By whom.
    pub saved_by: String,
    /// Somebody signed since the working text was begun.
    pub is_in_conflict: bool,
    /// Critical results that were passed on.
    pub critical: Vec<CriticalForm>,
}

/// A form to begin with.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TemplateChoice {
    /// Its name for good.
    pub id: String,
    /// As it is shown.
    pub title: String,
    /// It fits the study best.
    pub fits: bool,
    /// The site or the account wrote it.
    pub is_of_site: bool,
}

/// A field as the template has it.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TemplateField {
    /// Section it stands in.
    pub section: String,
    /// Its name.
    pub key: String,
    /// Its label.
    pub label: String,
    /// Unit of a number, or empty.
    pub unit: String,
    /// What can be chosen; none: it is filled in.
    pub choices: Vec<NamedCode>,
}

/// Words with a code.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct NamedCode {
    /// As it is shown.
    pub words: String,
    /// The code, where there is one.
    pub code: Option<CodeForm>,
}

/// An abbreviation.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MacroWords {
    /// What is typed.
    pub short: String,
    /// What it becomes.
    pub text: String,
}

/// A measurement or key image that can be taken over.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Quotable {
    /// What it is, and its numbers.
    pub measurement: Measurement,
    /// Its revision now.
    pub revision: i64,
    /// Series Instance UID.
    pub series_uid: String,
    /// SOP Instance UID, where it is on an image.
    pub instance_uid: Option<String>,
    /// Frame of it, from 0.
    pub frame: u32,
}

/// An earlier examination of the patient, and what was reported.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PriorReport {
    /// Study Instance UID.
    pub study_uid: String,
    /// Date, modality and description.
    pub words: String,
    /// Its report, where one is here.
    pub report: Option<String>,
    /// Version of it.
    pub version: u32,
    /// Word of its status.
    pub status: String,
    /// Its text as people read it.
    pub plain: String,
    /// Its impression, or its findings where it has none.
    pub summary: String,
}

/// Asks for the reports of a study.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportRequest {
    /// Study Instance UID.
    pub study_uid: String,
    /// `YYYY-MM-DD` on the person's calendar, for the patient's age.
    pub today: String,
    /// A person has opened the page; else it is read again because something changed.
    pub is_opened: bool,
    /// Earlier reports of other systems of every kind; else of radiology, and those that say of no kind that they are.
    pub all_kinds: bool,
}

/// Everything the report page shows.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ReportPage {
    /// Study Instance UID.
    pub study_uid: String,
    /// `NAME^GIVEN · 1957-03-14 (69 F) · ID 004711`.
    pub identity: String,
    /// Date, modality and description of the study.
    pub about: String,
    /// Reports of the study, oldest first.
    pub reports: Vec<ReportView>,
    /// Forms to begin with, those that fit first.
    pub templates: Vec<TemplateChoice>,
    /// What can be taken over from the light box.
    pub quotables: Vec<Quotable>,
    /// Earlier examinations, newest first.
    pub priors: Vec<PriorReport>,
    /// Reports that other systems have of the patient, newest first.
    pub server_reports: Vec<ServerReportView>,
    /// How these systems answered when they were asked for them.
    pub server_sources: Vec<SourceView>,
    /// What other systems observed of the patient's wounds, newest first.
    pub wounds: Vec<WoundView>,
    /// How these systems answered when they were asked for it.
    pub wound_sources: Vec<SourceView>,
    /// What the examination was asked for.
    pub orders: Vec<OrderView>,
    /// Abbreviations.
    pub macros: Vec<MacroWords>,
    /// Findings that can be coded.
    pub findings: Vec<NamedCode>,
    /// Places in the body.
    pub sites: Vec<NamedCode>,
}

/// Asks for the words a report begins with.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TemplateRequest {
    /// Name of the template.
    pub template: String,
}

/// What a report begins with.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TemplateStart {
    /// The words.
    pub content: ContentForm,
    /// Fields of its sections.
    pub fields: Vec<TemplateField>,
}

/// Keeps what is being written.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SaveReportRequest {
    /// Name of the report, a UUID; a new one begins a report.
    pub report: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// The words.
    pub content: ContentForm,
    /// Version it goes on from; 0 for none.
    pub base_version: u32,
    /// Save it goes on from; 0 for the first.
    pub saved: u32,
}

/// It is on the disk.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ReportSaved {
    /// Number of the save.
    pub saved: u32,
    /// When, milliseconds since 1970.
    pub saved_ms: i64,
}

/// Signs a report.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignReportRequest {
    /// Name of the report.
    pub report: String,
    /// `preliminary`, `final`, `addendum`, `amend`, `entered_in_error`.
    #[ts(type = "\"preliminary\" | \"final\" | \"addendum\" | \"amend\" | \"entered_in_error\"")]
    pub act: String,
    /// The reason, or the text of an addendum.
    pub words: String,
    /// The version that is signed upon; 0 for none.
    pub base_version: u32,
}

/// Names a report.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportChoice {
    /// Its name.
    pub report: String,
}

/// Asks for a version as PDF where the person says.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportPdfRequest {
    /// The report.
    pub report: String,
    /// The version, from 1.
    pub version: u32,
    /// Minutes by which the person's clock is ahead of UTC.
    pub utc_offset_min: i32,
}

/// A critical result was passed on.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TellCriticalRequest {
    /// The report.
    pub report: String,
    /// What, to whom, when.
    pub critical: CriticalForm,
}

/// Asks what differs between two texts.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompareRequest {
    /// The older text.
    pub old: String,
    /// The newer text.
    pub new: String,
}

/// A piece of text and what became of it.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TextChange {
    /// `same`, `added`, `removed`.
    #[ts(type = "\"same\" | \"added\" | \"removed\"")]
    pub kind: ChangeKind,
    /// The words.
    pub text: String,
}

/// Shows the place of an annotation on the light box.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShowPlaceRequest {
    /// Study Instance UID.
    pub study_uid: String,
    /// Name of the annotation.
    pub annotation: String,
}

impl From<CriticalResult> for CriticalForm {
    fn from(critical: CriticalResult) -> Self {
        Self {
            id: critical.id.to_string(),
            result: critical.result,
            urgency: critical.urgency,
            told: critical.told,
            by_way_of: critical.by_way_of,
            told_at_ms: critical.told_at.0,
            is_read_back: critical.is_read_back,
        }
    }
}

impl TryFrom<CriticalForm> for CriticalResult {
    type Error = Problem;

    fn try_from(form: CriticalForm) -> Result<Self, Problem> {
        Ok(Self {
            id: uuid(&form.id)?,
            result: form.result.trim().to_owned(),
            urgency: form.urgency,
            told: form.told.trim().to_owned(),
            by_way_of: form.by_way_of,
            told_at: medsight_base::Timestamp(form.told_at_ms),
            is_read_back: form.is_read_back,
        })
    }
}

fn uuid(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| crate::problem::Fault::BadRequest("this is no name of a record.".into()).into())
}

/// The report of a name.
pub(crate) fn report_id(text: &str) -> Result<ReportId, Problem> {
    uuid(text).map(ReportId)
}

/// The annotation of a name.
pub(crate) fn annotation_id(text: &str) -> Result<AnnotationId, Problem> {
    uuid(text).map(AnnotationId)
}
