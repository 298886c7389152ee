//! Labels of segments on the device, for surfaces in 3D. `label_solids` makes them of labels that are there already.

use medsight_gpu::{MemoryBudget, Reservation};
use medsight_image::{Solids, SolidsLook};
use wgpu::{TextureDimension, TextureFormat};

use crate::RenderError;
use crate::pass::{texture_of, view_of};

/// Labels of the box of a volume; made by [`crate::Renderer::upload_solids`] or [`crate::Renderer::solids_of_labels`].
#[derive(Debug)]
pub struct SolidsTexture {
    /// Cells along x, y and z.
    pub(crate) dims: [u32; 3],
    pub(crate) view: wgpu::TextureView,
    /// For each brick of the volume how far the nearest label is.
    pub(crate) bricks: wgpu::TextureView,
    pub(crate) memory: Reservation,
}

impl SolidsTexture {
    pub(crate) fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        budget: &MemoryBudget,
        solids: &Solids,
    ) -> Result<Self, RenderError> {
        let empty = solids.empty_distance();
        let memory = budget.reserve((solids.labels().len() + empty.len()) as u64)?;
        let texture = |size: [usize; 3], bytes: &[u8]| {
            let (format, size) = (TextureFormat::R8Uint, size.map(|n| n as u32));
            view_of(&texture_of(device, queue, "solids", TextureDimension::D3, format, size, bytes))
        };
        Ok(Self {
            dims: solids.dims().map(|n| n as u32),
            view: texture(solids.dims(), solids.labels()),
            bricks: texture(solids.brick_dims(), &empty),
            memory,
        })
    }

    /// Graphics memory it takes.
    pub fn bytes(&self) -> u64 {
        self.memory.bytes()
    }
}

/// A texel for each of the 256 labels.
pub(crate) fn label_colors(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    look: &SolidsLook,
) -> wgpu::TextureView {
    let mut colors = vec![[0u8; 4]; 256];
    for (texel, color) in colors.iter_mut().zip(&look.colors).skip(1) {
        *texel = *color;
    }
    let (format, bytes) = (TextureFormat::Rgba8Unorm, bytemuck::cast_slice(&colors));
    view_of(&texture_of(device, queue, "label colors", TextureDimension::D2, format, [256, 1, 1], bytes))
}
