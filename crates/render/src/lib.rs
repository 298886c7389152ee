//! Pictures made on the graphics device: stored images, planes and slabs through volumes, volumes in 3D; and what tools of the
//! reader compute there: ways through tissue, joint histograms.
//!
//! What is drawn is described by plain data of `medsight-image` ([`StackDraw`], [`PlaneDraw`],
//! [`VolumeDraw`]), which also has the CPU twin of every shader here. A [`Target`] is redrawn only when its
//! description changed; a window shows its texture. Nothing here knows windows, egui or DICOM.

mod error;
mod frame;
mod geodesic;
mod label_solids;
mod labels;
mod pass;
mod plane;
mod renderer;
pub mod shaders;
mod similarity;
mod solids;
mod stack;
mod target;
#[cfg(test)]
mod tests;
mod view;
mod volume;

pub use error::RenderError;
pub use frame::FrameTexture;
pub use geodesic::GpuSpreader;
pub use medsight_gpu::{DeviceLabels, Gpu, wgpu};
pub use medsight_image::{
    Camera, CropBox, Interpolation, Lut, Modality, Palette, PlaneDraw, Preset, Projection, Shading,
    StackDraw, TransferFunction, Voi, VolumeDraw, VolumeMode,
};
pub use renderer::Renderer;
pub use similarity::GpuHistograms;
pub use solids::SolidsTexture;
pub use target::Target;
pub use volume::VolumeTexture;
