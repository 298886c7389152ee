//! The light box without a window or a GPU: views and tools that read a model and ask for changes.
//!
//! [`LightBox`] holds what one window shows. A frame is `show` (draw, collect [`Action`]s), then each action
//! is applied in one place and leaves [`Effect`]s for the program around it: keep this annotation, remember
//! this layout. Pictures come from outside as textures; what has to be in them is [`Picture`].
//!
//! Not here: windows, devices, decoding, files. Those are in `medsight-imaging`.

mod align;
mod apply;
mod beside;
mod calibrate;
mod cell;
mod cine;
mod curved;
mod draw_shape;
mod ecg_sheet;
mod effect;
mod fresh_labels;
mod gesture;
mod inside;
mod job;
mod layers;
mod light_box;
mod linked;
mod looks;
pub mod measure;
mod model_run;
mod mpr;
mod outline;
mod page;
mod paint;
mod painted;
mod picture;
mod popup;
mod presets;
mod proposed;
mod quantities;
mod records;
mod sample;
mod series;
mod session;
mod shape;
mod solids;
mod stack_key;
mod surface;
pub mod theme;
mod ui;
mod vessel;
mod writing;

pub use align::Alignment;
pub use apply::Action;
pub use cell::{Cell, Crop, Orientation, View3d};
pub use curved::CurvedAsk;
pub use fresh_labels::{FreshLabels, FreshSolids};
pub use gesture::Button;
pub use job::{Job, JobKind};
pub use layers::{FIRST_FILL, Layer, LayerContour, LayerDose, LayerForm, LayerSet};
pub use light_box::{Effect, LightBox, Overlays, Popup, SaveState, StudyFacts};
pub use looks::{Look, LookLine, LookOfImage};
pub use model_run::{ModelOffer, ModelRun};
pub use mpr::Mpr;
pub use outline::{OutlineClick, Outlining};
pub use page::{
    FileInside, Finding, HistogramCurve, Histograms, Page, PlanBeam, PlanList, Trace, TraceGroup, TraceUnit,
    Tracing,
};
pub use paint::Brush;
pub use picture::{Picture, PlanePicture, StackPicture, VolumePicture};
pub use presets::{Preset, Presets};
pub use proposed::Proposed;
pub use series::{
    FrameState, ImageScale, RealWorld, Said, Series, Slice, SliceFacts, SlicePlace, UltrasoundScale,
    VolumeState,
};
pub use session::window_of;
pub use solids::SolidsOf;
pub use stack_key::StackKey;
pub use surface::{Space, Surface};
pub use ui::{Textures, setup};
pub use vessel::Vessel;
