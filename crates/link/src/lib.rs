//! The messages between the desk and the light box: one JSON document a line, over stdin and stdout.
//!
//! No pixels and no record database cross here. The blob key is in [`Hello`], the first message, and
//! nowhere else: not on a command line, not in an environment variable, not in a file.

pub mod wire;

use medsight_base::{InstanceUid, SeriesUid, StudyUid};
use medsight_record::{
    Annotation, AnnotationId, CellState, Manifest, Proposal, ReadingSession, RecordCommand, StudyRecord,
    ToDecide, ToWrite, Written,
};
use serde::{Deserialize, Serialize};

/// Raised when a message changes its meaning; two programs of different numbers refuse each other.
pub const PROTOCOL: u32 = 6;

/// First message to the light box: how to read the blobs, and how the person wants to see things.
#[derive(Clone, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the desk.
    pub protocol: u32,
    /// Folder of the blob store.
    pub blob_root: std::path::PathBuf,
    /// The key of the blobs, 64 hexadecimal digits.
    pub blob_key_hex: String,
    /// `en`, `es` or `de`.
    pub locale: String,
    /// Screen pixels in a millimetre, when the person has calibrated the monitor; for true size.
    pub screen_px_per_mm: Option<f64>,
    /// Where models are; `None` where nobody knows a folder for them.
    pub models: Option<ModelsPlace>,
}

/// Where model packages are installed, and which of them the site lets run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelsPlace {
    /// Folder of the packages.
    pub folder: std::path::PathBuf,
    /// SHA-256 of manifests that may run, hexadecimal.
    pub allow_hashes: Vec<String>,
    /// Ed25519 keys whose packages may run, hexadecimal. Both lists empty: all.
    pub allow_keys: Vec<String>,
}

impl std::fmt::Debug for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hello").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

/// How much of a study is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// More is on its way.
    More,
    /// All of it is there.
    Whole,
    /// It was cut off: the reader has to know that images are missing.
    CutOff,
}

/// Another study of the patient, to be shown beside the one that is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Beside {
    /// What there is and where its bytes are.
    pub manifest: Box<Manifest>,
    /// What was drawn on it before.
    pub annotations: Vec<Annotation>,
}

/// What the desk says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "body", rename_all = "snake_case")]
pub enum ToLightBox {
    /// First of all.
    Hello(Box<Hello>),
    /// Show this study, in front.
    Open {
        /// What there is and where its bytes are.
        manifest: Box<Manifest>,
        /// What was drawn on it before.
        annotations: Vec<Annotation>,
        /// How it was laid out before.
        session: Option<Box<ReadingSession>>,
        /// Other studies that were in its window before and are still there.
        beside: Vec<Beside>,
        /// More of it is on its way: [`ToLightBox::Arrived`] brings it, until one is not [`Arrival::More`].
        arriving: bool,
    },
    /// More of a study that is open is there now. What is shown stays, at its place.
    Arrived {
        /// All that there is now, also what was there before.
        manifest: Box<Manifest>,
        /// Whether more comes.
        arrival: Arrival,
    },
    /// The other studies of a patient that are here, newest first: after [`ToLightBox::Open`], and as answer to
    /// [`FromLightBox::ListOthers`].
    Others {
        /// The study that is read.
        study: StudyUid,
        /// The others.
        others: Vec<StudyRecord>,
    },
    /// Answer to [`FromLightBox::PutBeside`]: the other study, or why it is not shown.
    Beside {
        /// The study that is read.
        study: StudyUid,
        /// The other.
        other: Result<Beside, String>,
    },
    /// A command of [`FromLightBox::Record`] is durable.
    Saved {
        /// Number of the command.
        sequence: u64,
    },
    /// A command of [`FromLightBox::Record`] could not be kept.
    NotSaved {
        /// Number of the command.
        sequence: u64,
        /// What to tell the reader.
        reason: String,
    },
    /// Make a picture of the middle image of a series.
    Thumbnail {
        /// Returned with the picture.
        request: u64,
        /// Blob of the file.
        blob: String,
        /// Frame, from 0.
        frame: u32,
        /// Longer edge in pixels.
        edge_px: u32,
    },
    /// Make a large picture of one image, as bare pixels, for paper.
    Picture {
        /// Returned with the picture.
        request: u64,
        /// Blob of the file.
        blob: String,
        /// Frame, from 0.
        frame: u32,
        /// Longer edge in pixels.
        edge_px: u32,
        /// How it was looked at last, where that is known; else as the file says.
        look: Option<Box<CellState>>,
    },
    /// How the person wants to see things, when that changed.
    Preferences {
        /// `en`, `es` or `de`.
        locale: String,
        /// As [`Hello::screen_px_per_mm`].
        screen_px_per_mm: Option<f64>,
    },
    /// Answer to [`FromLightBox::Write`]: the object is durable, or why there is none.
    Written {
        /// The study.
        study: StudyUid,
        /// The new series.
        made: Result<Written, String>,
    },
    /// Answer to [`FromLightBox::DeleteWritten`]: the series is gone, or why it is still there.
    Deleted {
        /// The study.
        study: StudyUid,
        /// The series.
        series: SeriesUid,
        /// Why not.
        failed: Option<String>,
    },
    /// All that programs proposed in a study, with what became of it; after [`ToLightBox::Open`], and whenever it is another.
    Proposals {
        /// The study.
        study: StudyUid,
        /// Oldest first.
        proposals: Vec<Proposal>,
    },
    /// Answer to [`FromLightBox::Decide`] and [`FromLightBox::Reopen`]; what holds now comes before it.
    Decided {
        /// The study.
        study: StudyUid,
        /// Series of the proposal.
        proposal: SeriesUid,
        /// Why it is not so.
        failed: Option<String>,
    },
    /// Where models are, when that changed.
    Models(ModelsPlace),
    /// Let a model run on a series of a study that need not be open, when nothing on the screen waits for one. Answered by
    /// [`FromLightBox::Write`] or [`FromLightBox::NotProposed`].
    Propose {
        /// The study.
        manifest: Box<Manifest>,
        /// The series.
        series: SeriesUid,
        /// Name of the model, or `NAME@VERSION`.
        model: String,
    },
    /// Show the place of something that was drawn on a study that is open.
    GoTo {
        /// The study.
        study: StudyUid,
        /// What was drawn.
        annotation: AnnotationId,
    },
    /// The desk is locked, or nobody is signed in: show nothing of any study, also not in titles.
    Lock,
    /// Show everything again.
    Unlock,
    /// Stop showing this study (it was deleted).
    Close(StudyUid),
    /// End in order.
    Quit,
}

