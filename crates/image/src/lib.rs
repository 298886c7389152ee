//! Frames, look-up tables, volumes, resampling, the CPU twin of every shader, and what is segmented, traced and
//! registered without a model.
//!
//! Pure computation: no file, no GPU. What a frame means (its modality, its patient) is in
//! `medsight-record`; how it is read from a file is in `medsight-dicom`.

pub mod arc;
pub mod blocks;
pub mod body_mask;
pub mod bone_mask;
pub mod bricks;
pub mod brush;
pub mod camera;
pub mod centerline;
mod click_front;
pub mod click_segment;
pub mod components;
mod cross_section;
pub mod curved;
pub mod distance;
pub mod frame;
pub mod geodesic;
pub mod icc;
pub mod label_grid;
pub mod label_layer;
pub mod lung_mask;
pub mod lut;
pub mod mask;
pub mod overlay;
pub mod phantom;
pub mod plane;
pub mod present;
pub mod raycast;
pub mod register;
pub mod regular;
pub mod shutter;
mod similarity;
pub mod smooth;
pub mod solids;
pub mod stats;
pub mod transfer;
pub mod transfer_table;
pub mod voi;
pub mod volume;
pub mod work;

pub use bricks::Bricks;
pub use brush::{Paint, Reach, Stroke};
pub use camera::Camera;
pub use frame::{Frame, Photometric, Samples};
pub use icc::{ProfileError, ToSrgb};
pub use label_grid::{BandGrid, Field, LabelGrid};
pub use label_layer::LabelDraw;
pub use lut::{Lut, Palette};
pub use mask::Mask;
pub use overlay::OverlayPlane;
pub use plane::{PlaneDraw, Projection};
pub use present::{Interpolation, Modality, StackDraw, Voi};
pub use raycast::{CropBox, VolumeDraw, VolumeMode};
pub use regular::regular;
pub use shutter::Shutter;
pub use solids::{LabelParts, Solids, SolidsDraw, SolidsLook};
pub use transfer::{Preset, Shading, TransferFunction};
pub use transfer_table::TransferTable;
pub use voi::{VoiFunction, Window};
pub use volume::{Volume, VolumeWarning, Voxels};
pub use work::{ToolError, Work};
