//! What the light box leaves to the program around it, and what that said of it.

use medsight_base::{InstanceUid, SeriesUid, StudyUid};
use medsight_record::{Annotation, AnnotationId, Decision, ToWrite};
use uuid::Uuid;

use crate::job::JobKind;

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
    Remove {
        /// The study that it was drawn on.
        study: StudyUid,
        /// Which.
        id: AnnotationId,
    },
    /// Which other studies of the patient are here.
    ListPriors,
    /// Another study of the patient is to come beside this one.
    PutPrior(StudyUid),
    /// It is to be taken off again.
    TakePrior(StudyUid),
    /// The layout or a view changed for good.
    SessionChanged,
    /// The document of an object is wanted as a file.
    SaveDocument(InstanceUid),
    /// A DICOM object is wanted of what was drawn, marked or set.
    Write(ToWrite),
    /// An object that was written is taken back.
    DeleteWritten(SeriesUid),
    /// A model is to run on a series, when its volume is there.
    RunModel {
        /// Index of the series.
        series: usize,
        /// `NAME@VERSION`.
        model: String,
    },
    /// The model that runs is to stop.
    StopModel,
    /// The job of the light box is to be computed, when the volumes that it needs are there.
    Compute(JobKind),
    /// What is computed for it is not wanted any more.
    StopComputing,
    /// What is clicked on is to be found.
    Outline,
    /// What was outlined is to be kept in the reader's name.
    KeepOutline(Uuid),
    /// What a model found is to be stored as a proposal.
    Propose(Uuid),
    /// A reader decides on a proposal.
    Decide {
        /// Which.
        set: Uuid,
        /// How.
        decision: Decision,
    },
    /// A reader takes the decision on a proposal back.
    Reopen(SeriesUid),
    /// Layers were added or painted on: what was made of them in 3D is of before.
    LayersChanged,
    /// Everything is to be hidden.
    LockWanted,
    /// The reader chose a measurement.
    Selected(AnnotationId),
}
