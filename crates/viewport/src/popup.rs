//! What can lie over the images.

use egui::Pos2;
use medsight_record::AnnotationId;
use uuid::Uuid;

/// What lies over the images and takes the keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Popup {
    /// Nothing.
    #[default]
    None,
    /// The command palette: what was typed, which line is chosen.
    Palette {
        /// Typed so far.
        query: String,
        /// Chosen line.
        chosen: usize,
    },
    /// The sheet of keys.
    Help,
    /// The explanation of a warning of a cell.
    Warning {
        /// Cell.
        cell: usize,
        /// Code of the warning.
        code: String,
    },
    /// What is to become a DICOM object is being chosen.
    Write {
        /// Chosen line.
        chosen: usize,
    },
    /// What the regions are that are to be a segment is being chosen.
    Segment {
        /// Its name so far; empty for the word of what is chosen.
        label: String,
        /// Chosen line of [`medsight_record::SegmentMeaning::ALL`].
        chosen: usize,
    },
    /// A text is being written.
    Text {
        /// Cell.
        cell: usize,
        /// Where, on the screen.
        at: Pos2,
        /// Written so far.
        text: String,
        /// The text that is changed; `None` for a new one.
        id: Option<AnnotationId>,
    },
    /// A model is being chosen.
    Models {
        /// Chosen line.
        chosen: usize,
    },
    /// Another study of the patient is being chosen.
    Priors {
        /// Chosen line.
        chosen: usize,
    },
    /// Why a proposal is rejected is being written.
    Reject {
        /// The proposal.
        set: Uuid,
        /// Written so far; may stay empty.
        reason: String,
    },
    /// The true length of a line is being written.
    TrueLength {
        /// The line.
        id: AnnotationId,
        /// Where, on the screen.
        at: Pos2,
        /// Written so far.
        text: String,
    },
}
