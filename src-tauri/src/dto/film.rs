//! Films: which there are, and their streams in pieces.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A film of a study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FilmRow {
    /// SOP Instance UID.
    pub instance_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// How it is coded, for people.
    pub coding: String,
}

/// Names a film.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FilmRequest {
    /// Study Instance UID.
    pub study_uid: String,
    /// SOP Instance UID.
    pub instance_uid: String,
}

/// What a player has to know before it has the stream.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FilmFacts {
    /// Length of the stream in bytes.
    pub bytes: u64,
    /// How it is coded, for people.
    pub coding: String,
    /// Number of pictures; 0 where the file does not say.
    pub frames: u32,
    /// Pictures a second.
    pub rate_hz: Option<f64>,
}

/// Asks for the next piece of a stream.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FilmPieceRequest {
    /// Study Instance UID.
    pub study_uid: String,
    /// SOP Instance UID.
    pub instance_uid: String,
    /// Bytes of the stream that are there already.
    pub offset: u64,
}

/// A piece of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FilmPiece {
    /// The bytes in base64.
    pub base64: String,
}
