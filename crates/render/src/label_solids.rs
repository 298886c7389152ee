//! Solids of labels that are in device memory, made there: `shaders/solids.wgsl`. What a model has just found is seen in 3D before
//! the processor has it. Its twin on the processor is [`medsight_image::Solids::with_labels`].

use medsight_gpu::kernel::{Kernel, KernelError, flat_groups, storage, uniform, zeros};
use medsight_gpu::{DeviceLabels, MemoryBudget};
use medsight_image::bricks::BRICK;
use medsight_image::{LabelParts, Solids};
use wgpu::{BindingResource, TextureDimension, TextureFormat};

use crate::pass::{empty_texture, view_of};
use crate::{RenderError, SolidsTexture, VolumeTexture, shaders};

/// Mirror of `Cells` in `shaders/solids.wgsl`; a test compares every offset.
#[repr(C)]
#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct CellsUniform {
    pub(crate) row_x: [f32; 4],
    pub(crate) row_y: [f32; 4],
    pub(crate) row_z: [f32; 4],
    pub(crate) label_dims: [u32; 3],
    pub(crate) parts: u32,
    pub(crate) dims: [u32; 3],
    pub(crate) row_words: u32,
    pub(crate) voxels: [u32; 3],
    pub(crate) has_beneath: u32,
    pub(crate) bricks: [u32; 3],
    pub(crate) brick_words: u32,
}

/// The steps, and where they are done.
#[derive(Debug)]
pub(crate) struct LabelSolids {
    device: wgpu::Device,
    queue: wgpu::Queue,
    memory: MemoryBudget,
    place_cells: Kernel,
    find_bricks: Kernel,
    near_x: Kernel,
    near_y: Kernel,
    near_z: Kernel,
}

impl LabelSolids {
    pub(crate) fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        memory: &MemoryBudget,
    ) -> Result<Self, KernelError> {
        let kernel = |entry| Kernel::new(device, "solids", shaders::SOLIDS, entry);
        Ok(Self {
            device: device.clone(),
            queue: queue.clone(),
            memory: memory.clone(),
            place_cells: kernel("place_cells")?,
            find_bricks: kernel("find_bricks")?,
            near_x: kernel("near_x")?,
            near_y: kernel("near_y")?,
            near_z: kernel("near_z")?,
        })
    }

    /// Labels in the box of a volume, over what is shown `beneath` them in the same one.
    pub(crate) fn make(
        &self,
        volume: &VolumeTexture,
        labels: &DeviceLabels,
        parts: &LabelParts,
        beneath: Option<&SolidsTexture>,
    ) -> Result<SolidsTexture, RenderError> {
        let (device, voxels) = (&self.device, volume.dims());
        let dims = Solids::dims_of(voxels);
        let (cells, bricks) = (dims.map(|n| n as u32), voxels.map(|n| n.div_ceil(BRICK) as u32));
        if let Some(beneath) = beneath.filter(|beneath| beneath.dims != cells) {
            let count = |dims: [u32; 3]| dims.into_iter().map(|n| n as usize).product();
            return Err(RenderError::Length { found: count(beneath.dims), needed: count(cells) });
        }
        let (row_words, brick_words) = (row_words(cells[0]), row_words(bricks[0]));
        let count = |[x, y, z]: [u32; 3]| u64::from(x) * u64::from(y) * u64::from(z);
        let memory = self.memory.reserve(count(cells) + count(bricks))?;
        let to_voxel =
            parts.voxel_from_patient * volume.patient_from_voxel * Solids::voxel_from_cell(voxels, dims);
        let [row_x, row_y, row_z] = [0, 1, 2].map(|row| to_voxel.row(row).as_vec4().to_array());
        let constants = CellsUniform {
            row_x,
            row_y,
            row_z,
            label_dims: labels.dims().map(|n| n as u32),
            parts: parts.parts.len() as u32,
            dims: cells,
            row_words,
            voxels: voxels.map(|n| n as u32),
            has_beneath: u32::from(beneath.is_some()),
            bricks,
            brick_words,
        };
        let constants = uniform(device, bytemuck::bytes_of(&constants));
        // A buffer of nothing cannot be bound.
        let numbers: Vec<u32> = parts.parts.iter().map(|part| u32::from(*part)).chain([0]).collect();
        let numbers = storage(device, bytemuck::cast_slice(&numbers));
        let cell_words = count([row_words, cells[1], cells[2]]);
        let near_words = count([brick_words, bricks[1], bricks[2]]);
        let placed = zeros(device, "cells", cell_words * 4);
        let [here, there] = [0, 1].map(|_| zeros(device, "bricks", count(bricks) * 4));
        let near = zeros(device, "near", near_words * 4);
        let texture =
            |size| empty_texture(device, "solids", TextureDimension::D3, TextureFormat::R8Uint, size);
        let nothing = view_of(&texture([1; 3]));
        let (solids, empty) = (texture(cells), texture(bricks));

        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let resources = [
            constants.as_entire_binding(),
            labels.buffer().as_entire_binding(),
            numbers.as_entire_binding(),
            placed.as_entire_binding(),
            BindingResource::TextureView(beneath.map_or(&nothing, |beneath| &beneath.view)),
        ];
        self.place_cells.run(device, &mut encoder, &resources, flat_groups(cell_words));
        let steps = [
            (&self.find_bricks, &placed, &here, count(bricks)),
            (&self.near_x, &here, &there, count(bricks)),
            (&self.near_y, &there, &here, count(bricks)),
            (&self.near_z, &here, &near, near_words),
        ];
        for (kernel, from, to, work) in steps {
            let resources = [&constants, from, to].map(wgpu::Buffer::as_entire_binding);
            kernel.run(device, &mut encoder, &resources, flat_groups(work));
        }
        copy(&mut encoder, &placed, row_words, &solids);
        copy(&mut encoder, &near, brick_words, &empty);
        self.queue.submit([encoder.finish()]);
        Ok(SolidsTexture { dims: cells, view: view_of(&solids), bricks: view_of(&empty), memory })
    }
}

/// Words in a row of so many bytes, as a copy to a texture wants rows.
fn row_words(bytes: u32) -> u32 {
    bytes.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT) / 4
}

fn copy(encoder: &mut wgpu::CommandEncoder, from: &wgpu::Buffer, row_words: u32, to: &wgpu::Texture) {
    let layout = wgpu::TexelCopyBufferLayout {
        offset: 0,
        bytes_per_row: Some(row_words * 4),
        rows_per_image: Some(to.height()),
    };
    let from = wgpu::TexelCopyBufferInfo { buffer: from, layout };
    encoder.copy_buffer_to_texture(from, to.as_image_copy(), to.size());
}
