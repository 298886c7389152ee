//! One study in detail, and what can be done with it.

use super::{FilmRow, OrderView, StudyRow};
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Names a study.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StudyRequest {
    /// Study Instance UID.
    pub study_uid: String,
    /// `YYYY-MM-DD` on the person's calendar, for the patient's age.
    pub today: String,
}

/// A series in the study panel.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SeriesRow {
    /// Series Instance UID.
    pub uid: String,
    /// Series number.
    pub number: Option<i32>,
    /// Modality.
    pub modality: String,
    /// Series description.
    pub description: String,
    /// Number of files.
    pub instances: u32,
    /// Number of images over all files.
    pub frames: u32,
}

/// What a reader drew, in one line.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// Its name for good.
    pub id: String,
    /// Kind: `length`, `angle`, `ellipse`…
    pub kind: String,
    /// Written text, for a text.
    pub text: String,
    /// Number of the series it stands on.
    pub series_number: Option<i32>,
    /// Length in millimetres.
    pub length_mm: Option<f64>,
    /// Length in pixels, when the file gives no scale.
    pub length_px: Option<f64>,
    /// Angle in degrees.
    pub angle_deg: Option<f64>,
    /// Area in square millimetres.
    pub area_mm2: Option<f64>,
    /// Area in pixels, when the file gives no scale.
    pub area_px: Option<f64>,
    /// Mean value inside.
    pub mean: Option<f64>,
    /// Standard deviation inside.
    pub sd: Option<f64>,
    /// Unit of mean and SD.
    pub unit: String,
    /// Where the scale comes from, a word key under `scale.`; empty when there is no length.
    pub scale: String,
    /// Last change, milliseconds since 1970.
    pub changed_ms: i64,
}

/// Everything the study panel shows.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct StudyDetails {
    /// The row of the worklist.
    pub study: StudyRow,
    /// `NAME^GIVEN · 1957-03-14 (69 F) · ID 004711`.
    pub identity: String,
    /// The orders that it answers, the one that says most first.
    pub orders: Vec<OrderView>,
    /// Series in the order of their numbers.
    pub series: Vec<SeriesRow>,
    /// Films, in the order of their series: the window plays them itself.
    pub films: Vec<FilmRow>,
    /// Measurements, newest last.
    pub measurements: Vec<Measurement>,
}

/// Asks for the small picture of a series.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ThumbnailRequest {
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
}

/// A small picture, or why there is none.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Thumbnail {
    /// PNG in base64.
    pub png_base64: Option<String>,
    /// Why there is none.
    pub why_not: Option<Problem>,
}
