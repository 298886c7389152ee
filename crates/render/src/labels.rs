//! Draws labels that are in device memory over a picture: `shaders/labels.wgsl`.

use medsight_gpu::DeviceLabels;
use medsight_image::LabelDraw;
use medsight_image::label_grid::{DASH_PX, EDGE_OPACITY, Edge};

use crate::pass::{Pass, Slot};
use crate::{RenderError, Target, shaders};

/// Mirror of `Labels` in `shaders/labels.wgsl`; a test compares every offset.
#[repr(C)]
#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct LabelsUniform {
    pub(crate) origin: [f32; 3],
    pub(crate) inside: f32,
    pub(crate) right: [f32; 3],
    pub(crate) edge: f32,
    pub(crate) down: [f32; 3],
    pub(crate) dash_px: u32,
    pub(crate) dims: [u32; 3],
    pub(crate) colors: u32,
    pub(crate) size_px: [u32; 2],
    pub(crate) pad_0: u32,
    pub(crate) pad_1: u32,
}

#[derive(Debug)]
pub(crate) struct LabelsPass(Pass);

impl LabelsPass {
    pub(crate) fn new(device: &wgpu::Device) -> Result<Self, RenderError> {
        let slots = [Slot::Uniform, Slot::Storage, Slot::Storage];
        Ok(Self(Pass::new(device, "labels", shaders::LABELS, "fs_main", &slots)?))
    }

    pub(crate) fn draw(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        target: &Target,
        labels: &DeviceLabels,
        look: &LabelDraw,
    ) {
        let [origin, right, down] = look.voxels().map(|v| v.as_vec3().to_array());
        let uniform = LabelsUniform {
            origin,
            // As the twin rounds it.
            inside: (look.fill.clamp(0.0, 1.0) * 255.0).round() / 255.0,
            right,
            edge: f32::from(EDGE_OPACITY) / 255.0,
            down,
            dash_px: match look.edge {
                Edge::Solid => 0,
                Edge::Dashed => DASH_PX as u32,
            },
            dims: labels.dims().map(|n| n as u32),
            colors: look.colors.len() as u32,
            size_px: look.plane.size_px.map(|n| n as u32),
            ..Default::default()
        };
        let mut colors: Vec<u32> = look
            .colors
            .iter()
            .map(|color| color.map_or(0, |[r, g, b]| u32::from_le_bytes([r, g, b, 255])))
            .collect();
        // A buffer of nothing cannot be bound.
        colors.push(0);
        let colors = medsight_gpu::kernel::storage(device, bytemuck::cast_slice(&colors));
        let resources = [labels.buffer().as_entire_binding(), colors.as_entire_binding()];
        self.0.draw(device, queue, target.view(), &uniform, &resources);
    }
}
