//! A volume seen from a camera: shaded compositing and maximum intensity. Types, and the CPU twin of
//! `shaders/volume.wgsl`.

use std::sync::Arc;

use crate::camera::Camera;
use crate::transfer::{Shading, TransferFunction};
use crate::voi::Window;

/// Part of the volume that is shown, in shares of its length along x, y and z (voxel axes).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropBox {
    /// Lower ends, `0.0..=1.0`.
    pub min: [f32; 3],
    /// Upper ends, `0.0..=1.0`.
    pub max: [f32; 3],
}

impl CropBox {
    /// Everything.
    pub const WHOLE: CropBox = CropBox { min: [0.0; 3], max: [1.0; 3] };
}

/// How the values along a ray become a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum VolumeMode {
    /// Shaded, front to back.
    Composite {
        /// Which values are seen, how.
        transfer: Arc<TransferFunction>,
        /// Light.
        shading: Shading,
    },
    /// Largest value along the ray through a window.
    Mip {
        /// Modality value → display value.
        window: Window,
        /// White where values are low.
        invert: bool,
    },
}

/// Everything that decides how a volume looks; equal descriptions give equal pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeDraw {
    /// From where.
    pub camera: Camera,
    /// What becomes of the values along a ray.
    pub mode: VolumeMode,
    /// Part that is shown.
    pub crop: CropBox,
    /// Distance of samples along a ray. Half the smallest voxel spacing is good, see [`VolumeDraw::step_for`].
    pub step_mm: f64,
    /// Behind the volume; red, green, blue.
    pub background: [u8; 3],
    /// Share of the target's resolution that is computed, `0.1..=1.0`; below 1 while dragging.
    pub quality: f32,
}

impl VolumeDraw {
    /// The whole volume on black at full quality.
    pub fn new(camera: Camera, mode: VolumeMode, step_mm: f64) -> Self {
        Self { camera, mode, crop: CropBox::WHOLE, step_mm, background: [0; 3], quality: 1.0 }
    }
}
