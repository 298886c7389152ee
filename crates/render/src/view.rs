//! Draws a volume in 3D: `shaders/volume.wgsl`.

use medsight_image::raycast::{JITTER, Rays};
use medsight_image::{SolidsLook, VoiFunction, VolumeDraw, VolumeMode, Window};
use wgpu::{BindingResource, TextureSampleType, TextureViewDimension};

use crate::pass::{Canvas, FILTERED, Pass, Slot, UNFILTERED};
use crate::solids::{SolidsTexture, label_colors};
use crate::stack::{color, window_uniform};
use crate::{RenderError, VolumeTexture, shaders};

/// Mirror of `View` in `shaders/volume.wgsl`; a test compares every offset.
#[repr(C)]
#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct ViewUniform {
    pub(crate) corner: [f32; 3],
    pub(crate) step_mm: f32,
    pub(crate) right: [f32; 3],
    pub(crate) mm_per_px: f32,
    pub(crate) down: [f32; 3],
    pub(crate) eye_distance_mm: f32,
    pub(crate) forward: [f32; 3],
    pub(crate) jitter: f32,
    pub(crate) crop_min: [f32; 3],
    pub(crate) value_scale: f32,
    pub(crate) crop_max: [f32; 3],
    pub(crate) value_offset: f32,
    pub(crate) dims: [f32; 3],
    pub(crate) table_low: f32,
    pub(crate) background: [f32; 3],
    pub(crate) table_high: f32,
    pub(crate) center_px: [f32; 2],
    pub(crate) ambient: f32,
    pub(crate) diffuse: f32,
    pub(crate) specular: f32,
    pub(crate) shininess: f32,
    pub(crate) window_center: f32,
    pub(crate) window_width: f32,
    pub(crate) voi_function: u32,
    pub(crate) invert: u32,
    pub(crate) mip_low: f32,
    pub(crate) mip_high: f32,
    pub(crate) nothing_below: f32,
    pub(crate) volume_share: f32,
    pub(crate) pad_1: u32,
    pub(crate) pad_2: u32,
    pub(crate) normal_x: [f32; 4],
    pub(crate) normal_y: [f32; 4],
    pub(crate) normal_z: [f32; 4],
}

#[derive(Debug)]
struct Pair {
    composite: Pass,
    surfaces: Pass,
    mip: Pass,
}

#[derive(Debug)]
pub(crate) struct ViewPass {
    hardware: Pair,
    manual: Pair,
    sampler: wgpu::Sampler,
}

impl ViewPass {
    pub(crate) fn new(device: &wgpu::Device, sampler: wgpu::Sampler) -> Result<Self, RenderError> {
        Ok(Self {
            hardware: Pair::new(device, shaders::VOLUME, FILTERED)?,
            manual: Pair::new(device, &shaders::volume_with_manual_sampling(), UNFILTERED)?,
            sampler,
        })
    }

    /// Nothing is drawn before the first slice is there.
    pub(crate) fn draw(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        canvas: &Canvas<'_>,
        volume: &VolumeTexture,
        solids: Option<(&SolidsTexture, &SolidsLook)>,
        draw: &VolumeDraw,
    ) {
        let view = canvas.view;
        let Some(brick_max) = volume.brick_max() else { return };
        let passes = if volume.filterable { &self.hardware } else { &self.manual };
        let mut uniform = uniform(canvas, volume, draw);
        let sampler = || BindingResource::Sampler(&self.sampler);
        let voxels = || BindingResource::TextureView(&volume.view);
        match &draw.mode {
            VolumeMode::Mip { window, invert } => {
                (uniform.window_center, uniform.window_width, uniform.voi_function) = window_uniform(window);
                [uniform.mip_low, uniform.mip_high] = window_ends(window, volume.min_max);
                uniform.invert = u32::from(*invert);
                let resources = [voxels(), sampler(), BindingResource::TextureView(brick_max)];
                passes.mip.draw(device, queue, view, &uniform, &resources);
            }
            VolumeMode::Composite { transfer, shading } => {
                let seen = volume.seen(device, queue, transfer, uniform.step_mm);
                [uniform.table_low, uniform.table_high] = seen.range;
                // The table's first entry, if it is transparent; else no coordinate is low enough.
                let first_entry = 0.5 / medsight_image::transfer_table::TABLE as f32;
                uniform.nothing_below = if transfer.at(seen.range[0]).1 == 0.0 { first_entry } else { -1.0 };
                (uniform.ambient, uniform.diffuse) = (shading.ambient, shading.diffuse);
                (uniform.specular, uniform.shininess) = (shading.specular, shading.shininess);
                let (empty, table) = (&seen.empty_bricks, &seen.table);
                let flat = [empty, table].map(BindingResource::TextureView);
                let mut resources = vec![voxels(), sampler()];
                resources.extend(flat);
                let Some((solids, look)) = solids else {
                    return passes.composite.draw(device, queue, view, &uniform, &resources);
                };
                uniform.volume_share = look.volume_share;
                let colors = label_colors(device, queue, look);
                resources.extend([&solids.view, &colors, &solids.bricks].map(BindingResource::TextureView));
                passes.surfaces.draw(device, queue, view, &uniform, &resources);
            }
        }
    }
}

