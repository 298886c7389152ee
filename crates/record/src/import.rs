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
