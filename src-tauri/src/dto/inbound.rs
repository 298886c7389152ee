//! Orders, earlier reports and wounds of other systems, and how these systems answered, as the person sees them.

use crate::problem::Problem;
use medsight_record::{
    Found, KnownCopy, KnownOrder, KnownServerReport, Patient, When, WoundObservation, WoundValue,
};
use medsight_sync::OfPatient;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// An order of another system.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    /// Name of the source.
    pub source: String,
    /// What the source calls it: with the source its name for good.
    pub place: String,
    /// `open`, `on_hold`, `completed`, `withdrawn`.
    pub status: String,
    /// The source no longer has it.
    pub is_gone: bool,
    /// `stat`, `urgent`, `routine`; empty where nothing is said.
    pub priority: String,
    /// Patient's name.
    pub name: String,
    /// Patient ID.
    pub id: String,
    /// Accession number.
    pub accession: String,
    /// What was asked for.
    pub procedure: String,
    /// Its code: `24627-2 · http://loinc.org`; empty without one.
    pub code: String,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub requester: String,
    /// Who or what is to do it.
    pub performer: String,
    /// Modality.
    pub modality: String,
    /// When it was asked for: milliseconds since 1970, or the words of the source's own calendar.
    pub requested: Option<OrderTime>,
    /// When it is to be done.
    pub scheduled: Option<OrderTime>,
    /// Until when, milliseconds since 1970.
    pub due_ms: Option<i64>,
    /// Who has it at the source; empty where nobody has.
    pub owner: String,
    /// How far that is: FHIR's word of a Task, or empty.
    pub task_status: String,
    /// When the source last said so, milliseconds since 1970.
    pub seen_ms: i64,
}

/// A time as another system tells it: one of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct OrderTime {
    /// Milliseconds since 1970.
    pub at_ms: Option<i64>,
    /// `2026-11-23 08:30`, of the source's own clock.
    pub local: String,
}

impl From<&When> for OrderTime {
    fn from(when: &When) -> Self {
        match when {
            When::At(at) => Self { at_ms: Some(at.0), local: String::new() },
            When::Local(text) => Self { at_ms: None, local: text.clone() },
        }
    }
}

impl From<KnownOrder> for OrderView {
    fn from(known: KnownOrder) -> Self {
        let (priority, due_at) = (known.priority(), known.due_at());
        let order = known.order;
        let task = known.task.unwrap_or_default();
        Self {
            status: order.status.word().to_owned(),
            is_gone: known.gone,
            priority: priority.map(|one| one.word().to_owned()).unwrap_or_default(),
            requested: order.requested.as_ref().map(OrderTime::from),
            scheduled: order.scheduled.as_ref().map(OrderTime::from),
            code: order.code.map(|code| format!("{} · {}", code.value, code.scheme)).unwrap_or_default(),
            source: order.source,
            place: order.place,
            name: order.patient.name,
            id: order.patient.id,
            accession: order.accession,
            procedure: order.procedure,
            reason: order.reason,
            requester: order.requester,
            performer: order.performer,
            modality: order.modality,
            due_ms: due_at.map(|at| at.0),
            owner: task.owner,
            task_status: task.status,
            seen_ms: known.seen_at.0,
        }
    }
}

/// Asks for orders that no study here answers yet.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedRequest {
    /// Words over patient, accession number and procedure.
    pub text: String,
}

/// Orders that no study here answers yet.
#[derive(Clone, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedOrders {
    /// The settings have a source of orders.
    pub is_set_up: bool,
    /// One of them is asked again and again.
    pub asks_by_itself: bool,
    /// How many there are.
    pub total: u32,
    /// The first of them: the most urgent, then by time.
    pub orders: Vec<OrderView>,
}

/// How one source answered.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// `fhir` or `worklist`.
    pub system: String,
    /// Words of what it brings: `orders`, `reports`, `wounds`.
    pub brings: Vec<String>,
    /// Minutes from one asking for orders to the next; 0: only when a person asks.
    pub every_min: u16,
    /// When it was last asked, milliseconds since 1970.
    pub asked_ms: Option<i64>,
    /// When it last answered to the end.
    pub answered_ms: Option<i64>,
    /// Since when it does not.
    pub failing_since_ms: Option<i64>,
    /// Tries in vain since then.
    pub attempts: u32,
    /// Why not, and what to do.
    pub problem: Option<Problem>,
    /// It has more of this patient than was read: it can be read further.
    pub has_more: bool,
}

/// Where orders and earlier reports come from.
#[derive(Clone, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct InboundView {
    /// Sources of the settings.
    pub sources: Vec<SourceView>,
    /// They are being asked now.
    pub is_asking: bool,
}

/// A report of another system: to be read, not to be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ServerReportView {
    /// Name of the source.
    pub source: String,
    /// What the source calls it.
    pub place: String,
    /// Its version there.
    pub version: String,
    /// FHIR's word of its status.
    pub status: String,
    /// It was withdrawn: what it says does not hold.
    pub is_withdrawn: bool,
    /// The source no longer has it.
    pub is_gone: bool,
    /// Of what kind it is, in the source's words; empty where it is known to be of radiology, or says nothing.
    pub category: String,
    /// What it is a report of.
    pub title: String,
    /// Day of the examination.
    pub effective: String,
    /// When this version was given out, milliseconds since 1970.
    pub issued_ms: Option<i64>,
    /// Who wrote it.
    pub performer: String,
    /// Its words.
    pub text: String,
    /// It has more words than are kept here.
    pub is_cut: bool,
    /// Content types of forms that are no plain text.
    pub other_forms: Vec<String>,
    /// When the source last said so, milliseconds since 1970.
    pub seen_ms: i64,
    /// The patient as the source has them; empty where it told only the number.
    pub identity: String,
    /// What the source says of the patient is not what the study says: it may be somebody else with the same number.
    pub is_doubtful: bool,
}

