//! The pipelines, made once; what is drawn comes with each call.

use std::ops::Range;
use std::sync::OnceLock;

use medsight_gpu::{DeviceLabels, Gpu, MemoryBudget, Tier};
use medsight_image::{
    Frame, LabelDraw, LabelParts, PlaneDraw, Solids, SolidsLook, StackDraw, Volume, VolumeDraw,
};
use wgpu::{BindingResource, TextureViewDimension};

use crate::label_solids::LabelSolids;
use crate::labels::LabelsPass;
use crate::pass::{Canvas, FILTERED, Pass, Slot};
use crate::plane::PlanePass;
use crate::stack::StackPass;
use crate::view::ViewPass;
use crate::{FrameTexture, RenderError, SolidsTexture, Target, VolumeTexture, shaders};

/// Draws into [`Target`]s. One for the device; may be shared between threads.
#[derive(Debug)]
pub struct Renderer {
    device: wgpu::Device,
    queue: wgpu::Queue,
    memory: MemoryBudget,
    tier: Tier,
    stack: StackPass,
    plane: PlanePass,
    view: ViewPass,
    labels: LabelsPass,
    /// Made when the first model leaves labels on the device.
    label_solids: OnceLock<LabelSolids>,
    upscale: Pass,
    linear: wgpu::Sampler,
}

impl Renderer {
    /// Compiles the shaders.
    ///
    /// # Errors
    /// [`RenderError::Shader`] when one does not compile.
    pub fn new(gpu: &Gpu) -> Result<Self, RenderError> {
        let device = &gpu.device;
        let linear = device.create_sampler(&wgpu::SamplerDescriptor {
            label: Some("linear"),
            mag_filter: wgpu::FilterMode::Linear,
            min_filter: wgpu::FilterMode::Linear,
            ..Default::default()
        });
        let upscale = [Slot::Uniform, Slot::Texture(FILTERED, TextureViewDimension::D2), Slot::Sampler];
        Ok(Self {
            stack: StackPass::new(device, &gpu.queue)?,
            plane: PlanePass::new(device)?,
            view: ViewPass::new(device, linear.clone())?,
            labels: LabelsPass::new(device)?,
            label_solids: OnceLock::new(),
            upscale: Pass::new(device, "upscale", shaders::UPSCALE, "fs_main", &upscale)?,
            linear,
            device: device.clone(),
            queue: gpu.queue.clone(),
            memory: gpu.memory.clone(),
            tier: gpu.tier,
        })
    }

    /// Puts a frame on the device.
    ///
    /// # Errors
    /// [`RenderError`] when it is too large or its length is wrong.
    pub fn upload_frame(&self, frame: &Frame) -> Result<FrameTexture, RenderError> {
        FrameTexture::new(&self.device, &self.queue, &self.memory, frame)
    }

    /// Puts the time point of a volume that is seen on the device.
    ///
    /// # Errors
    /// [`RenderError`] when it is too large or its length is wrong.
    pub fn upload_volume(&self, volume: &Volume) -> Result<VolumeTexture, RenderError> {
        let mut texture = self.begin_volume(volume)?;
        self.put_slices(&mut texture, volume, volume.time, 0..volume.dims[2])?;
        Ok(texture)
    }

    /// Takes the memory for a volume; the slices follow by [`Self::put_slices`] as they are decoded.
    ///
    /// # Errors
    /// [`RenderError`] when it is too large.
    pub fn begin_volume(&self, volume: &Volume) -> Result<VolumeTexture, RenderError> {
        VolumeTexture::begin(&self.device, &self.memory, self.tier, volume)
    }

    /// Puts some slices of time point `time` of a volume. Many at a time are quicker than one by one; slices
    /// that were there already are replaced (another time point).
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
        texture.put_slices(&self.device, &self.queue, volume, time, slices)
    }

    /// Draws a stored image. Returns when the work is submitted, not when it is done.
    pub fn draw_stack(&self, target: &Target, frame: &FrameTexture, draw: &StackDraw) {
        self.stack.draw(&self.device, &self.queue, target, frame, draw);
    }

    /// Draws a plane or slab. Returns when the work is submitted, not when it is done.
    pub fn draw_plane(&self, target: &Target, volume: &VolumeTexture, draw: &PlaneDraw) {
        self.at_quality(target, draw.quality, |canvas| {
            self.plane.draw(&self.device, &self.queue, canvas, volume, draw);
        });
    }

    /// Draws labels that are in device memory, transparent where there are none: colours are multiplied by their opacity.
    /// Returns when the work is submitted, not when it is done.
    pub fn draw_labels(&self, target: &Target, labels: &DeviceLabels, look: &LabelDraw) {
        self.labels.draw(&self.device, &self.queue, target, labels, look);
    }

    /// Puts the labels of segments on the device.
    ///
    /// # Errors
    /// [`RenderError::Memory`] when there is no room.
    pub fn upload_solids(&self, solids: &Solids) -> Result<SolidsTexture, RenderError> {
        SolidsTexture::new(&self.device, &self.queue, &self.memory, solids)
    }

    /// Labels that are in device memory as solids in the box of a volume, over what is shown `beneath` them there. Returns when
    /// the work is submitted: what is drawn later sees them.
    ///
    /// # Errors
    /// [`RenderError::Memory`] when there is no room, [`RenderError::Length`] when what is beneath was made for another volume.
    pub fn solids_of_labels(
        &self,
        volume: &VolumeTexture,
        labels: &DeviceLabels,
        parts: &LabelParts,
        beneath: Option<&SolidsTexture>,
    ) -> Result<SolidsTexture, RenderError> {
        let make = match self.label_solids.get() {
            Some(make) => make,
            None => {
                let made = LabelSolids::new(&self.device, &self.queue, &self.memory)?;
                self.label_solids.get_or_init(|| made)
            }
        };
        make.make(volume, labels, parts, beneath)
    }

    /// Draws a volume in 3D. Returns when the work is submitted, not when it is done.
    pub fn draw_volume(&self, target: &Target, volume: &VolumeTexture, draw: &VolumeDraw) {
        self.draw_volume_with(target, volume, None, draw);
    }

    /// As [`Self::draw_volume`], with surfaces that are on the device. What is in `draw.solids` is not looked at: that is for
    /// who puts it there.
    pub fn draw_volume_with(
        &self,
        target: &Target,
        volume: &VolumeTexture,
        solids: Option<(&SolidsTexture, &SolidsLook)>,
        draw: &VolumeDraw,
    ) {
        self.at_quality(target, draw.quality, |canvas| {
            self.view.draw(&self.device, &self.queue, canvas, volume, solids, draw);
        });
    }

    /// Draws into the target, or into a smaller picture that is then stretched over it.
    fn at_quality(&self, target: &Target, quality: f32, draw: impl Fn(&Canvas<'_>)) {
        let full = target.size_px();
        if quality >= 1.0 {
            return draw(&Canvas { view: target.view(), size_px: full, scale: [1.0; 2] });
        }
        let part = quality.clamp(0.1, 1.0);
        let size_px = full.map(|edge| ((edge as f32 * part).round() as u32).max(1));
        let small = Target::of_size(&self.device, size_px);
        let scale = [0, 1].map(|i| f64::from(full[i]) / f64::from(size_px[i]));
        draw(&Canvas { view: small.view(), size_px, scale });
        let uniform = full.map(|edge| 1.0 / edge as f32);
        let resources = [BindingResource::TextureView(small.view()), BindingResource::Sampler(&self.linear)];
        self.upscale.draw(&self.device, &self.queue, target.view(), &uniform, &resources);
    }
}
