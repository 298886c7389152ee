//! A volume on the device.
//!
//! Whole 16-bit values are 16-bit normalised texels, which come back exactly and which the hardware can
//! filter; everything else, and every volume on the basic tier, is 32-bit float.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use glam::{DMat4, DVec3};
use medsight_gpu::{MemoryBudget, Reservation, Tier};
use medsight_image::{Bricks, TransferFunction, TransferTable, Volume, Voxels};
use rayon::prelude::*;
use wgpu::{TextureDimension, TextureFormat};

use crate::RenderError;
use crate::pass::{texture_of, view_of};

/// Modality values of one volume; made by [`crate::Renderer::upload_volume`] or
/// [`crate::Renderer::begin_volume`].
#[derive(Debug)]
pub struct VolumeTexture {
    dims: [usize; 3],
    pub(crate) patient_from_voxel: DMat4,
    pub(crate) spacing_mm: DVec3,
    pub(crate) min_max: [f32; 2],
    pub(crate) texture: wgpu::Texture,
    pub(crate) view: wgpu::TextureView,
    /// Modality value = texel · scale + offset.
    pub(crate) value_scale: f32,
    pub(crate) value_offset: f32,
    pub(crate) filterable: bool,
    bricks: Bricks,
    brick_max: Option<wgpu::TextureView>,
    seen: Mutex<Option<Seen>>,
    slices_ready: usize,
    memory: Reservation,
}

/// What depends on the transfer function, kept until another one is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    transfer: Arc<TransferFunction>,
    step_mm: f32,
    pub(crate) empty_bricks: wgpu::TextureView,
    pub(crate) table: wgpu::TextureView,
    pub(crate) range: [f32; 2],
}