/// A picture as bare pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BarePicture {
    /// Columns and rows of the picture.
    pub size_px: [u32; 2],
    /// Columns and rows of the frame it shows whole: what places on it are counted in.
    pub frame_px: [u32; 2],
    /// Centre and width of the window it is drawn with; `None` for colours and lookup tables.
    pub window: Option<[f64; 2]>,
    /// Red, green, blue of each pixel, row by row, in base64.
    pub rgb_base64: String,
}

/// What the light box says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "body", rename_all = "snake_case")]
pub enum FromLightBox {
    /// Answer to Hello.
    Ready {
        /// [`PROTOCOL`] of the light box.
        protocol: u32,
        /// Name and kind of the graphics adapter.
        adapter: String,
    },
    /// The first image of a study is on the screen.
    Shown {
        /// The study.
        study: StudyUid,
        /// From the Open message to the first image.
        first_image_ms: f64,
    },
    /// Something a reader did to the record. Answered by `Saved` or `NotSaved` with the same number.
    Record {
        /// Counts up in one run of the light box.
        sequence: u64,
        /// What to keep.
        command: RecordCommand,
    },
    /// A reader asks which other studies of the patient are here.
    ListOthers {
        /// The study that is read.
        study: StudyUid,
    },
    /// A reader wants another study of the patient beside the one that is read.
    PutBeside {
        /// The study that is read.
        study: StudyUid,
        /// The other.
        other: StudyUid,
    },
    /// A reader has taken it off again.
    TakenOff {
        /// The study that is read.
        study: StudyUid,
        /// The other.
        other: StudyUid,
    },
    /// A reader wants the document inside an object as a file: the desk asks where to.
    SaveDocument {
        /// The study.
        study: StudyUid,
        /// The object.
        instance: InstanceUid,
    },
    /// A reader wants what was drawn, marked or set as a DICOM object of the study.
    Write {
        /// The study.
        study: StudyUid,
        /// What.
        what: ToWrite,
    },
    /// A reader takes an object back that was written.
    DeleteWritten {
        /// The study.
        study: StudyUid,
        /// The series of the object.
        series: SeriesUid,
    },
    /// A reader decides on a proposal.
    Decide {
        /// The study.
        study: StudyUid,
        /// Which, and how.
        what: ToDecide,
    },
    /// A reader takes a decision back.
    Reopen {
        /// The study.
        study: StudyUid,
        /// Series of the proposal.
        proposal: SeriesUid,
    },
    /// A model that was to run by itself did not: no fault of the study, and nothing waits for it.
    NotProposed {
        /// The study.
        study: StudyUid,
        /// The series.
        series: SeriesUid,
        /// Why; no patient data.
        reason: String,
    },
    /// The slice that a reader looks at in a study that is on its way: it and its neighbours are wanted first.
    Visible {
        /// The study.
        study: StudyUid,
        /// The instance.
        instance: InstanceUid,
    },
    /// A reader did something in a window: the lock waits. Said at most every few seconds.
    Input,
    /// A reader wants everything hidden.
    LockWanted,
    /// A reader clicked on a number: the desk may show it.
    Selected(AnnotationId),
    /// Picture of a series.
    Thumbnail {
        /// Number of the request.
        request: u64,
        /// PNG in base64, or why there is none.
        png_base64: Result<String, String>,
    },
    /// Large picture of an image.
    Picture {
        /// Number of the request.
        request: u64,
        /// The picture, or why there is none.
        made: Result<BarePicture, String>,
    },
    /// Something went wrong that the reader is told about on the image too; no patient data.
    Problem(String),
    /// The reader closed the window of a study.
    Closed(StudyUid),
}
