//! The pipelines, made once; what is drawn comes with each call.

use std::ops::Range;

use medsight_gpu::Gpu;
use medsight_image::{Frame, PlaneDraw, StackDraw, Volume, VolumeDraw};

use crate::{FrameTexture, RenderError, Target, VolumeTexture};

/// Draws into [`Target`]s. One for the device; may be shared between threads.
pub struct Renderer {}

impl Renderer {
    /// Compiles the shaders.
    ///
    /// # Errors
    /// [`RenderError::Shader`] when one does not compile.
    pub fn new(gpu: &Gpu) -> Result<Self, RenderError> {
        unimplemented!()
    }

    /// Puts a frame on the device.
    ///
    /// # Errors
    /// [`RenderError`] when it is too large or its length is wrong.
    pub fn upload_frame(&self, frame: &Frame) -> Result<FrameTexture, RenderError> {
        unimplemented!()
    }

    /// Puts the first time point of a volume on the device.
    ///
    /// # Errors
    /// [`RenderError`] when it is too large or its length is wrong.
    pub fn upload_volume(&self, volume: &Volume) -> Result<VolumeTexture, RenderError> {
        unimplemented!()
    }

    /// Takes the memory for a volume; the slices follow by [`Self::put_slices`] as they are decoded.
    ///
    /// # Errors
    /// [`RenderError`] when it is too large.
    pub fn begin_volume(&self, volume: &Volume) -> Result<VolumeTexture, RenderError> {
        unimplemented!()
    }

    /// Puts some slices of time point `time` of a volume; from index 0 to the last they must all come once.
    ///
    /// # Errors
    /// [`RenderError::Length`] when the volume does not hold the slices.
    pub fn put_slices(
        &self,
        texture: &mut VolumeTexture,
        volume: &Volume,
        time: usize,
        slices: Range<usize>,
    ) -> Result<(), RenderError> {
        unimplemented!()
    }

    /// Draws a stored image. Returns when the work is submitted, not when it is done.
    pub fn draw_stack(&self, target: &Target, frame: &FrameTexture, draw: &StackDraw) {
        unimplemented!()
    }

    /// Draws a plane or slab. Returns when the work is submitted, not when it is done.
    pub fn draw_plane(&self, target: &Target, volume: &VolumeTexture, draw: &PlaneDraw) {
        unimplemented!()
    }

    /// Draws a volume in 3D. Returns when the work is submitted, not when it is done.
    pub fn draw_volume(&self, target: &Target, volume: &VolumeTexture, draw: &VolumeDraw) {
        unimplemented!()
    }
}
