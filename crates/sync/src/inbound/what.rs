//! What sources are asked for about one patient, and the names under which it is kept how far they were asked.

use medsight_cache::AskedOf;
use medsight_record::Source;
use medsight_record::source::Brings;

/// What is asked for about one patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfPatient {
    /// Reports of radiology, and those that say of no kind that they are.
    Reports,
    /// Reports of every kind.
    AllReports,
    /// What was observed of their wounds.
    Wounds,
}

impl OfPatient {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reports, Self::AllReports, Self::Wounds];

    /// What a source has to bring to be asked for it.
    #[must_use]
    pub fn brings(self) -> Brings {
        match self {
            Self::Reports | Self::AllReports => Brings::Reports,
            Self::Wounds => Brings::Wounds,
        }
    }

    /// How the names of these questions begin. The words are stored.
    fn feed(self) -> &'static str {
        match self {
            Self::Reports => "reports/",
            Self::AllReports => "all-reports/",
            Self::Wounds => "wounds/",
        }
    }

    /// Under which name is kept how far a source was asked for this of a patient. While the server has more than was read,
    /// [`medsight_cache::Asking::query`] says where it goes on.
    #[must_use]
    pub fn asked_of(self, source: &Source, patient_id: &str) -> AskedOf {
        AskedOf { source: source.name.clone(), feed: format!("{}{patient_id}", self.feed()) }
    }

    /// Whether a name of [`AskedOf::feed`] is about one patient.
    #[must_use]
    pub fn is_of_patient(feed: &str) -> bool {
        Self::ALL.iter().any(|what| feed.starts_with(what.feed()))
    }
}