impl Pair {
    fn new(device: &wgpu::Device, source: &str, voxels: TextureSampleType) -> Result<Self, RenderError> {
        let texture = |kind, dimension| Slot::Texture(kind, dimension);
        let (flat, solid) = (TextureViewDimension::D2, TextureViewDimension::D3);
        let composite = [
            Slot::Uniform,
            texture(voxels, solid),
            Slot::Sampler,
            texture(TextureSampleType::Uint, solid),
            texture(FILTERED, flat),
        ];
        let surfaces = [
            Slot::Uniform,
            texture(voxels, solid),
            Slot::Sampler,
            texture(TextureSampleType::Uint, solid),
            texture(FILTERED, flat),
            texture(TextureSampleType::Uint, solid),
            texture(FILTERED, flat),
            texture(TextureSampleType::Uint, solid),
        ];
        let mip = [Slot::Uniform, texture(voxels, solid), Slot::Sampler, texture(UNFILTERED, solid)];
        Ok(Self {
            composite: Pass::new(device, "composite", source, "fs_composite", &composite)?,
            surfaces: Pass::new(device, "surfaces", source, "fs_surfaces", &surfaces)?,
            mip: Pass::new(device, "mip", source, "fs_mip", &mip)?,
        })
    }
}

/// Values at which the window reaches its ends: below and above nothing changes in the picture. The
/// sigmoid never reaches them.
fn window_ends(window: &Window, min_max: [f32; 2]) -> [f32; 2] {
    let [min, max] = min_max;
    let half = window.width() / 2.0;
    let (center, half) = match window.function() {
        VoiFunction::Sigmoid => return [min, max],
        VoiFunction::LinearExact => (window.center(), half),
        VoiFunction::Linear => (window.center() - 0.5, half - 0.5),
    };
    [(center - half) as f32, (center + half) as f32 + f32::EPSILON * center.abs() as f32]
}

fn uniform(canvas: &Canvas<'_>, volume: &VolumeTexture, draw: &VolumeDraw) -> ViewUniform {
    let mut camera = draw.camera;
    camera.mm_per_px *= canvas.scale[0];
    let size = canvas.size_px.map(f64::from);
    let rays = Rays::new(volume.patient_from_voxel, volume.dims(), &camera, size);
    let [normal_x, normal_y, normal_z] = rays.screen_from_gradient.map(|v| v.extend(0.0).to_array());
    ViewUniform {
        corner: rays.corner.to_array(),
        step_mm: draw.step_within(volume.spacing_mm) as f32,
        right: rays.right.to_array(),
        mm_per_px: camera.mm_per_px as f32,
        down: rays.down.to_array(),
        eye_distance_mm: camera.eye_distance_mm.unwrap_or(0.0) as f32,
        forward: rays.forward.to_array(),
        jitter: JITTER,
        crop_min: draw.crop.min,
        value_scale: volume.value_scale,
        crop_max: draw.crop.max,
        value_offset: volume.value_offset,
        dims: volume.dims().map(|n| n as f32),
        background: color(draw.background),
        center_px: size.map(|edge| edge as f32 / 2.0),
        normal_x,
        normal_y,
        normal_z,
        ..Default::default()
    }
}
