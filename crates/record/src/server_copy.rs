//! What another system has of a patient, kept here as it said it: read, with its version, and never changed.
//!
//! Not here: what is kept (`server_report.rs`, `wound_history.rs`) and how it is asked for (`medsight-sync`).

use medsight_base::Timestamp;

/// What another system said, with the names by which it is asked for again.
pub trait ServerCopy {
    /// Name of the source in the settings.
    fn source(&self) -> &str;
    /// What the source calls it: `DiagnosticReport/17`.
    fn place(&self) -> &str;
    /// Its version there.
    fn version(&self) -> &str;
    /// Patient ID (0010,0020), as this workstation asked for it.
    fn patient_id(&self) -> &str;
}

/// A copy as this workstation knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownCopy<T> {
    /// What the source said last.
    pub said: T,
    /// The source no longer has it.
    pub gone: bool,
    /// When the source last said so.
    pub seen_at: Timestamp,
}

/// [`ServerCopy`] of a type that has the four names as its fields.
macro_rules! server_copy {
    ($type:ty) => {
        impl $crate::server_copy::ServerCopy for $type {
            fn source(&self) -> &str {
                &self.source
            }
            fn place(&self) -> &str {
                &self.place
            }
            fn version(&self) -> &str {
                &self.version
            }
            fn patient_id(&self) -> &str {
                &self.patient_id
            }
        }
    };
}
pub(crate) use server_copy;
