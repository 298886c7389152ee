//! Ids, units, geometry and time: what every other crate speaks in. No IO, no async.
//!
//! The one exception is [`testing`], which tells tests where the optional corpus is.

pub mod geometry;
pub mod testing;
pub mod time;
pub mod uid;

pub use geometry::{PatientDirection, Plane, orientation_letters};
pub use time::{CivilTime, DicomDate, Timestamp};
pub use uid::{InstanceUid, SeriesUid, StudyUid, Uid, UidError};
