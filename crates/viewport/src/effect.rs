//! What the light box leaves to the program around it, and what that said of it.

use medsight_base::{InstanceUid, SeriesUid};
use medsight_record::{Annotation, AnnotationId, ToWrite};

/// What the desk said about an annotation.
#[derive(Clone, Debug, PartialEq)]
pub enum SaveState {
    /// No desk: it lives as long as the window.
    NotKept,
    /// On its way.
    Waiting,
    /// Durable.
    Saved,
    /// Refused, and why.
    Failed(String),
}

/// What the program around the light box has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A gesture has ended: keep this annotation.
    Save(Box<Annotation>),
    /// Take this one away.
    Remove(AnnotationId),
    /// The layout or a view changed for good.
    SessionChanged,
    /// The document of an object is wanted as a file.
    SaveDocument(InstanceUid),
    /// A DICOM object is wanted of what was drawn, marked or set.
    Write(ToWrite),
    /// An object that was written is taken back.
    DeleteWritten(SeriesUid),
    /// Everything is to be hidden.
    LockWanted,
    /// The reader chose a measurement.
    Selected(AnnotationId),
}
