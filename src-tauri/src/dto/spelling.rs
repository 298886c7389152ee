//! How the spelling of a report is checked.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Has spelling checked.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpellingRequest {
    /// Two-letter code of the report's language.
    pub language: String,
}

/// How spelling is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "state", content = "about", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum SpellingState {
    /// The web view does by itself what the system is set up for.
    OfPlatform,
    /// By a dictionary.
    Checked {
        /// Its name, such as `de_DE`.
        dictionary: String,
    },
    /// Not at all: no dictionary of the language is installed.
    NoDictionary {
        /// The one that is looked for first: that of the system's country.
        dictionary: String,
    },
}
