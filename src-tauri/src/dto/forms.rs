//! The report forms of the site, as the settings show them.

use crate::problem::Problem;
use serde::Serialize;
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
