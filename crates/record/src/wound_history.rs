//! What another system observed of a patient's wounds: read, never changed here.
//!
//! One is one FHIR Observation. Numbers and units are those of the other system: nothing is converted, and nothing made up
//! where a unit is missing. Not here: which codes mean a wound (`medsight-sync`) and assessments made on this workstation.

use crate::Patient;
use crate::server_copy::server_copy;
use medsight_base::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Panels within panels that are gone up through.
const MOST_LEVELS: usize = 5;

/// What was seen or measured at a wound, in the newest version that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WoundObservation {
    /// Name of the source in the settings.
    pub source: String,
    /// `Observation/17`.
    pub place: String,
    /// Its version there.
    pub version: String,
    /// Patient ID (0010,0020), as this workstation asked for it.
    pub patient_id: String,
    /// The patient as the server has them, who need not be ours; `None` where it told only the number.
    pub patient: Option<Patient>,
    /// FHIR's word: `registered`, `preliminary`, `final`, `amended`, `corrected`, `cancelled`, `entered-in-error`, `unknown`.
    pub status: String,
    /// What was observed, in the server's words.
    pub what: String,
    /// The LOINC code by which it is known to be about a wound.
    pub code: String,
    /// Day as the server's calendar has it; may be a year or a month, or empty.
    pub effective: String,
    /// The moment, where it says one.
    pub effective_at: Option<Timestamp>,
    /// Where on the body, in the server's words; empty where nothing is said.
    pub site: String,
    /// How it was found, in the server's words; empty where nothing is said.
    pub method: String,
    /// Who did it.
    pub performer: String,
    /// What was found: the observation's own value first, then those of its components.
    pub values: Vec<WoundValue>,
    /// Places of the observations that this one holds together.
    pub members: Vec<String>,
}

/// One value of an observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WoundValue {
    /// What it is the value of, where that is a component; in the server's words.
    pub what: String,
    /// Code of that component; empty for the observation's own value and where there is none.
    pub code: String,
    /// The value.
    pub found: Found,
}

/// A value as the server has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// A number with its unit, which is empty where the server says none. Digits as they came, with a sign before them
    /// where it is a bound: `< 4`.
    Quantity {
        /// The digits.
        number: String,
        /// The unit.
        unit: String,
    },
    /// Words, or the name of a code.
    Words(String),
    /// Whether it is so.
    Truth(bool),
    /// No value, and why.
    Absent(String),
    /// FHIR's name of a kind of value that is not read here: `Attachment`. It stays at the server.
    Elsewhere(String),
}

impl WoundObservation {
    /// It was withdrawn: what it says does not hold.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        matches!(self.status.as_str(), "entered-in-error" | "cancelled")
    }
}

server_copy!(WoundObservation);

/// Where on the body observations are that do not say it themselves: where the panel says that holds them, by source and
/// place. Panels of another source say nothing, nor does one that was withdrawn.
#[must_use]
pub fn sites_by_panel<'a>(
    all: impl Iterator<Item = &'a WoundObservation>,
) -> BTreeMap<(&'a str, &'a str), &'a str> {
    let all: Vec<&WoundObservation> = all.filter(|one| !one.is_withdrawn()).collect();
    let mut panels: BTreeMap<(&str, &str), &WoundObservation> = BTreeMap::new();
    for panel in &all {
        for member in &panel.members {
            panels.insert((&panel.source, member), panel);
        }
    }
    let site = |one: &'a WoundObservation| {
        let up = |one: &&'a WoundObservation| panels.get(&(one.source.as_str(), one.place.as_str())).copied();
        let mut line = std::iter::successors(Some(one), up).take(MOST_LEVELS);
        line.find(|one| !one.site.is_empty()).map(|one| one.site.as_str())
    };
    let without = all.iter().filter(|one| one.site.is_empty());
    without.filter_map(|one| Some(((one.source.as_str(), one.place.as_str()), site(one)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(source: &str, place: &str, site: &str, members: &[&str]) -> WoundObservation {
        WoundObservation {
            source: source.into(),
            place: place.into(),
            site: site.into(),
            members: members.iter().map(|&place| place.into()).collect(),
            ..WoundObservation::default()
        }
    }

    #[test]
    fn a_length_is_where_its_panel_says_unless_that_was_withdrawn_or_is_of_another_source() {
        let mut all = [
            one("ward", "Observation/1", "Heel", &["Observation/2"]),
            one("ward", "Observation/2", "", &["Observation/3", "Observation/4"]),
            one("ward", "Observation/3", "", &[]),
            one("ward", "Observation/4", "Sacrum", &[]),
            one("other", "Observation/3", "", &[]),
        ];
        let sites = sites_by_panel(all.iter());
        assert_eq!(sites.get(&("ward", "Observation/3")), Some(&"Heel"));
        assert_eq!((sites.len(), sites.get(&("ward", "Observation/4"))), (2, None));
        all[0].status = "entered-in-error".into();
        assert!(sites_by_panel(all.iter()).is_empty());
    }

    #[test]
    fn panels_that_hold_each_other_come_to_an_end() {
        let all = [
            one("w", "Observation/1", "", &["Observation/2"]),
            one("w", "Observation/2", "", &["Observation/1"]),
        ];
        assert!(sites_by_panel(all.iter()).is_empty());
    }
}
