//! Documents of a study: what they are and what they call themselves.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One document.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct StudyDocument {
    /// SOP Instance UID.
    pub instance_uid: String,
    /// Series number.
    pub series_number: Option<i32>,
    /// What it is, a word key under `document.`: `report`, `key_images`, `view`, `pdf`, `file`.
    pub kind: String,
    /// What it calls itself, in its own language; may be empty.
    pub title: String,
    /// It holds a file that can be saved.
    pub has_file: bool,
}

/// Asks for the documents of a study.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocumentsRequest {
    /// Study Instance UID.
    pub study_uid: String,
}

/// Asks for the file of a document to be saved where the person says.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SaveDocumentRequest {
    /// Study Instance UID.
    pub study_uid: String,
    /// SOP Instance UID.
    pub instance_uid: String,
}
