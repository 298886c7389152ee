//! A system that orders, earlier reports and wounds are asked of, as the settings keep it.
//!
//! Plain data, like [`crate::node`] and [`crate::destination`], whose addresses it names. Not here: the asking, which is
//! the business of `medsight-sync`.

use crate::Patient;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a source is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Brings {
    /// What is to be done, and for whom.
    Orders,
    /// Earlier reports of the patient whose report is opened. FHIR only.
    Reports,
    /// What was observed of the wounds of that patient. FHIR only.
    Wounds,
}

impl Brings {
    /// The stored word, key of its name in the locales (`inbound.brings.…`).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Reports => "reports",
            Self::Wounds => "wounds",
        }
    }
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// As the person calls it. Unique in the settings, and the name under which what it said is kept.
    pub name: String,
    /// What it is asked for.
    pub brings: BTreeSet<Brings>,
    /// Minutes from one asking for orders to the next; 0: only when a person asks.
    #[serde(default = "five")]
    pub every_min: u16,
    /// Days back that are asked for the first time, and that a worklist is asked for each time.
    #[serde(default = "thirty")]
    pub days_back: u16,
    /// Days ahead that a worklist is asked for.
    #[serde(default = "seven")]
    pub days_ahead: u16,
    /// Issuer of Patient ID (0010,0021) of its numbers, as files have it; empty where it is not known. A patient of another
    /// issuer is not asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    /// What orders must fulfil besides, as a search of the server: `category=http://snomed.info/sct|363679005`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub only: String,
    /// Which system it is.
    pub from: From,
}

/// The systems that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// A FHIR destination of the settings, by its name.
    Destination(String),
    /// A server of the settings with a DICOM address, by its name: its modality worklist.
    Node(String),
}

/// Why a source can't be used as it stands in the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Nothing to call it by, or another is called so.
    #[error("the source needs a name that no other source has")]
    Name,
    /// It is asked for nothing.
    #[error("the source brings nothing: choose orders, reports or wounds")]
    BringsNothing,
    /// A worklist has steps, and nothing else.
    #[error("a modality worklist brings orders only")]
    WorklistReports,
    /// Nobody of this name is in the settings, or is of another kind.
    #[error("there is no FHIR destination, or no server with a DICOM address, of this name in the settings")]
    NoSuchSystem,
    /// More is no window but the whole archive.
    #[error("from 0 to 1440 minutes, and at most 365 days")]
    Limits,
    /// It would change what is asked, not narrow it.
    #[error(
        "what orders must fulfil is a list of search parameters without a leading underscore: category=…&performer=…"
    )]
    Only,
}

impl Source {
    /// Whether a patient's number can be one of its numbering.
    #[must_use]
    pub fn may_know(&self, patient: &Patient) -> bool {
        let issuer = Some(self.issuer.clone()).filter(|issuer| !issuer.is_empty());
        patient.may_be(&Patient { issuer, ..Patient::default() })
    }

    /// Checks what the form cannot, but whether the system that it names is there.
    ///
    /// # Errors
    /// [`SourceError`], naming the field.
    pub fn check(&self) -> Result<(), SourceError> {
        use SourceError as E;
        if self.name.trim().is_empty() {
            return Err(E::Name);
        }
        if self.brings.is_empty() {
            return Err(E::BringsNothing);
        }
        if matches!(self.from, From::Node(_)) && self.brings.iter().any(|one| *one != Brings::Orders) {
            return Err(E::WorklistReports);
        }
        if self.every_min > 1440 || self.days_back > 365 || self.days_ahead > 365 {
            return Err(E::Limits);
        }
        // Parameters of ours begin with an underscore, and are not to be said twice.
        let is_parameter = |part: &str| {
            part.split_once('=').is_some_and(|(name, value)| {
                name.starts_with(|c: char| c.is_ascii_lowercase()) && !value.is_empty()
            })
        };
        let is_plain = self.only.chars().all(|c| c.is_ascii_graphic() && !"#?\"<>\\^`{}".contains(c));
        let is_condition = is_plain && self.only.split('&').all(is_parameter);
        if self.only.is_empty() || is_condition { Ok(()) } else { Err(E::Only) }
    }
}

/// Checks every source, and that each has a name of its own.
///
/// # Errors
/// The first [`SourceError`].
pub fn check_all(sources: &[Source]) -> Result<(), SourceError> {
    for (at, source) in sources.iter().enumerate() {
        source.check()?;
        if sources[..at].iter().any(|other| other.name == source.name) {
            return Err(SourceError::Name);
        }
    }
    Ok(())
}

const fn five() -> u16 {
    5
}

const fn thirty() -> u16 {
    30
}

const fn seven() -> u16 {
    7
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(more: &str) -> Source {
        let text = format!("name = \"orders\"\nbrings = [\"orders\"]\n{more}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_source_is_stored_and_read_again_without_loss() {
        let fhir = source(
            "from = { destination = \"hospital\" }\nonly = \"category=http://snomed.info/sct|363679005\"",
        );
        assert_eq!(fhir.check(), Ok(()));
        assert_eq!(toml::from_str::<Source>(&toml::to_string(&fhir).unwrap()).unwrap(), fhir);
        assert_eq!((fhir.every_min, fhir.days_back, fhir.days_ahead), (5, 30, 7));
    }

    #[test]
    fn a_worklist_brings_no_reports_and_a_condition_cannot_change_the_question() {
        let worklist = source("from = { node = \"mwl\" }");
        assert_eq!(worklist.check(), Ok(()));
        for not_there in [Brings::Reports, Brings::Wounds] {
            let mut worklist = worklist.clone();
            worklist.brings.insert(not_there);
            assert_eq!(worklist.check(), Err(SourceError::WorklistReports));
        }
        for only in ["_count=1", "category", "category=", "category=a b", "status=active&_include=x", "a=b#c"]
        {
            let mut fhir = source("from = { destination = \"hospital\" }");
            fhir.only = only.into();
            assert_eq!(fhir.check(), Err(SourceError::Only), "{only}");
        }
        assert_eq!(
            check_all(&[source("from = { node = \"a\" }"), source("from = { node = \"b\" }")]),
            Err(SourceError::Name)
        );
    }
}
