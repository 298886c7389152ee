//! What helps to write a report: forms of the site, and the checker of spelling.

use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A form that the site or the account wrote.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SiteForm {
    /// Its name for good.
    pub id: String,
    /// As it is shown.
    pub title: String,
    /// Where it is.
    pub file: String,
}

/// What is in the folders of forms.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FormsView {
    /// Where they are looked for, whether there is such a folder or not.
    pub folders: Vec<String>,
    /// Those that are used.
    pub forms: Vec<SiteForm>,
    /// What is wrong with those that are not.
    pub wrong: Vec<Problem>,
}

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
        /// The usual one's name.
        dictionary: String,
    },
}
