//! Rows of the worklist, windows of them, and the counts beside the filters.

use medsight_record::{ReadState, StudyRecord};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Days from and to, each `YYYY-MM-DD`; an open end is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DateRange {
    /// First day.
    pub from: Option<String>,
    /// Last day, included.
    pub to: Option<String>,
}

/// What a person looks for. An empty list means no restriction by that property.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorklistFilter {
    /// Words over name, id, accession and description.
    pub text: String,
    /// Modalities, any of them.
    pub modalities: Vec<String>,
    /// Reading states, any of them.
    #[ts(type = "string[]")]
    pub states: Vec<ReadState>,
    /// Study date.
    pub dates: DateRange,
}

/// What the rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SortColumn {
    /// Patient's name.
    Name,
    /// Patient ID.
    Id,
    /// Study date and time.
    #[default]
    Date,
    /// Modality.
    Modality,
    /// Study description.
    Description,
    /// Number of images.
    Images,
    /// Reading state.
    State,
    /// Accession number.
    Accession,
    /// When it came to this computer.
    Imported,
    /// How urgent it is; of equal ones what came first.
    Priority,
}

/// One window of rows.
#[derive(Clone, Debug, Default, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorklistRequest {
    /// What to look for.
    pub filter: WorklistFilter,
    /// Column to sort by.
    pub sort: SortColumn,
    /// Last first.
    pub descending: bool,
    /// First row.
    pub offset: u32,
    /// Number of rows, 500 at most.
    pub limit: u32,
}

/// One study, as the worklist shows it.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct StudyRow {
    /// Study Instance UID.
    pub uid: String,
    /// Patient's name as in the file.
    pub name: String,
    /// Patient ID.
    pub id: String,
    /// Study date `YYYY-MM-DD`, or empty.
    pub date: String,
    /// Study time `HH:MM`, or empty.
    pub time: String,
    /// Accession number.
    pub accession: String,
    /// Study description.
    pub description: String,
    /// Modalities.
    pub modalities: Vec<String>,
    /// Number of series.
    pub series: u32,
    /// Number of images.
    pub images: u32,
    /// Bytes as they came in.
    pub bytes: u64,
    /// Reading state.
    #[ts(type = "string")]
    pub state: ReadState,
    /// When it came, milliseconds since 1970.
    pub imported_ms: i64,
    /// `stat`, `urgent`, `routine`.
    pub priority: String,
    /// A person said so; else its order does, or nobody.
    pub is_priority_set: bool,
    /// Until when its order wants it, milliseconds since 1970; absent where a person said how urgent it is.
    pub due_ms: Option<i64>,
    /// What its order asked for; empty without an order.
    pub ordered: String,
    /// Who has its order at the other system; empty where nobody has.
    pub order_owner: String,
    /// The account that is to read it, or empty.
    pub assigned_to: String,
    /// The account that reads it now, or empty.
    pub claimed_by: String,
}

impl From<StudyRecord> for StudyRow {
    fn from(study: StudyRecord) -> Self {
        let time = study.time.get(..4).map(|t| format!("{}:{}", &t[..2], &t[2..])).unwrap_or_default();
        Self {
            uid: study.uid.to_string(),
            name: study.patient.name,
            id: study.patient.id,
            date: study.date.map(|d| d.iso()).unwrap_or_default(),
            time,
            accession: study.accession,
            description: study.description,
            modalities: study.modalities,
            series: study.series_count,
            images: study.instance_count,
            bytes: study.bytes,
            state: study.state,
            imported_ms: study.imported_at.0,
            priority: study.work.priority.word().to_owned(),
            is_priority_set: study.work.is_priority_set,
            due_ms: None,
            ordered: String::new(),
            order_owner: String::new(),
            assigned_to: study.work.assigned_to.unwrap_or_default(),
            claimed_by: study.work.claimed.map(|claim| claim.by).unwrap_or_default(),
        }
    }
}

/// A window of rows and how many there are in all.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct WorklistPage {
    /// Studies that fit the filter.
    pub total: u32,
    /// Row number of the first row here.
    pub offset: u32,
    /// The rows.
    pub rows: Vec<StudyRow>,
}

/// How many studies a choice would leave.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FacetCount {
    /// Modality or state.
    pub value: String,
    /// Number of studies.
    pub count: u32,
}

/// Counts beside the filters, each under the other filters.
#[derive(Clone, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct WorklistFacets {
    /// Studies in the cache.
    pub studies: u32,
    /// By modality, most first.
    pub modalities: Vec<FacetCount>,
    /// By reading state, in its order.
    pub states: Vec<FacetCount>,
}
