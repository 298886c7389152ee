//! The clinical record, pure: studies, annotations, reading sessions, commands, undo, settings, words.
//!
//! No GPU, IO or clock here: times and ids come in as arguments, so tests need nothing. Who stores a
//! record is `medsight-cache`; who shows it is the desk and `medsight-viewport`.

pub mod annotation;
pub mod command;
pub mod destination;
pub mod hotkeys;
pub mod identity;
pub mod import;
pub mod listener;
pub mod model_rules;
pub mod node;
pub mod order;
pub mod person;
pub mod proposal;
mod region;
pub mod report;
mod retention;
mod segment;
mod server_copy;
pub mod server_report;
pub mod session;
pub mod settings;
pub mod site_policy;
pub mod source;
pub mod study;
pub mod to_write;
pub mod tool;
pub mod undo;
pub mod words;
pub mod work;
mod wound_history;

pub use annotation::{
    Annotation, AnnotationId, AnnotationKind, CodedName, ImageRef, Measured, NoScale, Place,
    RealWorldMeasured, ScaleSource, Statistics, Uptake, UptakeKind,
};
pub use command::{Command, DeskCommand, RecordCommand, UndoPolicy, ViewCommand};
pub use destination::Destination;
pub use hotkeys::{Hotkeys, Shortcut};
pub use identity::{Identity, IdentityError};
pub use import::{HeaderReader, Refusal};
pub use listener::Listener;
pub use model_rules::{ModelRule, ModelSettings, RuledSeries};
pub use node::Node;
pub use order::{KnownOrder, Order, OrderStatus, OrderTask, When};
pub use person::{Person, Right, Role};
pub use proposal::{
    Decided, Decision, LabelMeaning, LabelRuns, LabelsToWrite, Maker, Proposal, SlicePlaces, ToDecide,
};
pub use report::{Report, ReportId, ReportStatus};
pub use retention::{NoSuchRetention, Retention};
pub use segment::SegmentMeaning;
pub use server_copy::{KnownCopy, ServerCopy};
pub use server_report::{KnownServerReport, ServerReport};
pub use session::{
    CameraState, CellState, Layout, PlanesState, ProjectionKind, ReadingSession, View3dState, ViewKind,
};
pub use settings::{SettingChange, Settings};
pub use site_policy::SitePolicy;
pub use source::Source;
pub use study::{
    InstanceRecord, Manifest, ManifestInstance, Patient, ReadState, SeriesRecord, Sex, StudyRecord,
};
pub use to_write::{LookToWrite, SegmentToWrite, ToWrite, Written};
pub use tool::Tool;
pub use undo::History;
pub use words::{Locale, Words};
pub use work::{Claim, Priority, ServiceTimes, Work};
pub use wound_history::{Found, WoundObservation, WoundValue, sites_by_panel};
