//! Systems that orders, earlier reports and wounds are asked of: their form in the settings.

use medsight_record::source::{Brings, From as SourceFrom, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use ts_rs::TS;

/// A source, as the form has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceForm {
    /// As the person calls it.
    pub name: String,
    /// Words of what it is asked for: `orders`, `reports`, `wounds`.
    #[ts(type = "string[]")]
    pub brings: BTreeSet<Brings>,
    /// Minutes from one asking for orders to the next; 0: only when a person asks.
    pub every_min: u16,
    /// Days back that are asked for the first time, and that a worklist is asked for each time.
    pub days_back: u16,
    /// Days ahead that a worklist is asked for.
    pub days_ahead: u16,
    /// Issuer of Patient ID of its numbers, as files have it; empty where it is not known.
    pub issuer: String,
    /// What orders must fulfil besides, as a search of the server.
    pub only: String,
    /// Which system it is.
    pub from: FromForm,
}

/// The systems that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(tag = "system", content = "name", rename_all = "snake_case")]
pub enum FromForm {
    /// A FHIR destination of the settings, by its name.
    Fhir(String),
    /// The modality worklist of a server of the settings, by its name.
    Worklist(String),
}

impl From<SourceForm> for Source {
    fn from(form: SourceForm) -> Self {
        Self {
            name: form.name.trim().to_owned(),
            brings: form.brings,
            every_min: form.every_min,
            days_back: form.days_back,
            days_ahead: form.days_ahead,
            issuer: form.issuer.trim().to_owned(),
            only: form.only.trim().to_owned(),
            from: match form.from {
                FromForm::Fhir(name) => SourceFrom::Destination(name),
                FromForm::Worklist(name) => SourceFrom::Node(name),
            },
        }
    }
}

impl From<&Source> for SourceForm {
    fn from(source: &Source) -> Self {
        Self {
            name: source.name.clone(),
            brings: source.brings.clone(),
            every_min: source.every_min,
            days_back: source.days_back,
            days_ahead: source.days_ahead,
            issuer: source.issuer.clone(),
            only: source.only.clone(),
            from: match &source.from {
                SourceFrom::Destination(name) => FromForm::Fhir(name.clone()),
                SourceFrom::Node(name) => FromForm::Worklist(name.clone()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;

    #[test]
    fn a_source_that_went_through_the_form_is_the_same_one() {
        let texts = [
            "name = \"a\"\nbrings = [\"orders\", \"reports\", \"wounds\"]\nevery_min = 0\nissuer = \"HERE\"\nonly = \"status=active\"\nfrom = { destination = \"ris\" }\n",
            "name = \"b\"\nbrings = [\"orders\"]\ndays_back = 1\ndays_ahead = 2\nfrom = { node = \"mwl\" }\n",
        ];
        for text in texts {
            let source: Source = toml::from_str(text).unwrap();
            assert_eq!(source.check(), Ok(()));
            let crossed = serde_json::to_string(&SourceForm::from(&source)).unwrap();
            let form: SourceForm = serde_json::from_str(&crossed).unwrap();
            assert_eq!(Source::from(form), source);
        }
    }
}
