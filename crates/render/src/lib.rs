//! Pictures made on the graphics device: stored images, planes and slabs through volumes, volumes in 3D.
//!
//! What is drawn is described by plain data of `medsight-image` ([`StackDraw`], [`PlaneDraw`],
//! [`VolumeDraw`]), which also has the CPU twin of every shader here. A [`Target`] is redrawn only when its
//! description changed; a window shows its texture. Nothing here knows windows, egui or DICOM.

mod error;
mod frame;
mod pass;
mod plane;
mod renderer;
pub mod shaders;
mod solids;
mod stack;
mod target;
#[cfg(test)]
mod tests;
mod view;
mod volume;

pub use error::RenderError;
pub use frame::FrameTexture;
pub use medsight_gpu::{Gpu, wgpu};
pub use medsight_image::{
    Camera, CropBox, Interpolation, Lut, Modality, Palette, PlaneDraw, Preset, Projection, Shading,
    StackDraw, TransferFunction, Voi, VolumeDraw, VolumeMode,
};
pub use renderer::Renderer;
pub use solids::SolidsTexture;
pub use target::Target;
pub use volume::VolumeTexture;
