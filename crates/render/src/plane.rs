//! Draws a plane or slab through a volume: `shaders/plane.wgsl`.

use medsight_image::{Interpolation, PlaneDraw, Projection};
use wgpu::TextureViewDimension;

use crate::pass::{Canvas, Pass, Slot, UNFILTERED};
use crate::stack::{color, window_uniform};
use crate::{RenderError, VolumeTexture, shaders};

/// Mirror of `Plane` in `shaders/plane.wgsl`; a test compares every offset.
#[repr(C)]
#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct PlaneUniform {
    pub(crate) corner: [f32; 3],
    pub(crate) samples: u32,
    pub(crate) right: [f32; 3],
    pub(crate) projection: u32,
    pub(crate) down: [f32; 3],
    pub(crate) nearest: u32,
    pub(crate) slab_step: [f32; 3],
    pub(crate) invert: u32,
    pub(crate) dims: [f32; 3],
    pub(crate) window_center: f32,
    pub(crate) background: [f32; 3],
    pub(crate) window_width: f32,
    pub(crate) voi_function: u32,
    pub(crate) value_scale: f32,
    pub(crate) value_offset: f32,
    pub(crate) pad_0: u32,
}

#[derive(Debug)]
pub(crate) struct PlanePass(Pass);

impl PlanePass {
    pub(crate) fn new(device: &wgpu::Device) -> Result<Self, RenderError> {
        let slots = [Slot::Uniform, Slot::Texture(UNFILTERED, TextureViewDimension::D3)];
        Ok(Self(Pass::new(device, "plane", shaders::PLANE, "fs_main", &slots)?))
    }

    pub(crate) fn draw(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        canvas: &Canvas<'_>,
        volume: &VolumeTexture,
        draw: &PlaneDraw,
    ) {
        let uniform = uniform(canvas.scale, volume, draw);
        self.0.draw(
            device,
            queue,
            canvas.view,
            &uniform,
            &[wgpu::BindingResource::TextureView(&volume.view)],
        );
    }
}

fn uniform(scale: [f64; 2], volume: &VolumeTexture, draw: &PlaneDraw) -> PlaneUniform {
    let voxel_from_patient = volume.patient_from_voxel.inverse();
    let along = |v: glam::DVec3| voxel_from_patient.transform_vector3(v).as_vec3().to_array();
    let (samples, step_mm) = draw.slab_samples(volume.spacing_mm);
    let (window_center, window_width, voi_function) = window_uniform(&draw.window);
    PlaneUniform {
        corner: voxel_from_patient.transform_point3(draw.origin_mm).as_vec3().to_array(),
        samples,
        right: along(draw.right_mm_per_px * scale[0]),
        projection: match draw.projection {
            Projection::Mip => 0,
            Projection::MinIp => 1,
            Projection::Mean => 2,
        },
        down: along(draw.down_mm_per_px * scale[1]),
        nearest: u32::from(draw.interpolation == Interpolation::Nearest),
        slab_step: along(draw.normal() * step_mm),
        invert: u32::from(draw.invert),
        dims: volume.dims().map(|n| n as f32),
        window_center,
        background: color(draw.background),
        window_width,
        voi_function,
        value_scale: volume.value_scale,
        value_offset: volume.value_offset,
        pad_0: 0,
    }
}
