//! What an import asks of whoever can read DICOM, and how a file is refused.
//!
//! The cache walks folders and stores bytes; it does not know DICOM. `medsight-dicom` implements
//! [`HeaderReader`], and the desk and `medsightctl` bring the two together.

use crate::InstanceRecord;
use serde::{Deserialize, Serialize};

/// Why a file was not taken, in words a person can act on.
///
/// Carries attribute names and figures, never their patient-identifying values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Stable word for programs and translations: `not_dicom`, `truncated`, `bad_attribute`…
    pub code: String,
    /// What is wrong, naming the attribute, and what to do.
    pub reason: String,
}

impl Refusal {
    /// A refusal with its stable code.
    pub fn new(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { code: code.into(), reason: reason.into() }
    }

    /// The attributes that the reason names, for texts in other languages: `Rows (0028,0010), Columns (0028,0011)`.
    /// Reasons name an attribute as PS3.6 does, in capitalised words, with its tag behind it.
    pub fn attributes(&self) -> String {
        let mut named: Vec<&str> = Vec::new();
        for (at, _) in self.reason.match_indices('(') {
            let Some(tag) = self.reason.get(at..at + 11) else { continue };
            let hex = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_hexdigit());
            let is_tag = tag.ends_with(')')
                && tag[1..10].split_once(',').is_some_and(|(group, element)| hex(group) && hex(element));
            if is_tag {
                let name = &self.reason[name_start(&self.reason[..at])..at + 11];
                if !named.contains(&name) {
                    named.push(name);
                }
            }
        }
        named.join(", ")
    }
}

/// Where the capitalised words at the end of `before` begin.
fn name_start(before: &str) -> usize {
    let mut start = before.len();
    for word in before.split_inclusive(' ').rev() {
        let first = word.trim_start_matches('(').chars().next();
        if !first.is_some_and(char::is_uppercase) || word.trim_end().ends_with(['.', ':', ',']) {
            break;
        }
        start -= word.len();
    }
    start
}

/// Reads what an import needs from the bytes of a file.
pub trait HeaderReader: Sync {
    /// The header facts of one instance, or why the file is refused. `bytes` is the whole file.
    fn read_header(&self, bytes: &[u8]) -> Result<InstanceRecord, Refusal>;

    /// Whether two files hold the same object, though the second was written anew on its way: another meta
    /// header, other lengths of sequences. Without knowledge of DICOM: only when they are the same bytes.
    fn same_object(&self, one: &[u8], other: &[u8]) -> bool {
        one == other
    }

    /// If `bytes` is a DICOMDIR (PS3.3 annex F): the files it lists, as path components relative to it.
    /// `None` when it is anything else.
    fn directory_entries(&self, bytes: &[u8]) -> Option<Result<Vec<Vec<String>>, Refusal>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_of_a_reason_are_found_once_each_with_their_names() {
        let named = |reason: &str| Refusal::new("x", reason).attributes();
        assert_eq!(named("Rescale Slope (0028,1053) is present but empty."), "Rescale Slope (0028,1053)");
        assert_eq!(
            named("Rows (0028,0010) 4 × Columns (0028,0011) 5, but Rows (0028,0010)…"),
            "Rows (0028,0010), Columns (0028,0011)"
        );
        assert_eq!(
            named("It is off. Image Position (Patient) (0020,0032) is missing"),
            "Image Position (Patient) (0020,0032)"
        );
        assert_eq!(named("The file ends inside Pixel Data (7FE0,0010): 4 bytes"), "Pixel Data (7FE0,0010)");
        assert_eq!(named("The slices are tilted (gantry tilt)."), "");
    }
}
