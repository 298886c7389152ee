//! DICOM unique identifiers, checked once where they enter.
//!
//! PS3.5 section 9: digits and dots, at most 64 characters. Leading zeros in a component are
//! forbidden there but met in practice, so they are let through: a file is not refused for them.

use serde::{Deserialize, Serialize};

/// Why a text is not a UID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UidError {
    /// Nothing was there.
    #[error("the UID is empty")]
    Empty,
    /// More than the 64 characters of PS3.5 9.
    #[error("the UID has {0} characters; at most 64 are allowed")]
    TooLong(usize),
    /// Something else than digits and dots.
    #[error("the UID has a character that is neither a digit nor a dot, or begins with a dot")]
    BadCharacter,
}

/// Any DICOM UID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uid(String);

impl Uid {
    /// Reads a UID, without the padding (NUL or space) that DICOM puts behind it.
    pub fn parse(text: &str) -> Result<Self, UidError> {
        let text = text.trim_matches(|c: char| c == '\0' || c.is_ascii_whitespace());
        if text.is_empty() {
            return Err(UidError::Empty);
        }
        if text.len() > 64 {
            return Err(UidError::TooLong(text.len()));
        }
        // A digit first: a UID may become a file name, and `.` and `..` are none.
        let digit_first = text.starts_with(|c: char| c.is_ascii_digit());
        if !digit_first || !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(UidError::BadCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The UID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A new UID under the UUID root (PS3.5 B.2), from 128 random bits.
    pub fn from_uuid(bits: u128) -> Self {
        Self(format!("2.25.{bits}"))
    }
}

impl TryFrom<String> for Uid {
    type Error = UidError;
    fn try_from(text: String) -> Result<Self, UidError> {
        Self::parse(&text)
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> String {
        uid.0
    }
}

impl std::fmt::Display for Uid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! uid_kind {
    ($(#[$doc:meta] $name:ident),*) => {$(
        #[$doc]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uid);

        impl $name {
            /// Reads and checks the UID.
            pub fn parse(text: &str) -> Result<Self, UidError> {
                Uid::parse(text).map(Self)
            }
            /// The UID as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

uid_kind! {
    /// Study Instance UID (0020,000D).
    StudyUid,
    /// Series Instance UID (0020,000E).
    SeriesUid,
    /// SOP Instance UID (0008,0018).
    InstanceUid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_behind_a_uid_is_not_part_of_it() {
        assert_eq!(Uid::parse("1.2.840\0").unwrap().as_str(), "1.2.840");
    }

    #[test]
    fn a_uid_with_a_path_in_it_is_refused() {
        assert_eq!(Uid::parse("../1.2"), Err(UidError::BadCharacter));
        assert_eq!(Uid::parse(" "), Err(UidError::Empty));
    }
}