impl ServerReportView {
    /// A report that a source has under the number of a patient.
    pub(crate) fn of(known: KnownServerReport, patient: &Patient) -> Self {
        let report = known.said;
        let (identity, is_doubtful) = whom(report.patient.as_ref(), patient);
        Self {
            identity,
            is_doubtful,
            is_withdrawn: report.is_withdrawn(),
            is_gone: known.gone,
            issued_ms: report.issued_at.map(|at| at.0),
            seen_ms: known.seen_at.0,
            category: if report.is_radiology { String::new() } else { report.category },
            source: report.source,
            place: report.place,
            version: report.version,
            status: report.status,
            title: report.title,
            effective: report.effective,
            performer: report.performer,
            text: report.text,
            is_cut: report.is_cut,
            other_forms: report.other_forms,
        }
    }
}

/// Who a source says that something is about, and whether that may be somebody else than the patient.
fn whom(there: Option<&Patient>, patient: &Patient) -> (String, bool) {
    let identity = there.map(|there| there.identity_line(None)).unwrap_or_default();
    (identity, there.is_some_and(|there| !there.may_be(patient)))
}

/// What is asked of the sources about the patient of a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum OfPatientForm {
    /// Reports of radiology, and those that say of no kind that they are.
    Reports,
    /// Reports of every kind.
    AllReports,
    /// What was observed of wounds.
    Wounds,
}

impl From<OfPatientForm> for OfPatient {
    fn from(form: OfPatientForm) -> Self {
        match form {
            OfPatientForm::Reports => Self::Reports,
            OfPatientForm::AllReports => Self::AllReports,
            OfPatientForm::Wounds => Self::Wounds,
        }
    }
}

/// Has the sources asked about the patient of a study.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfPatientRequest {
    /// Study Instance UID.
    pub study_uid: String,
    /// What for.
    pub what: OfPatientForm,
    /// For what comes after what was read.
    pub further: bool,
}

/// What another system observed of a wound: to be read, not to be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct WoundView {
    /// Name of the source.
    pub source: String,
    /// What the source calls it.
    pub place: String,
    /// Its version there.
    pub version: String,
    /// FHIR's word of its status.
    pub status: String,
    /// It was withdrawn: what it says does not hold.
    pub is_withdrawn: bool,
    /// The source no longer has it.
    pub is_gone: bool,
    /// LOINC code of what was observed: its name is under `wound.code.`.
    pub code: String,
    /// The same in the source's words.
    pub what: String,
    /// Day, as the source's calendar has it; may be empty.
    pub effective: String,
    /// The moment, where one is told, milliseconds since 1970.
    pub effective_ms: Option<i64>,
    /// Where on the body, in the source's words.
    pub site: String,
    /// How it was found, in the source's words.
    pub method: String,
    /// Who did it.
    pub performer: String,
    /// What was found.
    pub values: Vec<WoundValueView>,
    /// When the source last said so, milliseconds since 1970.
    pub seen_ms: i64,
    /// The patient as the source has them; empty where it told only the number.
    pub identity: String,
    /// What the source says of the patient is not what the study says: it may be somebody else with the same number.
    pub is_doubtful: bool,
}

/// One value of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct WoundValueView {
    /// LOINC code of the part that it is the value of; empty for the whole and where there is none.
    pub code: String,
    /// The part in the source's words; empty for the whole.
    pub what: String,
    /// The value.
    pub found: FoundView,
}

/// A value as the source has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "kind", content = "with", rename_all = "snake_case")]
pub enum FoundView {
    /// Digits and unit as they came; the unit may be empty.
    Quantity([String; 2]),
    /// Words.
    Words(String),
    /// Whether it is so.
    Truth(bool),
    /// No value, and why.
    Absent(String),
    /// A kind of value that stays at the source.
    Elsewhere(String),
}

impl WoundView {
    /// What a source has under the number of a patient; `site`: where its panel says that it is, where it does not say itself.
    pub(crate) fn of(known: KnownCopy<WoundObservation>, site: Option<&str>, patient: &Patient) -> Self {
        let one = known.said;
        let (identity, is_doubtful) = whom(one.patient.as_ref(), patient);
        Self {
            identity,
            is_doubtful,
            is_withdrawn: one.is_withdrawn(),
            is_gone: known.gone,
            seen_ms: known.seen_at.0,
            effective_ms: one.effective_at.map(|at| at.0),
            site: if one.site.is_empty() { site.unwrap_or_default().to_owned() } else { one.site },
            values: one.values.into_iter().map(WoundValueView::from).collect(),
            source: one.source,
            place: one.place,
            version: one.version,
            status: one.status,
            code: one.code,
            what: one.what,
            effective: one.effective,
            method: one.method,
            performer: one.performer,
        }
    }
}

impl From<WoundValue> for WoundValueView {
    fn from(value: WoundValue) -> Self {
        let found = match value.found {
            Found::Quantity { number, unit } => FoundView::Quantity([number, unit]),
            Found::Words(words) => FoundView::Words(words),
            Found::Truth(is_so) => FoundView::Truth(is_so),
            Found::Absent(why) => FoundView::Absent(why),
            Found::Elsewhere(form) => FoundView::Elsewhere(form),
        };
        Self { code: value.code, what: value.what, found }
    }
}
