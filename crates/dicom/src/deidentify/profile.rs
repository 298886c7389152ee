//! Which profile and options (PS3.15 E.2 and E.3), by the names used on the command line.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// An option of the basic profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeidentifyOption {
    /// Blank burned-in identity where a rule says where it is (E.3.1).
    CleanPixelData,
    /// Keep graphics, clean their text (E.3.3).
    CleanGraphics,
    /// Keep the content of reports, cleaned (E.3.4).
    CleanStructuredContent,
    /// Keep the known words of descriptions (E.3.5).
    CleanDescriptors,
    /// Keep dates and times (E.3.6).
    RetainFullDates,
    /// Keep dates and times, moved by a number of days that is the same for all of a patient (E.3.6).
    RetainModifiedDates,
    /// Keep sex, age, size, weight and the like (E.3.7).
    RetainPatientCharacteristics,
    /// Keep which device it was (E.3.8).
    RetainDevice,
    /// Keep which institution it was (E.3.9).
    RetainInstitution,
    /// Keep UIDs (E.3.9).
    RetainUids,
    /// Keep private attributes that are known to be safe (E.3.10).
    RetainSafePrivate,
}

use DeidentifyOption as O;

impl DeidentifyOption {
    /// All options.
    pub const ALL: [Self; 11] = [
        O::CleanPixelData,
        O::CleanGraphics,
        O::CleanStructuredContent,
        O::CleanDescriptors,
        O::RetainFullDates,
        O::RetainModifiedDates,
        O::RetainPatientCharacteristics,
        O::RetainDevice,
        O::RetainInstitution,
        O::RetainUids,
        O::RetainSafePrivate,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            O::CleanPixelData => "clean-pixel-data",
            O::CleanGraphics => "clean-graphics",
            O::CleanStructuredContent => "clean-structured-content",
            O::CleanDescriptors => "clean-descriptors",
            O::RetainFullDates => "retain-full-dates",
            O::RetainModifiedDates => "retain-modified-dates",
            O::RetainPatientCharacteristics => "retain-patient-characteristics",
            O::RetainDevice => "retain-device",
            O::RetainInstitution => "retain-institution",
            O::RetainUids => "retain-uids",
            O::RetainSafePrivate => "retain-safe-private",
        }
    }

    /// Code value and meaning in CID 7050 (PS3.16), scheme DCM.
    pub fn code(self) -> (&'static str, &'static str) {
        match self {
            O::CleanPixelData => ("113101", "Clean Pixel Data Option"),
            O::CleanGraphics => ("113103", "Clean Graphics Option"),
            O::CleanStructuredContent => ("113104", "Clean Structured Content Option"),
            O::CleanDescriptors => ("113105", "Clean Descriptors Option"),
            O::RetainFullDates => ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
            O::RetainModifiedDates => {
                ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")
            }
            O::RetainPatientCharacteristics => ("113108", "Retain Patient Characteristics Option"),
            O::RetainDevice => ("113109", "Retain Device Identity Option"),
            O::RetainUids => ("113110", "Retain UIDs Option"),
            O::RetainSafePrivate => ("113111", "Retain Safe Private Option"),
            O::RetainInstitution => ("113112", "Retain Institution Identity Option"),
        }
    }
}

/// The basic profile with options. Written `basic`, or `basic+retain-uids+clean-descriptors`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    options: BTreeSet<DeidentifyOption>,
}

/// Why a profile cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileError {
    /// A name that is none.
    Unknown(String),
    /// Full and modified dates at once.
    BothDates,
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                let names: Vec<&str> = O::ALL.iter().map(|option| option.name()).collect();
                write!(
                    f,
                    "`{name}` is no profile: write `basic`, and options with a plus: {}",
                    names.join(", ")
                )
            }
            Self::BothDates => write!(f, "retain-full-dates and retain-modified-dates exclude each other"),
        }
    }
}

impl std::error::Error for ProfileError {}

impl Profile {
    /// The code of the basic profile in CID 7050.
    pub(crate) const BASIC_CODE: (&'static str, &'static str) =
        ("113100", "Basic Application Confidentiality Profile");

    /// The basic profile with these options.
    ///
    /// # Errors
    /// [`ProfileError::BothDates`].
    pub fn new(options: impl IntoIterator<Item = DeidentifyOption>) -> Result<Self, ProfileError> {
        let profile = Self { options: options.into_iter().collect() };
        if profile.has(O::RetainFullDates) && profile.has(O::RetainModifiedDates) {
            return Err(ProfileError::BothDates);
        }
        Ok(profile)
    }

    /// True when the option is on.
    pub fn has(&self, option: DeidentifyOption) -> bool {
        self.options.contains(&option)
    }

    /// The options that are on.
    pub fn options(&self) -> impl Iterator<Item = DeidentifyOption> + '_ {
        self.options.iter().copied()
    }
}

impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let mut words = text.split('+');
        let unknown = |word: &str| ProfileError::Unknown(word.to_owned());
        let first = words.next().unwrap_or_default();
        if first != "basic" {
            return Err(unknown(first));
        }
        let by_name = |word: &str| O::ALL.into_iter().find(|o| o.name() == word).ok_or_else(|| unknown(word));
        let options: Result<Vec<O>, ProfileError> = words.map(by_name).collect();
        Self::new(options?)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "basic")?;
        self.options.iter().try_for_each(|option| write!(f, "+{}", option.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_written_as_it_is_read() {
        let text = "basic+clean-descriptors+retain-modified-dates+retain-uids";
        assert_eq!(text.parse::<Profile>().unwrap().to_string(), text);
        assert_eq!("basic".parse::<Profile>().unwrap(), Profile::default());
    }

    #[test]
    fn an_unknown_option_is_refused_and_never_taken_as_none() {
        assert!("basic+retain-everything".parse::<Profile>().is_err());
        assert!("".parse::<Profile>().is_err());
        assert!("basic+".parse::<Profile>().is_err());
        assert_eq!(
            "basic+retain-full-dates+retain-modified-dates".parse::<Profile>(),
            Err(ProfileError::BothDates)
        );
    }
}