impl VolumeTexture {
    pub(crate) fn begin(
        device: &wgpu::Device,
        budget: &MemoryBudget,
        tier: Tier,
        volume: &Volume,
    ) -> Result<Self, RenderError> {
        let dims = [volume.dims[0], volume.dims[1], volume.dims[2]];
        let limit = device.limits().max_texture_dimension_3d;
        let edge = dims.into_iter().max().unwrap_or(0);
        if edge > limit as usize {
            return Err(RenderError::TooLarge { edge, limit });
        }
        let (found, needed) = (volume.voxels.len(), volume.dims.iter().product());
        if found != needed || needed == 0 {
            return Err(RenderError::Length { found, needed });
        }
        let is_16_bit = tier == Tier::Full && matches!(*volume.voxels, Voxels::I16(_));
        let format = if is_16_bit { TextureFormat::R16Unorm } else { TextureFormat::R32Float };
        let texel_bytes = if is_16_bit { 2 } else { 4 };
        let memory = budget.reserve((dims.iter().product::<usize>() * texel_bytes) as u64)?;
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("volume"),
            size: wgpu::Extent3d {
                width: dims[0] as u32,
                height: dims[1] as u32,
                depth_or_array_layers: dims[2] as u32,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D3,
            format,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        Ok(Self {
            dims,
            patient_from_voxel: volume.patient_from_voxel,
            spacing_mm: volume.spacing_mm,
            min_max: volume.min_max,
            view: view_of(&texture),
            texture,
            value_scale: if is_16_bit { 65535.0 } else { 1.0 },
            value_offset: if is_16_bit { -32768.0 } else { 0.0 },
            filterable: is_16_bit || device.features().contains(wgpu::Features::FLOAT32_FILTERABLE),
            bricks: Bricks::new(dims),
            brick_max: None,
            seen: Mutex::new(None),
            slices_ready: 0,
            memory,
        })
    }

    pub(crate) fn put_slices(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        volume: &Volume,
        time: usize,
        slices: Range<usize>,
    ) -> Result<(), RenderError> {
        let slice = self.dims[0] * self.dims[1];
        let first = time * volume.voxels_per_time();
        let (from, to) = (first + slices.start * slice, first + slices.end * slice);
        if slices.end > self.dims[2] || slices.start > slices.end || to > volume.voxels.len() {
            return Err(RenderError::Length { found: volume.voxels.len(), needed: to });
        }
        // A few megabytes at a time: each write passes through a staging buffer of its size.
        let slices_at_once = (8_000_000 / slice).max(1);
        for start in slices.clone().step_by(slices_at_once) {
            let end = (start + slices_at_once).min(slices.end);
            let part = from + (start - slices.start) * slice..from + (end - slices.start) * slice;
            self.write(queue, &self.texels(&volume.voxels, part), start, end - start);
            queue.submit([]);
        }
        self.bricks.update(volume, time, slices.clone());
        self.min_max = volume.min_max;
        self.slices_ready = (self.slices_ready + slices.len()).min(self.dims[2]);
        let highest = self.bricks.ranges().iter().map(|r| (r[1] - self.value_offset) / self.value_scale);
        let highest: Vec<f32> = highest.map(|texel| texel.max(-1e30)).collect();
        let bytes = bytemuck::cast_slice(&highest);
        self.brick_max = Some(self.brick_texture(device, queue, TextureFormat::R32Float, bytes));
        *self.seen.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    fn texels(&self, voxels: &Voxels, part: Range<usize>) -> Vec<u8> {
        match voxels {
            Voxels::I16(v) if self.texture.format() == TextureFormat::R16Unorm => {
                // Adding 32768 is turning the sign bit.
                let shifted: Vec<u16> = v[part].par_iter().map(|x| *x as u16 ^ 0x8000).collect();
                bytemuck::cast_slice(&shifted).to_vec()
            }
            Voxels::I16(v) => {
                let wide: Vec<f32> = v[part].iter().map(|x| f32::from(*x)).collect();
                bytemuck::cast_slice(&wide).to_vec()
            }
            Voxels::F32(v) => bytemuck::cast_slice(&v[part]).to_vec(),
        }
    }

    fn write(&self, queue: &wgpu::Queue, bytes: &[u8], first_slice: usize, slices: usize) {
        let [width, height] = [self.dims[0] as u32, self.dims[1] as u32];
        let row = bytes.len() as u32 / (height * slices as u32);
        queue.write_texture(
            wgpu::TexelCopyTextureInfo {
                origin: wgpu::Origin3d { x: 0, y: 0, z: first_slice as u32 },
                ..self.texture.as_image_copy()
            },
            bytes,
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: Some(height) },
            wgpu::Extent3d { width, height, depth_or_array_layers: slices as u32 },
        );
    }

    fn brick_texture(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        format: TextureFormat,
        bytes: &[u8],
    ) -> wgpu::TextureView {
        let size = self.bricks.dims.map(|n| n as u32);
        view_of(&texture_of(device, queue, "bricks", TextureDimension::D3, format, size, bytes))
    }

    /// Table and empty bricks for a transfer function; made anew only when it or the step changed.
    pub(crate) fn seen(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        transfer: &Arc<TransferFunction>,
        step_mm: f32,
    ) -> Seen {
        let mut kept = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |seen: &&Seen| {
            seen.step_mm == step_mm && (Arc::ptr_eq(&seen.transfer, transfer) || seen.transfer == *transfer)
        };
        if let Some(seen) = kept.as_ref().filter(fits) {
            return seen.clone();
        }
        let table = TransferTable::new(transfer, step_mm);
        let halves: Vec<half::f16> =
            table.entries().iter().flatten().map(|c| half::f16::from_f32(*c)).collect();
        let edge = medsight_image::transfer_table::TABLE as u32;
        let (format, size) = (TextureFormat::Rgba16Float, [edge, edge, 1]);
        let bytes = bytemuck::cast_slice(&halves);
        let table_texture = texture_of(device, queue, "table", TextureDimension::D2, format, size, bytes);
        let empty = self.bricks.empty_distance(transfer);
        let seen = Seen {
            transfer: transfer.clone(),
            step_mm,
            empty_bricks: self.brick_texture(device, queue, TextureFormat::R8Uint, &empty),
            table: view_of(&table_texture),
            range: table.range(),
        };
        *kept = Some(seen.clone());
        seen
    }

    /// Largest value of each brick; `None` before the first slice.
    pub(crate) fn brick_max(&self) -> Option<&wgpu::TextureView> {
        self.brick_max.as_ref()
    }

    /// Voxels along x, y, z.
    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// Slices put so far; the volume can be drawn before all are there.
    pub fn slices_ready(&self) -> usize {
        self.slices_ready
    }

    /// Graphics memory it takes.
    pub fn bytes(&self) -> u64 {
        self.memory.bytes()
    }
}
